package supplicant

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"causeway/radiusd/eap/packet"
)

func ask(id uint8, kind packet.Type, data ...byte) []byte {
	return packet.Packet{Code: packet.Request, ID: id, Type: kind, Data: data}.Encode()
}

func TestIdentityIsTheOuterOne(t *testing.T) {
	p := newPeer(t, world(t).config("ttls-pap", 0))
	answer, err := p.Next(ask(7, packet.Identity))
	want := packet.Packet{Code: packet.Response, ID: 7, Type: packet.Identity, Data: []byte(testOuter)}.Encode()
	if err != nil || !bytes.Equal(answer, want) {
		t.Fatalf("%q, %v", answer, err)
	}
}

// Holds P24 and P25 on the side of the device: any other method is answered with
// the one we want, as often as it takes.
func TestP24Nak(t *testing.T) {
	p := newPeer(t, world(t).config("peap-mschapv2", 0))
	for id, kind := range []packet.Type{packet.MD5, packet.GTC, packet.TTLS, packet.Type(43), packet.Expanded} {
		data := []byte{0, 0, 1, 2, 3, 4, 5, 6} // a vendor's type, for Expanded
		answer, err := p.Next(ask(uint8(id), kind, data...))
		if err != nil || !bytes.Equal(answer[4:], []byte{byte(packet.Nak), byte(packet.PEAP)}) || p.Stage() != StageNak {
			t.Fatalf("%x, %v, %s", answer, err, p.Stage())
		}
	}
}

// Holds P26: Start by the expanded form of PEAP is Start.
func TestP26ExpandedType(t *testing.T) {
	p := newPeer(t, world(t).config("peap-mschapv2", 0))
	answer, err := p.Next(ask(1, packet.Expanded, 0, 0, 0, 0, 0, 0, 25, packet.FlagStart))
	if err != nil || packet.Type(answer[4]) != packet.PEAP {
		t.Fatalf("%x, %v", answer, err)
	}
}

// Holds P20, P21, P22 on the side of the device: what does not belong changes nothing.
func TestP22DiscardsWhatDoesNotBelong(t *testing.T) {
	p := newPeer(t, world(t).config("tls", 0))
	start := ask(5, packet.TLS, packet.FlagStart)
	before := [][]byte{
		nil, {1}, {1, 2, 0, 5}, {9, 2, 0, 4}, {1, 2, 0, 4}, {3, 1, 0, 5, 0},
		packet.Packet{Code: packet.Response, ID: 1, Type: packet.Identity}.Encode(),
		ask(1, packet.TLS), ask(1, packet.TLS, 0), ask(1, packet.Nak, 13),
		ask(1, packet.TLS, packet.FlagStart, 1),
	}
	for _, b := range before {
		if answer, err := p.Next(b); answer != nil || !errors.Is(err, ErrDiscarded) || p.Stage() != StageIdentity {
			t.Fatalf("%x: %x, %v, stage %s", b, answer, err, p.Stage())
		}
	}
	hello, err := p.Next(start)
	if err != nil || p.Stage() != StageHandshake {
		t.Fatal(err, p.Stage())
	}
	after := [][]byte{
		ask(6, packet.Identity), ask(6, packet.PEAP, packet.FlagStart), ask(6, packet.TLS, packet.FlagStart),
		ask(6, packet.TLS), ask(5, packet.TLS, 0, 22, 3, 3, 0, 0), {1}, nil,
	}
	for _, b := range after {
		if answer, err := p.Next(b); answer != nil || !errors.Is(err, ErrDiscarded) || p.Stage() != StageHandshake {
			t.Fatalf("%x: %x, %v, stage %s", b, answer, err, p.Stage())
		}
	}
	if again, err := p.Next(start); err != nil || !bytes.Equal(again, hello) {
		t.Fatalf("a repeated request got another answer: %v", err)
	}
	if answer, err := p.Next(ask(9, packet.Notification, 'h', 'i')); err != nil || len(answer) != 5 {
		t.Fatalf("%x, %v", answer, err)
	}
}

