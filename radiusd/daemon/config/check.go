package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// minSecret is the fewest characters of a shared secret (S19).
const minSecret = 16

// check judges what no room can, because it spans rooms or needs the words of the
// file.
func (f *File) check() Problems {
	c := &checker{File: f}
	for _, judge := range []func(){
		c.server, c.eap, c.directories, c.shared, c.realms, c.federations, c.vlans, c.ssids, c.sites, c.clients, c.guarantees, c.log, c.tests,
	} {
		judge()
	}
	return c.problems
}

type checker struct {
	*File
	problems Problems
}

// wrong adds a problem.
func (c *checker) wrong(key, fix, format string, args ...any) {
	c.problems = append(c.problems, c.Place(key, fmt.Sprintf(format, args...), fix))
}

// meant says what the last problem's key was probably meant to be.
func (c *checker) meant(as string) { c.problems[len(c.problems)-1].Meant = as }

func (c *checker) warn(key, fix, format string, args ...any) {
	c.Warnings = append(c.Warnings, c.Place(key, fmt.Sprintf(format, args...), fix))
}

// defined reports a name that nothing defines.
func (c *checker) defined(key, what, name string, names []string, fix string) bool {
	if slices.Contains(names, name) {
		return true
	}
	c.wrong(key, fix, "there is no %s %q", what, name)
	if near := nearest(name, names); near != "" {
		c.meant(strconv.Quote(near))
	}
	return false
}

// oneOf reports a word that is none of words.
func (c *checker) oneOf(key, word string, words ...string) bool {
	if slices.Contains(words, word) {
		return true
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	c.wrong(key, "write "+strings.Join(quoted, " or "), "%s cannot be %q", nameOf(key), word)
	if near := nearest(word, words); near != "" {
		c.meant(strconv.Quote(near))
	}
	return false
}

// present reports whether the admin wrote key.
func (c *checker) present(key string) bool {
	_, ok := c.places.places[key]
	return ok
}

func (c *checker) server() {
	if c.present("version") && c.Version != 1 {
		c.wrong("version", "write version = 1, or run a radiusd that reads it", "version is %d; this radiusd reads version 1", c.Version)
	}
	if c.Server.Conversations < 1 {
		c.wrong("server.conversations", "leave it out for 20000", "conversations is %d: nobody could log in", c.Server.Conversations)
	}
	taken := map[string]string{}
	for _, l := range []struct {
		key  string
		list List
	}{{"server.listen.auth", c.Server.Listen.Auth}, {"server.listen.acct", c.Server.Listen.Acct}} {
		if len(l.list) == 0 {
			c.wrong(l.key, "leave it out for the standard port", "%s names no address", lastKey(l.key))
		}
		for i, address := range l.list {
			key := l.key
			if c.present(at(key, i)) {
				key = at(key, i)
			}
			c.listen(key, address)
			if first, twice := taken[address]; twice && !strings.HasSuffix(address, ":0") {
				c.wrong(key, "give each its own address", "%s and %s both listen on %s", lastKey(first), lastKey(l.key), address)
			}
			taken[address] = l.key
		}
	}
	if c.Server.OperatorName != "" {
		c.operator("server.operator_name", c.Server.OperatorName)
	}
}

func (c *checker) listen(key, address string) {
	const fix = `write ":1812" for every address of this machine, or "10.1.2.3:1812" for one`
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		c.wrong(key, fix, "%q is not an address to listen on", address)
		return
	}
	if host != "" && net.ParseIP(strings.SplitN(host, "%", 2)[0]) == nil {
		c.wrong(key, fix, "%q is not an IP address of this machine", host)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		c.wrong(key, fix, "%q is not a port", port)
	} else if strings.HasPrefix(port, "0") && n != 0 {
		c.wrong(key, fix, "port %s begins with a 0", port)
	}
}

// operator judges a realm that Operator-Name carries (RFC 5580, section 4.1).
func (c *checker) operator(key, name string) {
	if !domain(name) {
		c.wrong(key, `write the realm of your organisation, as "northbridge.nhs.uk"`, "operator_name %q is not a realm", name)
	}
}

func domain(name string) bool {
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label || strings.ContainsFunc(label, func(r rune) bool { return !bare(r) || r == '_' }) {
			return false
		}
	}
	return len(labels) > 1 && len(name) <= 252
}

