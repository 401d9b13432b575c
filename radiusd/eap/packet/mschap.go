package packet

import (
	"crypto/des" //nolint:gosec // RFC 2759 is what the clients speak; it runs inside TLS only
	"crypto/sha1"
	"encoding/hex"
	"strings"
	"unicode/utf16"

	"golang.org/x/crypto/md4" //nolint:staticcheck // NtPasswordHash is MD4 (RFC 2759, section 8.3)
)

// NTHash returns the NT hash of a password: MD4 of its UTF-16LE form (RFC 2759,
// section 8.3).
func NTHash(password string) (hash [16]byte) {
	units := utf16.Encode([]rune(password))
	b := make([]byte, 2*len(units))
	for i, u := range units {
		b[2*i], b[2*i+1] = byte(u), byte(u>>8)
	}
	return sum4(b)
}

// HashNTHash returns MD4 of an NT hash, from which a session's keys and the
// authenticator's response come (RFC 2759, section 8.4).
func HashNTHash(hash [16]byte) [16]byte { return sum4(hash[:]) }

func sum4(b []byte) (sum [16]byte) {
	h := md4.New()
	_, _ = h.Write(b)
	h.Sum(sum[:0])
	return sum
}

// StripDomain returns the part of DOMAIN\user that is hashed (RFC 2759, section 8.2).
func StripDomain(name string) string {
	return name[strings.LastIndexByte(name, '\\')+1:]
}

// challengeHash mixes both challenges and the name (RFC 2759, section 8.2).
func challengeHash(authenticator, peer [16]byte, user string) (sum [8]byte) {
	h := sha1.New()
	_, _ = h.Write(peer[:])
	_, _ = h.Write(authenticator[:])
	_, _ = h.Write([]byte(user))
	copy(sum[:], h.Sum(nil))
	return sum
}

// NTResponse answers a challenge with an NT hash (RFC 2759, section 8.1). The user is
// the name without a Windows domain.
func NTResponse(authenticator, peer [16]byte, user string, hash [16]byte) (response [24]byte) {
	return ChallengeResponse(challengeHash(authenticator, peer, user), hash)
}

// ChallengeResponse answers eight octets of challenge with an NT hash, as MS-CHAP
// does (RFC 2433, section A.5; RFC 2759, section 8.5).
func ChallengeResponse(challenge [8]byte, hash [16]byte) (response [24]byte) {
	var key [21]byte
	copy(key[:], hash[:])
	for i := range 3 {
		block, err := des.NewCipher(spread(key[7*i : 7*i+7])) //nolint:gosec // see the import
		if err != nil {
			panic(err) // the key is always eight octets
		}
		block.Encrypt(response[8*i:8*i+8], challenge[:])
	}
	return response
}

// spread makes a DES key of seven octets, leaving the parity bits at zero.
func spread(k []byte) []byte {
	return []byte{
		k[0], k[0]<<7 | k[1]>>1, k[1]<<6 | k[2]>>2, k[2]<<5 | k[3]>>3,
		k[3]<<4 | k[4]>>4, k[4]<<3 | k[5]>>5, k[5]<<2 | k[6]>>6, k[6] << 1,
	}
}

// AuthenticatorResponse returns the "S=" text by which a server proves that it
// knows the password too (RFC 2759, section 8.7). It takes MD4 of the NT hash.
func AuthenticatorResponse(hashHash [16]byte, response [24]byte, authenticator, peer [16]byte, user string) string {
	h := sha1.New()
	_, _ = h.Write(hashHash[:])
	_, _ = h.Write(response[:])
	_, _ = h.Write([]byte("Magic server to client signing constant"))
	digest := h.Sum(nil)
	challenge := challengeHash(authenticator, peer, user)
	h.Reset()
	_, _ = h.Write(digest)
	_, _ = h.Write(challenge[:])
	_, _ = h.Write([]byte("Pad to make it do more than one iteration"))
	return "S=" + strings.ToUpper(hex.EncodeToString(h.Sum(nil)))
}

// MSCHAPv2MSK returns the 64 octets of keying material that EAP-MSCHAPv2 makes
// (RFC 3079, section 3.3, as PEAP's crypto-binding wants it). It takes MD4 of
// the NT hash.
func MSCHAPv2MSK(hashHash [16]byte, response [24]byte) []byte {
	h := sha1.New()
	_, _ = h.Write(hashHash[:])
	_, _ = h.Write(response[:])
	_, _ = h.Write([]byte("This is the MPPE Master Key"))
	master := h.Sum(nil)[:16]
	msk := make([]byte, 64)
	// As the peer sees it: what it sends first, what it receives second.
	copy(msk, startKey(master, "On the client side, this is the send key; on the server side, it is the receive key."))
	copy(msk[16:], startKey(master, "On the client side, this is the receive key; on the server side, it is the send key."))
	return msk
}

func startKey(master []byte, magic string) []byte {
	var pad [40]byte
	h := sha1.New()
	_, _ = h.Write(master)
	_, _ = h.Write(pad[:])
	_, _ = h.Write([]byte(magic))
	for i := range pad {
		pad[i] = 0xF2
	}
	_, _ = h.Write(pad[:])
	return h.Sum(nil)[:16]
}
