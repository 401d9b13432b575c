package eap

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"causeway/certs"
	"causeway/certs/revocation"
	"causeway/realms"
)

// An Authority says what one of the Keeper's anchors may vouch for. The anchor
// certs.ClientCA may vouch for everybody unless an Authority says otherwise.
type Authority struct {
	Name     string   // of the anchor
	Realms   []string // in lower case; nil: every realm that is answered here
	Vouches  Vouches
	Identity []string // fields of the certificate; the first that it has names its owner. Nil: see certificateNames
	// Directory holds the accounts, or is the list of devices; nil: Config.Directory.
	Directory realms.Directory
	// Revocation knows what was withdrawn; nil: nobody is asked. AcceptUnknown lets
	// in whoever it cannot say anything of.
	Revocation    *revocation.Registry
	AcceptUnknown bool
}

// Vouches says for what kind of owner an authority may vouch.
type Vouches string

// The kinds. Of a device its certificate is its own, and no person's.
const (
	ForAnyone  Vouches = ""
	ForPeople  Vouches = "people"
	ForDevices Vouches = "devices"
)

// proved is what one credential proved: whose it is, and what is known of them.
type proved struct {
	identity    realms.Identity
	account     realms.Account
	device      bool   // it is a computer's own and not a person's
	inner       string // the method inside the tunnel; empty: outside
	certificate realms.Certificate
	chains      [][]*x509.Certificate // as they were verified; nil: a password proved it
}

// credit writes down what a credential proved, or as far as it came. Where a person
// and a computer are both proved, the log-in is the person's.
func (c *conversation) credit(p proved) {
	if p.certificate.Authority != "" {
		c.trace.Certificate = p.certificate
	}
	if p.inner != "" {
		c.trace.Inner = p.inner
	}
	if p.identity == (realms.Identity{}) {
		return
	}
	c.trace.Identity = p.identity
	if p.device {
		c.trace.Device = p.identity
	}
}

// accountOf is whose log-in it is: a person's, if one was proved, or else the
// computer's.
func accountOf(proofs []proved) (account realms.Account) {
	for _, p := range proofs {
		if account = p.account; !p.device {
			break
		}
	}
	return account
}

// checkAuthorities sees that somebody has said what each anchor may vouch for, and
// that what was said can be done.
func (s *Server) checkAuthorities() error {
	for i, a := range s.cfg.Authorities {
		if slices.ContainsFunc(s.cfg.Authorities[:i], func(other Authority) bool { return other.Name == a.Name }) {
			return fmt.Errorf("authority %q is described twice", a.Name)
		}
		if a.Vouches != ForAnyone && a.Vouches != ForPeople && a.Vouches != ForDevices {
			return fmt.Errorf("authority %q vouches for %q; it can be people or devices", a.Name, a.Vouches)
		}
		for _, name := range a.Identity {
			if findField(name) == nil {
				return fmt.Errorf("authority %q: a certificate has no field %q; it has %s", a.Name, name, strings.Join(IdentityFields(), ", "))
			}
		}
		if slices.Contains(a.Identity, sidField) && sidLookup(s.directoryOf(&a)) == nil {
			return fmt.Errorf("authority %q goes by security identifiers, and its directory knows none", a.Name)
		}
	}
	if s.cfg.Keeper == nil || s.cfg.Keeper.Current() == nil {
		return nil
	}
	for _, anchor := range s.cfg.Keeper.Current().Anchors {
		if s.authority(anchor.Name) == nil {
			return fmt.Errorf("nothing says what authority %q may vouch for", anchor.Name)
		}
	}
	return nil
}

// authority is what an anchor may vouch for; nil: nothing.
func (s *Server) authority(anchor string) *Authority {
	for i := range s.cfg.Authorities {
		if s.cfg.Authorities[i].Name == anchor {
			return &s.cfg.Authorities[i]
		}
	}
	if anchor == certs.ClientCA {
		return &anybody
	}
	return nil
}

// anybody is what client_ca may vouch for.
var anybody = Authority{Name: certs.ClientCA}

func (s *Server) directoryOf(a *Authority) realms.Directory {
	if a.Directory != nil {
		return a.Directory
	}
	return s.cfg.Directory
}

// A way leads from a certificate to an anchor: the leaf first, the anchor last.
type way struct {
	authority *Authority
	path      []*x509.Certificate
}

