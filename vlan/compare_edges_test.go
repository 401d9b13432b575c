package vlan

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const atTrust = "@northbridge.nhs.uk"

func staffRules(rules ...Rule) func(*Config) {
	return func(cfg *Config) { cfg.SSIDs[0].Rules = rules }
}

// certified is the Trust's file once there are authorities that vouch for certificates.
func certified(rules ...Rule) func(*Config) {
	return func(cfg *Config) {
		cfg.Authorities = []string{"staff-ca", "device-ca"}
		cfg.SSIDs[0].Rules = rules
	}
}

// pumps is the Trust's file with devices that are known by their MAC.
func pumps(cfg *Config) {
	cfg.Devices = []string{"pumps", "scales"}
	cfg.SSIDs = append(cfg.SSIDs, SSID{Name: "Devices", MAC: []string{"pumps"}, Rules: []Rule{{Who: "devices pumps", OneOf: []string{"visitor", "staff-byod"}}}})
}

// moreSites adds sites to the Trust's two.
func moreSites(names ...string) func(*Config) {
	return func(cfg *Config) {
		for _, name := range names {
			cfg.Sites = append(cfg.Sites, Site{Name: name, Controllers: []Controller{{Name: name + " wlc", WithoutVLAN: "reject"}}})
		}
	}
}

// oneSite leaves the Trust its first site.
func oneSite(cfg *Config) { cfg.Sites = cfg.Sites[:1] }

// all makes several changes.
func all(changes ...func(*Config)) func(*Config) {
	return func(cfg *Config) {
		for _, change := range changes {
			change(cfg)
		}
	}
}

