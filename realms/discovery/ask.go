package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/miekg/dns"
)

// udpSize is what a datagram may hold without being cut anywhere on its way (RFC 9715).
const udpSize = 1232

// askResolvers puts one question to the resolvers in turn, twice to those that are silent. The
// message that it returns says yes or no.
func (r *Resolver) askResolvers(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
	failed := make([]error, len(r.resolvers))
	spoke := make([]bool, len(r.resolvers))
	for range 2 {
		for i, resolver := range r.resolvers {
			if spoke[i] {
				continue
			}
			m, err := r.exchange(ctx, resolver, name, kind)
			switch {
			case errors.Is(err, ErrMany):
				return nil, err
			case ctx.Err() != nil:
				return nil, fmt.Errorf("%w in time", ErrSilent)
			case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
				failed[i] = fmt.Errorf("%s is silent", resolver)
			case err != nil:
				failed[i], spoke[i] = fmt.Errorf("%s: %w", resolver, err), true
			case m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError:
				return m, nil
			default:
				failed[i], spoke[i] = fmt.Errorf("%s says %s", resolver, dns.RcodeToString[m.Rcode]), true
			}
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrSilent, together(failed))
}

// exchange asks one resolver, and over TCP when the answer does not fit a datagram.
func (r *Resolver) exchange(ctx context.Context, resolver, name string, kind uint16) (*dns.Msg, error) {
	m, err := r.over(ctx, "udp", resolver, name, kind)
	if err != nil || !m.Truncated {
		return m, err
	}
	r.count(&r.counts.Truncated)
	m, err = r.over(ctx, "tcp", resolver, name, kind)
	if err == nil && m.Truncated {
		return nil, errors.New("an answer that is cut short over TCP too")
	}
	return m, err
}

// over asks one resolver over a connection of its own: a new port and a new identifier
// for each question are what a forger has to guess (RFC 5452, section 9.2).
func (r *Resolver) over(ctx context.Context, network, resolver, name string, kind uint16) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, network, resolver)
	if err != nil {
		return nil, err
	}
	defer func() { _ = raw.Close() }() // one question: nothing is lost
	if deadline, ok := ctx.Deadline(); ok {
		_ = raw.SetDeadline(deadline)
	}
	defer context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })()

	question := new(dns.Msg)
	question.SetQuestion(name, kind)
	question.SetEdns0(udpSize, false)
	conn := &dns.Conn{Conn: raw, UDPSize: udpSize}
	r.count(&r.counts.Questions)
	if err := conn.WriteMsg(question); err != nil {
		return nil, err
	}
	for range mostStrays {
		p, err := conn.ReadMsgHeader(nil)
		if err != nil && !errors.Is(err, dns.ErrShortRead) {
			return nil, err
		}
		m, err := readMessage(p, question)
		if !errors.Is(err, errStray) {
			return m, err
		}
		r.count(&r.counts.Strays)
	}
	return nil, fmt.Errorf("%d times %w", mostStrays, errStray)
}
