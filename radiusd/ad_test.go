package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"causeway/realms/directory/directorytest"
)

// An administrator joins this server to a domain, pastes what is printed, and asks the
// domain how it receives us. No password appears anywhere.
func TestADJoinAndTest(t *testing.T) {
	dc, err := directorytest.NewController()
	if errors.Is(err, directorytest.ErrNoController) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer dc.Close()
	if err := dc.FillPeople(); err != nil {
		t.Fatal(err)
	}
	ways, err := dc.Ways("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer ways.Close()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("ca.pem", string(dc.CA.PEM()))
	write("nurse", "correct horse")
	t.Setenv("ADMIN_PASSWORD", dc.AdminPassword.Reveal())
	said := ""
	radiusd := func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(args, &out, &errs); code != want {
			t.Fatalf("radiusd %s ended with %d:\n%s%s", strings.Join(args, " "), code, &out, &errs)
		}
		said += out.String() + errs.String()
		if want != exitGood {
			return out.String() + errs.String()
		}
		return out.String()
	}
	// The commands are those of the documentation, but for where this domain is.
	documented := shellOf(t, "../docs/active-directory.md", strings.NewReplacer("/etc/radiusd/tls/domain-ca.pem", path("ca.pem"), "/etc/radiusd/config.toml", path("radiusd.toml")))
	join := append(documented["join"],
		"--password", "env:ADMIN_PASSWORD", "--server", ways.URL(), "--server-name", directorytest.ServerName,
		"--netlogon-port", fmt.Sprint(ways.Netlogon.Port), "--out", path("radius1.password"))
	pasted := radiusd(exitGood, join...)
	info, err := os.Stat(path("radius1.password"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the password's file: %v, %v", info, err)
	}
	first, err := os.ReadFile(path("radius1.password"))
	if err != nil {
		t.Fatal(err)
	}
	write("radiusd.toml", "version = 1\n"+pasted+`
[[site]]
name = "Royal Infirmary"
[[site.controller]]
name         = "royal-wlc"
address      = "10.20.0.10"
secret       = "a-long-enough-secret-for-it"
without_vlan = "reject"
`)
	report := radiusd(exitGood, append(documented["test"], "--user", "nurse@"+directorytest.Domain, "--password", "file:"+path("nurse"))...)
	for _, want := range []string{"as RADIUS1$", "LDAP good", "Netlogon good", "by a bind (TTLS-PAP)", "by MSCHAPv2 (PEAP)", "account nurse, groups ", "Wifi-Clinical"} {
		if !strings.Contains(report, want) {
			t.Errorf("ad test does not say %q:\n%s", want, report)
		}
	}

	// A second time nothing happens, unless it is meant.
	if text := radiusd(exitFailed, join...); !strings.Contains(text, "is there already") {
		t.Errorf("with the file in place: %s", text)
	}
	other := append(slices.Clone(join), "--out", path("other.password"))
	if text := radiusd(exitFailed, other...); !strings.Contains(text, "--take-over") {
		t.Errorf("with the account in place: %s", text)
	}
	if left, _ := filepath.Glob(path("other.password*")); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
	radiusd(exitGood, append(slices.Clone(join), "--take-over")...)
	second, err := os.ReadFile(path("radius1.password"))
	if err != nil || bytes.Equal(first, second) {
		t.Errorf("the new password is the old one, or %v", err)
	}
	radiusd(exitGood, "ad", "test", path("radiusd.toml"))

	// Wrong passwords, in words.
	write("wrong", "wrong")
	if text := radiusd(exitFailed, "ad", "test", path("radiusd.toml"), "--user", "nurse@"+directorytest.Domain, "--password", "file:"+path("wrong")); !strings.Contains(text, "wrong password") {
		t.Errorf("%s", text)
	}
	write("radius1.password", "not what the domain has")
	if text := radiusd(exitFailed, "ad", "test", path("radiusd.toml")); !strings.Contains(text, "refuses the service account RADIUS1$") {
		t.Errorf("%s", text)
	}
	if text := radiusd(exitFailed, append(slices.Clone(join), "--out", path("new"), "--password", "literal")...); !strings.Contains(text, "never the password itself") {
		t.Errorf("%s", text)
	}
	radiusd(exitUsage, "ad")
	radiusd(exitUsage, "ad", "join")
	radiusd(exitUsage, "ad", "test")
	for what, secret := range map[string]string{"administrator": dc.AdminPassword.Reveal(), "computer": strings.TrimSpace(string(first)), "new computer": strings.TrimSpace(string(second)), "nurse": "correct horse"} {
		if strings.Contains(said, secret) {
			t.Errorf("the password of the %s was printed", what)
		}
	}
}

// shellOf are the commands "radiusd ad …" of a page, by their second word.
func shellOf(t *testing.T, page string, r *strings.Replacer) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string][]string{}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			words := strings.Fields(r.Replace(line))
			if len(words) < 3 || words[0] != "radiusd" || words[1] != "ad" || commands[words[2]] != nil {
				t.Fatalf("%s: %q is a command that is not run", page, line)
			}
			commands[words[2]] = words[1:]
		}
	}
	return commands
}
