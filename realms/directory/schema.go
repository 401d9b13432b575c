package directory

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	ldap "github.com/go-ldap/ldap/v3"

	"causeway/realms"
)

// A schema is what the two families of servers do differently.
type schema struct {
	user, machine          string   // filters
	groupFilter, groupName string   // as in LDAPConfig
	name                   []string // attributes that name an account, the best first
	attributes             []string // what is read of an entry, beside the following
	passwordSet            []string // attributes that tell when its password was set
	controls               []ldap.Control
	standing               func(entry *ldap.Entry, now time.Time) standing
	groups                 func(ctx context.Context, l *LDAP, entry *ldap.Entry) (names []string, complete bool)
}

// adDomainScope asks Active Directory for no continuation references: at the root
// of a domain it sends three with every answer, to partitions that hold no
// people. Groups of other domains are not seen either way.
const adDomainScope = "1.2.840.113556.1.4.1339"

var schemas = map[string]schema{
	"openldap": {
		user: "(|(uid={user})(mail={name}))",
		// Somebody's own cn must not make a computer of them: rules trust devices.
		machine: "(|(uid={user})(&(cn={host})(!(objectClass=person))" +
			"(|(objectClass=device)(objectClass=ipHost)(objectClass=ieee802Device)(objectClass=ipaHost)(objectClass=nsHost))))",
		groupFilter: "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=groupOfMembers)(objectClass=posixGroup))",
		groupName:   "cn",
		name:        []string{"uid", "cn"},
		attributes: []string{
			"uid", "cn", "shadowExpire", "nsAccountLock", "loginDisabled", "sambaAcctFlags", "sambaKickoffTime",
			"krbPrincipalExpiration", "pwdAccountLockedTime", "pwdReset",
		},
		passwordSet: []string{"pwdChangedTime", "sambaPwdLastSet", "krbLastPwdChange"},
		standing:    openldapStanding,
		groups:      walkGroups,
	},
	"ad": {
		user:        "(&(objectCategory=person)(objectClass=user)(|(sAMAccountName={user})(userPrincipalName={name})(mail={name})))",
		machine:     "(&(objectCategory=computer)(dNSHostName={host}))",
		groupFilter: "(objectClass=group)",
		groupName:   "sAMAccountName", // unlike a CN it is unique in the domain
		name:        []string{"sAMAccountName", "userPrincipalName"},
		attributes: []string{
			"sAMAccountName", "userPrincipalName", "userAccountControl", "msDS-User-Account-Control-Computed",
			"accountExpires", "lockoutTime",
		},
		passwordSet: []string{"pwdLastSet"},
		controls:    []ldap.Control{ldap.NewControlString(adDomainScope, false, "")},
		standing:    adStanding,
		groups:      chainGroups,
	},
}

// A standing is what an entry says of its account; nil is good.
type standing struct {
	account  error // disabled or expired: for everybody
	lock     error // locked after too many wrong passwords
	password error // the password must be changed first
}

// setAt tells when the password of an entry was set, in the server's own words;
// empty: it does not tell.
func (s schema) setAt(entry *ldap.Entry) string {
	var told []string
	for _, attribute := range s.passwordSet {
		if at := value(entry, attribute); at != "" {
			told = append(told, at)
		}
	}
	return strings.Join(told, " ")
}

// Bits of userAccountControl and its computed twin (MS-ADTS, section 2.2.16).
const (
	uacDisabled        = 0x2
	uacLockout         = 0x10
	uacNeverExpires    = 0x10000
	uacPasswordExpired = 0x800000
)

// adNever is accountExpires of an account that does not expire; so is 0.
const adNever = 1<<63 - 1

