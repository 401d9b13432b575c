package eap

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

func answer(c realms.Conversation, name string, eap []byte) (realms.Answer, packet.Packet, error) {
	a, err := c.Answer(context.Background(), access(name, eap, 0))
	p, _ := packet.Parse(a.EAP)
	return a, p, err
}

func response(id uint8, kind packet.Type, data ...byte) []byte {
	return packet.Packet{Code: packet.Response, ID: id, Type: kind, Data: data}.Encode()
}

// Holds P10: a valid identity gets a Challenge with a request of the first method.
func TestP10IdentityGetsChallenge(t *testing.T) {
	s := serve(t, nil)
	for range 300 { // random identifiers, never the response's own
		a, p, err := answer(open(s, nobody), nobody, identityResponse(nobody))
		if err != nil || a.Code != radius.CodeAccessChallenge || p.Code != packet.Request || p.Type != packet.TLS ||
			!bytes.Equal(p.Data, []byte{packet.FlagStart}) || p.ID == 7 {
			t.Fatalf("%+v %+v %v", a, p, err)
		}
	}
}

// Holds P11, P14, P21, P22 and S6 for the first packet.
func TestFirstPackets(t *testing.T) {
	s := serve(t, nil)
	for what, x := range map[string]struct {
		eap  []byte
		want realms.Reason
	}{
		"P14 a request":          {packet.Packet{Code: packet.Request, ID: 9, Type: packet.Identity}.Encode(), realms.ErrEAPMalformed},
		"P21 code 0":             {[]byte{0, 9, 0, 5, 1}, realms.ErrDiscard},
		"P21 code 5":             {[]byte{5, 9, 0, 5, 1}, realms.ErrDiscard},
		"P21 code 255":           {[]byte{255, 9, 0, 5, 1}, realms.ErrDiscard},
		"a success":              {[]byte{3, 9, 0, 4}, realms.ErrDiscard},
		"a failure":              {[]byte{4, 9, 0, 4}, realms.ErrDiscard},
		"short":                  {[]byte{2, 9, 0}, realms.ErrEAPMalformed},
		"longer than it is":      {[]byte{2, 9, 0, 6, 1}, realms.ErrEAPMalformed},
		"without type":           {[]byte{2, 9, 0, 4}, realms.ErrEAPMalformed},
		"TLS before an identity": {response(9, packet.TLS, 0), realms.ErrEAPMalformed},
		"Nak before an offer":    {response(9, packet.Nak, 25), realms.ErrEAPMalformed},
		"another name":           {response(9, packet.Identity, []byte("bob@"+testRealm)...), realms.ErrOuterInner},
	} {
		a, p, err := answer(open(s, nobody), nobody, x.eap)
		if reasonOf(err) != x.want {
			t.Errorf("%s: %v", what, err)
		}
		if x.want == realms.ErrDiscard && (a.Code != 0 || a.EAP != nil) {
			t.Errorf("%s: answered %+v", what, a)
		}
		if x.want != realms.ErrDiscard && (a.Code != radius.CodeAccessReject || p.Code != packet.Failure || p.ID != 9 || len(a.EAP) != 4) {
			t.Errorf("%s: %+v %+v", what, a, p)
		}
	}
}

// Holds P20, P21 and P22: nothing but the expected response moves a conversation.
func TestP22WrongIdentifierAndTypeAreDiscarded(t *testing.T) {
	s := serve(t, nil)
	p := meet(t, s, tls.VersionTLS13, "ttls-pap", nobody, amy, "correct horse")
	message := identityResponse(p.name)
	for {
		a, err := p.send(message)
		if err != nil {
			t.Fatal(err)
		}
		if a.Code == radius.CodeAccessAccept {
			return
		}
		req := must(packet.Parse(a.EAP))
		message = p.respond(a.EAP)
		wrong := [][]byte{
			append([]byte{message[0], message[1] + 1}, message[2:]...),
			append([]byte{message[0], message[1] - 1}, message[2:]...),
			{message[0], message[1] + 128},
			{5, req.ID, 0, 5, byte(req.Type)},
			{3, req.ID, 0, 4},
			{2, req.ID, 0, 4},
			response(req.ID, packet.Notification), response(req.ID, packet.Identity, []byte(nobody)...), response(req.ID, packet.PEAP, 0),
			response(req.ID, packet.Expanded, 0, 0, 9, 0, 0, 0, 21, 0),
		}
		if p.conv.Trace().Method != "" { // P20: too late for another method
			wrong = append(wrong, response(req.ID, packet.Nak, byte(packet.TLS)))
		}
		for _, w := range wrong {
			if a, err := p.conv.Answer(context.Background(), access(p.name, w, 0)); !errors.Is(err, realms.ErrDiscard) || a.Code != 0 {
				t.Fatalf("%x at %q: %+v, %v", w, p.conv.Trace().Stage, a, err)
			}
		}
	}
}