var comparisons = []struct {
	name  string
	base  func(*Config) // how both files differ from the Trust's; nil: not at all
	to    func(*Config) // and the second from the first
	cases int           // that were looked at in both
	want  string        // all that is said
}{
	{name: "people of the file",
		base:  staffRules(Rule{Who: "locum" + atTrust, VLAN: "visitor"}, Rule{Who: "matron" + atTrust, VLAN: "visitor"}, Rule{Who: atTrust, VLAN: "staff-byod"}),
		to:    staffRules(Rule{Who: "Matron" + atTrust, VLAN: "visitor"}, Rule{Who: "Porter" + atTrust, VLAN: "visitor"}, Rule{Who: atTrust, VLAN: "clinical"}),
		cases: 17, want: `
Into a trusted zone:
  anyone@northbridge.nhs.uk (one of ours), on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan staff-byod (140), zone visitor  ->  vlan clinical (110), zone clinical, which is trusted
  locum@northbridge.nhs.uk (one of ours), on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan visitor (320), zone visitor  ->  vlan clinical (110), zone clinical, which is trusted
To another VLAN or number of the same zone:
  porter@northbridge.nhs.uk (one of ours), on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan staff-byod (140), zone visitor  ->  vlan visitor (320), zone visitor
`},
	{name: "a person who is called anyone",
		base:  staffRules(Rule{Who: "anyone" + atTrust, VLAN: "visitor"}, Rule{Who: atTrust, VLAN: "staff-byod"}),
		to:    staffRules(Rule{Who: "anyone" + atTrust, VLAN: "visitor"}, Rule{Who: atTrust, VLAN: "visitor"}),
		cases: 11, want: `
To another VLAN or number of the same zone:
  some-anyone@northbridge.nhs.uk (one of ours), on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan staff-byod (140), zone visitor  ->  vlan visitor (320), zone visitor
`},
	{name: "nobody is named any more",
		base:  staffRules(Rule{Who: "locum" + atTrust, VLAN: "visitor"}, Rule{Who: atTrust, VLAN: "staff-byod"}),
		to:    staffRules(Rule{Who: atTrust, VLAN: "staff-byod"}),
		cases: 11, want: `
Let in, and refused before:
  a name that is hidden @northbridge.nhs.uk (one of ours), on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      refused (user-unknown)  ->  vlan staff-byod (140), zone visitor
To another VLAN or number of the same zone:
  locum@northbridge.nhs.uk (one of ours), on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan visitor (320), zone visitor  ->  vlan staff-byod (140), zone visitor
`},
	{name: "realms that are called as those who stand for others",
		base: func(cfg *Config) {
			cfg.Own, cfg.Partners = append(cfg.Own, "below.northbridge.nhs.uk"), append(cfg.Partners, "other.example")
		},
		to:    func(cfg *Config) { cfg.SSIDs[0].Rules[1].Who, cfg.SSIDs[1].Rules[1].VLAN = "own", "academic" },
		cases: 26, want: `
To another zone:
  anyone@other.example (a visitor) and anyone@another.example (a visitor), on SSID "eduroam" at Royal Infirmary:
      vlan visitor (320), zone visitor  ->  vlan academic (1310), zone academic
  anyone@other.example (a visitor) and anyone@another.example (a visitor), on SSID "eduroam" at HMP Eastmoor health centre:
      vlan visitor (320), zone visitor  ->  vlan academic (310), zone academic
Let in, and refused before:
  anyone@below.northbridge.nhs.uk (one of ours), anyone@anbelow.northbridge.nhs.uk (one of ours) and anyone@below.below.northbridge.nhs.uk (one of ours), on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      refused (no-rule)  ->  vlan staff-byod (140), zone visitor
`},
	{name: "a group in the place of another",
		base:  all(oneSite, staffRules(Rule{Who: atTrust, Group: "Nurses", VLAN: "clinical"}, Rule{Who: atTrust, Group: "nurses", EAP: "tls", VLAN: "visitor"}, Rule{Who: atTrust, Group: "Porters", VLAN: "academic"}, Rule{Who: atTrust, VLAN: "staff-byod"})),
		to:    staffRules(Rule{Who: atTrust, Group: "Doctors", VLAN: "clinical"}, Rule{Who: atTrust, Group: "Porters", VLAN: "academic"}, Rule{Who: atTrust, VLAN: "staff-byod"}),
		cases: 46, want: `
Into a trusted zone:
  anyone@northbridge.nhs.uk (one of ours) in group "Doctors" by any other method (and 2 other combinations of what they show), on SSID "NHS-Staff" at Royal Infirmary:
      vlan staff-byod (140), zone visitor  ->  vlan clinical (110), zone clinical, which is trusted
  anyone@northbridge.nhs.uk (one of ours) in group "Porters" and "Doctors" by any other method (and 2 other combinations of what they show), on SSID "NHS-Staff" at Royal Infirmary:
      vlan academic (1310), zone academic  ->  vlan clinical (110), zone clinical, which is trusted
  anyone@northbridge.nhs.uk (one of ours) in group "Doctors" while the directory cannot tell all groups by any other method (and 5 other combinations of what they show), on SSID "NHS-Staff" at Royal Infirmary:
      refused (groups-unknown)  ->  vlan clinical (110), zone clinical, which is trusted
To another zone:
  anyone@northbridge.nhs.uk (one of ours) in group "Nurses" by any other method (and 2 other combinations of what they show), on SSID "NHS-Staff" at Royal Infirmary:
      vlan clinical (110), zone clinical, which is trusted  ->  vlan staff-byod (140), zone visitor
  anyone@northbridge.nhs.uk (one of ours) in group "Nurses" and "Porters" by any other method (and 2 other combinations of what they show), on SSID "NHS-Staff" at Royal Infirmary:
      vlan clinical (110), zone clinical, which is trusted  ->  vlan academic (1310), zone academic
Refused, and let in before:
  anyone@northbridge.nhs.uk (one of ours) in group "Nurses" while the directory cannot tell all groups by any other method (and 5 other combinations of what they show), on SSID "NHS-Staff" at Royal Infirmary:
      vlan clinical (110), zone clinical, which is trusted  ->  refused (groups-unknown)
`},
	{name: "the other order of two groups",
		base:  all(oneSite, staffRules(Rule{Who: atTrust, Group: "Nurses", VLAN: "clinical"}, Rule{Who: atTrust, Group: "Porters", VLAN: "academic"})),
		to:    staffRules(Rule{Who: atTrust, Group: "Porters", VLAN: "academic"}, Rule{Who: atTrust, Group: "Nurses", VLAN: "clinical"}),
		cases: 12, want: `
To another zone:
  anyone@northbridge.nhs.uk (one of ours) in group "Nurses" and "Porters" (and 1 other combination of what they show), on SSID "NHS-Staff" at Royal Infirmary:
      vlan clinical (110), zone clinical, which is trusted  ->  vlan academic (1310), zone academic
Let in, and refused before:
  anyone@northbridge.nhs.uk (one of ours) in group "Porters" while the directory cannot tell all groups, on SSID "NHS-Staff" at Royal Infirmary:
      refused (groups-unknown)  ->  vlan academic (1310), zone academic
Refused, and let in before:
  anyone@northbridge.nhs.uk (one of ours) in group "Nurses" while the directory cannot tell all groups, on SSID "NHS-Staff" at Royal Infirmary:
      vlan clinical (110), zone clinical, which is trusted  ->  refused (groups-unknown)
`},
	{name: "another method",
		base:  staffRules(Rule{Who: atTrust, EAP: "tls", VLAN: "clinical"}, Rule{Who: atTrust, VLAN: "staff-byod"}),
		to:    staffRules(Rule{Who: atTrust, EAP: "teap", VLAN: "clinical"}, Rule{Who: atTrust, VLAN: "staff-byod"}),
		cases: 8, want: `
Into a trusted zone:
  anyone@northbridge.nhs.uk (one of ours) by teap, on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan staff-byod (140), zone visitor  ->  vlan clinical (110), zone clinical, which is trusted
To another zone:
  anyone@northbridge.nhs.uk (one of ours) by tls, on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan clinical (110), zone clinical, which is trusted  ->  vlan staff-byod (140), zone visitor
`},
	{name: "a device that proved itself",
		base:  staffRules(Rule{Who: atTrust, VLAN: "clinical"}),
		to:    staffRules(Rule{Who: atTrust, Device: "verified", VLAN: "clinical"}, Rule{Who: atTrust, VLAN: "staff-byod"}),
		cases: 7, want: `
To another zone:
  anyone@northbridge.nhs.uk (one of ours) with a device that is unverified, on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan clinical (110), zone clinical, which is trusted  ->  vlan staff-byod (140), zone visitor
Refused, and let in before:
  anyone@northbridge.nhs.uk (one of ours) with a device of which nothing is known, on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan clinical (110), zone clinical, which is trusted  ->  refused (device-unknown)
`},
	{name: "a device that did not",
		base:  staffRules(Rule{Who: atTrust, VLAN: "staff-byod"}),
		to:    staffRules(Rule{Who: atTrust, Device: "unverified", VLAN: "staff-byod"}, Rule{Who: atTrust, VLAN: "clinical"}),
		cases: 7, want: `
Into a trusted zone:
  anyone@northbridge.nhs.uk (one of ours) with a device that is verified, on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan staff-byod (140), zone visitor  ->  vlan clinical (110), zone clinical, which is trusted
Refused, and let in before:
  anyone@northbridge.nhs.uk (one of ours) with a device of which nothing is known, on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan staff-byod (140), zone visitor  ->  refused (device-unknown)
`},
	{name: "a certificate",
		base:  certified(Rule{Who: atTrust, Issuer: "staff-ca", Policy: managed, VLAN: "clinical"}, Rule{Who: atTrust, Issuer: "staff-ca", Policy: managed, Device: "verified", VLAN: "visitor"}, Rule{Who: atTrust, VLAN: "staff-byod"}),
		to:    certified(Rule{Who: atTrust, Issuer: "device-ca", Policy: "1.2.3", VLAN: "clinical"}, Rule{Who: atTrust, VLAN: "staff-byod"}),
		cases: 46, want: `
Into a trusted zone:
  anyone@northbridge.nhs.uk (one of ours) with a device that is unverified with a certificate issued by device-ca under policy 1.2.3 (and 5 other combinations of what they show), on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan staff-byod (140), zone visitor  ->  vlan clinical (110), zone clinical, which is trusted
To another zone:
  anyone@northbridge.nhs.uk (one of ours) with a device that is unverified with a certificate issued by staff-ca under policy 1.3.6.1.4.1.99999.1.2 (and 5 other combinations of what they show), on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan clinical (110), zone clinical, which is trusted  ->  vlan staff-byod (140), zone visitor
`},
	{name: "an authority alone",
		base:  certified(Rule{Who: atTrust, VLAN: "staff-byod"}),
		to:    certified(Rule{Who: atTrust, Issuer: "staff-ca", VLAN: "visitor"}, Rule{Who: atTrust, VLAN: "staff-byod"}),
		cases: 8, want: `
Refused, and let in before:
  anyone@northbridge.nhs.uk (one of ours) with a certificate of which nothing is known, on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan staff-byod (140), zone visitor  ->  refused (certificate-unknown)
To another VLAN or number of the same zone:
  anyone@northbridge.nhs.uk (one of ours) with a certificate issued by staff-ca, on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan staff-byod (140), zone visitor  ->  vlan visitor (320), zone visitor
`},
	{name: "a policy alone, of two",
		base:  certified(Rule{Who: atTrust, Policy: "1.2.4", VLAN: "visitor"}, Rule{Who: atTrust, VLAN: "staff-byod"}),
		to:    certified(Rule{Who: atTrust, Policy: "1.2.3", VLAN: "clinical"}, Rule{Who: atTrust, Policy: "1.2.4", VLAN: "visitor"}, Rule{Who: atTrust, VLAN: "staff-byod"}),
		cases: 10, want: `
Into a trusted zone:
  anyone@northbridge.nhs.uk (one of ours) with a certificate issued by another authority under policy 1.2.3, on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan staff-byod (140), zone visitor  ->  vlan clinical (110), zone clinical, which is trusted
  anyone@northbridge.nhs.uk (one of ours) with a certificate issued by another authority under policy 1.2.4 and 1.2.3, on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan visitor (320), zone visitor  ->  vlan clinical (110), zone clinical, which is trusted
`},
	{name: "devices",
		base:  all(oneSite, pumps),
		to:    func(cfg *Config) { cfg.SSIDs[3].Rules[0].OneOf = []string{"visitor", "academic"} },
		cases: 9, want: `
Let in, and refused before:
  a device of list pumps, whose line names vlan academic, on SSID "Devices" at Royal Infirmary:
      refused (no-rule)  ->  vlan academic (1310), zone academic
Refused, and let in before:
  a device of list pumps, whose line names vlan staff-byod, on SSID "Devices" at Royal Infirmary:
      vlan staff-byod (140), zone visitor  ->  refused (no-rule)
`},
	{name: "a list that goes",
		base: pumps,
		to: func(cfg *Config) {
			cfg.Devices, cfg.SSIDs[3].MAC, cfg.SSIDs[3].Rules = []string{"scales"}, nil, []Rule{{Who: "own", VLAN: "staff-byod"}}
		},
		cases: 10, want: `
Let in, and refused before:
  anyone@northbridge.nhs.uk (one of ours) and anyone@below.northbridge.nhs.uk (one of ours), on SSID "Devices" at Royal Infirmary and HMP Eastmoor health centre:
      refused (no-rule)  ->  vlan staff-byod (140), zone visitor
Refused, and let in before:
  a device of list pumps, whose line names vlan visitor, on SSID "Devices" at Royal Infirmary and HMP Eastmoor health centre:
      vlan visitor (320), zone visitor  ->  refused (mac-unknown)
  a device of list pumps, whose line names vlan staff-byod, on SSID "Devices" at Royal Infirmary and HMP Eastmoor health centre:
      vlan staff-byod (140), zone visitor  ->  refused (mac-unknown)
`},
	{name: "an SSID of devices that goes",
		base:  pumps,
		to:    func(cfg *Config) { cfg.SSIDs = cfg.SSIDs[:3] },
		cases: 8, want: `
Refused, and let in before:
  a device of list pumps, whose line names vlan visitor, on SSID "Devices" at Royal Infirmary and HMP Eastmoor health centre:
      vlan visitor (320), zone visitor  ->  refused (ssid-unknown)
  a device of list pumps, whose line names vlan staff-byod, on SSID "Devices" at Royal Infirmary and HMP Eastmoor health centre:
      vlan staff-byod (140), zone visitor  ->  refused (ssid-unknown)
`},
	{name: "an SSID that is new",
		to: func(cfg *Config) {
			cfg.SSIDs = append(cfg.SSIDs, SSID{Name: "Guest", Rules: []Rule{{Who: "visitor", VLAN: "visitor"}}})
		},
		cases: 6, want: `
Let in, and refused before:
  anyone@camford.ac.uk (a visitor) and anyone@other.example (a visitor), on SSID "Guest" at Royal Infirmary and HMP Eastmoor health centre:
      refused (ssid-unknown)  ->  vlan visitor (320), zone visitor
`},
	{name: "a rule for one site",
		base: moreSites("St Agnes"),
		to: func(cfg *Config) {
			cfg.SSIDs[1].Rules = append([]Rule{{Who: "visitor", Site: "Royal Infirmary", VLAN: "staff-byod"}}, cfg.SSIDs[1].Rules...)
		},
		cases: 6, want: `
To another zone:
  anyone@camford.ac.uk (a visitor), on SSID "eduroam" at Royal Infirmary:
      vlan academic (1310), zone academic  ->  vlan staff-byod (140), zone visitor
To another VLAN or number of the same zone:
  anyone@other.example (a visitor), on SSID "eduroam" at Royal Infirmary:
      vlan visitor (320), zone visitor  ->  vlan staff-byod (140), zone visitor
`},
	{name: "a rule for the other sites",
		base: moreSites("St Agnes"),
		to: func(cfg *Config) {
			cfg.SSIDs[1].Rules[1].Site = "Royal Infirmary"
			cfg.SSIDs[1].Rules = append(cfg.SSIDs[1].Rules, Rule{Who: "visitor", VLAN: "staff-byod"})
		},
		cases: 8, want: `
To another VLAN or number of the same zone:
  anyone@other.example (a visitor), on SSID "eduroam" at HMP Eastmoor health centre and St Agnes:
      vlan visitor (320), zone visitor  ->  vlan staff-byod (140), zone visitor
`},
	{name: "a rule that says its site, which is the only one",
		base:  oneSite,
		to:    func(cfg *Config) { cfg.SSIDs[1].Rules[1].Site = "Royal Infirmary" },
		cases: 4, want: ""},
	{name: "three sites, four realms",
		base:  all(moreSites("St Agnes"), func(cfg *Config) { cfg.Partners = append(cfg.Partners, "a.ac.uk", "b.ac.uk") }),
		to:    func(cfg *Config) { cfg.SSIDs[2].Rules[1].VLAN = "staff-byod" },
		cases: 8, want: `
To another VLAN or number of the same zone:
  anyone@camford.ac.uk (a visitor), anyone@a.ac.uk (a visitor), anyone@b.ac.uk (a visitor) and anyone@other.example (a visitor), on SSID "govroam" at Royal Infirmary, HMP Eastmoor health centre and St Agnes:
      vlan visitor (320), zone visitor  ->  vlan staff-byod (140), zone visitor
`},
	{name: "four sites, five realms",
		base:  all(moreSites("St Agnes", "Ward End"), func(cfg *Config) { cfg.Partners = append(cfg.Partners, "a.ac.uk", "b.ac.uk", "c.ac.uk") }),
		to:    func(cfg *Config) { cfg.SSIDs[2].Rules[1].VLAN = "staff-byod" },
		cases: 9, want: `
To another VLAN or number of the same zone:
  anyone@camford.ac.uk (a visitor), anyone@a.ac.uk (a visitor), anyone@b.ac.uk (a visitor) and 2 others, on SSID "govroam" at 4 sites (Royal Infirmary and HMP Eastmoor health centre, …):
      vlan visitor (320), zone visitor  ->  vlan staff-byod (140), zone visitor
`},
	{name: "a partner's people become ours",
		base: func(cfg *Config) {
			cfg.SSIDs[1].Rules = []Rule{{Who: "dean@camford.ac.uk", VLAN: "academic"}, {Who: "@camford.ac.uk", VLAN: "visitor"}}
		},
		to:    func(cfg *Config) { cfg.Own, cfg.Partners = append(cfg.Own, cfg.Partners...), nil },
		cases: 11, want: `
Refused, and let in before:
  a name that is hidden @camford.ac.uk (a visitor before, ours now), on SSID "eduroam" at Royal Infirmary and HMP Eastmoor health centre:
      vlan visitor (320), zone visitor  ->  refused (user-unknown)
  anyone@camford.ac.uk (a visitor before, ours now), dean@camford.ac.uk (a visitor before, ours now), a name that is hidden @camford.ac.uk (a visitor before, ours now) and anyone@below.camford.ac.uk (a visitor before, ours now), on SSID "govroam" at Royal Infirmary and HMP Eastmoor health centre:
      vlan visitor (320), zone visitor  ->  refused (no-rule)
`},
	{name: "ours become a partner's",
		base: func(cfg *Config) {
			cfg.Own, cfg.Partners = append(cfg.Own, cfg.Partners...), nil
		},
		to:    func(cfg *Config) { cfg.Own, cfg.Partners = cfg.Own[:1], cfg.Own[1:] },
		cases: 8, want: `
Let in, and refused before:
  anyone@below.camford.ac.uk (ours before, a visitor now), on SSID "eduroam" at Royal Infirmary and HMP Eastmoor health centre:
      refused (no-rule)  ->  vlan visitor (320), zone visitor
  anyone@camford.ac.uk (ours before, a visitor now) and anyone@below.camford.ac.uk (ours before, a visitor now), on SSID "govroam" at Royal Infirmary and HMP Eastmoor health centre:
      refused (no-rule)  ->  vlan visitor (320), zone visitor
`},
	{name: "a VLAN's name and another's zone",
		to: func(cfg *Config) {
			cfg.VLANs[3].Name, cfg.SSIDs[1].Rules[1].VLAN, cfg.SSIDs[2].Rules[1].VLAN, cfg.Sites[1].Controllers[0].WithoutVLAN = "guests", "guests", "guests", "guests"
			cfg.VLANs[2].Zone = "visitor"
		},
		cases: 8, want: `
To another zone:
  anyone@camford.ac.uk (a visitor), on SSID "eduroam" at Royal Infirmary:
      vlan academic (1310), zone academic  ->  vlan academic (1310), zone visitor
  anyone@camford.ac.uk (a visitor), on SSID "eduroam" at HMP Eastmoor health centre:
      vlan academic (310), zone academic  ->  vlan academic (310), zone visitor
To another VLAN or number of the same zone:
  anyone@other.example (a visitor), on SSID "eduroam" at Royal Infirmary and HMP Eastmoor health centre:
      vlan visitor (320), zone visitor  ->  vlan guests (320), zone visitor
  anyone@camford.ac.uk (a visitor) and anyone@other.example (a visitor), on SSID "govroam" at Royal Infirmary and HMP Eastmoor health centre:
      vlan visitor (320), zone visitor  ->  vlan guests (320), zone visitor
What else differs:
  controller eastmoor-ap at HMP Eastmoor health centre, when it hears no VLAN, puts people on vlan guests in zone visitor, and no longer puts people on vlan visitor in zone visitor
`},
	{name: "a number of a pool",
		base:  func(cfg *Config) { cfg.VLANs[2].ID, cfg.VLANs[2].Pool, cfg.Sites[0].VLAN = 0, []uint16{310, 311}, nil },
		to:    func(cfg *Config) { cfg.VLANs[2].Pool = []uint16{310, 311, 312} },
		cases: 5, want: `
To another VLAN or number of the same zone:
  anyone@camford.ac.uk (a visitor), on SSID "eduroam" at Royal Infirmary and HMP Eastmoor health centre:
      vlan academic (310, 311), zone academic  ->  vlan academic (310, 311, 312), zone academic
`},
	{name: "a zone that is trusted from now on, and those who are in it",
		base:  all(oneSite, func(cfg *Config) { cfg.Zones[0].Trusted = false }),
		to:    func(cfg *Config) { cfg.Zones[0].Trusted = true },
		cases: 16, want: `
Into a trusted zone:
  anyone@northbridge.nhs.uk (one of ours) in group "Wifi-Clinical" by tls (and 1 other combination of what they show), on SSID "NHS-Staff" at Royal Infirmary:
      vlan clinical (110), zone clinical  ->  vlan clinical (110), zone clinical, which is trusted
What else differs:
  zone clinical is trusted from now on
`},
	{name: "a zone that is trusted no longer",
		base:  oneSite,
		to:    func(cfg *Config) { cfg.Zones[0].Trusted = false },
		cases: 16, want: `
To another zone:
  anyone@northbridge.nhs.uk (one of ours) in group "Wifi-Clinical" by tls (and 1 other combination of what they show), on SSID "NHS-Staff" at Royal Infirmary:
      vlan clinical (110), zone clinical, which is trusted  ->  vlan clinical (110), zone clinical
What else differs:
  zone clinical is no longer trusted
`},
	{name: "from one trusted zone to another",
		base:  all(oneSite, func(cfg *Config) { cfg.Zones = append(cfg.Zones, Zone{"theatres", true}) }),
		to:    func(cfg *Config) { cfg.VLANs[0].Zone = "theatres"; cfg.Guarantees = nil },
		cases: 16, want: `
Into a trusted zone:
  anyone@northbridge.nhs.uk (one of ours) in group "Wifi-Clinical" by tls (and 1 other combination of what they show), on SSID "NHS-Staff" at Royal Infirmary:
      vlan clinical (110), zone clinical, which is trusted  ->  vlan clinical (110), zone theatres, which is trusted
What else differs:
  no longer guaranteed: visitor never reaches zone clinical
`},
	{name: "within a trusted zone", base: oneSite, to: func(cfg *Config) { cfg.VLANs[0].ID = 111 },
		cases: 16, want: `
To another VLAN or number of the same zone:
  anyone@northbridge.nhs.uk (one of ours) in group "Wifi-Clinical" by tls (and 1 other combination of what they show), on SSID "NHS-Staff" at Royal Infirmary:
      vlan clinical (110), zone clinical, which is trusted  ->  vlan clinical (111), zone clinical, which is trusted
`},
	{name: "elsewhere, by group and place",
		base: func(cfg *Config) {
			cfg.Roaming = []RoamingRule{{Who: atTrust, Group: "Barred", Access: "refuse"}, {Who: "own", Operator: "*.ac.uk", Access: "allow"}, {Who: "own", Operator: "camford.ac.uk", Access: "allow"}, {Who: "own", EAP: "tls", Access: "allow"}}
		},
		to: func(cfg *Config) {
			cfg.Roaming = []RoamingRule{{Who: atTrust, Group: "Barred", Operator: "camford.ac.uk", Access: "refuse"}, {Who: "own", Operator: "a.ac.uk", Access: "refuse"}, {Who: "own", Access: "allow"}}
		},
		cases: 120, want: `
Let in, and refused before:
  anyone@northbridge.nhs.uk (one of ours) by any other method (and 10 other combinations of what they show), elsewhere, at other.example:
      refused (roaming-refused)  ->  let in
  anyone@northbridge.nhs.uk (one of ours) in group "Barred" by any other method (and 8 other combinations of what they show), elsewhere, at aa.ac.uk:
      refused (roaming-refused)  ->  let in
  anyone@below.northbridge.nhs.uk (one of ours) by any other method (and 7 other combinations of what they show), elsewhere, at other.example:
      refused (roaming-refused)  ->  let in
Refused, and let in before:
  anyone@northbridge.nhs.uk (one of ours) by any other method (and 2 other combinations of what they show), elsewhere, at a.ac.uk:
      let in  ->  refused (roaming-refused)
  anyone@below.northbridge.nhs.uk (one of ours), elsewhere, at a.ac.uk:
      let in  ->  refused (roaming-refused)
`},
	{name: "elsewhere, in and out",
		base:  func(cfg *Config) { cfg.Roaming = []RoamingRule{{Who: "own", EAP: "tls", Access: "allow"}} },
		to:    func(cfg *Config) { cfg.Roaming = []RoamingRule{{Who: "own", EAP: "peap", Access: "allow"}} },
		cases: 16, want: `
Let in, and refused before:
  anyone@northbridge.nhs.uk (one of ours) and anyone@below.northbridge.nhs.uk (one of ours) by peap, at other organisations that name no Operator-Name:
      refused (roaming-refused)  ->  let in
  anyone@northbridge.nhs.uk (one of ours) and anyone@below.northbridge.nhs.uk (one of ours) by peap, elsewhere, at other.example:
      refused (roaming-refused)  ->  let in
Refused, and let in before:
  anyone@northbridge.nhs.uk (one of ours) and anyone@below.northbridge.nhs.uk (one of ours) by tls, at other organisations that name no Operator-Name:
      let in  ->  refused (roaming-refused)
  anyone@northbridge.nhs.uk (one of ours) and anyone@below.northbridge.nhs.uk (one of ours) by tls, elsewhere, at other.example:
      let in  ->  refused (roaming-refused)
`},

	{name: "guarantees",
		base: func(cfg *Config) {
			cfg.Guarantees = []Guarantee{{Who: "visitor", SSIDs: []string{"eduroam", "govroam"}, Never: Place{VLAN: "clinical"}}, {Who: "visitor", Never: Place{Zone: "clinical"}}}
		},
		to: func(cfg *Config) {
			cfg.Guarantees = []Guarantee{{Who: "visitor", Never: Place{Zone: "clinical"}}, {Who: "devices", Never: Place{Zone: "clinical"}}}
			cfg.Devices = []string{"pumps"}
		},
		cases: 4, want: `
What else differs:
  no longer guaranteed: visitor on SSID "eduroam" and "govroam" never reaches vlan clinical
  guaranteed from now on: devices never reaches zone clinical
`},
	{name: "a zone's trust where nobody is",
		base: func(cfg *Config) { cfg.Zones = append([]Zone{{"records", true}}, cfg.Zones...) },
		to: func(cfg *Config) {
			cfg.Zones = append([]Zone{{"records", false}}, Zone{"theatres", true}, cfg.Zones[1], cfg.Zones[2], cfg.Zones[3])
		},
		cases: 4, want: `
What else differs:
  zone records is no longer trusted
`},
	{name: "controllers",
		base: moreSites("St Agnes"),
		to: func(cfg *Config) {
			cfg.Sites[0].Controllers = []Controller{{Name: "royal-new", WithoutVLAN: "reject"}}
			cfg.Sites[1].Controllers[0].Vendor = "hostapd"
			cfg.Sites[2].Controllers[0].WithoutVLAN = "visitor"
		},
		cases: 4, want: `
What else differs:
  controller royal-wlc at Royal Infirmary goes
  controller royal-new at Royal Infirmary is new
  controller eastmoor-ap at HMP Eastmoor health centre is told the same in other attributes (vendor hostapd)
  controller St Agnes wlc at St Agnes, when it hears no VLAN, puts people on vlan visitor in zone visitor, and no longer rejects
`},
	{name: "the same controllers, told otherwise",
		base: all(moreSites("St Agnes"), func(cfg *Config) {
			for i := range cfg.VLANs {
				cfg.VLANs[i].Called = cfg.VLANs[i].Name
			}
			cfg.Sites[1].Controllers[0].Tag = new(uint8)
		}),
		to: func(cfg *Config) {
			one := uint8(1)
			cfg.Sites[0].Controllers[0].Say = "name"
			cfg.Sites[1].Controllers[0].Tag = &one
			cfg.Sites[2].Controllers[0].Tag = new(uint8)
		},
		cases: 4, want: `
What else differs:
  controller royal-wlc at Royal Infirmary is told the same in other attributes (vendor cisco-9800)
  controller eastmoor-ap at HMP Eastmoor health centre is told the same in other attributes (vendor aruba)
  controller St Agnes wlc at St Agnes is told the same in other attributes (vendor generic)
`},
	{name: "a tag that goes", base: func(cfg *Config) { cfg.Sites[0].Controllers[0].Tag = new(uint8) },
		to:    func(cfg *Config) { cfg.Sites[0].Controllers[0].Tag = nil },
		cases: 4, want: `
What else differs:
  controller royal-wlc at Royal Infirmary is told the same in other attributes (vendor cisco-9800)
`},
	{name: "the same tag", base: func(cfg *Config) { cfg.Sites[0].Controllers[0].Tag = new(uint8) },
		to:    func(cfg *Config) { cfg.Sites[0].Controllers[0].Tag = new(uint8) },
		cases: 4, want: ""},
	{name: "an agreement's last day",
		to: func(cfg *Config) {
			cfg.Sites[1].Agreement = &Agreement{From: cfg.Sites[1].Agreement.From, Until: cfg.Sites[1].Agreement.Until.AddDate(1, 0, 0)}
		},
		cases: 4, want: `
What else differs:
  the agreement for HMP Eastmoor health centre: from 2026-04-01 until 2028-03-31, and was from 2026-04-01 until 2027-03-31
`},
	{name: "an agreement's first day",
		to:    func(cfg *Config) { cfg.Sites[1].Agreement = &Agreement{Until: cfg.Sites[1].Agreement.Until} },
		cases: 4, want: `
What else differs:
  the agreement for HMP Eastmoor health centre: until 2027-03-31, and was from 2026-04-01 until 2027-03-31
`},
	{name: "a site that becomes ours", to: func(cfg *Config) { cfg.Sites[1].Agreement = nil },
		cases: 4, want: `
What else differs:
  the agreement for HMP Eastmoor health centre: none, and was from 2026-04-01 until 2027-03-31
`},
	{name: "what comes with a network",
		base: moreSites("St Agnes"),
		to: func(cfg *Config) {
			cfg.VLANs[0].Filter, cfg.VLANs[2].Filter, cfg.VLANs[2].Up, cfg.VLANs[3].Role = "ward", "", "", "guest"
			cfg.Sites[2].Local = map[string]Local{"visitor": {Down: "5M"}}
		},
		cases: 4, want: `
What else differs:
  vlan academic: bit/s up none, and no longer 20000000, at Royal Infirmary, HMP Eastmoor health centre and St Agnes
  vlan academic: filter none, and no longer student-web, at Royal Infirmary, HMP Eastmoor health centre and St Agnes
  vlan clinical: filter ward, and no longer none, at Royal Infirmary, HMP Eastmoor health centre and St Agnes
  vlan visitor: bit/s down 5000000, and no longer 10000000, at St Agnes
  vlan visitor: role guest, and no longer none, at Royal Infirmary, HMP Eastmoor health centre and St Agnes
`},
}

