package config

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// minKey is the fewest characters of the key that seals what is written to a store
// that others can read.
const minKey = 32

// store judges where shared state is kept.
func (c *checker) store() {
	const key = "store"
	if !c.oneOf(key+".kind", c.Store.Kind, "memory", "redis") {
		return
	}
	if c.Store.Kind == "memory" {
		for _, name := range []string{"addresses", "master", "user", "password", "tls", "ca", "server_name", "prefix", "key"} {
			if c.present(key + "." + name) {
				c.wrong(key+"."+name, `write kind = "redis", or take it out`, `a store of kind "memory" has no %s`, name)
			}
		}
		return
	}
	for _, need := range []string{"addresses", "key"} {
		if !c.present(key + "." + need) {
			c.wrong(key, "add "+examples[key+"."+need], "[store] has no %s", need)
		}
	}
	for i, address := range c.Store.Addresses {
		here := at(key+".addresses", i)
		if len(c.Store.Addresses) == 1 && !c.present(here) {
			here = key + ".addresses"
		}
		c.storeAddress(here, address)
		if slices.Contains(c.Store.Addresses[:i], address) {
			c.wrong(here, "keep one", "%s is among the addresses twice", address)
		}
	}
	if n := len(c.Store.Key.Reveal()); n > 0 && n < minKey && !c.Unreadable(key+".key") {
		c.wrong(key+".key", "make one with: openssl rand -base64 32", "this key has %d characters, fewer than %d", n, minKey)
	}
	if c.present(key+".user") && !c.present(key+".password") {
		c.wrong(key+".user", "add "+examples[key+".password"], "user has no password")
	}
	for _, name := range []string{"ca", "server_name"} {
		if c.present(key+"."+name) && !c.Store.TLS {
			c.wrong(key+"."+name, "add tls = true, or take it out", "%s means nothing without tls", name)
		}
	}
	if !c.Store.TLS && c.present(key+".password") {
		c.warn(key+".password", "add tls = true, where the network between is not your own", "this password crosses the network in the clear")
	}
}

// storeAddress judges the address of one Redis server or Sentinel.
func (c *checker) storeAddress(key, address string) {
	host, port, err := splitAddress(address)
	switch {
	case err != nil:
		c.wrong(key, `write it as "redis1.northbridge.nhs.uk:6379"`, "%q is not the address of a server with its port", address)
	case !hostName(host) && !isIP(host):
		c.wrong(key, `write it as "redis1.northbridge.nhs.uk:6379"`, "%q names no host", address)
	case port == 0:
		c.wrong(key, `write it as "redis1.northbridge.nhs.uk:6379"`, "%q has no port", address)
	}
}

// resumption judges how long sessions live.
func (c *checker) resumption() {
	const key, week = "eap.resumption.lifetime", 7 * 24 * time.Hour
	switch lifetime := time.Duration(c.EAP.Resumption.Lifetime); {
	case lifetime > week:
		c.wrong(key, `write "8h"`, "a session may live for seven days at most (RFC 8446, section 4.6.1), not %s", lifetime)
	case lifetime > 8*time.Hour:
		c.warn(key, `write "8h", a working day`, "a password that was changed, or a device that was lost, may count for %s", lifetime)
	case lifetime == 0 && c.EAP.Resumption.WithoutDirectory:
		c.wrong("eap.resumption.without_directory", "take it out, or give lifetime a length", "nothing is resumed, with a directory or without")
	}
	if c.EAP.Resumption.WithoutDirectory {
		c.warn("eap.resumption.without_directory", "leave it if people must come back while no directory answers",
			"somebody whose account was closed comes back while no directory answers, for as long as the session lives")
	}
}

// splitAddress takes host and port apart; the port is 0 when it is none.
func splitAddress(address string) (host string, port uint64, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.ParseUint(text, 10, 16)
	if err != nil {
		return host, 0, nil //nolint:nilerr // 0 says it
	}
	return host, port, nil
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