// saysAll tells the methods in which the device says all that there is at once, and the
// server proves nothing but its certificate.
func saysAll(method string) bool {
	return method == "ttls-pap" || method == "ttls-chap" || method == "ttls-mschap"
}

// EAP-Success is believed at the end and nowhere else (RFC 3748, section 4.2).
func TestEarlySuccessIsRefused(t *testing.T) {
	bare := packet.Packet{Code: packet.Success, ID: 1}.Encode()
	for _, method := range eapMethods() {
		for _, stage := range []Stage{StageIdentity, StageNak, StageHandshake} {
			p := newPeer(t, world(t).config(method, 0))
			switch stage {
			case StageNak:
				_, _ = p.Next(ask(1, packet.MD5, 1, 2))
			case StageHandshake:
				_, _ = p.Next(ask(1, p.method.kind, packet.FlagStart|p.tunnel.version))
			}
			if p.Stage() != stage {
				t.Fatalf("%s: stage %s, want %s", method, p.Stage(), stage)
			}
			if _, err := p.Next(bare); !errors.Is(err, ErrServer) || p.Success() || p.Keys() != nil {
				t.Fatalf("%s in %s: %v", method, stage, err)
			}
		}
		for name, version := range versions {
			if version == tls.VersionTLS12 && (method == "tls" || saysAll(method)) {
				continue // finished when the tunnel stands, and they have said what there is
			}
			l := lie(t, method, version)
			if err := l.success(); !errors.Is(err, ErrServer) || l.peer.Success() {
				t.Fatalf("%s, %s, tunnel: %v", method, name, err)
			}
		}
	}
}

// Holds P40 and P41: every fragment size on both sides carries a log-in.
func TestP40FragmentSizes(t *testing.T) {
	w := world(t)
	for size := 100; size <= DefaultFragment; size += 59 {
		for _, version := range versions {
			cfg := w.config("tls", version)
			cfg.FragmentSize = size
			l := newLiar(t, newPeer(t, cfg), size, w.roots).shake()
			if version == tls.VersionTLS13 {
				l.say([]byte{0})
			}
			if err := l.success(); err != nil || !l.peer.Success() {
				t.Fatalf("size %d: %v", size, err)
			}
			msk, err := l.engine.MSK(packet.TLS)
			if err != nil || !bytes.Equal(msk, l.peer.Keys()) {
				t.Fatalf("size %d: keys differ, %v", size, err)
			}
		}
	}
}

// Holds P41: a message that is not as long as it said ends the conversation.
func TestP41TotalLength(t *testing.T) {
	p := newPeer(t, world(t).config("tls", 0))
	if _, err := p.Next(ask(1, packet.TLS, packet.FlagStart)); err != nil {
		t.Fatal(err)
	}
	_, err := p.Next(ask(2, packet.TLS, packet.FlagLength, 0, 0, 0, 9, 22, 3, 3))
	if !errors.Is(err, ErrServer) || p.Stage() != StageFailure {
		t.Fatalf("%v, %s", err, p.Stage())
	}
}

// Holds P43 on the side of the device: one octet of zero, and only that.
func TestP43ProtectedSuccess(t *testing.T) {
	for _, plain := range [][]byte{{1}, {0, 0}, []byte("hello")} {
		l := lie(t, "tls", tls.VersionTLS13)
		if err := l.fails(plain); !errors.Is(err, ErrServer) {
			t.Fatalf("%x: %v", plain, err)
		}
	}
	l := lie(t, "tls", tls.VersionTLS12)
	if err := l.fails([]byte{0}); !errors.Is(err, ErrServer) {
		t.Fatalf("TLS 1.2: %v", err)
	}
	l = lie(t, "tls", tls.VersionTLS13)
	l.say([]byte{0})
	if l.peer.Stage() != StageDone || l.success() != nil || !l.peer.Success() {
		t.Fatal(l.peer.Stage())
	}
}

