package eap

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"

	"causeway/certs"
	"causeway/certs/revocation"
	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

const amySID = "S-1-5-21-1004336348-1177238915-682003330-1104"

// A domain is a directory that knows security identifiers.
type domain struct {
	*memory
	names map[string]string // SID -> the account's own name
}

func newDomain() *domain {
	return &domain{newMemory(), map[string]string{amySID: "amy", "S-1-5-21-9": "PC01$", "S-1-5-21-8": "CN=odd,DC=x", "S-1-5-21-7": "dee"}}
}

func (*domain) KnowsSIDs() bool { return true }

func (d *domain) LookupSID(ctx context.Context, sid string, id realms.Identity) (realms.Account, error) {
	name, known := d.names[sid]
	switch {
	case !known && id == realms.Identity{}:
		return realms.Account{}, realms.ErrUnknownUser
	case id == realms.Identity{}:
		return realms.Account{Name: name}, d.fault[name+"@"+testRealm]
	}
	account, err := d.Lookup(ctx, id)
	its := strings.EqualFold(name, id.User) || id.Machine() && name == "PC01$"
	if err == nil && !its {
		return realms.Account{}, realms.ErrClientCertIdentity
	}
	account.Name = name
	return account, err
}

// A hall is a server of several authorities, each with files of its own.
type hall struct {
	t       *testing.T
	dir     string
	anchors []certs.AnchorReference
}

func newHall(t *testing.T, authorities map[string]*certs.Authority, order ...string) *hall {
	h := &hall{t: t, dir: t.TempDir()}
	for _, name := range order {
		h.write(name+".pem", authorities[name].PEM())
		h.anchors = append(h.anchors, certs.AnchorReference{Name: name, CA: "file:" + filepath.Join(h.dir, name+".pem")})
	}
	pair := must(theWard().authority.Server([]string{serverName}, certs.Options{}))
	h.write("server.pem", pair.CertPEM)
	h.write("server.key", []byte(pair.KeyPEM.Reveal()))
	return h
}

