package upstream

import (
	"crypto/md5" //nolint:gosec // RADIUS is built on MD5
	"net"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
)

// leanEcho is an upstream for benchmarks that accepts whatever comes, without
// garbage and with no more work than the answer's two signatures.
func leanEcho(b testing.TB) string {
	b.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	_ = conn.SetReadBuffer(8 << 20)
	done := make(chan struct{})
	go func() {
		defer close(done)
		g := newSigners([]byte(upstreamSecret)).get()
		in, out := make([]byte, maxPacket), make([]byte, 0, maxPacket)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(in)
			if err != nil {
				return
			}
			out = leanAccept(out[:0], in[:n], g)
			_, _ = conn.WriteToUDPAddrPort(out, from)
		}
	}()
	b.Cleanup(func() { _ = conn.Close(); <-done })
	return conn.LocalAddr().String()
}

func leanAccept(out, in []byte, g *signer) []byte {
	e := envelope{id: in[1], auth: [16]byte(in[4:20])}
	out = appendHeader(out, radius.CodeAccessAccept, &e)
	for rest := in[headerLength:]; len(rest) > 0; rest = rest[rest[1]:] {
		if rest[0] == byte(rfc2865.ProxyState_Type) {
			out = append(out, rest[:rest[1]]...)
		}
	}
	g.seal(out, &e)
	g.room = append(append(g.room[:0], out...), g.secret...)
	sum := md5.Sum(g.room) //nolint:gosec // RFC 2865
	copy(out[4:], sum[:])
	return out
}
