package main

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"net"
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
	b = append(b[:0], 1, id, 0, 0)
	b = binary.BigEndian.AppendUint64(b, serial*0x9E3779B97F4A7C15)
	b = binary.BigEndian.AppendUint64(b, serial^0xD1B54A32D192ED03)
	authenticator := b[4:20:20]

	b = append(b, 80, 18)
	sign := len(b)
	b = append(b, make([]byte, 16)...)
	b = attribute(b, 1, r.user)
	b = append(b, 2, 2+32)
	b = r.hide(b, authenticator)
	b = attribute(b, 4, "\x0a\x14\x00\x0a")
	b = attribute(b, 32, "royal-wlc")
	b = attribute(b, 30, "02-00-00-00-00-01:eduroam")
	b = attribute(b, 31, "02-00-5E-00-53-01")
	b = attribute(b, 61, "\x00\x00\x00\x13")
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	r.mac.Reset()
	r.mac.Write(b)
	r.mac.Sum(b[sign:sign])
	return b
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
	took                    time.Duration
}

func (t tally) rate() float64 { return float64(t.accepted) / t.took.Seconds() }

// flood sends requests as fast as they are answered, from so many sockets with
// so many in flight on each, for a while. user names the n-th request's user.
func flood(address string, sockets, window int, user func(n uint64) string, while time.Duration) (tally, error) {
	var (
		sum     tally
		serial  atomic.Uint64
		waiting sync.WaitGroup
		mu      sync.Mutex
		failed  error
	)
	serial.Store(uint64(time.Now().UnixNano()))
	begin := time.Now()
	for range sockets {
		waiting.Go(func() {
			t, err := floodOne(address, window, &serial, user, begin.Add(while))
			mu.Lock()
			defer mu.Unlock()
			sum.accepted += t.accepted
			sum.refused += t.refused
			sum.lost += t.lost
			failed = errors.Join(failed, err)
		})
	}
	waiting.Wait()
	sum.took = while
	return sum, failed
}

const batch = 32

// floodOne keeps a window of requests in flight on one socket.
func floodOne(address string, window int, serial *atomic.Uint64, user func(uint64) string, end time.Time) (t tally, err error) {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return t, err
	}
	defer func() { _ = conn.Close() }()
	udp := conn.(*net.UDPConn)
	_ = udp.SetReadBuffer(4 << 20)
	batches := ipv4.NewPacketConn(udp)

	request := newPAP("", benchPassword)
	out, in := messages(batch), messages(batch)
	next, busy := byte(0), [256]bool{}
	inFlight := 0
	send := func(n int) error {
		ready := out[:0]
		for len(ready) < min(n, batch) {
			for busy[next] {
				next++
			}
			number := serial.Add(1)
			request.user = user(number)
			m := out[len(ready)]
			m.Buffers[0] = request.build(m.Buffers[0], next, number)
			busy[next] = true
			next++
			ready = out[:len(ready)+1]
		}
		inFlight += len(ready)
		for len(ready) > 0 {
			sent, err := batches.WriteBatch(ready, 0)
			if err != nil {
				return err
			}
			ready = ready[sent:]
		}
		return nil
	}
	for time.Now().Before(end) {
		for inFlight < window {
			if err := send(window - inFlight); err != nil {
				return t, err
			}
		}
		_ = udp.SetReadDeadline(time.Now().Add(time.Second))
		n, err := batches.ReadBatch(in, 0)
		if err != nil { // a second of silence: what was in flight is lost
			t.lost += uint64(inFlight)
			busy, inFlight = [256]bool{}, 0
			continue
		}
		for _, m := range in[:n] {
			reply := m.Buffers[0][:m.N]
			if len(reply) < 20 || !busy[reply[1]] {
				continue
			}
			busy[reply[1]] = false
			inFlight--
			if reply[0] == 2 {
				t.accepted++
			} else {
				t.refused++
			}
		}
	}
	return t, nil
}

func messages(n int) []ipv4.Message {
	list := make([]ipv4.Message, n)
	for i := range list {
		list[i].Buffers = [][]byte{make([]byte, 4096)}
	}
	return list
}

// A sink is a pretend upstream: it accepts everybody at once.
type sink struct {
	conn *net.UDPConn
	done chan struct{}
}

func newSink() (*sink, error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(8 << 20)
	s := &sink{conn, make(chan struct{})}
	go s.serve()
	return s, nil
}

func (s *sink) stop() {
	_ = s.conn.Close()
	<-s.done
}

func (s *sink) serve() {
	defer close(s.done)
	batches := ipv4.NewPacketConn(s.conn)
	in, out := messages(batch), messages(batch)
	mac := hmac.New(md5.New, []byte(benchSecret))
	for {
		n, err := batches.ReadBatch(in, 0)
		if err != nil {
			return
		}
		for i, m := range in[:n] {
			out[i].Addr = m.Addr
			out[i].Buffers[0] = accept(out[i].Buffers[0], m.Buffers[0][:m.N], mac)
		}
		for ready := out[:n]; len(ready) > 0; {
			sent, err := batches.WriteBatch(ready, 0)
			if err != nil {
				return
			}
			ready = ready[sent:]
		}
	}
}

// accept answers one request: Message-Authenticator first, Proxy-State as it came.
func accept(b, request []byte, mac hash.Hash) []byte {
	b = append(b[:0], 2, request[1], 0, 0)
	b = append(b, request[4:20]...)
	b = append(b, 80, 18)
	b = append(b, make([]byte, 16)...)
	for rest := request[20:]; len(rest) >= 2 && int(rest[1]) >= 2 && int(rest[1]) <= len(rest); rest = rest[rest[1]:] {
		if rest[0] == 33 {
			b = append(b, rest[:rest[1]]...)
		}
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	mac.Reset()
	mac.Write(b)
	mac.Sum(b[22:22])
	sum := md5.Sum(append(b, benchSecret...))
	copy(b[4:20], sum[:])
	return b
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
	each := (after - before) / time.Duration(t.accepted)
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
	s, err := start(1, upstream.conn.LocalAddr().String())
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