func TestTTLSPAPCredentials(t *testing.T) {
	l := lie(t, "ttls-pap", tls.VersionTLS12)
	avps, err := packet.ParseAVPs(l.open(l.first))
	if err != nil || len(avps) != 2 || string(avps[0].Data) != testUser || len(avps[1].Data) != 16 ||
		string(bytes.TrimRight(avps[1].Data, "\x00")) != testPassword {
		t.Fatalf("%+v, %v", avps, err)
	}
	if err := l.success(); err != nil || !l.peer.Success() {
		t.Fatal(err)
	}
}

// Holds P51 on the side of the device.
func TestP51MandatoryAVP(t *testing.T) {
	for _, method := range []string{"ttls-pap", "ttls-mschapv2"} {
		l := lie(t, method, tls.VersionTLS12)
		known := packet.AppendAVP(nil, packet.AVP{Code: 18, Data: []byte("Reply-Message")})
		if answer := l.say(known); len(answer) != 0 {
			t.Fatalf("%x", answer)
		}
		err := l.fails(packet.AppendAVP(nil, packet.AVP{Code: 9999, Mandatory: true, Data: []byte("x")}))
		if !errors.Is(err, ErrServer) {
			t.Fatal(err)
		}
	}
}

// ttlsAnswer reads the peer's MS-CHAP2-Response and makes the server's proof.
func ttlsAnswer(t *testing.T, l *liar) (ident byte, proof string) {
	t.Helper()
	challenge, err := l.engine.TTLSChallenge()
	if err != nil {
		t.Fatal(err)
	}
	avps, err := packet.ParseAVPs(l.open(l.first))
	if err != nil || len(avps) != 3 || !bytes.Equal(avps[1].Data, challenge[:16]) || avps[2].Data[0] != challenge[16] {
		t.Fatalf("%+v, %v", avps, err)
	}
	hash := packet.NTHash(testPassword)
	peer, got := [16]byte(avps[2].Data[2:18]), [24]byte(avps[2].Data[26:50])
	if want := packet.NTResponse([16]byte(challenge[:16]), peer, testUser, hash); got != want {
		t.Fatal("the two readings of RFC 2759 differ")
	}
	return challenge[16], packet.AuthenticatorResponse(packet.HashNTHash(hash), got, [16]byte(challenge[:16]), peer, testUser)
}

// Holds P52 on the side of the device: challenge and Ident are the tunnel's, and
// the server proves that it knows the password.
func TestP52TTLSMSCHAPv2(t *testing.T) {
	cases := map[string]struct {
		avp  func(ident byte, proof string) []byte
		want error
	}{
		"right":       {func(i byte, s string) []byte { return append([]byte{i}, s...) }, nil},
		"message":     {func(i byte, s string) []byte { return append([]byte{i}, s+" M=OK"...) }, nil},
		"other ident": {func(i byte, s string) []byte { return append([]byte{i + 1}, s...) }, ErrServer},
		"false proof": {func(i byte, s string) []byte { return append([]byte{i}, "S="+strings.Repeat("0", 40)...) }, ErrUntrusted},
		"short proof": {func(i byte, s string) []byte { return append([]byte{i}, s[:41]...) }, ErrUntrusted},
		"no proof":    {func(i byte, _ string) []byte { return []byte{i} }, ErrUntrusted},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := lie(t, "ttls-mschapv2", tls.VersionTLS12)
			ident, proof := ttlsAnswer(t, l)
			avp := packet.AppendAVP(nil, microsoft(packet.AVPMSCHAP2Success, c.avp(ident, proof)))
			if c.want != nil {
				if err := l.fails(avp); !errors.Is(err, c.want) || l.peer.Stage() != StageFailure {
					t.Fatalf("%v, %s", err, l.peer.Stage())
				}
				return
			}
			if answer := l.say(avp); len(answer) != 0 || l.success() != nil {
				t.Fatalf("%x, %v", answer, l.peer.Err())
			}
		})
	}
}

