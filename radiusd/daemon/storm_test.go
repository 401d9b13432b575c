package daemon

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"layeh.com/radius"

	"causeway/radiusd/noc"
	"causeway/radiusd/transport"
)

// Holds R28: a visitor's device that goes on asking is answered here with the time when
// that ends, its home is spared, and a corrected password gets in after a pause. Neither
// the user elsewhere nor another user on the device is held, nor a partner's people or
// our own.
func TestR28AStormIsAnsweredHere(t *testing.T) {
	var asked, good atomic.Int64
	town := startTown(t, pretend(t, func(req *radius.Packet) *radius.Packet {
		asked.Add(1)
		code, eapCode := radius.CodeAccessReject, byte(4)
		if good.Load() > 0 || strings.HasPrefix(userName(req), "alice") {
			code, eapCode = radius.CodeAccessAccept, 3
		}
		reply := req.Response(code)
		transport.AddEAP(reply, []byte{eapCode, eapOf(req)[1], 0, 4})
		return reply
	}))
	r := rogueAt(t, "127.0.0.1", town.address)
	try := func(user, mac string) noc.Event {
		t.Helper()
		p := r.identify(user, onEduroam, user)
		set(p, 31, mac)
		reply := r.ask(t, p)
		e := town.event(t)
		if reply == nil || e.Outcome != say(reply)[:6] || reply.Get(79) == nil {
			t.Fatalf("%s on %s: %s, logged as %s", user, mac, say(reply), e.Outcome)
		}
		town.skew.Add(int64(time.Second))
		return e
	}
	const phone, laptop = "02-00-5E-00-53-01", "02-00-5e-00-53-02"
	for n := range 5 {
		if e := try(visitorName, phone); e.Reason != "upstream-rejected" {
			t.Fatalf("try %d: %s", n+1, e.Reason)
		}
	}
	for n := range 6 {
		e := try(visitorName, strings.ReplaceAll(strings.ToLower(phone), "-", ":")) // however it is written
		if e.Reason != "reject-storm" || !strings.Contains(e.Detail, "answered here until ") || !strings.Contains(e.Detail, "5 times") {
			t.Fatalf("held try %d: %s (%s)", n+1, e.Reason, e.Detail)
		}
	}
	if n := asked.Load(); n != 5 {
		t.Errorf("the home was asked %d times", n)
	}
	for _, c := range []struct{ user, mac, reason string }{
		{visitorName, laptop, "upstream-rejected"}, {"alice@uni.ac.uk", phone, ""}, {"alice@camford.ac.uk", phone, ""}, {visitorName, "", "upstream-rejected"},
	} {
		if e := try(c.user, c.mac); e.Reason != c.reason {
			t.Errorf("%s on %q: %s (%s)", c.user, c.mac, e.Reason, e.Detail)
		}
	}
	there := r
	r = rogueAt(t, "127.0.0.2", town.address) // at Eastmoor, where nobody has asked yet
	if e := try(visitorName, phone); e.Reason != "upstream-rejected" {
		t.Errorf("in another building: %s", e.Reason)
	}
	r = there
	if got := say(r.carry(t, town.peer(t, nil), nurseName, onEduroam, nil)); got != "accept 310" {
		t.Errorf("our nurse on the device: %s", got)
	}
	town.event(t)
	good.Store(1) // the password is corrected, and while it was typed the device was silent; the hold is not over
	town.skew.Add(int64(12 * time.Second))
	for n := range 3 {
		if e := try(visitorName, phone); e.Outcome != outcomeAccept {
			t.Errorf("corrected, try %d: %s", n+1, e.Reason)
		}
	}
}

// Holds R28: with rejects = 0 a home is asked each time, and a reload ends no storm.
func TestR28OffAndReload(t *testing.T) {
	town := startTown(t, pretend(t, func(req *radius.Packet) *radius.Packet {
		reply := req.Response(radius.CodeAccessReject)
		transport.AddEAP(reply, []byte{4, eapOf(req)[1], 0, 4})
		return reply
	}))
	r := rogueAt(t, "127.0.0.1", town.address)
	last := ""
	storm := func() string {
		for range 7 {
			r.ask(t, r.identify(visitorName, onEduroam, visitorName))
			last = town.event(t).Reason
		}
		return last
	}
	if got := storm(); got != "reject-storm" {
		t.Fatal(got)
	}
	if err := town.rewrite(t, "conversations = 50", "conversations = 50\nblocklist = []"); err != nil {
		t.Fatal(err)
	}
	if got := storm(); got != "reject-storm" {
		t.Errorf("after a reload: %s", got)
	}
	if err := town.rewrite(t, "conversations = 50", "conversations = 50\nreject_storm = { rejects = 0 }"); err != nil {
		t.Fatal(err)
	}
	if got := storm(); got != "upstream-rejected" {
		t.Errorf("switched off: %s", got)
	}
}
