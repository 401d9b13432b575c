package transport

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"layeh.com/radius"

	"causeway/certs"
)

// eventually waits for what happens on other goroutines.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("it never came to be that %s", what)
		}
	}
}

// newsOf collects what the NOC hears of one client, or of strangers.
func newsOf(t testing.TB, s *Server, client string, is func(PeerNews) bool) PeerNews {
	t.Helper()
	var found PeerNews
	eventually(t, fmt.Sprintf("there is news of %q", client), func() bool {
		for _, n := range s.PeerNews() {
			if n.Client == client && is(n) {
				found = n
				return true
			}
		}
		return false
	})
	return found
}

func refusedNews(n PeerNews) bool { return n.Refused > 0 }
func closedNews(n PeerNews) bool  { return n.Closed > 0 }

// Holds S12 and R30: with n authorities and n peers only the diagonal connects, in TLS 1.2
// and 1.3, and the CN counts for nothing.
func TestS12OnlyTheDiagonalConnects(t *testing.T) {
	const n = 4
	var authorities []*certs.Authority
	var list []Client
	name := func(i int) string { return fmt.Sprintf("roam%d.example.net", i) }
	for i := range n {
		authorities = append(authorities, must(certs.NewAuthority(fmt.Sprintf("authority %d", i), time.Now(), certs.Options{})))
		list = append(list, peerClient(t, authorities[i], fmt.Sprintf("peer %d", i), name(i)))
	}
	var mu sync.Mutex
	var heard string
	s, address := radsecServer(t, Config{Clients: mustClients(t, list...), RadSec: RadSec{Handshakes: 1024}, Access: func(ctx context.Context, req *Request) []byte {
		mu.Lock()
		heard = req.Client.Name
		mu.Unlock()
		return acceptAll(ctx, req)
	}})
	connects := func(certificate tls.Certificate, version uint16) bool {
		p, err := dialRadSec(t, address, &certificate, func(c *tls.Config) { c.MinVersion, c.MaxVersion = version, version })
		if err != nil {
			return false
		}
		request := logIn(1)
		if _, err := p.Write(request); err != nil {
			return false
		}
		_, err = p.next()
		return err == nil
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for i, a := range authorities {
			for j := range n {
				good := connects(pair(t, a, name(j)), version)
				mu.Lock()
				if good != (i == j) || good && heard != fmt.Sprintf("peer %d", i) {
					t.Errorf("TLS %x, authority %d, name %d: %v, heard as %s", version, i, j, good, heard)
				}
				mu.Unlock()
			}
			common := must(a.Device(certs.Options{Names: certs.Names{CommonName: name(i), DNS: []string{"other.example.net"}}}))
			if connects(common.Certificate, version) {
				t.Errorf("TLS %x, authority %d: a CN is enough", version, i)
			}
			server := must(a.Server([]string{name(i)}, certs.Options{})) // not to be shown by a client
			if connects(server.Certificate, version) {
				t.Errorf("TLS %x, authority %d: a server's certificate is enough", version, i)
			}
		}
	}
	if n := newsOf(t, s, "", refusedNews); !strings.Contains(n.WhyRefused, "it is for other.example.net, and nobody whom we know has such a name") {
		t.Errorf("%+v", n)
	}
}