// What is said of each, for how many cases; and every move that is told is one: the person
// whom it gives as an example lands where it says, before and after, and for that reason.
func TestComparisonsInWords(t *testing.T) {
	for _, c := range comparisons {
		t.Run(c.name, func(t *testing.T) {
			first, second := trust(), trust()
			if c.base != nil {
				c.base(&first)
				c.base(&second)
			}
			c.to(&second)
			before, after := mustNew(t, first), mustNew(t, second)
			got, err := before.Compare(after)
			if err != nil {
				t.Fatal(err)
			}
			if text := got.String(); text != strings.TrimPrefix(c.want, "\n") || got.Same() != (c.want == "") {
				t.Errorf("got:\n%s", text)
			}
			if got.Cases != c.cases {
				t.Errorf("%d cases, want %d", got.Cases, c.cases)
			}
			for _, m := range got.Moves {
				if m.More < 0 || m.More > got.Cases {
					t.Errorf("%d other combinations of %d", m.More, got.Cases)
				}
				f, g := m.Facts, m.Facts
				f.Own = before.isOurs(f.Realm) // in the example it is what they are now
				if from, to := meets(before, f), meets(after, g); !reflect.DeepEqual(from, m.From) || !reflect.DeepEqual(to, m.To) {
					t.Errorf("%+v lands on %v, and then on %v, of\n%s", m.Facts, from, to, m)
				}
			}
		})
	}
}

