package eap

import (
	"context"
	"fmt"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// An inner is EAP inside a tunnel: who is there, and what proves it. PEAP, TTLS and
// TEAP carry its packets, each in a wrapping of its own, and tell its outcome in a
// way of their own.
//
//	identity -> offered (Nak) -> running -> the end
type inner struct {
	c      *conversation
	offers []*method // in order
	// name holds an identity to what the tunnel's outside says. It is returned for
	// the log even when it is refused.
	name func(identity []byte) (realms.Identity, error)

	// next is the state: what to do with a response.
	next   func(ctx context.Context, p packet.Packet) (innerStep, error)
	id     uint8           // Identifier of the request that is out
	who    realms.Identity // as it said inside
	method *method
	run    Method
	tried  []*method // offered and refused
}

// An innerStep is the next request inside, or the good end.
type innerStep struct {
	request packet.Packet
	done    *Result
}

// newInner returns the inner conversation of a tunnel. Its peer speaks after ask, or,
// in TTLS, by itself.
func newInner(c *conversation) *inner {
	in := &inner{c: c, offers: c.server.inside, name: c.innerIdentity}
	in.next = in.identity
	return in
}

// ask is the first request: who is there?
func (in *inner) ask() packet.Packet {
	in.id++
	return packet.Packet{Code: packet.Request, ID: in.id, Type: packet.Identity}
}

// hear takes one response. An error is the end; how it is told is the tunnel's
// business.
func (in *inner) hear(ctx context.Context, p packet.Packet) (innerStep, error) {
	if p.Code != packet.Response || p.ID != in.id {
		return innerStep{}, fmt.Errorf("a message inside that is no answer to ours: %w", realms.ErrInnerProtocol)
	}
	return in.next(ctx, p)
}

// identity takes the name and offers the first method.
func (in *inner) identity(ctx context.Context, p packet.Packet) (innerStep, error) {
	if p.Type != packet.Identity {
		return in.unexpected(p)
	}
	id, err := in.name(p.Data)
	in.who = id
	in.c.trace.Identity = id
	if err != nil {
		return innerStep{}, err
	}
	if len(in.offers) == 0 {
		return innerStep{}, fmt.Errorf("no EAP method is allowed inside a tunnel: %w", realms.ErrNoMethod)
	}
	return in.offer(ctx, in.offers[0])
}

// offer begins a method.
func (in *inner) offer(ctx context.Context, m *method) (innerStep, error) {
	in.method, in.run = m, m.inside(in)
	in.c.trace.Inner, in.c.trace.Stage = m.Name, "inner method"
	in.next = in.offered
	step, err := in.run.Next(ctx, nil)
	return in.request(step, err)
}

// offered waits for the first response to an offer: the method's, or a Nak.
func (in *inner) offered(ctx context.Context, p packet.Packet) (innerStep, error) {
	if p.Type == packet.Nak {
		return in.nak(ctx, p)
	}
	in.next = in.running
	return in.running(ctx, p)
}

// nak tries another method that the supplicant asks for (RFC 3748, section 5.3).
func (in *inner) nak(ctx context.Context, p packet.Packet) (innerStep, error) {
	in.run.Close()
	in.tried = append(in.tried, in.method)
	wanted := wantedTypes(p.Data)
	if m := choose(in.offers, in.tried, wanted); m != nil {
		return in.offer(ctx, m)
	}
	return innerStep{}, fmt.Errorf("the supplicant wants EAP types %v inside the tunnel: %w", wanted, realms.ErrNoMethod)
}

// running gives the method its responses.
func (in *inner) running(ctx context.Context, p packet.Packet) (innerStep, error) {
	if p.Type != in.method.Type {
		return in.unexpected(p)
	}
	step, err := in.run.Next(ctx, p.Data)
	return in.request(step, err)
}

func (in *inner) request(step Step, err error) (innerStep, error) {
	switch {
	case err != nil:
		return innerStep{}, err
	case step.Done != nil:
		in.next = in.over
		for i := range step.Done.proofs {
			step.Done.proofs[i].inner = in.method.Name
			in.c.credit(step.Done.proofs[i])
		}
		return innerStep{done: step.Done}, nil
	}
	in.id++
	return innerStep{request: packet.Packet{Code: packet.Request, ID: in.id, Type: in.method.Type, Data: step.Request}}, nil
}

// over is the last state.
func (in *inner) over(context.Context, packet.Packet) (innerStep, error) {
	return innerStep{}, fmt.Errorf("the inner method is at its end: %w", realms.ErrInnerProtocol)
}

// unexpected refuses a packet that this state does not know.
func (in *inner) unexpected(p packet.Packet) (innerStep, error) {
	return innerStep{}, fmt.Errorf("EAP type %d at the stage %q: %w", p.Type, in.c.trace.Stage, realms.ErrInnerProtocol)
}

// Close frees what the method holds.
func (in *inner) Close() {
	if in != nil && in.run != nil {
		in.run.Close()
	}
}
