package daemon

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"causeway/certs"
	"causeway/radiusd/daemon/config"
	"causeway/radiusd/eap"
	"causeway/radiusd/noc"
	"causeway/radiusd/supplicant"
	"causeway/realms/directory"
)

// managed is the small Trust with a pair of certificates, one authority of its people
// and one of its tablets.
const managed = `
version = 1
[server]
name   = "Northbridge NHS Trust"
listen = { auth = "127.0.0.1:0", acct = "127.0.0.1:0" }
reject_delay = "0s" # who waits is a story of its own
[eap]
methods     = ["tls", "ttls", "peap"]
certificate = ["file:server.pem", "file:server-rsa.pem"]
private_key = ["file:server.key", "file:server-rsa.key"]
[[eap.authority]]
name        = "people"
ca          = "file:ca.pem"
vouches_for = "people"
crl         = "file:people.crl"
[[eap.authority]]
name        = "tablets"
ca          = "file:tablet-ca.pem"
vouches_for = "devices"
identity    = ["cn"]
directory   = "tablets"
[directory.trust]
kind = "file"
path = "users.toml"
[directory.tablets]
kind = "file"
path = "tablets.toml"
[realm."northbridge.nhs.uk"]
directory = "trust"
[zone]
clinical = { trusted = true }
[vlan]
clinical = { id = 110, zone = "clinical" }
[[ssid]]
name = "NHS-Staff"
[[ssid.rule]]
who  = "@northbridge.nhs.uk"
vlan = "clinical"
[[site]]
name = "Royal Infirmary"
[[site.controller]]
name         = "royal-wlc"
vendor       = "hostapd"
address      = "127.0.0.1"
secret       = "secret-of-the-daemon-tests"
without_vlan = "reject"
`

// A fleet is what a managed Trust's devices have.
type fleet struct {
	*trust
	tablets *certs.Authority
	nurse   certs.Pair
	t7      certs.Pair
}

func startManaged(tb testing.TB, config string) *fleet {
	tb.Helper()
	f := &fleet{trust: &trust{folder: tb.TempDir(), events: make(chan noc.Event, 1<<16)}}
	f.authority = mustBe(certs.NewAuthority("people", time.Now(), certs.Options{}))
	f.tablets = mustBe(certs.NewAuthority("tablets", time.Now(), certs.Options{}))
	f.write(tb, "causeway.toml", config)
	f.write(tb, "ca.pem", string(f.authority.PEM()))
	f.write(tb, "tablet-ca.pem", string(f.tablets.PEM()))
	f.write(tb, "users.toml", fmt.Sprintf("[user.%q]\nnt_hash = \"%x\"\n", nurseName, directory.NTHash(testPassword)))
	f.write(tb, "tablets.toml", "[user.\"t7@northbridge.nhs.uk\"]\n")
	f.revoke(tb)
	f.roll(tb)
	f.nurse = mustBe(f.authority.Client(nurseName, certs.Options{}))
	f.t7 = mustBe(f.tablets.Device(certs.Options{Names: certs.Names{CommonName: "t7"}}))
	f.run(tb)
	return f
}

