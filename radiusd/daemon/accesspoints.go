package daemon

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/daemon/config"
	"causeway/radiusd/transport"
	"causeway/realms"
	"causeway/vlan"
)

// Why a request of a controller that serves many sites is refused.
const (
	errAPUnknown   realms.Reason = "ap-unknown"
	errSiteChanged realms.Reason = "site-changed"
)

// claims say at which site an access point of one controller stands. They never change.
type claims struct {
	names, macs patterns
	otherwise   string   // the site of what nobody claims; empty: nowhere
	sites       []string // all that there are
}

// patterns find the site of a name, or of the digits of a MAC. A whole name comes before
// a beginning, and a longer beginning before a shorter one: of two that fit, the one that
// is within the other. A look-up asks once for each length that there is, however many
// patterns there are, and allocates nothing.
type patterns struct {
	whole, begins map[string]string
	lengths       []int // of beginnings, the longest first
}

func (p *patterns) add(text string, begins bool, site string) {
	if p.whole == nil {
		p.whole, p.begins = make(map[string]string), make(map[string]string)
	}
	if !begins {
		p.whole[text] = site
		return
	}
	p.begins[text] = site
	if i, known := slices.BinarySearchFunc(p.lengths, len(text), func(a, b int) int { return cmp.Compare(b, a) }); !known {
		p.lengths = slices.Insert(p.lengths, i, len(text))
	}
}

func (p *patterns) find(text []byte) (site string, ok bool) {
	if site, ok := p.whole[string(text)]; ok {
		return site, true
	}
	for _, n := range p.lengths {
		if n > len(text) {
			continue
		}
		if site, ok := p.begins[string(text[:n])]; ok {
			return site, true
		}
	}
	return "", false
}

// claimsOf are the access points of every controller that serves other sites than its
// own, by its name.
func claimsOf(file *config.File) map[string]*claims {
	all := make(map[string]*claims)
	for _, s := range file.Site {
		for _, w := range s.Controller {
			list := file.Claims(w.Name)
			if list == nil {
				continue
			}
			c := &claims{}
			for _, claim := range list {
				if claim.Name != "" {
					c.names.add(claim.Name, claim.Begins, claim.Site)
				}
				if claim.MAC != "" {
					c.macs.add(claim.MAC, claim.Begins, claim.Site)
				}
				c.sites = append(c.sites, claim.Site)
			}
			if w.Otherwise == config.OtherwiseHere {
				c.otherwise = s.Name
				c.sites = append(c.sites, s.Name)
			}
			slices.Sort(c.sites)
			c.sites = slices.Compact(c.sites)
			all[w.Name] = c
		}
	}
	return all
}

// site says where an access point stands that goes by these names. All that are claimed
// have to be claimed by one site: where they are not, nobody knows which is right, and
// the request is refused as it is when nobody claims any.
func (c *claims) site(ap transport.Stations) (string, error) {
	var site, by string
	for _, name := range ap {
		at, claimed := c.claimed(name)
		if !claimed {
			continue
		}
		if site != "" && at != site {
			return "", fmt.Errorf("its access point is at %s by the name %q, and at %s by %q: %w", site, by, at, name, errAPUnknown)
		}
		site, by = at, name
	}
	if site = cmp.Or(site, c.otherwise); site == "" {
		return "", fmt.Errorf("no site claims its access point, %s: %w", called(ap), errAPUnknown)
	}
	return site, nil
}

// claimed looks one name up, without regard to case.
func (c *claims) claimed(name string) (site string, ok bool) {
	var room [253]byte // no attribute has room for more
	if len(name) == 0 || len(name) > len(room) {
		return "", false
	}
	if digits, is := digitsOf(name, room[:0]); is {
		return c.macs.find(digits)
	}
	folded := room[:len(name)]
	for i := range len(name) {
		folded[i] = lowerOf(name[i])
	}
	return c.names.find(folded)
}

// digitsOf are the digits of a MAC as a request's Stations have it.
func digitsOf(name string, room []byte) ([]byte, bool) {
	if len(name) != 17 {
		return nil, false
	}
	for i := range len(name) {
		switch b := lowerOf(name[i]); {
		case i%3 == 2:
			if b != '-' {
				return nil, false
			}
		case b >= '0' && b <= '9', b >= 'a' && b <= 'f':
			room = append(room, b)
		default:
			return nil, false
		}
	}
	return room, true
}

