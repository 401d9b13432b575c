package vlan

import (
	"fmt"
	"slices"
	"strings"
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
	listed       int // devices that are known by their MAC alone
	down         int // a home was down: no Accept
	roaming      int // of our own people elsewhere
	fallbacks    int // what a controller does by itself
	covered      []int
}

// A class is a kind of person whom rules cannot tell from another of its kind.
type class struct {
	subject subject
	name    string // a visitor (anyone@other.example)

	user, realm string // of one of them
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
		person, domain, _ := strings.Cut(whom, "@")
		list = append(list, class{subject{own: own, realm: realm, user: user}, name, person, domain})
	}
	for i, realm := range p.realmAt[1:] {
		add(realm.own, i+1, 0, p.nobody(realm.name)+"@"+realm.name)
	}
	for _, u := range p.namedUsers(rules) {
		add(p.realmAt[p.userAt[u].realm].own, p.userAt[u].realm, u, p.userAt[u].name)
	}
	if i := slices.IndexFunc(p.realmAt, func(r realm) bool { return r.own }); i != -1 {
		add(true, 0, 0, "anyone@below."+p.realmAt[i].name)
	}
	other := "other.example"
	for p.realms[other] != 0 {
		other = "an" + other
	}
	add(false, 0, 0, "anyone@"+other)
	return append(list, p.deviceClasses()...)
}

