package eap

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // [MS-PEAP], section 3.1.5.5
	"crypto/subtle"
	"fmt"
	"io"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// The Crypto-Binding TLV ([MS-PEAP], section 2.2.8.1.1) is Reserved, Version,
// RecvVersion, SubType, a nonce of 32 octets and a MAC of 20.
const (
	bindingLength   = 56
	bindingNonce    = 4
	bindingMAC      = 36
	bindingRequest  = 0
	bindingResponse = 1
)

// A binding proves to both sides that the ends of the tunnel are the ends of the
// inner method, with nobody between. It is offered to every supplicant, and who
// answers it must answer well; who does not, as older ones, is accepted without,
// since its word would not be worth more.
type binding struct {
	ipmk []byte // 40 octets
	cmk  []byte // 20 octets
}

// newBinding mixes the tunnel's key material with the inner method's keys. Of both
// it takes what section 3.1.5.5.2.2 names: 40 octets and 32. A method that makes no
// keys counts as zeros.
func newBinding(tunnel, inner []byte) *binding {
	if inner == nil {
		inner = make([]byte, 32)
	}
	keys := prfPlus(tunnel[:40], "Inner Methods Compound Keys", inner[:32], 60)
	return &binding{ipmk: keys[:40], cmk: keys[40:]}
}

// resumedBinding is for a session without an inner method, where the tunnel's key
// material is taken as it is (section 3.1.5.5.2.2).
func resumedBinding(tunnel []byte) *binding { return &binding{ipmk: tunnel[:40], cmk: tunnel[40:60]} }

// request returns the TLV that goes out beside our result.
func (b *binding) request(random io.Reader) (packet.TLV, error) {
	tlv := packet.TLV{Type: packet.TLVCryptoBinding, Value: make([]byte, bindingLength)}
	tlv.Value[3] = bindingRequest
	if _, err := io.ReadFull(random, tlv.Value[bindingNonce:bindingMAC]); err != nil {
		return tlv, fmt.Errorf("%w: %w", realms.ErrInternal, err)
	}
	copy(tlv.Value[bindingMAC:], b.mac(tlv))
	return tlv, nil
}

// check judges the supplicant's TLV.
func (b *binding) check(tlv packet.TLV) error {
	v := tlv.Value
	if len(v) != bindingLength || v[1] != 0 || v[2] != 0 || v[3] != bindingResponse ||
		subtle.ConstantTimeCompare(b.mac(tlv), v[bindingMAC:]) != 1 {
		return fmt.Errorf("the crypto-binding is false: %w", realms.ErrInnerProtocol)
	}
	return nil
}

// mac signs the TLV as it travels, its MAC zero, and the EAP type.
func (b *binding) mac(tlv packet.TLV) []byte {
	value := make([]byte, bindingLength)
	copy(value, tlv.Value[:bindingMAC])
	tlv.Value = value
	h := hmac.New(sha1.New, b.cmk)
	_, _ = h.Write(packet.AppendTLV(nil, tlv))
	_, _ = h.Write([]byte{byte(packet.PEAP)})
	return h.Sum(nil)
}

// msk returns the keys of a bound conversation, which come from both methods.
func (b *binding) msk() []byte {
	return prfPlus(b.ipmk, "Session Key Generating Function", []byte{0}, 2*packet.MSKLength)[:packet.MSKLength]
}

// prfPlus is PRF+ of section 3.1.5.5.2.1: T(n) = HMAC-SHA1(key, T(n-1) | label | seed | n | 0 | 0).
func prfPlus(key []byte, label string, seed []byte, n int) []byte {
	h := hmac.New(sha1.New, key)
	var out, last []byte
	for i := byte(1); len(out) < n; i++ {
		h.Reset()
		_, _ = h.Write(last)
		_, _ = h.Write([]byte(label))
		_, _ = h.Write(seed)
		_, _ = h.Write([]byte{i, 0, 0})
		last = h.Sum(nil)
		out = append(out, last...)
	}
	return out[:n]
}
