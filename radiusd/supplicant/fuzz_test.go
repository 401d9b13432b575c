package supplicant

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"causeway/radiusd/eap/packet"
)

// FuzzPeerNext plays arbitrary packets to a peer of each method: it may answer or
// refuse, and never believes that it is connected. Holds S6 for the supplicant.
func FuzzPeerNext(f *testing.F) {
	w := world(f)
	f.Add(uint8(0), join(ask(1, packet.Identity), ask(2, packet.TLS, packet.FlagStart), ask(3, packet.TLS, 0, 22, 3, 3, 0, 1, 0)))
	f.Add(uint8(1), join(ask(2, packet.PEAP, packet.FlagStart), ask(3, packet.PEAP, 0xC0, 0, 0, 0, 9, 22), ask(4, packet.PEAP, 0, 21, 3, 3, 0, 2, 2, 40)))
	f.Add(uint8(2), join(ask(2, packet.MD5, 1), ask(3, packet.TTLS, packet.FlagStart), packet.Packet{Code: packet.Success, ID: 3}.Encode()))
	f.Add(uint8(3), join(ask(2, packet.Expanded, 0, 0, 0, 0, 0, 0, 21, 0x20), packet.Packet{Code: packet.Failure, ID: 3}.Encode()))
	f.Fuzz(func(t *testing.T, which uint8, stream []byte) {
		names := eapMethods()
		p, err := New(w.config(names[int(which)%len(names)], 0))
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for len(stream) > 0 {
			n := min(int(stream[0]), len(stream)-1)
			q := stream[1 : 1+n]
			stream = stream[1+n:]
			answer, err := p.Next(q)
			if p.Success() || p.Keys() != nil {
				t.Fatalf("connected by %x", q)
			}
			if answer == nil {
				continue
			}
			a, perr := packet.Parse(answer)
			if err != nil || perr != nil || a.Code != packet.Response || a.ID != q[1] || len(answer) > DefaultFragment {
				t.Fatalf("%x answered with %x, %v, %v", q, answer, err, perr)
			}
		}
	})
}

// join writes packets as FuzzPeerNext reads them.
func join(packets ...[]byte) (stream []byte) {
	for _, p := range packets {
		stream = append(append(stream, byte(len(p))), p...)
	}
	return stream
}

// FuzzInside plays arbitrary words inside a tunnel that stands: without the
// password nobody is believed. Holds S6 and S7 for the supplicant.
func FuzzInside(f *testing.F) {
	tunnels := map[string]*tunnel{}
	for _, method := range eapMethods() {
		tunnels[method] = lie(f, method, tls.VersionTLS13).peer.tunnel
	}
	at := func(method string) uint8 { return uint8(slices.Index(eapMethods(), method)) }
	f.Add(at("peap-mschapv2"), join([]byte{1}, []byte{6, 'P'}, inner(packet.MSCHAPv2Packet{Op: 1, Value: make([]byte, 16)}), []byte{26, 3, 0, 0, 4}))
	f.Add(at("peap-mschapv2"), join([]byte{1, 9, 0, 11, 33, 0x80, 3, 0, 2, 0, 1}))
	f.Add(at("ttls-mschapv2"), join(nil, packet.AppendAVP(nil, microsoft(packet.AVPMSCHAP2Success, []byte("\x00S=0123")))))
	f.Add(at("tls"), join([]byte{0, 0}))
	f.Add(at("teap"), join(packet.AppendTLV(packet.AppendTLV(nil, packet.CryptoBinding{Version: 1, ReceivedVersion: 1, Flags: 2}.TLV()), packet.StatusTLV(packet.TLVResult, 1))))
	f.Fuzz(func(t *testing.T, which uint8, stream []byte) {
		names := eapMethods()
		m := findMethod(names[int(which)%len(names)])
		tt := newTunnel(tunnels[m.name].cfg, m.kind, m.phase2)
		tt.engine, tt.msk = tunnels[m.name].engine, tunnels[m.name].msk
		if err := tt.phase2.begin(); err != nil {
			t.Fatal(err)
		}
		for id := uint8(0); len(stream) > 0; id++ {
			n := min(int(stream[0]), len(stream)-1)
			_, err := tt.phase2.hear(stream[1:1+n], id)
			if stream = stream[1+n:]; err != nil {
				break
			}
		}
		// Those need no proof inside: the server's certificate was all.
		if tt.finished && m.name != "tls" && !saysAll(m.name) && !strings.HasSuffix(m.name, "gtc") {
			t.Fatalf("%s finished", m.name)
		}
	})
}

// FuzzReply reads arbitrary attributes as those of a verified reply.
func FuzzReply(f *testing.F) {
	f.Add(join(attribute(79, 1, 2, 0, 4), attribute(81, 0, '7')))
	f.Add(attribute(26, 0, 0, 1, 55, 16, 36, 0x80, 0))
	f.Fuzz(func(t *testing.T, attributes []byte) {
		reply := append(make([]byte, headerLength), attributes...)
		var r Result
		r.placement(reply)
		if _, err := joinEAP(reply); err != nil && r.Placed && r.VLAN == "" {
			t.Fatal("placed nowhere")
		}
		if keysMatch(reply, make([]byte, 16), []byte(testSecret), make([]byte, packet.MSKLength)) {
			t.Fatal("keys match")
		}
		if _, err := verify(reply, make([]byte, headerLength), []byte(testSecret)); err == nil {
			t.Fatal("verified")
		}
	})
}
