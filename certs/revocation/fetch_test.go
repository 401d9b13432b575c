package revocation

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"causeway/certs"
)

const (
	listPage = "pki.example.org/devices.crl"
	listURL  = "http://" + listPage
)

// inTime runs a test in a time of its own, with an authority and a web.
func inTime(t *testing.T, run func(t *testing.T, p *pki, w *web, d *diary)) {
	synctest.Test(t, func(t *testing.T) { run(t, newPKI(), newWeb(t), &diary{}) })
}

// A list is fetched before it ends, again and again; when that fails the one at
// hand counts until its end, and each change is told once.
func TestListsAreFetchedBeforeTheyEnd(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, d *diary) {
		w.put(listPage, crl(p.root, nil))
		r := open(t, p, Config{Lists: []string{listURL}, Dial: w.dial, OnChange: d.add})
		r.Ready(t.Context())
		expect(t, r, "fetched", p.chain(p.nurse), "good")
		w.put(listPage, crl(p.root, nil, p.nurse))
		pass(time.Hour + time.Second) // in this time it takes none
		expect(t, r, "an hour later", p.chain(p.nurse), "withdrawn")
		if n, _ := d.last(); n != 0 {
			t.Errorf("%d changes are told while all is well", n)
		}

		w.remove(listPage)
		pass(2 * time.Hour)
		n, c := d.last()
		if n != 1 || c.Good || c.Until.IsZero() || !strings.Contains(c.Why, "404") || !strings.Contains(c.Why, listURL) {
			t.Errorf("%d changes, the last %+v", n, c)
		}
		expect(t, r, "the list at hand counts", p.chain(p.doctor), "good")
		if asked := w.times(listPage); asked < 5 || asked > 30 {
			t.Errorf("asked %d times in three hours", asked)
		}
		pass(24 * time.Hour)
		expect(t, r, "it has ended", p.chain(p.doctor), "unknown")
		expect(t, r, "and says still who is withdrawn", p.chain(p.nurse), "withdrawn")
		n, c = d.last()
		if n != 2 || c.Good || !c.Until.IsZero() {
			t.Errorf("%d changes, the last %+v", n, c)
		}
		if found := r.Troubles(); len(found) != 1 || found[0].Source != listURL {
			t.Errorf("troubles %+v", found)
		}
		w.put(listPage, crl(p.root, nil, p.nurse))
		pass(latestRetry + time.Second)
		expect(t, r, "it is there again", p.chain(p.doctor), "good")
		if n, c = d.last(); n != 3 || !c.Good {
			t.Errorf("%d changes, the last %+v", n, c)
		}
	})
}

// A short list is fetched at half of its life.
func TestShortListsAreFetchedOften(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, d *diary) {
		w.answer(listPage, func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = rw.Write(crl(p.root, func(l *x509.RevocationList) { l.ThisUpdate, l.NextUpdate = time.Now(), time.Now().Add(20*time.Minute) }))
		})
		r := open(t, p, Config{Lists: []string{listURL}, Dial: w.dial, OnChange: d.add})
		r.Ready(t.Context())
		for range 200 {
			pass(time.Minute)
			expect(t, r, "at any time", p.chain(p.nurse), "good")
		}
		if n, c := d.last(); n != 0 {
			t.Errorf("%d changes, the last %+v", n, c)
		}
	})
}

