package supplicant

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"layeh.com/radius"

	"causeway/certs"
	"causeway/radiusd/eap/packet"
)

// The supplicant is proved against FreeRADIUS, a server that shares nothing with
// ours, before it meets our own.

const (
	testSecret   = "a shared secret of the test"
	testServer   = "radius.camford.ac.uk"
	testUser     = "alice@camford.ac.uk"
	testPassword = "correct horse"
	testOuter    = "anonymous@camford.ac.uk"
	testComputer = "ward-7.camford.ac.uk"
	testMachine  = "host/" + testComputer
)

// A testWorld is the certificates of one test run.
type testWorld struct {
	authority        *certs.Authority
	roots, strangers *x509.CertPool
	server           certs.Pair
	client, foreign  tls.Certificate
	machine          tls.Certificate
	rootPEM          []byte
}

var newWorld = sync.OnceValues(func() (*testWorld, error) {
	now := time.Now()
	authority, err := certs.NewAuthority("Camford test", now, certs.Options{})
	if err != nil {
		return nil, err
	}
	stranger, err := certs.NewAuthority("Somebody else", now, certs.Options{})
	if err != nil {
		return nil, err
	}
	w := &testWorld{authority: authority, roots: authority.Pool(), strangers: stranger.Pool(), rootPEM: authority.PEM()}
	if w.server, err = authority.Server([]string{testServer}, certs.Options{}); err != nil {
		return nil, err
	}
	client, err := authority.Client(testUser, certs.Options{})
	if err != nil {
		return nil, err
	}
	foreign, err := stranger.Client(testUser, certs.Options{})
	if err != nil {
		return nil, err
	}
	w.client, w.foreign = client.Certificate, foreign.Certificate
	w.machine, err = computer(authority, testComputer)
	return w, err
})

// computer makes the certificate of a computer, as a domain does: its DNS name, and that
// it is a client's.
func computer(a *certs.Authority, name string) (c tls.Certificate, err error) {
	dir, err := os.MkdirTemp("", "authority")
	if err != nil {
		return c, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := a.Save(dir); err != nil {
		return c, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "ca.key"))
	if err != nil {
		return c, err
	}
	block, _ := pem.Decode(text)
	signer, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return c, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Certificate(), key.Public(), signer)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func world(t testing.TB) *testWorld {
	t.Helper()
	w, err := newWorld()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// A freeRADIUS is what a test may choose of the server.
type freeRADIUS struct {
	fragment int
	offer    string // the EAP type that it offers first
	reply    string // statements of "update reply"; empty: the usual
}

const usualReply = `
	&Message-Authenticator := 0x00
	&Tunnel-Type := VLAN
	&Tunnel-Medium-Type := IEEE-802
	&Tunnel-Private-Group-Id := "120"
`

const freeRADIUSConfig = `
name = judge
logdir = %[1]s
run_dir = %[1]s
libdir = /usr/lib/freeradius
max_request_time = 30
max_requests = 16384
security {
	max_attributes = 200
	reject_delay = 0
	status_server = yes
}
client loopback {
	ipaddr = 127.0.0.1
	secret = "%[3]s"
	require_message_authenticator = yes
}
modules {
	eap {
		default_eap_type = %[5]s
		timer_expire = 60
		max_sessions = 1000
		md5 {
		}
		gtc {
			auth_type = PAP
		}
		tls-config common {
			private_key_file = %[1]s/server.key
			certificate_file = %[1]s/server.pem
			ca_file = %[1]s/ca.pem
			fragment_size = %[4]d
			include_length = yes
			cipher_list = "DEFAULT"
			tls_min_version = "1.2"
			tls_max_version = "1.3"
			ecdh_curve = ""
			cache {
				enable = yes
				lifetime = 1
				name = judge
				persist_dir = %[1]s/sessions
			}
		}
		tls {
			tls = common
		}
		ttls {
			tls = common
			default_eap_type = md5
			virtual_server = inner
		}
		peap {
			tls = common
			default_eap_type = gtc
			virtual_server = inner
		}
		mschapv2 {
			send_error = yes
		}
	}
	mschap {
	}
	chap {
	}
	pap {
	}
	files {
		filename = %[1]s/users
	}
}
server outer {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = %[2]d
	}
	authorize {
		eap {
			ok = return
		}
		files
		pap
	}
	authenticate {
		Auth-Type PAP {
			pap
		}
		eap
	}
	post-auth {
		update reply {
			%[6]s
		}
		Post-Auth-Type REJECT {
			update reply {
				&Message-Authenticator := 0x00
			}
		}
	}
}
server inner {
	authorize {
		eap {
			ok = return
		}
		files
		chap
		mschap
		pap
	}
	authenticate {
		Auth-Type PAP {
			pap
		}
		Auth-Type CHAP {
			chap
		}
		Auth-Type MS-CHAP {
			mschap
		}
		eap
	}
}
`

// start runs FreeRADIUS in the foreground until the test ends, and returns its
// address.
func (f freeRADIUS) start(t *testing.T) string {
	t.Helper()
	binary, err := exec.LookPath("freeradius")
	if err != nil {
		t.Skip("freeradius is not installed: run make deps")
	}
	dir := t.TempDir()
	w := world(t)
	port := freePort(t)
	if f.reply == "" {
		f.reply = usualReply
	}
	config := fmt.Sprintf(freeRADIUSConfig, dir, port, testSecret, f.fragment, f.offer, f.reply)
	users := fmt.Sprintf("%s\tCleartext-Password := %q\n", testUser, testPassword)
	for name, content := range map[string][]byte{
		"radiusd.conf": []byte(config), "users": []byte(users), "dictionary": nil,
		"server.key": []byte(w.server.KeyPEM.Reveal()), "server.pem": w.server.CertPEM, "ca.pem": w.rootPEM,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "sessions"), 0o700); err != nil {
		t.Fatal(err)
	}
	runUntilEnd(t, exec.Command(binary, "-X", "-d", dir), "Ready to process requests")
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// runUntilEnd starts the command, waits for the line that says it is ready, and
// ends it with the test. Its last output is shown when the test fails.
func runUntilEnd(t *testing.T, cmd *exec.Cmd, ready string) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	isReady, done := make(chan bool, 1), make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			log.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), ready) {
				isReady <- true
			}
		}
		isReady <- false
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		_ = cmd.Wait()
		if t.Failed() {
			text := log.Bytes()
			t.Logf("%s", text[max(0, len(text)-6000):])
		}
	})
	if !<-isReady {
		t.Fatal("the server did not start")
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return c.LocalAddr().(*net.UDPAddr).Port
}

