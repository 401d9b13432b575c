package directory

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"causeway/certs"
	"causeway/realms"
)

// Holds S18 here: with every turn at Argon2id taken, a bad password, an unknown
// name and a name without a password all wait alike, and what is known to be
// good passes.
func TestS18EveryRefusalTakesATurn(t *testing.T) {
	cheap := Cost{Memory: 64, Passes: 1, Threads: 1}
	f, err := NewFile([]FileUser{
		{Name: "nurse@a.uk", Password: certs.Secret(cheap.Hash("good"))},
		{Name: "doctor@a.uk", NTHash: certs.Secret(fmt.Sprintf("%x", NTHash("good")))},
		{Name: "porter@a.uk"},
	})
	if err != nil {
		t.Fatal(err)
	}
	id := func(user string) realms.Identity { return realms.Identity{User: user, Realm: "a.uk"} }
	if _, err := f.CheckPassword(t.Context(), id("nurse"), "good"); err != nil {
		t.Fatal(err)
	}
	for range cap(f.turns) {
		f.turns <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	for _, user := range []string{"nurse", "doctor"} {
		if _, err := f.CheckPassword(ctx, id(user), "good"); err != nil {
			t.Errorf("%s: %v", user, err)
		}
	}
	<-ctx.Done()
	for _, user := range []string{"nurse", "doctor", "porter", "nobody"} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if _, err := f.CheckPassword(ctx, id(user), "bad"); !errors.Is(err, realms.ErrUnreachable) {
			t.Errorf("%s did not wait: %v", user, err)
		}
		cancel()
	}
	for range cap(f.turns) {
		<-f.turns
	}
	for user, want := range map[string]realms.Reason{
		"nurse": realms.ErrBadPassword, "doctor": realms.ErrBadPassword, "porter": realms.ErrBadPassword, "nobody": realms.ErrUnknownUser,
	} {
		if _, err := f.CheckPassword(t.Context(), id(user), "bad"); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %s", user, err, want)
		}
	}
}

// The memory of all Argon2id at once is bounded, whatever one takes.
func TestTurnsFollowTheDearestHash(t *testing.T) {
	for memory, want := range map[uint32]int{64: atOnce / 64, 12 * 1024: 2, 64 * 1024: 1} {
		f, err := NewFile([]FileUser{{Name: "nurse@a.uk", Password: certs.Secret(fmt.Sprintf("$argon2id$v=19$m=%d,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", memory))}})
		if err != nil {
			t.Fatal(err)
		}
		if cap(f.turns) != want {
			t.Errorf("m=%d: %d turns, want %d", memory, cap(f.turns), want)
		}
	}
}
