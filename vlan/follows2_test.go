package vlan

import (
	"errors"
	"strings"
	"testing"
)

// Holds R13 and R51: what a session remembers of its zone's trust counts, and not
// what the policy before says of that zone by now.
func TestFollowsRemembersTrust(t *testing.T) {
	trusting := func(c *Config) {
		c.Zones[1].Trusted = true
		c.SSIDs[1].Rules = c.SSIDs[1].Rules[1:]
	}
	cfg := trust()
	trusting(&cfg)
	old, next := mustNew(t, cfg), mustNew(t, cfg) // academic is trusted in both
	const refused = "zone.academic.trusted | zone academic becomes trusted with 1 session on vlan 1310 at Royal Infirmary"
	for name, c := range map[string]struct {
		from    *Policy
		live    Live
		refused bool
	}{
		"untrusted when they came":           {old, Live{Zone: "academic"}, true},
		"untrusted, and no policy before":    {nil, Live{Zone: "academic"}, true},
		"trusted when they came":             {old, Live{Zone: "academic", Trusted: true}, false},
		"trusted, by an old policy that was": {mustNew(t, trust()), Live{Zone: "academic", Trusted: true}, false},
		"not remembered, trusted before":     {old, Live{}, false},
		"not remembered, untrusted before":   {mustNew(t, trust()), Live{}, true},
	} {
		c.live.Site, c.live.VLAN, c.live.Sessions = "Royal Infirmary", 1310, 1
		err := next.Follows(c.from, c.live)
		var problems Problems
		errors.As(err, &problems)
		if (err != nil) != c.refused || c.refused && !strings.HasPrefix(problemLines(problems), refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Holds R13: what an Assignment says of trust is its zone's, and nothing is not trusted.
func TestAssignmentTells(t *testing.T) {
	p := mustNew(t, trust())
	for name, f := range map[string]Facts{"a nurse": nurse, "a student": student, "a visitor": visitor} {
		at, err := p.Assign(f)
		if err != nil {
			t.Fatal(err)
		}
		if at.Trusted() != (at.Zone() == "clinical") {
			t.Errorf("%s in zone %s: trusted %v", name, at.Zone(), at.Trusted())
		}
	}
	if (Assignment{}).Trusted() {
		t.Error("nowhere is trusted")
	}
}
