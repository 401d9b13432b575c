package directory_test

import (
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"causeway/certs"
	"causeway/radiusd/eap/packet"
	"causeway/realms"
	"causeway/realms/directory/directorytest"
)

// challengeOf is the exchange of a supplicant that knows a password.
func challengeOf(name string, password certs.Secret) realms.Challenge {
	c := realms.Challenge{UserName: name}
	_, _ = rand.Read(c.Authenticator[:])
	_, _ = rand.Read(c.Peer[:])
	c.NTResponse = packet.NTResponse(c.Authenticator, c.Peer, name, packet.NTHash(password.Reveal()))
	return c
}

func keyOf(password certs.Secret) realms.SessionKey {
	return packet.HashNTHash(packet.NTHash(password.Reveal()))
}

// The domain behaves as every directory does.
func TestADConforms(t *testing.T) {
	c := theDomain(t)
	directorytest.Run(t, func(t *testing.T) realms.Directory { return newAD(t, adConfig(c)) })
}

// A domain controller judges MSCHAPv2, and the key that it gives is the password's.
func TestADJudgesMSCHAPv2(t *testing.T) {
	a := newAD(t, adConfig(theDomain(t)))
	for _, p := range directorytest.People() {
		account, key, err := a.VerifyMSCHAPv2(t.Context(), p.Identity(), challengeOf(p.User, p.Password))
		if p.State != "" {
			if !errors.Is(err, p.State) || key != (realms.SessionKey{}) || account.Name != "" {
				t.Errorf("%s: %+v, %v; want %s", p.User, account, err, p.State)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", p.User, err)
			continue
		}
		got, want := slices.Sorted(slices.Values(account.Groups)), slices.Sorted(slices.Values(p.Groups))
		if !slices.Equal(got, want) || account.GroupsUnknown || account.Name == "" || account.PasswordSet == "" || key != keyOf(p.Password) {
			t.Errorf("%s: %+v, key %x", p.User, account, key)
		}
		_, key, err = a.VerifyMSCHAPv2(t.Context(), p.Identity(), challengeOf(p.User, p.Password+"x"))
		if !errors.Is(err, realms.ErrBadPassword) || key != (realms.SessionKey{}) {
			t.Errorf("%s with a wrong password: %v, key %x", p.User, err, key)
		}
	}
}

