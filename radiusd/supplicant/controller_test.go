package supplicant

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	mppe "layeh.com/radius/vendors/microsoft"

	"causeway/radiusd/eap/packet"
)

// A wireConn is a server without a network and without time: each request is
// answered at once with whatever the test makes of it, and silence is a deadline.
type wireConn struct {
	net.Conn
	answer func(request []byte) [][]byte
	sent   [][]byte
	queue  [][]byte
	fault  error // of the next Read
}

func (c *wireConn) Write(b []byte) (int, error) {
	c.sent = append(c.sent, bytes.Clone(b))
	c.queue = append(c.queue, c.answer(b)...)
	return len(b), nil
}

func (c *wireConn) Read(b []byte) (int, error) {
	if err := c.fault; err != nil {
		c.fault = nil
		return 0, err
	}
	if len(c.queue) == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(b, c.queue[0])
	c.queue = c.queue[1:]
	return n, nil
}

func (*wireConn) SetReadDeadline(time.Time) error { return nil }
func (*wireConn) LocalAddr() net.Addr             { return &net.UDPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 9} }

// answerTo signs a reply by hand, Message-Authenticator first.
func answerTo(request []byte, code radius.Code, attributes ...[]byte) []byte {
	b := append([]byte{byte(code), request[1], 0, 0}, request[4:20]...)
	b = append(append(b, attrMessageAuthenticator, 18), make([]byte, 16)...)
	for _, a := range attributes {
		b = append(b, a...)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	mac := hmac.New(md5.New, []byte(testSecret))
	_, _ = mac.Write(b)
	mac.Sum(b[22:22])
	return seal(b)
}

// seal writes the Response Authenticator over the request's.
func seal(b []byte) []byte {
	sum := md5.Sum(append(bytes.Clone(b), testSecret...))
	copy(b[4:20], sum[:])
	return b
}

func attribute(kind byte, value ...byte) []byte {
	return append([]byte{kind, byte(2 + len(value))}, value...)
}

func papLogin(t *testing.T, c *Controller) (Result, error) {
	t.Helper()
	c.Secret = testSecret
	return c.Login(context.Background(), newPeer(t, world(t).config("pap", 0)))
}

func TestRequest(t *testing.T) {
	conn := &wireConn{answer: func(q []byte) [][]byte { return [][]byte{answerTo(q, radius.CodeAccessAccept)} }}
	c := &Controller{
		Conn: conn, NASIdentifier: "ward-7", SSID: "eduroam: the second", AP: "AA-BB-CC-DD-EE-FF", Calling: "00-10-A4-23-19-C0",
		Attributes: radius.Attributes{{Type: 33, Attribute: []byte("proxied")}},
	}
	r, err := papLogin(t, c)
	if err != nil || !r.Accepted() || !r.MACFirst || r.Rounds != 1 || r.Retransmits != 0 {
		t.Fatalf("%v, %+v", err, r)
	}
	sent := conn.sent[0]
	if sent[headerLength] != attrMessageAuthenticator {
		t.Fatalf("attribute %d is first", sent[headerLength])
	}
	got := bytes.Clone(sent)
	copy(got[macOffset:macOffset+16], make([]byte, 16))
	mac := hmac.New(md5.New, []byte(testSecret))
	_, _ = mac.Write(got)
	if !bytes.Equal(mac.Sum(nil), sent[macOffset:macOffset+16]) {
		t.Fatal("wrong Message-Authenticator")
	}
	q, err := radius.Parse(sent, []byte(testSecret))
	if err != nil || q.Code != radius.CodeAccessRequest {
		t.Fatal(err)
	}
	if got := rfc2865.UserPassword_GetString(q); got != testPassword {
		t.Fatalf("password %q", got)
	}
	for kind, want := range map[radius.Type]string{
		attrUserName: testUser, attrNASIPAddress: "\xC0\x00\x02\x09", attrNASIdentifier: "ward-7",
		attrCalledStationID: "AA-BB-CC-DD-EE-FF:eduroam: the second", attrCallingStationID: "00-10-A4-23-19-C0",
		attrNASPortType: "\x00\x00\x00\x13", attrServiceType: "\x00\x00\x00\x02", attrFramedMTU: "\x00\x00\x05\x78", 33: "proxied",
	} {
		if got := string(q.Get(kind)); got != want {
			t.Errorf("attribute %d is %q, want %q", kind, got, want)
		}
	}
}

// A repeated request is the same request: identifier and octets (RFC 5080,
// section 2.2.1), and the next one has another identifier and authenticator.
func TestRetransmission(t *testing.T) {
	asked := 0
	conn := &wireConn{}
	conn.answer = func(q []byte) [][]byte {
		if asked++; asked < 3 {
			return nil
		}
		return [][]byte{answerTo(q, radius.CodeAccessReject)}
	}
	c := &Controller{Conn: conn}
	r, err := papLogin(t, c)
	if err != nil || r.Code != radius.CodeAccessReject || r.Retransmits != 2 || r.Rounds != 1 {
		t.Fatalf("%v, %+v", err, r)
	}
	if !bytes.Equal(conn.sent[0], conn.sent[1]) || !bytes.Equal(conn.sent[0], conn.sent[2]) {
		t.Fatal("retransmissions differ")
	}
	if _, err := papLogin(t, c); err != nil {
		t.Fatal(err)
	}
	if conn.sent[3][1] != conn.sent[0][1]+1 || bytes.Equal(conn.sent[3][4:20], conn.sent[0][4:20]) {
		t.Fatal("identifier or authenticator used again")
	}
	for _, retries := range []int{-1, 0, 2} {
		silent := &wireConn{answer: func([]byte) [][]byte { return nil }}
		_, err := papLogin(t, &Controller{Conn: silent, Retries: retries})
		want := map[int]int{-1: 1, 0: 4, 2: 3}[retries]
		if !errors.Is(err, ErrNoAnswer) || len(silent.sent) != want {
			t.Fatalf("%v after %d tries, want %d", err, len(silent.sent), want)
		}
	}
}

// Holds S1, S2, P5 and P18 on the side of the controller: what is not verified is
// no reply, and a true reply after it is still heard.
func TestS1UnverifiedRepliesAreDropped(t *testing.T) {
	accept := func(q []byte, attributes ...[]byte) []byte {
		return answerTo(q, radius.CodeAccessAccept, attributes...)
	}
	without := func(q []byte) []byte {
		b := append([]byte{byte(radius.CodeAccessAccept), q[1], 0, 20}, q[4:20]...)
		return seal(b)
	}
	flip := func(at int) func([]byte) []byte {
		return func(q []byte) []byte {
			b := accept(q)
			b[at] ^= 1
			return b
		}
	}
	resealed := func(q []byte, change func(b []byte) []byte) []byte {
		b := change(accept(q))
		copy(b[4:20], q[4:20])
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		return seal(b)
	}
	cases := map[string]struct {
		reply func(q []byte) []byte
		want  error
	}{
		"empty":                     {func([]byte) []byte { return nil }, errShort},
		"19 octets":                 {func(q []byte) []byte { return accept(q)[:19] }, errShort},
		"cut off":                   {func(q []byte) []byte { return accept(q)[:30] }, errShort},
		"a length below the header": {func(q []byte) []byte { b := accept(q); b[3] = 19; return b }, errShort},
		"another identifier":        {flip(1), errOtherRequest},
		"another code":              {func(q []byte) []byte { return answerTo(q, radius.CodeAccountingResponse) }, errCode},
		"a flipped bit in the code": {flip(0), errAuthenticator},
		"a false authenticator":     {flip(4), errAuthenticator},
		"a flipped bit in the MAC":  {flip(25), errAuthenticator},
		"no Message-Authenticator":  {without, errNoMessageMAC},
		"a false one":               {func(q []byte) []byte { return resealed(q, func(b []byte) []byte { b[25] ^= 1; return b }) }, errWrongMessageMAC},
		"two of them":               {func(q []byte) []byte { return resealed(q, func(b []byte) []byte { return append(b, b[20:38]...) }) }, errAttributes},
		"a short one": {func(q []byte) []byte {
			return resealed(q, func(b []byte) []byte { b[21] = 17; b[37] = 2; return append(b[:37], 18, 2) })
		}, errNoMessageMAC},
		"an attribute without end":   {func(q []byte) []byte { return accept(q, []byte{1, 9}) }, errAttributes},
		"an attribute of length one": {func(q []byte) []byte { return accept(q, []byte{1, 1}) }, errAttributes},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conn := &wireConn{answer: func(q []byte) [][]byte { return [][]byte{c.reply(q)} }}
			r, err := papLogin(t, &Controller{Conn: conn, Retries: -1})
			if !errors.Is(err, ErrNoAnswer) || !errors.Is(err, c.want) || r.Dropped != 1 || r.Code != 0 || r.Packet != nil {
				t.Fatalf("%v, %+v", err, r)
			}
			conn.answer = func(q []byte) [][]byte { return [][]byte{c.reply(q), accept(q)} }
			r, err = papLogin(t, &Controller{Conn: conn, Retries: -1})
			if err != nil || !r.Accepted() || r.Dropped != 1 {
				t.Fatalf("%v, %+v", err, r)
			}
		})
	}
}

