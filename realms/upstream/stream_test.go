package upstream

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"causeway/certs"
	"causeway/integration/wallclock"
	"causeway/realms"
)

// A roamer plays a server that is reached by RadSec. Its answerer sees raw packets.
type roamer struct {
	address  string
	config   *tls.Config
	client   certs.Pair
	roots    *certs.Authority
	accepted atomic.Int32
	mu       sync.Mutex
	conns    []net.Conn
	deaf     atomic.Pointer[net.Conn] // one on which nothing is answered
}

// onTLS starts one on a loopback port. Each packet is answered by f, in the order in
// which its answers come.
func onTLS(t testing.TB, protocols []string, f func(b []byte) []byte) *roamer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveTLS(t, ln, protocols, f)
}

func serveTLS(t testing.TB, ln net.Listener, protocols []string, f func(b []byte) []byte) *roamer {
	t.Helper()
	a, err := certs.NewAuthority("roaming authority", time.Now(), certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	own, err := a.Peer([]string{"roam1.example.net"}, certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ours, err := a.Peer([]string{"radius1.northbridge.nhs.uk"}, certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &roamer{address: ln.Addr().String(), client: ours, roots: a}
	r.config = &tls.Config{
		Certificates: []tls.Certificate{own.Certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.Pool(),
		NextProtos: protocols, MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true,
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			r.accepted.Add(1)
			c := tls.Server(conn, r.config)
			r.mu.Lock()
			r.conns = append(r.conns, c)
			r.mu.Unlock()
			serving.Go(func() {
				answerTLS(c, func(b []byte) []byte {
					if deaf := r.deaf.Load(); deaf != nil && *deaf == c {
						return nil
					}
					return f(b)
				})
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); r.cut(); serving.Wait() })
	return r
}

func answerTLS(c net.Conn, f func(b []byte) []byte) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	var answers [][]byte
	for {
		head, err := r.Peek(4)
		if err != nil {
			return
		}
		b := make([]byte, binary.BigEndian.Uint16(head[2:]))
		if _, err := readFull(r, b); err != nil {
			return
		}
		if out := f(b); out != nil {
			answers = append(answers, out)
		}
		if r.Buffered() > 0 {
			continue
		}
		slices.Reverse(answers) // what came together is answered together, the last first
		if _, err := c.Write(bytes.Join(answers, nil)); err != nil {
			return
		}
		answers = answers[:0]
	}
}

func readFull(r *bufio.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

// cut ends every connection.
func (r *roamer) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		_ = c.(*tls.Conn).NetConn().Close()
	}
	r.conns = nil
}

// server is it as a pool is told of it.
func (r *roamer) server(protocols ...string) Server {
	return Server{Name: "roam1", Address: r.address, Connect: func(ctx context.Context) (*tls.Conn, error) {
		d := tls.Dialer{Config: &tls.Config{
			RootCAs: r.roots.Pool(), ServerName: "roam1.example.net", NextProtos: protocols,
			Certificates: []tls.Certificate{r.client.Certificate}, MinVersion: tls.VersionTLS12,
		}}
		c, err := d.DialContext(ctx, "tcp", r.address)
		if err != nil {
			return nil, err
		}
		return c.(*tls.Conn), nil
	}}
}

// signedBy answers as RADIUS/1.0 within TLS: signed with "radsec" (P63).
func signedBy(f answerer) func(b []byte) []byte {
	return func(b []byte) []byte {
		in, err := radius.Parse(b, []byte("radsec"))
		if err != nil {
			panic(err)
		}
		if out, is := status(in); is {
			return out
		}
		return f(in)
	}
}

// Holds R30, P63: users are served over TLS, signed with "radsec", many at once on few
// connections, whatever order the answers come in.
func TestR30UsersAreServedOverTLS(t *testing.T) {
	r := onTLS(t, nil, signedBy(func(in *radius.Packet) []byte {
		if got := rfc2865.UserPassword_GetString(in); got != "a password" {
			t.Errorf("the password arrived as %q", got)
		}
		return accepts(in)
	}))
	p := open(t, Config{Servers: []Server{r.server()}})
	var users sync.WaitGroup
	for i := range 500 {
		users.Go(func() {
			if a, err := ask(p, papRequest(t, fmt.Sprintf("s%d@camford.ac.uk", i), "a password")); err != nil || a.Code != radius.CodeAccessAccept {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
	users.Wait()
	if n := r.accepted.Load(); n < 1 || n > 3 {
		t.Errorf("%d connections for 500 users at once", n)
	}
	if st := p.Status()[0]; st.Repeated != 0 {
		t.Errorf("repetitions: %+v", st)
	}
}

// Holds R31: RADIUS/1.1 where both sides offer it. Nothing is signed, nothing hidden,
// and a Token stands where the identifier stood (RFC 9765).
func TestR31RadiusWithoutMD5(t *testing.T) {
	key := strings.Repeat("k", 32)
	seen := map[string]bool{}
	r := onTLS(t, []string{"radius/1.1"}, func(b []byte) []byte {
		if b[1] != 0 || [12]byte(b[8:20]) != [12]byte{} {
			t.Errorf("the header is % x", b[:20])
		}
		if token := string(b[4:8]); seen[token] {
			t.Errorf("the Token % x came twice", token)
		} else {
			seen[token] = true
		}
		in, err := radius.Parse(b, []byte("none"))
		if err != nil {
			t.Error(err)
			return nil
		}
		if in.Get(rfc2869.MessageAuthenticator_Type) != nil {
			t.Error("it carries a Message-Authenticator")
		}
		out := append([]byte{byte(radius.CodeAccessAccept)}, b[1:20]...)
		if in.Code == radius.CodeAccessRequest {
			if got := string(in.Get(rfc2865.UserPassword_Type)); got != "a password" {
				t.Errorf("the password arrived as %q", got)
			}
			for i, kind := range []byte{16, 17} {
				out = append(out, 26, 40, 0, 0, 1, 0x37, kind, 34)
				out = append(out, strings.Repeat(string(key[i]), 32)...)
			}
			for _, a := range in.Attributes {
				if a.Type == rfc2865.ProxyState_Type {
					out = append(append(out, byte(a.Type), byte(len(a.Attribute)+2)), a.Attribute...)
				}
			}
		}
		binary.BigEndian.PutUint16(out[2:], uint16(len(out)))
		return out
	})
	p := open(t, Config{Servers: []Server{r.server("radius/1.1", "radius/1.0")}})
	for range 300 {
		a, err := ask(p, papRequest(t, "s@camford.ac.uk", "a password"))
		if err != nil || a.Code != radius.CodeAccessAccept || string(a.Keys.Send) != key || string(a.Keys.Recv) != key {
			t.Fatalf("%+v, %v", a, err)
		}
	}
}

// A server of RADIUS/1.1 says what it cannot process; the next one is asked.
func TestProtocolErrors(t *testing.T) {
	r := onTLS(t, []string{"radius/1.1"}, func(b []byte) []byte {
		out := append([]byte{52}, b[1:20]...)
		out = append(out, 101, 6, 0, 0, 1, 0xf6) // Error-Cause 502
		binary.BigEndian.PutUint16(out[2:], uint16(len(out)))
		return out
	})
	p := open(t, Config{Servers: []Server{r.server("radius/1.1")}})
	_, err := ask(p, papRequest(t, "s@camford.ac.uk", "a password"))
	if !errors.Is(err, realms.ErrUpstreamDown) || !strings.Contains(err.Error(), "Error-Cause 502") {
		t.Error(err)
	}
}

// Holds P64: a packet that is malformed or signed wrongly ends the connection, nobody
// is given what it said, and who waited is served by another connection.
func TestP64WhatIsWrongEndsTheConnection(t *testing.T) {
	for name, spoil := range map[string]func(in *radius.Packet) []byte{
		"too short a length": func(*radius.Packet) []byte { return []byte{2, 0, 0, 19} },
		"too long a length":  func(*radius.Packet) []byte { return []byte{2, 0, 0xff, 0xff} },
		"attributes that do not add up": func(in *radius.Packet) []byte {
			b := accepts(in)
			b[21] = 200
			return b
		},
		"another secret": func(in *radius.Packet) []byte {
			out := *in
			out.Secret = []byte("sesame")
			return accepts(&out)
		},
		"a Message-Authenticator that is wrong": func(in *radius.Packet) []byte {
			out := reply(in, radius.CodeAccessAccept)
			out.Add(rfc2869.MessageAuthenticator_Type, make([]byte, 16))
			return withoutMAC(out)
		},
	} {
		var asked atomic.Int32
		r := onTLS(t, nil, signedBy(func(in *radius.Packet) []byte {
			if asked.Add(1) == 1 {
				return spoil(in)
			}
			return sign(reply(in, radius.CodeAccessReject))
		}))
		p := open(t, Config{Servers: []Server{r.server()}})
		a, err := ask(p, papRequest(t, "s@camford.ac.uk", "a password"))
		if !errors.Is(err, realms.ErrUpstreamRejected) || a.Code != radius.CodeAccessReject {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		if n := r.accepted.Load(); n != 2 {
			t.Errorf("%s: %d connections", name, n)
		}
	}
}

// Within TLS an answer need not be signed: radsecproxy 1.9 does not sign what it says to
// a Status-Server, and a connection is not to end for it.
func TestUnsignedWithinTLS(t *testing.T) {
	r := onTLS(t, nil, func(b []byte) []byte {
		in, err := radius.Parse(b, []byte("radsec"))
		if err != nil {
			t.Error(err)
			return nil
		}
		return withoutMAC(reply(in, radius.CodeAccessAccept))
	})
	p := open(t, Config{Servers: []Server{r.server()}, Ticks: fast(t)})
	for range 3 {
		if a, err := ask(p, papRequest(t, "s@camford.ac.uk", "a password")); err != nil || a.Code != radius.CodeAccessAccept {
			t.Errorf("%+v, %v", a, err)
		}
	}
	for !p.Status()[0].StatusServer {
		time.Sleep(time.Millisecond)
	}
	if n := r.accepted.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// Holds F15: a connection that is cut costs whoever waits on it one more attempt, and
// later users nothing.
func TestF15ACutConnection(t *testing.T) {
	var first atomic.Int32
	var r *roamer
	r = onTLS(t, nil, signedBy(func(in *radius.Packet) []byte {
		if first.Add(1) == 1 {
			r.cut()
			return nil
		}
		return accepts(in)
	}))
	p := open(t, Config{Servers: []Server{r.server()}})
	for range 3 {
		if a, err := ask(p, papRequest(t, "s@camford.ac.uk", "a password")); err != nil || a.Code != radius.CodeAccessAccept {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	if st := p.Status()[0]; st.Health != Alive || st.Sockets != 1 {
		t.Errorf("%+v", st)
	}
}

// A connection on which nothing is heard any more, though it stands, is asked how it
// is and then given up, and the server with it is not: the next one is dialled.
func TestR23AConnectionThatFellSilent(t *testing.T) {
	r := onTLS(t, nil, signedBy(accepts))
	p := open(t, Config{Servers: []Server{r.server()}, ProbeTimeout: 50 * time.Millisecond, Retransmit: 50 * time.Millisecond, Ticks: fast(t)})
	if _, err := ask(p, papRequest(t, "s@camford.ac.uk", "a password")); err != nil {
		t.Fatal(err)
	}
	for !p.Status()[0].StatusServer { // it has to be known that it answers them at all
		time.Sleep(time.Millisecond)
	}
	r.mu.Lock()
	first := r.conns[0]
	r.mu.Unlock()
	r.deaf.Store(&first)
	if a, err := ask(p, papRequest(t, "s@camford.ac.uk", "a password")); err != nil || a.Code != radius.CodeAccessAccept {
		t.Errorf("%+v, %v", a, err)
	}
	if st := p.Status()[0]; r.accepted.Load() != 2 || st.Sockets != 1 || st.Health == Dead {
		t.Errorf("%d connections, %+v", r.accepted.Load(), st)
	}
}

// A server that answers no Status-Server, as FreeRADIUS unless it is told to, keeps its
// connection while somebody waits there for a slow home: Status-Servers that it never
// answered say nothing of the connection.
func TestASlowHomeBehindAServerWithoutStatusServer(t *testing.T) {
	late := make(chan []byte)
	var asked, probed atomic.Int32
	r := onTLS(t, nil, func(b []byte) []byte {
		in, err := radius.Parse(b, []byte("radsec"))
		if err != nil {
			panic(err)
		}
		if in.Code != radius.CodeStatusServer {
			asked.Add(1)
			go func() { late <- accepts(in) }()
			return nil
		}
		if asked.Load() > 0 && probed.Add(1) < 3 {
			return nil
		}
		if asked.Load() == 0 {
			return nil
		}
		return <-late // after the third Status-Server, which it does not answer either
	})
	p := open(t, Config{Servers: []Server{r.server()}, ProbeTimeout: 50 * time.Millisecond, Retransmit: 50 * time.Millisecond, Idle: 50 * time.Millisecond, Ticks: fast(t)})
	if a, err := ask(p, papRequest(t, "s@slow.ac.uk", "a password")); err != nil || a.Code != radius.CodeAccessAccept {
		t.Errorf("%+v, %v", a, err)
	}
	if asked.Load() != 1 || r.accepted.Load() != 1 {
		t.Errorf("asked %d times over %d connections", asked.Load(), r.accepted.Load())
	}
}

// fast moves a pool on a hundred times as often as usual.
func fast(t testing.TB) <-chan time.Time {
	ticker := time.NewTicker(time.Millisecond)
	t.Cleanup(ticker.Stop)
	return ticker.C
}

// Holds R30: who is not there is not dialled again at once, users are told at once
// meanwhile, and health says why.
func TestR30BackOff(t *testing.T) {
	var dials atomic.Int32
	whoIsThere := errors.New("connection refused by the test")
	dead := make(chan string, 16)
	p := open(t, Config{
		OnChange: func(_, _, to, why string) {
			if to == string(Dead) {
				dead <- why
			}
		},
		Ticks: fast(t),
		Servers: []Server{{Name: "roam1", Address: "192.0.2.1", Connect: func(context.Context) (*tls.Conn, error) {
			dials.Add(1)
			return nil, whoIsThere
		}}},
	})
	began := time.Now()
	for range 100 {
		if _, err := ask(p, papRequest(t, "s@camford.ac.uk", "a password")); !errors.Is(err, realms.ErrUpstreamDown) || !strings.Contains(err.Error(), "refused by the test") {
			t.Fatal(err)
		}
	}
	if n, most := int(dials.Load()), 1+int(time.Since(began)/(leastBackOff*9/10)); n > most {
		t.Errorf("%d dials in %v", n, time.Since(began))
	}
	if why := <-dead; !strings.Contains(why, "refused by the test") {
		t.Errorf("dead: %s", why)
	}
}

// Holds R30 for a server that takes connections and hangs up at the first request, as a
// load balancer without anybody behind it does: it is dialled no more often than one that
// is not there, and it is found dead.
func TestR30WhoHangsUp(t *testing.T) {
	var r *roamer
	r = onTLS(t, nil, func([]byte) []byte {
		r.cut()
		return nil
	})
	dead := make(chan string, 16)
	p := open(t, Config{
		Servers: []Server{r.server()}, ProbeTimeout: 50 * time.Millisecond, Ticks: fast(t),
		OnChange: func(_, _, to, why string) {
			if to == string(Dead) {
				dead <- why
			}
		},
	})
	began := time.Now()
	for range 100 {
		if _, err := ask(p, papRequest(t, "s@camford.ac.uk", "a password")); !errors.Is(err, realms.ErrUpstreamDown) {
			t.Fatal(err)
		}
	}
	if n, most := int(r.accepted.Load()), 3+int(time.Since(began)/(leastBackOff*9/10)); n > most {
		t.Errorf("%d dials in %v", n, time.Since(began))
	}
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); time.Sleep(time.Millisecond) {
		select {
		case why := <-dead:
			if !strings.Contains(why, "without an answer") {
				t.Errorf("dead: %s", why)
			}
			return
		default:
			_, _ = ask(p, papRequest(t, "s@camford.ac.uk", "a password"))
		}
	}
	t.Error("it is not found dead")
}

// A server that hangs up at each Status-Server, as FreeRADIUS does that is not told to
// answer them, and serves users, is not found dead for it.
func TestWhoHangsUpAtAStatusServer(t *testing.T) {
	var r *roamer
	var probed atomic.Int32
	r = onTLS(t, nil, func(b []byte) []byte {
		if radius.Code(b[0]) == radius.CodeStatusServer {
			probed.Add(1)
			r.cut()
			return nil
		}
		return signedBy(accepts)(b)
	})
	p := open(t, Config{Servers: []Server{r.server()}, ProbeTimeout: 20 * time.Millisecond, Idle: 20 * time.Millisecond, Ticks: fast(t), OnChange: func(_, _, to, why string) {
		t.Errorf("%s: %s", to, why)
	}})
	for limit := time.Now().Add(20 * time.Second); probed.Load() < 6; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("only %d Status-Servers came", probed.Load())
		}
	}
	if st := p.Status()[0]; st.Health != Alive {
		t.Errorf("%+v", st)
	}
}

// A late answer to the request before, whose identifier has a new one, is nobody's, and
// no reason to end a connection on which others wait.
func TestALateAnswerOnAStream(t *testing.T) {
	r := onTLS(t, nil, signedBy(accepts))
	p := open(t, Config{Servers: []Server{r.server()}})
	if _, err := ask(p, papRequest(t, "s@camford.ac.uk", "a password")); err != nil {
		t.Fatal(err)
	}
	k := p.servers[0].openSockets()[0]
	now := time.Now()
	k.wait(t.Context(), 9, &[16]byte{1}, now, now.Add(time.Minute), time.Minute)
	k.forget(9)
	k.wait(t.Context(), 9, &[16]byte{2}, now, now.Add(time.Minute), time.Minute)
	defer k.forget(9)
	g := p.servers[0].signers.get()
	for first, want := range map[byte]flaw{1: outrun, 2: sound, 3: forged} {
		late := &radius.Packet{Code: radius.CodeAccessRequest, Identifier: 9, Secret: []byte("radsec"), Authenticator: [16]byte{first}}
		if f := k.take(accepts(late), g); f != want {
			t.Errorf("an answer to %d: %d, not %d", first, f, want)
		}
	}
}

// A home that answers long after it was given up, when its identifier has served others
// meanwhile, does not take the connection from under everybody else.
func TestAVeryLateAnswerOnAStream(t *testing.T) {
	r := onTLS(t, nil, signedBy(accepts))
	p := open(t, Config{Servers: []Server{r.server()}})
	if _, err := ask(p, papRequest(t, "s@camford.ac.uk", "a password")); err != nil {
		t.Fatal(err)
	}
	k := p.servers[0].openSockets()[0]
	g := p.servers[0].signers.get()
	now := time.Now()
	answerTo := func(n byte) flaw {
		return k.take(accepts(&radius.Packet{Code: radius.CodeAccessRequest, Identifier: 9, Secret: []byte("radsec"), Authenticator: [16]byte{n}}), g)
	}
	wait := func(n byte) { k.wait(t.Context(), 9, &[16]byte{n}, now, now.Add(time.Minute), time.Minute) }
	for n := range byte(6) {
		wait(n + 1)
		if n%2 == 1 && answerTo(n+1) != sound { // 1, 3 and 5 are given up
			t.Fatalf("the answer to %d is not taken", n+1)
		}
		k.forget(9)
	}
	wait(7)
	defer k.forget(9)
	for first, want := range map[byte]flaw{1: outrun, 3: outrun, 5: outrun, 7: sound, 8: forged} {
		if f := answerTo(first); f != want {
			t.Errorf("an answer to %d: %d, not %d", first, f, want)
		}
	}
	for n := range byte(100) {
		k.forget(9)
		wait(n + 100)
	}
	if n := len(k.slots[9].unanswered); n != mostUnanswered {
		t.Errorf("%d requests remembered", n)
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{2, 1, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	f.Add([]byte{2, 1, 0, 19})
	f.Add([]byte{2, 1, 0xff, 0xff, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bufio.NewReader(strings.NewReader(string(b)))
		buf := make([]byte, maxPacket)
		for rest := b; ; {
			frame, err := readFrame(r, buf)
			if err != nil {
				return
			}
			if len(frame) < headerLength || len(frame) > maxPacket || string(frame) != string(rest[:len(frame)]) {
				t.Fatalf("% x of % x", frame, rest)
			}
			rest = rest[len(frame):]
		}
	})
}

// Holds F17: which connection has been silent for longest is not reckoned by the clock on
// the wall. Set back, it makes nobody silent who was heard since.
func TestF17TheQuietestConnection(t *testing.T) {
	var wall atomic.Int64
	r := onTLS(t, nil, signedBy(accepts))
	p := open(t, Config{
		Servers: []Server{r.server()}, Ticks: make(chan time.Time),
		Now: func() time.Time { return wallclock.Stepped(time.Now(), time.Duration(wall.Load())) },
	})
	s := p.servers[0]
	for range 2 {
		k, err := s.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		s.sockets = append(s.sockets, k)
		s.mu.Unlock()
		wall.Add(-int64(time.Hour))
	}
	if at := s.longestQuiet(); at.socket != s.openSockets()[0] {
		t.Error("the connection that was opened an hour ago by the clock on the wall, and just now by any other")
	}
}

// Reading and writing may both meet the end of a connection: it is one connection that
// answered nothing, and no habit yet.
func TestAConnectionEndsOnce(t *testing.T) {
	s := newServer(open(t, Config{Servers: at(addr1), Dial: (&wire{}).dial}), at(addr1)[0])
	conn, _ := net.Pipe()
	k := newSocket(s, conn, &stream{used: true}, identifiers)
	s.sockets = append(s.sockets, k)
	s.broken(k)
	s.broken(k)
	if s.barren != 1 {
		t.Errorf("one connection counts %d times", s.barren)
	}
}

// A connection that is good no longer ends, and what was under way on it goes out on one
// that is; so does one whose handshake was over just before the others were judged. The
// server is suspect at once, for the reason that was given.
func TestConnectionsAreJudgedAnew(t *testing.T) {
	held := make(chan struct{})
	var asked atomic.Int32
	good := func(in *radius.Packet) []byte { return accepts(in) }
	one := onTLS(t, nil, signedBy(func(in *radius.Packet) []byte {
		if asked.Add(1) == 2 {
			close(held)
			return nil
		}
		return good(in)
	}))
	two := onTLS(t, nil, signedBy(good))
	var bad atomic.Bool
	news := make(chan string, 16)
	servers := []Server{one.server(), two.server()}
	servers[1].Name = "roam2"
	servers[0].Judge = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			t.Error("it is asked about nobody")
		}
		if bad.Load() {
			return errors.New("its certificate was withdrawn")
		}
		return nil
	}
	p := open(t, Config{Servers: servers, OnChange: func(server, _, to, why string) { news <- server + " " + to + ": " + why }})
	user := papRequest(t, "s@camford.ac.uk", "a password")
	if _, err := ask(p, user); err != nil {
		t.Fatal(err)
	}
	p.Rejudge()
	var waits sync.WaitGroup
	waits.Go(func() {
		if a, err := ask(p, user); err != nil || a.Code != radius.CodeAccessAccept {
			t.Errorf("under way: %+v, %v", a, err)
		}
	})
	<-held
	if n := one.accepted.Load(); n != 1 {
		t.Errorf("%d connections: one that is good was ended", n)
	}
	bad.Store(true)
	p.Rejudge()
	if n := len(p.servers[0].openSockets()); n != 0 {
		t.Errorf("%d connections are still open", n)
	}
	select {
	case got := <-news:
		if got != "roam1 suspect: its certificate was withdrawn" {
			t.Errorf("the news is %q", got)
		}
	default:
		t.Error("there is no news")
	}
	waits.Wait()
	if n, m := asked.Load(), two.accepted.Load(); n != 2 || m != 1 {
		t.Errorf("the first was asked %d times, the other has %d connections", n, m)
	}
}
