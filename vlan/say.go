package vlan

import "slices"

// readSay reads how a controller is told of VLANs.
func (r *reader) readSay(key string, c Controller, k *controller) {
	switch c.Say {
	case "", "number":
	case "name":
		if k.vendor != nil && k.vendor.called == none {
			r.refuse(key+".say", `write say = "number"`, "controller %s is told names, and %s controllers take numbers only", c.Name, k.vendor.name)
			return
		}
		k.byName = true
	default:
		r.refuse(key+".say", suggest(c.Say, []string{"number", "name"}, `write say = "number" or say = "name"`), "controller %s is told %q of a VLAN, which is neither its number nor its name", c.Name, c.Say)
	}
}

// judgeWords holds what the file gives against what each controller can be told: a
// VLAN without the name by which it would have to be said is refused, and what only
// some makes can be told is warned of at those that cannot.
func (r *reader) judgeWords() {
	warned := map[string]bool{}
	for _, s := range r.policy.sites {
		toldNames := slices.IndexFunc(s.controllers, func(c *controller) bool { return c.byName })
		for _, n := range r.policy.givenAt(s) {
			if toldNames >= 0 {
				r.refuseNameless(s, n, s.controllers[toldNames])
			}
			for _, c := range s.controllers {
				if c.vendor != nil {
					r.warnUnheard(s, n, c, warned)
				}
			}
		}
	}
}

// givenAt are the networks that a rule gives at a site.
func (p *Policy) givenAt(s *site) []*network {
	given := make([]bool, len(p.vlans))
	for _, x := range p.ssids {
		for _, rl := range x.rules {
			if rl.site == 0 || rl.site == s.index {
				given[rl.network.index] = true
			}
		}
	}
	var list []*network
	for _, n := range p.vlans {
		if given[n.index] {
			list = append(list, n)
		}
	}
	return list
}

func (r *reader) refuseNameless(s *site, n *network, c *controller) {
	switch t := s.terms[n.index]; {
	case t.called == "":
		r.refuse(r.nameKey(s, n), `give it one, name = "…", or write say = "number" at the controller`,
			"vlan %s has no name at %s, and controller %s is told names", n.name, s.name, c.name)
	case len(t.pool) > 0:
		r.refuse(r.policy.numberKey(s, n), `write say = "number" at the controller, or one number at the site`,
			"vlan %s is a pool at %s, and controller %s is told names: one name cannot say which number", n.name, s.name, c.name)
	}
}

// warnUnheard tells of speeds once for each make of controller, of roles once for each
// VLAN and make.
func (r *reader) warnUnheard(s *site, n *network, c *controller, told map[string]bool) {
	t, v := s.terms[n.index], c.vendor
	once := func(id string, tell func()) {
		if !told[id] {
			told[id] = true
			tell()
		}
	}
	if (t.up > 0 || t.down > 0) && v.rate == untold {
		what := "down"
		if t.down == 0 {
			what = "up"
		}
		once(v.name, func() {
			r.mention(r.termKey(s, n, what), "limit speeds in the controller's own policy", "speeds such as those of vlan %s are sent to %s at %s, and %s controllers are not known to obey WISPr's", n.name, c.name, s.name, v.name)
		})
	}
	if t.role == "" {
		return
	}
	key := r.termKey(s, n, "role")
	switch {
	case v.role == none:
		once(key+" "+v.name, func() {
			r.mention(key, "use a filter there, or a policy of the controller for this VLAN", "the role of vlan %s is not told to %s at %s: %s controllers have none", n.name, c.name, s.name, v.name)
		})
	case v.role == v.filter && t.filter != "":
		once(key+" "+v.name, func() {
			r.refuse(key, "keep one of the two", "vlan %s has both a role and a filter, and %s controllers such as %s at %s hear both in %v", n.name, v.name, c.name, s.name, v.filter)
		})
	}
}

// termKey is the path of what gives a term its value at a site.
func (r *reader) termKey(s *site, n *network, what string) string {
	l := r.cfg.Sites[s.position].Local[n.name]
	if map[string]string{"down": l.Down, "up": l.Up, "role": l.Role}[what] != "" {
		return path("site", s.position, "vlan", n.name, what)
	}
	return path("vlan", n.name, what)
}
