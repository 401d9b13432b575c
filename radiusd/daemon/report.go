package daemon

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"causeway/radiusd/transport"
	"causeway/realms/upstream"
)

// mostTold is how many strange addresses a minute's report names: whoever forges
// them must not write the log.
const mostTold = 20

// How often the log hears of counters that moved, and of certificates that end.
const (
	reportEvery = time.Minute
	lintEvery   = 24 * time.Hour
)

// report tells the NOC once a minute which packets met silence and who sent
// them: what a packet deserves no answer for still deserves to be seen.
func (d *Daemon) report(ctx context.Context) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	told := make(map[string]uint64)
	upstreams := &figures{told: make(map[string]upstream.ServerStatus), all: d.now()}
	linted := d.now()
	d.lint()
	d.remindOfAgreements(true)
	d.reportPlacements()
	d.remindOfLists()
	for {
		select {
		case <-ctx.Done():
			d.reportOnce(told)
			return
		case <-tick.C:
			d.reportOnce(told)
			d.reportFigures(upstreams)
			d.remindOfAgreements(false)
			d.reportPlacements()
			d.remindOfLists()
			if now := d.now(); now.Sub(linted) >= lintEvery {
				linted = now
				d.lint()
				d.remind()
				d.reportDay()
			}
		}
	}
}

// reportOnce logs what has moved since it was told last.
func (d *Daemon) reportOnce(told map[string]uint64) {
	d.net.Stats().Each(func(name string, value uint64) {
		moved := value - told[name]
		if moved == 0 || !worthTelling(name) {
			return
		}
		told[name] = value
		d.desk.Warn("packets met silence", "cause", strings.TrimPrefix(name, "silence-"), "in_the_last_minute", moved, "since_start", value)
	})
	d.reportStrangers()
	d.reportUnclaimed()
	for _, c := range d.net.SilencedClients() {
		d.desk.Warn("a client sends what cannot be answered: "+meaning(c.Cause),
			"client", c.Client, "address", c.Address.String(), "packets", c.Count, "cause", c.Cause.String())
	}
	d.reportPeers()
	if lost := d.desk.Dropped(); lost != told["lost"] {
		told["lost"] = lost
		d.desk.Alarm("lines of this log were lost", "since_start", lost)
	}
	d.tickers.lost(func(federation string, lines uint64) {
		counter := "fticks " + federation
		if lines > told[counter] {
			d.desk.Warn("F-Ticks were lost: the server takes too few", "federation", federation, "since_start", lines)
		}
		told[counter] = lines // fewer than before: a reload opened another
	})
	if spared := d.counts.spared.Load(); spared != told["spared"] {
		d.desk.Warn("devices ask again and again and are answered in place of their homes", "in_the_last_minute", spared-told["spared"], "since_start", spared)
		told["spared"] = spared
	}
	if busy := d.counts.busy.Load(); busy != told["busy"] {
		told["busy"] = busy
		d.desk.Warn("requests dropped while their conversation was being answered", "since_start", busy)
	}
}

// lint raises an alarm for what is wrong with the certificate today: it may have
// been good when it was loaded (F8).
func (d *Daemon) lint() {
	h := d.open()
	defer h.leave()
	for _, f := range h.radsecFaults(d.now()) {
		d.desk.Alarm(f.Text, "at", fmt.Sprintf("%s:%d", f.File, f.Line), "fix", f.Fix)
	}
	if h.keeper == nil {
		return
	}
	for _, f := range h.keeper.Current().Lint(d.now()) {
		if f.Severity == "error" || strings.HasPrefix(f.Code, "expires") {
			d.desk.Alarm("the server's certificate", "finding", f.Text, "fix", f.Fix)
		}
	}
}

// remind tells again which sources of revocations do not work.
func (d *Daemon) remind() {
	h := d.open()
	defer h.leave()
	for _, w := range d.watches.of(h) {
		w.troubles(d.watchChanged)
	}
}

// serverChanged records the health of an upstream server.
func (d *Daemon) serverChanged(pool, server, from, to, why string) {
	say := d.desk.Warn
	if to == "alive" {
		say = d.desk.Notice
	}
	say("an upstream server changed", "pool", pool, "server", server, "from", from, "to", to, "why", why)
}

// homeChanged records that an organisation behind a server that lives gives no answer,
// or gives one again.
func (d *Daemon) homeChanged(pool, server, realm string, silent bool, why string) {
	if silent {
		d.desk.Warn("a home organisation does not answer", "realm", realm, "pool", pool, "server", server, "why", why)
		return
	}
	d.desk.Notice("a home organisation answers again", "realm", realm, "pool", pool, "server", server, "why", why)
}

