package directory_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"causeway/certs"
	"causeway/realms"
	"causeway/realms/directory"
	"causeway/realms/directory/directorytest"
)

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func person(user string) realms.Identity {
	return realms.Identity{User: user, Realm: directorytest.Realm}
}

// configOf is how an admin would configure these servers. Times are long: a test
// that waits for one sets it.
func configOf(t testing.TB, servers ...string) directory.LDAPConfig {
	t.Helper()
	authority, err := ca()
	if err != nil {
		t.Fatal(err)
	}
	return directory.LDAPConfig{
		Name: "trust", Servers: servers, Base: base, Bind: serviceDN, Password: servicePassword,
		Plain: true, Roots: authority.Pool(), ServerName: serverName,
		GroupBase: "ou=groups," + base, NTHashAttribute: "sambaNTPassword",
		Attempt: 20 * time.Second, Total: 60 * time.Second,
	}
}

func newLDAP(t testing.TB, cfg directory.LDAPConfig) *directory.LDAP {
	t.Helper()
	l, err := directory.NewLDAP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// Holds S10, S11 and S17 on a real server, over each kind of connection.
func TestLDAPConforms(t *testing.T) {
	s := startSlapd(t)
	for name, change := range map[string]func(*directory.LDAPConfig){
		"ldaps":     func(cfg *directory.LDAPConfig) { cfg.Servers, cfg.Plain = []string{s.ldaps}, false },
		"StartTLS":  func(cfg *directory.LDAPConfig) { cfg.Plain, cfg.StartTLS = false, true },
		"Plain":     func(*directory.LDAPConfig) {},
		"OneOfEach": func(cfg *directory.LDAPConfig) { cfg.SearchConns, cfg.BindConns = 1, 1 },
	} {
		t.Run(name, func(t *testing.T) {
			directorytest.Run(t, func(t *testing.T) realms.Directory {
				cfg := configOf(t, s.plain)
				change(&cfg)
				return newLDAP(t, cfg)
			})
		})
	}
}

func TestLDAPGroupsAndStates(t *testing.T) {
	s := startSlapd(t)
	l := newLDAP(t, configOf(t, s.plain))
	account, err := l.CheckPassword(t.Context(), person("clerk"), "ledger")
	if err != nil || !slices.Equal(account.Groups, []string{"Finance", "Offices"}) || account.GroupsUnknown || account.Name != "clerk" {
		t.Errorf("the clerk: %+v, %v; the groups below ou=people must not count", account, err)
	}
	if _, err := l.CheckPassword(t.Context(), person("twin"), "same"); !errors.Is(err, realms.ErrAmbiguousUser) {
		t.Errorf("S11: two entries: %v", err)
	}
	if _, err := l.CheckPassword(t.Context(), person("mallory"), "locked out"); !errors.Is(err, realms.ErrLocked) {
		t.Errorf("a locked account: %v", err)
	}
	if _, err := l.Lookup(t.Context(), person("mallory")); !errors.Is(err, realms.ErrLocked) {
		t.Errorf("a locked account's certificate: %v", err)
	}
	// mail finds as well as uid.
	if account, err := l.Lookup(t.Context(), realms.Identity{User: "nurse", Realm: "elsewhere.example"}); err != nil || account.Name != "nurse" {
		t.Errorf("by uid: %+v, %v", account, err)
	}
}

// Holds F3: a list of groups that a limit cut short is unknown, and what is
// listed is true.
func TestF3SizeLimitMakesGroupsUnknown(t *testing.T) {
	// Three groups directly, and a service account that may read one entry.
	s := startSlapd(t,
		"dn: cn=Ward 7,ou=groups,"+base+"\nobjectClass: groupOfNames\ncn: Ward 7\nmember: uid=clerk,ou=people,"+base+"\n\n",
		"dn: cn=Ward 8,ou=groups,"+base+"\nobjectClass: groupOfNames\ncn: Ward 8\nmember: uid=clerk,ou=people,"+base+"\n\n")
	cfg := configOf(t, s.plain)
	cfg.Bind = "cn=svc-limited," + base
	account, err := newLDAP(t, cfg).CheckPassword(t.Context(), person("clerk"), "ledger")
	if err != nil || !account.GroupsUnknown || len(account.Groups) > 1 {
		t.Errorf("%+v, %v; want groups unknown", account, err)
	}
	cfg = configOf(t, s.plain)
	cfg.GroupBase = "ou=absent," + base
	account, err = newLDAP(t, cfg).CheckPassword(t.Context(), person("clerk"), "ledger")
	if err != nil || !account.GroupsUnknown {
		t.Errorf("without a base of groups: %+v, %v; want groups unknown", account, err)
	}
}

// Holds F1: the first server stopped, killed, half-open or without a listener;
// no valid user is rejected, and none that is known to be down is asked first.
func TestF1TheNextServerAnswers(t *testing.T) {
	nursePassword := directorytest.People()[0].Password
	logIn := func(t *testing.T, l *directory.LDAP, when string) {
		t.Helper()
		for range 3 {
			if account, err := l.CheckPassword(t.Context(), person("nurse"), nursePassword); err != nil || len(account.Groups) != 3 || account.GroupsUnknown {
				t.Errorf("%s: %+v, %v", when, account, err)
			}
		}
	}
	second := startSlapd(t)
	short := func(cfg directory.LDAPConfig) directory.LDAPConfig {
		cfg.Attempt, cfg.Retry = 2*time.Second, 30*time.Millisecond
		return cfg
	}
	t.Run("Stopped", func(t *testing.T) {
		t.Parallel() // most of them wait
		one := startSlapd(t)
		l := newLDAP(t, short(configOf(t, one.ldaps, second.plain)))
		logIn(t, l, "before")
		if err := one.process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = one.process.Signal(syscall.SIGCONT) }()
		logIn(t, l, "while stopped")
	})
	t.Run("Killed", func(t *testing.T) {
		t.Parallel()
		one := startSlapd(t)
		l := newLDAP(t, short(configOf(t, one.plain, second.plain)))
		logIn(t, l, "before")
		one.kill()
		logIn(t, l, "after the kill")
	})
	t.Run("NoListener", func(t *testing.T) {
		t.Parallel()
		logIn(t, newLDAP(t, short(configOf(t, "ldap://"+freePort(t), second.plain))), "from the start")
	})
	t.Run("HalfOpen", func(t *testing.T) {
		t.Parallel()
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = silent.Close() }()
		for _, scheme := range []string{"ldap://", "ldaps://"} {
			logIn(t, newLDAP(t, short(configOf(t, scheme+silent.Addr().String(), second.plain))), scheme)
		}
	})
	t.Run("NobodyConnects", func(t *testing.T) {
		t.Parallel()
		cfg := short(configOf(t, "ldap://192.0.2.1", second.plain))
		cfg.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			if strings.HasPrefix(address, "192.0.2.1") {
				<-ctx.Done() // packets that vanish
				return nil, ctx.Err()
			}
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}
		logIn(t, newLDAP(t, cfg), "from the start")
	})
	t.Run("ConnectionsThatWereClosed", func(t *testing.T) {
		t.Parallel()
		// One server alone: connections that it closed while they were idle
		// are replaced without a word.
		open := make(chan net.Conn, 100)
		cfg := configOf(t, second.plain)
		cfg.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			if err == nil {
				open <- c
			}
			return c, err
		}
		l := newLDAP(t, cfg)
		for range 5 {
			logIn(t, l, "in between")
			for len(open) > 0 {
				_ = (<-open).(*net.TCPConn).CloseWrite() // slapd closes its side
			}
		}
	})
	t.Run("BackAgain", func(t *testing.T) {
		t.Parallel()
		one := startSlapd(t)
		l := newLDAP(t, short(configOf(t, one.plain)))
		if err := one.process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		if _, err := l.CheckPassword(t.Context(), person("nurse"), nursePassword); !errors.Is(err, realms.ErrUnreachable) {
			t.Errorf("while stopped: %v", err)
		}
		if err := one.process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		logIn(t, l, "after it went on")
	})
}

