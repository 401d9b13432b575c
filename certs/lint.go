package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"time"
)

// How much a Finding matters.
const (
	Error   = "error"   // no device, or whole makes of device, will connect
	Warning = "warning" // some devices will not, or not for much longer
	Note    = "note"    // works, and could be better
)

// A Finding is something about a certificate, a key or a secret that an admin
// should know.
type Finding struct {
	Code     string // stable, for tests and scripts: "expired", "cn-not-san"
	Severity string // Error, Warning or Note
	Text     string // what is so, in a sentence
	Fix      string // what to do
	// Key is what it is about, below [eap] of the configuration: "certificate[1]",
	// "private_key", "client_ca". Empty where no configuration is spoken of.
	Key string
}

// The day counts at which an ending certificate is mentioned, warned of, and
// treated as an error (F8).
const (
	expiryNotice = 30 * 24 * time.Hour
	expirySoon   = 14 * 24 * time.Hour
	expiryUrgent = 3 * 24 * time.Hour
)

// maxLife is the longest that Apple devices accept of a server certificate.
const maxLife = 825 * 24 * time.Hour

// A check looks at one certificate of the server and says nothing when all is well.
type check func(m *Material, now time.Time) []Finding

// What clients expect of the server that they meet on Wi-Fi, in the order in
// which an admin would want to hear of it.
var checks = []check{
	checkDates,
	checkName,
	checkWildcard,
	checkUsage,
	checkAuthorityFlag,
	checkKeyStrength,
	checkSignatures,
	checkLifetime,
	checkRevocationList,
	checkStapling,
	checkIntermediates,
	checkRootSent,
}

// Lint says what is wrong or unwise about the material: what Wi-Fi clients are
// known to refuse, what ends soon, and how the key is kept. An empty list is a
// clean bill.
func (m *Material) Lint(now time.Time) []Finding {
	found := slices.Clone(m.loading)
	for _, s := range m.All {
		one := *m
		one.Served = s
		for _, c := range checks {
			for _, f := range c(&one, now) {
				f.Key = s.key
				if len(m.All) > 1 {
					f.Text = fmt.Sprintf("%s (%s): %s", s.name, kindOf(s), f.Text)
				}
				found = append(found, f)
			}
		}
	}
	found = append(found, m.checkNames()...)
	return append(found, m.checkAnchors(now)...)
}

// Expires returns the first moment at which a certificate that is sent is no
// longer valid.
func (m *Material) Expires() time.Time {
	end := m.Chain[0].NotAfter
	for _, s := range m.All {
		for _, c := range s.Chain {
			end = earlier(end, c.NotAfter)
		}
	}
	return end
}

func one(code, severity, text, fix string) []Finding {
	return []Finding{{Code: code, Severity: severity, Text: text, Fix: fix}}
}

func checkDates(m *Material, now time.Time) []Finding {
	var found []Finding
	for i, c := range m.Chain {
		who := "the server certificate"
		if i > 0 {
			who = "the intermediate certificate"
		}
		found = append(found, dates(who, c, now)...)
	}
	return found
}

func dates(who string, c *x509.Certificate, now time.Time) []Finding {
	name := fmt.Sprintf("%s %s", who, title(c))
	left := c.NotAfter.Sub(now)
	const renew = "get a new one, put it in place and run radiusd reload: handshakes in progress are not disturbed"
	switch {
	case now.Before(c.NotBefore):
		return one("not-yet-valid", Error,
			fmt.Sprintf("%s is not valid before %s", name, day(c.NotBefore)),
			"check this machine's clock; if it is right, wait, or have the certificate issued again")
	case left <= 0:
		return one("expired", Error, fmt.Sprintf("%s ended on %s: no device will connect", name, day(c.NotAfter)), renew)
	case left <= expiryUrgent:
		return one("expires-3-days", Error, fmt.Sprintf("%s ends on %s, in %s", name, day(c.NotAfter), days(left)), renew)
	case left <= expirySoon:
		return one("expires-14-days", Warning, fmt.Sprintf("%s ends on %s, in %s", name, day(c.NotAfter), days(left)), renew)
	case left <= expiryNotice:
		return one("expires-30-days", Warning, fmt.Sprintf("%s ends on %s, in %s", name, day(c.NotAfter), days(left)), renew)
	}
	return nil
}

