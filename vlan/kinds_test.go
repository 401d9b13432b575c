package vlan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// What the proof of a kind of people takes: a step for each rule, two for each group that
// rules name, one for each that guarantees do and eight for each guarantee that speaks of
// them, and all that for each method and each credential that can be told apart.
func TestSizes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		who    string
		size   size
	}{
		// tls, any other, hidden; two rules, one group
		"our people": {func(*Config) {}, "one of ours (anyone@northbridge.nhs.uk)", size{methods: 3, credentials: 1, groups: 1, promises: 0, steps: 3 * (1 + 2 + 2)}},
		// no rule is for them, and a guarantee is; methods are apart that rules for them ask
		"visitors": {func(*Config) {}, "a visitor (anyone@camford.ac.uk)", size{methods: 2, credentials: 1, promises: 8, steps: 2 * (1 + 8)}},
		"guarantees by group": {func(c *Config) {
			c.Guarantees = append(c.Guarantees, Guarantee{Group: "Students", Never: Place{Zone: "academic"}}, Guarantee{Group: "Wifi-Clinical", Method: "peap", Never: Place{Zone: "academic"}})
		}, "one of ours (anyone@northbridge.nhs.uk)", size{methods: 4, credentials: 1, groups: 1, promises: 2 + 16, steps: 4 * (1 + 2 + 2 + 18)}},
		// three states of the device, and a certificate: none, of one authority, unknown
		"credentials": {func(c *Config) {
			c.Authorities = []string{"staff-ca"}
			c.SSIDs[0].Rules[0].Device, c.SSIDs[0].Rules[1].Issuer = "verified", "staff-ca"
		}, "one of ours (anyone@northbridge.nhs.uk)", size{methods: 3, credentials: 9, groups: 1, steps: 27 * (1 + 2 + 2)}},
	} {
		cfg := trust()
		c.change(&cfg)
		p, steps := read(cfg).policy, maxSteps
		sum, seen := 0, false
		for _, k := range p.kinds(p.ssids[0], p.classes(p.ssids[0].rules), &steps) {
			sum += k.size.steps
			if k.class.name == c.who {
				seen = true
				if k.size != c.size {
					t.Errorf("%s: %+v, want %+v", name, k.size, c.size)
				}
			}
		}
		if !seen || steps != maxSteps-sum {
			t.Errorf("%s: seen %t; %d steps were taken of the bound, and there are %d", name, seen, maxSteps-steps, sum)
		}
	}
}

// Sorting stops where there is more to look at than steps, and not where there is as much.
func TestSortingStops(t *testing.T) {
	p := read(trust()).policy
	classes := p.classes(p.ssids[0].rules)
	steps := maxSteps
	all := p.kinds(p.ssids[0], classes, &steps)
	enough := maxSteps - steps
	if got := p.kinds(p.ssids[0], classes, &enough); !reflect.DeepEqual(got, all) || enough != 0 {
		t.Errorf("%d kinds of %d, or not all that they stand for; %d steps are left", len(got), len(all), enough)
	}
	for short := range all[0].size.steps {
		if got := p.kinds(p.ssids[0], classes, &short); len(got) != 1 || short >= 0 {
			t.Errorf("%d kinds, %d steps are left", len(got), short)
		}
	}
}

