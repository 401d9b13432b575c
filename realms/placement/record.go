// Package placement keeps the accounts of people who are here for a while and in no
// directory: students on a placement, locums, an auditor for a week. Each has somebody
// who asked for it, somebody else who approved it, a purpose, a first day and a last.
//
// # The file
//
// One line is one person, so that a line that is damaged is one person and no more. The
// first line says what the file is:
//
//	{"placements":1}
//	{"user":"a.okafor@northbridge.nhs.uk","name":"Ada Okafor","groups":["placement-student"],"sponsor":"…","approved_by":"…","purpose":"…","from":"2027-01-11","until":"2027-03-05","created":"2027-01-04T09:12:00Z","password":"$argon2id$…","nt_hash":"…"}
//
// [Change] is the only thing that writes it: under a lock, to another name first, and
// after the line of the audit beside it is on the disk.
package placement

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"causeway/certs"
	"causeway/realms"
)

// A Record is one person's placement.
type Record struct {
	User       string       `json:"user"` // the whole name, user@realm
	Name       string       `json:"name"`
	Groups     []string     `json:"groups,omitempty"`
	Sponsor    string       `json:"sponsor"`
	ApprovedBy string       `json:"approved_by"`
	Purpose    string       `json:"purpose"`
	From       Day          `json:"from"`  // the first day
	Until      Day          `json:"until"` // the last
	Created    time.Time    `json:"created"`
	Password   certs.Secret `json:"-"` // an Argon2id hash as a PHC string
	NTHash     certs.Secret `json:"-"` // 32 hexadecimal digits; empty: no MSCHAPv2
	Ended      time.Time    `json:"ended,omitzero"`
	EndedBy    string       `json:"ended_by,omitempty"`

	Line int `json:"-"` // of the file it was read from, from 1
}

// A Day is a day of the calendar, whatever the clock: 2027-03-05.
type Day struct{ year, month, day int }

// ParseDay reads 2027-03-05.
func ParseDay(text string) (Day, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err == nil {
		return DayOf(t), nil
	}
	if strings.ContainsAny(text, "/.") {
		return Day{}, fmt.Errorf("%q may be two different days: write the year first, as 2027-03-05; in a spreadsheet, format the column as yyyy-mm-dd", text)
	}
	return Day{}, fmt.Errorf("%q is no day of the calendar: write it as 2027-03-05", text)
}

// DayOf is the day of an instant, by the clock of its zone.
func DayOf(t time.Time) Day {
	y, m, d := t.Date()
	return Day{y, int(m), d}
}

// Begins is the first instant of the day in a zone.
func (d Day) Begins(in *time.Location) time.Time {
	return time.Date(d.year, time.Month(d.month), d.day, 0, 0, 0, 0, in)
}

// Ends is the first instant after the day.
func (d Day) Ends(in *time.Location) time.Time {
	return time.Date(d.year, time.Month(d.month), d.day+1, 0, 0, 0, 0, in)
}

// DaysTo counts the days from d to later; negative when later comes first.
func (d Day) DaysTo(later Day) int {
	return int(later.Begins(time.UTC).Sub(d.Begins(time.UTC)) / (24 * time.Hour))
}

func (d Day) String() string { return d.Begins(time.UTC).Format(time.DateOnly) }

// MarshalText writes 2027-03-05.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads it.
func (d *Day) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDay(string(text))
	return err
}

// header is the first line of a file.
const header = `{"placements":1}`

// Limits of a file and of a text in it, in octets and in characters.
const (
	MostText  = 200
	mostFile  = 32 << 20
	mostGroup = 32
)

// Parse reads a file. A line that makes no sense is a Problem whose key is "line 7", and
// the others stay; a name that stands twice is nobody's. No Problem repeats a hash.
func Parse(text []byte) ([]Record, realms.Problems) {
	if len(text) > mostFile {
		return nil, realms.Problems{{Text: "the file is larger than 32 MiB", Fix: "name a file that radiusd placement made"}}
	}
	first, rest, _ := bytes.Cut(text, []byte{'\n'})
	if strings.TrimSpace(string(first)) != header {
		return nil, realms.Problems{{Key: "line 1", Text: "the file does not begin with " + header, Fix: "name a file that radiusd placement made, or restore it from a backup"}}
	}
	var records []Record
	var problems realms.Problems
	lines := map[realms.Identity][]int{}
	n := 1
	for line := range bytes.Lines(rest) {
		n++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		r, err := parseLine(line)
		if err == nil {
			err = r.Check()
		}
		if err != nil {
			problems = append(problems, realms.Problem{Key: fmt.Sprint("line ", n), Text: err.Error(), Fix: "correct the line or take it out: until then this person cannot log in"})
			continue
		}
		r.Line = n
		records = append(records, r)
		lines[r.id()] = append(lines[r.id()], n)
	}
	kept := records[:0]
	for _, r := range records {
		if at := lines[r.id()]; len(at) > 1 {
			if r.Line == at[1] {
				problems = append(problems, realms.Problem{Key: fmt.Sprint("line ", at[1]), Text: fmt.Sprintf("%s stands on line %d, too", r.User, at[0]), Fix: "take one of the two out: until then this person cannot log in"})
			}
			continue
		}
		kept = append(kept, r)
	}
	return kept, problems
}

