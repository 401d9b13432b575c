package eap

import (
	"context"
	"crypto/subtle"
	"fmt"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// ttls is EAP-TTLSv0 (RFC 5281) with PAP or MSCHAPv2 inside.
type ttls struct {
	*tunnel
	inner ttlsInner
}

func newTTLS(c *conversation) Method {
	m := &ttls{tunnel: newTunnel(c, packet.TTLS, false)}
	m.opened, m.again = m.begin, m.welcome
	return m
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
func (m *ttls) welcome(ctx context.Context, account realms.Account, _ []byte) (step, error) {
	m.listen()
	plain, failed, err := m.open(nil)
	switch {
	case failed != nil:
		return *failed, err
	case len(plain) > 0:
		return m.hear(ctx, plain)
	case !m.version13():
		return m.finish(account)
	}
	m.c.trace.Stage = "success promised"
	m.next = func(ctx context.Context, message []byte) (step, error) {
		if len(message) > 0 {
			return m.inside(ctx, message)
		}
		return m.finish(account)
	}
	return m.say(nil, []byte{0})
}

func (m *ttls) listen() {
	m.inner = ttlsInner{c: m.c, challenge: m.tls.TTLSChallenge}
	m.inner.next = m.inner.credentials
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
	reply, account, err := m.inner.next(ctx, plain)
	switch {
	case err != nil:
		return step{}, err
	case account != nil:
		return m.finish(*account)
	}
	return m.say(nil, reply)
}

// ttlsInner is what is said inside, without TLS.
//
//	credentials -> the end (PAP)
//	            -> successTold -> the end, failureTold -> failure (MSCHAPv2)
type ttlsInner struct {
	c         *conversation
	challenge func() ([]byte, error) // implicit (RFC 5281, section 11.1)

	next    func(ctx context.Context, plain []byte) (reply []byte, end *realms.Account, err error)
	account realms.Account
	failure error
}

// ttlsMessage is what may come inside, by name.
type ttlsMessage struct {
	name, password      []byte
	challenge, response []byte
	other               bool // CHAP, MS-CHAP or EAP, which are known and not offered
}

// credentials takes the first message: a name and what proves it.
func (m *ttlsInner) credentials(ctx context.Context, plain []byte) ([]byte, *realms.Account, error) {
	m.next = m.over
	msg, err := readTTLS(plain)
	if err != nil {
		return nil, nil, err
	}
	if err := m.identify(msg.name); err != nil {
		return nil, nil, err
	}
	m.c.trace.Stage = "inner method"
	if msg.password != nil {
		m.c.trace.Inner = "pap"
		account, err := m.c.server.checkPassword(ctx, m.c.trace.Identity, msg.password)
		if err != nil {
			return nil, nil, err
		}
		return nil, &account, nil
	}
	m.c.trace.Inner = "mschapv2"
	return m.mschapv2(ctx, msg)
}

// readTTLS sorts the AVPs. One that is not known and says that it must be is an
// error (RFC 5281, section 10.1), and so is one that comes twice.
func readTTLS(plain []byte) (msg ttlsMessage, err error) {
	avps, err := packet.ParseAVPs(plain)
	if err != nil {
		return msg, fmt.Errorf("%w: %w", realms.ErrInnerProtocol, err)
	}
	for _, a := range avps {
		place, known := msg.place(a)
		switch {
		case !known && a.Mandatory:
			return msg, fmt.Errorf("AVP %d of vendor %d must be understood and is not: %w", a.Code, a.Vendor, realms.ErrInnerProtocol)
		case place == nil:
		case *place != nil:
			return msg, fmt.Errorf("AVP %d comes twice: %w", a.Code, realms.ErrInnerProtocol)
		default:
			*place = a.Data
		}
	}
	return msg, msg.check()
}

// place returns where an AVP goes; nil when its content is of no interest.
func (msg *ttlsMessage) place(a packet.AVP) (place *[]byte, known bool) {
	const chapChallenge, msCHAPResponse = 60, 1
	switch [2]uint32{a.Vendor, a.Code} {
	case [2]uint32{0, packet.AVPUserName}:
		return &msg.name, true
	case [2]uint32{0, packet.AVPUserPassword}:
		return &msg.password, true
	case [2]uint32{packet.VendorMicrosoft, packet.AVPMSCHAPChallenge}:
		return &msg.challenge, true
	case [2]uint32{packet.VendorMicrosoft, packet.AVPMSCHAP2Response}:
		return &msg.response, true
	case [2]uint32{0, packet.AVPCHAPPassword}, [2]uint32{0, chapChallenge}, [2]uint32{0, packet.AVPEAPMessage},
		[2]uint32{packet.VendorMicrosoft, msCHAPResponse}:
		msg.other = true
		return nil, true
	}
	return nil, false
}

// check wants one kind of credentials (S8).
func (msg *ttlsMessage) check() error {
	switch {
	case msg.password != nil && (msg.response != nil || msg.other), msg.response != nil && msg.other:
		return fmt.Errorf("two kinds of credentials in the tunnel: %w", realms.ErrCredentialsMixed)
	case msg.other:
		return fmt.Errorf("only PAP and MSCHAPv2 inside TTLS: %w", realms.ErrNoMethod)
	case msg.name == nil, msg.password == nil && msg.response == nil:
		return fmt.Errorf("no name, or nothing that proves it, in the tunnel: %w", realms.ErrCredentialsMissing)
	}
	return nil
}

func (m *ttlsInner) identify(name []byte) error {
	id, err := m.c.innerIdentity(name)
	m.c.trace.Identity = id
	return err
}

// mschapv2 judges an MSCHAPv2 response to the implicit challenge (RFC 5281, section
// 11.2.4): 16 octets of challenge, and one that is the response's identifier.
func (m *ttlsInner) mschapv2(ctx context.Context, msg ttlsMessage) ([]byte, *realms.Account, error) {
	implicit, err := m.challenge()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", realms.ErrTLS, err)
	}
	if len(msg.response) != 50 || len(msg.challenge) != 16 ||
		subtle.ConstantTimeCompare(msg.challenge, implicit[:16]) != 1 || msg.response[0] != implicit[16] {
		return nil, nil, fmt.Errorf("the challenge or identifier is not the tunnel's: %w", realms.ErrInnerProtocol)
	}
	x := exchange{name: string(msg.name)}
	copy(x.authenticator[:], implicit)
	copy(x.peer[:], msg.response[2:])
	copy(x.response[:], msg.response[26:])
	good, err := m.c.server.judge(ctx, m.c.trace.Identity, x)
	if err != nil && ours(err) {
		return nil, nil, err
	}
	if err != nil {
		return m.passwordBad(implicit[16], err), nil, nil
	}
	m.account = good.account
	m.next = m.successTold
	m.c.trace.Stage = "inner success sent"
	return m.reply(packet.AVPMSCHAP2Success, implicit[16], good.response), nil, nil
}

func (m *ttlsInner) passwordBad(id uint8, err error) []byte {
	m.failure = err
	m.c.tell(err)
	m.next = m.failureTold
	m.c.trace.Stage = "inner failure sent"
	return m.reply(packet.AVPMSCHAPError, id, m.c.server.failureText())
}

func (m *ttlsInner) reply(code uint32, id uint8, text string) []byte {
	return packet.AppendAVP(nil, packet.AVP{
		Code: code, Vendor: packet.VendorMicrosoft, Mandatory: true, Data: append([]byte{id}, text...),
	})
}

// successTold takes the empty message by which the supplicant says that our proof
// is good as well.
func (m *ttlsInner) successTold(_ context.Context, plain []byte) ([]byte, *realms.Account, error) {
	m.next = m.over
	if len(plain) > 0 {
		return nil, nil, fmt.Errorf("%d octets after success: %w", len(plain), realms.ErrInnerProtocol)
	}
	return nil, &m.account, nil
}

// failureTold takes whatever follows the failure.
func (m *ttlsInner) failureTold(context.Context, []byte) ([]byte, *realms.Account, error) {
	m.next = m.over
	return nil, nil, m.failure
}

// over is the state after the end.
func (m *ttlsInner) over(context.Context, []byte) ([]byte, *realms.Account, error) {
	return nil, nil, fmt.Errorf("the tunnel is at its end: %w", realms.ErrInnerProtocol)
}
