package vlan

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// exhaust is the proof without its short cuts: every site, class, method, credential
// and set of groups by itself, walked through the rules one by one. It returns what it
// counted, which rules it reached (by key), and which rules broke which promise.
func exhaust(p *Policy) (t tally, reached map[string]bool, broken map[[2]string]bool) {
	reached, broken = map[string]bool{}, map[[2]string]bool{}
	t.covered = make([]int, len(p.guarantees))
	for _, x := range p.ssids {
		for _, at := range p.sites {
			for _, c := range p.classes(x.rules) {
				rules := at.programs[x.name].rulesFor(&c.subject)
				sets := setsOneByOne(p, c, rules)
				t.groupSets = max(t.groupSets, len(sets))
				for m := methodTLS; m <= methods; m++ {
					if c.subject.list != 0 && m != c.subject.method {
						continue // a device has the one
					}
					t.down++
					for _, credential := range p.suppositions(c, rules).list {
						for _, groups := range sets {
							for _, unknown := range []bool{false, true}[:1+btoi(c.subject.own)] {
								s := c.subject
								s.site, s.method = at.index, m%methods
								p.suppose(&s, &credential)
								for _, group := range groups {
									s.marks.add(group, len(p.markAt))
								}
								s.groupsUnknown = unknown
								exhaustCase(p, x, rules, &s, &t, reached, broken)
							}
						}
					}
				}
			}
		}
	}
	return t, reached, broken
}

func exhaustCase(p *Policy, x *ssid, rules []*rule, s *subject, t *tally, reached map[string]bool, broken map[[2]string]bool) {
	chosen, reason := walk(rules, s, nil)
	t.cases++
	t.visitors += btoi(!s.own && s.list == 0)
	t.listed += btoi(s.list != 0)
	for i, promise := range p.guarantees {
		if promise.covers(s, x.name) {
			t.covered[i]++
			if chosen != nil && promise.forbids(chosen.network) {
				broken[[2]string{promise.key, chosen.key}] = true
			}
		}
	}
	switch {
	case chosen != nil:
		t.placed++
		reached[chosen.key] = true
		if !s.own && chosen.network.zone.trusted && (s.list == 0 || !chosen.source.Trusted) {
			broken[[2]string{"", chosen.key}] = true
		}
	case reason == ErrNoRule:
		t.noRule++
	default:
		t.unseen++
	}
}

func setsOneByOne(p *Policy, c class, rules []*rule) [][]int {
	if !c.subject.own {
		return [][]int{nil}
	}
	var named, promised []int
	for _, r := range rules {
		named = appendNew(named, r.group)
	}
	for _, g := range p.guarantees {
		promised = appendNew(promised, g.group)
	}
	return pairs(named, promised)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// The proof reasons about kinds of people and counts sets of groups without writing
// them out. It must come to the same numbers, reach the same rules and find the same
// broken promises as one that looks at each case.
func TestKindsAreExhaustive(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(11, 26))}
	configs := []Config{trust(), chained(), region(6, 20, 80, 6)}
	for range 1500 {
		configs = append(configs, d.inForce())
	}
	broke, held := 0, 0
	for i, cfg := range configs {
		r := read(cfg)
		if len(r.problems) > 0 || r.rulesIncomplete {
			continue
		}
		r.prove(maxSteps)
		want, reached, broken := exhaust(r.policy)
		got := r.policy.proof
		want.numbers, want.classes, want.devices, want.certificates = got.numbers, got.classes, got.devices, got.certificates
		want.roaming, want.fallbacks = got.roaming, got.fallbacks
		for _, s := range r.policy.sites { // what fall-backs cover is counted as it was
			for j, g := range r.policy.guarantees {
				if g.site == 0 || g.site == s.index {
					want.covered[j] += len(s.controllers) * map[bool]int{true: len(r.policy.ssids), false: 1}[g.ssid == ""]
				}
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%d: counted\n%+v, one by one\n%+v\n%+v", i, got, want, cfg)
		}
		for _, x := range r.policy.ssids {
			for _, rl := range x.rules {
				if got := reachedIn(r.policy.programsOf(x), rl); got != reached[rl.key] {
					t.Fatalf("%d: %s reached: %v, one by one: %v\n%+v", i, rl.key, got, reached[rl.key], cfg)
				}
			}
		}
		for promised := range broken {
			if !slices.ContainsFunc(r.problems, func(p Problem) bool { return p.Key == promised[1]+".vlan" }) {
				t.Fatalf("%d: %q breaks %q, and the proof says %v\n%+v", i, promised[1], promised[0], r.problems, cfg)
			}
		}
		problems := 0
		for _, p := range r.problems {
			if p.Key[:5] == "ssid[" {
				problems++
				landsAsSaid(t, cfg, p)
			}
		}
		if problems != len(broken) {
			t.Fatalf("%d: %d counterexamples, one by one %d: %v\n%+v", i, problems, len(broken), r.problems, cfg)
		}
		if broke += btoi(problems > 0); problems == 0 {
			held++
		}
	}
	if broke < 100 || held < 100 {
		t.Errorf("%d policies broke a promise and %d held: the dice are loaded", broke, held)
	}
}

// landsAsSaid looks a counterexample up as somebody would who does not believe it.
func landsAsSaid(t *testing.T, cfg Config, p Problem) {
	t.Helper()
	if p.Example == nil {
		t.Fatalf("%v has no example\n%+v", p, cfg)
	}
	f := p.Example.Facts
	steps := Resolve(cfg).Explain(f)
	if !slices.ContainsFunc(steps, func(s Step) bool { return s.Key+".vlan" == p.Key && s.Matched }) {
		t.Fatalf("%v\nis not so: %+v\n%+v", p, f, steps)
	}
}
