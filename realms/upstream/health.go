package upstream

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// A Health is what we think of a server.
type Health string

const (
	// Alive: it answers.
	Alive Health = "alive"
	// Suspect: a Status-Server went unanswered. New conversations prefer
	// another server until it is known.
	Suspect Health = "suspect"
	// Dead: nothing goes to it but Status-Server.
	Dead Health = "dead"
	// Probation: it has answered again and is used where no other server is
	// alive; or it has been dead for long and one request is let through to see.
	Probation Health = "probation"
)

// lossesToDeath is how many Status-Servers in a row, and how many different
// users, must meet silence before a server is dead (R23).
const lossesToDeath = 3

// A health is the judge of one server. Time is a parameter of every method, and
// nothing in here waits, so that its rules can be tested over any sequence of
// losses. It is guarded by its server.
//
// Any valid answer revives (R23). A server that has ever answered a Status-Server
// dies by unanswered ones alone, never by what a user met: behind a national
// proxy stands somebody else's broken server. One that never has dies by the
// silence that several users met in a row.
type health struct {
	timeout   time.Duration // until a Status-Server counts as unanswered
	interval  time.Duration // between Status-Servers to a dead server
	idle      time.Duration // negative: never ask an idle server
	probation time.Duration
	probes    bool // Status-Server is sent at all

	state Health
	since time.Time // of state
	why   string    // of state

	heard     time.Time // the last valid answer
	revived   time.Time // the answer that ended the last death; zero while none has
	speaks    bool      // it has answered a Status-Server
	asked     int       // Status-Servers sent
	nextProbe time.Time
	probeEnd  time.Time // when the one under way counts as unanswered; zero: none is
	lost      int       // Status-Servers unanswered, and connections refused, in a row
	missed    time.Time // the last connection refused that counts
	silent    []uint64  // the users unanswered in a row, each once
	onTrial   bool      // a request is under way that decides
}

func newHealth(c *Config, s *Server, now time.Time) health {
	return health{
		timeout: c.ProbeTimeout, interval: c.ProbeInterval, idle: c.Idle, probation: c.Probation,
		probes: !s.WithoutStatusServer,
		state:  Alive, since: now, why: "not asked yet", nextProbe: now,
	}
}

func (h *health) become(state Health, now time.Time, why string) {
	h.state, h.since, h.why = state, now, why
}

// answered takes a valid answer: to a Status-Server, or to a user's request.
func (h *health) answered(now time.Time, status bool) {
	h.heard, h.lost, h.silent, h.onTrial = now, 0, h.silent[:0], false
	if status {
		h.speaks, h.probeEnd = true, time.Time{}
	}
	switch h.state {
	case Suspect:
		h.become(Alive, now, "it answers")
	case Dead:
		h.revive(now)
	case Probation:
		if h.trial() {
			h.revive(now)
		}
	}
	if learnt := h.speaks || h.asked >= lossesToDeath; learnt && h.state == Alive {
		h.nextProbe = now.Add(h.quiet())
	}
}

// quiet is how long an alive server is left in peace.
func (h *health) quiet() time.Duration {
	if h.idle < 0 {
		return math.MaxInt64
	}
	return h.idle
}

func (h *health) revive(now time.Time) {
	h.revived = now
	h.nextProbe = now.Add(jitter(h.interval))
	h.become(Probation, now, "it answers again")
}

// trial says whether a probation has not been earned by an answer.
func (h *health) trial() bool { return h.state == Probation && h.revived.Before(h.since) }

// doubted hears that a request sent at the given time had to be repeated. If
// nothing at all has come from the server since, it is asked how it is.
func (h *health) doubted(now, sent time.Time) {
	if h.state == Alive && !h.heard.After(sent) && h.nextProbe.After(now) {
		h.nextProbe = now
	}
}

// unanswered hears that a user's request, sent at the given time, has been given
// up.
func (h *health) unanswered(now, sent time.Time, user uint64) {
	if h.trial() && h.onTrial {
		h.onTrial = false
		h.become(Dead, now, "it did not answer on trial")
		return
	}
	h.doubted(now, sent)
	if h.speaks || h.heard.After(sent) || h.state == Dead {
		return
	}
	for _, u := range h.silent {
		if u == user {
			return
		}
	}
	h.silent = append(h.silent, user)
	if len(h.silent) >= lossesToDeath {
		h.silent = h.silent[:0]
		h.die(now, fmt.Sprintf("%d users in a row had no answer", lossesToDeath))
	}
}

// abandoned hears that a request was given up for a reason that says nothing of
// the server.
func (h *health) abandoned() { h.onTrial = false }

