package supplicant

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
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
		users: fmt.Sprintf("* TEAP\n%q MSCHAPV2,TLS %q [2]\n%q TLS,MSCHAPV2 %q [2]\n%q TEAP [2]\n", testUser, testPassword, testMachine, testPassword, "/CN="+testComputer),
		more: fmt.Sprintf("pac_opaque_encr_key=000102030405060708090a0b0c0d0e0f\neap_fast_a_id=101112131415161718191a1b1c1d1e1f\n"+
			"eap_fast_a_id_info=ward\nmax_auth_rounds=300\neap_teap_auth=%d\neap_teap_id=%d\n%s\n", auth, ask, more),
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
}

// What goes wrong on our side is heard by hostapd, and what goes wrong on its side by us.
func TestTEAPHostapdRefuses(t *testing.T) {
	address := teapHostapd(1398, 0, askBoth, "").start(t)
	w := world(t)
	base := w.config("teap", tls.VersionTLS12)
	base.RFC7170 = true
	for name, spoil := range map[string]func(*Config){
		"wrong password":      func(c *Config) { c.Person.Password = "wrong" },
		"foreign certificate": func(c *Config) { c.Machine.Certificate = &w.foreign },
		"unknown user":        func(c *Config) { c.Person.Identity = "nobody@camford.ac.uk" },
		"no machine":          func(c *Config) { c.Machine = nil },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := base
			cfg.Machine, cfg.Person = credential(testMachine, "tls"), credential(testUser, "mschapv2")
			spoil(&cfg)
			p, r, err := logIn(t, address, cfg)
			if err != nil || r.Code != radius.CodeAccessReject || p.Success() || p.Keys() != nil || p.Stage() != StageFailure {
				t.Fatalf("%v, stage %s, %+v", err, p.Stage(), r)
			}
			t.Log(r.Refusal)
		})
	}
}

// Where hostapd 2.10 and RFC 9930 part; each of these stands in docs/teap.md. The other
// half of the difference, that with Config.RFC7170 they meet, is TestTEAPHostapd.
func TestTEAPHostapdDiffers(t *testing.T) {
	for _, c := range []struct {
		name        string
		auth, ask   int
		person      string
		version     uint16
		withoutEMSK bool
		says        string // of our error; empty: the log-in is good
		keysDiffer  bool
	}{
		{"Identity-Type without M", 0, askUser, "tls", tls.VersionTLS12, false, "TLV 2 without its mandatory bit", false},
		{"password request without M", 1, askNobody, "password", tls.VersionTLS12, false, "TLV 13 without its mandatory bit", false},
		{"halves of the MSCHAPv2 key", 0, askNobody, "mschapv2", tls.VersionTLS12, false, "TEAP error 2006", false},
		{"an EMSK that is not used", 0, askNobody, "tls", tls.VersionTLS12, false, "", true},
		{"without EMSK they agree", 0, askNobody, "tls", tls.VersionTLS12, true, "", false},
		{"inner EAP-TLS in TLS 1.3", 0, askNobody, "tls", tls.VersionTLS13, true, "success before the inner method succeeded", false},
		{"sums of TLS 1.3", 0, askNobody, "mschapv2", tls.VersionTLS13, false, "TEAP error 2006", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := teapHostapd(1398, c.auth, c.ask, "").start(t)
			cfg := world(t).config("teap", c.version)
			cfg.Machine, cfg.Person, cfg.WithoutEMSK = nil, credential(testUser, c.person), c.withoutEMSK
			p, r, err := logIn(t, address, cfg)
			if c.says == "" {
				if err != nil || r.Code != radius.CodeAccessAccept || !p.Success() || r.KeysMatch == c.keysDiffer {
					t.Fatalf("%v, stage %s, %+v", err, p.Stage(), r)
				}
				return
			}
			if !errors.Is(err, ErrServer) || !strings.Contains(err.Error(), c.says) || r.Code != radius.CodeAccessReject {
				t.Fatalf("%v, stage %s, %+v", err, p.Stage(), r)
			}
		})
	}
}

// The device's certificate is shown while the tunnel is built, and Outer TLVs say whose
// it is: both sides sign those of both (RFC 9930, sections 6.3 and 8.4.1).
func TestTEAPHostapdCertificateOutside(t *testing.T) {
	for _, fragment := range []int{300, 1398} {
		address := teapHostapd(fragment, 2, askNobody, "").start(t)
		for name, version := range versions {
			t.Run(fmt.Sprintf("%s/%d", name, fragment), func(t *testing.T) {
				cfg := world(t).config("teap", version)
				cfg.Machine, cfg.Person, cfg.Certificate, cfg.FragmentSize = nil, nil, &world(t).machine, fragment
				cfg.RFC7170 = version == tls.VersionTLS13
				p, r, err := logIn(t, address, cfg)
				if err != nil || !r.KeysMatch || r.Code != radius.CodeAccessAccept || !p.Success() {
					t.Fatalf("%v, stage %s, %+v", err, p.Stage(), r)
				}
			})
		}
	}
}

// A server without Extended Master Secret, and suites that sign each record by
// HMAC-SHA1, which then signs the crypto-binding too.
func TestTEAPHostapdOldTLS(t *testing.T) {
	h := teapHostapd(1398, 0, askBoth, "")
	h.openssl = "openssl_conf = settings\n[settings]\nssl_conf = ssl\n[ssl]\nsystem_default = old\n[old]\nOptions = -ExtendedMasterSecret\nCipherString = DEFAULT@SECLEVEL=0\n"
	for what, address := range map[string]string{"no EMS": h.start(t), "EMS": teapHostapd(1398, 0, askBoth, "").start(t)} {
		for _, suite := range []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256} {
			t.Run(what+"/"+tls.CipherSuiteName(suite), func(t *testing.T) {
				cfg := world(t).config("teap", tls.VersionTLS12)
				cfg.RFC7170 = true
				p := newPeer(t, cfg)
				p.tunnel.tls.CipherSuites = []uint16{suite}
				r, err := logInPeer(t, address, p)
				if err != nil || !r.KeysMatch || p.TLS().CipherSuite != suite {
					t.Fatalf("%v, stage %s, %+v", err, p.Stage(), r)
				}
				state := p.TLS()
				_, refused := state.ExportKeyingMaterial("x", nil, 1)
				if (refused != nil) != (what == "no EMS") {
					t.Fatalf("Extended Master Secret: %v", refused)
				}
			})
		}
	}
}
