package daemon

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"causeway/realms/directory"
)

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