func (c *checker) eap() {
	for i, method := range c.EAP.Methods {
		key := at("eap.methods", i)
		if c.oneOf(key, method, "tls", "ttls", "peap", "pap") && slices.Contains(c.EAP.Methods[:i], method) {
			c.wrong(key, "keep one", "%q is in methods twice", method)
		}
	}
	if n := c.EAP.FragmentSize; n < 100 || n > 1398 {
		c.wrong("eap.fragment_size", "leave it out for 1020", "fragment_size is %d; it is 100 to 1398", n)
	}
	own := slices.SortedFunc(maps.Keys(c.Realm), strings.Compare)
	own = slices.DeleteFunc(own, func(name string) bool { return c.Realm[name].Directory == "" })
	if len(own) == 0 {
		return
	}
	if !c.present("eap") {
		c.wrong(under("realm", own[0])+".directory", "add [eap] with methods, certificate and private_key",
			"the people of %s log in here, but there is no [eap]", own[0])
		return
	}
	c.hashes(own)
	if len(c.EAP.Methods) == 0 {
		c.wrong("eap.methods", "add "+examples["eap.methods"], "[eap] offers no methods")
	}
	tunnels := slices.ContainsFunc(c.EAP.Methods, func(m string) bool { return m == "tls" || m == "ttls" || m == "peap" })
	for _, need := range []struct{ key, value string }{{"certificate", c.EAP.Certificate}, {"private_key", c.EAP.PrivateKey}} {
		if tunnels && !c.present("eap."+need.key) {
			c.wrong("eap."+need.key, "add "+examples["eap."+need.key], "[eap] has no %s", need.key)
		}
	}
	if i := slices.Index(c.EAP.Methods, "tls"); i >= 0 && !c.present("eap.client_ca") {
		c.wrong(at("eap.methods", i), "add "+examples["eap.client_ca"]+`, or take "tls" out`,
			`methods offers "tls", but there is no client_ca to check certificates with`)
	}
}

// hashes warns of realms whose directory cannot serve PEAP, which is offered.
func (c *checker) hashes(own []string) {
	i := slices.Index(c.EAP.Methods, "peap")
	if i < 0 {
		return
	}
	for _, realm := range own {
		name := c.Realm[realm].Directory
		if d, known := c.Directory[name]; known && d.Kind == "ldap" && d.NTHashAttribute == "" {
			c.warn(at("eap.methods", i), `take "peap" out, or add nt_hash_attribute to [`+under("directory", name)+`]`,
				`"peap" is offered, but directory %s has no NT hashes for it: nobody of %s gets in with PEAP`, name, realm)
		}
	}
}

// shared refuses realms that one LDAP directory serves and a rule tells apart,
// when the directory finds a person whichever of the realms they type: whoever is
// in it could choose the realm, and with it the rule.
func (c *checker) shared() {
	told := c.toldApart()
	for _, name := range slices.Sorted(maps.Keys(c.Directory)) {
		d := c.Directory[name]
		if d.Kind != "ldap" || tellsRealms(d.UserFilter) {
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
			c.unused(key, d.Kind, "path")
			c.ldap(key, d)
		case "file":
			c.unused(key, d.Kind, ldapKeys()...)
			if !c.present(key + ".path") {
				c.wrong(key, "add "+examples["directory.*.path"], "[%s] has no path", key)
			}
		case "":
		default:
			if c.present(key + ".kind") {
				c.oneOf(key+".kind", d.Kind, "ldap", "file")
			}
		}
		if !slices.ContainsFunc(slices.Collect(maps.Values(c.Realm)), func(r Realm) bool { return r.Directory == name }) {
			c.warn(key, "give it a realm, or take it out", "no realm uses directory %q", name)
		}
	}
}

// unused refuses keys that mean nothing to a directory of this kind.
func (c *checker) unused(key, kind string, keys ...string) {
	for _, k := range keys {
		if c.present(key + "." + k) {
			c.problems = append(c.problems, c.placeKey(key+"."+k,
				fmt.Sprintf("%s means nothing to a directory of kind %q", k, kind), "take it out, or correct the kind"))
		}
	}
}

