package eap

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
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

const teapVersion = 1

func newTEAP(c *conversation) Method {
	m := &teap{tunnel: newTunnel(c, packet.TEAP, false)}
	m.version = teapVersion
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
		start := []byte{packet.FlagStart | packet.FlagOuterTLVs | teapVersion}
		start = binary.BigEndian.AppendUint32(start, uint32(len(m.ours)))
		return Step{Request: append(start, m.ours...)}, nil
	}
	data, outer, err := splitOuter(data)
	if err != nil {
		return Step{}, err
	}
	if !m.begun {
		m.begun, m.theirs = true, outer
	}
	return m.tunnel.Next(ctx, data)
}

// splitOuter takes the Outer TLVs, and the flag and length that tell of them, out of
// the Data of a packet (section 4.1).
func splitOuter(data []byte) (rest, outer []byte, err error) {
	if len(data) == 0 || data[0]&packet.FlagOuterTLVs == 0 {
		return data, nil, nil
	}
	head := 1
	if data[0]&packet.FlagLength != 0 {
		head += 4
	}
	if len(data) < head+4 {
		return nil, nil, fmt.Errorf("the length of Outer TLVs is missing: %w", realms.ErrEAPMalformed)
	}
	n := int64(binary.BigEndian.Uint32(data[head:]))
	if n > int64(len(data)-head-4) {
		return nil, nil, fmt.Errorf("%d octets of Outer TLVs in %d: %w", n, len(data), realms.ErrEAPMalformed)
	}
	end := len(data) - int(n)
	rest = append([]byte{data[0] &^ packet.FlagOuterTLVs}, data[1:head]...)
	return append(rest, data[head+4:end]...), data[end:], nil
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
	seed, err := m.tls.Export("EXPORTER: teap session key seed", nil, teapSeed)
	if err != nil {
		return fmt.Errorf("%w: %w", realms.ErrTLS, err)
	}
	m.phase2 = newTEAPPhase2(m.c, newTEAPKeys(m.tls.Hash(), seed, m.ours, m.theirs))
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
			end.done.MSK, end.done.EMSK = m.phase2.keys.session()
		}
		return end, err
	}
	return m.say(nil, reply)
}
