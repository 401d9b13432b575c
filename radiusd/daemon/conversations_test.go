package daemon

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/transport"
)

// clock is a time that tests move by hand.
type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }
func newClock() *clock                   { return &clock{time.Date(2026, 4, 1, 8, 0, 0, 0, time.UTC)} }
func talkOf(client string) *conversation { return &conversation{client: client} }
func asks(client, state string) *transport.Request {
	p := radius.New(radius.CodeAccessRequest, []byte("secret"))
	p.Add(rfc2865.State_Type, radius.Attribute(state))
	return &transport.Request{Packet: p, Client: &transport.Client{Name: client}}
}

// Holds S16: a State is good only from the client that it was given to.
func TestStateIsBoundToItsClient(t *testing.T) {
	table := newConversations(10, newClock().now)
	talk := talkOf("royal-wlc")
	table.keep(talk, radius.Attribute("state-1"))
	if got := table.find(asks("royal-wlc", "state-1")); got != talk {
		t.Error("the client that was given the State does not find its conversation")
	}
	for _, req := range []*transport.Request{asks("eastmoor-ap", "state-1"), asks("royal-wlc", "state-2"), asks("royal-wlc", "")} {
		if table.find(req) != nil {
			t.Errorf("client %s found a conversation with State %q", req.Client.Name, req.Packet.Get(rfc2865.State_Type))
		}
	}
}

// Holds S15: the table is bounded, and a flood from one controller pushes out
// that controller's own conversations.
func TestAFloodPushesOutItsOwn(t *testing.T) {
	table := newConversations(100, newClock().now)
	ward := make([]*conversation, 10)
	for i := range ward {
		ward[i] = talkOf("ward")
		table.keep(ward[i], radius.Attribute(fmt.Sprint("ward", i)))
	}
	evictions := 0
	for i := range 10_000 {
		for _, gone := range table.keep(talkOf("flood"), radius.Attribute(fmt.Sprint("flood", i))) {
			evictions++
			if gone.client != "flood" {
				t.Fatalf("conversation %d of the flood pushed out one of %s", i, gone.client)
			}
		}
	}
	if table.len() != 100 || evictions != 10_000-90 {
		t.Errorf("the table holds %d after %d evictions, want 100 after 9910", table.len(), evictions)
	}
	for i := range ward {
		if table.find(asks("ward", fmt.Sprint("ward", i))) != ward[i] {
			t.Errorf("conversation %d of the ward is gone", i)
		}
	}
}

// Holds F16: a supplicant that stays silent is given up after idleLimit, and
// not one that is being answered.
func TestSilentConversationsExpire(t *testing.T) {
	clock := newClock()
	table := newConversations(10, clock.now)
	silent, answering, fresh := talkOf("a"), talkOf("a"), talkOf("b")
	table.keep(silent, radius.Attribute("1"))
	table.keep(answering, radius.Attribute("2"))
	answering.busy.Lock()
	clock.advance(idleLimit - time.Second)
	if gone := table.expired(); len(gone) != 0 {
		t.Fatalf("%d conversations expired early", len(gone))
	}
	table.keep(fresh, radius.Attribute("3"))
	clock.advance(time.Second)
	gone := table.expired()
	if len(gone) != 1 || gone[0] != silent {
		t.Errorf("expired: %d conversations, want the silent one alone", len(gone))
	}
	answering.busy.Unlock()
	if gone := table.expired(); len(gone) != 1 || gone[0] != answering {
		t.Errorf("the one that was being answered does not expire once it is free")
	}
	if table.len() != 1 {
		t.Errorf("the table holds %d, want the fresh one", table.len())
	}
}

// A Challenge with a new State, as some upstreams send, moves the conversation.
func TestANewStateReplacesTheOld(t *testing.T) {
	table := newConversations(10, newClock().now)
	talk := talkOf("a")
	table.keep(talk, radius.Attribute("first"))
	table.keep(talk, radius.Attribute("second"))
	if table.find(asks("a", "first")) != nil || table.find(asks("a", "second")) != talk || table.len() != 1 {
		t.Error("the old State still finds the conversation, or the new one does not")
	}
	if !table.forget(talk) || table.forget(talk) || table.len() != 0 || len(table.shares) != 0 {
		t.Error("forgetting leaves something behind")
	}
}

