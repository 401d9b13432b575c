package config

import (
	"strings"
	"time"
)

// The shortest and the longest time between two log-ins of a test account: the one
// spares the home organisation, and the other is no watch any more.
const (
	mostOften   = time.Minute
	leastOften  = 24 * time.Hour
	probeFix    = `write "10m", or "0s" for none but by radiusd probe`
	testAccount = `write the whole name of a test account, as "probe@northbridge.nhs.uk"`
)

// probes judges the test accounts of a federation or of a partner.
func (c *checker) probes(key string, list []Probe, servers []Upstream) {
	seen := map[string]bool{}
	for i, p := range list {
		here := at(key+".probe", i)
		if len(servers) == 0 {
			c.wrong(here, "add servers, or take this out", "%s has a probe and no servers to probe", c.places.called(key))
		}
		for _, name := range []struct{ key, text string }{{".user", p.User}, {".outer", p.Outer}} {
			if user, realm, named := strings.Cut(name.text, "@"); name.text != "" && (!named || !domain(realm) || user == "" && name.key == ".user") {
				c.wrong(here+name.key, testAccount, "%q has no realm that a request could be sent to", name.text)
			}
		}
		if p.User != "" && seen[p.User] {
			c.wrong(here+".user", "keep one", "%s is probed with twice", p.User)
		}
		seen[p.User] = true
		if c.present(here+".method") && !c.oneOf(here+".method", p.Method, ProbeMethods...) {
			continue
		}
		c.probeCredentials(here, p)
		if every := time.Duration(p.Every); every != 0 && (every < mostOften || every > leastOften) {
			c.wrong(here+".every", probeFix, "every is %s; it is one minute to a day", every)
		}
		c.probeRoams(here, p)
	}
}

// probeCredentials wants a password or a certificate, as the method has it.
func (c *checker) probeCredentials(here string, p Probe) {
	need, mean := []string{"password"}, []string{"certificate", "private_key"}
	if p.WithCertificate() {
		need, mean = mean, need
	}
	for _, k := range need {
		if !c.present(here + "." + k) {
			c.wrong(here, "add "+examples["federation.*.probe[]."+k], "a probe by %s has no %s", p.Method, k)
		}
	}
	c.misplaced(here, "means nothing to a probe by "+p.Method, "take it out, or correct the method", mean...)
}

// probeRoams warns of an account of ours that we ourselves would refuse to the
// federation.
func (c *checker) probeRoams(here string, p Probe) {
	_, realm, _ := strings.Cut(p.User, "@")
	for name, r := range c.Realm {
		if strings.EqualFold(name, realm) && r.Directory != "" && !r.Roaming {
			c.warn(here+".user", "probe with an account of a realm that roams", "%s is of a realm of ours that does not roam: we refuse it when the federation asks us", p.User)
		}
	}
}
