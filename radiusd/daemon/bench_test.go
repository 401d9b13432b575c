package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/certs"
	"causeway/radiusd/noc"
	"causeway/radiusd/supplicant"
	"causeway/radiusd/transport"
	"causeway/realms/directory"
)

const (
	testSecret   = "secret-of-the-daemon-tests"
	testPassword = "correct-horse-battery"
	testServer   = "radius.northbridge.nhs.uk"
)

// small is a Trust with one nurse, one site and one SSID, on loopback.
const small = `
version = 1
[server]
name   = "Northbridge NHS Trust"
listen = { auth = "127.0.0.1:0", acct = "127.0.0.1:0" }
reject_delay = "0s" # who waits is a story of its own
[eap]
methods     = ["tls", "ttls", "peap", "pap"]
certificate = "file:server.pem"
private_key = "file:server.key"
client_ca   = "file:ca.pem"
[directory.trust]
kind = "file"
path = "users.toml"
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

// A trust is a running daemon on the small configuration, with a clock that
// tests can move.
type trust struct {
	*Daemon
	folder    string
	authority *certs.Authority
	address   string
	skew      atomic.Int64
	events    chan noc.Event
}

func (t *trust) now() time.Time { return time.Now().Add(time.Duration(t.skew.Load())) }

func startTrust(tb testing.TB, config string) *trust {
	tb.Helper()
	t := &trust{folder: tb.TempDir(), events: make(chan noc.Event, 1<<16)}
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	var err error
	t.authority, err = certs.NewAuthority("test", time.Now(), certs.Options{})
	must(err)
	pair, err := t.authority.Server([]string{testServer}, certs.Options{})
	must(err)
	for name, content := range map[string]string{
		"causeway.toml": config, "ca.pem": string(t.authority.PEM()),
		"server.pem": string(pair.CertPEM), "server.key": pair.KeyPEM.Reveal(),
		"users.toml": fmt.Sprintf("[user.\"nurse@northbridge.nhs.uk\"]\nnt_hash = \"%x\"\n", directory.NTHash(testPassword)),
	} {
		must(os.WriteFile(filepath.Join(t.folder, name), []byte(content), 0o600))
	}
	t.run(tb)
	return t
}

// run starts the daemon in its folder.
func (t *trust) run(tb testing.TB) {
	tb.Helper()
	var err error
	t.Daemon, err = Start(filepath.Join(t.folder, "causeway.toml"), Options{Log: io.Discard, Now: t.now, Watch: func(e noc.Event) {
		select {
		case t.events <- e:
		default:
		}
	}})
	if err != nil {
		tb.Fatal(err)
	}
	auth, _ := t.Addrs()
	t.address = auth[0].String()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- t.Serve(ctx) }()
	tb.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			tb.Errorf("Serve: %v", err)
		}
	})
}

// peer is the nurse's device.
func (t *trust) peer(tb testing.TB, change func(*supplicant.Config)) *supplicant.Peer {
	tb.Helper()
	config := supplicant.Config{
		User: "nurse@northbridge.nhs.uk", Password: testPassword, Method: "peap-mschapv2",
		Roots: t.authority.Pool(), ServerName: testServer,
	}
	if change != nil {
		change(&config)
	}
	p, err := supplicant.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func (t *trust) controller(tb testing.TB) *supplicant.Controller {
	tb.Helper()
	conn, err := net.Dial("udp", t.address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return &supplicant.Controller{Conn: conn, Secret: testSecret, NASIdentifier: "royal-wlc", SSID: "NHS-Staff"}
}

// BenchmarkPAP is one plain log-in through the corridor, without a socket.
func BenchmarkPAP(b *testing.B) {
	t := startTrust(b, small)
	client, _ := t.house.Load().clients.Find(netip.MustParseAddr("127.0.0.1"))
	p := radius.New(radius.CodeAccessRequest, []byte(testSecret))
	_ = rfc2865.UserName_SetString(p, "nurse@northbridge.nhs.uk")
	_ = rfc2865.UserPassword_SetString(p, testPassword)
	_ = rfc2865.CalledStationID_SetString(p, "02-00-00-00-00-01:NHS-Staff")
	_ = rfc2865.CallingStationID_SetString(p, "02-00-5E-00-53-01")
	_ = rfc2865.NASIdentifier_SetString(p, "royal-wlc")
	req := &transport.Request{Packet: p, Client: client, From: netip.MustParseAddrPort("127.0.0.1:4000"), Received: time.Now()}
	b.ReportAllocs()
	for b.Loop() {
		if wire := t.access(context.Background(), req); wire[0] != byte(radius.CodeAccessAccept) {
			b.Fatal("refused")
		}
	}
}

// BenchmarkResumed is one log-in of a device that comes back, with both sides of it
// in this process.
func BenchmarkResumed(b *testing.B) {
	t := startTrust(b, small)
	for name, version := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		b.Run(name, func(b *testing.B) {
			controller, wallet := t.controller(b), tls.NewLRUClientSessionCache(1)
			login := func() bool {
				p := t.peer(b, func(c *supplicant.Config) {
					c.Method, c.Sessions, c.MinTLS, c.MaxTLS = "ttls-pap", wallet, version, version
				})
				if result, err := controller.Login(context.Background(), p); err != nil || !result.Accepted() {
					b.Fatal(result, err)
				}
				<-t.events
				return p.TLS().DidResume
			}
			login()
			b.ReportAllocs()
			for b.Loop() {
				if !login() {
					b.Fatal("the session was not resumed")
				}
			}
		})
	}
}

// BenchmarkHalfOpen leaves 10,000 devices silent after our certificate, as a
// dialogue box about it does, and lets their time run out. It reports what each
// costs and what is left of them. A first wave brings tables and goroutines to
// their working size; the second is measured.
func BenchmarkHalfOpen(b *testing.B) {
	const devices = 10_000
	t := startTrust(b, small)
	wave := func() (open int64) {
		t.halfOpen(b, devices)
		if n := t.talks.len(); n != devices {
			b.Fatalf("%d conversations are open, want %d", n, devices)
		}
		open = memoryInUse()
		t.skew.Add(int64(lifeLimit))
		for range devices { // an event for each: nothing of them is left when the last has come
			<-t.events
		}
		return open
	}
	wave()
	for b.Loop() {
		goroutines, empty := runtime.NumGoroutine(), memoryInUse()
		full := wave()
		b.ReportMetric(float64(full-empty)/devices/1024, "KB/conversation")
		b.ReportMetric(max(0, float64(memoryInUse()-empty))/devices/1024, "KB-left/conversation")
		// transport keeps goroutines for the next requests, and lets go of those
		// that nobody has needed for a while.
		for wait := 0; runtime.NumGoroutine() > goroutines && wait < 200; wait++ {
			time.Sleep(50 * time.Millisecond)
		}
		b.ReportMetric(max(0, float64(runtime.NumGoroutine()-goroutines)), "goroutines-left")
	}
}

// halfOpen opens so many conversations that end after our certificate.
func (t *trust) halfOpen(b *testing.B, n int) {
	var waiting sync.WaitGroup
	const controllers = 8
	for range controllers {
		controller := t.controller(b)
		waiting.Go(func() {
			for range n / controllers {
				// The identity, a Nak where the method is another, the ClientHello.
				p := t.peer(b, func(c *supplicant.Config) { c.Abandon = 3; c.FragmentSize = 1398 })
				if _, err := controller.Login(context.Background(), p); !errors.Is(err, supplicant.ErrAbandoned) {
					b.Errorf("the device did not fall silent: %v", err)
					return
				}
			}
		})
	}
	waiting.Wait()
}

// memoryInUse is the heap and the stacks after a collection, in octets.
func memoryInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
