package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the messages into testdata/bad")

// Every file of testdata/bad begins with the whole message that it must give.
func TestBadFiles(t *testing.T) {
	t.Chdir("testdata/bad")
	files, err := filepath.Glob("*.toml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d bad files, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(name, func(t *testing.T) {
			if *update {
				for range 3 { // the message moves the lines that it names
					rewrite(t, name)
				}
			}
			want := comment(t, name)
			_, err := Load(name, SecretsOptional)
			if err == nil {
				t.Fatalf("it loads; expected\n%s", want)
			}
			if got := err.Error(); got != want {
				t.Errorf("got\n%s\n\nexpected\n%s", got, want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret is printed")
			}
		})
	}
}

// Every file of testdata/good loads, and begins with all that it warns of.
func TestGoodFiles(t *testing.T) {
	t.Chdir("testdata/good")
	for _, secret := range []string{"secret.txt", "long-secret.txt"} { // a clone makes them readable for all, which warns
		if err := os.Chmod(secret, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob("*.toml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d good files, %v", len(files), err)
	}
	for _, name := range files {
		if *update {
			for range 3 {
				rewrite(t, name)
			}
		}
		f, err := Load(name, SecretsRequired)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if got, want := f.Warnings.Error(), comment(t, name); got != want {
			t.Errorf("%s warns\n%s\n\nexpected\n%s", name, got, want)
		}
	}
}

// comment is the block of comments at the top of a file.
func comment(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		rest, is := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "#")
		if !is {
			break
		}
		lines = append(lines, strings.TrimPrefix(rest, " "))
	}
	return strings.Join(lines, "\n")
}

func rewrite(t *testing.T, name string) {
	t.Helper()
	f, failure := Load(name, SecretsOptional)
	if failure == nil {
		failure = f.Warnings
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	body := string(text)
	for strings.HasPrefix(body, "#") {
		_, body, _ = strings.Cut(body, "\n")
	}
	var b strings.Builder
	for line := range strings.Lines(failure.Error()) {
		b.WriteString(strings.TrimRight("# "+line, " \n") + "\n")
	}
	if err := os.WriteFile(name, []byte(b.String()+body), 0o600); err != nil {
		t.Fatal(err)
	}
}
