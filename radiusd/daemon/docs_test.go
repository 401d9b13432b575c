package daemon

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"causeway/realms/directory"
)

// Every line that the server itself writes stands in docs/log.md, with what to do about it.
func TestLinesOfTheServerAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/log.md")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`(?:\.(?:Notice|Warn|Alarm|alarm)|\bsay)\("([^":]+)|saidOf\w+ += "([^"]+)"`)
	lines := 0
	for _, path := range sources {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said.FindAllStringSubmatch(string(source), -1) {
			lines++
			if !strings.Contains(string(page), "`"+m[1]+m[2]) {
				t.Errorf("docs/log.md does not speak of %q (%s)", m[1]+m[2], path)
			}
		}
	}
	if lines < 40 {
		t.Fatalf("only %d lines were found in the source", lines)
	}
}

// The file of users in the documentation is one that loads.
func TestUsersFileOfTheDocumentationLoads(t *testing.T) {
	page, err := os.ReadFile("../../docs/users-file.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```toml\n(.*?)```").FindSubmatch(page)
	path := filepath.Join(t.TempDir(), "users.toml")
	if err := os.WriteFile(path, block[1], 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := directory.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if file.Len() != 3 {
		t.Errorf("%d people, want 3", file.Len())
	}
}
