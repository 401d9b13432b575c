// Package guard keeps repeated wrong passwords away from a directory that would
// lock the account for them (S21): the telephone with last month's password must
// not keep its owner out of everything else.
package guard

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"causeway/certs"
	"causeway/realms"
)

// A Store is what the servers of a pair share. Every error of it means that nothing
// is known; nobody is refused for that.
type Store interface {
	Get(ctx context.Context, key string) ([]byte, error)
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	Add(ctx context.Context, key string, n int64, ttl time.Duration) (int64, error)
	Delete(ctx context.Context, key string) error
}

// A Lookup finds an account without its password, as realms.Directory does.
type Lookup func(ctx context.Context, id realms.Identity) (realms.Account, error)

// Config says how many wrong passwords are too many.
type Config struct {
	Directory string // its name in the configuration: each counts alone
	Store     Store
	// Names remembers whose the names are that were typed, which are as many as
	// somebody likes: what is counted must not make room for them. Nil: Store.
	Names Store
	Key   []byte // digests of passwords are made with it
	// Lookup tells whose name it is, so that an account is one however its name is
	// typed, and when its password was set: who has a new one enters at once. It is
	// asked once a day for each name, and before somebody is refused here.
	Lookup Lookup
	// Failures is how many wrong passwords of one account reach the directory within
	// Window by a challenge and its response, where nobody can tell a new password
	// from the old one. Corrections more are let through when they are sent as they
	// are (PAP, GTC), each a password that has not failed before. The directory's own
	// threshold must be higher than the sum.
	Failures, Corrections int
	Window                time.Duration
	Now                   func() time.Time // nil: time.Now
}

// remembered is how long a failed password is known again, where the directory
// tells when passwords change.
const remembered = 24 * time.Hour

// A Guard counts for one directory. It is safe for concurrent use.
type Guard struct {
	cfg   Config
	gates gates
}

// New returns a guard.
func New(cfg Config) *Guard {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Names == nil {
		cfg.Names = cfg.Store
	}
	return &Guard{cfg: cfg, gates: gates{byName: make(map[string]*gate)}}
}

// A record is the failures of one account since its last good log-in. They are
// forgotten together, a window after the last of them that reached the directory,
// as Active Directory itself counts.
type record struct {
	Series      string    `json:"series"` // names the counter
	Until       time.Time `json:"until"`
	PasswordSet string    `json:"password_set,omitempty"`

	failures int
}

// A failed password is kept as a digest.
type failed struct {
	At          time.Time `json:"at"`
	PasswordSet string    `json:"password_set,omitempty"`
}

// Enter tells whether an attempt may reach the directory, and returns what must be
// told what the directory said. password is empty for a challenge's response. The
// error wraps [realms.ErrGuarded] and says when that ends, [realms.ErrBadPassword]
// for a password that has failed before, or [realms.ErrUnreachable] while the directory
// does not answer.
func (g *Guard) Enter(ctx context.Context, id realms.Identity, password certs.Secret) (leave func(error), err error) {
	account, err := g.account(ctx, id)
	if err != nil {
		return nil, err
	}
	if password != "" && g.hasFailed(ctx, id, account, password) {
		return nil, fmt.Errorf("the same wrong password again, the directory was not asked: %w", realms.ErrBadPassword)
	}
	limit := g.cfg.Failures
	if password != "" {
		limit += g.cfg.Corrections
	}
	gate := g.gates.come(account)
	failures, err := g.admit(ctx, gate, id, account, limit)
	if err != nil {
		g.gates.goAway(account)
		return nil, err
	}
	return func(said error) {
		ctx := context.WithoutCancel(ctx) // what the directory has counted counts here, too, whoever has gone away
		gate.leave(func() {
			switch {
			case errors.Is(said, realms.ErrBadPassword):
				g.count(ctx, id, account, password, said)
			case said == nil && failures > 0:
				g.forgive(ctx, account)
			}
		})
		g.gates.goAway(account)
	}, nil
}

