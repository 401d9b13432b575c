package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"causeway/radiusd/daemon"
	"causeway/radiusd/daemon/config"
)

var update = flag.Bool("update", false, "write what came into the golden files of testdata")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/check/" + name
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: write it with go test ./radiusd -run %s -update", err, t.Name())
	}
	if bytes.Equal(got, want) {
		return
	}
	had, have := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	for n := range max(len(had), len(have)) {
		if n >= len(had) || n >= len(have) || had[n] != have[n] {
			t.Fatalf("%s is another from line %d on. See git diff after go test ./radiusd -run %s -update; now:\n%s", path, n+1, t.Name(), strings.Join(have[min(n, len(have)):min(n+5, len(have))], "\n"))
		}
	}
}

// checkDay is when the golden files were written: an agreement is in force, and ends in
// more than a month.
func checkDay() time.Time { return time.Date(2026, 11, 26, 9, 30, 0, 0, time.UTC) }

// inspected looks at a file of testdata on that day.
func inspected(t *testing.T, name string) *daemon.Inspection {
	t.Helper()
	i, err := daemon.Inspect("testdata/check/"+name, checkDay)
	if err != nil {
		t.Fatal(err)
	}
	i.LookIntoFiles()
	return i
}

// The page of check --proof is, to the letter, what was looked at when this was written:
// a change of a word of it is seen.
func TestStatementPageIsGolden(t *testing.T) {
	s := newStatement(inspected(t, "trust.toml"), checkDay())
	s.Version = "Causeway 1.0"
	s.Sums = []config.Sum{{Name: "/etc/radiusd/config.toml", SHA256: strings.Repeat("0123456789abcdef", 4)}}
	var page bytes.Buffer
	if err := statementPage.Execute(&page, s); err != nil {
		t.Fatal(err)
	}
	golden(t, "statement.html", page.Bytes())
}

// What check says is one JSON document, whatever came of it.
func TestCheckFindingsAreGolden(t *testing.T) {
	for name, code := range map[string]int{"trust": exitGood, "failing": exitFailed, "bad": exitBadConfig, "mistyped": exitBadConfig} {
		t.Run(name, func(t *testing.T) {
			file := "testdata/check/" + name + ".toml"
			var out, errs bytes.Buffer
			i, err := daemon.Inspect(file, checkDay)
			all := refusedFindings(file, err)
			if err == nil {
				all = check(file, i).findings()
			}
			for n := range all.Hashes {
				if len(all.Hashes[n].SHA256) != 64 {
					t.Errorf("%+v", all.Hashes[n])
				}
				all.Hashes[n].SHA256 = strings.Repeat("0123456789abcdef", 4) // changes with any word of the file
			}
			if got := writeFindings(&out, &errs, all); got != code || errs.Len() > 0 {
				t.Errorf("exit code %d: %s", got, &errs)
			}
			golden(t, name+".json", out.Bytes())

			// And the command says the same, but for what the day changes.
			out.Reset()
			if got := run([]string{"check", "--json", file}, &out, &errs); got != code || errs.Len() > 0 {
				t.Errorf("radiusd check --json: exit code %d: %s", got, &errs)
			}
			var document findings
			if err := json.Unmarshal(out.Bytes(), &document); err != nil || document.Exit != code || document.Verdict != all.Verdict || len(document.Errors) != len(all.Errors) || (document.Proof == nil) != (all.Proof == nil) {
				t.Errorf("%v: %+v", err, document)
			}
			if strings.Contains(out.String(), "secret-of") {
				t.Error("a secret stands in it")
			}
		})
	}
}

// With the flags together: the page is written, the document is alone on the output, and
// what could not be asked is in it.
func TestCheckJSONWithAskAndProof(t *testing.T) {
	text, err := os.ReadFile("testdata/check/trust.toml")
	if err != nil {
		t.Fatal(err)
	}
	file := t.TempDir() + "/trust.toml"
	ldap := "kind = \"ldap\"\nservers = [\"ldaps://127.0.0.1:1\"]\nbase = \"dc=northbridge,dc=nhs,dc=uk\""
	text = bytes.Replace(text, []byte("kind = \"file\"\npath = \"users.toml\""), []byte(ldap), 1)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run([]string{"check", file, "--json", "--ask", "--proof", file + ".html"}, &out, &errs)
	var document findings
	if err := json.Unmarshal(out.Bytes(), &document); err != nil || code != exitUnasked || document.Exit != exitUnasked || errs.Len() > 0 {
		t.Fatalf("exit code %d, %v: %s%s", code, err, &out, &errs)
	}
	if a := document.Asked; len(a) != 1 || a[0].Directory != "trust" || len(a[0].Groups) != 2 || !strings.Contains(a[0].Failed, "connection refused") {
		t.Errorf("%+v", a)
	}
	if page, err := os.ReadFile(file + ".html"); err != nil || !bytes.Contains(page, []byte("Statement of network separation")) {
		t.Errorf("the page: %v", err)
	}
	out.Reset()
	if code := run([]string{"check", file, "--json", "--proof", file}, &out, &errs); code != exitFailed || out.Len() > 0 || !strings.Contains(errs.String(), "is the configuration itself") {
		t.Errorf("over the configuration: exit code %d: %s%s", code, &out, &errs)
	}
}
