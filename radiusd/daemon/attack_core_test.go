package daemon

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc4372"

	"causeway/certs"
	"causeway/radiusd/daemon/config"
	"causeway/radiusd/noc"
	"causeway/radiusd/supplicant"
	"causeway/realms"
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

// Holds F3 between core and edge: where the core tells of some groups only, a rule of the
// edge on another group is not passed over, as if nobody were in that group. Rules on
// those that are told go on as ever, for who is in them and who is not.
func TestF3AnEdgeIsToldOfSomeGroups(t *testing.T) {
	for tells, want := range map[string]struct{ nurse, student string }{
		`"Wifi-Clinical", "wifi-quarantine"`: {"666", "110"},
		`"Wifi-Clinical"`:                    {"groups-unknown", "groups-unknown"},
	} {
		p := startPair(t, strings.Replace(coreHalf, "[core]\n", "[core]\ntells = ["+tells+"]\n", 1))
		if err := p.edge.rewrite(t, `ssids = ["Students"]`, `ssids = ["NHS-Staff"]`); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{nurseName: want.nurse, studentName: want.student} {
			result, e := p.login(t, "NHS-Staff", name, name)
			if got := cmp.Or(result.VLAN, e.Reason); got != want {
				t.Errorf("told of %s, %s: %s and not %s (%s)", tells, name, got, want, e.Detail)
			}
		}
	}
}

// Holds R6 at an edge: two people of one name, in two directories of the core, are two
// people for the organisation that they visit.
func TestR6NamesakesAtAnEdge(t *testing.T) {
	p := radius.New(radius.CodeAccessRequest, nil)
	p.Add(rfc4372.ChargeableUserIdentity_Type, radius.Attribute{0})
	file := &config.File{Server: config.Server{Mode: "edge", CUIKey: cuiTestKey}}
	given := func(realm, owner string) string {
		c := conversation{
			house: &house{file: file}, seat: seat{place: place{proxy: "eduroam"}}, operator: "other.example",
			route: realms.Route{Name: coreRoute, Realm: realm, Own: true, Owner: owner},
		}
		return string(c.chargeable(p, realms.Account{Name: "jsmith"}))
	}
	north, student, south := given("northbridge.nhs.uk", "northbridge.nhs.uk"), given("students.northbridge.nhs.uk", "northbridge.nhs.uk"), given("southbridge.nhs.uk", "southbridge.nhs.uk")
	if len(north) != 64 || north != student {
		t.Errorf("one account by two realms: %q and %q", north, student)
	}
	if north == south {
		t.Error("two people have one identity")
	}
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
