package supplicant

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"errors"

	"layeh.com/radius"
)

// The RADIUS attributes that a controller sends or reads.
const (
	attrUserName             = 1
	attrUserPassword         = 2
	attrNASIPAddress         = 4
	attrServiceType          = 6
	attrFramedMTU            = 12
	attrState                = 24
	attrVendorSpecific       = 26
	attrCalledStationID      = 30
	attrCallingStationID     = 31
	attrNASIdentifier        = 32
	attrNASPortType          = 61
	attrTunnelType           = 64
	attrTunnelMediumType     = 65
	attrEAPMessage           = 79
	attrMessageAuthenticator = 80
	attrTunnelPrivateGroupID = 81
	attrNASIPv6Address       = 95
)

const (
	headerLength  = 20
	attributeRoom = 253
	// macOffset is where the value of Message-Authenticator is in every request of
	// ours: it comes first (the answer to CVE-2024-3596).
	macOffset = headerLength + 2
)

// Why a reply is dropped (S1; RFC 2865, section 3; RFC 3579, section 3.2).
var (
	errShort           = errors.New("reply is shorter than it says")
	errOtherRequest    = errors.New("reply to another request")
	errCode            = errors.New("reply of an unexpected code")
	errAttributes      = errors.New("reply with malformed attributes")
	errAuthenticator   = errors.New("reply with a wrong Response Authenticator")
	errNoMessageMAC    = errors.New("reply without Message-Authenticator")
	errWrongMessageMAC = errors.New("reply with a wrong Message-Authenticator")
)

// WrongSecret tells that replies came, the last of them made with another shared
// secret than ours, or forged. [ErrNoAnswer] is beside it.
func WrongSecret(err error) bool {
	return errors.Is(err, errAuthenticator) || errors.Is(err, errWrongMessageMAC)
}

// Unsigned tells that replies came, the last of them without Message-Authenticator.
// [ErrNoAnswer] is beside it.
func Unsigned(err error) bool { return errors.Is(err, errNoMessageMAC) }

// A request is an Access-Request, or a Status-Server, being written.
type request struct{ b []byte }

// newRequest begins in buf, which it takes over, with room left for the
// Message-Authenticator.
func newRequest(buf []byte, id uint8, authenticator [16]byte) request {
	b := append(buf[:0], byte(radius.CodeAccessRequest), id, 0, 0)
	b = append(b, authenticator[:]...)
	b = append(b, attrMessageAuthenticator, 18)
	return request{append(b, make([]byte, 16)...)}
}

func (r *request) add(kind byte, value []byte) {
	r.b = append(append(r.b, kind, byte(2+len(value))), value...)
}

func (r *request) addText(kind byte, value string) {
	if value != "" {
		r.add(kind, []byte(value[:min(len(value), attributeRoom)]))
	}
}

func (r *request) addNumber(kind byte, value uint32) {
	r.b = binary.BigEndian.AppendUint32(append(r.b, kind, 6), value)
}

// addEAP splits the packet into attributes of 253 octets (RFC 3579, section 3.1).
func (r *request) addEAP(eap []byte) {
	for len(eap) > 0 {
		n := min(len(eap), attributeRoom)
		r.add(attrEAPMessage, eap[:n])
		eap = eap[n:]
	}
}

// sign fills in the length and the Message-Authenticator and returns the packet.
func (r *request) sign(secret []byte) ([]byte, error) {
	if len(r.b) > radius.MaxPacketLength {
		return nil, errors.New("the request is longer than a RADIUS packet can be")
	}
	binary.BigEndian.PutUint16(r.b[2:], uint16(len(r.b)))
	mac := hmac.New(md5.New, secret)
	_, _ = mac.Write(r.b)
	mac.Sum(r.b[macOffset:macOffset])
	return r.b, nil
}

// each calls f with every attribute, and stops when it says so. It tells whether
// the attributes are well formed.
func each(attributes []byte, f func(kind byte, value []byte, offset int) bool) bool {
	for at := 0; at < len(attributes); {
		rest := attributes[at:]
		if len(rest) < 2 || rest[1] < 2 || int(rest[1]) > len(rest) {
			return false
		}
		n := int(rest[1])
		if !f(rest[0], rest[2:n], at+2) {
			return true
		}
		at += n
	}
	return true
}

// verify returns the reply without octets beyond its Length, or why it is no
// answer to the request.
func verify(reply, request, secret []byte) ([]byte, error) {
	if len(reply) < headerLength {
		return nil, errShort
	}
	n := int(binary.BigEndian.Uint16(reply[2:]))
	if n < headerLength || n > len(reply) {
		return nil, errShort
	}
	reply = reply[:n:n]
	if reply[1] != request[1] {
		return nil, errOtherRequest
	}
	if !answers(radius.Code(reply[0])) {
		return nil, errCode
	}
	if !radius.IsAuthenticResponse(reply, request, secret) {
		return nil, errAuthenticator
	}
	return reply, verifyMAC(reply, request, secret)
}

// answers tells whether a code may answer an Access-Request, or a Status-Server
// sent to where those are answered (RFC 5997, section 3).
func answers(code radius.Code) bool {
	return code == radius.CodeAccessAccept || code == radius.CodeAccessReject || code == radius.CodeAccessChallenge
}

// verifyMAC wants exactly one Message-Authenticator, and a right one. It is made
// over the reply with the request's authenticator in it (RFC 3579, section 3.2).
func verifyMAC(reply, request, secret []byte) error {
	found, at := 0, 0
	ok := each(reply[headerLength:], func(kind byte, value []byte, offset int) bool {
		if kind == attrMessageAuthenticator && len(value) == 16 {
			found, at = found+1, headerLength+offset
		}
		return true
	})
	switch {
	case !ok:
		return errAttributes
	case found == 0:
		return errNoMessageMAC
	case found > 1:
		return errAttributes
	}
	var zero [16]byte
	mac := hmac.New(md5.New, secret)
	_, _ = mac.Write(reply[:4])
	_, _ = mac.Write(request[4:headerLength])
	_, _ = mac.Write(reply[headerLength:at])
	_, _ = mac.Write(zero[:])
	_, _ = mac.Write(reply[at+16:])
	if !hmac.Equal(mac.Sum(nil), reply[at:at+16]) {
		return errWrongMessageMAC
	}
	return nil
}

// joinEAP returns the EAP packet of a reply, nil when there is none. Its parts
// must stand together (RFC 3579, section 3.1).
func joinEAP(reply []byte) (eap []byte, err error) {
	const (
		before = iota
		within
		after
	)
	state := before
	each(reply[headerLength:], func(kind byte, value []byte, _ int) bool {
		switch {
		case kind != attrEAPMessage && state == within:
			state = after
		case kind == attrEAPMessage && state == after:
			err = broke("EAP-Message attributes apart from each other")
			return false
		case kind == attrEAPMessage:
			state, eap = within, append(eap, value...)
		}
		return true
	})
	return eap, err
}

// find returns the first attribute of a kind, nil when there is none.
func find(reply []byte, kind byte) (value []byte) {
	each(reply[headerLength:], func(k byte, v []byte, _ int) bool {
		if k == kind {
			value = v
			return false
		}
		return true
	})
	return value
}
