package vlan

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// Describe names the attributes of an encoded packet, one line each, in order, each part
// of a vendor's attribute by itself: `Tunnel-Private-Group-Id = "120"`,
// `WISPr-Bandwidth-Max-Down = 10000000`. What cannot be read is told as octets. It judges
// nothing; Verify does.
func Describe(wire []byte) (lines []string) {
	rest := wire[min(20, len(wire)):]
	for len(rest) >= 2 && rest[1] >= 2 && int(rest[1]) <= len(rest) {
		code, value := rest[0], rest[2:rest[1]]
		rest = rest[rest[1]:]
		before := len(lines)
		err := eachPart(code, value, func(at attribute, part []byte) error {
			lines = append(lines, at.String()+" = "+at.show(part))
			return nil
		})
		if err != nil {
			lines = append(lines[:before], fmt.Sprintf("Vendor-Specific = %x", value))
		}
	}
	if len(rest) > 0 {
		lines = append(lines, fmt.Sprintf("no attribute: %x", rest))
	}
	return lines
}

// show writes a value: keys never, text in quotation marks, numbers as such, the rest in hex.
func (at attribute) show(value []byte) string {
	switch at {
	case attribute{311, 16}, attribute{311, 17}, attribute{0, 69}:
		return fmt.Sprintf("%d octets that are secret", len(value))
	case tunnelType, tunnelMediumType: // a tag and 24 bits (RFC 2868, section 3.1)
		if len(value) == 4 {
			text := strconv.Itoa(int(binary.BigEndian.Uint32(value) & 0xffffff))
			if value[0] != 0 {
				text += fmt.Sprintf(" (tag %d)", value[0])
			}
			return text
		}
	case tunnelGroup:
		if len(value) > 0 && value[0] <= 0x1f {
			return fmt.Sprintf("%q (tag %d)", value[1:], value[0])
		}
	}
	switch at {
	case sessionTimeout, idleTimeout, terminationAction, interimInterval, mikrotikVLAN, mikrotikVLANType,
		wisprBandwidthUp, wisprBandwidthDown, airespaceUp, airespaceDown:
		if len(value) == 4 {
			return strconv.FormatUint(uint64(binary.BigEndian.Uint32(value)), 10)
		}
	}
	for _, c := range value {
		if c < ' ' || c > '~' {
			return fmt.Sprintf("%x", value)
		}
	}
	return strconv.Quote(string(value))
}