func (c *checker) realms() {
	directories := slices.Sorted(maps.Keys(c.Directory))
	for _, name := range slices.Sorted(maps.Keys(c.Realm)) {
		r, key := c.Realm[name], under("realm", name)
		own, partner := c.present(key+".directory"), c.present(key+".servers")
		switch {
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
		if partner && !own {
			for _, k := range []string{"subrealms", "roaming"} {
				if c.present(key + "." + k) {
					c.problems = append(c.problems, c.placeKey(key+"."+k, k+" is for realms of ours, and this one has servers", "take it out"))
				}
			}
		}
		c.upstreams(key, r.Servers)
	}
}

func (c *checker) federations() {
	used := map[string]bool{}
	for _, s := range c.SSID {
		used[s.Federation] = true
	}
	for _, name := range slices.Sorted(maps.Keys(c.Federation)) {
		fed, key := c.Federation[name], under("federation", name)
		if c.present(key + ".transport") {
			c.oneOf(key+".transport", fed.Transport, "udp")
		}
		if !c.present(key+".servers") && !c.present(key+".clients") {
			c.wrong(key, "add "+examples["federation.*.servers"], "federation %s has no servers", name)
		} else if c.present(key+".servers") && len(fed.Servers) == 0 {
			c.wrong(key+".servers", "write "+examples["federation.*.servers"], "federation %s has no servers", name)
		}
		if !used[name] && c.present(key+".servers") {
			c.warn(key, `write federation = "`+name+`" in an [[ssid]], or take it out`, "no SSID uses federation %q", name)
		}
		c.upstreams(key, fed.Servers)
	}
}

// vlans tells id = 0 from no id, which the room vlan cannot.
func (c *checker) vlans() {
	for _, name := range slices.Sorted(maps.Keys(c.VLAN)) {
		if key := under("vlan", name) + ".id"; c.VLAN[name].ID == 0 && c.present(key) {
			c.wrong(key, "a VLAN number is 1 to 4094", "id is 0")
		}
	}
}

// upstreams judges the servers of a partner or a federation.
func (c *checker) upstreams(key string, servers []Upstream) {
	seen := map[string]int{}
	for i, s := range servers {
		here := at(key+".servers", i)
		if s.Address != "" {
			c.hostPort(here+".address", s.Address)
			if first, twice := seen[s.Address]; twice {
				c.wrong(here+".address", "keep one", "%s is number %d of these servers already", s.Address, first+1)
			}
			seen[s.Address] = i
		}
		if n := len(s.Secret.Reveal()); n > 0 && n < minSecret && !c.Unreadable(here+".secret") {
			c.warn(here+".secret", "agree on a longer one with its operator", "this secret has %d characters, fewer than %d: a single packet is enough to guess it", n, minSecret)
		}
		if s.WithoutMessageAuthenticator {
			c.warn(here+".without_message_authenticator", "ask its operator for Message-Authenticator, and take this out",
				"whoever stands between this server and us can turn its Reject into an Accept (CVE-2024-3596)")
		}
	}
}

// hostPort judges the address of another server: a name or IP address, with or
// without a port.
func (c *checker) hostPort(key, address string) {
	const fix = `write it as "192.0.2.10", "192.0.2.10:1812" or "radius1.example.net:1812"`
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = strings.Trim(address, "[]"), "1812"
	}
	_, notIP := netip.ParseAddr(host)
	n, notPort := strconv.ParseUint(port, 10, 16)
	switch {
	case strings.Contains(address, "://"):
		c.wrong(key, fix, "%q is a URL, not an address", address)
	case strings.Contains(address, "/"):
		c.wrong(key, fix, "%q is a range: a server has one address", address)
	case notIP != nil && digitsAndDots(host):
		c.wrong(key, fix, "%q is not an IP address", host)
	case notIP != nil && !hostName(host):
		c.wrong(key, fix, "%q names no host", address)
	case notPort != nil || n == 0:
		c.wrong(key, fix, "%q is not a port", port)
	}
}

func digitsAndDots(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
}

func hostName(s string) bool {
	return s != "" && len(s) <= 253 && !strings.ContainsFunc(s, func(r rune) bool { return r != '.' && !bare(r) })
}

