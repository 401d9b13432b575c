package certs

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
)

const canary = "canary-7fQ2-do-not-print"

// nested is how other rooms carry secrets about.
type nested struct {
	Name   string
	Secret Secret
	Inner  *nested
	List   []Secret
	Map    map[string]Secret
	Any    any
}

func samples() []any {
	s := Secret(canary)
	one := nested{Name: "royal-wlc", Secret: s, List: []Secret{s}, Map: map[string]Secret{"a": s}, Any: s}
	two := nested{Name: "outer", Secret: s, Inner: &one}
	return []any{s, &s, one, &one, two, &two, []nested{one}, []any{s}, map[string]any{"k": s}, [1]Secret{s}}
}

// Holds S17: whatever prints a secret prints [secret].
func TestS17SecretNeverPrints(t *testing.T) {
	verbs := []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d", "%10s", "%-3v", "% x", "%t"}
	for i, v := range samples() {
		for _, verb := range verbs {
			if hasPointer(v) && !strings.ContainsAny(verb, "vxX") {
				continue // fmt reports a bad verb without calling methods; go vet refuses the call
			}
			clean(t, fmt.Sprintf("sample %d %s", i, verb), fmt.Sprintf(verb, v))
		}
	}
	for _, verb := range verbs {
		if got := fmt.Sprintf(verb, Secret(canary)); got != "[secret]" {
			t.Errorf("%s of a secret printed %q", verb, got)
		}
	}
	if Secret(canary).Reveal() != canary {
		t.Error("Reveal must give the secret itself")
	}
}

func hasPointer(v any) bool {
	switch n := v.(type) {
	case nested:
		return n.Inner != nil
	case *nested:
		return n.Inner != nil
	}
	return false
}

// Holds S17 for every encoder that the house uses.
func TestS17SecretNeverMarshals(t *testing.T) {
	for i, v := range samples() {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		clean(t, fmt.Sprintf("JSON of sample %d", i), string(b))
		for _, text := range []bool{true, false} {
			var out bytes.Buffer
			var h slog.Handler = slog.NewJSONHandler(&out, nil)
			if text {
				h = slog.NewTextHandler(&out, nil)
			}
			slog.New(h).Info("x", "v", v, slog.Group("g", "v", v))
			clean(t, fmt.Sprintf("slog of sample %d", i), out.String())
		}
	}
	s := struct {
		Secret Secret
		List   []Secret
	}{canary, []Secret{canary}}
	var out bytes.Buffer
	if err := toml.NewEncoder(&out).Encode(s); err != nil {
		t.Fatal(err)
	}
	if want := "Secret = \"[secret]\"\nList = [\"[secret]\"]\n"; out.String() != want {
		t.Errorf("TOML %q", out.String())
	}
	if b, err := json.Marshal(s); err != nil || string(b) != `{"Secret":"[secret]","List":["[secret]"]}` {
		t.Errorf("JSON %s, %v", b, err)
	}
	if v := slog.AnyValue(Secret(canary)).Resolve(); v.Kind() != slog.KindString || v.String() != "[secret]" {
		t.Errorf("slog resolves a secret to %s %v", v.Kind(), v)
	}
	b, err := xml.Marshal(Secret(canary))
	if err != nil {
		t.Fatal(err)
	}
	clean(t, "XML", string(b))
	clean(t, "error", fmt.Errorf("dial %v: %s", Secret(canary), Secret(canary)).Error())
}

// A panic prints its value with print, not with fmt: what the daemon recovers
// and logs goes through fmt, so that is what is tested.
func TestS17RecoveredPanic(t *testing.T) {
	defer func() { clean(t, "recovered", fmt.Sprint(recover())) }()
	panic(nested{Secret: canary})
}

