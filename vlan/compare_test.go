package vlan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// What an admin changes, and what is said of it.
func TestCompare(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string // all of it
	}{
		"nothing": {func(*Config) {}, ""},
		"a reason alone is no move": {func(cfg *Config) { cfg.SSIDs[0].Rules[1].Who = "own" }, `
Let in, and refused before:
  anyone@below.northbridge.nhs.uk (one of ours), on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      refused (no-rule)  ->  vlan staff-byod (140), zone visitor
`},
		"another zone": {func(cfg *Config) { cfg.SSIDs[1].Rules[0].VLAN = "visitor" }, `
To another zone:
  anyone@camford.ac.uk (a visitor), on SSID "eduroam" at Royal Infirmary:
      vlan academic (1310), zone academic  ->  vlan visitor (320), zone visitor
  anyone@camford.ac.uk (a visitor), on SSID "eduroam" at HMP Eastmoor health centre:
      vlan academic (310), zone academic  ->  vlan visitor (320), zone visitor
`},
		"without the method": {func(cfg *Config) { cfg.SSIDs[0].Rules[0].EAP = "" }, `
Into a trusted zone:
  anyone@northbridge.nhs.uk (one of ours) in group "Wifi-Clinical" by any other method (and 1 other combination of what they show), on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan staff-byod (140), zone visitor  ->  vlan clinical (110), zone clinical, which is trusted
  anyone@northbridge.nhs.uk (one of ours) in group "Wifi-Clinical" by a method that is not known (and 1 other combination of what they show), on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      refused (method-unknown)  ->  vlan clinical (110), zone clinical, which is trusted
Refused, and let in before:
  anyone@northbridge.nhs.uk (one of ours) while the directory cannot tell all groups by any other method, on SSID "NHS-Staff" at Royal Infirmary and HMP Eastmoor health centre:
      vlan staff-byod (140), zone visitor  ->  refused (groups-unknown)
`},
		"a number at one site": {func(cfg *Config) { cfg.Sites[0].VLAN["academic"] = 1311 }, `
To another VLAN or number of the same zone:
  anyone@camford.ac.uk (a visitor), on SSID "eduroam" at Royal Infirmary:
      vlan academic (1310), zone academic  ->  vlan academic (1311), zone academic
`},
		"what comes beside the number": {func(cfg *Config) {
			cfg.VLANs[2].Down, cfg.Guarantees = "20M", nil
			cfg.Sites[1].Controllers[0].WithoutVLAN = "reject"
		}, `
What else differs:
  no longer guaranteed: visitor never reaches zone clinical
  controller eastmoor-ap at HMP Eastmoor health centre, when it hears no VLAN, rejects, and no longer puts people on vlan visitor in zone visitor
  vlan academic: bit/s down 20000000, and no longer 50000000, at Royal Infirmary and HMP Eastmoor health centre
`},
		"sites": {func(cfg *Config) { cfg.Sites[1].Name = "St Agnes" }, `
What else differs:
  site HMP Eastmoor health centre goes: whoever is there is refused
  site St Agnes is new: radiusd check shows who lands there
`},
		"an SSID goes": {func(cfg *Config) { cfg.SSIDs = cfg.SSIDs[:2] }, `
Refused, and let in before:
  anyone@northbridge.nhs.uk (one of ours), on SSID "govroam" at Royal Infirmary and HMP Eastmoor health centre:
      vlan staff-byod (140), zone visitor  ->  refused (ssid-unknown)
  anyone@camford.ac.uk (a visitor) and anyone@other.example (a visitor), on SSID "govroam" at Royal Infirmary and HMP Eastmoor health centre:
      vlan visitor (320), zone visitor  ->  refused (ssid-unknown)
`},
		"a realm changes sides": {func(cfg *Config) {
			cfg.Partners, cfg.Own = nil, append(cfg.Own, "camford.ac.uk")
		}, `
Refused, and let in before:
  anyone@below.camford.ac.uk (a visitor before, ours now), on SSID "eduroam" at Royal Infirmary and HMP Eastmoor health centre:
      vlan visitor (320), zone visitor  ->  refused (no-rule)
  anyone@camford.ac.uk (a visitor before, ours now) and anyone@below.camford.ac.uk (a visitor before, ours now), on SSID "govroam" at Royal Infirmary and HMP Eastmoor health centre:
      vlan visitor (320), zone visitor  ->  refused (no-rule)
`},
		"elsewhere": {func(cfg *Config) {
			cfg.Roaming = []RoamingRule{{Who: "own", Operator: "*.nhs.uk", Access: "allow"}}
		}, `
Refused, and let in before:
  anyone@northbridge.nhs.uk (one of ours) and anyone@below.northbridge.nhs.uk (one of ours), at other organisations that name no Operator-Name:
      let in  ->  refused (operator-unknown)
  anyone@northbridge.nhs.uk (one of ours) and anyone@below.northbridge.nhs.uk (one of ours), elsewhere, at other.example:
      let in  ->  refused (roaming-refused)
`},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := trust()
			c.change(&cfg)
			got, err := mustNew(t, trust()).Compare(mustNew(t, cfg))
			if err != nil {
				t.Fatal(err)
			}
			if text := got.String(); text != strings.TrimPrefix(c.want, "\n") || got.Same() != (c.want == "") {
				t.Errorf("got:\n%s", text)
			}
		})
	}
}

