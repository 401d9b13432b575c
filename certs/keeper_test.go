package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// house is a folder with a certificate, a key and a client CA on files.
type house struct {
	t   *testing.T
	dir string
	cfg Config
}

func newHouse(t *testing.T) house {
	h := house{t: t, dir: t.TempDir()}
	h.cfg = Config{Certificate: "file:" + h.path("radius.pem"), PrivateKey: "file:" + h.path("radius.key"), ClientCA: "file:" + h.path("ca.pem")}
	a := authority(t)
	p, err := a.Server([]string{"radius.example.ac.uk"}, Options{})
	must(t, err)
	h.write("radius.pem", p.CertPEM)
	h.write("radius.key", []byte(p.KeyPEM.Reveal()))
	h.write("ca.pem", a.PEM())
	return h
}

func (h house) path(name string) string { return filepath.Join(h.dir, name) }

func (h house) write(name string, b []byte) {
	h.t.Helper()
	must(h.t, os.WriteFile(h.path(name), b, 0o600))
}

// Every mistake is named with its file, in words.
func TestKeeperErrors(t *testing.T) {
	root := authority(t)
	mid, err := root.Intermediate("Northbridge issuing", Options{})
	must(t, err)
	p, err := mid.Server([]string{"radius.example.ac.uk"}, Options{})
	must(t, err)
	other, err := mid.Client("nurse@northbridge.nhs.uk", Options{})
	must(t, err)
	leaf, key := pemOf("CERTIFICATE", p.Certificate.Leaf.Raw), []byte(p.KeyPEM.Reveal())
	join := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	encrypted := pemOf("ENCRYPTED PRIVATE KEY", []byte("x"))
	oldEncrypted := []byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n")

	for name, c := range map[string]struct {
		pem, key, ca []byte
		want         []string // beside the file's name
	}{
		"key of another":      {pem: leaf, key: []byte(other.KeyPEM.Reveal()), want: []string{"radius.key", "does not match", "radius.pem", "radius.example.ac.uk"}},
		"encrypted key":       {pem: leaf, key: encrypted, want: []string{"radius.key", "encrypted with a passphrase"}},
		"old encrypted key":   {pem: leaf, key: oldEncrypted, want: []string{"radius.key", "encrypted with a passphrase"}},
		"empty certificate":   {pem: []byte(" \n"), key: key, want: []string{"radius.pem is empty"}},
		"no PEM":              {pem: []byte("hello"), key: key, want: []string{"radius.pem holds no certificate in PEM form"}},
		"DER":                 {pem: p.Certificate.Leaf.Raw, key: key, want: []string{"radius.pem is binary"}},
		"request":             {pem: pemOf("CERTIFICATE REQUEST", []byte{1}), key: key, want: []string{"radius.pem holds a certificate request"}},
		"swapped":             {pem: key, key: leaf, want: []string{"radius.pem holds a private key and no certificate", "swapped"}},
		"no key":              {pem: leaf, key: leaf, want: []string{"radius.key holds a certificate and no private key"}},
		"no key at all":       {pem: leaf, key: []byte("hello"), want: []string{"radius.key holds no private key"}},
		"DER key":             {pem: leaf, key: []byte{0x30, 0x82, 0, 0}, want: []string{"radius.key is binary"}},
		"damaged key":         {pem: leaf, key: pemOf("PRIVATE KEY", []byte("x")), want: []string{"radius.key", "damaged"}},
		"damaged certificate": {pem: pemOf("CERTIFICATE", []byte("x")), key: key, want: []string{"radius.pem: certificate 1 cannot be read"}},
		"issuer first":        {pem: join(mid.PEM(), leaf), key: key, want: []string{"radius.pem", "out of order", "number 2 and must come first"}},
		"root before issuer":  {pem: join(leaf, root.PEM(), mid.PEM()), key: key, want: []string{"radius.pem", "out of order", "certificate 3 (Northbridge issuing) issued certificate 1"}},
		"stranger in chain":   {pem: join(leaf, authority(t).PEM()), key: key, want: []string{"radius.pem", "did not issue certificate 1", "Northbridge issuing"}},
		"client CA is a leaf": {pem: leaf, key: key, ca: other.CertPEM[:len(other.CertPEM)/2*2], want: []string{"client_ca", "ca.pem", "nurse@northbridge.nhs.uk is not an authority"}},
		"client CA is empty":  {pem: leaf, key: key, ca: []byte{}, want: []string{"client_ca", "ca.pem is empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.write("radius.pem", c.pem)
			h.write("radius.key", c.key)
			if c.ca != nil {
				h.write("ca.pem", c.ca)
			}
			_, err := NewKeeper(h.cfg)
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q lacks %q", err, w)
				}
			}
			if strings.Contains(err.Error(), "PRIVATE KEY-----\nM") {
				t.Error("the key is in the error")
			}
		})
	}
}

