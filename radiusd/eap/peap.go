package eap

import (
	"context"
	"fmt"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// peap is PEAPv0 ([MS-PEAP]): EAP again inside the tunnel, its header left out, and a
// Result TLV both ways at the end.
type peap struct {
	*tunnel
	phase2 peapPhase2
}

func newPEAP(c *conversation) Method {
	m := &peap{tunnel: newTunnel(c, packet.PEAP, false)}
	m.opened, m.again = m.shaken, m.welcome
	return m
}

// Close frees the handshake, and that of a method inside.
func (m *peap) Close() {
	m.phase2.in.Close()
	m.tunnel.Close()
}

// shaken follows the handshake. In TLS 1.2 our Finished must be acknowledged
// before anything is said inside; in TLS 1.3 there is nothing left to send.
func (m *peap) shaken(ctx context.Context, rest []byte) (step, error) {
	m.phase2 = m.newPhase2()
	if len(rest) > 0 {
		m.next = m.begin
		return step{send: rest}, nil
	}
	return m.begin(ctx, nil)
}

func (m *peap) newPhase2() peapPhase2 {
	return peapPhase2{c: m.c, in: newInner(m.c), tunnelKey: func() ([]byte, error) { return m.tls.MSK(packet.PEAP) }}
}

// welcome follows a handshake that resumed: the result is told at once, and nobody
// is asked who they are ([MS-PEAP], section 3.3.5.1).
func (m *peap) welcome(_ context.Context, proofs []proved, _ []byte) (step, error) {
	m.phase2 = m.newPhase2()
	m.next = m.hear
	result, err := m.phase2.welcome(proofs)
	if err != nil {
		return step{}, err
	}
	return m.say(nil, result)
}

// begin asks who is inside.
func (m *peap) begin(_ context.Context, ack []byte) (step, error) {
	if len(ack) > 0 {
		plain, failed, err := m.open(ack)
		if failed != nil {
			return *failed, err
		}
		return step{}, fmt.Errorf("%d octets before the first question: %w", len(plain), realms.ErrInnerProtocol)
	}
	m.next = m.hear
	return m.say(nil, m.phase2.begin())
}

// hear takes one message in the tunnel.
func (m *peap) hear(ctx context.Context, message []byte) (step, error) {
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
		if m.phase2.bound && err == nil {
			end.done.MSK = m.phase2.binding.msk()
		}
		return end, err
	}
	return m.say(nil, reply)
}

// peapPhase2 is what is said inside, without TLS.
//
//	inside -> resultAcked -> the end
//	(any fault) -> refused -> failure
type peapPhase2 struct {
	c  *conversation
	in *inner // until it has ended

	next      func(ctx context.Context, p packet.Packet) (reply []byte, end []proved, err error)
	id        uint8 // of the request inside that is out
	tunnelKey func() ([]byte, error)
	proofs    []proved // nil until the inner method was good
	binding   *binding // set with proofs
	bound     bool     // the supplicant's binding was good
	failure   error

	resultSent bool // a Result TLV went out, and no second will
}

// begin returns the first message.
func (m *peapPhase2) begin() []byte {
	m.next = m.inside
	return m.request(m.in.ask())
}

func (m *peapPhase2) request(p packet.Packet) []byte {
	m.id = p.ID
	return p.EncodeInner()
}

// hear takes one message. A fault inside is told inside, so that the supplicant
// knows it from us; one that comes after is the end.
func (m *peapPhase2) hear(ctx context.Context, plain []byte) ([]byte, []proved, error) {
	p, err := packet.ParseInner(plain, packet.Response, m.id)
	if m.failure != nil && m.resultSent {
		return nil, nil, m.failure
	}
	if err != nil || p.Code != packet.Response || p.ID != m.id {
		return m.refuse(fmt.Errorf("a message inside that is no answer to ours: %w", realms.ErrInnerProtocol))
	}
	return m.next(ctx, p)
}

// inside is the state while the inner method runs.
func (m *peapPhase2) inside(ctx context.Context, p packet.Packet) ([]byte, []proved, error) {
	step, err := m.in.hear(ctx, p)
	switch {
	case err != nil:
		return m.refuse(err)
	case step.done == nil:
		return m.request(step.request), nil, nil
	}
	tunnelKey, err := m.tunnelKey()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", realms.ErrTLS, err)
	}
	m.proofs, m.binding = step.done.proofs, newBinding(tunnelKey, step.done.MSK)
	reply, err := m.tellSuccess()
	return reply, nil, err
}

// welcome tells success to whom a resumed session proves.
func (m *peapPhase2) welcome(proofs []proved) ([]byte, error) {
	tunnelKey, err := m.tunnelKey()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", realms.ErrTLS, err)
	}
	m.proofs, m.binding = proofs, resumedBinding(tunnelKey)
	return m.tellSuccess()
}

func (m *peapPhase2) tellSuccess() ([]byte, error) {
	m.next = m.resultAcked
	m.c.trace.Stage = "inner result sent"
	tlv, err := m.binding.request(m.c.server.cfg.Random)
	if err != nil {
		return nil, err
	}
	return m.sendResult(packet.ResultSuccess, tlv), nil
}

// resultAcked takes the supplicant's own result, which must agree with ours
// ([MS-PEAP], section 3.3.5.3).
func (m *peapPhase2) resultAcked(_ context.Context, p packet.Packet) ([]byte, []proved, error) {
	if p.Type != packet.Extensions {
		return m.refuse(fmt.Errorf("EAP type %d at the stage %q: %w", p.Type, m.c.trace.Stage, realms.ErrInnerProtocol))
	}
	tlvs, err := packet.ParseTLVs(p.Data)
	if err != nil || packet.Result(tlvs) != packet.ResultSuccess {
		return m.refuse(fmt.Errorf("the supplicant does not agree that it succeeded: %w", realms.ErrSupplicantGaveUp))
	}
	if err := m.checkBinding(tlvs); err != nil {
		return m.refuse(err)
	}
	m.next = m.refused // nothing is good after the end
	m.failure = fmt.Errorf("the tunnel is at its end: %w", realms.ErrInnerProtocol)
	return nil, m.proofs, nil
}

// checkBinding judges the supplicant's crypto-binding, if it sent one.
func (m *peapPhase2) checkBinding(tlvs []packet.TLV) error {
	for _, tlv := range tlvs {
		if tlv.Type != packet.TLVCryptoBinding {
			continue
		}
		if err := m.binding.check(tlv); err != nil {
			return err
		}
		m.bound = true
	}
	return nil
}

// refuse sends a failing Result TLV, once, and ends at the next message, whatever
// it is.
func (m *peapPhase2) refuse(err error) ([]byte, []proved, error) {
	told := m.resultSent
	m.proofs, m.failure, m.next = nil, err, m.refused
	if told {
		return nil, nil, err
	}
	m.c.tell(err)
	return m.sendResult(packet.ResultFailure), nil, nil
}

// refused takes the answer to a failing Result TLV.
func (m *peapPhase2) refused(context.Context, packet.Packet) ([]byte, []proved, error) {
	return nil, nil, m.failure
}

func (m *peapPhase2) sendResult(result uint16, beside ...packet.TLV) []byte {
	m.resultSent = true
	data := packet.ResultTLV(result)
	for _, tlv := range beside {
		data = packet.AppendTLV(data, tlv)
	}
	return m.request(packet.Packet{Code: packet.Request, ID: m.id + 1, Type: packet.Extensions, Data: data})
}
