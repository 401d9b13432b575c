package transport

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/vendors/microsoft"
)

func TestEncodeOrder(t *testing.T) { // Holds S1, P2, P3, P7, P17.
	d := accessDraft(42).text(33, "first").text(25, "between").add(33, nil).text(33, "first").add(33, []byte{0, 255})
	octets := d.bytes()
	req := parseRequest(t, octets, nil)

	reply := req.Packet.Response(radius.CodeAccessChallenge)
	reply.Add(33, radius.Attribute("not the client's"))
	reply.Add(18, radius.Attribute("one"))
	AddEAP(reply, bytes.Repeat([]byte("e"), 300))
	reply.Add(18, radius.Attribute("two"))
	reply.Add(80, make([]byte, 16))
	AddEAP(reply, []byte("late"))
	reply.Add(24, radius.Attribute("state"))
	wire, err := Encode(req, reply)
	if err != nil {
		t.Fatal(err)
	}
	p := verifyReply(t, octets, wire, true)
	var got []string
	for _, a := range p.Attributes {
		got = append(got, fmt.Sprintf("%d/%d", a.Type, len(a.Attribute)))
	}
	want := "[80/16 18/3 79/253 79/47 79/4 18/3 24/5 33/5 33/0 33/5 33/2]"
	if fmt.Sprint(got) != want {
		t.Errorf("attributes %v, want %s", got, want)
	}
	if eap, err := EAP(p); err != nil || string(eap) != string(bytes.Repeat([]byte("e"), 300))+"late" {
		t.Errorf("EAP %q %v", eap, err)
	}
	if last := p.Attributes[len(p.Attributes)-1].Attribute; !bytes.Equal(last, []byte{0, 255}) {
		t.Errorf("the last Proxy-State is %x", last)
	}
}

func TestEncodeCodes(t *testing.T) {
	for request, replies := range map[radius.Code][]radius.Code{
		radius.CodeAccessRequest:     {2, 3, 11},
		radius.CodeAccountingRequest: {5},
		radius.CodeStatusServer:      {2, 5},
	} {
		octets := newDraft(request, 7).bytes()
		req := parseRequest(t, octets, nil)
		for code := radius.Code(0); code < 60; code++ {
			wire, err := Encode(req, &radius.Packet{Code: code})
			allowed := bytes.IndexByte(codes(replies), byte(code)) >= 0
			if allowed != (err == nil) || !allowed && !errors.Is(err, ErrReplyCode) {
				t.Fatalf("%v to %v: %v", code, request, err)
			}
			if allowed {
				verifyReply(t, octets, wire, request != radius.CodeAccountingRequest)
			}
		}
	}
}

func codes(list []radius.Code) (b []byte) {
	for _, c := range list {
		b = append(b, byte(c))
	}
	return b
}

// Holds R29: 4096 octets and not one more.
func TestR29EncodeLimit(t *testing.T) {
	octets := newDraft(radius.CodeAccessRequest, 7).text(33, "ps").bytes()
	req := parseRequest(t, octets, nil)
	fill := 4096 - 20 - 18 - 4
	reply := func(n int) *radius.Packet {
		p := req.Packet.Response(radius.CodeAccessAccept)
		for n > 0 {
			size := min(n, 255)
			if n-size == 1 {
				size--
			}
			p.Add(18, make(radius.Attribute, size-2))
			n -= size
		}
		return p
	}
	wire, err := Encode(req, reply(fill))
	if err != nil || len(wire) != 4096 {
		t.Fatal(len(wire), err)
	}
	verifyReply(t, octets, wire, true)
	_, err = Encode(req, reply(fill+1))
	var tooLong *TooLongError
	if !errors.As(err, &tooLong) || tooLong.Length != 4097 {
		t.Errorf("%v, want a TooLongError of 4097", err)
	}
}

func TestEncodeRefusesBadAttributes(t *testing.T) {
	req := parseRequest(t, newDraft(radius.CodeAccessRequest, 7).bytes(), nil)
	for _, a := range []radius.AVP{{Type: 0}, {Type: -1}, {Type: 256}, {Type: 18, Attribute: make(radius.Attribute, 254)}} {
		reply := req.Packet.Response(radius.CodeAccessReject)
		reply.Add(a.Type, a.Attribute)
		var bad *AttributeError
		if _, err := Encode(req, reply); !errors.As(err, &bad) || bad.Type != a.Type {
			t.Errorf("attribute %d: %v", a.Type, err)
		}
	}
}

