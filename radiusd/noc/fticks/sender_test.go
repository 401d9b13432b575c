package fticks

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const patience = 10 * time.Second

// A collector is a syslog server that takes octet-counted lines from streams.
type collector struct {
	net.Listener
	conns chan net.Conn
	lines chan string
}

func listen(t *testing.T, address string, cfg *tls.Config) *collector {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if cfg != nil {
		l = tls.NewListener(l, cfg)
	}
	c := &collector{l, make(chan net.Conn, 16), make(chan string, 1024)}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.conns <- conn
			go c.take(conn)
		}
	}()
	return c
}

// take reads lines that say how long they are.
func (c *collector) take(conn net.Conn) {
	r := bufio.NewReader(conn)
	for {
		word, err := r.ReadString(' ')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(word, " "))
		if err != nil {
			c.lines <- "no length: " + word
			return
		}
		line := make([]byte, n)
		if _, err := io.ReadFull(r, line); err != nil {
			return
		}
		c.lines <- string(line)
	}
}

func (c *collector) line(t *testing.T) string {
	t.Helper()
	select {
	case line := <-c.lines:
		return line
	case <-time.After(patience):
		t.Fatal("no line came")
		return ""
	}
}

func open(t *testing.T, cfg Config) *Sender {
	t.Helper()
	cfg.Prefix, cfg.MAC, cfg.Host, cfg.First = "F-TICKS/eduroam/1.0", Plain, "radius1.northbridge.nhs.uk", 10*time.Millisecond
	s := Open(cfg)
	t.Cleanup(s.Close)
	return s
}

var at = time.Date(2026, 11, 25, 23, 59, 58, 7_000_000, time.FixedZone("", 3600))

func tick(realm string) Tick {
	return Tick{Time: at, Realm: realm, Country: "GB", Institution: "1northbridge.nhs.uk", Station: testStation, OK: true}
}

// whole is a line of RFC 5424 with an F-Tick in it.
var whole = regexp.MustCompile(`^<134>1 2026-11-25T22:59:58\.007Z radius1\.northbridge\.nhs\.uk radiusd \d+ F-TICKS - ` +
	`F-TICKS/eduroam/1\.0#REALM=([a-z0-9.]+)#VISCOUNTRY=GB#VISINST=1northbridge\.nhs\.uk#CSI=00-10-A4-23-19-C0#RESULT=OK#$`)

func realmOf(t *testing.T, line string) string {
	t.Helper()
	m := whole.FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("%q", line)
	}
	return m[1]
}

// Holds R44: over UDP each line is one datagram.
func TestR44UDP(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	s := open(t, Config{Network: "udp", Address: conn.LocalAddr().String()})
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	buffer := make([]byte, 4096)
	for _, realm := range []string{"a.ac.uk", "b.ac.uk"} {
		s.Send(tick(realm))
		n, _, err := conn.ReadFrom(buffer)
		if err != nil {
			t.Fatal(err)
		}
		if got := realmOf(t, string(buffer[:n])); got != realm {
			t.Errorf("%s, want %s", got, realm)
		}
	}
}

// Holds R44: over TCP lines say how long they are; when the collector goes and comes
// back, so do they, in order, and who is told hears of it once each way.
func TestR44TCPComesBack(t *testing.T) {
	c := listen(t, "127.0.0.1:0", nil)
	address := c.Addr().String()
	changes := make(chan bool, 16)
	s := open(t, Config{Network: "tcp", Address: address, OnChange: func(up bool, why string) {
		if up == (why != "") {
			t.Errorf("up %t, because of %q", up, why)
		}
		changes <- up
	}})
	for _, realm := range []string{"a.ac.uk", "b.ac.uk"} {
		s.Send(tick(realm))
		if got := realmOf(t, c.line(t)); got != realm {
			t.Errorf("%s, want %s", got, realm)
		}
	}

	_ = c.Close()
	_ = (<-c.conns).Close()
	for lost := 0; len(changes) == 0; lost++ { // until one meets the closed door
		s.Send(tick("lost" + strconv.Itoa(lost) + ".ac.uk"))
		select {
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
		}
	}
	s.Send(tick("last.ac.uk"))
	c = listen(t, address, nil)
	for realmOf(t, c.line(t)) != "last.ac.uk" { // what waited comes first
	}
	if down, up := <-changes, <-changes; down || !up || len(changes) > 0 {
		t.Errorf("down %t, up %t, and %d more", !down, up, len(changes))
	}
	if n := s.Dropped(); n > 0 {
		t.Errorf("%d dropped", n)
	}
}

