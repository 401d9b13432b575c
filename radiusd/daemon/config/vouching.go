package config

import (
	"cmp"
	"maps"
	"slices"
)

// A Vouching is what one table of the file says of who may vouch for RadSec peers, and of
// who says what they have withdrawn.
type Vouching struct {
	Key        string // of the table
	CA         string
	CRL        List
	Revocation string
}

// A Trust is what counts of one peer, out of all tables that speak of it.
type Trust struct {
	CA    string
	CAKey string // where it stands; empty: nowhere
	// CRL are the lists; none: nobody is asked.
	CRL    List
	CRLKey string
	// AcceptUnknown lets a peer be of whom nobody says whether its certificate was withdrawn.
	AcceptUnknown bool
}

// TrustOf puts together what the tables say that speak of a peer, the nearest first. The
// lists of an authority are of no use for another, so nothing counts that stands further
// off than the ca which counts.
func TrustOf(tables ...Vouching) (t Trust) {
	word := ""
	for _, v := range tables {
		if v.Revocation != "none" || len(t.CRL) == 0 { // a word that is further off silences no list
			word = cmp.Or(word, v.Revocation)
		}
		if len(t.CRL) == 0 && len(v.CRL) > 0 {
			t.CRL, t.CRLKey = v.CRL, v.Key+".crl"
		}
		if v.CA != "" {
			t.CA, t.CAKey = v.CA, v.Key+".ca"
			break
		}
	}
	if word == "none" {
		t.CRL, t.CRLKey = nil, ""
	}
	t.AcceptUnknown = word == "accept-unknown"
	return t
}

// Vouching is what [radsec] says of every peer.
func (r RadSec) Vouching() Vouching { return Vouching{"radsec", r.CA, r.CRL, r.Revocation} }

// Vouching is what a federation says of its servers and clients.
func (f Federation) Vouching(name string) Vouching {
	return Vouching{under("federation", name), f.CA, f.CRL, f.Revocation}
}

// Vouching is what a server's own table says, whose key is given.
func (s Upstream) Vouching(key string) Vouching { return Vouching{key, s.CA, s.CRL, s.Revocation} }

// Vouching is what the table of a federation's client says.
func (p FederationProxy) Vouching(key string) Vouching {
	return Vouching{key, p.CA, p.CRL, p.Revocation}
}

// Vouching is what a controller's table says.
func (c Controller) Vouching(key string) Vouching { return Vouching{key, c.CA, c.CRL, c.Revocation} }

// Vouching is what an edge's table says.
func (e Edge) Vouching(key string) Vouching { return Vouching{key, e.CA, e.CRL, e.Revocation} }

// PeerTables lists, for each peer with whom RadSec is spoken, the tables that speak of it,
// the nearest first. Servers that a federation finds in DNS are one peer.
func (f *File) PeerTables() (all [][]Vouching) {
	radsec := f.RadSec.Vouching()
	servers := func(key string, fed Federation, list []Upstream, further ...Vouching) {
		for i, s := range list {
			if fed.TransportTo(s) == "radsec" {
				all = append(all, append([]Vouching{s.Vouching(at(key+".servers", i))}, further...))
			}
		}
	}
	for i, s := range f.Site {
		for j, c := range s.Controller {
			if c.Transport == "radsec" {
				all = append(all, []Vouching{c.Vouching(at(at("site", i)+".controller", j)), radsec})
			}
		}
	}
	for i, e := range f.Core.Edges {
		all = append(all, []Vouching{e.Vouching(at("core.edges", i)), radsec})
	}
	servers("core", Federation{Transport: "radsec"}, f.Core.Servers, radsec)
	for _, name := range slices.Sorted(maps.Keys(f.Federation)) {
		fed := f.Federation[name]
		own := fed.Vouching(name)
		servers(own.Key, fed, fed.Servers, own, radsec)
		for i, p := range fed.Clients {
			if fed.TransportOf(p) == "radsec" {
				all = append(all, []Vouching{p.Vouching(at(own.Key+".clients", i)), own, radsec})
			}
		}
		if fed.Discovery != nil {
			all = append(all, []Vouching{own, radsec})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Realm)) {
		servers(under("realm", name), Federation{}, f.Realm[name].Servers, radsec)
	}
	return all
}
