package vlan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// region is a health community: sites with numbers of their own, VLANs, rules of
// every kind spread over the SSIDs, realms half ours and half partners'.
func region(sites, vlans, rules, realms int) Config {
	cfg := Config{Zones: []Zone{{"clinical", true}, {"academic", false}, {"visitor", false}}}
	for i := range realms / 2 {
		cfg.Own = append(cfg.Own, fmt.Sprintf("trust%d.nhs.uk", i))
		cfg.Partners = append(cfg.Partners, fmt.Sprintf("uni%d.ac.uk", i))
	}
	for i := range vlans {
		cfg.VLANs = append(cfg.VLANs, VLAN{Name: fmt.Sprintf("%s-%d", cfg.Zones[i%3].Name, i), ID: uint16(100 + i), Zone: cfg.Zones[i%3].Name})
	}
	for i := range sites {
		s := Site{Name: fmt.Sprintf("Site %d", i), VLAN: map[string]uint16{}, Controllers: []Controller{{Name: fmt.Sprintf("wlc-%d", i), Vendor: vendors[i%len(vendors)].name, WithoutVLAN: "reject"}}}
		for j := range vlans / 10 {
			s.VLAN[cfg.VLANs[j*10].Name] = uint16(1000 + i + j*100 - i%100)
		}
		cfg.Sites = append(cfg.Sites, s)
	}
	ssids := []SSID{{Name: "NHS-Staff"}, {Name: "eduroam"}, {Name: "govroam"}, {Name: "Research"}}
	for i := range rules {
		own := i%2 == 0
		r := Rule{Who: "@" + fmt.Sprintf("uni%d.ac.uk", i%(realms/2)), VLAN: cfg.VLANs[1+i%(vlans/3)*3].Name}
		if own {
			r = Rule{Who: "@" + fmt.Sprintf("trust%d.nhs.uk", i%(realms/2)), Group: fmt.Sprintf("Group %d", i%300), EAP: methodNames[1+i%3], VLAN: cfg.VLANs[i%vlans].Name}
		}
		if i%5 == 0 {
			r.Site = cfg.Sites[i%sites].Name
		}
		s := &ssids[i%4]
		s.Rules = append(s.Rules, r)
	}
	for i := range ssids {
		ssids[i].Rules = append(ssids[i].Rules, Rule{Who: "visitor", VLAN: cfg.VLANs[2].Name})
	}
	cfg.SSIDs = ssids
	cfg.Guarantees = []Guarantee{{Who: "visitor", Never: Place{Zone: "clinical"}}, {Group: "Group 7", SSIDs: []string{"eduroam"}, Never: Place{VLAN: cfg.VLANs[199%vlans].Name}}}
	return cfg
}

// somebody of the region, whose rule stands near the end of the list.
func somebody(p *Policy) Facts {
	f := Facts{Site: "Site 7", SSID: "NHS-Staff", User: "nurse", Realm: "trust24.nhs.uk", Own: true, Groups: []string{"Domain Users", "Staff"}}
	for _, r := range p.ssidOf[f.SSID].rules {
		if r.source.Who == "@"+f.Realm && r.site == 0 {
			f.Groups, f.Method = append(f.Groups[:2], r.source.Group), r.source.EAP
		}
	}
	return f
}