// admit waits until an attempt may go in: until those before it could all fail and
// this one too.
func (g *Guard) admit(ctx context.Context, at *gate, id realms.Identity, account string, limit int) (failures int, err error) {
	for {
		r, free := at.enter(limit, func() record { return g.failures(ctx, account) })
		switch {
		case free == nil:
			return r.failures, nil
		case r.failures < limit:
		case g.changed(ctx, id, r.PasswordSet):
			g.forgive(ctx, account)
			continue
		default:
			return 0, fmt.Errorf("%d wrong passwords; until %s the directory is not asked: %w",
				r.failures, r.Until.UTC().Format("15:04:05 MST"), realms.ErrGuarded)
		}
		select {
		case <-free:
		case <-ctx.Done():
			return 0, fmt.Errorf("other log-ins of this account are being judged: %w", realms.ErrServerBusy)
		}
	}
}

// count writes a wrong password down, under the name that the directory itself has
// for the account: somebody may type one person's name in several ways.
func (g *Guard) count(ctx context.Context, id realms.Identity, account string, password certs.Secret, err error) {
	set := ""
	var of *realms.AccountError
	if errors.As(err, &of) {
		set = of.PasswordSet
		if now := strings.ToLower(of.Account); now != account { // it has just been renamed
			account = now
			g.know(ctx, id, account)
		}
	}
	now := g.cfg.Now()
	r := g.failures(ctx, account)
	if r.failures == 0 { // what was counted before is over
		r.Series = hex.EncodeToString(fmt.Append(nil, now.UnixNano()))
	}
	if _, err := g.cfg.Store.Add(ctx, g.counter(account, r), 1, g.longest()); err != nil {
		return
	}
	r.Until, r.PasswordSet = now.Add(g.cfg.Window), set
	g.put(ctx, g.key("record", account), r, g.cfg.Window)
	if password == "" {
		return
	}
	keep := g.cfg.Window
	if set != "" {
		keep = max(keep, remembered)
	}
	g.put(ctx, g.digest(account, password), failed{At: now, PasswordSet: set}, keep)
}

// longest is how long failures can follow one another, each within a window of the
// last.
func (g *Guard) longest() time.Duration {
	return time.Duration(g.cfg.Failures+g.cfg.Corrections+1) * g.cfg.Window
}

// forgive forgets the failures of an account whose owner knew the password, or has
// a new one.
func (g *Guard) forgive(ctx context.Context, account string) {
	r := g.failures(ctx, account)
	if r.failures == 0 {
		return
	}
	_ = g.cfg.Store.Delete(ctx, g.key("record", account))
	_ = g.cfg.Store.Delete(ctx, g.counter(account, r))
	g.put(ctx, g.key("forgiven", account), g.cfg.Now(), g.cfg.Window)
}

// failures returns what is known of an account's wrong passwords.
func (g *Guard) failures(ctx context.Context, account string) (r record) {
	if !g.get(ctx, g.key("record", account), &r) {
		return record{}
	}
	count, err := g.cfg.Store.Add(ctx, g.counter(account, r), 0, g.longest())
	if err != nil {
		return record{}
	}
	r.failures = int(count)
	return r
}

// hasFailed tells whether this password failed before and nothing has changed since.
func (g *Guard) hasFailed(ctx context.Context, id realms.Identity, account string, password certs.Secret) bool {
	var before failed
	key := g.digest(account, password)
	if !g.get(ctx, key, &before) {
		return false
	}
	var forgiven time.Time
	switch {
	case before.PasswordSet != "":
		if !g.changed(ctx, id, before.PasswordSet) {
			return true
		}
	case !g.get(ctx, g.key("forgiven", account), &forgiven) || forgiven.Before(before.At):
		// Nobody tells when the password changed, and nobody has known it since.
		return true
	}
	_ = g.cfg.Store.Delete(ctx, key)
	return false
}

