package transport

import (
	"sync"
	"sync/atomic"
)

// places bounds the handlers in flight, and shares them (S15, F10): while at
// most half are taken anybody may have one; beyond that only a client that
// holds less than an equal share of all of them. One flooding controller thus
// leaves half of the places, and every client's share, to the others.
type places struct {
	limit  int64
	taken  atomic.Int64
	active atomic.Int64 // clients with at least one place

	mu      sync.RWMutex
	holders map[string]*holder // by client name; the names outlive a reload
}

// A holder counts one client's places.
type holder struct{ held atomic.Int64 }

func newPlaces(limit int) *places {
	return &places{limit: int64(limit), holders: make(map[string]*holder)}
}

// holder returns the count of the client called name.
func (p *places) holder(name string) *holder {
	p.mu.RLock()
	h := p.holders[name]
	p.mu.RUnlock()
	if h != nil {
		return h
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if h = p.holders[name]; h == nil {
		h = &holder{}
		p.holders[name] = h
	}
	return h
}

// share is what h may hold when places are short: an equal part among those who
// hold any, itself, and one who may yet come.
func (p *places) share(h *holder) int64 {
	sharers := p.active.Load() + 1
	if h.held.Load() == 0 {
		sharers++
	}
	return max(1, p.limit/sharers)
}

// take gives h a place, or says why not.
func (p *places) take(h *holder) Cause {
	if p.taken.Load() >= p.limit/2 && h.held.Load() >= p.share(h) {
		return OverShare
	}
	if p.taken.Add(1) > p.limit {
		p.taken.Add(-1)
		return OverCapacity
	}
	if h.held.Add(1) == 1 {
		p.active.Add(1)
	}
	return causeNone
}

func (p *places) free(h *holder) {
	if h.held.Add(-1) == 0 {
		p.active.Add(-1)
	}
	p.taken.Add(-1)
}

// keep forgets the holders of clients that a reload took away.
func (p *places) keep(c *Clients) {
	names := make(map[string]bool)
	for _, client := range c.All() {
		names[client.Name] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, h := range p.holders {
		if !names[name] && h.held.Load() == 0 {
			delete(p.holders, name)
		}
	}
}
