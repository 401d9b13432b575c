package config

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// fticks judges where a federation's F-Ticks go and what they tell.
func (c *checker) fticks(key string, fed Federation) {
	f := fed.FTicks
	network := c.fticksServer(key+".server", f.Server)
	for _, name := range []string{"ca", "server_name"} {
		if c.present(key+"."+name) && network != "" && network != "tls" {
			c.wrong(key+"."+name, "write tls:// in server, or take it out", "%s means nothing over %s", name, network)
		}
	}
	if f.Country == "UK" {
		c.wrong(key+".country", "write "+examples["federation.*.fticks.country"], "%q is not the code of a country in ISO 3166", f.Country)
		c.meant(`"GB"`)
	} else if f.Country != "" && !country(f.Country) {
		c.wrong(key+".country", `write the two capital letters of ISO 3166, as "GB"`, "%q is no country", f.Country)
	}
	if !c.present(key + ".institution") {
		c.fticksInstitution(key)
	} else if f.Institution == "" || !oneWord(f.Institution) {
		c.wrong(key+".institution", `write one word of plain letters, as "1northbridge.nhs.uk"`, "institution %q cannot stand in an F-Tick", f.Institution)
	}
	if c.present(key+".prefix") && !oneWord(f.Prefix) {
		c.wrong(key+".prefix", `write it as "F-TICKS/eduroam/1.0"`, "prefix %q cannot stand in an F-Tick", f.Prefix)
	} else if name := lastKey(parent(key)); f.Prefix == "" && !oneWord(name) {
		c.wrong(key, `add prefix = "F-TICKS/eduroam/1.0"`, "federation %q has no name for an F-Tick", name)
	}
	c.fticksWho(key+".who", fed)
	if c.oneOf(key+".mac", f.MAC, "vendor-hashed", "hashed", "plain") {
		c.fticksKey(key, f)
	}
}

// fticksServer judges the address of a syslog server and returns its network.
func (c *checker) fticksServer(key, server string) (network string) {
	fix := "write " + examples["federation.*.fticks.server"] + ", or udp:// or tcp://"
	if server == "" {
		return ""
	}
	u, err := url.Parse(server)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "":
		c.wrong(key, fix, "%q is not the address of a syslog server", server)
		return ""
	case !slices.Contains([]string{"udp", "tcp", "tls"}, u.Scheme):
		c.wrong(key, fix, "there is no syslog over %q", u.Scheme)
		return ""
	}
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || n == 0 {
		c.wrong(key, fix, "%q has no port", server)
	} else if net.ParseIP(u.Hostname()) == nil && (!hostName(u.Hostname()) || digitsAndDots(u.Hostname())) {
		c.wrong(key, fix, "%q names no host", server)
	}
	return u.Scheme
}

// fticksInstitution sees to it that every site has a name in F-Ticks.
func (c *checker) fticksInstitution(key string) {
	if c.Server.OperatorName != "" {
		return
	}
	for _, s := range c.Site {
		if s.OperatorName == "" {
			c.wrong(key, "add operator_name to [server], or institution here", "F-Ticks would not say who was visited: %s has no operator_name", s.Name)
			return
		}
	}
}

func (c *checker) fticksWho(key string, fed Federation) {
	for i, who := range fed.FTicks.Who {
		here := at(key, i)
		if !c.oneOf(here, who, "visitor", "own") {
			continue
		}
		if slices.Contains(fed.FTicks.Who[:i], who) {
			c.wrong(here, "keep one", "%q is in who twice", who)
		}
		if who == "own" && len(fed.Clients) == 0 {
			c.wrong(here, "add clients, or take it out", "this federation has no clients that could ask for our own people")
		}
	}
	if c.present(key) && len(fed.FTicks.Who) == 0 {
		c.wrong(key, `leave it out for ["visitor"]`, "who names nobody")
	}
}

// fticksKey judges the key of the hash, and warns of addresses that leave the house as
// they are.
func (c *checker) fticksKey(key string, f FTicks) {
	hashed := f.MAC != "plain"
	switch n := len(f.Key.Reveal()); {
	case hashed && !c.present(key+".key"):
		c.wrong(key, "add "+examples["federation.*.fticks.key"], "addresses of devices are hashed, and there is no key")
	case !hashed && c.present(key+".key"):
		c.wrong(key+".key", `take it out, or write mac = "vendor-hashed"`, "key means nothing where addresses are plain")
	case hashed && n > 0 && n < minSecret && !c.Unreadable(key+".key"):
		c.wrong(key+".key", "make one with: openssl rand -base64 32", "this key has %d characters, fewer than %d", n, minSecret)
	case !hashed:
		c.warn(key+".mac", `leave it out, unless the federation's operator asks for it`, "the addresses of visitors' devices leave the house as they are")
	}
}

func country(s string) bool {
	return len(s) == 2 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// oneWord tells whether text is printable ASCII in which no attribute of an F-Tick
// ends.
func oneWord(s string) bool {
	return s != "" && len(s) <= 200 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' })
}
