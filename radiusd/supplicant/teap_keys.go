package supplicant

import (
	"crypto/hmac"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"hash"
	"slices"

	"causeway/radiusd/eap/packet"
)

// Lengths of TEAP's keys (RFC 9930, section 6).
const (
	seedLength = 40 // session_key_seed and S-IMCK
	imskLength = 32
	cmkLength  = 20
)

// teapKeys is the key schedule of TEAP: S-IMCK grows by a key of each inner method,
// once by their MSKs and once by their EMSKs (RFC 9930, section 6.2.2; in TLS 1.3
// RFC 9427, section 2.2).
type teapKeys struct {
	hash, mac func() hash.Hash
	// export is the exporter of TLS 1.3, nil where TLS 1.2's PRF does its work.
	export func(label string, context []byte, n int) ([]byte, error)
	old    bool // Config.RFC7170

	seed      []byte
	msk, emsk compound
	keyed     bool // some method made a key
	hasEMSK   bool // the last method made an EMSK
}

// compound is S-IMCK[j] and CMK[j].
type compound struct{ simck, cmk []byte }

// newTEAPKeys draws the seed from a tunnel that stands.
func newTEAPKeys(e *packet.Engine, old bool) (*teapKeys, error) {
	k := &teapKeys{hash: e.Hash(), mac: e.MACHash(), old: old}
	var context []byte
	if e.State().Version == tls.VersionTLS13 && !old {
		k.export, context = e.Export, []byte{byte(packet.TEAP)}
	}
	var err error
	k.seed, err = e.Export("EXPORTER: teap session key seed", context, seedLength)
	k.msk.simck, k.emsk.simck = k.seed, k.seed
	return k, err
}

// derive is TLS-PRF(secret, label, seed) in TLS 1.2, and in TLS 1.3 the exporter with
// the secret and the seed for its context.
func (k *teapKeys) derive(secret []byte, label string, seed []byte, n int) ([]byte, error) {
	if k.export != nil {
		return k.export("EXPORTER: "+label, slices.Concat(secret, seed), n)
	}
	return packet.PRF(k.hash, secret, label, seed, n), nil
}

// add takes the keys of one more method that succeeded; nil for those that it does not
// make. Without an EMSK the chain of EMSKs stays where it is (section 6.2.5).
func (k *teapKeys) add(msk, emsk []byte) error {
	k.keyed = k.keyed || msk != nil || emsk != nil
	var imsk [imskLength]byte // of zeros without an MSK
	copy(imsk[:], msk)
	next, err := k.extend(k.msk, imsk[:])
	if err != nil {
		return err
	}
	if msk == nil && k.old {
		next.simck = k.msk.simck // hostapd leaves it alone
	}
	k.msk = next
	if emsk == nil {
		// wpa 2.10 goes on signing with what an earlier method left.
		k.hasEMSK = k.hasEMSK && k.old
		return nil
	}
	bind, err := k.imskOf(emsk)
	if err != nil {
		return err
	}
	k.emsk, err = k.extend(k.emsk, bind)
	k.hasEMSK = true
	return err
}

// imskOf makes an IMSK of an EMSK: the usage "TEAPbindkey@ietf.org" of RFC 5295, of which
// 64 octets are asked for and 32 used; in TLS 1.3 an exporter.
func (k *teapKeys) imskOf(emsk []byte) ([]byte, error) {
	const usage = "TEAPbindkey@ietf.org"
	if k.export != nil {
		return k.export(usage, emsk, imskLength)
	}
	return packet.PRF(k.hash, emsk, usage, []byte{0, 0, 64}, imskLength), nil
}

func (k *teapKeys) extend(last compound, imsk []byte) (compound, error) {
	imck, err := k.derive(last.simck, "Inner Methods Compound Keys", imsk, seedLength+cmkLength)
	if err != nil {
		return compound{}, err
	}
	return compound{imck[:seedLength:seedLength], imck[seedLength:]}, nil
}

// sign returns the Compound MAC of a binding (section 6.3): over the TLV, the EAP type
// of the other side's first message, and the Outer TLVs of the server and of ours.
func (k *teapKeys) sign(c compound, b packet.CryptoBinding, outer, ours []byte) (mac [20]byte) {
	h := hmac.New(k.mac, c.cmk)
	_, _ = h.Write(b.Blank())
	_, _ = h.Write([]byte{byte(packet.TEAP)})
	_, _ = h.Write(outer)
	_, _ = h.Write(ours)
	copy(mac[:], h.Sum(nil))
	return mac
}

