package vlan

import (
	"fmt"
	"slices"
	"strings"
)

// Our own people at other organisations get no network of ours: what can be decided
// there is whether they get in (R7). The rules for it are a list of its own, with the
// conditions of other rules and one more, which organisation it is.

// A RoamingRule says whether some of our own people may log in at some organisations.
// An empty condition always holds; Who is never empty.
type RoamingRule struct {
	Who                                string // "own", "@realm" or "user@realm"
	Group, EAP, Device, Issuer, Policy string // as in a Rule
	// Operator is the realm of the organisation, "camford.ac.uk", or "*.nhs.uk" for
	// all below one: its Operator-Name (RFC 5580), which it gives itself.
	Operator string
	Access   string // "allow" or "refuse"
}

// roam decides for one of ours at another organisation. Without rules all of them may.
func (p *Policy) roam(f *Facts, s *subject, tell teller) (Assignment, error) {
	elsewhere := Assignment{state: noPlacement} // R7
	if len(p.roaming) == 0 {
		return tell.accept(elsewhere), nil
	}
	s.operator = strings.ToLower(f.Operator)
	chosen, reason := walk(p.roaming, s, tell)
	switch {
	case reason == ErrNoRule:
		return Assignment{}, tell.refuse(fmt.Errorf("no [[roaming]] rule lets %q at %q log in at %s: %w", f.User, f.Realm, operatorWords(s.operator), ErrRoamingRefused))
	case chosen == nil:
		return Assignment{}, tell.refuse(fmt.Errorf("[[roaming]] cannot say whether %q at %q may log in at %s: %w", f.User, f.Realm, operatorWords(s.operator), reason))
	case chosen.refuses:
		return Assignment{}, tell.refuse(fmt.Errorf("%s refuses %q at %q at %s: %w", chosen.label, f.User, f.Realm, operatorWords(s.operator), ErrRoamingRefused))
	}
	elsewhere.rule = chosen
	return tell.accept(elsewhere), nil
}

func operatorWords(operator string) string {
	if operator == "" {
		return "an organisation that names no Operator-Name"
	}
	return fmt.Sprintf("%q", operator)
}

// operatorFits holds an operator against a pattern, both in small letters.
func operatorFits(pattern, operator string) bool {
	if below, is := strings.CutPrefix(pattern, "*"); is {
		return len(operator) > len(below) && strings.HasSuffix(operator, below)
	}
	return pattern == operator
}

func (r *reader) readRoaming() {
	before := len(r.problems)
	for i, source := range r.cfg.Roaming {
		r.policy.roaming = append(r.policy.roaming, r.readRoamingRule(i, source))
	}
	r.rulesIncomplete = r.rulesIncomplete || len(r.problems) > before
}

func (r *reader) readRoamingRule(i int, source RoamingRule) *rule {
	before := len(r.problems)
	key, whose := path("roaming", i), fmt.Sprintf("rule %d of [[roaming]]", i+1)
	as := Rule{Who: source.Who, Group: source.Group, EAP: source.EAP, Device: source.Device, Issuer: source.Issuer, Policy: source.Policy}
	t := &rule{number: i + 1, key: key, label: fmt.Sprintf("roaming rule %d", i+1), source: as, text: describe(i+1, as), roaming: true}
	if source.Operator != "" {
		t.text = strings.TrimSuffix(t.text, ")") + fmt.Sprintf(", operator = %q)", source.Operator)
	}
	t.who = r.who(key+".who", whose, source.Who)
	if len(r.problems) == before && !t.answeredHere() {
		r.refuse(key+".who", `write who = "own", or one of our own realms`, "%s is for %q, and only our own people are asked for by others", whose, source.Who)
	}
	t.method = r.method(key+".eap", whose, source.EAP)
	t.group = r.group(source.Group)
	t.wanted = r.wants(key, whose, source.Device, source.Issuer, source.Policy)
	r.refuseByPassword(key+".eap", whose, t.method, credentialConditions(source.Device, source.Issuer, source.Policy))
	t.operator = strings.ToLower(source.Operator)
	if below, is := strings.CutPrefix(t.operator, "*."); t.operator != "" && !validRealm(strings.TrimPrefix(t.operator, "*.")) && (!is || !validRealm("a."+below)) {
		r.refuse(key+".operator", `write operator = "camford.ac.uk", or "*.nhs.uk" for all below it`, "%s is for operator %q, which is no realm", whose, source.Operator)
	}
	switch source.Access {
	case "allow":
	case "refuse":
		t.refuses = true
	default:
		r.refuse(key+".access", suggest(source.Access, []string{"allow", "refuse"}, `write "allow" or "refuse"`), "%s says access %q, which is neither allow nor refuse", whose, source.Access)
	}
	return t
}

