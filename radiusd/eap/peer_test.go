package eap

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/tls"
	"testing"

	"layeh.com/radius"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// A peer is a supplicant whose every word a test can choose.
type peer struct {
	insists bool // on proving who it is, also when its session was resumed
	t       testing.TB
	conv    realms.Conversation
	name    string
	kind    packet.Type
	tls     *packet.Engine
	size    int // of our fragments
	mtu     int // Framed-MTU of the requests

	version uint8  // in the flags
	outer   []byte // Outer TLVs of the server's Start
	mine    []byte // those of our first packet

	inner    func(plain []byte) []byte // in the tunnel; nil begins, nil is an empty message
	innerEAP *innerClient              // behind inner, where that is EAP

	in         packet.Assembler
	out        *packet.Splitter
	heard      []byte // last message in the tunnel
	longest    int    // EAP packet received
	rounds     int
	flags      []byte // first octet of each TLS packet of the server
	handshakes int
}

func (w *ward) clientTLS(version uint16, certificate string) *tls.Config {
	cfg := &tls.Config{RootCAs: w.roots(), ServerName: serverName, MinVersion: version, MaxVersion: version}
	if c, ok := w.clients[certificate]; ok {
		// Whatever the server says that it accepts.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
	}
	return cfg
}

func newPeer(t testing.TB, s *Server, name string, kind packet.Type, cfg *tls.Config, inner func([]byte) []byte) *peer {
	p := &peer{t: t, conv: open(s, name), name: name, kind: kind, tls: packet.NewClient(cfg), size: 1000, inner: inner}
	t.Cleanup(p.conv.Close)
	t.Cleanup(p.tls.Close)
	return p
}

// login runs to the end.
func (p *peer) login() (realms.Answer, error) {
	p.t.Helper()
	response := identityResponse(p.name)
	for {
		answer, err := p.send(response)
		if answer.Code != radius.CodeAccessChallenge || p.rounds > 200 {
			return answer, err
		}
		if response = p.respond(answer.EAP); response == nil {
			p.t.Fatal("the peer has nothing to say")
		}
	}
}

func (p *peer) send(response []byte) (realms.Answer, error) {
	p.rounds++
	answer, err := p.conv.Answer(context.Background(), access(p.name, response, p.mtu))
	p.longest = max(p.longest, len(answer.EAP))
	return answer, err
}

// respond answers one request.
func (p *peer) respond(request []byte) []byte {
	req, err := packet.Parse(request)
	if err != nil || req.Code != packet.Request {
		p.t.Fatalf("not a request: %x, %v", request, err)
	}
	answer := packet.Packet{Code: packet.Response, ID: req.ID, Type: req.Type}
	if req.Type != p.kind {
		answer.Type, answer.Data = packet.Nak, []byte{byte(p.kind)}
		return answer.Encode()
	}
	p.flags = append(p.flags, req.Data[0])
	answer.Data = p.data(req.Data)
	return answer.Encode()
}

func (p *peer) data(data []byte) []byte {
	if data[0]&packet.FlagStart != 0 {
		if data[0]&packet.FlagOuterTLVs != 0 {
			p.outer = bytes.Clone(data[5:])
		}
		out, _, err := p.tls.Handshake(nil)
		if err != nil {
			p.t.Fatal(err)
		}
		hello := p.first(out)
		if p.mine == nil {
			return hello
		}
		return packet.AppendOuterTLVs(hello, p.mine)
	}
	if p.out != nil {
		return p.piece()
	}
	message, whole, err := p.in.Add(data)
	if err != nil {
		p.t.Fatalf("fragment %x: %v", data[:min(8, len(data))], err)
	}
	if !whole {
		return packet.Ack(p.version)
	}
	return p.first(p.message(message))
}

func (p *peer) first(message []byte) []byte {
	p.out = packet.NewSplitter(message, p.size, p.version)
	return p.piece()
}

func (p *peer) piece() []byte {
	data, more := p.out.Next()
	if !more {
		p.out = nil
	}
	return data
}

// message answers a whole TLS message.
func (p *peer) message(message []byte) []byte {
	if !p.tls.Done() {
		p.handshakes++
		out, done, err := p.tls.Handshake(message)
		if err == nil && done && p.insists {
			return append(out, p.speak(nil)...)
		}
		if err == nil && done && len(out) == 0 && p.kind == packet.TTLS {
			return p.speak(nil)
		}
		return out // with an error, the alert
	}
	plain, err := p.tls.Open(message)
	if err != nil {
		return nil
	}
	promised := p.kind == packet.TTLS && bytes.Equal(plain, []byte{0})
	if p.kind == packet.TLS || promised || len(plain) == 0 && p.kind != packet.TTLS {
		p.heard = bytes.Clone(plain)
		return nil
	}
	return p.speak(plain)
}

