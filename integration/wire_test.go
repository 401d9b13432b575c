package integration

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"causeway/radiusd/daemon"
	"causeway/radiusd/transport"
	"causeway/realms"
)

const nurse = "nurse@" + realm

// silence is the count of everything that met silence.
func silence(stats transport.Stats) (sum uint64) {
	for _, n := range stats.Silence {
		sum += n
	}
	return sum
}

func of(cause transport.Cause) func(transport.Stats) uint64 {
	return func(s transport.Stats) uint64 { return s.Of(cause) }
}

// Holds S1, P1, P5, P18 and P21: what deserves silence gets it, is counted by its
// cause, and is no event.
func TestS1BadPacketsMeetSilence(t *testing.T) {
	s := openHouse(t, daemon.Options{})
	mac := newMAC()
	good := func() *ask { return identity(1, nurse, mac) }
	unsigned := func() []byte { p := good(); p.unsigned = true; return p.encode() }
	tampered := good().encode()
	tampered[30] ^= 1
	otherSecret := good().encode()
	copy(otherSecret[22:38], bytes.Repeat([]byte{0xA5}, 16))
	twice := good().add(80, make([]byte, 16)).encode()
	long := good().encode()
	long[3]++
	accounting := good()
	accounting.code = radius.CodeAccountingRequest
	accept := good()
	accept.code = radius.CodeAccessAccept
	success := accessRequest(1, nurse, mac).add(rfc2869.EAPMessage_Type, []byte{3, 7, 0, 4})
	unknownCode := accessRequest(1, nurse, mac).add(rfc2869.EAPMessage_Type, []byte{9, 7, 0, 4})
	for _, x := range []struct {
		name  string
		from  string
		bytes []byte
		cause transport.Cause
	}{
		{"no client has the address", "127.0.0.9", good().encode(), transport.UnknownClient},
		{"no Message-Authenticator", "127.0.0.1", unsigned(), transport.NoMessageAuthenticator},
		{"no Message-Authenticator beside EAP, from a client that may leave it out", "127.0.0.3", unsigned(), transport.NoMessageAuthenticator},
		{"a flipped bit in Message-Authenticator", "127.0.0.1", tampered, transport.BadMessageAuthenticator},
		{"another secret", "127.0.0.1", otherSecret, transport.BadMessageAuthenticator},
		{"two Message-Authenticators", "127.0.0.1", twice, transport.SeveralMessageAuthenticators},
		{"19 octets", "127.0.0.1", good().encode()[:19], transport.TooShort},
		{"longer than it is", "127.0.0.1", long, transport.BadLength},
		{"accounting at the port for authentication", "127.0.0.1", accounting.encode(), transport.UnexpectedCode},
		{"an Accept from outside", "127.0.0.1", accept.encode(), transport.UnexpectedCode},
		{"EAP-Success from the device", "127.0.0.1", success.encode(), transport.HandlerSilent},
		{"an EAP code that does not exist", "127.0.0.1", unknownCode.encode(), transport.HandlerSilent},
	} {
		before := s.daemon.Stats()
		conn := s.dial(x.from, "auth")
		s.send(conn, x.bytes)
		t.Log(x.name)
		s.counted(x.cause.String(), of(x.cause), before.Of(x.cause)+1)
		s.quiet(conn)
		if after := s.daemon.Stats(); after.Replies != before.Replies || silence(after) != silence(before)+1 {
			t.Errorf("%s: %d replies, %d silences", x.name, after.Replies-before.Replies, silence(after)-silence(before))
		}
	}
	// Octets beyond Length are padding (P4).
	conn := s.dial("127.0.0.1", "auth")
	request := good().encode()
	s.send(conn, append(bytes.Clone(request), 1, 2, 3))
	if reply := s.verified(request, s.receive(conn)); reply.Code != radius.CodeAccessChallenge {
		t.Errorf("the good one gets %v", reply.Code)
	}
}

// Holds S2: with any one bit flipped a valid request gets no reply and opens
// nothing.
func TestS2EveryFlippedBitMeetsSilence(t *testing.T) {
	s := openHouse(t, daemon.Options{})
	conn := s.dial("127.0.0.1", "auth")
	mac := newMAC()
	good := identity(1, nurse, mac).encode()
	for bit := range len(good) * 8 {
		bad := bytes.Clone(good)
		bad[bit/8] ^= 1 << (bit % 8)
		s.send(conn, bad)
		if bit%64 == 63 { // no more at a time than a small buffer holds
			s.counted("silence", silence, uint64(bit+1))
		}
	}
	s.counted("silence", silence, uint64(len(good)*8))
	s.quiet(conn)
	stats := s.daemon.Stats()
	if stats.Handled != 0 || stats.Replies != 0 {
		t.Errorf("%d were handled, %d answered", stats.Handled, stats.Replies)
	}
	if reply := s.exchange(conn, good); reply.Code != radius.CodeAccessChallenge {
		t.Errorf("the good one gets %v", reply.Code)
	}
}

