package integration

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"causeway/certs"
	"causeway/radiusd/noc"
	"causeway/radiusd/supplicant"
	"causeway/realms/directory/directorytest"
)

// samba is Debian's Samba as a domain controller, with the accounts of a story about
// Active Directory. It lives in a network of its own and is reached by two addresses
// of loopback, which are peers too: NAME-1 and NAME-2, that stop and go on by
// themselves.
func samba(s *stage, p peer) *process {
	s.know["computer_password"] = computerPassword
	s.know["domain_controller"] = directorytest.ServerName
	dc, err := directorytest.NewController()
	if errors.Is(err, directorytest.ErrNoController) {
		s.Skip(err)
	}
	s.must(err)
	s.controllers = append(s.controllers, dc)
	s.Cleanup(dc.Close)
	s.must(populate(dc))
	s.write("domain-ca.pem", dc.CA.PEM())
	var servers []string
	netlogon := 0
	for n := 1; n <= 2; n++ {
		ways, err := dc.Ways(fmt.Sprintf("127.0.0.%d", n), netlogon)
		s.must(err)
		s.Cleanup(ways.Close)
		netlogon = ways.Netlogon.Port
		servers = append(servers, fmt.Sprintf("%q", ways.URL()))
		s.peers[fmt.Sprintf("%s-%d", p.Name, n)] = &process{instead: actor{
			freeze: func() error { ways.Freeze(); return nil },
			thaw:   func() error { ways.Thaw(); return nil },
			kill:   ways.Close, output: func() string { return "" },
		}}
	}
	s.know["servers"], s.know["netlogon_port"] = strings.Join(servers, ", "), netlogon
	return &process{instead: actor{
		start: func() error { return nil }, freeze: dc.Stop, thaw: dc.Continue, kill: dc.Close, output: dc.Output,
	}}
}

const computerPassword = "the-computer-s-own-Pass-1"

// populate makes an account for each state, all with the good password.
func populate(dc *directorytest.Controller) error {
	user := func(name string) directorytest.Entry { return directorytest.User(name, goodPassword) }
	err := dc.Change(directorytest.DomainBase, "pwdProperties", "0", "minPwdAge", "0", "maxPwdAge", directorytest.Never, "lockoutThreshold", "0")
	if err != nil {
		return err
	}
	err = dc.Fill(
		directorytest.Computer("RADIUS1", computerPassword),
		directorytest.Computer("PC01", goodPassword),
		user("nurse"), user("doctor"), user("guarded"), user("fumbler"), user("lapsed"),
		user("jsmith").With("userPrincipalName", "joanna.smith@"+directorytest.Domain),
		user("leaver").With("userAccountControl", "514"),
		user("locum").With("accountExpires", directorytest.FileTime(time.Now().AddDate(0, 0, -2))),
		user("novice").With("pwdLastSet", "0"),
		user("nightshift").With("logonHours", strings.Repeat("\x00", 21)),
		user("kiosk").With("userWorkstations", "KIOSK1"),
		directorytest.Group("Ward 7", directorytest.UserDN("nurse"), directorytest.UserDN("guarded")),
		directorytest.Group("Wards", directorytest.GroupDN("Ward 7")),
		directorytest.Group("Wifi-Clinical", directorytest.GroupDN("Wards"), directorytest.ComputerDN("PC01")),
		directorytest.Policy("strict", lockoutThreshold, 0, directorytest.UserDN("fumbler"), directorytest.UserDN("guarded")),
		directorytest.Policy("short-lived", 0, 48*time.Hour, directorytest.UserDN("lapsed")),
	)
	if err != nil {
		return err
	}
	for n := range crowd {
		if err := dc.Fill(user(fmt.Sprint("wifi", n))); err != nil {
			return err
		}
	}
	return dc.AgePassword(directorytest.UserDN("lapsed"), 72*time.Hour)
}

// crowd is how many people log in side by side.
const crowd = 12

// lockoutThreshold is what the domain bears: just above what the guard lets through
// by default.
const lockoutThreshold = 7