// Holds R30: no certificate, an ended one, TLS 1.1, another application, no TLS at all:
// nobody gets in, and the NOC hears why.
func TestR30HandshakesThatFail(t *testing.T) {
	a := town().authority
	clients := mustClients(t, peerClient(t, a, "roam1", "roam1.example.net"))
	good := pair(t, a, "roam1.example.net")
	ended := must(a.Peer([]string{"roam1.example.net"}, certs.Options{NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})).Certificate
	for name, c := range map[string]struct {
		client, words string
		try           func(address string) error
	}{
		"no certificate": {"", "client didn't provide a certificate", func(address string) error {
			p, err := dialRadSec(t, address, &tls.Certificate{})
			if err == nil {
				_, err = p.next()
			}
			return err
		}},
		"ended": {"roam1", "its certificate is good from", func(address string) error {
			p, err := dialRadSec(t, address, &ended)
			if err == nil {
				_, err = p.next()
			}
			return err
		}},
		"TLS 1.1": {"", "unsupported versions", func(address string) error {
			_, err := dialRadSec(t, address, &good, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
			return err
		}},
		"another application": {"", "unsupported application protocols", func(address string) error {
			_, err := dialRadSec(t, address, &good, func(c *tls.Config) { c.NextProtos = []string{"h2"} })
			return err
		}},
		"its own doubts": {"", "it says: ", func(address string) error {
			_, err := dialRadSec(t, address, &good, func(c *tls.Config) { c.RootCAs = x509.NewCertPool() })
			return err
		}},
		"no TLS": {"", "it does not speak TLS", func(address string) error {
			raw, err := net.Dial("tcp", address)
			if err != nil {
				return nil
			}
			defer func() { _ = raw.Close() }()
			_, _ = raw.Write(logIn(1))
			_, err = io.ReadAll(raw)
			if err == nil {
				err = io.EOF
			}
			return err
		}},
	} {
		s, address := radsecServer(t, Config{Clients: clients})
		if err := c.try(address); err == nil {
			t.Errorf("%s: it got in", name)
		}
		if n := newsOf(t, s, c.client, refusedNews); !strings.Contains(n.WhyRefused, c.words) {
			t.Errorf("%s: %+v", name, n)
		}
		if got := s.Stats(); got.RadSec.Open != 0 || got.RadSec.Opened != 0 || got.RadSec.Of("handshake")+got.RadSec.Of("certificate") != 1 {
			t.Errorf("%s: %+v", name, got.RadSec)
		}
	}
}

// The issuers of all peers are named to whoever connects, and nothing is resumed.
func TestRadSecNamesItsIssuersAndResumesNothing(t *testing.T) {
	a := town().authority
	other := must(certs.NewAuthority("another federation", time.Now(), certs.Options{}))
	_, address := radsecServer(t, Config{Clients: mustClients(t, peerClient(t, a, "roam1", "roam1.example.net"), peerClient(t, other, "gov1", "gov1.example.net"))})
	good := pair(t, a, "roam1.example.net")
	var cache ticketCounter
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for range 2 {
			var named int
			p := mustDial(t, address, good, func(c *tls.Config) {
				c.ClientSessionCache, c.MinVersion, c.MaxVersion = &cache, version, version
				c.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
					named = len(info.AcceptableCAs)
					return &good, nil
				}
			})
			request := logIn(1)
			p.send(request)
			p.receive()
			if p.ConnectionState().DidResume || named != 2 {
				t.Errorf("TLS %x: resumed %v, %d authorities named", version, p.ConnectionState().DidResume, named)
			}
			_ = p.Close()
		}
	}
	if cache.n.Load() != 0 {
		t.Errorf("%d tickets were handed out", cache.n.Load())
	}
}

// A ticketCounter is a client's cache that keeps nothing.
type ticketCounter struct{ n atomic.Int64 }

func (c *ticketCounter) Get(string) (*tls.ClientSessionState, bool) { return nil, false }
func (c *ticketCounter) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		c.n.Add(1)
	}
}

// Packets come in any pieces: an octet at a time, or all in one record.
func TestRadSecFraming(t *testing.T) {
	a := town().authority
	s, address := radsecServer(t, Config{Clients: mustClients(t, peerClient(t, a, "roam1", "roam1.example.net"))})
	p := mustDial(t, address, pair(t, a, "roam1.example.net"))
	long := radsecDraft(radius.CodeAccessRequest, 3).text(1, "nurse@royal.nhs.example")
	for len(long.attributes) < 4096-20-18-255 {
		long.add(79, make([]byte, 253))
	}
	long.add(79, make([]byte, 4096-20-18-2-len(long.attributes)))
	requests := [][]byte{logIn(1), logIn(2), long.bytes()}
	if len(requests[2]) != 4096 {
		t.Fatal(len(requests[2]))
	}
	for _, b := range bytes.Join(requests[:2], nil) {
		p.send([]byte{b})
	}
	p.send(bytes.Join(requests, nil)[len(requests[0])+len(requests[1]):])
	all := bytes.Join([][]byte{logIn(4), logIn(5), logIn(6)}, nil)
	p.send(all)
	seen := map[byte]bool{}
	for range 6 {
		seen[p.receive()[1]] = true
	}
	if len(seen) != 6 || s.Stats().Handled != 6 {
		t.Errorf("%v", seen)
	}
}

