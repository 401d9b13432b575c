package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// A dead upstream among live ones: people of one realm log in at a steady rate, and a
// few of another, whose upstream lives in one turn and is dead in the next.
const (
	steadyRate    = 3000.0 // a second
	elsewhereRate = 100.0
	deadTurns     = 16
	deadTurn      = 1500 * time.Millisecond
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
	failed := uint64(0)
	others := []string{"living.example", "dead.example"}
	for turn := range deadTurns + 1 {
		slices.Reverse(others) // neither always comes second
		for _, other := range others {
			wait, lost, err := s.beside(other)
			if err != nil {
				return nil, err
			}
			failed += lost
			if turn > 0 { // the first warms
				waits[other] = append(waits[other], wait)
			}
		}
	}
	// A turn in which something else took the core says nothing: the calmer quarter counts.
	before, after := percentile(waits["living.example"], 25), percentile(waits["dead.example"], 25)
	what := fmt.Sprintf("99th percentile of log-ins beside a dead upstream over that beside a live one (%v / %v)", after.Round(time.Microsecond), before.Round(time.Microsecond))
	return []row{
		atMost(what, float64(after)/float64(before), 1.1, " x"),
		atMost("of them lost or refused", float64(failed), 0, ""),
	}, nil
}

// beside is the 99th percentile of what people of the live realm wait while others of
// the other realm log in, and how many of them do not get in.
func (s *server) beside(other string) (wait time.Duration, lost uint64, err error) {
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
		return 0, 0, err
	}
	return percentile(t.waits, 99), t.refused + t.lost, nil
}
