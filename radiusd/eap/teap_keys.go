package eap

import (
	"crypto/hmac"
	"crypto/subtle"
	"crypto/tls"
	"fmt"
	"hash"
	"io"
	"slices"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// Lengths of TEAP's keys (RFC 9930, section 6).
const (
	teapSeed = 40 // session_key_seed and S-IMCK
	teapCMK  = 20
	teapIMSK = 32
)

// teapSums are what one version of TLS has for making keys.
type teapSums struct {
	prf, mac func() hash.Hash
	// export is the exporter of TLS 1.3 (RFC 9427, section 2.2); nil: the PRF of TLS 1.2.
	export func(label string, context []byte, n int) ([]byte, error)
	// rfc7170 is for supplicants from before RFC 9930, and before RFC 9427, which have
	// the sums of TLS 1.2 in TLS 1.3 too and keys of MSKs alone.
	rfc7170 bool
}

// teapSumsOf returns those of a tunnel that stands, and the session_key_seed.
func teapSumsOf(t *packet.Engine, rfc7170 bool) (sums teapSums, seed []byte, err error) {
	sums = teapSums{prf: t.Hash(), mac: t.MACHash(), rfc7170: rfc7170}
	var context []byte
	if t.State().Version == tls.VersionTLS13 && !rfc7170 {
		sums.export, context = t.Export, []byte{byte(packet.TEAP)}
	}
	seed, err = t.Export("EXPORTER: teap session key seed", context, teapSeed)
	return sums, seed, err
}

func (s teapSums) derive(secret []byte, label string, seed []byte, n int) ([]byte, error) {
	if s.export != nil {
		return s.export("EXPORTER: "+label, slices.Concat(secret, seed), n)
	}
	return packet.PRF(s.prf, secret, label, seed, n), nil
}

// imskOf makes an IMSK of an EMSK (RFC 9930, section 6.2.1). The seed of TLS 1.2 is the
// delimiter of RFC 5295 and a length of 64.
func (s teapSums) imskOf(emsk []byte) ([]byte, error) {
	const usage = "TEAPbindkey@ietf.org"
	if s.export != nil {
		return s.export(usage, emsk, teapIMSK)
	}
	return packet.PRF(s.prf, emsk, usage, []byte{0, 0, 64}, teapIMSK), nil
}

// teapKeys are the compound keys of one conversation. There are two chains of them,
// since a method may make an EMSK or none, and an end may know it or not; the
// supplicant's last binding says which one counts (section 6.2).
type teapKeys struct {
	sums        teapSums
	outer       []byte // Outer TLVs, the server's first
	seed        []byte
	msk, emsk   teapChain
	keyed       bool                  // a method made a key
	out         *packet.CryptoBinding // the binding that is to be answered; nil: none is
	byEMSK      bool                  // the supplicant's last binding was by the EMSK
	emskOffered bool                  // our last binding was by the EMSK too
}

// A teapChain is S-IMCK and CMK after the last method.
type teapChain struct{ simck, cmk []byte }

func newTEAPKeys(sums teapSums, seed, ours, theirs []byte) *teapKeys {
	return &teapKeys{
		sums: sums, outer: slices.Concat(ours, theirs), seed: seed,
		msk: teapChain{simck: seed}, emsk: teapChain{simck: seed},
	}
}

// add mixes in the keys of a method that succeeded. One that makes no EMSK leaves that
// chain as it is (section 6.2.5); of one that makes none at all zeros are mixed in.
func (k *teapKeys) add(msk, emsk []byte) error {
	k.keyed = k.keyed || msk != nil
	k.emskOffered = emsk != nil
	imsk := make([]byte, teapIMSK)
	copy(imsk, msk)
	next, err := k.extend(k.msk, imsk)
	if err != nil {
		return err
	}
	if msk == nil && k.sums.rfc7170 {
		next.simck = k.msk.simck // wpa_supplicant leaves it alone
	}
	k.msk = next
	if emsk == nil {
		return nil
	}
	if imsk, err = k.sums.imskOf(emsk); err != nil {
		return fmt.Errorf("%w: %w", realms.ErrInternal, err)
	}
	k.emsk, err = k.extend(k.emsk, imsk)
	return err
}

func (k *teapKeys) extend(c teapChain, imsk []byte) (teapChain, error) {
	imck, err := k.sums.derive(c.simck, "Inner Methods Compound Keys", imsk, teapSeed+teapCMK)
	if err != nil {
		return c, fmt.Errorf("%w: %w", realms.ErrInternal, err)
	}
	return teapChain{simck: imck[:teapSeed], cmk: imck[teapSeed:]}, nil
}

// request returns a binding to be answered.
func (k *teapKeys) request(random io.Reader) (packet.TLV, error) {
	b := packet.CryptoBinding{Version: packet.TEAPVersion, ReceivedVersion: packet.TEAPVersion, Flags: packet.BindingMSK, SubType: packet.BindingRequest}
	if k.emskOffered {
		b.Flags |= packet.BindingEMSK
	}
	if _, err := io.ReadFull(random, b.Nonce[:]); err != nil {
		return packet.TLV{}, fmt.Errorf("%w: %w", realms.ErrInternal, err)
	}
	b.Nonce[len(b.Nonce)-1] &^= 1
	b.MSKMAC = k.sign(k.msk, b)
	if k.emskOffered {
		b.EMSKMAC = k.sign(k.emsk, b)
	}
	k.out = &b
	return b.TLV(), nil
}

// check judges the answer to the binding that is out.
func (k *teapKeys) check(b packet.CryptoBinding) error {
	bad := func(what string) error {
		return fmt.Errorf("the crypto-binding is false: %s: %w", what, realms.ErrInnerProtocol)
	}
	if b.Version != packet.TEAPVersion || b.ReceivedVersion != packet.TEAPVersion || b.SubType != packet.BindingResponse {
		return bad("its version or kind")
	}
	nonce := k.out.Nonce
	nonce[len(nonce)-1] |= 1
	if subtle.ConstantTimeCompare(nonce[:], b.Nonce[:]) != 1 {
		return bad("its nonce")
	}
	hasEMSK, hasMSK := b.Flags&packet.BindingEMSK != 0, b.Flags&packet.BindingMSK != 0
	if hasEMSK && hasMSK && k.sums.rfc7170 {
		hasEMSK = false // it is there, and counts for nothing
	}
	if !hasEMSK && !hasMSK || hasEMSK && !k.emskOffered || b.Flags&^(packet.BindingEMSK|packet.BindingMSK) != 0 {
		return bad("its flags")
	}
	if hasEMSK && !equalMAC(b.EMSKMAC, k.sign(k.emsk, b)) {
		return bad("the MAC of the EMSK")
	}
	if hasMSK && !equalMAC(b.MSKMAC, k.sign(k.msk, b)) {
		return bad("the MAC of the MSK")
	}
	k.out, k.byEMSK = nil, hasEMSK
	return nil
}

// sign makes the MAC of a binding: over it, its MACs zero, then the EAP type and the
// Outer TLVs (section 6.3).
func (k *teapKeys) sign(c teapChain, b packet.CryptoBinding) (mac [teapCMK]byte) {
	h := hmac.New(k.sums.mac, c.cmk)
	_, _ = h.Write(b.Blank())
	_, _ = h.Write([]byte{byte(packet.TEAP)})
	_, _ = h.Write(k.outer)
	copy(mac[:], h.Sum(nil))
	return mac
}

func equalMAC(a, b [teapCMK]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

// session returns the keys of the whole conversation (section 6.4): of the seed, where
// no method made any.
func (k *teapKeys) session() (msk, emsk []byte, err error) {
	simck := k.msk.simck
	switch {
	case !k.keyed:
		simck = k.seed
	case k.byEMSK:
		simck = k.emsk.simck
	}
	if msk, err = k.sums.derive(simck, "Session Key Generating Function", nil, packet.MSKLength); err == nil {
		emsk, err = k.sums.derive(simck, "Extended Session Key Generating Function", nil, packet.MSKLength)
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", realms.ErrInternal, err)
	}
	return msk, emsk, err
}
