package integration

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2866"

	"causeway/radiusd/daemon"
	"causeway/radiusd/eap/packet"
)

// A hooked connection does something just before its nth request leaves, n
// counted from 1: what happens to the house happens in mid-conversation.
type hooked struct {
	net.Conn
	n    int
	do   func()
	sent int
}

func (h *hooked) Write(b []byte) (int, error) {
	if h.sent++; h.sent == h.n {
		h.do()
	}
	return h.Conn.Write(b)
}

// Holds F13, S16, R3 and P11: the house is restarted before each message of a
// conversation; the rest of it is refused at once, with EAP-Failure and the reason.
func TestF13RestartInMidConversation(t *testing.T) {
	s := openHouse(t, daemon.Options{})
	for method, cfg := range s.devices() {
		for n := 2; ; n++ {
			mac := newMAC()
			c := s.controller("127.0.0.1", mac)
			conn := &hooked{Conn: c.Conn, n: n}
			conn.do = func() { s.restartHouse() }
			c.Conn = conn
			result, err := c.Login(t.Context(), s.peer(cfg))
			if conn.sent < n { // it was over before: every message has had its turn
				if !result.Accepted() || n < 5 {
					t.Errorf("%s: %v after %d messages: %v", method, result.Code, conn.sent, err)
				}
				break
			}
			if result.Code != radius.CodeAccessReject || result.EAP != packet.Failure || conn.sent != n || result.Retransmits != 0 {
				t.Fatalf("%s, restart before message %d: %v with EAP code %d after %d messages: %v", method, n, result.Code, result.EAP, conn.sent, err)
			}
			// The first event says that the server was stopped.
			if e := s.events.nth(t, mac, 2); e.Outcome != "reject" || e.Reason != "conversation-unknown" {
				t.Errorf("%s, restart before message %d: %s, %s", method, n, e.Outcome, e.Reason)
			}
		}
	}
}

// restartHouse ends the house and starts another at the same port.
func (s *stage) restartHouse() {
	s.Helper()
	s.stopHouse()
	s.know["listen"] = s.know["auth"]
	s.startHouse(s.fill("house.toml"))
}

// Holds R51 and F9: a reload before each message of a conversation changes nothing
// for it, and everything for the next one.
func TestR51ConversationKeepsItsConfiguration(t *testing.T) {
	s := openHouse(t, daemon.Options{})
	for method, cfg := range s.devices() {
		if method == "tls" {
			continue // its VLAN is the same in both files
		}
		for n := 2; ; n++ {
			s.reload("140")
			c := s.controller("127.0.0.1", newMAC())
			conn := &hooked{Conn: c.Conn, n: n}
			conn.do = func() { s.reload("160") }
			c.Conn = conn
			result, err := c.Login(t.Context(), s.peer(cfg))
			if !result.Accepted() || result.VLAN != "140" {
				t.Fatalf("%s, reload before message %d: %v on VLAN %q: %v", method, n, result.Code, result.VLAN, err)
			}
			if conn.sent < n {
				break
			}
			next, err := s.controller("127.0.0.1", newMAC()).Login(t.Context(), s.peer(cfg))
			if !next.Accepted() || next.VLAN != "160" {
				t.Fatalf("%s, after a reload: %v on VLAN %q: %v", method, next.Code, next.VLAN, err)
			}
		}
	}
}

// A reload in mid-conversation that gives the number of the device's VLAN to
// another zone: the device asks again and is placed by the new file.
func TestR51NobodyLandsOnANumberThatHasMoved(t *testing.T) {
	s := openHouse(t, daemon.Options{})
	for method, cfg := range s.devices() {
		if method == "tls" {
			continue // its VLAN keeps its number
		}
		s.reload("140")
		mac := newMAC()
		c := s.controller("127.0.0.1", mac)
		c.Conn = &hooked{Conn: c.Conn, n: 3, do: func() { s.leaveAll(); s.reload("150") }}
		result, _ := c.Login(t.Context(), s.peer(cfg))
		if e := s.events.nth(t, mac, 1); result.Code != radius.CodeAccessReject || e.Reason != "configuration-changed" {
			t.Errorf("%s: %v, logged as %s", method, result.Code, e.Reason)
		}
		next, err := s.controller("127.0.0.1", newMAC()).Login(t.Context(), s.peer(cfg))
		if !next.Accepted() || next.VLAN != "150" {
			t.Errorf("%s, the next time: %v on VLAN %q: %v", method, next.Code, next.VLAN, err)
		}
		s.leaveAll()
	}
}

