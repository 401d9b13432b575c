package vlan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A reader resolves the names of a Config into a Policy and collects what is
// wrong on the way.
type reader struct {
	cfg      Config
	policy   *Policy
	problems Problems
	warnings Problems

	zoneOf map[string]*zone
	vlanOf map[string]*network

	rulesIncomplete bool // some rule, zone or VLAN did not resolve
}

// read resolves every name. Its policy is proved by nobody yet.
func read(cfg Config) *reader {
	r := &reader{
		cfg: cfg,
		policy: &Policy{
			now:      cfg.Now,
			siteOf:   map[string]*site{},
			ssidOf:   map[string]*ssid{},
			realms:   map[string]int{},
			realmAt:  make([]realm, 1),
			users:    map[string]int{},
			userAt:   make([]user, 1),
			groups:   map[string]int{},
			policies: map[string]int{},
			markAt:   make([]string, 1),
			issuers:  map[string]int{},
			issuerAt: make([]string, 1),
		},
		zoneOf: map[string]*zone{},
		vlanOf: map[string]*network{},
	}
	if r.policy.now == nil {
		r.policy.now = time.Now
	}
	r.readZones()
	r.readVLANs()
	r.rulesIncomplete = len(r.problems) > 0
	r.readRealms()
	r.readSites()
	r.readSSIDs()
	r.readRosters()
	r.readRoaming()
	r.readGuarantees()
	for _, name := range r.cfg.Authorities {
		if r.policy.issuers[name] == 0 {
			r.policy.otherAuthority = name
		}
	}
	r.policy.compile()
	return r
}

func (r *reader) refuse(key, fix, format string, args ...any) {
	r.problems = append(r.problems, Problem{Key: key, Text: fmt.Sprintf(format, args...), Fix: fix})
}

func (r *reader) mention(key, fix, format string, args ...any) {
	r.warnings = append(r.warnings, Problem{Key: key, Text: fmt.Sprintf(format, args...), Fix: fix})
}

func (r *reader) readZones() {
	for _, z := range r.cfg.Zones {
		key := path("zone", z.Name)
		switch {
		case z.Name == "":
			r.refuse(key, `give it a name: [zone] clinical = { trusted = true }`, "a zone has no name")
		case r.zoneOf[z.Name] != nil:
			r.refuse(key, "keep one of them", "zone %s is there twice", z.Name)
		default:
			r.zoneOf[z.Name] = &zone{name: z.Name, trusted: z.Trusted}
			r.policy.zones = append(r.policy.zones, r.zoneOf[z.Name])
		}
	}
}

func (r *reader) readVLANs() {
	for _, v := range r.cfg.VLANs {
		if v.Name == "" {
			r.refuse(path("vlan", v.Name), `give it a name: [vlan] clinical = { id = 110, zone = "clinical" }`, "a vlan has no name")
			continue
		}
		if r.vlanOf[v.Name] != nil {
			r.refuse(path("vlan", v.Name), "keep one of them", "vlan %s is there twice", v.Name)
			continue
		}
		n := &network{index: len(r.policy.vlans), name: v.Name, zone: r.zone(path("vlan", v.Name, "zone"), "vlan "+v.Name+" is in", v.Zone), id: v.ID}
		if v.ID > 4094 {
			r.refuse(path("vlan", v.Name, "id"), "VLAN numbers are 1 to 4094", "vlan %s has number %d", v.Name, v.ID)
		}
		if v.ID != 0 && len(v.Pool) > 0 {
			r.refuse(path("vlan", v.Name, "pool"), "keep one of the two", "vlan %s has both a number and a pool", v.Name)
		}
		n.terms = r.terms(path("vlan", v.Name), v.Name, &terms{}, Local{v.Pool, v.Called, v.Down, v.Up, v.Filter, v.Role, v.Session, v.Idle, v.Interim})
		if len(n.terms.pool) > 0 {
			n.id = n.terms.pool[0]
		}
		if n.zone == nil { // an unknown zone is never compared with a real one
			n.zone = &zone{name: v.Zone}
		}
		r.vlanOf[v.Name] = n
		r.policy.vlans = append(r.policy.vlans, n)
	}
}