func (p *peer) speak(plain []byte) []byte {
	p.heard = bytes.Clone(plain)
	reply := p.inner(plain)
	if len(reply) == 0 {
		return nil
	}
	out, err := p.tls.Seal(reply)
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

// papInner says name and password.
func papInner(name, password string) func([]byte) []byte {
	return func(plain []byte) []byte {
		if len(plain) > 0 {
			return nil
		}
		return avps(packet.AVP{Code: packet.AVPUserName, Mandatory: true, Data: []byte(name)},
			packet.AVP{Code: packet.AVPUserPassword, Mandatory: true, Data: padded(password)})
	}
}

func padded(password string) []byte {
	b := []byte(password)
	for len(b)%16 != 0 || len(b) == 0 {
		b = append(b, 0)
	}
	return b
}

func avps(list ...packet.AVP) (b []byte) {
	for _, a := range list {
		b = packet.AppendAVP(b, a)
	}
	return b
}

// mschapInner answers the implicit challenge, changed by change.
func (p *peer) mschapInner(name, password string, change func(challenge, response []byte) (c, r []byte)) func([]byte) []byte {
	return func(plain []byte) []byte {
		if len(plain) > 0 {
			return nil
		}
		implicit := must(p.tls.TTLSChallenge())
		challenge, response := ttlsResponse(implicit, name, password)
		if change != nil {
			challenge, response = change(challenge, response)
		}
		return ttlsMSCHAPv2(name, challenge, response)
	}
}

func ttlsMSCHAPv2(name string, challenge, response []byte) []byte {
	return avps(packet.AVP{Code: packet.AVPUserName, Mandatory: true, Data: []byte(name)},
		packet.AVP{Code: packet.AVPMSCHAPChallenge, Vendor: packet.VendorMicrosoft, Mandatory: true, Data: challenge},
		packet.AVP{Code: packet.AVPMSCHAP2Response, Vendor: packet.VendorMicrosoft, Mandatory: true, Data: response})
}

func ttlsResponse(implicit []byte, name, password string) (challenge, response []byte) {
	peer := [16]byte{1, 2, 3}
	nt := packet.NTResponse([16]byte(implicit), peer, name, packet.NTHash(password))
	response = append([]byte{implicit[16], 0}, peer[:]...)
	response = append(append(response, make([]byte, 8)...), nt[:]...)
	return implicit[:16], response
}

// inPEAP and inTTLS carry an inner conversation.
func inPEAP(client *innerClient) func([]byte) []byte {
	return func(plain []byte) []byte {
		return client.answer(must(packet.ParseInner(plain, packet.Request, 0))).EncodeInner()
	}
}

func inTTLS(client *innerClient) func([]byte) []byte {
	return func(plain []byte) []byte {
		answer := packet.Packet{Code: packet.Response, ID: 9, Type: packet.Identity, Data: []byte(client.name)}
		if len(plain) > 0 {
			carried := must(packet.ParseAVPs(plain))
			answer = client.answer(must(packet.Parse(carried[0].Data)))
		}
		return avps(packet.AVP{Code: packet.AVPEAPMessage, Mandatory: true, Data: answer.Encode()})
	}
}

// An innerClient plays one EAP method inside a tunnel, and asks for it.
type innerClient struct {
	kind           packet.Type
	name, password string
	changes        bool           // sends a new password when it is told that its own has expired
	msk, emsk      []byte         // of what was answered last
	tls            *packet.Engine // of EAP-TLS
	in             packet.Assembler
	out            *packet.Splitter
}

func (c *innerClient) answer(req packet.Packet) packet.Packet {
	answer := packet.Packet{Code: packet.Response, ID: req.ID, Type: req.Type}
	switch {
	case req.Type == packet.Identity:
		answer.Data = []byte(c.name)
	case req.Type == packet.Extensions:
		answer.Data = packet.ResultTLV(packet.Result(must(packet.ParseTLVs(req.Data))))
	case req.Type != c.kind:
		answer.Type, answer.Data = packet.Nak, []byte{byte(c.kind)}
	case req.Type == packet.MSCHAPv2 && c.changes && bytes.Contains(req.Data, []byte("E=6")):
		answer.Data = packet.MSCHAPv2Packet{Op: packet.MSCHAPv2ChangePassword, ID: req.Data[1] + 1, Text: make([]byte, 582)}.Encode()
	case req.Type == packet.MSCHAPv2:
		if msg := must(packet.ParseMSCHAPv2(req.Data)); msg.Op == packet.MSCHAPv2Challenge {
			reply := must(packet.ParseMSCHAPv2(mschapv2Answer(msg, c.name, c.password)))
			c.msk, c.emsk = packet.MSCHAPv2MSK(packet.HashNTHash(packet.NTHash(c.password)), [24]byte(reply.Value[24:48])), nil
		}
		answer.Data = mschapv2Answer(must(packet.ParseMSCHAPv2(req.Data)), c.name, c.password)
	case req.Type == packet.GTC:
		answer.Data = []byte(c.password)
	case req.Type == packet.TLS:
		answer.Data = c.shake(req.Data)
	}
	return answer
}

// shake answers one packet of EAP-TLS.
func (c *innerClient) shake(data []byte) []byte {
	var message []byte
	switch {
	case data[0]&packet.FlagStart != 0:
	case c.out != nil:
		return c.piece()
	default:
		var whole bool
		var err error
		if message, whole, err = c.in.Add(data); err != nil {
			panic(err)
		}
		if !whole {
			return packet.Ack(0)
		}
	}
	var out []byte
	if !c.tls.Done() {
		out, _, _ = c.tls.Handshake(message)
	} else {
		_, _ = c.tls.Open(message) // an alert is answered as everything else
	}
	if c.tls.Done() {
		c.msk, c.emsk, _ = c.tls.Keys(packet.TLS)
	}
	c.out = packet.NewSplitter(out, 900, 0)
	return c.piece()
}

func (c *innerClient) piece() []byte {
	data, more := c.out.Next()
	if !more {
		c.out = nil
	}
	return data
}

// chapInner answers the implicit challenge by CHAP, msChapInner by MS-CHAP.
func (p *peer) chapInner(name, password string) func([]byte) []byte {
	return func([]byte) []byte {
		implicit := must(p.tls.TTLSChallenge())
		sum := md5.Sum(append(append([]byte{implicit[16]}, password...), implicit[:16]...))
		return ttlsCHAP(name, implicit[:16], append([]byte{implicit[16]}, sum[:]...))
	}
}

func ttlsCHAP(name string, challenge, response []byte) []byte {
	return avps(packet.AVP{Code: packet.AVPUserName, Mandatory: true, Data: []byte(name)},
		packet.AVP{Code: packet.AVPCHAPChallenge, Mandatory: true, Data: challenge},
		packet.AVP{Code: packet.AVPCHAPPassword, Mandatory: true, Data: response})
}

func (p *peer) msChapInner(name, password string) func([]byte) []byte {
	return func([]byte) []byte {
		implicit := must(p.tls.TTLSChallengeOf(8))
		nt := packet.ChallengeResponse([8]byte(implicit), packet.NTHash(password))
		response := append(append([]byte{implicit[8], 1}, make([]byte, 24)...), nt[:]...)
		return avps(packet.AVP{Code: packet.AVPUserName, Mandatory: true, Data: []byte(name)},
			packet.AVP{Code: packet.AVPMSCHAPChallenge, Vendor: packet.VendorMicrosoft, Mandatory: true, Data: implicit[:8]},
			packet.AVP{Code: packet.AVPMSCHAPResponse, Vendor: packet.VendorMicrosoft, Mandatory: true, Data: response})
	}
}

func mschapv2Answer(msg packet.MSCHAPv2Packet, name, password string) []byte {
	if msg.Op != packet.MSCHAPv2Challenge {
		return packet.MSCHAPv2Packet{Op: msg.Op, Bare: true}.Encode()
	}
	peer := [16]byte{4, 5, 6}
	nt := packet.NTResponse([16]byte(msg.Value), peer, packet.StripDomain(name), packet.NTHash(password))
	value := append(append(append(peer[:], make([]byte, 8)...), nt[:]...), 0)
	return packet.MSCHAPv2Packet{Op: packet.MSCHAPv2Response, ID: msg.ID, Value: value, Text: []byte(name)}.Encode()
}