// Holds F2: the answer comes when Total is over, at the latest, and says why.
func TestF2AllServersDown(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	cfg := configOf(t, "ldap://"+freePort(t), "ldap://"+silent.Addr().String(), "ldaps://"+silent.Addr().String())
	cfg.Attempt, cfg.Total = 300*time.Millisecond, time.Hour
	l := newLDAP(t, cfg)
	for range 2 {
		_, err = l.CheckPassword(t.Context(), person("nurse"), "x")
		if !errors.Is(err, realms.ErrUnreachable) || !strings.Contains(err.Error(), "connection refused") || !strings.Contains(err.Error(), "no answer") || !strings.Contains(err.Error(), "TLS") {
			t.Errorf("each server has its say: %v", err)
		}
	}
	cfg.Attempt, cfg.Total = time.Hour, 50*time.Millisecond
	l = newLDAP(t, cfg)
	if _, err = l.CheckPassword(t.Context(), person("nurse"), "x"); !errors.Is(err, realms.ErrUnreachable) {
		t.Errorf("CheckPassword: %v", err)
	}
	if _, err = l.Lookup(t.Context(), person("nurse")); !errors.Is(err, realms.ErrUnreachable) {
		t.Errorf("Lookup: %v", err)
	}
	if _, err = l.NTHash(t.Context(), person("nurse")); !errors.Is(err, realms.ErrUnreachable) {
		t.Errorf("NTHash: %v", err)
	}
	l.Close()
	if _, err = l.Lookup(t.Context(), person("nurse")); !errors.Is(err, realms.ErrUnreachable) {
		t.Errorf("after Close: %v", err)
	}
	// The caller's own deadline counts as well.
	cfg.Total = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err = newLDAP(t, cfg).Lookup(ctx, person("nurse")); !errors.Is(err, realms.ErrUnreachable) {
		t.Errorf("with a deadline: %v", err)
	}
}

