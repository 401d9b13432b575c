package config

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"causeway/certs"
	"causeway/realms/discovery"
)

// A File is the whole configuration as the admin wrote it, includes merged and
// defaults filled in. Its fields carry the names of the TOML keys; docs/config.md
// says what each one means.
//
// Tags steer the reading: `toml` names the key, `need:"yes"` makes it compulsory,
// `default` is what an absent key stands for, `path` makes a relative path absolute,
// and `ref` marks a reference to a key or certificate (file:, cred: or env:).
type File struct {
	Version    int                   `toml:"version" need:"yes"`
	Include    List                  `toml:"include"` // done with once the file is loaded
	Server     Server                `toml:"server"`
	RadSec     RadSec                `toml:"radsec"`
	Store      Store                 `toml:"store"`
	EAP        EAP                   `toml:"eap"`
	Directory  map[string]Directory  `toml:"directory"`
	Realm      map[string]Realm      `toml:"realm"`
	Core       Core                  `toml:"core"`
	Federation map[string]Federation `toml:"federation"`
	Devices    map[string]Devices    `toml:"devices"`
	Zone       map[string]Zone       `toml:"zone"`
	VLAN       map[string]VLAN       `toml:"vlan"`
	SSID       []SSID                `toml:"ssid"`
	Roaming    []Roaming             `toml:"roaming"`
	Guarantee  []Guarantee           `toml:"guarantee"`
	Site       []Site                `toml:"site"`
	Log        Log                   `toml:"log"`
	Test       []Test                `toml:"test"`

	// Warnings are what loads and is unwise all the same, in the order of the
	// files.
	Warnings Problems `toml:"-"`

	sources    []*source       // main file first, then its includes as they were read
	places     *index          // of the merged whole
	unreadable map[string]bool // keys of references that could not be read here
}

// Server is this server and the addresses on which it listens.
type Server struct {
	Name          string       `toml:"name"`
	Mode          string       `toml:"mode" default:"whole"` // or "edge" or "core"
	OperatorName  string       `toml:"operator_name"`
	CUIKey        certs.Secret `toml:"cui_key"` // empty: our own people have no Chargeable-User-Identity
	Listen        Listen       `toml:"listen"`
	Conversations int          `toml:"conversations" default:"20000"`
	RejectDelay   Span         `toml:"reject_delay" default:"1s"`
	Blocklist     []string     `toml:"blocklist"` // nil: the list that is built in
	RejectStorm   RejectStorm  `toml:"reject_storm"`
}

// RejectStorm says when a visitor's device that its home refuses again and again is
// answered here, as guard.Limits has it.
type RejectStorm struct {
	Rejects int  `toml:"rejects" default:"5"` // 0: never
	Within  Span `toml:"within" default:"1m"`
	Hold    Span `toml:"hold" default:"30s"`
	Longest Span `toml:"longest" default:"5m"`
}

// Listen holds the addresses of the server's sockets, each host:port or :port.
type Listen struct {
	Auth   List `toml:"auth" default:":1812"`
	Acct   List `toml:"acct" default:":1813"`
	RadSec List `toml:"radsec"` // empty: nobody connects to us
	// Metrics is where Prometheus may ask for figures, by HTTP; empty: nowhere.
	Metrics List `toml:"metrics"`
}

// RadSec is what this server shows to the others with whom it speaks RADIUS over TLS,
// and who may vouch for them.
type RadSec struct {
	Certificate string `toml:"certificate" ref:"yes"`
	PrivateKey  string `toml:"private_key" ref:"yes"`
	CA          string `toml:"ca" ref:"yes"`             // of a peer that names none of its own
	CRL         List   `toml:"crl" ref:"list"`           // what it has withdrawn; of those, too
	Revocation  string `toml:"revocation"`               // as an authority's
	ListFolder  string `toml:"list_folder" path:"yes"`   // empty: fetched lists are not kept; absolute once loaded
	RADIUS11    string `toml:"radius11" default:"allow"` // "allow", "require" or "forbid"
	Connections int    `toml:"connections" default:"1024"`
}

