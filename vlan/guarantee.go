package vlan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A guarantee is a Guarantee with its names resolved.
type guarantee struct {
	who
	wanted
	number int // from 1
	key    string
	text   string // visitor never reaches zone clinical
	why    string // whose rule that is, for the reader of the proof
	group  int
	method method
	site   int
	ssid   string // empty: any

	only    bool // else never
	zone    *zone
	network *network
	place   string // zone clinical, vlan academic
}

// continues tells whether a guarantee is the one before it, at another place.
func (p *Policy) continues(i int) bool {
	return i > 0 && p.guarantees[i-1].number == p.guarantees[i].number
}

// forbids tells whether the guarantee is broken when those whom it covers land on
// a VLAN.
func (g *guarantee) forbids(n *network) bool {
	within := n == g.network || n.zone == g.zone
	return within != g.only
}

// covers tells whether the guarantee speaks of a person at a place.
func (g *guarantee) covers(s *subject, ssid string) bool {
	return (g.ssid == "" || g.ssid == ssid) &&
		(g.site == 0 || g.site == s.site) &&
		g.fits(s) == matches &&
		(g.method == methodHidden || g.method == s.method) &&
		(g.group == 0 || s.marks.has(g.group)) &&
		g.coversDevice(s.device) &&
		(g.issuer == 0 || g.issuer == s.issuer) &&
		(g.policy == 0 || s.marks.has(g.policy))
}

// coversDevice tells whether the guarantee speaks of a device. One of which nothing
// is known has not been seen to prove itself: what must never be for unverified
// devices must not be for it.
func (g *guarantee) coversDevice(d device) bool {
	return g.device == deviceHidden || g.device == d || g.device == deviceUnverified && d == deviceHidden
}

func (r *reader) readGuarantees() {
	for i, source := range r.cfg.Guarantees {
		before := len(r.problems)
		key, whose := path("guarantee", i), fmt.Sprintf("guarantee %d", i+1)
		g := guarantee{number: i + 1, key: key, why: source.Why}
		if source.Federation != "" && source.Who == "" {
			source.Who = "visitor"
		}
		if source.Who != "" && source.Who != "anyone" {
			g.who = r.who(key+".who", whose, source.Who)
		}
		g.method = r.method(key+".eap", whose, source.Method)
		g.group = r.group(source.Group)
		g.wanted = r.wants(key, whose, source.Device, source.Issuer, source.Policy)
		asks := credentialConditions(source.Device, source.Issuer, source.Policy)
		r.refuseOfDevices(key, whose, source, g.who)
		if g.forDevices() {
			asks = [3]condition{} // it has been said
		}
		r.refuseUnseen(key, whose, source.Who, g.who, asks)
		r.refuseByPassword(key+".eap", whose, g.method, asks)
		r.readPlace(&g, whose, source)
		ssids, sites := r.guaranteedSSIDs(key, whose, source, g.who), r.guaranteedSites(key, whose, source)
		g.text = g.sentence(source)
		if len(r.problems) > before {
			continue
		}
		for _, ssid := range ssids { // each place by itself: the proof knows one of either
			for _, site := range sites {
				part := g
				part.ssid, part.site = ssid, site
				r.policy.guarantees = append(r.policy.guarantees, &part)
			}
		}
	}
}

// guaranteedSSIDs are the SSIDs of which a guarantee speaks; one that is empty is all.
func (r *reader) guaranteedSSIDs(key, whose string, source Guarantee, of who) []string {
	for i, name := range source.SSIDs {
		if r.policy.ssidOf[name] == nil {
			r.refuse(listKey(key+".ssid", i, len(source.SSIDs)), suggest(name, names(r.policy.ssids, func(s *ssid) string { return s.name }), "add an [[ssid]]"),
				"%s is for SSID %q, and there is no such SSID", whose, name)
		}
	}
	if source.Federation == "" {
		if len(source.SSIDs) == 0 {
			return []string{""}
		}
		return source.SSIDs
	}
	if of.audience == ownPeople || of.own || source.Who == "anyone" {
		r.refuse(key+".federation", `write who = "visitor", or take this out`, "%s is for %s through federation %s, and our own people never come through one", whose, source.Who, source.Federation)
	}
	var carried, federations []string
	for _, s := range r.cfg.SSIDs {
		federations = append(federations, s.Federation)
		if s.Federation == source.Federation && (len(source.SSIDs) == 0 || slices.Contains(source.SSIDs, s.Name)) {
			carried = append(carried, s.Name)
		}
	}
	if len(carried) == 0 {
		r.refuse(key+".federation", suggest(source.Federation, federations, "name the federation of an [[ssid]]"), "%s is for federation %s, which no SSID that it speaks of has", whose, source.Federation)
	}
	return carried
}

