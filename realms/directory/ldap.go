package directory

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"

	ldap "github.com/go-ldap/ldap/v3"

	"causeway/certs"
	"causeway/realms"
)

// An LDAP is a [realms.Directory] and a [realms.NTHasher] behind one or more
// LDAP servers that hold the same entries.
//
// A password is checked by a bind with the name of the person's entry, which a
// search finds first. No name is ever built from what somebody typed, and in
// filters it stands escaped (RFC 4515, section 3).
type LDAP struct {
	cfg     LDAPConfig
	schema  schema
	user    template
	machine template
	rota    *rota // ends with Close

	mu      sync.Mutex
	servers []*server // in order; they change only where the configuration finds them
}

// CheckPassword is [realms.Directory]'s. A bind is sent only for a password that
// is neither empty nor bears a NUL, and for exactly one entry.
func (l *LDAP) CheckPassword(ctx context.Context, id realms.Identity, password certs.Secret) (realms.Account, error) {
	if err := checkable(password); err != nil {
		return realms.Account{}, err
	}
	ctx, cancel := l.patience(ctx)
	defer cancel()
	entry, err := l.find(ctx, id)
	if err != nil {
		return realms.Account{}, err
	}
	standing := l.schema.standing(entry, l.cfg.Now())
	if err := l.bind(ctx, entry.DN, password); err != nil {
		return realms.Account{}, l.about(entry, bindReason(err, standing))
	}
	// The bind itself was the judge of a lock: what the entry says of one may
	// be a lock that has run out.
	if err := first(standing.account, standing.password); err != nil {
		return realms.Account{}, l.about(entry, err)
	}
	return l.account(ctx, entry), nil
}

// Lookup is [realms.Directory]'s. It does not judge the password: a certificate
// is good while a password has expired.
func (l *LDAP) Lookup(ctx context.Context, id realms.Identity) (realms.Account, error) {
	ctx, cancel := l.patience(ctx)
	defer cancel()
	entry, err := l.find(ctx, id)
	if err != nil {
		return realms.Account{}, err
	}
	standing := l.schema.standing(entry, l.cfg.Now())
	if err := first(standing.account, standing.lock); err != nil {
		return realms.Account{}, l.about(entry, err)
	}
	return l.account(ctx, entry), nil
}

// NTHash is [realms.NTHasher]'s. It gives the hash of nobody who may not log in
// with a password, and asks nobody when no attribute is configured.
func (l *LDAP) NTHash(ctx context.Context, id realms.Identity) ([16]byte, error) {
	if l.cfg.NTHashAttribute == "" {
		return [16]byte{}, fmt.Errorf("directory %s has no attribute with NT hashes: %w", l.cfg.Name, realms.ErrNoHash)
	}
	ctx, cancel := l.patience(ctx)
	defer cancel()
	entry, err := l.find(ctx, id)
	if err != nil {
		return [16]byte{}, err
	}
	standing := l.schema.standing(entry, l.cfg.Now())
	if err := first(standing.account, standing.lock); err != nil {
		return [16]byte{}, l.about(entry, err)
	}
	hash, ok := ntHash(entry.GetEqualFoldRawAttributeValue(l.cfg.NTHashAttribute))
	if !ok {
		return [16]byte{}, l.about(entry, fmt.Errorf("its %s is absent or is no NT hash: %w", l.cfg.NTHashAttribute, realms.ErrNoHash))
	}
	if standing.password != nil {
		return hash, l.about(entry, standing.password)
	}
	return hash, nil
}

// VerifyCHAP is [realms.CHAPVerifier]'s. It asks nobody when no attribute is
// configured.
func (l *LDAP) VerifyCHAP(ctx context.Context, id realms.Identity, ident byte, challenge, response []byte) (realms.Account, error) {
	if l.cfg.ClearPasswordAttribute == "" {
		return realms.Account{}, fmt.Errorf("directory %s has no attribute with passwords in the clear: %w", l.cfg.Name, realms.ErrNoHash)
	}
	ctx, cancel := l.patience(ctx)
	defer cancel()
	entry, err := l.find(ctx, id)
	if err != nil {
		return realms.Account{}, err
	}
	password := certs.Secret(value(entry, l.cfg.ClearPasswordAttribute))
	if err := checkCHAP(password, ident, challenge, response); err != nil {
		return realms.Account{}, l.about(entry, err)
	}
	standing := l.schema.standing(entry, l.cfg.Now())
	if err := first(standing.account, standing.lock, standing.password); err != nil {
		return realms.Account{}, l.about(entry, err)
	}
	return l.account(ctx, entry), nil
}

// ntHash reads sambaNTPassword, 32 hexadecimal digits, or ipaNTHash, 16 octets.
func ntHash(value []byte) (hash [16]byte, ok bool) {
	switch len(value) {
	case len(hash):
		return [16]byte(value), true
	case hex.EncodedLen(len(hash)):
		return parseNTHash(string(value))
	}
	return hash, false
}

// Close ends all connections. Questions that are still open, and later ones, are
// answered with [realms.ErrUnreachable].
func (l *LDAP) Close() {
	l.rota.cancel()
	for _, s := range l.list() {
		s.close()
	}
	l.rota.close()
}

