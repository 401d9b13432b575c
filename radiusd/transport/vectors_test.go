package transport

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"testing"

	"layeh.com/radius"
)

const rfcSecret = "xyzzy5461"

func TestResponseAuthenticatorOfTheRFCs(t *testing.T) {
	files, err := filepath.Glob("testdata/*.hex")
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		v := vector(t, file)
		got := newDigester().authenticator(newKey(rfcSecret), v["reply"], (*[16]byte)(v["request"][4:20]))
		if !bytes.Equal(got, v["reply"][4:20]) {
			t.Errorf("%s: %x, want %x", file, got, v["reply"][4:20])
		}
	}
}

// Holds P60 and R24: the RFC's own Status-Server is genuine, and is not with any
// one bit changed (S2).
func TestStatusServerOfRFC5997(t *testing.T) {
	client := &Client{Name: "rfc", key: newKey(rfcSecret)}
	for file, r := range map[string]role{"testdata/rfc5997-6.1.hex": access, "testdata/rfc5997-6.2.hex": accounting} {
		request := vector(t, file)["request"]
		s, cause := outline(request)
		if cause == causeNone {
			cause = judge(&s, r, client, newDigester())
		}
		if cause != causeNone {
			t.Fatalf("%s: %v", file, cause)
		}
		everyBitMatters(t, request, r, client)
	}
}

// everyBitMatters flips each bit of b in turn: none of the results is genuine.
func everyBitMatters(t *testing.T, b []byte, r role, client *Client) {
	t.Helper()
	d := newDigester()
	for bit := range len(b) * 8 {
		flipped := bytes.Clone(b)
		flipped[bit/8] ^= 1 << (bit % 8)
		s, cause := outline(flipped)
		if cause == causeNone {
			cause = judge(&s, r, client, d)
		}
		if cause == causeNone {
			t.Errorf("octet %d with bit %d flipped is taken for genuine", bit/8, bit%8)
		}
	}
}

func TestS2EveryBitMatters(t *testing.T) {
	client := &Client{Name: "wlc", key: newKey(testSecret)}
	everyBitMatters(t, accessDraft(1).bytes(), access, client)
	account := newDraft(radius.CodeAccountingRequest, 1).add(40, []byte{0, 0, 0, 1}).text(44, "5F3A0001")
	everyBitMatters(t, account.bytes(), accounting, client)
	account.unsigned = true
	everyBitMatters(t, account.bytes(), accounting, client)
}

func TestJudge(t *testing.T) {
	strict := &Client{Name: "strict", key: newKey(testSecret)}
	lenient := &Client{Name: "lenient", key: newKey(testSecret), WithoutMessageAuthenticator: true}
	unsigned := func(d *draft) *draft { d.unsigned = true; return d }
	pap := func() *draft {
		return newDraft(radius.CodeAccessRequest, 1).text(1, "u@r.example").add(2, make([]byte, 16))
	}
	wrong := func(d *draft) *draft { d.secret = "another secret, a wrong one"; return d }
	acct := func() *draft { return newDraft(radius.CodeAccountingRequest, 1).add(40, []byte{0, 0, 0, 1}) }
	status := func() *draft { return newDraft(radius.CodeStatusServer, 1) }
	tests := []struct {
		name   string
		packet []byte
		role   role
		client *Client
		want   Cause
	}{
		{"S1 signed", pap().bytes(), access, strict, causeNone},
		{"S1 unsigned", unsigned(pap()).bytes(), access, strict, NoMessageAuthenticator},
		{"S1 unsigned, excepted", unsigned(pap()).bytes(), access, lenient, causeNone},
		{"P18 badly signed, excepted", wrong(pap()).bytes(), access, lenient, BadMessageAuthenticator},
		{"P18 badly signed", wrong(pap()).bytes(), access, strict, BadMessageAuthenticator},
		{"RFC 3579: EAP is signed or nothing", unsigned(accessDraft(1)).bytes(), access, lenient, NoMessageAuthenticator},
		{"S1 Proxy-State is signed or nothing", unsigned(pap().text(33, "x")).bytes(), access, lenient, NoMessageAuthenticator},
		{"two signatures", pap().add(80, make([]byte, 16)).bytes(), access, lenient, SeveralMessageAuthenticators},
		{"accounting", acct().bytes(), accounting, strict, causeNone},
		{"accounting, unsigned", unsigned(acct()).bytes(), accounting, strict, causeNone},
		{"accounting, wrong secret", unsigned(wrong(acct())).bytes(), accounting, strict, BadRequestAuthenticator},
		{"accounting on the access port", acct().bytes(), access, strict, UnexpectedCode},
		{"access on the accounting port", pap().bytes(), accounting, strict, UnexpectedCode},
		{"a reply", newDraft(radius.CodeAccessAccept, 1).bytes(), access, strict, UnexpectedCode},
		{"a Disconnect", newDraft(radius.CodeDisconnectRequest, 1).bytes(), access, strict, UnexpectedCode},
		{"P60 status", status().bytes(), access, strict, causeNone},
		{"P60 status on accounting", status().bytes(), accounting, strict, causeNone},
		{"P60 status unsigned, excepted", unsigned(status()).bytes(), access, lenient, NoMessageAuthenticator},
		{"P60 status badly signed", wrong(status()).bytes(), access, strict, BadMessageAuthenticator},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, cause := outline(test.packet)
			if cause == causeNone {
				cause = judge(&s, test.role, test.client, newDigester())
			}
			if cause != test.want {
				t.Errorf("%q, want %q", cause, test.want)
			}
		})
	}
}

