package supplicant

import (
	"errors"

	"causeway/radiusd/eap/packet"
)

// A peap is PEAPv0 ([MS-PEAP]): EAP again inside the tunnel, its header left out,
// and a Result TLV both ways at the end.
type peap struct {
	tunnel *tunnel
	inner  *innerEAP
	ended  bool // a Result TLV was answered
}

func newPEAP(inner string) func(*tunnel) phase2 {
	return func(t *tunnel) phase2 {
		return &peap{tunnel: t, inner: newInnerEAP(t.cfg, t.cfg.inside(inner))}
	}
}

func (m *peap) close() { m.inner.close() }

// begin does nothing: even a resumed tunnel ends in a Result TLV, or in the octet
// that stands for it in TLS 1.3.
func (*peap) begin() error { return nil }

func (m *peap) hear(plain []byte, id uint8) ([]byte, error) {
	if len(plain) == 0 {
		return nil, nil
	}
	if m.tunnel.resumed() && m.tunnel.tls13() && protectedSuccess(plain) && !m.ended {
		// FreeRADIUS says it both ways: the octet, then a Result TLV.
		m.tunnel.finished = true
		return nil, nil
	}
	q, err := packet.ParseInner(plain, packet.Request, id)
	if err != nil {
		return nil, broke("%w", err)
	}
	if m.ended {
		return nil, broke("inner type %d after the result", q.Type)
	}
	if q.Type != packet.Extensions {
		a, err := m.inner.next(q)
		if err != nil {
			return nil, err
		}
		return a.EncodeInner(), nil
	}
	a := packet.Packet{Code: packet.Response, ID: q.ID, Type: q.Type}
	if a.Data, err = m.result(q.Data); err != nil {
		return nil, err
	}
	return a.EncodeInner(), nil
}

// result answers the Result TLV in kind; a success that we do not believe is
// answered with failure.
func (m *peap) result(data []byte) ([]byte, error) {
	tlvs, err := packet.ParseTLVs(data)
	if err != nil {
		return nil, broke("%w", err)
	}
	m.ended = true
	switch packet.Result(tlvs) {
	case packet.ResultFailure:
		words, err := m.inner.refusal()
		m.tunnel.reject(words)
		m.tunnel.refused = err // inside it was we who refused
		return packet.ResultTLV(packet.ResultFailure), nil
	case packet.ResultSuccess:
		return m.success(tlvs), nil
	}
	return nil, broke("TLVs without a result")
}

func (m *peap) success(tlvs []packet.TLV) []byte {
	no := func(err error) []byte {
		m.tunnel.deny(err)
		return packet.ResultTLV(packet.ResultFailure)
	}
	if !m.inner.proved() && (m.inner.begun() || !m.tunnel.resumed()) {
		return no(broke("a success result before the inner method succeeded"))
	}
	for _, t := range tlvs {
		if t.Type == packet.TLVCryptoBinding {
			answer, err := m.bind(t)
			if err != nil {
				return no(err)
			}
			m.tunnel.finished = true
			return append(packet.ResultTLV(packet.ResultSuccess), answer...)
		}
	}
	if m.tunnel.cfg.RequireBinding {
		return no(errors.Join(ErrUntrusted, errors.New("no crypto-binding")))
	}
	m.tunnel.finished = true
	return packet.ResultTLV(packet.ResultSuccess)
}
