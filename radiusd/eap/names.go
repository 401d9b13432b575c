package eap

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"

	"causeway/certs"
	"causeway/realms"
)

// A field is one part of a certificate that can name its owner.
type field struct {
	name   string
	values func(*x509.Certificate) []string
	// identity makes a name of a value; realm is what a value without one gets.
	identity func(value, realm string, devices bool) (realms.Identity, error)
}

// sidField is the field that is no name: a security identifier of Active Directory.
const sidField = "sid"

// fields is every part that can, in one place.
var fields = []field{
	{"upn", principalNames, wholeName},
	{"email", func(c *x509.Certificate) []string { return c.EmailAddresses }, wholeName},
	{"dns", func(c *x509.Certificate) []string { return c.DNSNames }, hostName},
	{"uri", otherURIs, plainName},
	{sidField, nil, nil},
	{"cn", subjectValues(2, 5, 4, 3), deviceOrPlain},
	{"serial", subjectValues(2, 5, 4, 5), plainName},
	{"uid", subjectValues(0, 9, 2342, 19200300, 100, 1, 1), plainName},
	{"subject-email", subjectValues(1, 2, 840, 113549, 1, 9, 1), wholeName},
}

// IdentityFields returns the names of the fields that can name the owner of a
// certificate.
func IdentityFields() []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

func findField(name string) *field {
	for i := range fields {
		if fields[i].name == name {
			return &fields[i]
		}
	}
	return nil
}

// An owner is whom a certificate names: by a name, by a security identifier, or by
// both, which then have to be of one account.
type owner struct {
	identity realms.Identity // zero: by its identifier alone
	sid      string
}

func (o owner) bySID() bool { return o.identity == (realms.Identity{}) }

// ownerOf reads a certificate as its authority's block says.
func (s *Server) ownerOf(outer realms.Identity, leaf *x509.Certificate, a *Authority) (o owner, err error) {
	if sidLookup(s.directoryOf(a)) != nil {
		if o.sid, err = sidOf(leaf); err != nil {
			return o, err
		}
	}
	if a.Identity == nil {
		o.identity, err = s.chooseName(outer, certificateNames(leaf))
		return o, err
	}
	for _, name := range a.Identity {
		f := findField(name)
		if f.values == nil {
			if o.sid != "" {
				return o, nil
			}
			continue
		}
		if names := f.names(leaf, outer.Realm, a.Vouches == ForDevices); len(names) > 0 {
			o.identity, err = s.onlyName(outer, names)
			return o, err
		}
	}
	return o, fmt.Errorf("the certificate has no name in %s: %w", strings.Join(a.Identity, ", "), realms.ErrClientCertIdentity)
}

// names are the different names in one field.
func (f *field) names(leaf *x509.Certificate, realm string, devices bool) (names []realms.Identity) {
	for _, value := range f.values(leaf) {
		id, err := f.identity(value, realm, devices)
		if err == nil && len(names) < mostNames && !slices.ContainsFunc(names, func(other realms.Identity) bool { return same(other, id) }) {
			names = append(names, id)
		}
	}
	return names
}

// onlyName returns the name that agrees with the outer one. Of several that do, the
// outer one has to be one: a device that hides who it is may not be anybody of them.
func (s *Server) onlyName(outer realms.Identity, names []realms.Identity) (realms.Identity, error) {
	var good []realms.Identity
	var fault error
	for _, id := range names {
		err := s.checkInner(outer, id)
		switch {
		case err == nil && same(outer, id):
			return id, nil
		case err == nil:
			good = append(good, id)
		case fault == nil:
			fault = err
		}
	}
	switch len(good) {
	case 0:
		return realms.Identity{}, fault
	case 1:
		return good[0], nil
	}
	return realms.Identity{}, fmt.Errorf("the certificate names %s and %s, and the device does not say which it is: %w", good[0], good[1], realms.ErrClientCertIdentity)
}

// wholeName takes user@realm.
func wholeName(value, _ string, _ bool) (realms.Identity, error) { return realms.ParseIdentity(value) }

// plainName takes user@realm, too, and gives a name without a realm the one outside.
func plainName(value, realm string, _ bool) (realms.Identity, error) {
	if strings.Contains(value, "@") {
		return realms.ParseIdentity(value)
	}
	return realms.ParseIdentity(value + "@" + realm)
}

// hostName takes a DNS name with its domain as a computer's.
func hostName(value, _ string, _ bool) (realms.Identity, error) {
	return realms.ParseIdentity("host/" + value)
}

// deviceOrPlain takes a DNS name for a computer's where certificates are devices'
// own: Windows writes it into the CN.
func deviceOrPlain(value, realm string, devices bool) (realms.Identity, error) {
	if devices && !strings.Contains(value, "@") {
		if id, err := realms.ParseIdentity("host/" + value); err == nil {
			return id, nil
		}
	}
	return plainName(value, realm, devices)
}

// subjectValues returns all values of one attribute of the subject.
func subjectValues(kind ...int) func(*x509.Certificate) []string {
	return func(c *x509.Certificate) (values []string) {
		for _, attribute := range c.Subject.Names {
			if text, ok := attribute.Value.(string); ok && attribute.Type.Equal(kind) {
				values = append(values, text)
			}
		}
		return values
	}
}

