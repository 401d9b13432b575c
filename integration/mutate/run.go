package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A bench is the test binaries of one target, with what each test comes past.
type bench struct {
	*pkg
	tests []*test
	past  map[int][]*test // by change
	long  bool            // survivors that are not listed meet slow tests, and long runs, too

	mu       sync.Mutex
	noticed  map[string]map[*test]int // how often a test noticed a change of a function
	tried    int
	kills    int
	again    int // kills whose tests were run once more without the change
	failures int // of those that failed then, too
}

// A test is one test function, or the seeds of one fuzz target.
type test struct {
	binary, dir, name string
	takes             time.Duration // in short mode
}

// memory is how much one try may take: a loop that is broken would take all there is.
const memory = "6000000" // KiB of addresses

func writeOverlay(folder string, replace map[string]string) (string, error) {
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "overlay.json")
	return path, os.WriteFile(path, text, 0o600)
}

// try throws each switch once and writes down what became of it. doubts are how many
// things make the result doubtful.
func try(p *pkg, t target, mutants []*mutant, workers int, long bool) (doubts int, err error) {
	folder, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	overlay, err := p.overlay(folder)
	if err != nil {
		return 0, err
	}
	b := &bench{pkg: p, long: long, past: map[int][]*test{}, noticed: map[string]map[*test]int{}}
	for i, dir := range t.tests {
		binary := filepath.Join(folder, fmt.Sprintf("test%d", i))
		cmd := exec.Command("go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, "./"+dir)
		cmd.Dir, cmd.Stdout, cmd.Stderr = p.root, os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return 0, fmt.Errorf("the changed %s does not compile with the tests of %s: %w", p.dir, dir, err)
		}
		names, err := listTests(binary, filepath.Join(p.root, dir))
		if err != nil {
			return 0, err
		}
		for _, name := range names {
			b.tests = append(b.tests, &test{binary: binary, dir: filepath.Join(p.root, dir), name: name})
		}
	}
	doubts += b.measure(folder, workers)
	each(mutants, workers, func(m *mutant) {
		b.judge(m)
		b.tell(m, len(mutants))
	})
	if b.failures > 0 {
		fmt.Printf("  %d of %d tries that noticed a change fail without it, too\n", b.failures, b.again)
	} else if b.again > 0 {
		fmt.Printf("  %d tries that noticed a change were made again without it: none fails\n", b.again)
	}
	return doubts + b.failures, nil
}

func listTests(binary, dir string) ([]string, error) {
	cmd := exec.Command(binary, "-test.list", "^(Test|Fuzz)")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	return strings.Fields(string(out)), nil
}

// measure runs each test alone without a change: how long it takes, and past which
// changes it comes. One that fails so is of no use here.
func (b *bench) measure(folder string, workers int) (failed int) {
	var mu sync.Mutex
	use := b.tests[:0:0]
	each(b.tests, workers, func(t *test) {
		seen := filepath.Join(folder, fmt.Sprintf("seen-%s-%s", filepath.Base(t.binary), t.name))
		began := time.Now()
		v := runTests([]*test{t}, 0, time.Minute, true, "MUTANTS_SEEN="+seen)
		t.takes = time.Since(began)
		mu.Lock()
		defer mu.Unlock()
		if v.noticed {
			fmt.Printf("  %s fails in a binary with switches: %s\n", t.name, v.tail)
			failed++
			return
		}
		use = append(use, t)
		text, _ := os.ReadFile(seen)
		for _, id := range strings.Fields(string(text)) {
			n, _ := strconv.Atoi(id)
			b.past[n] = append(b.past[n], t)
		}
		_ = os.Remove(seen)
	})
	b.tests = use
	return failed
}

// tell prints a new survivor at once, and now and then how far it is.
func (b *bench) tell(m *mutant, all int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tried++; b.tried%500 == 0 {
		fmt.Printf("  %d of %d tried\n", b.tried, all)
	}
	if !m.killed && !m.listed {
		fmt.Printf("  survived: %s\n", m.key())
	}
}

// each does something with all of a list, several at once.
func each[T any](list []T, workers int, do func(T)) {
	work := make(chan T)
	var crew sync.WaitGroup
	for range workers {
		crew.Go(func() {
			for one := range work {
				do(one)
			}
		})
	}
	for _, one := range list {
		work <- one
	}
	close(work)
	crew.Wait()
}

// judge tries one change: with the likely tests first, then with more and slower ones. What
// survives all of them, and is not known to, is tried with the long runs of the same.
func (b *bench) judge(m *mutant) {
	tests := b.order(m)
	m.reached = len(tests) > 0
	if !b.long {
		tests = slices.DeleteFunc(tests, func(t *test) bool { return t.takes > 2*time.Second })
	}
	for _, some := range portions(tests) {
		if b.notices(m, some, true) {
			return
		}
	}
	if b.long && !m.listed {
		b.notices(m, tests, false)
	}
}

