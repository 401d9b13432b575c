package vlan

import (
	"fmt"
	"strings"
	"time"
)

// Facts are what is known of one authentication that a home has accepted.
// Nothing in them comes from an upstream's reply but the fact that it was an
// Accept (R12).
type Facts struct {
	Site       string
	Controller string // empty: the site's first, for those who ask what would be
	SSID       string
	// User is the name in front of the "@": inside the tunnel for our own
	// people, outside it for everybody else; empty when it is hidden.
	User string
	// Account is the name that our own directory has for the same person, in
	// front of its "@"; a directory finds people by several. A rule for one
	// person fits by either name. Empty: as User.
	Account string
	Realm   string // of the name that was proved, for our own people: inside the tunnel
	Own     bool   // our own home answered

	Groups        []string // of our own directory; nobody else's count
	GroupsUnknown bool     // Groups may be incomplete
	NotIn         []string // groups that they are surely not in where Groups may be incomplete

	Method, Inner string // Method is "tls", "ttls", "peap", "teap", "pap"; empty when hidden

	// What was proved beside the name, by our own people only; nobody else's
	// counts. In a resumed log-in it was proved when the session began, and judged
	// again now: nothing of it is taken from the session unseen.

	Device             string   // "verified": it proved itself by a credential of its own; "unverified"; empty when not known
	Issuer             string   // the authority of the client certificate, as the configuration calls it; empty without one
	Policies           []string // of that certificate, dotted
	CertificateUnknown bool     // whether there was a certificate is not known: Issuer and Policies say nothing

	// Elsewhere says that the request came from a federation's proxy: one of our
	// own people at another organisation. Site, Controller and SSID are then
	// theirs and do not count (R2).
	Elsewhere bool
	// ByEdge says that an edge of ours asks, which has the rules and places everybody.
	// Site, Controller and SSID are then its own and do not count here.
	ByEdge bool
	// Operator is the realm of the organisation's Operator-Name then; empty when it
	// named none. It is that organisation's own word.
	Operator string

	// MAC is the device's address as the controller spells it: it chooses among the
	// numbers of a pool and nothing else, for anybody may write one. Without one, or
	// with what is none, it is the pool's lowest.
	MAC string

	// List is the list that holds a device which is known by its MAC and by nothing else;
	// empty for people. Lands is the VLAN that the list gives it; empty: the list gives it
	// none. User and Realm are empty with it.
	List, Lands string

	Time time.Time // the day counts, in this location; zero asks Config.Now
}

// Assign says which network the facts lead to. The error wraps a Reason; the
// Assignment beside an error is the zero value, which nothing accepts.
//
// It allocates nothing unless it refuses.
func (p *Policy) Assign(f Facts) (Assignment, error) {
	return p.decide(&f, nil)
}

// decide is the one way to a decision. When told to, it tells each step.
func (p *Policy) decide(f *Facts, tell teller) (Assignment, error) {
	var s subject
	if err := p.person(f, &s); err != nil {
		return Assignment{}, tell.refuse(err)
	}
	if f.ByEdge {
		if !s.own {
			return Assignment{}, tell.refuse(fmt.Errorf("an edge asked for %q, whom we do not answer: %w", f.Realm, ErrProxyLoop))
		}
		return tell.accept(Assignment{state: noPlacement, edge: true}), nil
	}
	if f.Elsewhere {
		if !s.own {
			return Assignment{}, tell.refuse(fmt.Errorf("a federation's proxy asked for %q, whom we do not answer: %w", f.Realm, ErrProxyLoop))
		}
		return p.roam(f, &s, tell)
	}
	at, nas, err := p.place(f)
	if err != nil {
		return Assignment{}, tell.refuse(err)
	}
	program := at.programs[f.SSID]
	if program == nil {
		return Assignment{}, tell.refuse(fmt.Errorf("SSID %q is not in the configuration: %w", f.SSID, ErrSSIDUnknown))
	}
	s.site = at.index
	if s.list != 0 && !program.ssid.takes(s.list) {
		return Assignment{}, tell.refuse(fmt.Errorf("SSID %q lets in no device of list %s: %w", f.SSID, f.List, ErrNoRule))
	}
	rules := program.rulesFor(&s)
	if tell != nil {
		rules = program.ssid.rules // those of other people, too: they say why they do not fit
	}
	chosen, reason := walk(rules, &s, tell)
	if chosen == nil {
		return Assignment{}, tell.refuse(fmt.Errorf("SSID %q at %s has no network for %s: %w", f.SSID, at.name, f.whom(), reason))
	}
	a := Assignment{state: placed, own: s.own, listed: s.list != 0, site: at, nas: nas, rule: chosen, network: chosen.network, terms: at.terms[chosen.network.index], id: at.choose(chosen.network, f.MAC)}
	if err := a.sound(); err != nil {
		return Assignment{}, tell.refuse(err)
	}
	if err := a.kept(&s, f.SSID); err != nil {
		return Assignment{}, tell.refuse(err)
	}
	return tell.accept(a), nil
}

