package directory

import (
	"errors"
	"fmt"
	"strings"

	ldap "github.com/go-ldap/ldap/v3"

	"causeway/realms"
)

// adSubCodes are the Windows errors that Active Directory hides in the text of
// "invalid credentials", as "…, data 52e, v4563".
var adSubCodes = []struct {
	code   string
	reason realms.Reason
	text   string
}{
	{"525", realms.ErrUnknownUser, "Active Directory does not know the name"},
	{"52e", realms.ErrBadPassword, "wrong password"},
	{"530", realms.ErrLogonHours, "outside the account's logon hours"},
	{"531", realms.ErrWorkstation, "the account may log on at named computers only"},
	{"532", realms.ErrPasswordExpired, "its password has expired"},
	{"533", realms.ErrDisabled, "disabled"},
	{"701", realms.ErrExpired, "expired"},
	{"773", realms.ErrMustChange, "must change the password"},
	{"775", realms.ErrLocked, "locked after wrong passwords"},
}

// bindReason says why a bind failed. Servers that give a bare "no" are helped by
// what the entry said.
func bindReason(err error, s standing) error {
	var reason realms.Reason
	if errors.As(err, &reason) {
		return err // no server could be asked
	}
	var result *ldap.Error
	if !errors.As(err, &result) {
		return fmt.Errorf("%w: %w", err, realms.ErrMisconfigured)
	}
	switch result.ResultCode {
	case ldap.LDAPResultInvalidCredentials:
		for _, sub := range adSubCodes {
			if strings.Contains(strings.ToLower(result.Err.Error()), "data "+sub.code+",") {
				return fmt.Errorf("%s: %w", sub.text, sub.reason)
			}
		}
		return first(s.lock, lockOf(s.account), fmt.Errorf("wrong password: %w", realms.ErrBadPassword))
	case ldap.LDAPResultInappropriateAuthentication:
		return fmt.Errorf("the entry has no password: %w", realms.ErrBadPassword)
	case ldap.LDAPResultNoSuchObject:
		return fmt.Errorf("the entry has just gone: %w", realms.ErrUnknownUser)
	case ldap.LDAPResultConstraintViolation: // 389 after too many wrong passwords
		return fmt.Errorf("locked after wrong passwords: %w", realms.ErrLocked)
	case ldap.LDAPResultUnwillingToPerform: // 389 for an inactivated account
		return first(s.account, s.lock, fmt.Errorf("the server is unwilling to check the password: %w", realms.ErrMisconfigured))
	}
	return fmt.Errorf("the server refuses to check passwords: %w: %w", result, realms.ErrMisconfigured)
}

// lockOf keeps an error that is a lock: a server says nothing else of those.
func lockOf(err error) error {
	if errors.Is(err, realms.ErrLocked) {
		return err
	}
	return nil
}
