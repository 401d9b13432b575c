package config

import (
	"maps"
	"slices"
)

const radsecListen = "server.listen.radsec"

// TransportTo is how a server of the federation is reached: "udp" or "radsec".
func (f Federation) TransportTo(s Upstream) string {
	if s.Transport != "" {
		return s.Transport
	}
	if f.Transport != "" {
		return f.Transport
	}
	return "udp"
}

// TransportOf is how a client of the federation reaches us: "udp" or "radsec".
func (f Federation) TransportOf(p FederationProxy) string {
	if p.Transport != "" {
		return p.Transport
	}
	return f.Transport
}

// Peers reports whether anybody speaks RadSec with us by this file.
func (f *File) Peers() bool {
	if len(f.Core.Edges) > 0 {
		return true
	}
	for _, s := range f.Site {
		if slices.ContainsFunc(s.Controller, func(c Controller) bool { return c.Transport == "radsec" }) {
			return true
		}
	}
	for fed := range maps.Values(f.Federation) {
		if slices.ContainsFunc(fed.Clients, func(p FederationProxy) bool { return fed.TransportOf(p) == "radsec" }) {
			return true
		}
	}
	return false
}

// A peer is whose certificate the other end of a RadSec connection shows. What is in
// its authority and its names the room certs judges.
type peer struct {
	names    []string
	ca       string
	policies []string
}

// radsec judges what this server shows to its peers.
func (c *checker) radsec() {
	if c.present("radsec.radius11") {
		c.oneOf("radsec.radius11", c.RadSec.RADIUS11, "allow", "require", "forbid")
	}
	if c.present("radsec.connections") && c.RadSec.Connections < 1 {
		c.wrong("radsec.connections", "leave it out for 1024", "connections is %d: nobody could connect", c.RadSec.Connections)
	}
	listens := len(c.Server.Listen.RadSec) > 0
	switch {
	case listens && !c.present("radsec"):
		c.wrong(radsecListen, "add [radsec] with certificate and private_key", "RadSec needs a certificate, and there is no [radsec]")
		return
	case c.present("radsec") && !listens && c.Peers():
		c.wrong("radsec", "add "+examples[radsecListen]+" to listen of [server]", "clients speak RadSec, and the server listens for none")
	case listens && !c.Peers():
		c.warn(radsecListen, `give a controller or a federation's client transport = "radsec", or take this out`, "no client speaks RadSec: every connection would be refused")
	}
	if !c.present("radsec") {
		return
	}
	for _, need := range []string{"certificate", "private_key"} {
		if !c.present("radsec." + need) {
			c.wrong("radsec", "add "+examples["radsec."+need], "[radsec] has no %s", need)
		}
	}
}

// clientTransport judges the keys that belong to one way of reaching us, and reports
// whether it is RadSec.
func (c *checker) clientTransport(w client) (radsec bool) {
	key := w.key + ".transport"
	if c.present(key) && !c.oneOf(key, w.transport, "udp", "radsec") {
		return false
	}
	if w.transport != "radsec" {
		c.needed(w.key, "address")
		c.needed(w.key, "secret")
		if w.address == "" && c.present(w.key+".address") {
			c.wrong(w.key+".address", "write "+examples[pattern(w.key+".address")], "address is empty")
		}
		c.misplaced(w.key, "means nothing to a client that speaks UDP", "take it out, or write transport = \"radsec\"", "names", "ca", "crl", "revocation", "policies")
		return false
	}
	c.misplaced(w.key, "means nothing to a client that speaks RadSec: its certificate says who it is", "take it out", "secret", "weak_secret")
	c.peer(w.key, w.peer)
	return true
}

// peer judges who the other end of a RadSec connection has to be.
func (c *checker) peer(key string, p peer) {
	if !c.present("radsec") {
		c.wrong(key, "add [radsec] with certificate and private_key", "RadSec needs a certificate, and there is no [radsec]")
		return
	}
	if len(p.names) == 0 {
		at := key
		if c.present(key + ".names") {
			at = key + ".names"
		}
		c.wrong(at, "add "+examples["federation.*.clients[].names"], "%s has no names: every certificate of the authority would do", c.places.called(key))
	}
	if p.ca == "" && !c.present("radsec.ca") {
		c.wrong(key, "add "+examples["radsec.ca"]+" here or in [radsec]", "nobody is named who may vouch for %s", c.places.called(key))
	}
}

// needed reports a key that is absent or empty.
func (c *checker) needed(table, key string) {
	if !c.present(table + "." + key) {
		example, _ := exampleAt(under(table, key))
		c.problems = append(c.problems, c.placeKey(table, c.places.called(table)+" has no "+key, "add "+example))
	}
}