// meets is how the log-in of somebody ends.
func meets(p *Policy, f Facts) Landed {
	a, err := p.Assign(f)
	var why Reason
	switch {
	case errors.As(err, &why):
		return Landed{Reason: string(why)}
	case a.Elsewhere():
		return Landed{Elsewhere: true}
	}
	return a.site.lands(a.network)
}

// What a change does decides under which heading it is told.
func TestGravity(t *testing.T) {
	refused, elsewhere := Landed{Reason: "no-rule"}, Landed{Elsewhere: true}
	on := func(zone string, trusted bool) Landed {
		return Landed{VLAN: zone, IDs: []uint16{1}, Zone: zone, Trusted: trusted}
	}
	for _, c := range []struct {
		from, to Landed
		want     Gravity
	}{
		{refused, on("clinical", true), IntoTrusted},
		{on("visitor", false), on("clinical", true), IntoTrusted},
		{on("clinical", false), on("clinical", true), IntoTrusted},
		{on("theatres", true), on("clinical", true), IntoTrusted},
		{on("visitor", false), on("academic", false), AcrossZones},
		{on("clinical", true), on("visitor", false), AcrossZones},
		{on("clinical", true), on("clinical", false), AcrossZones},
		{refused, on("visitor", false), LetIn},
		{refused, elsewhere, LetIn},
		{on("clinical", true), refused, Refused},
		{on("visitor", false), refused, Refused},
		{elsewhere, refused, Refused},
		{on("clinical", true), on("clinical", true), Renumbered},
		{on("visitor", false), on("visitor", false), Renumbered},
	} {
		if got := gravity(c.from, c.to); got != c.want {
			t.Errorf("from %v to %v: %s, want %s", c.from, c.to, gravities[got], gravities[c.want])
		}
	}
}

