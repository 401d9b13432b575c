package packet

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// The Crypto-Binding of a server in the field, with the EAP type and the server's Outer
// TLVs after it, as FreeRADIUS prints what it signs (freeradius-server, issue 5610).
const fieldBuffer = "800c004c 00010130 8c0334b7cca9b025a2ada16379ccd14ad5a270a1da6ddc564940d33876d0a848" +
	"0000000000000000000000000000000000000000 0000000000000000000000000000000000000000 37 00010008466f7274694e4143"

func TestTEAPCryptoBinding(t *testing.T) {
	buffer := unhex(t, fieldBuffer)
	tlvs, err := ParseTLVs(buffer[:80])
	if err != nil || len(tlvs) != 1 || tlvs[0].Type != TLVCryptoBinding || !tlvs[0].Mandatory {
		t.Fatal(tlvs, err)
	}
	c, err := tlvs[0].CryptoBinding()
	if err != nil || c.Version != TEAPVersion || c.ReceivedVersion != 1 || c.Flags != BindingEMSK|BindingMSK || c.SubType != BindingRequest ||
		c.Nonce[0] != 0x8c || c.Nonce[31] != 0x48 {
		t.Fatalf("%+v, %v", c, err)
	}
	c.SubType, c.Flags = BindingResponse, BindingMSK
	copy(c.EMSKMAC[:], bytes.Repeat([]byte{0xE0}, 20))
	copy(c.MSKMAC[:], bytes.Repeat([]byte{0x0F}, 20))
	again, err := c.TLV().CryptoBinding()
	if err != nil || again != c {
		t.Fatalf("%+v, %v", again, err)
	}
	blank := bytes.Clone(buffer[:80])
	blank[7] = 0x21
	if !bytes.Equal(c.Blank(), blank) {
		t.Fatalf("%x", c.Blank())
	}
	outer, err := ParseTLVs(buffer[81:])
	if err != nil || fmt.Sprint(outer) != fmt.Sprint([]TLV{{Type: TLVAuthorityID, Value: []byte("FortiNAC")}}) {
		t.Fatal(outer, err)
	}
	for _, n := range []int{0, 56, 75, 77} {
		if _, err := (TLV{Type: TLVCryptoBinding, Value: make([]byte, n)}).CryptoBinding(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d octets: %v", n, err)
		}
	}
}