// list is the servers of now.
func (l *LDAP) list() []*server {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.servers
}

// known returns the servers to ask: those of the configuration, or those that it
// finds now.
func (l *LDAP) known(ctx context.Context) ([]*server, error) {
	if l.cfg.Find == nil {
		return l.servers, nil
	}
	found, err := l.cfg.Find(ctx)
	if err != nil {
		return nil, err
	}
	return l.follow(found)
}

// follow makes the servers be those at these addresses. One that stays keeps its
// connections; one that has gone is left.
func (l *LDAP) follow(addresses []string) ([]*server, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rota.ctx.Err() != nil {
		return nil, fmt.Errorf("directory %s is closed: %w", l.cfg.Name, realms.ErrUnreachable)
	}
	if slices.EqualFunc(addresses, l.servers, func(address string, s *server) bool { return s.address == address }) {
		return l.servers, nil
	}
	var now []*server
	for _, address := range addresses {
		if at := slices.IndexFunc(l.servers, func(s *server) bool { return s.address == address }); at >= 0 {
			now = append(now, l.servers[at])
			continue
		}
		s, problem := newServer(l, address)
		if problem != nil {
			return nil, fmt.Errorf("directory %s: %s: %w", l.cfg.Name, problem.Text, realms.ErrMisconfigured)
		}
		now = append(now, s)
	}
	for _, s := range l.servers {
		if !slices.Contains(now, s) {
			l.rota.looks.Go(s.close) // it may wait for a dial
		}
	}
	l.servers = now
	return now, nil
}

// patience bounds one question to the directory, however many servers it asks.
func (l *LDAP) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, l.cfg.Total)
}

// find returns the one entry of a person or computer.
func (l *LDAP) find(ctx context.Context, id realms.Identity) (*ldap.Entry, error) {
	if id.User == "" {
		return nil, fmt.Errorf("directory %s: the name has nothing before the @: %w", l.cfg.Name, realms.ErrUnknownUser)
	}
	if l.cfg.Schema == "ad" && strings.ContainsRune(id.User, 0) {
		// Samba compares names up to the first NUL.
		return nil, fmt.Errorf("directory %s: the name holds a NUL: %w", l.cfg.Name, realms.ErrUnknownUser)
	}
	filter := l.user
	if id.Machine() {
		filter = l.machine
	}
	found, err := l.search(ctx, l.cfg.Base, filter.fill(id), mostMatches, l.attributes())
	switch {
	case err != nil:
		return nil, err
	case len(found.entries) > 1:
		return nil, fmt.Errorf("directory %s: more than one entry fits %s: %w", l.cfg.Name, id, realms.ErrAmbiguousUser)
	case found.limited:
		return nil, fmt.Errorf("directory %s: the search for %s was cut short: %w", l.cfg.Name, id, realms.ErrUnreachable)
	case len(found.entries) == 0:
		return nil, fmt.Errorf("directory %s: no entry fits %s below %s: %w", l.cfg.Name, id, l.cfg.Base, realms.ErrUnknownUser)
	case found.entries[0].DN == "":
		// A bind with an empty name is anonymous (RFC 4513, section 5.1.1).
		return nil, fmt.Errorf("directory %s: the entry of %s has no name: %w", l.cfg.Name, id, realms.ErrMisconfigured)
	}
	return found.entries[0], nil
}

// mostMatches is one more than good.
const mostMatches = 2

// attributes are what find asks for, and nothing more.
func (l *LDAP) attributes() []string {
	attributes := slices.Concat(l.schema.attributes, l.schema.passwordSet)
	if l.cfg.NTHashAttribute != "" {
		attributes = append(attributes, l.cfg.NTHashAttribute)
	}
	if l.cfg.ClearPasswordAttribute != "" {
		attributes = append(attributes, l.cfg.ClearPasswordAttribute)
	}
	if l.cfg.MemberOf {
		attributes = append(attributes, "memberOf")
	}
	return attributes
}

// account makes an entry into an account with its groups.
func (l *LDAP) account(ctx context.Context, entry *ldap.Entry) realms.Account {
	account := realms.Account{Name: entry.DN, Entry: entry.DN, PasswordSet: l.schema.setAt(entry)}
	for _, attribute := range l.schema.name {
		// One of several values is not the person's name: which one came first
		// must not decide what a rule for one person sees.
		if names := entry.GetEqualFoldAttributeValues(attribute); len(names) > 1 {
			break
		} else if len(names) == 1 && names[0] != "" {
			account.Name = names[0]
			break
		}
	}
	var complete bool
	account.Groups, complete = l.schema.groups(ctx, l, entry)
	account.GroupsUnknown = !complete
	return account
}

// about names the directory and the entry in an error.
func (l *LDAP) about(entry *ldap.Entry, err error) error {
	return fmt.Errorf("directory %s: %w", l.cfg.Name, &realms.AccountError{Account: entry.DN, PasswordSet: l.schema.setAt(entry), Err: err})
}

// first returns the first error that there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
