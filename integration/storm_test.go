package integration

import (
	"strconv"
	"sync"
	"testing"

	"causeway/radiusd/daemon"
)

// Holds F11 but for its figures, which make bench measures with 10,000 devices: when the
// power comes back and everybody wants in at one moment, everybody gets in, each at the
// network that is theirs, and each log-in is told of once.
func TestF11EverybodyAtOnce(t *testing.T) {
	s := openHouse(t, daemon.Options{})
	ways := []struct{ method, vlan string }{{"peap-mschapv2", "140"}, {"tls", "110"}} // a person, and a managed device
	macs := make([]string, 400)
	var all sync.WaitGroup
	for i := range macs {
		way := ways[i%2]
		macs[i] = newMAC()
		c := s.controller("127.0.0.1", macs[i])
		c.Retries = 3 // as a controller does, who then gets the same answer again
		all.Go(func() {
			result, err := c.Login(t.Context(), s.peer(s.devices()[way.method]))
			if err != nil || !result.Accepted() || result.VLAN != way.vlan {
				t.Errorf("device %d by %s: %v on %q: %v", i, way.method, result.Code, result.VLAN, err)
			}
		})
	}
	all.Wait()
	for i, mac := range macs {
		e := s.events.nth(t, mac, 1)
		if e.Outcome != "accept" || strconv.Itoa(int(e.VLAN)) != ways[i%2].vlan || s.events.many(mac) != 1 {
			t.Errorf("%s: %d events, the first %+v", mac, s.events.many(mac), e)
		}
	}
}
