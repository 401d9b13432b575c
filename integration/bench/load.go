package main

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"
)

// A papRequest builds Access-Requests with a User-Password: each is a new one,
// with an authenticator of its own, for a server that remembers replies.
type papRequest struct {
	user, password string
	mac            hash.Hash
}

func newPAP(user, password string) *papRequest {
	return &papRequest{user, password, hmac.New(md5.New, []byte(benchSecret))}
}

// build appends a request to b[:0]; serial makes its authenticator.
func (r *papRequest) build(b []byte, id byte, serial uint64) []byte {
	return r.buildWith(b, id, serial, func(b, authenticator []byte) []byte {
		return r.hide(append(b, 2, 2+32), authenticator)
	})
}

// buildWith appends a request whose credential is appended by another.
func (r *papRequest) buildWith(b []byte, id byte, serial uint64, credential func(b, authenticator []byte) []byte) []byte {
	b = append(b[:0], 1, id, 0, 0)
	b = binary.BigEndian.AppendUint64(b, serial*0x9E3779B97F4A7C15)
	b = binary.BigEndian.AppendUint64(b, serial^0xD1B54A32D192ED03)
	authenticator := b[4:20:20]

	b = append(b, 80, 18)
	sign := len(b)
	b = append(b, make([]byte, 16)...)
	b = attribute(b, 1, r.user)
	b = credential(b, authenticator)
	b = attribute(b, 4, "\x0a\x14\x00\x0a")
	b = attribute(b, 32, "royal-wlc")
	b = attribute(b, 30, "02-00-00-00-00-01:eduroam")
	b = attribute(b, 31, benchDevice(serial))
	b = attribute(b, 61, "\x00\x00\x00\x13")
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	r.mac.Reset()
	r.mac.Write(b)
	r.mac.Sum(b[sign:sign])
	return b
}

// benchDevice is one of 4,096: people come back.
func benchDevice(n uint64) string {
	b := []byte("02-00-5E-00-00-00")
	const digits = "0123456789ABCDEF"
	b[13], b[15], b[16] = digits[n>>8&15], digits[n>>4&15], digits[n&15]
	return string(b)
}

// hide writes the password as RFC 2865, section 5.2 does, in two blocks.
func (r *papRequest) hide(b, authenticator []byte) []byte {
	var plain [32]byte
	copy(plain[:], r.password)
	last := authenticator
	for i := 0; i < len(plain); i += 16 {
		pad := md5.Sum(append([]byte(benchSecret), last...))
		for j := range pad {
			pad[j] ^= plain[i+j]
		}
		b = append(b, pad[:]...)
		last = b[len(b)-16:]
	}
	return b
}

func attribute(b []byte, kind byte, value string) []byte {
	return append(append(b, kind, byte(2+len(value))), value...)
}

// A tally is what a load came to.
type tally struct {
	accepted, refused, lost uint64
	drained                 uint64          // accepted after the time was up
	took                    time.Duration   // of what was accepted in time
	waits                   []time.Duration // of each answer, in no order
}

func (t *tally) rate() float64 { return float64(t.accepted) / t.took.Seconds() }

// answered is how many requests the server has done its work for.
func (t *tally) answered() uint64 { return t.accepted + t.drained + t.refused }

func (t *tally) add(other *tally) {
	t.accepted += other.accepted
	t.refused += other.refused
	t.lost += other.lost
	t.drained += other.drained
	t.waits = append(t.waits, other.waits...)
}

// percentile is what so many of a hundred answers did not wait longer for.
func percentile(waits []time.Duration, p float64) time.Duration {
	if len(waits) == 0 {
		return 0
	}
	slices.Sort(waits)
	return waits[min(len(waits)-1, int(float64(len(waits))*p/100))]
}

// A load is how a server is asked.
type load struct {
	address string
	sockets int                   // pretend controllers
	window  int                   // requests in flight on each at most, up to 256
	rate    float64               // requests a second together; 0: as fast as they are answered
	user    func(n uint64) string // the n-th request's
	while   time.Duration
	waits   bool // note how long each answer took
}

// flood sends requests as fast as they are answered, from so many sockets with
// so many in flight on each, for a while. user names the n-th request's user.
func flood(address string, sockets, window int, user func(n uint64) string, while time.Duration) (tally, error) {
	l := load{address: address, sockets: sockets, window: window, user: user, while: while}
	return l.run()
}

func (l *load) run() (tally, error) {
	var (
		sum     tally
		serial  atomic.Uint64
		waiting sync.WaitGroup
		mu      sync.Mutex
		failed  error
	)
	serial.Store(uint64(time.Now().UnixNano()))
	begin := time.Now()
	for range l.sockets {
		waiting.Go(func() {
			a, err := newAsker(l, &serial)
			if err == nil {
				err = a.ask(begin)
			}
			mu.Lock()
			defer mu.Unlock()
			if a != nil {
				sum.add(&a.tally)
			}
			failed = errors.Join(failed, err)
		})
	}
	waiting.Wait()
	sum.took = l.while
	return sum, failed
}

const (
	batch   = 32
	givenUp = 2 * time.Second // without an answer a request is lost; nothing is sent twice
)

// An asker is one socket of a load: a controller with up to 256 requests in flight.
type asker struct {
	*load
	tally    tally
	serial   *atomic.Uint64
	udp      *net.UDPConn
	batches  *ipv4.PacketConn
	request  *papRequest
	out, in  []ipv4.Message
	next     byte
	sent     [256]time.Time // zero: not in flight
	inFlight int
	looked   time.Time // for what is lost
}

