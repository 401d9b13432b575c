package realms

import (
	"errors"
	"testing"
)

// Holds R16: the list as it is shipped, name by name.
func TestR16BlocklistAsShipped(t *testing.T) {
	table := mustTable(t, trust())
	for _, realm := range []string{
		"wlan.mnc015.mcc234.3gppnetwork.org", "nai.epc.mnc030.mcc234.3gppnetwork.org", "wlan.mnc015.mcc234.pub.3gppnetworks.org",
		"gmail.com", "googlemail.com", "outlook.com", "live.com", "live.co.uk", "yahoo.com", "yahoo.co.uk", "hotmail.com", "hotmail.co.uk",
		"icloud.com", "myabc.com", "printer.local", "a.b.local", "router.lan",
	} {
		if _, err := table.Home(Identity{"a", realm}, Origin{SSID: "eduroam"}); !errors.Is(err, ErrRealmBlocklisted) {
			t.Errorf("realm %s: %v", realm, err)
		}
	}
	if len(DefaultBlocklist()) != len(defaultBlocklist) {
		t.Error("what is shown is not what is used")
	}
}
