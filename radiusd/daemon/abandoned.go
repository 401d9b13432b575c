package daemon

import (
	"fmt"
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

// abandonedFor says why a device left. One that had been told no left for that,
// whatever the stage.
func (t *conversation) abandonedFor() error {
	if t.home == nil {
		return abandonedAt("")
	}
	trace := t.home.Trace()
	if trace.Told != nil {
		return fmt.Errorf("the device left after it was told: %w", trace.Told)
	}
	return fmt.Errorf("after %d answers, at the stage %q: %w", trace.Rounds, trace.Stage, abandonedAt(trace.Stage))
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
