package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3576"

	"causeway/radiusd/transport"
	"causeway/realms"
	"causeway/vlan"
)

// asksFrom is a request as the socket hands it on, of a client at an address.
func (t *trust) asksFrom(tb testing.TB, from string, p *radius.Packet) *transport.Request {
	tb.Helper()
	address := netip.MustParseAddr(from)
	client, ok := t.house.Load().clients.Find(address)
	if !ok {
		tb.Fatalf("no client at %s", from)
	}
	return &transport.Request{Packet: p, Client: client, From: netip.AddrPortFrom(address, 1000), Received: t.now()}
}

// crowded fills a packet so that its replies have room for so many octets, and for
// less when they carry more.
func crowded(p *radius.Packet, room int) *radius.Packet {
	const header = 20 + 18 // with a Message-Authenticator
	for rest := radius.MaxPacketLength - header - room; rest > 0; rest -= 202 {
		p.Add(rfc2865.ProxyState_Type, bytes.Repeat([]byte("p"), min(200, rest-2)))
	}
	return p
}

// wireOf reads the octets of a reply, nil for silence.
func wireOf(tb testing.TB, wire []byte) *radius.Packet {
	tb.Helper()
	if wire == nil {
		return nil
	}
	reply, err := radius.Parse(wire, []byte(testSecret))
	if err != nil {
		tb.Fatal(err)
	}
	return reply
}

func eapIn(p *radius.Packet) []byte {
	eap, _ := transport.EAP(p)
	return eap
}

// A Reject carries the home's own EAP-Failure, or one that fits the device's message; and
// none where nobody speaks EAP.
func TestTheFailureInAReject(t *testing.T) {
	asked := func(eap string) *radius.Packet {
		p := radius.New(radius.CodeAccessRequest, nil)
		p.Add(rfc2869.EAPMessage_Type, radius.Attribute(eap))
		return p
	}
	none := radius.New(radius.CodeAccessRequest, nil)
	for name, c := range map[string]struct {
		asked *radius.Packet
		home  []byte
		want  []byte
	}{
		"the home's":                           {asked("\x02\x07\x00\x05\x01"), []byte{4, 9, 0, 4}, []byte{4, 9, 0, 4}},
		"the home's, and more":                 {asked("\x02\x07\x00\x05\x01"), []byte{4, 9, 0, 5, 0}, []byte{4, 9, 0, 5, 0}},
		"the home's, cut off":                  {asked("\x02\x07\x00\x05\x01"), []byte{4, 9, 0}, []byte{4, 7, 0, 4}},
		"a question of the home's":             {asked("\x02\x07\x00\x05\x01"), []byte{1, 9, 0, 5, 1}, []byte{4, 7, 0, 4}},
		"nothing of the home's":                {asked("\x02\x07\x00\x05\x01"), nil, []byte{4, 7, 0, 4}},
		"to a message of two octets":           {asked("\x02\x07"), nil, []byte{4, 7, 0, 4}},
		"to a message of one":                  {asked("\x02"), nil, []byte{4, 0, 0, 4}},
		"to none":                              {none, nil, nil},
		"to none, and the home's all the same": {none, []byte{4, 9, 0, 4}, []byte{4, 9, 0, 4}},
	} {
		if got := failureFor(c.asked, c.home); !bytes.Equal(got, c.want) {
			t.Errorf("%s: %x, want %x", name, got, c.want)
		}
	}
}

// A wait is a fifth less to a fifth more than the file says, each of it as likely.
func TestAWaitIsRoughlyWhatTheFileSays(t *testing.T) {
	seen := map[time.Duration]int{}
	for range 1000 {
		seen[jitter(5)]++
	}
	if len(seen) != 3 || seen[4] == 0 || seen[5] == 0 || seen[6] == 0 {
		t.Errorf("around 5: %v", seen)
	}
	if got := jitter(0); got != 0 {
		t.Errorf("around 0: %v", got)
	}
}

