package daemon

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/daemon/config"
	"causeway/radiusd/transport"
)

// behind is the town with two more sites, whose access points ask through the
// controller of the Royal Infirmary. VLAN 310 is academic there and visitor at St Agnes.
const behind = `
[[site]]
name = "St Agnes"
behind = "royal-wlc"
access_points = ["agnes-*", "B8-11-4B-*"]
vlan = { academic = 320, visitor = 310 }
[[site]]
name = "HMP Eastmoor"
behind = ["royal-wlc"]
access_points = ["agnes-annexe-*", "b811.4b3c.2a10"]
[site.agreement]
reference = "AA-2026-017"
owner = "HMP Eastmoor"
approved_by = "Network security manager"
from = 2020-04-01
until = 2020-06-30
`

// startRegion runs the town with those sites and with a log.
func startRegion(tb testing.TB, pairs ...string) *trust {
	tb.Helper()
	text := strings.NewReplacer("[server]", "[log]\nfile = \"log.txt\"\n[server]", "UPSTREAM", idleTown).Replace(town) + behind
	return startTrust(tb, strings.NewReplacer(pairs...).Replace(text))
}

// byName sets what a request says of its access point.
func byName(called, nas string) func(int, *radius.Packet) {
	return func(_ int, p *radius.Packet) {
		if called != "" {
			set(p, rfc2865.CalledStationID_Type, called)
		}
		if nas != "" {
			set(p, rfc2865.NASIdentifier_Type, nas)
		}
	}
}

// One controller, one secret, many sites: the access point says which, and what nobody
// claims is refused and is an alarm.
func TestSitesBehindOneController(t *testing.T) {
	region := startRegion(t)
	r := rogueAt(t, "127.0.0.1", region.address)
	for name, c := range map[string]struct {
		called, nas string
		want, site  string
		reason      string
	}{
		"by the name in Called-Station-Id": {"agnes-ap-7:NHS-Staff", "", "accept 110", "St Agnes", ""},
		"case does not count":              {"AGNES-AP-7:NHS-Staff", "", "accept 110", "St Agnes", ""},
		"by NAS-Identifier":                {"", "agnes-ap-7", "accept 110", "St Agnes", ""},
		"by the beginning of a MAC":        {"b8:11:4b:00:00:01:NHS-Staff", "", "accept 110", "St Agnes", ""},
		"a longer name wins":               {"agnes-annexe-1:NHS-Staff", "", "reject", "HMP Eastmoor", "site-agreement-expired"},
		"a whole MAC wins":                 {"B8114B3C2A10:NHS-Staff", "", "reject", "HMP Eastmoor", "site-agreement-expired"},
		"two names for one site":           {"B8-11-4B-00-00-01:NHS-Staff", "agnes-ap-7", "accept 110", "St Agnes", ""},
		"two names for two sites":          {"B8-11-4B-3C-2A-10:NHS-Staff", "agnes-ap-7", "reject", "", "ap-unknown"},
		"nobody's":                         {"02-00-00-00-00-99:NHS-Staff", "nobody", "reject", "", "ap-unknown"},
	} {
		got := say(r.carry(t, region.peer(t, nil), nurseName, onStaff, byName(c.called, c.nas)))
		e := region.event(t)
		if got != c.want || e.Site != c.site || e.Reason != c.reason {
			t.Errorf("%s: %s at %q, %s (%s)", name, got, e.Site, e.Reason, e.Detail)
		}
	}
	region.reportOnce(map[string]uint64{})
	region.lines(t, `ALARM.*at no site that is known.*royal-wlc.*nobody`, 1)

	if err := region.rewrite(t, "without_vlan = \"reject\"\n[[site]]\nname = \"Eastmoor\"", "without_vlan = \"reject\"\notherwise = \"here\"\n[[site]]\nname = \"Eastmoor\""); err != nil {
		t.Fatal(err)
	}
	got := say(r.carry(t, region.peer(t, nil), nurseName, onStaff, byName("", "nobody")))
	if e := region.event(t); got != "accept 110" || e.Site != "Royal Infirmary" {
		t.Errorf("where the file says that others are here: %s at %q, %s", got, e.Site, e.Reason)
	}
	if got := say(r.carry(t, region.peer(t, nil), nurseName, onStaff, byName("B8-11-4B-3C-2A-10:NHS-Staff", "agnes-ap-7"))); got != "reject" {
		t.Errorf("otherwise is no answer to a contradiction: %s", got)
	}
}