// guaranteedSites are the sites of which a guarantee speaks, by index; 0 is all.
func (r *reader) guaranteedSites(key, whose string, source Guarantee) (sites []int) {
	for i, name := range source.Sites {
		sites = append(sites, r.siteIndex(listKey(key+".site", i, len(source.Sites)), whose, name))
	}
	if !source.UnderAgreement {
		if len(sites) == 0 {
			return []int{0}
		}
		return sites
	}
	named := sites
	sites = nil
	for _, s := range r.policy.sites {
		if s.agreement && (len(named) == 0 || slices.Contains(named, s.index)) {
			sites = append(sites, s.index)
		}
	}
	if len(sites) == 0 {
		r.mention(key+".agreement", "take it out, or write [site.agreement] at the sites that are somebody else's", "%s speaks of no site: none of its sites is under an agreement", whose)
	}
	return sites
}

// listKey is the key of one of several texts; one alone may have been written without a list.
func listKey(key string, i, of int) string {
	if of == 1 {
		return key
	}
	return fmt.Sprintf("%s[%d]", key, i)
}

func (r *reader) readPlace(g *guarantee, whose string, source Guarantee) {
	place, word := source.Never, "never"
	if source.Only != (Place{}) {
		place, word, g.only = source.Only, "only", true
	}
	switch {
	case source.Never == (Place{}) && source.Only == (Place{}):
		r.refuse(g.key, `say what: never = { zone = "clinical" }`, "%s says neither never nor only", whose)
	case source.Never != (Place{}) && source.Only != (Place{}):
		r.refuse(g.key, "make two guarantees of it", "%s says both never and only", whose)
	case place.Zone != "" && place.VLAN != "":
		r.refuse(g.key+"."+word, "make two guarantees of it", "%s names both a zone and a vlan", whose)
	case place.Zone != "":
		g.zone = r.zone(g.key+"."+word+".zone", whose+" names", place.Zone)
		g.place = "zone " + place.Zone
	default:
		g.network = r.vlan(g.key+"."+word+".vlan", whose, place.VLAN)
		g.place = "vlan " + place.VLAN
	}
}

func quotedList(list []string) string {
	quoted := make([]string, len(list))
	for i, name := range list {
		quoted[i] = strconv.Quote(name)
	}
	return wordList(quoted)
}

// sentence writes the guarantee as it is printed with its proof.
func (g *guarantee) sentence(s Guarantee) string {
	var b strings.Builder
	b.WriteString(s.Who)
	if s.Who == "" {
		b.WriteString("anyone")
	}
	if s.Group != "" {
		fmt.Fprintf(&b, " of group %q", s.Group)
	}
	if s.Federation != "" {
		b.WriteString(" through federation " + s.Federation)
	}
	if s.Method != "" {
		b.WriteString(" by " + s.Method)
	}
	b.WriteString(credentialWords(s.Device, s.Issuer, s.Policy))
	if len(s.SSIDs) > 0 {
		fmt.Fprintf(&b, " on SSID %s", quotedList(s.SSIDs))
	}
	if len(s.Sites) > 0 {
		b.WriteString(" at " + wordList(s.Sites))
	}
	if s.UnderAgreement {
		b.WriteString(" at a site under an agreement")
	}
	if g.only {
		return b.String() + " reaches " + g.place + " or nothing"
	}
	return b.String() + " never reaches " + g.place
}
