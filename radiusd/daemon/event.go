package daemon

import (
	"cmp"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"

	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc5580"

	"causeway/radiusd/noc"
	"causeway/radiusd/transport"
	"causeway/realms"
	"causeway/vlan"
)

// The outcomes of a conversation.
const (
	outcomeAccept    = "accept"
	outcomeReject    = "reject"
	outcomeAbandoned = "abandoned"
	outcomeDiscard   = "discarded"
)

// names makes the ids of conversations: a random word for this process, so that
// the logs of two servers or of two starts do not meet, and a number.
type names struct {
	process string
	count   atomic.Uint64
}

func newNames() *names { return &names{process: hex.EncodeToString(newState()[:4]) + "-"} }

func (n *names) next() string {
	return n.process + strconv.FormatUint(n.count.Add(1), 36)
}

// describe writes down what the first request says of itself (R40).
func (d *Daemon) describe(t *conversation, req *transport.Request) {
	e := &t.event
	e.Kind, e.Time, e.ID = "access", req.Received, d.names.next()
	e.Client, e.NAS, e.Outer = req.Client.Name, transport.NASName(req.Packet), userName(req.Packet)
	e.MAC, e.RandomMAC = noc.MAC(rfc2865.CallingStationID_GetString(req.Packet))
	e.OperatorName = strings.TrimPrefix(rfc5580.OperatorName_GetString(req.Packet), "1")
	t.operator = operatorOf(req.Packet)
}

// seated writes down where the request came from.
func (t *conversation) seated(s seat) {
	t.seat = s
	t.event.Site, t.event.SSID, t.event.AP = s.site, s.ssid, s.ap
}

// facts are what policy may know: the home says who, the seat says where. For our
// own people the realm and the name are those that were proved, inside the
// tunnel, and not those outside it, which anybody may write. Their log-in has ended, so
// it is known as well what their device proved and which certificate was shown.
func (t *conversation) facts(account realms.Account) vlan.Facts {
	if device, is := t.home.(*listed); is {
		return device.facts()
	}
	trace := t.home.Trace()
	f := vlan.Facts{
		Site: t.seat.site, Controller: t.seat.controller, SSID: t.seat.ssid,
		Realm: t.route.Realm, Own: t.route.Own,
		Groups: account.Groups, GroupsUnknown: account.GroupsUnknown, NotIn: account.NotIn,
		Method: trace.Method, Inner: trace.Inner,
		Elsewhere: t.seat.proxy != "", ByEdge: t.seat.edge != "", Operator: t.operator,
		MAC: t.event.MAC,
	}
	if !t.route.Own {
		f.CertificateUnknown = true // and nothing is known of the device
		return f                    // a partner's word for a name decides nothing here
	}
	f.Device, f.Issuer, f.Policies = "unverified", trace.Certificate.Authority, trace.Certificate.Policies
	if trace.Device != (realms.Identity{}) {
		f.Device = "verified"
	}
	if f.Issuer == "" && (trace.Method == "tls" || trace.Inner == "tls") {
		f.CertificateUnknown = true // there was one, and nobody says whose
	}
	f.Realm = trace.Identity.Realm
	// A directory finds a person by several names. A rule for one person has to
	// know them by the name typed and by the directory's own; without that it
	// refuses rather than be talked round.
	if name, _, _ := strings.Cut(account.Name, "@"); !strings.ContainsAny(name, "=,") {
		f.Account = name
	}
	if f.Account != "" {
		f.User = trace.Identity.User
	}
	return f
}

// placed writes down where the device landed.
func (t *conversation) placed(a vlan.Assignment) {
	t.event.Rule, t.event.Zone, t.event.VLAN = t.house.ruleOf(a), a.Zone(), a.VLAN()
}

