package transport

import (
	"crypto/md5" // RFC 2865 and RFC 3579 leave no choice; the secret is not protected by MD5 alone.
	"crypto/subtle"
	"encoding"
	"hash"
	"sync"

	"causeway/certs"
)

// A key is a shared secret with both HMAC pads already hashed, which saves two
// MD5 blocks of the four a short packet costs.
type key struct {
	secret       []byte
	inner, outer []byte // marshalled MD5 states
}

func newKey(secret certs.Secret) *key {
	raw := []byte(secret.Reveal())
	block := make([]byte, md5.BlockSize)
	if len(raw) > md5.BlockSize {
		sum := md5.Sum(raw)
		copy(block, sum[:])
	} else {
		copy(block, raw)
	}
	return &key{secret: raw, inner: padState(block, 0x36), outer: padState(block, 0x5c)}
}

func padState(block []byte, pad byte) []byte {
	padded := make([]byte, len(block))
	for i, b := range block {
		padded[i] = b ^ pad
	}
	h := md5.New()
	h.Write(padded)
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic("transport: MD5 cannot save its state: " + err.Error())
	}
	return state
}

// A digester computes the two digests of RADIUS without allocating. It is not
// safe for concurrent use; take one from digesters.
type digester struct {
	hash  hash.Hash
	state encoding.BinaryUnmarshaler
	sum   [md5.Size]byte
	room  []byte // where a packet is laid out as it was signed: one piece costs less than five
}

var digesters = sync.Pool{New: func() any { return newDigester() }}

func newDigester() *digester {
	h := md5.New()
	return &digester{hash: h, state: h.(encoding.BinaryUnmarshaler)}
}

var zeros [16]byte

// messageAuthenticator computes HMAC-MD5 over packet (RFC 3579, section 3.2)
// with the sixteen octets at value taken as zeros and authenticator in place of
// the packet's own. The result is valid until the digester's next use.
func (d *digester) messageAuthenticator(k *key, packet []byte, authenticator *[16]byte, value int) []byte {
	d.room = append(d.room[:0], packet...)
	copy(d.room[4:headerLength], authenticator[:])
	clear(d.room[value : value+16])
	return d.plainMAC(k, d.room)
}

// plainMAC computes HMAC-MD5 over b as it is, in one write.
func (d *digester) plainMAC(k *key, b []byte) []byte {
	d.restore(k.inner)
	d.hash.Write(b)
	return d.outer(k)
}

func (d *digester) outer(k *key) []byte {
	inner := d.hash.Sum(d.sum[:0])
	d.restore(k.outer)
	d.hash.Write(inner)
	return d.hash.Sum(d.sum[:0])
}

// plainMD5 computes MD5(b, secret) with b as it is.
func (d *digester) plainMD5(k *key, b []byte) []byte {
	d.hash.Reset()
	d.hash.Write(b)
	d.hash.Write(k.secret)
	return d.hash.Sum(d.sum[:0])
}

// authenticator computes MD5(packet with a in the authenticator's place,
// secret): the Response Authenticator of a reply (RFC 2865, section 3) with the
// request's authenticator as a, the Request Authenticator of accounting (RFC
// 2866, section 3) with zeros. Valid until the digester's next use.
func (d *digester) authenticator(k *key, packet []byte, a *[16]byte) []byte {
	d.room = append(d.room[:0], packet...)
	copy(d.room[4:headerLength], a[:])
	return d.plainMD5(k, d.room)
}

func (d *digester) restore(state []byte) {
	if err := d.state.UnmarshalBinary(state); err != nil {
		panic("transport: MD5 refuses its own state: " + err.Error())
	}
}

func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
