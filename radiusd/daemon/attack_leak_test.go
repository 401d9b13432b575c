package daemon

import (
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/transport"
)

const (
	visitorRule = "who  = \"visitor\"\nvlan = \"visitor\""
	studentRule = "who  = \"@students.northbridge.nhs.uk\"\nvlan = \"academic\""
)

// leaks are the ways by which somebody would come to a network that is not theirs. Each
// says what came through; nothing is well, however the server said no: by refusing the
// file, the log-in, or the Accept that it had made itself.
var leaks = []struct {
	name   string
	attack func(t *testing.T) (leak string)
}{
	{"hostile home", func(t *testing.T) string {
		home := &hostileHome{}
		town, seats := everyMake(t, pretend(t, home.answer))
		for _, seat := range seats {
			plain := home.accepts(t, town, seat.rogue)
			if plain == nil || plain.Code != radius.CodeAccessAccept {
				continue
			}
			for _, m := range movers {
				if m.vendor == 0 && m.code == 18 {
					continue // Reply-Message moves nobody: none is passed on, and no gate minds
				}
				for _, value := range []string{"110", "\x00\x00\x00\x6e", "clinical"} {
					reply := home.accepts(t, town, seat.rogue, vendorsOwn(m.vendor, m.code, []byte(value)))
					if reply != nil && reply.Code == radius.CodeAccessAccept && networkOf(reply) != networkOf(plain) {
						return fmt.Sprintf("%s hears %s, and without attribute %d of vendor %d %s", seat.make, networkOf(reply), m.code, m.vendor, networkOf(plain))
					}
				}
			}
		}
		return ""
	}},
	{"an Accept without a network", func(t *testing.T) string {
		home := &hostileHome{}
		town, seats := everyMake(t, pretend(t, home.answer))
		for _, seat := range seats {
			reply := home.accepts(t, town, seat.rogue)
			if reply == nil || reply.Code != radius.CodeAccessAccept {
				continue
			}
			named := false // as text, as a number, or by its name
			for _, word := range []string{"320", "\x00\x00\x01\x40", "Guests"} {
				named = named || strings.Contains(networkOf(reply), hex.EncodeToString([]byte(word)))
			}
			if !named {
				return fmt.Sprintf("%s hears of no network: %q", seat.make, networkOf(reply))
			}
		}
		return ""
	}},
	{"a rule that leads visitors to clinical", func(t *testing.T) string {
		town, home := leakTown(t)
		_ = town.rewrite(t, visitorRule, strings.Replace(visitorRule, `vlan = "visitor"`, `vlan = "clinical"`, 1))
		return town.onClinical(home.accepts(t, town, rogueAt(t, "127.0.0.1", town.address)))
	}},
	{"a number of two zones", func(t *testing.T) string {
		town, home := leakTown(t)
		_ = town.rewrite(t, `name = "Royal Infirmary"`, "name = \"Royal Infirmary\"\nvlan = { visitor = 110 }")
		return town.onClinical(home.accepts(t, town, rogueAt(t, "127.0.0.1", town.address)))
	}},
	{"a rule against a guarantee", func(t *testing.T) string {
		town, _ := leakTown(t)
		_ = town.rewrite(t, studentRule, strings.Replace(studentRule, `"academic"`, `"clinical"`, 1))
		return town.onClinical(rogueAt(t, "127.0.0.1", town.address).password(t, town, studentName, onStaff))
	}},
	{"a number that moves under a log-in", func(t *testing.T) string {
		started := make(chan *trust, 1) // the home answers in a goroutine of its own
		var move sync.Once
		town := startTown(t, pretend(t, func(req *radius.Packet) *radius.Packet {
			move.Do(func() {
				_ = (<-started).rewrite(t, `id = 320, zone = "visitor"`, `id = 321, zone = "visitor"`, `id = 110, zone`, `id = 320, zone`)
			})
			eap, _ := transport.EAP(req)
			reply := req.Response(radius.CodeAccessAccept)
			transport.AddEAP(reply, []byte{3, eap[1], 0, 4})
			return reply
		}))
		started <- town
		r := rogueAt(t, "127.0.0.1", town.address)
		reply := r.ask(t, r.identify(visitorName, onEduroam, visitorName))
		zone, _ := town.house.Load().vlan.Zone("Royal Infirmary", 320)
		if zone != "clinical" {
			t.Fatalf("the reload came to nothing: 320 is in zone %q", zone)
		}
		if got := say(reply); got == "accept 320" {
			return "a visitor is on 320, and 320 is clinical by now"
		}
		return ""
	}},
}

// TestNothingLeaks judges by what leaves alone. integration/layers_test.go runs it while
// one layer after another is taken away.
func TestNothingLeaks(t *testing.T) {
	for _, l := range leaks {
		t.Run(l.name, func(t *testing.T) {
			if leak := l.attack(t); leak != "" {
				t.Errorf("leak: %s", leak)
			}
		})
	}
}

func leakTown(tb testing.TB) (*trust, *hostileHome) {
	tb.Helper()
	home := &hostileHome{}
	return startTown(tb, pretend(tb, home.answer)), home
}

// onClinical says that somebody who has no business there was let into the clinical zone.
func (t *trust) onClinical(reply *radius.Packet) string {
	if got := say(reply); got == "accept 110" {
		return got + ", which is clinical"
	}
	return ""
}

// password logs somebody of ours in by a plain password.
func (r *rogue) password(tb testing.TB, t *trust, user, called string) *radius.Packet {
	tb.Helper()
	p := r.request(user, called)
	hidden, err := radius.NewUserPassword([]byte(testPassword), r.secret, p.Authenticator[:])
	if err != nil {
		tb.Fatal(err)
	}
	p.Add(rfc2865.UserPassword_Type, hidden)
	reply := r.ask(tb, p)
	t.event(tb)
	return reply
}