// The TLVs as they travel, and that what is too short or too long is malformed.
func TestTEAPTLVs(t *testing.T) {
	password, err := PasswordTLV("amy", "pass")
	if err != nil {
		t.Fatal(err)
	}
	identity := Packet{Code: Request, ID: 7, Type: Identity}
	for want, tlv := range map[string]TLV{
		"80030002 0001":                 StatusTLV(TLVResult, ResultSuccess),
		"800a0002 0002":                 StatusTLV(TLVIntermediateResult, ResultFailure),
		"80020002 0002":                 IdentityTypeTLV(IdentityMachine),
		"80050004 000007d2":             ErrorTLV(ErrorUnexpectedTLVs),
		"80040006 00000137 0007":        NAKTLV(311, TLVVendorSpecific),
		"80090005 0107000501":           EAPPayloadTLV(identity),
		"800e0009 03616d79 04 70617373": password,
	} {
		if got := AppendTLV(nil, tlv); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%x, want %s", got, want)
		}
	}
	if user, word, err := password.Password(); err != nil || user != "amy" || word != "pass" {
		t.Error(user, word, err)
	}
	if p, err := EAPPayloadTLV(identity).EAPPayload(); err != nil || fmt.Sprint(p) != fmt.Sprint(identity) {
		t.Error(p, err)
	}
	if vendor, kind, err := NAKTLV(311, 7).NAK(); err != nil || vendor != 311 || kind != 7 {
		t.Error(vendor, kind, err)
	}
	if code, err := ErrorTLV(2001).ErrorCode(); err != nil || code != 2001 || !FatalError(code) || FatalError(1001) || FatalError(3000) {
		t.Error(code, err)
	}
	action := TLV{Type: TLVRequestAction, Value: unhex(t, "02 01 000f 0000")}
	if r, err := action.RequestAction(); err != nil || r.Status != 2 || r.Action != 1 || len(r.TLVs) != 1 || r.TLVs[0].Type != TLVPKCS7 {
		t.Error(r, err)
	}
	if s, err := (TLV{Type: TLVIntermediateResult, Value: unhex(t, "0001 00050000")}).Status(); err != nil || s != ResultSuccess {
		t.Error(s, err)
	}
	for what, err := range map[string]error{
		"result of one octet":         last(TLV{Type: TLVResult, Value: []byte{1}}.Status()),
		"result with more":            last(TLV{Type: TLVResult, Value: []byte{0, 1, 0}}.Status()),
		"error of three octets":       last(TLV{Value: []byte{0, 7, 0xd2}}.ErrorCode()),
		"short NAK":                   last2(TLV{Value: make([]byte, 5)}.NAK()),
		"short action":                last(TLV{Value: []byte{1}}.RequestAction()),
		"action with half a TLV":      last(TLV{Value: []byte{1, 1, 0}}.RequestAction()),
		"no EAP packet":               last(TLV{}.EAPPayload()),
		"half a TLV behind EAP":       last(TLV{Value: unhex(t, "0107000501 00")}.EAPPayload()),
		"a mandatory TLV behind EAP":  last(TLV{Value: unhex(t, "0107000501 80630000")}.EAPPayload()),
		"no user":                     last2(TLV{Value: unhex(t, "00 0161")}.Password()),
		"half a password":             last2(TLV{Value: unhex(t, "0161 0262")}.Password()),
		"octets behind the password":  last2(TLV{Value: unhex(t, "0161 0162 00")}.Password()),
		"a user and nothing after it": last2(TLV{Value: unhex(t, "0161")}.Password()),
	} {
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, x := range [][2]string{{"", "x"}, {"x", ""}, {strings.Repeat("x", 256), "x"}, {"x", strings.Repeat("x", 256)}} {
		if _, err := PasswordTLV(x[0], x[1]); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%d and %d octets: %v", len(x[0]), len(x[1]), err)
		}
	}
	if p, err := (TLV{Value: unhex(t, "0107000501 00630000")}).EAPPayload(); err != nil || p.ID != 7 {
		t.Error(p, err)
	}
}

func last[T any](_ T, err error) error          { return err }
func last2[T, U any](_ T, _ U, err error) error { return err }

// RFC 9930, section 4.1: flags, lengths, TLS data, Outer TLVs.
func TestOuterTLVs(t *testing.T) {
	authority := AppendTLV(nil, TLV{Type: TLVAuthorityID, Value: []byte("ward")})
	start := AppendOuterTLVs(Start(TEAPVersion), authority)
	if !bytes.Equal(start, unhex(t, "31 00000008 0001000477617264")) {
		t.Fatalf("%x", start)
	}
	for what, x := range map[string]struct{ in, rest, outer string }{
		"a Start":              {"31 00000008 0001000477617264", "21", "0001000477617264"},
		"none":                 {"01 160303", "01 160303", ""},
		"of no octets":         {"11 00000000 160303", "01 160303", ""},
		"behind TLS":           {"11 00000004 160303 00070000", "01 160303", "00070000"},
		"in a first fragment":  {"d1 00000014 00000004 160303 00070000", "c1 0000000c 160303", "00070000"},
		"without their length": {"11 000000", "", "malformed"},
		"longer than all":      {"11 00000004 160303", "", "malformed"},
		"enormous":             {"11 ffffffff 160303", "", "malformed"},
		"without room in L":    {"91 00000007 00000004 160303 00070000", "", "malformed"},
		"with half an L":       {"91 000000", "", "malformed"},
	} {
		rest, outer, err := CutOuterTLVs(unhex(t, x.in))
		if x.outer == "malformed" {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: %x, %x, %v", what, rest, outer, err)
			}
			continue
		}
		if err != nil || !bytes.Equal(rest, unhex(t, x.rest)) || !bytes.Equal(outer, unhex(t, x.outer)) {
			t.Errorf("%s: %x, %x, %v", what, rest, outer, err)
			continue
		}
		if len(outer) > 0 && !bytes.Equal(AppendOuterTLVs(rest, outer), unhex(t, x.in)) {
			t.Errorf("%s: not the same again", what)
		}
	}
}

