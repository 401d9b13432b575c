package certs_test

import (
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"causeway/certs"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Holds S12 and part of R30: only the diagonal of authorities and peers is good, the CN
// counts for nothing, and a certificate is good for what it was issued for.
func TestS12PeersByAuthorityAndName(t *testing.T) {
	now := time.Now()
	const n = 4
	var issuers []*certs.Authority
	var shown [][]*x509.Certificate
	var peers []*certs.Peer
	name := func(i int) string { return string(rune('a'+i)) + ".roam.example.net" }
	for i := range n {
		a := must(certs.NewAuthority(name(i)+" authority", now, certs.Options{}))
		pair := must(a.Server([]string{name(i)}, certs.Options{Names: certs.Names{}}))
		issuers = append(issuers, a)
		shown = append(shown, []*x509.Certificate{pair.Certificate.Leaf})
		peers = append(peers, must(certs.PeerOf([]*x509.Certificate{a.Certificate()}, []string{name(i)})))
	}
	for i, p := range peers {
		for j, chain := range shown {
			if err := p.Verify(chain, x509.ExtKeyUsageServerAuth, now); (err == nil) != (i == j) || err != nil && !errors.Is(err, certs.ErrPeerIssuer) {
				t.Errorf("peer %d, certificate %d: %v", i, j, err)
			}
		}
		// Somebody else's authority with this peer's name.
		other := must(issuers[(i+1)%n].Server([]string{name(i)}, certs.Options{}))
		if err := p.Verify([]*x509.Certificate{other.Certificate.Leaf}, x509.ExtKeyUsageServerAuth, now); !errors.Is(err, certs.ErrPeerIssuer) {
			t.Errorf("peer %d, its name from another authority: %v", i, err)
		}
		// Its authority with somebody else's name.
		other = must(issuers[i].Server([]string{name((i + 1) % n)}, certs.Options{}))
		if err := p.Verify([]*x509.Certificate{other.Certificate.Leaf}, x509.ExtKeyUsageServerAuth, now); !errors.Is(err, certs.ErrPeerName) {
			t.Errorf("peer %d, another name of its authority: %v", i, err)
		}
		if err := p.Verify(shown[i], x509.ExtKeyUsageServerAuth, now.AddDate(20, 0, 0)); !errors.Is(err, certs.ErrPeerIssuer) {
			t.Errorf("peer %d, in twenty years: %v", i, err)
		}
		if err := p.Verify(nil, x509.ExtKeyUsageServerAuth, now); !errors.Is(err, certs.ErrPeerMissing) {
			t.Errorf("peer %d, nothing shown: %v", i, err)
		}
	}
}

// A server that speaks RadSec is a client to one and a server to another with the same
// certificate.
func TestPeerCertificateServesBothWays(t *testing.T) {
	now := time.Now()
	a := must(certs.NewAuthority("an authority", now, certs.Options{}))
	pair := must(a.Peer([]string{"radius1.example.net"}, certs.Options{}))
	p := must(certs.PeerOf([]*x509.Certificate{a.Certificate()}, []string{"radius1.example.net"}))
	for _, as := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		if err := p.Verify([]*x509.Certificate{pair.Certificate.Leaf}, as, now); err != nil {
			t.Errorf("usage %d: %v", as, err)
		}
	}
	if _, err := a.Peer(nil, certs.Options{}); err == nil {
		t.Error("a peer without a name")
	}
	if _, err := a.Peer([]string{"*.example.net"}, certs.Options{}); err == nil {
		t.Error("a peer of any name")
	}
}

