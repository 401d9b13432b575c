package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// A KeyKind is a kind of private key.
type KeyKind string

// The kinds of key that every Wi-Fi client understands. P-256 costs the server
// about a fifth of RSA-2048 for each handshake.
const (
	ECDSA KeyKind = "ecdsa" // P-256, the default
	RSA   KeyKind = "rsa"   // 2048 bits
)

// How long certificates last when Options does not say. A server certificate
// may last at most 825 days on Apple devices; the authority is installed by hand
// on many devices and so outlives them.
const (
	authorityLife = 20 * 365 * 24 * time.Hour
	serverLife    = 730 * 24 * time.Hour
	clientLife    = 365 * 24 * time.Hour
	backdate      = 24 * time.Hour // device clocks run behind
)

// Options says how a certificate is made. The zero value is good.
type Options struct {
	Key       KeyKind   // zero: ECDSA
	NotBefore time.Time // zero: a day before the authority's now
	NotAfter  time.Time // zero: two years for a server, one for a client, twenty for an authority
	// CRL and OCSP are the http addresses of the revocation list and of the
	// responder, for NewAuthority: every certificate of the authority names them.
	// Empty: none is named.
	CRL, OCSP string
	// MustStaple has a server certificate promise an answer of OCSP in every
	// handshake (RFC 7633).
	MustStaple bool
	// Names are of certificates of people and devices, NAIRealm of servers' too. A policy
	// is an object identifier in dotted form (RFC 5280, section 4.2.1.4).
	Names    Names
	Policies []string
}

// An Authority is a private certificate authority: it issues the certificate of
// the server and those of devices and people.
type Authority struct {
	cert    *x509.Certificate
	key     crypto.Signer
	parents []*x509.Certificate // an intermediate's issuers, itself excluded, root last
	crl     string
	ocsp    string
	now     time.Time
}

// A Pair is a certificate and its private key.
type Pair struct {
	CertPEM     []byte // the certificate, then its intermediates; never the root
	KeyPEM      Secret // PKCS#8
	Certificate tls.Certificate
	Root        *x509.Certificate // the authority that a device must trust
}

// NewAuthority makes an authority with a new key. The name is what people read
// when a device asks whether to trust it.
func NewAuthority(name string, now time.Time, o Options) (*Authority, error) {
	if err := commonName(name); err != nil {
		return nil, fmt.Errorf("the authority's name: %w", err)
	}
	if err := errors.Join(checkAddress("revocation list", o.CRL), checkAddress("OCSP responder", o.OCSP)); err != nil {
		return nil, err
	}
	a := &Authority{crl: o.CRL, ocsp: o.OCSP, now: now}
	return a, a.make(name, nil, o)
}

// Intermediate makes an authority below this one. Its certificates carry its own
// in their chain.
func (a *Authority) Intermediate(name string, o Options) (*Authority, error) {
	if err := commonName(name); err != nil {
		return nil, fmt.Errorf("the authority's name: %w", err)
	}
	child := &Authority{crl: a.crl, ocsp: a.ocsp, now: a.now, parents: append([]*x509.Certificate{a.cert}, a.parents...)}
	return child, child.make(name, a, o)
}

func (a *Authority) make(name string, parent *Authority, o Options) error {
	key, err := newKey(o.Key)
	if err != nil {
		return err
	}
	t, err := a.template(o, authorityLife)
	if err != nil {
		return err
	}
	t.Subject = pkix.Name{CommonName: name}
	t.IsCA = true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	issuer, signer := t, key
	if parent != nil {
		issuer, signer = parent.cert, parent.key
		t.NotAfter = earlier(t.NotAfter, parent.cert.NotAfter)
	} else {
		t.CRLDistributionPoints, t.OCSPServer = nil, nil // a root cannot revoke itself
	}
	a.key = key
	a.cert, err = sign(t, issuer, key.Public(), signer)
	return err
}

// Server makes a certificate that Wi-Fi clients of every maker accept: the first
// name is the one CN and a DNS name at once, in lower case. One certificate
// serves all servers; give it one name.
func (a *Authority) Server(names []string, o Options) (Pair, error) {
	if len(names) == 0 {
		return Pair{}, errors.New("a server certificate needs a DNS name, as radius.example.ac.uk")
	}
	lower := make([]string, 0, len(names))
	for _, n := range names {
		if err := dnsName(n); err != nil {
			return Pair{}, err
		}
		lower = append(lower, strings.ToLower(n))
	}
	if err := commonName(lower[0]); err != nil {
		return Pair{}, err
	}
	t, err := a.template(o, serverLife)
	if err != nil {
		return Pair{}, err
	}
	t.Subject = pkix.Name{CommonName: lower[0]}
	t.DNSNames = lower
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if o.MustStaple {
		value, err := asn1.Marshal([]int{statusRequest})
		if err != nil {
			return Pair{}, err
		}
		t.ExtraExtensions = append(t.ExtraExtensions, pkix.Extension{Id: oidTLSFeature, Value: value})
	}
	return a.issue(t, o.Key)
}

