// Package discovery finds the RadSec servers of a realm in DNS (RFC 7585).
//
// A realm that is on the list is asked for in three steps: its NAPTR records say which
// service it offers and where that is written, SRV records there name hosts and ports,
// and A and AAAA records give their addresses. What DNS says is hearsay: whoever is
// reached has to show a certificate of the federation for the realm all the same. So
// the rules here keep something else safe: the inside of our own network, at which a
// stranger's zone could point us, and the resolver, which strangers' user names could
// keep busy.
package discovery

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Port is that of RadSec, where a NAPTR record leads to an address without SRV
// (RFC 6614, section 2.1).
const Port = 2083

// DefaultServices are the service tags that are taken when Config names none: eduroam's
// own, and that of RFC 7585, section 2.1.1.1.
var DefaultServices = []string{"x-eduroam:radius.tls", "aaa+auth:radius.tls.tcp"}

// How long an answer holds at least and at most, whatever its TTL says, and how long
// nobody asks again after a failure. RFC 7585, section 3.2, has the first as MIN_EFF_TTL
// and the third as BACKOFF_TIME.
const (
	floorTTL   = time.Minute
	ceilingTTL = 24 * time.Hour
	refusedTTL = 10 * time.Minute // a refused answer, or one that names nobody and gives no time
	noneTTL    = time.Hour        // at most, that DNS names nobody
	silentTTL  = time.Minute      // no resolver answered (RFC 2308, section 7, allows five)
)

// Bounds of one lookup. The largest federation's realms have about four servers.
const (
	mostTargets   = 16  // addresses
	mostPointers  = 8   // NAPTR records of a service that we take
	mostServers   = 16  // SRV records
	mostAddresses = 4   // A records of one host, and as many AAAA
	mostAliases   = 8   // CNAME records one after the other
	mostQuestions = 40  // names and kinds asked for
	mostRecords   = 128 // in one message, all sections together
	mostStrays    = 32  // datagrams that answer another question, or nobody's
	mostReasons   = 8   // that an answer carries
)

// Config says for which realms DNS is asked, and what it may answer. The zero value of
// a field other than Realms is good.
type Config struct {
	// Realms are those that may be asked for: "camford.ac.uk" is that one, "*.ac.uk" is
	// every realm below ac.uk and not ac.uk itself. Nothing at all is asked about others.
	Realms []string
	// Services are the tags of NAPTR records that are taken; nil: DefaultServices. All of
	// them mean RADIUS over TLS over TCP.
	Services []string
	// Own are our own addresses, which would be a loop; see [OwnAddresses].
	Own []netip.Addr
	// Allow are prefixes whose addresses are taken though they are private, loopback or
	// not to be routed: of a laboratory, or of a test.
	Allow []netip.Prefix
	// Resolvers are asked in order, each an IP address with or without a port; nil: those
	// of /etc/resolv.conf, as it is now. Its search list counts for nothing.
	Resolvers []string

	Timeout  time.Duration // for one resolver's reply; 0: one second
	Patience time.Duration // for one lookup; 0: five seconds
	Lookups  int           // at once; 0: 64
	Cache    int           // realms that are remembered; 0: 1,024

	Now  func() time.Time // nil: time.Now
	Rand func(n int) int  // of 0 to n-1, for the weights of SRV records; nil: math/rand/v2
}

// A Target is one address of one server of a realm.
type Target struct {
	Host    string         // a DNS name in lower case, without the last dot, that its certificate has to have
	Address netip.AddrPort // where to connect
}

// An Answer is what DNS says of a realm.
type Answer struct {
	Realm   string
	Targets []Target // in the order in which to try them; never none
	Until   time.Time
	// Refused says what was left out and why, eight reasons at most. Each wraps a
	// [Reason].
	Refused []error
}

// Counts are of everything since New.
type Counts struct {
	NotListed uint64 // realms that were not asked for
	Hits      uint64 // answers that were remembered, that there is none among them
	Shared    uint64 // waited for somebody else's lookup
	Lookups   uint64
	Busy      uint64 // were refused: as many lookups as may be were under way
	Found     uint64 // of the lookups, as the five that follow
	None      uint64
	Refused   uint64
	Silent    uint64
	Faults    uint64 // panics, which are mistakes of ours
	Partial   uint64 // found, but something was left out
	Evicted   uint64 // remembered answers that had to go early
	Questions uint64 // datagrams sent
	Truncated uint64 // questions repeated over TCP
	Strays    uint64 // datagrams that answered another question, or nobody's
	Cached    int    // realms that are remembered now
	Pending   int    // lookups under way now
}

