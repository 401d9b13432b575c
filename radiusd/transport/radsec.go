package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// RadSec is RADIUS over TLS (RFC 6614): where to listen for it, and as whom. Zero means
// the default written beside each field.
type RadSec struct {
	// Listen are addresses, "host:port"; port 0 picks one. None: nobody is heard.
	Listen []string
	// Certificate chooses what we show; it is asked in each handshake, so that a
	// renewed certificate is shown at once.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// RADIUS11 is "allow", "require" or "forbid" (RFC 9765): "allow".
	RADIUS11 string
	// Connections bounds those that are open, from their first octet on: 1,024.
	Connections int
	// PeerConnections bounds those of one client: 16 (F15). For one more, one that has
	// been silent makes room.
	PeerConnections int
	// Handshakes bounds those under way: 128; and a quarter of it from one address.
	Handshakes int

	handshake, frame, quiet, silent, write, linger time.Duration // of one connection; tests make them shorter
}

// What RADIUS/1.1 may be.
const (
	RADIUS11Allow   = "allow"
	RADIUS11Require = "require"
	RADIUS11Forbid  = "forbid"
)

// Names of the two versions in a handshake (RFC 9765, section 3.2).
const (
	alpn10 = "radius/1.0"
	alpn11 = "radius/1.1"
)

// Waits of a RadSec connection.
const (
	handshakeLimit = 10 * time.Second // F15
	frameLimit     = 10 * time.Second // from a packet's first octet to its last
	quietLimit     = time.Hour        // without a packet
	silentLimit    = 5 * time.Second  // the same, where the peer has no room for another
	writeLimit     = 5 * time.Second  // for one write to a peer that does not read
	lingerLimit    = time.Second      // for a peer to close, too, after we have
	acceptPause    = 50 * time.Millisecond
)

// keepAlive finds a peer that has vanished within a minute.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 3}

func (r *RadSec) fill() {
	if r.RADIUS11 == "" {
		r.RADIUS11 = RADIUS11Allow
	}
	r.Connections = orDefault(r.Connections, 1024)
	r.PeerConnections = orDefault(r.PeerConnections, 16)
	r.Handshakes = orDefault(r.Handshakes, 128)
	r.handshake = orDefault(r.handshake, handshakeLimit)
	r.frame = orDefault(r.frame, frameLimit)
	r.quiet = orDefault(r.quiet, quietLimit)
	r.silent = orDefault(r.silent, silentLimit)
	r.write = orDefault(r.write, writeLimit)
	r.linger = orDefault(r.linger, lingerLimit)
}

// A radsecSocket is one address on which peers connect.
type radsecSocket struct {
	lobby *lobby
	net   *net.TCPListener
}

// A lobby knows every RadSec connection of the server, whatever address it came to.
type lobby struct {
	server *Server
	limits RadSec
	crew   crew
	began  time.Time // silences are reckoned from it: the clock on the wall may jump (F17)

	mu       sync.Mutex
	stopping bool
	judged   uint64                  // how often all were judged anew
	streams  map[*stream]struct{}    // from accept to the end
	shaking  int                     // handshakes under way
	at       map[netip.Addr]int      // those by address
	of       map[string]int          // open connections by client
	regulars map[netip.Addr]struct{} // from where a client has been admitted
	ended    sync.Once
}

func openTLS(ctx context.Context, s *Server) ([]listener, error) {
	l := &lobby{
		server: s, limits: s.cfg.RadSec, began: s.cfg.Now(),
		streams: make(map[*stream]struct{}), at: make(map[netip.Addr]int), of: make(map[string]int), regulars: make(map[netip.Addr]struct{}),
	}
	l.crew.work = l.handle
	config := net.ListenConfig{KeepAliveConfig: keepAlive}
	var opened []listener
	for _, address := range s.cfg.RadSec.Listen {
		n, err := config.Listen(ctx, "tcp", address)
		if err != nil {
			return opened, fmt.Errorf("radsec address %s: %w", address, err)
		}
		opened = append(opened, &radsecSocket{lobby: l, net: n.(*net.TCPListener)})
	}
	return opened, nil
}