// keys returns the MSK and the EMSK of TEAP itself (section 6.4): from the chain whose
// Compound MAC we sent last, or from the seed where no method made a key.
func (k *teapKeys) keys(byEMSK bool) (msk, emsk []byte, err error) {
	simck := k.msk.simck
	switch {
	case !k.keyed:
		simck = k.seed
	case byEMSK && !k.old: // before RFC 9930 nobody had said which of the two
		simck = k.emsk.simck
	}
	if msk, err = k.derive(simck, "Session Key Generating Function", nil, packet.MSKLength); err != nil {
		return nil, nil, err
	}
	emsk, err = k.derive(simck, "Extended Session Key Generating Function", nil, packet.MSKLength)
	return msk, emsk, err
}

// A teapError is what we tell the server of a fault of its own.
type teapError struct {
	code uint32
	err  error
}

func (e *teapError) Error() string { return fmt.Sprintf("TEAP error %d: %v", e.code, e.err) }

func (e *teapError) Unwrap() error { return e.err }

// unexpected is the fault of saying something that has no place there.
func unexpected(format string, args ...any) error {
	return &teapError{packet.ErrorUnexpectedTLVs, broke(format, args...)}
}

// bind judges the server's binding by the steps that section 6.2.4 gives a peer, and
// returns ours and whether it is signed by an EMSK.
func (m *teap) bind(b packet.CryptoBinding) (answer packet.CryptoBinding, byEMSK bool, err error) {
	k, cfg := m.keys, m.tunnel.cfg
	hasMSK, hasEMSK := b.Flags&packet.BindingMSK != 0, b.Flags&packet.BindingEMSK != 0
	fail := func(code uint32, format string, args ...any) (packet.CryptoBinding, bool, error) {
		return answer, false, &teapError{code, errors.Join(ErrUntrusted, broke(format, args...))}
	}
	switch {
	case b.Version != packet.TEAPVersion || b.ReceivedVersion != packet.TEAPVersion ||
		b.SubType != packet.BindingRequest || b.Flags == 0 || b.Flags > 3 || b.Nonce[31]&1 != 0:
		return fail(packet.ErrorBindingInvalid, "a crypto-binding of version %d/%d, flags %d, sub-type %d", b.Version, b.ReceivedVersion, b.Flags, b.SubType)
	case !k.hasEMSK && hasEMSK && !cfg.WithoutEMSK:
		return fail(packet.ErrorBindingEMSKUnderived, "an EMSK Compound MAC for a method that makes no EMSK")
	case !hasMSK && (!k.hasEMSK || cfg.WithoutEMSK):
		return fail(packet.ErrorBindingNoMSK, "no MSK Compound MAC")
	case !hasEMSK && k.hasEMSK && cfg.RequireBinding && !cfg.WithoutEMSK:
		return fail(packet.ErrorBindingNoEMSK, "no EMSK Compound MAC")
	case hasMSK && !equalMAC(b.MSKMAC, m.sign(k.msk, b)):
		return fail(packet.ErrorBindingMSK, "the MSK Compound MAC is false")
	case hasEMSK && k.hasEMSK && !cfg.WithoutEMSK && !equalMAC(b.EMSKMAC, m.sign(k.emsk, b)):
		return fail(packet.ErrorBindingEMSK, "the EMSK Compound MAC is false")
	}
	answer = packet.CryptoBinding{Version: packet.TEAPVersion, ReceivedVersion: packet.TEAPVersion, SubType: packet.BindingResponse, Nonce: b.Nonce}
	answer.Nonce[31] |= 1
	byEMSK = k.hasEMSK && !cfg.WithoutEMSK
	if hasMSK {
		answer.Flags |= packet.BindingMSK
	}
	if byEMSK {
		answer.Flags |= packet.BindingEMSK
	}
	msk, emsk := m.sign(k.msk, answer), m.sign(k.emsk, answer)
	if hasMSK {
		answer.MSKMAC = msk
	}
	if byEMSK {
		answer.EMSKMAC = emsk
	}
	return answer, byEMSK, nil
}

func (m *teap) sign(c compound, b packet.CryptoBinding) [20]byte {
	return m.keys.sign(c, b, m.tunnel.outer, m.tunnel.ours)
}

func equalMAC(a, b [20]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }
