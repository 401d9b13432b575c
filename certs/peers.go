package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrPeerSeveral says that a certificate is that of more than one peer.
var ErrPeerSeveral = errors.New("its certificate is that of more than one peer")

// WhichPeer finds among peers the one who has shown a certificate, its own first, for
// what it is. Exactly one has to fit: nobody is guessed at. The index is of that peer,
// or, beside an error, of the one who has a name of the certificate's; -1: nobody has.
//
// Chains are built for those peers alone whose names stand in the certificate, so that
// a certificate costs the same however many peers there are.
func WhichPeer(peers []*Peer, shown []*x509.Certificate, as x509.ExtKeyUsage, now time.Time) (int, error) {
	if len(shown) == 0 {
		return -1, ErrPeerMissing
	}
	found, nearest := -1, -1
	var why error
	for i, p := range peers {
		if !p.named(shown[0]) {
			continue
		}
		switch err := p.Verify(shown, as, now); {
		case err != nil:
			if why == nil {
				nearest, why = i, err
			}
		case found >= 0:
			return found, fmt.Errorf("%w: it is for %s", ErrPeerSeveral, altNames(shown[0]))
		default:
			found = i
		}
	}
	switch {
	case found >= 0:
		return found, nil
	case nearest >= 0:
		return nearest, why
	}
	return -1, fmt.Errorf("%w: it is for %s, and nobody whom we know has such a name", ErrPeerName, altNames(shown[0]))
}

// named tells whether a certificate has one of the peer's names, whoever issued it.
func (p *Peer) named(leaf *x509.Certificate) bool {
	return slices.ContainsFunc(p.nameTests, func(is func(*x509.Certificate) bool) bool { return is(leaf) })
}

// Overlaps tells whether one name of one authority under one set of policies makes a
// certificate that fits both peers, and returns that name.
func (p *Peer) Overlaps(q *Peer) (name string, overlap bool) {
	if !slices.ContainsFunc(p.issuers, func(c *x509.Certificate) bool { return slices.ContainsFunc(q.issuers, c.Equal) }) {
		return "", false
	}
	if !within(p.policies, q.policies) && !within(q.policies, p.policies) {
		return "", false
	}
	for _, one := range p.names {
		for _, other := range q.names {
			if covers(one, other) {
				return other, true
			}
			if covers(other, one) {
				return one, true
			}
		}
	}
	return "", false
}

func within(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// covers tells whether a name is another, or a pattern that holds it.
func covers(name, other string) bool {
	if strings.EqualFold(name, other) {
		return true
	}
	parent, any := strings.CutPrefix(name, "*.")
	_, rest, _ := strings.Cut(other, ".")
	return any && strings.EqualFold(parent, rest)
}