// A subject is a person as rules see them: names turned to the numbers that the
// policy gave them.
type subject struct {
	own      bool
	realm    int // 0: none that the file names
	user     int // 0: none that the file names
	second   int // the same by the directory's name
	hidden   bool
	method   method
	list     int // of devices, from 1; 0: a person
	lands    int // of a device: a VLAN by network.index+1, or one of the two words for none
	site     int
	operator string // where one of ours is, elsewhere; empty: not known
	device   device
	issuer   int // 0: none that the file names, or no certificate
	marks    set // groups, and policies of the certificate
	notIn    set // groups, where they are not all known

	groupsUnknown, certificateUnknown bool
}

// person resolves who it is, and refuses facts that contradict the routing.
func (p *Policy) person(f *Facts, s *subject) error {
	if f.List != "" {
		return p.listed(f, s)
	}
	if !validRealm(f.Realm) || strings.IndexByte(f.User, '@') >= 0 {
		return fmt.Errorf("%q at %q is no user of a realm: %w", f.User, f.Realm, ErrRealmMalformed)
	}
	name := strings.ToLower(f.Realm)
	if p.isOurs(name) != f.Own {
		return fmt.Errorf("realm %q was answered by the wrong side: %w", f.Realm, ErrRealmMisplaced)
	}
	s.own = f.Own
	s.realm = p.realms[name]
	s.hidden = f.User == ""
	s.method = methodOf(f.Method)
	s.user = p.userOf(f.User, name)
	if s.own {
		s.second = p.userOf(f.Account, name)
		p.groupsOf(f.Groups, &s.marks)
		p.groupsOf(f.NotIn, &s.notIn)
		s.groupsUnknown = f.GroupsUnknown
		s.device = deviceOf(f.Device)
		p.certificateOf(f, s)
	}
	return nil
}

// whom names somebody in a refusal.
func (f *Facts) whom() string {
	switch {
	case f.List == "":
		return fmt.Sprintf("%q at %q", f.User, f.Realm)
	case f.Lands == "":
		return "a device of list " + f.List
	}
	return fmt.Sprintf("a device of list %s, whose line names vlan %s", f.List, f.Lands)
}

// userOf is the number of user@realm; 0 for no name and for one that the file
// does not have.
func (p *Policy) userOf(name, realm string) int {
	var room [320]byte
	folded := append(appendFold(room[:0], name), '@')
	return p.users[string(append(folded, realm...))]
}

func (p *Policy) groupsOf(names []string, marks *set) {
	if len(p.groups) == 0 {
		return
	}
	var room [256]byte
	for _, name := range names {
		if i := p.groups[string(appendFold(room[:0], name))]; i != 0 {
			marks.add(i, len(p.markAt))
		}
	}
}

// place finds the site and the controller, and judges the site's agreement.
func (p *Policy) place(f *Facts) (*site, *controller, error) {
	at := p.siteOf[f.Site]
	if at == nil {
		return nil, nil, fmt.Errorf("site %q is not in the configuration: %w", f.Site, ErrSiteUnknown)
	}
	nas := at.controller(f.Controller)
	if nas == nil {
		return nil, nil, fmt.Errorf("%s has no controller %q: %w", at.name, f.Controller, ErrControllerUnknown)
	}
	if at.agreement {
		now := f.Time
		if now.IsZero() {
			now = p.now()
		}
		switch today := day(now); {
		case today < at.from:
			return nil, nil, fmt.Errorf("the agreement for %s is not in force yet: it begins on %s: %w", at.name, dayText(at.from), ErrAgreementExpired)
		case today > at.until:
			return nil, nil, fmt.Errorf("the agreement for %s ended on %s: %w", at.name, dayText(at.until), ErrAgreementExpired)
		}
	}
	if f.SSID == "" {
		return nil, nil, fmt.Errorf("the request names no SSID: %w", ErrSSIDMissing)
	}
	return at, nas, nil
}

func dayText(day int) string { return fmt.Sprintf("%04d-%02d-%02d", day/10000, day/100%100, day%100) }

