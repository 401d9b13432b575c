package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

const (
	docPath     = "../../../docs/config.md"
	examplePath = "../../../config.example.toml"
)

// sections are the headings of docs/config.md under which a struct's keys stand.
var sections = map[reflect.Type]string{
	reflect.TypeFor[File]():            "## Top of the file",
	reflect.TypeFor[Server]():          "## `[server]`",
	reflect.TypeFor[Listen]():          "### `listen`",
	reflect.TypeFor[RejectStorm]():     "### `reject_storm`",
	reflect.TypeFor[RadSec]():          "## `[radsec]`",
	reflect.TypeFor[Core]():            "## `[core]`",
	reflect.TypeFor[Edge]():            "### `edges`",
	reflect.TypeFor[Store]():           "## `[store]`",
	reflect.TypeFor[EAP]():             "## `[eap]`",
	reflect.TypeFor[Resumption]():      "### `[eap.resumption]`",
	reflect.TypeFor[TEAP]():            "### `[eap.teap]`",
	reflect.TypeFor[Authority]():       "### `[[eap.authority]]`",
	reflect.TypeFor[Directory]():       "## `[directory.NAME]`",
	reflect.TypeFor[Guard]():           "### `guard`",
	reflect.TypeFor[Realm]():           "## `[realm.\"NAME\"]`",
	reflect.TypeFor[Federation]():      "## `[federation.NAME]`",
	reflect.TypeFor[Upstream]():        "### `servers`",
	reflect.TypeFor[FTicks]():          "### `fticks`",
	reflect.TypeFor[FederationProxy](): "### `clients`",
	reflect.TypeFor[Discovery]():       "### `[federation.NAME.discovery]`",
	reflect.TypeFor[Probe]():           "### `[[federation.NAME.probe]]`",
	reflect.TypeFor[Devices]():         "## `[devices.NAME]`",
	reflect.TypeFor[Zone]():            "## `[zone]`",
	reflect.TypeFor[VLAN]():            "## `[vlan]`",
	reflect.TypeFor[SSID]():            "## `[[ssid]]`",
	reflect.TypeFor[Rule]():            "### `[[ssid.rule]]`",
	reflect.TypeFor[Roaming]():         "## `[[roaming]]`",
	reflect.TypeFor[Guarantee]():       "## `[[guarantee]]`",
	reflect.TypeFor[Place]():           "### `never` and `only`",
	reflect.TypeFor[Site]():            "## `[[site]]`",
	reflect.TypeFor[SiteVLAN]():        "### `vlan` of a site",
	reflect.TypeFor[Agreement]():       "### `[site.agreement]`",
	reflect.TypeFor[Controller]():      "### `[[site.controller]]`",
	reflect.TypeFor[Log]():             "## `[log]`",
	reflect.TypeFor[Test]():            "## `[[test]]`",
	reflect.TypeFor[Given]():           "### `given`",
	reflect.TypeFor[Expect]():          "### `expect`",
}

// A row of a table of the documentation.
type row struct{ kind, def, meaning string }

func rowsOf(t *testing.T, doc string) map[string]map[string]row {
	t.Helper()
	cells := regexp.MustCompile("^\\| `([a-z_0-9]+)` \\| (.*) \\| (.*) \\| (.*) \\|$")
	rows, heading := map[string]map[string]row{}, ""
	for line := range strings.Lines(doc) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			heading = line
		}
		if m := cells.FindStringSubmatch(line); m != nil {
			if rows[heading] == nil {
				rows[heading] = map[string]row{}
			}
			rows[heading][m[1]] = row{m[2], m[3], m[4]}
		}
	}
	return rows
}

// Every key is documented with its type and default, and nothing else is.
func TestEveryKeyIsDocumented(t *testing.T) {
	text, err := os.ReadFile(docPath)
	if err != nil {
		t.Fatal(err)
	}
	rows := rowsOf(t, string(text))
	for kind, heading := range sections {
		keys := keysOf(kind)
		for key, field := range keys {
			if heading == "## Top of the file" && key != "version" && key != "include" {
				continue // a section of its own
			}
			r, documented := rows[heading][key]
			if !documented {
				t.Errorf("%s: %s is not documented", heading, key)
				continue
			}
			if want := typeInDocs(field.Type); !strings.Contains(want, "|"+r.kind+"|") {
				t.Errorf("%s: %s is documented as %q; it is %s", heading, key, r.kind, want)
			}
			if want, open := defaultInDocs(field); r.def != want && (!open || r.def == "required") {
				t.Errorf("%s: %s has default %s in the documentation; it is %s", heading, key, r.def, want)
			}
			if r.meaning == "" {
				t.Errorf("%s: %s has no meaning", heading, key)
			}
		}
		for key := range rows[heading] {
			if _, real := keys[key]; !real {
				t.Errorf("%s documents %s, which does not exist", heading, key)
			}
		}
	}
	structs(reflect.TypeFor[File](), func(kind reflect.Type) {
		if sections[kind] == "" {
			t.Errorf("%v has no section", kind)
		}
	})
}

