package vlan

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
		delete(s.owner, 0) // no number
	}
	for _, x := range p.ssids {
		named := map[int]bool{}
		for _, r := range x.rules {
			named[r.site] = true
		}
		var common *program
		for _, s := range p.sites {
			if named[s.index] {
				s.programs[x.name] = p.newProgram(x, s.index)
			} else {
				if common == nil {
					common = p.newProgram(x, 0)
				}
				s.programs[x.name] = common
			}
			s.programs[x.name].sites = append(s.programs[x.name].sites, s)
		}
	}
}

// newProgram sorts the rules that hold at a site; site 0 is any that no rule names.
func (p *Policy) newProgram(x *ssid, site int) *program {
	g := &program{ssid: x, own: make([][]*rule, len(p.realmAt)), foreign: make([][]*rule, len(p.realmAt)), reached: map[*rule]bool{}}
	for i, realm := range p.realmAt {
		for _, r := range x.rules {
			if r.site != 0 && r.site != site {
				continue
			}
			if i == 0 || realm.own { // index 0: below one of ours, or a visitor's
				g.own[i] = appendIf(g.own[i], r, &subject{own: true, realm: i})
			}
			if i == 0 || !realm.own {
				g.foreign[i] = appendIf(g.foreign[i], r, &subject{realm: i})
			}
		}
	}
	return g
}

// appendIf appends a rule that may fit somebody of the subject's realm.
func appendIf(list []*rule, r *rule, s *subject) []*rule {
	if v := r.fits(s); v == otherSide || v == otherRealm {
		return list
	}
	return append(list, r)
}
