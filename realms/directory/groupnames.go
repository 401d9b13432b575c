package directory

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"causeway/realms"
)

// A GroupAnswer is what a directory says of a name that a rule has for a group.
type GroupAnswer struct {
	Name   string
	Known  bool
	Near   []string // of one that is not known: what was probably meant, the likeliest first
	Unsaid string   // why it cannot be said whether it is known; empty: it can
}

// AskGroups says which of these groups somebody in the file is in. Its error is none.
func (f *File) AskGroups(_ context.Context, names []string) ([]GroupAnswer, error) {
	var have []groupName
	for _, u := range f.users {
		for _, group := range u.account.Groups {
			have = append(have, groupName{name: group})
		}
	}
	answers := make([]GroupAnswer, len(names))
	for i, name := range names {
		answers[i] = GroupAnswer{Name: name}
		answers[i].Known = slices.ContainsFunc(have, func(g groupName) bool { return strings.EqualFold(g.name, name) })
		if !answers[i].Known {
			answers[i].Near = near(name, have)
		}
	}
	return answers, nil
}

// AskGroups says which of these groups somebody in the file is in now, or was in a
// placement that has ended and is kept.
func (p *Placements) AskGroups(ctx context.Context, names []string) ([]GroupAnswer, error) {
	return p.current().AskGroups(ctx, names)
}

// A groupName is a group as an admin may know it: by the name that rules compare, and by
// others that its entry has.
type groupName struct{ name, common, dn string }

// mostNear is how many names are suggested for one.
const mostNear = 3

// near returns the names of groups that another one was probably meant to be, the
// likeliest first: that of a group which has it for its common name or is its entry, one
// that differs by a few letters, one that begins alike or that holds it.
func near(name string, groups []groupName) []string {
	type candidate struct {
		name string
		off  int
	}
	var found []candidate
	for _, g := range groups {
		off, is := unlike(name, g)
		if is && !slices.ContainsFunc(found, func(c candidate) bool { return c.name == g.name }) {
			found = append(found, candidate{g.name, off})
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.off, b.off), strings.Compare(a.name, b.name))
	})
	var names []string
	for _, c := range found[:min(len(found), mostNear)] {
		names = append(names, c.name)
	}
	return names
}

// longestName is beyond what a group is called, and a hostile one may not cost much.
const longestName = 64

// unlike says how far a group is from what was written; is tells whether it may be meant.
func unlike(name string, g groupName) (off int, is bool) {
	if g.common != "" && strings.EqualFold(g.common, name) || g.dn != "" && strings.Contains(name, "=") && canonical(g.dn) == canonical(name) {
		return 0, true
	}
	a, b := plainly(name), plainly(g.name)
	if len(a) > longestName || len(b) > longestName || a == "" || b == "" {
		return 0, false
	}
	if limit := max(1, len(a)/3); len(a) > 1 {
		if off := realms.EditDistance(a, b, limit); off <= limit {
			return off, true
		}
	}
	const alike, far = 5, 100 // letters; behind whatever differs by a few letters
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	if same >= alike || len(a) >= alike && strings.Contains(b, a) || len(b) >= alike && strings.Contains(a, b) {
		return far + len(a) - same, true
	}
	return 0, false
}

// marks are what people get wrong in a name.
var marks = strings.NewReplacer(" ", "", "-", "", "_", "", ".", "")

func plainly(name string) string { return marks.Replace(strings.ToLower(name)) }