// Holds R27 and S18: who is refused for something of their own waits, once. Our own faults
// and the network's are told at once, and what others have said, who let wait themselves.
func TestWhoseRefusalWaits(t *testing.T) {
	town := startTown(t, idleTown)
	if err := town.rewrite(t, `reject_delay = "0s"`, `reject_delay = "1s"`); err != nil {
		t.Fatal(err)
	}
	edge := *town.house.Load().file
	edge.Server.Mode = "edge"
	atEdge := func(c *conversation) { c.house = &house{file: &edge, realms: c.house.realms, shut: func() {}} }
	nobody := func(c *conversation) { c.home, c.route = nil, realms.Route{} }
	for name, c := range map[string]struct {
		why    error
		change func(*conversation)
		waits  bool
	}{
		"a wrong password":                    {realms.ErrBadPassword, nil, true},
		"a wrong password, told already":      {realms.ErrBadPassword, func(c *conversation) { c.held = true }, false},
		"a realm of nobody":                   {realms.ErrRealmNotHere, nobody, true},
		"a visitor's wrong password":          {realms.ErrUpstreamRejected, func(c *conversation) { c.route.Own = false }, false},
		"a core's no to one of ours":          {realms.ErrBadPassword, atEdge, false},
		"an edge's no to a realm of nobody":   {realms.ErrRealmNotHere, func(c *conversation) { nobody(c); atEdge(c) }, true},
		"our own fault":                       {realms.ErrInternal, nil, false},
		"what took too long":                  {realms.ErrConversationExpired, nil, false},
		"a probe of the controller":           {errControllerProbe, nobody, false},
		"what has no reason is our own fault": {errors.New("what"), nil, false},
	} {
		talk := &conversation{house: town.open(), home: &script{}, route: realms.Route{Own: true, Realm: "northbridge.nhs.uk"}, began: town.now()}
		held := talk.house
		if c.change != nil {
			c.change(talk)
		}
		if talk.house != held {
			talk.house.holds.Store(2)
			held.leave()
		}
		req := town.asksFrom(t, "127.0.0.1", radius.New(radius.CodeAccessRequest, []byte(testSecret)))
		reply := wireOf(t, town.refuse(req, talk, nil, c.why))
		if waits := req.Held(); (waits > 0) != c.waits || waits > 0 && (waits < 800*time.Millisecond || waits > 1200*time.Millisecond) || say(reply) != "reject" {
			t.Errorf("%s: %s after %v", name, say(reply), waits)
		}
		if talk.held != (c.waits || strings.Contains(name, "already")) {
			t.Errorf("%s: has waited: %t", name, talk.held)
		}
		if !talk.ended || talk.event.Outcome != outcomeReject || talk.event.Reason != reasonOf(c.why) {
			t.Errorf("%s: %+v", name, talk.event)
		}
	}
}

// Where the file has no reject_delay nobody waits.
func TestNobodyWaitsWhereNothingIsToWaitFor(t *testing.T) {
	town := startTown(t, idleTown)
	talk := &conversation{house: town.open(), home: &script{}, route: realms.Route{Own: true}, began: town.now()}
	req := town.asksFrom(t, "127.0.0.1", radius.New(radius.CodeAccessRequest, []byte(testSecret)))
	if reply := wireOf(t, town.refuse(req, talk, nil, realms.ErrBadPassword)); say(reply) != "reject" || req.Held() != 0 || talk.held {
		t.Errorf("%s after %v, %t", say(reply), req.Held(), talk.held)
	}
}

// An edge hears why.
func TestAnEdgeHearsWhy(t *testing.T) {
	town := startTown(t, idleTown)
	talk := &conversation{house: town.open(), began: town.now(), seat: seat{place: place{edge: "edge1"}}}
	req := town.asksFrom(t, "127.0.0.1", radius.New(radius.CodeAccessRequest, []byte(testSecret)))
	reply := wireOf(t, town.refuse(req, talk, nil, realms.ErrBadPassword))
	if got := reply.Get(realms.FactsType); string(got) != "e:"+reasonOf(realms.ErrBadPassword) {
		t.Errorf("it hears %q", got)
	}
}

