package upstream

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"errors"
	"strings"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3162"
	"layeh.com/radius/rfc4372"
	"layeh.com/radius/rfc5580"

	"causeway/realms"
)

func TestR20StationsAsUpstreamsExpectThem(t *testing.T) {
	for in, want := range map[string]string{
		"0010a4-2319c0":                  "00-10-A4-23-19-C0",
		"00-10-a4-23-19-c0":              "00-10-A4-23-19-C0",
		"00:10:A4:23:19:C0":              "00-10-A4-23-19-C0",
		"0010.a423.19c0":                 "00-10-A4-23-19-C0",
		"0010a42319c0":                   "00-10-A4-23-19-C0",
		"00:10:a4:23:19:c0:eduroam":      "00-10-A4-23-19-C0:eduroam",
		"0010a42319c0:NHS-Staff: ward 7": "00-10-A4-23-19-C0:NHS-Staff: ward 7",
		"0010.a423.19c0:aa:bb":           "00-10-A4-23-19-C0:aa:bb",
		"00-10-a4-23-19-c0-77":           "00-10-a4-23-19-c0-77",
		"00--10-a4-23-19-c0":             "00--10-a4-23-19-c0",
		"-00-10-a4-23-19-c0":             "-00-10-a4-23-19-c0",
		"0-010-a4-23-19-c0":              "0-010-a4-23-19-c0",
		"0010a42319c":                    "0010a42319c",
		"0010a42319c0f":                  "0010a42319c0f",
		"ward 7":                         "ward 7",
		"":                               "",
	} {
		if got := string(appendStation(nil, []byte(in))); got != want {
			t.Errorf("%q leaves as %q, want %q", in, got, want)
		}
	}
}

// forwarded encodes a request as it leaves and parses it with the upstream's
// secret.
func forwarded(t *testing.T, p *radius.Packet, e envelope) *radius.Packet {
	t.Helper()
	r, err := requestFrom(p)
	if err != nil {
		t.Fatal(err)
	}
	r.envelope = e
	b, err := r.append(nil, newSigners([]byte(upstreamSecret)).get())
	if err != nil {
		t.Fatal(err)
	}
	if b[20] != byte(rfc2869.MessageAuthenticator_Type) || b[21] != 18 {
		t.Errorf("the Message-Authenticator does not come first (S1): % x", b[20:38])
	}
	clean := append(append(append([]byte(nil), b[:22]...), make([]byte, 16)...), b[38:]...)
	mac := hmac.New(md5.New, []byte(upstreamSecret))
	mac.Write(clean)
	if !hmac.Equal(mac.Sum(nil), b[22:38]) {
		t.Error("the Message-Authenticator is wrong")
	}
	out := parse(t, b)
	if out.Identifier != e.id || out.Authenticator != e.auth {
		t.Error("the header is not that of the envelope")
	}
	return out
}

