package eap

import (
	"context"
	"testing"
	"time"

	"layeh.com/radius"

	"causeway/radiusd/eap/packet"
)

// BenchmarkMethods reports what the server does in a whole authentication, without
// RADIUS and sockets, beside the server's part of a bare handshake of the same
// kind. Targets over the whole daemon: TTLS-PAP 2.2, PEAP-MSCHAPv2 2.6, EAP-TLS 1.4.
func BenchmarkMethods(b *testing.B) {
	s := serve(b, nil)
	for _, version := range versions {
		for _, way := range ways {
			b.Run(way+"/"+versionName(version), func(b *testing.B) {
				b.ReportAllocs()
				var ours, bare time.Duration
				for range b.N {
					ours += timeLogin(b, s, version, way)
					bare += timeHandshake(b, s, version, way == "tls")
				}
				b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N), "server-ns/op")
				b.ReportMetric(float64(bare.Nanoseconds())/float64(b.N), "handshake-ns/op")
				b.ReportMetric(float64(ours)/float64(bare), "ratio")
			})
		}
	}
}

func timeLogin(b *testing.B, s *Server, version uint16, way string) (spent time.Duration) {
	p := meet(b, s, version, way, nobody, amy, "correct horse")
	message := identityResponse(p.name)
	for {
		req := access(p.name, message, 0)
		started := time.Now()
		a, err := p.conv.Answer(context.Background(), req)
		spent += time.Since(started)
		if err != nil {
			b.Fatal(err)
		}
		if a.Code == radius.CodeAccessAccept {
			return spent
		}
		message = p.respond(a.EAP)
	}
}

func timeHandshake(b *testing.B, s *Server, version uint16, mutual bool) (spent time.Duration) {
	server := packet.NewServer(s.tlsConfig(mutual))
	client := packet.NewClient(theWard().clientTLS(version, amy))
	defer server.Close()
	defer client.Close()
	message, _, err := client.Handshake(nil)
	for err == nil && !server.Done() {
		started := time.Now()
		message, _, err = server.Handshake(message)
		spent += time.Since(started)
		if err == nil && !client.Done() {
			message, _, err = client.Handshake(message)
		}
	}
	if err != nil {
		b.Fatal(err)
	}
	return spent
}

// BenchmarkIdentity is the first answer: what a flood of starts costs.
func BenchmarkIdentity(b *testing.B) {
	s := serve(b, nil)
	req := access(nobody, identityResponse(nobody), 0)
	b.ReportAllocs()
	for b.Loop() {
		c := open(s, nobody)
		if _, err := c.Answer(context.Background(), req); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}
