package vlan

// A vendor is how one make of controller is told of a network, and where it says
// what we have to know.
type vendor struct {
	name   string
	vlan   saying    // how the VLAN's number is said
	called attribute // what says its name, where the controller is told names; none: it takes numbers only
	filter attribute // what carries the name of a filter
	role   attribute // what carries the name of a role; none: it has none
	rate   pace      // what carries speeds
	coa    uint16    // the port at which it hears CoA-Request and Disconnect-Request, as it is shipped

	echoesAudit bool // it knows a session by the audit-session-id of its Cisco-AVPair
	Source
}

// A Source is where a make of controller writes the SSID and the access point's name,
// beside Called-Station-Id, and the users that it makes up to see whether we live.
type Source struct {
	SSID, AP []VendorType // before Called-Station-Id, in order of trust
	AVPairs  []string     // prefixes of Cisco-AVPair, after Called-Station-Id
	Probes   []string     // User-Names
}

// A VendorType is an attribute of a vendor (SMI Private Enterprise Code).
type VendorType struct {
	Vendor uint32
	Type   uint8
}

// SourceOf is the row of a vendor; of one that has none what every controller does.
func SourceOf(name string) Source {
	if v := findVendor(name); v != nil {
		return v.Source
	}
	return Source{}
}

// A saying is a way to say a VLAN number.
type saying uint8

const (
	// trio: Tunnel-Type, Tunnel-Medium-Type and Tunnel-Private-Group-Id
	// together (RFC 3580, section 3.31).
	trio saying = iota
	// wirelessVLAN: Mikrotik-Wireless-VLANID with its type, 802.1Q. RouterOS
	// reads the trio on wired ports only.
	wirelessVLAN
)

// A pace is a way to say speeds.
type pace uint8

const (
	wispr     pace = iota // WISPr-Bandwidth-Max-Up and -Down, bit/s
	untold                // the same, and it is not known that the controller obeys: loading warns
	rateLimit             // Mikrotik-Rate-Limit, "up/down" in bit/s as the router sees it; 0 is no limit
	contract              // Airespace-Data-Bandwidth-Average-Contract, down, and its -Upstream, kbit/s
)

// none is no attribute.
var none attribute

// vendors is the table of controllers. To add one, add its row, its bytes to the test
// that reads this table, its row in docs/controllers.md, and its steps for
// radiusd new controller.
//
// One attribute says the VLAN, never two: Aruba lets Aruba-User-Vlan override the
// trio, and AireOS lets Airespace-Interface-Name, so beside the trio neither is ever sent.
//
// Numbers and types of attributes are those of FreeRADIUS 3.2.1's dictionaries:
// aerohive, airespace, aruba, cisco, extreme, fortinet, meraki, mikrotik, ruckus, wispr.
// That Fortinet takes a VLAN's name in Tunnel-Private-Group-Id is in its FortiAP 7.4
// guide, "VLAN assignment by Name Tag"; that Meraki probes as meraki_8021x_test is in the
// description of radiusTestingEnabled of its dashboard's interface. The rest of what a make
// does with an attribute, and the ports, are by common knowledge and not verified here.
//
// Meraki's Network-Name (29671/2) is left out on purpose: it names the dashboard's
// network, not the SSID, which stands in Called-Station-Id.
var vendors = []vendor{
	{"generic", trio, tunnelGroup, filterID, none, wispr, 3799, false, Source{}},
	{"cisco-9800", trio, tunnelGroup, airespaceACLName, none, untold, 1700, true, Source{AVPairs: []string{"cisco-wlan-ssid=", "wlan-profile-name="}}},
	// AireOS does not read Filter-Id; its names are those of interfaces.
	{"cisco-aireos", trio, airespaceInterface, airespaceACLName, none, contract, 3799, false, Source{AVPairs: []string{"cisco-wlan-ssid="}}},
	{"aruba", trio, arubaNamedVLAN, filterID, arubaUserRole, untold, 3799, false, Source{SSID: []VendorType{{14823, 5}}, AP: []VendorType{{14823, 6}}}},
	{"ruckus", trio, none, filterID, ruckusUserGroups, wispr, 3799, false, Source{SSID: []VendorType{{25053, 3}}, AP: []VendorType{{25053, 14}}}},
	// The name of a group policy, which holds its filter and its speeds.
	{"meraki", trio, none, filterID, filterID, untold, 1700, false, Source{AP: []VendorType{{29671, 3}}, Probes: []string{"meraki_8021x_test"}}},
	{"unifi", trio, none, filterID, none, untold, 3799, false, Source{}},
	{"extreme", trio, extremeVLAN, filterID, filterID, untold, 3799, false, Source{AP: []VendorType{{1916, 208}}}},
	{"mist", trio, tunnelGroup, filterID, filterID, untold, 3799, false, Source{}},
	{"mikrotik", wirelessVLAN, none, filterID, none, rateLimit, 3799, false, Source{}},
	{"fortinet", trio, tunnelGroup, filterID, fortinetGroup, untold, 3799, false, Source{SSID: []VendorType{{12356, 7}}, AP: []VendorType{{12356, 8}}}},
	{"hostapd", trio, none, filterID, none, untold, 3799, false, Source{}},
}

