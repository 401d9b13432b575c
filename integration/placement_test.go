package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A placing is radiusd placement, run as an admin runs it beside the house.
type placing struct {
	Args     []string // --days N becomes --until, so many days from today
	Password string   // what the story calls the password of the slip
	Refused  string   // what it says on its way out; empty: it does what it is told
	Students int      // write so many into students.csv first
	Secret   []string // words of the story that may stand in no file of the house
}

var onSlip = regexp.MustCompile(`Password +(\S+)`)

func (s *stage) placement(p placing) {
	s.Helper()
	if p.Students > 0 {
		s.write("students.csv", []byte(students(p.Students)))
	}
	out, errs, err := s.ordered(p)
	if p.Refused != "" {
		if err == nil || !strings.Contains(errs, p.Refused) {
			s.Errorf("radiusd placement: %v, %s; want %q", err, errs, p.Refused)
		}
		return
	}
	if err != nil {
		s.Fatalf("radiusd placement: %v\n%s", err, errs)
	}
	if p.Password != "" {
		m := onSlip.FindSubmatch(out)
		if m == nil {
			s.Fatalf("no password on the slip:\n%s", out)
		}
		s.know[p.Password] = string(m[1])
	}
	if p.Students > 0 {
		slips, err := os.ReadFile(filepath.Join(s.dir, "slips.html"))
		s.must(err)
		if n := strings.Count(string(slips), "<section>"); n != p.Students {
			s.Errorf("%d slips for %d students", n, p.Students)
		}
		if info, err := os.Stat(filepath.Join(s.dir, "slips.html")); err != nil || info.Mode().Perm() != 0o600 {
			s.Errorf("the slips: %v, %v", info, err)
		}
	}
	for _, word := range p.Secret {
		s.nowhere(fmt.Sprint(s.know[word]))
	}
}

// ordered runs radiusd placement to its end.
func (s *stage) ordered(p placing) (out []byte, errs string, err error) {
	args := []string{"placement", p.Args[0], "-c", filepath.Join(s.dir, s.story.House.Config)}
	for i := 1; i < len(p.Args); i++ {
		if p.Args[i] == "--days" {
			i++
			n, err := strconv.Atoi(p.Args[i])
			if err != nil {
				return nil, "", err
			}
			args = append(args, "--until", time.Now().AddDate(0, 0, n).Format(time.DateOnly))
			continue
		}
		args = append(args, s.expand(p.Args[i]))
	}
	var said bytes.Buffer
	cmd := exec.Command(radiusdProgram(s), args...)
	cmd.Stderr = &said
	out, err = cmd.Output()
	return out, said.String(), err
}

// students is a spreadsheet as it is saved in half of Europe.
func students(n int) string {
	var b strings.Builder
	b.WriteString("\uFEFFUser;Name;Groups;Sponsor;Approved by;Purpose;Until\r\n")
	for i := range n {
		fmt.Fprintf(&b, "s%03d@northbridge.nhs.uk;Student %d;placement-student;Sister Bell;M. Ward;nursing placement;%s\r\n", i, i, time.Now().AddDate(0, 0, 30).Format(time.DateOnly))
	}
	return b.String()
}

// nowhere looks for a password in the files of placements and in the log of the house.
func (s *stage) nowhere(password string) {
	s.Helper()
	if len(password) < 10 {
		s.Fatalf("%q is no password to look for", password)
	}
	names, err := filepath.Glob(filepath.Join(s.dir, "people.jsonl*"))
	if err != nil || len(names) < 2 {
		s.Fatalf("the files of placements: %q, %v", names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		s.must(err)
		if bytes.Contains(text, []byte(password)) {
			s.Errorf("a password stands in %s", name)
		}
	}
	if house := s.peers["house"]; house != nil && strings.Contains(house.output(), password) {
		s.Error("a password stands in the log")
	}
}