// A Span is a time's length, written as "8h", "30m" or "1s500ms".
type Span time.Duration

// Store says where the servers of a pair keep what they share. Kind "memory" shares
// nothing. The rest is for kind "redis" and means what it means in
// store.RedisConfig.
type Store struct {
	Kind       string       `toml:"kind" default:"memory"`
	Addresses  List         `toml:"addresses"`
	Master     string       `toml:"master"`
	User       string       `toml:"user"`
	Password   certs.Secret `toml:"password"`
	TLS        bool         `toml:"tls"`
	CA         string       `toml:"ca" ref:"yes"` // reference to PEM; empty: the authorities of the system
	ServerName string       `toml:"server_name"`
	Prefix     string       `toml:"prefix"`
	Key        certs.Secret `toml:"key"` // seals what is written
}

// A List is written as one string or as an array of strings.
type List []string

// EAP says how our own people prove who they are.
type EAP struct {
	Methods             []string `toml:"methods"`
	Inner               []string `toml:"inner"`                 // nil: as eap.DefaultInner
	Certificate         List     `toml:"certificate" ref:"yes"` // one of each kind of key, in the order of PrivateKey
	PrivateKey          List     `toml:"private_key" ref:"yes"`
	Stapling            bool     `toml:"stapling"`
	ClientCA            string   `toml:"client_ca" ref:"yes"`
	ListFolder          string   `toml:"list_folder" path:"yes"` // empty: fetched lists are not kept; absolute once loaded
	FragmentSize        int      `toml:"fragment_size" default:"1020"`
	AllowDifferentOuter bool     `toml:"allow_different_outer"`

	TEAP       TEAP        `toml:"teap"`
	Resumption Resumption  `toml:"resumption"`
	Authority  []Authority `toml:"authority"`
}

// Authorities are the names of those whose client certificates are taken, as a rule's
// issuer has them.
func (e EAP) Authorities() (names []string) {
	if e.ClientCA != "" {
		names = append(names, "client_ca")
	}
	for _, a := range e.Authority {
		names = append(names, a.Name)
	}
	return names
}

// TEAP says who is asked for inside TEAP.
type TEAP struct {
	Ask     []string `toml:"ask"`     // nil: as eap.DefaultTEAPAsk
	Require []string `toml:"require"` // nil: whoever was proved, and the rules decide
	RFC7170 bool     `toml:"rfc7170"`
}

// An Authority issues certificates to people or devices, and says here for whom it
// may vouch and where it tells what it has withdrawn.
type Authority struct {
	Name       string   `toml:"name" need:"yes"`
	CA         string   `toml:"ca" need:"yes" ref:"yes"`
	VouchesFor string   `toml:"vouches_for" default:"anyone"` // "anyone", "people" or "devices"
	Realms     []string `toml:"realms"`                       // nil: all of ours
	Identity   []string `toml:"identity"`                     // nil: as eap.Authority.Identity
	Directory  string   `toml:"directory"`                    // empty: the realm's own
	CRL        List     `toml:"crl" ref:"list"`               // file: or http addresses
	OCSP       string   `toml:"ocsp"`
	AllowURLs  []string `toml:"allow_urls"` // beginnings of addresses that certificates may name
	Revocation string   `toml:"revocation"` // "none", "accept-unknown" or "refuse-unknown"; empty: the first or the last
	Refresh    Span     `toml:"refresh" default:"1h"`
}

// Checked says that somebody is asked whether the authority's certificates were
// withdrawn.
func (a Authority) Checked() bool { return len(a.CRL) > 0 || a.OCSP != "" || len(a.AllowURLs) > 0 }

// Resumption says how long a device may come back without a full log-in.
type Resumption struct {
	Lifetime         Span `toml:"lifetime" default:"8h"` // 0: never
	WithoutDirectory bool `toml:"without_directory"`
}

