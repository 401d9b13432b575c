package eap

import (
	"context"
	"errors"
	"fmt"
	"io"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// An innerMSCHAPv2 is EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2): both sides
// prove that they know the password.
//
//	response -> successAcked -> the end
//	         \-> failureAcked -> failure
//	                          \-> changeRefused -> failure
type innerMSCHAPv2 struct {
	in *inner

	next      func(ctx context.Context, msg packet.MSCHAPv2Packet) (Step, error)
	challenge [16]byte
	id        uint8 // of our challenge
	result    *Result
	failure   error
}

func newInnerMSCHAPv2(in *inner) Method { return &innerMSCHAPv2{in: in} }

// Close has nothing to free.
func (*innerMSCHAPv2) Close() {}

// Next takes the Data of a packet.
func (m *innerMSCHAPv2) Next(ctx context.Context, data []byte) (Step, error) {
	if data == nil {
		return m.begin()
	}
	msg, err := packet.ParseMSCHAPv2(data)
	if err != nil {
		return Step{}, fmt.Errorf("%w: %w", realms.ErrInnerProtocol, err)
	}
	return m.next(ctx, msg)
}

// begin sends the challenge. Its identifier is that of the EAP packet.
func (m *innerMSCHAPv2) begin() (Step, error) {
	if _, err := io.ReadFull(m.in.c.server.cfg.Random, m.challenge[:]); err != nil {
		return Step{}, fmt.Errorf("%w: %w", realms.ErrInternal, err)
	}
	m.id, m.next = m.in.id+1, m.response
	return m.say(packet.MSCHAPv2Packet{Op: packet.MSCHAPv2Challenge, ID: m.id, Value: m.challenge[:], Text: []byte("causeway")})
}

func (m *innerMSCHAPv2) say(p packet.MSCHAPv2Packet) (Step, error) {
	return Step{Request: p.Encode()}, nil
}

// response takes the answer to our challenge.
func (m *innerMSCHAPv2) response(ctx context.Context, msg packet.MSCHAPv2Packet) (Step, error) {
	if msg.Op != packet.MSCHAPv2Response || msg.ID != m.id {
		return m.unexpected(msg)
	}
	x := exchange{authenticator: m.challenge, name: string(msg.Text)}
	copy(x.peer[:], msg.Value)
	copy(x.response[:], msg.Value[24:])
	good, err := m.in.c.server.judge(ctx, m.in.who, x)
	switch {
	case err != nil && ours(err):
		return Step{}, err
	case err != nil:
		return m.fail(err, m.failureAcked, m.in.c.server.failureText(err))
	}
	m.result = &Result{
		proofs: []proved{{identity: m.in.who, account: good.account, device: m.in.who.Machine()}},
		MSK:    packet.MSCHAPv2MSK(good.key, x.response),
	}
	m.next = m.successAcked
	m.in.c.trace.Stage = "inner success sent"
	return m.say(packet.MSCHAPv2Packet{Op: packet.MSCHAPv2Success, ID: m.id, Text: []byte(good.response + " M=OK")})
}

// fail tells a failure, whose identifier is that of the response (section 2.3 of the
// draft), and goes on when the supplicant has heard of it.
func (m *innerMSCHAPv2) fail(err error, next func(context.Context, packet.MSCHAPv2Packet) (Step, error), text string) (Step, error) {
	m.failure, m.next = err, next
	m.in.c.tell(err)
	m.in.c.trace.Stage = "inner failure sent"
	return m.say(packet.MSCHAPv2Packet{Op: packet.MSCHAPv2Failure, ID: m.id, Text: []byte(text)})
}

// successAcked takes the supplicant's word that our proof is good as well.
func (m *innerMSCHAPv2) successAcked(_ context.Context, msg packet.MSCHAPv2Packet) (Step, error) {
	if msg.Op != packet.MSCHAPv2Success {
		return m.unexpected(msg)
	}
	return Step{Done: m.result}, nil
}

// failureAcked takes the supplicant's word that it has heard of its failure, or
// anything else: the end is the same. One that was told that its password has
// expired may send a new one, which is not taken here.
func (m *innerMSCHAPv2) failureAcked(_ context.Context, msg packet.MSCHAPv2Packet) (Step, error) {
	if msg.Op == packet.MSCHAPv2ChangePassword && mustChange(m.failure) {
		err := fmt.Errorf("the device sent a new password, which is not taken over Wi-Fi: %w", m.failure)
		return m.fail(err, m.changeRefused, m.in.c.server.changeRefusedText())
	}
	return Step{}, m.failure
}

// changeRefused takes whatever follows.
func (m *innerMSCHAPv2) changeRefused(context.Context, packet.MSCHAPv2Packet) (Step, error) {
	return Step{}, m.failure
}

func (m *innerMSCHAPv2) unexpected(msg packet.MSCHAPv2Packet) (Step, error) {
	return Step{}, fmt.Errorf("MSCHAPv2 operation %d at the stage %q: %w", msg.Op, m.in.c.trace.Stage, realms.ErrInnerProtocol)
}

// mustChange tells a password that was right and may not be used any more.
func mustChange(err error) bool {
	return errors.Is(err, realms.ErrPasswordExpired) || errors.Is(err, realms.ErrMustChange)
}
