package placement

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"reflect"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// An Actor is who ran a command.
type Actor struct {
	UID      int    `json:"uid"`
	Login    string `json:"login,omitempty"`
	SudoUser string `json:"sudo_user,omitempty"` // who became root, as sudo says
}

// Whoever runs this process, as far as the system says. SUDO_USER is sudo's word only when
// root runs us: anybody else may have set it.
func Whoever() Actor {
	a := Actor{UID: os.Getuid()}
	if u, err := user.LookupId(strconv.Itoa(a.UID)); err == nil {
		a.Login = u.Username
	}
	if a.UID == 0 {
		a.SudoUser = os.Getenv("SUDO_USER")
	}
	return a
}

func (a Actor) String() string {
	name := a.Login
	if name == "" {
		name = "uid " + strconv.Itoa(a.UID)
	}
	if a.SudoUser != "" {
		return a.SudoUser + " as " + name
	}
	return name
}

// An Entry is one line of the audit.
type Entry struct {
	Number   int       `json:"n"`
	Time     time.Time `json:"time"`
	What     string    `json:"what"` // the command, or ChangedOutside
	By       Actor     `json:"by"`
	Changes  []Changed `json:"changes,omitempty"`
	File     string    `json:"file"` // SHA-256 of the file of placements after it, hex
	Previous string    `json:"prev"` // SHA-256 of the line before, hex; zeros on the first
}

// ChangedOutside is the What of a line that notes a file which is not as the line before
// left it: somebody edited it, or put another in its place.
const ChangedOutside = "changed-outside"

// A Changed is one person before and after; nil for nobody. Of secrets it says only that
// they are others.
type Changed struct {
	User        string  `json:"user"`
	Before      *Record `json:"before,omitempty"`
	After       *Record `json:"after,omitempty"`
	NewPassword bool    `json:"new_password,omitempty"`
}

// differences are the people who changed.
func differences(old, now []Record) (changes []Changed) {
	was := map[string]Record{}
	for _, r := range old {
		was[r.id().String()] = r
	}
	for _, r := range now {
		key := r.id().String()
		before, known := was[key]
		delete(was, key)
		r.Line, before.Line = 0, 0
		switch {
		case !known:
			changes = append(changes, Changed{User: r.User, After: &r, NewPassword: true})
		case !reflect.DeepEqual(before, r):
			changes = append(changes, Changed{User: r.User, Before: &before, After: &r, NewPassword: r.Password != before.Password || r.NTHash != before.NTHash})
		}
	}
	for _, r := range old {
		if _, gone := was[r.id().String()]; gone {
			changes = append(changes, Changed{User: r.User, Before: &r})
		}
	}
	return changes
}

// AuditPath is the audit of a file of placements.
func AuditPath(path string) string { return path + ".audit" }

var zeros = strings.Repeat("0", 64)

// appendAudit writes the line of a change and waits until it is on the disk. When the file
// is not as the last line left it, a line that says so comes first.
func appendAudit(path, before string, e Entry) error {
	name := AuditPath(path)
	text, err := os.ReadFile(name)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err != nil && !fresh {
		return err
	}
	var more []byte
	if n := len(text); n > 0 && text[n-1] != '\n' { // a line was cut short when the machine stopped
		more = append(more, '\n')
	}
	last, count := lastLine(text)
	e.Number, e.Previous = count+1, zeros
	var was Entry
	if count > 0 {
		e.Previous = digest(last)
		_ = json.Unmarshal(last, &was) // of a line that was cut short nothing is known
	}
	if count > 0 && was.File != before || count == 0 && before != digest([]byte(header+"\n")) {
		outside := Entry{Number: e.Number, Time: e.Time, What: ChangedOutside, By: e.By, File: before, Previous: e.Previous}
		line, err := json.Marshal(outside)
		if err != nil {
			return err
		}
		more = append(append(more, line...), '\n')
		e.Number, e.Previous = e.Number+1, digest(line)
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	more = append(append(more, line...), '\n')
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Write(more); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if fresh {
		if err := belong(f, path); err != nil {
			return err
		}
		return syncFolder(name)
	}
	return nil
}

// lastLine is the last line without its end, and how many there are.
func lastLine(text []byte) (last []byte, count int) {
	for line := range bytes.Lines(text) {
		last = bytes.TrimSuffix(line, []byte{'\n'})
		count++
	}
	return last, count
}

// Verify reads the audit of the file at path, and whether the file is as its last line
// left it. What it finds is in words, a line each: a line that was changed, taken out or
// put in, one that was cut short, a change that no command made.
func Verify(path string) (entries []Entry, found []string, err error) {
	text, err := os.ReadFile(AuditPath(path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	file, err := readAll(path)
	if err != nil {
		return nil, nil, err
	}
	previous, left, n := zeros, digest([]byte(header+"\n")), 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSuffix(line, []byte{'\n'})
		var e Entry
		if json.Unmarshal(line, &e) != nil {
			found = append(found, fmt.Sprintf("line %d cannot be read: it was cut short or changed", n))
			previous = digest(line)
			continue
		}
		if e.Previous != previous {
			found = append(found, fmt.Sprintf("line %d does not follow the line before: one of the two was changed, or lines were taken out between", n))
		}
		if e.Number != n {
			found = append(found, fmt.Sprintf("line %d says that it is line %d", n, e.Number))
		}
		if e.What == ChangedOutside {
			found = append(found, fmt.Sprintf("line %d: before %s the file was changed by something other than radiusd placement, or a change was written here and never made", n, e.Time.Format(time.RFC3339)))
		}
		previous, left = digest(line), e.File
		entries = append(entries, e)
	}
	if digest(file) != left {
		found = append(found, "the file of placements is not as the last line left it: it was changed by something else, lines of the audit were taken out at its end, or the last change was never made")
	}
	return entries, found, nil
}