// Holds P64: what cannot be read or believed closes the connection, with a counter and a
// line for the NOC; what is well made and not for us does not.
func TestP64MalformedClosesTheConnection(t *testing.T) {
	a := town().authority
	clients := mustClients(t, peerClient(t, a, "roam1", "roam1.example.net"))
	length := func(b []byte, n int) []byte { binary.BigEndian.PutUint16(b[2:], uint16(n)); return b }
	forged := logIn(1)
	forged[len(forged)-1] ^= 1
	udpSecret := newDraft(radius.CodeAccessRequest, 1).bytes()
	accounting := radsecDraft(radius.CodeAccountingRequest, 1).bytes()
	accounting[4] ^= 1
	coa := radsecDraft(radius.CodeCoARequest, 1).bytes() // with the authenticator of an Access-Request
	attribute := logIn(1)
	attribute[headerLength+1] = 1
	twice := radsecDraft(radius.CodeAccessRequest, 1).add(80, make([]byte, 16)).bytes()
	for name, c := range map[string]struct {
		octets []byte
		cause  Cause
	}{
		"length 0": {length(logIn(1), 0), BadLength}, "length 19": {length(logIn(1), 19), BadLength},
		"length 4097": {length(logIn(1), 4097), BadLength}, "length 65535": {length(logIn(1), 65535), BadLength},
		"attribute": {attribute, MalformedAttribute}, "forged": {forged, BadMessageAuthenticator},
		"another secret": {udpSecret, BadMessageAuthenticator}, "accounting": {accounting, BadRequestAuthenticator},
		"two authenticators": {twice, SeveralMessageAuthenticators}, "change of authorization": {coa, BadRequestAuthenticator},
	} {
		s, address := radsecServer(t, Config{Clients: clients})
		p := mustDial(t, address, pair(t, a, "roam1.example.net"))
		p.send(c.octets)
		p.closed()
		n := newsOf(t, s, "roam1", closedNews)
		if got := s.Stats(); got.Of(c.cause) != 1 || got.RadSec.Of("malformed") != 1 || got.Handled != 0 {
			t.Errorf("%s: %+v", name, got)
		}
		if !strings.HasPrefix(n.WhyClosed, "it sent a") {
			t.Errorf("%s: %+v", name, n)
		}
	}

	s, address := radsecServer(t, Config{Clients: clients})
	p := mustDial(t, address, pair(t, a, "roam1.example.net"))
	unsigned := radsecDraft(radius.CodeAccessRequest, 9)
	unsigned.unsigned = true
	p.send(radsecDraft(radius.CodeAccessAccept, 7).bytes(), radsecDraft(99, 8).bytes(), unsigned.bytes())
	request := logIn(10)
	p.send(request)
	verifyReplyWith(t, "radsec", request, p.receive(), true)
	if got := s.Stats(); got.Of(UnexpectedCode) != 2 || got.Of(NoMessageAuthenticator) != 1 || got.RadSec.Open != 1 {
		t.Errorf("%+v", got)
	}
}

// signedLike rewrites a draft's authenticator as accounting and RFC 5176 compute it.
func dynamicRequest(code radius.Code, id byte) []byte {
	p := &radius.Packet{Code: code, Identifier: id, Secret: []byte("radsec")}
	p.Add(1, []byte("nurse@royal.nhs.example"))
	return must(p.Encode())
}

// A CoA-Request or Disconnect-Request over RadSec is answered: we are no NAS (RFC 6614,
// section 2.5).
func TestRadSecDeclinesDynamicAuthorization(t *testing.T) {
	a := town().authority
	s, address := radsecServer(t, Config{Clients: mustClients(t, peerClient(t, a, "roam1", "roam1.example.net"))})
	p := mustDial(t, address, pair(t, a, "roam1.example.net"))
	for request, nak := range map[radius.Code]radius.Code{radius.CodeCoARequest: radius.CodeCoANAK, radius.CodeDisconnectRequest: radius.CodeDisconnectNAK} {
		octets := dynamicRequest(request, 3)
		p.send(octets)
		reply := verifyReplyWith(t, "radsec", octets, p.receive(), true)
		if reply.Code != nak || !bytes.Equal(reply.Get(101), []byte{0, 0, 1, 150}) {
			t.Errorf("%v: %v with Error-Cause %x", request, reply.Code, reply.Get(101))
		}
	}
	if s.Stats().Declined != 2 {
		t.Errorf("%+v", s.Stats())
	}
}

// Over UDP they stay what they were: silence.
func TestUDPKnowsNoDynamicAuthorization(t *testing.T) {
	client := mustClients(t, loopback("wlc")).All()[0]
	packet, _ := outline(dynamicRequest(radius.CodeCoARequest, 1))
	if cause := judge(&packet, access, client, newDigester()); cause != UnexpectedCode {
		t.Error(cause)
	}
}

// A client without Message-Authenticator is heard where the file says so, also with
// Proxy-State, for TLS protects what BlastRADIUS forges; never with EAP.
func TestRadSecWithoutMessageAuthenticator(t *testing.T) {
	a := town().authority
	c := peerClient(t, a, "roam1", "roam1.example.net")
	c.WithoutMessageAuthenticator = true
	s, address := radsecServer(t, Config{Clients: mustClients(t, c)})
	p := mustDial(t, address, pair(t, a, "roam1.example.net"))
	eap := radsecDraft(radius.CodeAccessRequest, 1).add(79, []byte{2, 1, 0, 5, 1})
	pap := radsecDraft(radius.CodeAccessRequest, 2).add(33, []byte{1})
	eap.unsigned, pap.unsigned = true, true
	p.send(eap.bytes(), pap.bytes())
	if b := p.receive(); b[1] != 2 || s.Stats().Of(NoMessageAuthenticator) != 1 {
		t.Errorf("%x, %+v", b, s.Stats())
	}
}

