package vlan

import (
	"fmt"
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
