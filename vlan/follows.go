package vlan

import "fmt"

// Live is how many sessions are on one VLAN number at one site.
type Live struct {
	Site     string
	VLAN     uint16
	Zone     string // as their Assignment said; empty asks the old policy
	Trusted  bool   // as their Assignment said, with Zone
	Sessions int
}

// Follows refuses to take over from an old policy when a VLAN number would change
// its zone, or its zone become trusted, under people who are on it. The error is
// of type Problems. A number that is no longer anybody's does not move them.
func (p *Policy) Follows(old *Policy, live ...Live) error {
	var problems Problems
	for _, l := range live {
		s := p.siteOf[l.Site]
		if s == nil || l.Sessions < 1 {
			continue
		}
		to := s.owner[l.VLAN]
		if to == nil {
			continue
		}
		from, trusted := l.Zone, l.Trusted
		if from == "" && old != nil {
			from, trusted, _ = old.Rezone(l.Site, l.VLAN)
		}
		switch {
		case from == "": // nobody's until now
		case from != to.name:
			problems = append(problems, Problem{
				Key:  p.keyOf(s, l.VLAN),
				Text: fmt.Sprintf("vlan %d at %s moves from zone %s to zone %s with %s on it", l.VLAN, l.Site, from, to.name, sessions(l.Sessions)),
				Fix:  "give zone " + to.name + " another number, or end those sessions first",
			})
		case to.trusted && !trusted:
			problems = append(problems, Problem{
				Key:  path("zone", to.name, "trusted"),
				Text: fmt.Sprintf("zone %s becomes trusted with %s on vlan %d at %s", to.name, sessions(l.Sessions), l.VLAN, l.Site),
				Fix:  "end those sessions first: some may be visitors",
			})
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// Rezone says to which zone a VLAN number belongs at a site now, and whether that is
// trusted: of somebody who was on it when it was moved. ok is false when it is nobody's.
func (p *Policy) Rezone(site string, id uint16) (zone string, trusted, ok bool) {
	name, ok := p.Zone(site, id)
	if !ok {
		return "", false, false
	}
	return name, p.siteOf[site].owner[id].trusted, true
}

func sessions(n int) string {
	if n == 1 {
		return "1 session"
	}
	return fmt.Sprintf("%d sessions", n)
}

// keyOf is the path of the value that gives a number to a site.
func (p *Policy) keyOf(s *site, id uint16) string {
	for _, n := range p.vlans {
		if s.gives(n, id) {
			return p.numberKey(s, n)
		}
	}
	return ""
}

func (p *Policy) numberKey(s *site, n *network) string {
	key := path("vlan", n.name)
	if !n.everywhere(s) {
		key = path("site", s.position, "vlan", n.name)
	} else if len(s.terms[n.index].pool) == 0 {
		return path("vlan", n.name, "id")
	}
	if len(s.terms[n.index].pool) > 0 {
		key += ".pool"
	}
	return key
}
