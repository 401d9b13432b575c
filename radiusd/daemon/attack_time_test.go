package daemon

import (
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/transport"
)

// Holds F16: a log-in that is kept alive, message by message, ends after a minute all the
// same; one within its minute does not.
func TestAttackALogInThatTakesTooLong(t *testing.T) {
	for pause, want := range map[time.Duration]string{lifeLimit/5 - time.Second: "accept 110", lifeLimit/5 + 2*time.Second: "reject"} {
		town := startTown(t, idleTown)
		r := rogueAt(t, "127.0.0.1", town.address)
		got := say(r.carry(t, town.peer(t, nil), nurseName, onStaff, func(round int, _ *radius.Packet) {
			if 0 < round && round < 6 {
				town.skew.Add(int64(pause))
			}
		}))
		if e := town.event(t); got != want || (e.Reason == "conversation-expired") != (want == "reject") {
			t.Errorf("with %v between its messages: %s, %s", pause, got, e.Reason)
		}
	}
}

// Holds S15: a second message of a log-in, while the first is being answered, is dropped
// and counted, and disturbs nobody.
func TestAttackTwoMessagesAtOnce(t *testing.T) {
	asked, goOn := make(chan bool), make(chan bool)
	town := startTown(t, pretend(t, func(req *radius.Packet) *radius.Packet {
		eap, _ := transport.EAP(req)
		if req.Get(rfc2865.State_Type) == nil {
			reply := req.Response(radius.CodeAccessChallenge)
			transport.AddEAP(reply, []byte{1, eap[1] + 1, 0, 6, 4, 0})
			reply.Add(rfc2865.State_Type, radius.Attribute("first"))
			return reply
		}
		asked <- true
		<-goOn
		reply := req.Response(radius.CodeAccessAccept)
		transport.AddEAP(reply, []byte{3, eap[1], 0, 4})
		return reply
	}))
	r, hasty := rogueAt(t, "127.0.0.1", town.address), rogueAt(t, "127.0.0.1", town.address)
	if got := say(r.ask(t, r.identify(visitorName, onEduroam, visitorName))); got != "challenge" {
		t.Fatal(got)
	}
	next := func() *radius.Packet {
		p := r.request(visitorName, onEduroam)
		transport.AddEAP(p, []byte{2, 2, 0, 6, 4, 0})
		p.Add(rfc2865.State_Type, radius.Attribute("first"))
		return p
	}
	answer := make(chan string)
	go func() { answer <- say(r.ask(t, next())) }()
	<-asked
	hasty.patient = 200 * time.Millisecond
	if got := say(hasty.ask(t, next())); got != "silence" {
		t.Errorf("the second message: %s", got)
	}
	panics := town.Stats().Of(transport.HandlerPanicked)
	close(goOn)
	if got := <-answer; got != "accept 320" || town.counts.busy.Load() != 1 || panics != 0 {
		t.Errorf("the first: %s; %d dropped, %d panics", got, town.counts.busy.Load(), panics)
	}
}