// TestDomainController tells what the story about Active Directory cannot, with one
// domain controller: it takes seconds to make.
func TestDomainController(t *testing.T) {
	t.Parallel()
	s := open(t, "cases/active-directory")
	s.begin()
	for _, part := range []struct {
		name string
		run  func(s *stage, dc *directorytest.Controller)
	}{
		{"S9WhoIsTold", toldByDomainController},
		{"S21FiftyWrong", fiftyWrongAtDomainController},
		{"F1F2StopsUnderLoad", domainControllerStopsUnderLoad},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(s.on(t), s.controllers[0]) })
	}
}

// tries logs somebody in once, by a device of its own.
func (s *stage) tries(cfg supplicant.Config) (supplicant.Result, noc.Event) {
	s.Helper()
	mac := newMAC()
	c := &supplicant.Controller{
		Conn: s.dial("127.0.0.1", "auth"), Secret: certs.Secret(sharedSecret), SSID: "NHS-Staff", Calling: mac, Timeout: 20 * time.Second, Retries: -1,
	}
	result, err := c.Login(context.Background(), s.peer(cfg))
	if result.Code == 0 {
		s.Fatalf("%s gets no answer: %v", cfg.User, err)
	}
	return result, s.events.of(s.T, mac)
}

func deviceOf(method, user string, password certs.Secret) supplicant.Config {
	return supplicant.Config{Method: method, User: user + "@" + realm, Identity: "@" + realm, Password: password}
}

// fiftyWrongAtDomainController holds S21 with a domain controller: a hundred wrong passwords of one account, by
// responses and as they are, and the domain has counted fewer than lock it. A new
// password enters at once, by a response too, since the domain tells that it is new;
// and no session that began with the old one is resumed (S4).
func fiftyWrongAtDomainController(s *stage, dc *directorytest.Controller) {
	guarded := directorytest.UserDN("guarded")
	device := deviceOf("peap-mschapv2", "guarded", goodPassword)
	device.Sessions, device.MaxTLS = tls.NewLRUClientSessionCache(1), tls.VersionTLS12
	for n := range 2 {
		if result, event := s.tries(device); !result.Accepted() || event.Resumed != (n == 1) {
			s.Fatalf("log-in %d: %v, resumed is %v", n+1, result.Code, event.Resumed)
		}
	}
	for n := range 50 {
		for method, reasons := range map[string][]string{"peap-mschapv2": {"bad-password", "guarded"}, "ttls-pap": {"bad-password", "guarded"}} {
			result, event := s.tries(deviceOf(method, "guarded", certs.Secret(fmt.Sprint("guess ", n))))
			if result.Accepted() || !slices.Contains(reasons, event.Reason) {
				s.Fatalf("guess %d by %s: %v, %s", n, method, result.Code, event.Reason)
			}
		}
	}
	count, err := dc.Read(guarded, "badPwdCount")
	s.must(err)
	locked, err := dc.Read(guarded, "lockoutTime")
	s.must(err)
	if counted, err := strconv.Atoi(count); err != nil || counted < 1 || counted >= lockoutThreshold || locked != "" && locked != "0" {
		s.Errorf("the domain has counted %s, and locked it at %q", count, locked)
	}
	if _, event := s.tries(deviceOf("peap-mschapv2", "guarded", goodPassword)); event.Reason != "guarded" {
		s.Errorf("a response while the guard is closed: %s", event.Reason)
	}
	s.must(dc.SetPassword(guarded, "a new Pass-2"))
	if result, event := s.tries(deviceOf("peap-mschapv2", "guarded", "a new Pass-2")); !result.Accepted() || event.VLAN != 110 {
		s.Errorf("the new password: %v, %s (%s)", result.Code, event.Reason, event.Detail)
	}
	device.Password = "a new Pass-2"
	if result, event := s.tries(device); !result.Accepted() || event.Resumed {
		s.Errorf("the session of the old password: %v, resumed is %v", result.Code, event.Resumed)
	}
}

