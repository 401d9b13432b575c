package directory

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/md4" //nolint:staticcheck // the NT hash is defined as MD4 (RFC 2759, section 8.3)

	"causeway/certs"
)

// A Cost is what one Argon2id takes (RFC 9106, section 3.1).
type Cost struct {
	Memory  uint32 // KiB
	Passes  uint32
	Threads uint8
}

// DefaultCost takes 12 MiB and about 20 ms. It is the OWASP setting for little
// memory: a server with 20,000 people is to fit in 100 MiB.
var DefaultCost = Cost{Memory: 12 * 1024, Passes: 3, Threads: 1}

// Limits of a cost in a file, so that one line cannot stop the server.
const (
	mostMemory = 256 * 1024 // KiB
	mostPasses = 32
)

const (
	saltLength = 16
	keyLength  = 32
	longestKey = 64
)

// An argonHash is an Argon2id hash taken apart.
type argonHash struct {
	cost Cost
	salt []byte
	key  []byte
}

// HashPassword returns the Argon2id hash of a password, for the file, as a PHC
// string with a salt of its own.
func HashPassword(secret certs.Secret) string { return DefaultCost.Hash(secret) }

// Hash is HashPassword at another cost.
func (c Cost) Hash(secret certs.Secret) string {
	salt := make([]byte, saltLength)
	_, _ = rand.Read(salt) // it never fails (crypto/rand)
	key := argon2.IDKey([]byte(secret.Reveal()), salt, c.Passes, c.Memory, c.Threads, keyLength)
	text := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.Memory, c.Passes, c.Threads, text.EncodeToString(salt), text.EncodeToString(key))
}

// matches says whether the hash is of this password. It takes the whole cost
// whatever the answer.
func (h *argonHash) matches(secret certs.Secret) bool {
	key := argon2.IDKey([]byte(secret.Reveal()), h.salt, h.cost.Passes, h.cost.Memory, h.cost.Threads, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1
}

var (
	errNotArgon     = errors.New("is not an Argon2id hash ($argon2id$v=19$…)")
	errArgonVersion = errors.New("is an Argon2id hash of a version other than 19")
	errArgonCost    = fmt.Errorf("asks for more than %d MiB or %d passes, or for none", mostMemory/1024, mostPasses)
	errArgonSalt    = errors.New("has a salt or a hash that is cut short or is not base64")
)

// parseArgon reads a PHC string. Its errors never repeat the string.
func parseArgon(phc string) (*argonHash, error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return nil, errNotArgon
	}
	if parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return nil, errArgonVersion
	}
	h := &argonHash{}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.cost.Memory, &h.cost.Passes, &h.cost.Threads); err != nil || n != 3 {
		return nil, errNotArgon
	}
	if h.cost.Memory == 0 || h.cost.Memory > mostMemory || h.cost.Passes == 0 || h.cost.Passes > mostPasses || h.cost.Threads == 0 {
		return nil, errArgonCost
	}
	var saltErr, keyErr error
	h.salt, saltErr = base64.RawStdEncoding.DecodeString(parts[4])
	h.key, keyErr = base64.RawStdEncoding.DecodeString(parts[5])
	if saltErr != nil || keyErr != nil || len(h.salt) < 8 || len(h.key) < 16 || len(h.key) > longestKey {
		return nil, errArgonSalt
	}
	return h, nil
}

// NTHash returns the NT hash of a password: MD4 of its UTF-16LE form (RFC 2759,
// section 8.3).
func NTHash(secret certs.Secret) [16]byte {
	units := utf16.Encode([]rune(secret.Reveal()))
	text := make([]byte, 0, 2*len(units))
	for _, unit := range units {
		text = binary.LittleEndian.AppendUint16(text, unit)
	}
	h := md4.New()
	_, _ = h.Write(text) // a hash takes all octets
	return [16]byte(h.Sum(nil))
}

// parseNTHash reads 32 hexadecimal digits.
func parseNTHash(text string) (hash [16]byte, ok bool) {
	if len(text) != hex.EncodedLen(len(hash)) {
		return hash, false
	}
	_, err := hex.Decode(hash[:], []byte(text))
	return hash, err == nil
}