// id is the form in which names are compared.
func (r Record) id() realms.Identity {
	id, err := realms.ParseIdentity(r.User)
	if err != nil {
		return realms.Identity{User: r.User}
	}
	return realms.Identity{User: strings.ToLower(id.User), Realm: id.Realm}
}

// parseLine reads one object key by key: the decoder would take "User" for "user" and
// the last of two.
func parseLine(line []byte) (r Record, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return r, errors.New("the line is no JSON object")
	}
	fields := r.fields()
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return r, errors.New("the line is no JSON object")
		}
		key, _ := t.(string)
		into := fields[key]
		switch {
		case into == nil:
			return r, fmt.Errorf("a placement has no key %q", clip(key))
		case seen[key]:
			return r, fmt.Errorf("%s stands there twice", key)
		}
		seen[key] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return r, fmt.Errorf("%s is no JSON", key)
		}
		if bytes.Equal(value, []byte("null")) || json.Unmarshal(value, into) != nil {
			return r, fmt.Errorf("%s is not what it should be", key) // without the value, which may be a hash
		}
	}
	if _, err := d.Token(); err != nil {
		return r, errors.New("the line ends too soon: it was cut short")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return r, errors.New("more stands behind the object")
	}
	return *fields["record"].(*Record), nil
}

// fields are where the values of a line go; "record" is the whole, and no key.
func (r Record) fields() map[string]any {
	p := &r
	return map[string]any{
		"record": p, "user": &p.User, "name": &p.Name, "groups": &p.Groups, "sponsor": &p.Sponsor, "approved_by": &p.ApprovedBy, "purpose": &p.Purpose,
		"from": &p.From, "until": &p.Until, "created": &p.Created, "password": (*string)(&p.Password), "nt_hash": (*string)(&p.NTHash),
		"ended": &p.Ended, "ended_by": &p.EndedBy,
	}
}

// line writes the record as it stands in the file, hashes and all.
func (r Record) line() ([]byte, error) {
	return json.Marshal(struct {
		Record
		Password string `json:"password"`
		NTHash   string `json:"nt_hash,omitempty"`
	}{r, r.Password.Reveal(), r.NTHash.Reveal()})
}

// Check says what every placement must have, whoever wrote it.
func (r Record) Check() error {
	if _, err := realms.ParseIdentity(r.User); err != nil {
		return fmt.Errorf("user %q is no whole name: write it as a.okafor@northbridge.nhs.uk", clip(r.User))
	}
	for _, f := range []struct{ key, text string }{
		{"name", r.Name}, {"sponsor", r.Sponsor}, {"approved_by", r.ApprovedBy}, {"purpose", r.Purpose},
	} {
		if err := plainText(f.key, f.text); err != nil {
			return err
		}
	}
	if len(r.Groups) > mostGroup {
		return fmt.Errorf("%d groups are more than %d", len(r.Groups), mostGroup)
	}
	for _, g := range r.Groups {
		if err := plainText("a group", g); err != nil {
			return err
		}
	}
	switch {
	case strings.EqualFold(strings.Join(strings.Fields(r.Sponsor), " "), strings.Join(strings.Fields(r.ApprovedBy), " ")):
		return errors.New("sponsor and approved_by are the same person: whoever asks for an account does not approve it")
	case r.From == (Day{}) || r.Until == (Day{}):
		return errors.New("from and until are days that every placement has")
	case r.From.DaysTo(r.Until) < 0:
		return fmt.Errorf("it ends on %s, before it begins on %s", r.Until, r.From)
	}
	return nil
}

// plainText refuses what would hide in a list or break a line of it.
func plainText(key, text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return fmt.Errorf("%s is empty", key)
	case !utf8.ValidString(text):
		return fmt.Errorf("%s is not UTF-8", key)
	case utf8.RuneCountInString(text) > MostText:
		return fmt.Errorf("%s is longer than %d characters", key, MostText)
	case strings.TrimSpace(text) != text:
		return fmt.Errorf("%s begins or ends with a space", key)
	case strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }):
		return fmt.Errorf("%s holds a character that cannot be printed", key)
	}
	return nil
}

// clip shortens what an error quotes.
func clip(text string) string {
	if len(text) > 60 {
		return strings.ToValidUTF8(text[:60], "") + "…"
	}
	return text
}

// The states of a placement.
const (
	NotYet  = "not yet"
	InForce = "in force"
	Over    = "ended"
)

// State is how it stands at an instant, by the clock of its zone.
func (r Record) State(now time.Time) string {
	switch {
	case !r.Ended.IsZero() || !now.Before(r.Until.Ends(now.Location())):
		return Over
	case now.Before(r.From.Begins(now.Location())):
		return NotYet
	}
	return InForce
}
