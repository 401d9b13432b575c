package directory

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"causeway/certs"
	"causeway/realms"
)

// A FileUser is one person or computer of a [File].
type FileUser struct {
	Name     string       // the whole name, user@realm
	Password certs.Secret // an Argon2id hash as a PHC string; empty: no password
	NTHash   certs.Secret // 32 hexadecimal digits; empty: no MSCHAPv2
	Clear    certs.Secret // the password as it is; empty: no CHAP
	Groups   []string
	Disabled bool
	Expires  time.Time // the instant from which the account is no good; zero: never

	term *term // of a placement
}

// A File is a [realms.Directory] and a [realms.NTHasher] that was read from a
// file. It does not change: a reload opens another.
type File struct {
	users map[realms.Identity]*fileUser // the user part in lower case
	// Argon2id takes megabytes and milliseconds, so a few run at a time and the
	// rest wait. A turn is nil when no user of the file has such a hash.
	turns  chan struct{}
	decoy  *argonHash    // as dear as the dearest hash, and of no password that anyone knows
	spent  atomic.Uint64 // the work of every Argon2id so far, as Cost.work has it: what a refusal cost (S18)
	recall remembrance
	now    func() time.Time
}

// A fileUser is a FileUser made ready.
type fileUser struct {
	account  realms.Account
	argon    *argonHash
	nt       *[16]byte
	clear    certs.Secret
	disabled bool
	expires  time.Time
	term     *term
	proved   proof // the last good password, remembered
}

// atOnce is the memory that all Argon2id of one file may take together, in KiB.
const atOnce = 32 * 1024

