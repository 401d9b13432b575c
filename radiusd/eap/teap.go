package eap

import (
	"context"
	"crypto/sha256"
	"fmt"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// teap is TEAP version 1 (RFC 9930), without PACs: a tunnel in which a computer and a
// person prove themselves one after the other, each bound to the tunnel and to the
// one before.
type teap struct {
	*tunnel
	phase2 teapPhase2

	begun        bool   // the supplicant's first packet has come
	theirs, ours []byte // Outer TLVs of the first two messages, which the bindings sign
}

func newTEAP(c *conversation) Method {
	m := &teap{tunnel: newTunnel(c, packet.TEAP, false)}
	m.version = packet.TEAPVersion
	m.opened, m.again = m.shaken, m.welcome
	m.ours = packet.AppendTLV(nil, packet.TLV{Type: packet.TLVAuthorityID, Value: authorityID(c.server.cfg.Realm)})
	return m
}

// authorityID is a hint by which a supplicant knows the servers of one realm again
// (section 4.2.2): the same on all of them.
func authorityID(realm string) []byte {
	sum := sha256.Sum256([]byte(realm))
	return sum[:16]
}

// Close frees the handshake, and that of a method inside.
func (m *teap) Close() {
	m.phase2.in.Close()
	m.tunnel.Close()
}

// Next begins with Outer TLVs, and takes those of the supplicant from its first
// packet; later ones are ignored (section 4.3.1).
func (m *teap) Next(ctx context.Context, data []byte) (Step, error) {
	if data == nil {
		return Step{Request: packet.AppendOuterTLVs([]byte{packet.FlagStart | packet.TEAPVersion}, m.ours)}, nil
	}
	data, outer, err := packet.CutOuterTLVs(data)
	if err != nil {
		return Step{}, fmt.Errorf("%w: %w", realms.ErrEAPMalformed, err)
	}
	if !m.begun {
		m.begun, m.theirs = true, outer
	}
	return m.tunnel.Next(ctx, data)
}

// shaken follows the handshake. In TLS 1.2 our Finished must be acknowledged before
// anything is said inside; in TLS 1.3 there is nothing left to send.
func (m *teap) shaken(ctx context.Context, rest []byte) (step, error) {
	if err := m.open2(); err != nil {
		return step{}, err
	}
	if len(rest) > 0 {
		m.next = m.begin
		return step{send: rest}, nil
	}
	return m.begin(ctx, nil)
}

// open2 makes phase 2 ready.
func (m *teap) open2() error {
	sums, seed, err := teapSumsOf(m.tls, m.c.server.cfg.TEAP.RFC7170)
	if err != nil {
		return fmt.Errorf("%w: %w", realms.ErrTLS, err)
	}
	m.phase2 = newTEAPPhase2(m.c, newTEAPKeys(sums, seed, m.ours, m.theirs))
	return nil
}

// begin asks who is inside.
func (m *teap) begin(_ context.Context, ack []byte) (step, error) {
	if len(ack) > 0 {
		plain, failed, err := m.open(ack)
		if failed != nil {
			return *failed, err
		}
		if len(plain) > 0 {
			return step{}, fmt.Errorf("%d octets before the first question: %w", len(plain), realms.ErrInnerProtocol)
		}
	}
	m.next = m.hear
	plain, err := m.phase2.begin()
	if err != nil {
		return step{}, err
	}
	return m.say(nil, plain)
}

// welcome follows a handshake that resumed: the result is told at once, bound to the
// tunnel, and nobody is asked who they are (section 3.5).
func (m *teap) welcome(_ context.Context, proofs []proved, _ []byte) (step, error) {
	if err := m.open2(); err != nil {
		return step{}, err
	}
	m.next = m.hear
	plain, err := m.phase2.welcome(proofs)
	if err != nil {
		return step{}, err
	}
	return m.say(nil, plain)
}

// hear takes one message in the tunnel.
func (m *teap) hear(ctx context.Context, message []byte) (step, error) {
	plain, failed, err := m.open(message)
	if failed != nil {
		return *failed, err
	}
	reply, proofs, err := m.phase2.hear(ctx, plain)
	switch {
	case err != nil:
		return step{}, err
	case proofs != nil:
		end, err := m.finish(proofs...)
		if err == nil {
			end.done.MSK, end.done.EMSK, err = m.phase2.keys.session()
		}
		return end, err
	}
	return m.say(nil, reply)
}
