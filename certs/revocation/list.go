package revocation

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"
)

// A list is one revocation list, indexed by serial number: 48 octets an entry. It
// does not change, but for who is known to have signed it.
type list struct {
	issuer     []byte // the name, as in the issuer's certificate
	this, next time.Time
	scope      scope
	serials    map[serial]entry

	signer  atomic.Pointer[[]byte] // the key that is proved to have signed it
	proving sync.Mutex
	proof   *x509.RevocationList // what a signature is checked with; nil once it is proved
	refused [][sha256.Size]byte  // keys that did not sign it
}

// A serial is a serial number of up to 20 octets (RFC 5280, section 4.1.2.2),
// filled with zeros in front; of a longer or negative one, which nobody should
// make, it is a digest.
type serial [21]byte

func serialOf(n *big.Int) (s serial) {
	if n.Sign() >= 0 && n.BitLen() <= 160 {
		n.FillBytes(s[1:])
		return s
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%x", n))
	s[0] = 1
	copy(s[1:], sum[:])
	return s
}

// An entry says when a certificate was withdrawn, and why.
type entry struct {
	at     uint32 // seconds since 1970
	reason uint8
}

// String is the entry in words.
func (e entry) String() string {
	text := "withdrawn on " + day(time.Unix(int64(e.at), 0))
	if word := reasons[e.reason]; word != "" {
		text += " (" + word + ")"
	}
	return text
}

// reasons are CRLReason (RFC 5280, section 5.3.1).
var reasons = map[uint8]string{
	1: "the key was stolen", 2: "the authority's key was stolen", 3: "its owner is another", 4: "replaced by a new one",
	5: "no longer used", 6: "on hold", 9: "a privilege was taken back", 10: "an authority's key was stolen",
}

func entryOf(at time.Time, reason int) entry {
	return entry{at: uint32(max(0, min(at.Unix(), 1<<32-1))), reason: uint8(max(0, min(reason, 255)))} //nolint:gosec // bounded
}

// parsing lets one list be read at a time: crypto/x509 takes ten times the memory
// of what is kept in the end.
var parsing sync.Mutex

// parseList reads a list in DER or PEM. It does not judge its signature.
func parseList(text []byte) (*list, error) {
	if block, _ := pem.Decode(text); block != nil && block.Type == "X509 CRL" {
		text = block.Bytes
	}
	parsing.Lock()
	defer parsing.Unlock()
	rl, err := x509.ParseRevocationList(text)
	if err != nil {
		return nil, fmt.Errorf("it is no revocation list: %w", err)
	}
	l := &list{issuer: bytes.Clone(rl.RawIssuer), this: rl.ThisUpdate, next: rl.NextUpdate}
	if l.next.IsZero() {
		return nil, errors.New("the list does not say when the next one comes, so nobody knows when it is too old")
	}
	if err := l.readExtensions(rl.Extensions); err != nil {
		return nil, err
	}
	l.serials = make(map[serial]entry, len(rl.RevokedCertificateEntries))
	for _, e := range rl.RevokedCertificateEntries {
		for _, ext := range e.Extensions {
			if ext.Critical { // certificateIssuer of an indirect list, or what we do not know
				return nil, fmt.Errorf("an entry of the list has the critical extension %s", ext.Id)
			}
		}
		l.serials[serialOf(e.SerialNumber)] = entryOf(e.RevocationTime, e.ReasonCode)
	}
	l.proof = &x509.RevocationList{RawTBSRevocationList: rl.RawTBSRevocationList, SignatureAlgorithm: rl.SignatureAlgorithm, Signature: rl.Signature}
	return l, nil
}

var (
	oidDelta = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidIDP   = asn1.ObjectIdentifier{2, 5, 29, 28}
)

func (l *list) readExtensions(extensions []pkix.Extension) error {
	for _, ext := range extensions {
		switch {
		case ext.Id.Equal(oidDelta):
			return errors.New("it is a delta list, which says only what has changed: name the whole list")
		case ext.Id.Equal(oidIDP):
			scope, err := readScope(ext.Value)
			if err != nil {
				return err
			}
			l.scope = scope
		case ext.Critical:
			return fmt.Errorf("the list has the critical extension %s, which is not known here", ext.Id)
		}
	}
	return nil
}

// A scope says for which certificates of its issuer a list speaks (RFC 5280,
// section 5.2.5). The zero value: for all.
type scope struct {
	people, authorities bool     // only for those that are no authorities'; only for those that are
	points              []string // only for certificates that name one of these addresses
}

// readScope reads IssuingDistributionPoint. Lists that are indirect or of some
// reasons only are refused: they would have to be put together with others.
func readScope(value []byte) (s scope, err error) {
	damaged := errors.New("the list's issuing distribution point cannot be read")
	input, body := cryptobyte.String(value), cryptobyte.String(nil)
	if !input.ReadASN1(&body, tag.SEQUENCE) || !input.Empty() {
		return s, damaged
	}
	var point, reasons cryptobyte.String
	var named, some, indirect, attributes bool
	flag := func(out *bool, n uint8) bool { return readFlag(&body, out, tag.Tag(n).ContextSpecific()) }
	if !body.ReadOptionalASN1(&point, &named, tag.Tag(0).ContextSpecific().Constructed()) ||
		!flag(&s.people, 1) || !flag(&s.authorities, 2) ||
		!body.ReadOptionalASN1(&reasons, &some, tag.Tag(3).ContextSpecific()) ||
		!flag(&indirect, 4) || !flag(&attributes, 5) || !body.Empty() {
		return s, damaged
	}
	switch {
	case indirect:
		return s, errors.New("it is an indirect list, which speaks for several issuers: name a list of the issuer's own")
	case some:
		return s, errors.New("the list holds only those that were withdrawn for some reasons")
	case attributes:
		return s, errors.New("the list is of attribute certificates")
	case s.people && s.authorities:
		return s, damaged
	}
	if !named {
		return s, nil
	}
	var names cryptobyte.String
	if !point.ReadASN1(&names, tag.Tag(0).ContextSpecific().Constructed()) || !point.Empty() {
		return s, errors.New("the list's distribution point has no full name")
	}
	for !names.Empty() {
		var name cryptobyte.String
		var kind tag.Tag
		if !names.ReadAnyASN1(&name, &kind) {
			return s, damaged
		}
		if kind == tag.Tag(6).ContextSpecific() { // uniformResourceIdentifier
			s.points = append(s.points, string(name))
		}
	}
	if len(s.points) == 0 {
		return s, errors.New("the list's distribution point has no address by which certificates could name it")
	}
	return s, nil
}

// readFlag reads BOOLEAN DEFAULT FALSE under an implicit tag.
func readFlag(in *cryptobyte.String, out *bool, t tag.Tag) bool {
	var value cryptobyte.String
	var present bool
	if !in.ReadOptionalASN1(&value, &present, t) {
		return false
	}
	*out = present && len(value) == 1 && value[0] != 0
	return !present || len(value) == 1
}

// covers says whether the list speaks for a certificate of its issuer.
func (l *list) covers(c *x509.Certificate) bool {
	switch {
	case l.scope.people && c.IsCA, l.scope.authorities && !c.IsCA:
		return false
	case len(l.scope.points) == 0:
		return true
	}
	return slices.ContainsFunc(c.CRLDistributionPoints, func(p string) bool { return slices.Contains(l.scope.points, p) })
}

// find looks a serial number up.
func (l *list) find(n *big.Int) (entry, bool) {
	e, ok := l.serials[serialOf(n)]
	return e, ok
}

// fresh says whether a certificate that is not on the list is good.
func (l *list) fresh(now time.Time) bool { return !now.Before(l.this.Add(-skew)) && now.Before(l.next) }

// signedBy says whether an issuer signed the list. The first time it costs a
// signature over the whole; later it is a comparison.
func (l *list) signedBy(issuer *x509.Certificate) bool {
	if signer := l.signer.Load(); signer != nil {
		return bytes.Equal(*signer, issuer.RawSubjectPublicKeyInfo) && bytes.Equal(l.issuer, issuer.RawSubject)
	}
	if !bytes.Equal(l.issuer, issuer.RawSubject) {
		return false
	}
	l.proving.Lock()
	defer l.proving.Unlock()
	if l.proof == nil { // another proved it meanwhile
		return bytes.Equal(*l.signer.Load(), issuer.RawSubjectPublicKeyInfo)
	}
	key := sha256.Sum256(issuer.RawSubjectPublicKeyInfo)
	if slices.Contains(l.refused, key) {
		return false
	}
	if l.proof.CheckSignatureFrom(issuer) != nil {
		l.refused = append(l.refused, key)
		return false
	}
	l.signer.Store(&issuer.RawSubjectPublicKeyInfo)
	l.proof, l.refused = nil, nil
	return true
}
