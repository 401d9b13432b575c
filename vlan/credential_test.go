package vlan

import (
	"errors"
	"strings"
	"testing"
)

const managed = "1.3.6.1.4.1.99999.1.2" // the Trust's own policy for managed devices

// chained is the file of the Trust once it asks for the device as well: clinical is for
// a Trust device and a Trust person.
func chained() Config {
	cfg := trust()
	cfg.Authorities = []string{"device-ca", "staff-ca", "partner-ca"}
	cfg.SSIDs[0].Rules = []Rule{
		{Who: "@northbridge.nhs.uk", Device: "verified", Group: "Wifi-Clinical", VLAN: "clinical"},
		{Who: "@northbridge.nhs.uk", Issuer: "partner-ca", VLAN: "visitor"},
		{Who: "@northbridge.nhs.uk", EAP: "tls", Issuer: "staff-ca", Policy: managed, VLAN: "academic"},
		{Who: "@northbridge.nhs.uk", VLAN: "staff-byod"},
	}
	return cfg
}

// Holds the second corollary of docs/architecture.md for devices and certificates: each
// is known, and decides, or is not known, and refuses.
func TestDevicesAndCertificates(t *testing.T) {
	p := mustNew(t, chained())
	person := change(nurse, func(f *Facts) { f.Method, f.Device = "teap", "unverified" })
	verified := change(person, func(f *Facts) { f.Device = "verified" })
	shows := func(issuer string, policies ...string) func(*Facts) {
		return func(f *Facts) { f.Issuer, f.Policies = issuer, policies }
	}
	cases := []struct {
		name   string
		facts  Facts
		vlan   string
		reason Reason
		step   string // of the rule that decided
	}{
		{name: "a nurse on a Trust device", facts: verified, vlan: "clinical",
			step: `rule 1 (who = "@northbridge.nhs.uk", device = "verified", group = "Wifi-Clinical"): it fits, and gives vlan clinical`},
		{name: "the same nurse on her own phone", facts: person, vlan: "staff-byod"},
		{name: "a porter on a Trust device", facts: change(verified, func(f *Facts) { f.Groups = nil }), vlan: "staff-byod"},
		{name: "nobody knows of the device", facts: change(person, func(f *Facts) { f.Device = "" }), reason: ErrDeviceUnknown,
			step: `rule 1 (who = "@northbridge.nhs.uk", device = "verified", group = "Wifi-Clinical"): it asks whether the device proved itself, and that is not known: refused rather than passed over`},
		{name: "a word that is none", facts: change(person, func(f *Facts) { f.Device = "Verified" }), reason: ErrDeviceUnknown},
		{name: "nobody knows of the device, and the group decides", facts: change(person, func(f *Facts) { f.Device, f.Groups = "", nil }), vlan: "staff-byod"},
		{name: "a certificate of another authority", facts: change(person, shows("device-ca", managed)), vlan: "staff-byod"},
		{name: "the authority, and a rule that asks for no more", facts: change(person, shows("partner-ca")), vlan: "visitor"},
		{name: "the authority in capitals is another", facts: change(person, shows("PARTNER-CA")), vlan: "staff-byod"},
		{name: "authority and policy", facts: change(person, func(f *Facts) { f.Method = "tls"; shows("staff-ca", "1.2.3", managed)(f) }), vlan: "academic"},
		{name: "authority and policy, by another method", facts: change(person, shows("staff-ca", managed)), vlan: "staff-byod"},
		{name: "authority without policy", facts: change(person, func(f *Facts) { f.Method = "tls"; shows("staff-ca", managed+".1")(f) }), vlan: "staff-byod",
			step: `rule 4 (who = "@northbridge.nhs.uk"): it fits, and gives vlan staff-byod`},
		{name: "policy without a certificate is nothing", facts: change(person, func(f *Facts) { f.Method = "tls"; shows("", managed)(f) }), vlan: "staff-byod"},
		{name: "nobody knows of a certificate", facts: change(person, func(f *Facts) { f.CertificateUnknown = true }), reason: ErrCertificateUnknown,
			step: `rule 2 (who = "@northbridge.nhs.uk", issuer = "partner-ca"): it asks for a certificate, and whether one was shown is not known: refused rather than passed over`},
		{name: "what is said of a certificate that is not known", facts: change(person, func(f *Facts) { f.CertificateUnknown = true; shows("partner-ca")(f) }), reason: ErrCertificateUnknown},
		{name: "nobody knows of a certificate, and an earlier rule decides", facts: change(verified, func(f *Facts) { f.CertificateUnknown = true }), vlan: "clinical"},
		{name: "a visitor's are nobody's", facts: change(visitor, func(f *Facts) { f.Device = "verified"; shows("device-ca", managed)(f) }), vlan: "visitor"},
		{name: "a visitor on the staff SSID", facts: change(visitor, func(f *Facts) {
			f.SSID, f.Device = "NHS-Staff", "verified"
			shows("device-ca", managed)(f)
		}), reason: ErrNoRule},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, err := p.Assign(c.facts)
			var reason Reason
			if errors.As(err, &reason); reason != c.reason || a.Name() != c.vlan {
				t.Fatalf("%q, %v; want %q, %q", a.Name(), err, c.vlan, c.reason)
			}
			steps := p.Explain(c.facts)
			if got := steps[len(steps)-2].Text; c.step != "" && got != c.step {
				t.Errorf("explained as\n%s\nwant\n%s", got, c.step)
			}
		})
	}
}

