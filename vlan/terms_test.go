package vlan

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// The least and the most that a file may say of a VLAN, and what lies just beyond.
func TestTermsAtTheirEdges(t *testing.T) {
	const most = math.MaxInt32 * time.Second
	long := strings.Repeat("x", 201)
	for _, c := range []struct {
		name   string
		change func(*VLAN)
		want   string // empty: it loads
	}{
		{"a minute each, and ten", func(v *VLAN) { v.Session, v.Idle, v.Interim = time.Minute, time.Minute, 10*time.Minute }, ""},
		{"a session too short", func(v *VLAN) { v.Session = 59 * time.Second },
			`vlan.visitor.session | vlan visitor has session = 59s, which is too short | write 1m or more, or leave it out`},
		{"a session before it begins", func(v *VLAN) { v.Session = -time.Hour },
			`vlan.visitor.session | vlan visitor has session = -1h0m0s, which is too short | write 1m or more, or leave it out`},
		{"idle too short", func(v *VLAN) { v.Idle = 59 * time.Second },
			`vlan.visitor.idle | vlan visitor has idle = 59s, which is too short | write 1m or more, or leave it out`},
		{"accounting too often", func(v *VLAN) { v.Interim = 599 * time.Second },
			`vlan.visitor.interim | vlan visitor has interim = 9m59s, which is too short | write 10m or more, or leave it out`},
		{"as long as can be told", func(v *VLAN) { v.Session, v.Idle, v.Interim = most, most, most }, ""},
		{"longer", func(v *VLAN) { v.Idle = most + time.Second },
			`vlan.visitor.idle | vlan visitor has idle = 596523h14m8s, which a controller cannot be told | write whole seconds: "8h", "30m"`},
		{"the first number and the last", func(v *VLAN) { v.ID, v.Pool = 0, []uint16{4094, 1} }, ""},
		{"a number before the first", func(v *VLAN) { v.ID, v.Pool = 0, []uint16{320, 0} },
			`vlan.visitor.pool | the pool of vlan visitor has number 0 | VLAN numbers are 1 to 4094`},
		{"a name of every sign", func(v *VLAN) { v.Called = "!" + strings.Repeat("9", 30) + "~" }, ""},
		{"a name too long", func(v *VLAN) { v.Called = long[:33] },
			`vlan.visitor.name | vlan visitor has name "` + long[:33] + `" | a VLAN's name is up to 32 printable ASCII characters, none of them a space`},
		{"a name with a sign that is not shown", func(v *VLAN) { v.Called = "WIFI\x7f" },
			`vlan.visitor.name | vlan visitor has name "WIFI\x7f" | a VLAN's name is up to 32 printable ASCII characters, none of them a space`},
		{"a name that is a nought", func(v *VLAN) { v.Called = "0" },
			`vlan.visitor.name | vlan visitor has name "0", which a controller would take for a number | give it a name with a letter in it`},
		{"a name that is a nine", func(v *VLAN) { v.Called = "9" },
			`vlan.visitor.name | vlan visitor has name "9", which a controller would take for a number | give it a name with a letter in it`},
		{"a filter and a role as long as may be, of every sign", func(v *VLAN) { v.Filter, v.Role = "a ~"+long[:197], "a ~"+long[:197] }, ""},
		{"a filter too long", func(v *VLAN) { v.Filter = long },
			`vlan.visitor.filter | vlan visitor has filter "` + long + `" | a filter's name is up to 200 printable ASCII characters`},
		{"a role with a sign that is not shown", func(v *VLAN) { v.Role = "guest\x7f" },
			`vlan.visitor.role | vlan visitor has role "guest\x7f" | a role's name is up to 200 printable ASCII characters`},
	} {
		p, err := New(worded("aruba", "", nil, c.change))
		var problems Problems
		errors.As(err, &problems)
		if got := problemLines(problems); got != c.want || (err == nil) != (p != nil) {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
		if err == nil {
			a := mustAssign(t, p, visitor)
			if err := a.Verify(bare(t, a)); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
	a := mustAssign(t, mustNew(t, worded("generic", "", nil, func(v *VLAN) { v.Session, v.Idle, v.Interim = most, time.Minute, 10*time.Minute })), visitor)
	if got := placementOf(t, a); !strings.HasSuffix(got, "1b067fffffff"+"1d0600000001"+"1c060000003c"+"550600000258") {
		t.Errorf("told as %s", got)
	}
}

// A site that says one thing of a VLAN has the rest from the VLAN: what everywhere is told
// of it, with what is another here.
func TestASiteSaysOneThing(t *testing.T) {
	const (
		place, up, down = "40060000000d" + "410600000006" + "5105333230", "1a0c0000372a070601312d00", "1a0c0000372a080602faf080"
		filter, role    = "0b05776562", "1a0d000039e701076775657374"
		session, idle   = "1b0600007080" + "1d0600000001", "1c0600000708"
		interim         = "550600000384"
	)
	for _, c := range []struct {
		name  string
		here  Local
		bytes string
	}{
		{"nothing", Local{}, place + up + down + filter + role + session + idle + interim},
		{"a pool", Local{Pool: []uint16{331, 330}}, strings.Replace(place, "333230", "333330", 1) + up + down + filter + role + session + idle + interim},
		{"a name", Local{Called: "GUEST"}, place + up + down + filter + role + session + idle + interim},
		{"down", Local{Down: "1"}, place + up + "1a0c0000372a080600000001" + filter + role + session + idle + interim},
		{"up", Local{Up: "1"}, place + "1a0c0000372a070600000001" + down + filter + role + session + idle + interim},
		{"a filter", Local{Filter: "a"}, place + up + down + "0b0361" + role + session + idle + interim},
		{"a role", Local{Role: "a"}, place + up + down + filter + "1a09000039e7010361" + session + idle + interim},
		{"a session", Local{Session: time.Hour}, place + up + down + filter + role + "1b0600000e10" + "1d0600000001" + idle + interim},
		{"idle", Local{Idle: time.Hour}, place + up + down + filter + role + session + "1c0600000e10" + interim},
		{"interim", Local{Interim: time.Hour}, place + up + down + filter + role + session + idle + "550600000e10"},
	} {
		cfg := worded("aruba", "", nil, func(v *VLAN) {
			v.ID, v.Pool, v.Down, v.Up, v.Filter, v.Role = 0, []uint16{321, 320}, "50M", "20M", "web", "guest"
			v.Session, v.Idle, v.Interim = 8*time.Hour, 30*time.Minute, 15*time.Minute
		})
		cfg.Sites[0].Local = map[string]Local{"visitor": c.here}
		p := mustNew(t, cfg)
		a := mustAssign(t, p, visitor) // without an address: the lowest of the pool
		if got := placementOf(t, a); got != c.bytes {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.bytes)
		}
		pool := []uint16{320, 321}
		if len(c.here.Pool) > 0 {
			pool = []uint16{330, 331}
		}
		if got := p.Proof().Table[0]; got.ID != pool[0] || !slices.Equal(got.Pool, pool) {
			t.Errorf("%s: the zone table says %+v", c.name, got)
		}
	}
}

// The zone table has a VLAN's name beside its number where a controller is told names, and
// that of the site where it has one of its own.
func TestNamesInTheZoneTable(t *testing.T) {
	cfg := worded("generic", "name", nil, nil)
	cfg.Sites = append(cfg.Sites, Site{Name: "Eastmoor", Local: map[string]Local{"visitor": {Called: "GUEST"}}, Controllers: []Controller{
		{Name: "eastmoor-a", WithoutVLAN: "reject"}, {Name: "eastmoor-b", WithoutVLAN: "reject", Say: "name"},
	}}, Site{Name: "Westmoor", Controllers: []Controller{{Name: "westmoor", WithoutVLAN: "reject"}}})
	p := mustNew(t, cfg)
	for i, want := range []string{"120 = VISITOR-WIFI", "120 = GUEST", "120"} {
		if got := p.Proof().Table[i]; got.Number() != want {
			t.Errorf("%s: %s, want %s", got.Site, got.Number(), want)
		}
	}
	for nas, want := range map[string]string{"eastmoor-a": "120", "eastmoor-b": "GUEST"} {
		a := mustAssign(t, p, change(visitor, func(f *Facts) { f.Site, f.Controller = "Eastmoor", nas }))
		if got := placementOf(t, a); !strings.HasSuffix(got, fmt.Sprintf("51%02x", 2+len(want))+hex.EncodeToString([]byte(want))) {
			t.Errorf("%s is told %s", nas, got)
		}
	}
}

// VLANs that have no number at a site do not share one.
func TestNoNumberIsSharedByNobody(t *testing.T) {
	cfg := trust()
	cfg.VLANs = append(cfg.VLANs, VLAN{Name: "printers", Zone: "clinical"}, VLAN{Name: "cameras", Zone: "visitor"})
	p := mustNew(t, cfg)
	if zone, ok := p.Zone("Royal Infirmary", 0); ok {
		t.Errorf("no number is of zone %q", zone)
	}
	if got := p.Proof().Table[4]; got.VLAN != "printers" || got.Number() != "-" {
		t.Errorf("the zone table says %+v", got)
	}
	if got, want := p.Proof().Proved[0].Cases, 2*4; got != want { // four VLANs with a number, at two sites
		t.Errorf("%d numbers were looked at, want %d", got, want)
	}
}

// A name that two VLANs have is told once for each pair, at the place where it was given,
// and whichever of the two it was.
func TestSharedNamesAreToldWhereTheyAreGiven(t *testing.T) {
	cfg := trust()
	cfg.VLANs[0].Called, cfg.VLANs[1].Called, cfg.VLANs[2].Called = "CLIN", "BYOD", "byod"
	cfg.Sites[0].Local = map[string]Local{"visitor": {Called: "Clin"}}
	cfg.Sites[1].Local = map[string]Local{"clinical": {Called: "WARD"}, "visitor": {Called: "ward"}}
	_, err := New(cfg)
	var problems Problems
	errors.As(err, &problems)
	want := `vlan.academic.name | name byod at Royal Infirmary belongs to both vlan staff-byod and vlan academic | give vlan staff-byod or vlan academic another name there
site[0].vlan.visitor.name | name Clin at Royal Infirmary belongs to both vlan clinical and vlan visitor | give vlan clinical or vlan visitor another name there
site[1].vlan.visitor.name | name ward at HMP Eastmoor health centre belongs to both vlan clinical and vlan visitor | give vlan clinical or vlan visitor another name there`
	if got := problemLines(problems); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
