package fticks

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Config says what lines look like and where they go.
type Config struct {
	Network string      // "udp" (RFC 5426), "tcp" (RFC 6587, octets counted) or "tls" (RFC 5425)
	Address string      // host and port
	TLS     *tls.Config // for "tls"
	Prefix  string      // in front of the first "#": "F-TICKS/eduroam/1.0"
	MAC     string      // VendorHashed, Hashed or Plain
	Key     []byte      // of the hash
	Host    string      // what syslog calls this machine; empty: not known
	Queue   int         // lines that may wait; 0: 4096
	// OnChange is told when the server stops taking lines and when it takes them
	// again. It must not wait.
	OnChange func(up bool, why string)
	// First is how long the sender waits after a failure, twice as long after the
	// next; 0: a second.
	First time.Duration
}

const (
	defaultQueue = 4096
	dialLimit    = 5 * time.Second
	writeLimit   = 5 * time.Second
	longestWait  = time.Minute
	farewell     = 2 * time.Second // that Close gives what waits
)

// A Sender sends ticks to one syslog server. It is safe for many goroutines.
type Sender struct {
	cfg  Config
	wake chan struct{}
	ctx  context.Context // ends when the last line is out, or given up
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex
	waiting []string
	closed  bool
	dropped uint64
}

// Open begins to send. It dials nothing before the first tick.
func Open(cfg Config) *Sender {
	if cfg.Queue <= 0 {
		cfg.Queue = defaultQueue
	}
	if cfg.First <= 0 {
		cfg.First = time.Second
	}
	if cfg.OnChange == nil {
		cfg.OnChange = func(bool, string) {}
	}
	s := &Sender{cfg: cfg, wake: make(chan struct{}, 1), done: make(chan struct{})}
	s.ctx, s.stop = context.WithCancel(context.Background())
	go s.send()
	return s
}

// Send queues a tick. It never waits.
func (s *Sender) Send(t Tick) {
	line, err := s.cfg.line(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || s.closed || len(s.waiting) >= s.cfg.Queue {
		s.dropped++
		return
	}
	s.waiting = append(s.waiting, s.cfg.syslog(t.Time, line))
	s.rouse()
}

// Dropped returns how many ticks were lost since Open: they did not fit, could not be
// written, or were waiting when the sender was closed.
func (s *Sender) Dropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}

// Close lets what waits go out for two seconds at most. It does not wait for that:
// Done does.
func (s *Sender) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	time.AfterFunc(farewell, s.stop)
	s.rouse()
}

// Done is closed once a closed sender has ended.
func (s *Sender) Done() <-chan struct{} { return s.done }

// rouse is called with the lock held.
func (s *Sender) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// syslog frames a line by RFC 5424, section 6: local0.info, which is what most
// collectors of F-Ticks take.
func (c *Config) syslog(at time.Time, line string) string {
	const local0Info = 16*8 + 6
	host := c.Host
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' }) || len(host) > 255 {
		host = "-"
	}
	return fmt.Sprintf("<%d>1 %s %s radiusd %d F-TICKS - %s",
		local0Info, at.UTC().Format("2006-01-02T15:04:05.000Z"), host, os.Getpid(), line)
}

// send is the one goroutine that writes.
func (s *Sender) send() {
	defer close(s.done)
	defer s.stop()
	var to outlet
	defer to.hangUp()
	wait, up := s.cfg.First, true
	for {
		line, more := s.next()
		if !more {
			return
		}
		err := s.put(&to, line)
		if err == nil {
			s.took()
			if wait = s.cfg.First; !up {
				up = true
				s.cfg.OnChange(true, "")
			}
			continue
		}
		to.hangUp()
		if up {
			up = false
			s.cfg.OnChange(false, err.Error())
		}
		s.pause(wait - wait/4 + rand.N(wait/2)) //nolint:gosec // nobody gains by guessing it
		wait = min(2*wait, longestWait)
	}
}

// next waits for a line; there are no more once the sender has ended.
func (s *Sender) next() (line string, more bool) {
	for {
		s.mu.Lock()
		waiting, closed := len(s.waiting), s.closed
		if waiting > 0 {
			line = s.waiting[0]
		}
		if s.ctx.Err() != nil { // the time of farewell is over
			s.dropped += uint64(waiting)
			s.waiting = nil
			waiting, closed = 0, true
		}
		s.mu.Unlock()
		switch {
		case waiting > 0:
			return line, true
		case closed:
			return "", false
		}
		<-s.wake
	}
}

// took takes the first line off the queue: it is out.
func (s *Sender) took() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[0] = ""
	s.waiting = s.waiting[1:]
}

// pause waits before the next try, or until the sender ends.
func (s *Sender) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.ctx.Done():
	}
}

// put writes one line, on a new connection where there is none.
func (s *Sender) put(to *outlet, line string) error {
	if to.broken() {
		to.hangUp()
	}
	if to.conn == nil {
		conn, err := s.dial()
		if err != nil {
			return err
		}
		to.connect(conn, s.cfg.Network != "udp")
	}
	if s.cfg.Network != "udp" { // octet counting (RFC 6587, section 3.4.1; RFC 5425, section 4.3)
		line = strconv.Itoa(len(line)) + " " + line
	}
	_ = to.conn.SetWriteDeadline(time.Now().Add(writeLimit))
	_, err := io.WriteString(to.conn, line)
	return err
}

func (s *Sender) dial() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, dialLimit)
	defer cancel()
	if s.cfg.Network != "tls" {
		return new(net.Dialer).DialContext(ctx, s.cfg.Network, s.cfg.Address)
	}
	return (&tls.Dialer{Config: s.cfg.TLS}).DialContext(ctx, "tcp", s.cfg.Address)
}

// An outlet is one connection. A syslog server says nothing: when one can be read from,
// it has hung up, and what would be written would be lost.
type outlet struct {
	conn net.Conn
	gone chan struct{}
}

func (o *outlet) connect(conn net.Conn, stream bool) {
	o.conn, o.gone = conn, make(chan struct{})
	if !stream {
		return
	}
	go func(gone chan struct{}) {
		defer close(gone)
		_, _ = io.Copy(io.Discard, conn)
	}(o.gone)
}

func (o *outlet) broken() bool {
	select {
	case <-o.gone:
		return o.conn != nil
	default:
		return false
	}
}

func (o *outlet) hangUp() {
	if o.conn != nil {
		_ = o.conn.Close() // what it did not take is sent again
		o.conn = nil
	}
}
