package config

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// A file with every key, in the form that the admin's fields mirror.
func TestEveryKeyIsRead(t *testing.T) {
	f, err := Load("testdata/good/every-key.toml", SecretsRequired)
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]bool{}
	var visit func(v reflect.Value)
	visit = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			for key, field := range keysOf(v.Type()) {
				inner := v.FieldByIndex(field.Index)
				read[v.Type().Name()+"."+key] = read[v.Type().Name()+"."+key] || !inner.IsZero()
				visit(inner)
			}
		case reflect.Map:
			for _, k := range v.MapKeys() {
				visit(v.MapIndex(k))
			}
		case reflect.Slice:
			for i := range v.Len() {
				visit(v.Index(i))
			}
		case reflect.Pointer:
			visit(v.Elem())
		}
	}
	visit(reflect.ValueOf(*f))
	edge, err := Load("testdata/good/every-key-edge.toml", SecretsRequired) // what a core cannot have
	if err != nil {
		t.Fatal(err)
	}
	visit(reflect.ValueOf(*edge))
	for key, was := range read {
		if !was {
			t.Errorf("%s was not read", key)
		}
	}

	here, _ := filepath.Abs("testdata/good")
	for what, pair := range map[string][2]any{
		"a secret of a file":    {f.Directory["trust"].Password.Reveal(), "a-secret-of-this-test"},
		"a path":                {f.Directory["probes"].Path, filepath.Join(here, "users.txt")},
		"a reference":           {f.EAP.PrivateKey[0], "file:" + filepath.Join(here, "secret.txt")},
		"the first day":         {f.Site[0].Agreement.From, time.Date(2026, 4, 1, 0, 0, 0, 0, time.Local)},
		"a number of a site":    {f.Site[0].VLAN["academic"].ID, uint16(1310)},
		"a tag":                 {*f.Site[0].Controller[0].Tag, uint8(3)},
		"a range":               {f.Site[0].Controller[0].Prefix(), netip.MustParsePrefix("10.44.0.0/28")},
		"one address":           {f.Federation["eduroam"].Clients[0].Prefix(), netip.MustParsePrefix("198.51.100.11/32")},
		"listening":             {[]string(f.Server.Listen.Auth), []string{"127.0.0.1:1812", "[::1]:1812"}},
		"listening, one string": {[]string(f.Server.Listen.Acct), []string{":1813"}},
		"a test's VLAN":         {f.Test[0].Expect.VLAN, Landing("1310")},
		"and by its name":       {f.Test[1].Expect.VLAN, Landing("academic")},
		"a rule's name":         {f.RuleNames()["ssid[0].rule[0]"], "students"},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s is %v, not %v", what, pair[0], pair[1])
		}
	}
}

func TestDefaults(t *testing.T) {
	f, err := LoadBytes("radiusd.toml", []byte("version = 1\n[federation.eduroam]\nservers = [{ address = \"198.51.100.11\", secret = \"0123456789abcdef\" }]\n[[ssid]]\nname = \"eduroam\"\nfederation = \"eduroam\"\n[realm.\"camford.ac.uk\"]\nservers = [{ address = \"198.51.100.11\", secret = \"0123456789abcdef\" }]\n"), nil, SecretsRequired)
	if err != nil {
		t.Fatal(err)
	}
	if f.Server.Conversations != 20000 || f.Server.Listen.Auth[0] != ":1812" || f.Server.Listen.Acct[0] != ":1813" ||
		f.EAP.FragmentSize != 1020 || f.Log.Format != "text" || f.Federation["eduroam"].Transport != "udp" ||
		!f.Realm["camford.ac.uk"].Roaming || f.Server.Blocklist != nil {
		t.Errorf("%+v", f)
	}
}

