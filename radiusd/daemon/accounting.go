package daemon

import (
	"context"
	"fmt"
	"strings"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc5580"

	"causeway/radiusd/noc"
	"causeway/radiusd/transport"
)

// accounting answers one Accounting-Request and records it. It goes no further:
// a federation does not want it (R19; RFC 7593, section 4.2).
func (d *Daemon) accounting(_ context.Context, req *transport.Request) []byte {
	h := d.open()
	defer h.leave()
	p := req.Packet

	s, err := d.seat(h, req)
	e := noc.Event{
		Kind:   "accounting",
		Time:   req.Received,
		ID:     d.names.next(),
		Client: req.Client.Name,
		NAS:    transport.NASName(p),
		Site:   s.site, SSID: s.ssid, AP: s.ap,
		Outer:   userName(p),
		Outcome: accountingOutcome(rfc2866.AcctStatusType_Get(p)),
		Detail:  usage(p),
	}
	e.CUI, e.OperatorName = cuiOf(p), strings.TrimPrefix(rfc5580.OperatorName_GetString(p), "1")
	e.MAC, e.RandomMAC = noc.MAC(rfc2865.CallingStationID_GetString(p))
	if err != nil {
		e.Reason = reasonOf(err)
	}

	switch rfc2866.AcctStatusType_Get(p) {
	case rfc2866.AcctStatusType_Value_Stop:
		d.sessions.stop(deviceOf(sourceOf(req), e), time.Duration(rfc2866.AcctSessionTime_Get(p))*time.Second)
	case rfc2866.AcctStatusType_Value_AccountingOn, rfc2866.AcctStatusType_Value_AccountingOff:
		d.sessions.stopAll(sourceOf(req)) // it was restarted: nobody is on it
	}
	wire, err := transport.Encode(req, p.Response(radius.CodeAccountingResponse))
	if err != nil {
		d.alarm("an accounting reply could not be encoded", err)
		return nil
	}
	d.desk.End(e)
	return wire
}

func accountingOutcome(s rfc2866.AcctStatusType) string {
	return strings.ToLower(s.String())
}

// usage says in words what a session has used so far, and at which address.
func usage(p *radius.Packet) string {
	var words []string
	if id := rfc2866.AcctSessionID_GetString(p); id != "" {
		words = append(words, "session "+id)
	}
	if ip := rfc2865.FramedIPAddress_Get(p); ip != nil {
		words = append(words, "ip "+ip.String()) // R43: who had which address
	}
	if seconds := rfc2866.AcctSessionTime_Get(p); seconds > 0 {
		words = append(words, fmt.Sprintf("%d s", seconds))
	}
	in, out := rfc2866.AcctInputOctets_Get(p), rfc2866.AcctOutputOctets_Get(p)
	if in > 0 || out > 0 {
		words = append(words, fmt.Sprintf("%d octets in, %d out", in, out))
	}
	return strings.Join(words, ", ")
}

// device is what a request is about. A client may be a range of access points. A
// device that hides its MAC has a row of its own for each log-in, which no Stop
// finds: it is believed to be there for a day, which is the safe side.
func (t *conversation) device() device { return deviceOf(source{t.client, t.from}, t.event) }

func deviceOf(from source, e noc.Event) device {
	name := e.MAC
	if name == "" {
		name = e.ID
	}
	return device{from, name}
}
