package directory_test

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"causeway/certs"
	"causeway/radiusd/eap/packet"
	"causeway/realms"
	"causeway/realms/directory"
	"causeway/realms/directory/directorytest"
)

// challengeOf is the exchange of a supplicant that knows a password.
func challengeOf(name string, password certs.Secret) realms.Challenge {
	c := realms.Challenge{UserName: name}
	_, _ = rand.Read(c.Authenticator[:])
	_, _ = rand.Read(c.Peer[:])
	c.NTResponse = packet.NTResponse(c.Authenticator, c.Peer, name, packet.NTHash(password.Reveal()))
	return c
}

func keyOf(password certs.Secret) realms.SessionKey {
	return packet.HashNTHash(packet.NTHash(password.Reveal()))
}

// The domain behaves as every directory does.
func TestADConforms(t *testing.T) {
	c := theDomain(t)
	directorytest.Run(t, func(t *testing.T) realms.Directory { return newAD(t, adConfig(c)) })
}

// A domain controller judges MSCHAPv2, and the key that it gives is the password's.
func TestADJudgesMSCHAPv2(t *testing.T) {
	a := newAD(t, adConfig(theDomain(t)))
	for _, p := range directorytest.People() {
		account, key, err := a.VerifyMSCHAPv2(t.Context(), p.Identity(), challengeOf(p.User, p.Password))
		if p.State != "" {
			if !errors.Is(err, p.State) || key != (realms.SessionKey{}) || account.Name != "" {
				t.Errorf("%s: %+v, %v; want %s", p.User, account, err, p.State)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", p.User, err)
			continue
		}
		got, want := slices.Sorted(slices.Values(account.Groups)), slices.Sorted(slices.Values(p.Groups))
		if !slices.Equal(got, want) || account.GroupsUnknown || account.Name == "" || account.PasswordSet == "" || key != keyOf(p.Password) {
			t.Errorf("%s: %+v, key %x", p.User, account, key)
		}
		_, key, err = a.VerifyMSCHAPv2(t.Context(), p.Identity(), challengeOf(p.User, p.Password+"x"))
		if !errors.Is(err, realms.ErrBadPassword) || key != (realms.SessionKey{}) {
			t.Errorf("%s with a wrong password: %v, key %x", p.User, err, key)
		}
	}
}

// state is how an account of the domain is, and what a good password meets.
type state struct {
	entry directorytest.Entry
	want  realms.Reason
}

// states are accounts of every kind that a domain controller tells apart.
func states() []state {
	user := func(name string) directorytest.Entry { return directorytest.User(name, "good-Pass-1") }
	return []state{
		{user("novice").With("pwdLastSet", "0"), realms.ErrMustChange},
		{user("lapsed"), realms.ErrPasswordExpired},
		{user("nightshift").With("logonHours", strings.Repeat("\x00", 21)), realms.ErrLogonHours},
		{user("kiosk").With("userWorkstations", "KIOSK1"), realms.ErrWorkstation},
		{user("retired").With("userAccountControl", "514"), realms.ErrDisabled},
		{user("visitor").With("accountExpires", directorytest.FileTime(time.Now().AddDate(0, -1, 0))), realms.ErrExpired},
		{user("fumbler"), realms.ErrLocked},
		{user("regular"), ""},
	}
}

// Holds S9 with a real domain controller: each state of an account has its reason,
// the same by MSCHAPv2 as by a bind; only who knows the password is told that it must
// be changed; and both ways are wrong passwords of one account.
func TestS9StatesAtADomainController(t *testing.T) {
	c := theDomain(t)
	for _, s := range states() {
		if err := c.Fill(s.entry); err != nil {
			t.Fatal(err)
		}
	}
	err := c.Fill(
		directorytest.Policy("short-lived", 0, 48*time.Hour, directorytest.UserDN("lapsed")),
		directorytest.Policy("strict", 3, 0, directorytest.UserDN("fumbler")),
	)
	if err != nil {
		t.Fatal(err)
	}
	a := newAD(t, adConfig(c))
	response := func(user string, password certs.Secret) error {
		_, key, err := a.VerifyMSCHAPv2(t.Context(), person(user), challengeOf(user, password))
		if (key == realms.SessionKey{}) != (err != nil) {
			t.Errorf("%s: key %x beside %v", user, key, err)
		}
		return err
	}
	bind := func(user string, password certs.Secret) error {
		_, err := a.CheckPassword(t.Context(), person(user), password)
		return err
	}
	for range 3 { // two ways count together
		if err := response("fumbler", "wrong"); !errors.Is(err, realms.ErrBadPassword) {
			t.Fatalf("fumbler with a wrong password: %v", err)
		}
	}
	if err := c.AgePassword(directorytest.UserDN("lapsed"), 72*time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, s := range states() {
		user := s.entry.Attributes["sAMAccountName"][0]
		for way, try := range map[string]func(string, certs.Secret) error{"MSCHAPv2": response, "a bind": bind} {
			if s.want == realms.ErrWorkstation && way == "a bind" {
				continue // a bind comes from no workstation
			}
			err := try(user, s.entry.Password)
			if s.want == "" && err != nil || s.want != "" && !errors.Is(err, s.want) {
				t.Errorf("%s by %s: %v; want %s", user, way, err, s.want)
			}
			var of *realms.AccountError
			if s.want != "" && (!errors.As(err, &of) || of.Account != s.entry.DN) {
				t.Errorf("%s by %s: %v names no account", user, way, err)
			}
			want := realms.ErrBadPassword
			if s.want == realms.ErrLocked {
				want = realms.ErrLocked
			}
			err = try(user, "wrong")
			if !errors.Is(err, want) || !errors.As(err, &of) || of.Account != s.entry.DN || user != "novice" && of.PasswordSet == "" {
				t.Errorf("%s by %s with a wrong password: %v, %+v; want %s", user, way, err, of, want)
			}
		}
	}
	if err := response("nobody", "x"); !errors.Is(err, realms.ErrUnknownUser) {
		t.Errorf("nobody: %v", err)
	}
}

// Whatever name somebody types, the domain is asked about the account that it has for
// them, and the response is one to the name that their device hashed.
func TestADNames(t *testing.T) {
	c := theDomain(t)
	err := c.Fill(
		directorytest.User("jsmith7", "good-Pass-1").With("userPrincipalName", "joanna.smith@"+directorytest.Domain).With("mail", "j.smith@"+directorytest.Domain),
		directorytest.Computer("PC01", "computer-Pass-1"),
	)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Join("Wifi-Clinical", directorytest.ComputerDN("PC01")); err != nil {
		t.Fatal(err)
	}
	a := newAD(t, adConfig(c))
	for _, tt := range []struct {
		name, hashed, account string
		password              certs.Secret
	}{
		{"jsmith7@" + directorytest.Domain, "jsmith7@" + directorytest.Domain, "jsmith7", "good-Pass-1"},
		{"jsmith7@" + directorytest.Domain, "jsmith7", "jsmith7", "good-Pass-1"},
		{"JSmith7@" + directorytest.Domain, "JSmith7", "jsmith7", "good-Pass-1"},
		{"joanna.smith@" + directorytest.Domain, "joanna.smith@" + directorytest.Domain, "jsmith7", "good-Pass-1"},
		{"j.smith@" + directorytest.Domain, "j.smith", "jsmith7", "good-Pass-1"},
		{"host/PC01." + directorytest.Domain, "host/PC01." + directorytest.Domain, "PC01$", "computer-Pass-1"},
		{"host/pc01." + directorytest.Domain, "host/pc01." + directorytest.Domain, "PC01$", "computer-Pass-1"},
	} {
		id, err := realms.ParseIdentity(tt.name)
		if err != nil {
			t.Fatal(err)
		}
		account, key, err := a.VerifyMSCHAPv2(t.Context(), id, challengeOf(tt.hashed, tt.password))
		if err != nil || account.Name != tt.account || key != keyOf(tt.password) {
			t.Errorf("%s: %+v, %v", tt.name, account, err)
		}
		if id.Machine() && !slices.Contains(account.Groups, "Wifi-All") {
			t.Errorf("%s: groups %q", tt.name, account.Groups)
		}
		// A response to another name is none.
		if _, _, err := a.VerifyMSCHAPv2(t.Context(), id, realms.Challenge{UserName: "else", NTResponse: challengeOf(tt.hashed, tt.password).NTResponse}); !errors.Is(err, realms.ErrBadPassword) {
			t.Errorf("%s to another name: %v", tt.name, err)
		}
	}
}

// A certificate may say whose it is by the security identifier alone (MS-WCCE, section
// 2.2.2.7.7.4): the domain knows its owner, and tells when a name beside it is another's.
func TestADSecurityIdentifiers(t *testing.T) {
	c := theDomain(t)
	if err := c.Fill(directorytest.User("bearer", "good-Pass-1"), directorytest.User("neighbour", "good-Pass-1")); err != nil {
		t.Fatal(err)
	}
	octets, err := c.Read(directorytest.UserDN("bearer"), "objectSid")
	if err != nil {
		t.Fatal(err)
	}
	sid := fmt.Sprintf("S-1-%d", octets[7])
	for at := 8; at < len(octets); at += 4 {
		sid += fmt.Sprintf("-%d", binary.LittleEndian.Uint32([]byte(octets[at:])))
	}
	a := newAD(t, adConfig(c))
	of := func(user string) realms.Identity { return realms.Identity{User: user, Realm: directorytest.Domain} }
	for _, tt := range []struct {
		sid  string
		id   realms.Identity
		want realms.Reason
	}{
		{sid, realms.Identity{}, ""},
		{sid, of("bearer"), ""},
		{sid, of("neighbour"), realms.ErrClientCertIdentity},
		{sid + "9", realms.Identity{}, realms.ErrUnknownUser},
	} {
		account, err := a.LookupSID(t.Context(), tt.sid, tt.id)
		reason := realms.Reason("")
		errors.As(err, &reason)
		if reason != tt.want || (tt.want == "") != (account.Name == "bearer") {
			t.Errorf("%s as %q: %+v, %v", tt.sid, tt.id, account, err)
		}
	}
}

// What a domain controller says of us is told in words.
func TestADRefusalsInWords(t *testing.T) {
	c := theDomain(t)
	if err := c.Fill(directorytest.Computer("RADIUS9", machinePassword).With("userAccountControl", "4098")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		computer string
		password certs.Secret
		says     string
	}{
		{"RADIUS1", "another-Pass-1", "the domain controller refuses the password of RADIUS1$"},
		{"NOBODY", machinePassword, "the domain has no computer account NOBODY$"},
		{"RADIUS9", machinePassword, "RADIUS9$"}, // disabled
	} {
		cfg := adConfig(c)
		// LDAP has an account of its own here, so that Netlogon comes to speak.
		cfg.Computer, cfg.ComputerPassword, cfg.Bind, cfg.Password = tt.computer, tt.password, directorytest.AdminDN, c.AdminPassword
		a := newAD(t, cfg)
		_, _, err := a.VerifyMSCHAPv2(t.Context(), person("nurse"), challengeOf("nurse", "correct horse"))
		if !errors.Is(err, realms.ErrMisconfigured) || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), tt.password.Reveal()) {
			t.Errorf("%s: %v; want %q", tt.computer, err, tt.says)
		}
	}
	cfg := adConfig(c)
	cfg.ComputerPassword = "another-Pass-1"
	if _, err := newAD(t, cfg).Lookup(t.Context(), person("nurse")); !errors.Is(err, realms.ErrMisconfigured) || !strings.Contains(err.Error(), "the service account RADIUS1$@northbridge.nhs.uk") {
		t.Errorf("by LDAP: %v", err)
	}
}

// Servers of a pair may have one computer account: where their negotiations cross, one
// of them negotiates again.
func TestADSharedComputerAccount(t *testing.T) {
	c := theDomain(t)
	var nodes []*directory.AD
	for _, host := range []string{"dc1", "DC1.", "dc1.northbridge.nhs.uk", "10.0.0.1"} { // so that they know nothing of each other
		cfg := adConfig(c)
		cfg.Servers, cfg.ServerName = []string{host}, directorytest.ServerName
		nodes = append(nodes, newAD(t, cfg))
	}
	many(t, 40, func() error {
		var errs []error
		for _, a := range nodes {
			_, _, err := a.VerifyMSCHAPv2(t.Context(), person("nurse"), challengeOf("nurse", "correct horse"))
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
}

// LDAP by StartTLS, for domains that have it.
func TestADStartTLS(t *testing.T) {
	cfg := adConfig(theDomain(t))
	cfg.StartTLS = true
	if _, _, err := newAD(t, cfg).VerifyMSCHAPv2(t.Context(), person("nurse"), challengeOf("nurse", "correct horse")); err != nil {
		t.Error(err)
	}
}
