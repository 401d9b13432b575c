package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"causeway/radiusd/store"
	"causeway/radiusd/store/storetest"
)

// A line to a store that can be cut.
type line struct {
	store.Store
	cut bool
}

func (l *line) Get(ctx context.Context, key string) ([]byte, error) {
	if l.cut {
		return nil, store.ErrAway
	}
	return l.Store.Get(ctx, key)
}

func (l *line) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if l.cut {
		return store.ErrAway
	}
	return l.Store.Put(ctx, key, value, ttl)
}

func (l *line) Add(ctx context.Context, key string, n int64, ttl time.Duration) (int64, error) {
	if l.cut {
		return 0, store.ErrAway
	}
	return l.Store.Add(ctx, key, n, ttl)
}

func (l *line) Delete(ctx context.Context, key string) error {
	if l.cut {
		return store.ErrAway
	}
	return l.Store.Delete(ctx, key)
}

func TestFallbackConforms(t *testing.T) {
	for name, cut := range map[string]bool{"shared": false, "cut off": true} {
		t.Run(name, func(t *testing.T) {
			storetest.Conformance(t, func(*testing.T) storetest.Bench {
				c := newClock()
				memory := func() store.Store { return store.NewMemory(store.MemoryConfig{Now: c.Now}) }
				return storetest.Bench{Store: store.Fallback(&line{memory(), cut}, memory()), Pass: c.pass}
			})
		})
	}
}

// Holds F6 for what is counted: a server that is cut off goes on from what it knew,
// and believes the others again when they can be heard.
func TestF6CountsGoOn(t *testing.T) {
	ctx, c := context.Background(), newClock()
	shared := &line{Store: store.NewMemory(store.MemoryConfig{Now: c.Now})}
	here := store.Fallback(shared, store.NewMemory(store.MemoryConfig{Now: c.Now}))
	there := store.Fallback(&line{Store: shared.Store}, store.NewMemory(store.MemoryConfig{Now: c.Now}))
	_ = there.Put(ctx, "record", []byte("theirs"), time.Hour)
	for range 3 {
		_, _ = there.Add(ctx, "count", 1, time.Hour)
	}
	_, _ = here.Get(ctx, "record")
	_, _ = here.Add(ctx, "count", 0, time.Hour)
	shared.cut = true
	if got, err := here.Get(ctx, "record"); err != nil || string(got) != "theirs" {
		t.Errorf("cut off it knows %q, %v", got, err)
	}
	if n, err := here.Add(ctx, "count", 1, time.Hour); err != nil || n != 4 {
		t.Errorf("cut off it counts %d, %v", n, err)
	}
	shared.cut = false
	_ = there.Delete(ctx, "record")
	if n, err := here.Add(ctx, "count", 1, time.Hour); err != nil || n != 4 { // what it counted alone is lost
		t.Errorf("heard again: %d, %v", n, err)
	}
	if _, err := here.Get(ctx, "record"); !errors.Is(err, store.ErrMissing) {
		t.Errorf("what the others forgot is forgotten: %v", err)
	}
	shared.cut = true
	if _, err := here.Get(ctx, "record"); !errors.Is(err, store.ErrMissing) {
		t.Errorf("and cut off, too: %v", err)
	}
}
