package daemon

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"layeh.com/radius"

	"causeway/radiusd/daemon/config"
	"causeway/realms"
	"causeway/vlan"
)

// An Inspection is a configuration that was read and proved and not started:
// what check, explain and test look at. The routing table and the policy in it
// are those of a live server.
type Inspection struct {
	File     *config.File
	Warnings config.Problems // what loads and is unwise all the same
	Faults   config.Problems // what loads and does not work
	house    *house
	unproved *vlan.Unproved // in the place of the house's policy; see InspectUnproved
	now      func() time.Time
}

// Inspect reads and proves the configuration at path and opens nothing. Secrets
// and certificates that cannot be read here are warnings. Its error is
// [config.Problems].
func Inspect(path string, now func() time.Time) (*Inspection, error) {
	h, err := read(path, config.SecretsOptional, now)
	if err != nil {
		return nil, err
	}
	return &Inspection{File: h.file, Warnings: h.warnings, Faults: h.faults, house: h, now: now}, nil
}

// Proof is what was proved when the file was loaded.
func (i *Inspection) Proof() vlan.Proof { return i.house.vlan.Proof() }

// Listeners are the controllers of every site, and what each does when it hears no VLAN;
// one that serves several sites is there for each.
func (i *Inspection) Listeners() (list []vlan.Listener) {
	for _, s := range i.File.Site {
		list = append(list, i.house.vlan.Listeners(s.Name)...)
	}
	return list
}

// A Query is a log-in to explain.
type Query struct {
	User string // the outer and inner name, user@realm
	SSID string // as the controller names it
	Site string // empty with Proxy, and with AP
	AP   string // in place of Site: the name or MAC of an access point
	// Controller is through which it asks; empty: the site's first, or the one that
	// knows AP.
	Controller string
	Groups     []string // of our own people
	EAP        string   // the outer method, for our own people
	// Of our own people's devices, too: "verified" or "unverified", the authority of
	// the client certificate or [config.NoCertificate], and its policies. What is
	// empty is not known, and a rule that asks for it refuses.
	Device   string
	Issuer   string
	Policies []string
	Proxy    string // the federation whose proxy asks; empty for a controller
	MAC      string // of the device: it chooses among the numbers of a pool; without a User it says which listed device it is
	// List is, in the place of a User, a list of devices that are known by their MAC
	// alone, and Lands the VLAN that the device's line names. Empty with MAC: as the
	// list has it.
	List, Lands string
	Operator    string // the realm of the Operator-Name with which it asks; empty when it names none
	// On is another day than today: its noon, by the clock here.
	On time.Time `json:",omitzero"`
}

// Understands says which word of a query means nothing in this file.
func (i *Inspection) Understands(q Query) error {
	authorities := i.File.EAP.Authorities()
	switch shown := q.Issuer != "" && q.Issuer != config.NoCertificate; {
	case q.Device != "" && q.Device != "verified" && q.Device != "unverified":
		return fmt.Errorf("a device is verified or unverified, and not %q", q.Device)
	case shown && !slices.Contains(authorities, q.Issuer):
		return fmt.Errorf("there is no authority %q: write one of %s", q.Issuer, strings.Join(append(authorities, config.NoCertificate), ", "))
	case q.AP != "" && q.Site != "":
		return errors.New("an access point says which site it is: say --ap or --site, and not both")
	case q.AP != "" && len(i.house.claims) == 0:
		return errors.New("no site is behind the controller of another: say --site in place of --ap")
	case q.Operator != "" && q.Proxy == "":
		return errors.New("an operator is who is visited elsewhere: say --from-federation, too")
	case q.MAC != "" && !vlan.IsMAC(q.MAC):
		return fmt.Errorf("%q is no MAC address: write it as 02-00-00-00-00-01", q.MAC)
	case q.List != "" && q.User != "":
		return errors.New("a device of a list is no user: say --list or --user, and not both")
	case q.User == "" && q.Proxy != "":
		return errors.New("a federation asks for people and never for a device by its MAC: say --user")
	case q.List != "" && !i.hasList(q.List):
		return fmt.Errorf("there is no list of devices %q", q.List)
	case len(q.Policies) > 0 && !shown:
		return errors.New("a policy is of a certificate: say whose, with --issuer")
	}
	return nil
}