// A request without a State continues nothing, whatever an upstream gave for one.
func TestARequestWithoutStateContinuesNothing(t *testing.T) {
	table := newConversations(10, newClock().now)
	table.keep(talkOf("a"), radius.Attribute(""))
	req := asks("a", "x")
	req.Packet.Del(rfc2865.State_Type)
	if table.find(req) != nil {
		t.Error("it does")
	}
}

// Two upstreams may give the same State: it is good with the name that chose the
// upstream. One that gives it twice to one name has the later conversation go on.
func TestTwoUpstreamsGiveTheSameState(t *testing.T) {
	table := newConversations(10, newClock().now)
	of := func(name string, own bool) *conversation {
		c := talkOf("a")
		c.home, c.route.Own, c.event.Outer = &script{}, own, name
		return c
	}
	find := func(name string) *conversation {
		req := asks("a", "same")
		req.Packet.Add(rfc2865.UserName_Type, radius.Attribute(name))
		return table.find(req)
	}
	ana, bob := of("ana@uni.ac.uk", false), of("bob@uni.ac.uk", false)
	if gone := append(table.keep(ana, radius.Attribute("same")), table.keep(bob, radius.Attribute("same"))...); len(gone) > 0 {
		t.Errorf("%d had to leave", len(gone))
	}
	if find("ana@uni.ac.uk") != ana || find("bob@uni.ac.uk") != bob || find("eve@uni.ac.uk") != nil {
		t.Error("one finds another's")
	}
	again := of("ana@uni.ac.uk", false)
	if gone := table.keep(again, radius.Attribute("same")); len(gone) != 1 || gone[0] != ana || find("ana@uni.ac.uk") != again || table.len() != 2 || table.oldest.Len() != 2 {
		t.Errorf("%d left, and %d are there", len(gone), table.len())
	}
	own := of("nurse@northbridge.nhs.uk", true) // our own State is nobody else's
	if table.keep(own, radius.Attribute("same")); find("nurse@northbridge.nhs.uk") != own || find("by another name") != own {
		t.Error("one of ours is bound to the name outside the tunnel")
	}
}

// At the end of the process everybody leaves, and whoever left can be held by the one who
// gives it up.
func TestWhoeverLeavesIsFree(t *testing.T) {
	clock := newClock()
	table := newConversations(10, clock.now)
	for n := range 5 {
		table.keep(talkOf("a"), radius.Attribute(fmt.Sprint(n)))
	}
	clock.advance(idleLimit)
	table.keep(talkOf("b"), radius.Attribute("b"))
	gone := table.expired()
	rest := table.all()
	if len(gone) != 5 || len(rest) != 1 || rest[0].client != "b" || table.len() != 0 || table.oldest.Len() != 0 || len(table.shares) != 0 {
		t.Errorf("%d and %d left, %d are there", len(gone), len(rest), table.len())
	}
	for _, c := range append(gone, rest...) {
		if c.place != nil || !c.busy.TryLock() {
			t.Errorf("one of %s is held", c.client)
		}
	}
}

// The device of a conversation is known while its conversation waits, and no longer.
func TestACallerIsKnownWhileItIsWaitedFor(t *testing.T) {
	table := newConversations(10, newClock().now)
	c := talkOf("a")
	c.event.MAC, c.event.Outer = "02-00-00-00-00-01", nurseName
	table.keep(c, radius.Attribute("1"))
	if who := (caller{c.event.MAC, nurseName}); table.callers[who] != c {
		t.Error("who is waited for is not known")
	}
	if table.forget(c); len(table.callers) != 0 {
		t.Errorf("%d are still waited for", len(table.callers))
	}
}

