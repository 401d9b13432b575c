package vlan

import (
	"fmt"
	"strings"
	"testing"
)

// What one of ours elsewhere is told, rule by rule, with all that a rule may ask.
func TestRoamingInWords(t *testing.T) {
	p := mustNew(t, elsewhere(
		RoamingRule{Who: "own", Operator: "bad.uk", Access: "refuse"},
		RoamingRule{Who: "@a.uk", EAP: "tls", Device: "verified", Issuer: "device-ca", Policy: "1.2.3", Group: "Nurses", Operator: "*.NHS.uk", Access: "allow"},
		RoamingRule{Who: "n@b.a.uk", Access: "allow"},
	))
	const (
		first  = `rule 1 (who = "own", operator = "bad.uk"): `
		second = `rule 2 (who = "@a.uk", eap = "tls", device = "verified", issuer = "device-ca", policy = "1.2.3", group = "Nurses", operator = "*.NHS.uk"): `
		third  = `rule 3 (who = "n@b.a.uk"): `
		other  = "it is for another organisation\n"
	)
	all := Facts{User: "n", Realm: "a.uk", Own: true, Elsewhere: true, Method: "tls", Device: "verified", Issuer: "device-ca", Policies: []string{"1.2.3"}, Groups: []string{"nurses"}, Operator: "Royal.nhs.UK"}
	for name, c := range map[string]struct {
		with func(*Facts)
		want string
	}{
		"all of it":            {func(*Facts) {}, first + other + second + "it fits, and lets them in\nno network: one of ours at another organisation, which places its guests itself"},
		"another method":       {func(f *Facts) { f.Method = "peap" }, first + other + second + "it is for another method\n" + third + "it is for another realm\n" + `refused: no [[roaming]] rule lets "n" at "a.uk" log in at "royal.nhs.uk": roaming-refused`},
		"another device":       {func(f *Facts) { f.Device = "unverified" }, first + other + second + "it asks for a verified device, and this one proved nothing of its own\n" + third + "it is for another realm\n" + `refused: no [[roaming]] rule lets "n" at "a.uk" log in at "royal.nhs.uk": roaming-refused`},
		"no certificate":       {func(f *Facts) { f.Issuer = "" }, first + other + second + "no certificate of that authority was shown\n" + third + "it is for another realm\n" + `refused: no [[roaming]] rule lets "n" at "a.uk" log in at "royal.nhs.uk": roaming-refused`},
		"another policy":       {func(f *Facts) { f.Policies = nil }, first + other + second + "no certificate under that policy was shown\n" + third + "it is for another realm\n" + `refused: no [[roaming]] rule lets "n" at "a.uk" log in at "royal.nhs.uk": roaming-refused`},
		"another group":        {func(f *Facts) { f.Groups = nil }, first + other + second + "they are not in the group\n" + third + "it is for another realm\n" + `refused: no [[roaming]] rule lets "n" at "a.uk" log in at "royal.nhs.uk": roaming-refused`},
		"the other realm":      {func(f *Facts) { f.Realm = "b.a.uk" }, first + other + second + "it is for another realm\n" + third + "it fits, and lets them in\nno network: one of ours at another organisation, which places its guests itself"},
		"where they may not":   {func(f *Facts) { f.Operator = "BAD.uk" }, first + "it fits, and refuses them\n" + `refused: roaming rule 1 refuses "n" at "a.uk" at "bad.uk": roaming-refused`},
		"nobody says where":    {func(f *Facts) { f.Operator = "" }, first + "it asks which organisation it is, and that names no Operator-Name: refused rather than passed over\n" + `refused: [[roaming]] cannot say whether "n" at "a.uk" may log in at an organisation that names no Operator-Name: operator-unknown`},
		"groups are not known": {func(f *Facts) { f.Groups, f.GroupsUnknown = nil, true }, first + other + second + "it asks for a group, and the groups are not all known: refused rather than passed over\n" + `refused: [[roaming]] cannot say whether "n" at "a.uk" may log in at "royal.nhs.uk": groups-unknown`},
	} {
		if got := explained(p, change(all, c.with)); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// A file whose rules of [[roaming]] are not all understood is told so before anything of
// it is proved, and each rule by itself.
func TestRoamingRulesThatAreNone(t *testing.T) {
	cfg := trust()
	cfg.SSIDs[1].Rules[1].VLAN = "clinical"
	cfg.Roaming = []RoamingRule{{Who: "own", Access: "deny"}, {Who: "own", Access: "allow"}, {Who: "@camford.ac.uk", Operator: "nhs", Access: "allow"}}
	want := `roaming[0].access | rule 1 of [[roaming]] says access "deny", which is neither allow nor refuse | write "allow" or "refuse"
roaming[2].who | rule 3 of [[roaming]] is for "@camford.ac.uk", and only our own people are asked for by others | write who = "own", or one of our own realms
roaming[2].operator | rule 3 of [[roaming]] is for operator "nhs", which is no realm | write operator = "camford.ac.uk", or "*.nhs.uk" for all below it`
	if got := refusal(cfg); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The organisations that rules tell apart: none that says its name, one of which no rule
// speaks, each that is named, and one below each realm, which stands for itself.
func TestOrganisationsApart(t *testing.T) {
	p := mustNew(t, elsewhere(
		RoamingRule{Who: "own", Operator: "royal.uk", Access: "refuse"},
		RoamingRule{Who: "own", Operator: "*.nhs.uk", Group: "Nurses", Access: "allow"},
		RoamingRule{Who: "own", Operator: "a.nhs.uk", Access: "refuse"},
		RoamingRule{Who: "own", Operator: "Royal.UK", Group: "Locums", Access: "allow"},
		RoamingRule{Who: "own", Operator: "*.nhs.uk", Access: "allow"},
		RoamingRule{Who: "own", Device: "verified", Access: "allow"},
	))
	if got := strings.Join(p.operators(), " "); got != " other.example royal.uk aa.nhs.uk a.nhs.uk" {
		t.Errorf("%q", got)
	}
	if got, want := problemLines(p.Warnings()), `roaming[3] | rule 4 of [[roaming]] is never reached | move it up, or drop it`; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Whoever is let in where nobody says where it is, is let in everywhere: should rules ever
// be read otherwise, loading says so.
func TestRoamingIsHeldAgainstItself(t *testing.T) {
	r := read(elsewhere(RoamingRule{Who: "own", Access: "allow"}, RoamingRule{Who: "own", Group: "Nurses", Access: "refuse"}, RoamingRule{Who: "own", Group: "Porters", Access: "allow"}))
	allow, refuse, porters := r.policy.roaming[0], r.policy.roaming[1], r.policy.roaming[2]
	s := subject{own: true}
	all := r.policy.groupsAsked(class{subject: s}, r.policy.roaming)
	s.marks = s.marks.and(&all.all)
	here := &prover{reader: r, choice: r.policy.newChoice()}
	unknown := r.policy.newChoice()
	here.judgeRoaming([]*rule{allow}, s, &all, []string{"", "royal.uk"}, unknown, make([]bool, 4))
	if !unknown.letsIn(0) || !here.choice.letsIn(0) || len(r.problems) > 0 {
		t.Errorf("let in where nobody says where it is: %t, at royal.uk: %t; %v", unknown.letsIn(0), here.choice.letsIn(0), r.problems)
	}
	for name, c := range map[string]struct {
		unknown, there []*rule
		told           int
	}{
		"let in at both":               {[]*rule{allow}, []*rule{allow}, 0},
		"let in at neither":            {[]*rule{refuse}, nil, 0},
		"let in where it is known":     {nil, []*rule{allow}, 0},
		"let in where it is not":       {[]*rule{allow}, nil, 3}, // those of either group, and of none
		"refused there":                {[]*rule{allow}, []*rule{refuse, allow}, 1},
		"one group, where it is not":   {[]*rule{porters}, []*rule{refuse}, 1},
		"refused alike, but one group": {[]*rule{refuse, allow}, []*rule{refuse, porters}, 1},
	} {
		v := &prover{reader: r, choice: r.policy.newChoice()}
		r.problems = nil
		unknown.narrow(c.unknown, &s)
		v.judgeRoaming(c.there, s, &all, []string{"royal.uk"}, unknown, make([]bool, 4))
		if got := strings.Count(problemLines(r.problems), "[[roaming]] lets somebody in who names no organisation, and not at royal.uk"); got != c.told {
			t.Errorf("%s: told of %d: %v", name, got, r.problems)
		}
	}
}

// Beyond the bound the rules are refused before any is looked at: 3 kinds of our people,
// by 2 methods, with 3 states of the device and 252 kinds of certificate, come each to 250
// rules, and at 252 organisations.
func TestTooManyRoamingRules(t *testing.T) {
	var rules []RoamingRule
	for i := range 250 {
		rules = append(rules, RoamingRule{Who: "own", Device: "verified", Policy: fmt.Sprintf("1.2.%d", i), Operator: fmt.Sprintf("place%d.uk", i), Access: "allow"})
	}
	want := fmt.Sprintf(`roaming[0] | the rules of [[roaming]] are too many to prove: %d steps, and at most 268435456 are taken; there are 250 rules and 252 organisations to tell apart | name fewer organisations, or "*.nhs.uk" for all below one`, 3*2*3*252*(1+250)*252)
	if got := refusal(elsewhere(rules...)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A rule for all below the realm that stands for every other organisation does not speak
// for them.
func TestEveryOtherOrganisationIsOfNoRule(t *testing.T) {
	allow, refuse := RoamingRule{Who: "own", Access: "allow"}, RoamingRule{Who: "own", Access: "refuse"}
	example := []RoamingRule{{Who: "own", Operator: "*.example", Access: "refuse"}, {Who: "own", Operator: "another.uk", Access: "refuse"}}
	before := mustNew(t, elsewhere(append(example, allow)...))
	if got := strings.Join(before.operators(), " "); got != " another a.example another.uk" {
		t.Errorf("%q", got)
	}
	for _, w := range before.Warnings() {
		t.Errorf("%s: %s", w.Key, w.Text)
	}
	told, err := before.Compare(mustNew(t, elsewhere(append(example, refuse)...)))
	if err != nil || !strings.Contains(told.String(), "elsewhere, at another:\n      let in  ->  refused (roaming-refused)") {
		t.Errorf("%v:\n%s", err, told)
	}
}
