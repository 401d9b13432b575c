// Package eap authenticates our own people: EAP-TLS, EAP-TTLS, PEAP and TEAP, and
// plain PAP for devices that know no EAP.
//
// A [Server] is the realms.Home of one realm. It opens a conversation for each
// log-in; the conversation agrees on a method, and the method runs to its
// result. Everything that has states keeps the current one as a method value in
// its field "next", so that the state can be read where it is set:
//
//	conversation  identity -> offered (Nak) -> running -> over
//	tunnel        fragments of TLS messages, the handshake, alerts
//	tls ttls ...  what one method says inside its tunnel
//	inner         EAP inside a tunnel: identity -> offered (Nak) -> running
//	inner_NAME    one method there
//	mschapv2      the sums that all of them share
//
// Nothing here waits but for the directory and, two seconds at most, for who knows
// whether a certificate was withdrawn; and nothing has a goroutine.
package eap

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"causeway/certs"
	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// Bounds of a conversation, unless the configuration names others.
const (
	defaultFragment  = 1020 // passes through tunnels and RADIUS proxies unharmed
	defaultMaxRounds = 50
	defaultMaxOctets = 64 << 10

	// MinFragmentSize and MaxFragmentSize bound Config.FragmentSize.
	MinFragmentSize = 100
	MaxFragmentSize = 1398
)

// A Config says how one realm's people are authenticated.
type Config struct {
	Realm     string   // lower case
	Subrealms []string // also good inside a tunnel whose outer realm is another (R4)
	Computers []string // domains of computers, lower case: host/pc01.DOMAIN is good inside, too
	// Methods are offered in this order: "tls", "ttls", "peap". "pap" allows a
	// plain User-Password.
	Methods []string
	// Inner are the methods inside a tunnel, in the order in which they are offered:
	// "mschapv2", "gtc", "pap", "tls", "mschap", "chap". Nil: DefaultInner, as far
	// as the directory and the authorities serve them.
	Inner  []string
	TEAP   TEAPConfig
	Keeper *certs.Keeper
	// Authorities say what the Keeper's anchors may vouch for. Each anchor but
	// certs.ClientCA has to be among them.
	Authorities []Authority
	Directory   realms.Directory // may be nil when "tls" is the only method: every good certificate is an account
	// FragmentSize is the longest EAP packet that we send, in octets with its
	// header; 0 is 1,020. A shorter Framed-MTU is obeyed.
	FragmentSize int
	// AllowDifferentOuter accepts an outer name other than the inner one; a
	// hidden one ("@realm", "anonymous@realm") is always accepted (R5).
	AllowDifferentOuter bool
	Resumption          Resumption
	Guard               Guard            // nil: every attempt reaches the directory
	Random              io.Reader        // nil: crypto/rand
	Now                 func() time.Time // nil: time.Now
	MaxRounds           int              // requests in one conversation; 0: 50
	MaxOctets           int              // octets of EAP in one conversation, both ways; 0: 65,536
}

// A Server authenticates the people of one realm. It is a realms.Home and is
// safe for concurrent use.
type Server struct {
	cfg     Config
	offered []*method // EAP only, in order
	pap     bool
	inside  []*method // EAP inside a tunnel, in order
	bare    []*method // what is not EAP, inside TTLS
	dummy   [16]byte  // the NT hash of nobody
	tls     atomic.Pointer[tlsConfigs]
}

var _ realms.Home = (*Server)(nil)

