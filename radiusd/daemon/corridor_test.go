package daemon

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/transport"
	"causeway/realms"
)

// asked remembers the questions with which conversations of our own people begin.
type asked struct {
	home realms.Home
	last chan realms.Question
}

func (a asked) Open(q realms.Question) realms.Conversation {
	a.last <- q
	return a.home.Open(q)
}

// letIn is an Accept of the nurse's home, as far as a script is concerned.
func letIn(change func(*realms.Answer)) *script {
	return &script{trace: realms.Trace{Method: "peap", Identity: realms.Identity{User: "nurse", Realm: "northbridge.nhs.uk"}},
		answer: func(_ context.Context, p *radius.Packet) (realms.Answer, error) {
			eap, _ := transport.EAP(p)
			a := realms.Answer{Code: radius.CodeAccessAccept, EAP: []byte{3, eap[1], 0, 4}, Account: realms.Account{Name: "nurse"}}
			if change != nil {
				change(&a)
			}
			return a, nil
		}}
}

// A home hears who asks, from where, and with which packet.
func TestWhatAHomeIsAsked(t *testing.T) {
	town := startTown(t, idleTown)
	next := town.play(t)
	next.Store(letIn(nil))
	last := make(chan realms.Question, 1)
	table, err := realms.New(realms.Config{
		Own:   []realms.OwnRealm{{Name: "northbridge.nhs.uk", RouteName: "trust", Home: asked{stage{next}, last}, Roaming: true}},
		SSIDs: map[string]string{"NHS-Staff": ""},
	})
	if err != nil {
		t.Fatal(err)
	}
	town.route(table)
	for from, want := range map[string]realms.Question{
		"127.0.0.1": {SSID: "NHS-Staff", Site: "Royal Infirmary"},
		"127.0.0.2": {SSID: "NHS-Staff", Site: "Eastmoor"},
		"127.0.0.3": {},
	} {
		r := rogueAt(t, from, town.address)
		r.ask(t, r.identify(nurseName, onStaff, nurseName))
		town.event(t)
		q := <-last
		if q.SSID != want.SSID || q.Site != want.Site || q.From.String() != nurseName || userName(q.Packet) != nurseName {
			t.Errorf("from %s: %q at %q on %q", from, q.From, q.Site, q.SSID)
		}
	}
}

// Nobody stays longer than their account, and whose account is over is not let in,
// whatever the home said a moment ago.
func TestASessionEndsWithItsAccount(t *testing.T) {
	town := startTown(t, idleTown)
	next := town.play(t)
	r := rogueAt(t, "127.0.0.1", town.address)
	for name, c := range map[string]struct {
		allowed uint32
		left    time.Duration
		least   rfc2865.SessionTimeout
		most    rfc2865.SessionTimeout
		want    string
	}{
		"nobody said when":   {0, 0, 0, 0, "accept 110"},
		"the home's limit":   {600, 0, 600, 600, "accept 110"},
		"an hour":            {0, time.Hour, 3500, 3600, "accept 110"},
		"an hour, or less":   {600, time.Hour, 600, 600, "accept 110"},
		"an hour, not a day": {86400, time.Hour, 3500, 3600, "accept 110"},
		"over":               {0, -time.Second, 0, 0, "reject"},
	} {
		next.Store(letIn(func(a *realms.Answer) {
			a.SessionTimeout = c.allowed
			if c.left != 0 {
				a.Account.Ends = town.now().Add(c.left)
			}
		}))
		reply := r.ask(t, r.identify(nurseName, onStaff, nurseName))
		stays := rfc2865.SessionTimeout_Get(reply)
		if e := town.event(t); say(reply) != c.want || stays < c.least || stays > c.most || (e.Reason == "placement-ended") != (c.want == "reject") {
			t.Errorf("%s: %s for %d s, %s", name, say(reply), stays, e.Reason)
		}
		if _, there := reply.Lookup(rfc2865.SessionTimeout_Type); there != (c.most > 0) {
			t.Errorf("%s: a limit is there: %t", name, there)
		}
	}
}

