package transport

import "layeh.com/radius"

// A role is what a port is for.
type role uint8

const (
	access role = iota
	accounting
)

func (r role) request() radius.Code {
	if r == accounting {
		return radius.CodeAccountingRequest
	}
	return radius.CodeAccessRequest
}

// statusReply answers Status-Server (RFC 5997, section 3).
func (r role) statusReply() radius.Code {
	if r == accounting {
		return radius.CodeAccountingResponse
	}
	return radius.CodeAccessAccept
}

// judge decides whether a well-formed packet is what it claims to be. Any cause
// but causeNone means silence (S2): an answer would tell a forger something.
func judge(s *sketch, r role, client *Client, d *digester) Cause {
	if s.messageAuthenticators > 1 {
		return SeveralMessageAuthenticators
	}
	switch code := s.code(); {
	case code == radius.CodeStatusServer:
		return judgeSigned(s, client, d, true)
	case client.Peer != nil && dynamic(code):
		return judgeAccounting(s, client, d) // signed alike (RFC 5176, section 2.3)
	case code != r.request():
		return UnexpectedCode
	case code == radius.CodeAccessRequest:
		forgeable := s.proxyState && client.Peer == nil
		return judgeSigned(s, client, d, !client.WithoutMessageAuthenticator || s.eap || forgeable)
	}
	return judgeAccounting(s, client, d)
}

// judgeSealed judges a packet that TLS alone has signed: RADIUS/1.1 has no
// authenticators (RFC 9765, section 4.2).
func judgeSealed(s *sketch, r role) Cause {
	if code := s.code(); code != radius.CodeStatusServer && code != r.request() && !dynamic(code) {
		return UnexpectedCode
	}
	return causeNone
}

// dynamic tells the requests of RFC 5176. A connection that carries every kind of
// request carries them, too, and to us they mean nothing.
func dynamic(code radius.Code) bool {
	return code == radius.CodeCoARequest || code == radius.CodeDisconnectRequest
}

// judgeSigned checks Message-Authenticator over the packet as sent (RFC 3579,
// section 3.2; RFC 5997, section 3).
func judgeSigned(s *sketch, client *Client, d *digester, required bool) Cause {
	if s.messageAuthenticators == 0 {
		if required {
			return NoMessageAuthenticator
		}
		return causeNone
	}
	return judgeMessageAuthenticator(s, client, d, s.authenticator())
}

func judgeMessageAuthenticator(s *sketch, client *Client, d *digester, authenticator *[16]byte) Cause {
	want := d.messageAuthenticator(client.key, s.packet, authenticator, s.value)
	if !equal(want, s.packet[s.value:s.value+16]) {
		return BadMessageAuthenticator
	}
	return causeNone
}

// judgeAccounting checks the Request Authenticator (RFC 2866, section 3). A
// Message-Authenticator is rare here and is computed before it, over zeros.
func judgeAccounting(s *sketch, client *Client, d *digester) Cause {
	if !equal(d.authenticator(client.key, s.packet, &zeros), s.packet[4:headerLength]) {
		return BadRequestAuthenticator
	}
	if s.messageAuthenticators == 1 {
		return judgeMessageAuthenticator(s, client, d, &zeros)
	}
	return causeNone
}
