package daemon

import (
	"net/netip"
	"testing"
	"time"

	"causeway/radiusd/transport"
)

// A device that comes back has one row, on the network where it is now.
func TestSessionsFollowADevice(t *testing.T) {
	now := time.Now()
	s := newSessions(func() time.Time { return now })
	from := source{"royal-wlc", netip.MustParseAddr("192.0.2.10")}
	clinical := network{from, transport.Stations{}, "Royal Infirmary", 110, "clinical", true}
	visitor := network{from, transport.Stations{}, "Royal Infirmary", 320, "visitor", false}
	nurse, guest := device{from, "nurse"}, device{from, "guest"}
	s.start(nurse, clinical)
	s.start(guest, visitor)
	now = now.Add(time.Hour)
	s.start(nurse, clinical)
	if len(s.rows) != 2 || s.on[clinical] != 1 || s.on[visitor] != 1 {
		t.Errorf("who came back is counted as %v of %d devices", s.on, len(s.rows))
	}
	now = now.Add(sessionLife - time.Minute)
	s.start(nurse, visitor)
	if len(s.rows) != 1 || s.on[clinical] != 0 || s.on[visitor] != 1 {
		t.Errorf("one moved and one is gone after a day, and they are counted as %v of %d devices", s.on, len(s.rows))
	}
	if _, there := s.on[clinical]; there {
		t.Error("a network without devices is kept")
	}
}
