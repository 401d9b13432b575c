package daemon

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/supplicant"
	"causeway/radiusd/transport"
	"causeway/realms"
)

// eastmoorDiffers gives Eastmoor the number 110 for its academic people.
var eastmoorDiffers = []string{"name = \"Eastmoor\"\n", "name = \"Eastmoor\"\nvlan = { clinical = 111, academic = 110 }\n"}

// with makes the pairs of several changes one change.
func with(first []string, more ...string) []string {
	return append(append([]string(nil), first...), more...)
}

// Ways to have 110 mean something else for whoever is behind 127.0.0.1.
var (
	swapAddresses = with(eastmoorDiffers, `"127.0.0.1"`, `"127.0.0.2"`, `"127.0.0.2"`, `"127.0.0.1"`)
	moveAndRename = with(eastmoorDiffers, "eastmoor-wlc", "new-wlc", `"127.0.0.1"`, `"127.0.0.9"`, `"127.0.0.2"`, `"127.0.0.1"`)
	renameBoth    = with(swapNumbers, "Royal Infirmary", "Royal", "royal-wlc", "royal-9800")
)

// Holds R51: people are behind an address, whatever it is called, and an
// address that comes to another site takes them along.
func TestAttackAddressesMove(t *testing.T) {
	for name, c := range map[string]struct {
		pairs   []string
		refused string
	}{
		"the addresses are swapped":                 {swapAddresses, "moves from zone clinical to zone academic"},
		"moved and renamed":                         {moveAndRename, "moves from zone clinical to zone academic"},
		"site and controller are renamed":           {renameBoth, "moves from zone clinical to zone academic"},
		"renamed, and every number is what it was":  {[]string{"Royal Infirmary", "Royal", "royal-wlc", "royal-9800"}, ""},
		"swapped, and every number is what it was":  {swapAddresses[2:], ""},
		"the other site alone has a number changed": {eastmoorDiffers, ""},
	} {
		town := startTown(t, idleTown)
		r := rogueAt(t, "127.0.0.1", town.address)
		if got := say(r.carry(t, town.peer(t, nil), nurseName, onStaff, nil)); got != "accept 110" {
			t.Fatal(got)
		}
		before := town.house.Load()
		err := town.rewrite(t, c.pairs...)
		if (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s, with a nurse on 110: %v", name, err)
		}
		if err != nil && town.house.Load() != before {
			t.Errorf("%s: refused, and another configuration is there", name)
		}
	}
}

// Holds R51: the same while the last request is with the directory.
func TestAttackAddressesMoveInFlight(t *testing.T) {
	for name, pairs := range map[string][]string{"swapped": swapAddresses, "moved and renamed": moveAndRename, "renamed": renameBoth} {
		town := startTown(t, idleTown)
		next := town.play(t)
		next.Store(&script{
			trace: realms.Trace{Identity: realms.Identity{User: "nurse", Realm: "northbridge.nhs.uk"}},
			answer: func(context.Context, *radius.Packet) (realms.Answer, error) {
				if err := town.rewrite(t, pairs...); err != nil {
					t.Errorf("%s, with nobody on: %v", name, err)
				}
				return realms.Answer{Code: radius.CodeAccessAccept, Account: realms.Account{Name: "nurse"}}, nil
			},
		})
		r := rogueAt(t, "127.0.0.1", town.address)
		got := say(r.ask(t, r.identify(nurseName, onStaff, nurseName)))
		if e := town.event(t); got != "reject" || e.Reason != "configuration-changed" || town.seated() != 0 {
			t.Errorf("%s: %s, %s, %d rows", name, got, e.Reason, town.seated())
		}
	}
}

// Holds R13 and R51: no two reloads make a zone trusted under somebody that
// one reload would not.
func TestAttackTrustIsNotLaundered(t *testing.T) {
	const (
		untrusted = "academic = {}"
		trusted   = "academic = { trusted = true }"
		site      = "name = \"Royal Infirmary\"\n"
		elsewhere = site + "vlan = { academic = 311 }\n"
		camford   = "[[ssid.rule]]\nwho  = \"@camford.ac.uk\"\nvlan = \"academic\"\n"
	)
	start := func() *trust {
		town := startTown(t, idleTown)
		peer := town.peer(t, func(s *supplicant.Config) { s.User = studentName })
		r := rogueAt(t, "127.0.0.1", town.address)
		if got := say(r.carry(t, peer, studentName, onStaff, nil)); got != "accept 310" {
			t.Fatal(got)
		}
		return town
	}
	const refused = "zone academic becomes trusted with 1 session on vlan 310"
	if err := start().rewrite(t, untrusted, trusted, camford, ""); err == nil || !strings.Contains(err.Error(), refused) {
		t.Errorf("directly: %v", err)
	}
	town := start()
	if err := town.rewrite(t, untrusted, trusted, camford, "", site, elsewhere); err != nil {
		t.Fatalf("nobody is on 311: %v", err)
	}
	if err := town.rewrite(t, elsewhere, site); err == nil || !strings.Contains(err.Error(), refused) {
		t.Errorf("after the number was away: %v", err)
	}
	if zone, _ := town.house.Load().vlan.Zone("Royal Infirmary", 310); zone != "" {
		t.Errorf("310 is zone %s again, with a student on it from before", zone)
	}
}