// Replies may come in any order, and an identifier that is in use is not heard twice
// (R32: no repetition is expected over TLS, and none is answered from a cache).
func TestR32IdentifiersInFlight(t *testing.T) {
	a := town().authority
	hold := map[byte]chan struct{}{}
	for id := range byte(4) {
		hold[id] = make(chan struct{})
	}
	s, address := radsecServer(t, Config{
		Clients: mustClients(t, peerClient(t, a, "roam1", "roam1.example.net")),
		Access: func(ctx context.Context, req *Request) []byte {
			<-hold[req.Packet.Identifier]
			return acceptAll(ctx, req)
		},
	})
	p := mustDial(t, address, pair(t, a, "roam1.example.net"))
	for id := range byte(4) {
		p.send(logIn(id))
	}
	p.send(logIn(2)) // again, with another authenticator
	eventually(t, "the second of identifier 2 is dropped", func() bool { return s.Stats().Of(DuplicateInProgress) == 1 })
	for _, id := range []byte{3, 1, 2, 0} {
		close(hold[id])
		if b := p.receive(); b[1] != id {
			t.Errorf("reply %d, want %d", b[1], id)
		}
	}
	p.send(logIn(2)) // free again, and handled anew
	p.receive()
	if stats := s.Stats(); stats.Handled != 5 || stats.Duplicates != 0 || stats.Remembered != 0 {
		t.Errorf("%+v", stats)
	}
}

// Holds F15: a handshake that stalls holds up nobody, there are bounds on those under
// way, and a peer has so many connections and no more.
func TestF15Bounds(t *testing.T) {
	a := town().authority
	clients := mustClients(t, peerClient(t, a, "roam1", "roam1.example.net"), peerClient(t, a, "roam2", "roam2.example.net"))
	s, address := radsecServer(t, Config{Clients: clients, RadSec: RadSec{Connections: 8, PeerConnections: 2, Handshakes: 12, silent: time.Hour}})
	var stalled []net.Conn
	for range 3 { // a quarter of twelve
		c := must(net.Dial("tcp", address))
		t.Cleanup(func() { _ = c.Close() })
		stalled = append(stalled, c)
	}
	full := must(net.Dial("tcp", address))
	defer func() { _ = full.Close() }()
	if _, err := full.Read(make([]byte, 1)); err == nil {
		t.Error("a fourth handshake from one address")
	}
	if n := newsOf(t, s, "", refusedNews); n.WhyRefused != "3 handshakes are under way from this address" {
		t.Errorf("%+v", n)
	}
	_ = stalled[0].Close() // there is room for one at a time now
	good, other := pair(t, a, "roam1.example.net"), pair(t, a, "roam2.example.net")
	enter := func(certificate tls.Certificate) *radsecPeer {
		var p *radsecPeer
		eventually(t, "there is room for a handshake", func() bool {
			var err error
			p, err = dialRadSec(t, address, &certificate)
			return err == nil
		})
		return p
	}
	for range 2 {
		p := enter(good)
		p.talk()
	}
	third := enter(good)
	third.closed()
	if n := newsOf(t, s, "roam1", refusedNews); n.WhyRefused != "it has 2 connections already" {
		t.Errorf("%+v", n)
	}
	p := enter(other) // roam2 has its own
	p.talk()
	if got := s.Stats().RadSec; got.Open != 3 || got.Opened != 3 || got.Of("full") == 0 {
		t.Errorf("%+v", got)
	}
}

// Holds F15: a peer whose old connections nobody closed, as after it lost its power, has
// room for a new one: the one that was silent the longest goes.
func TestF15TheSilentMakeRoom(t *testing.T) {
	a := town().authority
	var later atomic.Int64
	const slow, taken = 9, "it has 2 connections already"
	release := make(chan struct{})
	s, address := radsecServer(t, Config{
		Access: func(ctx context.Context, req *Request) []byte {
			if req.Packet.Identifier == slow {
				<-release
			}
			return acceptAll(ctx, req)
		},
		Clients: mustClients(t, peerClient(t, a, "roam1", "roam1.example.net")),
		RadSec:  RadSec{PeerConnections: 2, silent: 30 * time.Second},
		Now:     func() time.Time { return time.Now().Add(time.Duration(later.Load())) },
	})
	good := pair(t, a, "roam1.example.net")
	first, second := mustDial(t, address, good), mustDial(t, address, good)
	second.talk()
	first.talk() // it came first, and was heard last
	second.send(logIn(slow))
	eventually(t, "the slow one is being answered", func() bool { return s.Stats().InFlight == 1 })
	later.Store(int64(time.Minute))
	first.talk()
	mustDial(t, address, good).closed() // who waits for us is not silent
	if n := newsOf(t, s, "roam1", refusedNews); n.WhyRefused != taken {
		t.Errorf("%+v", n)
	}
	close(release)
	second.receive()
	third := mustDial(t, address, good)
	third.talk()
	second.closed()
	first.talk()
	if n := newsOf(t, s, "roam1", closedNews); !strings.HasPrefix(n.WhyClosed, "it was silent for 1m") || !strings.HasSuffix(n.WhyClosed, ", and made room for another that the peer opened") {
		t.Errorf("%+v", n)
	}
	if got := s.Stats().RadSec; got.Open != 2 || got.Opened != 3 || got.Of("replaced") != 1 {
		t.Errorf("%+v", got)
	}
	mustDial(t, address, good).closed() // both of the others have been heard a moment ago
	if n := newsOf(t, s, "roam1", refusedNews); n.WhyRefused != taken {
		t.Errorf("%+v", n)
	}
	first.talk()
	third.talk()
}

