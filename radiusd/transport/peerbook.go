package transport

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// An ending says why a RadSec connection was refused or closed.
type ending struct {
	kind  endingKind
	words string // for the NOC: what the peer did, or what is wrong with it
}

type endingKind uint8

const (
	endedUnknown     endingKind = iota // nobody of ours connects from there, or no longer
	endedFull                          // no room for one more
	endedHandshake                     // it failed, or took too long
	endedCertificate                   // it is not whom we know
	endedPeer                          // the peer closed it, or it broke
	endedIdle                          // nothing was heard for long
	endedSlow                          // a packet was not finished, or a reply not taken
	endedMalformed                     // a packet that cannot be read or believed (P64)
	endedStopped                       // by us, in good order
	endedReplaced                      // it was silent, and its peer needed room for another
	lastEnding
)

var endingNames = [lastEnding]string{
	endedUnknown: "unknown", endedFull: "full", endedHandshake: "handshake", endedCertificate: "certificate",
	endedPeer: "peer", endedIdle: "idle", endedSlow: "slow", endedMalformed: "malformed", endedStopped: "stopped",
	endedReplaced: "replaced",
}

// RadSecStats are the counters of RadSec connections since Listen.
type RadSecStats struct {
	Open   uint64 // now
	Opened uint64
	Ended  [lastEnding]uint64 // refused or closed, by why
}

// Of is how many connections were refused or closed for one of the reasons that Each
// names "radsec-ended-NAME".
func (r RadSecStats) Of(name string) uint64 {
	return r.Ended[slices.Index(endingNames[:], name)]
}

func (r RadSecStats) each(f func(name string, value uint64)) {
	f("radsec-open", r.Open)
	f("radsec-opened", r.Opened)
	for kind, n := range r.Ended {
		f("radsec-ended-"+endingNames[kind], n)
	}
}

type radsecCounters struct {
	open   atomic.Int64
	opened atomic.Uint64
	ended  [lastEnding]atomic.Uint64
}

func (c *radsecCounters) end(kind endingKind) { c.ended[kind].Add(1) }

func (c *radsecCounters) stats() RadSecStats {
	s := RadSecStats{Open: uint64(max(c.open.Load(), 0)), Opened: c.opened.Load()}
	for i := range c.ended {
		s.Ended[i] = c.ended[i].Load()
	}
	return s
}

// PeerNews is what happened to the RadSec connections of one peer, for the NOC to hear
// of once a minute.
type PeerNews struct {
	Client                  string // "": of nobody that we know
	Address                 netip.Addr
	Opened, Closed, Refused uint64
	WhyClosed, WhyRefused   string // of the last one, in words
	RADIUS11                bool   // the last that was opened speaks RADIUS/1.1
	Last                    time.Time
}

// A peerBook remembers what happened until it is asked for: a peer that connects in a
// loop writes a line a minute.
type peerBook struct {
	mu   sync.Mutex
	news map[peerKey]*PeerNews
}

// A peerKey is a client, or the address of somebody who is none.
type peerKey struct {
	client  string
	address netip.Addr
}

func (b *peerBook) note(client string, from netip.Addr, now time.Time, write func(*PeerNews)) {
	key := peerKey{client: client}
	if client == "" {
		key.address = from
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.news[key]
	if n == nil {
		if len(b.news) >= maxSilenced {
			return // counted in Stats all the same
		}
		if b.news == nil {
			b.news = make(map[peerKey]*PeerNews)
		}
		n = &PeerNews{Client: client}
		b.news[key] = n
	}
	n.Address, n.Last = from, now
	write(n)
}

func (b *peerBook) opened(s *stream, now time.Time) {
	b.note(s.seat.Load().client.Name, s.from.Addr(), now, func(n *PeerNews) {
		n.Opened++
		n.RADIUS11 = s.veil != nil
	})
}

func (b *peerBook) closed(s *stream, why *ending, now time.Time) {
	b.note(s.seat.Load().client.Name, s.from.Addr(), now, func(n *PeerNews) {
		n.Closed++
		n.WhyClosed = brief(why.words)
	})
}

func (b *peerBook) refused(s *stream, client string, why *ending, now time.Time) {
	b.note(client, s.from.Addr(), now, func(n *PeerNews) {
		n.Refused++
		n.WhyRefused = brief(why.words)
	})
}

// brief cuts what a hostile certificate makes long.
func brief(words string) string {
	const most = 400
	if len(words) <= most {
		return words
	}
	return strings.ToValidUTF8(words[:most], "") + " …"
}

// take returns what was noted since the last take, the most eventful first.
func (b *peerBook) take() []PeerNews {
	b.mu.Lock()
	news := b.news
	b.news = nil
	b.mu.Unlock()
	list := make([]PeerNews, 0, len(news))
	for _, n := range news {
		list = append(list, *n)
	}
	slices.SortFunc(list, func(a, b PeerNews) int {
		return cmp.Or(cmp.Compare(b.Opened+b.Closed+b.Refused, a.Opened+a.Closed+a.Refused), cmp.Compare(a.Client, b.Client), a.Address.Compare(b.Address))
	})
	return list
}
