// Package directorytest holds every directory to one behaviour. A directory's
// own test fills it with [People] and calls [Run].
package directorytest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"causeway/certs"
	"causeway/realms"
	"causeway/realms/directory"
)

// Realm is where everybody in People lives.
const Realm = "northbridge.nhs.uk"

// A Person is one entry that the directory under test must hold.
type Person struct {
	User     string
	Password certs.Secret
	Groups   []string      // every group, nested ones included
	NoHash   bool          // no NT hash is kept, where the directory keeps any
	State    realms.Reason // what a good password meets; "" lets the person in
}

// Identity returns the person's name.
func (p Person) Identity() realms.Identity { return realms.Identity{User: p.User, Realm: Realm} }

// People are the entries to make. Wifi-Clinical is inside Wifi-All, which is
// inside Everybody; Everybody is inside Wifi-All too, so that there is a loop.
func People() []Person {
	return []Person{
		{User: "nurse", Password: "correct horse", Groups: []string{"Wifi-Clinical", "Wifi-All", "Everybody"}},
		{User: "doctor", Password: "pässwörd ☂ 42", Groups: []string{"Everybody", "Wifi-All"}},
		{User: "porter", Password: " spaces around ", NoHash: true},
		{User: "leaver", Password: "was good once", State: realms.ErrDisabled},
		{User: "locum", Password: "until yesterday", State: realms.ErrExpired},
		{User: "o'neil(x)*", Password: "odd name", Groups: []string{"Wifi-Clinical", "Wifi-All", "Everybody"}},
	}
}

