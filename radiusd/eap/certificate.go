package eap

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"causeway/realms"
)

// proved is what one credential proved: whose it is, and what is known of them.
type proved struct {
	identity    realms.Identity
	account     realms.Account
	device      bool   // it is a computer's own and not a person's
	inner       string // the method inside the tunnel; empty: outside
	certificate realms.Certificate
	chains      [][]*x509.Certificate // as they were verified; nil: a password proved it
}

// credit writes down what a credential proved, or as far as it came. Where a person
// and a computer are both proved, the log-in is the person's.
func (c *conversation) credit(p proved) {
	if p.device {
		c.trace.Device = p.identity
	}
	if p.certificate.Authority != "" {
		c.trace.Certificate = p.certificate
	}
	c.trace.Identity = p.identity
	if p.inner != "" {
		c.trace.Inner = p.inner
	}
}

// accountOf is whose log-in it is: a person's, if one was proved, or else the
// computer's.
func accountOf(proofs []proved) (account realms.Account) {
	for _, p := range proofs {
		if account = p.account; !p.device {
			break
		}
	}
	return account
}

// vouchFor finds whose certificate it is, holds the name to the outer one (R4, R5)
// and looks the account up. Full and resumed log-ins both pass through here. The
// identity is told beside an error, too, once it is known.
func (s *Server) vouchFor(ctx context.Context, outer realms.Identity, chains [][]*x509.Certificate) (p proved, err error) {
	p.chains = chains
	p.identity, err = s.chooseName(outer, certificateNames(chains[0][0]))
	if err != nil {
		return p, err
	}
	if s.cfg.Directory == nil {
		p.account = realms.Account{Name: p.identity.String(), GroupsUnknown: true}
	} else if p.account, err = s.cfg.Directory.Lookup(ctx, p.identity); err != nil {
		return p, reasoned(err)
	}
	p.device = p.identity.Machine()
	return p, nil
}

// verifyChain judges a chain by the authorities and the clock of now, as TLS does when a
// certificate is shown.
func (s *Server) verifyChain(chain []*x509.Certificate) ([][]*x509.Certificate, error) {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	return chain[0].Verify(x509.VerifyOptions{
		Roots: s.cfg.Keeper.Current().ClientCAs, Intermediates: between, CurrentTime: s.cfg.Now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

var (
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidUPN            = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}
)

// mostNames bounds what one certificate may be tried as.
const mostNames = 16

// certificateNames returns whom a certificate names: its mail addresses, then its
// user principal names, then, if there is none of either, computers by their
// DNS names; its common name only when no alternative name says anything (R5).
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
		var entries asn1.RawValue
		if rest, err := asn1.Unmarshal(ext.Value, &entries); err != nil || len(rest) > 0 {
			continue
		}
		for b := entries.Bytes; len(b) > 0 && len(names) < mostNames; {
			var entry asn1.RawValue
			var err error
			if b, err = asn1.Unmarshal(b, &entry); err != nil {
				break
			}
			if name, ok := principalName(entry); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// principalName reads OtherName ::= SEQUENCE { type-id, [0] EXPLICIT value } under
// the tag [0] (RFC 5280, section 4.2.1.6).
func principalName(entry asn1.RawValue) (string, bool) {
	if entry.Class != asn1.ClassContextSpecific || entry.Tag != 0 || !entry.IsCompound {
		return "", false
	}
	var kind asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(entry.Bytes, &kind)
	if err != nil || !kind.Equal(oidUPN) {
		return "", false
	}
	var value asn1.RawValue
	if _, err := asn1.Unmarshal(rest, &value); err != nil || value.Class != asn1.ClassContextSpecific || value.Tag != 0 {
		return "", false
	}
	var name string
	if _, err := asn1.Unmarshal(value.Bytes, &name); err != nil {
		return "", false
	}
	return name, true
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