func (r *reader) zone(key, says, name string) *zone {
	if z := r.zoneOf[name]; z != nil {
		return z
	}
	if name == "" {
		r.refuse(key, `say which: zone = "…"`, "%s no zone", says)
		return nil
	}
	r.refuse(key, suggest(name, names(r.policy.zones, func(z *zone) string { return z.name }), "add it to [zone]"),
		"%s zone %s, and there is no such zone", says, name)
	return nil
}

func (r *reader) vlan(key, whose, name string) *network {
	if n := r.vlanOf[name]; n != nil {
		return n
	}
	if name == "" {
		r.refuse(key, `say which: vlan = "…"`, "%s names no vlan", whose)
		return nil
	}
	r.refuse(key, suggest(name, names(r.policy.vlans, func(n *network) string { return n.name }), "add it to [vlan]"),
		"%s names vlan %s, and there is no such vlan", whose, name)
	return nil
}

func (r *reader) rate(key, vlan, s string) uint32 {
	n, err := parseRate(s)
	if err != nil {
		r.refuse(key, `write bits in a second: "50M", "512k"`, "vlan %s: %v", vlan, err)
	}
	return n
}

func names[T any](list []T, name func(T) string) []string {
	out := make([]string, len(list))
	for i, item := range list {
		out[i] = name(item)
	}
	return out
}

func (r *reader) readRealms() {
	for _, name := range r.cfg.Own {
		r.realm(name, realm{own: true})
	}
	for _, name := range r.cfg.Partners {
		r.realm(name, realm{})
	}
}

func (r *reader) realm(name string, is realm) {
	key := path("realm", name)
	is.name = strings.ToLower(name)
	if !validRealm(is.name) {
		r.refuse(key, "a realm is a domain name with a dot: northbridge.nhs.uk", "%q is not a realm", name)
		return
	}
	if i := r.policy.realms[is.name]; i != 0 {
		if r.policy.realmAt[i].own != is.own {
			r.refuse(key, "give it a directory or servers, not both", "realm %s is ours and a partner's", is.name)
		}
		return // the same realm twice is one realm
	}
	r.addRealm(is)
}

func (r *reader) addRealm(is realm) int {
	r.policy.realms[is.name] = len(r.policy.realmAt)
	r.policy.realmAt = append(r.policy.realmAt, is)
	return len(r.policy.realmAt) - 1
}

func (r *reader) readSites() {
	if len(r.cfg.Sites) == 0 && len(r.cfg.SSIDs) > 0 {
		r.refuse("site", "add a [[site]] with its [[site.controller]]", "there is no site, so the rules hold nowhere")
	}
	seen := map[string]string{} // controller to site
	for i, s := range r.cfg.Sites {
		if s.Name == "" {
			r.refuse(path("site", i, "name"), `name it as the NOC does: name = "Royal Infirmary"`, "site %d has no name", i+1)
			continue
		}
		if r.policy.siteOf[s.Name] != nil {
			r.refuse(path("site", i, "name"), "keep one of them, with the controllers of both", "site %s is there twice", s.Name)
			continue
		}
		t := &site{index: len(r.policy.sites) + 1, position: i, name: s.Name, programs: map[string]*program{}}
		r.policy.siteOf[s.Name] = t
		r.policy.sites = append(r.policy.sites, t)
		r.readNumbers(i, s, t)
		r.readAgreement(i, s, t)
		for j, c := range s.Controllers {
			r.readController(path("site", i, "controller", j), c, t, seen)
		}
		if len(s.Controllers)+len(s.Behind) == 0 {
			r.mention(path("site", i, "name"), "add a [[site.controller]]", "site %s has no controller, so nobody can ask there", s.Name)
		}
	}
	r.readBehind()
}

// readBehind gives each site the controllers that stand elsewhere and serve it. It
// comes after all sites, which stand in any order.
func (r *reader) readBehind() {
	standing := map[string]*controller{}
	var known []string
	for _, t := range r.policy.sites {
		for _, c := range t.controllers {
			standing[c.name] = c
			known = append(known, c.name)
		}
	}
	serving := make([][]*controller, len(r.policy.sites))
	for n, t := range r.policy.sites {
		t.behind = len(r.cfg.Sites[t.position].Behind) > 0
		for j, name := range r.cfg.Sites[t.position].Behind {
			c := standing[name]
			if c == nil {
				r.refuse(path("site", t.position, "behind", j), suggest(name, known, "name a [[site.controller]] of another site"),
					"%s is behind controller %s, and there is no such controller", t.name, name)
				continue
			}
			if !slices.Contains(t.controllers, c) && !slices.Contains(serving[n], c) {
				serving[n] = append(serving[n], c)
			}
		}
	}
	for n, t := range r.policy.sites {
		t.controllers = append(t.controllers, serving[n]...)
	}
}

