package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"causeway/radiusd/daemon/config"
	"causeway/radiusd/noc"
	"causeway/radiusd/noc/metrics"
	"causeway/radiusd/transport"
	"causeway/realms/upstream"
)

// mostRealmsShown bounds the organisations whose figures are shown of each pool: every
// name is a row for ever in who keeps them.
const mostRealmsShown = 200

// mostFoundShown bounds the realms that were found in DNS, which have a pool each.
const mostFoundShown = 200

// The families, in the order of docs/metrics.md.
var (
	logIns     = metrics.Counter("causeway_log_ins_total", "Log-ins that have ended, by what became of them, why, and whose fault that was.", "outcome", "reason", "fault")
	logInTook  = metrics.Histogram("causeway_log_in_seconds", "How long log-ins took, from their first packet to their last reply.", "outcome")
	accounts   = metrics.Counter("causeway_accounting_total", "Accounting-Requests that were written down, by their kind.", "status")
	probes     = metrics.Counter("causeway_probes_total", "Probes of federations, by what came back.", "outcome", "reason")
	underWay   = metrics.Gauge("causeway_conversations", "Log-ins that wait for their device's next message.")
	sessionsOn = metrics.Gauge("causeway_sessions", "Devices that are taken to be on a network.")
	spared     = metrics.Counter("causeway_log_ins_spared_total", "Log-ins refused in place of a home that had refused the device again and again.")

	serverHealth     = metrics.Gauge("causeway_upstream_health", "1 for the health that a server of others is in, 0 for the others.", "pool", "server", "state")
	serverRequests   = metrics.Counter("causeway_upstream_requests_total", "Requests sent to a server of others, each counted once.", "pool", "server")
	serverTook       = metrics.Summary("causeway_upstream_answer_seconds", "How long its answers took that came in time.", "pool", "server")
	serverRepeated   = metrics.Counter("causeway_upstream_repeated_total", "Requests sent again for want of an answer.", "pool", "server")
	serverUnanswered = metrics.Counter("causeway_upstream_unanswered_total", "Requests given up.", "pool", "server")
	serverLate       = metrics.Counter("causeway_upstream_late_total", "Answers that nobody waited for any more.", "pool", "server")
	serverProbed     = metrics.Counter("causeway_upstream_status_server_total", "Status-Servers sent.", "pool", "server")
	serverDropped    = metrics.Counter("causeway_upstream_dropped_total", "Packets from its address that were dropped as if they had never come, by what was wrong.", "pool", "server", "cause")
	serverInFlight   = metrics.Gauge("causeway_upstream_in_flight", "Requests that wait for it.", "pool", "server")
	serverSockets    = metrics.Gauge("causeway_upstream_connections", "Source ports or connections open to it.", "pool", "server")
	serverHeard      = metrics.Gauge("causeway_upstream_last_answer_timestamp_seconds", "When it last answered; none before it has.", "pool", "server")

	realmLogIns  = metrics.Counter("causeway_realm_answers_total", "What an organisation behind a pool said to its users, and when it said nothing.", "pool", "realm", "answer")
	realmSilent  = metrics.Gauge("causeway_realm_silent", "1 for an organisation that answers nobody, while the server in front of it lives.", "pool", "realm")
	realmsBeyond = metrics.Counter("causeway_realm_answers_beyond_total", "Answers of organisations for which there was no room.", "pool")

	packets        = metrics.Counter("causeway_packets_received_total", "Packets that were read.")
	replies        = metrics.Counter("causeway_packets_sent_total", "Replies that were sent, repeated ones too.")
	duplicates     = metrics.Counter("causeway_duplicates_answered_total", "Repeated requests that were answered from memory.")
	statusServers  = metrics.Counter("causeway_status_server_answered_total", "Status-Servers of others that were answered.")
	silences       = metrics.Counter("causeway_packets_silent_total", "Packets that met silence, by why.", "cause")
	inFlight       = metrics.Gauge("causeway_requests_in_flight", "Requests that are being answered.")
	held           = metrics.Gauge("causeway_replies_held", "Refusals that wait for their time.")
	remembered     = metrics.Gauge("causeway_replies_remembered", "Replies kept for repeated requests.")
	radsecOpen     = metrics.Gauge("causeway_radsec_connections", "RadSec connections of others that are open.")
	radsecOpened   = metrics.Counter("causeway_radsec_opened_total", "RadSec connections of others that were taken.")
	radsecEnded    = metrics.Counter("causeway_radsec_ended_total", "RadSec connections that were refused or ended, by why.", "why")
	certificateEnd = metrics.Gauge("causeway_certificate_expires_timestamp_seconds", "When the first certificate of a chain that we show ends.", "use")
	loadedAt       = metrics.Gauge("causeway_configuration_loaded_timestamp_seconds", "When the configuration was taken over that is in use.")
	reloadsRefused = metrics.Counter("causeway_reloads_refused_total", "Reloads that were refused; the old configuration went on.")
	linesLost      = metrics.Counter("causeway_log_lines_lost_total", "Lines that the log lost, since whatever it is written to was too slow.")
)