func TestTTLSMSCHAPv2Error(t *testing.T) {
	l := lie(t, "ttls-mschapv2", tls.VersionTLS12)
	const words = "E=691 R=0 C=00112233445566778899AABBCCDDEEFF V=3 M=no"
	l.say(packet.AppendAVP(nil, microsoft(packet.AVPMSCHAPError, append([]byte{1}, words...))))
	if l.peer.Stage() != StageRefused || l.peer.Refusal() != words {
		t.Fatalf("%s, %q", l.peer.Stage(), l.peer.Refusal())
	}
	if err := l.success(); !errors.Is(err, ErrServer) {
		t.Fatal("Success after E=691")
	}
}

// peapChallenge brings a PEAP peer to its MSCHAPv2 response and returns it with the
// proof of the server.
func peapChallenge(t *testing.T, l *liar) (proof string) {
	t.Helper()
	if got := l.say([]byte{byte(packet.Identity)}); string(got) != "\x01"+testUser {
		t.Fatalf("inner identity %q", got)
	}
	if got := l.say([]byte{byte(packet.GTC), 'P'}); !bytes.Equal(got, []byte{byte(packet.Nak), byte(packet.MSCHAPv2)}) {
		t.Fatalf("inner Nak %x", got)
	}
	challenge := [16]byte{1, 2, 3, 4}
	got := l.say(inner(packet.MSCHAPv2Packet{Op: packet.MSCHAPv2Challenge, ID: 9, Value: challenge[:], Text: []byte("server")}))
	p, err := packet.ParseMSCHAPv2(got[1:])
	if err != nil || p.Op != packet.MSCHAPv2Response || p.ID != 9 || string(p.Text) != testUser {
		t.Fatalf("%+v, %v", p, err)
	}
	hash := packet.NTHash(testPassword)
	peer, response := [16]byte(p.Value[:16]), [24]byte(p.Value[24:48])
	if response != packet.NTResponse(challenge, peer, testUser, hash) {
		t.Fatal("the two readings of RFC 2759 differ")
	}
	return packet.AuthenticatorResponse(packet.HashNTHash(hash), response, challenge, peer, testUser)
}

func inner(p packet.MSCHAPv2Packet) []byte {
	return append([]byte{byte(packet.MSCHAPv2)}, p.Encode()...)
}

func verdict(op packet.MSCHAPv2Op, text string) []byte {
	return inner(packet.MSCHAPv2Packet{Op: op, ID: 9, Text: []byte(text)})
}

func (l *liar) result(result uint16) []byte {
	return packet.Packet{Code: packet.Request, ID: l.id + 1, Type: packet.Extensions, Data: packet.ResultTLV(result)}.Encode()
}

func answered(t *testing.T, got []byte, want uint16) {
	t.Helper()
	p, err := packet.Parse(got)
	if err != nil {
		t.Fatalf("%x: %v", got, err)
	}
	tlvs, err := packet.ParseTLVs(p.Data)
	if err != nil || p.Code != packet.Response || p.Type != packet.Extensions || packet.Result(tlvs) != want {
		t.Fatalf("%x, want result %d", got, want)
	}
}

func TestPEAPGoldenPath(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			l := lie(t, "peap-mschapv2", version)
			proof := peapChallenge(t, l)
			if got := l.say(verdict(packet.MSCHAPv2Success, proof+" M=welcome")); !bytes.Equal(got, []byte{26, 3}) {
				t.Fatalf("%x", got)
			}
			if l.peer.Stage() != StageInner {
				t.Fatal("done before the result")
			}
			answered(t, l.say(l.result(packet.ResultSuccess)), packet.ResultSuccess)
			if err := l.success(); err != nil || !l.peer.Success() || len(l.peer.Keys()) != 64 {
				t.Fatal(err)
			}
		})
	}
}

