package upstream

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/realms"
)

// A server is one upstream server with the sockets to it. Requests share the
// sockets: each waits in a slot, which is one identifier of one socket.
type server struct {
	pool    *Pool
	config  Server
	signers *signers
	waiting string // the stage of who waits for it

	mu       sync.Mutex // guards what follows, up to the next blank line
	sockets  []*socket
	free     ring          // slots that nobody waits in, the longest idle first
	dialling chan struct{} // closed when the socket under way is open or has failed; nil: none is
	failure  error         // of the last dial
	again    time.Time     // RadSec: before then nobody dials
	pause    time.Duration // RadSec: how long the last failure keeps from dialling
	barren   int           // RadSec: connections in a row that ended without an answer
	closed   bool

	judge    sync.Mutex // guards health and changes
	health   health
	changes  []change
	announce sync.Mutex // keeps announcements in order
	renewed  time.Time  // when the sockets of a dead server were last replaced; of the watch alone

	counters counters
}

// A change is a change of health, to be announced.
type change struct {
	from, to Health
	why      string
}

// counters of one server since the pool was made.
type counters struct {
	inFlight                                           atomic.Int64
	sent, repeated, answered, late, unanswered, probes atomic.Uint64
	waits                                              atomic.Uint64
	waited                                             atomic.Int64 // nanoseconds
	dropped                                            [flaws]atomic.Uint64
}

// took takes note of how long a request has waited for its answer; that to a
// Status-Server says nothing of people.
func (c *counters) took(d time.Duration, status bool) {
	if !status {
		c.waits.Add(1)
		c.waited.Add(int64(d))
	}
}

func newServer(p *Pool, s Server) *server {
	return &server{
		pool: p, config: s, signers: newSigners([]byte(s.Secret.Reveal())), waiting: "waiting for " + s.Name,
		health: newHealth(&p.config, &s, p.config.Now()),
	}
}

// acquire takes a slot, opening a socket when all are taken. It waits for
// nothing but the opening of a socket.
func (s *server) acquire(ctx context.Context) (place, error) {
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return place{}, net.ErrClosed
		}
		if p, ok := s.free.pop(); ok {
			s.mu.Unlock()
			return p, nil
		}
		if len(s.sockets) >= s.most() {
			s.mu.Unlock()
			return place{}, fmt.Errorf("every one of %d sockets is full: %w", s.most(), realms.ErrServerBusy)
		}
		if err := s.backingOff(); err != nil {
			s.mu.Unlock()
			return place{}, err
		}
		opened := s.open()
		s.mu.Unlock()
		select {
		case <-opened:
		case <-ctx.Done():
			return place{}, ctx.Err()
		}
		if err := s.openFailure(); err != nil {
			return place{}, err
		}
	}
}

// tryAcquire takes a slot without waiting. When there is none yet it has a socket
// opened for the next time.
func (s *server) tryAcquire() (place, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return place{}, false
	}
	if p, ok := s.free.pop(); ok {
		return p, true
	}
	if len(s.sockets) < s.most() && s.backingOff() == nil {
		s.open()
	}
	return place{}, false
}

// most is how many sockets or connections there may be.
func (s *server) most() int {
	if s.config.Connect != nil {
		return min(s.pool.config.Sockets, mostConnections)
	}
	return s.pool.config.Sockets
}

// open has a socket opened, if that is not under way already, and returns what
// is closed when it is done. The caller holds s.mu.
func (s *server) open() <-chan struct{} {
	if s.dialling != nil {
		return s.dialling
	}
	done := make(chan struct{})
	s.dialling = done
	s.pool.goes.Go(func() {
		ctx, cancel := context.WithTimeout(s.pool.life, s.pool.config.FailOver)
		defer cancel()
		k, err := s.connect(ctx)
		s.opened(k, err)
		close(done)
	})
	return done
}

// connect makes a socket or a connection.
func (s *server) connect(ctx context.Context) (*socket, error) {
	if s.config.Connect != nil {
		conn, err := s.config.Connect(ctx)
		if err != nil {
			return nil, err
		}
		return newStream(s, conn), nil
	}
	conn, err := s.pool.config.Dial(ctx, s.config.Address)
	if err != nil {
		return nil, err
	}
	return newSocket(s, conn, nil, identifiers), nil
}

