package vlan

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A Comparison is what a new configuration changes, for whom.
type Comparison struct {
	Moves  []Move   // who lands elsewhere, the gravest first
	Others []string // what else differs, in words
	Cases  int      // that were looked at in both
}

// Same tells whether nothing differs.
func (c *Comparison) Same() bool { return len(c.Moves)+len(c.Others) == 0 }

// A Move is one change of placement, for people on an SSID.
type Move struct {
	Gravity  Gravity
	Who      []string // `anyone@camford.ac.uk (a visitor)`
	With     string   // ` in group "Staff" by tls`; empty: whatever they show
	More     int      // how many other combinations of what they show change alike
	SSID     string   // empty: at other organisations
	Operator string   // of those; empty: one that names none
	Sites    []string // in the order of the file
	From, To Landed
	Facts    Facts `json:"-"` // one of those people, at the first of the sites
}

// Landed is how a log-in ends: on a network, let in elsewhere, or refused.
type Landed struct {
	VLAN      string
	IDs       []uint16 // one, or those of a pool
	Zone      string
	Trusted   bool
	Elsewhere bool
	Reason    string // of a refusal
}

// String says it in words.
func (l Landed) String() string {
	switch {
	case l.Reason != "":
		return "refused (" + l.Reason + ")"
	case l.Elsewhere:
		return "let in"
	}
	text := fmt.Sprintf("vlan %s (%s), zone %s", l.VLAN, listNumbers(l.IDs), l.Zone)
	if l.Trusted {
		text += ", which is trusted"
	}
	return text
}

func listNumbers(ids []uint16) string {
	var list []string
	for _, id := range ids {
		list = append(list, fmt.Sprint(id))
	}
	return strings.Join(list, ", ")
}

func (l Landed) refused() bool { return l.Reason != "" }

// same compares what a person notices: not the reason of a refusal, which gives nothing.
func (l Landed) same(m Landed) bool {
	return l.VLAN == m.VLAN && l.Zone == m.Zone && l.Trusted == m.Trusted && l.Elsewhere == m.Elsewhere && slices.Equal(l.IDs, m.IDs)
}

// Gravity orders moves, the gravest first.
type Gravity uint8

// What a move does.
const (
	IntoTrusted Gravity = iota // into a trusted zone, from wherever
	AcrossZones                // from one zone to another
	LetIn                      // who was refused
	Refused                    // who was let in
	Renumbered                 // another VLAN or number of the same zone
)

func gravity(from, to Landed) Gravity {
	switch {
	case to.refused():
		return Refused
	case to.Trusted && (!from.Trusted || from.Zone != to.Zone):
		return IntoTrusted
	case from.refused():
		return LetIn
	case from.Zone != to.Zone || from.Trusted != to.Trusted:
		return AcrossZones
	}
	return Renumbered
}

// mostCompared bounds the cases that a comparison looks at: about a minute of one processor.
const mostCompared = 20_000_000

// Compare says what next changes of what p does. It goes through every kind of person
// that the rules of either can tell from another, on every SSID, at every site that both
// have, as the proof does: what it does not mention stays. Agreements' days do not count
// in it, and are compared by themselves. The error says that there are too many
// combinations to look at.
func (p *Policy) Compare(next *Policy) (*Comparison, error) {
	c := &comparer{old: p, next: next, out: &Comparison{}}
	c.people = c.whoever()
	for _, ssid := range union(names(p.ssids, func(s *ssid) string { return s.name }), names(next.ssids, func(s *ssid) string { return s.name })) {
		for _, alike := range c.sitesAlike(ssid) {
			for _, who := range c.people {
				if err := c.compareAt(ssid, alike, who); err != nil {
					return nil, err
				}
			}
		}
	}
	if err := c.compareElsewhere(); err != nil {
		return nil, err
	}
	c.out.Moves = together(c.moves)
	c.compareOthers()
	return c.out, nil
}

// A comparer walks both policies.
type comparer struct {
	old, next *Policy
	people    []person
	moves     []Move
	out       *Comparison
}

