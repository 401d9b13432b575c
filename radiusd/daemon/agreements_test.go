package daemon

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/daemon/config"
	"causeway/vlan"
)

// startAgreed runs the town with an agreement for Eastmoor that ends so many days from
// now; what the test says the time is, is an hour after that day's midnight or later.
func startAgreed(tb testing.TB, last time.Time) *trust {
	tb.Helper()
	text := strings.NewReplacer("[server]", "[log]\nfile = \"log.txt\"\n[server]", "UPSTREAM", idleTown,
		"name = \"Eastmoor\"\n", "name = \"Eastmoor\"\n[site.agreement]\nreference = \"AA-7\"\nowner = \"HMP Eastmoor\"\napproved_by = \"J Doe\"\nfrom = 2020-01-01\nuntil = "+last.Format(time.DateOnly)+"\n").Replace(town)
	return startTrust(tb, text)
}

// at makes it a time.
func (t *trust) at(when time.Time) { t.skew.Store(int64(time.Until(when))) }

// A session never outlasts the agreement, and never a day; one that is resumed neither.
func TestSessionsEndWithTheAgreement(t *testing.T) {
	last := time.Now().AddDate(0, 0, 40)
	midnight := time.Date(last.Year(), last.Month(), last.Day()+1, 0, 0, 0, 0, time.Local)
	region := startAgreed(t, last)
	there, here := rogueAt(t, "127.0.0.2", region.address), rogueAt(t, "127.0.0.1", region.address)
	limit := func(r *rogue) int {
		reply := r.carry(t, region.peer(t, nil), nurseName, onStaff, nil)
		region.event(t)
		if say(reply) != "accept 110" {
			return -1
		}
		return int(rfc2865.SessionTimeout_Get(reply))
	}
	if got := limit(here); got != 0 {
		t.Errorf("a building of ours: %d s", got)
	}
	if got := limit(there); got != longestUnderAgreement {
		t.Errorf("long before the end: %d s", got)
	}
	region.at(midnight.Add(-time.Hour))
	if got := limit(there); got < 3500 || got > 3600 {
		t.Errorf("an hour before the end: %d s", got)
	}
	region.at(midnight.Add(time.Second))
	if got := limit(there); got != -1 {
		t.Errorf("after the end: %d s", got)
	}
	if got := limit(here); got != 0 {
		t.Errorf("a building of ours, then: %d s", got)
	}
}

// A log-in that begins before midnight and ends after it is judged by when it ends.
func TestALogInOverMidnight(t *testing.T) {
	last := time.Now().AddDate(0, 0, 40)
	midnight := time.Date(last.Year(), last.Month(), last.Day()+1, 0, 0, 0, 0, time.Local)
	region := startAgreed(t, last)
	r := rogueAt(t, "127.0.0.2", region.address)
	region.at(midnight.Add(-20 * time.Second))
	got := say(r.carry(t, region.peer(t, nil), nurseName, onStaff, func(round int, _ *radius.Packet) {
		if round == 3 {
			region.at(midnight.Add(time.Second))
		}
	}))
	if e := region.event(t); got != "reject" || e.Reason != "site-agreement-expired" || !strings.Contains(e.Detail, "ended on "+last.Format(time.DateOnly)) {
		t.Errorf("%s, %s (%s)", got, e.Reason, e.Detail)
	}
}