// A log-in belongs to the site that it began at: policy and the meaning of numbers hang
// on it.
func TestALogInStaysAtItsSite(t *testing.T) {
	region := startRegion(t)
	r := rogueAt(t, "127.0.0.1", region.address)
	for name, c := range map[string]struct{ later, reason string }{
		"another site":                      {"02-00-00-00-00-99:NHS-Staff", "ap-unknown"},
		"an access point of the same site":  {"agnes-ap-8:NHS-Staff", ""},
		"a site with an agreement":          {"agnes-annexe-1:NHS-Staff", "site-changed"},
		"the same access point by its MAC":  {"B8-11-4B-00-00-07:NHS-Staff", ""},
		"another site and another SSID too": {"agnes-annexe-1:eduroam", "site-changed"},
	} {
		got := say(r.carry(t, region.peer(t, nil), nurseName, onStaff, func(round int, p *radius.Packet) {
			set(p, rfc2865.CalledStationID_Type, "agnes-ap-7:NHS-Staff")
			if round > 2 {
				set(p, rfc2865.CalledStationID_Type, c.later)
			}
		}))
		if e := region.event(t); e.Reason != c.reason || (got == "reject") != (c.reason != "") {
			t.Errorf("%s: %s, %s (%s)", name, got, e.Reason, e.Detail)
		}
	}
}

// Sessions behind one controller hold the VLANs of their own site, and of no other: 310
// is another zone's there. A reload that makes an access point another site's looks there.
func TestReloadOfSitesBehindAController(t *testing.T) {
	region := startRegion(t, `who  = "@northbridge.nhs.uk"
vlan = "clinical"`, `who  = "@northbridge.nhs.uk"
vlan = "visitor"`)
	r := rogueAt(t, "127.0.0.1", region.address)
	if got := say(r.carry(t, region.peer(t, nil), nurseName, onStaff, byName("agnes-ap-7:NHS-Staff", ""))); got != "accept 310" {
		t.Fatal(got)
	}
	if err := region.rewrite(t, `reject_delay = "0s"`, `reject_delay = "1ms"`); err != nil {
		t.Fatalf("310 is academic at another site of the controller: %v", err)
	}
	err := region.rewrite(t, "vlan = { academic = 320, visitor = 310 }", "")
	if err == nil || !strings.Contains(err.Error(), "vlan 310 at St Agnes moves from zone visitor to zone academic with 1 session on it") {
		t.Errorf("its own number: %v", err)
	}
	err = region.rewrite(t, `vlan = { academic = 320, visitor = 310 }`, ``, `["agnes-*", "B8-11-4B-*"]`, `["B8-11-4B-*"]`, `["agnes-annexe-*", "b811.4b3c.2a10"]`, `["agnes-*"]`)
	if err == nil || !strings.Contains(err.Error(), "vlan 310 at HMP Eastmoor moves") {
		t.Errorf("the site that claims its access point now: %v", err)
	}
}

// Of a session that began before its controller served other sites, nobody knows the
// access point: it may be at each of them.
func TestReloadThatSharesAController(t *testing.T) {
	region := startTrust(t, strings.NewReplacer("UPSTREAM", idleTown, `who  = "@northbridge.nhs.uk"
vlan = "clinical"`, `who  = "@northbridge.nhs.uk"
vlan = "visitor"`).Replace(town))
	r := rogueAt(t, "127.0.0.1", region.address)
	if got := say(r.carry(t, region.peer(t, nil), nurseName, onStaff, nil)); got != "accept 320" {
		t.Fatal(got)
	}
	err := region.rewrite(t, "[[site]]\nname = \"Eastmoor\"", behind+"[[site]]\nname = \"Eastmoor\"")
	if err == nil || !strings.Contains(err.Error(), "vlan 320 at St Agnes moves from zone visitor to zone academic with 1 session on it") {
		t.Errorf("%v", err)
	}
}

// A log-in that is half done when its access point becomes another site's asks again.
func TestAnAccessPointMovesInMidConversation(t *testing.T) {
	region := startRegion(t)
	r := rogueAt(t, "127.0.0.1", region.address)
	got := say(r.carry(t, region.peer(t, nil), nurseName, onStaff, func(round int, p *radius.Packet) {
		set(p, rfc2865.CalledStationID_Type, "agnes-ap-7:NHS-Staff")
		if round == 3 {
			if err := region.rewrite(t, `["agnes-*", "B8-11-4B-*"]`, `["B8-11-4B-*"]`, `["agnes-annexe-*", "b811.4b3c.2a10"]`, `["agnes-*"]`); err != nil {
				t.Error(err)
			}
		}
	}))
	if e := region.event(t); got != "reject" || e.Reason != "configuration-changed" {
		t.Errorf("%s, %s (%s)", got, e.Reason, e.Detail)
	}
}

