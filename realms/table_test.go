package realms

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// namedHome is a home that is told apart by its name and never asked.
type namedHome string

func (namedHome) Open(Question) Conversation { panic("the table opens no conversation") }

// trust is a hospital with a staff SSID, two federations, a partner and realms
// with different rights.
func trust() Config {
	return Config{
		Own: []OwnRealm{
			{Name: "northbridge.nhs.uk", RouteName: "trust", Subrealms: []string{"students.northbridge.nhs.uk"}, Roaming: true, Home: namedHome("trust")},
			{Name: "hospice.org.uk", SSIDs: []string{"NHS-Staff", "eduroam"}, Home: namedHome("hospice")},
			{Name: "ad.northbridge.local", RouteName: "trust", SSIDs: []string{"NHS-Staff"}, Home: namedHome("trust")},
		},
		Partners: []Partner{
			{Realm: "camford.ac.uk", Home: namedHome("camford")},
			{Realm: "locums.example", SSIDs: []string{"NHS-Staff"}, Home: namedHome("locums")},
			{Realm: "med.northbridge.nhs.uk", Home: namedHome("med")},
		},
		Federations: map[string]Home{"eduroam": namedHome("eduroam"), "govroam": namedHome("govroam")},
		SSIDs:       map[string]string{"NHS-Staff": "", "eduroam": "eduroam", "govroam": "govroam"},
	}
}