func TestAssignAllocatesNothingAtSize(t *testing.T) {
	p := mustNew(t, region(50, 60, 2000, 50))
	f := somebody(p)
	if a, err := p.Assign(f); err != nil {
		t.Fatal(a, err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = p.Assign(f) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// More groups than fit in the small set of a subject.
func TestManyGroups(t *testing.T) {
	cfg := trust()
	cfg.SSIDs[0].Rules = nil
	for i := range 1500 {
		cfg.SSIDs[0].Rules = append(cfg.SSIDs[0].Rules, Rule{Who: "own", Group: fmt.Sprintf("Group %d", i), VLAN: []string{"clinical", "staff-byod"}[i%2]})
	}
	p := mustNew(t, cfg)
	for _, i := range []int{0, 63, 64, 511, 512, 575, 576, 1499} {
		a, err := p.Assign(change(nurse, func(f *Facts) { f.Groups = []string{fmt.Sprintf("GROUP %d", i)} }))
		if err != nil || a.Rule() != fmt.Sprintf("NHS-Staff rule %d", i+1) {
			t.Errorf("group %d: %v %v", i, a.Rule(), err)
		}
	}
}

// As many groups as fill the words of a set to the last, and one more; and a proof that
// looks at the last of them, with a certificate's policy behind.
func TestGroupsToTheLast(t *testing.T) {
	for _, n := range []int{1, 62, 63, 64, 510, 511, 512, 575, 576, 577} {
		cfg := trust()
		cfg.Authorities = []string{"staff-ca"}
		cfg.SSIDs[0].Rules = nil
		for i := range n {
			cfg.SSIDs[0].Rules = append(cfg.SSIDs[0].Rules, Rule{Who: "own", Group: fmt.Sprintf("Group %d", i), VLAN: "staff-byod"})
		}
		last := fmt.Sprintf("group %d", n-1)
		cfg.SSIDs[0].Rules[n-1].Policy, cfg.SSIDs[0].Rules[n-1].VLAN = "1.2.3", "clinical"
		p := mustNew(t, cfg)
		for _, w := range p.Warnings() {
			if strings.Contains(w.Text, "never reached") {
				t.Errorf("%d groups: %s", n, w.Text)
			}
		}
		shown := change(nurse, func(f *Facts) { f.Groups, f.Issuer, f.Policies = []string{last}, "staff-ca", []string{"1.2.3"} })
		if a, err := p.Assign(shown); err != nil || a.Rule() != fmt.Sprintf("NHS-Staff rule %d", n) {
			t.Errorf("%s: %q, %v", last, a.Rule(), err)
		}
		for _, f := range []Facts{change(shown, func(f *Facts) { f.Policies = nil }), change(shown, func(f *Facts) { f.Groups = nil })} {
			if a, err := p.Assign(f); err == nil {
				t.Errorf("%d groups, and less is shown: %v", n, a)
			}
		}
		cfg.Guarantees = append(cfg.Guarantees, Guarantee{Who: "own", Group: last, Policy: "1.2.3", Never: Place{Zone: "clinical"}})
		if _, err := New(cfg); !strings.Contains(fmt.Sprint(err), fmt.Sprintf("rule %d (who", n)) {
			t.Errorf("%d groups, and the last is promised never to be where it is: %v", n, err)
		}
	}
}

func BenchmarkAssignRegion(b *testing.B) {
	p := mustNew(b, region(500, 200, 2000, 50))
	f := somebody(p)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Assign(f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		mustNew(b, trust())
	}
}

func BenchmarkNewRegion(b *testing.B) {
	cfg := region(500, 200, 2000, 50)
	b.ReportAllocs()
	for b.Loop() {
		mustNew(b, cfg)
	}
}

// Policies that are hard to prove: each has all of its 2,000 rules in one SSID, and
// somebody tried to make it as bad as it gets.
var hostile = map[string]func() Config{
	"groups of one realm":    func() Config { return manyGroups("@trust0.nhs.uk", 0) },
	"groups of everybody":    func() Config { return manyGroups("own", 0) },
	"guarantees by group":    func() Config { return manyGroups("own", 100) },
	"every site its own":     func() Config { return ownRules("@trust%d.nhs.uk", 2000) },
	"guarantees by site":     func() Config { return guarantees(manyGroups("@trust0.nhs.uk", 0), 500) },
	"devices, certificates":  func() Config { return credentialRules(region(500, 200, 2000, 50)) },
	"roaming, organisations": func() Config { return roamingRules(region(500, 200, 2000, 50), 200) },
}

func manyGroups(who string, promised int) Config {
	cfg := region(500, 200, 0, 50)
	for i := range cfg.SSIDs {
		cfg.SSIDs[i].Rules = nil
	}
	for i := range 2000 {
		cfg.SSIDs[0].Rules = append(cfg.SSIDs[0].Rules, Rule{Who: who, Group: fmt.Sprintf("Group %d", i), EAP: methodNames[i%3], VLAN: cfg.VLANs[i%200].Name})
	}
	for i := range promised {
		cfg.Guarantees = append(cfg.Guarantees, Guarantee{Who: "visitor", Group: fmt.Sprintf("Group %d", 20*i), Never: Place{Zone: "clinical"}})
	}
	return cfg
}

// ownRules gives every site rules of its own.
func ownRules(who string, rules int) Config {
	cfg := region(500, 200, 0, 50)
	for i := range rules {
		whom := who
		if who != "own" {
			whom = fmt.Sprintf(who, i%25)
		}
		cfg.SSIDs[0].Rules = append(cfg.SSIDs[0].Rules, Rule{Who: whom, Group: fmt.Sprintf("Group %d", i), Site: cfg.Sites[i%500].Name, VLAN: cfg.VLANs[i%200].Name})
	}
	return cfg
}

func guarantees(cfg Config, sites int) Config {
	for i := range sites {
		cfg.Guarantees = append(cfg.Guarantees, Guarantee{Who: "visitor", Sites: []string{cfg.Sites[i].Name}, Never: Place{Zone: "clinical"}})
	}
	return cfg
}

func credentialRules(cfg Config) Config {
	cfg.Authorities = []string{"device-ca", "staff-ca", "partner-ca"}
	n := 0
	for i := range cfg.SSIDs {
		for j := range cfg.SSIDs[i].Rules {
			r := &cfg.SSIDs[i].Rules[j]
			if !slices.Contains(cfg.Own, strings.TrimPrefix(r.Who, "@")) {
				continue
			}
			if n++; n%5 == 0 {
				r.Device, r.Issuer, r.Policy = "verified", cfg.Authorities[n%3], fmt.Sprintf("1.2.%d", n%3)
			}
		}
	}
	return cfg
}

func roamingRules(cfg Config, n int) Config {
	for i := range n {
		cfg.Roaming = append(cfg.Roaming, RoamingRule{Who: "own", Group: fmt.Sprintf("Group %d", i), Operator: fmt.Sprintf("*.place%d.ac.uk", i), Access: []string{"allow", "refuse"}[i%2]})
	}
	return cfg
}

func BenchmarkNewHostile(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(hostile)) {
		cfg := hostile[name]()
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mustNew(b, cfg)
			}
		})
	}
}

