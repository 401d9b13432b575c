package vlan

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"layeh.com/radius"
)

// An Assignment is the network of one Accept. Only a Policy makes one; Tag and
// Verify refuse the zero value.
type Assignment struct {
	state   state
	own     bool // with placed: our own home answered
	listed  bool // a device that is known by its MAC alone
	edge    bool // with noPlacement: an edge of ours is told who it is, and places them
	site    *site
	nas     *controller
	rule    *rule
	network *network
	terms   *terms
	id      uint16
}

type state uint8

const (
	unplaced    state = iota // the zero value
	placed                   // a VLAN at a site of ours
	noPlacement              // one of ours at another organisation (R7), or asked for by an edge of ours
)

// VLAN returns the number, 1 to 4094; 0 when the Accept carries no placement.
func (a Assignment) VLAN() uint16 { return a.id }

// Name returns the VLAN's name; empty when the Accept carries no placement.
func (a Assignment) Name() string {
	if a.network == nil {
		return ""
	}
	return a.network.name
}

// Zone returns the zone's name; empty when the Accept carries no placement.
func (a Assignment) Zone() string {
	if a.network == nil {
		return ""
	}
	return a.network.zone.name
}

// Trusted tells whether the zone is one that only our own people reach.
func (a Assignment) Trusted() bool { return a.network != nil && a.network.zone.trusted }

// Rule returns the rule that decided, as "eduroam rule 2", counted from 1;
// "elsewhere" for one of ours at another organisation, "at the edge" for who asks
// through an edge.
func (a Assignment) Rule() string {
	switch {
	case a.rule != nil:
		return a.rule.label
	case a.edge:
		return "at the edge"
	case a.state == noPlacement:
		return "elsewhere"
	}
	return ""
}

// Key returns the path of the rule that decided, as in a Problem.
func (a Assignment) Key() string {
	if a.rule == nil {
		return ""
	}
	return a.rule.key
}

// Ends returns when the agreement ends under which the site may be served: the
// midnight after its last day, in loc. It is zero where the building is ours, and
// for an Accept without placement.
func (a Assignment) Ends(loc *time.Location) time.Time {
	if a.site == nil || !a.site.agreement {
		return time.Time{}
	}
	d := a.site.until
	return time.Date(d/10000, time.Month(d/100%100), d%100+1, 0, 0, 0, 0, loc)
}

// Elsewhere tells whether the Accept leaves for another organisation and
// carries no placement.
func (a Assignment) Elsewhere() bool { return a.state == noPlacement }

// String describes the Assignment in a sentence.
func (a Assignment) String() string {
	switch a.state {
	case placed:
		return fmt.Sprintf("vlan %s (%d) in zone %s at %s", a.network.name, a.id, a.network.zone.name, a.site.name)
	case noPlacement:
		if a.edge {
			return "no network: an edge of ours asks, which has the rules"
		}
		return "no network: one of ours at another organisation, which places its guests itself"
	}
	return "nothing assigned"
}

// sound checks again what the proof has shown: the number belongs to one zone at
// this site, that zone is the rule's, and it is not a trusted one for somebody
// whom we did not check ourselves.
func (a *Assignment) sound() error {
	if a.state != placed || a.id < 1 || a.id > 4094 {
		return fmt.Errorf("%s: %w", a.String(), ErrZoneGuard)
	}
	if owner := a.site.owner[a.id]; owner != a.network.zone {
		return fmt.Errorf("vlan %d at %s is not zone %s alone: %w", a.id, a.site.name, a.network.zone.name, ErrZoneGuard)
	}
	if !a.site.gives(a.network, a.id) {
		return fmt.Errorf("vlan %d at %s is no number of vlan %s: %w", a.id, a.site.name, a.network.name, ErrZoneGuard)
	}
	if a.nas.byName && (a.terms.called == "" || len(a.terms.pool) > 0) {
		return fmt.Errorf("%s is told names, and vlan %s at %s has none that means %d: %w", a.nas.name, a.network.name, a.site.name, a.id, ErrZoneGuard)
	}
	if a.listed && !a.rule.mayReach(a.own, true) {
		return fmt.Errorf("a device that is known by its MAC alone was about to reach zone %s, which is trusted: %w", a.network.zone.name, ErrZoneGuard)
	}
	if !a.own && !a.listed && a.network.zone.trusted {
		return fmt.Errorf("a visitor was about to reach zone %s, which is trusted: %w", a.network.zone.name, ErrZoneGuard)
	}
	return nil
}

// Tag adds the attributes that say the network, in the words of the site's
// controller, to an Access-Accept. It refuses a packet that carries placement
// already, for then somebody else had a hand in it (S13).
func (a Assignment) Tag(reply *radius.Packet) error {
	if reply == nil || reply.Code != radius.CodeAccessAccept {
		return fmt.Errorf("a network is told in an Access-Accept only: %w", ErrZoneGuard)
	}
	for _, avp := range reply.Attributes {
		if err := harmlessOnly(avp.Type, avp.Attribute); err != nil {
			return err
		}
	}
	if a.state == noPlacement {
		return nil
	}
	if err := a.sound(); err != nil {
		return err
	}
	capSession(reply, a.terms.session)
	a.write(newWriter(reply))
	return nil
}

