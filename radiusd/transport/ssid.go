package transport

import (
	"bytes"
	"encoding/binary"
	"iter"
	"strings"

	"layeh.com/radius"
)

// A Source says where a make of controller writes the SSID and the access point's
// name, beside Called-Station-Id. The zero value is for one that writes them there alone.
type Source struct {
	SSID, AP []VendorType // before Called-Station-Id, in order of trust
	AVPairs  []string     // Cisco-AVPair prefixes, after Called-Station-Id
}

// A VendorType is an attribute of a vendor (SMI Private Enterprise Code).
type VendorType struct {
	Vendor uint32
	Type   byte
}

var ciscoAVPair = VendorType{9, 1}

// maxSSID is the longest SSID there is (IEEE 802.11, section 9.4.2.2).
const maxSSID = 32

// SSID returns the SSID and the access point that a request names, as such a
// controller writes them (R11): its vendor's own attribute, then the suffix of
// Called-Station-Id, then Cisco-AVPair. An SSID is 1 to 32 octets, case
// counts, and it may hold ":". ap is the vendor's name for the access point,
// else its MAC as AA-BB-CC-DD-EE-FF, else what stands before the SSID in
// Called-Station-Id; it may be "". ok is false when no SSID was named: only the
// controller's explicit setting may replace it.
func SSID(from Source, p *radius.Packet) (ssid, ap string, ok bool) {
	called, _ := p.Lookup(typeCalledStationID)
	station, suffix := splitStation(called)

	ap = station
	if name := firstValue(p, from.AP); len(name) > 0 {
		ap = string(name)
		if mac, n := macPrefix(name); n == len(name) {
			ap = mac
		}
	}
	for _, found := range [][]byte{firstValue(p, from.SSID), suffix, avPair(p, from.AVPairs)} {
		if len(found) > 0 && len(found) <= maxSSID {
			return string(found), ap, true
		}
	}
	return "", ap, false
}

// splitStation splits Called-Station-Id (RFC 3580, section 3.20): a MAC in any
// of the usual spellings, or an access point's name, then ":" and the SSID to
// the end. The MAC goes first, since one spelling has colons of its own.
func splitStation(called []byte) (station string, ssid []byte) {
	if mac, n := macPrefix(called); n > 0 {
		if n == len(called) {
			return mac, nil
		}
		return mac, called[n+1:]
	}
	name, rest, found := bytes.Cut(called, []byte{':'})
	if !found || len(name) == 0 {
		return string(name), nil
	}
	return string(name), rest
}

// macPrefix reads a MAC that ends the value or is followed by ":". n is its
// length as spelled, 0 when there is none. Spellings: 00-10-A4-23-19-C0 with
// "-" or ":", 0010.a423.19c0 with "." or "-", 0010a42319c0.
func macPrefix(b []byte) (mac string, n int) {
	for i := range macSpellings {
		f := &macSpellings[i]
		if len(b) != f.length && (len(b) < f.length || b[f.length] != ':') {
			continue
		}
		if digits, ok := macDigits(b[:f.length], f.group, f.separators); ok {
			return digits, f.length
		}
	}
	return "", 0
}

// macSpellings are what macPrefix knows.
var macSpellings = [...]struct {
	length, group int
	separators    string
}{{17, 2, "-:."}, {14, 4, ".-:"}, {13, 6, "-:"}, {12, 12, ""}}

// macDigits reads groups of so many digits, each but the last followed by the same
// separator.
func macDigits(b []byte, group int, separators string) (string, bool) {
	if group < len(b) && strings.IndexByte(separators, b[group]) < 0 {
		return "", false
	}
	var out [17]byte
	written, inGroup := 0, 0
	for _, c := range b {
		if inGroup == group {
			if c != b[group] {
				return "", false
			}
			inGroup = 0
			continue
		}
		inGroup++
		switch {
		case c >= 'a' && c <= 'f':
			c -= 'a' - 'A'
		case c >= '0' && c <= '9', c >= 'A' && c <= 'F':
		default:
			return "", false
		}
		if written%3 == 2 {
			out[written] = '-'
			written++
		}
		out[written] = c
		written++
	}
	return string(out[:written]), written == len(out)
}

func firstValue(p *radius.Packet, types []VendorType) []byte {
	for _, t := range types {
		for value := range packetValues(p, t) {
			return value
		}
	}
	return nil
}

func avPair(p *radius.Packet, prefixes []string) []byte {
	for _, prefix := range prefixes {
		for value := range packetValues(p, ciscoAVPair) {
			if rest, ok := bytes.CutPrefix(value, []byte(prefix)); ok {
				return rest
			}
		}
	}
	return nil
}

// packetValues yields the values of one vendor attribute of p, in order.
func packetValues(p *radius.Packet, t VendorType) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, a := range p.Attributes {
			if a.Type != typeVendorSpecific {
				continue
			}
			for kind, value := range vendorValues(a.Attribute, t.Vendor) {
				if kind == t.Type && !yield(value) {
					return
				}
			}
		}
	}
}

// vendorValues yields the attributes inside one Vendor-Specific attribute (RFC
// 2865, section 5.26) when it is vendor's and well formed as far as it is read.
func vendorValues(vsa []byte, vendor uint32) iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		if len(vsa) < 4 || binary.BigEndian.Uint32(vsa) != vendor {
			return
		}
		for b := vsa[4:]; len(b) >= 2; {
			n := int(b[1])
			if n < 2 || n > len(b) {
				return
			}
			if !yield(b[0], b[2:n]) {
				return
			}
			b = b[n:]
		}
	}
}