// stranger connects from an address and says something.
func stranger(t testing.TB, from, to, words string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c := must(d.Dial("tcp", to))
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, words); err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// Holds F15: strangers who stall their handshakes, from as many addresses as they like,
// do not keep out a client that has been here before.
func TestF15StrangersInTheLobby(t *testing.T) {
	a := town().authority
	s, address := radsecServer(t, Config{
		Clients: mustClients(t, peerClient(t, a, "roam1", "roam1.example.net")),
		RadSec:  RadSec{Handshakes: 4, handshake: time.Minute},
	})
	good := pair(t, a, "roam1.example.net")
	first := mustDial(t, address, good)
	first.talk()
	for i := range 3 {
		stranger(t, fmt.Sprintf("127.0.0.%d", i+2), address, "\x16\x03\x01")
	}
	fourth := stranger(t, "127.0.0.5", address, "")
	if _, err := fourth.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("a fourth stranger: %v", err)
	}
	if n := newsOf(t, s, "", refusedNews); n.WhyRefused != "3 handshakes are under way" {
		t.Errorf("%+v", n)
	}
	second := mustDial(t, address, good)
	second.talk()
}

// Holds F15: handshakes that fail count until their connections have gone. One stranger
// who fails as fast as it can has its own share of the lobby and no more.
func TestF15StrangersWhoFailFast(t *testing.T) {
	a := town().authority
	s, address := radsecServer(t, Config{
		Clients: mustClients(t, peerClient(t, a, "roam1", "roam1.example.net")),
		RadSec:  RadSec{Connections: 4, Handshakes: 8, linger: 20 * time.Second},
	})
	for range 2 { // a quarter of eight
		stranger(t, "127.0.0.2", address, "GET / HTTP/1.1\r\n\r\n")
	}
	eventually(t, "both have failed", func() bool { return s.Stats().RadSec.Of("handshake") == 2 })
	third := stranger(t, "127.0.0.2", address, "")
	if _, err := third.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("a third connection of the same stranger: %v", err)
	}
	n := newsOf(t, s, "", refusedNews)
	if n.Refused == 2 { // the third is news by itself: its line was cut before it was noted
		n = newsOf(t, s, "", refusedNews)
	}
	if n.WhyRefused != "2 handshakes are under way from this address" {
		t.Errorf("%+v", n)
	}
	p := mustDial(t, address, pair(t, a, "roam1.example.net"))
	p.talk()
}

// A peer that sends and does not read costs itself only.
func TestF15SlowReader(t *testing.T) {
	a := town().authority
	clients := mustClients(t, peerClient(t, a, "roam1", "roam1.example.net"), peerClient(t, a, "roam2", "roam2.example.net"))
	s, address := radsecServer(t, Config{Clients: clients, RadSec: RadSec{write: 300 * time.Millisecond}, Access: func(_ context.Context, req *Request) []byte {
		reply := req.Packet.Response(radius.CodeAccessAccept)
		for range 15 {
			reply.Add(18, make([]byte, 253))
		}
		return must(Encode(req, reply))
	}})
	slow, quick := mustDial(t, address, pair(t, a, "roam1.example.net")), mustDial(t, address, pair(t, a, "roam2.example.net"))
	_ = slow.NetConn().(*net.TCPConn).SetReadBuffer(4096)
	go func() {
		for id := byte(0); ; id++ {
			if _, err := slow.Write(logIn(id)); err != nil {
				return
			}
		}
	}()
	closed := func() bool { return s.Stats().RadSec.Of("slow") == 1 }
	eventually(t, "the slow one is closed", func() bool {
		quick.talk()
		return closed()
	})
	eventually(t, "one connection is open", func() bool { return s.Stats().RadSec.Open == 1 })
	if got := s.Stats(); got.Of(SlowReader) == 0 {
		t.Errorf("%+v", got)
	}
	if n := newsOf(t, s, "roam1", closedNews); n.WhyClosed != "it took no reply for 300ms" {
		t.Errorf("%+v", n)
	}
}

