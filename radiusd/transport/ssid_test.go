package transport

import (
	"encoding/binary"
	"strings"
	"testing"

	"layeh.com/radius"
)

func vsa(vendor uint32, kind byte, value string) radius.AVP {
	b := binary.BigEndian.AppendUint32(nil, vendor)
	b = append(b, kind, byte(2+len(value)))
	return radius.AVP{Type: 26, Attribute: append(b, value...)}
}

func TestR11SSID(t *testing.T) {
	csi := func(s string) radius.AVP { return radius.AVP{Type: 30, Attribute: radius.Attribute(s)} }
	const mac = "00-10-A4-23-19-C0"
	tests := []struct {
		vendor   string
		list     []radius.AVP
		ssid, ap string
	}{
		{"", []radius.AVP{csi("00-10-A4-23-19-C0:eduroam")}, "eduroam", mac},
		{"hostapd", []radius.AVP{csi("00-10-a4-23-19-c0:eduroam")}, "eduroam", mac},
		{"unifi", []radius.AVP{csi("00:10:a4:23:19:c0:eduroam")}, "eduroam", mac},
		{"mist", []radius.AVP{csi("0010.a423.19c0:eduroam")}, "eduroam", mac},
		{"", []radius.AVP{csi("0010-a423-19c0:eduroam")}, "eduroam", mac},
		{"", []radius.AVP{csi("0010a4-2319c0:eduroam")}, "eduroam", mac},
		{"mikrotik", []radius.AVP{csi("0010a42319c0:eduroam")}, "eduroam", mac},
		{"cisco-9800", []radius.AVP{csi("00-10-A4-23-19-C0:a:b: c")}, "a:b: c", mac},
		{"", []radius.AVP{csi("00-10-A4-23-19-C0:EduRoam")}, "EduRoam", mac},
		{"", []radius.AVP{csi("00-10-A4-23-19-C0:" + strings.Repeat("x", 32))}, strings.Repeat("x", 32), mac},
		{"", []radius.AVP{csi("00-10-A4-23-19-C0:" + strings.Repeat("x", 33))}, "", mac},
		{"", []radius.AVP{csi("00-10-A4-23-19-C0:00:11:22:33:44:55")}, "00:11:22:33:44:55", mac},
		{"", []radius.AVP{csi("00-10-A4-23-19-C0::")}, ":", mac},
		{"", []radius.AVP{csi("00-10-A4-23-19-C0:")}, "", mac},
		{"", []radius.AVP{csi("00-10-A4-23-19-C0")}, "", mac},
		{"", []radius.AVP{csi("00:10:A4:23:19:C0")}, "", mac},
		{"", []radius.AVP{csi("00-10:A4-23-19-C0:x")}, "A4-23-19-C0:x", "00-10"}, // mixed separators are no MAC
		{"cisco-aireos", []radius.AVP{csi("AP-Ward-7:eduroam")}, "eduroam", "AP-Ward-7"},
		{"", []radius.AVP{csi("eduroam")}, "", "eduroam"},
		{"", []radius.AVP{csi(":eduroam")}, "", ""},
		{"", []radius.AVP{csi("")}, "", ""},
		{"", nil, "", ""},
		{"no-such-vendor", []radius.AVP{csi("00-10-A4-23-19-C0:eduroam")}, "eduroam", mac},
		// The vendor's attribute before the suffix.
		{"aruba", []radius.AVP{csi("00-10-A4-23-19-C0"), vsa(14823, 5, "eduroam"), vsa(14823, 6, "AP-3")}, "eduroam", "AP-3"},
		{"aruba", []radius.AVP{csi("00-10-A4-23-19-C0:wrong"), vsa(14823, 5, "right")}, "right", mac},
		{"ruckus", []radius.AVP{vsa(25053, 3, "eduroam"), vsa(25053, 14, "00:10:a4:23:19:c0")}, "eduroam", mac},
		{"fortinet", []radius.AVP{vsa(12356, 7, "eduroam"), vsa(12356, 8, "FAP-1")}, "eduroam", "FAP-1"},
		{"extreme", []radius.AVP{csi("00-10-A4-23-19-C0:eduroam"), vsa(1916, 208, "AP-9")}, "eduroam", "AP-9"},
		{"meraki", []radius.AVP{csi("00-10-A4-23-19-C0:eduroam"), vsa(29671, 2, "Hospital - wireless"), vsa(29671, 3, "AP-5")}, "eduroam", "AP-5"},
		{"meraki", []radius.AVP{vsa(29671, 2, "eduroam")}, "", ""}, // the dashboard's network is not an SSID
		// AVPair after the suffix.
		{"cisco-9800", []radius.AVP{csi("00-10-A4-23-19-C0"), vsa(9, 1, "audit-session-id=1"), vsa(9, 1, "cisco-wlan-ssid=eduroam"), vsa(9, 1, "wlan-profile-name=other")}, "eduroam", mac},
		{"cisco-9800", []radius.AVP{vsa(9, 1, "wlan-profile-name=eduroam")}, "eduroam", ""},
		{"cisco-9800", []radius.AVP{csi("00-10-A4-23-19-C0:right"), vsa(9, 1, "cisco-wlan-ssid=wrong")}, "right", mac},
		// Another vendor's attribute says nothing.
		{"unifi", []radius.AVP{vsa(14823, 5, "eduroam")}, "", ""},
		{"aruba", []radius.AVP{vsa(25053, 5, "eduroam")}, "", ""},
		// Broken vendor attributes say nothing.
		{"aruba", []radius.AVP{{Type: 26, Attribute: []byte{0, 0, 0x39}}, {Type: 26, Attribute: []byte{0, 0, 0x39, 0xe7, 5, 1}}, {Type: 26, Attribute: []byte{0, 0, 0x39, 0xe7, 5, 200, 'x'}}}, "", ""},
		{"aruba", []radius.AVP{{Type: 26, Attribute: []byte{0, 0, 0x39, 0xe7, 6, 3, 'A', 5, 4, 'h', 'i'}}}, "hi", "A"},
	}
	for _, test := range tests {
		p := &radius.Packet{}
		for _, a := range test.list {
			p.Add(a.Type, a.Attribute)
		}
		ssid, ap, ok := SSID(made[test.vendor], p)
		if ssid != test.ssid || ap != test.ap || ok != (test.ssid != "") {
			t.Errorf("%s %v: ssid %q ap %q %v, want %q %q", test.vendor, test.list, ssid, ap, ok, test.ssid, test.ap)
		}
	}
}

