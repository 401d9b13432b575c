package transport

// made are sources as the table of vendors has them for some makes; the daemon hands
// over the table's own rows.
var made = map[string]Source{
	"":             {},
	"cisco-9800":   {AVPairs: []string{"cisco-wlan-ssid=", "wlan-profile-name="}},
	"cisco-aireos": {AVPairs: []string{"cisco-wlan-ssid="}},
	"aruba":        {SSID: []VendorType{{14823, 5}}, AP: []VendorType{{14823, 6}}},
	"ruckus":       {SSID: []VendorType{{25053, 3}}, AP: []VendorType{{25053, 14}}},
	"meraki":       {AP: []VendorType{{29671, 3}}},
	"extreme":      {AP: []VendorType{{1916, 208}}},
	"fortinet":     {SSID: []VendorType{{12356, 7}}, AP: []VendorType{{12356, 8}}},
}