func TestIncludesArePastedTogether(t *testing.T) {
	f, err := Load("testdata/good/includes.toml", SecretsRequired)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range f.Site {
		names = append(names, s.Name)
		for _, c := range s.Controller {
			names = append(names, c.Name)
		}
	}
	if got := strings.Join(names, ", "); got != "Royal Infirmary, royal-wlc, St Agnes, agnes-wlc, Eastmoor, eastmoor-ap" {
		t.Errorf("sites: %s", got)
	}
	if len(f.Realm) != 2 {
		t.Errorf("realms: %v", f.Realm)
	}
	// What a room says of the second site has its place in the included file.
	p := f.Place("site[2].controller[0].without_vlan", "x", "")
	if p.File != filepath.Join("testdata", "good", "sites.d", "b-eastmoor.toml") || p.Line != 8 || p.Column != 16 {
		t.Errorf("%s:%d:%d", p.File, p.Line, p.Column)
	}
	if p := f.Place(`realm."camford.ac.uk".servers[0].secret`, "x", ""); !strings.HasSuffix(p.File, "camford.toml") || p.Line != 2 {
		t.Errorf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

// The same tree, served by a function instead of a file system.
func TestLoadBytesReadsIncludes(t *testing.T) {
	files := map[string]string{"sites.toml": "[[site]]\nname = \"St Agnes\"\n"}
	read := func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, os.ErrNotExist
	}
	f, err := LoadBytes("radiusd.toml", []byte("version = 1\ninclude = \"sites.toml\"\n"), read, SecretsRequired)
	if err != nil || len(f.Site) != 1 {
		t.Fatalf("%+v, %v", f, err)
	}
	if _, err := LoadBytes("radiusd.toml", []byte("version = 1\ninclude = \"sites.toml\"\n"), nil, SecretsRequired); err == nil {
		t.Error("an include without a reader loads")
	}
}

// A byte order mark and CR LF are how Windows saves; neither may move a caret.
func TestTextAsWindowsSavesIt(t *testing.T) {
	_, err := LoadBytes("radiusd.toml", []byte("\uFEFFversion = 1\r\n[server]\r\nnmea = \"Northbridge\"\r\n[[site]]\r\nname = \"A\"\r\n"), nil, SecretsRequired)
	want := "radiusd.toml:3:1: unknown key nmea in [server]\n    3 | nmea = \"Northbridge\"\n      | ^^^^\n"
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v", err)
	}
	_, err = LoadBytes("radiusd.toml", []byte("\xff\xfev\x00e\x00"), nil, SecretsRequired)
	if err == nil || !strings.Contains(err.Error(), "UTF-16") {
		t.Errorf("%v", err)
	}
	_, err = LoadBytes("radiusd.toml", []byte("version = 1\n[server]\nname = \"caf\xe9\"\n"), nil, SecretsRequired)
	if err == nil || !strings.Contains(err.Error(), "radiusd.toml:3:12: this is not UTF-8 text") {
		t.Errorf("%v", err)
	}
}

func TestMissingFile(t *testing.T) {
	f, err := Load("testdata/nowhere.toml", SecretsRequired)
	if f != nil || err == nil || !strings.HasPrefix(err.Error(), "testdata/nowhere.toml: cannot be read: there is no such file") {
		t.Errorf("%v, %v", f, err)
	}
}

// A secret that cannot be read stops a server, and a check goes on with a
// stand-in that nobody knows.
func TestUnreadableSecrets(t *testing.T) {
	text := []byte("version = 1\n[[site]]\nname = \"A\"\n[[site.controller]]\nname = \"a\"\naddress = \"10.0.0.1\"\nsecret = \"file:nowhere\"\nwithout_vlan = \"reject\"\n")
	_, err := LoadBytes("radiusd.toml", text, nil, SecretsRequired)
	here, _ := filepath.Abs("nowhere")
	if err == nil || !strings.HasPrefix(err.Error(), "radiusd.toml:7:10: secret: "+here+": there is no such file\n") {
		t.Errorf("%v", err)
	}
	one, err := LoadBytes("radiusd.toml", text, nil, SecretsOptional)
	if err != nil {
		t.Fatal(err)
	}
	two, _ := LoadBytes("radiusd.toml", text, nil, SecretsOptional)
	a, b := one.Site[0].Controller[0].Secret.Reveal(), two.Site[0].Controller[0].Secret.Reveal()
	if a == b || len(a) < minSecret || !one.Unreadable("site[0].controller[0].secret") || len(one.Warnings) != 1 {
		t.Errorf("stand-ins %q and %q, warnings %v", a, b, one.Warnings)
	}
}

