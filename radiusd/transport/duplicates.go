package transport

import (
	"net/netip"
	"sync"
	"time"
)

// A question identifies a request as RFC 5080, section 2.2.2, does, with the
// socket implied: the kernel keeps one client port on one socket.
type question struct {
	address [16]byte // unmapped IPv4 as mapped; zones do not tell clients apart
	token   uint32   // of RADIUS/1.1, in place of the identifier
	port    uint16
	id      uint16 // an octet: without a gap, all of it is hashed and compared at once
}

func newQuestion(from netip.AddrPort, id byte) question {
	return question{address: from.Addr().As16(), port: from.Port(), id: uint16(id)}
}

// A fingerprint tells a retransmission from a new request under the same
// identifier (P32): the Request Authenticator, and the Message-Authenticator
// when there is one, so that a client that repeats authenticators still gets
// an answer to what it asked.
type fingerprint struct{ authenticator, signature [16]byte }

func (s *sketch) fingerprint() fingerprint {
	f := fingerprint{authenticator: *s.authenticator()}
	if s.messageAuthenticators == 1 {
		f.signature = [16]byte(s.packet[s.value : s.value+16])
	}
	return f
}

// An answer is one request in the cache: in progress until reply is set, then
// kept for the age of the cache in the queue of its client.
type answer struct {
	question    question
	fingerprint fingerprint
	client      *holder
	reply       []byte
	answered    time.Time
	next, prev  *answer // in the client's queue; nil while in progress
	gone        bool    // another request has its question, or it was dropped
}

// duplicates is the cache of one socket: bounded in number and octets, evicting
// from the client that holds the most, so that one flooding controller does not
// push out the others' replies (F14, S15).
type duplicates struct {
	age               time.Duration
	entries, octets   int // bounds
	mu                sync.Mutex
	answers           map[question]*answer
	clients           map[*holder]*queue
	answered, holding int // entries with a reply, and their octets
}

// A queue is a client's answered requests, oldest first, in a ring around root.
type queue struct {
	root   answer
	length int
}

// answerOverhead is what an entry costs besides the reply's octets.
const answerOverhead = 320

func newDuplicates(age time.Duration, entries, octets int) *duplicates {
	return &duplicates{
		age: age, entries: max(entries, 1), octets: max(octets, 2*maxLength),
		answers: make(map[question]*answer), clients: make(map[*holder]*queue),
	}
}

// begin looks q up. One of three comes back: a new answer to be finished with
// finish or forget; a reply to repeat; or neither, for a request in progress.
func (d *duplicates) begin(q question, f fingerprint, client *holder, now time.Time) (fresh *answer, reply []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if old := d.answers[q]; old != nil {
		same := old.fingerprint == f
		switch {
		case same && old.reply == nil:
			return nil, nil
		case same && now.Sub(old.answered) < d.age:
			return nil, old.reply
		}
		d.unqueue(old)        // a new request (P32), or one too old to repeat, has its place
		if old.reply != nil { // whoever answered it is done with it
			*old = answer{question: q, fingerprint: f, client: client}
			return old, nil
		}
	}
	fresh = &answer{question: q, fingerprint: f, client: client}
	d.answers[q] = fresh
	return fresh, nil
}

// finish keeps reply for retransmissions. False: the client has reused the
// identifier meanwhile and no longer waits for this reply.
func (d *duplicates) finish(a *answer, reply []byte, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a.gone {
		return false
	}
	a.reply, a.answered = reply, now
	own := d.clients[a.client]
	if own == nil {
		own = &queue{}
		own.root.next, own.root.prev = &own.root, &own.root
		d.clients[a.client] = own
	}
	a.prev, a.next = own.root.prev, &own.root
	a.prev.next, a.next.prev = a, a
	own.length++
	d.answered++
	d.holding += len(reply) + answerOverhead
	d.expire(own, now)
	for d.answered > d.entries || d.holding > d.octets {
		d.drop(d.longest(own).root.next)
	}
	return true
}

// forget lets a retransmission be a new request: this one got no answer.
func (d *duplicates) forget(a *answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !a.gone {
		d.drop(a)
	}
}

// sweep drops every reply older than the age.
func (d *duplicates) sweep(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for client, q := range d.clients {
		d.expire(q, now)
		if q.length == 0 {
			delete(d.clients, client)
		}
	}
}

func (d *duplicates) expire(q *queue, now time.Time) {
	for q.length > 0 && now.Sub(q.root.next.answered) >= d.age {
		d.drop(q.root.next)
	}
}

// longest returns the queue to evict from: the client's own when it holds its
// share or more, which spares the search in a flood.
func (d *duplicates) longest(own *queue) *queue {
	if own.length*len(d.clients) >= d.answered {
		return own
	}
	found := own
	for _, q := range d.clients {
		if q.length > found.length {
			found = q
		}
	}
	return found
}

func (d *duplicates) drop(a *answer) {
	delete(d.answers, a.question)
	d.unqueue(a)
}

func (d *duplicates) unqueue(a *answer) {
	a.gone = true
	if a.reply == nil {
		return
	}
	a.prev.next, a.next.prev = a.next, a.prev
	d.clients[a.client].length--
	d.answered--
	d.holding -= len(a.reply) + answerOverhead
}

func (d *duplicates) size() (answered, octets int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.answered, d.holding
}
