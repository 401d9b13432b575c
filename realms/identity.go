package realms

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An Identity is a user name taken apart at its one "@".
//
// A computer names itself host/pc01.northbridge.nhs.uk without an "@": its User
// is then the whole name and its Realm the domain after the first dot.
type Identity struct {
	User  string // as it was sent; may be empty: "@realm" hides the user (RFC 7542, section 2.4)
	Realm string // lower case
}

// machinePrefix begins the names that Windows gives to computers.
const machinePrefix = "host/"

// Longest name and longest label: a RADIUS attribute holds 253 octets
// (RFC 2865, section 5) and a DNS label 63 (RFC 1035, section 2.3.4).
const (
	longestName  = 253
	longestLabel = 63
)

// String returns user@realm, or the name of a computer as it was sent.
func (id Identity) String() string {
	if id.namesItself() {
		return id.User
	}
	return id.User + "@" + id.Realm
}

// Machine says that the name is a computer's. Computers are answered at home or
// not at all: no federation knows them.
func (id Identity) Machine() bool {
	return len(id.User) >= len(machinePrefix) && strings.EqualFold(id.User[:len(machinePrefix)], machinePrefix)
}

// namesItself says that the realm is already inside the user part.
func (id Identity) namesItself() bool {
	if !id.Machine() {
		return false
	}
	short, domain, found := strings.Cut(id.User[len(machinePrefix):], ".")
	return found && short != "" && strings.EqualFold(domain, id.Realm)
}

// ParseIdentity takes a User-Name or an EAP identity apart. It refuses, with an
// error that wraps [ErrRealmMissing] or [ErrRealmMalformed], every name that no
// home could answer, so that it never reaches a federation.
//
// The realm must be a name that DNS could hold: at least two labels of letters,
// digits and inner hyphens, each of 1 to 63 octets. An internationalised realm
// is written in its xn-- form (RFC 7542, section 2.5).
func ParseIdentity(name string) (Identity, error) {
	if name == "" {
		return Identity{}, missing("the name is empty")
	}
	if len(name) > longestName {
		return Identity{}, malformed("the name has %d octets and no RADIUS attribute holds more than %d", len(name), longestName)
	}
	if err := checkText(name); err != nil {
		return Identity{}, err
	}
	user, realm, found := strings.Cut(name, "@")
	id := Identity{User: user, Realm: strings.ToLower(realm)}
	switch {
	case !found && id.Machine():
		return parseMachine(name)
	case !found:
		return Identity{}, missing("the name has no @: the user must type the whole of name@realm, at home too")
	case realm == "":
		return Identity{}, missing("nothing follows the @: the user must type the whole of name@realm")
	case strings.Contains(realm, "@"):
		return Identity{}, malformed("the name has more than one @")
	}
	if err := checkRealm(realm); err != nil {
		return Identity{}, err
	}
	return id, nil
}

// parseMachine reads host/pc01.northbridge.nhs.uk.
func parseMachine(name string) (Identity, error) {
	host := name[len(machinePrefix):]
	short, domain, found := strings.Cut(host, ".")
	if !found || short == "" {
		return Identity{}, missing("the computer names itself without a domain: it should be joined to one")
	}
	if err := checkRealm(domain); err != nil {
		return Identity{}, err
	}
	return Identity{User: name, Realm: strings.ToLower(domain)}, nil
}

// checkText refuses what a name may hold nowhere, before or after the "@".
func checkText(name string) error {
	if !utf8.ValidString(name) {
		return malformed("the name is not valid UTF-8 text")
	}
	for _, r := range name {
		switch {
		case unicode.IsControl(r):
			return malformed("the name holds the control character %U", r)
		case unicode.IsSpace(r):
			return malformed("the name holds a space: often one too many at the end, put there by a phone's keyboard")
		}
	}
	if strings.Contains(name, "..") {
		return malformed("the name holds two dots in a row")
	}
	return nil
}

// checkRealm holds a realm to the form of a DNS name. It looks at the realm as it
// was sent: some letters outside ASCII, as the Kelvin sign, have an ASCII lower
// case and would pass afterwards.
func checkRealm(realm string) error {
	switch {
	case strings.HasPrefix(realm, "."):
		return malformed("the realm %q begins with a dot", realm)
	case strings.HasSuffix(realm, "."):
		return malformed("the realm %q ends with a dot", realm)
	case !strings.Contains(realm, "."):
		return malformed("the realm %q has no dot: it is probably cut short", realm)
	}
	for label := range strings.SplitSeq(realm, ".") {
		if err := checkLabel(label, realm); err != nil {
			return err
		}
	}
	return nil
}

// checkLabel holds one label to the letter-digit-hyphen rule (RFC 1123, section 2.1).
func checkLabel(label, realm string) error {
	switch {
	case label == "":
		return malformed("the realm %q has an empty part between two dots", realm)
	case len(label) > longestLabel:
		return malformed("the realm %q has a part of %d characters; the longest is %d", realm, len(label), longestLabel)
	case label[0] == '-' || label[len(label)-1] == '-':
		return malformed("a part of the realm %q begins or ends with a hyphen", realm)
	}
	for _, r := range label {
		if !letterDigitHyphen(r) {
			return malformed("the realm %q holds %q; a realm has letters a-z, digits, hyphens and dots", realm, r)
		}
	}
	return nil
}

func letterDigitHyphen(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-'
}

func missing(format string, a ...any) error {
	return fmt.Errorf(format+": %w", append(a, ErrRealmMissing)...)
}

func malformed(format string, a ...any) error {
	return fmt.Errorf(format+": %w", append(a, ErrRealmMalformed)...)
}
