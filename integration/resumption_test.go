package integration

import (
	"context"
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"causeway/certs"
	"causeway/radiusd/daemon"
	"causeway/radiusd/supplicant"
)

// Holds F2, S4 and R3: while no directory answers, a device comes back where the file
// permits it, to a network for which no group is asked; a rule that asks for one
// refuses. Where the file does not permit it, everybody is refused, and told why.
func TestF2ComingBackWithoutDirectory(t *testing.T) {
	for permitted, tables := range map[bool]string{true: "[eap.resumption]\nwithout_directory = true", false: ""} {
		s := open(t, "common")
		s.know["eap_tables"] = tables
		s.story.Peers = []peer{{Kind: "slapd", With: map[string]string{"people": "people.ldif"}}}
		s.story.House.Config = "causeway.toml"
		s.begin()
		devices := s.devices()
		macs := map[string]string{}
		login := func(method string) (supplicant.Result, error) {
			c := &supplicant.Controller{
				Conn: s.dial("127.0.0.1", "auth"), Secret: certs.Secret(sharedSecret), SSID: "NHS-Staff", Calling: macs[method],
				Timeout: 10 * time.Second, Retries: -1,
			}
			return c.Login(context.Background(), s.peer(devices[method]))
		}
		for method, cfg := range devices {
			cfg.Sessions = tls.NewLRUClientSessionCache(4)
			devices[method], macs[method] = cfg, newMAC()
			if result, err := login(method); err != nil || !result.Accepted() {
				t.Fatalf("%s: %v, %v", method, result.Code, err)
			}
		}
		s.peers["slapd"].kill()
		for method := range devices {
			result, err := login(method)
			if err != nil {
				t.Errorf("%s: %v", method, err)
			}
			e := s.events.nth(t, macs[method], 2)
			switch {
			case !permitted:
				if result.Accepted() || e.Reason != "directory-unreachable" || e.Resumed {
					t.Errorf("%s, not permitted: %v, %s, resumed is %v", method, result.Code, e.Reason, e.Resumed)
				}
			case method == "tls": // the first rule asks for a group
				if result.Accepted() || e.Reason != "groups-unknown" {
					t.Errorf("%s: %v, %s", method, result.Code, e.Reason)
				}
			case !result.Accepted() || result.VLAN != "140" || !e.Resumed:
				t.Errorf("%s: %v on %q, %s, resumed is %v", method, result.Code, result.VLAN, e.Reason, e.Resumed)
			}
		}
	}
}

// Holds S4: somebody who left a group is placed anew when the session is resumed, and
// somebody whose account was closed is not let in; the VLAN never comes from the
// record.
func TestS4ResumedAndPlacedAnew(t *testing.T) {
	s := openHouse(t, daemon.Options{})
	cfg := s.devices()["tls"]
	cfg.Sessions = tls.NewLRUClientSessionCache(4)
	mac := newMAC()
	users := string(s.filled("users.toml"))
	for n, x := range []struct {
		what, users, vlan string
		resumed           bool
	}{
		{"in the group", users, "110", false},
		{"still", users, "110", true},
		{"left the group", strings.Replace(users, `"Wifi-Clinical"`, `"Wifi-Office"`, 1), "140", true},
		{"back in it", users, "110", true},
		{"left the Trust", strings.Replace(users, "groups ", "disabled = true\ngroups ", 1), "", false},
	} {
		s.write("users.toml", []byte(x.users))
		s.must(s.daemon.Reload())
		result, err := s.controller("127.0.0.1", mac).Login(t.Context(), s.peer(cfg))
		if err != nil || result.Accepted() != (x.vlan != "") || result.VLAN != x.vlan {
			t.Fatalf("%s: %v on %q, %v", x.what, result.Code, result.VLAN, err)
		}
		if e := s.events.nth(t, mac, n+1); e.Resumed != x.resumed {
			t.Errorf("%s: resumed is %v", x.what, e.Resumed)
		}
	}
}
