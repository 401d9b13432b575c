package vlan

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var prove = flag.Bool("prove", false, "judge ten million random cases instead of two hundred thousand")

// An opinion is what the second interpreter thinks of one case.
type opinion struct {
	vlan   string
	id     uint16
	reason Reason
}

// interpret is the second interpreter: the prose of docs/architecture.md and of the package, and nothing else,
// read rule by rule from the file, with none of the code that it judges.
func interpret(cfg Config, f Facts) opinion {
	no := func(r Reason) opinion { return opinion{reason: r} }
	if f.List != "" {
		return interpretDevice(cfg, f)
	}
	realm := strings.ToLower(f.Realm)
	if realm == "" || !strings.Contains(realm, ".") || strings.Contains(f.User, "@") {
		return no(ErrRealmMalformed)
	}
	if ours(cfg, realm) != f.Own {
		return no(ErrRealmMisplaced)
	}
	if f.ByEdge {
		if !f.Own {
			return no(ErrProxyLoop)
		}
		return opinion{}
	}
	if f.Elsewhere {
		if !f.Own {
			return no(ErrProxyLoop)
		}
		return interpretElsewhere(cfg, f)
	}
	return interpretHere(cfg, f)
}

// interpretDevice is what devices.go says of what is known by its MAC alone.
func interpretDevice(cfg Config, f Facts) opinion {
	switch {
	case !slices.Contains(cfg.Devices, f.List):
		return opinion{reason: ErrMACUnknown}
	case f.Own || f.User != "" || f.Realm != "" || f.Elsewhere || f.ByEdge:
		return opinion{reason: ErrRealmMisplaced}
	}
	return interpretHere(cfg, f)
}

// interpretHere is about one who asks at a site of ours.
func interpretHere(cfg Config, f Facts) opinion {
	no := func(r Reason) opinion { return opinion{reason: r} }
	site := slices.IndexFunc(cfg.Sites, func(s Site) bool { return s.Name == f.Site })
	if site < 0 {
		return no(ErrSiteUnknown)
	}
	if !slices.ContainsFunc(servedBy(cfg, site), func(c Controller) bool { return f.Controller == "" || c.Name == f.Controller }) {
		return no(ErrControllerUnknown)
	}
	if a := cfg.Sites[site].Agreement; a != nil {
		on := f.Time
		if on.IsZero() {
			on = cfg.Now()
		}
		today := on.Format(time.DateOnly)
		if today > a.Until.Format(time.DateOnly) || !a.From.IsZero() && today < a.From.Format(time.DateOnly) {
			return no(ErrAgreementExpired)
		}
	}
	if f.SSID == "" {
		return no(ErrSSIDMissing)
	}
	ssid := slices.IndexFunc(cfg.SSIDs, func(s SSID) bool { return s.Name == f.SSID })
	if ssid < 0 {
		return no(ErrSSIDUnknown)
	}
	for _, r := range cfg.SSIDs[ssid].Rules {
		if f.List != "" {
			r.VLAN = deviceLanding(cfg.SSIDs[ssid], r, f)
		}
		undecided, fits := holds(r, "", f)
		if f.List != "" {
			undecided, fits = "", r.VLAN != "" && (r.Site == "" || r.Site == f.Site)
		}
		if !fits {
			continue
		}
		if undecided != "" {
			return no(undecided)
		}
		id := landingOn(numbersAt(cfg, site, r.VLAN), f.MAC)
		zones := zonesOf(cfg, site, id)
		if len(zones) != 1 || !f.Own && trusted(cfg, zones[0]) && (f.List == "" || !r.Trusted || r.Who != "devices "+f.List) {
			return no(ErrZoneGuard)
		}
		if slices.ContainsFunc(cfg.Guarantees, func(g Guarantee) bool { return maySpeakOf(cfg, g, f) && breaks(cfg, g, r.VLAN) }) {
			return no(ErrZoneGuard)
		}
		return opinion{vlan: r.VLAN, id: id}
	}
	return no(ErrNoRule)
}

// deviceLanding is the VLAN that a rule has for a device; empty for none.
func deviceLanding(s SSID, r Rule, f Facts) string {
	may := append([]string{r.VLAN}, r.OneOf...)
	switch {
	case r.Who != "devices" && r.Who != "devices "+f.List, !slices.Contains(s.MAC, f.List):
		return ""
	case f.Lands == "":
		return r.VLAN // none where there are several
	case slices.Contains(may, f.Lands):
		return f.Lands
	}
	return ""
}

