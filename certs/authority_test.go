package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// The certificates that we make ourselves pass our own lint, with every kind of key.
func TestAuthorityServerPassesOurLint(t *testing.T) {
	for _, kind := range []KeyKind{ECDSA, RSA} {
		a, err := NewAuthority("Northbridge", testNow, Options{Key: kind, CRL: "http://radius.example.ac.uk/ca.crl"})
		must(t, err)
		p, err := a.Server([]string{"Radius.Example.ac.uk"}, Options{Key: kind})
		must(t, err)
		k, err := FromPair(p, a)
		must(t, err)
		for _, f := range k.Current().Lint(testNow) {
			t.Errorf("%s: %s: %s", kind, f.Code, f.Text)
		}
		leaf := p.Certificate.Leaf
		if leaf.Subject.CommonName != "radius.example.ac.uk" || leaf.DNSNames[0] != "radius.example.ac.uk" {
			t.Errorf("names are not in lower case: %s %v", leaf.Subject.CommonName, leaf.DNSNames)
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), DNSName: "radius.example.ac.uk", CurrentTime: testNow}); err != nil {
			t.Error(err)
		}
		if strings.Count(string(p.CertPEM), "BEGIN") != 1 {
			t.Error("the root must not be sent")
		}
	}
}

func TestAuthorityKinds(t *testing.T) {
	a := authority(t)
	if key, ok := a.cert.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Error("ECDSA P-256 is the default")
	}
	p, err := a.Server([]string{"radius.example.ac.uk"}, Options{Key: RSA})
	must(t, err)
	if key, ok := p.Certificate.Leaf.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() != 2048 {
		t.Error("RSA is 2048 bits")
	}
	if _, err := a.Server([]string{"radius.example.ac.uk"}, Options{Key: "dsa"}); err == nil {
		t.Error("an unknown kind of key is refused")
	}
	if _, err := NewAuthority("x", testNow, Options{CRL: "https://example.ac.uk/ca.crl"}); err == nil {
		t.Error("a revocation list at https is refused")
	}
}

