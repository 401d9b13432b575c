package placement

import (
	"crypto/rand"
	"math"
	"math/big"

	"causeway/certs"
)

// What a password is made of: characters that nobody takes for another on paper or on a
// telephone's keyboard.
const (
	passwordLetters = "abcdefghjkmnpqrstuvwxyz23456789"
	passwordGroups  = 4
	passwordGroup   = 4
)

// NewPassword makes one, as k7mw-p2xd-9hqt-vb4c. An NT hash is tried billions of times a
// second by whoever has stolen it, so a password that is nobody's invention has to hold
// by its length alone: see [PasswordBits].
func NewPassword() certs.Secret {
	var text []byte
	most := big.NewInt(int64(len(passwordLetters)))
	for i := range passwordGroups * passwordGroup {
		if i > 0 && i%passwordGroup == 0 {
			text = append(text, '-')
		}
		n, err := rand.Int(rand.Reader, most)
		if err != nil {
			panic("placement: no random numbers: " + err.Error()) // crypto/rand never fails
		}
		text = append(text, passwordLetters[n.Int64()])
	}
	return certs.Secret(text)
}

// PasswordBits is the entropy of a password.
func PasswordBits() int {
	return int(passwordGroups * passwordGroup * math.Log2(float64(len(passwordLetters))))
}
