package config

import (
	"reflect"
	"testing"
)

// The nearest counts, and the lists of one authority never judge another's certificates.
func TestTrustOf(t *testing.T) {
	far := Vouching{Key: "radsec", CA: "file:a", CRL: List{"file:a.crl"}}
	for name, c := range map[string]struct {
		tables []Vouching
		want   Trust
	}{
		"nothing nearer":           {[]Vouching{{}, {}, far}, Trust{CA: "file:a", CAKey: "radsec.ca", CRL: far.CRL, CRLKey: "radsec.crl"}},
		"a nearer list":            {[]Vouching{{Key: "s", CRL: List{"file:b.crl"}}, far}, Trust{CA: "file:a", CAKey: "radsec.ca", CRL: List{"file:b.crl"}, CRLKey: "s.crl"}},
		"a nearer authority":       {[]Vouching{{Key: "s", CA: "file:b"}, far}, Trust{CA: "file:b", CAKey: "s.ca"}},
		"a nearer none":            {[]Vouching{{Key: "s", Revocation: "none"}, far}, Trust{CA: "file:a", CAKey: "radsec.ca"}},
		"a nearer word":            {[]Vouching{{Revocation: "refuse-unknown"}, {Revocation: "accept-unknown"}, far}, Trust{CA: "file:a", CAKey: "radsec.ca", CRL: far.CRL, CRLKey: "radsec.crl"}},
		"a word further off":       {[]Vouching{{}, {Revocation: "accept-unknown"}, far}, Trust{CA: "file:a", CAKey: "radsec.ca", CRL: far.CRL, CRLKey: "radsec.crl", AcceptUnknown: true}},
		"a list, none further off": {[]Vouching{{Key: "s", CRL: List{"file:b.crl"}}, {Key: "radsec", CA: "file:a", Revocation: "none"}}, Trust{CA: "file:a", CAKey: "radsec.ca", CRL: List{"file:b.crl"}, CRLKey: "s.crl"}},
	} {
		if got := TrustOf(c.tables...); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
