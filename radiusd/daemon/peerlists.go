package daemon

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"causeway/certs"
	"causeway/certs/revocation"
	"causeway/radiusd/daemon/config"
)

// peerLists are the revocation lists of those who may vouch for RadSec peers, one for
// each authority with lists of its own.
type peerLists []*peerList

// A peerList judges the peers of one authority. Before its house is furnished it asks
// nobody: who looks at a file, or probes from the command line, fetches nothing.
type peerList struct {
	trust    config.Trust
	anchors  []*x509.Certificate
	registry *revocation.Registry
}

// openPeerLists finds the lists that the file names, beside whose they are. A ca that
// cannot be read is told of where its peers are read.
func openPeerLists(file *config.File) (lists peerLists) {
	for _, tables := range file.PeerTables() {
		trust := config.TrustOf(tables...)
		if len(trust.CRL) == 0 || trust.CA == "" || file.Unreadable(trust.CAKey) || lists.find(trust) != nil {
			continue
		}
		if anchors, err := certs.PeerIssuers(trust.CA); err == nil {
			lists = append(lists, &peerList{trust: trust, anchors: anchors})
		}
	}
	return lists
}

func (l peerLists) find(trust config.Trust) *peerList {
	for _, list := range l {
		if list.trust.CA == trust.CA && list.trust.AcceptUnknown == trust.AcceptUnknown && slices.Equal(list.trust.CRL, trust.CRL) {
			return list
		}
	}
	return nil
}

// guard has a peer asked about in the lists of who vouches for it, where there are any.
func (l peerLists) guard(peer *certs.Peer, trust config.Trust) *certs.Peer {
	if list := l.find(trust); list != nil {
		return peer.Asking(list.judge)
	}
	return peer
}

// judge says what the lists have against a certificate: nothing, if by one of its ways to
// the authority nobody has withdrawn anything. A way of which nobody says anything does
// not excuse another on which something was withdrawn.
func (l *peerList) judge(chains [][]*x509.Certificate) error {
	if l.registry == nil {
		return nil
	}
	var withdrawn, unknown error
	for _, chain := range chains {
		err := l.registry.Check(context.Background(), chain) // without responders it waits for nobody
		var w *revocation.WithdrawnError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &w):
			whose := "its certificate"
			if w.Certificate != chain[0] {
				whose = "the certificate of " + w.Certificate.Subject.CommonName + ", which vouches for it,"
			}
			withdrawn = fmt.Errorf("%s was %s, says %s", whose, w.Words, w.Source)
		default:
			unknown = err
		}
	}
	switch {
	case withdrawn != nil:
		return withdrawn
	case l.trust.AcceptUnknown:
		return nil
	}
	return unknown
}

// of is what the log calls those whose lists these are.
func (l *peerList) of() string { return "RadSec peers, by " + l.trust.CRLKey }

// relisted takes note that what the lists say of RadSec peers has changed.
func (d *Daemon) relisted() { d.lists.Store(true) }

// rejudge ends the RadSec connections, both ways, with those whose certificates are good
// no longer by the lists.
func (d *Daemon) rejudge() {
	if !d.lists.Swap(false) {
		return
	}
	d.net.Rejudge()
	h := d.open()
	defer h.leave()
	for _, p := range h.pools {
		p.Rejudge()
	}
	for _, found := range h.found {
		for _, p := range found.every() {
			p.Rejudge()
		}
	}
}
