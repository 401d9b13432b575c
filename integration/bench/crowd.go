package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
)

// One controller gone mad (F10): it sends 50,000 requests a second, each a new one that a
// server has to judge, while another goes on as every day.
const (
	crowdRate    = 50_000 // a second
	crowdTime    = 15 * time.Second
	quietRate    = 1000.0 // of the other controller, a second
	crowdSockets = 8
)

// crowd is what the other controller's people have of it. The server has one core, and
// what comes is more than it can do.
func crowd() ([]row, error) {
	s, err := start(1000, "")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	quiet := load{address: s.address, sockets: 2, window: 250, rate: quietRate, user: func(n uint64) string { return benchUser(int(n % 1000)) }, while: crowdTime, waits: true}
	alone, err := quiet.run()
	if err != nil {
		return nil, err
	}
	var (
		mad  sync.WaitGroup
		sent int
		fail error
	)
	mad.Go(func() { sent, fail = floodFrom("127.0.0.2:0", s.address, crowdRate, crowdTime) })
	beside, err := quiet.run()
	mad.Wait()
	if err = errors.Join(err, fail); err != nil {
		return nil, err
	}
	asked := beside.accepted + beside.drained + beside.refused + beside.lost
	what := fmt.Sprintf("log-ins of one controller that succeed at the first try while another sends %.0f requests a second (p99 %v, alone %v)",
		float64(sent)/crowdTime.Seconds(), percentile(beside.waits, 99).Round(time.Microsecond), percentile(alone.waits, 99).Round(time.Microsecond))
	share := 100 * float64(beside.accepted+beside.drained) / float64(asked)
	return []row{{what, fmt.Sprintf("%.2f %%", share), "at least 99.9 %", share >= 99.9}}, nil
}

// floodFrom sends so many requests a second, from an address of its own, and hears no
// answer. It returns how many it sent.
func floodFrom(from, to string, rate int, while time.Duration) (sent int, err error) {
	const beat = time.Millisecond
	var sockets []*ipv4.PacketConn
	dialer := net.Dialer{}
	if dialer.LocalAddr, err = net.ResolveUDPAddr("udp", from); err != nil {
		return 0, err
	}
	for range crowdSockets {
		conn, err := dialer.Dial("udp", to)
		if err != nil {
			return 0, err
		}
		defer func() { _ = conn.Close() }()
		sockets = append(sockets, ipv4.NewPacketConn(conn.(*net.UDPConn)))
	}
	pap, out := newPAP("", benchPassword), messages(batch)
	ids := [crowdSockets]byte{}
	for begin := time.Now(); time.Since(begin) < while; time.Sleep(beat) {
		for due := int(time.Since(begin).Seconds() * float64(rate)); sent < due; {
			at := sent / batch % crowdSockets
			for i := range out {
				pap.user = benchUser((sent + i) % 1000)
				out[i].Buffers[0] = pap.build(out[i].Buffers[0], ids[at], serial())
				ids[at]++
			}
			if err := writeAll(sockets[at], out); err != nil {
				return sent, err
			}
			sent += len(out)
		}
	}
	return sent, nil
}
