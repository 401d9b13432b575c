package daemon

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc5580"
)

// Holds the second corollary of docs/architecture.md over the whole corridor: a request
// that says less is answered with the same network or with a Reject, whatever is left out
// of it, at a controller of one site, at one of several, and at a federation's proxy.
//
// What is left to say agrees with itself: who says two things that cannot both be is
// refused, and would not be found out by one of them.
func TestAttackRequestsThatSayLess(t *testing.T) {
	pairs := 10_000
	if testing.Short() {
		pairs = 1500
	}
	home := &hostileHome{}
	home.next.Store(&says{code: radius.CodeAccessAccept})
	town := startTownAs(t, strings.ReplaceAll(town, "UPSTREAM", pretend(t, home.answer))+behind+strings.Split(roamingRules, "[[test]]")[0])
	several, one, proxy := rogueAt(t, "127.0.0.1", town.address), rogueAt(t, "127.0.0.2", town.address), rogueAt(t, "127.0.0.3", town.address)
	random := rand.New(rand.NewPCG(4, 10))
	seen := map[string]int{}
	for range pairs {
		at := []*rogue{several, one, proxy}[random.IntN(3)]
		full := randomRequest(t, random, at)
		less := *full
		less.Attributes = slices.DeleteFunc(slices.Clone(full.Attributes), func(*radius.AVP) bool { return random.IntN(6) == 0 })
		more, fewer := at.ask(t, full), at.ask(t, &less)
		town.event(t)
		town.event(t)
		if more == nil || fewer == nil {
			t.Fatalf("silence: %v and %v", more, fewer)
		}
		was, is := outcomeOf(more), outcomeOf(fewer)
		if is != "reject" && is != was {
			t.Fatalf("all is said: %s; less: %s\nall:  %v\nless: %v", was, is, full.Attributes, less.Attributes)
		}
		switch {
		case was == "reject":
			seen["refused as before"]++
		case is == "reject":
			seen["refused for saying less"]++
		case len(less.Attributes) < len(full.Attributes):
			seen["let in as before, "+strings.Fields(is)[1]]++
		}
	}
	for _, what := range []string{"refused as before", "refused for saying less", "let in as before, 110", "let in as before, 310", "let in as before, 320", "let in as before, nowhere"} {
		if seen[what] < pairs/200 {
			t.Errorf("%d of %d pairs came to %q: the requests are too tame", seen[what], pairs, what)
		}
	}
	t.Logf("%d pairs: %v", pairs, seen)
}

// outcomeOf is a reply in words, with every octet that says a network.
func outcomeOf(reply *radius.Packet) string {
	if said := say(reply); said != "reject" {
		return said + " " + networkOf(reply)
	}
	return "reject"
}

// randomRequest is a log-in with all that a controller may say: of somebody of ours by a
// plain password, or of a visitor.
func randomRequest(tb testing.TB, random *rand.Rand, at *rogue) *radius.Packet {
	tb.Helper()
	user := []string{nurseName, studentName, visitorName, "alice@camford.ac.uk", "nobody@northbridge.nhs.uk"}[random.IntN(5)]
	var p *radius.Packet
	if strings.HasSuffix(user, ".nhs.uk") {
		p = radius.New(radius.CodeAccessRequest, at.secret)
		hidden, err := radius.NewUserPassword([]byte(testPassword), at.secret, p.Authenticator[:])
		if err != nil {
			tb.Fatal(err)
		}
		p.Add(rfc2865.UserName_Type, radius.Attribute(user))
		p.Add(rfc2865.UserPassword_Type, hidden)
	} else {
		p = at.identify(user, "", user)
		p.Attributes = slices.DeleteFunc(p.Attributes, func(a *radius.AVP) bool { return a.Type != 1 && a.Type != 79 })
	}
	// An access point of one site by both of its names, and one that nobody claims.
	stations := [][2]string{{"B8-11-4B-00-00-01", "agnes-ap-7"}, {"B8-11-4B-3C-2A-10", "agnes-annexe-1"}, {"02-00-00-00-00-99", "nobody"}}
	station := stations[random.IntN(3)]
	ssid := []string{"NHS-Staff", "eduroam", "eduroam", "other"}[random.IntN(4)]
	for _, a := range []radius.AVP{
		{Type: rfc2865.CalledStationID_Type, Attribute: radius.Attribute(station[0] + ":" + ssid)},
		{Type: rfc2865.NASIdentifier_Type, Attribute: radius.Attribute(station[1])},
		{Type: rfc2865.CallingStationID_Type, Attribute: radius.Attribute("02-00-5E-00-53-01")},
		{Type: rfc2865.NASIPAddress_Type, Attribute: radius.Attribute{10, 0, 0, 1}},
		{Type: rfc2865.NASPortType_Type, Attribute: radius.Attribute{0, 0, 0, 19}},
		{Type: rfc2865.FramedMTU_Type, Attribute: radius.Attribute{0, 0, 5, 120}},
		{Type: rfc5580.OperatorName_Type, Attribute: radius.Attribute([]string{"1royal.nhs.uk", "1bad.nhs.uk", "1camford.ac.uk"}[random.IntN(3)])},
	} {
		p.Add(a.Type, a.Attribute)
	}
	random.Shuffle(len(p.Attributes), func(i, j int) { p.Attributes[i], p.Attributes[j] = p.Attributes[j], p.Attributes[i] })
	return p
}
