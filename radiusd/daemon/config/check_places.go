package config

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

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
		if !c.present(key+".controller") && !c.present(key+".behind") {
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
	transport                  string
	weak, unsigned             bool
	peer                       peer
}

func (c *checker) everyClient() []client {
	var all []client
	for i, s := range c.Site {
		for j, w := range s.Controller {
			all = append(all, client{
				at(at("site", i)+".controller", j), w.Name, w.Address, w.Secret.Reveal(), w.Transport, w.WeakSecret, w.WithoutMessageAuthenticator,
				peer{w.Names, w.CA, w.Policies},
			})
		}
	}
	for i, e := range c.Core.Edges {
		all = append(all, client{at("core.edges", i), e.Name, "", "", "radsec", false, false, peer{e.Names, e.CA, e.Policies}})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Federation)) {
		fed := c.Federation[name]
		for i, p := range fed.Clients {
			if p.Name == "" {
				p.Name = fmt.Sprintf("%s proxy %d", name, i+1)
			}
			all = append(all, client{
				at(under("federation", name)+".clients", i), p.Name, p.Address, p.Secret.Reveal(), fed.TransportOf(p), p.WeakSecret, p.WithoutMessageAuthenticator,
				peer{p.Names, cmp.Or(p.CA, fed.CA), p.Policies},
			})
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
		radsec := c.clientTransport(w)
		if w.address != "" {
			if p, ok := c.clientAddress(w.key+".address", w.address); ok && !radsec {
				if first, twice := ranges[p]; twice {
					c.wrong(w.key+".address", "remove one, or narrow it", "%s and %s both have the address %s", first.name, w.name, p)
				}
				ranges[p] = w
			}
		}
		c.clientSecret(w)
		if w.unsigned && !radsec {
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

// credentials warns of rules that ask for what no method of [eap] ever sees. Their
// words are judged by the room vlan.
func (c *checker) credentials() {
	tls := slices.Contains(c.EAP.Methods, "tls")
	tunnel := slices.ContainsFunc(c.EAP.Methods, func(m string) bool { return m == "ttls" || m == "peap" || m == "teap" })
	certificates := tls || tunnel && (len(c.EAP.Inner) == 0 || slices.Contains(c.EAP.Inner, "tls"))
	for i, s := range c.SSID {
		for j, r := range s.Rule {
			key := at(at("ssid", i)+".rule", j)
			if r.Issuer+r.Policy != "" && !certificates && c.present("eap") {
				c.warn(key, `add "tls" to methods or inner, or drop the rule`, "nobody is ever asked for a certificate: this rule fits nobody")
			}
			if r.Device == "verified" && !tls && !tunnel && c.present("eap") {
				c.warn(key, `add "tls" or "teap" to methods, or drop the rule`, "no device can prove itself by %s: this rule fits nobody", list(c.EAP.Methods))
			}
		}
	}
}

// roaming warns of rules for our own people elsewhere when nobody asks for them. Their
// words are judged by the room vlan.
func (c *checker) roaming() {
	if len(c.Roaming) == 0 {
		return
	}
	for _, f := range c.Federation {
		if len(f.Clients) > 0 {
			return
		}
	}
	c.warn(at("roaming", 0), "give a federation its clients, or take this out", "no federation has clients: nobody asks for our own people elsewhere")
}

func (c *checker) guarantees() {
	for i := range c.Guarantee {
		key := at("guarantee", i)
		if !c.present(key+".never") && !c.present(key+".only") {
			c.wrong(key, "add "+examples["guarantee[].never"], "this guarantee promises nothing")
		}
	}
}
