package transport

import (
	"sync/atomic"
	"testing"
	"time"

	"causeway/integration/wallclock"
)

// Holds F17: who is silent is not reckoned by the clock on the wall. Set on, it makes
// nobody silent who spoke a moment ago; set back, it takes nobody for silent longer than
// one who really was.
func TestAttackTheClockMakesNobodySilent(t *testing.T) {
	a := town().authority
	var later, wall atomic.Int64
	s, address := radsecServer(t, Config{
		Clients: mustClients(t, peerClient(t, a, "roam1", "roam1.example.net")),
		RadSec:  RadSec{PeerConnections: 2, silent: 30 * time.Second},
		Now: func() time.Time {
			return wallclock.Stepped(time.Now().Add(time.Duration(later.Load())), time.Duration(wall.Load()))
		},
	})
	good := pair(t, a, "roam1.example.net")
	first, second := mustDial(t, address, good), mustDial(t, address, good)
	first.talk()
	second.talk()
	wall.Store(int64(time.Hour))
	mustDial(t, address, good).closed() // both have been heard a moment ago
	first.talk()
	second.talk()
	wall.Store(-int64(time.Hour))
	later.Store(int64(time.Minute))
	first.talk() // by the clock on the wall, an hour before the second
	third := mustDial(t, address, good)
	third.talk()
	second.closed()
	first.talk()
	if got := s.Stats().RadSec; got.Open != 2 || got.Of("replaced") != 1 || got.Of("full") != 1 {
		t.Errorf("%+v", got)
	}
}
