package packet

import "encoding/binary"

// TLVs of TEAP beside those that it shares with PEAP (RFC 9930, section 4.2).
const (
	TLVAuthorityID        = 1
	TLVIdentityType       = 2
	TLVError              = 5
	TLVChannelBinding     = 6
	TLVVendorSpecific     = 7
	TLVRequestAction      = 8
	TLVEAPPayload         = 9
	TLVIntermediateResult = 10
	TLVPAC                = 11 // deprecated: whoever receives one fails
	TLVPasswordRequest    = 13 // Basic-Password-Auth-Req
	TLVPasswordResponse   = 14 // Basic-Password-Auth-Resp
	TLVPKCS7              = 15
	TLVPKCS10             = 16
	TLVTrustedServerRoot  = 17
	TLVCSRAttributes      = 18
	TLVIdentityHint       = 19

	// IdentityUser and IdentityMachine are values of Identity-Type.
	IdentityUser    uint16 = 1
	IdentityMachine uint16 = 2
)

// TEAPVersion is the version of TEAP, and of its Crypto-Binding TLV (RFC 9930,
// sections 3.1 and 4.2.13).
const TEAPVersion = 1

// Error-Codes of the Error TLV that this house says (RFC 9930, sections 4.2.6 and 7.2).
// Up to 999 they inform, from 2000 they are fatal and come with a Result TLV that says
// failure.
const (
	ErrorInnerMethod          uint32 = 1001
	ErrorUnspecified          uint32 = 1003
	ErrorServerUnreachable    uint32 = 1009
	ErrorMethodNotSupported   uint32 = 1032
	ErrorTunnelCompromise     uint32 = 2001
	ErrorUnexpectedTLVs       uint32 = 2002
	ErrorBindingInvalid       uint32 = 2003 // Version, Received-Ver, Flags or Sub-Type
	ErrorFirstMethodNoEMSK    uint32 = 2004
	ErrorBindingNoMSK         uint32 = 2005 // a required MSK Compound MAC is missing
	ErrorBindingMSK           uint32 = 2006 // the MSK Compound MAC is false
	ErrorBindingNoEMSK        uint32 = 2007 // a required EMSK Compound MAC is missing
	ErrorBindingEMSK          uint32 = 2008 // the EMSK Compound MAC is false
	ErrorBindingEMSKUnderived uint32 = 2009 // it exists, and the method derived no EMSK
	errorFatal                uint32 = 2000
)

// FatalError tells whether an Error-Code ends the conversation (RFC 9930, section 4.2.6).
func FatalError(code uint32) bool { return code >= errorFatal && code < errorFatal+1000 }

// FlagOuterTLVs in the first octet of Data says that four octets of length follow, and
// that the packet ends in so many octets of Outer TLVs (RFC 9930, section 4.1).
const FlagOuterTLVs = 0x10

// CutOuterTLVs takes the Data of a TEAP packet apart: what an [Assembler] takes, and
// the octets of the Outer TLVs at its end, nil when there are none (RFC 9930, section
// 4.1). A Message Length, if there is one, counts the Outer TLVs and their length too,
// as hostapd and wpa_supplicant read it; in rest it no longer does. The error wraps
// [ErrMalformed].
func CutOuterTLVs(data []byte) (rest, outer []byte, err error) {
	if len(data) == 0 || data[0]&FlagOuterTLVs == 0 {
		return data, nil, nil
	}
	head := 1
	if data[0]&FlagLength != 0 {
		head += 4
	}
	if len(data) < head+4 {
		return nil, nil, malformed("TEAP packet without the length of its Outer TLVs")
	}
	size, room := binary.BigEndian.Uint32(data[head:]), len(data)-head-4
	if uint64(size) > uint64(room) {
		return nil, nil, malformed("Outer TLVs of %d octets in %d", size, room)
	}
	end := len(data) - int(size)
	rest = append([]byte{data[0] &^ FlagOuterTLVs}, data[1:head]...)
	if head > 1 {
		total := binary.BigEndian.Uint32(rest[1:])
		if uint64(total) < uint64(size)+4 {
			return nil, nil, malformed("TEAP message of %d octets with Outer TLVs of %d", total, size)
		}
		binary.BigEndian.PutUint32(rest[1:], total-size-4)
	}
	return append(rest, data[head+4:end]...), data[end:], nil
}