func (h *hall) write(name string, content []byte) string {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

func (h *hall) keeper() *certs.Keeper {
	return must(certs.NewKeeper(certs.Config{
		Certificate: "file:" + filepath.Join(h.dir, "server.pem"), PrivateKey: "file:" + filepath.Join(h.dir, "server.key"), Anchors: h.anchors,
	}))
}

// serve starts a server; an authority that is not described may vouch for anyone.
func (h *hall) serve(directory realms.Directory, described ...Authority) *Server {
	h.t.Helper()
	for _, a := range h.anchors {
		if !slices.ContainsFunc(described, func(d Authority) bool { return d.Name == a.Name }) {
			described = append(described, Authority{Name: a.Name})
		}
	}
	return serve(h.t, func(c *Config) { c.Keeper, c.Directory, c.Authorities = h.keeper(), directory, described })
}

// vouch verifies a certificate as TLS does, with what its device sends along, and
// asks whose it is.
func vouch(t *testing.T, s *Server, outer string, leaf *x509.Certificate, along ...*x509.Certificate) (proved, error) {
	t.Helper()
	between := x509.NewCertPool()
	for _, c := range along {
		between.AddCert(c)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots: s.cfg.Keeper.Current().ClientCAs, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.vouchFor(t.Context(), must(realms.ParseIdentity(outer)), chains)
}

// deviceOf is a certificate of these names. One with an empty subject and nothing but
// otherNames is refused by crypto/x509 itself.
func deviceOf(a *certs.Authority, n certs.Names) *x509.Certificate {
	if n.UID == "" {
		n.UID = "no name"
	}
	return must(a.Device(certs.Options{Names: n})).Certificate.Leaf
}

// Which field names the owner, by the block's list, and what a name without a realm
// gets.
func TestIdentityFields(t *testing.T) {
	ca := theWard().authority
	d := newMemory()
	for _, name := range []string{"C02XYZ@" + testRealm, "urn:tablet:7@" + testRealm, "a7@" + testRealm, "host/short." + testRealm} {
		d.password[name] = ""
	}
	for name, c := range map[string]struct {
		identity string
		vouches  Vouches
		names    certs.Names
		outer    string
		want     string // the identity, or the reason
	}{
		"upn":                         {"upn email", "", certs.Names{UPN: []string{amy}, Mail: []string{"zoe@" + testRealm}}, nobody, amy},
		"email":                       {"email upn", "", certs.Names{UPN: []string{"zoe@" + testRealm}, Mail: []string{amy}}, nobody, amy},
		"what is first and there":     {"serial upn", "", certs.Names{UPN: []string{amy}}, nobody, amy},
		"what is first and no name":   {"cn upn", "", certs.Names{CommonName: "Amy Smith", UPN: []string{amy}}, nobody, amy},
		"what is not listed":          {"email", "", certs.Names{UPN: []string{amy}}, nobody, "client-certificate-identity"},
		"another realm's, first":      {"upn email", "", certs.Names{UPN: []string{"amy@cloud.example"}, Mail: []string{amy}}, nobody, "inner-realm-refused"},
		"dns":                         {"dns", "", certs.Names{DNS: []string{"pc01." + testRealm}}, nobody, "host/pc01." + testRealm},
		"dns without a domain":        {"dns", "", certs.Names{DNS: []string{"short"}}, nobody, "client-certificate-identity"},
		"upn without a realm":         {"upn", "", certs.Names{UPN: []string{"amy"}}, nobody, "client-certificate-identity"},
		"uri":                         {"uri", "", certs.Names{URI: []string{"urn:tablet:7"}}, nobody, "urn:tablet:7@" + testRealm},
		"a uri of a SID is none":      {"uri", "", certs.Names{URI: []string{certs.SIDTag + amySID}}, nobody, "client-certificate-identity"},
		"cn with a realm":             {"cn", "", certs.Names{CommonName: amy}, nobody, amy},
		"cn without":                  {"cn", "", certs.Names{CommonName: "amy"}, nobody, amy},
		"cn of a device":              {"cn", ForDevices, certs.Names{CommonName: "pc01." + testRealm}, nobody, "host/pc01." + testRealm},
		"serial":                      {"serial", "", certs.Names{CommonName: "x", Serial: "C02XYZ"}, nobody, "C02XYZ@" + testRealm},
		"uid":                         {"uid", "", certs.Names{UID: "amy"}, nobody, amy},
		"subject-email":               {"subject-email", "", certs.Names{SubjectMail: amy}, nobody, amy},
		"the realm outside":           {"cn", "", certs.Names{CommonName: "ben"}, "@" + testSubrealm, "ben@" + testSubrealm},
		"two, and nobody says which":  {"upn", "", certs.Names{UPN: []string{amy, "dee@" + testRealm}}, nobody, "client-certificate-identity"},
		"two, and the outer says":     {"upn", "", certs.Names{UPN: []string{"dee@" + testRealm, amy}}, amy, amy},
		"two, and the outer is none":  {"upn", "", certs.Names{UPN: []string{amy, "dee@" + testRealm}}, "zoe@" + testRealm, "outer-inner-mismatch"},
		"two that are one":            {"upn", "", certs.Names{UPN: []string{amy, strings.ToUpper(amy)}}, nobody, amy},
		"two, one of another realm":   {"upn", "", certs.Names{UPN: []string{"amy@cloud.example", amy}}, nobody, amy},
		"another than the outer":      {"upn", "", certs.Names{UPN: []string{amy}}, "zoe@" + testRealm, "outer-inner-mismatch"},
		"a name with a NUL":           {"cn", "", certs.Names{UID: "amy"}, nobody, "client-certificate-identity"},
		"nobody of the directory":     {"upn", "", certs.Names{UPN: []string{"zoe@" + testRealm}}, nobody, "unknown-user"},
		"and what of no list as ever": {"", "", certs.Names{DNS: []string{"pc01." + testRealm}}, nobody, "host/pc01." + testRealm},
	} {
		a := Authority{Name: "x", Vouches: c.vouches}
		if c.identity != "" {
			a.Identity = strings.Fields(c.identity)
		}
		s := newHall(t, map[string]*certs.Authority{"x": ca}, "x").serve(d, a)
		p, err := vouch(t, s, c.outer, deviceOf(ca, c.names))
		got := p.identity.String()
		if err != nil {
			got = string(reasonOf(err))
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s (%v)", name, got, c.want, err)
		}
		if err == nil && p.account.Name != c.want {
			t.Errorf("%s: account %+v", name, p.account)
		}
	}
}

// What an authority may vouch for, and what it may not.
func TestAuthorityScope(t *testing.T) {
	ca := theWard().authority
	tablets := newMemory()
	tablets.password = map[string]string{"t7@" + testRealm: "", amy: "", "host/t8." + testRealm: ""}
	person := certs.Names{UPN: []string{amy}}
	pc := certs.Names{DNS: []string{"pc01." + testRealm}}
	t7 := certs.Names{CommonName: "t7"}
	for name, c := range map[string]struct {
		a      Authority
		names  certs.Names
		outer  string
		want   realms.Reason
		device bool
	}{
		"anyone, a person":             {Authority{}, person, nobody, "", false},
		"anyone, a computer":           {Authority{}, pc, nobody, "", true},
		"people, a person":             {Authority{Vouches: ForPeople}, person, nobody, "", false},
		"people, a computer":           {Authority{Vouches: ForPeople}, pc, nobody, realms.ErrClientCertAuthority, false},
		"people, a computer's account": {Authority{Vouches: ForPeople}, certs.Names{UPN: []string{"PC01$@" + testRealm}}, nobody, realms.ErrClientCertAuthority, false},
		"devices, a computer":          {Authority{Vouches: ForDevices}, pc, nobody, "", true},
		"devices, a person":            {Authority{Vouches: ForDevices}, person, nobody, realms.ErrClientCertAuthority, false},
		"a list, a device of it":       {Authority{Vouches: ForDevices, Directory: tablets, Identity: []string{"cn"}}, t7, nobody, "", true},
		"a list, another device":       {Authority{Vouches: ForDevices, Directory: tablets}, pc, nobody, realms.ErrUnknownUser, true},
		"a list of people":             {Authority{Vouches: ForPeople, Directory: tablets}, person, nobody, "", false},
		"its realm":                    {Authority{Realms: []string{testRealm}}, person, nobody, "", false},
		"another realm":                {Authority{Realms: []string{testSubrealm}}, person, nobody, realms.ErrClientCertAuthority, false},
		"the realm that it is given":   {Authority{Realms: []string{testRealm}, Identity: []string{"cn"}}, certs.Names{CommonName: "ben"}, "@" + testSubrealm, realms.ErrClientCertAuthority, false},
	} {
		c.a.Name = "x"
		s := newHall(t, map[string]*certs.Authority{"x": ca}, "x").serve(newMemory(), c.a)
		p, err := vouch(t, s, c.outer, deviceOf(ca, c.names))
		if reasonOf(err) != c.want || err == nil && p.device != c.device {
			t.Errorf("%s: device %v, %v; want %v, %q", name, p.device, err, c.device, c.want)
		}
		if p.certificate.Authority != "x" {
			t.Errorf("%s: the authority is %q", name, p.certificate.Authority)
		}
		var conv conversation
		conv.credit(p)
		if (conv.trace.Device != realms.Identity{}) != (p.device && p.identity != realms.Identity{}) || conv.trace.Certificate.Authority != "x" {
			t.Errorf("%s: trace %+v", name, conv.trace)
		}
	}
}

// A security identifier decides: it finds its account, and a name beside it has to
// be that account's.
func TestSecurityIdentifiers(t *testing.T) {
	ca := theWard().authority
	d := newDomain()
	d.password["host/pc01."+testRealm] = ""
	tagged := certs.SIDTag + amySID
	for name, c := range map[string]struct {
		a      Authority
		names  certs.Names
		outer  string
		want   string // the identity, or the reason
		device bool
	}{
		"with its name":                 {Authority{}, certs.Names{UPN: []string{amy}, SID: amySID}, nobody, amy, false},
		"in a URI":                      {Authority{}, certs.Names{UPN: []string{amy}, URI: []string{tagged}}, nobody, amy, false},
		"in both":                       {Authority{}, certs.Names{UPN: []string{amy}, URI: []string{tagged}, SID: amySID}, nobody, amy, false},
		"in both, and they differ":      {Authority{}, certs.Names{UPN: []string{amy}, URI: []string{tagged}, SID: "S-1-5-21-7"}, nobody, "client-certificate-identity", false},
		"in both, and the URI differs":  {Authority{}, certs.Names{UPN: []string{amy}, URI: []string{certs.SIDTag + "S-1-5-21-7"}, SID: amySID}, nobody, "client-certificate-identity", false},
		"with another's name":           {Authority{}, certs.Names{UPN: []string{amy}, SID: "S-1-5-21-7"}, nobody, "client-certificate-identity", false},
		"of nobody, with a name":        {Authority{}, certs.Names{UPN: []string{amy}, SID: "S-1-5-21-404"}, nobody, "client-certificate-identity", false},
		"alone, hidden":                 {Authority{Identity: []string{"sid"}}, certs.Names{SID: amySID}, nobody, amy, false},
		"alone, by its name":            {Authority{Identity: []string{"sid"}}, certs.Names{SID: amySID}, amy, amy, false},
		"alone, by another's":           {Authority{Identity: []string{"sid"}}, certs.Names{SID: "S-1-5-21-7"}, amy, "client-certificate-identity", false},
		"alone, by nobody's":            {Authority{Identity: []string{"sid"}}, certs.Names{SID: amySID}, "zoe@" + testRealm, "unknown-user", false},
		"alone, disabled":               {Authority{Identity: []string{"sid"}}, certs.Names{SID: "S-1-5-21-7"}, nobody, "account-disabled", false},
		"alone, unknown":                {Authority{Identity: []string{"sid"}}, certs.Names{SID: "S-1-5-21-404"}, nobody, "unknown-user", false},
		"alone, an account without one": {Authority{Identity: []string{"sid"}}, certs.Names{SID: "S-1-5-21-8"}, nobody, "client-certificate-identity", false},
		"before a name of the cloud":    {Authority{Identity: []string{"sid", "upn"}}, certs.Names{SID: amySID, UPN: []string{"amy@cloud.example"}}, nobody, amy, false},
		"wanted, and none there":        {Authority{Identity: []string{"sid"}}, certs.Names{UPN: []string{amy}}, nobody, "client-certificate-identity", false},
		"a computer's":                  {Authority{Identity: []string{"sid"}, Vouches: ForDevices}, certs.Names{SID: "S-1-5-21-9"}, nobody, "PC01$@" + testRealm, true},
		"a computer's, by its name":     {Authority{Identity: []string{"sid"}}, certs.Names{SID: "S-1-5-21-9"}, "host/pc01." + testRealm, "host/pc01." + testRealm, true},
		"a computer's, for anyone":      {Authority{Identity: []string{"sid"}}, certs.Names{SID: "S-1-5-21-9"}, nobody, "PC01$@" + testRealm, true},
		"a computer's, for people":      {Authority{Identity: []string{"sid"}, Vouches: ForPeople}, certs.Names{SID: "S-1-5-21-9"}, nobody, "client-certificate-scope", false},
		"a person's, for devices":       {Authority{Identity: []string{"sid"}, Vouches: ForDevices}, certs.Names{SID: amySID}, nobody, "client-certificate-scope", false},
		"another realm's":               {Authority{Identity: []string{"sid"}, Realms: []string{testSubrealm}}, certs.Names{SID: amySID}, nobody, "client-certificate-scope", false},
	} {
		c.a.Name = "x"
		s := newHall(t, map[string]*certs.Authority{"x": ca}, "x").serve(d, c.a)
		p, err := vouch(t, s, c.outer, deviceOf(ca, c.names))
		got := p.identity.String()
		if err != nil {
			got = string(reasonOf(err))
		}
		if got != c.want || err == nil && p.device != c.device {
			t.Errorf("%s: %s, device %v, want %s (%v)", name, got, p.device, c.want, err)
		}
	}
	// A directory that knows none goes by the name, as ever.
	s := newHall(t, map[string]*certs.Authority{"x": ca}, "x").serve(newMemory())
	if p, err := vouch(t, s, nobody, deviceOf(ca, certs.Names{UPN: []string{amy}, SID: "S-1-5-21-7"})); err != nil || p.identity.String() != amy {
		t.Errorf("%v, %v", p.identity, err)
	}
}

// Descriptions that cannot be kept are refused when the server is made.
func TestAuthoritiesThatAreRefused(t *testing.T) {
	ca := theWard().authority
	for want, list := range map[string][]Authority{
		"described twice":              {{Name: "x"}, {Name: "x"}},
		`no field "name"`:              {{Name: "x", Identity: []string{"name"}}},
		"its directory knows none":     {{Name: "x", Identity: []string{"sid"}}},
		"it can be people or devices":  {{Name: "x", Vouches: "everybody"}},
		`what authority "x" may vouch`: {{Name: "y"}},
	} {
		h := newHall(t, map[string]*certs.Authority{"x": ca}, "x")
		cfg := theWard().config()
		cfg.Keeper, cfg.Authorities = h.keeper(), list
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// An issuer is an authority that signs whatever it is asked to.
type issuer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func (i *issuer) issue(name string, key crypto.Signer, change func(*x509.Certificate)) *issuer {
	if key == nil {
		key = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	}
	t := &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	change(t)
	by := &issuer{t, key}
	if i != nil {
		by = i
	}
	return &issuer{must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, t, by.cert, key.Public(), by.key)))), key}
}

