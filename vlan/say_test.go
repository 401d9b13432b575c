package vlan

import (
	"errors"
	"slices"
	"testing"
)

// What controllers are told is held against what the file gives, site by site: once for each
// thing that is wrong, and of nothing that no rule gives there.
func TestWhatControllersAreTold(t *testing.T) {
	called := func(c *Config) {
		for i := range c.VLANs {
			c.VLANs[i].Called = c.VLANs[i].Name
		}
	}
	named := func(c *Config) { // both of them, at the first site
		c.Sites[0].Controllers = []Controller{{Name: "royal-wlc", Vendor: "cisco-9800", WithoutVLAN: "reject", Say: "name"}, {Name: "royal-annexe", Vendor: "cisco-9800", WithoutVLAN: "reject", Say: "name"}}
	}
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string // what is refused, or else what is warned of
	}{
		{"a name for each", all(called, named), ``},
		{"two controllers are told names, and there is none", all(called, named, func(c *Config) { c.VLANs[3].Called = "" }),
			`vlan.visitor.name | vlan visitor has no name at Royal Infirmary, and controller royal-wlc is told names | give it one, name = "…", or write say = "number" at the controller`},
		{"the second is told names, and there is none", all(called, named, func(c *Config) { c.Sites[0].Controllers[0].Say, c.VLANs[3].Called = "", "" }),
			`vlan.visitor.name | vlan visitor has no name at Royal Infirmary, and controller royal-annexe is told names | give it one, name = "…", or write say = "number" at the controller`},
		{"two sites, and the name of one is another", all(called, named, func(c *Config) {
			c.VLANs[3].Called = ""
			c.Sites[0].Local = map[string]Local{"visitor": {Called: "GUEST"}}
			c.Sites[1].Controllers[0].Say = "name"
		}),
			`vlan.visitor.name | vlan visitor has no name at HMP Eastmoor health centre, and controller eastmoor-ap is told names | give it one, name = "…", or write say = "number" at the controller`},
		{"no name, where another site's rule gives it", all(called, named, func(c *Config) {
			c.VLANs[2].Called, c.SSIDs[1].Rules[0].Site = "", "HMP Eastmoor health centre"
		}), ``},
		{"no name, where its own rule gives it", all(called, named, func(c *Config) {
			c.VLANs[2].Called, c.SSIDs[1].Rules[0].Site = "", "Royal Infirmary"
		}),
			`vlan.academic.name | vlan academic has no name at Royal Infirmary, and controller royal-wlc is told names | give it one, name = "…", or write say = "number" at the controller`},
		{"no name, and no rule gives it", all(called, named, func(c *Config) { c.VLANs = append(c.VLANs, VLAN{Name: "printers", ID: 400, Zone: "visitor"}) }),
			`vlan.printers | nobody can reach vlan printers | drop it, or give it a rule`},
		{"two pools", all(called, named, func(c *Config) {
			c.VLANs[1].ID, c.VLANs[1].Pool = 0, []uint16{140, 141}
			c.Sites[0].Local = map[string]Local{"visitor": {Pool: []uint16{320, 321}}}
		}),
			`vlan.staff-byod.pool | vlan staff-byod is a pool at Royal Infirmary, and controller royal-wlc is told names: one name cannot say which number | write say = "number" at the controller, or one number at the site
site[0].vlan.visitor.pool | vlan visitor is a pool at Royal Infirmary, and controller royal-wlc is told names: one name cannot say which number | write say = "number" at the controller, or one number at the site`},
		{"a make that there is not, told names that there are", all(called, named, func(c *Config) { c.Sites[0].Controllers[1].Vendor = "cisco-9801" }),
			`site[0].controller[1].vendor | controller royal-annexe has vendor cisco-9801, which we do not know | did you mean "cisco-9800"?`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := problemLines(saidOf(c.change)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// What some makes cannot be told is warned of: of speeds once for each make, of roles once for
// each VLAN and make.
func TestWhatSomeMakesAreNotTold(t *testing.T) {
	cisco := func(c *Config) {
		moreSites("St Agnes", "Ward End")(c)
		c.Sites[0].Controllers[0].Vendor, c.Sites[1].Controllers[0].Vendor = "cisco-9800", "cisco-9800"
		for i := range c.VLANs {
			c.VLANs[i].Down, c.VLANs[i].Up, c.VLANs[i].Filter = "", "", ""
		}
	}
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"nothing beside numbers", func(*Config) {}, ``},
		{"up alone", func(c *Config) { c.VLANs[2].Up = "5M" },
			`vlan.academic.up | speeds such as those of vlan academic are sent to royal-wlc at Royal Infirmary, and cisco-9800 controllers are not known to obey WISPr's | limit speeds in the controller's own policy`},
		{"down alone", func(c *Config) { c.VLANs[2].Down = "5M" },
			`vlan.academic.down | speeds such as those of vlan academic are sent to royal-wlc at Royal Infirmary, and cisco-9800 controllers are not known to obey WISPr's | limit speeds in the controller's own policy`},
		{"both, by the site", func(c *Config) { c.Sites[0].Local = map[string]Local{"academic": {Up: "5M", Down: "1M"}} },
			`site[0].vlan.academic.down | speeds such as those of vlan academic are sent to royal-wlc at Royal Infirmary, and cisco-9800 controllers are not known to obey WISPr's | limit speeds in the controller's own policy`},
		{"up by the site", func(c *Config) { c.Sites[0].Local = map[string]Local{"academic": {Up: "5M"}} },
			`site[0].vlan.academic.up | speeds such as those of vlan academic are sent to royal-wlc at Royal Infirmary, and cisco-9800 controllers are not known to obey WISPr's | limit speeds in the controller's own policy`},
		{"speeds of two VLANs, two makes", func(c *Config) {
			c.VLANs[2].Up, c.VLANs[3].Up = "5M", "5M"
			c.Sites[2].Controllers[0].Vendor = "aruba"
		},
			`vlan.academic.up | speeds such as those of vlan academic are sent to royal-wlc at Royal Infirmary, and cisco-9800 controllers are not known to obey WISPr's | limit speeds in the controller's own policy
vlan.academic.up | speeds such as those of vlan academic are sent to St Agnes wlc at St Agnes, and aruba controllers are not known to obey WISPr's | limit speeds in the controller's own policy`},
		{"roles of two VLANs, two makes that have none", func(c *Config) {
			c.VLANs[2].Role, c.VLANs[3].Role = "student", "guest"
			c.Sites[2].Controllers[0].Vendor, c.Sites[3].Controllers[0].Vendor = "ruckus", "hostapd"
		},
			`vlan.academic.role | the role of vlan academic is not told to royal-wlc at Royal Infirmary: cisco-9800 controllers have none | use a filter there, or a policy of the controller for this VLAN
vlan.visitor.role | the role of vlan visitor is not told to royal-wlc at Royal Infirmary: cisco-9800 controllers have none | use a filter there, or a policy of the controller for this VLAN
vlan.academic.role | the role of vlan academic is not told to Ward End wlc at Ward End: hostapd controllers have none | use a filter there, or a policy of the controller for this VLAN
vlan.visitor.role | the role of vlan visitor is not told to Ward End wlc at Ward End: hostapd controllers have none | use a filter there, or a policy of the controller for this VLAN`},
		{"a role of one site", func(c *Config) { c.Sites[0].Local = map[string]Local{"visitor": {Role: "guest"}} },
			`site[0].vlan.visitor.role | the role of vlan visitor is not told to royal-wlc at Royal Infirmary: cisco-9800 controllers have none | use a filter there, or a policy of the controller for this VLAN`},
		{"a role and a filter at a make that hears both in one place, twice", func(c *Config) {
			c.Sites[0].Controllers[0].Vendor, c.Sites[1].Controllers[0].Vendor = "mist", "mist"
			c.VLANs[2].Role, c.VLANs[2].Filter = "student", "web"
		},
			`vlan.academic.role | vlan academic has both a role and a filter, and mist controllers such as royal-wlc at Royal Infirmary hear both in Filter-Id | keep one of the two`},
		{"a role alone, at such a make", func(c *Config) {
			c.Sites[0].Controllers[0].Vendor, c.Sites[1].Controllers[0].Vendor = "mist", "mist"
			c.VLANs[2].Role = "student"
			c.Sites[2].Controllers[0].Vendor, c.Sites[3].Controllers[0].Vendor = "ruckus", "ruckus"
		}, ``},
		{"a role and a filter at a make that hears them apart", func(c *Config) {
			for i := range c.Sites {
				c.Sites[i].Controllers[0].Vendor = "ruckus"
			}
			c.VLANs[2].Role, c.VLANs[2].Filter = "student", "web"
		}, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := trust()
			cisco(&cfg)
			c.change(&cfg)
			p, err := New(cfg)
			var problems Problems
			if errors.As(err, &problems); err == nil {
				problems = p.Warnings()
			}
			if got := problemLines(problems); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// The table for people has a row for each make, in their order.
func TestTableHasEveryMake(t *testing.T) {
	var makes []string
	for _, row := range Table() {
		makes = append(makes, row[0])
		if len(row) != len(Columns) {
			t.Errorf("%q has %d columns of %d", row, len(row), len(Columns))
		}
	}
	if !slices.Equal(makes, Vendors()) {
		t.Errorf("rows of %q", makes)
	}
}
