package transport

import (
	"net/netip"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc3162"
)

// NASName returns what the NAS calls itself: NAS-Identifier, else
// NAS-IP-Address, else NAS-IPv6-Address, else "". The name is the sender's word
// and may hold any octets.
func NASName(p *radius.Packet) string {
	if name := p.Get(rfc2865.NASIdentifier_Type); len(name) > 0 {
		return string(name)
	}
	for _, t := range []radius.Type{rfc2865.NASIPAddress_Type, rfc3162.NASIPv6Address_Type} {
		if a, ok := netip.AddrFromSlice(p.Get(t)); ok {
			return a.String()
		}
	}
	return ""
}