// holds tells whether a rule's conditions hold; a reason tells that it cannot be said.
func holds(r Rule, operator string, f Facts) (undecided Reason, fits bool) {
	realm := strings.ToLower(f.Realm)
	// Whom does the rule mean?
	user, domain, named := strings.Cut(r.Who, "@")
	switch {
	case strings.HasPrefix(r.Who, "devices"):
		return "", false
	case r.Who == "own":
		if !f.Own {
			return "", false
		}
	case r.Who == "visitor":
		if f.Own {
			return "", false
		}
	case named:
		if strings.ToLower(domain) != realm {
			return "", false
		}
		if user != "" && f.Own && strings.EqualFold(user, f.Account) {
			break // the directory's own name for them
		}
		if user != "" && f.User == "" && f.Own {
			undecided = ErrUserUnknown
		} else if user != "" && !strings.EqualFold(user, f.User) {
			return "", false
		}
	}
	if r.Site != "" && r.Site != f.Site {
		return "", false
	}
	if r.EAP != "" {
		if f.Method != "" && f.Method != r.EAP {
			return "", false
		}
		if f.Method == "" {
			undecided = ErrMethodUnknown
		}
	}
	// Is it the organisation that the rule is for?
	if operator != "" {
		below, all := strings.CutPrefix(strings.ToLower(operator), "*.")
		there := strings.ToLower(f.Operator)
		switch {
		case there == "":
			undecided = ErrOperatorUnknown
		case all && !strings.HasSuffix(there, "."+below), !all && there != below:
			return "", false
		}
	}
	// Did the device prove itself, as the rule would have it?
	if r.Device == "verified" && f.Device == "unverified" || r.Device == "unverified" && f.Device == "verified" {
		return "", false
	}
	if r.Device != "" && f.Device == "" {
		undecided = ErrDeviceUnknown
	}
	// Was a certificate shown, and the one that the rule asks for?
	if r.Issuer != "" || r.Policy != "" {
		if f.CertificateUnknown {
			undecided = ErrCertificateUnknown
		} else if f.Issuer == "" || r.Issuer != "" && f.Issuer != r.Issuer || r.Policy != "" && !slices.Contains(f.Policies, r.Policy) {
			return "", false
		}
	}
	if r.Group != "" && !slices.ContainsFunc(f.Groups, func(g string) bool { return strings.EqualFold(g, r.Group) }) {
		if !f.GroupsUnknown || slices.ContainsFunc(f.NotIn, func(g string) bool { return strings.EqualFold(g, r.Group) }) {
			return "", false
		}
		undecided = ErrGroupsUnknown
	}
	return undecided, true
}

// interpretElsewhere is what the prose of roaming.go says of our own people elsewhere.
func interpretElsewhere(cfg Config, f Facts) opinion {
	for _, r := range cfg.Roaming {
		undecided, fits := holds(Rule{Who: r.Who, Group: r.Group, EAP: r.EAP, Device: r.Device, Issuer: r.Issuer, Policy: r.Policy}, r.Operator, f)
		switch {
		case !fits:
			continue
		case undecided != "":
			return opinion{reason: undecided}
		case r.Access == "refuse":
			return opinion{reason: ErrRoamingRefused}
		}
		return opinion{}
	}
	if len(cfg.Roaming) > 0 {
		return opinion{reason: ErrRoamingRefused}
	}
	return opinion{}
}

// servedBy lists the controllers of a site and those elsewhere that it is behind.
func servedBy(cfg Config, site int) (all []Controller) {
	for i, s := range cfg.Sites {
		for _, c := range s.Controllers {
			if i == site || slices.Contains(cfg.Sites[site].Behind, c.Name) {
				all = append(all, c)
			}
		}
	}
	return all
}

func ours(cfg Config, realm string) bool {
	if slices.Contains(cfg.Own, realm) {
		return true
	}
	if slices.Contains(cfg.Partners, realm) {
		return false
	}
	return slices.ContainsFunc(cfg.Own, func(o string) bool { return strings.HasSuffix(realm, "."+o) })
}

func vlanOf(cfg Config, name string) VLAN {
	return cfg.VLANs[slices.IndexFunc(cfg.VLANs, func(v VLAN) bool { return v.Name == name })]
}

// numbersAt are the numbers of a VLAN at a site: one, or those of its pool.
func numbersAt(cfg Config, site int, name string) []uint16 {
	if id, ok := cfg.Sites[site].VLAN[name]; ok {
		return []uint16{id}
	}
	if pool := cfg.Sites[site].Local[name].Pool; len(pool) > 0 {
		return pool
	}
	if v := vlanOf(cfg, name); len(v.Pool) == 0 {
		return []uint16{v.ID}
	}
	return vlanOf(cfg, name).Pool
}

