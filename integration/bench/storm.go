package main

import (
	"errors"
	"fmt"
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
		next               atomic.Int64
		radios             sync.WaitGroup
		mu                 sync.Mutex
		waits              []time.Duration
		requests, repeated int
		failed             error
	)
	began := time.Now()
	for range stormRadios {
		radios.Go(func() {
			for n := next.Add(1) - 1; n < stormDevices; n = next.Add(1) - 1 {
				comes := began.Add(time.Duration(n) * stormWhile / stormDevices)
				time.Sleep(time.Until(comes))
				result, err := s.oneOf(int(n))
				mu.Lock()
				waits, failed = append(waits, time.Since(comes)), errors.Join(failed, err)
				requests, repeated = requests+result.Rounds, repeated+result.Retransmits
				mu.Unlock()
			}
		})
	}
	radios.Wait()
	if failed != nil {
		return nil, failed
	}
	took := time.Since(began)
	what := fmt.Sprintf("10,000 devices within 30 s, each by PEAP, until all are in (the median waits %v, the last of 100 %v, the longest %v)",
		percentile(waits, 50).Round(time.Millisecond), percentile(waits, 99).Round(time.Millisecond), percentile(waits, 100).Round(time.Millisecond))
	return []row{
		atMost(what, took.Seconds(), 60, " s"),
		atMost("their requests that were repeated", 100*float64(repeated)/float64(requests), 5, " %"),
	}, nil
}

// oneOf is the log-in of one of many devices, which has to be let in.
func (s *server) oneOf(n int) (supplicant.Result, error) {
	controller, err := s.controller()
	if err != nil {
		return supplicant.Result{}, err
	}
	defer func() { _ = controller.Conn.Close() }()
	controller.Calling = fmt.Sprintf("02-00-00-%02X-%02X-%02X", byte(n>>16), byte(n>>8), byte(n))
	peer, err := supplicant.New(s.person(n, "peap-mschapv2"))
	if err != nil {
		return supplicant.Result{}, err
	}
	return letIn(controller, peer)
}
