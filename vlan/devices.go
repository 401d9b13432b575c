package vlan

import (
	"fmt"
	"slices"
	"strings"
)

// Devices that are known by their MAC address and by nothing else, such as infusion
// pumps, are no people: nobody proved anything, and an address is copied in a minute.
// They fit a rule only that says "devices", on an SSID that lets their list in, and
// reach a trusted zone only where a rule for their own list says so (R54).

// A Roster is a list of such devices, as rules see it: devices of one list differ by
// the VLAN that the list gives them, and by nothing else.
type roster struct {
	name  string
	lands []int // VLANs that some rule for it lets its devices have, by network.index+1
}

// Whom the list gives no VLAN, and whom it gives one that no rule for it has.
const (
	landsAnywhere = 0
	landsNowhere  = -1
)

const devicesWord = "devices"

// devices resolves who = "devices" and who = "devices LIST"; is tells whether it is one
// of the two.
func (r *reader) devices(key, whose, name string) (w who, is bool) {
	word, list, named := strings.Cut(name, " ")
	if word != devicesWord {
		return who{}, false
	}
	w = who{audience: anyDevice}
	if named {
		w.audience, w.list = oneList, slices.Index(r.cfg.Devices, list)+1
	}
	switch {
	case len(r.cfg.Devices) == 0:
		r.refuse(key, `add [devices.NAME] with its path, and mac = "NAME" at the SSID`, "%s is for %s, and there is no list of devices", whose, name)
	case named && w.list == 0:
		r.refuse(key, suggest(list, r.cfg.Devices, "add [devices."+tomlKey(list)+"]"), "%s is for devices of list %q, and there is no such list", whose, list)
	}
	return w, true
}

// ForDevices tells whether a rule's Who means devices that are known by their MAC, and
// nobody else.
func ForDevices(who string) bool {
	word, _, _ := strings.Cut(who, " ")
	return word == devicesWord
}

// forDevices tells whether a rule or a guarantee speaks of devices alone.
func (w *who) forDevices() bool { return w.audience == anyDevice || w.audience == oneList }

// fitsDevice is fits where a device, or a rule for devices, is judged.
func (w *who) fitsDevice(s *subject) verdict {
	switch {
	case w.audience == everybody:
		return matches
	case !w.forDevices() || s.list == 0:
		return otherKind
	case w.audience == oneList && w.list != s.list:
		return otherList
	}
	return matches
}

// gives tells whether a rule may give a device its VLAN: the one that its list names
// for it, or, where the list names none, the only one of the rule.
func (r *rule) givesDevice(s *subject) bool {
	if s.lands == landsAnywhere {
		return len(r.source.OneOf) == 0
	}
	return s.lands == r.network.index+1
}

// listed resolves a device by its list. What a device cannot be, such as somebody of a
// realm, contradicts the routing.
func (p *Policy) listed(f *Facts, s *subject) error {
	i := slices.IndexFunc(p.rosters, func(r roster) bool { return r.name == f.List })
	if i < 0 {
		return fmt.Errorf("there is no list of devices %q: %w", f.List, ErrMACUnknown)
	}
	if f.Own || f.User != "" || f.Realm != "" || f.Elsewhere || f.ByEdge {
		return fmt.Errorf("a device of list %s is nobody's person, and asks at home: %w", f.List, ErrRealmMisplaced)
	}
	s.list, s.method, s.lands = i+1, methodOther, landsAnywhere
	if f.Lands != "" {
		s.lands = landsNowhere
		for _, n := range p.vlans {
			if n.name == f.Lands && slices.Contains(p.rosters[i].lands, n.index+1) {
				s.lands = n.index + 1
			}
		}
	}
	return nil
}

// readDeviceRule reads what a rule for devices has of its own, and refuses in other
// rules what only such a rule may have. It returns the rule once for each of its VLANs.
func (r *reader) readDeviceRule(key, whose string, s SSID, t *rule) []*rule {
	source := t.source
	if !t.forDevices() {
		if source.Trusted {
			r.refuse(key+".trusted", "drop trusted", "%s says trusted for %s, and only devices that are known by their MAC need it said", whose, source.Who)
		}
		if len(source.OneOf) > 0 {
			r.refuse(key+".vlan", "name one vlan", "%s names %d vlans for %s, and only a list of devices says which is whose", whose, len(source.OneOf), source.Who)
		}
		return []*rule{t}
	}
	for _, c := range []condition{{"group", source.Group}, {"eap", source.EAP}, {"device", source.Device}, {"issuer", source.Issuer}, {"policy", source.Policy}} {
		if c.value != "" {
			r.refuse(key+"."+c.name, "drop "+c.name, "%s asks %s for %s %q, and of a device that is known by its MAC nothing else is known", whose, source.Who, c.name, c.value)
		}
	}
	switch {
	case len(s.MAC) == 0:
		r.refuse(key+".who", `write mac = "LIST" at the SSID`, "%s is for %s, and SSID %q lets no device in by its MAC", whose, source.Who, s.Name)
	case t.audience == oneList && t.list != 0 && !slices.Contains(s.MAC, r.cfg.Devices[t.list-1]):
		r.refuse(key+".who", suggest(r.cfg.Devices[t.list-1], s.MAC, "add it to mac"), "%s is for devices of list %s, and mac of SSID %q does not name that list", whose, r.cfg.Devices[t.list-1], s.Name)
	}
	if source.Trusted && t.audience == anyDevice {
		r.refuse(key+".trusted", `name the list: who = "devices LIST"`, "%s says trusted for every list at once", whose)
	}
	rules := []*rule{t}
	for _, name := range source.OneOf {
		one := *t
		one.network = r.vlan(key+".vlan", whose, name)
		if one.network == nil {
			continue
		}
		if t.network == nil {
			t.network = one.network
			continue
		}
		if slices.ContainsFunc(rules, func(o *rule) bool { return o.network == one.network }) {
			r.refuse(key+".vlan", "keep one", "%s names vlan %s twice", whose, name)
		}
		rules = append(rules, &one)
	}
	if source.Trusted && !slices.ContainsFunc(rules, func(o *rule) bool { return o.network != nil && o.network.zone.trusted }) {
		r.mention(key+".trusted", "drop trusted", "%s says trusted, and its vlan is in no trusted zone", whose)
	}
	return rules
}

