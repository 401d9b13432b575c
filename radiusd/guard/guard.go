// Package guard keeps repeated wrong passwords away from a directory that would
// lock the account for them (S21): the telephone with last month's password must
// not keep its owner out of everything else.
package guard

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
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

// Config says how many wrong passwords are too many.
type Config struct {
	Directory string // its name in the configuration: each counts alone
	Store     Store
	Key       []byte // digests of passwords are made with it
	// Failures is how many wrong passwords of one account reach the directory within
	// Window by a challenge and its response, where nobody can tell a new password
	// from the old one. Corrections more are let through when they are sent as they
	// are (PAP, GTC), each a password that has not failed before. The directory's own
	// threshold must be higher than the sum.
	Failures, Corrections int
	Window                time.Duration
	Now                   func() time.Time // nil: time.Now
}

// A Guard counts for one directory. It is safe for concurrent use.
type Guard struct {
	cfg Config

	mu    sync.Mutex
	gates map[string]*gate
}

// A gate is the attempts of one account that are at the directory now, on this
// server. No more are let in than could all fail.
type gate struct {
	inside int
	left   chan struct{} // closed and replaced when one has left
}

// New returns a guard.
func New(cfg Config) *Guard {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Guard{cfg: cfg, gates: make(map[string]*gate)}
}

// Enter tells whether an attempt may reach the directory. An attempt that it lets
// in must Leave. password is empty for a challenge's response. The error wraps
// [realms.ErrGuarded] and says when that ends, or [realms.ErrBadPassword] for a
// password that has failed before.
func (g *Guard) Enter(ctx context.Context, id realms.Identity, password certs.Secret) error {
	account := g.account(ctx, id)
	limit := g.cfg.Failures
	if password != "" {
		limit += g.cfg.Corrections
	}
	for {
		failures, until := g.failures(ctx, account)
		if password != "" && failures > 0 && g.failed(ctx, account, password) {
			return fmt.Errorf("the same wrong password again, the directory was not asked: %w", realms.ErrBadPassword)
		}
		if failures >= limit {
			return fmt.Errorf("%d wrong passwords; until %s the directory is not asked: %w",
				failures, until.UTC().Format("15:04:05 MST"), realms.ErrGuarded)
		}
		free := g.pass(gateName(id), limit-failures)
		if free == nil {
			return nil
		}
		select {
		case <-free:
		case <-ctx.Done():
			return fmt.Errorf("other log-ins of this account are being judged: %w", realms.ErrServerBusy)
		}
	}
}

// Leave tells what the directory said of an attempt that entered.
func (g *Guard) Leave(ctx context.Context, id realms.Identity, password certs.Secret, err error) {
	defer g.leave(gateName(id))
	switch {
	case errors.Is(err, realms.ErrBadPassword):
		g.count(ctx, id, password, err)
	case err == nil:
		g.forgive(ctx, g.account(ctx, id))
	}
}

// count writes a wrong password down, under the name that the directory itself has
// for the account: somebody may type one person's name in several ways.
func (g *Guard) count(ctx context.Context, id realms.Identity, password certs.Secret, err error) {
	account := typed(id)
	var of *realms.AccountError
	if errors.As(err, &of) {
		account = strings.ToLower(of.Account)
		_ = g.cfg.Store.Put(ctx, g.key("alias", typed(id)), []byte(account), g.longest())
	}
	if n, _ := g.failures(ctx, account); n == 0 { // what was counted before is over
		_ = g.cfg.Store.Delete(ctx, g.key("count", account))
	}
	if _, err := g.cfg.Store.Add(ctx, g.key("count", account), 1, g.longest()); err != nil {
		return
	}
	until := g.cfg.Now().Add(g.cfg.Window)
	_ = g.cfg.Store.Put(ctx, g.key("until", account), []byte(until.Format(time.RFC3339Nano)), g.cfg.Window)
	if password != "" {
		_ = g.cfg.Store.Put(ctx, g.digest(ctx, account, password), []byte{1}, g.longest())
	}
}

// longest is how long failures can follow one another, each within a window of the
// last.
func (g *Guard) longest() time.Duration {
	return time.Duration(g.cfg.Failures+g.cfg.Corrections+1) * g.cfg.Window
}

// forgive forgets everything of an account whose owner knew the password.
func (g *Guard) forgive(ctx context.Context, account string) {
	if n, _ := g.failures(ctx, account); n == 0 {
		return
	}
	_ = g.cfg.Store.Delete(ctx, g.key("until", account))
	_ = g.cfg.Store.Delete(ctx, g.key("count", account))
	_, _ = g.cfg.Store.Add(ctx, g.key("era", account), 1, 2*g.longest()) // digests of before mean nothing now
}

// failures returns how many there were, and when they are forgotten: a window after
// the last one that reached the directory, as Active Directory itself counts.
func (g *Guard) failures(ctx context.Context, account string) (n int, until time.Time) {
	text, err := g.cfg.Store.Get(ctx, g.key("until", account))
	if err != nil {
		return 0, until
	}
	if until, err = time.Parse(time.RFC3339Nano, string(text)); err != nil {
		return 0, until
	}
	count, err := g.cfg.Store.Add(ctx, g.key("count", account), 0, g.longest())
	if err != nil {
		return 0, until
	}
	return int(count), until
}

func (g *Guard) failed(ctx context.Context, account string, password certs.Secret) bool {
	_, err := g.cfg.Store.Get(ctx, g.digest(ctx, account, password))
	return err == nil
}

// digest is the name of a failed password: a keyed digest, bound to directory,
// account and the time since the last good log-in.
func (g *Guard) digest(ctx context.Context, account string, password certs.Secret) string {
	era, _ := g.cfg.Store.Add(ctx, g.key("era", account), 0, 2*g.longest())
	mac := hmac.New(sha256.New, g.cfg.Key)
	_, _ = fmt.Fprintf(mac, "%q %q %d %q", g.cfg.Directory, account, era, password.Reveal())
	return g.key("failed", account) + ":" + hex.EncodeToString(mac.Sum(nil))
}

// account is whom a name means, as far as a failure has told.
func (g *Guard) account(ctx context.Context, id realms.Identity) string {
	if account, err := g.cfg.Store.Get(ctx, g.key("alias", typed(id))); err == nil {
		return string(account)
	}
	return typed(id)
}

func typed(id realms.Identity) string    { return strings.ToLower(id.String()) }
func gateName(id realms.Identity) string { return typed(id) }

func (g *Guard) key(what, of string) string {
	return "guard:" + what + ":" + g.cfg.Directory + ":" + of
}

// pass lets an attempt in where fewer than limit are inside; else it returns what
// closes when one has left.
func (g *Guard) pass(name string, limit int) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.gates[name]
	if at == nil {
		at = &gate{left: make(chan struct{})}
		g.gates[name] = at
	}
	if at.inside >= limit {
		return at.left
	}
	at.inside++
	return nil
}

func (g *Guard) leave(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.gates[name]
	if at == nil {
		return
	}
	at.inside--
	close(at.left)
	at.left = make(chan struct{})
	if at.inside == 0 {
		delete(g.gates, name)
	}
}