// landingOn is the number of a pool that is heaviest with the device's address, by the
// words of pool.go; the lowest for a device that has none.
func landingOn(pool []uint16, mac string) uint16 {
	address, err := strconv.ParseUint(strings.NewReplacer("-", "", ":", "", ".", "").Replace(mac), 16, 48)
	if err != nil {
		return slices.Min(pool)
	}
	return slices.MaxFunc(pool, func(a, b uint16) int {
		weight := func(id uint16) uint64 {
			x := address*65536 + uint64(id) + 0x9e3779b97f4a7c15
			x = (x ^ x/(1<<30)) * 0xbf58476d1ce4e5b9
			x = (x ^ x/(1<<27)) * 0x94d049bb133111eb
			return x ^ x/(1<<31)
		}
		return cmp.Compare(weight(a), weight(b))
	})
}

func zonesOf(cfg Config, site int, id uint16) []string {
	var zones []string
	for _, v := range cfg.VLANs {
		if slices.Contains(numbersAt(cfg, site, v.Name), id) && !slices.Contains(zones, v.Zone) {
			zones = append(zones, v.Zone)
		}
	}
	return zones
}

func trusted(cfg Config, zone string) bool {
	return slices.ContainsFunc(cfg.Zones, func(z Zone) bool { return z.Name == zone && z.Trusted })
}

// breaks tells whether people who fit the guarantee may not be on a VLAN.
func breaks(cfg Config, g Guarantee, vlan string) bool {
	in := func(p Place) bool { return p.VLAN == vlan || p.Zone == vlanOf(cfg, vlan).Zone }
	return g.Never != (Place{}) && in(g.Never) || g.Only != (Place{}) && !in(g.Only)
}

// spokenOf tells whether a guarantee is for somebody, by all that is known of them.
func spokenOf(cfg Config, g Guarantee, f Facts) bool {
	user, domain, named := strings.Cut(g.Who, "@")
	switch {
	case strings.HasPrefix(g.Who, "devices"):
		if f.List == "" || g.Who != "devices" && g.Who != "devices "+f.List {
			return false
		}
	case g.Who == "own" && !f.Own, g.Who == "visitor" && (f.Own || f.List != ""), named && f.List != "":
		return false
	case named && domain != strings.ToLower(f.Realm):
		return false
	case named && user != "" && !strings.EqualFold(user, f.User) && (!f.Own || !strings.EqualFold(user, f.Account)):
		return false
	}
	if g.Device == "verified" && (!f.Own || f.Device != "verified") || g.Device == "unverified" && f.Own && f.Device == "verified" {
		return false
	}
	if g.Issuer != "" || g.Policy != "" {
		shown := f.Own && f.Issuer != "" && !f.CertificateUnknown
		if !shown || g.Issuer != "" && g.Issuer != f.Issuer || g.Policy != "" && !slices.Contains(f.Policies, g.Policy) {
			return false
		}
	}
	if g.Federation != "" && (f.Own || f.List != "" || cfg.SSIDs[slices.IndexFunc(cfg.SSIDs, func(s SSID) bool { return s.Name == f.SSID })].Federation != g.Federation) {
		return false
	}
	return (len(g.SSIDs) == 0 || slices.Contains(g.SSIDs, f.SSID)) && speaksOf(cfg, g, f.Site) && (g.Method == "" || g.Method == f.Method) &&
		(g.Group == "" || f.Own && slices.ContainsFunc(f.Groups, func(h string) bool { return strings.EqualFold(h, g.Group) }))
}

// maySpeakOf tells whether it is for somebody by what is known of them, whatever the rest.
func maySpeakOf(cfg Config, g Guarantee, f Facts) bool {
	if f.Method == "" {
		f.Method = g.Method
	}
	if f.Own {
		if user, _, named := strings.Cut(g.Who, "@"); named && f.User == "" {
			f.User = user
		}
		if f.GroupsUnknown && !slices.ContainsFunc(f.NotIn, func(h string) bool { return strings.EqualFold(h, g.Group) }) {
			f.Groups = append(slices.Clone(f.Groups), g.Group)
		}
		if f.Device == "" {
			f.Device = g.Device
		}
		if f.CertificateUnknown {
			f.CertificateUnknown, f.Issuer, f.Policies = false, cmp.Or(g.Issuer, "other-ca"), []string{g.Policy}
		}
	}
	return spokenOf(cfg, g, f)
}

