package upstream

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"layeh.com/radius"
)

// A socket is one source port to a server, or one connection to it, with its
// identifiers.
type socket struct {
	server  *server
	conn    net.Conn
	stream  *stream // nil: UDP
	outbox  outbox
	retired bool         // guarded by server.mu
	waiting atomic.Int32 // requests and Status-Servers
	stuck   int          // datagrams refused in a row; of the sender alone

	mu    sync.Mutex // guards the slots of those who wait
	slots []slot
}

func newSocket(s *server, conn net.Conn, stream *stream, slots int) *socket {
	return &socket{server: s, conn: conn, stream: stream, outbox: newOutbox(), slots: make([]slot, slots)}
}

const (
	identifiers = 256 // those of RADIUS: one octet

	// mostBroken is how many errors in a row, of reading or of writing, end a socket.
	mostBroken = 8
)

// An outcome is what becomes of a request that waits in a slot.
type outcome uint8

const (
	answered outcome = iota + 1 // the slot holds the reply
	silence                     // given up
	lost                        // its connection ended: it may go out once more on another
	gone                        // whoever asked has stopped waiting
	refused                     // the server says that it cannot process it (RFC 9765, section 6.1)
)

// wait arms the slot and returns where its outcome comes, as it does when ctx ends.
func (k *socket) wait(ctx context.Context, id uint16, auth *[16]byte, now, until time.Time, every time.Duration) <-chan outcome {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := &k.slots[id]
	if t.done == nil {
		t.done = make(chan outcome, 1)
	}
	select {
	case <-t.done: // the outcome of somebody who had stopped waiting
	default:
	}
	k.arm(t, auth, now, until)
	t.status, t.every, t.due, t.asker = false, every, now.Add(every), ctx
	return t.done
}

// waitStatus arms the slot for a Status-Server, which nobody waits for.
func (k *socket) waitStatus(id uint16, auth *[16]byte, now, until time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := &k.slots[id]
	k.arm(t, auth, now, until)
	t.status, t.due = true, until
}

func (k *socket) arm(t *slot, auth *[16]byte, now, until time.Time) {
	if t.generation > 0 && !t.spent {
		t.remember(t.auth)
	}
	t.generation++
	t.waiting, t.spent, t.auth = true, false, *auth
	t.repeated, t.failure = false, nil
	t.sent, t.until = now, until
	k.waiting.Add(1)
}

// forget ends the wait in a slot, however far it has come.
func (k *socket) forget(id uint16) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.disarm(&k.slots[id])
}

func (k *socket) disarm(t *slot) bool {
	if !t.waiting {
		return false
	}
	t.waiting, t.asker = false, nil
	k.waiting.Add(-1)
	return true
}

// listen reads replies until the socket is closed.
func (k *socket) listen() {
	s := k.server
	g := s.signers.get()
	defer s.signers.put(g)
	if k.stream != nil {
		k.listenStream(g)
		return
	}
	buf := make([]byte, maxPacket+1)
	for broken := 0; broken < mostBroken; {
		n, err := k.conn.Read(buf)
		switch {
		case err == nil:
			broken = 0
			k.take(buf[:n], g)
		case errors.Is(err, net.ErrClosed):
			return
		case errors.Is(err, syscall.ECONNREFUSED):
			k.refused()
		default:
			broken++
		}
	}
	s.retire(k)
}

// refused hears that nothing listens at the server's port. It is no proof, but
// reason enough to ask.
func (k *socket) refused() {
	now := k.server.pool.config.Now()
	k.server.judged(func(h *health) { h.doubted(now, now) })
}

// take handles one packet from the server's address and says what is wrong with it.
func (k *socket) take(b []byte, g *signer) flaw {
	s := k.server
	b, ok := trim(b)
	if !ok {
		s.counters.dropped[malformed].Add(1)
		return malformed
	}
	id := k.slotOf(b)
	k.mu.Lock()
	t := &k.slots[id]
	generation, unanswered := t.generation, t.unanswered
	g.auth = t.auth
	k.mu.Unlock()
	f := k.examine(b, g, generation, &g.auth)
	if f == forged && k.answersAny(b, g, generation, unanswered) {
		f = outrun
	}
	if f != sound {
		s.counters.dropped[f].Add(1)
		return f
	}
	k.deliver(id, generation, b)
	return sound
}

// answersAny says whether a packet is the late reply to one of the requests that were
// given up.
func (k *socket) answersAny(b []byte, g *signer, generation uint64, unanswered [][16]byte) bool {
	for i := range unanswered {
		if k.examine(b, g, generation, &unanswered[i]) == sound {
			return true
		}
	}
	return false
}

