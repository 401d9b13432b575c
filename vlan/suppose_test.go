package vlan

import (
	"testing"
)

// Which certificates the proof supposes: of every authority that a rule or a guarantee names,
// and of another as long as there is one.
func TestSupposedCertificates(t *testing.T) {
	one := func(c *Config) { c.Authorities = []string{"staff-ca"} }
	two := func(c *Config) { c.Authorities = []string{"staff-ca", "device-ca"} }
	clinical := Place{Zone: "clinical"}
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string // what is refused, or else what is warned of
	}{
		{"an authority that the guarantee alone names", all(two, staffRules(Rule{Who: atTrust, VLAN: "clinical"}), func(c *Config) {
			c.Guarantees = []Guarantee{{Issuer: "device-ca", Never: clinical}}
		}),
			`ssid[0].rule[0].vlan | one of ours (anyone@northbridge.nhs.uk) with a certificate issued by device-ca on SSID "NHS-Staff" at Royal Infirmary reaches zone clinical: rule 1 (who = "@northbridge.nhs.uk") gives vlan clinical (110), and guarantee 1 says: anyone with a certificate issued by device-ca never reaches zone clinical | name another vlan in rule 1, or narrow whom it is for`},
		{"a policy by the only authority, whose people land elsewhere", all(one, staffRules(Rule{Who: atTrust, Issuer: "staff-ca", VLAN: "visitor"}, Rule{Who: atTrust, Policy: "1.2.3", VLAN: "clinical"}, Rule{Who: atTrust, VLAN: "staff-byod"}), func(c *Config) {
			c.Guarantees = []Guarantee{{Policy: "1.2.3", Never: clinical}}
		}),
			`ssid[0].rule[1] | rule 2 of SSID "NHS-Staff" is never reached | drop it
vlan.clinical | nobody can reach vlan clinical | drop it, or give it a rule`},
		{"a policy by another authority", all(two, staffRules(Rule{Who: atTrust, Issuer: "staff-ca", VLAN: "visitor"}, Rule{Who: atTrust, Policy: "1.2.3", VLAN: "clinical"}, Rule{Who: atTrust, VLAN: "staff-byod"}), func(c *Config) {
			c.Guarantees = []Guarantee{{Policy: "1.2.3", Never: clinical}}
		}),
			`ssid[0].rule[1].vlan | one of ours (anyone@northbridge.nhs.uk) with a certificate under policy 1.2.3 on SSID "NHS-Staff" at Royal Infirmary reaches zone clinical: rule 2 (who = "@northbridge.nhs.uk", policy = "1.2.3") gives vlan clinical (110), and guarantee 1 says: anyone with a certificate under policy 1.2.3 never reaches zone clinical | name another vlan in rule 2, or narrow whom it is for`},
		{"no certificate at all, where there is one authority", all(one, staffRules(Rule{Who: atTrust, Issuer: "staff-ca", VLAN: "visitor"}, Rule{Who: atTrust, VLAN: "staff-byod"}), func(c *Config) {
			c.Guarantees = []Guarantee{{Who: "own", SSIDs: []string{"NHS-Staff"}, Only: Place{VLAN: "visitor"}}}
			c.Sites[1].Controllers[0].WithoutVLAN = "reject"
		}),
			`ssid[0].rule[1].vlan | one of ours (anyone@northbridge.nhs.uk) on SSID "NHS-Staff" at Royal Infirmary reaches zone visitor: rule 2 (who = "@northbridge.nhs.uk") gives vlan staff-byod (140), and guarantee 1 says: own on SSID "NHS-Staff" reaches vlan visitor or nothing | name another vlan in rule 2, or narrow whom it is for`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := problemLines(saidOf(c.change)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// What cannot be seen is a case of its own, and ends in a Reject where a rule asks for it.
func TestUnseenIsSupposed(t *testing.T) {
	for _, c := range []struct {
		name                                          string
		rules                                         []Rule
		devices, certificates, cases, placed, refused int
	}{
		// Two kinds of our own people and visitors, by seven methods; ours with all groups known and not.
		{"nobody asks", []Rule{{Who: "own", VLAN: "visitor"}}, 1, 1, 2*7*2 + 7, 2 * 7 * 2, 7},
		{"a device", []Rule{{Who: "own", Device: "verified", VLAN: "visitor"}, {Who: "own", VLAN: "staff-byod"}}, 3, 1, 3*2*7*2 + 7, 2 * 2 * 7 * 2, 2*7*2 + 7},
		{"a certificate", []Rule{{Who: "own", Issuer: "staff-ca", VLAN: "visitor"}, {Who: "own", VLAN: "staff-byod"}}, 1, 3, 3*2*7*2 + 7, 2 * 2 * 7 * 2, 2*7*2 + 7},
		{"both", []Rule{{Who: "own", Device: "verified", VLAN: "visitor"}, {Who: "own", Issuer: "staff-ca", VLAN: "visitor"}, {Who: "own", VLAN: "staff-byod"}}, 3, 3, 9*2*7*2 + 7, (3 + 2) * 2 * 7 * 2, (3+1)*2*7*2 + 7},
		{"visitors alone", []Rule{{Who: "visitor", VLAN: "visitor"}}, 1, 1, 7, 7, 0},
	} {
		cfg := trust()
		oneSite(&cfg)
		certified(c.rules...)(&cfg)
		cfg.SSIDs, cfg.Partners, cfg.Guarantees = cfg.SSIDs[:1], nil, nil
		if c.name == "visitors alone" {
			cfg.Own = nil
		}
		p := mustNew(t, cfg).Proof()
		if p.Devices != c.devices || p.Certificates != c.certificates || p.Cases != c.cases || p.Placed != c.placed || p.Refused != c.refused {
			t.Errorf("%s: %d states of the device, %d certificates, %d cases, of which %d end on a VLAN and %d in a Reject", c.name, p.Devices, p.Certificates, p.Cases, p.Placed, p.Refused)
		}
	}
}