func isCA(c *x509.Certificate) {
	c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
}

func (h *hall) add(name string, c *x509.Certificate) {
	h.write(name+".pem", pemOf(c))
	h.anchors = append(h.anchors, certs.AnchorReference{Name: name, CA: "file:" + filepath.Join(h.dir, name+".pem")})
}

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// One leaf, several ways. The authority nearest to the leaf counts; of several ways
// one that is good is enough; and to leave a way out never gets anybody further.
func TestSeveralWays(t *testing.T) {
	var none *issuer
	rootA, rootB := none.issue("root A", nil, isCA), none.issue("root B", nil, isCA)
	wards := rootA.issue("wards", nil, isCA)
	wardsByB := rootB.issue("wards", wards.key, isCA)
	leaf := wards.issue("", nil, func(c *x509.Certificate) { c.EmailAddresses = []string{amy} }).cert
	along := map[string][]*x509.Certificate{"A": {wards.cert}, "B": {wardsByB.cert}, "A and B": {wards.cert, wardsByB.cert}}
	anchors := map[string]*x509.Certificate{"A": rootA.cert, "B": rootB.cert, "wards": wards.cert}
	narrow := Authority{Vouches: ForDevices} // refuses amy
	for name, c := range map[string]struct {
		order []string
		a     map[string]Authority
		want  map[string]string // by what is sent along: the authority, or the reason
	}{
		"both vouch, the first counts": {order: []string{"A", "B"},
			want: map[string]string{"A": "A", "B": "B", "A and B": "A"}},
		"the other order": {order: []string{"B", "A"},
			want: map[string]string{"A": "A", "B": "B", "A and B": "B"}},
		"one does not": {order: []string{"A", "B"}, a: map[string]Authority{"A": narrow},
			want: map[string]string{"A": "client-certificate-scope", "B": "B", "A and B": "B"}},
		"neither does": {order: []string{"A", "B"}, a: map[string]Authority{"A": narrow, "B": narrow},
			want: map[string]string{"A": "client-certificate-scope", "B": "client-certificate-scope", "A and B": "client-certificate-scope"}},
		"the intermediate speaks for itself": {order: []string{"A", "B", "wards"}, a: map[string]Authority{"wards": narrow},
			want: map[string]string{"A": "client-certificate-scope", "B": "client-certificate-scope", "A and B": "client-certificate-scope"}},
		"and so it does when it may more": {order: []string{"A", "B", "wards"}, a: map[string]Authority{"A": narrow, "B": narrow},
			want: map[string]string{"A": "wards", "B": "wards", "A and B": "wards"}},
		"the intermediate alone": {order: []string{"wards"},
			want: map[string]string{"A": "wards", "B": "wards", "A and B": "wards"}},
	} {
		h := newHall(t, nil)
		var list []Authority
		for _, anchor := range c.order {
			h.add(anchor, anchors[anchor])
			a := c.a[anchor]
			a.Name = anchor
			list = append(list, a)
		}
		s := h.serve(newMemory(), list...)
		for sent, want := range c.want {
			p, err := vouch(t, s, nobody, leaf, along[sent]...)
			got := p.certificate.Authority
			if err != nil {
				got = string(reasonOf(err))
			}
			if got != want {
				t.Errorf("%s, with %s sent along: %s, want %s (%v)", name, sent, got, want, err)
			}
		}
		// Whatever fewer ways get, all of them get, too.
		if _, all := vouch(t, s, nobody, leaf, along["A and B"]...); all != nil {
			for _, sent := range []string{"A", "B"} {
				if _, err := vouch(t, s, nobody, leaf, along[sent]...); err == nil {
					t.Errorf("%s: with only %s sent along it gets further", name, sent)
				}
			}
		}
	}
}

