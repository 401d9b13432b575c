package vlan

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"layeh.com/radius"
)

// explained is all that Explain says of somebody, a line for each step.
func explained(p *Policy, f Facts) string {
	var told []string
	for _, s := range p.Explain(f) {
		told = append(told, s.Text)
	}
	return strings.Join(told, "\n")
}

// A rule for one of ours fits by the directory's name for them as well as by the one that
// they wrote. A visitor has the one name: nobody here has looked them up.
func TestAccounts(t *testing.T) {
	cfg := trust()
	cfg.SSIDs[0].Rules = append([]Rule{{Who: "locum@northbridge.nhs.uk", VLAN: "visitor"}}, cfg.SSIDs[0].Rules...)
	cfg.SSIDs[1].Rules = append([]Rule{{Who: "dean@camford.ac.uk", VLAN: "visitor"}}, cfg.SSIDs[1].Rules...)
	p := mustNew(t, cfg)
	for name, c := range map[string]struct {
		who           Facts
		user, account string
		vlan          string
	}{
		"by their own name":           {nurse, "locum", "", "visitor"},
		"by the directory's":          {nurse, "j.smith", "Locum", "visitor"},
		"by neither":                  {nurse, "j.smith", "j.smith", "clinical"},
		"hidden, and known there":     {nurse, "", "locum", "visitor"},
		"a visitor by name":           {student, "dean", "", "visitor"},
		"a visitor by another's word": {student, "sam", "dean", "academic"},
	} {
		a, err := p.Assign(change(c.who, func(f *Facts) { f.User, f.Account = c.user, c.account }))
		if err != nil || a.Name() != c.vlan {
			t.Errorf("%s: %q, %v; want %q", name, a.Name(), err, c.vlan)
		}
	}
}

// Each method that a rule names is its own: a rule for one is for no other.
func TestMethodsAreDistinct(t *testing.T) {
	ours := methodNames[methodTLS:methodOther]
	for _, asked := range ours {
		cfg := trust()
		cfg.SSIDs[0].Rules = []Rule{{Who: "own", EAP: asked, VLAN: "clinical"}, {Who: "own", VLAN: "staff-byod"}}
		p := mustNew(t, cfg)
		for _, used := range append(ours, "fast", "TLS") {
			a, err := p.Assign(change(nurse, func(f *Facts) { f.Method = used }))
			if want := map[bool]string{true: "clinical", false: "staff-byod"}[asked == used]; err != nil || a.Name() != want {
				t.Errorf("a rule for %s, and somebody by %s: %q, %v", asked, used, a.Name(), err)
			}
		}
	}
}