// Peer makes a certificate for a RADIUS server that others speak RadSec with: it is a
// client to one and a server to another (RFC 6614, section 2.3). Names.NAIRealm of
// Options are the realms that it answers for, where it is found by them (RFC 7585).
func (a *Authority) Peer(names []string, o Options) (Pair, error) {
	if len(names) == 0 {
		return Pair{}, errors.New("a peer's certificate needs a DNS name, as radius1.example.ac.uk")
	}
	for _, n := range names {
		if err := dnsName(n); err != nil {
			return Pair{}, err
		}
	}
	t, err := a.template(o, serverLife)
	if err != nil {
		return Pair{}, err
	}
	t.Subject = pkix.Name{CommonName: names[0]}
	t.DNSNames = names
	if len(o.Names.NAIRealm) > 0 { // crypto/x509 writes either its own alternative name or ours
		if t.ExtraExtensions, err = (Names{DNS: names, NAIRealm: o.Names.NAIRealm}).extensions(false); err != nil {
			return Pair{}, err
		}
	}
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	return a.issue(t, o.Key)
}

// Certificate returns the authority's own certificate.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// Root returns the certificate that devices must trust: the authority's own
// unless it is an intermediate.
func (a *Authority) Root() *x509.Certificate {
	if len(a.parents) == 0 {
		return a.cert
	}
	return a.parents[len(a.parents)-1]
}

// PEM returns the authority's own certificate in PEM.
func (a *Authority) PEM() []byte { return encodeCertificate(a.cert) }

// Pool returns a pool with the certificate that devices must trust.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Root())
	return pool
}

func (a *Authority) template(o Options, life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("serial number: %w", err)
	}
	t := &x509.Certificate{
		SerialNumber:          serial.Add(serial, big.NewInt(1)),
		NotBefore:             o.NotBefore,
		NotAfter:              o.NotAfter,
		BasicConstraintsValid: true, // CA:FALSE is written out: some clients ask for it
	}
	if t.NotBefore.IsZero() {
		t.NotBefore = a.now.Add(-backdate)
	}
	if t.NotAfter.IsZero() {
		t.NotAfter = a.now.Add(life)
	}
	if a.crl != "" {
		t.CRLDistributionPoints = []string{a.crl}
	}
	if a.ocsp != "" {
		t.OCSPServer = []string{a.ocsp}
	}
	for _, dotted := range o.Policies {
		policy, err := x509.ParseOID(dotted)
		if err != nil {
			return nil, fmt.Errorf("policy %q is not an object identifier, as 2.23.140.1.2.1", dotted)
		}
		t.Policies = append(t.Policies, policy)
	}
	return t, nil
}

func (a *Authority) issue(t *x509.Certificate, kind KeyKind) (Pair, error) {
	key, err := newKey(kind)
	if err != nil {
		return Pair{}, err
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	if _, ok := key.(*rsa.PrivateKey); ok {
		t.KeyUsage |= x509.KeyUsageKeyEncipherment // TLS 1.2 clients with static RSA look for it
	}
	t.NotAfter = earlier(t.NotAfter, a.cert.NotAfter)
	leaf, err := sign(t, a.cert, key.Public(), a.key)
	if err != nil {
		return Pair{}, err
	}
	p := Pair{Root: a.Root(), Certificate: tls.Certificate{PrivateKey: key, Leaf: leaf}}
	p.KeyPEM, err = encodeKey(key)
	if err != nil {
		return Pair{}, err
	}
	for _, c := range append([]*x509.Certificate{leaf, a.cert}, a.parents...) {
		if c != leaf && selfSigned(c) {
			continue // the root is what the device has already
		}
		p.CertPEM = append(p.CertPEM, encodeCertificate(c)...)
		p.Certificate.Certificate = append(p.Certificate.Certificate, c.Raw)
	}
	return p, nil
}

func newKey(kind KeyKind) (crypto.Signer, error) {
	switch kind {
	case "", ECDSA:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RSA:
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("there is no kind of key called %q: ecdsa and rsa are", kind)
}

func sign(t, issuer *x509.Certificate, pub crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, issuer, pub, signer)
	if err != nil {
		return nil, fmt.Errorf("certificate for %s: %w", title(t), err)
	}
	return x509.ParseCertificate(der)
}

// A server certificate promises an answer of OCSP by the feature status_request
// (RFC 7633; RFC 6066, section 8).
const statusRequest = 5

var oidTLSFeature = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}

func encodeCertificate(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func encodeKey(key crypto.Signer) (Secret, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

// Fingerprint is the SHA-256 of a certificate as devices show it:
// "AB:CD:…", 32 pairs.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
