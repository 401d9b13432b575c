package packet

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Holds P21, P23 and P26.
func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"02 07 0006 01 61":                 "{2 7 1 [97]}",
		"02 07 0006 01 61 ffff":            "{2 7 1 [97]}", // padding
		"02 07 0005 15":                    "{2 7 21 []}",
		"01 07 0006 0d 20":                 "{1 7 13 [32]}",
		"03 07 0004":                       "{3 7 0 []}",
		"04 07 0004":                       "{4 7 0 []}",
		"02 07 000d fe 000000 00000015 00": "{2 7 21 [0]}",                  // P26
		"02 07 000d fe 000009 00000015 00": "{2 7 254 [0 0 9 0 0 0 21 0]}",  // another vendor's
		"02 07 000d fe 000000 000000fe 00": "{2 7 254 [0 0 0 0 0 0 254 0]}", // no legacy type
		"02 07 000d fe 000000 00000115 00": "{2 7 254 [0 0 0 0 0 1 21 0]}",
		"02 07 0008 fe 000000":             "",
		"":                                 "", "02": "", "02 07 00": "", "02 07 0003": "", "02 07 0004": "", "02 07 0007 01 61": "",
		"03 07 0005 00": "", "04 07 0006 01 02": "", // P23
		"00 07 0005 01": "", "05 07 0005 01": "", "ff 07 0004": "", // P21
	} {
		p, err := Parse(unhex(t, in))
		if got := fmt.Sprint(p); err == nil && got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, %v; want %s", in, p, err, want)
		}
	}
}

// Holds P40 and P41.
func TestAssembler(t *testing.T) {
	for what, x := range map[string]struct {
		in   []string
		want string // of the last; "more", "malformed", "large" or octets
	}{
		"an acknowledgement":     {[]string{"00"}, ""},
		"whole":                  {[]string{"00 616263"}, "616263"},
		"whole with a length":    {[]string{"80 00000003 616263"}, "616263"},
		"P41 too short":          {[]string{"80 00000004 616263"}, "malformed"},
		"P41 too long":           {[]string{"80 00000002 616263"}, "malformed"},
		"in two":                 {[]string{"c0 00000003 6162", "00 63"}, "616263"},
		"in three":               {[]string{"c0 00000003 61", "40 62", "00 63"}, "616263"},
		"length again":           {[]string{"c0 00000003 61", "c0 00000003 62", "80 00000003 63"}, "616263"},
		"P40 first without":      {[]string{"40 61"}, "malformed"},
		"P41 ends early":         {[]string{"c0 00000003 61", "00 62"}, "malformed"},
		"P41 goes on":            {[]string{"c0 00000003 61", "40 6263"}, "malformed"},
		"P41 overflows":          {[]string{"c0 00000003 61", "00 626364"}, "malformed"},
		"P41 other length":       {[]string{"c0 00000003 61", "c0 00000004 62"}, "malformed"},
		"all of it and more":     {[]string{"c0 00000001 61"}, "malformed"},
		"empty with more":        {[]string{"c0 00000003"}, "malformed"},
		"empty in the middle":    {[]string{"c0 00000003 61", "40"}, "malformed"},
		"an ack in the middle":   {[]string{"c0 00000003 61", "00"}, "malformed"},
		"without flags":          {[]string{""}, "malformed"},
		"half a length":          {[]string{"80 0000"}, "malformed"},
		"declared too large":     {[]string{"c0 00000101 61"}, "large"},
		"declared enormous":      {[]string{"c0 ffffffff 61"}, "large"},
		"still more":             {[]string{"c0 00000003 61"}, "more"},
		"zero declared, is zero": {[]string{"80 00000000"}, ""},
	} {
		a := Assembler{Max: 256}
		got := ""
		for _, in := range x.in {
			message, done, err := a.Add(unhex(t, in))
			switch {
			case errors.Is(err, ErrTooLarge):
				got = "large"
			case errors.Is(err, ErrMalformed):
				got = "malformed"
			case !done:
				got = "more"
			default:
				got = hex.EncodeToString(message)
			}
		}
		if got != x.want {
			t.Errorf("%s: %s, want %s", what, got, x.want)
		}
	}
}

