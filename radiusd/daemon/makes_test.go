package daemon

import (
	"testing"

	"causeway/vlan"
)

// Every make's row reaches the room that reads requests.
func TestSourcesOfTheTable(t *testing.T) {
	read := 0
	for _, vendor := range vlan.Vendors() {
		row, got := vlan.SourceOf(vendor), sourceOfMake(vendor)
		if len(got.SSID) != len(row.SSID) || len(got.AP) != len(row.AP) || len(got.AVPairs) != len(row.AVPairs) {
			t.Errorf("%s: %+v of %+v", vendor, got, row)
		}
		for i, at := range row.SSID {
			if got.SSID[i].Vendor != at.Vendor || got.SSID[i].Type != at.Type {
				t.Errorf("%s: %+v of %+v", vendor, got, row)
			}
			read++
		}
	}
	if read == 0 || len(sourceOfMake("nobody's").SSID) != 0 {
		t.Error("the table has no SSID, or one for nobody")
	}
}

// A make's own user is a probe from its controllers and from nobody else.
func TestProbesOfControllers(t *testing.T) {
	for _, c := range []struct {
		place place
		user  string
		want  bool
	}{
		{place{controller: "wlc", vendor: "meraki"}, "meraki_8021x_test", true},
		{place{controller: "wlc", vendor: "meraki"}, "meraki_8021x_test@northbridge.nhs.uk", false},
		{place{controller: "wlc", vendor: "aruba"}, "meraki_8021x_test", false},
		{place{controller: "wlc", vendor: "meraki"}, "", false},
		{place{proxy: "eduroam"}, "meraki_8021x_test", false},
	} {
		if got := c.place.probes(c.user); got != c.want {
			t.Errorf("%+v, %q: %t", c.place, c.user, got)
		}
	}
}