func mustTable(t *testing.T, cfg Config) *Table {
	t.Helper()
	table, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestHome(t *testing.T) {
	table := mustTable(t, trust())
	tests := []struct {
		name  string // the requirements that the row holds
		user  string
		from  Origin
		route string
		own   bool
		err   Reason
	}{
		{"R1 own realm", "nurse@northbridge.nhs.uk", Origin{SSID: "NHS-Staff"}, "trust", true, ""},
		{"R1 own realm, any case", "nurse@NORTHBRIDGE.nhs.uk", Origin{SSID: "NHS-Staff"}, "trust", true, ""},
		{"R1 own subrealm", "sam@students.northbridge.nhs.uk", Origin{SSID: "NHS-Staff"}, "trust", true, ""},
		{"R10 eduroam, own", "nurse@northbridge.nhs.uk", Origin{SSID: "eduroam"}, "trust", true, ""},
		{"R10 eduroam, other", "alice@uni.ac.uk", Origin{SSID: "eduroam"}, "eduroam", false, ""},
		{"R10 govroam, own", "nurse@northbridge.nhs.uk", Origin{SSID: "govroam"}, "trust", true, ""},
		{"R10 govroam, own but not allowed there", "vera@hospice.org.uk", Origin{SSID: "govroam"}, "", false, ErrRealmNotHere},
		{"R10 govroam, other", "bob@council.gov.uk", Origin{SSID: "govroam"}, "govroam", false, ""},
		{"R10 staff SSID, other", "alice@uni.ac.uk", Origin{SSID: "NHS-Staff"}, "", false, ErrRealmNotHere},
		{"R10 partner on eduroam", "sam@camford.ac.uk", Origin{SSID: "eduroam"}, "camford.ac.uk", false, ""},
		{"R10 partner on staff SSID", "sam@camford.ac.uk", Origin{SSID: "NHS-Staff"}, "", false, ErrRealmNotHere},
		{"R10 partner's subrealm is anybody", "sam@cs.camford.ac.uk", Origin{SSID: "eduroam"}, "eduroam", false, ""},
		{"R10 partner invited to the staff SSID", "dr@locums.example", Origin{SSID: "NHS-Staff"}, "locums.example", false, ""},
		{"R10 and elsewhere like anybody", "dr@locums.example", Origin{SSID: "eduroam"}, "eduroam", false, ""},
		{"R11 case of the SSID", "nurse@northbridge.nhs.uk", Origin{SSID: "Eduroam"}, "", false, ErrSSIDUnknown},
		{"R11 unknown SSID, other", "alice@uni.ac.uk", Origin{SSID: "FreeWiFi"}, "", false, ErrSSIDUnknown},
		{"R11 no SSID, own", "nurse@northbridge.nhs.uk", Origin{}, "", false, ErrSSIDMissing},
		{"R11 no SSID, other", "alice@uni.ac.uk", Origin{}, "", false, ErrSSIDMissing},
		{"R8 unknown subrealm", "x@typo.northbridge.nhs.uk", Origin{SSID: "eduroam"}, "", false, ErrOwnSubrealm},
		{"R8 below a known subrealm", "x@a.b.students.northbridge.nhs.uk", Origin{SSID: "eduroam"}, "", false, ErrOwnSubrealm},
		{"R8 a partner below us is known", "x@med.northbridge.nhs.uk", Origin{SSID: "eduroam"}, "med.northbridge.nhs.uk", false, ""},
		{"R8 only whole labels are below", "x@notnorthbridge.nhs.uk", Origin{SSID: "eduroam"}, "eduroam", false, ""},
		{"R2 a proxy names no SSID", "nurse@northbridge.nhs.uk", Origin{Proxy: true}, "trust", true, ""},
		{"R2 a proxy's SSID is not judged", "nurse@northbridge.nhs.uk", Origin{SSID: "eduroam-elsewhere", Proxy: true}, "trust", true, ""},
		{"R2 a realm that does not roam", "vera@hospice.org.uk", Origin{Proxy: true}, "", false, ErrRealmNotHere},
		{"an edge asks for ours, and has judged where they are", "nurse@northbridge.nhs.uk", Origin{Edge: true}, "trust", true, ""},
		{"an edge asks for ours on its own SSID", "vera@hospice.org.uk", Origin{SSID: "govroam", Edge: true}, "hospice.org.uk", true, ""},
		{"an edge asks for a realm that does not roam", "vera@hospice.org.uk", Origin{Edge: true}, "hospice.org.uk", true, ""},
		{"R22 from an edge to a federation", "alice@uni.ac.uk", Origin{SSID: "eduroam", Edge: true}, "", false, ErrLoop},
		{"R22 from an edge to a partner", "sam@camford.ac.uk", Origin{SSID: "eduroam", Edge: true}, "", false, ErrLoop},
		{"R22 R8 an unknown subrealm of ours from an edge", "x@typo.northbridge.nhs.uk", Origin{Edge: true}, "", false, ErrOwnSubrealm},
		{"R22 from an upstream to an upstream", "alice@uni.ac.uk", Origin{SSID: "eduroam", Proxy: true}, "", false, ErrLoop},
		{"R22 from an upstream to a partner", "sam@camford.ac.uk", Origin{SSID: "eduroam", Proxy: true}, "", false, ErrLoop},
		{"R22 R8 an unknown subrealm of ours from an upstream", "x@typo.northbridge.nhs.uk", Origin{Proxy: true}, "", false, ErrOwnSubrealm},
		{"R16 gmail", "alice@gmail.com", Origin{SSID: "eduroam"}, "", false, ErrRealmBlocklisted},
		{"R16 yahoo abroad", "alice@yahoo.co.uk", Origin{SSID: "eduroam"}, "", false, ErrRealmBlocklisted},
		{"R16 a SIM", "0234150999999999@wlan.mnc015.mcc234.3gppnetwork.org", Origin{SSID: "eduroam"}, "", false, ErrRealmBlocklisted},
		{"R16 a private domain", "alice@school.local", Origin{SSID: "govroam"}, "", false, ErrRealmBlocklisted},
		{"R16 a school that begins like one", "alice@live.high.school.example", Origin{SSID: "eduroam"}, "eduroam", false, ""},
		{"R16 a name that ends like one", "alice@notgmail.com", Origin{SSID: "eduroam"}, "eduroam", false, ""},
		{"R16 our own computer", "host/pc01.ad.northbridge.local", Origin{SSID: "NHS-Staff"}, "trust", true, ""},
		{"R16 our own computer, not there", "host/pc01.ad.northbridge.local", Origin{SSID: "eduroam"}, "", false, ErrRealmNotHere},
		{"R16 their computer", "host/pc01.uni.ac.uk", Origin{SSID: "eduroam"}, "", false, ErrRealmBlocklisted},
		{"R16 a partner's computer", "host/pc01@camford.ac.uk", Origin{SSID: "eduroam"}, "", false, ErrRealmBlocklisted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, err := ParseIdentity(tt.user)
			if err != nil {
				t.Fatal(err)
			}
			route, err := table.Home(id, tt.from)
			if tt.err != "" {
				if !errors.Is(err, tt.err) || route != (Route{}) {
					t.Fatalf("Home gave %+v, %v; want no route and %s", route, err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if route.Name != tt.route || route.Own != tt.own || route.Realm != id.Realm || route.Home == nil {
				t.Errorf("Home gave %+v, want route %s, own %v", route, tt.route, tt.own)
			}
			if route.Owner != table.Owner(id.Realm) || (route.Owner != "") != tt.own {
				t.Errorf("it is a realm of %q, and of %q when asked for by itself", route.Owner, table.Owner(id.Realm))
			}
		})
	}
}

// A subrealm belongs to the realm of ours in the configuration, and a stranger to none.
func TestOwner(t *testing.T) {
	table := mustTable(t, trust())
	for realm, want := range map[string]string{
		"northbridge.nhs.uk": "northbridge.nhs.uk", "students.northbridge.nhs.uk": "northbridge.nhs.uk", "hospice.org.uk": "hospice.org.uk",
		"typo.northbridge.nhs.uk": "", "camford.ac.uk": "", "uni.ac.uk": "", "": "",
	} {
		if got := table.Owner(realm); got != want {
			t.Errorf("%q belongs to %q, want %q", realm, got, want)
		}
	}
}

// Holds R8 and R22: over every realm, SSID and origin, our own realms have no
// home but ours, and what a proxy sent has none but ours.
func TestR8R22OwnRealmsNeverGoUpstream(t *testing.T) {
	cfg := trust()
	table := mustTable(t, cfg)
	realmNames := []string{"uni.ac.uk", "camford.ac.uk", "locums.example", "gmail.com", "nhs.uk"}
	for own := range table.own {
		realmNames = append(realmNames, own, "x."+own, "x.y."+own)
	}
	for _, realm := range realmNames {
		for _, ssid := range []string{"", "NHS-Staff", "eduroam", "govroam", "other"} {
			for _, proxy := range []bool{false, true} {
				route, err := table.Home(Identity{"u", realm}, Origin{SSID: ssid, Proxy: proxy})
				if err != nil {
					continue
				}
				_, below := table.belowOwn(realm)
				ours := table.own[realm] != nil || below
				if (ours || proxy) && !route.Own {
					t.Errorf("realm %s on %q (proxy %v) goes to %s", realm, ssid, proxy, route.Name)
				}
			}
		}
	}
}

func TestR16BlocklistIsEditable(t *testing.T) {
	cfg := trust()
	cfg.Blocklist = []string{"uni.ac.uk", "*.Example.org"}
	table := mustTable(t, cfg)
	for realm, want := range map[string]error{
		"uni.ac.uk": ErrRealmBlocklisted, "a.b.example.org": ErrRealmBlocklisted, "example.org": nil, "gmail.com": nil, "x.uni.ac.uk": nil,
	} {
		if _, err := table.Home(Identity{"a", realm}, Origin{SSID: "eduroam"}); !errors.Is(err, want) {
			t.Errorf("realm %s: %v, want %v", realm, err, want)
		}
	}
}

func TestNearMissesAreNamed(t *testing.T) {
	table := mustTable(t, trust())
	tests := []struct {
		user string
		from Origin
		says string
	}{
		{"sam@camfrod.ac.uk", Origin{SSID: "NHS-Staff"}, "did the user mean camford.ac.uk?"},
		{"sam@student.northbridge.nhs.uk", Origin{SSID: "eduroam"}, "did the user mean students.northbridge.nhs.uk?"},
		{"sam@northbridge.nhs.uk", Origin{SSID: "EDUROAM"}, `spells it "eduroam"`},
	}
	for _, tt := range tests {
		id, _ := ParseIdentity(tt.user)
		if _, err := table.Home(id, tt.from); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v; want %q in it", tt.user, err, tt.says)
		}
	}
	for a, want := range map[string]int{"camford": 0, "camfrd": 1, "kamford": 1, "camfords": 1, "camfrod": 2, "x": 3} {
		if got := EditDistance(a, "camford", 2); got != want {
			t.Errorf("EditDistance(%s, camford) = %d, want %d", a, got, want)
		}
	}
}

func TestNewNamesEveryMistake(t *testing.T) {
	_, err := New(Config{
		Own: []OwnRealm{
			{Name: "northbridge.nhs.uk", Home: namedHome("x"), Subrealms: []string{"students", "a b.northbridge.nhs.uk"}, SSIDs: []string{"EDUROAM"}},
			{Name: "northbridge", Home: namedHome("x")},
			{Name: "orphan.nhs.uk"},
			{Name: "north..bridge.uk", Home: namedHome("x")},
		},
		Partners: []Partner{
			{Realm: "NORTHBRIDGE.nhs.uk", Home: namedHome("y")},
			{Realm: "gmail.com", Home: namedHome("y")},
			{Realm: "lonely.ac.uk"},
		},
		Federations: map[string]Home{"eduroam": nil},
		SSIDs:       map[string]string{"eduroam": "eduraom", "": ""},
		Blocklist:   []string{"gmail.*", "*", "a*b.org", "*.a..b"},
	})
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("New: %v, want Problems", err)
	}
	for _, want := range []string{
		`blocklist[1]: "*" is not a pattern`,
		`blocklist[2]: "a*b.org" is not a pattern`,
		`realm."northbridge.nhs.uk".subrealms[0]: "students" is not below northbridge.nhs.uk; write the whole name`,
		`realm."northbridge.nhs.uk".subrealms[1]: the realm "a b.northbridge.nhs.uk" holds ' '`,
		`realm."northbridge.nhs.uk".ssids[0]: there is no SSID "EDUROAM" (the configuration spells it "eduroam")`,
		`realm."northbridge": the realm "northbridge" has no dot: it is probably cut short; write it as`,
		`realm."orphan.nhs.uk": nobody answers for it`,
		`realm."north..bridge.uk": the realm "north..bridge.uk" has an empty part between two dots`,
		`blocklist[3]: "*.a..b" is not a pattern`,
		`realm."northbridge.nhs.uk": realm northbridge.nhs.uk is configured twice`,
		`realm."gmail.com": it is a partner and is on the blocklist as "gmail.*"`,
		`realm."lonely.ac.uk": nobody answers for it`,
		`ssid."": an SSID without a name`,
		`ssid."eduroam".federation: there is no federation "eduraom"`,
		`federation.eduroam: nobody answers for it`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no problem says %q in:\n%v", want, err)
		}
	}
	if len(problems) != 15 {
		t.Errorf("%d problems, want 15:\n%v", len(problems), err)
	}
}

// Every reason of this room has its own code.
func TestReasonsAreDistinct(t *testing.T) {
	source, err := os.ReadFile("reasons.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(source)) {
		_, rest, found := strings.Cut(line, `Reason = "`)
		if !found {
			continue
		}
		code, _, _ := strings.Cut(rest, `"`)
		if seen[code] {
			t.Errorf("code %s appears twice", code)
		}
		seen[code] = true
	}
	if len(seen) < 40 {
		t.Errorf("found %d codes only", len(seen))
	}
}

func BenchmarkHome(b *testing.B) {
	table, err := New(trust())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := table.Home(Identity{"nurse", "uni.ac.uk"}, Origin{SSID: "eduroam"}); err != nil {
			b.Fatal(err)
		}
	}
}
