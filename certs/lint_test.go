package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each change to a certificate that has nothing wrong brings exactly one finding
// (the wildcard is the one that brings its own only).
func TestLintCertificate(t *testing.T) {
	a := authority(t)
	const name = "radius.example.ac.uk"
	edKey := func() crypto.Signer { _, k, err := ed25519.GenerateKey(rand.Reader); must(t, err); return k }
	p384 := func() crypto.Signer {
		k, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		must(t, err)
		return k
	}
	rsaKey := func(bits int) func() crypto.Signer {
		return func() crypto.Signer { k, err := rsa.GenerateKey(rand.Reader, bits); must(t, err); return k }
	}
	for _, c := range []struct {
		want, severity string
		change         func(*x509.Certificate)
		key            func() crypto.Signer
	}{
		{want: "", change: func(*x509.Certificate) {}},
		{want: "cn-count", severity: Warning, change: func(c *x509.Certificate) { c.Subject = pkix.Name{Country: []string{"GB"}} }},
		{want: "cn-count", severity: Warning, change: func(c *x509.Certificate) {
			c.Subject = pkix.Name{CommonName: name, ExtraNames: []pkix.AttributeTypeAndValue{
				{Type: []int{2, 5, 4, 3}, Value: "second"}, {Type: []int{2, 5, 4, 3}, Value: name}}}
		}},
		{want: "cn-not-san", severity: Warning, change: func(c *x509.Certificate) { c.Subject.CommonName = "other.example.ac.uk" }},
		{want: "cn-case", severity: Warning, change: func(c *x509.Certificate) { c.Subject.CommonName = "Radius.example.ac.uk" }},
		{want: "no-dns-name", severity: Error, change: func(c *x509.Certificate) { c.DNSNames = nil }},
		{want: "wildcard", severity: Warning, change: func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "*.example.ac.uk") }},
		{want: "no-server-auth", severity: Error, change: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }},
		{want: "no-server-auth", severity: Error, change: func(c *x509.Certificate) { c.ExtKeyUsage = nil }},
		{want: "is-ca", severity: Error, change: func(c *x509.Certificate) { c.IsCA = true }},
		{want: "no-basic-constraints", severity: Warning, change: func(c *x509.Certificate) { c.BasicConstraintsValid = false }},
		{want: "too-long", severity: Warning, change: func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(maxLife + time.Second) }},
		{want: "", change: func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(maxLife) }},
		{want: "no-crl", severity: Warning, change: func(c *x509.Certificate) { c.CRLDistributionPoints = nil }},
		{want: "no-crl", severity: Warning, change: func(c *x509.Certificate) { c.CRLDistributionPoints = []string{"ldap:///x"} }},
		{want: "not-yet-valid", severity: Error, change: func(c *x509.Certificate) { c.NotBefore = testNow.Add(time.Hour) }},
		{want: "unusual-key", severity: Error, change: func(*x509.Certificate) {}, key: edKey},
		{want: "unusual-key", severity: Warning, change: func(*x509.Certificate) {}, key: p384},
		{want: "weak-key", severity: Error, change: func(*x509.Certificate) {}, key: rsaKey(1024)},
		{want: "", change: func(*x509.Certificate) {}, key: rsaKey(2048)},
	} {
		m := craft(t, a, c.key, func(t *x509.Certificate) {
			t.Subject, t.DNSNames = pkix.Name{CommonName: name}, []string{name}
			c.change(t)
		})
		found := m.Lint(testNow)
		if got := strings.Join(lintCodes(m, testNow), " "); got != c.want {
			t.Errorf("want %q, got %q", c.want, got)
			continue
		}
		for _, f := range found {
			if f.Severity != c.severity || f.Text == "" || f.Fix == "" {
				t.Errorf("%s: %+v, want severity %s", c.want, f, c.severity)
			}
		}
	}
}

func craft(t *testing.T, a *Authority, key func() crypto.Signer, change func(*x509.Certificate)) *Material {
	t.Helper()
	tmpl, err := a.template(Options{}, serverLife)
	must(t, err)
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	change(tmpl)
	signer, err := newKey(ECDSA)
	must(t, err)
	if key != nil {
		signer = key()
	}
	leaf, err := sign(tmpl, a.cert, signer.Public(), a.key)
	must(t, err)
	k, err := FromPair(Pair{Certificate: tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: signer, Leaf: leaf}}, a)
	must(t, err)
	return k.Current()
}

