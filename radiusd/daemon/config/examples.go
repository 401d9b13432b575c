package config

import (
	"fmt"
	"strconv"
	"strings"
)

// examples show how a key is written, by kind of place. They end most fixes.
var examples = map[string]string{
	"version":                          `version = 1`,
	"include":                          `include = ["sites.d/*.toml"]`,
	"server.listen":                    `listen = { auth = ":1812", acct = ":1813" }`,
	"server.listen.auth":               `auth = ":1812"`,
	"server.listen.acct":               `acct = ":1813"`,
	"server.cui_key":                   `cui_key = "cred:cui"`,
	"server.listen.radsec":             `radsec = ":2083"`,
	"server.listen.metrics":            `metrics = "127.0.0.1:9812"`,
	"radsec":                           `[radsec] with certificate and private_key`,
	"radsec.certificate":               `certificate = "file:/etc/radiusd/tls/radsec.pem"`,
	"radsec.private_key":               `private_key = "cred:radsec.key"`,
	"radsec.ca":                        `ca = "file:/etc/radiusd/tls/federation-ca.pem"`,
	"radsec.crl":                       `crl = "http://pki.example.net/federation-ca.crl"`,
	"radsec.list_folder":               `list_folder = "/var/lib/radiusd/lists"`,
	"server.blocklist":                 `blocklist = ["*.3gppnetwork.org", "gmail.com"]`,
	"store.addresses":                  `addresses = ["redis1.northbridge.nhs.uk:6379"]`,
	"store.key":                        `key = "cred:store"`,
	"store.password":                   `password = "cred:redis"`,
	"eap.methods":                      `methods = ["tls", "ttls", "peap"]`,
	"eap.inner":                        `inner = ["mschapv2", "gtc", "pap", "tls"]`,
	"eap.teap.ask":                     `ask = ["machine", "user"]`,
	"eap.certificate":                  `certificate = "file:/etc/radiusd/tls/radius.pem"`,
	"eap.private_key":                  `private_key = "cred:radius.key"`,
	"eap.client_ca":                    `client_ca = "file:/etc/radiusd/tls/device-ca.pem"`,
	"eap.list_folder":                  `list_folder = "/var/lib/radiusd/lists"`,
	"eap.authority":                    `[[eap.authority]] with two brackets, then its name`,
	"eap.authority[].name":             `name = "devices"`,
	"eap.authority[].ca":               `ca = "file:/etc/radiusd/tls/device-ca.pem"`,
	"eap.authority[].identity":         `identity = ["upn", "email"]`,
	"eap.authority[].crl":              `crl = ["http://pki.northbridge.nhs.uk/device-ca.crl"]`,
	"eap.authority[].allow_urls":       `allow_urls = ["http://pki.northbridge.nhs.uk/crl/"]`,
	"directory.*":                      `[directory.trust] with its kind, "ad", "ldap", "file" or "placements"`,
	"directory.*.kind":                 `kind = "ad", kind = "ldap", kind = "file" or kind = "placements"`,
	"directory.*.domain":               `domain = "northbridge.nhs.uk"`,
	"directory.*.computer":             `computer = "RADIUS1"`,
	"directory.*.computer_password":    `computer_password = "file:/etc/radiusd/ad/RADIUS1.password"`,
	"directory.*.netbios":              `netbios = "NORTHBRIDGE"`,
	"directory.*.servers":              `servers = ["ldaps://dc1.northbridge.nhs.uk"]`,
	"directory.*.base":                 `base = "DC=northbridge,DC=nhs,DC=uk"`,
	"directory.*.path":                 `path = "users.toml"`,
	"directory.*.password":             `password = "cred:ldap"`,
	"realm.*":                          `[realm."northbridge.nhs.uk"] with directory = "trust"`,
	"realm.*.servers":                  `servers = [{ address = "192.0.2.10:1812", secret = "cred:camford" }]`,
	"realm.*.servers[]":                `servers = [{ address = "192.0.2.10:1812", secret = "cred:camford" }]`,
	"realm.*.servers[].address":        `address = "192.0.2.10:1812"`,
	"realm.*.servers[].secret":         `secret = "cred:camford"`,
	"realm.*.probe":                    `[[realm."camford.ac.uk".probe]] with two brackets`,
	"realm.*.probe[].user":             `user = "probe@camford.ac.uk"`,
	"realm.*.probe[].method":           `method = "peap-mschapv2"`,
	"realm.*.probe[].password":         `password = "cred:probe"`,
	"realm.*.probe[].certificate":      `certificate = "file:/etc/radiusd/probe/probe.pem"`,
	"realm.*.probe[].private_key":      `private_key = "cred:probe.key"`,
	"realm.*.probe[].ca":               `ca = "file:/etc/radiusd/probe/home-ca.pem"`,
	"realm.*.probe[].server_name":      `server_name = "radius.camford.ac.uk"`,
	"federation.*":                     `[federation.eduroam] with its servers`,
	"federation.*.fticks.server":       `server = "tls://fticks.example.net:6514"`,
	"federation.*.fticks.country":      `country = "GB"`,
	"federation.*.fticks.key":          `key = "cred:fticks"`,
	"federation.*.servers":             `servers = [{ address = "198.51.100.11", secret = "cred:eduroam" }]`,
	"federation.*.servers[]":           `servers = [{ address = "198.51.100.11", secret = "cred:eduroam" }]`,
	"federation.*.servers[].address":   `address = "198.51.100.11"`,
	"federation.*.servers[].secret":    `secret = "cred:eduroam"`,
	"federation.*.clients":             `clients = [{ address = "198.51.100.11", secret = "cred:eduroam" }]`,
	"federation.*.clients[]":           `clients = [{ address = "198.51.100.11", secret = "cred:eduroam" }]`,
	"federation.*.clients[].address":   `address = "198.51.100.11"`,
	"federation.*.clients[].secret":    `secret = "cred:eduroam"`,
	"federation.*.clients[].names":     `names = ["roam1.example.net"]`,
	"federation.*.clients[].policies":  `policies = ["1.3.6.1.4.1.25178.3.1.1"]`,
	"federation.*.servers[].names":     `names = ["roam1.example.net"]`,
	"federation.*.servers[].policies":  `policies = ["1.3.6.1.4.1.25178.3.1.1"]`,
	"realm.*.servers[].names":          `names = ["radius1.camford.ac.uk"]`,
	"realm.*.servers[].policies":       `policies = ["1.3.6.1.4.1.25178.3.1.1"]`,
	"federation.*.ca":                  `ca = "file:/etc/radiusd/tls/federation-ca.pem"`,
	"federation.*.crl":                 `crl = "http://pki.example.net/federation-ca.crl"`,
	"federation.*.certificate":         `certificate = "file:/etc/radiusd/tls/federation.pem"`,
	"federation.*.private_key":         `private_key = "cred:federation.key"`,
	"core":                             `[core] with servers, of an edge, or edges, of a core`,
	"core.servers":                     `servers = [{ address = "core1.northbridge.nhs.uk" }]`,
	"core.servers[]":                   `servers = [{ address = "core1.northbridge.nhs.uk" }]`,
	"core.servers[].address":           `address = "core1.northbridge.nhs.uk"`,
	"core.servers[].names":             `names = ["core1.northbridge.nhs.uk"]`,
	"core.edges":                       `edges = [{ name = "edge1", names = ["edge1.northbridge.nhs.uk"] }]`,
	"core.edges[]":                     `edges = [{ name = "edge1", names = ["edge1.northbridge.nhs.uk"] }]`,
	"core.edges[].name":                `name = "edge1"`,
	"core.edges[].names":               `names = ["edge1.northbridge.nhs.uk"]`,
	"federation.*.discovery":           `[federation.eduroam.discovery] with its realms`,
	"federation.*.discovery.realms":    `realms = ["*.ac.uk", "camford.example.edu"]`,
	"federation.*.discovery.services":  `services = ["x-eduroam:radius.tls"]`,
	"federation.*.discovery.resolvers": `resolvers = ["192.0.2.53"]`,
	"federation.*.probe":               `[[federation.eduroam.probe]] with two brackets`,
	"federation.*.probe[].user":        `user = "probe@northbridge.nhs.uk"`,
	"federation.*.probe[].method":      `method = "peap-mschapv2"`,
	"federation.*.probe[].password":    `password = "cred:probe"`,
	"federation.*.probe[].certificate": `certificate = "file:/etc/radiusd/probe/probe.pem"`,
	"federation.*.probe[].private_key": `private_key = "cred:probe.key"`,
	"federation.*.probe[].ca":          `ca = "file:/etc/radiusd/probe/home-ca.pem"`,
	"federation.*.probe[].server_name": `server_name = "radius.northbridge.nhs.uk"`,
	"zone":                             `[zone] with clinical = { trusted = true }`,
	"zone.*":                           `clinical = { trusted = true }, or visitor = {}`,
	"vlan":                             `[vlan] with clinical = { id = 110, zone = "clinical" }`,
	"vlan.*":                           `clinical = { id = 110, zone = "clinical" }`,
	"vlan.*.id":                        `id = 110`,
	"vlan.*.pool":                      `pool = [320, 321, 322]`,
	"vlan.*.zone":                      `zone = "clinical"`,
	"devices.*":                        `[devices.infusion] with its path`,
	"devices.*.path":                   `path = "devices/infusion.csv"`,
	"ssid[].mac":                       `mac = "infusion"`,
	"ssid":                             `[[ssid]] with two brackets, then its name`,
	"ssid[].name":                      `name = "eduroam"`,
	"ssid[].rule":                      `[[ssid.rule]] with two brackets`,
	"ssid[].rule[].who":                `who = "@northbridge.nhs.uk" or who = "visitor"`,
	"ssid[].rule[].device":             `device = "verified"`,
	"ssid[].rule[].issuer":             `issuer = "client_ca"`,
	"ssid[].rule[].policy":             `policy = "1.3.6.1.4.1.99999.1.2"`,
	"ssid[].rule[].vlan":               `vlan = "visitor": the VLAN's name; its number stands in [vlan]`,
	"roaming":                          `[[roaming]] with two brackets`,
	"roaming[].who":                    `who = "own"`,
	"roaming[].operator":               `operator = "*.nhs.uk"`,
	"roaming[].access":                 `access = "allow" or access = "refuse"`,
	"guarantee":                        `[[guarantee]] with two brackets`,
	"guarantee[].who":                  `who = "visitor"`,
	"guarantee[].never":                `never = { zone = "clinical" }`,
	"site":                             `[[site]] with two brackets, then its name`,
	"site[].name":                      `name = "Royal Infirmary"`,
	"site[].vlan":                      `vlan = { academic = 1310 }`,
	"site[].vlan.*":                    `academic = 1310, or academic = { id = 1310, down = "20M" }`,
	"site[].vlan.*.pool":               `pool = [320, 321, 322]`,
	"site[].behind":                    `behind = "region-wlc": the controller's name`,
	"site[].access_points":             `access_points = ["agnes-*", "B8-11-4B-*"]`,
	"site[].controller[].otherwise":    `otherwise = "reject" or otherwise = "here"`,
	"test[].given.ap":                  `ap = "agnes-ap-12"`,
	"site[].agreement.reference":       `reference = "AA-2026-017"`,
	"site[].agreement.owner":           `owner = "HMP Eastmoor"`,
	"site[].agreement.approved_by":     `approved_by = "Network security manager"`,
	"site[].agreement.from":            `from = 2026-04-01`,
	"site[].agreement.until":           `until = 2027-03-31`,
	"site[].controller":                `[[site.controller]] with two brackets`,
	"site[].controller[].name":         `name = "royal-wlc"`,
	"site[].controller[].vendor":       `vendor = "cisco-9800"`,
	"site[].controller[].address":      `address = "10.20.0.10" or address = "10.44.0.0/28"`,
	"site[].controller[].secret":       `secret = "cred:royal-wlc"`,
	"site[].controller[].mac_password": `mac_password = "cred:royal-mac", or take it out where it is the device's MAC`,
	"site[].controller[].names":        `names = ["royal-wlc.northbridge.nhs.uk"]`,
	"site[].controller[].policies":     `policies = ["1.3.6.1.4.1.25178.3.1.1"]`,
	"site[].controller[].without_vlan": `without_vlan = "reject"`,
	"log":                              `[log] with format = "text"`,
	"log.file":                         `file = "/var/log/radiusd/radiusd.log"`,
	"test":                             `[[test]] with two brackets`,
	"test[].given":                     `given = { user = "alice@uni.ac.uk", ssid = "eduroam", site = "Royal Infirmary" }`,
	"test[].given.list":                `list = "infusion"`,
	"test[].given.user":                `user = "alice@uni.ac.uk"`,
	"test[].given.ssid":                `ssid = "eduroam"`,
	"test[].given.site":                `site = "Royal Infirmary"`,
	"test[].given.groups":              `groups = ["Wifi-Clinical"]`,
	"test[].given.policy":              `policy = ["1.3.6.1.4.1.99999.1.2"]`,
	"test[].expect":                    `expect = { route = "eduroam", vlan = 320 }`,
	"test[].expect.vlan":               `vlan = 320, the number as it leaves the server, or the name: vlan = "visitor"`,
}