// AppendOuterTLVs adds Outer TLVs to the Data of the first packet of a message, as
// [CutOuterTLVs] reads them. Without any, data stays as it is.
func AppendOuterTLVs(data, outer []byte) []byte {
	if len(outer) == 0 {
		return data
	}
	head := 1
	if data[0]&FlagLength != 0 {
		head += 4
	}
	b := append(make([]byte, 0, len(data)+4+len(outer)), data[:head]...)
	b[0] |= FlagOuterTLVs
	if head > 1 {
		binary.BigEndian.PutUint32(b[1:], binary.BigEndian.Uint32(b[1:])+uint32(4+len(outer)))
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(outer)))
	return append(append(b, data[head:]...), outer...)
}

// StatusTLV returns a Result or an Intermediate-Result TLV that says [ResultSuccess] or
// [ResultFailure] (RFC 9930, sections 4.2.4 and 4.2.11).
func StatusTLV(kind, status uint16) TLV {
	return TLV{Type: kind, Mandatory: true, Value: binary.BigEndian.AppendUint16(nil, status)}
}

// Status reads the two octets of a Result, an Intermediate-Result or an Identity-Type
// TLV. An Intermediate-Result may hold TLVs after them. The error wraps [ErrMalformed].
func (t TLV) Status() (uint16, error) {
	if len(t.Value) < 2 || len(t.Value) > 2 && t.Type != TLVIntermediateResult {
		return 0, malformed("TLV of type %d with %d octets", t.Type, len(t.Value))
	}
	return binary.BigEndian.Uint16(t.Value), nil
}

// IdentityTypeTLV asks for [IdentityUser] or [IdentityMachine], or says whose identity
// goes with it (RFC 9930, section 4.2.3).
func IdentityTypeTLV(kind uint16) TLV { return StatusTLV(TLVIdentityType, kind) }

// ErrorTLV returns an Error TLV (RFC 9930, section 4.2.6).
func ErrorTLV(code uint32) TLV {
	return TLV{Type: TLVError, Mandatory: true, Value: binary.BigEndian.AppendUint32(nil, code)}
}

// ErrorCode reads an Error TLV. The error wraps [ErrMalformed].
func (t TLV) ErrorCode() (uint32, error) {
	if len(t.Value) != 4 {
		return 0, malformed("Error TLV of %d octets", len(t.Value))
	}
	return binary.BigEndian.Uint32(t.Value), nil
}

// NAKTLV says that a mandatory TLV is not understood: its type, and for a
// Vendor-Specific TLV its vendor, else 0 (RFC 9930, section 4.2.5).
func NAKTLV(vendor uint32, kind uint16) TLV {
	value := binary.BigEndian.AppendUint32(nil, vendor)
	return TLV{Type: TLVNAK, Mandatory: true, Value: binary.BigEndian.AppendUint16(value, kind)}
}

// NAK reads a NAK TLV. The error wraps [ErrMalformed].
func (t TLV) NAK() (vendor uint32, kind uint16, err error) {
	if len(t.Value) < 6 {
		return 0, 0, malformed("NAK TLV of %d octets", len(t.Value))
	}
	return binary.BigEndian.Uint32(t.Value), binary.BigEndian.Uint16(t.Value[4:]), nil
}

// EAPPayloadTLV carries an EAP packet (RFC 9930, section 4.2.10).
func EAPPayloadTLV(p Packet) TLV {
	return TLV{Type: TLVEAPPayload, Mandatory: true, Value: p.Encode()}
}

// EAPPayload reads the EAP packet of an EAP-Payload TLV. TLVs may follow it there and
// must be optional; this house knows none. The error wraps [ErrMalformed].
func (t TLV) EAPPayload() (Packet, error) {
	p, err := Parse(t.Value)
	if err != nil {
		return Packet{}, err
	}
	more, err := ParseTLVs(t.Value[binary.BigEndian.Uint16(t.Value[2:]):])
	if err != nil {
		return Packet{}, err
	}
	for _, m := range more {
		if m.Mandatory {
			return Packet{}, malformed("mandatory TLV of type %d beside an EAP packet", m.Type)
		}
	}
	return p, nil
}

