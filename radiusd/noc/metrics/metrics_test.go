package metrics

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	asked = Counter("test_asked_total", "How often.", "by")
	taken = Histogram("test_taken_seconds", "How long.")
	waits = Summary("test_waits_seconds", "How long altogether.")
	until = Gauge("test_until_timestamp_seconds", "Until when.")
)

// A show is a server of this test's, and what it complained of.
type show struct {
	*Server
	mu       sync.Mutex
	troubles []string
}

func open(t *testing.T, collect func(*Sheet)) *show {
	t.Helper()
	s := new(show)
	var err error
	s.Server, err = Listen(context.Background(), Config{
		Addresses: []string{"127.0.0.1:0", "[::1]:0"}, Families: []*Family{asked, taken, waits, until}, Collect: collect,
		Trouble: func(problem string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.troubles = append(s.troubles, problem)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Serve()
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, at net.Addr, method, path string) (int, string) {
	t.Helper()
	ask, err := http.NewRequestWithContext(context.Background(), method, "http://"+at.String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := http.DefaultClient.Do(ask)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(text)
}

// What is put down is shown, on each address, and nothing else is answered.
func TestAVisit(t *testing.T) {
	s := open(t, func(s *Sheet) {
		s.Put(asked, 3, "a \"name\" with\nlines and \xff")
		s.Spread(taken, 5, 2.5, map[float64]uint64{0.1: 1, 1: 4})
		s.Sum(waits, 2, 0.25)
		s.At(until, time.Unix(1_800_000_000, 0))
	})
	for _, at := range s.Addrs() {
		code, text := get(t, at, "GET", "/metrics")
		for _, row := range []string{
			`# HELP test_asked_total How often.`, `# TYPE test_asked_total counter`,
			`test_asked_total{by="a \"name\" with\nlines and ?"} 3`,
			`test_taken_seconds_bucket{le="0.1"} 1`, `test_taken_seconds_bucket{le="1"} 4`, `test_taken_seconds_bucket{le="+Inf"} 5`,
			`test_taken_seconds_sum 2.5`, `test_waits_seconds_count 2`, `test_waits_seconds_sum 0.25`,
			`test_until_timestamp_seconds 1.8e+09`,
		} {
			if !strings.Contains(text, row+"\n") {
				t.Errorf("%d: %s is not shown:\n%s", code, row, text)
			}
		}
		for _, c := range []struct {
			method, path string
			want         int
		}{{"POST", "/metrics", 405}, {"GET", "/", 404}, {"GET", "/metrics/x", 404}, {"GET", "/debug/pprof/", 404}} {
			if code, _ := get(t, at, c.method, c.path); code != c.want {
				t.Errorf("%s %s: %d, want %d", c.method, c.path, code, c.want)
			}
		}
	}
}

// A panic ends one visit (S5), and half of the figures are not taken for all.
func TestAPanicEndsAVisit(t *testing.T) {
	broken := true
	s := open(t, func(s *Sheet) {
		s.Put(asked, 1, "x")
		if broken {
			panic("this test's own")
		}
	})
	if code, text := get(t, s.Addrs()[0], "GET", "/metrics"); code != http.StatusInternalServerError || strings.Contains(text, "test_asked_total{") || strings.Contains(text, "goroutine") {
		t.Errorf("%d\n%s", code, text)
	}
	broken = false
	if code, _ := get(t, s.Addrs()[0], "GET", "/metrics"); code != http.StatusOK {
		t.Errorf("the next visit: %d", code)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.troubles) == 0 || !strings.Contains(s.troubles[0], "this test's own") {
		t.Errorf("%q", s.troubles)
	}
}

// Wrong labels and rows that are there twice are no rows.
func TestFiguresThatCannotBeShown(t *testing.T) {
	for name, collect := range map[string]func(*Sheet){
		"a label too few": func(s *Sheet) { s.Put(asked, 1) },
		"twice the same":  func(s *Sheet) { s.Put(asked, 1, "x"); s.Put(asked, 2, "x") },
	} {
		if code, text := get(t, open(t, collect).Addrs()[0], "GET", "/metrics"); code != http.StatusInternalServerError {
			t.Errorf("%s: %d\n%s", name, code, text)
		}
	}
}

// Two visits are answered at once, and who comes while they are is told to come again.
func TestVisitorsAreBounded(t *testing.T) {
	entered, leave := make(chan struct{}, mostAtOnce+1), make(chan struct{})
	s := open(t, func(*Sheet) { entered <- struct{}{}; <-leave })
	var waiting sync.WaitGroup
	for range mostAtOnce {
		waiting.Go(func() { _, _ = get(t, s.Addrs()[0], "GET", "/metrics") })
		<-entered
	}
	if code, text := get(t, s.Addrs()[0], "GET", "/metrics"); code != http.StatusServiceUnavailable || !strings.Contains(text, "concurrent") { // and no time-out, which has the same number
		t.Errorf("the third visitor: %d %s", code, text)
	}
	close(leave)
	waiting.Wait()
}
