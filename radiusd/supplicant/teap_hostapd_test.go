package supplicant

import (
	"crypto/tls"
	"fmt"
	"testing"

	"layeh.com/radius"

	"causeway/radiusd/eap/packet"
)

// TEAP is proved against hostapd 2.10, built from Debian's sources (make deps). It was
// made before RFC 9930, so the peer meets it as a device of that time.

// What hostapd asks for, by its eap_teap_id.
const (
	askNobody          = 0
	askUser            = 1
	askMachine         = 2
	askUserElseMachine = 3
	askMachineElseUser = 4
	askBoth            = 5 // the user first
)

func teapHostapd(fragment, auth, ask int, more string) hostapd {
	return hostapd{
		binary: "../../.tools/wpa-teap/hostapd", fragment: fragment,
		users: fmt.Sprintf("* TEAP\n%q MSCHAPV2,TLS %q [2]\n%q TLS,MSCHAPV2 %q [2]\n%q TEAP [2]\n", testUser, testPassword, testMachine, testPassword, "/CN="+testMachine),
		more: fmt.Sprintf("pac_opaque_encr_key=000102030405060708090a0b0c0d0e0f\neap_fast_a_id=101112131415161718191a1b1c1d1e1f\n"+
			"eap_fast_a_id_info=ward\neap_teap_auth=%d\neap_teap_id=%d\n%s\n", auth, ask, more),
	}
}

func credential(identity, method string) *Credential {
	c := &Credential{Identity: identity, Method: method, Password: testPassword}
	if method == "tls" {
		c.Certificate = &theWorld().client
		if identity == testMachine {
			c.Certificate = &theWorld().machine
		}
	}
	return c
}

func theWorld() *testWorld {
	w, err := newWorld()
	if err != nil {
		panic(err)
	}
	return w
}

func TestTEAPHostapd(t *testing.T) {
	for _, c := range []struct {
		name            string
		auth, ask       int
		more            string
		person, machine string
		versions        []uint16
	}{
		{"user by mschapv2", 0, askUser, "", "mschapv2", "", nil},
		{"machine by tls", 0, askMachine, "", "", "tls", nil},
		{"user and machine", 0, askBoth, "", "mschapv2", "tls", nil},
		{"user by tls and machine", 0, askBoth, "", "tls", "mschapv2", nil},
		{"two certificates", 0, askBoth, "", "tls", "tls", nil},
		{"two passwords", 0, askBoth, "", "mschapv2", "mschapv2", nil},
		{"nobody in particular", 0, askNobody, "", "mschapv2", "", nil},
		{"a user is asked for and a machine comes", 0, askUserElseMachine, "", "", "tls", nil},
		{"a machine is asked for and a user comes", 0, askMachineElseUser, "", "mschapv2", "", nil},
		{"result apart", 0, askBoth, "eap_teap_separate_result=1", "mschapv2", "tls", nil},
		{"password", 1, askUser, "", "password", "", nil},
		{"two plain passwords", 1, askBoth, "", "password", "password", nil},
	} {
		for _, fragment := range []int{100, 1398} {
			address := teapHostapd(fragment, c.auth, c.ask, c.more).start(t)
			for name, version := range versions {
				t.Run(fmt.Sprintf("%s/%s/%d", c.name, name, fragment), func(t *testing.T) {
					cfg := world(t).config("teap", version)
					cfg.Machine, cfg.Person, cfg.RFC7170, cfg.FragmentSize = nil, nil, true, fragment
					if c.person != "" {
						cfg.Person = credential(testUser, c.person)
					}
					if c.machine != "" {
						cfg.Machine = credential(testMachine, c.machine)
					}
					p, r, err := logIn(t, address, cfg)
					if err != nil || r.Code != radius.CodeAccessAccept || r.EAP != packet.Success || !r.KeysMatch || p.TLS().Version != version {
						t.Fatalf("%v, stage %s, TLS %x, %+v", err, p.Stage(), p.TLS().Version, r)
					}
					t.Logf("%d rounds", r.Rounds)
				})
			}
		}
	}
	_ = tls.VersionTLS13
}
