package guard

import (
	"container/list"
	"slices"
	"sync"
	"time"
)

// Some devices ask again as fast as they are refused, for days, and each time their
// home far away does the work of a whole log-in. Storms answers for such a home for a
// while (R28). It counts by user and device together and never by one of them: nobody
// else's log-in is held for it.
//
// Whether a password was corrected cannot be seen here. So what is held is the storm
// and not the user: who has been silent for as long as a calm device waits between two
// tries goes through, whatever the hold; so does the first one after each hold; and one
// Accept ends it all.

// Limits say when a device is a storm and for how long it is answered here.
type Limits struct {
	Rejects int           // within Within; 0: nobody is held
	Within  time.Duration // a device that is refused no more often is calm
	First   time.Duration // the first hold; each next one is twice as long
	Longest time.Duration // hold, and how long after one a device must behave to be forgotten
}

// calm is how long a device waits between two tries that no storm is made of.
func (l Limits) calm() time.Duration { return l.Within / time.Duration(l.Rejects) }

// hold is how long the nth hold is, from 1.
func (l Limits) hold(n int) time.Duration {
	d := l.First
	for ; n > 1 && d < l.Longest; n-- {
		d *= 2
	}
	return min(d, l.Longest)
}

// A Caller is a user on a device at one controller, with whom answers for them. Anybody
// can give the names of both: who does so in another building holds up nobody here.
type Caller struct{ Route, User, MAC, Client string }

// A Hold is why a caller is answered here.
type Hold struct {
	Until   time.Time
	Rejects int    // by its home, since the storm began
	Why     string // the last of them
}

// Storms are the callers whom their homes refuse. It is safe for many goroutines.
type Storms struct {
	now func() time.Time
	max int

	mu     sync.Mutex
	rows   map[Caller]*list.Element
	recent *list.List // of *storm, the one heard of longest ago in front
}

// mostStorms is how many callers are kept; the one heard of longest ago is forgotten
// for a new one, and with it no more than what was held against it.
const mostStorms = 16_384

// A storm is one caller who was refused.
type storm struct {
	caller  Caller
	rejects []time.Time // those that count, while there was no hold
	total   int
	why     string
	heard   time.Time // the last try
	holds   int       // so far
	until   time.Time // of the last hold
}

// NewStorms makes an empty table.
func NewStorms(now func() time.Time) *Storms {
	return &Storms{now: now, max: mostStorms, rows: make(map[Caller]*list.Element), recent: list.New()}
}

// Held says whether a caller who begins a log-in is answered here.
func (s *Storms) Held(c Caller, l Limits) (Hold, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.rows[c]
	if e == nil || l.Rejects == 0 {
		return Hold{}, false
	}
	row, now := e.Value.(*storm), s.now()
	silent := now.Sub(row.heard)
	row.heard = now
	s.recent.MoveToBack(e)
	if !now.Before(row.until) || silent >= l.calm() {
		return Hold{}, false
	}
	return Hold{row.until, row.total, row.why}, true
}

// Refused notes that a caller's home said no.
func (s *Storms) Refused(c Caller, l Limits, why string) {
	if l.Rejects == 0 || c.MAC == "" { // without the device it would be the user alone
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	row := s.row(c)
	if row.holds > 0 && now.After(row.until.Add(l.Longest)) {
		*row = storm{caller: c}
	}
	row.rejects = slices.DeleteFunc(row.rejects, func(at time.Time) bool { return now.Sub(at) > l.Within })
	if row.holds == 0 && len(row.rejects) == 0 {
		row.total = 0
	}
	row.rejects = append(row.rejects, now)
	row.total++
	row.heard, row.why = now, why
	if row.holds > 0 || len(row.rejects) >= l.Rejects {
		row.holds++
		row.until, row.rejects = now.Add(l.hold(row.holds)), nil
	}
}

// Accepted forgets a caller whose home said yes.
func (s *Storms) Accepted(c Caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.rows[c]; e != nil {
		s.forget(e)
	}
}

// row finds or makes a caller's row. It is called with the lock held.
func (s *Storms) row(c Caller) *storm {
	if e := s.rows[c]; e != nil {
		s.recent.MoveToBack(e)
		return e.Value.(*storm)
	}
	if len(s.rows) >= s.max {
		s.forget(s.recent.Front())
	}
	row := &storm{caller: c}
	s.rows[c] = s.recent.PushBack(row)
	return row
}

func (s *Storms) forget(e *list.Element) {
	delete(s.rows, e.Value.(*storm).caller)
	s.recent.Remove(e)
}