// Of random pairs of policies: every move that is told is one, by what Assign says, and
// nobody moves untold.
func TestCompareAgreesWithAssign(t *testing.T) {
	pairs := 150
	switch {
	case *prove:
		pairs = 4_000
	case testing.Short():
		pairs = 60
	}
	moved, untold := 0, 0
	for seed := range pairs {
		d := dice{rand.New(rand.NewPCG(uint64(seed), 7))}
		cfg := d.inForce()
		before, err := New(cfg)
		if err != nil {
			continue
		}
		for range 8 {
			edited, elsewhere := d.edited(cfg)
			after, err := New(edited)
			if err != nil {
				continue
			}
			c, err := before.Compare(after)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range c.Moves {
				f, g := m.Facts, m.Facts
				f.Own, g.Own = before.isOurs(f.Realm), after.isOurs(f.Realm)
				if pooled := len(m.From.IDs)+len(m.To.IDs) > 2; !pooled && same(before, after, f, g) { // of a pool, some stay
					t.Fatalf("seed %d: told and not so: %v", seed, m)
				}
				moved++
			}
			for range 60 {
				f := d.facts()
				f.NotIn, f.Account = nil, f.User
				f.ByEdge, f.Controller = false, ""
				g := f
				f.Own, g.Own = before.isOurs(f.Realm), after.isOurs(f.Realm)
				if same(before, after, f, g) {
					continue
				}
				untold++
				if len(c.Moves) == 0 && (!elsewhere || c.Same()) || !elsewhere && !told(c, before, after, f, g) {
					t.Fatalf("seed %d: %+v moves, and nobody is told:\n%v\n%v\n%s", seed, f, before.Explain(f), after.Explain(g), c)
				}
			}
		}
	}
	if moved < 100 || untold < 100 {
		t.Errorf("%d moves told, %d seen: the dice show too little", moved, untold)
	}
}

// told tells whether a comparison has the move of one person: their kind, from where they
// landed to where they land.
func told(c *Comparison, before, after *Policy, f, g Facts) bool {
	from, to := landedBy(before, f), landedBy(after, g)
	return slices.ContainsFunc(c.Moves, func(m Move) bool {
		if f.Elsewhere {
			if m.SSID != "" || !alike(m.Operator, strings.ToLower(f.Operator), before, after) {
				return false
			}
		} else if m.SSID != f.SSID || !slices.Contains(m.Sites, f.Site) {
			return false
		}
		return m.From.same(from) && m.To.same(to) && slices.Contains(m.Who, titleOf(before, after, f))
	})
}

// alike tells whether no rule of [[roaming]] can tell two organisations apart.
func alike(one, other string, policies ...*Policy) bool {
	for _, p := range policies {
		for _, r := range p.roaming {
			if r.operator != "" && operatorFits(r.operator, one) != operatorFits(r.operator, other) {
				return false
			}
		}
	}
	return (one == "") == (other == "")
}

func landedBy(p *Policy, f Facts) Landed {
	a, err := p.Assign(f)
	switch {
	case err != nil:
		return Landed{Reason: "?"}
	case a.state == noPlacement:
		return Landed{Elsewhere: true}
	}
	return a.site.lands(a.network)
}

// titleOf is what a comparison calls the kind that somebody is of.
func titleOf(before, after *Policy, f Facts) string {
	switch {
	case f.List != "" && f.Lands != "":
		return "a device of list " + f.List + ", whose line names vlan " + f.Lands
	case f.List != "":
		return "a device of list " + f.List
	}
	realm, side := strings.ToLower(f.Realm), "a visitor"
	known := before.realms[realm] != 0 || after.realms[realm] != 0
	switch ours := before.isOurs(realm); {
	case ours != after.isOurs(realm):
		panic("a realm changes sides")
	case ours && !known:
		realm, side = "below.a.uk", "one of ours"
	case ours:
		side = "one of ours"
	case !known:
		realm = "other.example"
	}
	user := "anyone"
	for _, p := range []*Policy{before, after} {
		if known && p.userOf(f.User, realm) != 0 {
			user = strings.ToLower(f.User)
		}
		for _, u := range p.userAt[1:] {
			if f.User == "" && strings.HasSuffix(strings.ToLower(u.name), "@"+realm) && side == "one of ours" {
				user = "a name that is hidden "
			}
		}
	}
	return fmt.Sprintf("%s@%s (%s)", user, realm, side)
}

// same tells whether two policies do the same with somebody, but for the reason.
func same(before, after *Policy, f, g Facts) bool {
	a, errA := before.Assign(f)
	b, errB := after.Assign(g)
	return (errA == nil) == (errB == nil) && a.VLAN() == b.VLAN() && a.Zone() == b.Zone() && a.Trusted() == b.Trusted() && a.Name() == b.Name()
}

// edited changes one thing of a configuration, or all, sites and agreements as well.
func (d dice) edited(cfg Config) (next Config, sites bool) {
	other := d.inForce()
	next = cfg
	switch d.IntN(5) {
	case 0:
		next.SSIDs = other.SSIDs
	case 1:
		next.VLANs = other.VLANs
	case 2:
		next.Roaming = other.Roaming
	case 3:
		next.SSIDs = slices.Clone(cfg.SSIDs)
		i := d.IntN(len(next.SSIDs))
		if rules := slices.Clone(next.SSIDs[i].Rules); len(rules) > 1 {
			d.Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
			next.SSIDs[i].Rules = rules
		}
	default:
		return other, true
	}
	return next, false
}

func TestCompareAtSize(t *testing.T) {
	cfg := region(500, 200, 2000, 50)
	before := mustNew(t, cfg)
	cfg = region(500, 200, 2000, 50)
	cfg.SSIDs[0].Rules[40].Group = "Group 9999"
	cfg.Sites[3].VLAN[cfg.VLANs[0].Name] = 4000
	c, err := before.Compare(mustNew(t, cfg))
	if err != nil || c.Same() {
		t.Fatal(err)
	}
	if text := c.String(); len(text) > 1<<16 || strings.Contains(text, fmt.Sprint(cfg.Sites[3:400])) {
		t.Errorf("%d octets", len(text))
	}
}
