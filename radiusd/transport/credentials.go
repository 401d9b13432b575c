package transport

import (
	"errors"

	"layeh.com/radius"
)

// A Credential is the kind of proof that an Access-Request carries.
type Credential string

// The kinds of Credentials.
const (
	CredentialNone   Credential = "none"
	CredentialPAP    Credential = "pap"    // User-Password
	CredentialCHAP   Credential = "chap"   // CHAP-Password
	CredentialMSCHAP Credential = "mschap" // MS-CHAP-Response or MS-CHAP2-Response (RFC 2548)
	CredentialEAP    Credential = "eap"    // EAP-Message
	CredentialMixed  Credential = "mixed"
)

// What Credentials refuses; each is a Reject, not silence.
var (
	// ErrMixedCredentials: two kinds, or one kind twice (RFC 2865, section 4.1; S8, P6).
	ErrMixedCredentials = errors.New("more than one kind of credential in a request")
	// ErrNoCredentials: nothing to check.
	ErrNoCredentials = errors.New("no credential in the request")
	// ErrMalformedCredential: a User-Password that is not 16 to 128 octets in
	// blocks of 16, or a CHAP-Password that is not 17 (RFC 2865, sections 5.2 and 5.3).
	ErrMalformedCredential = errors.New("malformed credential")
)

// Credentials says what kind of proof p carries: exactly one of PAP, CHAP,
// MS-CHAP and EAP with a nil error; or CredentialMixed with
// ErrMixedCredentials, CredentialNone with ErrNoCredentials, or the kind with
// ErrMalformedCredential.
func Credentials(p *radius.Packet) (Credential, error) {
	kind, malformed := CredentialNone, false
	for _, a := range p.Attributes {
		this := CredentialNone
		switch a.Type {
		case typeUserPassword:
			this = CredentialPAP
			n := len(a.Attribute)
			malformed = malformed || n < 16 || n > 128 || n%16 != 0
		case typeCHAPPassword:
			this = CredentialCHAP
			malformed = malformed || len(a.Attribute) != 17
		case typeEAPMessage:
			this = CredentialEAP
		case typeVendorSpecific:
			if hasMSCHAP(a.Attribute) {
				this = CredentialMSCHAP
			}
		}
		switch {
		case this == CredentialNone:
		case kind == CredentialNone, kind == this && this == CredentialEAP:
			kind = this
		default:
			return CredentialMixed, ErrMixedCredentials
		}
	}
	switch {
	case kind == CredentialNone:
		return kind, ErrNoCredentials
	case malformed:
		return kind, ErrMalformedCredential
	}
	return kind, nil
}

func hasMSCHAP(vsa []byte) bool {
	const response, response2 = 1, 25
	for kind := range vendorValues(vsa, vendorMicrosoft) {
		if kind == response || kind == response2 {
			return true
		}
	}
	return false
}