func TestKeeperReferences(t *testing.T) {
	h := newHouse(t)
	t.Setenv("CREDENTIALS_DIRECTORY", h.dir)
	key, err := os.ReadFile(h.path("radius.key"))
	must(t, err)
	t.Setenv("CAUSEWAY_KEY", string(key))
	for _, ref := range []string{"cred:radius.key", "env:CAUSEWAY_KEY", "file:" + h.path("radius.key")} {
		h.cfg.PrivateKey = ref
		k, err := NewKeeper(h.cfg)
		must(t, err)
		if k.Current().Certificate.Leaf == nil || k.Current().ClientCAs == nil {
			t.Error("the leaf must be parsed and the pool made")
		}
	}
	for ref, want := range map[string]string{
		"":                   "EAP needs both",
		h.path("radius.key"): "private_key: write file:" + h.path("radius.key"),
		"secret":             "private_key: write file:/path",
		"file:/does/not":     "/does/not",
		"cred:../radius.key": "may not be a path",
	} {
		h.cfg.PrivateKey = ref
		if _, err := NewKeeper(h.cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("private_key %q: %v", ref, err)
		}
	}
	h = newHouse(t)
	h.cfg.ClientCA = ""
	k, err := NewKeeper(h.cfg)
	must(t, err)
	if k.Current().ClientCAs != nil {
		t.Error("no client_ca means no EAP-TLS: the pool is nil")
	}
}

// A certificate and its key in one file are accepted in both places.
func TestKeeperOneFile(t *testing.T) {
	h := newHouse(t)
	cert, err := os.ReadFile(h.path("radius.pem"))
	must(t, err)
	key, err := os.ReadFile(h.path("radius.key"))
	must(t, err)
	h.write("radius.pem", append(key, cert...))
	h.cfg.PrivateKey = h.cfg.Certificate
	_, err = NewKeeper(h.cfg)
	must(t, err)
}

func TestKeeperWorldReadableKey(t *testing.T) {
	h := newHouse(t)
	must(t, os.Chmod(h.path("radius.key"), 0o644))
	k, err := NewKeeper(h.cfg)
	must(t, err)
	if codes := lintCodes(k.Current(), testNow); !slices.Contains(codes, "world-readable") {
		t.Errorf("findings %v", codes)
	}
}

// A reload that fails keeps what was good.
func TestKeeperReloadKeepsTheOld(t *testing.T) {
	h := newHouse(t)
	k, err := NewKeeper(h.cfg)
	must(t, err)
	before := k.Current()
	h.write("radius.key", []byte("half written"))
	if err := k.Reload(); err == nil {
		t.Fatal("a broken key was accepted")
	}
	if k.Current() != before {
		t.Error("the old material is gone")
	}
}

// Holds F8: the certificate changes while handshakes run, and none fails.
func TestF8RolloverUnderHandshakes(t *testing.T) {
	a := authority(t)
	h := newHouse(t)
	h.write("ca.pem", a.PEM())
	roll := func() {
		p, err := a.Server([]string{"radius.example.ac.uk"}, Options{})
		must(t, err)
		h.write("radius.pem", p.CertPEM)
		h.write("radius.key", []byte(p.KeyPEM.Reveal()))
	}
	roll()
	k, err := NewKeeper(h.cfg)
	must(t, err)
	client := &tls.Config{RootCAs: a.Pool(), ServerName: "radius.example.ac.uk", Time: func() time.Time { return testNow }}
	serials := sync.Map{}
	done := make(chan struct{})
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				serial, err := handshake(k.Current(), client)
				if err != nil {
					t.Errorf("handshake: %v", err)
					return
				}
				serials.Store(serial, true)
			}
		})
	}
	for range 20 {
		roll()
		must(t, k.Reload())
		// A handshake that begins now must see the new certificate.
		serial, err := handshake(k.Current(), client)
		must(t, err)
		if serial != k.Current().Certificate.Leaf.SerialNumber.String() {
			t.Error("a handshake after the reload met the old certificate")
		}
	}
	close(done)
	wait.Wait()
	seen := 0
	serials.Range(func(_, _ any) bool { seen++; return true })
	if seen < 2 {
		t.Errorf("the handshakes met %d certificates: nothing rolled over", seen)
	}
}

func handshake(m *Material, client *tls.Config) (string, error) {
	left, right := net.Pipe()
	defer func() { _ = left.Close(); _ = right.Close() }()
	go func() {
		// The outcome is judged on the client's side.
		_ = tls.Server(left, &tls.Config{Certificates: []tls.Certificate{m.Certificate}, SessionTicketsDisabled: true}).Handshake()
	}()
	c := tls.Client(right, client)
	if err := c.Handshake(); err != nil {
		return "", err
	}
	return c.ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
}

// FuzzPEM: no text makes the readers panic, and none is quoted in an error.
func FuzzPEM(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(f, err)
	der, err := x509.MarshalECPrivateKey(key)
	must(f, err)
	a := authority(f)
	f.Add(a.PEM())
	f.Add(pemOf("EC PRIVATE KEY", der))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		chain, err := parseCertificates("x.pem", text)
		if (err == nil) != (len(chain) > 0) {
			t.Errorf("%d certificates and error %v", len(chain), err)
		}
		signer, err := parseKey("x.key", text)
		if (err == nil) != (signer != nil) {
			t.Errorf("key %v and error %v", signer != nil, err)
		}
		if len(chain) > 0 && signer != nil {
			_ = orderChain("x.pem", chain, signer)
		}
	})
}

func lintCodes(m *Material, now time.Time) []string {
	var codes []string
	for _, f := range m.Lint(now) {
		codes = append(codes, f.Code)
	}
	return codes
}
