package certs

import (
	"crypto/x509"
	"encoding/asn1"
	"strings"
)

// oidNAIRealm is id-on-naiRealm (RFC 7585, section 2.2).
var oidNAIRealm = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 8, 8}

// Bounds of what is read of one certificate.
const (
	longestNAIRealm = 255 // ub-naiRealm-length
	mostNAIRealms   = 256 // more than any home organisation has
)

// NAIRealms are the realms for which a certificate may answer, as they are written in
// it: the entries id-on-naiRealm of its alternative name (RFC 7585, section 2.2). One may
// begin with a label "*". What is malformed is left out, and so is what is longer than
// the RFC allows and what comes after the first 256: a realm that is not there does not
// match.
func NAIRealms(c *x509.Certificate) (realms []string) {
	for _, e := range c.Extensions {
		if e.Id.Equal(oidSAN) {
			realms = append(realms, readNAIRealms(e.Value, mostNAIRealms-len(realms))...)
		}
	}
	return realms
}

// readNAIRealms takes them from the octets of an alternative name, as many as most.
func readNAIRealms(value []byte, most int) (realms []string) {
	var names asn1.RawValue // GeneralNames ::= SEQUENCE OF GeneralName
	if rest, err := asn1.Unmarshal(value, &names); err != nil || len(rest) > 0 || names.Class != asn1.ClassUniversal || names.Tag != asn1.TagSequence {
		return nil
	}
	for rest := names.Bytes; len(rest) > 0 && len(realms) < most; {
		var entry asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &entry); err != nil {
			return realms
		}
		if realm, ok := readNAIRealm(entry); ok {
			realms = append(realms, realm)
		}
	}
	return realms
}

// readNAIRealm reads [0] OtherName ::= SEQUENCE { type-id, [0] EXPLICIT UTF8String }.
func readNAIRealm(entry asn1.RawValue) (string, bool) {
	if entry.Class != asn1.ClassContextSpecific || entry.Tag != 0 || !entry.IsCompound {
		return "", false
	}
	var kind asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(entry.Bytes, &kind)
	if err != nil || !kind.Equal(oidNAIRealm) {
		return "", false
	}
	var outer, text asn1.RawValue
	if rest, err = asn1.Unmarshal(rest, &outer); err != nil || len(rest) > 0 || outer.Class != asn1.ClassContextSpecific || outer.Tag != 0 || !outer.IsCompound {
		return "", false
	}
	if rest, err = asn1.Unmarshal(outer.Bytes, &text); err != nil || len(rest) > 0 || text.Class != asn1.ClassUniversal || text.Tag != asn1.TagUTF8String || text.IsCompound {
		return "", false
	}
	realm := string(text.Bytes)
	if len(realm) > longestNAIRealm || !naiRealm(realm) {
		return "", false
	}
	return realm, true
}

// naiRealm judges the form of a realm in a certificate: labels of letters, digits and
// hyphens, two at least, the first of which may be "*". Our realms are written in their
// xn-- form, so no other could match one.
func naiRealm(realm string) bool {
	parent, wild := strings.CutPrefix(realm, "*.")
	if !wild && !strings.Contains(parent, ".") {
		return false
	}
	for label := range strings.SplitSeq(parent, ".") {
		if !ldh(label) {
			return false
		}
	}
	return true
}

// MatchNAIRealm says whether one of the realms of a certificate is the one that is
// asked for (RFC 7585, section 2.2): the same but for capitals, or "*" for exactly one
// label and the rest the same.
func MatchNAIRealm(realms []string, realm string) bool {
	if strings.HasPrefix(realm, "*") || !naiRealm(realm) {
		return false
	}
	_, parent, _ := strings.Cut(realm, ".")
	for _, r := range realms {
		if rest, wild := strings.CutPrefix(r, "*."); wild && strings.EqualFold(rest, parent) || strings.EqualFold(r, realm) {
			return true
		}
	}
	return false
}
