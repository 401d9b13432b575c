package vlan

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"layeh.com/radius"
)

// The part that names the network of a running session. Nothing sends a CoA-Request or
// a Disconnect-Request yet: whoever will has these two to go through, as an Accept has
// Tag and Verify.

// sessionsOwn are the attributes that say whose session it is (RFC 5176, section 3), and
// those that every such request may carry.
var sessionsOwn = []struct {
	code    uint8
	session bool // it says which session; the others say whose controller, or nothing
}{
	{1, true}, {4, false}, {5, true}, {8, true}, {30, false}, {31, true}, {32, false}, {44, true}, {50, true},
	{55, false}, {61, false}, {80, false}, {87, true}, {89, true}, {95, false}, {96, true}, {97, true}, {33, false},
}

// auditSession is how Cisco's controllers know a session: the only Cisco-AVPair that may
// be said, and to them alone.
var auditSession = []byte("audit-session-id=")

// TagChange adds the network to a CoA-Request that names a session, in the words of the
// site's controller: what Tag would say but for how long the session lasts.
func (a Assignment) TagChange(request *radius.Packet) error {
	if request == nil || request.Code != radius.CodeCoARequest {
		return fmt.Errorf("a network is changed by a CoA-Request only: %w", ErrZoneGuard)
	}
	if err := a.sound(); err != nil {
		return err
	}
	named := false
	for _, avp := range request.Attributes {
		if avp.Type != radius.Type(uint8(avp.Type)) { //nolint:gosec // that is what is asked
			return fmt.Errorf("attribute %d: %w", avp.Type, ErrZoneGuard)
		}
		err := eachPart(uint8(avp.Type), avp.Attribute, func(at attribute, value []byte) error {
			return a.namesSession(at, value, &named)
		})
		if err != nil {
			return err
		}
	}
	if !named {
		return errNobody
	}
	b := a.untimed()
	b.write(newWriter(request))
	return nil
}

// VerifyChange is the final gate of a CoA-Request, which says exactly what was assigned
// and to which session, and of a Disconnect-Request, which says the session alone. Like
// Verify it trusts no layer above.
func (a Assignment) VerifyChange(wire []byte) error {
	if err := a.sound(); err != nil {
		return err
	}
	if len(wire) < 20 || int(binary.BigEndian.Uint16(wire[2:])) != len(wire) {
		return fmt.Errorf("the request is no whole packet: %w", ErrZoneGuard)
	}
	change := wire[0] == byte(radius.CodeCoARequest)
	if !change && wire[0] != byte(radius.CodeDisconnectRequest) {
		return fmt.Errorf("the request is no CoA-Request and no Disconnect-Request: %w", ErrZoneGuard)
	}
	b := a.untimed()
	said, named := statement{ordered: &b}, false
	hear := func(at attribute, value []byte) error {
		if change && b.means(at) != 0 {
			return said.hear(at, value)
		}
		return b.namesSession(at, value, &named)
	}
	for rest := wire[20:]; len(rest) > 0; {
		if len(rest) < 2 || rest[1] < 2 || int(rest[1]) > len(rest) {
			return fmt.Errorf("the request has an attribute of impossible length: %w", ErrZoneGuard)
		}
		code, value := rest[0], rest[2:rest[1]]
		rest = rest[rest[1]:]
		if err := eachPart(code, value, hear); err != nil {
			return err
		}
	}
	if !named {
		return errNobody
	}
	if !change {
		return nil
	}
	return said.complete()
}

// errNobody: a request that names no session may be taken to mean all of them.
var errNobody = fmt.Errorf("the request names no session: %w", ErrZoneGuard)

// untimed is the Assignment without what belongs to the log-in alone.
func (a Assignment) untimed() Assignment {
	t := *a.terms
	t.session, t.idle, t.interim = 0, 0, 0
	a.terms = &t
	return a
}

// namesSession hears an attribute that is there to say whose session it is, and refuses
// any other.
func (a *Assignment) namesSession(at attribute, value []byte, named *bool) error {
	if at == (attribute{9, 1}) && a.nas.vendor.echoesAudit && bytes.HasPrefix(value, auditSession) && len(value) > len(auditSession) {
		*named = true
		return nil
	}
	for _, s := range sessionsOwn {
		if at == (attribute{0, s.code}) {
			*named = *named || s.session && len(value) > 0
			return nil
		}
	}
	return at.refused()
}
