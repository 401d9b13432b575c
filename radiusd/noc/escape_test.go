package noc

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// hostile are names that somebody could give a device or a directory.
var hostile = []string{
	"nurse\r\n2026-06-01T09:00:00.000Z ACCEPT root",
	"\x1b[2J\x1b]0;owned\x07",
	"\u202egnp.exe\u202c",
	"\u2066a\u2069 \u200b \u061c \ufeff",
	"line\u2028separator\u2029paragraph\u0085next",
	`<script>alert("1")</script>&amp;`,
	"\xff\xfe invalid \xc3\x28",
	"\x00nul\x7fdel\u009bcsi",
	`quote " back\slash`,
	"tag \U000e0041 private \U000f0000 unassigned \U000e0fff",
	"x  ACCEPT  root",
	"a=b vlan=1",
	strings.Repeat("é", 2000),
	strings.Repeat("\x80", 3000),
	"Zoë Ó Súilleabháin 護士",
}

// judge looks at one line as a terminal, an editor and a browser would.
func judge(t *testing.T, line string) {
	t.Helper()
	body, ended := strings.CutSuffix(line, "\n")
	if !ended {
		t.Fatalf("a line must end: %q", line)
	}
	if !utf8.ValidString(body) {
		t.Errorf("not UTF-8: %q", body)
	}
	for _, r := range body {
		if !unicode.IsPrint(r) || r == '<' || r == '>' && !strings.Contains(body, "-> ") || r == '&' {
			t.Errorf("%U stands unescaped in %q", r, body)
		}
	}
}

func hostileEvent(name string) Event {
	e := night()
	e.Outer, e.Inner, e.Realm, e.SSID, e.AP, e.NAS, e.MAC = name, name, name, name, name, name, name
	e.CUI, e.OperatorName, e.Detail, e.Server, e.Reason, e.Outcome, e.Kind = name, name, name, name, name, name, name
	return e
}

// Holds S14: whatever the names say, an event is one line, printable, and JSON
// readers get the names back.
func TestS14HostileNames(t *testing.T) {
	for _, name := range hostile {
		e := hostileEvent(name)
		for kind, f := range formats {
			for _, began := range []bool{true, false} {
				line := string(f.event(nil, e.Time, began, &e))
				judge(t, line)
				if strings.Count(line, "\n") != 1 {
					t.Errorf("%s: %d lines for one event", kind, strings.Count(line, "\n"))
				}
			}
		}
		var back map[string]any
		line := formats["json"].event(nil, e.Time, false, &e)
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		want := strings.ToValidUTF8(name, "\ufffd")
		if len(name) <= maxField && utf8.ValidString(name) && back["outer"] != want {
			t.Errorf("outer came back as %q, want %q", back["outer"], want)
		}
	}
}

// Holds S14 for the lines of the server itself, whose values come from strangers too.
func TestS14HostileServerLines(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		for _, name := range hostile {
			w := &sink{}
			d := New(Config{Format: format, Writer: w})
			d.Warn(name, "name", name, name, "value", "err", failure(name), "stack", strings.Repeat(name, 400))
			d.Close()
			judge(t, w.String())
		}
	}
}

// A name with spaces cannot pass for the words around it.
func TestS14TextNamesAreQuoted(t *testing.T) {
	e := Event{Time: night().Time, Kind: "access", Outcome: "reject", Outer: "x  ACCEPT  root", SSID: "a b"}
	line := string(textEvent(nil, e.Time, false, &e))
	if !strings.Contains(line, `"x  ACCEPT  root"`) || !strings.Contains(line, `on "a b"`) {
		t.Errorf("%s", line)
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"":              "",
		"plain":         "plain",
		"a\r\n\tb":      `a\r\n\tb`,
		"\x1b[0m":       `\u001b[0m`,
		"\u202e":        `\u202e`,
		"\U000e0041":    `\udb40\udc41`,
		"<&>":           `\u003c\u0026\u003e`,
		`"\`:            `\"\\`,
		"\xff":          `\ufffd`,
		"Zoë 護士":        "Zoë 護士",
		"O'Brien":       "O'Brien",
		"a\u00a0b":      `a\u00a0b`, // a space that is none
		"half \xe2\x82": `half \ufffd\ufffd`,
	} {
		if got := string(appendEscaped(nil, in)); got != want {
			t.Errorf("appendEscaped(%q) = %s, want %s", in, got, want)
		}
	}
	long := string(appendEscaped(nil, strings.Repeat("é", maxField)))
	if long != strings.Repeat("é", maxField/2)+"…" {
		t.Errorf("a long name is cut between characters, got %d octets ending %q", len(long), long[len(long)-6:])
	}
}

// FuzzEscape: any string becomes the inside of a JSON string on one printable
// line, and valid UTF-8 comes back as it was.
func FuzzEscape(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, quoted := range []string{string(appendQuoted(nil, s)), string(appendLong(nil, s))} {
			for _, r := range quoted {
				if !unicode.IsPrint(r) || r == '<' || r == '>' || r == '&' {
					t.Fatalf("%U unescaped in %q", r, quoted)
				}
			}
			var back string
			if err := json.Unmarshal([]byte(quoted), &back); err != nil {
				t.Fatalf("%q: %v", quoted, err)
			}
			if len(s) <= maxField && utf8.ValidString(s) && back != s {
				t.Fatalf("%q came back as %q", s, back)
			}
		}
		for _, r := range string(appendWord(nil, s)) {
			if !unicode.IsPrint(r) {
				t.Fatalf("%U unescaped in a word", r)
			}
		}
		e := hostileEvent(s)
		for _, f := range formats {
			line := string(f.event(nil, time.Unix(0, 0), false, &e))
			if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") || !utf8.ValidString(line) {
				t.Fatalf("not one line: %q", line)
			}
		}
	})
}

type failure string

func (e failure) Error() string { return string(e) }