func TestPEAPFailure(t *testing.T) {
	l := lie(t, "peap-mschapv2", tls.VersionTLS12)
	peapChallenge(t, l)
	const words = "E=691 R=1 C=00112233445566778899AABBCCDDEEFF V=3 M=no"
	if got := l.say(verdict(packet.MSCHAPv2Failure, words)); !bytes.Equal(got, []byte{26, 4}) {
		t.Fatalf("%x", got)
	}
	answered(t, l.say(l.result(packet.ResultFailure)), packet.ResultFailure)
	if l.peer.Stage() != StageRefused || l.peer.Refusal() != words || l.peer.Err() != nil {
		t.Fatalf("%s, %q, %v", l.peer.Stage(), l.peer.Refusal(), l.peer.Err())
	}
	if _, err := l.peer.Next(packet.Packet{Code: packet.Failure, ID: l.id}.Encode()); err != nil || l.peer.Stage() != StageFailure {
		t.Fatal(err)
	}
}

// Holds S7 on the side of the device: only the golden path ends in success
// (CVE-2006-1354, turned round).
func TestS7PEAPOutOfOrder(t *testing.T) {
	cases := map[string]func(t *testing.T, l *liar) error{
		"success before challenge": func(_ *testing.T, l *liar) error { return l.fails(verdict(packet.MSCHAPv2Success, "S=")) },
		"failure before challenge": func(_ *testing.T, l *liar) error { return l.fails(verdict(packet.MSCHAPv2Failure, "E=691")) },
		"a response for a request": func(_ *testing.T, l *liar) error { return l.fails([]byte{26, 2, 9, 0, 4}) },
		"no result in the TLVs":    func(_ *testing.T, l *liar) error { return l.fails(extensions(l, nil)) },
		"a second challenge": afterChallenge(func(l *liar, _ string) error {
			return l.fails(inner(packet.MSCHAPv2Packet{Op: 1, ID: 9, Value: make([]byte, 16)}))
		}),
		"a false proof": afterChallenge(func(l *liar, _ string) error {
			return l.fails(verdict(packet.MSCHAPv2Success, "S="+strings.Repeat("A", 40)))
		}),
		"a proof in small letters":  afterChallenge(func(l *liar, s string) error { return l.fails(verdict(packet.MSCHAPv2Success, strings.ToLower(s))) }),
		"two verdicts":              afterChallenge(func(l *liar, s string) error { l.say(verdict(3, s)); return l.fails(verdict(3, s)) }),
		"success after failure":     afterChallenge(func(l *liar, s string) error { l.say(verdict(4, "E=691 R=0")); return l.fails(verdict(3, s)) }),
		"a method after the result": afterChallenge(func(l *liar, s string) error { l.say(verdict(3, s)); l.say(l.result(1)); return l.fails([]byte{1}) }),
	}
	for name, f := range cases {
		t.Run(name, func(t *testing.T) {
			l := lie(t, "peap-mschapv2", tls.VersionTLS12)
			if err := f(t, l); !errors.Is(err, ErrServer) && !errors.Is(err, ErrUntrusted) {
				t.Fatal(err)
			}
			if l.peer.Success() || l.success() == nil {
				t.Fatal("believed")
			}
		})
	}
	t.Run("result before the verdict", func(t *testing.T) {
		l := lie(t, "peap-mschapv2", tls.VersionTLS12)
		peapChallenge(t, l)
		answered(t, l.say(l.result(packet.ResultSuccess)), packet.ResultFailure)
		if !errors.Is(l.peer.Err(), ErrServer) || l.success() == nil {
			t.Fatal("believed")
		}
	})
	t.Run("success result after E=691", func(t *testing.T) {
		l := lie(t, "peap-mschapv2", tls.VersionTLS12)
		peapChallenge(t, l)
		l.say(verdict(packet.MSCHAPv2Failure, "E=691 R=0"))
		answered(t, l.say(l.result(packet.ResultSuccess)), packet.ResultFailure)
		if l.success() == nil {
			t.Fatal("believed")
		}
	})
}

func afterChallenge(f func(*liar, string) error) func(*testing.T, *liar) error {
	return func(t *testing.T, l *liar) error { return f(l, peapChallenge(t, l)) }
}

