package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// hashes warns of realms whose directory cannot serve what is offered.
func (c *checker) hashes(own []string) {
	peap := slices.Index(c.EAP.Methods, "peap")
	mschap, chap := slices.Index(c.EAP.Inner, "mschap"), slices.Index(c.EAP.Inner, "chap")
	for _, realm := range own {
		name := c.Realm[realm].Directory
		d, known := c.Directory[name]
		if known && d.Kind == "ad" {
			c.beyondDomains(name)
		}
		if !known || d.Kind != "ldap" {
			continue
		}
		where := "[" + under("directory", name) + "]"
		if peap >= 0 && c.EAP.Inner == nil && d.NTHashAttribute == "" {
			fix := "add nt_hash_attribute to " + where
			if d.Schema == "ad" {
				fix = `write kind = "ad"`
			}
			c.warn(at("eap.methods", peap), `take "peap" out, or `+fix,
				`"peap" is offered, but directory %s has no NT hashes for it: nobody of %s gets in with PEAP`, name, realm)
		}
		if mschap >= 0 && d.NTHashAttribute == "" {
			c.warn(at("eap.inner", mschap), `take "mschap" out, or add nt_hash_attribute to `+where,
				`"mschap" is allowed, but directory %s has no NT hashes for it`, name)
		}
		if chap >= 0 && d.ClearAttribute == "" {
			c.warn(at("eap.inner", chap), `take "chap" out, or add clear_password_attribute to `+where,
				`"chap" is allowed, but directory %s has no passwords in the clear for it`, name)
		}
	}
}

// beyondDomains warns of what no domain controller judges for us.
func (c *checker) beyondDomains(name string) {
	for method, why := range map[string]string{"mschap": "MS-CHAP of its first version", "chap": "CHAP"} {
		if i := slices.Index(c.EAP.Inner, method); i >= 0 {
			c.warn(at("eap.inner", i), fmt.Sprintf("take %q out", method), `%q is allowed, but directory %s judges no %s`, method, name, why)
		}
	}
}

// shared refuses realms that one directory of a kind with filters serves and a rule tells apart,
// when the directory finds a person whichever of the realms they type: whoever is
// in it could choose the realm, and with it the rule.
func (c *checker) shared() {
	told := c.toldApart()
	for _, name := range slices.Sorted(maps.Keys(c.Directory)) {
		d := c.Directory[name]
		if d.Kind == "file" || d.Kind == "placements" || tellsRealms(d.UserFilter) {
			continue
		}
		var served []string
		for _, realm := range slices.Sorted(maps.Keys(c.Realm)) {
			if r := c.Realm[realm]; r.Directory == name {
				served = append(append(served, strings.ToLower(realm)), r.Subrealms...)
			}
		}
		if len(served) < 2 || !slices.ContainsFunc(served, func(realm string) bool { return told[strings.ToLower(realm)] }) {
			continue
		}
		c.wrong(under("directory", name), `write user_filter with {realm}, or with {name} alone, as "(mail={name})"; or write who = "own" in the rules`,
			"directory %s finds the same person as any of %s, and a rule tells these realms apart: people could choose", name, strings.Join(served, ", "))
	}
}

// tellsRealms tells whether an LDAP filter finds a person by one realm only: an
// OR does when every branch does, an AND when any does, an assertion when it
// holds the realm. What it cannot read does not; the directory refuses it later.
func tellsRealms(filter string) bool {
	inner, opened := strings.CutPrefix(strings.TrimSpace(filter), "(")
	inner, closed := strings.CutSuffix(inner, ")")
	if !opened || !closed || inner == "" {
		return false
	}
	if kind := inner[0]; kind == '&' || kind == '|' {
		branches := branchesOf(inner[1:])
		if kind == '&' {
			return slices.ContainsFunc(branches, tellsRealms)
		}
		return len(branches) > 0 && !slices.ContainsFunc(branches, func(b string) bool { return !tellsRealms(b) })
	}
	return inner[0] != '!' && (strings.Contains(inner, "{realm}") || strings.Contains(inner, "{name}"))
}

// branchesOf are the filters that stand side by side.
func branchesOf(list string) (branches []string) {
	depth, start := 0, 0
	for i, c := range list {
		switch c {
		case '(':
			if depth++; depth == 1 {
				start = i
			}
		case ')':
			if depth--; depth == 0 {
				branches = append(branches, list[start:i+1])
			}
		}
	}
	return branches
}

// toldApart are the realms that a rule or a guarantee names.
func (c *checker) toldApart() map[string]bool {
	told := map[string]bool{}
	note := func(who string) {
		if _, realm, named := strings.Cut(who, "@"); named {
			told[strings.ToLower(realm)] = true
		}
	}
	for _, s := range c.SSID {
		for _, r := range s.Rule {
			note(r.Who)
		}
	}
	for _, r := range c.Roaming {
		note(r.Who)
	}
	for _, g := range c.Guarantee {
		note(g.Who)
	}
	return told
}