func checkName(m *Material, _ time.Time) []Finding {
	leaf := m.Chain[0]
	cns := commonNames(leaf)
	if len(leaf.DNSNames) == 0 {
		return one("no-dns-name", Error, "the server certificate has no DNS name in its subject alternative name",
			"have it issued with the server's name as CN and as DNS name: current clients look at nothing else")
	}
	if len(cns) != 1 {
		return one("cn-count", Warning, fmt.Sprintf("the server certificate has %d common names; clients expect one", len(cns)),
			fmt.Sprintf("have it issued with the one CN %s", leaf.DNSNames[0]))
	}
	if slices.Contains(leaf.DNSNames, cns[0]) {
		return nil
	}
	for _, n := range leaf.DNSNames {
		if strings.EqualFold(n, cns[0]) {
			return one("cn-case", Warning, fmt.Sprintf("CN %s and DNS name %s differ in letter case, and some clients compare them exactly", cns[0], n),
				"have it issued with both in lower case")
		}
	}
	return one("cn-not-san", Warning, fmt.Sprintf("CN %q is none of the DNS names (%s)", cns[0], strings.Join(leaf.DNSNames, ", ")),
		fmt.Sprintf("have it issued with CN %s: some devices check the one, some the other", leaf.DNSNames[0]))
}

func commonNames(c *x509.Certificate) []string {
	var list []string
	for _, n := range c.Subject.Names {
		if n.Type.String() == "2.5.4.3" {
			s, _ := n.Value.(string)
			list = append(list, s)
		}
	}
	return list
}

func checkWildcard(m *Material, _ time.Time) []Finding {
	leaf := m.Chain[0]
	for _, n := range append([]string{leaf.Subject.CommonName}, leaf.DNSNames...) {
		if strings.Contains(n, "*") {
			return one("wildcard", Warning, fmt.Sprintf("the server certificate holds the wildcard %s, which Windows and others refuse for Wi-Fi", n),
				"have it issued for one full name, the same on all servers, as radius.example.ac.uk")
		}
	}
	return nil
}

func checkUsage(m *Material, _ time.Time) []Finding {
	if slices.Contains(m.Chain[0].ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
		return nil
	}
	return one("no-server-auth", Error, "the server certificate is not for server authentication (extended key usage serverAuth)",
		"have it issued as a TLS server certificate: Windows, Apple and Android refuse it otherwise")
}

func checkAuthorityFlag(m *Material, _ time.Time) []Finding {
	leaf := m.Chain[0]
	switch {
	case leaf.IsCA:
		return one("is-ca", Error, "the server certificate is an authority's (CA:TRUE)",
			"issue a server certificate from it, as radiusd cert server does, and keep the authority's key away from this machine")
	case !leaf.BasicConstraintsValid:
		return one("no-basic-constraints", Warning, "the server certificate does not say CA:FALSE (no basic constraints)",
			"have it issued with basic constraints CA:FALSE: some clients refuse it otherwise")
	}
	return nil
}

func checkKeyStrength(m *Material, _ time.Time) []Finding {
	const fix = "make a new key: ECDSA P-256 for speed, or RSA 2048 for the oldest devices"
	switch key := m.Chain[0].PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 {
			return one("weak-key", Error, fmt.Sprintf("the server's RSA key has %d bits; clients want 2048 or more", key.N.BitLen()), fix)
		}
		if key.N.BitLen() > 4096 {
			return one("slow-key", Warning, fmt.Sprintf("the server's RSA key has %d bits: each log-in costs this server dearly", key.N.BitLen()), fix)
		}
		return nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return nil
		}
		return one("unusual-key", Warning, fmt.Sprintf("the server's key is on the curve %s, which some devices do not know", key.Curve.Params().Name), fix)
	}
	return one("unusual-key", Error, fmt.Sprintf("the server's key is %s, which most Wi-Fi clients do not know", m.Chain[0].PublicKeyAlgorithm), fix)
}

