package daemon

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/transport"
	"causeway/vlan"
)

// A seatOf is a controller of one make, with what its visitors are told of the network:
// the attributes of an Accept that are there for no other reason, octet by octet.
type seatOf struct {
	rogue *rogue
	make  string
	told  string
}

// everyMake runs the town with one site more for each make of controller that there is,
// and another for each that can be told names. Visitors have a limit of every kind.
func everyMake(tb testing.TB, home string) (*trust, []seatOf) {
	tb.Helper()
	var sites strings.Builder
	var seats []seatOf
	add := func(make, say string) {
		address := fmt.Sprintf("127.0.1.%d", len(seats)+1)
		fmt.Fprintf(&sites, "[[site]]\nname = \"Site %d\"\n[[site.controller]]\nname = \"wlc-%[1]d\"\nvendor = %q\naddress = %q\nsay = %q\nsecret = \"secret-of-the-daemon-tests\"\nwithout_vlan = \"reject\"\n",
			len(seats)+1, make, address, say)
		seats = append(seats, seatOf{make: make + " by " + say})
	}
	for _, make := range vlan.Vendors() {
		add(make, "number")
	}
	for _, make := range []string{"generic", "cisco-aireos", "aruba", "extreme", "mist", "fortinet"} {
		add(make, "name")
	}
	text := strings.NewReplacer("UPSTREAM", home,
		`visitor  = { id = 320, zone = "visitor" }`, `visitor = { id = 320, name = "Guests", zone = "visitor", down = "10M", up = "5M", filter = "web-only", session = "2h", idle = "30m", interim = "10m" }`,
		`clinical = { id = 110,`, `clinical = { id = 110, name = "Wards",`,
		`academic = { id = 310, zone = "academic" }`, `academic = { id = 310, name = "Campus", zone = "academic" }`,
	).Replace(town) + sites.String()
	t := startTownAs(tb, text)
	for i := range seats {
		seats[i].rogue = rogueAt(tb, fmt.Sprintf("127.0.1.%d", i+1), t.address)
	}
	return t, seats
}

// networkOf is what an Accept says of the network, by a reader of its own: every attribute
// that is not on this list, in order.
func networkOf(reply *radius.Packet) string {
	var b strings.Builder
	for _, a := range reply.Attributes {
		switch a.Type {
		case 1, 25, 27, 29, 33, 79, 80, 85, 89: // who, keys, how long; 27 is judged apart
			continue
		case 26:
			if v := a.Attribute; len(v) > 5 && binary.BigEndian.Uint32(v) == 311 && (v[4] == 16 || v[4] == 17) && int(v[5]) == len(v)-4 {
				continue
			}
		}
		fmt.Fprintf(&b, "%d:%x ", a.Type, []byte(a.Attribute))
	}
	return b.String()
}

// movers are attributes by which a controller of some make would put somebody elsewhere.
var movers = []struct {
	vendor uint32
	code   byte
}{
	{0, 6}, {0, 11}, {0, 18}, {0, 22}, {0, 28}, {0, 56}, {0, 57}, {0, 58}, {0, 59}, {0, 64}, {0, 65}, {0, 66}, {0, 67}, {0, 69}, {0, 81}, {0, 82}, {0, 83}, {0, 88}, {0, 90}, {0, 91}, {0, 92}, {0, 100}, {0, 135},
	{9, 1}, {9, 37}, {9, 38}, {9, 57}, {11, 64}, {11, 65}, {43, 2}, {311, 22}, {562, 170}, {1916, 203}, {1916, 209}, {1916, 211}, {2011, 82}, {2011, 188}, {2636, 44}, {2636, 48}, {2636, 49},
	{12356, 1}, {12356, 5}, {14122, 5}, {14122, 7}, {14122, 8}, {14179, 2}, {14179, 5}, {14179, 6}, {14179, 7}, {14179, 11}, {14179, 13}, {14525, 1}, {14823, 1}, {14823, 2}, {14823, 9}, {14823, 23},
	{14988, 3}, {14988, 8}, {14988, 26}, {14988, 27}, {17713, 157}, {25053, 1}, {25053, 9}, {25053, 141}, {25506, 140}, {25506, 210}, {26928, 1},
}

// vendorsOwn is an attribute, inside a Vendor-Specific one when it is a vendor's.
func vendorsOwn(vendor uint32, code byte, value []byte) *radius.AVP {
	if vendor == 0 {
		return &radius.AVP{Type: radius.Type(code), Attribute: value}
	}
	value = value[:min(len(value), 247)]
	inside := append(binary.BigEndian.AppendUint32(nil, vendor), code, byte(2+len(value)))
	return &radius.AVP{Type: rfc2865.VendorSpecific_Type, Attribute: append(inside, value...)}
}

// A hostileHome is the server of another organisation that answers everybody as it is
// told: with a code, and attributes in any order, of which the EAP is the least.
type hostileHome struct {
	next atomic.Pointer[says]
}

type says struct {
	code  radius.Code
	extra []*radius.AVP
	at    int // where among them its EAP stands
}

func (h *hostileHome) answer(req *radius.Packet) *radius.Packet {
	next := h.next.Load()
	reply := req.Response(next.code)
	eap, _ := transport.EAP(req)
	kind := map[radius.Code][]byte{radius.CodeAccessAccept: {3, eap[1], 0, 4}, radius.CodeAccessReject: {4, eap[1], 0, 4}, radius.CodeAccessChallenge: {1, eap[1] + 1, 0, 6, 4, 0}}[next.code]
	all := slices.Clone(next.extra)
	all = slices.Insert(all, min(next.at, len(all)), &radius.AVP{Type: 79, Attribute: kind})
	if next.code == radius.CodeAccessChallenge {
		all = append(all, &radius.AVP{Type: 24, Attribute: radius.Attribute(newState())})
	}
	reply.Attributes = append(reply.Attributes, all...)
	return reply
}

// accepts has a visitor ask at a controller, whose home lets them in and adds to it.
func (h *hostileHome) accepts(tb testing.TB, t *trust, at *rogue, extra ...*radius.AVP) *radius.Packet {
	tb.Helper()
	h.next.Store(&says{code: radius.CodeAccessAccept, extra: extra})
	reply := at.ask(tb, at.identify(visitorName, onEduroam, visitorName))
	t.event(tb)
	return reply
}