func TestEAP(t *testing.T) {
	packet := func(attributes ...radius.AVP) *radius.Packet {
		p := &radius.Packet{}
		for _, a := range attributes {
			p.Add(a.Type, a.Attribute)
		}
		return p
	}
	part := func(s string) radius.AVP { return radius.AVP{Type: 79, Attribute: radius.Attribute(s)} }
	other := radius.AVP{Type: 1, Attribute: radius.Attribute("u")}
	tests := []struct {
		name string
		p    *radius.Packet
		want []byte
		err  error
	}{
		{"none", packet(other), nil, nil},
		{"EAP-Start", packet(other, part("")), []byte{}, nil},
		{"one", packet(other, part("abc"), other), []byte("abc"), nil},
		{"two", packet(part("abc"), part("def")), []byte("abcdef"), nil},
		{"P17 scattered", packet(part("abc"), other, part("def")), nil, ErrEAPScattered},
	}
	for _, test := range tests {
		got, err := EAP(test.p)
		if !errors.Is(err, test.err) || !bytes.Equal(got, test.want) || (got == nil) != (test.want == nil) {
			t.Errorf("%s: %q %v", test.name, got, err)
		}
	}
	for _, n := range []int{0, 1, 253, 254, 506, 1020} {
		p := &radius.Packet{}
		AddEAP(p, bytes.Repeat([]byte{9}, n))
		got, err := EAP(p)
		if err != nil || len(got) != n || len(p.Attributes) != (n+252)/253 {
			t.Errorf("%d octets: %d back in %d attributes, %v", n, len(got), len(p.Attributes), err)
		}
	}
}

// Holds S17's salts; layeh's own decryption judges the encryption (RFC 2548).
func TestS17KeysRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, 31, 32, 64, maxKey} {
		request := radius.New(radius.CodeAccessRequest, []byte(testSecret))
		reply := request.Response(radius.CodeAccessAccept)
		recv, send := bytes.Repeat([]byte{0xa1}, n), bytes.Repeat([]byte{0xb2}, n)
		AddKeys(reply, recv, send)
		if got := microsoft.MSMPPERecvKey_Get(reply, request); !bytes.Equal(got, recv) {
			t.Errorf("%d octets: receive key %x", n, got)
		}
		if got := microsoft.MSMPPESendKey_Get(reply, request); !bytes.Equal(got, send) {
			t.Errorf("%d octets: send key %x", n, got)
		}
		a, b := reply.Attributes[0].Attribute[6:8], reply.Attributes[1].Attribute[6:8]
		if a[0]&b[0]&0x80 == 0 || bytes.Equal(a, b) {
			t.Errorf("salts %x and %x", a, b)
		}
		if request.Authenticator != reply.Authenticator {
			t.Error("the authenticator was written to")
		}
	}
}

func TestS17KeysAreNeverSentInTheClear(t *testing.T) {
	defer func() {
		if value := recover(); value == nil || bytes.Contains([]byte(fmt.Sprint(value)), []byte("topsecret")) {
			t.Errorf("panic with %v", value)
		}
	}()
	AddKeys(&radius.Packet{}, []byte("topsecret"), nil)
}

func TestCredentials(t *testing.T) { // Holds S8, P6.
	var (
		pap     = radius.AVP{Type: 2, Attribute: make(radius.Attribute, 16)}
		chap    = radius.AVP{Type: 3, Attribute: make(radius.Attribute, 17)}
		eap     = radius.AVP{Type: 79, Attribute: radius.Attribute("e")}
		mschap  = radius.AVP{Type: 26, Attribute: append([]byte{0, 0, 1, 55, 11, 4, 1, 2, 25, 52}, make([]byte, 50)...)}
		mschap1 = radius.AVP{Type: 26, Attribute: append([]byte{0, 0, 1, 55, 1, 52}, make([]byte, 50)...)}
		other   = radius.AVP{Type: 26, Attribute: []byte{0, 0, 0, 9, 25, 3, 1}}
		short   = radius.AVP{Type: 2, Attribute: make(radius.Attribute, 15)}
		long    = radius.AVP{Type: 2, Attribute: make(radius.Attribute, 144)}
		empty   = radius.AVP{Type: 2}
		chap16  = radius.AVP{Type: 3, Attribute: make(radius.Attribute, 16)}
	)
	tests := []struct {
		list []radius.AVP
		kind Credential
		err  error
	}{
		{nil, CredentialNone, ErrNoCredentials},
		{[]radius.AVP{other}, CredentialNone, ErrNoCredentials},
		{[]radius.AVP{pap, other}, CredentialPAP, nil},
		{[]radius.AVP{chap}, CredentialCHAP, nil},
		{[]radius.AVP{mschap}, CredentialMSCHAP, nil},
		{[]radius.AVP{mschap1}, CredentialMSCHAP, nil},
		{[]radius.AVP{eap, eap}, CredentialEAP, nil},
		{[]radius.AVP{short}, CredentialPAP, ErrMalformedCredential},
		{[]radius.AVP{long}, CredentialPAP, ErrMalformedCredential},
		{[]radius.AVP{empty}, CredentialPAP, ErrMalformedCredential},
		{[]radius.AVP{chap16}, CredentialCHAP, ErrMalformedCredential},
		{[]radius.AVP{pap, pap}, CredentialMixed, ErrMixedCredentials},
	}
	all := []radius.AVP{pap, chap, mschap, eap}
	for i, a := range all {
		for j, b := range all {
			if i != j {
				tests = append(tests, struct {
					list []radius.AVP
					kind Credential
					err  error
				}{[]radius.AVP{a, other, b}, CredentialMixed, ErrMixedCredentials})
			}
		}
	}
	for i, test := range tests {
		p := &radius.Packet{}
		for _, a := range test.list {
			p.Add(a.Type, a.Attribute)
		}
		if kind, err := Credentials(p); kind != test.kind || !errors.Is(err, test.err) {
			t.Errorf("%d: %q %v, want %q %v", i, kind, err, test.kind, test.err)
		}
	}
}
