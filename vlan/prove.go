package vlan

import (
	"fmt"
	"slices"
)

// refuseSharedNumbers proves the first built-in guarantee: at every site a number
// belongs to one zone. A clash between two VLANs' own numbers is told at the first
// site that has it.
func (r *reader) refuseSharedNumbers() {
	told := map[[2]int]bool{}
	for _, s := range r.policy.sites {
		first := map[uint16]*network{}
		for _, n := range r.policy.vlans {
			for _, id := range s.numbersOf(n) {
				r.policy.proof.numbers++
				m := first[id]
				if m == nil {
					first[id] = n
				} else if m.zone != n.zone {
					r.refuseClash(s, m, n, id, told)
				}
			}
		}
	}
}

func (r *reader) refuseClash(s *site, m, n *network, id uint16, told map[[2]int]bool) {
	key := r.policy.numberKey(s, n)
	if m.everywhere(s) && n.everywhere(s) {
		pair := [2]int{m.index, n.index}
		if told[pair] {
			return
		}
		told[pair] = true
	} else if n.everywhere(s) {
		key = r.policy.numberKey(s, m)
	}
	r.refuse(key, fmt.Sprintf("give vlan %s or vlan %s another number there", m.name, n.name),
		"vlan %d at %s belongs to both %s and %s", id, s.name, m.zone.name, n.zone.name)
}

// refuseMissingNumbers refuses a VLAN that a rule or a controller gives at a site
// where it has no number.
func (r *reader) refuseMissingNumbers() {
	for _, s := range r.policy.sites {
		told := make([]bool, len(r.policy.vlans))
		need := func(n *network) {
			if s.numbers[n.index] == 0 && !told[n.index] {
				told[n.index] = true
				r.refuse(path("vlan", n.name, "id"), fmt.Sprintf("give it one: [vlan] %s = { id = … }, or vlan = { %s = … } at the site", tomlKey(n.name), tomlKey(n.name)),
					"vlan %s has no number at %s", n.name, s.name)
			}
		}
		for _, x := range r.policy.ssids {
			for _, rl := range x.rules {
				if rl.site == 0 || rl.site == s.index {
					need(rl.network)
				}
			}
		}
		for _, c := range s.controllers {
			if c.fallback != nil {
				need(c.fallback)
			}
		}
	}
}

// A tally counts what the proof went through. Counts are of single sites, though
// sites that read their rules alike are walked once.
type tally struct {
	numbers      int // of VLANs at sites
	classes      int
	groupSets    int
	devices      int
	certificates int
	cases        int
	placed       int
	noRule       int
	unseen       int // refused for what cannot be seen
	visitors     int
	down         int // a home was down: no Accept
	roaming      int // of our own people elsewhere
	fallbacks    int // what a controller does by itself
	covered      []int
}

// A class is a kind of person whom rules cannot tell from another of its kind.
type class struct {
	subject subject
	name    string // a visitor (anyone@other.example)
}

// classes are every kind of person whom rules judge: each realm that the file names,
// each person whom these rules or a guarantee name, a realm below one of
// ours, and any other realm.
func (p *Policy) classes(rules []*rule) []class {
	var list []class
	add := func(own bool, realm, user int, whom string) {
		name := "a visitor (" + whom + ")"
		if own {
			name = "one of ours (" + whom + ")"
		}
		list = append(list, class{subject{own: own, realm: realm, user: user}, name})
	}
	for i, realm := range p.realmAt[1:] {
		add(realm.own, i+1, 0, "anyone@"+realm.name)
	}
	for _, u := range p.namedUsers(rules) {
		add(p.realmAt[p.userAt[u].realm].own, p.userAt[u].realm, u, p.userAt[u].name)
	}
	if i := slices.IndexFunc(p.realmAt, func(r realm) bool { return r.own }); i >= 0 {
		add(true, 0, 0, "anyone@below."+p.realmAt[i].name)
	}
	other := "other.example"
	for p.realms[other] != 0 || p.isOurs(other) {
		other = "an" + other
	}
	add(false, 0, 0, "anyone@"+other)
	return list
}