func TestClientIdentity(t *testing.T) {
	a := authority(t)
	long := strings.Repeat("x", 50) + "@students.example.ac.uk"
	for _, id := range []string{"nurse@northbridge.nhs.uk", "O'Brien+x@northbridge.nhs.uk", long} {
		p, err := a.Client(id, Options{})
		must(t, err)
		leaf := p.Certificate.Leaf
		if len(leaf.EmailAddresses) != 1 || leaf.EmailAddresses[0] != id {
			t.Errorf("rfc822Name is %v", leaf.EmailAddresses)
		}
		if id != long && leaf.Subject.CommonName != id {
			t.Errorf("CN is %q", leaf.Subject.CommonName)
		}
		if !hasUPN(leaf, id) {
			t.Errorf("%s: no userPrincipalName in the certificate", id)
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), CurrentTime: testNow,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, id := range []string{"", "nurse", "@example.ac.uk", "a@b", "a@b@c.uk", "../x@example.ac.uk", "a b@example.ac.uk",
		"a\n@example.ac.uk", "é@example.ac.uk", ".x@example.ac.uk", "-x@example.ac.uk", "x@-a.uk", "x@*.uk"} {
		if _, err := a.Client(id, Options{}); err == nil {
			t.Errorf("a certificate for %q was issued", id)
		}
	}
}

// hasUPN looks for [0]{ OID UPN, [0] UTF8String id } in the subject alternative
// name (RFC 5280, section 4.2.1.6).
func hasUPN(c *x509.Certificate, id string) bool {
	for _, e := range c.Extensions {
		if e.Id.String() == "2.5.29.17" {
			want := append([]byte{0xa0, byte(len(id) + 16), 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03, 0xa0, byte(len(id) + 2), 0x0c, byte(len(id))}, id...)
			return strings.Contains(string(e.Value), string(want))
		}
	}
	return false
}

func TestIntermediate(t *testing.T) {
	root := authority(t)
	mid, err := root.Intermediate("Northbridge issuing", Options{})
	must(t, err)
	p, err := mid.Server([]string{"radius.example.ac.uk"}, Options{})
	must(t, err)
	k, err := FromPair(p, root)
	must(t, err)
	m := k.Current()
	if len(m.Chain) != 2 || len(m.Certificate.Certificate) != 2 {
		t.Fatalf("chain of %d", len(m.Chain))
	}
	if f := m.Lint(testNow); len(f) > 0 {
		t.Errorf("findings: %v", f)
	}
	if p.Root != root.Certificate() {
		t.Error("the root of an intermediate's pair is the root")
	}
}

func TestPKCS12(t *testing.T) {
	a := authority(t)
	p, err := a.Client("nurse@northbridge.nhs.uk", Options{})
	must(t, err)
	for _, form := range []P12{"", Modern, Legacy} {
		der, err := p.PKCS12("correct-horse", form)
		must(t, err)
		key, leaf, others, err := pkcs12.DecodeChain(der, "correct-horse")
		must(t, err)
		if !leaf.Equal(p.Certificate.Leaf) || len(others) != 1 || !others[0].Equal(a.Certificate()) {
			t.Errorf("%s: not the same certificates back", form)
		}
		if !p.Certificate.PrivateKey.(*ecdsa.PrivateKey).Equal(key) {
			t.Errorf("%s: not the same key back", form)
		}
		if _, _, err := pkcs12.Decode(der, "wrong-horse"); err == nil {
			t.Errorf("%s: a wrong password opens it", form)
		}
	}
	if _, err := p.PKCS12("short", Modern); err == nil {
		t.Error("a short password is refused")
	}
	if _, err := p.PKCS12("correct-horse", "odd"); err == nil {
		t.Error("an unknown form is refused")
	}
}

// What other software makes of our certificates and files.
func TestOpenSSLReadsWhatWeMake(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed: run make deps")
	}
	dir := t.TempDir()
	_, err := InitFolder(dir, FolderOptions{DNSNames: []string{"radius.example.ac.uk"}})
	must(t, err)
	_, err = ClientFolder(dir, "nurse@northbridge.nhs.uk", FolderOptions{P12: true, Password: "correct-horse"})
	must(t, err)
	run := func(want string, args ...string) {
		t.Helper()
		cmd := exec.Command("openssl", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run("OK", "verify", "-purpose", "sslserver", "-CAfile", "ca.pem", "radius.example.ac.uk.pem")
	run("OK", "verify", "-purpose", "sslclient", "-CAfile", "ca.pem", "nurse@northbridge.nhs.uk.pem")
	run("CA:FALSE", "x509", "-noout", "-text", "-in", "radius.example.ac.uk.pem")
	run("URI:http://radius.example.ac.uk/ca.crl", "x509", "-noout", "-text", "-in", "radius.example.ac.uk.pem")
	run("email:nurse@northbridge.nhs.uk", "x509", "-noout", "-ext", "subjectAltName", "-in", "nurse@northbridge.nhs.uk.pem")
	run("nurse@northbridge.nhs.uk", "pkcs12", "-in", "nurse@northbridge.nhs.uk.p12", "-passin", "pass:correct-horse", "-nodes")
	run("No Revoked Certificates", "crl", "-inform", "der", "-noout", "-text", "-in", "ca.crl")
	run("verify OK", "crl", "-inform", "der", "-noout", "-CAfile", "ca.pem", "-in", "ca.crl")
}

func TestInitFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	r, err := InitFolder(dir, FolderOptions{Name: "Northbridge", DNSNames: []string{"Radius.example.ac.uk"}, Now: testNow})
	must(t, err)
	if len(r.Findings) > 0 {
		t.Errorf("our own certificate has findings: %v", r.Findings)
	}
	modes := map[string]fs.FileMode{"ca.pem": 0o644, "ca.key": 0o600, "ca.crl": 0o644,
		"radius.example.ac.uk.pem": 0o644, "radius.example.ac.uk.key": 0o600}
	for name, mode := range modes {
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		if got := info.Mode().Perm(); got&^mode != 0 || mode == 0o600 && got != mode {
			t.Errorf("%s has mode %o, want %o", name, got, mode)
		}
	}
	text := r.String()
	for _, want := range []string{"ca.key", "private, mode 0600", r.Fingerprint, "http://radius.example.ac.uk/ca.crl", "certificate = \"file:"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	k, err := NewKeeper(Config{
		Certificate: "file:" + filepath.Join(dir, "radius.example.ac.uk.pem"),
		PrivateKey:  "file:" + filepath.Join(dir, "radius.example.ac.uk.key"),
		ClientCA:    "file:" + filepath.Join(dir, "ca.pem"),
	})
	must(t, err)
	if f := k.Current().Lint(testNow); len(f) > 0 {
		t.Errorf("findings on the files: %v", f)
	}
}

func TestFolderOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	o := FolderOptions{DNSNames: []string{"radius.example.ac.uk"}, Now: testNow}
	_, err := InitFolder(dir, o)
	must(t, err)
	before := contents(t, dir)
	for what, f := range map[string]func() error{
		"init":   func() error { _, err := InitFolder(dir, o); return err },
		"server": func() error { _, err := ServerFolder(dir, o); return err },
		"save":   func() error { return authority(t).Save(dir) },
	} {
		if err := f(); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s over an old folder: %v", what, err)
		}
	}
	// A folder in which one file is in the way gets none of the others.
	second := t.TempDir()
	must(t, os.WriteFile(filepath.Join(second, "ca.crl"), []byte("mine"), 0o600))
	if _, err := InitFolder(second, o); !errors.Is(err, fs.ErrExist) {
		t.Errorf("init beside ca.crl: %v", err)
	}
	if got := contents(t, second); len(got) != 1 || got["ca.crl"] != "mine" {
		t.Errorf("a refused init left %v", got)
	}
	after := contents(t, dir)
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Error("a refused command changed the folder")
	}
}

