package vlan

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// refusal is all that loading says against a file.
func refusal(cfg Config) string {
	_, err := New(cfg)
	var problems Problems
	errors.As(err, &problems)
	return problemLines(problems)
}

// A VLAN needs a number where a rule or a controller gives it, and nowhere else.
func TestNumbersWhereTheyAreNeeded(t *testing.T) {
	const eastmoor = "HMP Eastmoor health centre"
	spare := func(c *Config) { c.VLANs = append(c.VLANs, VLAN{Name: "spare", Zone: "visitor"}) }
	missing := func(at string) string {
		return "vlan.spare.id | vlan spare has no number at " + at + " | give it one: [vlan] spare = { id = … }, or vlan = { spare = … } at the site"
	}
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"given nowhere": {func(*Config) {}, ""},
		"given at the site that has it": {func(c *Config) {
			c.SSIDs[1].Rules[0].VLAN, c.SSIDs[1].Rules[0].Site = "spare", eastmoor
			c.Sites[1].VLAN = map[string]uint16{"spare": 400}
		}, ""},
		"given at the other site": {func(c *Config) {
			c.SSIDs[1].Rules[0].VLAN, c.SSIDs[1].Rules[0].Site = "spare", "Royal Infirmary"
			c.Sites[1].VLAN = map[string]uint16{"spare": 400}
		}, missing("Royal Infirmary")},
		"given at both, twice": {func(c *Config) { c.SSIDs[1].Rules[0].VLAN, c.SSIDs[1].Rules[1].VLAN = "spare", "spare" },
			missing("Royal Infirmary") + "\n" + missing(eastmoor)},
		"given by a controller": {func(c *Config) { c.Sites[1].Controllers[0].WithoutVLAN = "spare" }, missing(eastmoor)},
	} {
		cfg := trust()
		spare(&cfg)
		c.change(&cfg)
		if got := refusal(cfg); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// The person of a counterexample is one whom the file does not name, unless it is about
// somebody whom it does.
func TestWhoIsInACounterexample(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		who    string
	}{
		"any realm": {func(*Config) {}, "a visitor (anyone@other.example)"},
		"any realm, and the usual one is named": {func(c *Config) {
			c.SSIDs[1].Rules = append([]Rule{{Who: "@other.example", VLAN: "visitor"}, {Who: "@another.example", VLAN: "visitor"}}, c.SSIDs[1].Rules...)
		}, "a visitor (anyone@ananother.example)"},
		"one of a realm": {func(c *Config) { c.SSIDs[1].Rules[0].VLAN = "clinical" }, "a visitor (anyone@camford.ac.uk)"},
		"one of a realm, and the usual one is named": {func(c *Config) {
			c.SSIDs[1].Rules[0].VLAN = "clinical"
			c.SSIDs[1].Rules = append([]Rule{{Who: "anyone@camford.ac.uk", VLAN: "visitor"}, {Who: "some-anyone@camford.ac.uk", VLAN: "visitor"}}, c.SSIDs[1].Rules...)
		}, "a visitor (some-some-anyone@camford.ac.uk)"},
		"a person": {func(c *Config) {
			c.SSIDs[1].Rules = append([]Rule{{Who: "dean@camford.ac.uk", VLAN: "clinical"}}, c.SSIDs[1].Rules...)
		}, "a visitor (dean@camford.ac.uk)"},
		"below our realm": {func(c *Config) {
			c.SSIDs[1].Rules[1].VLAN = "visitor"
			c.SSIDs[0].Rules = []Rule{{Who: "@northbridge.nhs.uk", VLAN: "visitor"}, {Who: "own", VLAN: "clinical"}}
			c.Guarantees = []Guarantee{{Who: "own", Never: Place{Zone: "clinical"}}}
		}, "one of ours (anyone@below.northbridge.nhs.uk)"},
		"a person of a guarantee": {func(c *Config) {
			c.SSIDs[1].Rules[1].VLAN = "visitor"
			c.Guarantees = []Guarantee{{Who: "Locum@northbridge.nhs.uk", Never: Place{Zone: "clinical"}}}
		}, `one of ours (Locum@northbridge.nhs.uk) in group "Wifi-Clinical"`},
	} {
		cfg := trust()
		cfg.SSIDs[1].Rules[1].VLAN, cfg.Guarantees = "clinical", nil
		c.change(&cfg)
		if got := refusal(cfg); !strings.Contains("\n"+got, "].vlan | "+c.who+" ") {
			t.Errorf("%s: got\n%s\nwant %s", name, got, c.who)
		}
	}
}

// Whoever is named several times is one kind of person.
func TestNamedTwiceIsOneKind(t *testing.T) {
	cfg := trust()
	for _, who := range []string{"b@northbridge.nhs.uk", "a@northbridge.nhs.uk", "B@northbridge.nhs.uk"} {
		cfg.SSIDs[0].Rules = append([]Rule{{Who: who, VLAN: "visitor"}}, cfg.SSIDs[0].Rules...)
	}
	cfg.Guarantees = append(cfg.Guarantees, Guarantee{Who: "a@northbridge.nhs.uk", Never: Place{Zone: "academic"}})
	if p := mustNew(t, cfg).Proof(); p.Classes != 6 {
		t.Errorf("%d kinds of people: our realm, below it, a partner's, any other, a and b are six", p.Classes)
	}
}

// Of many counterexamples fifty are told, and how many more there are.
func TestManyCounterexamples(t *testing.T) {
	wrong := func(rules int) string {
		cfg := trust()
		cfg.SSIDs[1].Rules, cfg.Guarantees = nil, nil
		for i := range rules {
			cfg.SSIDs[1].Rules = append(cfg.SSIDs[1].Rules, Rule{Who: fmt.Sprintf("@uni%d.ac.uk", i), VLAN: "clinical"})
		}
		return refusal(cfg)
	}
	if got := wrong(50); strings.Count(got, "reaches zone clinical") != 50 || strings.Contains(got, "more") {
		t.Errorf("fifty:\n%s", got)
	}
	got := wrong(53)
	if told, more := strings.CutSuffix(got, "\nssid[1].rule[49].vlan | 3 more counterexamples are not shown | mend those that are shown first"); !more || strings.Count(told, "reaches zone clinical") != 50 {
		t.Errorf("fifty-three:\n%s", got)
	}
}