// Holds P24 and P26: what a Nak asks for is offered; after that, nothing more.
func TestP24Nak(t *testing.T) {
	expanded := func(types ...byte) (b []byte) {
		for _, kind := range types {
			b = append(b, 254, 0, 0, 0, 0, 0, 0, kind)
		}
		return b
	}
	for what, x := range map[string]struct {
		naks [][]byte
		want packet.Type // 0: refused
	}{
		"PEAP":                 {[][]byte{{25}}, packet.PEAP},
		"our order":            {[][]byte{{25, 21}}, packet.TTLS},
		"unknown ones":         {[][]byte{{43, 52, 25}}, packet.PEAP},
		"again":                {[][]byte{{21}, {25}}, packet.PEAP},
		"expanded":             {[][]byte{expanded(43, 25)}, packet.PEAP},
		"another vendor's":     {[][]byte{{254, 0, 0, 9, 0, 0, 0, 25}}, 0},
		"nothing":              {[][]byte{{0}}, 0},
		"empty":                {[][]byte{{}}, 0},
		"what we do not have":  {[][]byte{{4, 6, 26}}, 0},
		"what was refused":     {[][]byte{{13}}, 0},
		"refused before":       {[][]byte{{25}, {13}}, 0},
		"round and round":      {[][]byte{{21}, {25}, {21}}, 0},
		"MSCHAPv2, P25":        {[][]byte{{26}}, 0},
		"GTC, P25":             {[][]byte{{6}}, 0},
		"expanded what we lac": {[][]byte{expanded(4)}, 0},
	} {
		t.Run(what, func(t *testing.T) {
			c := open(serve(t, nil), nobody)
			a, p, err := answer(c, nobody, identityResponse(nobody))
			for _, nak := range x.naks {
				if err != nil {
					t.Fatal("refused too early", err)
				}
				last := p.ID
				a, p, err = answer(c, nobody, response(p.ID, packet.Nak, nak...))
				if err == nil && p.ID == last {
					t.Fatal("the identifier stayed")
				}
			}
			if x.want != 0 {
				if err != nil || p.Type != x.want {
					t.Fatalf("%+v %v", p, err)
				}
				return
			}
			if reasonOf(err) != realms.ErrNoMethod || p.Code != packet.Failure || a.Code != radius.CodeAccessReject {
				t.Fatalf("%+v %v", p, err)
			}
			if _, _, err := answer(c, nobody, response(p.ID+1, packet.TLS, 0)); !errors.Is(err, realms.ErrDiscard) {
				t.Fatal("something follows the end", err)
			}
		})
	}
}

// Holds P26: a method's packets under an expanded type are the method's.
func TestP26ExpandedTypes(t *testing.T) {
	p := meet(t, serve(t, nil), tls.VersionTLS12, "peap-eap-mschapv2", nobody, amy, "correct horse")
	message := identityResponse(p.name)
	for {
		a, err := p.send(message)
		if err != nil {
			t.Fatal(err)
		}
		if a.Code == radius.CodeAccessAccept {
			return
		}
		r := must(packet.Parse(p.respond(a.EAP)))
		if r.Type != packet.Nak {
			r.Type, r.Data = packet.Expanded, append([]byte{0, 0, 0, 0, 0, 0, byte(r.Type)}, r.Data...)
		}
		message = r.Encode()
	}
}

