package vlan

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"layeh.com/radius"
)

const vendorSpecific = 26

// Verify is the final gate. It reads the bytes of an Access-Accept as they are
// about to leave and returns an error that wraps ErrZoneGuard unless every attribute
// is harmless or says exactly what was assigned, once. What it does not know, it
// refuses. It shares no code with the writer, and trusts no layer above:
// the number that it reads is looked up among the site's own again.
//
// It allocates nothing unless it refuses.
func (a Assignment) Verify(wire []byte) error {
	if a.state == unplaced {
		return fmt.Errorf("an Accept that nobody was assigned to: %w", ErrZoneGuard)
	}
	if len(wire) < 20 || int(binary.BigEndian.Uint16(wire[2:])) != len(wire) {
		return fmt.Errorf("the reply is no whole packet: %w", ErrZoneGuard)
	}
	if wire[0] != byte(radius.CodeAccessAccept) {
		return fmt.Errorf("the reply is no Access-Accept: %w", ErrZoneGuard)
	}
	said := statement{ordered: &a}
	for rest := wire[20:]; len(rest) > 0; {
		if len(rest) < 2 || rest[1] < 2 || int(rest[1]) > len(rest) {
			return fmt.Errorf("the reply has an attribute of impossible length: %w", ErrZoneGuard)
		}
		code, value := rest[0], rest[2:rest[1]]
		rest = rest[rest[1]:]
		if err := eachPart(code, value, said.hear); err != nil {
			return err
		}
	}
	return said.complete()
}

// facts are what a core tells an edge of ours: who somebody is (realms.FactsType).
var facts = attribute{0, 224}

// harmlessOnly refuses an attribute that is not on the list of harmless ones.
func harmlessOnly(code radius.Type, value []byte) error {
	if code != radius.Type(uint8(code)) { //nolint:gosec // that is what is asked
		return fmt.Errorf("attribute %d: %w", code, ErrZoneGuard)
	}
	return eachPart(uint8(code), value, func(at attribute, _ []byte) error {
		if at.harmless() {
			return nil
		}
		return at.refused()
	})
}

// eachPart passes on an attribute, or each of those inside a Vendor-Specific one
// (RFC 2865, section 5.26). A vendor whose attributes are laid out in another way
// is refused as malformed or as unknown, and either will do.
func eachPart(code uint8, value []byte, hear func(attribute, []byte) error) error {
	if code != vendorSpecific {
		return hear(attribute{0, code}, value)
	}
	if len(value) < 4+2 {
		return fmt.Errorf("the reply has an empty vendor's attribute: %w", ErrZoneGuard)
	}
	vendor := binary.BigEndian.Uint32(value)
	if vendor == 0 { // it would be taken for a standard attribute
		return fmt.Errorf("the reply has an attribute of vendor 0: %w", ErrZoneGuard)
	}
	for rest := value[4:]; len(rest) > 0; {
		if len(rest) < 2 || rest[1] < 2 || int(rest[1]) > len(rest) {
			return fmt.Errorf("the reply has an attribute of vendor %d of impossible length: %w", vendor, ErrZoneGuard)
		}
		if err := hear(attribute{vendor, rest[0]}, rest[2:rest[1]]); err != nil {
			return err
		}
		rest = rest[rest[1]:]
	}
	return nil
}

func (at attribute) harmless() bool {
	for i := range harmless {
		if harmless[i].attribute == at {
			return true
		}
	}
	return false
}

// String names the attribute for the alarm.
func (at attribute) String() string {
	for _, p := range placements {
		if p.attribute == at {
			return p.name
		}
	}
	if at.vendor != 0 {
		return fmt.Sprintf("attribute %d of vendor %d", at.code, at.vendor)
	}
	if at.code >= 241 && at.code <= 246 {
		return fmt.Sprintf("extended attribute %d", at.code) // RFC 6929
	}
	return fmt.Sprintf("attribute %d", at.code)
}

func (at attribute) refused() error {
	return fmt.Errorf("the reply carries %v, which nobody ordered: %w", at, ErrZoneGuard)
}

// A statement is what a reply has said of the network so far.
type statement struct {
	ordered *Assignment
	said    part // what was heard
}

// A part is one thing that an Accept says of the network; parts are a set.
type part uint32

const (
	saysType part = 1 << iota
	saysMedium
	saysGroup
	saysWirelessVLAN
	saysWirelessType
	saysCalled
	saysUp
	saysDown
	saysContractUp
	saysContractDown
	saysRateLimit
	saysFilter
	saysRole
	saysSession
	saysAction
	saysIdle
	saysInterim
)

// says is the attribute of each part, in order; empty where it turns on the vendor.
var says = [...]attribute{
	{0, 64}, {0, 65}, {0, 81}, {14988, 26}, {14988, 27}, {}, {14122, 7}, {14122, 8}, {14179, 13}, {14179, 7}, {14988, 8},
	{}, {}, {0, 27}, {0, 29}, {0, 28}, {0, 85},
}

// attribute is what says a part, for this controller.
func (a *Assignment) attribute(i int) attribute {
	switch part(1) << i {
	case saysCalled:
		return a.nas.vendor.called
	case saysFilter:
		return a.nas.vendor.filter
	case saysRole:
		return a.nas.vendor.role
	}
	return says[i]
}

// names lists the attributes that would have said it.
func (p part) names(a *Assignment) string {
	var list []string
	for i := range says {
		if p&(1<<i) != 0 {
			list = append(list, a.attribute(i).String())
		}
	}
	return strings.Join(list, ", ")
}

