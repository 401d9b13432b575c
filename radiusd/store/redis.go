package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// A RedisConfig says where Redis is. Addresses and what they mean follow the
// client: one address is a server, several are a Cluster, and with Master they are
// Sentinels.
type RedisConfig struct {
	Addresses []string // host:port
	Master    string   // Sentinel's name of the master
	User      string   // of an ACL; empty: the default user
	Password  string
	// SentinelUser and SentinelPassword are for the Sentinels themselves.
	SentinelUser, SentinelPassword string

	TLS    *tls.Config // nil: none
	Prefix string      // of every key; empty: "causeway:"
	// Call bounds one call, waiting for a connection and dialling included; 0:
	// 20 ms, which is all that a log-in may lose (F6).
	Call time.Duration
	// OnChange is told when the store is given up and when it is back.
	OnChange func(up bool, why string)
}

const (
	defaultPrefix = "causeway:"
	defaultCall   = 20 * time.Millisecond
	poolSize      = 64 // connections to one server
)

// Redis is a Store that several servers share. It uses GET, SET, DEL, INCRBY, EXPIRE
// and PING, and no scripts.
//
// A call takes at most its 20 ms. After a few failures in a row the breaker opens:
// every call is [ErrAway] at once, and one PING at a time, in the background, finds
// out when Redis is back.
type Redis struct {
	client  redis.UniversalClient
	prefix  string
	call    time.Duration
	breaker *breaker
}

var _ Store = (*Redis)(nil)

// quiet ends go-redis's own logger, of which a process has one: what it would write
// to standard error the server's log says in its own words.
var quiet = sync.OnceFunc(func() { redis.SetLogger(silent{}) })

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// NewRedis makes a store. It asks no server: one that is down now may be up when
// it is needed.
func NewRedis(cfg RedisConfig) (*Redis, error) {
	if len(cfg.Addresses) == 0 {
		return nil, errors.New("redis needs at least one address")
	}
	if cfg.Prefix == "" {
		cfg.Prefix = defaultPrefix
	}
	if cfg.Call == 0 {
		cfg.Call = defaultCall
	}
	quiet()
	r := &Redis{prefix: cfg.Prefix, call: cfg.Call}
	r.client = redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: cfg.Addresses, MasterName: cfg.Master,
		Username: cfg.User, Password: cfg.Password,
		SentinelUsername: cfg.SentinelUser, SentinelPassword: cfg.SentinelPassword,
		TLSConfig: cfg.TLS,
		// The context of each call is the one deadline; a retry would not fit.
		ContextTimeoutEnabled:    true,
		DialTimeout:              time.Second, // in the background: a caller does not wait for it
		DialerRetries:            1,
		MaxRetries:               -1,
		MaxRedirects:             3,
		PoolSize:                 poolSize,
		PoolTimeout:              cfg.Call,
		ConnMaxIdleTime:          5 * time.Minute,
		DisableIdentity:          true, // CLIENT SETINFO, which an ACL may refuse
		Protocol:                 2,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	r.breaker = newBreaker(breakerConfig{
		probe: func(ctx context.Context) error { return r.client.Ping(ctx).Err() },
		tell:  cfg.OnChange,
	})
	return r, nil
}

// Close ends all connections and the background's work.
func (r *Redis) Close() {
	r.breaker.close()
	_ = r.client.Close() // nothing is left to be lost
}

// Get is [Store]'s.
func (r *Redis) Get(ctx context.Context, key string) (value []byte, err error) {
	err = r.do(ctx, func(ctx context.Context) error {
		value, err = r.client.Get(ctx, r.prefix+key).Bytes()
		return err
	})
	if err != nil {
		return nil, err
	}
	return value, nil
}

// Put is [Store]'s.
func (r *Redis) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if ttl < time.Millisecond {
		return r.Delete(ctx, key)
	}
	return r.do(ctx, func(ctx context.Context) error { return r.client.Set(ctx, r.prefix+key, value, ttl).Err() })
}

// Add is [Store]'s.
func (r *Redis) Add(ctx context.Context, key string, n int64, ttl time.Duration) (sum int64, err error) {
	err = r.do(ctx, func(ctx context.Context) error {
		pipe := r.client.TxPipeline()
		added := pipe.IncrBy(ctx, r.prefix+key, n)
		pipe.ExpireNX(ctx, r.prefix+key, ttl)
		_, err := pipe.Exec(ctx)
		sum = added.Val()
		return err
	})
	return sum, err
}

// Delete is [Store]'s.
func (r *Redis) Delete(ctx context.Context, key string) error {
	return r.do(ctx, func(ctx context.Context) error { return r.client.Del(ctx, r.prefix+key).Err() })
}

// do makes one call, within its time, and tells the breaker how it went. The text of
// an error is go-redis's own, which holds addresses and no values.
func (r *Redis) do(ctx context.Context, call func(context.Context) error) error {
	if !r.breaker.allows() {
		return ErrAway
	}
	limit, cancel := context.WithTimeout(ctx, r.call)
	defer cancel()
	err := call(limit)
	switch {
	case err == nil, errors.Is(err, redis.Nil):
		r.breaker.good()
		if err != nil {
			return ErrMissing
		}
		return nil
	case ctx.Err() != nil: // the caller's own end says nothing of the store
		return fmt.Errorf("%w: %w", ErrAway, ctx.Err())
	}
	r.breaker.bad(err)
	return fmt.Errorf("%w: %w", ErrAway, err)
}
