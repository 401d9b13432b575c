package transport

import (
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

// stepped is a moment as it would have been read had the clock on the wall been set on
// by so many seconds meanwhile: its monotonic reading stays.
func stepped(t time.Time, seconds int64) time.Time {
	const hasMonotonic, belowSeconds = 1 << 63, 30
	wall := (*uint64)(unsafe.Pointer(&t)) //nolint:gosec // there is no other way to have such a clock
	if *wall&hasMonotonic == 0 {
		panic("no monotonic reading")
	}
	*wall += uint64(seconds) << belowSeconds //nolint:gosec // it wraps round, as it should
	return t
}

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
			return stepped(time.Now().Add(time.Duration(later.Load())), wall.Load())
		},
	})
	good := pair(t, a, "roam1.example.net")
	first, second := mustDial(t, address, good), mustDial(t, address, good)
	first.talk()
	second.talk()
	wall.Store(3600)
	mustDial(t, address, good).closed() // both have been heard a moment ago
	first.talk()
	second.talk()
	wall.Store(-3600)
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
