package packet

import (
	"crypto/tls"
	"errors"
	"io"
	"iter"
	"net"
	"reflect"
	"time"
)

// An Engine drives crypto/tls message by message, without a goroutine that
// waits: while the handshake runs, TLS lives in a coroutine that is left when
// it wants to read more than it has been given. Nothing of TLS is allocated
// before the first Handshake.
//
// An Engine is used by one caller at a time. Close must be called: an
// unfinished handshake leaks its coroutine otherwise.
type Engine struct {
	cfg    *tls.Config
	client bool

	sessions Sessions // nil: nothing is resumed

	conn *tls.Conn
	wire wire
	log  keyLog
	next func() (struct{}, bool)
	stop func()
	err  error // of the handshake
	done bool
}

// NewServer returns the server's side. The configuration is shared and not
// changed; see [ServerConfig].
func NewServer(cfg *tls.Config) *Engine { return &Engine{cfg: cfg} }

// NewClient returns the client's side. Its first Handshake takes nil and
// returns the ClientHello. The configuration is not changed.
func NewClient(cfg *tls.Config) *Engine {
	e := &Engine{cfg: cfg.Clone(), client: true}
	// For a server without Extended Master Secret; see Export.
	e.log.wanted, e.cfg.KeyLogWriter = true, &e.log
	return e
}

// Sessions keeps what a server's engine needs to resume (RFC 5077, RFC 8446,
// section 2.2). Both are called inside Handshake, where the engine's State may not be asked.
// An error of either would break the handshake, so neither has one.
type Sessions interface {
	// Wrap takes the session that a handshake of this TLS version makes, and
	// returns the name by which its client may ask for it.
	Wrap(version uint16, session *tls.SessionState) (name []byte)
	// Unwrap returns the session of a name, or nil for a full handshake.
	Unwrap(name []byte) *tls.SessionState
}

// Resume lets the server's side resume sessions. It is called before the first
// Handshake.
func (e *Engine) Resume(s Sessions) { e.sessions = s }

// ServerConfig prepares a server's configuration, once, for any number of
// engines: it returns a copy that gives [Engine.Export] what it needs with
// TLS 1.2 clients that have no Extended Master Secret, and each engine its own
// [Sessions].
func ServerConfig(cfg *tls.Config) *tls.Config {
	cfg = cfg.Clone()
	cfg.SessionTicketsDisabled = true
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		w, ok := hello.Conn.(*wire)
		if !ok {
			return nil, nil
		}
		e := w.engine
		e.log.wanted = needsKeyLog(hello)
		if !e.log.wanted && e.sessions == nil {
			return nil, nil
		}
		own := cfg.Clone()
		own.GetConfigForClient = nil
		if e.log.wanted {
			own.KeyLogWriter = &e.log
		}
		if e.sessions != nil {
			e.offer(own)
		}
		return own, nil
	}
	return cfg
}

// offer lets one handshake give out a session and take one up again.
func (e *Engine) offer(own *tls.Config) {
	own.SessionTicketsDisabled = false
	own.WrapSession = func(state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
		return e.sessions.Wrap(state.Version, session), nil
	}
	own.UnwrapSession = func(name []byte, _ tls.ConnectionState) (*tls.SessionState, error) {
		return e.sessions.Unwrap(name), nil
	}
}

// Handshake takes the other side's message and returns our answer, which may be
// empty, and whether the handshake is done on this side. With an error, out
// holds the alert to send, if there is one; [PeerAlert] tells what the other
// side complained of. Octets of in that follow the handshake are kept for Open.
func (e *Engine) Handshake(in []byte) (out []byte, done bool, err error) {
	if e.done || e.err != nil {
		return nil, e.done, e.err
	}
	e.wire.in = append(e.wire.in, in...)
	if e.next == nil {
		e.log.readClientHello(in)
		e.start()
	}
	if e.client {
		e.log.readServerHello(in)
	}
	if _, more := e.next(); !more {
		e.wire.yield, e.done = nil, e.err == nil
		if alert, ok := plainAlert(in); ok && e.err != nil {
			e.wire.out, e.err = nil, &net.OpError{Op: "remote error", Err: alert}
		}
	}
	out = e.wire.take()
	if !e.client {
		e.log.readServerHello(out)
	} else if e.log.clientRandom == nil {
		e.log.readClientHello(out)
	}
	return out, e.done, e.err
}

func (e *Engine) start() {
	e.wire.engine = e
	if e.client {
		e.conn = tls.Client(&e.wire, e.cfg)
	} else {
		e.conn = tls.Server(&e.wire, e.cfg)
	}
	e.next, e.stop = iter.Pull(func(yield func(struct{}) bool) {
		e.wire.yield = yield
		e.err = e.conn.Handshake()
	})
}