// A handshake, a packet and a silence each last so long and no longer.
func TestF15Limits(t *testing.T) {
	a := town().authority
	good := pair(t, a, "roam1.example.net")
	for name, c := range map[string]struct {
		limits RadSec
		client string
		act    func(address string)
		kind   string
		words  string
	}{
		"handshake": {RadSec{handshake: 50 * time.Millisecond}, "", func(address string) {
			raw := must(net.Dial("tcp", address))
			defer func() { _ = raw.Close() }()
			_, _ = raw.Write([]byte{22, 3, 1})
			_, _ = io.ReadAll(raw)
		}, "handshake", "its handshake was not over after 50ms"},
		"packet": {RadSec{frame: 50 * time.Millisecond}, "roam1", func(address string) {
			p := mustDial(t, address, good)
			p.send(logIn(1)[:30])
			p.closed()
		}, "slow", "it began a packet and did not finish it in 50ms"},
		"silence": {RadSec{quiet: 50 * time.Millisecond}, "roam1", func(address string) {
			p := mustDial(t, address, good)
			p.closed()
		}, "idle", "it sent nothing for 50ms"},
	} {
		s, address := radsecServer(t, Config{Clients: mustClients(t, peerClient(t, a, "roam1", "roam1.example.net")), RadSec: c.limits})
		c.act(address)
		n := newsOf(t, s, c.client, func(n PeerNews) bool { return n.Refused+n.Closed > 0 })
		if n.WhyRefused+n.WhyClosed != c.words || s.Stats().RadSec.Of(c.kind) != 1 {
			t.Errorf("%s: %+v, %+v", name, n, s.Stats().RadSec)
		}
	}
}

// A reload closes the connections of peers who are no longer in the file, and keeps the
// others, with what is new about them.
func TestRadSecReload(t *testing.T) {
	a := town().authority
	one, two := peerClient(t, a, "roam1", "roam1.example.net"), peerClient(t, a, "roam2", "roam2.example.net")
	var pairs []string
	s, address := radsecServer(t, Config{Clients: mustClients(t, one, two), Access: func(ctx context.Context, req *Request) []byte {
		pairs = req.Client.Source.AVPairs
		return acceptAll(ctx, req)
	}})
	stays, goes := mustDial(t, address, pair(t, a, "roam1.example.net")), mustDial(t, address, pair(t, a, "roam2.example.net"))
	for _, p := range []*radsecPeer{stays, goes} {
		p.talk()
	}
	one.Source.AVPairs = []string{"ssid="}
	s.SetClients(mustClients(t, one, loopback("wlc")))
	goes.closed()
	stays.send(logIn(2))
	stays.receive()
	if len(pairs) != 1 {
		t.Errorf("the client is the old one: %q", pairs)
	}
	if n := newsOf(t, s, "roam2", closedNews); !strings.Contains(n.WhyClosed, "it is for roam2.example.net, and nobody whom we know") {
		t.Errorf("%+v", n)
	}
	renamed := peerClient(t, a, "somebody else", "roam1.example.net")
	s.SetClients(mustClients(t, renamed))
	stays.closed()
	if n := newsOf(t, s, "roam1", closedNews); n.WhyClosed != "it is somebody else now" {
		t.Errorf("%+v", n)
	}
}

// Connections are judged anew when what certificates are worth has changed: one that is
// open ends, and one whose handshake was judged just before is not let in.
func TestRadSecJudgedAnew(t *testing.T) {
	a := town().authority
	var bad, last atomic.Bool
	judged := func() {}
	client := peerClient(t, a, "roam1", "roam1.example.net")
	client.Peer = client.Peer.Asking(func([][]*x509.Certificate) error {
		if bad.Load() {
			return errors.New("its certificate was withdrawn")
		}
		if last.Load() {
			judged()
		}
		return nil
	})
	s, address := radsecServer(t, Config{Clients: mustClients(t, client, peerClient(t, a, "roam2", "roam2.example.net"))})
	goes, stays := mustDial(t, address, pair(t, a, "roam1.example.net")), mustDial(t, address, pair(t, a, "roam2.example.net"))
	for _, p := range []*radsecPeer{goes, stays} {
		p.talk()
	}
	bad.Store(true)
	s.Rejudge()
	goes.closed()
	if n := newsOf(t, s, "roam1", closedNews); n.WhyClosed != "its certificate was withdrawn" {
		t.Errorf("%+v", n)
	}
	stays.talk()

	bad.Store(false)
	judged = func() { bad.Store(true); s.Rejudge() }
	last.Store(true)
	if p, err := dialRadSec(t, address, new(pair(t, a, "roam1.example.net"))); err == nil {
		p.closed()
	}
	if n := newsOf(t, s, "roam1", func(n PeerNews) bool { return n.Refused > 0 }); n.WhyRefused != "its certificate was withdrawn" || n.Opened > 0 {
		t.Errorf("withdrawn in the middle of its handshake: %+v", n)
	}
}

