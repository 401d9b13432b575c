package eap

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// TEAPConfig says who is asked for inside TEAP.
type TEAPConfig struct {
	// Ask are "machine" and "user", in the order in which they are asked for; nil:
	// both, the machine first. A supplicant that has no such identity to offer
	// answers with another, and what it does not offer is not proved.
	Ask []string
	// Require are those without which nobody gets in.
	Require []string
	// RFC7170 is for supplicants that were made before RFC 9930 said which keys count:
	// those of EAP-MSCHAPv2 are mixed in as they are, and bindings are made of MSKs
	// only.
	RFC7170 bool
}

// DefaultTEAPAsk asks for the computer before the person.
var DefaultTEAPAsk = []string{"machine", "user"}

// identityTypes are the names of Identity-Type's values (RFC 9930, section 4.2.3).
var identityTypes = map[string]uint16{"user": packet.IdentityUser, "machine": packet.IdentityMachine}

func identityName(kind uint16) string {
	for name, k := range identityTypes {
		if k == kind {
			return name
		}
	}
	return fmt.Sprintf("type %d", kind)
}

// teapPhase2 is what is said inside TEAP, without TLS. For each identity that is asked
// for, a method runs; its success is told with a binding, and the next question, or
// the result, in one message.
//
//	method -> ... -> concluded -> the end
//	(any fault) -> told -> failure
type teapPhase2 struct {
	c    *conversation
	keys *teapKeys

	next   func(ctx context.Context, msg teapMessage) (reply []byte, end []proved, err error)
	ask    []uint16 // still to be asked for
	asked  uint16   // of the question that is out
	in     *inner   // the method that runs; nil: a password is asked for
	proofs []proved

	interim bool  // the message that is out told the success of a method
	failure error // told, and the end comes with the next message
}

func newTEAPPhase2(c *conversation, keys *teapKeys) teapPhase2 {
	names := c.server.cfg.TEAP.Ask
	if names == nil {
		names = DefaultTEAPAsk
	}
	m := teapPhase2{c: c, keys: keys}
	for _, name := range names {
		m.ask = append(m.ask, identityTypes[name])
	}
	return m
}

// begin returns the first question.
func (m *teapPhase2) begin() ([]byte, error) { return m.question(nil) }

// welcome concludes for whom a resumed session proves.
func (m *teapPhase2) welcome(proofs []proved) ([]byte, error) {
	m.ask, m.proofs = nil, proofs
	if err := m.keys.add(nil, nil); err != nil {
		return nil, err
	}
	return m.conclude(nil)
}

// question asks for the next identity, after what is to be said before.
func (m *teapPhase2) question(before []byte) ([]byte, error) {
	if len(m.ask) == 0 {
		return m.conclude(before)
	}
	m.asked, m.ask = m.ask[0], m.ask[1:]
	m.next = m.method
	m.in.Close()
	m.in = newInner(m.c)
	m.in.name = m.name
	m.in.offers = slices.DeleteFunc(slices.Clone(m.in.offers), func(o *method) bool { return o.Type == packet.GTC }) // section 3.6.5
	message := packet.AppendTLV(before, packet.IdentityTypeTLV(m.asked))
	if len(m.in.offers) == 0 {
		return m.askPassword(message)
	}
	return packet.AppendTLV(message, packet.EAPPayloadTLV(m.in.ask())), nil
}

// name holds a name inside to the realm outside. That one of the names agrees with
// the outer one is known at the end only.
func (m *teapPhase2) name(name []byte) (realms.Identity, error) {
	id, err := realms.ParseIdentity(string(name))
	if err != nil {
		return id, fmt.Errorf("in the tunnel: %w: %w", realms.ErrInnerRealm, err)
	}
	return id, m.c.server.checkRealm(m.c.outer, id)
}

// hear takes one message. Bindings are judged before anything else in it
// (section 4.3).
func (m *teapPhase2) hear(ctx context.Context, plain []byte) ([]byte, []proved, error) {
	if m.failure != nil {
		return nil, nil, m.failure
	}
	msg, err := readTEAP(plain)
	switch {
	case err != nil:
		return m.fail(packet.ErrorUnexpectedTLVs, err)
	case msg.result == packet.ResultFailure || packet.FatalError(msg.errorCode):
		return nil, nil, fmt.Errorf("the supplicant gave up inside TEAP, error %d: %w", msg.errorCode, realms.ErrSupplicantGaveUp)
	case msg.unknown != nil:
		return m.nak(*msg.unknown), nil, nil
	}
	if err := m.bound(msg); err != nil {
		return m.fail(packet.ErrorTunnelCompromise, err)
	}
	return m.next(ctx, msg)
}

// bound judges the answer to a binding that is out.
func (m *teapPhase2) bound(msg teapMessage) error {
	switch {
	case m.keys.out == nil && msg.binding == nil:
		return nil
	case m.keys.out == nil:
		return fmt.Errorf("a crypto-binding that nobody asked for: %w", realms.ErrInnerProtocol)
	case msg.binding == nil:
		return fmt.Errorf("no crypto-binding (P66): %w", realms.ErrInnerProtocol)
	}
	if err := m.keys.check(*msg.binding); err != nil {
		return err
	}
	if m.interim && msg.intermediate != packet.ResultSuccess {
		return fmt.Errorf("the supplicant does not agree that its method succeeded: %w", realms.ErrSupplicantGaveUp)
	}
	m.interim = false
	return nil
}

