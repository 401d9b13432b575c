package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"causeway/radiusd/daemon"
	"causeway/vlan"
)

// The block of every make loads inside the example and is proved with it.
func TestNewControllerLoads(t *testing.T) {
	example, err := os.ReadFile("../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	if len(stepsOf) != len(vlan.Vendors()) {
		t.Errorf("%d makes have steps, %d are in the table", len(stepsOf), len(vlan.Vendors()))
	}
	for _, vendor := range vlan.Vendors() {
		var out, errs bytes.Buffer
		if code := run([]string{"new", "controller", vendor, "--name", "ward-7", "--address", "10.99.7.0/28", "--site", "Royal Infirmary"}, &out, &errs); code != exitGood {
			t.Fatalf("%s: %d: %s", vendor, code, &errs)
		}
		block, steps, found := strings.Cut(out.String(), "\nAt the controller:\n")
		if !found || strings.Count(steps, "\n") < 6 {
			t.Errorf("%s has no steps:\n%s", vendor, &out)
		}
		path := filepath.Join(t.TempDir(), "config.toml")
		if err := os.WriteFile(path, append(bytes.Clone(example), "\n"+block...), 0o600); err != nil {
			t.Fatal(err)
		}
		i, err := daemon.Inspect(path, time.Now)
		if err != nil {
			t.Errorf("%s: %v", vendor, err)
			continue
		}
		last := i.File.Site[len(i.File.Site)-1]
		if c := last.Controller[len(last.Controller)-1]; c.Name != "ward-7" || c.Vendor != vendor || c.Address != "10.99.7.0/28" {
			t.Errorf("%s: %+v", vendor, c)
		}
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	for want, args := range map[string][]string{
		"no vendor":              {"new", "controller", "cisco"},
		"say controller":         {"new", "site"},
		"not an IP address":      {"new", "controller", "aruba", "--address", "ward 7"},
		"ends with a space":      {"new", "controller", "aruba", "--name", "ward-7 "},
		"a host inside a range":  {"new", "controller", "aruba", "--address", "10.0.0.1/8"},
		"another character that": {"new", "controller", "aruba", "--name", "ward\t7"},
	} {
		var out, errs bytes.Buffer
		if code := run(args, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), want) || out.Len() > 0 {
			t.Errorf("%v: %d: %s%s", args, code, &out, &errs)
		}
	}
	var out bytes.Buffer
	run([]string{"new"}, &out, &out)
	for _, vendor := range vlan.Vendors() {
		if !strings.Contains(out.String(), "  "+vendor+" ") {
			t.Errorf("%s is not listed", vendor)
		}
	}
}