// Holds R17, R18, R20, P2, P3, P7 and P8 on the way out, and the allow-list.
func TestR12WhatLeavesIsAnAllowList(t *testing.T) {
	p := radius.New(radius.CodeAccessRequest, []byte(clientSecret))
	for _, a := range []struct {
		t radius.Type
		v string
	}{
		{rfc2865.ProxyState_Type, "first"},
		{rfc2865.UserName_Type, "ana@camford.ac.uk"},
		{rfc2865.UserName_Type, "root@northbridge.nhs.uk"}, // routed by the first: only that may leave
		{rfc2865.NASIPAddress_Type, "\x0a\x01\x02\x03"},
		{rfc3162.NASIPv6Address_Type, strings.Repeat("\x20", 16)},
		{rfc2865.NASPort_Type, "\x00\x00\x00\x01"},
		{rfc2865.NASPort_Type + 100, "unknown attribute"},
		{rfc2865.ServiceType_Type, "\x00\x00\x00\x02"},
		{rfc2865.FramedMTU_Type, "\x00\x00\x05\x78"},
		{rfc2865.CallingStationID_Type, "0010a42319c0"},
		{rfc2865.CalledStationID_Type, "02:03:04:05:06:07:eduroam"},
		{rfc2865.NASIdentifier_Type, "royal-wlc"},
		{rfc2865.NASPortType_Type, "\x00\x00\x00\x13"},
		{rfc2869.NASPortID_Type, "cap7"},
		{rfc2869.ConnectInfo_Type, "CONNECT 802.11ac"},
		{rfc2869.EAPMessage_Type, string(identity(7, "ana@camford.ac.uk")[:9])},
		{rfc2865.ProxyState_Type, "second"},
		{rfc2869.EAPMessage_Type, string(identity(7, "ana@camford.ac.uk")[9:])},
		{rfc2869.MessageAuthenticator_Type, strings.Repeat("x", 16)},
		{rfc2865.VendorSpecific_Type, "\x00\x00\x00\x09\x01\x0bssid=ward"},
		{rfc2865.State_Type, "the daemon's own"},
		{rfc2865.FilterID_Type, "internal"},
		{64, "\x00\x00\x00\x0d"}, {65, "\x00\x00\x00\x06"}, {81, "110"},
		{44, "session-1"}, {61 + 100, "x"}, {30 + 200, "y"},
		{rfc5580.OperatorName_Type, "1forged.example"},
		{rfc2865.Class_Type, "class"},
		{rfc2865.ServiceType_Type, "\x02"}, // malformed
	} {
		p.Add(a.t, []byte(a.v))
	}
	out := forwarded(t, p, envelope{id: 9, auth: [16]byte{1, 2, 3}, state: []byte("upstream's"), operator: "northbridge.nhs.uk", askCUI: true})
	var got []string
	for _, a := range out.Attributes[1:] {
		got = append(got, string(append([]byte{byte(a.Type)}, a.Attribute...)))
	}
	e := identity(7, "ana@camford.ac.uk")
	want := []string{
		"\x01ana@camford.ac.uk", "\x04\x0a\x01\x02\x03", "\x5f" + strings.Repeat("\x20", 16), "\x05\x00\x00\x00\x01",
		"\x06\x00\x00\x00\x02", "\x0c\x00\x00\x05\x78", "\x1f00-10-A4-23-19-C0", "\x1e02-03-04-05-06-07:eduroam",
		"\x20royal-wlc", "\x3d\x00\x00\x00\x13", "\x57cap7", "\x4dCONNECT 802.11ac",
		"\x4f" + string(e[:9]), "\x4f" + string(e[9:]),
		"\x18upstream's", "\x7e1northbridge.nhs.uk", "\x59\x00", "\x21first", "\x21second", "\x21" + string(proxyTag()),
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("left:\n%q\nwant:\n%q", got, want)
	}
}

func TestR18CUIAndOperatorNameCanBeLeftOut(t *testing.T) {
	out := forwarded(t, askEAP("a@b.example", identity(1, "a@b.example")), envelope{})
	for _, typ := range []radius.Type{rfc4372.ChargeableUserIdentity_Type, rfc5580.OperatorName_Type, rfc2865.State_Type} {
		if _, ok := out.Lookup(typ); ok {
			t.Errorf("attribute %d left though nobody asked for it", typ)
		}
	}
}

func TestUserPasswordIsHiddenAgainForTheUpstream(t *testing.T) {
	for _, password := range []string{"x", "exactly sixteen!", "longer than one block of sixteen", strings.Repeat("p", 128)} {
		p := papRequest(t, "a@b.example", password)
		out := forwarded(t, p, envelope{auth: [16]byte{9, 9, 9}})
		if got := rfc2865.UserPassword_GetString(out); got != password {
			t.Errorf("the upstream reads %q, want %q", got, password)
		}
		if bytes.Equal(out.Get(rfc2865.UserPassword_Type), p.Get(rfc2865.UserPassword_Type)) {
			t.Error("the password left under the controller's secret")
		}
	}
}

