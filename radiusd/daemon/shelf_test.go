package daemon

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"causeway/integration/wallclock"
	"causeway/radiusd/daemon/config"
)

// A morning's log-ins, each with a session, have no wrong password forgotten.
func TestS21SessionsCrowdNothingOut(t *testing.T) {
	s, err := openShelf(config.Store{}, time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if _, err := s.counts.Add(t.Context(), "wrong passwords", 3, time.Hour); err != nil {
		t.Fatal(err)
	}
	for i := range 48 {
		if err := s.store.Put(t.Context(), fmt.Sprint("session:", i), make([]byte, 1<<20), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.counts.Add(t.Context(), "wrong passwords", 0, time.Hour); err != nil || n != 3 {
		t.Errorf("%d, %v", n, err)
	}
}

// Holds F17: what is kept in memory ends when its time is over, and not because the clock
// on the wall has jumped, in either direction.
func TestF17TheShelfDoesNotFollowTheWall(t *testing.T) {
	var wall, later atomic.Int64
	s, err := openShelf(config.Store{Kind: "memory"}, func() time.Time {
		return wallclock.Stepped(time.Now().Add(time.Duration(later.Load())), time.Duration(wall.Load()))
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, jump := range []time.Duration{24 * time.Hour, -48 * time.Hour} {
		if err := s.counts.Put(t.Context(), "wrong passwords", []byte("three"), 15*time.Minute); err != nil {
			t.Fatal(err)
		}
		wall.Add(int64(jump))
		later.Add(int64(14 * time.Minute))
		if _, err := s.counts.Get(t.Context(), "wrong passwords"); err != nil {
			t.Errorf("the clock has jumped by %v: %v", jump, err)
		}
		later.Add(int64(2 * time.Minute))
		if _, err := s.counts.Get(t.Context(), "wrong passwords"); err == nil {
			t.Errorf("the clock has jumped by %v, and what is over is still there", jump)
		}
	}
}