// stay never gives more than the home allows, nor more than is left, and nothing at the
// very end.
func TestStay(t *testing.T) {
	last := time.Now().AddDate(0, 0, 40)
	midnight := time.Date(last.Year(), last.Month(), last.Day()+1, 0, 0, 0, 0, time.Local)
	region := startAgreed(t, last)
	region.at(midnight.Add(-time.Hour))
	place, err := region.house.Load().vlan.Assign(vlan.Facts{Site: "Eastmoor", SSID: "NHS-Staff", User: "nurse", Realm: "northbridge.nhs.uk", Own: true, Method: "peap"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		before  time.Duration
		allowed uint32
		want    uint32
		over    bool
	}{
		{48 * time.Hour, 0, longestUnderAgreement, false},
		{48 * time.Hour, 600, 600, false},
		{time.Hour, 1 << 20, 3600, false},
		{time.Hour, 600, 600, false},
		{5 * time.Second, 0, 5, false},
		{0, 600, 0, true},
		{-time.Second, 600, 0, true},
	} {
		region.at(midnight.Add(-c.before))
		got, err := region.stay(c.allowed, place)
		if (err != nil) != c.over || got > c.want || got+2 < c.want {
			t.Errorf("%v before the end, %d allowed: %d, %v; want %d", c.before, c.allowed, got, err, c.want)
		}
	}
	for before, want := range map[time.Duration]uint32{ // to the second
		2 * time.Hour: 7200, 10 * time.Second: 10, 10*time.Second - 1: 9, time.Second: 1, time.Second - 1: 0,
		24 * time.Hour: longestUnderAgreement, 24*time.Hour - time.Second: longestUnderAgreement - 1,
	} {
		d := &Daemon{now: func() time.Time { return midnight.Add(-before) }}
		if got, err := d.stay(0, place); got != want || errors.Is(err, vlan.ErrAgreementExpired) != (want == 0) {
			t.Errorf("%v before the end: %d, %v; want %d", before, got, err, want)
		}
	}
}

// The alarms come at 30, 14 and 3 days and when it has ended: each once while the server
// runs, and the last of them again at every reload.
func TestAgreementAlarms(t *testing.T) {
	last := time.Now().AddDate(0, 0, 100)
	region := startAgreed(t, last)
	region.lines(t, `started`, 1)
	total := 0
	for _, c := range []struct {
		left  int
		alarm bool
	}{{31, false}, {30, true}, {29, false}, {15, false}, {14, true}, {13, false}, {4, false}, {3, true}, {2, false}, {0, false}, {-1, true}, {-2, false}} {
		region.at(time.Date(last.Year(), last.Month(), last.Day()-c.left, 0, 1, 0, 0, time.Local))
		region.remindOfAgreements(false)
		region.remindOfAgreements(false) // the same day
		if c.alarm {
			total++
			what := "an agreement ends soon"
			if c.left < 0 {
				what = "an agreement has ended"
			}
			line := region.lines(t, fmt.Sprintf(`ALARM +%s.*days_left=%d\b`, what, c.left), 1)[0]
			for _, word := range []string{"site=Eastmoor", "reference=AA-7", `owner="HMP Eastmoor"`, `approved_by="J Doe"`, "until=" + last.Format(time.DateOnly)} {
				if !strings.Contains(line, word) {
					t.Errorf("%d days: no %s in %s", c.left, word, line)
				}
			}
		}
		region.desk.Notice("marker", "left", c.left)
		region.lines(t, fmt.Sprintf(`marker.*left=%d\b`, c.left), 1)
		if n := strings.Count(region.logText(t), " an agreement "); n != total {
			t.Fatalf("%d days before the end there are %d alarms, want %d", c.left, n, total)
		}
	}
	if err := region.rewrite(t, `reject_delay = "0s"`, `reject_delay = "1ms"`); err != nil {
		t.Fatal(err)
	}
	region.lines(t, `ALARM +an agreement has ended`, 2)
}

func TestAgreements(t *testing.T) {
	day := func(s string) time.Time {
		d, err := time.ParseInLocation(time.DateOnly, s, time.Local)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	file := &config.File{Site: []config.Site{{Name: "ours"}}}
	for _, s := range [][3]string{{"holds", "2026-01-01", "2027-12-31"}, {"to come", "2026-06-02", "2026-06-20"}, {"soon", "2026-01-01", "2026-07-01"}, {"last day", "2026-01-01", "2026-06-01"}, {"over", "2026-01-01", "2026-05-31"}} {
		file.Site = append(file.Site, config.Site{Name: s[0], Agreement: &config.Agreement{From: day(s[1]), Until: day(s[2])}})
	}
	var got []string
	for _, a := range agreements(file, time.Date(2026, 6, 1, 23, 59, 0, 0, time.Local)) {
		got = append(got, fmt.Sprintf("%s: %s, %d", a.Site, a.State, a.DaysLeft))
	}
	want := "over: ended, -1; last day: ends soon, 0; to come: not yet, 19; soon: ends soon, 30; holds: in force, 578"
	if text := strings.Join(got, "; "); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}