// A list that names a certificate counts on every way, and on each way what stands
// between leaf and anchor is asked about.
func TestRevocationOnEveryWay(t *testing.T) {
	var none *issuer
	rootA, rootB := none.issue("root A", nil, isCA), none.issue("root B", nil, isCA)
	wards := rootA.issue("wards", nil, isCA)
	wardsByB := rootB.issue("wards", wards.key, isCA)
	leaf := wards.issue("", nil, func(c *x509.Certificate) { c.EmailAddresses = []string{amy} }).cert
	list := func(by *issuer, revoked ...*x509.Certificate) string {
		rl := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
		for _, c := range revoked {
			rl.RevokedCertificateEntries = append(rl.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: time.Now()})
		}
		path := filepath.Join(t.TempDir(), "x.crl")
		if err := os.WriteFile(path, must(x509.CreateRevocationList(rand.Reader, rl, by.cert, by.key)), 0o600); err != nil {
			t.Fatal(err)
		}
		return "file:" + path
	}
	for name, c := range map[string]struct {
		lists     []string // of A; B has none
		checkless bool     // B asks nobody
		open      bool     // A accepts what is unknown
		want      map[string]string
	}{
		"nobody is withdrawn": {lists: []string{list(rootA), list(wards)}, checkless: true,
			want: map[string]string{"A": "A", "B": "B"}},
		"the leaf is, and B asks nobody": {lists: []string{list(rootA), list(wards, leaf)}, checkless: true,
			want: map[string]string{"A": "client-certificate-revoked", "B": "client-certificate-revoked", "A and B": "client-certificate-revoked"}},
		"the intermediate is, on A's way": {lists: []string{list(rootA, wards.cert), list(wards)}, checkless: true,
			want: map[string]string{"A": "client-certificate-revoked", "B": "B", "A and B": "B"}},
		"nobody says": {lists: []string{list(rootA)}, checkless: true,
			want: map[string]string{"A": "revocation-unknown"}},
		"nobody says, and A accepts that": {lists: []string{list(rootA)}, checkless: true, open: true,
			want: map[string]string{"A": "A unchecked"}},
		"withdrawn, though A accepts what is unknown": {lists: []string{list(rootA, wards.cert)}, open: true, checkless: true,
			want: map[string]string{"A": "client-certificate-revoked"}},
	} {
		h := newHall(t, nil)
		h.add("A", rootA.cert)
		h.add("B", rootB.cert)
		registry := must(revocation.New(revocation.Config{Anchors: []*x509.Certificate{rootA.cert}, Lists: c.lists}))
		s := h.serve(newMemory(), Authority{Name: "A", Revocation: registry, AcceptUnknown: c.open}, Authority{Name: "B"})
		along := map[string][]*x509.Certificate{"A": {wards.cert}, "B": {wardsByB.cert}, "A and B": {wards.cert, wardsByB.cert}}
		for sent, want := range c.want {
			p, err := vouch(t, s, nobody, leaf, along[sent]...)
			got := p.certificate.Authority
			if p.certificate.Unchecked {
				got += " unchecked"
			}
			if err != nil {
				got = string(reasonOf(err))
			}
			if got != want {
				t.Errorf("%s, with %s sent along: %s, want %s (%v)", name, sent, got, want, err)
			}
			if err != nil && p.identity.String() != amy {
				t.Errorf("%s: the log would not say whose it is", name)
			}
		}
		registry.Close()
	}
}

