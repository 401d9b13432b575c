package directory_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	ldap "github.com/go-ldap/ldap/v3"

	"causeway/certs"
	"causeway/realms"
	"causeway/realms/directory"
	"causeway/realms/directory/directorytest"
)

const nurseDN = "CN=Nurse \\2B (x),OU=Staff," + base

// activeDirectory answers searches for people with one nurse, and searches for
// groups with groups.
func activeDirectory(nurse []string, groups ...*ber.Packet) *responder {
	ok := done(ldap.ApplicationSearchResultDone, result{})
	return &responder{search: func(filter string) []*ber.Packet {
		switch {
		case strings.Contains(filter, "objectClass=group"):
			return append(slices.Clone(groups), ok)
		case strings.Contains(filter, "sAMAccountName=nurse"):
			return []*ber.Packet{found(nurseDN, nurse...), ok}
		}
		return []*ber.Packet{ok}
	}}
}

// goodNurse is an entry as Active Directory shows it.
var goodNurse = []string{
	"sAMAccountName", "nurse", "userAccountControl", "512", "accountExpires", "9223372036854775807",
	"msDS-User-Account-Control-Computed", "0", "lockoutTime", "0", "pwdLastSet", "133500000000000000",
}

func adOf(t *testing.T, r *responder) *directory.LDAP {
	t.Helper()
	cfg := configOf(t, r.serve(t))
	cfg.Schema, cfg.GroupBase, cfg.NTHashAttribute = "ad", "", ""
	cfg.Retry = time.Hour
	return newLDAP(t, cfg)
}

func TestActiveDirectory(t *testing.T) {
	r := activeDirectory(goodNurse,
		found("CN=Wifi-Clinical,OU=Groups,"+base, "sAMAccountName", "Wifi-Clinical"),
		found("CN=All,OU=Groups,"+base, "sAMAccountName", "Everybody"))
	l := adOf(t, r)
	account, err := l.CheckPassword(t.Context(), person("nurse"), "good")
	if err != nil || account.Name != "nurse" || account.GroupsUnknown || !slices.Equal(account.Groups, []string{"Wifi-Clinical", "Everybody"}) {
		t.Fatalf("%+v, %v", account, err)
	}
	binds, searches, controls := r.asked()
	if !slices.Equal(binds, []string{serviceDN, nurseDN}) && !slices.Equal(binds, []string{serviceDN, nurseDN, serviceDN}) {
		t.Errorf("binds %q", binds)
	}
	// The matching rule does the nesting, and the name of the entry is escaped.
	chain := `(&(objectClass=group)(member:1.2.840.113556.1.4.1941:=CN=Nurse \5c2B \28x\29,OU=Staff,` + base + `))`
	if !slices.Contains(searches, chain) {
		t.Errorf("no search %s in\n%s", chain, strings.Join(searches, "\n"))
	}
	if len(controls) != 2 || controls[0] != "1.2.840.113556.1.4.1339" {
		t.Errorf("controls %q; want the domain scope with each search", controls)
	}
	// Without an attribute for NT hashes nobody is asked.
	if _, err := l.NTHash(t.Context(), person("nurse")); !errors.Is(err, realms.ErrNoHash) {
		t.Errorf("NTHash: %v", err)
	}
}

func TestActiveDirectoryComputers(t *testing.T) {
	r := activeDirectory(nil)
	id, err := realms.ParseIdentity("host/pc01.northbridge.nhs.uk")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := adOf(t, r).Lookup(t.Context(), id); !errors.Is(err, realms.ErrUnknownUser) {
		t.Error(err)
	}
	_, searches, _ := r.asked()
	if want := "(&(objectCategory=computer)(dNSHostName=pc01.northbridge.nhs.uk))"; !slices.Equal(searches, []string{want}) {
		t.Errorf("searches %q, want %s", searches, want)
	}
}

