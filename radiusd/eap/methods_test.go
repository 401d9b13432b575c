package eap

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"

	"layeh.com/radius"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

var versions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

const (
	amy       = "amy@" + testRealm
	nobody    = "@" + testRealm
	anonymous = "anonymous@" + testRealm
)

// meet returns a peer for one of the ways to log in.
func meet(t testing.TB, s *Server, version uint16, way, outer, inner, password string) *peer {
	cfg := theWard().clientTLS(version, inner)
	switch way {
	case "tls":
		return newPeer(t, s, outer, packet.TLS, cfg, nil)
	case "ttls-pap":
		return newPeer(t, s, outer, packet.TTLS, cfg, papInner(inner, password))
	case "ttls-mschapv2":
		p := newPeer(t, s, outer, packet.TTLS, cfg, nil)
		p.inner = p.mschapInner(inner, password, nil)
		return p
	case "ttls-chap":
		p := newPeer(t, s, outer, packet.TTLS, cfg, nil)
		p.inner = p.chapInner(inner, password)
		return p
	case "ttls-mschap":
		p := newPeer(t, s, outer, packet.TTLS, cfg, nil)
		p.inner = p.msChapInner(inner, password)
		return p
	}
	outside, kind, _ := strings.Cut(way, "-eap-")
	client := &innerClient{name: inner, password: password, kind: map[string]packet.Type{
		"mschapv2": packet.MSCHAPv2, "gtc": packet.GTC, "tls": packet.TLS,
	}[kind]}
	if client.kind == packet.TLS {
		client.tls = packet.NewClient(theWard().clientTLS(version, inner))
		t.Cleanup(client.tls.Close)
	}
	p := newPeer(t, s, outer, packet.TTLS, cfg, inTTLS(client))
	if outside == "peap" {
		p.kind, p.inner = packet.PEAP, inPEAP(client)
	}
	p.innerEAP = client
	return p
}

var ways = []string{
	"tls", "ttls-pap", "ttls-chap", "ttls-mschap", "ttls-mschapv2", "ttls-eap-mschapv2", "ttls-eap-gtc", "ttls-eap-tls",
	"peap-eap-mschapv2", "peap-eap-gtc", "peap-eap-tls",
}

// passwordWays are those whose credential is a password, toldWays those of them that tell their failure in words.
func passwordWays() []string {
	return slices.DeleteFunc(slices.Clone(ways), func(way string) bool { return strings.HasSuffix(way, "tls") })
}

func toldWays() []string {
	return slices.DeleteFunc(slices.Clone(ways), func(way string) bool { return !strings.HasSuffix(way, "mschapv2") })
}

