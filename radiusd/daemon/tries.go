package daemon

import (
	"fmt"
	"time"
)

// A device whose radio flaps breaks its log-in off and begins another within seconds.
// The ledger of conversations knows it by its MAC and its name while the first one
// waits for it, so that what stopped the first is not looked for where nothing is.

// A caller is a device by its address and by the name it gives outside the tunnel.
type caller struct{ mac, name string }

// tries are the log-ins of one device that followed each other while one of them was
// still waited for. The lock of the table guards them.
type tries struct {
	n      int  // log-ins begun
	rounds int  // answers in the longest but the first
	joined bool // one of them was accepted
}

// A try is one of them, for its conversation.
type try struct {
	*tries
	number int
	again  time.Time // when the next began
}

// A nextTry is what is known of log-ins that began while one was waited for.
type nextTry struct {
	joined bool
	rounds int
	after  time.Duration // from our last message to the next beginning; 0: none began
}

// String says when it began again; nothing when it did not.
func (n nextTry) String() string {
	if n.after == 0 {
		return ""
	}
	when := "at once"
	if n.after >= time.Second {
		when = fmt.Sprintf("%d s later", int(n.after.Seconds()))
	}
	if n.joined {
		return "; it began again " + when + ", and got in"
	}
	return "; it began again " + when + ", and came as far as " + answers(n.rounds)
}

// count notes a conversation that is kept for the first time as its device's next try,
// or how far it has come. The table's lock is held.
func (c *conversations) count(t *conversation) {
	who := caller{t.event.MAC, t.event.Outer}
	if who.mac == "" {
		return
	}
	if t.try.tries == nil {
		t.try.tries = new(tries)
		if before := c.callers[who]; before != nil {
			t.try.tries, before.try.again = before.try.tries, c.now()
		}
		t.try.n++
		t.try.number = t.try.n
	}
	if t.try.number == t.try.n {
		c.callers[who] = t
	}
	if t.try.number > 1 && t.home != nil {
		t.try.rounds = max(t.try.rounds, t.home.Trace().Rounds)
	}
}

// discount forgets who is waited for. The table's lock is held.
func (c *conversations) discount(t *conversation) {
	if who := (caller{t.event.MAC, t.event.Outer}); c.callers[who] == t {
		delete(c.callers, who)
	}
}

// joined notes that a device got in.
func (c *conversations) joined(t *conversation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.try.tries != nil {
		t.try.joined = true
	}
}

// nextTry says what became of the log-ins that began while this one was waited for.
func (c *conversations) nextTry(t *conversation) nextTry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.try.again.IsZero() {
		return nextTry{}
	}
	return nextTry{t.try.joined, t.try.rounds, max(t.try.again.Sub(t.seen), time.Millisecond)}
}