func checkSignatures(m *Material, _ time.Time) []Finding {
	for _, c := range m.Chain {
		switch c.SignatureAlgorithm {
		case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
			if selfSigned(c) {
				continue // nobody checks a root's own signature
			}
			return one("weak-signature", Error, fmt.Sprintf("%s is signed with %s, which clients no longer accept", title(c), c.SignatureAlgorithm),
				"have it issued with a SHA-2 signature (SHA-256)")
		}
	}
	return nil
}

func checkLifetime(m *Material, _ time.Time) []Finding {
	leaf := m.Chain[0]
	if life := leaf.NotAfter.Sub(leaf.NotBefore); life > maxLife {
		return one("too-long", Warning, fmt.Sprintf("the server certificate lasts %s; iPhones, iPads and Macs accept at most 825", days(life)),
			"have it issued for 825 days or fewer")
	}
	return nil
}

func checkRevocationList(m *Material, _ time.Time) []Finding {
	for _, u := range m.Chain[0].CRLDistributionPoints {
		if strings.HasPrefix(u, "http://") {
			return nil
		}
	}
	return one("no-crl", Warning, "the server certificate names no revocation list (CRL distribution point at an http address)",
		"have it issued with one: some Windows devices refuse a certificate without, though none fetches it while joining")
}

// mustStaple says that a certificate promises an answer of OCSP in every
// handshake (RFC 7633): clients that know the promise break off without one.
func mustStaple(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		var features []int
		if !e.Id.Equal(oidTLSFeature) {
			continue
		}
		if _, err := asn1.Unmarshal(e.Value, &features); err == nil && slices.Contains(features, statusRequest) {
			return true
		}
	}
	return false
}

// checkStapling looks at what an answer of OCSP needs: an address, and the issuer's
// certificate to judge it by.
func checkStapling(m *Material, _ time.Time) []Finding {
	leaf := m.Chain[0]
	switch {
	case mustStaple(leaf) && !m.stapling:
		return one("must-staple", Warning, "the server certificate promises an answer of OCSP in every handshake (must-staple), and stapling is off: some clients will break off",
			"write stapling = true, or have it issued without the promise")
	case m.stapling && len(leaf.OCSPServer) == 0:
		return one("no-ocsp", Note, "stapling is on, and the server certificate names no OCSP responder: there is nothing to staple",
			"have it issued with the responder's address, or take stapling out")
	case m.stapling && m.Issuer(m.Served) == nil:
		return one("staple-issuer", Warning, "stapling is on, and the certificate of whoever issued the server's is not at hand: no answer of OCSP can be judged",
			fmt.Sprintf("append the issuer's certificate to %s", m.name))
	}
	return nil
}

// Issuer returns the certificate of whoever issued one of the server's: the next in
// its chain, or an authority of the devices that is the same. Nil: it is not at hand.
func (m *Material) Issuer(s Served) *x509.Certificate {
	if len(s.Chain) > 1 {
		return s.Chain[1]
	}
	for _, ca := range m.Authorities {
		if issued(ca, s.Chain[0]) {
			return ca
		}
	}
	return nil
}

func checkIntermediates(m *Material, _ time.Time) []Finding {
	top := m.Chain[len(m.Chain)-1]
	if selfSigned(top) || m.rootKnown(top) {
		return nil
	}
	leaf := m.Chain[0]
	switch {
	case len(m.Chain) > 1:
		return nil
	case len(leaf.IssuingCertificateURL) > 0: // only authorities with intermediates say where to fetch them
		return one("no-intermediate", Error, fmt.Sprintf("the certificate of %q, which issued the server's, is not sent, and a device cannot fetch it before it is on the network", leaf.Issuer.String()),
			fmt.Sprintf("append it (the authority offers it at %s) to %s, after the server's own", leaf.IssuingCertificateURL[0], m.name))
	}
	return one("leaf-alone", Note, fmt.Sprintf("the server's certificate is sent alone: right if %q is the root that devices install, wrong if it is an intermediate", leaf.Issuer.String()),
		fmt.Sprintf("if it is an intermediate, append its certificate to %s", m.name))
}

