package vlan

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// elsewhere is a Trust with rules for its people at other organisations.
func elsewhere(rules ...RoamingRule) Config {
	return Config{
		Own: []string{"a.uk", "b.a.uk"}, Partners: []string{"p.uk"}, Authorities: []string{"device-ca"},
		Zones: []Zone{{"clinical", true}}, VLANs: []VLAN{{Name: "c", ID: 10, Zone: "clinical"}},
		SSIDs:   []SSID{{Name: "x", Rules: []Rule{{Who: "own", VLAN: "c"}}}},
		Sites:   []Site{{Name: "here", Controllers: []Controller{{Name: "here", WithoutVLAN: "reject"}}}},
		Roaming: rules,
	}
}

// Holds R7 and the rules of R6's Operator-Name: our nurse at another hospital gets in
// there and not at an embassy, and no Accept of hers names a network.
func TestR7OurNurseAtAnotherHospital(t *testing.T) {
	p, err := New(elsewhere(
		RoamingRule{Who: "own", Operator: "bad.nhs.uk", Access: "refuse"},
		RoamingRule{Who: "own", Group: "Nurses", Operator: "*.nhs.uk", Access: "allow"},
		RoamingRule{Who: "@b.a.uk", Device: "verified", Access: "allow"},
	))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		f    Facts
		rule string
		want error
	}{
		{"a nurse at a hospital", Facts{User: "n", Realm: "a.uk", Groups: []string{"nurses"}, Operator: "royal.NHS.uk"}, "roaming rule 2", nil},
		{"a nurse at a ward of one", Facts{User: "n", Realm: "a.uk", Groups: []string{"Nurses"}, Operator: "w.royal.nhs.uk"}, "roaming rule 2", nil},
		{"a nurse at the realm itself, which is not below it", Facts{User: "n", Realm: "a.uk", Groups: []string{"Nurses"}, Operator: "nhs.uk"}, "", ErrRoamingRefused},
		{"a nurse where the name only looks so", Facts{User: "n", Realm: "a.uk", Groups: []string{"Nurses"}, Operator: "evilnhs.uk"}, "", ErrRoamingRefused},
		{"a nurse where she may not", Facts{User: "n", Realm: "a.uk", Groups: []string{"Nurses"}, Operator: "bad.nhs.uk"}, "", ErrRoamingRefused},
		{"a porter at a hospital", Facts{User: "p", Realm: "a.uk", Operator: "royal.nhs.uk"}, "", ErrRoamingRefused},
		{"a nurse nobody knows where", Facts{User: "n", Realm: "a.uk", Groups: []string{"Nurses"}}, "", ErrOperatorUnknown},
		{"a nurse whose groups are not all known", Facts{User: "n", Realm: "a.uk", GroupsUnknown: true, Operator: "royal.nhs.uk"}, "", ErrGroupsUnknown},
		{"a student with a device, abroad", Facts{User: "s", Realm: "b.a.uk", Device: "verified", Operator: "x.fr"}, "roaming rule 3", nil},
		{"a student with a device unknown", Facts{User: "s", Realm: "b.a.uk", Operator: "x.fr"}, "", ErrDeviceUnknown},
	} {
		c.f.Own, c.f.Elsewhere = true, true
		a, err := p.Assign(c.f)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || err == nil && (a.Rule() != c.rule || a.VLAN() != 0 || !a.Elsewhere()) {
			t.Errorf("%s: %v by %q on %d, %v", c.what, a, a.Rule(), a.VLAN(), err)
		}
		if err == nil {
			if err := a.Verify(accept(t, a)); err != nil {
				t.Errorf("%s: %v", c.what, err)
			}
		}
	}
	said := p.Proof().String()
	if !strings.Contains(said, "our own people elsewhere get in by a rule of [[roaming]] or not at all") || !strings.Contains(said, "Operator-Name says") {
		t.Errorf("the proof says nothing of it:\n%s", said)
	}
}

// Without rules all of ours may roam, wherever they are, and nobody else's.
func TestWithoutRoamingRules(t *testing.T) {
	p, err := New(elsewhere())
	if err != nil {
		t.Fatal(err)
	}
	for _, operator := range []string{"", "x.fr"} {
		if a, err := p.Assign(Facts{User: "n", Realm: "a.uk", Own: true, Elsewhere: true, Operator: operator}); err != nil || a.Rule() != "elsewhere" {
			t.Errorf("at %q: %v, %v", operator, a, err)
		}
	}
	if _, err := p.Assign(Facts{User: "v", Realm: "p.uk", Elsewhere: true}); !errors.Is(err, ErrProxyLoop) {
		t.Error(err)
	}
	if strings.Contains(p.Proof().String(), "[[roaming]]") {
		t.Error("the proof speaks of rules that are not there")
	}
}

