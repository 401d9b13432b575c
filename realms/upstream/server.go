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

	mu       sync.Mutex // guards what follows, up to the next blank line
	sockets  []*socket
	free     ring          // slots that nobody waits in, the longest idle first
	dialling chan struct{} // closed when the socket under way is open or has failed; nil: none is
	failure  error         // of the last dial
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
	sent, repeated, answered, late, unanswered, probes atomic.Uint64
	dropped                                            [flaws]atomic.Uint64
}

func newServer(p *Pool, s Server) *server {
	return &server{
		pool: p, config: s, signers: newSigners([]byte(s.Secret.Reveal())),
		health: newHealth(&p.config, &s, p.config.Now()),
	}
}

// A slot is one identifier of one socket. It keeps its last request after the
// answer came or was given up, so that a late answer is known for what it is.
type slot struct {
	generation uint64
	waiting    bool
	spent      bool      // its answer has been seen: a copy says nothing new
	status     bool      // it holds a Status-Server
	auth       [16]byte  // Request Authenticator
	wire       []byte    // the request, repeated as it is (RFC 5080, section 2.2.1)
	reply      []byte    // the verified reply
	done       chan bool // true: reply holds it; false: given up

	sent  time.Time // first time
	due   time.Time // of the next repetition
	every time.Duration
	until time.Time // of giving up
}

// A place is a slot by its address.
type place struct {
	socket *socket
	id     uint8
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
		if len(s.sockets) >= s.pool.config.Sockets {
			s.mu.Unlock()
			return place{}, fmt.Errorf("every one of %d sockets is full: %w", s.pool.config.Sockets, realms.ErrServerBusy)
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
	if len(s.sockets) < s.pool.config.Sockets {
		s.open()
	}
	return place{}, false
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
		conn, err := s.pool.config.Dial(ctx, s.config.Address)
		s.opened(conn, err)
		close(done)
	})
	return done
}

func (s *server) opened(conn net.Conn, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dialling, s.failure = nil, err
	if err != nil {
		return
	}
	if s.closed {
		s.failure = net.ErrClosed
		_ = conn.Close()
		return
	}
	k := &socket{server: s, conn: conn}
	s.sockets = append(s.sockets, k)
	for id := range 256 {
		s.free.push(place{k, uint8(id)}) //nolint:gosec // below 256
	}
	s.pool.goes.Go(k.listen)
}

func (s *server) openFailure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// release gives a slot back.
func (s *server) release(p place) {
	p.socket.forget(p.id)
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
	if !k.retired {
		k.retired = true
		s.sockets = without(s.sockets, k)
		s.dropFree(k)
	}
	s.mu.Unlock()
	_ = k.conn.Close()
	k.giveUpAll()
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
// machine has now.
func (s *server) renew() {
	for _, k := range s.openSockets() {
		if k.waiting.Load() == 0 {
			s.retire(k)
		}
	}
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
// up at the time given, or when ctx ends. An error of an answered request says
// how the answer contradicts itself; the Answer is then a Reject.
func (s *server) exchange(ctx context.Context, r *request, e *envelope, until time.Time) (a realms.Answer, answered bool, err error) {
	p, err := s.acquire(ctx)
	if err != nil {
		return a, false, err
	}
	defer s.release(p)
	g := s.signers.get()
	defer s.signers.put(g)

	e.id = p.id
	_, _ = rand.Read(e.auth[:])
	t := p.slot() // ours alone until it waits
	if t.wire, err = r.append(t.wire[:0], e, g); err != nil {
		return a, false, err
	}
	now := s.pool.config.Now()
	done := p.socket.wait(p.id, &e.auth, now, until, jitter(s.pool.config.Retransmit))
	if err := p.socket.write(t.wire); err != nil {
		return a, false, err
	}
	s.counters.sent.Add(1)
	select {
	case ok := <-done:
		if !ok {
			return a, false, s.silent(r, now)
		}
	case <-ctx.Done():
		return a, false, ctx.Err()
	}
	a, err = r.read(t.reply, &e.auth, g, s.pool.config.SessionTimeout)
	return a, true, err
}

// silent takes note that a request sent at the given time was given up.
func (s *server) silent(r *request, sent time.Time) error {
	if s.pool.life.Err() != nil {
		return net.ErrClosed
	}
	now := s.pool.config.Now()
	s.counters.unanswered.Add(1)
	s.judged(func(h *health) { h.unanswered(now, sent, r.user) })
	return fmt.Errorf("no answer in %v", now.Sub(sent).Round(100*time.Millisecond))
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

// probe sends a Status-Server (RFC 5997): a new identifier and authenticator
// each time (P60), never repeated. It says whether there was a socket to send it
// from.
func (s *server) probe(now time.Time) bool {
	p, ok := s.tryAcquire()
	if !ok {
		return false
	}
	g := s.signers.get()
	defer s.signers.put(g)
	var auth [16]byte
	_, _ = rand.Read(auth[:])
	t := p.slot()
	t.wire = appendHeader(t.wire[:0], radius.CodeStatusServer, p.id, &auth)
	if name := s.pool.config.OperatorName; name != "" {
		t.wire = appendAttribute(t.wire, rfc2865.NASIdentifier_Type, []byte(name)) // says who asks
	}
	g.seal(t.wire, &auth)
	p.socket.waitStatus(p.id, &auth, now, now.Add(s.pool.config.ProbeTimeout))
	s.counters.probes.Add(1)
	_ = p.socket.write(t.wire) // an error shows as a missing answer
	return true
}
