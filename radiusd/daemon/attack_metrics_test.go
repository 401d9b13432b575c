package daemon

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/certs"
	"causeway/radiusd/transport"
	"causeway/realms"
	"causeway/realms/upstream"
)

// A federation may be called as a partner's realm, and another as that one would be
// called then: the page is whole all the same, and each keeps its own at a reload.
func TestPoolsOfOneName(t *testing.T) {
	servers := func(name string) string {
		return fmt.Sprintf("servers = [{ name = %q, address = %q, secret = %q }]\n", name, acceptAll(t), testSecret)
	}
	house := startTrust(t, strings.NewReplacer(
		`acct = "127.0.0.1:0"`, `acct = "127.0.0.1:0", metrics = "127.0.0.1:0"`,
		"[zone]", "[federation.\"camford.ac.uk\"]\n"+servers("one")+"[federation.\"camford.ac.uk (2)\"]\n"+servers("two")+
			"[realm.\"camford.ac.uk\"]\n"+servers("three")+"[zone]\nvisitor = {}",
		"[vlan]", "[vlan]\nvisitor = { id = 320, zone = \"visitor\" }",
		"[[ssid.rule]]", "federation = \"camford.ac.uk\"\n[[ssid.rule]]\nwho = \"visitor\"\nvlan = \"visitor\"\n[[ssid.rule]]",
		"[[site]]", "[[ssid]]\nname = \"eduroam\"\nfederation = \"camford.ac.uk (2)\"\n[[ssid.rule]]\nwho = \"visitor\"\nvlan = \"visitor\"\n[[site]]",
	).Replace(small))
	for range 2 {
		text := shown(t, house.MetricsAddrs()[0])
		for _, row := range []string{`pool="camford.ac.uk",server="one"`, `pool="camford.ac.uk (2)",server="two"`, `pool="camford.ac.uk (3)",server="three"`} {
			if !strings.Contains(text, "causeway_upstream_requests_total{"+row+"} 0\n") {
				t.Errorf("%s is not shown", row)
			}
		}
		if err := house.Reload(); err != nil {
			t.Fatal(err)
		}
	}
}

// Whoever makes names up does not take the rows of the organisations that there are,
// however often they ask and whether they are refused or met with silence.
func TestMadeUpNamesTakeNoRows(t *testing.T) {
	all := []upstream.RealmStatus{
		{Realm: "made-up.example", Rejected: 99}, {Realm: "unanswered.example", Silent: 99, SilentNow: true},
		{Realm: "small.ac.uk", Accepted: 1}, {Realm: "silent.ac.uk", Accepted: 1, SilentNow: true}, {Realm: "large.ac.uk", Accepted: 5, Rejected: 5},
	}
	slices.SortStableFunc(all, moreTelling)
	var names []string
	for _, r := range all {
		names = append(names, r.Realm)
	}
	if got := strings.Join(names, " "); got != "silent.ac.uk large.ac.uk small.ac.uk unanswered.example made-up.example" {
		t.Errorf("they come as %s", got)
	}
}