// Who is named as having too many rules: those of whom all kinds together take the most
// steps. What to do about it depends on what makes the most of them.
func TestWhoHasTooManyRules(t *testing.T) {
	r := read(trust())
	of := func(ssid int, who string, rules int, z size) *kind {
		return &kind{ssid: r.policy.ssids[ssid], class: class{name: who}, rules: make([]*rule, rules), size: z}
	}
	for _, c := range []struct {
		kinds     []*kind
		key, says string
		fix       string
	}{
		{[]*kind{
			of(0, "anybody", 9, size{methods: 1, credentials: 1, steps: 10}),
			of(1, "a visitor", 5, size{methods: 2, credentials: 3, groups: 4, steps: 6}),
			of(1, "a visitor", 7, size{methods: 3, credentials: 50, groups: 5, steps: 6}),
			of(2, "a visitor", 8, size{methods: 1, credentials: 1, steps: 11}),
			of(1, "a visitor", 3, size{methods: 1, credentials: 1}),
			of(0, "anybody", 9, size{methods: 1, credentials: 1, steps: 1}),
		}, "ssid[1].name", `on SSID "eduroam" for a visitor alone there are 3 lists of rules, of up to 7 rules and 5 groups, each for 3 methods and 50 combinations of device and certificate`,
			"give the groups that share a vlan one group in the directory, and one rule"},
		{[]*kind{
			of(0, "anybody", 9, size{methods: 1, credentials: 51, groups: 2, steps: 7}),
			of(2, "a visitor", 8, size{methods: 1, credentials: 1, steps: 6}),
		}, "ssid[0].name", `on SSID "NHS-Staff" for anybody alone there are 1 lists of rules, of up to 9 rules and 2 groups, each for 1 methods and 51 combinations of device and certificate`,
			"name fewer authorities and certificate policies in its rules and in the guarantees: each combination has to be looked at"},
	} {
		r.problems = nil
		r.refuseTooLarge(c.kinds, 64)
		want := c.key + " | the rules are too many to prove: it would take more than 64 steps, which is the most that are taken; " + c.says + " | " + c.fix
		if got := problemLines(r.problems); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	for lists, fix := range map[int]string{1: "give the groups that share", 20: "give the groups that share", 21: "write the rules that name a site without it"} {
		if got := (size{credentials: 50}).fewer(lists); !strings.HasPrefix(got, fix) {
			t.Errorf("%d lists: %s", lists, got)
		}
	}
}

// Who is looked at once for how many: sites whose rules for somebody are the same, be it
// because a rule of one site is for other people, and realms of which no rule speaks.
func TestKindsThatAreSharedOut(t *testing.T) {
	cfg := trust()
	cfg.Own, cfg.Partners = append([]string{"eastmoor.nhs.uk"}, cfg.Own...), append(cfg.Partners, "oxbridge.ac.uk")
	cfg.Sites = append(cfg.Sites, Site{Name: "Estate", Behind: []string{"royal-wlc"}}, Site{Name: "Clinic", Behind: []string{"royal-wlc"}})
	cfg.SSIDs = []SSID{{Name: "eduroam", Rules: []Rule{
		{Who: "@camford.ac.uk", Site: "Estate", VLAN: "visitor"},
		{Who: "@northbridge.nhs.uk", Site: "Clinic", VLAN: "visitor"},
		{Who: "@camford.ac.uk", VLAN: "academic"},
		{Who: "@northbridge.nhs.uk", VLAN: "staff-byod"},
		{Who: "@oxbridge.ac.uk", Site: "Royal Infirmary", VLAN: "academic"},
		{Who: "visitor", VLAN: "visitor"},
		{Who: "own", VLAN: "staff-byod"},
	}}}
	cfg.Guarantees = []Guarantee{{Who: "visitor", Sites: []string{"Clinic"}, Never: Place{Zone: "clinical"}}, {Who: "visitor", Sites: []string{"Clinic"}, Never: Place{VLAN: "staff-byod"}}}
	p := mustNew(t, cfg)
	steps := maxSteps
	var got []string
	for _, k := range p.kinds(p.ssids[0], p.classes(p.ssids[0].rules), &steps) {
		got = append(got, fmt.Sprintf("%s at %s stands for %d, with %d rules and %d guarantees, in %d programs", k.class.name, k.site.name, k.stands, len(k.rules), len(k.promised), len(k.programs)))
	}
	want := `
one of ours (anyone@eastmoor.nhs.uk) at Royal Infirmary stands for 8, with 1 rules and 0 guarantees, in 4 programs
one of ours (anyone@northbridge.nhs.uk) at Royal Infirmary stands for 3, with 2 rules and 0 guarantees, in 3 programs
a visitor (anyone@camford.ac.uk) at Royal Infirmary stands for 2, with 2 rules and 0 guarantees, in 2 programs
a visitor (anyone@oxbridge.ac.uk) at Royal Infirmary stands for 1, with 2 rules and 0 guarantees, in 1 programs
a visitor (anyone@other.example) at Royal Infirmary stands for 5, with 1 rules and 0 guarantees, in 3 programs
a visitor (anyone@camford.ac.uk) at Estate stands for 1, with 3 rules and 0 guarantees, in 1 programs
one of ours (anyone@northbridge.nhs.uk) at Clinic stands for 1, with 3 rules and 0 guarantees, in 1 programs
a visitor (anyone@camford.ac.uk) at Clinic stands for 1, with 2 rules and 2 guarantees, in 1 programs
a visitor (anyone@oxbridge.ac.uk) at Clinic stands for 2, with 1 rules and 2 guarantees, in 1 programs`
	if text := strings.Join(got, "\n"); text != want[1:] {
		t.Errorf("got\n%s\nwant%s", text, want)
	}
}

// A file is proved with as many steps as it takes, and refused with one less, before
// anything of it is looked at. The rules of [[roaming]] have as many for themselves.
func TestStepsToTheLast(t *testing.T) {
	cfg := elsewhere(RoamingRule{Who: "own", Operator: "royal.uk", Access: "allow"})
	cfg.SSIDs[0].Rules = append(cfg.SSIDs[0].Rules, Rule{Who: "visitor", VLAN: "c"}) // and c is trusted
	// People: three kinds of ours have one rule, by any method or a hidden one; of the two kinds of visitors as many.
	// Elsewhere: three kinds of ours, two methods, one rule, three organisations.
	const here, there = 2*(1+1) + 2*(1+1), 3 * 2 * (1 + 1) * 3
	for most, want := range map[int]string{
		there:     "ssid[0].rule[1].vlan",
		there - 1: "ssid[0].rule[1].vlan roaming[0]",
		here:      "ssid[0].rule[1].vlan roaming[0]",
		here - 1:  "ssid[0].name",
	} {
		r := read(cfg)
		r.prove(most)
		var told []string
		for _, p := range r.problems {
			told = append(told, p.Key)
			if strings.Contains(p.Text, "too many to prove") && !strings.Contains(p.Text, fmt.Sprintf(" %d ", most)) {
				t.Errorf("with %d steps: %v", most, p)
			}
		}
		if got := strings.Join(told, " "); got != want {
			t.Errorf("with %d steps: %v", most, r.problems)
		}
	}
}

// Sets of groups are counted without being written out, and of policies written out: none,
// each that is named, and each of a rule's with each of a guarantee's. Two that rules and
// guarantees both name are so looked at in either order, which is once too often and no less.
func TestSetsAsTheyAreCounted(t *testing.T) {
	for bits := range 1 << 6 {
		var named, promised []int
		for i := range 3 {
			if bits>>i&1 == 1 {
				named = append(named, i+1)
			}
			if bits>>(3+i)&1 == 1 {
				promised = append(promised, i+2) // two of them may be named as well
			}
		}
		there := map[[2]int]bool{{}: true} // a rule's and a guarantee's; of one alone, in front
		for _, n := range named {
			there[[2]int{n}] = true
		}
		for _, h := range promised {
			there[[2]int{h}] = true
			for _, n := range named {
				if n != h {
					there[[2]int{n, h}] = true
				}
			}
		}
		a := groupsAsked{named: named, promised: promised}
		for _, n := range named {
			a.isNamed.add(n, 5)
		}
		for _, h := range promised {
			a.isPromised.add(h, 5)
		}
		if got := len(pairs(named, promised)); got != len(there) || a.sets(0) != len(there) {
			t.Errorf("%v and %v: %d are written and %d counted, of %d", named, promised, got, a.sets(0), len(there))
		}
		for group := 1; group < 5; group++ {
			with := 0
			for set := range there {
				with += btoi(set[0] == group || set[1] == group)
			}
			if got := a.sets(group); got != with {
				t.Errorf("%v and %v: %d with %d, of %d", named, promised, got, group, with)
			}
		}
	}
}

// Where no rule is for anybody, our own people, visitors and devices are three kinds
// nevertheless: of our own the groups may be unknown, and devices have no method.
func TestKindsWithoutRules(t *testing.T) {
	cfg := trust()
	cfg.Devices, cfg.Guarantees = []string{"pumps", "scales"}, nil
	cfg.SSIDs = []SSID{{Name: "Nobody"}}
	p := read(cfg).policy
	steps := maxSteps
	var got []string
	for _, k := range p.kinds(p.ssids[0], p.classes(nil), &steps) {
		got = append(got, fmt.Sprintf("%s stands for %d", k.class.name, k.stands))
	}
	want := []string{
		"one of ours (anyone@northbridge.nhs.uk) stands for 4", "a visitor (anyone@camford.ac.uk) stands for 4",
		"a device of list pumps (whose line names no vlan) stands for 2", "a device of list pumps (whose line names another vlan) stands for 2",
		"a device of list scales (whose line names no vlan) stands for 2", "a device of list scales (whose line names another vlan) stands for 2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
