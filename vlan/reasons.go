package vlan

// A Reason is a kind of refusal. It is an error whose text is the code that the
// NOC's table of reasons explains; errors of this package wrap one.
type Reason string //nolint:errname // the word that the NOC reads, as in realms

// Error returns the code.
func (r Reason) Error() string { return string(r) }

// Reason returns the code.
func (r Reason) Reason() string { return string(r) }

// Why a person is given no network.
const (
	ErrNoRule             Reason = "no-rule"                // no rule of the SSID fits (R13)
	ErrGroupsUnknown      Reason = "groups-unknown"         // a rule turns on a group that cannot be seen (F3)
	ErrMethodUnknown      Reason = "method-unknown"         // a rule turns on a method that cannot be seen
	ErrDeviceUnknown      Reason = "device-unknown"         // a rule turns on whether the device proved itself, which cannot be seen
	ErrCertificateUnknown Reason = "certificate-unknown"    // a rule turns on a certificate that cannot be seen
	ErrOperatorUnknown    Reason = "operator-unknown"       // a rule of [[roaming]] turns on which organisation it is, and that named none
	ErrRoamingRefused     Reason = "roaming-refused"        // no rule of [[roaming]] lets them log in there
	ErrUserUnknown        Reason = "user-unknown"           // a rule turns on the name of one of ours, and it was not given
	ErrSSIDMissing        Reason = "ssid-missing"           // the request named none
	ErrSSIDUnknown        Reason = "ssid-unknown"           // the file names no such SSID
	ErrSiteUnknown        Reason = "site-unknown"           // the file names no such site
	ErrControllerUnknown  Reason = "controller-unknown"     // the site has no such controller
	ErrAgreementExpired   Reason = "site-agreement-expired" // before or after the days of the site's agreement
	ErrRealmMalformed     Reason = "realm-malformed"        // R15
	ErrRealmMisplaced     Reason = "realm-misplaced"        // our own realm answered by somebody else, or the reverse (R8)
	ErrProxyLoop          Reason = "proxy-loop"             // it came from a federation, and we did not answer it (R22)
	ErrMACUnknown         Reason = "mac-unknown"            // no list has the device
	ErrZoneGuard          Reason = "zone-guard"             // a layer below found what the layers above should have stopped
)
