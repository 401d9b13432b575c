package transport_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"

	"causeway/certs"
	"causeway/radiusd/transport"
)

func mustBe[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// roamServer takes connections and shows one certificate.
func roamServer(t *testing.T, c *tls.Config) string {
	t.Helper()
	ln := mustBe(net.Listen("tcp", "127.0.0.1:0"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s := tls.Server(conn, c)
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			_ = s.Handshake()
			_, _ = s.Read(make([]byte, 1)) // until the other side goes
			_ = s.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln.Addr().String()
}

// Holds R30 and S12: who answers is known by its authority and its alternative names,
// TLS is 1.2 at least and we do not speak with
// ourselves.
func TestR30WhomWeConnectTo(t *testing.T) {
	now := time.Now()
	a := mustBe(certs.NewAuthority("the federation's", now, certs.Options{}))
	other := mustBe(certs.NewAuthority("another's", now, certs.Options{}))
	peer := mustBe(certs.PeerOf([]*x509.Certificate{a.Certificate()}, []string{"roam1.example.net"}))
	ours := mustBe(a.Peer([]string{"radius1.northbridge.nhs.uk"}, certs.Options{}))
	good := mustBe(a.Peer([]string{"roam1.example.net"}, certs.Options{}))
	for name, c := range map[string]struct {
		shown certs.Pair
		most  uint16
		alpn  []string
		want  string // part of the error; empty: connected
	}{
		"the one":              {good, 0, nil, ""},
		"by TLS 1.2":           {good, tls.VersionTLS12, nil, ""},
		"RADIUS/1.1":           {good, 0, []string{"radius/1.1"}, ""},
		"by TLS 1.1":           {good, tls.VersionTLS11, nil, "protocol version"},
		"another name":         {mustBe(a.Peer([]string{"roam2.example.net"}, certs.Options{})), 0, nil, "somebody else's: it is for roam2.example.net"},
		"another authority":    {mustBe(other.Peer([]string{"roam1.example.net"}, certs.Options{})), 0, nil, "authority that may not vouch"},
		"a device's":           {mustBe(a.Device(certs.Options{Names: certs.Names{CommonName: "x", DNS: []string{"roam1.example.net"}}})), 0, nil, "may not vouch"},
		"the name as CN alone": {mustBe(a.Peer([]string{"roam2.example.net"}, certs.Options{Names: certs.Names{CommonName: "roam1.example.net"}})), 0, nil, "somebody else's"},
		"our own":              {ours, 0, nil, "this server would ask itself"},
	} {
		address := roamServer(t, &tls.Config{
			Certificates: []tls.Certificate{c.shown.Certificate}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: c.most, MinVersion: tls.VersionTLS10, NextProtos: c.alpn,
		})
		o := transport.Outbound{Own: mustBe(certs.FromPair(ours, nil)), Peer: peer, Protocols: []string{"radius/1.1", "radius/1.0"}, Now: time.Now}
		conn, err := o.Dial(t.Context(), address)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := conn.ConnectionState().NegotiatedProtocol; len(c.alpn) > 0 && got != c.alpn[0] {
			t.Errorf("%s: it speaks %q", name, got)
		}
		_ = conn.Close()
	}
}
