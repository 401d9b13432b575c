package directory

import (
	"crypto/md5" //nolint:gosec // RFC 1994 is what the clients speak; it runs inside TLS only
	"crypto/subtle"
	"fmt"

	"causeway/certs"
	"causeway/realms"
)

// checkCHAP compares a response with the one that the password makes (RFC 1994,
// section 4.1).
func checkCHAP(password certs.Secret, ident byte, challenge, response []byte) error {
	if password == "" {
		return fmt.Errorf("there is no password in the clear: %w", realms.ErrNoHash)
	}
	h := md5.New() //nolint:gosec // see the import
	_, _ = h.Write([]byte{ident})
	_, _ = h.Write([]byte(password.Reveal()))
	_, _ = h.Write(challenge)
	if subtle.ConstantTimeCompare(h.Sum(nil), response) != 1 {
		return fmt.Errorf("wrong password: %w", realms.ErrBadPassword)
	}
	return nil
}
