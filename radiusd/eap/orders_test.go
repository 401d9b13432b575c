package eap

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// An order is one sequence of messages inside a tunnel, by name.
type order []string

// peapInside and ttlsInside are the two without TLS.
func peapInside(s *Server) *peapPhase2 {
	c := open(s, nobody).(*conversation)
	return &peapPhase2{c: c, in: newInner(c), tunnelKey: func() ([]byte, error) { return make([]byte, 64), nil }}
}

func ttlsInside(s *Server, implicit []byte) *ttlsPhase2 {
	m := &ttlsPhase2{c: open(s, nobody).(*conversation), challenge: func(int) ([]byte, error) { return implicit, nil }}
	m.next = m.credentials
	return m
}

// walk tries every order of messages up to a length, each from the start. play
// plays one order and says after how many messages it ended, if it did, and
// whether it was accepted anywhere. An order that ended is tried with one message
// more, which must change nothing.
func walk(names []string, longest int, play func(order) (ended int, accepted bool)) (played int, golden []string) {
	var extend func(order)
	extend = func(o order) {
		played++
		ended, accepted := play(o)
		if accepted {
			golden = append(golden, strings.Join(o, ", "))
		}
		if len(o) == longest || ended > 0 && len(o) > ended {
			return
		}
		for _, name := range names {
			extend(append(slices.Clip(o), name))
		}
	}
	extend(nil)
	return played, golden
}

// Holds S7 for PEAP (CVE-2006-1354): of every order of up to six messages only the
// golden paths are accepted.
func TestS7EveryOrderInsidePEAP(t *testing.T) {
	s := serve(t, nil)
	type state struct {
		m  *peapPhase2
		id uint8
	}
	inner := func(x state, kind packet.Type, data []byte) []byte {
		return packet.Packet{Code: packet.Response, ID: x.id, Type: kind, Data: data}.EncodeInner()
	}
	answerWith := func(x state, name, password string, change func(*packet.MSCHAPv2Packet)) []byte {
		challenge := make([]byte, 16)
		if method, running := x.m.in.run.(*innerMSCHAPv2); running {
			challenge = method.challenge[:]
		}
		msg := packet.MSCHAPv2Packet{Op: packet.MSCHAPv2Challenge, ID: x.id, Value: challenge}
		reply := must(packet.ParseMSCHAPv2(mschapv2Answer(msg, name, password)))
		if change != nil {
			change(&reply)
		}
		return inner(x, packet.MSCHAPv2, reply.Encode())
	}
	bare := func(op packet.MSCHAPv2Op) []byte { return packet.MSCHAPv2Packet{Op: op, Bare: true}.Encode() }
	messages := map[string]func(state) []byte{
		"identity":       func(x state) []byte { return inner(x, packet.Identity, []byte(amy)) },
		"other identity": func(x state) []byte { return inner(x, packet.Identity, []byte("zoe@"+testRealm)) },
		"nak":            func(x state) []byte { return inner(x, packet.Nak, []byte{byte(packet.GTC)}) },
		"word":           func(x state) []byte { return inner(x, packet.GTC, []byte("correct horse")) },
		"other word":     func(x state) []byte { return inner(x, packet.GTC, []byte("wrong")) },
		"good":           func(x state) []byte { return answerWith(x, amy, "correct horse", nil) },
		"bad":            func(x state) []byte { return answerWith(x, amy, "wrong", nil) },
		"old": func(x state) []byte {
			return answerWith(x, amy, "correct horse", func(p *packet.MSCHAPv2Packet) { p.ID-- })
		},
		"zeros": func(x state) []byte {
			return answerWith(x, amy, "correct horse", func(p *packet.MSCHAPv2Packet) { p.Value = make([]byte, 49) })
		},
		"another's name": func(x state) []byte { return answerWith(x, "bob", "correct horse", nil) },
		"success":        func(x state) []byte { return inner(x, packet.MSCHAPv2, bare(packet.MSCHAPv2Success)) },
		"success+": func(x state) []byte {
			return inner(x, packet.MSCHAPv2, packet.MSCHAPv2Packet{Op: packet.MSCHAPv2Success, ID: x.id}.Encode())
		},
		"failure": func(x state) []byte { return inner(x, packet.MSCHAPv2, bare(packet.MSCHAPv2Failure)) },
		"change": func(x state) []byte {
			return inner(x, packet.MSCHAPv2, packet.MSCHAPv2Packet{Op: packet.MSCHAPv2ChangePassword, Text: make([]byte, 582)}.Encode())
		},
		"result good": func(x state) []byte { return inner(x, packet.Extensions, packet.ResultTLV(packet.ResultSuccess)) },
		"result bad":  func(x state) []byte { return inner(x, packet.Extensions, packet.ResultTLV(packet.ResultFailure)) },
		"result stale": func(x state) []byte {
			x.id--
			return inner(x, packet.Extensions, packet.ResultTLV(packet.ResultSuccess))
		},
		"no result":   func(x state) []byte { return inner(x, packet.Extensions, nil) },
		"bound":       func(x state) []byte { return inner(x, packet.Extensions, boundResult(x.m.binding, 0)) },
		"bound false": func(x state) []byte { return inner(x, packet.Extensions, boundResult(x.m.binding, 1)) },
		"empty":       func(state) []byte { return nil },
	}
	play := func(o order) (ended int, accepted bool) {
		m := peapInside(s)
		defer m.in.Close()
		m.begin()
		for i, name := range o {
			_, account, err := m.hear(context.Background(), messages[name](state{m, m.id}))
			if ended > 0 && account != nil {
				t.Fatalf("accepted after the end: %v", o)
			}
			if account != nil {
				accepted = true
			}
			if ended == 0 && (account != nil || err != nil) {
				ended = i + 1
			}
		}
		return ended, accepted && ended == len(o)
	}
	played, golden := walk(slices.Sorted(maps.Keys(messages)), 6, play)
	t.Logf("%d orders", played)
	want := []string{
		"identity, good, success, bound", "identity, good, success, result good",
		"identity, good, success+, bound", "identity, good, success+, result good",
		"identity, nak, word, bound", "identity, nak, word, result good",
	}
	if fmt.Sprint(golden) != fmt.Sprint(want) {
		t.Errorf("accepted: %q", golden)
	}
}

