package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A mutant is one small change of the code.
type mutant struct {
	id    int
	file  string // vlan/gate.go
	in    string // (*statement).hear, or the variable whose value it is in
	what  string // len(value) < 6  ->  len(value) <= 6
	edits []edit

	listed bool // among the survivors that have a reason

	// What became of it.
	reached bool
	killed  bool
	hung    bool // killed by never ending
	by      string
}

// An edit puts a switch around a stretch of the file, which is an expression, a statement
// or nothing. What is written when the switch is off means what stood there.
type edit struct {
	start, end int
	id         int
	write      func(on, inner string) string // on is the condition that the change is wanted
}

func (m *mutant) key() string    { return m.file + " " + m.in + ": " + m.what }
func (m *mutant) String() string { return m.key() }

// rewrite is a file with all its changes in it. Edits nest as the syntax does.
func (p *pkg) rewrite(f *file) string {
	var edits []edit
	for _, m := range p.mutants {
		if m.file == f.path {
			for _, e := range m.edits {
				e.id = m.id
				edits = append(edits, e)
			}
		}
	}
	// The outermost first; of one stretch, the first that was found.
	slices.SortStableFunc(edits, func(a, b edit) int {
		if a.start != b.start {
			return a.start - b.start
		}
		return b.end - a.end
	})
	text, _ := render(f.src, 0, len(f.src), edits)
	return text
}

// render writes src[from:to] with the edits that lie within, and returns those that do not.
func render(src string, from, to int, edits []edit) (string, []edit) {
	var b strings.Builder
	for len(edits) > 0 && edits[0].end <= to {
		e := edits[0]
		b.WriteString(src[from:e.start])
		var inner string
		inner, edits = render(src, e.start, e.end, edits[1:])
		b.WriteString(e.write(fmt.Sprintf("mutant(%d)", e.id), inner))
		from = e.end
	}
	b.WriteString(src[from:to])
	return b.String(), edits
}

const switchFile = "mutant_switch.go"

// switches is the file with the switch: which change is on is said by the environment, and
// with MUTANTS_SEEN each one that is come past is written down, once.
func (p *pkg) switches() string {
	return "package " + p.name + `

import (
	"os"
	"strconv"
	"sync/atomic"
)

var mutantOn, mutantSeen = mutantSwitch()

func mutantSwitch() (int, *mutantBook) {
	on, _ := strconv.Atoi(os.Getenv("MUTANT"))
	path := os.Getenv("MUTANTS_SEEN")
	if path == "" {
		return on, nil
	}
	to, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	return on, &mutantBook{to: to}
}

type mutantBook struct {
	to   *os.File
	seen [1 << 16]atomic.Bool
}

func (b *mutantBook) note(id int) bool {
	if !b.seen[id].Swap(true) {
		_, _ = b.to.WriteString(strconv.Itoa(id) + "\n")
	}
	return false
}

func mutant(id int) bool { return id == mutantOn || mutantSeen != nil && mutantSeen.note(id) }
`
}

// overlay writes the changed files into a folder, and the file that tells the go command
// to take them in the place of the real ones.
func (p *pkg) overlay(folder string) (string, error) {
	root, err := filepath.Abs(p.root)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	write := func(path, text string) error {
		to := filepath.Join(folder, filepath.Base(path))
		replace[filepath.Join(root, path)] = to
		return os.WriteFile(to, []byte(text), 0o600)
	}
	if err := write(p.dir+"/"+switchFile, p.switches()); err != nil {
		return "", err
	}
	for _, f := range p.files {
		if err := write(f.path, p.rewrite(f)); err != nil {
			return "", err
		}
	}
	return writeOverlay(folder, replace)
}