// exampleAt shows how the key at path is written. A federation's secret is called as the
// federation is: nobody shall be advised to give one the secret of another.
func exampleAt(path string) (example string, known bool) {
	example, known = examples[pattern(path)]
	if parts := segments(path); len(parts) > 1 && parts[0] == "federation" && !strings.HasPrefix(parts[1], `"`) {
		example = strings.ReplaceAll(example, "cred:eduroam", "cred:"+parts[1])
	}
	return example, known
}

// example is the fix for a key that is missing or empty.
func (f *filler) example(path, key string) string {
	if example, known := exampleAt(under(path, key)); known {
		return "add " + example
	}
	return fmt.Sprintf(`add %s = "…"`, key)
}

// mending is the fix for a value of the wrong type.
func (f *filler) mending(path, want string, data any) string {
	key := lastKey(path)
	text, isText := data.(string)
	example, known := examples[pattern(path)]
	texts := !known || strings.HasPrefix(example, key+` = ["`) // what the list holds
	switch {
	case secretKey(key):
	case want == "true or false" && (text == "true" || text == "false"):
		return fmt.Sprintf("write %s = %s, without quotation marks", key, text)
	case want == "a number" && isText:
		if n, err := strconv.Atoi(text); err == nil && strings.HasSuffix(path, "]") {
			return fmt.Sprintf("write the number without quotation marks: %d", n)
		} else if err == nil {
			return fmt.Sprintf("write the number without quotation marks: %s = %d", key, n)
		}
	case want == "a date" && isText:
		return fmt.Sprintf("write the date without quotation marks: %s", example)
	case want == "a list" && isText && texts:
		return fmt.Sprintf("write it in brackets: %s = [%s]", key, strconv.Quote(text))
	}
	switch _, isList := data.([]map[string]any); {
	case known:
		return "write " + example
	case want == "true or false":
		return fmt.Sprintf("write %s = true or %s = false", key, key)
	case want == "a table" && isList:
		return fmt.Sprintf("write %s with single brackets", section(path))
	case want == "a table":
		return fmt.Sprintf("write its keys under the header %s", section(path))
	case want == "text":
		return "write it in quotation marks"
	}
	return "write " + want
}
