package transport

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"layeh.com/radius"
)

const (
	streamRoom   = 8 << 10  // octets read ahead of one connection
	streamWrite  = 16 << 10 // octets written at once: a record of TLS
	streamOutbox = 1024     // replies that wait for one connection before it is read on
	window10     = 256      // requests in hand of one connection: the identifiers there are
	window11     = 1024     // the same of RADIUS/1.1, which has tokens
)

// A seat is who a connection belongs to, by the configuration of now.
type seat struct {
	client   *Client
	holder   *holder
	register *register // of this configuration
}

// A stream is one RadSec connection.
type stream struct {
	lobby   *lobby
	raw     *net.TCPConn
	conn    *tls.Conn
	from    netip.AddrPort
	shown   []*x509.Certificate
	nearest string // the client that a refused certificate comes nearest to
	judged  uint64 // the lobby's count when its handshake was judged
	seat    atomic.Pointer[seat]
	veil    *veil // RADIUS/1.1; nil: 1.0
	window  window
	outbox  outbox
	counted string       // the client that this counts for in the lobby, which guards it
	heard   atomic.Int64 // when the last packet was there, in nanoseconds since the lobby began

	mu        sync.Mutex
	dismissed *ending // why nothing more is read
	failed    *ending // why nothing more is written
}

func newStream(l *lobby, raw *net.TCPConn, from netip.AddrPort) *stream {
	s := &stream{lobby: l, raw: raw, from: from, window: newWindow(window10)}
	s.outbox.open(streamOutbox + window11)
	return s
}

// client is the name of whose connection this is, or nearly; "" for nobody's.
func (s *stream) client() string {
	if seat := s.seat.Load(); seat != nil {
		return seat.client.Name
	}
	return s.nearest
}

// roleOf is what a request is for: over TLS one port serves all (RFC 6614, section 2.5).
func roleOf(code radius.Code) role {
	if code == radius.CodeAccountingRequest {
		return accounting
	}
	return access
}

// read hears packets until the connection ends, and says why it did.
func (s *stream) read() *ending {
	f := frames{r: bufio.NewReaderSize(s.conn, streamRoom), patience: s.wait, quiet: s.lobby.limits.quiet, whole: s.lobby.limits.frame}
	d := newDigester()
	for {
		s.outbox.await(streamOutbox) // who does not read its replies is not read either
		octets, err := f.next()
		if err != nil {
			return s.broken(err)
		}
		if why := s.receive(octets, d); why != nil {
			return why
		}
	}
}

// wait gives the next read so long, unless nothing more is to be read.
func (s *stream) wait(patience time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dismissed != nil {
		return os.ErrDeadlineExceeded
	}
	return s.conn.SetReadDeadline(time.Now().Add(patience))
}

// dismiss ends the reading.
func (s *stream) dismiss(why *ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dismissed == nil {
		s.dismissed = why
	}
	_ = s.conn.SetReadDeadline(time.Unix(1, 0)) // wakes the reader
	s.window.close()
}

// broken says why nothing more came.
func (s *stream) broken(err error) *ending {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.failed != nil:
		return s.failed
	case s.dismissed != nil:
		return s.dismissed
	case errors.Is(err, errFrame):
		s.lobby.server.counters.received.Add(1)
		s.lobby.server.silence(s.arrival(nil), BadLength)
		return &ending{kind: endedMalformed, words: err.Error()}
	case errors.Is(err, io.EOF):
		return &ending{kind: endedPeer, words: "it closed the connection"}
	case errors.Is(err, errHalf):
		return &ending{kind: endedSlow, words: fmt.Sprintf("it began a packet and did not finish it in %v", s.lobby.limits.frame)}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &ending{kind: endedIdle, words: fmt.Sprintf("it sent nothing for %v", s.lobby.limits.quiet)}
	}
	return &ending{kind: endedPeer, words: "the connection broke: " + plainly(err)}
}

func (s *stream) arrival(octets []byte) *arrival {
	seat := s.seat.Load()
	return &arrival{octets: octets, from: s.from, client: seat.client, holder: seat.holder, now: s.lobby.server.cfg.Now(), wall: time.Now()}
}

