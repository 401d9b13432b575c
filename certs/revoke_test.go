package certs

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A certificate is withdrawn by its name, its file or its serial number, and the
// list that is written is signed, whole and newer than the last.
func TestRevokeFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	now := time.Now()
	o := FolderOptions{Now: now}
	_, err := InitFolder(dir, o)
	must(t, err)
	a, err := LoadAuthority(dir, now)
	must(t, err)
	list := func() *x509.RevocationList {
		t.Helper()
		der, err := os.ReadFile(filepath.Join(dir, "ca.crl"))
		must(t, err)
		rl, err := x509.ParseRevocationList(der)
		must(t, err)
		must(t, rl.CheckSignatureFrom(a.cert))
		return rl
	}
	if n := len(list().RevokedCertificateEntries); n != 0 {
		t.Fatalf("%d are withdrawn at first", n)
	}
	var serials []string
	for _, name := range []string{"nurse@northbridge.nhs.uk", "doctor@northbridge.nhs.uk", "abba@northbridge.nhs.uk"} {
		_, err := ClientFolder(dir, name, o)
		must(t, err)
		text, err := os.ReadFile(filepath.Join(dir, name+".pem"))
		must(t, err)
		chain, err := parseCertificates(name, text)
		must(t, err)
		serials = append(serials, chain[0].SerialNumber.Text(16))
	}
	before := list().ThisUpdate
	for i, which := range []string{"nurse@northbridge.nhs.uk", filepath.Join(dir, "doctor@northbridge.nhs.uk.pem"), serials[2]} {
		o.Now = now.Add(time.Duration(i+1) * time.Minute)
		r, err := RevokeFolder(dir, which, o)
		must(t, err)
		if !strings.Contains(r.String(), "withdrawn") || !strings.Contains(r.String(), "ca.crl") {
			t.Errorf("it says %q", r)
		}
		rl := list()
		if len(rl.RevokedCertificateEntries) != i+1 || rl.RevokedCertificateEntries[i].SerialNumber.Text(16) != serials[i] || !rl.ThisUpdate.After(before) {
			t.Errorf("%s: %d entries, of %v", which, len(rl.RevokedCertificateEntries), rl.ThisUpdate)
		}
		before = rl.ThisUpdate
		if _, err := RevokeFolder(dir, which, o); err == nil || !strings.Contains(err.Error(), "already") {
			t.Errorf("%s twice: %v", which, err)
		}
	}
	o.Days = 7
	_, err = CRLFolder(dir, o)
	must(t, err)
	if rl := list(); len(rl.RevokedCertificateEntries) != 3 || rl.NextUpdate.Sub(o.Now) > 7*24*time.Hour {
		t.Errorf("signed anew: %d entries, until %v", len(rl.RevokedCertificateEntries), rl.NextUpdate)
	}
	if _, err := RevokeFolder(dir, "nobody@northbridge.nhs.uk", o); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nobody's: %v", err)
	}
	strange := filepath.Join(t.TempDir(), "strange.pem")
	p, err := authority(t).Client("nurse@northbridge.nhs.uk", Options{})
	must(t, err)
	must(t, os.WriteFile(strange, p.CertPEM, 0o600))
	if _, err := RevokeFolder(dir, strange, o); err == nil || !strings.Contains(err.Error(), "not by the authority") {
		t.Errorf("a stranger's: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "ca.revoked"), []byte("# a comment\n\nxyz 2026-04-01T08:00:00Z nurse\n"), 0o600))
	if _, err := CRLFolder(dir, o); err == nil || !strings.Contains(err.Error(), "ca.revoked:3") {
		t.Errorf("a note that is none: %v", err)
	}
}

// An authority gives a pair of each kind, and devices any names that a Trust's own
// PKI could give them.
func TestFolderOfBothKindsAndDevices(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	o := FolderOptions{DNSNames: []string{"Radius.example.ac.uk"}, Both: true, OCSP: "http://ca.example.ac.uk/ocsp"}
	r, err := InitFolder(dir, o)
	must(t, err)
	if len(r.Findings) != 0 {
		t.Errorf("%+v", r.Findings)
	}
	at := func(name string) string { return "file:" + filepath.Join(dir, name) }
	if !strings.Contains(r.String(), `certificate = ["`+at("radius.example.ac.uk.pem")+`", "`+at("radius.example.ac.uk-rsa.pem")+`"]`) {
		t.Errorf("it does not say what the configuration calls them: %s", r)
	}
	k, err := NewKeeper(Config{
		Certificate: at("radius.example.ac.uk-rsa.pem"), PrivateKey: at("radius.example.ac.uk-rsa.key"), ClientCA: at("ca.pem"),
		More: []PairReference{{at("radius.example.ac.uk.pem"), at("radius.example.ac.uk.key")}},
	})
	must(t, err)
	if kindOf(k.Current().Served) != "ECDSA P-256" || kindOf(k.Current().All[1]) != "RSA" {
		t.Error("not a pair of each kind")
	}
	const sid = "S-1-5-21-1004336348-1177238915-682003330-1104"
	_, err = DeviceFolder(dir, "TABLET-7", FolderOptions{Policies: []string{"1.3.6.1.4.1.99999.7"}, Names: Names{
		Serial: "C02XYZ", UID: "t7", SubjectMail: "t7@example.ac.uk", DNS: []string{"t7.example.ac.uk"}, UPN: []string{"T7$@example.ac.uk"},
		Mail: []string{"seven@example.ac.uk"}, URI: []string{SIDTag + sid}, SID: sid,
	}})
	must(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "TABLET-7.pem"))
	must(t, err)
	chain, err := parseCertificates("", text)
	must(t, err)
	c := chain[0]
	if c.Subject.CommonName != "TABLET-7" || c.Subject.SerialNumber != "C02XYZ" || !slices.Equal(c.DNSNames, []string{"t7.example.ac.uk"}) ||
		!slices.Equal(c.EmailAddresses, []string{"seven@example.ac.uk"}) || len(c.URIs) != 1 || c.URIs[0].String() != SIDTag+sid ||
		len(c.Policies) != 1 || c.Policies[0].String() != "1.3.6.1.4.1.99999.7" || !slices.Equal(c.OCSPServer, []string{o.OCSP}) {
		t.Errorf("%+v", c)
	}
	i := slices.IndexFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.String() == "1.3.6.1.4.1.311.25.2" })
	if i < 0 || !strings.HasSuffix(string(c.Extensions[i].Value), sid) {
		t.Error("no SID")
	}
	for name, o := range map[string]FolderOptions{
		"a path":       {},
		"no SID":       {Names: Names{SID: "1-5-21"}},
		"no policy":    {Policies: []string{"all"}},
		"no URI":       {Names: Names{URI: []string{"not one"}}},
		"no ASCII DNS": {Names: Names{DNS: []string{"grün.example"}}},
	} {
		device := name
		if name == "a path" {
			device = "../x"
		}
		if _, err := DeviceFolder(dir, device, o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := InitFolder(filepath.Join(dir, "x"), FolderOptions{OCSP: "ldap://x"}); err == nil {
		t.Error("an OCSP responder without http")
	}
	a, err := LoadAuthority(dir, time.Now())
	must(t, err)
	if _, err := a.Device(Options{}); err == nil {
		t.Error("a certificate without a name")
	}
	p, err := a.Device(Options{Names: Names{DNS: []string{"t8.example.ac.uk"}}})
	must(t, err)
	if len(p.Certificate.Leaf.OCSPServer) != 1 {
		t.Error("an authority that was read again forgets its responder")
	}
}