func TestPeerNames(t *testing.T) {
	now := time.Now()
	a := must(certs.NewAuthority("an authority", now, certs.Options{}))
	device := must(a.Device(certs.Options{Names: certs.Names{CommonName: "roam1.example.net", DNS: []string{"other.example.net"}}}))
	for name, good := range map[string]bool{
		"other.example.net": true, "OTHER.Example.NET": true, "*.example.net": true,
		"roam1.example.net": false, // the CN
		"example.net.other": false, "*.net.example": false, "x.other.example.net": false, "*.other.example.net": false, "192.0.2.1": false,
	} {
		p := must(certs.PeerOf([]*x509.Certificate{a.Certificate()}, []string{"no.example.org", name}))
		if err := p.Verify([]*x509.Certificate{device.Certificate.Leaf}, x509.ExtKeyUsageClientAuth, now); (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
		// A device's certificate is no server's.
		if err := p.Verify([]*x509.Certificate{device.Certificate.Leaf}, x509.ExtKeyUsageServerAuth, now); !errors.Is(err, certs.ErrPeerIssuer) {
			t.Errorf("%s, as a server: %v", name, err)
		}
	}
	for _, bad := range [][]string{nil, {""}, {"*"}, {"*.*.example.net"}, {"a b.example.net"}, {"roam"}} {
		if _, err := certs.PeerOf([]*x509.Certificate{a.Certificate()}, bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	policy := "1.3.6.1.4.1.25178.3.1.1"
	p := must(certs.PeerOf([]*x509.Certificate{a.Certificate()}, []string{"other.example.net"}, policy))
	if err := p.Verify([]*x509.Certificate{device.Certificate.Leaf}, x509.ExtKeyUsageClientAuth, now); !errors.Is(err, certs.ErrPeerPolicy) {
		t.Errorf("without the policy: %v", err)
	}
	device = must(a.Device(certs.Options{Policies: []string{policy, "1.2.3"}, Names: certs.Names{CommonName: "x", DNS: []string{"other.example.net"}}}))
	if err := p.Verify([]*x509.Certificate{device.Certificate.Leaf}, x509.ExtKeyUsageClientAuth, now); err != nil {
		t.Errorf("with the policy: %v", err)
	}
	if _, err := certs.PeerOf([]*x509.Certificate{a.Certificate()}, []string{"other.example.net"}, "eduroam"); err == nil {
		t.Error("a word is taken for a policy")
	}
}

// Whoever asks once more is asked last, with every way to an authority, and has the last
// word; the peer without the question stays as it was.
func TestPeerIsAskedAboutLast(t *testing.T) {
	now := time.Now()
	a := must(certs.NewAuthority("an authority", now, certs.Options{}))
	good := []*x509.Certificate{must(a.Peer([]string{"radius1.example.net"}, certs.Options{})).Certificate.Leaf}
	other := []*x509.Certificate{must(a.Peer([]string{"radius2.example.net"}, certs.Options{})).Certificate.Leaf}
	withdrawn := errors.New("withdrawn")
	asked := 0
	plain := must(certs.PeerOf([]*x509.Certificate{a.Certificate()}, []string{"radius1.example.net"}))
	p := plain.Asking(func(chains [][]*x509.Certificate) error {
		asked++
		if len(chains) != 1 || len(chains[0]) != 2 || !chains[0][0].Equal(good[0]) || !chains[0][1].Equal(a.Certificate()) {
			t.Errorf("asked about %v", chains)
		}
		return withdrawn
	})
	if err := p.Verify(other, x509.ExtKeyUsageServerAuth, now); !errors.Is(err, certs.ErrPeerName) || asked != 0 {
		t.Errorf("another name: %v, and %d questions", err, asked)
	}
	if err := p.Verify(good, x509.ExtKeyUsageServerAuth, now); !errors.Is(err, withdrawn) || asked != 1 {
		t.Errorf("%v, and %d questions", err, asked)
	}
	if i, err := certs.WhichPeer([]*certs.Peer{p}, good, x509.ExtKeyUsageClientAuth, now); i != 0 || !errors.Is(err, withdrawn) {
		t.Errorf("among others: peer %d, %v", i, err)
	}
	if err := plain.Verify(good, x509.ExtKeyUsageServerAuth, now); err != nil {
		t.Error(err)
	}
}
