package daemon

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"causeway/certs"
	"causeway/radiusd/noc"
	"causeway/radiusd/supplicant"
	"causeway/realms/directory"
)

const coreHalf = `
version = 1
[server]
name   = "Northbridge core"
mode   = "core"
listen = { auth = "127.0.0.1:0", acct = "127.0.0.1:0", radsec = "127.0.0.1:0" }
reject_delay = "0s" # who waits is a story of its own
[radsec]
certificate = "file:radsec.pem"
private_key = "file:radsec.key"
ca          = "file:federation-ca.pem"
[core]
edges = [{ name = "edge1", names = ["edge1.northbridge.nhs.uk"] }]
[eap]
methods     = ["peap"]
certificate = "file:server.pem"
private_key = "file:server.key"
[directory.trust]
kind = "file"
path = "users.toml"
[realm."northbridge.nhs.uk"]
directory = "trust"
subrealms = ["students.northbridge.nhs.uk"]
`

const edgeHalf = `
version = 1
[server]
name          = "Northbridge edge"
mode          = "edge"
operator_name = "northbridge.nhs.uk"
listen        = { auth = "127.0.0.1:0", acct = "127.0.0.1:0" }
reject_delay  = "0s"
[radsec]
certificate = "file:radsec.pem"
private_key = "file:radsec.key"
ca          = "file:federation-ca.pem"
[core]
servers = [{ name = "core", address = "CORE", names = ["radius.example.nhs.uk"] }]
[realm."northbridge.nhs.uk"]
core = true
[realm."students.northbridge.nhs.uk"]
core  = true
ssids = ["Students"]
[zone]
clinical   = { trusted = true }
academic   = {}
quarantine = {}
[vlan]
clinical   = { id = 110, zone = "clinical" }
academic   = { id = 310, zone = "academic" }
quarantine = { id = 666, zone = "quarantine" }
[[ssid]]
name = "NHS-Staff"
[[ssid.rule]]
who   = "own"
group = "Wifi-Quarantine"
vlan  = "quarantine"
[[ssid.rule]]
who  = "own"
vlan = "clinical"
[[ssid]]
name = "Students"
[[ssid.rule]]
who  = "own"
vlan = "academic"
[[site]]
name = "Royal Infirmary"
[[site.controller]]
name         = "royal-wlc"
vendor       = "hostapd"
address      = "127.0.0.1"
secret       = "secret-of-the-daemon-tests"
without_vlan = "reject"
`

// A pair is a core and an edge that asks it.
type pair struct{ core, edge *wardTrust }

func startPair(tb testing.TB, core string) pair {
	tb.Helper()
	p := pair{core: layOutWards(tb, core)}
	p.core.write(tb, "users.toml", fmt.Sprintf("[user.%q]\nnt_hash = \"%x\"\ngroups = [\"Wifi-Clinical\", \"Wifi-Quarantine\"]\n[user.%q]\nnt_hash = \"%x\"\n",
		nurseName, directory.NTHash(testPassword), studentName, directory.NTHash(testPassword)))
	p.core.run(tb)
	p.edge = &wardTrust{trust: &trust{folder: tb.TempDir(), authority: p.core.authority, events: make(chan noc.Event, 1<<10)}, federation: p.core.federation}
	p.edge.write(tb, "federation-ca.pem", string(p.core.federation.PEM()))
	own := mustBe(p.core.federation.Peer([]string{"edge1.northbridge.nhs.uk"}, certs.Options{}))
	p.edge.write(tb, "radsec.pem", string(own.CertPEM))
	p.edge.write(tb, "radsec.key", own.KeyPEM.Reveal())
	config := strings.NewReplacer("CORE", p.core.RadSecAddrs()[0].String(), "radius.example.nhs.uk", testServer).Replace(edgeHalf)
	p.edge.write(tb, "causeway.toml", config)
	p.edge.run(tb)
	return p
}

// login is a device at the edge's controller.
func (p pair) login(tb testing.TB, ssid, outer, inner string) (supplicant.Result, noc.Event) {
	tb.Helper()
	conn, err := net.Dial("udp", p.edge.address)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	c := supplicant.Controller{
		Conn: conn, Secret: testSecret, NASIP: netip.MustParseAddr("127.0.0.1"), SSID: ssid,
		Calling: "02-00-5E-00-53-01", Timeout: 10 * time.Second, Retries: -1,
	}
	result, err := c.Login(tb.Context(), p.edge.peer(tb, func(c *supplicant.Config) { c.User, c.Identity = inner, outer }))
	if err != nil {
		tb.Fatal(err)
	}
	return result, p.edge.event(tb)
}

// Holds R4 at an edge: the core runs two realms as one, and the edge keeps them apart by
// SSID. Who names the one outside is not let in as somebody of the other.
func TestR4AnEdgeKeepsItsRealmsApart(t *testing.T) {
	p := startPair(t, coreHalf)
	const hidden = "anonymous@northbridge.nhs.uk"
	for _, c := range []struct{ ssid, outer, inner, vlan, reason string }{
		{"Students", "anonymous@students.northbridge.nhs.uk", studentName, "310", ""},
		{"NHS-Staff", "anonymous@students.northbridge.nhs.uk", studentName, "", "realm-not-on-ssid"},
		{"NHS-Staff", hidden, studentName, "", "inner-realm-refused"},
		{"NHS-Staff", hidden, nurseName, "666", ""},
	} {
		result, e := p.login(t, c.ssid, c.outer, c.inner)
		if result.Accepted() != (c.reason == "") || result.VLAN != c.vlan || e.Reason != c.reason {
			t.Errorf("%s as %s on %s: %v on VLAN %q, %s (%s)", c.inner, c.outer, c.ssid, result.Code, result.VLAN, e.Reason, e.Detail)
		}
	}
}
