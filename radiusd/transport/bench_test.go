package transport

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"layeh.com/radius"
)

// benchServer is a server without sockets.
func benchServer(b *testing.B, handler Handler) *Server {
	cfg := Config{Auth: []string{"-"}, Access: handler, Clients: mustClients(b, loopback("wlc"))}
	if err := cfg.fill(); err != nil {
		b.Fatal(err)
	}
	s := &Server{cfg: cfg, places: newPlaces(cfg.InFlight), base: context.Background()}
	s.clients.Store(newRegister(cfg.Clients, nil))
	return s
}

// kilobyteReply builds a challenge of 1 KB, as a TLS server flight makes.
func kilobyteReply(eap []byte) Handler {
	return func(_ context.Context, req *Request) []byte {
		reply := req.Packet.Response(radius.CodeAccessChallenge)
		AddEAP(reply, eap)
		reply.Add(24, eap[:16])
		wire, err := Encode(req, reply)
		if err != nil {
			panic(err)
		}
		return wire
	}
}

// BenchmarkPacketPath is parse, verify Message-Authenticator, duplicate check,
// build, sign, encode for a 200-octet request and a 1 KB reply. The target is
// 6,000 ns and 20 allocations.
func BenchmarkPacketPath(b *testing.B) {
	s := benchServer(b, kilobyteReply(make([]byte, 950)))
	octets := accessDraft(1).bytes()
	if len(octets) < 190 || len(octets) > 240 {
		b.Fatal(len(octets))
	}
	known := newDuplicates(10*time.Second, 1<<16, 32<<20)
	d := newDigester()
	a := arrival{octets: octets, role: access, wall: time.Now()}
	now := time.Now()
	port := uint16(0)
	walk := func() {
		now = now.Add(50 * time.Microsecond)
		port++
		a.now, a.from = now, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
		_, j := s.receive(&a, known, d)
		if j == nil {
			b.Fatal("no job")
		}
		if reply := s.handle(j, access, known, nil); len(reply) < 1000 {
			b.Fatal(len(reply))
		}
	}
	for range 40_000 { // fills the cache to its bound: what a busy server looks like
		walk()
	}
	b.ReportAllocs()
	for b.Loop() {
		walk()
	}
}

func BenchmarkParse(b *testing.B) {
	octets := accessDraft(1).bytes()
	b.ReportAllocs()
	for b.Loop() {
		s, _ := outline(octets)
		s.build(nil)
	}
}

func BenchmarkVerify(b *testing.B) {
	client := &Client{Name: "x", key: newKey(testSecret)}
	octets := accessDraft(1).bytes()
	d := newDigester()
	b.ReportAllocs()
	for b.Loop() {
		s, _ := outline(octets)
		if judge(&s, access, client, d) != causeNone {
			b.Fatal("not genuine")
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	req := parseRequest(b, accessDraft(1).bytes(), mustClients(b, loopback("wlc")).All()[0])
	for _, n := range []int{0, 950} {
		handler := kilobyteReply(make([]byte, max(n, 16)))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				handler(context.Background(), req)
			}
		})
	}
}

// BenchmarkUDPEcho answers over real loopback sockets with a window of requests
// in flight: client and server share the cores it is given (taskset -c 0).
func BenchmarkUDPEcho(b *testing.B) {
	s, err := Listen(Config{Auth: []string{"127.0.0.1:0"}, Clients: mustClients(b, loopback("wlc")),
		Access: func(_ context.Context, req *Request) []byte {
			wire, err := Encode(req, req.Packet.Response(radius.CodeAccessAccept))
			if err != nil {
				panic(err)
			}
			return wire
		}})
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = s.Serve(context.Background()) }()
	auth, _ := s.Addrs()
	conn, err := DialUDP(context.Background(), auth[0].String())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	// Identifiers come round many times with new authenticators before the
	// same octets do, so that no reply comes from the cache.
	var requests [8192][]byte
	for i := range requests {
		requests[i] = accessDraft(byte(i)).bytes()
	}
	buffer := make([]byte, maxLength)
	const window = 64
	b.ReportAllocs()
	b.ResetTimer()
	for sent := 0; sent < b.N; {
		n := min(window, b.N-sent)
		for range n {
			if _, err := conn.Write(requests[sent%len(requests)]); err != nil {
				b.Fatal(err)
			}
			sent++
		}
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		for range n {
			if _, err := conn.Read(buffer); err != nil {
				s.Stats().Each(func(name string, value uint64) { b.Log(name, value) })
				b.Fatal(err)
			}
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	_ = s.Shutdown(context.Background())
}
