package eap

import (
	"context"
	"fmt"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// eapTLS is EAP-TLS (RFC 5216, RFC 9190): the certificate is the credential.
type eapTLS struct {
	*tunnel
	account realms.Account
}

func newTLS(c *conversation) Method {
	m := &eapTLS{tunnel: newTunnel(c, packet.TLS, true)}
	m.opened, m.again = m.certificateGood, m.welcome
	return m
}

// certificateGood follows the handshake, in which the certificate was verified.
// In TLS 1.2 our Finished is still to go, and in TLS 1.3 one octet of zero that
// promises success under the tunnel's own keys (RFC 9190, section 2.5). Either is
// what a device takes for success, after which it discards an EAP-Failure
// (RFC 3748, section 4.2), so the account must be known to be good before.
func (m *eapTLS) certificateGood(ctx context.Context, rest []byte) (step, error) {
	account, err := m.authorise(ctx)
	if err != nil {
		return step{}, err
	}
	if !m.version13() {
		m.account, m.next = account, m.acknowledged
		return step{send: rest}, nil
	}
	return m.welcome(ctx, account, rest)
}

// welcome promises success under TLS 1.3. A resumed handshake of TLS 1.2 ends with
// the device's message, and EAP-Success follows it (RFC 5216, section 2.1.2).
func (m *eapTLS) welcome(_ context.Context, account realms.Account, rest []byte) (step, error) {
	if !m.version13() {
		return m.finish(account)
	}
	m.account = account
	m.c.trace.Stage = "success promised"
	m.next = m.acknowledged
	return m.say(rest, []byte{0})
}

// acknowledged takes the empty answer to our last message.
func (m *eapTLS) acknowledged(_ context.Context, message []byte) (step, error) {
	if len(message) > 0 {
		plain, failed, err := m.open(message)
		if failed != nil {
			return *failed, err
		}
		return step{}, fmt.Errorf("%d octets after the handshake: %w", len(plain), realms.ErrInnerProtocol)
	}
	return m.finish(m.account)
}

// authorise judges the certificate that this handshake verified.
func (m *eapTLS) authorise(ctx context.Context) (realms.Account, error) {
	p, err := m.c.server.vouchFor(ctx, m.c.outer, m.tls.State().VerifiedChains)
	m.c.credit(p)
	return p.account, err
}
