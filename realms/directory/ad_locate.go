package directory

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"causeway/realms"
)

// A lookupSRV is net.Resolver's LookupSRV.
type lookupSRV func(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)

// A locator finds the domain controllers of a domain in DNS, where each writes
// itself (MS-ADTS, section 6.3.2.3), and knows them until it is time to look again.
// While DNS does not answer, those that it named last are the ones to ask.
type locator struct {
	directory, domain string
	lookup            lookupSRV
	now               func() time.Time
	below             bool // only hosts below the domain

	mu     sync.Mutex
	hosts  []string
	until  time.Time     // when it is time to look again
	err    error         // of the last look, when it failed
	asking chan struct{} // closed when the look under way has ended; nil: none is
}

func newLocator(cfg ADConfig) *locator {
	l := &locator{directory: cfg.Name, domain: cfg.Domain, lookup: cfg.LookupSRV, now: cfg.Now}
	// Nobody signs what DNS says, and among all authorities of a system one is found
	// that vouches for any host of the world, which would then be given our passwords.
	l.below = cfg.Roots == nil && cfg.ServerName == ""
	if l.lookup == nil {
		l.lookup = net.DefaultResolver.LookupSRV
	}
	if l.now == nil {
		l.now = time.Now
	}
	return l
}

// Between looks: DNS records of domain controllers live for ten minutes.
const (
	locateAgain = 5 * time.Minute
	locateRetry = 2 * time.Second // after a look that failed
	locateLimit = 4 * time.Second // for one look
)

// find returns the hosts, in DNS's order of preference. It waits for DNS only when it
// knows none. The error wraps [realms.ErrUnreachable].
func (l *locator) find(ctx context.Context) ([]string, error) {
	hosts, looking, err := l.known()
	if len(hosts) > 0 || err != nil {
		return hosts, err
	}
	select {
	case <-looking:
	case <-ctx.Done():
		return nil, l.failure(fmt.Errorf("no answer: %w", ctx.Err()))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.hosts) == 0 {
		return nil, l.failure(l.err)
	}
	return l.hosts, nil
}

// known returns what is known, and looks when it is time to.
func (l *locator) known() (hosts []string, looking <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch early := l.now().Before(l.until); {
	case early && len(l.hosts) == 0:
		return nil, nil, l.failure(l.err)
	case !early && l.asking == nil:
		done := make(chan struct{})
		l.asking = done
		go l.look(done)
	}
	return l.hosts, l.asking, nil
}

func (l *locator) failure(err error) error {
	return fmt.Errorf("directory %s: DNS names no domain controllers of %s: %w: %w", l.directory, l.domain, err, realms.ErrUnreachable)
}

// look asks DNS. It ends by itself, whoever has gone away meanwhile.
func (l *locator) look(done chan<- struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), locateLimit)
	defer cancel()
	_, records, err := l.lookup(ctx, "ldap", "tcp", "dc._msdcs."+l.domain)
	found := hostsOf(records)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("there is no record _ldap._tcp.dc._msdcs.%s", l.domain)
	}
	if l.below {
		stranger := ""
		found = slices.DeleteFunc(found, func(host string) bool {
			if strings.HasSuffix(host, "."+l.domain) {
				return false
			}
			stranger = host
			return true
		})
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("%s is not below %s: name the domain controllers' authority with ca, or the domain controllers with servers", stranger, l.domain)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err, l.asking = err, nil
	l.until = l.now().Add(locateRetry)
	if len(found) > 0 { // some records may be good where others are not
		l.hosts, l.until = settled(l.hosts, found), l.now().Add(locateAgain)
	}
	close(done)
}

// hostsOf are the names in SRV records. A dot alone says that there is no such
// service (RFC 2782).
func hostsOf(records []*net.SRV) (hosts []string) {
	for _, r := range records {
		if host := strings.ToLower(strings.TrimSuffix(r.Target, ".")); isHost(host) && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

func isHost(name string) bool {
	return name != "" && strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	}) < 0
}

// settled keeps the order of hosts that are still there: DNS shuffles those of one
// priority with every answer, and connections should stay where they are.
func settled(before, found []string) []string {
	var hosts []string
	for _, host := range before {
		if slices.Contains(found, host) {
			hosts = append(hosts, host)
		}
	}
	for _, host := range found {
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}
