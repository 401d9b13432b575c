package daemon

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"

	"causeway/radiusd/supplicant"
	"causeway/radiusd/transport"
	"causeway/realms"
)

// startLogged runs the town with a log that can be read.
func startLogged(tb testing.TB) *trust {
	tb.Helper()
	return startTrust(tb, strings.NewReplacer("[server]", "[log]\nfile = \"log.txt\"\n[server]", "UPSTREAM", idleTown).Replace(town))
}

// lines waits until the log has n lines that a pattern fits, and returns them.
func (t *trust) lines(tb testing.TB, pattern string, n int) []string {
	tb.Helper()
	fits := regexp.MustCompile(pattern)
	var found []string
	eventually(tb, fmt.Sprintf("%d lines of the log fit %q", n, pattern), func() bool {
		found = slices.DeleteFunc(strings.Split(t.logText(tb), "\n"), func(line string) bool { return !fits.MatchString(line) })
		return len(found) >= n
	})
	if len(found) < n {
		tb.FailNow()
	}
	return found
}

// Holds R41: the log has a line when a log-in begins, before anybody knows how it
// ends, and one with the same id when it has ended.
func TestR41TheLogSaysThatALogInBegan(t *testing.T) {
	town := startLogged(t)
	r := rogueAt(t, "127.0.0.1", town.address)
	asked := r.ask(t, r.identify(nurseName, onStaff, nurseName))
	if say(asked) != "challenge" {
		t.Fatal(say(asked))
	}
	began := town.lines(t, " BEGAN ", 1)
	if !strings.Contains(began[0], nurseName) || strings.Contains(town.logText(t), " ACCEPT ") {
		t.Errorf("%q", began)
	}
	if got := say(r.carry(t, town.peer(t, nil), nurseName, onStaff, nil)); got != "accept 110" {
		t.Fatal(got)
	}
	id := regexp.MustCompile(`id=\S+`)
	ended := town.lines(t, " ACCEPT ", 1)
	began = town.lines(t, " BEGAN ", 2)
	if len(ended) != 1 || len(began) != 2 || id.FindString(ended[0]) == "" || id.FindString(began[1]) != id.FindString(ended[0]) ||
		id.FindString(began[0]) == id.FindString(began[1]) {
		t.Errorf("began %q, ended %q", began, ended)
	}
}

// Holds the part of R43 that there is: an accounting line names the device and its
// address together.
func TestR43AccountingNamesTheAddress(t *testing.T) {
	town := startLogged(t)
	_, acct := town.Addrs()
	usage := rogueAt(t, "127.0.0.1", acct[0].String())
	for _, status := range []rfc2866.AcctStatusType{rfc2866.AcctStatusType_Value_Start, rfc2866.AcctStatusType_Value_Stop} {
		p := radius.New(radius.CodeAccountingRequest, usage.secret)
		_ = rfc2866.AcctStatusType_Set(p, status)
		p.Add(rfc2865.CallingStationID_Type, radius.Attribute("0010a42319c0"))
		p.Add(rfc2865.FramedIPAddress_Type, radius.Attribute{192, 0, 2, 17})
		if usage.ask(t, p) == nil {
			t.Fatalf("%v has no answer", status)
		}
	}
	town.lines(t, `ip 192\.0\.2\.17.*mac=00-10-A4-23-19-C0|mac=00-10-A4-23-19-C0.*ip 192\.0\.2\.17`, 2)
}

