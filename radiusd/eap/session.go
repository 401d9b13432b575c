package eap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// Records keeps sessions between log-ins, on this server or for several. It holds
// the secrets of TLS, so what it keeps must be sealed. Get of what is not
// there is an error, and so is every failure: a log-in is then a full one.
type Records interface {
	Get(ctx context.Context, key string) ([]byte, error)
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	Delete(ctx context.Context, key string) error
}

// Resumption says how sessions are kept. Without Records there are none.
type Resumption struct {
	Records Records
	// Lifetime is how long after a full log-in its session may be resumed; at most
	// seven days (RFC 8446, section 4.6.1).
	Lifetime time.Duration
	// WithoutDirectory resumes while no directory answers, with groups unknown (F2).
	WithoutDirectory bool
}

// MaxSessionLifetime bounds Resumption.Lifetime.
const MaxSessionLifetime = 7 * 24 * time.Hour

// A record is a session as it is kept: what TLS needs to resume it, and what must
// hold again when it does (S4). It says who somebody is and never where they go.
type record struct {
	Began       time.Time    `json:"began"` // the full log-in, however often it was resumed since
	Type        packet.Type  `json:"type"`  // of the outer method (P46)
	SSID        string       `json:"ssid,omitempty"`
	Outer       string       `json:"outer"`
	Credentials []credential `json:"credentials"` // one, or two of a TEAP chain
	Version     uint16       `json:"version"`     // of TLS
	TLS         []byte       `json:"tls"`
	Secret      []byte       `json:"secret,omitempty"` // packet.Engine.Secret
}

// A credential is what was proved, as it is kept.
type credential struct {
	Identity    string     `json:"identity"` // the name that was proved
	Inner       string     `json:"inner,omitempty"`
	Account     string     `json:"account"`
	PasswordSet string     `json:"password_set,omitempty"`
	Ends        time.Time  `json:"ends,omitzero"`
	Chains      [][][]byte `json:"chains,omitempty"` // of a certificate, as they were verified; none: a password
}

// errStale says that a session is not taken up: the log-in is a full one. It goes
// no further than this file.
var errStale = errors.New("the session is not resumed")

// sessions is the part of one conversation that deals with resumption. It is the
// packet.Sessions of its tunnel.
//
// The name that a client gets for its session is given out inside the handshake,
// before anybody has proved anything; the record under it is written when the
// Accept is certain, and until then the name leads nowhere (S3, P50).
type sessions struct {
	t   *tunnel
	ctx context.Context // of the message that is being answered

	name    string            // given out in this handshake
	session *tls.SessionState // what goes under it
	version uint16

	old    string   // the name by which the client asked
	record *record  // what was under it, and held
	proofs []proved // as they are now
}

const nameLength = 16

// Wrap gives a session a name. A TLS 1.2 session that is resumed keeps the one it
// has, since it keeps its secret too.
func (s *sessions) Wrap(version uint16, session *tls.SessionState) []byte {
	s.version, s.session = version, session
	if s.record != nil && version == tls.VersionTLS12 {
		s.name = s.old
		name, _ := hex.DecodeString(s.name)
		return name
	}
	name := make([]byte, nameLength)
	if _, err := io.ReadFull(s.t.c.server.cfg.Random, name); err != nil {
		s.session = nil // nothing will be kept under it
	}
	s.name = hex.EncodeToString(name)
	return name
}

// Unwrap finds a session and judges whether it may be resumed: everything that
// let its owner in must hold now. One handshake asks once, however many names
// its client brings.
func (s *sessions) Unwrap(name []byte) *tls.SessionState {
	if len(name) != nameLength || s.old != "" {
		return nil
	}
	s.old = hex.EncodeToString(name)
	r, session, err := s.find()
	if err == nil {
		s.proofs, err = s.t.c.stillGood(s.ctx, r)
	}
	if err != nil {
		return nil
	}
	if r.Secret != nil {
		s.t.tls.RestoreSecret(r.Secret)
	}
	s.record = r
	return session
}

// find reads a record that fits this conversation.
func (s *sessions) find() (*record, *tls.SessionState, error) {
	c := s.t.c
	b, err := c.server.cfg.Resumption.Records.Get(s.ctx, recordKey(s.old))
	if err != nil {
		return nil, nil, err
	}
	r := new(record)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, nil, err
	}
	now := c.server.cfg.Now()
	switch {
	case r.Began.After(now), now.Sub(r.Began) >= c.server.cfg.Resumption.Lifetime:
		return nil, nil, errStale
	case r.Type != s.t.kind, r.SSID != c.ssid, !strings.EqualFold(r.Outer, c.outer.String()):
		return nil, nil, errStale
	case r.Version == tls.VersionTLS12 && s.t.tls.NeedsSecret() != (r.Secret != nil):
		return nil, nil, errStale // crypto/tls would break the handshake off (RFC 7627, section 5.3)
	}
	session, err := tls.ParseSessionState(r.TLS)
	return r, session, err
}

// resumed tells whether this handshake took the session up that was judged good, and
// writes down whose it is: now the device has shown that it knows the session's secret.
// Otherwise it forgets the session: TLS has reasons of its own not to take one up.
func (s *sessions) resumed() bool {
	if s == nil || s.record == nil {
		return false
	}
	if !s.t.tls.State().DidResume {
		s.record = nil
		return false
	}
	for _, p := range s.proofs {
		s.t.c.credit(p)
	}
	return true
}