// A Directory is where the accounts of our own people are. All but Kind and Path are
// for kinds "ad" and "ldap"; they mean what they mean in directory.ADConfig and
// directory.LDAPConfig.
type Directory struct {
	Kind             string       `toml:"kind" need:"yes"`  // "ad", "ldap", "file" or "placements"
	Path             string       `toml:"path" path:"read"` // of kinds "file" and "placements"; absolute once loaded
	Schema           string       `toml:"schema"`           // of kind "ldap": "openldap" (also when empty) or "ad"
	Domain           string       `toml:"domain"`           // of kind "ad", as the five that follow
	Computer         string       `toml:"computer"`
	ComputerPassword certs.Secret `toml:"computer_password"`
	NetBIOS          string       `toml:"netbios"`
	Channels         int          `toml:"channels" default:"8"`
	NetlogonPort     int          `toml:"netlogon_port"` // 0: the endpoint mapper knows
	Servers          []string     `toml:"servers"`
	Base             string       `toml:"base"`
	Bind             string       `toml:"bind"`
	Password         certs.Secret `toml:"password"`
	CA               string       `toml:"ca" ref:"yes"` // reference to PEM; empty: the authorities of the system
	ServerName       string       `toml:"server_name"`
	StartTLS         bool         `toml:"starttls"`
	Plain            bool         `toml:"plain"`
	UserFilter       string       `toml:"user_filter"`
	MachineFilter    string       `toml:"machine_filter"`
	GroupBase        string       `toml:"group_base"`
	GroupFilter      string       `toml:"group_filter"`
	GroupName        string       `toml:"group_name"`
	MemberOf         bool         `toml:"member_of"`
	NTHashAttribute  string       `toml:"nt_hash_attribute"`
	ClearAttribute   string       `toml:"clear_password_attribute"`
	Guard            Guard        `toml:"guard"`
	MaxDays          int          `toml:"max_days" default:"90"`   // of kind "placements", as the three that follow
	KeepDays         int          `toml:"keep_days" default:"365"` // of one that has ended
	SSID             string       `toml:"ssid"`                    // on a slip; empty: the only one there is
	Helpdesk         string       `toml:"helpdesk"`                // on a slip
}

// Guard says how many wrong passwords of one account reach a directory that would
// lock it.
type Guard struct {
	Failures int  `toml:"failures" default:"4"` // 0: all of them
	Window   Span `toml:"window" default:"30m"`
}

// A Realm is the part after the @ and who answers for it: a directory of ours, or
// the servers of a partner.
type Realm struct {
	Directory string     `toml:"directory"`
	Servers   []Upstream `toml:"servers"`
	Balance   string     `toml:"balance" default:"primary"` // or "least-loaded"
	FallBack  bool       `toml:"fall_back"`
	Core      bool       `toml:"core"` // of an edge: ours, and the core answers
	Subrealms []string   `toml:"subrealms"`
	Computers []string   `toml:"computers"`
	SSIDs     []string   `toml:"ssids"`
	Roaming   bool       `toml:"roaming" default:"true"`
	Probe     []Probe    `toml:"probe"` // of a partner
}

// Ours says whether the people of a realm are our own: they are in a directory here, or
// in the core's.
func (r Realm) Ours() bool { return r.Directory != "" || r.Core }

// Core is one of two servers that are one: the edge has the controllers, the
// federations and the rules, the core the directories. Of an edge it says where the
// cores are, of a core which edges it has.
type Core struct {
	Servers     []Upstream `toml:"servers"` // of an edge; always RadSec
	Balance     string     `toml:"balance" default:"primary"`
	Authorities []string   `toml:"authorities"` // of an edge: what rules may call issuer
	Edges       []Edge     `toml:"edges"`       // of a core
	Tells       []string   `toml:"tells"`       // of a core: the groups that edges are told of; nil: all
}