// Holds R24 and P60: Status-Server is answered on both ports, and no log-in is
// made of it.
func TestR24StatusServerOnBothPorts(t *testing.T) {
	s := openHouse(t, daemon.Options{})
	for port, want := range map[string]radius.Code{"auth": radius.CodeAccessAccept, "acct": radius.CodeAccountingResponse} {
		conn := s.dial("127.0.0.1", port)
		for id := range byte(3) {
			question := &ask{code: radius.CodeStatusServer, id: id}
			reply := s.exchange(conn, question.add(rfc2865.ProxyState_Type, []byte("path")).encode())
			if reply.Code != want || string(reply.Get(rfc2865.ProxyState_Type)) != "path" {
				t.Errorf("%s: %v %v", port, reply.Code, reply.Attributes)
			}
			if reply.Get(rfc2869.EAPMessage_Type) != nil || reply.Get(rfc2865.UserName_Type) != nil {
				t.Errorf("%s: the answer says more than that we live", port)
			}
		}
		unsigned := &ask{code: radius.CodeStatusServer, id: 9, unsigned: true}
		before := s.daemon.Stats().Of(transport.NoMessageAuthenticator)
		s.send(conn, unsigned.encode())
		s.counted("unsigned Status-Server", of(transport.NoMessageAuthenticator), before+1)
		s.quiet(conn)
	}
	if n := s.daemon.Stats().Handled; n != 0 {
		t.Errorf("%d were handled as log-ins", n)
	}
}

// Holds S8, P6, P11, P14 and R3: requests that are well signed and make no sense get
// a Reject, with EAP-Failure where they spoke EAP, and a reason.
func TestS8MixedAndMissingCredentials(t *testing.T) {
	s := openHouse(t, daemon.Options{})
	conn := s.dial("127.0.0.1", "auth")
	chap := append([]byte{1}, make([]byte, 16)...)
	mschap2 := append([]byte{0, 0, 1, 55, 25, 52}, make([]byte, 50)...)
	eap := func(mac string) *ask { return identity(0, nurse, mac) }
	pap := func(mac string) *ask { return accessRequest(0, nurse, mac).password(goodPassword) }
	for i, x := range []struct {
		name   string
		make   func(mac string) *ask
		reason realms.Reason
	}{
		{"EAP and a password", func(m string) *ask { return eap(m).password(goodPassword) }, realms.ErrCredentialsMixed},
		{"EAP and CHAP", func(m string) *ask { return eap(m).add(rfc2865.CHAPPassword_Type, chap) }, realms.ErrCredentialsMixed},
		{"a password and CHAP", func(m string) *ask { return pap(m).add(rfc2865.CHAPPassword_Type, chap) }, realms.ErrCredentialsMixed},
		{"a password and MS-CHAPv2", func(m string) *ask { return pap(m).add(rfc2865.VendorSpecific_Type, mschap2) }, realms.ErrCredentialsMixed},
		{"all of it", func(m string) *ask {
			return pap(m).add(rfc2865.CHAPPassword_Type, chap).add(rfc2869.EAPMessage_Type, []byte{2, 7, 0, 6, 1, 'x'})
		}, realms.ErrCredentialsMixed},
		{"nothing", func(m string) *ask { return accessRequest(0, nurse, m) }, realms.ErrCredentialsMissing},
		{"two passwords", func(m string) *ask { return pap(m).password(goodPassword) }, realms.ErrCredentialsMissing},
		{"CHAP", func(m string) *ask { return accessRequest(0, nurse, m).add(rfc2865.CHAPPassword_Type, chap) }, realms.ErrNoMethod},
		{"MS-CHAPv2", func(m string) *ask { return accessRequest(0, nurse, m).add(rfc2865.VendorSpecific_Type, mschap2) }, realms.ErrNoMethod},
		{"an empty password", func(m string) *ask { return accessRequest(0, nurse, m).password("") }, realms.ErrEmptyPassword},
		{"a password with a NUL", func(m string) *ask {
			return accessRequest(0, nurse, m).password(goodPassword + "\x00x")
		}, realms.ErrBadPassword},
		{"a wrong password", func(m string) *ask { return accessRequest(0, nurse, m).password("wrong") }, realms.ErrBadPassword},
		{"a question from the device", func(m string) *ask {
			return accessRequest(0, nurse, m).add(rfc2869.EAPMessage_Type, []byte{1, 7, 0, 6, 1, 'x'})
		}, realms.ErrEAPMalformed},
		{"another name in EAP than in User-Name", func(m string) *ask {
			return accessRequest(0, nurse, m).add(rfc2869.EAPMessage_Type, identity(0, "doctor@"+realm, m).attributes[3].Attribute)
		}, realms.ErrOuterInner},
		{"EAP cut short", func(m string) *ask {
			return accessRequest(0, nurse, m).add(rfc2869.EAPMessage_Type, []byte{2, 7, 0, 40, 1})
		}, realms.ErrEAPMalformed},
	} {
		mac := newMAC()
		p := x.make(mac)
		p.id = byte(i)
		reply := s.exchange(conn, p.encode())
		if reply.Code != radius.CodeAccessReject {
			t.Errorf("%s: %v", x.name, reply.Code)
		}
		spoke := slices.ContainsFunc(p.attributes, func(a *radius.AVP) bool { return a.Type == rfc2869.EAPMessage_Type })
		if failure := reply.Get(rfc2869.EAPMessage_Type); spoke != (len(failure) == 4 && failure[0] == 4) {
			t.Errorf("%s: EAP %x in the Reject", x.name, failure)
		}
		if e := s.events.of(t, mac); e.Reason != x.reason.Reason() || e.Outcome != "reject" {
			t.Errorf("%s: %s, %s (%s)", x.name, e.Outcome, e.Reason, e.Detail)
		}
	}
	// The same password alone is good: it was the company that it kept.
	mac := newMAC()
	if reply := s.exchange(conn, pap(mac).encode()); reply.Code != radius.CodeAccessAccept || reply.Get(81) == nil {
		t.Errorf("the password alone: %v %v", reply.Code, reply.Attributes)
	}
}

