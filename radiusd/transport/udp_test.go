package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
)

// echo accepts with the User-Name it was asked with.
func echo(_ context.Context, req *Request) []byte {
	reply := req.Packet.Response(radius.CodeAccessAccept)
	if req.Packet.Code == radius.CodeAccountingRequest {
		reply = req.Packet.Response(radius.CodeAccountingResponse)
	}
	_ = rfc2865.UserName_AddString(reply, req.UserName())
	wire, err := Encode(req, reply)
	if err != nil {
		panic(err)
	}
	return wire
}

// serve runs a server on free loopback ports until the test ends.
func serve(t *testing.T, cfg Config) *Server {
	t.Helper()
	if cfg.Auth == nil {
		cfg.Auth = []string{"127.0.0.1:0"}
	}
	if cfg.Acct == nil {
		cfg.Acct = []string{"127.0.0.1:0"}
	}
	if cfg.Clients == nil {
		cfg.Clients = mustClients(t, loopback("wlc"))
	}
	if cfg.Access == nil {
		cfg.Access = echo
	}
	if cfg.Accounting == nil {
		cfg.Accounting = echo
	}
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background()) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
		if err := <-served; err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			t.Errorf("Serve: %v", err)
		}
	})
	return s
}

// A nas is a connected client socket.
type nas struct {
	t    *testing.T
	conn *net.UDPConn
}

func dial(t *testing.T, to net.Addr) *nas {
	t.Helper()
	return dialFrom(t, nil, to)
}

func dialFrom(t *testing.T, from, to net.Addr) *nas {
	t.Helper()
	d := net.Dialer{LocalAddr: from}
	conn, err := d.Dial("udp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &nas{t, conn.(*net.UDPConn)}
}

func (n *nas) send(b []byte) {
	n.t.Helper()
	if _, err := n.conn.Write(b); err != nil {
		n.t.Fatal(err)
	}
}

func (n *nas) receive() []byte {
	n.t.Helper()
	b := make([]byte, 65536)
	_ = n.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	count, err := n.conn.Read(b)
	if err != nil {
		n.t.Fatalf("no reply: %v", err)
	}
	return b[:count]
}

func (n *nas) exchange(b []byte) []byte {
	n.t.Helper()
	n.send(b)
	return n.receive()
}

// silent sends b and proves that it met silence: the socket answers in order,
// so the next thing to come is the answer to a Status-Server sent after it.
func (n *nas) silent(b []byte) {
	n.t.Helper()
	n.send(b)
	probe := newDraft(radius.CodeStatusServer, 199)
	octets := probe.bytes()
	reply := n.exchange(octets)
	if !radius.IsAuthenticResponse(reply, octets, []byte(testSecret)) {
		n.t.Errorf("%x was answered with %x", b, reply)
	}
}

func authAddr(s *Server) net.Addr { auth, _ := s.Addrs(); return auth[0] }
func acctAddr(s *Server) net.Addr { _, acct := s.Addrs(); return acct[0] }

// until waits for a condition that other goroutines bring about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 10_000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

func TestUDPAccessAndAccounting(t *testing.T) { // Holds S1, P2.
	s := serve(t, Config{})
	d := accessDraft(5).text(33, "one").text(33, "two")
	octets := d.bytes()
	p := verifyReply(t, octets, dial(t, authAddr(s)).exchange(octets), true)
	var states []string
	for _, a := range p.Attributes {
		if a.Type == 33 {
			states = append(states, string(a.Attribute))
		}
	}
	if fmt.Sprint(states) != "[one two]" || rfc2865.UserName_GetString(p) != "nurse@royal.nhs.example" {
		t.Errorf("Proxy-States %q in %v", states, p.Attributes)
	}
	account := newDraft(radius.CodeAccountingRequest, 6).add(40, []byte{0, 0, 0, 1}).text(1, "u")
	account.unsigned = true
	octets = account.bytes()
	verifyReply(t, octets, dial(t, acctAddr(s)).exchange(octets), false)
}

func TestP1UnknownClientMeetsSilence(t *testing.T) {
	var called atomic.Int64
	now := time.Unix(1_700_000_000, 0)
	s := serve(t, Config{Now: func() time.Time { return now }, Access: func(ctx context.Context, req *Request) []byte {
		called.Add(1)
		return echo(ctx, req)
	}})
	stranger := dialFrom(t, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}, authAddr(s))
	for id := range 3 {
		stranger.send(accessDraft(byte(id)).bytes())
	}
	until(t, "three unknown", func() bool { return s.Stats().Of(UnknownClient) == 3 })
	want := Stranger{Address: netip.MustParseAddr("127.0.0.2"), Says: "wlc-royal-1", Packets: 3, News: 3, First: now, Last: now}
	if got, left := s.StrangerNews(20); len(got) != 1 || got[0] != want || left != 0 {
		t.Errorf("strangers %+v, %d left", got, left)
	}
	if got, _ := s.StrangerNews(20); len(got) != 0 {
		t.Errorf("told twice: %+v", got)
	}
	want.News = 0
	if got, forgotten := s.Strangers(); len(got) != 1 || got[0] != want || forgotten != 0 {
		t.Errorf("strangers %+v, %d forgotten", got, forgotten)
	}
	if called.Load() != 0 || s.Stats().Replies != 0 {
		t.Error("a stranger was heard")
	}
}

