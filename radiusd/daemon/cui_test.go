package daemon

import (
	"regexp"
	"strings"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc4372"
	"layeh.com/radius/rfc5580"

	"causeway/radiusd/supplicant"
)

const cuiTestKey = "key-of-the-identities-of-a-test"

// withCUI is the town with a key for Chargeable-User-Identities.
func withCUI(tb testing.TB, upstream string) *trust {
	tb.Helper()
	t := startTown(tb, upstream)
	if err := t.rewrite(tb, "operator_name = ", "cui_key = \""+cuiTestKey+"\"\noperator_name = "); err != nil {
		tb.Fatal(err)
	}
	return t
}

// visits adds to every request of a log-in what a visited organisation asks with; an
// empty operator or cui adds nothing.
func visits(operator, cui string) func(int, *radius.Packet) {
	return func(_ int, p *radius.Packet) {
		if operator != "" {
			p.Add(rfc5580.OperatorName_Type, radius.Attribute(operator))
		}
		if cui != "" {
			p.Add(rfc4372.ChargeableUserIdentity_Type, radius.Attribute(cui))
		}
	}
}

// Holds R6: who of ours is elsewhere has one opaque identity for the organisation
// there that asks and says who it is, and another for each other organisation.
func TestR6IdentityForWhoAsks(t *testing.T) {
	town := withCUI(t, idleTown)
	proxy := rogueAt(t, "127.0.0.3", town.address)
	const other, second = "1other.example", "1second.example"
	get := func(r *rogue, user, inner, operator, cui string) string {
		t.Helper()
		peer := town.peer(t, func(c *supplicant.Config) { c.User, c.Identity = inner, user })
		reply := r.carry(t, peer, user, onEduroam, visits(operator, cui))
		e := town.event(t)
		if reply == nil || reply.Code != radius.CodeAccessAccept {
			t.Fatalf("%s as %s: %s, %s (%s)", inner, user, say(reply), e.Reason, e.Detail)
		}
		given := string(reply.Get(rfc4372.ChargeableUserIdentity_Type))
		if e.CUI != given {
			t.Errorf("the log says %q, the Accept %q", e.CUI, given)
		}
		return given
	}
	nurse := get(proxy, nurseName, nurseName, other, "\x00")
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(nurse) {
		t.Fatalf("%q is no printable identity of 64 octets", nurse)
	}
	for what, same := range map[string]string{
		"asked with an identity":      get(proxy, nurseName, nurseName, other, nurse),
		"anonymous outside":           get(proxy, "anonymous@northbridge.nhs.uk", nurseName, other, "\x00"),
		"in capitals":                 get(proxy, "anonymous@northbridge.nhs.uk", "NURSE@NorthBridge.nhs.uk", other, "\x00"),
		"the operator is in capitals": get(proxy, nurseName, nurseName, "1Other.Example", "\x00"),
	} {
		if same != nurse {
			t.Errorf("%s: %s, and before %s", what, same, nurse)
		}
	}
	for what, different := range map[string]string{
		"another operator": get(proxy, nurseName, nurseName, second, "\x00"),
		"somebody else":    get(proxy, studentName, studentName, other, "\x00"),
	} {
		if different == nurse || len(different) != 64 {
			t.Errorf("%s: %q, and the nurse's is %q", what, different, nurse)
		}
	}
	for what, none := range map[string]string{
		"nobody asked":                 get(proxy, nurseName, nurseName, other, ""),
		"no operator is named":         get(proxy, nurseName, nurseName, "", "\x00"),
		"an operator of no realm":      get(proxy, nurseName, nurseName, "0MOB01", "\x00"),
		"our own controller asks":      get(rogueAt(t, "127.0.0.1", town.address), nurseName, nurseName, other, "\x00"),
		"an operator without its name": get(proxy, nurseName, nurseName, "1", "\x00"),
		"an operator that is no realm": get(proxy, nurseName, nurseName, "1\xff\xfe.example", "\x00"),
	} {
		if none != "" {
			t.Errorf("%s: %s", what, none)
		}
	}
	if err := town.rewrite(t, cuiTestKey, "the-key-of-somebody-else"); err != nil {
		t.Fatal(err)
	}
	if got := get(proxy, nurseName, nurseName, other, "\x00"); got == nurse || len(got) != 64 {
		t.Errorf("with another key: %q", got)
	}
	if err := town.rewrite(t, "cui_key = ", "name = \"Northbridge\" # ", "name   = \"Northbridge NHS Trust\"\n", ""); err != nil {
		t.Fatal(err)
	}
	if got := get(proxy, nurseName, nurseName, other, "\x00"); got != "" {
		t.Errorf("without a key: %q", got)
	}
}

// Holds R6: a Reject names nobody.
func TestR6NoIdentityForARefusal(t *testing.T) {
	town := withCUI(t, idleTown)
	proxy := rogueAt(t, "127.0.0.3", town.address)
	peer := town.peer(t, func(c *supplicant.Config) { c.Password = "wrong" })
	reply := proxy.carry(t, peer, nurseName, onEduroam, visits("1other.example", "\x00"))
	if e := town.event(t); say(reply) != "reject" || reply.Get(rfc4372.ChargeableUserIdentity_Type) != nil || e.CUI != "" {
		t.Errorf("%s with %q, logged %q", say(reply), reply.Get(rfc4372.ChargeableUserIdentity_Type), e.CUI)
	}
}

// Holds R40: an accounting request's identity and operator stand in its line.
func TestR40AccountingNamesTheIdentity(t *testing.T) {
	town := startLogged(t)
	_, acct := town.Addrs()
	usage := rogueAt(t, "127.0.0.1", acct[0].String())
	for cui, want := range map[string]string{"a1b2c3": "a1b2c3", "two words": "0x74776f20776f726473", "\x00": ""} {
		p := radius.New(radius.CodeAccountingRequest, usage.secret)
		_ = rfc2866.AcctStatusType_Set(p, rfc2866.AcctStatusType_Value_Start)
		p.Add(rfc2865.UserName_Type, radius.Attribute("n"+want+"@uni.ac.uk"))
		visits("1northbridge.nhs.uk", cui)(0, p)
		if usage.ask(t, p) == nil {
			t.Fatal("no answer")
		}
		line := town.lines(t, "USAGE.*n"+want+"@uni", 1)[0]
		if want != "" && !strings.Contains(line, "cui="+want) || want == "" && strings.Contains(line, "cui=") || !strings.Contains(line, "operator_name=northbridge.nhs.uk") {
			t.Errorf("% x: %s", cui, line)
		}
	}
}