// upstreamTransport judges the keys that belong to one way of reaching a server.
func (c *checker) upstreamTransport(key string, fed Federation, s Upstream) {
	if c.present(key+".transport") && !c.oneOf(key+".transport", s.Transport, "udp", "radsec") {
		return
	}
	if fed.TransportTo(s) != "radsec" {
		c.needed(key, "secret")
		c.misplaced(key, "means nothing to a server that is reached over UDP", "take it out, or write transport = \"radsec\"", "names", "ca", "crl", "revocation", "policies")
		return
	}
	c.misplaced(key, "means nothing to a server that is reached by RadSec: its certificate says who it is", "take it out", "secret", "without_message_authenticator")
	if !c.present("radsec") && fed.Certificate == "" {
		c.wrong(key, "add [radsec] with certificate and private_key", "RadSec needs a certificate, and there is no [radsec]")
		return
	}
	if s.CA == "" && fed.CA == "" && c.RadSec.CA == "" {
		c.wrong(key, "add "+examples["radsec.ca"]+" here or in [radsec]", "nobody is named who may vouch for %s", c.places.called(key))
	}
}

// federationTransport judges what a federation says of RadSec.
func (c *checker) federationTransport(key string, fed Federation) {
	if c.present(key + ".transport") {
		c.oneOf(key+".transport", fed.Transport, "udp", "radsec")
	}
	for have, lack := range map[string]string{"certificate": "private_key", "private_key": "certificate"} {
		if c.present(key+"."+have) && !c.present(key+"."+lack) {
			c.wrong(key+"."+have, "add "+examples["radsec."+lack], "%s has no %s", have, lack)
		}
	}
	speaks := func(transport string) bool { return transport == "radsec" }
	if !slices.ContainsFunc(fed.Servers, func(s Upstream) bool { return speaks(fed.TransportTo(s)) }) {
		c.misplaced(key, "means nothing to a federation none of whose servers is reached by RadSec", "take it out, or write transport = \"radsec\"", "certificate", "private_key")
		if !slices.ContainsFunc(fed.Clients, func(p FederationProxy) bool { return speaks(fed.TransportOf(p)) }) {
			c.misplaced(key, "means nothing to a federation that speaks no RadSec", "take it out, or write transport = \"radsec\"", "ca", "crl", "revocation")
		}
	}
}

// withdrawals judges what the tables that speak of RadSec peers say of revocation.
func (c *checker) withdrawals() {
	seen, fetched := map[string]bool{}, false
	for _, tables := range append(c.PeerTables(), []Vouching{c.RadSec.Vouching()}) {
		for i, own := range tables {
			if !seen[own.Key] && c.present(own.Key) {
				seen[own.Key] = true
				c.withdrawn(own, tables[i+1:])
				fetched = fetched || own.CRL.fetched()
			}
		}
	}
	if c.present("radsec.list_folder") && !fetched {
		c.wrong("radsec.list_folder", "take it out, or name a crl that is fetched", "no list is fetched that could be kept in list_folder")
	}
}

// withdrawn judges one table; further are those that stand further off from the peer.
func (c *checker) withdrawn(own Vouching, further []Vouching) {
	c.lists(own.Key, own.CRL)
	all := append([]Vouching{own}, further...)
	trust, says := TrustOf(all...), c.present(own.Key+".revocation")
	hasCA := func(v Vouching) bool { return c.present(v.Key + ".ca") }
	switch {
	case len(own.CRL) > 0 && !slices.ContainsFunc(all, hasCA):
		c.wrong(own.Key+".crl", "add "+examples["radsec.ca"]+" beside it", "nobody is named whose list this could be")
	case hasCA(own) && len(own.CRL) == 0 && !says && len(TrustOf(further...).CRL) > 0:
		c.warn(own.Key+".ca", `add crl beside it; or revocation = "none", if it publishes no list`,
			"nobody is asked what this authority has withdrawn: the crl further off is of another ca")
	}
	switch key := own.Key + ".revocation"; {
	case !says:
	case !c.oneOf(key, own.Revocation, revocations...):
	case own.Revocation == "none" && len(own.CRL) > 0:
		c.wrong(key, "take it out, or take crl out", `revocation is "none", and crl says whom to ask`)
	case own.Revocation != "none" && len(trust.CRL) == 0:
		c.wrong(key, "add "+examples["radsec.crl"], "revocation is %q, and nobody is there to be asked", own.Revocation)
	case own.Revocation == "accept-unknown":
		c.warn(key, `leave it if RadSec must go on while the authority is silent; else write "refuse-unknown"`,
			"whoever stole a peer's key may connect while nobody says what was withdrawn")
	}
}