func TestSilencedBookIsBounded(t *testing.T) { // Holds S15: forged addresses cost nothing.
	var k silencedBook
	a := netip.MustParseAddr("10.0.0.0")
	for range 5000 {
		a = a.Next()
		k.note(a, "", UnknownClient, time.Time{})
	}
	if n := len(k.take()); n != maxSilenced {
		t.Errorf("%d remembered", n)
	}
}

func TestUDPSilence(t *testing.T) { // Holds S1, S2, P4, P5, P18.
	s := serve(t, Config{Sockets: 1})
	n := dial(t, authAddr(s))
	good := accessDraft(9).bytes()
	unsigned := accessDraft(9)
	unsigned.unsigned = true
	wrong := accessDraft(9)
	wrong.secret = "not the secret of this client"
	flipped := bytes.Clone(good)
	flipped[30] ^= 4
	for _, test := range []struct {
		b    []byte
		want Cause
	}{
		{unsigned.bytes(), NoMessageAuthenticator},
		{wrong.bytes(), BadMessageAuthenticator},
		{flipped, BadMessageAuthenticator},
		{good[:19], TooShort},
		{good[:len(good)-1], BadLength},
		{append(bytes.Clone(good[:20]), 1, 1), BadLength},
		{accessDraft(9).add(80, make([]byte, 16)).bytes(), SeveralMessageAuthenticators},
		{newDraft(radius.CodeAccountingRequest, 9).bytes(), UnexpectedCode},
		{nil, TooShort},
	} {
		before := s.Stats().Of(test.want)
		n.silent(test.b)
		if after := s.Stats().Of(test.want); after != before+1 {
			t.Errorf("%x: %v counted %d times", test.b, test.want, after-before)
		}
	}
	if handled := s.Stats().Handled; handled != 0 {
		t.Errorf("%d reached the handler", handled)
	}
	padded := append(bytes.Clone(good), "octets past Length"...)
	verifyReply(t, good, n.exchange(padded), true)
	if list := s.SilencedClients(); len(list) != 1 || list[0].Client != "wlc" || list[0].Count != 9 {
		t.Errorf("silenced clients %+v", list)
	}
}

func TestR24StatusServerOnEveryPort(t *testing.T) { // Holds P60.
	s := serve(t, Config{
		Access:     func(context.Context, *Request) []byte { panic("Status-Server reached the handler") },
		Accounting: func(context.Context, *Request) []byte { panic("Status-Server reached the handler") },
	})
	for id, test := range map[byte]struct {
		to   net.Addr
		want radius.Code
	}{1: {authAddr(s), radius.CodeAccessAccept}, 2: {acctAddr(s), radius.CodeAccountingResponse}} {
		octets := newDraft(radius.CodeStatusServer, id).text(33, "ps").bytes()
		n := dial(t, test.to)
		for range 2 { // asked again, answered again: it is never a duplicate
			p := verifyReply(t, octets, n.exchange(octets), true)
			if p.Code != test.want || string(p.Get(33)) != "ps" {
				t.Errorf("%v", p)
			}
		}
	}
	stats := s.Stats()
	if stats.StatusServer != 4 || stats.Handled != 0 || stats.Duplicates != 0 {
		t.Errorf("%+v", stats)
	}
}