// Holds R27 and S18: the message that tells of a wrong password waits, or else the Reject.
func TestTheMessageThatTellsWaits(t *testing.T) {
	town := startTown(t, idleTown)
	if err := town.rewrite(t, `reject_delay = "0s"`, `reject_delay = "400ms"`); err != nil {
		t.Fatal(err)
	}
	next := town.play(t)
	r := rogueAt(t, "127.0.0.1", town.address)
	took := func(p *radius.Packet) (*radius.Packet, time.Duration) {
		began := time.Now()
		return r.ask(t, p), time.Since(began)
	}
	for _, tells := range []bool{true, false} {
		next.Store(&script{answer: func(_ context.Context, p *radius.Packet) (realms.Answer, error) {
			if p.Get(rfc2865.State_Type) == nil {
				return realms.Answer{Code: radius.CodeAccessChallenge, EAP: []byte{1, 2, 0, 5, 1}, TellsFailure: tells}, nil
			}
			return realms.Answer{Code: radius.CodeAccessReject}, realms.ErrBadPassword
		}})
		question, first := took(r.identify(nurseName, onStaff, nurseName))
		p := r.identify(nurseName, onStaff, nurseName)
		p.Add(rfc2865.State_Type, question.Get(rfc2865.State_Type))
		last, second := took(p)
		town.event(t)
		if say(question) != "challenge" || say(last) != "reject" {
			t.Fatalf("%s, %s", say(question), say(last))
		}
		const least = 320 * time.Millisecond // a fifth less
		if tells && first < least || !tells && second < least {
			t.Errorf("tells %t: the Challenge took %v, the Reject %v", tells, first, second)
		}
		if got := rfc2865.SessionTimeout_Get(question); got != 30 {
			t.Errorf("the device is given %d s for its answer", got)
		}
	}
}

// Holds R41 and S15: whoever has to make room in a full table has an event that says so.
func TestWhoeverMakesRoomHasAnEvent(t *testing.T) {
	town := startTown(t, idleTown)
	r := rogueAt(t, "127.0.0.1", town.address)
	for range 51 {
		if got := say(r.ask(t, r.identify(nurseName, onStaff, nurseName))); got != "challenge" {
			t.Fatal(got)
		}
	}
	if e := town.event(t); e.Outcome != outcomeAbandoned || e.Reason != "server-busy" {
		t.Errorf("%s, %s", e.Outcome, e.Reason)
	}
	if n := town.talks.len(); n != 50 {
		t.Errorf("%d conversations", n)
	}
}

// People of ours at another organisation are nowhere here: no reload has to ask after them.
func TestNobodyElsewhereHasASeat(t *testing.T) {
	town := startTown(t, idleTown)
	proxy, here := rogueAt(t, "127.0.0.3", town.address), rogueAt(t, "127.0.0.1", town.address)
	if got := say(proxy.password(t, town, nurseName, "")); got != "accept nowhere" || town.seated() != 0 {
		t.Errorf("elsewhere: %s, and %d have a seat", got, town.seated())
	}
	if got := say(here.password(t, town, nurseName, onStaff)); got != "accept 110" || town.seated() != 1 {
		t.Errorf("here: %s, and %d have a seat", got, town.seated())
	}
}

// Our own people are called in the Accept as they called themselves, and visitors by no
// name that is not their realm's or that reads like another.
func TestWhoMayBeCalledWhat(t *testing.T) {
	own, visitor := &conversation{route: realms.Route{Own: true, Realm: "northbridge.nhs.uk"}}, &conversation{route: realms.Route{Realm: "uni.ac.uk"}}
	for name, c := range map[string]struct {
		who  *conversation
		want bool
	}{
		"nurse@northbridge.nhs.uk": {own, true}, "a%b@northbridge.nhs.uk": {own, true}, "NURSE": {own, true}, "nurse@other.uk": {own, true}, "": {own, false},
		"bob@uni.ac.uk": {visitor, true}, "bob@UNI.ac.uk": {visitor, true}, "bob@other.uk": {visitor, false}, "bob": {visitor, false}, "b%b@uni.ac.uk": {visitor, false},
		"b!b@uni.ac.uk": {visitor, false}, `b\b@uni.ac.uk`: {visitor, false}, "b/b@uni.ac.uk": {visitor, false}, "b\u202eb@uni.ac.uk": {visitor, false}, "@uni.ac.uk": {visitor, true},
	} {
		if got := c.who.mayBeCalled(name); got != c.want {
			t.Errorf("%q, own %t: %t", name, c.who.route.Own, got)
		}
	}
	if visitor.mayBeCalled("") {
		t.Error("a visitor is called by no name")
	}
}

