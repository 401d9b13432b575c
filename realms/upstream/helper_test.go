package upstream

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"causeway/certs"
	"causeway/realms"
)

const (
	upstreamSecret = "an upstream's own secret"
	clientSecret   = "the controller's secret"
)

// An answerer plays an upstream: it sees one packet and returns what to send
// back, or nil.
type answerer func(in *radius.Packet) []byte

func parse(t testing.TB, b []byte) *radius.Packet {
	t.Helper()
	p, err := radius.Parse(b, []byte(upstreamSecret))
	if err != nil {
		t.Errorf("the upstream received what is no packet: %v", err)
		return nil
	}
	return p
}

// reply begins a reply that returns the Proxy-States of in.
func reply(in *radius.Packet, code radius.Code) *radius.Packet {
	out := in.Response(code)
	for _, a := range in.Attributes {
		if a.Type == rfc2865.ProxyState_Type {
			out.Add(a.Type, a.Attribute)
		}
	}
	return out
}

// sign encodes a reply with its Message-Authenticator first. It is written
// without the code under test.
func sign(out *radius.Packet) []byte {
	out.Attributes = append(radius.Attributes{{Type: rfc2869.MessageAuthenticator_Type, Attribute: make([]byte, 16)}}, out.Attributes...)
	b, err := out.MarshalBinary()
	if err != nil {
		panic(err)
	}
	mac := hmac.New(md5.New, out.Secret)
	mac.Write(b)
	copy(b[22:], mac.Sum(nil))
	return resign(b, out)
}

// unsigned encodes a reply without a Message-Authenticator.
func withoutMAC(out *radius.Packet) []byte {
	b, err := out.Encode()
	if err != nil {
		panic(err)
	}
	return b
}

// resign computes the Response Authenticator again.
func resign(b []byte, out *radius.Packet) []byte {
	copy(b[4:20], out.Authenticator[:])
	sum := md5.Sum(append(append([]byte(nil), b...), out.Secret...))
	copy(b[4:20], sum[:])
	return b
}

// status answers a Status-Server and says whether in was one.
func status(in *radius.Packet) ([]byte, bool) {
	if in.Code != radius.CodeStatusServer {
		return nil, false
	}
	return sign(reply(in, radius.CodeAccessAccept)), true
}

// accepts answers everything with an Accept.
func accepts(in *radius.Packet) []byte { return sign(reply(in, radius.CodeAccessAccept)) }

// onUDP starts an upstream on a loopback port and returns its address.
func onUDP(t testing.TB, f answerer) string {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	answerOn(t, conn, f)
	return conn.LocalAddr().String()
}

// answerOn has a socket answered until the test ends.
func answerOn(t testing.TB, conn *net.UDPConn, f answerer) {
	t.Helper()
	_ = conn.SetReadBuffer(8 << 20)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if out := f(parse(t, buf[:n])); out != nil {
				_, _ = conn.WriteToUDPAddrPort(out, from)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
}

func dialUDP(ctx context.Context, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "udp", address)
	if err == nil {
		_ = c.(*net.UDPConn).SetReadBuffer(8 << 20)
	}
	return c, err
}

// open makes a pool that is closed with the test.
func open(t testing.TB, c Config) *Pool {
	t.Helper()
	if c.Name == "" {
		c.Name = "eduroam"
	}
	if c.Dial == nil {
		c.Dial = dialUDP
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func at(addresses ...string) (s []Server) {
	for i, a := range addresses {
		s = append(s, Server{Name: "roam" + string(rune('1'+i)), Address: a, Secret: certs.Secret(upstreamSecret)})
	}
	return s
}

// papRequest is what a controller sends with a password.
func papRequest(t testing.TB, user, password string) *radius.Packet {
	t.Helper()
	p := radius.New(radius.CodeAccessRequest, []byte(clientSecret))
	if err := rfc2865.UserName_SetString(p, user); err != nil {
		t.Fatal(err)
	}
	if err := rfc2865.UserPassword_SetString(p, password); err != nil {
		t.Fatal(err)
	}
	return p
}

// askEAP wraps an EAP packet as a controller does.
func askEAP(user string, eap []byte, more ...*radius.AVP) *radius.Packet {
	p := radius.New(radius.CodeAccessRequest, []byte(clientSecret))
	p.Add(rfc2865.UserName_Type, []byte(user))
	addEAP(p, eap)
	p.Attributes = append(p.Attributes, more...)
	return p
}

func addEAP(p *radius.Packet, eap []byte) {
	for len(eap) > 253 {
		p.Add(rfc2869.EAPMessage_Type, eap[:253])
		eap = eap[253:]
	}
	p.Add(rfc2869.EAPMessage_Type, eap)
}

func eapPacket(code, id byte, rest ...byte) []byte {
	b := append([]byte{code, id, 0, 0}, rest...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

func identity(id byte, user string) []byte {
	return eapPacket(2, id, append([]byte{1}, user...)...)
}

func ask(p *Pool, r *radius.Packet) (realms.Answer, error) {
	_, realm, _ := strings.Cut(rfc2865.UserName_GetString(r), "@")
	return p.Open(realms.Question{From: realms.Identity{Realm: realm}}).Answer(context.Background(), r)
}

// A wire is a network in memory, for tests in which time is not real. Servers
// answer by address; nobody there is silence.
type wire struct {
	mu      sync.Mutex
	servers map[string]func(b []byte, answer func([]byte, time.Duration))
	dialled map[string]int
}

func (w *wire) serve(address string, f answerer) {
	w.serveRaw(address, func(b []byte, answer func([]byte, time.Duration)) {
		in, err := radius.Parse(b, []byte(upstreamSecret))
		if err != nil {
			panic(err)
		}
		if out := f(in); out != nil {
			answer(out, 10*time.Millisecond)
		}
	})
}

func (w *wire) serveRaw(address string, f func(b []byte, answer func([]byte, time.Duration))) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.servers == nil {
		w.servers, w.dialled = map[string]func([]byte, func([]byte, time.Duration)){}, map[string]int{}
	}
	w.servers[address] = f
}

func (w *wire) dial(_ context.Context, address string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dialled == nil {
		w.dialled = map[string]int{}
	}
	w.dialled[address]++
	return &wireConn{wire: w, address: address, in: make(chan []byte, 1024), closed: make(chan struct{})}, nil
}

type wireConn struct {
	net.Conn // the rest is not called
	wire     *wire
	address  string
	in       chan []byte
	once     sync.Once
	closed   chan struct{}
}

func (c *wireConn) Write(b []byte) (int, error) {
	c.wire.mu.Lock()
	f := c.wire.servers[c.address]
	c.wire.mu.Unlock()
	if f != nil {
		f(append([]byte(nil), b...), func(out []byte, after time.Duration) {
			time.AfterFunc(after, func() {
				select {
				case c.in <- out:
				case <-c.closed:
				}
			})
		})
	}
	return len(b), nil
}

func (c *wireConn) Read(b []byte) (int, error) {
	select {
	case in := <-c.in:
		return copy(b, in), nil
	case <-c.closed:
		return 0, net.ErrClosed
	}
}

func (c *wireConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}