// end closes a conversation and makes its one event. It is called with the
// conversation held.
func (d *Daemon) end(t *conversation, outcome string, why error) {
	if t.ended {
		return
	}
	t.ended = true
	d.talks.forget(t)
	if !d.conclude(t, outcome, why) {
		return // counted, and not worth a line: nobody was refused
	}
	d.desk.End(t.event)
	if d.watch != nil {
		d.watch(t.event)
	}
}

// conclude makes the event of a conversation and lets go of its house, before anybody
// hears of the end. It is false for one that is worth no event.
func (d *Daemon) conclude(t *conversation, outcome string, why error) bool {
	defer t.house.leave()
	e := &t.event
	e.Outcome, e.Duration = outcome, d.now().Sub(t.began)
	if t.home != nil {
		trace := t.home.Trace()
		e.Method, e.InnerMethod, e.TLS, e.Resumed = trace.Method, trace.Inner, trace.TLS, trace.Resumed
		e.Rounds, e.Server, e.CUI = trace.Rounds, trace.Server, cmp.Or(trace.CUI, e.CUI)
		if trace.Identity != (realms.Identity{}) {
			e.Inner = trace.Identity.String()
		}
		if trace.Device != (realms.Identity{}) {
			e.Device = trace.Device.String()
		}
		if device, is := t.home.(*listed); is {
			e.List, e.Equipment, e.Asset, e.Owner = device.list, device.What, device.Asset, device.Owner
		}
		e.Authority, e.Unchecked = trace.Certificate.Authority, trace.Certificate.Unchecked
		if outcome == outcomeAbandoned {
			e.Stage, e.Sent = trace.Stage, len(t.last.eap)
		}
		t.home.Close()
	}
	if why != nil {
		e.Reason = reasonOf(why)
		if detail := why.Error(); detail != e.Reason {
			e.Detail = detail
		}
		var guest *realms.PlacementError
		if errors.As(why, &guest) {
			t.hosted(guest.Placement)
		}
		if meant := t.meant(why); meant != "" {
			e.Detail += " (did the user mean " + meant + "?)"
		}
	}
	if outcome == outcomeDiscard || errors.Is(why, errControllerProbe) {
		return false
	}
	d.weather(t, outcome, why)
	t.tick(outcome, why, e.Time.Add(e.Duration))
	return true
}

// meant is the realm that a refused user probably meant: where the name cannot be read,
// and where a home somewhere said no to a name that is nearly one of ours or of a
// partner. The routing table says it itself of what it refuses.
func (t *conversation) meant(why error) string {
	switch {
	case errors.Is(why, realms.ErrRealmMalformed):
		return t.house.realms.Meant(strings.ToLower(t.event.Outer[strings.LastIndexByte(t.event.Outer, '@')+1:]))
	case errors.Is(why, realms.ErrUpstreamRejected), errors.Is(why, realms.ErrRejectStorm):
		return t.house.realms.Meant(t.route.Realm)
	}
	return ""
}

// abandon ends a conversation whose supplicant or controller stopped
// answering, or, when why is given, that we gave up.
func (d *Daemon) abandon(t *conversation, why error) {
	t.busy.Lock()
	defer t.busy.Unlock()
	if t.ended {
		return
	}
	if why == nil {
		why = d.abandonedFor(t)
	}
	d.end(t, outcomeAbandoned, why)
}

// reasonOf finds the row of the NOC's table that an error belongs to.
func reasonOf(err error) string {
	var reason interface{ Reason() string }
	if errors.As(err, &reason) {
		return reason.Reason()
	}
	return realms.ErrInternal.Reason()
}

// panicked records a panic outside every conversation (S5).
func (d *Daemon) panicked(p transport.Panic) {
	d.desk.Alarm("a request ended in a panic", "client", p.Client, "what", p.What, "stack", p.Stack)
}

// alarm is for what an engineer must see: it is our fault or somebody's attack.
func (d *Daemon) alarm(what string, err error) {
	d.desk.Alarm(what, "error", err.Error())
}