// Holds P4 on the side of the controller.
func TestP4PaddingIsIgnored(t *testing.T) {
	conn := &wireConn{answer: func(q []byte) [][]byte { return [][]byte{append(answerTo(q, 2), 1, 2, 3)} }}
	if r, err := papLogin(t, &Controller{Conn: conn}); err != nil || !r.Accepted() {
		t.Fatalf("%v, %+v", err, r)
	}
}

func TestNobodyAtThePortPasses(t *testing.T) {
	conn := &wireConn{answer: func(q []byte) [][]byte { return [][]byte{answerTo(q, 2)} }, fault: syscall.ECONNREFUSED}
	if r, err := papLogin(t, &Controller{Conn: conn, Retries: -1}); err != nil || !r.Accepted() {
		t.Fatalf("%v, %+v", err, r)
	}
	conn.fault = net.ErrClosed
	if _, err := papLogin(t, &Controller{Conn: conn}); !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
}

func TestLoginEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	conn := &wireConn{answer: func([]byte) [][]byte { cancel(); return nil }}
	c := &Controller{Conn: conn, Secret: testSecret}
	if _, err := c.Login(ctx, newPeer(t, world(t).config("pap", 0))); !errors.Is(err, context.Canceled) || len(conn.sent) != 1 {
		t.Fatalf("%v after %d tries", err, len(conn.sent))
	}
}

