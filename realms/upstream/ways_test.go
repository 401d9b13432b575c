package upstream

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"
)

// Holds F4 and R23: two servers, and the preferred one is killed, stopped, flaps or grows
// slow, for five minutes of twenty log-ins a second. Nobody is refused, and each waits no
// longer than one retry of a controller. The figures are in docs/performance.md.
func TestF4FourWaysToFail(t *testing.T) {
	for _, way := range []struct {
		name string
		// first is what the preferred server does at a time since the trouble began:
		// nil is silence, else how long it takes.
		first func(since time.Duration) (takes time.Duration, answers bool)
		// most is the median's bound, and whoMet how many may wait for a fail-over.
		most   time.Duration
		whoMet int
	}{
		{"well", func(time.Duration) (time.Duration, bool) { return 10 * time.Millisecond, true }, 20 * time.Millisecond, 0},
		{"stopped", func(time.Duration) (time.Duration, bool) { return 0, false }, 20 * time.Millisecond, 60},
		{"stopped for a minute", func(since time.Duration) (time.Duration, bool) {
			return 10 * time.Millisecond, since > time.Minute
		}, 20 * time.Millisecond, 60},
		{"flapping every seven seconds", func(since time.Duration) (time.Duration, bool) {
			return 10 * time.Millisecond, int(since/(7*time.Second))%2 == 1
		}, 20 * time.Millisecond, 600},
		{"slow: 1.5 s for each", func(time.Duration) (time.Duration, bool) { return 1500 * time.Millisecond, true }, 1600 * time.Millisecond, 0},
	} {
		t.Run(way.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { failIn(t, way.name, way.first, way.most, way.whoMet) })
		})
	}
}

func failIn(t *testing.T, name string, first func(since time.Duration) (time.Duration, bool), most time.Duration, whoMet int) {
	var w wire
	var began atomic.Int64
	var byFirst, bySecond atomic.Int64
	w.serveRaw(addr1, func(b []byte, answer func([]byte, time.Duration)) {
		takes, answers := 10*time.Millisecond, true
		if at := began.Load(); at != 0 {
			takes, answers = first(time.Duration(time.Now().UnixNano() - at))
		}
		if !answers {
			return
		}
		in, err := radius.Parse(b, []byte(upstreamSecret))
		if err != nil {
			panic(err)
		}
		if in.Code == radius.CodeAccessRequest {
			byFirst.Add(1)
		}
		out, isStatus := status(in)
		if !isStatus {
			out = accepts(in)
		}
		answer(out, takes)
	})
	w.serve(addr2, speaks(func(in *radius.Packet) []byte { bySecond.Add(1); return accepts(in) }))
	changes := 0
	p := open(t, Config{Servers: at(addr1, addr2), Dial: w.dial, OnChange: func(_, _, _, _ string) { changes++ }})
	time.Sleep(time.Minute) // it has spoken
	began.Store(time.Now().UnixNano())

	var mu sync.Mutex
	var waits []time.Duration
	var refused error
	var users sync.WaitGroup
	for i := range 20 * 300 {
		users.Go(func() {
			begin := time.Now()
			_, err := ask(p, papRequest(t, fmt.Sprintf("u%d@b.example", i), "pw"))
			mu.Lock()
			defer mu.Unlock()
			waits = append(waits, time.Since(begin))
			refused = errors.Join(refused, err)
		})
		time.Sleep(50 * time.Millisecond)
	}
	users.Wait()
	p.Close()
	slices.Sort(waits)
	at := func(share float64) time.Duration {
		return waits[min(len(waits)-1, int(share*float64(len(waits))))].Round(time.Millisecond)
	}
	late := 0
	for _, d := range waits {
		if d > 2*time.Second {
			late++
		}
	}
	t.Logf("%s: %d log-ins, refused %v; half within %v, 99 of 100 within %v, the longest %v; %d waited longer than 2 s; %d answered by the first, %d by the second; %d changes of health",
		name, len(waits), refused, at(0.5), at(0.99), waits[len(waits)-1].Round(time.Millisecond), late, byFirst.Load(), bySecond.Load(), changes)
	if refused != nil {
		t.Errorf("refused: %v", refused)
	}
	if at(0.5) > most || waits[len(waits)-1] > 5*time.Second || late > whoMet {
		t.Errorf("half within %v, the longest %v, %d late", at(0.5), waits[len(waits)-1], late)
	}
}
