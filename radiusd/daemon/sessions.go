package daemon

import (
	"container/list"
	"sync"
	"time"

	"causeway/vlan"
)

// Bounds of the table of live sessions.
const (
	maxSessions = 100_000
	sessionLife = 24 * time.Hour // a controller that never says Stop is believed for this long
)

// sessions remembers who was placed where, so that a reload can refuse to move
// a VLAN into another zone under people who are on it. It holds one row for
// each device on each controller; the oldest makes room when it is full.
type sessions struct {
	mu     sync.Mutex
	now    func() time.Time
	rows   map[device]*list.Element
	oldest *list.List
	on     map[network]int
}

type device struct{ client, mac string }

// A network is a VLAN at a site, by its number and the zone it had: that is what
// a live session is on.
type network struct {
	site string
	vlan uint16
	zone string
}

type session struct {
	device  device
	network network
	since   time.Time
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, rows: make(map[device]*list.Element), oldest: list.New(), on: make(map[network]int)}
}

// start records that a device was placed. A device has one place: the last.
func (s *sessions) start(d device, n network) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(d)
	now := s.now()
	for e := s.oldest.Front(); e != nil; e = s.oldest.Front() {
		old := e.Value.(*session)
		if len(s.rows) < maxSessions && now.Sub(old.since) < sessionLife {
			break
		}
		s.end(old.device)
	}
	s.rows[d] = s.oldest.PushBack(&session{d, n, now})
	s.on[n]++
}

// stop records that a device has gone.
func (s *sessions) stop(d device) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(d)
}

// stopAll records that every device of a client has gone. It walks the whole
// table, once for each restart of a controller.
func (s *sessions) stopAll(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d := range s.rows {
		if d.client == client {
			s.end(d)
		}
	}
}

func (s *sessions) end(d device) {
	e, ok := s.rows[d]
	if !ok {
		return
	}
	n := e.Value.(*session).network
	delete(s.rows, d)
	s.oldest.Remove(e)
	if s.on[n]--; s.on[n] == 0 {
		delete(s.on, n)
	}
}

// live lists the VLANs that devices are on now.
func (s *sessions) live() []vlan.Live {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []vlan.Live
	for n, devices := range s.on {
		all = append(all, vlan.Live{Site: n.site, VLAN: n.vlan, Zone: n.zone, Sessions: devices})
	}
	return all
}