// An Edge is one that asks a core, by RadSec.
type Edge struct {
	Name       string   `toml:"name" need:"yes"`
	Names      []string `toml:"names" need:"yes"`
	CA         string   `toml:"ca" ref:"yes"`
	CRL        List     `toml:"crl" ref:"list"`
	Revocation string   `toml:"revocation"`
	Policies   []string `toml:"policies"`
}

// Authorities are those whose client certificates are taken, here or at the core.
func (f *File) Authorities() []string { return append(f.EAP.Authorities(), f.Core.Authorities...) }

// A Federation carries the people of every other realm.
type Federation struct {
	Transport   string            `toml:"transport" default:"udp"`
	Certificate string            `toml:"certificate" ref:"yes"` // with RadSec: what we show to its servers; none: that of [radsec]
	PrivateKey  string            `toml:"private_key" ref:"yes"`
	CA          string            `toml:"ca" ref:"yes"`   // with RadSec: of its servers and clients; none: that of [radsec]
	CRL         List              `toml:"crl" ref:"list"` // with RadSec: what it has withdrawn
	Revocation  string            `toml:"revocation"`
	Servers     []Upstream        `toml:"servers"`
	Clients     []FederationProxy `toml:"clients"`
	Balance     string            `toml:"balance" default:"primary"` // or "least-loaded"
	WithoutCUI  bool              `toml:"without_cui"`
	FTicks      FTicks            `toml:"fticks"`
	Discovery   *Discovery        `toml:"discovery"`
	Probe       []Probe           `toml:"probe"`
}

// FTicks says where the operator of a federation counts visitors; without a Server
// nobody is counted.
type FTicks struct {
	Server      string       `toml:"server" need:"yes"` // udp://, tcp:// or tls://host:port
	CA          string       `toml:"ca" ref:"yes"`      // reference to PEM; empty: the authorities of the system
	ServerName  string       `toml:"server_name"`       // empty: as in Server
	Country     string       `toml:"country" need:"yes"`
	Institution string       `toml:"institution"` // empty: the Operator-Name of the site
	Who         []string     `toml:"who"`         // nil: visitors
	MAC         string       `toml:"mac" default:"vendor-hashed"`
	Key         certs.Secret `toml:"key"`
	Prefix      string       `toml:"prefix"` // empty: by the federation's name
}

// Of tells whether log-ins of "visitor" or of "own" people are told.
func (f FTicks) Of(who string) bool {
	return slices.Contains(f.Who, who) || f.Who == nil && who == "visitor"
}

// Discovery says which realms are looked up in DNS, to be reached past the national
// proxies (RFC 7585). Its keys mean what they mean in discovery.Config.
type Discovery struct {
	Realms     []string `toml:"realms" need:"yes"`
	Services   []string `toml:"services"`   // nil: discovery.DefaultServices
	Resolvers  []string `toml:"resolvers"`  // nil: those of /etc/resolv.conf
	Laboratory []string `toml:"laboratory"` // prefixes or addresses

	Policies        []string `toml:"policies"` // that the certificate of a server has
	WithoutNAIRealm bool     `toml:"without_nai_realm"`
}

// Config is what a resolver is made of; a prefix that did not load is left out.
func (d Discovery) Config() discovery.Config {
	c := discovery.Config{Realms: d.Realms, Services: d.Services, Resolvers: d.Resolvers}
	for _, text := range d.Laboratory {
		if p, err := prefix(text); err == nil {
			c.Allow = append(c.Allow, p)
		}
	}
	return c
}

// A Probe is a test account that logs in through each of the servers, to see that
// somebody can.
type Probe struct {
	User        string       `toml:"user" need:"yes"` // with its realm, ours or another's
	Outer       string       `toml:"outer"`           // empty: User
	Method      string       `toml:"method" default:"peap-mschapv2"`
	Password    certs.Secret `toml:"password"`
	Certificate string       `toml:"certificate" ref:"yes"` // of the methods that end in "tls"
	PrivateKey  string       `toml:"private_key" ref:"yes"`
	CA          string       `toml:"ca" need:"yes" ref:"yes"` // of the home organisation's server certificate
	ServerName  string       `toml:"server_name" need:"yes"`  // that it carries
	Every       Span         `toml:"every" default:"10m"`     // 0: only when radiusd probe is run
}