// Vendors returns the names that a Controller's Vendor may have.
func Vendors() []string {
	names := make([]string, len(vendors))
	for i, v := range vendors {
		names[i] = v.name
	}
	return names
}

func findVendor(name string) *vendor {
	if name == "" {
		name = "generic"
	}
	for i := range vendors {
		if vendors[i].name == name {
			return &vendors[i]
		}
	}
	return nil
}

// An attribute is an attribute's number, with that of the vendor whose it is (SMI
// Private Enterprise Code); vendor 0 is the standard's own.
type attribute struct {
	vendor uint32
	code   uint8
}

// The attributes that this package writes.
var (
	tunnelType         = attribute{0, 64}
	tunnelMediumType   = attribute{0, 65}
	tunnelGroup        = attribute{0, 81}
	filterID           = attribute{0, 11}
	airespaceACLName   = attribute{14179, 6}
	mikrotikVLAN       = attribute{14988, 26}
	mikrotikVLANType   = attribute{14988, 27}
	wisprBandwidthUp   = attribute{14122, 7}
	wisprBandwidthDown = attribute{14122, 8}
	airespaceInterface = attribute{14179, 5}
	airespaceDown      = attribute{14179, 7}
	airespaceUp        = attribute{14179, 13}
	arubaUserRole      = attribute{14823, 1}
	arubaNamedVLAN     = attribute{14823, 9}
	extremeVLAN        = attribute{1916, 203}
	fortinetGroup      = attribute{12356, 1}
	mikrotikRateLimit  = attribute{14988, 8}
	ruckusUserGroups   = attribute{25053, 1}
	sessionTimeout     = attribute{0, 27}
	idleTimeout        = attribute{0, 28}
	terminationAction  = attribute{0, 29}
	interimInterval    = attribute{0, 85}
)

