package vlan

import "slices"

// warn notes rules that nobody reaches and VLANs where nobody lands. The proof
// has gone through every case, so what it did not reach cannot be reached.
func (r *reader) warn() {
	p := r.policy
	used := make([]bool, len(p.vlans))
	for _, x := range p.ssids {
		programs := p.programsOf(x)
		for i, rl := range x.rules {
			if reachedIn(programs, rl) {
				used[rl.network.index] = true
			} else if i == 0 || x.rules[i-1].number != rl.number {
				r.warnShadowed(x, rl)
			}
		}
	}
	for _, s := range p.sites {
		for _, c := range s.controllers {
			if c.fallback != nil {
				used[c.fallback.index] = true
			}
		}
	}
	for _, n := range p.vlans {
		if used[n.index] {
			continue
		}
		if !slices.ContainsFunc(p.sites, func(s *site) bool { return s.numbers[n.index] != 0 }) {
			r.mention(path("vlan", n.name), "drop it, or give it an id and a rule", "vlan %s has no number at any site, and nobody can reach it", n.name)
		} else {
			r.mention(path("vlan", n.name), "drop it, or give it a rule", "nobody can reach vlan %s", n.name)
		}
	}
}

func reachedIn(programs []*program, rl *rule) bool {
	for _, g := range programs {
		if g.reached[rl.number] {
			return true
		}
	}
	return false
}

// warnShadowed names the rule that takes the people whom this one is for.
func (r *reader) warnShadowed(x *ssid, rl *rule) {
	if rl.forDevices() {
		r.mention(rl.key, "drop it, or move it up", "rule %d of SSID %q is never reached by a device", rl.number, x.name)
		return
	}
	s := subject{own: rl.answeredHere(), realm: rl.realm, user: rl.user, site: rl.site, method: rl.method, device: rl.device, issuer: rl.issuer}
	if s.method == methodHidden {
		s.method = methodOther
	}
	if s.device == deviceHidden {
		s.device = deviceUnverified
	}
	if rl.policy != 0 {
		s.marks.add(rl.policy, len(r.policy.markAt))
	}
	if rl.group != 0 {
		s.marks.add(rl.group, len(r.policy.markAt))
	}
	if by, _ := walk(x.rules, &s, nil); by != nil && by != rl {
		r.mention(rl.key, "move it up, or drop it", "rule %d of SSID %q is never reached: %s takes its people first", rl.number, x.name, by.text)
		return
	}
	r.mention(rl.key, "drop it", "rule %d of SSID %q is never reached", rl.number, x.name)
}

// warnVacuous names the guarantees that hold because they speak of nobody: it is told
// of those that the log-ins on an SSID met, before fall-backs are looked at.
func (r *reader) warnVacuous(covered []int) {
	met := map[int]bool{} // by number: one of the file may be several here
	for i, g := range r.policy.guarantees {
		met[g.number] = met[g.number] || covered[i] > 0
	}
	for i, g := range r.policy.guarantees {
		if !met[g.number] && !r.policy.continues(i) {
			r.mention(g.key, "say whom it is for in other words, or drop it", "guarantee %d covers no case: it says %q, and there is no such log-in", g.number, g.text)
		}
	}
}
