package daemon

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"causeway/certs"
	"causeway/radiusd/daemon/config"
	"causeway/radiusd/noc"
	"causeway/radiusd/probe"
	"causeway/radiusd/transport"
	"causeway/realms"
	"causeway/realms/upstream"
)

// A standing is one test account and one server that it logs in through, as the
// file has them.
type standing struct {
	probe.Probe
	pool  string        // the federation, or the partner's realm
	every time.Duration // 0: only when it is asked for
	flaw  string        // why it cannot be made here; empty: it can
}

// A standingKey tells a standing from others, over reloads.
type standingKey struct{ pool, server, user string }

func (s *standing) key() standingKey {
	return standingKey{s.pool, s.Server.Name, s.Account.User}
}

// nasOfProbes is the NAS-Identifier by which an operator tells probes from people.
const nasOfProbes = "radiusd-probe"

// An outside is a table of the file that has servers of others.
type outside struct {
	key, name string            // `realm."camford.ac.uk"`, camford.ac.uk
	fed       config.Federation // of a partner, one of its own
	servers   []config.Upstream
	accounts  []config.Probe
	ssids     []string // where its users may be
}

// outsides lists the federations, then the partners.
func outsides(file *config.File) (list []outside) {
	for _, name := range slices.Sorted(maps.Keys(file.Federation)) {
		f := file.Federation[name]
		p := outside{key: "federation." + name, name: name, fed: f, servers: f.Servers, accounts: f.Probe}
		for _, s := range file.SSID {
			if s.Federation == name {
				p.ssids = append(p.ssids, s.Name)
			}
		}
		list = append(list, p)
	}
	for _, name := range slices.Sorted(maps.Keys(file.Realm)) {
		if r := file.Realm[name]; len(r.Servers) > 0 {
			list = append(list, outside{key: fmt.Sprintf("realm.%q", name), name: name, servers: r.Servers, accounts: r.Probe, ssids: r.SSIDs})
		}
	}
	return list
}

// standings are all the probes of a file, each account through each server in turn.
// hear is told what is wrong with an account; what cannot be read here is a flaw.
func standings(file *config.File, shown cards, hear func(key string, err error)) (all []*standing) {
	for _, p := range outsides(file) {
		for i, c := range p.accounts {
			key := fmt.Sprintf("%s.probe[%d]", p.key, i)
			account, flaw, err := accountOf(file, key, c)
			if err != nil {
				hear(key, err)
				continue
			}
			all = append(all, p.through(file, shown, account, time.Duration(c.Every), flaw)...)
		}
	}
	return all
}

// through has one account log in through every server of an outside.
func (p outside) through(file *config.File, shown cards, account probe.Account, every time.Duration, flaw string) (all []*standing) {
	ssid := p.name
	if len(p.ssids) > 0 {
		ssid = p.ssids[0]
	}
	for i, c := range p.servers {
		s := &standing{pool: p.name, every: every, flaw: flaw}
		server, cannot := p.reach(file, shown, c)
		if s.flaw == "" {
			s.flaw = cannot
		}
		s.Probe = probe.Probe{Account: account, Server: server, Operator: file.Server.OperatorName, NAS: nasOfProbes, SSID: ssid}
		if file.Unreadable(fmt.Sprintf("%s.servers[%d].secret", p.key, i)) {
			s.flaw = "the secret shared with " + s.Server.Name + " cannot be read here: run it as the server's own account, or on the server"
		}
		all = append(all, s)
	}
	return all
}

// reach is the one place where a transport is chosen. What cannot be reached from here
// has a flaw, in words.
func (p outside) reach(file *config.File, shown cards, c config.Upstream) (s probe.Server, flaw string) {
	s = probe.Server{
		Name: c.Name, Address: c.Address, Transport: p.fed.TransportTo(c), Secret: c.Secret,
		WithoutStatusServer: c.WithoutStatusServer, Unsigned: c.WithoutMessageAuthenticator,
		Dial: transport.DialUDP,
	}
	if s.Name == "" {
		s.Name = c.Address
	}
	if s.Transport == overTLS {
		s.Address, s.Secret, s.Stream, s.Unsigned = withPort(c.Address, portOfRadSec), transport.RadSecSecret, true, true
		s.Dial, flaw = p.dialRadSec(file, shown, c)
		return s, flaw
	}
	s.Address = withPort(s.Address, portOfUDP)
	return s, ""
}

