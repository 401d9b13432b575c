package config

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The words of [[eap.authority]].
var (
	vouchesFor     = []string{"anyone", "people", "devices"}
	identityFields = []string{"upn", "email", "dns", "uri", "sid", "cn", "serial", "uid", "subject-email"}
	revocations    = []string{"none", "accept-unknown", "refuse-unknown"}
)

// withoutRealm are the fields whose values need not have a realm in them.
var withoutRealm = []string{"uri", "sid", "cn", "serial", "uid"}

// authorities judges the server's certificates and who may vouch for whom.
func (c *checker) authorities() {
	if n, m := len(c.EAP.Certificate), len(c.EAP.PrivateKey); n != m && c.present("eap.certificate") && c.present("eap.private_key") {
		c.wrong("eap.private_key", "name one key for each certificate, in the same order", "certificate names %d files and private_key %d", n, m)
	}
	fetched := false
	for i, a := range c.EAP.Authority {
		key := at("eap.authority", i)
		switch {
		case a.Name == "client_ca":
			c.wrong(key+".name", "give it another name", `"client_ca" is the name of the authority in the key client_ca`)
		case a.Name == NoCertificate:
			c.wrong(key+".name", "give it another name", `"none" stands for no certificate at all`)
		case slices.ContainsFunc(c.EAP.Authority[:i], func(other Authority) bool { return other.Name == a.Name }):
			c.wrong(key+".name", "give each its own", "there is an authority %q already", a.Name)
		}
		if c.present(key + ".vouches_for") {
			c.oneOf(key+".vouches_for", a.VouchesFor, vouchesFor...)
		}
		c.authorityRealms(key, a)
		c.authorityIdentity(key, a)
		c.authorityRevocation(key, a)
		fetched = fetched || len(a.AllowURLs) > 0 || a.CRL.fetched()
	}
	if c.present("eap.list_folder") && !fetched {
		c.wrong("eap.list_folder", "take it out, or give an authority a crl that is fetched", "no list is fetched that could be kept in list_folder")
	}
}

func (c *checker) authorityRealms(key string, a Authority) {
	ours := c.ownRealms()
	for i, realm := range a.Realms {
		c.defined(at(key+".realms", i), "realm of ours", strings.ToLower(realm), ours, "name a [realm] that has a directory, or one of its subrealms")
	}
	if c.present(key+".realms") && len(a.Realms) == 0 {
		c.wrong(key+".realms", "leave it out for all realms of ours, or name one", "authority %q could vouch for nobody", a.Name)
	}
	if a.Directory != "" {
		c.defined(key+".directory", "directory", a.Directory, slices.Sorted(maps.Keys(c.Directory)), "add [directory."+quoteKey(a.Directory)+"], or correct the name")
	}
}

// ownRealms are the realms that are answered here, in lower case.
func (c *checker) ownRealms() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(c.Realm)) {
		if r := c.Realm[name]; r.Ours() {
			names = append(names, strings.ToLower(name))
			for _, sub := range r.Subrealms {
				names = append(names, strings.ToLower(sub))
			}
		}
	}
	return names
}

// realmsOf are those that an authority may vouch for.
func (c *checker) realmsOf(a Authority) []string {
	if len(a.Realms) == 0 {
		return c.ownRealms()
	}
	var names []string
	for _, realm := range a.Realms {
		names = append(names, strings.ToLower(realm))
	}
	return names
}

func (c *checker) authorityIdentity(key string, a Authority) {
	if c.present(key+".identity") && len(a.Identity) == 0 {
		c.wrong(key+".identity", "leave it out, or name a field", "no certificate of authority %q could name anybody", a.Name)
	}
	for i, field := range a.Identity {
		here := at(key+".identity", i)
		if c.oneOf(here, field, identityFields...) && slices.Contains(a.Identity[:i], field) {
			c.wrong(here, "keep one", "%q is in identity twice", field)
		}
	}
	if i := slices.Index(a.Identity, "sid"); i >= 0 {
		for _, name := range c.directoriesOf(a) {
			if d, known := c.Directory[name]; known && !d.activeDirectory() {
				c.wrong(at(key+".identity", i), `take "sid" out, or narrow realms to those in Active Directory`,
					"directory %s is no Active Directory and knows no security identifiers", name)
				break
			}
		}
	}
	c.chosenRealm(key, a)
}