func adStanding(entry *ldap.Entry, now time.Time) standing {
	var s standing
	control, known := number(entry, "userAccountControl")
	switch expires, _ := number(entry, "accountExpires"); {
	case !known:
		// Without it a leaver's certificate would be good for ever.
		s.account = fmt.Errorf("its userAccountControl cannot be read; let the service account read it: %w", realms.ErrMisconfigured)
	case control&uacDisabled != 0:
		s.account = fmt.Errorf("disabled: %w", realms.ErrDisabled)
	case expires != 0 && expires != adNever && !now.Before(fileTime(expires)):
		s.account = fmt.Errorf("expired at %s: %w", fileTime(expires).Format(time.RFC3339), realms.ErrExpired)
	}
	computed, isComputed := number(entry, "msDS-User-Account-Control-Computed")
	lockout, _ := number(entry, "lockoutTime")
	if computed&uacLockout != 0 || !isComputed && lockout != 0 {
		s.lock = fmt.Errorf("locked after wrong passwords: %w", realms.ErrLocked)
	}
	if control&uacNeverExpires != 0 {
		return s
	}
	if set, known := number(entry, "pwdLastSet"); known && set == 0 {
		s.password = fmt.Errorf("must change the password: %w", realms.ErrMustChange)
	} else if computed&uacPasswordExpired != 0 {
		s.password = fmt.Errorf("its password has expired: %w", realms.ErrPasswordExpired)
	}
	return s
}

// openldapStanding reads what OpenLDAP, FreeIPA, 389, eDirectory and Samba's
// schema write. A value that cannot be read counts against the account.
func openldapStanding(entry *ldap.Entry, now time.Time) standing {
	var s standing
	switch {
	case isTrue(entry, "nsAccountLock"), isTrue(entry, "loginDisabled"), strings.Contains(value(entry, "sambaAcctFlags"), "D"):
		s.account = fmt.Errorf("disabled: %w", realms.ErrDisabled)
	default:
		s.account = openldapExpiry(entry, now)
	}
	locked := value(entry, "pwdAccountLockedTime")
	switch {
	case locked == pwdLockedForGood:
		s.account = first(s.account, fmt.Errorf("locked until an administrator unlocks it: %w", realms.ErrLocked))
	case locked != "" || strings.Contains(value(entry, "sambaAcctFlags"), "L"):
		s.lock = fmt.Errorf("locked after wrong passwords: %w", realms.ErrLocked)
	}
	if isTrue(entry, "pwdReset") {
		s.password = fmt.Errorf("must change the password: %w", realms.ErrMustChange)
	}
	return s
}

// pwdLockedForGood is the time that means "by an administrator"
// (draft-behera-ldap-password-policy, section 5.3.3).
const pwdLockedForGood = "000001010000Z"

func openldapExpiry(entry *ldap.Entry, now time.Time) error {
	var until time.Time
	if days := value(entry, "shadowExpire"); days != "" && days != "-1" {
		n, _ := strconv.ParseInt(days, 10, 32) // what is no number is 1970
		until = time.Unix(n*24*60*60, 0)
	}
	if seconds := value(entry, "sambaKickoffTime"); seconds != "" {
		n, _ := strconv.ParseInt(seconds, 10, 64)
		until = earlier(until, time.Unix(n, 0))
	}
	if text := value(entry, "krbPrincipalExpiration"); text != "" {
		t, err := time.Parse("20060102150405Z", text)
		if err != nil {
			t = time.Unix(0, 0)
		}
		until = earlier(until, t)
	}
	if until.IsZero() || now.Before(until) {
		return nil
	}
	return fmt.Errorf("expired at %s: %w", until.UTC().Format(time.RFC3339), realms.ErrExpired)
}

// earlier returns the earlier of two times, where zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func value(entry *ldap.Entry, attribute string) string {
	return entry.GetEqualFoldAttributeValue(attribute)
}

func isTrue(entry *ldap.Entry, attribute string) bool {
	return strings.EqualFold(value(entry, attribute), "true")
}

func number(entry *ldap.Entry, attribute string) (n int64, known bool) {
	n, err := strconv.ParseInt(value(entry, attribute), 10, 64)
	return n, err == nil
}

// fileTime is Windows' count of 100 ns since 1601.
func fileTime(n int64) time.Time {
	const from1601to1970 = 11_644_473_600 // seconds
	return time.Unix(n/1e7-from1601to1970, n%1e7*100).UTC()
}