// A person stands for all of a kind, by names that both policies read for themselves.
type person struct {
	user, realm string
	list, lands string // of a device that is known by its MAC alone
}

// whoever is every kind of person that either policy can tell from another.
func (c *comparer) whoever() []person {
	var list []person
	realms, users := c.realms(), union(c.users(c.old), c.users(c.next))
	anyone := "anyone" // whom neither names
	for slices.ContainsFunc(users, func(u string) bool { return strings.HasPrefix(u, anyone+"@") }) {
		anyone = "some-" + anyone
	}
	unnamed := func(realm string) person {
		for slices.Contains(realms, realm) {
			realm = "an" + realm
		}
		return person{user: anyone, realm: realm}
	}
	for _, name := range realms {
		list = append(list, person{user: anyone, realm: name})
	}
	hidden := map[string]bool{}
	for _, name := range users {
		user, realm, _ := strings.Cut(name, "@")
		list = append(list, person{user: user, realm: realm})
		if !hidden[realm] {
			hidden[realm] = true
			list = append(list, person{realm: realm})
		}
	}
	for _, name := range realms {
		if c.old.isOurs(name) || c.next.isOurs(name) {
			list = append(list, unnamed("below."+name))
		}
	}
	return append(append(list, unnamed("other.example")), c.whateverDevices()...)
}

func (c *comparer) realms() []string {
	name := func(r realm) string { return r.name }
	return union(names(c.old.realmAt[1:], name), names(c.next.realmAt[1:], name))
}

func (c *comparer) users(p *Policy) []string {
	return names(p.userAt[1:], func(u user) string { return strings.ToLower(u.name) })
}

// A sitePair is one site as each policy has it.
type sitePair struct{ old, next *site }

// sitesAlike groups the sites that both policies have by how each reads an SSID's rules
// there. A policy that has no such SSID reads none.
func (c *comparer) sitesAlike(ssid string) [][]sitePair {
	at := map[[2]*program]int{}
	var groups [][]sitePair
	for _, s := range c.old.sites {
		t := c.next.siteOf[s.name]
		if t == nil {
			continue
		}
		key := [2]*program{s.programs[ssid], t.programs[ssid]}
		i, known := at[key]
		if !known {
			i = len(groups)
			at[key] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], sitePair{s, t})
	}
	return groups
}

// compareAt compares what becomes of one kind of person on an SSID, at sites that read
// its rules alike.
func (c *comparer) compareAt(ssid string, sites []sitePair, who person) error {
	old, next := c.old.rulesFor(sites[0].old, ssid, who), c.next.rulesFor(sites[0].next, ssid, who)
	if sameRules(old, next, sites) {
		return nil
	}
	k := kinds(old, next)
	if c.out.Cases += k.size(); c.out.Cases > mostCompared {
		return fmt.Errorf("on SSID %q more than %d combinations of groups, methods and certificates differ: compare smaller steps", ssid, mostCompared)
	}
	given := map[[2]*network][]difference{} // by what either gives; nil: refused
	found := map[string]*Move{}
	var order []*Move
	k.each(func(with shown) {
		from, whyNot := c.old.ends(sites[0].old, old, ssid, who, with)
		to, whyNow := c.next.ends(sites[0].next, next, ssid, who, with)
		key := [2]*network{from, to}
		changes, known := given[key]
		if !known {
			changes = changesAt(sites, from, to)
			given[key] = changes
		}
		for i := range changes {
			id := fmt.Sprint(changes[i])
			m := found[id]
			if m == nil {
				m = changes[i].move(ssid, c.title(who), whyNot, whyNow)
				m.With, m.Facts = with.words(), with.facts(c.next, who)
				m.Facts.SSID, m.Facts.Site = ssid, m.Sites[0]
				found[id] = m
				order = append(order, m)
			}
			m.More++
		}
	})
	c.add(order, k)
	return nil
}

