package daemon

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"layeh.com/radius/rfc2865"

	"causeway/certs"
	"causeway/realms"
	"causeway/realms/directory"
	"causeway/realms/placement"
)

// No session of a placement lasts beyond its last day, nor longer than a day.
func TestPlacementBoundsTheSession(t *testing.T) {
	now := time.Date(2027, 3, 5, 12, 0, 0, 0, time.UTC)
	d := &Daemon{now: func() time.Time { return now }}
	for _, c := range []struct {
		allowed uint32
		ends    time.Time
		want    uint32
		over    bool
	}{
		{0, time.Time{}, 0, false},
		{3600, time.Time{}, 3600, false},
		{0, now.Add(12 * time.Hour), 43200, false},
		{3600, now.Add(12 * time.Hour), 3600, false},
		{86400, now.Add(12 * time.Hour), 43200, false},
		{0, now.Add(30 * 24 * time.Hour), 86400, false},
		{0, now.Add(time.Second), 1, false},
		{0, now.Add(time.Second - 1), 0, true},
		{0, now.Add(-time.Hour), 0, true},
	} {
		got, err := d.untilEnded(c.allowed, c.ends)
		if got != c.want || errors.Is(err, realms.ErrPlacementEnded) != c.over {
			t.Errorf("%d until %s: %d, %v; want %d", c.allowed, c.ends, got, err, c.want)
		}
	}
}

// The log says whose guest somebody on a placement is, and what for, whether they are let
// in or have no days here; of nobody else, and of nobody whose password is wrong.
func TestTheLogSaysWhoseGuest(t *testing.T) {
	town := startTrust(t, strings.NewReplacer("UPSTREAM", idleTown, "[realm.\"camford", "[directory.guests]\nkind = \"placements\"\npath = \"people.jsonl\"\n[realm.\"placement.northbridge.nhs.uk\"]\ndirectory = \"guests\"\n[realm.\"camford",
		"[[ssid.rule]]\nwho  = \"@northbridge", "[[ssid.rule]]\nwho = \"@placement.northbridge.nhs.uk\"\nvlan = \"academic\"\n[[ssid.rule]]\nwho  = \"@northbridge").Replace(town))
	now := time.Now()
	person := func(user string, from, until int) placement.Record {
		return placement.Record{
			User: user + "@placement.northbridge.nhs.uk", Name: "N", Sponsor: "Sister Bell", ApprovedBy: "M. Ward", Purpose: "nursing of " + user, Created: now.UTC(),
			From: placement.DayOf(now.AddDate(0, 0, from)), Until: placement.DayOf(now.AddDate(0, 0, until)),
			Password: certs.Secret(directory.Cost{Memory: 64, Passes: 1, Threads: 1}.Hash(testPassword)), NTHash: certs.Secret(fmt.Sprintf("%x", directory.NTHash(testPassword))),
		}
	}
	err := placement.Change(filepath.Join(town.folder, "people.jsonl"), "add", placement.Actor{Login: "test"}, now, func(b *placement.Book) error {
		b.Records = []placement.Record{person("ada", -1, 9), person("bal", -9, -1), person("cruz", 2, 9)}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r := rogueAt(t, "127.0.0.1", town.address)
	for _, c := range []struct{ user, password, want, reason, purpose string }{
		{"ada@placement.northbridge.nhs.uk", testPassword, "accept 310", "", "nursing of ada"},
		{"bal@placement.northbridge.nhs.uk", testPassword, "reject", "placement-ended", "nursing of bal"},
		{"cruz@placement.northbridge.nhs.uk", testPassword, "reject", "placement-not-started", "nursing of cruz"},
		{"ada@placement.northbridge.nhs.uk", "wrong", "reject", "bad-password", ""},
		{"nobody@placement.northbridge.nhs.uk", testPassword, "reject", "unknown-user", ""},
		{nurseName, testPassword, "accept 110", "", ""},
	} {
		p := r.request(c.user, onStaff)
		_ = rfc2865.UserPassword_SetString(p, c.password)
		got := say(r.ask(t, p))
		e := town.event(t)
		sponsor := ""
		if c.purpose != "" {
			sponsor = "Sister Bell"
		}
		if got != c.want || e.Reason != c.reason || e.Purpose != c.purpose || e.Sponsor != sponsor {
			t.Errorf("%s: %s, %s (%s), guest of %q for %q; want %s, %s, for %q", c.user, got, e.Reason, e.Detail, e.Sponsor, e.Purpose, c.want, c.reason, c.purpose)
		}
	}
}
