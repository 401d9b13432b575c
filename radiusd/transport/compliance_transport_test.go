package transport

import (
	"bytes"
	"testing"

	"layeh.com/radius"
)

// Holds S6: every attribute at every length, whole and with a length that lies,
// through everything that reads a packet before a home does. Nothing panics, and
// what is taken in comes out as it was.
func TestS6EveryAttributeAtEveryLength(t *testing.T) {
	client := &Client{Name: "wlc", key: newKey(testSecret)}
	d := newDigester()
	for kind := range 256 {
		for length := range 256 {
			value := bytes.Repeat([]byte{byte(kind), 1, 2, 3}, 64)[:max(length-2, 0)]
			packet := newDraft(radius.CodeAccessRequest, 1)
			packet.attributes = append(packet.attributes, byte(kind), byte(length))
			packet.attributes = append(packet.attributes, value...)
			octets := packet.bytes()
			s, cause := outline(octets)
			if length < 2 || kind == 0 || kind == 80 && length != 18 {
				if cause == causeNone {
					t.Fatalf("attribute %d of length %d is taken in", kind, length)
				}
				continue
			}
			if cause != causeNone {
				t.Fatalf("attribute %d of length %d: %v", kind, length, cause)
			}
			if cause := judge(&s, access, client, d); cause != causeNone && kind != 80 {
				t.Fatalf("attribute %d of length %d: %v", kind, length, cause)
			}
			p := s.build([]byte(testSecret)).request.Packet
			if got, ok := p.Lookup(radius.Type(kind)); !ok || kind != 80 && !bytes.Equal(got, value) {
				t.Fatalf("attribute %d of length %d comes out as %x", kind, length, got)
			}
			_, _ = EAP(p)
			_, _ = Credentials(p)
			NASName(p)
			for _, from := range made {
				SSID(from, p)
			}
			lying := bytes.Clone(octets)
			lying[headerLength+1]++ // one octet more than there is, or a piece of what follows
			if s, cause := outline(lying); cause == causeNone {
				judge(&s, access, client, d)
				s.build([]byte(testSecret))
			}
		}
	}
}