// Holds S9 here: each sub-code has its reason. Alike on the wire is the EAP
// server's part.
func TestS9SubCodes(t *testing.T) {
	for code, want := range map[string]realms.Reason{
		"525": realms.ErrUnknownUser, "52e": realms.ErrBadPassword, "530": realms.ErrLogonHours, "531": realms.ErrWorkstation,
		"532": realms.ErrPasswordExpired, "533": realms.ErrDisabled, "701": realms.ErrExpired, "773": realms.ErrMustChange,
		"775": realms.ErrLocked, "52E": realms.ErrBadPassword, "999": realms.ErrBadPassword,
	} {
		r := activeDirectory(goodNurse)
		r.bind = func(string) result {
			return result{ldap.LDAPResultInvalidCredentials, "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data " + code + ", v4563"}
		}
		if account, err := adOf(t, r).CheckPassword(t.Context(), person("nurse"), "x"); !errors.Is(err, want) || account.Name != "" {
			t.Errorf("data %s: %+v, %v; want %s", code, account, err, want)
		}
	}
}

func TestBindRefusals(t *testing.T) {
	for _, tt := range []struct {
		code uint16
		want realms.Reason
	}{
		{ldap.LDAPResultInvalidCredentials, realms.ErrBadPassword},
		{ldap.LDAPResultInappropriateAuthentication, realms.ErrBadPassword},
		{ldap.LDAPResultNoSuchObject, realms.ErrUnknownUser},
		{ldap.LDAPResultConstraintViolation, realms.ErrLocked},
		{ldap.LDAPResultUnwillingToPerform, realms.ErrMisconfigured},
		{ldap.LDAPResultConfidentialityRequired, realms.ErrMisconfigured},
		{ldap.LDAPResultReferral, realms.ErrMisconfigured},
		{ldap.LDAPResultBusy, realms.ErrUnreachable},
		{ldap.LDAPResultUnavailable, realms.ErrUnreachable},
	} {
		r := activeDirectory(goodNurse)
		r.bind = func(string) result { return result{tt.code, "no"} }
		if _, err := adOf(t, r).CheckPassword(t.Context(), person("nurse"), "x"); !errors.Is(err, tt.want) {
			t.Errorf("result code %d: %v; want %s", tt.code, err, tt.want)
		}
	}
}

// What Active Directory says of an account, for log-ins that bind and for those
// that do not.
func TestAccountStates(t *testing.T) {
	with := func(changes ...string) []string {
		entry := slices.Clone(goodNurse)
		for i := 0; i < len(changes); i += 2 {
			at := slices.Index(entry, changes[i])
			entry[at+1] = changes[i+1]
		}
		return entry
	}
	const past, future = "131000000000000000", "200000000000000000"
	for _, tt := range []struct {
		name           string
		entry          []string
		bound, unbound error // with a good password; with a certificate
	}{
		{"good", goodNurse, nil, nil},
		{"disabled", with("userAccountControl", "514"), realms.ErrDisabled, realms.ErrDisabled},
		{"unreadable", with("userAccountControl", ""), realms.ErrMisconfigured, realms.ErrMisconfigured},
		{"expired", with("accountExpires", past), realms.ErrExpired, realms.ErrExpired},
		{"expires later", with("accountExpires", future), nil, nil},
		{"never expires", with("accountExpires", "0"), nil, nil},
		{"was locked, the bind is the judge", with("lockoutTime", past, "msDS-User-Account-Control-Computed", "16"), nil, realms.ErrLocked},
		{"lock ran out", with("lockoutTime", past), nil, nil},
		{"lock of unknown age", with("lockoutTime", past, "msDS-User-Account-Control-Computed", ""), nil, realms.ErrLocked},
		{"must change", with("pwdLastSet", "0"), realms.ErrMustChange, nil},
		{"must change, but never expires", with("pwdLastSet", "0", "userAccountControl", "66048"), nil, nil},
		{"password expired", with("msDS-User-Account-Control-Computed", "8388608"), realms.ErrPasswordExpired, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := adOf(t, activeDirectory(tt.entry))
			if _, err := l.CheckPassword(t.Context(), person("nurse"), "good"); !errors.Is(err, tt.bound) {
				t.Errorf("CheckPassword: %v, want %v", err, tt.bound)
			}
			if _, err := l.Lookup(t.Context(), person("nurse")); !errors.Is(err, tt.unbound) {
				t.Errorf("Lookup: %v, want %v", err, tt.unbound)
			}
		})
	}
}

