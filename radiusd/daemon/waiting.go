package daemon

import (
	"sync"

	"causeway/radiusd/transport"
	"causeway/realms"
)

// How many requests may wait for other organisations' servers, of all that may
// be in flight: silence out there costs our own people nothing (F5), and the
// silence of one realm leaves room for the others.
const (
	mostAbroad  = transport.DefaultInFlight * 3 / 8
	mostOfRealm = transport.DefaultInFlight / 4
	// mostAtCore is of an edge, whose own people wait for a core that may be as silent:
	// visitors do not need it.
	mostAtCore = transport.DefaultInFlight / 2
)

// waiting counts the requests that wait for somebody else's server. It outlives
// configurations: a reload does not empty the waiting room.
type waiting struct {
	mu     sync.Mutex
	all    int
	core   int
	realms map[string]int
}

// admit counts a request in; false means that too many wait. dismiss follows
// every admit that was true.
func (w *waiting) admit(r realms.Route, edge bool) bool {
	if r.Own && !edge {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Own {
		if w.core >= mostAtCore {
			return false
		}
		w.core++
		return true
	}
	if w.all >= mostAbroad || w.realms[r.Realm] >= mostOfRealm {
		return false
	}
	w.all++
	w.realms[r.Realm]++
	return true
}

func (w *waiting) dismiss(r realms.Route, edge bool) {
	if r.Own && !edge {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Own {
		w.core--
		return
	}
	w.all--
	if w.realms[r.Realm]--; w.realms[r.Realm] == 0 {
		delete(w.realms, r.Realm)
	}
}
