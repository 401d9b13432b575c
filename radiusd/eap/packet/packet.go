// Package packet is what both sides of EAP put on the wire: EAP itself, the
// fragments of TLS messages, the AVPs of EAP-TTLS, EAP-MSCHAPv2, the TLVs of
// PEAP, and TLS driven message by message.
//
// It knows formats and sums, not conversations: who may say what, and when, is
// decided by the server in radiusd/eap and by the supplicant.
package packet

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A Code says what kind of EAP packet this is (RFC 3748, section 4).
type Code uint8

// The four codes.
const (
	Request  Code = 1
	Response Code = 2
	Success  Code = 3
	Failure  Code = 4
)

// A Type is an EAP method, or one of the three types that are none (RFC 3748,
// section 5).
type Type uint8

// The types that this house knows.
const (
	Identity     Type = 1
	Notification Type = 2
	Nak          Type = 3
	MD5          Type = 4
	GTC          Type = 6
	TLS          Type = 13
	TTLS         Type = 21
	PEAP         Type = 25
	MSCHAPv2     Type = 26
	Extensions   Type = 33 // the TLVs inside PEAP
	TEAP         Type = 55
	Expanded     Type = 254
)

// HeaderLength is the length of Code, Identifier and Length.
const HeaderLength = 4

// MaxLength is the longest packet that the Length field can tell.
const MaxLength = 0xFFFF

// ErrMalformed is wrapped by every error of a parser here.
var ErrMalformed = errors.New("malformed")

func malformed(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrMalformed)...)
}

// A Packet is one EAP packet. Type and Data mean nothing in Success and Failure,
// which carry no data (RFC 3748, section 4.2).
type Packet struct {
	Code Code
	ID   uint8
	Type Type
	Data []byte // after the Type octet; shares memory with what was parsed
}

// Parse reads one packet. Octets after its Length are padding and are ignored
// (RFC 3748, section 4). An expanded type of the IETF means the same as the
// legacy type and is folded into it (section 5.7); one of another vendor stays
// Expanded, with vendor and type in Data. The error wraps [ErrMalformed].
func Parse(b []byte) (Packet, error) {
	if len(b) < HeaderLength {
		return Packet{}, malformed("EAP packet of %d octets", len(b))
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n < HeaderLength || n > len(b) {
		return Packet{}, malformed("EAP length %d in %d octets", n, len(b))
	}
	p := Packet{Code: Code(b[0]), ID: b[1]}
	switch p.Code {
	case Success, Failure:
		if n != HeaderLength {
			return Packet{}, malformed("EAP code %d with data", p.Code)
		}
		return p, nil
	case Request, Response:
	default:
		return Packet{}, malformed("EAP code %d", p.Code)
	}
	if n == HeaderLength {
		return Packet{}, malformed("EAP packet without a type")
	}
	p.Type, p.Data = Type(b[4]), b[5:n:n]
	if p.Type == Expanded {
		return p.fold()
	}
	return p, nil
}

// fold turns an expanded type of the IETF into the legacy one.
func (p Packet) fold() (Packet, error) {
	if len(p.Data) < 7 {
		return Packet{}, malformed("expanded EAP type of %d octets", len(p.Data))
	}
	vendor := uint32(p.Data[0])<<16 | uint32(p.Data[1])<<8 | uint32(p.Data[2])
	kind := binary.BigEndian.Uint32(p.Data[3:])
	if vendor == 0 && kind > 0 && kind < uint32(Expanded) {
		p.Type, p.Data = Type(kind), p.Data[7:]
	}
	return p, nil
}

// Encode returns the packet's octets. Data beyond what Length can tell is a
// fault of the caller and panics.
func (p Packet) Encode() []byte {
	n := HeaderLength
	if p.Code == Request || p.Code == Response {
		n += 1 + len(p.Data)
	}
	if n > MaxLength {
		panic("packet: EAP packet too long")
	}
	b := make([]byte, n)
	b[0], b[1] = byte(p.Code), p.ID
	binary.BigEndian.PutUint16(b[2:], uint16(n))
	if n > HeaderLength {
		b[4] = byte(p.Type)
		copy(b[5:], p.Data)
	}
	return b
}
