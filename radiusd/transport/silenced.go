package transport

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// A Silenced is a sender whose packets met silence, for the NOC to name once a
// minute instead of once a packet.
type Silenced struct {
	Address netip.Addr
	Client  string
	Count   uint64 // since the last time it was asked for
	Cause   Cause  // of the last packet
	Last    time.Time
}

// maxSilenced bounds the memory of senders: forged addresses cost nothing.
const maxSilenced = 1024

// A silencedBook remembers senders until they are asked for.
type silencedBook struct {
	mu      sync.Mutex
	senders map[netip.Addr]*Silenced
}

func (k *silencedBook) note(from netip.Addr, client string, cause Cause, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.senders[from]
	if s == nil {
		if len(k.senders) >= maxSilenced {
			return // counted in Stats all the same
		}
		if k.senders == nil {
			k.senders = make(map[netip.Addr]*Silenced)
		}
		s = &Silenced{Address: from}
		k.senders[from] = s
	}
	s.Client, s.Cause, s.Last = client, cause, now
	s.Count++
}

// take returns what was noted since the last take, the most frequent first.
func (k *silencedBook) take() []Silenced {
	k.mu.Lock()
	noted := k.senders
	k.senders = nil
	k.mu.Unlock()
	list := make([]Silenced, 0, len(noted))
	for _, s := range noted {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b Silenced) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), a.Address.Compare(b.Address))
	})
	return list
}
