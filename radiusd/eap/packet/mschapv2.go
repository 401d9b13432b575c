package packet

import "encoding/binary"

// An MSCHAPv2Op is what an EAP-MSCHAPv2 packet says
// (draft-kamath-pppext-eap-mschapv2, section 2).
type MSCHAPv2Op uint8

// The operations.
const (
	MSCHAPv2Challenge      MSCHAPv2Op = 1
	MSCHAPv2Response       MSCHAPv2Op = 2
	MSCHAPv2Success        MSCHAPv2Op = 3
	MSCHAPv2Failure        MSCHAPv2Op = 4
	MSCHAPv2ChangePassword MSCHAPv2Op = 7
)

// A MSCHAPv2Packet is the Data of an EAP packet of type [MSCHAPv2].
type MSCHAPv2Packet struct {
	Op MSCHAPv2Op
	ID uint8
	// Value is the 16 octets of a Challenge or the 49 of a Response: the peer's
	// challenge (16), zeros (8), the NT response (24), flags (1).
	Value []byte
	// Text is the name in a Challenge or Response, the message in a server's
	// Success or Failure, and everything after the header in other operations.
	Text []byte
	// Bare means that the packet is the operation alone, without ID and length,
	// as a peer's Success and Failure are.
	Bare bool
}

// ParseMSCHAPv2 reads the Data of an EAP packet. The error wraps [ErrMalformed].
func ParseMSCHAPv2(b []byte) (MSCHAPv2Packet, error) {
	if len(b) == 0 {
		return MSCHAPv2Packet{}, malformed("empty MSCHAPv2 packet")
	}
	p := MSCHAPv2Packet{Op: MSCHAPv2Op(b[0])}
	if len(b) == 1 {
		if p.Op != MSCHAPv2Success && p.Op != MSCHAPv2Failure {
			return MSCHAPv2Packet{}, malformed("MSCHAPv2 operation %d alone", p.Op)
		}
		p.Bare = true
		return p, nil
	}
	if len(b) < 4 {
		return MSCHAPv2Packet{}, malformed("MSCHAPv2 packet of %d octets", len(b))
	}
	p.ID = b[1]
	if n := int(binary.BigEndian.Uint16(b[2:])); n != len(b) {
		return MSCHAPv2Packet{}, malformed("MSCHAPv2 length %d in %d octets", n, len(b))
	}
	p.Text = b[4:]
	if want := p.Op.valueSize(); want > 0 {
		if len(p.Text) < 1+want || int(p.Text[0]) != want {
			return MSCHAPv2Packet{}, malformed("MSCHAPv2 operation %d with a wrong value size", p.Op)
		}
		p.Value, p.Text = p.Text[1:1+want], p.Text[1+want:]
	}
	return p, nil
}

func (op MSCHAPv2Op) valueSize() int {
	switch op {
	case MSCHAPv2Challenge:
		return 16
	case MSCHAPv2Response:
		return 49
	}
	return 0
}

// Encode returns the Data of an EAP packet.
func (p MSCHAPv2Packet) Encode() []byte {
	if p.Bare {
		return []byte{byte(p.Op)}
	}
	b := []byte{byte(p.Op), p.ID, 0, 0}
	if p.Op.valueSize() > 0 {
		b = append(b, byte(len(p.Value)))
		b = append(b, p.Value...)
	}
	b = append(b, p.Text...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}
