package eap

import (
	"fmt"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// A teapMessage is what came inside TEAP, by name; zero is absent.
type teapMessage struct {
	identity     uint16 // Identity-Type
	intermediate uint16 // Intermediate-Result
	result       uint16
	action       uint16 // Request-Action: what follows if it is not done
	nak          uint16 // the type of TLV that the supplicant does not know
	errorCode    uint32
	binding      *packet.CryptoBinding
	eap          *packet.Packet
	password     *teapPassword

	unknown *packet.TLV // one that must be understood and is not
}

// A teapPassword is what Basic-Password-Auth carries.
type teapPassword struct{ user, password string }

// readTEAP sorts the TLVs of one message. One that must not come twice and does is an
// error (section 4.3.2); one that is not known and need not be is ignored.
func readTEAP(plain []byte) (msg teapMessage, err error) {
	tlvs, err := packet.ParseTLVs(plain)
	if err != nil {
		return msg, fmt.Errorf("%w: %w", realms.ErrInnerProtocol, err)
	}
	seen := map[uint16]bool{}
	for _, tlv := range tlvs {
		read, known := teapTLVs[tlv.Type]
		switch {
		case !known && tlv.Mandatory && msg.unknown == nil:
			msg.unknown = &tlv
			continue
		case !known:
			continue
		case seen[tlv.Type] && tlv.Type != packet.TLVError && tlv.Type != packet.TLVNAK && tlv.Type != packet.TLVRequestAction:
			return msg, fmt.Errorf("TLV %d comes twice: %w", tlv.Type, realms.ErrInnerProtocol)
		}
		seen[tlv.Type] = true
		if err := read(&msg, tlv); err != nil {
			return msg, fmt.Errorf("TLV %d: %w: %w", tlv.Type, realms.ErrInnerProtocol, err)
		}
	}
	return msg, nil
}

// teapTLVs says how each TLV is read.
var teapTLVs = map[uint16]func(msg *teapMessage, tlv packet.TLV) error{
	packet.TLVIdentityType: func(msg *teapMessage, tlv packet.TLV) (err error) {
		msg.identity, err = tlv.Status()
		return err
	},
	packet.TLVResult: func(msg *teapMessage, tlv packet.TLV) (err error) {
		msg.result, err = successOrFailure(tlv)
		return err
	},
	packet.TLVIntermediateResult: func(msg *teapMessage, tlv packet.TLV) (err error) {
		msg.intermediate, err = successOrFailure(tlv)
		return err
	},
	packet.TLVNAK: func(msg *teapMessage, tlv packet.TLV) (err error) {
		_, msg.nak, err = tlv.NAK()
		return err
	},
	packet.TLVError: func(msg *teapMessage, tlv packet.TLV) error {
		code, err := tlv.ErrorCode()
		msg.errorCode = max(msg.errorCode, code) // the worst counts
		return err
	},
	packet.TLVRequestAction: func(msg *teapMessage, tlv packet.TLV) error {
		action, err := tlv.RequestAction()
		msg.action = max(msg.action, uint16(action.Status)) // failure is the higher
		return err
	},
	packet.TLVEAPPayload: func(msg *teapMessage, tlv packet.TLV) error {
		p, err := tlv.EAPPayload()
		msg.eap = &p
		return err
	},
	packet.TLVCryptoBinding: func(msg *teapMessage, tlv packet.TLV) error {
		b, err := tlv.CryptoBinding()
		msg.binding = &b
		return err
	},
	packet.TLVPasswordResponse: func(msg *teapMessage, tlv packet.TLV) error {
		user, password, err := tlv.Password()
		msg.password = &teapPassword{user, password}
		return err
	},
}

func successOrFailure(tlv packet.TLV) (uint16, error) {
	status, err := tlv.Status()
	if err == nil && status != packet.ResultSuccess && status != packet.ResultFailure {
		err = fmt.Errorf("a status of %d", status)
	}
	return status, err
}
