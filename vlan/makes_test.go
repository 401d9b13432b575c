package vlan

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"layeh.com/radius"
)

// dictionary is what other people call attributes, and number them.
func dictionary(t *testing.T) map[string]attribute {
	t.Helper()
	text, err := os.ReadFile("testdata/dictionary.txt")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]attribute{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		var at attribute
		var name string
		if _, err := fmt.Sscan(line, &at.vendor, &at.code, &name); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		named[name] = at
	}
	return named
}

// Every attribute that the gate knows by name is the one that others know by it: what an
// alarm calls Aruba-User-Vlan is Aruba's.
func TestAttributesAreThoseOfTheDictionary(t *testing.T) {
	named := dictionary(t)
	seen := map[attribute]bool{}
	for _, p := range append(slices.Clone(placements), harmless...) {
		if at, known := named[p.name]; !known || at != p.attribute {
			t.Errorf("%s is attribute %d of vendor %d, and the dictionary has %+v", p.name, p.code, p.vendor, at)
		}
		if seen[p.attribute] {
			t.Errorf("%s is there twice", p.name)
		}
		seen[p.attribute] = true
	}
}

// Where each make writes the SSID and the access point's name, by the names of the
// dictionary, and as whom it asks whether we live.
func TestSources(t *testing.T) {
	named := dictionary(t)
	type source struct{ ssid, ap, pairs, probes []string }
	want := map[string]source{
		"cisco-9800":   {pairs: []string{"cisco-wlan-ssid=", "wlan-profile-name="}},
		"cisco-aireos": {pairs: []string{"cisco-wlan-ssid="}},
		"aruba":        {ssid: []string{"Aruba-Essid-Name"}, ap: []string{"Aruba-Location-Id"}},
		"ruckus":       {ssid: []string{"Ruckus-SSID"}, ap: []string{"Ruckus-BSSID"}},
		"meraki":       {ap: []string{"Meraki-Ap-Name"}, probes: []string{"meraki_8021x_test"}},
		"extreme":      {ap: []string{"Extreme-User-Location"}},
		"fortinet":     {ssid: []string{"Fortinet-SSID"}, ap: []string{"Fortinet-AP-Name"}},
	}
	types := func(names []string) (list []VendorType) {
		for _, name := range names {
			list = append(list, VendorType{named[name].vendor, named[name].code})
		}
		return list
	}
	for _, vendor := range append(Vendors(), "", "nobody") {
		got, w := SourceOf(vendor), want[vendor]
		if !slices.Equal(got.SSID, types(w.ssid)) || !slices.Equal(got.AP, types(w.ap)) || !slices.Equal(got.AVPairs, w.pairs) || !slices.Equal(got.Probes, w.probes) {
			t.Errorf("%q: %+v, want %+v", vendor, got, w)
		}
	}
}

// A make that is not named is generic, and one that there is not is none.
func TestMakesByName(t *testing.T) {
	for _, vendor := range Vendors() {
		if v := findVendor(vendor); v == nil || v.name != vendor {
			t.Errorf("%s: %+v", vendor, v)
		}
	}
	if v := findVendor(""); v == nil || v.name != "generic" {
		t.Errorf("unnamed: %+v", v)
	}
	if v := findVendor("nobody"); v != nil {
		t.Errorf("nobody's: %+v", v)
	}
}

// One make knows a session by the audit-session-id of its Cisco-AVPair; to every other
// that attribute is one which nobody ordered.
func TestWhoKnowsAuditSessions(t *testing.T) {
	for _, vendor := range Vendors() {
		a := mustAssign(t, mustNew(t, worded(vendor, "", nil, nil)), visitor)
		request := radius.New(radius.CodeCoARequest, nil)
		request.Attributes = append(request.Attributes, attack(attribute{9, 1}, []byte("audit-session-id=0A14000A0000001B")))
		if err := a.TagChange(request); (err == nil) != (vendor == "cisco-9800") {
			t.Errorf("%s: %v", vendor, err)
		}
	}
}
