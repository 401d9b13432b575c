package daemon

import (
	"slices"

	"causeway/radiusd/transport"
	"causeway/realms"
	"causeway/vlan"
)

// sourceOfMake is where a make of controller writes the SSID and the access point's name,
// by the one table of vendors.
func sourceOfMake(vendor string) transport.Source {
	row := vlan.SourceOf(vendor)
	types := func(list []vlan.VendorType) (out []transport.VendorType) {
		for _, t := range list {
			out = append(out, transport.VendorType(t))
		}
		return out
	}
	return transport.Source{SSID: types(row.SSID), AP: types(row.AP), AVPairs: row.AVPairs}
}

// errControllerProbe: the controller asks with a name that it makes up whether we live.
const errControllerProbe realms.Reason = "controller-probe"

// probes tells whether a User-Name is one that a controller of this make asks with to see
// whether we live. A quick Reject is what it wants to hear, and no person was refused.
func (p place) probes(user string) bool {
	return p.controller != "" && slices.Contains(vlan.SourceOf(p.vendor).Probes, user)
}
