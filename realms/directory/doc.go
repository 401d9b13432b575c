// Package directory holds the people of a realm: in LDAP ([LDAP]), in an Active
// Directory domain whose controllers judge MSCHAPv2 too ([AD]), or in a file ([File])
// for a small site, a demonstration or the accounts that probes log in with.
//
// # The file
//
// A table for each person, by the name that they type:
//
//	[user."nurse@northbridge.nhs.uk"]
//	password = "$argon2id$v=19$m=12288,t=3,p=1$…"   # see HashPassword
//	nt_hash  = "8846f7eaee8fb117ad06bdd830b7586c"   # for PEAP; see below
//	groups   = ["Wifi-Clinical", "Ward 7"]
//	disabled = true                                 # leave out for false
//	expires  = 2027-03-31                           # the last day, or an instant
//
// Names are compared without regard to case, as LDAP servers compare them. A
// computer is written as it names itself, host/pc01.northbridge.nhs.uk. Somebody
// without a password and without an NT hash can log in by EAP-TLS only.
//
// The NT hash is what EAP-MSCHAPv2 needs. It is as good as the password to
// whoever reads the file, so give it only to people who use PEAP. Where there is
// one, the password is compared with it, which takes a microsecond; otherwise
// the first good log-in of a person after a start costs one Argon2id, and the
// next ones take a microsecond too.
//
// # Alike from outside
//
// Every directory refuses an empty password before it asks anyone, and tells a
// disabled account from a wrong password in its error only, never by what the
// user sees.
package directory

import (
	"fmt"
	"strings"

	"causeway/certs"
	"causeway/realms"
)

// checkable refuses passwords that are never sent to a directory: LDAP takes an
// empty one for an anonymous bind that succeeds (RFC 4513, section 5.1.2), and
// some servers end the password at a NUL.
func checkable(password certs.Secret) error {
	if password == "" {
		return fmt.Errorf("the password is empty: %w", realms.ErrEmptyPassword)
	}
	if strings.ContainsRune(password.Reveal(), 0) {
		return fmt.Errorf("the password holds a NUL: %w", realms.ErrEmptyPassword)
	}
	return nil
}