func lowerOf(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// called are the names of an access point, for people; the desk escapes them.
func called(ap transport.Stations) string {
	text := ""
	for i, name := range ap {
		if name == "" || slices.Contains(ap[:i], name) {
			continue
		}
		if text != "" {
			text += " or "
		}
		text += name
	}
	return cmp.Or(text, "which the controller does not name")
}

// seat says where a request came from, and remembers the access points that no site
// claims for the NOC.
func (d *Daemon) seat(h *house, req *transport.Request) (seat, error) {
	s, err := h.seat(req)
	if errors.Is(err, errAPUnknown) {
		d.homeless.note(s.controller, s.stations)
	}
	return s, err
}

// standing is a place with the site where the access point stands, for a controller that
// serves more than its own.
func (h *house) standing(p place, ap transport.Stations) (place, error) {
	c := h.claims[p.controller]
	if c == nil {
		return p, nil
	}
	var err error
	p.site, err = c.site(ap)
	return p, err
}

// sitesOf are the sites at which sessions may turn out to be that came from a source and
// through an access point. Of an access point that was not asked for, nobody knows: they
// may be at every site of the controller.
func (h *house) sitesOf(n network) (sites []string) {
	for _, p := range []place{h.placeOf(n.source), h.places[n.client]} {
		switch c := h.claims[p.controller]; {
		case c == nil:
			sites = append(sites, p.site)
		case n.ap == transport.Stations{}:
			sites = append(sites, c.sites...)
		default:
			if now, err := h.standing(p, n.ap); err == nil {
				sites = append(sites, now.site)
			}
		}
	}
	return sites
}

// standing says at which site an access point is that a query names, and behind which
// controller. A query that names no controller means each that serves several sites, and
// where they do not agree it has to.
func (i *Inspection) standing(q Query) (site, controller string, err error) {
	ap := transport.StationsOf(transport.Source{}, &radius.Packet{Attributes: radius.Attributes{{Type: rfc2865.NASIdentifier_Type, Attribute: radius.Attribute(q.AP)}}})
	if q.Controller != "" {
		p, known := i.house.places[q.Controller]
		if !known || p.controller == "" {
			return "", "", fmt.Errorf("there is no controller %q: %w", q.Controller, vlan.ErrControllerUnknown)
		}
		p, err := i.house.standing(p, ap)
		return p.site, p.controller, err
	}
	for _, name := range slices.Sorted(maps.Keys(i.house.claims)) {
		at, failed := i.house.claims[name].site(ap)
		switch {
		case failed != nil:
			err = failed
		case site != "" && at != site:
			return "", "", fmt.Errorf("it is at %s behind %s, and at %s behind %s; name a controller: %w", site, controller, at, name, errAPUnknown)
		case site == "":
			site, controller = at, name
		}
	}
	if site != "" {
		return site, controller, nil
	}
	return "", "", err
}

// Bounds of the book of access points that nobody claims.
const maxUnclaimed = 1024

// unclaimed are access points whose requests were refused since no site claims them. The
// NOC is told of each once, and of all together once a day.
type unclaimed struct {
	mu    sync.Mutex
	aps   map[unclaimedAP]uint64 // requests, by access point
	fresh []unclaimedAP          // not told yet
	more  uint64                 // requests of those for whom there is no room
}

type unclaimedAP struct{ controller, ap string }

func (u *unclaimed) note(controller string, ap transport.Stations) {
	u.mu.Lock()
	defer u.mu.Unlock()
	k := unclaimedAP{controller, called(ap)}
	if _, known := u.aps[k]; !known {
		if len(u.aps) >= maxUnclaimed {
			u.more++
			return
		}
		if u.aps == nil {
			u.aps = make(map[unclaimedAP]uint64)
		}
		u.fresh = append(u.fresh, k)
	}
	u.aps[k]++
}

// news are those that were not told yet; at most so many.
func (u *unclaimed) news(most int) (list []unclaimedAP) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := min(most, len(u.fresh))
	list, u.fresh = slices.Clone(u.fresh[:n]), slices.Delete(u.fresh, 0, n)
	return list
}

// day takes all that there is, so that what still goes on tomorrow is news again.
func (u *unclaimed) day() (aps int, requests uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, n := range u.aps {
		requests += n
	}
	aps, requests = len(u.aps), requests+u.more
	u.aps, u.fresh, u.more = nil, nil, 0
	return aps, requests
}
