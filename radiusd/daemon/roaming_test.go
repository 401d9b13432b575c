package daemon

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"

	"causeway/radiusd/supplicant"
)

const roamingRules = `
[[roaming]]
who      = "own"
operator = "bad.nhs.uk"
access   = "refuse"
[[roaming]]
who      = "@northbridge.nhs.uk"
operator = "*.nhs.uk"
access   = "allow"
[[roaming]]
who    = "@students.northbridge.nhs.uk"
eap    = "peap"
access = "refuse"
[[test]]
given  = { user = "nurse@northbridge.nhs.uk", federation = "eduroam", operator = "royal.nhs.uk" }
expect = { outcome = "accept", route = "trust" }
[[test]]
given  = { user = "nurse@northbridge.nhs.uk", federation = "eduroam" }
expect = { reason = "operator-unknown" }
[[test]]
given  = { user = "nurse@northbridge.nhs.uk", federation = "eduroam", operator = "bad.nhs.uk" }
expect = { outcome = "accept" } # and it is not
[[guarantee]]
who   = "@students.northbridge.nhs.uk"
`

// Holds R7, R40 and R50: our nurse gets in at another hospital and not at the one that
// our file refuses; who is refused has no identity and no keys; and explain says the
// same as happens.
func TestR7RoamingByOperator(t *testing.T) {
	town := withCUI(t, idleTown)
	if err := town.rewrite(t, "[[guarantee]]\nwho   = \"@students.northbridge.nhs.uk\"\n", roamingRules[1:]); err != nil {
		t.Fatal(err)
	}
	page, err := Inspect(filepath.Join(town.folder, "causeway.toml"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	proxy := rogueAt(t, "127.0.0.3", town.address)
	for _, c := range []struct{ user, operator, rule, reason string }{
		{nurseName, "1royal.nhs.uk", "roaming rule 2", ""},
		{nurseName, "1Royal.NHS.uk", "roaming rule 2", ""},
		{nurseName, "1bad.nhs.uk", "", "roaming-refused"},
		{nurseName, "1camford.ac.uk", "", "roaming-refused"},
		{nurseName, "", "", "operator-unknown"},
		{nurseName, "0royal.nhs.uk", "", "operator-unknown"}, // of another namespace: no realm
		{nurseName, "1bad.nhs.uk.nhs.uk ", "", "operator-unknown"},
		{studentName, "1royal.nhs.uk", "", "roaming-refused"},
		{studentName, "1bad.nhs.uk", "", "roaming-refused"},
	} {
		peer := town.peer(t, func(p *supplicant.Config) { p.User, p.Identity = c.user, c.user })
		reply := proxy.carry(t, peer, c.user, "", visits(c.operator, "\x00"))
		e := town.event(t)
		want := "reject"
		if c.reason == "" {
			want = "accept nowhere"
		}
		if say(reply) != want || e.Reason != c.reason || e.Rule != c.rule || (e.CUI != "") != (c.reason == "") {
			t.Errorf("%s at %q: %s by %q, %s, CUI %q (%s)", c.user, c.operator, say(reply), e.Rule, e.Reason, e.CUI, e.Detail)
		}
		if reply.Code == radius.CodeAccessReject && (len(reply.Attributes) != 2 || reply.Get(79) == nil) {
			t.Errorf("%s at %q: the Reject has %d attributes", c.user, c.operator, len(reply.Attributes))
		}
		operator := strings.TrimPrefix(c.operator, "1")
		if c.reason == "operator-unknown" {
			operator = ""
		}
		said := page.Explain(Query{User: c.user, Proxy: "eduroam", EAP: "peap", Operator: operator})
		if said.Outcome != e.Outcome || said.Reason != e.Reason || said.Rule != e.Rule {
			t.Errorf("%s at %q: explained as %s %s by %q", c.user, c.operator, said.Outcome, said.Reason, said.Rule)
		}
	}
	// A controller of ours decides by its SSID, whatever it says of an operator.
	reply := rogueAt(t, "127.0.0.1", town.address).carry(t, town.peer(t, nil), nurseName, onStaff, visits("1bad.nhs.uk", ""))
	if e := town.event(t); say(reply) != "accept 110" {
		t.Errorf("at home: %s, %s", say(reply), e.Reason)
	}
	var said []string
	for _, r := range page.Test() {
		said = append(said, r.Given+": "+r.Failure)
	}
	if want := []string{
		nurseName + " at royal.nhs.uk, asked for by eduroam: ",
		nurseName + " elsewhere, asked for by eduroam: ",
		nurseName + " at bad.nhs.uk, asked for by eduroam: outcome is reject, expected accept",
	}; strings.Join(said, "\n") != strings.Join(want, "\n") {
		t.Errorf("the file's own tests say\n%s", strings.Join(said, "\n"))
	}
	if err := page.Understands(Query{Operator: "x.uk"}); err == nil {
		t.Error("an operator without a federation is understood")
	}
}
