package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// devices judges the lists of devices that are known by their MAC. What is in their
// files, the room of directories judges.
func (c *checker) devices() {
	for _, name := range slices.Sorted(maps.Keys(c.Devices)) {
		key := under("devices", name)
		if name == "" || strings.ContainsAny(name, " \t") {
			c.problems = append(c.problems, c.placeKey(key, fmt.Sprintf("a list is called %q", name), `give it a name without spaces: a rule says who = "devices NAME"`))
		}
		if !slices.ContainsFunc(c.SSID, func(s SSID) bool { return slices.Contains(s.MAC, name) }) {
			c.warn(key, `write mac = "`+name+`" at the SSID that is for them`, "no SSID lets in the devices of list %q", name)
		}
	}
	c.macPasswords()
	for i, s := range c.SSID {
		if key := at("ssid", i) + ".mac"; c.present(key) && len(s.MAC) == 0 {
			c.wrong(key, "name a list, or take it out", "mac names no list")
		}
		for j, r := range s.Rule {
			if key := at(at("ssid", i)+".rule", j) + ".vlan"; c.present(key) && len(r.VLAN) == 0 {
				c.wrong(key, "write "+examples["ssid[].rule[].vlan"], "vlan names no VLAN")
			}
		}
	}
}

// longestPassword is what a User-Password holds at most, in octets (RFC 2865, section 5.2).
const longestPassword = 128

// macPasswords judges the passwords by which controllers ask for devices.
func (c *checker) macPasswords() {
	devices := slices.ContainsFunc(c.SSID, func(s SSID) bool { return len(s.MAC) > 0 })
	for i, s := range c.Site {
		for j, w := range s.Controller {
			key := at(at("site", i)+".controller", j) + ".mac_password"
			switch n := len(w.MACPassword); {
			case n == 0 || c.Unreadable(key): // said already
			case n > longestPassword:
				c.wrong(key, "set a shorter one at the controller and here", "mac_password has %d octets, and a request holds %d at most", n, longestPassword)
			case !devices:
				c.warn(key, `take it out, or write mac = "LIST" at the SSID of the devices`, "no SSID lets in devices by their MAC: nobody asks %s for this password", w.Name)
			}
		}
	}
}

// MayHave lists the VLANs that rules have for the devices of a list: what a line of its
// file may name.
func (f *File) MayHave(list string) (names []string) {
	for _, s := range f.SSID {
		for _, r := range s.Rule {
			if r.Who == "devices" && slices.Contains(s.MAC, list) || r.Who == "devices "+list {
				names = append(names, r.VLAN...)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// givenWhom judges whom a test is about: a person, or a device by its list or by its MAC.
func (c *checker) givenWhom(key string, g Given) {
	if !c.present(key) {
		return
	}
	if g.User == "" && g.List == "" && g.MAC == "" {
		c.problems = append(c.problems, c.placeKey(key, c.places.called(key)+" has no user", "add "+examples["test[].given.user"]))
		return
	}
	if g.List != "" {
		c.defined(key+".list", "list of devices", g.List, slices.Sorted(maps.Keys(c.Devices)), "name a [devices.NAME]")
	}
	if g.VLAN != "" && g.List == "" {
		c.wrong(key+".vlan", "add list, or write what you expect in expect", "vlan is what the line of a listed device names")
	}
	if g.User != "" && g.List != "" {
		c.wrong(key+".list", "take one of the two out", "a device of a list is known by its MAC, and is no user")
	}
	if g.User == "" {
		c.misplaced(key, "is of people, and this is a device", "take it out, or add user", "groups", "eap", "device", "issuer", "policy", "federation", "operator")
	}
}
