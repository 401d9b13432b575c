package directory

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"causeway/certs"
	"causeway/realms"
)

// OpenFile reads a file of users; the package comment shows its form. Mistakes
// come together as [realms.Problems] whose keys are PATH:LINE. No error repeats
// a hash.
func OpenFile(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, realms.Problems{{Key: path, Text: plain(err), Fix: "name a file of users that the server may read"}}
	}
	users, problems := parseUsers(text)
	f, err := NewFile(users)
	if more := (realms.Problems)(nil); errors.As(err, &more) {
		problems = append(problems, more...)
	}
	if len(problems) > 0 {
		return nil, located(problems, path, text)
	}
	if len(text) > largeFile {
		// Reading leaves six times as much behind as is kept, and a server
		// that then idles would not give it back for minutes.
		debug.FreeOSMemory()
	}
	return f, nil
}

// largeFile is some thousand people, in octets.
const largeFile = 1 << 20

// parseUsers reads the tables by hand, and not into a struct, because the
// decoder gives no lines for values of a wrong type and for keys that it does
// not know.
func parseUsers(text []byte) ([]FileUser, realms.Problems) {
	var file map[string]any
	if err := toml.Unmarshal(text, &file); err != nil {
		return nil, realms.Problems{syntaxProblem(err)}
	}
	var problems realms.Problems
	for _, key := range slices.Sorted(maps.Keys(file)) {
		if key != "user" {
			problems = append(problems, realms.Problem{Key: key, Text: fmt.Sprintf("a file of users has no %q", key), Fix: `write [user."name@realm"] tables only`})
		}
	}
	tables, isTable := file["user"].(map[string]any)
	if !isTable && file["user"] != nil {
		problems = append(problems, realms.Problem{Key: "user", Text: "user is not a table", Fix: `write [user."name@realm"] for each person`})
	}
	users := make([]FileUser, 0, len(tables))
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		u, wrong := parseUser(name, tables[name])
		problems = append(problems, wrong...)
		users = append(users, u)
	}
	return users, problems
}

func parseUser(name string, value any) (FileUser, realms.Problems) {
	u := FileUser{Name: name}
	table, isTable := value.(map[string]any)
	if !isTable {
		return u, realms.Problems{{Key: userKey(name), Text: "it is not a table", Fix: fmt.Sprintf("write [%s] and its keys below", userKey(name))}}
	}
	var problems realms.Problems
	for _, key := range slices.Sorted(maps.Keys(table)) {
		good, want := true, ""
		switch key {
		case "password":
			u.Password, good, want = asSecret(table[key], "a string")
		case "nt_hash":
			u.NTHash, good, want = asSecret(table[key], "a string")
		case "clear_password":
			u.Clear, good, want = asReference(table[key])
		case "groups":
			u.Groups, good = asStrings(table[key])
			want = `a list, as ["Wifi-Clinical"]`
		case "disabled":
			u.Disabled, good = table[key].(bool)
			want = "true or false"
		case "expires":
			u.Expires, good = asExpiry(table[key])
			want = "a day, as 2027-03-31, or a time with its zone"
		default:
			problems = append(problems, realms.Problem{Key: userKey(name) + "." + key, Text: fmt.Sprintf("a user has no %q", key), Fix: "the keys are password, nt_hash, clear_password, groups, disabled and expires; a realm's dot needs quotes: [user.\"name@realm\"]"})
		}
		if !good {
			problems = append(problems, realms.Problem{Key: userKey(name) + "." + key, Text: key + " is not what it should be", Fix: "write " + want})
		}
	}
	return u, problems
}

func asSecret(value any, want string) (certs.Secret, bool, string) {
	s, ok := value.(string)
	return certs.Secret(s), ok && s != "", want
}

// asReference reads a secret, or what names one.
func asReference(value any) (certs.Secret, bool, string) {
	ref, _, want := asSecret(value, `"file:/path", "cred:name", "env:NAME" or the password itself`)
	if ref == "" {
		return "", false, want
	}
	secret, _, err := certs.ReadSecret(ref.Reveal())
	if err != nil {
		return "", false, want + ": " + err.Error()
	}
	return secret, true, want
}

func asStrings(value any) ([]string, bool) {
	list, ok := value.([]any)
	if !ok {
		return nil, false
	}
	out := make([]string, len(list))
	for i, v := range list {
		if out[i], ok = v.(string); !ok || out[i] == "" {
			return nil, false
		}
	}
	return out, true
}

// asExpiry takes a day as the last one on which the account is good, by the
// clock on the wall here.
func asExpiry(value any) (time.Time, bool) {
	t, ok := value.(time.Time)
	if !ok {
		return time.Time{}, false
	}
	switch t.Location().String() { // the decoder's names for times without a zone
	case "date-local":
		return time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.Local), true
	case "datetime-local", "time-local":
		return time.Time{}, false
	}
	return t, true
}

func syntaxProblem(err error) realms.Problem {
	var syntax toml.ParseError
	if errors.As(err, &syntax) {
		return realms.Problem{Key: fmt.Sprintf("line %d", syntax.Position.Line), Text: unquoted(syntax.Message), Fix: "correct the TOML"}
	}
	return realms.Problem{Text: "the file is not TOML", Fix: "correct the TOML"}
}

// unquoted ends a message of the decoder where it begins to quote the file: what
// it quotes may be a password that somebody wrote as it is.
func unquoted(message string) string {
	if strings.HasPrefix(message, "expected value but found") {
		return "expected a value; text stands in quotes"
	}
	before, _, _ := strings.Cut(message, `"`)
	return strings.TrimRight(before, " :,")
}

// plain drops the path from an error of the file system, since the key has it.
func plain(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return "the file cannot be read: " + path.Err.Error()
	}
	return err.Error()
}

// located puts PATH:LINE in place of the keys.
func located(problems realms.Problems, path string, text []byte) realms.Problems {
	lines := lineIndex(text)
	out := make(realms.Problems, len(problems))
	for i, p := range problems {
		line, found := strings.CutPrefix(p.Key, "line ")
		if !found {
			line = lines.of(p.Key)
			if p.Key != "" {
				p.Text = p.Key + ": " + p.Text
			}
		}
		p.Key = path
		if line != "" {
			p.Key += ":" + line
		}
		out[i] = p
	}
	return out
}