func TestNASName(t *testing.T) {
	id := radius.AVP{Type: 32, Attribute: radius.Attribute("wlc-1")}
	v4 := radius.AVP{Type: 4, Attribute: radius.Attribute{10, 20, 0, 5}}
	v6 := radius.AVP{Type: 95, Attribute: append([]byte{0x20, 1, 0xd, 0xb8}, make([]byte, 12)...)}
	for _, test := range []struct {
		list []radius.AVP
		want string
	}{
		{[]radius.AVP{v6, v4, id}, "wlc-1"}, {[]radius.AVP{v6, v4}, "10.20.0.5"}, {[]radius.AVP{v6}, "2001:db8::"},
		{[]radius.AVP{{Type: 32}, v4}, "10.20.0.5"}, {[]radius.AVP{{Type: 4, Attribute: radius.Attribute{1, 2}}}, ""}, {nil, ""},
	} {
		p := &radius.Packet{}
		for _, a := range test.list {
			p.Add(a.Type, a.Attribute)
		}
		if got := NASName(p); got != test.want {
			t.Errorf("%v: %q, want %q", test.list, got, test.want)
		}
	}
}

// Holds R11: whatever stands in the attributes, an SSID is 1 to 32 octets, and
// the suffix after a MAC comes back octet for octet.
func FuzzSSID(f *testing.F) {
	for _, s := range []string{"00-10-A4-23-19-C0:eduroam", "00:10:a4:23:19:c0:a:b", "0010.a423.19c0:x", "0010a42319c0:x", "AP:x", ":", "eduroam"} {
		f.Add(s, []byte{0, 0, 0x39, 0xe7, 5, 4, 'h', 'i'})
	}
	f.Add("", []byte{0, 0, 0, 9, 1, 18, 'c', 'i', 's', 'c', 'o', '-', 'w', 'l', 'a', 'n', '-', 's', 's', 'i', 'd', '='})
	f.Fuzz(func(t *testing.T, called string, vendorSpecific []byte) {
		p := &radius.Packet{}
		p.Add(30, radius.Attribute(called))
		p.Add(26, radius.Attribute(vendorSpecific))
		for name, from := range made {
			ssid, _, ok := SSID(from, p)
			if ok != (ssid != "") || len(ssid) > maxSSID {
				t.Fatalf("%s: %q %v", name, ssid, ok)
			}
		}
		if 0 < len(called) && len(called) <= maxSSID {
			for _, mac := range []string{"00-10-A4-23-19-C0", "00:10:a4:23:19:c0", "0010.a423.19c0", "0010a42319c0"} {
				q := &radius.Packet{}
				q.Add(30, radius.Attribute(mac+":"+called))
				if ssid, ap, ok := SSID(Source{}, q); !ok || ssid != called || ap != "00-10-A4-23-19-C0" {
					t.Fatalf("%s:%s is read as %q at %q", mac, called, ssid, ap)
				}
			}
		}
	})
}