// dialRadSec connects as the pool does, with the same certificate and to nobody else,
// on a connection of the probe's own. It speaks RADIUS as it was: a log-in shows as much
// as one by RADIUS/1.1.
func (p outside) dialRadSec(file *config.File, shown cards, c config.Upstream) (dial func(ctx context.Context, address string) (net.Conn, error), flaw string) {
	if file.RadSec.RADIUS11 == "require" {
		return nil, "probes speak no RADIUS/1.1, which radius11 requires"
	}
	own := shown.to(p.name, p.fed)
	if own == nil {
		return nil, "the certificate for RadSec cannot be read here: run it as the server's own account, or on the server"
	}
	peer, err := peerOf(file, shown, p.name, p.fed, c)
	if err != nil {
		return nil, "who the server has to be cannot be read here: " + err.Error()
	}
	o := transport.Outbound{Own: own, Peer: peer, Protocols: []string{upstream.ALPN10}, Now: time.Now}
	return func(ctx context.Context, address string) (net.Conn, error) { return o.DialPackets(ctx, address) }, ""
}

// accountOf reads what proves the account and the home organisation to each other.
func accountOf(file *config.File, key string, c config.Probe) (a probe.Account, flaw string, err error) {
	for _, k := range []string{"password", "certificate", "private_key", "ca"} {
		if file.Unreadable(key + "." + k) {
			return probe.Account{User: c.User, Outer: c.Outer}, "the test account's " + k + " cannot be read here: run it as the server's own account, or on the server", nil
		}
	}
	a = probe.Account{User: c.User, Outer: c.Outer, Password: c.Password, Method: c.Method, ServerName: c.ServerName}
	if a.Roots, err = certs.ReadAuthorities(c.CA); err != nil {
		return a, "", realms.Problems{{Key: key + ".ca", Text: err.Error(), Fix: "name a PEM file with the authority of the home organisation's certificate"}}
	}
	if c.WithCertificate() {
		keeper, err := certs.NewKeeper(certs.Config{Certificate: c.Certificate, PrivateKey: c.PrivateKey})
		if err != nil {
			return a, "", realms.Problems{{Key: key + ".certificate", Text: err.Error(), Fix: "name the account's certificate, and the key that belongs to it"}}
		}
		a.Certificate = &keeper.Current().Certificate
	}
	return a, "", nil
}

// Run makes the probe, or says why it cannot be made.
func (s *standing) Run(ctx context.Context) probe.Result {
	if s.flaw != "" {
		return probe.Result{Outcome: probe.Config, Reason: probe.ErrMisconfigured, Words: s.flaw, Began: time.Now()}
	}
	return s.Probe.Run(ctx)
}

// A ProbeStatus is what the last probe of one server found.
type ProbeStatus struct {
	Pool, Server, User string
	Since              time.Time // when the outcome became what it is
	Last               probe.Result
}

// rounds are the probes of a running server: when each is due, and what the last of
// each found. One is made at a time, so that they are never a load.
type rounds struct {
	mu   sync.Mutex
	due  map[standingKey]time.Time
	last map[standingKey]ProbeStatus
}

// firstRound is how long after a start, or after it came into the file, a probe is
// made at the latest.
const firstRound = 5 * time.Second

