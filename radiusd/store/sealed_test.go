package store_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"causeway/radiusd/store"
)

// An open store is one that a stranger reads and writes.
type open struct{ at map[string][]byte }

func (o *open) Get(_ context.Context, key string) ([]byte, error) {
	if b, ok := o.at[key]; ok {
		return b, nil
	}
	return nil, store.ErrMissing
}
func (o *open) Put(_ context.Context, key string, value []byte, _ time.Duration) error {
	o.at[key] = value
	return nil
}
func (o *open) Add(context.Context, string, int64, time.Duration) (int64, error) { return 0, nil }
func (o *open) Delete(_ context.Context, key string) error                       { delete(o.at, key); return nil }

// Holds S20: what is flipped, swapped, cut, made up or put back after its end is
// not there; nothing in the store tells a name or a value.
func TestS20SealedRecords(t *testing.T) {
	ctx, c, o := context.Background(), newClock(), &open{map[string][]byte{}}
	s := seal(o, c.Now)
	_ = s.Put(ctx, "session:nurse@northbridge.nhs.uk", []byte("canary-value"), time.Hour)
	name := slices.Collect(maps.Keys(o.at))[0]
	box := bytes.Clone(o.at[name])
	if strings.Contains(name, "nurse") || bytes.Contains(box, []byte("canary")) {
		t.Fatalf("the store tells %q %q", name, box)
	}
	there := func() bool {
		value, err := s.Get(ctx, "session:nurse@northbridge.nhs.uk")
		if err != nil && !errors.Is(err, store.ErrMissing) {
			t.Fatal(err)
		}
		return string(value) == "canary-value"
	}
	if !there() {
		t.Fatal("what was put is not there")
	}
	for i := range box {
		for bit := range 8 {
			o.at[name] = bytes.Clone(box)
			o.at[name][i] ^= 1 << bit
			if there() {
				t.Fatalf("bit %d of octet %d does not count", bit, i)
			}
		}
	}
	for n := range len(box) {
		if o.at[name] = box[:n]; there() {
			t.Fatalf("%d octets of %d do", n, len(box))
		}
	}
	_ = s.Put(ctx, "session:doctor@northbridge.nhs.uk", []byte("another"), time.Hour)
	for other, value := range o.at {
		if other != name {
			if o.at[name] = value; there() {
				t.Error("another's record")
			}
			if value, err := s.Get(ctx, "session:nurse@northbridge.nhs.uk"); err == nil {
				t.Errorf("another's record is taken for one's own: %q", value)
			}
		}
	}
	stranger, err := store.Seal(o, []byte("another key"), c.Now)
	if err != nil {
		t.Fatal(err)
	}
	o.at[name] = box
	if _, err := stranger.Get(ctx, "session:nurse@northbridge.nhs.uk"); !errors.Is(err, store.ErrMissing) {
		t.Error("with another key it is there")
	}
	c.pass(time.Hour)
	if o.at[name] = box; there() { // Redis would have forgotten it: somebody put it back
		t.Error("what is over is there")
	}
}