func TestStatesAreNotGuessed(t *testing.T) {
	one, other := newState(), newState()
	if len(one) != stateLength || bytes.Equal(one, other) || bytes.Equal(one, make([]byte, stateLength)) {
		t.Errorf("%x, %x", one, other)
	}
	for asked, want := range map[int]int{0: defaultConversations, -1: defaultConversations, 1: 1} {
		if got := newConversations(asked, time.Now).max; got != want {
			t.Errorf("a table for %d holds %d", asked, got)
		}
	}
}

// A conversation that is given up while its next request is on the way is over: the
// request begins another, and whoever gave it up can hold it.
func TestAConversationEndsBeforeItsNextRequest(t *testing.T) {
	town := startTown(t, idleTown)
	over := &conversation{house: town.open(), client: "royal-wlc", ended: true}
	defer over.house.leave()
	town.talks.keep(over, radius.Attribute("1"))
	req := asks("royal-wlc", "1")
	req.From, req.Received = netip.MustParseAddrPort("127.0.0.1:1000"), town.now()
	next := town.talk(req)
	defer next.house.leave()
	if next == over || next.busy.TryLock() || !over.busy.TryLock() {
		t.Error("it goes on, or is held, or the new one is not")
	}
	if next.client != "royal-wlc" || next.from != req.From.Addr() || next.began != req.Received || next.house != town.house.Load() {
		t.Errorf("%s at %v since %v", next.client, next.from, next.began)
	}
	over.busy.Unlock()
	town.talks.forget(over)
}

func onWLC(name string) device { return device{source{"royal-wlc", netip.Addr{}}, name} }

func TestSessionsAreBoundedAndEnd(t *testing.T) {
	clock := newClock()
	s := newSessions(clock.now)
	royal := network{source{client: "royal-wlc"}, transport.Stations{}, "Royal Infirmary", 110, "clinical", true}
	byod := network{source{client: "royal-wlc"}, transport.Stations{}, "Royal Infirmary", 140, "visitor", false}
	s.start(onWLC("AA"), royal)
	s.start(onWLC("BB"), royal)
	s.start(onWLC("AA"), byod) // it moved
	if n := s.on[royal]; n != 1 {
		t.Errorf("%d devices on 110, want 1", n)
	}
	s.stop(onWLC("BB"), 0)
	s.stop(onWLC("BB"), 0)
	if n := s.on[royal]; n != 0 {
		t.Errorf("%d devices on 110 after Stop, want 0", n)
	}
	clock.advance(sessionLife)
	s.start(onWLC("CC"), royal)
	if n := s.on[byod]; n != 0 || len(s.rows) != 1 {
		t.Errorf("a session without Stop outlives a day: %d on 140, %d rows", n, len(s.rows))
	}
	for i := range maxSessions + 5 {
		s.start(onWLC(fmt.Sprint(i)), royal)
	}
	if len(s.rows) != maxSessions || s.oldest.Len() != maxSessions {
		t.Errorf("%d rows, want the bound %d", len(s.rows), maxSessions)
	}
}

// The Stop of an earlier session comes late, and an access point restarts: both
// leave the others' rows alone.
func TestSessionsEndForThoseWhoEnd(t *testing.T) {
	clock := newClock()
	s := newSessions(clock.now)
	on := network{source{client: "eastmoor-ap"}, transport.Stations{}, "HMP Eastmoor", 110, "clinical", true}
	ap := func(address, mac string) device {
		return device{source{"eastmoor-ap", netip.MustParseAddr(address)}, mac}
	}
	s.start(ap("10.44.0.1", "AA"), on)
	s.start(ap("10.44.0.2", "BB"), on)
	clock.advance(10 * time.Second)
	if s.stop(ap("10.44.0.1", "AA"), 2*time.Hour); s.on[on] != 2 {
		t.Error("the Stop of a session of two hours ended one of ten seconds")
	}
	if s.stopAll(source{"eastmoor-ap", netip.MustParseAddr("10.44.0.2")}); s.on[on] != 1 || s.rows[ap("10.44.0.1", "AA")] == nil {
		t.Error("the restart of one access point ended sessions of another, or not its own")
	}
	if s.stop(ap("10.44.0.1", "AA"), 10*time.Second); s.on[on] != 0 {
		t.Error("a Stop in time ended nothing")
	}
}