func newAsker(l *load, serial *atomic.Uint64) (*asker, error) {
	conn, err := net.Dial("udp", l.address)
	if err != nil {
		return nil, err
	}
	udp := conn.(*net.UDPConn)
	_ = udp.SetReadBuffer(4 << 20)
	return &asker{
		load: l, serial: serial, udp: udp, batches: ipv4.NewPacketConn(udp),
		request: newPAP("", benchPassword), out: messages(batch), in: messages(batch), looked: time.Now(),
	}, nil
}

// ask asks from begin until the load's time is up, and then hears what is still
// under way.
func (a *asker) ask(begin time.Time) error {
	defer func() { _ = a.udp.Close() }()
	end := begin.Add(a.while)
	asked := 0
	for {
		now := time.Now()
		late := !now.Before(end)
		if late && a.inFlight == 0 {
			return nil
		}
		room := 0
		if !late {
			room = a.window - a.inFlight
		}
		if a.rate > 0 {
			room = min(room, int(now.Sub(begin).Seconds()*a.rate/float64(a.sockets))-asked)
		}
		if room > 0 {
			n, err := a.send(min(room, batch), now)
			if err != nil {
				return err
			}
			if asked += n; room > n && n > 0 {
				continue
			}
		}
		if err := a.hear(now, late); err != nil {
			return err
		}
	}
}

func (a *asker) send(n int, now time.Time) (int, error) {
	for _, m := range a.out[:n] {
		for !a.sent[a.next].IsZero() {
			a.next++
		}
		number := a.serial.Add(1)
		a.request.user = a.user(number)
		m.Buffers[0] = a.request.build(m.Buffers[0], a.next, number)
		a.sent[a.next] = now
		a.next++
	}
	a.inFlight += n
	return n, writeAll(a.batches, a.out[:n])
}

// hear takes the answers that there are, waiting for the first one.
func (a *asker) hear(now time.Time, late bool) error {
	patience := 100 * time.Millisecond
	if a.rate > 0 {
		patience = time.Millisecond
	}
	_ = a.udp.SetReadDeadline(now.Add(patience))
	n, err := a.batches.ReadBatch(a.in, 0)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	now = time.Now()
	for _, m := range a.in[:max(n, 0)] {
		reply := m.Buffers[0][:m.N]
		if len(reply) < 20 || a.sent[reply[1]].IsZero() {
			continue
		}
		if a.waits {
			a.tally.waits = append(a.tally.waits, now.Sub(a.sent[reply[1]]))
		}
		a.sent[reply[1]] = time.Time{}
		a.inFlight--
		switch {
		case reply[0] != 2:
			a.tally.refused++
		case late:
			a.tally.drained++
		default:
			a.tally.accepted++
		}
	}
	a.look(now)
	return nil
}

// look gives up what has been under way for too long.
func (a *asker) look(now time.Time) {
	if now.Sub(a.looked) < givenUp/10 {
		return
	}
	a.looked = now
	for id, sent := range a.sent {
		if !sent.IsZero() && now.Sub(sent) > givenUp {
			a.sent[id] = time.Time{}
			a.inFlight--
			a.tally.lost++
		}
	}
}

func messages(n int) []ipv4.Message {
	list := make([]ipv4.Message, n)
	for i := range list {
		list[i].Buffers = [][]byte{make([]byte, 4096)}
	}
	return list
}

// papRate is plain PAP from the file directory on one pinned core.
func papRate() ([]row, error) {
	s, err := start(20_000, "")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	people := make([]string, 20_000)
	for i := range people {
		people[i] = benchUser(i)
	}
	user := func(n uint64) string { return people[n%uint64(len(people))] }
	if _, err := flood(s.address, 4, 64, user, time.Second); err != nil { // warm
		return nil, err
	}
	return s.flooded("PAP from the file directory", user, 55_000)
}

// flooded is the rate of a load on the server's one core, every log-in of which
// must be accepted and stand in the log.
func (s *server) flooded(what string, user func(uint64) string, target float64) ([]row, error) {
	before, err := s.cpu()
	if err != nil {
		return nil, err
	}
	t, err := flood(s.address, 4, 64, user, 5*time.Second)
	if err != nil {
		return nil, err
	}
	if t.refused > 0 || t.lost > 0 {
		return nil, fmt.Errorf("%d refused, %d lost of a load that had to be accepted", t.refused, t.lost)
	}
	after, err := s.cpu()
	each := (after - before) / time.Duration(t.answered())
	what = fmt.Sprintf("%s, one pinned core (%v of it each)", what, each.Round(100*time.Nanosecond))
	return []row{atLeast(what, t.rate(), target, "/s")}, err
}

// proxyRate is plain PAP that a partner answers, through the whole daemon.
func proxyRate() ([]row, error) {
	upstream, err := newSink()
	if err != nil {
		return nil, err
	}
	defer upstream.stop()
	s, err := start(1, upstream.address())
	if err != nil {
		return nil, err
	}
	defer s.stop()
	user := func(uint64) string { return "student@partner.example" }
	if _, err := flood(s.address, 4, 64, user, time.Second); err != nil { // warm
		return nil, err
	}
	return s.flooded("proxied PAP", user, 25_000)
}
