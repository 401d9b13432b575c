package vlan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// compareOthers says what else differs: what was promised, who asks us from where, what
// controllers do by themselves, and what comes with a network beside its number.
func (c *comparer) compareOthers() {
	say := func(format string, args ...any) { c.out.Others = append(c.out.Others, fmt.Sprintf(format, args...)) }
	promises := func(p *Policy) []string { // one of the file may be several here
		return slices.Compact(names(p.guarantees, func(g *guarantee) string { return g.text }))
	}
	eachNew(promises(c.next), promises(c.old), func(text string) { say("no longer guaranteed: %s", text) })
	eachNew(promises(c.old), promises(c.next), func(text string) { say("guaranteed from now on: %s", text) })
	for _, z := range c.next.zones {
		if i := slices.IndexFunc(c.old.zones, func(o *zone) bool { return o.name == z.name }); i >= 0 && c.old.zones[i].trusted != z.trusted {
			say("zone %s is %s", z.name, map[bool]string{true: "trusted from now on", false: "no longer trusted"}[z.trusted])
		}
	}
	sites := func(p *Policy) []string { return names(p.sites, func(s *site) string { return s.name }) }
	eachNew(sites(c.next), sites(c.old), func(name string) { say("site %s goes: whoever is there is refused", name) })
	eachNew(sites(c.old), sites(c.next), func(name string) {
		say("site %s is new: radiusd check shows who lands there", name)
	})
	for _, s := range c.old.sites {
		if t := c.next.siteOf[s.name]; t != nil {
			compareControllers(s, t, say)
			compareAgreements(s, t, say)
		}
	}
	c.compareTerms(say)
}

// eachNew goes through what is in the second list and not in the first.
func eachNew(before, after []string, say func(string)) {
	for _, name := range after {
		if !slices.Contains(before, name) {
			say(name)
		}
	}
}

func compareControllers(s, t *site, say func(string, ...any)) {
	name := func(c *controller) string { return c.name }
	eachNew(names(t.controllers, name), names(s.controllers, name), func(n string) { say("controller %s at %s goes", n, s.name) })
	eachNew(names(s.controllers, name), names(t.controllers, name), func(n string) { say("controller %s at %s is new", n, s.name) })
	for _, a := range s.controllers {
		b := t.controller(a.name)
		if b == nil {
			continue
		}
		if before, after := a.alone(), b.alone(); before != after {
			say("controller %s at %s, when it hears no VLAN, %s, and no longer %s", a.name, s.name, after, before)
		}
		if a.vendor != b.vendor || a.byName != b.byName || !sameTag(a.tag, b.tag) {
			say("controller %s at %s is told the same in other attributes (vendor %s)", a.name, s.name, b.vendor.name)
		}
	}
}

func sameTag(a, b *uint8) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

// alone is what a controller does by itself.
func (c *controller) alone() string {
	if c.fallback == nil {
		return "rejects"
	}
	return "puts people on vlan " + c.fallback.name + " in zone " + c.fallback.zone.name
}

func compareAgreements(s, t *site, say func(string, ...any)) {
	if s.from == t.from && s.until == t.until {
		return
	}
	say("the agreement for %s: %s, and was %s", s.name, t.covers(), s.covers())
}

func (s *site) covers() string {
	if !s.agreement {
		return "none"
	}
	until := "until " + dayText(s.until)
	if s.from == 0 {
		return until
	}
	return "from " + dayText(s.from) + " " + until
}

// compareTerms says what differs of a network beside its number, once for all sites where
// it differs alike.
func (c *comparer) compareTerms(say func(string, ...any)) {
	at := map[string][]string{}
	for _, s := range c.old.sites {
		t := c.next.siteOf[s.name]
		if t == nil {
			continue
		}
		for _, n := range c.old.vlans {
			m := c.next.network(n.name)
			if m == nil {
				continue
			}
			for _, text := range s.terms[n.index].differ(t.terms[m.index]) {
				key := fmt.Sprintf("vlan %s: %s", n.name, text)
				at[key] = append(at[key], s.name)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(at)) {
		say("%s, at %s", key, listSites(at[key]))
	}
}

// listSites names a few sites, and counts many.
func listSites(sites []string) string {
	const few = 3
	if len(sites) <= few {
		return wordList(sites)
	}
	return fmt.Sprintf("%d sites (%s, …)", len(sites), wordList(sites[:few-1]))
}

func wordList(names []string) (text string) {
	for i, name := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			text += " and "
		default:
			text += ", "
		}
		text += name
	}
	return text
}

// differ says what of the terms is another, but for the pool, which is a matter of numbers.
func (t *terms) differ(u *terms) (list []string) {
	for _, d := range []struct {
		what          string
		before, after any
	}{
		{"name", t.called, u.called}, {"bit/s up", t.up, u.up}, {"bit/s down", t.down, u.down},
		{"filter", t.filter, u.filter}, {"role", t.role, u.role},
		{"seconds of a session", t.session, u.session}, {"seconds of idleness", t.idle, u.idle}, {"seconds between reports", t.interim, u.interim},
	} {
		if d.before != d.after {
			list = append(list, fmt.Sprintf("%s %s, and no longer %s", d.what, orNothing(d.after), orNothing(d.before)))
		}
	}
	return list
}

func orNothing(v any) string {
	if v == "" || v == uint32(0) {
		return "none"
	}
	return fmt.Sprint(v)
}

// gravities head the parts of a printed comparison.
var gravities = map[Gravity]string{
	IntoTrusted: "Into a trusted zone",
	AcrossZones: "To another zone",
	LetIn:       "Let in, and refused before",
	Refused:     "Refused, and let in before",
	Renumbered:  "To another VLAN or number of the same zone",
}

// MarshalText names it in JSON.
func (g Gravity) MarshalText() ([]byte, error) {
	return []byte([]string{"into-trusted", "across-zones", "let-in", "refused", "renumbered"}[g]), nil
}

// String is the comparison for people, the gravest first.
func (c *Comparison) String() string {
	var b strings.Builder
	last := Gravity(255)
	for _, m := range c.Moves {
		if m.Gravity != last {
			fmt.Fprintf(&b, "%s:\n", gravities[m.Gravity])
			last = m.Gravity
		}
		fmt.Fprintf(&b, "  %s\n", m)
	}
	if len(c.Others) > 0 {
		b.WriteString("What else differs:\n")
	}
	for _, o := range c.Others {
		fmt.Fprintf(&b, "  %s\n", o)
	}
	return b.String()
}

// String says one move on two lines.
func (m Move) String() string {
	where := fmt.Sprintf("on SSID %q at %s", m.SSID, listSites(m.Sites))
	if m.SSID == "" {
		where = "at other organisations that name no Operator-Name"
		if m.Operator != "" {
			where = "elsewhere, at " + m.Operator
		}
	}
	more := ""
	switch m.More {
	case 0:
	case 1:
		more = " (and 1 other combination of what they show)"
	default:
		more = fmt.Sprintf(" (and %d other combinations of what they show)", m.More)
	}
	return fmt.Sprintf("%s%s%s, %s:\n      %s  ->  %s", listWho(m.Who), m.With, more, where, m.From, m.To)
}

func listWho(who []string) string {
	const few = 4
	if len(who) <= few {
		return wordList(who)
	}
	return fmt.Sprintf("%s and %d others", strings.Join(who[:few-1], ", "), len(who)-few+1)
}