// speaksOf tells whether a site is one of a guarantee's.
func speaksOf(cfg Config, g Guarantee, site string) bool {
	if len(g.Sites) > 0 && !slices.Contains(g.Sites, site) {
		return false
	}
	return !g.UnderAgreement || cfg.Sites[slices.IndexFunc(cfg.Sites, func(s Site) bool { return s.Name == site })].Agreement != nil
}

// The small world of the random cases. Everything that a rule can tell apart is
// there at least twice, and once where no rule names it.
var (
	worldRealms  = []string{"a.uk", "b.a.uk", "below.a.uk", "p.uk", "q.uk", "n.uk", "o.uk"}
	worldOwn     = []string{"a.uk", "b.a.uk"}
	worldPartner = []string{"p.uk", "q.uk"}
	worldUsers   = []string{"", "u", "v"}
	worldMethods = []string{"", "tls", "ttls", "peap", "teap", "pap", "fast"}
	worldGroups  = []string{"G", "H", "I"}
	worldSSIDs   = []string{"x", "y"}
	worldSites   = []string{"here", "there"}
	worldVLANs   = []string{"c", "d", "e", "f"}
	worldZones   = []string{"clinical", "academic", "visitor"}
	worldDevices = []string{"", "unverified", "verified"}
	worldIssuers = []string{"", "staff-ca", "device-ca", "other-ca"} // no rule names the last
	worldPlaces  = []string{"", "a.nhs.uk", "b.nhs.uk", "c.d.nhs.uk", "nhs.uk", "x.uk", "xnhs.uk", "B.NHS.uk"}
	worldPlace   = []string{"", "", "*.nhs.uk", "*.d.nhs.uk", "a.nhs.uk", "X.uk", "*.uk"} // as rules have them
	worldLists   = []string{"pumps", "scales"}
	worldToday   = time.Date(2026, 11, 26, 13, 0, 0, 0, time.UTC)
	worldOIDs    = []string{"1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.10", "2.999.3"}
)

// worldClocks are days that begin at other times.
var worldClocks = []*time.Location{time.UTC, time.FixedZone("ahead", 5*3600), time.FixedZone("behind", -7*3600)}

type dice struct{ *rand.Rand }

func pick[T any](d dice, list []T) T { return list[d.IntN(len(list))] }

// seldom gives an item of the list once in n times, else the zero value.
func seldom[T any](d dice, n int, list []T) (none T) {
	if d.IntN(n) == 0 {
		return pick(d, list)
	}
	return none
}

func (d dice) who() string {
	switch d.IntN(6) {
	case 0:
		return "own"
	case 1:
		return "visitor"
	case 2:
		return pick(d, worldUsers[1:]) + "@" + pick(d, []string{"a.uk", "b.a.uk", "p.uk", "n.uk"})
	}
	return "@" + pick(d, []string{"a.uk", "b.a.uk", "p.uk", "q.uk", "n.uk"})
}

