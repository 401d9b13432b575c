package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"causeway/radiusd/store"
	"causeway/radiusd/store/storetest"
)

// A clock is moved by hand.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time       { return c.now }
func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }
func newClock() *clock                { return &clock{time.Date(2026, 6, 1, 2, 0, 0, 0, time.UTC)} }
func seal(s store.Store, now func() time.Time) store.Store {
	sealed, err := store.Seal(s, []byte("the key of every server"), now)
	if err != nil {
		panic(err)
	}
	return sealed
}

func TestMemoryConforms(t *testing.T) {
	storetest.Conformance(t, func(*testing.T) storetest.Bench {
		c := newClock()
		return storetest.Bench{Store: store.NewMemory(store.MemoryConfig{Now: c.Now}), Pass: c.pass}
	})
}

func TestSealedConforms(t *testing.T) {
	storetest.Conformance(t, func(*testing.T) storetest.Bench {
		c := newClock()
		return storetest.Bench{Store: seal(store.NewMemory(store.MemoryConfig{Now: c.Now}), c.Now), Pass: c.pass}
	})
}

// What was written first goes first, and the bound holds whatever is written.
func TestMemoryIsBounded(t *testing.T) {
	ctx, c := context.Background(), newClock()
	m := store.NewMemory(store.MemoryConfig{Octets: 10_000, Now: c.Now})
	for i := range 1000 {
		if err := m.Put(ctx, fmt.Sprint("key ", i), make([]byte, 300), time.Hour); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Add(ctx, fmt.Sprint("count ", i), 1, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	kept := 0
	for i := range 1000 {
		if _, err := m.Get(ctx, fmt.Sprint("key ", i)); err == nil {
			kept++
		} else if kept > 0 {
			t.Fatalf("key %d went before an older one", i)
		}
	}
	if kept < 10 || kept > 25 {
		t.Errorf("%d values of 300 octets are kept in 10,000", kept)
	}
	if err := m.Put(ctx, "long", make([]byte, 20_000), time.Hour); !errors.Is(err, store.ErrAway) {
		t.Errorf("a value longer than the store: %v", err)
	}
	if _, err := m.Get(ctx, "key 999"); err != nil {
		t.Error("a value that was not kept drove out one that was")
	}
}

// The value that is given out is the caller's own.
func TestMemoryGivesCopies(t *testing.T) {
	ctx, m := context.Background(), store.NewMemory(store.MemoryConfig{})
	value := []byte("one")
	_ = m.Put(ctx, "a", value, time.Hour)
	value[0] = 'x'
	got, _ := m.Get(ctx, "a")
	got[1] = 'x'
	if got, _ := m.Get(ctx, "a"); string(got) != "one" {
		t.Errorf("%q", got)
	}
}

func BenchmarkMemory(b *testing.B) {
	ctx, m := context.Background(), seal(store.NewMemory(store.MemoryConfig{}), nil)
	value := make([]byte, 1500)
	b.ReportAllocs()
	for i := range b.N {
		key := fmt.Sprint("session:", i%10_000)
		_ = m.Put(ctx, key, value, time.Hour)
		_, _ = m.Get(ctx, key)
	}
}
