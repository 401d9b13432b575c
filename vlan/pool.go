package vlan

// choose returns the number on which a device lands: the network's own, or that of
// its pool to which the MAC address leads.
//
// It is rendezvous hashing: each number is weighed with the address and the heaviest
// wins. So it is the same on every server and after every restart, it turns on
// nothing but address and pool, and a number that joins the pool takes its share
// from all the others and moves nobody else. Weights are no secret: who changes the
// address may choose among the numbers, and all of them are of one zone.
func (s *site) choose(n *network, mac string) uint16 {
	chosen, heaviest := s.numbers[n.index], uint64(0)
	address, ok := parseMAC(mac)
	if !ok {
		return chosen // the lowest
	}
	for _, id := range s.terms[n.index].pool {
		if w := mix(address<<16 | uint64(id)); w > heaviest {
			chosen, heaviest = id, w
		}
	}
	return chosen
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit of the
// outcome turns on every bit of x. To change it moves every device.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// IsMAC tells whether a text is an address by which a number of a pool is chosen.
func IsMAC(text string) bool {
	_, ok := parseMAC(text)
	return ok
}

// parseMAC reads twelve hexadecimal digits in either case, with "-", ":" or "."
// between them or nothing.
func parseMAC(text string) (address uint64, ok bool) {
	digits := 0
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		case c == '-' || c == ':' || c == '.':
			continue
		default:
			return address, false
		}
		address, digits = address<<4|uint64(c), digits+1
	}
	return address, digits == 12
}
