package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	ldap "github.com/go-ldap/ldap/v3"

	"causeway/realms"
)

// Bounds of asking a directory which groups it knows, beside the time for each question.
const (
	mostQuestions  = 100
	nearQuestions  = 10 // of them, for what was meant, where the list of all groups is cut short
	mostContainers = 20 // where an entry hidden from us may be
)

// AskGroups says which of these groups could be among those of an account here: it looks
// below the same entry, by the same filter and by the same attribute as a log-in does,
// as the same service account. The error says that the directory cannot be reached, or
// does not let us look.
func (a *AD) AskGroups(ctx context.Context, names []string) ([]GroupAnswer, error) {
	return a.ldap.AskGroups(ctx, names)
}

// AskGroups is as [AD.AskGroups].
func (l *LDAP) AskGroups(ctx context.Context, names []string) ([]GroupAnswer, error) {
	q := &inquiry{l: l, left: mostQuestions, memberOf: l.cfg.MemberOf && l.cfg.Schema != "ad"}
	for _, name := range names {
		q.answers = append(q.answers, GroupAnswer{Name: name})
	}
	for _, ask := range []func(context.Context) error{q.byName, q.oneByOne, q.all, q.ofMembers, q.whatWasMeant} {
		err := ask(ctx)
		if errors.Is(err, errQuestions) {
			q.unsaid(err.Error())
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return q.answers, nil
}

var errQuestions = fmt.Errorf("it was asked %d questions, and no more are asked", mostQuestions)

// An inquiry is what is known so far of some names.
type inquiry struct {
	l        *LDAP
	left     int  // questions
	memberOf bool // people tell of their groups, too
	answers  []GroupAnswer
	cut      bool        // an answer was not whole
	seen     []groupName // of the list of all groups
	whole    bool        // that list
}

// open are the answers that are still to be found.
func (q *inquiry) open() (list []*GroupAnswer) {
	for i := range q.answers {
		if a := &q.answers[i]; !a.Known && a.Unsaid == "" {
			list = append(list, a)
		}
	}
	return list
}

func (q *inquiry) unsaid(why string) {
	for _, a := range q.open() {
		a.Unsaid = why
	}
}

func (q *inquiry) ask(ctx context.Context, base, filter string, limit int, attributes ...string) (finding, error) {
	if q.left--; q.left < 0 {
		return finding{}, errQuestions
	}
	ctx, cancel := q.l.patience(ctx)
	defer cancel()
	return q.l.search(ctx, base, filter, limit, attributes)
}

// note takes what an answer has. A group of several names is known by each: which of them
// an account is told of is for the server to choose.
func (q *inquiry) note(found finding) {
	q.cut = q.cut || !found.whole()
	for _, entry := range found.entries {
		for _, name := range entry.GetEqualFoldAttributeValues(q.l.cfg.GroupName) {
			for _, a := range q.open() {
				a.Known = a.Known || strings.EqualFold(a.Name, name)
			}
		}
	}
}

// named is the filter of groups of these names. An entry counts that people name in
// memberOf, whatever its class.
func (q *inquiry) named(list ...*GroupAnswer) string {
	var b strings.Builder
	for _, a := range list {
		b.WriteString("(" + q.l.cfg.GroupName + "=" + ldap.EscapeFilter(a.Name) + ")")
	}
	if q.memberOf {
		return "(|" + b.String() + ")"
	}
	return "(&" + q.l.cfg.GroupFilter + "(|" + b.String() + "))"
}

// byName asks for many at once.
func (q *inquiry) byName(ctx context.Context) error {
	for chunk := range slices.Chunk(q.open(), groupsAtOnce) {
		found, err := q.ask(ctx, q.l.cfg.GroupBase, q.named(chunk...), mostGroups, q.l.cfg.GroupName)
		if err != nil {
			return err
		}
		q.note(found)
	}
	return nil
}

// oneByOne asks again where a limit of the directory's may have cut a name off.
func (q *inquiry) oneByOne(ctx context.Context) error {
	if !q.cut {
		return nil
	}
	for _, a := range q.open() {
		found, err := q.ask(ctx, q.l.cfg.GroupBase, q.named(a), mostGroups, q.l.cfg.GroupName)
		if err != nil {
			return err
		}
		q.note(found)
		switch {
		case a.Known:
		case found.referred:
			a.Unsaid = "part of it is on another server, which is not asked"
		case found.limited:
			a.Unsaid = "it cut its answer short"
		}
	}
	return nil
}

// caseless are attributes that are known to be compared without regard to case.
var caseless = []string{"cn", "sAMAccountName", "name", "displayName", "uid", "mail", "description"}

// all asks for all groups. It is how one sees that we may look at any, that a name was
// written in another case where the attribute heeds that, and what was meant.
func (q *inquiry) all(ctx context.Context) error {
	if len(q.open()) == 0 {
		return nil
	}
	cfg := q.l.cfg
	found, err := q.ask(ctx, cfg.GroupBase, cfg.GroupFilter, mostGroups, cfg.GroupName, "cn")
	if err != nil {
		return err
	}
	q.note(found)
	nameless := q.see(found)
	q.whole = found.whole()
	switch {
	case len(q.seen) == 0 && nameless == 0:
		return fmt.Errorf("directory %s: no group is to be seen below %s by %s: correct group_base or group_filter, or let %s read groups: %w",
			cfg.Name, cfg.GroupBase, cfg.GroupFilter, q.l.searcher(), realms.ErrMisconfigured)
	case len(q.seen) == 0:
		return fmt.Errorf("directory %s: groups are to be seen below %s, and none has a %s that can be read: correct group_name, or let %s read it: %w",
			cfg.Name, cfg.GroupBase, cfg.GroupName, q.l.searcher(), realms.ErrMisconfigured)
	case nameless > 0:
		q.unsaid(fmt.Sprintf("%d of its groups have no %s that can be read, and a log-in of their members decides no rule for a group", nameless, cfg.GroupName))
	case !q.whole && !slices.ContainsFunc(caseless, func(a string) bool { return strings.EqualFold(a, cfg.GroupName) }):
		q.unsaid(fmt.Sprintf("it has more than %d groups, and its %s may be written in another case", len(q.seen), cfg.GroupName))
	}
	return nil
}

// see keeps the groups of an answer for what was meant, and counts those without a name.
func (q *inquiry) see(found finding) (nameless int) {
	for _, entry := range found.entries {
		g := groupName{value(entry, q.l.cfg.GroupName), value(entry, "cn"), entry.DN}
		if g.name == "" {
			nameless++
			continue
		}
		q.seen = append(q.seen, g)
	}
	return nameless
}

// searcher is who asks.
func (l *LDAP) searcher() string {
	if l.cfg.Bind == "" {
		return "everybody"
	}
	return l.cfg.Bind
}

// ofMembers asks whether anybody is in a group whose own entry is hidden from us: where
// people name their groups, it counts all the same. Its entry is looked for beside those
// that are to be seen.
func (q *inquiry) ofMembers(ctx context.Context) error {
	open := q.open()
	if !q.memberOf || len(open) == 0 {
		return nil
	}
	containers := []string{q.l.cfg.GroupBase}
	for _, g := range q.seen {
		dn, err := ldap.ParseDN(g.dn)
		if err != nil || len(dn.RDNs) == 0 {
			continue
		}
		above := (&ldap.DN{RDNs: dn.RDNs[1:]}).String()
		if len(containers) < mostContainers && !slices.ContainsFunc(containers, func(c string) bool { return canonical(c) == canonical(above) }) {
			containers = append(containers, above)
		}
	}
	for _, a := range open {
		var b strings.Builder
		for _, c := range containers {
			b.WriteString("(memberOf=" + ldap.EscapeFilter(q.l.cfg.GroupName+"="+ldap.EscapeDN(a.Name)+","+c) + ")")
		}
		found, err := q.ask(ctx, q.l.cfg.Base, "(|"+b.String()+")", 1, "1.1")
		if err != nil {
			return err
		}
		if a.Known = len(found.entries) > 0; !a.Known && !found.whole() {
			a.Unsaid = "it cut its answer short"
		}
	}
	return nil
}

// whatWasMeant suggests names: from the list, or from what begins or ends alike. A
// suggestion is worth no error.
func (q *inquiry) whatWasMeant(ctx context.Context) error {
	for n, a := range q.open() {
		if !q.whole && n < nearQuestions {
			cfg := q.l.cfg
			found, err := q.ask(ctx, cfg.GroupBase, "(&"+cfg.GroupFilter+"(|(cn="+ldap.EscapeFilter(a.Name)+")"+endsAlike(cfg.GroupName, a.Name)+"))", mostGroups, cfg.GroupName, "cn")
			if err != nil {
				return nil //nolint:nilerr // that the group is not known has been seen
			}
			q.see(found)
		}
		a.Near = near(a.Name, q.seen)
	}
	return nil
}

// endsAlike is the filter of names with the same first or last letters.
func endsAlike(attribute, name string) string {
	const letters = 4
	r := []rune(name)
	if len(r) < letters {
		return ""
	}
	first, last := ldap.EscapeFilter(string(r[:letters])), ldap.EscapeFilter(string(r[len(r)-letters:]))
	return "(" + attribute + "=" + first + "*)(" + attribute + "=*" + last + ")"
}
