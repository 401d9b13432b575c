package directory

import (
	"encoding/hex"
	"strings"
	"testing"

	ldap "github.com/go-ldap/ldap/v3"
)

func TestParseSID(t *testing.T) {
	for text, want := range map[string]string{
		"S-1-5-21-1004336348-1177238915-682003330-512": "010500000000000515000000dcf4dc3b833d2b46828ba62800020000",
		"S-1-5-18":                         "010100000000000512000000",
		"S-1-281474976710655-0":            "0101ffffffffffff00000000",
		"S-1-5":                            "",
		"S-1-5-":                           "",
		"S-1-5--1":                         "",
		"S-1-5-021":                        "",
		"S-1-5-+1":                         "",
		"S-1-5-4294967296":                 "",
		"S-1-281474976710656-1":            "",
		"S-2-5-18":                         "",
		"s-1-5-18":                         "",
		" S-1-5-18":                        "",
		"":                                 "",
		"S-1-5-18)(cn=*":                   "",
		"S-1-5" + strings.Repeat("-1", 15): "010f000000000005" + strings.Repeat("01000000", 15),
		"S-1-5" + strings.Repeat("-1", 16): "",
	} {
		octets, ok := parseSID(text)
		if hex.EncodeToString(octets) != want || ok != (want != "") {
			t.Errorf("%q: %x, want %s", text, octets, want)
		}
	}
}

// Holds S6 and S11: whatever a certificate has for an identifier, the filter holds
// one value.
func FuzzSID(f *testing.F) {
	f.Add("S-1-5-21-1004336348-1177238915-682003330-512")
	f.Add("S-1-5-18)(objectClass=*")
	f.Fuzz(func(t *testing.T, text string) {
		octets, ok := parseSID(text)
		if !ok {
			return
		}
		if len(octets) != 8+4*int(octets[1]) {
			t.Fatalf("%q is %x", text, octets)
		}
		if _, err := ldap.CompileFilter("(&" + anyAccount + "(objectSid=" + escapeOctets(octets) + "))"); err != nil {
			t.Fatal(err)
		}
	})
}