// vouchFor finds whose certificate it is, holds it to what its authority may vouch for
// and the name to the outer one (R4, R5), asks whether it was withdrawn, and looks
// the account up. Full and resumed log-ins both pass through here (S4). The identity
// is told beside an error, too, once it is known.
//
// A certificate may lead to several authorities, by what its device sends along.
// Ways are tried in the order of the configuration, and one that is good is enough:
// leaving a way out gets nobody further, though it may choose between two
// authorities that both vouch.
func (s *Server) vouchFor(ctx context.Context, outer realms.Identity, chains [][]*x509.Certificate) (p proved, err error) {
	ways := s.ways(chains)
	if len(ways) == 0 {
		return p, fmt.Errorf("no authority of the configuration vouches for it: %w", realms.ErrClientCertUntrusted)
	}
	decided := map[*Authority]bool{}
	for _, w := range ways {
		if decided[w.authority] {
			continue
		}
		now, fault := s.vouchBy(ctx, outer, w)
		if fault == nil {
			return now, nil
		}
		if err == nil {
			p, err = now, fault
		}
		// Only whether it was withdrawn depends on the way and not on its end.
		decided[w.authority] = !errors.Is(fault, realms.ErrClientCertRevoked) && !errors.Is(fault, realms.ErrRevocationUnknown)
	}
	return p, err
}

// ways are those of the chains that TLS verified, now or when their session began.
func (s *Server) ways(chains [][]*x509.Certificate) (found []way) {
	material := s.cfg.Keeper.Current()
	order := func(w way) int {
		return slices.IndexFunc(material.Anchors, func(a certs.Anchor) bool { return a.Name == w.authority.Name })
	}
	for _, chain := range chains {
		anchor, path := material.AnchorOf(chain)
		if anchor == nil || !valid(anchor, path, s.cfg.Now()) {
			continue
		}
		if a := s.authority(anchor.Name); a != nil && len(found) < mostWays {
			found = append(found, way{a, path})
		}
	}
	slices.SortStableFunc(found, func(a, b way) int { return cmp.Compare(order(a), order(b)) })
	return found
}

// mostWays bounds what one certificate may cost.
const mostWays = 8

// valid says that a path is in its time: TLS has looked at that, and a session may
// be older than what it was verified with. The anchor is the one that is configured
// today: it may have been renewed.
func valid(anchor *certs.Anchor, path []*x509.Certificate, now time.Time) bool {
	in := func(c *x509.Certificate) bool { return !now.Before(c.NotBefore) && !now.After(c.NotAfter) }
	top := path[len(path)-1]
	return !slices.ContainsFunc(path[:len(path)-1], func(c *x509.Certificate) bool { return !in(c) }) &&
		slices.ContainsFunc(anchor.Certificates, func(c *x509.Certificate) bool {
			return in(c) && string(c.RawSubjectPublicKeyInfo) == string(top.RawSubjectPublicKeyInfo)
		})
}

// vouchBy goes one way. What costs nothing comes first, and the directory last: while
// no directory answers a session may be resumed on what was known of its account,
// but never on what was known of its certificate.
func (s *Server) vouchBy(ctx context.Context, outer realms.Identity, w way) (p proved, err error) {
	leaf := w.path[0]
	p.chains = [][]*x509.Certificate{w.path}
	p.certificate = realms.Certificate{Authority: w.authority.Name, Policies: policiesOf(w.path)}
	owner, err := s.ownerOf(outer, leaf, w.authority)
	if err != nil {
		return p, err
	}
	p.identity = owner.identity
	if err := w.authority.mayVouchFor(outer, owner); err != nil {
		return p, err
	}
	p.device = w.authority.Vouches == ForDevices || owner.identity.Machine()
	if p.certificate.Unchecked, err = s.withdrawn(ctx, w); err != nil {
		return p, err
	}
	return s.account(ctx, outer, owner, w.authority, p)
}

// mayVouchFor holds the owner of a certificate to the scope of its authority.
func (a *Authority) mayVouchFor(outer realms.Identity, o owner) error {
	realm := o.identity.Realm
	if o.bySID() {
		realm = outer.Realm
	}
	if a.Realms != nil && !slices.Contains(a.Realms, realm) {
		return fmt.Errorf("authority %s vouches for nobody of %s: %w", a.Name, realm, realms.ErrClientCertAuthority)
	}
	if o.bySID() {
		return nil // the account says what it is
	}
	return a.mayBe(o.identity, computer(o.identity), o.identity.Machine())
}

// mayBe judges the kind of an owner. What may be a computer's is no person's; what
// a list of devices holds is a device's; else only what certainly is one.
func (a *Authority) mayBe(id realms.Identity, perhaps, certainly bool) error {
	switch {
	case a.Vouches == ForPeople && perhaps:
		return fmt.Errorf("authority %s vouches for people, and %s is a computer: %w", a.Name, id, realms.ErrClientCertAuthority)
	case a.Vouches == ForDevices && a.Directory == nil && !certainly:
		return fmt.Errorf("authority %s vouches for devices, and %s is no computer: %w", a.Name, id, realms.ErrClientCertAuthority)
	}
	return nil
}