// ProbeMethods are what Probe.Method can be. They prove the home organisation before
// they tell it a password, so plain PAP is none of them.
var ProbeMethods = []string{
	"peap-mschapv2", "peap-gtc", "ttls-pap", "ttls-mschapv2", "ttls-mschap", "ttls-chap", "ttls-eap-mschapv2", "ttls-eap-gtc",
	"tls", "peap-tls", "ttls-eap-tls",
}

// WithCertificate tells whether the account has a certificate in a password's place.
func (p Probe) WithCertificate() bool { return strings.HasSuffix(p.Method, "tls") }

// An Upstream is a server that answers for other people's users.
type Upstream struct {
	Name                        string       `toml:"name"`
	Transport                   string       `toml:"transport"`          // empty: the federation's own, or UDP
	Address                     string       `toml:"address" need:"yes"` // host or host:port
	Secret                      certs.Secret `toml:"secret"`             // with UDP
	Names                       []string     `toml:"names"`              // with RadSec, as the four below; none: the host of Address
	CA                          string       `toml:"ca" ref:"yes"`
	CRL                         List         `toml:"crl" ref:"list"`
	Revocation                  string       `toml:"revocation"`
	Policies                    []string     `toml:"policies"`
	WithoutStatusServer         bool         `toml:"without_status_server"`
	WithoutMessageAuthenticator bool         `toml:"without_message_authenticator"`
}

// A FederationProxy is a national proxy that asks us about our own people.
type FederationProxy struct {
	Name                        string       `toml:"name"`
	Transport                   string       `toml:"transport"` // empty: the federation's own
	Address                     string       `toml:"address"`   // IP address or prefix; need not be there with RadSec
	Secret                      certs.Secret `toml:"secret"`    // with UDP
	Names                       []string     `toml:"names"`     // with RadSec, as the four below
	CA                          string       `toml:"ca" ref:"yes"`
	CRL                         List         `toml:"crl" ref:"list"`
	Revocation                  string       `toml:"revocation"`
	Policies                    []string     `toml:"policies"`
	WeakSecret                  bool         `toml:"weak_secret"`
	WithoutMessageAuthenticator bool         `toml:"without_message_authenticator"`
}

// Prefix is the address as a prefix; a single address is a prefix of its full
// length. It is the zero Prefix when the address did not load.
func (c FederationProxy) Prefix() netip.Prefix { p, _ := prefix(c.Address); return p }

// A Zone is a part of the network that keeps to itself.
type Zone struct {
	Trusted bool `toml:"trusted"`
}

// A VLAN is a network by name; its number may differ from site to site.
type VLAN struct {
	ID      uint16   `toml:"id"`   // 0: every site numbers it itself, or there is a pool
	Pool    []uint16 `toml:"pool"` // in the place of ID
	Name    string   `toml:"name"` // by which controllers know it that are told names
	Zone    string   `toml:"zone" need:"yes"`
	Down    string   `toml:"down"`
	Up      string   `toml:"up"`
	Filter  string   `toml:"filter"`
	Role    string   `toml:"role"`
	Session Span     `toml:"session"`
	Idle    Span     `toml:"idle"`
	Interim Span     `toml:"interim"`
}

// A SiteVLAN is what differs of a VLAN at a site. It may be written as the number alone.
type SiteVLAN struct {
	ID      uint16   `toml:"id"`
	Pool    []uint16 `toml:"pool"`
	Name    string   `toml:"name"`
	Down    string   `toml:"down"`
	Up      string   `toml:"up"`
	Filter  string   `toml:"filter"`
	Role    string   `toml:"role"`
	Session Span     `toml:"session"`
	Idle    Span     `toml:"idle"`
	Interim Span     `toml:"interim"`
}

