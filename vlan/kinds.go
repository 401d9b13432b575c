package vlan

import "slices"

// A kind is people whom the rules of an SSID, and the guarantees, cannot tell apart,
// with the sites where they cannot. It is proved once and counted as often as it
// stands for: a region of five hundred sites has some hundreds of kinds.
type kind struct {
	ssid     *ssid
	class    class // the first of those alike
	site     *site // the first of those alike
	rules    []*rule
	programs []*program
	promised []int // which guarantees may speak of them
	stands   int   // for so many classes at sites
	size     size
}

// A size says how much there is to look at for a kind.
type size struct{ methods, credentials, groups, promises, steps int }

func (p *Policy) sizeOf(c class, rules []*rule, promises int) size {
	groups, supposed := p.groupsAsked(c, rules), p.suppositions(c, rules)
	z := size{methods: len(p.methodsApart(c, rules)), credentials: len(supposed.list), groups: len(groups.named), promises: len(groups.promised) + 8*promises}
	z.steps = z.methods * z.credentials * (1 + len(rules) + 2*z.groups + z.promises)
	return z
}

// kinds sorts everybody at every site into kinds, in the order of the sites, and stops
// when there is more to look at than steps.
func (p *Policy) kinds(x *ssid, classes []class, steps *int) []*kind {
	type key struct {
		rules    **rule // the list itself: programs share those that are alike
		own      bool
		user     int
		list     int
		lands    int
		promises string
	}
	var list []*kind
	var all set
	for i := range p.markAt {
		all.add(i, len(p.markAt))
	}
	known := map[key]*kind{}
	for _, g := range p.programsOf(x) {
		for _, sites := range p.asGuaranteesTellApart(g.sites) {
			for i := range classes {
				c := &classes[i]
				rules := g.rulesFor(&c.subject)
				k := key{own: c.subject.own, user: c.subject.user, list: c.subject.list, lands: c.subject.lands, promises: p.promisedTo(c.subject, x, sites[0], &all)}
				if len(rules) > 0 {
					k.rules = &rules[0]
				}
				of := known[k]
				if of == nil {
					of = &kind{ssid: x, class: *c, site: sites[0], rules: rules, promised: spoken(k.promises)}
					of.size = p.sizeOf(*c, rules, len(of.promised))
					known[k] = of
					list = append(list, of)
					if *steps -= of.size.steps; *steps < 0 {
						return list
					}
				}
				of.stands += len(sites)
				if n := len(of.programs); n == 0 || of.programs[n-1] != g {
					of.programs = append(of.programs, g)
				}
			}
		}
	}
	return list
}

// promisedTo writes which guarantees speak of a class at a site, all else granted: a
// byte for each.
func (p *Policy) promisedTo(s subject, x *ssid, at *site, all *set) string {
	s.site, s.marks = at.index, *all
	said := make([]byte, len(p.guarantees))
	for i, g := range p.guarantees {
		s.method, s.device, s.issuer = g.method, g.device, g.issuer
		if g.covers(&s, x.name) {
			said[i] = 1
		}
	}
	return string(said)
}

// spoken lists the guarantees that speak.
func spoken(promises string) (list []int) {
	for i := range len(promises) {
		if promises[i] == 1 {
			list = append(list, i)
		}
	}
	return list
}

// likeMethods are methods that nobody asks for, of which one stands for all, or one
// that somebody does.
type likeMethods struct {
	method method
	stands int
}

// methodsApart are the methods that rules or guarantees tell apart, the hidden one last.
func (p *Policy) methodsApart(c class, rules []*rule) []likeMethods {
	if c.subject.list != 0 {
		return []likeMethods{{methodOther, 1}} // it has no method that a rule could ask for
	}
	var asked [methods]bool
	for _, r := range rules {
		asked[r.method] = true
	}
	for _, g := range p.guarantees {
		asked[g.method] = true
	}
	var list []likeMethods
	others := -1 // where those stand that nobody asks for
	for m := methodTLS; m < methods; m++ {
		switch {
		case asked[m]:
			list = append(list, likeMethods{m, 1})
		case others < 0:
			others = len(list)
			list = append(list, likeMethods{m, 1})
		default:
			list[others].stands++
		}
	}
	return append(list, likeMethods{methodHidden, 1})
}