// What a directory says is asked for last: while it is silent, nothing that was
// withdrawn is taken up again on the strength of an old session.
func TestRevokedBeforeDirectory(t *testing.T) {
	ca := theWard().authority
	leaf := deviceOf(ca, certs.Names{UPN: []string{"lost@" + testRealm}}) // whose directory is silent
	path := filepath.Join(t.TempDir(), "x.crl")
	if err := os.WriteFile(path, must(ca.CRL([]*big.Int{leaf.SerialNumber})), 0o600); err != nil {
		t.Fatal(err)
	}
	registry := must(revocation.New(revocation.Config{Anchors: []*x509.Certificate{ca.Certificate()}, Lists: []string{"file:" + path}}))
	defer registry.Close()
	s := newHall(t, map[string]*certs.Authority{"x": ca}, "x").serve(newMemory(), Authority{Name: "x", Revocation: registry})
	if _, err := vouch(t, s, nobody, leaf); reasonOf(err) != realms.ErrClientCertRevoked {
		t.Errorf("%v", err)
	}
	s.cfg.Authorities[0].Revocation = nil
	p, err := vouch(t, s, nobody, leaf)
	if reasonOf(err) != realms.ErrUnreachable || p.certificate.Authority != "x" {
		t.Errorf("%v, %+v", err, p)
	}
}