// Holds R50: what explain says of a log-in is what a device gets, and the reason is
// the same when it gets nothing.
func TestR50ExplainIsWhatHappens(t *testing.T) {
	town := startTown(t, idleTown)
	page, err := Inspect(filepath.Join(town.folder, "causeway.toml"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	outcomes := map[string]bool{}
	for _, user := range []string{
		nurseName, studentName, "nurse@ward7.northbridge.nhs.uk", "bob@gmail.com", "nurse@nhs", "nurse", "carol@contractors.example.org",
	} {
		for _, on := range []string{"NHS-Staff", "eduroam", "Eduroam"} {
			for site, from := range map[string]string{"Royal Infirmary": "127.0.0.1", "Eastmoor": "127.0.0.2"} {
				if on == "eduroam" && strings.HasSuffix(user, "example.org") {
					continue // the federation's to answer, and nobody is there
				}
				said := page.Explain(Query{User: user, SSID: on, Site: site, EAP: "peap"})
				peer := town.peer(t, func(c *supplicant.Config) { c.User = user })
				reply := rogueAt(t, from, town.address).carry(t, peer, user, "02-00-00-00-00-01:"+on, nil)
				e := town.event(t)
				if said.Outcome != e.Outcome || said.Reason != e.Reason || said.VLAN != e.VLAN || said.Zone != e.Zone || said.Rule != e.Rule ||
					e.Outcome == outcomeAccept && (said.Route != e.Route || say(reply) != fmt.Sprint("accept ", said.VLAN)) {
					t.Errorf("%s on %s at %s: explained as %s %d %s (%s), and it is %s %d %s (%s)", user, on, site,
						said.Outcome, said.VLAN, said.Rule, said.Reason, e.Outcome, e.VLAN, e.Rule, e.Reason)
				}
				outcomes[e.Outcome+e.Zone+e.Reason] = true
			}
		}
	}
	if len(outcomes) < 6 {
		t.Errorf("the cases are too tame: %v", outcomes)
	}
}

// Holds F8 in the running server: what was good when it was loaded is an alarm when
// its end comes near.
func TestF8TheRunningServerSoundsTheAlarm(t *testing.T) {
	town := startLogged(t)
	town.lines(t, `started`, 1)
	if strings.Contains(town.logText(t), "the server's certificate") {
		t.Errorf("a new certificate is an alarm:\n%s", town.logText(t))
	}
	end := town.house.Load().keeper.Current().Expires()
	for _, days := range []int{29, 13, 2} {
		town.skew.Store(int64(time.Until(end.AddDate(0, 0, -days).Add(-time.Hour))))
		town.lint()
		town.lines(t, fmt.Sprintf(`ALARM +the server's certificate .* in %d days`, days), 1)
	}
}

// Holds S1: a client that is excepted is named in the log of every start.
func TestS1TheExceptionIsLogged(t *testing.T) {
	config := strings.NewReplacer("[server]", "[log]\nfile = \"log.txt\"\n[server]", "UPSTREAM", idleTown,
		"name         = \"eastmoor-wlc\"", "name = \"eastmoor-wlc\"\nwithout_message_authenticator = true").Replace(town)
	town := startTrust(t, config)
	town.lines(t, `WARNING.*eastmoor-wlc.*without Message-Authenticator`, 1)
	if strings.Contains(town.logText(t), "royal-wlc are heard") {
		t.Error("and so is one that is not")
	}
}

// Holds F5: a realm whose home is silent takes a quarter of the places and no more.
// The next of its people are refused at once, and everybody else gets in.
func TestF5ASilentRealmCostsOnlyItself(t *testing.T) {
	town := startTown(t, idleTown)
	h := &town.abroad
	route := realms.Route{Name: "eduroam", Realm: "uni.ac.uk"}
	for n := range mostOfRealm {
		if !h.admit(route, false) {
			t.Fatalf("refused with %d waiting", n)
		}
	}
	r := rogueAt(t, "127.0.0.1", town.address)
	reply := r.ask(t, r.identify("bob@uni.ac.uk", onEduroam, "bob@uni.ac.uk"))
	if e := town.event(t); say(reply) != "reject" || reply.Get(79) == nil || e.Reason != "server-busy" {
		t.Errorf("one more: %s, %s", say(reply), e.Reason)
	}
	if got := say(r.carry(t, town.peer(t, nil), nurseName, onStaff, nil)); got != "accept 110" {
		t.Errorf("the nurse meanwhile: %s", got)
	}
	if !h.admit(realms.Route{Name: "camford.ac.uk", Realm: "camford.ac.uk"}, false) {
		t.Error("another home is full as well")
	}
	if h.dismiss(route, false); !h.admit(route, false) {
		t.Error("a place that was given back is not free")
	}
	if mostAbroad > transport.DefaultInFlight/2 {
		t.Errorf("%d of %d places", mostAbroad, transport.DefaultInFlight)
	}
}
