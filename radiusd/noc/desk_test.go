package noc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A sink is a writer that can fail and stall.
type sink struct {
	mu     sync.Mutex
	text   strings.Builder
	writes int
	fail   func(b []byte) (int, error) // nil: everything is written
	gate   chan struct{}               // when set, a write waits until it is closed
	inside chan struct{}               // when set, told when a write has begun
}

func (s *sink) Write(b []byte) (int, error) {
	if s.inside != nil {
		select {
		case s.inside <- struct{}{}:
		default:
		}
	}
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	n, err := len(b), error(nil)
	if s.fail != nil {
		n, err = s.fail(b)
	}
	s.text.Write(b[:n])
	return n, err
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *sink) lines() []string { return strings.Split(strings.TrimSuffix(s.String(), "\n"), "\n") }

func decode(t *testing.T, line string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return m
}

// Holds R40: each line has the time in UTC, the outer and inner name, the MAC,
// CUI, NAS, Operator-Name, result and reason.
func TestR40Fields(t *testing.T) {
	e := night()
	e.Time = e.Time.In(time.FixedZone("BST", 3600))
	var w sink
	d := New(Config{Format: "json", Writer: &w})
	d.End(e)
	d.Close()
	m := decode(t, w.lines()[0])
	want := map[string]any{
		"time": "2026-06-01T02:13:07.157Z", "level": "INFO", "msg": "ended", "kind": "access", "id": "9f86d081884c",
		"outcome": "reject", "reason": "bad-password", "fault": "user", "meaning": "The password is wrong.",
		"detail": "directory dc1: 52e: bad-password", "outer": "anonymous@northbridge.nhs.uk", "inner": "nurse@northbridge.nhs.uk",
		"realm": "northbridge.nhs.uk", "route": "trust", "server": "ldaps://dc1.northbridge.nhs.uk", "nas": "royal-wlc-a",
		"client": "royal-wlc", "site": "Royal Infirmary", "ap": "00-10-A4-23-19-C0", "ssid": "NHS-Staff", "mac": "02-11-22-AA-BB-CC",
		"mac_random": true, "method": "peap", "inner_method": "mschapv2", "tls": "1.3", "rounds": 9.0, "duration_ms": 34.567,
		"rule": "NHS-Staff 2", "zone": "visitor", "vlan": 140.0, "cui": "c3ab8ff13720e8ad9047dd39466b3c89", "operator_name": "northbridge.nhs.uk",
	}
	if !maps.Equal(m, want) {
		for k := range want {
			if m[k] != want[k] {
				t.Errorf("%s is %v, want %v", k, m[k], want[k])
			}
		}
		t.Errorf("line: %v", m)
	}
	text := string(textEvent(nil, e.Time, false, &e))
	for _, part := range []string{"2026-06-01T02:13:07.123Z REJECT  nurse@northbridge.nhs.uk  on NHS-Staff at \"Royal Infirmary\"  peap/mschapv2 by trust",
		"-> visitor vlan 140", "34 ms", "bad-password (user): The password is wrong.", "mac=02-11-22-AA-BB-CC mac_random=true",
		"outer=anonymous@northbridge.nhs.uk", "nas=royal-wlc-a", "cui=c3ab8ff", "operator_name=northbridge.nhs.uk", "id=9f86d081884c"} {
		if !strings.Contains(text, part) {
			t.Errorf("the text line lacks %q:\n%s", part, text)
		}
	}
}