// Which certificate counts: one that was shown, by an authority that is known.
func TestCertificatesThatCount(t *testing.T) {
	cfg := chained()
	cfg.SSIDs[0].Rules = []Rule{{Who: "own", Policy: managed, VLAN: "clinical"}, {Who: "own", EAP: "pap", Device: "unverified", VLAN: "visitor"}, {Who: "own", VLAN: "staff-byod"}}
	p := mustNew(t, cfg)
	for name, c := range map[string]struct {
		with func(*Facts)
		last string
	}{
		"of any authority":             {func(f *Facts) { f.Issuer, f.Policies = "device-ca", []string{managed} }, "vlan clinical (110) in zone clinical at Royal Infirmary"},
		"of none, with a policy":       {func(f *Facts) { f.Policies = []string{managed} }, "vlan staff-byod (140) in zone visitor at Royal Infirmary"},
		"without the policy":           {func(f *Facts) { f.Issuer = "device-ca" }, "vlan staff-byod (140) in zone visitor at Royal Infirmary"},
		"not known":                    {func(f *Facts) { f.CertificateUnknown = true }, `refused: SSID "NHS-Staff" at Royal Infirmary has no network for "nurse" at "northbridge.nhs.uk": certificate-unknown`},
		"a password, no certificate":   {func(f *Facts) { f.Method, f.Device = "pap", "unverified" }, "vlan visitor (320) in zone visitor at Royal Infirmary"},
		"a password, nobody's machine": {func(f *Facts) { f.Method = "pap" }, `refused: SSID "NHS-Staff" at Royal Infirmary has no network for "nurse" at "northbridge.nhs.uk": device-unknown`},
	} {
		steps := p.Explain(change(nurse, c.with))
		if got := steps[len(steps)-1].Text; got != c.last {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// For whom a rule is, in words, where the other side asks.
func TestRulesOfTheOtherSide(t *testing.T) {
	cfg := trust()
	cfg.SSIDs[0].Rules = []Rule{{Who: "own", VLAN: "staff-byod"}, {Who: "@camford.ac.uk", VLAN: "academic"}}
	want := `rule 1 (who = "own"): it is for our own people, and this is a visitor
rule 2 (who = "@camford.ac.uk"): it is for another realm
refused: SSID "NHS-Staff" at Royal Infirmary has no network for "alice" at "uni.ac.uk": no-rule`
	if got := explained(mustNew(t, cfg), change(visitor, func(f *Facts) { f.SSID = "NHS-Staff" })); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A decision is looked at again whatever the proof said: each of these files is refused by
// loading, and its policy lets nobody on the VLAN that is wrong.
func TestDecisionsOfUnprovedPolicies(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		who    Facts
		want   string
	}{
		"a number that is none": {func(c *Config) { c.VLANs[3].ID = 4095 }, visitor,
			"vlan visitor (4095) in zone visitor at Royal Infirmary: zone-guard"},
		"no number": {func(c *Config) { c.VLANs[3].ID = 0 }, visitor,
			"vlan visitor (0) in zone visitor at Royal Infirmary: zone-guard"},
		"a number of two zones": {func(c *Config) { c.VLANs[3].ID = 110 }, visitor,
			"vlan 110 at Royal Infirmary is not zone visitor alone: zone-guard"},
		"a trusted zone": {func(c *Config) { c.SSIDs[1].Rules[1].VLAN, c.Guarantees = "clinical", nil }, visitor,
			"a visitor was about to reach zone clinical, which is trusted: zone-guard"},
	} {
		cfg := trust()
		c.change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: it loads", name)
		}
		a, err := read(cfg).policy.Assign(c.who)
		if err == nil || err.Error() != c.want || a != (Assignment{}) {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
	for _, last := range []uint16{1, 4094} {
		cfg := trust()
		cfg.VLANs[3].ID = last
		if a := mustAssign(t, mustNew(t, cfg), visitor); a.VLAN() != last {
			t.Errorf("%d: %v", last, a)
		}
	}
}

// Two VLANs of one zone may share a number: it belongs to the zone all the same.
func TestOneNumberOfOneZone(t *testing.T) {
	cfg := trust()
	cfg.VLANs[1].ID = 320
	p := mustNew(t, cfg)
	for _, f := range []Facts{visitor, change(nurse, func(f *Facts) { f.Groups = nil })} {
		if a := mustAssign(t, p, f); a.VLAN() != 320 || a.Zone() != "visitor" {
			t.Error(a)
		}
	}
}

// Whose a number is: one zone's, nobody's, or, in a file that loading refuses, two zones'.
func TestWhoseANumberIs(t *testing.T) {
	p := mustNew(t, trust())
	cfg := trust()
	cfg.VLANs[3].ID = 110
	for _, c := range []struct {
		p     *Policy
		site  string
		id    uint16
		whose string
	}{
		{p, "Royal Infirmary", 110, "clinical, trusted true, true"},
		{p, "Royal Infirmary", 1310, "academic, trusted false, true"},
		{p, "Royal Infirmary", 310, ", trusted false, false"},
		{p, "Royal Infirmary", 0, ", trusted false, false"},
		{p, "Elsewhere", 110, ", trusted false, false"},
		{read(cfg).policy, "Royal Infirmary", 110, ", trusted false, false"},
	} {
		zone, trusted, ok := c.p.Rezone(c.site, c.id)
		if got := fmt.Sprintf("%s, trusted %t, %t", zone, trusted, ok); got != c.whose {
			t.Errorf("%d at %s: %s", c.id, c.site, got)
		}
		if z, is := c.p.Zone(c.site, c.id); z != zone || is != ok {
			t.Errorf("%d at %s: zone %q, %t", c.id, c.site, z, is)
		}
	}
}

// What an Accept says of a network costs one allocation, where its attributes have room.
func TestTagAllocatesOnce(t *testing.T) {
	a := mustAssign(t, mustNew(t, trust()), change(nurse, func(f *Facts) { f.Groups = nil }))
	reply := radius.New(radius.CodeAccessAccept, []byte("secret"))
	room := make(radius.Attributes, 0, 3)
	if n := testing.AllocsPerRun(100, func() {
		reply.Attributes = room
		if err := a.Tag(reply); err != nil {
			t.Fatal(err)
		}
	}); n != 1 {
		t.Errorf("%v allocations", n)
	}
}

// The first word of a name that is none is not one either.
func TestOperatorsThatAreNone(t *testing.T) {
	p := mustNew(t, elsewhere(RoamingRule{Who: "own", Operator: "*.nhs.uk", Access: "allow"}))
	for operator, want := range map[string]error{"a.nhs.uk": nil, ".nhs.uk": ErrRoamingRefused, "nhs.uk": ErrRoamingRefused, "": ErrOperatorUnknown} {
		if _, err := p.Assign(Facts{User: "n", Realm: "a.uk", Own: true, Elsewhere: true, Operator: operator}); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%q: %v", operator, err)
		}
	}
}

// Whose realm it is: ours and all that is below it, unless that is a partner's.
func TestWhoseARealmIs(t *testing.T) {
	cfg := trust()
	cfg.Partners = append(cfg.Partners, "uni.northbridge.nhs.uk")
	p := mustNew(t, cfg)
	for name, own := range map[string]bool{
		"northbridge.nhs.uk": true, "ward.northbridge.nhs.uk": true, "a.b.northbridge.nhs.uk": true, "xnorthbridge.nhs.uk": false,
		"nhs.uk": false, "camford.ac.uk": false, "uni.northbridge.nhs.uk": false, "a.uni.northbridge.nhs.uk": true, "uk": false,
	} {
		if p.isOurs(name) != own {
			t.Errorf("%s is ours: %t", name, !own)
		}
	}
}
