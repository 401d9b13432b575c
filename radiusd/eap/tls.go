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
	m.opened = m.certificateGood
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
	m.account = account
	if !m.version13() {
		m.next = m.acknowledged
		return step{send: rest}, nil
	}
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

// authorise finds whose certificate it is, holds the name to the outer one (R4,
// R5) and looks the account up.
func (m *eapTLS) authorise(ctx context.Context) (realms.Account, error) {
	names := certificateNames(m.tls.State().PeerCertificates[0])
	id, err := m.c.server.chooseName(m.c.outer, names)
	if err != nil {
		return realms.Account{}, err
	}
	m.c.trace.Identity = id
	if m.c.server.cfg.Directory == nil {
		return realms.Account{Name: id.String(), GroupsUnknown: true}, nil
	}
	account, err := m.c.server.cfg.Directory.Lookup(ctx, id)
	return account, reasoned(err)
}
