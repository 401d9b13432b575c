package main

import (
	"fmt"
	"time"
)

// farAway is how long the way to a far upstream is, there and back, and farInFlight
// how many requests are under way to it.
const (
	farAway     = 50 * time.Millisecond
	farSockets  = 8
	farInFlight = 1024
)

func farFlood(address string) (tally, error) {
	l := load{address: address, sockets: farSockets, window: farInFlight / farSockets, user: func(uint64) string { return peerUser }, while: 5 * time.Second}
	return l.run()
}

// farUpstreamRate is proxied PAP when the upstream is 50 ms away: every one of 1,024
// in flight takes an identifier for as long, so one source port with its 256 will not do.
func farUpstreamRate() ([]row, error) {
	upstream, err := newFarSink(farAway)
	if err != nil {
		return nil, err
	}
	defer upstream.stop()
	s, err := start(1, upstream.address())
	if err != nil {
		return nil, err
	}
	defer s.stop()
	t, err := farFlood(s.address)
	if err != nil {
		return nil, err
	}
	return []row{
		atLeast("proxied PAP, upstream 50 ms away, 1,024 in flight", t.rate(), 12_000, "/s"),
		atMost(fmt.Sprintf("of them lost or refused (%d answered)", t.answered()), float64(t.lost+t.refused), 0, ""),
	}, nil
}
