package daemon

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2866"

	"causeway/certs"
	"causeway/radiusd/noc"
	"causeway/radiusd/supplicant"
	"causeway/radiusd/transport"
	"causeway/realms/directory"
)

// wards is a Trust whose controllers speak RadSec, but for one, and which a federation
// asks over RadSec. All of them have one address.
const wards = `
version = 1
[server]
name   = "Northbridge NHS Trust"
listen = { auth = "127.0.0.1:0", acct = "127.0.0.1:0", radsec = "127.0.0.1:0" }
reject_delay = "0s" # who waits is a story of its own
[radsec]
certificate = "file:radsec.pem"
private_key = "file:radsec.key"
ca          = "file:federation-ca.pem"
[eap]
methods     = ["peap"]
certificate = "file:server.pem"
private_key = "file:server.key"
[directory.trust]
kind = "file"
path = "users.toml"
[realm."northbridge.nhs.uk"]
directory = "trust"
[federation.eduroam]
clients = [{ name = "roam1", transport = "radsec", names = ["roam1.example.net"] }]
[zone]
clinical = { trusted = true }
labs     = {}
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
address      = "127.0.0.1"
secret       = "secret-of-the-daemon-tests"
without_vlan = "reject"
[[site.controller]]
name         = "royal-aps"
transport    = "radsec"
names        = ["royal.example.net"]
without_vlan = "reject"
[[site]]
name = "Eastmoor"
vlan = { clinical = 120 }
[[site.controller]]
name         = "eastmoor-aps"
transport    = "radsec"
names        = ["eastmoor.example.net"]
without_vlan = "reject"
`

// A wardTrust is that Trust, with the authority of its peers.
type wardTrust struct {
	*trust
	federation *certs.Authority
}

func layOutWards(tb testing.TB, config string) *wardTrust {
	tb.Helper()
	w := &wardTrust{trust: &trust{folder: tb.TempDir(), events: make(chan noc.Event, 1<<10)}}
	w.authority = mustBe(certs.NewAuthority("people", time.Now(), certs.Options{}))
	w.federation = mustBe(certs.NewAuthority("federation", time.Now(), certs.Options{}))
	w.write(tb, "causeway.toml", config)
	w.write(tb, "federation-ca.pem", string(w.federation.PEM()))
	w.write(tb, "users.toml", fmt.Sprintf("[user.%q]\nnt_hash = \"%x\"\n", nurseName, directory.NTHash(testPassword)))
	server := mustBe(w.authority.Server([]string{testServer}, certs.Options{}))
	w.write(tb, "server.pem", string(server.CertPEM))
	w.write(tb, "server.key", server.KeyPEM.Reveal())
	w.renew(tb, certs.Options{})
	return w
}

// renew gives the server another certificate for RadSec.
func (w *wardTrust) renew(tb testing.TB, o certs.Options) {
	tb.Helper()
	p := mustBe(w.federation.Peer([]string{testServer}, o))
	w.write(tb, "radsec.pem", string(p.CertPEM))
	w.write(tb, "radsec.key", p.KeyPEM.Reveal())
}