func (d dice) config() Config {
	cfg := Config{Now: func() time.Time { return worldToday }, Own: worldOwn, Partners: worldPartner, Authorities: worldIssuers[1:], Zones: []Zone{{worldZones[0], true}, {worldZones[1], d.IntN(8) == 0}, {worldZones[2], false}}}
	for i, name := range worldVLANs {
		cfg.VLANs = append(cfg.VLANs, VLAN{Name: name, ID: uint16(10 + i - i/3*d.IntN(2)), Zone: pick(d, worldZones)})
	}
	if d.IntN(2) == 0 {
		cfg.Devices = worldLists
	}
	for i := range cfg.VLANs { // some are pools, the numbers of a pool now and then somebody else's
		if d.IntN(5) == 0 {
			cfg.VLANs[i].ID, cfg.VLANs[i].Pool = 0, d.pool(uint16(40+10*i))
		}
	}
	// Half of the files know nothing of devices and certificates.
	device, issuer, policy := 0, 0, 0
	if d.IntN(2) == 0 {
		device, issuer, policy = d.IntN(4), d.IntN(3), d.IntN(3)
	}
	for _, name := range worldSSIDs {
		s := SSID{Name: name, Federation: seldom(d, 2, []string{"eduroam"}), MAC: d.lists(cfg)}
		for range d.IntN(6) {
			r := Rule{Who: d.who(), EAP: seldom(d, 3, worldMethods[1:6]), Site: seldom(d, 4, worldSites), VLAN: pick(d, worldVLANs)}
			own := r.Who == "own" || strings.HasSuffix(r.Who, "a.uk")
			if own {
				r.Group = seldom(d, 2, worldGroups)
				r.Device, r.Issuer, r.Policy = d.conditions(device, issuer, policy, r.EAP)
			} else if d.IntN(8) > 0 { // mostly lawful, so that many a policy is accepted
				for n := 0; trusted(cfg, vlanOf(cfg, r.VLAN).Zone) && n < 20; n++ {
					r.VLAN = pick(d, worldVLANs)
				}
			}
			if len(s.MAC) > 0 && d.IntN(2) == 0 {
				r = d.deviceRule(cfg, s)
			}
			s.Rules = append(s.Rules, r)
		}
		cfg.SSIDs = append(cfg.SSIDs, s)
	}
	for range d.IntN(5) {
		r := RoamingRule{Who: pick(d, []string{"own", "own", "@a.uk", "@b.a.uk", "u@a.uk"}), EAP: seldom(d, 4, worldMethods[1:6]), Group: seldom(d, 3, worldGroups),
			Operator: pick(d, worldPlace), Access: pick(d, []string{"allow", "refuse"})}
		r.Device, r.Issuer, r.Policy = d.conditions(device, issuer, policy, r.EAP)
		cfg.Roaming = append(cfg.Roaming, r)
	}
	for i, name := range worldSites {
		s := Site{Name: name, Controllers: []Controller{{Name: name, WithoutVLAN: "reject"}}}
		if d.IntN(6) == 0 {
			s.Controllers[0].WithoutVLAN = pick(d, worldVLANs)
		}
		if d.IntN(3) == 0 {
			s.Behind = []string{worldSites[1-i]}
		}
		if d.IntN(3) == 0 {
			s.VLAN = map[string]uint16{pick(d, worldVLANs): uint16(10 + d.IntN(20) + i)}
		}
		if name := pick(d, worldVLANs); d.IntN(6) == 0 && s.VLAN[name] == 0 {
			s.Local = map[string]Local{name: {Pool: d.pool(uint16(100 + i))}}
		}
		if d.IntN(3) == 0 { // one day ends today, and one begins
			s.Agreement = &Agreement{Until: worldToday.AddDate(0, 0, d.IntN(5)-1)}
			if d.IntN(2) == 0 {
				s.Agreement.From = s.Agreement.Until.AddDate(0, 0, -d.IntN(4))
			}
		}
		if i == 1 && s.Behind != nil && cfg.Sites[0].Behind == nil && d.IntN(2) == 0 {
			s.Controllers = nil // all its access points are the other's
		}
		cfg.Sites = append(cfg.Sites, s)
	}
	for range d.IntN(3) {
		g := Guarantee{Group: seldom(d, 3, []string{"g", "h", "J"}), Method: seldom(d, 4, worldMethods[1:6]), SSIDs: d.some(worldSSIDs), Sites: d.some(worldSites), UnderAgreement: d.IntN(6) == 0}
		if d.IntN(4) > 0 {
			g.Who = d.who()
		}
		if len(cfg.Devices) > 0 && d.IntN(4) == 0 {
			g = Guarantee{Who: pick(d, []string{"devices", "devices pumps", "devices scales", "anyone"}), SSIDs: g.SSIDs, Sites: g.Sites}
		}
		carried := slices.ContainsFunc(cfg.SSIDs, func(s SSID) bool {
			return s.Federation == "eduroam" && (len(g.SSIDs) == 0 || slices.Contains(g.SSIDs, s.Name))
		})
		if carried && (g.Who == "" || g.Who == "visitor") && d.IntN(2) == 0 {
			g.Federation = "eduroam"
		}
		if g.Federation == "" && (g.Who == "" || g.Who == "own" || strings.HasSuffix(g.Who, "a.uk")) {
			g.Device, g.Issuer, g.Policy = d.conditions(device, issuer, policy, g.Method)
		}
		place := &g.Never
		if d.IntN(4) == 0 {
			place = &g.Only
		}
		if d.IntN(2) == 0 {
			place.Zone = pick(d, worldZones)
		} else {
			place.VLAN = pick(d, worldVLANs)
		}
		cfg.Guarantees = append(cfg.Guarantees, g)
	}
	return cfg
}

// some is all of a list, which is written as none, or one or two of it.
func (d dice) some(list []string) []string {
	switch d.IntN(6) {
	case 0:
		return []string{pick(d, list)}
	case 1:
		return list[:2]
	}
	return nil
}

