package certs

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

// A P12 is a form of PKCS#12, the one file that carries a certificate and its key
// to a device.
type P12 string

// The two forms that devices read.
const (
	Modern P12 = "modern" // AES-256 and SHA-256: Windows Server 2019, OpenSSL 1.1.1, Java 12 and later
	Legacy P12 = "legacy" // 3DES and SHA-1: everything, however old
)

// PKCS12 packs the certificate, its key, its intermediates and the root that the
// device must trust for our server. The password protects the key on its way: it
// may not be empty, since phones refuse such a file.
func (p Pair) PKCS12(password Secret, form P12) ([]byte, error) {
	if len(password) < 8 {
		return nil, errors.New("the password of a .p12 file needs at least 8 characters: it is all that protects the key on its way")
	}
	encoder := pkcs12.Modern2023
	switch form {
	case "", Modern:
	case Legacy:
		encoder = pkcs12.LegacyDES
	default:
		return nil, fmt.Errorf("there is no form of .p12 called %q: modern and legacy are", form)
	}
	var others []*x509.Certificate
	for _, der := range p.Certificate.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		others = append(others, c)
	}
	others = append(others, p.Root)
	return encoder.Encode(p.Certificate.PrivateKey, p.Certificate.Leaf, others, password.Reveal())
}

// The characters of a password that is read out over a telephone: none looks
// like another.
const passwordAlphabet = "23456789abcdefghjkmnpqrstuvwxyz"

// NewPassword makes a password of 16 random characters (79 bits) in four groups,
// to be written down once and typed into a device.
func NewPassword() (Secret, error) {
	var b strings.Builder
	limit := big.NewInt(int64(len(passwordAlphabet)))
	for i := range 16 {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		n, err := rand.Int(rand.Reader, limit)
		if err != nil {
			return "", err
		}
		b.WriteByte(passwordAlphabet[n.Int64()])
	}
	return Secret(b.String()), nil
}
