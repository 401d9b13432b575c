package vlan

import (
	"errors"
	"testing"
)

// Holds layer 6 of docs/architecture.md.
func TestFollows(t *testing.T) {
	royal := "Royal Infirmary"
	swap := func(c *Config) { // 310 and 320 change places, 1310 stays
		c.VLANs[2].ID, c.VLANs[3].ID = 320, 310
	}
	cases := []struct {
		name   string
		change func(*Config)
		live   []Live
		want   string
	}{
		{"nobody is on", swap, nil, ""},
		{"nobody is on, counted", swap, []Live{{Site: royal, VLAN: 320, Sessions: 0}}, ""},
		{"nothing changes", func(*Config) {}, []Live{{Site: royal, VLAN: 320, Sessions: 9}}, ""},
		{"a number moves", swap, []Live{{Site: "HMP Eastmoor health centre", VLAN: 320, Sessions: 12}, {Site: royal, VLAN: 110, Sessions: 4}},
			`vlan.academic.id | vlan 320 at HMP Eastmoor health centre moves from zone visitor to zone academic with 12 sessions on it | give zone academic another number, or end those sessions first`},
		{"a site's number moves", func(c *Config) { c.Sites[0].VLAN = map[string]uint16{"visitor": 1310} }, []Live{{Site: royal, VLAN: 1310, Sessions: 1}},
			`site[0].vlan.visitor | vlan 1310 at Royal Infirmary moves from zone academic to zone visitor with 1 session on it | give zone visitor another number, or end those sessions first`},
		{"a vlan changes its zone", func(c *Config) { c.VLANs[1].Zone = "academic" }, []Live{{Site: royal, VLAN: 140, Sessions: 3}},
			`vlan.staff-byod.id | vlan 140 at Royal Infirmary moves from zone visitor to zone academic with 3 sessions on it | give zone academic another number, or end those sessions first`},
		{"a number is given up", func(c *Config) { c.Sites[0].VLAN = nil }, []Live{{Site: royal, VLAN: 1310, Sessions: 3}}, ""},
		{"a number given up earlier is given to another zone", func(c *Config) { c.VLANs[3].ID = 999 }, []Live{{Site: royal, VLAN: 999, Zone: "academic", Sessions: 3}},
			`vlan.visitor.id | vlan 999 at Royal Infirmary moves from zone academic to zone visitor with 3 sessions on it | give zone visitor another number, or end those sessions first`},
		{"a zone becomes trusted", func(c *Config) {
			c.Zones[1].Trusted = true
			c.SSIDs[1].Rules = c.SSIDs[1].Rules[1:]
		}, []Live{{Site: royal, VLAN: 1310, Sessions: 3}},
			`zone.academic.trusted | zone academic becomes trusted with 3 sessions on vlan 1310 at Royal Infirmary | end those sessions first: some may be visitors`},
		{"a site is closed", func(c *Config) { c.Sites = c.Sites[1:] }, []Live{{Site: royal, VLAN: 1310, Sessions: 3}}, ""},
	}
	old := mustNew(t, trust())
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := trust()
			c.change(&cfg)
			err := mustNew(t, cfg).Follows(old, c.live...)
			var problems Problems
			errors.As(err, &problems)
			if got := problemLines(problems); got != c.want || (err == nil) != (c.want == "") {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
	if err := old.Follows(nil, Live{Site: royal, VLAN: 110, Sessions: 1}); err != nil {
		t.Errorf("the first policy follows nobody: %v", err)
	}
}