// The text line, whole, as people meet it.
func TestTextLines(t *testing.T) {
	at := night().Time
	for want, e := range map[string]Event{
		"2026-06-01T02:13:07.123Z ACCEPT  nurse@northbridge.nhs.uk  on NHS-Staff at Ward7  tls by trust  -> clinical vlan 110  12 ms  mac=00-10-A4-23-19-C0 tls=1.3 rounds=6 id=a1\n": {
			Outcome: "accept", Kind: "access", Outer: "nurse@northbridge.nhs.uk", Inner: "nurse@northbridge.nhs.uk", SSID: "NHS-Staff", Site: "Ward7",
			Method: "tls", Route: "trust", Zone: "clinical", VLAN: 110, Duration: 12 * time.Millisecond, MAC: "00-10-A4-23-19-C0", TLS: "1.3", Rounds: 6, ID: "a1"},
		"2026-06-01T02:13:07.123Z ACCEPT  t7@y.uk  on NHS-Staff  tls  0 ms outer=@y.uk device=t7@y.uk authority=tablets unchecked=true tls=1.3\n": {
			Outcome: "accept", Kind: "access", Outer: "@y.uk", Inner: "t7@y.uk", SSID: "NHS-Staff", Method: "tls", TLS: "1.3", Device: "t7@y.uk", Authority: "tablets", Unchecked: true},
		"2026-06-01T02:13:07.123Z REJECT  001bc5000001  on NHS-Medical  mac by devices  0 ms  mac-expired (ours): The device's line in the list has ended.  mac=00-1B-C5-00-00-01 list=infusion equipment=\"Infusion pump 12\" asset=4711 owner=\"Medical Engineering\" rounds=1\n": {
			Outcome: "reject", Kind: "access", Outer: "001bc5000001", SSID: "NHS-Medical", Method: "mac", Route: "devices", MAC: "00-1B-C5-00-00-01", Rounds: 1,
			Reason: "mac-expired", List: "infusion", Equipment: "Infusion pump 12", Asset: "4711", Owner: "Medical Engineering"},
		"2026-06-01T02:13:07.123Z REJECT  a@y.uk  on NHS-Staff  ttls/pap by placements  0 ms  placement-ended (user): The placement is over, or was ended by its sponsor. sponsor=\"Sister Bell\" purpose=\"nursing placement, Ward 7\"\n": {
			Outcome: "reject", Kind: "access", Outer: "a@y.uk", SSID: "NHS-Staff", Method: "ttls", InnerMethod: "pap", Route: "placements", Reason: "placement-ended", Sponsor: "Sister Bell", Purpose: "nursing placement, Ward 7"},
		"2026-06-01T02:13:07.123Z GAVE UP x@y.uk  on eduroam  30000 ms  abandoned-after-certificate (device): The device stopped after our certificate: it does not trust it, or asks its owner, who has not answered.\n": {
			Outcome: "abandoned", Kind: "access", Outer: "x@y.uk", SSID: "eduroam", Reason: "abandoned-after-certificate", Duration: 30 * time.Second},
		"2026-06-01T02:13:07.123Z REJECT  \"\"  0 ms  strange (ours): This server gave a reason that is not in its own table.\n": {
			Outcome: "reject", Kind: "access", Reason: "strange"},
		"2026-06-01T02:13:07.123Z USAGE   interim-update x@y.uk  on eduroam detail=\"ip 192.0.2.1, 60 s\"\n": {
			Outcome: "interim-update", Kind: "accounting", Outer: "x@y.uk", SSID: "eduroam", Detail: "ip 192.0.2.1, 60 s"},
	} {
		if got := string(textEvent(nil, at, false, &e)); got != want {
			t.Errorf("got  %swant %s", got, want)
		}
	}
}

// Holds R41: the start and the end of a conversation are two lines with one id.
func TestR41BeginAndEnd(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		var w sink
		d := New(Config{Format: format, Writer: &w})
		e := Event{Time: night().Time, ID: "c0ffee", Kind: "access", Outer: "x@y.uk"}
		d.Begin(e)
		e.Outcome, e.Reason, e.Duration = "abandoned", "abandoned-after-certificate", 30*time.Second
		d.End(e)
		d.Close()
		lines := w.lines()
		if len(lines) != 2 {
			t.Fatalf("%s: %d lines", format, len(lines))
		}
		for i, word := range []string{"BEGAN", "GAVE UP"} {
			if format == "text" && (!strings.Contains(lines[i], word) || !strings.Contains(lines[i], "id=c0ffee")) {
				t.Errorf("line %d: %s", i, lines[i])
			}
		}
		if format == "json" {
			first, last := decode(t, lines[0]), decode(t, lines[1])
			if first["msg"] != "began" || last["msg"] != "ended" || first["id"] != last["id"] || last["outcome"] != "abandoned" {
				t.Errorf("%v\n%v", first, last)
			}
			if first["time"] != "2026-06-01T02:13:07.123Z" || last["time"] != "2026-06-01T02:13:37.123Z" {
				t.Errorf("times %v %v", first["time"], last["time"])
			}
		}
	}
}

