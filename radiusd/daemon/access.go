package daemon

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3576"
	"layeh.com/radius/rfc4372"

	"causeway/radiusd/noc"
	"causeway/radiusd/transport"
	"causeway/realms"
	"causeway/vlan"
)

// access is the corridor that every Access-Request walks. It returns the bytes
// of the reply, or nil for silence.
//
// The whole product stands in it, read from top to bottom: who is asking, who
// answers for them on this SSID, what do they say, which network is theirs. An
// Accept cannot be built without a place.
func (d *Daemon) access(ctx context.Context, req *transport.Request) (wire []byte) {
	talk := d.talk(req) // the conversation that this request continues, or a new one
	if talk == nil {
		return nil // it is being answered already
	}
	defer talk.busy.Unlock()
	defer d.survive(req, talk, &wire)
	if err := d.enter(req, talk); err != nil {
		return d.refuse(req, talk, nil, err)
	}
	if !d.abroad.admit(talk.route, talk.house.edge()) {
		return d.refuse(req, talk, nil, realms.ErrServerBusy)
	}
	defer d.abroad.dismiss(talk.route, talk.house.edge())

	answer, err := talk.home.Answer(ctx, req.Packet)
	switch {
	case errors.Is(err, realms.ErrDiscard):
		return d.ignore(req, talk, err)
	case err != nil || answer.Code == radius.CodeAccessReject:
		return d.refuse(req, talk, answer.EAP, err)
	case answer.Code == radius.CodeAccessChallenge:
		return d.challenge(req, talk, answer)
	case answer.Code != radius.CodeAccessAccept:
		return d.refuse(req, talk, nil, realms.ErrInternal)
	}

	if err := talk.believe(); err != nil {
		return d.refuse(req, talk, nil, err)
	}
	talk.hosted(answer.Account.Placement)
	place, err := talk.house.vlan.Assign(talk.facts(answer.Account))
	if err != nil {
		return d.refuse(req, talk, nil, err)
	}
	return d.accept(ctx, req, talk, &answer, place)
}

// talk finds the conversation that a request continues, or makes a new one,
// and holds it for the caller. It is nil when another request of the same
// conversation is being answered.
func (d *Daemon) talk(req *transport.Request) *conversation {
	if t := d.talks.find(req); t != nil {
		if !t.busy.TryLock() {
			d.counts.busy.Add(1)
			return nil
		}
		if !t.ended { // else it was given up between the look-up and the lock
			return t
		}
		t.busy.Unlock()
	}
	t := &conversation{house: d.open(), client: req.Client.Name, from: sourceOf(req).address, began: req.Received}
	t.busy.Lock()
	return t
}

// enter says whether a request may go on: one that continues its conversation
// has to come in time and from the same SSID; one that begins it has to find
// somebody who answers.
func (d *Daemon) enter(req *transport.Request, t *conversation) error {
	if t.home == nil {
		return d.begin(req, t)
	}
	if d.now().Sub(t.began) > lifeLimit {
		return realms.ErrConversationExpired
	}
	switch seat, err := d.seat(t.house, req); {
	case errors.Is(err, errAPUnknown): // it was asked for at a site, and nobody knows whether it is still there
		return err
	case seat.site != "" && seat.site != t.seat.site:
		return fmt.Errorf("it began at %s and goes on at %s: %w", t.seat.site, seat.site, errSiteChanged)
	case err == nil && seat.ssid != t.seat.ssid:
		return fmt.Errorf("it began on SSID %q and goes on on %q: %w", t.seat.ssid, seat.ssid, errSSIDChanged)
	}
	return nil
}

