package vlan

import (
	"testing"
	"time"
)

// trust is the file of a Trust with two sites, as an admin would write it.
func trust() Config {
	return Config{
		Now:      func() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) },
		Own:      []string{"northbridge.nhs.uk"},
		Partners: []string{"camford.ac.uk"},
		Zones:    []Zone{{"clinical", true}, {"academic", false}, {"visitor", false}},
		VLANs: []VLAN{
			{Name: "clinical", ID: 110, Zone: "clinical"},
			{Name: "staff-byod", ID: 140, Zone: "visitor"},
			{Name: "academic", ID: 310, Zone: "academic", Down: "50M", Up: "20M", Filter: "student-web"},
			{Name: "visitor", ID: 320, Zone: "visitor", Down: "10M"},
		},
		SSIDs: []SSID{
			{Name: "NHS-Staff", Rules: []Rule{
				{Who: "@northbridge.nhs.uk", EAP: "tls", Group: "Wifi-Clinical", VLAN: "clinical"},
				{Who: "@northbridge.nhs.uk", VLAN: "staff-byod"},
			}},
			{Name: "eduroam", Federation: "eduroam", Rules: []Rule{
				{Who: "@camford.ac.uk", VLAN: "academic"},
				{Who: "visitor", VLAN: "visitor"},
			}},
			{Name: "govroam", Federation: "govroam", Rules: []Rule{
				{Who: "@northbridge.nhs.uk", VLAN: "staff-byod"},
				{Who: "visitor", VLAN: "visitor"},
			}},
		},
		Guarantees: []Guarantee{{Who: "visitor", Never: Place{Zone: "clinical"}}},
		Sites: []Site{
			{Name: "Royal Infirmary", VLAN: map[string]uint16{"academic": 1310}, Controllers: []Controller{
				{Name: "royal-wlc", Vendor: "cisco-9800", WithoutVLAN: "reject"},
			}},
			{Name: "HMP Eastmoor health centre", Controllers: []Controller{
				{Name: "eastmoor-ap", Vendor: "aruba", WithoutVLAN: "visitor"},
			}, Agreement: &Agreement{
				Reference: "AA-2026-017",
				From:      time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC),
				Until:     time.Date(2027, 3, 31, 0, 0, 0, 0, time.UTC),
			}},
		},
	}
}

func mustNew(t testing.TB, cfg Config) *Policy {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatalf("refused:\n%v", err)
	}
	return p
}

// The people of the Trust, each on the SSID that is theirs.
var (
	nurse   = Facts{Site: "Royal Infirmary", Controller: "royal-wlc", SSID: "NHS-Staff", User: "nurse", Realm: "northbridge.nhs.uk", Own: true, Method: "tls", Groups: []string{"Domain Users", "wifi-clinical"}}
	student = Facts{Site: "Royal Infirmary", Controller: "royal-wlc", SSID: "eduroam", User: "sam", Realm: "camford.ac.uk"}
	visitor = Facts{Site: "Royal Infirmary", Controller: "royal-wlc", SSID: "eduroam", User: "alice", Realm: "uni.ac.uk"}
)

func change(f Facts, with func(*Facts)) Facts {
	with(&f)
	return f
}
