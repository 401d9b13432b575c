package directory

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	ldap "github.com/go-ldap/ldap/v3"

	"causeway/certs"
	"causeway/realms"
)

// LDAPConfig says where the servers are and how their entries are laid out. Only
// Name, Servers and Base must be given.
type LDAPConfig struct {
	Name    string   // what errors and the configuration call it: "trust"
	Servers []string // ldaps://dc1.example.org, ldap://…; the first that works is asked
	Schema  string   // "openldap" (also when empty) or "ad"
	// Find returns the addresses, in place of Servers. It is called with every
	// question.
	Find func(ctx context.Context) ([]string, error)

	Base     string // everybody's entry is below it
	Bind     string // the name that searches; empty: anonymous
	Password certs.Secret

	StartTLS   bool           // on ldap:// (RFC 4511, section 4.14)
	Plain      bool           // ldap:// without TLS, passwords in the clear
	Roots      *x509.CertPool // nil: the system's
	ServerName string         // the name in the servers' certificates; empty: each server's own

	// UserFilter finds one entry. {user} is the part before the @, {realm} the
	// part after it, {name} both. MachineFilter is for computers, whose {host}
	// is the name without "host/". Empty: by Schema.
	UserFilter    string
	MachineFilter string

	GroupBase   string // empty: Base. Groups elsewhere do not count
	GroupFilter string // which entries are groups; empty: by Schema
	GroupName   string // the attribute that a rule's group is compared with; empty: by Schema
	// MemberOf reads the attribute memberOf of people too, for servers that keep
	// nested membership there (FreeIPA, 389). Not used with Schema "ad".
	MemberOf bool

	NTHashAttribute        string // sambaNTPassword or ipaNTHash; empty: no NT hashes here
	ClearPasswordAttribute string // passwords as they are, for CHAP; empty: none here

	Attempt     time.Duration // for one request to one server; 0: 1.5 s, so that the next is asked within 2 s
	Total       time.Duration // for one question to all servers; 0: 4.5 s, so that the answer is there within 5 s
	Retry       time.Duration // between looks at a server that is down; 0: 1 s
	SearchConns int           // shared connections for each server; 0: 2
	BindConns   int           // exclusive connections for each server, dialled as they are needed; 0: 128

	Dial func(ctx context.Context, address string) (net.Conn, error) // nil: TCP
	Now  func() time.Time                                            // nil: time.Now
}

// NewLDAP makes a directory. It asks no server: a server that is down now may be
// up when it is needed. Its error is [realms.Problems], with keys as
// directory.trust.servers[0].
func NewLDAP(cfg LDAPConfig) (*LDAP, error) {
	cfg = withDefaults(cfg)
	key := "directory." + cfg.Name
	problems := cfg.check(key)
	l := &LDAP{cfg: cfg, schema: schemas[cfg.Schema], rota: newRota(cfg.Name, cfg.Attempt, cfg.Retry)}
	l.user = l.newTemplate(cmp.Or(cfg.UserFilter, l.schema.user), key+".user_filter", &problems)
	l.machine = l.newTemplate(cmp.Or(cfg.MachineFilter, l.schema.machine), key+".machine_filter", &problems)
	for i, address := range cfg.Servers {
		s, problem := newServer(l, address)
		if problem != nil {
			problem.Key = key + ".servers[" + strconv.Itoa(i) + "]"
			problems = append(problems, *problem)
		}
		l.servers = append(l.servers, s)
	}
	if len(problems) > 0 {
		l.rota.close()
		return nil, problems
	}
	return l, nil
}

func withDefaults(cfg LDAPConfig) LDAPConfig {
	cfg.Schema = cmp.Or(cfg.Schema, "openldap")
	s := schemas[cfg.Schema]
	cfg.GroupBase = cmp.Or(cfg.GroupBase, cfg.Base)
	cfg.GroupFilter = cmp.Or(cfg.GroupFilter, s.groupFilter)
	cfg.GroupName = cmp.Or(cfg.GroupName, s.groupName)
	cfg.Attempt = cmp.Or(cfg.Attempt, 1500*time.Millisecond)
	cfg.Total = cmp.Or(cfg.Total, 4500*time.Millisecond)
	cfg.Retry = cmp.Or(cfg.Retry, time.Second)
	cfg.SearchConns = cmp.Or(cfg.SearchConns, 2)
	cfg.BindConns = cmp.Or(cfg.BindConns, 128)
	cfg.Servers = slices.Clone(cfg.Servers)
	if cfg.Dial == nil {
		cfg.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg
}

func (cfg LDAPConfig) check(key string) realms.Problems {
	var problems realms.Problems
	wrong := func(what, text, fix string) {
		problems = append(problems, realms.Problem{Key: key + what, Text: text, Fix: fix})
	}
	if _, known := schemas[cfg.Schema]; !known {
		wrong(".kind", fmt.Sprintf("there is no kind of LDAP directory %q", cfg.Schema), "write one of "+strings.Join(slices.Sorted(maps.Keys(schemas)), ", "))
	}
	if len(cfg.Servers) == 0 && cfg.Find == nil {
		wrong(".servers", "no servers", `add servers = ["ldaps://dc1.example.org"]`)
	}
	if cfg.Base == "" {
		wrong(".base", "no base", "name the entry that everybody is below, as DC=example,DC=org")
	}
	checkDN := func(what, dn string) {
		if _, err := ldap.ParseDN(dn); err != nil {
			wrong(what, fmt.Sprintf("%q is not the name of an entry", dn), "write it as CN=svc-radius,DC=example,DC=org")
		}
	}
	checkDN(".base", cfg.Base)
	if cfg.GroupBase != cfg.Base {
		checkDN(".group_base", cfg.GroupBase)
	}
	if cfg.Schema != "ad" || !strings.ContainsAny(cfg.Bind, `@\`) { // Active Directory also takes user@domain and DOMAIN\user
		checkDN(".bind", cfg.Bind)
	}
	if cfg.Bind != "" && cfg.Password == "" {
		// It would be a bind without authentication (RFC 4513, section 5.1.2).
		wrong(".password", "bind has no password", "add the password of "+cfg.Bind)
	}
	if _, err := ldap.CompileFilter(cfg.GroupFilter); err != nil && cfg.GroupFilter != "" {
		wrong(".group_filter", "it is not a filter", "write it as (objectClass=groupOfNames)")
	}
	return problems
}

// parseServer reads the address of a server.
func (cfg LDAPConfig) parseServer(address string) (host, port string, encrypted bool, problem *realms.Problem) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "ldap" && u.Scheme != "ldaps" || strings.Trim(u.Path, "/") != "" || u.User != nil {
		return "", "", false, &realms.Problem{Text: fmt.Sprintf("%q is not the address of an LDAP server", address), Fix: "write it as ldaps://dc1.example.org"}
	}
	switch {
	case u.Scheme == "ldaps":
		return u.Hostname(), cmp.Or(u.Port(), "636"), true, nil
	case !cfg.StartTLS && !cfg.Plain:
		return "", "", false, &realms.Problem{Text: address + " would carry passwords in the clear", Fix: "write ldaps://, or set starttls = true"}
	}
	return u.Hostname(), cmp.Or(u.Port(), "389"), false, nil
}
