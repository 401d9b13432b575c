package vlan

import "slices"

// compile sorts every SSID's rules by the realm of those whom they can fit, once
// for each set of sites that read them alike, and gives every number its owner.
func (p *Policy) compile() {
	for _, s := range p.sites {
		s.owner = make(map[uint16]*zone, len(p.vlans))
		for _, n := range p.vlans {
			for _, id := range s.numbersOf(n) {
				switch s.owner[id] {
				case nil:
					s.owner[id] = n.zone
				case n.zone:
				default:
					s.owner[id] = contested
				}
			}
		}
		for _, g := range p.guarantees {
			if g.site == 0 || g.site == s.index {
				s.promises = append(s.promises, g)
			}
		}
	}
	for _, x := range p.ssids {
		named := map[int]bool{}
		for _, r := range x.rules {
			named[r.site] = true
		}
		common := p.newProgram(x, 0, nil)
		for _, s := range p.sites {
			s.programs[x.name] = common
			if named[s.index] {
				s.programs[x.name] = p.newProgram(x, s.index, common)
			}
			s.programs[x.name].sites = append(s.programs[x.name].sites, s)
		}
	}
}

// newProgram sorts the rules that hold at a site; site 0 is any that no rule names.
// Realms whose rules are the same share one list, and so do they with the common
// program where the site's own rules are for others: the proof knows them by it.
func (p *Policy) newProgram(x *ssid, site int, common *program) *program {
	g := &program{ssid: x, own: make([][]*rule, len(p.realmAt)), foreign: make([][]*rule, len(p.realmAt)), reached: make([]bool, len(x.rules)+1)}
	var here, special []*rule
	named := make([]bool, len(p.realmAt))
	for _, r := range x.rules {
		if r.site == 0 || r.site == site {
			here = append(here, r)
			named[r.realm] = true
		}
		if r.site != 0 && r.site == site {
			special = append(special, r)
		}
	}
	list := func(own bool, realm int) []*rule {
		s := &subject{own: own, realm: realm}
		switch {
		case common != nil && !slices.ContainsFunc(special, func(r *rule) bool { return r.mayFit(s) }):
			return common.rules(own, realm)
		case realm != 0 && !named[realm]:
			return g.rules(own, 0)
		}
		return fitting(here, s)
	}
	p.compileDevices(g, here)
	for i, realm := range p.realmAt {
		if i == 0 || realm.own { // index 0: below one of ours, or a visitor's
			g.own[i] = list(true, i)
		}
		if !realm.own {
			g.foreign[i] = list(false, i)
		}
	}
	return g
}

// fitting returns the rules that may fit somebody of the subject's realm.
func fitting(rules []*rule, s *subject) []*rule {
	var list []*rule
	for _, r := range rules {
		if r.mayFit(s) {
			list = append(list, r)
		}
	}
	return list
}

func (r *rule) mayFit(s *subject) bool {
	v := r.fits(s)
	return v != otherKind && v != otherSide && v != otherRealm && v != otherList
}