func (w *testWorld) config(method string, version uint16) Config {
	cfg := Config{
		Method: method, Identity: testOuter, User: testUser, Password: testPassword,
		Roots: w.roots, ServerName: testServer, MinTLS: version, MaxTLS: version,
	}
	switch {
	case strings.HasSuffix(method, "tls"):
		cfg.Certificate = &w.client
	case method == "pap":
		cfg.Identity = testUser
	case method == "teap":
		cfg.Machine = &Credential{Identity: testMachine, Method: "tls", Certificate: &w.machine}
		cfg.Person = &Credential{Identity: testUser, Method: "mschapv2", Password: testPassword}
	}
	return cfg
}

// spoil gives a device the wrong password, or a certificate of somebody else's
// authority.
func (w *testWorld) spoil(cfg *Config) {
	cfg.Password = "wrong"
	if cfg.Certificate != nil {
		cfg.Certificate = &w.foreign
	}
	if cfg.Person != nil {
		person := *cfg.Person
		person.Password, person.Certificate = "wrong", &w.foreign
		cfg.Person = &person
	}
}

// logIn logs one device in over a controller of its own.
func logIn(t *testing.T, address string, cfg Config) (*Peer, Result, error) {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r, err := logInPeer(t, address, p)
	return p, r, err
}

func logInPeer(t *testing.T, address string, p *Peer) (Result, error) {
	t.Helper()
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	c := &Controller{Conn: conn, Secret: testSecret, NASIdentifier: "ward-7", SSID: "eduroam", MaxRounds: 300}
	return c.Login(context.Background(), p)
}

var versions = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

func eapMethods() (names []string) {
	for _, m := range methods {
		if m.kind != 0 {
			names = append(names, m.name)
		}
	}
	return names
}

// otherMethods are those that FreeRADIUS 3.2.1 and Debian's hostapd know.
func otherMethods() []string {
	return slices.DeleteFunc(eapMethods(), func(name string) bool { return name == "teap" })
}

// Holds P24 (Nak: the server offers MD5 first), P40, P41 (fragments), P43, P45, P52
// on the side of the device.
func TestFreeRADIUSLogsIn(t *testing.T) {
	for _, fragment := range []int{100, 1020, 1398} {
		// FreeRADIUS says that it takes 100, and means some more.
		address := freeRADIUS{fragment: max(fragment, 120), offer: "md5"}.start(t)
		for name, version := range versions {
			for _, method := range otherMethods() {
				if fragment == 100 && strings.HasSuffix(method, "-tls") {
					continue // two handshakes in such pieces are more than its 50 rounds
				}
				t.Run(fmt.Sprintf("%s/%s/%d", method, name, fragment), func(t *testing.T) {
					cfg := world(t).config(method, version)
					cfg.FragmentSize = fragment
					if strings.HasPrefix(method, "peap-") {
						// It finds the inner conversation by the identifier of our last
						// fragment, so that what is said inside must come in one.
						cfg.FragmentSize = max(fragment, 140)
					}
					p, r, err := logIn(t, address, cfg)
					if err != nil || !r.Accepted() || !r.KeysMatch || !p.Success() {
						t.Fatalf("%v, stage %s, %+v", err, p.Stage(), r)
					}
					if r.EAP != packet.Success || r.VLAN != "120" || !r.Placed || p.TLS().Version != version {
						t.Fatalf("%+v, TLS %x", r, p.TLS().Version)
					}
					t.Logf("%d rounds, %v", r.Rounds, r.Duration)
				})
			}
		}
	}
}