// method is the state while an identity is being proved.
func (m *teapPhase2) method(ctx context.Context, msg teapMessage) ([]byte, []proved, error) {
	if msg.identity != 0 && msg.identity != m.asked {
		reply, goesOn, err := m.other(msg.identity)
		if err != nil {
			return m.fail(packet.ErrorUnspecified, err)
		}
		if !goesOn {
			return reply, nil, nil
		}
	}
	switch {
	case msg.nak == packet.TLVEAPPayload && m.in != nil, msg.nak != 0 && m.in == nil:
		return m.failMethod(fmt.Errorf("the supplicant knows no TLV %d: %w", msg.nak, realms.ErrNoMethod))
	case msg.eap != nil && msg.password == nil && m.in != nil:
		return m.hearEAP(ctx, *msg.eap)
	case msg.password != nil && msg.eap == nil && m.in == nil:
		return m.hearPassword(ctx, *msg.password)
	}
	return m.fail(packet.ErrorUnexpectedTLVs, fmt.Errorf("no answer to what was asked: %w", realms.ErrInnerProtocol))
}

// other deals with an identity of another kind than was asked for: the supplicant has
// none of that kind. It may go on with one that would be asked for later. Any other
// means that it has nothing more: what is proved is the end of it, and policy decides
// what that is worth. (Section 4.2.3 would refuse; a laptop at its log-on screen has
// no person to offer.)
func (m *teapPhase2) other(kind uint16) (reply []byte, goesOn bool, err error) {
	if i := slices.Index(m.ask, kind); i >= 0 {
		m.ask = slices.Delete(slices.Clone(m.ask), i, i+1)
		m.asked = kind
		return nil, true, nil
	}
	m.ask = nil
	reply, err = m.conclude(nil)
	return reply, false, err
}

func (m *teapPhase2) hearEAP(ctx context.Context, p packet.Packet) ([]byte, []proved, error) {
	step, err := m.in.hear(ctx, p)
	switch {
	case err != nil:
		return m.failMethod(err)
	case step.done == nil:
		return packet.AppendTLV(nil, packet.EAPPayloadTLV(step.request)), nil, nil
	}
	msk := step.done.MSK
	emsk := step.done.EMSK
	if m.c.server.cfg.TEAP.RFC7170 {
		emsk = nil
	} else if m.in.method.Type == packet.MSCHAPv2 { // its halves change places (section 3.6.4)
		msk = append(append([]byte(nil), msk[16:32]...), msk[:16]...)
	}
	if err := m.keys.add(msk, emsk); err != nil {
		return nil, nil, err
	}
	return m.good(step.done.proofs[0])
}

// askPassword asks for name and password (section 4.2.14), where no EAP method is
// allowed.
func (m *teapPhase2) askPassword(message []byte) ([]byte, error) {
	if !m.c.server.allowsInTTLS("pap") {
		return nil, fmt.Errorf("no method is allowed inside TEAP: %w", realms.ErrNoMethod)
	}
	m.in = nil
	m.c.trace.Inner, m.c.trace.Stage = "pap", "inner method"
	return packet.AppendTLV(message, packet.TLV{Type: packet.TLVPasswordRequest, Mandatory: true, Value: []byte("Password: ")}), nil
}

// hearPassword takes name and password (section 4.2.15).
func (m *teapPhase2) hearPassword(ctx context.Context, said teapPassword) ([]byte, []proved, error) {
	id, err := m.name([]byte(said.user))
	m.c.trace.Identity = id
	if err != nil {
		return m.failMethod(err)
	}
	account, err := m.c.server.checkPassword(ctx, id, []byte(said.password))
	if err != nil {
		return m.failMethod(err)
	}
	if err := m.keys.add(nil, nil); err != nil {
		return nil, nil, err
	}
	p := proved{identity: id, account: account, device: id.Machine(), inner: "pap"}
	m.c.credit(p)
	return m.good(p)
}

// good writes down what was proved and goes on with the next question.
func (m *teapPhase2) good(p proved) ([]byte, []proved, error) {
	if p.device != (m.asked == packet.IdentityMachine) {
		return m.failMethod(fmt.Errorf("%s was proved where %s was asked for: %w", p.identity, identityName(m.asked), realms.ErrChainIncomplete))
	}
	m.proofs = append(m.proofs, p)
	binding, err := m.keys.request(m.c.server.cfg.Random)
	if err != nil {
		return nil, nil, err
	}
	m.interim = true
	before := packet.AppendTLV(packet.AppendTLV(nil, packet.StatusTLV(packet.TLVIntermediateResult, packet.ResultSuccess)), binding)
	if m.c.server.cfg.TEAP.RFC7170 && len(m.ask) > 0 {
		// wpa_supplicant begins the next method before it looks at the binding, which it
		// has then forgotten the keys of.
		m.next = m.agreed
		return before, nil, nil
	}
	reply, err := m.question(before)
	if err != nil {
		m.keys.out = nil
		return m.fail(packet.ErrorUnspecified, err)
	}
	return reply, nil, nil
}

