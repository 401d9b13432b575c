package vlan

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"layeh.com/radius"
)

// accept encodes an Access-Accept with what every Accept of ours carries, the
// placement, and what comes after it.
func accept(t testing.TB, a Assignment, more ...*radius.AVP) []byte {
	t.Helper()
	reply := radius.New(radius.CodeAccessAccept, []byte("0123456789abcdef"))
	reply.Add(80, make([]byte, 16))
	reply.Add(79, []byte{3, 7, 0, 4})
	reply.Add(1, []byte("nurse@northbridge.nhs.uk"))
	reply.Add(26, append([]byte{0, 0, 1, 55, 17, 52}, make([]byte, 50)...))
	reply.Add(26, append([]byte{0, 0, 1, 55, 16, 52}, make([]byte, 50)...))
	reply.Add(25, []byte("class"))
	reply.Add(27, []byte{0, 0, 14, 16})
	if err := a.Tag(reply); err != nil {
		t.Fatal(err)
	}
	reply.Attributes = append(reply.Attributes, more...)
	reply.Add(33, []byte("proxy"))
	wire, err := reply.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

func mustAssign(t testing.TB, p *Policy, f Facts) Assignment {
	t.Helper()
	a, err := p.Assign(f)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// placementOf picks the placement attributes out of what Tag adds.
func placementOf(t testing.TB, a Assignment) string {
	t.Helper()
	reply := radius.New(radius.CodeAccessAccept, nil)
	if err := a.Tag(reply); err != nil {
		t.Fatal(err)
	}
	wire, err := reply.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(wire[20:])
}

// Holds R14: the bytes for each row of the table of vendors.
func TestVendorBytes(t *testing.T) {
	const (
		three  = "40060000000d" + "410600000006" + "510531 3230"
		up     = "1a0c 0000372a 0706 01312d00"
		down   = "1a0c 0000372a 0806 02faf080"
		filter = "0b05 776562"
		acl    = "1a0b 00003763 0605 776562"
	)
	want := map[string]string{
		"generic":      three + up + down + filter,
		"cisco-9800":   three + up + down + acl,
		"cisco-aireos": three + "1a0c 00003763 0d06 00004e20" + "1a0c 00003763 0706 0000c350" + acl, // kbit/s
		"aruba":        three + up + down + filter,
		"ruckus":       three + up + down + filter,
		"meraki":       three + up + down + filter,
		"unifi":        three + up + down + filter,
		"extreme":      three + up + down + filter,
		"mist":         three + up + down + filter,
		"mikrotik":     "1a0c 00003a8c 1a06 00000078" + "1a0c 00003a8c 1b06 00000000" + "1a19 00003a8c 0813 32303030303030302f3530303030303030" + filter,
		"fortinet":     three + up + down + filter,
		"hostapd":      three + up + down + filter,
	}
	for _, name := range Vendors() {
		a := mustAssign(t, oneVLAN(t, name, nil), visitor)
		if got, want := placementOf(t, a), strings.ReplaceAll(want[name], " ", ""); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
		if err := a.Verify(accept(t, a)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// oneVLAN is a policy with visitors on VLAN 120 behind one make of controller.
func oneVLAN(t testing.TB, vendor string, tag *uint8) *Policy {
	return mustNew(t, Config{
		Zones: []Zone{{"visitor", false}},
		VLANs: []VLAN{{Name: "visitor", ID: 120, Zone: "visitor", Up: "20M", Down: "50M", Filter: "web"}},
		SSIDs: []SSID{{Name: "eduroam", Rules: []Rule{{Who: "visitor", VLAN: "visitor"}}}},
		Sites: []Site{{Name: "Royal Infirmary", Controllers: []Controller{{Name: "royal-wlc", Vendor: vendor, WithoutVLAN: "reject", Tag: tag}}}},
	})
}

// Holds R14: the tag octet, where a controller wants one.
func TestTagOctet(t *testing.T) {
	zero, one := uint8(0), uint8(1)
	for _, c := range []struct {
		tag  *uint8
		want string
	}{
		{nil, "40060000000d" + "410600000006" + "5105313230"},
		{&zero, "40060000000d" + "410600000006" + "510600313230"},
		{&one, "40060100000d" + "410601000006" + "510601313230"},
	} {
		a := mustAssign(t, oneVLAN(t, "generic", c.tag), visitor)
		if got := placementOf(t, a); !strings.HasPrefix(got, c.want) {
			t.Errorf("got %s, want %s…", got, c.want)
		}
		if err := a.Verify(accept(t, a)); err != nil {
			t.Error(err)
		}
	}
}

// Holds R7 and layer 3 of docs/architecture.md: nothing without an Assignment, and nothing for those
// who are elsewhere.
func TestNoAssignmentNoAccept(t *testing.T) {
	var none Assignment
	if err := none.Tag(radius.New(radius.CodeAccessAccept, nil)); !errors.Is(err, ErrZoneGuard) {
		t.Errorf("Tag of nothing: %v", err)
	}
	p := mustNew(t, trust())
	placed := mustAssign(t, p, nurse)
	if err := none.Verify(accept(t, placed)); !errors.Is(err, ErrZoneGuard) {
		t.Errorf("Verify of nothing: %v", err)
	}
	if err := none.Verify(radiusHeader(2, nil)); !errors.Is(err, ErrZoneGuard) {
		t.Errorf("Verify of nothing, nothing said: %v", err)
	}
	for _, code := range []radius.Code{radius.CodeAccessReject, radius.CodeAccessChallenge} {
		if err := placed.Tag(radius.New(code, nil)); !errors.Is(err, ErrZoneGuard) {
			t.Errorf("Tag of a %v: %v", code, err)
		}
	}
	if err := placed.Tag(nil); !errors.Is(err, ErrZoneGuard) {
		t.Errorf("Tag of no reply: %v", err)
	}
	away := mustAssign(t, p, Facts{Elsewhere: true, User: "nurse", Realm: "northbridge.nhs.uk", Own: true})
	if got := placementOf(t, away); got != "" {
		t.Errorf("ours elsewhere carries %s", got)
	}
	if err := away.Verify(accept(t, away)); err != nil {
		t.Error(err)
	}
	if err := away.Verify(accept(t, placed)); !errors.Is(err, ErrZoneGuard) {
		t.Errorf("ours elsewhere with a placement: %v", err)
	}
	// Who somebody is goes to an edge of ours and to nobody else, and a network not
	// even there.
	edge := mustAssign(t, p, Facts{ByEdge: true, User: "nurse", Realm: "northbridge.nhs.uk", Own: true})
	told := bytes.Clone(accept(t, edge))
	told = append(told, 224, 6, 'm', ':', 't', 'l')
	binary.BigEndian.PutUint16(told[2:], uint16(len(told)))
	for name, a := range map[string]Assignment{"an edge": edge, "another organisation": away, "a controller": placed} {
		if err := a.Verify(told); (err == nil) != (name == "an edge") {
			t.Errorf("facts to %s: %v", name, err)
		}
	}
	if err := edge.Verify(accept(t, placed)); !errors.Is(err, ErrZoneGuard) {
		t.Errorf("to an edge with a placement: %v", err)
	}
}

// attack is an attribute that an upstream, or a mistake of ours, adds.
func attack(at attribute, value []byte) *radius.AVP {
	if at.vendor == 0 {
		return &radius.AVP{Type: radius.Type(at.code), Attribute: value}
	}
	body := binary.BigEndian.AppendUint32(nil, at.vendor)
	body = append(body, at.code, byte(2+len(value)))
	return &radius.AVP{Type: 26, Attribute: append(body, value...)}
}

// Holds S13: any placement attribute of any vendor, and anything unknown, is
// refused beside the right placement, alone, and before Tag.
func TestS13ForeignPlacementRefused(t *testing.T) {
	p := mustNew(t, trust())
	a := mustAssign(t, p, nurse)
	away := mustAssign(t, p, Facts{Elsewhere: true, User: "nurse", Realm: "northbridge.nhs.uk", Own: true})
	var attacks []attribute
	for _, at := range placements {
		attacks = append(attacks, at.attribute)
	}
	for code := range 256 { // every standard attribute that is not known to be harmless
		if at := (attribute{0, uint8(code)}); !at.harmless() && code != vendorSpecific {
			attacks = append(attacks, at)
		}
	}
	for _, vendor := range []uint32{1, 9, 311, 14122, 14179, 14823, 14988, 25053, 29671, 99999} {
		for code := range 256 {
			if at := (attribute{vendor, uint8(code)}); !at.harmless() {
				attacks = append(attacks, at)
			}
		}
	}
	values := [][]byte{[]byte("120"), {0, 0, 0, 120}, []byte("110"), {0, 0, 0, 13}, []byte("tunnel-private-group-id=120")}
	for _, at := range attacks {
		for _, value := range values {
			avp := attack(at, value)
			for _, victim := range []Assignment{a, away} {
				if err := victim.Verify(accept(t, victim, avp)); !errors.Is(err, ErrZoneGuard) {
					t.Fatalf("%v %q passed: %v", at, value, err)
				}
			}
			reply := radius.New(radius.CodeAccessAccept, nil)
			reply.Attributes = append(reply.Attributes, avp)
			if err := a.Tag(reply); !errors.Is(err, ErrZoneGuard) || len(reply.Attributes) != 1 {
				t.Fatalf("%v tagged over: %v", at, err)
			}
		}
	}
}

func radiusHeader(code byte, attributes []byte) []byte {
	wire := make([]byte, 20, 20+len(attributes))
	wire[0] = code
	wire = append(wire, attributes...)
	binary.BigEndian.PutUint16(wire[2:], uint16(len(wire)))
	return wire
}

// Holds R14 at the gate: one thing changed in good bytes, and what the alarm says.
func TestVerifyRefuses(t *testing.T) {
	p := mustNew(t, trust())
	a := mustAssign(t, p, student) // 1310, 50M down, 20M up, filter in 14179/6
	const (
		kind, medium, group = "40060000000d", "410600000006", "510631333130"
		up, down            = "1a0c0000372a070601312d00", "1a0c0000372a080602faf080"
		filter              = "1a1300003763060d" + "73747564656e742d776562"
	)
	good := kind + medium + group + up + down + filter
	cases := []struct{ name, attributes, want string }{
		{"good", good, ""},
		{"another order", filter + down + up + group + kind + medium, ""},
		{"two in one vendor's attribute", kind + medium + group + "1a120000372a070601312d00080602faf080" + filter, ""},
		{"nothing", "", "the reply leaves out Tunnel-Type, Tunnel-Medium-Type, Tunnel-Private-Group-Id, WISPr-Bandwidth-Max-Up, WISPr-Bandwidth-Max-Down, Airespace-ACL-Name: zone-guard"},
		{"no group", kind + medium + up + down + filter, "the reply leaves out Tunnel-Private-Group-Id: zone-guard"},
		{"no type", medium + group + up + down + filter, "the reply leaves out Tunnel-Type: zone-guard"},
		{"no filter", kind + medium + group + up + down, "the reply leaves out Airespace-ACL-Name: zone-guard"},
		{"another vlan", kind + medium + "510531 3130" + up + down + filter, `the reply says Tunnel-Private-Group-Id "110", which is not what was ordered: zone-guard`},
		{"a leading zero", kind + medium + "51073031333130" + up + down + filter, `the reply says Tunnel-Private-Group-Id "01310", which is not what was ordered: zone-guard`},
		{"a NUL behind", kind + medium + "5107" + "3133313000" + up + down + filter, `the reply says Tunnel-Private-Group-Id "1310\x00", which is not what was ordered: zone-guard`},
		{"a tag nobody asked for", kind + medium + "5107" + "0131333130" + up + down + filter, `the reply says Tunnel-Private-Group-Id "\x011310", which is not what was ordered: zone-guard`},
		{"a tagged type", "40060100000d" + medium + group + up + down + filter, `the reply says Tunnel-Type "\x01\x00\x00\r", which is not what was ordered: zone-guard`},
		{"a short type", "40050000 0d" + medium + group + up + down + filter, `the reply says Tunnel-Type "\x00\x00\r", which is not what was ordered: zone-guard`},
		{"a long type", "40070000000d00" + medium + group + up + down + filter, `the reply says Tunnel-Type "\x00\x00\x00\r\x00", which is not what was ordered: zone-guard`},
		{"another medium", kind + "410600000001" + group + up + down + filter, `the reply says Tunnel-Medium-Type "\x00\x00\x00\x01", which is not what was ordered: zone-guard`},
		{"the group twice", good + group, "the reply says Tunnel-Private-Group-Id twice: zone-guard"},
		{"faster", kind + medium + group + "1a0c0000372a0706ffffffff" + down + filter, `the reply says WISPr-Bandwidth-Max-Up "\xff\xff\xff\xff", which is not what was ordered: zone-guard`},
		{"another filter", kind + medium + group + up + down + "1a09000037630603 61", `the reply says Airespace-ACL-Name "a", which is not what was ordered: zone-guard`},
		{"Filter-Id as well", good + "0b0361", "the reply carries Filter-Id, which nobody ordered: zone-guard"},
		{"Mikrotik's as well", good + "1a0c00003a8c1a060000051e", "the reply carries Mikrotik-Wireless-VLANID, which nobody ordered: zone-guard"},
		{"Aruba's as well", good + "1a0c000039e702060000051e", "the reply carries Aruba-User-Vlan, which nobody ordered: zone-guard"},
		{"an AVPair", good + "1a0a0000000901046162", "the reply carries Cisco-AVPair, which nobody ordered: zone-guard"},
		{"extended", good + "f1040161", "the reply carries extended attribute 241, which nobody ordered: zone-guard"},
		{"unknown", good + "c80361", "the reply carries attribute 200, which nobody ordered: zone-guard"},
		{"an unknown vendor's", good + "1a0a0001869f01046162", "the reply carries attribute 1 of vendor 99999, which nobody ordered: zone-guard"},
		{"hidden behind a key", good + "1a0f00000137" + "1003aa" + "0206000000ff", "the reply carries attribute 2 of vendor 311, which nobody ordered: zone-guard"},
		{"vendor 0", good + "1a0a0000000001046162", "the reply has an attribute of vendor 0: zone-guard"},
		{"an empty vendor's", good + "1a0600000009", "the reply has an empty vendor's attribute: zone-guard"},
		{"a vendor's part too long", good + "1a0a0000000901ff6162", "the reply has an attribute of vendor 9 of impossible length: zone-guard"},
		{"a vendor's part too short", good + "1a0a0000013710016162", "the reply has an attribute of vendor 311 of impossible length: zone-guard"},
		{"one octet behind a vendor's part", good + "1a0a0000013710036162", "the reply has an attribute of vendor 311 of impossible length: zone-guard"},
		{"an attribute too long", good + "01ff61", "the reply has an attribute of impossible length: zone-guard"},
		{"an attribute too short", good + "0101", "the reply has an attribute of impossible length: zone-guard"},
		{"one octet behind", good + "01", "the reply has an attribute of impossible length: zone-guard"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			attributes, err := hex.DecodeString(strings.ReplaceAll(c.attributes, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := a.Verify(radiusHeader(2, attributes)); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	attributes, _ := hex.DecodeString(good)
	wire := radiusHeader(2, attributes)
	for name, bad := range map[string][]byte{
		"nothing":                        nil,
		"a short header":                 wire[:19],
		"cut":                            wire[:len(wire)-1],
		"an octet behind":                append(bytes.Clone(wire), 0),
		"an Access-Reject":               radiusHeader(3, attributes),
		"an attribute behind the length": append(bytes.Clone(wire), 1, 3, 'x'),
		"a length beyond the end":        append([]byte{2, 0, 255, 255}, wire[4:]...),
	} {
		if err := a.Verify(bad); !errors.Is(err, ErrZoneGuard) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Holds R14 at the gate where a controller wants a tag, has a number of three
// digits, or is told in another way.
func TestVerifyRefusesByController(t *testing.T) {
	one := uint8(1)
	const speed = "1a0c0000372a070601312d00" + "1a0c0000372a080602faf080" + "0b05776562"
	for _, c := range []struct {
		name, vendor string
		tag          *uint8
		attributes   string
		ok           bool
	}{
		{"good", "generic", nil, "40060000000d" + "410600000006" + "5105313230", true},
		{"a leading zero", "generic", nil, "40060000000d" + "410600000006" + "510630313230", false},
		{"a tag of zero", "generic", nil, "40060000000d" + "410600000006" + "510600313230", false},
		{"nothing in the group", "generic", nil, "40060000000d" + "410600000006" + "5102", false},
		{"good, tagged", "generic", &one, "40060100000d" + "410601000006" + "510601313230", true},
		{"the type has another tag", "generic", &one, "40060000000d" + "410601000006" + "510601313230", false},
		{"the medium has another tag", "generic", &one, "40060100000d" + "410602000006" + "510601313230", false},
		{"the group has another tag", "generic", &one, "40060100000d" + "410601000006" + "510602313230", false},
		{"the group has no tag", "generic", &one, "40060100000d" + "410601000006" + "5105313230", false},
		{"nothing in the tagged group", "generic", &one, "40060100000d" + "410601000006" + "5102", false},
		{"good, Mikrotik", "mikrotik", nil, "1a0c00003a8c1a0600000078" + "1a0c00003a8c1b0600000000", true},
		{"802.1ad", "mikrotik", nil, "1a0c00003a8c1a0600000078" + "1a0c00003a8c1b0600000001", false},
		{"another number", "mikrotik", nil, "1a0c00003a8c1a0600000079" + "1a0c00003a8c1b0600000000", false},
		{"a number with high bits", "mikrotik", nil, "1a0c00003a8c1a0600010078" + "1a0c00003a8c1b0600000000", false},
		{"the trio as well", "mikrotik", nil, "40060000000d" + "410600000006" + "5105313230" + "1a0c00003a8c1a0600000078" + "1a0c00003a8c1b0600000000", false},
	} {
		speed := speed
		if c.vendor == "mikrotik" {
			speed = "1a1900003a8c0813" + "32303030303030302f3530303030303030" + "0b05776562"
		}
		attributes, err := hex.DecodeString(c.attributes + speed)
		if err != nil {
			t.Fatal(c.name, err)
		}
		a := mustAssign(t, oneVLAN(t, c.vendor, c.tag), visitor)
		if err := a.Verify(radiusHeader(2, attributes)); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// Holds layer 7 of docs/architecture.md: each layer is taken away in turn, and the next one stops what it
// would have stopped.
func TestEachLayerRemovedLeaksNothing(t *testing.T) {
	t.Run("no proof at load: Assign stops the visitor", func(t *testing.T) {
		cfg := trust()
		cfg.SSIDs[1].Rules[1].VLAN = "clinical"
		p := read(cfg).policy // as New, with nothing proved
		if a, err := p.Assign(visitor); !errors.Is(err, ErrZoneGuard) || a != (Assignment{}) {
			t.Errorf("%v %v", a, err)
		}
	})
	t.Run("no proof, no check in Assign: Tag and Verify stop the visitor", func(t *testing.T) {
		a := mustAssign(t, mustNew(t, trust()), nurse)
		forged := a
		forged.own = false
		if err := forged.Tag(radius.New(radius.CodeAccessAccept, nil)); !errors.Is(err, ErrZoneGuard) {
			t.Errorf("Tag: %v", err)
		}
		if err := forged.Verify(accept(t, a)); !errors.Is(err, ErrZoneGuard) {
			t.Errorf("Verify: %v", err)
		}
	})
	t.Run("a number of two zones: Assign and Verify stop everybody on it", func(t *testing.T) {
		cfg := trust()
		cfg.Sites[0].VLAN = map[string]uint16{"visitor": 110}
		p := read(cfg).policy
		for _, f := range []Facts{nurse, visitor} {
			if a, err := p.Assign(f); !errors.Is(err, ErrZoneGuard) {
				t.Errorf("Assign: %v %v", a, err)
			}
		}
		good := mustAssign(t, mustNew(t, trust()), nurse)
		forged := good
		forged.site = p.siteOf["Royal Infirmary"]
		if err := forged.Verify(accept(t, good)); !errors.Is(err, ErrZoneGuard) {
			t.Errorf("Verify: %v", err)
		}
	})
	t.Run("a Tag that writes another number: Verify stops it", func(t *testing.T) {
		p := mustNew(t, trust())
		student := mustAssign(t, p, student)
		for _, f := range []Facts{nurse, visitor} {
			if err := student.Verify(accept(t, mustAssign(t, p, f))); !errors.Is(err, ErrZoneGuard) {
				t.Errorf("%s's bytes pass for the student: %v", f.User, err)
			}
		}
	})
	t.Run("no Tag: Verify misses the placement", func(t *testing.T) {
		if err := mustAssign(t, mustNew(t, trust()), visitor).Verify(radiusHeader(2, nil)); !errors.Is(err, ErrZoneGuard) {
			t.Error(err)
		}
	})
	t.Run("no Verify: Tag leaves nobody else's placement", func(t *testing.T) {
		reply := radius.New(radius.CodeAccessAccept, nil)
		reply.Add(81, []byte("110"))
		if err := mustAssign(t, mustNew(t, trust()), visitor).Tag(reply); !errors.Is(err, ErrZoneGuard) {
			t.Error(err)
		}
	})
	t.Run("a number that a site does not have", func(t *testing.T) {
		cfg := trust()
		cfg.VLANs[3].ID = 0
		if a, err := read(cfg).policy.Assign(visitor); !errors.Is(err, ErrZoneGuard) {
			t.Errorf("%v %v", a, err)
		}
	})
}

// Holds DESIGN, first corollary: two Accepts that differ only in what an upstream
// sent say the same of the network, or are not sent.
func TestUpstreamAttributesChangeNothing(t *testing.T) {
	p := mustNew(t, trust())
	a := mustAssign(t, p, visitor)
	want := placementBytes(t, accept(t, a))
	random := rand.New(rand.NewPCG(1, 2))
	passed := 0
	for range 20000 {
		avp := &radius.AVP{Type: radius.Type(random.IntN(256)), Attribute: make([]byte, random.IntN(40))}
		for i := range avp.Attribute {
			avp.Attribute[i] = byte(random.Uint32())
		}
		if random.IntN(4) == 0 && len(avp.Attribute) > 7 {
			avp.Type = 26
			at := placements[random.IntN(len(placements))]
			avp = attack(at.attribute, avp.Attribute)
		}
		wire := accept(t, a, avp)
		if a.Verify(wire) != nil {
			continue
		}
		passed++
		if got := placementBytes(t, wire); got != want {
			t.Fatalf("attribute %d %x changed the placement:\n%s\n%s", avp.Type, avp.Attribute, got, want)
		}
	}
	if passed == 0 {
		t.Error("no pair passed: the test proves nothing")
	}
}

// placementBytes is a second reader of replies, on another parser: every
// attribute that is not on this list, written out anew, in order.
func placementBytes(t testing.TB, wire []byte) string {
	t.Helper()
	packet, err := radius.Parse(wire, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, avp := range packet.Attributes {
		switch avp.Type {
		case 1, 18, 24, 25, 27, 29, 33, 79, 80, 85, 89:
			continue
		case 26:
			if len(avp.Attribute) > 5 && bytes.Equal(avp.Attribute[:4], []byte{0, 0, 1, 55}) && (avp.Attribute[4] == 16 || avp.Attribute[4] == 17) && int(avp.Attribute[5]) == len(avp.Attribute)-4 {
				continue
			}
		}
		fmt.Fprintf(&b, "%d:%x ", avp.Type, []byte(avp.Attribute))
	}
	return b.String()
}

// FuzzVerify: bytes that pass say exactly what was ordered, as a second reader
// sees them.
func FuzzVerify(f *testing.F) {
	p := mustNew(f, trust())
	assignments := []Assignment{
		mustAssign(f, p, nurse), mustAssign(f, p, student), mustAssign(f, p, visitor),
		mustAssign(f, p, Facts{Elsewhere: true, User: "nurse", Realm: "northbridge.nhs.uk", Own: true}),
		mustAssign(f, oneVLAN(f, "mikrotik", nil), visitor),
	}
	everyWorded(f, func(name string, a Assignment) {
		if !strings.Contains(name, "limits") { // a shorter time is as good: TestSessionIsCut
			assignments = append(assignments, a)
		}
	})
	wants := make([]map[string]int, len(assignments))
	for i, a := range assignments {
		wants[i] = said(f, accept(f, a))
		for j, b := range assignments {
			if i > 5 && j != i {
				continue
			}
			f.Add(uint8(i), accept(f, b))
		}
		for _, at := range placements {
			if i > 5 {
				break
			}
			f.Add(uint8(i), accept(f, a, attack(at.attribute, []byte{0, 0, 0, 110})))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, wire []byte) {
		i := int(which) % len(assignments)
		if assignments[i].Verify(wire) != nil {
			return
		}
		got, want := said(t, wire), wants[i]
		for k, n := range got {
			if want[k] != n {
				t.Errorf("%x says %s", wire, k)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%x leaves something out: %v, want %v", wire, got, want)
		}
	})
}

// said lists what an Accept says beside the harmless, each part of a vendor's
// attribute by itself.
func said(t testing.TB, wire []byte) map[string]int {
	t.Helper()
	packet, err := radius.Parse(wire, nil)
	if err != nil {
		t.Fatalf("%x passed and is no packet: %v", wire, err)
	}
	list := map[string]int{}
	for _, avp := range packet.Attributes {
		switch avp.Type {
		case 1, 18, 24, 25, 27, 29, 33, 79, 80, 85, 89:
		case 26:
			vendor, rest := binary.BigEndian.Uint32(avp.Attribute), avp.Attribute[4:]
			for len(rest) > 0 {
				if key := fmt.Sprintf("%d/%d:%x", vendor, rest[0], []byte(rest[2:rest[1]])); !strings.HasPrefix(key, "311/16:") && !strings.HasPrefix(key, "311/17:") {
					list[key]++
				}
				rest = rest[rest[1]:]
			}
		default:
			list[fmt.Sprintf("%d:%x", avp.Type, []byte(avp.Attribute))]++
		}
	}
	return list
}

func TestVerifyAllocatesNothing(t *testing.T) {
	a := mustAssign(t, mustNew(t, trust()), student)
	wire := accept(t, a)
	if n := testing.AllocsPerRun(100, func() { _ = a.Verify(wire) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTag(b *testing.B) {
	a := mustAssign(b, mustNew(b, trust()), nurse)
	reply := radius.New(radius.CodeAccessAccept, nil)
	b.ReportAllocs()
	for b.Loop() {
		reply.Attributes = reply.Attributes[:0]
		if err := a.Tag(reply); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	a := mustAssign(b, mustNew(b, trust()), nurse)
	wire := accept(b, a)
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Verify(wire); err != nil {
			b.Fatal(err)
		}
	}
}