// Holds P12, P40 and P41, in both directions at any size.
func TestP12EverySizeOfFragment(t *testing.T) {
	s := serve(t, nil)
	for size := 100; size <= 1398; size += 59 {
		for _, version := range versions {
			way := ways[size%len(ways)]
			p := meet(t, s, version, way, nobody, amy, "correct horse")
			p.size, p.mtu = size, size+4
			if _, err := p.login(); err != nil {
				t.Fatalf("%s %d: %v", way, size, err)
			}
			if p.longest > size {
				t.Errorf("%d octets sent, Framed-MTU %d", p.longest, p.mtu)
			}
		}
		own := serve(t, func(c *Config) { c.FragmentSize = size })
		p := meet(t, own, tls.VersionTLS13, "tls", nobody, amy, "")
		p.mtu = 1500
		if _, err := p.login(); err != nil || p.longest > size {
			t.Errorf("%d octets sent, fragment size %d: %v", p.longest, size, err)
		}
	}
}

// Holds F14 for EAP: a controller that fails over repeats a response under a new
// RADIUS identifier, and hears the same again.
func TestF14RepeatedResponse(t *testing.T) {
	for _, password := range []string{"correct horse", "wrong"} {
		directory := newMemory()
		s := serve(t, func(c *Config) { c.Directory = directory })
		p := meet(t, s, tls.VersionTLS12, "ttls-pap", nobody, amy, password)
		message := identityResponse(p.name)
		for {
			a, err := p.send(message)
			again, errAgain := p.send(message)
			if !bytes.Equal(a.EAP, again.EAP) || a.Code != again.Code || !errors.Is(errAgain, err) || !bytes.Equal(a.Keys.Recv, again.Keys.Recv) {
				t.Fatalf("%+v, then %+v", a, again)
			}
			if a.Code != radius.CodeAccessChallenge {
				break
			}
			message = p.respond(a.EAP)
		}
		if directory.asked != 1 {
			t.Errorf("the directory was asked %d times", directory.asked)
		}
	}
}

// zeros is a source of randomness that always says the same.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// Holds P13: conversations with equal identifiers do not know of each other.
func TestP13EqualIdentifiersApart(t *testing.T) {
	s := serve(t, func(c *Config) { c.Random = zeros{} })
	a := meet(t, s, tls.VersionTLS12, "ttls-pap", nobody, amy, "correct horse")
	b := meet(t, s, tls.VersionTLS12, "ttls-pap", nobody, amy, "wrong")
	message := [2][]byte{identityResponse(nobody), identityResponse(nobody)}
	for {
		x, errX := a.send(message[0])
		y, errY := b.send(message[1])
		if x.EAP[1] != y.EAP[1] {
			t.Fatal("the identifiers were to be equal")
		}
		if x.Code != radius.CodeAccessChallenge {
			if errX != nil || reasonOf(errY) != realms.ErrBadPassword {
				t.Fatal(errX, errY)
			}
			return
		}
		message = [2][]byte{a.respond(x.EAP), b.respond(y.EAP)}
	}
}

// Holds F16: rounds and octets are bounded.
func TestF16Bounds(t *testing.T) {
	s := serve(t, func(c *Config) { c.MaxRounds = 8 })
	p := meet(t, s, tls.VersionTLS12, "tls", nobody, amy, "")
	p.size = 100
	if _, err := p.login(); reasonOf(err) != realms.ErrTooManyRounds || p.rounds != 9 {
		t.Errorf("%d rounds, %v", p.rounds, err)
	}
	s = serve(t, func(c *Config) { c.MaxOctets = 1500 })
	p = meet(t, s, tls.VersionTLS12, "tls", nobody, amy, "")
	if _, err := p.login(); reasonOf(err) != realms.ErrTooLarge {
		t.Error(err)
	}
	// A message of 4 GiB is refused when it is announced.
	s = serve(t, nil)
	c := open(s, nobody)
	_, q, _ := answer(c, nobody, identityResponse(nobody))
	if _, _, err := answer(c, nobody, response(q.ID, packet.TLS, 0xC0, 255, 255, 255, 255, 1)); reasonOf(err) != realms.ErrTooLarge {
		t.Error(err)
	}
	// So is a ClientHello of 17 KiB, before there is anything to answer with.
	c = open(s, nobody)
	_, q, _ = answer(c, nobody, identityResponse(nobody))
	if _, _, err := answer(c, nobody, response(q.ID, packet.TLS, 0xC0, 0, 0, 17<<2, 0, 1)); reasonOf(err) != realms.ErrTooLarge {
		t.Error(err)
	}
	// Fragments after it stop at 64 KiB, all packets taken together.
	p = meet(t, serve(t, func(c *Config) { c.MaxRounds = 1000 }), tls.VersionTLS12, "tls", nobody, amy, "")
	a, _ := p.send(identityResponse(nobody))
	a, err := p.send(p.respond(a.EAP))
	data := append([]byte{0xC0, 0, 0, 255, 255}, make([]byte, 1000)...)
	n := 0
	for ; err == nil && n < 100; n++ {
		a, err = p.send(response(a.EAP[1], packet.TLS, data...))
		data = append([]byte{0x40}, make([]byte, 1000)...)
	}
	if reasonOf(err) != realms.ErrTooLarge || n < 60 {
		t.Errorf("after %d fragments: %v", n, err)
	}
}