// keep remembers what the record of a good log-in will say.
func (s *sessions) keep(proofs []proved) *kept {
	if s == nil || s.session == nil || s.name == s.old {
		return nil
	}
	c := s.t.c
	r := &record{
		Began: c.server.cfg.Now(), Type: s.t.kind, SSID: c.ssid, Outer: c.outer.String(),
		Version: s.version, Secret: s.t.tls.Secret(),
	}
	if s.record != nil {
		r.Began = s.record.Began
	}
	for _, p := range proofs {
		r.Credentials = append(r.Credentials, credential{
			Identity: p.identity.String(), Inner: p.inner,
			Account: p.account.Name, PasswordSet: p.account.PasswordSet, Ends: p.account.Ends, Chains: rawChains(p.chains),
		})
	}
	return &kept{record: r, session: s.session, name: s.name, old: s.old}
}

// kept is a record that waits for the Accept.
type kept struct {
	record    *record
	session   *tls.SessionState
	name, old string
}

// Remember writes the session of a log-in whose Accept is certain.
func (c *conversation) Remember(ctx context.Context) {
	k := c.kept
	if c.kept = nil; k == nil {
		return
	}
	records, ttl := c.server.cfg.Resumption.Records, c.server.cfg.Resumption.Lifetime-c.server.cfg.Now().Sub(k.record.Began)
	if ttl <= 0 {
		return
	}
	var err error
	if k.record.TLS, err = k.session.Bytes(); err != nil {
		return
	}
	b, err := json.Marshal(k.record)
	if err != nil {
		return
	}
	// What cannot be kept costs a full log-in later, and nobody this one.
	if err := records.Put(ctx, recordKey(k.name), b, ttl); err == nil && k.old != "" {
		_ = records.Delete(ctx, recordKey(k.old))
	}
}

func recordKey(name string) string { return "session:" + name }

// stillGood holds a record to what is so now: for each credential the certificate,
// its authority and its revocation, the realm, and the account as the directory has
// it.
func (c *conversation) stillGood(ctx context.Context, r *record) ([]proved, error) {
	var proofs []proved
	for _, kept := range r.Credentials {
		p, err := c.holds(ctx, r.Type, kept)
		if err != nil {
			return nil, err
		}
		proofs = append(proofs, p)
	}
	if len(proofs) == 0 {
		return nil, errStale
	}
	if r.Type == packet.TEAP {
		return proofs, c.server.checkChain(c.outer, proofs)
	}
	return proofs, nil
}

// agrees holds a name to the one outside. In a TEAP chain one of the names has to be
// the same, and each of the realm.
func (c *conversation) agrees(kind packet.Type, id realms.Identity) error {
	if kind == packet.TEAP {
		return c.server.checkRealm(c.outer, id)
	}
	return c.server.checkInner(c.outer, id)
}

// holds judges one credential anew.
func (c *conversation) holds(ctx context.Context, kind packet.Type, kept credential) (p proved, err error) {
	if kept.Inner != "" && !c.server.allowsInside(kept.Inner) {
		return p, fmt.Errorf("%s is not allowed inside a tunnel any more: %w", kept.Inner, errStale)
	}
	id, err := realms.ParseIdentity(kept.Identity)
	if err != nil {
		return p, err
	}
	if len(kept.Chains) > 0 {
		p, err = c.vouchedAgain(ctx, kind, id, kept)
	} else {
		p = proved{identity: id, device: id.Machine()}
		if err := c.agrees(kind, id); err != nil {
			return p, err
		}
		p.account, err = c.server.cfg.Directory.Lookup(ctx, id)
	}
	p.inner = kept.Inner
	switch {
	case errors.Is(err, realms.ErrUnreachable) && c.server.cfg.Resumption.WithoutDirectory:
		p.account = realms.Account{Name: kept.Account, PasswordSet: kept.PasswordSet, Ends: kept.Ends, GroupsUnknown: true}
		return p, nil
	case err != nil:
		return p, err
	case p.account.Name != kept.Account, p.chains == nil && p.account.PasswordSet != kept.PasswordSet:
		return p, fmt.Errorf("the account is another, or has another password: %w", errStale)
	}
	return p, nil
}

// vouchedAgain judges a certificate as it was judged when it was shown.
func (c *conversation) vouchedAgain(ctx context.Context, kind packet.Type, id realms.Identity, kept credential) (p proved, err error) {
	chains, err := parseChains(kept.Chains)
	if err != nil {
		return p, err
	}
	if err := c.agrees(kind, id); err != nil {
		return p, err
	}
	outer := c.outer
	if kept.Inner != "" { // the name inside stood between
		outer = id
	}
	p, err = c.server.vouchFor(ctx, outer, chains)
	silent := errors.Is(err, realms.ErrUnreachable)
	if silent && p.identity == (realms.Identity{}) { // a security identifier, whose name the directory tells
		p.identity, p.device = id, p.device || computer(id) || strings.HasSuffix(kept.Account, "$")
	}
	if p.identity != id && (err == nil || silent) {
		err = errStale
	}
	return p, err
}

func rawChains(chains [][]*x509.Certificate) (raw [][][]byte) {
	for _, chain := range chains {
		var one [][]byte
		for _, c := range chain {
			one = append(one, c.Raw)
		}
		raw = append(raw, one)
	}
	return raw
}

func parseChains(raw [][][]byte) (chains [][]*x509.Certificate, err error) {
	for _, one := range raw {
		var chain []*x509.Certificate
		for _, der := range one {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, err
			}
			chain = append(chain, c)
		}
		if len(chain) == 0 {
			return nil, errStale
		}
		chains = append(chains, chain)
	}
	if len(chains) == 0 {
		return nil, errStale
	}
	return chains, nil
}