// Holds R50: why a rule did not fit is said of devices and certificates as well.
func TestExplainDevicesAndCertificates(t *testing.T) {
	cfg := chained()
	cfg.SSIDs[0].Rules = []Rule{
		{Who: "own", Device: "verified", VLAN: "clinical"},
		{Who: "own", Issuer: "staff-ca", VLAN: "academic"},
		{Who: "own", Policy: managed, VLAN: "academic"},
		{Who: "own", Device: "unverified", VLAN: "staff-byod"},
		{Who: "own", VLAN: "visitor"},
	}
	p := mustNew(t, cfg)
	got := explained(p, change(nurse, func(f *Facts) { f.Device, f.Issuer = "unverified", "device-ca" }))
	want := `rule 1 (who = "own", device = "verified"): it asks for a verified device, and this one proved nothing of its own
rule 2 (who = "own", issuer = "staff-ca"): no certificate of that authority was shown
rule 3 (who = "own", policy = "1.3.6.1.4.1.99999.1.2"): no certificate under that policy was shown
rule 4 (who = "own", device = "unverified"): it fits, and gives vlan staff-byod
vlan staff-byod (140) in zone visitor at Royal Infirmary`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	cfg.SSIDs[0].Rules = cfg.SSIDs[0].Rules[3:]
	p = mustNew(t, cfg)
	if got := explained(p, change(nurse, func(f *Facts) { f.Device = "verified" })); !strings.HasPrefix(got, `rule 1 (who = "own", device = "unverified"): it is for unverified devices, and this one proved itself`) {
		t.Errorf("got\n%s", got)
	}
}

