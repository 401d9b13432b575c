package vlan

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
)

// withoutSpeeds leaves out the warnings of makes that may not obey speeds, which
// TestUnheard holds.
func withoutSpeeds(list []Problem) Problems {
	return slices.DeleteFunc(list, func(p Problem) bool { return strings.Contains(p.Text, "not known to obey") })
}

// worded is one VLAN with everything that can be said of it behind one controller.
func worded(vendor, say string, tag *uint8, change func(*VLAN)) Config {
	v := VLAN{Name: "visitor", ID: 120, Called: "VISITOR-WIFI", Zone: "visitor"}
	if change != nil {
		change(&v)
	}
	return Config{
		Zones: []Zone{{"visitor", false}},
		VLANs: []VLAN{v},
		SSIDs: []SSID{{Name: "eduroam", Rules: []Rule{{Who: "visitor", VLAN: "visitor"}}}},
		Sites: []Site{{Name: "Royal Infirmary", Controllers: []Controller{{Name: "royal-wlc", Vendor: vendor, WithoutVLAN: "reject", Say: say, Tag: tag}}}},
	}
}

var features = []struct {
	name   string
	say    string
	change func(*VLAN)
}{
	{"number", "number", nil},
	{"name", "name", nil},
	{"filter", "", func(v *VLAN) { v.Filter = "web" }},
	{"role", "", func(v *VLAN) { v.Role = "guest" }},
	{"rates", "", func(v *VLAN) { v.Down, v.Up = "50M", "20M" }},
	{"down", "", func(v *VLAN) { v.Down = "50M" }},
	{"limits", "", func(v *VLAN) { v.Session, v.Idle, v.Interim = 8*time.Hour, 30*time.Minute, 15*time.Minute }},
}

// Holds R14: for each make of controller and each thing that can be said, the bytes,
// written out by hand. "-" is what the make cannot be told.
func TestRecordedBytes(t *testing.T) {
	const (
		kind, medium = "40060000000d", "410600000006"
		number       = kind + medium + "5105313230"
		named        = kind + medium + "510e56495349544f522d57494649"
		filter       = "0b05776562"
		acl          = "1a0b000037630605776562"
		filterRole   = "0b076775657374"
		wisprUp      = "1a0c0000372a070601312d00"
		wisprDown    = "1a0c0000372a080602faf080"
		limits       = "1b0600007080" + "1d0600000001" + "1c0600000708" + "550600000384"
	)
	usual := map[string]string{"number": number, "name": "-", "filter": number + filter, "role": number, "rates": number + wisprUp + wisprDown, "down": number + wisprDown, "limits": number + limits}
	with := func(changes ...string) map[string]string {
		m := map[string]string{}
		for k, v := range usual {
			m[k] = v
		}
		for i := 0; i < len(changes); i += 2 {
			m[changes[i]] = changes[i+1]
		}
		return m
	}
	const mikrotik = "1a0c00003a8c1a0600000078" + "1a0c00003a8c1b0600000000"
	want := map[string]map[string]string{
		"generic":    with("name", named),
		"cisco-9800": with("name", named, "filter", number+acl),
		"cisco-aireos": with("name", "1a14000037630"+"50e56495349544f522d57494649", "filter", number+acl,
			"rates", number+"1a0c000037630d0600004e20"+"1a0c0000376307060000c350", "down", number+"1a0c0000376307060000c350"),
		"aruba":   with("name", "1a14000039e7090e56495349544f522d57494649", "role", number+"1a0d000039e701076775657374"),
		"ruckus":  with("role", number+"1a0d000061dd01076775657374"),
		"meraki":  with("role", number+filterRole),
		"unifi":   with(),
		"extreme": with("name", "1a140000077ccb0e56495349544f522d57494649", "role", number+filterRole),
		"mist":    with("name", named, "role", number+filterRole),
		"mikrotik": with("number", mikrotik, "filter", mikrotik+filter, "role", mikrotik, "limits", mikrotik+limits,
			"rates", mikrotik+"1a1900003a8c0813"+hex.EncodeToString([]byte("20000000/50000000")),
			"down", mikrotik+"1a1200003a8c080c"+hex.EncodeToString([]byte("0/50000000"))),
		"fortinet": with("name", named, "role", number+"1a0d0000304401076775657374"),
		"hostapd":  with(),
	}
	one := uint8(1)
	tagged := strings.NewReplacer("40060000000d", "40060100000d", "410600000006", "410601000006", "5105313230", "510601313230", "510e5649", "510f015649")
	for _, vendor := range Vendors() {
		for _, f := range features {
			for _, tag := range []*uint8{nil, &one} {
				want := want[vendor][f.name]
				if tag != nil {
					want = tagged.Replace(want)
				}
				p, err := New(worded(vendor, f.say, tag, f.change))
				if want == "-" {
					if err == nil {
						t.Errorf("%s, %s: it loads", vendor, f.name)
					}
					continue
				}
				if err != nil {
					t.Errorf("%s, %s: %v", vendor, f.name, err)
					continue
				}
				a := mustAssign(t, p, visitor)
				if got := placementOf(t, a); got != want {
					t.Errorf("%s, %s:\ngot  %s\nwant %s", vendor, f.name, got, want)
				}
				if err := a.Verify(bare(t, a)); err != nil {
					t.Errorf("%s, %s: %v", vendor, f.name, err)
				}
			}
		}
	}
}

