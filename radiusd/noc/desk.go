package noc

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Defaults of a Desk.
const (
	defaultQueue    = 8192            // lines; under half a second of the fastest logging
	defaultPatience = 5 * time.Second // that Close gives a slow disk
	alarmRoom       = 64              // lines beyond the queue that only the server's own lines may take
	fallbackEvery   = time.Minute     // between two lines on the fallback
)

// A Config says where the lines go and how they look.
type Config struct {
	Format   string           // "text", which is the default, or "json"
	Writer   io.Writer        // nil: standard error. One goroutine writes to it, whole lines at a time.
	Queue    int              // lines that may wait for the writer; 0: 8192
	Fallback io.Writer        // is told when Writer fails or stalls; nil: standard error
	Patience time.Duration    // how long Close waits for a writer that stalls; 0: 5 s
	Now      func() time.Time // nil: time.Now
}

// A Desk takes events and writes their lines. It never makes its caller wait: a
// full queue drops the line and counts it. It is safe for many goroutines.
type Desk struct {
	writer   io.Writer
	fallback io.Writer
	format   format
	queue    int
	patience time.Duration
	now      func() time.Time

	mu      sync.Mutex
	waiting []item // for the writer
	spare   []item // the slice that the writer gave back, emptied
	closed  bool
	dropped uint64 // lines that did not fit, or that the writer lost
	tally   tally

	wake    chan struct{} // there is something in waiting
	trouble chan string   // for the fallback
	written chan struct{} // closed when the last line is out
	heard   chan struct{} // closed when the fallback has been told all
}

// An item is a line before it is written: an event, or a line made already.
type item struct {
	event Event
	began bool
	line  []byte
}

// New opens a desk. Close it to have every line written.
func New(cfg Config) *Desk {
	d := &Desk{
		writer: cfg.Writer, fallback: cfg.Fallback, queue: cfg.Queue, patience: cfg.Patience, now: cfg.Now,
		wake: make(chan struct{}, 1), trouble: make(chan string, 1),
		written: make(chan struct{}), heard: make(chan struct{}),
	}
	if d.writer == nil {
		d.writer = os.Stderr
	}
	if d.fallback == nil {
		d.fallback = os.Stderr
	}
	if d.queue <= 0 {
		d.queue = defaultQueue
	}
	if d.patience <= 0 {
		d.patience = defaultPatience
	}
	if d.now == nil {
		d.now = time.Now
	}
	var known bool
	if d.format, known = formats[cfg.Format]; !known {
		d.format = formats["text"]
	}
	go d.write()
	go d.herald()
	return d
}

// Begin writes the first line of a conversation that takes more than one packet
// (R41). It never waits.
func (d *Desk) Begin(e Event) {
	if e.Time.IsZero() {
		e.Time = d.now()
	}
	d.mu.Lock()
	d.enqueue(&e, true)
	d.mu.Unlock()
}

// End counts an event and writes its line. It never waits.
func (d *Desk) End(e Event) {
	if e.Time.IsZero() {
		e.Time = d.now()
	}
	d.mu.Lock()
	d.tally.add(&e)
	d.enqueue(&e, false)
	d.mu.Unlock()
}

// Notice writes a line about the server itself. The words in kv are pairs of name
// and value, as slog has them.
func (d *Desk) Notice(message string, kv ...any) { d.say(slog.LevelInfo, message, kv) }

// Warn writes a line about something that should not be so.
func (d *Desk) Warn(message string, kv ...any) { d.say(slog.LevelWarn, message, kv) }

// Alarm writes a line about something that somebody must look at now.
func (d *Desk) Alarm(message string, kv ...any) { d.say(levelAlarm, message, kv) }

// Dropped returns how many lines were lost since the start.
func (d *Desk) Dropped() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dropped
}

// Counts returns how many events there were of each kind, outcome and reason.
// Dropped lines are counted too.
func (d *Desk) Counts() []Count {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tally.list()
}

// Spans returns how long the log-ins took, by outcome. Dropped lines are counted too.
func (d *Desk) Spans() []Span {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tally.listSpans()
}

// Close writes what waits and stops. A writer that stalls is given up after the
// configured patience. Lines that come later are dropped and counted.
func (d *Desk) Close() {
	d.mu.Lock()
	if !d.closed {
		d.closed = true
		close(d.wake)
	}
	d.mu.Unlock()

	limit := time.NewTimer(d.patience)
	defer limit.Stop()
	for _, done := range []chan struct{}{d.written, d.heard} {
		select {
		case <-done:
		case <-limit.C:
			return
		}
	}
}

func (d *Desk) say(level slog.Level, message string, kv []any) {
	r := slog.NewRecord(d.now(), level, message, 0)
	r.Add(kv...)
	line := d.format.say(nil, r)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || len(d.waiting) >= d.queue+alarmRoom {
		d.drop()
		return
	}
	d.waiting = append(d.waiting, item{line: line})
	d.signal()
}