func extensions(l *liar, data []byte) []byte {
	return packet.Packet{Code: packet.Request, ID: l.id + 1, Type: packet.Extensions, Data: data}.Encode()
}

// A forged crypto-binding is answered with failure.
func TestPEAPFalseBinding(t *testing.T) {
	l := lie(t, "peap-mschapv2", tls.VersionTLS12)
	l.say(verdict2(t, l))
	for _, value := range [][]byte{make([]byte, bindingLength)} {
		data := packet.AppendTLV(packet.ResultTLV(packet.ResultSuccess), packet.TLV{Type: packet.TLVCryptoBinding, Value: value})
		answered(t, l.say(extensions(l, data)), packet.ResultFailure)
		if !errors.Is(l.peer.Err(), ErrUntrusted) || l.success() == nil {
			t.Fatal(l.peer.Err())
		}
	}
}

func verdict2(t *testing.T, l *liar) []byte {
	return verdict(packet.MSCHAPv2Success, peapChallenge(t, l))
}

// A server that answers with another version than ours is not listened to.
func TestVersionIsZero(t *testing.T) {
	p := newPeer(t, world(t).config("peap-mschapv2", 0))
	answer, err := p.Next(ask(1, packet.PEAP, packet.FlagStart|1))
	if err != nil || answer[5]&packet.VersionMask != 0 {
		t.Fatalf("%x, %v", answer, err)
	}
	if _, err := p.Next(ask(2, packet.PEAP, 1, 22, 3, 3, 0, 0)); !errors.Is(err, ErrServer) {
		t.Fatal(err)
	}
}

