package fticks

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

// The key and the hashes of the tests; a hash is HMAC-SHA-256 of the twelve digits in
// small letters, made with openssl dgst -sha256 -hmac.
const (
	testKey     = "key-of-the-tests"
	testStation = "00-10-A4-23-19-C0"
	testHash    = "fc7e5849a8d53beb68867a5a7b801b8cce03649d71014861d181d9da072611d2"
)

// Holds R44: the line is the one that collectors of F-Ticks take apart.
func TestR44Lines(t *testing.T) {
	full := Tick{Realm: "camford.ac.uk", Country: "GB", Institution: "1northbridge.nhs.uk", Station: testStation, OK: true}
	for _, c := range []struct {
		name   string
		prefix string
		mac    string
		change func(*Tick)
		want   string
	}{
		{"let in", "F-TICKS/eduroam/1.0", VendorHashed, nil,
			"F-TICKS/eduroam/1.0#REALM=camford.ac.uk#VISCOUNTRY=GB#VISINST=1northbridge.nhs.uk#CSI=00-10-A4-" + testHash + "#RESULT=OK#"},
		{"refused", "F-TICKS/govroam/1.0", VendorHashed, func(k *Tick) { k.OK = false },
			"F-TICKS/govroam/1.0#REALM=camford.ac.uk#VISCOUNTRY=GB#VISINST=1northbridge.nhs.uk#CSI=00-10-A4-" + testHash + "#RESULT=FAIL#"},
		{"the hash alone", "F-TICKS/eduroam/1.0", Hashed, nil,
			"F-TICKS/eduroam/1.0#REALM=camford.ac.uk#VISCOUNTRY=GB#VISINST=1northbridge.nhs.uk#CSI=" + testHash + "#RESULT=OK#"},
		{"the address itself", "F-TICKS/eduroam/1.0", Plain, nil,
			"F-TICKS/eduroam/1.0#REALM=camford.ac.uk#VISCOUNTRY=GB#VISINST=1northbridge.nhs.uk#CSI=00-10-A4-23-19-C0#RESULT=OK#"},
		{"no address", "F-TICKS/eduroam/1.0", VendorHashed, func(k *Tick) { k.Station = "" },
			"F-TICKS/eduroam/1.0#REALM=camford.ac.uk#VISCOUNTRY=GB#VISINST=1northbridge.nhs.uk#RESULT=OK#"},
		{"country and institution unknown", "F-TICKS/eduroam/1.0", Hashed, func(k *Tick) { k.Country, k.Institution = "", "" },
			"F-TICKS/eduroam/1.0#REALM=camford.ac.uk#CSI=" + testHash + "#RESULT=OK#"},
	} {
		tick, cfg := full, Config{Prefix: c.prefix, MAC: c.mac, Key: []byte(testKey)}
		if c.change != nil {
			c.change(&tick)
		}
		if got, err := cfg.line(tick); err != nil || got != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", c.name, err, got, c.want)
		}
	}
}

// Holds R44 and S14: nobody writes an attribute or a line by what they are called.
func TestR44NobodyWritesAnotherAttribute(t *testing.T) {
	cfg := Config{Prefix: "F-TICKS/eduroam/1.0", MAC: Plain}
	for _, bad := range []string{"a#RESULT=OK", "a\nb", "a\r<134>1", "a b", "a\x00", "a\x7f", "caf\u00e9", "\u202e", strings.Repeat("a", 254), ""} {
		if got, err := cfg.line(Tick{Realm: bad}); !errors.Is(err, ErrNotWritable) {
			t.Errorf("realm %q: %q, %v", bad, got, err)
		}
		const want = "F-TICKS/eduroam/1.0#REALM=camford.ac.uk#RESULT=OK#"
		if got, err := cfg.line(Tick{Realm: "camford.ac.uk", Institution: bad, Station: bad, Country: bad, OK: true}); got != want || err != nil {
			t.Errorf("%q: %q, %v", bad, got, err)
		}
	}
	// What is no MAC address is hashed whole, and none of it is shown.
	cfg = Config{Prefix: "F-TICKS/eduroam/1.0", MAC: VendorHashed, Key: []byte(testKey)}
	for _, odd := range []string{"0010a42319c0#", "00-10-A4-23-19-C", "00-10-A4-23-19-CG", "00-10-A4-23-19:C0", "a#RESULT=OK#bcdefg"} {
		got, err := cfg.line(Tick{Realm: "camford.ac.uk", Station: odd})
		if err != nil || strings.Contains(got, odd[:4]) || len(got) != len("F-TICKS/eduroam/1.0#REALM=camford.ac.uk#CSI=#RESULT=FAIL#")+64 {
			t.Errorf("%q: %q, %v", odd, got, err)
		}
	}
}

// Whatever is in a tick, its line has the attributes of a tick, each once and in order,
// and nothing that another system would read otherwise.
func FuzzLine(f *testing.F) {
	whole := regexp.MustCompile(`^F-TICKS/eduroam/1\.0#REALM=[!-"$-~]+#(VISCOUNTRY=[!-"$-~]+#)?(VISINST=[!-"$-~]+#)?(CSI=[!-"$-~]+#)?RESULT=(OK|FAIL)#$`)
	f.Add("camford.ac.uk", "GB", "1northbridge.nhs.uk", testStation, true)
	f.Add("a#RESULT=OK", "\n", "\x00", "00-10-A4-#3-19-C0", false)
	f.Fuzz(func(t *testing.T, realm, country, institution, station string, ok bool) {
		for _, mac := range []string{VendorHashed, Hashed, Plain} {
			cfg := Config{Prefix: "F-TICKS/eduroam/1.0", MAC: mac, Key: []byte(testKey)}
			line, err := cfg.line(Tick{Realm: realm, Country: country, Institution: institution, Station: station, OK: ok})
			if err == nil && !whole.MatchString(line) || err != nil && line != "" {
				t.Errorf("%q, %v", line, err)
			}
		}
	})
}
