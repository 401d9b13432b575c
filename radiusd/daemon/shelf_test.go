package daemon

import (
	"fmt"
	"testing"
	"time"

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
