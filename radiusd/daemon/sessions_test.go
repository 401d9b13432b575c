package daemon

import (
	"cmp"
	"net/netip"
	"slices"
	"testing"
	"time"

	"causeway/certs"
	"causeway/radiusd/transport"
	"causeway/vlan"
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

// A controller is known by its address, and one that shows a certificate by its name.
func TestWhereARequestComesFrom(t *testing.T) {
	from := netip.MustParseAddrPort("192.0.2.10:1812")
	if got := sourceOf(&transport.Request{Client: &transport.Client{Name: "royal-wlc"}, From: from}); got != (source{"royal-wlc", from.Addr()}) {
		t.Errorf("over UDP: %v", got)
	}
	if got := sourceOf(&transport.Request{Client: &transport.Client{Name: "royal-wlc", Peer: new(certs.Peer)}, From: from}); got != (source{client: "royal-wlc"}) {
		t.Errorf("over TLS: %v", got)
	}
}

// A Stop is of the session that it is about: one that lasted no longer than the row is
// old, and five seconds for clocks and queues.
func TestAStopInTime(t *testing.T) {
	for lasted, there := range map[time.Duration]int{0: 0, 15 * time.Second: 0, 15*time.Second + 1: 1} {
		now := time.Now()
		s := newSessions(func() time.Time { return now })
		s.start(onWLC("nurse"), network{vlan: 110})
		now = now.Add(10 * time.Second)
		s.stop(onWLC("nurse"), lasted)
		if len(s.rows) != there || len(s.on) != there || s.oldest.Len() != there {
			t.Errorf("after a Stop of %v: %d rows, %d networks", lasted, len(s.rows), len(s.on))
		}
	}
}

// What a reload asks about is how many devices are on a VLAN at a site, with the zone that
// it had; after the reload it has the zone that the file says now.
func TestWhoIsWhere(t *testing.T) {
	s := newSessions(time.Now)
	royal := network{source{client: "royal-wlc"}, transport.Stations{}, "Royal Infirmary", 110, "clinical", true}
	ward := network{source{client: "royal-wlc"}, transport.Stations{"ward-1"}, "Royal Infirmary", 110, "clinical", true}
	guests := network{source{client: "eastmoor-wlc"}, transport.Stations{}, "Eastmoor", 320, "visitor", false}
	for name, at := range map[string]network{"a": royal, "b": royal, "c": ward, "d": guests} {
		s.start(onWLC(name), at)
	}
	live := func(sites func(network) []string) []vlan.Live {
		list := s.live(sites)
		slices.SortFunc(list, func(a, b vlan.Live) int { return cmp.Compare(a.Site, b.Site) })
		return list
	}
	nowhere := func(network) []string { return nil }
	want := []vlan.Live{{Site: "Eastmoor", VLAN: 320, Zone: "visitor", Sessions: 1}, {Site: "Royal Infirmary", VLAN: 110, Zone: "clinical", Trusted: true, Sessions: 3}}
	if got := live(nowhere); !slices.Equal(got, want) {
		t.Errorf("as they began: %+v", got)
	}
	got := live(func(n network) []string {
		if n == ward {
			return []string{"Annexe", "Royal Infirmary", "Annexe"} // each is asked after once
		}
		return nil
	})
	if more := append([]vlan.Live{{Site: "Annexe", VLAN: 110, Zone: "clinical", Trusted: true, Sessions: 1}}, want...); !slices.Equal(got, more) {
		t.Errorf("where one may be elsewhere: %+v", got)
	}
	s.rezone(func(site string, number uint16) (string, bool, bool) {
		return "ward", false, site == "Royal Infirmary" && number == 110
	})
	want[1].Zone, want[1].Trusted = "ward", false
	if got := live(nowhere); !slices.Equal(got, want) || len(s.on) != 3 {
		t.Errorf("after a reload that moved 110: %+v of %v", got, s.on)
	}
	s.rezone(func(string, uint16) (string, bool, bool) { return "academic", true, false })
	if got := live(nowhere); !slices.Equal(got, want) {
		t.Errorf("after one that says nothing of them: %+v", got)
	}
}