// bare is an Accept that says the network and nothing else.
func bare(t testing.TB, a Assignment) []byte {
	t.Helper()
	reply := radius.New(radius.CodeAccessAccept, []byte("0123456789abcdef"))
	if err := a.Tag(reply); err != nil {
		t.Fatal(err)
	}
	wire, err := reply.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

func coa(t testing.TB, a Assignment, session ...*radius.AVP) []byte {
	t.Helper()
	request := radius.New(radius.CodeCoARequest, []byte("0123456789abcdef"))
	request.Attributes = append(request.Attributes, session...)
	if err := a.TagChange(request); err != nil {
		t.Fatal(err)
	}
	wire, err := request.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// everyWorded visits an Assignment of every make with every feature that it has.
func everyWorded(t testing.TB, visit func(name string, a Assignment)) {
	one := uint8(1)
	for _, vendor := range Vendors() {
		for _, f := range features {
			for i, tag := range []*uint8{nil, &one} {
				if p, err := New(worded(vendor, f.say, tag, f.change)); err == nil {
					visit(fmt.Sprintf("%s, %s, tag %d", vendor, f.name, i), mustAssign(t, p, visitor))
				}
			}
		}
	}
}

// Holds S13: no octet of a placement can be another without a refusal, in an Accept and in
// a CoA-Request. Of a Session-Timeout less is as good.
func TestEveryOctetOfThePlacementCounts(t *testing.T) {
	session := &radius.AVP{Type: 44, Attribute: []byte("5f3a")}
	everyWorded(t, func(name string, a Assignment) {
		for kind, c := range map[string]struct {
			wire   []byte
			from   int
			verify func([]byte) error
		}{
			"accept": {bare(t, a), 20, a.Verify},
			"change": {coa(t, a, session), 26, a.VerifyChange},
		} {
			if err := c.verify(c.wire); err != nil {
				t.Fatalf("%s, %s: %v", name, kind, err)
			}
			for i := c.from; i < len(c.wire); i++ {
				for _, other := range []byte{0, 1, 0x1f, '0', '9', 0xff, c.wire[i] ^ 1, c.wire[i] ^ 0x80, c.wire[i] + 1, c.wire[i] - 1} {
					bad := bytes.Clone(c.wire)
					bad[i] = other
					if other == c.wire[i] || lessTime(a, c.wire, bad) {
						continue
					}
					if err := c.verify(bad); !errors.Is(err, ErrZoneGuard) {
						t.Fatalf("%s, %s: octet %d as %#02x passes: %x", name, kind, i, other, bad)
					}
				}
			}
			if bad := c.wire[:len(c.wire)-1]; c.verify(bad) == nil {
				t.Errorf("%s, %s: cut, it passes", name, kind)
			}
		}
	})
}

// lessTime tells whether two packets differ in a shorter Session-Timeout only.
func lessTime(a Assignment, good, bad []byte) bool {
	if a.terms.session == 0 {
		return false
	}
	at := bytes.LastIndex(good, []byte{27, 6, 0, 0})
	if at < 0 || !bytes.Equal(good[:at+2], bad[:at+2]) || !bytes.Equal(good[at+6:], bad[at+6:]) {
		return false
	}
	n := binary.BigEndian.Uint32(bad[at+2:])
	return n >= 1 && n <= a.terms.session
}

// boundaries are where an attribute may be put into a packet.
func boundaries(wire []byte) []int {
	at := []int{20}
	for i := 20; i < len(wire); i += int(wire[i+1]) {
		at = append(at, i+int(wire[i+1]))
	}
	return at
}

// Holds S13 and layer 5 of docs/architecture.md: every placement attribute that we know of, of
// every vendor, wherever it is put, and in every way of writing it.
func TestEveryPlacementAnywhereIsRefused(t *testing.T) {
	session := &radius.AVP{Type: 44, Attribute: []byte("5f3a")}
	everyWorded(t, func(name string, a Assignment) {
		if strings.HasSuffix(name, "tag 1") && !strings.Contains(name, "number") && !strings.Contains(name, "name") {
			return // the tag is in the trio alone, which is there in every one
		}
		accepted, changed := bare(t, a), coa(t, a, session)
		away := radius.New(radius.CodeDisconnectRequest, nil)
		away.Attributes = append(away.Attributes, session)
		sentAway, _ := away.MarshalBinary()
		if err := a.VerifyChange(sentAway); err != nil {
			t.Fatal(err)
		}
		for i, p := range placements {
			if testing.Short() && i%8 != len(name)%8 {
				continue
			}
			for _, value := range [][]byte{[]byte("110"), {0, 0, 0, 110}} {
				foreign := ways(p.attribute, value)
				for _, way := range foreign {
					for _, c := range []struct {
						wire   []byte
						verify func([]byte) error
					}{{accepted, a.Verify}, {changed, a.VerifyChange}, {sentAway, a.VerifyChange}} {
						for _, at := range boundaries(c.wire) {
							bad := slices.Insert(bytes.Clone(c.wire), at, way...)
							binary.BigEndian.PutUint16(bad[2:], uint16(len(bad)))
							if err := c.verify(bad); !errors.Is(err, ErrZoneGuard) {
								t.Fatalf("%s: %s at %d passes: %x", name, p.name, at, bad)
							}
						}
					}
				}
			}
		}
	})
}

// ways are the ways in which somebody may write an attribute into a packet.
func ways(at attribute, value []byte) [][]byte {
	plain := tlv(at.code, value)
	if at.vendor == 0 {
		return [][]byte{
			plain,
			tlv(241, append([]byte{26, 0, 0, 0, 0}, plain...)), // Extended-Vendor-Specific (RFC 6929, section 3)
			tlv(245, append([]byte{at.code, 0x80}, value...)),  // long, more to follow
		}
	}
	vendor := binary.BigEndian.AppendUint32(nil, at.vendor)
	vsa := func(body ...byte) []byte { return tlv(26, append(bytes.Clone(vendor), body...)) }
	ext := func(code byte) []byte {
		return tlv(code, append(append([]byte{26}, vendor...), append([]byte{at.code}, value...)...))
	}
	behind := at.code
	if behind == 16 || behind == 17 { // Microsoft's of that number is a key
		behind = 22
	}
	return [][]byte{
		vsa(plain...),
		vsa(append(tlv(200, []byte("x")), plain...)...), // the second of two in one
		vsa(append(bytes.Clone(plain), tlv(200, []byte("x"))...)...),
		vsa(append([]byte{at.code, byte(3 + len(value)), 0}, value...)...),                             // a continuation octet, as WiMAX's (24757)
		vsa(append([]byte{0, 0, 0, at.code}, value...)...),                                             // a type of four octets, no length, as USR's (429)
		vsa(append([]byte{0, at.code, byte(3 + len(value))}, value...)...),                             // of two, as Lucent's (4846)
		vsa(append([]byte{0, at.code, 0, byte(4 + len(value))}, value...)...),                          // of two, and a length of two, as Starent's (8164)
		tlv(26, append([]byte{0, 0, 1, 55}, tlv(26, vsa(plain...)[2:])...)),                            // a vendor's in a vendor's
		tlv(26, append([]byte{0, 0, 1, 55}, append(tlv(17, []byte("key")), tlv(behind, value)...)...)), // behind what is harmless
		ext(241), ext(242), ext(243), ext(244), ext(245), ext(246),
	}
}

func tlv(code byte, value []byte) []byte {
	return append([]byte{code, byte(2 + len(value))}, value...)
}

// Holds RFC 5176, section 3, at the gate: whose session it is and nothing else.
func TestChange(t *testing.T) {
	avp := func(code radius.Type, value string) *radius.AVP {
		return &radius.AVP{Type: code, Attribute: []byte(value)}
	}
	audit := attack(attribute{9, 1}, []byte("audit-session-id=0A14000A0000001B"))
	a := mustAssign(t, mustNew(t, worded("generic", "", nil, nil)), visitor)
	cisco := mustAssign(t, mustNew(t, worded("cisco-9800", "", nil, nil)), visitor)
	for _, c := range []struct {
		name    string
		a       Assignment
		session []*radius.AVP
		ok      bool
	}{
		{"a session", a, []*radius.AVP{avp(44, "5f3a")}, true},
		{"a device at a controller", a, []*radius.AVP{avp(31, "02-00-00-00-00-01"), avp(4, "\x0a\x14\x00\x0a"), avp(30, "x"), avp(80, strings.Repeat("\x00", 16))}, true},
		{"nobody", a, nil, false},
		{"a controller alone", a, []*radius.AVP{avp(4, "\x0a\x14\x00\x0a"), avp(32, "wlc")}, false},
		{"an empty session", a, []*radius.AVP{avp(44, "")}, false},
		{"another's VLAN", a, []*radius.AVP{avp(44, "5f3a"), avp(81, "110")}, false},
		{"Cisco's own session", cisco, []*radius.AVP{audit}, true},
		{"Cisco's, told to another", a, []*radius.AVP{audit}, false},
		{"another AVPair", cisco, []*radius.AVP{avp(44, "5f3a"), attack(attribute{9, 1}, []byte("subscriber:command=reauthenticate"))}, false},
		{"a State", a, []*radius.AVP{avp(44, "5f3a"), avp(24, "x")}, false},
	} {
		request := radius.New(radius.CodeCoARequest, nil)
		request.Attributes = append(request.Attributes, c.session...)
		err := c.a.TagChange(request)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrZoneGuard) {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, code := range []radius.Code{radius.CodeCoARequest, radius.CodeDisconnectRequest} {
			request := &radius.Packet{Code: code, Attributes: append(radius.Attributes(nil), c.session...)}
			if code == radius.CodeCoARequest {
				c.a.write(newWriter(request))
			}
			wire, err := request.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.a.VerifyChange(wire); (err == nil) != c.ok {
				t.Errorf("%s, %v: %v", c.name, code, err)
			}
		}
	}
	if err := a.TagChange(radius.New(radius.CodeAccessAccept, nil)); !errors.Is(err, ErrZoneGuard) {
		t.Errorf("an Accept: %v", err)
	}
	p := mustNew(t, trust())
	elsewhere := mustAssign(t, p, Facts{Elsewhere: true, User: "nurse", Realm: "northbridge.nhs.uk", Own: true})
	for name, bad := range map[string]Assignment{"nobody": {}, "elsewhere": elsewhere} {
		request := radius.New(radius.CodeCoARequest, nil)
		request.Add(44, []byte("5f3a"))
		if err := bad.TagChange(request); !errors.Is(err, ErrZoneGuard) {
			t.Errorf("%s: %v", name, err)
		}
		if err := bad.VerifyChange(coa(t, a, avp(44, "5f3a"))); !errors.Is(err, ErrZoneGuard) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := a.VerifyChange(bare(t, a)); !errors.Is(err, ErrZoneGuard) {
		t.Errorf("an Accept as a change: %v", err)
	}
}

// A home's Session-Timeout is cut to ours, and a shorter one stays.
func TestSessionIsCut(t *testing.T) {
	a := mustAssign(t, mustNew(t, worded("generic", "", nil, func(v *VLAN) { v.Session = time.Hour })), visitor)
	for sent, want := range map[string]uint32{"": 3600, "\x00\x00\x0e\x11": 3600, "\x00\x00\x07\x08": 1800, "\x00\x00\x00\x00": 3600, "\x00\x01": 3600} {
		reply := radius.New(radius.CodeAccessAccept, nil)
		if sent != "" {
			reply.Add(27, []byte(sent))
		}
		if err := a.Tag(reply); err != nil {
			t.Fatal(err)
		}
		if n, err := radius.Integer(reply.Get(27)); err != nil || n != want {
			t.Errorf("%x: %d, %v; want %d", sent, n, err, want)
		}
		wire, _ := reply.MarshalBinary()
		if err := a.Verify(wire); err != nil {
			t.Errorf("%x: %v", sent, err)
		}
	}
}

// Holds layer 7 of docs/architecture.md: an Assignment whose number is another of the same
// zone, or whose controller is told a name that there is not, goes nowhere.
func TestNumbersOfOthersInTheZone(t *testing.T) {
	p := mustNew(t, trust())
	a := mustAssign(t, p, visitor)
	forged := a
	forged.id = 140 // staff-byod's, in the visitors' zone as well
	if err := forged.Tag(radius.New(radius.CodeAccessAccept, nil)); !errors.Is(err, ErrZoneGuard) {
		t.Errorf("Tag: %v", err)
	}
	cfg := trust()
	cfg.VLANs[3].ID, cfg.VLANs[3].Pool = 0, []uint16{320, 321}
	pooled := mustAssign(t, mustNew(t, cfg), visitor)
	for id, ok := range map[uint16]bool{320: true, 321: true, 140: false, 322: false} {
		pooled.id = id
		if err := pooled.Tag(radius.New(radius.CodeAccessAccept, nil)); (err == nil) != ok {
			t.Errorf("%d of the pool: %v", id, err)
		}
	}
	nameless := a
	told := *a.nas
	told.byName, nameless.nas = true, &told
	if err := nameless.Tag(radius.New(radius.CodeAccessAccept, nil)); !errors.Is(err, ErrZoneGuard) {
		t.Errorf("Tag without a name: %v", err)
	}
}

// Pools: a device keeps its number, and a number that joins moves only those who land on it.
func TestPool(t *testing.T) {
	policy := func(pool ...uint16) *Policy {
		return mustNew(t, worded("generic", "", nil, func(v *VLAN) { v.ID, v.Pool = 0, pool }))
	}
	at := func(p *Policy, mac string) uint16 {
		return mustAssign(t, p, change(visitor, func(f *Facts) { f.MAC = mac })).VLAN()
	}
	small, turned, grown := policy(320, 321, 322), policy(322, 320, 321), policy(320, 321, 322, 323)
	for _, mac := range []string{"", "nobody", "02-00-00-00-00", "02-00-00-00-00-01-02"} {
		if got := at(small, mac); got != 320 {
			t.Errorf("MAC %q: %d", mac, got)
		}
	}
	// Written down: another number here would move every device at the next update.
	for mac, want := range map[string]uint16{"02-00-00-00-00-01": 322, "02-00-00-00-00-02": 321, "AC-DE-48-00-11-22": 321} {
		if got := at(small, mac); got != want {
			t.Errorf("%s: %d, want %d", mac, got, want)
		}
	}
	count, moved := map[uint16]int{}, 0
	random := rand.New(rand.NewPCG(3, 20))
	for range 6000 {
		n := random.Uint64() & (1<<48 - 1)
		mac := fmt.Sprintf("%012X", n)
		dashed := fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", n>>40, n>>32&255, n>>24&255, n>>16&255, n>>8&255, n&255)
		id := at(small, mac)
		if id != at(small, dashed) || id != at(turned, mac) {
			t.Fatalf("%s: by its spelling, or by the order in the file, it lands elsewhere", mac)
		}
		count[id]++
		if next := at(grown, mac); next != id {
			moved++
			if next != 323 {
				t.Fatalf("%s moved from %d to %d, which was there before", mac, id, next)
			}
		}
	}
	for _, id := range []uint16{320, 321, 322} {
		if count[id] < 1800 || count[id] > 2200 {
			t.Errorf("%d has %d of 6000", id, count[id])
		}
	}
	if moved < 1300 || moved > 1700 {
		t.Errorf("%d of 6000 moved", moved)
	}
	mac := change(visitor, func(f *Facts) { f.MAC = "02-00-00-00-00-01" })
	if n := testing.AllocsPerRun(100, func() { _, _ = small.Assign(mac) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if zone, ok := small.Zone("Royal Infirmary", 322); zone != "visitor" || !ok {
		t.Errorf("322 is of zone %q", zone)
	}
	if got := small.Proof().Table[0].Number(); got != "320, 321, 322" {
		t.Errorf("the zone table says %s", got)
	}
}

// Holds R13 for names, pools and words: what loading refuses, in the file's words.
func TestWordProblems(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"a number of a pool in two zones", func(c *Config) { c.VLANs[3].ID, c.VLANs[3].Pool = 0, []uint16{110, 320} },
			`vlan.visitor.pool | vlan 110 at Royal Infirmary belongs to both clinical and visitor | give vlan clinical or vlan visitor another number there`},
		{"by the site", func(c *Config) { c.Sites[0].Local = map[string]Local{"visitor": {Pool: []uint16{320, 1310}}} },
			`site[0].vlan.visitor.pool | vlan 1310 at Royal Infirmary belongs to both academic and visitor | give vlan academic or vlan visitor another number there`},
		{"one number", func(c *Config) { c.VLANs[3].ID, c.VLANs[3].Pool = 0, []uint16{320} },
			`vlan.visitor.pool | the pool of vlan visitor has one number | write id = 320, or add numbers`},
		{"twice", func(c *Config) { c.VLANs[3].ID, c.VLANs[3].Pool = 0, []uint16{320, 321, 320} },
			`vlan.visitor.pool | the pool of vlan visitor has number 320 twice | keep one`},
		{"no number", func(c *Config) { c.VLANs[3].ID, c.VLANs[3].Pool = 0, []uint16{320, 4095} },
			`vlan.visitor.pool | the pool of vlan visitor has number 4095 | VLAN numbers are 1 to 4094`},
		{"both", func(c *Config) { c.VLANs[3].Pool = []uint16{320, 321} },
			`vlan.visitor.pool | vlan visitor has both a number and a pool | keep one of the two`},
		{"told names, and it has none", func(c *Config) {
			c.Sites[0].Controllers[0].Say = "name"
			c.VLANs[0].Called, c.VLANs[1].Called, c.VLANs[3].Called = "CLIN", "BYOD", "VIS"
		},
			`vlan.academic.name | vlan academic has no name at Royal Infirmary, and controller royal-wlc is told names | give it one, name = "…", or write say = "number" at the controller`},
		{"told names of a pool", func(c *Config) {
			c.Sites[0].Controllers[0].Say = "name"
			c.VLANs[0].Called, c.VLANs[1].Called, c.VLANs[2].Called, c.VLANs[3].Called = "CLIN", "BYOD", "ACAD", "VIS"
			c.VLANs[3].ID, c.VLANs[3].Pool = 0, []uint16{320, 321}
		},
			`vlan.visitor.pool | vlan visitor is a pool at Royal Infirmary, and controller royal-wlc is told names: one name cannot say which number | write say = "number" at the controller, or one number at the site`},
		{"a make that takes numbers", func(c *Config) {
			c.Sites[0].Controllers[0].Vendor, c.Sites[0].Controllers[0].Say = "unifi", "name"
		},
			`site[0].controller[0].say | controller royal-wlc is told names, and unifi controllers take numbers only | write say = "number"`},
		{"neither", func(c *Config) { c.Sites[0].Controllers[0].Say = "nam" },
			`site[0].controller[0].say | controller royal-wlc is told "nam" of a VLAN, which is neither its number nor its name | did you mean "name"?`},
		{"a name of digits", func(c *Config) { c.VLANs[0].Called = "320" },
			`vlan.clinical.name | vlan clinical has name "320", which a controller would take for a number | give it a name with a letter in it`},
		{"a name with a space", func(c *Config) { c.VLANs[0].Called = "CLINICAL WIFI" },
			`vlan.clinical.name | vlan clinical has name "CLINICAL WIFI" | a VLAN's name is up to 32 printable ASCII characters, none of them a space`},
		{"a name twice", func(c *Config) { c.VLANs[0].Called, c.VLANs[3].Called = "WIFI", "wifi" },
			`vlan.visitor.name | name wifi at Royal Infirmary belongs to both vlan clinical and vlan visitor | give vlan clinical or vlan visitor another name there`},
		{"a role and a filter in one attribute", func(c *Config) {
			c.Sites[0].Controllers[0].Vendor = "meraki"
			c.VLANs[2].Role = "student"
		},
			`vlan.academic.role | vlan academic has both a role and a filter, and meraki controllers such as royal-wlc at Royal Infirmary hear both in Filter-Id | keep one of the two`},
		{"too short", func(c *Config) { c.VLANs[2].Interim = 5 * time.Minute },
			`vlan.academic.interim | vlan academic has interim = 5m0s, which is too short | write 10m or more, or leave it out`},
		{"half a second", func(c *Config) {
			c.Sites[0].Local = map[string]Local{"academic": {Session: time.Hour + time.Second/2}}
		},
			`site[0].vlan.academic.session | vlan academic at Royal Infirmary has session = 1h0m0.5s, which a controller cannot be told | write whole seconds: "8h", "30m"`},
		{"an unknown vlan at a site", func(c *Config) { c.Sites[0].Local = map[string]Local{"vistor": {Filter: "x"}} },
			`site[0].vlan.vistor | Royal Infirmary names vlan vistor, and there is no such vlan | did you mean "visitor"?`},
	} {
		cfg := trust()
		c.change(&cfg)
		_, err := New(cfg)
		var problems Problems
		errors.As(err, &problems)
		if got := problemLines(problems); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// What a make cannot be told is warned of.
func TestUnheard(t *testing.T) {
	cfg := trust()
	cfg.VLANs[3].Role = "guest"
	cfg.Sites[0].Local = map[string]Local{"academic": {Down: "5M"}}
	got := problemLines(mustNew(t, cfg).Warnings())
	want := `site[0].vlan.academic.down | speeds such as those of vlan academic are sent to royal-wlc at Royal Infirmary, and cisco-9800 controllers are not known to obey WISPr's | limit speeds in the controller's own policy
vlan.visitor.role | the role of vlan visitor is not told to royal-wlc at Royal Infirmary: cisco-9800 controllers have none | use a filter there, or a policy of the controller for this VLAN
vlan.academic.down | speeds such as those of vlan academic are sent to eastmoor-ap at HMP Eastmoor health centre, and aruba controllers are not known to obey WISPr's | limit speeds in the controller's own policy`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	a := mustAssign(t, mustNew(t, cfg), student)
	if got := strings.Join(Describe(bare(t, a)), "\n"); got != `Tunnel-Type = 13
Tunnel-Medium-Type = 6
Tunnel-Private-Group-Id = "1310"
WISPr-Bandwidth-Max-Up = 20000000
WISPr-Bandwidth-Max-Down = 5000000
Airespace-ACL-Name = "student-web"` {
		t.Errorf("described as\n%s", got)
	}
}

// A key is never described, and what is no packet is no panic.
func TestDescribe(t *testing.T) {
	one := uint8(1)
	a := mustAssign(t, mustNew(t, worded("generic", "name", &one, nil)), visitor)
	text := strings.Join(Describe(accept(t, a)), "\n")
	if strings.Contains(text, "3434343434") || !strings.Contains(text, "octets that are secret") || !strings.Contains(text, `Tunnel-Private-Group-Id = "VISITOR-WIFI" (tag 1)`) {
		t.Error(text)
	}
	for i := range 60 {
		Describe(accept(t, a)[:i])
	}
	if got := Describe(radiusHeader(2, []byte{26, 8, 0, 0, 0, 9, 1, 9})); len(got) != 1 || got[0] != "Vendor-Specific = 000000090109" {
		t.Error(got)
	}
}

// FuzzVerifyChange: a request that passes the gate of changes says what was ordered and, beside
// it, whose session it is.
func FuzzVerifyChange(f *testing.F) {
	session := &radius.AVP{Type: 44, Attribute: []byte("5f3a")}
	var assignments []Assignment
	everyWorded(f, func(_ string, a Assignment) { assignments = append(assignments, a) })
	wants := make([]map[string]int, len(assignments))
	for i, a := range assignments {
		wire := coa(f, a, session)
		wants[i] = said(f, wire)
		delete(wants[i], "44:35663361")
		f.Add(uint8(i), wire)
		f.Add(uint8(i), radiusHeader(40, tlv(44, []byte("5f3a"))))
		f.Add(uint8(i), append(bytes.Clone(wire), tlv(81, []byte("110"))...))
	}
	ours := map[string]bool{}
	for _, s := range sessionsOwn {
		ours[fmt.Sprint(s.code)] = true
	}
	f.Fuzz(func(t *testing.T, which uint8, wire []byte) {
		i := int(which) % len(assignments)
		if assignments[i].VerifyChange(wire) != nil {
			return
		}
		got := said(t, wire)
		for k := range got {
			if code, _, _ := strings.Cut(k, ":"); ours[code] || strings.HasPrefix(k, "9/1:"+hex.EncodeToString(auditSession)) {
				delete(got, k)
			}
		}
		want := wants[i]
		if wire[0] == 40 {
			want = nil
		}
		if len(got) != len(want) {
			t.Fatalf("%x says %v, want %v", wire, got, want)
		}
		for k, n := range got {
			if want[k] != n {
				t.Errorf("%x says %s", wire, k)
			}
		}
	})
}