// Holds F8: alarms at 30, 14 and 3 days, for the server, an intermediate and client_ca.
func TestF8Expiry(t *testing.T) {
	a := authority(t)
	end := testNow.Add(100 * 24 * time.Hour)
	for _, c := range []struct {
		left           time.Duration
		want, severity string
	}{
		{31 * 24 * time.Hour, "", ""},
		{30 * 24 * time.Hour, "expires-30-days", Warning},
		{14*24*time.Hour + time.Second, "expires-30-days", Warning},
		{14 * 24 * time.Hour, "expires-14-days", Warning},
		{3*24*time.Hour + time.Second, "expires-14-days", Warning},
		{3 * 24 * time.Hour, "expires-3-days", Error},
		{time.Second, "expires-3-days", Error},
		{0, "expired", Error},
		{-time.Hour, "expired", Error},
	} {
		now := end.Add(-c.left)
		p, err := a.Server([]string{"radius.example.ac.uk"}, Options{NotAfter: end})
		must(t, err)
		expect(t, "server", p, a, now, c.want, c.severity)

		mid, err := a.Intermediate("short", Options{NotAfter: end})
		must(t, err)
		p, err = mid.Server([]string{"radius.example.ac.uk"}, Options{})
		must(t, err)
		if !p.Certificate.Leaf.NotAfter.Equal(end) {
			t.Fatal("a certificate may not outlive its issuer")
		}
		k, err := FromPair(p, a)
		must(t, err)
		if !k.Current().Expires().Equal(end) {
			t.Error("Expires is the first end of the chain")
		}
		if got := lintCodes(k.Current(), now); c.want != "" && !slices.Equal(got, []string{c.want, c.want}) {
			t.Errorf("leaf and intermediate: %v, want twice %s", got, c.want)
		}

		ca, err := NewAuthority("devices", testNow, Options{NotAfter: end})
		must(t, err)
		long, err := a.Server([]string{"radius.example.ac.uk"}, Options{})
		must(t, err)
		k, err = FromPair(long, ca)
		must(t, err)
		got := slices.DeleteFunc(lintCodes(k.Current(), now), func(code string) bool { return code == "leaf-alone" })
		if want := "client-ca-" + c.want; c.want != "" && !slices.Equal(got, []string{want}) {
			t.Errorf("client_ca: %v, want %s", got, want)
		}
	}
}

func expect(t *testing.T, who string, p Pair, a *Authority, now time.Time, want, severity string) {
	t.Helper()
	k, err := FromPair(p, a)
	must(t, err)
	found := k.Current().Lint(now)
	if want == "" && len(found) == 0 {
		return
	}
	if len(found) != 1 || found[0].Code != want || found[0].Severity != severity {
		t.Errorf("%s: %v, want %s %s", who, found, severity, want)
	}
}

func TestLintChain(t *testing.T) {
	root := authority(t)
	mid, err := root.Intermediate("issuing", Options{})
	must(t, err)
	p, err := mid.Server([]string{"radius.example.ac.uk"}, Options{})
	must(t, err)
	lone := p
	lone.Certificate.Certificate = p.Certificate.Certificate[:1]
	withRoot := p
	withRoot.Certificate.Certificate = append(slices.Clone(p.Certificate.Certificate), root.cert.Raw)
	for want, c := range map[string]struct {
		p Pair
		a *Authority
	}{
		"":           {p, nil},
		"leaf-alone": {lone, root},
		"root-sent":  {withRoot, nil},
	} {
		k, err := FromPair(c.p, c.a)
		must(t, err)
		if got := strings.Join(lintCodes(k.Current(), testNow), " "); got != want {
			t.Errorf("want %q, got %q", want, got)
		}
	}
	public := craft(t, mid, nil, func(c *x509.Certificate) {
		c.Subject.CommonName, c.DNSNames = "radius.example.ac.uk", []string{"radius.example.ac.uk"}
		c.IssuingCertificateURL = []string{"http://ca.example.net/issuing.crt"}
	})
	public.Authorities = nil
	if got := lintCodes(public, testNow); !slices.Equal(got, []string{"no-intermediate"}) {
		t.Errorf("a public certificate without its intermediate: %v", got)
	}
}
