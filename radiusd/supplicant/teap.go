package supplicant

import (
	"errors"
	"fmt"

	"causeway/radiusd/eap/packet"
)

// A teap is TEAP version 1 (RFC 9930): inner methods one after another, for the computer
// and for its user, each bound to the tunnel before anything else happens.
type teap struct {
	tunnel *tunnel
	keys   *teapKeys

	run    *teapRun // the inner method under way; nil between two
	ran    int      // how many have been begun
	proved [3]bool  // by identity type
	bound  bool     // a crypto-binding was good: no method succeeds without one
	byEMSK bool     // our last binding carried an EMSK Compound MAC
	hinted bool
	ended  bool
}

// A teapRun is one inner method.
type teapRun struct {
	who uint16    // Identity-Type
	eap *innerEAP // nil: Basic-Password-Auth, which we have answered
}

func (r *teapRun) begun() bool  { return r.eap == nil || r.eap.begun() }
func (r *teapRun) done() bool   { return r.eap == nil || r.eap.done() }
func (r *teapRun) proved() bool { return r.eap == nil || r.eap.proved() }

// inner returns the keys that go into the crypto-binding. Of EAP-MSCHAPv2 the halves
// change places, as they do in EAP-FAST (section 3.6.4), which wpa 2.10 had not heard of.
func (r *teapRun) inner(old bool) (msk, emsk []byte) {
	if r.eap == nil {
		return nil, nil
	}
	if msk, emsk = r.eap.keys(); r.eap.kind == packet.MSCHAPv2 && !old {
		msk = append(append([]byte(nil), msk[16:32]...), msk[:16]...)
	}
	return msk, emsk
}

func newTEAP(t *tunnel) phase2 {
	if t.cfg.Certificate != nil {
		// Whose certificate TLS will carry must be said outside (section 8.4.1).
		tlv := packet.IdentityTypeTLV(packet.IdentityMachine)
		tlv.Mandatory = false // section 4.3.1
		t.ours = packet.AppendTLV(nil, tlv)
	}
	return &teap{tunnel: t}
}