// What loading refuses of devices and certificates, with the words that an admin reads.
func TestCredentialProblems(t *testing.T) {
	rule := func(r Rule) func(*Config) {
		return func(c *Config) { c.SSIDs[0].Rules[0] = r }
	}
	eduroam := func(r Rule) func(*Config) {
		return func(c *Config) { c.SSIDs[1].Rules = append([]Rule{r}, c.SSIDs[1].Rules...) }
	}
	guarantee := func(g Guarantee) func(*Config) {
		return func(c *Config) { c.Guarantees = []Guarantee{g} }
	}
	clinical := Place{Zone: "clinical"}
	cases := []struct {
		name   string
		change func(*Config)
		want   string // key | text | fix
	}{
		{"a misspelt device", rule(Rule{Who: "own", Device: "verifed", VLAN: "clinical"}),
			`ssid[0].rule[0].device | rule 1 of SSID "NHS-Staff" asks for device "verifed", which is neither verified nor unverified | did you mean "verified"?`},
		{"another word for a device", rule(Rule{Who: "own", Device: "trusted", VLAN: "clinical"}),
			`ssid[0].rule[0].device | rule 1 of SSID "NHS-Staff" asks for device "trusted", which is neither verified nor unverified | write "verified", for one that proved itself by a credential of its own, or "unverified"`},
		{"a misspelt authority", rule(Rule{Who: "own", Issuer: "devise-ca", VLAN: "clinical"}),
			`ssid[0].rule[0].issuer | rule 1 of SSID "NHS-Staff" asks for a certificate issued by devise-ca, and there is no such authority | did you mean "device-ca"?`},
		{"an authority of others", rule(Rule{Who: "own", Issuer: "GlobalTrust", VLAN: "clinical"}),
			`ssid[0].rule[0].issuer | rule 1 of SSID "NHS-Staff" asks for a certificate issued by GlobalTrust, and there is no such authority | name one that there is: device-ca, staff-ca, partner-ca`},
		{"an authority where there is none", func(c *Config) {
			c.Authorities = nil
			c.SSIDs[0].Rules = []Rule{{Who: "own", Issuer: "device-ca", VLAN: "clinical"}, {Who: "own", Policy: managed, VLAN: "clinical"}}
		},
			`ssid[0].rule[0].issuer | rule 1 of SSID "NHS-Staff" asks for a certificate issued by device-ca, and there is no authority whose certificates are taken | set client_ca in [eap] or add an [[eap.authority]], or drop this
ssid[0].rule[1].policy | rule 2 of SSID "NHS-Staff" asks for a certificate under policy 1.3.6.1.4.1.99999.1.2, and there is no authority whose certificates are taken | set client_ca in [eap] or add an [[eap.authority]], or drop this`},
		{"a policy by its name", rule(Rule{Who: "own", Policy: "managed-devices", VLAN: "clinical"}),
			`ssid[0].rule[0].policy | rule 1 of SSID "NHS-Staff" asks for policy "managed-devices", which is no object identifier | write its numbers with dots between them: policy = "1.3.6.1.4.1.99999.1.2"`},
		{"a visitor's device", eduroam(Rule{Who: "visitor", Device: "verified", VLAN: "visitor"}),
			`ssid[1].rule[0].device | rule 1 of SSID "eduroam" asks visitor for device "verified", and a visitor's device and certificate are not seen here | drop device, or name one of our own realms`},
		{"a partner's certificate", eduroam(Rule{Who: "@camford.ac.uk", Issuer: "device-ca", Policy: managed, VLAN: "academic"}),
			`ssid[1].rule[0].issuer | rule 1 of SSID "eduroam" asks @camford.ac.uk for issuer "device-ca", and a visitor's device and certificate are not seen here | drop issuer, or name one of our own realms
ssid[1].rule[0].policy | rule 1 of SSID "eduroam" asks @camford.ac.uk for policy "1.3.6.1.4.1.99999.1.2", and a visitor's device and certificate are not seen here | drop policy, or name one of our own realms`},
		{"a device by a plain password", rule(Rule{Who: "own", EAP: "pap", Device: "verified", VLAN: "clinical"}),
			`ssid[0].rule[0].eap | rule 1 of SSID "NHS-Staff" asks for device "verified" by pap, which proves a password and nothing else | drop eap, or drop device`},
		{"a certificate by a plain password", rule(Rule{Who: "own", EAP: "pap", Issuer: "staff-ca", VLAN: "clinical"}),
			`ssid[0].rule[0].eap | rule 1 of SSID "NHS-Staff" asks for issuer "staff-ca" by pap, which proves a password and nothing else | drop eap, or drop issuer`},
		{"a guarantee of a visitor's device", guarantee(Guarantee{Who: "visitor", Device: "verified", Never: clinical}),
			`guarantee[0].device | guarantee 1 asks visitor for device "verified", and a visitor's device and certificate are not seen here | drop device, or name one of our own realms`},
		{"a guarantee of a misspelt authority", guarantee(Guarantee{Issuer: "staf-ca", Never: clinical}),
			`guarantee[0].issuer | guarantee 1 asks for a certificate issued by staf-ca, and there is no such authority | did you mean "staff-ca"?`},
		{"a guarantee of what a plain password cannot prove", guarantee(Guarantee{Method: "pap", Policy: managed, Never: clinical}),
			`guarantee[0].eap | guarantee 1 asks for policy "1.3.6.1.4.1.99999.1.2" by pap, which proves a password and nothing else | drop eap, or drop policy`},

		{"what must never be on an unverified device", func(c *Config) {
			c.SSIDs[0].Rules[0].Device = ""
			c.Guarantees = []Guarantee{{Device: "unverified", Never: clinical}}
		},
			`ssid[0].rule[0].vlan | one of ours (anyone@northbridge.nhs.uk) in group "Wifi-Clinical" on an unverified device on SSID "NHS-Staff" at Royal Infirmary reaches zone clinical: rule 1 (who = "@northbridge.nhs.uk", group = "Wifi-Clinical") gives vlan clinical (110), and guarantee 1 says: anyone on an unverified device never reaches zone clinical | name another vlan in rule 1, or narrow whom it is for`},
		{"nor for a visitor, whose device is not seen", func(c *Config) {
			c.SSIDs[1].Rules = c.SSIDs[1].Rules[1:]
			c.Guarantees = []Guarantee{{Device: "unverified", SSIDs: []string{"eduroam"}, Never: Place{Zone: "visitor"}}}
			c.Sites[1].Controllers[0].WithoutVLAN = "reject"
		},
			`ssid[1].rule[0].vlan | a visitor (anyone@camford.ac.uk) on SSID "eduroam" at Royal Infirmary reaches zone visitor: rule 1 (who = "visitor") gives vlan visitor (320), and guarantee 1 says: anyone on an unverified device on SSID "eduroam" never reaches zone visitor | name another vlan in rule 1, or narrow whom it is for`},
		{"past a rule that takes unverified devices", func(c *Config) {
			c.SSIDs[0].Rules = []Rule{{Who: "own", Device: "unverified", VLAN: "staff-byod"}, {Who: "own", VLAN: "clinical"}}
			c.Guarantees = []Guarantee{{Who: "own", Never: clinical}}
		},
			`ssid[0].rule[1].vlan | one of ours (anyone@northbridge.nhs.uk) on a verified device on SSID "NHS-Staff" at Royal Infirmary reaches zone clinical: rule 2 (who = "own") gives vlan clinical (110), and guarantee 1 says: own never reaches zone clinical | name another vlan in rule 2, or narrow whom it is for`},
		{"a certificate of the wrong authority", func(c *Config) {
			c.Guarantees = []Guarantee{{Who: "own", Issuer: "staff-ca", SSIDs: []string{"NHS-Staff"}, Only: Place{VLAN: "staff-byod"}}}
			c.Sites[1].Controllers[0].WithoutVLAN = "reject"
		},
			`ssid[0].rule[2].vlan | one of ours (anyone@northbridge.nhs.uk) by tls on an unverified device with a certificate issued by staff-ca under policy 1.3.6.1.4.1.99999.1.2 on SSID "NHS-Staff" at Royal Infirmary reaches zone academic: rule 3 (who = "@northbridge.nhs.uk", eap = "tls", issuer = "staff-ca", policy = "1.3.6.1.4.1.99999.1.2") gives vlan academic (1310), and guarantee 1 says: own with a certificate issued by staff-ca on SSID "NHS-Staff" reaches vlan staff-byod or nothing | name another vlan in rule 3, or narrow whom it is for
ssid[0].rule[0].vlan | one of ours (anyone@northbridge.nhs.uk) in group "Wifi-Clinical" on a verified device with a certificate issued by staff-ca on SSID "NHS-Staff" at Royal Infirmary reaches zone clinical: rule 1 (who = "@northbridge.nhs.uk", device = "verified", group = "Wifi-Clinical") gives vlan clinical (110), and guarantee 1 says: own with a certificate issued by staff-ca on SSID "NHS-Staff" reaches vlan staff-byod or nothing | name another vlan in rule 1, or narrow whom it is for`},
		{"two policies at once", func(c *Config) {
			c.SSIDs[0].Rules = []Rule{{Who: "own", Policy: "1.2.3", VLAN: "clinical"}}
			c.Guarantees = []Guarantee{{Policy: "1.2.4", Never: clinical}}
		},
			`ssid[0].rule[0].vlan | one of ours (anyone@northbridge.nhs.uk) with a certificate under policy 1.2.3 and 1.2.4 on SSID "NHS-Staff" at Royal Infirmary reaches zone clinical: rule 1 (who = "own", policy = "1.2.3") gives vlan clinical (110), and guarantee 1 says: anyone with a certificate under policy 1.2.4 never reaches zone clinical | name another vlan in rule 1, or narrow whom it is for`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := chained()
			c.change(&cfg)
			p, err := New(cfg)
			var problems Problems
			if !errors.As(err, &problems) || p != nil {
				t.Fatalf("policy %v, error %v", p, err)
			}
			if got := problemLines(problems); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// Whoever reads a certificate writes its policies as RFC 5280 has them; a rule that writes
// one otherwise would never match.
func TestObjectIdentifiers(t *testing.T) {
	for _, name := range []string{"1.2.3", "2.5.29.32.0", "2.999.1", "1.3.6.1.4.1.311.21.8.12345678901234567890.7"} {
		cfg := chained()
		cfg.SSIDs[0].Rules[2].Policy = name
		mustNew(t, cfg)
	}
	for _, name := range []string{" 1.2.3", "1", "1.2.", ".1.2", "1..2", "1.02.3", "3.1", "1.40", "1.2.-3", "1.2.+3", "1.2.3 ", "1,2,3", "1.2.0x3"} {
		cfg := chained()
		cfg.SSIDs[0].Rules[2].Policy = name
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "which is no object identifier") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestCredentialGuaranteesThatHold(t *testing.T) {
	clinical := Place{Zone: "clinical"}
	for name, g := range map[string]Guarantee{
		"clinical is for verified devices":        {Device: "unverified", Never: clinical},
		"and a certificate of others is no help":  {Device: "unverified", Issuer: "device-ca", Never: clinical},
		"who is verified is not everywhere":       {Who: "own", Device: "verified", SSIDs: []string{"govroam"}, Never: clinical},
		"another authority":                       {Issuer: "device-ca", SSIDs: []string{"NHS-Staff"}, Never: Place{VLAN: "academic"}},
		"another policy":                          {Policy: "1.2.3", Issuer: "device-ca", Never: Place{VLAN: "academic"}},
		"a policy with its authority, by another": {Who: "own", Policy: managed, Issuer: "staff-ca", Method: "teap", Never: Place{VLAN: "academic"}},
		"nobody's certificate is a visitor's":     {Issuer: "staff-ca", SSIDs: []string{"eduroam"}, Never: Place{VLAN: "academic"}},
		"and no visitor's device is verified":     {Device: "verified", SSIDs: []string{"eduroam"}, Never: Place{VLAN: "academic"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := chained()
			cfg.Guarantees = append(cfg.Guarantees, g)
			cfg.Sites[1].Controllers[0].WithoutVLAN = "reject"
			mustNew(t, cfg)
		})
	}
}

func TestCredentialWarnings(t *testing.T) {
	cases := []struct {
		name  string
		rules []Rule
		want  string
	}{
		{"both states are taken", []Rule{{Who: "own", Device: "verified", VLAN: "clinical"}, {Who: "own", Device: "unverified", VLAN: "staff-byod"}, {Who: "own", VLAN: "staff-byod"}},
			`ssid[0].rule[2] | rule 3 of SSID "NHS-Staff" is never reached: rule 2 (who = "own", device = "unverified") takes its people first | move it up, or drop it`},
		{"a device behind everybody", []Rule{{Who: "own", VLAN: "clinical"}, {Who: "own", Device: "verified", VLAN: "staff-byod"}},
			`ssid[0].rule[1] | rule 2 of SSID "NHS-Staff" is never reached: rule 1 (who = "own") takes its people first | move it up, or drop it`},
		{"a policy behind its authority", []Rule{{Who: "own", Issuer: "staff-ca", VLAN: "clinical"}, {Who: "own", Issuer: "staff-ca", Policy: managed, VLAN: "staff-byod"}},
			`ssid[0].rule[1] | rule 2 of SSID "NHS-Staff" is never reached: rule 1 (who = "own", issuer = "staff-ca") takes its people first | move it up, or drop it`},
		{"a policy behind a policy", []Rule{{Who: "own", Policy: managed, VLAN: "clinical"}, {Who: "own", Policy: managed, Device: "verified", VLAN: "staff-byod"}},
			`ssid[0].rule[1] | rule 2 of SSID "NHS-Staff" is never reached: rule 1 (who = "own", policy = "1.3.6.1.4.1.99999.1.2") takes its people first | move it up, or drop it`},
		{"another authority is another", []Rule{{Who: "own", Issuer: "staff-ca", VLAN: "clinical"}, {Who: "own", Issuer: "device-ca", VLAN: "staff-byod"}, {Who: "own", Policy: managed, VLAN: "academic"}}, ``},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := chained()
			cfg.SSIDs[0].Rules = c.rules
			if got := problemLines(withoutSpeeds(mustNew(t, cfg).Warnings())); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// The page of a file that asks for devices and certificates says so.
func TestProofPrintsCredentials(t *testing.T) {
	cfg := chained()
	cfg.Guarantees = append(cfg.Guarantees, Guarantee{Device: "unverified", Never: Place{Zone: "clinical"}})
	got := mustNew(t, cfg).Proof().String()
	for _, want := range []string{
		"clinical (trusted)  @northbridge.nhs.uk in Wifi-Clinical on a verified device on NHS-Staff\n",
		"@northbridge.nhs.uk by tls with a certificate issued by staff-ca under policy 1.3.6.1.4.1.99999.1.2 on NHS-Staff",
		"\nproved over 1680 cases: 2 sites, 3 SSIDs, 8 rules, up to 4 kinds of people, 7 methods, up to 2 sets of groups, 3 states of the device, up to 7 kinds of certificate; ",
		"  guarantee  anyone on an unverified device never reaches zone clinical (1154 cases)\n",
		"  that a certificate, or a computer's password, was given to the right device, and is on no other\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q:\n%s", want, got)
		}
	}
}

func TestCredentialsAllocateNothing(t *testing.T) {
	p := mustNew(t, chained())
	f := change(nurse, func(f *Facts) {
		f.Device, f.Method, f.Issuer, f.Policies = "unverified", "tls", "staff-ca", []string{"1.2.3", managed}
	})
	if a, err := p.Assign(f); err != nil || a.Name() != "academic" {
		t.Fatal(a, err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = p.Assign(f) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What a file that asks for devices and certificates costs, small and large: a region
// where a tenth of the rules ask for a device, an authority and a policy.
func BenchmarkNewCredentials(b *testing.B) {
	for b.Loop() {
		mustNew(b, chained())
	}
}

func BenchmarkNewRegionCredentials(b *testing.B) {
	cfg := credentialRules(region(500, 200, 2000, 50))
	b.ReportAllocs()
	for b.Loop() {
		mustNew(b, cfg)
	}
}

func BenchmarkAssignCredentials(b *testing.B) {
	p := mustNew(b, chained())
	f := change(nurse, func(f *Facts) {
		f.Device, f.Method, f.Issuer, f.Policies = "unverified", "tls", "staff-ca", []string{"1.2.3", managed}
	})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Assign(f); err != nil {
			b.Fatal(err)
		}
	}
}