// Devices is a list of devices that are known by their MAC address alone, in a file of
// its own.
type Devices struct {
	Path  string `toml:"path" need:"yes" path:"read"` // CSV; absolute once loaded
	Owner string `toml:"owner"`                       // of those whose line names none
}

// An SSID is a network that people see, and the rules for who lands where.
type SSID struct {
	Name       string `toml:"name" need:"yes"`
	Federation string `toml:"federation"`
	MAC        List   `toml:"mac"` // lists whose devices it lets in by their MAC
	Rule       []Rule `toml:"rule"`
}

// A Rule puts some people on a VLAN. The first that matches wins.
type Rule struct {
	Name    string `toml:"name"` // for tests and for the log; empty: it goes by its number
	Who     string `toml:"who" need:"yes"`
	Group   string `toml:"group"`
	EAP     string `toml:"eap"`
	Device  string `toml:"device"` // "verified" or "unverified"
	Issuer  string `toml:"issuer"` // one of Authorities
	Policy  string `toml:"policy"` // an object identifier, dotted
	Site    string `toml:"site"`
	VLAN    List   `toml:"vlan" need:"yes"` // several: to each device the one that its list names
	Trusted bool   `toml:"trusted"`         // devices of the list may reach a trusted zone
}

// A Roaming is a rule for our own people at other organisations. The first that matches
// wins; without any all of them may log in there.
type Roaming struct {
	Name     string `toml:"name"` // as a Rule's
	Who      string `toml:"who" need:"yes"`
	Group    string `toml:"group"`
	EAP      string `toml:"eap"`
	Device   string `toml:"device"` // as in a Rule
	Issuer   string `toml:"issuer"`
	Policy   string `toml:"policy"`
	Operator string `toml:"operator"` // a realm, or "*." and one for all below it
	Access   string `toml:"access" need:"yes"`
}

// A Guarantee is proved whenever the file is loaded. It holds one of Never and Only.
type Guarantee struct {
	Who        string `toml:"who" need:"yes"`
	Group      string `toml:"group"`
	EAP        string `toml:"eap"`
	Device     string `toml:"device"`
	Issuer     string `toml:"issuer"`
	Policy     string `toml:"policy"`
	SSID       List   `toml:"ssid"`
	Site       List   `toml:"site"`
	Federation string `toml:"federation"` // only visitors on its SSIDs
	Agreement  bool   `toml:"agreement"`  // only at sites under one
	Never      Place  `toml:"never"`
	Only       Place  `toml:"only"`
	Why        string `toml:"why"` // for the reader of the proof
}

// A Place is a zone or a VLAN, by name.
type Place struct {
	Zone string `toml:"zone"`
	VLAN string `toml:"vlan"`
}

// A Site is a building with controllers of ours, or of others under an agreement.
type Site struct {
	Name         string              `toml:"name" need:"yes"`
	OperatorName string              `toml:"operator_name"`
	VLAN         map[string]SiteVLAN `toml:"vlan"`          // what differs here
	Behind       List                `toml:"behind"`        // controllers of other sites that AccessPoints ask through
	AccessPoints []string            `toml:"access_points"` // patterns of ParseAccessPoint
	Agreement    *Agreement          `toml:"agreement"`
	Controller   []Controller        `toml:"controller"`
}

// An Agreement lets our SSIDs be served in someone else's building for a while.
type Agreement struct {
	Reference  string    `toml:"reference" need:"yes"`
	Owner      string    `toml:"owner" need:"yes"`
	ApprovedBy string    `toml:"approved_by" need:"yes"`
	From       time.Time `toml:"from" need:"yes"`  // midnight, local time
	Until      time.Time `toml:"until" need:"yes"` // the last day: midnight at its start, local time
}

