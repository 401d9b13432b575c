package vlan

import (
	"errors"
	"strings"
	"testing"
)

// medical is the file of the Trust with equipment that is known by its MAC alone.
func medical() Config {
	cfg := trust()
	cfg.Devices = []string{"pumps", "scales", "sensors"}
	cfg.VLANs = append(cfg.VLANs, VLAN{Name: "medical", ID: 200, Zone: "clinical"}, VLAN{Name: "things", ID: 210, Zone: "visitor"})
	cfg.SSIDs = append(cfg.SSIDs, SSID{Name: "NHS-Things", MAC: []string{"pumps", "scales"}, Rules: []Rule{
		{Who: "devices pumps", OneOf: []string{"medical", "clinical"}, Trusted: true},
		{Who: "devices", Site: "HMP Eastmoor health centre", VLAN: "visitor"},
		{Who: "devices scales", VLAN: "things"},
	}})
	return cfg
}

// Holds R54: a device fits a rule for its list, on an SSID that lets it in, and gets the VLAN
// of its line where a rule has that one.
func TestListedDevices(t *testing.T) {
	const (
		first  = `rule 1 (who = "devices pumps"): `
		second = `rule 2 (who = "devices", site = "HMP Eastmoor health centre"): `
		third  = `rule 3 (who = "devices scales"): `
	)
	p := mustNew(t, medical())
	device := func(list, lands string) Facts {
		return Facts{Site: "Royal Infirmary", SSID: "NHS-Things", List: list, Lands: lands}
	}
	eastmoor := func(f *Facts) { f.Site = "HMP Eastmoor health centre" }
	for name, c := range map[string]struct {
		facts  Facts
		reason Reason
		steps  string
	}{
		"a pump, whose line says medical": {device("pumps", "medical"), "", first + `it fits, and gives vlan medical
vlan medical (200) in zone clinical at Royal Infirmary`},
		"a pump, whose line says the other": {device("pumps", "clinical"), "", first + `the device's line does not name vlan medical
` + first + `it fits, and gives vlan clinical
vlan clinical (110) in zone clinical at Royal Infirmary`},
		"a pump, whose line says nothing": {device("pumps", ""), ErrNoRule, first + `the device's line does not name vlan medical
` + first + `the device's line does not name vlan clinical
` + second + `it is for another site
` + third + `it is for devices of another list
refused: SSID "NHS-Things" at Royal Infirmary has no network for a device of list pumps: no-rule`},
		"a pump, whose line says what no rule has": {device("pumps", "academic"), ErrNoRule, first + `the device's line does not name vlan medical
` + first + `the device's line does not name vlan clinical
` + second + `it is for another site
` + third + `it is for devices of another list
refused: SSID "NHS-Things" at Royal Infirmary has no network for a device of list pumps, whose line names vlan academic: no-rule`},
		"a pump at the other site": {change(device("pumps", ""), eastmoor), "", first + `the device's line does not name vlan medical
` + first + `the device's line does not name vlan clinical
` + second + `it fits, and gives vlan visitor
vlan visitor (320) in zone visitor at HMP Eastmoor health centre`},
		"a scale": {device("scales", ""), "", first + `it is for devices of another list
` + first + `it is for devices of another list
` + second + `it is for another site
` + third + `it fits, and gives vlan things
vlan things (210) in zone visitor at Royal Infirmary`},
		"a list that the SSID does not let in":      {device("sensors", ""), ErrNoRule, `refused: SSID "NHS-Things" lets in no device of list sensors: no-rule`},
		"an SSID of people":                         {change(device("pumps", "medical"), func(f *Facts) { f.SSID = "NHS-Staff" }), ErrNoRule, `refused: SSID "NHS-Staff" lets in no device of list pumps: no-rule`},
		"a list that is none":                       {device("beds", ""), ErrMACUnknown, `refused: there is no list of devices "beds": mac-unknown`},
		"a device that is somebody of a realm, too": {change(device("scales", ""), func(f *Facts) { f.Realm = "uni.ac.uk" }), ErrRealmMisplaced, `refused: a device of list scales is nobody's person, and asks at home: realm-misplaced`},
		"a nurse on its SSID": {change(nurse, func(f *Facts) { f.SSID = "NHS-Things" }), ErrNoRule, first + `it is for devices that are known by their MAC, and this is a person
` + first + `it is for devices that are known by their MAC, and this is a person
` + second + `it is for another site
` + third + `it is for devices that are known by their MAC, and this is a person
refused: SSID "NHS-Things" at Royal Infirmary has no network for "nurse" at "northbridge.nhs.uk": no-rule`},
	} {
		told := explained(p, c.facts)
		if told != c.steps {
			t.Errorf("%s: got\n%s\nwant\n%s", name, told, c.steps)
		}
		a, err := p.Assign(c.facts)
		var reason Reason
		if errors.As(err, &reason); reason != c.reason || err == nil && !strings.HasSuffix("\n"+told, "\n"+a.String()) {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
}

// A device known by its MAC alone does not come to a trusted zone unless a rule for its
// own list says so: loading refuses it with a log-in that would, and so does the decision.
func TestListedDevicesAndTrust(t *testing.T) {
	cfg := medical()
	rules := cfg.SSIDs[3].Rules
	rules[0].Trusted, rules[1] = false, Rule{Who: "devices scales", VLAN: "clinical"}
	_, err := New(cfg)
	var problems Problems
	errors.As(err, &problems)
	const because = `, and clinical is trusted, which a MAC alone does not open unless the rule says trusted = true for its list | name another vlan in rule `
	want := `ssid[3].rule[0].vlan | a device of list pumps (whose line names vlan medical) on SSID "NHS-Things" at Royal Infirmary reaches zone clinical: rule 1 (who = "devices pumps") gives vlan medical (200)` + because + `1, or narrow whom it is for
ssid[3].rule[1].vlan | a device of list scales (whose line names no vlan) on SSID "NHS-Things" at Royal Infirmary reaches zone clinical: rule 2 (who = "devices scales") gives vlan clinical (110)` + because + `2, or narrow whom it is for`
	if got := problemLines(problems); got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
	for _, p := range problems {
		landsAsSaid(t, cfg, p)
		_, err := read(cfg).policy.Assign(p.Example.Facts)
		if want := "a device that is known by its MAC alone was about to reach zone clinical, which is trusted: zone-guard"; err == nil || err.Error() != want {
			t.Errorf("%+v: %v", p.Example.Facts, err)
		}
	}
}
