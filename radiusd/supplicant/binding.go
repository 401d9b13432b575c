package supplicant

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"fmt"

	"causeway/radiusd/eap/packet"
)

// The Crypto-Binding TLV's value ([MS-PEAP], section 2.2.8.1.1): Reserved, Version,
// RecvVersion, SubType, Nonce (32), Compound MAC (20).
const (
	bindingLength   = 56
	bindingMAC      = 36
	bindingRequest  = 0
	bindingResponse = 1
)

// bind verifies the server's crypto-binding, which proves that the two ends of the
// tunnel are those of the inner method, and returns our TLV. From then on the MSK comes
// from both ([MS-PEAP], section 3.1.5.5).
func (m *peap) bind(request packet.TLV) ([]byte, error) {
	value := request.Value
	if len(value) != bindingLength || value[1] != 0 || value[2] != 0 || value[3] != bindingRequest {
		return nil, broke("a crypto-binding of another shape")
	}
	ipmk, cmk := m.compoundKeys()
	if subtle.ConstantTimeCompare(compoundMAC(cmk, request), value[bindingMAC:]) != 1 {
		return nil, fmt.Errorf("%w: its crypto-binding is false", ErrUntrusted)
	}
	answer := packet.TLV{Type: packet.TLVCryptoBinding, Value: make([]byte, bindingLength)}
	answer.Value[3] = bindingResponse
	if _, err := rand.Read(answer.Value[4:bindingMAC]); err != nil {
		return nil, err
	}
	copy(answer.Value[bindingMAC:], compoundMAC(cmk, answer))
	m.tunnel.msk = prfPlus(ipmk, "Session Key Generating Function", []byte{0}, 128)[:packet.MSKLength]
	return packet.AppendTLV(nil, answer), nil
}

// compoundKeys mixes the tunnel's key with the first 32 octets of the inner method's,
// zeros where it makes none. Where a resumed tunnel went without an inner method, the
// tunnel's key is taken as it is. In TLS 1.3 the tunnel's key is the one of which the
// MSK is part (RFC 9427, section 2.4).
func (m *peap) compoundKeys() (ipmk, cmk []byte) {
	keys := m.tunnel.msk[:60]
	if m.inner.proved() {
		var isk [32]byte
		inner, _ := m.inner.keys()
		copy(isk[:], inner)
		keys = prfPlus(keys[:40], "Inner Methods Compound Keys", isk[:], 60)
	}
	return keys[:40], keys[40:]
}

// compoundMAC signs the whole TLV as it travels, its MAC zero, and the EAP type
// that it is of.
func compoundMAC(cmk []byte, tlv packet.TLV) []byte {
	blank := make([]byte, bindingLength)
	copy(blank, tlv.Value[:bindingMAC])
	tlv.Value = blank
	h := hmac.New(sha1.New, cmk)
	_, _ = h.Write(packet.AppendTLV(nil, tlv))
	_, _ = h.Write([]byte{byte(packet.PEAP)})
	return h.Sum(nil)
}

// prfPlus is PRF+ of PEAPv0: T(n) = HMAC-SHA1(key, T(n-1) | label | seed | n | 0 | 0).
func prfPlus(key []byte, label string, seed []byte, n int) []byte {
	var out, last []byte
	for i := byte(1); len(out) < n; i++ {
		h := hmac.New(sha1.New, key)
		_, _ = h.Write(last)
		_, _ = h.Write([]byte(label))
		_, _ = h.Write(seed)
		_, _ = h.Write([]byte{i, 0, 0})
		last = h.Sum(nil)
		out = append(out, last...)
	}
	return out[:n]
}
