// Package fticks tells a federation's operator how many visitors there were, in
// F-Ticks: one line of syslog for each log-in that a home has answered, without the
// name of the user (draft-johansson-fticks).
//
// A [Sender] keeps a queue and one connection. Nothing waits for it: a line that does
// not fit is dropped and counted.
package fticks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"
)

// A Tick is one log-in that a home has answered.
type Tick struct {
	Time        time.Time
	Realm       string // of the user
	Country     string // where the user was, of two letters; empty: not known
	Institution string // whom the user visited; empty: not known
	Station     string // Calling-Station-Id, as AA-BB-CC-DD-EE-FF where it is a MAC address
	OK          bool   // the user was let in
}

// How a device's address is written.
const (
	// VendorHashed is the maker's half as it is, and a keyed hash of the whole: the
	// operator counts devices and makers, and cannot tell which device it is.
	VendorHashed = "vendor-hashed"
	// Hashed is the keyed hash alone.
	Hashed = "hashed"
	// Plain is the address itself.
	Plain = "plain"
)

// ErrNotWritable says that a tick holds what would be read as another attribute, or as
// another line: it is not sent.
var ErrNotWritable = errors.New("an F-Tick cannot be written")

// line writes a tick behind its prefix: attributes between "#", each a name and a
// value. Realm and result are always there; what is not known is left out, and so is
// an institution that cannot be written, since others may have named it.
func (c *Config) line(t Tick) (string, error) {
	if !writable(t.Realm) {
		return "", ErrNotWritable
	}
	var b strings.Builder
	b.WriteString(c.Prefix)
	b.WriteByte('#')
	for _, a := range []struct{ name, value string }{
		{"REALM", t.Realm}, {"VISCOUNTRY", t.Country}, {"VISINST", t.Institution}, {"CSI", c.station(t.Station)}, {"RESULT", result(t.OK)},
	} {
		if writable(a.value) {
			b.WriteString(a.name + "=" + a.value + "#")
		}
	}
	return b.String(), nil
}

func result(ok bool) string {
	if ok {
		return "OK"
	}
	return "FAIL"
}

// writable tells whether a value is one word of printable ASCII in which no attribute
// ends.
func writable(value string) bool {
	const most = 253
	return value != "" && len(value) <= most &&
		!strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' })
}

// station is the device's address as the configuration has it. The hash is made of its
// digits in small letters, so that it is the same however a controller writes it.
func (c *Config) station(address string) string {
	if address == "" || c.MAC == Plain {
		return address
	}
	mac := hmac.New(sha256.New, c.Key)
	_, _ = mac.Write([]byte(digits(address)))
	hash := hex.EncodeToString(mac.Sum(nil))
	if c.MAC == VendorHashed && isMAC(address) {
		return address[:9] + hash
	}
	return hash
}

// digits are the hexadecimal digits of an address, or all of what is none.
func digits(address string) string {
	if !isMAC(address) {
		return address
	}
	return strings.ToLower(strings.ReplaceAll(address, "-", ""))
}

// isMAC tells whether an address is written AA-BB-CC-DD-EE-FF.
func isMAC(s string) bool {
	if len(s) != 17 {
		return false
	}
	for i := range len(s) {
		if i%3 == 2 {
			if s[i] != '-' {
				return false
			}
		} else if !strings.ContainsRune("0123456789ABCDEFabcdef", rune(s[i])) {
			return false
		}
	}
	return true
}