func (r *reader) readNumbers(i int, s Site, t *site) {
	t.numbers, t.terms = make([]uint16, len(r.policy.vlans)), make([]*terms, len(r.policy.vlans))
	for k, n := range r.policy.vlans {
		t.numbers[k], t.terms[k] = n.id, n.terms
	}
	r.readLocal(i, s, t)
	for _, name := range slices.Sorted(maps.Keys(s.VLAN)) {
		key := path("site", i, "vlan", name)
		n := r.vlan(key, s.Name, name)
		if n == nil {
			continue
		}
		id := s.VLAN[name]
		if id < 1 || id > 4094 {
			r.refuse(key, "VLAN numbers are 1 to 4094", "vlan %s at %s has number %d", name, s.Name, id)
		}
		if len(s.Local[name].Pool) > 0 {
			r.refuse(key, "keep one of the two", "vlan %s at %s has both a number and a pool", name, s.Name)
		}
		t.numbers[n.index] = id
		if t.terms[n.index].pool != nil { // one number in the place of all
			here := *t.terms[n.index]
			here.pool, t.terms[n.index] = nil, &here
		}
	}
}

func (r *reader) readAgreement(i int, s Site, t *site) {
	a := s.Agreement
	if a == nil {
		return
	}
	t.agreement, t.from, t.until = true, day(a.From), day(a.Until)
	if a.From.IsZero() {
		t.from = 0
	}
	switch today := day(r.policy.now()); {
	case a.Until.IsZero():
		r.refuse(path("site", i, "agreement", "until"), "say the last day: until = 2027-03-31", "the agreement for %s has no end", s.Name)
	case t.from > t.until:
		r.refuse(path("site", i, "agreement", "until"), "give it days in order", "the agreement for %s ends (%s) before it begins (%s)",
			s.Name, a.Until.Format(time.DateOnly), a.From.Format(time.DateOnly))
	case today > t.until:
		r.mention(path("site", i, "agreement", "until"), "renew it or remove the site", "the agreement for %s ended on %s: everybody there is refused", s.Name, a.Until.Format(time.DateOnly))
	case today < t.from:
		r.mention(path("site", i, "agreement", "from"), "nothing to do until then", "the agreement for %s begins on %s: until then everybody there is refused", s.Name, a.From.Format(time.DateOnly))
	case daysTo(a.Until, r.policy.now()) <= 30:
		r.mention(path("site", i, "agreement", "until"), "renew it before then, or take the site out",
			"the agreement for %s ends on %s, %s: everybody there is refused after that day", s.Name, a.Until.Format(time.DateOnly), inDays(daysTo(a.Until, r.policy.now())))
	}
}

// daysTo counts the calendar days from now to a day, 0 for today.
func daysTo(last, now time.Time) int {
	utc := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) // every day has 24 hours there
	}
	return int(utc(last).Sub(utc(now)) / (24 * time.Hour))
}

func inDays(n int) string {
	switch n {
	case 0:
		return "today"
	case 1:
		return "tomorrow"
	}
	return fmt.Sprintf("in %d days", n)
}

// day is the calendar day as a number that orders like it.
func day(t time.Time) int {
	y, m, d := t.Date()
	return y*10000 + int(m)*100 + d
}