func TestF14DuplicateGetsTheSameReply(t *testing.T) { // Holds P30, P31, P32.
	var calls atomic.Int64
	release := make(chan struct{})
	now := atomic.Int64{}
	s := serve(t, Config{
		Sockets: 1,
		Now:     func() time.Time { return time.Unix(now.Load(), 0) },
		Access: func(ctx context.Context, req *Request) []byte {
			calls.Add(1)
			<-release
			reply := req.Packet.Response(radius.CodeAccessAccept)
			AddKeys(reply, make([]byte, 32), make([]byte, 32)) // random salts: no two replies are equal
			wire, _ := Encode(req, reply)
			return wire
		}})
	n := dial(t, authAddr(s))
	first := accessDraft(7).bytes()
	n.send(first)
	until(t, "the handler runs", func() bool { return calls.Load() == 1 })
	n.silent(first) // P31: in progress
	if s.Stats().Of(DuplicateInProgress) != 1 || calls.Load() != 1 {
		t.Fatalf("%d calls, %v", calls.Load(), s.Stats())
	}
	close(release)
	reply := n.receive()
	verifyReply(t, first, reply, true)
	if again := n.exchange(first); !bytes.Equal(again, reply) {
		t.Error("P30: another reply to a duplicate")
	}
	if calls.Load() != 1 || s.Stats().Duplicates != 1 {
		t.Errorf("F14: %d calls", calls.Load())
	}
	second := accessDraft(7).bytes() // P32: a new authenticator under the same identifier
	verifyReply(t, second, n.exchange(second), true)
	if calls.Load() != 2 {
		t.Errorf("P32: %d calls", calls.Load())
	}
	other := dial(t, authAddr(s)) // another port is another question
	verifyReply(t, second, other.exchange(second), true)
	if calls.Load() != 3 {
		t.Errorf("another port: %d calls", calls.Load())
	}
	now.Add(11)
	n.exchange(second)
	if calls.Load() != 4 {
		t.Errorf("after the age: %d calls", calls.Load())
	}
}

func TestP32SupersededReplyIsNotSent(t *testing.T) {
	started, release := make(chan struct{}, 2), make(chan struct{})
	s := serve(t, Config{Sockets: 1, Access: func(ctx context.Context, req *Request) []byte {
		if req.UserName() == "slow" {
			started <- struct{}{}
			<-release
		}
		return echo(ctx, req)
	}})
	n := dial(t, authAddr(s))
	n.send(newDraft(radius.CodeAccessRequest, 3).text(1, "slow").bytes())
	<-started
	fast := newDraft(radius.CodeAccessRequest, 3).text(1, "fast").bytes()
	verifyReply(t, fast, n.exchange(fast), true)
	close(release)
	until(t, "superseded", func() bool { return s.Stats().Of(Superseded) == 1 })
	if again := n.exchange(fast); !radius.IsAuthenticResponse(again, fast, []byte(testSecret)) {
		t.Error("the late reply took the newer one's place")
	}
}

func TestSilentHandlerMayBeAskedAgain(t *testing.T) {
	var calls atomic.Int64
	s := serve(t, Config{Sockets: 1, Access: func(ctx context.Context, req *Request) []byte {
		if calls.Add(1) == 1 {
			return nil
		}
		return echo(ctx, req)
	}})
	n := dial(t, authAddr(s))
	octets := accessDraft(1).bytes()
	n.send(octets)
	until(t, "silence", func() bool { return s.Stats().Of(HandlerSilent) == 1 })
	verifyReply(t, octets, n.exchange(octets), true)
}

// Holds S15, F10: with every other handler stuck on a flood from one client,
// another client's requests are all answered.
func TestF10AFloodLeavesRoomForOthers(t *testing.T) {
	release := make(chan struct{})
	quiet := loopback("quiet")
	quiet.Prefix = netip.MustParsePrefix("127.0.0.3/32")
	s := serve(t, Config{
		Clients: mustClients(t, loopback("flooder"), quiet), InFlight: 16,
		Access: func(ctx context.Context, req *Request) []byte {
			if req.Client.Name == "flooder" {
				<-release
			}
			return echo(ctx, req)
		}})
	flood := dial(t, authAddr(s))
	for id := range 200 {
		flood.send(accessDraft(byte(id)).bytes())
	}
	until(t, "the flood was judged", func() bool { return s.Stats().Received == 200 })
	if stats := s.Stats(); stats.InFlight != 8 || stats.Of(OverShare) != 192 {
		t.Errorf("%d in flight, %d over the share", stats.InFlight, stats.Of(OverShare))
	}
	// What gets no place is not judged first: a flood is to be read faster than it comes.
	forged := accessDraft(201).bytes()
	forged[len(forged)-1]++
	flood.send(forged)
	until(t, "one more was dropped", func() bool { return s.Stats().Of(OverShare) == 193 })
	n := dialFrom(t, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 3)}, authAddr(s))
	for id := range 100 {
		octets := accessDraft(byte(id)).bytes()
		verifyReply(t, octets, n.exchange(octets), true)
	}
	// Status-Server is answered however busy the handlers are (F2).
	octets := newDraft(radius.CodeStatusServer, 250).bytes()
	verifyReply(t, octets, flood.exchange(octets), true)
	close(release)
	until(t, "the flood drains", func() bool { return s.Stats().InFlight == 0 })
}