// poolAt is a pool of one server that accepts whatever it is asked; it has been asked
// when answered is true.
func poolAt(t *testing.T, name, address string, answered bool) pool {
	t.Helper()
	p, err := upstream.New(upstream.Config{
		Name: name, Dial: transport.DialUDP, Servers: []upstream.Server{{Address: address, Secret: certs.Secret(testSecret), WithoutStatusServer: true}},
		OnChange: func(string, string, string, string) {}, OnHome: func(string, string, bool, string) {}, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if answered {
		request := radius.New(radius.CodeAccessRequest, []byte(testSecret))
		_ = rfc2865.UserName_SetString(request, "somebody@example.org")
		_ = rfc2865.UserPassword_SetString(request, testPassword)
		c := p.Open(realms.Question{From: realms.Identity{Realm: "example.org"}, Packet: request})
		defer c.Close()
		if _, err := c.Answer(context.Background(), request); err != nil {
			t.Fatal(err)
		}
	}
	return pool{name, p}
}

// Anybody may name servers in a DNS of their own: that makes no rows before a member of
// the federation has answered there, and takes none of the file's.
func TestNamesInDNSTakeNoRows(t *testing.T) {
	address := acceptAll(t)
	found := &discovered{realms: make(map[string]*reached)}
	for i := range mostDiscovered {
		realm := fmt.Sprintf("made-up-%d.example", i)
		answered := i < mostFoundShown+10
		found.realms[realm] = &reached{pool: poolAt(t, realm, address, answered).Pool}
	}
	h := &house{pools: []pool{poolAt(t, "zz.ac.uk", address, false)}, found: map[string]*discovered{"eduroam": found}}
	all := h.shownPools()
	if len(all) != 1+mostFoundShown || all[0].name != "zz.ac.uk" {
		t.Errorf("%d pools are shown, the first is %s", len(all), all[0].name)
	}
	for _, p := range all[1:] {
		if !p.answered() {
			t.Errorf("%s is shown: nobody has ever answered there", p.name)
		}
	}
}

// A panic is an alarm as everywhere, and its value is not told: it may be built of what
// a packet said (S17).
func TestAPanicOfTheFigures(t *testing.T) {
	house := startTrust(t, strings.Replace(small, "[server]", "[log]\nfile = \"log.txt\"\n[server]", 1))
	func() {
		defer func() { house.figuresPanicked(recover(), 7) }()
		panic("the password of nurse")
	}()
	eventually(t, "the log is written", func() bool { return strings.Contains(house.logText(t), "the figures ended in a panic") })
	if log := house.logText(t); !strings.Contains(log, "ALARM") || !strings.Contains(log, "untold=7") || !strings.Contains(log, "TestAPanicOfTheFigures") || strings.Contains(log, "nurse") {
		t.Error(log)
	}
}

// An address that cannot be had is told with its place in the file and what to do.
func TestMetricsAddressesThatCannotBeHad(t *testing.T) {
	house := hosting(t)
	taken := house.MetricsAddrs()[0].String()
	for address, want := range map[string]string{
		taken:            ":5:82: metrics cannot listen on " + taken + ": somebody listens there already",
		"192.0.2.1:9812": ":5:82: metrics cannot listen on 192.0.2.1:9812: this machine has no such address",
	} {
		house.write(t, "causeway.toml", strings.ReplaceAll(small, `acct = "127.0.0.1:0"`, `acct = "127.0.0.1:0", metrics = ["127.0.0.1:0", "`+address+`"]`))
		_, err := Start(house.path, Options{Log: io.Discard})
		if err == nil || !strings.HasPrefix(err.Error(), house.path+want) || !strings.Contains(err.Error(), "fix: ") {
			t.Errorf("%s: %v", address, err)
		}
		if Mistakes(err) > 0 { // the file is good: it may do in a moment, and a restart is tried
			t.Errorf("%s is called a mistake of the file", address)
		}
	}
}

// Figures are asked for while the configuration is taken over, people log in and the
// server ends: each page is whole, and the race detector has nothing to say.
func TestFiguresWhileEverythingMoves(t *testing.T) {
	house := hosting(t)
	at := "http://" + house.MetricsAddrs()[0].String() + "/metrics"
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	few := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 3}}
	defer few.CloseIdleConnections()
	var all sync.WaitGroup
	during := func(do func()) {
		all.Go(func() {
			for ctx.Err() == nil {
				do()
			}
		})
	}
	during(func() {
		if err := house.Reload(); err != nil {
			t.Error(err)
		}
	})
	during(func() { house.asksPAP(t, "student@camford.ac.uk", testPassword) })
	for range 3 {
		during(func() {
			reply, err := few.Get(at)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = reply.Body.Close() }()
			text, _ := io.ReadAll(reply.Body)
			if reply.StatusCode != http.StatusOK || !strings.Contains(string(text), "causeway_configuration_loaded_timestamp_seconds") {
				t.Errorf("%s\n%.500s", reply.Status, text)
			}
		})
	}
	all.Wait()
}
