package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"causeway/radiusd/daemon"
)

// wrong are changes to the example after which its proof fails, and how many
// counterexamples there are.
var wrong = map[string]struct {
	old, new string
	found    int
}{
	"a visitor in the clinical zone": {
		"who  = \"visitor\"                              # any valid realm that is not ours\nvlan = \"visitor\"",
		"who = \"visitor\"\nvlan = \"clinical\"", 3},
	"the medical school in the clinical zone": {"vlan = \"academic\"\n[[ssid.rule]]", "vlan = \"clinical\"\n[[ssid.rule]]", 4},
	"any device": {"device = \"verified\"                           # a Trust device, which proved itself (TEAP proves it beside the person)\n", "", 1},
	"groups and methods with words that a shell reads": {
		"[[guarantee]]\nwho   = \"visitor\"",
		`[[guarantee]]
who = "own"
group = "CN=It's $HOME,OU=Ward \"7\""
eap = "tls"
site = "King's Mill; rm -rf"
never = { zone = "visitor" }
[[site]]
name = "King's Mill; rm -rf"
[[site.controller]]
name = "kings-wlc"
address = "10.60.0.10"
secret = "cred:kings"
without_vlan = "reject"
[[guarantee]]
who   = "visitor"`, 3},
	"a certificate of our own authority": {
		"[[guarantee]]\nwho   = \"visitor\"",
		"[[guarantee]]\nwho = \"own\"\nissuer = \"client_ca\"\npolicy = \"1.2.3\"\nonly = { zone = \"clinical\" }\n[[guarantee]]\nwho   = \"visitor\"", 3},
	"what a controller does by itself": {`without_vlan = "visitor" `, `without_vlan = "clinical" `, 0},
}

// Holds part of R50: every counterexample has a command, and the command, typed in a
// shell, shows the rule giving that VLAN, by the code that answers a live request.
func TestEveryCounterexampleIsReproduced(t *testing.T) {
	example, err := os.ReadFile("../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range wrong {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(string(example), c.old, c.new, 1)
			if text == string(example) {
				t.Fatal("the example has changed")
			}
			file := filepath.Join(t.TempDir(), "it's wrong.toml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			var out, errs strings.Builder
			if code := run([]string{"check", file}, &out, &errs); code != exitBadConfig {
				t.Fatalf("exit code %d\n%s%s", code, out.String(), errs.String())
			}
			seen := reproduce(t, errs.String())
			if seen != c.found {
				t.Errorf("%d commands, not %d:\n%s", seen, c.found, errs.String())
			}
			if _, err := daemon.Inspect(file, time.Now); err == nil {
				t.Error("a file whose proof failed was inspected as if it had not")
			}
		})
	}
}

// reproduce runs every command that check printed, and counts them.
func reproduce(t *testing.T, printed string) (seen int) {
	t.Helper()
	vlan := ""
	for line := range strings.Lines(printed) {
		if _, after, found := strings.Cut(line, " gives vlan "); found {
			vlan, _, _ = strings.Cut(after, " ")
		}
		_, command, found := strings.Cut(strings.TrimSpace(line), "see it: radiusd ")
		if !found {
			continue
		}
		seen++
		words, err := exec.CommandContext(t.Context(), "sh", "-c", "printf '%s\\n' "+command).Output()
		if err != nil {
			t.Fatal(err)
		}
		var out, errs strings.Builder
		code := run(strings.Split(strings.TrimSpace(string(words)), "\n"), &out, &errs)
		if code != exitGood || !strings.HasPrefix(out.String(), "NOT PROVED") || !strings.Contains(out.String(), "it fits, and gives vlan "+vlan+"\n") ||
			!strings.Contains(out.String(), "("+vlan+"), zone") && !strings.Contains(out.String(), "REJECT  zone-guard") {
			t.Errorf("%s\nsays (%d)\n%s%s\nand vlan %s was promised", command, code, out.String(), errs.String(), vlan)
		}
	}
	return seen
}
