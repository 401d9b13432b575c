package upstream

import (
	"bufio"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc3576"

	"causeway/certs"
)

const (
	// radSecSecret is what packets within TLS are signed with: TLS itself is what
	// keeps them (RFC 6614, section 2.3; P63).
	radSecSecret certs.Secret = "radsec"

	// ALPN names of RADIUS as it was, and of RADIUS/1.1 (RFC 9765, section 3.1).
	ALPN10, ALPN11 = "radius/1.0", "radius/1.1"

	// tokens is how many requests wait on one connection of RADIUS/1.1, whose Token
	// has four octets. It divides the number of Tokens.
	tokens = 1024

	// mostConnections are open to one server by RadSec: who listens counts them.
	mostConnections = 16

	writeTime = 5 * time.Second // a peer that reads nothing for so long has gone

	codeProtocolError radius.Code = 52 // RFC 7930, section 4

	leastBackOff = 500 * time.Millisecond // R30
	mostBackOff  = 10 * time.Second       // below the shortest probation: a server that is back is found by then
)

// A stream is what a connection of TLS has that a UDP socket has not. Requests go out
// in any number together; replies come in any order.
//
// Its first slot is set aside for Status-Server, so that a connection on which
// everything waits can be asked whether it lives (RFC 3539, section 3.4).
type stream struct {
	v11   bool   // RADIUS/1.1
	start uint32 // where its Tokens begin

	heard  atomic.Int64 // when the last packet came, in nanoseconds since the pool was made: the clock on the wall may jump (F17)
	misses atomic.Int32 // Status-Servers unanswered since then

	mu     sync.Mutex
	used   bool // a user's request was sent
	proved bool // something was answered
}

// newStream makes a socket of a connection whose handshake is done.
func newStream(s *server, conn *tls.Conn) *socket {
	k := &stream{}
	k.v11 = conn.ConnectionState().NegotiatedProtocol == ALPN11
	k.heard.Store(s.pool.age())
	n := identifiers
	if k.v11 {
		n = tokens
		var b [4]byte
		_, _ = rand.Read(b[:]) // nobody guesses them, and none of an earlier connection comes again soon (RFC 9765, section 4.2)
		k.start = binary.BigEndian.Uint32(b[:])
	}
	return newSocket(s, conn, k, n)
}

// firstID is the first slot for users.
func (k *socket) firstID() int {
	if k.stream != nil {
		return 1
	}
	return 0
}

// token returns the Token of the next request in a slot, and what else stands where
// the authenticator was: nothing. No two requests of a connection have the same,
// before four milliards of them.
func (k *stream) token(p place) (field [16]byte) {
	next := uint32(p.slot().generation) + 1 //nolint:gosec // it wraps
	binary.BigEndian.PutUint32(field[:], k.start+next*tokens+uint32(p.id))
	return field
}

func (k *stream) slotOf(b []byte) uint16 {
	return uint16((binary.BigEndian.Uint32(b[4:]) - k.start) % tokens) //nolint:gosec // below tokens
}

// answersToken judges a packet of RADIUS/1.1 as the reply to a request.
func answersToken(b []byte, field *[16]byte) flaw {
	if [4]byte(b[4:8]) != [4]byte(field[:4]) {
		return outrun
	}
	return sound
}

var errConnectionLost = errors.New("the connection was lost")

// writeStream writes packets together; it is false when the connection has ended.
func (k *socket) writeStream(queued []byte) bool {
	_ = k.conn.SetWriteDeadline(time.Now().Add(writeTime)) // an error shows in the write
	if _, err := k.conn.Write(queued); err != nil {
		k.server.broken(k)
		return false
	}
	return true
}

// prove takes note of the first answer: only then is it known that a connection is good
// for something, and that whoever needs one more may dial at once.
func (k *socket) prove() {
	k.stream.mu.Lock()
	first := !k.stream.proved
	k.stream.proved = true
	k.stream.mu.Unlock()
	if first {
		k.server.mu.Lock()
		k.server.pause, k.server.barren = 0, 0
		k.server.mu.Unlock()
	}
}

// fruitless tells a connection that took users' requests and answered none. One that
// ends under a Status-Server is none: FreeRADIUS hangs up at those unless it is told to
// answer them, and serves users all the same.
func (k *socket) fruitless() bool {
	k.mu.Lock()
	status := k.slots[0].waiting
	k.mu.Unlock()
	k.stream.mu.Lock()
	defer k.stream.mu.Unlock()
	return k.stream.used && !k.stream.proved && !status
}

// use takes note that a user's request goes out.
func (k *stream) use() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.used = true
}

// wrong says what is wrong by now with a connection that stands.
func (s *server) wrong(k *socket) error {
	if k.stream == nil || s.config.Judge == nil {
		return nil
	}
	return s.config.Judge(k.conn.(*tls.Conn).ConnectionState())
}

