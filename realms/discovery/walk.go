package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// A walk is one lookup on its way from the realm to addresses.
type walk struct {
	*Resolver
	realm     string
	questions int
	targets   []Target
	hold      time.Duration // the smallest TTL that was met
	none      time.Duration // the smallest TTL of that there is nothing; 0: none was met
	refused   []error
	own       bool            // we are one of the servers
	passed    map[string]bool // where a pointer has led already
}

// walk finds the servers of a realm, and says how long that holds.
func (r *Resolver) walk(ctx context.Context, realm string) (_ Answer, hold time.Duration, err error) {
	defer func() {
		// What a stranger's zone says may cost this lookup, never the server.
		if fault := recover(); fault != nil {
			err, hold = fmt.Errorf("%w: %v", errFault, fault), refusedTTL
		}
	}()
	w := &walk{Resolver: r, realm: realm, hold: ceilingTTL, passed: map[string]bool{}}
	pointers, err := w.pointers(ctx)
	if err != nil {
		w.refuse(err)
	}
	for _, p := range pointers {
		if err := w.follow(ctx, p); err != nil {
			w.refuse(err)
		}
	}
	return w.end()
}

// end is what came of it.
func (w *walk) end() (Answer, time.Duration, error) {
	if w.own {
		// Whoever names us as a server of the realm has requests come back to us by way of
		// its other servers too, so it has none (RFC 7585, section 3.4.3).
		return Answer{}, refusedTTL, together(w.refused)
	}
	silent := slices.ContainsFunc(w.refused, func(err error) bool { return errors.Is(err, ErrSilent) })
	switch {
	case len(w.targets) > 0 && silent:
		return Answer{Realm: w.realm, Targets: w.targets, Refused: w.refused}, min(max(w.hold, floorTTL), silentTTL), nil
	case len(w.targets) > 0:
		return Answer{Realm: w.realm, Targets: w.targets, Refused: w.refused}, max(w.hold, floorTTL), nil
	case silent:
		return Answer{}, silentTTL, together(w.refused)
	case len(w.refused) > 0:
		return Answer{}, refusedTTL, together(w.refused)
	case w.none == 0:
		return Answer{}, refusedTTL, ErrNone
	}
	return Answer{}, min(max(w.none, floorTTL), noneTTL), ErrNone
}

func (w *walk) refuse(err error) {
	if len(w.refused) < mostReasons {
		w.refused = append(w.refused, err)
	}
}

// A pointer is a NAPTR record that is taken.
type pointer struct {
	order, preference uint16
	srv               bool // to SRV records, not to addresses at once
	name              string
}

// pointers are the NAPTR records of the realm for our services, in their order. Those
// that are no good are left out and said.
func (w *walk) pointers(ctx context.Context) (list []pointer, err error) {
	records, err := w.records(ctx, w.realm+".", dns.TypeNAPTR)
	if err != nil {
		return nil, err
	}
	for _, rr := range records {
		n := rr.(*dns.NAPTR)
		if !slices.ContainsFunc(w.services, func(tag string) bool { return strings.EqualFold(tag, n.Service) }) {
			continue
		}
		p, err := readPointer(n)
		if err != nil {
			w.refuse(fmt.Errorf("%s: %w", w.realm, err))
			continue
		}
		list = append(list, p)
	}
	// RFC 3403, section 4.1. The rules end at the first order that has a record for us in
	// the RFC; a realm with several means them as reserves.
	slices.SortStableFunc(list, func(a, b pointer) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.preference, b.preference))
	})
	if len(list) > mostPointers {
		w.refuse(fmt.Errorf("%s has %d NAPTR records for us: %w", w.realm, len(list), ErrMany))
		list = list[:mostPointers]
	}
	return list, nil
}

// readPointer judges one NAPTR record (RFC 3958, section 2.2).
func readPointer(n *dns.NAPTR) (pointer, error) {
	p := pointer{order: n.Order, preference: n.Preference, name: dns.CanonicalName(n.Replacement)}
	if n.Regexp != "" {
		return p, ErrRegexp
	}
	switch n.Flags {
	case "s", "S":
		p.srv = true
	case "a", "A":
	default:
		return p, fmt.Errorf("%w: its flag is %.16q", ErrFlag, n.Flags)
	}
	if name := strings.TrimSuffix(p.name, "."); !labels(name, p.srv) {
		return p, fmt.Errorf("%w, but to %.64q", ErrReplacement, name)
	}
	return p, nil
}