// An Accept that does not fit is the fault of whoever filled it.
func TestWhoseFaultALongAcceptIs(t *testing.T) {
	long, other := &transport.TooLongError{}, errors.New("something else")
	for name, c := range map[string]struct {
		own  bool
		err  error
		want bool
	}{"a visitor's": {false, long, true}, "our own": {true, long, false}, "something else": {false, other, false}, "our own, something else": {true, other, false}} {
		got := (&conversation{route: realms.Route{Own: c.own}}).tooMuch(c.err)
		if !errors.Is(got, c.err) || errors.Is(got, realms.ErrUpstreamReply) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// What a home says that is neither yes nor no nor a question is our fault, and a Reject.
func TestAnAnswerThatIsNone(t *testing.T) {
	town := startTown(t, idleTown)
	next := town.play(t)
	r := rogueAt(t, "127.0.0.1", town.address)
	for _, code := range []radius.Code{0, radius.CodeAccessRequest, radius.CodeAccountingResponse, radius.CodeDisconnectRequest} {
		next.Store(letIn(func(a *realms.Answer) { a.Code = code }))
		reply := r.ask(t, r.identify(nurseName, onStaff, nurseName))
		if e := town.event(t); say(reply) != "reject" || e.Reason != "internal-error" {
			t.Errorf("%v: %s, %s", code, say(reply), e.Reason)
		}
	}
}

// The facts of a log-in are what was proved in it: of our own people inside the tunnel,
// of visitors nothing but their realm.
func TestFactsAreWhatWasProved(t *testing.T) {
	trace := realms.Trace{Method: "peap", Inner: "mschapv2", Identity: realms.Identity{User: "nurse", Realm: "ward.northbridge.nhs.uk"}}
	trace.Certificate.Authority, trace.Certificate.Policies = "staff-ca", []string{"1.2.3"}
	account := realms.Account{Name: "n.smith@northbridge.nhs.uk", Groups: []string{"A"}, GroupsUnknown: true, NotIn: []string{"B"}}
	talk := func(own bool, change func(*conversation, *script)) *conversation {
		s := &script{trace: trace}
		c := &conversation{home: s, route: realms.Route{Own: own, Realm: "northbridge.nhs.uk"}, operator: "royal.nhs.uk",
			seat: seat{place: place{site: "Royal Infirmary", controller: "royal-wlc"}, ssid: "NHS-Staff"}}
		c.event.MAC = "02-00-00-00-00-01"
		if change != nil {
			change(c, s)
		}
		return c
	}
	f := talk(true, nil).facts(account)
	if f.Site != "Royal Infirmary" || f.Controller != "royal-wlc" || f.SSID != "NHS-Staff" || f.Realm != "ward.northbridge.nhs.uk" || f.User != "nurse" || f.Account != "n.smith" || !f.Own ||
		!slices.Equal(f.Groups, account.Groups) || !f.GroupsUnknown || !slices.Equal(f.NotIn, account.NotIn) || f.Method != "peap" || f.Inner != "mschapv2" || f.MAC != "02-00-00-00-00-01" ||
		f.Operator != "royal.nhs.uk" || f.Elsewhere || f.ByEdge || f.Device != "unverified" || f.Issuer != "staff-ca" || !slices.Equal(f.Policies, []string{"1.2.3"}) || f.CertificateUnknown {
		t.Errorf("one of ours: %+v", f)
	}
	f = talk(false, nil).facts(account)
	if f.Own || f.User != "" || f.Account != "" || f.Realm != "northbridge.nhs.uk" || f.Device != "" || f.Issuer != "" || f.Policies != nil || !f.CertificateUnknown {
		t.Errorf("a visitor: %+v", f)
	}
	for name, c := range map[string]struct {
		change func(*conversation, *script)
		ok     func() bool
	}{
		"a device":                    {func(_ *conversation, s *script) { s.trace.Device.User = "host/pc" }, func() bool { return f.Device == "verified" }},
		"a federation's proxy":        {func(c *conversation, _ *script) { c.seat.proxy = "eduroam" }, func() bool { return f.Elsewhere && !f.ByEdge }},
		"an edge":                     {func(c *conversation, _ *script) { c.seat.edge = "edge1" }, func() bool { return f.ByEdge && !f.Elsewhere }},
		"a certificate of nobody":     {func(_ *conversation, s *script) { s.trace.Method, s.trace.Certificate.Authority = "tls", "" }, func() bool { return f.CertificateUnknown }},
		"one inside, of nobody":       {func(_ *conversation, s *script) { s.trace.Inner, s.trace.Certificate.Authority = "tls", "" }, func() bool { return f.CertificateUnknown }},
		"no certificate":              {func(_ *conversation, s *script) { s.trace.Certificate.Authority = "" }, func() bool { return !f.CertificateUnknown && f.Issuer == "" }},
		"a certificate by its method": {func(_ *conversation, s *script) { s.trace.Method = "tls" }, func() bool { return !f.CertificateUnknown && f.Issuer == "staff-ca" }},
	} {
		f = talk(true, c.change).facts(account)
		if !c.ok() {
			t.Errorf("%s: %+v", name, f)
		}
	}
	for _, nobody := range []string{"", "cn=nurse,ou=people", "cn=nurse@x"} { // the directory's name is none: who it is, is not known
		f = talk(true, nil).facts(realms.Account{Name: nobody})
		if f.User != "" || f.Account != "" {
			t.Errorf("the directory says %q: %q, %q", nobody, f.User, f.Account)
		}
	}
}
