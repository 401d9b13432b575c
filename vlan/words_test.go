package vlan

import (
	"fmt"
	"strings"
	"testing"
)

// Holds R50: why each rule fits or does not, in words, and what the decision is called.
func TestWordsOfADecision(t *testing.T) {
	cfg := trust()
	cfg.Own = append(cfg.Own, "eastmoor.nhs.uk")
	cfg.Authorities = []string{"staff-ca", "device-ca"}
	rules := []struct {
		rule Rule
		why  string
	}{
		{Rule{Who: "visitor", Site: "HMP Eastmoor health centre", VLAN: "visitor"}, "it is for another site"},
		{Rule{Who: "visitor", VLAN: "visitor"}, "it is for visitors, and this is one of ours"},
		{Rule{Who: "@camford.ac.uk", VLAN: "visitor"}, "it is for visitors, and this is one of ours"},
		{Rule{Who: "@eastmoor.nhs.uk", VLAN: "visitor"}, "it is for another realm"},
		{Rule{Who: "matron@northbridge.nhs.uk", VLAN: "visitor"}, "it is for somebody else"},
		{Rule{Who: "own", EAP: "peap", VLAN: "visitor"}, "it is for another method"},
		{Rule{Who: "own", Device: "verified", VLAN: "visitor"}, "it asks for a verified device, and this one proved nothing of its own"},
		{Rule{Who: "own", Issuer: "staff-ca", VLAN: "visitor"}, "no certificate of that authority was shown"},
		{Rule{Who: "own", Policy: "1.2.3", VLAN: "visitor"}, "no certificate under that policy was shown"},
		{Rule{Who: "own", Group: "Wifi-Quarantine", VLAN: "visitor"}, "they are not in the group"},
		{Rule{Who: "own", VLAN: "staff-byod"}, "it fits, and gives vlan staff-byod"},
	}
	cfg.SSIDs[0].Rules = nil
	for _, r := range rules {
		cfg.SSIDs[0].Rules = append(cfg.SSIDs[0].Rules, r.rule)
	}
	p := mustNew(t, cfg)
	seen := change(nurse, func(f *Facts) { f.Device, f.Issuer = "unverified", "device-ca" })
	steps := p.Explain(seen)
	for i, r := range rules {
		if s := steps[i]; !strings.HasSuffix(s.Text, "): "+r.why) || s.Rule != i+1 || s.Matched != (i == len(rules)-1) {
			t.Errorf("rule %d: %+v, want %q", i+1, s, r.why)
		}
	}
	a := mustAssign(t, p, seen)
	if a.Key() != fmt.Sprintf("ssid[0].rule[%d]", len(rules)-1) || a.Key() != steps[len(rules)-1].Key {
		t.Errorf("its rule is at %q", a.Key())
	}
	if got := mustNew(t, trust()).Explain(change(visitor, func(f *Facts) { f.SSID = "NHS-Staff" })); !strings.HasSuffix(got[0].Text, "it is for our own people, and this is a visitor") {
		t.Errorf("a visitor and a rule for a realm of ours: %+v", got[0])
	}

	// What cannot be seen is refused at the first rule that asks for it.
	for why, hide := range map[string]func(*Facts){
		"it is for one person, and the name is not known":                   func(f *Facts) { f.User = "" },
		"it asks for a method, and the method is not known":                 func(f *Facts) { f.Method = "" },
		"it asks whether the device proved itself, and that is not known":   func(f *Facts) { f.Device = "" },
		"it asks for a certificate, and whether one was shown is not known": func(f *Facts) { f.CertificateUnknown = true },
		"it asks for a group, and the groups are not all known":             func(f *Facts) { f.GroupsUnknown = true },
	} {
		steps := p.Explain(change(seen, hide))
		if s := steps[len(steps)-2]; !strings.HasSuffix(s.Text, why+": refused rather than passed over") || s.Matched {
			t.Errorf("%+v, want %q", s, why)
		}
	}
}

// The same of our own people elsewhere, and of those whom an edge asks for.
func TestWordsOfADecisionElsewhere(t *testing.T) {
	cfg := trust()
	cfg.Roaming = []RoamingRule{
		{Who: "own", Device: "unverified", Operator: "strict.uk", Access: "refuse"},
		{Who: "own", Operator: "bad.uk", Access: "refuse"},
		{Who: "own", Operator: "*.uk", Access: "allow"},
	}
	p := mustNew(t, cfg)
	roam := func(operator string) Facts {
		return change(nurse, func(f *Facts) { f.Elsewhere, f.Operator, f.Device = true, operator, "verified" })
	}
	for operator, want := range map[string][]string{
		"strict.uk": {"it is for unverified devices, and this one proved itself", "it is for another organisation", "it fits, and lets them in"},
		"good.uk":   {"it is for another organisation", "it is for another organisation", "it fits, and lets them in"},
		"bad.uk":    {"it is for another organisation", "it fits, and refuses them"},
		"":          {"it is for unverified devices, and this one proved itself", "it asks which organisation it is, and that names no Operator-Name: refused rather than passed over"},
		"other.org": {"it is for another organisation", "it is for another organisation", "it is for another organisation"},
	} {
		steps := p.Explain(roam(operator))
		if len(steps) != len(want)+1 {
			t.Errorf("%q: %+v", operator, steps)
			continue
		}
		for i, why := range want {
			if !strings.HasSuffix(steps[i].Text, "): "+why) || steps[i].Matched != (why == "it fits, and lets them in") || steps[i].Key != fmt.Sprintf("roaming[%d]", i) {
				t.Errorf("%q, rule %d: %+v, want %q", operator, i+1, steps[i], why)
			}
		}
	}
	for _, c := range []struct {
		facts            Facts
		rule, key, words string
	}{
		{roam("good.uk"), "roaming rule 3", "roaming[2]", "no network: one of ours at another organisation, which places its guests itself"},
		{change(nurse, func(f *Facts) { f.ByEdge = true }), "at the edge", "", "no network: an edge of ours asks, which has the rules"},
	} {
		a := mustAssign(t, p, c.facts)
		if a.Rule() != c.rule || a.Key() != c.key || a.String() != c.words || !a.Elsewhere() || a.Name() != "" || a.Zone() != "" || a.Trusted() {
			t.Errorf("%q at %q: %v", a.Rule(), a.Key(), a)
		}
	}
	cfg.Roaming = nil
	if a := mustAssign(t, mustNew(t, cfg), roam("")); a.Rule() != "elsewhere" || a.Key() != "" {
		t.Errorf("without rules: %q at %q", a.Rule(), a.Key())
	}
	if got := (Assignment{}).String(); got != "nothing assigned" {
		t.Errorf("nobody: %q", got)
	}
}

// Names that are none, or more than one.
func TestNamesThatAreNone(t *testing.T) {
	p := mustNew(t, trust())
	for _, user := range []string{"@", "@nurse", "nurse@", "a@b"} {
		if _, err := p.Assign(change(visitor, func(f *Facts) { f.User = user })); !strings.Contains(fmt.Sprint(err), "is no user of a realm") {
			t.Errorf("%q: %v", user, err)
		}
	}
}