func (r *reader) readController(key string, c Controller, t *site, seen map[string]string) {
	if c.Name == "" {
		r.refuse(key+".name", `name it: name = "royal-wlc"`, "a controller at %s has no name", t.name)
		return
	}
	if other, twice := seen[c.Name]; twice {
		r.refuse(key+".name", "give each its own name", "controller %s is at %s and at %s", c.Name, other, t.name)
		return
	}
	seen[c.Name] = t.name
	k := &controller{name: c.Name, key: key, vendor: findVendor(c.Vendor), tag: c.Tag}
	if k.vendor == nil {
		r.refuse(key+".vendor", suggest(c.Vendor, Vendors(), `use "generic", or one of `+strings.Join(Vendors()[1:], ", ")),
			"controller %s has vendor %s, which we do not know", c.Name, c.Vendor)
	}
	if c.Tag != nil && *c.Tag > 31 {
		r.refuse(key+".tag", "a tag is 0 to 31; most controllers want none", "controller %s has tag %d", c.Name, *c.Tag)
	}
	r.readSay(key, c, k)
	switch c.WithoutVLAN {
	case "":
		r.refuse(key+".without_vlan", `say what it does then: without_vlan = "reject", or the vlan where it puts them`,
			"controller %s does not say what it does when a reply names no VLAN", c.Name)
	case "reject":
	default:
		k.fallback = r.vlan(key+".without_vlan", "without_vlan of "+c.Name, c.WithoutVLAN)
	}
	t.controllers = append(t.controllers, k)
}

func (r *reader) readSSIDs() {
	folded := map[string]string{}
	before := len(r.problems)
	for i, s := range r.cfg.SSIDs {
		key := path("ssid", i, "name")
		if s.Name == "" || len(s.Name) > 32 {
			r.refuse(key, "an SSID has 1 to 32 octets", "SSID %q has %d octets", s.Name, len(s.Name))
			continue
		}
		if other, twice := folded[fold(s.Name)]; twice {
			if other == s.Name {
				r.refuse(key, "put all its rules under one of them", "SSID %q is there twice", s.Name)
			} else {
				r.refuse(key, "SSIDs are case-sensitive: two that look alike are one mistake away from each other; rename one",
					"SSIDs %q and %q differ only in case", other, s.Name)
			}
			continue
		}
		folded[fold(s.Name)] = s.Name
		t := &ssid{name: s.Name}
		r.readTaken(i, s, t)
		for j, rl := range s.Rules {
			t.rules = append(t.rules, r.readRule(i, j, s, rl)...)
		}
		if len(s.Rules) == 0 {
			r.mention(key, "add a [[ssid.rule]]", "SSID %q has no rule, so everybody is refused", s.Name)
		}
		r.policy.ssids = append(r.policy.ssids, t)
		r.policy.ssidOf[s.Name] = t
	}
	r.rulesIncomplete = r.rulesIncomplete || len(r.problems) > before
}

func (r *reader) readRule(i, j int, s SSID, source Rule) []*rule {
	before := len(r.problems)
	key := path("ssid", i, "rule", j)
	whose := fmt.Sprintf("rule %d of SSID %q", j+1, s.Name)
	t := &rule{number: j + 1, key: key, label: fmt.Sprintf("%s rule %d", s.Name, j+1), source: source, text: describe(j+1, source)}
	t.who = r.who(key+".who", whose, source.Who)
	if source.SSID != "" && source.SSID != s.Name {
		r.refuse(key+".ssid", "leave it out, or move the rule", "%s says ssid %q", whose, source.SSID)
	}
	t.method = r.method(key+".eap", whose, source.EAP)
	t.site = r.siteIndex(key+".site", whose, source.Site)
	if len(source.OneOf) == 0 {
		t.network = r.vlan(key+".vlan", whose, source.VLAN)
	}
	t.group = r.group(source.Group)
	t.wanted = r.wants(key, whose, source.Device, source.Issuer, source.Policy)
	asks := credentialConditions(source.Device, source.Issuer, source.Policy)
	rules := r.readDeviceRule(key, whose, s, t)
	if !t.forDevices() {
		r.refuseUnseen(key, whose, source.Who, t.who, asks)
		r.refuseByPassword(key+".eap", whose, t.method, asks)
	}
	if !t.answeredHere() && !t.forDevices() {
		if source.Group != "" {
			r.refuse(key+".group", "drop the group, or name one of our own realms",
				"%s asks %s for group %q, and groups come from our own directory only", whose, source.Who, source.Group)
		}
		if t.method != methodHidden {
			r.mention(key+".eap", "drop eap", "%s asks %s for eap %q, which is their home's business: a request that hides it is refused (%s)", whose, source.Who, source.EAP, ErrMethodUnknown)
		}
		if t.audience == oneUser {
			r.mention(key+".who", "name the realm", "%s names %s, whom we do not check: the name outside the tunnel is the visitor's own word", whose, source.Who)
		}
	}
	if len(r.problems) > before {
		return nil
	}
	return rules
}

