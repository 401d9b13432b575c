package directory

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"sync"
	"sync/atomic"

	"causeway/certs"
	"causeway/realms"
)

// A remembrance makes keyed hashes of passwords that were good. Its key lives in
// memory only and dies with the directory, so what is remembered is worth
// nothing to anybody else, and two people with one password do not look alike.
type remembrance struct{ macs *sync.Pool }

func newRemembrance() remembrance {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // it never fails (crypto/rand)
	return remembrance{&sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

func (r remembrance) mac(id realms.Identity, password certs.Secret) (sum [sha256.Size]byte) {
	h := r.macs.Get().(hash.Hash)
	defer r.macs.Put(h)
	h.Reset()
	// Neither a name nor a password that reaches this line holds a NUL.
	_, _ = h.Write([]byte(id.User + "\x00" + id.Realm + "\x00" + password.Reveal()))
	h.Sum(sum[:0])
	return sum
}

// A proof is the remembered hash of one person's last good password: one each,
// so that the memory is bounded by the number of people.
type proof struct {
	sum atomic.Pointer[[sha256.Size]byte]
}

func (p *proof) remember(sum [sha256.Size]byte) { p.sum.Store(&sum) }

func (p *proof) is(sum [sha256.Size]byte) bool {
	kept := p.sum.Load()
	return kept != nil && subtle.ConstantTimeCompare(kept[:], sum[:]) == 1
}
