package directory_test

import (
	"strings"
	"testing"

	"causeway/certs"
)

// Holds S11: of several uids or cns none is the person's name, whichever is
// listed first: a rule for one person would fit or not by chance. The entry's own
// name stands in, by which policy knows that it cannot know.
func TestNamesAreNotTheFirstOfSeveral(t *testing.T) {
	entry := func(rdn string, lines ...string) string {
		return "dn: " + rdn + ",ou=people," + base + "\nobjectClass: inetOrgPerson\nsn: a\nuserPassword: same\n" + strings.Join(lines, "\n") + "\n\n"
	}
	s := startSlapd(t,
		entry("cn=Ann Agency", "cn: Ann Agency", "uid: ann", "uid: agency", "mail: a.gency@northbridge.nhs.uk"),
		entry("cn=Agency Ben", "cn: Agency Ben", "uid: zz-agency", "uid: ben"),
		entry("uid=dee", "cn: Dee", "cn: Agency Dee", "uid: dee"),
		entry("mail=eve@northbridge.nhs.uk", "cn: Eve", "cn: Agency", "mail: eve@northbridge.nhs.uk"),
		entry("mail=fay@northbridge.nhs.uk", "cn: Fay", "mail: fay@northbridge.nhs.uk"),
	)
	l := newLDAP(t, configOf(t, s.plain))
	for user, want := range map[string]string{
		"ann": "cn=Ann Agency,", "agency": "cn=Ann Agency,", "a.gency": "cn=Ann Agency,",
		"ben": "cn=Agency Ben,", "zz-agency": "cn=Agency Ben,",
		"dee": "dee", "eve": "mail=eve@northbridge.nhs.uk,", "fay": "Fay",
	} {
		if strings.HasSuffix(want, ",") {
			want += "ou=people," + base
		}
		account, err := l.CheckPassword(t.Context(), person(user), certs.Secret("same"))
		if err != nil || account.Name != want {
			t.Errorf("%s by password: %q, %v; want %q", user, account.Name, err, want)
		}
		account, err = l.Lookup(t.Context(), person(user))
		if err != nil || account.Name != want {
			t.Errorf("%s by certificate: %q, %v; want %q", user, account.Name, err, want)
		}
	}
}
