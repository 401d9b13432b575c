package daemon

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"causeway/certs"
	"causeway/radiusd/daemon/config"
	"causeway/radiusd/probe"
)

// A ProbeOrder says which probes to make, and with whom when it is not the file's
// accounts.
type ProbeOrder struct {
	Pool, Server string // empty: all
	Patience     time.Duration
	Limit        time.Duration

	// With User, one account in the place of the file's; what is empty is taken from
	// the pool's first.
	User, Outer, Method string
	Password            certs.Secret
	CA                  string // a reference to PEM
	ServerName          string
}

// A ProbeReport is what one probe found.
type ProbeReport struct {
	Pool      string
	Server    string
	Address   string
	Transport string
	User      string
	Result    probe.Result
}

// Probe makes the probes of an order, one after another, and reports each as it ends.
// An error means that the order, or the file, has no such probe.
func (i *Inspection) Probe(ctx context.Context, o ProbeOrder, report func(ProbeReport)) error {
	all, err := i.ordered(o)
	if err != nil {
		return err
	}
	for _, s := range all {
		s.Patience, s.Limit = o.Patience, o.Limit
		result := s.Run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		report(ProbeReport{Pool: s.pool, Server: s.Server.Name, Address: s.Server.Address, Transport: s.Server.Transport, User: s.Account.User, Result: result})
	}
	return nil
}

// Unprobed are the federations and partners that have servers and no test account, as the
// tables of the file that lack a probe.
func (i *Inspection) Unprobed() (tables []string) {
	for _, p := range outsides(i.File) {
		if len(p.servers) > 0 && len(p.accounts) == 0 {
			tables = append(tables, p.key)
		}
	}
	return tables
}

// ordered are the probes that an order means.
func (i *Inspection) ordered(o ProbeOrder) ([]*standing, error) {
	list := outsides(i.File)
	all := i.house.standings
	if o.User != "" {
		all = nil
		for _, p := range list {
			if o.Pool != "" && p.name != o.Pool {
				continue
			}
			account, flaw, err := i.account(p, o)
			if err != nil {
				return nil, err
			}
			all = append(all, p.through(i.File, i.house.cards, account, 0, flaw)...)
		}
	}
	var names []string
	for _, p := range list {
		names = append(names, p.name)
	}
	if o.Pool != "" && !slices.Contains(names, o.Pool) {
		return nil, fmt.Errorf("there is no federation or partner %q: the file has %s", o.Pool, strings.Join(names, ", "))
	}
	all = slices.DeleteFunc(slices.Clone(all), func(s *standing) bool { return o.Pool != "" && s.pool != o.Pool })
	if len(all) == 0 {
		table := "federation.NAME"
		if n := slices.Index(names, o.Pool); n >= 0 {
			table = list[n].key
		}
		return nil, fmt.Errorf("there is nobody to log in as: add a [[%s.probe]] with a test account, or say --user, --password-file, --ca and --server-name", table)
	}
	servers := slices.Clone(all)
	all = slices.DeleteFunc(all, func(s *standing) bool {
		return o.Server != "" && s.Server.Name != o.Server && s.Server.Address != o.Server
	})
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no server %q: it has %s", o.Pool, o.Server, strings.Join(serverNames(servers), ", "))
	}
	return all, nil
}

func serverNames(all []*standing) (names []string) {
	for _, s := range all {
		if !slices.Contains(names, s.Server.Name) {
			names = append(names, s.Server.Name)
		}
	}
	return names
}

// account is the one that an order names, completed from the pool's first.
func (i *Inspection) account(p outside, o ProbeOrder) (probe.Account, string, error) {
	c := config.Probe{Method: "peap-mschapv2"}
	key := p.key
	if len(p.accounts) > 0 {
		c, key = p.accounts[0], p.key+".probe[0]"
	}
	c.User, c.Outer, c.Password = o.User, o.Outer, o.Password
	for _, f := range []struct {
		to   *string
		with string
	}{{&c.Method, o.Method}, {&c.ServerName, o.ServerName}} {
		if f.with != "" {
			*f.to = f.with
		}
	}
	a := probe.Account{User: c.User, Outer: c.Outer, Password: c.Password, Method: c.Method, ServerName: c.ServerName}
	switch {
	case !slices.Contains(config.ProbeMethods, c.Method) || c.WithCertificate():
		return a, "", fmt.Errorf("with --user a probe cannot log in by %q: take peap-mschapv2 or ttls-pap, or write the account into the file", c.Method)
	case !strings.Contains(a.Name(), "@"):
		return a, "", fmt.Errorf("%q has no realm that a request could be sent to", a.Name())
	case c.ServerName == "" || o.CA == "" && c.CA == "":
		return a, "", fmt.Errorf("%s has no probe to take it from: say --ca and --server-name, or anybody could be told the password", p.name)
	case o.CA == "" && i.File.Unreadable(key+".ca"):
		return a, "the test account's ca cannot be read here: say --ca", nil
	}
	if o.CA != "" {
		c.CA = o.CA
	}
	var roots *x509.CertPool
	roots, err := certs.ReadAuthorities(c.CA)
	a.Roots = roots
	return a, "", err
}
