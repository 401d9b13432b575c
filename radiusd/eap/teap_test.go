package eap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

const (
	laptop  = "host/laptop7." + testRealm
	desktop = "host/desk1.ad.northbridge.local"
)

// A teapClient plays TEAP's phase 2 for whom it has credentials.
type teapClient struct {
	has  map[uint16]*innerClient // by Identity-Type
	keys func() *teapKeys        // made when the tunnel stands

	chain *teapKeys
	asked uint16
	first bool // the identity is still to be said
	// change may bend an answer before it leaves.
	change func(tlvs []packet.TLV) []packet.TLV
	heard  []packet.TLV
}

// answer takes one message of the server.
func (c *teapClient) answer(plain []byte) []byte {
	if c.chain == nil {
		c.chain = c.keys()
	}
	var out []packet.TLV
	add := func(kind uint16, value []byte) {
		out = append(out, packet.TLV{Type: kind, Mandatory: true, Value: value})
	}
	c.heard = must(packet.ParseTLVs(plain))
	for _, tlv := range c.heard {
		switch tlv.Type {
		case packet.TLVIntermediateResult:
			if binary.BigEndian.Uint16(tlv.Value) == packet.ResultSuccess {
				c.mix(c.has[c.asked])
			}
			add(tlv.Type, tlv.Value)
		case packet.TLVResult:
			add(tlv.Type, tlv.Value)
		case packet.TLVCryptoBinding:
			out = append(out, c.bind(tlv))
		case packet.TLVIdentityType:
			c.asked, c.first = binary.BigEndian.Uint16(tlv.Value), true
			if c.has[c.asked] == nil { // as section 4.2.3 says: what there is instead
				c.asked = slices.Sorted(maps.Keys(c.has))[0]
			}
			add(tlv.Type, binary.BigEndian.AppendUint16(nil, c.asked))
		case packet.TLVEAPPayload:
			add(tlv.Type, c.has[c.asked].answer(must(packet.Parse(tlv.Value))).Encode())
		case packet.TLVPasswordRequest:
			who := c.has[c.asked]
			value := append([]byte{byte(len(who.name))}, who.name...)
			add(packet.TLVPasswordResponse, append(append(value, byte(len(who.password))), who.password...))
			who.msk, who.emsk = nil, nil
		}
	}
	if c.change != nil {
		out = c.change(out)
	}
	var b []byte
	for _, tlv := range out {
		b = packet.AppendTLV(b, tlv)
	}
	return b
}

func (c *teapClient) mix(who *innerClient) {
	switch {
	case who.msk == nil:
		must(0, c.chain.add(nil, nil))
	case who.kind == packet.MSCHAPv2:
		must(0, c.chain.add(append(bytes.Clone(who.msk[16:32]), who.msk[:16]...), nil))
	default:
		must(0, c.chain.add(who.msk, who.emsk))
	}
}

// bind answers a binding.
func (c *teapClient) bind(request packet.TLV) packet.TLV {
	if c.chain.msk.cmk == nil {
		must(0, c.chain.add(nil, nil)) // resumed
	}
	b := must(request.CryptoBinding())
	b.SubType, b.EMSKMAC = packet.BindingResponse, [teapCMK]byte{}
	b.Nonce[len(b.Nonce)-1] |= 1
	b.MSKMAC = c.chain.sign(c.chain.msk, b)
	if c.chain.byEMSK = b.Flags&packet.BindingEMSK != 0; c.chain.byEMSK {
		b.EMSKMAC = c.chain.sign(c.chain.emsk, b)
	}
	return b.TLV()
}

// meetTEAP returns a peer with credentials of computers and people.
func meetTEAP(t testing.TB, s *Server, version uint16, outer string, has map[uint16]*innerClient) (*peer, *teapClient) {
	client := &teapClient{has: has}
	p := newPeer(t, s, outer, packet.TEAP, theWard().clientTLS(version, ""), client.answer)
	p.version = packet.TEAPVersion
	client.keys = func() *teapKeys {
		sums, seed, err := teapSumsOf(p.tls, s.cfg.TEAP.RFC7170)
		return newTEAPKeys(sums, must(seed, err), p.outer, p.mine)
	}
	return p, client
}

