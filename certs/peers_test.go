package certs_test

import (
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"causeway/certs"
)

// Exactly one peer has to fit a certificate; who comes nearest is named beside the error.
func TestWhichPeer(t *testing.T) {
	now := time.Now()
	a, b := must(certs.NewAuthority("one", now, certs.Options{})), must(certs.NewAuthority("another", now, certs.Options{}))
	of := func(a *certs.Authority, names ...string) *certs.Peer {
		return must(certs.PeerOf([]*x509.Certificate{a.Certificate()}, names))
	}
	show := func(a *certs.Authority, names ...string) []*x509.Certificate {
		return []*x509.Certificate{must(a.Peer(names, certs.Options{})).Certificate.Leaf}
	}
	peers := []*certs.Peer{of(a, "one.example.net"), of(a, "two.example.net", "*.wards.example.net"), of(b, "one.example.net")}
	for name, c := range map[string]struct {
		shown []*x509.Certificate
		index int
		err   error
		words string
	}{
		"first":             {show(a, "one.example.net"), 0, nil, ""},
		"second":            {show(a, "two.example.net"), 1, nil, ""},
		"by its pattern":    {show(a, "ward7.wards.example.net"), 1, nil, ""},
		"by its authority":  {show(b, "one.example.net"), 2, nil, ""},
		"nobody":            {show(a, "three.example.net"), -1, certs.ErrPeerName, "it is for three.example.net, and nobody whom we know has such a name"},
		"another authority": {show(b, "two.example.net"), 1, certs.ErrPeerIssuer, ""},
		"two":               {show(a, "one.example.net", "two.example.net"), 0, certs.ErrPeerSeveral, "one.example.net, two.example.net"},
		"nothing":           {nil, -1, certs.ErrPeerMissing, ""},
	} {
		i, err := certs.WhichPeer(peers, c.shown, x509.ExtKeyUsageClientAuth, now)
		if i != c.index || !errors.Is(err, c.err) || err != nil && !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %d, %v", name, i, err)
		}
	}
}

func TestPeersOverlap(t *testing.T) {
	now := time.Now()
	a, b := must(certs.NewAuthority("one", now, certs.Options{})), must(certs.NewAuthority("another", now, certs.Options{}))
	of := func(a *certs.Authority, names string, policies ...string) *certs.Peer {
		return must(certs.PeerOf([]*x509.Certificate{a.Certificate()}, strings.Fields(names), policies...))
	}
	for _, c := range []struct {
		one, other *certs.Peer
		name       string // "": they do not
	}{
		{of(a, "one.example.net"), of(a, "two.example.net"), ""},
		{of(a, "one.example.net"), of(b, "one.example.net"), ""},
		{of(a, "one.example.net"), of(a, "two.example.net ONE.example.net"), "ONE.example.net"},
		{of(a, "*.example.net"), of(a, "one.example.net"), "one.example.net"},
		{of(a, "*.example.net"), of(a, "one.wards.example.net"), ""},
		{of(a, "*.example.net"), of(a, "*.example.net"), "*.example.net"},
		{of(a, "192.0.2.1"), of(a, "192.0.2.1"), "192.0.2.1"},
		{of(a, "one.example.net", "1.2.3"), of(a, "one.example.net", "1.2.4"), ""},
		{of(a, "one.example.net", "1.2.3"), of(a, "one.example.net"), "one.example.net"},
		{of(a, "one.example.net", "1.2.3"), of(a, "one.example.net", "1.2.3", "1.2.4"), "one.example.net"},
	} {
		for _, pair := range [][2]*certs.Peer{{c.one, c.other}, {c.other, c.one}} {
			if name, overlap := pair[0].Overlaps(pair[1]); overlap != (c.name != "") || !strings.EqualFold(name, c.name) {
				t.Errorf("%v and %v: %q, %v", pair[0].Names(), pair[1].Names(), name, overlap)
			}
		}
	}
}
