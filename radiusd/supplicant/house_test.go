package supplicant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"layeh.com/radius"

	"causeway/certs"
	"causeway/radiusd/eap"
	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// A oneUser is a directory of one person.
type oneUser struct{}

func (oneUser) CheckPassword(_ context.Context, id realms.Identity, password certs.Secret) (realms.Account, error) {
	if id.String() != testUser || password.Reveal() != testPassword {
		return realms.Account{}, realms.ErrBadPassword
	}
	return realms.Account{Name: "alice"}, nil
}

func (oneUser) Lookup(context.Context, realms.Identity) (realms.Account, error) {
	return realms.Account{Name: "alice"}, nil
}

func (oneUser) NTHash(context.Context, realms.Identity) ([16]byte, error) {
	return packet.NTHash(testPassword), nil
}

func house(t *testing.T, fragment int) *eap.Server {
	t.Helper()
	keeper, err := certs.FromPair(world(t).server, world(t).authority)
	if err != nil {
		t.Fatal(err)
	}
	s, err := eap.New(eap.Config{
		Realm: "camford.ac.uk", Methods: []string{"tls", "ttls", "peap", "pap"},
		Keeper: keeper, Directory: oneUser{}, FragmentSize: fragment,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// meet lets a peer log in to our own server, without RADIUS between them.
func meet(t *testing.T, s *eap.Server, p *Peer) (answer realms.Answer, err error) {
	t.Helper()
	id, err := realms.ParseIdentity(p.cfg.Identity)
	if err != nil {
		t.Fatal(err)
	}
	conversation := s.Open(realms.Question{From: id, Packet: radius.New(radius.CodeAccessRequest, []byte(testSecret))})
	defer conversation.Close()
	message, err := p.Next(ask(1, packet.Identity))
	for err == nil {
		q := radius.New(radius.CodeAccessRequest, []byte(testSecret))
		parts := eapParts(message)
		if q.Attributes, err = radius.ParseAttributes(parts); err != nil {
			t.Fatal(err)
		}
		// An error of the server is its reason for the log.
		if answer, err = conversation.Answer(context.Background(), q); answer.EAP == nil {
			return answer, err
		}
		message, err = p.Next(answer.EAP)
		if message == nil {
			return answer, errors.Join(err, p.Err())
		}
	}
	return answer, err
}

// The two readings of the RFCs, each first proved against others, meet.
func TestOurOwnServer(t *testing.T) {
	for _, fragment := range []int{100, 333, 1020, 1398} {
		s := house(t, fragment)
		for name, version := range versions {
			for _, method := range eapMethods() {
				t.Run(fmt.Sprintf("%s/%s/%d", method, name, fragment), func(t *testing.T) {
					w := world(t)
					cfg := w.config(method, version)
					cfg.FragmentSize, cfg.RequireBinding = fragment, true
					p := newPeer(t, cfg)
					a, err := meet(t, s, p)
					if err != nil || a.Code != radius.CodeAccessAccept || !p.Success() {
						t.Fatalf("%v, code %v, stage %s", err, a.Code, p.Stage())
					}
					if !bytes.Equal(append(bytes.Clone(a.Keys.Recv), a.Keys.Send...), p.Keys()) {
						t.Fatal("keys differ")
					}
					cfg.Password = "wrong"
					if method == "tls" {
						cfg.Certificate = &w.foreign
					}
					p = newPeer(t, cfg)
					a, err = meet(t, s, p)
					if err != nil || a.Code != radius.CodeAccessReject || p.Stage() != StageFailure {
						t.Fatalf("%v, code %v, stage %s", err, a.Code, p.Stage())
					}
					cfg.Roots = w.strangers
					p = newPeer(t, cfg)
					if a, err = meet(t, s, p); !errors.Is(err, ErrUntrusted) || a.Code != radius.CodeAccessReject {
						t.Fatalf("%v, code %v, stage %s", err, a.Code, p.Stage())
					}
				})
			}
		}
	}
}