// Open takes one message of the other side and returns what it says in the
// tunnel, which is empty when the message was of TLS itself. Open(nil) returns
// what came together with the end of the handshake. An error is fatal; io.EOF
// means that the other side closed the tunnel.
func (e *Engine) Open(in []byte) (plain []byte, err error) {
	if !e.done {
		return nil, errors.New("tunnel used before its handshake is done")
	}
	if !wholeRecords(in) {
		return nil, errors.New("the message ends inside a TLS record")
	}
	e.wire.in = append(e.wire.in, in...)
	// What comes out is shorter than what goes in, but TLS may hold a part of
	// a record from before.
	plain = make([]byte, 0, len(e.wire.in)+64)
	for {
		if len(plain) == cap(plain) {
			plain = append(plain, 0)[:len(plain)]
		}
		n, err := e.conn.Read(plain[len(plain):cap(plain)])
		plain = plain[:len(plain)+n]
		if errors.Is(err, errStarved) {
			return plain, nil
		}
		if err != nil {
			return plain, err
		}
	}
}

// wholeRecords tells whether a message is made of whole TLS records (RFC 8446,
// section 5.1). A part of one would wait in TLS, and look as if nothing had been
// said.
func wholeRecords(message []byte) bool {
	const header = 5
	for len(message) > 0 {
		if len(message) < header {
			return false
		}
		size := header + int(message[3])<<8 + int(message[4])
		if len(message) < size {
			return false
		}
		message = message[size:]
	}
	return true
}

// Seal returns the message that says plain in the tunnel.
func (e *Engine) Seal(plain []byte) (out []byte, err error) {
	if !e.done {
		return nil, errors.New("tunnel used before its handshake is done")
	}
	if len(plain) > 0 {
		if _, err := e.conn.Write(plain); err != nil {
			return nil, err
		}
	}
	return e.wire.take(), nil
}

// Done says that the handshake is complete on this side.
func (e *Engine) Done() bool { return e.done }

// Pending returns what TLS wants to send of its own accord: the alert after a
// failed Open, the answer to a key update.
func (e *Engine) Pending() []byte { return e.wire.take() }

// State returns the state of the connection: version, suite, the peer's
// certificates.
func (e *Engine) State() tls.ConnectionState {
	if e.conn == nil {
		return tls.ConnectionState{}
	}
	return e.conn.ConnectionState()
}

// Close ends an unfinished handshake and frees its coroutine.
func (e *Engine) Close() {
	if e.stop != nil {
		e.stop()
		e.wire.yield = nil
	}
	if !e.done && e.err == nil {
		e.err = net.ErrClosed
	}
}

// PeerAlert returns the fatal alert that the other side sent, when err is one.
func PeerAlert(err error) (tls.AlertError, bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return 0, false
	}
	// The type of alerts that crypto/tls puts here is not exported.
	v := reflect.ValueOf(op.Err)
	if v.Kind() != reflect.Uint8 {
		return 0, false
	}
	return tls.AlertError(v.Uint()), true
}

// plainAlert reads a fatal alert outside encryption. A TLS 1.3 client that fails
// before it has keys of its own sends one, and crypto/tls, which by then
// expects encryption, says only that the record is bad.
func plainAlert(message []byte) (tls.AlertError, bool) {
	const alert, fatal = 21, 2
	if len(message) != 7 || message[0] != alert || message[3] != 0 || message[4] != 2 || message[5] != fatal {
		return 0, false
	}
	return tls.AlertError(message[6]), true
}

// A wire is the net.Conn that TLS reads and writes: two buffers.
type wire struct {
	engine *Engine
	in     []byte
	out    []byte
	yield  func(struct{}) bool // nil outside the handshake
}

func (w *wire) Read(b []byte) (int, error) {
	for len(w.in) == 0 {
		if w.yield == nil {
			return 0, errStarved
		}
		if !w.yield(struct{}{}) {
			w.yield = nil
			return 0, io.ErrUnexpectedEOF
		}
	}
	n := copy(b, w.in)
	if w.in = w.in[n:]; len(w.in) == 0 {
		w.in = nil
	}
	return n, nil
}

func (w *wire) Write(b []byte) (int, error) {
	w.out = append(w.out, b...)
	return len(b), nil
}

// take hands over what was written; the caller owns it.
func (w *wire) take() []byte {
	out := w.out
	w.out = nil
	return out
}

func (*wire) Close() error                     { return nil }
func (*wire) LocalAddr() net.Addr              { return nowhere{} }
func (*wire) RemoteAddr() net.Addr             { return nowhere{} }
func (*wire) SetDeadline(time.Time) error      { return nil }
func (*wire) SetReadDeadline(time.Time) error  { return nil }
func (*wire) SetWriteDeadline(time.Time) error { return nil }

type nowhere struct{}

func (nowhere) Network() string { return "eap" }
func (nowhere) String() string  { return "eap" }

// errStarved is temporary so that crypto/tls does not remember it.
var errStarved error = starvedError{}

type starvedError struct{}

func (starvedError) Error() string   { return "tunnel wants another message" }
func (starvedError) Timeout() bool   { return true }
func (starvedError) Temporary() bool { return true }