func mustBe[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// roll issues new certificates to the server.
func (f *fleet) roll(tb testing.TB) (serials map[string]bool) {
	tb.Helper()
	serials = map[string]bool{}
	for name, kind := range map[string]certs.KeyKind{"server": certs.ECDSA, "server-rsa": certs.RSA} {
		p := mustBe(f.authority.Server([]string{testServer}, certs.Options{Key: kind}))
		f.write(tb, name+".pem", string(p.CertPEM))
		f.write(tb, name+".key", p.KeyPEM.Reveal())
		serials[p.Certificate.Leaf.SerialNumber.String()] = true
	}
	return serials
}

// revoke writes the list of the people's authority.
func (f *fleet) revoke(tb testing.TB, revoked ...certs.Pair) {
	tb.Helper()
	var serials []*big.Int
	for _, p := range revoked {
		serials = append(serials, p.Certificate.Leaf.SerialNumber)
	}
	f.write(tb, "people.crl", string(mustBe(f.authority.CRL(serials))))
}

// by makes a peer with a certificate.
func (f *fleet) by(tb testing.TB, p certs.Pair, identity string, wallet tls.ClientSessionCache) *supplicant.Peer {
	tb.Helper()
	return f.peer(tb, func(c *supplicant.Config) {
		c.Method, c.Certificate, c.Identity, c.User, c.Sessions = "tls", &p.Certificate, identity, identity, wallet
	})
}

// login logs in and returns the event.
func (f *fleet) login(tb testing.TB, p *supplicant.Peer) (supplicant.Result, noc.Event) {
	tb.Helper()
	result, _ := f.controller(tb).Login(context.Background(), p)
	return result, f.event(tb)
}

// Each authority vouches for its own, the log names the device and who vouched, and
// a withdrawal is seen on full and on resumed log-ins after a reload.
func TestAuthorities(t *testing.T) {
	f := startManaged(t, managed)
	stray := mustBe(f.tablets.Client(nurseName, certs.Options{}))
	pc := mustBe(f.authority.Device(certs.Options{Names: certs.Names{DNS: []string{"pc01.northbridge.nhs.uk"}}}))
	t8 := mustBe(f.tablets.Device(certs.Options{Names: certs.Names{CommonName: "t8"}}))
	const hidden = "@northbridge.nhs.uk"
	wallets := map[string]tls.ClientSessionCache{"nurse": tls.NewLRUClientSessionCache(1), "t7": tls.NewLRUClientSessionCache(1)}
	for _, step := range []struct {
		name, wallet string
		pair         certs.Pair
		reason       string
		device       string
		authority    string
		resumed      bool
	}{
		{name: "a nurse", pair: f.nurse, wallet: "nurse", authority: "people"},
		{name: "a nurse again", pair: f.nurse, wallet: "nurse", authority: "people", resumed: true},
		{name: "a tablet", pair: f.t7, wallet: "t7", authority: "tablets", device: "t7@northbridge.nhs.uk"},
		{name: "a tablet again", pair: f.t7, wallet: "t7", authority: "tablets", device: "t7@northbridge.nhs.uk", resumed: true},
		{name: "a tablet of no list", pair: t8, authority: "tablets", device: "t8@northbridge.nhs.uk", reason: "unknown-user"},
		{name: "a nurse, by the tablets' authority", pair: stray, authority: "tablets", device: nurseName, reason: "unknown-user"},
		{name: "a computer, by the people's authority", pair: pc, authority: "people", reason: "client-certificate-scope"},
	} {
		p := f.by(t, step.pair, hidden, wallets[step.wallet])
		result, e := f.login(t, p)
		if result.Accepted() != (step.reason == "") || e.Reason != step.reason || e.Device != step.device || e.Authority != step.authority || e.Resumed != step.resumed {
			t.Errorf("%s: accepted %v, %+v", step.name, result.Accepted(), e)
		}
	}
	f.revoke(t, f.nurse)
	if err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	for _, wallet := range []tls.ClientSessionCache{wallets["nurse"], nil} {
		result, e := f.login(t, f.by(t, f.nurse, hidden, wallet))
		if result.Accepted() || e.Reason != "client-certificate-revoked" || e.Resumed || e.Inner != nurseName || !strings.Contains(e.Detail, "people.crl") {
			t.Errorf("withdrawn: accepted %v, %+v", result.Accepted(), e)
		}
	}
	if result, e := f.login(t, f.by(t, f.t7, hidden, wallets["t7"])); !result.Accepted() || !e.Resumed {
		t.Errorf("another authority's session outlives the reload: %+v", e)
	}
	// A list that has ended: nobody knows, and the block says what becomes of it.
	f.write(t, "people.crl", string(mustBe(f.authority.SignCRL(&x509.RevocationList{ThisUpdate: time.Now().Add(-2 * time.Hour), NextUpdate: time.Now().Add(-time.Second)}))))
	f.restart(t)
	if result, e := f.login(t, f.by(t, f.nurse, hidden, nil)); result.Accepted() || e.Reason != "revocation-unknown" || e.Unchecked {
		t.Errorf("unknown: accepted %v, %+v", result.Accepted(), e)
	}
	if err := f.rewrite(t, `crl         = "file:people.crl"`, "crl         = \"file:people.crl\"\nrevocation  = \"accept-unknown\""); err != nil {
		t.Fatal(err)
	}
	if result, e := f.login(t, f.by(t, f.nurse, hidden, nil)); !result.Accepted() || !e.Unchecked {
		t.Errorf("unknown and accepted: accepted %v, %+v", result.Accepted(), e)
	}
}

// restart drops what the registries know, by a reload to a file without them.
func (f *fleet) restart(tb testing.TB) {
	tb.Helper()
	for _, pair := range [][2]string{{`crl         = "file:people.crl"`, "# no list"}, {"# no list", `crl         = "file:people.crl"`}} {
		if err := f.rewrite(tb, pair[0], pair[1]); err != nil {
			tb.Fatal(err)
		}
	}
}

// Holds F8 and F9: under the load of several devices the server's certificates, the
// authorities, their lists and the directories are replaced again and again, and
// no log-in fails; each one that begins afterwards meets the new certificate.
func TestF8F9EverythingChangesUnderLoad(t *testing.T) {
	f := startManaged(t, managed)
	var (
		wait   sync.WaitGroup
		count  atomic.Int64
		stop   = make(chan struct{})
		seen   sync.Map
		worker = func(change func(*supplicant.Config)) {
			controller := f.controller(t)
			wallet := tls.NewLRUClientSessionCache(1)
			wait.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					if n%3 == 0 {
						wallet = tls.NewLRUClientSessionCache(1)
					}
					p := f.peer(t, func(c *supplicant.Config) { c.Sessions = wallet; change(c) })
					result, err := controller.Login(context.Background(), p)
					if err != nil || !result.Accepted() || result.VLAN != "110" {
						t.Errorf("a log-in failed: %v, %v", result.Code, err)
						return
					}
					if state := p.TLS(); !state.DidResume {
						seen.Store(state.PeerCertificates[0].SerialNumber.String(), true)
					}
					count.Add(1)
				}
			})
		}
	)
	certificate := func(p certs.Pair, name string, version uint16) func(*supplicant.Config) {
		return func(c *supplicant.Config) {
			c.Method, c.Certificate, c.Identity, c.User, c.MinTLS, c.MaxTLS = "tls", &p.Certificate, name, name, version, version
		}
	}
	worker(certificate(f.nurse, nurseName, tls.VersionTLS12))
	worker(certificate(f.nurse, nurseName, tls.VersionTLS13))
	worker(certificate(f.t7, "@northbridge.nhs.uk", tls.VersionTLS13))
	worker(func(c *supplicant.Config) { c.Method = "ttls-pap" })
	worker(func(c *supplicant.Config) { c.Method, c.MaxTLS = "peap-mschapv2", tls.VersionTLS12 })

	other := mustBe(certs.NewAuthority("more tablets", time.Now(), certs.Options{}))
	const reloads = 20
	for n := range reloads {
		before := count.Load()
		serials := f.roll(t)
		anchors := string(f.tablets.PEM())
		if n%2 == 0 {
			anchors += string(other.PEM())
		}
		f.write(t, "tablet-ca.pem", anchors)
		f.write(t, "tablets.toml", fmt.Sprintf("[user.\"t7@northbridge.nhs.uk\"]\ngroups = [\"round %d\"]\n", n))
		f.write(t, "users.toml", fmt.Sprintf("[user.%q]\nnt_hash = \"%x\"\ngroups = [\"round %d\"]\n", nurseName, directory.NTHash(testPassword), n))
		f.revoke(t, mustBe(f.authority.Client("leaver@northbridge.nhs.uk", certs.Options{})))
		if err := f.Reload(); err != nil {
			t.Fatal(err)
		}
		// One that begins now meets the new certificate.
		p := f.by(t, f.nurse, nurseName, nil)
		result, err := f.controller(t).Login(context.Background(), p)
		if err != nil || !result.Accepted() || !serials[p.TLS().PeerCertificates[0].SerialNumber.String()] {
			t.Errorf("after reload %d: %v, %v", n, result.Code, err)
		}
		eventually(t, "log-ins go on", func() bool { return t.Failed() || count.Load() >= before+10 })
	}
	close(stop)
	wait.Wait()
	met := 0
	seen.Range(func(any, any) bool { met++; return true })
	if met < reloads/2 {
		t.Errorf("the devices met %d certificates in %d reloads: nothing changed under them", met, reloads)
	}
	t.Logf("%d log-ins, %d certificates met", count.Load(), met)
}

