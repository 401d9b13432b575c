package vlan

import (
	"reflect"
	"testing"
)

// Holds R50 for devices that are known by their MAC, and for people before rules for such.
func TestWordsOfADevicesDecision(t *testing.T) {
	cfg := trust()
	pumps(&cfg)
	cfg.SSIDs[3].MAC = []string{"pumps", "scales"}
	cfg.SSIDs[3].Rules = []Rule{
		{Who: "devices scales", VLAN: "visitor"},
		{Who: "devices pumps", OneOf: []string{"visitor", "staff-byod"}},
	}
	p := mustNew(t, cfg)
	pump := Facts{Site: "Royal Infirmary", SSID: "Devices", List: "pumps", Lands: "staff-byod"}
	if got := explained(p, pump); got != `rule 1 (who = "devices scales"): it is for devices of another list
rule 2 (who = "devices pumps"): the device's line does not name vlan visitor
rule 2 (who = "devices pumps"): it fits, and gives vlan staff-byod
vlan staff-byod (140) in zone visitor at Royal Infirmary` {
		t.Errorf("a pump:\n%s", got)
	}
	if got := explained(p, change(nurse, func(f *Facts) { f.SSID = "Devices" })); got != `rule 1 (who = "devices scales"): it is for devices that are known by their MAC, and this is a person
rule 2 (who = "devices pumps"): it is for devices that are known by their MAC, and this is a person
rule 2 (who = "devices pumps"): it is for devices that are known by their MAC, and this is a person
refused: SSID "Devices" at Royal Infirmary has no network for "nurse" at "northbridge.nhs.uk": no-rule` {
		t.Errorf("a nurse:\n%s", got)
	}
}

// The rule that decides is marked, whether it lets them in or refuses them, and no other.
func TestTheRuleThatDecides(t *testing.T) {
	cfg := trust()
	cfg.Roaming = []RoamingRule{{Who: "own", Operator: "bad.uk", Access: "refuse"}, {Who: "own", Access: "allow"}}
	p := mustNew(t, cfg)
	elsewhere := func(operator string) Facts {
		return change(nurse, func(f *Facts) { f.Elsewhere, f.Operator = true, operator })
	}
	for name, c := range map[string]struct {
		facts         Facts
		fits, matched []bool
	}{
		"a nurse":             {nurse, []bool{true, false}, []bool{true, true}},
		"a nurse by password": {change(nurse, func(f *Facts) { f.Method = "peap" }), []bool{false, true, false}, []bool{false, true, true}},
		"a nurse in secret":   {change(nurse, func(f *Facts) { f.GroupsUnknown, f.Groups = true, nil }), []bool{false, false}, []bool{false, false}},
		"elsewhere, refused":  {elsewhere("bad.uk"), []bool{true, false}, []bool{false, false}},
		"elsewhere, let in":   {elsewhere("good.uk"), []bool{false, true, false}, []bool{false, true, true}},
	} {
		var fits, matched []bool
		for _, s := range p.Explain(c.facts) {
			fits, matched = append(fits, s.Fits), append(matched, s.Matched)
		}
		if !reflect.DeepEqual(fits, c.fits) || !reflect.DeepEqual(matched, c.matched) {
			t.Errorf("%s: fits %t, matched %t", name, fits, matched)
		}
	}
}

// What each controller of a site does by itself.
func TestListeners(t *testing.T) {
	cfg := trust()
	cfg.Sites[0].Controllers = append(cfg.Sites[0].Controllers, Controller{Name: "royal-annexe", WithoutVLAN: "staff-byod"})
	p := mustNew(t, cfg)
	for site, want := range map[string][]Listener{
		"Royal Infirmary":            {{"royal-wlc", "rejects"}, {"royal-annexe", "puts people on vlan staff-byod in zone visitor"}},
		"HMP Eastmoor health centre": {{"eastmoor-ap", "puts people on vlan visitor in zone visitor"}},
		"Elsewhere":                  nil,
	} {
		if got := p.Listeners(site); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v", site, got)
		}
	}
}
