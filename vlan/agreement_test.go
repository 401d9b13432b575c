package vlan

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// eastmoorAt asks for somebody at the site that is ours under an agreement.
func eastmoorAt(f Facts, when time.Time) Facts {
	f.Site, f.Controller, f.Time = "HMP Eastmoor health centre", "eastmoor-ap", when
	return f
}

// The calendar that counts is that of the time's own location, on both days when the
// clocks change as well; our own people have no more days than visitors.
func TestAnAgreementEndsAtMidnight(t *testing.T) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	auckland, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatal(err)
	}
	p := mustNew(t, trust())
	cases := []struct {
		name string
		when time.Time
		says string // empty: in force
	}{
		{"long before", time.Date(2020, 1, 1, 0, 0, 0, 0, london), "not in force yet: it begins on 2026-04-01"},
		{"the second before", time.Date(2026, 3, 31, 23, 59, 59, 999, london), "not in force yet: it begins on 2026-04-01"},
		{"the first second", time.Date(2026, 4, 1, 0, 0, 0, 0, london), ""},
		{"still the day before in UTC", time.Date(2026, 3, 31, 23, 30, 0, 0, time.UTC).In(london), ""},
		{"the same moment, a server in UTC", time.Date(2026, 3, 31, 23, 30, 0, 0, time.UTC), "not in force yet"},
		{"the last second", time.Date(2027, 3, 31, 23, 59, 59, 999, london), ""},
		{"midnight", time.Date(2027, 4, 1, 0, 0, 0, 0, london), "ended on 2027-03-31"},
		{"the last day at home, over elsewhere", time.Date(2027, 3, 31, 13, 0, 0, 0, time.UTC).In(auckland), "ended on 2027-03-31"},
	}
	for _, c := range cases {
		for who, facts := range map[string]Facts{
			"visitor": visitor, "partner": student, "own": change(nurse, func(f *Facts) { f.SSID = "govroam" }),
		} {
			a, err := p.Assign(eastmoorAt(facts, c.when))
			switch {
			case c.says == "" && err != nil:
				t.Errorf("%s, %s: %v", c.name, who, err)
			case c.says == "" && !a.Ends(c.when.Location()).After(c.when):
				t.Errorf("%s, %s: it is in force and ends at %v", c.name, who, a.Ends(c.when.Location()))
			case c.says != "" && (!errors.Is(err, ErrAgreementExpired) || !strings.Contains(err.Error(), c.says)):
				t.Errorf("%s, %s: %v; it should say %q", c.name, who, err, c.says)
			}
		}
	}
}

func TestEnds(t *testing.T) {
	p := mustNew(t, trust())
	here, err := p.Assign(visitor)
	if err != nil || !here.Ends(time.UTC).IsZero() {
		t.Errorf("a building of ours: %v, %v", here.Ends(time.UTC), err)
	}
	there, err := p.Assign(eastmoorAt(visitor, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)))
	if want := time.Date(2027, 4, 1, 0, 0, 0, 0, time.UTC); err != nil || !there.Ends(time.UTC).Equal(want) {
		t.Errorf("ends %v, %v; want %v", there.Ends(time.UTC), err, want)
	}
	if end := (Assignment{}).Ends(time.UTC); !end.IsZero() {
		t.Errorf("nothing ends at %v", end)
	}
}

// A site whose access points ask through another site's controller is a site like
// others: its numbers, its rules, its agreement, that controller's words and fall-back.
func TestBehind(t *testing.T) {
	behind := func() Config {
		cfg := trust()
		cfg.Sites[1].Controllers, cfg.Sites[1].Behind = nil, []string{"royal-wlc"}
		return cfg
	}
	p := mustNew(t, behind())
	if text := p.Proof().String(); !strings.Contains(text, "names its access points rightly") || !strings.Contains(text, "HMP Eastmoor health centre  academic    310") {
		t.Errorf("the proof:\n%s", text)
	}
	for _, w := range p.Warnings() {
		if strings.Contains(w.Text, "no controller") {
			t.Errorf("warned: %v", w)
		}
	}
	at := change(student, func(f *Facts) { f.Site = "HMP Eastmoor health centre" })
	a, err := p.Assign(at)
	if err != nil || a.VLAN() != 310 {
		t.Errorf("at the site behind: %v, %v", a, err)
	}
	if b, err := p.Assign(student); err != nil || b.VLAN() != 1310 {
		t.Errorf("where the controller stands: %v, %v", b, err)
	}
	if _, err := p.Assign(change(at, func(f *Facts) { f.Controller = "eastmoor-ap" })); !errors.Is(err, ErrControllerUnknown) {
		t.Errorf("a controller that does not serve it: %v", err)
	}
	broken := behind()
	broken.Sites[0].Controllers[0].WithoutVLAN = "visitor"
	broken.Guarantees = append(broken.Guarantees, Guarantee{Sites: []string{"HMP Eastmoor health centre"}, Never: Place{VLAN: "visitor"}})
	broken.SSIDs[1].Rules, broken.SSIDs[2].Rules = broken.SSIDs[1].Rules[:1], broken.SSIDs[2].Rules[:1]
	if _, err := New(broken); err == nil || !strings.Contains(err.Error(), "royal-wlc") || !strings.Contains(err.Error(), "Eastmoor") {
		t.Errorf("the fall-back holds behind the controller, too: %v", err)
	}
	unknown := behind()
	unknown.Sites[1].Behind = []string{"roial-wlc"}
	if _, err := New(unknown); err == nil || !strings.Contains(err.Error(), `there is no such controller`) {
		t.Errorf("an unknown controller: %v", err)
	}
}
