package supplicant

import (
	"context"
	"crypto/tls"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"causeway/radiusd/eap/packet"
)

// BenchmarkHandshake is a whole TLS handshake through EAP, both sides in one
// process: what the device costs is this less the bare server.
func BenchmarkHandshake(b *testing.B) {
	for name, version := range versions {
		b.Run(name, func(b *testing.B) {
			cfg := world(b).config("ttls-pap", version)
			b.ReportAllocs()
			for b.Loop() {
				p, err := New(cfg)
				if err != nil {
					b.Fatal(err)
				}
				l := newLiar(b, p, DefaultFragment, nil).shake()
				l.engine.Close()
				p.Close()
			}
		})
	}
}

// BenchmarkPAP is the controller's own cost of a log-in: no network, no server.
func BenchmarkPAP(b *testing.B) {
	conn := &wireConn{}
	conn.answer = func(q []byte) [][]byte {
		conn.sent = conn.sent[:0]
		return [][]byte{answerTo(q, 2)}
	}
	c := &Controller{Conn: conn, Secret: testSecret, SSID: "ward"}
	cfg := world(b).config("pap", 0)
	b.ReportAllocs()
	for b.Loop() {
		p, err := New(cfg)
		if err != nil {
			b.Fatal(err)
		}
		if r, err := c.Login(context.Background(), p); err != nil || !r.Accepted() {
			b.Fatal(err, r)
		}
	}
}

// Peers and controllers share nothing that they change, and leave no coroutine
// behind when they give up half-way.
func TestSideBySide(t *testing.T) {
	w := world(t)
	before := runtime.NumGoroutine()
	cfg := w.config("tls", tls.VersionTLS13)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			conn := &wireConn{}
			conn.answer = func(q []byte) [][]byte {
				if len(conn.sent) > 1 {
					return nil
				}
				return [][]byte{answerTo(q, 11, eapParts(ask(uint8(i), packet.TLS, packet.FlagStart)))}
			}
			p, err := New(cfg)
			if err != nil {
				t.Error(err)
				return
			}
			c := &Controller{Conn: conn, Secret: testSecret, SSID: fmt.Sprint(i)}
			if _, err := c.Login(context.Background(), p); err == nil {
				t.Error("logged in to silence")
			}
		})
	}
	all.Wait()
	// A goroutine that is done may take a moment to be gone.
	for i := 0; i < 5_000 && runtime.NumGoroutine() > before; i++ {
		time.Sleep(time.Millisecond)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Fatalf("%d goroutines, %d before", after, before)
	}
}
