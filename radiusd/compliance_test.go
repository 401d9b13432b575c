package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// numbers are the requirements that docs/compliance.md must speak of.
var numbers = []struct {
	letter string
	ranges [][2]int
}{
	{"R", [][2]int{{1, 34}, {40, 45}, {50, 54}}},
	{"S", [][2]int{{1, 21}}},
	{"F", [][2]int{{1, 17}}},
	{"P", [][2]int{{1, 8}, {10, 18}, {20, 27}, {30, 33}, {40, 47}, {50, 52}, {60, 66}}},
}

var (
	complianceRow  = regexp.MustCompile(`(?m)^\| ([RSFP]\d+) \| (.*) \| (.*) \|$`)
	testName       = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]+|integration/cases/[a-z0-9-]+)`")
	testDefinition = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]+)\(`)
)

// TestComplianceIsTrue reads docs/compliance.md: each number stands there once,
// is open or partly open in words, or names tests and stories that exist.
func TestComplianceIsTrue(t *testing.T) {
	doc, err := os.ReadFile("../docs/compliance.md")
	if err != nil {
		t.Fatal(err)
	}
	exists := definedTests(t)
	seen := map[string]bool{}
	for _, row := range complianceRow.FindAllStringSubmatch(string(doc), -1) {
		number, held := row[1], row[3]
		if seen[number] {
			t.Errorf("%s stands twice", number)
		}
		seen[number] = true
		names := testName.FindAllStringSubmatch(held, -1)
		if len(names) == 0 && !strings.HasPrefix(held, "open: ") {
			t.Errorf("%s names no test and does not say `open: …`", number)
		}
		for _, name := range names {
			if !exists[name[1]] {
				t.Errorf("%s: there is no %s", number, name[1])
			}
		}
	}
	for _, series := range numbers {
		for _, span := range series.ranges {
			for n := span[0]; n <= span[1]; n++ {
				if number := fmt.Sprint(series.letter, n); !seen[number] {
					t.Errorf("%s is missing", number)
				}
			}
		}
	}
}

var (
	checklistRow = regexp.MustCompile(`(?m)^\| ([EG]\d+) \|.*\|$`)
	requirement  = regexp.MustCompile(`\b([RSFP]\d+)\b`)
	checklistRef = regexp.MustCompile(`\b(E\d+)\b`)
)

// The pages for those who sign a federation's checklist name requirements that exist,
// and each of their own rows once; every row says who does it.
func TestChecklistsAreTrue(t *testing.T) {
	doc, err := os.ReadFile("../docs/compliance.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, row := range complianceRow.FindAllStringSubmatch(string(doc), -1) {
		known[row[1]] = true
	}
	rows := map[string]bool{}
	pages := map[string]string{}
	for _, page := range []string{"eduroam-uk.md", "govroam.md"} {
		text, err := os.ReadFile("../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		pages[page] = string(text)
		for _, row := range checklistRow.FindAllStringSubmatch(string(text), -1) {
			cells := strings.Split(strings.Trim(row[0], "| "), " | ")
			if rows[row[1]] {
				t.Errorf("%s: %s stands twice", page, row[1])
			}
			rows[row[1]] = true
			by := strings.Split(strings.Trim(cells[len(cells)-2], "| "), ", ")
			if len(cells) < 4 || strings.HasSuffix(row[0], "| |") {
				by = strings.Split(strings.Trim(cells[len(cells)-1], "| "), ", ")
			}
			for _, who := range by {
				if !slices.Contains([]string{"server", "file", "yours"}, who) {
					t.Errorf("%s: %s is done by %q", page, row[1], who)
				}
			}
		}
	}
	if len(rows) < 60 {
		t.Errorf("%d rows: the pages are not read as they are written", len(rows))
	}
	for page, text := range pages {
		for _, n := range requirement.FindAllString(text, -1) {
			if !known[n] {
				t.Errorf("%s speaks of %s, which compliance.md does not have", page, n)
			}
		}
		for _, n := range checklistRef.FindAllString(text, -1) {
			if !rows[n] {
				t.Errorf("%s speaks of %s, which is no row", page, n)
			}
		}
	}
}

// definedTests names every test, fuzz target and benchmark of the house, and
// every integration story by its folder.
func definedTests(t *testing.T) map[string]bool {
	found := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", ".tools", ".work"}, entry.Name()):
			return fs.SkipDir
		case entry.IsDir() && filepath.Base(filepath.Dir(path)) == "cases":
			found["integration/cases/"+entry.Name()] = true
		case strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "test/suite.go"):
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, definition := range testDefinition.FindAllSubmatch(source, -1) {
				found[string(definition[1])] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
