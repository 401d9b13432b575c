package upstream

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc4372"

	"causeway/realms"
)

// An asked is a request that has left, with all that its reply is judged by.
type asked struct {
	*request
	auth [16]byte
	g    *signer
	in   *radius.Packet // as the upstream sees it
}

// requestFrom is what readFrom reads.
func requestFrom(p *radius.Packet) (*request, error) {
	r := new(request)
	return r, r.readFrom(p, DefaultProxyStates)
}

func askedWith(t testing.TB, p *radius.Packet) asked {
	t.Helper()
	r, err := requestFrom(p)
	if err != nil {
		t.Fatal(err)
	}
	a := asked{request: r, auth: [16]byte{1, 2, 3, 4}, g: newSigners([]byte(upstreamSecret)).get()}
	r.envelope = envelope{id: 77, auth: a.auth}
	b, err := r.append(nil, a.g)
	if err != nil {
		t.Fatal(err)
	}
	a.in = parse(t, b)
	return a
}

func (a asked) read(b []byte) (realms.Answer, error) {
	err := a.request.read(b, a.g, DefaultSessionTimeout)
	return a.answer, err
}

// hideKey is the sender's side of RFC 2548, section 2.4.2, written from the text.
func hideKey(salt [2]byte, plain []byte, auth [16]byte) []byte {
	plain = append([]byte{byte(len(plain))}, plain...)
	for len(plain)%16 != 0 {
		plain = append(plain, 0)
	}
	out := salt[:]
	last := append(append([]byte(nil), auth[:]...), salt[:]...)
	for ; len(plain) > 0; plain = plain[16:] {
		b := md5.Sum(append([]byte(upstreamSecret), last...))
		for i := range b {
			b[i] ^= plain[i]
		}
		out, last = append(out, b[:]...), b[:]
	}
	return out
}

func ofMicrosoft(kind byte, value []byte) *radius.AVP {
	v := append([]byte{0, 0, 1, 0x37, kind, byte(len(value) + 2)}, value...)
	return &radius.AVP{Type: rfc2865.VendorSpecific_Type, Attribute: v}
}

func mppe(kind byte, key []byte, auth [16]byte) *radius.AVP {
	return ofMicrosoft(kind, hideKey([2]byte{0x80 | kind, 1}, key, auth))
}

func avp(t radius.Type, v string) *radius.AVP { return &radius.AVP{Type: t, Attribute: []byte(v)} }

var (
	recvKey = bytes.Repeat([]byte("r"), 32)
	sendKey = bytes.Repeat([]byte("s"), 32)
)

// placements are the attributes with which an upstream would choose a network,
// and others that it has no business to send.
func placements() (all []*radius.AVP) {
	for _, t := range []radius.Type{11, 64, 65, 81, 56, 57, 58, 59, 92} {
		all = append(all, avp(t, "110"))
	}
	for _, vendor := range []uint32{9, 14179, 14823, 25053, 29671, 1916, 14988, 12356, 14122, 311, 0} {
		v := binary.BigEndian.AppendUint32(nil, vendor)
		all = append(all, avp(rfc2865.VendorSpecific_Type, string(append(v, 2, 6, 0, 0, 0, 110))))
	}
	for _, t := range []radius.Type{6, 7, 8, 9, 10, 12, 13, 14, 15, 18, 19, 20, 22, 28, 29, 34, 35, 36, 37, 60, 62, 63, 69, 85, 88, 97, 100, 126, 168, 217, 241, 245} {
		all = append(all, avp(t, "1234"))
	}
	return all
}

