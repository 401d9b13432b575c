package supplicant

import (
	"encoding/binary"

	"causeway/radiusd/eap/packet"
)

// A teapRule is a row of the table of section 4.3.2 of RFC 9930, for what a server says.
type teapRule struct {
	most int  // how many may stand in one message; -1: any number
	must bool // it is defined as mandatory
	read func(q *teapMessage, t packet.TLV) error
}

// teapRules are the TLVs that we know. Those without a reader we pass over.
var teapRules = map[uint16]teapRule{
	packet.TLVIdentityType: {1, true, func(q *teapMessage, t packet.TLV) (err error) {
		q.identity, err = t.Status()
		return err
	}},
	packet.TLVResult: {1, true, func(q *teapMessage, t packet.TLV) (err error) {
		q.result, err = t.Status()
		return err
	}},
	packet.TLVNAK: {-1, true, func(_ *teapMessage, t packet.TLV) error {
		vendor, kind, err := t.NAK()
		if err == nil {
			err = unexpected("TLV %d of vendor %d was refused", kind, vendor)
		}
		return err
	}},
	packet.TLVError: {-1, true, func(q *teapMessage, t packet.TLV) error {
		code, err := t.ErrorCode()
		q.errors = append(q.errors, code)
		return err
	}},
	packet.TLVChannelBinding: {1, false, nil}, // optional for a peer (section 4.2.7)
	packet.TLVVendorSpecific: {-1, false, nil},
	packet.TLVRequestAction: {-1, true, func(q *teapMessage, t packet.TLV) error {
		action, err := t.RequestAction()
		q.actions = append(q.actions, action)
		return err
	}},
	packet.TLVEAPPayload: {1, true, func(q *teapMessage, t packet.TLV) error {
		p, err := t.EAPPayload()
		q.eap = &p
		return err
	}},
	packet.TLVIntermediateResult: {1, true, func(q *teapMessage, t packet.TLV) (err error) {
		q.intermediate, err = t.Status()
		return err
	}},
	packet.TLVPAC: {0, false, nil}, // section 4.2.12
	packet.TLVCryptoBinding: {1, true, func(q *teapMessage, t packet.TLV) error {
		b, err := t.CryptoBinding()
		q.binding = &b
		return err
	}},
	packet.TLVPasswordRequest: {1, true, func(q *teapMessage, t packet.TLV) error {
		prompt := string(t.Value)
		q.password = &prompt
		return nil
	}},
	packet.TLVPasswordResponse:  {0, true, nil},
	packet.TLVPKCS7:             {1, false, nil},
	packet.TLVPKCS10:            {0, false, nil},
	packet.TLVTrustedServerRoot: {1, false, nil},
	packet.TLVCSRAttributes:     {1, false, nil},
	packet.TLVIdentityHint:      {0, false, nil},
}

// A teapMessage is what the TLVs of one message say.
type teapMessage struct {
	nak []packet.TLV // what we have to say of mandatory TLVs that we do not know

	binding              *packet.CryptoBinding
	intermediate, result uint16 // 0: not there
	identity             uint16
	eap                  *packet.Packet
	password             *string // the prompt
	errors               []uint32
	actions              []packet.RequestAction
}

// read sorts the TLVs of a message. One that is mandatory and unknown is answered with
// a NAK and all others are ignored, except beside a Result, which fails (sections 4.2
// and 4.2.5).
func (m *teap) read(plain []byte) (q teapMessage, err error) {
	tlvs, err := packet.ParseTLVs(plain)
	if err != nil {
		return q, unexpected("%w", err)
	}
	seen := map[uint16]int{}
	for _, t := range tlvs {
		rule, known := teapRules[t.Type]
		switch {
		case !known || t.Type == packet.TLVVendorSpecific:
			if t.Mandatory {
				q.nak = append(q.nak, packet.NAKTLV(vendorOf(t), t.Type))
			}
			continue
		case rule.must && !t.Mandatory && !m.tunnel.cfg.RFC7170:
			return q, unexpected("TLV %d without its mandatory bit", t.Type)
		}
		if seen[t.Type]++; rule.most >= 0 && seen[t.Type] > rule.most {
			return q, unexpected("TLV %d %d times in one message of a server", t.Type, seen[t.Type])
		}
		if rule.read == nil {
			continue
		}
		if err := rule.read(&q, t); err != nil {
			return q, unexpected("%w", err)
		}
	}
	if q.nak != nil && q.result != 0 {
		return q, unexpected("a Result beside a mandatory TLV that we do not know")
	}
	return q, nil
}

// vendorOf is the vendor of a Vendor-Specific TLV, 0 for others.
func vendorOf(t packet.TLV) uint32 {
	if t.Type != packet.TLVVendorSpecific || len(t.Value) < 4 {
		return 0
	}
	return binary.BigEndian.Uint32(t.Value)
}

// sensible judges what stands together in a message that is no failure.
func (q *teapMessage) sensible() error {
	begins := q.eap != nil || q.password != nil
	switch {
	case q.result > packet.ResultFailure || q.intermediate > packet.ResultFailure:
		return unexpected("a status that is neither success nor failure")
	case q.eap != nil && q.password != nil:
		return unexpected("EAP and a request for a password in one message")
	case q.result != 0 && (begins || q.identity != 0):
		return unexpected("a Result beside another method")
	case q.identity != 0 && !begins:
		return unexpected("an Identity-Type and nothing that it is for")
	}
	for _, code := range q.errors {
		if packet.FatalError(code) {
			return unexpected("the fatal error %d without a failing Result", code)
		}
	}
	return nil
}

// named puts the Identity-Type before an answer, when the server spoke of one.
func (q *teapMessage) named(who uint16, t packet.TLV) []packet.TLV {
	if q.identity == 0 {
		return []packet.TLV{t}
	}
	return []packet.TLV{packet.IdentityTypeTLV(who), t}
}