// rulesFor are the rules of an SSID that can fit somebody of a realm at a site.
func (p *Policy) rulesFor(at *site, ssid string, who person) []*rule {
	g := at.programs[ssid]
	if g == nil {
		return nil
	}
	if who.list != "" {
		return p.rulesForDevice(g, who.list)
	}
	return g.rules(p.isOurs(who.realm), p.realms[who.realm])
}

// ends decides for one person as Assign does, the agreement's days apart.
func (p *Policy) ends(at *site, rules []*rule, ssid string, who person, with shown) (*network, string) {
	f := with.facts(p, who)
	var s subject
	if err := p.person(&f, &s); err != nil {
		return nil, reasonOf(err)
	}
	if at.programs[ssid] == nil {
		return nil, ErrSSIDUnknown.Reason()
	}
	s.site = at.index
	chosen, reason := walk(rules, &s, nil)
	if chosen == nil {
		return nil, reason.Reason()
	}
	return chosen.network, ""
}

func reasonOf(err error) string {
	var why Reason
	errors.As(err, &why)
	return why.Reason()
}

// sameRules tells whether two lists say the same to people, and lead to the same numbers
// and zones at all of some sites.
func sameRules(old, next []*rule, sites []sitePair) bool {
	return slices.EqualFunc(old, next, func(a, b *rule) bool {
		x, y := a.source, b.source
		x.Site, y.Site = "", ""
		return a.own == b.own && reflect.DeepEqual(x, y) &&
			!slices.ContainsFunc(sites, func(s sitePair) bool { return !s.old.lands(a.network).same(s.next.lands(b.network)) })
	})
}

func (p *Policy) network(name string) *network {
	for _, n := range p.vlans {
		if n.name == name {
			return n
		}
	}
	return nil
}

// lands is a network as somebody meets it at a site.
func (s *site) lands(n *network) Landed {
	return Landed{VLAN: n.name, IDs: s.numbersOf(n), Zone: n.zone.name, Trusted: n.zone.trusted}
}

// A difference is the same before and the same after at some sites.
type difference struct {
	from, to Landed
	sites    []string
}

// changesAt says at which sites it makes a difference that one network is given in the
// place of another; nil is a refusal.
func changesAt(sites []sitePair, from, to *network) (list []difference) {
	for _, s := range sites {
		before, after := Landed{Reason: "?"}, Landed{Reason: "?"}
		if from != nil {
			before = s.old.lands(from)
		}
		if to != nil {
			after = s.next.lands(to)
		}
		if before.same(after) {
			continue
		}
		i := slices.IndexFunc(list, func(d difference) bool { return d.from.same(before) && d.to.same(after) })
		if i < 0 {
			i = len(list)
			list = append(list, difference{from: before, to: after})
		}
		list[i].sites = append(list[i].sites, s.old.name)
	}
	return list
}

func (c *difference) move(ssid, who, whyNot, whyNow string) *Move {
	m := &Move{Who: []string{who}, SSID: ssid, Sites: c.sites, From: c.from, To: c.to}
	if m.From.refused() {
		m.From.Reason = whyNot
	}
	if m.To.refused() {
		m.To.Reason = whyNow
	}
	m.Gravity = gravity(m.From, m.To)
	return m
}

// title says who it is and whose.
func (c *comparer) title(who person) string {
	if who.list != "" {
		f := Facts{List: who.list, Lands: who.lands}
		return f.whom()
	}
	before, after := c.old.isOurs(who.realm), c.next.isOurs(who.realm)
	side := map[[2]bool]string{
		{true, true}: "one of ours", {false, false}: "a visitor",
		{true, false}: "ours before, a visitor now", {false, true}: "a visitor before, ours now",
	}[[2]bool{before, after}]
	return fmt.Sprintf("%s@%s (%s)", cmp.Or(who.user, "a name that is hidden "), who.realm, side)
}

// kindsOf are what people of one kind may show, as far as the rules of either policy ask.
type kindsOf struct {
	methods      []method // the last is the hidden one, where it is asked for
	groups       [][]string
	devices      []device
	certificates []certificate
	hides        bool // groups may be unknown
}

