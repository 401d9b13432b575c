package directory_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	ldap "github.com/go-ldap/ldap/v3"

	"causeway/realms"
	"causeway/realms/directory"
	"causeway/realms/directory/directorytest"
)

type teller interface {
	realms.Directory
	AskGroups(ctx context.Context, names []string) ([]directory.GroupAnswer, error)
}

// asked is what a directory says of one name.
func asked(t *testing.T, d teller, name string) directory.GroupAnswer {
	t.Helper()
	answers, err := d.AskGroups(t.Context(), []string{name})
	if err != nil || len(answers) != 1 || answers[0].Name != name {
		t.Fatalf("%q: %+v, %v", name, answers, err)
	}
	return answers[0]
}

// Whatever group somebody is in at a log-in is known, in any case; and nothing that
// nobody can be in.
func TestGroupsOfALogInAreKnown(t *testing.T) {
	s := startSlapd(t)
	users := make([]directory.FileUser, 0, 8)
	for _, p := range directorytest.People() {
		users = append(users, directory.FileUser{Name: p.Identity().String(), Groups: p.Groups})
	}
	file, err := directory.NewFile(users)
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func(t *testing.T) teller{
		"slapd": func(t *testing.T) teller { return newLDAP(t, configOf(t, s.plain)) },
		"AD":    func(t *testing.T) teller { return newAD(t, adConfig(theDomain(t))) },
		"file":  func(*testing.T) teller { return file },
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			var groups []string
			for _, p := range directorytest.People() {
				if p.State != "" {
					continue
				}
				account, err := d.Lookup(t.Context(), p.Identity())
				if err != nil || len(account.Groups) != len(p.Groups) {
					t.Fatalf("%s: %+v, %v", p.User, account, err)
				}
				for _, group := range account.Groups {
					groups = append(groups, group, strings.ToUpper(group))
				}
			}
			if len(groups) < 10 {
				t.Fatalf("groups %q", groups)
			}
			answers, err := d.AskGroups(t.Context(), groups)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range answers {
				if !a.Known || a.Unsaid != "" || a.Near != nil {
					t.Errorf("%+v", a)
				}
			}
			for meant, written := range map[string][]string{
				"Wifi-Clinical": {"Wifi-Clinicians", "Wifi Clinical", "wifi_clinical", "Clinical"},
				"Wifi-All":      {"WifiAll", "Wifi-Al"},
				"":              {"*", "Wifi*", "Wifi-Clinical)(cn=*", "nobody of that name", "nurse", `Ward \7`, "Wifi-Clinical\x00"},
			} {
				for _, group := range written {
					a := asked(t, d, group)
					if a.Known || a.Unsaid != "" || meant != "" && (len(a.Near) == 0 || a.Near[0] != meant) {
						t.Errorf("%q: %+v, meant %q", group, a, meant)
					}
				}
			}
		})
	}
}

// An entry counts where a log-in looks for groups, and nowhere else.
func TestGroupsAreAskedAsALogInDoes(t *testing.T) {
	s := startSlapd(t, "dn: cn=Porters,ou=people,"+base+"\nobjectClass: groupOfNames\ncn: Porters\nmember: uid=porter,ou=people,"+base+"\n\n")
	cfg := configOf(t, s.plain)
	if a := asked(t, newLDAP(t, cfg), "Porters"); a.Known || a.Unsaid != "" {
		t.Errorf("outside group_base: %+v", a)
	}
	cfg.GroupFilter = "(objectClass=posixGroup)"
	if a := asked(t, newLDAP(t, cfg), "Wifi-Clinical"); a.Known || a.Unsaid != "" {
		t.Errorf("outside group_filter: %+v", a)
	}
	// memberUid heeds case and rules do not.
	cfg.GroupName = "memberUid"
	if a := asked(t, newLDAP(t, cfg), "CLERK"); !a.Known {
		t.Errorf("in another case: %+v", a)
	}
	// By another attribute than the one that an admin sees.
	cfg = configOf(t, s.plain)
	cfg.GroupName = "memberUid"
	cfg.GroupFilter = "(objectClass=posixGroup)"
	if a := asked(t, newLDAP(t, cfg), "finance"); a.Known || !slices.Equal(a.Near, []string{"clerk"}) {
		t.Errorf("by its common name: %+v", a)
	}
	cfg = configOf(t, s.plain)
	if a := asked(t, newLDAP(t, cfg), "CN=wifi-clinical, OU=groups,"+base); a.Known || !slices.Equal(a.Near, []string{"Wifi-Clinical"}) {
		t.Errorf("by the name of its entry: %+v", a)
	}
}

