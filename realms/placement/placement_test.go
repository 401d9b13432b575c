package placement_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"causeway/certs"
	"causeway/realms"
	"causeway/realms/placement"
)

const canary = "canary-hash-that-nobody-repeats"

func day(t *testing.T, text string) placement.Day {
	t.Helper()
	d, err := placement.ParseDay(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func ada(t *testing.T, user string) placement.Record {
	return placement.Record{
		User: user, Name: "Ada Okafor", Groups: []string{"placement-student"}, Sponsor: "Sister Bell", ApprovedBy: "M. Ward", Purpose: "nursing placement",
		From: day(t, "2027-01-11"), Until: day(t, "2027-03-05"), Created: time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC), Password: canary, NTHash: canary + "2",
	}
}

func add(records ...placement.Record) func(*placement.Book) error {
	return func(b *placement.Book) error { b.Records = append(b.Records, records...); return nil }
}

var admin = placement.Actor{UID: 0, Login: "root", SudoUser: "ann"}

func TestParseKeepsTheOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	now := time.Now()
	if err := placement.Change(path, "add", admin, now, add(ada(t, "a@b.uk"), ada(t, "c@b.uk"), ada(t, "d@b.uk"))); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(good), "\n")
	for name, c := range map[string]struct{ line, says string }{
		"cut short":       {lines[2][:80] + "\n", "line 3: "},
		"a key too many":  {strings.Replace(lines[2], `{"user"`, `{"admin":true,"user"`, 1), `no key "admin"`},
		"in capitals":     {strings.Replace(lines[2], `"until"`, `"Until"`, 1), `no key "Until"`},
		"twice a key":     {strings.Replace(lines[2], `{"user"`, `{"until":"2099-01-01","user"`, 1), "until stands there twice"},
		"no such day":     {strings.Replace(lines[2], "2027-03-05", "2027-02-30", 1), "until is not what it should be"},
		"a hash no text":  {strings.Replace(lines[2], `"`+canary+`"`, "17", 1), "password is not what it should be"},
		"one name twice":  {strings.Replace(lines[2], "c@b.uk", "E@b.uk", 1) + strings.Replace(lines[2], "c@b.uk", "e@B.uk", 1), "stands on line 3, too"},
		"approves itself": {strings.Replace(lines[2], "M. Ward", "sister  bell", 1), "same person"},
		"no last day":     {strings.Replace(lines[2], `"until":"2027-03-05",`, "", 1), "from and until"},
		"two objects":     {strings.TrimSuffix(lines[2], "\n") + "{}\n", "more stands behind"},
		"backwards":       {strings.Replace(lines[2], "2027-03-05", "2026-03-05", 1), "before it begins"},
	} {
		t.Run(name, func(t *testing.T) {
			records, problems := placement.Parse([]byte(lines[0] + lines[1] + c.line + lines[3]))
			if len(records) != 2 || records[0].User != "a@b.uk" || records[1].User != "d@b.uk" {
				t.Errorf("kept %+v", records)
			}
			if len(problems) != 1 || !strings.Contains(problems.Error(), c.says) {
				t.Errorf("problems %v; want %q", problems, c.says)
			}
			if strings.Contains(problems.Error(), canary) {
				t.Error("a problem repeats a hash")
			}
		})
	}
	for _, text := range []string{"", "\n", `{"placements":2}`, lines[1]} {
		if records, problems := placement.Parse([]byte(text)); len(records) != 0 || len(problems) != 1 {
			t.Errorf("%q: %v, %v", text, records, problems)
		}
	}
}