// TestMethods holds R4, R5, P16, P23, P24, P27 and S9 for each method and version.
func TestMethods(t *testing.T) {
	s := serve(t, nil)
	loose := serve(t, func(c *Config) { c.AllowDifferentOuter = true })
	judge := serve(t, func(c *Config) { c.Directory = verifier{theWard().directory} })
	tries := []struct {
		what, outer, inner, password string
		server                       *Server
		want                         realms.Reason
	}{
		{"hidden", nobody, amy, "correct horse", s, ""},
		{"anonymous", anonymous, amy, "correct horse", s, ""},
		{"named", amy, amy, "correct horse", s, ""},
		{"subrealm", nobody, "ben@" + testSubrealm, "battery staple", s, ""},
		{"subrealm outside too", "@" + testSubrealm, "ben@" + testSubrealm, "battery staple", s, ""},
		{"another name outside", "bob@" + testRealm, amy, "correct horse", s, realms.ErrOuterInner},
		{"another name allowed", "bob@" + testRealm, amy, "correct horse", loose, ""},
		{"another realm inside", nobody, "amy@elsewhere.ac.uk", "correct horse", s, realms.ErrInnerRealm},
		{"another realm is never allowed", nobody, "amy@elsewhere.ac.uk", "correct horse", loose, realms.ErrInnerRealm},
		{"main realm inside a subrealm", "@" + testSubrealm, amy, "correct horse", s, realms.ErrInnerRealm},
		{"unknown", nobody, "zoe@" + testRealm, "correct horse", s, realms.ErrUnknownUser},
		{"disabled", nobody, "dee@" + testRealm, "disabled one", s, realms.ErrDisabled},
		{"judged elsewhere", nobody, amy, "correct horse", judge, ""},
		{"judged unknown", nobody, "zoe@" + testRealm, "correct horse", judge, realms.ErrUnknownUser},
	}
	for _, way := range ways {
		for _, version := range versions {
			for _, x := range tries {
				t.Run(fmt.Sprintf("%s/%s/%s", way, tls.VersionName(version), x.what), func(t *testing.T) {
					p := meet(t, x.server, version, way, x.outer, x.inner, x.password)
					answer, err := p.login()
					if reasonOf(err) != x.want {
						t.Fatalf("%v, want %q; %+v", err, x.want, p.conv.Trace())
					}
					final, perr := packet.Parse(answer.EAP)
					if perr != nil || len(answer.EAP) != 4 {
						t.Fatalf("the last packet is %x", answer.EAP)
					}
					if x.want != "" {
						if answer.Code != radius.CodeAccessReject || final.Code != packet.Failure || len(answer.Keys.Recv) > 0 {
							t.Fatalf("%+v", answer)
						}
						return
					}
					msk := must(p.tls.MSK(p.kind))
					if answer.Code != radius.CodeAccessAccept || final.Code != packet.Success ||
						!bytes.Equal(answer.Keys.Recv, msk[:32]) || !bytes.Equal(answer.Keys.Send, msk[32:]) {
						t.Fatalf("%+v", answer)
					}
					if answer.UserName != x.outer || answer.Account.Name != x.inner || len(answer.Account.Groups) != 1 {
						t.Fatalf("%+v", answer)
					}
					if trace := p.conv.Trace(); trace.Identity.String() != x.inner || trace.TLS != versionName(version) || trace.Stage != "accepted" {
						t.Fatalf("%+v", trace)
					}
				})
			}
		}
	}
}

// Holds S18: an unknown name and a wrong password look alike on the wire.
func TestS18UnknownAndWrongLookAlike(t *testing.T) {
	s := serve(t, nil)
	for _, way := range passwordWays() {
		for _, version := range versions {
			shape := func(name string) (sizes []int) {
				p := meet(t, s, version, way, nobody, name, "not it")
				response := identityResponse(p.name)
				for {
					answer, err := p.send(response)
					sizes = append(sizes, int(answer.Code), len(answer.EAP))
					if err != nil {
						return sizes
					}
					if strings.HasPrefix(way, "peap") || len(sizes) > 6 || version == tls.VersionTLS13 && len(sizes) > 4 {
						sizes = append(sizes, len(p.heard))
					}
					response = p.respond(answer.EAP)
				}
			}
			a, b := shape(amy), shape("zoe@"+testRealm)
			if len(a) != len(b) {
				t.Fatalf("%s: wrong %v, unknown %v", way, a, b)
			}
			for i := range a { // a signature's length varies by a few octets
				if d := a[i] - b[i]; d < -4 || d > 4 {
					t.Errorf("%s: wrong %v, unknown %v", way, a, b)
				}
			}
		}
	}
}

// A server that cannot ask its directory does not blame the password.
func TestDirectoryFaultIsNotTheSupplicants(t *testing.T) {
	s := serve(t, nil)
	for _, way := range passwordWays() {
		p := meet(t, s, tls.VersionTLS13, way, nobody, "lost@"+testRealm, "nobody home")
		if _, err := p.login(); reasonOf(err) != realms.ErrUnreachable {
			t.Errorf("%s: %v", way, err)
		}
		if bytes.Contains(p.heard, []byte("E=691")) {
			t.Errorf("%s: told that the password is wrong", way)
		}
	}
}

