package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file that is not in its folder, although the folder is here, is a wrong name: it is
// told of at its own place, with the name that was probably meant. What is on another
// machine is one warning for all.
func TestMistypedNamesOfFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"radius.key": "not read here", "users.toml": "",
		"config.toml": `version = 1
[eap]
methods = ["ttls"]
certificate = "file:/etc/radiusd/nowhere/radius.pem"
private_key = "file:./radus.key"
[directory.trust]
kind = "file"
path = "user.toml"
[realm."northbridge.nhs.uk"]
directory = "trust"
[[site]]
name = "Royal Infirmary"
[[site.controller]]
name = "royal-wlc"
address = "10.20.0.10"
secret = "file:something-else"
without_vlan = "reject"
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Load(filepath.Join(dir, "config.toml"), SecretsOptional)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range f.Warnings {
		got = append(got, w.Key+": "+strings.ReplaceAll(w.Text, dir, "…")+" meant "+w.Meant)
	}
	want := []string{
		`eap.certificate: this cannot be read here, and what is in it was not judged: file:/etc/radiusd/nowhere/radius.pem meant `,
		`eap.private_key: private_key: there is no file …/radus.key, and what is in it was not judged meant "file:./radius.key"`,
		`directory.trust.path: path: there is no file …/user.toml, and what is in it was not judged meant "users.toml"`,
		`site[0].controller[0].secret: secret: there is no file …/something-else, and what is in it was not judged meant `,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\n\nexpected\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, key := range []string{"eap.certificate", "eap.private_key", "directory.trust.path", "site[0].controller[0].secret"} {
		if !f.Unreadable(key) {
			t.Errorf("%s is not marked", key)
		}
	}
}

// A secret that is missing is called as its federation is, and not as another.
func TestExampleSecretsAreOfTheirFederation(t *testing.T) {
	_, err := LoadBytes("config.toml", []byte("version = 1\n[federation.govroam]\nservers = [{ address = \"203.0.113.21\" }]\n"), nil, SecretsOptional)
	if err == nil || !strings.Contains(err.Error(), `secret = "cred:govroam"`) || strings.Contains(err.Error(), "eduroam") {
		t.Error(err)
	}
}
