package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	ldap "github.com/go-ldap/ldap/v3"

	"causeway/realms"
)

// A ControllerReport is what came of asking one domain controller both ways.
type ControllerReport struct {
	Host                   string
	LDAP, Netlogon         error // nil: it answers and lets us in
	LDAPTook, NetlogonTook time.Duration
	ClockAhead             time.Duration // of its clock before ours; 0 when LDAP does not answer
}

// Examine asks every domain controller, by LDAP and by Netlogon, and says what each
// answers. Its own error is that none are known.
func (a *AD) Examine(ctx context.Context) ([]ControllerReport, error) {
	all, err := a.known(ctx)
	if err != nil {
		return nil, err
	}
	var reports []ControllerReport
	for _, c := range all {
		r := ControllerReport{Host: c.host}
		r.LDAPTook, r.LDAP = a.timed(ctx, func(ctx context.Context) (err error) {
			r.ClockAhead, err = c.clock(ctx, a.ldap.cfg.Now)
			return err
		})
		r.NetlogonTook, r.Netlogon = a.timed(ctx, c.ask)
		reports = append(reports, r)
	}
	return reports, nil
}

// timed asks one thing, within the time for one request.
func (a *AD) timed(ctx context.Context, ask func(ctx context.Context) error) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, a.rota.attempt)
	defer cancel()
	began := time.Now()
	err := ask(ctx)
	if f := asFault(err); f != nil { // without the kind, which is no part of the words
		err = fmt.Errorf("%w: %w", f.error, kindOf(f))
	}
	return time.Since(began), err
}

func kindOf(f *fault) realms.Reason {
	if f.misconfigured {
		return realms.ErrMisconfigured
	}
	return realms.ErrUnreachable
}

// clock reads a domain controller's clock: Windows refuses who is minutes away.
func (c *controller) clock(ctx context.Context, now func() time.Time) (ahead time.Duration, err error) {
	res, err := c.ldap.search(ctx, ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)", []string{"currentTime"}, nil))
	if err != nil {
		return 0, err
	}
	if len(res.Entries) != 1 {
		return 0, errors.New("it has no root entry")
	}
	theirs, err := time.Parse("20060102150405.0Z", value(res.Entries[0], "currentTime"))
	if err != nil {
		return 0, nil //nolint:nilerr // a server that does not tell the time is none that tells a wrong one
	}
	return theirs.Sub(now()).Round(time.Second), nil
}