// otherURIs are those that are names.
func otherURIs(c *x509.Certificate) (values []string) {
	for _, u := range c.URIs {
		if text := u.String(); !strings.HasPrefix(text, certs.SIDTag) {
			values = append(values, text)
		}
	}
	return values
}

var (
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidUPN            = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}
	oidSIDExtension   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 25, 2}
	oidSID            = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 25, 2, 1}
)

// sidOf returns the security identifier of a certificate: in Microsoft's extension
// (MS-WCCE, section 2.2.2.7.7.4), which the authority writes itself, or in a URI,
// where Intune and SCEP have it. Empty: it has none. Two that differ, and one that
// cannot be read, are an error: they would have decided who it is.
func sidOf(leaf *x509.Certificate) (sid string, err error) {
	var found []string
	for _, ext := range leaf.Extensions {
		if !ext.Id.Equal(oidSIDExtension) {
			continue
		}
		before := len(found)
		for _, entry := range generalNames(ext.Value) {
			var octets []byte
			if otherName(entry, oidSID, &octets) {
				found = append(found, string(octets))
			}
		}
		if len(found) == before {
			return "", fmt.Errorf("the certificate's security identifier cannot be read: %w", realms.ErrClientCertIdentity)
		}
	}
	for _, u := range leaf.URIs {
		if text, is := strings.CutPrefix(u.String(), certs.SIDTag); is {
			found = append(found, text)
		}
	}
	for _, other := range found {
		if other != found[0] {
			return "", fmt.Errorf("the certificate has two security identifiers, %q and %q: %w", found[0], other, realms.ErrClientCertIdentity)
		}
	}
	if len(found) == 0 {
		return "", nil
	}
	if found[0] == "" {
		return "", fmt.Errorf("the certificate's security identifier is empty: %w", realms.ErrClientCertIdentity)
	}
	return found[0], nil
}

// mostNames bounds what one certificate may be tried as.
const mostNames = 16

// certificateNames returns whom a certificate names where nothing says which fields
// count: its mail addresses, then its user principal names, then, if there is none
// of either, computers by their DNS names; its common name only when no
// alternative name says anything (R5).
func certificateNames(leaf *x509.Certificate) []realms.Identity {
	var names []realms.Identity
	add := func(name string) {
		if id, err := realms.ParseIdentity(name); err == nil && len(names) < mostNames {
			names = append(names, id)
		}
	}
	for _, mail := range leaf.EmailAddresses {
		add(mail)
	}
	for _, upn := range principalNames(leaf) {
		add(upn)
	}
	if len(names) == 0 {
		for _, host := range leaf.DNSNames {
			add("host/" + host)
		}
	}
	if len(names) == 0 {
		add(leaf.Subject.CommonName)
	}
	return names
}

// principalNames returns the otherName entries that hold a user principal name.
// A malformed extension names nobody.
func principalNames(leaf *x509.Certificate) []string {
	var names []string
	for _, ext := range leaf.Extensions {
		if !ext.Id.Equal(oidSubjectAltName) {
			continue
		}
		for _, entry := range generalNames(ext.Value) {
			var name string
			if otherName(entry, oidUPN, &name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// generalNames takes GeneralNames apart, as far as it can be read and holds no more
// than anybody needs.
func generalNames(value []byte) (entries []asn1.RawValue) {
	var all asn1.RawValue
	if rest, err := asn1.Unmarshal(value, &all); err != nil || len(rest) > 0 {
		return nil
	}
	for b := all.Bytes; len(b) > 0 && len(entries) < 4*mostNames; {
		var entry asn1.RawValue
		var err error
		if b, err = asn1.Unmarshal(b, &entry); err != nil {
			break
		}
		entries = append(entries, entry)
	}
	return entries
}

// otherName reads the value of OtherName ::= SEQUENCE { type-id, [0] EXPLICIT value }
// under the tag [0] (RFC 5280, section 4.2.1.6), if it is of that kind.
func otherName(entry asn1.RawValue, kind asn1.ObjectIdentifier, into any) bool {
	if entry.Class != asn1.ClassContextSpecific || entry.Tag != 0 || !entry.IsCompound {
		return false
	}
	var is asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(entry.Bytes, &is)
	if err != nil || !is.Equal(kind) {
		return false
	}
	var value asn1.RawValue
	if _, err := asn1.Unmarshal(rest, &value); err != nil || value.Class != asn1.ClassContextSpecific || value.Tag != 0 {
		return false
	}
	_, err = asn1.Unmarshal(value.Bytes, into)
	return err == nil
}

// chooseName returns the certificate's name that agrees with the outer one, or
// says why none does.
func (s *Server) chooseName(outer realms.Identity, names []realms.Identity) (realms.Identity, error) {
	err := fmt.Errorf("the certificate holds no user@realm: %w", realms.ErrClientCertIdentity)
	for i, id := range names {
		fault := s.checkInner(outer, id)
		if fault == nil {
			return id, nil
		}
		if i == 0 {
			err = fault
		}
	}
	return realms.Identity{}, err
}
