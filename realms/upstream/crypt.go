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
	hmac   hash.Hash // HMAC-MD5 under secret
	sum    [md5.Size]byte
	auth   [16]byte // of the request that is being looked at
	// room is where a packet is laid out as it was signed: a digest over one piece costs
	// less than one over five.
	room []byte
}

// signers hands out signers of one secret, so that no exchange makes its own.
type signers struct{ pool sync.Pool }

func newSigners(secret []byte) *signers {
	s := &signers{}
	s.pool.New = func() any {
		return &signer{secret: secret, hmac: hmac.New(md5.New, secret)}
	}
	return s
}

func (s *signers) get() *signer  { return s.pool.Get().(*signer) }
func (s *signers) put(g *signer) { s.pool.Put(g) }

var zeros [16]byte

// mac returns the HMAC-MD5 of octets as they are. It is good until the next call.
func (g *signer) mac(octets []byte) []byte {
	g.hmac.Reset()
	_, _ = g.hmac.Write(octets)
	return g.hmac.Sum(g.sum[:0])
}

// layOut copies a packet, with the given authenticator in its header. The copy is good
// until the next call of layOut or pad.
func (g *signer) layOut(packet []byte, auth *[16]byte) []byte {
	g.room = append(g.room[:0], packet...)
	copy(g.room[4:headerLength], auth[:])
	return g.room
}

// messageAuthenticator returns the HMAC-MD5 of a packet that layOut made, with zeros at
// offset, where the attribute's value stands (RFC 3579, section 3.2). It is good until
// the next call.
func (g *signer) messageAuthenticator(laidOut []byte, offset int) []byte {
	clear(laidOut[offset : offset+md5.Size])
	return g.mac(laidOut)
}

// isResponse checks the Response Authenticator that came with a packet that layOut made
// (RFC 2865, section 3).
func (g *signer) isResponse(laidOut, came []byte) bool {
	g.room = append(laidOut, g.secret...)
	sum := md5.Sum(g.room) //nolint:gosec // RFC 2865
	return subtle.ConstantTimeCompare(sum[:], came) == 1
}

// pad returns MD5(secret + a + b): one block of the key stream under
// which RADIUS hides passwords and keys.
func (g *signer) pad(secret, a, b []byte) [md5.Size]byte {
	g.room = append(append(append(g.room[:0], secret...), a...), b...)
	return md5.Sum(g.room) //nolint:gosec // RFC 2865
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