// What the admin must mend is told apart from a server that is down.
func TestLDAPMisconfigured(t *testing.T) {
	s := startSlapd(t)
	other, err := certs.NewAuthority("Somebody else", time.Now(), certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(*directory.LDAPConfig)
		says   string
	}{
		"ServicePassword":          {func(cfg *directory.LDAPConfig) { cfg.Password = "wrong-canary" }, "refuses the service account"},
		"OtherAuthority":           {func(cfg *directory.LDAPConfig) { cfg.Servers, cfg.Roots = []string{s.ldaps}, other.Pool() }, "unknown authority"},
		"OtherAuthorityByStartTLS": {func(cfg *directory.LDAPConfig) { cfg.StartTLS, cfg.Roots = true, other.Pool() }, "unknown authority"},
		"OtherName":                {func(cfg *directory.LDAPConfig) { cfg.Servers, cfg.ServerName = []string{s.ldaps}, "dc9.example.org" }, "dc9.example.org"},
		"Base":                     {func(cfg *directory.LDAPConfig) { cfg.Base = "dc=elsewhere" }, "No Such Object"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configOf(t, s.plain)
			tt.change(&cfg)
			l := newLDAP(t, cfg)
			for range 2 {
				_, err := l.CheckPassword(t.Context(), person("nurse"), "user-canary")
				if !errors.Is(err, realms.ErrMisconfigured) || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "canary") {
					t.Errorf("%v; want %q", err, tt.says)
				}
			}
		})
	}
}

func TestNewLDAPNamesEveryMistake(t *testing.T) {
	_, err := directory.NewLDAP(directory.LDAPConfig{
		Name: "trust", Schema: "novell", Base: "northbridge", Bind: "CN=svc", GroupBase: "x",
		Servers:    []string{"dc1.example.org", "ldap://dc1.example.org", "ldaps://dc1.example.org/o=x", "ldaps://[::1]:1636"},
		UserFilter: "(uid={uid})", MachineFilter: "(cn=all)", GroupFilter: "(cn=",
	})
	var problems realms.Problems
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	for _, want := range []string{
		`directory.trust.kind: there is no kind of LDAP directory "novell"; write one of ad, openldap`,
		`directory.trust.base: "northbridge" is not the name of an entry`,
		`directory.trust.group_base: "x" is not the name of an entry`,
		`directory.trust.password: bind has no password`,
		`directory.trust.group_filter: it is not a filter`,
		`directory.trust.user_filter: "(uid={uid})" has a place that is not known`,
		`directory.trust.machine_filter: "(cn=all)" finds the same entry for everybody`,
		`directory.trust.servers[0]: "dc1.example.org" is not the address of an LDAP server`,
		`directory.trust.servers[1]: ldap://dc1.example.org would carry passwords in the clear`,
		`directory.trust.servers[2]: "ldaps://dc1.example.org/o=x" is not the address`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing says %q in\n%v", want, err)
		}
	}
	if len(problems) != 10 {
		t.Errorf("%d problems, want 10:\n%v", len(problems), err)
	}
	_, err = directory.NewLDAP(directory.LDAPConfig{Name: "trust"})
	if err == nil || !strings.Contains(err.Error(), "directory.trust.servers: no servers") || !strings.Contains(err.Error(), "directory.trust.base: no base") {
		t.Errorf("nothing configured: %v", err)
	}
}

// A whole check against a real server: a search, a bind, and the searches for
// nested groups.
func BenchmarkSlapd(b *testing.B) {
	l := newLDAP(b, configOf(b, startSlapd(b).ldaps))
	for _, user := range []string{"nurse", "porter"} { // three levels of groups, and none
		i := slices.IndexFunc(directorytest.People(), func(p directorytest.Person) bool { return p.User == user })
		p := directorytest.People()[i]
		b.Run(user, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := l.CheckPassword(context.Background(), p.Identity(), p.Password); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// Nobody is a computer for calling themselves one: their own name behind "host/" with
// their own password would be a device that rules trust.
func TestLDAPNobodyIsAComputer(t *testing.T) {
	l := newLDAP(t, configOf(t, startSlapd(t).plain))
	for _, p := range directorytest.People() {
		id := person("host/" + p.User)
		if account, err := l.CheckPassword(t.Context(), id, p.Password); !errors.Is(err, realms.ErrUnknownUser) {
			t.Errorf("%s with a password: %+v, %v", id, account, err)
		}
		if _, err := l.NTHash(t.Context(), id); !errors.Is(err, realms.ErrUnknownUser) {
			t.Errorf("%s has an NT hash: %v", id, err)
		}
		if account, err := l.Lookup(t.Context(), id); !errors.Is(err, realms.ErrUnknownUser) {
			t.Errorf("%s is %+v, %v", id, account, err)
		}
	}
	if account, err := l.CheckPassword(t.Context(), person("host/cart7"), "rolling"); err != nil || account.Name != "cart7" {
		t.Errorf("a computer: %+v, %v", account, err)
	}
}
