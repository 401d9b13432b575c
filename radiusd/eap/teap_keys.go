package eap

import (
	"crypto/hmac"
	"crypto/subtle"
	"fmt"
	"hash"
	"io"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// Lengths of TEAP's keys (RFC 9930, section 6).
const (
	teapSeed = 40 // session_key_seed and S-IMCK
	teapCMK  = 20
	teapIMSK = 32
)

// The Crypto-Binding TLV (section 4.2.13) is Reserved, Version, Received-Ver, flags and
// sub-type, a nonce of 32 octets, and two MACs of 20.
const (
	teapBindingLength = 76
	teapNonce         = 4
	teapEMSKMAC       = 36
	teapMSKMAC        = 56

	teapHasEMSK      = 0x10
	teapHasMSK       = 0x20
	teapBindRequest  = 0
	teapBindResponse = 1
)

// teapKeys are the compound keys of one conversation. There are two chains of them,
// since a method may make an EMSK or none, and an end may know it or not; the
// supplicant's last binding says which one counts (section 6.2).
type teapKeys struct {
	hash        func() hash.Hash
	outer       []byte // Outer TLVs, the server's first
	msk, emsk   teapChain
	nonce       []byte // of the binding that is out; nil: none is
	byEMSK      bool   // the supplicant's last binding was by the EMSK
	emskOffered bool   // our last binding was by the EMSK too
}

// A teapChain is S-IMCK and CMK after the last method.
type teapChain struct{ simck, cmk []byte }

func newTEAPKeys(h func() hash.Hash, seed, ours, theirs []byte) *teapKeys {
	return &teapKeys{
		hash: h, outer: append(append([]byte(nil), ours...), theirs...),
		msk: teapChain{simck: seed}, emsk: teapChain{simck: seed},
	}
}

// add mixes in the keys of a method that succeeded. One that makes no EMSK leaves that
// chain as it is (section 6.2.5).
func (k *teapKeys) add(msk, emsk []byte) {
	imsk := make([]byte, teapIMSK)
	copy(imsk, msk)
	k.msk = k.extend(k.msk, imsk)
	if k.emskOffered = emsk != nil; k.emskOffered {
		// The seed is the delimiter of RFC 5295 and a length of 64 (section 6.2.1).
		k.emsk = k.extend(k.emsk, packet.PRF(k.hash, emsk, "TEAPbindkey@ietf.org", []byte{0, 0, 64}, teapIMSK))
	}
}

// addNothing is for a conversation, or a method, without keys: the MAC is made with
// zeros, and the chain stays what it was (sections 6.3 and 6.4).
func (k *teapKeys) addNothing() {
	k.msk.cmk = k.extend(k.msk, make([]byte, teapIMSK)).cmk
	k.emskOffered = false
}

func (k *teapKeys) extend(c teapChain, imsk []byte) teapChain {
	imck := packet.PRF(k.hash, c.simck, "Inner Methods Compound Keys", imsk, teapSeed+teapCMK)
	return teapChain{simck: imck[:teapSeed], cmk: imck[teapSeed:]}
}

// request returns a Crypto-Binding TLV to be answered.
func (k *teapKeys) request(random io.Reader) (packet.TLV, error) {
	value := make([]byte, teapBindingLength)
	value[1], value[2], value[3] = teapVersion, teapVersion, teapHasMSK|teapBindRequest
	if k.emskOffered {
		value[3] |= teapHasEMSK
	}
	k.nonce = value[teapNonce:teapEMSKMAC]
	if _, err := io.ReadFull(random, k.nonce); err != nil {
		return packet.TLV{}, fmt.Errorf("%w: %w", realms.ErrInternal, err)
	}
	k.nonce[len(k.nonce)-1] &^= 1
	emskMAC, mskMAC := k.macs(value)
	if k.emskOffered {
		copy(value[teapEMSKMAC:], emskMAC)
	}
	copy(value[teapMSKMAC:], mskMAC)
	return packet.TLV{Type: packet.TLVCryptoBinding, Mandatory: true, Value: value}, nil
}

// check judges the answer to the binding that is out.
func (k *teapKeys) check(value []byte) error {
	bad := func(what string) error {
		return fmt.Errorf("the crypto-binding is false: %s: %w", what, realms.ErrInnerProtocol)
	}
	if len(value) != teapBindingLength || value[1] != teapVersion || value[2] != teapVersion || value[3]&0x0F != teapBindResponse {
		return bad("its version or kind")
	}
	nonce := append([]byte(nil), k.nonce...)
	nonce[len(nonce)-1] |= 1
	if subtle.ConstantTimeCompare(nonce, value[teapNonce:teapEMSKMAC]) != 1 {
		return bad("its nonce")
	}
	hasEMSK, hasMSK := value[3]&teapHasEMSK != 0, value[3]&teapHasMSK != 0
	if !hasEMSK && !hasMSK || hasEMSK && !k.emskOffered || value[3]&0xC0 != 0 {
		return bad("its flags")
	}
	emskMAC, mskMAC := k.macs(value)
	if hasEMSK && subtle.ConstantTimeCompare(emskMAC, value[teapEMSKMAC:teapMSKMAC]) != 1 {
		return bad("the MAC of the EMSK")
	}
	if hasMSK && subtle.ConstantTimeCompare(mskMAC, value[teapMSKMAC:]) != 1 {
		return bad("the MAC of the MSK")
	}
	k.nonce, k.byEMSK = nil, hasEMSK
	return nil
}

// macs signs a binding as it travels, its MACs zero, then the EAP type and the Outer
// TLVs (section 6.3).
func (k *teapKeys) macs(value []byte) (emsk, msk []byte) {
	blank := make([]byte, teapBindingLength)
	copy(blank, value[:teapEMSKMAC])
	signed := packet.AppendTLV(nil, packet.TLV{Type: packet.TLVCryptoBinding, Mandatory: true, Value: blank})
	signed = append(append(signed, byte(packet.TEAP)), k.outer...)
	sign := func(cmk []byte) []byte {
		h := hmac.New(k.hash, cmk)
		_, _ = h.Write(signed)
		return h.Sum(nil)[:teapCMK]
	}
	return sign(k.emsk.cmk), sign(k.msk.cmk)
}

// session returns the keys of the whole conversation (section 6.4).
func (k *teapKeys) session() (msk, emsk []byte) {
	simck := k.msk.simck
	if k.byEMSK {
		simck = k.emsk.simck
	}
	return packet.PRF(k.hash, simck, "Session Key Generating Function", nil, packet.MSKLength),
		packet.PRF(k.hash, simck, "Extended Session Key Generating Function", nil, packet.MSKLength)
}
