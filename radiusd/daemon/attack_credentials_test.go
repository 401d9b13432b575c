package daemon

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5" //nolint:gosec // RFC 2865, section 5.2
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"slices"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/supplicant"
)

// Holds S8, S10 and P6: a plain password is one attribute that holds a password,
// with nothing beside it.
func TestAttackPlainPasswords(t *testing.T) {
	town := startTown(t, idleTown)
	r := rogueAt(t, "127.0.0.1", town.address)
	password := func(p *radius.Packet, text string) {
		hidden, err := radius.NewUserPassword([]byte(text), r.secret, p.Authenticator[:])
		if err != nil {
			t.Fatal(err)
		}
		p.Add(rfc2865.UserPassword_Type, hidden)
	}
	for name, attack := range map[string]struct {
		add    func(p *radius.Packet)
		reason string
	}{
		"good":  {func(p *radius.Packet) { password(p, testPassword) }, ""},
		"wrong": {func(p *radius.Packet) { password(p, "wrong") }, "bad-password"},
		"empty": {func(p *radius.Packet) {
			pad := md5.Sum(append(slices.Clone(r.secret), p.Authenticator[:]...)) //nolint:gosec // as above
			p.Add(rfc2865.UserPassword_Type, pad[:])
		}, "empty-password"},
		"NUL":         {func(p *radius.Packet) { password(p, "\x00") }, "empty-password"},
		"NUL inside":  {func(p *radius.Packet) { password(p, testPassword+"\x00x") }, "bad-password"},
		"NUL before":  {func(p *radius.Packet) { password(p, "\x00"+testPassword) }, "bad-password"},
		"no octets":   {func(p *radius.Packet) { p.Add(rfc2865.UserPassword_Type, nil) }, "credentials-missing"},
		"15 octets":   {func(p *radius.Packet) { p.Add(rfc2865.UserPassword_Type, make([]byte, 15)) }, "credentials-missing"},
		"144 octets":  {func(p *radius.Packet) { p.Add(rfc2865.UserPassword_Type, make([]byte, 144)) }, "credentials-missing"},
		"twice":       {func(p *radius.Packet) { password(p, testPassword); password(p, testPassword) }, "credentials-missing"},
		"beside CHAP": {func(p *radius.Packet) { password(p, testPassword); p.Add(3, make([]byte, 17)) }, "credentials-mixed"},
		"beside EAP":  {func(p *radius.Packet) { password(p, testPassword); p.Add(79, nil) }, "credentials-mixed"},
		"CHAP":        {func(p *radius.Packet) { p.Add(3, make([]byte, 17)) }, "eap-method-refused"},
		"nothing":     {func(*radius.Packet) {}, "credentials-missing"},
		"in the middle of EAP": {func(p *radius.Packet) {
			p.Add(rfc2865.State_Type, r.ask(t, r.identify(nurseName, onStaff, nurseName)).Get(rfc2865.State_Type))
			password(p, testPassword)
		}, "credentials-mixed"},
	} {
		p := r.request(nurseName, onStaff)
		attack.add(p)
		want := "reject"
		if attack.reason == "" {
			want = "accept 110"
		}
		got := say(r.ask(t, p))
		if e := town.event(t); got != want || e.Reason != attack.reason {
			t.Errorf("%s: %s, %s; want %s", name, got, e.Reason, attack.reason)
		}
	}

	if err := town.rewrite(t, `, "tls", "pap"]`, `, "tls"]`); err != nil {
		t.Fatal(err)
	}
	p := r.request(nurseName, onStaff)
	password(p, testPassword)
	got := say(r.ask(t, p))
	if e := town.event(t); got != "reject" || e.Reason != "pap-not-allowed" {
		t.Errorf("without pap: %s, %s", got, e.Reason)
	}
}

// An issuer signs whatever it is asked to.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func (a *issuer) issue(tb testing.TB, name string, change func(*x509.Certificate)) *issuer {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	change(template)
	parent := &issuer{template, key}
	if a != nil {
		parent = a
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.cert, key.Public(), parent.key)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return &issuer{cert, key}
}

func authority(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }

// Holds S5 and R4: odd certificates are nobody's, or name whom they name, and cost
// little.
func TestAttackCertificates(t *testing.T) {
	town := startTown(t, idleTown)
	var none *issuer
	root := none.issue(t, "devices", authority)
	town.write(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.cert.Raw})))
	if err := town.Reload(); err != nil {
		t.Fatal(err)
	}
	foreign := none.issue(t, "devices", authority)
	constrained := root.issue(t, "partner", func(c *x509.Certificate) {
		authority(c)
		c.PermittedEmailAddresses, c.PermittedDNSDomainsCritical = []string{"camford.ac.uk"}, true
	})
	deep := []*issuer{root.issue(t, "deep", authority)}
	for len(deep) < 50 {
		deep = append([]*issuer{deep[0].issue(t, "deep", authority)}, deep...)
	}
	const hidden = "@northbridge.nhs.uk"
	mail := func(c *x509.Certificate) { c.EmailAddresses = []string{nurseName} }
	for name, attack := range map[string]struct {
		outer  string
		by     []*issuer // the first signs, all are sent
		change func(*x509.Certificate)
		reason string
	}{
		"good":              {hidden, []*issuer{root}, mail, ""},
		"CN alone":          {hidden, []*issuer{root}, func(c *x509.Certificate) { c.Subject.CommonName = nurseName }, ""},
		"another realm's":   {hidden, []*issuer{root}, func(c *x509.Certificate) { c.EmailAddresses = []string{"nurse@camford.ac.uk"} }, "inner-realm-refused"},
		"somebody else's":   {nurseName, []*issuer{root}, func(c *x509.Certificate) { c.EmailAddresses = []string{"porter@northbridge.nhs.uk"} }, "outer-inner-mismatch"},
		"wildcard":          {hidden, []*issuer{root}, func(c *x509.Certificate) { c.EmailAddresses = []string{"*@northbridge.nhs.uk"} }, "unknown-user"},
		"wildcard computer": {hidden, []*issuer{root}, func(c *x509.Certificate) { c.DNSNames = []string{"*.northbridge.nhs.uk"} }, "unknown-user"},
		"NUL in the CN":     {hidden, []*issuer{root}, func(c *x509.Certificate) { c.Subject.CommonName = nurseName + "\x00.example.org" }, "client-certificate-identity"},
		"CN beside a name":  {hidden, []*issuer{root}, func(c *x509.Certificate) { c.Subject.CommonName, c.DNSNames = nurseName, []string{"pc.example.org"} }, "inner-realm-refused"},
		"no name":           {hidden, []*issuer{root}, func(*x509.Certificate) {}, "client-certificate-identity"},
		"expired":           {hidden, []*issuer{root}, func(c *x509.Certificate) { mail(c); c.NotAfter = time.Now().Add(-time.Minute) }, "client-certificate-expired"},
		"not valid yet":     {hidden, []*issuer{root}, func(c *x509.Certificate) { mail(c); c.NotBefore = time.Now().Add(time.Minute) }, "client-certificate-expired"},
		"for servers": {hidden, []*issuer{root}, func(c *x509.Certificate) {
			mail(c)
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}, "client-certificate-untrusted"},
		"unknown critical extension": {hidden, []*issuer{root}, func(c *x509.Certificate) {
			mail(c)
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		}, "client-certificate-untrusted"},
		"an issuer of the same name": {hidden, []*issuer{foreign}, mail, "client-certificate-untrusted"},
		"outside the constraints":    {hidden, []*issuer{constrained}, mail, "client-certificate-untrusted"},
		"a chain of fifty":           {hidden, deep, mail, "client-certificate-untrusted"},
		"by a device":                {hidden, []*issuer{root.issue(t, "a device", mail)}, mail, "client-certificate-untrusted"},
	} {
		leaf := attack.by[0].issue(t, "", attack.change)
		pair := tls.Certificate{Certificate: [][]byte{leaf.cert.Raw}, PrivateKey: leaf.key}
		for _, a := range attack.by {
			pair.Certificate = append(pair.Certificate, a.cert.Raw)
		}
		peer := town.peer(t, func(c *supplicant.Config) {
			c.Identity, c.User, c.Method, c.Certificate = attack.outer, attack.outer, "tls", &pair
		})
		want := "reject"
		if attack.reason == "" {
			want = "accept 110"
		}
		got := say(rogueAt(t, "127.0.0.1", town.address).carry(t, peer, attack.outer, onStaff, nil))
		if e := town.event(t); got != want || e.Reason != attack.reason || e.Duration > 2*time.Second {
			t.Errorf("%s: %s, %s after %v; want %s", name, got, e.Reason, e.Duration, attack.reason)
		}
	}
}