// Holds R12 and S13: whatever an upstream adds, the Answer is the same. The
// Answer has no field that a network could be chosen by; this shows that none of
// the others changes either.
func TestS13WhatAnUpstreamAddsChangesNothing(t *testing.T) {
	a := askedWith(t, askEAP("a@b.example", identity(1, "a@b.example"), avp(rfc2865.ProxyState_Type, "theirs")))
	accept := func(extra ...*radius.AVP) []byte {
		out := reply(a.in, radius.CodeAccessAccept)
		out.Attributes = append(out.Attributes, extra...)
		out.Attributes = append(out.Attributes,
			avp(rfc2865.UserName_Type, "ana@camford.ac.uk"), avp(rfc4372.ChargeableUserIdentity_Type, "cui-1"),
			avp(rfc2865.Class_Type, "c1"), avp(rfc2865.Class_Type, "c2"), avp(rfc2865.SessionTimeout_Type, "\x00\x00\x0e\x10"),
			avp(rfc2865.State_Type, "not on an Accept"), mppe(mppeRecvKey, recvKey, a.auth), mppe(mppeSendKey, sendKey, a.auth))
		addEAP(out, eapPacket(3, 1))
		return sign(out)
	}
	want := realms.Answer{
		Code: radius.CodeAccessAccept, EAP: []byte{3, 1, 0, 4}, Keys: realms.Keys{Recv: recvKey, Send: sendKey},
		UserName: "ana@camford.ac.uk", CUI: []byte("cui-1"), Class: [][]byte{[]byte("c1"), []byte("c2")}, SessionTimeout: 3600,
	}
	for _, extra := range append([][]*radius.AVP{nil, placements()}, single(placements())...) {
		b := accept(extra...)
		if f := a.g.verify(b, &a.auth, false); f != sound {
			t.Fatalf("flaw %d in a sound reply", f)
		}
		got, err := a.read(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("with %v: %+v, %v", extra, got, err)
		}
	}
}

func single(all []*radius.AVP) (lists [][]*radius.AVP) {
	for _, a := range all {
		lists = append(lists, []*radius.AVP{a})
	}
	return lists
}