// Holds S6: every combination of flags and lengths, at the start and in the
// handshake, ends in a Reject or in silence.
func TestS6FlagsAndLengths(t *testing.T) {
	s := serve(t, nil)
	for flags := range 256 {
		for n := range 12 {
			for _, kind := range []packet.Type{packet.TLS, packet.PEAP} {
				data := append([]byte{byte(flags)}, make([]byte, n)...)
				c := open(s, nobody)
				_, q, err := answer(c, nobody, identityResponse(nobody))
				if q.Type != kind {
					_, q, err = answer(c, nobody, response(q.ID, packet.Nak, byte(kind)))
				}
				for round := 0; err == nil && round < 4; round++ {
					var a realms.Answer
					a, q, err = answer(c, nobody, response(q.ID, kind, data...))
					if a.Code == radius.CodeAccessAccept {
						t.Fatalf("flags %x, %d octets: accepted", flags, n)
					}
				}
				if reasonOf(err) == realms.ErrInternal {
					t.Fatalf("flags %x, %d octets: %v", flags, n, err)
				}
				c.Close()
			}
		}
	}
}

// Tunnels are version 0 and nothing else ([MS-PEAP], section 3.1.5.1); a
// supplicant does not start.
func TestTunnelVersion(t *testing.T) {
	s := serve(t, nil)
	for flags, kinds := range map[byte][]packet.Type{
		1: {packet.TTLS, packet.PEAP}, 2: {packet.PEAP}, 7: {packet.TTLS},
		packet.FlagStart: {packet.TLS, packet.TTLS, packet.PEAP},
	} {
		for _, kind := range kinds {
			p := newPeer(t, s, nobody, kind, theWard().clientTLS(tls.VersionTLS13, ""), nil)
			a, _ := p.send(identityResponse(nobody))
			if kind != packet.TLS {
				a, _ = p.send(p.respond(a.EAP))
			}
			hello := p.respond(a.EAP)
			hello[5] |= flags
			if _, err := p.send(hello); reasonOf(err) != realms.ErrEAPMalformed {
				t.Errorf("flags %x of type %d: %v", flags, kind, err)
			}
		}
	}
}

