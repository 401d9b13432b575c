package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// A dead upstream among live ones: people of our own and of one realm log in at a steady
// rate, and a few of another besides. Three servers of ours take turns, many short ones in
// an order of its own each round, on the same core: with one the other realm's upstream is
// dead, with two it lives, and what these two differ by is what the measure itself is
// worth. The 99th percentile is each turn's own, and it is compared within each round: a
// moment in which something else has the core then spoils one comparison and not all.
const (
	steadyRate    = 3000.0 // a second
	elsewhereRate = 100.0
	besideTurns   = 150
	besideTurn    = 150 * time.Millisecond
)

// A beside is one of the servers, and what its people of the live realm waited.
type beside struct {
	server *server
	other  *net.UDPConn // where people of the other realm come from
	asked  byte
	waits  []float64 // each turn's 99th percentile, in microseconds
	failed uint64
}

// deadUpstream is what somebody else's dead upstream costs those whose own lives.
func deadUpstream() (rows []row, err error) {
	living, err := newSink()
	if err != nil {
		return nil, err
	}
	defer living.stop()
	silent, err := net.ListenPacket("udp", "127.0.0.1:0") // hears, and never answers
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, silent.Close()) }()

	var all []*beside
	defer func() {
		for _, b := range all {
			b.stop()
		}
	}()
	for _, upstream := range []string{living.address(), silent.LocalAddr().String(), living.address()} {
		own, err := newSink()
		if err != nil {
			return nil, err
		}
		defer own.stop()
		b, err := startBeside(own.address(), upstream)
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	for turn := range besideTurns + 1 {
		for _, i := range rand.Perm(len(all)) {
			if err := all[i].turn(); err != nil {
				return nil, err
			}
		}
		if turn == 0 { // it warms
			for _, b := range all {
				b.waits, b.failed = nil, 0
			}
		}
	}
	live, dead, control := all[0], all[1], all[2]
	return []row{
		atMost(fmt.Sprintf("99th percentile of log-ins beside a dead upstream over that beside a live one (%.0f and %.0f µs)", median(dead.waits), median(live.waits)), medianRatio(dead.waits, live.waits), 1.1, " x"),
		told("the same of two that both live: what the measure is worth", fmt.Sprintf("%.2f x", medianRatio(control.waits, live.waits))),
		atMost("of them lost or refused", float64(all[0].failed+all[1].failed+all[2].failed), 0, ""),
	}, nil
}

// staffAndVisitors are people of our own and of the realm that lives, in turn (F5).
func staffAndVisitors(n uint64) string {
	if n%2 == 0 {
		return benchUser(0)
	}
	return peerUser
}

// startBeside starts a server whose realm partner.example lives, and whose realm
// other.example has the upstream given.
func startBeside(own, other string) (*beside, error) {
	s, err := startWith(options{users: 1, upstream: own, more: map[string]string{"other.example": other}})
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("udp", s.address)
	if err != nil {
		s.stop()
		return nil, err
	}
	return &beside{server: s, other: conn.(*net.UDPConn)}, nil
}

func (b *beside) stop() {
	_ = b.other.Close()
	b.server.stop()
}

// turn has people of both realms log in for a while. Those of the other one are not
// waited for: in the first ten seconds of a run they wait until the server gives up.
// Then it knows that their upstream is dead and refuses them at once, but for one every
// half a minute who tries it, so that this is what the median of all rounds tells of.
func (b *beside) turn() error {
	main := load{address: b.server.address, sockets: 4, window: 250, rate: steadyRate, user: staffAndVisitors, while: besideTurn, waits: true}
	var (
		waiting sync.WaitGroup
		failed  error
	)
	waiting.Go(func() { failed = b.elsewhere() })
	t, err := main.run()
	waiting.Wait()
	b.waits = append(b.waits, float64(percentile(t.waits, 99))/float64(time.Microsecond))
	b.failed += t.refused + t.lost
	return errors.Join(err, failed)
}

// elsewhere sends what people of the other realm send in one turn.
func (b *beside) elsewhere() error {
	pap := newPAP("visitor@other.example", benchPassword)
	const n = int(elsewhereRate * float64(besideTurn) / float64(time.Second))
	for range n {
		b.asked++
		if _, err := b.other.Write(pap.build(nil, b.asked, rand.Uint64())); err != nil {
			return err
		}
		time.Sleep(besideTurn / time.Duration(n))
	}
	return nil
}
