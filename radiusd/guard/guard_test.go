package guard

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"causeway/certs"
	"causeway/radiusd/store"
	"causeway/realms"
)

// A trust is a directory that locks an account, and counts who asks.
type trust struct {
	guard *Guard
	now   time.Time

	mu       sync.Mutex
	password string
	asked    int
	wrong    []time.Time // wrong passwords that the directory saw
	account  string      // the directory's own name of everybody; empty: as typed
	set      string      // when the password was set; empty: it does not tell
	lookups  int
	away     bool
	slow     func()
}

func newTrust(t testing.TB, s Store) *trust {
	d := &trust{now: time.Date(2026, 6, 1, 2, 0, 0, 0, time.UTC), password: "new"}
	if s == nil {
		memory, err := store.Seal(store.NewMemory(store.MemoryConfig{Now: d.clock}), []byte("key"), d.clock)
		if err != nil {
			t.Fatal(err)
		}
		s = memory
	}
	d.guard = New(Config{Directory: "trust", Store: s, Key: []byte("digests"), Lookup: d.lookup, Failures: 4, Corrections: 2, Window: 30 * time.Minute, Now: d.clock})
	return d
}

func (d *trust) lookup(context.Context, realms.Identity) (realms.Account, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lookups++; d.away {
		return realms.Account{}, realms.ErrUnreachable
	}
	return realms.Account{Name: "nurse", Entry: d.account, PasswordSet: d.set}, nil
}

func (d *trust) clock() time.Time { return d.now }

// try is one attempt; response says that the password travels as a response.
func (d *trust) try(name, password string, response bool) error {
	id, err := realms.ParseIdentity(name)
	if err != nil {
		panic(err)
	}
	secret := certs.Secret(password)
	if response {
		secret = ""
	}
	leave, err := d.guard.Enter(context.Background(), id, secret)
	if err != nil {
		return err
	}
	err = d.judge(password)
	leave(err)
	return err
}