// Beyond the bound a file is refused, and soon, in words that say what to take out.
func TestTooLargeToProve(t *testing.T) {
	everySite := func() Config {
		cfg := ownRules("own", 2000)
		cfg.Authorities = []string{"device-ca", "staff-ca"}
		for i := range 200 {
			cfg.SSIDs[0].Rules = append(cfg.SSIDs[0].Rules, Rule{Who: "@" + cfg.Own[i%25], Issuer: cfg.Authorities[i%2], Policy: fmt.Sprintf("1.2.%d", i%8), VLAN: cfg.VLANs[i%200].Name})
		}
		for i := range 200 {
			cfg.Guarantees = append(cfg.Guarantees, Guarantee{Who: "visitor", Group: fmt.Sprintf("Unit %d", i), Method: methodNames[1+i%5], Sites: []string{cfg.Sites[i].Name}, Never: Place{Zone: "clinical"}})
		}
		return cfg
	}
	certificates := func() Config {
		cfg := manyGroups("own", 0)
		cfg.SSIDs[0].Rules[0].Who = "@trust0.nhs.uk"
		cfg.Authorities = []string{"device-ca"}
		for i := range cfg.SSIDs[0].Rules {
			r := &cfg.SSIDs[0].Rules[i]
			r.EAP, r.Device, r.Issuer, r.Policy = "", "verified", "device-ca", fmt.Sprintf("1.2.%d", i)
		}
		for i := range 20 {
			cfg.Guarantees = append(cfg.Guarantees, Guarantee{Who: "own", Policy: fmt.Sprintf("1.3.%d", i), Never: Place{Zone: "visitor"}})
		}
		return cfg
	}
	organisations := func() Config { return roamingRules(region(500, 200, 2000, 50), 4000) }
	for _, c := range []struct {
		name          string
		cfg           func() Config
		key, who, fix string
	}{
		{"every site its own", everySite, "ssid[0].name", `on SSID "NHS-Staff" for one of ours`, "without it, and give the site another number"},
		{"certificates", certificates, "ssid[0].name", "combinations of device and certificate", "fewer authorities and certificate policies"},
		{"organisations", organisations, "roaming[0]", "4002 organisations", "fewer organisations"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := c.cfg()
			_, err := New(cfg)
			var problems Problems
			_ = errors.As(err, &problems)
			if len(problems) != 1 || problems[0].Key != c.key || !strings.Contains(problems[0].Text, c.who) || !strings.Contains(problems[0].Fix, c.fix) {
				t.Errorf("%v", err)
			}
		})
	}
}