var families = []*metrics.Family{
	logIns, logInTook, accounts, probes, underWay, sessionsOn, spared,
	serverHealth, serverRequests, serverTook, serverRepeated, serverUnanswered, serverLate, serverProbed, serverDropped, serverInFlight, serverSockets, serverHeard,
	realmLogIns, realmSilent, realmsBeyond,
	packets, replies, duplicates, statusServers, silences, inFlight, held, remembered,
	radsecOpen, radsecOpened, radsecEnded,
	certificateEnd, loadedAt, reloadsRefused, linesLost,
}

// showMetrics opens the addresses at which Prometheus may ask, if the file names any.
// Its error is a [config.Problem] where an address cannot be had.
func (d *Daemon) showMetrics(file *config.File) (err error) {
	if len(file.Server.Listen.Metrics) == 0 {
		return nil
	}
	d.metrics, err = metrics.Listen(context.Background(), metrics.Config{
		Addresses: file.Server.Listen.Metrics, Families: families, Collect: d.figures,
		Trouble: func(why string, untold uint64) {
			d.desk.Warn("the figures could not be shown", "why", why, "untold", untold)
		},
		Panic: d.figuresPanicked,
		Now:   d.now,
	})
	var taken *metrics.AddressError
	if errors.As(err, &taken) {
		return cannotListen(file, taken)
	}
	return err
}

// cannotListen says what to do about an address of the metrics that cannot be had.
func cannotListen(file *config.File, e *metrics.AddressError) config.Problem {
	key := fmt.Sprintf("server.listen.metrics[%d]", slices.Index(file.Server.Listen.Metrics, e.Address))
	what, fix := e.Unwrap().Error(), config.MetricsFix
	if r, known := refusalOf(e); known {
		what, fix = r.what, r.advice
	}
	return file.Place(key, "metrics cannot listen on "+e.Address+": "+what, fix)
}

// figuresPanicked records a panic while figures were made, from the deferred function
// that recovered it.
func (d *Daemon) figuresPanicked(value any, untold uint64) {
	what, stack := transport.Recovered(value)
	d.desk.Alarm("the figures ended in a panic", "what", what, "stack", stack, "untold", untold)
}

// MetricsAddrs are the addresses at which the figures are shown.
func (d *Daemon) MetricsAddrs() []net.Addr {
	if d.metrics == nil {
		return nil
	}
	return d.metrics.Addrs()
}

// figures writes down all that is counted.
func (d *Daemon) figures(s *metrics.Sheet) {
	d.eventFigures(s)
	d.packetFigures(s)
	h := d.house.Load()
	for !h.enter() {
		was := h
		if h = d.house.Load(); h == was { // no reload came between: the server has ended
			return
		}
	}
	defer h.leave()
	d.poolFigures(s, h)
	d.houseFigures(s, h)
}

func (d *Daemon) eventFigures(s *metrics.Sheet) {
	for _, c := range d.desk.Counts() {
		switch c.Kind {
		case "access":
			reason, _ := noc.Explain(c.Reason)
			s.Put(logIns, float64(c.N), c.Outcome, c.Reason, reason.Fault)
		case "accounting":
			s.Put(accounts, float64(c.N), c.Outcome)
		case "probe":
			s.Put(probes, float64(c.N), c.Outcome, c.Reason)
		}
	}
	for _, span := range d.desk.Spans() {
		atMost := make(map[float64]uint64, len(span.AtMost))
		for i, n := range span.AtMost {
			atMost[noc.SpanBounds[i].Seconds()] = n
		}
		s.Spread(logInTook, span.Count, span.Sum.Seconds(), atMost, span.Outcome)
	}
	s.Put(underWay, float64(d.talks.len()))
	s.Put(sessionsOn, float64(d.sessions.len()))
	s.Put(spared, float64(d.counts.spared.Load()))
	s.Put(linesLost, float64(d.desk.Dropped()))
}

func (d *Daemon) poolFigures(s *metrics.Sheet, h *house) {
	names := make(once)
	for _, p := range h.shownPools() {
		name := names.of(p.name)
		for _, server := range p.Status() {
			serverFigures(s, name, &server)
		}
		realmFigures(s, name, p.Pool)
	}
}

