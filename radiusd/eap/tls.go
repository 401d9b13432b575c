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
	outer  realms.Identity // what the certificate's name must agree with
	proofs []proved
}

func newTLS(c *conversation) Method {
	m := &eapTLS{tunnel: newTunnel(c, packet.TLS, true), outer: c.outer}
	m.opened, m.again = m.certificateGood, m.welcome
	return m
}

// newInnerTLS is EAP-TLS inside a tunnel: the name there is its outer one, and it
// resumes nothing (RFC 9930, section 3.6.5).
func newInnerTLS(in *inner) Method {
	m := &eapTLS{tunnel: newTunnel(in.c, packet.TLS, true), outer: in.who}
	m.inside, m.opened = true, m.certificateGood
	return m
}

// certificateGood follows the handshake, in which the certificate was verified.
// In TLS 1.2 our Finished is still to go, and in TLS 1.3 one octet of zero that
// promises success under the tunnel's own keys (RFC 9190, section 2.5). Either is
// what a device takes for success, after which it discards an EAP-Failure
// (RFC 3748, section 4.2), so the account must be known to be good before.
func (m *eapTLS) certificateGood(ctx context.Context, rest []byte) (step, error) {
	p, err := m.c.server.vouchFor(ctx, m.outer, m.tls.State().VerifiedChains)
	m.c.credit(p)
	if err != nil {
		return step{}, err
	}
	if !m.version13() {
		m.proofs, m.next = []proved{p}, m.acknowledged
		return step{send: rest}, nil
	}
	return m.welcome(ctx, []proved{p}, rest)
}

// welcome promises success under TLS 1.3. A resumed handshake of TLS 1.2 ends with
// the device's message, and EAP-Success follows it (RFC 5216, section 2.1.2).
func (m *eapTLS) welcome(_ context.Context, proofs []proved, rest []byte) (step, error) {
	if !m.version13() {
		return m.finish(proofs...)
	}
	m.proofs = proofs
	m.stage("success promised")
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
	return m.finish(m.proofs...)
}
