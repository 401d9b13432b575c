package vlan

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"layeh.com/radius"
)

// Holds RFC 5176, section 3: which attributes say whose session it is, which may be there
// beside them, and that no other may. The table is written out once more.
func TestAttributesOfASession(t *testing.T) {
	whose := []byte{1, 5, 8, 31, 44, 50, 87, 89, 96, 97}
	beside := []byte{4, 30, 32, 33, 55, 61, 80, 95}
	a := mustAssign(t, mustNew(t, worded("hostapd", "", nil, nil)), visitor)
	for code := range 256 {
		alone := radiusHeader(40, tlv(byte(code), []byte("x123"))) // a Disconnect-Request
		err := a.VerifyChange(alone)
		if is := slices.Contains(whose, byte(code)); (err == nil) != is {
			t.Errorf("attribute %d alone: %v", code, err)
		}
		if err != nil && !errors.Is(err, ErrZoneGuard) {
			t.Errorf("attribute %d alone: %v", code, err)
		}
		both := radiusHeader(40, slices.Concat(tlv(44, []byte("5f3a")), tlv(byte(code), []byte("x123"))))
		is := slices.Contains(whose, byte(code)) || slices.Contains(beside, byte(code))
		if err := a.VerifyChange(both); (err == nil) != is {
			t.Errorf("attribute %d beside a session: %v", code, err)
		}
		request := radius.New(radius.CodeCoARequest, nil)
		request.Add(44, []byte("5f3a"))
		request.Add(radius.Type(code), []byte("x123"))
		if err := a.TagChange(request); (err == nil) != is {
			t.Errorf("attribute %d beside a session that is to move: %v", code, err)
		}
	}
	for _, code := range []radius.Type{44 + 256, 44 - 256, -1, 256} {
		request := radius.New(radius.CodeCoARequest, nil)
		request.Attributes = append(request.Attributes, &radius.AVP{Type: 44, Attribute: []byte("x")}, &radius.AVP{Type: code, Attribute: []byte("x")})
		if err := a.TagChange(request); !errors.Is(err, ErrZoneGuard) || len(request.Attributes) != 2 {
			t.Errorf("type %d: %v", code, err)
		}
	}
}

// A session is named once it is, whatever follows, and not by what is empty.
func TestASessionStaysNamed(t *testing.T) {
	cisco := mustAssign(t, mustNew(t, worded("cisco-9800", "", nil, nil)), visitor)
	audit := vsa(9, 1, []byte("audit-session-id=0A14"))
	for name, c := range map[string]struct {
		attributes [][]byte
		good       bool
	}{
		"then its controller":     {[][]byte{tlv(44, []byte("5f3a")), tlv(4, []byte{10, 0, 0, 1})}, true},
		"then an empty one":       {[][]byte{tlv(44, []byte("5f3a")), tlv(31, nil)}, true},
		"empty ones":              {[][]byte{tlv(44, nil), tlv(31, nil)}, false},
		"one octet":               {[][]byte{tlv(44, []byte("5"))}, true},
		"Cisco's":                 {[][]byte{audit}, true},
		"Cisco's of one octet":    {[][]byte{vsa(9, 1, []byte("audit-session-id=0"))}, true},
		"Cisco's, empty":          {[][]byte{vsa(9, 1, []byte("audit-session-id="))}, false},
		"Cisco's, empty, and one": {[][]byte{vsa(9, 1, []byte("audit-session-id=")), tlv(44, []byte("5f3a"))}, false},
		"Cisco's, then empty":     {[][]byte{audit, tlv(31, nil)}, true},
		"Cisco's, of another":     {[][]byte{vsa(9, 2, []byte("audit-session-id=0A14"))}, false},
	} {
		if err := cisco.VerifyChange(radiusHeader(40, slices.Concat(c.attributes...))); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
		// The same where it is to move.
		moved := slices.Concat(slices.Concat(c.attributes...), slices.Concat(trioOf("120")...))
		if err := cisco.VerifyChange(radiusHeader(43, moved)); (err == nil) != c.good {
			t.Errorf("%s, to be moved: %v", name, err)
		}
	}
}

