package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// A dead upstream among live ones: people of one realm log in at a steady rate, and a
// few of another, whose upstream lives in one turn and is dead in the next.
const (
	steadyRate    = 3000.0 // a second
	elsewhereRate = 100.0
	deadTurns     = 8
	deadTurn      = 3 * time.Second
)

// deadUpstream is what somebody else's dead upstream costs those whose own lives.
func deadUpstream() ([]row, error) {
	var live [2]*sink
	for i := range live {
		s, err := newSink()
		if err != nil {
			return nil, err
		}
		defer s.stop()
		live[i] = s
	}
	silent, err := net.ListenPacket("udp", "127.0.0.1:0") // hears, and never answers
	if err != nil {
		return nil, err
	}
	defer func() { _ = silent.Close() }()
	s, err := startWith(options{users: 1, upstream: live[0].address(), more: map[string]string{
		"living.example": live[1].address(), "dead.example": silent.LocalAddr().String(),
	}})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	waits := map[string][]time.Duration{} // the 99th percentile of each turn
	for turn := range deadTurns + 1 {
		for _, other := range []string{"living.example", "dead.example"} {
			wait, err := s.beside(other)
			if err != nil {
				return nil, err
			}
			if turn > 0 { // the first warms
				waits[other] = append(waits[other], wait)
			}
		}
	}
	before, after := median(waits["living.example"]), median(waits["dead.example"])
	what := fmt.Sprintf("99th percentile of log-ins beside a dead upstream over that beside a live one (%v / %v)", after.Round(time.Microsecond), before.Round(time.Microsecond))
	return []row{atMost(what, float64(after)/float64(before), 1.1, " x")}, nil
}

// beside is the 99th percentile of what people of the live realm wait while others of
// the other realm log in.
func (s *server) beside(other string) (time.Duration, error) {
	main := load{address: s.address, sockets: 4, window: 250, rate: steadyRate, user: func(uint64) string { return peerUser }, while: deadTurn, waits: true}
	side := load{address: s.address, sockets: 2, window: 250, rate: elsewhereRate, user: func(uint64) string { return "visitor@" + other }, while: deadTurn}
	var (
		waiting sync.WaitGroup
		failed  error
	)
	waiting.Go(func() { _, failed = side.run() })
	t, err := main.run()
	waiting.Wait()
	if err = errors.Join(err, failed); err != nil {
		return 0, err
	}
	if t.refused > 0 || t.lost > 0 {
		return 0, fmt.Errorf("%d refused, %d lost of a load that had to be accepted", t.refused, t.lost)
	}
	return percentile(t.waits, 99), nil
}
