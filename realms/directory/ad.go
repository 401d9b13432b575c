package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	ldap "github.com/go-ldap/ldap/v3"

	"causeway/certs"
	"causeway/realms"
)

// An AD is an Active Directory domain: a [realms.Directory] and a
// [realms.ChallengeVerifier], without winbind.
//
// People, their groups and their passwords in the clear are LDAP's part, as for any
// [LDAP] of schema "ad". MSCHAPv2 is judged by a domain controller, which keeps its
// hashes to itself, through a Netlogon secure channel that the password of our
// computer account seals.
type AD struct {
	cfg  ADConfig
	ldap *LDAP
	rota *rota // of Netlogon; ends with Close

	mu          sync.Mutex
	controllers map[*server]*controller
	netBIOS     string // of the domain, once it is known
}

// VerifyMSCHAPv2 is [realms.ChallengeVerifier]'s. The account is found by whatever
// name was typed, logs on by the name that the domain has for it, and the response is
// one to the name that the peer hashed. Only who knows the password is told that it
// has expired or must be changed.
func (a *AD) VerifyMSCHAPv2(ctx context.Context, id realms.Identity, c realms.Challenge) (realms.Account, realms.SessionKey, error) {
	ctx, cancel := a.ldap.patience(ctx)
	defer cancel()
	entry, err := a.ldap.find(ctx, id)
	if err != nil {
		return realms.Account{}, realms.SessionKey{}, err
	}
	name := value(entry, "sAMAccountName")
	if name == "" {
		err := fmt.Errorf("its sAMAccountName cannot be read; let our account read it: %w", realms.ErrMisconfigured)
		return realms.Account{}, realms.SessionKey{}, a.ldap.about(entry, err)
	}
	key, err := a.LogOn(ctx, name, c)
	if err == nil {
		// The response was good. What LDAP says beyond it counts too.
		standing := a.ldap.schema.standing(entry, a.ldap.cfg.Now())
		err = first(standing.account, standing.password)
	}
	if err != nil {
		return realms.Account{}, realms.SessionKey{}, a.ldap.about(entry, err)
	}
	return a.ldap.account(ctx, entry), key, nil
}

// CheckPassword is [realms.Directory]'s.
func (a *AD) CheckPassword(ctx context.Context, id realms.Identity, password certs.Secret) (realms.Account, error) {
	return a.ldap.CheckPassword(ctx, id, password)
}

// Lookup is [realms.Directory]'s.
func (a *AD) Lookup(ctx context.Context, id realms.Identity) (realms.Account, error) {
	return a.ldap.Lookup(ctx, id)
}

// KnowsSIDs is [realms.SIDLookup]'s.
func (a *AD) KnowsSIDs() bool { return true }

// LookupSID is [realms.SIDLookup]'s.
func (a *AD) LookupSID(ctx context.Context, sid string, id realms.Identity) (realms.Account, error) {
	return a.ldap.LookupSID(ctx, sid, id)
}

// Close ends all connections. Questions that are still open, and later ones, are
// answered with [realms.ErrUnreachable].
func (a *AD) Close() {
	a.rota.cancel()
	for _, c := range a.list() {
		c.close()
	}
	a.rota.close()
	a.ldap.Close()
}

func (a *AD) list() (all []*controller) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.controllers {
		all = append(all, c)
	}
	return all
}

// LogOn has the domain judge a response for an account that has been found, by its
// sAMAccountName. It puts the attempt to one domain controller after the other. One
// that did not answer is asked once more when no other did: what stalled may have been
// a connection of ours and not the domain controller.
func (a *AD) LogOn(ctx context.Context, account string, c realms.Challenge) (key realms.SessionKey, err error) {
	at := attempt{user: account, Challenge: c}
	for range 2 {
		var all []*controller
		if all, err = a.known(ctx); err != nil {
			return key, err
		}
		stalled := false
		err = each(ctx, a.rota, all, func(ctx context.Context, c *controller) (err error) {
			key, err = c.logOn(ctx, at)
			stalled = stalled || errors.Is(err, context.DeadlineExceeded)
			return err
		})
		if !stalled || !errors.Is(err, realms.ErrUnreachable) || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return realms.SessionKey{}, err
	}
	return key, nil
}

// known returns the domain controllers that LDAP knows now, in the same order.
func (a *AD) known(ctx context.Context) ([]*controller, error) {
	servers, err := a.ldap.known(ctx)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.rota.ctx.Err() != nil {
		return nil, fmt.Errorf("directory %s is closed: %w", a.cfg.Name, realms.ErrUnreachable)
	}
	all := make([]*controller, len(servers))
	for i, s := range servers {
		if a.controllers[s] == nil {
			a.controllers[s] = newController(a, s)
		}
		all[i] = a.controllers[s]
	}
	for s, c := range a.controllers {
		if !slices.Contains(servers, s) {
			delete(a.controllers, s)
			a.rota.looks.Go(c.close)
		}
	}
	return all, nil
}

// computer is who we are.
func (a *AD) computer(ctx context.Context) (computer, error) {
	domain, err := a.domain(ctx)
	return computer{name: a.cfg.Computer, domain: domain, password: a.cfg.ComputerPassword}, err
}

// domain returns the NetBIOS name of the domain: that of the partition which holds it
// (MS-ADTS, section 6.1.1.2.1.1).
func (a *AD) domain(ctx context.Context) (string, error) {
	a.mu.Lock()
	known := a.netBIOS
	a.mu.Unlock()
	if known != "" {
		return known, nil
	}
	base := baseOf(a.cfg.Domain)
	root, err := a.ldap.read(ctx, "", "(objectClass=*)", ldap.ScopeBaseObject, "configurationNamingContext")
	if err != nil {
		return "", err
	}
	partition, err := a.ldap.read(ctx, "CN=Partitions,"+root, "(&(objectClass=crossRef)(nCName="+ldap.EscapeFilter(base)+"))", ldap.ScopeSingleLevel, "nETBIOSName")
	if err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.netBIOS = partition
	return partition, nil
}

// read reads one attribute of one entry.
func (l *LDAP) read(ctx context.Context, base, filter string, scope int, attribute string) (text string, err error) {
	req := ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, mostMatches, 0, false, filter, []string{attribute}, nil)
	err = l.each(ctx, func(ctx context.Context, s *server) error {
		res, err := s.search(ctx, req)
		if err != nil {
			return err
		}
		if len(res.Entries) == 1 {
			text = value(res.Entries[0], attribute)
		}
		return nil
	})
	if reason := realms.Reason(""); err != nil && !errors.As(err, &reason) {
		err = fmt.Errorf("directory %s: read %s of %q: %w: %w", l.cfg.Name, attribute, base, err, realms.ErrMisconfigured)
	}
	if err == nil && text == "" {
		err = fmt.Errorf("directory %s: %s below %q cannot be read: correct domain, or give netbios: %w", l.cfg.Name, attribute, base, realms.ErrMisconfigured)
	}
	return text, err
}