// computer says that a name is a computer's, in either form of Windows:
// host/pc01.example.org or PC01$.
func computer(id realms.Identity) bool { return id.Machine() || strings.HasSuffix(id.User, "$") }

// withdrawn asks whether a certificate below the anchor was withdrawn. A list that
// names one counts whichever authority it was configured for: another way to
// another anchor is no way around it.
func (s *Server) withdrawn(ctx context.Context, w way) (unchecked bool, err error) {
	for i := range s.cfg.Authorities {
		other := s.cfg.Authorities[i].Revocation
		if other == nil || other == w.authority.Revocation {
			continue
		}
		for j, c := range w.path[:len(w.path)-1] {
			if err := other.Withdrawn(c, w.path[j+1]); err != nil {
				return false, fmt.Errorf("%w: %w", realms.ErrClientCertRevoked, err)
			}
		}
	}
	if w.authority.Revocation == nil {
		return false, nil
	}
	err = w.authority.Revocation.Check(ctx, w.path)
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, revocation.ErrUnknown) && w.authority.AcceptUnknown:
		return true, nil
	case errors.Is(err, revocation.ErrUnknown):
		return false, fmt.Errorf("%w: %w", realms.ErrRevocationUnknown, err)
	}
	return false, fmt.Errorf("%w: %w", realms.ErrClientCertRevoked, err)
}

// account looks an owner up where the authority's accounts are.
func (s *Server) account(ctx context.Context, outer realms.Identity, o owner, a *Authority, p proved) (proved, error) {
	directory := s.directoryOf(a)
	var err error
	switch sids := sidLookup(directory); {
	case directory == nil:
		p.account = realms.Account{Name: p.identity.String(), GroupsUnknown: true}
	case o.bySID():
		return s.accountBySID(ctx, outer, o, a, p)
	case o.sid != "" && sids != nil:
		// The name and the identifier have to be of one account.
		p.account, err = sids.LookupSID(ctx, o.sid, o.identity)
	default:
		p.account, err = directory.Lookup(ctx, o.identity)
	}
	return p, reasoned(err)
}

// accountBySID finds an owner who is called by a security identifier alone. The name
// outside has to be one of the account's (R5); where it hides the user, the
// account's own name takes its place.
func (s *Server) accountBySID(ctx context.Context, outer realms.Identity, o owner, a *Authority, p proved) (proved, error) {
	sids := sidLookup(s.directoryOf(a)) // checkAuthorities saw that there is one
	id := outer
	if hidden(outer) || s.cfg.AllowDifferentOuter {
		id = realms.Identity{}
	}
	account, err := sids.LookupSID(ctx, o.sid, id)
	if err != nil {
		return p, reasoned(err)
	}
	if id == (realms.Identity{}) {
		name, _, _ := strings.Cut(account.Name, "@")
		if id, err = realms.ParseIdentity(name + "@" + outer.Realm); err != nil || strings.ContainsAny(name, "=,") {
			return p, fmt.Errorf("the account of %s has no name of its own: %w", o.sid, realms.ErrClientCertIdentity)
		}
	}
	p.identity = id
	isComputer := computer(id) || strings.HasSuffix(account.Name, "$")
	if err := a.mayBe(id, isComputer, isComputer); err != nil {
		return p, err
	}
	p.account, p.device = account, p.device || isComputer
	return p, nil
}

// sidLookup returns the directory as one that knows security identifiers; nil: it
// does not.
func sidLookup(d realms.Directory) realms.SIDLookup {
	if sids, ok := d.(realms.SIDLookup); ok && sids.KnowsSIDs() {
		return sids
	}
	return nil
}

// anyPolicy stands for every policy (RFC 5280, section 4.2.1.4).
const anyPolicy = "2.5.29.32.0"

// policiesOf returns the policies of the leaf that hold for its path: every
// authority between it and the anchor has to have the policy too, or anyPolicy
// (RFC 5280, section 6.1.3). Policies that map to others hold for nothing.
func policiesOf(path []*x509.Certificate) (held []string) {
	for _, policy := range path[0].Policies {
		text := policy.String()
		if text != anyPolicy && len(held) < mostNames && !slices.ContainsFunc(path[1:len(path)-1], func(c *x509.Certificate) bool { return !hasPolicy(c, text) }) {
			held = append(held, text)
		}
	}
	return held
}

func hasPolicy(c *x509.Certificate, policy string) bool {
	return slices.ContainsFunc(c.Policies, func(p x509.OID) bool { return p.String() == policy || p.String() == anyPolicy })
}