// An accounting request whose authenticator is right and whose
// Message-Authenticator is not is still refused (P18).
func TestP18AccountingMessageAuthenticator(t *testing.T) {
	client := &Client{Name: "wlc", key: newKey(testSecret)}
	d := newDraft(radius.CodeAccountingRequest, 9).add(40, []byte{0, 0, 0, 1}).add(80, bytes.Repeat([]byte{7}, 16))
	d.unsigned = true
	s, _ := outline(d.bytes())
	if cause := judge(&s, accounting, client, newDigester()); cause != BadMessageAuthenticator {
		t.Errorf("%q", cause)
	}
}

func TestDigesterAgainstCryptoHMAC(t *testing.T) {
	for _, n := range []int{1, 16, 63, 64, 65, 200} {
		secret := string(bytes.Repeat([]byte("k"), n))
		d := accessDraft(3)
		d.secret = secret
		b := d.bytes()
		s, _ := outline(b)
		got := newDigester().messageAuthenticator(&[]key{*newKey(secretOf([]byte(secret)))}[0], b, s.authenticator(), s.value)
		if !bytes.Equal(got, b[s.value:s.value+16]) {
			t.Errorf("a secret of %d octets: %x", n, got)
		}
	}
}

func newDraftRaw(attributes []byte) []byte {
	d := newDraft(radius.CodeAccessRequest, 1)
	d.attributes, d.unsigned = attributes, true
	return d.bytes()
}

func TestP5OutlineRefusesMalformedPackets(t *testing.T) {
	good := newDraft(radius.CodeAccessRequest, 1).text(1, "user").bytes()
	with := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(good)) }
	length := func(n int) []byte {
		return with(func(b []byte) []byte { binary.BigEndian.PutUint16(b[2:], uint16(n)); return b })
	}
	tests := []struct {
		name string
		b    []byte
		want Cause
	}{
		{"whole", good, causeNone},
		{"P4 octets past Length", append(bytes.Clone(good), 1, 0, 7), causeNone},
		{"nothing", nil, TooShort},
		{"nineteen octets", good[:19], TooShort},
		{"shorter than Length", good[:len(good)-1], BadLength},
		{"Length under twenty", length(19), BadLength},
		{"Length over 4096", append(length(4097), make([]byte, 4097)...), BadLength},
		{"half an attribute", length(21), MalformedAttribute},
		{"attribute of one octet", with(func(b []byte) []byte { b[21] = 1; return b }), MalformedAttribute},
		{"attribute of one octet before a whole one", newDraftRaw([]byte{5, 1, 2}), MalformedAttribute},
		{"attribute of no length", with(func(b []byte) []byte { b[21] = 0; return b }), MalformedAttribute},
		{"attribute past the end", with(func(b []byte) []byte { b[21] = 200; return b }), MalformedAttribute},
		{"attribute 0", with(func(b []byte) []byte { b[20] = 0; return b }), MalformedAttribute},
		{"short Message-Authenticator", newDraft(1, 1).add(80, make([]byte, 15)).bytes(), MalformedAttribute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, cause := outline(test.b)
			if cause != test.want {
				t.Fatalf("%q, want %q", cause, test.want)
			}
			if cause == causeNone && !bytes.Equal(s.packet, good) {
				t.Error("the packet is not cut at Length")
			}
		})
	}
}

// Holds P7: the slab gives what layeh's parser gives, in order, octet for octet.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.hex")
	for _, file := range files {
		v := vector(f, file)
		f.Add(v["request"])
		f.Add(v["reply"])
	}
	f.Add(accessDraft(1).bytes())
	many := newDraft(radius.CodeAccessRequest, 2)
	for range 40 {
		many.text(33, "p").add(18, nil)
	}
	f.Add(many.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, cause := outline(b)
		want, err := radius.Parse(b, []byte(testSecret))
		if cause != causeNone {
			return // stricter than layeh's: attribute 0, Message-Authenticator's length
		}
		if err != nil {
			t.Fatalf("accepted what layeh refuses: %v", err)
		}
		before := bytes.Clone(b)
		client := &Client{Name: "x", key: newKey(testSecret)}
		judge(&s, access, client, newDigester())
		judge(&s, accounting, client, newDigester())
		got := s.build([]byte(testSecret)).request.Packet
		if !bytes.Equal(before, b) {
			t.Fatal("the receive buffer was written to")
		}
		if got.Code != want.Code || got.Identifier != want.Identifier || got.Authenticator != want.Authenticator || len(got.Attributes) != len(want.Attributes) {
			t.Fatalf("%+v, want %+v", got, want)
		}
		for i, a := range got.Attributes {
			if a.Type != want.Attributes[i].Type || !bytes.Equal(a.Attribute, want.Attributes[i].Attribute) || (a.Attribute == nil) != (want.Attributes[i].Attribute == nil) {
				t.Fatalf("attribute %d is %v, want %v", i, a, want.Attributes[i])
			}
			if cap(a.Attribute) != len(a.Attribute) {
				t.Fatal("appending to an attribute would reach the next")
			}
		}
		_, _ = EAP(got)
		_, _ = Credentials(got)
		NASName(got)
		for _, from := range made {
			SSID(from, got)
		}
	})
}