// Holds R12: replies that contradict themselves or the request are Rejects with
// realms.ErrUpstreamReply; and the ones that merely look odd are not.
func TestRepliesThatContradictThemselves(t *testing.T) {
	const accept, reject, challenge = radius.CodeAccessAccept, radius.CodeAccessReject, radius.CodeAccessChallenge
	success, failure, request := eapPacket(3, 1), eapPacket(4, 1), eapPacket(1, 2, 21, 0x20)
	eap := askedWith(t, askEAP("a@b.example", identity(1, "a@b.example"), avp(rfc2865.ProxyState_Type, "theirs")))
	pap := askedWith(t, papRequest(t, "a@b.example", "password"))
	recv, send := mppe(mppeRecvKey, recvKey, eap.auth), mppe(mppeSendKey, sendKey, eap.auth)
	for name, c := range map[string]struct {
		to    asked
		code  radius.Code
		eap   []byte
		extra []*radius.AVP
		want  error
	}{
		"an Accept":                             {eap, accept, success, nil, nil},
		"an Accept with keys":                   {eap, accept, success, []*radius.AVP{recv, send}, nil},
		"a Challenge":                           {eap, challenge, request, []*radius.AVP{avp(24, "state")}, nil},
		"a Challenge without State":             {eap, challenge, request, nil, nil},
		"a Challenge of several parts":          {eap, challenge, eapPacket(1, 2, append([]byte{21}, make([]byte, 1000)...)...), nil, nil},
		"an Accept to a password":               {pap, accept, nil, nil, nil},
		"Accept, EAP-Failure inside":            {eap, accept, failure, nil, errEAPCode},
		"Accept, EAP-Request inside":            {eap, accept, request, nil, errEAPCode},
		"Accept without EAP":                    {eap, accept, nil, nil, errNoEAP},
		"Accept, EAP-Success with data":         {eap, accept, eapPacket(3, 1, 0), nil, errEAP},
		"Accept, truncated EAP":                 {eap, accept, success[:3], nil, errEAP},
		"Accept to a password with EAP":         {pap, accept, success, nil, errEAPUnasked},
		"Challenge without EAP":                 {eap, challenge, nil, []*radius.AVP{avp(24, "state")}, errNoEAP},
		"Challenge, EAP-Success inside":         {eap, challenge, success, nil, errEAPCode},
		"Challenge, EAP-Request without Type":   {eap, challenge, eapPacket(1, 2), nil, errEAP},
		"Challenge, EAP longer than it says":    {eap, challenge, append(eapPacket(1, 2, 21), 0), nil, errEAP},
		"Challenge, EAP shorter than it says":   {eap, challenge, request[:5], nil, errEAP},
		"Challenge to a password":               {pap, challenge, nil, []*radius.AVP{avp(24, "state")}, errNoEAP},
		"two States":                            {eap, challenge, request, []*radius.AVP{avp(24, "a"), avp(24, "b")}, errState},
		"one key":                               {eap, accept, success, []*radius.AVP{recv}, errKey},
		"a key twice":                           {eap, accept, success, []*radius.AVP{recv, send, recv}, errKey},
		"a short key":                           {eap, accept, success, []*radius.AVP{mppe(16, sendKey[:16], eap.auth), recv}, errKey},
		"a key of another length than it has":   {eap, accept, success, []*radius.AVP{ofMicrosoft(16, make([]byte, 2+15)), recv}, errKey},
		"a key under another secret":            {eap, accept, success, []*radius.AVP{ofMicrosoft(16, make([]byte, 2+48)), recv}, errKey},
		"an empty key":                          {eap, accept, success, []*radius.AVP{ofMicrosoft(16, nil), recv}, errKey},
		"a Microsoft attribute cut off":         {eap, accept, success, []*radius.AVP{avp(26, "\x00\x00\x01\x37\x10\x30")}, errKey},
		"two keys that are none":                {eap, accept, success, []*radius.AVP{ofMicrosoft(16, make([]byte, 2+15)), ofMicrosoft(17, make([]byte, 2+15))}, errKey},
		"nothing of Microsoft's":                {eap, accept, success, []*radius.AVP{avp(26, "\x00\x00\x01\x37")}, nil},
		"something else of Microsoft's":         {eap, accept, success, []*radius.AVP{avp(26, "\x00\x00\x01\x37\x07\x06\x00\x00\x00\x01"), recv, send}, nil},
		"and that is empty":                     {eap, accept, success, []*radius.AVP{avp(26, "\x00\x00\x01\x37\x07\x02"), recv, send}, nil},
		"one without its length":                {eap, accept, success, []*radius.AVP{avp(26, "\x00\x00\x01\x37\x07")}, errKey},
		"one of a single octet":                 {eap, accept, success, []*radius.AVP{avp(26, "\x00\x00\x01\x37\x07\x01")}, errKey},
		"one of none":                           {eap, accept, success, []*radius.AVP{avp(26, "\x00\x00\x01\x37\x07\x00")}, errKey},
		"one that ends behind its attribute":    {eap, accept, success, []*radius.AVP{avp(26, "\x00\x00\x01\x37\x01\x03")}, errKey},
		"a Challenge of five octets":            {eap, challenge, eapPacket(1, 2, 1), nil, nil},
		"an empty State before the State":       {eap, challenge, request, []*radius.AVP{avp(24, ""), avp(24, "state")}, nil},
		"keys on a Challenge are not looked at": {eap, challenge, request, []*radius.AVP{recv, recv}, nil},
		"a Reject":                              {eap, reject, failure, nil, nil},
		"a Reject without EAP":                  {eap, reject, nil, nil, nil},
		"a Reject, EAP-Success inside":          {eap, reject, success, nil, nil},
		"a Reject to a password with EAP":       {pap, reject, failure, nil, nil},
		"a Proxy-State too many":                {eap, accept, success, []*radius.AVP{avp(33, "x")}, errProxyState},
	} {
		out := reply(c.to.in, c.code)
		out.Attributes = append(out.Attributes, c.extra...)
		if c.eap != nil {
			addEAP(out, c.eap)
		}
		got, err := c.to.read(sign(out))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		want := realms.Answer{Code: radius.CodeAccessReject}
		if c.to.eap {
			want.EAP = []byte{4, 1, 0, 4}
		}
		if (c.want != nil || c.code == reject) && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want a bare Reject with EAP-Failure", name, got)
		}
		if c.want == nil && (got.Code != c.code || c.code != reject && !bytes.Equal(got.EAP, c.eap)) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Only an Accept says who somebody is and what the keys are.
func TestOnlyAnAcceptSaysWho(t *testing.T) {
	a := askedWith(t, askEAP("a@b.example", identity(1, "a@b.example")))
	extra := []*radius.AVP{avp(1, "ana@camford.ac.uk"), avp(1, "bob@camford.ac.uk"), avp(89, "cui-1"), avp(25, "class"), avp(27, "\x00\x00\x00\x3c"), avp(24, "state"),
		mppe(mppeRecvKey, recvKey, a.auth), mppe(mppeSendKey, sendKey, a.auth)}
	for _, c := range []struct {
		eap  []byte
		want realms.Answer
	}{
		{eapPacket(1, 2, 21), realms.Answer{Code: radius.CodeAccessChallenge, EAP: eapPacket(1, 2, 21), State: []byte("state"), SessionTimeout: 60}},
		{eapPacket(4, 9), realms.Answer{Code: radius.CodeAccessReject, EAP: eapPacket(4, 1)}}, // with the number of the device's own message
	} {
		out := reply(a.in, c.want.Code)
		out.Attributes = append(out.Attributes, extra...)
		addEAP(out, c.eap)
		if got, err := a.read(sign(out)); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v, %v; want %+v", got, err, c.want)
		}
	}
}

