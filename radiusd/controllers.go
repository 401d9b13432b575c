package main

// stepsOf are each make's own steps. Menus move from release to release: a step names what
// to look for, and says "look for" where nobody here has seen the menu.
var stepsOf = map[string][]string{
	"generic": {
		"Add this server as RADIUS server, authentication on UDP 1812 and accounting on UDP 1813, with the secret of the block.",
		"Set the WLAN to WPA2 or WPA3 Enterprise with that server.",
		"Look for what lets the server choose the VLAN (dynamic VLAN, AAA override, RADIUS-assigned VLAN), and turn it on.",
		"Have it send Called-Station-Id as MAC:SSID; if it cannot, write ssid = \"…\" in the block.",
		"Make sure that a device is refused when no VLAN comes and when the server is silent; if it is put on a VLAN, write that VLAN as without_vlan.",
	},
	"cisco-9800": {
		"Configuration > Security > AAA: add the server and a server group; a method list of type dot1x for it, and one for accounting identity.",
		"WLAN > Security > Layer 2: WPA2 or WPA3 with 802.1X, and the method list. No local EAP and no fall-back list behind it: the WLAN then refuses when RADIUS is down.",
		"Policy profile > Advanced: Allow AAA Override on. Without it every device lands on the profile's own VLAN: leave that one empty of routes.",
		"Each VLAN number must exist on the controller; with FlexConnect local switching in the flex profile, too. An unknown number falls to the profile's VLAN on some releases: try one.",
		"Policy profile > Advanced: Accounting list, and in CLI: aaa accounting update newinfo periodic 15",
		"Called-Station-Id: radius-server attribute wireless authentication call-station-id ap-macaddress-ssid",
		"Filters are the names of ACLs on the controller (Airespace-ACL-Name). For CoA: aaa server radius dynamic-author, with this server as client.",
	},
	"cisco-aireos": {
		"Security > AAA > RADIUS > Authentication and Accounting: add the server, with Support for CoA if wanted.",
		"RADIUS > Authentication: Auth Called Station ID Type = AP MAC Address:SSID.",
		"WLAN > Security > AAA Servers: choose both; no LDAP or local EAP behind them, so that it refuses when RADIUS is down. Interim Update on, 900 s.",
		"WLAN > Advanced: Allow AAA Override on. Each VLAN needs a dynamic interface of that number (with FlexConnect a VLAN mapping).",
		"With say = \"name\" the name is that of the interface (Airespace-Interface-Name).",
	},
	"aruba": {
		"Configuration > Authentication > Auth Servers: add the server (Central: WLAN > Security) and put it into a server group of its own.",
		"The AAA profile of the WLAN: 802.1X with that group; its default role must deny everything, so that nothing is reached where no VLAN comes. Fail-through off.",
		"The VLAN of the virtual AP counts where none is told: leave that one without routes. VLANs must exist on the controller; in bridge mode on the switch port, too.",
		"RADIUS accounting server group, and interim accounting on: 15 minutes.",
		"The SSID comes in Aruba-Essid-Name by itself. Roles are user roles (Aruba-User-Role): unknown ones give the default role.",
		"For CoA: an RFC 3576 server with this server's address in the AAA profile.",
	},
	"ruckus": {
		"Services > AAA (SmartZone: Authentication, non-proxy or proxy): add the server, and one for accounting with an interim interval of 15 minutes.",
		"WLAN: method 802.1X EAP, that service; under advanced options Dynamic VLAN on.",
		"The WLAN's access VLAN counts where none is told: leave that one without routes.",
		"The SSID comes in Ruckus-SSID by itself. Roles are user groups or traffic profiles mapped from Ruckus-User-Groups.",
	},
	"meraki": {
		"Wireless > Access control: Enterprise with my RADIUS server; add this server with its secret. The access points ask: the block's address is their range.",
		"RADIUS override: the RADIUS response can override VLAN tag, on. Client IP and VLAN: external DHCP (bridge).",
		"RADIUS accounting on, with this server; look for the interim interval among the advanced settings.",
		"RADIUS testing may stay on: it asks as meraki_8021x_test, is refused at once, and stands in no log.",
		"RADIUS attribute specifying group policy name: Filter-Id. Filters and roles are the names of group policies, which hold the speeds as well.",
		"Look for what the SSID does when RADIUS is unreachable (fail-over, critical VLAN): it must refuse.",
	},
	"unifi": {
		"Settings > Profiles > RADIUS: add the server with accounting, and turn on RADIUS-assigned VLAN for wireless networks. Interim update 900 s.",
		"WiFi: WPA2 or WPA3 Enterprise with that profile. The access points ask: the block's address is their range.",
		"Each VLAN must exist as a network, and be let through at the switch ports of the access points.",
		"The network chosen for the WiFi counts where none is told: leave that one without routes, and write its VLAN as without_vlan if devices get onto it.",
	},
	"extreme": {
		"Add the server for authentication and accounting (XIQ: Common Objects > AAA; controllers: AAA policy), interim accounting 15 minutes.",
		"The WLAN: 802.1X; look for RADIUS-assigned VLAN, or VLAN authorisation, and turn it on.",
		"Filters and roles are policies (user profiles), told in Filter-Id. The default policy must deny everything.",
		"With say = \"name\" the VLAN's name goes in Extreme-Netlogin-Vlan. Not tried here on any controller.",
	},
	"mist": {
		"Organization or Site > WLANs: Enterprise (802.1X), RADIUS, add this server for authentication and accounting, interim interval 900 s. The access points ask: the block's address is their range.", //nolint:misspell // the word of its menu
		"VLAN: Dynamic, with the static VLAN empty of routes, and the numbers that may come listed.",
		"CoA/DM server on, with this server, where wanted.",
	},
	"mikrotik": {
		"/radius add service=wireless address=… secret=… and accounting with interim-update=15m in the security or AAA profile.",
		"/interface wireless security-profiles: mode=dynamic-keys, authentication-types=wpa2-eap, eap-methods=passthrough (the newer wifi package: security and aaa of the configuration).",
		"vlan-mode and vlan-id come from RADIUS; the bridge needs vlan-filtering, and the VLANs tagged at the wireless interface. The newer wifi package may read other attributes: try it.",
		"Called-Station-Id: called-format or nas-identifier settings of the AAA profile must give MAC:SSID; else write ssid = \"…\" in the block.",
		"/radius incoming set accept=yes port=3799, for CoA.",
	},
	"fortinet": {
		"User & Authentication > RADIUS Servers: add the server; acct-interim-interval 900 and an accounting server in CLI.",
		"WiFi Controller > SSIDs: WPA2 or WPA3 Enterprise, RADIUS server; in CLI: set dynamic-vlan enable",
		"Each number needs a VLAN interface below the SSID (tunnel mode), or must be on the trunk (bridge mode). The SSID's own network counts where none is told: no policy should let it through.",
		"With say = \"name\" the name is that of the VLAN interface, or of the SSID's vlan-name table with one number only. Roles are told in Fortinet-Group-Name.",
	},
	"hostapd": {
		"auth_server_addr, auth_server_port=1812, auth_server_shared_secret, and acct_server_… likewise; radius_acct_interim_interval=900; nas_identifier.",
		"wpa_key_mgmt=WPA-EAP and ieee8021x=1.",
		"dynamic_vlan=2: a device without a VLAN is refused. vlan_file with a line for each number, or with * for all.",
		"radius_das_port=3799 and radius_das_client, for Disconnect.",
	},
}

// afterwards are the steps that no make is without.
var afterwards = []string{
	"Try it: log in once of each kind, and see that site, SSID and VLAN in the log are right.",
	"Try it: stop this server, or block it, and see that a device is refused. What really happens is what without_vlan has to say; the proof builds on it.",
	"Session and interim times of [vlan] are obeyed only where the WLAN lets the server set them.",
}
