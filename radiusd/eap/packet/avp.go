package packet

import "encoding/binary"

// An AVP is one attribute inside an EAP-TTLS tunnel (RFC 5281, section 10.1).
// Codes below 256 without a vendor are RADIUS attributes.
type AVP struct {
	Code      uint32
	Vendor    uint32 // 0: none
	Mandatory bool   // the receiver must understand it or fail
	Data      []byte
}

// AVPs that a tunnel carries here.
const (
	AVPUserName      = 1
	AVPUserPassword  = 2
	AVPCHAPPassword  = 3
	AVPCHAPChallenge = 60
	AVPEAPMessage    = 79

	VendorMicrosoft       = 311
	AVPMSCHAPResponse     = 1
	AVPMSCHAPError        = 2
	AVPMSCHAPChallenge    = 11
	AVPMSCHAP2Response    = 25
	AVPMSCHAP2Success     = 26
	AVPMSCHAP2ChangePwd   = 27
	avpVendor, avpMust    = 0x80, 0x40
	avpHeader, avpVendor4 = 8, 4
)

// ParseAVPs reads the AVPs of one tunnelled message. Their Data shares memory
// with b. The error wraps [ErrMalformed].
func ParseAVPs(b []byte) ([]AVP, error) {
	var avps []AVP
	for len(b) > 0 {
		if len(b) < avpHeader {
			return nil, malformed("AVP header of %d octets", len(b))
		}
		flags := b[4]
		n, head := int(binary.BigEndian.Uint32(b[4:])&0xFFFFFF), avpHeader
		if flags&avpVendor != 0 {
			head += avpVendor4
		}
		if n < head || n > len(b) {
			return nil, malformed("AVP length %d in %d octets", n, len(b))
		}
		avp := AVP{Code: binary.BigEndian.Uint32(b), Mandatory: flags&avpMust != 0, Data: b[head:n:n]}
		if head > avpHeader {
			avp.Vendor = binary.BigEndian.Uint32(b[8:])
		}
		avps = append(avps, avp)
		// The last AVP may come without its padding: several clients leave it out.
		b = b[min((n+3)&^3, len(b)):]
	}
	return avps, nil
}

// AppendAVP appends one AVP, padded to four octets.
func AppendAVP(b []byte, a AVP) []byte {
	head, flags := avpHeader, uint32(0)
	if a.Vendor != 0 {
		head, flags = head+avpVendor4, flags|avpVendor<<24
	}
	if a.Mandatory {
		flags |= avpMust << 24
	}
	b = binary.BigEndian.AppendUint32(b, a.Code)
	b = binary.BigEndian.AppendUint32(b, flags|uint32(head+len(a.Data))&0xFFFFFF)
	if a.Vendor != 0 {
		b = binary.BigEndian.AppendUint32(b, a.Vendor)
	}
	b = append(b, a.Data...)
	for n := len(a.Data); n%4 != 0; n++ {
		b = append(b, 0)
	}
	return b
}
