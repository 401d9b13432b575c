package eap

import (
	"context"
	"fmt"
	"io"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// peap is PEAPv0 ([MS-PEAP]) with EAP-MSCHAPv2 inside.
type peap struct {
	*tunnel
	inner peapInner
}

func newPEAP(c *conversation) Method {
	m := &peap{tunnel: newTunnel(c, packet.PEAP, false)}
	m.opened, m.again = m.shaken, m.welcome
	return m
}

// shaken follows the handshake. In TLS 1.2 our Finished must be acknowledged
// before anything is said inside; in TLS 1.3 there is nothing left to send.
func (m *peap) shaken(ctx context.Context, rest []byte) (step, error) {
	m.inner = m.newInner()
	if len(rest) > 0 {
		m.next = m.begin
		return step{send: rest}, nil
	}
	return m.begin(ctx, nil)
}

func (m *peap) newInner() peapInner {
	return peapInner{c: m.c, tunnelKey: func() ([]byte, error) { return m.tls.MSK(packet.PEAP) }}
}

// welcome follows a handshake that resumed: the result is told at once, and nobody
// is asked who they are ([MS-PEAP], section 3.3.5.1).
func (m *peap) welcome(_ context.Context, account realms.Account, _ []byte) (step, error) {
	m.inner = m.newInner()
	m.next = m.inside
	result, err := m.inner.welcome(account)
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
	m.next = m.inside
	return m.say(nil, m.inner.begin())
}

// inside takes one message in the tunnel.
func (m *peap) inside(ctx context.Context, message []byte) (step, error) {
	plain, failed, err := m.open(message)
	if failed != nil {
		return *failed, err
	}
	reply, account, err := m.inner.hear(ctx, plain)
	switch {
	case err != nil:
		return step{}, err
	case account != nil:
		end, err := m.finish(*account)
		if m.inner.bound && err == nil {
			end.done.MSK = m.inner.binding.msk()
		}
		return end, err
	}
	return m.say(nil, reply)
}

// peapInner is what is said inside, without TLS.
//
//	identity -> response -> successAcked -> resultAcked -> the end
//	                     \-> failureAcked -> refused -> failure
//	(any fault)  -------------------------> refused -> failure
type peapInner struct {
	c *conversation

	next      func(ctx context.Context, p packet.Packet) (reply []byte, end *realms.Account, err error)
	id        uint8 // of the request inside that is out
	challenge [16]byte
	tunnelKey func() ([]byte, error)
	account   *realms.Account // nil until the password was good
	binding   *binding        // set with account
	bound     bool            // the supplicant's binding was good
	failure   error

	resultSent bool // a Result TLV went out, and no second will
}

// begin returns the first message.
func (m *peapInner) begin() []byte {
	m.next = m.identity
	return m.request(packet.Identity, nil)
}

func (m *peapInner) request(kind packet.Type, data []byte) []byte {
	m.id++
	return packet.Packet{Code: packet.Request, ID: m.id, Type: kind, Data: data}.EncodeInner()
}

// hear takes one message. A fault inside is told inside, so that the supplicant
// knows it from us; one that comes after is the end.
func (m *peapInner) hear(ctx context.Context, plain []byte) ([]byte, *realms.Account, error) {
	p, err := packet.ParseInner(plain, packet.Response, m.id)
	if m.failure != nil && m.resultSent {
		return nil, nil, m.failure
	}
	if err != nil || p.Code != packet.Response || p.ID != m.id {
		return m.refuse(fmt.Errorf("a message inside that is no answer to ours: %w", realms.ErrInnerProtocol))
	}
	return m.next(ctx, p)
}

// identity takes the name.
func (m *peapInner) identity(_ context.Context, p packet.Packet) ([]byte, *realms.Account, error) {
	if p.Type != packet.Identity {
		return m.unexpected(p)
	}
	id, err := m.c.innerIdentity(p.Data)
	m.c.trace.Identity = id
	if err != nil {
		return m.refuse(err)
	}
	m.c.trace.Inner, m.c.trace.Stage = "mschapv2", "inner method"
	if _, err := io.ReadFull(m.c.server.cfg.Random, m.challenge[:]); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", realms.ErrInternal, err)
	}
	m.next = m.response
	return m.mschapv2(packet.MSCHAPv2Packet{Op: packet.MSCHAPv2Challenge, Value: m.challenge[:], Text: []byte("causeway")}), nil, nil
}

func (m *peapInner) mschapv2(p packet.MSCHAPv2Packet) []byte {
	p.ID = m.id + 1 // the two identifiers are one number
	return m.request(packet.MSCHAPv2, p.Encode())
}