// What does not fit a packet is said in a smaller one, and where none fits it is silence
// and an alarm.
func TestWhatDoesNotFitAReply(t *testing.T) {
	town := startLogged(t)
	talk := func() *conversation {
		return &conversation{house: town.open(), began: town.now(), home: &script{}, route: realms.Route{Own: true, Realm: "northbridge.nhs.uk"}}
	}
	packet := func(room int) *radius.Packet {
		return crowded(radius.New(radius.CodeAccessRequest, []byte(testSecret)), room)
	}
	c := talk()
	if wire := town.refuse(town.asksFrom(t, "127.0.0.1", packet(5)), c, []byte{4, 9, 0, 4}, realms.ErrBadPassword); wire != nil {
		t.Errorf("a Reject without room: %x", wire)
	}
	town.lines(t, "ALARM +a reject could not be encoded", 1)
	if !c.ended {
		t.Error("its conversation goes on")
	}
	big := append([]byte{1, 9, 0, 100, 25}, make([]byte, 95)...)
	c = talk()
	reply := wireOf(t, town.challenge(town.asksFrom(t, "127.0.0.1", packet(60)), c, realms.Answer{Code: radius.CodeAccessChallenge, EAP: big}))
	if say(reply) != "reject" || !c.ended || c.begun || town.talks.len() != 0 {
		t.Errorf("a Challenge without room: %s", say(reply))
	}
	c = talk()
	c.seat.proxy, c.last.eap, c.state = "eduroam", big, []byte("state")
	reply = wireOf(t, town.ignore(town.asksFrom(t, "127.0.0.3", packet(60)), c, realms.ErrDiscard))
	if say(reply) != "reject" || !c.ended {
		t.Errorf("a question again, without room: %s", say(reply))
	}
	var long *transport.TooLongError
	accept := radius.New(radius.CodeAccessAccept, nil)
	transport.AddEAP(accept, big)
	if wire, err := town.encode(town.asksFrom(t, "127.0.0.1", packet(60)), accept, vlan.Assignment{}); wire != nil || !errors.As(err, &long) {
		t.Errorf("an Accept without room: %x, %v", wire, err)
	}
}

// No Accept leaves that says another place than the one that was assigned: it is an alarm.
func TestAnAcceptOfAnotherPlace(t *testing.T) {
	town := startLogged(t)
	facts := vlan.Facts{Site: "Royal Infirmary", Controller: "royal-wlc", SSID: "NHS-Staff", User: "nurse", Account: "nurse", Realm: "northbridge.nhs.uk", Own: true, Method: "peap"}
	clinical, err := town.house.Load().vlan.Assign(facts)
	if err != nil {
		t.Fatal(err)
	}
	req := town.asksFrom(t, "127.0.0.1", radius.New(radius.CodeAccessRequest, []byte(testSecret)))
	accept := req.Packet.Response(radius.CodeAccessAccept)
	if err := clinical.Tag(accept); err != nil {
		t.Fatal(err)
	}
	if wire, err := town.encode(req, accept, clinical); err != nil || say(wireOf(t, wire)) != "accept 110" {
		t.Errorf("%x, %v", wire, err)
	}
	set(accept, 81, "310")
	if wire, err := town.encode(req, accept, clinical); err == nil || wire != nil {
		t.Errorf("it leaves: %x", wire)
	}
	town.lines(t, "ALARM +an Accept was stopped at the gate", 1)
}

