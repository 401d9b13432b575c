package integration

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"causeway/certs"
	"causeway/radiusd/daemon"
	"causeway/radiusd/supplicant"
)

// redis is Debian's redis-server without a disk. {{.store}} is the block by which
// houses share it.
func redis(s *stage, p peer) *process {
	port := s.freeTCP()
	s.know["store"] = fmt.Sprintf("[store]\nkind = \"redis\"\naddresses = [\"127.0.0.1:%d\"]\nkey = \"file:store.key\"", port)
	s.write("store.key", []byte(strings.Repeat("the key of every server ", 2)))
	return &process{
		program: "redis-server",
		args:    []string{"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "no"},
		ready:   answersTCP(port),
	}
}

// A pair is two servers of one configuration that share Redis.
type pair struct {
	*stage
	nodes []string // where each listens
}

func openPair(t *testing.T) *pair {
	t.Helper()
	t.Parallel()
	s := open(t, "common")
	s.story.Peers = []peer{{Kind: "redis"}, {Kind: "slapd", With: map[string]string{"people": "people.ldif"}}}
	s.story.House.Config = "causeway.toml"
	s.begin()
	d := &pair{stage: s, nodes: []string{fmt.Sprint(s.know["auth"])}}
	other, err := daemon.Start(filepath.Join(s.dir, "causeway.toml"), daemon.Options{Watch: s.events.add, Log: s.peers["house"]})
	s.must(err)
	ctx, stop := s.context()
	done := make(chan error, 1)
	go func() { done <- other.Serve(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	auth, _ := other.Addrs()
	d.nodes = append(d.nodes, auth[0].String())
	return d
}

// login has a device log in at one of the two.
func (d *pair) login(node int, mac string, cfg supplicant.Config) (supplicant.Result, error) {
	d.know["node"] = d.nodes[node]
	c := &supplicant.Controller{
		Conn: d.dial("127.0.0.1", "node"), Secret: certs.Secret(sharedSecret), SSID: "NHS-Staff", Calling: mac,
		Timeout: 10 * time.Second, Retries: -1,
	}
	return c.Login(context.Background(), d.peer(cfg))
}

// Holds F6, S20 and P44 for two servers: each resumes what the other began, by every
// method, and places it anew.
func TestF6TwoServersResumeEachOthersSessions(t *testing.T) {
	d := openPair(t)
	for method, cfg := range d.devices() {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			cfg.MinTLS, cfg.MaxTLS, cfg.Sessions = version, version, tls.NewLRUClientSessionCache(4)
			mac := newMAC()
			for n := range 4 {
				result, err := d.login(n%2, mac, cfg)
				want := map[bool]string{true: "110", false: "140"}[method == "tls"]
				if err != nil || !result.Accepted() || result.VLAN != want {
					t.Fatalf("%s, TLS %x, log-in %d: %v on %q, %v", method, version, n+1, result.Code, result.VLAN, err)
				}
				if e := d.events.nth(t, mac, n+1); e.Resumed != (n > 0) || e.VLAN == 0 {
					t.Errorf("%s, TLS %x, log-in %d at server %d: resumed is %v, VLAN %d", method, version, n+1, n%2, e.Resumed, e.VLAN)
				}
			}
		}
	}
}

// Holds S21 for two servers: wrong passwords count at both, whichever hears them.
func TestS21TwoServersCountTogether(t *testing.T) {
	d := openPair(t)
	wrong := func(n int) string {
		mac := newMAC()
		_, _ = d.login(n%2, mac, supplicant.Config{
			Method: "ttls-pap", User: "nurse@" + realm, Identity: "@" + realm, Password: certs.Secret(fmt.Sprint("guess ", n)),
		})
		return d.events.of(t, mac).Reason
	}
	for n := range 6 {
		if reason := wrong(n); reason != "bad-password" {
			t.Fatalf("guess %d: %s", n+1, reason)
		}
	}
	for n := range 4 {
		if reason := wrong(6 + n); reason != "guarded" {
			t.Errorf("guess %d: %s", 7+n, reason)
		}
	}
	if binds := strings.Count(d.peers["slapd"].output(), "err=49"); binds != 6 {
		t.Errorf("slapd heard %d wrong passwords", binds)
	}
}

// Holds F6: with Redis killed, stopped and emptied while devices log in at two
// servers, every log-in succeeds, as a full one; when it is back, they resume again.
func TestF6EveryLogInSucceedsWithoutRedis(t *testing.T) {
	d := openPair(t)
	var stop atomic.Bool
	var all sync.WaitGroup
	var resumed, full atomic.Int64
	for method, cfg := range d.devices() {
		for node := range d.nodes {
			cfg := cfg
			cfg.Sessions = tls.NewLRUClientSessionCache(4)
			mac := newMAC()
			d.know["node"] = d.nodes[node]
			conn := d.dial("127.0.0.1", "node")
			all.Go(func() {
				c := &supplicant.Controller{Conn: conn, Secret: certs.Secret(sharedSecret), SSID: "NHS-Staff", Calling: mac, Timeout: 10 * time.Second, Retries: -1}
				for n := 1; !stop.Load(); n++ {
					result, err := c.Login(context.Background(), d.peer(cfg))
					if err != nil || !result.Accepted() {
						t.Errorf("%s, log-in %d: %v, %v", method, n, result.Code, err)
						return
					}
					if d.events.nth(t, mac, n).Resumed {
						resumed.Add(1)
					} else {
						full.Add(1)
					}
				}
			})
		}
	}
	defer all.Wait()
	defer stop.Store(true)
	// grows waits until there are more log-ins of a kind, so that the next fault meets
	// devices in every state.
	grows := func(what string, of *atomic.Int64) {
		t.Helper()
		limit := time.Now().Add(60 * time.Second)
		for from := of.Load(); of.Load() < from+20; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(limit) || t.Failed() {
				t.Fatalf("%s: %d resumed and %d full log-ins", what, resumed.Load(), full.Load())
			}
		}
	}
	server := d.peers["redis"]
	grows("at first", &resumed)
	server.kill()
	grows("Redis is killed", &full)
	d.must(server.start())
	grows("it is back", &resumed)
	d.must(server.freeze())
	grows("Redis is stopped", &full)
	d.must(server.thaw())
	grows("it goes on", &resumed)
	// A log-in that is under way writes its session anew and may miss the flush: all of
	// them can, when the machine is busy.
	before := full.Load()
	for limit := time.Now().Add(60 * time.Second); full.Load() == before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) || t.Failed() {
			t.Fatal("an emptied Redis has cost nobody a full log-in")
		}
		d.flush()
	}
	grows("Redis is emptied", &resumed)
	if !strings.Contains(d.peers["house"].output(), "the store does not answer") || !strings.Contains(d.peers["house"].output(), "the store answers again") {
		t.Error("the log says nothing of it")
	}
}

// flush empties Redis.
func (d *pair) flush() {
	address := strings.Split(fmt.Sprint(d.know["store"]), "\"")[3]
	conn, err := net.Dial("tcp", address)
	d.must(err)
	defer func() { _ = conn.Close() }()
	_, err = conn.Write([]byte("FLUSHALL\r\n"))
	d.must(err)
	answer := make([]byte, 5)
	_, err = conn.Read(answer)
	d.must(err)
	if string(answer) != "+OK\r\n" {
		d.Fatalf("FLUSHALL: %q", answer)
	}
}
