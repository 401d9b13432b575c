package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

const sample = "integration/mutate/testdata/sample"

// The machine finds every kind of change, and tells those that the tests notice from those
// that they do not: of the sample the second kind was found by hand.
func TestSample(t *testing.T) {
	p, err := load("../..", target{sample, nil, []string{sample}})
	if err != nil {
		t.Fatal(err)
	}
	doubts, err := try(p, target{sample, nil, []string{sample}}, p.mutants, 2, true)
	if err != nil || doubts > 0 {
		t.Fatal(doubts, err)
	}
	var killed, survived []string
	for _, m := range p.mutants {
		what := m.in + ": " + m.what
		if m.killed {
			killed = append(killed, what)
		} else {
			survived = append(survived, what)
		}
		if m.reached == (m.in == "untested") {
			t.Errorf("%s: reached is %t", what, m.reached)
		}
	}
	want := strings.Split(strings.TrimSpace(`
(*Door).Enter: drop: d.seen++
(*Door).Enter: d.seen++ -> d.seen--
(*Door).Enter: false -> true
(*Door).Enter: age <= d.Most -> age < d.Most
untested: returns nothing at once
untested: n + 1 -> n - 1
untested: 1 -> 0
`), "\n")
	for _, s := range want {
		if !slices.Contains(survived, s) {
			t.Errorf("did not survive: %s", s)
		}
	}
	for _, s := range survived {
		if !slices.Contains(want, s) {
			t.Errorf("survived: %s", s)
		}
	}
	for _, s := range []string{
		"(*Door).Enter: returns nothing at once",
		"(*Door).Enter: drop: if d.shut { return false, ErrShut }",
		"(*Door).Enter: d.shut -> !(d.shut)",
		"(*Door).Enter: return false, ErrShut -> return false, nil",
		`(*Door).Enter: drop: case "staff", "owner"`,
		`(*Door).Enter: drop: case "cat"`,
		"(*Door).Enter: age >= d.Least && age <= d.Most -> age >= d.Least || age <= d.Most",
		"(*Door).Enter: age >= d.Least -> age < d.Least",
		"(*Door).Enter: age >= d.Least -> age > d.Least",
		"Climb: drop: break",
		"Climb: drop: else { sum += s }",
		"Climb: sum += s -> sum -= s",
		"Climb: max(sum, 2*most-12) -> min(sum, 2*most-12)",
		"Climb: 2*most -> 2 / most",
		"Climb: 12 -> 13",
		"steps: 7 -> 8",
		"NewDoor: drop: Least: least",
	} {
		if !slices.Contains(killed, s) {
			t.Errorf("is no change that was noticed: %s", s)
		}
	}
}

// What is listed has a reason and is there; what is not listed fails the run.
func TestReport(t *testing.T) {
	noticed, left := &mutant{file: "a.go", in: "f", what: "x", killed: true, reached: true}, &mutant{file: "a.go", in: "f", what: "y", reached: true}
	many := []*mutant{left}
	for range 19 {
		many = append(many, noticed)
	}
	known := map[string]*survivor{left.key(): {}}
	for name, c := range map[string]struct {
		all   []*mutant
		known map[string]*survivor
		whole bool
		want  bool
	}{
		"95 of a hundred, and the rest is listed": {many, known, true, true},
		"fewer":                           {many[:19], known, true, false},
		"fewer, of a part":                {many[:2], known, false, true},
		"one that is not listed":          {many, nil, true, false},
		"one is listed that is no change": {many, map[string]*survivor{left.key(): {}, "a.go f: z": {}}, true, false},
		"the same, of a part":             {many, map[string]*survivor{left.key(): {}, "a.go f: z": {}}, false, true},
	} {
		if got := report(io.Discard, c.all, c.known, c.whole, time.Second); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if _, err := readSurvivors("survivors.toml"); err != nil {
		t.Error(err)
	}
}
