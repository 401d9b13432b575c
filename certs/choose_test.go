package certs

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// bothKinds is a house with an RSA certificate first in its configuration and an
// ECDSA one after it.
func bothKinds(t *testing.T) (house, *Authority) {
	t.Helper()
	h, a := newHouse(t), authority(t)
	for name, kind := range map[string]KeyKind{"rsa": RSA, "ecdsa": ECDSA} {
		p, err := a.Server([]string{"radius.example.ac.uk"}, Options{Key: kind})
		must(t, err)
		h.write(name+".pem", p.CertPEM)
		h.write(name+".key", []byte(p.KeyPEM.Reveal()))
	}
	h.cfg.Certificate, h.cfg.PrivateKey = "file:"+h.path("rsa.pem"), "file:"+h.path("rsa.key")
	h.cfg.More = []PairReference{{"file:" + h.path("ecdsa.pem"), "file:" + h.path("ecdsa.key")}}
	return h, a
}

// A client gets ECDSA when it can use it, whatever the order in the file, and RSA
// when it must, in both versions of TLS and whatever name it asks for.
func TestForChoosesByWhatTheClientOffers(t *testing.T) {
	h, a := bothKinds(t)
	k, err := NewKeeper(h.cfg)
	must(t, err)
	m := k.Current()
	if kindOf(m.Served) != "ECDSA P-256" || len(m.All) != 2 || m.Certificate.Leaf != m.Chain[0] {
		t.Fatalf("the preferred certificate has %s, of %d", kindOf(m.Served), len(m.All))
	}
	server := &tls.Config{GetCertificate: m.For, MinVersion: tls.VersionTLS12, CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256}}
	for name, c := range map[string]struct {
		client *tls.Config
		want   x509.PublicKeyAlgorithm
	}{
		"TLS 1.3":                       {&tls.Config{MinVersion: tls.VersionTLS13}, x509.ECDSA},
		"TLS 1.2":                       {&tls.Config{MaxVersion: tls.VersionTLS12}, x509.ECDSA},
		"TLS 1.2 with RSA suites alone": {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}, x509.RSA},
		"TLS 1.2 without P-256":         {&tls.Config{MaxVersion: tls.VersionTLS12, CurvePreferences: []tls.CurveID{tls.X25519}}, x509.RSA},
		"TLS 1.2 with ECDSA alone":      {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}, x509.ECDSA},
	} {
		for _, asked := range []string{"", "radius.example.ac.uk", "another.example.ac.uk"} {
			client := c.client.Clone()
			client.RootCAs, client.ServerName, client.Time = a.Pool(), asked, func() time.Time { return testNow }
			client.InsecureSkipVerify = true // the name asked for is not always ours; the chain is judged below
			leaf, err := meetOver(server, client)
			if err != nil || leaf.PublicKeyAlgorithm != c.want {
				t.Errorf("%s, asking for %q: %v, %v; want %v", name, asked, leaf, err, c.want)
				continue
			}
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), CurrentTime: testNow}); err != nil {
				t.Error(err)
			}
		}
	}
	// crypto/tls clients offer ECDSA in TLS 1.3 whatever they are told; others do not.
	for name, c := range map[string]struct {
		schemes []tls.SignatureScheme
		want    x509.PublicKeyAlgorithm
	}{
		"RSA alone": {[]tls.SignatureScheme{tls.PSSWithSHA256}, x509.RSA},
		"both":      {[]tls.SignatureScheme{tls.PSSWithSHA256, tls.ECDSAWithP256AndSHA256}, x509.ECDSA},
		"neither":   {[]tls.SignatureScheme{tls.Ed25519}, x509.ECDSA}, // it will break off by itself
	} {
		got, err := m.For(&tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS13}, SignatureSchemes: c.schemes, ServerName: "x.example"})
		if err != nil || got.Leaf.PublicKeyAlgorithm != c.want {
			t.Errorf("TLS 1.3 with %s: %v, want %v", name, got.Leaf.PublicKeyAlgorithm, c.want)
		}
	}
}

// With one certificate every client gets it.
func TestForOne(t *testing.T) {
	k, err := NewKeeper(newHouse(t).cfg)
	must(t, err)
	got, err := k.Current().For(&tls.ClientHelloInfo{SupportedVersions: []uint16{tls.VersionTLS13}, SignatureSchemes: []tls.SignatureScheme{tls.PSSWithSHA256}})
	if err != nil || got.Leaf != k.Current().Certificate.Leaf {
		t.Errorf("%v, %v", got, err)
	}
}

func meetOver(server, client *tls.Config) (*x509.Certificate, error) {
	left, right := net.Pipe()
	defer func() { _ = left.Close(); _ = right.Close() }()
	go func() { _ = tls.Server(left, server).Handshake() }() // judged on the client's side
	c := tls.Client(right, client)
	if err := c.Handshake(); err != nil {
		return nil, err
	}
	return c.ConnectionState().PeerCertificates[0], nil
}