// What is fetched takes the place of the list in use only when it is newer, of the
// same issuer, and signed by it.
func TestWhatDoesNotTakeTheListsPlace(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, d *diary) {
		w.put(listPage, crl(p.root, nil, p.nurse))
		r := open(t, p, Config{Lists: []string{listURL}, Dial: w.dial, OnChange: d.add})
		r.Ready(t.Context())
		forger := must(certs.NewAuthority("devices", time.Now(), certs.Options{}))
		for name, c := range map[string]struct {
			text []byte
			why  string
		}{
			"an older list":    {crl(p.root, func(l *x509.RevocationList) { l.ThisUpdate = time.Now().Add(-2 * time.Hour) }), "older than the one in use"},
			"a forged list":    {crl(forger, nil), "not signed by it"},
			"another issuer's": {crl(p.middle, nil), "another issuer's list"},
			"a page of HTML":   {[]byte("<html>Log in to the guest network</html>"), "no revocation list"},
			"nothing":          {nil, "no revocation list"},
			"too much":         {make([]byte, mostListOctets+1), "larger than 32 MiB"},
		} {
			w.put(listPage, c.text)
			r.Refresh(t.Context())
			if _, last := d.last(); last.Good || !strings.Contains(last.Why, c.why) {
				t.Errorf("%s: %+v", name, last)
			}
			expect(t, r, name, p.chain(p.nurse), "withdrawn")
			expect(t, r, name, p.chain(p.doctor), "good")
			w.put(listPage, crl(p.root, nil, p.nurse))
			r.Refresh(t.Context())
			if _, last := d.last(); !last.Good {
				t.Errorf("%s: it is not well again: %+v", name, last)
			}
		}
		// Another issuer's list does when ours has ended, and its issuer is known.
		pass(48 * time.Hour)
		w.put(listPage, crl(p.middle, nil))
		r.Refresh(t.Context())
		expect(t, r, "after its end", p.chain(p.nurse), "withdrawn")
		_ = r.Check(t.Context(), p.chain(p.porter))
		r.Refresh(t.Context())
		expect(t, r, "after its end, its issuer known", p.chain(p.nurse), "unknown")
	})
}

// A list that somebody on the way to the server made up for an issuer that nobody
// knows, good for years, does not keep the authority's own out.
func TestAStrangersListKeepsNobodyOut(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, d *diary) {
		years := func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = time.Now(), time.Now().AddDate(10, 0, 0)
		}
		for what, stranger := range map[string]*certs.Authority{
			"of nobody": must(certs.NewAuthority("nobody", time.Now(), certs.Options{})),
			"in the intermediate's name": must(must(certs.NewAuthority("others", time.Now(), certs.Options{})).
				Intermediate("wards", certs.Options{})),
		} {
			w.put(listPage, crl(stranger, years))
			folder := t.TempDir()
			r := open(t, p, Config{Lists: []string{listURL}, Dial: w.dial, OnChange: d.add, Folder: folder})
			r.Ready(t.Context())
			expect(t, r, what, p.chain(p.nurse), "unknown")
			_ = r.Check(t.Context(), p.chain(p.porter)) // so that the intermediate is known
			for name, ours := range map[string]*certs.Authority{"root": p.root, "intermediate": p.middle} {
				if (name == "root") == (what == "of nobody") {
					w.put(listPage, crl(ours, nil, p.nurse, p.porter))
				}
			}
			r.Refresh(t.Context())
			if what == "of nobody" {
				expect(t, r, "then the root's own", p.chain(p.nurse), "withdrawn")
			} else {
				expect(t, r, "then the intermediate's own", p.chain(p.porter), "withdrawn")
			}
		}
	})
}

// A file is read again within seconds of its change, and a bad one changes nothing.
func TestFilesAreReadAgain(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, _ *web, d *diary) {
		path := file(t, crl(p.root, nil))
		r := open(t, p, Config{Lists: []string{"file:" + path}, OnChange: d.add})
		expect(t, r, "at first", p.chain(p.nurse), "good")
		write(t, path, crl(p.root, nil, p.nurse))
		pass(fileEvery + time.Second)
		expect(t, r, "changed", p.chain(p.nurse), "withdrawn")
		write(t, path, []byte("half written"))
		pass(fileEvery)
		expect(t, r, "a bad one", p.chain(p.nurse), "withdrawn")
		if n, c := d.last(); n != 1 || c.Good || c.Source != "file:"+path {
			t.Errorf("%d changes, the last %+v", n, c)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		pass(fileEvery)
		expect(t, r, "none", p.chain(p.nurse), "withdrawn")
		write(t, path, crl(p.root, nil))
		pass(fileEvery)
		expect(t, r, "there again", p.chain(p.nurse), "good")
		if n, c := d.last(); n != 2 || !c.Good {
			t.Errorf("%d changes, the last %+v", n, c)
		}
		pass(25 * time.Hour)
		expect(t, r, "ended", p.chain(p.nurse), "unknown")
		if n, c := d.last(); n != 3 || c.Good || !strings.Contains(c.Why, "ended on") {
			t.Errorf("%d changes, the last %+v", n, c)
		}
	})
}

