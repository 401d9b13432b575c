package certs

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// commonName checks a name for the CN: at most 64 characters (X.520,
// ub-common-name), none of them a control character.
func commonName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return errors.New("a certificate needs a name")
	case len([]rune(name)) > 64:
		return fmt.Errorf("%q is longer than the 64 characters that a certificate's CN may have", name)
	case strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f || r == 0xfffd }):
		return fmt.Errorf("%q holds control characters", name)
	}
	return nil
}

// dnsName checks a host name for a server certificate. A wildcard is refused:
// Windows and others do not take it for Wi-Fi.
func dnsName(name string) error {
	if strings.Contains(name, "*") {
		return fmt.Errorf("%q is a wildcard, which many devices refuse for Wi-Fi: give one name for all servers, as radius.example.ac.uk", name)
	}
	if len(name) > 253 || !strings.Contains(name, ".") {
		return fmt.Errorf("%q is not a full DNS name, as radius.example.ac.uk", name)
	}
	for label := range strings.SplitSeq(name, ".") {
		if !ldh(label) {
			return fmt.Errorf("%q is not a DNS name: letters, digits and inner hyphens only, in labels of 1 to 63", name)
		}
	}
	return nil
}

func ldh(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		c := label[i]
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// mailName checks "user@realm" for a client certificate. An rfc822Name is ASCII
// (RFC 5280, section 4.2.1.6), and the name becomes a file name too.
func mailName(identity string) error {
	user, realm, ok := strings.Cut(identity, "@")
	if !ok || user == "" || strings.Contains(realm, "@") {
		return fmt.Errorf("%q is not of the form user@realm", identity)
	}
	if err := dnsName(realm); err != nil {
		return fmt.Errorf("%q: the realm: %w", identity, err)
	}
	for i := range len(user) {
		if c := user[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"/\<>:|?*,;()[]`, c) >= 0 {
			return fmt.Errorf("%q: the user part holds a character that a certificate's mail name does not allow", identity)
		}
	}
	if user[0] == '.' || user[0] == '-' {
		return fmt.Errorf("%q: the user part may not begin with %q", identity, user[:1])
	}
	return nil
}

// checkAddress judges where a revocation list or a responder is.
func checkAddress(what, address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		// RFC 5280, section 4.2.1.13; https would need what it is to check.
		return fmt.Errorf("the address of the %s is %q: it has to be http://host/path (plain http, since https would need the check itself)", what, address)
	}
	return nil
}
