package config

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// ldapKeys are the keys that mean something to a directory of kind "ldap" only.
func ldapKeys() []string {
	return slices.DeleteFunc(ordered(reflect.TypeFor[Directory]()), func(key string) bool { return key == "kind" || key == "path" })
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
	switch bind, password := c.present(key+".bind"), c.present(key+".password"); {
	case bind && !password:
		c.wrong(key+".bind", "add "+examples["directory.*.password"], "bind has no password")
	case password && !bind:
		c.wrong(key+".password", "add bind, the name that the password belongs to", "password has no bind")
	}
	switch n, window := d.Guard.Failures, time.Duration(d.Guard.Window); {
	case n < 0 || n > 20:
		c.wrong(key+".guard.failures", "write a number below the directory's own threshold less two, or 0 for no guard", "failures is %d; it is 0 to 20", n)
	case n > 0 && (window < time.Minute || window > 24*time.Hour):
		c.wrong(key+".guard.window", `write how long the directory itself remembers wrong passwords, as "30m"`, "window is %s; it is 1m to 24h", window)
	case n == 0:
		c.warn(key+".guard.failures", "leave it out for 4", "every wrong password reaches directory %s: a telephone with an old one locks its owner out", lastKey(key))
	}
	if d.Plain {
		c.warn(key+".plain", `write ldaps:// or starttls = true, and take this out`, "passwords cross the network in the clear")
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
