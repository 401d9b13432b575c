package upstream

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc4372"

	"causeway/realms"
)

// A flaw is why a packet from an upstream's address is dropped as if it had
// never come. Nothing moves when it is: no timer, no health.
type flaw uint8

const (
	sound         flaw = iota
	malformed          // short, long, or attributes that do not add up
	wrongCode          // nothing that answers what we asked
	unasked            // no request of ours has, or had, its identifier
	forged             // its Response Authenticator is wrong: another secret, or a late reply to a reused identifier
	unsigned           // no Message-Authenticator (CVE-2024-3596)
	signedWrongly      // a Message-Authenticator that is wrong, or more than one
	outrun             // it answers the request before, whose identifier has another now
	flaws              // how many there are
)

// trim returns the packet without the octets behind its Length (P4), if it is
// one packet with attributes that fill it exactly.
func trim(b []byte) ([]byte, bool) {
	if len(b) < headerLength {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n < headerLength || n > maxPacket || n > len(b) {
		return nil, false
	}
	b = b[:n]
	for rest := b[headerLength:]; len(rest) > 0; rest = rest[rest[1]:] {
		if len(rest) < 2 || rest[1] < 2 || int(rest[1]) > len(rest) {
			return nil, false
		}
	}
	return b, true
}

// verify judges a trimmed packet as the reply to a request with the
// authenticator auth. unsignedToo takes one without a Message-Authenticator.
func (g *signer) verify(b []byte, auth *[16]byte, unsignedToo bool) flaw {
	offset := 0
	for at := headerLength; at < len(b); at += int(b[at+1]) {
		if b[at] != byte(rfc2869.MessageAuthenticator_Type) {
			continue
		}
		if offset != 0 || b[at+1] != 18 {
			return signedWrongly
		}
		offset = at + 2
	}
	signed := g.layOut(b, auth)
	if !g.isResponse(signed, b[4:headerLength]) {
		return forged
	}
	if offset == 0 {
		if unsignedToo {
			return sound
		}
		return unsigned
	}
	if subtle.ConstantTimeCompare(g.messageAuthenticator(signed, offset), b[offset:offset+16]) != 1 {
		return signedWrongly
	}
	return sound
}

var (
	errProxyState = errors.New("it does not return our Proxy-State")
	errEAP        = errors.New("its EAP packet is malformed")
	errNoEAP      = errors.New("it carries no EAP packet")
	errEAPUnasked = errors.New("it carries EAP though none was sent")
	errEAPCode    = errors.New("its EAP packet says something else than it does")
	errState      = errors.New("it carries more than one State")
)

// microsoft begins the attributes of vendor 311 (RFC 2548).
var microsoft = []byte{0, 0, 1, 0x37}

const (
	mppeSendKey = 16
	mppeRecvKey = 17
)

// read turns a verified reply into the request's answer. It knows the attributes that
// may come in and passes over all others, whoever sent them (R12, S13). An error
// says in what way the reply contradicts itself or the request; the answer is
// then a Reject.
func (r *request) read(b []byte, g *signer, maxTimeout uint32) error {
	r.in = inward{signer: g, size: len(b)}
	r.answer, r.facts = realms.Answer{Code: radius.Code(b[0])}, nil
	if r.envelope.core {
		r.facts = new(realms.Facts)
	}
	if err := r.takeAll(b); err != nil {
		r.answer, r.facts = r.reject(), nil
		return err
	}
	r.answer.SessionTimeout = min(r.answer.SessionTimeout, maxTimeout)
	if r.facts != nil {
		r.answer.Account = r.facts.Account
	}
	return nil
}

// reject is a Reject with an EAP-Failure that fits the request (RFC 3748,
// section 4.2: the identifier of the response that it answers).
func (r *request) reject() realms.Answer {
	a := realms.Answer{Code: radius.CodeAccessReject}
	if r.eap {
		a.EAP = []byte{eapFailure, r.eapID, 0, 4}
	}
	return a
}

// inward is what is known of a reply on its way in.
type inward struct {
	signer *signer
	room   []byte // one allocation for everything that outlives the packet, when there is something
	size   int    // of the packet: it holds no more
	eapLen int
	proxy  int // Proxy-States seen
}

func (r *request) takeAll(b []byte) error {
	for rest := b[headerLength:]; len(rest) > 0; rest = rest[rest[1]:] {
		if err := r.take(rest[0], rest[2:rest[1]]); err != nil {
			return err
		}
	}
	return r.join(b)
}

// keep copies value out of the packet.
func (r *request) keep(value []byte) []byte {
	r.open()
	start := len(r.in.room)
	r.in.room = append(r.in.room, value...)
	return r.in.room[start:len(r.in.room):len(r.in.room)]
}

func (r *request) open() {
	if r.in.room == nil {
		r.in.room = make([]byte, 0, r.in.size)
	}
}

// take is the allow-list.
func (r *request) take(t byte, value []byte) error {
	a := &r.answer
	accept := a.Code == radius.CodeAccessAccept
	switch radius.Type(t) {
	case rfc2869.EAPMessage_Type:
		r.in.eapLen += len(value)
	case rfc2865.ProxyState_Type:
		r.in.proxy++
	case realms.FactsType:
		if r.facts != nil && a.Code != radius.CodeAccessChallenge {
			return r.facts.Take(value)
		}
	case rfc2865.State_Type:
		if a.State != nil {
			return errState
		}
		if len(value) > 0 && a.Code == radius.CodeAccessChallenge {
			a.State = r.keep(value)
		}
	case rfc2865.UserName_Type:
		if accept && a.UserName == "" && printable(value) {
			a.UserName = string(value)
		}
	case rfc4372.ChargeableUserIdentity_Type:
		if accept && a.CUI == nil && len(value) > 0 && !bytes.Equal(value, zeros[:1]) {
			a.CUI = r.keep(value)
		}
	case rfc2865.Class_Type:
		if accept && len(value) > 0 {
			a.Class = append(a.Class, r.keep(value))
		}
	case rfc2865.SessionTimeout_Type:
		if a.Code != radius.CodeAccessReject && len(value) == 4 {
			a.SessionTimeout = binary.BigEndian.Uint32(value)
		}
	case rfc2865.VendorSpecific_Type:
		if subs, is := bytes.CutPrefix(value, microsoft); is && accept {
			return r.takeKeys(subs)
		}
	}
	return nil
}

// takeKeys reads the MS-MPPE keys among Microsoft's attributes.
func (r *request) takeKeys(subs []byte) error {
	for ; len(subs) > 0; subs = subs[subs[1]:] {
		if len(subs) < 2 || subs[1] < 2 || int(subs[1]) > len(subs) {
			return errKey
		}
		into := &r.answer.Keys.Recv
		switch subs[0] {
		case mppeSendKey:
			into = &r.answer.Keys.Send
		case mppeRecvKey:
		default:
			continue
		}
		if *into != nil {
			return errKey // two of a kind: which is meant?
		}
		key, err := r.key(subs[2:subs[1]])
		if err != nil {
			return err
		}
		*into = key
	}
	return nil
}

// key takes a key out of its disguise; RADIUS/1.1 has none (RFC 9765, section 5.1).
func (r *request) key(value []byte) ([]byte, error) {
	if !r.envelope.v11 {
		return r.in.signer.mppeKey(value, &r.envelope.auth)
	}
	if len(value) != keyLength {
		return nil, errKey
	}
	return r.keep(value), nil
}

// join puts the EAP packet together and checks that the reply agrees with
// itself and with the request.
func (r *request) join(b []byte) error {
	a := &r.answer
	if a.Code == radius.CodeAccessReject {
		a.EAP = r.reject().EAP // a Reject is a Reject, however badly it is put
		return nil
	}
	if r.in.eapLen > 0 {
		r.open()
		start := len(r.in.room)
		for rest := b[headerLength:]; len(rest) > 0; rest = rest[rest[1]:] {
			if rest[0] == byte(rfc2869.EAPMessage_Type) {
				r.in.room = append(r.in.room, rest[2:rest[1]]...)
			}
		}
		a.EAP = r.in.room[start:len(r.in.room):len(r.in.room)]
	}
	if err := r.checkEAP(); err != nil {
		return err
	}
	if (a.Keys.Recv == nil) != (a.Keys.Send == nil) {
		return errKey
	}
	return r.checkProxyStates(b)
}

// EAP codes (RFC 3748, section 4).
const (
	eapRequest = 1
	eapSuccess = 3
	eapFailure = 4
)

// checkEAP holds the EAP packet against the code of the reply (RFC 3579,
// section 2.6.3).
func (r *request) checkEAP() error {
	a := &r.answer
	want := byte(eapRequest)
	if a.Code == radius.CodeAccessAccept {
		want = eapSuccess
	}
	switch {
	case !r.eap && a.EAP != nil:
		return errEAPUnasked
	case !r.eap && a.Code == radius.CodeAccessAccept:
		return nil
	case a.EAP == nil:
		return errNoEAP
	case len(a.EAP) < 4, int(binary.BigEndian.Uint16(a.EAP[2:])) != len(a.EAP):
		return errEAP
	case a.EAP[0] != want:
		return errEAPCode
	case want == eapSuccess && len(a.EAP) != 4: // P23
		return errEAP
	case want == eapRequest && len(a.EAP) < 5: // a Request has a Type
		return errEAP
	}
	return nil
}

// checkProxyStates compares the Proxy-States with those that went out: theirs
// in order, ours last (RFC 2865, section 5.33). They stop here; the one who
// answers the controller returns the controller's own.
func (r *request) checkProxyStates(b []byte) error {
	if r.in.proxy != r.proxy+1 {
		return errProxyState
	}
	theirs := r.packet.Attributes
	for rest := b[headerLength:]; len(rest) > 0; rest = rest[rest[1]:] {
		if rest[0] != byte(rfc2865.ProxyState_Type) {
			continue
		}
		want := proxyTag()
		for len(theirs) > 0 && theirs[0].Type != rfc2865.ProxyState_Type {
			theirs = theirs[1:]
		}
		if len(theirs) > 0 {
			want, theirs = theirs[0].Attribute, theirs[1:]
		}
		if !bytes.Equal(rest[2:rest[1]], want) {
			return errProxyState
		}
	}
	return nil
}

// printable says whether a name can be shown and passed on: UTF-8 of a NAI
// without control characters.
func printable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c == 0x7f {
			return false
		}
	}
	return true
}

// showCUI writes a Chargeable-User-Identity for the log. It is opaque; most are
// text, the rest is shown in hexadecimal.
func showCUI(cui []byte) string {
	for _, c := range cui {
		if c < 0x21 || c > 0x7e {
			return fmt.Sprintf("0x%x", cui)
		}
	}
	return string(cui)
}