func TestRoamingProblems(t *testing.T) {
	for want, rule := range map[string]RoamingRule{
		`rule 1 of [[roaming]] is for "visitor", and only our own people are asked for by others`:            {Who: "visitor", Access: "allow"},
		`rule 1 of [[roaming]] is for "@p.uk", and only our own people are asked for by others`:              {Who: "@p.uk", Access: "allow"},
		`rule 1 of [[roaming]] is for nobody`:                                                                {Access: "allow"},
		`rule 1 of [[roaming]] says access "", which is neither allow nor refuse`:                            {Who: "own"},
		`rule 1 of [[roaming]] says access "deny", which is neither allow nor refuse`:                        {Who: "own", Access: "deny"},
		`rule 1 of [[roaming]] is for operator "1other.example ", which is no realm`:                         {Who: "own", Access: "allow", Operator: "1other.example "},
		`rule 1 of [[roaming]] is for operator "nhs", which is no realm`:                                     {Who: "own", Access: "allow", Operator: "nhs"},
		`rule 1 of [[roaming]] is for operator "*nhs.uk", which is no realm`:                                 {Who: "own", Access: "allow", Operator: "*nhs.uk"},
		`rule 1 of [[roaming]] is for operator "*.", which is no realm`:                                      {Who: "own", Access: "allow", Operator: "*."},
		`rule 1 of [[roaming]] asks for eap "md5", which is no method of ours`:                               {Who: "own", Access: "allow", EAP: "md5"},
		`rule 1 of [[roaming]] asks for device "lost", which is neither verified nor unverified`:             {Who: "own", Access: "allow", Device: "lost"},
		`rule 1 of [[roaming]] asks for issuer "device-ca" by pap, which proves a password and nothing else`: {Who: "own", Access: "allow", EAP: "pap", Issuer: "device-ca"},
	} {
		_, err := New(elsewhere(rule))
		var problems Problems
		if !errors.As(err, &problems) || len(problems) != 1 || !strings.Contains(problems[0].Text, want) || !strings.HasPrefix(problems[0].Key, "roaming[0]") || problems[0].Fix == "" {
			t.Errorf("%+v:\n got %+v\nwant %s", rule, problems, want)
		}
	}
	if _, err := New(elsewhere(RoamingRule{Who: "own", Operator: "*.uk", Access: "allow"})); err != nil {
		t.Errorf("a whole country: %v", err)
	}
}

// Holds R13 for rules of roaming: what loading says nobody reaches, brute force does
// not reach, and what it reaches is not said to be out of reach.
func TestRoamingReach(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(44, 6))}
	dead, alive := 0, 0
	for range 300 {
		cfg := elsewhere(d.config().Roaming...)
		cfg.Authorities = worldIssuers[1:]
		p, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		unreached := map[string]bool{}
		for _, w := range p.Warnings() {
			if strings.Contains(w.Text, "[[roaming]] is never reached") {
				unreached[w.Key] = true
			}
		}
		reached := map[string]bool{}
		note := func(f Facts) {
			var s subject
			if p.person(&f, &s) == nil {
				s.operator = strings.ToLower(f.Operator)
				if chosen, _ := walk(p.roaming, &s, nil); chosen != nil {
					reached[chosen.key] = true
				}
			}
		}
		named := Config{SSIDs: []SSID{{Name: "x"}}} // what the rules tell apart is what everyFacts varies
		for _, r := range cfg.Roaming {
			named.SSIDs[0].Rules = append(named.SSIDs[0].Rules, Rule{Group: r.Group, Device: r.Device, Issuer: r.Issuer, Policy: r.Policy})
		}
		everyFacts(named, func(f Facts) bool {
			f.Own = strings.HasSuffix(f.Realm, "a.uk")
			if f.Site != worldSites[0] || f.SSID != worldSSIDs[0] || !f.Own {
				return true
			}
			for _, place := range append([]string{"y.d.nhs.uk", "z.y.nhs.uk", "other.example"}, worldPlaces...) {
				f.Operator = place
				note(f)
			}
			return true
		})
		for _, r := range p.roaming {
			if reached[r.key] == unreached[r.key] {
				t.Fatalf("%s (%s): reached %t, said to be out of reach %t\nfile %+v", r.key, r.text, reached[r.key], unreached[r.key], cfg.Roaming)
			}
			if unreached[r.key] {
				dead++
			} else {
				alive++
			}
		}
	}
	if dead == 0 || alive == 0 {
		t.Errorf("%d rules that nobody reaches, %d that somebody does: too alike", dead, alive)
	}
}
