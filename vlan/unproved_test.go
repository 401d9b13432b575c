package vlan

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// Each counterexample has the facts of one log-in, and whoever asks with them is shown that
// the rule gives them the VLAN, though nothing is served by such a file.
func TestCounterexamplesAsLogIns(t *testing.T) {
	clinical := Place{Zone: "clinical"}
	const royal = "Royal Infirmary"
	for _, c := range []struct {
		name   string
		change func(*Config)
		facts  Facts
		vlan   string
	}{
		{"a visitor", func(c *Config) { c.SSIDs[1].Rules[1].VLAN, c.Guarantees = "clinical", nil },
			Facts{Site: royal, SSID: "eduroam", User: "anyone", Realm: "other.example", Method: "tls", CertificateUnknown: true}, "clinical"},
		{"a partner's, by name", func(c *Config) {
			c.SSIDs[1].Rules = append([]Rule{{Who: "dean@camford.ac.uk", VLAN: "clinical"}}, c.SSIDs[1].Rules...)
			c.Guarantees = nil
		},
			Facts{Site: royal, SSID: "eduroam", User: "dean", Realm: "camford.ac.uk", Method: "tls", CertificateUnknown: true}, "clinical"},
		{"one of ours by method and group", func(c *Config) { c.Guarantees = []Guarantee{{Who: "own", Never: clinical}} },
			Facts{Site: royal, SSID: "NHS-Staff", User: "anyone", Realm: "northbridge.nhs.uk", Own: true, Method: "tls", Groups: []string{"Wifi-Clinical"}}, "clinical"},
		{"at the site of the rule", func(c *Config) {
			c.SSIDs[2].Rules = append([]Rule{{Who: atTrust, Site: "HMP Eastmoor health centre", EAP: "peap", VLAN: "clinical"}}, c.SSIDs[2].Rules...)
			c.Guarantees = []Guarantee{{SSIDs: []string{"govroam"}, Never: clinical}}
		},
			Facts{Site: "HMP Eastmoor health centre", SSID: "govroam", User: "anyone", Realm: "northbridge.nhs.uk", Own: true, Method: "peap"}, "clinical"},
		{"by a device and a certificate", all(certified(Rule{Who: atTrust, Device: "verified", Issuer: "staff-ca", Policy: "1.2.3", VLAN: "clinical"}), func(c *Config) {
			c.Guarantees = []Guarantee{{Who: "own", Never: clinical}}
		}),
			Facts{Site: royal, SSID: "NHS-Staff", User: "anyone", Realm: "northbridge.nhs.uk", Own: true, Method: "tls", Device: "verified", Issuer: "staff-ca", Policies: []string{"1.2.3"}}, "clinical"},
		{"by a policy of whatever authority", all(certified(Rule{Who: atTrust, Issuer: "staff-ca", VLAN: "visitor"}, Rule{Who: atTrust, Policy: "1.2.3", VLAN: "clinical"}), func(c *Config) {
			c.Guarantees = []Guarantee{{Who: "own", Never: clinical}}
		}),
			Facts{Site: royal, SSID: "NHS-Staff", User: "anyone", Realm: "northbridge.nhs.uk", Own: true, Method: "tls", Issuer: "device-ca", Policies: []string{"1.2.3"}}, "clinical"},
		{"by the one policy of two, that group of two", all(certified(Rule{Who: atTrust, Policy: "1.2.4", Group: "Barred", VLAN: "visitor"}, Rule{Who: atTrust, Policy: "1.2.3", Group: "Nurses", VLAN: "clinical"}), func(c *Config) {
			c.Guarantees = []Guarantee{{Who: "own", Never: clinical}}
		}),
			Facts{Site: royal, SSID: "NHS-Staff", User: "anyone", Realm: "northbridge.nhs.uk", Own: true, Method: "tls", Groups: []string{"Nurses"}, Issuer: "device-ca", Policies: []string{"1.2.3"}}, "clinical"},
		{"without a certificate", all(certified(Rule{Who: atTrust, Issuer: "staff-ca", VLAN: "visitor"}, Rule{Who: atTrust, VLAN: "clinical"}), func(c *Config) {
			c.Guarantees = []Guarantee{{Who: "own", Never: clinical}}
		}),
			Facts{Site: royal, SSID: "NHS-Staff", User: "anyone", Realm: "northbridge.nhs.uk", Own: true, Method: "tls"}, "clinical"},
		{"a device whose line names no vlan", func(c *Config) {
			pumps(c)
			c.SSIDs[3].Rules = []Rule{{Who: "devices pumps", VLAN: "clinical"}}
		},
			Facts{Site: royal, SSID: "Devices", List: "pumps"}, "clinical"},
		{"a device whose line names it, of the second list", func(c *Config) {
			pumps(c)
			c.SSIDs[3].MAC = []string{"pumps", "scales"}
			c.SSIDs[3].Rules = []Rule{{Who: "devices scales", OneOf: []string{"visitor", "clinical"}}}
		},
			Facts{Site: royal, SSID: "Devices", List: "scales", Lands: "clinical"}, "clinical"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := trust()
			c.change(&cfg)
			_, err := New(cfg)
			var problems Problems
			if !errors.As(err, &problems) || problems[0].Example == nil {
				t.Fatalf("no counterexample: %v", err)
			}
			got := problems[0].Example
			if !reflect.DeepEqual(got.Facts, c.facts) || got.VLAN != c.vlan {
				t.Errorf("got  %+v\nwant %+v on %s", *got, c.facts, c.vlan)
			}
			u := Resolve(cfg)
			if u == nil {
				t.Fatal("it does not resolve")
			}
			steps := u.Explain(got.Facts)
			if len(steps) < 2 || !strings.HasSuffix(steps[len(steps)-2].Text, ": it fits, and gives vlan "+c.vlan) {
				t.Errorf("explained as %+v", steps)
			}
			if to, err := u.Land(got.Facts); err == nil || !errors.Is(err, ErrZoneGuard) || to != (Lands{}) {
				t.Errorf("%+v, %v: a decision is held against what is promised, proof or no proof", to, err)
			}
		})
	}
}

// A file whose names resolve can be asked, one whose names do not cannot.
func TestResolve(t *testing.T) {
	u := Resolve(trust())
	if u == nil {
		t.Fatal("a good file does not resolve")
	}
	if to, err := u.Land(nurse); err != nil || to != (Lands{VLAN: "clinical", Zone: "clinical", Rule: "NHS-Staff rule 1", ID: 110}) {
		t.Errorf("%+v, %v", to, err)
	}
	if to, err := u.Land(change(nurse, func(f *Facts) { f.Site = "Elsewhere" })); !errors.Is(err, ErrSiteUnknown) || to != (Lands{}) {
		t.Errorf("%+v, %v", to, err)
	}
	for name, change := range map[string]func(*Config){
		"a VLAN that there is not": func(c *Config) { c.SSIDs[0].Rules[0].VLAN = "clinicl" },
		"a site's unknown VLAN":    func(c *Config) { c.Sites[0].VLAN["clinicl"] = 7 },
		"a controller's":           func(c *Config) { c.Sites[0].Controllers[0].WithoutVLAN = "" },
	} {
		cfg := trust()
		change(&cfg)
		if Resolve(cfg) != nil {
			t.Errorf("%s: it resolves", name)
		}
	}
}
