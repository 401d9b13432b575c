package vlan

import (
	"strings"
	"time"
)

// A Policy is a Config whose proof held. It never changes and may be used by any
// number of goroutines.
type Policy struct {
	now     func() time.Time
	zones   []*zone
	vlans   []*network
	sites   []*site
	siteOf  map[string]*site
	ssids   []*ssid
	ssidOf  map[string]*ssid
	roaming []*rule        // for our own people elsewhere
	realms  map[string]int // every realm that the file names, to its index; others are 0
	realmAt []realm        // by index; realmAt[0] stands for every realm that the file does not name
	users   map[string]int // folded "user@realm" of those whom the file names; others are 0
	userAt  []user         // by index

	groups   map[string]int // folded names of groups that the file names, to their marks; others are 0
	policies map[string]int // the same of certificate policies
	markAt   []string       // groups and policies, numbered together: by index, as the file has them

	issuers  map[string]int // authorities that a rule or guarantee names; others are 0
	issuerAt []string       // by index
	// otherAuthority is one that no rule or guarantee names; empty: each is named.
	otherAuthority string
	asksDevice     bool // some rule or guarantee does

	rosters    []roster
	guarantees []*guarantee
	warnings   []Problem
	proof      tally
}

// New resolves the names of a Config and proves its guarantees. The error is of
// type Problems and holds everything that is wrong, not the first of it.
func New(cfg Config) (*Policy, error) {
	r := read(cfg)
	r.refuseSharedNumbers()
	r.refuseSharedNames()
	if !r.rulesIncomplete { // a proof over half the rules would invent paths
		r.refuseMissingNumbers()
		r.judgeWords()
		r.prove(maxSteps)
	}
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	r.warn()
	r.policy.warnings = r.warnings
	return r.policy, nil
}

// Warnings returns what is allowed and probably not meant: rules that nobody
// reaches, VLANs where nobody can land.
func (p *Policy) Warnings() []Problem { return append([]Problem(nil), p.warnings...) }

// Zone returns the zone to which a VLAN number belongs at a site.
func (p *Policy) Zone(site string, id uint16) (name string, ok bool) {
	s := p.siteOf[site]
	if s == nil {
		return "", false
	}
	z := s.owner[id]
	if z == nil || z == contested {
		return "", false
	}
	return z.name, true
}

type zone struct {
	name    string
	trusted bool
}

// contested owns the numbers that two zones claim at one site. No Policy has
// any; the gate refuses them nevertheless.
var contested = &zone{name: "more than one zone"}

// A network is a VLAN with its names resolved.
type network struct {
	index int
	name  string
	zone  *zone
	id    uint16 // where the site says nothing else
	terms *terms // likewise
}

type site struct {
	index       int // from 1; 0 in a rule is any site
	position    int // in the file, from 0
	name        string
	numbers     []uint16         // by network.index; 0 is no number; of a pool the lowest
	terms       []*terms         // by network.index
	owner       map[uint16]*zone // by number
	controllers []*controller
	programs    map[string]*program // by SSID
	promises    []*guarantee        // that speak of it
	behind      bool                // a controller of another site, or says so of its own
	agreement   bool
	from, until int // days as yyyymmdd, both inside
}

type controller struct {
	name     string
	key      string
	vendor   *vendor
	byName   bool // it is told the names of VLANs, not numbers
	tag      *uint8
	fallback *network // nil: it rejects
}

type ssid struct {
	name  string
	taken []int // lists of devices, from 1
	rules []*rule
}

type realm struct {
	name string
	own  bool
}

type user struct {
	name  string // "user@realm" as the file has it
	realm int
}

type audience uint8

const (
	everybody audience = iota // in a guarantee only
	ownPeople
	visitors
	oneRealm
	oneUser
	anyDevice // known by its MAC alone
	oneList
)

// who is a Who with its names resolved.
type who struct {
	audience audience
	own      bool // of the realm
	realm    int
	user     int
	list     int // of devices, from 1
}

type rule struct {
	who
	wanted
	method  method
	group   int      // 0: any
	site    int      // 0: any
	network *network // nil in a rule of [[roaming]]

	roaming  bool
	operator string // in a rule of [[roaming]]: in small letters, with "*" in front for all below; empty: any
	refuses  bool   // whom it fits

	number int    // from 1, as people count
	key    string // ssid[1].rule[0]
	label  string // eduroam rule 1
	text   string // rule 1 (who = "visitor")
	source Rule
}

// A program is an SSID's rules as one site reads them, sorted by realm so that a
// decision walks no rule of other people's.
type program struct {
	ssid    *ssid
	own     [][]*rule // by realm index, answered here
	foreign [][]*rule // by realm index, answered elsewhere
	devices [][]*rule // by list, from 0
	sites   []*site   // the sites that read them so
	reached []bool    // by the rule's number
}

// rulesFor are the rules that may fit somebody.
func (g *program) rulesFor(s *subject) []*rule {
	if s.list != 0 {
		return g.devices[s.list-1]
	}
	return g.rules(s.own, s.realm)
}

func (g *program) rules(own bool, realm int) []*rule {
	if own {
		return g.own[realm]
	}
	return g.foreign[realm]
}

// A method is an EAP method, or PAP without EAP.
type method uint8

const (
	methodHidden method = iota // in a rule: any
	methodTLS
	methodTTLS
	methodPEAP
	methodTEAP
	methodPAP
	methodOther
	methods
)

// methodNames are the names in a rule and in Facts, by method.
var methodNames = [methods]string{"", "tls", "ttls", "peap", "teap", "pap", "other"}

func methodOf(name string) method {
	switch name {
	case "":
		return methodHidden
	case "tls":
		return methodTLS
	case "ttls":
		return methodTTLS
	case "peap":
		return methodPEAP
	case "teap":
		return methodTEAP
	case "pap":
		return methodPAP
	}
	return methodOther
}

// isOurs tells whether a realm is one of ours or below one of ours and no
// partner: such a name never goes upstream (R8).
func (p *Policy) isOurs(name string) bool {
	if i := p.realms[name]; i != 0 {
		return p.realmAt[i].own
	}
	for {
		_, above, is := strings.Cut(name, ".")
		if !is {
			return false
		}
		if name = above; p.realmAt[p.realms[name]].own {
			return true
		}
	}
}

// validRealm tells whether a name is a realm that may be answered at all: labels
// of letters, digits and inner hyphens, at least two (R15).
func validRealm(name string) bool {
	if len(name) > 253 {
		return false
	}
	labels, start := 1, 0
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '.' {
			c := name[i]
			if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
				return false
			}
			continue
		}
		label := name[start:i]
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if i < len(name) {
			labels, start = labels+1, i+1
		}
	}
	return labels > 1
}