// A Resolver finds the servers of realms. It is safe for use by many goroutines.
type Resolver struct {
	list      allowList
	services  []string
	own       []netip.Addr
	allow     []netip.Prefix
	resolvers []string
	timeout   time.Duration
	patience  time.Duration
	lookups   int
	cache     int
	now       func() time.Time
	rand      func(int) int
	ask       func(ctx context.Context, name string, kind uint16) (*dns.Msg, error)

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wait sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	pending int
	entries map[string]*entry
	counts  Counts
}

// An entry is a lookup under way or what came of it.
type entry struct {
	done   chan struct{} // closed when the rest is there
	answer Answer
	err    error
	until  time.Time // zero while it is under way
}

// New reads a configuration. The error says in words what is wrong with it.
func New(c Config) (*Resolver, error) {
	r := &Resolver{
		services: c.Services, allow: c.Allow, timeout: c.Timeout, patience: c.Patience, lookups: c.Lookups, cache: c.Cache,
		now: c.Now, rand: c.Rand, entries: map[string]*entry{},
	}
	var err error
	if r.list, err = newAllowList(c.Realms); err != nil {
		return nil, err
	}
	if len(r.services) == 0 {
		r.services = DefaultServices
	}
	for _, tag := range r.services {
		if err := CheckService(tag); err != nil {
			return nil, err
		}
	}
	for _, a := range c.Own {
		r.own = append(r.own, a.Unmap().WithZone(""))
	}
	if r.resolvers, err = resolvers(c.Resolvers); err != nil {
		return nil, err
	}
	if r.timeout <= 0 {
		r.timeout = time.Second
	}
	if r.patience <= 0 {
		r.patience = 5 * time.Second
	}
	if r.lookups <= 0 {
		r.lookups = 64
	}
	if r.cache <= 0 {
		r.cache = 1024
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.rand == nil {
		r.rand = rand.IntN
	}
	r.ask = r.askResolvers
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r, nil
}

// resolvers gives the configured ones, or the system's, with their ports.
func resolvers(configured []string) (list []string, err error) {
	if len(configured) == 0 {
		system, err := dns.ClientConfigFromFile("/etc/resolv.conf")
		if err != nil {
			return nil, fmt.Errorf("resolvers: none is named, and the system names none either: %w", err)
		}
		configured = system.Servers
	}
	for _, text := range configured {
		address, err := ParseResolver(text)
		if err != nil {
			return nil, err
		}
		list = append(list, address.String())
	}
	if len(list) == 0 {
		return nil, errors.New("resolvers: none is named, and the system names none either")
	}
	return list, nil
}

// ParseResolver reads the address of a DNS server: an IP address, with a port or
// without.
func ParseResolver(text string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return netip.AddrPortFrom(a, 53), nil
	}
	address, err := netip.ParseAddrPort(text)
	if err != nil || address.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("resolvers: %q is not an IP address, with a port or without", text)
	}
	return address, nil
}

