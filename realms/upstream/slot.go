package upstream

import (
	"context"
	"slices"
	"time"
)

// A slot is one identifier of one socket. It keeps its last request after the
// answer came or was given up, so that a late answer is known for what it is.
type slot struct {
	generation uint64
	waiting    bool
	spent      bool            // its answer has been seen: a copy says nothing new
	status     bool            // it holds a Status-Server
	repeated   bool            // its request went out more than once
	failure    error           // why it could not leave
	auth       [16]byte        // Request Authenticator
	unanswered [][16]byte      // those of the requests before that have had no answer yet; never changed in place
	wire       []byte          // the request, repeated as it is (RFC 5080, section 2.2.1)
	reply      []byte          // the verified reply
	heard      time.Time       // when it came
	done       chan outcome    // of whoever waits
	asker      context.Context // of whoever waits: the watch sees when it ends

	sent  time.Time // first time
	due   time.Time // of the next repetition
	every time.Duration
	until time.Time // of giving up
}

// mostUnanswered is how many requests of a slot are remembered that were given up. An
// answer comes seldom later than a proxy waits for it, some thirty seconds, in which a
// slot is given up seven times at most.
const mostUnanswered = 8

// remember keeps the authenticator of a request that was given up: whoever answers it
// late is slow, and no forger. Of a home that is slow on purpose the whole connection
// must not die.
func (t *slot) remember(auth [16]byte) {
	kept := t.unanswered
	if len(kept) == mostUnanswered {
		kept = kept[1:]
	}
	t.unanswered = append(slices.Clip(kept), auth) // a copy: somebody may be reading the old one
}

// A place is a slot by its address.
type place struct {
	socket *socket
	id     uint16
}

func (p place) slot() *slot { return &p.socket.slots[p.id] }

// ring is a queue of places: the identifier that has rested longest is used next,
// so that a late reply rarely meets a new request.
type ring struct {
	places []place
	head   int
	count  int
}

func (r *ring) push(p place) {
	if r.count == len(r.places) {
		r.grow(max(256, 2*len(r.places)))
	}
	r.places[(r.head+r.count)%len(r.places)] = p
	r.count++
}

func (r *ring) grow(size int) {
	places := make([]place, size)
	for i := range r.count {
		places[i] = r.places[(r.head+i)%len(r.places)]
	}
	r.places, r.head = places, 0
}

func (r *ring) pop() (place, bool) {
	if r.count == 0 {
		return place{}, false
	}
	p := r.places[r.head]
	r.head = (r.head + 1) % len(r.places)
	r.count--
	return p, true
}