// An Explanation says what a log-in would get once its home has accepted it.
type Explanation struct {
	Query      Query
	Route      string // who answers; empty when nobody does
	Own        bool
	Steps      []string // each thing that was looked at, in order
	Outcome    string   // "accept" or "reject"
	Reason     string   // of a reject
	Why        string   // of a reject, in words
	Unsaid     string   // what a rule turned on and the query did not say: "eap", "device", "issuer" or "operator"
	VLAN       uint16
	Name, Zone string
	Rule       string
	Named      string `json:",omitempty"` // what the file calls the rule that decided
	Unproved   bool   `json:",omitempty"` // the file's proof failed: nobody is served by it
	decided    string // the key of the rule that did
	Told       []Told // what the Accept says of the network, to each controller that may ask
}

// Told is the placement in the words of one controller.
type Told struct {
	Controller string
	Attributes []string // by name and value, then in hex, as they stand on the wire
	Alone      string   // what it does when it hears no VLAN
}

// Explain walks the corridor for one query, the home's consent taken for granted.
func (i *Inspection) Explain(q Query) Explanation {
	e := Explanation{Query: q, Outcome: outcomeReject, Unproved: i.unproved != nil}
	refuse := func(err error) Explanation {
		e.Reason, e.Why = reasonOf(err), err.Error()
		return e
	}
	if !q.On.IsZero() {
		e.step("day: %s", q.On.Format("Monday, 2 January 2006"))
	}
	if q.User == "" {
		return i.explainDevice(q, e)
	}
	id, err := realms.ParseIdentity(q.User)
	if err != nil {
		return refuse(err)
	}
	e.step("identity: user %q of realm %s", id.User, id.Realm)
	route, err := i.house.realms.Home(id, realms.Origin{SSID: q.SSID, Proxy: q.Proxy != ""})
	if err != nil {
		return refuse(err)
	}
	e.Route, e.Own = route.Name, route.Own
	if route.Own {
		e.step("route: ours, answered with the directory %s", route.Name)
	} else {
		e.step("route: %s answers; nothing it sends can choose a network", route.Name)
	}
	if err := i.accountOn(q, &e, id); err != nil {
		return refuse(err)
	}
	if q.AP != "" {
		q.Site, q.Controller, err = i.standing(q)
		if err != nil {
			return refuse(err)
		}
		e.step("site: access point %s is at %s, behind %s", q.AP, q.Site, q.Controller)
	}
	facts := vlan.Facts{
		Site: q.Site, Controller: q.Controller, SSID: q.SSID, Realm: route.Realm, Own: route.Own,
		Elsewhere: q.Proxy != "", Operator: q.Operator, MAC: q.MAC, Time: i.at(q), CertificateUnknown: true,
	}
	if route.Own {
		facts.User, facts.Groups, facts.Method = id.User, q.Groups, q.EAP
		facts.Device, facts.Policies = q.Device, q.Policies
		if facts.CertificateUnknown = q.Issuer == ""; q.Issuer != config.NoCertificate {
			facts.Issuer = q.Issuer
		}
	}
	return i.place(facts, e)
}

// place ends an explanation by the rules.
func (i *Inspection) place(facts vlan.Facts, e Explanation) Explanation {
	refuse := func(err error) Explanation {
		e.Reason, e.Why = reasonOf(err), err.Error()
		return e
	}
	if i.unproved != nil {
		return i.supposed(e, facts)
	}
	for _, s := range i.house.vlan.Explain(facts) {
		if s.Fits {
			e.decided, e.Named = s.Key, i.house.ruleNames[s.Key]
		}
		e.Steps = append(e.Steps, i.placed(s))
	}
	place, err := i.house.vlan.Assign(facts)
	if err != nil {
		e.Unsaid = unsaid(err)
		return refuse(err)
	}
	e.Outcome, e.VLAN, e.Name, e.Zone, e.Rule = outcomeAccept, place.VLAN(), place.Name(), place.Zone(), i.house.ruleOf(place)
	if e.Told, err = i.told(facts); err != nil {
		return refuse(err)
	}
	return e
}