// A session outlives neither its certificates nor an anchor, and lives on when the
// anchor is renewed.
func TestWaysOfOldSessions(t *testing.T) {
	var none *issuer
	root := none.issue("root", nil, isCA)
	renewed := none.issue("root", root.key, isCA)
	leaf := root.issue("", nil, func(c *x509.Certificate) {
		c.EmailAddresses, c.NotAfter = []string{amy}, time.Now().Add(30*time.Minute)
	}).cert
	chains := [][]*x509.Certificate{{leaf, root.cert}}
	h := newHall(t, nil)
	h.add("x", renewed.cert)
	s := h.serve(newMemory())
	now := time.Now()
	s.cfg.Now = func() time.Time { return now }
	try := func(what string, want realms.Reason) {
		t.Helper()
		if _, err := s.vouchFor(t.Context(), must(realms.ParseIdentity(nobody)), chains); reasonOf(err) != want {
			t.Errorf("%s: %v", what, err)
		}
	}
	try("with the renewed anchor", "")
	now = now.Add(31 * time.Minute)
	try("the leaf has ended", realms.ErrClientCertUntrusted)
	now = now.Add(-2 * time.Hour)
	try("before its time", realms.ErrClientCertUntrusted)
	now = time.Now()
	other := newHall(t, nil)
	other.add("x", none.issue("root", nil, isCA).cert)
	s.cfg.Keeper = other.keeper()
	try("the anchor is another of its name", realms.ErrClientCertUntrusted)
}

