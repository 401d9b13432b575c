package eap

import (
	"encoding/binary"
	"fmt"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// A teapMessage is what came inside TEAP, by name; zero is absent.
type teapMessage struct {
	identity     uint16 // Identity-Type
	intermediate uint16 // Intermediate-Result
	result       uint16
	action       uint16 // Request-Action: what follows if it is not done
	nak          uint16 // the type of TLV that the supplicant does not know
	errorCode    uint32
	binding      []byte
	eap          []byte
	password     []byte

	unknown *packet.TLV // one that must be understood and is not
}

// fatal tells an Error TLV after which there is nothing more (RFC 9930, section 4.2.6).
func (msg teapMessage) fatal() bool { return msg.errorCode >= teapFirstFatal }

// readTEAP sorts the TLVs of one message. One that must not come twice and does is an
// error (section 4.3.2); one that is not known and need not be is ignored.
func readTEAP(plain []byte) (msg teapMessage, err error) {
	tlvs, err := packet.ParseTLVs(plain)
	if err != nil {
		return msg, fmt.Errorf("%w: %w", realms.ErrInnerProtocol, err)
	}
	seen := map[uint16]bool{}
	for _, tlv := range tlvs {
		read, known := teapTLVs[tlv.Type]
		switch {
		case !known && tlv.Mandatory && msg.unknown == nil:
			msg.unknown = &tlv
			continue
		case !known:
			continue
		case seen[tlv.Type] && tlv.Type != packet.TLVError && tlv.Type != packet.TLVNAK && tlv.Type != packet.TLVRequestAction:
			return msg, fmt.Errorf("TLV %d comes twice: %w", tlv.Type, realms.ErrInnerProtocol)
		}
		seen[tlv.Type] = true
		if !read(&msg, tlv.Value) {
			return msg, fmt.Errorf("TLV %d of %d octets: %w", tlv.Type, len(tlv.Value), realms.ErrInnerProtocol)
		}
	}
	return msg, nil
}

// teapTLVs says how each TLV is read; false means that it is malformed.
var teapTLVs = map[uint16]func(msg *teapMessage, value []byte) bool{
	packet.TLVIdentityType:       func(msg *teapMessage, v []byte) bool { return exactly(v, 2, &msg.identity) },
	packet.TLVResult:             func(msg *teapMessage, v []byte) bool { return status(v, 2, &msg.result) },
	packet.TLVIntermediateResult: func(msg *teapMessage, v []byte) bool { return status(v[:min(2, len(v))], 2, &msg.intermediate) },
	packet.TLVNAK: func(msg *teapMessage, v []byte) bool {
		if len(v) < 6 {
			return false
		}
		msg.nak = binary.BigEndian.Uint16(v[4:])
		return msg.nak != 0
	},
	packet.TLVError: func(msg *teapMessage, v []byte) bool {
		if len(v) != 4 {
			return false
		}
		msg.errorCode = max(msg.errorCode, binary.BigEndian.Uint32(v)) // the worst counts
		return true
	},
	packet.TLVRequestAction: func(msg *teapMessage, v []byte) bool {
		if len(v) < 2 {
			return false
		}
		msg.action = max(msg.action, uint16(v[0])) // failure is the higher
		return true
	},
	packet.TLVEAPPayload: func(msg *teapMessage, v []byte) bool { msg.eap = v; return len(v) >= packet.HeaderLength },
	packet.TLVCryptoBinding: func(msg *teapMessage, v []byte) bool {
		msg.binding = v
		return len(v) == teapBindingLength
	},
	packet.TLVPasswordResponse: func(msg *teapMessage, v []byte) bool { msg.password = v; return len(v) > 0 },
}

// exactly reads a number of two octets.
func exactly(v []byte, n int, into *uint16) bool {
	if len(v) != n {
		return false
	}
	*into = binary.BigEndian.Uint16(v)
	return *into != 0
}

// status reads success or failure.
func status(v []byte, n int, into *uint16) bool {
	return exactly(v, n, into) && (*into == packet.ResultSuccess || *into == packet.ResultFailure)
}
