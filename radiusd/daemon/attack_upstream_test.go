package daemon

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc4372"

	"causeway/radiusd/transport"
)

const visitorName = "bob@uni.ac.uk"

// Holds R12, S13 and R7: whatever a visitor's home says in its Accept, the
// visitor lands on the visitors' VLAN, and the controller gets one whole packet.
func TestAttackAcceptsOfAHostileHome(t *testing.T) {
	var extra atomic.Pointer[radius.Attributes]
	town := startTown(t, pretend(t, func(req *radius.Packet) *radius.Packet {
		reply := req.Response(radius.CodeAccessAccept)
		eap, _ := transport.EAP(req)
		transport.AddEAP(reply, []byte{3, eap[1], 0, 4})
		for _, a := range *extra.Load() {
			reply.Add(a.Type, a.Attribute)
		}
		return reply
	}))
	r := rogueAt(t, "127.0.0.1", town.address)
	ask := func(attributes ...radius.AVP) *radius.Packet {
		list := make(radius.Attributes, len(attributes))
		for i := range attributes {
			list[i] = &attributes[i]
		}
		extra.Store(&list)
		reply := r.ask(t, r.identify(visitorName, onEduroam, visitorName))
		town.event(t)
		return reply
	}
	says := func(kind radius.Type, value string) radius.AVP {
		return radius.AVP{Type: kind, Attribute: radius.Attribute(value)}
	}

	// 64, 65, 81, 11, 56-59, 92 and three vendors.
	reply := ask(says(64, "\x00\x00\x00\x0d"), says(65, "\x00\x00\x00\x06"), says(81, "110"), says(11, "open"), says(25, "c"),
		says(56, "\x31\x00\x00\x6e"), says(57, "\x00\x00\x00\x01"), says(58, "1clinical"), says(59, "12345678"), says(92, "permit in ip"),
		says(26, "\x00\x00\x00\x09\x01\x0eshell:role"), says(26, "\x00\x00\x39\xe7\x01\x0aclinical"), says(26, "\x00\x00\x01\x37\x16\x06open"),
		says(241, "\x01x"), says(28, "\x00\x00\x00\x00"), says(18, "hello"))
	if say(reply) != "accept 320" || len(reply.Attributes) != 6 { // 80, 79, 64, 65, 81, 25
		t.Errorf("placement by the home: %s with %d attributes", say(reply), len(reply.Attributes))
	}
	for _, name := range []string{"bob\n@uni.ac.uk", "bob\x1b[2J@uni.ac.uk", "bob\x7f@uni.ac.uk", "\x00", ""} {
		if reply := ask(says(rfc2865.UserName_Type, name)); say(reply) != "accept 320" || reply.Get(rfc2865.UserName_Type) != nil {
			t.Errorf("%q came through to the controller", name)
		}
	}
	for value, want := range map[string]rfc2865.SessionTimeout{
		"\x00\x00\x00\x00": 0, "\xff\xff\xff\xff": 86400, "\x00\x00\x0e\x10": 3600, "\x01": 0, "": 0,
	} {
		reply := ask(says(rfc2865.SessionTimeout_Type, value))
		if got := rfc2865.SessionTimeout_Get(reply); say(reply) != "accept 320" || got != want {
			t.Errorf("Session-Timeout % x becomes %d, want %d", value, got, want)
		}
	}
	for _, cui := range []string{"\x00", ""} {
		if reply := ask(says(rfc4372.ChargeableUserIdentity_Type, cui)); reply.Get(rfc4372.ChargeableUserIdentity_Type) != nil {
			t.Errorf("an answer of % x to the question for a CUI is passed on", cui)
		}
	}

	// As much Class as fits into the home's reply, and not into ours beside a
	// bandwidth and a filter.
	if err := town.rewrite(t, `zone = "visitor" }`, `zone = "visitor", down = "10M", up = "5M", filter = "web-only" }`); err != nil {
		t.Fatal(err)
	}
	var classes []radius.AVP
	for range 15 {
		classes = append(classes, says(rfc2865.Class_Type, strings.Repeat("c", 253)))
	}
	classes = append(classes, says(rfc2865.Class_Type, strings.Repeat("d", 190)))
	p := r.identify(visitorName, onEduroam, visitorName)
	for i := range 2 {
		p.Add(rfc2865.ProxyState_Type, radius.Attribute(fmt.Sprint(i)))
	}
	list := make(radius.Attributes, len(classes))
	for i := range classes {
		list[i] = &classes[i]
	}
	extra.Store(&list)
	reply = r.ask(t, p)
	if e := town.event(t); say(reply) != "reject" || e.Outcome != outcomeReject || reply.Get(79) == nil {
		t.Errorf("an Accept longer than a packet: %s, %s", say(reply), e.Reason)
	}
}

