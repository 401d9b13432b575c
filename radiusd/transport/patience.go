package transport

import (
	"context"
	"sync"
	"time"
)

// A patience is the context of one handler: base with a deadline, whose timer
// is made only when somebody waits on it. A handler that answers from memory,
// as most do in a burst, never pays for one.
type patience struct {
	base     context.Context
	deadline time.Time

	mu     sync.Mutex
	timed  context.Context
	cancel context.CancelFunc
	over   bool
}

func (p *patience) Deadline() (time.Time, bool) {
	if d, ok := p.base.Deadline(); ok && d.Before(p.deadline) {
		return d, true
	}
	return p.deadline, true
}

func (p *patience) Done() <-chan struct{} { return p.real().Done() }
func (p *patience) Err() error            { return p.real().Err() }

// Value asks the timed context once there is one, so that contexts derived from
// this one hook into it instead of starting goroutines.
func (p *patience) Value(k any) any {
	p.mu.Lock()
	timed := p.timed
	p.mu.Unlock()
	if timed != nil {
		return timed.Value(k)
	}
	return p.base.Value(k)
}

func (p *patience) real() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timed == nil {
		p.timed, p.cancel = context.WithDeadline(p.base, p.deadline)
		if p.over {
			p.cancel()
		}
	}
	return p.timed
}

// end cancels the context: the handler has returned.
func (p *patience) end() {
	p.mu.Lock()
	p.over = true
	cancel := p.cancel
	p.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}
