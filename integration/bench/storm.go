package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"causeway/radiusd/supplicant"
)

// A morning: the power comes back, and every device of a hospital wants in.
const (
	stormDevices = 10_000
	stormWhile   = 30 * time.Second // they come one after the other, evenly
	stormRadios  = 256              // log-ins under way at most; who comes then waits, and it counts
)

// storm is how long 10,000 devices wait that come within half a minute, each with a full
// log-in by PEAP of a person of its own, and how often their controllers repeat
// themselves (F11). The server has one core, and the devices the other.
func storm() ([]row, error) {
	s, err := start(stormDevices, "")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	var (
		next, repeated atomic.Int64
		radios         sync.WaitGroup
		mu             sync.Mutex
		waits          []time.Duration
		failed         error
	)
	requests := int64(0)
	began := time.Now()
	for range stormRadios {
		radios.Go(func() {
			for n := next.Add(1) - 1; n < stormDevices; n = next.Add(1) - 1 {
				comes := began.Add(time.Duration(n) * stormWhile / stormDevices)
				time.Sleep(time.Until(comes))
				result, err := s.oneOf(int(n))
				repeated.Add(int64(result.Retransmits))
				mu.Lock()
				waits, failed = append(waits, time.Since(comes)), errors.Join(failed, err)
				requests += int64(result.Rounds)
				mu.Unlock()
			}
		})
	}
	radios.Wait()
	if failed != nil {
		return nil, failed
	}
	took := time.Since(began)
	slices.Sort(waits)
	what := fmt.Sprintf("10,000 devices within 30 s, each by PEAP (the median waits %v, the last of 100 %v, the longest %v)",
		waits[len(waits)/2].Round(time.Millisecond), waits[len(waits)*99/100].Round(time.Millisecond), waits[len(waits)-1].Round(time.Millisecond))
	return []row{
		atMost(what, took.Seconds(), 60, " s until all are in"),
		atMost("their requests that were repeated", 100*float64(repeated.Load())/float64(requests), 5, " %"),
	}, nil
}

// oneOf is the log-in of one of many devices, which has to be let in.
func (s *server) oneOf(n int) (supplicant.Result, error) {
	peer, err := supplicant.New(supplicant.Config{User: benchUser(n), Password: benchPassword, Method: "peap-mschapv2", Roots: s.authority.Pool(), ServerName: benchServer})
	if err != nil {
		return supplicant.Result{}, err
	}
	conn, err := net.Dial("udp", s.address)
	if err != nil {
		return supplicant.Result{}, err
	}
	defer func() { _ = conn.Close() }()
	controller := supplicant.Controller{
		Conn: conn, Secret: benchSecret, NASIdentifier: "royal-wlc", SSID: "eduroam",
		Calling: fmt.Sprintf("02-00-00-%02X-%02X-%02X", byte(n>>16), byte(n>>8), byte(n)),
	}
	result, err := controller.Login(context.Background(), peer)
	if err == nil && !result.Accepted() {
		err = fmt.Errorf("%s was refused", benchUser(n))
	}
	return result, err
}
