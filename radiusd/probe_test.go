package main

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"causeway/radiusd/daemon"
	"causeway/radiusd/probe"
)

// Holds R52: what cannot be asked is 3, a bad command line and a bad file included,
// since 2 means silence.
func TestProbeThatCannotBeAskedIsThree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.toml")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--nonsense"}, {"-c", "/nowhere.toml"}, {"-c", path}, {"-c", path, "one", "two"}, {"--timeout", "2h"}, {"--user", "a@b.example"},
		{"--user", "a@b.example", "--password-file", path}, {"--user", "a@b.example", "--password-file", "/nowhere"},
	} {
		var out, errs bytes.Buffer
		if code := runProbe(args, &out, &errs); code != 3 || errs.Len() == 0 || out.Len() > 0 {
			t.Errorf("%q: exit code %d, %q, %q", args, code, out.String(), errs.String())
		}
	}
	var out, errs bytes.Buffer
	if code := runProbe([]string{"-h"}, &out, &errs); code != 0 {
		t.Errorf("help: exit code %d", code)
	}
}

// What a stranger put into a certificate or a Reply-Message stands in the report, and
// does nothing to a terminal; the JSON names do not change.
func TestAProbeReportIsSafeToPrint(t *testing.T) {
	c := &x509.Certificate{Raw: []byte("raw"), SerialNumber: big.NewInt(1), DNSNames: []string{"radius.\x1b[2Jexample"}, Issuer: pkix.Name{CommonName: "CA\nALARM"}, NotAfter: time.Date(2028, 1, 2, 0, 0, 0, 0, time.UTC)}
	reports := []daemon.ProbeReport{{Pool: "eduroam", Server: "roam-1", Address: "192.0.2.1:1812", Transport: "udp", User: "probe@home.example", Result: probe.Result{
		Outcome: probe.Reject, Reason: probe.ErrNoRoute, Words: "it says \"no\"\x1b[31m", Rounds: 1, Duration: 61 * time.Millisecond, Certificate: c,
	}}}
	var text, lines bytes.Buffer
	if err := tell(&text, reports, false); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), "\x1b") || strings.Contains(text.String(), "\nALARM") || !strings.Contains(text.String(), `it says "no"\x1b[31m.`) ||
		!strings.Contains(text.String(), "eduroam/roam-1  192.0.2.1:1812  udp        reject  probe-no-route  1            61 ms  2028-01-02") {
		t.Errorf("%q", text.String())
	}
	if err := tell(&lines, reports, true); err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal(lines.Bytes(), &got); err != nil || len(got) != 1 {
		t.Fatalf("%v in %s", err, lines.String())
	}
	for name, want := range map[string]any{"pool": "eduroam", "outcome": "reject", "reason": "probe-no-route", "rounds": 1.0, "duration_ms": 61.0, "transport": "udp"} {
		if got[0][name] != want {
			t.Errorf("%s is %v, want %v", name, got[0][name], want)
		}
	}
	if inner, _ := got[0]["certificate"].(map[string]any); inner["not_after"] != "2028-01-02T00:00:00Z" {
		t.Errorf("certificate: %v", inner)
	}
}

// Who asks all without a name hears of the federations that have nobody to ask with, on
// standard error: what is for machines stays as it is.
func TestWhoHasNoTestAccountIsSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "two.toml")
	if err := os.WriteFile(path, []byte(`version = 1
[federation.eduroam]
servers = [{ address = "198.51.100.11", secret = "cred:eduroam" }]
[[federation.eduroam.probe]]
user = "probe@northbridge.nhs.uk"
password = "cred:probe"
ca = "cred:ca"
server_name = "radius.northbridge.nhs.uk"
[federation.govroam]
servers = [{ address = "203.0.113.21", secret = "cred:govroam" }]
[[ssid]]
name = "eduroam"
federation = "eduroam"
[[ssid]]
name = "govroam"
federation = "govroam"
[[site]]
name = "Royal Infirmary"
[[site.controller]]
name = "royal-wlc"
address = "10.20.0.10"
secret = "cred:royal-wlc"
without_vlan = "reject"
`), 0o600); err != nil {
		t.Fatal(err)
	}
	const said = "not asked: [federation.govroam], which has no test account in a [[federation.govroam.probe]]\n"
	for _, x := range []struct {
		args []string
		want bool
	}{{[]string{"-c", path, "--json"}, true}, {[]string{"-c", path, "--json", "eduroam"}, false}} {
		var out, errs bytes.Buffer
		if code := runProbe(x.args, &out, &errs); code != 3 || !json.Valid(out.Bytes()) { // the secrets are not here
			t.Fatalf("%q: exit code %d, %q, %q", x.args, code, out.String(), errs.String())
		}
		if strings.Contains(errs.String(), said) != x.want {
			t.Errorf("%q: %q", x.args, errs.String())
		}
	}
}
