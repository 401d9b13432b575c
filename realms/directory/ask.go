package directory

import (
	"context"
	"errors"
	"fmt"

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
func (l *LDAP) each(ctx context.Context, ask func(ctx context.Context, s *server) error) error {
	servers, err := l.known(ctx)
	if err != nil {
		return err
	}
	return each(ctx, l.rota, servers, ask)
}

// asFault sorts errors: nil for an answer, even one that says no.
func asFault(err error) *fault {
	if err == nil {
		return nil
	}
	var known *fault
	if errors.As(err, &known) {
		return known
	}
	if reason := realms.Reason(""); errors.As(err, &reason) {
		return nil
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
