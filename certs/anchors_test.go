package certs

import (
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"
)

// anchored makes the material of a server that knows these anchors.
func anchored(t *testing.T, clientCA *Authority, more map[string]*Authority, order ...string) (*Material, error) {
	t.Helper()
	h := newHouse(t)
	h.cfg.ClientCA = ""
	if clientCA != nil {
		h.write("ca.pem", clientCA.PEM())
		h.cfg.ClientCA = "file:" + h.path("ca.pem")
	}
	for _, name := range order {
		h.write(name+".pem", more[name].PEM())
		h.cfg.Anchors = append(h.cfg.Anchors, AnchorReference{name, "file:" + h.path(name+".pem")})
	}
	k, err := NewKeeper(h.cfg)
	if err != nil {
		return nil, err
	}
	return k.Current(), nil
}

func named(t *testing.T, name string) *Authority {
	t.Helper()
	a, err := NewAuthority(name, testNow, Options{})
	must(t, err)
	return a
}

func below(t *testing.T, a *Authority, name string) *Authority {
	t.Helper()
	child, err := a.Intermediate(name, Options{})
	must(t, err)
	return child
}

// crossSign has one authority certify another's name and key.
func crossSign(t *testing.T, by, who *Authority) *x509.Certificate {
	t.Helper()
	tmpl := *who.cert
	tmpl.AuthorityKeyId, tmpl.SignatureAlgorithm = nil, 0
	der, err := x509.CreateCertificate(rand.Reader, &tmpl, by.cert, who.key.Public(), by.key)
	must(t, err)
	c, err := x509.ParseCertificate(der)
	must(t, err)
	return c
}

// An intermediate is an anchor like any other, and the anchor nearest to the leaf
// speaks for it, whichever way the chain goes on.
func TestAnchorOf(t *testing.T) {
	root, other := named(t, "root"), named(t, "other root")
	devices := below(t, root, "devices")
	deep := below(t, devices, "deep")
	leafOf := func(a *Authority) *x509.Certificate {
		p, err := a.Client("nurse@northbridge.nhs.uk", Options{})
		must(t, err)
		return p.Certificate.Leaf
	}
	cross := crossSign(t, other, devices)
	all := map[string]*Authority{"devices": devices, "everything": root, "other": other}
	for name, c := range map[string]struct {
		order []string
		chain []*x509.Certificate
		want  string
		path  int
	}{
		"the root":                         {[]string{"everything"}, []*x509.Certificate{leafOf(devices), devices.cert, root.cert}, "everything", 3},
		"an intermediate alone":            {[]string{"devices"}, []*x509.Certificate{leafOf(devices), devices.cert}, "devices", 2},
		"both, the nearer counts":          {[]string{"everything", "devices"}, []*x509.Certificate{leafOf(devices), devices.cert, root.cert}, "devices", 2},
		"both, two below":                  {[]string{"everything", "devices"}, []*x509.Certificate{leafOf(deep), deep.cert, devices.cert, root.cert}, "devices", 3},
		"both, beside it":                  {[]string{"everything", "devices"}, []*x509.Certificate{leafOf(root), root.cert}, "everything", 2},
		"certified by another root":        {[]string{"other", "devices"}, []*x509.Certificate{leafOf(devices), cross, other.cert}, "devices", 2},
		"dropped":                          {[]string{"other"}, []*x509.Certificate{leafOf(devices), devices.cert, root.cert}, "", 0},
		"the anchor's own certificate":     {[]string{"everything"}, []*x509.Certificate{root.cert}, "", 0},
		"an anchor's own below an anchor":  {[]string{"everything", "devices"}, []*x509.Certificate{devices.cert, root.cert}, "everything", 2},
		"nobody":                           {[]string{"everything"}, nil, "", 0},
		"a stranger of the anchor's name":  {[]string{"everything"}, []*x509.Certificate{leafOf(root), named(t, "root").cert}, "", 0},
		"the anchor's key by another name": {[]string{"everything"}, []*x509.Certificate{leafOf(root), crossSign(t, other, &Authority{cert: renamed(root.cert), key: root.key})}, "", 0},
	} {
		m, err := anchored(t, nil, all, c.order...)
		must(t, err)
		anchor, path := m.AnchorOf(c.chain)
		got := ""
		if anchor != nil {
			got = anchor.Name
		}
		if got != c.want || len(path) != c.path {
			t.Errorf("%s: %q and %d certificates, want %q and %d", name, got, len(path), c.want, c.path)
		}
	}
}

func renamed(c *x509.Certificate) *x509.Certificate {
	other := *c
	other.Subject.CommonName, other.RawSubject = "renamed", nil
	return &other
}

func TestAnchorErrors(t *testing.T) {
	a, b := named(t, "one"), named(t, "two")
	if _, err := anchored(t, a, map[string]*Authority{"again": a}, "again"); err == nil || !strings.Contains(err.Error(), `client_ca and authority "again" both hold one`) {
		t.Errorf("one authority in two places: %v", err)
	}
	m, err := anchored(t, a, map[string]*Authority{"two": b}, "two")
	must(t, err)
	if len(m.Anchors) != 2 || m.Anchors[0].Name != ClientCA || m.Anchors[1].Name != "two" || len(m.Authorities) != 2 {
		t.Errorf("%+v", m.Anchors)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	pool.AddCert(b.cert)
	if !m.ClientCAs.Equal(pool) {
		t.Error("handshakes know all anchors")
	}
	ending, err := NewAuthority("ending", testNow, Options{NotAfter: testNow.Add(1)})
	must(t, err)
	m, err = anchored(t, nil, map[string]*Authority{"x": ending}, "x")
	must(t, err)
	for _, f := range m.Lint(testNow.Add(2)) {
		if f.Code == "client-ca-expired" && f.Key == "authority[0].ca" && strings.Contains(f.Text, `authority "x" ending ended on`) {
			return
		}
	}
	t.Error("an anchor's end is not told")
}
