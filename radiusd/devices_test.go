package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"causeway/realms/directory"
)

// The list of docs/devices.md is good, and the commands judge and list it; MACs that are
// made up are told with their line.
func TestDevicesOnTheCommandLine(t *testing.T) {
	page, err := os.ReadFile("../docs/devices.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```csv\n(.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("the page has no list")
	}
	path := filepath.Join(t.TempDir(), "infusion.csv")
	for _, c := range []struct {
		list  string
		args  []string
		exits int
		says  string
	}{
		{string(block[1]), []string{"check", path}, exitGood, "is good: 2 devices"},
		{string(block[1]), []string{"list", path}, exitGood, "00-1B-C5-00-00-02"},
		{string(block[1]), []string{"list", "--expiring", "30d", path}, exitGood, "MAC  UNTIL"},
		{string(block[1]), []string{"list", "--expiring", "30", path}, exitUsage, "30d"},
		{string(block[1]), []string{"mend", path}, exitUsage, "check FILE"},
		{string(block[1]) + "02-1B-C5-00-00-01,x,y,,2027-03-31,,me\n", []string{"check", path}, exitFailed, path + ":4: MAC 02-1B-C5-00-00-01 is made up"},
	} {
		if err := os.WriteFile(path, []byte(c.list), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs strings.Builder
		if code := runDevices(c.args, &out, &errs); code != c.exits || !strings.Contains(out.String()+errs.String(), c.says) {
			t.Errorf("%q: exit %d, %s%s", c.args, code, &out, &errs)
		}
	}
}

// Only those that end soon, or have ended, are listed with --expiring.
func TestExpiringDevices(t *testing.T) {
	now := time.Date(2027, 3, 1, 12, 0, 0, 0, time.Local)
	day := func(days int) time.Time { return time.Date(2027, 3, 1+days, 0, 0, 0, 0, time.Local) }
	var out strings.Builder
	list := []directory.Device{{MAC: "soon", Until: day(30)}, {MAC: "later", Until: day(31)}, {MAC: "gone", Until: day(-1)}, {MAC: "last", Until: day(0)}}
	if err := printDevices(&out, list, 30, now); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); !strings.Contains(s, "soon") || strings.Contains(s, "later") || !strings.Contains(s, "2027-02-28 (ended)") || !strings.Contains(s, "last  2027-03-01  ") {
		t.Error(s)
	}
}