// New checks a configuration and returns its server. Errors are in the words of
// the configuration.
func New(cfg Config) (*Server, error) {
	picked, err := pick(methods, cfg.Methods)
	if err != nil {
		return nil, err
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.FragmentSize = orElse(cfg.FragmentSize, defaultFragment)
	cfg.MaxRounds = orElse(cfg.MaxRounds, defaultMaxRounds)
	cfg.MaxOctets = orElse(cfg.MaxOctets, defaultMaxOctets)
	cfg.Realm = strings.ToLower(cfg.Realm)
	if cfg.Realm == "" {
		return nil, errors.New("the realm has no name")
	}
	if cfg.FragmentSize < MinFragmentSize || cfg.FragmentSize > MaxFragmentSize {
		return nil, fmt.Errorf("fragment size %d is not between %d and %d octets", cfg.FragmentSize, MinFragmentSize, MaxFragmentSize)
	}
	for _, list := range [][]string{cfg.TEAP.Ask, cfg.TEAP.Require} {
		for _, name := range list {
			if identityTypes[name] == 0 {
				return nil, fmt.Errorf("TEAP asks for machine and user, and not for %q", name)
			}
		}
	}
	s := &Server{cfg: cfg}
	if err := s.allowInside(); err != nil {
		return nil, err
	}
	for _, m := range picked {
		if err := s.allow(m); err != nil {
			return nil, fmt.Errorf("method %q: %w", m.Name, err)
		}
	}
	if err := s.checkAuthorities(); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(cfg.Random, s.dummy[:]); err != nil {
		return nil, err
	}
	return s, nil
}

// allow takes one method in, if what it needs is there.
func (s *Server) allow(m *method) error {
	if m.Password && s.cfg.Directory == nil {
		return errors.New("it checks passwords and there is no directory")
	}
	if m.Type == packet.TEAP && len(s.inside) == 0 && !s.allowsInTTLS("pap") {
		return errors.New("no method is allowed inside it")
	}
	if m.Type == packet.PEAP && len(s.inside) == 0 {
		return errors.New("no EAP method is allowed inside it")
	}
	if m.Type == packet.PEAP && s.cfg.Inner == nil && !judgesMSCHAPv2(s.cfg.Directory) {
		return errors.New("the directory has no NT hashes and cannot judge MSCHAPv2 itself")
	}
	if m.Type == 0 {
		s.pap = true
		return nil
	}
	if s.cfg.Keeper == nil || s.cfg.Keeper.Current() == nil {
		return errors.New("there is no server certificate")
	}
	if m.ClientCA && s.cfg.Keeper.Current().ClientCAs == nil {
		return errors.New("there is no authority to check the devices' certificates against")
	}
	s.offered = append(s.offered, m)
	return nil
}

// allowInside takes in the methods inside a tunnel. One that the configuration names
// must have what it needs; of the others those are left out that do not.
func (s *Server) allowInside() error {
	names := s.cfg.Inner
	if names == nil {
		names = DefaultInner
	}
	picked, err := pick(inners, names)
	if err != nil {
		return fmt.Errorf("inside a tunnel: %w", err)
	}
	for _, m := range picked {
		switch err := s.serves(m); {
		case err != nil && s.cfg.Inner != nil:
			return fmt.Errorf("method %q inside a tunnel: %w", m.Name, err)
		case err != nil:
		case m.Type == 0:
			s.bare = append(s.bare, m)
		default:
			s.inside = append(s.inside, m)
		}
	}
	return nil
}

// allowsInside tells whether a method is one of those inside a tunnel.
func (s *Server) allowsInside(name string) bool {
	is := func(m *method) bool { return m.Name == name }
	return slices.ContainsFunc(s.inside, is) || slices.ContainsFunc(s.bare, is)
}

// serves says what a method inside a tunnel lacks.
func (s *Server) serves(m *method) error {
	d := s.cfg.Directory
	_, hashes := d.(realms.NTHasher)
	_, clear := d.(realms.CHAPVerifier)
	switch {
	case m.ClientCA && (s.cfg.Keeper == nil || s.cfg.Keeper.Current() == nil || s.cfg.Keeper.Current().ClientCAs == nil):
		return errors.New("there is no authority to check the devices' certificates against")
	case m.Password && d == nil:
		return errors.New("it checks passwords and there is no directory")
	case m.Name == "mschap" && !hashes:
		return errors.New("the directory has no NT hashes")
	case m.Hash && !judgesMSCHAPv2(d):
		return errors.New("the directory has no NT hashes and cannot judge MSCHAPv2 itself")
	case m.Clear && !clear:
		return errors.New("the directory has no passwords in the clear")
	}
	return nil
}

func orElse(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// Open begins a conversation. Nothing of TLS is allocated before a ClientHello
// comes.
func (s *Server) Open(q realms.Question) realms.Conversation { return newConversation(s, q) }

// checkInner holds a name from inside a tunnel or a certificate to the name
// outside (R4, R5).
func (s *Server) checkInner(outer, inner realms.Identity) error {
	if err := s.checkRealm(outer, inner); err != nil {
		return err
	}
	if s.cfg.AllowDifferentOuter || hidden(outer) || same(outer, inner) {
		return nil
	}
	return fmt.Errorf("%q inside, %q outside: %w", inner, outer, realms.ErrOuterInner)
}

// checkRealm holds a name inside to the realm outside (R4).
func (s *Server) checkRealm(outer, inner realms.Identity) error {
	good := inner.Realm == outer.Realm || slices.Contains(s.cfg.Subrealms, inner.Realm) ||
		inner.Machine() && slices.Contains(s.cfg.Computers, inner.Realm)
	if !good {
		return fmt.Errorf("realm %q inside, %q outside: %w", inner.Realm, outer.Realm, realms.ErrInnerRealm)
	}
	return nil
}

// hidden says that a name outside names nobody (R5).
func hidden(outer realms.Identity) bool {
	return outer.User == "" || strings.EqualFold(outer.User, "anonymous")
}

func same(a, b realms.Identity) bool {
	return a.Realm == b.Realm && strings.EqualFold(a.User, b.User)
}