func TestMSCHAPv2FailureText(t *testing.T) {
	s := serve(t, nil)
	for _, way := range toldWays() {
		p := meet(t, s, tls.VersionTLS12, way, nobody, amy, "wrong")
		heard := []byte(nil)
		inner := p.inner
		p.inner = func(plain []byte) []byte { heard = append(heard, plain...); return inner(plain) }
		if _, err := p.login(); reasonOf(err) != realms.ErrBadPassword {
			t.Fatal(err)
		}
		if !bytes.Contains(heard, []byte("E=691 R=0 C=")) || !bytes.Contains(heard, []byte(" V=3 M=")) {
			t.Errorf("%s: %q", way, heard)
		}
	}
}

// TestP43 holds P43 and P42: one octet of zero in TLS 1.3 only, and no ticket that
// early data could use.
func TestP43ProtectedSuccess(t *testing.T) {
	s := serve(t, nil)
	for _, version := range versions {
		p := meet(t, s, version, "tls", nobody, amy, "")
		if _, err := p.login(); err != nil {
			t.Fatal(err)
		}
		want := []byte(nil)
		if version == tls.VersionTLS13 {
			want = []byte{0}
		}
		if !bytes.Equal(p.heard, want) {
			t.Errorf("%x: heard %x", version, p.heard)
		}
	}
	for _, mutual := range []bool{true, false} {
		if !s.tlsConfig(mutual).SessionTicketsDisabled {
			t.Error("tickets are on")
		}
	}
}

func TestClientCertificates(t *testing.T) {
	s := serve(t, nil)
	for certificate, want := range map[string]realms.Reason{
		"nothing":  realms.ErrClientCertMissing,
		"stranger": realms.ErrClientCertUntrusted,
		"expired":  realms.ErrClientCertExpired,
		"server":   realms.ErrClientCertUntrusted, // not for clientAuth
	} {
		for _, version := range versions {
			p := newPeer(t, s, nobody, packet.TLS, theWard().clientTLS(version, certificate), nil)
			answer, err := p.login()
			if reasonOf(err) != want || answer.Code != radius.CodeAccessReject {
				t.Errorf("%s, %s: %v", certificate, tls.VersionName(version), err)
			}
			if p.conv.Trace().Stage != "alert sent" {
				t.Errorf("%s: stage %q", certificate, p.conv.Trace().Stage)
			}
		}
	}
}

func TestServerDistrusted(t *testing.T) {
	s := serve(t, nil)
	for _, version := range versions {
		for _, kind := range []packet.Type{packet.TLS, packet.TTLS, packet.PEAP} {
			cfg := theWard().clientTLS(version, amy)
			cfg.RootCAs = theWard().strangers.Pool()
			p := newPeer(t, s, nobody, kind, cfg, nil)
			if answer, err := p.login(); reasonOf(err) != realms.ErrServerDistrusted || len(answer.EAP) != 4 {
				t.Errorf("%d: %v", kind, err)
			}
			if stage := p.conv.Trace().Stage; stage != "certificate sent" {
				t.Errorf("stage %q", stage)
			}
		}
	}
}

func TestTLSVersionTooOld(t *testing.T) {
	s := serve(t, nil)
	p := newPeer(t, s, nobody, packet.PEAP, theWard().clientTLS(tls.VersionTLS11, ""), nil)
	if _, err := p.login(); reasonOf(err) != realms.ErrTLSVersion {
		t.Error(err)
	}
}