// The same for the other servers.
func TestOpenLDAPStates(t *testing.T) {
	yesterday, tomorrow := time.Now().AddDate(0, 0, -1), time.Now().AddDate(0, 0, 2)
	for _, tt := range []struct {
		attribute, value        string
		bound, unbound, hashing error
	}{
		{"nsAccountLock", "TRUE", realms.ErrDisabled, realms.ErrDisabled, realms.ErrDisabled},
		{"nsAccountLock", "false", nil, nil, nil},
		{"loginDisabled", "true", realms.ErrDisabled, realms.ErrDisabled, realms.ErrDisabled},
		{"sambaAcctFlags", "[UD         ]", realms.ErrDisabled, realms.ErrDisabled, realms.ErrDisabled},
		{"sambaAcctFlags", "[U          ]", nil, nil, nil},
		{"sambaAcctFlags", "[UL         ]", nil, realms.ErrLocked, realms.ErrLocked},
		{"shadowExpire", fmt.Sprint(yesterday.Unix() / 86400), realms.ErrExpired, realms.ErrExpired, realms.ErrExpired},
		{"shadowExpire", fmt.Sprint(tomorrow.Unix() / 86400), nil, nil, nil},
		{"shadowExpire", "-1", nil, nil, nil},
		{"shadowExpire", "0", realms.ErrExpired, realms.ErrExpired, realms.ErrExpired},
		{"shadowExpire", "soon", realms.ErrExpired, realms.ErrExpired, realms.ErrExpired},
		{"sambaKickoffTime", fmt.Sprint(yesterday.Unix()), realms.ErrExpired, realms.ErrExpired, realms.ErrExpired},
		{"krbPrincipalExpiration", yesterday.UTC().Format("20060102150405Z"), realms.ErrExpired, realms.ErrExpired, realms.ErrExpired},
		{"krbPrincipalExpiration", tomorrow.UTC().Format("20060102150405Z"), nil, nil, nil},
		{"krbPrincipalExpiration", "soon", realms.ErrExpired, realms.ErrExpired, realms.ErrExpired},
		{"pwdAccountLockedTime", "20260101000000Z", nil, realms.ErrLocked, realms.ErrLocked},
		{"pwdAccountLockedTime", "000001010000Z", realms.ErrLocked, realms.ErrLocked, realms.ErrLocked},
		{"pwdReset", "TRUE", realms.ErrMustChange, nil, realms.ErrMustChange},
	} {
		t.Run(tt.attribute+"="+tt.value, func(t *testing.T) {
			r := &responder{search: func(filter string) []*ber.Packet {
				ok := done(ldap.ApplicationSearchResultDone, result{})
				if strings.Contains(filter, "(uid=nurse)") {
					return []*ber.Packet{found(nurseDN, "uid", "nurse", "ipaNTHash", "0123456789abcdef", tt.attribute, tt.value), ok}
				}
				return []*ber.Packet{ok}
			}}
			cfg := configOf(t, r.serve(t))
			cfg.NTHashAttribute = "ipaNTHash"
			l := newLDAP(t, cfg)
			if _, err := l.CheckPassword(t.Context(), person("nurse"), "good"); !errors.Is(err, tt.bound) {
				t.Errorf("CheckPassword: %v, want %v", err, tt.bound)
			}
			if _, err := l.Lookup(t.Context(), person("nurse")); !errors.Is(err, tt.unbound) {
				t.Errorf("Lookup: %v, want %v", err, tt.unbound)
			}
			hash, err := l.NTHash(t.Context(), person("nurse"))
			if !errors.Is(err, tt.hashing) || err == nil && string(hash[:]) != "0123456789abcdef" {
				t.Errorf("NTHash: %v, want %v", err, tt.hashing)
			}
		})
	}
}

