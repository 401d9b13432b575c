package eap

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"strings"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// judgesMSCHAPv2 says that a directory can do one of the two things that MSCHAPv2 needs.
func judgesMSCHAPv2(d realms.Directory) bool {
	switch d.(type) {
	case realms.NTHasher, realms.ChallengeVerifier:
		return true
	}
	return false
}

// emptyHash is the NT hash of a password of no letters.
var emptyHash = packet.NTHash("")

// An exchange is one MSCHAPv2 challenge and its response (RFC 2759), whichever
// way they travelled.
type exchange struct {
	authenticator [16]byte // our challenge
	peer          [16]byte
	response      [24]byte
	name          string // as the peer wrote it beside its response
}

// judged is what came of a good exchange.
type judged struct {
	account  realms.Account
	response string   // "S=…", by which we prove that we know the password too
	key      [16]byte // MD4 of the NT hash, from which the method's keys come
}

// judge checks a response for one person. A name beside the response that is not
// theirs is an error of the protocol: the response would prove nothing of theirs.
func (s *Server) judge(ctx context.Context, id realms.Identity, x exchange) (judged, error) {
	user := packet.StripDomain(x.name)
	if !strings.EqualFold(user, packet.StripDomain(id.String())) && !strings.EqualFold(user, packet.StripDomain(id.User)) {
		return judged{}, fmt.Errorf("another name beside the MSCHAPv2 response: %w", realms.ErrInnerProtocol)
	}
	account, key, err := s.verify(ctx, id, x, user)
	if err != nil {
		return judged{}, err
	}
	return judged{account, packet.AuthenticatorResponse(key, x.response, x.authenticator, x.peer, user), key}, nil
}

// verify returns the account and MD4 of its NT hash.
func (s *Server) verify(ctx context.Context, id realms.Identity, x exchange, user string) (realms.Account, [16]byte, error) {
	switch d := s.cfg.Directory.(type) {
	case realms.ChallengeVerifier:
		var key realms.SessionKey
		account, err := guarded(ctx, s.cfg.Guard, id, "", func() (account realms.Account, err error) {
			account, key, err = d.VerifyMSCHAPv2(ctx, id, realms.Challenge{
				UserName: user, Authenticator: x.authenticator, Peer: x.peer, NTResponse: x.response,
			})
			return account, err
		})
		return account, key, reasoned(err)
	case realms.NTHasher:
		return s.verifyHash(ctx, d, id, x.response, func(hash [16]byte) [24]byte {
			return packet.NTResponse(x.authenticator, x.peer, user, hash)
		})
	}
	return realms.Account{}, [16]byte{}, realms.ErrNoHash
}

// verifyHash compares a response with that of the directory's hash. For a name
// that has none, the hash of nobody is compared, so that an unknown name takes as
// long as a known one (S18). Of a password that has expired only who knows it is
// told.
func (s *Server) verifyHash(ctx context.Context, d realms.NTHasher, id realms.Identity, response [24]byte, answer func(hash [16]byte) [24]byte) (realms.Account, [16]byte, error) {
	hash, err := d.NTHash(ctx, id)
	if err == nil && hash == emptyHash {
		err = realms.ErrEmptyPassword // anybody could answer for it
	}
	if err != nil && !mustChange(err) {
		hash = s.dummy
	}
	want := answer(hash)
	equal := subtle.ConstantTimeCompare(want[:], response[:]) == 1
	switch {
	case mustChange(err) && !equal:
		return realms.Account{}, [16]byte{}, fmt.Errorf("and it has expired (%s): %w", err.Error(), realms.ErrBadPassword)
	case err != nil:
		return realms.Account{}, [16]byte{}, reasoned(err)
	case !equal:
		return realms.Account{}, [16]byte{}, realms.ErrBadPassword
	}
	account, err := s.cfg.Directory.Lookup(ctx, id)
	if err != nil {
		return realms.Account{}, [16]byte{}, reasoned(err)
	}
	return account, packet.HashNTHash(hash), nil
}

// ours says that a failure is not the supplicant's, so that it is not told that
// its password is wrong: it would ask its owner for another.
func ours(err error) bool {
	for _, reason := range []realms.Reason{
		realms.ErrUnreachable, realms.ErrMisconfigured, realms.ErrNoHash, realms.ErrInternal, realms.ErrServerBusy,
		realms.ErrInnerProtocol,
	} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// failureText is what a supplicant is told (RFC 2759, section 6): of a wrong password,
// an unknown name or a closed account alike; and, to who knew a password that has
// expired, that it has. There is no retry, and a challenge that the form of the
// message wants.
func (s *Server) failureText(err error) string {
	if mustChange(err) {
		return s.sayFailure(648, "Password expired")
	}
	return s.sayFailure(691, "Authentication failed")
}

// changeRefusedText answers a new password (RFC 2759, section 7), which is not taken.
func (s *Server) changeRefusedText() string {
	return s.sayFailure(709, "Change it on a wired computer")
}

func (s *Server) sayFailure(code int, text string) string {
	var challenge [16]byte
	_, _ = io.ReadFull(s.cfg.Random, challenge[:]) // no retry: nobody will answer it
	return fmt.Sprintf("E=%d R=0 C=%032X V=3 M=%s", code, challenge, text)
}