func TestOverCapacityIsCounted(t *testing.T) {
	release := make(chan struct{})
	var clients []Client
	for i := range 6 {
		c := loopback(fmt.Sprint("wlc-", i))
		c.Prefix = netip.MustParsePrefix(fmt.Sprintf("127.0.1.%d/32", i+1))
		clients = append(clients, c)
	}
	s := serve(t, Config{Clients: mustClients(t, clients...), InFlight: 4, Access: func(ctx context.Context, req *Request) []byte {
		<-release
		return echo(ctx, req)
	}})
	var list []*nas
	var requests [][]byte
	for i := range clients {
		n := dialFrom(t, &net.UDPAddr{IP: net.IPv4(127, 0, 1, byte(i+1))}, authAddr(s))
		requests = append(requests, accessDraft(1).bytes())
		n.send(requests[i])
		list = append(list, n)
		until(t, "received", func() bool { return s.Stats().Received == uint64(i+1) })
	}
	until(t, "four in flight, two dropped", func() bool { return s.Stats().Of(OverCapacity) == 2 && s.Stats().InFlight == 4 })
	close(release)
	for _, n := range list[:4] {
		n.receive()
	}
	// A dropped request is not remembered: sent again, it is answered.
	until(t, "room", func() bool { return s.Stats().InFlight == 0 })
	verifyReply(t, requests[5], list[5].exchange(requests[5]), true)
}

func TestS5PanicEndsOneRequest(t *testing.T) { // Holds S17.
	const canary = "canary-password"
	panics := make(chan Panic, 10)
	s := serve(t, Config{Sockets: 1, OnPanic: func(p Panic) { panics <- p }, Access: func(ctx context.Context, req *Request) []byte {
		switch req.UserName() {
		case "value":
			panic(fmt.Sprintf("cannot read %s", canary))
		case "error":
			panic(errors.New(canary))
		case "index":
			return req.Packet.Attributes[len(req.Packet.Attributes)+3].Attribute
		}
		return echo(ctx, req)
	}})
	n := dial(t, authAddr(s))
	for id, name := range []string{"value", "error", "index"} {
		octets := newDraft(radius.CodeAccessRequest, byte(id)).text(1, name).bytes()
		n.send(octets)
		<-panics
		until(t, "the first is over", func() bool { return s.Stats().InFlight == 0 })
		n.send(octets) // sent again, it is handled again
		p := <-panics
		if strings.Contains(fmt.Sprintf("%+v", p), canary) {
			t.Errorf("%s: the report holds what the handler held: %+v", name, p)
		}
		if p.Client != "wlc" || !strings.Contains(p.Stack, "TestS5PanicEndsOneRequest") || !strings.Contains(p.Stack, "udp_test.go:") {
			t.Errorf("%s: %+v", name, p)
		}
		if name == "index" && !strings.Contains(p.What, "index out of range") {
			t.Errorf("what: %q", p.What)
		}
	}
	octets := accessDraft(9).bytes()
	verifyReply(t, octets, n.exchange(octets), true)
	until(t, "places are free", func() bool { return s.Stats().InFlight == 0 })
	if got := s.Stats().Of(HandlerPanicked); got != 6 {
		t.Errorf("%d panics counted", got)
	}
}

