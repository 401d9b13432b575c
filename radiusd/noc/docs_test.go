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
	fields := decode(t, w.lines()[0])
	if len(fields) < 30 {
		t.Fatalf("the fullest line has only %d fields", len(fields))
	}
	for name := range fields {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/log.md does not speak of %s", name)
		}
	}
}