// certificate makes an authority and a server's certificate in one.
func certificate(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// Holds R44: over TLS lines go to the server of that name under that authority, and to
// no other.
func TestR44TLS(t *testing.T) {
	const name = "fticks.example.org"
	pair, pool := certificate(t, name)
	_, stranger := certificate(t, name)
	c := listen(t, "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	for _, wrong := range []*tls.Config{{RootCAs: stranger, ServerName: name}, {RootCAs: pool, ServerName: "another.example.org"}} {
		down := make(chan string, 1)
		s := open(t, Config{Network: "tls", Address: c.Addr().String(), TLS: wrong, OnChange: func(_ bool, why string) { down <- why }})
		s.Send(tick("secret.ac.uk"))
		select {
		case why := <-down:
			if !strings.Contains(why, "certificate") {
				t.Errorf("refused for %q", why)
			}
		case line := <-c.lines:
			t.Errorf("%q went to a server of another name or authority", line)
		case <-time.After(patience):
			t.Fatal("nothing happens")
		}
		s.Close()
	}
	s := open(t, Config{Network: "tls", Address: c.Addr().String(), TLS: &tls.Config{RootCAs: pool, ServerName: name}})
	s.Send(tick("a.ac.uk"))
	if got := realmOf(t, c.line(t)); got != "a.ac.uk" {
		t.Error(got)
	}
}

// Holds R44 and F7: a collector that takes nothing holds nobody up; what does not fit
// is counted.
func TestR44FullQueueDropsAndCounts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close() // nobody is there
	s := open(t, Config{Network: "tcp", Address: address, Queue: 3})
	for range 10 {
		s.Send(tick("a.ac.uk"))
	}
	s.Send(Tick{Realm: "a#b"})
	if n := s.Dropped(); n != 8 {
		t.Errorf("%d dropped, want 7 that do not fit and one that cannot be written", n)
	}
	c := listen(t, address, nil)
	for range 3 {
		realmOf(t, c.line(t))
	}
}

// Close sends what waits, and gives up what it cannot send.
func TestClose(t *testing.T) {
	c := listen(t, "127.0.0.1:0", nil)
	s := open(t, Config{Network: "tcp", Address: c.Addr().String()})
	for range 100 {
		s.Send(tick("a.ac.uk"))
	}
	s.Close()
	s.Close()
	<-s.Done()
	for range 100 {
		c.line(t)
	}
	s.Send(tick("late.ac.uk"))
	if n := s.Dropped(); n != 1 {
		t.Errorf("%d dropped, want the late one", n)
	}
	_ = c.Close()
	nobody := open(t, Config{Network: "tcp", Address: c.Addr().String()})
	nobody.Send(tick("a.ac.uk"))
	nobody.Close()
	<-nobody.Done()
	if n := nobody.Dropped(); n != 1 {
		t.Errorf("%d dropped, want the one that nobody took", n)
	}
}

// A connection that the collector has closed is not written to: a line would be lost
// there, since the first write to it succeeds.
func TestAClosedConnectionIsNotWrittenTo(t *testing.T) {
	c := listen(t, "127.0.0.1:0", nil)
	s := &Sender{cfg: Config{Network: "tcp", Address: c.Addr().String()}, ctx: t.Context()}
	var to outlet
	defer to.hangUp()
	for _, line := range []string{"first", "second", "third"} {
		if err := s.put(&to, line); err != nil {
			t.Fatal(err)
		}
		if got := c.line(t); got != line {
			t.Fatalf("%q, want %q", got, line)
		}
		_ = (<-c.conns).Close()
		<-to.gone
	}
}
