package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"layeh.com/radius"

	"causeway/certs"
)

// A realm of RadSec for tests: an authority, and what it issued.
type radsecTown struct {
	authority *certs.Authority
	server    certs.Pair
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var town = sync.OnceValue(func() radsecTown {
	a := must(certs.NewAuthority("a federation", time.Now(), certs.Options{}))
	return radsecTown{a, must(a.Peer([]string{"radius.royal.nhs.example"}, certs.Options{}))}
})

// pair is a certificate of the town for a peer.
func pair(t testing.TB, a *certs.Authority, name string) tls.Certificate {
	t.Helper()
	p, err := a.Peer([]string{name}, certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p.Certificate
}

// peerClient is a client that shows a certificate of that name.
func peerClient(t testing.TB, a *certs.Authority, client string, names ...string) Client {
	t.Helper()
	p, err := certs.PeerOf([]*x509.Certificate{a.Certificate()}, names)
	if err != nil {
		t.Fatal(err)
	}
	return Client{Name: client, Peer: p}
}

// radsecServer serves RadSec on a port of its own.
func radsecServer(t testing.TB, cfg Config) (*Server, string) {
	t.Helper()
	own := town().server.Certificate
	cfg.RadSec.Listen = []string{"127.0.0.1:0"}
	if cfg.RadSec.Certificate == nil {
		cfg.RadSec.Certificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &own, nil }
	}
	if cfg.Access == nil {
		cfg.Access = acceptAll
	}
	if cfg.Accounting == nil {
		cfg.Accounting = func(_ context.Context, req *Request) []byte {
			return must(Encode(req, req.Packet.Response(radius.CodeAccountingResponse)))
		}
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
		<-served
	})
	return s, s.RadSecAddrs()[0].String()
}

func acceptAll(_ context.Context, req *Request) []byte {
	return must(Encode(req, req.Packet.Response(radius.CodeAccessAccept)))
}

// A radsecPeer is the far end of a connection.
type radsecPeer struct {
	*tls.Conn
	t testing.TB
}

// dialRadSec connects and shakes hands. In TLS 1.3 a refusal comes with the first read.
func dialRadSec(t testing.TB, address string, certificate *tls.Certificate, change ...func(*tls.Config)) (*radsecPeer, error) {
	t.Helper()
	cfg := &tls.Config{RootCAs: town().authority.Pool(), ServerName: "radius.royal.nhs.example"}
	if certificate != nil {
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	}
	for _, c := range change {
		c(cfg)
	}
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
	conn := tls.Client(raw, cfg)
	return &radsecPeer{conn, t}, conn.Handshake()
}

func mustDial(t testing.TB, address string, certificate tls.Certificate, change ...func(*tls.Config)) *radsecPeer {
	t.Helper()
	p, err := dialRadSec(t, address, &certificate, change...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *radsecPeer) send(packets ...[]byte) {
	p.t.Helper()
	for _, b := range packets {
		if _, err := p.Write(b); err != nil {
			p.t.Fatal(err)
		}
	}
}

// receive reads one packet.
func (p *radsecPeer) receive() []byte {
	p.t.Helper()
	b, err := p.next()
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

func (p *radsecPeer) next() ([]byte, error) {
	head := make([]byte, headerLength)
	if _, err := io.ReadFull(p, head); err != nil {
		return nil, err
	}
	rest := make([]byte, (int(head[2])<<8|int(head[3]))-headerLength)
	_, err := io.ReadFull(p, rest)
	return append(head, rest...), err
}

// talk has a log-in answered.
func (p *radsecPeer) talk() {
	p.t.Helper()
	p.send(logIn(1))
	p.receive()
}

// closed waits for the end of the connection, and fails when anything comes before it.
func (p *radsecPeer) closed() {
	p.t.Helper()
	switch b, err := p.next(); {
	case err == nil:
		p.t.Fatalf("it answered %x", b)
	case errors.Is(err, os.ErrDeadlineExceeded):
		p.t.Fatal("the connection stayed open")
	}
	_ = p.Close()
}

func radsecDraft(code radius.Code, id byte) *draft {
	d := newDraft(code, id)
	d.secret = "radsec"
	return d
}

func logIn(id byte) []byte {
	return radsecDraft(radius.CodeAccessRequest, id).text(1, "nurse@royal.nhs.example").bytes()
}

// Holds R30 and P63: an Access-Request over TLS, signed with "radsec", is answered, with a
// Message-Authenticator first.
func TestRadSecAnswers(t *testing.T) {
	a := town().authority
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		s, address := radsecServer(t, Config{Clients: mustClients(t, peerClient(t, a, "roam1", "roam1.example.net"))})
		p := mustDial(t, address, pair(t, a, "roam1.example.net"), func(c *tls.Config) { c.MinVersion, c.MaxVersion = version, version })
		for _, r := range []struct {
			code, reply radius.Code
			signed      bool
		}{
			{radius.CodeAccessRequest, radius.CodeAccessAccept, true},
			{radius.CodeAccountingRequest, radius.CodeAccountingResponse, false},
			{radius.CodeStatusServer, radius.CodeAccessAccept, true},
		} {
			request := radsecDraft(r.code, 7).text(1, "nurse@royal.nhs.example").bytes()
			p.send(request)
			if reply := verifyReplyWith(t, "radsec", request, p.receive(), r.signed); reply.Code != r.reply {
				t.Errorf("%v got %v", r.code, reply.Code)
			}
		}
		if stats := s.Stats(); stats.RadSec.Open != 1 || stats.Handled != 2 || stats.StatusServer != 1 {
			t.Errorf("%+v", stats)
		}
	}
}

// BenchmarkRadSecEcho is the way of a request over one TLS connection, 64 at a time.
func BenchmarkRadSecEcho(b *testing.B) {
	a := town().authority
	for _, version := range []string{alpn10, alpn11} {
		b.Run(version, func(b *testing.B) {
			_, address := radsecServer(b, Config{Clients: mustClients(b, peerClient(b, a, "roam1", "roam1.example.net"))})
			p := mustDial(b, address, pair(b, a, "roam1.example.net"), func(c *tls.Config) { c.NextProtos = []string{version} })
			_ = p.SetDeadline(time.Time{})
			const atOnce = 64
			var requests []byte
			for i := range atOnce {
				if version == alpn11 {
					requests = append(requests, packet11(radius.CodeAccessRequest, uint32(i), attribute(1, "nurse@royal.nhs.example"))...)
				} else {
					requests = append(requests, logIn(byte(i))...)
				}
			}
			r := bufio.NewReader(p)
			b.ReportAllocs()
			for left := b.N; left > 0; left -= atOnce {
				p.send(requests)
				for range atOnce {
					head, err := r.Peek(headerLength)
					if err != nil {
						b.Fatal(err)
					}
					_, _ = r.Discard(int(head[2])<<8 | int(head[3]))
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
