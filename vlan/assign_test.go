package vlan

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// Holds R7, R10 (the side of it that names a network), R12, R13, F3.
func TestAssign(t *testing.T) {
	p := mustNew(t, trust())
	eastmoor := func(f *Facts) { f.Site, f.Controller = "HMP Eastmoor health centre", "eastmoor-ap" }
	cases := []struct {
		name   string
		facts  Facts
		vlan   uint16
		zone   string
		rule   string
		reason Reason
	}{
		{name: "a nurse with a certificate", facts: nurse, vlan: 110, zone: "clinical", rule: "NHS-Staff rule 1"},
		{name: "a nurse with a password", facts: change(nurse, func(f *Facts) { f.Method = "peap" }), vlan: 140, zone: "visitor", rule: "NHS-Staff rule 2"},
		{name: "a porter", facts: change(nurse, func(f *Facts) { f.Groups = nil }), vlan: 140, zone: "visitor", rule: "NHS-Staff rule 2"},
		{name: "the realm in capitals", facts: change(nurse, func(f *Facts) { f.Realm = "Northbridge.NHS.uk" }), vlan: 110, zone: "clinical", rule: "NHS-Staff rule 1"},
		{name: "groups unknown, the group not seen", facts: change(nurse, func(f *Facts) { f.Groups, f.GroupsUnknown = nil, true }), reason: ErrGroupsUnknown},
		{name: "groups unknown, the group seen", facts: change(nurse, func(f *Facts) { f.GroupsUnknown = true }), vlan: 110, zone: "clinical", rule: "NHS-Staff rule 1"},
		{name: "groups unknown, the method alone decides", facts: change(nurse, func(f *Facts) { f.GroupsUnknown, f.Groups, f.Method = true, nil, "peap" }), vlan: 140, zone: "visitor", rule: "NHS-Staff rule 2"},
		{name: "method unknown", facts: change(nurse, func(f *Facts) { f.Method = "" }), reason: ErrMethodUnknown},
		{name: "a student of the partner, numbered by the site", facts: student, vlan: 1310, zone: "academic", rule: "eduroam rule 1"},
		{name: "the same elsewhere", facts: change(student, eastmoor), vlan: 310, zone: "academic", rule: "eduroam rule 1"},
		{name: "a visitor", facts: visitor, vlan: 320, zone: "visitor", rule: "eduroam rule 2"},
		{name: "a visitor's groups are nobody's", facts: change(visitor, func(f *Facts) { f.Groups, f.GroupsUnknown = []string{"Wifi-Clinical"}, true }), vlan: 320, zone: "visitor", rule: "eduroam rule 2"},
		{name: "a student on the staff SSID", facts: change(student, func(f *Facts) { f.SSID = "NHS-Staff" }), reason: ErrNoRule},
		{name: "a nurse on eduroam", facts: change(nurse, func(f *Facts) { f.SSID = "eduroam" }), reason: ErrNoRule},
		{name: "our realm answered by somebody else", facts: change(nurse, func(f *Facts) { f.Own = false }), reason: ErrRealmMisplaced},
		{name: "below our realm, answered by somebody else", facts: change(visitor, func(f *Facts) { f.Realm = "ward.northbridge.nhs.uk" }), reason: ErrRealmMisplaced},
		{name: "a partner's realm answered here", facts: change(student, func(f *Facts) { f.Own = true }), reason: ErrRealmMisplaced},
		{name: "no realm", facts: change(visitor, func(f *Facts) { f.Realm = "" }), reason: ErrRealmMalformed},
		{name: "a realm that is none", facts: change(visitor, func(f *Facts) { f.Realm = "uni..ac.uk" }), reason: ErrRealmMalformed},
		{name: "a name with two @", facts: change(visitor, func(f *Facts) { f.User = "a@b.uk" }), reason: ErrRealmMalformed},
		{name: "no SSID", facts: change(visitor, func(f *Facts) { f.SSID = "" }), reason: ErrSSIDMissing},
		{name: "the SSID in another case", facts: change(visitor, func(f *Facts) { f.SSID = "Eduroam" }), reason: ErrSSIDUnknown},
		{name: "no such site", facts: change(visitor, func(f *Facts) { f.Site = "Elsewhere" }), reason: ErrSiteUnknown},
		{name: "another site's controller", facts: change(visitor, func(f *Facts) { f.Controller = "eastmoor-ap" }), reason: ErrControllerUnknown},
		{name: "no controller asked for", facts: change(visitor, func(f *Facts) { f.Controller = "" }), vlan: 320, zone: "visitor", rule: "eduroam rule 2"},
		{name: "first day of the agreement", facts: change(visitor, func(f *Facts) { eastmoor(f); f.Time = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC) }), vlan: 320, zone: "visitor", rule: "eduroam rule 2"},
		{name: "last day of the agreement", facts: change(visitor, func(f *Facts) { eastmoor(f); f.Time = time.Date(2027, 3, 31, 23, 59, 59, 0, time.UTC) }), vlan: 320, zone: "visitor", rule: "eduroam rule 2"},
		{name: "the day before", facts: change(visitor, func(f *Facts) { eastmoor(f); f.Time = time.Date(2026, 3, 31, 23, 59, 59, 0, time.UTC) }), reason: ErrAgreementExpired},
		{name: "the day after", facts: change(visitor, func(f *Facts) { eastmoor(f); f.Time = time.Date(2027, 4, 1, 0, 0, 0, 0, time.UTC) }), reason: ErrAgreementExpired},
		{name: "ours at another organisation", facts: Facts{Elsewhere: true, User: "nurse", Realm: "northbridge.nhs.uk", Own: true, Method: "tls"}, rule: "elsewhere"},
		{name: "an edge of ours asks", facts: Facts{ByEdge: true, User: "nurse", Realm: "northbridge.nhs.uk", Own: true, Method: "tls"}, rule: "at the edge"},
		{name: "an edge asks for somebody else's", facts: Facts{ByEdge: true, User: "sam", Realm: "camford.ac.uk"}, reason: ErrProxyLoop},
		{name: "a proxy asks for somebody else's", facts: Facts{Elsewhere: true, User: "sam", Realm: "camford.ac.uk"}, reason: ErrProxyLoop},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, err := p.Assign(c.facts)
			var reason Reason
			if errors.As(err, &reason); reason != c.reason {
				t.Fatalf("reason %q (%v), want %q", reason, err, c.reason)
			}
			if err != nil && a != (Assignment{}) {
				t.Errorf("an Assignment beside an error: %v", a)
			}
			if a.VLAN() != c.vlan || a.Zone() != c.zone || a.Rule() != c.rule {
				t.Errorf("got %d %q %q, want %d %q %q", a.VLAN(), a.Zone(), a.Rule(), c.vlan, c.zone, c.rule)
			}
			steps := p.Explain(c.facts)
			if last := steps[len(steps)-1]; last.Matched != (err == nil) || err != nil && last.Text != "refused: "+err.Error() || err == nil && last.Text != a.String() {
				t.Errorf("explain ends %q, Assign said %v %v", last.Text, a, err)
			}
		})
	}
}