// NewFile makes a directory of users. Its error is [realms.Problems], with keys
// as `user."nurse@northbridge.nhs.uk".nt_hash`.
func NewFile(users []FileUser) (*File, error) {
	f := &File{users: make(map[realms.Identity]*fileUser, len(users)), recall: newRemembrance(), now: time.Now}
	var problems realms.Problems
	var dearest Cost
	for _, u := range users {
		key := userKey(u.Name)
		id, err := realms.ParseIdentity(u.Name)
		if err != nil {
			problems = append(problems, realms.Problem{Key: key, Text: wrongName(err), Fix: "write the whole name, as nurse@northbridge.nhs.uk"})
			continue
		}
		id = folded(id)
		if first, taken := f.users[id]; taken {
			problems = append(problems, realms.Problem{Key: key, Text: "it is the same name as " + first.account.Name, Fix: "keep one: case does not count"})
			continue
		}
		ready, wrong := makeReady(u, key)
		problems = append(problems, wrong...)
		f.users[id] = ready
		if a := ready.argon; a != nil && a.cost.work() > dearest.work() {
			dearest = a.cost
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	if dearest.work() > 0 {
		f.decoy = &argonHash{cost: dearest, salt: make([]byte, saltLength), key: make([]byte, keyLength)}
		f.turns = make(chan struct{}, max(1, atOnce/f.mostMemory()))
	}
	return f, nil
}

func makeReady(u FileUser, key string) (*fileUser, realms.Problems) {
	var problems realms.Problems
	ready := &fileUser{
		account:  realms.Account{Name: u.Name, Groups: slices.Clone(u.Groups)},
		clear:    u.Clear,
		disabled: u.Disabled,
		expires:  u.Expires,
		term:     u.term,
	}
	if u.term != nil {
		ready.account.Ends, ready.account.Placement = u.term.until, u.term.of
	}
	if u.Password != "" {
		hash, err := parseArgon(u.Password.Reveal())
		if err != nil {
			problems = append(problems, realms.Problem{Key: key + ".password", Text: "password " + err.Error(), Fix: "hash the password with Argon2id: m, t and p as in m=12288,t=3,p=1; never write it as it is"})
		}
		ready.argon = hash
	}
	if u.NTHash != "" {
		hash, ok := parseNTHash(u.NTHash.Reveal())
		if !ok {
			problems = append(problems, realms.Problem{Key: key + ".nt_hash", Text: "nt_hash is not 32 hexadecimal digits", Fix: "write the NT hash of the password, or leave nt_hash out"})
		}
		ready.nt = &hash
	}
	return ready, problems
}

// TellPasswords has accounts say when their password has become another
// ([realms.Account].PasswordSet), by a digest that whoever has no key can compare
// with nothing. Servers with one key and one file say the same. It is called before
// anybody is asked for.
func (f *File) TellPasswords(key []byte) {
	h := hmac.New(sha256.New, key)
	for id, u := range f.users {
		h.Reset()
		_, _ = fmt.Fprintf(h, "password set of %q %q", id.User, id.Realm) // a hash takes all octets
		if u.argon != nil {
			_, _ = fmt.Fprintf(h, " argon %x %x", u.argon.salt, u.argon.key)
		}
		if u.nt != nil {
			_, _ = fmt.Fprintf(h, " nt %x", *u.nt)
		}
		_, _ = fmt.Fprintf(h, " clear %q", u.clear.Reveal())
		u.account.PasswordSet = base64.RawStdEncoding.EncodeToString(h.Sum(nil)[:tellLength])
	}
}

// tellLength is long enough that no two passwords of one person look alike.
const tellLength = 12

// CheckPassword is [realms.Directory]'s. A good password costs a microsecond
// when it was good before or has an NT hash; every refusal costs one Argon2id,
// for a known name as for an unknown one, as long as the hashes of the file have
// one cost.
func (f *File) CheckPassword(ctx context.Context, id realms.Identity, password certs.Secret) (realms.Account, error) {
	if err := checkable(password); err != nil {
		return realms.Account{}, err
	}
	id = folded(id)
	user, known := f.users[id]
	if known && f.provedAtOnce(user, id, password) {
		return user.admitted(f.now())
	}
	good, err := f.proveSlowly(ctx, user, password)
	switch {
	case err != nil:
		return realms.Account{}, err
	case !known:
		return realms.Account{}, fmt.Errorf("%s is not in the file: %w", id, realms.ErrUnknownUser)
	case !good:
		return realms.Account{}, fmt.Errorf("%s: %w", id, realms.ErrBadPassword)
	}
	user.proved.remember(f.recall.mac(id, password))
	return user.admitted(f.now())
}

// provedAtOnce compares with the NT hash, or with what was good before.
func (f *File) provedAtOnce(user *fileUser, id realms.Identity, password certs.Secret) bool {
	if user.nt != nil {
		hash := NTHash(password)
		return subtle.ConstantTimeCompare(hash[:], user.nt[:]) == 1
	}
	return user.proved.is(f.recall.mac(id, password))
}

// proveSlowly runs one Argon2id: the user's, or the decoy's for somebody who has
// none or is nobody.
func (f *File) proveSlowly(ctx context.Context, user *fileUser, password certs.Secret) (good bool, err error) {
	if f.turns == nil {
		return false, nil
	}
	if ctx.Err() != nil {
		return false, fmt.Errorf("no time left: %w", realms.ErrUnreachable)
	}
	select {
	case f.turns <- struct{}{}:
		defer func() { <-f.turns }()
	case <-ctx.Done():
		return false, fmt.Errorf("too many passwords to check at once: %w", realms.ErrUnreachable)
	}
	if user == nil || user.argon == nil {
		f.spend(f.decoy, password)
		return false, nil
	}
	return f.spend(user.argon, password) && user.nt == nil, nil
}

// spend runs one Argon2id.
func (f *File) spend(h *argonHash, password certs.Secret) (good bool) {
	f.spent.Add(h.cost.work())
	return h.matches(password)
}

// Lookup is [realms.Directory]'s.
func (f *File) Lookup(_ context.Context, id realms.Identity) (realms.Account, error) {
	return f.LookupAt(f.now(), id)
}

// LookupAt is [File.Lookup] as it will be, or was, at another time.
func (f *File) LookupAt(at time.Time, id realms.Identity) (realms.Account, error) {
	user, err := f.find(id)
	if err != nil {
		return realms.Account{}, err
	}
	return user.admitted(at)
}

// NTHash is [realms.NTHasher]'s. It gives the hash of nobody who may not log in.
func (f *File) NTHash(_ context.Context, id realms.Identity) ([16]byte, error) {
	user, err := f.find(id)
	if err != nil {
		return [16]byte{}, err
	}
	if _, err := user.admitted(f.now()); err != nil {
		return [16]byte{}, err
	}
	if user.nt == nil {
		return [16]byte{}, fmt.Errorf("%s has no nt_hash in the file: %w", id, realms.ErrNoHash)
	}
	return *user.nt, nil
}

// VerifyCHAP is [realms.CHAPVerifier]'s.
func (f *File) VerifyCHAP(_ context.Context, id realms.Identity, ident byte, challenge, response []byte) (realms.Account, error) {
	user, err := f.find(id)
	if err != nil {
		return realms.Account{}, err
	}
	if err := checkCHAP(user.clear, ident, challenge, response); err != nil {
		return realms.Account{}, fmt.Errorf("%s: %w", id, err)
	}
	return user.admitted(f.now())
}

// Len returns how many people and computers there are.
func (f *File) Len() int { return len(f.users) }

func (f *File) find(id realms.Identity) (*fileUser, error) {
	user, known := f.users[folded(id)]
	if !known {
		return nil, fmt.Errorf("%s is not in the file: %w", id, realms.ErrUnknownUser)
	}
	return user, nil
}

// admitted gives the account unless it is disabled or has expired.
func (u *fileUser) admitted(now time.Time) (realms.Account, error) {
	if u.disabled {
		return realms.Account{}, fmt.Errorf("%s is disabled in the file: %w", u.account.Name, realms.ErrDisabled)
	}
	if !u.expires.IsZero() && !now.Before(u.expires) {
		return realms.Account{}, fmt.Errorf("%s expired at %s: %w", u.account.Name, u.expires.Format(time.RFC3339), realms.ErrExpired)
	}
	if err := u.term.admits(u.account.Name, now); err != nil {
		return realms.Account{}, err
	}
	return u.account, nil
}

func (f *File) mostMemory() int {
	most := uint32(1)
	for _, u := range f.users {
		if u.argon != nil {
			most = max(most, u.argon.cost.Memory)
		}
	}
	return int(most)
}

// wrongName says why a name is none, without the code that the log would carry.
func wrongName(err error) string {
	var reason realms.Reason
	errors.As(err, &reason)
	return strings.TrimSuffix(err.Error(), ": "+string(reason))
}

// work orders costs by time.
func (c Cost) work() uint64 { return uint64(c.Memory) * uint64(c.Passes) }

// folded is the form in which names are compared.
func folded(id realms.Identity) realms.Identity {
	return realms.Identity{User: strings.ToLower(id.User), Realm: id.Realm}
}

func userKey(name string) string { return "user." + strconv.Quote(name) }