// rootKnown says whether an authority that we know to be a root issued c.
func (m *Material) rootKnown(c *x509.Certificate) bool {
	return slices.ContainsFunc(m.Authorities, func(ca *x509.Certificate) bool { return selfSigned(ca) && issued(ca, c) })
}

func checkRootSent(m *Material, _ time.Time) []Finding {
	top := m.Chain[len(m.Chain)-1]
	switch {
	case !selfSigned(top):
		return nil
	case len(m.Chain) == 1:
		return one("self-signed", Warning, "the server certificate is signed by itself: devices cannot tell it from an impostor's, and changing it means visiting each one",
			"make an authority with radiusd cert init, or use the organisation's own")
	}
	return one("root-sent", Note, fmt.Sprintf("the root %s is sent in every log-in, to devices that must have it already", title(top)),
		fmt.Sprintf("remove the last certificate from %s: log-ins become shorter", m.name))
}

// manyAuthorities is more than an organisation has of its own: more look like a
// bundle of the public ones.
const manyAuthorities = 12

// checkNames compares the names of several certificates. A device is set up with
// one name, and meets whichever certificate its TLS can use.
func (m *Material) checkNames() []Finding {
	for _, s := range m.All[1:] {
		if title(s.Chain[0]) != title(m.Chain[0]) {
			f := one("names-differ", Warning, fmt.Sprintf("the certificates are called %s and %s: a device that was set up with one name distrusts the other",
				title(m.Chain[0]), title(s.Chain[0])), "have both issued for the same name, by the same authority")
			f[0].Key = s.key
			return f
		}
	}
	return nil
}

func (m *Material) checkAnchors(now time.Time) []Finding {
	var found []Finding
	for _, a := range m.Anchors {
		for _, f := range checkAnchor(a, now) {
			f.Key = a.key
			found = append(found, f)
		}
	}
	return found
}

func checkAnchor(a Anchor, now time.Time) []Finding {
	var found []Finding
	called := anchorTitle(a.Name)
	for _, c := range a.Certificates {
		for _, f := range dates(called, c, now) {
			f.Code = "client-ca-" + f.Code
			f.Text = strings.Replace(f.Text, "no device will connect", "no device with a certificate from it will connect", 1)
			f.Fix = "put the new authority's certificate beside the old one, then move the devices"
			found = append(found, f)
		}
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
			found = append(found, one("client-ca-weak-key", Warning,
				fmt.Sprintf("%s %s has an RSA key of %d bits: certificates from it can be forged", called, title(c), key.N.BitLen()),
				"move to an authority with 2048 bits or ECDSA P-256")...)
		}
	}
	if len(a.Certificates) > manyAuthorities {
		found = append(found, one("client-ca-bundle", Warning,
			fmt.Sprintf("%s trusts %d authorities: anybody with a certificate from one of them passes the first gate", called, len(a.Certificates)),
			"keep only the authorities that issue to your own devices")...)
	}
	for i, c := range a.Certificates {
		if slices.ContainsFunc(a.Certificates[:i], func(o *x509.Certificate) bool { return bytes.Equal(o.Raw, c.Raw) }) {
			found = append(found, one("client-ca-twice", Note, fmt.Sprintf("%s holds %s twice", called, title(c)), "remove one")...)
		}
	}
	return found
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006 15:04 UTC") }

func days(d time.Duration) string {
	n := int(d / (24 * time.Hour))
	if n == 1 {
		return "1 day"
	}
	if n == 0 {
		return "less than a day"
	}
	return fmt.Sprintf("%d days", n)
}
