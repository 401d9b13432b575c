package eap

import (
	"context"
	"crypto/subtle"
	"fmt"
	"slices"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// ttls is EAP-TTLSv0 (RFC 5281) with PAP, CHAP, MS-CHAP, MS-CHAPv2 or EAP inside.
type ttls struct {
	*tunnel
	phase2 ttlsPhase2
}

func newTTLS(c *conversation) Method {
	m := &ttls{tunnel: newTunnel(c, packet.TTLS, false)}
	m.opened, m.again = m.begin, m.welcome
	return m
}

// Close frees the handshake, and that of a method inside.
func (m *ttls) Close() {
	m.phase2.in.Close()
	m.tunnel.Close()
}

// begin follows the handshake. The supplicant speaks first inside the tunnel; in
// TLS 1.3 it may have done so already, in the same message as its Finished.
func (m *ttls) begin(ctx context.Context, rest []byte) (step, error) {
	m.listen()
	plain, failed, err := m.open(nil)
	if failed != nil {
		return *failed, err
	}
	if len(plain) > 0 {
		return m.hear(ctx, plain)
	}
	return step{send: rest}, nil
}

// welcome follows a handshake that resumed: nothing is asked inside (RFC 5281,
// section 7.5), unless the supplicant has begun with it. TLS 1.3 wants success to be
// promised under the tunnel's own keys, as EAP-TLS does (RFC 9427, section 5).
func (m *ttls) welcome(ctx context.Context, proofs []proved, _ []byte) (step, error) {
	m.listen()
	plain, failed, err := m.open(nil)
	switch {
	case failed != nil:
		return *failed, err
	case len(plain) > 0:
		m.anew()
		return m.hear(ctx, plain)
	case !m.version13():
		return m.finish(proofs...)
	}
	m.stage("success promised")
	m.next = func(ctx context.Context, message []byte) (step, error) {
		if len(message) > 0 {
			m.anew()
			return m.inside(ctx, message)
		}
		return m.finish(proofs...)
	}
	return m.say(nil, []byte{0})
}

// anew forgets whom a resumed session proved: the supplicant proves who it is again, and
// it may be somebody else.
func (m *ttls) anew() {
	trace := &m.c.trace
	trace.Identity, trace.Device, trace.Certificate = realms.Identity{}, realms.Identity{}, realms.Certificate{}
	trace.Inner, trace.Resumed = "", false
}

func (m *ttls) listen() {
	m.phase2 = ttlsPhase2{c: m.c, challenge: m.tls.TTLSChallengeOf}
	m.phase2.next = m.phase2.credentials
	m.next = m.inside
}

// inside takes one message in the tunnel.
func (m *ttls) inside(ctx context.Context, message []byte) (step, error) {
	plain, failed, err := m.open(message)
	if failed != nil {
		return *failed, err
	}
	return m.hear(ctx, plain)
}

func (m *ttls) hear(ctx context.Context, plain []byte) (step, error) {
	reply, proofs, err := m.phase2.next(ctx, plain)
	switch {
	case err != nil:
		return step{}, err
	case proofs != nil:
		return m.finish(proofs...)
	}
	return m.say(nil, reply)
}

// ttlsPhase2 is what is said inside, without TLS.
//
//	credentials -> the end (PAP, CHAP, MS-CHAP)
//	            -> successTold -> the end, failureTold -> failure (MS-CHAPv2)
//	            -> eap -> the end
type ttlsPhase2 struct {
	c         *conversation
	challenge func(n int) ([]byte, error) // implicit (RFC 5281, section 11.1)
	in        *inner                      // when it is EAP

	next    func(ctx context.Context, plain []byte) (reply []byte, end []proved, err error)
	proofs  []proved
	failure error
}

// credentials takes the first message: a name and what proves it.
func (m *ttlsPhase2) credentials(ctx context.Context, plain []byte) ([]byte, []proved, error) {
	m.next = m.over
	msg, err := readTTLS(plain)
	if err != nil {
		return nil, nil, err
	}
	way, err := m.way(msg)
	if err != nil {
		return nil, nil, err
	}
	if way.name == "eap" {
		return m.beginEAP(ctx, msg)
	}
	m.c.trace.Inner, m.c.trace.Stage = way.name, "inner method"
	id, err := m.c.innerIdentity(msg[ttlsName])
	m.c.trace.Identity = id
	if err != nil {
		return nil, nil, err
	}
	return way.judge(m, ctx, id, msg)
}

// A ttlsWay is one kind of credentials.
type ttlsWay struct {
	name    string
	is      ttlsField // the AVP by which it is known
	besides ttlsField // one that it needs; 0: none
	judge   func(m *ttlsPhase2, ctx context.Context, id realms.Identity, msg ttlsMessage) ([]byte, []proved, error)
}

// ttlsWays is every kind of credentials. EAP is the inner conversation's.
var ttlsWays = []ttlsWay{
	{"pap", ttlsPassword, 0, (*ttlsPhase2).pap},
	{"chap", ttlsCHAPPassword, ttlsCHAPChallenge, (*ttlsPhase2).chap},
	{"mschap", ttlsMSCHAPResponse, ttlsMSCHAPChallenge, (*ttlsPhase2).mschap},
	{"mschapv2", ttlsMSCHAP2Response, ttlsMSCHAPChallenge, (*ttlsPhase2).mschapv2},
	{"eap", ttlsEAP, 0, nil},
}

// way finds the one kind of credentials in a message (S8) and says whether it is
// allowed.
func (m *ttlsPhase2) way(msg ttlsMessage) (*ttlsWay, error) {
	var found *ttlsWay
	for i := range ttlsWays {
		if msg[ttlsWays[i].is] == nil {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%s and %s in the tunnel: %w", found.name, ttlsWays[i].name, realms.ErrCredentialsMixed)
		}
		found = &ttlsWays[i]
	}
	switch {
	case found == nil:
		return nil, fmt.Errorf("nothing in the tunnel proves who it is: %w", realms.ErrCredentialsMissing)
	case !m.c.server.allowsInTTLS(found.name):
		return nil, fmt.Errorf("%s is not allowed inside TTLS: %w", found.name, realms.ErrNoMethod)
	case found.name != "eap" && msg[ttlsName] == nil:
		return nil, fmt.Errorf("no name in the tunnel: %w", realms.ErrCredentialsMissing)
	case found.besides != 0 && msg[found.besides] == nil:
		return nil, fmt.Errorf("%s in the tunnel without its challenge: %w", found.name, realms.ErrCredentialsMissing)
	}
	return found, nil
}

// allowsInTTLS tells whether a kind of credentials may come inside TTLS.
func (s *Server) allowsInTTLS(name string) bool {
	if name == "eap" {
		return len(s.inside) > 0
	}
	return slices.ContainsFunc(s.bare, func(m *method) bool { return m.Name == name }) ||
		name == "mschapv2" && slices.ContainsFunc(s.inside, func(m *method) bool { return m.Name == name })
}

// passes ends phase 2 well.
func (m *ttlsPhase2) passes(id realms.Identity, account realms.Account) []proved {
	return []proved{{identity: id, account: account, device: id.Machine(), inner: m.c.trace.Inner}}
}

// pap judges a password (RFC 5281, section 11.2.5).
func (m *ttlsPhase2) pap(ctx context.Context, id realms.Identity, msg ttlsMessage) ([]byte, []proved, error) {
	account, err := m.c.server.checkPassword(ctx, id, msg[ttlsPassword])
	if err != nil {
		return nil, nil, err
	}
	return nil, m.passes(id, account), nil
}

// chap judges an answer to the implicit challenge (RFC 5281, section 11.2.2): 16
// octets of challenge, and one that is the answer's identifier.
func (m *ttlsPhase2) chap(ctx context.Context, id realms.Identity, msg ttlsMessage) ([]byte, []proved, error) {
	response := msg[ttlsCHAPPassword]
	implicit, err := m.implicit(msg[ttlsCHAPChallenge], response, 16, 17)
	if err != nil {
		return nil, nil, err
	}
	account, err := m.c.server.verifyCHAP(ctx, id, response[0], implicit[:16], response[1:])
	if err != nil {
		return nil, nil, err
	}
	return nil, m.passes(id, account), nil
}

// mschap judges an answer to eight octets of the implicit challenge and the one that
// follows (RFC 5281, section 11.2.3).
func (m *ttlsPhase2) mschap(ctx context.Context, id realms.Identity, msg ttlsMessage) ([]byte, []proved, error) {
	response := msg[ttlsMSCHAPResponse]
	implicit, err := m.implicit(msg[ttlsMSCHAPChallenge], response, 8, 50)
	if err != nil {
		return nil, nil, err
	}
	account, err := m.c.server.verifyMSCHAP(ctx, id, [8]byte(implicit), [24]byte(response[26:]))
	if err != nil {
		return nil, nil, err
	}
	return nil, m.passes(id, account), nil
}

// mschapv2 judges an MSCHAPv2 response to the implicit challenge (RFC 5281, section
// 11.2.4): 16 octets of challenge, and one that is the response's identifier.
func (m *ttlsPhase2) mschapv2(ctx context.Context, id realms.Identity, msg ttlsMessage) ([]byte, []proved, error) {
	response := msg[ttlsMSCHAP2Response]
	implicit, err := m.implicit(msg[ttlsMSCHAPChallenge], response, 16, 50)
	if err != nil {
		return nil, nil, err
	}
	x := exchange{name: string(msg[ttlsName])}
	copy(x.authenticator[:], implicit)
	copy(x.peer[:], response[2:])
	copy(x.response[:], response[26:])
	good, err := m.c.server.judge(ctx, id, x)
	if err != nil && ours(err) {
		return nil, nil, err
	}
	if err != nil {
		return m.passwordBad(response[0], err), nil, nil
	}
	m.proofs = m.passes(id, good.account)
	m.next = m.successTold
	m.c.trace.Stage = "inner success sent"
	return m.reply(packet.AVPMSCHAP2Success, response[0], good.response), nil, nil
}

// implicit holds a challenge and its answer to the tunnel's own (P52): n octets of
// challenge, and the answer's first octet, its identifier.
func (m *ttlsPhase2) implicit(challenge, response []byte, n, length int) ([]byte, error) {
	implicit, err := m.challenge(n)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", realms.ErrTLS, err)
	}
	if len(response) != length || subtle.ConstantTimeCompare(challenge, implicit[:n]) != 1 || response[0] != implicit[n] {
		return nil, fmt.Errorf("the challenge or identifier is not the tunnel's: %w", realms.ErrInnerProtocol)
	}
	return implicit, nil
}