// A Controller is a wireless controller, or a range of access points, that asks us.
type Controller struct {
	Name                        string       `toml:"name" need:"yes"`
	Vendor                      string       `toml:"vendor" default:"generic"`
	Transport                   string       `toml:"transport" default:"udp"`
	Address                     string       `toml:"address"` // IP address or prefix; need not be there with RadSec
	Secret                      certs.Secret `toml:"secret"`  // with UDP
	Names                       []string     `toml:"names"`   // with RadSec, as the four below
	CA                          string       `toml:"ca" ref:"yes"`
	CRL                         List         `toml:"crl" ref:"list"`
	Revocation                  string       `toml:"revocation"`
	Policies                    []string     `toml:"policies"`
	SSID                        string       `toml:"ssid"`         // of every request, whatever it says itself
	MACPassword                 certs.Secret `toml:"mac_password"` // of its own, for every device that is known by its MAC; empty: that MAC, or Secret
	WithoutVLAN                 string       `toml:"without_vlan" need:"yes"`
	Say                         string       `toml:"say" default:"number"` // or "name": how it is told of a VLAN
	Otherwise                   string       `toml:"otherwise"`            // where access points are that no site claims: OtherwiseHere; empty: nowhere
	Tag                         *uint8       `toml:"tag"`
	WeakSecret                  bool         `toml:"weak_secret"`
	WithoutMessageAuthenticator bool         `toml:"without_message_authenticator"`
}

// Prefix is the address as a prefix; a single address is a prefix of its full
// length. It is the zero Prefix when the address did not load.
func (c Controller) Prefix() netip.Prefix { p, _ := prefix(c.Address); return p }

// Log says where events go and how they look.
type Log struct {
	File   string `toml:"file" path:"yes"`       // empty: standard error; absolute once loaded
	Format string `toml:"format" default:"text"` // "text" or "json"
}

// A Test is a question to the policy and the answer that must come.
type Test struct {
	Given  Given  `toml:"given" need:"yes"`
	Expect Expect `toml:"expect" need:"yes"`
}

// Given is somebody at a place.
type Given struct {
	User       string   `toml:"user"`
	SSID       string   `toml:"ssid"` // with Site: at home
	Site       string   `toml:"site"`
	AP         string   `toml:"ap"`         // in place of Site: the name or MAC of an access point
	Controller string   `toml:"controller"` // that asks; empty: the site's first, or the one that knows AP
	Federation string   `toml:"federation"` // elsewhere: the federation whose proxy asks
	Operator   string   `toml:"operator"`   // and the organisation's Operator-Name; empty: it names none
	EAP        string   `toml:"eap"`
	Groups     []string `toml:"groups"`
	MAC        string   `toml:"mac"`    // of the device; empty: not known
	List       string   `toml:"list"`   // in place of User: a device of that list, known by its MAC
	VLAN       string   `toml:"vlan"`   // with List: the VLAN that its line names
	Device     string   `toml:"device"` // as in a Rule; empty: not known
	Issuer     string   `toml:"issuer"` // of the client certificate, or NoCertificate; empty: not known
	Policy     List     `toml:"policy"` // of that certificate

	On time.Time `toml:"on"` // the day: midnight, local time; zero: today
}

// NoCertificate is what Given.Issuer says when no client certificate was shown.
const NoCertificate = "none"

// Expect is what must come of it; what is absent may be anything.
type Expect struct {
	Outcome string  `toml:"outcome"` // "accept" or "reject"
	Reason  string  `toml:"reason"`  // of a reject
	Route   string  `toml:"route"`
	VLAN    Landing `toml:"vlan"` // the number on the wire, or the name
	Zone    string  `toml:"zone"`
	Rule    string  `toml:"rule"` // the name of the one that decides
}

// prefix reads an IP address or a prefix.
func prefix(address string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(address); err == nil {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(address)
}

var (
	serverType   = reflect.TypeFor[Server]()
	siteVLANType = reflect.TypeFor[SiteVLAN]()
	landingType  = reflect.TypeFor[Landing]()
)