// lists are those whose devices an SSID lets in.
func (d dice) lists(cfg Config) (taken []string) {
	for _, l := range cfg.Devices {
		if d.IntN(2) == 0 {
			taken = append(taken, l)
		}
	}
	return taken
}

// deviceRule is a rule for devices, mostly lawful.
func (d dice) deviceRule(cfg Config, s SSID) Rule {
	r := Rule{Who: pick(d, []string{"devices", "devices " + pick(d, s.MAC)}), Site: seldom(d, 4, worldSites), VLAN: pick(d, worldVLANs)}
	if d.IntN(2) == 0 {
		r.VLAN, r.OneOf = "", slices.Clone(worldVLANs[:2+d.IntN(3)])
	}
	r.Trusted = r.Who != "devices" && d.IntN(2) == 0
	return r
}

// device is one of a list that the rules may know.
func (d dice) device(f Facts) Facts {
	f.List, f.Lands = pick(d, append(worldLists, "nobody")), seldom(d, 2, append(worldVLANs, "g"))
	f.User, f.Realm, f.Own, f.Elsewhere, f.ByEdge, f.Method = "", "", false, false, false, "mac"
	f.Account, f.Groups, f.NotIn, f.GroupsUnknown, f.Device, f.Issuer, f.Policies = "", nil, nil, false, "", "", nil
	switch d.IntN(24) {
	case 0:
		f.Own = true
	case 1:
		f.Realm = "a.uk"
	case 2:
		f.Elsewhere = true
	case 3:
		f.ByEdge = true
	case 4:
		f.User = "u"
	}
	return f
}

// inForce is a file in which every day is like another: its agreements hold today.
func (d dice) inForce() Config {
	cfg := d.config()
	for i := range cfg.Sites {
		if cfg.Sites[i].Agreement != nil {
			cfg.Sites[i].Agreement = &Agreement{Until: worldToday.AddDate(1, 0, 0)}
		}
	}
	return cfg
}

// pool is two to four numbers in any order.
func (d dice) pool(from uint16) []uint16 {
	pool := []uint16{from, from + 1, from + 2, from + 3}[:2+d.IntN(3)]
	if d.IntN(6) == 0 {
		pool[0] = uint16(10 + d.IntN(4))
	}
	d.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
	return pool
}

// conditions are those on the device and the certificate, each as often as its
// weight says; a plain password meets few of them.
func (d dice) conditions(device, issuer, policy int, method string) (of, by, under string) {
	if d.IntN(4) < device {
		of = pick(d, worldDevices[1:])
	}
	if d.IntN(4) < issuer {
		by = pick(d, worldIssuers[1:3])
	}
	if d.IntN(4) < policy {
		under = pick(d, worldOIDs[:2])
	}
	if method == "pap" {
		by, under = "", ""
		if of == "verified" {
			of = ""
		}
	}
	return of, by, under
}

func (d dice) facts() Facts {
	f := Facts{Site: pick(d, worldSites), SSID: pick(d, worldSSIDs), User: pick(d, worldUsers), Realm: pick(d, worldRealms), Method: pick(d, worldMethods)}
	f.Own = strings.HasSuffix(f.Realm, "a.uk") != (d.IntN(16) == 0)
	f.Elsewhere, f.ByEdge = d.IntN(8) == 0, d.IntN(16) == 0
	f.Operator = pick(d, worldPlaces)
	if d.IntN(3) == 0 {
		f.Account = pick(d, []string{"u", "V", "w"})
	}
	f.Device, f.Issuer, f.CertificateUnknown = pick(d, worldDevices), pick(d, worldIssuers), d.IntN(4) == 0
	for _, oid := range worldOIDs {
		if d.IntN(2) == 0 {
			f.Policies = append(f.Policies, oid)
		}
	}
	f.GroupsUnknown = d.IntN(3) == 0
	for _, g := range worldGroups {
		if d.IntN(3) == 0 {
			f.Groups = append(f.Groups, pick(d, []string{g, strings.ToLower(g)}))
		} else if f.GroupsUnknown && d.IntN(3) == 0 {
			f.NotIn = append(f.NotIn, pick(d, []string{g, strings.ToLower(g)}))
		}
	}
	f.MAC = pick(d, []string{"", "02-00-00-00-00-01", "02:00:00:00:00:02", "AC-DE-48-00-11-22", "nobody"})
	if d.IntN(4) == 0 {
		f = d.device(f)
	}
	if d.IntN(3) == 0 { // at any hour, where the day may be another
		f.Time = worldToday.AddDate(0, 0, d.IntN(5)-2).Add(time.Duration(d.IntN(24)) * time.Hour).In(pick(d, worldClocks))
	}
	switch d.IntN(64) {
	case 0:
		f.Site = "nowhere"
	case 1:
		f.SSID = pick(d, []string{"", "X", "z"})
	case 2:
		f.Realm = pick(d, []string{"", "uk", "A.UK", "P.uk"})
	case 3:
		f.Controller = pick(d, worldSites)
	case 4:
		f.User = pick(d, []string{"U", "u@a.uk", "V"})
	}
	return f
}

