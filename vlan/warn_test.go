package vlan

import "testing"

// Which rules nobody reaches, which one takes their people, and what an admin is told of
// networks where nobody lands.
func TestRulesThatNobodyReaches(t *testing.T) {
	const staff = "HMP Eastmoor health centre"
	behind := func(rules ...Rule) func(*Config) {
		return certified(append(rules, Rule{Who: atTrust, VLAN: "clinical"})...)
	}
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"one person twice", behind(Rule{Who: "locum" + atTrust, VLAN: "visitor"}, Rule{Who: "locum" + atTrust, VLAN: "academic"}),
			`ssid[0].rule[1] | rule 2 of SSID "NHS-Staff" is never reached: rule 1 (who = "locum@northbridge.nhs.uk") takes its people first | move it up, or drop it`},
		{"one site twice", behind(Rule{Who: atTrust, Site: staff, VLAN: "visitor"}, Rule{Who: atTrust, Site: staff, VLAN: "academic"}),
			`ssid[0].rule[1] | rule 2 of SSID "NHS-Staff" is never reached: rule 1 (who = "@northbridge.nhs.uk", site = "HMP Eastmoor health centre") takes its people first | move it up, or drop it`},
		{"one method twice", behind(Rule{Who: atTrust, EAP: "tls", VLAN: "visitor"}, Rule{Who: atTrust, EAP: "tls", VLAN: "academic"}),
			`ssid[0].rule[1] | rule 2 of SSID "NHS-Staff" is never reached: rule 1 (who = "@northbridge.nhs.uk", eap = "tls") takes its people first | move it up, or drop it`},
		{"one state of the device twice", behind(Rule{Who: atTrust, Device: "verified", VLAN: "visitor"}, Rule{Who: atTrust, Device: "verified", VLAN: "academic"}),
			`ssid[0].rule[1] | rule 2 of SSID "NHS-Staff" is never reached: rule 1 (who = "@northbridge.nhs.uk", device = "verified") takes its people first | move it up, or drop it`},
		{"one group twice", behind(Rule{Who: atTrust, Group: "Nurses", VLAN: "visitor"}, Rule{Who: atTrust, Group: "nurses", VLAN: "academic"}),
			`ssid[0].rule[1] | rule 2 of SSID "NHS-Staff" is never reached: rule 1 (who = "@northbridge.nhs.uk", group = "Nurses") takes its people first | move it up, or drop it`},
		{"whatever the method, behind all of them", behind(Rule{Who: atTrust, EAP: "tls", VLAN: "visitor"}, Rule{Who: atTrust, VLAN: "clinical"}),
			`ssid[0].rule[2] | rule 3 of SSID "NHS-Staff" is never reached: rule 2 (who = "@northbridge.nhs.uk") takes its people first | move it up, or drop it`},
		{"our own people, of whom there are none", func(c *Config) {
			c.Own, c.SSIDs[0].Rules, c.SSIDs[2].Rules[0].Who, c.Guarantees = nil, []Rule{{Who: "own", VLAN: "clinical"}}, "visitor", nil
		},
			`ssid[0].rule[0] | rule 1 of SSID "NHS-Staff" is never reached | drop it
ssid[2].rule[1] | rule 2 of SSID "govroam" is never reached: rule 1 (who = "visitor") takes its people first | move it up, or drop it
vlan.clinical | nobody can reach vlan clinical | drop it, or give it a rule`},
		{"devices behind devices, but for those whose line names no vlan", func(c *Config) {
			pumps(c)
			c.SSIDs[3].Rules = append(c.SSIDs[3].Rules, Rule{Who: "devices pumps", OneOf: []string{"visitor", "staff-byod"}}, Rule{Who: "devices pumps", VLAN: "visitor"})
		},
			`ssid[3].rule[1] | rule 2 of SSID "Devices" is never reached by a device | drop it, or move it up`},
		{"where a controller puts people by itself", func(c *Config) {
			c.VLANs = append(c.VLANs, VLAN{Name: "lobby", ID: 900, Zone: "visitor"})
			c.Sites[0].Controllers[0].WithoutVLAN = "lobby"
		}, ``},
		{"a number at one site alone, and nobody there", func(c *Config) {
			c.VLANs = append(c.VLANs, VLAN{Name: "printers", Zone: "visitor"})
			c.Sites[1].VLAN = map[string]uint16{"printers": 400}
		},
			`vlan.printers | nobody can reach vlan printers | drop it, or give it a rule`},
		{"a guarantee of one SSID where such people are, and of another", func(c *Config) {
			c.Guarantees = []Guarantee{{Who: "own", SSIDs: []string{"eduroam", "NHS-Staff"}, Never: Place{Zone: "academic"}}, {Who: "visitor", Group: "Nurses", SSIDs: []string{"eduroam", "govroam"}, Never: Place{Zone: "clinical"}}}
		},
			`guarantee[1] | guarantee 2 covers no case: it says "visitor of group \"Nurses\" on SSID \"eduroam\" and \"govroam\" never reaches zone clinical", and there is no such log-in | say whom it is for in other words, or drop it`},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := trust()
			c.change(&cfg)
			if got := problemLines(withoutSpeeds(mustNew(t, cfg).Warnings())); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}