// naive finds the site of a name by trying every pattern, and prefers those with more in
// front of the star.
func naive(list []config.Claim, name string, mac bool) (site string, ok bool) {
	best := -1
	for _, c := range list {
		text := c.Name
		if mac {
			text = c.MAC
		}
		fits := text == name || c.Begins && strings.HasPrefix(name, text)
		weight := 2 * len(text)
		if !c.Begins {
			weight++
		}
		if text != "" && fits && weight > best {
			best, site, ok = weight, c.Site, true
		}
	}
	return site, ok
}

// However many patterns there are, the table says what trying all of them says, and
// allocates nothing.
func TestClaimsAgreeWithTryingAllOfThem(t *testing.T) {
	d := rand.New(rand.NewPCG(9, 9))
	word := func() string {
		b := make([]byte, 1+d.IntN(6))
		for i := range b {
			b[i] = "ab-"[d.IntN(3)]
		}
		return string(b)
	}
	digits := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "0a"[d.IntN(2)]
		}
		return string(b)
	}
	seen := map[string]int{}
	for range 300 {
		var list []config.Claim
		taken := map[config.AccessPoint]bool{}
		c := &claims{}
		for range 1 + d.IntN(30) {
			ap := config.AccessPoint{Name: word(), Begins: d.IntN(2) == 0}
			if d.IntN(2) == 0 {
				ap.Name, ap.MAC = "", digits(12)
				if ap.Begins {
					ap.MAC = digits(6 + d.IntN(6))
				}
			}
			if taken[ap] {
				continue
			}
			taken[ap] = true
			claim := config.Claim{AccessPoint: ap, Site: fmt.Sprint(d.IntN(5))}
			list = append(list, claim)
			if ap.Name != "" {
				c.names.add(ap.Name, ap.Begins, claim.Site)
			} else {
				c.macs.add(ap.MAC, ap.Begins, claim.Site)
			}
		}
		for range 50 {
			name, mac := word(), d.IntN(2) == 0
			asked := strings.ToUpper(name)
			if mac {
				name = digits(12)
				asked = ""
				for i := 0; i < 12; i += 2 {
					asked += "-" + strings.ToUpper(name[i:i+2])
				}
				asked = asked[1:]
			}
			got, ok := c.claimed(asked)
			want, known := naive(list, name, mac)
			seen[fmt.Sprintf("mac %t found %t", mac, ok)]++
			if got != want || ok != known {
				t.Fatalf("%q is at %q, %t; trying all says %q, %t\n%+v", asked, got, ok, want, known, list)
			}
		}
	}
	if len(seen) != 4 {
		t.Errorf("too tame: %v", seen)
	}
}

// What names an access point: a MAC as we write them, or a name in either case of letters.
func TestWhatIsClaimed(t *testing.T) {
	c := &claims{}
	c.names.add("ward-az", false, "a name")
	c.names.add(strings.Repeat("x", 253), false, "the longest name")
	c.names.add("09-af-09-zf-09-af", false, "a name like a MAC")
	c.names.add("09-af-09-af-09:af", false, "a MAC of others")
	c.names.add("09-af-09-af-09-a", true, "a beginning of one")
	c.macs.add("09af09af09af", false, "a MAC")
	c.macs.add("0", true, "a beginning of a MAC")
	for name, want := range map[string]string{
		"ward-az": "a name", "WARD-AZ": "a name", "ward-a[": "", "ward-a": "", "ward-azz": "", "": "",
		strings.Repeat("X", 253): "the longest name", strings.Repeat("x", 254): "",
		"09-af-09-af-09-af": "a MAC", "09-AF-09-AF-09-AF": "a MAC", "09-af-09-af-09-a0": "a beginning of a MAC", "19-af-09-af-09-af": "",
		"09-af-09-af-09-ag": "a beginning of one", "09-af-09-af-09-a:": "a beginning of one", "09-af-09-af-09-a/": "a beginning of one", "09-af-09-af-09-a`": "a beginning of one",
		"09-af-09-zf-09-af": "a name like a MAC", "09-af-09-af-09:af": "a MAC of others", "09-af-09-af-09-af-": "a beginning of one", "09af09af09af": "",
	} {
		if got, ok := c.claimed(name); got != want || ok != (want != "") {
			t.Errorf("%q is at %q, %t; want %q", name, got, ok, want)
		}
	}
}