func TestF12ShutdownDrains(t *testing.T) {
	started, release := make(chan struct{}, 20), make(chan struct{})
	s, err := Listen(Config{Auth: []string{"127.0.0.1:0"}, Clients: mustClients(t, loopback("wlc")),
		Access: func(ctx context.Context, req *Request) []byte {
			started <- struct{}{}
			<-release
			return echo(ctx, req)
		}})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background()) }()
	var requests [][]byte
	n := dial(t, authAddr(s))
	for id := range 10 {
		requests = append(requests, accessDraft(byte(id)).bytes())
		n.send(requests[id])
		<-started
	}
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	for _, l := range s.listeners {
		until(t, "reading stops", func() bool { return l.(*udpSocket).stopping.Load() })
	}
	close(release)
	got := map[byte]bool{}
	for range requests {
		reply := n.receive()
		verifyReply(t, requests[reply[1]], reply, true)
		got[reply[1]] = true
	}
	if err := <-done; err != nil || len(got) != 10 {
		t.Errorf("Shutdown %v after %d replies", err, len(got))
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("a second Shutdown: %v", err)
	}
}

func TestShutdownGivesUpWithItsContext(t *testing.T) {
	started := make(chan struct{})
	s, err := Listen(Config{Auth: []string{"127.0.0.1:0"}, Clients: mustClients(t, loopback("wlc")),
		Access: func(ctx context.Context, _ *Request) []byte {
			close(started)
			<-ctx.Done()
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(context.Background()) }()
	dial(t, authAddr(s)).send(accessDraft(1).bytes())
	<-started
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	until(t, "the handler's context ended", func() bool { return s.Stats().InFlight == 0 })
}

func TestServeEndsWithItsContext(t *testing.T) {
	s, err := Listen(Config{Auth: []string{"127.0.0.1:0"}, Access: echo})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Serve(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Serve: %v", err)
	}
	if _, err := net.ListenPacket("udp", authAddr(s).String()); err != nil {
		t.Errorf("the port is still taken: %v", err)
	}
}

func TestShutdownBeforeServe(t *testing.T) {
	s, err := Listen(Config{Auth: []string{"127.0.0.1:0"}, Access: echo})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := s.Serve(context.Background()); err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestP33HandlersHaveADeadline(t *testing.T) {
	type seen struct {
		left time.Duration
		ok   bool
		req  *Request
	}
	contexts := make(chan seen, 1)
	after := make(chan context.Context, 1)
	s := serve(t, Config{Access: func(ctx context.Context, req *Request) []byte {
		deadline, ok := ctx.Deadline()
		child, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		if d, _ := child.Deadline(); !d.Equal(deadline) {
			ok = false
		}
		after <- ctx
		contexts <- seen{time.Until(deadline), ok, req}
		return echo(ctx, req)
	}})
	n := dial(t, authAddr(s))
	n.exchange(accessDraft(1).bytes())
	got := <-contexts
	if !got.ok || got.left > 25*time.Second || got.left < 5*time.Second {
		t.Errorf("%v left", got.left)
	}
	<-(<-after).Done() // the handler has returned
	if _, err := Listen(Config{Auth: []string{"127.0.0.1:0"}, Access: echo, Patience: 31 * time.Second}); err == nil {
		t.Error("a patience of 31 s was accepted")
	}
	if name := got.req.Client.Name; name != "wlc" || got.req.From.Addr().String() != "127.0.0.1" || got.req.Received.IsZero() {
		t.Errorf("request %+v", got.req)
	}
}

func TestPatienceRunsOut(t *testing.T) {
	v := newVigil(t.Context())
	p := &patience{base: context.Background(), vigil: v, deadline: time.Now().Add(-time.Second)}
	<-p.Done()
	if !errors.Is(p.Err(), context.DeadlineExceeded) {
		t.Error(p.Err())
	}
	asked := &patience{base: context.Background(), vigil: v, deadline: time.Now().Add(-time.Second)}
	if !errors.Is(asked.Err(), context.DeadlineExceeded) {
		t.Error("nobody waited, and its time is not out:", asked.Err())
	}
	<-asked.Done()
	type key struct{}
	q := &patience{base: context.WithValue(context.Background(), key{}, 7), vigil: v, deadline: time.Now().Add(time.Hour)}
	if q.Value(key{}) != 7 || q.Err() != nil {
		t.Error("a value of the base is lost, or its time is out:", q.Err())
	}
	q.end()
	<-q.Done()
	if q.Value(key{}) != 7 || !errors.Is(q.Err(), context.Canceled) {
		t.Error(q.Err())
	}
}

// Contexts that are derived from a handler's end with it, and it forgets those that
// ended before.
func TestPatienceTakesItsChildrenAlong(t *testing.T) {
	base, cancel := context.WithCancel(t.Context())
	v := newVigil(base)
	p := &patience{base: base, vigil: v, deadline: time.Now().Add(time.Hour)}
	early, done := context.WithTimeout(p, time.Hour)
	child, childDone := context.WithTimeout(p, time.Hour)
	defer childDone()
	waits := p.Done()
	done()
	if p.mu.Lock(); len(p.calls) != 1 {
		t.Errorf("%d children are remembered, one lives", len(p.calls))
	}
	p.mu.Unlock()
	cancel() // the server gives up those who wait
	<-waits
	<-child.Done()
	if !errors.Is(p.Err(), context.Canceled) || !errors.Is(child.Err(), context.Canceled) || !errors.Is(early.Err(), context.Canceled) {
		t.Error(p.Err(), child.Err(), early.Err())
	}
	late := &patience{base: base, vigil: v, deadline: time.Now().Add(time.Hour)}
	<-late.Done()
	called := make(chan struct{})
	late.AfterFunc(func() { close(called) })
	<-called
	if v.root.next != &v.root {
		t.Error("the vigil keeps those that are over")
	}
}

func TestR29FourKilobytesEachWay(t *testing.T) {
	s := serve(t, Config{Access: func(_ context.Context, req *Request) []byte {
		reply := req.Packet.Response(radius.CodeAccessAccept)
		for _, a := range req.Packet.Attributes {
			if a.Type == 18 {
				reply.Attributes = append(reply.Attributes, a)
			}
		}
		wire, err := Encode(req, reply)
		if err != nil {
			panic(err)
		}
		return wire
	}})
	d := newDraft(radius.CodeAccessRequest, 1)
	for n := maxLength - headerLength - lengthMessageAuthenticator; n > 0; {
		size := min(n, 255)
		d.add(18, bytes.Repeat([]byte{byte(n)}, size-2))
		n -= size
	}
	octets := d.bytes()
	if len(octets) != 4096 {
		t.Fatal(len(octets))
	}
	reply := dial(t, authAddr(s)).exchange(octets)
	if len(reply) != 4096 {
		t.Errorf("a reply of %d octets", len(reply))
	}
	verifyReply(t, octets, reply, true)
}

func TestReloadOfClients(t *testing.T) { // Holds R51 as far as clients go.
	s := serve(t, Config{Sockets: 1})
	n := dial(t, authAddr(s))
	octets := accessDraft(1).bytes()
	verifyReply(t, octets, n.exchange(octets), true)

	const renewed = "another-secret-just-as-long"
	client := loopback("wlc")
	client.Secret = renewed
	s.SetClients(mustClients(t, client))
	n.send(accessDraft(2).bytes())
	until(t, "the old secret is refused", func() bool { return s.Stats().Of(BadMessageAuthenticator) == 1 })
	d := accessDraft(3)
	d.secret = renewed
	octets = d.bytes()
	verifyReplyWith(t, renewed, octets, n.exchange(octets), true)

	s.SetClients(nil)
	n.send(octets)
	until(t, "no clients at all", func() bool { return s.Stats().Of(UnknownClient) == 1 })
}

func TestRegisterKeepsHolders(t *testing.T) {
	a := newRegister(mustClients(t, loopback("wlc")), nil)
	other := loopback("other")
	other.Prefix = netip.MustParsePrefix("127.0.0.2/32")
	b := newRegister(mustClients(t, other, loopback("wlc")), a)
	if b.holders[1] != a.holders[0] || b.holders[0] == a.holders[0] {
		t.Error("a reload lost a client's places")
	}
}

// Every address of the host answers from itself, over IPv4 and IPv6 alike.
func TestAnyAddressAnswersFromTheOneAsked(t *testing.T) {
	six := loopback("six")
	six.Prefix = netip.MustParsePrefix("::1/128")
	four := loopback("four")
	four.Prefix = netip.MustParsePrefix("127.0.0.0/8")
	for _, listen := range []string{":0", "0.0.0.0:0", "[::]:0"} {
		s := serve(t, Config{Auth: []string{listen}, Clients: mustClients(t, four, six), Sockets: 2})
		port := authAddr(s).(*net.UDPAddr).Port
		hosts := []string{"127.0.0.1", "127.0.0.9"}
		if conn, err := net.ListenPacket("udp", "[::1]:0"); err == nil && listen != "0.0.0.0:0" {
			_ = conn.Close()
			hosts = append(hosts, "::1")
		}
		for _, host := range hosts {
			// A connected socket hears only the address that it asked.
			n := dial(t, &net.UDPAddr{IP: net.ParseIP(host), Port: port})
			octets := accessDraft(1).bytes()
			verifyReply(t, octets, n.exchange(octets), true)
		}
	}
}

func TestListenReportsBuffers(t *testing.T) {
	s := serve(t, Config{Sockets: 3})
	stats := s.Stats()
	if len(stats.Sockets) != 6 {
		t.Fatalf("%d sockets", len(stats.Sockets))
	}
	for _, socket := range stats.Sockets {
		if socket.ReceiveBuffer < 100_000 || socket.SendBuffer < 100_000 || socket.Asked != 8<<20 || socket.Transport != "udp" {
			t.Errorf("%+v", socket)
		}
	}
	names := map[string]bool{}
	stats.Each(func(name string, _ uint64) {
		if names[name] || name == "" || strings.HasSuffix(name, "-") {
			t.Errorf("counter %q", name)
		}
		names[name] = true
	})
	if !names["silence-unknown-client"] || !names["smallest-receive-buffer"] || len(names) != 15+int(lastCause)-1+int(lastEnding) {
		t.Errorf("%v", names)
	}
	auth, acct := s.Addrs()
	if len(auth) != 1 || len(acct) != 1 {
		t.Errorf("addresses %v %v", auth, acct)
	}
}

func TestListenRefusesATakenPort(t *testing.T) {
	s := serve(t, Config{})
	_, err := Listen(Config{Auth: []string{authAddr(s).String()}, Access: echo})
	if err == nil || !strings.Contains(err.Error(), authAddr(s).String()) {
		t.Errorf("%v", err)
	}
	for _, cfg := range []Config{{}, {Auth: []string{"127.0.0.1:0"}}, {Acct: []string{"127.0.0.1:0"}}, {Auth: []string{"nonsense"}, Access: echo}} {
		if _, err := Listen(cfg); err == nil {
			t.Errorf("%v was accepted", cfg.Auth)
		}
	}
}

func TestDialUDP(t *testing.T) {
	s := serve(t, Config{})
	conn, err := DialUDP(context.Background(), authAddr(s).String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if receive, _ := granted(conn.(*net.UDPConn)); receive < 400_000 && os.Getuid() == 0 {
		t.Errorf("a receive buffer of %d", receive)
	}
	octets := accessDraft(1).bytes()
	n := &nas{t, conn.(*net.UDPConn)}
	verifyReply(t, octets, n.exchange(octets), true)
}

// A reply that the kernel refuses costs no other one.
func TestARefusedReplyIsSkipped(t *testing.T) {
	s := serve(t, Config{Sockets: 1})
	u := s.listeners[0].(*udpSocket)
	n := dial(t, authAddr(s))
	good := route{to: n.conn.LocalAddr()}
	bad := route{to: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}} // port 0
	u.outbox.mu.Lock()
	u.outbox.waiting = []letter{{[]byte("1"), good}, {[]byte("2"), bad}, {[]byte("3"), good}, {[]byte("4"), good}}
	u.outbox.mu.Unlock()
	u.outbox.knock()
	if got := string(n.receive()) + string(n.receive()) + string(n.receive()); got != "134" {
		t.Errorf("%q arrived", got)
	}
	if failed := s.Stats().Of(SendFailed); failed != 1 {
		t.Errorf("%d refused", failed)
	}
}

// Many clients' ports over several sockets, every request answered once.
func TestManyAtOnce(t *testing.T) {
	var handled atomic.Int64
	s := serve(t, Config{Sockets: 4, Access: func(ctx context.Context, req *Request) []byte {
		handled.Add(1)
		return echo(ctx, req)
	}})
	var all sync.WaitGroup
	for range 16 {
		n := dial(t, authAddr(s))
		all.Go(func() {
			for id := range 100 {
				octets := accessDraft(byte(id)).bytes()
				if _, err := n.conn.Write(octets); err != nil {
					t.Error(err)
					return
				}
				_ = n.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
				b := make([]byte, maxLength)
				count, err := n.conn.Read(b)
				if err != nil || !radius.IsAuthenticResponse(b[:count], octets, []byte(testSecret)) {
					t.Error("no good reply", err)
					return
				}
			}
		})
	}
	all.Wait()
	if handled.Load() != 1600 {
		t.Errorf("%d handled", handled.Load())
	}
}