// shownPools are those of the file, and after them those of realms that were found in
// DNS. Anybody can write servers into a DNS of their own, but only members of the
// federation have a certificate of its authority: a realm is shown once one of its
// servers has answered.
func (h *house) shownPools() []pool {
	found := slices.DeleteFunc(h.foundPools(), func(p pool) bool { return !p.answered() })
	slices.SortFunc(found, func(a, b pool) int { return cmp.Compare(a.name, b.name) })
	return append(slices.Clone(h.pools), found[:min(len(found), mostFoundShown)]...)
}

// answered says that one of the pool's servers has answered, ever.
func (p pool) answered() bool {
	return slices.ContainsFunc(p.Status(), func(s upstream.ServerStatus) bool { return !s.LastAnswer.IsZero() })
}

func serverFigures(s *metrics.Sheet, pool string, server *upstream.ServerStatus) {
	name := server.Name // each has its own in a pool
	for _, state := range []upstream.Health{upstream.Alive, upstream.Suspect, upstream.Dead, upstream.Probation} {
		s.Put(serverHealth, oneIf(server.Health == state), pool, name, string(state))
	}
	s.Put(serverRequests, float64(server.Sent), pool, name)
	s.Sum(serverTook, server.Waits, server.Waited.Seconds(), pool, name)
	s.Put(serverRepeated, float64(server.Repeated), pool, name)
	s.Put(serverUnanswered, float64(server.Unanswered), pool, name)
	s.Put(serverLate, float64(server.Late), pool, name)
	s.Put(serverProbed, float64(server.Probes), pool, name)
	for cause, n := range server.Dropped.Each() {
		s.Put(serverDropped, float64(n), pool, name, cause)
	}
	s.Put(serverInFlight, float64(server.InFlight), pool, name)
	s.Put(serverSockets, float64(server.Sockets), pool, name)
	if !server.LastAnswer.IsZero() {
		s.At(serverHeard, server.LastAnswer, pool, name)
	}
}

func realmFigures(s *metrics.Sheet, pool string, p *upstream.Pool) {
	all, beyond := p.Realms()
	slices.SortStableFunc(all, moreTelling)
	for _, r := range all[:min(len(all), mostRealmsShown)] {
		s.Put(realmLogIns, float64(r.Accepted), pool, r.Realm, "accept")
		s.Put(realmLogIns, float64(r.Rejected), pool, r.Realm, "reject")
		s.Put(realmLogIns, float64(r.Silent), pool, r.Realm, "none")
		s.Put(realmSilent, oneIf(r.SilentNow), pool, r.Realm)
	}
	s.Put(realmsBeyond, float64(beyond), pool)
}

// moreTelling puts organisations that have let somebody in before those that never did:
// anybody can make up a name, and have it refused or never answered as often as they
// like. Then come those that are silent now, then those that were asked most.
func moreTelling(a, b upstream.RealmStatus) int {
	genuine := func(r upstream.RealmStatus) float64 { return oneIf(r.Accepted > 0) }
	asked := func(r upstream.RealmStatus) uint64 { return r.Accepted + r.Rejected + r.Silent }
	return cmp.Or(
		cmp.Compare(genuine(b), genuine(a)),
		cmp.Compare(oneIf(b.SilentNow), oneIf(a.SilentNow)),
		cmp.Compare(asked(b), asked(a)))
}

func (d *Daemon) packetFigures(s *metrics.Sheet) {
	stats := d.net.Stats()
	s.Put(packets, float64(stats.Received))
	s.Put(replies, float64(stats.Replies))
	s.Put(duplicates, float64(stats.Duplicates))
	s.Put(statusServers, float64(stats.StatusServer))
	s.Put(inFlight, float64(stats.InFlight))
	s.Put(held, float64(stats.Held))
	s.Put(remembered, float64(stats.Remembered))
	s.Put(radsecOpen, float64(stats.RadSec.Open))
	s.Put(radsecOpened, float64(stats.RadSec.Opened))
	stats.Each(func(name string, value uint64) {
		if cause, is := strings.CutPrefix(name, "silence-"); is {
			s.Put(silences, float64(value), cause)
		}
		if why, is := strings.CutPrefix(name, "radsec-ended-"); is {
			s.Put(radsecEnded, float64(value), why)
		}
	})
}

func (d *Daemon) houseFigures(s *metrics.Sheet, h *house) {
	if h.keeper != nil {
		s.At(certificateEnd, h.keeper.Current().Expires(), "eap")
	}
	if h.cards.own != nil {
		s.At(certificateEnd, h.cards.own.Current().Expires(), "radsec")
	}
	s.At(loadedAt, h.since)
	s.Put(reloadsRefused, float64(d.counts.refused.Load()))
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// once gives each its own name, as a federation and a partner of one name: a row that is
// there twice is the end of the whole page.
type once map[string]bool

func (o once) of(name string) string {
	own := name
	for n := 2; o[own]; n++ {
		own = fmt.Sprintf("%s (%d)", name, n)
	}
	o[own] = true
	return own
}