// boundResult is a supplicant's good result with its crypto-binding, in which flip
// changes one bit.
func boundResult(b *binding, flip byte) []byte {
	if b == nil {
		b = newBinding(make([]byte, 64), make([]byte, 64))
	}
	tlv := packet.TLV{Type: packet.TLVCryptoBinding, Value: make([]byte, bindingLength)}
	tlv.Value[3] = bindingResponse
	copy(tlv.Value[bindingMAC:], b.mac(tlv))
	tlv.Value[bindingLength-1] ^= flip
	return packet.AppendTLV(packet.ResultTLV(packet.ResultSuccess), tlv)
}

// Holds S7 for TTLS.
func TestS7EveryOrderInsideTTLS(t *testing.T) {
	s := serve(t, nil)
	implicit := bytes.Repeat([]byte{5}, 17)
	mschap := func(name, password string) func() []byte {
		return func() []byte {
			challenge, response := ttlsResponse(implicit, name, password)
			return ttlsMSCHAPv2(name, challenge, response)
		}
	}
	var m *ttlsPhase2
	eap := func(kind packet.Type, data []byte) func() []byte {
		return func() []byte {
			p := packet.Packet{Code: packet.Response, ID: 5, Type: kind, Data: data}
			if m.in != nil {
				p.ID = m.in.id
			}
			return avps(packet.AVP{Code: packet.AVPEAPMessage, Mandatory: true, Data: p.Encode()})
		}
	}
	messages := map[string]func() []byte{
		"eap who":  eap(packet.Identity, []byte(amy)),
		"eap nak":  eap(packet.Nak, []byte{byte(packet.GTC)}),
		"eap good": eap(packet.GTC, []byte("correct horse")),
		"eap bad":  eap(packet.GTC, []byte("wrong")),
		"both": func() []byte {
			return append(papInner(amy, "correct horse")(nil), eap(packet.Identity, []byte(amy))()...)
		},
		"chap good": func() []byte {
			sum := md5.Sum(append([]byte("\x05correct horse"), implicit[:16]...))
			return ttlsCHAP(amy, implicit[:16], append([]byte{5}, sum[:]...))
		},
		"chap bad":    func() []byte { return ttlsCHAP(amy, implicit[:16], bytes.Repeat([]byte{5}, 17)) },
		"pap good":    func() []byte { return papInner(amy, "correct horse")(nil) },
		"pap bad":     func() []byte { return papInner(amy, "wrong")(nil) },
		"mschap good": mschap(amy, "correct horse"),
		"mschap bad":  mschap(amy, "wrong"),
		"mschap zoe":  mschap("zoe@"+testRealm, "correct horse"),
		"name":        func() []byte { return avps(packet.AVP{Code: packet.AVPUserName, Data: []byte(amy)}) },
		"success": func() []byte {
			return avps(packet.AVP{Code: packet.AVPMSCHAP2Success, Vendor: packet.VendorMicrosoft, Data: make([]byte, 43)})
		},
		"garbage": func() []byte { return []byte{1, 2, 3} },
		"empty":   func() []byte { return nil },
	}
	play := func(o order) (ended int, accepted bool) {
		m = ttlsInside(s, implicit)
		defer func() { m.in.Close() }()
		for i, name := range o {
			_, account, err := m.next(context.Background(), messages[name]())
			if ended > 0 && account != nil {
				t.Fatalf("accepted after the end: %v", o)
			}
			accepted = accepted || account != nil
			if ended == 0 && (account != nil || err != nil) {
				ended = i + 1
			}
		}
		return ended, accepted && ended == len(o)
	}
	played, golden := walk(slices.Sorted(maps.Keys(messages)), 6, play)
	t.Logf("%d orders", played)
	want := []string{"chap good", "eap who, eap nak, eap good", "mschap good, empty", "pap good"}
	if fmt.Sprint(golden) != fmt.Sprint(want) {
		t.Errorf("accepted: %q", golden)
	}
}

// Holds S10 for MSCHAPv2: an account without a password is not open to everybody.
// (Its hash is that of the empty text, which anybody can compute.)
func TestS10EmptyPasswordInsideMSCHAPv2(t *testing.T) {
	s := serve(t, nil)
	_, err := s.judge(context.Background(), realms.Identity{User: "host/pc01." + testRealm, Realm: testRealm}, emptyExchange("host/pc01."+testRealm))
	if reasonOf(err) != realms.ErrEmptyPassword {
		t.Fatal(err)
	}
}

func emptyExchange(name string) exchange {
	x := exchange{name: name}
	x.response = packet.NTResponse(x.authenticator, x.peer, name, packet.NTHash(""))
	return x
}