// A certificate is what somebody shows of one; the zero value is none.
type certificate struct {
	issuer   string
	policies []string
	unknown  bool
}

// anotherAuthority issued a certificate that no rule asks for.
const anotherAuthority = "another authority"

// kinds gathers what two lists of rules ask for. Pairs of one that an old rule names and
// one that a new rule names decide: the argument is that of the proof's own sets.
func kinds(old, next []*rule) *kindsOf {
	k := &kindsOf{methods: []method{methodOther}, devices: []device{deviceUnverified}, certificates: []certificate{{}}}
	var groups, policies [2][]string
	issuers := []string{anotherAuthority}
	for i, rules := range [][]*rule{old, next} {
		for _, r := range rules {
			if r.method != methodHidden && !slices.Contains(k.methods, r.method) {
				k.methods = append(k.methods, r.method)
			}
			if g := r.source.Group; g != "" && !slices.ContainsFunc(groups[i], func(h string) bool { return fold(h) == fold(g) }) {
				groups[i] = append(groups[i], g)
			}
			if r.source.Policy != "" && !slices.Contains(policies[i], r.source.Policy) {
				policies[i] = append(policies[i], r.source.Policy)
			}
			if r.source.Issuer != "" && !slices.Contains(issuers, r.source.Issuer) {
				issuers = append(issuers, r.source.Issuer)
			}
			if r.device != deviceHidden {
				k.devices = []device{deviceUnverified, deviceVerified, deviceHidden}
			}
		}
	}
	if len(k.methods) > 1 {
		k.methods = append(k.methods, methodHidden)
	}
	k.groups = namePairs(groups[0], groups[1])
	k.hides = len(k.groups) > 1
	if sets := namePairs(policies[0], policies[1]); len(sets) > 1 || len(issuers) > 1 {
		for _, issuer := range issuers {
			for _, set := range sets {
				k.certificates = append(k.certificates, certificate{issuer: issuer, policies: set})
			}
		}
		k.certificates = append(k.certificates, certificate{unknown: true})
	}
	return k
}

func namePairs(old, next []string) [][]string {
	sets := [][]string{nil}
	for _, n := range union(old, next) {
		sets = append(sets, []string{n})
	}
	paired := map[[2]string]bool{}
	for _, o := range old {
		for _, n := range next {
			if pair := [2]string{min(o, n), max(o, n)}; o != n && !paired[pair] {
				paired[pair] = true
				sets = append(sets, []string{o, n})
			}
		}
	}
	return sets
}

// size is how many combinations there are.
func (k *kindsOf) size() int {
	n := len(k.methods) * len(k.groups) * len(k.devices) * len(k.certificates)
	if k.hides {
		n *= 2
	}
	return n
}

// each goes through all combinations, those that show the least first.
func (k *kindsOf) each(look func(shown)) {
	all := func(unknown bool) {
		for _, groups := range k.groups {
			for _, m := range k.methods {
				for _, d := range k.devices {
					for _, cert := range k.certificates {
						look(shown{m, groups, unknown, d, cert, k})
					}
				}
			}
		}
	}
	all(false)
	if k.hides {
		all(true)
	}
}

// shown is what somebody shows of themselves.
type shown struct {
	method        method
	groups        []string
	groupsUnknown bool
	device        device
	certificate   certificate
	of            *kindsOf
}

func (w shown) facts(p *Policy, who person) Facts {
	if who.list != "" {
		return Facts{List: who.list, Lands: who.lands}
	}
	return Facts{
		User: who.user, Realm: who.realm, Own: p.isOurs(who.realm),
		Method: methodNames[w.method], Groups: w.groups, GroupsUnknown: w.groupsUnknown, Device: deviceNames[w.device],
		Issuer: w.certificate.issuer, Policies: w.certificate.policies, CertificateUnknown: w.certificate.unknown,
	}
}

