package demo

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"causeway/radiusd/noc"
)

// TestDemoOnce runs the whole demo: ten log-ins, each as it should be.
func TestDemoOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	wrong, err := Run(context.Background(), &out, Options{Once: true})
	if err != nil || wrong != 0 {
		t.Fatalf("%d rows are wrong (%v):\n%s", wrong, err, out.String())
	}
	if rows := strings.Count(out.String(), "\n"); rows != 1+len(logins) {
		t.Errorf("the table has %d lines, want a heading and %d:\n%s", rows, len(logins), out.String())
	}
}

// A demo that cannot fail would show nothing: a wrong VLAN, outcome or reason
// makes its row wrong.
func TestARowThatIsNotAsItShouldBe(t *testing.T) {
	good := logins[0]
	event := noc.Event{Outcome: "accept", Route: "trust", Zone: "clinical"}
	for name, c := range map[string]struct {
		row   Row
		event noc.Event
		wrong bool
	}{
		"as it should be":             {Row{Outcome: "accept", VLAN: "110"}, event, false},
		"another VLAN on the wire":    {Row{Outcome: "accept", VLAN: "320"}, event, true},
		"no VLAN on the wire":         {Row{Outcome: "accept"}, event, true},
		"refused":                     {Row{Outcome: "reject"}, event, true},
		"no event":                    {Row{Outcome: "accept", VLAN: "110"}, noc.Event{}, true},
		"another zone":                {Row{Outcome: "accept", VLAN: "110"}, noc.Event{Outcome: "accept", Route: "trust", Zone: "visitor"}, true},
		"keys of the device differ":   {Row{Outcome: "accept", VLAN: "110", Wrong: "keys"}, event, true},
		"a reason beside an accept":   {Row{Outcome: "accept", VLAN: "110"}, noc.Event{Outcome: "accept", Route: "trust", Zone: "clinical", Reason: "no-rule"}, true},
		"somebody else answered them": {Row{Outcome: "accept", VLAN: "110"}, noc.Event{Outcome: "accept", Route: "eduroam", Zone: "clinical"}, true},
	} {
		c.row.judge(good, c.event)
		if got := c.row.Wrong != ""; got != c.wrong {
			t.Errorf("%s: wrong is %v (%q), want %v", name, got, c.row.Wrong, c.wrong)
		}
	}
}