// A damaged file is not written over.
func TestChangeRefusesADamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	if err := os.WriteFile(path, []byte("{\"placements\":1}\n{\"user\":\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := placement.Change(path, "add", admin, time.Now(), add(ada(t, "a@b.uk")))
	if problems := (realms.Problems)(nil); !errors.As(err, &problems) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(placement.AuditPath(path)); err == nil {
		t.Error("the audit tells of what was not done")
	}
}

func TestAuditHoldsAndNamesNoSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	now := time.Date(2027, 1, 20, 10, 0, 0, 0, time.UTC)
	steps := []func(*placement.Book) error{
		add(ada(t, "a@b.uk")),
		func(b *placement.Book) error { b.Records[0].Until = day(t, "2027-03-12"); return nil },
		func(b *placement.Book) error { b.Records[0].Password = certs.Secret(canary + "3"); return nil },
		func(b *placement.Book) error { b.Records = nil; return nil },
	}
	for i, s := range steps {
		if err := placement.Change(path, fmt.Sprint("step", i), admin, now, s); err != nil {
			t.Fatal(err)
		}
	}
	audit, err := os.ReadFile(placement.AuditPath(path))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(audit), canary) {
		t.Error("the audit repeats a hash")
	}
	for _, name := range []string{path, placement.AuditPath(path)} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	entries, found, err := placement.Verify(path)
	if err != nil || len(found) > 0 || len(entries) != 4 {
		t.Fatalf("%d entries, %q, %v", len(entries), found, err)
	}
	c := entries[1].Changes[0]
	if c.Before.Until.String() != "2027-03-05" || c.After.Until.String() != "2027-03-12" || c.NewPassword || !entries[2].Changes[0].NewPassword || entries[3].Changes[0].After != nil || entries[0].By != admin {
		t.Errorf("entries %+v", entries)
	}
	lines := strings.SplitAfter(string(audit), "\n")
	for name, text := range map[string]string{
		"a line changed":      strings.Replace(string(audit), `"sudo_user":"ann"`, `"sudo_user":"bob"`, 1),
		"a line taken out":    lines[0] + lines[2] + lines[3],
		"the first taken out": strings.Join(lines[1:], ""),
		"the last taken out":  strings.Join(lines[:3], ""),
		"all taken out":       "",
		"two lines swapped":   lines[0] + lines[2] + lines[1] + lines[3],
		"one cut short":       strings.Join(lines[:3], "") + lines[3][:20],
	} {
		if err := os.WriteFile(placement.AuditPath(path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, found, err := placement.Verify(path)
		// Of an empty file whose whole audit is gone nothing is left to be found.
		if err != nil || len(found) == 0 && name != "all taken out" && name != "the last taken out" {
			t.Errorf("%s: not found (%v)", name, err)
		}
		if name == "the last taken out" && len(found) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
}

// Root follows no link out of a folder that is the server's.
func TestChangeFollowsNoLink(t *testing.T) {
	for _, suffix := range []string{".lock", ".audit"} {
		folder := t.TempDir()
		path, elsewhere := filepath.Join(folder, "p"), filepath.Join(folder, "elsewhere")
		if err := os.Symlink(elsewhere, path+suffix); err != nil {
			t.Fatal(err)
		}
		if err := placement.Change(path, "add", admin, time.Now(), add(ada(t, "a@b.uk"))); err == nil {
			t.Errorf("%s: no error", suffix)
		}
		for _, name := range []string{elsewhere, path} {
			if _, err := os.Stat(name); err == nil {
				t.Errorf("%s: %s was written", suffix, name)
			}
		}
	}
}

// What others do to the file is noted before the next change.
func TestAuditNotesWhatOthersDid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	now := time.Now()
	if err := placement.Change(path, "add", admin, now, add(ada(t, "a@b.uk"))); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "2027-03-05", "2029-03-05", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, found, _ := placement.Verify(path); len(found) != 1 {
		t.Errorf("found %q", found)
	}
	if err := placement.Change(path, "add", admin, now, add(ada(t, "c@b.uk"))); err != nil {
		t.Fatal(err)
	}
	entries, found, err := placement.Verify(path)
	if err != nil || len(entries) != 3 || entries[1].What != placement.ChangedOutside || len(found) != 1 || !strings.Contains(found[0], "line 2") {
		t.Errorf("%+v, %q, %v", entries, found, err)
	}
}

// Two processes, and many of each, add at once and lose nobody.
func TestTwoAddAtOnce(t *testing.T) {
	if path := os.Getenv("PLACEMENT_TEST_FILE"); path != "" {
		for i := range 20 {
			if err := placement.Change(path, "add", admin, time.Now(), add(ada(t, fmt.Sprintf("%s%d@b.uk", os.Getenv("PLACEMENT_TEST_NAME"), i)))); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	path := filepath.Join(t.TempDir(), "p")
	var running []*exec.Cmd
	for _, name := range []string{"a", "b", "c"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestTwoAddAtOnce$")
		cmd.Env = append(os.Environ(), "PLACEMENT_TEST_FILE="+path, "PLACEMENT_TEST_NAME="+name)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	for _, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	book, err := placement.Read(path, time.Now())
	if err != nil || len(book.Records) != 60 {
		t.Fatalf("%d people, %v", len(book.Records), err)
	}
	if entries, found, err := placement.Verify(path); err != nil || len(found) > 0 || len(entries) != 60 {
		t.Errorf("%d entries, %q, %v", len(entries), found, err)
	}
}

func TestReadCSV(t *testing.T) {
	const head = "user,name,groups,sponsor,approved_by,purpose,from,until\n"
	const row = "a@b.uk,Ada,placement-student|ward-7,Bell,Ward,nursing,2027-01-11,2027-03-05\n"
	today := day(t, "2027-01-04")
	for name, c := range map[string]struct{ text, wrong string }{
		"good":            {head + row, ""},
		"a spreadsheet's": {"\uFEFF" + strings.ReplaceAll("User;Name;Groups;Sponsor;Approved by;Purpose;From;Until\r\n"+strings.ReplaceAll(row, "\n", "\r\n"), ",", ";") + ";;;;;;;\r\n", ""},
		"tabs":            {strings.ReplaceAll(head+row, ",", "\t"), ""},
		"British dates":   {head + strings.Replace(row, "2027-03-05", "05/03/2027", 1), "row 2: column until: \"05/03/2027\" may be two different days"},
		"no such day":     {head + strings.Replace(row, "2027-03-05", "2027-02-30", 1), "column until"},
		"a formula":       {head + strings.Replace(row, "Ada", "=HYPERLINK(1)", 1), "column name: "},
		"twice":           {head + row + strings.ToUpper(row[:1]) + row[1:], "row 3: A@b.uk is on row 2, too"},
		"a password":      {strings.Replace(head, "groups", "Password", 1) + row, "column 3: passwords are made here"},
		"a column more":   {strings.Replace(head, "groups", "ward", 1) + row, `no column "ward"`},
		"a column less":   {"user,name\n", `no column "until"`},
		"a cell more":     {head + "x," + row, "row 2: 9 cells"},
		"an open quote":   {head + `"` + row, "row 2"},
		"UTF-16":          {"\xff\xfeu\x00", "UTF-16"},
		"Latin-1":         {head + strings.Replace(row, "Ada", "Ad\xe9", 1), "not UTF-8"},
		"nobody":          {head, "nobody below"},
		"nothing":         {"", "no headings"},
	} {
		t.Run(name, func(t *testing.T) {
			records, err := placement.ReadCSV([]byte(c.text), today)
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) || records != nil {
					t.Errorf("%v, %v; want %q", records, err, c.wrong)
				}
				return
			}
			if err != nil || len(records) != 1 || records[0].User != "a@b.uk" || len(records[0].Groups) != 2 || records[0].Until != day(t, "2027-03-05") {
				t.Errorf("%+v, %v", records, err)
			}
		})
	}
}

func TestStatesFollowTheCalendar(t *testing.T) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Skip(err)
	}
	r := ada(t, "a@b.uk")
	r.Until = day(t, "2027-03-28") // the clocks go forward that night
	for at, want := range map[string]string{
		"2027-01-10T23:59:59": placement.NotYet, "2027-01-11T00:00:00": placement.InForce,
		"2027-03-28T23:59:59": placement.InForce, "2027-03-29T00:00:00": placement.Over,
	} {
		now, err := time.ParseInLocation("2006-01-02T15:04:05", at, london)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.State(now); got != want {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
	}
}

func TestNewPassword(t *testing.T) {
	seen := map[certs.Secret]bool{}
	for range 1000 {
		p := placement.NewPassword()
		if seen[p] || len(p) != 19 || strings.ContainsAny(p.Reveal(), "ilo01 ") {
			t.Fatalf("%q", p.Reveal())
		}
		seen[p] = true
	}
	if placement.PasswordBits() < 75 {
		t.Error(placement.PasswordBits())
	}
}

func FuzzPlacements(f *testing.F) {
	f.Add("{\"placements\":1}\n{\"user\":\"a@b.uk\",\"name\":\"A\",\"sponsor\":\"B\",\"approved_by\":\"C\",\"purpose\":\"D\",\"from\":\"2027-01-01\",\"until\":\"2027-02-01\",\"created\":\"2027-01-01T00:00:00Z\",\"password\":\"x\"}\n")
	f.Add("{\"placements\":1}\n{\"user\":null}\n[]\n")
	path := filepath.Join(f.TempDir(), "p")
	f.Fuzz(func(t *testing.T, text string) {
		records, problems := placement.Parse([]byte(text))
		for _, r := range records {
			if err := r.Check(); err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
		}
		if len(problems) > 0 || len(records) == 0 {
			return
		}
		// What can be read can be written and read again.
		_ = os.Remove(path)
		if err := placement.Change(path, "add", admin, time.Now(), add(records...)); err != nil {
			t.Fatal(err)
		}
		if book, err := placement.Read(path, time.Now()); err != nil || len(book.Records) != len(records) || book.Records[0].Password != records[0].Password {
			t.Fatalf("%v, %v", book, err)
		}
	})
}

func FuzzReadCSV(f *testing.F) {
	f.Add("user,name,groups,sponsor,approved_by,purpose,from,until\na@b.uk,Ada,x|y,Bell,Ward,nursing,2027-01-11,2027-03-05\n")
	f.Add("\uFEFFuser;name;sponsor;approved_by;purpose;until\n\"a\"@b;;;;\n")
	f.Fuzz(func(t *testing.T, text string) {
		records, err := placement.ReadCSV([]byte(text), placement.DayOf(time.Now()))
		if (err == nil) == (len(records) == 0) {
			t.Fatalf("%v, %v", records, err)
		}
		for _, r := range records {
			if err := r.Check(); err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
		}
	})
}
