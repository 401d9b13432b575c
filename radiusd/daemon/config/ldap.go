package config

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// domainKeys are the keys that mean something to a directory of kind "ad" only.
var domainKeys = []string{"domain", "computer", "computer_password", "netbios", "channels", "netlogon_port"}

// notOfDomains are keys of kind "ldap" that mean nothing to one of kind "ad".
var notOfDomains = []string{"schema", "plain", "member_of", "nt_hash_attribute", "clear_password_attribute"}

// placementKeys are the keys that mean something to a directory of kind "placements" only.
var placementKeys = []string{"max_days", "keep_days", "ssid", "helpdesk"}

// serverKeys are the keys that mean nothing to a directory that is a file, but for those
// of one kind.
func serverKeys(but ...string) []string {
	return slices.DeleteFunc(ordered(reflect.TypeFor[Directory]()), func(key string) bool {
		return key == "kind" || key == "path" || slices.Contains(but, key)
	})
}

// ldap judges what the room directory says at a place of its own only when it
// opens one: a check opens none.
func (c *checker) ldap(key string, d Directory) {
	for _, need := range []string{"servers", "base"} {
		if !c.present(key + "." + need) {
			c.wrong(key, "add "+examples["directory.*."+need], "[%s] has no %s", key, need)
		}
	}
	if d.Schema != "" {
		c.oneOf(key+".schema", d.Schema, "openldap", "ad")
	}
	for i, server := range d.Servers {
		c.ldapServer(at(key+".servers", i), server, d)
	}
	c.binding(key)
	c.guard(key, d)
	if d.Plain {
		c.warn(key+".plain", `write ldaps:// or starttls = true, and take this out`, "passwords cross the network in the clear")
	}
}

// domain judges a directory of kind "ad".
func (c *checker) domain(key string, d Directory) {
	for _, need := range []string{"domain", "computer", "computer_password"} {
		if !c.present(key + "." + need) {
			c.wrong(key, "add "+examples["directory.*."+need], "[%s] has no %s", key, need)
		}
	}
	if c.present(key+".domain") && (!hostName(d.Domain) || !strings.Contains(d.Domain, ".")) {
		c.wrong(key+".domain", "write "+examples["directory.*.domain"]+", as in DNS", "%q is not the name of a domain", d.Domain)
	}
	if c.present(key + ".computer") {
		c.shortName(key+".computer", strings.TrimSuffix(d.Computer, "$"))
	}
	if c.present(key + ".netbios") {
		c.shortName(key+".netbios", d.NetBIOS)
	}
	if c.present(key+".servers") && len(d.Servers) == 0 {
		c.wrong(key+".servers", "write "+examples["directory.*.servers"]+", or take it out and DNS is asked", "servers is empty")
	}
	for i, server := range d.Servers {
		if at := at(key+".servers", i); strings.Contains(server, "://") {
			c.ldapServer(at, server, d)
		} else if !hostName(server) {
			c.wrong(at, `write it as "dc1.northbridge.nhs.uk"`, "%q is not the name of a domain controller", server)
		}
	}
	if d.Channels < 1 || d.Channels > 64 {
		c.wrong(key+".channels", "write 1 to 64, or leave it out for 8", "channels is %d", d.Channels)
	}
	if c.present(key+".netlogon_port") && (d.NetlogonPort < 1 || d.NetlogonPort > 65535) {
		c.wrong(key+".netlogon_port", "write the port that Netlogon has at every domain controller, or take it out", "%d is not a port", d.NetlogonPort)
	}
	c.binding(key)
	c.guard(key, d)
}

// shortName holds a name to what NetBIOS takes.
func (c *checker) shortName(key, name string) {
	if len(name) > 15 || !hostName(name) || strings.Contains(name, ".") {
		c.wrong(key, "write at most 15 letters, digits and hyphens: "+examples[pattern(key)], "%q is no name that Windows takes", name)
	}
}

// binding holds a name to its password.
func (c *checker) binding(key string) {
	switch bind, password := c.present(key+".bind"), c.present(key+".password"); {
	case bind && !password:
		c.wrong(key+".bind", "add "+examples["directory.*.password"], "bind has no password")
	case password && !bind:
		c.wrong(key+".password", "add bind, the name that the password belongs to", "password has no bind")
	}
}

func (c *checker) guard(key string, d Directory) {
	switch n, window := d.Guard.Failures, time.Duration(d.Guard.Window); {
	case n < 0 || n > 20:
		c.wrong(key+".guard.failures", "write a number below the directory's own threshold less two, or 0 for no guard", "failures is %d; it is 0 to 20", n)
	case n > 0 && (window < time.Minute || window > 24*time.Hour):
		c.wrong(key+".guard.window", `write how long the directory itself remembers wrong passwords, as "30m"`, "window is %s; it is 1m to 24h", window)
	case n == 0:
		c.warn(key+".guard.failures", "leave it out for 4", "every wrong password reaches directory %s: a telephone with an old one locks its owner out", lastKey(key))
	}
}

func (c *checker) ldapServer(key, server string, d Directory) {
	const fix = `write it as "ldaps://dc1.northbridge.nhs.uk"`
	scheme, rest, isURL := strings.Cut(server, "://")
	switch {
	case !isURL || rest == "":
		c.wrong(key, fix, "%q is not the address of an LDAP server", server)
		if !isURL && hostName(server) {
			c.meant(`"ldaps://` + server + `"`)
		}
	case scheme == "ldap" && !d.StartTLS && !d.Plain:
		c.wrong(key, "write ldaps://, or starttls = true", "%s would carry passwords in the clear", server)
	case scheme != "ldap" && scheme != "ldaps":
		c.wrong(key, fix, "%q is not the address of an LDAP server", server)
	}
}