func TestAbandon(t *testing.T) {
	cfg := world(t).config("tls", 0)
	cfg.Abandon = 2
	p := newPeer(t, cfg)
	for _, q := range [][]byte{ask(1, packet.Identity), ask(2, packet.TLS, packet.FlagStart)} {
		if _, err := p.Next(q); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Next(ask(3, packet.TLS, 0, 22, 3, 3, 0, 0)); !errors.Is(err, ErrAbandoned) || p.Responses() != 2 {
		t.Fatalf("%v after %d", err, p.Responses())
	}
}

func TestNewRefuses(t *testing.T) {
	w := world(t)
	for name, change := range map[string]func(*Config){
		"method":      func(c *Config) { c.Method = "leap" },
		"roots":       func(c *Config) { c.Roots = nil },
		"server name": func(c *Config) { c.ServerName = "" },
		"certificate": func(c *Config) { c.Method, c.Certificate = "tls", nil },
		"fragment":    func(c *Config) { c.FragmentSize = 99 },
		"fragments":   func(c *Config) { c.FragmentSize = 1399 },
		"TLS 1.1":     func(c *Config) { c.MinTLS = tls.VersionTLS11 },
		"identity":    func(c *Config) { c.Identity = strings.Repeat("x", 254) },
		"password":    func(c *Config) { c.Method, c.Password = "pap", testPassword+"x" },
	} {
		cfg := w.config("ttls-pap", 0)
		if name == "password" {
			cfg.Password = "0123456789" // replaced below by one that is too long
		}
		change(&cfg)
		if name == "password" {
			for len(cfg.Password) <= 128 {
				cfg.Password += cfg.Password
			}
		}
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Holds S17 for the supplicant: neither password nor keys come out by printing.
func TestS17NothingSecretPrints(t *testing.T) {
	l := lie(t, "ttls-pap", tls.VersionTLS12)
	if err := l.success(); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%v %+v %#v %s %v %+v %#v", l.peer, l.peer, l.peer, l.peer, l.peer.cfg, l.peer.cfg, l.peer.cfg)
	for _, secret := range []string{testPassword, hex.EncodeToString([]byte(testPassword)), hex.EncodeToString(l.peer.Keys()), string(l.peer.Keys())} {
		if strings.Contains(text, secret) {
			t.Fatalf("printed a secret: %s", text)
		}
	}
}

// The sums of RFC 2759, section 9.2 and RFC 3079, section 3.5.3.
func TestMSCHAPv2Vector(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, user := range []string{"User", `WARD\User`} {
		m := mschapv2{peer: [16]byte(unhex("21402324255E262A28295F2B3A337C7E"))}
		if err := m.compute(unhex("5B5D7C7D7B3F2F3E3C2C602132262628"), user, "clientPass"); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(m.response, unhex("82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF")) ||
			string(m.proof) != "S=407A5589115FD0D6209F510FE9C04566932CDA56" ||
			!bytes.Equal(m.isk[16:], unhex("8B7CDC149B993A1BA118CB153F56DCCB")) {
			t.Fatalf("%x %s %x", m.response, m.proof, m.isk)
		}
		hash := packet.HashNTHash(packet.NTHash("clientPass"))
		if theirs := packet.MSCHAPv2MSK(hash, [24]byte(m.response)); !bytes.Equal(theirs[:32], m.isk) {
			t.Fatalf("the server's keying material differs: %x, %x", theirs[:32], m.isk)
		}
	}
}

// A message where an acknowledgement is due is no conversation any more.
func TestP41MessageBetweenFragments(t *testing.T) {
	cfg := world(t).config("tls", 0)
	cfg.FragmentSize = 100
	p := newPeer(t, cfg)
	hello, err := p.Next(ask(1, packet.TLS, packet.FlagStart))
	if err != nil || hello[5] != packet.FlagLength|packet.FlagMore {
		t.Fatalf("%x, %v", hello, err)
	}
	if _, err := p.Next(ask(2, packet.TLS, 0, 22, 3, 3, 0, 0)); !errors.Is(err, ErrServer) {
		t.Fatal(err)
	}
}

// Whoever broke TLS is not believed, though the method was finished before.
func TestSuccessAfterBrokenTLS(t *testing.T) {
	l := lie(t, "tls", tls.VersionTLS12)
	if l.peer.Stage() != StageDone {
		t.Fatal(l.peer.Stage())
	}
	alert := l.send([]byte{23, 3, 3, 0, 32, 31: 0, 36: 0})
	if l.peer.Stage() != StageRefused || len(alert) == 0 || !errors.Is(l.peer.Err(), ErrServer) || l.peer.Keys() != nil {
		t.Fatalf("stage %s, alert %x, %v", l.peer.Stage(), alert, l.peer.Err())
	}
	if err := l.success(); !errors.Is(err, ErrServer) || l.peer.Success() {
		t.Fatal(err)
	}
}

// A server whose certificate is not trusted hears an alert, and the reason stays.
func TestUntrustedServerHearsAnAlert(t *testing.T) {
	w := world(t)
	for name, change := range map[string]func(*Config){
		"authority": func(c *Config) { c.Roots = w.strangers },
		"name":      func(c *Config) { c.ServerName = "radius.example.org" },
	} {
		cfg := w.config("peap-mschapv2", 0)
		change(&cfg)
		l := newLiar(t, newPeer(t, cfg), DefaultFragment, nil)
		flight, _, err := l.engine.Handshake(l.receive(l.must(packet.Start(0))))
		if err != nil {
			t.Fatal(err)
		}
		_, done, err := l.engine.Handshake(l.send(flight))
		code, isAlert := packet.PeerAlert(err)
		if done || !isAlert || code != 42 && code != 48 || l.peer.Stage() != StageRefused || !errors.Is(l.peer.Err(), ErrUntrusted) {
			t.Fatalf("%s: alert %d, %v, stage %s, %v", name, code, err, l.peer.Stage(), l.peer.Err())
		}
		if answer := l.must(packet.Ack(0)); len(answer) != 1 {
			t.Fatalf("%s: %x", name, answer)
		}
		if _, err := l.peer.Next(packet.Packet{Code: packet.Failure, ID: l.id}.Encode()); err != nil || !errors.Is(l.peer.Err(), ErrUntrusted) {
			t.Fatal(err, l.peer.Err())
		}
	}
}
