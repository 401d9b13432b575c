package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// A Problem is one thing wrong with the configuration, with its place and what to
// do about it. It holds no secret: the source line is masked before it is kept.
type Problem struct { //nolint:errname // what the rooms call theirs
	File   string // as the admin named it
	Line   int    // from 1; 0 when there is no place, as for a file that cannot be read
	Column int    // from 1, in characters
	Key    string // path of the key, as `ssid[1].rule[0].vlan`; empty for a syntax error
	Text   string // what is wrong, in the file's own words
	Meant  string // what was probably meant, as it would be written; or empty
	Fix    string // what to do about it; or empty
	See    string // how to see for oneself; or empty

	source string // the line itself, masked; tabs as they are
	caret  int    // characters of source before the caret
	width  int    // carets
	order  int    // of the file among those read
}

// Error returns `file:line:column: text`, the source line, a caret under the
// place, the suggestion and the fix, on lines of their own.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": " + printable(p.Text))
	if p.Line > 0 {
		number := fmt.Sprintf("%5d", p.Line)
		fmt.Fprintf(&b, "\n%s | %s", number, printable(p.source))
		fmt.Fprintf(&b, "\n%*s | %s%s", len(number), "", blank(p.source, p.caret), strings.Repeat("^", max(1, p.width)))
	}
	if p.Meant != "" {
		b.WriteString("\n        did you mean " + printable(p.Meant) + "?")
	}
	if p.Fix != "" {
		b.WriteString("\n        fix: " + printable(p.Fix))
	}
	if p.See != "" {
		b.WriteString("\n        " + printable(p.See))
	}
	return b.String()
}

// blank returns as much white space as the first n characters of line are wide:
// a tab stays a tab, so that the caret stands under its place on any terminal.
func blank(line string, n int) string {
	var b strings.Builder
	for _, r := range line {
		if n--; n < 0 {
			break
		}
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// printable keeps a hostile or damaged file from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, strings.ToValidUTF8(s, "·"))
}

// Problems are all that is wrong with a configuration, so that an admin mends it
// in one go.
type Problems []Problem //nolint:errname // as above

// Error prints every problem in the order of the files, the main file first.
func (ps Problems) Error() string {
	sorted := slices.Clone(ps)
	sorted.sort()
	texts := make([]string, len(sorted))
	for i, p := range sorted {
		texts[i] = p.Error()
	}
	return strings.Join(texts, "\n")
}

// Merge adds what others found, except at places that have a problem already: a
// key that did not load is often called wrong once more by the room that misses
// its value.
func (ps Problems) Merge(others Problems) Problems {
	type spot struct {
		file         string
		line, column int
	}
	taken := map[spot]bool{}
	for _, p := range ps {
		if p.Line > 0 {
			taken[spot{p.File, p.Line, p.Column}] = true
		}
	}
	all := slices.Clone(ps)
	for _, p := range others {
		if !taken[spot{p.File, p.Line, p.Column}] {
			all = append(all, p)
		}
	}
	all.sort()
	return all
}

func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
