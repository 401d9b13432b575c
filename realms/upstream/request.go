package upstream

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3162"
	"layeh.com/radius/rfc4372"
	"layeh.com/radius/rfc5580"

	"causeway/realms"
)

// A passage is how an attribute of a controller's request leaves the house.
type passage uint8

const (
	stays   passage = iota // it does not leave; what is not in the table stays
	goes                   // one, unmodified, the first if there are several
	integer                // one of four octets
	address                // one of sixteen octets
	station                // one, with the MAC address as upstreams expect it
	hidden                 // User-Password: hidden again for the next server
)

// outward is what may leave, and how. EAP-Message, State, Operator-Name,
// Chargeable-User-Identity, CHAP-Challenge, Proxy-State and
// Message-Authenticator are written by request.append itself.
var outward = [256]passage{
	rfc2865.UserName_Type:         goes,
	rfc2865.UserPassword_Type:     hidden,
	rfc2865.CHAPPassword_Type:     goes,
	rfc2865.NASIPAddress_Type:     integer,
	rfc2865.NASPort_Type:          integer,
	rfc2865.ServiceType_Type:      integer,
	rfc2865.FramedMTU_Type:        integer,
	rfc2865.CalledStationID_Type:  station,
	rfc2865.CallingStationID_Type: station,
	rfc2865.NASIdentifier_Type:    goes,
	rfc2865.NASPortType_Type:      integer,
	rfc2869.ConnectInfo_Type:      goes,
	rfc2869.NASPortID_Type:        goes,
	rfc3162.NASIPv6Address_Type:   address,
}

// A request is what a controller asked, read once and encoded for each server
// that is tried.
type request struct {
	packet *radius.Packet
	name   []byte
	eap    bool  // it carries EAP-Message, be it empty (RFC 3579, section 2.1)
	eapID  uint8 // of the EAP-Response
	chap   bool
	proxy  int    // Proxy-States it came with
	sum    uint64 // of its EAP octets, to know a repetition

	envelope envelope // of the server that is being asked

	in     inward        // its reply, while it is read
	answer realms.Answer // what it said
	heard  time.Time     // and when
	facts  *realms.Facts // a core's; nil when the envelope asks none
}

var seed = maphash.MakeSeed()

// proxyTag is our own Proxy-State. It is the same for every pool of this
// process, so that a request which went out by one pool and came home through
// any door is known for a loop (R22).
var proxyTag = sync.OnceValue(func() []byte {
	var nonce [8]byte
	_, _ = rand.Read(nonce[:])
	return fmt.Appendf(nil, "cw%x", nonce)
})

// readFrom reads and judges what a controller sent. Errors are reasons.
func (r *request) readFrom(p *radius.Packet, maxProxyStates int) error {
	r.packet = p
	var h maphash.Hash
	h.SetSeed(seed)
	var head [4]byte // of the EAP packet
	length, passwords := 0, 0
	for _, a := range p.Attributes {
		switch a.Type {
		case rfc2865.UserName_Type:
			if r.name == nil {
				r.name = a.Attribute
			}
		case rfc2869.EAPMessage_Type:
			r.eap = true
			if length < len(head) {
				copy(head[length:], a.Attribute)
			}
			length += len(a.Attribute)
			_, _ = h.Write(a.Attribute)
		case rfc2865.UserPassword_Type:
			passwords++
			if n := len(a.Attribute); n == 0 || n > 128 || n%16 != 0 {
				return fmt.Errorf("%w: %w", errPasswordLength, realms.ErrCredentialsMissing)
			}
		case rfc2865.CHAPPassword_Type:
			passwords++
			r.chap = true
		case rfc2865.ProxyState_Type:
			r.proxy++
			if bytes.Equal(a.Attribute, proxyTag()) {
				return fmt.Errorf("the request has been here before: %w", realms.ErrLoop)
			}
		}
	}
	r.eapID, r.sum = head[1], h.Sum64()
	return r.judge(length, passwords, radius.Code(head[0]), maxProxyStates)
}

// user is who asks, to tell several silent users from one.
func (r *request) user() uint64 {
	return maphash.Bytes(seed, r.name) ^ maphash.Bytes(seed, r.packet.Get(rfc2865.CallingStationID_Type))
}

func (r *request) judge(eapLength, passwords int, eapCode radius.Code, maxProxyStates int) error {
	const eapResponse = 2
	switch {
	case r.packet.Code != radius.CodeAccessRequest:
		return fmt.Errorf("%v is never forwarded: %w", r.packet.Code, realms.ErrInternal) // R19, R24
	case len(r.name) == 0:
		return realms.ErrRealmMissing
	case passwords > 1, passwords == 1 && r.eap:
		return realms.ErrCredentialsMixed
	case passwords == 0 && !r.eap:
		return realms.ErrCredentialsMissing
	case r.eap && eapLength > 0 && (eapLength < 4 || eapCode != eapResponse):
		return realms.ErrEAPMalformed
	case r.proxy > maxProxyStates:
		return fmt.Errorf("%d Proxy-States, at most %d are taken: %w", r.proxy, maxProxyStates, realms.ErrLoop)
	}
	return nil
}

// An envelope is what one server's copy of a request carries besides the
// request itself.
type envelope struct {
	id       uint8
	auth     [16]byte // Request Authenticator, never used twice; RADIUS/1.1: Token and zeros
	v11      bool     // RADIUS/1.1: nothing is signed or hidden (RFC 9765, section 4.2)
	state    []byte   // as this server gave it (P8)
	core     bool     // a core of ours is asked
	operator string   // our realm, for Operator-Name
	askCUI   bool
}