// A directory that does not let us look says nothing of any group.
func TestGroupsThatCannotBeLookedAt(t *testing.T) {
	s := startSlapd(t)
	for name, c := range map[string]struct {
		change func(*directory.LDAPConfig)
		reason realms.Reason
		says   string
	}{
		"a base that is not there": {func(c *directory.LDAPConfig) { c.GroupBase = "ou=absent," + base }, realms.ErrMisconfigured, "No Such Object"},
		"no groups there":          {func(c *directory.LDAPConfig) { c.GroupBase = "uid=clerk,ou=people," + base }, realms.ErrMisconfigured, "no group is to be seen below uid=clerk"},
		"no names":                 {func(c *directory.LDAPConfig) { c.GroupName = "description" }, realms.ErrMisconfigured, "none has a description that can be read"},
		"a password that is wrong": {func(c *directory.LDAPConfig) { c.Password = "wrong-canary" }, realms.ErrMisconfigured, "refuses the service account"},
		"nobody there":             {func(c *directory.LDAPConfig) { c.Servers = []string{"ldap://" + freePort(t)} }, realms.ErrUnreachable, "connection refused"},
	} {
		cfg := configOf(t, s.plain)
		c.change(&cfg)
		answers, err := newLDAP(t, cfg).AskGroups(t.Context(), []string{"Wifi-Clinicians"})
		if !errors.Is(err, c.reason) || answers != nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %+v, %v", name, answers, err)
		}
	}
	// A service account that may read one entry: what is found one by one counts, and of
	// the rest nothing is known but by its absence.
	cfg := configOf(t, s.plain)
	cfg.Bind = "cn=svc-limited," + base
	answers, err := newLDAP(t, cfg).AskGroups(t.Context(), []string{"Wifi-Clinical", "Everybody", "Offices", "Nobody"})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range answers {
		if a.Known != (a.Name != "Nobody") || a.Unsaid != "" {
			t.Errorf("%+v", a)
		}
	}
}

// Groups that only people name in memberOf are known, be their own entries hidden or
// none of the filter.
func TestAskedOfMembers(t *testing.T) {
	const group, hidden = "cn=Seen,cn=groups," + base, "cn=Hidden,cn=groups," + base
	r := &responder{search: func(filter string) []*ber.Packet {
		ok := done(ldap.ApplicationSearchResultDone, result{})
		switch {
		case strings.HasPrefix(filter, "(|(memberOf="):
			if strings.Contains(filter, "(memberOf="+hidden+")") {
				return []*ber.Packet{found("uid=nurse," + base), ok}
			}
		case filter == "(|(cn=Hosts))": // no group by its class
			return []*ber.Packet{found("cn=Hosts,"+base, "cn", "Hosts"), ok}
		case strings.HasPrefix(filter, "(|(objectClass=groupOfNames)"):
			return []*ber.Packet{found(group, "cn", "Seen"), ok}
		}
		return []*ber.Packet{ok}
	}}
	for on, want := range map[bool][]bool{true: {true, true, false}, false: {false, false, false}} {
		cfg := configOf(t, r.serve(t))
		cfg.GroupBase, cfg.MemberOf = base, on
		for i, name := range []string{"Hidden", "Hosts", "Nobody"} {
			if a := asked(t, newLDAP(t, cfg), name); a.Known != want[i] || a.Unsaid != "" {
				t.Errorf("memberOf %v: %+v", on, a)
			}
		}
	}
}