// checkTEAP returns what is missing in a configuration for TEAP.
func (c *Config) checkTEAP() error {
	if c.Machine == nil && c.Person == nil && c.Certificate == nil {
		return errors.New("method teap needs a Machine, a Person or a Certificate")
	}
	for name, who := range map[string]*Credential{"Machine": c.Machine, "Person": c.Person} {
		if who == nil {
			continue
		}
		if err := who.check(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (m *teap) begin() (err error) {
	m.keys, err = newTEAPKeys(m.tunnel.engine, m.tunnel.cfg.RFC7170)
	return err
}

func (m *teap) close() {
	if m.run != nil && m.run.eap != nil {
		m.run.eap.close()
	}
}

// hear answers one message of TLVs. Whatever the server did wrong is told to it in the
// tunnel, as section 3.9.3 wants it, and ends the conversation.
func (m *teap) hear(plain []byte, _ uint8) ([]byte, error) {
	if len(plain) == 0 {
		return m.hints(), nil
	}
	if m.ended {
		return nil, broke("%d octets after the result", len(plain))
	}
	answer, err := m.answer(plain)
	var fault *teapError
	if errors.Is(err, ErrServer) || errors.Is(err, ErrUntrusted) {
		code := packet.ErrorInnerMethod
		if errors.As(err, &fault) {
			code = fault.code
		}
		m.ended = true
		m.tunnel.deny(err)
		answer, err = []packet.TLV{packet.StatusTLV(packet.TLVResult, packet.ResultFailure), packet.ErrorTLV(code)}, nil
	}
	var out []byte
	for _, t := range answer {
		out = packet.AppendTLV(out, t)
	}
	return out, err
}

// hints says who we can prove, when the server gives us the turn before it asks
// (section 4.2.20).
func (m *teap) hints() (out []byte) {
	cfg := m.tunnel.cfg
	if !cfg.Hints || m.hinted || m.ran > 0 {
		return nil
	}
	m.hinted = true
	for _, who := range []*Credential{cfg.Machine, cfg.Person} {
		if who != nil {
			out = packet.AppendTLV(out, packet.TLV{Type: packet.TLVIdentityHint, Value: []byte(who.Identity)})
		}
	}
	return out
}

// answer goes through a message in the order of section 4.3: what is bound comes before
// what came out, and that before what comes next.
func (m *teap) answer(plain []byte) ([]packet.TLV, error) {
	q, err := m.read(plain)
	if err != nil || q.nak != nil {
		return q.nak, err
	}
	if q.result == packet.ResultFailure {
		return m.fail(q), nil
	}
	if err := q.sensible(); err != nil {
		return nil, err
	}
	answer, err := m.conclude(q)
	if err != nil {
		return nil, err
	}
	switch {
	case q.result == packet.ResultSuccess:
		err = m.succeed()
		return append(answer, packet.StatusTLV(packet.TLVResult, packet.ResultSuccess)), err
	case len(q.actions) > 0:
		return append(answer, m.decline(q.actions)), nil
	}
	more, err := m.method(q)
	if err == nil && len(answer)+len(more) == 0 {
		err = unexpected("a message with nothing in it for us")
	}
	return append(answer, more...), err
}

// fail hears that the server said no, in what words it gave.
func (m *teap) fail(q teapMessage) []packet.TLV {
	m.ended = true
	var words string
	var refused error
	if m.run != nil && m.run.eap != nil {
		words, refused = m.run.eap.refusal()
	}
	for _, code := range q.errors {
		if words != "" {
			words += "; "
		}
		words += fmt.Sprintf("TEAP error %d", code)
	}
	m.tunnel.reject(words)
	m.tunnel.refused = refused
	return []packet.TLV{packet.StatusTLV(packet.TLVResult, packet.ResultFailure)}
}

// conclude ends the inner method under way: no success without a crypto-binding, no
// crypto-binding without a success (sections 3.6.2 and 4.2.13; P66). Beside a Result
// that is a success a binding may stand alone: where there was no method at all, and
// where the server binds once more at the end (section 4.3.2).
func (m *teap) conclude(q teapMessage) ([]packet.TLV, error) {
	if m.run != nil && (!m.run.begun() || m.proved[m.run.who]) && q.result == packet.ResultSuccess {
		// Only a name has been said, or we came again with somebody whom we have
		// proved. The server may leave it at that.
		m.drop()
	}
	switch {
	case q.intermediate == 0 && m.run != nil && m.run.done():
		return nil, unexpected("no Intermediate-Result after the inner method had ended")
	case q.intermediate == 0 && q.binding == nil:
		return nil, nil
	case q.intermediate == 0 && (m.run != nil || q.result == 0):
		return nil, unexpected("a crypto-binding without an Intermediate-Result")
	case q.intermediate != 0 && m.run == nil && (m.ran > 0 || q.binding == nil || q.result == 0):
		return nil, unexpected("an Intermediate-Result, and nothing was under way")
	case q.intermediate == packet.ResultFailure:
		if q.binding != nil {
			return nil, unexpected("a crypto-binding for a failure")
		}
		m.drop()
		return []packet.TLV{packet.StatusTLV(packet.TLVIntermediateResult, packet.ResultFailure)}, nil
	case m.run != nil && !m.run.proved():
		return nil, unexpected("success before the inner method succeeded")
	case q.binding == nil:
		return nil, &teapError{packet.ErrorTunnelCompromise, broke("success without a crypto-binding")}
	}
	if err := m.mix(); err != nil {
		return nil, err
	}
	answer, byEMSK, err := m.bind(*q.binding)
	if err != nil {
		return nil, err
	}
	m.bound, m.byEMSK = true, byEMSK
	if m.run != nil {
		m.proved[m.run.who] = true
		m.drop()
	}
	if q.intermediate == 0 {
		return []packet.TLV{answer.TLV()}, nil
	}
	return []packet.TLV{packet.StatusTLV(packet.TLVIntermediateResult, packet.ResultSuccess), answer.TLV()}, nil
}

// mix puts the keys of the method that succeeded into the schedule: zeros where there
// was none, and nothing when the last one is bound again.
func (m *teap) mix() error {
	switch {
	case m.run != nil:
		return m.keys.add(m.run.inner(m.tunnel.cfg.RFC7170))
	case !m.bound:
		return m.keys.add(nil, nil)
	}
	return nil
}

// drop ends the inner method under way.
func (m *teap) drop() {
	m.close()
	m.run = nil
}

// succeed believes the server's final word, and makes the keys.
func (m *teap) succeed() (err error) {
	switch {
	case m.run != nil:
		return unexpected("a success result while an inner method is under way")
	case !m.bound:
		return &teapError{packet.ErrorTunnelCompromise, broke("a success result and never a crypto-binding")}
	}
	m.ended, m.tunnel.finished = true, true
	m.tunnel.msk, m.tunnel.emsk, err = m.keys.keys(m.byEMSK)
	return err
}

// decline answers requests for more, of which we do none, with the gravest of the
// results that the server gave for that case (section 4.2.9). A success is ours to say
// only where all is bound.
func (m *teap) decline(actions []packet.RequestAction) packet.TLV {
	status := packet.ResultSuccess
	for _, a := range actions {
		if a.Status != uint8(packet.ResultSuccess) || !m.bound || m.run != nil {
			status = packet.ResultFailure
		}
	}
	return packet.StatusTLV(packet.TLVResult, status)
}

// method goes on with the inner method under way, or begins one.
func (m *teap) method(q teapMessage) ([]packet.TLV, error) {
	switch {
	case q.password != nil:
		return m.password(q)
	case q.eap == nil:
		return nil, nil
	}
	if m.run == nil {
		if q.eap.Type != packet.Identity {
			return nil, unexpected("inner EAP that begins with type %d, and not with Identity", q.eap.Type)
		}
		who, credential := m.whom(q.identity)
		if credential == nil {
			return m.nobody(packet.TLVEAPPayload), nil
		}
		m.run = &teapRun{who: who, eap: newInnerEAP(m.tunnel.cfg, credential)}
		m.ran++
	}
	a, err := m.run.eap.next(*q.eap)
	if err != nil {
		return nil, err
	}
	return q.named(m.run.who, packet.EAPPayloadTLV(a)), nil
}

// password answers Basic-Password-Auth-Req, once for each identity (section 4.2.3).
func (m *teap) password(q teapMessage) ([]packet.TLV, error) {
	if m.run != nil {
		return nil, unexpected("a request for a password while another method is under way")
	}
	if *q.password == "" && !m.tunnel.cfg.RFC7170 {
		return nil, unexpected("a request for a password without a prompt")
	}
	who, credential := m.whom(q.identity)
	if credential == nil || credential.Method != "password" {
		return m.nobody(packet.TLVPasswordRequest), nil
	}
	tlv, err := packet.PasswordTLV(credential.Identity, credential.Password.Reveal())
	if err != nil {
		return nil, err
	}
	m.run = &teapRun{who: who}
	m.ran++
	return q.named(who, tlv), nil
}

// nobody declines a method that we have nothing for (section 3.6.3).
func (*teap) nobody(kind uint16) []packet.TLV { return []packet.TLV{packet.NAKTLV(0, kind)} }

// whom chooses who answers: whom the server asks for, else whom we have, best of all
// somebody who has not been proved yet (section 4.2.3).
func (m *teap) whom(asked uint16) (uint16, *Credential) {
	cfg := m.tunnel.cfg
	have := [3]*Credential{packet.IdentityUser: cfg.Person, packet.IdentityMachine: cfg.Machine}
	if int(asked) < len(have) && have[asked] != nil {
		return asked, have[asked]
	}
	order := []uint16{packet.IdentityUser, packet.IdentityMachine}
	for _, who := range order {
		if have[who] != nil && !m.proved[who] {
			return who, have[who]
		}
	}
	for _, who := range order {
		if have[who] != nil {
			return who, have[who]
		}
	}
	return 0, nil
}