// dial connects as the peer of a name.
func (w *wardTrust) dial(tb testing.TB, name string) *tls.Conn {
	tb.Helper()
	p := mustBe(w.federation.Peer([]string{name}, certs.Options{}))
	conn, err := tls.Dial("tcp", w.RadSecAddrs()[0].String(), &tls.Config{
		RootCAs: w.federation.Pool(), ServerName: testServer, Certificates: []tls.Certificate{p.Certificate},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

func (w *wardTrust) login(tb testing.TB, conn net.Conn) (supplicant.Result, noc.Event) {
	tb.Helper()
	c := supplicant.Controller{
		Conn: conn, Secret: transport.RadSecSecret, NASIP: netip.MustParseAddr("127.0.0.1"), SSID: "NHS-Staff",
		Calling: "02-00-5E-00-53-01", Timeout: 10 * time.Second, Retries: -1,
	}
	result, err := c.Login(tb.Context(), w.peer(tb, nil))
	if err != nil {
		tb.Fatal(err)
	}
	return result, w.event(tb)
}

// Holds R30: who asks over RadSec sits where the certificate says, whatever the address;
// a national proxy's answer names no VLAN (R7).
func TestR30SeatsByCertificate(t *testing.T) {
	w := layOutWards(t, wards)
	w.run(t)
	for name, want := range map[string]struct{ client, site, vlan string }{
		"royal.example.net": {"royal-aps", "Royal Infirmary", "110"}, "eastmoor.example.net": {"eastmoor-aps", "Eastmoor", "120"}, "roam1.example.net": {"roam1", "", ""},
	} {
		result, e := w.login(t, w.dial(t, name))
		if !result.Accepted() || result.VLAN != want.vlan || e.Client != want.client || e.Site != want.site {
			t.Errorf("%s: %v on VLAN %q, event of %s at %q", name, result.Code, result.VLAN, e.Client, e.Site)
		}
	}
}

// Holds R51: who came over RadSec holds the zone of their VLAN in a reload, until they
// have left; a peer that a reload takes out is cut off, and the others are not.
func TestR51RadSecReload(t *testing.T) {
	w := layOutWards(t, wards)
	w.run(t)
	royal, eastmoor := w.dial(t, "royal.example.net"), w.dial(t, "eastmoor.example.net")
	for _, conn := range []net.Conn{royal, eastmoor} {
		if result, _ := w.login(t, conn); !result.Accepted() {
			t.Fatal(result.Code)
		}
	}
	w.account(t, royal, rfc2866.AcctStatusType_Value_AccountingOn) // everybody there is gone
	moved := []string{"[vlan]\n", "[vlan]\nlab = { id = 120, zone = \"labs\" }\n", "vlan = { clinical = 120 }", "vlan = { clinical = 130 }"}
	if err := w.rewrite(t, moved...); err == nil || !strings.Contains(err.Error(), "vlan 120 at Eastmoor moves from zone clinical to zone labs with 1 session on it") {
		t.Fatalf("with somebody on it: %v", err)
	}
	w.account(t, eastmoor, rfc2866.AcctStatusType_Value_AccountingOn)
	if err := w.Reload(); err != nil {
		t.Fatalf("with nobody on it: %v", err)
	}
	if result, _ := w.login(t, eastmoor); !result.Accepted() || result.VLAN != "130" {
		t.Errorf("after the reload: %v on VLAN %q", result.Code, result.VLAN)
	}
	if err := w.rewrite(t, `["eastmoor.example.net"]`, `["elsewhere.example.net"]`); err != nil {
		t.Fatal(err)
	}
	if _, err := eastmoor.Read(make([]byte, 1)); err == nil {
		t.Error("a peer that is not in the file any more is still connected")
	}
	if result, _ := w.login(t, royal); !result.Accepted() {
		t.Errorf("another: %v", result.Code)
	}
}

// A reload in mid-conversation changes nothing for who came over RadSec, though somebody
// else has its address.
func TestR51RadSecReloadInMidConversation(t *testing.T) {
	w := layOutWards(t, wards)
	w.run(t)
	writes := 0
	conn := writing{w.dial(t, "eastmoor.example.net"), func() {
		if writes++; writes == 4 {
			if err := w.Reload(); err != nil {
				t.Error(err)
			}
		}
	}}
	if result, e := w.login(t, conn); !result.Accepted() || result.VLAN != "120" || writes < 5 {
		t.Errorf("%v on VLAN %q after %d messages: %s", result.Code, result.VLAN, writes, e.Detail)
	}
}

// writing does something before each write.
type writing struct {
	net.Conn
	before func()
}

func (w writing) Write(b []byte) (int, error) {
	w.before()
	return w.Conn.Write(b)
}

// account sends an Accounting-Request over a connection and waits for the answer.
func (w *wardTrust) account(tb testing.TB, conn net.Conn, status rfc2866.AcctStatusType) {
	tb.Helper()
	p := radius.New(radius.CodeAccountingRequest, []byte("radsec"))
	_ = rfc2866.AcctStatusType_Set(p, status)
	p.Add(30, []byte("02-00-00-00-00-01:NHS-Staff"))
	octets := mustBe(p.Encode())
	if _, err := conn.Write(octets); err != nil {
		tb.Fatal(err)
	}
	reply := make([]byte, 4096)
	n, err := conn.Read(reply)
	if err != nil || !radius.IsAuthenticResponse(reply[:n], octets, []byte("radsec")) {
		tb.Fatalf("%x, %v", reply[:n], err)
	}
}

// Holds F8 for RadSec: a renewed certificate is shown after a reload, and connections
// that are open stay.
func TestF8RadSecCertificateRenewed(t *testing.T) {
	w := layOutWards(t, wards)
	w.run(t)
	before := w.dial(t, "royal.example.net")
	w.renew(t, certs.Options{})
	if err := w.Reload(); err != nil {
		t.Fatal(err)
	}
	after := w.dial(t, "eastmoor.example.net")
	if bytes.Equal(before.ConnectionState().PeerCertificates[0].Raw, after.ConnectionState().PeerCertificates[0].Raw) {
		t.Error("the old certificate is shown")
	}
	if result, _ := w.login(t, before); !result.Accepted() {
		t.Error(result.Code)
	}
	w.write(t, "radsec.key", "no key")
	if err := w.Reload(); err == nil {
		t.Error("a certificate without its key is taken")
	}
}

// What is wrong with a peer is said at its place in the file.
func TestRadSecMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		from, to string
		files    map[string]string
		want     string
	}{
		"not an authority":    {`ca          = "file:federation-ca.pem"`, `ca          = "file:radsec.pem"`, nil, "causeway.toml:10:15: ca: "},
		"no name of a host":   {`["royal.example.net"]`, `["royal"]`, nil, `:42:16: names: "royal"`},
		"a policy of words":   {`names        = ["eastmoor.example.net"]`, `names = ["eastmoor.example.net"]` + "\n" + `policies = ["eduroam"]`, nil, `:51:12: policies: "eduroam" is no object identifier`},
		"a key of another":    {"", "", map[string]string{"radsec.key": "server.key"}, ":9:15: private_key: the key in"},
		"two alike":           {`["eastmoor.example.net"]`, `["*.example.net"]`, nil, `clients "royal-aps" and "eastmoor-aps" would both be whoever shows a certificate for royal.example.net`},
		"an absent authority": {`ca          = "file:federation-ca.pem"`, `ca          = "file:absent.pem"`, nil, "absent.pem"},
	} {
		w := layOutWards(t, strings.Replace(wards, c.from, c.to, 1))
		for to, from := range c.files {
			w.write(t, to, string(mustBe(os.ReadFile(filepath.Join(w.folder, from)))))
		}
		_, err := Start(filepath.Join(w.folder, "causeway.toml"), Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A check where the files of others are not at hand warns, and judges the rest.
func TestRadSecCheckedElsewhere(t *testing.T) {
	w := layOutWards(t, strings.NewReplacer("federation-ca.pem", "absent.pem", "file:radsec", "cred:radsec").Replace(wards))
	i, err := Inspect(filepath.Join(w.folder, "causeway.toml"), time.Now)
	if err != nil || !strings.Contains(i.Warnings.Error(), "absent.pem") {
		t.Errorf("%v, %v", err, i)
	}
}

// Holds F8 for RadSec: a certificate that ends soon, or has ended, is said at its place.
func TestF8RadSecCertificateEnds(t *testing.T) {
	w := layOutWards(t, wards)
	w.renew(t, certs.Options{NotAfter: time.Now().Add(60 * time.Hour)})
	i, err := Inspect(filepath.Join(w.folder, "causeway.toml"), time.Now)
	if err != nil || len(i.Faults) != 1 || !strings.Contains(i.Faults.Error(), ":8:15: the certificate for RadSec: ") {
		t.Errorf("%v, %v", err, i.Faults)
	}
}

// The NOC hears who connected, who was refused and why, once a minute.
func TestRadSecNewsForTheNOC(t *testing.T) {
	w := layOutWards(t, wards+"[log]\nfile = \"log.txt\"\n")
	w.run(t)
	result, _ := w.login(t, w.dial(t, "royal.example.net"))
	if !result.Accepted() {
		t.Fatal(result.Code)
	}
	stranger := w.dial(t, "stranger.example.net") // TLS 1.3 tells it with the first read
	if _, err := stranger.Read(make([]byte, 1)); err == nil {
		t.Fatal("a stranger got in")
	}
	var text string
	for limit := time.Now().Add(10 * time.Second); !strings.Contains(text, "stranger") && time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		w.reportOnce(map[string]uint64{})
		text = w.logText(t)
	}
	for _, want := range []string{"a RadSec peer connected", "client=royal-aps", "radius=1.0", "a RadSec connection was refused", "it is for stranger.example.net, and nobody whom we know has such a name"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log does not say %q:\n%s", want, text)
		}
	}
}
