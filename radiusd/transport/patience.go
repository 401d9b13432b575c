package transport

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A patience is the context of one handler: base with a deadline. A handler that
// answers from memory, as most do in a burst, pays for nothing; one that waits pays for
// a channel and a place in the vigil, which is a fifth of what a timer of its own costs.
type patience struct {
	base     context.Context
	deadline time.Time
	vigil    *vigil

	mu    sync.Mutex
	done  chan struct{} // made when somebody waits
	err   error         // why it is over
	calls []*func()     // for when it is

	next, prev *patience // in the vigil, which guards them
}

var _ context.Context = (*patience)(nil)

func (p *patience) Deadline() (time.Time, bool) {
	if d, ok := p.base.Deadline(); ok && d.Before(p.deadline) {
		return d, true
	}
	return p.deadline, true
}

func (p *patience) Value(k any) any { return p.base.Value(k) }

func (p *patience) Done() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done != nil {
		return p.done
	}
	p.done = make(chan struct{})
	if p.err == nil && !p.vigil.add(p) {
		p.err = context.Canceled
	}
	if p.err != nil {
		close(p.done)
	}
	return p.done
}

func (p *patience) Err() error {
	p.mu.Lock()
	err := p.err
	p.mu.Unlock()
	if err != nil {
		return err
	}
	if err = p.base.Err(); err == nil && !time.Now().Before(p.deadline) {
		err = context.DeadlineExceeded
	}
	if err != nil {
		return p.finish(err)
	}
	return nil
}

// AfterFunc lets contexts that are derived from this one hook into it instead of
// starting goroutines (see context.AfterFunc).
func (p *patience) AfterFunc(f func()) (stop func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		go f()
		return func() bool { return false }
	}
	call := &f
	p.calls = append(p.calls, call)
	return func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		i := slices.Index(p.calls, call)
		if i >= 0 {
			p.calls = slices.Delete(p.calls, i, i+1)
		}
		return i >= 0
	}
}

// end cancels the context: the handler has returned.
func (p *patience) end() { _ = p.finish(context.Canceled) }

// finish ends the context, once, and returns why it ended.
func (p *patience) finish(err error) error {
	p.mu.Lock()
	if p.err != nil {
		defer p.mu.Unlock()
		return p.err
	}
	p.err = err
	calls, waited := p.calls, p.done != nil
	p.calls = nil
	if waited {
		close(p.done)
	}
	p.mu.Unlock()
	if waited {
		p.vigil.remove(p)
	}
	for _, call := range calls {
		go (*call)()
	}
	return err
}

// vigilBeat is how often the vigil looks, and so how late it may be. Patience is
// counted in tens of seconds.
const vigilBeat = 100 * time.Millisecond

// A vigil ends those patiences that somebody waits on, when their time is out or base
// ends: one list and one goroutine, however many there are.
type vigil struct {
	mu   sync.Mutex
	root patience // of a ring
	over bool
}

// newVigil keeps one until base ends.
func newVigil(base context.Context) *vigil {
	v := &vigil{}
	v.root.next, v.root.prev = &v.root, &v.root
	go v.keep(base)
	return v
}

// add is false when the vigil is over.
func (v *vigil) add(p *patience) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.over {
		return false
	}
	p.prev, p.next = v.root.prev, &v.root
	p.prev.next, p.next.prev = p, p
	return true
}

func (v *vigil) remove(p *patience) {
	v.mu.Lock()
	defer v.mu.Unlock()
	p.prev.next, p.next.prev = p.next, p.prev
}

func (v *vigil) keep(base context.Context) {
	ticker := time.NewTicker(vigilBeat)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			for _, p := range v.due(now, false) {
				_ = p.finish(context.DeadlineExceeded)
			}
		case <-base.Done():
			for _, p := range v.due(time.Time{}, true) {
				_ = p.finish(base.Err())
			}
			return
		}
	}
}

// due lists those whose time is out, or everybody when the vigil is over.
func (v *vigil) due(now time.Time, over bool) (list []*patience) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over = over
	for p := v.root.next; p != &v.root; p = p.next {
		if over || !now.Before(p.deadline) {
			list = append(list, p)
		}
	}
	return list
}