func (c *checker) ssids() {
	federations := slices.Sorted(maps.Keys(c.Federation))
	seen := map[string]int{}
	for i, s := range c.SSID {
		key := at("ssid", i)
		if s.Name != "" {
			c.name(key+".name", s.Name)
			if len(s.Name) > 32 {
				c.wrong(key+".name", "write the name as the access points send it", "an SSID has at most 32 octets; this one has %d", len(s.Name))
			}
			c.once(key+".name", "SSID", s.Name, seen, i, "ssid")
		}
		if s.Federation != "" && c.defined(key+".federation", "federation", s.Federation, federations,
			fmt.Sprintf("add [federation.%s] with its servers, or correct the name", quoteKey(s.Federation))) {
			if fed := under("federation", s.Federation); !c.present(fed + ".servers") {
				c.wrong(key+".federation", "add its servers, or take this out", "federation %s has no servers: visitors of SSID %q could not be asked about", s.Federation, s.Name)
			}
		}
		if len(s.Rule) == 0 && !c.present(key+".rule") {
			c.warn(key, "add [[ssid.rule]]", "SSID %q has no rules: everybody is rejected", s.Name)
		}
	}
}

// once reports a name that is used twice in an array of tables.
func (c *checker) once(key, what, name string, seen map[string]int, i int, array string) {
	first, twice := seen[name]
	if !twice {
		seen[name] = i
		return
	}
	p, _, _ := c.places.find(at(array, first))
	c.wrong(key, "give each its own name, or put the two together", "%s %q is written twice; the first is %s", what, name, c.where(p, key))
}

// where says where p is, seen from key.
func (c *checker) where(p place, key string) string {
	if here, _, _ := c.places.find(key); here.source == p.source {
		return fmt.Sprintf("on line %d", p.line())
	}
	return fmt.Sprintf("on line %d of %s", p.line(), p.source.name)
}

// name reports what nobody sees in a name and no controller sends.
func (c *checker) name(key, name string) {
	switch {
	case strings.ContainsFunc(name, unicode.IsControl):
		c.wrong(key, "type it again", "%s %q holds a tab or another character that does not show", lastKey(key), name)
	case strings.TrimSpace(name) != name:
		c.wrong(key, fmt.Sprintf("write %s", strconv.Quote(strings.TrimSpace(name))), "%s %q begins or ends with a space", lastKey(key), name)
	}
}

func (c *checker) sites() {
	seen := map[string]int{}
	for i, s := range c.Site {
		key := at("site", i)
		if s.Name != "" {
			c.name(key+".name", s.Name)
			c.once(key+".name", "site", s.Name, seen, i, "site")
		}
		if s.OperatorName != "" {
			c.operator(key+".operator_name", s.OperatorName)
		}
		if a := s.Agreement; a != nil && !a.From.IsZero() && !a.Until.IsZero() && a.Until.Before(a.From) {
			c.wrong(key+".agreement.until", "correct one of the two", "this agreement ends (%s) before it begins (%s)", a.Until.Format("2006-01-02"), a.From.Format("2006-01-02"))
		}
		if !c.present(key + ".controller") {
			c.warn(key, "add [[site.controller]]", "site %q has no controller: nobody can log in there", s.Name)
		}
	}
	ssids := make([]string, len(c.SSID))
	for i, s := range c.SSID {
		ssids[i] = s.Name
	}
	for i, s := range c.Site {
		for j, w := range s.Controller {
			if key := at(at("site", i)+".controller", j) + ".ssid"; w.SSID != "" {
				c.defined(key, "SSID", w.SSID, ssids, "name an SSID that has an [[ssid]] block; case counts")
			}
		}
	}
}

// A client is whatever may ask us: a controller or a national proxy.
type client struct {
	key, name, address, secret string
	weak, unsigned             bool
}

func (c *checker) everyClient() []client {
	var all []client
	for i, s := range c.Site {
		for j, w := range s.Controller {
			all = append(all, client{at(at("site", i)+".controller", j), w.Name, w.Address, w.Secret.Reveal(), w.WeakSecret, w.WithoutMessageAuthenticator})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Federation)) {
		for i, p := range c.Federation[name].Clients {
			if p.Name == "" {
				p.Name = fmt.Sprintf("%s proxy %d", name, i+1)
			}
			all = append(all, client{at(under("federation", name)+".clients", i), p.Name, p.Address, p.Secret.Reveal(), p.WeakSecret, p.WithoutMessageAuthenticator})
		}
	}
	return all
}

