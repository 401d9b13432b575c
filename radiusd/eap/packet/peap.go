package packet

import "encoding/binary"

// TLVs inside PEAP ([MS-PEAP], section 2.2.8).
const (
	TLVResult        = 3
	TLVNAK           = 4
	TLVCryptoBinding = 12

	ResultSuccess uint16 = 1
	ResultFailure uint16 = 2

	tlvMandatory = 0x8000
	tlvType      = 0x3FFF
)

// A TLV is one type, length and value of an EAP packet of type [Extensions].
type TLV struct {
	Type      uint16
	Mandatory bool
	Value     []byte
}

// ParseTLVs reads the Data of an EAP packet of type [Extensions]. The error
// wraps [ErrMalformed].
func ParseTLVs(b []byte) ([]TLV, error) {
	var tlvs []TLV
	for len(b) > 0 {
		if len(b) < 4 {
			return nil, malformed("TLV header of %d octets", len(b))
		}
		head, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b)-4 {
			return nil, malformed("TLV length %d in %d octets", n, len(b)-4)
		}
		tlvs = append(tlvs, TLV{Type: head & tlvType, Mandatory: head&tlvMandatory != 0, Value: b[4 : 4+n : 4+n]})
		b = b[4+n:]
	}
	return tlvs, nil
}

// AppendTLV appends one TLV.
func AppendTLV(b []byte, t TLV) []byte {
	head := t.Type & tlvType
	if t.Mandatory {
		head |= tlvMandatory
	}
	b = binary.BigEndian.AppendUint16(b, head)
	b = binary.BigEndian.AppendUint16(b, uint16(len(t.Value)))
	return append(b, t.Value...)
}

// ResultTLV returns the Data that says [ResultSuccess] or [ResultFailure].
func ResultTLV(result uint16) []byte {
	return AppendTLV(nil, TLV{Type: TLVResult, Mandatory: true, Value: binary.BigEndian.AppendUint16(nil, result)})
}

// Result finds the Result TLV; 0 when there is none or it is malformed.
func Result(tlvs []TLV) uint16 {
	for _, t := range tlvs {
		if t.Type == TLVResult && len(t.Value) == 2 {
			return binary.BigEndian.Uint16(t.Value)
		}
	}
	return 0
}

// ParseInner reads an EAP packet inside a PEAPv0 tunnel, which leaves out code,
// identifier and length on every type but [Extensions]. The code and identifier
// left out are the ones given: PEAP takes them from the outer packet.
func ParseInner(b []byte, code Code, id uint8) (Packet, error) {
	if len(b) >= 5 && Code(b[0]) == code && Type(b[4]) == Extensions && int(binary.BigEndian.Uint16(b[2:])) == len(b) {
		return Parse(b)
	}
	if len(b) == 0 {
		return Packet{}, malformed("empty message in the tunnel")
	}
	p := Packet{Code: code, ID: id, Type: Type(b[0]), Data: b[1:]}
	if p.Type == Expanded {
		return p.fold()
	}
	return p, nil
}

// EncodeInner returns what a PEAPv0 tunnel carries for the packet.
func (p Packet) EncodeInner() []byte {
	b := p.Encode()
	if p.Type == Extensions {
		return b
	}
	return b[HeaderLength:]
}
