package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What `radiusd diff` says and how it ends.
func TestDiff(t *testing.T) {
	const example = "../config.example.toml"
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		from, to string
		code     int
		says     string
	}{
		"nothing":         {"", "", exitGood, "Nobody lands elsewhere"},
		"another zone":    {`vlan = "academic"`, `vlan = "visitor"`, exitFailed, "anyone@camford.ac.uk (a visitor), on SSID \"eduroam\" at Royal Infirmary:\n      vlan academic (1310), zone academic  ->  vlan visitor (320), zone visitor\n"},
		"a guarantee":     {"[[guarantee]]\nwho   = \"visitor\"\nnever = { zone = \"clinical\" }\n", "", exitFailed, "no longer guaranteed: visitor never reaches zone clinical"},
		"a bad file":      {`vlan = "academic"`, `vlan = "clinical"`, exitBadConfig, "clinical is trusted"},
		"in JSON, a move": {`vlan = "academic"`, `vlan = "visitor"`, exitFailed, `"Gravity": "across-zones"`},
	} {
		t.Run(name, func(t *testing.T) {
			next := filepath.Join(t.TempDir(), "next.toml")
			if err := os.WriteFile(next, []byte(strings.Replace(string(text), c.from, c.to, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"diff", example, next}
			if strings.HasPrefix(name, "in JSON") {
				args = append(args, "--json")
			}
			var out bytes.Buffer
			if code := run(args, &out, &out); code != c.code || !strings.Contains(out.String(), c.says) {
				t.Errorf("exit %d:\n%s", code, &out)
			}
		})
	}
}

// `radiusd test` lists the rules that no test turns on, and fails for them when it is asked to.
func TestCoverageOfRules(t *testing.T) {
	var out bytes.Buffer
	if code := run([]string{"test", "../config.example.toml"}, &out, &out); code != exitGood ||
		!strings.Contains(out.String(), "4 of 7 rules decide a test\n") || !strings.Contains(out.String(), ":108:3: rule 1 of SSID \"govroam\"\n") {
		t.Errorf("exit %d:\n%s", code, &out)
	}
	if code := run([]string{"test", "--every-rule", "../config.example.toml"}, &out, &out); code != exitFailed {
		t.Errorf("exit %d with rules that no test reaches", code)
	}
}