// A bad list, key or authority is refused with its place, by a start and by a reload,
// and changes nothing.
func TestAuthoritiesInTheFile(t *testing.T) {
	f := startManaged(t, managed)
	good := map[string]string{}
	for _, name := range []string{"people.crl", "ca.pem", "tablet-ca.pem", "server-rsa.key", "server-rsa.pem"} {
		text, err := os.ReadFile(filepath.Join(f.folder, name))
		if err != nil {
			t.Fatal(err)
		}
		good[name] = string(text)
	}
	forged := mustBe(certs.NewAuthority("people", time.Now(), certs.Options{}))
	for name, c := range map[string]struct {
		file, content string
		key, text     string
	}{
		"a forged list":               {"people.crl", string(mustBe(forged.CRL(nil))), "eap.authority[0].crl[0]", "not signed by it"},
		"no list":                     {"people.crl", "hello", "eap.authority[0].crl[0]", "no revocation list"},
		"an authority that is none":   {"tablet-ca.pem", string(f.nurse.CertPEM), "eap.authority[1].ca", "is not an authority"},
		"one authority in two blocks": {"tablet-ca.pem", good["ca.pem"], "eap.authority[0].ca", "both hold people"},
		"another's key":               {"server-rsa.key", f.nurse.KeyPEM.Reveal(), "eap.private_key", "server-rsa.key does not match"},
		"no certificate":              {"server-rsa.pem", "", "eap.certificate[1]", "server-rsa.pem is empty"},
	} {
		f.write(t, c.file, c.content)
		err := f.Reload()
		var problems config.Problems
		if !errors.As(err, &problems) || !slices.ContainsFunc(problems, func(p config.Problem) bool {
			return p.Key == c.key && strings.Contains(p.Text, c.text) && p.Line > 0
		}) {
			t.Errorf("%s: %#v", name, err)
		}
		f.write(t, c.file, good[c.file])
		if result, e := f.login(t, f.by(t, f.nurse, nurseName, nil)); !result.Accepted() {
			t.Errorf("%s: it changed something: %+v", name, e)
		}
	}
	f.write(t, "people.crl", string(mustBe(f.authority.SignCRL(&x509.RevocationList{ThisUpdate: time.Now().Add(-2 * time.Hour), NextUpdate: time.Now().Add(-time.Second)}))))
	i, err := Inspect(filepath.Join(f.folder, "causeway.toml"), time.Now)
	if err != nil || len(i.Faults) != 1 || !strings.Contains(i.Faults[0].Text, "the list ended on") {
		t.Errorf("a list that has ended: %v, %v", i, err)
	}
}

