package transport

import (
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
)

// Stations are the names that a request has for the access point that it came through,
// in this order: what the vendor writes beside it, else what stands in Called-Station-Id;
// Called-Station-Id (RFC 3580, section 3.20); NAS-Identifier. A MAC is written
// AA-BB-CC-DD-EE-FF, and what is not there is empty. They are the controller's own word:
// no device has a hand in them.
type Stations [3]string

// Stations returns what the request says of its access point.
func (r *Request) Stations() Stations { return StationsOf(r.Client.Source, r.Packet) }

// StationsOf is what a packet says of its access point, as its make of controller writes it.
func StationsOf(from Source, p *radius.Packet) (names Stations) {
	_, names[0], _ = SSID(from, p)
	called, _ := p.Lookup(typeCalledStationID)
	names[1], _ = splitStation(called)
	id := p.Get(rfc2865.NASIdentifier_Type)
	names[2] = string(id)
	if mac, n := macPrefix(id); n > 0 && n == len(id) {
		names[2] = mac
	}
	return names
}