func (s *server) opened(k *socket, err error) {
	if err = s.takeIn(k, err); err != nil && s.config.Connect != nil {
		s.unreachable(err)
	}
}

// takeIn puts what was opened to use, or returns why it cannot be.
func (s *server) takeIn(k *socket, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil { // under the lock: the others may have been judged anew since its handshake
		if err = s.wrong(k); err != nil {
			_ = k.conn.Close()
		}
	}
	s.dialling, s.failure = nil, err
	s.backOff(err)
	if err != nil {
		return err
	}
	if s.closed {
		s.failure = net.ErrClosed
		_ = k.conn.Close()
		return nil
	}
	s.sockets = append(s.sockets, k)
	for id := k.firstID(); id < len(k.slots); id++ {
		s.free.push(place{k, uint16(id)}) //nolint:gosec // there are fewer slots
	}
	s.pool.goes.Go(k.listen)
	s.pool.goes.Go(k.send)
	return nil
}

func (s *server) openFailure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// release gives a slot back in which nobody waits any more.
func (s *server) release(p place) {
	if int(p.id) < p.socket.firstID() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !p.socket.retired {
		s.free.push(p)
	}
}

// retire closes a socket and takes its slots out of use. Whoever waits in one is
// told.
func (s *server) retire(k *socket) {
	s.mu.Lock()
	s.takeOut(k)
	s.mu.Unlock()
	k.end()
}

// takeOut takes a socket's slots out of use, and says whether nobody had before. The
// caller holds s.mu.
func (s *server) takeOut(k *socket) bool {
	if k.retired {
		return false
	}
	k.retired = true
	s.sockets = without(s.sockets, k)
	s.dropFree(k)
	return true
}

func without(sockets []*socket, k *socket) []*socket {
	kept := make([]*socket, 0, len(sockets))
	for _, other := range sockets {
		if other != k {
			kept = append(kept, other)
		}
	}
	return kept
}

func (s *server) dropFree(k *socket) {
	for range s.free.count {
		if p, _ := s.free.pop(); p.socket != k {
			s.free.push(p)
		}
	}
}

// renew closes the sockets on which nobody waits. The next request opens a new
// one: it asks again where the name points, and leaves from the address that the
// machine has now. It is false when there are sockets and somebody waits on each.
func (s *server) renew() bool {
	sockets := s.openSockets()
	renewed := len(sockets) == 0
	for _, k := range sockets {
		if k.waiting.Load() == 0 {
			s.retire(k)
			renewed = true
		}
	}
	return renewed
}

func (s *server) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	for _, k := range s.openSockets() {
		s.retire(k)
	}
}

// openSockets returns the sockets of this moment. The slice is not changed
// afterwards.
func (s *server) openSockets() []*socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sockets[:len(s.sockets):len(s.sockets)]
}

// exchange sends one request to this server and waits for its answer. It gives
// up at the time given, or when ctx ends. What was under way on a connection that
// ended goes out once more, on another. An error of an answered request says how
// the answer contradicts itself; it is then a Reject.
func (s *server) exchange(ctx context.Context, r *request, until time.Time) (bool, error) {
	s.counters.inFlight.Add(1)
	defer s.counters.inFlight.Add(-1)
	end, err := s.attempt(ctx, r, until)
	if end == lost && s.pool.life.Err() == nil {
		end, err = s.attempt(ctx, r, until)
	}
	return end == answered, err
}

func (s *server) attempt(ctx context.Context, r *request, until time.Time) (outcome, error) {
	p, err := s.acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer s.release(p)
	return s.askFrom(ctx, p, r, until)
}

