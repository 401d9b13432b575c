package transport

import (
	"crypto/md5" // RFC 2548 encrypts with it; there is no other way to be understood.
	"crypto/rand"
	"encoding/binary"

	"layeh.com/radius"

	"causeway/certs"
)

const (
	vendorMicrosoft = 311
	msMPPESendKey   = 16
	msMPPERecvKey   = 17
	// A key and its length octet fill whole MD5 blocks inside one vendor attribute.
	maxKey = 239
)

// AddKeys adds MS-MPPE-Recv-Key and MS-MPPE-Send-Key (RFC 2548, sections 2.4.2
// and 2.4.3) to reply, encrypted for the client with reply.Secret and
// reply.Authenticator, which must be the request's: build reply with
// Packet.Response. It panics without a secret or with a key longer than 239
// octets, which no method makes, rather than send a key in the clear.
func AddKeys(reply *radius.Packet, recv, send []byte) {
	if len(reply.Secret) == 0 || len(recv) > maxKey || len(send) > maxKey {
		panic("transport: keys cannot be encrypted for this reply")
	}
	var salt [2]byte
	_, _ = rand.Read(salt[:]) // never fails (crypto/rand)
	salt[0] |= 0x80           // RFC 2548: the leftmost bit is set
	addKey(reply, msMPPERecvKey, salt, recv)
	salt[1] ^= 1 // no two salts of a packet are equal
	addKey(reply, msMPPESendKey, salt, send)
}

func addKey(reply *radius.Packet, kind byte, salt [2]byte, k []byte) {
	size := (1 + len(k) + 15) / 16 * 16
	value := make([]byte, 8+size)
	binary.BigEndian.PutUint32(value, vendorMicrosoft)
	value[4], value[5] = kind, byte(4+size)
	value[6], value[7] = salt[0], salt[1]
	text := value[8:]
	text[0] = byte(len(k))
	copy(text[1:], k)

	// b(1) = MD5(secret, authenticator, salt), b(i) = MD5(secret, c(i-1)).
	block := append(reply.Authenticator[:], salt[:]...)
	input := make([]byte, 0, len(reply.Secret)+len(block))
	for i := 0; i < size; i += 16 {
		input = append(append(input[:0], reply.Secret...), block...)
		pad := md5.Sum(input)
		for j, b := range pad {
			text[i+j] ^= b
		}
		block = text[i : i+16]
	}
	reply.Add(typeVendorSpecific, value)
}

func secretOf(b []byte) certs.Secret { return certs.Secret(b) }
