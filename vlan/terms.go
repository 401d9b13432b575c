package vlan

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// terms are what a network gives at a site beside its number.
type terms struct {
	pool     []uint16 // ascending, at least two; nil: there is one number
	called   string
	up, down uint32 // bit/s; 0 is no limit
	filter   string
	role     string
	session  uint32 // seconds, as the two that follow; 0 leaves it to the controller
	idle     uint32
	interim  uint32
}

// numbersOf are the numbers of a network at a site; none when it has none.
func (s *site) numbersOf(n *network) []uint16 {
	if pool := s.terms[n.index].pool; len(pool) > 0 {
		return pool
	}
	if s.numbers[n.index] == 0 {
		return nil
	}
	return s.numbers[n.index : n.index+1]
}

// gives tells whether a number is one of the network's at a site.
func (s *site) gives(n *network, id uint16) bool {
	if pool := s.terms[n.index].pool; len(pool) > 0 {
		return slices.Contains(pool, id)
	}
	return s.numbers[n.index] == id
}

// everywhere tells whether a site has the network's own number or pool.
func (n *network) everywhere(s *site) bool {
	return s.numbers[n.index] == n.id && slices.Equal(s.terms[n.index].pool, n.terms.pool)
}

// calls is the name by which some controller of the site is told the network; empty
// when they are all told its number.
func (s *site) calls(n *network) string {
	for _, c := range s.controllers {
		if c.byName {
			return s.terms[n.index].called
		}
	}
	return ""
}

// readLocal reads what a site says of VLANs beside their numbers.
func (r *reader) readLocal(i int, s Site, t *site) {
	for _, name := range slices.Sorted(maps.Keys(s.Local)) {
		key := path("site", i, "vlan", name)
		n := r.vlanOf[name]
		if n == nil {
			if _, told := s.VLAN[name]; !told {
				r.vlan(key, s.Name, name)
			}
			continue
		}
		t.terms[n.index] = r.terms(key, name+" at "+s.Name, n.terms, s.Local[name])
		if pool := t.terms[n.index].pool; len(pool) > 0 {
			t.numbers[n.index] = pool[0]
		}
	}
}

// terms reads what a table says; what it does not say is as in other.
func (r *reader) terms(key, of string, other *terms, l Local) *terms {
	t := *other
	if len(l.Pool) > 0 {
		t.pool = r.pool(key+".pool", of, l.Pool)
	}
	if l.Called != "" {
		t.called = l.Called
		r.judgeName(key+".name", of, l.Called)
	}
	if l.Down != "" {
		t.down = r.rate(key+".down", of, l.Down)
	}
	if l.Up != "" {
		t.up = r.rate(key+".up", of, l.Up)
	}
	if l.Filter != "" {
		t.filter = l.Filter
		r.judgeText(key+".filter", "a filter", "filter", of, l.Filter)
	}
	if l.Role != "" {
		t.role = l.Role
		r.judgeText(key+".role", "a role", "role", of, l.Role)
	}
	t.session = r.seconds(key+".session", "session", of, l.Session, t.session, time.Minute)
	t.idle = r.seconds(key+".idle", "idle", of, l.Idle, t.idle, time.Minute)
	// RFC 2869, section 5.16: not below 60 s, and not below 600 s where it can be helped.
	t.interim = r.seconds(key+".interim", "interim", of, l.Interim, t.interim, 10*time.Minute)
	return &t
}

func (r *reader) seconds(key, what, of string, d time.Duration, other uint32, least time.Duration) uint32 {
	switch {
	case d == 0:
	case d < least:
		r.refuse(key, fmt.Sprintf("write %gm or more, or leave it out", least.Minutes()), "vlan %s has %s = %v, which is too short", of, what, d)
	case d%time.Second != 0 || d/time.Second > math.MaxInt32:
		r.refuse(key, `write whole seconds: "8h", "30m"`, "vlan %s has %s = %v, which a controller cannot be told", of, what, d)
	default:
		return uint32(d / time.Second)
	}
	return other
}

// pool sorts a pool's numbers: the order in the file decides nothing.
func (r *reader) pool(key, of string, numbers []uint16) []uint16 {
	pool := slices.Sorted(slices.Values(numbers))
	for i, id := range pool {
		switch {
		case id < 1 || id > 4094:
			r.refuse(key, "VLAN numbers are 1 to 4094", "the pool of vlan %s has number %d", of, id)
		case i > 0 && pool[i-1] == id:
			r.refuse(key, "keep one", "the pool of vlan %s has number %d twice", of, id)
		}
	}
	if len(pool) == 1 {
		r.refuse(key, fmt.Sprintf("write id = %d, or add numbers", pool[0]), "the pool of vlan %s has one number", of)
	}
	return pool
}

// judgeName holds what a controller may take for a VLAN's name. All digits would be
// read as a number, and a first octet up to 0x1F as a tag (RFC 2868, section 3.6).
func (r *reader) judgeName(key, of, name string) {
	switch {
	case len(name) > 32 || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' }):
		r.refuse(key, "a VLAN's name is up to 32 printable ASCII characters, none of them a space", "vlan %s has name %q", of, name)
	case !strings.ContainsFunc(name, func(c rune) bool { return c < '0' || c > '9' }):
		r.refuse(key, "give it a name with a letter in it", "vlan %s has name %q, which a controller would take for a number", of, name)
	}
}

func (r *reader) judgeText(key, a, what, of, text string) {
	if len(text) > 200 || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) {
		r.refuse(key, a+"'s name is up to 200 printable ASCII characters", "vlan %s has %s %q", of, what, text)
	}
}

// refuseSharedNames holds that at each site a name means one VLAN: two names that
// differ in case only are one mistake away from each other.
func (r *reader) refuseSharedNames() {
	told := map[string]bool{}
	for _, s := range r.policy.sites {
		first := map[string]*network{}
		for _, n := range r.policy.vlans {
			name := fold(s.terms[n.index].called)
			if name == "" {
				continue
			}
			if m := first[name]; m == nil {
				first[name] = n
			} else if key := r.nameKey(s, n); !told[key+m.name] {
				told[key+m.name] = true
				r.refuse(key, fmt.Sprintf("give vlan %s or vlan %s another name there", m.name, n.name),
					"name %s at %s belongs to both vlan %s and vlan %s", s.terms[n.index].called, s.name, m.name, n.name)
			}
		}
	}
}

func (r *reader) nameKey(s *site, n *network) string {
	if r.cfg.Sites[s.position].Local[n.name].Called != "" {
		return path("site", s.position, "vlan", n.name, "name")
	}
	return path("vlan", n.name, "name")
}
