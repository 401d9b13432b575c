package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A PeerRule says whose certificate the other end of a RadSec connection has to show
// (RFC 6614, section 2.3).
type PeerRule struct {
	CA string // reference to PEM: who may have issued it
	// Names are DNS names or IP addresses, one of which has to stand among the
	// certificate's alternative names. "*.example.net" is any one label there. The CN
	// counts for nothing.
	Names []string
	// Policies are object identifiers, dotted, that the certificate has to have: a
	// federation may issue to homes and to visited sites under different ones.
	Policies []string
}

// A Peer is a rule that was read. It is safe for use by many goroutines.
type Peer struct {
	roots     *x509.CertPool
	issuers   []*x509.Certificate
	names     []string
	policies  []string
	nameTests []func(*x509.Certificate) bool
	also      func(chains [][]*x509.Certificate) error
}

// Errors of [Peer.Verify].
var (
	ErrPeerMissing = errors.New("it showed no certificate")
	ErrPeerIssuer  = errors.New("its certificate is from an authority that may not vouch for it")
	ErrPeerName    = errors.New("its certificate is somebody else's")
	ErrPeerPolicy  = errors.New("its certificate is not of the policy that is asked for")
)

// NewPeer reads a rule. The error says in words what is wrong with it.
func NewPeer(rule PeerRule) (*Peer, error) {
	issuers, err := PeerIssuers(rule.CA)
	if err != nil {
		return nil, err
	}
	return PeerOf(issuers, rule.Names, rule.Policies...)
}

// PeerIssuers reads the authorities of a rule.
func PeerIssuers(ca string) ([]*x509.Certificate, error) {
	text, err := readPEM("ca", ca)
	if err != nil {
		return nil, err
	}
	issuers, err := parseCertificates(describe(ca), text)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	for _, c := range issuers {
		if !c.IsCA {
			return nil, fmt.Errorf("ca: %s: %s is not an authority: it has to be the certificate of whoever issues to the other side, not the other side's own", describe(ca), title(c))
		}
	}
	return issuers, nil
}

// PeerOf is NewPeer with authorities that are there already.
func PeerOf(issuers []*x509.Certificate, names []string, policies ...string) (*Peer, error) {
	p := &Peer{roots: x509.NewCertPool(), issuers: issuers, policies: policies}
	for _, c := range issuers {
		p.roots.AddCert(c)
	}
	if len(names) == 0 {
		return nil, errors.New("names: without a name every certificate of the authority would do")
	}
	for _, name := range names {
		test, err := nameTest(name)
		if err != nil {
			return nil, fmt.Errorf("names: %w", err)
		}
		p.names, p.nameTests = append(p.names, name), append(p.nameTests, test)
	}
	for _, policy := range policies {
		if oid, err := x509.ParseOID(policy); err != nil || oid.String() != policy {
			return nil, fmt.Errorf(`policies: %q is no object identifier: write its numbers with dots between them, as "1.3.6.1.4.1.25178.3.1.1"`, policy)
		}
	}
	return p, nil
}

// nameTest makes the test of one name.
func nameTest(name string) (func(*x509.Certificate) bool, error) {
	if address, err := netip.ParseAddr(name); err == nil {
		ip := address.Unmap().AsSlice()
		return func(c *x509.Certificate) bool {
			return slices.ContainsFunc(c.IPAddresses, func(other net.IP) bool {
				a, ok := netip.AddrFromSlice(other)
				return ok && slices.Equal(a.Unmap().AsSlice(), ip)
			})
		}, nil
	}
	parent, any := strings.CutPrefix(name, "*.")
	if err := dnsName(parent); err != nil {
		return nil, err
	}
	return func(c *x509.Certificate) bool {
		return slices.ContainsFunc(c.DNSNames, func(other string) bool {
			if any {
				_, other, _ = strings.Cut(other, ".")
			}
			return strings.EqualFold(strings.TrimSuffix(other, "."), parent)
		})
	}, nil
}

// Asking returns a peer of the same rule that is asked about once more, when all else is
// well: with every way from the certificate to an authority, each of which ends with the
// authority's own.
func (p *Peer) Asking(also func(chains [][]*x509.Certificate) error) *Peer {
	q := *p
	q.also = also
	return &q
}

// Issuers are those who may vouch for the peer, to be named in a handshake.
func (p *Peer) Issuers() []*x509.Certificate { return p.issuers }

// Names are those of the rule.
func (p *Peer) Names() []string { return p.names }

// Verify judges what the other side has shown, its own certificate first, for what it
// is: a server, or a client. The error wraps one of those above, or is that of Asking.
func (p *Peer) Verify(shown []*x509.Certificate, as x509.ExtKeyUsage, now time.Time) error {
	if len(shown) == 0 {
		return ErrPeerMissing
	}
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	leaf := shown[0]
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: p.roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{as}})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPeerIssuer, err)
	}
	if !slices.ContainsFunc(p.nameTests, func(is func(*x509.Certificate) bool) bool { return is(leaf) }) {
		return fmt.Errorf("%w: it is for %s, and not for %s", ErrPeerName, altNames(leaf), strings.Join(p.names, " or "))
	}
	for _, policy := range p.policies {
		if !slices.ContainsFunc(leaf.Policies, func(oid x509.OID) bool { return oid.String() == policy }) {
			return fmt.Errorf("%w: %s", ErrPeerPolicy, policy)
		}
	}
	if p.also != nil {
		return p.also(chains)
	}
	return nil
}

// altNames lists the alternative names of a certificate, as far as anybody would read.
func altNames(c *x509.Certificate) string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	const most = 4
	if len(names) > most {
		names = append(names[:most], "more")
	}
	if len(names) == 0 {
		return "no DNS name"
	}
	return strings.Join(names, ", ")
}

// Pair returns the certificate of now, for a client: it shows it whatever authorities
// the server names, so that the server can say in its own log what it did not like.
func (k *Keeper) Pair(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return &k.Current().Certificate, nil
}
