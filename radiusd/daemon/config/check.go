package config

import (
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// minSecret is the fewest characters of a shared secret (S19).
const minSecret = 16

// check judges what no room can, because it spans rooms or needs the words of the
// file.
func (f *File) check() Problems {
	c := &checker{File: f}
	for _, judge := range []func(){
		c.server, c.mode, c.radsec, c.store, c.eap, c.resumption, c.authorities, c.directories, c.shared, c.realms, c.federations, c.devices, c.vlans, c.ssids, c.sites, c.accessPoints, c.clients, c.withdrawals, c.credentials, c.guarantees, c.roaming, c.ruleNames, c.log, c.tests,
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

// misplaced refuses keys that have no business in their table. says follows each key.
func (c *checker) misplaced(table, says, fix string, keys ...string) {
	for _, k := range keys {
		if c.present(table + "." + k) {
			c.problems = append(c.problems, c.placeKey(table+"."+k, k+" "+says, fix))
		}
	}
}

// identifier judges an object identifier.
func (c *checker) identifier(key, text, example string) {
	if oid, err := x509.ParseOID(text); err != nil || oid.String() != text {
		c.wrong(key, "write numbers with dots between them: "+strconv.Quote(example), "%q is no object identifier", text)
	}
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
		tcp  bool // whose ports are others than those of UDP; and nothing is heard there unless it is written
	}{
		{"server.listen.auth", c.Server.Listen.Auth, false}, {"server.listen.acct", c.Server.Listen.Acct, false},
		{radsecListen, c.Server.Listen.RadSec, true}, {metricsListen, c.Server.Listen.Metrics, true},
	} {
		if len(l.list) == 0 && !l.tcp {
			c.wrong(l.key, "leave it out for the standard port", "%s names no address", lastKey(l.key))
		}
		for i, address := range l.list {
			key := l.key
			if c.present(at(key, i)) {
				key = at(key, i)
			}
			c.listen(key, address)
			if l.key == metricsListen {
				c.readable(key, address)
			}
			kind := address
			if l.tcp {
				kind = "tcp " + address
			}
			if first, twice := taken[kind]; twice && !strings.HasSuffix(address, ":0") {
				c.wrong(key, "give each its own address", "%s and %s both listen on %s", lastKey(first), lastKey(l.key), address)
			}
			taken[kind] = l.key
		}
	}
	const longest = 5 * time.Second
	switch delay := time.Duration(c.Server.RejectDelay); {
	case delay > longest:
		c.wrong("server.reject_delay", `write "1s"`, "reject_delay is %s; controllers repeat themselves after %s and take a server that is silent for dead", delay, longest)
	case delay == 0:
		c.warn("server.reject_delay", "leave it out for 1s", "rejects go out at once: devices with an old password ask as fast as they can, and an unknown name is told from a wrong password by the time")
	}
	if c.Server.OperatorName != "" {
		c.operator("server.operator_name", c.Server.OperatorName)
	}
	c.cuiKey()
	c.rejectStorm()
}

// rejectStorm judges when devices of visitors are answered here.
func (c *checker) rejectStorm() {
	const key, most = "server.reject_storm", 15 * time.Minute
	s := c.Server.RejectStorm
	if s.Rejects == 0 {
		for _, name := range []string{"within", "hold", "longest"} {
			if c.present(key + "." + name) {
				c.wrong(key+"."+name, "take it out, or give rejects a number", "with rejects = 0 nobody is held, and %s means nothing", name)
			}
		}
		return
	}
	if s.Rejects < 3 || s.Rejects > 100 {
		c.wrong(key+".rejects", "leave it out for 5, or write 0 to hold nobody", "rejects is %d; it is 3 to 100: people mistype a password once or twice", s.Rejects)
	}
	if d := time.Duration(s.Within); d < time.Second || d > most {
		c.wrong(key+".within", `leave it out for "1m"`, "within is %s; it is a second to %s", d, most)
	}
	if d := time.Duration(s.Longest); d > most {
		c.wrong(key+".longest", `leave it out for "5m"`, "longest is %s; somebody who has corrected a password would wait for more than %s", d, most)
	}
	if s.Hold == 0 || s.Hold > s.Longest {
		c.wrong(key+".hold", `leave it out for "30s"`, "hold is %s; it is more than nothing and no more than longest, which is %s", time.Duration(s.Hold), time.Duration(s.Longest))
	}
}

// cuiKey judges the key of Chargeable-User-Identities, and warns where federations ask
// for them and nobody could have one.
func (c *checker) cuiKey() {
	const key = "server.cui_key"
	if n := len(c.Server.CUIKey.Reveal()); n > 0 && n < minSecret && !c.Unreadable(key) {
		c.wrong(key, "make one with: openssl rand -base64 32", "this key has %d characters, fewer than %d", n, minSecret)
	}
	if c.present(key) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(c.Realm)) {
		if r := c.Realm[name]; !r.Ours() || !r.Roaming {
			continue
		}
		for _, federation := range slices.Sorted(maps.Keys(c.Federation)) {
			if len(c.Federation[federation].Clients) > 0 {
				c.warn(under("federation", federation)+".clients", "add "+examples[key]+" to [server]",
					"federation %s asks us for our own people, and there is no cui_key: an organisation that asks for a Chargeable-User-Identity gets none", federation)
				return
			}
		}
	}
}

func (c *checker) listen(key, address string) {
	fix := listenFix(key)
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

// listenFix shows how an address of this kind is written. Nothing advises to show the
// figures on every address.
func listenFix(key string) string {
	port := ":1812"
	switch kind := strings.TrimRight(key, "[]0123456789"); kind {
	case metricsListen:
		return MetricsFix
	case radsecListen:
		port = ":2083"
	case "server.listen.acct":
		port = ":1813"
	}
	return fmt.Sprintf(`write "%s" for every address of this machine, or "10.1.2.3%s" for one`, port, port)
}

const metricsListen = "server.listen.metrics"

// MetricsFix is what to write for an address of the figures that will not do: they are
// shown without a password.
const MetricsFix = `write "127.0.0.1:9812", or the address of the network that you manage servers from`

// readable warns where everybody may read the figures: they name the organisations whose
// people are here, and say how much there is to do.
func (c *checker) readable(key, address string) {
	host, _, err := net.SplitHostPort(address)
	ip, _, _ := strings.Cut(host, "%") // a zone means nothing there
	if err != nil || host != "" && !net.ParseIP(ip).IsUnspecified() {
		return
	}
	c.warn(key, MetricsFix, "metrics listens on every address of this machine: whoever reaches it reads the figures, without a password")
}

// operator judges a realm that Operator-Name carries (RFC 5580, section 4.1).
func (c *checker) operator(key, name string) {
	if !domain(name) {
		c.wrong(key, `write the realm of your organisation, as "northbridge.nhs.uk"`, "operator_name %q is not a realm", name)
		return
	}
	// Other servers are told the whole attribute, "1northbridge.nhs.uk".
	ours := c.ownRealms()
	if bare, has := strings.CutPrefix(strings.ToLower(name), "1"); has && slices.Contains(ours, bare) && !slices.Contains(ours, "1"+bare) {
		c.wrong(key, "leave the 1 out: it is sent before the realm without being written", "operator_name %q begins with a 1, and our realm is %s", name, bare)
		c.meant(strconv.Quote(bare))
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
		if c.oneOf(key, method, "tls", "ttls", "peap", "teap", "pap") && slices.Contains(c.EAP.Methods[:i], method) {
			c.wrong(key, "keep one", "%q is in methods twice", method)
		}
	}
	c.inner()
	c.teap()
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
	tunnels := slices.ContainsFunc(c.EAP.Methods, func(m string) bool { return m != "pap" })
	for _, need := range []string{"certificate", "private_key"} {
		if tunnels && !c.present("eap."+need) {
			c.wrong("eap."+need, "add "+examples["eap."+need], "[eap] has no %s", need)
		}
	}
	if i := slices.Index(c.EAP.Methods, "tls"); i >= 0 && !c.present("eap.client_ca") && len(c.EAP.Authority) == 0 {
		c.wrong(at("eap.methods", i), "add "+examples["eap.client_ca"]+`, or take "tls" out`,
			`methods offers "tls", but there is no client_ca to check certificates with`)
	}
}

// inner judges the methods inside a tunnel.
func (c *checker) inner() {
	runs := len(c.EAP.Inner) == 0 // in PEAP
	for i, method := range c.EAP.Inner {
		key := at("eap.inner", i)
		known := c.oneOf(key, method, "mschapv2", "gtc", "tls", "pap", "mschap", "chap")
		if known && slices.Contains(c.EAP.Inner[:i], method) {
			c.wrong(key, "keep one", "%q is in inner twice", method)
		}
		runs = runs || !known || method == "mschapv2" || method == "gtc" || method == "tls"
	}
	if i := slices.Index(c.EAP.Inner, "tls"); i >= 0 && !c.present("eap.client_ca") {
		c.wrong(at("eap.inner", i), "add "+examples["eap.client_ca"]+`, or take "tls" out`,
			`inner offers "tls", but there is no client_ca to check certificates with`)
	}
	if c.present("eap.inner") && len(c.EAP.Inner) == 0 {
		c.wrong("eap.inner", "leave it out for "+examples["eap.inner"], "inner allows nothing inside a tunnel")
	}
	if i := slices.Index(c.EAP.Methods, "peap"); i >= 0 && !runs {
		c.wrong(at("eap.methods", i), `add "mschapv2", "gtc" or "tls" to inner, or take "peap" out`, `"peap" is offered, and inner has no method that can run in it`)
	}
}

// teap judges who is asked for inside TEAP.
func (c *checker) teap() {
	for _, list := range []struct {
		key   string
		names []string
	}{{"eap.teap.ask", c.EAP.TEAP.Ask}, {"eap.teap.require", c.EAP.TEAP.Require}} {
		for i, name := range list.names {
			key := at(list.key, i)
			if c.oneOf(key, name, "machine", "user") && slices.Contains(list.names[:i], name) {
				c.wrong(key, "keep one", "%q is in %s twice", name, lastKey(list.key))
			}
			if list.key == "eap.teap.require" && c.present("eap.teap.ask") && !slices.Contains(c.EAP.TEAP.Ask, name) {
				c.wrong(key, `add "`+name+`" to ask, or take it out here`, "require wants a %s, and ask asks for none", name)
			}
		}
	}
	if c.present("eap.teap.ask") && len(c.EAP.TEAP.Ask) == 0 {
		c.wrong("eap.teap.ask", "leave it out for "+examples["eap.teap.ask"], "ask asks for nobody")
	}
	if c.present("eap.teap") && !slices.Contains(c.EAP.Methods, "teap") {
		c.warn("eap.teap", `add "teap" to methods, or take this out`, `[eap.teap] without "teap" among the methods`)
	}
}

// vlans tells id = 0 from no id, which the room vlan cannot.
func (c *checker) vlans() {
	for _, name := range slices.Sorted(maps.Keys(c.VLAN)) {
		if key := under("vlan", name) + ".id"; c.VLAN[name].ID == 0 && c.present(key) {
			c.wrong(key, "a VLAN number is 1 to 4094", "id is 0")
		}
		v := c.VLAN[name]
		c.nothing(under("vlan", name), SiteVLAN{v.ID, v.Pool, v.Name, v.Down, v.Up, v.Filter, v.Role, v.Session, v.Idle, v.Interim})
	}
	for i, s := range c.Site {
		for _, name := range slices.Sorted(maps.Keys(s.VLAN)) {
			key := under(at("site", i)+".vlan", name)
			if s.VLAN[name].ID == 0 && c.present(key+".id") {
				c.wrong(key+".id", "a VLAN number is 1 to 4094", "id is 0")
			}
			c.nothing(key, s.VLAN[name])
		}
	}
}

// nothing refuses what is written of a VLAN and says nothing: it would not do away with
// what is said elsewhere.
func (c *checker) nothing(key string, v SiteVLAN) {
	for _, x := range []struct {
		key   string
		empty bool
	}{
		{"pool", len(v.Pool) == 0}, {"name", v.Name == ""}, {"down", v.Down == ""}, {"up", v.Up == ""}, {"filter", v.Filter == ""}, {"role", v.Role == ""},
		{"session", v.Session == 0}, {"idle", v.Idle == 0}, {"interim", v.Interim == 0},
	} {
		if here := key + "." + x.key; x.empty && c.present(here) {
			c.wrong(here, "take it out, or say what it is", "%s says nothing", x.key)
		}
	}
}

// upstreams judges the servers of a partner or a federation.
func (c *checker) upstreams(key string, fed Federation, servers []Upstream) {
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
		c.upstreamTransport(here, fed, s)
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
	vlans, rules := slices.Sorted(maps.Keys(c.VLAN)), c.namedRules()
	for i, t := range c.Test {
		key := at("test", i)
		c.givenWhom(key+".given", t.Given)
		c.givenPlace(key+".given", t.Given)
		if t.Given.Site != "" {
			c.defined(key+".given.site", "site", t.Given.Site, sites, "name a [[site]]")
		}
		if t.Given.EAP != "" {
			c.oneOf(key+".given.eap", t.Given.EAP, "tls", "ttls", "peap", "teap", "pap")
		}
		c.givenCredentials(key+".given", t.Given)
		if t.Expect.Outcome != "" {
			c.oneOf(key+".expect.outcome", t.Expect.Outcome, "accept", "reject")
		}
		if t.Expect.Zone != "" {
			c.defined(key+".expect.zone", "zone", t.Expect.Zone, slices.Sorted(maps.Keys(c.Zone)), "name a zone of [zone]")
		}
		c.expected(key+".expect", t.Expect, vlans, rules)
		if c.present(key+".expect") && t.Expect == (Expect{}) && !c.present(key+".expect.vlan") {
			c.wrong(key+".expect", "add "+examples["test[].expect"], "this test expects nothing")
		}
	}
}

// givenPlace judges where a test has somebody log in: at a site on an SSID, or elsewhere.
func (c *checker) givenPlace(key string, g Given) {
	if !c.present(key) {
		return
	}
	if c.present(key + ".federation") {
		c.defined(key+".federation", "federation", g.Federation, slices.Sorted(maps.Keys(c.Federation)), "name a federation of the file")
		for _, name := range []string{"ssid", "site", "ap", "controller"} {
			if c.present(key + "." + name) {
				c.wrong(key+"."+name, "take it out, or take federation out", "whom a federation asks for is elsewhere, and %s is not looked at", name)
			}
		}
		return
	}
	c.givenAccessPoint(key, g)
	for _, name := range []string{"ssid", "site"} {
		if name == "site" && c.present(key+".ap") {
			continue
		}
		if !c.present(key + "." + name) {
			c.problems = append(c.problems, c.placeKey(key, fmt.Sprintf("%s has no %s", c.places.called(key), name), "add "+examples["test[].given."+name]))
		}
	}
	if c.present(key + ".operator") {
		c.wrong(key+".operator", `add federation = "eduroam" in place of ssid and site, or take it out`, "at home there is no other organisation")
	}
}

// givenAccessPoint judges a test that names an access point in place of a site.
func (c *checker) givenAccessPoint(key string, g Given) {
	if c.present(key+".ap") && c.present(key+".site") {
		c.wrong(key+".site", "take one of the two out", "the access point says which site it is")
	}
	if !c.present(key + ".controller") {
		return
	}
	var names []string
	for _, s := range c.Site {
		for _, w := range s.Controller {
			names = append(names, w.Name)
		}
	}
	c.defined(key+".controller", "controller", g.Controller, names, "name a [[site.controller]]")
}

// givenCredentials judges what a test says of the device and of its certificate.
func (c *checker) givenCredentials(key string, g Given) {
	if g.Device != "" {
		c.oneOf(key+".device", g.Device, "verified", "unverified")
	}
	if g.Issuer != "" && g.Issuer != NoCertificate {
		c.defined(key+".issuer", "authority", g.Issuer, c.Authorities(), `write "none" when no certificate is shown, or set client_ca in [eap] or add an [[eap.authority]]`)
	}
	if len(g.Policy) > 0 && (g.Issuer == "" || g.Issuer == NoCertificate) {
		c.wrong(key+".policy", "add issuer, or take this out", "policy is of a certificate, and given has none")
	}
	for i, name := range g.Policy {
		here := key + ".policy"
		if c.present(at(here, i)) {
			here = at(here, i)
		}
		c.identifier(here, name, "1.3.6.1.4.1.99999.1.2")
	}
}