// Holds S8 and S10 outside EAP, and P6.
func TestPlainPAP(t *testing.T) {
	for what, x := range map[string]struct {
		change func(*radius.Packet)
		server func(*Config)
		want   realms.Reason
	}{
		"good":         {func(p *radius.Packet) { _ = rfc2865.UserPassword_SetString(p, "correct horse") }, nil, ""},
		"wrong":        {func(p *radius.Packet) { _ = rfc2865.UserPassword_SetString(p, "wrong") }, nil, realms.ErrBadPassword},
		"S10 empty":    {func(p *radius.Packet) { _ = rfc2865.UserPassword_SetString(p, "") }, nil, realms.ErrEmptyPassword},
		"S10 NUL":      {func(p *radius.Packet) { _ = rfc2865.UserPassword_SetString(p, "correct horse\x00x") }, nil, realms.ErrBadPassword},
		"S10 no octet": {func(p *radius.Packet) { p.Add(2, nil) }, nil, realms.ErrCredentialsMissing},
		"odd length":   {func(p *radius.Packet) { p.Add(2, make([]byte, 17)) }, nil, realms.ErrCredentialsMissing},
		"nothing":      {func(*radius.Packet) {}, nil, realms.ErrCredentialsMissing},
		"not allowed": {func(p *radius.Packet) { _ = rfc2865.UserPassword_SetString(p, "correct horse") },
			func(c *Config) { c.Methods = []string{"tls"} }, realms.ErrPAPRefused},
		"two passwords": {func(p *radius.Packet) {
			_ = rfc2865.UserPassword_SetString(p, "correct horse")
			p.Add(2, make([]byte, 16))
		}, nil, realms.ErrCredentialsMissing},
		"S8 with CHAP": {func(p *radius.Packet) {
			_ = rfc2865.UserPassword_SetString(p, "correct horse")
			p.Add(3, make([]byte, 17))
		}, nil, realms.ErrCredentialsMixed},
		"S8 with EAP": {func(p *radius.Packet) {
			_ = rfc2865.UserPassword_SetString(p, "correct horse")
			p.Add(79, identityResponse(amy))
		}, nil, realms.ErrCredentialsMixed},
		"S8 with MS-CHAP": {func(p *radius.Packet) {
			_ = rfc2865.UserPassword_SetString(p, "correct horse")
			p.Add(26, append([]byte{0, 0, 1, 55, 25, 52}, make([]byte, 50)...))
		}, nil, realms.ErrCredentialsMixed},
		"CHAP alone": {func(p *radius.Packet) { p.Add(3, make([]byte, 17)) }, nil, realms.ErrNoMethod},
	} {
		t.Run(what, func(t *testing.T) {
			directory := newMemory()
			s := serve(t, func(c *Config) {
				c.Directory = directory
				if x.server != nil {
					x.server(c)
				}
			})
			req := access(amy, nil, 0)
			req.Authenticator[3] = 9
			x.change(req)
			a, err := open(s, amy).Answer(context.Background(), req)
			if reasonOf(err) != x.want || (a.Code == radius.CodeAccessAccept) != (x.want == "") || (a.EAP != nil) != (what == "S8 with EAP") {
				t.Fatalf("%+v, %v", a, err)
			}
			if x.want == "" && (a.UserName != amy || a.Account.Name != amy) {
				t.Fatalf("%+v", a)
			}
			if x.want != "" && x.want != realms.ErrBadPassword && directory.asked > 0 {
				t.Error("the directory was asked")
			}
		})
	}
}

// A password in the middle of EAP ends both.
func TestS8PasswordInMidConversation(t *testing.T) {
	c := open(serve(t, nil), amy)
	if _, _, err := answer(c, amy, identityResponse(amy)); err != nil {
		t.Fatal(err)
	}
	req := access(amy, nil, 0)
	_ = rfc2865.UserPassword_SetString(req, "correct horse")
	if a, err := c.Answer(context.Background(), req); reasonOf(err) != realms.ErrCredentialsMixed || a.Code != radius.CodeAccessReject {
		t.Fatal(a, err)
	}
}

func TestEAPStart(t *testing.T) {
	c := open(serve(t, nil), nobody)
	a, p, err := answer(c, nobody, []byte{})
	if err != nil || a.Code != radius.CodeAccessChallenge || p.Type != packet.Identity || p.Code != packet.Request {
		t.Fatalf("%+v %v", a, err)
	}
	if _, p, err = answer(c, nobody, identityResponse(nobody)); err != nil || p.Type != packet.TLS {
		t.Fatal(p, err)
	}
}

// A directory that panics.
type broken struct{ *memory }

func (broken) Lookup(context.Context, realms.Identity) (realms.Account, error) {
	panic("canary secret")
}

// Holds S5 in part, and S17: a panic ends one conversation and repeats nothing.
func TestPanicEndsOneConversation(t *testing.T) {
	s := serve(t, func(c *Config) { c.Directory = broken{theWard().directory} })
	p := meet(t, s, tls.VersionTLS13, "tls", nobody, amy, "")
	a, err := p.login()
	if reasonOf(err) != realms.ErrInternal || a.Code != radius.CodeAccessReject || bytes.Contains([]byte(err.Error()), []byte("canary")) {
		t.Fatal(a, err)
	}
	if !bytes.Contains([]byte(err.Error()), []byte("broken.Lookup")) {
		t.Error("the place is not named:", err)
	}
}

