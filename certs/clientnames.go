package certs

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Names are what a certificate of a person or a device says of its owner, field
// by field. EAP servers look in different places, and a Trust's own PKI fills in
// others again: a test or a trial needs them all.
type Names struct {
	CommonName  string // CN
	Serial      string // serialNumber of the subject: an asset tag
	UID         string // of the subject
	SubjectMail string // emailAddress of the subject, where old authorities put it

	Mail []string // rfc822Name
	UPN  []string // userPrincipalName, which Windows logs on with
	DNS  []string
	URI  []string
	// NAIRealm are realms for which a RADIUS server may answer (RFC 7585, section 2.2).
	NAIRealm []string
	// SID is the security identifier of an account of Active Directory, as
	// "S-1-5-21-…-1104". It stands in an extension of its own, as AD CS writes it
	// since 2022; where Intune and SCEP write it, it is a URI, SIDTag + SID.
	SID string
}

// SIDTag begins the URI that carries a security identifier.
const SIDTag = "tag:microsoft.com,2022-09-14:sid:"

var (
	oidUPN          = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3} // otherName of a Windows log-on name
	oidSIDExtension = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 25, 2}
	oidSID          = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 25, 2, 1}
	oidEmail        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
	oidUID          = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
	oidSAN          = asn1.ObjectIdentifier{2, 5, 29, 17}
)

// subject is the part of the names that stands in the subject.
func (n Names) subject() (pkix.Name, error) {
	s := pkix.Name{CommonName: n.CommonName, SerialNumber: n.Serial}
	if n.UID != "" {
		s.ExtraNames = append(s.ExtraNames, pkix.AttributeTypeAndValue{Type: oidUID, Value: n.UID})
	}
	if n.SubjectMail != "" {
		s.ExtraNames = append(s.ExtraNames, pkix.AttributeTypeAndValue{Type: oidEmail, Value: n.SubjectMail})
	}
	if n.CommonName != "" {
		return s, commonName(n.CommonName)
	}
	return s, nil
}

// extensions are the rest of the names. The alternative name is built by hand,
// since crypto/x509 knows no otherName (RFC 5280, section 4.2.1.6); it is critical
// when the subject is empty.
func (n Names) extensions(emptySubject bool) (list []pkix.Extension, err error) {
	var names []asn1.RawValue
	ascii := func(tag int, values ...string) {
		for _, v := range values {
			if !printableASCII(v) {
				err = fmt.Errorf("%q is not plain ASCII, as this field of a certificate must be", v)
			}
			names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: []byte(v)})
		}
	}
	ascii(1, n.Mail...)
	for _, upn := range n.UPN {
		other, err := otherName(oidUPN, upn, "utf8")
		if err != nil {
			return nil, err
		}
		names = append(names, other)
	}
	ascii(2, n.DNS...)
	for _, realm := range n.NAIRealm {
		other, err := otherName(oidNAIRealm, realm, "utf8")
		if err != nil {
			return nil, err
		}
		names = append(names, other)
	}
	for _, u := range n.URI {
		if parsed, err := url.Parse(u); err != nil || parsed.Scheme == "" {
			return nil, fmt.Errorf("%q is not a URI", u)
		}
		ascii(6, u)
	}
	if err != nil {
		return nil, err
	}
	if len(names) > 0 {
		value, err := asn1.Marshal(names)
		if err != nil {
			return nil, err
		}
		list = append(list, pkix.Extension{Id: oidSAN, Critical: emptySubject, Value: value})
	}
	if n.SID != "" {
		sid, err := sidExtension(n.SID)
		if err != nil {
			return nil, err
		}
		list = append(list, sid)
	}
	return list, nil
}

// otherName is OtherName ::= SEQUENCE { type-id, [0] EXPLICIT value } under the
// tag [0].
func otherName(kind asn1.ObjectIdentifier, value any, params string) (asn1.RawValue, error) {
	inner, err := asn1.MarshalWithParams(value, params)
	if err != nil {
		return asn1.RawValue{}, err
	}
	b, err := asn1.Marshal(struct {
		ID    asn1.ObjectIdentifier
		Value asn1.RawValue
	}{kind, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: inner}})
	if err != nil {
		return asn1.RawValue{}, err
	}
	b[0] = 0xa0 // [0] IMPLICIT in place of SEQUENCE
	return asn1.RawValue{FullBytes: b}, nil
}

// sidExtension is szOID_NTDS_CA_SECURITY_EXT (MS-WCCE, section 2.2.2.7.7.4): one
// otherName with the identifier's text as octets.
func sidExtension(sid string) (pkix.Extension, error) {
	if !strings.HasPrefix(sid, "S-1-") || strings.Trim(sid[4:], "0123456789-") != "" {
		return pkix.Extension{}, fmt.Errorf("%q is not a security identifier, as S-1-5-21-1004336348-1177238915-682003330-1104", sid)
	}
	other, err := otherName(oidSID, []byte(sid), "")
	if err != nil {
		return pkix.Extension{}, err
	}
	value, err := asn1.Marshal([]asn1.RawValue{other})
	return pkix.Extension{Id: oidSIDExtension, Value: value}, err
}

func printableASCII(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// Client makes a certificate for a person or a device called "user@realm". The
// identity is in it three times, since EAP servers look in different places:
// rfc822Name and userPrincipalName in the subject alternative name, and the CN
// when it fits in 64 characters (X.520). The names of Options come besides.
func (a *Authority) Client(identity string, o Options) (Pair, error) {
	if err := mailName(identity); err != nil {
		return Pair{}, err
	}
	n := &o.Names
	if n.CommonName == "" && len(identity) <= 64 {
		n.CommonName = identity
	}
	n.Mail = slices.Concat([]string{identity}, n.Mail)
	n.UPN = slices.Concat([]string{identity}, n.UPN)
	return a.Device(o)
}

// Device makes a certificate that is called by the names of Options alone, as a
// device's own is.
func (a *Authority) Device(o Options) (Pair, error) {
	t, err := a.template(o, clientLife)
	if err != nil {
		return Pair{}, err
	}
	if t.Subject, err = o.Names.subject(); err != nil {
		return Pair{}, err
	}
	empty := len(t.Subject.ToRDNSequence()) == 0
	if t.ExtraExtensions, err = o.Names.extensions(empty); err != nil {
		return Pair{}, err
	}
	if n := o.Names; empty && len(n.Mail)+len(n.DNS)+len(n.URI) == 0 {
		// Without a subject the alternative name is critical, and crypto/x509 refuses
		// one of which it knows no part.
		return Pair{}, errors.New("a certificate needs a name: in its subject, or a mail, DNS or URI name")
	}
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.issue(t, o.Key)
}
