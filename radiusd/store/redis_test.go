package store_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"causeway/certs"
	"causeway/radiusd/store"
	"causeway/radiusd/store/storetest"
)

// A redisServer is Debian's redis-server in a folder of its own.
type redisServer struct {
	t       *testing.T
	dir     string
	port    int
	address string
	args    []string
	cmd     *exec.Cmd
	secure  []string // options of redis-cli
}

func startRedis(t *testing.T, args ...string) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed: run make deps")
	}
	port := freePort(t)
	s := &redisServer{t: t, dir: t.TempDir(), port: port, address: fmt.Sprintf("127.0.0.1:%d", port)}
	s.args = append([]string{"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "no"}, args...)
	s.start()
	return s
}

func freePort(t *testing.T) int {
	t.Helper()
	for { // the bus of a Cluster is at the port and ten thousand
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		if port := l.Addr().(*net.TCPAddr).Port; port < 55_000 {
			return port
		}
	}
}

func (s *redisServer) start() {
	s.t.Helper()
	var out bytes.Buffer
	s.cmd = exec.Command("redis-server", s.args...)
	s.cmd.Stdout, s.cmd.Stderr = &out, &out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	cmd := s.cmd
	s.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 200 {
		if conn, err := net.Dial("tcp", s.address); err == nil {
			_ = conn.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatalf("redis-server does not start:\n%s", out.String())
}

func (s *redisServer) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func (s *redisServer) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// cli asks redis-cli, as an administrator of Redis would.
func (s *redisServer) cli(args ...string) string {
	s.t.Helper()
	out, err := exec.Command("redis-cli", append(append([]string{"-p", fmt.Sprint(s.port)}, s.secure...), args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("redis-cli %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (s *redisServer) config() store.RedisConfig {
	return store.RedisConfig{Addresses: []string{s.address}, Call: time.Second}
}

func openRedis(t *testing.T, cfg store.RedisConfig) *store.Redis {
	t.Helper()
	r, err := store.NewRedis(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// aclLine is what docs/store.md tells an administrator to give the server.
const aclLine = "~causeway:* +get +set +del +incrby +expire +multi +exec +ping"

func TestRedisConforms(t *testing.T) {
	kinds := map[string]func(t *testing.T) store.RedisConfig{
		"one server":  func(t *testing.T) store.RedisConfig { return startRedis(t).config() },
		"TLS and ACL": func(t *testing.T) store.RedisConfig { cfg, _ := secureRedis(t); return cfg },
		"Sentinel":    sentinel,
		"Cluster":     cluster,
	}
	for name, start := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := start(t)
			for _, sealed := range []bool{false, true} {
				n := 0
				storetest.Conformance(t, func(t *testing.T) storetest.Bench {
					n++
					cfg := cfg
					cfg.Prefix = fmt.Sprintf("causeway:%v:%d:", sealed, n) // an empty store each time
					var s store.Store = openRedis(t, cfg)
					if sealed {
						s = seal(s, time.Now)
					}
					return storetest.Bench{Store: s, Pass: time.Sleep}
				})
			}
		})
	}
}

// secureRedis wants TLS and knows one user, with the rights of docs/store.md.
func secureRedis(t *testing.T) (store.RedisConfig, *redisServer) {
	t.Helper()
	authority, err := certs.NewAuthority("redis", time.Now(), certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Server([]string{"redis.test"}, certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := write("ca.pem", authority.PEM())
	port := freePort(t)
	s := startRedis(t, "--tls-port", fmt.Sprint(port), "--tls-cert-file", write("cert.pem", pair.CertPEM),
		"--tls-key-file", write("key.pem", []byte(pair.KeyPEM.Reveal())), "--tls-ca-cert-file", ca, "--tls-auth-clients", "no")
	s.cli(strings.Fields("ACL SETUSER causeway on >canary-password " + aclLine)...)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM())
	return store.RedisConfig{
		Addresses: []string{fmt.Sprintf("127.0.0.1:%d", port)}, User: "causeway", Password: "canary-password", Call: time.Second,
		TLS: &tls.Config{RootCAs: roots, ServerName: "redis.test", MinVersion: tls.VersionTLS12},
	}, s
}

func sentinel(t *testing.T) store.RedisConfig {
	master := startRedis(t)
	port := freePort(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor causeway 127.0.0.1 %d 1\n", port, dir, master.port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &redisServer{t: t, port: port, address: fmt.Sprintf("127.0.0.1:%d", port), args: []string{file, "--sentinel"}}
	s.start()
	return store.RedisConfig{Addresses: []string{s.address}, Master: "causeway", Call: time.Second}
}

func cluster(t *testing.T) store.RedisConfig {
	cfg := store.RedisConfig{Call: time.Second}
	var first *redisServer
	for range 3 {
		s := startRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
		first = s
		cfg.Addresses = append(cfg.Addresses, s.address)
	}
	first.cli(append(append([]string{"--cluster", "create"}, cfg.Addresses...), "--cluster-yes")...)
	for range 200 { // until every node knows of the others
		if strings.Contains(first.cli("cluster", "info"), "cluster_state:ok") {
			return cfg
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the cluster does not form")
	return cfg
}

// changes are what a store says of itself.
type changes struct {
	mu   sync.Mutex
	said []string
	up   chan bool
}

func newChanges() *changes { return &changes{up: make(chan bool, 16)} }

func (c *changes) tell(up bool, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, why)
	c.up <- up
}

func (c *changes) wait(t *testing.T, want bool) {
	t.Helper()
	select {
	case up := <-c.up:
		if up != want {
			t.Fatalf("the store says that it is up: %v, want %v", up, want)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("the store never says that it is up: %v", want)
	}
}

// Holds F6 for the store: killed, stopped and unwilling, Redis costs a call its 20
// ms three times and then nothing; when it is back, it is used again.
func TestF6RedisGoesAndComesBack(t *testing.T) {
	faults := map[string]struct{ away, back func(s *redisServer) }{
		"killed":  {func(s *redisServer) { s.kill() }, func(s *redisServer) { s.start() }},
		"stopped": {func(s *redisServer) { s.signal(syscall.SIGSTOP) }, func(s *redisServer) { s.signal(syscall.SIGCONT) }},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, said, s := context.Background(), newChanges(), startRedis(t)
			r := openRedis(t, store.RedisConfig{Addresses: []string{s.address}, OnChange: said.tell})
			put := func() error { return r.Put(ctx, "a", []byte("one"), time.Minute) }
			for range 100 { // the first call also dials
				if put() == nil {
					break
				}
			}
			if err := put(); err != nil {
				t.Fatal(err)
			}
			fault.away(s)
			refused := 0
			for range 5 {
				if err := put(); errors.Is(err, store.ErrAway) {
					refused++
				}
			}
			if refused != 5 {
				t.Fatalf("%d of 5 calls were refused", refused)
			}
			said.wait(t, false)
			fault.back(s)
			said.wait(t, true)
			if err := put(); err != nil {
				t.Errorf("Redis is back, and %v", err)
			}
		})
	}
}

// Who may not is a store that is away, and no error tells the password.
func TestRedisRefuses(t *testing.T) {
	ctx := context.Background()
	good, s := secureRedis(t)
	bad := map[string]func(*store.RedisConfig){
		"a wrong password": func(c *store.RedisConfig) { c.Password = "canary-wrong" },
		"an unknown user":  func(c *store.RedisConfig) { c.User = "nobody" },
		"another authority": func(c *store.RedisConfig) {
			c.TLS = &tls.Config{ServerName: "redis.test", MinVersion: tls.VersionTLS12}
		},
		"another name":        func(c *store.RedisConfig) { c.TLS = c.TLS.Clone(); c.TLS.ServerName = "other.test" },
		"a prefix of another": func(c *store.RedisConfig) { c.Prefix = "others:" },
	}
	for name, change := range bad {
		t.Run(name, func(t *testing.T) {
			cfg, said := good, newChanges()
			change(&cfg)
			cfg.OnChange = said.tell
			r := openRedis(t, cfg)
			for range 4 {
				if err := r.Put(ctx, "a", []byte("canary-value"), time.Minute); !errors.Is(err, store.ErrAway) || strings.Contains(err.Error(), "canary") {
					t.Fatalf("%v", err)
				}
			}
			said.wait(t, false)
			for _, why := range said.said {
				if strings.Contains(why, "canary") {
					t.Errorf("it tells %q", why)
				}
			}
		})
	}
	_ = s
}

// Holds S17 and S20 on the real thing: Redis holds neither names nor values, and
// what somebody writes into it is not believed; flushed or evicted is missing.
func TestS20RedisIsNotBelieved(t *testing.T) {
	ctx, s := context.Background(), startRedis(t)
	r := seal(openRedis(t, s.config()), time.Now)
	_ = r.Put(ctx, "session:canary-user", []byte("canary-value"), time.Minute)
	if _, err := r.Add(ctx, "guard:canary-user", 1, time.Minute); err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(s.cli("--scan"))
	if len(names) != 2 {
		t.Fatalf("Redis holds %q", names)
	}
	for _, name := range names {
		if value := s.cli("--raw", "get", name); strings.Contains(name+value, "canary") {
			t.Errorf("Redis holds %q under %q", value, name)
		}
	}
	for _, name := range names {
		s.cli("set", name, "somebody's word")
	}
	if got, err := r.Get(ctx, "session:canary-user"); !errors.Is(err, store.ErrMissing) {
		t.Errorf("%q, %v", got, err)
	}
	_ = r.Put(ctx, "session:canary-user", []byte("canary-value"), time.Minute)
	s.cli("flushall")
	if _, err := r.Get(ctx, "session:canary-user"); !errors.Is(err, store.ErrMissing) {
		t.Errorf("flushed: %v", err)
	}
}
