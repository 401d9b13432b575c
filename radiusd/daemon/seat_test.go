package daemon

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/transport"
	"causeway/realms"
	"causeway/vlan"
)

// seatHouse is a house with a controller of one site, one that serves several, one whose
// SSID is fixed, a federation's proxy and an edge.
func seatHouse(t *testing.T) *house {
	t.Helper()
	h := houseOf(t)
	h.places["ward-ap"] = place{site: "Annexe", controller: "ward-ap", fixed: "NHS-Staff"}
	h.places["edge1"] = place{edge: "edge1"}
	var list []transport.Client
	for i, name := range []string{"royal-wlc", "theatre-wlc", "eastmoor-wlc", "ward-ap", "edge1", "nro"} {
		list = append(list, transport.Client{Name: name, Prefix: netip.PrefixFrom(addressOf(i), 32), Secret: testSecret})
	}
	var err error
	if h.clients, err = transport.NewClients(list); err != nil {
		t.Fatal(err)
	}
	return h
}

func addressOf(client int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(client + 1)}) }

// seatedAt is a request of a client of that house.
func seatedAt(t *testing.T, h *house, name, called, nas string) *transport.Request {
	t.Helper()
	p := radius.New(radius.CodeAccessRequest, []byte(testSecret))
	for kind, text := range map[radius.Type]string{rfc2865.CalledStationID_Type: called, rfc2865.NASIdentifier_Type: nas} {
		if text != "" {
			p.Add(kind, radius.Attribute(text))
		}
	}
	for _, c := range h.clients.All() {
		if c.Name == name {
			return &transport.Request{Packet: p, Client: c, From: netip.AddrPortFrom(c.Prefix.Addr(), 1000)}
		}
	}
	t.Fatalf("no client %s", name)
	return nil
}

// Holds R2 and R11: where a request came from is what the file says of its sender; a
// controller names the SSID, and behind one that serves several sites the access point.
func TestSeats(t *testing.T) {
	h := seatHouse(t)
	ap := "02-00-00-00-00-01"
	for _, c := range []struct {
		from, called, nas string
		site, ssid, ap    string
		err               error
	}{
		{"theatre-wlc", ap + ":NHS-Staff", "x", "Royal Infirmary", "NHS-Staff", ap, nil},
		{"theatre-wlc", ap, "x", "Royal Infirmary", "", ap, realms.ErrSSIDMissing},
		{"theatre-wlc", "", "x", "Royal Infirmary", "", "", realms.ErrSSIDMissing},
		{"ward-ap", ap + ":eduroam", "x", "Annexe", "NHS-Staff", ap, nil}, // the file knows better
		{"ward-ap", "", "x", "Annexe", "NHS-Staff", "", nil},
		{"royal-wlc", ap + ":NHS-Staff", "agnes-1", "St Agnes", "NHS-Staff", ap, nil},
		{"royal-wlc", ap + ":NHS-Staff", "x", "", "", ap, errAPUnknown},
		{"eastmoor-wlc", ap + ":NHS-Staff", "x", "Eastmoor", "NHS-Staff", ap, nil},
		{"nro", ap + ":eduroam", "x", "", "", "", nil},
		{"edge1", ap + ":eduroam", "x", "", "", "", nil},
	} {
		req := seatedAt(t, h, c.from, c.called, c.nas)
		s, err := h.seat(req)
		if s.site != c.site || s.ssid != c.ssid || s.ap != c.ap || !errors.Is(err, c.err) || s.controller != h.places[c.from].controller {
			t.Errorf("%s %q %q: %q on %q through %q, %v", c.from, c.called, c.nas, s.site, s.ssid, s.ap, err)
		}
		if several := h.claims[c.from] != nil; (s.stations == transport.Stations{}) == several {
			t.Errorf("%s: its access point goes by %q", c.from, s.stations)
		}
		proxy, edge := c.from == "nro", c.from == "edge1"
		if s.forwards() != (proxy || edge) || s.origin() != (realms.Origin{SSID: c.ssid, Proxy: proxy, Edge: edge}) {
			t.Errorf("%s: forwards %t, %+v", c.from, s.forwards(), s.origin())
		}
	}
	gone := seatedAt(t, h, "theatre-wlc", ap+":NHS-Staff", "x")
	gone.From = netip.MustParseAddrPort("198.51.100.1:1000")
	if s, err := h.seat(gone); s != (seat{}) || !errors.Is(err, vlan.ErrSiteUnknown) {
		t.Errorf("from where no client is any more: %+v, %v", s, err)
	}
	gone = seatedAt(t, h, "theatre-wlc", ap+":NHS-Staff", "x")
	delete(h.places, "theatre-wlc")
	if s, err := h.seat(gone); s != (seat{}) || !errors.Is(err, vlan.ErrSiteUnknown) {
		t.Errorf("a client that has left: %+v, %v", s, err)
	}
}

// A conversation goes on within a minute, at the site and on the SSID where it began. One
// that says nothing of its SSID now says nothing else either.
func TestAConversationGoesOnWhereItBegan(t *testing.T) {
	h := seatHouse(t)
	clock := newClock()
	d := &Daemon{now: clock.now}
	ap := "02-00-00-00-00-01"
	for _, c := range []struct {
		from, called, nas string
		after             time.Duration
		err               error
		says              string
	}{
		{"royal-wlc", ap + ":NHS-Staff", "agnes-2", 0, nil, ""},
		{"royal-wlc", ap + ":NHS-Staff", "agnes-2", lifeLimit, nil, ""},
		{"royal-wlc", ap + ":NHS-Staff", "agnes-2", lifeLimit + 1, realms.ErrConversationExpired, ""},
		{"royal-wlc", ap + ":eduroam", "agnes-2", 0, errSSIDChanged, `it began on SSID "NHS-Staff" and goes on on "eduroam": ssid-changed`},
		{"royal-wlc", ap + ":eduroam", "annexe-1", 0, errSiteChanged, "it began at St Agnes and goes on at Annexe: site-changed"},
		{"royal-wlc", ap, "agnes-2", 0, nil, ""},
		{"royal-wlc", ap, "annexe-1", 0, errSiteChanged, ""},
		{"royal-wlc", ap + ":NHS-Staff", "x", 0, errAPUnknown, ""},
	} {
		talk := &conversation{house: h, home: &script{}, began: clock.now(), seat: seat{place: place{site: "St Agnes"}, ssid: "NHS-Staff"}}
		clock.advance(c.after)
		err := d.enter(seatedAt(t, h, c.from, c.called, c.nas), talk)
		if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || c.says != "" && err.Error() != c.says {
			t.Errorf("%s %q %q after %v: %v", c.from, c.called, c.nas, c.after, err)
		}
	}
	left := seatedAt(t, h, "royal-wlc", ap+":eduroam", "agnes-2")
	left.From = netip.MustParseAddrPort("198.51.100.1:1000")
	talk := &conversation{house: h, home: &script{}, began: clock.now(), seat: seat{place: place{site: "St Agnes"}, ssid: "NHS-Staff"}}
	if err := d.enter(left, talk); err != nil { // the reload settles it, when the place is known
		t.Errorf("a client that a reload has taken away: %v", err)
	}
	if aps := d.homeless.news(10); len(aps) != 1 || aps[0] != (unclaimedAP{"royal-wlc", "02-00-00-00-00-01 or x"}) {
		t.Errorf("the NOC hears of %v", aps)
	}
}
