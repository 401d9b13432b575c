package store

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// A breaker keeps log-ins from waiting for a store that is known to be away.
type breaker struct {
	cfg    breakerConfig
	ctx    context.Context
	cancel context.CancelFunc
	probes sync.WaitGroup

	mu     sync.Mutex
	open   bool
	failed int // calls in a row
}

type breakerConfig struct {
	probe func(ctx context.Context) error
	tell  func(up bool, why string)
	wait  func(ctx context.Context, d time.Duration) // nil: as long as it takes
}

const (
	breakAfter   = 3 // failures in a row
	firstProbe   = 500 * time.Millisecond
	longestProbe = 5 * time.Second
	probeLimit   = time.Second
)

func newBreaker(cfg breakerConfig) *breaker {
	if cfg.wait == nil {
		cfg.wait = pause
	}
	b := &breaker{cfg: cfg}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

func (b *breaker) allows() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.open && b.ctx.Err() == nil
}

func (b *breaker) good() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = 0
}

// bad counts a failure; the one that is too many opens the breaker.
func (b *breaker) bad(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed++; b.failed < breakAfter || b.open || b.ctx.Err() != nil {
		return
	}
	b.open = true
	b.say(false, err.Error())
	b.probes.Go(b.probe)
}

// probe asks until there is an answer, one question at a time.
func (b *breaker) probe() {
	for wait := firstProbe; b.ctx.Err() == nil; wait = min(2*wait, longestProbe) {
		b.cfg.wait(b.ctx, wait/2+rand.N(wait/2)) //nolint:gosec // jitter, so that servers do not come back in step
		limit, cancel := context.WithTimeout(b.ctx, probeLimit)
		err := b.cfg.probe(limit)
		cancel()
		if err == nil {
			b.mu.Lock()
			b.open, b.failed = false, 0
			b.say(true, "it answers again")
			b.mu.Unlock()
			return
		}
	}
}

func (b *breaker) say(up bool, why string) {
	if b.cfg.tell != nil {
		b.cfg.tell(up, why)
	}
}

func (b *breaker) close() {
	b.cancel()
	b.probes.Wait()
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