// clients holds S19: the room transport refuses the same, but cannot point at it.
func (c *checker) clients() {
	all := c.everyClient()
	if len(all) == 0 && !c.present("site") && !c.present("federation") {
		c.wrong("", "add [[site]] with a [[site.controller]]", "there is no controller: nobody may ask this server")
	}
	names, ranges := map[string]client{}, map[netip.Prefix]client{}
	for _, w := range all {
		if w.name != "" {
			c.name(w.key+".name", w.name)
			if first, twice := names[w.name]; twice {
				p, _, _ := c.places.find(first.key)
				c.wrong(w.key+".name", "give each its own name", "controller %q is written twice; the first is %s", w.name, c.where(p, w.key))
			}
			names[w.name] = w
		}
		if w.address != "" {
			if p, ok := c.clientAddress(w.key+".address", w.address); ok {
				if first, twice := ranges[p]; twice {
					c.wrong(w.key+".address", "remove one, or narrow it", "%s and %s both have the address %s", first.name, w.name, p)
				}
				ranges[p] = w
			}
		}
		c.clientSecret(w)
		if w.unsigned {
			c.warn(w.key+".without_message_authenticator", "update the controller, and take this out",
				"requests of %s are heard without Message-Authenticator: others can forge them (CVE-2024-3596)", w.name)
		}
	}
}

func (c *checker) clientAddress(key, address string) (netip.Prefix, bool) {
	const fix = `write "10.20.0.10" for one controller, "10.44.0.0/28" for a range, or IPv6 likewise`
	p, err := prefix(address)
	if err != nil {
		c.wrong(key, fix, "%q is not an IP address or a range", address)
		return p, false
	}
	if masked := p.Masked(); p != masked {
		c.wrong(key, fmt.Sprintf("write %q for the range, or %q for the host alone", masked, p.Addr()), "%s is a host inside a range", p)
		return p, false
	}
	if p.Bits() == 0 {
		c.wrong(key, fix, "%s is everybody", p)
		return p, false
	}
	return p, true
}

func (c *checker) clientSecret(w client) {
	n, key := len(w.secret), w.key+".secret"
	if n == 0 || n >= minSecret || c.Unreadable(key) {
		return
	}
	if w.weak {
		c.warn(key, "give the controller a longer one when it can", "this secret has %d characters, fewer than %d", n, minSecret)
		return
	}
	c.wrong(key, "use a longer one, or write weak_secret = true for a controller that cannot", "this secret has %d characters, fewer than %d", n, minSecret)
}

func (c *checker) guarantees() {
	for i := range c.Guarantee {
		key := at("guarantee", i)
		if !c.present(key+".never") && !c.present(key+".only") {
			c.wrong(key, "add "+examples["guarantee[].never"], "this guarantee promises nothing")
		}
	}
}

func (c *checker) log() {
	if c.present("log.format") {
		c.oneOf("log.format", c.Log.Format, "text", "json")
	}
}

func (c *checker) tests() {
	var sites []string
	for _, s := range c.Site {
		sites = append(sites, s.Name)
	}
	for i, t := range c.Test {
		key := at("test", i)
		if t.Given.Site != "" {
			c.defined(key+".given.site", "site", t.Given.Site, sites, "name a [[site]]")
		}
		if t.Given.EAP != "" {
			c.oneOf(key+".given.eap", t.Given.EAP, "tls", "ttls", "peap", "pap")
		}
		if t.Expect.Outcome != "" {
			c.oneOf(key+".expect.outcome", t.Expect.Outcome, "accept", "reject")
		}
		if t.Expect.Zone != "" {
			c.defined(key+".expect.zone", "zone", t.Expect.Zone, slices.Sorted(maps.Keys(c.Zone)), "name a zone of [zone]")
		}
		if c.present(key+".expect") && t.Expect == (Expect{}) && !c.present(key+".expect.vlan") {
			c.wrong(key+".expect", "add "+examples["test[].expect"], "this test expects nothing")
		}
	}
}