func TestFreeRADIUSRefuses(t *testing.T) {
	address := freeRADIUS{fragment: 1020, offer: "ttls"}.start(t)
	w := world(t)
	for name, version := range versions {
		for _, method := range otherMethods() {
			t.Run(method+"/"+name+"/wrong credential", func(t *testing.T) {
				cfg := w.config(method, version)
				w.spoil(&cfg)
				p, r, err := logIn(t, address, cfg)
				if err != nil || r.Code != radius.CodeAccessReject || r.EAP != packet.Failure || r.KeysMatch || p.Success() {
					t.Fatalf("%v, stage %s, %+v", err, p.Stage(), r)
				}
				if p.Stage() != StageFailure || p.Err() != nil || p.Keys() != nil {
					t.Fatalf("stage %s, %v", p.Stage(), p.Err())
				}
				if method == "peap-mschapv2" && !strings.HasPrefix(r.Refusal, "E=691 R=") {
					t.Fatalf("refusal %q", r.Refusal)
				}
			})
			t.Run(method+"/"+name+"/wrong CA", func(t *testing.T) {
				cfg := w.config(method, version)
				cfg.Roots = w.strangers
				p, r, err := logIn(t, address, cfg)
				if !errors.Is(err, ErrUntrusted) || r.Code != radius.CodeAccessReject || p.Success() {
					t.Fatalf("%v, stage %s, %+v", err, p.Stage(), r)
				}
			})
			t.Run(method+"/"+name+"/wrong name", func(t *testing.T) {
				cfg := w.config(method, version)
				cfg.ServerName = "evil.example"
				_, r, err := logIn(t, address, cfg)
				if !errors.Is(err, ErrUntrusted) || r.Code != radius.CodeAccessReject {
					t.Fatalf("%v, %+v", err, r)
				}
			})
		}
	}
}

func TestFreeRADIUSPAP(t *testing.T) {
	address := freeRADIUS{fragment: 1020, offer: "ttls"}.start(t)
	cfg := world(t).config("pap", 0)
	_, r, err := logIn(t, address, cfg)
	if err != nil || !r.Accepted() || r.VLAN != "120" || !r.Placed {
		t.Fatalf("%v, %+v", err, r)
	}
	cfg.Password = "wrong"
	_, r, err = logIn(t, address, cfg)
	if err != nil || r.Code != radius.CodeAccessReject {
		t.Fatalf("%v, %+v", err, r)
	}
}

// Holds S1 on the side of the controller: a reply without Message-Authenticator is
// as good as none.
func TestS1FreeRADIUSWithoutMessageAuthenticator(t *testing.T) {
	address := freeRADIUS{fragment: 1020, offer: "ttls", reply: `&Reply-Message := "hello"`}.start(t)
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	p, err := New(world(t).config("pap", 0))
	if err != nil {
		t.Fatal(err)
	}
	c := &Controller{Conn: conn, Secret: testSecret, Timeout: 200 * time.Millisecond, Retries: 1}
	r, err := c.Login(context.Background(), p)
	if !errors.Is(err, ErrNoAnswer) || !errors.Is(err, errNoMessageMAC) || r.Dropped == 0 || r.Code != 0 {
		t.Fatalf("%v, %+v", err, r)
	}
}

// A resumed tunnel skips phase 2 where the server says so.
func TestFreeRADIUSResumes(t *testing.T) {
	address := freeRADIUS{fragment: 1020, offer: "ttls"}.start(t)
	for _, method := range otherMethods() {
		t.Run(method, func(t *testing.T) {
			cfg := world(t).config(method, tls.VersionTLS13)
			cfg.Sessions = tls.NewLRUClientSessionCache(1)
			for try, resumed := range []bool{false, true} {
				p, r, err := logIn(t, address, cfg)
				if err != nil || !r.Accepted() || !r.KeysMatch || p.TLS().DidResume != resumed {
					t.Fatalf("log-in %d: %v, resumed %v, stage %s, %+v", try, err, p.TLS().DidResume, p.Stage(), r)
				}
			}
		})
	}
}

// Several controllers at once, as the benchmarks use them.
func TestFreeRADIUSSideBySide(t *testing.T) {
	address := freeRADIUS{fragment: 1020, offer: "ttls"}.start(t)
	w := world(t)
	for _, method := range append(otherMethods(), "pap") {
		for range 3 {
			t.Run(method, func(t *testing.T) {
				t.Parallel()
				cfg := w.config(method, 0)
				for range 5 {
					if _, r, err := logIn(t, address, cfg); err != nil || !r.Accepted() {
						t.Fatalf("%v, %+v", err, r)
					}
				}
			})
		}
	}
}
