package transport

import (
	"errors"
	"slices"

	"layeh.com/radius"
)

// ErrEAPScattered refuses a request whose EAP-Message attributes have others
// between them (RFC 3579, section 3.1).
var ErrEAPScattered = errors.New("EAP-Message attributes are not consecutive")

// EAP returns the EAP packet of p, its EAP-Message attributes joined: nil when
// there is none, empty and not nil for EAP-Start (RFC 3579, section 2.1). The
// octets may be p's own and must not be written to.
func EAP(p *radius.Packet) ([]byte, error) {
	first, count, length := -1, 0, 0
	for i, a := range p.Attributes {
		if a.Type != typeEAPMessage {
			continue
		}
		if first < 0 {
			first = i
		} else if i != first+count {
			return nil, ErrEAPScattered
		}
		count++
		length += len(a.Attribute)
	}
	switch {
	case first < 0:
		return nil, nil
	case length == 0:
		return []byte{}, nil
	case count == 1:
		return p.Attributes[first].Attribute, nil
	}
	joined := make([]byte, 0, length)
	for _, a := range p.Attributes[first : first+count] {
		joined = append(joined, a.Attribute...)
	}
	return joined, nil
}

// spareAttributes is room for State, User-Name, the keys and a VLAN.
const spareAttributes = 8

// AddEAP adds eap to reply as EAP-Message attributes of at most 253 octets.
// They share eap's memory.
func AddEAP(reply *radius.Packet, eap []byte) {
	pieces := make([]radius.AVP, (len(eap)+maxValue-1)/maxValue) // one allocation, not one a piece
	reply.Attributes = slices.Grow(reply.Attributes, len(pieces)+spareAttributes)
	for i := range pieces {
		n := min(len(eap), maxValue)
		pieces[i] = radius.AVP{Type: typeEAPMessage, Attribute: radius.Attribute(eap[:n:n])}
		reply.Attributes = append(reply.Attributes, &pieces[i])
		eap = eap[n:]
	}
}
