package transport

import (
	"encoding/binary"
	"errors"
	"fmt"

	"layeh.com/radius"
)

const (
	headerLength = 20
	maxLength    = radius.MaxPacketLength
	maxValue     = 253

	typeUserPassword         radius.Type = 2
	typeCHAPPassword         radius.Type = 3
	typeVendorSpecific       radius.Type = 26
	typeCalledStationID      radius.Type = 30
	typeProxyState           radius.Type = 33
	typeEAPMessage           radius.Type = 79
	typeMessageAuthenticator radius.Type = 80

	lengthMessageAuthenticator = 18
)

// ErrReplyCode says that a reply's code does not answer the request's.
var ErrReplyCode = errors.New("this code does not answer that request")

// A TooLongError refuses a reply longer than 4096 octets (RFC 2865, section 3).
type TooLongError struct{ Length int }

func (e *TooLongError) Error() string {
	return fmt.Sprintf("reply of %d octets is longer than %d", e.Length, maxLength)
}

// An AttributeError refuses an attribute that has no wire form: a type outside
// 1-255 or a value longer than 253 octets. It does not hold the value.
type AttributeError struct {
	Type   radius.Type
	Length int
}

func (e *AttributeError) Error() string {
	return fmt.Sprintf("attribute %d of %d octets cannot be encoded", int(e.Type), e.Length)
}

// Encode returns the octets of reply to req: Message-Authenticator first (S1),
// reply's attributes in their order with EAP-Message attributes together (P17),
// the request's Proxy-States unmodified and last (P2), Response Authenticator.
// Identifier and authenticator come from req, whatever reply says; Proxy-State
// and Message-Authenticator attributes of reply are not sent.
//
// An Accounting-Response carries no Message-Authenticator unless it answers
// Status-Server: RFC 2869, section 5.19, allows none there, and clients that
// check one disagree on how it is computed.
//
// Errors are ErrReplyCode, *TooLongError and *AttributeError.
func Encode(req *Request, reply *radius.Packet) ([]byte, error) {
	if !answers(req.Packet.Code, reply.Code) {
		return nil, fmt.Errorf("%v to %v: %w", reply.Code, req.Packet.Code, ErrReplyCode)
	}
	signed := reply.Code != radius.CodeAccountingResponse || req.Packet.Code == radius.CodeStatusServer
	length, err := replyLength(req.Packet, reply, signed)
	if err != nil {
		return nil, err
	}
	b := make([]byte, headerLength, length)
	b[0] = byte(reply.Code)
	b[1] = req.Packet.Identifier
	binary.BigEndian.PutUint16(b[2:], uint16(length))
	if signed {
		b = append(b, byte(typeMessageAuthenticator), lengthMessageAuthenticator)
		b = append(b, zeros[:]...)
	}
	b = appendReply(b, reply.Attributes)
	b = appendType(b, req.Packet.Attributes, typeProxyState)
	sign(b, req, signed)
	return b, nil
}

func answers(request, reply radius.Code) bool {
	switch reply {
	case radius.CodeAccessAccept:
		return request == radius.CodeAccessRequest || request == radius.CodeStatusServer
	case radius.CodeAccessReject, radius.CodeAccessChallenge:
		return request == radius.CodeAccessRequest
	case radius.CodeAccountingResponse:
		return request == radius.CodeAccountingRequest || request == radius.CodeStatusServer
	case radius.CodeCoANAK:
		return request == radius.CodeCoARequest
	case radius.CodeDisconnectNAK:
		return request == radius.CodeDisconnectRequest
	}
	return false
}

func replyLength(request, reply *radius.Packet, signed bool) (int, error) {
	n := headerLength
	if signed {
		n += lengthMessageAuthenticator
	}
	for _, a := range reply.Attributes {
		if a.Type < 1 || a.Type > 255 || len(a.Attribute) > maxValue {
			return 0, &AttributeError{Type: a.Type, Length: len(a.Attribute)}
		}
		if a.Type != typeMessageAuthenticator && a.Type != typeProxyState {
			n += 2 + len(a.Attribute)
		}
	}
	for _, a := range request.Attributes {
		if a.Type == typeProxyState {
			n += 2 + len(a.Attribute)
		}
	}
	if n > maxLength {
		return 0, &TooLongError{Length: n}
	}
	return n, nil
}

// appendReply writes attributes in order, all EAP-Message where the first stands.
func appendReply(b []byte, attributes radius.Attributes) []byte {
	eapWritten := false
	for _, a := range attributes {
		switch a.Type {
		case typeMessageAuthenticator, typeProxyState:
		case typeEAPMessage:
			if !eapWritten {
				b = appendType(b, attributes, typeEAPMessage)
				eapWritten = true
			}
		default:
			b = appendAttribute(b, a)
		}
	}
	return b
}

func appendType(b []byte, attributes radius.Attributes, t radius.Type) []byte {
	for _, a := range attributes {
		if a.Type == t {
			b = appendAttribute(b, a)
		}
	}
	return b
}

func appendAttribute(b []byte, a *radius.AVP) []byte {
	b = append(b, byte(a.Type), byte(2+len(a.Attribute)))
	return append(b, a.Attribute...)
}

// sign fills in the Message-Authenticator at its fixed place, then the Response
// Authenticator, which covers it.
func sign(b []byte, req *Request, signed bool) {
	k := req.key()
	d := digesters.Get().(*digester)
	copy(b[4:headerLength], req.Packet.Authenticator[:])
	if signed {
		const value = headerLength + 2 // zeros so far
		copy(b[value:value+16], d.plainMAC(k, b))
	}
	copy(b[4:headerLength], d.plainMD5(k, b))
	digesters.Put(d)
}

// key returns the client's prepared secret; a request built by hand, as tests
// do, has only Packet.Secret.
func (r *Request) key() *key {
	if r.Client != nil && r.Client.key != nil {
		return r.Client.key
	}
	return newKey(secretOf(r.Packet.Secret))
}
