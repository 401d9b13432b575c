package daemon

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Tests of a file say VLANs and rules by name, and rules are called by theirs wherever
// they are spoken of.
func TestRulesAreCalledByTheirNames(t *testing.T) {
	config := strings.NewReplacer(
		"[[ssid.rule]]\nwho   = \"@clinic.northbridge.nhs.uk\"\ngroup = \"wifi-clinical\"", "[[ssid.rule]]\nname  = \"clinical staff\"\nwho   = \"@clinic.northbridge.nhs.uk\"\ngroup = \"wifi-clinical\"",
		"[[ssid.rule]]\nwho   = \"own\"", "[[ssid.rule]]\nname  = \"anybody\"\nwho   = \"own\"",
		"access = \"allow\"", "name = \"who travels\"\naccess = \"refuse\"",
		"[zone]", "[federation.eduroam]\nclients = [{ address = \"198.51.100.11\", secret = \"secret-of-the-groups-town\" }]\n[zone]",
	).Replace(groupsTown)
	nurse := `given = { user = "nurse@clinic.northbridge.nhs.uk", ssid = "NHS-Staff", site = "Royal Infirmary", groups = ["Wifi-Clinical"] }`
	abroad := `given = { user = "nurse@clinic.northbridge.nhs.uk", federation = "eduroam", groups = ["Travellers"] }`
	cases := []struct{ given, expect, failure string }{
		{nurse, `vlan = "office"`, ""},
		{nurse, `vlan = 110, rule = "clinical staff", zone = "office"`, ""},
		{nurse, `vlan = "stores"`, "vlan is office, expected stores"},
		{nurse, `vlan = 120`, "vlan is 110, expected 120"},
		{nurse, `rule = "anybody"`, "rule is clinical staff, expected anybody"},
		{strings.Replace(nurse, "Wifi-Clinical", "Wifi-Clinicl", 1), `rule = "clinical staff"`, "rule is none, expected clinical staff"},
		{strings.Replace(nurse, "Wifi-Clinical", "Porters", 1), `vlan = "office"`, "vlan is none, expected office; SSID \"NHS-Staff\" at Royal Infirmary has no network"},
		{abroad, `rule = "who travels", outcome = "reject"`, ""},
		{abroad, `rule = "anybody"`, "rule is who travels, expected anybody"},
	}
	for _, c := range cases {
		config += "[[test]]\n" + c.given + "\nexpect = { " + c.expect + " }\n"
	}
	i := inspectGroups(t, config)
	results := i.Test()[1:]
	for n, c := range cases {
		if got := results[n].Failure; !strings.HasPrefix(got, c.failure) || c.failure == "" && got != "" {
			t.Errorf("expect %s: %q; want %q", c.expect, got, c.failure)
		}
	}
	for _, i := range []*Inspection{i, unproved(i.File, time.Now)} { // one that is refused as well
		e := i.Explain(Query{User: "nurse@clinic.northbridge.nhs.uk", SSID: "NHS-Staff", Site: "Royal Infirmary", Groups: []string{"Wifi-Clinical"}})
		if e.Rule != "NHS-Staff rule 1 (clinical staff)" || e.Named != "clinical staff" || !strings.Contains(e.String(), `: "clinical staff", rule 1 (who =`) {
			t.Errorf("%q, %q: %s", e.Rule, e.Named, e)
		}
	}
	if missed := i.Coverage(results).Missed; !slices.ContainsFunc(missed, func(m string) bool { return strings.HasSuffix(m, `: "anybody", rule 5 of SSID "NHS-Staff"`) }) {
		t.Errorf("%q", missed)
	}
}