func eapLogin(t *testing.T, answer func(q []byte) [][]byte) (*Peer, *wireConn, Result, error) {
	t.Helper()
	p := newPeer(t, world(t).config("tls", tls.VersionTLS12))
	conn := &wireConn{answer: answer}
	c := &Controller{Conn: conn, Secret: testSecret, MaxRounds: 5}
	r, err := c.Login(context.Background(), p)
	return p, conn, r, err
}

func eapParts(eap []byte) (parts []byte) {
	r := request{}
	r.addEAP(eap)
	return r.b
}

// What RADIUS says and what EAP says must agree.
func TestVerdictsAgree(t *testing.T) {
	eap := func(code packet.Code) []byte { return eapParts(packet.Packet{Code: code, ID: 1}.Encode()) }
	cases := map[string]struct {
		reply func(q []byte) []byte
		want  error
	}{
		"Accept with an early Success": {func(q []byte) []byte { return answerTo(q, 2, eap(packet.Success)) }, ErrServer},
		"Accept with Failure":          {func(q []byte) []byte { return answerTo(q, 2, eap(packet.Failure)) }, ErrServer},
		"Accept without EAP":           {func(q []byte) []byte { return answerTo(q, 2) }, ErrServer},
		"Reject with Success":          {func(q []byte) []byte { return answerTo(q, 3, eap(packet.Success)) }, ErrServer},
		"Reject with Failure":          {func(q []byte) []byte { return answerTo(q, 3, eap(packet.Failure)) }, nil},
		"Reject without EAP":           {func(q []byte) []byte { return answerTo(q, 3) }, nil},
		"Challenge with Failure":       {func(q []byte) []byte { return answerTo(q, 11, eap(packet.Failure)) }, ErrServer},
		"Challenge without EAP":        {func(q []byte) []byte { return answerTo(q, 11) }, ErrDiscarded},
		"EAP in two places": {func(q []byte) []byte {
			return answerTo(q, 11, attribute(79, 1, 1, 0, 6), attribute(1, 'x'), attribute(79, 13, 32))
		}, ErrServer},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, _, r, err := eapLogin(t, func(q []byte) [][]byte { return [][]byte{c.reply(q)} })
			if !errors.Is(err, c.want) || r.KeysMatch || r.Accepted() {
				t.Fatalf("%v, %+v", err, r)
			}
		})
	}
}