// Holds S10: nothing at all is sent for an empty or NUL-bearing password, and no
// bind for a name that has no entry or an entry without a name.
func TestS10NoBindIsSent(t *testing.T) {
	r := activeDirectory(goodNurse)
	l := adOf(t, r)
	for _, password := range []string{"", "\x00", "good\x00"} {
		if _, err := l.CheckPassword(t.Context(), person("nurse"), certs.Secret(password)); !errors.Is(err, realms.ErrEmptyPassword) {
			t.Errorf("%q: %v", password, err)
		}
	}
	if binds, searches, _ := r.asked(); len(binds)+len(searches) > 0 {
		t.Errorf("binds %q, searches %q", binds, searches)
	}
	if _, err := l.CheckPassword(t.Context(), person("nobody"), "good"); !errors.Is(err, realms.ErrUnknownUser) {
		t.Error(err)
	}
	nameless := &responder{search: func(string) []*ber.Packet {
		return []*ber.Packet{found("", goodNurse...), done(ldap.ApplicationSearchResultDone, result{})}
	}}
	if _, err := adOf(t, nameless).CheckPassword(t.Context(), person("nurse"), "good"); !errors.Is(err, realms.ErrMisconfigured) {
		t.Errorf("an entry without a name: %v", err)
	}
	for _, r := range []*responder{r, nameless} {
		if binds, _, _ := r.asked(); !slices.Equal(binds, []string{serviceDN}) {
			t.Errorf("binds %q; want the service account's only", binds)
		}
	}
}

// Holds S11: what arrives is one filter with the shape that was configured,
// whatever the name holds.
func TestS11NamesArriveEscaped(t *testing.T) {
	r := activeDirectory(nil)
	cfg := configOf(t, r.serve(t))
	cfg.UserFilter = "(&(objectClass=person)(uid={user})(mail={name}))"
	l := newLDAP(t, cfg)
	for _, user := range directorytest.Hostile() {
		if user == "" {
			continue
		}
		before := len(searchesOf(r))
		_, _ = l.Lookup(t.Context(), person(user)) // the filter is what counts
		arrived := searchesOf(r)[before:]
		want := "(&(objectClass=person)(uid=" + ldap.EscapeFilter(user) + ")(mail=" + ldap.EscapeFilter(user+"@"+directorytest.Realm) + "))"
		if len(arrived) != 1 || arrived[0] != want {
			t.Errorf("%q arrived as %q, want %s", user, arrived, want)
		}
	}
}

func searchesOf(r *responder) []string {
	_, searches, _ := r.asked()
	return slices.Clone(searches)
}