// reload makes the number of the VLAN of people's own devices another.
func (s *stage) reload(byod string) {
	s.Helper()
	s.know["byod"] = byod
	s.fill("house.toml")
	s.must(s.daemon.Reload())
}

// leaveAll is a controller that says that it was restarted: nobody is on it.
func (s *stage) leaveAll() {
	s.Helper()
	s.account(rfc2866.AcctStatusType_Value_AccountingOn, "")
}

// account sends an Accounting-Request and waits for the answer.
func (s *stage) account(status rfc2866.AcctStatusType, mac string) {
	s.Helper()
	request := radius.New(radius.CodeAccountingRequest, []byte(sharedSecret))
	s.must(rfc2866.AcctStatusType_Set(request, status))
	request.Add(30, []byte(called("NHS-Staff")))
	request.Add(31, []byte(mac))
	octets, err := request.Encode()
	s.must(err)
	conn := s.dial("127.0.0.1", "acct")
	s.send(conn, octets)
	if reply := s.receive(conn); !radius.IsAuthenticResponse(reply, octets, []byte(sharedSecret)) {
		s.Fatalf("accounting: %x", reply)
	}
}

// Holds R51: a VLAN with people on it cannot become another zone's, until they have
// left.
func TestR51LiveSessionsHoldTheirZone(t *testing.T) {
	s := openHouse(t, daemon.Options{})
	mac := newMAC()
	if result, err := s.controller("127.0.0.1", mac).Login(t.Context(), s.peer(s.devices()["ttls-pap"])); err != nil || result.VLAN != "140" {
		t.Fatalf("%v on VLAN %q: %v", result.Code, result.VLAN, err)
	}
	s.know["byod"] = "150" // and 140 goes to the labs
	s.fill("house.toml")
	err := s.daemon.Reload()
	if want := "vlan 140 at Royal Infirmary moves from zone office to zone labs with 1 session on it"; err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("with somebody on it: %v", err)
	}
	s.account(rfc2866.AcctStatusType_Value_Stop, newMAC()) // somebody else leaves
	if err := s.daemon.Reload(); err == nil {
		t.Error("still with somebody on it, and the reload succeeds")
	}
	s.account(rfc2866.AcctStatusType_Value_Stop, mac)
	if err := s.daemon.Reload(); err != nil {
		t.Errorf("with nobody on it: %v", err)
	}
}

// A clock can be moved forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

// outcome compares the event of a device.
func (s *stage) outcome(mac, what, why string) {
	s.Helper()
	if e := s.events.of(s.T, mac); e.Outcome != what || e.Reason != why {
		s.Errorf("%s, %s (%s), want %s, %s", e.Outcome, e.Reason, e.Detail, what, why)
	}
}

