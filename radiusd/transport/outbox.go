package transport

import (
	"runtime"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
)

// A letter is a reply and its way back.
type letter struct {
	octets []byte
	back   route
}

const (
	// outboxSize bounds the replies that wait for one socket of UDP.
	outboxSize = 8192

	// together is how many of them go in one system call. A call of 64 takes so long
	// that Go's monitor gives its processor to another thread, which on a busy core
	// costs more than the calls that it saves.
	together = 16

	// lastReplies is how long the last replies of a socket may take to leave: a network
	// that takes none must not keep the server from stopping.
	lastReplies = time.Second
)

// An outbox collects replies from many handlers for one writer, which sends
// whatever has come together in one system call.
type outbox struct {
	size    int // how many may wait
	mu      sync.Mutex
	waiting []letter
	closed  bool
	taken   sync.Cond     // somebody may wait in await
	wake    chan struct{} // holds at most one token
	sent    chan struct{} // closed when the writer has sent everything
}

func (o *outbox) open(size int) {
	o.size, o.taken.L = size, &o.mu
	o.wake = make(chan struct{}, 1)
	o.sent = make(chan struct{})
}

// put is false when the outbox is full or closed.
func (o *outbox) put(l letter) bool {
	o.mu.Lock()
	if o.closed || len(o.waiting) >= o.size {
		o.mu.Unlock()
		return false
	}
	o.waiting = append(o.waiting, l)
	o.mu.Unlock()
	o.knock()
	return true
}

func (o *outbox) knock() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.knock()
}

// await returns when fewer letters than most wait to be taken.
func (o *outbox) await(most int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.waiting) >= most && !o.closed {
		o.taken.Wait()
	}
}

// take swaps the waiting letters for an empty slice.
func (o *outbox) take(empty []letter) (letters []letter, closed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	letters = o.waiting
	o.waiting = empty[:0]
	o.taken.Signal()
	return letters, o.closed
}

// send is the writer of the socket; it ends when the outbox is closed and empty.
func (u *udpSocket) send() {
	defer close(u.outbox.sent)
	messages := make([]ipv4.Message, together)
	buffers := make([][1][]byte, together)
	var letters []letter
	for range u.outbox.wake {
		// Let the handlers that are ready finish first: their replies then go
		// in the same system call, which is worth a third of the throughput
		// of a busy core and costs an idle one nothing.
		runtime.Gosched()
		for {
			taken, closed := u.outbox.take(letters)
			if len(taken) == 0 {
				letters = taken
				if closed {
					return
				}
				break
			}
			u.sendAll(taken, messages, buffers)
			clear(taken)
			letters = taken
		}
	}
}

func (u *udpSocket) sendAll(letters []letter, messages []ipv4.Message, buffers [][1][]byte) {
	for len(letters) > 0 {
		n := min(len(letters), together)
		for i, l := range letters[:n] {
			buffers[i][0] = l.octets
			messages[i] = ipv4.Message{Buffers: buffers[i][:], Addr: l.back.to, OOB: l.back.oob}
		}
		done, err := u.batches.WriteBatch(messages[:n], 0)
		if done > 0 {
			u.server.counters.replies.Add(uint64(done))
		}
		if err != nil || done <= 0 {
			done = max(done, 0) + 1 // the one that the kernel refused
			u.server.counters.silent(SendFailed)
		}
		clear(messages[:n])
		letters = letters[min(done, n):]
	}
}
