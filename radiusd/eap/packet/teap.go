package packet

// TLVs of TEAP beside those that it shares with PEAP (RFC 9930, section 4.2).
const (
	TLVAuthorityID        = 1
	TLVIdentityType       = 2
	TLVError              = 5
	TLVVendorSpecific     = 7
	TLVRequestAction      = 8
	TLVEAPPayload         = 9
	TLVIntermediateResult = 10
	TLVPasswordRequest    = 13 // Basic-Password-Auth-Req
	TLVPasswordResponse   = 14 // Basic-Password-Auth-Resp

	// IdentityUser and IdentityMachine are values of Identity-Type.
	IdentityUser    uint16 = 1
	IdentityMachine uint16 = 2
)

// FlagOuterTLVs in the first octet of Data says that four octets of length follow, and
// that the packet ends in so many octets of Outer TLVs (RFC 9930, section 4.1).
const FlagOuterTLVs = 0x10