// TestTTLSMessages holds P51, P52, S8 and S10 inside the tunnel.
func TestTTLSMessages(t *testing.T) {
	name := packet.AVP{Code: packet.AVPUserName, Mandatory: true, Data: []byte(amy)}
	word := packet.AVP{Code: packet.AVPUserPassword, Mandatory: true, Data: padded("correct horse")}
	secret := func(b []byte) packet.AVP { return packet.AVP{Code: packet.AVPUserPassword, Data: b} }
	for what, x := range map[string]struct {
		message []byte
		want    realms.Reason
	}{
		"good":                     {avps(name, word), ""},
		"unpadded":                 {avps(name, secret([]byte("correct horse"))), ""},
		"P51 unknown, optional":    {avps(name, word, packet.AVP{Code: 4711}), ""},
		"P51 unknown, mandatory":   {avps(name, word, packet.AVP{Code: 4711, Mandatory: true}), realms.ErrInnerProtocol},
		"P51 unknown vendor":       {avps(name, word, packet.AVP{Code: 1, Vendor: 9, Mandatory: true}), realms.ErrInnerProtocol},
		"P51 alone":                {avps(packet.AVP{Code: 4711, Mandatory: true}), realms.ErrInnerProtocol},
		"two passwords":            {avps(name, word, word), realms.ErrInnerProtocol},
		"two names":                {avps(name, name, word), realms.ErrInnerProtocol},
		"no name":                  {avps(word), realms.ErrCredentialsMissing},
		"no password":              {avps(name), realms.ErrCredentialsMissing},
		"S10 empty":                {avps(name, secret([]byte{})), realms.ErrEmptyPassword},
		"S10 only zeros":           {avps(name, secret(make([]byte, 16))), realms.ErrEmptyPassword},
		"S10 NUL inside":           {avps(name, secret([]byte("correct\x00horse"))), realms.ErrBadPassword},
		"S8 PAP and CHAP":          {avps(name, word, packet.AVP{Code: packet.AVPCHAPPassword, Data: make([]byte, 17)}), realms.ErrCredentialsMixed},
		"S8 PAP and MSCHAPv2":      {append(ttlsMSCHAPv2(amy, make([]byte, 16), make([]byte, 50)), avps(word)...), realms.ErrCredentialsMixed},
		"CHAP, no challenge":       {avps(name, packet.AVP{Code: packet.AVPCHAPPassword, Data: make([]byte, 17)}), realms.ErrCredentialsMissing},
		"EAP that repeats itself":  {avps(packet.AVP{Code: packet.AVPEAPMessage, Mandatory: true, Data: identityResponse(amy)}), realms.ErrInnerProtocol},
		"garbage":                  {[]byte("garbage"), realms.ErrInnerProtocol},
		"P52 zeros for challenge":  {ttlsMSCHAPv2(amy, make([]byte, 16), make([]byte, 50)), realms.ErrInnerProtocol},
		"P52 short response":       {ttlsMSCHAPv2(amy, make([]byte, 16), make([]byte, 49)), realms.ErrInnerProtocol},
		"a name without a realm":   {avps(packet.AVP{Code: packet.AVPUserName, Data: []byte("amy")}, word), realms.ErrInnerRealm},
		"a name that is malformed": {avps(packet.AVP{Code: packet.AVPUserName, Data: []byte("amy@x..y")}, word), realms.ErrInnerRealm},
	} {
		t.Run(what, func(t *testing.T) {
			directory := newMemory()
			s := serve(t, func(c *Config) { c.Directory = directory })
			p := newPeer(t, s, nobody, packet.TTLS, theWard().clientTLS(tls.VersionTLS13, ""), func([]byte) []byte { return x.message })
			answer, err := p.login()
			if reasonOf(err) != x.want || (answer.Code == radius.CodeAccessAccept) != (x.want == "") {
				t.Fatalf("%v, want %q", err, x.want)
			}
			if x.want != "" && directory.asked != 0 {
				t.Error("the directory was asked")
			}
		})
	}
}

