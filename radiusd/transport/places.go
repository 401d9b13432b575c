package transport

import "sync/atomic"

// places bounds the handlers in flight, and shares them (S15, F10): while at
// most half are taken anybody may have one; beyond that only a client that
// holds less than an equal share of all of them. One flooding controller thus
// leaves half of the places, and every client's share, to the others.
type places struct {
	limit  int64
	taken  atomic.Int64
	active atomic.Int64 // clients with at least one place
}

// A holder is one client as it lives through reloads, and counts its places.
type holder struct {
	name string
	held atomic.Int64

	heard atomic.Bool // a genuine packet came
}

func newPlaces(limit int) *places { return &places{limit: int64(limit)} }

// share is what h may hold when places are short: an equal part among those who
// hold any, itself, and one who may yet come.
func (p *places) share(h *holder) int64 {
	sharers := p.active.Load() + 1
	if h.held.Load() == 0 {
		sharers++
	}
	return max(1, p.limit/sharers)
}

// over says whether h holds its share while places are short.
func (p *places) over(h *holder) bool {
	return p.taken.Load() >= p.limit/2 && h.held.Load() >= p.share(h)
}

// take gives h a place, or says why not.
func (p *places) take(h *holder) Cause {
	if p.over(h) {
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

// A register is a table of clients with the holder of each, by Client.index.
type register struct {
	*Clients
	holders []*holder
}

// newRegister keeps the holders of clients that the table before had by the
// same name, so that a reload frees nobody's places.
func newRegister(c *Clients, before *register) *register {
	known := make(map[string]*holder)
	if before != nil {
		for _, h := range before.holders {
			known[h.name] = h
		}
	}
	r := &register{Clients: c, holders: make([]*holder, len(c.list))}
	for i, client := range c.list {
		if r.holders[i] = known[client.Name]; r.holders[i] == nil {
			r.holders[i] = &holder{name: client.Name}
		}
	}
	return r
}