// groupsAsked are the groups that rules for a class name, and those that guarantees do.
// The sets that decide are none, each group, and each of a rule's with each of a
// guarantee's. More groups than those can only make an earlier rule match, which has
// a set of its own; so no greater set reaches anything new. They are counted, and
// never written out: two thousand groups and a hundred guarantees have two hundred
// thousand of them.
type groupsAsked struct {
	named, promised     []int
	isNamed, isPromised set
	all                 set // both
}

func (p *Policy) groupsAsked(c class, rules []*rule) groupsAsked {
	var a groupsAsked
	if !c.subject.own {
		return a
	}
	note := func(list *[]int, in *set, group int) {
		if group != 0 && !in.has(group) {
			*list = append(*list, group)
			in.add(group, len(p.markAt))
			a.all.add(group, len(p.markAt))
		}
	}
	for _, r := range rules {
		note(&a.named, &a.isNamed, r.group)
	}
	for _, g := range p.guarantees {
		note(&a.promised, &a.isPromised, g.group)
	}
	return a
}

// sets counts the sets of groups that decide; with a group, those that have it.
func (a *groupsAsked) sets(group int) int {
	if group == 0 {
		n := 1 + len(a.named)
		for _, h := range a.promised {
			n += a.beside(h)
		}
		return n
	}
	n := 0
	if a.isNamed.has(group) {
		n = 1 + len(a.promised)
		if a.isPromised.has(group) {
			n--
		}
	}
	if a.isPromised.has(group) {
		n += a.beside(group)
	}
	return n
}

// beside counts the sets that a guarantee's group adds: itself, and itself with each
// of a rule's.
func (a *groupsAsked) beside(h int) int {
	if a.isNamed.has(h) {
		return len(a.named) - 1
	}
	return len(a.named) + 1
}

// maxSteps bounds the proof: two to three seconds of one processor. It is told in
// docs/config.md, "How large a policy may be".
const maxSteps = 1 << 28

// refuseTooLarge refuses a proof that would not end in good time, and says whose cases
// are too many. The last kind is the one with which they became so.
func (r *reader) refuseTooLarge(kinds []*kind, steps int) {
	last := kinds[len(kinds)-1]
	most, by, lists := last, map[string]int{}, map[string]int{}
	name := func(k *kind) string { return k.ssid.name + "\n" + k.class.name }
	for _, k := range kinds {
		lists[name(k)]++
		if by[name(k)] += k.size.steps; by[name(k)] > by[name(most)] {
			most = k
		}
	}
	at := slices.IndexFunc(r.cfg.SSIDs, func(s SSID) bool { return s.Name == most.ssid.name })
	r.refuse(path("ssid", at, "name"), most.size.fewer(lists[name(most)]),
		"the rules are too many to prove: it would take more than %d steps, which is the most that are taken; on SSID %q for %s alone there are %d lists of rules, of up to %d rules and %d groups, each for %d methods and %d combinations of device and certificate",
		steps, most.ssid.name, most.class.name, lists[name(most)], len(most.rules), most.size.groups, most.size.methods, most.size.credentials)
}

// fewer says what makes most of the steps, and what to write instead.
func (z size) fewer(lists int) string {
	switch {
	case z.credentials > 50:
		return "name fewer authorities and certificate policies in its rules and in the guarantees: each combination has to be looked at"
	case lists > 20:
		return `write the rules that name a site without it, and give the site another number for the vlan: vlan = { … } in its [[site]]`
	}
	return "give the groups that share a vlan one group in the directory, and one rule"
}