// rejudge ends the connections that are good no longer. What was under way goes out once
// more, and the server is looked at anew, as one that cannot be reached.
func (s *server) rejudge() {
	var why error
	for _, k := range s.openSockets() {
		if err := s.wrong(k); err != nil {
			s.retire(k)
			why = err
		}
	}
	if why != nil {
		s.judged(func(h *health) { h.failed(s.pool.config.Now(), why.Error()) })
	}
}

var errFruitless = errors.New("it takes connections and ends them without an answer")

// broken retires a connection that the other side has ended. A second one in a row that
// ended before it answered anything is no better than one that could not be made: who
// accepts and hangs up would else be dialled twice for each request, and never be judged.
// One that is retired already counts for nothing: we ended it, or reading and writing have
// both met its end.
func (s *server) broken(k *socket) {
	fruitless := k.fruitless()
	s.mu.Lock()
	again := s.takeOut(k) && fruitless && s.hangsUp()
	s.mu.Unlock()
	k.end()
	if again {
		s.unreachable(errFruitless)
	}
}

// hangsUp counts a connection that answered nothing and says whether that is a habit. The
// caller holds s.mu.
func (s *server) hangsUp() bool {
	if s.barren++; s.barren < 2 {
		return false
	}
	s.failure = errFruitless
	s.backOff(errFruitless)
	return true
}

// listenStream reads replies until the connection ends. One that is malformed or
// signed wrongly ends it: whatever follows cannot be trusted to begin where it seems
// to (RFC 6613, section 2.6.4; P64).
func (k *socket) listenStream(g *signer) {
	defer k.server.broken(k)
	r := bufio.NewReaderSize(k.conn, 16<<10)
	buf := make([]byte, maxPacket)
	for {
		b, err := readFrame(r, buf)
		if err != nil {
			if errors.Is(err, errLength) {
				k.server.counters.dropped[malformed].Add(1)
			}
			return
		}
		switch k.take(b, g) {
		case malformed, forged, signedWrongly:
			return
		case sound:
			k.stream.heard.Store(k.server.pool.age())
			k.stream.misses.Store(0)
			k.prove()
		}
	}
}

var errLength = errors.New("a length that no packet has")

// readFrame reads one packet: on a stream its Length says where it ends (RFC 6613,
// section 2.6.1).
func readFrame(r io.Reader, buf []byte) ([]byte, error) {
	if _, err := io.ReadFull(r, buf[:4]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(buf[2:]))
	if n < headerLength || n > maxPacket {
		return nil, errLength
	}
	_, err := io.ReadFull(r, buf[4:n])
	return buf[:n], err
}

// missed hears that a Status-Server of the connection's own went unanswered, and says
// whether the connection is to end.
func (k *stream) missed() bool {
	const most = 2
	return k.misses.Add(1) >= most
}

// longestQuiet is where to ask next how the server is: on the connection that has not
// been heard for longest, if nobody asks there now.
func (s *server) longestQuiet() (p place) {
	if s.config.Connect == nil {
		return place{}
	}
	var quiet int64
	for _, k := range s.openSockets() {
		k.mu.Lock()
		asked := k.slots[0].waiting
		k.mu.Unlock()
		if heard := k.stream.heard.Load(); !asked && (p.socket == nil || heard < quiet) {
			p, quiet = place{k, 0}, heard
		}
	}
	return p
}

// backOff says from when somebody may dial again. The caller holds s.mu.
func (s *server) backOff(err error) {
	if s.config.Connect == nil {
		return
	}
	if err == nil {
		return // the first answer ends the pause
	}
	s.pause = min(max(2*s.pause, leastBackOff), mostBackOff)
	s.again = s.pool.config.Now().Add(jitter(s.pause))
}

// backingOff returns the failure of the last dial as long as nobody may dial again.
// The caller holds s.mu.
func (s *server) backingOff() error {
	if s.dialling == nil && s.failure != nil && s.pause > 0 && s.pool.config.Now().Before(s.again) {
		return s.failure
	}
	return nil
}

// unreachable takes note that no connection could be made.
func (s *server) unreachable(err error) {
	if s.pool.life.Err() == nil {
		s.judged(func(h *health) { h.unreachable(s.pool.config.Now(), err.Error()) })
	}
}

// cutOff is the error of a request that could not leave or whose connection was lost.
func (s *server) cutOff(t *slot) error {
	switch {
	case s.pool.life.Err() != nil:
		return net.ErrClosed
	case t.failure != nil:
		return t.failure
	}
	return errConnectionLost
}

// protocolError reads why a server could not process a request (RFC 9765, section
// 6.1).
func protocolError(b []byte) error {
	cause := uint32(0)
	for rest := b[headerLength:]; len(rest) > 0; rest = rest[rest[1]:] {
		if rest[0] == byte(rfc3576.ErrorCause_Type) && rest[1] == 6 {
			cause = binary.BigEndian.Uint32(rest[2:])
		}
	}
	return fmt.Errorf("it cannot process the request (Error-Cause %d)", cause)
}
