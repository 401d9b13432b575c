package transport

import (
	"encoding/binary"

	"layeh.com/radius"
)

// A sketch is what one walk over a packet's attributes found: enough to judge
// the packet and to build it in one piece.
type sketch struct {
	packet                []byte // up to Length: octets past it are ignored (P4)
	attributes            int
	messageAuthenticators int
	value                 int // where the Message-Authenticator's sixteen octets begin
	eap, proxyState       bool
}

// outline walks b once without allocating. The cause is causeNone when b is a
// well-formed packet.
func outline(b []byte) (s sketch, cause Cause) {
	if len(b) < headerLength {
		return s, TooShort
	}
	length := int(binary.BigEndian.Uint16(b[2:4]))
	if length < headerLength || length > maxLength || length > len(b) {
		return s, BadLength
	}
	s.packet = b[:length]
	for i := headerLength; i < length; {
		if length-i < 2 {
			return s, MalformedAttribute
		}
		n := int(b[i+1])
		if n < 2 || n > length-i {
			return s, MalformedAttribute
		}
		switch radius.Type(b[i]) {
		case 0:
			return s, MalformedAttribute // reserved (RFC 3575, section 2.1)
		case typeMessageAuthenticator:
			if n != lengthMessageAuthenticator {
				return s, MalformedAttribute
			}
			s.messageAuthenticators++
			s.value = i + 2
		case typeEAPMessage:
			s.eap = true
		case typeProxyState:
			s.proxyState = true
		}
		s.attributes++
		i += n
	}
	return s, causeNone
}

func (s *sketch) code() radius.Code { return radius.Code(s.packet[0]) }

func (s *sketch) authenticator() *[16]byte { return (*[16]byte)(s.packet[4:headerLength]) }

// A slab holds everything of a request but its octets, so that a request costs
// two allocations (four beyond twenty-four attributes) instead of two an
// attribute. PAP brings some eight attributes, a controller with EAP 12 to 20.
type slab struct {
	job
	packet radius.Packet
}

type smallSlab struct {
	slab
	avps     [12]radius.AVP
	pointers [12]*radius.AVP
}

type largeSlab struct {
	slab
	avps     [24]radius.AVP
	pointers [24]*radius.AVP
}

func newSlab(attributes int) (*slab, []radius.AVP, radius.Attributes) {
	switch {
	case attributes <= len(smallSlab{}.avps):
		s := &smallSlab{}
		return &s.slab, s.avps[:attributes], s.pointers[:attributes:attributes]
	case attributes <= len(largeSlab{}.avps):
		s := &largeSlab{}
		return &s.slab, s.avps[:attributes], s.pointers[:attributes:attributes]
	}
	return &slab{}, make([]radius.AVP, attributes), make(radius.Attributes, attributes)
}

// build copies the packet out of the receive buffer into a job's Packet.
func (s *sketch) build(secret []byte) *job {
	octets := make([]byte, len(s.packet))
	copy(octets, s.packet)
	all, avps, pointers := newSlab(s.attributes)
	b := octets[headerLength:]
	for i := range avps {
		n := int(b[1])
		avps[i].Type = radius.Type(b[0])
		if n > 2 {
			avps[i].Attribute = radius.Attribute(b[2:n:n]) // appending to one must not reach the next
		}
		pointers[i] = &avps[i]
		b = b[n:]
	}
	all.packet = radius.Packet{
		Code: s.code(), Identifier: octets[1], Authenticator: *s.authenticator(),
		Secret: secret, Attributes: pointers,
	}
	all.request.Packet = &all.packet
	return &all.job
}