// Holds R41 and P33: a device that falls silent is given up after half a minute, and
// the event says where it stopped.
func TestR41AbandonedLogInsSayWhere(t *testing.T) {
	var c clock
	s := openHouse(t, daemon.Options{Now: c.now})
	reasons := map[string]map[int]string{}
	macsOf := map[string]map[int]string{}
	for method, cfg := range s.devices() {
		reasons[method], macsOf[method] = map[int]string{}, map[int]string{}
		cfg.MaxTLS = 0x0303
		for n := 1; ; n++ {
			cfg.Abandon = n
			mac := newMAC()
			result, err := s.controller("127.0.0.1", mac).Login(t.Context(), s.peer(cfg))
			if result.Code != 0 {
				if !result.Accepted() {
					t.Fatalf("%s: %v, %v", method, result.Code, err)
				}
				break
			}
			macsOf[method][n] = mac
		}
	}
	c.forward(29 * time.Second)
	before := newMAC() // somebody who is not silent, for the sweep to pass by
	if result, err := s.controller("127.0.0.1", before).Login(t.Context(), s.peer(s.devices()["peap-mschapv2"])); err != nil || !result.Accepted() {
		t.Errorf("%v, %v", result.Code, err)
	}
	c.forward(2 * time.Second)
	for method, abandoned := range macsOf {
		for n, mac := range abandoned {
			e := s.events.of(t, mac)
			if e.Outcome != "abandoned" {
				t.Errorf("%s after %d answers: %s", method, n, e.Outcome)
			}
			reasons[method][n] = e.Reason
		}
	}
	s.outcome(before, "accept", "")
	for method, want := range map[string]map[int]string{
		// identity, then a Nak unless TLS was wanted, ClientHello, acknowledgement of the
		// server's fragments, our flight, and what follows inside.
		"tls":           {1: "abandoned-after-identity", 2: "abandoned-after-fragment", 3: "abandoned-after-certificate", 4: "abandoned-after-success"},
		"ttls-pap":      {1: "abandoned-after-identity", 2: "abandoned-after-identity", 3: "abandoned-after-fragment", 4: "abandoned-after-certificate", 5: "abandoned-in-inner"},
		"peap-mschapv2": {1: "abandoned-after-identity", 2: "abandoned-after-identity", 3: "abandoned-after-fragment", 4: "abandoned-after-certificate", 5: "abandoned-in-inner", 7: "abandoned-in-inner"},
	} {
		for n, reason := range want {
			if got := reasons[method][n]; got != reason {
				t.Errorf("%s after %d answers: %s, want %s", method, n, got, reason)
			}
		}
	}
	if got := reasons["peap-mschapv2"][len(reasons["peap-mschapv2"])]; got != "abandoned-after-success" {
		t.Errorf("at the end inside PEAP: %s", got)
	}
	t.Log(reasons)
}

// Holds F16: a conversation lasts a minute at most, however lively.
func TestF16ConversationEndsAfterAMinute(t *testing.T) {
	var c clock
	s := openHouse(t, daemon.Options{Now: c.now})
	mac := newMAC()
	control := s.controller("127.0.0.1", mac)
	conn := &everyTime{Conn: control.Conn, do: func() { c.forward(14 * time.Second) }}
	control.Conn = conn
	cfg := s.devices()["peap-mschapv2"]
	result, err := control.Login(t.Context(), s.peer(cfg))
	if result.Code != radius.CodeAccessReject || result.EAP != packet.Failure || conn.sent != 6 {
		t.Errorf("%v with EAP code %d after %d messages: %v", result.Code, result.EAP, conn.sent, err)
	}
	s.outcome(mac, "reject", "conversation-expired")
}

// everyTime does something before each request.
type everyTime struct {
	net.Conn
	do   func()
	sent int
}

func (e *everyTime) Write(b []byte) (int, error) {
	e.sent++
	e.do()
	return e.Conn.Write(b)
}

// Holds P11, S6: a device that shows no certificate is refused for that.
func TestNoClientCertificate(t *testing.T) {
	s := openHouse(t, daemon.Options{})
	cfg := s.devices()["tls"]
	cfg.Certificate = &tls.Certificate{}
	for _, version := range []uint16{0x0303, 0x0304} {
		cfg.MinTLS, cfg.MaxTLS = version, version
		mac := newMAC()
		result, err := s.controller("127.0.0.1", mac).Login(context.Background(), s.peer(cfg))
		if result.Code != radius.CodeAccessReject || result.EAP != packet.Failure {
			t.Errorf("TLS %x: %v with EAP code %d: %v", version, result.Code, result.EAP, err)
		}
		s.outcome(mac, "reject", "client-certificate-missing")
	}
}
