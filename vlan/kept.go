package vlan

import "fmt"

// What the proof has shown of a whole file is held against each decision once more, and
// what Follows has shown of sessions against each Accept that is on its way: so neither is
// the only thing between a mistake in it and the wrong network.

// kept holds a decision against every guarantee, and those of whom not all is known
// against what they may be. In a proved policy nobody meets one, and whoever is known less
// of neither: who comes to a rule without being seen comes to it seen as well.
func (a *Assignment) kept(s *subject, ssid string) error {
	for _, g := range a.site.promises {
		if g.forbids(a.network) && g.mayCover(s, ssid) {
			return fmt.Errorf("guarantee %d says: %s; and %s gives vlan %s: %w", g.number, g.text, a.rule.label, a.network.name, ErrZoneGuard)
		}
	}
	return nil
}

// mayCover tells whether the guarantee speaks of a person, or would if more of them were
// known.
func (g *guarantee) mayCover(s *subject, ssid string) bool {
	fit := g.fits(s)
	return (g.ssid == "" || g.ssid == ssid) &&
		(g.site == 0 || g.site == s.site) &&
		(fit == matches || fit == userHidden) &&
		(g.method == methodHidden || g.method == s.method || s.method == methodHidden) &&
		(g.group == 0 || s.marks.has(g.group) || s.groupsUnknown && !s.notIn.has(g.group)) &&
		(g.coversDevice(s.device) || s.own && s.device == deviceHidden) &&
		(g.issuer == 0 || g.issuer == s.issuer || s.certificateUnknown) &&
		(g.policy == 0 || s.marks.has(g.policy) || s.certificateUnknown)
}

// Holds tells whether an Assignment of an older policy means the same under this one: its
// number, where it is somebody's at the site, is of the zone that it was of, and that is
// trusted only if it was.
func (p *Policy) Holds(a Assignment) bool {
	if a.state != placed {
		return a.state == noPlacement
	}
	s := p.siteOf[a.site.name]
	if s == nil {
		return true // nobody lands there any more
	}
	z := s.owner[a.id]
	return z == nil || z.name == a.network.zone.name && (!z.trusted || a.network.zone.trusted)
}