func (p *Policy) namedUsers(rules []*rule) []int {
	var users []int
	for _, r := range rules {
		if r.user != 0 {
			users = append(users, r.user)
		}
	}
	for _, g := range p.guarantees {
		if g.user != 0 {
			users = append(users, g.user)
		}
	}
	slices.Sort(users)
	return slices.Compact(users)
}

// groupSets are the sets of groups that decide: none, each group that a rule for
// this class names, each that a guarantee names, and the pairs of the two. More
// groups than those can only make an earlier rule match, which has a set of its
// own; so no greater set reaches anything new.
func (p *Policy) groupSets(c class, rules []*rule) [][]int {
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

// pairs are the sets that decide where rules and guarantees each ask for one thing at
// most: none, each one that is named, and each of a rule's with each of a guarantee's.
func pairs(named, promised []int) [][]int {
	sets := [][]int{nil}
	for _, n := range named {
		sets = append(sets, []int{n})
	}
	for _, h := range promised {
		if !slices.Contains(named, h) {
			sets = append(sets, []int{h})
		}
		for _, n := range named {
			if n != h {
				sets = append(sets, []int{n, h})
			}
		}
	}
	return sets
}

// appendNew appends a number that is not there yet; 0 is none.
func appendNew(list []int, n int) []int {
	if n == 0 || slices.Contains(list, n) {
		return list
	}
	return append(list, n)
}

// A prover walks every case and keeps the first counterexample of each kind.
type prover struct {
	*reader
	told map[string]bool
}

func (r *reader) prove() {
	v := &prover{r, map[string]bool{}}
	p := r.policy
	p.proof.covered = make([]int, len(p.guarantees))
	for _, x := range p.ssids {
		classes := p.classes(x.rules)
		p.proof.classes = max(p.proof.classes, len(classes))
		for _, g := range p.programsOf(x) {
			for _, sites := range p.asGuaranteesTellApart(g.sites) {
				v.walkProgram(g, sites, classes)
			}
		}
	}
	v.proveFallbacks()
	v.proveRoaming()
}

// programsOf returns the distinct programs of an SSID in the order of the sites.
func (p *Policy) programsOf(x *ssid) []*program {
	var list []*program
	for _, s := range p.sites {
		if g := s.programs[x.name]; g.sites[0] == s {
			list = append(list, g)
		}
	}
	return list
}

// asGuaranteesTellApart splits sites that read their rules alike where a guarantee
// names one of them.
func (p *Policy) asGuaranteesTellApart(sites []*site) [][]*site {
	var alike []*site
	var parts [][]*site
	for _, s := range sites {
		if slices.ContainsFunc(p.guarantees, func(g *guarantee) bool { return g.site == s.index }) {
			parts = append(parts, []*site{s})
		} else {
			alike = append(alike, s)
		}
	}
	if alike != nil {
		parts = append(parts, alike)
	}
	return parts
}

func (v *prover) walkProgram(g *program, sites []*site, classes []class) {
	p, t := v.policy, &v.policy.proof
	for _, c := range classes {
		rules := g.rules(c.subject.own, c.subject.realm)
		sets, supposed := p.groupSets(c, rules), p.suppositions(c, rules)
		t.groupSets = max(t.groupSets, len(sets))
		t.devices, t.certificates = max(t.devices, supposed.devices), max(t.certificates, supposed.certificates)
		for m := methodTLS; m <= methods; m++ { // the last is the hidden one
			s := c.subject
			s.site, s.method = sites[0].index, m%methods
			t.down += len(sites)
			for i := range supposed.list {
				p.suppose(&s, &supposed.list[i])
				for _, groups := range sets {
					v.judgeGroups(g, sites, c, s, groups)
				}
			}
		}
	}
}

// judgeGroups holds one case with a set of groups: as all that there are, and, for our
// own people, as those of them that the directory could tell.
func (v *prover) judgeGroups(g *program, sites []*site, c class, s subject, groups []int) {
	for _, group := range groups {
		s.marks.add(group, len(v.policy.markAt))
	}
	v.judge(g, sites, c, &s, groups)
	if s.own {
		s.groupsUnknown = true
		v.judge(g, sites, c, &s, groups)
	}
}

// judge holds one case against every guarantee.
func (v *prover) judge(g *program, sites []*site, c class, s *subject, groups []int) {
	p, t := v.policy, &v.policy.proof
	chosen, reason := walk(g.rules(s.own, s.realm), s, nil)
	t.cases += len(sites)
	if !s.own {
		t.visitors += len(sites)
	}
	for i, promise := range p.guarantees {
		if promise.covers(s, g.ssid.name) {
			t.covered[i] += len(sites)
			if chosen != nil && promise.forbids(chosen.network) {
				v.counterexample(promise.key, g, sites[0], c, s, groups, chosen, promise.place, fmt.Sprintf("guarantee %d says: %s", promise.number, promise.text), promise.method != methodHidden)
			}
		}
	}
	switch {
	case chosen != nil:
		t.placed += len(sites)
		g.reached[chosen] = true
		if z := chosen.network.zone; !s.own && z.trusted {
			v.counterexample("", g, sites[0], c, s, groups, chosen, "zone "+z.name, z.name+" is trusted", false)
		}
	case reason == ErrNoRule:
		t.noRule += len(sites)
	default:
		t.unseen += len(sites)
	}
}

// counterexample tells, once for each guarantee and rule, who reaches what and how.
func (v *prover) counterexample(promise string, g *program, at *site, c class, s *subject, groups []int, by *rule, place, because string, sayMethod bool) {
	if key := promise + " " + by.key; v.told[key] {
		return
	} else {
		v.told[key] = true
	}
	p := v.policy
	with := ""
	for i, group := range groups {
		with += fmt.Sprintf("%s %q", []string{" in group", " and"}[min(i, 1)], p.markAt[group])
	}
	if s.method != methodHidden && (sayMethod || by.method != methodHidden) {
		with += " by " + methodNames[s.method]
	}
	with += p.credentialsOf(s)
	if promise != "" { // "only academic" is broken by where they do land
		place = "zone " + by.network.zone.name
	}
	n := by.network
	v.refuse(by.key+".vlan", fmt.Sprintf("name another vlan in rule %d, or narrow whom it is for", by.number),
		"%s%s on SSID %q at %s reaches %s: %s gives vlan %s (%d), and %s", c.name, with, g.ssid.name, at.name, place, by.text, n.name, at.numbers[n.index], because)
}

// proveFallbacks holds what each controller does by itself against every
// guarantee: anybody, on any SSID of the site, when a reply names no VLAN or when
// we or a home do not answer.
func (v *prover) proveFallbacks() {
	p := v.policy
	for _, s := range p.sites {
		for _, c := range s.controllers {
			p.proof.fallbacks += len(p.ssids)
			for i, g := range p.guarantees {
				if g.site == 0 || g.site == s.index {
					p.proof.covered[i] += len(p.ssids)
				}
			}
			n := c.fallback
			if n == nil {
				continue
			}
			reaches := fmt.Sprintf("anybody on any SSID at %s reaches zone %s when no reply names a VLAN: without_vlan of %s gives vlan %s (%d)", s.name, n.zone.name, c.name, n.name, s.numbers[n.index])
			fix := `without_vlan = "reject", or a vlan that anybody may have`
			if n.zone.trusted {
				v.refuse(c.key+".without_vlan", fix, "%s, and %s is trusted", reaches, n.zone.name)
			}
			for i, g := range p.guarantees {
				if i > 0 && p.guarantees[i-1].number == g.number && p.guarantees[i-1].site == g.site {
					continue // of another SSID, and a controller asks on all
				}
				if (g.site == 0 || g.site == s.index) && g.forbids(n) {
					v.refuse(c.key+".without_vlan", fix, "%s, and guarantee %d says: %s", reaches, g.number, g.text)
				}
			}
		}
	}
}
