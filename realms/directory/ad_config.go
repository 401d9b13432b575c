package directory

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"causeway/certs"
	"causeway/realms"
)

// ADConfig says which domain it is and who we are in it. Only Name, Domain, Computer
// and ComputerPassword must be given.
type ADConfig struct {
	Name    string // what errors and the configuration call it: "trust"
	Domain  string // northbridge.nhs.uk
	NetBIOS string // the domain's short name; empty: the directory is asked
	// Servers are the domain controllers, as "dc1.northbridge.nhs.uk" or as
	// "ldaps://dc1.northbridge.nhs.uk:636"; the first that works is asked. Empty: those
	// that DNS names, and it is asked again from time to time.
	Servers []string

	Computer         string // our computer account, with its $ or without: "RADIUS1"
	ComputerPassword certs.Secret

	Base     string // everybody's entry is below it; empty: the domain's own
	Bind     string // the name that searches; empty: the computer account
	Password certs.Secret

	StartTLS   bool           // LDAP on port 389 with StartTLS, in place of 636
	Roots      *x509.CertPool // nil: the system's
	ServerName string         // the name in the servers' certificates; empty: each server's own

	UserFilter, MachineFilter         string // as in LDAPConfig
	GroupBase, GroupFilter, GroupName string

	Channels     int // secure channels to each domain controller, opened as they are needed; 0: 8
	NetlogonPort int // 0: the endpoint mapper is asked

	Attempt, Total, Retry time.Duration // as in LDAPConfig

	Dial func(ctx context.Context, address string) (net.Conn, error) // nil: TCP
	// LookupSRV is a net.Resolver's; nil: the system's.
	LookupSRV func(ctx context.Context, service, proto, name string) (cname string, records []*net.SRV, err error)
	Now       func() time.Time // nil: time.Now
}

const (
	defaultChannels = 8
	mostChannels    = 64
	longestComputer = 15 // of a NetBIOS name
)

// NewAD makes a directory. It asks no server: one that is down now may be up when it
// is needed. Its error is [realms.Problems], with keys as directory.trust.domain.
func NewAD(cfg ADConfig) (*AD, error) {
	cfg.Computer = strings.ToUpper(strings.TrimSuffix(cfg.Computer, "$"))
	cfg.Domain = strings.ToLower(cfg.Domain)
	cfg.Channels = cmp.Or(cfg.Channels, defaultChannels)
	a := &AD{
		cfg: cfg, controllers: map[*server]*controller{}, netBIOS: strings.ToUpper(cfg.NetBIOS),
	}
	problems := cfg.check("directory." + cfg.Name)
	var err error
	a.ldap, err = NewLDAP(a.ldapConfig())
	if more := (realms.Problems)(nil); errors.As(err, &more) {
		for _, p := range more {
			if !cfg.filledIn(p.Key) {
				problems = append(problems, p)
			}
		}
	}
	if len(problems) > 0 {
		if a.ldap != nil {
			a.ldap.Close()
		}
		return nil, problems
	}
	a.cfg.Dial = a.ldap.cfg.Dial
	a.rota = newRota(cfg.Name, a.ldap.cfg.Attempt, a.ldap.cfg.Retry)
	return a, nil
}

// filledIn says that a key of LDAP's was made of others here, whose mistakes have been
// told.
func (cfg ADConfig) filledIn(key string) bool {
	switch key[strings.LastIndexByte(key, '.')+1:] {
	case "base":
		return cfg.Base == ""
	case "bind", "password":
		return cfg.Bind == ""
	}
	return false
}

// ldapConfig is LDAP's part.
func (a *AD) ldapConfig() LDAPConfig {
	cfg := a.cfg
	l := LDAPConfig{
		Name: cfg.Name, Schema: "ad", Servers: addresses(cfg.Servers, cfg.StartTLS),
		Base: cmp.Or(cfg.Base, baseOf(cfg.Domain)),
		Bind: cfg.Bind, Password: cfg.Password,
		StartTLS: cfg.StartTLS, Roots: cfg.Roots, ServerName: cfg.ServerName,
		UserFilter: cfg.UserFilter, MachineFilter: cfg.MachineFilter,
		GroupBase: cfg.GroupBase, GroupFilter: cfg.GroupFilter, GroupName: cfg.GroupName,
		Attempt: cfg.Attempt, Total: cfg.Total, Retry: cfg.Retry,
		Dial: cfg.Dial, Now: cfg.Now,
	}
	if l.Bind == "" {
		l.Bind, l.Password = cfg.Computer+"$@"+cfg.Domain, cfg.ComputerPassword
	}
	if len(cfg.Servers) == 0 {
		found := newLocator(cfg)
		l.Find = func(ctx context.Context) ([]string, error) {
			hosts, err := found.find(ctx)
			return addresses(hosts, cfg.StartTLS), err
		}
	}
	return l
}

// addresses are those of LDAP at domain controllers that may be named by host alone.
func addresses(servers []string, startTLS bool) []string {
	scheme := "ldaps://"
	if startTLS {
		scheme = "ldap://"
	}
	var urls []string
	for _, s := range servers {
		if !strings.Contains(s, "://") {
			s = scheme + s
		}
		urls = append(urls, s)
	}
	return urls
}

// baseOf is the entry of a domain: DC=northbridge,DC=nhs,DC=uk.
func baseOf(domain string) string {
	return "DC=" + strings.ReplaceAll(domain, ".", ",DC=")
}

func (cfg ADConfig) check(key string) realms.Problems {
	var problems realms.Problems
	wrong := func(what, text, fix string) {
		problems = append(problems, realms.Problem{Key: key + what, Text: text, Fix: fix})
	}
	if _, err := realms.ParseIdentity("a@" + cfg.Domain); err != nil {
		wrong(".domain", fmt.Sprintf("%q is not the name of a domain in DNS", cfg.Domain), `write it as "northbridge.nhs.uk"`)
	}
	if !isNetBIOS(cfg.Computer) {
		wrong(".computer", fmt.Sprintf("%q is not the name of a computer", cfg.Computer), fmt.Sprintf("write at most %d letters, digits and hyphens, as \"RADIUS1\"", longestComputer))
	}
	if cfg.ComputerPassword == "" {
		wrong(".computer_password", "the computer account has no password", "add the password that radiusd ad join wrote, or an administrator set")
	}
	if cfg.NetBIOS != "" && !isNetBIOS(cfg.NetBIOS) {
		wrong(".netbios", fmt.Sprintf("%q is not the short name of a domain", cfg.NetBIOS), `write it as "NORTHBRIDGE", or leave it out`)
	}
	if cfg.Channels < 0 || cfg.Channels > mostChannels {
		wrong(".channels", strconv.Itoa(cfg.Channels)+" secure channels", fmt.Sprintf("write 1 to %d, or leave it out for %d", mostChannels, defaultChannels))
	}
	if cfg.NetlogonPort < 0 || cfg.NetlogonPort > 65535 {
		wrong(".netlogon_port", strconv.Itoa(cfg.NetlogonPort)+" is not a port", "write the port that Netlogon has at every domain controller, or leave it out")
	}
	return problems
}

// isNetBIOS holds a name to what every part of Windows takes.
func isNetBIOS(name string) bool {
	if name == "" || len(name) > longestComputer {
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) < 0
}