// serve takes connections until stop.
func (r *radsecSocket) serve(ctx context.Context) error {
	for {
		raw, err := r.net.AcceptTCP()
		switch {
		case err == nil:
			r.lobby.welcome(raw)
		case r.lobby.stops():
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("radsec address %s: %w", r.net.Addr(), err)
		default: // too many open files, say
			r.lobby.server.counters.silent(ReadFailed)
			pause(ctx, acceptPause)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (r *radsecSocket) stop() {
	r.lobby.stop()
	_ = r.net.Close()
}

func (r *radsecSocket) close() error {
	_ = r.net.Close() // closed already, unless nobody ever served
	r.lobby.close()
	return nil
}

func (r *radsecSocket) sweep()                 { r.lobby.sweep() }
func (r *radsecSocket) clientsChanged()        { r.lobby.rejudge() }
func (r *radsecSocket) remembered() (int, int) { return 0, 0 } // nothing is repeated over TLS (R32)
func (r *radsecSocket) address() net.Addr      { return r.net.Addr() }
func (r *radsecSocket) describe() Socket {
	return Socket{Transport: "tls", Purpose: "radsec", Address: r.net.Addr().String()}
}

// welcome gives a new connection a goroutine, or closes it: nobody of ours connects
// from there, or there is no room.
func (l *lobby) welcome(raw *net.TCPConn) {
	from := raw.RemoteAddr().(*net.TCPAddr).AddrPort()
	s := newStream(l, raw, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
	if why := l.enter(s); why != nil {
		_ = raw.Close()
		l.refused(s, "", why)
		return
	}
	l.server.readers.Go(func() { l.attend(s) })
}

// enter counts a connection in whose handshake is about to begin.
func (l *lobby) enter(s *stream) *ending {
	peers := l.server.clients.Load().peersAt(s.from.Addr())
	if len(peers) == 0 {
		return &ending{kind: endedUnknown, words: "no client of ours connects from this address"}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	block := blockOf(s.from.Addr())
	switch {
	case l.stopping:
		return &ending{kind: endedStopped, words: "the server stops"}
	case len(l.streams) >= l.limits.Connections:
		return &ending{kind: endedFull, words: fmt.Sprintf("%d connections are open", len(l.streams))}
	case l.shaking >= l.room(block, peers):
		return &ending{kind: endedFull, words: fmt.Sprintf("%d handshakes are under way", l.shaking)}
	case l.at[block] >= max(1, l.limits.Handshakes/4):
		return &ending{kind: endedFull, words: fmt.Sprintf("%d handshakes are under way from this address", l.at[block])}
	}
	l.streams[s] = struct{}{}
	l.shaking++
	l.at[block]++
	return nil
}

// room is how many handshakes may be under way for one more to begin. The last quarter is
// for those who have been here before, or whose address is in the configuration:
// strangers who stall in the lobby do not keep a federation's proxy from coming back.
func (l *lobby) room(block netip.Addr, peers []*Client) int {
	_, regular := l.regulars[block]
	if regular || slices.ContainsFunc(peers, func(c *Client) bool { return c.Prefix.IsValid() }) {
		return l.limits.Handshakes
	}
	return max(1, min(l.limits.Handshakes, l.limits.Connections)*3/4)
}

// mostRegulars bounds the addresses that are remembered; any one is forgotten for a new
// one.
const mostRegulars = 1024

// greet remembers from where a client came.
func (l *lobby) greet(block netip.Addr) {
	for old := range l.regulars {
		if len(l.regulars) < mostRegulars {
			break
		}
		delete(l.regulars, old)
	}
	l.regulars[block] = struct{}{}
}

// blockOf is what one machine has to itself: an IPv4 address, or 64 bits of IPv6.
func blockOf(a netip.Addr) netip.Addr {
	if a.Is4() {
		return a
	}
	if p, err := a.WithZone("").Prefix(64); err == nil {
		return p.Addr()
	}
	return a
}

// attend is the life of one connection.
func (l *lobby) attend(s *stream) {
	why := s.shakeHands()
	if why == nil {
		why = l.admit(s)
	}
	if why != nil {
		l.refused(s, s.client(), why)
		s.part() // it counts as a handshake until it has gone: failing costs the stranger nothing
		l.shaken(s)
		l.leave(s)
		return
	}
	l.shaken(s)
	go s.write()
	why = s.read()
	if why.kind == endedStopped {
		return // what is in hand is answered; close ends it
	}
	l.server.counters.radsec.end(why.kind)
	l.server.peers.closed(s, why, l.server.cfg.Now())
	s.end()
	l.leave(s)
}

// shaken counts a handshake out.
func (l *lobby) shaken(s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shaking--
	block := blockOf(s.from.Addr())
	if l.at[block]--; l.at[block] == 0 {
		delete(l.at, block)
	}
}

// admit opens a connection whose peer is known, unless the peer has enough of them. Where
// all were judged anew meanwhile, so is this one.
func (l *lobby) admit(s *stream) *ending {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.server.clients.Load(); now != s.seat.Load().register || s.judged != l.judged {
		if why := s.judge(now); why != nil {
			return why
		}
	}
	name := s.seat.Load().client.Name
	switch {
	case l.stopping:
		return &ending{kind: endedStopped, words: "the server stops"}
	case l.of[name] >= l.limits.PeerConnections && !l.makeRoom(name):
		return &ending{kind: endedFull, words: fmt.Sprintf("it has %d connections already", l.of[name])}
	}
	s.counted = name
	s.hear(l.server.cfg.Now())
	l.greet(blockOf(s.from.Addr()))
	l.of[name]++
	l.server.counters.radsec.opened.Add(1)
	l.server.counters.radsec.open.Add(1)
	l.server.peers.opened(s, l.server.cfg.Now())
	return nil
}

// makeRoom ends the connection of a client that has been silent the longest, if one has
// been for long enough: a peer that lost its power, or whose firewall lost its
// connections, comes back at once and not when the kernel has found out. One that talks
// on all of them, or waits for our replies, ends nothing.
func (l *lobby) makeRoom(name string) bool {
	var quietest *stream
	for s := range l.streams {
		if s.counted == name && s.window.empty() && (quietest == nil || s.heard.Load() < quietest.heard.Load()) {
			quietest = s
		}
	}
	if quietest == nil {
		return false
	}
	silence := l.server.cfg.Now().Sub(l.began) - time.Duration(quietest.heard.Load())
	if silence < l.limits.silent {
		return false
	}
	quietest.dismiss(&ending{kind: endedReplaced, words: fmt.Sprintf("it was silent for %v, and made room for another that the peer opened", silence.Round(time.Second))})
	l.uncount(quietest)
	return true
}

// leave counts a connection out.
func (l *lobby) leave(s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.streams, s)
	l.uncount(s)
}

func (l *lobby) uncount(s *stream) {
	if s.counted == "" {
		return
	}
	l.server.counters.radsec.open.Add(-1)
	if l.of[s.counted]--; l.of[s.counted] == 0 {
		delete(l.of, s.counted)
	}
	s.counted = ""
}

func (l *lobby) refused(s *stream, client string, why *ending) {
	if why.kind == endedStopped {
		return
	}
	l.server.counters.radsec.end(why.kind)
	l.server.peers.refused(s, client, why, l.server.cfg.Now())
}

// rejudge closes the connections of peers who are no longer in the configuration, or
// are somebody else in it, or whose certificates are good no longer.
func (l *lobby) rejudge() {
	register := l.server.clients.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.judged++
	for s := range l.streams {
		if s.counted == "" {
			continue // its handshake is under way, and admit will judge; or it is ending
		}
		if why := s.judge(register); why != nil {
			s.dismiss(why)
		}
	}
}

// sweep closes the connections whose certificates have ended.
func (l *lobby) sweep() {
	l.crew.trim()
	now := l.server.cfg.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range l.streams {
		if s.counted != "" && now.After(s.shown[0].NotAfter) {
			s.dismiss(&ending{kind: endedCertificate, words: "its certificate has ended"})
		}
	}
}

// judgement counts how often all were judged anew.
func (l *lobby) judgement() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.judged
}

func (l *lobby) stops() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stopping
}

// stop lets nobody in and reads nothing more.
func (l *lobby) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopping = true
	for s := range l.streams {
		if s.counted == "" {
			_ = s.raw.Close()
			continue
		}
		s.dismiss(&ending{kind: endedStopped, words: "the server stops"})
	}
}

// close sends what waits and says goodbye to everybody, all at once.
func (l *lobby) close() {
	l.ended.Do(func() {
		l.crew.close()
		l.mu.Lock()
		var last []*stream
		for s := range l.streams {
			last = append(last, s)
		}
		l.mu.Unlock()
		var all sync.WaitGroup
		for _, s := range last {
			all.Go(func() {
				s.end()
				l.leave(s)
			})
		}
		all.Wait()
	})
}

// handle runs one job of any connection.
func (l *lobby) handle(j *job) {
	defer l.server.handlers.Done()
	s := j.route.stream
	role := roleOf(j.request.Packet.Code)
	if reply := l.server.handle(j, role, &s.window, s.post); reply != nil {
		s.post(reply, j.route)
	}
}