// Machines read our lines as they would slog's own.
func TestJSONIsWhatSlogWrites(t *testing.T) {
	e := night()
	var theirs strings.Builder
	record := slog.NewRecord(e.Time, slog.LevelInfo, "ended", 0)
	record.AddAttrs(e.LogValue().Group()...)
	if err := slog.NewJSONHandler(&theirs, nil).Handle(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	ours := string(jsonEvent(nil, e.Time, false, &e))
	if !maps.Equal(decode(t, ours), decode(t, theirs.String())) {
		t.Errorf("ours   %stheirs %s", ours, theirs.String())
	}
}

// Every member of an Event is in its line, so that nothing is forgotten when one
// is added; and each key is explained in the package's doc.
func TestEveryMemberHasAField(t *testing.T) {
	base := string(jsonEvent(nil, time.Time{}, false, &Event{}))
	kind := reflect.TypeFor[Event]()
	for i := range kind.NumField() {
		var e Event
		f := reflect.ValueOf(&e).Elem().Field(i)
		switch f.Kind() {
		case reflect.String:
			f.SetString("x")
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int, reflect.Int64:
			f.SetInt(7_000_000)
		case reflect.Uint16:
			f.SetUint(7)
		case reflect.Struct:
			continue // the time, which every line has
		}
		if string(jsonEvent(nil, time.Time{}, false, &e)) == base {
			t.Errorf("%s is in no line", kind.Field(i).Name)
		}
	}
	doc := docText(t)
	for _, f := range fields {
		if !strings.Contains(doc, f.key) {
			t.Errorf("doc.go does not explain %s", f.key)
		}
	}
}

// Holds S17: an Event has no type that a secret could be in, and no octets.
func TestS17EventHoldsNoSecret(t *testing.T) {
	kind := reflect.TypeFor[Event]()
	for i := range kind.NumField() {
		f := kind.Field(i)
		switch f.Type {
		case reflect.TypeFor[string](), reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[uint16](),
			reflect.TypeFor[time.Time](), reflect.TypeFor[time.Duration]():
		default:
			t.Errorf("%s is a %s: an event has names and numbers only", f.Name, f.Type)
		}
	}
}

// Holds S17 for the lines of the server: octets are not shown, and a value that
// redacts itself is asked.
func TestS17ServerLines(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		var w sink
		d := New(Config{Format: format, Writer: &w})
		d.Alarm("x", "key", []byte("canary"), "secret", redacting("canary"), "err", fmt.Errorf("dial: %v", redacting("canary")))
		d.Close()
		if strings.Contains(w.String(), "canary") || !strings.Contains(w.String(), "[6 octets]") {
			t.Errorf("%s", w.String())
		}
	}
}

type redacting string

func (redacting) LogValue() slog.Value { return slog.StringValue("[secret]") }
func (redacting) String() string       { return "[secret]" }

