package vlan

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"layeh.com/radius"
)

// The smallest and the greatest of what the gate takes, and what lies just beyond.

// reply is an Accept of these attributes alone, each with its code, as octets.
func replyOf(attributes ...[]byte) []byte {
	return radiusHeader(2, slices.Concat(attributes...))
}

// trioOf says a VLAN in text, without a tag.
func trioOf(id string) [][]byte {
	return [][]byte{tlv(64, []byte{0, 0, 0, 13}), tlv(65, []byte{0, 0, 0, 6}), tlv(81, []byte(id))}
}

func refusedByGate(t *testing.T, what string, a Assignment, wire []byte) {
	t.Helper()
	if err := a.Verify(wire); !errors.Is(err, ErrZoneGuard) {
		t.Errorf("%s: %v", what, err)
	}
}

// Attributes without a value are short and harmless, wherever they stand.
func TestGateTakesEmptyAttributes(t *testing.T) {
	a := mustAssign(t, mustNew(t, worded("hostapd", "", nil, nil)), visitor)
	for _, empty := range [][]byte{tlv(25, nil), tlv(26, []byte{0, 0, 1, 55, 16, 2}), tlv(26, []byte{0, 0, 1, 55, 16, 2, 17, 2})} {
		for at := range 4 {
			wire := replyOf(slices.Insert(trioOf("120"), at, empty)...)
			if err := a.Verify(wire); err != nil {
				t.Errorf("%x at %d: %v", empty, at, err)
			}
		}
	}
}

// A type beyond an octet is no attribute, whatever it would be within one.
func TestTagTakesTypesOfOneOctetOnly(t *testing.T) {
	a := mustAssign(t, mustNew(t, worded("hostapd", "", nil, nil)), visitor)
	for _, code := range []radius.Type{25 + 256, 25 - 256, -1, 256} {
		reply := radius.New(radius.CodeAccessAccept, nil)
		reply.Attributes = append(reply.Attributes, &radius.AVP{Type: code, Attribute: []byte("x")})
		if err := a.Tag(reply); !errors.Is(err, ErrZoneGuard) || len(reply.Attributes) != 1 {
			t.Errorf("type %d: %v, %d attributes", code, err, len(reply.Attributes))
		}
	}
}

// VLAN numbers of one digit to four, the last there is among them, and texts that a
// careless reader would take for them.
func TestGateReadsNumbersToTheLetter(t *testing.T) {
	for id, likenesses := range map[uint16][]string{
		7:    {"", "07", "7 ", " 7", "7\x00", "\x007", "17"},
		30:   {"2:", "3", "030", "300", "1D"},
		4094: {"4095", "409", "40940", "4093", "3\x3e94"},
	} {
		a := mustAssign(t, mustNew(t, worded("hostapd", "", nil, func(v *VLAN) { v.ID = id })), visitor)
		if err := a.Verify(bare(t, a)); err != nil {
			t.Errorf("%d: %v", id, err)
		}
		for _, text := range likenesses {
			refusedByGate(t, text, a, replyOf(trioOf(text)...))
		}
	}
}

// Contracts are told in kbit/s and never as 0, which would be no limit at all.
func TestContractsAreNeverNone(t *testing.T) {
	for speed, want := range map[string]byte{"1": 1, "999": 1, "1000": 1, "1999": 1, "2000": 2, "2999": 2} {
		for _, way := range []string{"up", "down"} {
			a := mustAssign(t, mustNew(t, worded("cisco-aireos", "", nil, func(v *VLAN) {
				if way == "up" {
					v.Up = speed
				} else {
					v.Down = speed
				}
			})), visitor)
			wire := bare(t, a)
			if got := wire[len(wire)-1]; got != want {
				t.Errorf("%s %s bit/s: told %d kbit/s, want %d", speed, way, got, want)
			}
			if err := a.Verify(wire); err != nil {
				t.Errorf("%s %s bit/s: %v", speed, way, err)
			}
			wire[len(wire)-1]--
			refusedByGate(t, "one less than "+speed, a, wire)
		}
	}
}

// Mikrotik's two speeds are one text, which says both, in order, and nothing else.
func TestGateReadsRatesToTheLetter(t *testing.T) {
	a := mustAssign(t, mustNew(t, worded("mikrotik", "", nil, func(v *VLAN) { v.Up, v.Down = "5", "70" })), visitor)
	place := [][]byte{vsa(14988, 26, []byte{0, 0, 0, 120}), vsa(14988, 27, []byte{0, 0, 0, 0})}
	says := func(text string) []byte { return replyOf(append(slices.Clone(place), vsa(14988, 8, []byte(text)))...) }
	if err := a.Verify(says("5/70")); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"/70", "570", "5/", "5", "", "/", "5/7", "5/700", "70/5", "5//70", "5/70/", "05/70", "5/70 ", "6/70", "5/71", "/5/70", "5 70"} {
		refusedByGate(t, text, a, says(text))
	}
}

// vsa is one attribute of a vendor.
func vsa(vendor uint32, code uint8, value []byte) []byte {
	return tlv(26, attack(attribute{vendor, code}, value).Attribute)
}

