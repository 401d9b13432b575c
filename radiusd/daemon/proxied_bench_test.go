package daemon

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // RADIUS is built on MD5
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// acceptAll is an upstream that accepts whatever comes.
func acceptAll(tb testing.TB) string {
	tb.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatal(err)
	}
	_ = conn.SetReadBuffer(8 << 20)
	tb.Cleanup(func() { _ = conn.Close() })
	go func() {
		mac := hmac.New(md5.New, []byte(testSecret))
		in, b := make([]byte, 4096), make([]byte, 0, 4096)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(in)
			if err != nil {
				return
			}
			b = append(append(b[:0], 2, in[1], 0, 0), in[4:20]...)
			b = append(append(b, 80, 18), make([]byte, 16)...)
			for rest := in[20:n]; len(rest) > 0; rest = rest[rest[1]:] {
				if rest[0] == 33 {
					b = append(b, rest[:rest[1]]...)
				}
			}
			binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
			mac.Reset()
			mac.Write(b)
			mac.Sum(b[22:22])
			sum := md5.Sum(append(b, testSecret...)) //nolint:gosec // RFC 2865
			copy(b[4:20], sum[:])
			_, _ = conn.WriteToUDPAddrPort(b, from)
		}
	}()
	return conn.LocalAddr().String()
}

// BenchmarkProxied is a visitor's log-in by PAP, from the controller's socket to the
// partner's and back. What the controller and the partner allocate is next to nothing.
func BenchmarkProxied(b *testing.B) {
	config := strings.NewReplacer(
		"[zone]", fmt.Sprintf("[federation.eduroam]\nservers = [{ address = %q, secret = %q }]\n[zone]\nvisitor = {}", acceptAll(b), testSecret),
		"[vlan]", "[vlan]\nvisitor = { id = 320, zone = \"visitor\" }",
		"[[ssid.rule]]", "federation = \"eduroam\"\n[[ssid.rule]]\nwho = \"visitor\"\nvlan = \"visitor\"\n[[ssid.rule]]",
	).Replace(small)
	t := startTrust(b, config)
	conn, err := net.Dial("udp", t.address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	mac := hmac.New(md5.New, []byte(testSecret))
	out, in := make([]byte, 0, 4096), make([]byte, 4096)
	send := func(n int) {
		out = append(out[:0], 1, byte(n), 0, 0)
		out = binary.BigEndian.AppendUint64(out, uint64(n))
		out = append(out, "partner."...)
		out = append(append(out, 80, 18), make([]byte, 16)...)
		add := func(kind byte, value string) { out = append(append(out, kind, byte(2+len(value))), value...) }
		add(1, "student@partner.example")
		add(2, "thirty-two octets of a password!")
		add(4, "\x0a\x14\x00\x0a")
		add(32, "royal-wlc")
		add(30, "02-00-00-00-00-01:NHS-Staff")
		add(31, "02-00-5E-00-53-01")
		add(61, "\x00\x00\x00\x13")
		binary.BigEndian.PutUint16(out[2:], uint16(len(out)))
		mac.Reset()
		mac.Write(out)
		mac.Sum(out[22:22])
		if _, err := conn.Write(out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	const window = 64
	var open [256]bool // identifiers that wait: to use one again would be to give up its request
	for sent, answered := 0, 0; answered < b.N; {
		if sent < b.N && sent-answered < window && !open[byte(sent)] {
			send(sent)
			open[byte(sent)] = true
			sent++
			continue
		}
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second)) // rather than to wait for what is lost
		if _, err := conn.Read(in); err != nil || in[0] != 2 {
			b.Fatalf("%d %v %+v", in[0], err, <-t.events)
		}
		open[in[1]] = false
		answered++
	}
}