func (c *checker) directories() {
	for _, name := range slices.Sorted(maps.Keys(c.Directory)) {
		d, key := c.Directory[name], under("directory", name)
		switch d.Kind {
		case "ldap":
			c.unused(key, d.Kind, slices.Concat([]string{"path"}, domainKeys, placementKeys)...)
			c.ldap(key, d)
		case "ad":
			c.unused(key, d.Kind, slices.Concat([]string{"path"}, notOfDomains, placementKeys)...)
			c.domain(key, d)
		case "file":
			c.unused(key, d.Kind, serverKeys()...)
			if !c.present(key + ".path") {
				c.wrong(key, "add "+examples["directory.*.path"], "[%s] has no path", key)
			}
		case "placements":
			c.unused(key, d.Kind, serverKeys(placementKeys...)...)
			c.placements(key, d)
		case "":
		default:
			if c.present(key + ".kind") {
				c.oneOf(key+".kind", d.Kind, "ad", "ldap", "file", "placements")
			}
		}
		if !slices.ContainsFunc(slices.Collect(maps.Values(c.Realm)), func(r Realm) bool { return r.Directory == name }) &&
			!slices.ContainsFunc(c.EAP.Authority, func(a Authority) bool { return a.Directory == name }) {
			c.warn(key, "give it a realm, or take it out", "no realm uses directory %q", name)
		}
	}
}

// unused refuses keys that mean nothing to a directory of this kind.
func (c *checker) unused(key, kind string, keys ...string) {
	c.misplaced(key, fmt.Sprintf("means nothing to a directory of kind %q", kind), "take it out, or correct the kind", keys...)
}

func (c *checker) realms() {
	directories := slices.Sorted(maps.Keys(c.Directory))
	for _, name := range slices.Sorted(maps.Keys(c.Realm)) {
		r, key := c.Realm[name], under("realm", name)
		own, partner := c.present(key+".directory"), c.present(key+".servers")
		switch {
		case r.Core:
			c.ofTheCore(key)
			own = true
		case own && partner:
			c.problems = append(c.problems, c.placeKey(key+".servers",
				fmt.Sprintf("realm %s has a directory and servers", name), "keep directory for people of ours, servers for a partner's"))
		case own && r.Directory != "":
			c.defined(key+".directory", "directory", r.Directory, directories, fmt.Sprintf("add [directory.%s], or correct the name", quoteKey(r.Directory)))
		case own:
			c.wrong(key+".directory", `write directory = "trust"`, "directory is empty")
		case partner && len(r.Servers) == 0:
			c.wrong(key+".servers", "write "+examples["realm.*.servers"], "realm %s has no servers", name)
		case !own && !partner:
			c.wrong(key, `add directory = "trust" for people of ours, or servers for a partner's`, "nobody answers for realm %s", name)
		}
		if own && !partner {
			c.misplaced(key, "is for partners, and this realm's people are ours", "take it out", "balance", "fall_back")
		}
		c.balance(key, r.Balance)
		if partner && !own {
			c.misplaced(key, "is for realms of ours, and this one has servers", "take it out", "subrealms", "computers", "roaming")
		}
		if own && c.present(key+".probe") {
			c.problems = append(c.problems, c.placeKey(key+".probe", "probe is for realms with servers, and this one has a directory",
				"probe with its test account through a federation: [[federation.eduroam.probe]]"))
		}
		for i, name := range r.Computers {
			if !domain(name) {
				c.wrong(at(key+".computers", i), `write the domain in their names: of host/pc01.ad.northbridge.nhs.uk it is "ad.northbridge.nhs.uk"`, "%q is no domain of computers", name)
			}
		}
		c.upstreams(key, Federation{}, r.Servers)
		if !own {
			c.probes(key, r.Probe, r.Servers)
		}
	}
}

// balance judges how new conversations are spread over servers.
func (c *checker) balance(key, value string) {
	if c.present(key + ".balance") {
		c.oneOf(key+".balance", value, "primary", "least-loaded")
	}
}

func (c *checker) federations() {
	used := map[string]bool{}
	for _, s := range c.SSID {
		used[s.Federation] = true
	}
	for _, name := range slices.Sorted(maps.Keys(c.Federation)) {
		fed, key := c.Federation[name], under("federation", name)
		c.federationTransport(key, fed)
		c.balance(key, fed.Balance)
		if !c.present(key+".servers") && !c.present(key+".clients") {
			c.wrong(key, "add "+examples["federation.*.servers"], "federation %s has no servers", name)
		} else if c.present(key+".servers") && len(fed.Servers) == 0 {
			c.wrong(key+".servers", "write "+examples["federation.*.servers"], "federation %s has no servers", name)
		}
		if !used[name] && c.present(key+".servers") {
			c.warn(key, `write federation = "`+name+`" in an [[ssid]], or take it out`, "no SSID uses federation %q", name)
		}
		c.upstreams(key, fed, fed.Servers)
		if c.present(key + ".fticks") {
			c.fticks(key+".fticks", fed)
		}
		if fed.Discovery != nil {
			c.discovery(key, fed)
		}
		c.probes(key, fed.Probe, fed.Servers)
	}
}
