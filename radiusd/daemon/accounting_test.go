package daemon

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc5580"

	"causeway/radiusd/noc"
	"causeway/radiusd/transport"
)

// usageOf is an accounting request of the nurse's device.
func (t *trust) usageOf(tb testing.TB, status rfc2866.AcctStatusType, called string) *transport.Request {
	tb.Helper()
	p := radius.New(radius.CodeAccountingRequest, []byte(testSecret))
	_ = rfc2866.AcctStatusType_Set(p, status)
	p.Add(rfc2865.UserName_Type, radius.Attribute(nurseName))
	p.Add(rfc2865.CallingStationID_Type, radius.Attribute("02-00-5E-00-53-01"))
	p.Add(rfc2865.CalledStationID_Type, radius.Attribute(called))
	p.Add(rfc2865.NASIdentifier_Type, radius.Attribute("wlc-7"))
	p.Add(rfc2866.AcctSessionID_Type, radius.Attribute("s-1"))
	p.Add(rfc5580.OperatorName_Type, radius.Attribute("1camford.ac.uk"))
	return t.asksFrom(tb, "127.0.0.1", p)
}

// The log has a line for each accounting request, with all that it says of who and where,
// and why where it comes from is not known.
func TestAccountingIsWrittenDown(t *testing.T) {
	town := startTrust(t, strings.NewReplacer("[server]", "[log]\nfile = \"log.txt\"\nformat = \"json\"\n[server]", "UPSTREAM", idleTown).Replace(town))
	account := func(status rfc2866.AcctStatusType, called string) string {
		req := town.usageOf(t, status, called)
		req.Received = time.Date(2026, 4, 1, 8, 0, 0, 0, time.UTC)
		wire := town.accounting(context.Background(), req)
		if wire == nil || wire[0] != byte(radius.CodeAccountingResponse) {
			t.Errorf("%v is answered with %x", status, wire)
		}
		line := town.lines(t, `"outcome":"`+strings.ToLower(status.String())+`"`, 1)[0]
		return regexp.MustCompile(`"id":"[0-9a-f]{8}-[0-9a-z]+"`).ReplaceAllString(line, `"id":"…"`)
	}
	for status, c := range map[rfc2866.AcctStatusType]struct{ called, want string }{
		rfc2866.AcctStatusType_Value_Start: {onStaff, `{"time":"2026-04-01T08:00:00.000Z","level":"INFO","msg":"ended","kind":"accounting","id":"…","outcome":"start","detail":"session s-1","outer":"nurse@northbridge.nhs.uk","nas":"wlc-7","client":"royal-wlc","site":"Royal Infirmary","ap":"02-00-00-00-00-01","ssid":"NHS-Staff","mac":"02-00-5E-00-53-01","mac_random":true,"operator_name":"camford.ac.uk"}`},
		rfc2866.AcctStatusType_Value_Stop:  {"02-00-00-00-00-01", `{"time":"2026-04-01T08:00:00.000Z","level":"WARN","msg":"ended","kind":"accounting","id":"…","outcome":"stop","reason":"ssid-missing","fault":"network","meaning":"The controller did not say which Wi-Fi network the device is on.","detail":"session s-1","outer":"nurse@northbridge.nhs.uk","nas":"wlc-7","client":"royal-wlc","site":"Royal Infirmary","ap":"02-00-00-00-00-01","mac":"02-00-5E-00-53-01","mac_random":true,"operator_name":"camford.ac.uk"}`},
	} {
		if got := account(status, c.called); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	full := town.usageOf(t, rfc2866.AcctStatusType_Value_InterimUpdate, onStaff)
	crowded(full.Packet, -20)
	if wire := town.accounting(context.Background(), full); wire != nil {
		t.Errorf("an answer without room: %x", wire)
	}
	town.lines(t, "an accounting reply could not be encoded", 1)
	town.restsWith(t, "an answer without room")
	if strings.Contains(town.logText(t), "interim") {
		t.Error("what has no answer is written down")
	}
}

// Whom accounting is about is known by the MAC, or by the log-in when it hides that.
func TestWhichDeviceAccountingIsAbout(t *testing.T) {
	from := source{client: "royal-wlc"}
	for name, e := range map[string]noc.Event{"02-00-5E-00-53-01": {MAC: "02-00-5E-00-53-01", ID: "1"}, "2": {ID: "2"}} {
		if got := deviceOf(from, e); got != (device{from, name}) {
			t.Errorf("%+v, want %s", got, name)
		}
		talk := &conversation{client: "royal-wlc", event: e}
		if got := talk.device(); got != (device{from, name}) {
			t.Errorf("a log-in: %+v, want %s", got, name)
		}
	}
}