// A home may want a visitor back at once, and not never.
func TestGateTakesShorterSessions(t *testing.T) {
	a := mustAssign(t, mustNew(t, worded("hostapd", "", nil, features[len(features)-1].change)), visitor)
	rest := append(trioOf("120"), tlv(29, []byte{0, 0, 0, 1}), tlv(28, []byte{0, 0, 7, 8}), tlv(85, []byte{0, 0, 3, 132}))
	for seconds, good := range map[uint32]bool{0: false, 1: true, 28800: true, 28801: false} {
		wire := replyOf(append(slices.Clone(rest), tlv(27, []byte{0, 0, byte(seconds >> 8), byte(seconds)}))...)
		if err := a.Verify(wire); (err == nil) != good {
			t.Errorf("%d seconds: %v", seconds, err)
		}
	}
}

// Where a VLAN goes by a name of the make's own and no trio is said, speeds and roles do
// not ask for one.
func TestNamesWithEveryTerm(t *testing.T) {
	for _, vendor := range []string{"aruba", "cisco-aireos", "extreme"} {
		a := mustAssign(t, mustNew(t, worded(vendor, "name", nil, func(v *VLAN) {
			v.Up, v.Down = "20M", "50M"
			if vendor == "aruba" {
				v.Role = "guest"
			}
			v.Filter = "web"
		})), visitor)
		wire := bare(t, a)
		if err := a.Verify(wire); err != nil {
			t.Errorf("%s: %v", vendor, err)
		}
		for _, code := range []byte{64, 65, 81} {
			refusedByGate(t, vendor, a, radiusHeader(2, append(slices.Clone(wire[20:]), tlv(code, []byte{0, 0, 0, 13})...)))
		}
	}
}

// The alarm calls attributes by their numbers where it has no name for them.
func TestNamesOfAttributes(t *testing.T) {
	for at, want := range map[attribute]string{
		{0, 81}: "Tunnel-Private-Group-Id", {0, 240}: "attribute 240", {0, 241}: "extended attribute 241", {0, 246}: "extended attribute 246",
		{0, 247}: "attribute 247", {9, 241}: "attribute 241 of vendor 9",
	} {
		if got := at.String(); got != want {
			t.Errorf("%d of %d: %q, want %q", at.code, at.vendor, got, want)
		}
	}
}

// Nobody's Accept is refused as such, whatever it says or leaves out; and what is no part
// of a placement agrees with nothing.
func TestGateOfNobody(t *testing.T) {
	const want = "an Accept that nobody was assigned to: zone-guard"
	for _, wire := range [][]byte{nil, replyOf(), replyOf(trioOf("120")...), replyOf(tlv(25, []byte("class")))} {
		if err := (Assignment{}).Verify(wire); fmt.Sprint(err) != want {
			t.Errorf("%x: %v", wire, err)
		}
	}
	everyWorded(t, func(name string, a Assignment) {
		for _, value := range [][]byte{nil, {0, 0, 0, 0}, {0, 0, 0, 1}, {0, 0, 0, 120}, []byte("120")} {
			if a.agrees(0, value) || a.agrees(saysInterim<<1, value) {
				t.Errorf("%s: %x agrees", name, value)
			}
		}
	})
}

// An Assignment of the first number there is, and of none.
func TestSoundNumbers(t *testing.T) {
	for _, id := range []uint16{1, 2, 4093, 4094} {
		a := mustAssign(t, mustNew(t, worded("hostapd", "", nil, func(v *VLAN) { v.ID = id })), visitor)
		if err := a.Verify(bare(t, a)); err != nil {
			t.Errorf("%d: %v", id, err)
		}
		for _, state := range []state{unplaced, noPlacement, noPlacement + 1} {
			forged := a
			forged.state = state
			if err := forged.sound(); !errors.Is(err, ErrZoneGuard) {
				t.Errorf("state %d: %v", state, err)
			}
		}
		for _, other := range []uint16{0, 4095, 65535} {
			forged := a
			forged.id = other
			forged.site = &site{name: "forged", numbers: a.site.numbers, terms: a.site.terms, owner: map[uint16]*zone{other: a.network.zone}}
			if err := forged.sound(); !errors.Is(err, ErrZoneGuard) {
				t.Errorf("%d: %v", other, err)
			}
		}
	}
}

// A session that is as long as ours stays as its home wrote it; one of which ours says
// nothing as well; and nothing else is cut.
func TestSessionsThatAreNotCut(t *testing.T) {
	for ours, sent := range map[time.Duration][]byte{time.Hour: {0, 0, 14, 16}, 0: {0, 0, 255, 255}} {
		a := mustAssign(t, mustNew(t, worded("generic", "", nil, func(v *VLAN) { v.Session = ours })), visitor)
		reply := radius.New(radius.CodeAccessAccept, nil)
		class := radius.Attribute{0, 0, 255, 255}
		reply.Add(25, class)
		avp := &radius.AVP{Type: 27, Attribute: slices.Clone(sent)}
		reply.Attributes = append(reply.Attributes, avp)
		kept := &avp.Attribute[0]
		if err := a.Tag(reply); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(avp.Attribute, sent) || &avp.Attribute[0] != kept {
			t.Errorf("%v: %x becomes %x", ours, sent, []byte(avp.Attribute))
		}
		if !slices.Equal(reply.Get(25), class) {
			t.Errorf("%v: the Class becomes %x", ours, []byte(reply.Get(25)))
		}
	}
}