// Each mistake among several pairs names the files that do not fit.
func TestKeeperErrorsOfSeveral(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(h *house)
		want  []string
	}{
		"keys crossed": {func(h *house) {
			h.cfg.PrivateKey, h.cfg.More[0].PrivateKey = h.cfg.More[0].PrivateKey, h.cfg.PrivateKey
		}, []string{"the key in", "ecdsa.key does not match the certificate in", "rsa.pem", "it belongs to the certificate in", "rsa.key does not match", "have to be in one order"}},
		"the second key is a stranger's": {func(h *house) { h.cfg.More[0].PrivateKey = "file:" + h.path("radius.key") },
			[]string{"radius.key does not match the certificate in", "ecdsa.pem"}},
		"both of one kind": {func(h *house) {
			h.cfg.Certificate, h.cfg.PrivateKey = "file:"+h.path("radius.pem"), "file:"+h.path("radius.key")
		}, []string{"radius.pem and", "ecdsa.pem both have keys of ECDSA P-256"}},
		"two mistakes at once": {func(h *house) {
			h.write("rsa.pem", nil)
			h.write("ecdsa.key", nil)
		}, []string{"rsa.pem is empty", "ecdsa.key is empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := bothKinds(t)
			c.spoil(&h)
			_, err := NewKeeper(h.cfg)
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q lacks %q", err, w)
				}
			}
		})
	}
}

// Holds F8 for several: each is linted, each end is an alarm, and the finding says
// which it is.
func TestF8EachCertificateIsLinted(t *testing.T) {
	a := authority(t)
	long, err := a.Server([]string{"radius.example.ac.uk"}, Options{})
	must(t, err)
	short, err := a.Server([]string{"radius.example.ac.uk"}, Options{Key: RSA, NotAfter: testNow.Add(10 * 24 * time.Hour)})
	must(t, err)
	k, err := FromPairs([]Pair{short, long}, a)
	must(t, err)
	found := k.Current().Lint(testNow)
	if len(found) != 1 || found[0].Code != "expires-14-days" || !strings.Contains(found[0].Text, "(RSA)") {
		t.Errorf("%+v", found)
	}
	if !k.Current().Expires().Equal(testNow.Add(10 * 24 * time.Hour)) {
		t.Error("Expires is the first end of all")
	}
	h, _ := bothKinds(t)
	must(t, os.Chmod(h.path("ecdsa.key"), 0o644))
	other, err := a.Server([]string{"radius2.example.ac.uk"}, Options{Key: RSA})
	must(t, err)
	h.write("rsa.pem", other.CertPEM)
	h.write("rsa.key", []byte(other.KeyPEM.Reveal()))
	k, err = NewKeeper(h.cfg)
	must(t, err)
	keys := map[string]string{}
	for _, f := range k.Current().Lint(testNow) {
		keys[f.Code] = f.Key
	}
	if keys["world-readable"] != "private_key[1]" || keys["names-differ"] != "certificate[0]" {
		t.Errorf("findings at %v", keys)
	}
}

func TestLintStapling(t *testing.T) {
	plain := authority(t)
	asked, err := NewAuthority("test authority", testNow, Options{CRL: "http://ca.example.ac.uk/ca.crl", OCSP: "http://ca.example.ac.uk/ocsp"})
	must(t, err)
	for name, c := range map[string]struct {
		a        *Authority
		o        Options
		stapling bool
		clients  *Authority
		want     string
	}{
		"nothing":                 {a: plain, clients: plain},
		"must-staple, off":        {a: asked, o: Options{MustStaple: true}, clients: asked, want: "must-staple"},
		"must-staple, on":         {a: asked, o: Options{MustStaple: true}, stapling: true, clients: asked},
		"on, and nobody to ask":   {a: plain, stapling: true, clients: plain, want: "no-ocsp"},
		"on, without the issuer":  {a: asked, stapling: true, clients: plain, want: "staple-issuer leaf-alone"},
		"on, the issuer at hand":  {a: asked, stapling: true, clients: asked},
		"off, and nothing to ask": {a: asked, clients: asked},
	} {
		p, err := c.a.Server([]string{"radius.example.ac.uk"}, c.o)
		must(t, err)
		k, err := FromPair(p, c.clients)
		must(t, err)
		m := *k.Current()
		m.stapling = c.stapling
		got := slices.DeleteFunc(lintCodes(&m, testNow), func(code string) bool { return code == "leaf-alone" && c.want != "staple-issuer leaf-alone" })
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %q", name, got, c.want)
		}
	}
}

// An answer of OCSP is changed while handshakes run, and goes to clients that ask.
func TestStaple(t *testing.T) {
	h, a := bothKinds(t)
	k, err := NewKeeper(h.cfg)
	must(t, err)
	before := k.Current()
	if !k.Staple(before.All[1].Chain[0], []byte("answer")) {
		t.Fatal("the certificate is ours")
	}
	after := k.Current()
	if before.All[1].Certificate.OCSPStaple != nil || string(after.All[1].Certificate.OCSPStaple) != "answer" || after.Certificate.OCSPStaple != nil {
		t.Error("an answer belongs to one certificate, and to handshakes that begin later")
	}
	must(t, k.Reload())
	if string(k.Current().All[1].Certificate.OCSPStaple) != "answer" {
		t.Error("a certificate that stays keeps its answer")
	}
	k.Staple(before.All[1].Chain[0], nil)
	if k.Current().All[1].Certificate.OCSPStaple != nil {
		t.Error("nil takes it away")
	}
	if k.Staple(a.cert, []byte("x")) {
		t.Error("this certificate is not ours")
	}
}
