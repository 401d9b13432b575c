package daemon

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"causeway/certs"
	"causeway/radiusd/daemon/config"
	"causeway/radiusd/transport"
	"causeway/realms"
)

// overTLS is what the file calls RADIUS over TLS.
const overTLS = "radsec"

// openPair reads a certificate and its key, which stand below a table of the file. It is
// nil when the table names none, and when they are not on this machine; the file warns
// of that.
func openPair(file *config.File, table, certificate, key string) (*certs.Keeper, error) {
	c := certs.Config{Certificate: certificate, PrivateKey: key}
	if c.Certificate == "" || c.PrivateKey == "" || file.Unreadable(table+".certificate") || file.Unreadable(table+".private_key") {
		return nil, nil
	}
	keeper, err := certs.NewKeeper(c)
	if err == nil {
		return keeper, nil
	}
	var problems realms.Problems
	for line := range strings.Lines(err.Error()) {
		of := table + ".certificate"
		if strings.HasPrefix(line, "private_key") {
			of = table + ".private_key"
		}
		problems = append(problems, realms.Problem{Key: of, Text: strings.TrimSuffix(line, "\n")})
	}
	return nil, problems
}

func controllerKey(site, controller int) string {
	return fmt.Sprintf("site[%d].controller[%d]", site, controller)
}

func proxyKey(federation string, client int) string {
	return fmt.Sprintf("federation.%s.clients[%d]", federation, client)
}

func edgeKey(i int) string { return fmt.Sprintf("core.edges[%d]", i) }

// readPeers reads who each client has to be that speaks RadSec, by the client's key in
// the file. One whose authority is not on this machine is left out; the file warns.
func readPeers(file *config.File, lists peerLists) (map[string]*certs.Peer, error) {
	peers := make(map[string]*certs.Peer)
	var problems realms.Problems
	read := func(key, transportName string, rule certs.PeerRule, tables ...config.Vouching) {
		trust := config.TrustOf(append(tables, file.RadSec.Vouching())...)
		rule.CA = trust.CA
		if transportName != overTLS || rule.CA == "" || file.Unreadable(trust.CAKey) {
			return
		}
		peer, err := certs.NewPeer(rule)
		if err == nil {
			peers[key] = lists.guard(peer, trust)
			return
		}
		of, text := trust.CAKey, err.Error()
		for _, k := range []string{"names", "policies"} {
			if strings.HasPrefix(text, k+":") {
				of = key + "." + k
			}
		}
		problems = append(problems, realms.Problem{Key: of, Text: text})
	}
	for i, s := range file.Site {
		for j, c := range s.Controller {
			key := controllerKey(i, j)
			read(key, c.Transport, certs.PeerRule{Names: c.Names, Policies: c.Policies}, c.Vouching(key))
		}
	}
	for i, e := range file.Core.Edges {
		read(edgeKey(i), overTLS, certs.PeerRule{Names: e.Names, Policies: e.Policies}, e.Vouching(edgeKey(i)))
	}
	for _, name := range slices.Sorted(maps.Keys(file.Federation)) {
		fed := file.Federation[name]
		for i, c := range fed.Clients {
			key := proxyKey(name, i)
			read(key, fed.TransportOf(c), certs.PeerRule{Names: c.Names, Policies: c.Policies}, c.Vouching(key), fed.Vouching(name))
		}
	}
	if len(problems) > 0 {
		return peers, problems
	}
	return peers, nil
}

// errNoRadSec: a reload took the certificate away while the server listens.
var errNoRadSec = errors.New("the configuration has no certificate for RadSec")

// radsec is the part of the file that listens for RADIUS over TLS. The certificate is
// that of the configuration of the moment.
func (d *Daemon) radsec(file *config.File) transport.RadSec {
	return transport.RadSec{
		Listen:   file.Server.Listen.RadSec,
		RADIUS11: file.RadSec.RADIUS11, Connections: file.RadSec.Connections,
		Certificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			h := d.open()
			defer h.leave()
			if h.cards.own == nil {
				return nil, errNoRadSec
			}
			return h.cards.own.Current().For(hello)
		},
	}
}

// radsecFaults says when the certificate that peers are shown has ended, or will soon.
func (h *house) radsecFaults(now time.Time) (faults config.Problems) {
	if h.cards.own == nil {
		return nil
	}
	for _, f := range h.cards.own.Current().Lint(now) {
		if strings.HasPrefix(f.Code, "expire") {
			faults = append(faults, h.file.Place("radsec.certificate", "the certificate for RadSec: "+f.Text, f.Fix))
		}
	}
	return faults
}

// reportPeers tells the NOC which RadSec connections came and went since the last time.
func (d *Daemon) reportPeers() {
	news := d.net.PeerNews()
	strangers := 0
	for _, n := range news {
		if n.Client == "" {
			if strangers++; strangers > mostTold {
				continue
			}
		}
		about := []any{"client", orNone(n.Client), "address", n.Address.String()}
		if n.Opened > 0 {
			version := "1.0"
			if n.RADIUS11 {
				version = "1.1"
			}
			d.desk.Notice("a RadSec peer connected", append(slices.Clip(about), "connections", n.Opened, "radius", version)...)
		}
		if n.Closed > 0 {
			d.desk.Notice("a RadSec peer's connection ended", append(slices.Clip(about), "connections", n.Closed, "why", n.WhyClosed)...)
		}
		if n.Refused > 0 {
			d.desk.Warn("a RadSec connection was refused", append(slices.Clip(about), "connections", n.Refused, "why", n.WhyRefused)...)
		}
	}
	if strangers > mostTold {
		d.desk.Warn("more addresses that are no clients of ours connect for RadSec", "addresses", strangers-mostTold)
	}
}
