package vlan

// A Reason is a kind of refusal. It is an error whose text is the code that the
// NOC's table of reasons explains; errors of this package wrap one.
type Reason string

// Error returns the code.
func (r Reason) Error() string { return string(r) }

// Reason returns the code.
func (r Reason) Reason() string { return string(r) }

// Why a person is given no network.
const (
	NoRule            Reason = "no-rule"                // no rule of the SSID fits (R13)
	GroupsUnknown     Reason = "groups-unknown"         // a rule turns on a group that cannot be seen (F3)
	MethodUnknown     Reason = "method-unknown"         // a rule turns on a method that cannot be seen
	UserUnknown       Reason = "user-unknown"           // a rule turns on the name of one of ours, and it was not given
	SSIDMissing       Reason = "ssid-missing"           // the request named none
	SSIDUnknown       Reason = "ssid-unknown"           // the file names no such SSID
	SiteUnknown       Reason = "site-unknown"           // the file names no such site
	ControllerUnknown Reason = "controller-unknown"     // the site has no such controller
	AgreementExpired  Reason = "site-agreement-expired" // before or after the days of the site's agreement
	RealmMalformed    Reason = "realm-malformed"        // R15
	RealmMisplaced    Reason = "realm-misplaced"        // our own realm answered by somebody else, or the reverse (R8)
	ProxyLoop         Reason = "proxy-loop"             // it came from a federation, and we did not answer it (R22)
	ZoneGuard         Reason = "zone-guard"             // a layer below found what the layers above should have stopped
)