// A renewed certificate is shown in the next handshake.
func TestRadSecRenewedCertificate(t *testing.T) {
	a := town().authority
	var mu sync.Mutex
	own := town().server.Certificate
	_, address := radsecServer(t, Config{
		Clients: mustClients(t, peerClient(t, a, "roam1", "roam1.example.net")),
		RadSec: RadSec{Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			mu.Lock()
			defer mu.Unlock()
			now := own
			return &now, nil
		}},
	})
	good := pair(t, a, "roam1.example.net")
	before := mustDial(t, address, good)
	mu.Lock()
	own = pair(t, a, "radius.royal.nhs.example")
	mu.Unlock()
	after := mustDial(t, address, good)
	if before.ConnectionState().PeerCertificates[0].Equal(after.ConnectionState().PeerCertificates[0]) {
		t.Error("the old certificate is shown")
	}
	before.talk()
}

// Holds F12: a shutdown reads nothing more, answers what is in hand and says goodbye.
func TestF12RadSecShutdown(t *testing.T) {
	a := town().authority
	begun, finish := make(chan struct{}), make(chan struct{})
	s, address := radsecServer(t, Config{
		Clients: mustClients(t, peerClient(t, a, "roam1", "roam1.example.net")),
		Access: func(ctx context.Context, req *Request) []byte {
			close(begun)
			<-finish
			return acceptAll(ctx, req)
		},
	})
	p, idle := mustDial(t, address, pair(t, a, "roam1.example.net")), mustDial(t, address, pair(t, a, "roam1.example.net"))
	idle.send(radsecDraft(radius.CodeStatusServer, 1).bytes()) // in TLS 1.3 it is in when we have heard it
	idle.receive()
	stalled := must(net.Dial("tcp", address))
	defer func() { _ = stalled.Close() }()
	request := logIn(1)
	p.send(request)
	<-begun
	done := make(chan error)
	go func() { done <- s.Shutdown(context.Background()) }()
	if _, err := stalled.Read(make([]byte, 1)); err == nil { // a handshake under way is not waited for
		t.Error("it was answered")
	}
	if late, err := net.Dial("tcp", address); err == nil {
		if _, err := late.Read(make([]byte, 1)); err == nil {
			t.Error("somebody was let in")
		}
		_ = late.Close()
	}
	p.send(logIn(2), logIn(3)) // come too late
	close(finish)
	if err := <-done; err != nil {
		t.Error(err)
	}
	// What it sent in vain has not made the kernel take back what it had not read yet.
	verifyReplyWith(t, "radsec", request, p.receive(), true)
	for _, c := range []*radsecPeer{p, idle} {
		if _, err := c.next(); !errors.Is(err, io.EOF) {
			t.Errorf("no close_notify: %v", err)
		}
	}
	if s.Stats().Handled != 1 {
		t.Errorf("%+v", s.Stats())
	}
}

