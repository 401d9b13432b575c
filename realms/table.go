package realms

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An Origin is where a request came from.
type Origin struct {
	SSID  string // as the controller named it, case and all; empty when it named none
	Edge  bool   // an edge of ours asks, which has judged where it came from
	Proxy bool   // it came from a federation's proxy: the user is ours and is elsewhere
}

// A Route is the answer to "who answers for them, here?".
type Route struct {
	Name  string // what the log calls it: "trust" (the directory), "camford.ac.uk", "eduroam"
	Realm string // the realm that was asked for
	Own   bool   // answered here
	Owner string // of our own: the realm in the configuration that Realm is, or is below
	Home  Home
}

// Config is who answers for which realm.
type Config struct {
	Own         []OwnRealm
	Partners    []Partner
	Federations map[string]Home   // by the federation's name
	SSIDs       map[string]string // SSID, case-sensitive -> federation, "" for none; every SSID that there is
	Blocklist   []string          // nil: DefaultBlocklist
}

// An OwnRealm is a realm whose people are ours.
type OwnRealm struct {
	Name      string   // "northbridge.nhs.uk"
	RouteName string   // what the log calls the route; empty: Name
	Subrealms []string // whole names, "students.northbridge.nhs.uk"; no others are answered
	SSIDs     []string // where its people may log in; empty: on every SSID
	Roaming   bool     // federations may ask us for its people
	Home      Home
}

// A Partner is another organisation whose servers are reached directly, and not
// through a federation.
type Partner struct {
	Realm string
	SSIDs []string // where its people may log in; empty: on every SSID that has a federation
	// FallBack asks the federation of the SSID, if there is one, while none of the
	// partner's own servers answers.
	FallBack bool
	Home     Home
}

// A Table routes by SSID and realm. It does not change; a reload makes another.
type Table struct {
	own         map[string]*OwnRealm // subrealms too
	partners    map[string]*Partner
	federations map[string]Home
	ssids       map[string]string
	blocked     blocklist
	known       []string // own and partner realms in order, to suggest from
}

// Home says who answers for id.
//
// Where a request came from limits who may: a federation's proxy is answered for
// our own people only, on any SSID; a controller is answered on SSIDs that are
// configured, for our own people, for partners, and for everybody else by the
// federation of that SSID. Every refusal wraps one of the table's reasons.
func (t *Table) Home(id Identity, from Origin) (Route, error) {
	if own, ours := t.own[id.Realm]; ours {
		if err := t.mayLogIn(own, from); err != nil {
			return Route{}, err
		}
		return Route{Name: own.RouteName, Realm: id.Realm, Own: true, Owner: own.Name, Home: own.Home}, nil
	}
	partner, isPartner := t.partners[id.Realm]
	if parent, below := t.belowOwn(id.Realm); below && !isPartner {
		return Route{}, fmt.Errorf("realm %s is below our own %s and is configured nowhere%s: %w", id.Realm, parent, t.suggest(id.Realm), ErrOwnSubrealm)
	}
	if from.Edge {
		return Route{}, fmt.Errorf("an edge asked us for realm %s, which is not ours: %w", id.Realm, ErrLoop)
	}
	if from.Proxy {
		return Route{}, fmt.Errorf("a federation asked us for realm %s, which is not ours: %w", id.Realm, ErrLoop)
	}
	if id.Machine() {
		return Route{}, fmt.Errorf("a computer of realm %s: names that begin with host/ are answered at home only: %w", id.Realm, ErrRealmBlocklisted)
	}
	if pattern, blocked := t.blocked.match(id.Realm); blocked {
		return Route{}, fmt.Errorf("realm %s is on the blocklist as %s%s: %w", id.Realm, pattern, t.suggest(id.Realm), ErrRealmBlocklisted)
	}
	federation, err := t.federation(from.SSID)
	if err != nil {
		return Route{}, err
	}
	if isPartner && partner.isOn(from.SSID, federation) {
		return Route{Name: partner.Realm, Realm: id.Realm, Home: t.partnerHome(partner, federation)}, nil
	}
	if federation == "" {
		return Route{}, fmt.Errorf("nobody on SSID %q answers for realm %s%s: %w", from.SSID, id.Realm, t.suggest(id.Realm), ErrRealmNotHere)
	}
	return Route{Name: federation, Realm: id.Realm, Home: t.federations[federation]}, nil
}

func (t *Table) partnerHome(p *Partner, federation string) Home {
	if p.FallBack && federation != "" {
		return FallBack(p.Home, t.federations[federation])
	}
	return p.Home
}

// mayLogIn says where our own people may. What a national proxy sends is never
// judged by its SSID: the request comes from somebody else's building.
func (t *Table) mayLogIn(own *OwnRealm, from Origin) error {
	if from.Edge {
		return nil
	}
	if from.Proxy {
		if !own.Roaming {
			return fmt.Errorf("people of realm %s do not roam: %w", own.Name, ErrRealmNotHere)
		}
		return nil
	}
	if _, err := t.federation(from.SSID); err != nil {
		return err
	}
	if len(own.SSIDs) > 0 && !slices.Contains(own.SSIDs, from.SSID) {
		return fmt.Errorf("people of realm %s may not log in on SSID %q: %w", own.Name, from.SSID, ErrRealmNotHere)
	}
	return nil
}

// federation returns the federation of an SSID, "" for none.
func (t *Table) federation(ssid string) (string, error) {
	if ssid == "" {
		return "", fmt.Errorf("the controller named no SSID: %w", ErrSSIDMissing)
	}
	federation, known := t.ssids[ssid]
	if !known {
		return "", fmt.Errorf("SSID %q is not in the configuration%s: %w", ssid, t.suggestSSID(ssid), ErrSSIDUnknown)
	}
	return federation, nil
}

func (p *Partner) isOn(ssid, federation string) bool {
	if len(p.SSIDs) == 0 {
		return federation != ""
	}
	return slices.Contains(p.SSIDs, ssid)
}

// Owner is the realm of ours in the configuration that a realm is, or is below; empty for
// one that is not ours.
func (t *Table) Owner(realm string) string {
	if own := t.own[realm]; own != nil {
		return own.Name
	}
	return ""
}

// belowOwn finds the own realm that a realm is below.
func (t *Table) belowOwn(realm string) (parent string, below bool) {
	for rest := realm; ; {
		_, tail, found := strings.Cut(rest, ".")
		if !found {
			return "", false
		}
		if own, ours := t.own[tail]; ours {
			return own.Name, true
		}
		rest = tail
	}
}

func index(key string, i int) string { return key + "[" + strconv.Itoa(i) + "]" }

func quoted(s string) string { return strconv.Quote(s) }