// Holds F14, P30 and P32: a repeated request gets the same octets and is one
// log-in; the same identifier with a new authenticator is another request.
func TestF14DuplicatesGetTheSameReply(t *testing.T) {
	s := openHouse(t, daemon.Options{})
	conn := s.dial("127.0.0.1", "auth")
	mac := newMAC()
	request := accessRequest(42, "doctor@"+realm, mac).password(goodPassword)
	octets := request.encode()
	s.send(conn, octets)
	first := s.receive(conn)
	if reply := s.verified(octets, first); reply.Code != radius.CodeAccessAccept {
		t.Fatalf("%v", reply.Code)
	}
	for range 3 {
		s.send(conn, octets)
		if again := s.receive(conn); !bytes.Equal(again, first) {
			t.Errorf("another reply:\n%x\n%x", first, again)
		}
	}
	if stats := s.daemon.Stats(); stats.Handled != 1 || stats.Duplicates != 3 {
		t.Errorf("%d handled, %d duplicates", stats.Handled, stats.Duplicates)
	}
	s.events.onlyOne(mac)
	s.events.of(t, mac)
	s.events.once(t)

	other := newMAC()
	if reply := s.exchange(conn, accessRequest(42, "doctor@"+realm, other).password("wrong").encode()); reply.Code != radius.CodeAccessReject {
		t.Errorf("the same identifier, another request: %v", reply.Code)
	}
	if e := s.events.of(t, other); e.Reason != "bad-password" {
		t.Errorf("%s", e.Reason)
	}
}

// Holds P2, P3, P8 and P16.
func TestP2ProxyStateComesBackInOrder(t *testing.T) {
	s := openHouse(t, daemon.Options{})
	conn := s.dial("127.0.0.1", "auth")
	states := [][]byte{{0}, []byte("one"), bytes.Repeat([]byte{0xFF}, 253), []byte("one"), {}}
	for _, p := range []*ask{
		identity(1, nurse, newMAC()),                             // Challenge
		accessRequest(2, nurse, newMAC()).password("wrong"),      // Reject
		accessRequest(3, nurse, newMAC()).password("wrong"),      // Reject again
		accessRequest(4, nurse, newMAC()).password(goodPassword), // Accept
	} {
		for _, state := range states {
			p.add(rfc2865.ProxyState_Type, state)
		}
		reply := s.exchange(conn, p.encode())
		var got [][]byte
		for i, a := range reply.Attributes {
			if a.Type == rfc2865.ProxyState_Type {
				got = append(got, a.Attribute)
			} else if len(got) > 0 {
				t.Errorf("%v: attribute %d (%d) follows a Proxy-State", reply.Code, i, a.Type)
			}
		}
		if !slices.EqualFunc(got, states, bytes.Equal) {
			t.Errorf("%v: %x", reply.Code, got)
		}
		if name := rfc2865.UserName_GetString(reply); reply.Code == radius.CodeAccessAccept && name != nurse {
			t.Errorf("the Accept is for %q", name)
		}
	}
}