func (s *site) controller(name string) *controller {
	for _, c := range s.controllers {
		if name == "" || c.name == name {
			return c
		}
	}
	return nil
}

// walk returns the first rule that fits, or why there is none.
func walk(rules []*rule, s *subject, tell teller) (*rule, Reason) {
	for _, r := range rules {
		v := r.judge(s)
		if tell != nil {
			tell(r.step(v))
		}
		switch v {
		case matches:
			return r, ""
		case groupHidden:
			return nil, ErrGroupsUnknown
		case methodUnseen:
			return nil, ErrMethodUnknown
		case deviceUnseen:
			return nil, ErrDeviceUnknown
		case certificateUnseen:
			return nil, ErrCertificateUnknown
		case userHidden:
			return nil, ErrUserUnknown
		case operatorUnseen:
			return nil, ErrOperatorUnknown
		}
	}
	return nil, ErrNoRule
}

// A verdict is what a rule says of a person.
type verdict uint8

const (
	matches verdict = iota
	otherSite
	otherKind // a person or a device, and the rule is for the other
	otherSide // ours or a visitor, and the rule is for the other
	otherRealm
	otherList
	otherVLAN // a device, to which its list gives another
	otherUser
	otherMethod
	otherOperator
	otherDevice
	otherIssuer
	otherPolicy
	notInGroup
	// It would match or not, depending on what cannot be seen.
	userHidden
	methodUnseen
	operatorUnseen
	deviceUnseen
	certificateUnseen
	groupHidden
)

// judge holds the rule's conditions against a person. What is seen and differs
// decides first; only a rule that could still match is undecided.
func (r *rule) judge(s *subject) verdict {
	if r.site != 0 && r.site != s.site {
		return otherSite
	}
	v := r.fits(s)
	if v != matches && v != userHidden {
		return v
	}
	if s.list != 0 && !r.givesDevice(s) {
		return otherVLAN
	}
	if r.method != methodHidden && r.method != s.method {
		if s.method != methodHidden {
			return otherMethod
		}
		v = methodUnseen
	}
	if r.operator != "" && !operatorFits(r.operator, s.operator) {
		if s.operator != "" {
			return otherOperator
		}
		v = operatorUnseen
	}
	if r.asks {
		switch met := r.met(s); met {
		case matches:
		case deviceUnseen, certificateUnseen:
			v = met
		default:
			return met
		}
	}
	if r.group != 0 && !s.marks.has(r.group) {
		if !s.groupsUnknown || s.notIn.has(r.group) {
			return notInGroup
		}
		v = groupHidden
	}
	return v
}

func (w *who) fits(s *subject) verdict {
	if s.list != 0 || w.forDevices() {
		return w.fitsDevice(s)
	}
	switch w.audience {
	case ownPeople:
		if !s.own {
			return otherSide
		}
	case visitors:
		if s.own {
			return otherSide
		}
	case oneRealm, oneUser:
		if w.own != s.own {
			return otherSide
		}
		if w.realm != s.realm {
			return otherRealm
		}
		if w.audience == oneUser && w.user != s.user && w.user != s.second {
			if s.hidden && s.own { // a visitor may hide the name: it proves nothing anyway
				return userHidden
			}
			return otherUser
		}
	}
	return matches
}

// A set holds groups and certificate policies by the policy's numbers; most
// policies name few.
type set struct {
	few  [8]uint64
	many []uint64
}

func (g *set) has(i int) bool {
	if i < 64*len(g.few) {
		return g.few[i/64]&(1<<(i%64)) != 0
	}
	i -= 64 * len(g.few)
	return g.many != nil && g.many[i/64]&(1<<(i%64)) != 0
}

// add puts one in; size is one more than the greatest number there is.
func (g *set) add(i, size int) {
	if i < 64*len(g.few) {
		g.few[i/64] |= 1 << (i % 64)
		return
	}
	if g.many == nil {
		g.many = make([]uint64, (size-64*len(g.few)+63)/64)
	}
	i -= 64 * len(g.few)
	g.many[i/64] |= 1 << (i % 64)
}

// and returns a set of its own with what is in either.
func (g *set) and(o *set) set {
	both := set{few: g.few}
	for i, word := range o.few {
		both.few[i] |= word
	}
	if n := max(len(g.many), len(o.many)); n > 0 {
		both.many = make([]uint64, n)
		copy(both.many, g.many)
		for i, word := range o.many {
			both.many[i] |= word
		}
	}
	return both
}
