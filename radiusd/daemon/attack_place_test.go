package daemon

import (
	"strings"
	"sync"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/eap/packet"
	"causeway/radiusd/supplicant"
	"causeway/radiusd/transport"
)

const (
	nurseName = "nurse@northbridge.nhs.uk"
	idleTown  = "127.0.0.1:9" // an upstream that nobody asks
)

// Holds R8, R10 and R15: however our realm is spelt, its people are answered at
// home or by nobody; no upstream sees the name.
func TestAttackSpellingsOfOurRealm(t *testing.T) {
	var mu sync.Mutex
	var left []string
	town := startTown(t, pretend(t, func(req *radius.Packet) *radius.Packet {
		mu.Lock()
		defer mu.Unlock()
		left = append(left, userName(req))
		return req.Response(radius.CodeAccessReject)
	}))
	r := rogueAt(t, "127.0.0.1", town.address)
	for user, want := range map[string]string{
		"nurse@NorthBridge.nhs.uk":                       "challenge",
		"nurse@northbridge.nhs.uK":                       "challenge",
		"nurse@northbridge.nhs.uk.":                      "realm-malformed",
		"nurse@.northbridge.nhs.uk":                      "realm-malformed",
		"nurse@northbridge..nhs.uk":                      "realm-malformed",
		"nurse@n\u043erthbridge.nhs.uk":                  "realm-malformed", // a Cyrillic o
		"nurse@northbridge.nhs.u\u212a":                  "realm-malformed", // the Kelvin sign
		"nurse@northbridge\u3002nhs.uk":                  "realm-malformed", // an ideographic full stop
		"nurse@northbridge.nhs.uk\x00":                   "realm-malformed",
		" nurse@northbridge.nhs.uk":                      "realm-malformed",
		"nurse@camford.ac.uk@northbridge.nhs.uk":         "realm-malformed",
		"nurse@northbridge.nhs.uk@camford.ac.uk":         "realm-malformed",
		"nurse@ward7.northbridge.nhs.uk":                 "own-subrealm-unknown",
		"nurse@a.students.northbridge.nhs.uk":            "own-subrealm-unknown",
		"host/pc01.camford.ac.uk":                        "realm-blocklisted",
		"nurse":                                          "realm-missing",
		"":                                               "realm-missing",
		strings.Repeat("n", 230) + "@northbridge.nhs.uk": "challenge",
	} {
		for _, called := range []string{onStaff, onEduroam} {
			got := say(r.ask(t, r.identify(user, called, user)))
			if got == "reject" {
				got = town.event(t).Reason
			}
			if got != want {
				t.Errorf("%q on %s: %s, want %s", user, called, got, want)
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(left) > 0 {
		t.Errorf("these names left the house: %q", left)
	}
}

// Holds S16 and F13, over the wire: a State is good from the client that was
// given it, while the conversation lasts.
func TestAttackStates(t *testing.T) {
	town := startTown(t, idleTown)
	owner := rogueAt(t, "127.0.0.1", town.address)
	state := owner.ask(t, owner.identify(nurseName, onStaff, nurseName)).Get(rfc2865.State_Type)
	flipped := append(radius.Attribute(nil), state...)
	flipped[0] ^= 1
	for name, theft := range map[string]struct {
		from  string
		state radius.Attribute
	}{
		"another controller": {"127.0.0.2", state}, "a federation's proxy": {"127.0.0.3", state},
		"a State that was made up": {"127.0.0.1", flipped}, "a longer State": {"127.0.0.1", append(flipped, 0)},
		"an empty State": {"127.0.0.1", nil},
	} {
		thief := rogueAt(t, theft.from, town.address)
		p := thief.identify(nurseName, onStaff, nurseName)
		p.Add(rfc2865.State_Type, theft.state)
		if got, e := say(thief.ask(t, p)), town.event(t); got != "reject" || e.Reason != "conversation-unknown" {
			t.Errorf("%s: %s, %s", name, got, e.Reason)
		}
	}

	var last *radius.Packet
	reply := owner.carry(t, town.peer(t, nil), nurseName, onStaff, func(_ int, p *radius.Packet) { last = p })
	if e := town.event(t); say(reply) != "accept 110" || e.Reason != "" {
		t.Fatalf("the nurse: %s, %s", say(reply), e.Reason)
	}
	last.Attributes = last.Attributes[1:] // it is signed again
	if got, e := say(owner.ask(t, last)), town.event(t); got != "reject" || e.Reason != "conversation-unknown" {
		t.Errorf("the last request again, after Accept: %s, %s", got, e.Reason)
	}
}

// Holds R10: the realm is chosen once. A name that changes in mid-conversation
// changes neither who answers nor what the Accept and the log say.
func TestAttackNameChangesInMidConversation(t *testing.T) {
	town := startTown(t, idleTown)
	r := rogueAt(t, "127.0.0.1", town.address)
	for _, name := range []string{"x@camford.ac.uk", studentName, "", "porter@northbridge.nhs.uk", "x\r\ny"} {
		reply := r.carry(t, town.peer(t, nil), nurseName, onStaff, func(round int, p *radius.Packet) {
			if round > 2 {
				set(p, rfc2865.UserName_Type, name)
			}
		})
		e := town.event(t)
		if got := userName(reply); say(reply) != "accept 110" || got != nurseName || e.Outer != nurseName || e.Route != "trust" {
			t.Errorf("%q: %s for %q, logged as %q by %s", name, say(reply), got, e.Outer, e.Route)
		}
	}
}

// Holds R4, R5 and S8: the name inside EAP is the one that was routed by.
func TestAttackIdentityIsNotTheUserName(t *testing.T) {
	town := startTown(t, idleTown)
	r := rogueAt(t, "127.0.0.1", town.address)
	for _, identity := range []string{"porter@northbridge.nhs.uk", studentName, "x@camford.ac.uk", "", nurseName + "\x00"} {
		got := say(r.ask(t, r.identify(nurseName, onStaff, identity)))
		if e := town.event(t); got != "reject" || e.Reason != "outer-inner-mismatch" {
			t.Errorf("%q beside %q: %s, %s", identity, nurseName, got, e.Reason)
		}
	}
	for inner, reason := range map[string]string{
		"porter@camford.ac.uk": "inner-realm-refused", "nurse": "inner-realm-refused", "nurse@northbridge.nhs.uk.": "inner-realm-refused",
	} {
		peer := town.peer(t, func(c *supplicant.Config) { c.Identity, c.User = "@northbridge.nhs.uk", inner })
		reply := r.carry(t, peer, "@northbridge.nhs.uk", onStaff, nil)
		if e := town.event(t); say(reply) != "reject" || e.Reason != reason {
			t.Errorf("%q in the tunnel: %s, %s, want %s", inner, say(reply), e.Reason, reason)
		}
	}
}

// Holds R51: a controller that a reload takes out is heard no more, in the middle
// of a conversation too; the old configuration closes when that is given up.
func TestAttackControllerLeavesInMidConversation(t *testing.T) {
	town := startTown(t, idleTown)
	old := town.house.Load()
	r := rogueAt(t, "127.0.0.1", town.address)
	r.patient = 300 * time.Millisecond
	reply := r.carry(t, town.peer(t, nil), nurseName, onStaff, func(round int, _ *radius.Packet) {
		if round != 3 {
			return
		}
		if err := town.rewrite(t, `address      = "127.0.0.1"`, `address = "127.0.0.9"`); err != nil {
			t.Fatal(err)
		}
	})
	if reply != nil {
		t.Errorf("a controller that is no client got %s", say(reply))
	}
	town.skew.Add(int64(idleLimit))
	if e := town.event(t); e.Outcome != outcomeAbandoned {
		t.Errorf("its conversation ended as %s", e.Outcome)
	}
	eventually(t, "the old configuration closes", func() bool { return old.holds.Load() == 0 })
}

// Holds R3, P11 and P14: what no supplicant says is refused with an EAP-Failure.
func TestAttackFirstPackets(t *testing.T) {
	town := startTown(t, idleTown)
	r := rogueAt(t, "127.0.0.1", town.address)
	for name, eap := range map[string][]byte{
		"a request":         {1, 1, 0, 5, 1},
		"no identity":       {2, 1, 0, 6, 25, 0},
		"too short":         {2, 1},
		"longer than it is": {2, 1, 0, 99, 1},
		"no type":           {2, 1, 0, 4},
	} {
		p := r.request(nurseName, onStaff)
		transport.AddEAP(p, eap)
		reply := r.ask(t, p)
		if say(reply) != "reject" {
			t.Errorf("%s: %s", name, say(reply))
			continue
		}
		if failure, _ := transport.EAP(reply); len(failure) != 4 || failure[0] != byte(packet.Failure) || failure[1] != 1 {
			t.Errorf("%s: the EAP-Failure is % x", name, failure)
		}
	}
}

// restsWith holds that nobody is left on the configuration of now but the daemon. It
// waits for those who look at it from time to time: each keeper does once, at the start.
func (t *trust) restsWith(tb testing.TB, after string) {
	tb.Helper()
	eventually(tb, "nobody holds the configuration after "+after, func() bool {
		return t.talks.len() == 0 && t.house.Load().holds.Load() == 1
	})
}

// eventually waits for what another goroutine is about to do.
func eventually(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	for range 500 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	tb.Errorf("it has not come to pass that %s", what)
}
