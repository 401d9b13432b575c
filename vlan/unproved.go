package vlan

// An Unproved is a Config whose names resolve, and whose proof may have failed: a
// counterexample is looked at with it. Nothing is served by one, and no Assignment
// comes out of it.
type Unproved struct{ policy *Policy }

// Resolve reads a Config without its proof; nil when a name in it does not resolve.
func Resolve(cfg Config) *Unproved {
	r := read(cfg)
	if len(r.problems) > 0 || r.rulesIncomplete {
		return nil
	}
	return &Unproved{r.policy}
}

// Explain is [Policy.Explain]. A step that gives a VLAN may be followed by a refusal:
// the checks behind the proof hold where the proof does not.
func (u *Unproved) Explain(f Facts) []Step { return u.policy.Explain(f) }

// Lands is where a log-in would be put: a VLAN, by a rule.
type Lands struct {
	VLAN, Zone, Rule string
	ID               uint16
}

// Land says where the facts would lead. Its error is as of [Policy.Assign].
func (u *Unproved) Land(f Facts) (Lands, error) {
	a, err := u.policy.Assign(f)
	return Lands{a.Name(), a.Zone(), a.Rule(), a.VLAN()}, err
}

// An Example is the log-in of a counterexample, and the VLAN that a rule gives it.
type Example struct {
	Facts Facts
	VLAN  string
}

// example writes a counterexample as the facts of one log-in. Whoever shows no certificate
// comes before those whose certificate cannot be seen, and reaches as much.
func (p *Policy) example(k *kind, s *subject, groups []string, n *network) *Example {
	f := Facts{Site: k.site.name, SSID: k.ssid.name, Own: s.own, Realm: k.class.realm, User: k.class.user, Groups: groups, Method: methodNames[s.method], Device: deviceNames[s.device]}
	if s.list != 0 {
		f.List, f.Method = p.rosters[s.list-1].name, ""
		if s.lands > 0 {
			f.Lands = p.vlans[s.lands-1].name
		}
		return &Example{f, n.name}
	}
	if !s.own {
		f.CertificateUnknown = true // nobody's but ours is seen
		return &Example{f, n.name}
	}
	f.Issuer, f.Policies = p.issuerAt[s.issuer], p.policiesOf(s)
	if f.Issuer == "" && len(f.Policies) > 0 {
		f.Issuer = p.otherAuthority
	}
	return &Example{f, n.name}
}