// enqueue is called with the lock held.
func (d *Desk) enqueue(e *Event, began bool) {
	if d.closed || len(d.waiting) >= d.queue {
		d.drop()
		return
	}
	d.waiting = append(d.waiting, item{})
	last := &d.waiting[len(d.waiting)-1] // written where it waits: an event is large
	last.event, last.began = *e, began
	d.signal()
}

func (d *Desk) signal() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// drop is called with the lock held. A closed desk has nobody left to tell.
func (d *Desk) drop() {
	d.dropped++
	if !d.closed {
		d.tell("the log is not being written fast enough: lines are lost")
	}
}

// tell hands a line to the herald, unless it has one to tell already.
func (d *Desk) tell(what string) {
	select {
	case d.trouble <- what:
	default:
	}
}

// herald tells the fallback of trouble, at most once a minute. It is a goroutine
// of its own since the fallback may stall as the writer does.
func (d *Desk) herald() {
	defer close(d.heard)
	var last time.Time
	for what := range d.trouble {
		now := d.now()
		if !last.IsZero() && now.Sub(last) < fallbackEvery {
			continue
		}
		last = now
		r := slog.NewRecord(now, levelAlarm, what, 0)
		r.Add("lost_since_start", d.Dropped())
		_, _ = d.fallback.Write(d.format.say(nil, r)) // it is the last resort
	}
}

// gathering is how long the first line of a burst waits for others, so that a busy log
// costs hundreds of writes a second and not one for every few lines.
const gathering = 2 * time.Millisecond

// write is the one goroutine that writes.
func (d *Desk) write() {
	defer close(d.written)
	defer close(d.trouble)
	o := outlet{writer: d.writer}
	for range d.wake {
		time.Sleep(gathering)
		d.flush(&o)
	}
	d.flush(&o)
}

// flush writes all that waits. Lines go out many at a time, so that a busy log
// costs few writes.
func (d *Desk) flush(o *outlet) {
	for {
		batch, lost := d.take()
		if len(batch) == 0 {
			return
		}
		if lost > o.told {
			r := slog.NewRecord(d.now(), levelAlarm, "lines are missing from this log: they came too fast or could not be written", 0)
			r.Add("missing", lost-o.told)
			o.buf, o.told = d.format.say(o.buf, r), lost
		}
		for i := range batch {
			o.buf = d.appendItem(o.buf, &batch[i])
			if len(o.buf) >= writeSize {
				d.settle(o.put())
			}
		}
		d.settle(o.put())
		d.give(batch)
	}
}

func (d *Desk) appendItem(dst []byte, it *item) []byte {
	if it.line != nil {
		return append(dst, it.line...)
	}
	at := it.event.Time
	if !it.began {
		at = at.Add(it.event.Duration)
	}
	return d.format.event(dst, at, it.began, &it.event)
}

// take takes all that waits, and says how many lines were lost so far.
func (d *Desk) take() (batch []item, lost uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) > 0 {
		batch, d.waiting, d.spare = d.waiting, d.spare, nil
	}
	return batch, d.dropped
}

// give gives a written batch back to be filled again, without what it held.
func (d *Desk) give(batch []item) {
	clear(batch)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.spare = batch[:0]
}

// settle counts lines that the writer lost and raises the alarm (F7).
func (d *Desk) settle(lost int, err error) {
	if err == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dropped += uint64(lost)
	d.tell("the log cannot be written: " + err.Error())
}

// writeSize is about how much goes out in one write.
const writeSize = 64 << 10

// An outlet is the writer with what is on its way to it.
type outlet struct {
	writer io.Writer
	buf    []byte
	told   uint64 // of the lost lines
	torn   bool   // the last write stopped inside a line
}

// put writes the buffer and empties it. On an error it says how many lines did
// not get out whole. A line that a full disk tore is ended before the next one,
// so that one line is lost and not two.
func (o *outlet) put() (lost int, err error) {
	if len(o.buf) == 0 {
		return 0, nil
	}
	if o.torn {
		if _, err := o.writer.Write(newline); err != nil {
			lost = bytes.Count(o.buf, newline)
			o.buf = o.buf[:0]
			return lost, err
		}
		o.torn = false
	}
	n, err := o.writer.Write(o.buf)
	n = max(0, min(n, len(o.buf)))
	if err == nil && n < len(o.buf) {
		err = io.ErrShortWrite
	}
	if err != nil {
		lost = bytes.Count(o.buf[n:], newline)
		o.torn = n > 0 && o.buf[n-1] != '\n'
	}
	o.buf = o.buf[:0]
	return lost, err
}

var newline = []byte{'\n'}