// Holds P8 and P17 on the side of the controller: State as it came, EAP in
// parts of 253 that stand together.
func TestP8StateAndP17Parts(t *testing.T) {
	state := []byte{0, 0xFF, 'S', 0}
	_, conn, _, err := eapLogin(t, func(q []byte) [][]byte {
		start := packet.Packet{Code: packet.Request, ID: q[1], Type: packet.TLS, Data: packet.Start(0)}.Encode()
		if len(q) > 300 {
			start = packet.Packet{Code: packet.Failure, ID: q[1]}.Encode()
			return [][]byte{answerTo(q, 3, eapParts(start))}
		}
		return [][]byte{answerTo(q, 11, attribute(attrState, state...), eapParts(start))}
	})
	if err != nil || len(conn.sent) != 2 {
		t.Fatalf("%v, %d requests", err, len(conn.sent))
	}
	if find(conn.sent[0], attrState) != nil || !bytes.Equal(find(conn.sent[1], attrState), state) {
		t.Fatalf("State %x", find(conn.sent[1], attrState))
	}
	eap, err := joinEAP(conn.sent[1])
	if err != nil || len(eap) < 2 || int(binary.BigEndian.Uint16(eap[2:])) != len(eap) {
		t.Fatalf("%x, %v", eap, err)
	}
	parts := eapParts(make([]byte, 600))
	if len(parts) != 600+6 || parts[1] != 255 || parts[255] != attrEAPMessage || parts[256] != 255 {
		t.Fatalf("%d octets", len(parts))
	}
}

func TestEndlessServer(t *testing.T) {
	id := uint8(0)
	_, conn, _, err := eapLogin(t, func(q []byte) [][]byte {
		id++
		return [][]byte{answerTo(q, 11, eapParts(ask(id, packet.Notification)))}
	})
	if !errors.Is(err, ErrEndless) || len(conn.sent) != 5 {
		t.Fatalf("%v after %d", err, len(conn.sent))
	}
}

func TestPlacement(t *testing.T) {
	kind, medium := attribute(64, 0, 0, 0, 13), attribute(65, 0, 0, 0, 6)
	cases := map[string]struct {
		attributes [][]byte
		vlan       string
		tag        uint8
		placed     bool
	}{
		"trio":            {[][]byte{kind, medium, attribute(81, '1', '2', '0')}, "120", 0, true},
		"tag of zero":     {[][]byte{kind, medium, attribute(81, 0, '1', '2')}, "12", 0, true},
		"tagged":          {[][]byte{attribute(64, 3, 0, 0, 13), attribute(65, 3, 0, 0, 6), attribute(81, 3, '7')}, "7", 3, true},
		"tags differ":     {[][]byte{kind, medium, attribute(81, 3, '7')}, "7", 3, false},
		"two of the trio": {[][]byte{kind, attribute(81, '7')}, "7", 0, false},
		"two VLANs":       {[][]byte{kind, medium, attribute(81, '7'), attribute(81, '8')}, "8", 0, false},
		"two types":       {[][]byte{kind, kind, medium, attribute(81, '7')}, "7", 0, false},
		"another tunnel":  {[][]byte{attribute(64, 0, 0, 0, 3), medium, attribute(81, '7')}, "7", 0, false},
		"a short type":    {[][]byte{attribute(64, 13), kind, medium, attribute(81, '7')}, "7", 0, false},
		"an empty group":  {[][]byte{kind, medium, attribute(81)}, "", 0, false},
		"none":            {nil, "", 0, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conn := &wireConn{answer: func(q []byte) [][]byte { return [][]byte{answerTo(q, 2, c.attributes...)} }}
			r, err := papLogin(t, &Controller{Conn: conn})
			if err != nil || r.VLAN != c.vlan || r.Tag != c.tag || r.Placed != c.placed {
				t.Fatalf("%v, %+v", err, r)
			}
		})
	}
}

