package upstream

import (
	"math/rand/v2"
	"testing"
	"time"
)

var start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func testHealth(status bool) *health {
	c := Config{}
	c.defaults()
	h := newHealth(&c, &Server{WithoutStatusServer: !status}, start)
	return &h
}

// Holds R23, as a story: time in seconds, what happens, what the server is then.
func TestR23StatusServerDecides(t *testing.T) {
	const (
		tick   = "tick"   // and a Status-Server, if due, goes unanswered
		spoke  = "spoke"  // a Status-Server was answered
		served = "served" // a user was answered
		user1  = "user1"  // this user was given up, who had asked four seconds ago
		user2  = "user2"
		user3  = "user3"
	)
	type step struct {
		at   float64
		what string
		want Health
	}
	for name, c := range map[string]struct {
		status bool
		story  []step
	}{
		"one unanswered user is not death": {true, []step{
			{0, spoke, Alive}, {60, user1, Alive}, {60, tick, Alive}, {60.1, spoke, Alive}, {120, user1, Alive}, {120.1, spoke, Alive},
		}},
		"a hundred unanswered users are not death while Status-Server is answered": {true, []step{
			{0, spoke, Alive}, {60, user1, Alive}, {60, user2, Alive}, {60, user3, Alive}, {60, tick, Alive}, {60.1, spoke, Alive}, {64, user1, Alive},
		}},
		"three unanswered Status-Servers are, and any answer revives": {true, []step{
			{0, spoke, Alive}, {60, user1, Alive}, {60, tick, Alive}, {61, tick, Suspect}, {62, tick, Suspect}, {63, tick, Dead},
			{70, served, Probation}, {99, tick, Probation}, {101, spoke, Alive},
		}},
		"an answer in between begins the count again": {true, []step{
			{0, spoke, Alive}, {60, user1, Alive}, {60, tick, Alive}, {61, tick, Suspect}, {62, tick, Suspect}, {62.9, served, Alive},
		}},
		"a revived server cannot die within its probation": {true, []step{
			{0, spoke, Alive}, {60, user1, Alive}, {60, tick, Alive}, {61, tick, Suspect}, {62, tick, Suspect}, {63, tick, Dead},
			{64, spoke, Probation}, {72, tick, Probation}, {74, tick, Probation}, {81, tick, Probation}, {83, tick, Probation},
			{90, tick, Probation}, {93, tick, Probation}, {101, tick, Probation}, {103, tick, Dead},
		}},
		"a server that never answered a Status-Server dies by several users": {true, []step{
			{0, tick, Alive}, {1, tick, Alive}, {2, tick, Alive}, {3, tick, Alive}, {20, user1, Alive}, {40, user1, Alive}, {60, user2, Alive}, {80, user3, Dead},
			{111, tick, Probation}, {112, served, Probation}, {150, tick, Alive},
		}},
		"without Status-Server several users decide, in a row": {false, []step{
			{10, user1, Alive}, {20, user2, Alive}, {30, served, Alive}, {40, user3, Alive}, {50, user1, Alive}, {60, user2, Dead},
		}},
		"one user alone never decides": {false, []step{
			{10, user1, Alive}, {20, user1, Alive}, {30, user1, Alive}, {40, user1, Alive},
		}},
		"a user who was silent while others were served does not count": {false, []step{
			{10, served, Alive}, {11, user1, Alive}, {12, user2, Alive}, {13, user3, Alive}, {19, user3, Alive}, {21, user1, Alive}, {23, user2, Dead},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := testHealth(c.status)
			for _, s := range c.story {
				now := start.Add(time.Duration(s.at * float64(time.Second)))
				switch s.what {
				case tick:
					h.tick(now)
				case spoke, served:
					h.answered(now, s.what == spoke)
					h.tick(now)
				default:
					h.unanswered(now, now.Add(-4*time.Second), uint64(s.what[4]))
				}
				if h.state != s.want {
					t.Fatalf("at %v, %s: %s (%s), want %s", s.at, s.what, h.state, h.why, s.want)
				}
			}
		})
	}
}

func TestNoProbeWithoutStatusServer(t *testing.T) {
	h := testHealth(false)
	for s := range 600 {
		if h.tick(start.Add(time.Duration(s) * time.Second)) {
			t.Fatal("a Status-Server is due to a server that ignores them")
		}
	}
}

// A busy server is left in peace: users' answers say enough (RFC 3539, section
// 3.4.1). An idle one is asked every half minute, unless that is turned off.
func TestHowOftenAnAliveServerIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		idle  time.Duration
		every time.Duration // between users
		want  int           // in an hour
	}{
		"busy":            {30 * time.Second, time.Second, 0},
		"idle":            {30 * time.Second, time.Hour, 120},
		"idle, never ask": {-1, time.Hour, 1}, // the first one: does it speak?
	} {
		h := testHealth(true)
		h.idle = c.idle
		n := 0
		for now := start; now.Before(start.Add(time.Hour)); now = now.Add(100 * time.Millisecond) {
			if now.Sub(start)%c.every == 0 && c.every < time.Hour {
				h.answered(now, false)
			}
			if h.tick(now) {
				n++
				h.answered(now, true)
			}
		}
		if n < c.want*9/10 || n > c.want*11/10+1 {
			t.Errorf("%s: asked %d times in an hour, want about %d", name, n, c.want)
		}
	}
}