func decided(a Assignment, err error) opinion {
	var o opinion
	errors.As(err, &o.reason)
	o.vlan, o.id = a.Name(), a.VLAN()
	return o
}

func cases() int {
	switch {
	case *prove:
		return 10_000_000
	case testing.Short():
		return 20_000
	}
	return 200_000
}

// Holds layer 7 of docs/architecture.md: two interpreters, one opinion, proof or no proof.
func TestSecondInterpreter(t *testing.T) {
	var seen reach
	inFiles(t, 2026, cases()/20, func(d dice) error {
		cfg := d.config()
		p := read(cfg).policy // unproved as well: what the proof would refuse, Assign has to
		var here reach
		for range 20 {
			f := d.facts()
			a, err := p.Assign(f)
			got, want := decided(a, err), interpret(cfg, f)
			here.count(&cfg, &f, &a, err)
			if got != want {
				return fmt.Errorf("got %+v (%w)\nwant %+v\nfacts %+v\nfile %+v", got, err, want, f, cfg)
			}
			if err == nil && d.IntN(8) == 0 {
				if err := a.Verify(accept(t, a)); err != nil {
					return err
				}
			}
			if d.IntN(8) == 0 {
				steps := p.Explain(f)
				if last := steps[len(steps)-1]; last.Matched != (err == nil) || err != nil && last.Text != "refused: "+err.Error() {
					return fmt.Errorf("explained as %q, decided %w\nfacts %+v\nfile %+v", last.Text, err, f, cfg)
				}
			}
		}
		seen.add(&here)
		return nil
	})
	seen.judge(t, cases())
}

// everyFacts are all cases of the small world that the proof of a file has to cover.
// Groups, devices and certificates vary where the file's words name them.
func everyFacts(cfg Config, visit func(Facts) (goOn bool)) {
	groups := sets(named(cfg, func(r Rule) string { return strings.ToUpper(r.Group) }))
	ours := everyCredential(cfg)
	for i, site := range worldSites {
		var on time.Time
		if i < len(cfg.Sites) && cfg.Sites[i].Agreement != nil {
			on = cfg.Sites[i].Agreement.Until // the proof is of the days on which it is in force
		}
		for _, ssid := range worldSSIDs {
			for _, list := range cfg.Devices {
				for _, lands := range append([]string{"", "g"}, worldVLANs...) {
					if !visit(Facts{Time: on, Site: site, SSID: ssid, List: list, Lands: lands, Method: "mac", CertificateUnknown: true}) {
						return
					}
				}
			}
			for _, realm := range worldRealms {
				for _, user := range []string{"u", "v", "w"} {
					for _, method := range worldMethods {
						f := Facts{Site: site, SSID: ssid, Realm: realm, User: user, Method: method, CertificateUnknown: true, Time: on}
						if !strings.HasSuffix(realm, "a.uk") {
							if !visit(f) {
								return
							}
							continue
						}
						for _, proved := range ours {
							for _, set := range groups {
								f.Own, f.Groups = true, set
								f.Device, f.Issuer, f.Policies, f.CertificateUnknown = proved.Device, proved.Issuer, proved.Policies, proved.CertificateUnknown
								if !visit(f) {
									return
								}
							}
						}
					}
				}
			}
		}
	}
}

// everyCredential lists the devices and certificates that the file's words can tell apart.
func everyCredential(cfg Config) []Facts {
	devices, issuers := named(cfg, func(r Rule) string { return r.Device }), named(cfg, func(r Rule) string { return r.Issuer })
	oids := named(cfg, func(r Rule) string { return r.Policy })
	var list []Facts
	for _, device := range worldDevices {
		if device != "" && len(devices) == 0 {
			continue
		}
		list = append(list, Facts{Device: device}) // no certificate
		if len(issuers)+len(oids) == 0 {
			continue
		}
		list = append(list, Facts{Device: device, CertificateUnknown: true})
		for _, issuer := range append(issuers, "other-ca") {
			for _, set := range sets(oids) {
				list = append(list, Facts{Device: device, Issuer: issuer, Policies: set})
			}
		}
	}
	return list
}

