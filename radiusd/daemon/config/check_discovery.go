package config

import (
	"strings"

	"causeway/realms/discovery"
)

// discovery judges which realms are looked up in DNS, and how.
func (c *checker) discovery(federation string, fed Federation) {
	d, key := fed.Discovery, federation+".discovery"
	if fed.Transport != "radsec" {
		c.wrong(key, `write transport = "radsec", or take it out`, "servers that are found in DNS speak RadSec, and this federation does not: nothing is looked up")
	}
	if !c.present(federation + ".servers") {
		c.wrong(key, `add servers = [{ address = "roam1.example.net" }]`, "there is discovery and there are no servers: most realms are not in DNS")
	}
	if c.present(key+".realms") && len(d.Realms) == 0 {
		c.wrong(key+".realms", "write "+examples["federation.*.discovery.realms"]+", or take discovery out", "realms is empty: nothing would be looked up")
	}
	c.listed(key+".realms", d.Realms, func(here, realm string) {
		switch {
		case realm == "*" || realm == "*.":
			c.wrong(here, `name the domains whose realms may be looked up, as "*.ac.uk"`, "%q would look up whatever name somebody types", realm)
		case discovery.CheckRealm(realm) != nil:
			c.wrong(here, `write "camford.ac.uk" for a realm, or "*.ac.uk" for all those below a name`, "%q is no realm", realm)
		}
	})
	c.listed(key+".services", d.Services, func(here, tag string) {
		if discovery.CheckService(tag) != nil {
			c.wrong(here, `write "x-eduroam:radius.tls" or "aaa+auth:radius.tls.tcp", or leave services out for both`, "%q is no service of RADIUS over TLS", tag)
		}
	})
	c.listed(key+".resolvers", d.Resolvers, func(here, resolver string) {
		if _, err := discovery.ParseResolver(resolver); err != nil {
			c.wrong(here, `write "192.0.2.53" or "192.0.2.53:53", or leave resolvers out for those of /etc/resolv.conf`, "%q is not the IP address of a DNS server", resolver)
		}
	})
	if d.WithoutNAIRealm {
		c.warn(key+".without_nai_realm", "have the federation issue certificates with NAIRealm, and take this out",
			"whoever forges an answer of DNS can lead a realm's people to another member of the federation")
	}
	c.listed(key+".policies", d.Policies, func(here, policy string) { c.identifier(here, policy, "1.3.6.1.4.1.25178.3.1.1") })
	c.listed(key+".laboratory", d.Laboratory, func(here, text string) {
		switch p, err := prefix(text); {
		case err != nil:
			c.wrong(here, `write "10.99.0.0/24" or "127.0.0.1"`, "%q is neither a range of addresses nor one", text)
		case p != p.Masked():
			c.wrong(here, `write "`+p.Masked().String()+`", or one address`, "%q is an address in a range", text)
		default:
			c.warn(here, "take it out where this is no laboratory", "a stranger's DNS may lead us to an address of our own network in %s", p)
		}
	})
}

// listed judges the entries of a list, each of which may stand there once.
func (c *checker) listed(key string, list []string, judge func(here, entry string)) {
	seen := map[string]bool{}
	for i, entry := range list {
		here := at(key, i)
		if seen[strings.ToLower(entry)] {
			c.wrong(here, "keep one", "%q is in %s twice", entry, lastKey(key))
			continue
		}
		seen[strings.ToLower(entry)] = true
		judge(here, entry)
	}
}