// words says it as a counterexample does.
func (w shown) words() string {
	var b strings.Builder
	for i, g := range w.groups {
		fmt.Fprintf(&b, "%s %q", []string{" in group", " and"}[min(i, 1)], g)
	}
	if w.groupsUnknown {
		b.WriteString(" while the directory cannot tell all groups")
	}
	switch {
	case len(w.of.methods) == 1:
	case w.method == methodHidden:
		b.WriteString(" by a method that is not known")
	case w.method == methodOther:
		b.WriteString(" by any other method")
	default:
		b.WriteString(" by " + methodNames[w.method])
	}
	switch {
	case len(w.of.devices) == 1:
	case w.device == deviceHidden:
		b.WriteString(" with a device of which nothing is known")
	default:
		b.WriteString(" with a device that is " + deviceNames[w.device])
	}
	if w.certificate.unknown {
		b.WriteString(" with a certificate of which nothing is known")
	}
	return b.String() + credentialWords("", w.certificate.issuer, strings.Join(w.certificate.policies, " and "))
}

// compareElsewhere compares who of ours gets in at other organisations.
func (c *comparer) compareElsewhere() error {
	either := Policy{roaming: slices.Concat(c.old.roaming, c.next.roaming)}
	operators, k := either.operators(), kinds(c.old.roaming, c.next.roaming)
	for _, who := range c.people {
		if !c.old.isOurs(who.realm) || !c.next.isOurs(who.realm) {
			continue
		}
		if c.out.Cases += k.size() * len(operators); c.out.Cases > mostCompared {
			return fmt.Errorf("more than %d combinations differ in [[roaming]]: compare smaller steps", mostCompared)
		}
		for _, operator := range operators {
			c.compareAtOperator(k, who, operator)
		}
	}
	return nil
}

func (c *comparer) compareAtOperator(k *kindsOf, who person, operator string) {
	found := map[Gravity]*Move{}
	var order []*Move
	k.each(func(with shown) {
		from, to := c.old.elsewhere(who, with, operator), c.next.elsewhere(who, with, operator)
		if from.same(to) {
			return
		}
		m := found[gravity(from, to)]
		if m == nil {
			m = &Move{Gravity: gravity(from, to), Who: []string{c.title(who)}, With: with.words(), Operator: operator, From: from, To: to, Facts: with.facts(c.next, who)}
			m.Facts.Elsewhere, m.Facts.Operator = true, operator
			found[m.Gravity] = m
			order = append(order, m)
		}
		m.More++
	})
	c.add(order, k)
}

// add notes moves, of which More counts all combinations so far. What moves whatever is
// shown needs no words for it.
func (c *comparer) add(moves []*Move, k *kindsOf) {
	for _, m := range moves {
		if m.More == k.size() {
			m.With, m.More = "", 1
		}
		m.More--
		c.moves = append(c.moves, *m)
	}
}

func (p *Policy) elsewhere(who person, with shown, operator string) Landed {
	f := with.facts(p, who)
	f.Elsewhere, f.Operator = true, operator
	if _, err := p.Assign(f); err != nil {
		return Landed{Reason: reasonOf(err)}
	}
	return Landed{Elsewhere: true}
}

// together puts those into one who move alike, and sorts by gravity.
func together(moves []Move) []Move {
	var out []Move
	at := map[string]int{}
	for _, m := range moves {
		key := fmt.Sprint(m.With, "|", m.More, "|", m.SSID, "|", m.Operator, "|", m.Sites, "|", m.From, "|", m.To)
		if i, known := at[key]; known {
			out[i].Who = append(out[i].Who, m.Who...)
			continue
		}
		at[key] = len(out)
		out = append(out, m)
	}
	slices.SortStableFunc(out, func(a, b Move) int { return cmp.Compare(a.Gravity, b.Gravity) })
	return out
}

// union is what either list has, in the order of the first and then of the second.
func union(a, b []string) []string {
	list := slices.Clone(a)
	for _, name := range b {
		if !slices.Contains(a, name) {
			list = append(list, name)
		}
	}
	return list
}
