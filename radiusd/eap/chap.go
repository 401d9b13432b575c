package eap

import (
	"context"
	"fmt"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// verifyCHAP has the directory judge a CHAP response (RFC 1994, section 4.1), which
// takes the password in the clear.
func (s *Server) verifyCHAP(ctx context.Context, id realms.Identity, ident byte, challenge, response []byte) (realms.Account, error) {
	d, can := s.cfg.Directory.(realms.CHAPVerifier)
	if !can {
		return realms.Account{}, fmt.Errorf("the directory has no passwords in the clear: %w", realms.ErrNoHash)
	}
	account, err := d.VerifyCHAP(ctx, id, ident, challenge, response)
	return account, reasoned(err)
}

// verifyMSCHAP judges an MS-CHAP response (RFC 2433, section 5). Its LM half is not
// looked at.
func (s *Server) verifyMSCHAP(ctx context.Context, id realms.Identity, challenge [8]byte, response [24]byte) (realms.Account, error) {
	d, can := s.cfg.Directory.(realms.NTHasher)
	if !can {
		return realms.Account{}, fmt.Errorf("the directory has no NT hashes: %w", realms.ErrNoHash)
	}
	account, _, err := s.verifyHash(ctx, d, id, response, func(hash [16]byte) [24]byte {
		return packet.ChallengeResponse(challenge, hash)
	})
	return account, err
}
