package directory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const goodDevices = `mac,what,owner,vlan,until,asset,approved_by
00-1B-C5-00-00-01,Infusion pump 12,,pumps,2027-03-31,4711,A. Shah
# the scales of ward 7
001b.c500.0002,"Scales, ward 7",Ward 7,,2027-03-31,,A. Shah
`

// Holds R54: each mistake of a list is told with its line, and none is let pass.
func TestDevicesAreJudgedLineByLine(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"in another notation", "00:1b:c5:00:00:01,x,,,2027-03-31,,me", "5: MAC 00-1B-C5-00-00-01 is in line 2 already"},
		{"made up", "02-1B-C5-00-00-01,x,,,2027-03-31,,me", "5: MAC 02-1B-C5-00-00-01 is made up (locally administered)"},
		{"a group's", "01-1B-C5-00-00-01,x,,,2027-03-31,,me", "5: MAC 01-1B-C5-00-00-01 is a group's"},
		{"zeros", "000000000000,x,,,2027-03-31,,me", "5: the MAC is all zeros"},
		{"no MAC", "00-1B-C5-00-00,x,,,2027-03-31,,me", `5: "00-1B-C5-00-00" is no MAC address`},
		{"a vlan that no rule gives", "00-1B-C5-00-00-03,x,,clinical,2027-03-31,,me", `5: no rule gives vlan "clinical" to devices of this list`},
		{"no day", "00-1B-C5-00-00-03,x,,,31/03/2027,,me", `5: until is "31/03/2027", which is no day`},
		{"nobody approved", "00-1B-C5-00-00-03,x,,,2027-03-31,,", "5: the device has no approved_by"},
		{"a value too few", "00-1B-C5-00-00-03,x,,,2027-03-31", "5: the line has 5 values, and the header 7"},
		{"a terminal's escape", "00-1B-C5-00-00-03,x,,,2027-03-31,\x1b[2J,me", "5: asset holds what does not show"},
		{"the same in one character", "00-1B-C5-00-00-03,x,,,2027-03-31,\u009b2J,me", "5: asset holds what does not show"},
		{"what turns the rest around", "00-1B-C5-00-00-03,x,,,2027-03-31,47\u202e11,me", "5: asset holds what does not show"},
		{"an open quote", `00-1B-C5-00-00-03,"x,,,2027-03-31,,me`, `extraneous or missing " in quoted-field`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems := ParseDevices([]byte(goodDevices+c.line+"\n"), "Medical Engineering", []string{"pumps"})
			if len(problems) != 1 || !strings.Contains(problems.Error(), c.want) {
				t.Errorf("%v, want %s", problems, c.want)
			}
		})
	}
	for header, want := range map[string]string{"": "no header", "mac,what,until": "no column approved_by", "mac,what,until,approved_by,colour": `no column "colour"`, "mac,mac,what,until,approved_by": "twice"} {
		if _, problems := ParseDevices([]byte(header), "x", nil); !strings.Contains(problems.Error(), want) {
			t.Errorf("%q: %v, want %s", header, problems, want)
		}
	}
}

// A list is read again when it has changed and is left alone; one with a mistake in it
// costs nobody their network.
func TestDevicesAreReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "infusion.csv")
	begun := time.Now().Add(-time.Hour)
	write := func(text string) {
		begun = begun.Add(time.Minute)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, begun, begun); err != nil {
			t.Fatal(err)
		}
	}
	write(goodDevices)
	d, err := OpenDevices(path, "Medical Engineering", []string{"pumps"})
	if err != nil {
		t.Fatal(err)
	}
	one, known := d.Find("00-1B-C5-00-00-01")
	if !known || one.Owner != "Medical Engineering" || one.VLAN != "pumps" || one.Asset != "4711" || one.Ends().Format(time.DateOnly) != "2027-04-01" {
		t.Errorf("%t %+v", known, one)
	}
	look := func(wantChanged bool, wantErr string) {
		t.Helper()
		changed, err := d.Look()
		if changed != wantChanged || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("changed %t, %v", changed, err)
		}
	}
	look(false, "")
	write(goodDevices + "00-1B-C5-00-00-03,Scanner,,,2027-03-31,,A. Shah\n")
	look(false, "") // it may still be being written
	look(true, "")
	if _, known := d.Find("00-1B-C5-00-00-03"); !known {
		t.Error("the new device is not known")
	}
	write(goodDevices + "nonsense\n")
	look(false, "")
	look(true, path+":5: the line has 1 values")
	look(false, "") // told once
	if len(d.All()) != 3 {
		t.Error("a bad file took the good list away")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	look(false, "")
	look(true, "name a list of devices")
	if len(d.All()) != 3 {
		t.Error("no file took the good list away")
	}
}

func FuzzDevices(f *testing.F) {
	f.Add([]byte(goodDevices))
	f.Add([]byte("mac,what,until,approved_by\n\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, problems := ParseDevices(text, "owner", []string{"pumps"})
		seen := map[string]bool{}
		for _, d := range list {
			octets, ok := parseMAC(d.MAC)
			if !ok || octets[0]&3 != 0 || seen[d.MAC] || d.What == "" || d.Until.IsZero() || d.VLAN != "" && d.VLAN != "pumps" {
				t.Fatalf("%+v of %q (%v)", d, text, problems)
			}
			seen[d.MAC] = true
		}
	})
}