// Holds F7: a writer that stalls delays nobody; what does not fit is counted, the
// fallback is told, and so is the log when it can be written again.
func TestF7WriterStalls(t *testing.T) {
	w := &sink{gate: make(chan struct{}), inside: make(chan struct{}, 1)}
	fallback := &sink{inside: make(chan struct{}, 1)}
	d := New(Config{Format: "json", Writer: w, Queue: 10, Fallback: fallback, Now: func() time.Time { return night().Time }})
	d.End(night())
	<-w.inside // the writer is stuck in its first line
	for range 25 {
		d.End(night()) // returns: that is the test
		d.Begin(night())
	}
	if got := d.Dropped(); got != 40 {
		t.Fatalf("dropped %d of 50 lines with room for 10", got)
	}
	d.Alarm("still heard") // the server's own lines have room of their own
	<-fallback.inside      // told without waiting for the writer
	close(w.gate)
	d.Close()
	lines := w.lines()
	if len(lines) != 1+1+10+1 {
		t.Fatalf("%d lines:\n%s", len(lines), w.String())
	}
	if alarm := decode(t, lines[1]); alarm["alarm"] != true || alarm["missing"] != 40.0 {
		t.Errorf("the log does not say what is missing: %s", lines[1])
	}
	if !strings.Contains(lines[12], "still heard") {
		t.Errorf("the alarm was lost: %s", lines[12])
	}
	if n := strings.Count(fallback.String(), "\n"); n != 1 {
		t.Errorf("the fallback was told %d times in one minute", n)
	}
	if n := sum(d.Counts()); n != 26 {
		t.Errorf("%d events counted, want 26: dropped lines count too", n)
	}
}

// Holds F7: a full disk loses lines, counted; a line that was torn is ended, so
// the next one is whole; and the log says that lines are missing.
func TestF7DiskFull(t *testing.T) {
	full := true
	w := &sink{}
	w.fail = func(b []byte) (int, error) {
		if full {
			return min(20, len(b)), errors.New("no space left on device")
		}
		return len(b), nil
	}
	fallback := &sink{inside: make(chan struct{}, 1)}
	d := New(Config{Format: "json", Writer: w, Fallback: fallback})
	d.End(night())
	<-fallback.inside
	w.mu.Lock()
	full = false
	w.mu.Unlock()
	d.End(night())
	d.Close()
	if d.Dropped() != 1 || !strings.Contains(fallback.String(), "no space left on device") {
		t.Errorf("dropped %d, fallback %q", d.Dropped(), fallback.String())
	}
	lines := w.lines()
	if len(lines) != 3 || decode(t, lines[1])["missing"] != 1.0 || decode(t, lines[2])["outcome"] != "reject" {
		t.Errorf("after the disk was emptied:\n%s", w.String())
	}
}

// A writer that never comes back does not hang Close, and a closed desk neither
// panics nor waits.
func TestF7CloseGivesUp(t *testing.T) {
	w := &sink{gate: make(chan struct{}), inside: make(chan struct{}, 1)}
	defer close(w.gate)
	d := New(Config{Writer: w, Fallback: io.Discard, Patience: time.Millisecond})
	d.End(night())
	<-w.inside
	d.Close()
	d.Close()
	d.End(night())
	d.Begin(night())
	d.Notice("late")
	if d.Dropped() != 3 {
		t.Errorf("dropped %d after Close", d.Dropped())
	}
}

// Many goroutines, each line once and whole.
func TestDeskConcurrent(t *testing.T) {
	w := &sink{}
	d := New(Config{Format: "json", Writer: w, Queue: 1 << 16})
	var wait sync.WaitGroup
	const each, by = 500, 8
	for g := range by {
		wait.Go(func() {
			for i := range each {
				e := night()
				e.ID = fmt.Sprintf("%d-%d", g, i)
				d.End(e)
			}
		})
	}
	wait.Wait()
	d.Close()
	seen := map[any]bool{}
	next := map[string]int{}
	for _, line := range w.lines() {
		id := decode(t, line)["id"].(string)
		seen[id] = true
		var g, i int
		if _, err := fmt.Sscanf(id, "%d-%d", &g, &i); err != nil {
			t.Fatal(err)
		}
		if key := fmt.Sprint(g); next[key] != i {
			t.Fatalf("line %s out of order", id)
		} else {
			next[key]++
		}
	}
	if len(seen) != each*by || d.Dropped() != 0 {
		t.Errorf("%d lines, %d dropped", len(seen), d.Dropped())
	}
}

