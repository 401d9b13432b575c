package realms

import (
	"slices"
	"strings"
)

// DefaultBlocklist returns the realms that no federation can answer: phones that
// offer their SIM, mail addresses typed by mistake, and names that mean
// something on one network only.
//
// A pattern is a whole realm, "*.lan" for everything below (and "lan" itself
// could never be a realm), or "gmail.*" for every ending of one or two labels,
// as gmail.com and yahoo.co.uk.
func DefaultBlocklist() []string {
	return slices.Clone(defaultBlocklist)
}

var defaultBlocklist = []string{
	"*.3gppnetwork.org",
	"*.3gppnetworks.org",
	"gmail.*",
	"googlemail.*",
	"outlook.*",
	"live.*",
	"yahoo.*",
	"hotmail.*",
	"icloud.*",
	"myabc.com",
	"*.local",
	"*.lan",
}

// A blocklist answers for all patterns in time that does not grow with their
// number: each pattern is found by the part of it that is fixed.
type blocklist struct {
	exact   map[string]bool   // "myabc.com"
	below   map[string]string // "local" -> "*.local"
	endings map[string]string // "gmail" -> "gmail.*"
}

func newBlocklist(patterns []string) (blocklist, Problems) {
	b := blocklist{exact: map[string]bool{}, below: map[string]string{}, endings: map[string]string{}}
	var problems Problems
	for i, pattern := range patterns {
		p := strings.ToLower(pattern)
		below, isBelow := strings.CutPrefix(p, "*.")
		name, isEnding := strings.CutSuffix(p, ".*")
		switch {
		case isBelow && isLabels(below):
			b.below[below] = p
		case isEnding && isLabels(name):
			b.endings[name] = p
		case !strings.Contains(p, "*") && checkRealm(p) == nil:
			b.exact[p] = true
		default:
			problems = append(problems, Problem{
				Key:  index("blocklist", i),
				Text: quoted(pattern) + " is not a pattern that any realm matches",
				Fix:  `write a whole realm, "*.example.org" for everything below it, or "example.*" for every ending`,
			})
		}
	}
	return b, problems
}

// match returns the pattern that holds the realm.
func (b blocklist) match(realm string) (pattern string, blocked bool) {
	if b.exact[realm] {
		return realm, true
	}
	for rest := realm; ; {
		head, tail, found := strings.Cut(rest, ".")
		if !found {
			return "", false
		}
		if pattern, ok := b.below[tail]; ok {
			return pattern, true
		}
		if pattern, ok := b.endings[head]; ok && rest == realm && strings.Count(tail, ".") <= 1 {
			return pattern, true
		}
		rest = tail
	}
}

func isLabels(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if checkLabel(label, s) != nil {
			return false
		}
	}
	return true
}