// Holds R51: devices that hide their MAC are as many as they are, though their
// outer name is the same.
func TestAttackDevicesWithoutMAC(t *testing.T) {
	const hidden = "@northbridge.nhs.uk"
	town := startTown(t, idleTown)
	r := rogueAt(t, "127.0.0.1", town.address)
	for _, c := range []struct{ user, want string }{{nurseName, "accept 110"}, {studentName, "accept 310"}, {nurseName, "accept 110"}} {
		peer := town.peer(t, func(s *supplicant.Config) { s.Identity, s.User = hidden, c.user })
		got := say(r.carry(t, peer, hidden, onStaff, func(_ int, p *radius.Packet) { p.Del(rfc2865.CallingStationID_Type) }))
		if e := town.event(t); got != c.want {
			t.Fatalf("%s: %s, %s", c.user, got, e.Reason)
		}
	}
	if n := town.seated(); n != 3 {
		t.Errorf("%d rows for 3 devices", n)
	}
	err := town.rewrite(t, "id = 110, zone = \"clinical\"", "id = 111, zone = \"clinical\"", "id = 320, zone", "id = 110, zone")
	if err == nil || !strings.Contains(err.Error(), "vlan 110 at Royal Infirmary moves from zone clinical to zone visitor with 2 sessions on it") {
		t.Errorf("110 becomes the visitors' under two nurses: %v", err)
	}
}

// Holds R12 and S14: a name that reads otherwise than it is does not come back
// from a visitor's home.
func TestAttackNamesThatSteer(t *testing.T) {
	var says atomic.Value
	town := startTown(t, pretend(t, func(req *radius.Packet) *radius.Packet {
		reply := req.Response(radius.CodeAccessAccept)
		eap, _ := transport.EAP(req)
		transport.AddEAP(reply, []byte{3, eap[1], 0, 4})
		reply.Add(rfc2865.UserName_Type, radius.Attribute(says.Load().(string)))
		return reply
	}))
	r := rogueAt(t, "127.0.0.1", town.address)
	for name, passes := range map[string]bool{
		"bob@uni.ac.uk": true, "bob.o'neil+wifi_2@uni.ac.uk": true, "zo\u00eb@uni.ac.uk": true,
		"bob\u202e@uni.ac.uk": false, "\u202ebob@uni.ac.uk": false, "bob\u2066@uni.ac.uk": false, "bob\u200b@uni.ac.uk": false, "\ufeffbob@uni.ac.uk": false,
		`ADMIN\bob@uni.ac.uk`: false, `bob\@uni.ac.uk`: false,
		"northbridge.nhs.uk!nurse@uni.ac.uk": false, "nurse%northbridge.nhs.uk@uni.ac.uk": false, "northbridge.nhs.uk/nurse@uni.ac.uk": false,
	} {
		says.Store(name)
		reply := r.ask(t, r.identify(visitorName, onEduroam, visitorName))
		want := ""
		if passes {
			want = name
		}
		if got := userName(reply); say(reply) != "accept 320" || got != want {
			t.Errorf("%q: %s with the name %q", name, say(reply), got)
		}
		town.event(t)
	}
}

// Holds R51: people are found again by the address that they asked from, by the
// controller's name and by the site's, whichever of them a reload leaves.
func TestAttackWhoeverItWas(t *testing.T) {
	for name, pairs := range map[string][]string{
		"the name stays": with(swapNumbers, "Royal Infirmary", "Royal", `"127.0.0.1"`, `"127.0.0.9"`),
		"the name stays, at another site": with(eastmoorDiffers, "eastmoor-wlc", "royal-wlc", "royal-wlc", "x-wlc",
			`"127.0.0.1"`, `"127.0.0.9"`, `"127.0.0.2"`, `"127.0.0.8"`),
		"the address becomes a proxy's": with(swapNumbers, "Royal Infirmary", "Royal", `"127.0.0.1"`, `"127.0.0.9"`,
			`address = "127.0.0.3"`, `address = "127.0.0.1"`),
	} {
		town := startTown(t, idleTown)
		r := rogueAt(t, "127.0.0.1", town.address)
		if got := say(r.carry(t, town.peer(t, nil), nurseName, onStaff, nil)); got != "accept 110" {
			t.Fatal(got)
		}
		if err := town.rewrite(t, pairs...); err == nil {
			t.Errorf("%s: a nurse on 110 was moved into academic", name)
		}
	}
}