// Holds R22: what has been through too many proxies goes no further, and what an
// upstream's proxy asks never goes to an upstream.
func TestAttackLoops(t *testing.T) {
	var asked atomic.Int32
	town := startTown(t, pretend(t, func(req *radius.Packet) *radius.Packet {
		asked.Add(1)
		return req.Response(radius.CodeAccessReject)
	}))
	r, proxy := rogueAt(t, "127.0.0.1", town.address), rogueAt(t, "127.0.0.3", town.address)
	p := r.identify(visitorName, onEduroam, visitorName)
	for i := range 9 {
		p.Add(rfc2865.ProxyState_Type, radius.Attribute(fmt.Sprint(i)))
	}
	reply := r.ask(t, p)
	if e := town.event(t); say(reply) != "reject" || e.Reason != "proxy-loop" {
		t.Errorf("nine Proxy-States: %s, %s", say(reply), e.Reason)
	}
	for i := range 9 {
		if got := string(reply.Attributes[len(reply.Attributes)-9+i].Attribute); got != fmt.Sprint(i) {
			t.Errorf("Proxy-State %d comes back as %q", i, got)
		}
	}
	for _, called := range []string{"", onEduroam, onStaff} {
		for _, name := range []string{visitorName, "alice@camford.ac.uk"} {
			reply := proxy.ask(t, proxy.identify(name, called, name))
			if e := town.event(t); say(reply) != "reject" || e.Reason != "proxy-loop" {
				t.Errorf("a federation asks for %s on %q: %s, %s", name, called, say(reply), e.Reason)
			}
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("%d of them went upstream", n)
	}
	for _, called := range []string{"", onEduroam, onStaff} { // R2, R7
		reply := proxy.carry(t, town.peer(t, nil), nurseName, called, nil)
		if say(reply) != "accept nowhere" {
			t.Errorf("one of ours elsewhere, on %q: %s", called, say(reply))
		}
		town.event(t)
	}
}

// Holds S16: two homes that give the same State on one controller keep to their
// own conversations.
func TestAttackEqualStates(t *testing.T) {
	town := startTown(t, pretend(t, func(req *radius.Packet) *radius.Packet {
		eap, _ := transport.EAP(req)
		if req.Get(rfc2865.State_Type) != nil {
			reply := req.Response(radius.CodeAccessAccept)
			transport.AddEAP(reply, []byte{3, eap[1], 0, 4})
			return reply
		}
		reply := req.Response(radius.CodeAccessChallenge)
		transport.AddEAP(reply, []byte{1, eap[1] + 1, 0, 6, 4, 0})
		reply.Add(rfc2865.State_Type, radius.Attribute("the same for all"))
		return reply
	}))
	r := rogueAt(t, "127.0.0.1", town.address)
	names := []string{"@camford.ac.uk", "@uni.ac.uk"}
	for _, name := range names {
		if got := say(r.ask(t, r.identify(name, onEduroam, name))); got != "challenge" {
			t.Fatalf("%s: %s", name, got)
		}
	}
	for _, name := range names {
		p := r.request(name, onEduroam)
		transport.AddEAP(p, []byte{2, 2, 0, 6, 4, 0})
		p.Add(rfc2865.State_Type, radius.Attribute("the same for all"))
		got, e := say(r.ask(t, p)), town.event(t)
		if "@"+e.Realm != name || e.Outer != name || got != "accept "+strconv.Itoa(int(e.VLAN)) {
			t.Errorf("%s: %s, logged as %s of %s on %d", name, got, e.Outer, e.Realm, e.VLAN)
		}
	}
}
