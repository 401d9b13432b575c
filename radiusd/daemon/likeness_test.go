package daemon

import (
	"context"
	"crypto/rand"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/transport"
)

// Holds S18 and R27: ten thousand refusals of a name that nobody has and ten
// thousand of a wrong password are alike in their octets and in how long they wait,
// as far as a statistician can tell.
func TestS18TenThousandOfEachAreAlike(t *testing.T) {
	town := startTrust(t, strings.Replace(small, `reject_delay = "0s"`, `reject_delay = "1s"`, 1))
	client, _ := town.house.Load().clients.Find(netip.MustParseAddr("127.0.0.1"))
	const n = 10_000
	refuse := func(user string) (lengths map[int]int, waits []time.Duration) {
		lengths = map[int]int{}
		for range n {
			p := radius.New(radius.CodeAccessRequest, []byte(testSecret))
			_, _ = rand.Read(p.Authenticator[:])
			_ = rfc2865.UserName_SetString(p, user)
			_ = rfc2865.UserPassword_SetString(p, "wrong")
			_ = rfc2865.CalledStationID_SetString(p, "02-00-00-00-00-01:NHS-Staff")
			_ = rfc2865.CallingStationID_SetString(p, "02-00-5E-00-53-01")
			req := &transport.Request{Packet: p, Client: client, From: netip.MustParseAddrPort("127.0.0.1:4000"), Received: time.Now()}
			wire := town.access(context.Background(), req)
			if wire[0] != byte(radius.CodeAccessReject) {
				t.Fatal("accepted")
			}
			lengths[len(wire)]++
			waits = append(waits, req.Held())
			<-town.events
		}
		return lengths, waits
	}
	unknown, wrong := "nobody@northbridge.nhs.uk", "nurse@northbridge.nhs.uk"
	lengthsU, waitsU := refuse(unknown)
	lengthsW, waitsW := refuse(wrong)
	for length := range lengthsU {
		if lengthsW[length] != n {
			t.Errorf("lengths: unknown %v, wrong %v", lengthsU, lengthsW)
		}
	}
	for _, waits := range [][]time.Duration{waitsU, waitsW} {
		slices.Sort(waits)
		if waits[0] < 800*time.Millisecond || waits[n-1] > 1200*time.Millisecond || waits[n-1]-waits[0] < 350*time.Millisecond {
			t.Errorf("refusals wait from %v to %v", waits[0], waits[n-1])
		}
	}
	// Kolmogorov and Smirnov: with one law behind both, a distance beyond 0.05 comes
	// once in ten thousand million runs.
	if d := distance(waitsU, waitsW); d > 0.05 {
		t.Errorf("the waits of unknown names and wrong passwords are %.3f apart", d)
	}
}

// distance is the largest difference between two sorted samples' shares.
func distance(a, b []time.Duration) (d float64) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		least := min(a[i], b[j])
		for i < len(a) && a[i] == least {
			i++
		}
		for j < len(b) && b[j] == least {
			j++
		}
		d = max(d, float64(i)/float64(len(a))-float64(j)/float64(len(b)), float64(j)/float64(len(b))-float64(i)/float64(len(a)))
	}
	return d
}

// Holds R27: what this server refuses waits, once for each log-in, and what another
// organisation refuses, or a fault of ours, goes out at once.
func TestR27WhoWaits(t *testing.T) {
	town := startTown(t, pretend(t, func(req *radius.Packet) *radius.Packet {
		reply := req.Response(radius.CodeAccessReject)
		if eap, _ := transport.EAP(req); eap != nil {
			transport.AddEAP(reply, []byte{4, eap[1], 0, 4})
		}
		return reply
	}))
	if err := town.rewrite(t, `reject_delay = "0s"`, `reject_delay = "1s"`); err != nil {
		t.Fatal(err)
	}
	r := rogueAt(t, "127.0.0.1", town.address)
	plain := func(user, called string) *radius.Packet {
		p := r.request(user, called)
		_ = rfc2865.UserPassword_SetString(p, "wrong")
		return p
	}
	for name, c := range map[string]struct {
		packet *radius.Packet
		waits  bool
	}{
		"a wrong password":           {plain("nurse@northbridge.nhs.uk", onStaff), true},
		"nobody's name":              {plain("nobody@northbridge.nhs.uk", onStaff), true},
		"no realm":                   {plain("nurse", onStaff), true},
		"no home on this SSID":       {plain("bob@camford.ac.uk", onStaff), true},
		"a partner's own refusal":    {plain("bob@camford.ac.uk", onEduroam), false},
		"an SSID of no block, ours":  {plain("nurse@northbridge.nhs.uk", "02-00-00-00-00-01:Nowhere"), false},
		"no SSID, the network's":     {plain("nurse@northbridge.nhs.uk", "02-00-00-00-00-01"), false},
		"a federation's own refusal": {r.identify(visitorName, onEduroam, visitorName), false},
	} {
		client, _ := town.house.Load().clients.Find(netip.MustParseAddr("127.0.0.1"))
		_, _ = rand.Read(c.packet.Authenticator[:])
		req := &transport.Request{Packet: c.packet, Client: client, From: netip.MustParseAddrPort("127.0.0.1:4000"), Received: time.Now()}
		wire := town.access(t.Context(), req)
		if wire[0] != byte(radius.CodeAccessReject) || req.Held() > 0 != c.waits {
			t.Errorf("%s: code %d, held %v", name, wire[0], req.Held())
		}
	}
}