// begin opens a conversation on the configuration of this moment, and keeps to
// that configuration until it ends.
func (d *Daemon) begin(req *transport.Request, t *conversation) error {
	d.describe(t, req)
	seat, err := d.seat(t.house, req)
	t.seated(seat)
	if seat.probes(t.event.Outer) {
		return errControllerProbe
	}
	if err != nil {
		return err
	}
	if byMAC, err := t.byMAC(req); byMAC || err != nil {
		return err
	}
	id, err := realms.ParseIdentity(t.event.Outer)
	if err != nil {
		return err
	}
	t.event.Realm = id.Realm
	t.route, err = t.house.realms.Home(id, seat.origin())
	if err != nil {
		return err
	}
	t.event.Route = t.route.Name
	if _, continues := req.Packet.Lookup(rfc2865.State_Type); continues && t.route.Own {
		return realms.ErrConversationUnknown // it ended, or the server was restarted (F13)
	}
	if err := d.spare(req, t); err != nil {
		return err
	}
	t.home = t.route.Home.Open(realms.Question{From: id, Packet: req.Packet, SSID: seat.ssid, Site: seat.site})
	return nil
}

// challenge sends the next question to the supplicant and keeps the
// conversation until its answer comes.
func (d *Daemon) challenge(req *transport.Request, t *conversation, answer realms.Answer) []byte {
	reply := req.Packet.Response(radius.CodeAccessChallenge)
	state := t.nextState(answer)
	reply.Add(rfc2865.State_Type, state)
	_ = rfc2865.SessionTimeout_Set(reply, rfc2865.SessionTimeout(idleLimit.Seconds()))
	transport.AddEAP(reply, answer.EAP)

	wire, err := transport.Encode(req, reply)
	if err != nil {
		return d.refuse(req, t, nil, err)
	}
	if answer.TellsFailure {
		d.hold(req, t)
	}
	t.last = t.last.asks(answer.EAP, len(wire), d.now().Sub(req.Received))
	if !t.begun {
		t.begun = true
		d.desk.Begin(t.event)
	}
	for _, evicted := range d.talks.keep(t, state) {
		// Not here: an evicted conversation may be waiting for its own answer.
		go d.abandon(evicted, realms.ErrServerBusy)
	}
	return wire
}

// accept lets a device in, at a place. A reply that would say anything else
// than the place is a Reject and an alarm.
func (d *Daemon) accept(ctx context.Context, req *transport.Request, t *conversation, answer *realms.Answer, place vlan.Assignment) []byte {
	reply := req.Packet.Response(radius.CodeAccessAccept)
	reply.Attributes = make(radius.Attributes, 0, mostOfAccept)
	transport.AddEAP(reply, answer.EAP)
	if answer.Keys.Recv != nil { // a method without keys says nothing of any
		transport.AddKeys(reply, answer.Keys.Recv, answer.Keys.Send)
	}
	if t.mayBeCalled(answer.UserName) {
		_ = rfc2865.UserName_SetString(reply, answer.UserName)
	}
	if answer.CUI == nil {
		answer.CUI = t.chargeable(req.Packet, answer.Account)
	}
	if answer.CUI != nil {
		reply.Add(rfc4372.ChargeableUserIdentity_Type, answer.CUI)
	}
	for _, class := range answer.Class {
		reply.Add(rfc2865.Class_Type, class)
	}
	stay, err := d.stay(answer.SessionTimeout, place)
	if err == nil {
		stay, err = d.untilEnded(stay, answer.Account.Ends)
	}
	if err != nil {
		return d.refuse(req, t, nil, err)
	}
	if stay > 0 {
		_ = rfc2865.SessionTimeout_Set(reply, rfc2865.SessionTimeout(stay))
	}
	if err := place.Tag(reply); err != nil {
		return d.refuse(req, t, nil, err)
	}
	if err := t.tell(reply, answer.Account); err != nil {
		return d.refuse(req, t, nil, err)
	}
	wire, err := d.encode(req, reply, place)
	if err != nil {
		return d.refuse(req, t, nil, t.tooMuch(err))
	}
	if err := d.settle(t, place); err != nil {
		return d.refuse(req, t, nil, err)
	}
	if r, ok := t.home.(realms.Rememberer); ok {
		r.Remember(ctx)
	}
	t.placed(place)
	if t.route.Own {
		t.event.CUI = string(answer.CUI)
	}
	d.talks.joined(t)
	d.end(t, outcomeAccept, nil)
	return wire
}