// A packet that deserves silence has it, and a conversation under way stays where it was.
// A proxy or an edge would take us for dead: it hears the last question again, or no.
func TestAPacketThatIsIgnored(t *testing.T) {
	town := startTown(t, idleTown)
	question := []byte{1, 9, 0, 5, 1}
	for name, c := range map[string]struct {
		change func(*conversation)
		want   string
		ends   string // how; empty: it goes on
	}{
		"a controller's first":    {func(*conversation) {}, "silence", outcomeDiscard},
		"a controller's second":   {func(c *conversation) { c.begun, c.last.eap = true, question }, "silence", ""},
		"a proxy's first":         {func(c *conversation) { c.seat.proxy = "eduroam" }, "reject", outcomeReject},
		"a proxy's second":        {func(c *conversation) { c.seat.proxy, c.begun, c.last.eap = "eduroam", true, question }, "challenge", ""},
		"an edge's first":         {func(c *conversation) { c.seat.edge = "edge1" }, "reject", outcomeReject},
		"an edge's second":        {func(c *conversation) { c.seat.edge, c.begun, c.last.eap = "edge1", true, question }, "challenge", ""},
		"a proxy's, just to know": {func(c *conversation) { c.seat.proxy, c.last.eap = "eduroam", question }, "challenge", ""},
	} {
		talk := &conversation{house: town.open(), began: town.now(), home: &script{}, state: []byte("state"), route: realms.Route{Own: true, Realm: "northbridge.nhs.uk"}}
		c.change(talk)
		before := town.counts.ignored.Load()
		req := town.asksFrom(t, "127.0.0.1", radius.New(radius.CodeAccessRequest, []byte(testSecret)))
		reply := wireOf(t, town.ignore(req, talk, realms.ErrDiscard))
		if say(reply) != c.want || talk.ended != (c.ends != "") || talk.event.Outcome != c.ends || town.counts.ignored.Load() != before+1 {
			t.Errorf("%s: %s; ended %t, %s", name, say(reply), talk.ended, talk.event.Outcome)
		}
		if c.want == "challenge" {
			cause := rfc3576.ErrorCause_Get(reply)
			if string(reply.Get(rfc2865.State_Type)) != "state" || !bytes.Equal(eapIn(reply), question) || cause != 202 {
				t.Errorf("%s: State %q, EAP %x, Error-Cause %d", name, reply.Get(rfc2865.State_Type), eapIn(reply), cause)
			}
		}
		if c.want == "reject" && talk.event.Reason != reasonOf(realms.ErrEAPMalformed) {
			t.Errorf("%s: %s", name, talk.event.Reason)
		}
		if talk.ended == false {
			town.end(talk, outcomeDiscard, nil)
		}
	}
	town.restsWith(t, "what is ignored")
}

// What a Challenge asks, and what is remembered of it.
func TestAChallenge(t *testing.T) {
	town := startLogged(t)
	if err := town.rewrite(t, `reject_delay = "0s"`, `reject_delay = "1s"`); err != nil {
		t.Fatal(err)
	}
	question := []byte{1, 9, 0, 5, 1}
	talk := &conversation{house: town.open(), began: town.now(), client: "royal-wlc", home: &script{}, route: realms.Route{Own: true, Realm: "northbridge.nhs.uk"}}
	talk.busy.Lock()
	var states []string
	for round, c := range []struct {
		answer realms.Answer
		waits  bool
	}{
		{realms.Answer{EAP: question}, false},
		{realms.Answer{EAP: question, TellsFailure: true}, true},
		{realms.Answer{EAP: question, State: []byte("theirs")}, false},
		{realms.Answer{EAP: question}, false},
	} {
		req := town.asksFrom(t, "127.0.0.1", radius.New(radius.CodeAccessRequest, []byte(testSecret)))
		wire := town.challenge(req, talk, c.answer)
		reply := wireOf(t, wire)
		states = append(states, string(reply.Get(rfc2865.State_Type)))
		if say(reply) != "challenge" || !bytes.Equal(eapIn(reply), question) || rfc2865.SessionTimeout_Get(reply) != 30 || (req.Held() > 0) != c.waits {
			t.Errorf("%d: %s with EAP %x, %d s to answer, after %v", round, say(reply), eapIn(reply), rfc2865.SessionTimeout_Get(reply), req.Held())
		}
		if !talk.begun || !bytes.Equal(talk.last.eap, question) || town.talks.find(asks("royal-wlc", states[round])) != talk {
			t.Errorf("%d: begun %t, and its State finds %v", round, talk.begun, town.talks.find(asks("royal-wlc", states[round])))
		}
	}
	if len(states[0]) != stateLength || states[1] != states[0] || states[2] != "theirs" || states[3] != "theirs" {
		t.Errorf("the States %q", states)
	}
	town.end(talk, outcomeDiscard, nil)
	town.desk.Notice("marker")
	town.lines(t, "marker", 1)
	if n := strings.Count(town.logText(t), " BEGAN "); n != 1 {
		t.Errorf("it began %d times", n)
	}
}