// operators are every organisation that the rules can tell apart: none that says its
// name, one for each name and each "below", and any other. Of those below a realm one
// stands for all, since those that are named stand for themselves.
func (p *Policy) operators() []string {
	other := "other.example"
	for slices.ContainsFunc(p.roaming, func(r *rule) bool { return operatorFits(r.operator, other) }) {
		other = "an" + strings.TrimSuffix(other, ".example") // a name without a dot is below none
	}
	list := []string{"", other}
	for _, r := range p.roaming {
		name := r.operator
		if below, is := strings.CutPrefix(name, "*"); is {
			for name = "a" + below; slices.ContainsFunc(p.roaming, func(o *rule) bool { return o.operator == name }); {
				name = "a" + name
			}
		}
		if name != "" && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// proveRoaming walks every case of our own people elsewhere: whoever is let in at an
// organisation of which nothing is known is let in at any. What is left unsaid never
// gives more.
func (v *prover) proveRoaming() {
	p := v.policy
	if len(p.roaming) == 0 {
		return
	}
	reached := make([]bool, len(v.cfg.Roaming)+1) // by number
	operators := p.operators()
	classes := slices.DeleteFunc(p.classes(p.roaming), func(c class) bool { return !c.subject.own })
	steps := 0
	for _, c := range classes {
		rules := fitting(p.roaming, &c.subject)
		steps += p.sizeOf(c, rules, 0).steps * len(operators)
	}
	if steps > v.most {
		v.refuse(p.roaming[0].key, `name fewer organisations, or "*.nhs.uk" for all below one`, "the rules of [[roaming]] are too many to prove: %d steps, and at most %d are taken; there are %d rules and %d organisations to tell apart", steps, v.most, len(p.roaming), len(operators))
		return
	}
	unknown := p.newChoice()
	for _, c := range classes {
		rules := fitting(p.roaming, &c.subject)
		supposed, groups := p.suppositions(c, rules), p.groupsAsked(c, rules)
		for _, m := range p.methodsApart(c, rules) {
			s := c.subject
			s.method = m.method
			for i := range supposed.list {
				p.suppose(&s, &supposed.list[i])
				s.marks = s.marks.and(&groups.all)
				p.proof.roaming += 2 * m.stands * groups.sets(0) * len(operators)
				v.judgeRoaming(rules, s, &groups, operators, unknown, reached)
			}
		}
	}
	for _, r := range p.roaming {
		if !reached[r.number] {
			v.mention(r.key, "move it up, or drop it", "rule %d of [[roaming]] is never reached", r.number)
		}
	}
}

// judgeRoaming holds a person, who is in every group, at every organisation, the
// unknown one first.
func (v *prover) judgeRoaming(rules []*rule, s subject, groups *groupsAsked, operators []string, unknown *choice, reached []bool) {
	for _, s.operator = range operators {
		at := v.choice
		if s.operator == "" {
			at = unknown
		}
		at.narrow(rules, &s)
		for n, r := range at.rules {
			reached[r.number] = reached[r.number] || at.matches(n+1)
		}
		for _, group := range append(groups.named, 0) {
			if unknown.letsIn(group) && !at.letsIn(group) {
				v.refuse(v.policy.roaming[0].key, "report this: the rules are read wrongly", "[[roaming]] lets somebody in who names no organisation, and not at %s", s.operator)
			}
		}
	}
}

// letsIn tells whether a rule of [[roaming]] lets those in one group in.
func (c *choice) letsIn(group int) bool {
	rank := c.of(group)
	return rank != 0 && c.matches(rank) && !c.rules[rank-1].refuses
}