func (m *ttlsPhase2) passwordBad(id uint8, err error) []byte {
	m.failure = err
	m.c.tell(err)
	m.next = m.failureTold
	m.c.trace.Stage = "inner failure sent"
	return m.reply(packet.AVPMSCHAPError, id, m.c.server.failureText(err))
}

func (m *ttlsPhase2) reply(code uint32, id uint8, text string) []byte {
	return packet.AppendAVP(nil, packet.AVP{
		Code: code, Vendor: packet.VendorMicrosoft, Mandatory: true, Data: append([]byte{id}, text...),
	})
}

// successTold takes the empty message by which the supplicant says that our proof
// is good as well.
func (m *ttlsPhase2) successTold(_ context.Context, plain []byte) ([]byte, []proved, error) {
	m.next = m.over
	if len(plain) > 0 {
		return nil, nil, fmt.Errorf("%d octets after success: %w", len(plain), realms.ErrInnerProtocol)
	}
	return nil, m.proofs, nil
}

// failureTold takes whatever follows the failure.
func (m *ttlsPhase2) failureTold(context.Context, []byte) ([]byte, []proved, error) {
	m.next = m.over
	return nil, nil, m.failure
}

// over is the state after the end.
func (m *ttlsPhase2) over(context.Context, []byte) ([]byte, []proved, error) {
	return nil, nil, fmt.Errorf("the tunnel is at its end: %w", realms.ErrInnerProtocol)
}

