package daemon

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"causeway/certs"
	"causeway/radiusd/daemon/config"
	"causeway/radiusd/transport"
	"causeway/realms"
	"causeway/realms/upstream"
)

// cards are the certificates that this server shows when it speaks RadSec: that of
// [radsec], to all that connect to it and to most servers, and those of federations that
// have issued it one. Beside them are the lists by which those of the others are judged.
type cards struct {
	own   *certs.Keeper // nil: nothing
	of    map[string]*certs.Keeper
	lists peerLists
}

// openCards reads them.
func openCards(file *config.File, hear func(key string, err error)) (c cards) {
	var err error
	c.own, err = openPair(file, "radsec", file.RadSec.Certificate, file.RadSec.PrivateKey)
	hear("", err)
	c.lists = openPeerLists(file)
	c.of = make(map[string]*certs.Keeper)
	for _, name := range slices.Sorted(maps.Keys(file.Federation)) {
		f := file.Federation[name]
		c.of[name], err = openPair(file, "federation."+name, f.Certificate, f.PrivateKey)
		hear("", err)
	}
	return c
}

// to is what the servers of a federation are shown.
func (c cards) to(name string, fed config.Federation) *certs.Keeper {
	if fed.Certificate != "" {
		return c.of[name]
	}
	return c.own
}

// peerOf is who a server of a federation, or of a partner, has to be.
func peerOf(file *config.File, c cards, name string, fed config.Federation, s config.Upstream) (*certs.Peer, error) {
	trust := config.TrustOf(s.Vouching(""), fed.Vouching(name), file.RadSec.Vouching())
	rule := certs.PeerRule{CA: trust.CA, Names: s.Names, Policies: s.Policies}
	if len(rule.Names) == 0 {
		host, _, _ := net.SplitHostPort(withPort(s.Address, portOfRadSec))
		rule.Names = []string{host}
	}
	peer, err := certs.NewPeer(rule)
	if err != nil {
		return nil, err
	}
	return c.lists.guard(peer, trust), nil
}

// The ports of servers whose address names none.
const (
	portOfUDP    = "1812"
	portOfRadSec = "2083"
)

// withPort is an address, which the file has judged, with a port.
func withPort(address, otherwise string) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(strings.Trim(address, "[]"), otherwise)
}

// checkPeers judges the authorities and names of the servers that are reached by
// RadSec, whose files can be read here.
func checkPeers(file *config.File, c cards, hear func(key string, err error)) {
	check := func(key string, fed config.Federation, servers []config.Upstream) {
		for i, s := range servers {
			at := fmt.Sprintf("%s.servers[%d]", key, i)
			if fed.TransportTo(s) != overTLS || file.Unreadable(at+".ca") || file.Unreadable(key+".ca") || file.Unreadable("radsec.ca") {
				continue
			}
			if _, err := peerOf(file, c, "", fed, s); err != nil {
				hear(at, err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(file.Federation)) {
		check("federation."+name, file.Federation[name], file.Federation[name].Servers)
	}
	check("core", ofCore(file), file.Core.Servers)
	for _, name := range slices.Sorted(maps.Keys(file.Realm)) {
		check(fmt.Sprintf("realm.%q", name), config.Federation{}, file.Realm[name].Servers)
	}
}

// server is one server of a pool, and how it is reached.
func (h *homes) server(name string, fed config.Federation, s config.Upstream) (upstream.Server, error) {
	server := upstream.Server{
		Name: s.Name, Address: s.Address, Secret: s.Secret,
		WithoutStatusServer: s.WithoutStatusServer, WithoutMessageAuthenticator: s.WithoutMessageAuthenticator,
	}
	if fed.TransportTo(s) != overTLS {
		return server, nil
	}
	peer, err := peerOf(h.file, h.cards, name, fed, s)
	if err != nil {
		return server, err
	}
	own := h.cards.to(name, fed)
	if own == nil {
		return server, realms.Problems{{Key: "transport", Text: "there is no certificate to show to " + s.Address, Fix: "add [radsec] with certificate and private_key"}}
	}
	out := transport.Outbound{Own: own, Peer: peer, Protocols: protocols(h.file.RadSec.RADIUS11), Now: h.now}
	server.Connect, server.Judge = connect(out, withPort(s.Address, portOfRadSec), h.file.RadSec.RADIUS11 == "require"), out.Judge
	return server, nil
}

// protocols are the versions of RADIUS that are offered (RFC 9765, section 3.1).
func protocols(radius11 string) []string {
	switch radius11 {
	case "forbid":
		return []string{upstream.ALPN10}
	case "require":
		return []string{upstream.ALPN11}
	default:
		return []string{upstream.ALPN11, upstream.ALPN10}
	}
}

// connect dials one server whenever a pool needs a connection.
func connect(o transport.Outbound, address string, only11 bool) func(ctx context.Context) (*tls.Conn, error) {
	return func(ctx context.Context) (*tls.Conn, error) {
		c, err := o.Dial(ctx, address)
		if err == nil && only11 && c.ConnectionState().NegotiatedProtocol != upstream.ALPN11 {
			_ = c.Close()
			return nil, fmt.Errorf("it speaks no RADIUS/1.1, which radius11 requires")
		}
		return c, err
	}
}