// A restart without a network knows what was fetched before; what somebody put into
// the folder counts for nothing without a signature.
func TestFolder(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, d *diary) {
		folder := filepath.Join(t.TempDir(), "lists")
		w.put(listPage, crl(p.root, nil, p.nurse))
		r := open(t, p, Config{Lists: []string{listURL}, Folder: folder, Dial: w.dial})
		r.Ready(t.Context())
		r.Close()
		dead := func(context.Context, string, string) (net.Conn, error) { return nil, fmt.Errorf("no network") }
		r = open(t, p, Config{Lists: []string{listURL}, Folder: folder, Dial: dead, OnChange: d.add})
		expect(t, r, "at once", p.chain(p.nurse), "withdrawn")
		expect(t, r, "at once", p.chain(p.doctor), "good")
		r.Ready(t.Context())
		if n, c := d.last(); n != 1 || c.Good || c.Until.IsZero() {
			t.Errorf("%d changes, the last %+v", n, c)
		}
		kept := must(filepath.Glob(filepath.Join(folder, "*")))
		if len(kept) != 1 || must(os.Stat(kept[0])).Mode().Perm() != 0o600 {
			t.Fatalf("kept %v", kept)
		}
		write(t, kept[0], crl(must(certs.NewAuthority("devices", time.Now(), certs.Options{})), nil))
		r = open(t, p, Config{Lists: []string{listURL}, Folder: folder, Dial: dead})
		expect(t, r, "forged", p.chain(p.doctor), "unknown")
		if _, err := New(Config{Folder: filepath.Join(kept[0], "x")}); err == nil {
			t.Error("a folder that cannot be made is no error")
		}
	})
}

// A slow server costs a log-in nothing, and a fetch has an end.
func TestSlowServers(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, d *diary) {
		w.answer(listPage, func(rw http.ResponseWriter, r *http.Request) {
			_, _ = rw.Write([]byte{0x30})
			rw.(http.Flusher).Flush()
			<-r.Context().Done()
		})
		began := time.Now()
		r := open(t, p, Config{Lists: []string{listURL}, Dial: w.dial, OnChange: d.add})
		expect(t, r, "meanwhile", p.chain(p.nurse), "unknown")
		if waited := time.Since(began); waited != 0 {
			t.Errorf("a log-in waited %v for a list of the configuration", waited)
		}
		r.Ready(t.Context())
		if waited := time.Since(began); waited != fetchTimeout {
			t.Errorf("a fetch took %v", waited)
		}
		if n, _ := d.last(); n != 1 {
			t.Errorf("%d changes", n)
		}
	})
}

