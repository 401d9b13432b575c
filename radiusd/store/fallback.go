package store

import (
	"context"
	"errors"
	"time"
)

// Fallback returns a Store that is shared as long as it answers, and local while
// shared is [ErrAway]. What passes through is noted in local too, so that a server
// that is cut off goes on from what it knew: wrong passwords that it has counted are
// not forgotten because Redis is.
func Fallback(shared, local Store) Store { return &fallback{shared, local} }

type fallback struct{ shared, local Store }

// noted is how long what was read from shared is known without it: nobody says how
// long it is good there.
const noted = 15 * time.Minute

func (f *fallback) Get(ctx context.Context, key string) ([]byte, error) {
	value, err := f.shared.Get(ctx, key)
	switch {
	case errors.Is(err, ErrAway):
		return f.local.Get(ctx, key)
	case err != nil:
		_ = f.local.Delete(ctx, key)
	default:
		_ = f.local.Put(ctx, key, value, noted)
	}
	return value, err
}

func (f *fallback) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	noted := f.local.Put(ctx, key, value, ttl)
	if err := f.shared.Put(ctx, key, value, ttl); !errors.Is(err, ErrAway) {
		return err
	}
	return noted
}

func (f *fallback) Add(ctx context.Context, key string, n int64, ttl time.Duration) (int64, error) {
	sum, err := f.shared.Add(ctx, key, n, ttl)
	if errors.Is(err, ErrAway) {
		return f.local.Add(ctx, key, n, ttl)
	}
	if known, err := f.local.Add(ctx, key, 0, ttl); err == nil && known != sum {
		_, _ = f.local.Add(ctx, key, sum-known, ttl)
	}
	return sum, err
}

func (f *fallback) Delete(ctx context.Context, key string) error {
	noted := f.local.Delete(ctx, key)
	if err := f.shared.Delete(ctx, key); !errors.Is(err, ErrAway) {
		return err
	}
	return noted
}