// TestR23Hysteresis throws random losses at random traffic and holds, over every
// run:
//   - no two deaths of one server within the probation (no flap faster than 30 s);
//   - an answer ends a death at once;
//   - no death while Status-Servers are answered, or within their three losses;
//   - never longer dead than its sentence without a request being let through;
//   - once the network delivers again, the server takes requests no later than
//     the probation and one trial's patience afterwards.
func TestR23Hysteresis(t *testing.T) {
	for run := range uint64(400) {
		r := rand.New(rand.NewPCG(run, 23))
		sim := simulation{t: t, run: run, r: r, h: testHealth(r.IntN(4) > 0), loss: r.Float64(), busy: 0.02 + r.Float64()}
		sim.stream = r.IntN(3) == 0
		sim.speaks = sim.h.probes && r.IntN(4) > 0
		sim.losses(10 * time.Minute)
		sim.delivers()
	}
}

type simulation struct {
	t      *testing.T
	run    uint64
	r      *rand.Rand
	h      *health
	stream bool    // it is reached by RadSec, and may refuse connections
	down   bool    // it does
	speaks bool    // it answers Status-Server, if that gets through
	loss   float64 // of a request or its answer
	busy   float64 // chance of a user in a tenth of a second

	now  time.Time
	sent []attempt
	died time.Time
	last time.Time // answer delivered
}

type attempt struct {
	user uint64
	at   time.Time
}

const patience = 10 * time.Second

func (s *simulation) fail(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("run %d, %v in: "+format, append([]any{s.run, s.now.Sub(start)}, args...)...)
}

func (s *simulation) losses(d time.Duration) {
	for s.now = start; s.now.Before(start.Add(d)); s.now = s.now.Add(100 * time.Millisecond) {
		if s.r.IntN(300) == 0 { // the weather changes
			s.down = s.r.IntN(3) == 0
			s.loss = []float64{0, 0.3, 0.5, 0.9, 1}[s.r.IntN(5)]
		}
		s.step()
	}
}

func (s *simulation) delivers() {
	s.loss, s.down = 0, false
	for from := s.now; s.h.rank() == rankNever; s.now = s.now.Add(100 * time.Millisecond) {
		if s.now.Sub(from) > s.h.probation+patience {
			s.fail("still %s (%s) though nothing has been lost for %v", s.h.state, s.h.why, s.now.Sub(from))
		}
		s.step()
	}
}

func (s *simulation) step() {
	before := s.h.state
	if s.stream && s.down { // no connection: every attempt to ask fails at once
		if s.h.tick(s.now) {
			s.h.postponed(s.now)
			s.h.unreachable(s.now, "connection refused")
		}
		s.after(before)
		return
	}
	if s.stream && s.r.IntN(400) == 0 {
		s.h.renewed()
	}
	if s.h.tick(s.now) && s.speaks && s.r.Float64() >= s.loss {
		s.answer(true)
	}
	if s.r.Float64() < s.busy {
		s.user()
	}
	for len(s.sent) > 0 && s.now.Sub(s.sent[0].at) >= patience {
		a := s.sent[0]
		s.sent = s.sent[1:]
		s.h.unanswered(s.now, a.at, a.user)
	}
	s.after(before)
}

// after holds the rules of death against what has just happened.
func (s *simulation) after(before Health) {
	if before != Dead && s.h.state == Dead && s.h.why != "it did not answer on trial" {
		if !s.died.IsZero() && s.now.Sub(s.died) < s.h.probation {
			s.fail("died again %v after its last death", s.now.Sub(s.died))
		}
		if s.h.speaks && s.now.Sub(s.last) < 2*s.h.timeout {
			s.fail("died %v after an answer", s.now.Sub(s.last))
		}
		s.died = s.now
	}
	if s.h.state == Dead && s.now.Sub(s.h.since) > s.h.sentence()+time.Second {
		s.fail("dead for %v without a trial", s.now.Sub(s.h.since))
	}
}

func (s *simulation) user() {
	if s.h.rank() == rankNever {
		return
	}
	if s.h.trial() {
		s.h.onTrial = true
	}
	if s.r.Float64() >= s.loss {
		s.answer(false)
		return
	}
	s.sent = append(s.sent, attempt{uint64(s.r.IntN(5)), s.now})
}

func (s *simulation) answer(status bool) {
	s.h.answered(s.now, status)
	s.last = s.now
	if s.h.state == Dead || s.h.rank() == rankNever {
		s.fail("an answer did not revive it: %s", s.h.state)
	}
}

func TestJitterIsATenthEitherWay(t *testing.T) {
	low, high := time.Hour, time.Duration(0)
	for range 10000 {
		d := jitter(time.Second)
		low, high = min(low, d), max(high, d)
	}
	if low < 900*time.Millisecond || high > 1100*time.Millisecond || high-low < 150*time.Millisecond {
		t.Errorf("a second becomes %v to %v (RFC 5080, section 2.2.1)", low, high)
	}
}
