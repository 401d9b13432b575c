package transport

import (
	"cmp"
	"container/list"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// A Stranger is an address without a client that sends requests: most often a controller
// that is not in the configuration. It is never answered (RFC 2865, section 3; P1).
type Stranger struct {
	Address     netip.Addr
	Says        string // NAS-Identifier of its first well-formed packet, 64 octets at most: nobody proved it
	Packets     uint64 // since First
	News        uint64 // those of them since the last StrangerNews that took some
	First, Last time.Time
}

// Bounds of the book of strangers. An address that was heard three times moves to the
// second half, so that forged ones, each heard once, push no real controller out.
const (
	maxStrangers  = 1024
	insistent     = 3
	strangersName = 64 // octets
)

// strangerBook remembers strangers, the newest of each half in front.
type strangerBook struct {
	mu        sync.Mutex
	byAddress map[netip.Addr]*list.Element
	passing   list.List // heard less than three times
	staying   list.List
	forgotten uint64 // strangers who had to leave
}

func (b *strangerBook) note(from netip.Addr, octets []byte, now time.Time) {
	from = from.Unmap().WithZone("")
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.byAddress[from]
	if e == nil {
		if b.byAddress == nil {
			b.byAddress = make(map[netip.Addr]*list.Element)
		}
		e = b.passing.PushFront(&Stranger{Address: from, First: now})
		b.byAddress[from] = e
		b.bound(&b.passing)
	}
	s := e.Value.(*Stranger)
	s.Packets++
	s.News++
	s.Last = now
	if s.Says == "" && s.Packets <= insistent {
		s.Says = nameIn(octets)
	}
	switch {
	case s.Packets < insistent:
		b.passing.MoveToFront(e)
	case s.Packets == insistent:
		b.passing.Remove(e)
		b.byAddress[from] = b.staying.PushFront(s)
		b.bound(&b.staying)
	default:
		b.staying.MoveToFront(e)
	}
}

// bound makes the one heard of longest ago leave a half that is full.
func (b *strangerBook) bound(half *list.List) {
	if half.Len() <= maxStrangers/2 {
		return
	}
	oldest := half.Back()
	half.Remove(oldest)
	delete(b.byAddress, oldest.Value.(*Stranger).Address)
	b.forgotten++
}

// nameIn is the NAS-Identifier of a packet that nobody has verified; empty when it is
// not well formed.
func nameIn(octets []byte) string {
	s, cause := outline(octets)
	if cause != causeNone {
		return ""
	}
	const nasIdentifier = 32 // RFC 2865, section 5.32
	for rest := s.packet[headerLength:]; len(rest) >= 2 && int(rest[1]) >= 2 && int(rest[1]) <= len(rest); rest = rest[rest[1]:] {
		if rest[0] == nasIdentifier {
			return string(rest[2:min(int(rest[1]), 2+strangersName)])
		}
	}
	return ""
}

// all lists the strangers, the most insistent first.
func (b *strangerBook) all() []Stranger {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Stranger, 0, len(b.byAddress))
	for _, e := range b.byAddress {
		list = append(list, *e.Value.(*Stranger))
	}
	slices.SortFunc(list, func(a, b Stranger) int {
		return cmp.Or(cmp.Compare(b.Packets, a.Packets), a.Address.Compare(b.Address))
	})
	return list
}

// news lists those who were never told of, and takes what they sent so far: at most so
// many of them, the others stay news. Left is how many those are.
func (b *strangerBook) news(most int) (fresh []Stranger, left int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []*Stranger
	for _, e := range b.byAddress {
		if s := e.Value.(*Stranger); s.News == s.Packets {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b *Stranger) int {
		return cmp.Or(cmp.Compare(b.Packets, a.Packets), a.Address.Compare(b.Address))
	})
	for _, s := range found[:min(most, len(found))] {
		fresh = append(fresh, *s)
		s.News = 0
	}
	return fresh, len(found) - len(fresh)
}

// Strangers returns the addresses without a client that sent requests since the start,
// at most 1,024 of them, the most insistent first, and how many had to be forgotten.
func (s *Server) Strangers() (list []Stranger, forgotten uint64) {
	list = s.strangers.all()
	s.strangers.mu.Lock()
	defer s.strangers.mu.Unlock()
	return list, s.strangers.forgotten
}

// StrangerNews returns strangers of whom it never told before, the most insistent first:
// at most so many, and how many more there are, whom it tells of the next time.
func (s *Server) StrangerNews(most int) (fresh []Stranger, left int) { return s.strangers.news(most) }

// NeverHeard returns the clients from whom no genuine packet came since the start, or
// since the reload that brought them, in the order of the configuration.
func (s *Server) NeverHeard() (names []string) {
	for _, h := range s.clients.Load().holders {
		if !h.heard.Load() {
			names = append(names, h.name)
		}
	}
	return names
}