// describe writes a rule as a sentence names it.
func describe(number int, s Rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "rule %d (who = %q", number, s.Who)
	for _, c := range []struct{ name, value string }{{"eap", s.EAP}, {"device", s.Device}, {"issuer", s.Issuer}, {"policy", s.Policy}, {"group", s.Group}, {"site", s.Site}} {
		if c.value != "" {
			fmt.Fprintf(&b, ", %s = %q", c.name, c.value)
		}
	}
	return b.String() + ")"
}

// answeredHere tells whether only our own people can fit.
func (w who) answeredHere() bool {
	return w.audience == ownPeople || (w.audience == oneRealm || w.audience == oneUser) && w.own
}

func (r *reader) who(key, whose, name string) who {
	switch name {
	case "own":
		return who{audience: ownPeople}
	case "visitor":
		return who{audience: visitors}
	case "":
		r.refuse(key, `say whom: who = "visitor", who = "@northbridge.nhs.uk"`, "%s is for nobody", whose)
		return who{}
	}
	if w, is := r.devices(key, whose, name); is {
		return w
	}
	at := strings.LastIndexByte(name, '@')
	if at < 0 {
		fix := suggest(name, []string{"own", "visitor", devicesWord}, `use "own", "visitor", "@realm", "user@realm" or "devices LIST"`)
		if validRealm(name) {
			fix = fmt.Sprintf("did you mean %q?", "@"+name)
		}
		r.refuse(key, fix, "%s is for %q, which is neither a realm nor a user", whose, name)
		return who{}
	}
	person, domain := name[:at], strings.ToLower(name[at+1:])
	if strings.Contains(person, "@") || !validRealm(domain) {
		r.refuse(key, `write "@realm" or "user@realm"`, "%s is for %q, which is neither a realm nor a user", whose, name)
		return who{}
	}
	i := r.policy.realms[domain]
	if i == 0 {
		if r.policy.isOurs(domain) {
			r.refuse(key, fmt.Sprintf("add [realm.%q], or name the realm above it", domain), "%s is for realm %s, which is below one of ours and answered nowhere", whose, domain)
			return who{}
		}
		if configured := append(slices.Clone(r.cfg.Own), r.cfg.Partners...); nearlySame(domain, configured) {
			r.mention(key, suggest(domain, configured, ""), "%s is for realm %s, which has no [realm] of its own: its people are visitors", whose, domain)
		}
		i = r.addRealm(realm{name: domain})
	}
	w := who{audience: oneRealm, realm: i, own: r.policy.realmAt[i].own}
	if person != "" {
		folded := fold(person + "@" + domain)
		if r.policy.users[folded] == 0 {
			r.policy.users[folded] = len(r.policy.userAt)
			r.policy.userAt = append(r.policy.userAt, user{name: person + "@" + domain, realm: i})
		}
		w.audience, w.user = oneUser, r.policy.users[folded]
	}
	return w
}

// nearlySame tells a slip of the finger from another organisation.
func nearlySame(name string, known []string) bool {
	return slices.ContainsFunc(known, func(k string) bool { return edits(name, strings.ToLower(k)) <= 2 })
}

func (r *reader) method(key, whose, name string) method {
	m := methodOf(name)
	if m == methodOther {
		r.refuse(key, suggest(name, methodNames[methodTLS:methodOther], `use "tls", "ttls", "peap", "teap" or "pap"`), "%s asks for eap %q, which is no method of ours", whose, name)
	}
	return m
}

func (r *reader) siteIndex(key, whose, name string) int {
	if s := r.policy.siteOf[name]; s != nil {
		return s.index
	}
	if name != "" {
		r.refuse(key, suggest(name, names(r.policy.sites, func(s *site) string { return s.name }), "add a [[site]]"),
			"%s is for site %s, and there is no such site", whose, name)
	}
	return 0
}

func (r *reader) group(name string) int {
	if name == "" {
		return 0
	}
	return number(&r.policy.markAt, r.policy.groups, fold(name), name)
}

// number gives a name its number, from 1; it has it already when it was named
// before. The key is how it is found, the name how it is printed.
func number(at *[]string, numbers map[string]int, key, name string) int {
	if numbers[key] == 0 {
		numbers[key] = len(*at)
		*at = append(*at, name)
	}
	return numbers[key]
}
