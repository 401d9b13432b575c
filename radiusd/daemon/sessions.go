package daemon

import (
	"container/list"
	"net/netip"
	"slices"
	"sync"
	"time"

	"causeway/radiusd/transport"
	"causeway/vlan"
)

// Bounds of the table of live sessions.
const (
	maxSessions = 100_000
	sessionLife = 24 * time.Hour // a controller that never says Stop is believed for this long
)

// sessions remembers who was placed where, so that a reload can refuse to move
// a VLAN into another zone under people who are on it. It holds one row for
// each device on each access point or controller; the oldest makes room when it
// is full.
type sessions struct {
	mu     sync.Mutex
	now    func() time.Time
	rows   map[device]*list.Element
	oldest *list.List
	on     map[network]int
}

// A source is one address of a client: a client may be a range of them. One that speaks
// RadSec is known by its certificate, and has none.
type source struct {
	client  string
	address netip.Addr
}

func sourceOf(req *transport.Request) source {
	if req.Client.Peer != nil {
		return source{client: req.Client.Name}
	}
	return source{req.Client.Name, req.From.Addr()}
}

type device struct {
	source
	name string // its MAC, or its conversation's id when it hides that
}

// A network is a VLAN by its number and the zone it had, and where: that is what
// a live session is on.
type network struct {
	source
	ap      transport.Stations // of a controller that serves other sites
	site    string
	vlan    uint16
	zone    string
	trusted bool // the zone was, then
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
	now := s.now()
	row, known := s.rows[d]
	if known { // it comes back, most often to where it was
		s.move(row.Value.(*session), n)
		row.Value.(*session).since = now
		s.oldest.MoveToBack(row)
	}
	for e := s.oldest.Front(); e != nil; e = s.oldest.Front() {
		old := e.Value.(*session)
		if (known || len(s.rows) < maxSessions) && now.Sub(old.since) < sessionLife {
			break
		}
		s.end(e)
	}
	if !known {
		s.rows[d] = s.oldest.PushBack(&session{d, n, now})
		s.on[n]++
	}
}

func (s *sessions) move(row *session, n network) {
	if row.network != n {
		s.left(row.network)
		row.network = n
		s.on[n]++
	}
}

func (s *sessions) left(n network) {
	if s.on[n]--; s.on[n] == 0 {
		delete(s.on, n)
	}
}

// stop records that a device has gone after so long a session. A session that
// lasted longer than the row is old is an earlier one of the same device, whose
// Stop comes late; a few seconds are given for clocks and queues.
func (s *sessions) stop(d device, lasted time.Duration) {
	const slack = 5 * time.Second
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.rows[d]; ok && lasted <= s.now().Sub(e.Value.(*session).since)+slack {
		s.end(e)
	}
}

// stopAll records that every device of one access point or controller has gone.
// It walks the whole table, once for each restart.
func (s *sessions) stopAll(from source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d, e := range s.rows {
		if d.source == from {
			s.end(e)
		}
	}
}

func (s *sessions) end(row *list.Element) {
	gone := s.oldest.Remove(row).(*session)
	delete(s.rows, gone.device)
	s.left(gone.network)
}

// len says how many devices are taken to be on a network.
func (s *sessions) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rows)
}

// rezone takes over what a new configuration says of the VLANs that devices are on: a
// reload was told to move them, and the next one has nothing to hold against it.
func (s *sessions) rezone(zone func(site string, vlan uint16) (name string, trusted, ok bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.oldest.Front(); e != nil; e = e.Next() {
		row := e.Value.(*session)
		n := row.network
		if name, trusted, ok := zone(n.site, n.vlan); ok {
			n.zone, n.trusted = name, trusted
			s.move(row, n)
		}
	}
}

// live lists the VLANs that devices are on now, at every site where they may
// turn out to be. A new configuration may rename a site, give a controller
// another address, or another controller its name: whoever it was keeps sending
// from the same address or under the same name, or stays where it was. sites
// says at which sites those of a network are then.
func (s *sessions) live(sites func(network) []string) []vlan.Live {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := make(map[vlan.Live]int) // the same VLAN over many access points is told once
	for n, devices := range s.on {
		at := append(sites(n), n.site)
		slices.Sort(at)
		for _, site := range slices.Compact(at) {
			count[vlan.Live{Site: site, VLAN: n.vlan, Zone: n.zone, Trusted: n.trusted}] += devices
		}
	}
	all := make([]vlan.Live, 0, len(count))
	for l, devices := range count {
		l.Sessions = devices
		all = append(all, l)
	}
	return all
}
