package noc

// MAC returns a hardware address as AA-BB-CC-DD-EE-FF (RFC 3580, section 3.21)
// and whether the device made it up: unicast with the locally-administered bit
// set (R45). It reads the forms that controllers write: in twos, fours or sixes,
// with - : . or a space between, or nothing. Anything else is returned as it
// came and is not random: a line still has to say what Calling-Station-Id was.
func MAC(s string) (normalised string, random bool) {
	var octets [6]byte
	if !parseMAC(s, &octets) {
		return s, false
	}
	random = octets[0]&0x03 == 0x02
	if isNormal(s) {
		return s, random
	}
	var out [17]byte
	const upper = "0123456789ABCDEF"
	for i, o := range octets {
		out[3*i], out[3*i+1] = upper[o>>4], upper[o&0xf]
		if i < 5 {
			out[3*i+2] = '-'
		}
	}
	return string(out[:]), random
}

func parseMAC(s string, octets *[6]byte) bool {
	group := 0 // digits between separators
	switch len(s) {
	case 12:
	case 17:
		group = 2
	case 14:
		group = 4
	case 13:
		group = 6
	default:
		return false
	}
	digits := 0
	for i := range len(s) {
		if group > 0 && (i+1)%(group+1) == 0 {
			if s[i] != s[group] || s[i] != '-' && s[i] != ':' && s[i] != '.' && s[i] != ' ' {
				return false
			}
			continue
		}
		v, ok := unhex(s[i])
		if !ok {
			return false
		}
		octets[digits/2] = octets[digits/2]<<4 | v
		digits++
	}
	return true
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func isNormal(s string) bool {
	if len(s) != 17 || s[2] != '-' {
		return false
	}
	for i := range len(s) {
		if 'a' <= s[i] && s[i] <= 'f' {
			return false
		}
	}
	return true
}
