package daemon

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"layeh.com/radius"

	"causeway/certs"
	"causeway/radiusd/daemon/config"
	"causeway/radiusd/transport"
	"causeway/realms"
	"causeway/realms/discovery"
	"causeway/realms/upstream"
)

// mostDiscovered bounds the realms of a federation that have connections of their own;
// others go the static way meanwhile. One that nobody has asked for within idleDiscovered
// has none any more: longer than a conversation lasts.
const (
	mostDiscovered = 256
	idleDiscovered = 10 * time.Minute
	// lookupTime is how long a log-in waits for DNS. The lookup goes on without it.
	lookupTime = 2 * time.Second
)

// A discovered federation asks the servers that a realm names in DNS, and its own for
// everybody else and while those do not answer (RFC 7585).
type discovered struct {
	resolver *discovery.Resolver
	static   realms.Home
	open     func(realm string, targets []discovery.Target) (*upstream.Pool, error)
	tell     func(realm, found, why string)
	now      func() time.Time

	mu      sync.Mutex
	realms  map[string]*reached
	retired map[*upstream.Pool]*time.Timer // that conversations may still be using
	closed  bool
}

// reached is a realm that was looked up.
type reached struct {
	pool    *upstream.Pool // nil: DNS names nobody
	targets string         // that the pool was made of, or why there is none
	used    time.Time
}

// Open is [realms.Home]'s. DNS is asked when the first request comes.
func (d *discovered) Open(q realms.Question) realms.Conversation {
	return &lookup{home: d, question: q, Conversation: nowhere{}}
}

// A lookup is a conversation whose home is not known yet.
type lookup struct {
	realms.Conversation
	home     *discovered // nil: it is known
	question realms.Question
}

func (l *lookup) Answer(ctx context.Context, req *radius.Packet) (realms.Answer, error) {
	if l.home != nil {
		l.Conversation, l.home = l.home.homeOf(ctx, l.question.From.Realm).Open(l.question), nil
	}
	return l.Conversation.Answer(ctx, req)
}

// nowhere is where a conversation is before its first answer.
type nowhere struct{ realms.Conversation }

func (nowhere) Trace() realms.Trace { return realms.Trace{Stage: "not looked up yet"} }
func (nowhere) Close()              {}

// homeOf finds who answers for a realm: its own servers, and the federation's while
// those do not answer; or the federation's alone.
func (d *discovered) homeOf(ctx context.Context, realm string) realms.Home {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	answer, err := d.resolver.Find(ctx, realm)
	if errors.Is(err, discovery.ErrNotListed) {
		return d.static
	}
	pool := d.take(realm, answer, err)
	if pool == nil {
		return d.static
	}
	return realms.FallBack(pool, d.static)
}

// take returns the pool of what was found, the one of before where it is the same.
func (d *discovered) take(realm string, answer discovery.Answer, err error) *upstream.Pool {
	targets, why := describeTargets(answer), ""
	if err != nil {
		targets, why = err.Error(), err.Error()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	now := d.now()
	was := d.realms[realm]
	if was != nil && was.targets == targets {
		was.used = now
		return was.pool
	}
	d.forget(now)
	if was == nil && len(d.realms) >= mostDiscovered {
		return nil
	}
	next := &reached{targets: targets, used: now}
	if err == nil {
		if next.pool, err = d.open(realm, answer.Targets); err != nil {
			why = err.Error()
		}
	}
	if was != nil {
		d.retire(was, idleDiscovered)
	}
	d.realms[realm] = next
	if next.pool == nil {
		targets = ""
	}
	d.tell(realm, targets, why)
	return next.pool
}

func describeTargets(a discovery.Answer) string {
	var words []string
	for _, t := range a.Targets {
		words = append(words, t.Host+" "+t.Address.String())
	}
	return strings.Join(words, ", ")
}

// forget lets go of realms that nobody has asked for lately.
func (d *discovered) forget(now time.Time) {
	for realm, r := range d.realms {
		if now.Sub(r.used) >= idleDiscovered {
			delete(d.realms, realm)
			d.retire(r, 0)
		}
	}
}

// retire closes a pool once nobody can be using it any more.
func (d *discovered) retire(r *reached, after time.Duration) {
	if r.pool == nil {
		return
	}
	d.retired[r.pool] = time.AfterFunc(after, func() {
		r.pool.Close()
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.retired, r.pool)
	})
}