// beginEAP takes the identity by which the supplicant begins EAP of its own accord
// (RFC 5281, section 11.2.1).
func (m *ttlsPhase2) beginEAP(ctx context.Context, msg ttlsMessage) ([]byte, []proved, error) {
	m.in = newInner(m.c)
	if p, err := packet.Parse(msg[ttlsEAP]); err == nil {
		m.in.id = p.ID
	}
	m.next = m.eap
	return m.hearEAP(ctx, msg)
}

// eap takes one message of EAP.
func (m *ttlsPhase2) eap(ctx context.Context, plain []byte) ([]byte, []proved, error) {
	msg, err := readTTLS(plain)
	if err == nil && msg[ttlsEAP] == nil {
		err = fmt.Errorf("no EAP where it was under way: %w", realms.ErrInnerProtocol)
	}
	if err == nil {
		_, err = m.way(msg)
	}
	if err != nil {
		m.next = m.over
		return nil, nil, err
	}
	return m.hearEAP(ctx, msg)
}

func (m *ttlsPhase2) hearEAP(ctx context.Context, msg ttlsMessage) ([]byte, []proved, error) {
	p, err := packet.Parse(msg[ttlsEAP])
	if err != nil {
		err = fmt.Errorf("%w: %w", realms.ErrInnerProtocol, err)
	}
	var step innerStep
	if err == nil {
		step, err = m.in.hear(ctx, p)
	}
	if err != nil || step.done != nil {
		m.next = m.over
	}
	switch {
	case err != nil:
		return nil, nil, err
	case step.done != nil:
		return nil, step.done.proofs, nil
	}
	return packet.AppendAVP(nil, packet.AVP{Code: packet.AVPEAPMessage, Mandatory: true, Data: step.request.Encode()}), nil, nil
}