// What the file may say of a certificate's fields is what our EAP server knows.
func TestIdentityFieldsOfTheFile(t *testing.T) {
	for _, field := range eap.IdentityFields() {
		text := strings.Replace(managed, `identity    = ["cn"]`, fmt.Sprintf("identity = [%q]", field), 1)
		_, err := config.LoadBytes("x.toml", []byte(text), nil, config.SecretsOptional)
		if err != nil && !strings.Contains(err.Error(), "knows no security identifiers") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// A responder is what an authority of the tests answers to OCSP, on loopback.
type responder struct {
	address string
	by      *certs.Authority
	status  atomic.Int32
	asked   atomic.Int32
	silent  atomic.Bool
}

func respond(tb testing.TB, by func(address string) *certs.Authority) *responder {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	r := &responder{address: "http://" + listener.Addr().String() + "/"}
	r.by = by(r.address)
	server := &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	tb.Cleanup(func() { _ = server.Close(); <-done })
	return r
}

func (r *responder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.asked.Add(1)
	body, err := io.ReadAll(req.Body)
	q, err2 := ocsp.ParseRequest(body)
	if err != nil || err2 != nil || r.silent.Load() {
		http.Error(w, "out of order", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write(mustBe(r.by.OCSP(ocsp.Response{
		Status: int(r.status.Load()), SerialNumber: q.SerialNumber, RevokedAt: time.Now(), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour),
	})))
}

// An answer of OCSP about our own certificate is shown to the devices that ask, in
// both versions of TLS, also after a reload; a responder that is silent stops nothing.
func TestStapling(t *testing.T) {
	f := &fleet{trust: &trust{folder: t.TempDir(), events: make(chan noc.Event, 1<<16)}}
	r := respond(t, func(address string) *certs.Authority {
		f.authority = mustBe(certs.NewAuthority("people", time.Now(), certs.Options{OCSP: address}))
		return f.authority
	})
	f.write(t, "causeway.toml", strings.Replace(small, "client_ca ", "stapling = true\nclient_ca ", 1))
	f.write(t, "ca.pem", string(f.authority.PEM()))
	f.write(t, "users.toml", fmt.Sprintf("[user.%q]\nnt_hash = \"%x\"\n", nurseName, directory.NTHash(testPassword)))
	f.roll(t)
	f.run(t)
	staple := func(version uint16) []byte {
		t.Helper()
		p := f.peer(t, func(c *supplicant.Config) { c.Method, c.MinTLS, c.MaxTLS = "ttls-pap", version, version })
		if result, err := f.controller(t).Login(context.Background(), p); err != nil || !result.Accepted() {
			t.Fatalf("%v, %v", result.Code, err)
		}
		return p.TLS().OCSPResponse
	}
	shows := func(what string, want bool) {
		t.Helper()
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			answer := staple(version)
			if want != (len(answer) > 0) {
				t.Errorf("%s: a staple of %d octets in %s", what, len(answer), tls.VersionName(version))
			}
			if want {
				if said, err := ocsp.ParseResponse(answer, f.authority.Certificate()); err != nil || said.Status != ocsp.Good {
					t.Errorf("%s: %v", what, err)
				}
			}
		}
	}
	shows("at first", true)
	if err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	if r.asked.Load() != 1 {
		t.Errorf("a reload of the same certificate asks again: %d times", r.asked.Load())
	}
	shows("after a reload", true)
	f.roll(t)
	if err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	shows("of another certificate", true)
	r.silent.Store(true)
	f.roll(t)
	if err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	shows("while the responder is silent", false)
	if err := f.rewrite(t, "stapling = true", "stapling = false"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no watch runs on", func() bool {
		f.watches.mu.Lock()
		defer f.watches.mu.Unlock()
		return len(f.watches.open) == 0
	})
}

// What a responder says is seen on full and on resumed log-ins; when it falls silent,
// the block decides, and the log is told once.
func TestOCSPOfClients(t *testing.T) {
	var f *fleet
	r := respond(t, func(string) *certs.Authority { return nil })
	text := strings.Replace(managed, `crl         = "file:people.crl"`, fmt.Sprintf("ocsp        = %q", r.address), 1)
	f = startManaged(t, strings.Replace(text, "[server]", "[log]\nfile = \"log.txt\"\n[server]", 1))
	r.by = f.authority
	wallet := tls.NewLRUClientSessionCache(1)
	for _, resumed := range []bool{false, true} {
		if result, e := f.login(t, f.by(t, f.nurse, nurseName, wallet)); !result.Accepted() || e.Resumed != resumed {
			t.Fatalf("good: %v, %+v", result.Code, e)
		}
	}
	if r.asked.Load() != 1 {
		t.Errorf("asked %d times: the answer is not remembered", r.asked.Load())
	}
	r.status.Store(ocsp.Revoked)
	if err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	for _, w := range []tls.ClientSessionCache{wallet, nil} {
		if result, e := f.login(t, f.by(t, f.nurse, nurseName, w)); result.Accepted() || e.Reason != "client-certificate-revoked" || e.Resumed {
			t.Errorf("withdrawn: %v, %+v", result.Code, e)
		}
	}
	doctor := mustBe(f.authority.Client("doctor@northbridge.nhs.uk", certs.Options{}))
	r.silent.Store(true)
	if result, e := f.login(t, f.by(t, doctor, "doctor@northbridge.nhs.uk", nil)); result.Accepted() || e.Reason != "revocation-unknown" {
		t.Errorf("silent: %v, %+v", result.Code, e)
	}
	if err := f.rewrite(t, "ocsp        =", "revocation = \"accept-unknown\"\nocsp        ="); err != nil {
		t.Fatal(err)
	}
	f.write(t, "users.toml", "[user.\"doctor@northbridge.nhs.uk\"]\n")
	if err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	if result, e := f.login(t, f.by(t, doctor, "doctor@northbridge.nhs.uk", nil)); !result.Accepted() || !e.Unchecked {
		t.Errorf("silent, and accepted: %v, %+v", result.Code, e)
	}
	f.lines(t, `a source of revocations does not work.*authority people`, 1)
}
