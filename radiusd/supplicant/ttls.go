package supplicant

import (
	"crypto/md5"
	"fmt"
	"slices"

	"layeh.com/radius/rfc2759"

	"causeway/radiusd/eap/packet"
)

// A ttls is EAP-TTLSv0 (RFC 5281): the client speaks first inside the tunnel, as
// soon as it has the turn.
type ttls struct {
	tunnel      *tunnel
	credentials func() ([]byte, error)                            // our AVPs
	reply       func(avps []packet.AVP, id uint8) ([]byte, error) // to the server's
	end         func()                                            // nil: nothing to free
	sent        bool
}

func (m *ttls) close() {
	if m.end != nil {
		m.end()
	}
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

// newTTLSSimple is for the methods in which we say all that there is at once: the
// server's answer is EAP-Success or Failure.
func newTTLSSimple(t *tunnel, credentials func() ([]packet.AVP, error)) phase2 {
	return &ttls{
		tunnel: t,
		credentials: func() ([]byte, error) {
			avps, err := credentials()
			if err != nil {
				return nil, err
			}
			t.finished = true
			out := packet.AppendAVP(nil, packet.AVP{Code: packet.AVPUserName, Mandatory: true, Data: []byte(t.cfg.User)})
			for _, a := range avps {
				out = packet.AppendAVP(out, a)
			}
			return out, nil
		},
		reply: func(avps []packet.AVP, _ uint8) ([]byte, error) { return nil, unknown(avps) },
	}
}

// newTTLSPAP sends the password as it is (RFC 5281, section 11.2.5).
func newTTLSPAP(t *tunnel) phase2 {
	return newTTLSSimple(t, func() ([]packet.AVP, error) {
		password := []byte(t.cfg.Password.Reveal())
		for len(password)%16 != 0 { // hides its length
			password = append(password, 0)
		}
		return []packet.AVP{{Code: packet.AVPUserPassword, Mandatory: true, Data: password}}, nil
	})
}

// newTTLSCHAP answers the tunnel's challenge of 16 octets with MD5 over its identifier,
// the password and the challenge (RFC 5281, section 11.2.2; RFC 1994, section 4.1).
func newTTLSCHAP(t *tunnel) phase2 {
	return newTTLSSimple(t, func() ([]packet.AVP, error) {
		drawn, err := t.engine.TTLSChallenge()
		if err != nil {
			return nil, err
		}
		challenge, ident := drawn[:16], drawn[16]
		sum := md5.Sum(slices.Concat([]byte{ident}, []byte(t.cfg.Password.Reveal()), challenge)) //nolint:gosec // what CHAP is
		return []packet.AVP{
			{Code: packet.AVPCHAPChallenge, Mandatory: true, Data: challenge},
			{Code: packet.AVPCHAPPassword, Mandatory: true, Data: append([]byte{ident}, sum[:]...)},
		}, nil
	})
}

// newTTLSMSCHAP answers the tunnel's challenge of 8 octets with the NT hash alone: no
// LAN Manager response is sent, and Flags say so (RFC 5281, section 11.2.3; RFC 2548,
// section 2.1.3).
func newTTLSMSCHAP(t *tunnel) phase2 {
	const useNT = 1
	return newTTLSSimple(t, func() ([]packet.AVP, error) {
		drawn, err := t.engine.TTLSChallengeOf(8)
		if err != nil {
			return nil, err
		}
		secret, err := rfc2759.ToUTF16([]byte(t.cfg.Password.Reveal()))
		if err != nil {
			return nil, fmt.Errorf("%w: the password is not text", ErrConfig)
		}
		response := append([]byte{drawn[8], useNT}, make([]byte, 24)...)
		response = append(response, rfc2759.ChallengeResponse(drawn[:8], rfc2759.NTPasswordHash(secret))...)
		return []packet.AVP{microsoft(packet.AVPMSCHAPChallenge, drawn[:8]), microsoft(packet.AVPMSCHAPResponse, response)}, nil
	})
}

// newTTLSEAP speaks EAP in EAP-Message AVPs, of which we begin with our identity
// (RFC 5281, section 11.2.1).
func newTTLSEAP(inner string) func(*tunnel) phase2 {
	return func(t *tunnel) phase2 {
		m := &ttlsEAP{tunnel: t, inner: newInnerEAP(t.cfg, t.cfg.inside(inner))}
		return &ttls{tunnel: t, credentials: m.credentials, reply: m.reply, end: m.inner.close}
	}
}

type ttlsEAP struct {
	tunnel *tunnel
	inner  *innerEAP
}

func (m *ttlsEAP) credentials() ([]byte, error) {
	return m.say(m.inner.identity()), nil
}

func (*ttlsEAP) say(p packet.Packet) []byte {
	return packet.AppendAVP(nil, packet.AVP{Code: packet.AVPEAPMessage, Mandatory: true, Data: p.Encode()})
}

// reply answers what the server says in EAP, whose parts are joined (RFC 5281, section
// 10.1 knows no limit that would need them).
func (m *ttlsEAP) reply(avps []packet.AVP, _ uint8) ([]byte, error) {
	var eap []byte
	others := slices.DeleteFunc(slices.Clone(avps), func(a packet.AVP) bool {
		mine := a.Vendor == 0 && a.Code == packet.AVPEAPMessage
		if mine {
			eap = append(eap, a.Data...)
		}
		return mine
	})
	if err := unknown(others); err != nil || eap == nil {
		return nil, err
	}
	q, err := packet.Parse(eap)
	if err != nil {
		return nil, broke("%w", err)
	}
	switch q.Code {
	case packet.Success:
		// FreeRADIUS never says it here; whoever does may only when it is so.
		if !m.inner.proved() {
			return nil, broke("EAP-Success inside before the inner method succeeded")
		}
		return nil, nil
	case packet.Failure:
		m.fail()
		return nil, nil
	}
	a, err := m.inner.next(q)
	if err != nil {
		return nil, err
	}
	switch {
	case m.inner.proved():
		m.tunnel.finished = true
	case m.inner.done():
		m.fail()
	}
	return m.say(a), nil
}

// fail notes that the inner method ended badly, and on whose account.
func (m *ttlsEAP) fail() {
	words, err := m.inner.refusal()
	m.tunnel.reject(words)
	m.tunnel.refused = err
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