func FuzzTEAP(f *testing.F) {
	f.Add([]byte{0x31, 0, 0, 0, 8, 0, 1, 0, 4, 'w', 'a', 'r', 'd'})
	f.Add([]byte{0xd1, 0, 0, 0, 20, 0, 0, 0, 4, 22, 3, 3, 0, 7, 0, 0})
	f.Add(append([]byte{1}, unhex(f, fieldBuffer)[:80]...))
	f.Add(AppendTLV([]byte{1}, EAPPayloadTLV(Packet{Code: Request, ID: 1, Type: Identity})))
	f.Add(AppendTLV([]byte{1}, NAKTLV(311, 7)))
	f.Add(AppendTLV(AppendTLV([]byte{1}, StatusTLV(TLVIntermediateResult, 1)), ErrorTLV(2002)))
	f.Fuzz(func(t *testing.T, data []byte) {
		rest, outer, err := CutOuterTLVs(data)
		if err != nil {
			return
		}
		if len(outer) > 0 && !bytes.Equal(AppendOuterTLVs(rest, outer), data) {
			t.Fatalf("%x became %x and %x", data, rest, outer)
		}
		if len(rest) == 0 {
			return
		}
		tlvs, err := ParseTLVs(rest[1:])
		if err != nil {
			return
		}
		for _, tlv := range tlvs {
			if c, err := tlv.CryptoBinding(); err == nil && len(c.Blank()) != 80 {
				t.Fatalf("%x", c.Blank())
			}
			if p, err := tlv.EAPPayload(); err == nil && len(p.Encode()) > len(tlv.Value)+8 {
				t.Fatalf("%x", p.Encode())
			}
			if user, word, err := tlv.Password(); err == nil && word != "" {
				if again, err := PasswordTLV(user, word); err != nil || !bytes.Equal(again.Value, tlv.Value) {
					t.Fatalf("%x, %v", again.Value, err)
				}
			}
			_, _ = tlv.Status()
			_, _ = tlv.ErrorCode()
			_, _, _ = tlv.NAK()
			_, _ = tlv.RequestAction()
		}
	})
}

// TEAP signs with the MAC of the suite and draws keys with its hash.
func TestMACHash(t *testing.T) {
	for suite, want := range map[uint16][2]int{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA:          {20, 32},
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:       {32, 32},
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:       {48, 48},
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: {32, 32},
	} {
		cert, pool := testPair(t)
		server := NewServer(ServerConfig(&tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12}))
		client := NewClient(&tls.Config{RootCAs: pool, ServerName: "radius.test", CipherSuites: []uint16{suite}, MaxVersion: tls.VersionTLS12})
		defer server.Close()
		hello, _, _ := client.Handshake(nil)
		flight, _, _ := server.Handshake(hello)
		flight, _, _ = client.Handshake(flight)
		flight, _, _ = server.Handshake(flight)
		if _, done, err := client.Handshake(flight); !done || err != nil || !server.Done() {
			t.Fatal(done, err)
		}
		for _, e := range []*Engine{client, server} {
			if mac, prf := e.MACHash()().Size(), e.Hash()().Size(); mac != want[0] || prf != want[1] {
				t.Errorf("%s: MAC of %d octets, PRF of %d", tls.CipherSuiteName(suite), mac, prf)
			}
		}
	}
}