// activeDirectory says that accounts have security identifiers.
func (d Directory) activeDirectory() bool {
	return d.Kind == "ad" || d.Kind == "ldap" && d.Schema == "ad"
}

// directoriesOf are where the accounts of an authority's certificates are.
func (c *checker) directoriesOf(a Authority) []string {
	if a.Directory != "" {
		return []string{a.Directory}
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(c.Realm)) {
		r := c.Realm[name]
		served := append([]string{name}, r.Subrealms...)
		if r.Directory != "" && slices.ContainsFunc(served, func(realm string) bool { return slices.Contains(c.realmsOf(a), strings.ToLower(realm)) }) {
			names = append(names, r.Directory)
		}
	}
	return names
}

// chosenRealm refuses names that get their realm from the device, where a rule tells
// the realms apart: whoever has a certificate could choose the realm, and with it
// the rule.
func (c *checker) chosenRealm(key string, a Authority) {
	i := slices.IndexFunc(a.Identity, func(field string) bool { return slices.Contains(withoutRealm, field) })
	realms := c.realmsOf(a)
	told := c.toldApart()
	if i < 0 || len(realms) < 2 || !slices.ContainsFunc(realms, func(realm string) bool { return told[realm] }) {
		return
	}
	c.wrong(at(key+".identity", i), `write realms = ["`+realms[0]+`"], and one authority for each realm`,
		"%q may hold a name without a realm, which gets the one that the device gives outside, and a rule tells %s apart: devices could choose", a.Identity[i], list(realms))
}

func (c *checker) authorityRevocation(key string, a Authority) {
	c.lists(key, a.CRL)
	if a.OCSP != "" {
		c.address(key+".ocsp", a.OCSP)
	}
	for i, begin := range a.AllowURLs {
		here := at(key+".allow_urls", i)
		if c.address(here, begin) && !strings.HasSuffix(begin, "/") {
			c.wrong(here, `write "`+begin+`/"`, "%q allows one address only; a beginning ends with a slash", begin)
		}
	}
	switch word := a.Revocation; {
	case !c.present(key + ".revocation"):
	case !c.oneOf(key+".revocation", word, revocations...):
	case word == "none" && a.Checked():
		c.wrong(key+".revocation", "take it out, or take crl, ocsp and allow_urls out", `revocation is "none", and the block says whom to ask`)
	case word != "none" && !a.Checked():
		c.wrong(key+".revocation", "add "+examples["eap.authority[].crl"], "revocation is %q, and nobody is there to be asked", word)
	case word == "accept-unknown":
		c.warn(key+".revocation", `leave it if devices must get in while the authority is silent; else write "refuse-unknown"`,
			"a device that was reported lost gets in while nobody says what authority %q has withdrawn", a.Name)
	}
	if c.present(key + ".refresh") {
		switch refresh := time.Duration(a.Refresh); {
		case !a.Checked():
			c.wrong(key+".refresh", "take it out, or add "+examples["eap.authority[].crl"], "nothing is fetched that could be refreshed")
		case refresh < time.Minute || refresh > 7*24*time.Hour:
			c.wrong(key+".refresh", `write "1h"`, "refresh is %s; it is one minute to seven days", refresh)
		}
	}
}

// lists judges the places of the revocation lists of a table.
func (c *checker) lists(key string, crl List) {
	for i, where := range crl {
		here := at(key+".crl", i)
		if !c.present(here) {
			here = key + ".crl"
		}
		if strings.HasPrefix(where, "http") {
			c.address(here, where)
		}
		if slices.Contains(crl[:i], where) {
			c.wrong(here, "keep one", "this list is in crl twice")
		}
	}
}

// fetched tells whether one of them is fetched.
func (l List) fetched() bool {
	return slices.ContainsFunc(l, func(where string) bool { return strings.HasPrefix(where, "http") })
}

// address judges where something is fetched over HTTP.
func (c *checker) address(key, text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		c.wrong(key, `write it as "http://pki.northbridge.nhs.uk/…"`, "%q is not an http address", text)
		return false
	}
	return true
}