// Hostile are user parts that are nobody, and that would be somebody if a
// directory put them into a filter or a name as they are.
func Hostile() []string {
	return []string{
		"", "*", "n*", "nurs?", "nurse*", "*)(uid=*", "nurse)(|(uid=*", "nurse))(&(objectClass=*", "*)(objectClass=*",
		`nurse\`, `nurse\2a`, "nurse,ou=people", "uid=nurse", "nurse\x00", "(nurse)", "nurse)", "!(uid=x)", "nobody",
		strings.Repeat("(", 200), strings.Repeat("a", 230),
	}
}

// Run runs the suite over directories that open makes.
func Run(t *testing.T, open func(t *testing.T) realms.Directory) {
	d := open(t)
	t.Run("PasswordsAndGroups", func(t *testing.T) { testPasswords(t, d) })
	t.Run("S10EmptyAndNULPasswords", func(t *testing.T) { testEmpty(t, d) })
	t.Run("S11HostileNames", func(t *testing.T) { testHostile(t, d) })
	t.Run("Lookup", func(t *testing.T) { testLookup(t, d) })
	t.Run("NTHash", func(t *testing.T) { testNTHash(t, d) })
	t.Run("EndedContext", func(t *testing.T) { testEnded(t, d) })
	t.Run("S17ErrorsHoldNoPassword", func(t *testing.T) { testSecrecy(t, d) })
	t.Run("ManyAtOnce", func(t *testing.T) { testMany(t, d) })
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func testPasswords(t *testing.T, d realms.Directory) {
	for _, p := range People() {
		for range 2 { // the second time from whatever is remembered
			account, err := d.CheckPassword(within(t), p.Identity(), p.Password)
			checkAccount(t, "CheckPassword", p, account, err)
		}
		for _, wrong := range []certs.Secret{"wrong", p.Password + " ", p.Password[1:], certs.Secret(strings.ToUpper(p.Password.Reveal()))} {
			if account, err := d.CheckPassword(within(t), p.Identity(), wrong); !errors.Is(err, realms.ErrBadPassword) || account.Name != "" {
				t.Errorf("%s with a wrong password: %+v, %v", p.User, account, err)
			}
		}
	}
	nurse := People()[0]
	if _, err := d.CheckPassword(within(t), realms.Identity{User: "NURSE", Realm: Realm}, nurse.Password); err != nil {
		t.Errorf("the name in capitals: %v", err)
	}
}

func checkAccount(t *testing.T, what string, p Person, account realms.Account, err error) {
	t.Helper()
	if p.State != "" {
		if !errors.Is(err, p.State) || len(account.Groups) > 0 {
			t.Errorf("%s(%s): %+v, %v; want %s", what, p.User, account, err, p.State)
		}
		return
	}
	if err != nil {
		t.Errorf("%s(%s): %v", what, p.User, err)
		return
	}
	got, want := slices.Sorted(slices.Values(account.Groups)), slices.Sorted(slices.Values(p.Groups))
	if !slices.Equal(got, want) || account.GroupsUnknown || account.Name == "" {
		t.Errorf("%s(%s): %+v; want groups %q", what, p.User, account, want)
	}
}

func testEmpty(t *testing.T, d realms.Directory) {
	for _, user := range []string{"nurse", "leaver", "nobody"} {
		for _, password := range []certs.Secret{"", "\x00", "correct horse\x00", "\x00correct horse"} {
			if _, err := d.CheckPassword(within(t), realms.Identity{User: user, Realm: Realm}, password); !errors.Is(err, realms.ErrEmptyPassword) {
				t.Errorf("%s with an empty or NUL-bearing password: %v", user, err)
			}
		}
	}
}

func testHostile(t *testing.T, d realms.Directory) {
	for _, user := range Hostile() {
		id := realms.Identity{User: user, Realm: Realm}
		if account, err := d.CheckPassword(within(t), id, "correct horse"); !errors.Is(err, realms.ErrUnknownUser) {
			t.Errorf("CheckPassword(%q): %+v, %v", user, account, err)
		}
		if account, err := d.Lookup(within(t), id); !errors.Is(err, realms.ErrUnknownUser) {
			t.Errorf("Lookup(%q): %+v, %v", user, account, err)
		}
	}
}

func testLookup(t *testing.T, d realms.Directory) {
	for _, p := range People() {
		account, err := d.Lookup(within(t), p.Identity())
		checkAccount(t, "Lookup", p, account, err)
	}
}

func testNTHash(t *testing.T, d realms.Directory) {
	hasher, ok := d.(realms.NTHasher)
	if !ok {
		t.Skip("this directory has no NT hashes")
	}
	for _, p := range People() {
		hash, err := hasher.NTHash(within(t), p.Identity())
		switch {
		case p.State != "":
			if !errors.Is(err, p.State) || hash != ([16]byte{}) {
				t.Errorf("NTHash(%s): %v; want %s", p.User, err, p.State)
			}
		case p.NoHash:
			if !errors.Is(err, realms.ErrNoHash) {
				t.Errorf("NTHash(%s): %v; want %s", p.User, err, realms.ErrNoHash)
			}
		case err != nil || hash != directory.NTHash(p.Password):
			t.Errorf("NTHash(%s) is not the password's: %v", p.User, err)
		}
	}
	if _, err := hasher.NTHash(within(t), realms.Identity{User: "nobody", Realm: Realm}); !errors.Is(err, realms.ErrUnknownUser) {
		t.Errorf("NTHash(nobody): %v", err)
	}
}

func testEnded(t *testing.T, d realms.Directory) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.CheckPassword(ctx, People()[0].Identity(), "wrong"); !errors.Is(err, realms.ErrUnreachable) {
		t.Errorf("with an ended context: %v", err)
	}
	// And it does no harm to the next one.
	if _, err := d.CheckPassword(within(t), People()[0].Identity(), People()[0].Password); err != nil {
		t.Errorf("after an ended context: %v", err)
	}
}

func testSecrecy(t *testing.T, d realms.Directory) {
	const canary = "canary-7f3a9"
	for _, user := range []string{"nurse", "leaver", "nobody", "*"} {
		_, err := d.CheckPassword(within(t), realms.Identity{User: user, Realm: Realm}, canary)
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error is %v", user, err)
		}
	}
}

func testMany(t *testing.T, d realms.Directory) {
	var wg sync.WaitGroup
	for i := range 40 {
		p := People()[i%len(People())]
		wg.Go(func() {
			account, err := d.CheckPassword(within(t), p.Identity(), p.Password)
			checkAccount(t, "CheckPassword", p, account, err)
		})
		wg.Go(func() {
			if _, err := d.CheckPassword(within(t), p.Identity(), "wrong"); !errors.Is(err, realms.ErrBadPassword) {
				t.Errorf("%s with a wrong password: %v", p.User, err)
			}
		})
	}
	wg.Wait()
}