// pools are those of now.
func (d *discovered) pools(name string) (all []pool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for realm, r := range d.realms {
		if r.pool != nil {
			all = append(all, pool{name + " " + realm, r.pool})
		}
	}
	return all
}

// every is the pools of now, and those that conversations may still be using.
func (d *discovered) every() (all []*upstream.Pool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.realms {
		if r.pool != nil {
			all = append(all, r.pool)
		}
	}
	for p := range d.retired {
		all = append(all, p)
	}
	return all
}

// close ends every connection. Conversations have ended before.
func (d *discovered) close() {
	d.resolver.Close()
	d.mu.Lock()
	d.closed = true
	for _, timer := range d.retired {
		timer.Stop()
	}
	d.mu.Unlock()
	for _, p := range d.every() { // one that its timer closes meanwhile is closed twice, which may be
		p.Close()
	}
}

// discover puts discovery before a federation's own servers, where the file asks for it.
func (h *homes) discover(key, name string, fed config.Federation, static realms.Home) realms.Home {
	if h == nil || fed.Discovery == nil || static == nil {
		return static
	}
	c := fed.Discovery.Config()
	c.Now = h.now
	own, err := discovery.OwnAddresses()
	if err != nil {
		h.hear(key+".discovery", fmt.Errorf("our own addresses, which no realm may name: %w", err))
		return nil
	}
	c.Own = own
	resolver, err := discovery.New(c)
	if err != nil {
		h.hear(key+".discovery", err)
		return nil
	}
	d := &discovered{
		resolver: resolver, static: static, now: h.now, realms: make(map[string]*reached), retired: make(map[*upstream.Pool]*time.Timer),
		open: func(realm string, targets []discovery.Target) (*upstream.Pool, error) {
			return h.openDiscovered(name, fed, realm, targets)
		},
		tell: func(realm, found, why string) { h.onDiscovery(name, realm, found, why) },
	}
	h.closers = append(h.closers, d.close)
	h.onDiscovered(name, d)
	return d
}

// openDiscovered makes the pool of a realm's own servers. Each has to show a certificate
// of the federation's authority for its host and, unless the file does without, for the
// realm (RFC 7585, section 2.2): DNS alone is nobody's word.
func (h *homes) openDiscovered(name string, fed config.Federation, realm string, targets []discovery.Target) (*upstream.Pool, error) {
	label := name + " " + realm
	c := h.poolConfig(label, fed, partnerPatience)
	for _, t := range targets {
		peer, err := peerOf(h.file, h.cards, name, fed, config.Upstream{Address: t.Address.String(), Names: []string{t.Host}, Policies: fed.Discovery.Policies})
		if err != nil {
			return nil, err
		}
		out := transport.Outbound{Own: h.cards.to(name, fed), Peer: peer, Protocols: protocols(h.file.RadSec.RADIUS11), Now: h.now}
		if !fed.Discovery.WithoutNAIRealm {
			out.Also = func(leaf *x509.Certificate) error { return forRealm(leaf, realm) }
		}
		c.Servers = append(c.Servers, upstream.Server{
			Name: t.Host + " " + t.Address.String(), Address: t.Address.String(),
			Connect: connect(out, t.Address.String(), h.file.RadSec.RADIUS11 == "require"), Judge: out.Judge,
		})
	}
	return upstream.New(c)
}

// forRealm says whether a certificate is one for a realm.
func forRealm(leaf *x509.Certificate, realm string) error {
	names := certs.NAIRealms(leaf)
	if certs.MatchNAIRealm(names, realm) {
		return nil
	}
	if len(names) == 0 {
		return fmt.Errorf("its certificate names no realm (NAIRealm), so that anybody in the federation could stand in for %s: without_nai_realm takes it", realm)
	}
	return fmt.Errorf("its certificate is for %s, and not for the realm %s", strings.Join(names[:min(len(names), 4)], ", "), realm)
}
