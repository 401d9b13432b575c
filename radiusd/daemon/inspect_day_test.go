package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"causeway/certs"
	"causeway/realms/directory"
	"causeway/realms/placement"
)

// dayTown has what begins and ends: an agreement, a placement, accounts of a file, and a
// device of a list.
var dayTown = strings.NewReplacer(
	"[[site]]\nname = \"Royal Infirmary\"\n", `[devices.pumps]
path  = "pumps.csv"
owner = "Ward 7"
[[ssid]]
name = "NHS-Devices"
mac  = "pumps"
[[ssid.rule]]
who  = "devices pumps"
vlan = "office"
[[site]]
name = "Royal Infirmary"
[site.agreement]
reference   = "AA-1"
owner       = "Somebody"
approved_by = "Somebody else"
from        = 2026-04-01
until       = 2027-03-31
`,
	"[[ssid.rule]]\nwho   = \"own\"\ngroup = \"Anywhere\"\n", "[[ssid.rule]]\nwho   = \"own\"\n",
).Replace(groupsTown)

// Holds part of R50: a log-in on another day, in explain and in the file's own tests.
func TestExplainOnAnotherDay(t *testing.T) {
	test := func(given, expect string) string {
		return "[[test]]\ngiven = { " + given + " }\nexpect = { " + expect + " }\n"
	}
	const where = `, ssid = "NHS-Staff", site = "Royal Infirmary"`
	config := dayTown[:strings.Index(dayTown, "[[test]]")] +
		// The agreement, for somebody of whom no file knows.
		test(`user = "anybody@northbridge.nhs.uk"`+where+`, on = 2026-03-31`, `reason = "site-agreement-expired"`) +
		test(`user = "anybody@northbridge.nhs.uk"`+where+`, on = 2026-04-01`, `vlan = "office"`) +
		test(`user = "anybody@northbridge.nhs.uk"`+where+`, on = 2027-03-31`, `vlan = "office"`) +
		test(`user = "anybody@northbridge.nhs.uk"`+where+`, on = 2027-04-01`, `reason = "site-agreement-expired"`) +
		// The placement.
		test(`user = "ada@placement.northbridge.nhs.uk"`+where+`, on = 2027-01-10`, `reason = "placement-not-started"`) +
		test(`user = "ada@placement.northbridge.nhs.uk"`+where+`, on = 2027-01-11`, `vlan = "office"`) +
		test(`user = "ADA@placement.northbridge.nhs.uk"`+where+`, on = 2027-03-05`, `vlan = "office"`) +
		test(`user = "ada@placement.northbridge.nhs.uk"`+where+`, on = 2027-03-06`, `reason = "placement-ended"`) +
		test(`user = "nobody@placement.northbridge.nhs.uk"`+where+`, on = 2027-03-06`, `vlan = "office"`) +
		// An account of a file.
		test(`user = "locum@clinic.northbridge.nhs.uk"`+where+`, on = 2027-02-28`, `vlan = "office"`) +
		test(`user = "locum@clinic.northbridge.nhs.uk"`+where+`, on = 2027-03-01`, `reason = "account-expired"`) +
		// A device.
		test(`mac = "00-1B-C5-00-00-01", ssid = "NHS-Devices", site = "Royal Infirmary", on = 2027-02-28`, `vlan = "office"`) +
		test(`mac = "00-1B-C5-00-00-01", ssid = "NHS-Devices", site = "Royal Infirmary", on = 2027-03-01`, `reason = "mac-expired"`)
	folder := groupsFolder(t, config)
	for name, text := range map[string]string{
		"users.toml": "[user.\"locum@clinic.northbridge.nhs.uk\"]\nexpires = 2027-02-28\n",
		"pumps.csv":  "mac,what,until,approved_by\n00-1B-C5-00-00-01,Pump 7,2027-02-28,Ward sister\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	from, _ := placement.ParseDay("2027-01-11")
	until, _ := placement.ParseDay("2027-03-05")
	err := placement.Change(filepath.Join(folder, "placements.jsonl"), "add", placement.Actor{Login: "test"}, time.Now(), func(b *placement.Book) error {
		b.Records = append(b.Records, placement.Record{
			User: "ada@placement.northbridge.nhs.uk", Name: "Ada", Sponsor: "S", ApprovedBy: "A", Purpose: "P", From: from, Until: until, Created: time.Now().UTC(),
			Password: certs.Secret(directory.HashPassword("the password of Ada")),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// Today is long after all of it: what a query does not date is judged by today.
	later := func() time.Time { return time.Date(2030, 1, 1, 9, 0, 0, 0, time.Local) }
	i, err := Inspect(filepath.Join(folder, "causeway.toml"), later)
	if err != nil {
		t.Fatal(err)
	}
	results := i.Test()
	if len(results) != 13 {
		t.Fatalf("%d tests", len(results))
	}
	for _, r := range results {
		if r.Failure != "" {
			t.Errorf("%s: %s", r.Given, r.Failure)
		}
	}
	if got := results[0].Given; got != "anybody@northbridge.nhs.uk on 2026-03-31 on NHS-Staff at Royal Infirmary" {
		t.Error(got)
	}
	q := Query{User: "ada@placement.northbridge.nhs.uk", SSID: "NHS-Staff", Site: "Royal Infirmary"}
	if e := i.Explain(q); e.Reason != "site-agreement-expired" || strings.Contains(e.String(), "day:") || strings.Contains(e.String(), "account:") {
		t.Errorf("today: %s", e)
	}
	if q.On, err = ParseDay("2027-02-01"); err != nil {
		t.Fatal(err)
	}
	if said := i.Explain(q).String(); !strings.Contains(said, "day: Monday, 1 February 2027") || !strings.Contains(said, "account: good on that day, in directory guests") {
		t.Error(said)
	}
	for _, text := range []string{"", "31/03/2027", "2027-02-30", "2027-03-31T10:00"} {
		if _, err := ParseDay(text); err == nil {
			t.Errorf("%q is a day", text)
		}
	}
}
