package eap

import (
	"fmt"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// A ttlsField is an AVP that means something inside TTLS.
type ttlsField uint8

const (
	ttlsIgnored ttlsField = iota // known, and of no interest
	ttlsName
	ttlsPassword
	ttlsCHAPPassword
	ttlsCHAPChallenge
	ttlsMSCHAPChallenge
	ttlsMSCHAPResponse
	ttlsMSCHAP2Response
	ttlsEAP
	ttlsFields
)

// A ttlsMessage is what came inside, by field; nil is absent.
type ttlsMessage [ttlsFields][]byte

// ttlsAVPs says which field an AVP is, by vendor and code.
var ttlsAVPs = map[[2]uint32]ttlsField{
	{0, packet.AVPUserName}:                              ttlsName,
	{0, packet.AVPUserPassword}:                          ttlsPassword,
	{0, packet.AVPCHAPPassword}:                          ttlsCHAPPassword,
	{0, packet.AVPCHAPChallenge}:                         ttlsCHAPChallenge,
	{0, packet.AVPEAPMessage}:                            ttlsEAP,
	{packet.VendorMicrosoft, packet.AVPMSCHAPChallenge}:  ttlsMSCHAPChallenge,
	{packet.VendorMicrosoft, packet.AVPMSCHAPResponse}:   ttlsMSCHAPResponse,
	{packet.VendorMicrosoft, packet.AVPMSCHAP2Response}:  ttlsMSCHAP2Response,
	{packet.VendorMicrosoft, packet.AVPMSCHAP2ChangePwd}: ttlsIgnored, // after a password that has expired: it is not taken
}

// readTTLS sorts the AVPs. One that is not known and says that it must be is an
// error (RFC 5281, section 10.1), and so is one that comes twice.
func readTTLS(plain []byte) (msg ttlsMessage, err error) {
	avps, err := packet.ParseAVPs(plain)
	if err != nil {
		return msg, fmt.Errorf("%w: %w", realms.ErrInnerProtocol, err)
	}
	for _, a := range avps {
		field, known := ttlsAVPs[[2]uint32{a.Vendor, a.Code}]
		switch {
		case !known && a.Mandatory:
			return msg, fmt.Errorf("AVP %d of vendor %d must be understood and is not: %w", a.Code, a.Vendor, realms.ErrInnerProtocol)
		case field == ttlsIgnored:
		case msg[field] != nil:
			return msg, fmt.Errorf("AVP %d comes twice: %w", a.Code, realms.ErrInnerProtocol)
		default:
			msg[field] = a.Data
		}
	}
	return msg, nil
}
