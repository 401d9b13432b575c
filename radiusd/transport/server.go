package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what to listen on and how much to take on. Zero means the default
// written beside each field.
type Config struct {
	// Auth and Acct are listen addresses, "host:port"; port 0 picks one, and
	// an empty host means every address, with replies from the one asked.
	Auth, Acct []string
	// RadSec is RADIUS over TLS: where to listen, and as whom.
	RadSec RadSec
	// Sockets for each address, between which the kernel spreads clients'
	// ports: GOMAXPROCS.
	Sockets int
	Clients *Clients
	// Access answers Access-Requests, Accounting Accounting-Requests.
	// Status-Server reaches neither.
	Access, Accounting Handler
	// InFlight bounds the handlers that run at once: 4,096.
	InFlight int
	// Patience ends a handler's context: 25 s, at most 30 s (P33).
	Patience time.Duration
	// DuplicateAge is how long a reply can be repeated: 10 s.
	DuplicateAge time.Duration
	// DuplicateEntries and DuplicateOctets bound the replies remembered on
	// all sockets: 65,536 and 32 MiB.
	DuplicateEntries, DuplicateOctets int
	// Buffer is what to ask the kernel for, each way and socket: 8 MiB.
	Buffer int
	// OnPanic is told of each handler that panicked; it may be called from
	// many goroutines at once.
	OnPanic func(Panic)
	// Now is the clock of the duplicate cache and of Request.Received: time.Now.
	Now func() time.Time
}

const (
	// DefaultInFlight is how many handlers run at once unless Config says more.
	DefaultInFlight = 4096

	defaultPatience = 25 * time.Second
	maxPatience     = 30 * time.Second
	defaultAge      = 10 * time.Second
	defaultEntries  = 1 << 16
	defaultOctets   = 32 << 20
	defaultBuffer   = 8 << 20
	drainOnCancel   = 10 * time.Second // F12
)

// A Server owns the open sockets. Listen makes one; Serve and Shutdown are
// called once each.
type Server struct {
	cfg       Config
	clients   atomic.Pointer[register]
	reload    sync.Mutex
	listeners []listener
	places    *places
	counters  counters
	room      *waitingRoom
	strangers strangerBook
	known     silencedBook
	peers     peerBook

	handlers sync.WaitGroup
	readers  sync.WaitGroup
	state    sync.Mutex // Serve and Shutdown may come in either order
	serving  bool
	stopping bool
	once     sync.Once
	closed   chan struct{} // after the last reply is sent
	closeErr error
	cancel   context.CancelFunc // ends every handler's context
	base     context.Context
	vigil    *vigil
}

// Listen opens every socket and reads nothing yet. The error names the address
// that could not be opened; no socket stays open after one.
func Listen(cfg Config) (*Server, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, places: newPlaces(cfg.InFlight), room: newWaitingRoom(), closed: make(chan struct{})}
	s.clients.Store(newRegister(cfg.Clients, nil))
	s.base, s.cancel = context.WithCancel(context.Background())
	s.vigil = newVigil(s.base)
	for _, t := range transports {
		opened, err := t.open(s.base, s)
		s.listeners = append(s.listeners, opened...)
		if err != nil {
			for _, l := range s.listeners {
				_ = l.close()
			}
			s.room.close()
			s.cancel()
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return s, nil
}

func (c *Config) fill() error {
	switch {
	case len(c.Auth)+len(c.Acct)+len(c.RadSec.Listen) == 0:
		return errors.New("no address to listen on")
	case len(c.Auth) > 0 && c.Access == nil:
		return errors.New("authentication addresses without an Access handler")
	case len(c.Acct) > 0 && c.Accounting == nil:
		return errors.New("accounting addresses without an Accounting handler")
	case len(c.RadSec.Listen) > 0 && (c.Access == nil || c.Accounting == nil || c.RadSec.Certificate == nil):
		return errors.New("RadSec addresses without both handlers and a certificate")
	case c.Patience > maxPatience:
		return fmt.Errorf("a patience of %v is longer than %v (RFC 5080, section 2.2.1)", c.Patience, maxPatience)
	}
	c.Sockets = orDefault(c.Sockets, runtime.GOMAXPROCS(0))
	c.InFlight = orDefault(c.InFlight, DefaultInFlight)
	c.Patience = orDefault(c.Patience, defaultPatience)
	c.DuplicateAge = orDefault(c.DuplicateAge, defaultAge)
	c.DuplicateEntries = orDefault(c.DuplicateEntries, defaultEntries)
	c.DuplicateOctets = orDefault(c.DuplicateOctets, defaultOctets)
	c.Buffer = orDefault(c.Buffer, defaultBuffer)
	c.RadSec.fill()
	if c.Clients == nil {
		c.Clients = &Clients{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}

func orDefault[N int | time.Duration](n, otherwise N) N {
	if n <= 0 {
		return otherwise
	}
	return n
}

// Serve reads and answers until Shutdown, and returns nil after it. When ctx
// ends first it drains by itself, for at most ten seconds (F12), and returns
// ctx's error. Cancelling ctx does not cancel the handlers.
func (s *Server) Serve(ctx context.Context) error {
	failed := make(chan error, len(s.listeners))
	if err := s.startReaders(failed); err != nil {
		return err
	}
	ticker := time.NewTicker(max(s.cfg.DuplicateAge/2, 100*time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-s.closed:
			return s.closeErr
		case err := <-failed:
			return errors.Join(err, s.drain())
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), s.drain())
		case <-ticker.C:
			for _, l := range s.listeners {
				l.sweep()
			}
		}
	}
}

func (s *Server) startReaders(failed chan<- error) error {
	s.state.Lock()
	defer s.state.Unlock()
	switch {
	case s.serving:
		return errors.New("a transport serves only once")
	case s.stopping:
		return nil // Shutdown came first: there is nothing to read
	}
	s.serving = true
	for _, l := range s.listeners {
		s.readers.Go(func() {
			if err := l.serve(s.base); err != nil {
				failed <- err
			}
		})
	}
	return nil
}

func (s *Server) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainOnCancel)
	defer cancel()
	return s.Shutdown(ctx)
}