// Holds R50: what is explained is what was done, other people's rules included.
func TestExplain(t *testing.T) {
	p := mustNew(t, trust())
	var got []string
	for _, s := range p.Explain(change(nurse, func(f *Facts) { f.Method = "peap" })) {
		got = append(got, s.Key+"|"+s.Text)
	}
	want := []string{
		`ssid[0].rule[0]|rule 1 (who = "@northbridge.nhs.uk", eap = "tls", group = "Wifi-Clinical"): it is for another method`,
		`ssid[0].rule[1]|rule 2 (who = "@northbridge.nhs.uk"): it fits, and gives vlan staff-byod`,
		`|vlan staff-byod (140) in zone visitor at Royal Infirmary`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if first := p.Explain(visitor)[0]; first.Matched || !strings.HasSuffix(first.Text, "it is for another realm") {
		t.Errorf("a rule of another realm: %+v", first)
	}
}

func TestNamedUsers(t *testing.T) {
	cfg := trust()
	cfg.SSIDs[0].Rules = append([]Rule{{Who: "Locum@northbridge.nhs.uk", VLAN: "visitor"}}, cfg.SSIDs[0].Rules...)
	p := mustNew(t, cfg)
	for user, want := range map[string]string{"locum": "visitor", "LOCUM": "visitor", "nurse": "clinical"} {
		if a, err := p.Assign(change(nurse, func(f *Facts) { f.User = user })); err != nil || a.Name() != want {
			t.Errorf("%s: %v %v, want %s", user, a, err, want)
		}
	}
	// Not knowing who it is never passes over a rule that may be theirs.
	if _, err := p.Assign(change(nurse, func(f *Facts) { f.User = "" })); !errors.Is(err, ErrUserUnknown) {
		t.Errorf("nobody's name: %v", err)
	}
}

func TestRefusalsQuoteHostileNames(t *testing.T) { // holds S14
	p := mustNew(t, trust())
	for _, f := range []Facts{
		change(visitor, func(f *Facts) { f.SSID = "x\r\n\x1b[31m" }),
		change(visitor, func(f *Facts) { f.User = "x\r\n\x1b[31m\u202e"; f.SSID = "NHS-Staff" }),
		change(visitor, func(f *Facts) { f.Realm = "x\r\n\x1b[31m" }),
	} {
		if _, err := p.Assign(f); err == nil || strings.ContainsAny(err.Error(), "\r\n\x1b\u202e") {
			t.Errorf("%q", err)
		}
	}
}

func TestAssignAllocatesNothing(t *testing.T) {
	cfg := trust()
	cfg.SSIDs[0].Rules = append([]Rule{{Who: "Locum@northbridge.nhs.uk", VLAN: "visitor"}}, cfg.SSIDs[0].Rules...)
	p := mustNew(t, cfg)
	for _, f := range []Facts{nurse, student, visitor} {
		if n := testing.AllocsPerRun(100, func() { _, _ = p.Assign(f) }); n != 0 {
			t.Errorf("%s: %v allocations", f.User, n)
		}
	}
}

func BenchmarkAssign(b *testing.B) {
	p := mustNew(b, trust())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Assign(nurse); err != nil {
			b.Fatal(err)
		}
	}
}

func TestValidRealm(t *testing.T) { // holds R15, as far as a place depends on it
	label := strings.Repeat("a", 63)
	for _, good := range []string{"uni.ac.uk", "Uni.AC.uk", "x.academy", "a-b.uk", "1.2", "a0z9.uk", "A0Z9.UK", label + ".uk", strings.Repeat(label+".", 3) + strings.Repeat("a", 61)} {
		if !validRealm(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{"", ".", "uk", ".uk", "uk.", "a..uk", "-a.uk", "a-.uk", "a_b.uk", "a b.uk", "a.uk\x00", "é.uk", "a@b.uk", label + "a.uk", strings.Repeat(label+".", 3) + strings.Repeat("a", 62)} {
		if validRealm(bad) {
			t.Errorf("%q passes", bad)
		}
	}
}
