package directory

import (
	"testing"

	ldap "github.com/go-ldap/ldap/v3"

	"causeway/realms"
)

// Holds S11: whatever a name holds, the filter keeps its shape and the value
// that the server compares with is the name itself.
func FuzzS11Filter(f *testing.F) {
	for _, seed := range []string{"nurse", "*", "*)(uid=*", "nurse)(|(uid=*", `\2a`, "\x00", "", "é", "\xff", "{user}", "{name}", "host/pc{host}"} {
		f.Add(seed, "northbridge.nhs.uk")
	}
	f.Fuzz(func(t *testing.T, user, realm string) {
		id := realms.Identity{User: user, Realm: realm}
		filled := template("(&(a={user})(b={realm})(c={name}))").fill(id)
		packet, err := ldap.CompileFilter(filled)
		if err != nil {
			t.Fatalf("%q: %s: %v", id, filled, err)
		}
		if packet.Tag != ldap.FilterAnd || len(packet.Children) != 3 {
			t.Fatalf("%q: %s has another shape", id, filled)
		}
		for i, want := range []string{user, realm, id.String()} {
			part := packet.Children[i]
			if part.Tag == ldap.FilterPresent && want == "" {
				continue
			}
			if part.Tag != ldap.FilterEqualityMatch || part.Children[1].Data.String() != want {
				t.Fatalf("%q: %s compares with %q", id, filled, part.Children[1].Data.String())
			}
		}
	})
}