// RADIUS/1.1 hides nothing: a key is its 32 octets and no others.
func TestKeysInTheClear(t *testing.T) {
	a := askedWith(t, askEAP("a@b.example", identity(1, "a@b.example")))
	for _, n := range []int{0, 16, 31, 32, 33, 50} {
		out := reply(a.in, radius.CodeAccessAccept)
		out.Attributes = append(out.Attributes, ofMicrosoft(mppeRecvKey, make([]byte, n)), ofMicrosoft(mppeSendKey, bytes.Repeat([]byte("s"), n)))
		addEAP(out, eapPacket(3, 1))
		a.envelope.v11 = true
		err := a.request.read(sign(out), a.g, DefaultSessionTimeout)
		got := a.answer
		if n != keyLength {
			if !errors.Is(err, errKey) || got.Code != radius.CodeAccessReject {
				t.Errorf("keys of %d octets: %v, %v", n, got.Code, err)
			}
		} else if err != nil || !bytes.Equal(got.Keys.Send, sendKey) || !bytes.Equal(got.Keys.Recv, make([]byte, n)) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// All that outlives a reply is copied out of it into one piece: State and EAP of a
// Challenge, CUI, Classes and EAP of an Accept.
func TestWhatOutlivesAReplyIsOnePiece(t *testing.T) {
	a := askedWith(t, askEAP("a@b.example", identity(1, "a@b.example")))
	for name, c := range map[string]struct {
		code  radius.Code
		eap   []byte
		extra []*radius.AVP
		want  float64
	}{
		"a Challenge":               {radius.CodeAccessChallenge, eapPacket(1, 2, append([]byte{21}, make([]byte, 1200)...)...), []*radius.AVP{avp(24, "state")}, 1},
		"a Challenge without State": {radius.CodeAccessChallenge, eapPacket(1, 2, append([]byte{21}, make([]byte, 1200)...)...), nil, 1},
		"an Accept":                 {radius.CodeAccessAccept, eapPacket(3, 1), []*radius.AVP{avp(89, "cui"), avp(25, "class")}, 2}, // and the list of Classes
	} {
		out := reply(a.in, c.code)
		out.Attributes = append(out.Attributes, c.extra...)
		addEAP(out, c.eap)
		b := sign(out)
		if got := testing.AllocsPerRun(100, func() { _ = a.request.read(b, a.g, DefaultSessionTimeout) }); got != c.want {
			t.Errorf("%s: %v allocations, want %v", name, got, c.want)
		}
	}
}

// Holds P2 and P3 on the way in.
func TestP2ProxyStatesComeBackUnmodifiedAndInOrder(t *testing.T) {
	p := papRequest(t, "a@b.example", "password")
	p.Add(rfc2865.ProxyState_Type, []byte("one"))
	p.Add(rfc2865.ProxyState_Type, []byte("two"))
	a := askedWith(t, p)
	own := string(proxyTag())
	for returned, want := range map[string]error{
		"one two " + own:           nil,
		"":                         errProxyState,
		"one two":                  errProxyState,
		"two one " + own:           errProxyState,
		own + " one two":           errProxyState,
		"one two " + own + "x":     errProxyState,
		"one two " + own + " more": errProxyState,
		"one TWO " + own:           errProxyState,
	} {
		out := a.in.Response(radius.CodeAccessAccept)
		for _, v := range bytes.Fields([]byte(returned)) {
			out.Add(rfc2865.ProxyState_Type, v)
		}
		if _, err := a.read(sign(out)); !errors.Is(err, want) {
			t.Errorf("%q came back: %v, want %v", returned, err, want)
		}
	}
}

func TestSmallPrintOfReplies(t *testing.T) {
	a := askedWith(t, papRequest(t, "a@b.example", "password"))
	read := func(extra ...*radius.AVP) realms.Answer {
		out := reply(a.in, radius.CodeAccessAccept)
		out.Attributes = append(out.Attributes, extra...)
		got, err := a.read(sign(out))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := read(avp(27, "\xff\xff\xff\xff")).SessionTimeout; got != DefaultSessionTimeout {
		t.Errorf("a Session-Timeout of %d s passed", got)
	}
	if got := read(avp(27, "\xff\xff")).SessionTimeout; got != 0 {
		t.Errorf("a Session-Timeout of two octets is %d s", got)
	}
	if got := read(avp(89, "\x00")).CUI; got != nil {
		t.Errorf("the question for a CUI is taken for one: %q", got)
	}
	for _, name := range []string{"ana\r\nFAKE log line", "ana\x7f", "\x1fana", ""} {
		if got := read(avp(1, name)).UserName; got != "" {
			t.Errorf("a User-Name that cannot be shown passed: %q", got)
		}
	}
	if got := read(avp(1, "ana\x00"), avp(1, "Ana Müller~"), avp(1, "bob")).UserName; got != "Ana Müller~" {
		t.Errorf("of three User-Names %q passed", got)
	}
	if got := read(avp(89, ""), avp(89, "cui-1"), avp(89, "cui-2")).CUI; string(got) != "cui-1" {
		t.Errorf("of three CUIs %q passed", got)
	}
	if got := read(avp(25, ""), avp(25, "c1")).Class; len(got) != 1 {
		t.Errorf("a Class without a value passed: %q", got)
	}
	if got := showCUI([]byte{0, 1, 0xff}); got != "0x0001ff" {
		t.Errorf("a binary CUI shows as %q", got)
	}
	if got := showCUI([]byte("!abc-1~")); got != "!abc-1~" {
		t.Errorf("a CUI of text shows as %q", got)
	}
	for cui, want := range map[string]string{"a b": "0x612062", "a\x7f": "0x617f"} {
		if got := showCUI([]byte(cui)); got != want {
			t.Errorf("the CUI %q shows as %q", cui, got)
		}
	}
	if got := showCUI(nil); got != "" {
		t.Errorf("no CUI shows as %q", got)
	}
}

// Holds S1 for replies and P4, P5, P18.
func TestS1FlawsOfReplies(t *testing.T) {
	a := askedWith(t, papRequest(t, "a@b.example", "password"))
	good := sign(reply(a.in, radius.CodeAccessAccept))
	judge := func(b []byte, unsignedToo bool) flaw {
		b, ok := trim(b)
		if !ok {
			return malformed
		}
		return a.g.verify(b, &a.auth, unsignedToo)
	}
	if f := judge(good, false); f != sound {
		t.Fatalf("flaw %d in a sound reply", f)
	}
	if f := judge(append(good, "behind the Length"...), false); f != sound {
		t.Errorf("P4: octets behind the Length make flaw %d", f)
	}
	for bit := range len(good) * 8 {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		if judge(b, false) == sound {
			t.Errorf("bit %d flipped and the reply stands", bit)
		}
	}
	for n := range good {
		if f := judge(good[:n], false); f != malformed {
			t.Errorf("P5: %d octets of %d make flaw %d", n, len(good), f)
		}
	}
	bare := withoutMAC(reply(a.in, radius.CodeAccessAccept))
	if f := judge(bare, false); f != unsigned {
		t.Errorf("a reply without Message-Authenticator has flaw %d", f)
	}
	if f := judge(bare, true); f != sound {
		t.Errorf("the exception does not work: flaw %d", f)
	}
	wrong := reply(a.in, radius.CodeAccessAccept)
	wrong.Add(rfc2869.MessageAuthenticator_Type, []byte(strings.Repeat("x", 16)))
	for _, lenient := range []bool{false, true} {
		if f := judge(withoutMAC(wrong), lenient); f != signedWrongly {
			t.Errorf("a wrong Message-Authenticator has flaw %d", f)
		}
		if f := judge(sign(wrong), lenient); f != signedWrongly {
			t.Errorf("two Message-Authenticators have flaw %d", f)
		}
	}
	twice := reply(a.in, radius.CodeAccessAccept)
	twice.Attributes = append(radius.Attributes{avp(80, strings.Repeat("x", 16)), avp(80, strings.Repeat("\x00", 16))}, twice.Attributes...)
	b, _ := twice.MarshalBinary()
	copy(b[40:], a.g.messageAuthenticator(a.g.layOut(b, &a.auth), 40)) // the second one is right
	if f := judge(resign(b, twice), false); f != signedWrongly {
		t.Errorf("two Message-Authenticators, the second right, have flaw %d", f)
	}
	other := reply(a.in, radius.CodeAccessAccept)
	other.Secret = []byte("another secret, as long as")
	if f := judge(sign(other), false); f != forged {
		t.Errorf("another secret has flaw %d", f)
	}
}

// Holds P4 and P5: what is one packet, and where it ends.
func TestWhereAPacketEnds(t *testing.T) {
	for name, c := range map[string]struct {
		says       int    // its Length
		attributes string // what follows the header
		want       int    // octets; 0: it is no packet
	}{
		"a header":                                   {20, "", 20},
		"octets behind it":                           {20, "\x01\x00\x00", 20},
		"an attribute":                               {23, "\x01\x03a", 23},
		"an attribute without a value":               {22, "\x01\x02", 22},
		"an attribute, and half of one behind":       {23, "\x01\x03a\x02", 23},
		"a Length less than a header":                {19, "\x01\x03a", 0},
		"a Length of nothing":                        {0, "\x01\x03a", 0},
		"a Length of more than came":                 {24, "\x01\x03a", 0},
		"the longest":                                {4096, strings.Repeat("\x01\x02", 2038), 4096},
		"one longer":                                 {4098, strings.Repeat("\x01\x02", 2039), 0},
		"an attribute that begins and is no more":    {24, "\x01\x03a\x02", 0},
		"an attribute of one octet":                  {22, "\x01\x01", 0},
		"an attribute of none":                       {22, "\x01\x00", 0},
		"one octet too long":                         {22, "\x01\x03", 0},
		"too long for the Length, not for what came": {22, "\x01\x03a", 0},
	} {
		b := append(make([]byte, 20), c.attributes...)
		binary.BigEndian.PutUint16(b[2:], uint16(c.says))
		got, ok := trim(b)
		if ok != (c.want > 0) || len(got) != c.want || ok && &got[0] != &b[0] {
			t.Errorf("%s: %d octets, %t; want %d", name, len(got), ok, c.want)
		}
	}
	for n := range 20 {
		if _, ok := trim(make([]byte, n)); ok {
			t.Errorf("%d octets are a packet", n)
		}
	}
}

// FuzzReply looks for a panic, for a reply that stands though its sender did not
// have the secret, and for an Answer that breaks its own rules.
func FuzzReply(f *testing.F) {
	a := askedWith(f, askEAP("a@b.example", identity(1, "a@b.example"), avp(rfc2865.ProxyState_Type, "theirs")))
	for _, code := range []radius.Code{radius.CodeAccessAccept, radius.CodeAccessReject, radius.CodeAccessChallenge, radius.CodeCoAACK} {
		out := reply(a.in, code)
		out.Attributes = append(out.Attributes, placements()...)
		out.Attributes = append(out.Attributes, mppe(16, sendKey, a.auth), mppe(17, recvKey, a.auth), avp(24, "state"), avp(89, "cui"))
		addEAP(out, eapPacket(3, 1))
		b, _ := out.MarshalBinary()
		f.Add(b)
	}
	f.Add([]byte{2, 77, 0, 20})
	f.Fuzz(func(t *testing.T, b []byte) {
		b, ok := trim(b)
		if !ok {
			return
		}
		if a.g.verify(b, &a.auth, false) == sound {
			t.Fatal("forged without the secret")
		}
		got, err := a.read(b)
		if err != nil && got.Code != radius.CodeAccessReject {
			t.Fatalf("%v, and yet %v", err, got.Code)
		}
		if got.Code == radius.CodeAccessAccept && (len(got.EAP) != 4 || got.EAP[0] != 3) {
			t.Fatalf("an Accept with EAP %x", got.EAP)
		}
		if n := len(got.Keys.Recv); n != len(got.Keys.Send) || n != 0 && n != keyLength {
			t.Fatalf("keys of %d and %d octets", n, len(got.Keys.Send))
		}
		if got.SessionTimeout > DefaultSessionTimeout {
			t.Fatalf("a Session-Timeout of %d", got.SessionTimeout)
		}
	})
}

// FuzzRequest looks for a panic on the way out.
func FuzzRequest(f *testing.F) {
	p := askEAP("a@b.example", identity(1, "a@b.example"), avp(31, "0010a42319c0"), avp(30, "00:10:a4:23:19:c0:eduroam"))
	b, _ := p.MarshalBinary()
	f.Add(b)
	p = papRequest(f, "a@b.example", "password")
	b, _ = p.MarshalBinary()
	f.Add(b)
	g := newSigners([]byte(upstreamSecret)).get()
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := radius.Parse(b, []byte(clientSecret))
		if err != nil {
			return
		}
		r, err := requestFrom(p)
		if err != nil {
			return
		}
		r.envelope = envelope{operator: "northbridge.nhs.uk", askCUI: true}
		out, err := r.append(nil, g)
		if err != nil {
			return
		}
		if _, ok := trim(out); !ok || len(out) > maxPacket {
			t.Fatalf("what left is no packet: %x", out)
		}
	})
}