// next returns the probe that has been due for longest; nil when none is. What the
// file has no more is forgotten.
func (r *rounds) next(all []*standing, now time.Time) (next *standing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := make(map[standingKey]time.Time, len(all))
	for _, s := range all {
		if s.every == 0 {
			continue
		}
		at, seen := r.due[s.key()]
		if !seen {
			at = now.Add(rand.N(firstRound)) //nolint:gosec // nobody gains by guessing it
		} else if latest := now.Add(s.every + s.every/5); at.After(latest) {
			at = latest // it is made more often than it was
		}
		known[s.key()] = at
		if !at.After(now) && (next == nil || at.Before(known[next.key()])) {
			next = s
		}
	}
	r.due = known
	maps.DeleteFunc(r.last, func(k standingKey, _ ProbeStatus) bool { _, stays := known[k]; return !stays })
	return next
}

// found notes what a probe found, and what the one before it had.
func (r *rounds) found(s *standing, result probe.Result, now time.Time) (before ProbeStatus, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := s.key()
	if _, stays := r.due[key]; stays {
		r.due[key] = now.Add(s.every - s.every/10 + rand.N(s.every/5+1)) //nolint:gosec // nobody gains by guessing it
	}
	before, known = r.last[key]
	status := ProbeStatus{Pool: s.pool, Server: s.Server.Name, User: s.Account.User, Since: now, Last: result}
	if known && before.Last.Outcome == result.Outcome {
		status.Since = before.Since
	}
	if r.last == nil {
		r.last = map[standingKey]ProbeStatus{}
	}
	r.last[key] = status
	return before, known
}

// Probes returns what the last probe of each account and server found, in the order
// of their names.
func (d *Daemon) Probes() []ProbeStatus {
	d.rounds.mu.Lock()
	defer d.rounds.mu.Unlock()
	all := slices.Collect(maps.Values(d.rounds.last))
	slices.SortFunc(all, func(a, b ProbeStatus) int {
		return strings.Compare(a.Pool+"\x00"+a.Server+"\x00"+a.User, b.Pool+"\x00"+b.Server+"\x00"+b.User)
	})
	return all
}

// probe logs in through each server in turn, as often as the file of the moment says,
// until ctx ends.
func (d *Daemon) probe(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			d.probeOnce(ctx)
		}
	}
}

// probeOnce makes the probe that is due, if one is. A failed one kills no server: a
// server that speaks Status-Server dies of that alone, since the silence may be of the
// home organisation behind it (R23).
func (d *Daemon) probeOnce(ctx context.Context) {
	h := d.open()
	defer h.leave()
	s := d.rounds.next(h.standings, d.now())
	if s == nil {
		return
	}
	result := s.Run(ctx)
	if ctx.Err() != nil {
		return // it was broken off, and says nothing of anybody
	}
	d.probed(s, result)
}

// probed makes the one event of a probe, and a line when it ended otherwise than the
// one before it.
func (d *Daemon) probed(s *standing, r probe.Result) {
	before, known := d.rounds.found(s, r, d.now())
	method, inner, _ := strings.Cut(s.Account.Method, "-")
	e := noc.Event{
		Kind: "probe", Time: r.Began, Duration: r.Duration, ID: d.names.next(),
		NAS: s.NAS, SSID: s.SSID, MAC: probe.Station,
		Outer: s.Account.Name(), Inner: s.Account.User, Realm: s.Account.Realm(), Route: s.pool, Server: s.Server.Name,
		Method: method, InnerMethod: inner, TLS: r.TLS, Rounds: r.Rounds,
		Outcome: r.Outcome.String(), Reason: string(r.Reason), Detail: r.Words, OperatorName: s.Operator,
	}
	d.desk.End(e)
	if d.watch != nil {
		d.watch(e)
	}
	if known && before.Last.Outcome == r.Outcome || !known && r.Outcome == probe.Accept {
		return
	}
	say, from := d.desk.Warn, "not known"
	if r.Outcome == probe.Accept {
		say = d.desk.Notice
	}
	if known {
		from = before.Last.Outcome.String()
	}
	say("a probe changed", "pool", s.pool, "server", s.Server.Name, "account", s.Account.User, "from", from, "to", r.Outcome.String(), "why", r.Words)
}