// withTLS gives a client of an inner method its certificate.
func withTLS(t testing.TB, version uint16, c *innerClient) *innerClient {
	if c.kind == packet.TLS {
		c.tls = packet.NewClient(theWard().clientTLS(version, c.name))
		t.Cleanup(c.tls.Close)
	}
	return c
}

func person() *innerClient {
	return &innerClient{kind: packet.MSCHAPv2, name: amy, password: "correct horse"}
}

func machine() *innerClient {
	return &innerClient{kind: packet.MSCHAPv2, name: laptop, password: "machine secret"}
}

// TestTEAP holds P65, P66, R4 and R5 for TEAP, for each version of TLS.
func TestTEAP(t *testing.T) {
	named := func(c *innerClient, name string) *innerClient { c.name = name; return c }
	wrong := func(c *innerClient) *innerClient { c.password = "wrong"; return c }
	both := Config{}
	for _, x := range []struct {
		what, outer   string
		machine, user *innerClient
		cfg           Config
		want          realms.Reason
		identity      string // of the log-in
	}{
		{"both", nobody, machine(), person(), both, "", amy},
		{"outer is the person", amy, machine(), person(), both, "", amy},
		{"outer is the computer", laptop, machine(), person(), both, "", amy},
		{"outer is neither", "bob@" + testRealm, machine(), person(), both, realms.ErrOuterInner, ""},
		{"the computer alone", nobody, machine(), nil, both, "", laptop},
		{"the person alone", nobody, nil, person(), both, "", amy},
		{"the person by certificate", nobody, machine(), &innerClient{kind: packet.TLS, name: amy}, both, "", amy},
		{"the person by certificate, alone", nobody, nil, &innerClient{kind: packet.TLS, name: amy}, both, "", amy},
		{"a wrong password of the person", nobody, machine(), wrong(person()), both, realms.ErrBadPassword, ""},
		{"a wrong password of the computer", nobody, wrong(machine()), person(), both, realms.ErrBadPassword, ""},
		{"unknown", nobody, machine(), named(person(), "zoe@"+testRealm), both, realms.ErrUnknownUser, ""},
		{"disabled", nobody, machine(), &innerClient{kind: packet.MSCHAPv2, name: "dee@" + testRealm, password: "disabled one"}, both, realms.ErrDisabled, ""},
		{"another realm", nobody, machine(), named(person(), "amy@elsewhere.ac.uk"), both, realms.ErrInnerRealm, ""},
		{"a person where the computer is asked for", nobody, person(), nil, both, realms.ErrChainIncomplete, ""},
		{"a computer where the person is asked for", nobody, machine(), machine(), both, realms.ErrChainIncomplete, ""},
		{"a computer of another domain", nobody, named(machine(), "host/laptop7.ad.example"), person(), both, realms.ErrInnerRealm, ""},
		{"a computer of its own domain", nobody, named(machine(), desktop), person(), both, "", amy},
		{"a person of the computers' domain", nobody, nil, named(person(), "amy@ad.northbridge.local"), both, realms.ErrInnerRealm, ""},
		{"GTC", nobody, nil, &innerClient{kind: packet.GTC, name: amy, password: "correct horse"}, both, realms.ErrNoMethod, ""},
		{"the computer is required", nobody, nil, person(), Config{TEAP: TEAPConfig{Require: []string{"machine"}}}, realms.ErrChainIncomplete, ""},
		{"the person is required", nobody, machine(), nil, Config{TEAP: TEAPConfig{Require: []string{"user"}}}, realms.ErrChainIncomplete, ""},
		{"both are required", nobody, machine(), person(), Config{TEAP: TEAPConfig{Require: []string{"user", "machine"}}}, "", amy},
		{"the person first", nobody, machine(), person(), Config{TEAP: TEAPConfig{Ask: []string{"user", "machine"}}}, "", amy},
		{"the person only", nobody, machine(), person(), Config{TEAP: TEAPConfig{Ask: []string{"user"}}}, "", amy},
		{"the computer only", nobody, machine(), person(), Config{TEAP: TEAPConfig{Ask: []string{"machine"}}}, "", laptop},
		{"who is not asked for", nobody, nil, person(), Config{TEAP: TEAPConfig{Ask: []string{"machine"}}}, realms.ErrChainIncomplete, ""},
		{"by password", nobody, machine(), person(), Config{Inner: []string{"pap"}}, "", amy},
		{"by a wrong password", nobody, machine(), wrong(person()), Config{Inner: []string{"pap"}}, realms.ErrBadPassword, ""},
	} {
		for _, version := range versions {
			t.Run(x.what+"/"+tls.VersionName(version), func(t *testing.T) {
				s := serve(t, func(c *Config) {
					c.Methods, c.TEAP, c.Computers = []string{"teap"}, x.cfg.TEAP, []string{"ad.northbridge.local"}
					if x.cfg.Inner != nil {
						c.Inner = x.cfg.Inner
					}
				})
				has := map[uint16]*innerClient{}
				for kind, c := range map[uint16]*innerClient{packet.IdentityMachine: x.machine, packet.IdentityUser: x.user} {
					if c != nil {
						mine := *c
						has[kind] = withTLS(t, version, &mine)
					}
				}
				p, client := meetTEAP(t, s, version, x.outer, has)
				p.mine = packet.AppendTLV(nil, packet.TLV{Type: packet.TLVIdentityType, Value: []byte{0, 1}})
				answer, err := p.login()
				trace := p.conv.Trace()
				if reasonOf(err) != x.want {
					t.Fatalf("%v, want %q; %+v", err, x.want, trace)
				}
				if x.want != "" {
					if answer.Code != radius.CodeAccessReject || len(answer.Keys.Recv) > 0 {
						t.Fatalf("%+v", answer)
					}
					return
				}
				msk, _, _ := client.chain.session()
				if answer.Code != radius.CodeAccessAccept || !bytes.Equal(answer.Keys.Recv, msk[:32]) || !bytes.Equal(answer.Keys.Send, msk[32:]) {
					t.Fatalf("%+v", answer)
				}
				device := ""
				if x.machine != nil && !slices.Equal(x.cfg.TEAP.Ask, []string{"user"}) {
					device = x.machine.name
				}
				if trace.Device != (realms.Identity{}) && trace.Device.String() != device || device != "" && trace.Device == (realms.Identity{}) {
					t.Errorf("the device is %v, want %q", trace.Device, device)
				}
				if trace.Identity.String() != x.identity || answer.Account.Name != x.identity || trace.Method != "teap" || trace.Stage != "accepted" {
					t.Errorf("%+v, account %q", trace, answer.Account.Name)
				}
			})
		}
	}
}

