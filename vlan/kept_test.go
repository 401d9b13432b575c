package vlan

import (
	"errors"
	"strings"
	"testing"
)

// An Assignment that was made before a reload holds where its number is of the same zone,
// which is as trusted as it was.
func TestHolds(t *testing.T) {
	for name, c := range map[string]struct {
		who    Facts
		change func(*Config)
		want   bool
	}{
		"nothing changes":                       {visitor, func(*Config) {}, true},
		"another VLAN changes its number":       {visitor, func(cfg *Config) { cfg.VLANs[0].ID = 111 }, true},
		"the number is nobody's":                {visitor, func(cfg *Config) { cfg.VLANs[3].ID = 321 }, true},
		"the number is another zone's":          {visitor, func(cfg *Config) { cfg.VLANs[3].ID, cfg.VLANs[2].ID, cfg.Sites[0].VLAN = 321, 320, nil }, false},
		"the number is a trusted zone's":        {visitor, func(cfg *Config) { cfg.VLANs[3].ID, cfg.VLANs[0].ID = 321, 320 }, false},
		"the zone has another name":             {student, func(cfg *Config) { cfg.Zones[1].Name, cfg.VLANs[2].Zone = "campus", "campus" }, false},
		"the site is gone":                      {visitor, func(cfg *Config) { cfg.Sites[0].Name = "Royal" }, true},
		"the zone becomes trusted":              {ungrouped, func(cfg *Config) { cfg.Zones = append(cfg.Zones, Zone{"byod", true}); cfg.VLANs[1].Zone = "byod" }, false},
		"a trusted zone stays so":               {nurse, func(*Config) {}, true},
		"a trusted zone is no longer":           {nurse, func(cfg *Config) { cfg.Zones[0].Trusted = false; cfg.Guarantees = nil }, true},
		"one of ours elsewhere, all is changed": {change(nurse, func(f *Facts) { f.Elsewhere = true }), func(cfg *Config) { cfg.VLANs[0].ID = 111 }, true},
	} {
		a := mustAssign(t, mustNew(t, trust()), c.who)
		cfg := trust()
		c.change(&cfg)
		if got := mustNew(t, cfg).Holds(a); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	p := mustNew(t, trust())
	if p.Holds(Assignment{}) {
		t.Error("nothing holds")
	}
	// The same zone by its name, trusted from now on.
	cfg := trust()
	cfg.SSIDs[1].Rules, cfg.SSIDs[2].Rules = cfg.SSIDs[1].Rules[:1], cfg.SSIDs[2].Rules[:1]
	cfg.Zones[2].Trusted, cfg.Sites[1].Controllers[0].WithoutVLAN = true, "reject"
	if mustNew(t, cfg).Holds(mustAssign(t, p, visitor)) {
		t.Error("a visitor's zone is trusted now, and holds")
	}
	if !mustNew(t, cfg).Holds(mustAssign(t, mustNew(t, cfg), ungrouped)) {
		t.Error("a zone that was trusted holds no more")
	}
}

// ungrouped is a nurse of no group, who is on another VLAN than the clinical one.
var ungrouped = change(nurse, func(f *Facts) { f.Groups = nil })

// A decision of a policy that was never proved is held against its guarantees: those who
// are covered, and those who may be for all that is known, go nowhere.
func TestKept(t *testing.T) {
	byod := change(ungrouped, func(f *Facts) { f.Device = "unverified" })
	for name, c := range map[string]struct {
		g    Guarantee
		with func(*Facts)
		kept bool
	}{
		"everybody":                   {Guarantee{}, nil, false},
		"of ours":                     {Guarantee{Who: "own"}, nil, false},
		"visitors":                    {Guarantee{Who: "visitor"}, nil, true},
		"the realm":                   {Guarantee{Who: "@northbridge.nhs.uk"}, nil, false},
		"another realm":               {Guarantee{Who: "@camford.ac.uk"}, nil, true},
		"the person":                  {Guarantee{Who: "nurse@northbridge.nhs.uk"}, nil, false},
		"another person":              {Guarantee{Who: "matron@northbridge.nhs.uk"}, nil, true},
		"a person, and no name":       {Guarantee{Who: "matron@northbridge.nhs.uk"}, func(f *Facts) { f.User = "" }, false},
		"the SSID":                    {Guarantee{SSIDs: []string{"NHS-Staff"}}, nil, false},
		"another SSID":                {Guarantee{SSIDs: []string{"eduroam"}}, nil, true},
		"the site":                    {Guarantee{Sites: []string{"Royal Infirmary"}}, nil, false},
		"another site":                {Guarantee{Sites: []string{"HMP Eastmoor health centre"}}, nil, true},
		"the method":                  {Guarantee{Method: "tls"}, nil, false},
		"another method":              {Guarantee{Method: "peap"}, nil, true},
		"a method that is hidden":     {Guarantee{Method: "peap"}, func(f *Facts) { f.Method = "" }, false},
		"a group":                     {Guarantee{Who: "own", Group: "Locums"}, func(f *Facts) { f.Groups = []string{"LOCUMS"} }, false},
		"another group":               {Guarantee{Who: "own", Group: "Locums"}, nil, true},
		"groups that are not known":   {Guarantee{Who: "own", Group: "Locums"}, func(f *Facts) { f.GroupsUnknown = true }, false},
		"surely not in the group":     {Guarantee{Who: "own", Group: "Locums"}, func(f *Facts) { f.GroupsUnknown, f.NotIn = true, []string{"locums"} }, true},
		"unverified devices":          {Guarantee{Who: "own", Device: "unverified"}, nil, false},
		"verified devices":            {Guarantee{Who: "own", Device: "verified"}, nil, true},
		"a device, and none is known": {Guarantee{Who: "own", Device: "verified"}, func(f *Facts) { f.Device = "" }, false},
		"the issuer":                  {Guarantee{Who: "own", Issuer: "staff-ca"}, func(f *Facts) { f.Issuer = "staff-ca" }, false},
		"another issuer":              {Guarantee{Who: "own", Issuer: "staff-ca"}, func(f *Facts) { f.Issuer = "device-ca" }, true},
		"an issuer that is not known": {Guarantee{Who: "own", Issuer: "staff-ca"}, func(f *Facts) { f.CertificateUnknown = true }, false},
		"the policy":                  {Guarantee{Who: "own", Policy: "1.2.3"}, func(f *Facts) { f.Issuer, f.Policies = "staff-ca", []string{"1.2.3"} }, false},
		"another policy":              {Guarantee{Who: "own", Policy: "1.2.3"}, func(f *Facts) { f.Issuer, f.Policies = "staff-ca", []string{"1.2.4"} }, true},
		"a policy that is not known":  {Guarantee{Who: "own", Policy: "1.2.3"}, func(f *Facts) { f.CertificateUnknown = true }, false},
		"all of it, but the method":   {Guarantee{Who: "own", Method: "peap", Device: "unverified", SSIDs: []string{"NHS-Staff"}}, nil, true},
		"all of it, but the device":   {Guarantee{Who: "own", Method: "tls", Device: "verified", SSIDs: []string{"NHS-Staff"}}, nil, true},
	} {
		for _, place := range []Place{{Zone: "visitor"}, {VLAN: "staff-byod"}} {
			cfg := trust()
			cfg.Authorities, cfg.SSIDs[0].Rules = []string{"staff-ca", "device-ca"}, cfg.SSIDs[0].Rules[1:]
			c.g.Never = place
			cfg.Guarantees = []Guarantee{c.g}
			f := byod
			if c.with != nil {
				f = change(byod, c.with)
			}
			_, err := read(cfg).policy.Assign(f)
			if (err == nil) != c.kept || err != nil && (!errors.Is(err, ErrZoneGuard) || !strings.HasPrefix(err.Error(), "guarantee 1 says: ")) {
				t.Errorf("%s, never %+v: %v", name, place, err)
			}
			cfg.Guarantees[0].Never, cfg.Guarantees[0].Only = Place{}, place
			if _, err := read(cfg).policy.Assign(f); err != nil {
				t.Errorf("%s, only %+v: %v", name, place, err)
			}
		}
	}
	// A visitor's device is never seen here, and counts as one that proved nothing.
	for device, kept := range map[string]bool{"verified": true, "unverified": false} {
		cfg := trust()
		cfg.Guarantees = []Guarantee{{Device: device, Never: Place{VLAN: "visitor"}}}
		if _, err := read(cfg).policy.Assign(visitor); (err == nil) != kept {
			t.Errorf("a visitor, and %s devices never: %v", device, err)
		}
	}
}
