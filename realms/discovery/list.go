package discovery

import (
	"errors"
	"fmt"
	"strings"
)

// An allowList says which realms may be asked for.
type allowList struct {
	exact map[string]bool
	below map[string]bool // of "*.ac.uk" it has "ac.uk"
}

func newAllowList(patterns []string) (allowList, error) {
	l := allowList{map[string]bool{}, map[string]bool{}}
	if len(patterns) == 0 {
		return l, errors.New(`realms: name those that may be looked up, as "camford.ac.uk" or "*.ac.uk"`)
	}
	for _, p := range patterns {
		if err := CheckRealm(p); err != nil {
			return l, err
		}
		if parent, wild := strings.CutPrefix(strings.ToLower(p), "*."); wild {
			l.below[parent] = true
		} else {
			l.exact[parent] = true
		}
	}
	return l, nil
}

// CheckRealm judges a pattern of the list. A lone star is refused: it would let
// whoever stands at an access point choose names for our resolver to ask for.
func CheckRealm(pattern string) error {
	parent, wild := strings.CutPrefix(pattern, "*.")
	if labels(parent, false) && (wild || strings.Contains(parent, ".")) {
		return nil
	}
	return fmt.Errorf(`realms: %q is neither a realm, as "camford.ac.uk", nor all those below a name, as "*.ac.uk"`, pattern)
}

// has says whether the realm, in lower case, is on the list.
func (l allowList) has(realm string) bool {
	if l.exact[realm] {
		return true
	}
	for _, rest, more := strings.Cut(realm, "."); more; _, rest, more = strings.Cut(rest, ".") {
		if l.below[rest] {
			return true
		}
	}
	return false
}

// hostName says whether a name without its last dot is that of a host, in a domain: of
// letters, digits and hyphens.
func hostName(name string) bool { return strings.Contains(name, ".") && labels(name, false) }

// labels says whether a name is made of labels of letters, digits and inner hyphens,
// and of underscores where those are allowed (RFC 8552).
func labels(name string, underscores bool) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && (c != '_' || !underscores) {
				return false
			}
		}
	}
	return true
}
