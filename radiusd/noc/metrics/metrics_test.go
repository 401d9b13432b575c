package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
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

// A show is a server of this test's, what it complained of, and a clock that stands.
type show struct {
	*Server
	mu       sync.Mutex
	now      time.Time
	troubles []string
}

func open(t *testing.T, collect func(*Sheet)) *show {
	t.Helper()
	s := &show{now: time.Unix(1_800_000_000, 0)}
	var err error
	s.Server, err = Listen(context.Background(), Config{
		Addresses: []string{"127.0.0.1:0", "[::1]:0"}, Families: []*Family{asked, taken, waits, until}, Collect: collect,
		Trouble: func(why string, untold uint64) { s.hear("trouble: %s (%d untold)", why, untold) },
		Panic:   func(value any, untold uint64) { s.hear("panic: %v (%d untold)", value, untold) },
		Now:     s.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Serve()
	t.Cleanup(s.Close)
	return s
}

func (s *show) hear(format string, a ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.troubles = append(s.troubles, fmt.Sprintf(format, a...))
}

func (s *show) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *show) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// heard is what was complained of since it was asked last.
func (s *show) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	heard := s.troubles
	s.troubles = nil
	return heard
}

// visit opens a connection and sends the beginning of a request.
func visit(t *testing.T, from string, at net.Addr, request string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

const ask = "GET /metrics HTTP/1.1\r\nHost: radius1\r\n"

func get(t *testing.T, at net.Addr, method, path string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, "http://"+at.String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := http.DefaultClient.Do(request)
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
	if heard := s.heard(); !slices.Equal(heard, []string{"panic: this test's own (0 untold)"}) {
		t.Errorf("%q", heard)
	}
}

// A panic of what makes a page is told as one of who is asked, and not as a line of
// net/http's with the stack and the address of the visitor.
func TestAPanicBesideTheFigures(t *testing.T) {
	s := open(t, func(s *Sheet) { s.put(asked, nil, nil) })
	if code, text := get(t, s.Addrs()[0], "GET", "/metrics"); code != http.StatusInternalServerError || strings.Contains(text, "goroutine") {
		t.Errorf("%d\n%s", code, text)
	}
	if heard := s.heard(); len(heard) != 1 || !strings.HasPrefix(heard[0], "panic: runtime error") {
		t.Errorf("%q", heard)
	}
}

// Whoever comes again and again writes no log: a trouble is told of once a minute, and a
// panic beside it.
func TestTroublesAreToldSeldom(t *testing.T) {
	panics := false
	s := open(t, func(s *Sheet) {
		if panics {
			panic("this test's own")
		}
		s.Put(asked, 1)
	})
	visits := func(n int, what, untold string) {
		t.Helper()
		for range n {
			_, _ = get(t, s.Addrs()[0], "GET", "/metrics")
		}
		if heard := s.heard(); len(heard) != 1 || !strings.HasPrefix(heard[0], what) || !strings.HasSuffix(heard[0], untold) {
			t.Errorf("%q", heard)
		}
	}
	visits(3, "trouble: ", "(0 untold)")
	s.pass(tellEvery)
	visits(1, "trouble: ", "(2 untold)")
	panics = true
	visits(3, "panic: this test's own", "(0 untold)")
	s.pass(tellEvery)
	visits(1, "panic: this test's own", "(2 untold)")
}

// What visitors do is no trouble of ours: to leave in the middle, to ask for an encoding
// that there is not, to send what is no HTTP.
func TestVisitorsWriteNoLog(t *testing.T) {
	entered, leave := make(chan struct{}, 1), make(chan struct{}, 1)
	s := open(t, func(s *Sheet) { entered <- struct{}{}; <-leave; s.Put(asked, 1, "x") })
	at := s.Addrs()[0]

	gone := visit(t, "127.0.0.1", at, ask+"\r\n")
	<-entered
	_ = gone.Close()
	time.Sleep(100 * time.Millisecond) // until that is known
	leave <- struct{}{}

	for _, request := range []string{
		ask + "Accept-Encoding: identity;q=0\r\n\r\n", ask + "Accept-Encoding: gzip;q=0, *;q=0\r\n\r\n",
		ask + "X: " + strings.Repeat("x", 3*headRoom) + "\r\n\r\n", "\x16\x03\x01\r\n\r\n", "GET /metrics?a;b HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		conn := visit(t, "127.0.0.1", at, request)
		select {
		case <-entered:
			leave <- struct{}{}
		case <-time.After(100 * time.Millisecond): // it is no request
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Errorf("%.40q: %v", request, err)
		}
		_ = conn.Close()
	}
	if heard := s.heard(); len(heard) > 0 {
		t.Errorf("%q", heard)
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

// Two visits are answered at once, and others wait for their turn: whoever asks again and
// again does not get Prometheus refused.
func TestVisitorsWaitForEachOther(t *testing.T) {
	entered, leave := make(chan struct{}, 2*mostAtOnce), make(chan struct{})
	s := open(t, func(*Sheet) { entered <- struct{}{}; <-leave })
	var visits sync.WaitGroup
	for range 2 * mostAtOnce {
		visits.Go(func() {
			if code, text := get(t, s.Addrs()[0], "GET", "/metrics"); code != http.StatusOK {
				t.Errorf("%d %s", code, text)
			}
		})
	}
	for range mostAtOnce {
		<-entered
	}
	select {
	case <-entered:
		t.Errorf("more than %d are answered at once", mostAtOnce)
	case <-time.After(100 * time.Millisecond):
	}
	close(leave)
	visits.Wait()
}

// Whoever holds open all connections that it is given does not shut the others out.
func TestOneVisitorLeavesRoom(t *testing.T) {
	s := open(t, func(*Sheet) {})
	at := s.Addrs()[0]
	for range mostVisitors {
		visit(t, "127.0.0.2", at, ask) // and never ends it
	}
	refused := visit(t, "127.0.0.2", at, "")
	_ = refused.SetReadDeadline(time.Now().Add(patience / 2))
	if _, err := refused.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("one more of the same: %v", err)
	}
	other := visit(t, "127.0.0.1", at, ask+"\r\n")
	_ = other.SetReadDeadline(time.Now().Add(patience / 2))
	if _, err := other.Read(make([]byte, 1)); err != nil {
		t.Errorf("another: %v", err)
	}
}

// Of IPv6 one machine has a /64 to come from.
func TestVisitors(t *testing.T) {
	for from, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8::1:2:3:4": "2001:db8::", "2001:db8:0:1::1": "2001:db8:0:1::", "fe80::1%lo": "fe80::",
	} {
		if got := visitorOf(netip.MustParseAddr(from)); got.String() != want {
			t.Errorf("%s counts as %s, want %s", from, got, want)
		}
	}
}
