package vlan

import (
	"strings"
	"testing"
)

// How each kind of value is shown: keys never, text in quotation marks, numbers as such, the
// rest in hex, and what cannot be read as octets.
func TestDescribedValues(t *testing.T) {
	for _, c := range []struct {
		name       string
		attributes []byte
		want       string
	}{
		{"nothing", nil, ``},
		{"text", tlv(11, []byte("student web")), `Filter-Id = "student web"`},
		{"the ends of what can be printed", tlv(11, []byte(" ~")), `Filter-Id = " ~"`},
		{"an octet before them", tlv(11, []byte("a\x1f")), `Filter-Id = 611f`},
		{"an octet behind them", tlv(11, []byte("a\x7f")), `Filter-Id = 617f`},
		{"an empty one", tlv(11, nil), `Filter-Id = ""`},
		{"an empty one, and another", append(tlv(11, nil), tlv(11, []byte("web"))...), "Filter-Id = \"\"\nFilter-Id = \"web\""},
		{"a number", tlv(28, []byte{0, 0, 7, 8}), `Idle-Timeout = 1800`},
		{"a number of three octets", tlv(28, []byte{0, 7, 8}), `Idle-Timeout = 000708`},
		{"a type", tlv(64, []byte{0, 0, 0, 13}), `Tunnel-Type = 13`},
		{"a type of 24 bits", tlv(65, []byte{0, 1, 0, 6}), `Tunnel-Medium-Type = 65542`},
		{"a type with a tag", tlv(64, []byte{1, 0, 0, 13}), `Tunnel-Type = 13 (tag 1)`},
		{"a type of five octets", tlv(64, []byte{0, 0, 0, 0, 13}), `Tunnel-Type = 000000000d`},
		{"a VLAN", tlv(81, []byte("120")), `Tunnel-Private-Group-Id = "120"`},
		{"a VLAN with the last tag", tlv(81, []byte("\x1f120")), `Tunnel-Private-Group-Id = "120" (tag 31)`},
		{"a VLAN with no tag any more", tlv(81, []byte(" 120")), `Tunnel-Private-Group-Id = " 120"`},
		{"an empty VLAN", tlv(81, nil), `Tunnel-Private-Group-Id = ""`},
		{"MPPE keys", append(vsa(311, 16, []byte("sendkey")), vsa(311, 17, []byte("recvkeys"))...),
			"attribute 16 of vendor 311 = 7 octets that are secret\nattribute 17 of vendor 311 = 8 octets that are secret"},
		{"a tunnel's password", tlv(69, []byte("secret")), `Tunnel-Password = 6 octets that are secret`},
		{"a vendor's number", vsa(14122, 8, []byte{0, 0x98, 0x96, 0x80}), `WISPr-Bandwidth-Max-Down = 10000000`},
		{"two parts of a vendor", tlv(26, []byte("\x00\x00\x37\x2a\x07\x06\x00\x00\x00\x01\x08\x06\x00\x00\x00\x02")),
			"WISPr-Bandwidth-Max-Up = 1\nWISPr-Bandwidth-Max-Down = 2"},
		{"a vendor's part that is broken, behind one that is not", tlv(26, []byte("\x00\x00\x37\x2a\x07\x06\x00\x00\x00\x01\x08\x07\x00\x00\x00\x02")),
			`Vendor-Specific = 0000372a070600000001080700000002`},
		{"half an attribute", append(tlv(11, []byte("web")), 11, 9, 'w'), "Filter-Id = \"web\"\nno attribute: 0b0977"},
		{"one octet", append(tlv(11, []byte("web")), 11), "Filter-Id = \"web\"\nno attribute: 0b"},
		{"a length of one", []byte{11, 1}, `no attribute: 0b01`},
	} {
		if got := strings.Join(Describe(radiusHeader(2, c.attributes)), "\n"); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}
