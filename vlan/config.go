package vlan

import "time"

// A Config is what an admin wrote about networks, names not yet resolved.
type Config struct {
	Zones      []Zone
	VLANs      []VLAN
	SSIDs      []SSID
	Roaming    []RoamingRule // our own people elsewhere; none: all of them may log in there
	Guarantees []Guarantee
	Sites      []Site

	Devices []string // lists of devices that are known by their MAC, by what the file calls them

	// Own are the realms that are answered here, each subrealm that has a name
	// of its own included. Partners are those with servers of their own in our
	// file. Any other realm is a visitor of a federation.
	Own, Partners []string

	// Authorities are what the file calls those whose client certificates are
	// taken: the names that a rule's Issuer may have.
	Authorities []string

	// Now tells the date by which agreements are judged when Facts carries
	// none; nil is time.Now. Only the day counts, in the location of the time.
	Now func() time.Time
}

// A Zone is a part of the network that never mixes with another.
type Zone struct {
	Name string
	// Trusted zones are never reached by anybody whom we did not check
	// ourselves, nor by a controller's fall-back.
	Trusted bool
}

// A VLAN is one network, known by its name.
type VLAN struct {
	Name string
	// ID is its number where a site says nothing else, 1 to 4094; 0 means that
	// every site where it can be reached says its own.
	ID uint16
	// Pool is several numbers in ID's place. A device keeps the one that its MAC
	// address leads to.
	Pool []uint16
	// Called is the name by which controllers know it that are told names
	// (Controller.Say); empty: it has none.
	Called   string
	Zone     string
	Down, Up string // bit/s towards and from the device: "50M", "512k", "1G"; empty is no limit
	Filter   string // a filter that the controller knows by this name; empty is none
	Role     string // a role, group or policy that it knows by this name; empty is none
	// Session is after how long a device has to log in again, Idle after how long
	// without traffic it is sent away, Interim how often accounting tells of it; 0
	// leaves it to the controller.
	Session, Idle, Interim time.Duration
}

// A Local is what differs of a VLAN at a site, beside its number. What is empty is
// as everywhere.
type Local struct {
	Pool                   []uint16
	Called                 string
	Down, Up               string
	Filter, Role           string
	Session, Idle, Interim time.Duration
}

// An SSID is one wireless network name with its rules in order.
type SSID struct {
	Name       string   // compared octet by octet (R11)
	Federation string   // who carries other realms; the routing table reads it, not this package
	MAC        []string // the lists whose devices it lets in by their MAC
	Rules      []Rule
}

// A Rule names the VLAN of those who fit all of its conditions. An empty
// condition always holds; Who is never empty.
type Rule struct {
	// Who is "own" (any realm answered here), "visitor" (any other valid realm,
	// partners included), "@realm" (that realm and no subrealm of it),
	// "user@realm", "devices" (whatever is known by its MAC alone, of any list that
	// the SSID takes) or "devices LIST". No other word means a device.
	Who   string
	Group string // one group of our own directory, in any case
	EAP   string // "tls", "ttls", "peap", "teap" or "pap"
	// Device is "verified", for one that proved itself by a credential of its
	// own, or "unverified".
	Device string
	Issuer string // the authority of the certificate that was shown, one of Config.Authorities
	Policy string // one of that certificate's policies, dotted (RFC 5280, section 4.2.1.4)
	SSID   string // empty, or the SSID that the rule stands under
	Site   string
	VLAN   string
	// OneOf are several VLANs in the place of VLAN: each device gets the one that its
	// list gives it, and no other.
	OneOf []string
	// Trusted says that the devices of the list may reach a trusted zone.
	Trusted bool
}

// A Guarantee says what must never be. It names one of Never and Only.
type Guarantee struct {
	// Who is as in a Rule; empty or "anyone" is everybody, devices included. The other conditions
	// narrow it, and an empty one is no condition. A device that is not known to
	// have proved itself is unverified, a visitor's as well.
	Who, Group, Method     string
	Device, Issuer, Policy string
	SSIDs, Sites           []string // any of them; none: all
	// Federation narrows it to visitors on the SSIDs whose federation it is, be they of
	// a partner or of anybody else.
	Federation string
	// UnderAgreement narrows it to sites that are somebody else's.
	UnderAgreement bool

	Why string // for the reader of the proof: whose rule it is

	Never Place // they never land here
	Only  Place // they land here or nowhere
}

// A Place is a zone or a VLAN, by name: one of the two.
type Place struct{ Zone, VLAN string }

// A Site is a building with its own numbers and controllers.
type Site struct {
	Name        string
	VLAN        map[string]uint16 // numbers that differ from the VLAN's own, by VLAN name
	Local       map[string]Local  // what else differs, by VLAN name
	Controllers []Controller
	// Behind names controllers of other sites that access points of this one ask
	// through: they write what is said here, and their fall-backs hold here too.
	Behind    []string
	Agreement *Agreement // nil where the building is ours
}

// A Controller is what asks us: a wireless controller or an access point.
type Controller struct {
	Name   string
	Vendor string // a row of the table of vendors; empty is "generic"
	// WithoutVLAN says what the controller does when we name no VLAN or do not
	// answer: "reject", or the name of the VLAN where it puts people. It is
	// never empty.
	WithoutVLAN string
	// Say is "number" or "name": how it is told of a VLAN. Empty is "number".
	Say string
	Tag *uint8 // tag octet of the tunnel attributes, 0 to 31 (RFC 2868, section 3.1); nil writes none
}

// An Agreement is what lets our people use somebody else's building. Only the
// calendar days of From and Until count, and both days are inside.
type Agreement struct {
	Reference, Owner, ApprovedBy string

	From  time.Time // zero: since ever
	Until time.Time // never zero
}