func TestLoadAuthority(t *testing.T) {
	dir := t.TempDir()
	_, err := InitFolder(dir, FolderOptions{CRL: "http://crl.example.ac.uk/wifi.crl", Now: testNow})
	must(t, err)
	a, err := LoadAuthority(dir, testNow)
	must(t, err)
	p, err := a.Server([]string{"radius.example.ac.uk"}, Options{})
	must(t, err)
	if got := p.Certificate.Leaf.CRLDistributionPoints; len(got) != 1 || got[0] != "http://crl.example.ac.uk/wifi.crl" {
		t.Errorf("the list's address was lost on the way through the folder: %v", got)
	}
	r, err := ClientFolder(dir, "nurse@northbridge.nhs.uk", FolderOptions{P12: true, Form: Legacy, Now: testNow})
	must(t, err)
	if len(r.Files) != 3 || r.Password == "" {
		t.Fatalf("report %v", r.Files)
	}
	if strings.Contains(r.String(), r.Password.Reveal()) {
		t.Error("the password is in the report's text")
	}
	packed, err := os.ReadFile(filepath.Join(dir, "nurse@northbridge.nhs.uk.p12"))
	must(t, err)
	if _, _, _, err := pkcs12.DecodeChain(packed, r.Password.Reveal()); err != nil {
		t.Errorf("the reported password does not open the file: %v", err)
	}

	if _, err := LoadAuthority(t.TempDir(), testNow); err == nil || !strings.Contains(err.Error(), "radiusd cert init") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := LoadAuthority(dir, testNow.Add(authorityLife+time.Hour)); err == nil || !strings.Contains(err.Error(), "ended on") {
		t.Errorf("an authority that ended: %v", err)
	}
	other, err := encodeKey(authority(t).key)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "ca.key"), []byte(other.Reveal()), 0o600))
	if _, err := LoadAuthority(dir, testNow); err == nil || !strings.Contains(err.Error(), "does not match") {
		t.Errorf("a foreign key: %v", err)
	}
}

func TestNewPassword(t *testing.T) {
	seen := map[Secret]bool{}
	for range 100 {
		p, err := NewPassword()
		must(t, err)
		if len(p) != 19 || seen[p] {
			t.Fatalf("password of %d characters, or twice the same", len(p))
		}
		seen[p] = true
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(t, err)
		all[e.Name()] = string(b)
	}
	return all
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