// Holds P66: a binding of which any bit is another, one that is left out, and results
// that do not agree never end in Accept.
func TestP66Bindings(t *testing.T) {
	s := serve(t, func(c *Config) { c.Methods = []string{"teap"} })
	login := func(change func([]packet.TLV) []packet.TLV) (realms.Answer, error) {
		p, client := meetTEAP(t, s, tls.VersionTLS12, nobody, map[uint16]*innerClient{packet.IdentityUser: withTLS(t, tls.VersionTLS12, &innerClient{kind: packet.TLS, name: amy})})
		client.change = change
		return p.login()
	}
	if a, err := login(nil); a.Code != radius.CodeAccessAccept {
		t.Fatal(err)
	}
	each := func(kind uint16, do func(*packet.TLV) bool) func([]packet.TLV) []packet.TLV {
		return func(tlvs []packet.TLV) []packet.TLV {
			return slices.DeleteFunc(tlvs, func(tlv packet.TLV) bool { return tlv.Type == kind && do(&tlv) })
		}
	}
	for bit := 8; bit < 8*len(packet.CryptoBinding{}.TLV().Value); bit += 5 { // the first octet is reserved
		a, err := login(func(tlvs []packet.TLV) []packet.TLV {
			for i, tlv := range tlvs {
				if tlv.Type == packet.TLVCryptoBinding {
					tlvs[i].Value = bytes.Clone(tlv.Value)
					tlvs[i].Value[bit/8] ^= 1 << (bit % 8)
				}
			}
			return tlvs
		})
		if a.Code != radius.CodeAccessReject || err == nil {
			t.Errorf("bit %d: %v, %v", bit, a.Code, err)
		}
	}
	for what, change := range map[string]func([]packet.TLV) []packet.TLV{
		"no binding":             each(packet.TLVCryptoBinding, func(*packet.TLV) bool { return true }),
		"no intermediate result": each(packet.TLVIntermediateResult, func(*packet.TLV) bool { return true }),
		"no result":              each(packet.TLVResult, func(*packet.TLV) bool { return true }),
		"a failing result":       each(packet.TLVResult, func(tlv *packet.TLV) bool { tlv.Value[1] = 2; return false }),
		"a failing intermediate result": each(packet.TLVIntermediateResult, func(tlv *packet.TLV) bool {
			copy(tlv.Value, []byte{0, 2})
			return false
		}),
		"two results": func(tlvs []packet.TLV) []packet.TLV {
			for _, tlv := range tlvs {
				if tlv.Type == packet.TLVResult {
					return append(tlvs, tlv)
				}
			}
			return tlvs
		},
		"a fatal error": func(tlvs []packet.TLV) []packet.TLV {
			for _, tlv := range tlvs {
				if tlv.Type == packet.TLVResult {
					return append(tlvs, packet.TLV{Type: packet.TLVError, Mandatory: true, Value: []byte{0, 0, 7, 209}})
				}
			}
			return tlvs
		},
		"a PAC": func(tlvs []packet.TLV) []packet.TLV {
			return append(tlvs, packet.TLV{Type: 11, Mandatory: true, Value: []byte{1}})
		},
	} {
		if a, err := login(change); a.Code == radius.CodeAccessAccept || err == nil {
			t.Errorf("%s: %v, %v", what, a.Code, err)
		}
	}
	// A MAC of an EMSK that the method did not make proves nothing: anybody could sign
	// with the key that is not there.
	p, client := meetTEAP(t, s, tls.VersionTLS12, nobody, map[uint16]*innerClient{packet.IdentityUser: person()})
	client.change = func(tlvs []packet.TLV) []packet.TLV {
		for i, tlv := range tlvs {
			if tlv.Type == packet.TLVCryptoBinding {
				b := must(tlv.CryptoBinding())
				b.Flags, b.MSKMAC = packet.BindingEMSK, [teapCMK]byte{}
				b.EMSKMAC = client.chain.sign(client.chain.emsk, b)
				tlvs[i] = b.TLV()
			}
		}
		return tlvs
	}
	if a, err := p.login(); a.Code != radius.CodeAccessReject {
		t.Errorf("a MAC of no EMSK: %v", err)
	}
	// What needs no understanding is ignored.
	a, err := login(func(tlvs []packet.TLV) []packet.TLV {
		return append(tlvs, packet.TLV{Type: 19, Value: []byte(amy)}, packet.TLV{Type: 6, Value: []byte{1}})
	})
	if a.Code != radius.CodeAccessAccept {
		t.Errorf("a hint: %v", err)
	}
	// What the supplicant wants besides is not done, and it said that this is well.
	a, err = login(func(tlvs []packet.TLV) []packet.TLV {
		for i, tlv := range tlvs {
			if tlv.Type == packet.TLVResult {
				tlvs[i] = packet.TLV{Type: packet.TLVRequestAction, Mandatory: true, Value: []byte{1, 1}}
			}
		}
		return tlvs
	})
	if a.Code != radius.CodeAccessAccept {
		t.Errorf("a request: %v", err)
	}
}