// A person notices the VLAN, its numbers, its zone and that zone's trust, and whether they
// are let in; not why they are not.
func TestWhatAPersonNotices(t *testing.T) {
	clinical := Landed{VLAN: "clinical", IDs: []uint16{110}, Zone: "clinical", Trusted: true}
	for name, change := range map[string]func(*Landed){
		"the VLAN":      func(l *Landed) { l.VLAN = "theatres" },
		"the numbers":   func(l *Landed) { l.IDs = []uint16{110, 111} },
		"the zone":      func(l *Landed) { l.Zone = "theatres" },
		"the trust":     func(l *Landed) { l.Trusted = false },
		"being let in":  func(l *Landed) { *l = Landed{Elsewhere: true} },
		"being refused": func(l *Landed) { *l = Landed{Reason: "no-rule"} },
	} {
		other := clinical
		change(&other)
		if other.same(clinical) || clinical.same(other) {
			t.Errorf("nobody notices %s", name)
		}
	}
	if !clinical.same(clinical) || !(Landed{Reason: "no-rule"}).same(Landed{Reason: "groups-unknown"}) || (Landed{Reason: "no-rule"}).same(Landed{Elsewhere: true}) {
		t.Error("the same is another")
	}
}

// In JSON a move says how grave it is by a word, whose order is that of the text.
func TestComparisonInJSON(t *testing.T) {
	text, err := json.Marshal([]Gravity{IntoTrusted, AcrossZones, LetIn, Refused, Renumbered})
	if err != nil || string(text) != `["into-trusted","across-zones","let-in","refused","renumbered"]` {
		t.Errorf("%s, %v", text, err)
	}
}