// The keys of RFC 2548 as another implementation writes them.
func TestKeysMatch(t *testing.T) {
	msk := make([]byte, packet.MSKLength)
	for i := range msk {
		msk[i] = byte(i)
	}
	q := radius.New(radius.CodeAccessRequest, []byte(testSecret))
	build := func(recv, send []byte) []byte {
		p := q.Response(radius.CodeAccessAccept)
		for key, add := range map[string]func(*radius.Packet, []byte) error{string(recv): mppe.MSMPPERecvKey_Add, string(send): mppe.MSMPPESendKey_Add} {
			if err := add(p, []byte(key)); err != nil {
				t.Fatal(err)
			}
		}
		b, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	match := func(reply, key []byte) bool { return keysMatch(reply, q.Authenticator[:], []byte(testSecret), key) }
	good := build(msk[:32], msk[32:])
	switch {
	case !match(good, msk):
		t.Fatal("equal keys differ")
	case match(good, nil), match(good, append(bytes.Clone(msk[:63]), 0)):
		t.Fatal("different keys match")
	case match(build(msk[32:], msk[:32]), msk):
		t.Fatal("swapped keys match")
	case keysMatch(good, q.Authenticator[:], []byte("another secret"), msk):
		t.Fatal("keys of another secret match")
	case match(good[:headerLength], msk):
		t.Fatal("no keys match")
	}
}

// A Status-Server is signed, answered by any verified reply of the right code, and
// unanswered in silence (RFC 5997).
func TestStatus(t *testing.T) {
	conn := &wireConn{answer: func(q []byte) [][]byte { return [][]byte{answerTo(q, radius.CodeAccessAccept)} }}
	c := &Controller{Conn: conn, Secret: testSecret, NASIdentifier: "radiusd-probe"}
	if err := c.Status(context.Background()); err != nil {
		t.Fatal(err)
	}
	q := conn.sent[0]
	if radius.Code(q[0]) != radius.CodeStatusServer || q[headerLength] != attrMessageAuthenticator || find(q, attrNASIdentifier) == nil || find(q, attrUserName) != nil {
		t.Errorf("%x", q)
	}
	conn.answer = func([]byte) [][]byte { return nil }
	if err := c.Status(context.Background()); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("silence: %v", err)
	}
	conn.answer = func(q []byte) [][]byte {
		other := bytes.Clone(q)
		other[1]++
		return [][]byte{answerTo(other, radius.CodeAccessAccept)}
	}
	if err := c.Status(context.Background()); !errors.Is(err, ErrNoAnswer) || WrongSecret(err) || Unsigned(err) {
		t.Errorf("an answer to something else: %v", err)
	}
}

// Unsigned takes what has no Message-Authenticator and nothing that has a wrong one.
func TestUnsignedIsNotForged(t *testing.T) {
	unsigned := func(q []byte) []byte {
		b := append([]byte{byte(radius.CodeAccessReject), q[1], 0, headerLength}, q[4:20]...)
		return seal(b)
	}
	forged := func(q []byte) []byte {
		b := answerTo(q, radius.CodeAccessReject)
		b[25] ^= 1
		copy(b[4:20], q[4:20])
		return seal(b)
	}
	for name, x := range map[string]struct {
		reply    func(q []byte) []byte
		unsigned bool
		taken    bool
		why      func(error) bool
	}{
		"without, and it must":     {unsigned, false, false, Unsigned},
		"without, and it may":      {unsigned, true, true, nil},
		"a wrong one all the same": {forged, true, false, WrongSecret},
	} {
		c := &Controller{Conn: &wireConn{answer: func(q []byte) [][]byte { return [][]byte{x.reply(q)} }}, Secret: testSecret, Unsigned: x.unsigned}
		r, err := c.Login(context.Background(), newPeer(t, world(t).config("ttls-pap", 0)))
		if taken := r.Code == radius.CodeAccessReject; taken != x.taken || x.why != nil && !x.why(err) {
			t.Errorf("%s: taken %v, %v", name, taken, err)
		}
	}
}
