package supplicant

// eapTLS is EAP-TLS: nothing is said inside the tunnel but one octet
// (RFC 5216, RFC 9190).
type eapTLS struct{ tunnel *tunnel }

func newTLS(t *tunnel) phase2 { return &eapTLS{t} }

// begin finishes TLS 1.2 at once. In TLS 1.3 the client is done before the server
// has looked at its certificate, so the server must say that it is content.
func (m *eapTLS) begin() error {
	m.tunnel.finished = !m.tunnel.tls13()
	return nil
}

// hear waits for the protected success, one octet of zero (RFC 9190, section 2.1.1).
// Tickets come before it or with it, and show here as silence.
func (m *eapTLS) hear(plain []byte, _ uint8) ([]byte, error) {
	switch {
	case len(plain) == 0:
		return nil, nil
	case m.tunnel.tls13() && !m.tunnel.finished && protectedSuccess(plain):
		m.tunnel.finished = true
		return nil, nil
	}
	return nil, broke("%d octets of application data in EAP-TLS", len(plain))
}

func protectedSuccess(plain []byte) bool { return len(plain) == 1 && plain[0] == 0 }

func (*eapTLS) close() {}
