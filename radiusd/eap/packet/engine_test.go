package packet

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"runtime"
	"testing"
	"time"
)

func testPair(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "radius.test"}, DNSNames: []string{"radius.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// shake runs a handshake to its end and returns both sides.
func shake(t testing.TB, version uint16) (client, server *Engine) {
	t.Helper()
	cert, pool := testPair(t)
	server = NewServer(ServerConfig(&tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: version, MinVersion: version, SessionTicketsDisabled: true}))
	client = NewClient(&tls.Config{RootCAs: pool, ServerName: "radius.test"})
	out, _, err := client.Handshake(nil)
	for i := 0; err == nil && (!client.Done() || !server.Done()); i++ {
		if i%2 == 0 {
			out, _, err = server.Handshake(out)
		} else {
			out, _, err = client.Handshake(out)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if client.Done() && len(out) > 0 && server.Done() { // the server's last flight, in TLS 1.2 consumed already
		t.Logf("%d octets left", len(out))
	}
	return client, server
}

func TestEngine(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		client, server := shake(t, version)
		for _, kind := range []Type{TLS, TTLS, PEAP} {
			a, errA := client.MSK(kind)
			b, errB := server.MSK(kind)
			if errA != nil || errB != nil || !bytes.Equal(a, b) || len(a) != MSKLength {
				t.Fatalf("%x: keys differ: %v %v", version, errA, errB)
			}
		}
		for _, text := range []string{"hello", "again"} {
			sealed, err := client.Seal([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			plain, err := server.Open(sealed)
			if err != nil || string(plain) != text {
				t.Fatalf("%q, %v", plain, err)
			}
			sealed, err = server.Seal(plain)
			if err != nil {
				t.Fatal(err)
			}
			if plain, err = client.Open(sealed); err != nil || string(plain) != text {
				t.Fatalf("%q, %v", plain, err)
			}
		}
		client.Close()
		server.Close()
	}
}

func TestEnginePeerAlert(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cert, _ := testPair(t)
		server := NewServer(ServerConfig(&tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: version}))
		client := NewClient(&tls.Config{RootCAs: x509.NewCertPool(), ServerName: "radius.test"})
		hello, _, _ := client.Handshake(nil)
		flight, _, err := server.Handshake(hello)
		if err != nil {
			t.Fatal(err)
		}
		alert, _, err := client.Handshake(flight)
		if err == nil || len(alert) == 0 {
			t.Fatalf("client accepted a stranger: %v", err)
		}
		_, done, err := server.Handshake(alert)
		code, ok := PeerAlert(err)
		if done || !ok || code != 42 {
			t.Fatalf("alert %d %v: %v", code, ok, err)
		}
	}
}

func TestEngineCloseLeaksNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 100 {
		e := NewClient(&tls.Config{ServerName: "x"})
		if _, _, err := e.Handshake(nil); err != nil {
			t.Fatal(err)
		}
		e.Close()
		e.Close()
	}
	for i := 0; i < 5_000 && runtime.NumGoroutine() > before; i++ { // those that are done may take a moment
		time.Sleep(time.Millisecond)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Fatalf("%d goroutines, %d before", after, before)
	}
}
