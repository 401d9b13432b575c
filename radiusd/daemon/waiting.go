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
)

// waiting counts the requests that wait for somebody else's server. It outlives
// configurations: a reload does not empty the waiting room.
type waiting struct {
	mu     sync.Mutex
	all    int
	realms map[string]int
}

// admit counts a request in; false means that too many wait. dismiss follows
// every admit that was true.
func (w *waiting) admit(r realms.Route) bool {
	if r.Own {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all >= mostAbroad || w.realms[r.Realm] >= mostOfRealm {
		return false
	}
	w.all++
	w.realms[r.Realm]++
	return true
}

func (w *waiting) dismiss(r realms.Route) {
	if r.Own {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all--
	if w.realms[r.Realm]--; w.realms[r.Realm] == 0 {
		delete(w.realms, r.Realm)
	}
}
