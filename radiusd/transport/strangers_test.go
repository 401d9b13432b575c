package transport

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
)

// Holds S15: forged addresses cost nothing, and push out nobody who is insistent.
func TestStrangersAreBounded(t *testing.T) {
	var b strangerBook
	now := time.Unix(1_700_000_000, 0)
	insists := netip.MustParseAddr("192.0.2.7")
	for range 5 {
		b.note(insists, nil, now)
	}
	forged := netip.MustParseAddr("10.0.0.0")
	for range 20_000 {
		forged = forged.Next()
		now = now.Add(time.Millisecond)
		b.note(forged, nil, now)
		b.note(forged, nil, now) // twice is not insistent
	}
	all := b.all()
	if len(all) != maxStrangers/2+1 || all[0].Address != insists || all[0].Packets != 5 {
		t.Errorf("%d remembered, the first %+v", len(all), all[0])
	}
	if want := uint64(20_000 - maxStrangers/2); b.forgotten != want {
		t.Errorf("%d forgotten, want %d", b.forgotten, want)
	}
	for range 20_000 {
		forged = forged.Next()
		for range insistent {
			b.note(forged, nil, now)
		}
	}
	if n := len(b.all()); n > maxStrangers || b.passing.Len()+b.staying.Len() != len(b.byAddress) {
		t.Errorf("%d remembered, %d and %d", n, b.passing.Len(), b.staying.Len())
	}
	fresh, left := b.news(20)
	if len(fresh) != 20 || left != len(b.byAddress)-20 {
		t.Errorf("%d told, %d left of %d", len(fresh), left, len(b.byAddress))
	}
	if again, _ := b.news(1 << 20); len(again) != left {
		t.Errorf("%d told the next time, want %d", len(again), left)
	}
}

func TestWhatAStrangerSays(t *testing.T) {
	packet := func(name string) []byte {
		p := radius.New(radius.CodeAccessRequest, []byte("not ours"))
		p.Add(rfc2865.UserName_Type, radius.Attribute("nurse@northbridge.nhs.uk"))
		if name != "" {
			p.Add(rfc2865.NASIdentifier_Type, radius.Attribute(name))
		}
		wire, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		return wire
	}
	long := string(bytes.Repeat([]byte("x"), 200))
	for name, c := range map[string]struct {
		octets []byte
		want   string
	}{
		"a name":        {packet("agnes-wlc"), "agnes-wlc"},
		"none":          {packet(""), ""},
		"a long one":    {packet(long), long[:strangersName]},
		"octets beyond": {append(packet("agnes-wlc"), 32, 3, 'x'), "agnes-wlc"},
		"cut off":       {packet("agnes-wlc")[:40], ""},
		"nothing":       {nil, ""},
	} {
		if got := nameIn(c.octets); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func FuzzWhatAStrangerSays(f *testing.F) {
	f.Add([]byte{1, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 4, 'a', 'b'})
	f.Fuzz(func(t *testing.T, octets []byte) {
		if name := nameIn(octets); len(name) > strangersName || !bytes.Contains(octets, []byte(name)) {
			t.Fatalf("%q of %x", name, octets)
		}
	})
}

func TestStations(t *testing.T) {
	for name, c := range map[string]struct {
		vendor, called, nas string
		vendors             []byte // a Vendor-Specific attribute
		want                Stations
	}{
		"a MAC and a name":         {"hostapd", "00:10:a4:23:19:c0:eduroam", "agnes-ap-1", nil, Stations{"00-10-A4-23-19-C0", "00-10-A4-23-19-C0", "agnes-ap-1"}},
		"a name in Called-Station": {"cisco-9800", "agnes-ap-1:eduroam", "", nil, Stations{"agnes-ap-1", "agnes-ap-1", ""}},
		"the vendor's own":         {"aruba", "00-10-A4-23-19-C0:eduroam", "wlc", append([]byte{0, 0, 0x39, 0xe7, 6, 12}, "agnes-ap-1"...), Stations{"agnes-ap-1", "00-10-A4-23-19-C0", "wlc"}},
		"a MAC as NAS-Identifier":  {"", "", "0010.a423.19c0", nil, Stations{"", "", "00-10-A4-23-19-C0"}},
		"nothing":                  {"", "", "", nil, Stations{}},
	} {
		p := radius.New(radius.CodeAccessRequest, nil)
		if c.called != "" {
			p.Add(rfc2865.CalledStationID_Type, radius.Attribute(c.called))
		}
		if c.nas != "" {
			p.Add(rfc2865.NASIdentifier_Type, radius.Attribute(c.nas))
		}
		if c.vendors != nil {
			p.Add(rfc2865.VendorSpecific_Type, c.vendors)
		}
		if got := StationsOf(made[c.vendor], p); got != c.want {
			t.Errorf("%s: %s, want %s", name, fmt.Sprintf("%q", got), fmt.Sprintf("%q", c.want))
		}
	}
}