// TestP52 holds P52 for each part of the implicit challenge.
func TestP52ImplicitChallenge(t *testing.T) {
	s := serve(t, nil)
	for i := range 17 {
		p := newPeer(t, s, nobody, packet.TTLS, theWard().clientTLS(tls.VersionTLS12, ""), nil)
		p.inner = p.mschapInner(amy, "correct horse", func(challenge, response []byte) ([]byte, []byte) {
			challenge, response = bytes.Clone(challenge), bytes.Clone(response)
			if i < 16 {
				challenge[i] ^= 1
			} else {
				response[0] ^= 1
			}
			return challenge, response
		})
		if answer, err := p.login(); reasonOf(err) != realms.ErrInnerProtocol || answer.Code != radius.CodeAccessReject {
			t.Errorf("octet %d: %v", i, err)
		}
	}
}

// Holds P52 for the other kinds: each octet of challenge and identifier must be the
// tunnel's own.
func TestP52ImplicitChallengeOfCHAP(t *testing.T) {
	s := serve(t, nil)
	for way, octets := range map[string]int{"ttls-chap": 16, "ttls-mschap": 8} {
		for i := range octets + 1 {
			p := meet(t, s, tls.VersionTLS12, way, nobody, amy, "correct horse")
			honest := p.inner
			p.inner = func(plain []byte) []byte {
				list := must(packet.ParseAVPs(honest(plain))) // name, challenge, response
				for j := range list {
					list[j].Data = bytes.Clone(list[j].Data)
				}
				if i < octets {
					list[1].Data[i] ^= 1
				} else {
					list[2].Data[0] ^= 1
				}
				return avps(list...)
			}
			if answer, err := p.login(); reasonOf(err) != realms.ErrInnerProtocol || answer.Code != radius.CodeAccessReject {
				t.Errorf("%s, octet %d: %v", way, i, err)
			}
		}
	}
}

// Who knows a password that has expired is told so (E=648), and may not change it
// here (E=709); who does not is told what everybody is told. For the controller it is
// one Reject (S9).
func TestPasswordThatHasExpired(t *testing.T) {
	directory := newMemory()
	directory.fault[amy] = realms.ErrPasswordExpired
	s := serve(t, func(c *Config) { c.Directory = expiring{directory} })
	for _, way := range toldWays() {
		for _, x := range []struct {
			password string
			changes  bool
			want     realms.Reason
			told     []string
		}{
			{"correct horse", false, realms.ErrPasswordExpired, []string{"E=648 R=0 C="}},
			{"wrong", false, realms.ErrBadPassword, []string{"E=691 R=0 C="}},
			{"correct horse", true, realms.ErrPasswordExpired, []string{"E=648 R=0 C=", "E=709 R=0 C="}},
			{"wrong", true, realms.ErrBadPassword, []string{"E=691 R=0 C="}},
		} {
			if x.changes && way == "ttls-mschapv2" {
				continue // there the answer is a message of another kind, and the end
			}
			p := meet(t, s, tls.VersionTLS13, way, nobody, amy, x.password)
			if p.innerEAP != nil {
				p.innerEAP.changes = x.changes
			}
			var heard []byte
			inner := p.inner
			p.inner = func(plain []byte) []byte { heard = append(heard, plain...); return inner(plain) }
			answer, err := p.login()
			if reasonOf(err) != x.want || len(answer.EAP) != 4 {
				t.Errorf("%s, %+v: %v", way, x, err)
			}
			if n := bytes.Count(heard, []byte("E=")); n != len(x.told) {
				t.Errorf("%s, %+v: told %q", way, x, heard)
			}
			for _, told := range x.told {
				if !bytes.Contains(heard, []byte(told)) {
					t.Errorf("%s, %+v: told %q", way, x, heard)
				}
			}
		}
	}
}

// expiring gives the hash of a password that has expired beside the error.
type expiring struct{ *memory }

func (d expiring) NTHash(ctx context.Context, id realms.Identity) ([16]byte, error) {
	hash, err := d.memory.NTHash(ctx, id)
	if err == nil {
		err = d.fault[id.String()]
	}
	return hash, err
}

