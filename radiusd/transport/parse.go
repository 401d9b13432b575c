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

// slabAttributes is how many attributes fit the one allocation; a controller
// sends 12 to 20.
const slabAttributes = 24

// A slab holds everything of a request but its octets, so that a request costs
// two allocations (three beyond slabAttributes) instead of one an attribute.
type slab struct {
	job
	packet   radius.Packet
	avps     [slabAttributes]radius.AVP
	pointers [slabAttributes]*radius.AVP
}

// build copies the packet out of the receive buffer into j's Packet.
func (s *sketch) build(secret []byte) *job {
	octets := make([]byte, len(s.packet))
	copy(octets, s.packet)

	all := &slab{}
	avps, pointers := all.avps[:], all.pointers[:0]
	if s.attributes > slabAttributes {
		avps = make([]radius.AVP, s.attributes)
		pointers = make([]*radius.AVP, 0, s.attributes)
	}
	for b, i := octets[headerLength:], 0; len(b) > 0; i++ {
		n := int(b[1])
		avps[i].Type = radius.Type(b[0])
		if n > 2 {
			avps[i].Attribute = b[2:n:n] // appending to one attribute must not reach the next
		}
		pointers = append(pointers, &avps[i])
		b = b[n:]
	}
	p := &all.packet
	p.Code = radius.Code(octets[0])
	p.Identifier = octets[1]
	p.Authenticator = [16]byte(octets[4:headerLength])
	p.Secret = secret
	p.Attributes = pointers[:len(pointers):len(pointers)]
	all.job.request.Packet = p
	return &all.job
}