// told is what the Accept says to the controller that was named, or else to each of the
// site; those of others' sites place their guests themselves.
func (i *Inspection) told(facts vlan.Facts) (list []Told, err error) {
	if facts.Elsewhere {
		return nil, nil
	}
	for _, c := range i.house.vlan.Listeners(facts.Site) {
		if facts.Controller != "" && facts.Controller != c.Name {
			continue
		}
		f := facts
		f.Controller = c.Name
		place, err := i.house.vlan.Assign(f)
		if err != nil {
			return nil, err
		}
		t := Told{Controller: c.Name, Alone: c.Alone}
		if t.Attributes, err = onTheWire(place); err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// onTheWire writes the placement as a live Accept does, has it judged, and reads it back.
func onTheWire(place vlan.Assignment) (lines []string, err error) {
	reply := &radius.Packet{Code: radius.CodeAccessAccept}
	if err := place.Tag(reply); err != nil {
		return nil, err
	}
	wire, err := reply.Encode()
	if err != nil {
		return nil, err
	}
	if err := place.Verify(wire); err != nil {
		return nil, err
	}
	const header = 20 // RFC 2865, section 3
	for rest := wire[header:]; len(rest) > 0; rest = rest[rest[1]:] {
		one := rest[:rest[1]]
		name := strings.Join(vlan.Describe(append(make([]byte, header), one...)), ", ")
		lines = append(lines, fmt.Sprintf("%-44s  % x", name, one))
	}
	return lines, nil
}

// unsaid is the key that would have said what a rule turned on.
func unsaid(err error) string {
	for _, u := range []struct {
		why error
		key string
	}{{vlan.ErrMethodUnknown, "eap"}, {vlan.ErrDeviceUnknown, "device"}, {vlan.ErrCertificateUnknown, "issuer"}, {vlan.ErrOperatorUnknown, "operator"}} {
		if errors.Is(err, u.why) {
			return u.key
		}
	}
	return ""
}

func (e *Explanation) step(format string, args ...any) {
	e.Steps = append(e.Steps, fmt.Sprintf(format, args...))
}

// placed puts a rule's position in the file in front of its step.
func (i *Inspection) placed(s vlan.Step) string {
	if s.Key == "" {
		return s.Text
	}
	p := i.File.Place(s.Key, "", "")
	return fmt.Sprintf("%s:%d:%d: %s%s", p.File, p.Line, p.Column, ruleName(i.house.ruleNames[s.Key]), s.Text)
}

// ruleName begins what is said of a rule with its name, if it has one.
func ruleName(name string) string {
	if name == "" {
		return ""
	}
	return strconv.Quote(name) + ", "
}

// String is the explanation for people.
func (e Explanation) String() string {
	var b strings.Builder
	if e.Unproved {
		b.WriteString("NOT PROVED  this configuration is refused, and nobody is served by it: see radiusd check. Its rules would do this:\n\n")
	}
	for n, s := range e.Steps {
		fmt.Fprintf(&b, "%3d  %s\n", n+1, s)
	}
	if e.Outcome == outcomeReject {
		fmt.Fprintf(&b, "\nREJECT  %s: %s\n", e.Reason, e.Why)
		return b.String()
	}
	switch e.VLAN {
	case 0:
		fmt.Fprintf(&b, "\nACCEPT  no network named: the organisation that they visit places its guests itself (%s)\n", e.Rule)
	default:
		fmt.Fprintf(&b, "\nACCEPT  vlan %d (%s), zone %s, by %s\n", e.VLAN, e.Name, e.Zone, e.Rule)
	}
	for _, t := range e.Told {
		fmt.Fprintf(&b, "        %s is told:\n", t.Controller)
		for _, a := range t.Attributes {
			fmt.Fprintf(&b, "          %s\n", a)
		}
		fmt.Fprintf(&b, "          and when it hears no VLAN, it %s\n", t.Alone)
	}
	return b.String()
}

// A TestResult is what one [[test]] block of the file came to.
type TestResult struct {
	Place   string // file:line of the block
	Given   string // in words
	Failure string // empty: as expected
	decided string // the key of the rule that decided
}

// Test runs the [[test]] blocks of the file.
func (i *Inspection) Test() []TestResult {
	var results []TestResult
	for n, t := range i.File.Test {
		got := i.Explain(Query{
			User: t.Given.User, List: t.Given.List, Lands: t.Given.VLAN, SSID: t.Given.SSID, Site: t.Given.Site, AP: t.Given.AP, Controller: t.Given.Controller, Groups: t.Given.Groups, EAP: t.Given.EAP,
			On: noon(t.Given.On), Proxy: t.Given.Federation, Operator: t.Given.Operator, MAC: t.Given.MAC,
			Device: t.Given.Device, Issuer: t.Given.Issuer, Policies: t.Given.Policy,
		})
		p := i.File.Place(fmt.Sprintf("test[%d]", n), "", "")
		results = append(results, TestResult{
			Place:   fmt.Sprintf("%s:%d", p.File, p.Line),
			Given:   given(t.Given),
			Failure: compare(t.Expect, got),
			decided: got.decided,
		})
	}
	return results
}

// A Coverage says which rules the [[test]] blocks of a file reach.
type Coverage struct {
	Rules  int      // in the file, those of [[roaming]] too
	Missed []string // file:line:column of those that no test reaches, and which they are
}

// Coverage finds the rules that none of the results was decided by.
func (i *Inspection) Coverage(results []TestResult) (c Coverage) {
	reached := map[string]bool{}
	for _, r := range results {
		reached[r.decided] = true
	}
	count := func(key, words string) {
		if c.Rules++; !reached[key] {
			p := i.File.Place(key, "", "")
			c.Missed = append(c.Missed, fmt.Sprintf("%s:%d:%d: %s%s", p.File, p.Line, p.Column, ruleName(i.house.ruleNames[key]), words))
		}
	}
	for n, s := range i.File.SSID {
		for m := range s.Rule {
			count(fmt.Sprintf("ssid[%d].rule[%d]", n, m), fmt.Sprintf("rule %d of SSID %q", m+1, s.Name))
		}
	}
	for n := range i.File.Roaming {
		count(fmt.Sprintf("roaming[%d]", n), fmt.Sprintf("rule %d of [[roaming]]", n+1))
	}
	return c
}

// given says who logs in and where.
func given(g config.Given) string {
	switch {
	case g.User != "":
	case g.List != "":
		g.User = "a device of list " + g.List
	default:
		g.User = "device " + g.MAC
	}
	if !g.On.IsZero() {
		g.User += " on " + g.On.Format(time.DateOnly)
	}
	switch {
	case g.AP != "":
		return fmt.Sprintf("%s on %s at access point %s", g.User, g.SSID, g.AP)
	case g.Federation == "":
		return fmt.Sprintf("%s on %s at %s", g.User, g.SSID, g.Site)
	case g.Operator == "":
		return fmt.Sprintf("%s elsewhere, asked for by %s", g.User, g.Federation)
	}
	return fmt.Sprintf("%s at %s, asked for by %s", g.User, g.Operator, g.Federation)
}

// compare says how an explanation differs from what was expected; empty when it
// does not.
func compare(want config.Expect, got Explanation) string {
	var wrong []string
	differ := func(what, want, got string) {
		if want != "" && want != got {
			wrong = append(wrong, fmt.Sprintf("%s is %s, expected %s", what, orNone(got), want))
		}
	}
	differ("outcome", want.Outcome, got.Outcome)
	differ("reason", want.Reason, got.Reason)
	differ("route", want.Route, got.Route)
	differ("zone", want.Zone, got.Zone)
	if _, number := want.VLAN.Number(); number {
		differ("vlan", string(want.VLAN), fmt.Sprint(got.VLAN))
	} else {
		differ("vlan", string(want.VLAN), got.Name)
	}
	differ("rule", want.Rule, got.Named)
	if want.Outcome == "" && want.Reason == "" && (want.VLAN != "" || want.Zone != "") && got.Outcome == outcomeReject {
		wrong = append(wrong, got.Why)
	}
	if len(wrong) > 0 && got.Unsaid != "" {
		wrong = append(wrong, "given does not say "+got.Unsaid)
	}
	return strings.Join(slices.Compact(wrong), "; ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Mistakes counts what an error says is wrong with a configuration; 0 means that
// it is an error of another kind.
func Mistakes(err error) int {
	var problems config.Problems
	errors.As(err, &problems)
	return len(problems)
}