// Holds S15 in part: half-open conversations leave nothing behind.
func TestCloseReleasesEverything(t *testing.T) {
	s := serve(t, nil)
	before := runtime.NumGoroutine()
	for i := range 200 {
		way := ways[i%len(ways)]
		p := meet(t, s, versions[i/len(ways)%2], way, nobody, amy, "correct horse")
		message := identityResponse(p.name)
		for range i % 5 {
			a, err := p.send(message)
			if err != nil || a.Code == radius.CodeAccessAccept {
				break
			}
			message = p.respond(a.EAP)
		}
		p.conv.Close()
		p.conv.Close()
		p.tls.Close()
		if _, err := p.send(message); !errors.Is(err, realms.ErrDiscard) && a0(p) {
			t.Fatalf("answered after Close: %v", err)
		}
	}
	for i := 0; i < 5_000 && runtime.NumGoroutine() > before; i++ { // those that are done may take a moment
		time.Sleep(time.Millisecond)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Fatalf("%d goroutines, %d before", after, before)
	}
}

// a0 says that the conversation had nothing to repeat.
func a0(p *peer) bool { return p.conv.(*conversation).last.Code == 0 }

// A half-open conversation holds at most 30 KB, and nothing of TLS before a ClientHello.
func TestHalfOpenMemory(t *testing.T) {
	s := serve(t, nil)
	var hellos [2][]byte
	for i, version := range versions {
		p := meet(t, s, version, "tls", nobody, amy, "")
		a, _ := p.send(identityResponse(p.name))
		hellos[i] = p.respond(a.EAP)
	}
	for requests, limit := range map[int]int64{1: 2 << 10, 2: 30 << 10} {
		conversations := make([]realms.Conversation, 500)
		before := inUse()
		for i := range conversations {
			conversations[i] = open(s, nobody)
			_, q, err := answer(conversations[i], nobody, identityResponse(nobody))
			if requests > 1 {
				hello := bytes.Clone(hellos[i%2])
				hello[1] = q.ID
				_, _, err = answer(conversations[i], nobody, hello)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		each := (inUse() - before) / int64(len(conversations))
		t.Logf("after %d requests: %d octets each", requests, each)
		if each > limit {
			t.Errorf("%d octets each", each)
		}
		for _, c := range conversations {
			c.Close()
		}
	}
}

func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) + int64(m.StackInuse)
}

// Holds R51 and F8 in part: a new certificate serves new conversations.
func TestReloadOfTheCertificate(t *testing.T) {
	s := serve(t, nil)
	old := s.tlsConfig(true)
	if s.tlsConfig(true) != old {
		t.Error("made anew without a reason")
	}
	s.cfg.Keeper = must(newKeeperPair())
	if s.tlsConfig(true) == old {
		t.Error("the old certificate is still in use")
	}
}

// An own realm without a directory: the certificate is the account.
func TestTLSWithoutDirectory(t *testing.T) {
	s := serve(t, func(c *Config) { c.Methods, c.Inner, c.Directory = []string{"tls"}, nil, nil })
	a, err := meet(t, s, tls.VersionTLS13, "tls", nobody, "zoe@"+testRealm, "").login()
	if err != nil || a.Account.Name != "zoe@"+testRealm || !a.Account.GroupsUnknown {
		t.Fatal(a, err)
	}
}

func TestNoEAPMethodAllowed(t *testing.T) {
	s := serve(t, func(c *Config) { c.Methods = []string{"pap"} })
	if _, _, err := answer(open(s, nobody), nobody, identityResponse(nobody)); reasonOf(err) != realms.ErrNoMethod {
		t.Fatal(err)
	}
}

// An error of a directory that has no reason gets one.
func TestReasoned(t *testing.T) {
	if reasonOf(reasoned(errors.New("strange"))) != realms.ErrInternal || reasoned(nil) != nil ||
		reasonOf(reasoned(fmt.Errorf("x: %w", realms.ErrLocked))) != realms.ErrLocked {
		t.Error("lost")
	}
}