// Holds S17: what holds a private key prints as its name.
func TestS17KeysNeverPrint(t *testing.T) {
	a := authority(t)
	p, err := a.Server([]string{"radius.example.ac.uk"}, Options{})
	must(t, err)
	k, err := FromPair(p, a)
	must(t, err)
	for _, v := range []any{a, *a, p, &p, k, k.Current(), *k.Current(), struct{ M *Material }{k.Current()},
		Config{PrivateKey: p.KeyPEM.Reveal()}, []Pair{p}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			got := fmt.Sprintf(verb, v)
			if len(got) > 200 || strings.Contains(got, "PRIVATE KEY") || strings.Contains(got, "D:") {
				t.Errorf("%s of %T prints %.200q", verb, v, got)
			}
		}
	}
}

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	write("ldap", "from-systemd\n")
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	t.Setenv("CAUSEWAY_TEST", "from-env\n")
	t.Setenv("CAUSEWAY_EMPTY", "")
	for _, c := range []struct {
		ref, want string
		source    Source
		err       string
	}{
		{ref: "file:" + write("plain", "abc"), want: "abc", source: FromFile},
		{ref: "file:" + write("newline", "abc\n"), want: "abc", source: FromFile},
		{ref: "file:" + write("crlf", "abc\r\n"), want: "abc", source: FromFile},
		{ref: "file:" + write("two", "abc\n\n"), want: "abc\n", source: FromFile},
		{ref: "file:" + write("spaces", " a b "), want: " a b ", source: FromFile},
		{ref: "cred:ldap", want: "from-systemd", source: FromCredential},
		{ref: "env:CAUSEWAY_TEST", want: "from-env\n", source: FromEnv},
		{ref: "correct horse", want: "correct horse", source: Literal},
		{ref: "File:/x", want: "File:/x", source: Literal},
		{ref: "", source: Literal, err: "the value in the configuration is empty"},
		{ref: "file:", source: FromFile, err: "needs a path"},
		{ref: "file:" + write("empty", "\n"), source: FromFile, err: "empty is empty"},
		{ref: "file:" + dir, source: FromFile, err: "is a folder"},
		{ref: "file:" + write("huge", strings.Repeat("x", maxFile+1)), source: FromFile, err: "larger than 1 MiB"},
		{ref: "file:/does/not/exist", source: FromFile, err: "/does/not/exist"},
		{ref: "cred:../ldap", source: FromCredential, err: "may not be a path"},
		{ref: "cred:..", source: FromCredential, err: "may not be a path"},
		{ref: "cred:absent", source: FromCredential, err: "LoadCredential=absent"},
		{ref: "env:CAUSEWAY_EMPTY", source: FromEnv, err: "CAUSEWAY_EMPTY is empty"},
		{ref: "env:CAUSEWAY_UNSET", source: FromEnv, err: "CAUSEWAY_UNSET is not set"},
	} {
		got, source, err := ReadSecret(c.ref)
		if got.Reveal() != c.want || source != c.source || (err == nil) != (c.err == "") {
			t.Errorf("ReadSecret(%q) = %q, %s, %v", c.ref, got.Reveal(), source, err)
		}
		if err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("ReadSecret(%q): error %q lacks %q", c.ref, err, c.err)
		}
	}
	if _, _, err := ReadSecret("file:/does/not/exist"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent file must be fs.ErrNotExist, got %v", err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, _, err := ReadSecret("cred:ldap"); err == nil || !strings.Contains(err.Error(), "CREDENTIALS_DIRECTORY is not set") {
		t.Errorf("without systemd: %v", err)
	}
}

func TestLintSecret(t *testing.T) {
	dir := t.TempDir()
	loose, tight := filepath.Join(dir, "loose"), filepath.Join(dir, "tight")
	must(t, os.WriteFile(loose, []byte("x"), 0o600))
	must(t, os.Chmod(loose, 0o644))
	must(t, os.WriteFile(tight, []byte("x"), 0o640))
	for ref, want := range map[string]string{
		"file:" + loose:       "world-readable",
		"file:" + tight:       "",
		"env:X":               "",
		"cred:x":              "",
		canary:                "secret-literal",
		"flie:/etc/secret":    "secret-reference",
		"File:/etc/secret":    "secret-reference",
		" file:/etc/secret":   "secret-reference",
		"/etc/radiusd/secret": "secret-reference",
	} {
		got := ""
		for _, f := range LintSecret(ref) {
			got += f.Code
			clean(t, "finding", fmt.Sprint(f))
			if f.Text == "" || f.Fix == "" {
				t.Errorf("%s: a finding needs a text and a fix", f.Code)
			}
		}
		if got != want {
			t.Errorf("LintSecret(%q) = %q, want %q", ref, got, want)
		}
	}
}

func clean(t *testing.T, where, text string) {
	t.Helper()
	if strings.Contains(text, canary) || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", canary)) {
		t.Errorf("%s: the secret printed: %q", where, text)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var testNow = time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC)

func authority(t testing.TB) *Authority {
	t.Helper()
	a, err := NewAuthority("Northbridge Wi-Fi authority", testNow, Options{CRL: "http://radius.example.ac.uk/ca.crl"})
	must(t, err)
	return a
}