// A method that fails is said to have failed, with a code that is the same for an unknown
// name and a wrong password (S18), and the whole with it.
func TestTEAPTellsOfFailure(t *testing.T) {
	s := serve(t, func(c *Config) { c.Methods = []string{"teap"} })
	for what, x := range map[string]struct {
		who  *innerClient
		code uint32
	}{
		"wrong password": {&innerClient{kind: packet.MSCHAPv2, name: amy, password: "wrong"}, packet.ErrorUnspecified},
		"unknown":        {&innerClient{kind: packet.MSCHAPv2, name: "zoe@" + testRealm, password: "correct horse"}, packet.ErrorUnspecified},
		"another realm":  {&innerClient{kind: packet.MSCHAPv2, name: "amy@elsewhere.ac.uk", password: "correct horse"}, packet.ErrorUnspecified},
	} {
		p, client := meetTEAP(t, s, tls.VersionTLS12, nobody, map[uint16]*innerClient{packet.IdentityUser: x.who})
		if a, err := p.login(); a.Code != radius.CodeAccessReject || err == nil {
			t.Fatalf("%s: %v", what, err)
		}
		want := []packet.TLV{
			packet.StatusTLV(packet.TLVIntermediateResult, packet.ResultFailure), packet.ErrorTLV(x.code),
			packet.StatusTLV(packet.TLVResult, packet.ResultFailure),
		}
		if fmt.Sprint(client.heard) != fmt.Sprint(want) {
			t.Errorf("%s: heard %v, want %v", what, client.heard, want)
		}
	}
}