// fatal are the causes of silence after which nothing of a connection can be believed
// (RFC 6613, section 2.6.4; P64).
func fatal(cause Cause) bool {
	switch cause {
	case TooShort, BadLength, MalformedAttribute, BadMessageAuthenticator, SeveralMessageAuthenticators, BadRequestAuthenticator:
		return true
	}
	return false
}

// receive is the way of one packet. An ending closes the connection.
func (s *stream) receive(octets []byte, d *digester) *ending {
	server := s.lobby.server
	server.counters.received.Add(1)
	a := s.arrival(octets)
	s.hear(a.now)
	code := radius.Code(octets[0])
	a.role = roleOf(code)
	if s.veil != nil {
		var cause Cause
		a.sealed, a.token = true, tokenOf(octets)
		if a.octets, cause = s.veil.request(octets); cause != causeNone {
			server.silence(a, cause)
			return &ending{kind: endedMalformed, words: unbelieved(cause)}
		}
	}
	back := route{stream: s, token: a.token}
	reply, j := server.admit(a, &s.window, d)
	switch {
	case reply != nil:
		s.post(reply, back)
	case j != nil:
		j.route = back
		server.handlers.Add(1)
		s.lobby.crew.start(j)
	case fatal(a.cause):
		return &ending{kind: endedMalformed, words: unbelieved(a.cause)}
	case a.cause == UnexpectedCode && s.veil != nil && asks(code):
		s.put(s.veil.protocolError(octets), route{stream: s})
	}
	return nil
}

// hear takes note that the peer is not silent.
func (s *stream) hear(now time.Time) { s.heard.Store(int64(now.Sub(s.lobby.began))) }

// unbelieved says what was wrong with the last packet of a connection.
func unbelieved(cause Cause) string {
	switch cause {
	case BadMessageAuthenticator, BadRequestAuthenticator:
		return "it sent a packet that cannot be believed (" + cause.String() + "): inside TLS the secret has to be radsec"
	}
	return "it sent a packet that cannot be read (" + cause.String() + ")"
}

// post sends a reply, a letter of RADIUS/1.0.
func (s *stream) post(reply []byte, back route) {
	if s.veil != nil {
		reply = s.veil.reply(reply, back.token)
	}
	s.put(reply, back)
}

func (s *stream) put(reply []byte, back route) {
	if !s.outbox.put(letter{reply, back}) {
		s.lobby.server.counters.silent(ConnectionGone)
	}
}

// fail cuts a connection that takes nothing more.
func (s *stream) fail(why *ending) {
	s.mu.Lock()
	if s.failed == nil {
		s.failed = why
	}
	s.mu.Unlock()
	_ = s.raw.Close()
}

// write sends replies until the outbox is closed and empty.
func (s *stream) write() {
	defer close(s.outbox.sent)
	var letters []letter
	buffer := make([]byte, 0, streamWrite)
	for range s.outbox.wake {
		runtime.Gosched() // as the writer of UDP does: replies that are ready go together
		for {
			taken, closed := s.outbox.take(letters)
			if len(taken) == 0 {
				letters = taken
				if closed {
					return
				}
				break
			}
			s.writeAll(taken, buffer)
			clear(taken)
			letters = taken
		}
	}
}

func (s *stream) writeAll(letters []letter, buffer []byte) {
	counters := &s.lobby.server.counters
	for len(letters) > 0 {
		n := 0
		buffer = buffer[:0]
		for n < len(letters) && len(buffer)+len(letters[n].octets) <= streamWrite {
			buffer = append(buffer, letters[n].octets...)
			n++
		}
		cause := s.writeOne(buffer)
		for range n {
			if cause == causeNone {
				counters.replies.Add(1)
			} else {
				counters.silent(cause)
			}
		}
		letters = letters[n:]
	}
}

func (s *stream) writeOne(b []byte) Cause {
	s.mu.Lock()
	gone := s.failed != nil
	s.mu.Unlock()
	if gone {
		return ConnectionGone
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(s.lobby.limits.write))
	_, err := s.conn.Write(b)
	switch {
	case err == nil:
		return causeNone
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.fail(&ending{kind: endedSlow, words: fmt.Sprintf("it took no reply for %v", s.lobby.limits.write)})
		return SlowReader
	}
	s.fail(&ending{kind: endedPeer, words: "the connection broke: " + plainly(err)})
	return SendFailed
}

