package vlan

import (
	"strings"
	"testing"
	"unicode"
)

// A name stands in a key as TOML would have it: bare where it may, else in quotation marks.
func TestNamesInKeys(t *testing.T) {
	for name, want := range map[string]string{
		"azAZ09-_": "azAZ09-_", "a": "a", "z": "z", "A": "A", "Z": "Z", "0": "0", "9": "9", "-": "-", "_": "_",
		"": `""`, "staff net": `"staff net"`, "a.b": `"a.b"`, "`": "\"`\"", "{": `"{"`, "@": `"@"`, "[": `"["`, "/": `"/"`, ":": `":"`, "é": `"é"`,
		"a\"b": `"a\"b"`, "a b": `"a b"`, " a": `" a"`, "a ": `"a "`,
	} {
		if got := tomlKey(name); got != want {
			t.Errorf("%q is written %s, want %s", name, got, want)
		}
	}
	for want, parts := range map[string][]any{
		"ssid[1].rule[0].vlan":      {"ssid", 1, "rule", 0, "vlan"},
		`site[10].vlan."staff net"`: {"site", 10, "vlan", "staff net"},
		"[3].name":                  {3, "name"},
	} {
		if got := path(parts...); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// How far apart two names are: letters to insert, drop, change or swap.
func TestEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "xyz", 3},
		{"visitor", "visitors", 1}, {"kitten", "sitting", 3}, {"sunday", "saturday", 3},
		{"ab", "ba", 1}, {"acb", "abc", 1}, {"abcd", "badc", 2}, {"vistior", "visitor", 1},
		{"ab", "bca", 2 + 1}, // letters that were swapped are left alone
		{"aab", "aba", 1}, {"xaby", "xbay", 1}, {"abxy", "bazz", 3}, {"aa", "bb", 2}, {"ab", "bc", 2}, {"ab", "ca", 2},
	} {
		if got := edits(c.a, c.b); got != c.want {
			t.Errorf("from %q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
		if got := edits(c.b, c.a); got != c.want {
			t.Errorf("from %q to %q: %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

// A name is suggested that is near: a third of the letters and one more may differ, but not
// all of them. Of two the nearer is, and of two as near the first.
func TestSuggestions(t *testing.T) {
	const otherwise = "say another"
	for _, c := range []struct {
		name  string
		known []string
		want  string // empty: otherwise
	}{
		{"clinicl", []string{"visitor", "clinical"}, "clinical"},
		{"CLINICL", []string{"clinical"}, "clinical"},
		{"clinicl", []string{"CLINICAL"}, "CLINICAL"},
		{"abcdef", []string{"abcxyz"}, "abcxyz"},          // three of six
		{"abcdef", []string{"abwxyz"}, ""},                // four of six
		{"abcde", []string{"abcxy"}, "abcxy"},             // two of five
		{"abcde", []string{"abxyz"}, ""},                  // three of five
		{"abcdefghi", []string{"abcdewxyz"}, "abcdewxyz"}, // four of nine
		{"a", []string{"b"}, ""},                          // all of it
		{"ab", []string{"b"}, ""},                         // as many as it has
		{"a", []string{"ab"}, "ab"},
		{"tls", []string{"ttls", "tlss"}, "ttls"}, // as near: the first
		{"tlss", []string{"ttls", "tls"}, "tls"},  // nearer, though later
		{"tlss", []string{"tls", "ttls"}, "tls"},
		{"", []string{"tls"}, ""},
		{"x", nil, ""},
	} {
		want := otherwise
		if c.want != "" {
			want = `did you mean "` + c.want + `"?`
		}
		if got := suggest(c.name, c.known, otherwise); got != want {
			t.Errorf("%q of %q: %s, want %s", c.name, c.known, got, want)
		}
	}
}

// What is no speed is said to be none, and is not read as one.
func TestSpeedsThatAreNone(t *testing.T) {
	for s, want := range map[string]string{
		"M": "is not a speed", ".": "is not a speed", "1.2.3M": "is not a speed", "1e9": "is not a speed", "-1M": "is not a speed", "5 M": "is not a speed", "5MM": "is not a speed",
		"/": "is not a speed", ":": "is not a speed", "0": "lets nothing through", "0.4": "lets nothing through", "0.0004k": "lets nothing through",
		"4294967296": "is more than a controller can be told", "4.3G": "is more than a controller can be told",
	} {
		if got, err := parseRate(s); err == nil || !strings.Contains(err.Error(), want) || got != 0 {
			t.Errorf("%q: %d, %v; want one that %s", s, got, err, want)
		}
	}
	for s, want := range map[string]uint32{"0.5": 1, "1": 1, "9": 9, "50m": 50e6, "50M": 50e6, "512K": 512e3, "1.5g": 1.5e9, "0.0005k": 1, "4.294967295G": 1<<32 - 1} {
		if got, err := parseRate(s); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", s, got, err, want)
		}
	}
}

// Names are equal but for the case of their letters, and what is no UTF-8 is equal to itself
// alone.
func TestFoldOfOddNames(t *testing.T) {
	for r := rune(0); r < 0x80; r++ {
		if got, want := fold(string(r)), string(unicode.ToLower(r)); got != want {
			t.Errorf("%q is folded to %q", r, got)
		}
		if got, want := foldRune(r), unicode.ToLower(r); got != want {
			t.Errorf("%q stands for %q", got, r)
		}
	}
	odd := []string{"\xff", "\xfe", "\ufffd", "\xef", "a\xff", "A\xfe", "\xc3", "\xc3\xa9", "É", "\x80", "\u0080", "\u212a\xff", "k\xfe"}
	for i, a := range odd {
		for j, b := range odd {
			want := i == j || strings.ToLower(a) == "é" && strings.ToLower(b) == "é"
			if got := fold(a) == fold(b); got != want {
				t.Errorf("%q and %q: equal is %t", a, b, got)
			}
		}
	}
	if got := fold("Wife\xffZ\u212a"); got != "wife\xffzk" {
		t.Errorf("folded to %q", got)
	}
}
