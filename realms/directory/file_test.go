package directory_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"causeway/certs"
	"causeway/realms"
	"causeway/realms/directory"
	"causeway/realms/directory/directorytest"
)

// cheap is a cost for tests.
var cheap = directory.Cost{Memory: 64, Passes: 1, Threads: 1}

func nurse() realms.Identity {
	return realms.Identity{User: "nurse", Realm: directorytest.Realm}
}

// fileOf writes the suite's people as a file of users, with the forms of
// password that with asks for.
func fileOf(t *testing.T, argon, nt bool) string {
	t.Helper()
	var b strings.Builder
	for _, p := range directorytest.People() {
		fmt.Fprintf(&b, "[user.%q]\n", p.Identity())
		if argon || p.NoHash {
			fmt.Fprintf(&b, "password = %q\n", cheap.Hash(p.Password))
		}
		if nt && !p.NoHash {
			fmt.Fprintf(&b, "nt_hash = \"%x\"\n", directory.NTHash(p.Password))
		}
		fmt.Fprintf(&b, "groups = [%s]\n", strings.ReplaceAll(strings.Trim(fmt.Sprintf("%q", p.Groups), "[]"), `" "`, `", "`))
		switch p.State {
		case realms.ErrDisabled:
			b.WriteString("disabled = true\n")
		case realms.ErrExpired:
			fmt.Fprintf(&b, "expires = %s\n", time.Now().AddDate(0, 0, -1).Format(time.DateOnly))
		}
	}
	path := filepath.Join(t.TempDir(), "users.toml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFileConforms(t *testing.T) {
	t.Run("NTHashes", func(t *testing.T) {
		directorytest.Run(t, func(t *testing.T) realms.Directory { return open(t, fileOf(t, false, true)) })
	})
	t.Run("Both", func(t *testing.T) {
		directorytest.Run(t, func(t *testing.T) realms.Directory { return open(t, fileOf(t, true, true)) })
	})
	t.Run("Argon2idOnly", func(t *testing.T) {
		directorytest.Run(t, func(t *testing.T) realms.Directory { return withoutHashes{open(t, fileOf(t, true, false))} })
	})
}

// withoutHashes hides that a File can be asked for NT hashes.
type withoutHashes struct{ realms.Directory }

func open(t *testing.T, path string) *directory.File {
	t.Helper()
	f, err := directory.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A good and a bad file each stand in testdata; a bad one begins with the
// mistakes that it must be told, one to a comment line.
func TestFileMistakesHaveLines(t *testing.T) {
	bad, err := filepath.Glob("testdata/bad-*.toml")
	if err != nil || len(bad) == 0 {
		t.Fatal("no bad files", err)
	}
	for _, path := range bad {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = directory.OpenFile(path)
		if err == nil {
			t.Errorf("%s was taken", path)
			continue
		}
		count := 0
		for line := range strings.Lines(string(text)) {
			want, isComment := strings.CutPrefix(line, "# ")
			if !isComment {
				break
			}
			count++
			if !strings.Contains(err.Error(), path+":"+strings.TrimSpace(want)) {
				t.Errorf("%s: nothing says %q in\n%v", path, strings.TrimSpace(want), err)
			}
		}
		var problems realms.Problems
		if !errors.As(err, &problems) || len(problems) != count {
			t.Errorf("%s: %d problems told, %d expected:\n%v", path, len(problems), count, err)
		}
		if strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: the error repeats a password:\n%v", path, err)
		}
	}
	if _, err := directory.OpenFile("testdata/absent.toml"); err == nil || !strings.Contains(err.Error(), "testdata/absent.toml: the file cannot be read: no such file") {
		t.Errorf("an absent file: %v", err)
	}
	if f := open(t, "testdata/good.toml"); f.Len() != 3 {
		t.Errorf("good.toml has %d people", f.Len())
	}
}

func TestFileExpiryIsTheWholeDay(t *testing.T) {
	in := func(d time.Duration) *directory.File {
		f, err := directory.NewFile([]directory.FileUser{{Name: "nurse@northbridge.nhs.uk", Expires: time.Now().Add(d)}})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	if _, err := in(time.Hour).Lookup(t.Context(), nurse()); err != nil {
		t.Errorf("an hour before: %v", err)
	}
	if _, err := in(-time.Hour).Lookup(t.Context(), nurse()); !errors.Is(err, realms.ErrExpired) {
		t.Errorf("an hour after: %v", err)
	}
	path := filepath.Join(t.TempDir(), "users.toml")
	for day, want := range map[int]error{0: nil, -1: realms.ErrExpired} {
		text := fmt.Sprintf("[user.\"nurse@northbridge.nhs.uk\"]\nexpires = %s\n", time.Now().AddDate(0, 0, day).Format(time.DateOnly))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t, path).Lookup(t.Context(), nurse()); !errors.Is(err, want) {
			t.Errorf("the last day is today %+d: %v, want %v", day, err, want)
		}
	}
}

func TestFileComputers(t *testing.T) {
	f, err := directory.NewFile([]directory.FileUser{{Name: "host/PC01.northbridge.nhs.uk", Groups: []string{"Carts"}}})
	if err != nil {
		t.Fatal(err)
	}
	id, err := realms.ParseIdentity("host/pc01.Northbridge.nhs.uk")
	if err != nil {
		t.Fatal(err)
	}
	if account, err := f.Lookup(t.Context(), id); err != nil || account.Groups[0] != "Carts" {
		t.Errorf("%+v, %v", account, err)
	}
}

func TestNTHash(t *testing.T) {
	// RFC 2759, section 9.2.
	if got := fmt.Sprintf("%X", directory.NTHash("clientPass")); got != "44EBBA8D5312B8D611474411F56989AE" {
		t.Errorf("NTHash = %s", got)
	}
}

func TestHashPassword(t *testing.T) {
	a, b := directory.HashPassword("hunter2"), directory.HashPassword("hunter2")
	if a == b || !strings.HasPrefix(a, "$argon2id$v=19$m=12288,t=3,p=1$") {
		t.Errorf("hashes %s and %s", a, b)
	}
	f, err := directory.NewFile([]directory.FileUser{{Name: nurse().String(), Password: certs.Secret(a)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.CheckPassword(t.Context(), nurse(), "hunter2"); err != nil {
		t.Error(err)
	}
}

func FuzzFileUsers(f *testing.F) {
	for _, path := range []string{"testdata/good.toml", "testdata/bad-values.toml", "testdata/bad-keys.toml", "testdata/bad-syntax.toml"} {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("user.\"a@b.c\" = {nt_hash = 1}")
	f.Add("user = 1")
	path := filepath.Join(f.TempDir(), "users.toml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := directory.OpenFile(path)
		var problems realms.Problems
		if err != nil && (!errors.As(err, &problems) || len(problems) == 0) {
			t.Fatalf("an error that is not Problems: %v", err)
		}
	})
}

// A PAP log-in whose password was good before, and one by NT hash.
func BenchmarkCheckPassword(b *testing.B) {
	for name, user := range map[string]directory.FileUser{
		"remembered": {Password: certs.Secret(cheap.Hash("correct horse"))},
		"nt":         {NTHash: certs.Secret(fmt.Sprintf("%x", directory.NTHash("correct horse")))},
	} {
		user.Name = nurse().String()
		f, err := directory.NewFile([]directory.FileUser{user})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.CheckPassword(context.Background(), nurse(), "correct horse"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkArgon2id(b *testing.B) {
	for b.Loop() {
		directory.HashPassword("correct horse")
	}
}