// The gate of changes reads whole packets only, and of two kinds.
func TestWholeChangesOnly(t *testing.T) {
	a := mustAssign(t, mustNew(t, worded("hostapd", "", nil, nil)), visitor)
	good := radiusHeader(43, slices.Concat(tlv(44, []byte("5f3a")), slices.Concat(trioOf("120")...)))
	if err := a.VerifyChange(good); err != nil {
		t.Fatal(err)
	}
	long, short := slices.Clone(good), slices.Clone(good)
	long[3]++
	short[3]--
	broken := func(octets ...byte) []byte { return radiusHeader(43, slices.Concat(good[20:], octets)) }
	for name, wire := range map[string][]byte{
		"nothing": nil, "19 octets": make([]byte, 19), "a header": radiusHeader(43, nil), "longer than it is": long, "shorter than it is": short,
		"an odd octet at the end": broken(44), "a length of 0": broken(44, 0), "a length of 1": broken(44, 1), "a length beyond the end": broken(44, 9, 'x'),
		"a vendor's part of length 1": broken(26, 8, 0, 0, 0, 9, 1, 1), "a vendor's part beyond its end": broken(26, 8, 0, 0, 0, 9, 1, 9),
	} {
		if err := a.VerifyChange(wire); !errors.Is(err, ErrZoneGuard) {
			t.Errorf("%s: %v", name, err)
		}
	}
	alone := radiusHeader(40, tlv(44, []byte("5f3a")))
	for code := range 256 {
		if code == 43 || code == 40 {
			continue
		}
		for _, other := range [][]byte{slices.Clone(good), slices.Clone(alone)} {
			other[0] = byte(code)
			if err := a.VerifyChange(other); !errors.Is(err, ErrZoneGuard) {
				t.Errorf("code %d: %v", code, err)
			}
		}
	}
	if err := a.VerifyChange(radiusHeader(43, nil)); !errors.Is(err, errNobody) {
		t.Errorf("a header is a whole packet, which names nobody: %v", err)
	}
	disconnect := slices.Clone(good)
	disconnect[0] = 40
	refused := a.VerifyChange(disconnect)
	if !errors.Is(refused, ErrZoneGuard) || !strings.Contains(refused.Error(), "Tunnel-Type") {
		t.Errorf("a Disconnect-Request that says a network: %v", refused)
	}
	session, trio := tlv(44, []byte("5f3a")), trioOf("120")
	for name, parts := range map[string][][]byte{
		"no session": trio, "a session, to no network": {session}, "no number": {session, trio[0], trio[1]}, "a number alone": {session, trio[2]},
	} {
		if err := a.VerifyChange(radiusHeader(43, slices.Concat(parts...))); !errors.Is(err, ErrZoneGuard) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A change is made to a CoA-Request and to nothing else, and moves nobody to a number that
// is not their network's at the site.
func TestWhatIsNoChange(t *testing.T) {
	p := mustNew(t, trust())
	a := mustAssign(t, p, visitor)
	for code := range 256 {
		request := radius.New(radius.Code(code), nil)
		request.Add(44, []byte("5f3a"))
		if err := a.TagChange(request); (err == nil) != (code == 43) || err != nil && (!errors.Is(err, ErrZoneGuard) || len(request.Attributes) != 1) {
			t.Errorf("code %d: %v", code, err)
		}
	}
	if err := a.TagChange(nil); !errors.Is(err, ErrZoneGuard) {
		t.Errorf("nothing: %v", err)
	}
	forged := a
	forged.id = 110 // clinical's
	request := radius.New(radius.CodeCoARequest, nil)
	request.Add(44, []byte("5f3a"))
	if err := forged.TagChange(request); !errors.Is(err, ErrZoneGuard) || len(request.Attributes) != 1 {
		t.Errorf("another's number: %v", err)
	}
	session := tlv(44, []byte("5f3a"))
	for name, wire := range map[string][]byte{"moved": radiusHeader(43, slices.Concat(session, slices.Concat(trioOf("110")...))), "sent away": radiusHeader(40, session)} {
		if err := forged.VerifyChange(wire); !errors.Is(err, ErrZoneGuard) {
			t.Errorf("another's number, %s: %v", name, err)
		}
	}
}

// What belongs to a log-in is not said when a session is moved: a session that is cut
// short by a change would be thrown out.
func TestAChangeSaysNoTimes(t *testing.T) {
	a := mustAssign(t, mustNew(t, worded("hostapd", "", nil, features[len(features)-1].change)), visitor)
	request := radius.New(radius.CodeCoARequest, nil)
	request.Add(44, []byte("5f3a"))
	if err := a.TagChange(request); err != nil {
		t.Fatal(err)
	}
	if n := len(request.Attributes); n != 4 {
		t.Errorf("%d attributes, want the session and the trio", n)
	}
	for _, code := range []byte{27, 28, 29, 85} {
		wire := radiusHeader(43, slices.Concat(tlv(44, []byte("5f3a")), slices.Concat(trioOf("120")...), tlv(code, []byte{0, 0, 0, 1})))
		if err := a.VerifyChange(wire); !errors.Is(err, ErrZoneGuard) {
			t.Errorf("attribute %d: %v", code, err)
		}
	}
	if a.terms.session == 0 {
		t.Error("the Assignment has forgotten its own times")
	}
}