// changed tells whether an account has another password than the one that was set
// then.
func (g *Guard) changed(ctx context.Context, id realms.Identity, then string) bool {
	if then == "" {
		return false
	}
	account, err := g.cfg.Lookup(ctx, id)
	return err == nil && account.PasswordSet != "" && account.PasswordSet != then
}

// account is whom a name means. Directories compare names in ways of their own, by
// letters of another width or without accents, and know one person by several: who
// could try a password more with each way of typing would lock the account in the end.
func (g *Guard) account(ctx context.Context, id realms.Identity) (string, error) {
	if account, err := g.cfg.Names.Get(ctx, g.key("alias", typed(id))); err == nil {
		return string(account), nil
	}
	found, err := g.cfg.Lookup(ctx, id)
	account := strings.ToLower(found.Entry)
	var of *realms.AccountError
	switch {
	case errors.Is(err, realms.ErrUnreachable):
		return "", err
	case errors.As(err, &of): // disabled, say
		account = strings.ToLower(of.Account)
	}
	if account == "" { // nobody's: it has no password to be wrong
		return typed(id), nil
	}
	g.know(ctx, id, account)
	return account, nil
}

// know remembers whom a name means.
func (g *Guard) know(ctx context.Context, id realms.Identity, account string) {
	_ = g.cfg.Names.Put(ctx, g.key("alias", typed(id)), []byte(account), max(remembered, g.longest()))
}

func typed(id realms.Identity) string { return strings.ToLower(id.String()) }

func (g *Guard) key(what, of string) string {
	return "guard:" + what + ":" + g.cfg.Directory + ":" + of
}

func (g *Guard) counter(account string, r record) string {
	return g.key("count", account) + ":" + r.Series
}

// digest is the name of a failed password: a keyed digest, bound to the directory
// and the account.
func (g *Guard) digest(account string, password certs.Secret) string {
	mac := hmac.New(sha256.New, g.cfg.Key)
	_, _ = fmt.Fprintf(mac, "%q %q %q", g.cfg.Directory, account, password.Reveal())
	return g.key("failed", account) + ":" + hex.EncodeToString(mac.Sum(nil))
}

func (g *Guard) get(ctx context.Context, key string, into any) bool {
	b, err := g.cfg.Store.Get(ctx, key)
	return err == nil && json.Unmarshal(b, into) == nil
}

func (g *Guard) put(ctx context.Context, key string, value any, ttl time.Duration) {
	if b, err := json.Marshal(value); err == nil {
		_ = g.cfg.Store.Put(ctx, key, b, ttl)
	}
}

// gates hold back attempts that could all fail together: of one account, on this
// server, no more are at the directory than may still fail.
type gates struct {
	mu     sync.Mutex
	byName map[string]*gate
}

// A gate is the attempts of one account that are at the directory now, or wait.
type gate struct {
	here int // guarded by the gates' lock

	mu     sync.Mutex // held while the failures are read or written: those who are inside stay counted
	inside int
	left   chan struct{} // closed and replaced when one has left
}

// come returns the gate of a name; whoever came leaves it or goes away.
func (g *gates) come(name string) *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.byName[name]
	if at == nil {
		at = &gate{left: make(chan struct{})}
		g.byName[name] = at
	}
	at.here++
	return at
}

// goAway is for who came, let in or not.
func (g *gates) goAway(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := g.byName[name]; at != nil {
		if at.here--; at.here == 0 {
			delete(g.byName, name)
		}
	}
}

// leave is for who was let in. What came of it is written down first, of one attempt
// after the other: two that are the first to fail are two.
func (at *gate) leave(write func()) {
	at.mu.Lock()
	defer at.mu.Unlock()
	write()
	at.inside--
	close(at.left)
	at.left = make(chan struct{})
}

// enter lets an attempt in, unless it and those inside could fail beyond the limit;
// else it returns what closes when one has left.
func (at *gate) enter(limit int, failures func() record) (record, <-chan struct{}) {
	at.mu.Lock()
	defer at.mu.Unlock()
	r := failures()
	if r.failures+at.inside >= limit {
		return r, at.left
	}
	at.inside++
	return r, nil
}
