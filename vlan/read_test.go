package vlan

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Holds R13: one mistake is told once. What stands below a name that is missing or there
// twice is not judged, and half a file is not proved: that would invent problems.
func TestOneMistakeIsToldOnce(t *testing.T) {
	unknown := Controller{Name: "new-wlc", Vendor: "nobody", WithoutVLAN: "reject"}
	nobody := []Rule{{VLAN: "visitor"}}
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"a zone without a name", func(c *Config) { c.Zones = append(c.Zones, Zone{}) },
			`zone."" | a zone has no name | give it a name: [zone] clinical = { trusted = true }`},
		{"a vlan without a name", func(c *Config) { c.VLANs = append(c.VLANs, VLAN{ID: 5000, Zone: "nowhere"}) },
			`vlan."" | a vlan has no name | give it a name: [vlan] clinical = { id = 110, zone = "clinical" }`},
		{"a vlan twice", func(c *Config) { c.VLANs = append(c.VLANs, VLAN{Name: "academic", ID: 5000, Zone: "nowhere"}) },
			`vlan.academic | vlan academic is there twice | keep one of them`},
		{"a vlan in a zone that is none, without a number", func(c *Config) { c.VLANs[3].ID, c.VLANs[3].Zone, c.Guarantees = 0, "vistor", nil },
			`vlan.visitor.zone | vlan visitor is in zone vistor, and there is no such zone | did you mean "visitor"?`},
		{"a vlan in a zone that is none, on another's number", func(c *Config) { c.VLANs[0].ID, c.VLANs[0].Zone = 140, "clincal" },
			`vlan.clinical.zone | vlan clinical is in zone clincal, and there is no such zone | did you mean "clinical"?
vlan.staff-byod.id | vlan 140 at Royal Infirmary belongs to both clincal and visitor | give vlan clinical or vlan staff-byod another number there`},
		{"a realm that is none, ours and a partner's", func(c *Config) { c.Own, c.Partners = append(c.Own, "camford"), append(c.Partners, "camford") },
			`realm.camford | "camford" is not a realm | a realm is a domain name with a dot: northbridge.nhs.uk
realm.camford | "camford" is not a realm | a realm is a domain name with a dot: northbridge.nhs.uk`},
		{"a site without a name", func(c *Config) { c.Sites[1].Name, c.Sites[1].Controllers = "", []Controller{unknown} },
			`site[1].name | site 2 has no name | name it as the NOC does: name = "Royal Infirmary"`},
		{"a site twice", func(c *Config) { c.Sites[1].Name, c.Sites[1].Controllers = "Royal Infirmary", []Controller{unknown} },
			`site[1].name | site Royal Infirmary is there twice | keep one of them, with the controllers of both`},
		{"a controller without a name", func(c *Config) { c.Sites[1].Controllers = []Controller{{Vendor: "nobody"}} },
			`site[1].controller[0].name | a controller at HMP Eastmoor health centre has no name | name it: name = "royal-wlc"`},
		{"a controller twice at one site", func(c *Config) {
			c.Sites[0].Controllers = append(c.Sites[0].Controllers, Controller{Name: "royal-wlc", Vendor: "nobody"})
		},
			`site[0].controller[1].name | controller royal-wlc is at Royal Infirmary and at Royal Infirmary | give each its own name`},
		{"an SSID without a name", func(c *Config) { c.SSIDs = append(c.SSIDs, SSID{Rules: nobody}) },
			`ssid[3].name | SSID "" has 0 octets | an SSID has 1 to 32 octets`},
		{"an SSID twice", func(c *Config) { c.SSIDs = append(c.SSIDs, SSID{Name: "eduroam", Rules: nobody}) },
			`ssid[3].name | SSID "eduroam" is there twice | put all its rules under one of them`},
		{"a number and a pool at a site", func(c *Config) { c.Sites[0].Local = map[string]Local{"academic": {Pool: []uint16{1310, 1311}}} },
			`site[0].vlan.academic | vlan academic at Royal Infirmary has both a number and a pool | keep one of the two`},
		{"a site's number 4095", func(c *Config) { c.Sites[0].VLAN["academic"] = 4095 },
			`site[0].vlan.academic | vlan academic at Royal Infirmary has number 4095 | VLAN numbers are 1 to 4094`},
		{"a controller of another site that there is not", func(c *Config) { c.Sites[1].Behind = []string{"roial-wlc"} },
			`site[1].behind[0] | HMP Eastmoor health centre is behind controller roial-wlc, and there is no such controller | did you mean "royal-wlc"?`},
		{"an agreement that ends first, and is over", func(c *Config) { c.Sites[1].Agreement.Until = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) },
			`site[1].agreement.until | the agreement for HMP Eastmoor health centre ends (2026-01-01) before it begins (2026-04-01) | give it days in order`},
		{"a person who may not, by name", func(c *Config) {
			c.SSIDs[0].Rules = append([]Rule{{Who: "locum@northbridge.nhs.uk", VLAN: "clinical"}}, c.SSIDs[0].Rules...)
			c.Guarantees = []Guarantee{{Who: "Locum@northbridge.nhs.uk", Never: Place{Zone: "clinical"}}}
		},
			`ssid[0].rule[0].vlan | one of ours (locum@northbridge.nhs.uk) on SSID "NHS-Staff" at Royal Infirmary reaches zone clinical: rule 1 (who = "locum@northbridge.nhs.uk") gives vlan clinical (110), and guarantee 1 says: Locum@northbridge.nhs.uk never reaches zone clinical | name another vlan in rule 1, or narrow whom it is for`},
	} {
		cfg := trust()
		c.change(&cfg)
		p, err := New(cfg)
		var problems Problems
		errors.As(err, &problems)
		if got := problemLines(problems); got != c.want || p != nil {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// The least and the most that a file may say, and a file that says nothing: all of these
// load, and nothing is warned of.
func TestFilesAtTheirEdges(t *testing.T) {
	thirtyOne := uint8(31)
	day := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) // the day of the tests
	for name, change := range map[string]func(*Config){
		"nothing at all":                   func(c *Config) { *c = Config{} },
		"the first number at a site":       func(c *Config) { c.Sites[0].VLAN["academic"] = 1 },
		"the last number at a site":        func(c *Config) { c.Sites[0].VLAN["academic"] = 4094 },
		"the last number":                  func(c *Config) { c.VLANs[0].ID = 4094 },
		"the greatest tag":                 func(c *Config) { c.Sites[0].Controllers[0].Tag = &thirtyOne },
		"an SSID of 32 octets":             func(c *Config) { c.SSIDs[2].Name = strings.Repeat("x", 32) },
		"an agreement's first day":         func(c *Config) { c.Sites[1].Agreement.From = day },
		"a controller beside another's":    func(c *Config) { c.Sites[1].Behind = []string{"royal-wlc"} },
		"a rule that says where it stands": func(c *Config) { c.SSIDs[0].Rules[0].SSID = "NHS-Staff" },
	} {
		cfg := trust()
		change(&cfg)
		p, err := New(cfg)
		if err != nil {
			t.Errorf("%s: refused:\n%v", name, err)
			continue
		}
		if got := problemLines(withoutSpeeds(p.Warnings())); got != "" {
			t.Errorf("%s: warned of\n%s", name, got)
		}
	}
}

// A realm that is a slip of the finger away from one that is there is asked about; what
// is further off is another organisation's.
func TestRealmsThatLookAlike(t *testing.T) {
	for who, realm := range map[string]string{
		"@canford.ac.uk": "camford.ac.uk", "@kanford.ac.uk": "camford.ac.uk", "dean@KANFORD.ac.uk": "camford.ac.uk",
		"@nortbridge.nhs.uk": "northbridge.nhs.uk", "@northbridge-u.nhs.uk": "northbridge.nhs.uk",
		"@kanfort.ac.uk": "", "@a.uk": "", "@cambridge.ac.uk": "", "@eastbridge.nhs.uk": "", "@ward.camford.ac.uk": "",
	} {
		cfg := trust()
		cfg.SSIDs[1].Rules[0].Who = who
		got, want := "", ""
		for _, w := range mustNew(t, cfg).Warnings() {
			if strings.Contains(w.Text, "has no [realm] of its own") {
				got = w.Fix
			}
		}
		if realm != "" {
			want = `did you mean "` + realm + `"?`
		}
		if got != want {
			t.Errorf("%s: %q, want %q", who, got, want)
		}
	}
}

// An agreement of one day is in force on that day; without a first day it is since ever,
// and without a clock of the file's own it is today's date that counts.
func TestDaysOfAnAgreement(t *testing.T) {
	june := func(day int) time.Time { return time.Date(2026, 6, day, 23, 0, 0, 0, time.UTC) }
	policy := func(a Agreement, now func() time.Time) *Policy {
		cfg := trust()
		cfg.Now, cfg.Sites[1].Agreement = now, &a
		return mustNew(t, cfg)
	}
	at := func(day int) func() time.Time { return func() time.Time { return june(day) } }
	refused := func(p *Policy, when time.Time) string {
		if _, err := p.Assign(eastmoorAt(visitor, when)); err != nil {
			return err.Error()
		}
		return ""
	}
	const (
		early = "the agreement for HMP Eastmoor health centre is not in force yet: it begins on 2026-06-02: site-agreement-expired"
		late  = "the agreement for HMP Eastmoor health centre ended on 2026-06-02: site-agreement-expired"
	)
	oneDay := policy(Agreement{From: june(2), Until: june(2)}, at(1))
	for day, want := range map[int]string{1: early, 2: "", 3: late} {
		if got := refused(oneDay, june(day)); got != want {
			t.Errorf("on the %d: %q, want %q", day, got, want)
		}
	}
	for day, want := range map[int]string{
		1: `site[1].agreement.from | the agreement for HMP Eastmoor health centre begins on 2026-06-02: until then everybody there is refused | nothing to do until then`,
		2: `site[1].agreement.until | the agreement for HMP Eastmoor health centre ends on 2026-06-02, today: everybody there is refused after that day | renew it before then, or take the site out`,
		3: `site[1].agreement.until | the agreement for HMP Eastmoor health centre ended on 2026-06-02: everybody there is refused | renew it or remove the site`,
	} {
		if got := problemLines(withoutSpeeds(policy(Agreement{From: june(2), Until: june(2)}, at(day)).Warnings())); got != want {
			t.Errorf("on the %d: got\n%s\nwant\n%s", day, got, want)
		}
	}
	for until, want := range map[int]string{2: "tomorrow", 3: "in 2 days"} {
		want = `the agreement for HMP Eastmoor health centre ends on ` + june(until).Format(time.DateOnly) + `, ` + want + `: everybody there is refused after that day`
		if got := withoutSpeeds(policy(Agreement{Until: june(until)}, at(1)).Warnings()); len(got) != 1 || got[0].Text != want {
			t.Errorf("until the %d: %v, want %s", until, got, want)
		}
	}

	ever := policy(Agreement{Until: june(2)}, at(1))
	if got := refused(ever, time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, 1)); got != "" {
		t.Errorf("without a first day: %s", got)
	}
	c, err := ever.Compare(policy(Agreement{From: june(2), Until: june(2)}, at(1)))
	if want := "the agreement for HMP Eastmoor health centre: from 2026-06-02 until 2026-06-02, and was until 2026-06-02"; err != nil || len(c.Others) != 1 || c.Others[0] != want {
		t.Errorf("compared: %v, %v; want %s", c, err, want)
	}

	today := time.Now()
	for days, inForce := range map[int]bool{-2: false, 2: true} { // midnight may pass
		if got := refused(policy(Agreement{Until: today.AddDate(0, 0, days)}, nil), time.Time{}); (got == "") != inForce {
			t.Errorf("an agreement that ends in %d days, today: %q", days, got)
		}
	}
}

// To name a controller twice, or one's own, is to name it once.
func TestBehindOnce(t *testing.T) {
	proof := func(behind ...string) Proof {
		cfg := trust()
		cfg.Sites[0].Controllers[0].WithoutVLAN, cfg.Sites[1].Behind = "visitor", behind
		return mustNew(t, cfg).Proof()
	}
	once := proof("royal-wlc")
	for _, behind := range [][]string{{"royal-wlc", "royal-wlc"}, {"eastmoor-ap", "royal-wlc"}, {"royal-wlc", "eastmoor-ap", "royal-wlc"}} {
		if got := proof(behind...); !reflect.DeepEqual(got, once) {
			t.Errorf("behind %v:\n%v\nwant\n%v", behind, got, once)
		}
	}
	if reflect.DeepEqual(once, proof()) {
		t.Error("behind a controller is as behind none")
	}
}