// askFrom asks from a place that is ours, and waits.
func (s *server) askFrom(ctx context.Context, p place, r *request, until time.Time) (end outcome, err error) {
	g := s.signers.get()
	defer s.signers.put(g)

	p.address(&r.envelope)
	t := p.slot() // ours alone until it waits
	if t.wire, err = r.append(t.wire[:0], g); err != nil {
		return 0, err
	}
	now := s.pool.config.Now()
	done := p.socket.wait(ctx, p.id, &r.envelope.auth, now, until, jitter(s.pool.config.Retransmit))
	if k := p.socket.stream; k != nil {
		k.use()
	}
	if err := p.socket.outbox.post(t.wire); err != nil {
		p.socket.forget(p.id)
		return lost, err
	}
	end = <-done
	if t.failure == nil {
		s.counters.sent.Add(1)
	}
	switch end {
	case gone:
		return 0, ctx.Err()
	case silence:
		return end, s.silent(r, now)
	case lost:
		return end, s.cutOff(t)
	case refused:
		return end, protocolError(t.reply)
	}
	r.heard = t.heard
	return end, r.read(t.reply, g, s.pool.config.SessionTimeout)
}

// address gives an envelope what tells its answer from others.
func (p place) address(e *envelope) {
	if k := p.socket.stream; k != nil && k.v11 {
		e.v11, e.id, e.auth = true, 0, k.token(p)
		return
	}
	e.v11, e.id = false, uint8(p.id) //nolint:gosec // such a socket has 256 slots
	_, _ = rand.Read(e.auth[:])
}

// silent takes note that a request sent at the given time was given up.
func (s *server) silent(r *request, sent time.Time) error {
	if s.pool.life.Err() != nil {
		return net.ErrClosed
	}
	now := s.pool.config.Now()
	s.counters.unanswered.Add(1)
	heard := false
	s.judged(func(h *health) {
		h.unanswered(now, sent, r.user())
		heard = h.heard.After(sent)
	})
	took := now.Sub(sent).Round(100 * time.Millisecond)
	if heard {
		return fmt.Errorf("no answer in %v, though the server itself answers: %w", took, realms.ErrHomeDown)
	}
	return fmt.Errorf("no answer in %v", took)
}

// judged applies f to the server's health and announces what came of it.
func (s *server) judged(f func(h *health)) {
	s.judge.Lock()
	before := s.health.state
	f(&s.health)
	after := s.health.state
	if before != after {
		s.changes = append(s.changes, change{before, after, s.health.why})
	}
	s.judge.Unlock()
	if before != after {
		s.announceChanges()
	}
}

func (s *server) announceChanges() {
	s.announce.Lock()
	defer s.announce.Unlock()
	s.judge.Lock()
	changes := s.changes
	s.changes = nil
	s.judge.Unlock()
	for _, c := range changes {
		s.pool.config.OnChange(s.config.Name, string(c.from), string(c.to), c.why)
	}
}

// rank is the server's place in the queue.
func (s *server) rank() int {
	s.judge.Lock()
	defer s.judge.Unlock()
	return s.health.rank()
}

// claim takes the server for a request, or says why not. On trial it takes one at
// a time.
func (s *server) claim() error {
	s.judge.Lock()
	defer s.judge.Unlock()
	switch h := &s.health; {
	case h.state == Dead:
		return errDead
	case !h.trial():
		return nil
	case h.onTrial:
		return errOnTrial
	default:
		h.onTrial = true
		return nil
	}
}

// probePlace is where a Status-Server goes out: on a connection a slot is set aside
// for it.
func (s *server) probePlace() (place, bool) {
	if p := s.longestQuiet(); p.socket != nil {
		return p, true
	}
	p, ok := s.tryAcquire()
	if ok && p.socket.stream != nil { // each is being asked
		s.release(p)
		return place{}, false
	}
	return p, ok
}

// probe sends a Status-Server (RFC 5997): a new identifier and authenticator
// each time (P60), never repeated. It says whether there was a socket to send it
// from.
func (s *server) probe(now time.Time) bool {
	p, ok := s.probePlace()
	if !ok {
		return false
	}
	g := s.signers.get()
	defer s.signers.put(g)
	var e envelope
	p.address(&e)
	t := p.slot()
	t.wire = appendHeader(t.wire[:0], radius.CodeStatusServer, &e)
	if name := s.pool.config.OperatorName; name != "" {
		t.wire = appendAttribute(t.wire, rfc2865.NASIdentifier_Type, []byte(name)) // says who asks
	}
	g.seal(t.wire, &e)
	p.socket.waitStatus(p.id, &e.auth, now, now.Add(s.pool.config.ProbeTimeout))
	s.counters.probes.Add(1)
	_ = p.socket.outbox.post(t.wire) // an error shows as a missing answer
	return true
}
