package vlan

import (
	"fmt"
	"math"
	"strconv"
)

// parseRate reads "50M", "512k", "1.5G" or plain bits in a second. WISPr carries
// 32 bits, which is the limit.
func parseRate(s string) (uint32, error) {
	if s == "" {
		return 0, nil
	}
	digits, unit := s, 1.0
	switch s[len(s)-1] {
	case 'k', 'K':
		unit = 1e3
	case 'm', 'M':
		unit = 1e6
	case 'g', 'G':
		unit = 1e9
	}
	if unit > 1 {
		digits = s[:len(s)-1]
	}
	for _, c := range digits {
		if (c < '0' || c > '9') && c != '.' { // ParseFloat alone would read "1e9", "Inf" and "0x1p4"
			return 0, fmt.Errorf("%q is not a speed", s)
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a speed", s)
	}
	bits := math.Round(n * unit)
	if bits < 1 {
		return 0, fmt.Errorf("%q lets nothing through", s)
	}
	if bits > math.MaxUint32 {
		return 0, fmt.Errorf("%q is more than a controller can be told (4294967295 bit/s)", s)
	}
	return uint32(bits), nil
}