// placements are the attributes, of any vendor, that move a person to a network,
// a role or a filter, or change its speed. The gate refuses every attribute that
// nobody ordered and that is not harmless; this table gives the refusal its
// name, and the tests their list of attacks.
var placements = []struct {
	attribute
	name string
}{
	{filterID, "Filter-Id"},
	{attribute{0, 6}, "Service-Type"},
	{attribute{0, 22}, "Framed-Route"},
	{idleTimeout, "Idle-Timeout"},
	{attribute{0, 56}, "Egress-VLANID"},
	{attribute{0, 57}, "Ingress-Filters"},
	{attribute{0, 58}, "Egress-VLAN-Name"},
	{attribute{0, 59}, "User-Priority-Table"},
	{tunnelType, "Tunnel-Type"},
	{tunnelMediumType, "Tunnel-Medium-Type"},
	{attribute{0, 66}, "Tunnel-Client-Endpoint"},
	{attribute{0, 67}, "Tunnel-Server-Endpoint"},
	{attribute{0, 69}, "Tunnel-Password"},
	{tunnelGroup, "Tunnel-Private-Group-Id"},
	{attribute{0, 82}, "Tunnel-Assignment-Id"},
	{attribute{0, 83}, "Tunnel-Preference"},
	{attribute{0, 88}, "Framed-Pool"},
	{attribute{0, 90}, "Tunnel-Client-Auth-Id"},
	{attribute{0, 91}, "Tunnel-Server-Auth-Id"},
	{attribute{0, 92}, "NAS-Filter-Rule"},
	{attribute{0, 100}, "Framed-IPv6-Pool"},
	{attribute{0, 135}, "Management-Policy-Id"},
	{attribute{9, 1}, "Cisco-AVPair"},
	{attribute{9, 37}, "Cisco-Policy-Up"},
	{attribute{9, 38}, "Cisco-Policy-Down"},
	{attribute{9, 57}, "Cisco-In-ACL"},
	{attribute{9, 58}, "Cisco-Out-ACL"},
	{attribute{11, 64}, "HP-Egress-VLANID"},
	{attribute{11, 65}, "HP-Egress-VLAN-Name"},
	{attribute{43, 2}, "3Com-VLAN-Name"},
	{attribute{311, 22}, "MS-Filter"},
	{attribute{562, 170}, "Fabric-Attach-VLAN-Create"},
	{attribute{562, 171}, "Fabric-Attach-VLAN-ISID"},
	{attribute{562, 172}, "Fabric-Attach-VLAN-PVID"},
	{attribute{1916, 203}, "Extreme-Netlogin-Vlan"},
	{attribute{1916, 209}, "Extreme-Netlogin-Vlan-Tag"},
	{attribute{1916, 211}, "Extreme-Netlogin-Extended-Vlan"},
	{attribute{1916, 212}, "Extreme-Security-Profile"},
	{attribute{1916, 216}, "Extreme-VM-VLAN-ID"},
	{attribute{2636, 49}, "Juniper-VoIP-Vlan"},
	{attribute{12356, 1}, "Fortinet-Group-Name"},
	{attribute{12356, 5}, "Fortinet-Interface-Name"},
	{attribute{12356, 6}, "Fortinet-Access-Profile"},
	{attribute{14122, 5}, "WISPr-Bandwidth-Min-Up"},
	{attribute{14122, 6}, "WISPr-Bandwidth-Min-Down"},
	{wisprBandwidthUp, "WISPr-Bandwidth-Max-Up"},
	{wisprBandwidthDown, "WISPr-Bandwidth-Max-Down"},
	{attribute{14179, 2}, "Airespace-QOS-Level"},
	{attribute{14179, 3}, "Airespace-DSCP"},
	{attribute{14179, 4}, "Airespace-8021p-Tag"},
	{airespaceInterface, "Airespace-Interface-Name"},
	{airespaceACLName, "Airespace-ACL-Name"},
	{airespaceDown, "Airespace-Data-Bandwidth-Average-Contract"},
	{attribute{14179, 8}, "Airespace-Real-Time-Bandwidth-Average-Contract"},
	{attribute{14179, 9}, "Airespace-Data-Bandwidth-Burst-Contract"},
	{attribute{14179, 10}, "Airespace-Real-Time-Bandwidth-Burst-Contract"},
	{attribute{14179, 11}, "Airespace-Guest-Role-Name"},
	{airespaceUp, "Airespace-Data-Bandwidth-Average-Contract-Upstream"},
	{attribute{14179, 14}, "Airespace-Real-Time-Bandwidth-Average-Contract-Upstream"},
	{attribute{14179, 15}, "Airespace-Data-Bandwidth-Burst-Contract-Upstream"},
	{attribute{14179, 16}, "Airespace-Real-Time-Bandwidth-Burst-Contract-Upstream"},
	{attribute{14525, 1}, "Trapeze-VLAN-Name"},
	{attribute{14823, 1}, "Aruba-User-Role"},
	{attribute{14823, 2}, "Aruba-User-Vlan"},
	{attribute{14823, 9}, "Aruba-Named-User-Vlan"},
	{attribute{14823, 23}, "Aruba-CPPM-Role"},
	{attribute{14823, 51}, "Aruba-NAS-Filter-Rule"},
	{attribute{14823, 53}, "Aruba-UBT-Gateway-Role"},
	{attribute{14988, 3}, "Mikrotik-Group"},
	{attribute{14988, 8}, "Mikrotik-Rate-Limit"},
	{mikrotikVLAN, "Mikrotik-Wireless-VLANID"},
	{mikrotikVLANType, "Mikrotik-Wireless-VLANID-Type"},
	{attribute{14988, 30}, "Mikrotik-Switching-Filter"},
	{attribute{2011, 82}, "Huawei-Data-Filter"},
	{attribute{2011, 95}, "Huawei-Policy-Name"},
	{attribute{2011, 188}, "Huawei-AVpair"},
	{attribute{2636, 44}, "Juniper-Firewall-filter-name"},
	{attribute{2636, 48}, "Juniper-Switching-Filter"},
	{attribute{17713, 21}, "Cambium-ePMP-Data-VLAN-Id"},
	{attribute{17713, 157}, "Cambium-VLAN-Pool-Id"},
	{attribute{25053, 1}, "Ruckus-User-Groups"},
	{attribute{25053, 9}, "Ruckus-VLAN-ID"},
	{attribute{25053, 115}, "Ruckus-Policy-Name"},
	{attribute{25053, 133}, "Ruckus-Eth-Profile-Id"},
	{attribute{25053, 141}, "Ruckus-Vlan-Pool"},
	{attribute{25053, 148}, "Ruckus-Sta-SVlan-Id"},
	{attribute{25506, 140}, "H3C-User-Group"},
	{attribute{25506, 155}, "H3C-User-Role"},
	{attribute{25506, 210}, "H3C-Av-Pair"},
	{attribute{26928, 1}, "Extreme-User-Vlan"}, // the former Aerohive
}

// harmless are the attributes that an Accept may carry beside its placement.
var harmless = []struct {
	attribute
	name string
}{
	{attribute{0, 1}, "User-Name"},
	{attribute{0, 18}, "Reply-Message"},
	{attribute{0, 24}, "State"},
	{attribute{0, 25}, "Class"},
	{attribute{0, 27}, "Session-Timeout"},
	{attribute{0, 29}, "Termination-Action"},
	{attribute{0, 33}, "Proxy-State"},
	{attribute{0, 79}, "EAP-Message"},
	{attribute{0, 80}, "Message-Authenticator"},
	{attribute{0, 85}, "Acct-Interim-Interval"},
	{attribute{0, 89}, "Chargeable-User-Identity"},
	{attribute{311, 16}, "MS-MPPE-Send-Key"},
	{attribute{311, 17}, "MS-MPPE-Recv-Key"},
}