// mostOfAccept is how many attributes an Accept has but seldom more of: room for them is
// made at once.
const mostOfAccept = 12

// settle writes down where a device lands, unless a reload came between the
// beginning of its conversation and now and the place is not what it was: then
// no VLAN may change its zone under somebody who is about to be on it.
func (d *Daemon) settle(t *conversation, place vlan.Assignment) error {
	d.moves.RLock() // a reload waits: it looks at who is where, and then moves
	defer d.moves.RUnlock()
	if now := d.house.Load(); now != t.house {
		if at, err := now.standing(now.placeOf(source{t.client, t.from}), t.seat.stations); err != nil || at != t.seat.place {
			return fmt.Errorf("%s is no longer what it was: %w", t.client, errChanged)
		}
		live := vlan.Live{Site: t.seat.site, VLAN: place.VLAN(), Zone: place.Zone(), Trusted: place.Trusted(), Sessions: 1}
		if err := now.vlan.Follows(t.house.vlan, live); err != nil {
			return fmt.Errorf("%w: %w", err, errChanged)
		}
		if !now.vlan.Holds(place) { // a second opinion
			return fmt.Errorf("vlan %d at %s is no longer what it was: %w", place.VLAN(), t.seat.site, errChanged)
		}
	}
	if place.VLAN() != 0 {
		d.sessions.start(t.device(), network{source{t.client, t.from}, t.seat.stations, t.seat.site, place.VLAN(), place.Zone(), place.Trusted()})
	}
	return nil
}

// mayBeCalled tells whether a name may stand in the Accept, from where
// controllers copy it to accounting, firewalls and roles. Our own EAP server
// returns what was sent; a visitor's home may name nobody of another realm.
func (t *conversation) mayBeCalled(name string) bool {
	if t.route.Own || name == "" {
		return name != ""
	}
	id, err := realms.ParseIdentity(name)
	return err == nil && id.Realm == t.route.Realm && !strings.ContainsFunc(id.User, steers)
}

// steers tells whether a character makes a name read otherwise than it is: a
// bidirectional control, or a mark by which somebody reads a domain or a path
// of realms in front of it.
func steers(r rune) bool { return unicode.Is(unicode.Cf, r) || strings.ContainsRune(`\!%/`, r) }

// tooMuch says whose fault it is that an Accept does not fit a packet.
func (t *conversation) tooMuch(err error) error {
	var long *transport.TooLongError
	if !t.route.Own && errors.As(err, &long) {
		return fmt.Errorf("%w: %w", err, realms.ErrUpstreamReply)
	}
	return err
}

// refuse says no. The supplicant gets the home's own EAP-Failure where there
// is one, and else one that fits its message; a controller that carries EAP
// takes no Reject without it (RFC 3579, section 2.6.3).
func (d *Daemon) refuse(req *transport.Request, t *conversation, eap []byte, why error) []byte {
	reply := req.Packet.Response(radius.CodeAccessReject)
	if failure := failureFor(req.Packet, eap); failure != nil {
		transport.AddEAP(reply, failure)
	}
	d.end(t, outcomeReject, why)
	if !t.held && !ourFault(why) && (t.home == nil || t.route.Own && !t.house.edge()) { // a core has held it already
		d.hold(req, t)
	}
	t.tellWhy(reply, why)
	wire, err := transport.Encode(req, reply)
	if err != nil {
		d.alarm("a reject could not be encoded", err)
		return nil
	}
	return wire
}

// hold lets a reply that says no wait for a while, counted from its request, so that
// who repeats a wrong password is slow, and one refusal takes as long as another
// (R27, S18). What another organisation said is passed on at once.
func (d *Daemon) hold(req *transport.Request, t *conversation) {
	if base := time.Duration(t.house.file.Server.RejectDelay); base > 0 {
		req.HoldReply(jitter(base))
		t.held = true
	}
}