// wanted is all that the reply has to say.
func (a *Assignment) wanted() part {
	if a.state != placed {
		return 0
	}
	v, t := a.nas.vendor, a.terms
	var w part
	switch {
	case a.nas.byName && v.called != (attribute{0, 81}):
		w = saysCalled
	case a.nas.byName || v.vlan == trio:
		w = saysType | saysMedium | saysGroup // together or not at all (R14)
	case v.vlan == wirelessVLAN:
		w = saysWirelessVLAN | saysWirelessType
	}
	limited := func(n uint32, p part) part {
		if n > 0 {
			return p
		}
		return 0
	}
	switch v.rate {
	case rateLimit:
		w |= limited(max(t.up, t.down), saysRateLimit)
	case contract:
		w |= limited(t.up, saysContractUp) | limited(t.down, saysContractDown)
	default:
		w |= limited(t.up, saysUp) | limited(t.down, saysDown)
	}
	if t.filter != "" {
		w |= saysFilter
	}
	if t.role != "" && v.role != (attribute{}) {
		w |= saysRole
	}
	return w | limited(t.session, saysSession|saysAction) | limited(t.idle, saysIdle) | limited(t.interim, saysInterim)
}

// means returns what an attribute says of all that was ordered; 0 is nothing.
func (a *Assignment) means(at attribute) part {
	wanted := a.wanted()
	for i := range says {
		if p := part(1) << i; wanted&p != 0 && a.attribute(i) == at {
			return p
		}
	}
	return 0
}

// hear takes one attribute of the reply.
func (s *statement) hear(at attribute, value []byte) error {
	this := s.ordered.means(at)
	switch {
	case this != 0: // limits are harmless where none was ordered
	case at.harmless() || s.ordered.edge && at == facts:
		return nil
	default:
		return at.refused()
	}
	if s.said&this != 0 {
		return fmt.Errorf("the reply says %v twice: %w", at, ErrZoneGuard)
	}
	s.said |= this
	if !s.ordered.agrees(this, value) {
		return fmt.Errorf("the reply says %v %q, which is not what was ordered: %w", at, value, ErrZoneGuard)
	}
	return nil
}

// agrees reads a value and compares it with the Assignment.
func (a *Assignment) agrees(this part, value []byte) bool {
	switch this {
	case saysFilter:
		return string(value) == a.terms.filter
	case saysRole:
		return string(value) == a.terms.role
	case saysCalled:
		return string(value) == a.terms.called
	case saysRateLimit:
		return isRates(value, a.terms.up, a.terms.down)
	case saysGroup:
		if a.nas.tag != nil {
			if len(value) == 0 || value[0] != *a.nas.tag {
				return false
			}
			value = value[1:]
		}
		if a.nas.byName {
			return string(value) == a.terms.called
		}
		return readVLAN(value) == int(a.id)
	}
	if len(value) != 4 {
		return false
	}
	n := binary.BigEndian.Uint32(value)
	if (this == saysType || this == saysMedium) && a.nas.tag != nil {
		if n>>24 != uint32(*a.nas.tag) {
			return false
		}
		n &= 1<<24 - 1
	}
	switch this {
	case saysType:
		return n == 13 // VLAN (RFC 3580, section 3.31)
	case saysMedium:
		return n == 6 // IEEE 802
	case saysWirelessVLAN:
		return n == uint32(a.id)
	case saysWirelessType:
		return n == 0 // 802.1Q
	case saysUp:
		return n == a.terms.up
	case saysDown:
		return n == a.terms.down
	case saysContractUp:
		return n == kilobits(a.terms.up)
	case saysContractDown:
		return n == kilobits(a.terms.down)
	case saysSession:
		return n >= 1 && n <= a.terms.session // a home may want them back earlier
	case saysAction:
		return n == 1
	case saysIdle:
		return n == a.terms.idle
	case saysInterim:
		return n == a.terms.interim
	}
	return false
}

// kilobits is bit/s in kbit/s, rounded down, and never 0, which would be no limit.
func kilobits(bits uint32) uint32 {
	if bits < 2000 {
		return 1
	}
	return bits / 1000
}

// isRates reads "up/down" as two decimal numbers of bit/s, and nothing after them.
func isRates(text []byte, up, down uint32) bool {
	for i, want := range [...]uint32{up, down} {
		var digits [11]byte
		n := len(digits)
		if i == 0 {
			n--
			digits[n] = '/'
		}
		for n--; ; n-- {
			digits[n] = byte('0' + want%10)
			if want /= 10; want == 0 {
				break
			}
		}
		var found bool
		if text, found = bytes.CutPrefix(text, digits[n:]); !found {
			return false
		}
	}
	return len(text) == 0
}

// readVLAN reads a number of one to four digits, without a leading zero or anything else;
// -1 is none. Whether there is such a VLAN, sound judges.
func readVLAN(text []byte) int {
	if len(text) < 1 || len(text) > 4 || text[0] == '0' {
		return -1
	}
	id := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return -1
		}
		id = id*10 + int(c-'0')
	}
	return id
}

// complete tells whether all was said, and judges the place once more.
func (s *statement) complete() error {
	a := s.ordered
	if missing := a.wanted() &^ s.said; missing != 0 {
		return fmt.Errorf("the reply leaves out %s: %w", missing.names(a), ErrZoneGuard)
	}
	if a.state == noPlacement {
		return nil
	}
	return a.sound()
}