// structs visits every struct that the file can hold.
func structs(kind reflect.Type, visit func(reflect.Type)) {
	switch kind.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		structs(kind.Elem(), visit)
	case reflect.Struct:
		if kind == timeType {
			return
		}
		visit(kind)
		for _, field := range keysOf(kind) {
			structs(field.Type, visit)
		}
	}
}

func typeInDocs(kind reflect.Type) string {
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	switch {
	case kind == landingType:
		return "|number or text|"
	case kind == secretType:
		return "|reference or text|"
	case kind == listType:
		return "|text or list of text|address to listen on, or a list|reference, or a list|reference or address, or a list|"
	case kind == timeType:
		return "|date|"
	case kind == spanType:
		return "|length of time|"
	case kind.Kind() == reflect.String:
		return "|text|reference|path|server address|address or range|"
	case kind.Kind() == reflect.Bool:
		return "|true or false|"
	case kind.Kind() == reflect.Slice && kind.Elem().Kind() == reflect.String:
		return "|list of text|"
	case kind.Kind() == reflect.Slice && kind.Elem().Kind() == reflect.Uint16:
		return "|list of numbers|"
	case kind.Kind() == reflect.Slice:
		return "|list of tables|"
	case kind.Kind() == reflect.Struct, kind.Kind() == reflect.Map:
		return "|table|"
	}
	return "|number|"
}

// defaultInDocs is what the column must say, or that it is free to say in words
// what an absent key means.
func defaultInDocs(field reflect.StructField) (want string, open bool) {
	def, has := field.Tag.Lookup("default")
	switch {
	case field.Tag.Get("need") == "yes":
		return "required", false
	case has && (field.Type.Kind() == reflect.String || field.Type == listType || field.Type == spanType):
		return fmt.Sprintf("`%q`", def), false
	case has:
		return "`" + def + "`", false
	case field.Type.Kind() == reflect.Bool:
		return "`false`", false
	}
	return "none", true
}

// Every TOML block of the documentation loads, but for those of the file of users. Those
// that show a part only are completed.
func TestBlocksOfTheDocumentationLoad(t *testing.T) {
	var text []byte
	pages, err := filepath.Glob("../../../docs/*.md")
	if err != nil || len(pages) < 10 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, path := range pages {
		if strings.HasSuffix(path, "users-file.md") {
			continue
		}
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, page...)
	}
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 10 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for _, block := range blocks {
		text := block[1]
		if !strings.HasPrefix(text, "version") {
			text = "version = 1\n" + text
		}
		if !strings.Contains(text, "[[site]]") {
			text += "\n[[site]]\nname = \"Royal Infirmary\"\n[[site.controller]]\nname = \"royal-wlc\"\naddress = \"10.20.0.10\"\nsecret = \"cred:royal-wlc\"\nwithout_vlan = \"reject\"\n"
		}
		if _, err := LoadBytes("docs/config.md", []byte(text), nil, SecretsOptional); err != nil {
			t.Errorf("%v\nin\n%s", err, block[1])
		}
	}
}

// The example loads as it is shipped, from a clean clone.
func TestExampleLoads(t *testing.T) {
	f, err := Load(examplePath, SecretsOptional)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Site) < 2 || len(f.SSID) != 3 || len(f.Federation) != 2 || len(f.Test) < 4 {
		t.Errorf("sites %d, SSIDs %d, federations %d, tests %d", len(f.Site), len(f.SSID), len(f.Federation), len(f.Test))
	}
	if len(f.Warnings) != 1 || !strings.Contains(f.Warnings[0].Text, "cannot be read here") {
		t.Errorf("warnings:\n%v", f.Warnings)
	}
	if !f.Unreadable("eap.private_key") || !f.Unreadable("site[0].controller[0].secret") {
		t.Error("what could not be read is not marked")
	}
	if _, err := Load(examplePath, SecretsRequired); err == nil {
		t.Error("it loads without its secrets")
	}
}

// Examples end most fixes, so each must name a key that exists at its place.
func TestExamplesAreOfRealKeys(t *testing.T) {
	known := map[string]bool{}
	var walk func(kind reflect.Type, path string)
	walk = func(kind reflect.Type, path string) {
		known[path] = true
		switch {
		case kind == timeType:
		case kind.Kind() == reflect.Pointer:
			walk(kind.Elem(), path)
		case kind.Kind() == reflect.Map:
			walk(kind.Elem(), path+".*")
		case kind.Kind() == reflect.Slice && kind.Elem().Kind() == reflect.Struct:
			walk(kind.Elem(), path+"[]")
		case kind.Kind() == reflect.Struct:
			for key, field := range keysOf(kind) {
				walk(field.Type, under(path, key))
			}
		}
	}
	walk(reflect.TypeFor[File](), "")
	for path := range examples {
		if !known[path] {
			t.Errorf("there is no %s", path)
		}
	}
	for _, l := range later {
		if known[l.where] && l.value == "" {
			t.Errorf("%s exists: it is not for later", l.where)
		}
	}
}