// A comparison has others to tell as well as moves, or either, or nothing.
func TestNothingDiffers(t *testing.T) {
	one, other := []Move{{}}, []string{"a controller"}
	for _, c := range []struct {
		of   Comparison
		same bool
	}{{Comparison{}, true}, {Comparison{Moves: one}, false}, {Comparison{Others: other}, false}, {Comparison{Moves: one, Others: other}, false}} {
		if c.of.Same() != c.same {
			t.Errorf("%+v is said to be the same: %t", c.of, !c.same)
		}
	}
}

// There is an end to what is looked at: who changes too much at once is told where, and to
// take smaller steps.
func TestTooMuchToCompare(t *testing.T) {
	// Fifty groups in the place of fifty, by four methods, on either state of the device,
	// with fifteen policies in the place of fifteen: 24 million.
	var before, after []Rule
	var onlyBefore, onlyAfter []RoamingRule
	for i := range 50 {
		r := Rule{Who: atTrust, Group: fmt.Sprint("Old ", i), EAP: methodNames[methodTLS+method(i%4)], Device: deviceNames[1+i%2], Policy: fmt.Sprintf("1.2.3.%d", i%15), VLAN: "staff-byod"}
		before = append(before, r)
		onlyBefore = append(onlyBefore, RoamingRule{Who: atTrust, Group: r.Group, EAP: r.EAP, Device: r.Device, Policy: r.Policy, Access: "allow"})
		r.Group, r.Policy = fmt.Sprint("New ", i), fmt.Sprintf("1.2.4.%d", i%15)
		after = append(after, r)
		onlyAfter = append(onlyAfter, RoamingRule{Who: atTrust, Group: r.Group, EAP: r.EAP, Device: r.Device, Policy: r.Policy, Access: "allow"})
	}
	for want, change := range map[string]func(cfg *Config, rules []Rule, elsewhere []RoamingRule){
		`on SSID "NHS-Staff" more than 20000000 combinations of groups, methods and certificates differ: compare smaller steps`: func(cfg *Config, rules []Rule, _ []RoamingRule) { cfg.SSIDs[0].Rules = rules },
		"more than 20000000 combinations differ in [[roaming]]: compare smaller steps":                                          func(cfg *Config, _ []Rule, elsewhere []RoamingRule) { cfg.Roaming = elsewhere },
	} {
		first, second := trust(), trust()
		certified(first.SSIDs[0].Rules...)(&first)
		certified(second.SSIDs[0].Rules...)(&second)
		change(&first, before, onlyBefore)
		change(&second, after, onlyAfter)
		c, err := mustNew(t, first).Compare(mustNew(t, second))
		if c != nil || err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
