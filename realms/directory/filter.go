package directory

import (
	"fmt"
	"strings"

	ldap "github.com/go-ldap/ldap/v3"

	"causeway/realms"
)

// A template is a filter with places for parts of a name.
type template string

// newTemplate adds what is wrong with a filter to problems.
func (l *LDAP) newTemplate(filter, key string, problems *realms.Problems) template {
	t := template(filter)
	const fix = "write a filter with {user}, {name}, {realm} or {host}, as (|(uid={user})(mail={name}))"
	filled := t.fill(realms.Identity{User: "user", Realm: "example.org"})
	switch _, err := ldap.CompileFilter(filled); {
	case filter == "":
	case err != nil:
		*problems = append(*problems, realms.Problem{Key: key, Text: fmt.Sprintf("%q is not a filter", filter), Fix: fix})
	case strings.ContainsAny(filled, "{}"):
		*problems = append(*problems, realms.Problem{Key: key, Text: fmt.Sprintf("%q has a place that is not known", filter), Fix: fix})
	case !strings.Contains(filter, "{user}") && !strings.Contains(filter, "{name}") && !strings.Contains(filter, "{host}"):
		*problems = append(*problems, realms.Problem{Key: key, Text: fmt.Sprintf("%q finds the same entry for everybody", filter), Fix: fix})
	}
	return t
}

// fill puts a name into its places. Every octet that means something in a filter
// is escaped, so that a name stays one value whatever it holds (RFC 4515,
// section 3).
func (t template) fill(id realms.Identity) string {
	host := id.User
	if id.Machine() {
		_, host, _ = strings.Cut(id.User, "/")
	}
	return strings.NewReplacer(
		"{user}", ldap.EscapeFilter(id.User),
		"{name}", ldap.EscapeFilter(id.String()),
		"{realm}", ldap.EscapeFilter(id.Realm),
		"{host}", ldap.EscapeFilter(host),
	).Replace(string(t))
}
