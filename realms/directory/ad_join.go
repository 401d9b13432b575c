package directory

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"

	ldap "github.com/go-ldap/ldap/v3"

	"causeway/certs"
	"causeway/realms"
)

// A JoinRequest asks for a computer account.
type JoinRequest struct {
	// AD is the domain and the account to be: ComputerPassword is set anew, and Bind
	// and Password are of somebody who may make computer accounts.
	AD ADConfig
	// OU is where the account is made; empty: where the domain has its computers.
	OU string
	// TakeOver has an account that is there already be ours. Without it, it is left
	// as it is.
	TakeOver bool
}

// A JoinReport is what has been done.
type JoinReport struct {
	DN     string // of the account
	Made   bool   // it was not there before
	Server string // the domain controller that has it now; the others learn of it
}

// ErrComputerExists is why nothing was done: there is an account of that name, and it
// may be somebody's.
var ErrComputerExists = errors.New("the domain has such a computer account")

// NewComputerPassword makes a password that no policy finds too simple and nobody
// guesses.
func NewComputerPassword() certs.Secret {
	return certs.Secret(rand.Text() + "-" + strings.ToLower(rand.Text()) + ".9")
}

// joinLimit is for all of it.
const joinLimit = time.Minute

// Join makes a computer account, or takes one over, and opens a secure channel with
// it. Its errors are those of a directory.
func Join(ctx context.Context, req JoinRequest) (JoinReport, error) {
	a, err := NewAD(req.AD)
	if err != nil {
		return JoinReport{}, err
	}
	defer a.Close()
	ctx, cancel := context.WithTimeout(ctx, joinLimit)
	defer cancel()
	all, err := a.known(ctx)
	if err != nil {
		return JoinReport{}, err
	}
	// All of it is done at one domain controller: the others learn of the account
	// minutes later.
	var faults []string
	for _, c := range inOrder(all) {
		conn, err := c.ldap.dialSearching(ctx)
		if f := asFault(err); f != nil && f.misconfigured {
			// Asking the others too would count against the administrator.
			return JoinReport{}, fmt.Errorf("%s: %w: %w", c.host, f.error, realms.ErrMisconfigured)
		}
		if err != nil {
			faults = append(faults, c.host+": "+err.Error())
			continue
		}
		report, err := a.joinAt(ctx, conn, req)
		conn.kill()
		if err != nil {
			return report, fmt.Errorf("%s: %w", c.host, err)
		}
		report.Server = c.host
		if _, err := c.dial(); err != nil {
			return report, fmt.Errorf("%s: the account is there, but opens no secure channel: %w", c.host, err)
		}
		return report, nil
	}
	return JoinReport{}, fmt.Errorf("no domain controller lets %s in: %s: %w", req.AD.Bind, strings.Join(faults, "; "), realms.ErrUnreachable)
}

// joinAt does it at one domain controller.
func (a *AD) joinAt(ctx context.Context, conn *conn, req JoinRequest) (report JoinReport, err error) {
	base := baseOf(a.cfg.Domain)
	name := a.cfg.Computer + "$"
	found, err := conn.search(ctx, ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, mostMatches, 0, false,
		"(sAMAccountName="+ldap.EscapeFilter(name)+")", []string{"userAccountControl"}, a.ldap.schema.controls))
	if err != nil {
		return report, fmt.Errorf("search for %s: %w", name, err)
	}
	if len(found.Entries) > 0 {
		report.DN = found.Entries[0].DN
		if !req.TakeOver {
			return report, fmt.Errorf("%w: %s", ErrComputerExists, report.DN)
		}
		if kind, _ := number(found.Entries[0], "userAccountControl"); kind&uacWorkstation == 0 {
			return report, fmt.Errorf("%s is no member's account, as of a domain controller or of a person: it is left alone", report.DN)
		}
		return report, a.takeOver(ctx, conn, report.DN)
	}
	container := req.OU
	if container == "" {
		if container, err = computersOf(ctx, conn, base); err != nil {
			return report, err
		}
	}
	report.DN, report.Made = "CN="+a.cfg.Computer+","+container, true
	add := ldap.NewAddRequest(report.DN, nil)
	add.Attribute("objectClass", []string{"computer"})
	add.Attribute("sAMAccountName", []string{name})
	add.Attribute("dNSHostName", []string{strings.ToLower(a.cfg.Computer) + "." + a.cfg.Domain})
	add.Attribute("userAccountControl", []string{workstationTrust})
	add.Attribute("unicodePwd", []string{a.unicodePassword()})
	if _, err := do(ctx, conn.closed, func() (any, error) { return nil, conn.ldap.Add(add) }); err != nil {
		return report, fmt.Errorf("make %s: %w", report.DN, err)
	}
	return report, nil
}

// takeOver gives an account that is there our password, and enables it.
func (a *AD) takeOver(ctx context.Context, conn *conn, dn string) error {
	change := ldap.NewModifyRequest(dn, nil)
	change.Replace("unicodePwd", []string{a.unicodePassword()})
	change.Replace("userAccountControl", []string{workstationTrust})
	if _, err := do(ctx, conn.closed, func() (any, error) { return nil, conn.ldap.Modify(change) }); err != nil {
		return fmt.Errorf("take %s over: %w", dn, err)
	}
	return nil
}

// workstationTrust is the account of a member, and nothing else (MS-ADTS, section
// 2.2.16).
const (
	uacWorkstation   = 0x1000
	workstationTrust = "4096"
)

// unicodePassword is how a password is written (MS-ADTS, section 3.1.1.3.1.5).
func (a *AD) unicodePassword() string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(`"` + a.cfg.ComputerPassword.Reveal() + `"`)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

// computersOf finds where the domain has its computers, by the name that stays when
// an administrator has moved it (MS-ADTS, section 6.1.1.4).
func computersOf(ctx context.Context, conn *conn, base string) (string, error) {
	const computers = "AA312825768811D1ADED00C04FD8D5CD"
	found, err := conn.search(ctx, ldap.NewSearchRequest(base, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)", []string{"wellKnownObjects"}, nil))
	if err == nil && len(found.Entries) != 1 {
		err = errors.New("there is no such entry")
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", base, err)
	}
	for _, known := range found.Entries[0].GetEqualFoldAttributeValues("wellKnownObjects") {
		if prefix := "B:32:" + computers + ":"; len(known) > len(prefix) && strings.EqualFold(known[:len(prefix)], prefix) {
			return known[len(prefix):], nil
		}
	}
	return "CN=Computers," + base, nil
}
