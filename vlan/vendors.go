package vlan

// A vendor is how one make of controller is told of a network.
type vendor struct {
	name   string
	vlan   saying    // how the VLAN's number is said
	filter attribute // what carries the name of a filter
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

// vendors is the table of controllers. To add one, add its row, and its bytes to
// the test that reads this table.
//
// One attribute says the VLAN, never two: Aruba lets Aruba-User-Vlan override the
// trio, and AireOS lets Airespace-Interface-Name, so neither is ever sent.
var vendors = []vendor{
	{"generic", trio, filterID},
	{"cisco-9800", trio, airespaceACLName},
	{"cisco-aireos", trio, airespaceACLName}, // AireOS does not read Filter-Id
	{"aruba", trio, filterID},
	{"ruckus", trio, filterID},
	{"meraki", trio, filterID}, // the name of a group policy
	{"unifi", trio, filterID},
	{"extreme", trio, filterID},
	{"mist", trio, filterID},
	{"mikrotik", wirelessVLAN, filterID},
	{"fortinet", trio, filterID},
	{"hostapd", trio, filterID},
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
	{attribute{14179, 5}, "Airespace-Interface-Name"},
	{airespaceACLName, "Airespace-ACL-Name"},
	{attribute{14179, 7}, "Airespace-Data-Bandwidth-Average-Contract"},
	{attribute{14179, 11}, "Airespace-Guest-Role-Name"},
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
	{attribute{17713, 157}, "Cambium-VLAN-Pool-Id"},
	{attribute{25053, 1}, "Ruckus-User-Groups"},
	{attribute{25053, 9}, "Ruckus-VLAN-ID"},
	{attribute{25053, 115}, "Ruckus-Policy-Name"},
	{attribute{25053, 133}, "Ruckus-Eth-Profile-Id"},
	{attribute{25053, 141}, "Ruckus-Vlan-Pool"},
	{attribute{25053, 148}, "Ruckus-Sta-SVlan-Id"},
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