func (d *trust) judge(password string) error {
	if d.slow != nil {
		d.slow()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if password == d.password {
		return nil
	}
	d.wrong = append(d.wrong, d.now)
	if d.account != "" {
		return &realms.AccountError{Account: d.account, PasswordSet: d.set, Err: realms.ErrBadPassword}
	}
	return realms.ErrBadPassword
}

const nurse = "nurse@northbridge.nhs.uk"

// Holds S21: a telephone that repeats the old password by MSCHAPv2 is stopped below
// the directory's threshold, told until when, and let in when that is over.
func TestS21ResponsesAreCounted(t *testing.T) {
	d := newTrust(t, nil)
	for i := range 50 {
		err := d.try(nurse, "old", true)
		want := realms.ErrBadPassword
		if i >= 4 {
			want = realms.ErrGuarded
		}
		if !errors.Is(err, want) {
			t.Fatalf("attempt %d: %v", i+1, err)
		}
		if i == 49 && !strings.Contains(err.Error(), "until 02:30:00 UTC") {
			t.Errorf("it does not say until when: %v", err)
		}
	}
	if len(d.wrong) != 4 {
		t.Fatalf("the directory saw %d wrong passwords", len(d.wrong))
	}
	if err := d.try(nurse, "new", true); !errors.Is(err, realms.ErrGuarded) {
		t.Errorf("nobody can tell this response from the old one, and %v", err)
	}
	d.now = d.now.Add(30 * time.Minute)
	if err := d.try(nurse, "new", true); err != nil {
		t.Errorf("when it is over: %v", err)
	}
}

// Holds S21: the same wrong password reaches the directory once, and a corrected
// one enters at once, whatever the telephone did before.
func TestS21ACorrectedPasswordEnters(t *testing.T) {
	d := newTrust(t, nil)
	for range 50 {
		if err := d.try(nurse, "old", false); !errors.Is(err, realms.ErrBadPassword) {
			t.Fatal(err)
		}
	}
	if len(d.wrong) != 1 {
		t.Errorf("the directory saw the old password %d times", len(d.wrong))
	}
	for range 10 { // and a laptop that speaks MSCHAPv2
		_ = d.try(nurse, "old", true)
	}
	if len(d.wrong) != 4 {
		t.Errorf("the directory saw %d wrong passwords", len(d.wrong))
	}
	if err := d.try(nurse, "new", false); err != nil {
		t.Errorf("the corrected password: %v", err)
	}
	d.password = "old" // by the administrator, back again
	if err := d.try(nurse, "old", false); err != nil {
		t.Errorf("a password that failed before a good log-in is good now, and %v", err)
	}
}

// Holds S21: where the directory tells when a password was set, the telephone that
// repeats the old one stays away from it also after good log-ins, and a new password
// enters at once: by a response, and when it is one that had failed before.
func TestS21ANewPasswordEnters(t *testing.T) {
	d := newTrust(t, nil)
	d.account, d.set = "CN=A Nurse,DC=northbridge", "monday"
	for range 20 {
		_ = d.try(nurse, "old", false)
		if err := d.try(nurse, "new", false); err != nil {
			t.Fatal(err)
		}
		d.now = d.now.Add(10 * time.Minute)
	}
	if len(d.wrong) != 1 {
		t.Errorf("the directory saw the old password %d times in three hours", len(d.wrong))
	}
	for range 20 {
		_ = d.try(nurse, "newer", true)
	}
	if err := d.try(nurse, "new", true); !errors.Is(err, realms.ErrGuarded) || len(d.wrong) != 5 {
		t.Fatalf("%v after %d wrong passwords", err, len(d.wrong))
	}
	d.password, d.set = "old", "tuesday" // the service desk sets what the caller had tried
	if err := d.try(nurse, "old", false); err != nil {
		t.Errorf("it failed on Monday and was set on Tuesday: %v", err)
	}
	d.password, d.set = "newest", "wednesday"
	for range 20 {
		_ = d.try(nurse, "old", true)
	}
	d.password, d.set = "newest of all", "thursday"
	if err := d.try(nurse, "newest of all", true); err != nil {
		t.Errorf("a response with a password set since: %v", err)
	}
}

// The directory is asked whose a name is once, and when a password was set only before
// somebody is refused.
func TestGuardLooksUpWhenItRefuses(t *testing.T) {
	d := newTrust(t, nil)
	d.account, d.set = "CN=A Nurse,DC=northbridge", "monday"
	for i := range 4 {
		_ = d.try(nurse, fmt.Sprint("guess ", i), true)
	}
	if err := d.try(nurse, "new", false); err != nil || d.lookups != 1 {
		t.Errorf("%v with %d questions", err, d.lookups)
	}
}

// Somebody who guesses with ever new passwords stays below the threshold too.
func TestS21Guesses(t *testing.T) {
	d := newTrust(t, nil)
	for i := range 100 {
		_ = d.try(nurse, fmt.Sprint("guess ", i), false)
	}
	if len(d.wrong) != 6 {
		t.Errorf("the directory saw %d guesses", len(d.wrong))
	}
}

// Fifty at once are no more than four, and fifty with the good password all get in.
func TestS21AtOnce(t *testing.T) {
	for _, password := range []string{"old", "new"} {
		d := newTrust(t, nil)
		d.slow = func() { time.Sleep(time.Millisecond) }
		var all sync.WaitGroup
		var good sync.Map
		for i := range 50 {
			all.Go(func() {
				if d.try(nurse, password, true) == nil {
					good.Store(i, true)
				}
			})
		}
		all.Wait()
		n := 0
		good.Range(func(any, any) bool { n++; return true })
		if password == "old" && (len(d.wrong) > 4 || n > 0) || password == "new" && n != 50 {
			t.Errorf("%s: %d wrong at the directory, %d in", password, len(d.wrong), n)
		}
		if len(d.guard.gates.byName) != 0 {
			t.Errorf("%d gates are left open", len(d.guard.gates.byName))
		}
	}
}

// One person typed in several ways is one account.
func TestS21Aliases(t *testing.T) {
	d := newTrust(t, nil)
	d.account = "CN=A Nurse,DC=northbridge"
	for range 10 {
		for _, name := range []string{nurse, "NURSE@northbridge.nhs.uk", "a.nurse@northbridge.nhs.uk"} {
			_ = d.try(name, "old", true)
		}
	}
	if len(d.wrong) != 4 {
		t.Errorf("the directory saw %d wrong passwords", len(d.wrong))
	}
}

// Holds S21 for who types one name in ever new ways that the directory takes for the
// same, one after the other or all at once: an accent, letters of another width.
func TestS21Spellings(t *testing.T) {
	for _, response := range []bool{true, false} {
		d := newTrust(t, nil)
		d.account = "CN=A Nurse,DC=northbridge"
		d.slow = func() { time.Sleep(time.Millisecond) }
		var all sync.WaitGroup
		for i := range 32 {
			var name strings.Builder
			for j, r := range "nurse" {
				if i>>j&1 == 1 {
					r += 'ａ' - 'a'
				}
				name.WriteRune(r)
			}
			try := func() { _ = d.try(name.String()+"@northbridge.nhs.uk", fmt.Sprint("guess ", i), response) }
			if i < 16 {
				all.Go(try)
			} else {
				all.Wait()
				try()
			}
		}
		if want := map[bool]int{true: 4, false: 6}[response]; len(d.wrong) != want {
			t.Errorf("as a response %v: the directory saw %d wrong passwords", response, len(d.wrong))
		}
	}
}

// Who types ever new names has nothing forgotten.
func TestS21NamesCrowdNothingOut(t *testing.T) {
	memory := func() Store { return store.NewMemory(store.MemoryConfig{Octets: 32 << 10}) }
	d := newTrust(t, memory())
	d.guard.cfg.Names = memory()
	d.account = "CN=A Nurse,DC=northbridge"
	for i := range 2000 {
		_ = d.try(fmt.Sprintf("nurse%d@northbridge.nhs.uk", i), "old", true)
	}
	if len(d.wrong) != 4 {
		t.Errorf("the directory saw %d wrong passwords", len(d.wrong))
	}
}

// Two attempts that are the first to fail, at the same time, are two.
func TestS21TheFirstTogether(t *testing.T) {
	for range 50 {
		d := newTrust(t, nil)
		var ticks atomic.Int64
		d.guard.cfg.Now = func() time.Time { return d.now.Add(time.Duration(ticks.Add(1))) }
		d.guard.cfg.Store = slowly{d.guard.cfg.Store}
		var inside, all sync.WaitGroup
		inside.Add(3)
		d.slow = func() { inside.Done(); inside.Wait() }
		for range 3 {
			all.Go(func() { _ = d.try(nurse, "old", true) })
		}
		all.Wait()
		d.slow = nil
		for range 5 {
			_ = d.try(nurse, "old", true)
		}
		if len(d.wrong) != 4 {
			t.Fatalf("the directory saw %d wrong passwords", len(d.wrong))
		}
	}
}

// A store that is slow to say what it knows.
type slowly struct{ Store }

func (s slowly) Get(ctx context.Context, key string) ([]byte, error) {
	value, err := s.Store.Get(ctx, key)
	time.Sleep(100 * time.Microsecond)
	return value, err
}

// While the directory does not answer who somebody is, it is not asked for their
// password after that: the wait would be twice as long.
func TestGuardWaitsOnce(t *testing.T) {
	d := newTrust(t, nil)
	d.away = true
	if err := d.try(nurse, "new", true); !errors.Is(err, realms.ErrUnreachable) || d.asked != 0 {
		t.Errorf("%v after %d questions", err, d.asked)
	}
}

// Whatever people and telephones do, a directory that counts as Active Directory
// does, and forgets when a window has passed since the last wrong password, never
// counts more than the sum.
func TestS21Random(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		d := newTrust(t, nil)
		counted, last := 0, time.Time{}
		for range 200 {
			d.wrong = nil
			switch r.IntN(12) {
			case 0:
				d.now = d.now.Add(time.Duration(r.IntN(40)) * time.Minute)
			case 1:
				if d.try(nurse, "new", r.IntN(2) == 0) == nil {
					counted = 0
				}
			default:
				_ = d.try(nurse, fmt.Sprint("old ", r.IntN(9)), r.IntN(2) == 0)
			}
			for _, at := range d.wrong {
				if at.Sub(last) >= 30*time.Minute {
					counted = 0
				}
				counted, last = counted+1, at
			}
			if counted > 6 {
				t.Fatalf("seed %d: the directory counts %d", seed, counted)
			}
		}
	}
}

// Without a store nobody is refused.
func TestGuardWithoutStore(t *testing.T) {
	d := newTrust(t, away{})
	for range 10 {
		if err := d.try(nurse, "old", false); !errors.Is(err, realms.ErrBadPassword) {
			t.Fatal(err)
		}
	}
	if err := d.try(nurse, "new", true); err != nil || d.asked != 11 {
		t.Errorf("%v after %d questions", err, d.asked)
	}
}

type away struct{}

func (away) Get(context.Context, string) ([]byte, error)              { return nil, store.ErrAway }
func (away) Put(context.Context, string, []byte, time.Duration) error { return store.ErrAway }
func (away) Add(context.Context, string, int64, time.Duration) (int64, error) {
	return 0, store.ErrAway
}
func (away) Delete(context.Context, string) error { return store.ErrAway }