// readRosters makes the lists, and gives each the VLANs that rules have for it.
func (r *reader) readRosters() {
	for i, name := range r.cfg.Devices {
		l := roster{name: name}
		for _, x := range r.policy.ssids {
			for _, rl := range x.rules {
				if rl.audience == anyDevice && x.takes(i+1) || rl.audience == oneList && rl.list == i+1 {
					l.lands = appendNew(l.lands, rl.network.index+1)
				}
			}
		}
		r.policy.rosters = append(r.policy.rosters, l)
	}
}

// readTaken resolves which lists an SSID lets in.
func (r *reader) readTaken(i int, s SSID, t *ssid) {
	for j, name := range s.MAC {
		list := slices.Index(r.cfg.Devices, name) + 1
		switch {
		case list == 0:
			r.refuse(path("ssid", i, "mac", j), suggest(name, r.cfg.Devices, "add [devices."+tomlKey(name)+"]"), "SSID %q lets in devices of list %q, and there is no such list", s.Name, name)
		case t.takes(list):
			r.refuse(path("ssid", i, "mac", j), "keep one", "SSID %q names list %s twice", s.Name, name)
		default:
			t.taken = append(t.taken, list)
		}
	}
}

// takes tells whether an SSID lets the devices of a list in.
func (x *ssid) takes(list int) bool { return slices.Contains(x.taken, list) }

// compileDevices sorts the rules of a program by the list whose devices they can fit.
func (p *Policy) compileDevices(g *program, here []*rule) {
	g.devices = make([][]*rule, len(p.rosters))
	for i := range p.rosters {
		if g.ssid.takes(i + 1) {
			g.devices[i] = fitting(here, &subject{list: i + 1})
		}
	}
}

// deviceClasses are every kind of device: of each list those without a VLAN of their
// own, those with each that a rule has for the list, and those with any other.
func (p *Policy) deviceClasses() (list []class) {
	for i, l := range p.rosters {
		add := func(lands int, words string) {
			list = append(list, class{subject: subject{list: i + 1, lands: lands, method: methodOther}, name: fmt.Sprintf("a device of list %s (%s)", l.name, words)})
		}
		add(landsAnywhere, "whose line names no vlan")
		for _, n := range l.lands {
			add(n, "whose line names vlan "+p.vlans[n-1].name)
		}
		add(landsNowhere, "whose line names another vlan")
	}
	return list
}

// MayHave lists the VLANs that rules have for the devices of a list: the names that its
// file may give a device.
func (p *Policy) MayHave(list string) (names []string) {
	for _, l := range p.rosters {
		if l.name == list {
			for _, n := range l.lands {
				names = append(names, p.vlans[n-1].name)
			}
		}
	}
	return names
}

// mayReach tells whether the zone of a rule's VLAN is open to somebody: a trusted one is
// to those whom we checked ourselves, and to a device where a rule for its list says so.
func (r *rule) mayReach(own, listed bool) bool {
	return !r.network.zone.trusted || own || listed && r.source.Trusted && r.audience == oneList
}

// refuseOfDevices refuses a guarantee on devices that asks for what they never have.
func (r *reader) refuseOfDevices(key, whose string, source Guarantee, w who) {
	if !w.forDevices() {
		return
	}
	for _, c := range []condition{{"group", source.Group}, {"eap", source.Method}, {"device", source.Device}, {"issuer", source.Issuer}, {"policy", source.Policy}} {
		if c.value != "" {
			r.refuse(key+"."+c.name, "drop "+c.name, "%s speaks of %s by %s %q, and of a device that is known by its MAC nothing else is known", whose, source.Who, c.name, c.value)
		}
	}
}

// rulesForDevice are the rules of a program that can fit the devices of a list.
func (p *Policy) rulesForDevice(g *program, list string) []*rule {
	for i, l := range p.rosters {
		if l.name == list {
			return g.devices[i]
		}
	}
	return nil
}

// whateverDevices is every kind of device that either policy can tell from another.
func (c *comparer) whateverDevices() (list []person) {
	name := func(r roster) string { return r.name }
	for _, of := range union(names(c.old.rosters, name), names(c.next.rosters, name)) {
		for _, lands := range union([]string{"", "(another)"}, union(c.old.MayHave(of), c.next.MayHave(of))) {
			list = append(list, person{list: of, lands: lands})
		}
	}
	return list
}
