package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"sync"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/vendors/microsoft"
)

// packet11 writes a packet of RADIUS/1.1 by hand: code, Reserved-1, Length, Token,
// Reserved-2, attributes (RFC 9765, section 4.1).
func packet11(code radius.Code, token uint32, attributes ...[]byte) []byte {
	b := append([]byte{byte(code), 0, 0, 0}, binary.BigEndian.AppendUint32(nil, token)...)
	b = append(b, make([]byte, 12)...)
	for _, a := range attributes {
		b = append(b, a...)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

func attribute(kind byte, value string) []byte {
	return append([]byte{kind, byte(2 + len(value))}, value...)
}

func speaks11(c *tls.Config) { c.NextProtos = []string{alpn11} }

func hexOf(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Holds R31: a whole exchange of RADIUS/1.1 over TLS: the Token comes back, nothing is
// signed, the password arrives and the keys leave in the clear.
func TestR31Exchange(t *testing.T) {
	a := town().authority
	recv, send := bytes.Repeat([]byte{0xa1}, 32), bytes.Repeat([]byte{0xb2}, 32)
	var mu sync.Mutex
	var password string
	var proxied [][]byte
	s, address := radsecServer(t, Config{
		Clients: mustClients(t, peerClient(t, a, "roam1", "roam1.example.net")),
		Access: func(_ context.Context, req *Request) []byte {
			mu.Lock()
			password = rfc2865.UserPassword_GetString(req.Packet)
			proxied = append(proxied, req.Packet.Get(33))
			mu.Unlock()
			reply := req.Packet.Response(radius.CodeAccessAccept)
			_ = rfc2865.ReplyMessage_SetString(reply, "welcome")
			AddKeys(reply, recv, send)
			return must(Encode(req, reply))
		},
	})
	p := mustDial(t, address, pair(t, a, "roam1.example.net"), speaks11)
	if got := p.ConnectionState(); got.NegotiatedProtocol != alpn11 || got.Version != tls.VersionTLS13 {
		t.Fatalf("%q over TLS %x", got.NegotiatedProtocol, got.Version)
	}
	p.send(packet11(radius.CodeAccessRequest, 0xdeadbeef, attribute(1, "nurse@royal.nhs.example"), attribute(2, "correct horse battery"), attribute(33, "via"),
		append([]byte{80, 18}, bytes.Repeat([]byte{7}, 16)...))) // a Message-Authenticator counts for nothing
	want := packet11(radius.CodeAccessAccept, 0xdeadbeef, attribute(18, "welcome"),
		append(hexOf(t, "1a28 00000137 1122"), recv...), append(hexOf(t, "1a28 00000137 1022"), send...), attribute(33, "via"))
	if got := p.receive(); !bytes.Equal(got, want) {
		t.Errorf("got\n%x, want\n%x", got, want)
	}
	mu.Lock()
	if password != "correct horse battery" || string(proxied[0]) != "via" {
		t.Errorf("password %q, Proxy-State %q", password, proxied)
	}
	mu.Unlock()
	p.send(packet11(radius.CodeStatusServer, 1), packet11(radius.CodeAccountingRequest, 2))
	for range 2 {
		reply := p.receive()
		if code, ok := map[uint32]radius.Code{1: radius.CodeAccessAccept, 2: radius.CodeAccountingResponse}[tokenOf(reply)]; !ok || radius.Code(reply[0]) != code || len(reply) != headerLength {
			t.Errorf("%x", reply)
		}
	}
	if n := newsOf(t, s, "roam1", func(n PeerNews) bool { return n.Opened == 1 }); !n.RADIUS11 {
		t.Errorf("%+v", n)
	}
}

// Holds R31: what we cannot process gets a Protocol-Error that says what it answers, and
// the connection goes on; a reply gets none.
func TestR31ProtocolError(t *testing.T) {
	a := town().authority
	s, address := radsecServer(t, Config{Clients: mustClients(t, peerClient(t, a, "roam1", "roam1.example.net"))})
	p := mustDial(t, address, pair(t, a, "roam1.example.net"), speaks11)
	p.send(packet11(radius.CodeAccessAccept, 1), packet11(codeProtocolError, 2), packet11(200, 3, attribute(33, "via")), packet11(radius.CodeCoARequest, 4))
	want := packet11(codeProtocolError, 3, hexOf(t, "6506 00000196"), hexOf(t, "f107 04 000000c8"), attribute(33, "via"))
	if got := p.receive(); !bytes.Equal(got, want) {
		t.Errorf("got\n%x, want\n%x", got, want)
	}
	if got, want := p.receive(), packet11(radius.CodeCoANAK, 4, hexOf(t, "6506 00000196")); !bytes.Equal(got, want) {
		t.Errorf("got\n%x, want\n%x", got, want)
	}
	if got := s.Stats(); got.Of(UnexpectedCode) != 3 || got.RadSec.Open != 1 {
		t.Errorf("%+v", got)
	}
	broken := packet11(radius.CodeAccessRequest, 5, []byte{1, 1, 0})
	p.send(broken) // P64 holds here, too
	p.closed()
}

// Holds R31: who speaks which version, by what each side is willing to.
func TestR31WhoSpeaksWhat(t *testing.T) {
	a := town().authority
	good := pair(t, a, "roam1.example.net")
	both, only11, only10 := []string{alpn11, alpn10}, []string{alpn11}, []string{alpn10}
	for _, c := range []struct {
		server string
		client []string
		tls    uint16
		want   string // "refused" or the protocol; "": none was chosen, and 1.0 is spoken
	}{
		{RADIUS11Allow, nil, tls.VersionTLS13, ""}, {RADIUS11Allow, both, tls.VersionTLS13, alpn11},
		{RADIUS11Allow, only11, tls.VersionTLS13, alpn11}, {RADIUS11Allow, only10, tls.VersionTLS13, alpn10},
		{RADIUS11Allow, both, tls.VersionTLS12, alpn10}, {RADIUS11Allow, only11, tls.VersionTLS12, "refused"},
		{RADIUS11Forbid, nil, tls.VersionTLS13, ""}, {RADIUS11Forbid, both, tls.VersionTLS13, alpn10}, {RADIUS11Forbid, only11, tls.VersionTLS13, "refused"},
		{RADIUS11Require, both, tls.VersionTLS13, alpn11}, {RADIUS11Require, nil, tls.VersionTLS13, "refused"},
		{RADIUS11Require, only10, tls.VersionTLS13, "refused"}, {RADIUS11Require, both, tls.VersionTLS12, "refused"},
	} {
		_, address := radsecServer(t, Config{Clients: mustClients(t, peerClient(t, a, "roam1", "roam1.example.net")), RadSec: RadSec{RADIUS11: c.server}})
		p, err := dialRadSec(t, address, &good, func(cfg *tls.Config) { cfg.NextProtos, cfg.MinVersion, cfg.MaxVersion = c.client, c.tls, c.tls })
		got := "refused"
		if err == nil {
			got = p.ConnectionState().NegotiatedProtocol
			request, token := logIn(5), byte(5)
			if got == alpn11 {
				request, token = packet11(radius.CodeAccessRequest, 5<<16), 0
			}
			p.send(request)
			if reply := p.receive(); reply[0] != byte(radius.CodeAccessAccept) || reply[1] != token {
				t.Errorf("%+v: %x", c, reply)
			}
		}
		if got != c.want {
			t.Errorf("%+v: %s, %v", c, got, err)
		}
	}
}

// More requests than identifiers are in hand over RADIUS/1.1, and beyond the window the
// peer waits.
func TestR31Window(t *testing.T) {
	a := town().authority
	free := make(chan struct{})
	s, address := radsecServer(t, Config{
		Clients: mustClients(t, peerClient(t, a, "roam1", "roam1.example.net")),
		Access: func(ctx context.Context, req *Request) []byte {
			<-free
			return acceptAll(ctx, req)
		},
	})
	p := mustDial(t, address, pair(t, a, "roam1.example.net"), speaks11)
	const more = window11 + 100
	for token := range uint32(more) {
		p.send(packet11(radius.CodeAccessRequest, token))
	}
	eventually(t, "the window is full", func() bool { return s.Stats().InFlight == window11 })
	close(free)
	seen := make(map[uint32]bool)
	for range more {
		seen[tokenOf(p.receive())] = true
	}
	if stats := s.Stats(); len(seen) != more || stats.Handled != more || stats.Of(DuplicateInProgress) != 0 {
		t.Errorf("%d of them, %+v", len(seen), stats)
	}
}

// The form of RADIUS/1.0 behind the door is one that others read: layeh's own functions
// find the password and the keys in it.
func TestVeil(t *testing.T) {
	v := newVeil()
	for _, password := range []string{"", "a", "exactly-sixteen.", strings.Repeat("p", 17), strings.Repeat("p", 128)} {
		b, cause := v.request(packet11(radius.CodeAccessRequest, 9, attribute(1, "nurse"), attribute(2, password), attribute(24, "state")))
		if cause != causeNone {
			t.Fatal(cause)
		}
		p, err := radius.Parse(bytes.Clone(b), v.secret)
		if err != nil || rfc2865.UserPassword_GetString(p) != password || rfc2865.UserName_GetString(p) != "nurse" || string(p.Get(24)) != "state" {
			t.Errorf("%q: %v, %v", password, p, err)
		}
		if _, err := Credentials(p); err != nil {
			t.Errorf("%q: %v", password, err)
		}
	}
	for _, n := range []int{129, 240, 253} { // more than RADIUS/1.0 can hide
		b, cause := v.request(packet11(radius.CodeAccessRequest, 9, attribute(2, strings.Repeat("p", n))))
		p, err := radius.Parse(bytes.Clone(b), v.secret)
		if cause != causeNone || err != nil {
			t.Fatal(cause, err)
		}
		if _, err := Credentials(p); err == nil {
			t.Errorf("a password of %d octets", n)
		}
	}
	var full [][]byte
	for range 15 {
		full = append(full, attribute(79, strings.Repeat("e", 253)))
	}
	full = append(full, attribute(79, strings.Repeat("e", 246)), attribute(2, "p"))
	if b := packet11(radius.CodeAccessRequest, 9, full...); len(b) != 4096 {
		t.Fatal(len(b))
	} else if _, cause := v.request(b); cause != BadLength {
		t.Errorf("a password that has no room: %v", cause)
	}

	request := &radius.Packet{Code: radius.CodeAccessRequest, Secret: v.secret, Authenticator: v.authenticator}
	reply := request.Response(radius.CodeAccessAccept)
	for n := range maxKey + 1 {
		key := bytes.Repeat([]byte{byte(n)}, n)
		reply.Attributes = nil
		AddKeys(reply, key, key)
		if got, err := microsoft.MSMPPERecvKey_Lookup(reply, request); err != nil || !bytes.Equal(got, key) {
			t.Fatalf("%d octets: %x, %v", n, got, err)
		}
		if got, ok := v.openKey(append([]byte{26, byte(2 + len(reply.Attributes[0].Attribute))}, reply.Attributes[0].Attribute...)); !ok || !bytes.Equal(got, key) {
			t.Fatalf("%d octets: %x, %v", n, got, ok)
		}
	}
}

// FuzzVeil: no request of RADIUS/1.1 makes anything that is not well formed in 1.0, and
// nothing but the password and the signature changes; replies stay well formed, too.
func FuzzVeil(f *testing.F) {
	f.Add(packet11(radius.CodeAccessRequest, 1, attribute(1, "nurse"), attribute(2, "secret"), attribute(33, "via")))
	f.Add(packet11(radius.CodeStatusServer, 1, append([]byte{80, 18}, make([]byte, 16)...)))
	f.Add(packet11(200, 7, attribute(26, "\x00\x00\x01\x37\x10\x22"+strings.Repeat("k", 32))))
	f.Add(logIn(1))
	v := newVeil()
	f.Fuzz(func(t *testing.T, b []byte) {
		before, cause := outline(b)
		out, got := v.request(b)
		if cause != causeNone {
			if got != cause {
				t.Fatalf("%v, want %v", got, cause)
			}
			return
		}
		if got == BadLength {
			return // a password that grew
		}
		after, cause := outline(out)
		if cause != causeNone || got != causeNone || after.messageAuthenticators != 0 {
			t.Fatalf("%v, %v: %x", got, cause, out)
		}
		if after.attributes != before.attributes-before.messageAuthenticators || after.eap != before.eap || after.proxyState != before.proxyState {
			t.Fatalf("%x became %x", b, out)
		}
		for name, reply := range map[string][]byte{"reply": v.reply(before.packet, 7), "protocol error": v.protocolError(before.packet)} {
			s, cause := outline(reply)
			if cause != causeNone || len(s.packet) != len(reply) || s.messageAuthenticators != 0 {
				t.Fatalf("%s: %v: %x", name, cause, reply)
			}
		}
	})
}