// end sends what waits, says goodbye with close_notify and closes.
func (s *stream) end() {
	s.window.close()
	s.outbox.close()
	<-s.outbox.sent
	s.mu.Lock()
	failed := s.failed != nil
	s.mu.Unlock()
	if !failed {
		_ = s.conn.CloseWrite()
	}
	s.part()
}

// part closes the connection when the peer has heard the last that we said: what it has
// sent meanwhile would else make the kernel take it back.
func (s *stream) part() {
	_ = s.raw.CloseWrite()
	_ = s.raw.SetReadDeadline(time.Now().Add(s.lobby.limits.linger))
	_, _ = io.Copy(io.Discard, s.raw)
	_ = s.raw.Close()
}

// frames cuts a stream into packets by their Length (RFC 6613, section 2.6).
type frames struct {
	r        *bufio.Reader
	patience func(time.Duration) error // sets the deadline of the next read
	quiet    time.Duration             // until a packet begins
	whole    time.Duration             // until it is there
	held     int                       // octets of the packet that next returned last
}

var (
	errFrame = errors.New("it sent a length that no packet has")
	errHalf  = errors.New("the rest of a packet did not come in time")
)

// next returns one packet, valid until the next call. Its error is io.EOF at the end of
// the stream, also of one that ends in the middle of a packet.
func (f *frames) next() ([]byte, error) {
	if _, err := f.r.Discard(f.held); err != nil {
		return nil, err
	}
	f.held = 0
	if err := f.need(1, f.quiet); err != nil {
		return nil, err
	}
	const upToLength = 4
	if err := f.need(upToLength, f.whole); err != nil {
		return nil, half(err)
	}
	head, err := f.r.Peek(upToLength)
	if err != nil {
		return nil, err
	}
	length := int(binary.BigEndian.Uint16(head[2:]))
	if length < headerLength || length > maxLength {
		return nil, fmt.Errorf("%w: %d", errFrame, length)
	}
	if err := f.need(length, f.whole); err != nil {
		return nil, half(err)
	}
	f.held = length
	return f.r.Peek(length)
}

func half(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: %w", errHalf, err)
	}
	return err
}

// need waits until n octets are there.
func (f *frames) need(n int, patience time.Duration) error {
	if f.r.Buffered() >= n {
		return nil
	}
	if err := f.patience(patience); err != nil {
		return err
	}
	_, err := f.r.Peek(n)
	return err
}

// A window holds the requests of one connection that are being answered. Over TLS
// nothing is repeated, so no answer is kept: an identifier is free again once its reply
// is on its way (RFC 6613, section 2.6.1; R32).
type window struct {
	limit  int
	mu     sync.Mutex
	freed  *sync.Cond
	open   map[question]*answer
	closed bool
}

func newWindow(limit int) window { return window{limit: limit, open: make(map[question]*answer)} }

// begin returns nothing for an identifier that is in use. When the window is full it
// waits, which lets TCP tell the peer to wait.
func (w *window) begin(q question, _ fingerprint, client *holder, _ time.Time) (fresh *answer, reply []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.freed == nil {
		w.freed = sync.NewCond(&w.mu)
	}
	for len(w.open) >= w.limit && !w.closed && w.open[q] == nil {
		w.freed.Wait()
	}
	if w.closed || w.open[q] != nil {
		return nil, nil
	}
	fresh = &answer{question: q, client: client}
	w.open[q] = fresh
	return fresh, nil
}

func (w *window) finish(a *answer, _ []byte, _ time.Time) bool {
	w.forget(a)
	return true
}

func (w *window) forget(a *answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open[a.question] == a {
		delete(w.open, a.question)
	}
	if w.freed != nil {
		w.freed.Signal()
	}
}

// empty says that no request is being answered.
func (w *window) empty() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.open) == 0
}

// close wakes whoever waits.
func (w *window) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.freed != nil {
		w.freed.Signal()
	}
}
