package supplicant

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"testing"

	"causeway/radiusd/eap/packet"
)

// A liar is an EAP server that does what the test wants, at any point.
type liar struct {
	t      testing.TB
	peer   *Peer
	kind   packet.Type
	engine *packet.Engine
	id     uint8
	size   int
	in     packet.Assembler
	first  []byte // what the peer said in the tunnel before it was asked
}

func newPeer(t testing.TB, cfg Config) *Peer {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// lie returns a liar whose tunnel stands.
func lie(t testing.TB, method string, version uint16) *liar {
	t.Helper()
	w := world(t)
	return newLiar(t, newPeer(t, w.config(method, version)), DefaultFragment, nil).shake()
}

func newLiar(t testing.TB, p *Peer, size int, clients *x509.CertPool) *liar {
	cfg := &tls.Config{Certificates: []tls.Certificate{world(t).server.Certificate}}
	if clients != nil {
		cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, clients
	}
	l := &liar{t: t, peer: p, kind: p.method.kind, engine: packet.NewServer(packet.ServerConfig(cfg)), size: size}
	t.Cleanup(l.engine.Close)
	return l
}

// request sends one request of the method.
func (l *liar) request(data []byte) (packet.Packet, error) {
	l.id++
	if l.kind == packet.TEAP { // each of its packets says its version
		data = append(bytes.Clone(data), make([]byte, max(0, 1-len(data)))...)
		data[0] |= packet.TEAPVersion
	}
	answer, err := l.peer.Next(packet.Packet{Code: packet.Request, ID: l.id, Type: l.kind, Data: data}.Encode())
	if err != nil {
		return packet.Packet{}, err
	}
	p, err := packet.Parse(answer)
	if err != nil || p.Code != packet.Response || p.ID != l.id || len(answer) > l.peer.cfg.FragmentSize {
		l.t.Fatalf("%d octets, %+v, %v", len(answer), p, err)
	}
	return p, nil
}

// must is request for what the peer has to answer.
func (l *liar) must(data []byte) []byte {
	l.t.Helper()
	p, err := l.request(data)
	if err != nil || p.Type != l.kind {
		l.t.Fatalf("%+v, %v", p, err)
	}
	return p.Data
}

// receive joins the peer's fragments, the first of them given.
func (l *liar) receive(data []byte) []byte {
	l.t.Helper()
	for {
		message, done, err := l.in.Add(data)
		if err != nil {
			l.t.Fatal(err)
		}
		if done {
			return message
		}
		data = l.must(packet.Ack(0))
	}
}

// send sends one message, and returns the peer's.
func (l *liar) send(message []byte) []byte {
	l.t.Helper()
	pieces := packet.NewSplitter(message, l.size, 0)
	for {
		data, more := pieces.Next()
		data = l.must(data)
		if !more {
			return l.receive(data)
		}
		if len(data) != 1 {
			l.t.Fatalf("%d octets for an acknowledgement", len(data))
		}
	}
}

// shake runs the handshake to the end of both sides.
func (l *liar) shake() *liar {
	l.t.Helper()
	message := l.receive(l.must(packet.Start(0)))
	for {
		out, done, err := l.engine.Handshake(message)
		if err != nil {
			l.t.Fatal(err)
		}
		if done && l.engine.State().Version == tls.VersionTLS13 {
			// Tickets, if any, are ours to send.
			return l
		}
		message = l.send(out)
		if done {
			// TLS 1.2: what the peer said is the first of phase 2, or nothing.
			l.first = message
			return l
		}
	}
}

// say says something in the tunnel, and returns the peer's answer in it.
func (l *liar) say(plain []byte) []byte {
	l.t.Helper()
	sealed, err := l.engine.Seal(plain)
	if err != nil {
		l.t.Fatal(err)
	}
	return l.open(l.send(sealed))
}

func (l *liar) open(message []byte) []byte {
	l.t.Helper()
	if len(message) == 0 {
		return nil
	}
	plain, err := l.engine.Open(message)
	if err != nil {
		l.t.Fatal(err)
	}
	return plain
}

// fails says something that the peer must not answer.
func (l *liar) fails(plain []byte) error {
	l.t.Helper()
	sealed, err := l.engine.Seal(plain)
	if err != nil {
		l.t.Fatal(err)
	}
	data, _ := packet.NewSplitter(sealed, l.size, 0).Next()
	_, err = l.request(data)
	if err == nil {
		l.t.Fatalf("answered %x", plain)
	}
	return err
}

func (l *liar) success() error {
	_, err := l.peer.Next(packet.Packet{Code: packet.Success, ID: l.id}.Encode())
	return err
}