// What the directory does not say whole is said to be so, and no group is called unknown
// for it.
func TestAskedInPart(t *testing.T) {
	for name, c := range map[string]struct {
		attribute string
		search    func(filter string) []*ber.Packet
		unsaid    string
	}{
		"cut short": {"cn", func(string) []*ber.Packet {
			return []*ber.Packet{done(ldap.ApplicationSearchResultDone, result{code: ldap.LDAPResultSizeLimitExceeded})}
		}, "it cut its answer short"},
		"elsewhere": {"cn", func(string) []*ber.Packet {
			return []*ber.Packet{reference("ldap://elsewhere/"), done(ldap.ApplicationSearchResultDone, result{})}
		}, "on another server"},
		"a group without a name": {"cn", func(filter string) []*ber.Packet {
			ok := done(ldap.ApplicationSearchResultDone, result{})
			if strings.Contains(filter, "(cn=") {
				return []*ber.Packet{ok}
			}
			return []*ber.Packet{found("cn=A,"+base, "cn", "A"), found("cn=B,"+base, "description", "B"), ok}
		}, "1 of its groups have no cn"},
		"many, of an attribute that may heed case": {"gecos", func(filter string) []*ber.Packet {
			if strings.Contains(filter, "(gecos=") {
				return []*ber.Packet{done(ldap.ApplicationSearchResultDone, result{})}
			}
			return []*ber.Packet{found("cn=A,"+base, "gecos", "A"), done(ldap.ApplicationSearchResultDone, result{code: ldap.LDAPResultSizeLimitExceeded})}
		}, "may be written in another case"},
	} {
		cfg := configOf(t, (&responder{search: c.search}).serve(t))
		cfg.GroupName = c.attribute
		if a := asked(t, newLDAP(t, cfg), "Wifi-Clinical"); a.Known || !strings.Contains(a.Unsaid, c.unsaid) {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// A directory of very many groups is asked a bounded number of questions, and what was
// meant is found by how names begin and end.
func TestManyGroupsAreAskedFor(t *testing.T) {
	r := &responder{}
	r.search = func(filter string) []*ber.Packet {
		ok := done(ldap.ApplicationSearchResultDone, result{})
		switch {
		case strings.Contains(filter, "(cn=Wifi*)"):
			return []*ber.Packet{found("cn=Wifi-Clinical,"+base, "cn", "Wifi-Clinical"), ok}
		case strings.Contains(filter, "(cn="):
			return []*ber.Packet{ok}
		}
		return []*ber.Packet{found("cn=A,"+base, "cn", "A"), done(ldap.ApplicationSearchResultDone, result{code: ldap.LDAPResultSizeLimitExceeded})}
	}
	l := newLDAP(t, configOf(t, r.serve(t)))
	if a := asked(t, l, "Wifi-Clinicians"); a.Known || a.Unsaid != "" || !slices.Equal(a.Near, []string{"Wifi-Clinical"}) {
		t.Errorf("%+v", a)
	}
	names := make([]string, 0, 3000)
	for n := range cap(names) {
		names = append(names, fmt.Sprint("Ward ", n))
	}
	_, before, _ := r.asked()
	answers, err := l.AskGroups(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	if _, after, _ := r.asked(); len(after)-len(before) != 100 {
		t.Errorf("%d questions", len(after)-len(before))
	}
	for _, a := range answers {
		if a.Known || !strings.Contains(a.Unsaid, "no more are asked") {
			t.Fatalf("%+v", a)
		}
	}
}

// A directory that never answers costs the time of one question.
func TestSilentDirectoryIsNotAskedForLong(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	cfg := configOf(t, "ldap://"+l.Addr().String())
	cfg.Attempt, cfg.Total = 0, 0 // as by default
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newLDAP(t, cfg).AskGroups(ctx, []string{"Wards"}); !errors.Is(err, realms.ErrUnreachable) {
		t.Error(err)
	}
	if _, err := newLDAP(t, cfg).AskGroups(t.Context(), []string{"Wards"}); !errors.Is(err, realms.ErrUnreachable) {
		t.Error(err)
	}
}