// toldByDomainController holds S9 inside MSCHAPv2: who knows a password that is over is told so, and nobody
// else, nor of anything else.
func toldByDomainController(s *stage, dc *directorytest.Controller) {
	for _, tt := range []struct {
		user     string
		password certs.Secret
		told     string
		reason   string
	}{
		{"novice", goodPassword, "E=648", "password-must-change"},
		{"lapsed", goodPassword, "E=648", "password-expired"},
		{"novice", "wrong", "E=691", "bad-password"},
		{"lapsed", "wrong", "E=691", "bad-password"},
		{"leaver", goodPassword, "E=691", "account-disabled"},
		{"nobody", goodPassword, "E=691", "unknown-user"},
	} {
		result, event := s.tries(deviceOf("peap-mschapv2", tt.user, tt.password))
		if result.Accepted() || event.Reason != tt.reason || !strings.Contains(result.Refusal, tt.told) {
			s.Errorf("%s with %q: %q, %s; want %s", tt.user, tt.password.Reveal(), result.Refusal, event.Reason, tt.reason)
		}
	}
	// Locked by real wrong passwords, at the domain: the guard is not asked there.
	admin, err := dc.Admin()
	s.must(err)
	defer func() { _ = admin.Close() }()
	for range lockoutThreshold {
		_ = admin.Bind(directorytest.UserDN("fumbler"), "wrong")
	}
	for _, method := range []string{"peap-mschapv2", "ttls-pap"} {
		if result, event := s.tries(deviceOf(method, "fumbler", goodPassword)); result.Accepted() || event.Reason != "account-locked" {
			s.Errorf("fumbler by %s: %v, %s", method, result.Code, event.Reason)
		}
	}
}

// domainControllerStopsUnderLoad holds F1 and F2 under load: while people log in, one address of the domain stops and
// goes on, and nobody is refused; the domain controller itself stops and goes on, and
// whoever is refused meanwhile is refused for that, and for nothing else.
func domainControllerStopsUnderLoad(s *stage, dc *directorytest.Controller) {
	var accepted, refused atomic.Int64
	var stop, stopped atomic.Bool
	var all sync.WaitGroup
	for n := range crowd {
		method := []string{"peap-mschapv2", "ttls-pap", "ttls-mschapv2"}[n%3]
		all.Go(func() {
			for !stop.Load() {
				result, event := s.tries(deviceOf(method, fmt.Sprint("wifi", n), goodPassword))
				switch {
				case result.Accepted():
					accepted.Add(1)
				// Whose password had been judged when it stopped lacks its groups.
				case (event.Reason == "directory-unreachable" || event.Reason == "groups-unknown") && stopped.Load():
					refused.Add(1)
				default:
					s.Errorf("%s is refused: %s (%s)", event.Inner, event.Reason, event.Detail)
					return
				}
			}
		})
	}
	defer all.Wait()
	defer stop.Store(true)
	grows := func(what string, of *atomic.Int64, by int64) {
		s.Helper()
		limit := time.Now().Add(time.Minute)
		for from := of.Load(); of.Load() < from+by; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(limit) || s.Failed() {
				s.Fatalf("%s: %d accepted and %d refused", what, accepted.Load(), refused.Load())
			}
		}
	}
	grows("at first", &accepted, 30)
	s.must(s.peers["samba-1"].freeze())
	grows("one address has stopped", &accepted, 60)
	s.must(s.peers["samba-1"].thaw())
	grows("it goes on", &accepted, 60)
	stopped.Store(true)
	s.must(dc.Stop())
	grows("the domain controller has stopped", &refused, crowd)
	s.must(dc.Continue())
	// Everybody who was waiting has been answered once each of them has logged in
	// again.
	grows("it goes on", &accepted, 5*crowd)
	before := refused.Load()
	grows("later", &accepted, 10*crowd)
	if more := refused.Load() - before; more != 0 {
		s.Errorf("%d are refused after everybody could log in again", more)
	}
}