// A name ends where it ends, whatever stands behind it in memory; and each length of
// beginnings is asked for once.
func TestBeginningsOfNames(t *testing.T) {
	var p patterns
	for _, text := range []string{"bay-", "agnes-", "agnes-annexe-", "basra-"} {
		p.add(text, true, text)
	}
	if !slices.Equal(p.lengths, []int{13, 6, 4}) {
		t.Errorf("the lengths %v", p.lengths)
	}
	if site, ok := p.find([]byte("agnes-ap")[:5]); ok {
		t.Errorf("agnes is at %q", site)
	}
	if site, ok := p.find([]byte("agnes-")[:6:6]); !ok || site != "agnes-" {
		t.Errorf("agnes- is at %q", site)
	}
}

// regional is a file in which two controllers serve other sites, and one its own alone.
func regional() *config.File {
	return &config.File{Site: []config.Site{
		{Name: "Royal Infirmary", Controller: []config.Controller{{Name: "royal-wlc"}, {Name: "theatre-wlc"}}},
		{Name: "Eastmoor", Controller: []config.Controller{{Name: "eastmoor-wlc", Otherwise: config.OtherwiseHere}}},
		{Name: "St Agnes", Behind: config.List{"royal-wlc"}, AccessPoints: []string{"agnes-*", "b8-11-4b-*", "shared"}},
		{Name: "Annexe", Behind: config.List{"royal-wlc", "eastmoor-wlc"}, AccessPoints: []string{"annexe-*"}},
		{Name: "Hospice", Behind: config.List{"eastmoor-wlc"}, AccessPoints: []string{"shared", "hospice"}},
	}}
}

