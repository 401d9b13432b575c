package integration

import (
	"errors"
	"fmt"
	"strings"
	"time"

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
	return dc.AgePassword(directorytest.UserDN("lapsed"), 72*time.Hour)
}

// lockoutThreshold is what the domain bears: just above what the guard lets through
// by default.
const lockoutThreshold = 7