// The challenge of a CHAP-Password may be the Request Authenticator, which is
// another one upstream (RFC 2865, section 5.3).
func TestCHAPTakesItsChallengeAlong(t *testing.T) {
	p := radius.New(radius.CodeAccessRequest, []byte(clientSecret))
	p.Add(rfc2865.UserName_Type, []byte("a@b.example"))
	p.Add(rfc2865.CHAPPassword_Type, bytes.Repeat([]byte{5}, 17))
	out := forwarded(t, p, envelope{})
	if got := out.Get(rfc2865.CHAPChallenge_Type); !bytes.Equal(got, p.Authenticator[:]) {
		t.Errorf("challenge %x, want the controller's authenticator %x", got, p.Authenticator)
	}
	p.Add(rfc2865.CHAPChallenge_Type, []byte("sixteen octets.."))
	out = forwarded(t, p, envelope{})
	if got := out.Get(rfc2865.CHAPChallenge_Type); string(got) != "sixteen octets.." {
		t.Errorf("challenge %q", got)
	}
	if !bytes.Equal(out.Get(rfc2865.CHAPPassword_Type), bytes.Repeat([]byte{5}, 17)) {
		t.Error("the CHAP-Password changed")
	}
}

// Holds R22, R24, S8 and P14: what never leaves.
func TestR22RequestsThatNeverLeave(t *testing.T) {
	pap := func(change func(p *radius.Packet)) *radius.Packet {
		p := papRequest(t, "a@b.example", "password")
		change(p)
		return p
	}
	proxies := func(n int) *radius.Packet {
		return pap(func(p *radius.Packet) {
			for range n {
				p.Add(rfc2865.ProxyState_Type, []byte("hop"))
			}
		})
	}
	for name, c := range map[string]struct {
		p    *radius.Packet
		want error
	}{
		"as many proxies as may be":    {proxies(DefaultProxyStates), nil},
		"one proxy too many":           {proxies(DefaultProxyStates + 1), realms.ErrLoop},
		"our own tag":                  {pap(func(p *radius.Packet) { p.Add(rfc2865.ProxyState_Type, proxyTag()) }), realms.ErrLoop},
		"Status-Server":                {pap(func(p *radius.Packet) { p.Code = radius.CodeStatusServer }), realms.ErrInternal},
		"accounting":                   {pap(func(p *radius.Packet) { p.Code = radius.CodeAccountingRequest }), realms.ErrInternal},
		"no name":                      {pap(func(p *radius.Packet) { p.Del(rfc2865.UserName_Type) }), realms.ErrRealmMissing},
		"no credentials":               {pap(func(p *radius.Packet) { p.Del(rfc2865.UserPassword_Type) }), realms.ErrCredentialsMissing},
		"half a block":                 {pap(func(p *radius.Packet) { p.Set(rfc2865.UserPassword_Type, make([]byte, 15)) }), realms.ErrCredentialsMissing},
		"nine blocks":                  {pap(func(p *radius.Packet) { p.Set(rfc2865.UserPassword_Type, make([]byte, 144)) }), realms.ErrCredentialsMissing},
		"password and CHAP":            {pap(func(p *radius.Packet) { p.Add(rfc2865.CHAPPassword_Type, make([]byte, 17)) }), realms.ErrCredentialsMixed},
		"password and EAP":             {pap(func(p *radius.Packet) { addEAP(p, identity(1, "a")) }), realms.ErrCredentialsMixed},
		"two passwords":                {pap(func(p *radius.Packet) { p.Add(rfc2865.UserPassword_Type, make([]byte, 16)) }), realms.ErrCredentialsMixed},
		"an EAP-Request":               {askEAP("a@b.example", eapPacket(1, 1, 1)), realms.ErrEAPMalformed},
		"three octets of EAP":          {askEAP("a@b.example", []byte{2, 1, 0}), realms.ErrEAPMalformed},
		"EAP-Start, which is no octet": {askEAP("a@b.example", nil), nil},
	} {
		if _, err := requestFrom(c.p); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestTooLargeToLeave(t *testing.T) {
	r, err := requestFrom(askEAP("a@b.example", eapPacket(2, 1, make([]byte, 4000)...)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.append(nil, newSigners(nil).get())
	if !errors.Is(err, realms.ErrTooLarge) {
		t.Errorf("%v, want %v", err, realms.ErrTooLarge)
	}
}
