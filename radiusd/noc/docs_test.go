package noc

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestLogIsDocumented holds docs/log.md to the fields that a line can have.
func TestLogIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/log.md")
	if err != nil {
		t.Fatal(err)
	}
	e := night()
	e.Resumed = true
	var w sink
	d := New(Config{Format: "json", Writer: &w, Now: time.Now})
	d.End(e)
	d.Close()
	said := decode(t, w.lines()[0])
	if len(said) < 30 {
		t.Fatalf("the fullest line has only %d fields", len(said))
	}
	for name := range said {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/log.md does not speak of %s", name)
		}
	}
	for _, f := range fields { // those that no one event has together, too
		if !strings.Contains(string(page), "`"+f.key+"`") {
			t.Errorf("docs/log.md does not speak of %s", f.key)
		}
	}
}