// die makes the server dead unless it was revived so lately that this would be a
// flap.
func (h *health) die(now time.Time, why string) {
	if !h.revived.IsZero() && now.Sub(h.revived) < h.probation {
		h.nextProbe = now.Add(jitter(h.interval))
		return
	}
	h.become(Dead, now, why)
	h.nextProbe = now.Add(jitter(h.interval))
}

// tick moves time on. It says whether a Status-Server is due; the caller then
// sends one, and tick counts it as unanswered when its time is over.
func (h *health) tick(now time.Time) (probe bool) {
	if !h.probeEnd.IsZero() && !now.Before(h.probeEnd) {
		h.probeEnd = time.Time{}
		h.probeLost(now)
	}
	switch {
	case h.state == Dead && now.Sub(h.since) >= h.sentence():
		h.onTrial = false
		h.become(Probation, now, "one request may try it")
	case h.state == Probation && !h.trial() && (h.lost == 0 || !h.speaks) && now.Sub(h.revived) >= h.probation:
		h.become(Alive, now, "it answered throughout its probation")
	}
	if !h.probes || !h.probeEnd.IsZero() || now.Before(h.nextProbe) {
		return false
	}
	h.asked++
	h.probeEnd = now.Add(h.timeout)
	h.nextProbe = h.after(now)
	return true
}

// sentence is how long a server is dead before a request may try it. One that
// answers Status-Server will tell us itself; that it has stopped doing so and
// yet serves users is a possibility worth one user's patience now and then.
func (h *health) sentence() time.Duration {
	if h.speaks {
		return 10 * h.probation
	}
	return h.probation
}

// postponed hears that there was no socket yet to send the Status-Server from.
func (h *health) postponed(now time.Time) {
	h.asked--
	h.probeEnd = time.Time{}
	h.nextProbe = now.Add(h.timeout / 4)
}

// after is when the next Status-Server is due if this one, sent now, goes
// unanswered.
func (h *health) after(now time.Time) time.Time {
	switch up := h.state == Alive || h.state == Suspect; {
	case up && h.lost < lossesToDeath: // life or death: one close upon the other
		return now.Add(h.timeout)
	case up: // it does not speak Status-Server, as far as we know
		return now.Add(h.quiet())
	default:
		return now.Add(jitter(h.interval))
	}
}

// probeLost hears that a Status-Server went unanswered. Of a server that has
// never answered one this says nothing.
func (h *health) probeLost(now time.Time) {
	h.lost++
	switch {
	case !h.speaks:
	case h.state == Alive:
		h.become(Suspect, now, "a Status-Server went unanswered")
	case h.lost < lossesToDeath:
	case h.state == Suspect, h.state == Probation && !h.trial():
		h.die(now, fmt.Sprintf("%d Status-Servers in a row went unanswered", h.lost))
	}
}

// unreachable hears that no connection to the server could be made: it answers no
// Status-Server either, and three failures in a row decide as three of those do.
func (h *health) unreachable(now time.Time, why string) {
	if now.Sub(h.missed) < h.timeout || now.Sub(h.heard) < h.timeout {
		return // in the time that a Status-Server has, one failure counts
	}
	h.failed(now, why)
}

// failed hears of a failure that counts, whatever was heard a moment ago.
func (h *health) failed(now time.Time, why string) {
	h.missed = now
	h.lost++
	switch {
	case h.trial():
		h.onTrial = false
		h.become(Dead, now, why)
		h.nextProbe = now.Add(jitter(h.interval))
	case h.state == Dead:
	case h.lost >= lossesToDeath:
		h.die(now, why)
	case h.state == Alive:
		h.become(Suspect, now, why)
	}
	if h.state != Dead && h.nextProbe.After(now.Add(h.timeout)) {
		h.nextProbe = now.Add(h.timeout)
	}
}

// renewed hears that a connection was given up on which Status-Servers went unanswered:
// whether the server lives is for the next connection to tell.
func (h *health) renewed() { h.lost = min(h.lost, 1) }

// Ranks of a server for a new conversation: the lowest is tried first, and among
// equals the one that the admin named first.
const (
	rankGood = iota
	rankRevived
	rankDoubtful
	rankTrial
	rankNever
)

// rank says where the server stands in the queue for a new conversation.
func (h *health) rank() int {
	switch {
	case h.state == Alive:
		return rankGood
	case h.state == Suspect:
		return rankDoubtful
	case h.state == Dead, h.trial() && h.onTrial:
		return rankNever
	case h.trial() && !h.speaks:
		return rankGood // users alone can tell: one of them pays a fail-over for all
	case h.trial():
		return rankTrial
	case h.lost > 0 && h.speaks:
		return rankDoubtful
	default:
		return rankRevived
	}
}

// jitter spreads d by a tenth either way (RFC 5080, section 2.2.1).
func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d)) //nolint:gosec // no secret
}