// Mistakes that rooms find are put at their place, once.
func TestMergeKeepsOneProblemForEachPlace(t *testing.T) {
	f, err := LoadBytes("radiusd.toml", []byte("version = 1\n[vlan]\nclinical = { id = \"010\", zone = \"clinical\" }\n[[site]]\nname = \"A\"\n"), nil, SecretsRequired)
	var problems Problems
	if !errors.As(err, &problems) || f == nil {
		t.Fatalf("%v, %v", f, err)
	}
	room := Problems{f.Place("vlan.clinical.id", "id is 0", ""), f.Place("vlan.clinical.zone", `there is no zone "clinical"`, "")}
	all := problems.Merge(room)
	if len(all) != 2 || all[0].Text != `id is the text "010", not a number` || all[1].Column != 33 {
		t.Errorf("%v", all)
	}
}

func TestPlace(t *testing.T) {
	f, err := Load(examplePath, SecretsOptional)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(examplePath)
	lines := strings.Split(string(text), "\n")
	for key, want := range map[string]string{
		"ssid[1].rule[2].vlan":                      `^"visitor"$`,
		`ssid."eduroam".federation`:                 `"eduroam"`,
		`ssid.eduroam.federation`:                   `"eduroam"`,
		`site."Royal Infirmary".vlan.academic`:      `1310`,
		"site[0].vlan.academic":                     `1310`,
		"site[0].controller[0].without_vlan":        `"reject"`,
		"federation.eduroam.servers[1].secret":      `"cred:eduroam"`,
		"federation.eduroam.servers[1].without_cui": `{ address = "198.51.100.12", secret = "cred:eduroam" }`, // longest prefix
		`realm."camford.ac.uk".servers`:             `[{ address = "192.0.2.10", secret = "cred:camford" }]`,
		`realm."CAMFORD.AC.UK"`:                     `realm."camford.ac.uk"`,
		"vlan.clinical.id":                          `110`,
		"vlan.clinical.down":                        `clinical`, // not written: the key of its table
		"guarantee[0].never.zone":                   `"clinical"`,
		"operator_name":                             `"northbridge.nhs.uk"`,
		"test[0].given.groups[0]":                   `"Wifi-Clinical"`,
		"eap.methods[1]":                            `"teap"`,
		"site[1].controller[0]":                     `site.controller`,
	} {
		p := f.Place(key, "x", "")
		line := []rune(lines[p.Line-1])
		got := string(line[p.Column-1 : min(len(line), p.Column-1+p.width)])
		if got != strings.Trim(want, "^$") {
			t.Errorf("%s is at %d:%d, %s; expected %s", key, p.Line, p.Column, got, want)
		}
	}
	for _, key := range []string{"", "nowhere", "[", `realm."`, "site[99].name", "site[x]", `""`} {
		if p := f.Place(key, "x", ""); p.Line == 0 || p.File == "" {
			t.Errorf("%q has no place at all: %+v", key, p)
		}
	}
}

func TestSecretsInStructsDoNotPrint(t *testing.T) {
	f, err := Load("testdata/good/every-key.toml", SecretsRequired)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
		if strings.Contains(fmt.Sprintf(form, *f), "a-secret-of-this-test") {
			t.Errorf("%s prints a secret", form)
		}
	}
}

// Columns and carets count characters: an é is one, though it has two octets.
func TestColumnsCountCharacters(t *testing.T) {
	_, err := LoadBytes("radiusd.toml", []byte("version = 1\n[zone]\n\"hôpital été\" = { trsuted = true }\n[[site]]\nname = \"A\"\n"), nil, SecretsRequired)
	want := "radiusd.toml:3:19: unknown key trsuted in zone.\"hôpital été\"\n    3 | \"hôpital été\" = { trsuted = true }\n      |                   ^^^^^^^\n"
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v\nexpected\n%s", err, want)
	}
}

// The files of a pattern are read in the order of their names, whatever the file
// system says, so that problems and sites have one order on every machine.
func TestPatternsAreSorted(t *testing.T) {
	l := &loader{
		glob: func(string) ([]string, error) { return []string{"b.toml", "a.toml"}, nil },
		read: func(path string) ([]byte, error) {
			if path == "radiusd.toml" {
				return []byte("version = 1\ninclude = [\"*.toml\"]\n"), nil
			}
			return []byte("[[site]]\nname = \"" + path + "\"\n"), nil
		},
	}
	f, err := l.load("radiusd.toml")
	if err != nil || f.Site[0].Name != "a.toml" || f.Site[1].Name != "b.toml" {
		t.Errorf("%+v, %v", f, err)
	}
}
