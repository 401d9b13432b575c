package supplicant

import (
	"causeway/radiusd/eap/packet"
)

// A ttls is EAP-TTLSv0 (RFC 5281): the client speaks first inside the tunnel, as
// soon as it has the turn.
type ttls struct {
	tunnel      *tunnel
	credentials func() ([]byte, error)                            // our AVPs
	reply       func(avps []packet.AVP, id uint8) ([]byte, error) // to the server's
	sent        bool
}

// begin: a resumed tunnel needs no credentials when the server says so by
// EAP-Success (RFC 5281, section 7.7); when it gives us the turn instead, they are sent.
func (m *ttls) begin() error {
	m.tunnel.finished = m.tunnel.resumed()
	return nil
}

func (m *ttls) hear(plain []byte, id uint8) ([]byte, error) {
	switch {
	case !m.sent && len(plain) == 0:
		m.sent, m.tunnel.finished = true, false
		return m.credentials()
	case !m.sent && m.tunnel.resumed() && m.tunnel.tls13() && protectedSuccess(plain):
		return nil, nil // RFC 9427, section 5
	case len(plain) == 0:
		return nil, nil
	}
	avps, err := packet.ParseAVPs(plain)
	if err != nil {
		return nil, broke("%w", err)
	}
	return m.reply(avps, id)
}

// unknown tells of an AVP that must be understood and is not (RFC 5281, section 10.1).
func unknown(avps []packet.AVP) error {
	for _, a := range avps {
		if a.Mandatory {
			return broke("mandatory AVP %d of vendor %d", a.Code, a.Vendor)
		}
	}
	return nil
}

// newTTLSPAP sends the password as it is (RFC 5281, section 11.2.5). The server's
// answer is EAP-Success or Failure.
func newTTLSPAP(t *tunnel) phase2 {
	return &ttls{
		tunnel: t,
		credentials: func() ([]byte, error) {
			t.finished = true
			password := []byte(t.cfg.Password.Reveal())
			for len(password)%16 != 0 { // hides its length
				password = append(password, 0)
			}
			avps := packet.AppendAVP(nil, packet.AVP{Code: packet.AVPUserName, Mandatory: true, Data: []byte(t.cfg.User)})
			return packet.AppendAVP(avps, packet.AVP{Code: packet.AVPUserPassword, Mandatory: true, Data: password}), nil
		},
		reply: func(avps []packet.AVP, _ uint8) ([]byte, error) { return nil, unknown(avps) },
	}
}

// newTTLSMSCHAPv2 answers the challenge that both sides draw from the tunnel
// (RFC 5281, section 11.2.4).
func newTTLSMSCHAPv2(t *tunnel) phase2 {
	m := &ttlsMSCHAPv2{tunnel: t}
	return &ttls{tunnel: t, credentials: m.credentials, reply: m.reply}
}

type ttlsMSCHAPv2 struct {
	tunnel *tunnel
	ident  uint8
	answer mschapv2
}

func (m *ttlsMSCHAPv2) credentials() ([]byte, error) {
	challenge, err := m.tunnel.engine.TTLSChallenge()
	if err != nil {
		return nil, err
	}
	m.ident = challenge[16]
	m.answer, err = answerMSCHAPv2(challenge[:16], m.tunnel.cfg.User, m.tunnel.cfg.Password)
	if err != nil {
		return nil, err
	}
	// MS-CHAP2-Response: Ident, Flags, Peer-Challenge, Reserved, Response (RFC 2548,
	// section 2.3.2).
	response := append([]byte{m.ident, 0}, m.answer.peer[:]...)
	response = append(response, make([]byte, 8)...)
	response = append(response, m.answer.response...)
	avps := packet.AppendAVP(nil, packet.AVP{Code: packet.AVPUserName, Mandatory: true, Data: []byte(m.tunnel.cfg.User)})
	avps = packet.AppendAVP(avps, microsoft(packet.AVPMSCHAPChallenge, challenge[:16]))
	return packet.AppendAVP(avps, microsoft(packet.AVPMSCHAP2Response, response)), nil
}

func microsoft(code uint32, data []byte) packet.AVP {
	return packet.AVP{Code: code, Vendor: packet.VendorMicrosoft, Mandatory: true, Data: data}
}

// reply answers MS-CHAP2-Success and MS-CHAP-Error, both with silence: EAP-Success
// or Failure follows. Either starts with our Ident.
func (m *ttlsMSCHAPv2) reply(avps []packet.AVP, _ uint8) ([]byte, error) {
	for _, a := range avps {
		if a.Vendor != packet.VendorMicrosoft || len(a.Data) < 1 {
			continue
		}
		switch a.Code {
		case packet.AVPMSCHAP2Success:
			if a.Data[0] != m.ident {
				return nil, broke("MS-CHAP2-Success for another identifier")
			}
			if err := m.answer.verify(a.Data[1:]); err != nil {
				return nil, err
			}
			m.tunnel.finished = true
			return nil, nil
		case packet.AVPMSCHAPError:
			m.tunnel.reject(string(a.Data[1:]))
			return nil, nil
		}
	}
	return nil, unknown(avps)
}
