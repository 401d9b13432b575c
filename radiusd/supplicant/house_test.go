package supplicant

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"

	"causeway/certs"
	"causeway/radiusd/eap"
	"causeway/radiusd/eap/packet"
	"causeway/radiusd/store"
	"causeway/realms"
)

// A oneUser is a directory of one person and one computer.
type oneUser struct{}

func (oneUser) VerifyCHAP(_ context.Context, _ realms.Identity, ident byte, challenge, response []byte) (realms.Account, error) {
	sum := md5.Sum(slices.Concat([]byte{ident}, []byte(testPassword), challenge))
	if !bytes.Equal(sum[:], response) {
		return realms.Account{}, realms.ErrBadPassword
	}
	return realms.Account{Name: "alice"}, nil
}

func (oneUser) CheckPassword(_ context.Context, id realms.Identity, password certs.Secret) (realms.Account, error) {
	if id.String() != testUser && id.String() != testMachine || password.Reveal() != testPassword {
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

func house(t *testing.T, change func(*eap.Config)) *eap.Server {
	t.Helper()
	keeper, err := certs.FromPair(world(t).server, world(t).authority)
	if err != nil {
		t.Fatal(err)
	}
	cfg := eap.Config{
		Realm: "camford.ac.uk", Methods: []string{"tls", "ttls", "peap", "teap", "pap"},
		Inner:  []string{"mschapv2", "gtc", "pap", "tls", "mschap", "chap"},
		Keeper: keeper, Directory: oneUser{}, MaxRounds: 300,
		Resumption: eap.Resumption{Records: store.NewMemory(store.MemoryConfig{}), Lifetime: time.Hour},
	}
	change(&cfg)
	s, err := eap.New(cfg)
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
	defer func() { // as the daemon does once its Accept is certain
		if answer.Code == radius.CodeAccessAccept {
			conversation.(realms.Rememberer).Remember(context.Background())
		}
	}()
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
		s := house(t, func(c *eap.Config) { c.FragmentSize = fragment })
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
					w.spoil(&cfg)
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

func same(a realms.Answer, p *Peer) bool {
	return bytes.Equal(slices.Concat(a.Keys.Recv, a.Keys.Send), p.Keys())
}

// A device that comes back resumes, and the server runs no inner method.
func TestOurOwnServerResumes(t *testing.T) {
	s := house(t, func(*eap.Config) {})
	for name, version := range versions {
		for _, method := range eapMethods() {
			t.Run(method+"/"+name, func(t *testing.T) {
				cfg := world(t).config(method, version)
				cfg.Sessions, cfg.RequireBinding = tls.NewLRUClientSessionCache(1), true
				for try, resumed := range []bool{false, true, true} {
					p := newPeer(t, cfg)
					a, err := meet(t, s, p)
					if err != nil || a.Code != radius.CodeAccessAccept || !p.Success() || !same(a, p) || p.TLS().DidResume != resumed {
						t.Fatalf("log-in %d: %v, code %v, stage %s, resumed %v", try, err, a.Code, p.Stage(), p.TLS().DidResume)
					}
				}
			})
		}
	}
}

// Each of the two readings of RFC 9930 chains every method with every other, in both
// versions of TLS, as the supplicant of its own time, as that of Windows and as
// wpa_supplicant of 2022; and resumes what it chained.
func TestTEAPOurOwnServer(t *testing.T) {
	methods := []string{"mschapv2", "tls", "password", ""}
	kinds := map[string]func(*Config){
		"RFC 9930": func(c *Config) { c.RequireBinding = true },
		"Windows":  func(c *Config) { c.WithoutEMSK = true },
		"RFC 7170": func(c *Config) { c.RFC7170 = true },
	}
	for _, ask := range [][]string{{"machine", "user"}, {"user", "machine"}, {"machine"}, {"user"}} {
		for kind, be := range kinds {
			for _, person := range methods {
				for _, machine := range methods {
					for name, version := range versions {
						t.Run(fmt.Sprintf("%q/%s/%s/%s/%s", ask, kind, person, machine, name), func(t *testing.T) {
							chain(t, ask, be, person, machine, version)
						})
					}
				}
			}
		}
	}
}

// chain logs one device in, and again.
func chain(t *testing.T, ask []string, be func(*Config), person, machine string, version uint16) {
	cfg := world(t).config("teap", version)
	cfg.Machine, cfg.Person, cfg.Sessions = nil, nil, tls.NewLRUClientSessionCache(1)
	be(&cfg)
	if person != "" {
		cfg.Person = credential(testUser, person)
	}
	if machine != "" {
		cfg.Machine = credential(testMachine, machine)
	}
	passwords, others := person == "password" || machine == "password", strings.Contains(person+machine, "mschapv2") || strings.Contains(person+machine, "tls")
	if cfg.Person == nil && cfg.Machine == nil || passwords && others {
		t.Skip("nobody, or passwords beside EAP, which one server does not ask for")
	}
	s := house(t, func(c *eap.Config) {
		c.TEAP = eap.TEAPConfig{Ask: ask, RFC7170: cfg.RFC7170}
		if passwords {
			c.Methods, c.Inner = []string{"teap"}, []string{"pap"}
		}
	})
	good := len(ask) == 2 || (ask[0] == "user") == (cfg.Person != nil) && cfg.Person != nil || ask[0] == "machine" && cfg.Machine != nil
	for try := range 3 {
		p := newPeer(t, cfg)
		a, err := meet(t, s, p)
		switch {
		case !good:
			if err != nil || a.Code != radius.CodeAccessReject || p.Success() {
				t.Fatalf("%v, code %v, stage %s: nobody that is asked for was there", err, a.Code, p.Stage())
			}
		case err != nil || a.Code != radius.CodeAccessAccept || !p.Success() || !same(a, p) || p.TLS().DidResume != (try > 0):
			t.Fatalf("log-in %d: %v, code %v, stage %s, %s, resumed %v", try, err, a.Code, p.Stage(), p.Refusal(), p.TLS().DidResume)
		}
	}
}
