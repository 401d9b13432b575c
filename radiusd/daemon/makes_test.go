package daemon

import (
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/transport"
	"causeway/vlan"
)

// Every make's row reaches the room that reads requests.
func TestSourcesOfTheTable(t *testing.T) {
	read := 0
	for _, vendor := range vlan.Vendors() {
		row, got := vlan.SourceOf(vendor), sourceOfMake(vendor)
		if len(got.SSID) != len(row.SSID) || len(got.AP) != len(row.AP) || len(got.AVPairs) != len(row.AVPairs) {
			t.Errorf("%s: %+v of %+v", vendor, got, row)
		}
		for i, at := range row.SSID {
			if got.SSID[i].Vendor != at.Vendor || got.SSID[i].Type != at.Type {
				t.Errorf("%s: %+v of %+v", vendor, got, row)
			}
			read++
		}
	}
	if read == 0 || len(sourceOfMake("nobody's").SSID) != 0 {
		t.Error("the table has no SSID, or one for nobody")
	}
}

// A make's own user is a probe from its controllers and from nobody else.
func TestProbesOfControllers(t *testing.T) {
	for _, c := range []struct {
		place place
		user  string
		want  bool
	}{
		{place{controller: "wlc", vendor: "meraki"}, "meraki_8021x_test", true},
		{place{controller: "wlc", vendor: "meraki"}, "meraki_8021x_test@northbridge.nhs.uk", false},
		{place{controller: "wlc", vendor: "aruba"}, "meraki_8021x_test", false},
		{place{controller: "wlc", vendor: "meraki"}, "", false},
		{place{proxy: "eduroam"}, "meraki_8021x_test", false},
	} {
		if got := c.place.probes(c.user); got != c.want {
			t.Errorf("%+v, %q: %t", c.place, c.user, got)
		}
	}
}

// Whole house: a visitor's device keeps its number of the pool, its home's Session-Timeout
// is cut to ours, and the controller's own probe is told no at once and stands nowhere.
func TestPoolsLimitsAndProbes(t *testing.T) {
	home := pretend(t, func(req *radius.Packet) *radius.Packet {
		reply := req.Response(radius.CodeAccessAccept)
		eap, _ := transport.EAP(req)
		transport.AddEAP(reply, []byte{3, eap[1], 0, 4})
		_ = rfc2865.SessionTimeout_Set(reply, 7200)
		return reply
	})
	text := strings.NewReplacer("UPSTREAM", home,
		`visitor  = { id = 320, zone = "visitor" }`, `visitor  = { pool = [322, 320, 321], zone = "visitor", session = "1h", idle = "30m" }`,
		`vendor       = "hostapd"`, `vendor       = "meraki"`,
		`reject_delay = "0s"`, `reject_delay = "5s"`).Replace(town)
	house := startTrust(t, text)
	r := rogueAt(t, "127.0.0.1", house.address)
	for mac, want := range map[string]string{"02-00-00-00-00-01": "accept 322", "020000000002": "accept 321", "AC:DE:48:00:11:22": "accept 321"} {
		request := r.identify(visitorName, onEduroam, visitorName)
		set(request, rfc2865.CallingStationID_Type, mac)
		reply := r.ask(t, request)
		e := house.event(t)
		if say(reply) != want || rfc2865.SessionTimeout_Get(reply) != 3600 || rfc2865.IdleTimeout_Get(reply) != 1800 || rfc2865.TerminationAction_Get(reply) != 1 {
			t.Errorf("%s: %s, %d, %d, %d", mac, say(reply), rfc2865.SessionTimeout_Get(reply), rfc2865.IdleTimeout_Get(reply), rfc2865.TerminationAction_Get(reply))
		}
		page, err := Inspect(house.folder+"/causeway.toml", time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if x := page.Explain(Query{User: visitorName, SSID: "eduroam", Site: "Royal Infirmary", MAC: mac}); x.VLAN != e.VLAN {
			t.Errorf("%s: explained as %d, and lands on %d", mac, x.VLAN, e.VLAN)
		}
	}
	began := time.Now()
	reply := r.ask(t, r.identify("meraki_8021x_test", onEduroam, "meraki_8021x_test"))
	if say(reply) != "reject" || time.Since(began) > 3*time.Second {
		t.Errorf("the probe: %s after %v", say(reply), time.Since(began))
	}
	select {
	case e := <-house.events:
		t.Errorf("the probe is an event: %+v", e)
	default:
	}
}
