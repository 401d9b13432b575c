package vlan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// wards is the Trust with devices that know no log-in: pumps and monitors of one list, on
// clinical networks, and scales of another.
func wards() Config {
	cfg := trust()
	cfg.Devices, cfg.Authorities = []string{"pumps", "scales"}, []string{"device-ca"}
	cfg.VLANs = append(cfg.VLANs, VLAN{Name: "pumps", ID: 150, Zone: "clinical"}, VLAN{Name: "monitors", ID: 151, Zone: "clinical"}, VLAN{Name: "scales", ID: 160, Zone: "visitor"})
	cfg.SSIDs = append(cfg.SSIDs, SSID{Name: "Ward", MAC: []string{"pumps", "scales"}, Rules: []Rule{
		{Who: "devices pumps", OneOf: []string{"pumps", "monitors"}, Trusted: true},
		{Who: "devices scales", VLAN: "scales"},
		{Who: "own", VLAN: "staff-byod"},
	}})
	return cfg
}

// Holds R54: what loading refuses of devices, and what it warns of, in the file's words.
func TestDeviceProblems(t *testing.T) {
	pumps := func(change func(*Rule)) func(*Config) { return func(c *Config) { change(&c.SSIDs[3].Rules[0]) } }
	scales := func(change func(*Rule)) func(*Config) { return func(c *Config) { change(&c.SSIDs[3].Rules[1]) } }
	people := func(change func(*Rule)) func(*Config) { return func(c *Config) { change(&c.SSIDs[0].Rules[1]) } }
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"nothing to say", func(*Config) {}, ""},
		{"all lists at once", scales(func(r *Rule) { r.Who = "devices" }), ""},
		{"no list", func(c *Config) { c.Devices, c.SSIDs[3].MAC = nil, nil },
			`ssid[3].rule[0].who | rule 1 of SSID "Ward" is for devices pumps, and there is no list of devices | add [devices.NAME] with its path, and mac = "NAME" at the SSID
ssid[3].rule[0].who | rule 1 of SSID "Ward" is for devices pumps, and SSID "Ward" lets no device in by its MAC | write mac = "LIST" at the SSID
ssid[3].rule[1].who | rule 2 of SSID "Ward" is for devices scales, and there is no list of devices | add [devices.NAME] with its path, and mac = "NAME" at the SSID
ssid[3].rule[1].who | rule 2 of SSID "Ward" is for devices scales, and SSID "Ward" lets no device in by its MAC | write mac = "LIST" at the SSID`},
		{"a guarantee of devices, and no list", func(c *Config) {
			c.Devices, c.SSIDs = nil, c.SSIDs[:3]
			c.Guarantees = []Guarantee{{Who: "devices", Never: Place{Zone: "clinical"}}}
		},
			`guarantee[0].who | guarantee 1 is for devices, and there is no list of devices | add [devices.NAME] with its path, and mac = "NAME" at the SSID`},
		{"a misspelt list", pumps(func(r *Rule) { r.Who = "devices pump" }),
			`ssid[3].rule[0].who | rule 1 of SSID "Ward" is for devices of list "pump", and there is no such list | did you mean "pumps"?`},
		{"an unknown list", pumps(func(r *Rule) { r.Who = "devices x rays" }),
			`ssid[3].rule[0].who | rule 1 of SSID "Ward" is for devices of list "x rays", and there is no such list | add [devices."x rays"]`},
		{"an SSID that lets in none", func(c *Config) { c.SSIDs[3].MAC, c.SSIDs[3].Rules = nil, c.SSIDs[3].Rules[1:] },
			`ssid[3].rule[0].who | rule 1 of SSID "Ward" is for devices scales, and SSID "Ward" lets no device in by its MAC | write mac = "LIST" at the SSID`},
		{"an SSID that lets in others", func(c *Config) { c.SSIDs[3].MAC = []string{"pumps"} },
			`ssid[3].rule[1].who | rule 2 of SSID "Ward" is for devices of list scales, and mac of SSID "Ward" does not name that list | add it to mac`},
		{"an SSID that lets in what there is not", func(c *Config) { c.SSIDs[3].MAC = []string{"pumps", "scale", "x-rays", "scales"} },
			`ssid[3].mac[1] | SSID "Ward" lets in devices of list "scale", and there is no such list | did you mean "scales"?
ssid[3].mac[2] | SSID "Ward" lets in devices of list "x-rays", and there is no such list | add [devices.x-rays]`},
		{"an SSID that names a list twice", func(c *Config) { c.SSIDs[3].MAC = []string{"pumps", "scales", "pumps"} },
			`ssid[3].mac[2] | SSID "Ward" names list pumps twice | keep one`},
		{"a condition that devices never meet", scales(func(r *Rule) {
			r.Group, r.EAP, r.Device, r.Issuer, r.Policy = "Pumps", "pap", "verified", "device-ca", "1.2.3"
		}),
			`ssid[3].rule[1].group | rule 2 of SSID "Ward" asks devices scales for group "Pumps", and of a device that is known by its MAC nothing else is known | drop group
ssid[3].rule[1].eap | rule 2 of SSID "Ward" asks devices scales for eap "pap", and of a device that is known by its MAC nothing else is known | drop eap
ssid[3].rule[1].device | rule 2 of SSID "Ward" asks devices scales for device "verified", and of a device that is known by its MAC nothing else is known | drop device
ssid[3].rule[1].issuer | rule 2 of SSID "Ward" asks devices scales for issuer "device-ca", and of a device that is known by its MAC nothing else is known | drop issuer
ssid[3].rule[1].policy | rule 2 of SSID "Ward" asks devices scales for policy "1.2.3", and of a device that is known by its MAC nothing else is known | drop policy`},
		{"a guarantee that asks as much", func(c *Config) {
			c.Guarantees = []Guarantee{{Who: "devices pumps", Group: "Pumps", Method: "pap", Device: "verified", Issuer: "device-ca", Policy: "1.2.3", Never: Place{Zone: "visitor"}}}
		},
			`guarantee[0].group | guarantee 1 speaks of devices pumps by group "Pumps", and of a device that is known by its MAC nothing else is known | drop group
guarantee[0].eap | guarantee 1 speaks of devices pumps by eap "pap", and of a device that is known by its MAC nothing else is known | drop eap
guarantee[0].device | guarantee 1 speaks of devices pumps by device "verified", and of a device that is known by its MAC nothing else is known | drop device
guarantee[0].issuer | guarantee 1 speaks of devices pumps by issuer "device-ca", and of a device that is known by its MAC nothing else is known | drop issuer
guarantee[0].policy | guarantee 1 speaks of devices pumps by policy "1.2.3", and of a device that is known by its MAC nothing else is known | drop policy`},
		{"vlans that there are not", pumps(func(r *Rule) { r.OneOf = []string{"pmps", "pumps", "montors", "printers"} }),
			`ssid[3].rule[0].vlan | rule 1 of SSID "Ward" names vlan pmps, and there is no such vlan | did you mean "pumps"?
ssid[3].rule[0].vlan | rule 1 of SSID "Ward" names vlan montors, and there is no such vlan | did you mean "monitors"?
ssid[3].rule[0].vlan | rule 1 of SSID "Ward" names vlan printers, and there is no such vlan | add it to [vlan]`},
		{"no vlan that there is", pumps(func(r *Rule) { r.OneOf = []string{"pmps"} }),
			`ssid[3].rule[0].vlan | rule 1 of SSID "Ward" names vlan pmps, and there is no such vlan | did you mean "pumps"?`},
		{"a vlan that there is not", scales(func(r *Rule) { r.VLAN = "scals" }),
			`ssid[3].rule[1].vlan | rule 2 of SSID "Ward" names vlan scals, and there is no such vlan | did you mean "scales"?`},
		{"a vlan twice", pumps(func(r *Rule) { r.OneOf = []string{"pumps", "monitors", "pumps"} }),
			`ssid[3].rule[0].vlan | rule 1 of SSID "Ward" names vlan pumps twice | keep one`},
		{"several vlans for people", people(func(r *Rule) { r.OneOf = []string{"visitor", "academic"} }),
			`ssid[0].rule[1].vlan | rule 2 of SSID "NHS-Staff" names 2 vlans for @northbridge.nhs.uk, and only a list of devices says which is whose | name one vlan`},
		{"people who are trusted anyway", people(func(r *Rule) { r.Trusted = true }),
			`ssid[0].rule[1].trusted | rule 2 of SSID "NHS-Staff" says trusted for @northbridge.nhs.uk, and only devices that are known by their MAC need it said | drop trusted`},
		{"every list trusted", scales(func(r *Rule) { r.Who, r.Trusted = "devices", true }),
			`ssid[3].rule[1].trusted | rule 2 of SSID "Ward" says trusted for every list at once | name the list: who = "devices LIST"`},
		{"trusted for nothing", scales(func(r *Rule) { r.Trusted = true }),
			`warned: ssid[3].rule[1].trusted | rule 2 of SSID "Ward" says trusted, and its vlan is in no trusted zone | drop trusted`},
		{"trusted for one of two", pumps(func(r *Rule) { r.OneOf = []string{"scales", "pumps"} }),
			`warned: vlan.monitors | nobody can reach vlan monitors | drop it, or give it a rule`},
		{"not trusted", pumps(func(r *Rule) { r.Trusted = false }),
			`ssid[3].rule[0].vlan | a device of list pumps (whose line names vlan pumps) on SSID "Ward" at Royal Infirmary reaches zone clinical: rule 1 (who = "devices pumps") gives vlan pumps (150), and clinical is trusted, which a MAC alone does not open unless the rule says trusted = true for its list | name another vlan in rule 1, or narrow whom it is for`},
		{"a guarantee that the second of two vlans breaks", func(c *Config) { c.Guarantees = []Guarantee{{Who: "devices", Never: Place{VLAN: "monitors"}}} },
			`ssid[3].rule[0].vlan | a device of list pumps (whose line names vlan monitors) on SSID "Ward" at Royal Infirmary reaches zone clinical: rule 1 (who = "devices pumps") gives vlan monitors (151), and guarantee 1 says: devices never reaches vlan monitors | name another vlan in rule 1, or narrow whom it is for`},
		{"a guarantee of a list that another's devices may break", func(c *Config) {
			c.Guarantees = []Guarantee{{Who: "devices pumps", Never: Place{Zone: "visitor"}}, {Who: "devices scales", Never: Place{Zone: "visitor"}}}
			c.Sites[1].Controllers[0].WithoutVLAN = "reject"
		},
			`ssid[3].rule[1].vlan | a device of list scales (whose line names no vlan) on SSID "Ward" at Royal Infirmary reaches zone visitor: rule 2 (who = "devices scales") gives vlan scales (160), and guarantee 2 says: devices scales never reaches zone visitor | name another vlan in rule 2, or narrow whom it is for`},
	} {
		cfg := wards()
		c.change(&cfg)
		p, err := New(cfg)
		var problems Problems
		errors.As(err, &problems)
		got := problemLines(problems)
		if p != nil {
			if w := problemLines(withoutSpeeds(p.Warnings())); w != "" {
				got = "warned: " + w
			}
		}
		if got != c.want || (p == nil) != (err != nil) {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// Holds R50 for devices: why each rule fits one or does not, and that it is nobody's person.
func TestWordsOfADeviceDecision(t *testing.T) {
	const (
		person, device = "it is for devices that are known by their MAC, and this is a person", "it is for people, and this is a device that is known by its MAC"
		otherList      = "it is for devices of another list"
		refused        = `refused: SSID "Ward" at Royal Infirmary has no network for `
	)
	notOn := func(name string) string { return "the device's line does not name vlan " + name }
	p := mustNew(t, wards())
	for _, c := range []struct {
		f    Facts
		want []string
	}{
		{Facts{List: "pumps"}, []string{notOn("pumps"), notOn("monitors"), otherList, device, refused + "a device of list pumps: no-rule"}},
		{Facts{List: "pumps", Lands: "pumps"}, []string{"it fits, and gives vlan pumps", "vlan pumps (150) in zone clinical at Royal Infirmary"}},
		{Facts{List: "pumps", Lands: "monitors"}, []string{notOn("pumps"), "it fits, and gives vlan monitors", "vlan monitors (151) in zone clinical at Royal Infirmary"}},
		{Facts{List: "pumps", Lands: "scales"}, []string{notOn("pumps"), notOn("monitors"), otherList, device, refused + "a device of list pumps, whose line names vlan scales: no-rule"}},
		{Facts{List: "scales"}, []string{otherList, otherList, "it fits, and gives vlan scales", "vlan scales (160) in zone visitor at Royal Infirmary"}},
		{Facts{List: "scales", Lands: "scales"}, []string{otherList, otherList, "it fits, and gives vlan scales", "vlan scales (160) in zone visitor at Royal Infirmary"}},
		{Facts{List: "scales", Lands: "pumps"}, []string{otherList, otherList, notOn("scales"), device, refused + "a device of list scales, whose line names vlan pumps: no-rule"}},
		{Facts{List: "x-rays"}, []string{`refused: there is no list of devices "x-rays": mac-unknown`}},
		{Facts{List: "scales", SSID: "eduroam"}, []string{`refused: SSID "eduroam" lets in no device of list scales: no-rule`}},
		{Facts{User: "nurse", Realm: "northbridge.nhs.uk", Own: true}, []string{person, person, person, "it fits, and gives vlan staff-byod", "vlan staff-byod (140) in zone visitor at Royal Infirmary"}},
		{Facts{User: "guest", Realm: "x.fr"}, []string{person, person, person, "it is for our own people, and this is a visitor", refused + `"guest" at "x.fr": no-rule`}},
	} {
		c.f.Site = "Royal Infirmary"
		if c.f.SSID == "" {
			c.f.SSID = "Ward"
		}
		var got []string
		for _, s := range p.Explain(c.f) {
			_, why, is := strings.Cut(s.Text, "): ")
			if !is {
				why = s.Text
			}
			got = append(got, why)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v:\ngot  %q\nwant %q", c.f, got, c.want)
		}
	}
	for what, change := range map[string]func(*Facts){
		"ours": func(f *Facts) { f.Own = true }, "somebody": func(f *Facts) { f.User = "nurse" }, "a realm's": func(f *Facts) { f.Realm = "northbridge.nhs.uk" },
		"elsewhere": func(f *Facts) { f.Elsewhere = true }, "at an edge": func(f *Facts) { f.ByEdge = true },
	} {
		f := Facts{List: "scales", SSID: "Ward", Site: "Royal Infirmary"}
		change(&f)
		if a, err := p.Assign(f); !errors.Is(err, ErrRealmMisplaced) || a != (Assignment{}) {
			t.Errorf("a device that is %s: %v, %v", what, a, err)
		}
	}
}

// The VLANs that a list may give its devices are those that rules for the list have, on
// SSIDs that let it in, each once.
func TestMayHave(t *testing.T) {
	cfg := wards()
	cfg.SSIDs = append(cfg.SSIDs, SSID{Name: "Stores", MAC: []string{"scales"}, Rules: []Rule{{Who: "devices scales", VLAN: "scales"}, {Who: "devices", OneOf: []string{"staff-byod", "visitor"}}}})
	p := mustNew(t, cfg)
	for list, want := range map[string][]string{"pumps": {"pumps", "monitors"}, "scales": {"scales", "staff-byod", "visitor"}, "x-rays": nil, "": nil} {
		if got := p.MayHave(list); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", list, got, want)
		}
	}
	for who, want := range map[string]bool{"devices": true, "devices pumps": true, "device": false, "devicespumps": false, "own": false, "": false, "@devices": false} {
		if ForDevices(who) != want {
			t.Errorf("%q is for devices: %t", who, !want)
		}
	}
}

// The proof goes through each kind of device: of each list those without a VLAN, those with
// each that a rule has for the list, and those with another; on each SSID, at each site.
func TestProofOfDevices(t *testing.T) {
	p := mustNew(t, wards())
	const kinds, ssids, sites, controllers = 1 + 2 + 1 + 1 + 1 + 1, 4, 2, 2
	proof := p.Proof()
	want := fmt.Sprintf("always     a device known only by its MAC never reaches a trusted zone unless a rule says so for its list (%d cases)", kinds*ssids*sites+controllers*ssids)
	if text := proof.String(); !strings.Contains(text, want) || !strings.Contains(text, "that a device is the one whose MAC it shows") {
		t.Errorf("got\n%s\nwant %s", text, want)
	}
	if people := 4; proof.Classes != people+kinds {
		t.Errorf("%d kinds of people and devices, want %d", proof.Classes, people+kinds)
	}
	for _, l := range proof.Table[:7] {
		if want := map[string]string{"pumps": "devices pumps on Ward", "monitors": "devices pumps on Ward", "scales": "devices scales on Ward"}[l.VLAN]; want != "" && strings.Join(l.Who, "; ") != want {
			t.Errorf("on vlan %s land %q", l.VLAN, l.Who)
		}
	}
	if text := mustNew(t, trust()).Proof().String(); strings.Contains(text, "MAC") {
		t.Errorf("without lists:\n%s", text)
	}
}

// What an admin changes for devices, and what is said of it.
func TestCompareDevices(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"nothing": {func(*Config) {}, ""},
		"scales among the pumps": {func(c *Config) { c.SSIDs[3].Rules[1].VLAN, c.SSIDs[3].Rules[1].Trusted = "pumps", true }, `
Into a trusted zone:
  a device of list scales, on SSID "Ward" at Royal Infirmary and HMP Eastmoor health centre:
      vlan scales (160), zone visitor  ->  vlan pumps (150), zone clinical, which is trusted
  a device of list scales, whose line names vlan pumps, on SSID "Ward" at Royal Infirmary and HMP Eastmoor health centre:
      refused (no-rule)  ->  vlan pumps (150), zone clinical, which is trusted
Refused, and let in before:
  a device of list scales, whose line names vlan scales, on SSID "Ward" at Royal Infirmary and HMP Eastmoor health centre:
      vlan scales (160), zone visitor  ->  refused (no-rule)
`},
		"one vlan for all of a list": {func(c *Config) { c.SSIDs[3].Rules[0].VLAN, c.SSIDs[3].Rules[0].OneOf = "pumps", nil }, `
Into a trusted zone:
  a device of list pumps, on SSID "Ward" at Royal Infirmary and HMP Eastmoor health centre:
      refused (no-rule)  ->  vlan pumps (150), zone clinical, which is trusted
Refused, and let in before:
  a device of list pumps, whose line names vlan monitors, on SSID "Ward" at Royal Infirmary and HMP Eastmoor health centre:
      vlan monitors (151), zone clinical, which is trusted  ->  refused (no-rule)
`},
		"a list goes": {func(c *Config) {
			c.Devices, c.SSIDs[3].MAC = c.Devices[:1], c.SSIDs[3].MAC[:1]
			c.SSIDs[3].Rules = slices.Delete(c.SSIDs[3].Rules, 1, 2)
		}, `
Refused, and let in before:
  a device of list scales and a device of list scales, whose line names vlan scales, on SSID "Ward" at Royal Infirmary and HMP Eastmoor health centre:
      vlan scales (160), zone visitor  ->  refused (mac-unknown)
`},
	} {
		cfg := wards()
		c.change(&cfg)
		got, err := mustNew(t, wards()).Compare(mustNew(t, cfg))
		if err != nil {
			t.Fatal(err)
		}
		if text := got.String(); text != strings.TrimPrefix(c.want, "\n") {
			t.Errorf("%s: got:\n%s", name, text)
		}
	}
}
