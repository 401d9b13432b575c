package config

import (
	"reflect"
	"slices"
	"strings"
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