// The first TLV that must be understood and is not is named, and the question stays.
func TestTEAPNak(t *testing.T) {
	s := serve(t, func(c *Config) { c.Methods = []string{"teap"} })
	p, client := meetTEAP(t, s, tls.VersionTLS13, nobody, map[uint16]*innerClient{packet.IdentityUser: person()})
	var told []packet.TLV
	sent := false
	var honest []packet.TLV
	client.change = func(tlvs []packet.TLV) []packet.TLV {
		if !sent {
			sent, honest = true, tlvs
			return append(slices.Clone(tlvs), packet.TLV{Type: 7, Mandatory: true, Value: []byte{0, 0, 0, 9, 1}})
		}
		if honest != nil {
			told, tlvs, honest = client.heard, honest, nil
		}
		return tlvs
	}
	if a, err := p.login(); a.Code != radius.CodeAccessAccept {
		t.Fatal(err)
	}
	if len(told) != 1 || told[0].Type != packet.TLVNAK || !bytes.Equal(told[0].Value, []byte{0, 0, 0, 9, 0, 7}) {
		t.Errorf("%+v", told)
	}
}

// A TEAP session remembers both, and both must be good still (S4); nothing runs
// inside when it is resumed (P65).
func TestS4TEAPResumes(t *testing.T) {
	for _, version := range versions {
		for what, x := range map[string]struct {
			change func(d *device)
			want   realms.Reason // of the log-in after it; "": resumed
		}{
			"nothing changes":          {func(*device) {}, ""},
			"the computer is disabled": {func(d *device) { d.directory.fault[laptop] = realms.ErrDisabled }, realms.ErrDisabled},
			"the person is disabled":   {func(d *device) { d.directory.fault[amy] = realms.ErrDisabled }, realms.ErrDisabled},
		} {
			t.Run(what+"/"+tls.VersionName(version), func(t *testing.T) {
				d := newDevice(t, version, "teap", func(c *Config) { c.Methods = []string{"teap"} })
				login := func() (realms.Answer, *peer, *teapClient, error) {
					p, client := meetTEAP(t, d.server, version, nobody, map[uint16]*innerClient{
						packet.IdentityMachine: machine(), packet.IdentityUser: person(),
					})
					cfg := theWard().clientTLS(version, "")
					cfg.ClientSessionCache, cfg.Time = d.wallet, func() time.Time { return d.now }
					p.tls = packet.NewClient(cfg)
					t.Cleanup(p.tls.Close)
					p.conv = d.server.Open(realms.Question{From: must(realms.ParseIdentity(nobody)), Packet: access(nobody, nil, 0), SSID: d.ssid})
					answer, err := p.login()
					if answer.Code == radius.CodeAccessAccept {
						p.conv.(realms.Rememberer).Remember(context.Background())
					}
					return answer, p, client, err
				}
				for n := range 3 {
					if n == 1 {
						x.change(d)
					}
					answer, p, client, err := login()
					trace := p.conv.Trace()
					if n > 0 && x.want != "" {
						if answer.Code != radius.CodeAccessReject || reasonOf(err) != x.want || trace.Resumed {
							t.Fatalf("log-in %d: %v, %v, %+v", n+1, answer.Code, err, trace)
						}
						continue
					}
					if answer.Code != radius.CodeAccessAccept || trace.Resumed != (n > 0) {
						t.Fatalf("log-in %d: %v, %v, %+v", n+1, answer.Code, err, trace)
					}
					msk, _, _ := client.chain.session()
					if !bytes.Equal(answer.Keys.Recv, msk[:32]) || trace.Device.String() != laptop || trace.Identity.String() != amy {
						t.Errorf("log-in %d: %+v", n+1, trace)
					}
				}
			})
		}
	}
}

