package directory_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"causeway/realms"
	"causeway/realms/directory"
	"causeway/realms/directory/directorytest"
)

// A computer account is made where the domain has its computers, or where one is told;
// with it the domain is open; and what is somebody else's is left alone.
func TestADJoin(t *testing.T) {
	c := theDomain(t)
	if err := c.Remove(directorytest.ComputerDN("RADIUS5"), directorytest.ComputerDN("RADIUS7"), directorytest.ComputerDN("RADIUS8")); err != nil {
		t.Fatal(err)
	}
	if err := c.Fill(
		directorytest.User("helper", "good-Pass-1"),
		directorytest.Entry{DN: "OU=Servers," + directorytest.DomainBase, Attributes: map[string][]string{"objectClass": {"organizationalUnit"}}},
	); err != nil {
		t.Fatal(err)
	}
	request := func(name string) directory.JoinRequest {
		cfg := adConfig(c)
		cfg.Computer, cfg.ComputerPassword = name, directory.NewComputerPassword()
		cfg.Bind, cfg.Password = "administrator@"+directorytest.Domain, c.AdminPassword
		return directory.JoinRequest{AD: cfg}
	}
	works := func(req directory.JoinRequest) error {
		cfg := req.AD
		cfg.Bind, cfg.Password = "", ""
		_, _, err := newAD(t, cfg).VerifyMSCHAPv2(t.Context(), person("nurse"), challengeOf("nurse", "correct horse"))
		return err
	}

	first := request("radius5$")
	report, err := directory.Join(t.Context(), first)
	if err != nil || report.DN != directorytest.ComputerDN("RADIUS5") || !report.Made || report.Server != directorytest.ServerName {
		t.Fatalf("%+v, %v", report, err)
	}
	if err := works(first); err != nil {
		t.Error(err)
	}
	again := request("RADIUS5")
	if _, err := directory.Join(t.Context(), again); !errors.Is(err, directory.ErrComputerExists) || !strings.Contains(err.Error(), "CN=RADIUS5,") {
		t.Errorf("a second time: %v", err)
	}
	if err := works(first); err != nil {
		t.Errorf("after a second time: %v", err)
	}
	again.TakeOver = true
	if report, err := directory.Join(t.Context(), again); err != nil || report.Made {
		t.Errorf("taken over: %+v, %v", report, err)
	}
	if err := works(again); err != nil {
		t.Errorf("after it was taken over: %v", err)
	}
	elsewhere := request("RADIUS6")
	elsewhere.OU = "OU=Servers," + directorytest.DomainBase
	if report, err := directory.Join(t.Context(), elsewhere); err != nil || report.DN != "CN=RADIUS6,OU=Servers,"+directorytest.DomainBase {
		t.Errorf("elsewhere: %+v, %v", report, err)
	}

	dc := request("DC1")
	dc.TakeOver = true
	if _, err := directory.Join(t.Context(), dc); err == nil || !strings.Contains(err.Error(), "left alone") {
		t.Errorf("a domain controller's account: %v", err)
	}
	stranger := request("RADIUS7")
	stranger.AD.Password = "wrong"
	if _, err := directory.Join(t.Context(), stranger); !errors.Is(err, realms.ErrMisconfigured) || !strings.Contains(err.Error(), "administrator@") {
		t.Errorf("a wrong password: %v", err)
	}
	powerless := request("RADIUS5")
	powerless.AD.Bind, powerless.AD.Password, powerless.TakeOver = "helper@"+directorytest.Domain, "good-Pass-1", true
	if _, err := directory.Join(t.Context(), powerless); err == nil || !strings.Contains(err.Error(), "take CN=RADIUS5") {
		t.Errorf("somebody without the right: %v", err)
	}
	if err := works(again); err != nil {
		t.Errorf("after all of that: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := directory.Join(ctx, request("RADIUS8")); err == nil {
		t.Error("with an ended context it joins")
	}
}

// Each domain controller is asked, and its clock.
func TestADExamine(t *testing.T) {
	c := theDomain(t)
	cfg := adConfig(c)
	reports, err := newAD(t, cfg).Examine(t.Context())
	if err != nil || len(reports) != 1 || reports[0].LDAP != nil || reports[0].Netlogon != nil || reports[0].Host != directorytest.ServerName || reports[0].ClockAhead.Abs().Hours() > 1 {
		t.Errorf("%+v, %v", reports, err)
	}
	cfg.ComputerPassword = "another"
	reports, err = newAD(t, cfg).Examine(t.Context())
	if err != nil || !errors.Is(reports[0].LDAP, realms.ErrMisconfigured) || !errors.Is(reports[0].Netlogon, realms.ErrMisconfigured) {
		t.Errorf("with a wrong password: %+v, %v", reports, err)
	}
}