// What the configuration names must be servable, and what it does not name is left out
// where it is not.
func TestInnerMethodsAllowed(t *testing.T) {
	plain := plainDirectory{theWard().directory}
	for what, x := range map[string]struct {
		change func(*Config)
		says   string
	}{
		"default":             {func(c *Config) { c.Inner = nil }, ""},
		"default, no hashes":  {func(c *Config) { c.Inner, c.Directory, c.Methods = nil, plain, []string{"ttls"} }, ""},
		"PEAP, no hashes":     {func(c *Config) { c.Inner, c.Directory = nil, plain }, "no NT hashes"},
		"PEAP with GTC":       {func(c *Config) { c.Inner, c.Directory = []string{"gtc"}, plain }, ""},
		"PEAP with PAP":       {func(c *Config) { c.Inner = []string{"pap"} }, "no EAP method"},
		"MSCHAPv2, no hashes": {func(c *Config) { c.Inner, c.Directory = []string{"gtc", "mschapv2"}, plain }, "no NT hashes"},
		"CHAP, no passwords":  {func(c *Config) { c.Inner, c.Directory = []string{"gtc", "chap"}, plain }, "in the clear"},
		"TLS, no authority":   {func(c *Config) { c.Keeper, c.Methods, c.Inner = withoutClients(), []string{"peap"}, []string{"tls"} }, "no authority"},
		"unknown":             {func(c *Config) { c.Inner = []string{"md5"} }, "not known"},
		"none":                {func(c *Config) { c.Inner = []string{} }, "no method is allowed"},
	} {
		cfg := theWard().config()
		x.change(&cfg)
		_, err := New(cfg)
		if (err == nil) != (x.says == "") || err != nil && !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	s := serve(t, func(c *Config) { c.Inner = []string{"gtc", "pap"} })
	for _, way := range []string{"ttls-mschapv2", "ttls-chap", "ttls-eap-mschapv2", "peap-eap-mschapv2", "peap-eap-tls"} {
		if _, err := meet(t, s, tls.VersionTLS13, way, nobody, amy, "correct horse").login(); reasonOf(err) != realms.ErrNoMethod {
			t.Errorf("%s: %v", way, err)
		}
	}
}

// Methods that a configuration names are checked without a server.
func TestCheckMethods(t *testing.T) {
	for _, names := range [][]string{nil, {"md5"}, {"tls", "tls"}, {"TLS"}} {
		if CheckMethods(names) == nil {
			t.Errorf("%q passes", names)
		}
	}
	if err := CheckMethods([]string{"peap", "tls", "ttls", "pap"}); err != nil {
		t.Error(err)
	}
	if len(Methods()) != len(methods) || len(Inners()) != len(inners) {
		t.Error("a method is missing")
	}
	for _, f := range Methods() { // P25: GTC and its like only inside a tunnel
		if f.Type == packet.GTC || f.Type == packet.MD5 || f.Type == packet.MSCHAPv2 {
			t.Errorf("%s is offered outside a tunnel", f.Name)
		}
	}
}

// plainDirectory judges passwords only.
type plainDirectory struct{ realms.Directory }

func TestNewRefuses(t *testing.T) {
	for what, change := range map[string]func(*Config){
		"no directory":  func(c *Config) { c.Directory = nil },
		"no keeper":     func(c *Config) { c.Keeper = nil },
		"no hashes":     func(c *Config) { c.Directory = plainDirectory{theWard().directory} },
		"no realm":      func(c *Config) { c.Realm = "" },
		"small":         func(c *Config) { c.FragmentSize = 99 },
		"large":         func(c *Config) { c.FragmentSize = 1399 },
		"unknown":       func(c *Config) { c.Methods = []string{"leap"} },
		"no client CAs": func(c *Config) { c.Keeper = withoutClients() },
	} {
		cfg := theWard().config()
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}