const (
	headerLength = 20
	maxPacket    = 4096                  // RFC 2865, section 3
	macOffset    = headerLength + 2      // of the Message-Authenticator's value: it comes first (CVE-2024-3596)
	afterMAC     = headerLength + 2 + 16 // where the other attributes begin
)

// appendHeader appends the header and, where packets are signed, an empty
// Message-Authenticator.
func appendHeader(dst []byte, code radius.Code, e *envelope) []byte {
	dst = append(dst, byte(code), e.id, 0, 0)
	dst = append(dst, e.auth[:]...)
	if e.v11 {
		return dst
	}
	dst = append(dst, byte(rfc2869.MessageAuthenticator_Type), 18)
	return append(dst, zeros[:]...)
}

// seal writes the length and the Message-Authenticator of the packet that dst
// is.
func (g *signer) seal(dst []byte, e *envelope) {
	binary.BigEndian.PutUint16(dst[2:], uint16(len(dst))) //nolint:gosec // at most maxPacket
	if !e.v11 {
		copy(dst[macOffset:], g.mac(dst)) // its place holds zeros so far
	}
}

func appendAttribute(dst []byte, t radius.Type, value []byte) []byte {
	dst = append(dst, byte(t), byte(len(value)+2))
	return append(dst, value...)
}

// append appends the request in the form in which it goes to a server whose
// secret g knows.
func (r *request) append(dst []byte, g *signer) ([]byte, error) {
	e := &r.envelope
	dst = appendHeader(dst, radius.CodeAccessRequest, e)
	var sent [256]bool
	for _, a := range r.packet.Attributes {
		if a.Type == rfc2869.EAPMessage_Type && !sent[a.Type] {
			dst = r.appendAll(dst, rfc2869.EAPMessage_Type) // consecutive (P17)
			sent[a.Type] = true
			continue
		}
		if leaves(a) && !sent[a.Type] {
			sent[a.Type] = true
			dst = r.appendOne(dst, a, g)
		}
	}
	if r.chap {
		dst = appendAttribute(dst, rfc2865.CHAPChallenge_Type, r.chapChallenge())
	}
	if len(e.state) > 0 {
		dst = appendAttribute(dst, rfc2865.State_Type, e.state)
	}
	if e.operator != "" {
		dst = append(dst, byte(rfc5580.OperatorName_Type), byte(len(e.operator)+3), '1') // 1: a realm (RFC 5580, section 4.1)
		dst = append(dst, e.operator...)
	}
	if e.askCUI {
		dst = appendAttribute(dst, rfc4372.ChargeableUserIdentity_Type, zeros[:1]) // RFC 4372, section 2.1
	}
	// Theirs unmodified and in order, ours last (RFC 2865, section 2.3).
	dst = r.appendAll(dst, rfc2865.ProxyState_Type)
	dst = appendAttribute(dst, rfc2865.ProxyState_Type, proxyTag())
	if len(dst) > maxPacket {
		return dst, realms.ErrTooLarge
	}
	g.seal(dst, e)
	return dst, nil
}

// leaves says whether an attribute goes out at all.
func leaves(a *radius.AVP) bool {
	if a.Type < 0 || int(a.Type) >= len(outward) {
		return false
	}
	switch outward[a.Type] {
	case stays:
		return false
	case integer:
		return len(a.Attribute) == 4
	case address:
		return len(a.Attribute) == 16
	default:
		return 0 < len(a.Attribute) && len(a.Attribute) <= 253
	}
}

func (r *request) appendOne(dst []byte, a *radius.AVP, g *signer) []byte {
	start := len(dst)
	dst = append(dst, byte(a.Type), 0)
	switch outward[a.Type] {
	case hidden:
		dst = r.appendPassword(dst, a.Attribute, g)
	case station:
		if dst = appendStation(dst, a.Attribute); len(dst) > start+255 {
			dst = append(dst[:start+2], a.Attribute...) // the hyphens would not fit
		}
	default:
		dst = append(dst, a.Attribute...)
	}
	dst[start+1] = byte(len(dst) - start)
	return dst
}

// appendPassword takes off the controller's disguise and puts on the server's.
// The padding travels along, so that a password keeps its octets whatever they
// are.
func (r *request) appendPassword(dst, value []byte, g *signer) []byte {
	var buf [128]byte
	plain := g.appendShown(buf[:0], r.packet.Secret, value, &r.packet.Authenticator, nil)
	defer clear(plain)
	if r.envelope.v11 { // without the padding, which was part of the disguise (RFC 9765, section 5.1.1)
		return append(dst, plain[:max(1, len(bytes.TrimRight(plain, "\x00")))]...)
	}
	return g.appendHidden(dst, plain, &r.envelope.auth)
}

func (r *request) appendAll(dst []byte, t radius.Type) []byte {
	for _, a := range r.packet.Attributes {
		if a.Type == t && len(a.Attribute) <= 253 {
			dst = appendAttribute(dst, t, a.Attribute)
		}
	}
	return dst
}

// chapChallenge is the CHAP-Challenge or, without one, the authenticator of the
// request that we received: ours is another (RFC 2865, section 5.3).
func (r *request) chapChallenge() []byte {
	if c := r.packet.Get(rfc2865.CHAPChallenge_Type); len(c) > 0 && len(c) <= 253 {
		return c
	}
	return r.packet.Authenticator[:]
}
