package config

import (
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// A source is the text of one file.
type source struct {
	name  string // as errors call it
	dir   string // of relative paths written in it
	text  string // without a byte order mark
	order int    // among the files read
	sum   string // SHA-256 of the octets that were read, in hex

	begins []int  // of lines; nil until one was looked for
	hidden []span // lines inside secrets; nil until they were looked for
}

// span is a range of octets of a source.
type span struct{ start, end int }

// line returns the number of the line that holds offset, from 1, the line itself,
// and how many octets of it stand before offset.
func (s *source) line(offset int) (number int, line string, before int) {
	if s.begins == nil {
		s.begins = []int{0}
		for i := range len(s.text) {
			if s.text[i] == '\n' {
				s.begins = append(s.begins, i+1)
			}
		}
	}
	offset = min(max(offset, 0), len(s.text))
	number, exact := slices.BinarySearch(s.begins, offset)
	if exact {
		number++
	}
	start := s.begins[number-1]
	line, _, _ = strings.Cut(s.text[start:], "\n")
	line = strings.TrimSuffix(line, "\r")
	return number, line, min(offset-start, len(line))
}

// problem makes a Problem at where. Its line is shown with secrets masked.
func (s *source) problem(where span, key, text, fix string) Problem {
	number, line, before := s.line(where.start)
	width := max(min(where.end-where.start, len(line)-before), 0)
	p := Problem{File: s.name, Line: number, Key: key, Text: text, Fix: fix, order: s.order,
		Column: 1 + utf8.RuneCountInString(line[:before])}
	if s.insideSecret(where.start) {
		p.source, p.width = masked, 1
		return p
	}
	shown, from, to := mask(line, before, before+width)
	p.source = shown
	p.caret = utf8.RuneCountInString(shown[:from])
	p.width = utf8.RuneCountInString(shown[from:to])
	return p
}

// whole is a Problem of a file that has no place in it.
func (s *source) whole(text, fix string) Problem {
	return Problem{File: s.name, Text: text, Fix: fix, order: s.order}
}

// relative returns path as seen from the folder of the source.
func (s *source) relative(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.dir, path)
}

// A Sum is the hash of one file of a configuration.
type Sum struct{ Name, SHA256 string }

// Sums hashes the files that were read, the main one first, as sha256sum does: whoever
// keeps a proof can show later which configuration it was of.
func (f *File) Sums() (sums []Sum) {
	for _, s := range f.sources {
		sums = append(sums, Sum{s.name, s.sum})
	}
	return sums
}