// named lists what the rules and guarantees of a file have for a condition.
func named(cfg Config, condition func(Rule) string) (names []string) {
	note := func(r Rule) {
		if name := condition(r); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, s := range cfg.SSIDs {
		for _, r := range s.Rules {
			note(r)
		}
	}
	for _, g := range cfg.Guarantees {
		note(Rule{Group: g.Group, Device: g.Device, Issuer: g.Issuer, Policy: g.Policy})
	}
	return names
}

// sets are all sets of names, none first.
func sets(names []string) (all [][]string) {
	for bits := range 1 << len(names) {
		var one []string
		for i, name := range names {
			if bits>>i&1 == 1 {
				one = append(one, name)
			}
		}
		all = append(all, one)
	}
	return all
}

// lawful holds a file against its guarantees by brute force: every person of the
// small world with every set of groups, by the second interpreter.
func lawful(cfg Config) bool {
	ok := true
	for i, s := range cfg.Sites {
		for _, v := range cfg.VLANs {
			for _, id := range numbersAt(cfg, i, v.Name) {
				ok = ok && len(zonesOf(cfg, i, id)) == 1
			}
		}
		for _, c := range servedBy(cfg, i) {
			w := c.WithoutVLAN
			if w == "reject" {
				continue
			}
			ok = ok && !trusted(cfg, vlanOf(cfg, w).Zone)
			for _, g := range cfg.Guarantees {
				if speaksOf(cfg, g, s.Name) {
					ok = ok && !breaks(cfg, g, w)
				}
			}
		}
	}
	if !ok {
		return false
	}
	everyFacts(cfg, func(f Facts) bool {
		o := interpret(cfg, f)
		ok = ok && o.reason != ErrZoneGuard
		for _, g := range cfg.Guarantees {
			if o.vlan != "" && spokenOf(cfg, g, f) {
				ok = ok && !breaks(cfg, g, o.vlan)
			}
		}
		return ok
	})
	return ok
}

// Holds R13 and layer 2 of docs/architecture.md: the proof accepts exactly the files in which brute force
// finds no way round a guarantee, and its count of what is reached is right.
func TestProofAgreesWithBruteForce(t *testing.T) {
	var mu sync.Mutex
	accepted, refused := 0, 0
	asked := map[string]int{} // what the accepted files ask about, and reach
	files, kinds := max(cases()/200, 500), 7
	if testing.Short() {
		files, kinds = 120, 6
	}
	inFiles(t, 7, files, func(d dice) error {
		cfg := d.config()
		p, err := New(cfg)
		if want := lawful(cfg); want != (err == nil) {
			return fmt.Errorf("brute force says lawful is %t, the proof says %w\nfile %+v", want, err, cfg)
		}
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			refused++
			return nil
		}
		accepted++
		mu.Unlock()
		here := map[string]int{}
		err = reachedAsSaid(cfg, p, here)
		mu.Lock()
		for what, n := range here {
			asked[what] += n
		}
		return err
	})
	if accepted == 0 || refused == 0 {
		t.Errorf("%d accepted, %d refused: the files are too alike", accepted, refused)
	}
	if len(asked) < kinds {
		t.Errorf("the files are too tame: %v", asked)
	}
	t.Logf("%d files accepted, %d refused; reached %v", accepted, refused, asked)
}

// reachedAsSaid holds the warnings of a file against what its people reach.
func reachedAsSaid(cfg Config, p *Policy, asked map[string]int) (err error) {
	unreached := map[string]bool{}
	for _, w := range p.Warnings() {
		if strings.Contains(w.Text, "is never reached") {
			unreached[w.Key] = true
		}
	}
	everyFacts(cfg, func(f Facts) bool {
		a, failed := p.Assign(f)
		if failed == nil && unreached[a.Key()] {
			err = fmt.Errorf("%+v reaches %s, which is said to be out of reach\nfile %+v", f, a.Rule(), cfg)
		}
		if failed == nil && a.rule.wanted != (wanted{}) {
			asked[fmt.Sprintf("device %t issuer %t policy %t", a.rule.source.Device != "", a.rule.source.Issuer != "", a.rule.source.Policy != "")]++
		}
		return err == nil
	})
	return err
}
