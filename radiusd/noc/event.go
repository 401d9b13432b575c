package noc

import "time"

// An Event is one authentication from its first packet to its end, one accounting
// message, or one probe of somebody else's server. It has only names and numbers: no type that could hold a
// secret (S17).
type Event struct {
	Time     time.Time     // the first request
	Duration time.Duration // to the last reply

	ID   string // the conversation
	Kind string // "access", "accounting", "probe"

	NAS       string // what the controller calls itself
	Client    string // what the configuration calls it
	Site      string
	AP        string
	SSID      string
	MAC       string // normalised by MAC
	RandomMAC bool

	Outer       string // User-Name as it came
	Inner       string // the name in the tunnel or certificate
	Realm       string
	Route       string // the directory or federation
	Server      string // the directory or upstream server
	Method      string // "tls", "ttls", "peap", "teap", "pap", "mac"
	InnerMethod string
	TLS         string // "1.2", "1.3"
	Resumed     bool
	Device      string // the computer that was proved by a credential of its own
	List        string // the list that has a device which is known by its MAC alone
	Equipment   string // what that list says it is
	Asset       string // its number in the inventory
	Owner       string // who is asked about it
	Sponsor     string // who asked for the account of somebody on a placement
	Purpose     string // and what for
	Authority   string // who vouched for the client certificate, as the configuration calls it
	Unchecked   bool   // nobody could say whether the client certificate was withdrawn
	Rounds      int

	// Where an abandoned log-in stopped, and the octets of the EAP message that the
	// device did not answer.
	Stage string
	Sent  int

	Outcome string // "accept", "reject", "abandoned", "error"; of a probe also "timeout", "config"
	Reason  string // a code of the table of reasons; empty when accepted
	Detail  string // for an engineer; never a secret

	Rule         string
	Zone         string
	VLAN         uint16 // 0: none
	CUI          string
	OperatorName string
}
