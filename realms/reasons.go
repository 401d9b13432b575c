package realms

// A Reason is a kind of failure. It is an error whose text is the code that the
// NOC's table of reasons explains, so that
//
//	fmt.Errorf("directory %s: %w", host, realms.ErrUnreachable)
//
// says both what happened and, through errors.As, which row of the table it is.
type Reason string //nolint:errname // it is a row of the table of reasons first

// Error returns the code.
func (r Reason) Error() string { return string(r) }

// Reason returns the code.
func (r Reason) Reason() string { return string(r) }

// An AccountError is an error that knows whose account it is about, by the name
// that the directory itself has for it.
type AccountError struct {
	Account     string
	PasswordSet string // as in Account
	Err         error
}

func (e *AccountError) Error() string { return e.Account + ": " + e.Err.Error() }

// Unwrap returns the error.
func (e *AccountError) Unwrap() error { return e.Err }

// A PlacementError is an error that knows whose guest it is about.
type PlacementError struct {
	Placement
	Err error
}

func (e *PlacementError) Error() string { return e.Err.Error() }

// Unwrap returns the error.
func (e *PlacementError) Unwrap() error { return e.Err }

// ErrDiscard asks for silence: the packet is dropped and counted, and the
// conversation stays where it was (RFC 3748, section 4.1).
const ErrDiscard Reason = "discarded"

// Errors of a directory.
const (
	ErrUnknownUser     Reason = "unknown-user"
	ErrAmbiguousUser   Reason = "ambiguous-user"
	ErrBadPassword     Reason = "bad-password"
	ErrEmptyPassword   Reason = "empty-password"
	ErrDisabled        Reason = "account-disabled"
	ErrExpired         Reason = "account-expired"
	ErrPlacementNotYet Reason = "placement-not-started"
	ErrPlacementEnded  Reason = "placement-ended"
	ErrLocked          Reason = "account-locked"
	ErrPasswordExpired Reason = "password-expired"
	ErrMustChange      Reason = "password-must-change"
	ErrLogonHours      Reason = "logon-hours"
	ErrWorkstation     Reason = "logon-workstation"
	ErrRestricted      Reason = "account-restricted" // the directory keeps the account from this kind of log-on
	ErrUnreachable     Reason = "directory-unreachable"
	ErrGuarded         Reason = "guarded" // too many wrong passwords: refused here, before the directory locks the account (S21)
	ErrMisconfigured   Reason = "directory-misconfigured"
	ErrNoHash          Reason = "password-form-unsupported" // MSCHAPv2 asked of a directory that has no NT hash
)

// Errors of the routing table.
const (
	ErrRealmMissing     Reason = "realm-missing"
	ErrRealmMalformed   Reason = "realm-malformed"
	ErrRealmBlocklisted Reason = "realm-blocklisted"
	ErrRealmNotHere     Reason = "realm-not-on-ssid"    // no federation serves other realms on this SSID
	ErrOwnSubrealm      Reason = "own-subrealm-unknown" // ours to answer, but configured nowhere (GOV)
	ErrSSIDMissing      Reason = "ssid-missing"
	ErrSSIDUnknown      Reason = "ssid-unknown"
	ErrLoop             Reason = "proxy-loop" // it came from an upstream and would go to one
)

// Errors of lists of devices that are known by their MAC address alone.
const (
	ErrMACUnknown  Reason = "mac-unknown"
	ErrMACExpired  Reason = "mac-expired"
	ErrMACRandom   Reason = "mac-randomised" // the device made the address up
	ErrMACMismatch Reason = "mac-mismatch"   // User-Name and Calling-Station-Id are not one MAC address
	ErrMACPassword Reason = "mac-password"   // the request proves itself as no controller does that asks for a MAC
	ErrMACTwice    Reason = "mac-twice"      // two lists of the SSID have it
	ErrMACOnly     Reason = "mac-only"       // somebody speaks EAP on an SSID that is for such devices alone
)

// Errors of an upstream.
const (
	ErrUpstreamDown     Reason = "upstream-unreachable"
	ErrHomeDown         Reason = "home-unreachable" // the server that leads there lives
	ErrUpstreamRejected Reason = "upstream-rejected"
	ErrUpstreamReply    Reason = "upstream-bad-reply"
	ErrRejectStorm      Reason = "reject-storm" // their home said no again and again: answered here for a while (R28)
)

// Errors of our own EAP server.
const (
	ErrEAPMalformed        Reason = "eap-malformed"
	ErrNoMethod            Reason = "eap-method-refused" // the supplicant wants a method that we do not offer
	ErrOuterInner          Reason = "outer-inner-mismatch"
	ErrInnerRealm          Reason = "inner-realm-refused"
	ErrServerDistrusted    Reason = "server-certificate-distrusted" // the supplicant does not trust our certificate
	ErrClientCertMissing   Reason = "client-certificate-missing"
	ErrClientCertUntrusted Reason = "client-certificate-untrusted"
	ErrClientCertExpired   Reason = "client-certificate-expired"
	ErrClientCertIdentity  Reason = "client-certificate-identity" // it names nobody, or somebody else
	ErrClientCertRevoked   Reason = "client-certificate-revoked"
	ErrRevocationUnknown   Reason = "revocation-unknown"       // nobody says whether it is revoked, and the configuration wants to know
	ErrClientCertAuthority Reason = "client-certificate-scope" // its authority may not vouch for this name
	ErrChainIncomplete     Reason = "chain-incomplete"         // TEAP: the machine or the user was not proved
	ErrTLS                 Reason = "tls-failed"
	ErrTLSVersion          Reason = "tls-version"
	ErrTooLarge            Reason = "conversation-too-large"
	ErrTooManyRounds       Reason = "conversation-too-long"
	ErrCredentialsMixed    Reason = "credentials-mixed"
	ErrCredentialsMissing  Reason = "credentials-missing"
	ErrInnerProtocol       Reason = "inner-protocol-error"
	ErrPAPRefused          Reason = "pap-not-allowed"
	ErrSupplicantGaveUp    Reason = "supplicant-gave-up" // it ended the conversation itself
	ErrConversationUnknown Reason = "conversation-unknown"
	ErrConversationExpired Reason = "conversation-expired"
	ErrServerBusy          Reason = "server-busy"
	ErrServerStopped       Reason = "server-stopped" // it was told to stop while the log-in was under way
	ErrInternal            Reason = "internal-error"
)