// Holds F3: references and limits make groups unknown, and so does a group
// without a readable name.
func TestF3PartialGroupsAreUnknown(t *testing.T) {
	group := found("CN=Wifi-Clinical,OU=Groups,"+base, "sAMAccountName", "Wifi-Clinical", "cn", "Wifi-Clinical")
	for name, answer := range map[string][]*ber.Packet{
		"reference":  {group, reference("ldap://child.example.org/DC=child"), done(ldap.ApplicationSearchResultDone, result{})},
		"referral":   {done(ldap.ApplicationSearchResultDone, result{code: ldap.LDAPResultReferral})},
		"size":       {group, done(ldap.ApplicationSearchResultDone, result{code: ldap.LDAPResultSizeLimitExceeded})},
		"time":       {group, done(ldap.ApplicationSearchResultDone, result{code: ldap.LDAPResultTimeLimitExceeded})},
		"admin":      {group, done(ldap.ApplicationSearchResultDone, result{code: ldap.LDAPResultAdminLimitExceeded})},
		"access":     {done(ldap.ApplicationSearchResultDone, result{code: ldap.LDAPResultInsufficientAccessRights})},
		"unreadable": {group, found("CN=Hidden," + base), done(ldap.ApplicationSearchResultDone, result{})},
	} {
		for _, kind := range []string{"ad", "openldap"} {
			r := &responder{search: func(filter string) []*ber.Packet {
				if strings.Contains(filter, "ember") {
					return answer
				}
				return []*ber.Packet{found(nurseDN, goodNurse...), done(ldap.ApplicationSearchResultDone, result{})}
			}}
			cfg := configOf(t, r.serve(t))
			cfg.Schema = kind
			account, err := newLDAP(t, cfg).CheckPassword(t.Context(), person("nurse"), "good")
			if err != nil || !account.GroupsUnknown {
				t.Errorf("%s on %s: %+v, %v", name, kind, account, err)
			}
		}
	}
}

// Holds F3: nesting that is too deep, or too wide, is unknown and ends.
func TestF3EndlessNesting(t *testing.T) {
	depth := 0
	r := &responder{search: func(filter string) []*ber.Packet {
		ok := done(ldap.ApplicationSearchResultDone, result{})
		if !strings.Contains(filter, "member=") {
			return []*ber.Packet{found(nurseDN, "uid", "nurse"), ok}
		}
		depth++
		return []*ber.Packet{found(fmt.Sprintf("cn=g%d,%s", depth, base), "cn", fmt.Sprintf("g%d", depth)), ok}
	}}
	account, err := newLDAP(t, configOf(t, r.serve(t))).Lookup(t.Context(), person("nurse"))
	if err != nil || !account.GroupsUnknown || len(account.Groups) != 10 {
		t.Errorf("%+v, %v", account, err)
	}
}

// memberOf is read where it is asked for, and only below the base of groups.
func TestMemberOf(t *testing.T) {
	for _, on := range []bool{true, false} {
		r := &responder{search: func(filter string) []*ber.Packet {
			ok := done(ldap.ApplicationSearchResultDone, result{})
			switch {
			case strings.Contains(filter, "(uid=nurse)"):
				return []*ber.Packet{found(nurseDN, "uid", "nurse", "memberOf", "CN=Theatre\\, main,OU=groups,"+base), ok}
			case strings.Contains(filter, "Theatre"):
				return []*ber.Packet{found("cn=Surgery,ou=groups,"+base, "cn", "Surgery"), ok}
			}
			return []*ber.Packet{ok}
		}}
		cfg := configOf(t, r.serve(t))
		cfg.MemberOf = on
		var want []string
		if on {
			want = []string{"Theatre, main", "Surgery"}
		}
		account, err := newLDAP(t, cfg).Lookup(t.Context(), person("nurse"))
		if err != nil || account.GroupsUnknown || !slices.Equal(account.Groups, want) {
			t.Errorf("memberOf %v: %+v, %v", on, account, err)
		}
		cfg.GroupBase = "ou=other," + base
		account, err = newLDAP(t, cfg).Lookup(t.Context(), person("nurse"))
		if err != nil || len(account.Groups) > 0 {
			t.Errorf("memberOf %v outside the base: %+v, %v", on, account, err)
		}
	}
}

