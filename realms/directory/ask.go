package directory

import (
	"context"
	"errors"
	"fmt"
	"strings"

	ldap "github.com/go-ldap/ldap/v3"

	"causeway/certs"
	"causeway/realms"
)

// A finding is the answer to a search, whole or cut short.
type finding struct {
	entries  []*ldap.Entry
	limited  bool // a limit of size, time or patience cut it short
	referred bool // part of it lies on another server, which is not asked
}

func (f finding) whole() bool { return !f.limited && !f.referred }

// search asks the first server that works. A filter that fits nothing, and an
// answer cut short, are no errors.
func (l *LDAP) search(ctx context.Context, base, filter string, limit int, attributes []string) (finding, error) {
	req := ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, limit, 0, false, filter, attributes, l.schema.controls)
	var found finding
	err := l.each(ctx, func(ctx context.Context, s *server) error {
		res, err := s.search(ctx, req)
		found = finding{}
		if res != nil {
			found.entries, found.referred = res.Entries, len(res.Referrals) > 0
		}
		switch {
		case ldap.IsErrorAnyOf(err, ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultAdminLimitExceeded):
			found.limited = true
			return nil
		case ldap.IsErrorWithCode(err, ldap.LDAPResultReferral):
			found.referred = true
			return nil
		}
		return err
	})
	if err == nil {
		return found, nil
	}
	if reason := realms.Reason(""); errors.As(err, &reason) {
		return finding{}, err
	}
	return finding{}, fmt.Errorf("directory %s: search below %q: %w: %w", l.cfg.Name, base, err, realms.ErrMisconfigured)
}

// bind checks one password.
func (l *LDAP) bind(ctx context.Context, dn string, password certs.Secret) error {
	return l.each(ctx, func(ctx context.Context, s *server) error {
		return s.bind(ctx, dn, password)
	})
}

// each puts a question to one server after the other until one has answered it.
// An error of the server itself, and not of the question, sends it to the next.
func (l *LDAP) each(ctx context.Context, ask func(ctx context.Context, s *server) error) error {
	var faults []string
	misconfigured := true
	for _, s := range l.inOrder() {
		err := s.resting()
		if err == nil {
			err = l.attempt(ctx, s, ask)
		}
		f := asFault(err)
		if f == nil {
			return err
		}
		faults = append(faults, s.name+": "+f.Error())
		misconfigured = misconfigured && f.misconfigured
		if ctx.Err() != nil {
			misconfigured = false
			break
		}
	}
	reason := realms.ErrUnreachable
	if misconfigured && len(faults) > 0 {
		reason = realms.ErrMisconfigured
	}
	return fmt.Errorf("directory %s: %s: %w", l.cfg.Name, strings.Join(faults, "; "), reason)
}

// attempt gives one server its share of the time.
func (l *LDAP) attempt(ctx context.Context, s *server, ask func(ctx context.Context, s *server) error) error {
	limited, cancel := context.WithTimeout(ctx, l.cfg.Attempt)
	defer cancel()
	err := ask(limited, s)
	f := asFault(err)
	if f == nil {
		s.answered()
		return err
	}
	// A caller that went away says nothing of the server.
	if !errors.Is(ctx.Err(), context.Canceled) && l.ctx.Err() == nil {
		s.markDown(f)
	}
	return f
}

// inOrder lists the servers that are up, as configured, and then the others:
// when all are down, one of them may have just come back.
func (l *LDAP) inOrder() []*server {
	up := make([]*server, 0, len(l.servers))
	var down []*server
	for _, s := range l.servers {
		if s.isUp() {
			up = append(up, s)
		} else {
			down = append(down, s)
		}
	}
	return append(up, down...)
}

// A fault is an error of a server and not of the question.
type fault struct {
	error
	misconfigured bool // the server is well and refuses us
}

func (f *fault) Unwrap() error { return f.error }

// asFault sorts errors: nil for an answer, even one that says no.
func asFault(err error) *fault {
	if err == nil {
		return nil
	}
	var known *fault
	if errors.As(err, &known) {
		return known
	}
	var result *ldap.Error
	if !errors.As(err, &result) {
		return &fault{error: err}
	}
	switch result.ResultCode {
	case ldap.LDAPResultOperationsError, // Active Directory: the connection is no longer bound
		ldap.LDAPResultBusy, ldap.LDAPResultUnavailable, ldap.LDAPResultOther,
		ldap.LDAPResultProtocolError,
		ldap.ErrorNetwork, ldap.ErrorUnexpectedMessage, ldap.ErrorUnexpectedResponse, ldap.ErrorMalformedPacket:
		return &fault{error: err}
	}
	return nil
}

// isAnswer says that the server itself said no, and that the connection is well.
func isAnswer(err error) bool {
	var result *ldap.Error
	return errors.As(err, &result) && result.ResultCode < ldap.ErrorNetwork
}