// follow goes from a NAPTR record to addresses.
func (w *walk) follow(ctx context.Context, p pointer) error {
	key := fmt.Sprint(p.srv, p.name)
	if w.passed[key] || len(w.targets) >= mostTargets {
		return nil // two services at one place, or enough
	}
	w.passed[key] = true
	if !p.srv {
		return w.addresses(ctx, strings.TrimSuffix(p.name, "."), Port)
	}
	records, err := w.records(ctx, p.name, dns.TypeSRV)
	if err != nil {
		return err
	}
	if len(records) > mostServers {
		return fmt.Errorf("%s has %d SRV records: %w", p.name, len(records), ErrMany)
	}
	var servers []*dns.SRV
	for _, rr := range records {
		servers = append(servers, rr.(*dns.SRV))
	}
	for _, s := range w.inOrder(servers) {
		if len(w.targets) >= mostTargets {
			break
		}
		if err := w.server(ctx, p.name, s); err != nil {
			w.refuse(err)
		}
	}
	return nil
}

// server takes one SRV record.
func (w *walk) server(ctx context.Context, at string, s *dns.SRV) error {
	host := strings.TrimSuffix(dns.CanonicalName(s.Target), ".")
	switch {
	case host == "": // the service is decidedly not there (RFC 2782)
		w.nothing(lifetime(s.Hdr.Ttl))
		return nil
	case !hostName(host):
		return fmt.Errorf("%s: %w, but %.64q", at, ErrHost, host)
	case s.Port == 0:
		return fmt.Errorf("%s: %s: %w", at, host, ErrPort)
	}
	return w.addresses(ctx, host, s.Port)
}

// inOrder sorts servers by priority, and those of one priority by lot as their weights
// say (RFC 2782).
func (w *walk) inOrder(list []*dns.SRV) (sorted []*dns.SRV) {
	// Weight 0 first, so that it has its small chance; by name, so that the lot alone
	// decides and not the order of the message.
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *dns.SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(min(a.Weight, 1), min(b.Weight, 1)), strings.Compare(a.Target, b.Target))
	})
	for len(list) > 0 {
		group, sum := 0, 0
		for group < len(list) && list[group].Priority == list[0].Priority {
			sum += int(list[group].Weight)
			group++
		}
		lot, chosen := w.rand(sum+1), 0
		for i, running := 0, 0; i < group; i++ {
			if running += int(list[i].Weight); running >= lot {
				chosen = i
				break
			}
		}
		sorted = append(sorted, list[chosen])
		list = slices.Delete(list, chosen, chosen+1)
	}
	return sorted
}

// addresses adds those of a host that may be connected to, IPv4 first: many hospitals
// have nothing else.
func (w *walk) addresses(ctx context.Context, host string, port uint16) error {
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		records, err := w.records(ctx, host+".", kind)
		if err != nil {
			w.refuse(err)
			continue
		}
		if len(records) > mostAddresses {
			w.refuse(fmt.Errorf("%s has %d addresses: %w", host, len(records), ErrMany))
			records = records[:mostAddresses]
		}
		for _, rr := range records {
			address, ok := addressOf(rr)
			if !ok {
				w.refuse(fmt.Errorf("%s: %w", host, ErrAddress))
				continue
			}
			if err := w.reachable(address); err != nil {
				w.refuse(fmt.Errorf("%s: %w", host, err))
				w.own = w.own || errors.Is(err, ErrOwn)
				continue
			}
			t := Target{host, netip.AddrPortFrom(address, port)}
			if len(w.targets) < mostTargets && !slices.Contains(w.targets, t) {
				w.targets = append(w.targets, t)
			}
		}
	}
	return nil
}

func addressOf(rr dns.RR) (netip.Addr, bool) {
	switch rr := rr.(type) {
	case *dns.A:
		return netip.AddrFromSlice(rr.A.To4())
	case *dns.AAAA:
		return netip.AddrFromSlice(rr.AAAA)
	}
	return netip.Addr{}, false
}

// records asks for records of one kind and follows aliases. None is no error.
func (w *walk) records(ctx context.Context, name string, kind uint16) ([]dns.RR, error) {
	names := []string{dns.CanonicalName(name)}
	for {
		if w.questions++; w.questions > mostQuestions {
			return nil, fmt.Errorf("%s: %w", name, ErrQuestions)
		}
		asked := names[len(names)-1]
		message, err := w.ask(ctx, asked, kind)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", asked, dns.TypeToString[kind], err)
		}
		var records []dns.RR
		var ttl time.Duration
		records, names, ttl, err = readChain(message, kind, names)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", asked, dns.TypeToString[kind], err)
		}
		w.hold = min(w.hold, ttl)
		last := names[len(names)-1]
		if len(records) > 0 {
			return records, nil
		}
		negative, said := nothingUntil(message, last)
		if last == asked || said || message.Rcode == dns.RcodeNameError {
			w.nothing(negative)
			return nil, nil
		}
		// A resolver that follows no alias: go on where it stopped.
	}
}

// nothing notes for how long there is nothing.
func (w *walk) nothing(ttl time.Duration) {
	if ttl > 0 && (w.none == 0 || ttl < w.none) {
		w.none = ttl
	}
}