// Holds F1: a server that says it is busy, or says nonsense, sends the question
// to the next one.
func TestF1BusyAndNonsense(t *testing.T) {
	good := activeDirectory(goodNurse)
	busy := &responder{search: func(string) []*ber.Packet {
		return []*ber.Packet{done(ldap.ApplicationSearchResultDone, result{ldap.LDAPResultBusy, "busy"})}
	}}
	for name, bad := range map[string]*responder{
		"busy":          busy,
		"empty message": {raw: []byte{0x30, 0x00}},
		"not LDAP":      {raw: []byte("HTTP/1.1 400 Bad Request\r\n\r\n")},
		"cut short":     {raw: []byte{0x30, 0x05, 0x02, 0x01, 0x02, 0x65, 0x00}},
		"wrong id":      {raw: []byte{0x30, 0x0c, 0x02, 0x01, 0x63, 0x65, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00}},
		"wrong type":    {raw: []byte{0x30, 0x0c, 0x02, 0x01, 0x02, 0x65, 0x07, 0x04, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00}},
		"empty entry":   {raw: []byte{0x30, 0x05, 0x02, 0x01, 0x02, 0x64, 0x00}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // one of them waits
			cfg := configOf(t, bad.serve(t), good.serve(t))
			cfg.Schema, cfg.GroupBase = "ad", ""
			cfg.Attempt, cfg.Retry = 2*time.Second, time.Hour
			account, err := newLDAP(t, cfg).CheckPassword(t.Context(), person("nurse"), "good")
			if err != nil || account.Name != "nurse" {
				t.Errorf("%+v, %v", account, err)
			}
		})
	}
}

// A service account with a wrong password is not tried again and again: the
// directory would lock it.
func TestServiceAccountIsNotHammered(t *testing.T) {
	r := &responder{bind: func(string) result { return result{ldap.LDAPResultInvalidCredentials, "no"} }}
	cfg := configOf(t, r.serve(t))
	cfg.Bind, cfg.Retry = "cn=mistyped,"+base, time.Hour
	l := newLDAP(t, cfg)
	for range 20 {
		if _, err := l.Lookup(t.Context(), person("nurse")); !errors.Is(err, realms.ErrMisconfigured) {
			t.Error(err)
		}
	}
	if binds, _, _ := r.asked(); len(binds) != 1 {
		t.Errorf("%d binds", len(binds))
	}
}

// A server that came back is found by a look of our own, while people are sent to
// the spare.
func TestProbeFindsAServerThatIsBack(t *testing.T) {
	good, spare := activeDirectory(goodNurse), activeDirectory(goodNurse)
	address := strings.TrimPrefix(good.serve(t), "ldap://")
	var back atomic.Bool
	cfg := configOf(t, "ldap://"+address, spare.serve(t))
	cfg.Schema, cfg.GroupBase, cfg.Retry = "ad", "", time.Millisecond
	cfg.Dial = func(ctx context.Context, to string) (net.Conn, error) {
		if to == address && !back.Load() {
			return nil, errors.New("gone")
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", to)
	}
	l := newLDAP(t, cfg)
	if _, err := l.Lookup(t.Context(), person("nurse")); err != nil || len(searchesOf(spare)) == 0 {
		t.Fatal("the spare was not asked:", err)
	}
	back.Store(true)
	for len(searchesOf(good)) == 0 { // the look; without one this test runs out of time
		time.Sleep(time.Millisecond)
	}
}

// Close ends what is under way, and everything that was started.
func TestCloseWhileAsked(t *testing.T) {
	r := activeDirectory(goodNurse)
	address := r.serve(t)
	before := runtime.NumGoroutine()
	for range 20 {
		cfg := configOf(t, address, "ldap://"+freePort(t))
		cfg.Schema, cfg.Retry = "ad", time.Millisecond
		l := newLDAP(t, cfg)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					if _, err := l.CheckPassword(t.Context(), person("nurse"), "good"); err != nil {
						if !errors.Is(err, realms.ErrUnreachable) {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		for len(searchesOf(r)) == 0 {
			runtime.Gosched()
		}
		l.Close()
		wg.Wait()
		l.Close()
	}
	for runtime.NumGoroutine() > before+2 { // those that end now, or this test runs out of time
		time.Sleep(time.Millisecond)
	}
}
