package main

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"hash"
	"net"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
)

// A sink is a pretend upstream: it accepts everybody, at once or as if it were
// far away.
type sink struct {
	conn *net.UDPConn
	away time.Duration // there and back
	done chan struct{}
	mu   sync.Mutex
	late []lateReply // by their time
}

// A lateReply is on its way.
type lateReply struct {
	at     time.Time
	to     net.Addr
	octets []byte
}

func newSink() (*sink, error) { return newFarSink(0) }

func newFarSink(away time.Duration) (*sink, error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(8 << 20)
	s := &sink{conn: conn, away: away, done: make(chan struct{})}
	go s.serve()
	if away > 0 {
		go s.deliver()
	}
	return s, nil
}

func (s *sink) address() string { return s.conn.LocalAddr().String() }

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
		if s.away > 0 {
			s.postpone(in[:n], mac)
			continue
		}
		for i, m := range in[:n] {
			out[i].Addr = m.Addr
			out[i].Buffers[0] = accept(out[i].Buffers[0], m.Buffers[0][:m.N], mac)
		}
		if writeAll(batches, out[:n]) != nil {
			return
		}
	}
}

func writeAll(batches *ipv4.PacketConn, ready []ipv4.Message) error {
	for len(ready) > 0 {
		sent, err := batches.WriteBatch(ready, 0)
		if err != nil {
			return err
		}
		ready = ready[sent:]
	}
	return nil
}

func (s *sink) postpone(in []ipv4.Message, mac hash.Hash) {
	at := time.Now().Add(s.away)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range in {
		s.late = append(s.late, lateReply{at, m.Addr, accept(nil, m.Buffers[0][:m.N], mac)})
	}
}

// deliver looks every half a millisecond for what has arrived.
func (s *sink) deliver() {
	batches := ipv4.NewPacketConn(s.conn)
	for {
		select {
		case <-s.done:
			return
		case <-time.After(500 * time.Microsecond):
		}
		var out []ipv4.Message
		now := time.Now()
		s.mu.Lock()
		for len(s.late) > len(out) && !s.late[len(out)].at.After(now) {
			l := s.late[len(out)]
			out = append(out, ipv4.Message{Addr: l.to, Buffers: [][]byte{l.octets}})
		}
		s.late = s.late[len(out):]
		s.mu.Unlock()
		if writeAll(batches, out) != nil {
			return
		}
	}
}

// accept answers one request: Message-Authenticator first, Proxy-State as it came.
func accept(b, request []byte, mac hash.Hash) []byte {
	return acceptWith(b, request, mac, benchSecret)
}

func acceptWith(b, request []byte, mac hash.Hash, secret string) []byte {
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
	sum := md5.Sum(append(b, secret...))
	copy(b[4:20], sum[:])
	return b
}
