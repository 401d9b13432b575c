package placement

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Columns are the headings of a CSV file of placements, in any order; those of optional
// may be missing.
var (
	Columns  = []string{"user", "name", "groups", "sponsor", "approved_by", "purpose", "from", "until"}
	optional = []string{"groups", "from"}
)

// mostRows bounds one import.
const mostRows = 10_000

// ReadCSV reads placements as a spreadsheet saves them, without passwords: they are made
// here. Commas, semicolons and tabs are taken, whichever the first line has; groups are
// separated by "|". Its error joins all mistakes, each with its row and column. A
// missing from is the day that is given.
func ReadCSV(text []byte, today Day) ([]Record, error) {
	if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
		return nil, errors.New("the file is UTF-16: save it as CSV UTF-8")
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF")) // a spreadsheet writes one
	if !utf8.Valid(text) {
		return nil, errors.New("the file is not UTF-8: save it as CSV UTF-8, or names lose their accents")
	}
	head, _, _ := bytes.Cut(text, []byte{'\n'})
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma = separator(head)
	r.FieldsPerRecord = -1
	heading, err := r.Read()
	if err != nil {
		return nil, errors.New("the first row has no headings: " + strings.Join(Columns, ","))
	}
	at, err := places(heading)
	if err != nil {
		return nil, err
	}
	var records []Record
	var wrong []error
	rows := map[string]int{}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if parse := new(csv.ParseError); errors.As(err, &parse) {
			wrong = append(wrong, fmt.Errorf("row %d: %w", parse.StartLine, parse.Err))
			break // the rest cannot be told apart
		}
		row, _ := r.FieldPos(0)
		if strings.TrimSpace(strings.Join(cells, "")) == "" {
			continue // a spreadsheet saves empty rows below the last
		}
		if len(records) >= mostRows {
			wrong = append(wrong, fmt.Errorf("row %d: more than %d people at once", row, mostRows))
			break
		}
		record, mistakes := ofRow(cells, at, len(heading), today)
		if len(mistakes) == 0 {
			if err := record.Check(); err != nil {
				mistakes = append(mistakes, err)
			}
		}
		if first, twice := rows[record.id().String()]; twice {
			mistakes = append(mistakes, fmt.Errorf("%s is on row %d, too", record.User, first))
		}
		rows[record.id().String()] = row
		for _, m := range mistakes {
			wrong = append(wrong, fmt.Errorf("row %d: %w", row, m))
		}
		record.Line = row
		records = append(records, record)
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	if len(records) == 0 {
		return nil, errors.New("the file has headings and nobody below them")
	}
	return records, nil
}

// separator is the one of the first row: spreadsheets of half of Europe write semicolons.
func separator(head []byte) rune {
	best, most := ',', bytes.Count(head, []byte{','})
	for _, c := range []rune{';', '\t'} {
		if n := bytes.Count(head, []byte(string(c))); n > most {
			best, most = c, n
		}
	}
	return best
}

// places are the columns by their names.
func places(heading []string) (map[string]int, error) {
	at := map[string]int{}
	var wrong []error
	for i, name := range heading {
		name = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), " ", "_")
		_, twice := at[name]
		switch {
		case name == "":
			continue
		case strings.Contains(name, "password"):
			wrong = append(wrong, fmt.Errorf("row 1, column %d: passwords are made here and printed on the slips; take the column out, and the file with it", i+1))
		case !slices.Contains(Columns, name):
			wrong = append(wrong, fmt.Errorf("row 1, column %d: there is no column %q; they are %s", i+1, clip(name), strings.Join(Columns, ", ")))
		case twice:
			wrong = append(wrong, fmt.Errorf("row 1, column %d: %s stands there twice", i+1, name))
		}
		at[name] = i
	}
	for _, name := range Columns {
		if _, there := at[name]; !there && !slices.Contains(optional, name) {
			wrong = append(wrong, fmt.Errorf("row 1: there is no column %q", name))
		}
	}
	return at, errors.Join(wrong...)
}

// ofRow reads the cells of one person.
func ofRow(cells []string, at map[string]int, columns int, today Day) (r Record, wrong []error) {
	if len(cells) != columns {
		return r, []error{fmt.Errorf("%d cells, and the first row has %d: a text that holds the separator stands in quotes", len(cells), columns)}
	}
	cell := func(name string) string {
		i, there := at[name]
		if !there {
			return ""
		}
		return strings.TrimSpace(cells[i])
	}
	bad := func(name string, err error) { wrong = append(wrong, fmt.Errorf("column %s: %w", name, err)) }
	day := func(name string) (d Day) {
		d, err := ParseDay(cell(name))
		if err != nil {
			bad(name, err)
		}
		return d
	}
	r = Record{User: cell("user"), Name: cell("name"), Sponsor: cell("sponsor"), ApprovedBy: cell("approved_by"), Purpose: cell("purpose"), From: today}
	for _, name := range Columns {
		if text := cell(name); text != "" && strings.ContainsRune("=+-@", rune(text[0])) {
			bad(name, fmt.Errorf("%q begins as a formula does: a spreadsheet that opens the list would run it", clip(text)))
		}
	}
	for g := range strings.SplitSeq(cell("groups"), "|") {
		if g = strings.TrimSpace(g); g != "" {
			r.Groups = append(r.Groups, g)
		}
	}
	if cell("from") != "" {
		r.From = day("from")
	}
	r.Until = day("until")
	return r, wrong
}

// Cell makes a text harmless in a CSV file that a spreadsheet opens: one that begins as a
// formula does is text after an apostrophe.
func Cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
