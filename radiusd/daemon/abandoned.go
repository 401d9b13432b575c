package daemon

import (
	"fmt"
	"strings"
	"time"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// Why a device fell silent, as far as we can tell from where it did.
const (
	errAbandoned        realms.Reason = "abandoned"
	errBeforeIdentity   realms.Reason = "abandoned-before-identity"
	errAfterIdentity    realms.Reason = "abandoned-after-identity"
	errAfterCertificate realms.Reason = "abandoned-after-certificate"
	errAfterFragment    realms.Reason = "abandoned-after-fragment" // of ours
	errInFragment       realms.Reason = "abandoned-in-fragment"    // of its own
	errInInner          realms.Reason = "abandoned-in-inner"
	errAfterSuccess     realms.Reason = "abandoned-after-success"
	errBeganAgain       realms.Reason = "abandoned-began-again"
	errUpstream         realms.Reason = "abandoned-upstream"
	errUpstreamSilent   realms.Reason = "abandoned-upstream-silent"
)

// stages says what it means that a supplicant fell silent: the first row whose
// words begin the stage of its conversation, and whose method is its method. The
// stages are those that eap and upstream write in a Trace; a test holds the two
// together.
var stages = []struct {
	begins string
	method string // empty: any
	reason realms.Reason
}{
	{"asked for the identity", "", errBeforeIdentity},
	{"identity received", "", errAfterIdentity},
	{"method ", "", errAfterIdentity},
	{"waiting for a fragment", "", errInFragment},
	{"certificate sent", "", errAfterCertificate},
	{"handshake done", "tls", errAfterSuccess}, // what is due is an acknowledgement
	{"handshake done", "", errInInner},
	{"success promised", "", errAfterSuccess},

	// Inside a tunnel. In a TEAP chain another question follows a method's success.
	{"inner waiting for a fragment", "", errInFragment},
	{"inner handshake done", "teap", errInInner},
	{"inner handshake done", "", errAfterSuccess},
	{"inner success sent", "teap", errInInner},
	{"inner success ", "", errAfterSuccess}, // sent, or promised
	{"inner result sent", "", errAfterSuccess},
	{"inner ", "", errInInner},

	// Behind another organisation's server.
	{"waiting for the supplicant", "", errUpstream},
	{"waiting for ", "", errUpstreamSilent},

	// Nobody is left waiting here: the device was told no, and Trace.Told says why,
	// or the end was answered at once.
	{"inner failure sent", "", errAbandoned},
	{"alert sent", "", errAbandoned},
	{"password received", "", errAbandoned},
	{"accepted", "", errAbandoned},
	{"rejected", "", errAbandoned},
	{"refused by us", "", errAbandoned},
	{"not sent yet", "", errAbandoned},
	{"nothing yet", "", errAbandoned},
}

// atStage turns the stage at which a conversation stopped into a reason.
func atStage(stage, method string) realms.Reason {
	for _, s := range stages {
		if strings.HasPrefix(stage, s.begins) && (s.method == "" || s.method == method) {
			return s.reason
		}
	}
	return errAbandoned
}

// lateAnswer is when a controller that got no answer repeats itself, and after which
// a device may have gone.
const lateAnswer = 5 * time.Second

// abandonedFor says why a device left. One that had been told no left for that,
// whatever the stage; and one that came further when it tried again was not held up
// by where it stopped.
func (d *Daemon) abandonedFor(t *conversation) error {
	if t.home == nil {
		return errAbandoned
	}
	trace := t.home.Trace()
	if trace.Told != nil {
		return fmt.Errorf("the device left after it was told: %w", trace.Told)
	}
	next := d.talks.nextTry(t)
	reason := atStage(trace.Stage, trace.Method)
	switch {
	case next.joined || next.rounds > trace.Rounds:
		reason = errBeganAgain
	case t.last.part:
		reason = errAfterFragment
	case reason == errUpstream && t.last.took >= lateAnswer:
		reason = errUpstreamSilent
	}
	return fmt.Errorf("after %s, at the stage %q; %s%s: %w", answers(trace.Rounds), trace.Stage, t.last, next, reason)
}

func answers(n int) string {
	if n == 1 {
		return "1 answer"
	}
	return fmt.Sprintf("%d answers", n)
}

// A question is the message to a device that it has not answered yet.
type question struct {
	eap      []byte
	packet   int           // octets of the RADIUS packet that carried it
	part     bool          // of a long message, and more is to come
	took     time.Duration // how long the request waited for it
	answered int           // octets of the longest EAP message that the device did answer
}

// asks is the next question, once the one before has been answered.
func (q question) asks(eap []byte, packet int, took time.Duration) question {
	return question{eap: eap, packet: packet, part: partOfMore(eap), took: took, answered: max(q.answered, len(q.eap))}
}

// String says the sizes: what is lost on the way is lost by its size, if smaller
// ones get through.
func (q question) String() string {
	text := fmt.Sprintf("its last message has %d octets, %d with RADIUS", len(q.eap), q.packet)
	if q.answered > 0 {
		text += fmt.Sprintf("; the longest that was answered had %d", q.answered)
	}
	if q.took >= lateAnswer {
		text += fmt.Sprintf("; it came after %d s", int(q.took.Seconds()))
	}
	return text
}

// partOfMore tells a fragment that more fragments follow (RFC 5216, section 3.1; TTLS,
// PEAP and TEAP have the same flag). Such a part is acknowledged, and nobody can
// object to what is in it.
func partOfMore(eap []byte) bool {
	p, err := packet.Parse(eap)
	if err != nil || p.Code != packet.Request || len(p.Data) == 0 {
		return false
	}
	switch p.Type {
	case packet.TLS, packet.TTLS, packet.PEAP, packet.TEAP:
		return p.Data[0]&packet.FlagMore != 0
	}
	return false
}