// jitter is a fifth less to a fifth more.
func jitter(d time.Duration) time.Duration {
	return d - d/5 + rand.N(2*d/5+1) //nolint:gosec // nobody gains by guessing it
}

// ourFault tells a refusal that says nothing of the supplicant: it is told at once,
// since the next try may be good.
func ourFault(why error) bool {
	reason, _ := noc.Explain(reasonOf(why))
	return (reason.Fault == noc.Ours || reason.Fault == noc.Network) && !ofList(why)
}

// survive makes a panic the end of one conversation, with a Reject: even our own
// fault is answered (S5, R3).
func (d *Daemon) survive(req *transport.Request, t *conversation, wire *[]byte) {
	if value := recover(); value != nil {
		d.panicked(transport.NewPanic(req, value))
		*wire = d.refuse(req, t, nil, realms.ErrInternal)
	}
}

// ignore drops a packet that deserves silence (RFC 3748, section 4.1). A
// conversation that was under way stays where it was; one that began with such
// a packet is over.
//
// A federation's proxy takes silence for our death (R3), so it is told with the
// last question again (RFC 3579, section 2.2), or with a Reject.
func (d *Daemon) ignore(req *transport.Request, t *conversation, why error) []byte {
	d.counts.ignored.Add(1)
	switch {
	case t.seat.forwards() && t.last.eap == nil:
		return d.refuse(req, t, nil, realms.ErrEAPMalformed)
	case t.seat.forwards():
		reply := req.Packet.Response(radius.CodeAccessChallenge)
		reply.Add(rfc2865.State_Type, t.state)
		_ = rfc3576.ErrorCause_Set(reply, errorCauseIgnored)
		transport.AddEAP(reply, t.last.eap)
		wire, err := transport.Encode(req, reply)
		if err != nil {
			return d.refuse(req, t, nil, err)
		}
		return wire
	case !t.begun:
		d.end(t, outcomeDiscard, why)
	}
	return nil
}

// errorCauseIgnored is Invalid EAP Packet (Ignored) (RFC 3579, section 2.6.1).
const errorCauseIgnored = 202

// encode is the one place where an Accept becomes bytes. The place judges the
// bytes themselves, as the controller will read them.
func (d *Daemon) encode(req *transport.Request, accept *radius.Packet, place vlan.Assignment) ([]byte, error) {
	wire, err := transport.Encode(req, accept)
	if err != nil {
		return nil, err
	}
	if err := place.Verify(wire); err != nil {
		d.alarm("an Accept was stopped at the gate", err)
		return nil, err
	}
	return wire, nil
}

// Why a conversation cannot go on as it began.
const (
	errSSIDChanged realms.Reason = "ssid-changed"
	errChanged     realms.Reason = "configuration-changed"
)

// failureFor returns the EAP-Failure for a Reject: the home's, or one with the
// Identifier of the request's own EAP message, or nil when neither speaks EAP.
func failureFor(req *radius.Packet, eap []byte) []byte {
	const failure = 4 // RFC 3748, section 4.2
	if len(eap) >= 4 && eap[0] == failure {
		return eap
	}
	first, ok := req.Lookup(rfc2869.EAPMessage_Type)
	if !ok {
		return nil
	}
	id := byte(0)
	if len(first) >= 2 {
		id = first[1]
	}
	return []byte{failure, id, 0, 4}
}

// nextState is the State of the next Challenge: an upstream's own, unmodified,
// or the one that the conversation has had from its first.
func (t *conversation) nextState(answer realms.Answer) radius.Attribute {
	switch {
	case answer.State != nil:
		t.state = answer.State
	case t.state == nil:
		t.state = newState()
	}
	return t.state
}

// userName is the User-Name as it was sent (RFC 2865, section 5.1).
func userName(p *radius.Packet) string { return string(p.Get(rfc2865.UserName_Type)) }