// capSession cuts a Session-Timeout that a home sent to ours. The writer leaves alone
// what is there.
func capSession(reply *radius.Packet, most uint32) {
	for _, avp := range reply.Attributes {
		if avp.Type != radius.Type(sessionTimeout.code) || most == 0 {
			continue
		}
		if n, err := radius.Integer(avp.Attribute); err != nil || n == 0 || n > most {
			avp.Attribute = binary.BigEndian.AppendUint32(nil, most)
		}
	}
}

// write says the network in the words of the controller.
func (a *Assignment) write(w *writer) {
	v := a.nas.vendor
	switch {
	case a.nas.byName && v.called != tunnelGroup:
		w.text(v.called, a.terms.called)
	case a.nas.byName:
		w.tagged(tunnelType, a.nas.tag, 13)
		w.tagged(tunnelMediumType, a.nas.tag, 6)
		w.named(a.nas.tag, a.terms.called)
	case v.vlan == wirelessVLAN:
		w.number(mikrotikVLAN, uint32(a.id))
		w.number(mikrotikVLANType, 0) // 802.1Q
	default:
		w.tagged(tunnelType, a.nas.tag, 13)
		w.tagged(tunnelMediumType, a.nas.tag, 6)
		w.group(a.nas.tag, a.id)
	}
	w.speeds(v.rate, a.terms.up, a.terms.down)
	if a.terms.filter != "" {
		w.text(v.filter, a.terms.filter)
	}
	if a.terms.role != "" && v.role != none {
		w.text(v.role, a.terms.role)
	}
	if a.terms.session > 0 {
		if _, there := w.to.Lookup(radius.Type(sessionTimeout.code)); !there {
			w.number(sessionTimeout, a.terms.session)
		}
		w.number(terminationAction, 1) // RADIUS-Request: they log in again
	}
	if a.terms.idle > 0 {
		w.number(idleTimeout, a.terms.idle)
	}
	if a.terms.interim > 0 {
		w.number(interimInterval, a.terms.interim)
	}
}

// A writer adds attributes that share one array, as do their octets: all that a
// network usually takes is one allocation.
type writer struct {
	to     *radius.Packet
	room   []byte
	first  [3]radius.AVP // a VLAN takes so many
	used   int
	octets [32]byte
}

func newWriter(to *radius.Packet) *writer {
	w := &writer{to: to}
	w.room = w.octets[:0]
	return w
}

// begin writes the header of a Vendor-Specific attribute (RFC 2865, section 5.26)
// when the attribute is a vendor's.
func (w *writer) begin(at attribute, size int) (start int) {
	start = len(w.room)
	if at.vendor != 0 {
		w.room = binary.BigEndian.AppendUint32(w.room, at.vendor)
		w.room = append(w.room, at.code, byte(2+size))
	}
	return start
}

func (w *writer) end(at attribute, start int) {
	code := radius.Type(at.code)
	if at.vendor != 0 {
		code = vendorSpecific
	}
	var avp *radius.AVP
	if w.used < len(w.first) {
		avp = &w.first[w.used]
		w.used++
	} else {
		avp = new(radius.AVP)
	}
	*avp = radius.AVP{Type: code, Attribute: w.room[start:len(w.room):len(w.room)]}
	w.to.Attributes = append(w.to.Attributes, avp)
}

func (w *writer) number(at attribute, n uint32) {
	start := w.begin(at, 4)
	w.room = binary.BigEndian.AppendUint32(w.room, n)
	w.end(at, start)
}

func (w *writer) text(at attribute, s string) {
	start := w.begin(at, len(s))
	w.room = append(w.room, s...)
	w.end(at, start)
}

// speeds writes bit/s up and down; 0 is no limit.
func (w *writer) speeds(as pace, up, down uint32) {
	if as == rateLimit {
		if up == 0 && down == 0 {
			return
		}
		var room [24]byte
		text := append(strconv.AppendUint(room[:0], uint64(up), 10), '/')
		w.text(mikrotikRateLimit, string(strconv.AppendUint(text, uint64(down), 10)))
		return
	}
	upAs, downAs, unit := wisprBandwidthUp, wisprBandwidthDown, uint32(1)
	if as == contract {
		upAs, downAs, unit = airespaceUp, airespaceDown, 1000
	}
	if up > 0 {
		w.number(upAs, max(1, up/unit))
	}
	if down > 0 {
		w.number(downAs, max(1, down/unit))
	}
}

// tagged writes a tag octet, 0 for none, and 24 bits (RFC 2868, sections 3.1, 3.2).
func (w *writer) tagged(at attribute, tag *uint8, n uint32) {
	if tag != nil {
		n |= uint32(*tag) << 24
	}
	w.number(at, n)
}

// group writes Tunnel-Private-Group-Id: the number as decimal text, the tag octet
// only where there is one (RFC 2868, section 3.6; RFC 3580, section 3.31).
func (w *writer) group(tag *uint8, id uint16) {
	start := len(w.room)
	if tag != nil {
		w.room = append(w.room, *tag)
	}
	w.room = strconv.AppendUint(w.room, uint64(id), 10)
	w.end(tunnelGroup, start)
}

// named writes Tunnel-Private-Group-Id with a name in the number's place.
func (w *writer) named(tag *uint8, name string) {
	start := len(w.room)
	if tag != nil {
		w.room = append(w.room, *tag)
	}
	w.room = append(w.room, name...)
	w.end(tunnelGroup, start)
}
