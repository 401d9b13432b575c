package realms

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// New builds the table. Its error is [Problems]: every mistake of cfg at once.
func New(cfg Config) (*Table, error) {
	patterns := cfg.Blocklist
	if patterns == nil {
		patterns = defaultBlocklist
	}
	blocked, problems := newBlocklist(patterns)
	t := &Table{
		own:         map[string]*OwnRealm{},
		partners:    map[string]*Partner{},
		federations: maps.Clone(cfg.Federations),
		ssids:       maps.Clone(cfg.SSIDs),
		blocked:     blocked,
	}
	for _, own := range cfg.Own {
		problems = append(problems, t.addOwn(own)...)
	}
	for _, partner := range cfg.Partners {
		problems = append(problems, t.addPartner(partner)...)
	}
	problems = append(problems, t.checkSSIDs()...)
	if len(problems) > 0 {
		return nil, problems
	}
	return t, nil
}

func (t *Table) addOwn(own OwnRealm) Problems {
	own.Name = strings.ToLower(own.Name)
	own.SSIDs = slices.Clone(own.SSIDs)
	if own.RouteName == "" {
		own.RouteName = own.Name
	}
	key := realmKey(own.Name)
	problems := t.checkName(key, own.Name)
	if own.Home == nil {
		problems = append(problems, Problem{key, "nobody answers for it", "give it a directory"})
	}
	problems = append(problems, t.checkNamed(key, own.SSIDs)...)
	t.own[own.Name] = &own
	t.known = append(t.known, own.Name)
	for i, sub := range own.Subrealms {
		sub = strings.ToLower(sub)
		subKey := index(key+".subrealms", i)
		if !strings.HasSuffix(sub, "."+own.Name) {
			problems = append(problems, Problem{subKey, fmt.Sprintf("%q is not below %s", sub, own.Name), fmt.Sprintf("write the whole name, as %q", "students."+own.Name)})
			continue
		}
		problems = append(problems, t.checkName(subKey, sub)...)
		t.own[sub] = &own
		t.known = append(t.known, sub)
	}
	return problems
}

func (t *Table) addPartner(partner Partner) Problems {
	partner.Realm = strings.ToLower(partner.Realm)
	partner.SSIDs = slices.Clone(partner.SSIDs)
	key := realmKey(partner.Realm)
	problems := t.checkName(key, partner.Realm)
	if partner.Home == nil {
		problems = append(problems, Problem{key, "nobody answers for it", "give it servers, or a directory if its people are ours"})
	}
	if pattern, blocked := t.blocked.match(partner.Realm); blocked {
		problems = append(problems, Problem{key, fmt.Sprintf("it is a partner and is on the blocklist as %q", pattern), "take one of the two out"})
	}
	problems = append(problems, t.checkNamed(key, partner.SSIDs)...)
	t.partners[partner.Realm] = &partner
	t.known = append(t.known, partner.Realm)
	return problems
}

// checkName judges a realm's spelling and that it is new.
func (t *Table) checkName(key, name string) Problems {
	var problems Problems
	if err := checkRealm(name); err != nil {
		problems = append(problems, Problem{key, strings.TrimSuffix(err.Error(), ": "+string(ErrRealmMalformed)), `write it as users type it after the @, as "camford.ac.uk"`})
	}
	if t.own[name] != nil || t.partners[name] != nil {
		problems = append(problems, Problem{key, fmt.Sprintf("realm %s is configured twice", name), "keep one: a realm is ours or a partner's, and has one home"})
	}
	return problems
}

// checkNamed judges a realm's own list of SSIDs.
func (t *Table) checkNamed(key string, ssids []string) Problems {
	var problems Problems
	for i, ssid := range ssids {
		if _, known := t.ssids[ssid]; !known {
			problems = append(problems, Problem{index(key+".ssids", i), fmt.Sprintf("there is no SSID %q%s", ssid, t.suggestSSID(ssid)), "name an SSID that has an [[ssid]] block; case counts"})
		}
	}
	return problems
}

func (t *Table) checkSSIDs() Problems {
	var problems Problems
	for _, ssid := range slices.Sorted(maps.Keys(t.ssids)) {
		federation := t.ssids[ssid]
		if ssid == "" {
			problems = append(problems, Problem{`ssid.""`, "an SSID without a name", "give it its name"})
		}
		if federation != "" && t.federations[federation] == nil {
			problems = append(problems, Problem{"ssid." + quoted(ssid) + ".federation", fmt.Sprintf("there is no federation %q", federation), fmt.Sprintf("add [federation.%s] with its servers, or correct the name", federation)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.federations)) {
		if t.federations[name] == nil {
			problems = append(problems, Problem{"federation." + name, "nobody answers for it", "give it servers"})
		}
	}
	return problems
}

func realmKey(name string) string { return "realm." + quoted(name) }