// slotOf says which slot a packet answers.
func (k *socket) slotOf(b []byte) uint16 {
	if k.stream != nil && k.stream.v11 {
		return k.stream.slotOf(b)
	}
	return uint16(b[1])
}

// examine says what is wrong with a packet, if anything. A Status-Server may be
// answered by any of the three, an Access-Accept being usual (RFC 5997): each
// shows a server that lives and has our secret.
func (k *socket) examine(b []byte, g *signer, generation uint64, auth *[16]byte) flaw {
	if generation == 0 {
		return unasked
	}
	v11 := k.stream != nil && k.stream.v11
	switch radius.Code(b[0]) {
	case radius.CodeAccessAccept, radius.CodeAccessReject, radius.CodeAccessChallenge:
		if v11 {
			return answersToken(b, auth)
		}
		// Within TLS nobody stands between us, and radsecproxy 1.9 signs no answer to a
		// Status-Server: what is signed there has to be signed well, and need not be.
		return g.verify(b, auth, k.stream != nil || k.server.config.WithoutMessageAuthenticator)
	case codeProtocolError:
		if v11 {
			return answersToken(b, auth)
		}
	}
	return wrongCode
}

// deliver hands a verified reply to whoever waits for it. A reply that comes too
// late for that is still a sign of life, once.
func (k *socket) deliver(id uint16, generation uint64, b []byte) {
	s := k.server
	now := s.pool.config.Now()
	k.mu.Lock()
	t := &k.slots[id]
	if t.generation != generation || t.spent {
		k.mu.Unlock()
		return
	}
	t.spent = true
	status, took := t.status, now.Sub(t.sent)
	waited := k.disarm(t)
	if waited && !status {
		t.reply, t.heard = append(t.reply[:0], b...), now
		t.done <- outcomeOf(b)
	}
	k.mu.Unlock()
	if waited && status {
		s.release(place{k, id})
	}
	if waited {
		s.counters.answered.Add(1)
		s.counters.took(took, status)
	} else {
		s.counters.late.Add(1)
	}
	s.judged(func(h *health) { h.answered(now, status) })
}

func outcomeOf(b []byte) outcome {
	if radius.Code(b[0]) == codeProtocolError {
		return refused
	}
	return answered
}

// sweep repeats what is due and gives up what has waited long enough. It returns
// when the youngest request was sent that had to be repeated. On a stream nothing is
// repeated (RFC 6613, section 2.6.1; R32): the wait alone is what the caller hears of.
func (k *socket) sweep(now time.Time) (repeated bool, sent time.Time) {
	if k.waiting.Load() == 0 {
		return false, sent
	}
	var finished []uint16
	k.mu.Lock()
	for id := range k.slots {
		t := &k.slots[id]
		switch {
		case !t.waiting:
		case !now.Before(t.until):
			k.disarm(t)
			if t.status {
				finished = append(finished, uint16(id)) //nolint:gosec // there are fewer slots
			} else {
				t.done <- silence
			}
		case t.asker != nil && t.asker.Err() != nil:
			k.disarm(t)
			t.done <- gone
		case !now.Before(t.due):
			k.repeat(t, now)
			if repeated = true; t.sent.After(sent) {
				sent = t.sent
			}
		}
	}
	k.mu.Unlock()
	for _, id := range finished {
		k.server.release(place{k, id})
	}
	if len(finished) > 0 && k.stream != nil && k.stream.missed() && k.spareable() {
		k.server.retire(k)
		k.server.judged((*health).renewed)
	}
	return repeated, sent
}

// spareable says whether unanswered Status-Servers say something of a connection: of a
// server that has never answered one they say nothing, and who waits there for a slow
// home waits on.
func (k *socket) spareable() bool {
	if k.waiting.Load() == 0 {
		return true
	}
	k.server.judge.Lock()
	defer k.server.judge.Unlock()
	return k.server.health.speaks
}

// repeat sends the same octets again and doubles the interval
// (RFC 5080, section 2.2.1).
func (k *socket) repeat(t *slot, now time.Time) {
	t.every = jitter(2 * t.every)
	t.due = now.Add(t.every)
	if k.stream != nil {
		return
	}
	t.repeated = true
	k.server.counters.repeated.Add(1)
	_ = k.outbox.post(t.wire)
}

// end closes a socket whose slots are out of use, and tells whoever waits.
func (k *socket) end() {
	k.outbox.end()
	_ = k.conn.Close()
	k.giveUpAll()
}

// giveUpAll tells everybody who waits that no answer will come.
func (k *socket) giveUpAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id := range k.slots {
		if t := &k.slots[id]; k.disarm(t) && !t.status {
			t.done <- lost
		}
	}
}