// Shutdown stops reading, waits for the handlers in flight, sends their replies
// and closes the sockets. When ctx ends first it cancels the handlers that are
// left, sends what there is, and returns ctx's error. A second call waits for
// the first.
func (s *Server) Shutdown(ctx context.Context) error {
	s.once.Do(func() { s.shutdown(ctx) })
	return s.closeErr
}

func (s *Server) shutdown(ctx context.Context) {
	s.state.Lock()
	s.stopping = true
	s.state.Unlock()
	for _, l := range s.listeners {
		l.stop()
	}
	idle := make(chan struct{})
	go func() {
		s.readers.Wait() // no handler begins after the last reader
		s.handlers.Wait()
		close(idle)
	}()
	var problems []error
	select {
	case <-idle:
	case <-ctx.Done():
		problems = append(problems, fmt.Errorf("%d requests had no answer yet: %w", s.places.taken.Load(), context.Cause(ctx)))
	}
	s.cancel()
	s.room.close() // what was held back goes out before the sockets close
	failed := make([]error, len(s.listeners))
	var closing sync.WaitGroup // together: each may wait for its last replies
	for i, l := range s.listeners {
		closing.Go(func() { failed[i] = l.close() })
	}
	closing.Wait()
	s.closeErr = errors.Join(append(problems, failed...)...)
	close(s.closed)
}

// SetClients swaps the table; packets already read keep the one they met. RadSec
// connections are judged by the new one, and those that it does not know are closed.
func (s *Server) SetClients(c *Clients) {
	if c == nil {
		c = &Clients{}
	}
	s.reload.Lock()
	defer s.reload.Unlock()
	s.clients.Store(newRegister(c, s.clients.Load()))
	for _, l := range s.listeners {
		l.clientsChanged()
	}
}

// Rejudge judges the RadSec connections anew, by the table that is in use: what a
// certificate is worth has changed.
func (s *Server) Rejudge() {
	s.reload.Lock()
	defer s.reload.Unlock()
	for _, l := range s.listeners {
		l.clientsChanged()
	}
}

// Addrs returns the addresses listened on, without the repeats of several
// sockets: authentication then accounting, each in the order of the Config.
func (s *Server) Addrs() (auth, acct []net.Addr) {
	seen := make(map[string]bool)
	for _, l := range s.listeners {
		d := l.describe()
		if seen[d.Purpose+d.Address] || d.Transport != "udp" {
			continue
		}
		seen[d.Purpose+d.Address] = true
		if d.Purpose == purposes[accounting] {
			acct = append(acct, l.address())
		} else {
			auth = append(auth, l.address())
		}
	}
	return auth, acct
}

// RadSecAddrs returns the addresses on which RADIUS over TLS is heard.
func (s *Server) RadSecAddrs() (addresses []net.Addr) {
	for _, l := range s.listeners {
		if l.describe().Transport == "tls" {
			addresses = append(addresses, l.address())
		}
	}
	return addresses
}

// Stats returns a snapshot of the counters.
func (s *Server) Stats() Stats {
	c := &s.counters
	stats := Stats{
		Received: c.received.Load(), Handled: c.handled.Load(), Replies: c.replies.Load(),
		Duplicates: c.duplicates.Load(), StatusServer: c.status.Load(),
		Declined: c.declined.Load(), RadSec: c.radsec.stats(),
		InFlight: uint64(max(s.places.taken.Load(), 0)),
		Held:     uint64(s.room.len()), NotHeld: c.notHeld.Load(),
	}
	for i := range c.silence {
		stats.Silence[i] = c.silence[i].Load()
	}
	for _, l := range s.listeners {
		stats.Sockets = append(stats.Sockets, l.describe())
		answers, octets := l.remembered()
		stats.Remembered += uint64(answers)
		stats.RememberedOctets += uint64(octets)
	}
	return stats
}

// SilencedClients returns the clients whose packets met silence because they
// were badly made or badly signed since the last call: most often a wrong secret.
func (s *Server) SilencedClients() []Silenced { return s.known.take() }

// PeerNews returns what happened to RadSec connections since the last call, the most
// eventful peers first, at most 1,024 of them.
func (s *Server) PeerNews() []PeerNews { return s.peers.take() }

// silence counts a packet that gets no answer, and notes whose it was.
func (s *Server) silence(j *arrival, cause Cause) {
	s.counters.silent(cause)
	j.cause = cause
	switch {
	case j.client == nil:
		s.strangers.note(j.from.Addr(), j.octets, j.now)
	case j.client.Peer != nil && fatal(cause): // the news of its connection says so
	case cause <= BadRequestAuthenticator:
		s.known.note(j.from.Addr(), j.client.Name, cause, j.now)
	}
}