// A session of a person alone is none where a computer is wanted since.
func TestS4TEAPRequires(t *testing.T) {
	d := newDevice(t, tls.VersionTLS13, "teap", func(c *Config) { c.Methods = []string{"teap"} })
	login := func() (realms.Answer, *peer, error) {
		p, _ := meetTEAP(t, d.server, tls.VersionTLS13, nobody, map[uint16]*innerClient{packet.IdentityUser: person()})
		cfg := theWard().clientTLS(tls.VersionTLS13, "")
		cfg.ClientSessionCache = d.wallet
		p.tls = packet.NewClient(cfg)
		t.Cleanup(p.tls.Close)
		p.conv = d.server.Open(realms.Question{From: must(realms.ParseIdentity(nobody)), Packet: access(nobody, nil, 0), SSID: d.ssid})
		answer, err := p.login()
		if answer.Code == radius.CodeAccessAccept {
			p.conv.(realms.Rememberer).Remember(context.Background())
		}
		return answer, p, err
	}
	for _, resumed := range []bool{false, true} {
		if answer, p, err := login(); answer.Code != radius.CodeAccessAccept || p.conv.Trace().Resumed != resumed {
			t.Fatal(err, p.conv.Trace())
		}
	}
	d.server.cfg.TEAP.Require = []string{"machine"}
	if answer, p, err := login(); answer.Code != radius.CodeAccessReject || reasonOf(err) != realms.ErrChainIncomplete || p.conv.Trace().Resumed {
		t.Errorf("%v, %v, %+v", answer.Code, err, p.conv.Trace())
	}
}

// noSums are those of a tunnel that nobody made.
var noSums = teapSums{prf: sha256.New, mac: sha256.New}

