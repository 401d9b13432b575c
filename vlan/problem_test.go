package vlan

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func problemLines(ps []Problem) string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Key + " | " + p.Text + " | " + p.Fix
	}
	return strings.Join(lines, "\n")
}

// saidOf is what is said of the good file with something changed: its problems, or else
// its warnings but those of speeds.
func saidOf(change func(*Config)) (problems Problems) {
	cfg := trust()
	change(&cfg)
	p, err := New(cfg)
	if errors.As(err, &problems); err == nil {
		problems = withoutSpeeds(p.Warnings())
	}
	return problems
}

// Holds R13 and the rest of what loading refuses. Each case changes one thing in
// a good file; the message is in the file's own words, with its key and its fix.
func TestProblems(t *testing.T) {
	tag := uint8(32)
	cases := []struct {
		name   string
		change func(*Config)
		want   string // key | text | fix
	}{
		{"a visitor path to clinical",
			func(c *Config) { c.SSIDs[1].Rules[1].VLAN = "clinical"; c.Guarantees = nil },
			`ssid[1].rule[1].vlan | a visitor (anyone@other.example) on SSID "eduroam" at Royal Infirmary reaches zone clinical: rule 2 (who = "visitor") gives vlan clinical (110), and clinical is trusted | name another vlan in rule 2, or narrow whom it is for`},
		{"a partner is a visitor, too",
			func(c *Config) { c.SSIDs[1].Rules[0].VLAN = "clinical"; c.Guarantees = nil },
			`ssid[1].rule[0].vlan | a visitor (anyone@camford.ac.uk) on SSID "eduroam" at Royal Infirmary reaches zone clinical: rule 1 (who = "@camford.ac.uk") gives vlan clinical (110), and clinical is trusted | name another vlan in rule 1, or narrow whom it is for`},
		{"at one site only",
			func(c *Config) {
				c.SSIDs[1].Rules = append([]Rule{{Who: "@other.ac.uk", Site: "HMP Eastmoor health centre", VLAN: "clinical"}}, c.SSIDs[1].Rules...)
				c.Guarantees = nil
			},
			`ssid[1].rule[0].vlan | a visitor (anyone@other.ac.uk) on SSID "eduroam" at HMP Eastmoor health centre reaches zone clinical: rule 1 (who = "@other.ac.uk", site = "HMP Eastmoor health centre") gives vlan clinical (110), and clinical is trusted | name another vlan in rule 1, or narrow whom it is for`},
		{"a guarantee that a rule breaks",
			func(c *Config) {
				c.Guarantees = []Guarantee{{Who: "own", Group: "Wifi-Clinical", Method: "tls", SSIDs: []string{"NHS-Staff"}, Sites: []string{"Royal Infirmary"}, Never: Place{VLAN: "clinical"}}}
			},
			`ssid[0].rule[0].vlan | one of ours (anyone@northbridge.nhs.uk) in group "Wifi-Clinical" by tls on SSID "NHS-Staff" at Royal Infirmary reaches zone clinical: rule 1 (who = "@northbridge.nhs.uk", eap = "tls", group = "Wifi-Clinical") gives vlan clinical (110), and guarantee 1 says: own of group "Wifi-Clinical" by tls on SSID "NHS-Staff" at Royal Infirmary never reaches vlan clinical | name another vlan in rule 1, or narrow whom it is for`},
		{"an only that a rule breaks",
			func(c *Config) {
				c.Guarantees = []Guarantee{{Who: "@camford.ac.uk", SSIDs: []string{"govroam"}, Only: Place{Zone: "academic"}}}
				c.Sites[1].Controllers[0].WithoutVLAN = "reject"
			},
			`ssid[2].rule[1].vlan | a visitor (anyone@camford.ac.uk) on SSID "govroam" at Royal Infirmary reaches zone visitor: rule 2 (who = "visitor") gives vlan visitor (320), and guarantee 1 says: @camford.ac.uk on SSID "govroam" reaches zone academic or nothing | name another vlan in rule 2, or narrow whom it is for`},
		{"two people of a guarantee's group",
			func(c *Config) {
				c.Guarantees = []Guarantee{{Group: "Students", Never: Place{Zone: "clinical"}}}
			},
			`ssid[0].rule[0].vlan | one of ours (anyone@northbridge.nhs.uk) in group "Wifi-Clinical" and "Students" by tls on SSID "NHS-Staff" at Royal Infirmary reaches zone clinical: rule 1 (who = "@northbridge.nhs.uk", eap = "tls", group = "Wifi-Clinical") gives vlan clinical (110), and guarantee 1 says: anyone of group "Students" never reaches zone clinical | name another vlan in rule 1, or narrow whom it is for`},
		{"a number with two zones, by the site",
			func(c *Config) { c.Sites[0].VLAN = map[string]uint16{"clinical": 120, "academic": 120} },
			`site[0].vlan.academic | vlan 120 at Royal Infirmary belongs to both clinical and academic | give vlan clinical or vlan academic another number there`},
		{"a number with two zones, everywhere",
			func(c *Config) { c.VLANs[2].ID = 110; c.Sites[0].VLAN = nil },
			`vlan.academic.id | vlan 110 at Royal Infirmary belongs to both clinical and academic | give vlan clinical or vlan academic another number there`},
		{"a number with two zones, one of them the site's",
			func(c *Config) { c.Sites[0].VLAN = map[string]uint16{"clinical": 320} },
			`site[0].vlan.clinical | vlan 320 at Royal Infirmary belongs to both clinical and visitor | give vlan clinical or vlan visitor another number there`},
		{"a trusted fall-back",
			func(c *Config) { c.Sites[0].Controllers[0].WithoutVLAN = "clinical"; c.Guarantees = nil },
			`site[0].controller[0].without_vlan | anybody on any SSID at Royal Infirmary reaches zone clinical when no reply names a VLAN: without_vlan of royal-wlc gives vlan clinical (110), and clinical is trusted | without_vlan = "reject", or a vlan that anybody may have`},
		{"a fall-back against a guarantee",
			func(c *Config) {
				c.Sites[0].Controllers[0].WithoutVLAN = "academic"
				c.Guarantees = []Guarantee{{Who: "@other.ac.uk", Never: Place{Zone: "academic"}}}
			},
			`site[0].controller[0].without_vlan | anybody on any SSID at Royal Infirmary reaches zone academic when no reply names a VLAN: without_vlan of royal-wlc gives vlan academic (1310), and guarantee 1 says: @other.ac.uk never reaches zone academic | without_vlan = "reject", or a vlan that anybody may have`},
		{"no fall-back declared",
			func(c *Config) { c.Sites[0].Controllers[0].WithoutVLAN = "" },
			`site[0].controller[0].without_vlan | controller royal-wlc does not say what it does when a reply names no VLAN | say what it does then: without_vlan = "reject", or the vlan where it puts them`},
		{"an unknown fall-back",
			func(c *Config) { c.Sites[0].Controllers[0].WithoutVLAN = "vistor" },
			`site[0].controller[0].without_vlan | without_vlan of royal-wlc names vlan vistor, and there is no such vlan | did you mean "visitor"?`},
		{"an unknown vlan in a rule",
			func(c *Config) { c.SSIDs[1].Rules[0].VLAN = "acadmeic" },
			`ssid[1].rule[0].vlan | rule 1 of SSID "eduroam" names vlan acadmeic, and there is no such vlan | did you mean "academic"?`},
		{"nothing near",
			func(c *Config) { c.SSIDs[1].Rules[0].VLAN = "printers" },
			`ssid[1].rule[0].vlan | rule 1 of SSID "eduroam" names vlan printers, and there is no such vlan | add it to [vlan]`},
		{"no vlan in a rule",
			func(c *Config) { c.SSIDs[1].Rules[0].VLAN = "" },
			`ssid[1].rule[0].vlan | rule 1 of SSID "eduroam" names no vlan | say which: vlan = "…"`},
		{"an unknown zone",
			func(c *Config) { c.VLANs[0].Zone = "clincal" },
			`vlan.clinical.zone | vlan clinical is in zone clincal, and there is no such zone | did you mean "clinical"?`},
		{"no zone",
			func(c *Config) { c.VLANs[0].Zone = "" },
			`vlan.clinical.zone | vlan clinical is in no zone | say which: zone = "…"`},
		{"a zone twice",
			func(c *Config) { c.Zones = append(c.Zones, Zone{"clinical", false}) },
			`zone.clinical | zone clinical is there twice | keep one of them`},
		{"a vlan twice",
			func(c *Config) { c.VLANs = append(c.VLANs, VLAN{Name: "clinical", ID: 111, Zone: "clinical"}) },
			`vlan.clinical | vlan clinical is there twice | keep one of them`},
		{"a number too large",
			func(c *Config) { c.VLANs[0].ID = 4095 },
			`vlan.clinical.id | vlan clinical has number 4095 | VLAN numbers are 1 to 4094`},
		{"a site's number 0",
			func(c *Config) { c.Sites[0].VLAN = map[string]uint16{"staff-byod": 0} },
			`site[0].vlan.staff-byod | vlan staff-byod at Royal Infirmary has number 0 | VLAN numbers are 1 to 4094
vlan.staff-byod.id | vlan staff-byod has no number at Royal Infirmary | give it one: [vlan] staff-byod = { id = … }, or vlan = { staff-byod = … } at the site`},
		{"a number missing at one site",
			func(c *Config) { c.VLANs[2].ID = 0 },
			`vlan.academic.id | vlan academic has no number at HMP Eastmoor health centre | give it one: [vlan] academic = { id = … }, or vlan = { academic = … } at the site`},
		{"a site numbers an unknown vlan",
			func(c *Config) { c.Sites[0].VLAN = map[string]uint16{"staff net": 12} },
			`site[0].vlan."staff net" | Royal Infirmary names vlan staff net, and there is no such vlan | add it to [vlan]`},
		{"a speed that is none",
			func(c *Config) { c.VLANs[3].Down = "10 Mbit" },
			`vlan.visitor.down | vlan visitor: "10 Mbit" is not a speed | write bits in a second: "50M", "512k"`},
		{"a speed too great",
			func(c *Config) { c.VLANs[3].Up = "5G" },
			`vlan.visitor.up | vlan visitor: "5G" is more than a controller can be told (4294967295 bit/s) | write bits in a second: "50M", "512k"`},
		{"a filter that would break the log",
			func(c *Config) { c.VLANs[3].Filter = "a\nb" },
			`vlan.visitor.filter | vlan visitor has filter "a\nb" | a filter's name is up to 200 printable ASCII characters`},
		{"a realm of both",
			func(c *Config) { c.Partners = append(c.Partners, "Northbridge.nhs.uk") },
			`realm."Northbridge.nhs.uk" | realm northbridge.nhs.uk is ours and a partner's | give it a directory or servers, not both`},
		{"a realm without a dot",
			func(c *Config) { c.Partners = append(c.Partners, "camford") },
			`realm.camford | "camford" is not a realm | a realm is a domain name with a dot: northbridge.nhs.uk`},
		{"a rule for nobody",
			func(c *Config) { c.SSIDs[1].Rules[0].Who = "" },
			`ssid[1].rule[0].who | rule 1 of SSID "eduroam" is for nobody | say whom: who = "visitor", who = "@northbridge.nhs.uk"`},
		{"a misspelt who",
			func(c *Config) { c.SSIDs[1].Rules[1].Who = "visitors" },
			`ssid[1].rule[1].who | rule 2 of SSID "eduroam" is for "visitors", which is neither a realm nor a user | did you mean "visitor"?`},
		{"a realm without its @",
			func(c *Config) { c.SSIDs[1].Rules[0].Who = "camford.ac.uk" },
			`ssid[1].rule[0].who | rule 1 of SSID "eduroam" is for "camford.ac.uk", which is neither a realm nor a user | did you mean "@camford.ac.uk"?`},
		{"two @",
			func(c *Config) { c.SSIDs[1].Rules[0].Who = "a@b@camford.ac.uk" },
			`ssid[1].rule[0].who | rule 1 of SSID "eduroam" is for "a@b@camford.ac.uk", which is neither a realm nor a user | write "@realm" or "user@realm"`},
		{"a realm below ours that nobody answers",
			func(c *Config) { c.SSIDs[0].Rules[1].Who = "@ward.northbridge.nhs.uk" },
			`ssid[0].rule[1].who | rule 2 of SSID "NHS-Staff" is for realm ward.northbridge.nhs.uk, which is below one of ours and answered nowhere | add [realm."ward.northbridge.nhs.uk"], or name the realm above it`},
		{"a visitor's group",
			func(c *Config) { c.SSIDs[1].Rules[0].Group = "Students" },
			`ssid[1].rule[0].group | rule 1 of SSID "eduroam" asks @camford.ac.uk for group "Students", and groups come from our own directory only | drop the group, or name one of our own realms`},
		{"an unknown method",
			func(c *Config) { c.SSIDs[0].Rules[0].EAP = "eap-tls" },
			`ssid[0].rule[0].eap | rule 1 of SSID "NHS-Staff" asks for eap "eap-tls", which is no method of ours | use "tls", "ttls", "peap", "teap" or "pap"`},
		{"a misspelt method",
			func(c *Config) { c.SSIDs[0].Rules[0].EAP = "ttl" },
			`ssid[0].rule[0].eap | rule 1 of SSID "NHS-Staff" asks for eap "ttl", which is no method of ours | did you mean "ttls"?`},
		{"an unknown site",
			func(c *Config) { c.SSIDs[0].Rules[0].Site = "Royal Infirmry" },
			`ssid[0].rule[0].site | rule 1 of SSID "NHS-Staff" is for site Royal Infirmry, and there is no such site | did you mean "Royal Infirmary"?`},
		{"a rule under the wrong SSID",
			func(c *Config) { c.SSIDs[0].Rules[0].SSID = "eduroam" },
			`ssid[0].rule[0].ssid | rule 1 of SSID "NHS-Staff" says ssid "eduroam" | leave it out, or move the rule`},
		{"SSIDs that differ in case",
			func(c *Config) { c.SSIDs[2].Name = "Eduroam" },
			`ssid[2].name | SSIDs "eduroam" and "Eduroam" differ only in case | SSIDs are case-sensitive: two that look alike are one mistake away from each other; rename one`},
		{"an SSID twice",
			func(c *Config) { c.SSIDs[2].Name = "eduroam" },
			`ssid[2].name | SSID "eduroam" is there twice | put all its rules under one of them`},
		{"an SSID too long",
			func(c *Config) { c.SSIDs[2].Name = strings.Repeat("x", 33) },
			`ssid[2].name | SSID "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" has 33 octets | an SSID has 1 to 32 octets`},
		{"no site", func(c *Config) { c.Sites = nil },
			`site | there is no site, so the rules hold nowhere | add a [[site]] with its [[site.controller]]`},
		{"a site without a name", func(c *Config) { c.Sites[1].Name = "" },
			`site[1].name | site 2 has no name | name it as the NOC does: name = "Royal Infirmary"`},
		{"a site twice", func(c *Config) { c.Sites[1].Name = "Royal Infirmary" },
			`site[1].name | site Royal Infirmary is there twice | keep one of them, with the controllers of both`},
		{"a controller twice", func(c *Config) { c.Sites[1].Controllers[0].Name = "royal-wlc" },
			`site[1].controller[0].name | controller royal-wlc is at Royal Infirmary and at HMP Eastmoor health centre | give each its own name`},
		{"a controller without a name", func(c *Config) { c.Sites[1].Controllers[0].Name = "" },
			`site[1].controller[0].name | a controller at HMP Eastmoor health centre has no name | name it: name = "royal-wlc"`},
		{"an unknown vendor", func(c *Config) { c.Sites[0].Controllers[0].Vendor = "cisco-9880" },
			`site[0].controller[0].vendor | controller royal-wlc has vendor cisco-9880, which we do not know | did you mean "cisco-9800"?`},
		{"a tag too large", func(c *Config) { c.Sites[0].Controllers[0].Tag = &tag },
			`site[0].controller[0].tag | controller royal-wlc has tag 32 | a tag is 0 to 31; most controllers want none`},
		{"an agreement without an end", func(c *Config) { c.Sites[1].Agreement.Until = time.Time{} },
			`site[1].agreement.until | the agreement for HMP Eastmoor health centre has no end | say the last day: until = 2027-03-31`},
		{"an agreement that ends first", func(c *Config) { c.Sites[1].Agreement.Until = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) },
			`site[1].agreement.until | the agreement for HMP Eastmoor health centre ends (2026-03-01) before it begins (2026-04-01) | give it days in order`},
		{"a guarantee of nothing", func(c *Config) { c.Guarantees[0].Never = Place{} },
			`guarantee[0] | guarantee 1 says neither never nor only | say what: never = { zone = "clinical" }`},
		{"a guarantee of both", func(c *Config) { c.Guarantees[0].Only = Place{Zone: "visitor"} },
			`guarantee[0] | guarantee 1 says both never and only | make two guarantees of it`},
		{"a guarantee of two places", func(c *Config) { c.Guarantees[0].Never.VLAN = "clinical" },
			`guarantee[0].never | guarantee 1 names both a zone and a vlan | make two guarantees of it`},
		{"a guarantee's unknown zone", func(c *Config) { c.Guarantees[0].Never.Zone = "clinic" },
			`guarantee[0].never.zone | guarantee 1 names zone clinic, and there is no such zone | did you mean "clinical"?`},
		{"a guarantee's unknown vlan", func(c *Config) { c.Guarantees[0].Never = Place{VLAN: "clinicl"} },
			`guarantee[0].never.vlan | guarantee 1 names vlan clinicl, and there is no such vlan | did you mean "clinical"?`},
		{"a guarantee's unknown SSID", func(c *Config) { c.Guarantees[0].SSIDs = []string{"edurom"} },
			`guarantee[0].ssid | guarantee 1 is for SSID "edurom", and there is no such SSID | did you mean "eduroam"?`},
		{"several at once", func(c *Config) {
			c.SSIDs[1].Rules[0].VLAN = "acadmeic"
			c.Sites[0].Controllers[0].WithoutVLAN = ""
			c.VLANs[0].ID = 320
		},
			`site[0].controller[0].without_vlan | controller royal-wlc does not say what it does when a reply names no VLAN | say what it does then: without_vlan = "reject", or the vlan where it puts them
ssid[1].rule[0].vlan | rule 1 of SSID "eduroam" names vlan acadmeic, and there is no such vlan | did you mean "academic"?
vlan.visitor.id | vlan 320 at Royal Infirmary belongs to both clinical and visitor | give vlan clinical or vlan visitor another number there`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := trust()
			c.change(&cfg)
			p, err := New(cfg)
			var problems Problems
			if !errors.As(err, &problems) || p != nil {
				t.Fatalf("policy %v, error %v", p, err)
			}
			if got := problemLines(problems); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// Guarantees that say no more than they say: each of these files is good.
func TestGuaranteesThatHold(t *testing.T) {
	royal, eastmoor := "Royal Infirmary", "HMP Eastmoor health centre"
	clinical := Place{Zone: "clinical"}
	cases := []struct {
		name   string
		change func(*Config)
		holds  Guarantee
	}{
		{"another method", nil, Guarantee{Who: "own", Method: "peap", Never: clinical}},
		{"another SSID", nil, Guarantee{Who: "own", SSIDs: []string{"govroam"}, Never: clinical}},
		{"another site", func(c *Config) { c.SSIDs[0].Rules[0].Site = royal }, Guarantee{Who: "own", Sites: []string{eastmoor}, Never: clinical}},
		{"another realm", nil, Guarantee{Who: "@camford.ac.uk", Never: clinical}},
		{"other people", nil, Guarantee{Who: "visitor", Never: Place{VLAN: "clinical"}}},
		{"another person", func(c *Config) {
			c.SSIDs[0].Rules = append([]Rule{{Who: "locum@northbridge.nhs.uk", VLAN: "visitor"}}, c.SSIDs[0].Rules...)
		}, Guarantee{Who: "locum@northbridge.nhs.uk", SSIDs: []string{"NHS-Staff"}, Only: Place{VLAN: "visitor"}}},
		{"another site's fall-back", nil, Guarantee{Sites: []string{royal}, SSIDs: []string{"NHS-Staff"}, Never: Place{VLAN: "visitor"}}},
		{"the zone of the fall-back", nil, Guarantee{Who: "visitor", SSIDs: []string{"govroam"}, Only: Place{Zone: "visitor"}}},
		{"a group that goes elsewhere first", func(c *Config) {
			c.SSIDs[0].Rules = append([]Rule{{Who: "own", Group: "Students", VLAN: "staff-byod"}}, c.SSIDs[0].Rules...)
		}, Guarantee{Group: "STUDENTS", Never: clinical}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := trust()
			if c.change != nil {
				c.change(&cfg)
			}
			cfg.Guarantees = append(cfg.Guarantees, c.holds)
			mustNew(t, cfg)
		})
	}
}

func TestWarnings(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"nothing to say", func(*Config) {}, ""},
		{"a rule behind another", func(c *Config) {
			c.SSIDs[2].Rules = append(c.SSIDs[2].Rules, Rule{Who: "@camford.ac.uk", VLAN: "academic"})
		},
			`ssid[2].rule[2] | rule 3 of SSID "govroam" is never reached: rule 2 (who = "visitor") takes its people first | move it up, or drop it`},
		{"a group behind its realm", func(c *Config) { c.SSIDs[0].Rules[0], c.SSIDs[0].Rules[1] = c.SSIDs[0].Rules[1], c.SSIDs[0].Rules[0] },
			`ssid[0].rule[1] | rule 2 of SSID "NHS-Staff" is never reached: rule 1 (who = "@northbridge.nhs.uk") takes its people first | move it up, or drop it
vlan.clinical | nobody can reach vlan clinical | drop it, or give it a rule`},
		{"a vlan nobody can reach", func(c *Config) { c.VLANs = append(c.VLANs, VLAN{Name: "printers", ID: 400, Zone: "visitor"}) },
			`vlan.printers | nobody can reach vlan printers | drop it, or give it a rule`},
		{"a vlan without any number", func(c *Config) { c.VLANs = append(c.VLANs, VLAN{Name: "printers", Zone: "visitor"}) },
			`vlan.printers | vlan printers has no number at any site, and nobody can reach it | drop it, or give it an id and a rule`},
		{"a guarantee of nobody", func(c *Config) {
			c.Guarantees = append(c.Guarantees, Guarantee{Who: "visitor", Group: "Wifi-Clinical", Never: Place{Zone: "clinical"}})
		},
			`guarantee[1] | guarantee 2 covers no case: it says "visitor of group \"Wifi-Clinical\" never reaches zone clinical", and there is no such log-in | say whom it is for in other words, or drop it`},
		{"an SSID without rules", func(c *Config) { c.SSIDs = append(c.SSIDs, SSID{Name: "Guest"}) },
			`ssid[3].name | SSID "Guest" has no rule, so everybody is refused | add a [[ssid.rule]]`},
		{"a site without controllers", func(c *Config) { c.Sites[1].Controllers = nil },
			`site[1].name | site HMP Eastmoor health centre has no controller, so nobody can ask there | add a [[site.controller]]`},
		{"an agreement that is over", func(c *Config) { c.Now = func() time.Time { return time.Date(2027, 4, 1, 0, 0, 0, 0, time.UTC) } },
			`site[1].agreement.until | the agreement for HMP Eastmoor health centre ended on 2027-03-31: everybody there is refused | renew it or remove the site`},
		{"an agreement that ends within a month", func(c *Config) { c.Now = func() time.Time { return time.Date(2027, 3, 1, 23, 0, 0, 0, time.UTC) } },
			`site[1].agreement.until | the agreement for HMP Eastmoor health centre ends on 2027-03-31, in 30 days: everybody there is refused after that day | renew it before then, or take the site out`},
		{"an agreement that ends in 31 days", func(c *Config) { c.Now = func() time.Time { return time.Date(2027, 2, 28, 23, 0, 0, 0, time.UTC) } }, ``},
		{"an agreement on its last day", func(c *Config) { c.Now = func() time.Time { return time.Date(2027, 3, 31, 23, 0, 0, 0, time.UTC) } },
			`site[1].agreement.until | the agreement for HMP Eastmoor health centre ends on 2027-03-31, today: everybody there is refused after that day | renew it before then, or take the site out`},
		{"an agreement to come", func(c *Config) { c.Now = func() time.Time { return time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC) } },
			`site[1].agreement.from | the agreement for HMP Eastmoor health centre begins on 2026-04-01: until then everybody there is refused | nothing to do until then`},
		{"a visitor's method", func(c *Config) { c.SSIDs[1].Rules[0].EAP = "tls" },
			`ssid[1].rule[0].eap | rule 1 of SSID "eduroam" asks @camford.ac.uk for eap "tls", which is their home's business: a request that hides it is refused (method-unknown) | drop eap`},
		{"a visitor's name", func(c *Config) { c.SSIDs[1].Rules[0].Who = "dean@camford.ac.uk" },
			`ssid[1].rule[0].who | rule 1 of SSID "eduroam" names dean@camford.ac.uk, whom we do not check: the name outside the tunnel is the visitor's own word | name the realm`},
		{"a realm one letter off", func(c *Config) { c.SSIDs[1].Rules[0].Who = "@canford.ac.uk" },
			`ssid[1].rule[0].who | rule 1 of SSID "eduroam" is for realm canford.ac.uk, which has no [realm] of its own: its people are visitors | did you mean "camford.ac.uk"?`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := trust()
			c.change(&cfg)
			if got := problemLines(withoutSpeeds(mustNew(t, cfg).Warnings())); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestRates(t *testing.T) {
	for s, want := range map[string]uint32{"": 0, "50M": 50e6, "512k": 512e3, "1.5G": 1.5e9, "9600": 9600, "4294967295": 1<<32 - 1} {
		if got, err := parseRate(s); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"M", "-1M", "1e9", "Inf", "0x10", "NaN", "1_000", "0", "0.0001k", "4294967296", "50Mb", " 5M", "1.2.3M", "."} {
		if got, err := parseRate(s); err == nil {
			t.Errorf("%q is read as %d", s, got)
		}
	}
}

func TestFold(t *testing.T) {
	words := []string{"", "Wifi-Clinical", "wifi-clinical", "WIFI-CLINICAL", "straße", "STRASSE", "Σ", "ς", "σ", "K", "k", "\u212a", "s", "ſ", "É", "é", "e\u0301", "İ", "i", "ı"}
	for _, a := range words {
		for _, b := range words {
			if got, want := fold(a) == fold(b), strings.EqualFold(a, b); got != want {
				t.Errorf("%q and %q: equal is %t, want %t", a, b, got, want)
			}
		}
	}
}