// A log-in that a reload overtakes is refused in the words of the file when its VLAN is
// not what it was, and goes on when nothing of it has changed.
func TestALogInThatAReloadOvertakes(t *testing.T) {
	for name, c := range map[string]struct {
		pairs []string
		says  string
	}{
		"nothing of it":     {[]string{"conversations = 50", "conversations = 60"}, ""},
		"another zone":      {swapNumbers, "vlan 110 at Royal Infirmary moves from zone clinical to zone academic with 1 session on it"},
		"another site":      {moveController, "royal-wlc is no longer what it was"},
		"a number's ending": {[]string{"id = 110", "id = 111"}, ""}, // it means what it meant, or nothing
	} {
		town := startTown(t, idleTown)
		talk := &conversation{house: town.open(), client: "royal-wlc", from: netip.MustParseAddr("127.0.0.1"), seat: seat{place: town.house.Load().places["royal-wlc"], ssid: "NHS-Staff"}}
		talk.event.MAC = "02-00-00-00-00-01"
		at, err := talk.house.vlan.Assign(vlan.Facts{Site: "Royal Infirmary", Controller: "royal-wlc", SSID: "NHS-Staff", User: "nurse", Account: "nurse", Realm: "northbridge.nhs.uk", Own: true, Method: "peap"})
		if err != nil {
			t.Fatal(err)
		}
		if err := town.rewrite(t, c.pairs...); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err = town.settle(talk, at)
		if c.says == "" {
			row := town.sessions.rows[device{source{"royal-wlc", talk.from}, talk.event.MAC}]
			want := network{source: source{"royal-wlc", talk.from}, site: "Royal Infirmary", vlan: 110, zone: "clinical", trusted: true}
			if err != nil || row == nil || row.Value.(*session).network != want {
				t.Errorf("%s: %v, and sits at %+v", name, err, row)
			}
		} else if !errors.Is(err, errChanged) || !strings.Contains(fmt.Sprint(err), c.says) || town.seated() != 0 {
			t.Errorf("%s: %v, and %d sit\nwant %s", name, err, town.seated(), c.says)
		}
		talk.house.leave()
	}
}

// A panic in mid-conversation is a Reject, an alarm and the end of it.
func TestAPanicIsAnswered(t *testing.T) {
	town := startLogged(t)
	next := town.play(t)
	next.Store(&script{answer: func(context.Context, *radius.Packet) (realms.Answer, error) { panic("what") }})
	r := rogueAt(t, "127.0.0.1", town.address)
	if got := say(r.ask(t, r.identify(nurseName, onStaff, nurseName))); got != "reject" {
		t.Error(got)
	}
	if e := town.event(t); e.Reason != reasonOf(realms.ErrInternal) {
		t.Errorf("%s, %s", e.Outcome, e.Reason)
	}
	town.lines(t, `ALARM +a request ended in a panic`, 1)
	town.restsWith(t, "a panic")
}