// A policy holds when everybody between the leaf and the anchor has it.
func TestPolicies(t *testing.T) {
	const clinical, office = "1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.2"
	with := func(list ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			for _, text := range list {
				c.Policies = append(c.Policies, must(x509.ParseOID(text)))
			}
		}
	}
	ca := func(list ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { isCA(c); with(list...)(c) }
	}
	var none *issuer
	root := none.issue("root", nil, ca())
	for name, c := range map[string]struct {
		middle func(*x509.Certificate) // nil: no intermediate
		want   string
	}{
		"below the anchor":       {nil, clinical + " " + office},
		"below one with one":     {ca(clinical), clinical},
		"below one with any":     {ca(anyPolicy), clinical + " " + office},
		"below one with none":    {ca(), ""},
		"below one with another": {ca("1.2.3"), ""},
	} {
		by, path := root, []*x509.Certificate{}
		if c.middle != nil {
			by = root.issue("middle", nil, c.middle)
			path = append(path, by.cert)
		}
		leaf := by.issue("leaf", nil, with(clinical, anyPolicy, office)).cert
		path = append(append([]*x509.Certificate{leaf}, path...), root.cert)
		if got := strings.Join(policiesOf(path), " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Holds S4 for withdrawals: a session whose certificate was withdrawn since it began
// is not resumed, and the full log-in that follows is refused; and so with an
// authority whose block was narrowed, and one that knows nothing any more.
func TestS4WithdrawnSince(t *testing.T) {
	for _, version := range versions {
		for name, c := range map[string]struct {
			change func(t *testing.T, d *device, crl string, registry *revocation.Registry)
			want   realms.Reason
		}{
			"withdrawn": {func(t *testing.T, d *device, crl string, registry *revocation.Registry) {
				serial := must(x509.ParseCertificate(theWard().clients[amy].Certificate[0])).SerialNumber
				if err := os.WriteFile(crl, must(theWard().authority.CRL([]*big.Int{serial})), 0o600); err != nil {
					t.Fatal(err)
				}
				registry.Refresh(t.Context())
			}, realms.ErrClientCertRevoked},
			"withdrawn, and the directory is silent": {func(t *testing.T, d *device, crl string, registry *revocation.Registry) {
				serial := must(x509.ParseCertificate(theWard().clients[amy].Certificate[0])).SerialNumber
				if err := os.WriteFile(crl, must(theWard().authority.CRL([]*big.Int{serial})), 0o600); err != nil {
					t.Fatal(err)
				}
				registry.Refresh(t.Context())
				d.server.cfg.Resumption.WithoutDirectory, d.directory.down = true, true
			}, realms.ErrClientCertRevoked},
			"narrowed": {func(_ *testing.T, d *device, _ string, _ *revocation.Registry) {
				d.server.cfg.Authorities[0].Vouches = ForDevices
			}, realms.ErrClientCertAuthority},
			"another realm's": {func(_ *testing.T, d *device, _ string, _ *revocation.Registry) {
				d.server.cfg.Authorities[0].Realms = []string{testSubrealm}
			}, realms.ErrClientCertAuthority},
			"unknown now": {func(t *testing.T, d *device, _ string, _ *revocation.Registry) {
				empty := must(revocation.New(revocation.Config{Anchors: []*x509.Certificate{theWard().authority.Certificate()}}))
				t.Cleanup(empty.Close)
				d.server.cfg.Authorities[0].Revocation = empty
			}, realms.ErrRevocationUnknown},
		} {
			t.Run(name+"/"+tls.VersionName(version), func(t *testing.T) {
				crl := filepath.Join(t.TempDir(), "x.crl")
				if err := os.WriteFile(crl, must(theWard().authority.CRL(nil)), 0o600); err != nil {
					t.Fatal(err)
				}
				registry := must(revocation.New(revocation.Config{Anchors: []*x509.Certificate{theWard().authority.Certificate()}, Lists: []string{"file:" + crl}}))
				t.Cleanup(registry.Close)
				d := newDevice(t, version, "tls", func(c *Config) {
					c.Authorities = []Authority{{Name: certs.ClientCA, Revocation: registry}}
				})
				d.logsIn(false)
				d.logsIn(true) // the session is good: what follows is the change
				c.change(t, d, crl, registry)
				a, p, err := d.login("tls")
				if a.Code != radius.CodeAccessReject || reasonOf(err) != c.want || p.conv.Trace().Resumed {
					t.Fatalf("%v, %v, %+v", a.Code, err, p.conv.Trace())
				}
				if p.conv.Trace().Certificate.Authority != certs.ClientCA {
					t.Errorf("the log would not say whose authority: %+v", p.conv.Trace())
				}
			})
		}
	}
}

// A device that is called by a security identifier alone resumes, too, also while
// its directory is silent.
func TestResumesBySecurityIdentifier(t *testing.T) {
	for _, version := range versions {
		world := newDomain()
		d := newDevice(t, version, "tls", func(c *Config) {
			c.Directory = world
			c.Resumption.WithoutDirectory = true
			c.Authorities = []Authority{{Name: certs.ClientCA, Identity: []string{"sid"}}}
		})
		pair := must(theWard().authority.Device(certs.Options{Names: certs.Names{CommonName: "x", SID: amySID}})).Certificate
		login := func(resumed bool) {
			t.Helper()
			p := d.meet("tls")
			cfg := theWard().clientTLS(version, amy)
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
			cfg.ClientSessionCache = d.wallet
			p.tls = packet.NewClient(cfg)
			t.Cleanup(p.tls.Close)
			answer, err := p.login()
			if err != nil || answer.Code != radius.CodeAccessAccept || p.conv.Trace().Resumed != resumed || p.conv.Trace().Identity.String() != amy {
				t.Fatalf("%v, %v, %+v", answer.Code, err, p.conv.Trace())
			}
			p.conv.(realms.Rememberer).Remember(t.Context())
		}
		login(false)
		login(true)
		world.names = map[string]string{}
		world.fault["amy@"+testRealm] = realms.ErrUnreachable
		d.server.cfg.Directory = silent{world}
		login(true)
	}
}

type silent struct{ *domain }

func (silent) LookupSID(context.Context, string, realms.Identity) (realms.Account, error) {
	return realms.Account{}, fmt.Errorf("no answer: %w", realms.ErrUnreachable)
}

// Malformed identifiers are an error where identifiers count, and nothing elsewhere.
func TestMalformedIdentifiers(t *testing.T) {
	ext := func(value []byte) *x509.Certificate {
		return &x509.Certificate{Extensions: []pkix.Extension{{Id: oidSIDExtension, Value: value}}}
	}
	for name, leaf := range map[string]*x509.Certificate{
		"empty":         ext(nil),
		"garbage":       ext([]byte("S-1-5-21-1")),
		"another kind":  ext([]byte{0x30, 0x0f, 0xa0, 0x0d, 6, 3, 0x2a, 3, 4, 0xa0, 6, 4, 4, 'S', '-', '1', '-'}),
		"an empty text": ext(must(asn1.Marshal([]asn1.RawValue{{FullBytes: append([]byte{0xa0, 0x10, 6, 10}, append(must(asn1.Marshal(oidSID))[2:], 0xa0, 2, 4, 0)...)}}))),
	} {
		if sid, err := sidOf(leaf); !errors.Is(err, realms.ErrClientCertIdentity) {
			t.Errorf("%s: %q, %v", name, sid, err)
		}
	}
	if sid, err := sidOf(&x509.Certificate{}); sid != "" || err != nil {
		t.Errorf("none: %q, %v", sid, err)
	}
}

// Holds S6: whatever an extension holds, reading names ends, with few of them, and
// an identifier that cannot be read is never taken for none.
func FuzzOwner(f *testing.F) {
	ca := theWard().authority
	for _, n := range []certs.Names{{SID: amySID}, {UPN: []string{amy}}, {URI: []string{certs.SIDTag + amySID}, DNS: []string{"pc01." + testRealm}}} {
		for _, e := range deviceOf(ca, n).Extensions {
			f.Add(e.Value, "S-1-5-18")
		}
	}
	s := serve(f, func(c *Config) { c.Directory = newDomain() })
	outer := must(realms.ParseIdentity(nobody))
	a := &Authority{Identity: IdentityFields()}
	f.Fuzz(func(t *testing.T, value []byte, text string) {
		leaf := &x509.Certificate{
			Extensions: []pkix.Extension{{Id: oidSubjectAltName, Value: value}, {Id: oidSIDExtension, Value: value}},
			Subject:    pkix.Name{Names: []pkix.AttributeTypeAndValue{{Type: []int{2, 5, 4, 3}, Value: text}, {Type: []int{2, 5, 4, 5}, Value: text}}},
			DNSNames:   []string{text}, EmailAddresses: []string{text},
		}
		sid, err := sidOf(leaf)
		if (sid == "") == (err == nil) {
			t.Fatalf("identifier %q, error %v", sid, err)
		}
		for _, field := range fields {
			if field.values == nil {
				continue
			}
			names := field.names(leaf, testRealm, len(value)%2 == 0)
			if len(names) > mostNames {
				t.Fatalf("%d names in %s", len(names), field.name)
			}
		}
		if o, err := s.ownerOf(outer, leaf, a); err == nil && !o.bySID() && o.identity.Realm != testRealm && o.identity.Realm != testSubrealm {
			t.Fatalf("another realm's: %v", o.identity)
		}
	})
}
