package daemon

import (
	"strings"

	"causeway/realms"
)

// stages says what it means that a supplicant fell silent: the first row whose
// words begin the stage of its conversation. The stages are those that eap
// and upstream write in a Trace.
var stages = []struct {
	begins string
	reason realms.Reason
}{
	{"asked for the identity", "abandoned-before-identity"},
	{"identity received", "abandoned-after-identity"},
	{"method ", "abandoned-after-identity"},
	{"certificate sent", "abandoned-after-certificate"},
	{"waiting for the supplicant", "abandoned-upstream"},
	{"waiting for a fragment", "abandoned-in-fragment"},
	{"handshake done", "abandoned-in-inner"},
	{"inner ", "abandoned-in-inner"},
	{"waiting for ", "abandoned-upstream-silent"},
}

// abandonedAt turns the stage at which a conversation stopped into a reason.
func abandonedAt(stage string) error {
	for _, s := range stages {
		if strings.HasPrefix(stage, s.begins) {
			return s.reason
		}
	}
	return realms.Reason("abandoned")
}
