// Package eap authenticates our own people: EAP-TLS, EAP-TTLS and PEAP, and
// plain PAP for devices that know no EAP.
//
// A [Server] is the realms.Home of one realm. It opens a conversation for each
// log-in; the conversation agrees on a method, and the method runs to its
// result. Everything that has states keeps the current one as a method value in
// its field "next", so that the state can be read where it is set:
//
//	conversation  identity -> offered (Nak) -> running -> over
//	tunnel        fragments of TLS messages, the handshake, alerts
//	tls ttls peap what is said inside
//	mschapv2      the sums that TTLS and PEAP share
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
	// Methods are offered in this order: "tls", "ttls", "peap". "pap" allows a
	// plain User-Password.
	Methods []string
	Keeper  *certs.Keeper
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
	dummy   [16]byte // the NT hash of nobody
	tls     atomic.Pointer[tlsConfigs]
}

var _ realms.Home = (*Server)(nil)

// New checks a configuration and returns its server. Errors are in the words of
// the configuration.
func New(cfg Config) (*Server, error) {
	picked, err := pick(cfg.Methods)
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
	s := &Server{cfg: cfg}
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
	if m.Hash && !judgesMSCHAPv2(s.cfg.Directory) {
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
	if inner.Realm != outer.Realm && !slices.Contains(s.cfg.Subrealms, inner.Realm) {
		return fmt.Errorf("realm %q inside, %q outside: %w", inner.Realm, outer.Realm, realms.ErrInnerRealm)
	}
	if s.cfg.AllowDifferentOuter || hidden(outer) || same(outer, inner) {
		return nil
	}
	return fmt.Errorf("%q inside, %q outside: %w", inner, outer, realms.ErrOuterInner)
}

// hidden says that a name outside names nobody (R5).
func hidden(outer realms.Identity) bool {
	return outer.User == "" || strings.EqualFold(outer.User, "anonymous")
}

func same(a, b realms.Identity) bool {
	return a.Realm == b.Realm && strings.EqualFold(a.User, b.User)
}