// Labels come from closed lists: nobody outside can make a thousand counters.
func TestCountsAreBounded(t *testing.T) {
	d := New(Config{Writer: io.Discard})
	for i := range 1000 {
		d.End(Event{Kind: fmt.Sprint("k", i), Outcome: fmt.Sprint("o", i), Reason: fmt.Sprint("r", i)})
	}
	d.End(Event{Kind: "access", Outcome: "accept"})
	d.End(Event{Kind: "access", Outcome: "reject", Reason: "bad-password"})
	d.End(Event{Kind: "access", Outcome: "reject", Reason: "bad-password"})
	d.Close()
	want := []Count{{"access", "accept", "", 1}, {"access", "reject", "bad-password", 2}, {"other", "other", "other", 1000}}
	if got := d.Counts(); !slices.Equal(got, want) {
		t.Errorf("counts %v", got)
	}
}

func TestServerLines(t *testing.T) {
	var w sink
	now := func() time.Time { return night().Time }
	d := New(Config{Format: "text", Writer: &w, Now: now})
	d.Notice("started", "sites", 2, "listening", []string{"127.0.0.1:1812", "127.0.0.1:1813"})
	d.Warn("configuration", "warning", "secret in the file")
	d.Alarm("an Accept was stopped at the gate", "error", errors.New("vlan 120"))
	d.Close()
	want := []string{
		`2026-06-01T02:13:07.123Z NOTICE  started  sites=2  listening="127.0.0.1:1812 127.0.0.1:1813"`,
		`2026-06-01T02:13:07.123Z WARNING configuration  warning="secret in the file"`,
		`2026-06-01T02:13:07.123Z ALARM   an Accept was stopped at the gate  error="vlan 120"`,
	}
	if got := w.lines(); !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	var j sink
	d = New(Config{Format: "json", Writer: &j, Now: now})
	d.Alarm("gate", "n", 3, "ok", true, "u", uint64(9), "err", errors.New("x"), "odd")
	d.Close()
	m := decode(t, j.lines()[0])
	if m["level"] != "ERROR" || m["alarm"] != true || m["n"] != 3.0 || m["ok"] != true || m["u"] != 9.0 || m["err"] != "x" {
		t.Errorf("%v", m)
	}
}

// Logging an event costs no allocation once the queue has grown.
func TestEventAllocations(t *testing.T) {
	e := night()
	for name, f := range formats {
		buf := make([]byte, 0, 4096)
		if n := testing.AllocsPerRun(100, func() { buf = f.event(buf[:0], e.Time, false, &e) }); n > 0 {
			t.Errorf("%s: %v allocations to format an event", name, n)
		}
	}
	d := New(Config{Writer: io.Discard, Fallback: io.Discard, Queue: 1})
	defer d.Close()
	if n := testing.AllocsPerRun(100, func() { d.End(e) }); n > 2 {
		t.Errorf("%v allocations to log an event", n)
	}
}

func sum(counts []Count) (n uint64) {
	for _, c := range counts {
		n += c.N
	}
	return n
}

// A log-in counts for the step that it just reaches and all longer ones, and one longer
// than all steps for none.
func TestSpans(t *testing.T) {
	d := New(Config{Writer: io.Discard})
	defer d.Close()
	for _, took := range []time.Duration{0, 5 * time.Millisecond, 5*time.Millisecond + 1, 30 * time.Second, 31 * time.Second} {
		d.End(Event{Kind: "access", Outcome: "accept", Duration: took})
	}
	d.End(Event{Kind: "accounting", Outcome: "start", Duration: time.Second}) // no log-in
	want := []Span{{Outcome: "accept", Count: 5, Sum: 61*time.Second + 10*time.Millisecond + 1, AtMost: []uint64{2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4}}}
	if got := d.Spans(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