// response takes the answer to our challenge.
func (m *peapInner) response(ctx context.Context, p packet.Packet) ([]byte, *realms.Account, error) {
	if p.Type == packet.Nak {
		return m.refuse(fmt.Errorf("the supplicant wants EAP types %v inside PEAP: %w", wantedTypes(p.Data), realms.ErrNoMethod))
	}
	msg, ok := m.read(p, packet.MSCHAPv2Response)
	if !ok || msg.ID != m.id {
		return m.unexpected(p)
	}
	x := exchange{authenticator: m.challenge, name: string(msg.Text)}
	copy(x.peer[:], msg.Value)
	copy(x.response[:], msg.Value[24:])
	good, err := m.c.server.judge(ctx, m.c.trace.Identity, x)
	if err != nil && ours(err) {
		return m.refuse(err)
	}
	if err != nil {
		return m.passwordBad(msg.ID, err), nil, nil
	}
	tunnelKey, err := m.tunnelKey()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", realms.ErrTLS, err)
	}
	m.binding = newBinding(tunnelKey, packet.MSCHAPv2MSK(good.key, x.response))
	m.account = &good.account
	m.next = m.successAcked
	m.c.trace.Stage = "inner success sent"
	return m.result(packet.MSCHAPv2Success, msg.ID, good.response+" M=OK"), nil, nil
}

func (m *peapInner) passwordBad(id uint8, err error) []byte {
	m.failure = err
	m.c.tell(err)
	m.next = m.failureAcked
	m.c.trace.Stage = "inner failure sent"
	return m.result(packet.MSCHAPv2Failure, id, m.c.server.failureText())
}

// result sends a Success or Failure. Its identifier is that of the response
// (section 2.3 of the draft).
func (m *peapInner) result(op packet.MSCHAPv2Op, id uint8, text string) []byte {
	return m.request(packet.MSCHAPv2, packet.MSCHAPv2Packet{Op: op, ID: id, Text: []byte(text)}.Encode())
}

// read returns the MSCHAPv2 packet in p if it says op.
func (m *peapInner) read(p packet.Packet, op packet.MSCHAPv2Op) (packet.MSCHAPv2Packet, bool) {
	if p.Type != packet.MSCHAPv2 {
		return packet.MSCHAPv2Packet{}, false
	}
	msg, err := packet.ParseMSCHAPv2(p.Data)
	return msg, err == nil && msg.Op == op
}

// successAcked takes the supplicant's word that our proof is good as well.
func (m *peapInner) successAcked(_ context.Context, p packet.Packet) ([]byte, *realms.Account, error) {
	if _, ok := m.read(p, packet.MSCHAPv2Success); !ok {
		return m.unexpected(p)
	}
	reply, err := m.tellSuccess()
	return reply, nil, err
}

// welcome tells success to whom a resumed session proves.
func (m *peapInner) welcome(account realms.Account) ([]byte, error) {
	tunnelKey, err := m.tunnelKey()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", realms.ErrTLS, err)
	}
	m.account, m.binding = &account, resumedBinding(tunnelKey)
	return m.tellSuccess()
}

func (m *peapInner) tellSuccess() ([]byte, error) {
	m.next = m.resultAcked
	m.c.trace.Stage = "inner result sent"
	tlv, err := m.binding.request(m.c.server.cfg.Random)
	if err != nil {
		return nil, err
	}
	return m.sendResult(packet.ResultSuccess, tlv), nil
}

// failureAcked takes the supplicant's word that it has heard of its failure, or
// anything else: the end is the same.
func (m *peapInner) failureAcked(context.Context, packet.Packet) ([]byte, *realms.Account, error) {
	return m.refuse(m.failure)
}

// resultAcked takes the supplicant's own result, which must agree with ours
// ([MS-PEAP], section 3.3.5.3).
func (m *peapInner) resultAcked(_ context.Context, p packet.Packet) ([]byte, *realms.Account, error) {
	if p.Type != packet.Extensions {
		return m.unexpected(p)
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
	return nil, m.account, nil
}

// checkBinding judges the supplicant's crypto-binding, if it sent one.
func (m *peapInner) checkBinding(tlvs []packet.TLV) error {
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

// unexpected refuses a packet that this state does not know.
func (m *peapInner) unexpected(p packet.Packet) ([]byte, *realms.Account, error) {
	return m.refuse(fmt.Errorf("EAP type %d at the stage %q: %w", p.Type, m.c.trace.Stage, realms.ErrInnerProtocol))
}

// refuse sends a failing Result TLV, once, and ends at the next message, whatever
// it is.
func (m *peapInner) refuse(err error) ([]byte, *realms.Account, error) {
	told := m.resultSent
	m.account, m.failure, m.next = nil, err, m.refused
	if told {
		return nil, nil, err
	}
	m.c.tell(err)
	return m.sendResult(packet.ResultFailure), nil, nil
}

// refused takes the answer to a failing Result TLV.
func (m *peapInner) refused(context.Context, packet.Packet) ([]byte, *realms.Account, error) {
	return nil, nil, m.failure
}

func (m *peapInner) sendResult(result uint16, beside ...packet.TLV) []byte {
	m.resultSent = true
	data := packet.ResultTLV(result)
	for _, tlv := range beside {
		data = packet.AppendTLV(data, tlv)
	}
	return m.request(packet.Extensions, data)
}
