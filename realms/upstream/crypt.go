package upstream

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // RADIUS is built on MD5 (RFC 2865, section 3)
	"crypto/subtle"
	"errors"
	"hash"
	"sync"
)

// A signer computes what RADIUS signs with one server's secret. It is not safe
// for use by two goroutines; signers keeps a pool of them.
type signer struct {
	secret []byte
	md5    hash.Hash
	hmac   hash.Hash // HMAC-MD5 under secret
	sum    [md5.Size]byte
	auth   [16]byte // of the request that is being looked at
}

// signers hands out signers of one secret, so that no exchange makes its own.
type signers struct{ pool sync.Pool }

func newSigners(secret []byte) *signers {
	s := &signers{}
	s.pool.New = func() any {
		return &signer{secret: secret, md5: md5.New(), hmac: hmac.New(md5.New, secret)}
	}
	return s
}

func (s *signers) get() *signer  { return s.pool.Get().(*signer) }
func (s *signers) put(g *signer) { s.pool.Put(g) }

var zeros [16]byte

// messageAuthenticator returns the HMAC-MD5 of a packet with the given
// authenticator in its header and zeros at offset, where the attribute's value
// stands (RFC 3579, section 3.2). The result is good until the next call.
func (g *signer) messageAuthenticator(packet []byte, auth *[16]byte, offset int) []byte {
	g.hmac.Reset()
	_, _ = g.hmac.Write(packet[:4])
	_, _ = g.hmac.Write(auth[:])
	_, _ = g.hmac.Write(packet[20:offset])
	_, _ = g.hmac.Write(zeros[:])
	_, _ = g.hmac.Write(packet[offset+16:])
	return g.hmac.Sum(g.sum[:0])
}

// isResponse checks a Response Authenticator (RFC 2865, section 3).
func (g *signer) isResponse(packet []byte, auth *[16]byte) bool {
	g.md5.Reset()
	_, _ = g.md5.Write(packet[:4])
	_, _ = g.md5.Write(auth[:])
	_, _ = g.md5.Write(packet[20:])
	_, _ = g.md5.Write(g.secret)
	return subtle.ConstantTimeCompare(g.md5.Sum(g.sum[:0]), packet[4:20]) == 1
}

// pad returns MD5(secret + a + b): one block of the key stream under
// which RADIUS hides passwords and keys. It is good until the next call.
func (g *signer) pad(secret, a, b []byte) []byte {
	g.md5.Reset()
	_, _ = g.md5.Write(secret)
	_, _ = g.md5.Write(a)
	_, _ = g.md5.Write(b)
	return g.md5.Sum(g.sum[:0])
}

// appendHidden appends plain, whole blocks of 16 octets, hidden as a
// User-Password is (RFC 2865, section 5.2).
func (g *signer) appendHidden(dst, plain []byte, auth *[16]byte) []byte {
	chain := auth[:]
	for ; len(plain) >= 16; plain = plain[16:] {
		start := len(dst)
		for i, p := range g.pad(g.secret, chain, nil) {
			dst = append(dst, p^plain[i])
		}
		chain = dst[start:]
	}
	return dst
}

// appendShown appends hidden, which secret hides, with its disguise taken off. The
// first block of the key stream comes from auth and salt, the others from the block
// before.
func (g *signer) appendShown(dst, secret, hidden []byte, auth *[16]byte, salt []byte) []byte {
	chain, tail := auth[:], salt
	for ; len(hidden) >= 16; hidden = hidden[16:] {
		for i, p := range g.pad(secret, chain, tail) {
			dst = append(dst, p^hidden[i])
		}
		chain, tail = hidden[:16], nil
	}
	return dst
}

var (
	errPasswordLength = errors.New("the User-Password is not 1 to 8 blocks of 16 octets")
	errKey            = errors.New("an MS-MPPE key is malformed")
)

// keyLength is half an MSK (RFC 3748, section 7.10): what a pairwise master key
// is made of.
const keyLength = 32

// mppeKey takes the disguise off an MS-MPPE-Send-Key or MS-MPPE-Recv-Key:
// two octets of salt, then the key's length, the key and padding
// (RFC 2548, section 2.4.2 and 2.4.3).
func (g *signer) mppeKey(value []byte, auth *[16]byte) ([]byte, error) {
	if len(value) < 2+16 || (len(value)-2)%16 != 0 {
		return nil, errKey
	}
	plain := g.appendShown(make([]byte, 0, len(value)), g.secret, value[2:], auth, value[:2])
	if int(plain[0]) != keyLength || len(plain) < 1+keyLength {
		return nil, errKey
	}
	return plain[1 : 1+keyLength : 1+keyLength], nil
}