func TestWhoServesWhichSites(t *testing.T) {
	all := claimsOf(regional())
	if royal, eastmoor := all["royal-wlc"], all["eastmoor-wlc"]; len(all) != 2 ||
		!slices.Equal(royal.sites, []string{"Annexe", "St Agnes"}) || royal.otherwise != "" ||
		!slices.Equal(eastmoor.sites, []string{"Annexe", "Eastmoor", "Hospice"}) || eastmoor.otherwise != "Eastmoor" {
		t.Errorf("%v: %+v, %+v", slices.Sorted(maps.Keys(all)), royal, eastmoor)
	}
	for name, want := range map[transport.Stations]string{
		{"agnes-1"}: "St Agnes", {"B8-11-4B-00-00-01"}: "St Agnes", {"", "annexe-1", "nobody"}: "Annexe", {"agnes-1", "", "agnes-2"}: "St Agnes",
		{"agnes-1", "annexe-1"}: "", {"nobody"}: "", {}: "",
	} {
		if got, err := all["royal-wlc"].site(name); got != want || errors.Is(err, errAPUnknown) != (want == "") {
			t.Errorf("%q is at %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{"hospice": "Hospice", "nobody": "Eastmoor", "": "Eastmoor"} {
		if got, err := all["eastmoor-wlc"].site(transport.Stations{name}); got != want || err != nil {
			t.Errorf("%q is at %q, %v", name, got, err)
		}
	}
	_, err := all["royal-wlc"].site(transport.Stations{"nobody", "agnes-1", "annexe-1"})
	if want := `its access point is at St Agnes by the name "agnes-1", and at Annexe by "annexe-1": ap-unknown`; err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

// houseOf is as much of a house as places hang on.
func houseOf(t *testing.T) *house {
	t.Helper()
	prefix := netip.MustParsePrefix
	clients, err := transport.NewClients([]transport.Client{
		{Name: "royal-wlc", Prefix: prefix("192.0.2.1/32"), Secret: testSecret},
		{Name: "eastmoor-wlc", Prefix: prefix("192.0.2.2/32"), Secret: testSecret},
		{Name: "theatre-wlc", Prefix: prefix("192.0.2.3/32"), Secret: testSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &house{clients: clients, claims: claimsOf(regional()), places: map[string]place{
		"royal-wlc": {site: "Royal Infirmary", controller: "royal-wlc"}, "theatre-wlc": {site: "Royal Infirmary", controller: "theatre-wlc"},
		"eastmoor-wlc": {site: "Eastmoor", controller: "eastmoor-wlc"}, "nro": {proxy: "eduroam"},
	}}
}

func TestPlaceOfASource(t *testing.T) {
	h := houseOf(t)
	for from, want := range map[source]string{
		{"royal-wlc", netip.Addr{}}:                        "royal-wlc",
		{"royal-wlc", netip.MustParseAddr("192.0.2.1")}:    "royal-wlc",
		{"royal-wlc", netip.MustParseAddr("192.0.2.2")}:    "eastmoor-wlc",
		{"royal-wlc", netip.MustParseAddr("198.51.100.1")}: "",
		{"gone", netip.Addr{}}:                             "",
	} {
		if got := h.placeOf(from); got.controller != want {
			t.Errorf("%v is %+v, want %q", from, got, want)
		}
	}
}

// A session may be wherever its controller's address or name is now, at the site of its
// access point, or at each of the controller's when nobody asked for that.
func TestSitesOfASession(t *testing.T) {
	h := houseOf(t)
	at := func(client, address string, ap ...string) network {
		n := network{source: source{client: client}}
		if address != "" {
			n.address = netip.MustParseAddr(address)
		}
		copy(n.ap[:], ap)
		return n
	}
	for _, c := range []struct {
		on   network
		want []string
	}{
		{at("theatre-wlc", "192.0.2.3"), []string{"Royal Infirmary", "Royal Infirmary"}},
		{at("royal-wlc", "", "agnes-1"), []string{"St Agnes", "St Agnes"}},
		{at("royal-wlc", "", "nobody"), nil},
		{at("royal-wlc", "192.0.2.2", "annexe-1"), []string{"Annexe", "Annexe"}},
		{at("royal-wlc", "192.0.2.2", "agnes-1"), []string{"Eastmoor", "St Agnes"}},
		{at("royal-wlc", "192.0.2.3", "agnes-1"), []string{"Royal Infirmary", "St Agnes"}},
		{at("eastmoor-wlc", "192.0.2.3"), []string{"Royal Infirmary", "Annexe", "Eastmoor", "Hospice"}},
	} {
		if got := h.sitesOf(c.on); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.on, got, c.want)
		}
	}
}

// A query that names an access point finds its site as a request does: behind the
// controller that it names, or behind the only one that has it.
func TestAQueryByAccessPoint(t *testing.T) {
	i := &Inspection{house: houseOf(t)}
	delete(i.house.claims, "eastmoor-wlc")
	for _, otherwise := range []bool{false, true} {
		if otherwise { // the second time, eastmoor-wlc has everything that is not claimed
			i.house.claims = claimsOf(regional())
		}
		for _, c := range []struct {
			ap, behind     string
			site, wlc, why string // where eastmoor-wlc serves no other site
			then           string // and where it does: why not
		}{
			{"agnes-1", "royal-wlc", "St Agnes", "royal-wlc", "", ""},
			{"B8:11:4B:00:00:01", "royal-wlc", "St Agnes", "royal-wlc", "", ""},
			{"nobody", "royal-wlc", "", "royal-wlc", "no site claims its access point, nobody: ap-unknown", "no site claims its access point, nobody: ap-unknown"},
			{"agnes-1", "theatre-wlc", "Royal Infirmary", "theatre-wlc", "", ""},
			{"agnes-1", "nro", "", "", `there is no controller "nro": controller-unknown`, `there is no controller "nro": controller-unknown`},
			{"agnes-1", "gone", "", "", `there is no controller "gone": controller-unknown`, `there is no controller "gone": controller-unknown`},
			{"agnes-1", "", "St Agnes", "royal-wlc", "", "it is at Eastmoor behind eastmoor-wlc, and at St Agnes behind royal-wlc; name a controller: ap-unknown"},
			{"shared", "", "St Agnes", "royal-wlc", "", "it is at Hospice behind eastmoor-wlc, and at St Agnes behind royal-wlc; name a controller: ap-unknown"},
			{"annexe-1", "", "Annexe", "royal-wlc", "", ""},
		} {
			why, wlc := c.why, c.wlc
			if otherwise {
				why = c.then
				if c.ap == "annexe-1" {
					wlc = "eastmoor-wlc"
				}
			}
			site, controller, err := i.standing(Query{AP: c.ap, Controller: c.behind})
			if why != "" {
				if err == nil || err.Error() != why || site != "" {
					t.Errorf("%s behind %q: %q, %v; want %s", c.ap, c.behind, site, err, why)
				}
			} else if err != nil || site != c.site || controller != wlc {
				t.Errorf("%s behind %q: %q behind %q, %v", c.ap, c.behind, site, controller, err)
			}
		}
	}
	i.house.claims = claimsOf(regional())
	if site, wlc, err := i.standing(Query{AP: "nobody"}); err != nil || site != "Eastmoor" || wlc != "eastmoor-wlc" {
		t.Errorf("nobody's is at %q behind %q, %v", site, wlc, err)
	}
	delete(i.house.claims, "eastmoor-wlc")
	if site, wlc, err := i.standing(Query{AP: "nobody"}); site != "" || wlc != "" || !errors.Is(err, errAPUnknown) {
		t.Errorf("nobody's is at %q behind %q, %v", site, wlc, err)
	}
}

func fiveThousand() *claims {
	c := &claims{}
	for n := range 5000 {
		site := fmt.Sprintf("Site %d", n%500)
		c.names.add(fmt.Sprintf("site-%d-ward%s", n, strings.Repeat("-", n%7)), true, site)
		c.names.add(fmt.Sprintf("site-%d-ap", n), n%2 == 0, site)
		c.macs.add(fmt.Sprintf("b8%06x", n), true, site)
	}
	return c
}

func TestClaimsAllocateNothing(t *testing.T) {
	c := fiveThousand()
	ap := transport.Stations{"SITE-4711-AP", "B8-00-12-67-00-01", "site-4711-ap"}
	if n := testing.AllocsPerRun(100, func() {
		if site, err := c.site(ap); err != nil || site != "Site 211" {
			t.Fatalf("%q, %v", site, err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkClaimsOfFiveThousand(b *testing.B) {
	c := fiveThousand()
	ap := transport.Stations{"SITE-4711-AP", "B8-00-12-67-00-01", "site-4711-ap"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.site(ap); err != nil {
			b.Fatal(err)
		}
	}
}

// The book of unclaimed access points is bounded, and tells each once.
func TestUnclaimedIsBounded(t *testing.T) {
	var u unclaimed
	for n := range 5000 {
		u.note("royal-wlc", transport.Stations{fmt.Sprint(n)})
		u.note("royal-wlc", transport.Stations{"always"})
	}
	if first := u.news(20); len(first) != 20 || first[0].ap != "0" {
		t.Errorf("told first: %v", first)
	}
	if rest := u.news(1 << 20); len(rest) != maxUnclaimed-20 {
		t.Errorf("%d more", len(rest))
	}
	if again := u.news(20); len(again) > 0 {
		t.Errorf("told twice: %v", again)
	}
	if aps, requests := u.day(); aps != maxUnclaimed || requests != 10_000 {
		t.Errorf("%d access points, %d requests", aps, requests)
	}
	if u.note("royal-wlc", transport.Stations{"always"}); len(u.news(20)) != 1 {
		t.Error("tomorrow it is news again, and is not told")
	}
}

// explain and [[test]] find the site by an access point, as a request does.
func TestExplainByAccessPoint(t *testing.T) {
	region := startRegion(t)
	i, err := Inspect(region.folder+"/causeway.toml", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	q := Query{User: nurseName, SSID: "NHS-Staff", AP: "agnes-ap-1"}
	if e := i.Explain(q); e.Outcome != outcomeAccept || !strings.Contains(e.String(), `access point agnes-ap-1 is at St Agnes, behind royal-wlc`) {
		t.Errorf("%v", e)
	}
	q.AP, q.Controller = "b8:11:4b:3c:2a:10", "royal-wlc"
	if e := i.Explain(q); e.Reason != "site-agreement-expired" || !strings.Contains(e.Why, "ended on 2020-06-30") {
		t.Errorf("%v", e)
	}
	q.AP = "nobody"
	if e := i.Explain(q); e.Reason != "ap-unknown" {
		t.Errorf("%v", e)
	}
	q.Controller = ""
	if e := i.Explain(q); e.Reason != "ap-unknown" {
		t.Errorf("%v", e)
	}
	q.Controller = "nro" // a federation's proxy is no controller
	if e := i.Explain(q); e.Reason != "controller-unknown" {
		t.Errorf("%v", e)
	}
	if err := i.Understands(Query{AP: "agnes-ap-1", Site: "St Agnes"}); err == nil {
		t.Error("both at once are understood")
	}
}

func TestCalled(t *testing.T) {
	_, err := (&claims{}).site(transport.Stations{})
	if !errors.Is(err, errAPUnknown) || !strings.Contains(err.Error(), "which the controller does not name") {
		t.Errorf("%v", err)
	}
}