// Holds P40: every size, joined again, and the length where it belongs.
func TestSplitter(t *testing.T) {
	message := bytes.Repeat([]byte("0123456789"), 300)
	for size := MinFragment; size < 1500; size++ {
		for _, n := range []int{0, 1, size - 7, size - 6, size - 5, len(message)} {
			s, a := NewSplitter(message[:n], size, 0), Assembler{}
			for piece := 0; ; piece++ {
				data, more := s.Next()
				if len(data)+HeaderLength+1 > size {
					t.Fatalf("%d octets in %d", len(data)+5, size)
				}
				if hasLength := data[0]&FlagLength != 0; hasLength != (piece == 0 && more) {
					t.Fatalf("size %d, piece %d: flags %x", size, piece, data[0])
				}
				got, done, err := a.Add(data)
				if err != nil || done == more {
					t.Fatal(done, more, err)
				}
				if done {
					if !bytes.Equal(got, message[:n]) {
						t.Fatal("not the same message")
					}
					break
				}
			}
			if data, more := s.Next(); data != nil || more {
				t.Fatal("something follows the end")
			}
		}
	}
}

func TestAVPs(t *testing.T) {
	b := AppendAVP(nil, AVP{Code: 1, Mandatory: true, Data: []byte("amy")})
	b = AppendAVP(b, AVP{Code: 26, Vendor: VendorMicrosoft, Data: []byte("12345")})
	want := "00000001 4000000b 616d7900 0000001a 80000011 00000137 3132333435000000"
	if !bytes.Equal(b, unhex(t, want)) {
		t.Fatalf("%x", b)
	}
	for _, cut := range []int{0, 3} { // the last padding may be missing
		got, err := ParseAVPs(b[:len(b)-cut])
		if err != nil || fmt.Sprint(got) != "[{1 0 true [97 109 121]} {26 311 false [49 50 51 52 53]}]" {
			t.Fatal(got, err)
		}
	}
	for _, bad := range []string{"00", "00000001 40000007", "00000001 400000ff 61", "0000001a 8000000b 000001 37"} {
		if _, err := ParseAVPs(unhex(t, bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// The worked example of RFC 2759, section 9.2, and RFC 3079, section 3.5.3.
func TestMSCHAPv2Vectors(t *testing.T) {
	authenticator := [16]byte(unhex(t, "5B5D7C7D7B3F2F3E3C2C602132262628"))
	peer := [16]byte(unhex(t, "21402324255E262A28295F2B3A337C7E"))
	hash := NTHash("clientPass")
	if hex.EncodeToString(hash[:]) != "44ebba8d5312b8d611474411f56989ae" {
		t.Errorf("hash %x", hash)
	}
	response := NTResponse(authenticator, peer, "User", hash)
	if !bytes.Equal(response[:], unhex(t, "82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF")) {
		t.Errorf("response %x", response)
	}
	hashHash := HashNTHash(hash)
	if got := AuthenticatorResponse(hashHash, response, authenticator, peer, "User"); got != "S=407A5589115FD0D6209F510FE9C04566932CDA56" {
		t.Error(got)
	}
	if msk := MSCHAPv2MSK(hashHash, response); !bytes.Equal(msk[16:32], unhex(t, "8B7CDC149B993A1BA118CB153F56DCCB")) || len(msk) != 64 {
		t.Errorf("%x", msk)
	}
	if StripDomain(`WARD\amy`) != "amy" || StripDomain("amy") != "amy" {
		t.Error("StripDomain")
	}
}

func TestMSCHAPv2Packets(t *testing.T) {
	for _, p := range []MSCHAPv2Packet{
		{Op: MSCHAPv2Challenge, ID: 3, Value: make([]byte, 16), Text: []byte("causeway")},
		{Op: MSCHAPv2Response, ID: 3, Value: make([]byte, 49), Text: []byte("amy")},
		{Op: MSCHAPv2Success, ID: 3, Text: []byte("S=1 M=OK")},
		{Op: MSCHAPv2Success, Bare: true}, {Op: MSCHAPv2Failure, Bare: true},
	} {
		got, err := ParseMSCHAPv2(p.Encode())
		if err != nil || got.Op != p.Op || got.ID != p.ID || got.Bare != p.Bare || !bytes.Equal(got.Value, p.Value) || !bytes.Equal(got.Text, p.Text) {
			t.Errorf("%+v: %+v, %v", p, got, err)
		}
	}
	for _, bad := range []string{"", "01", "02", "0203", "020300", "02030005 00", "01030006 1000", "02030015 10 00000000000000000000000000000000", "03030006 00"} {
		if p, err := ParseMSCHAPv2(unhex(t, bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", bad, p, err)
		}
	}
}

func TestPEAPInner(t *testing.T) {
	name := Packet{Code: Response, ID: 9, Type: Identity, Data: []byte("amy")}
	if b := name.EncodeInner(); !bytes.Equal(b, []byte("\x01amy")) {
		t.Errorf("%x", b)
	}
	result := Packet{Code: Response, ID: 9, Type: Extensions, Data: ResultTLV(ResultSuccess)}
	if b := result.EncodeInner(); !bytes.Equal(b, unhex(t, "02 09 000b 21 8003 0002 0001")) {
		t.Errorf("%x", b)
	}
	for _, p := range []Packet{name, result} {
		if got, err := ParseInner(p.EncodeInner(), Response, 9); err != nil || fmt.Sprint(got) != fmt.Sprint(p) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	tlvs, err := ParseTLVs(result.Data)
	if err != nil || Result(tlvs) != ResultSuccess || !tlvs[0].Mandatory {
		t.Error(tlvs, err)
	}
	if _, err := ParseTLVs([]byte{0x80, 3, 0, 3, 0}); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	if _, err := ParseInner(nil, Response, 9); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	if Result([]TLV{{Type: TLVResult, Value: []byte{1}}}) != 0 {
		t.Error("a short result counts")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{2, 7, 0, 6, 1, 97})
	f.Add([]byte{2, 7, 0, 13, 254, 0, 0, 0, 0, 0, 0, 21, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if err != nil {
			return
		}
		again, err := Parse(p.Encode())
		if err != nil || again.Code != p.Code || again.ID != p.ID || again.Type != p.Type || !bytes.Equal(again.Data, p.Data) {
			t.Fatalf("%+v, then %+v, %v", p, again, err)
		}
	})
}

func FuzzFragments(f *testing.F) {
	f.Add([]byte{6, 0xC0, 0, 0, 0, 3, 97, 3, 0x40, 98, 0, 2, 0, 99})
	f.Fuzz(func(t *testing.T, b []byte) {
		a := Assembler{Max: 512}
		for len(b) > 0 {
			n := min(int(b[0]), len(b)-1)
			message, done, err := a.Add(b[1 : 1+n])
			if err != nil {
				return
			}
			if len(message) > max(512, n) || len(a.message) > 512 || done == a.Pending() {
				t.Fatalf("%d octets, done %v, pending %v", len(message), done, a.Pending())
			}
			b = b[1+n:]
		}
	})
}

func FuzzAVPs(f *testing.F) {
	f.Add(AppendAVP(AppendAVP(nil, AVP{Code: 1, Data: []byte("amy")}), AVP{Code: 26, Vendor: 311, Mandatory: true, Data: []byte("x")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		avps, err := ParseAVPs(b)
		if err != nil {
			return
		}
		var again []byte
		for _, a := range avps {
			again = AppendAVP(again, a)
		}
		second, err := ParseAVPs(again)
		if err != nil || len(second) != len(avps) {
			t.Fatal(err)
		}
	})
}

func FuzzMSCHAPv2(f *testing.F) {
	f.Add(MSCHAPv2Packet{Op: MSCHAPv2Response, ID: 3, Value: make([]byte, 49), Text: []byte("amy")}.Encode())
	f.Add([]byte{3})
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParseMSCHAPv2(b); err == nil && !bytes.Equal(p.Encode(), b) {
			t.Fatalf("%x became %x", b, p.Encode())
		}
	})
}

func FuzzPEAPInner(f *testing.F) {
	f.Add([]byte("\x01amy"))
	f.Add([]byte{2, 9, 0, 11, 33, 0x80, 3, 0, 2, 0, 1})
	f.Fuzz(func(_ *testing.T, b []byte) {
		if p, err := ParseInner(b, Response, 9); err == nil && p.Type == Extensions {
			if tlvs, err := ParseTLVs(p.Data); err == nil {
				_ = Result(tlvs)
			}
		}
	})
}