// agreed follows a binding that went alone.
func (m *teapPhase2) agreed(_ context.Context, msg teapMessage) ([]byte, []proved, error) {
	if msg.eap != nil || msg.password != nil || msg.result != 0 {
		return m.fail(packet.ErrorUnexpectedTLVs, fmt.Errorf("more than an answer to the binding: %w", realms.ErrInnerProtocol))
	}
	reply, err := m.question(nil)
	if err != nil {
		return m.fail(packet.ErrorUnspecified, err)
	}
	return reply, nil, nil
}

// conclude tells the result. It is bound to the tunnel in any case (P66).
func (m *teapPhase2) conclude(before []byte) ([]byte, error) {
	if err := m.c.server.checkChain(m.c.outer, m.proofs); err != nil {
		return nil, err
	}
	if before == nil {
		binding, err := m.keys.request(m.c.server.cfg.Random)
		if err != nil {
			return nil, err
		}
		before = packet.AppendTLV(nil, binding)
	}
	m.next = m.concluded
	m.c.trace.Stage = "inner result sent"
	return append(before, packet.ResultTLV(packet.ResultSuccess)...), nil
}

// concluded takes the supplicant's own result, which must agree with ours. What it
// would like to do besides (Request-Action) is not done, and it said what follows
// then (section 4.2.9).
func (m *teapPhase2) concluded(_ context.Context, msg teapMessage) ([]byte, []proved, error) {
	if msg.result != packet.ResultSuccess && msg.action != packet.ResultSuccess {
		return nil, nil, fmt.Errorf("the supplicant does not agree that it succeeded: %w", realms.ErrSupplicantGaveUp)
	}
	m.failure = fmt.Errorf("the tunnel is at its end: %w", realms.ErrInnerProtocol) // nothing is good after the end
	slices.SortStableFunc(m.proofs, func(a, b proved) int { return personsLast(a) - personsLast(b) })
	for _, p := range m.proofs {
		m.c.credit(p)
	}
	return nil, m.proofs, nil
}

func personsLast(p proved) int {
	if p.device {
		return 0
	}
	return 1
}

// checkChain holds what was proved to what the configuration wants, and one of the
// names to the outer one (R5).
func (s *Server) checkChain(outer realms.Identity, proofs []proved) error {
	if len(proofs) == 0 {
		return fmt.Errorf("neither computer nor person was proved: %w", realms.ErrChainIncomplete)
	}
	for _, name := range s.cfg.TEAP.Require {
		want := identityTypes[name] == packet.IdentityMachine
		if !slices.ContainsFunc(proofs, func(p proved) bool { return p.device == want }) {
			return fmt.Errorf("no %s was proved: %w", name, realms.ErrChainIncomplete)
		}
	}
	if s.cfg.AllowDifferentOuter || hidden(outer) || slices.ContainsFunc(proofs, func(p proved) bool { return same(outer, p.identity) }) {
		return nil
	}
	return fmt.Errorf("%q inside, %q outside: %w", proofs[0].identity, outer, realms.ErrOuterInner)
}

// failMethod tells that the method failed, and the result with it: what a supplicant
// shows must be good. A wrong password and an unknown name have one code (S18).
func (m *teapPhase2) failMethod(err error) ([]byte, []proved, error) {
	code := packet.ErrorUnspecified
	switch {
	case errors.Is(err, realms.ErrNoMethod):
		code = packet.ErrorMethodNotSupported
	case errors.Is(err, realms.ErrInnerProtocol):
		code = packet.ErrorUnexpectedTLVs
	case ours(err):
		code = packet.ErrorServerUnreachable
	}
	m.c.tell(err)
	m.failure = err
	message := packet.AppendTLV(nil, packet.StatusTLV(packet.TLVIntermediateResult, packet.ResultFailure))
	message = packet.AppendTLV(message, packet.ErrorTLV(code))
	return append(message, packet.ResultTLV(packet.ResultFailure)...), nil, nil
}

// fail tells a failing result.
func (m *teapPhase2) fail(code uint32, err error) ([]byte, []proved, error) {
	m.c.tell(err)
	m.failure = err
	message := packet.AppendTLV(nil, packet.ErrorTLV(code))
	return append(message, packet.ResultTLV(packet.ResultFailure)...), nil, nil
}

// nak says which TLV was not understood (section 4.2.5); the question that is out
// stays.
func (m *teapPhase2) nak(unknown packet.TLV) []byte {
	vendor := uint32(0)
	if unknown.Type == packet.TLVVendorSpecific && len(unknown.Value) >= 4 {
		vendor = binary.BigEndian.Uint32(unknown.Value)
	}
	return packet.AppendTLV(nil, packet.NAKTLV(vendor, unknown.Type))
}
