package upstream

// appendStation appends a Calling-Station-Id or Called-Station-Id in the form of
// RFC 3580, section 3.20 and 3.21: a MAC address as 00-10-A4-23-19-C0, with the
// SSID behind a colon as it was (R20). What does not begin with a MAC address
// is appended unchanged.
func appendStation(dst, station []byte) []byte {
	var digits [12]byte
	n, i, paired := 0, 0, false // paired: a separator may follow
	for ; i < len(station) && n < len(digits); i++ {
		if up, ok := upperHex(station[i]); ok {
			digits[n] = up
			n++
			paired = n%2 == 0
			continue
		}
		if !isSeparator(station[i]) || !paired {
			return append(dst, station...)
		}
		paired = false
	}
	rest := station[i:]
	if n < len(digits) || len(rest) > 0 && rest[0] != ':' {
		return append(dst, station...)
	}
	for k := 0; k < len(digits); k += 2 {
		if k > 0 {
			dst = append(dst, '-')
		}
		dst = append(dst, digits[k], digits[k+1])
	}
	return append(dst, rest...)
}

func isSeparator(b byte) bool { return b == '-' || b == ':' || b == '.' }

func upperHex(b byte) (byte, bool) {
	switch {
	case '0' <= b && b <= '9', 'A' <= b && b <= 'F':
		return b, true
	case 'a' <= b && b <= 'f':
		return b - 'a' + 'A', true
	}
	return 0, false
}
