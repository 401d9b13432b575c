// Package storetest holds every Store to what the interface promises.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"causeway/radiusd/store"
)

// A Bench is a store under test and how time passes for it.
type Bench struct {
	Store store.Store
	Pass  func(time.Duration)
}

// Conformance judges a store that begins empty.
func Conformance(t *testing.T, open func(t *testing.T) Bench) {
	ctx := context.Background()
	t.Run("what was put is there until its time", func(t *testing.T) {
		b := open(t)
		for _, value := range [][]byte{[]byte("one"), {}, bytes.Repeat([]byte{0, 255, '\n'}, 3000)} {
			if err := b.Store.Put(ctx, "a", value, 2*time.Second); err != nil {
				t.Fatal(err)
			}
			if got, err := b.Store.Get(ctx, "a"); err != nil || !bytes.Equal(got, value) {
				t.Fatalf("%d octets come back as %d: %v", len(value), len(got), err)
			}
		}
		missing(t, b, "b")
		b.Pass(2100 * time.Millisecond)
		missing(t, b, "a")
	})
	t.Run("a value that is over at once is not there", func(t *testing.T) {
		b := open(t)
		_ = b.Store.Put(ctx, "a", []byte("old"), time.Minute)
		for _, ttl := range []time.Duration{0, -time.Second} {
			if err := b.Store.Put(ctx, "a", []byte("new"), ttl); err != nil {
				t.Fatal(err)
			}
			missing(t, b, "a")
		}
	})
	t.Run("deleting forgets, and what is not there can be deleted", func(t *testing.T) {
		b := open(t)
		_ = b.Store.Put(ctx, "a", []byte("one"), time.Minute)
		for range 2 {
			if err := b.Store.Delete(ctx, "a"); err != nil {
				t.Fatal(err)
			}
			missing(t, b, "a")
		}
	})
	t.Run("a counter's time runs from its first Add", func(t *testing.T) {
		b := open(t)
		adds(t, b, "n", 1, 1)
		b.Pass(1200 * time.Millisecond)
		adds(t, b, "n", 2, 3)
		adds(t, b, "n", -1, 2)
		b.Pass(900 * time.Millisecond)
		adds(t, b, "n", 1, 1)
		if err := b.Store.Delete(ctx, "n"); err != nil {
			t.Fatal(err)
		}
		adds(t, b, "n", 5, 5)
	})
	t.Run("nobody is lost when many add", func(t *testing.T) {
		b := open(t)
		seen := make([]bool, 101)
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				for range 10 {
					n, err := b.Store.Add(ctx, "n", 1, time.Minute)
					mu.Lock()
					if err != nil || n < 1 || n > 100 || seen[n] {
						t.Errorf("Add: %d, %v", n, err)
					} else {
						seen[n] = true
					}
					mu.Unlock()
				}
			})
		}
		all.Wait()
	})
	t.Run("names of any octets", func(t *testing.T) {
		b := open(t)
		for i, key := range []string{"", "a b", "a\nb", "{a}b", "ä@ö", "\x00\xff", "session:00"} {
			if err := b.Store.Put(ctx, key, fmt.Append(nil, i), time.Minute); err != nil {
				t.Fatalf("%q: %v", key, err)
			}
			if got, err := b.Store.Get(ctx, key); err != nil || string(got) != fmt.Sprint(i) {
				t.Errorf("%q: %q, %v", key, got, err)
			}
		}
	})
	t.Run("a caller that has gone waits for nothing", func(t *testing.T) {
		b := open(t)
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := b.Store.Get(gone, "a"); !errors.Is(err, store.ErrAway) && !errors.Is(err, store.ErrMissing) {
			t.Errorf("%v", err)
		}
		adds(t, b, "n", 1, 1) // and the store is as good as before
	})
}

func missing(t *testing.T, b Bench, key string) {
	t.Helper()
	if got, err := b.Store.Get(context.Background(), key); !errors.Is(err, store.ErrMissing) || got != nil {
		t.Fatalf("%s: %q, %v", key, got, err)
	}
}

func adds(t *testing.T, b Bench, key string, n, want int64) {
	t.Helper()
	if got, err := b.Store.Add(context.Background(), key, n, 2*time.Second); err != nil || got != want {
		t.Fatalf("%s: %d, %v; want %d", key, got, err, want)
	}
}
