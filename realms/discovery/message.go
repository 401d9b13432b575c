package discovery

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// errStray says that octets are no answer to the question: somebody else's, a late one,
// or a forged one. They are passed over.
var errStray = errors.New("an answer to another question")

// readMessage reads what came from a resolver's address as an answer to a question.
// Nothing but the head is read before the identifier and the question fit and the
// number of records is bearable.
func readMessage(p []byte, question *dns.Msg) (*dns.Msg, error) {
	const head, response, truncated = 12, 0x80, 0x02
	if len(p) < head || binary.BigEndian.Uint16(p) != question.Id || p[2]&response == 0 || binary.BigEndian.Uint16(p[4:]) != 1 {
		return nil, errStray
	}
	asked := question.Question[0]
	name, end, err := dns.UnpackDomainName(p, head)
	if err != nil || len(p) < end+4 || dns.CanonicalName(name) != asked.Name ||
		binary.BigEndian.Uint16(p[end:]) != asked.Qtype || binary.BigEndian.Uint16(p[end+2:]) != asked.Qclass {
		return nil, errStray
	}
	if p[2]&truncated != 0 {
		return &dns.Msg{MsgHdr: dns.MsgHdr{Id: question.Id, Response: true, Truncated: true}}, nil
	}
	records := 0
	for _, section := range []int{6, 8, 10} { // answers, authorities, additional ones
		records += int(binary.BigEndian.Uint16(p[section:]))
	}
	if records > mostRecords {
		return nil, fmt.Errorf("%d of them: %w", records, ErrMany)
	}
	m := new(dns.Msg)
	if err := m.Unpack(p); err != nil {
		return nil, fmt.Errorf("an answer that cannot be read: %w", err)
	}
	if len(m.Answer)+len(m.Ns)+len(m.Extra) != records {
		return nil, errors.New("an answer that cannot be read: it has fewer records than it says")
	}
	return m, nil
}

// readChain takes from a message the records of one kind that belong to the last of the
// names, or to where CNAME records lead from there. It returns the names with those
// that were passed, and the smallest TTL of what it took.
func readChain(m *dns.Msg, kind uint16, names []string) (records []dns.RR, _ []string, ttl time.Duration, err error) {
	first, ttl := len(names)-1, ceilingTTL
	for {
		var alias *dns.CNAME
		at := names[len(names)-1]
		for _, rr := range m.Answer {
			if dns.CanonicalName(rr.Header().Name) != at {
				continue
			}
			switch c, is := rr.(*dns.CNAME); {
			case is && alias != nil && dns.CanonicalName(alias.Target) != dns.CanonicalName(c.Target):
				return nil, names, 0, fmt.Errorf("%s: %w", at, ErrAlias)
			case is:
				alias = c
			case rr.Header().Rrtype == kind:
				records = append(records, rr)
			default:
				continue
			}
			ttl = min(ttl, lifetime(rr.Header().Ttl))
		}
		if alias == nil {
			break
		}
		next := dns.CanonicalName(alias.Target)
		switch {
		case len(records) > 0:
			return nil, names, 0, fmt.Errorf("%s: %w", at, ErrAlias)
		case slices.Contains(names, next):
			return nil, names, 0, fmt.Errorf("%s leads back to %s: %w", at, next, ErrLoop)
		case len(names) > mostAliases:
			return nil, names, 0, fmt.Errorf("%s: %w", at, ErrChain)
		}
		names = append(names, next)
	}
	for _, rr := range m.Answer {
		h := rr.Header()
		switch h.Rrtype {
		case dns.TypeDNAME, dns.TypeRRSIG:
			continue // a DNAME comes with the CNAME that it means (RFC 6672, section 3.1)
		case kind, dns.TypeCNAME:
			if h.Class == dns.ClassINET && slices.Contains(names[first:], dns.CanonicalName(h.Name)) {
				continue
			}
		}
		return nil, names, 0, fmt.Errorf("%s %s: %w", h.Name, dns.Type(h.Rrtype), ErrForeign)
	}
	return records, names, ttl, nil
}

// lifetime reads a TTL; one with the first bit set is 0 (RFC 2181, section 8).
func lifetime(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		return 0
	}
	return time.Duration(ttl) * time.Second
}

// nothingUntil is how long it holds that a name has no such records, by the SOA record
// of its zone (RFC 2308, section 5), and whether there is one.
func nothingUntil(m *dns.Msg, name string) (time.Duration, bool) {
	for _, rr := range m.Ns {
		if soa, is := rr.(*dns.SOA); is && dns.IsSubDomain(dns.CanonicalName(soa.Hdr.Name), name) {
			return max(min(lifetime(soa.Hdr.Ttl), lifetime(soa.Minttl)), time.Second), true
		}
	}
	return 0, false
}
