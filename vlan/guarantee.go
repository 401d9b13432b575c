package vlan

import (
	"fmt"
	"strings"
)

// A guarantee is a Guarantee with its names resolved.
type guarantee struct {
	who
	wanted
	number int // from 1
	key    string
	text   string // visitor never reaches zone clinical
	group  int
	method method
	site   int
	ssid   string // empty: any

	only    bool // else never
	zone    *zone
	network *network
	place   string // zone clinical, vlan academic
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
		g := &guarantee{number: i + 1, key: key, ssid: source.SSID}
		if source.Who != "" && source.Who != "anyone" {
			g.who = r.who(key+".who", whose, source.Who)
		}
		if source.SSID != "" && r.policy.ssidOf[source.SSID] == nil {
			r.refuse(key+".ssid", suggest(source.SSID, names(r.policy.ssids, func(s *ssid) string { return s.name }), "add an [[ssid]]"),
				"%s is for SSID %q, and there is no such SSID", whose, source.SSID)
		}
		g.method = r.method(key+".eap", whose, source.Method)
		g.site = r.siteIndex(key+".site", whose, source.Site)
		g.group = r.group(source.Group)
		g.wanted = r.wants(key, whose, source.Device, source.Issuer, source.Policy)
		asks := credentialConditions(source.Device, source.Issuer, source.Policy)
		r.refuseOfDevices(key, whose, source, g.who)
		if g.forDevices() {
			asks = [3]condition{} // it has been said
		}
		r.refuseUnseen(key, whose, source.Who, g.who, asks)
		r.refuseByPassword(key+".eap", whose, g.method, asks)
		r.readPlace(g, whose, source)
		g.text = g.sentence(source)
		if len(r.problems) == before {
			r.policy.guarantees = append(r.policy.guarantees, g)
		}
	}
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

// sentence writes the guarantee as it is printed with its proof.
func (g *guarantee) sentence(s Guarantee) string {
	var b strings.Builder
	b.WriteString(s.Who)
	if s.Who == "" {
		b.WriteString("anyone")
	}
	for _, c := range []struct{ format, value string }{{" of group %q", s.Group}, {" by %s", s.Method}, {"%s", credentialWords(s.Device, s.Issuer, s.Policy)}, {" on SSID %q", s.SSID}, {" at %s", s.Site}} {
		if c.value != "" {
			fmt.Fprintf(&b, c.format, c.value)
		}
	}
	if g.only {
		return b.String() + " reaches " + g.place + " or nothing"
	}
	return b.String() + " never reaches " + g.place
}