// Holds S7 inside TEAP: of every order of up to six messages only the golden paths are
// accepted.
func TestS7EveryOrderInsideTEAP(t *testing.T) {
	s := serve(t, func(c *Config) { c.Methods, c.TEAP.Ask = []string{"teap"}, []string{"user"} })
	var m teapPhase2
	var out []byte // what the server said last
	eap := func(kind packet.Type, data func() []byte) func() []byte {
		return func() []byte {
			id := uint8(1)
			if m.in != nil {
				id = m.in.id
			}
			return packet.AppendTLV(nil, packet.EAPPayloadTLV(packet.Packet{Code: packet.Response, ID: id, Type: kind, Data: data()}))
		}
	}
	fixed := func(b string) func() []byte { return func() []byte { return []byte(b) } }
	good := func(password string) func() []byte {
		return eap(packet.MSCHAPv2, func() []byte {
			msg := packet.MSCHAPv2Packet{Op: packet.MSCHAPv2Challenge, ID: 2, Value: make([]byte, 16)}
			if m.in != nil {
				if running, ok := m.in.run.(*innerMSCHAPv2); ok {
					msg.ID, msg.Value = running.id, running.challenge[:]
				}
			}
			return mschapv2Answer(msg, amy, password)
		})
	}
	binding := func(flip byte) func() []byte {
		return func() []byte {
			request := packet.CryptoBinding{}.TLV()
			if tlvs, err := packet.ParseTLVs(out); err == nil {
				for _, tlv := range tlvs {
					if tlv.Type == packet.TLVCryptoBinding {
						request = tlv
					}
				}
			}
			client := &teapClient{chain: m.keys}
			answer := client.bind(request)
			m.keys.byEMSK = false
			answer.Value[len(answer.Value)-1] ^= flip
			message := packet.AppendTLV(nil, packet.StatusTLV(packet.TLVIntermediateResult, packet.ResultSuccess))
			return append(packet.AppendTLV(message, answer), packet.ResultTLV(packet.ResultSuccess)...)
		}
	}
	messages := map[string]func() []byte{
		"who":      eap(packet.Identity, fixed(amy)),
		"good":     good("correct horse"),
		"bad":      good("wrong"),
		"success":  eap(packet.MSCHAPv2, fixed("\x03")),
		"failure":  eap(packet.MSCHAPv2, fixed("\x04")),
		"bound":    binding(0),
		"unbound":  binding(1),
		"result":   func() []byte { return packet.ResultTLV(packet.ResultSuccess) },
		"no":       func() []byte { return packet.ResultTLV(packet.ResultFailure) },
		"password": func() []byte { return packet.AppendTLV(nil, must(packet.PasswordTLV("amy", "x"))) },
		"machine": func() []byte {
			return append(packet.AppendTLV(nil, packet.IdentityTypeTLV(2)), eap(packet.Identity, fixed(amy))()...)
		},
		"empty": func() []byte { return nil },
	}
	play := func(o order) (ended int, accepted bool) {
		c := open(s, nobody).(*conversation)
		m = newTEAPPhase2(c, newTEAPKeys(noSums, make([]byte, teapSeed), nil, nil))
		defer func() { m.in.Close() }()
		out = must(m.begin())
		for i, name := range o {
			reply, proofs, err := m.hear(context.Background(), messages[name]())
			if ended > 0 && proofs != nil {
				t.Fatalf("accepted after the end: %v", o)
			}
			out, accepted = reply, accepted || proofs != nil
			if ended == 0 && (proofs != nil || err != nil) {
				ended = i + 1
			}
		}
		return ended, accepted && ended == len(o)
	}
	played, golden := walk(slices.Sorted(maps.Keys(messages)), 6, play)
	t.Logf("%d orders", played)
	if want := []string{"who, good, success, bound"}; fmt.Sprint(golden) != fmt.Sprint(want) {
		t.Errorf("accepted: %q", golden)
	}
}

// Holds S6 inside TEAP.
func FuzzTEAPInside(f *testing.F) {
	f.Add([]byte("\x80\x09\x00\x05\x02\x01\x00\x05\x01"), []byte{}, []byte{0x80, 3, 0, 2, 0, 1})
	f.Add([]byte("\x80\x04\x00\x06\x00\x00\x00\x00\x00\x09"), []byte("\x80\x0e\x00\x02\x00\x00"), []byte{0x91})
	s, err := New(func() Config { c := theWard().config(); c.Methods = []string{"teap"}; return c }())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		if strings.Contains(string(a)+string(b)+string(c), "correct horse") {
			return
		}
		m := newTEAPPhase2(open(s, nobody).(*conversation), newTEAPKeys(noSums, make([]byte, teapSeed), a, b))
		defer func() { m.in.Close() }()
		if _, err := m.begin(); err != nil {
			t.Fatal(err)
		}
		for _, message := range [][]byte{a, b, c} {
			if _, proofs, err := m.hear(context.Background(), message); proofs != nil || reasonOf(err) == realms.ErrInternal {
				t.Fatalf("accepted or broken: %v", err)
			}
		}
	})
}