// realmLookedUp records what DNS says of a realm, when it says something else than
// before.
func (d *Daemon) realmLookedUp(federation, realm, found, why string) {
	if found == "" {
		d.desk.Notice("a realm has no servers of its own that can be asked: the federation's are", "realm", realm, "federation", federation, "why", why)
		return
	}
	d.desk.Notice("a realm's own servers were found in DNS", "realm", realm, "federation", federation, "servers", found)
}

// figures are what the NOC was told last of requests to others. It is told once an hour
// of every server that was asked, and within the minute of one where something was lost.
type figures struct {
	told map[string]upstream.ServerStatus
	mute map[string]time.Time // when a server that has never answered was told of
	all  time.Time            // when every server was told of
}

// keep forgets the servers that are not there any more: those of realms that are found in
// DNS come and go.
func (f *figures) keep(there map[string]bool) {
	maps.DeleteFunc(f.told, func(key string, _ upstream.ServerStatus) bool { return !there[key] })
	maps.DeleteFunc(f.mute, func(key string, _ time.Time) bool { return !there[key] })
}

// unheard is how many Status-Servers have to go unanswered before somebody is told of a
// server that has never answered at all.
const unheard = 3

// reportMute tells once a day of a server that has never answered. Status-Server alone does
// not make it dead, since some ignore it; so a wrong address or secret of the second proxy
// would else be news on the night on which the first one fails.
func (d *Daemon) reportMute(f *figures, pool string, s *upstream.ServerStatus) {
	if s.Health == upstream.Dead || !s.LastAnswer.IsZero() || s.Probes < unheard {
		return
	}
	key, now := pool+" "+s.Name, d.now()
	if last, told := f.mute[key]; told && now.Sub(last) < lintEvery {
		return
	}
	if f.mute == nil {
		f.mute = make(map[string]time.Time)
	}
	f.mute[key] = now
	fields := []any{"pool", pool, "server", s.Name, "status_servers", s.Probes}
	for cause, n := range s.Dropped.Each() {
		if n > 0 {
			fields = append(fields, "dropped_as", cause)
			break
		}
	}
	d.desk.Warn("an upstream server has never answered", append(fields,
		"fix", "compare address, port, firewall and secret with its operator; where it ignores Status-Server, write without_status_server")...)
}

func (d *Daemon) reportFigures(f *figures) {
	h := d.open()
	defer h.leave()
	now := d.now()
	hourly := now.Sub(f.all) >= time.Hour
	if hourly {
		f.all = now
		d.tellStrangers(mostTold)
	}
	there := make(map[string]bool)
	for _, p := range h.allPools() {
		for _, s := range p.Status() {
			d.reportMute(f, p.name, &s)
			key := p.name + " " + s.Name
			there[key] = true
			was := f.told[key]
			if was.Sent > s.Sent { // a reload made the pool anew
				was = upstream.ServerStatus{}
			}
			lost := s.Unanswered != was.Unanswered || s.Dropped != was.Dropped
			if s.Sent == was.Sent || !hourly && !lost {
				continue
			}
			f.told[key] = s
			d.desk.Notice("figures of an upstream server", "pool", p.name, "server", s.Name, "health", string(s.Health),
				"sent", s.Sent-was.Sent, "answered", s.Answered-was.Answered, "repeated", s.Repeated-was.Repeated, "unanswered", s.Unanswered-was.Unanswered,
				"late", s.Late-was.Late, "in_flight", s.InFlight, "connections", s.Sockets)
		}
		if hourly {
			d.reportRealms(p)
		}
	}
	f.keep(there)
}

// reportRealms tells of the organisations behind a pool that did not answer everybody.
func (d *Daemon) reportRealms(p pool) {
	all, others := p.Realms()
	for i, r := range all {
		if i == mostTold || r.Silent == 0 {
			break
		}
		d.desk.Notice("figures of a home organisation", "pool", p.name, "realm", r.Realm, "accepted", r.Accepted, "rejected", r.Rejected, "unanswered", r.Silent, "server", r.Server)
	}
	if others > 0 {
		d.desk.Notice("figures of home organisations beyond those that are kept", "pool", p.name, "log_ins", others)
	}
}

// meaning says what a client whose packets meet silence most probably needs.
func meaning(cause transport.Cause) string {
	switch cause {
	case transport.BadMessageAuthenticator, transport.BadRequestAuthenticator:
		return "its shared secret is another than ours; compare them"
	case transport.NoMessageAuthenticator:
		return "it does not sign its requests; switch on Message-Authenticator there"
	}
	return "its packets are damaged or are none of RADIUS"
}

// worthTelling says which counters the NOC hears of: packets that met silence,
// except those that every busy network has.
func worthTelling(counter string) bool {
	cause, silence := strings.CutPrefix(counter, "silence-")
	return silence && cause != transport.DuplicateInProgress.String() && cause != transport.HandlerSilent.String() &&
		cause != transport.Superseded.String()
}