// nobody is a name in a realm that the file does not have.
func (p *Policy) nobody(realm string) string {
	name := "anyone"
	for p.userOf(name, realm) != 0 {
		name = "some-" + name
	}
	return name
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

// A prover goes through every case and keeps the first counterexample of each kind.
type prover struct {
	*reader
	most   int // steps
	told   map[string]bool
	choice *choice
	more   int // counterexamples beyond those that anybody would read
}

// mostTold is how many counterexamples are told. One wrong guarantee of a region may
// have thousands.
const mostTold = 50

// prove takes so many steps at most for the rules of SSIDs, and for those of [[roaming]].
func (r *reader) prove(most int) {
	p := r.policy
	p.proof.covered = make([]int, len(p.guarantees))
	var all []*kind
	steps := most
	for _, x := range p.ssids {
		classes := p.classes(x.rules)
		p.proof.classes = max(p.proof.classes, len(classes))
		if all = append(all, p.kinds(x, classes, &steps)...); steps < 0 {
			r.refuseTooLarge(all, most)
			return
		}
	}
	v := &prover{reader: r, most: most, told: map[string]bool{}, choice: p.newChoice()}
	for _, k := range all {
		v.proveKind(k)
	}
	if v.more > 0 {
		last := r.problems[len(r.problems)-1]
		r.refuse(last.Key, "mend those that are shown first", "%d more counterexamples are not shown", v.more)
	}
	r.warnVacuous(p.proof.covered)
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

func (v *prover) proveKind(k *kind) {
	p, t := v.policy, &v.policy.proof
	groups, supposed := p.groupsAsked(k.class, k.rules), p.suppositions(k.class, k.rules)
	t.groupSets = max(t.groupSets, groups.sets(0))
	t.devices, t.certificates = max(t.devices, supposed.devices), max(t.certificates, supposed.certificates)
	reached := make([]bool, len(k.ssid.rules)+1) // by number
	s := k.class.subject
	s.site = k.site.index
	for _, m := range p.methodsApart(k.class, k.rules) {
		s.method = m.method
		t.down += k.stands * m.stands
		for i := range supposed.list {
			p.suppose(&s, &supposed.list[i])
			v.judge(k, &groups, &s, k.stands*m.stands, reached)
		}
	}
	for _, g := range k.programs {
		for n, is := range reached {
			g.reached[n] = g.reached[n] || is
		}
	}
}

// judge holds a person, whose groups are open, against every guarantee: in each set of
// groups, as all that there are, and, for our own people, as those of them that the
// directory could tell. With groups unknown nobody reaches what they do not reach in
// one of the sets.
func (v *prover) judge(k *kind, groups *groupsAsked, s *subject, stands int, reached []bool) {
	t, c := &v.policy.proof, v.choice
	everywhere := *s
	everywhere.marks = s.marks.and(&groups.all)
	c.narrow(k.rules, &everywhere)
	ends, times := c.known(groups), stands
	if s.own {
		more := c.unknown(groups)
		ends = ending{ends.placed + more.placed, ends.noRule + more.noRule, ends.unseen + more.unseen}
		times *= 2
	} else if s.list != 0 {
		t.listed += stands
	} else {
		t.visitors += stands
	}
	t.cases += times * groups.sets(0)
	t.placed += stands * ends.placed
	t.noRule += stands * ends.noRule
	t.unseen += stands * ends.unseen
	for _, i := range k.promised {
		v.hold(i, k, groups, s, times)
	}
	for n, by := range c.rules {
		if !c.matches(n + 1) {
			continue
		}
		reached[by.number] = true
		if z := by.network.zone; !by.mayReach(s.own, s.list != 0) {
			because := z.name + " is trusted"
			if s.list != 0 {
				because += `, which a MAC alone does not open unless the rule says trusted = true for its list`
			}
			v.counterexample("", k, s, 0, by, "zone "+z.name, because, false)
		}
	}
}

// hold holds a guarantee against all that a person can reach in a set of groups of
// which it speaks.
func (v *prover) hold(i int, k *kind, groups *groupsAsked, s *subject, times int) {
	c, promise := v.choice, v.policy.guarantees[i]
	if s.own && promise.group != 0 {
		s.marks.add(promise.group, len(v.policy.markAt)) // others may be there: covers asks for this one
	}
	if !promise.covers(s, k.ssid.name) {
		return
	}
	v.policy.proof.covered[i] += times * groups.sets(promise.group)
	most := len(c.rules)
	if promise.group != 0 {
		rank := c.of(promise.group)
		most = max(c.before(rank), rank)
	}
	for n, by := range c.rules[:most] {
		if promise.forbids(by.network) && c.matches(n+1) {
			v.counterexample(promise.key, k, s, promise.group, by, promise.place, fmt.Sprintf("guarantee %d says: %s", promise.number, promise.text), promise.method != methodHidden)
		}
	}
}

// counterexample tells, once for each guarantee and rule, who reaches what and how: in
// the rule's group and in that of which the guarantee speaks.
func (v *prover) counterexample(promise string, k *kind, s *subject, group int, by *rule, place, because string, sayMethod bool) {
	if key := promise + " " + by.key; v.told[key] {
		return
	} else {
		v.told[key] = true
	}
	if len(v.told) > mostTold {
		v.more++
		return
	}
	p := v.policy
	var groups []string
	for _, g := range appendNew(appendNew(nil, by.group), group) {
		groups = append(groups, p.markAt[g])
	}
	with := ""
	for i, group := range groups {
		with += fmt.Sprintf("%s %q", []string{" in group", " and"}[min(i, 1)], group)
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
		"%s%s on SSID %q at %s reaches %s: %s gives vlan %s (%d), and %s", k.class.name, with, k.ssid.name, k.site.name, place, by.text, n.name, k.site.numbers[n.index], because)
	v.problems[len(v.problems)-1].Example = p.example(k, s, groups, n)
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
				switch {
				case g.site != 0 && g.site != s.index:
				case g.ssid == "":
					p.proof.covered[i] += len(p.ssids)
				default:
					p.proof.covered[i]++
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
			told := 0 // by number: one of the file may be several here, and a controller asks on all SSIDs
			for _, g := range p.guarantees {
				if g.number != told && (g.site == 0 || g.site == s.index) && g.forbids(n) {
					told = g.number
					v.refuse(c.key+".without_vlan", fix, "%s, and guarantee %d says: %s", reaches, g.number, g.text)
				}
			}
		}
	}
}