// Of the addresses that a certificate names, those count that the configuration
// allows: no other is ever dialled.
func TestAddressesOfCertificates(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, _ *diary) {
		list := func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(crl(p.root, nil)) }
		for _, page := range []string{"pki.example.org/crl/a.crl", "evil.example.org/crl/a.crl", "pki.example.org/secret"} {
			w.answer(page, list)
		}
		w.answer("pki.example.org/crl/loop", func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "http://evil.example.org/crl/a.crl", http.StatusFound)
		})
		w.answer("pki.example.org/crl/moved", func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "/crl/a.crl", http.StatusMovedPermanently)
		})
		for name, want := range map[string]string{
			"http://pki.example.org/crl/a.crl":              "good",
			"http://PKI.example.org:80/crl/a.crl":           "good",
			"http://pki.example.org/crl/moved":              "good",
			"http://pki.example.org/crl/loop":               "unknown", // it would lead elsewhere
			"http://pki.example.org/crl/none":               "unknown",
			"http://evil.example.org/crl/a.crl":             "not asked",
			"https://pki.example.org/crl/a.crl":             "not asked",
			"http://pki.example.org:8080/crl/a.crl":         "not asked",
			"http://pki.example.org/secret":                 "not asked",
			"http://pki.example.org/crl/../secret":          "not asked",
			"http://pki.example.org/crl/%2e%2e/secret":      "not asked",
			"http://pki.example.org/crl%2fa.crl":            "not asked",
			"http://pki.example.org/crl//a.crl":             "not asked",
			"http://pki.example.org/crlx/a.crl":             "not asked",
			"http://user@pki.example.org/crl/a.crl":         "not asked",
			"http://pki.example.org@evil.example.org/crl/a": "not asked",
			"http://169.254.169.254/latest":                 "not asked",
			"http:pki.example.org/crl/a.crl":                "not asked",
			"file:///etc/passwd":                            "not asked",
			"ldap:///CN=devices":                            "not asked",
		} {
			w.mu.Lock()
			w.dials, w.asked = 0, map[string]int{}
			w.mu.Unlock()
			// The certificate has been verified; what it names was signed with it.
			leaf := *p.nurse
			leaf.CRLDistributionPoints, leaf.OCSPServer = []string{name}, []string{name}
			r := open(t, p, Config{Allowed: []string{"http://pki.example.org/crl/"}, Dial: w.dial})
			chain := []*x509.Certificate{&leaf, p.root.Certificate()}
			if want != "not asked" {
				expect(t, r, name, chain, want)
			} else {
				expect(t, r, name, chain, "unknown")
				if w.dialled() != 0 {
					t.Errorf("%s was dialled", name)
				}
			}
			if n := w.times("evil.example.org/crl/a.crl"); n != 0 {
				t.Errorf("%s led to evil.example.org", name)
			}
			r.Close()
		}
	})
}

// However many addresses certificates name, few are kept and asked.
func TestAddressesOfCertificatesAreBounded(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, _ *diary) {
		r := open(t, p, Config{Lists: []string{listURL}, Allowed: []string{"http://pki.example.org/"}, Dial: w.dial})
		for i := range 200 {
			leaf := *p.nurse
			leaf.CRLDistributionPoints = []string{fmt.Sprintf("http://pki.example.org/?%d", i)}
			_ = r.Check(t.Context(), []*x509.Certificate{&leaf, p.root.Certificate()})
		}
		if n := len(*r.sources.Load()); n != 1+mostSources {
			t.Errorf("%d sources", n)
		}
		for i := range 200 {
			r.meet([]*x509.Certificate{p.nurse, {Raw: []byte{byte(i)}}})
		}
		if n := len(*r.issuers.Load()); n != 1+mostIssuers {
			t.Errorf("%d issuers", n)
		}
	})
}

func TestBelow(t *testing.T) {
	for _, c := range []struct {
		inner, outer string
		want         bool
	}{
		{"", "", true}, {"/", "", true}, {"/a", "/", true}, {"/a", "/a", true}, {"/a/b", "/a", true}, {"/a/", "/a", true}, {"/a", "/a/", false},
		{"/ab", "/a", false}, {"/a/../b", "/a", false}, {"/a/.", "/a", false}, {"/a/%2E%2e/b", "/a", false}, {"/a\\b", "/a", false}, {"", "/a", false},
	} {
		if got := below(c.inner, c.outer); got != c.want {
			t.Errorf("%q below %q: %v", c.inner, c.outer, got)
		}
	}
	for _, text := range []string{"", "x", "ldap://x/", "http://", "http:///x", "http://u@x/", "http://x/#y", "http:x", "://"} {
		if _, err := New(Config{Allowed: []string{text}}); err == nil {
			t.Errorf("%q is taken for an address", text)
		}
		if _, err := New(Config{Responder: text}); err == nil && text != "" {
			t.Errorf("%q is taken for a responder", text)
		}
		if _, err := New(Config{Lists: []string{text}}); err == nil {
			t.Errorf("%q is taken for a list", text)
		}
	}
	a, b := must(url.Parse("http://x/")), must(url.Parse("https://x/"))
	if !sameServer(a, b) || sameServer(b, a) || sameServer(a, must(url.Parse("http://x:22/"))) {
		t.Error("a redirect may go from http to https, and nowhere else")
	}
}