// order is the tests that come past a change: first those that noticed others of the same
// function, then the quickest.
func (b *bench) order(m *mutant) []*test {
	b.mu.Lock()
	defer b.mu.Unlock()
	tests, noticed := slices.Clone(b.past[m.id]), b.noticed[m.file+m.in]
	slices.SortFunc(tests, func(x, y *test) int {
		if n := min(noticed[y], 3) - min(noticed[x], 3); n != 0 {
			return n
		}
		return int(x.takes - y.takes)
	})
	return tests
}

// portions parts a list of tests so that each portion takes several times as long as the
// one before.
func portions(tests []*test) (all [][]*test) {
	for limit := 100 * time.Millisecond; len(tests) > 0; limit *= 6 {
		n, sum := 0, time.Duration(0)
		for n < len(tests) && (n == 0 || sum+tests[n].takes <= limit) {
			sum += tests[n].takes
			n++
		}
		all, tests = append(all, tests[:n]), tests[n:]
	}
	return all
}

// notices runs tests over a change, one binary after the other.
func (b *bench) notices(m *mutant, tests []*test, short bool) bool {
	of := map[string][]*test{}
	var binaries []string
	for _, t := range tests {
		if of[t.binary] == nil {
			binaries = append(binaries, t.binary)
		}
		of[t.binary] = append(of[t.binary], t)
	}
	for _, binary := range binaries {
		some := of[binary]
		v := runTests(some, m.id, allowed(some, short), short)
		if !v.noticed {
			continue
		}
		m.killed, m.hung, m.by = true, v.hung, v.by
		b.note(m, some, v)
		return true
	}
	return false
}

func allowed(tests []*test, short bool) time.Duration {
	sum := 5 * time.Second
	for _, t := range tests {
		sum += 10 * t.takes
	}
	if !short {
		sum += time.Minute
	}
	return sum
}

// note remembers which test noticed, and makes one such try in twenty again without the
// change: a test that fails for a reason of its own would praise us.
func (b *bench) note(m *mutant, some []*test, v verdict) {
	b.mu.Lock()
	for _, t := range some {
		if t.name == v.by {
			if b.noticed[m.file+m.in] == nil {
				b.noticed[m.file+m.in] = map[*test]int{}
			}
			b.noticed[m.file+m.in][t]++
		}
	}
	b.kills++
	again := b.kills%20 == 0
	b.mu.Unlock()
	if again {
		w := runTests(some, 0, allowed(some, true), true)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.again++
		if w.noticed {
			b.failures++
			fmt.Printf("  without any change: %s fails: %s\n", w.by, w.tail)
		}
	}
}

// A verdict is what a run of tests said.
type verdict struct {
	noticed bool // some test failed, or the process ended otherwise
	hung    bool
	by      string
	tail    string // the end of what was printed
}

var failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: (\w+)`)

// runTests runs tests of one binary with a switch thrown; 0 is none.
func runTests(tests []*test, id int, limit time.Duration, short bool, env ...string) verdict {
	names := make([]string, len(tests))
	for i, t := range tests {
		names[i] = t.name
	}
	ctx, stop := context.WithTimeout(context.Background(), limit+10*time.Second)
	defer stop()
	args := []string{"-c", `ulimit -v ` + memory + `; exec "$0" "$@"`, tests[0].binary,
		"-test.run", "^(" + strings.Join(names, "|") + ")$", "-test.failfast", "-test.count=1", "-test.timeout", limit.String(), fmt.Sprintf("-test.short=%t", short)}
	cmd := exec.CommandContext(ctx, "sh", args...)
	said := &tail{}
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = tests[0].dir, said, said, time.Second
	cmd.Env = append(os.Environ(), append(env, "MUTANT="+strconv.Itoa(id))...)
	err := cmd.Run()
	if err == nil {
		return verdict{}
	}
	v := verdict{noticed: true, hung: errors.Is(ctx.Err(), context.DeadlineExceeded) || bytes.Contains(said.text, []byte("panic: test timed out")), tail: said.last()}
	if by := failedTest.FindSubmatch(said.text); by != nil {
		v.by = string(by[1])
	}
	return v
}

// A tail keeps the beginning of what is printed, up to a bound: a broken loop prints a lot.
type tail struct{ text []byte }

func (t *tail) Write(b []byte) (int, error) {
	if room := 1<<20 - len(t.text); room > 0 {
		t.text = append(t.text, b[:min(room, len(b))]...)
	}
	return len(b), nil
}

func (t *tail) last() string {
	text := strings.Join(strings.Fields(string(t.text)), " ")
	return text[:min(len(text), 300)]
}
