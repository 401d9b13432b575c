package transport

import (
	"crypto/md5" // RFC 2865 hides passwords with it; here only from ourselves.
	"crypto/rand"
	"encoding/binary"

	"layeh.com/radius"
)

const (
	typeErrorCause radius.Type = 101
	typeExtended1  radius.Type = 241

	codeProtocolError radius.Code = 52 // RFC 7930, section 4

	extendedOriginalCode = 4 // 241.4, Original-Packet-Code
)

// A veil gives packets of RADIUS/1.1 (RFC 9765) the form of RADIUS/1.0, and back, so
// that behind this door there is one protocol. What 1.0 hides with MD5 travels plain in
// 1.1: User-Password and the keys. The authenticator stands in for the one that 1.1 does
// not have; it is the connection's own and is never sent.
type veil struct {
	secret        []byte
	authenticator [16]byte
	buffer        []byte // of the last request
}

func newVeil() *veil {
	v := &veil{secret: []byte(RadSecSecret.Reveal()), buffer: make([]byte, 0, maxLength)}
	_, _ = rand.Read(v.authenticator[:]) // never fails (crypto/rand)
	return v
}

// tokenOf is the request's Token (RFC 9765, section 4.1).
func tokenOf(b []byte) uint32 { return binary.BigEndian.Uint32(b[4:8]) }

// request returns b in the form of RADIUS/1.0, unsigned, valid until the next call. Its
// Message-Authenticator is left out: it counts for nothing (RFC 9765, section 5.2).
func (v *veil) request(b []byte) ([]byte, Cause) {
	packet, cause := outline(b)
	if cause != causeNone {
		return nil, cause
	}
	out := append(v.buffer[:0], b[0], 0, 0, 0)
	out = append(out, v.authenticator[:]...)
	for rest := packet.packet[headerLength:]; len(rest) > 0; {
		n := int(rest[1])
		switch radius.Type(rest[0]) {
		case typeMessageAuthenticator:
		case typeUserPassword:
			out = v.hide(out, rest[2:n])
		default:
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
	}
	v.buffer = out
	if len(out) > maxLength { // a password that grew when it was hidden
		return nil, BadLength
	}
	binary.BigEndian.PutUint16(out[2:], uint16(len(out)))
	return out, causeNone
}

// hide adds a User-Password (RFC 2865, section 5.2). One longer than RADIUS/1.0 can hide
// stays as malformed as it is there.
func (v *veil) hide(out, password []byte) []byte {
	size := max(16, (len(password)+15)/16*16)
	if size > maxValue {
		size = len(password) // not whole blocks: no password of RADIUS/1.0
	}
	out = append(out, byte(typeUserPassword), byte(2+size))
	at := len(out)
	out = append(out, password...)
	out = append(out, make([]byte, size-len(password))...)
	text, before := out[at:], v.authenticator[:]
	for len(text) >= 16 {
		pad := md5.Sum(append(append([]byte{}, v.secret...), before...))
		for i := range pad {
			text[i] ^= pad[i]
		}
		before, text = text[:16], text[16:]
	}
	return out
}

// reply returns a reply of RADIUS/1.0 to the request of that token in the form of 1.1.
func (v *veil) reply(b []byte, token uint32) []byte {
	out := make([]byte, headerLength, len(b))
	out[0] = b[0]
	binary.BigEndian.PutUint32(out[4:], token)
	for rest := b[headerLength:]; len(rest) > 0; {
		n := int(rest[1])
		switch radius.Type(rest[0]) {
		case typeMessageAuthenticator:
		case typeVendorSpecific:
			out = v.bare(out, rest[:n])
		default:
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
	}
	binary.BigEndian.PutUint16(out[2:], uint16(len(out)))
	return out
}

// bare adds a vendor's attribute, an MPPE key in it without salt, length and padding
// (RFC 9765, section 5.1.3). AddKeys writes one key into each.
func (v *veil) bare(out, attribute []byte) []byte {
	key, ok := v.openKey(attribute)
	if !ok {
		return append(out, attribute...)
	}
	out = append(out, byte(typeVendorSpecific), byte(8+len(key)))
	out = append(out, attribute[2:7]...) // vendor and kind
	out = append(out, byte(2+len(key)))
	return append(out, key...)
}

// openKey decrypts MS-MPPE-Send-Key and MS-MPPE-Recv-Key (RFC 2548, section 2.4.2).
func (v *veil) openKey(a []byte) ([]byte, bool) {
	const header, salt = 8, 2 // type, length, vendor, kind and length
	if len(a) < header+salt+16 || binary.BigEndian.Uint32(a[2:]) != vendorMicrosoft ||
		a[6] != msMPPESendKey && a[6] != msMPPERecvKey || int(a[7]) != len(a)-6 {
		return nil, false
	}
	hidden := a[header+salt:]
	if len(hidden)%16 != 0 {
		return nil, false
	}
	text := make([]byte, len(hidden))
	before := append(append([]byte{}, v.authenticator[:]...), a[header:header+salt]...)
	for i := 0; i < len(hidden); i += 16 {
		pad := md5.Sum(append(append([]byte{}, v.secret...), before...))
		for j := range pad {
			text[i+j] = hidden[i+j] ^ pad[j]
		}
		before = hidden[i : i+16]
	}
	if n := int(text[0]); n < len(text) {
		return text[1 : 1+n], true
	}
	return nil, false
}

// asks tells a code that may be answered at all: not a reply, and least of all another
// Protocol-Error.
func asks(code radius.Code) bool {
	switch code {
	case radius.CodeAccessAccept, radius.CodeAccessReject, radius.CodeAccountingResponse, radius.CodeAccessChallenge,
		radius.CodeDisconnectACK, radius.CodeDisconnectNAK, radius.CodeCoAACK, radius.CodeCoANAK, codeProtocolError:
		return false
	}
	return true
}

// protocolError says that we cannot answer a request of that kind (RFC 7930, section 4;
// RFC 9765, section 6.5).
func (v *veil) protocolError(request []byte) []byte {
	out := make([]byte, headerLength, 64)
	out[0] = byte(codeProtocolError)
	copy(out[4:8], request[4:8])
	out = append(out, byte(typeErrorCause), 6)
	out = binary.BigEndian.AppendUint32(out, errorCauseUnsupported)
	out = append(out, byte(typeExtended1), 7, extendedOriginalCode)
	out = binary.BigEndian.AppendUint32(out, uint32(request[0]))
	for rest := request[headerLength:]; len(rest) > 0; rest = rest[rest[1]:] {
		if n := int(rest[1]); radius.Type(rest[0]) == typeProxyState && len(out)+n <= maxLength {
			out = append(out, rest[:n]...)
		}
	}
	binary.BigEndian.PutUint16(out[2:], uint16(len(out)))
	return out
}
