package config

import "slices"

// mode judges what this server is: whole, or one half of a pair of edge and core.
func (c *checker) mode() {
	if c.present("server.mode") && !c.oneOf("server.mode", c.Server.Mode, "whole", "edge", "core") {
		return
	}
	switch c.Server.Mode {
	case "edge":
		c.edge()
	case "core":
		c.misplaced("core", "is for an edge", "take it out", "servers", "balance", "authorities")
		if !c.present("core.edges") {
			c.wrong("server.mode", "add "+examples["core.edges"]+" to [core]", "a core without edges answers nobody that it would not answer as a whole")
		}
	default:
		if c.present("core") {
			c.wrong("core", `write mode = "edge" or mode = "core" into [server], or take it out`, "[core] means nothing to a server that is whole")
		}
	}
}

// edge holds an edge to what it is for: no directory and no secret of any user is there
// to be taken from it.
func (c *checker) edge() {
	for _, has := range []string{"directory", "eap", "store"} {
		if c.present(has) {
			c.wrong(has, `take it out, or write mode = "whole"`, "an edge has no [%s]: people are known to the core alone", has)
		}
	}
	c.misplaced("core", "is for a core", "take it out", "edges", "tells")
	if len(c.Core.Servers) == 0 {
		c.wrong("server.mode", "add [core] with "+examples["core.servers"], "an edge has to be told where its core is")
	}
	c.balance("core", c.Core.Balance)
	core := Federation{Transport: "radsec"}
	c.upstreams("core", core, c.Core.Servers)
	for i, s := range c.Core.Servers {
		if c.present(at("core.servers", i)+".transport") && s.Transport == "udp" {
			c.wrong(at("core.servers", i)+".transport", "take it out", "a core is reached by RadSec alone: over UDP anybody on the way could say who people are")
		}
	}
	for i, name := range c.Core.Authorities {
		if name == "" || slices.Contains(c.Core.Authorities[:i], name) {
			c.wrong(at("core.authorities", i), "name each authority of the core once", "%q is no name or stands there twice", name)
		}
	}
}

// ofTheCore judges a realm of an edge whose people the core knows.
func (c *checker) ofTheCore(key string) {
	if c.Server.Mode != "edge" {
		c.wrong(key+".core", `add directory = "trust", or write mode = "edge" into [server]`, "only an edge has a core that answers for it")
	}
	c.misplaced(key, "is for a core, which has their directory", "take it out", "directory", "servers", "fall_back", "balance")
}