// PasswordTLV returns a Basic-Password-Auth-Resp TLV (RFC 9930, section 4.2.15). The
// error wraps [ErrTooLarge]: either is 1 to 255 octets.
func PasswordTLV(user, password string) (TLV, error) {
	if user == "" || password == "" || len(user) > 255 || len(password) > 255 {
		return TLV{}, ErrTooLarge
	}
	value := append([]byte{byte(len(user))}, user...)
	value = append(append(value, byte(len(password))), password...)
	return TLV{Type: TLVPasswordResponse, Mandatory: true, Value: value}, nil
}

// Password reads a Basic-Password-Auth-Resp TLV, whose password may be empty: it is for
// others to judge. The error wraps [ErrMalformed].
func (t TLV) Password() (user, password string, err error) {
	first, rest, ok := counted(t.Value)
	second, rest, ok2 := counted(rest)
	if !ok || !ok2 || len(first) == 0 || len(rest) > 0 {
		return "", "", malformed("Basic-Password-Auth-Resp TLV of %d octets", len(t.Value))
	}
	return string(first), string(second), nil
}

// counted takes one octet of length and as many octets.
func counted(b []byte) (value, rest []byte, ok bool) {
	if len(b) < 1 || int(b[0]) > len(b)-1 {
		return nil, nil, false
	}
	return b[1 : 1+b[0]], b[1+b[0]:], true
}

// A RequestAction asks the other side for something more (RFC 9930, section 4.2.9).
type RequestAction struct {
	Status uint8 // [ResultSuccess] or [ResultFailure], when it is not done
	Action uint8 // 1: process the TLVs; 2: negotiate EAP
	TLVs   []TLV
}

// RequestAction reads a Request-Action TLV. The error wraps [ErrMalformed].
func (t TLV) RequestAction() (RequestAction, error) {
	if len(t.Value) < 2 {
		return RequestAction{}, malformed("Request-Action TLV of %d octets", len(t.Value))
	}
	tlvs, err := ParseTLVs(t.Value[2:])
	return RequestAction{Status: t.Value[0], Action: t.Value[1], TLVs: tlvs}, err
}

// Flags of a Crypto-Binding TLV say which Compound MACs it holds, and its Sub-Type says
// which side it comes from (RFC 9930, section 4.2.13).
const (
	BindingEMSK uint8 = 1
	BindingMSK  uint8 = 2

	BindingRequest  uint8 = 0
	BindingResponse uint8 = 1
)

// A CryptoBinding is the value of TEAP's Crypto-Binding TLV (RFC 9930, section 4.2.13).
type CryptoBinding struct {
	Version, ReceivedVersion uint8
	Flags                    uint8 // [BindingEMSK] and [BindingMSK]
	SubType                  uint8 // [BindingRequest] or [BindingResponse]
	// Nonce has its last bit clear in a request; the response has the same with the
	// bit set.
	Nonce   [32]byte
	EMSKMAC [20]byte // zero without its flag
	MSKMAC  [20]byte
}

const bindingLength = 4 + 32 + 2*20

// TLV returns the binding as it travels.
func (c CryptoBinding) TLV() TLV {
	b := []byte{0, c.Version, c.ReceivedVersion, c.Flags<<4 | c.SubType&0x0F}
	b = append(append(append(b, c.Nonce[:]...), c.EMSKMAC[:]...), c.MSKMAC[:]...)
	return TLV{Type: TLVCryptoBinding, Mandatory: true, Value: b}
}

// Blank returns the octets of the whole TLV with both Compound MACs zero, which is
// where the sum over it begins (RFC 9930, section 6.3).
func (c CryptoBinding) Blank() []byte {
	c.EMSKMAC, c.MSKMAC = [20]byte{}, [20]byte{}
	return AppendTLV(nil, c.TLV())
}

// CryptoBinding reads TEAP's Crypto-Binding TLV. What its fields say is the caller's to
// judge. The error wraps [ErrMalformed].
func (t TLV) CryptoBinding() (c CryptoBinding, err error) {
	v := t.Value
	if len(v) != bindingLength {
		return c, malformed("Crypto-Binding TLV of %d octets", len(v))
	}
	c.Version, c.ReceivedVersion, c.Flags, c.SubType = v[1], v[2], v[3]>>4, v[3]&0x0F
	copy(c.Nonce[:], v[4:])
	copy(c.EMSKMAC[:], v[36:])
	copy(c.MSKMAC[:], v[56:])
	return c, nil
}