// CheckService judges a service tag: two parts with a colon between them, at most 32
// characters each (RFC 3958, section 6.5).
func CheckService(tag string) error {
	service, protocol, ok := strings.Cut(tag, ":")
	for _, part := range []string{service, protocol} {
		ok = ok && part != "" && len(part) <= 32 && !strings.ContainsFunc(part, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' })
	}
	switch {
	case !ok:
		return fmt.Errorf("services: %q is not a service and its protocol, as %q", tag, DefaultServices[1])
	case strings.Contains(strings.ToLower(protocol), "dtls"), strings.HasSuffix(strings.ToLower(protocol), ".udp"):
		return fmt.Errorf("services: %q is not over TLS, which is all that is spoken", tag)
	}
	return nil
}

// Find gives the servers of a realm, from memory or from DNS. It waits for as long as
// the context lets it, and Patience at most; a lookup that nobody waits for any longer
// goes on, and its answer is remembered. The error wraps a [Reason], or the context's.
func (r *Resolver) Find(ctx context.Context, realm string) (Answer, error) {
	realm = strings.ToLower(realm)
	if err := r.listed(realm); err != nil {
		return Answer{}, err
	}
	if err := ctx.Err(); err != nil {
		return Answer{}, fmt.Errorf("servers of %s: %w", realm, err)
	}
	e, err := r.entry(realm)
	if err != nil {
		return Answer{}, fmt.Errorf("servers of %s: %w", realm, err)
	}
	select {
	case <-e.done:
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("servers of %s: %w", realm, ctx.Err())
	}
	if e.err != nil {
		return Answer{}, fmt.Errorf("servers of %s: %w", realm, e.err)
	}
	answer := e.answer
	answer.Targets, answer.Refused = slices.Clone(answer.Targets), slices.Clone(answer.Refused)
	return answer, nil
}

// listed refuses what is no realm or may not be asked for, before anything is asked.
func (r *Resolver) listed(realm string) error {
	if !hostName(realm) {
		return fmt.Errorf("%.64q: %w", realm, ErrRealm)
	}
	if r.list.has(realm) {
		return nil
	}
	r.mu.Lock()
	r.counts.NotListed++
	r.mu.Unlock()
	return fmt.Errorf("%s: %w", realm, ErrNotListed)
}

// entry is what is remembered of the realm, or a lookup that was under way or now is.
func (r *Resolver) entry(realm string) (*entry, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.entries[realm]; e != nil {
		switch {
		case e.until.IsZero():
			r.counts.Shared++
			return e, nil
		case r.now().Before(e.until):
			r.counts.Hits++
			return e, nil
		}
		delete(r.entries, realm)
	}
	if r.closed {
		return nil, ErrClosed
	}
	if r.pending >= r.lookups {
		r.counts.Busy++
		return nil, ErrBusy
	}
	if len(r.entries) >= r.cache && !r.makeRoom() {
		r.counts.Busy++
		return nil, ErrBusy
	}
	e := &entry{done: make(chan struct{})}
	r.entries[realm] = e
	r.pending++
	r.counts.Lookups++
	r.wait.Go(func() { r.look(realm, e) })
	return e, nil
}

// makeRoom forgets what holds no longer; otherwise a realm without servers, since names
// that somebody made up are such; otherwise the one that holds the shortest.
func (r *Resolver) makeRoom() bool {
	now, victim := r.now(), ""
	for realm, e := range r.entries {
		switch {
		case e.until.IsZero():
		case !now.Before(e.until):
			delete(r.entries, realm)
		case victim == "" || cheaper(e, r.entries[victim]):
			victim = realm
		}
	}
	if len(r.entries) >= r.cache && victim != "" {
		delete(r.entries, victim)
		r.counts.Evicted++
	}
	return len(r.entries) < r.cache
}

func cheaper(a, b *entry) bool {
	if (a.err != nil) != (b.err != nil) {
		return a.err != nil
	}
	return a.until.Before(b.until)
}

// look does one lookup and writes down what came of it.
func (r *Resolver) look(realm string, e *entry) {
	ctx, cancel := context.WithTimeout(r.ctx, r.patience)
	defer cancel()
	answer, hold, err := r.walk(ctx, realm)

	r.mu.Lock()
	defer r.mu.Unlock()
	e.answer, e.err, e.until = answer, err, r.now().Add(hold)
	e.answer.Until = e.until
	r.pending--
	*r.outcome(err)++
	if len(answer.Refused) > 0 {
		r.counts.Partial++
	}
	close(e.done)
}

// outcome is the counter of what a lookup came to.
func (r *Resolver) outcome(err error) *uint64 {
	switch {
	case err == nil:
		return &r.counts.Found
	case errors.Is(err, errFault):
		return &r.counts.Faults
	case errors.Is(err, ErrSilent):
		return &r.counts.Silent
	case errors.Is(err, ErrNone):
		return &r.counts.None
	}
	return &r.counts.Refused
}

func (r *Resolver) count(which *uint64) {
	r.mu.Lock()
	*which++
	r.mu.Unlock()
}

// Counts returns the counters of now.
func (r *Resolver) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts
	c.Cached, c.Pending = len(r.entries)-r.pending, r.pending
	return c
}

// Close ends the lookups that are under way and waits for their end.
func (r *Resolver) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.stop()
	r.wait.Wait()
}