// What the kernel still holds for a peer that reads slowly is not taken back because the
// peer has sent more meanwhile.
func TestF12RadSecLastWords(t *testing.T) {
	a := town().authority
	const replies = 200
	begun, finish := make(chan struct{}), make(chan struct{})
	s, address := radsecServer(t, Config{
		Clients: mustClients(t, peerClient(t, a, "roam1", "roam1.example.net")),
		Access: func(_ context.Context, req *Request) []byte {
			reply := req.Packet.Response(radius.CodeAccessAccept)
			for range 15 {
				reply.Add(18, make([]byte, 253))
			}
			if req.Packet.Identifier == 255 {
				close(begun)
				<-finish
			}
			return must(Encode(req, reply))
		},
	})
	p := mustDial(t, address, pair(t, a, "roam1.example.net"))
	for id := range byte(replies) {
		p.send(logIn(id))
	}
	eventually(t, "all replies are with the kernel", func() bool { return s.Stats().Replies == replies })
	p.send(logIn(255))
	<-begun
	done := make(chan error)
	go func() { done <- s.Shutdown(context.Background()) }()
	eventually(t, "nothing is read any more", s.listeners[0].(*radsecSocket).lobby.stops)
	p.send(logIn(1), logIn(2))
	close(finish)
	for n := range replies + 1 {
		if _, err := p.next(); err != nil {
			t.Fatalf("after %d replies: %v", n, err)
		}
	}
	if _, err := p.next(); !errors.Is(err, io.EOF) {
		t.Errorf("no close_notify: %v", err)
	}
	_ = p.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Who may connect is judged by address before anything is read, where the file says so.
func TestRadSecAddresses(t *testing.T) {
	a := town().authority
	c := peerClient(t, a, "roam1", "roam1.example.net")
	c.Prefix = netip.MustParsePrefix("192.0.2.0/24")
	s, address := radsecServer(t, Config{Clients: mustClients(t, c)})
	raw := must(net.Dial("tcp", address))
	defer func() { _ = raw.Close() }()
	if _, err := raw.Read(make([]byte, 1)); err == nil {
		t.Error("it was answered")
	}
	if n := newsOf(t, s, "", refusedNews); n.WhyRefused != "no client of ours connects from this address" {
		t.Errorf("%+v", n)
	}
	here := peerClient(t, a, "roam1", "roam1.example.net")
	here.Prefix = netip.MustParsePrefix("127.0.0.1/32")
	s.SetClients(mustClients(t, c2(c, "elsewhere"), here)) // the same name, at two addresses
	p := mustDial(t, address, pair(t, a, "roam1.example.net"))
	p.talk()
}

func c2(c Client, name string) Client { c.Name = name; return c }

// Two clients that one certificate could be are refused when the file is loaded; a
// certificate with the names of two is refused when it is shown.
func TestRadSecClientsThatOverlap(t *testing.T) {
	a := town().authority
	b := must(certs.NewAuthority("another federation", time.Now(), certs.Options{}))
	of := func(a *certs.Authority, names []string, policies ...string) *certs.Peer {
		return must(certs.PeerOf([]*x509.Certificate{a.Certificate()}, names, policies...))
	}
	one := Client{Name: "one", Peer: of(a, []string{"roam1.example.net"})}
	for name, c := range map[string]struct {
		peer *certs.Peer
		good bool
	}{
		"another name": {of(a, []string{"roam2.example.net"}), true}, "the same": {of(a, []string{"ROAM1.example.net"}), false},
		"a pattern": {of(a, []string{"*.example.net"}), false}, "another authority": {of(b, []string{"roam1.example.net"}), true},
		"one more policy": {of(a, []string{"roam1.example.net"}, "1.2.3"), false},
	} {
		_, err := NewClients([]Client{one, {Name: "other", Peer: c.peer}})
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, address := radsecServer(t, Config{Clients: mustClients(t, one, Client{Name: "two", Peer: of(a, []string{"roam2.example.net"})})})
	both := must(a.Peer([]string{"roam1.example.net", "roam2.example.net"}, certs.Options{})).Certificate
	if p, err := dialRadSec(t, address, &both); err == nil {
		p.closed()
	}
	if n := newsOf(t, s, "one", refusedNews); !strings.Contains(n.WhyRefused, "more than one peer") {
		t.Errorf("%+v", n)
	}
}

// A peer that begins a packet and does not finish it, and one that is silent, get so long
// and no longer; the deadlines are those of the reader.
func TestFrames(t *testing.T) {
	packet := logIn(7)
	var waits []time.Duration
	reader := func(b []byte) frames {
		return frames{r: bufio.NewReaderSize(iotest.OneByteReader(bytes.NewReader(b)), streamRoom), quiet: quietLimit, whole: frameLimit, patience: func(d time.Duration) error {
			waits = append(waits, d)
			return nil
		}}
	}
	f := reader(bytes.Join([][]byte{packet, packet}, nil))
	for range 2 {
		if b, err := f.next(); err != nil || !bytes.Equal(b, packet) {
			t.Fatalf("%x, %v", b, err)
		}
	}
	if _, err := f.next(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if want := []time.Duration{quietLimit, frameLimit, frameLimit, quietLimit, frameLimit, frameLimit, quietLimit}; !slices.Equal(waits, want) {
		t.Errorf("waits %v, want %v", waits, want)
	}
	for _, n := range []int{1, 4, 19, len(packet) - 1} {
		f := reader(packet[:n])
		if b, err := f.next(); err == nil {
			t.Errorf("%d octets are a packet: %x", n, b)
		}
	}
	late := &timesOut{}
	f = frames{r: bufio.NewReaderSize(io.MultiReader(bytes.NewReader(packet[:9]), late), streamRoom), patience: func(time.Duration) error { return nil }}
	if _, err := f.next(); !errors.Is(err, errHalf) {
		t.Error(err)
	}
}

type timesOut struct{}

func (*timesOut) Read([]byte) (int, error) { return 0, fmt.Errorf("read: %w", errDeadline) }

// FuzzFrames: whatever a stream brings, packets are whole and of their own length, and
// together they are the stream.
func FuzzFrames(f *testing.F) {
	f.Add(bytes.Join([][]byte{logIn(1), logIn(2)}, nil))
	f.Add(logIn(1)[:19])
	f.Add([]byte{1, 1, 0, 20, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		frames := frames{r: bufio.NewReaderSize(iotest.HalfReader(bytes.NewReader(b)), streamRoom), patience: func(time.Duration) error { return nil }}
		var read []byte
		for {
			packet, err := frames.next()
			if err != nil {
				break
			}
			if n := int(binary.BigEndian.Uint16(packet[2:])); len(packet) != n || n < headerLength || n > maxLength {
				t.Fatalf("%d octets with Length %d", len(packet), n)
			}
			read = append(read, packet...)
		}
		if !bytes.HasPrefix(b, read) {
			t.Fatal("the packets are not the stream")
		}
	})
}

var errDeadline = os.ErrDeadlineExceeded
