package vlan

import "strings"

// credentials are what the proof supposes of a device and of a certificate.
type credentials struct {
	device   device
	issuer   int
	policies []int
	hidden   bool // the certificate cannot be seen
}

// supposed are all credentials that decide for one kind of people.
type supposed struct {
	list                  []credentials
	devices, certificates int // how many of each are combined
}

// unasked is all that has to be supposed where nobody asks.
var unasked = supposed{[]credentials{{}}, 1, 1}

// suppositions are every device and every certificate that rules for this class, or
// guarantees, can tell apart: a device that proved itself, that did not, and of which
// it is not known; the authorities that are named and any other, or none; the
// policies that are named, by the argument of groupSets; and a certificate of which
// nothing is known. What nobody asks for is supposed once.
func (p *Policy) suppositions(c class, rules []*rule) supposed {
	if !c.subject.own || !p.asksDevice && len(p.issuers) == 0 && len(p.policies) == 0 {
		return unasked
	}
	var asksDevice bool
	var issuers, named, promised []int
	for _, r := range rules {
		asksDevice = asksDevice || r.device != deviceHidden
		issuers = appendNew(issuers, r.issuer)
		named = appendNew(named, r.policy)
	}
	for _, g := range p.guarantees {
		asksDevice = asksDevice || g.device != deviceHidden
		issuers = appendNew(issuers, g.issuer)
		promised = appendNew(promised, g.policy)
	}
	var shown []credentials
	for _, set := range pairs(named, promised) {
		for _, issuer := range append([]int{0}, issuers...) {
			if issuer == 0 && len(set) > 0 && p.otherAuthority == "" {
				continue // every authority that there is has a number
			}
			shown = append(shown, credentials{issuer: issuer, policies: set})
		}
	}
	if len(shown) > 1 {
		shown = append(shown, credentials{hidden: true})
	}
	states := []device{deviceHidden}
	if asksDevice {
		states = []device{deviceUnverified, deviceVerified, deviceHidden}
	}
	all := supposed{devices: len(states), certificates: len(shown)}
	for _, d := range states {
		for _, s := range shown {
			s.device = d
			all.list = append(all.list, s)
		}
	}
	return all
}

// suppose makes a person of no group have them.
func (p *Policy) suppose(s *subject, c *credentials) {
	s.device, s.issuer, s.certificateUnknown, s.marks = c.device, c.issuer, c.hidden, set{}
	for _, i := range c.policies {
		s.marks.add(i, len(p.markAt))
	}
}

// credentialsOf says for a counterexample what was supposed of the device and of the
// certificate, where somebody asks.
func (p *Policy) credentialsOf(s *subject) string {
	return credentialWords(deviceNames[s.device], p.issuerAt[s.issuer], strings.Join(p.policiesOf(s), " and "))
}

// policiesOf are the certificate policies that a person has.
func (p *Policy) policiesOf(s *subject) (policies []string) {
	for i, oid := range p.markAt {
		if s.marks.has(i) && p.policies[oid] == i {
			policies = append(policies, oid)
		}
	}
	return policies
}