// Holds S16, P13, P20 and P22: a State is good from the client it was given to, and
// only with the answer that was asked for.
func TestS16StateOfSomebodyElse(t *testing.T) {
	s := openHouse(t, daemon.Options{})
	one, two := s.dial("127.0.0.1", "auth"), s.dial("127.0.0.2", "auth")
	// Two devices with the same EAP identifier, side by side.
	macs := []string{newMAC(), newMAC()}
	var states, asked [][]byte
	for i, mac := range macs {
		reply := s.exchange(one, identity(byte(i), nurse, mac).encode())
		states = append(states, reply.Get(rfc2865.State_Type))
		asked = append(asked, reply.Get(rfc2869.EAPMessage_Type))
	}
	if bytes.Equal(states[0], states[1]) || len(states[0]) < 16 {
		t.Fatalf("States %x", states)
	}
	nak := func(id byte, eapID byte, mac string, state []byte) []byte {
		p := accessRequest(id, nurse, mac).add(rfc2869.EAPMessage_Type, []byte{2, eapID, 0, 6, 3, 25})
		return p.add(rfc2865.State_Type, state).encode()
	}
	flipped := bytes.Clone(states[0])
	flipped[3] ^= 1
	for name, bad := range map[string]struct {
		from  int
		state []byte
	}{
		"forged": {1, []byte("0123456789abcdef")}, "flipped": {1, flipped}, "cut": {1, states[0][:15]},
		"from another client": {2, states[0]}, "empty": {1, nil},
	} {
		conn, mac := one, newMAC()
		if bad.from == 2 {
			conn = two
		}
		reply := s.exchange(conn, nak(10, asked[0][1], mac, bad.state))
		if failure := reply.Get(rfc2869.EAPMessage_Type); reply.Code != radius.CodeAccessReject || hex.EncodeToString(failure) != hex.EncodeToString([]byte{4, asked[0][1], 0, 4}) {
			t.Errorf("%s: %v with EAP %x", name, reply.Code, failure)
		}
		if e := s.events.of(t, mac); e.Reason != "conversation-unknown" {
			t.Errorf("%s: %s (%s)", name, e.Reason, e.Detail)
		}
	}
	// An answer to another question is ignored, and costs the conversation nothing.
	before := s.daemon.Stats().Of(transport.HandlerSilent)
	s.send(one, nak(20, asked[0][1]+1, macs[0], states[0]))
	s.counted("ignored", of(transport.HandlerSilent), before+1)
	s.quiet(one)
	for i, mac := range macs {
		reply := s.exchange(one, nak(30+byte(i), asked[i][1], mac, states[i]))
		if eap := reply.Get(rfc2869.EAPMessage_Type); reply.Code != radius.CodeAccessChallenge || len(eap) < 6 || eap[4] != 25 {
			t.Errorf("device %d: %v with EAP %x; want PEAP", i, reply.Code, eap)
		}
	}
}

// Holds S18: who does not exist and whose password is wrong look alike from outside:
// as many messages, the same last one, the same words inside.
func TestS18UnknownAndWrongAreAlikeOnTheWire(t *testing.T) {
	s := openHouse(t, daemon.Options{})
	challenge := regexp.MustCompile(`C=[0-9A-F]{32}`)
	for method, cfg := range s.devices() {
		if method == "tls" {
			continue
		}
		cfg.Password = "wrong-password"
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			cfg.MinTLS, cfg.MaxTLS = version, version
			var seen []string
			for user, reason := range map[string]string{nurse: "bad-password", "nobody@" + realm: "unknown-user"} {
				cfg.User = user
				mac := newMAC()
				result, err := s.controller("127.0.0.1", mac).Login(t.Context(), s.peer(cfg))
				if err != nil || result.Code != radius.CodeAccessReject {
					t.Fatalf("%s %s: %v, %v", method, user, result.Code, err)
				}
				s.outcome(mac, "reject", reason)
				words := challenge.ReplaceAllString(result.Refusal, "C=")
				last := ""
				for _, a := range result.Packet.Attributes {
					last += fmt.Sprintf(" %d:%d", a.Type, len(a.Attribute))
				}
				seen = append(seen, fmt.Sprintf("%d messages,%s, %q", result.Rounds, last, words))
			}
			if seen[0] != seen[1] {
				t.Errorf("%s over TLS %x:\n%s\n%s", method, version, seen[0], seen[1])
			}
		}
	}
}
