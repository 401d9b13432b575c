package daemon

import (
	"cmp"
	"crypto/tls"
	"errors"
	"net/url"
	"os"
	"reflect"
	"slices"
	"sync"
	"time"

	"causeway/certs"
	"causeway/radiusd/daemon/config"
	"causeway/radiusd/noc/fticks"
	"causeway/realms"
)

// A ticker sends one federation's F-Ticks. Houses whose files say the same of it share
// one: a reload loses no line and hangs up on nobody.
type ticker struct {
	*fticks.Sender
	federation string
	cfg        config.FTicks
	houses     int
}

// tickers are those that some house holds.
type tickers struct {
	mu   sync.Mutex
	open []*ticker
	ends sync.WaitGroup // of those that still send what waits
}

// take returns the tickers of a file by federation.
func (s *tickers) take(file *config.File, changed func(federation string, up bool, why string), hear func(key string, err error)) map[string]*ticker {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make(map[string]*ticker)
	for name, f := range file.Federation {
		if f.FTicks.Server == "" {
			continue
		}
		i := slices.IndexFunc(s.open, func(t *ticker) bool { return t.federation == name && reflect.DeepEqual(t.cfg, f.FTicks) })
		if i < 0 {
			made, err := openTicker(name, f.FTicks, changed)
			if err != nil {
				hear("federation."+name+".fticks", err)
				continue
			}
			i, s.open = len(s.open), append(s.open, made)
		}
		s.open[i].houses++
		held[name] = s.open[i]
	}
	return held
}

// give lets a house's tickers go. What they have not sent yet they send meanwhile.
func (s *tickers) give(held map[string]*ticker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range held {
		if t.houses--; t.houses > 0 {
			continue
		}
		s.open = slices.DeleteFunc(s.open, func(open *ticker) bool { return open == t })
		t.Close()
		s.ends.Go(func() { <-t.Done() })
	}
}

// lost calls tell for each federation with the lines that were lost since its ticker
// was opened.
func (s *tickers) lost(tell func(federation string, lines uint64)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.open {
		tell(t.federation, t.Dropped())
	}
}

// openTicker opens what the file names.
func openTicker(name string, c config.FTicks, changed func(federation string, up bool, why string)) (*ticker, error) {
	server, err := url.Parse(c.Server)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // without one syslog says "-"
	cfg := fticks.Config{
		Network: server.Scheme, Address: server.Host, Prefix: cmp.Or(c.Prefix, "F-TICKS/"+name+"/1.0"),
		MAC: c.MAC, Key: []byte(c.Key.Reveal()), Host: host,
		OnChange: func(up bool, why string) { changed(name, up, why) },
	}
	if server.Scheme == "tls" {
		cfg.TLS = &tls.Config{ServerName: cmp.Or(c.ServerName, server.Hostname()), MinVersion: tls.VersionTLS12}
		if c.CA != "" {
			if cfg.TLS.RootCAs, err = certs.ReadAuthorities(c.CA); err != nil {
				return nil, realms.Problems{{Key: "ca", Text: err.Error(), Fix: "name a PEM file with the authority of the syslog server's certificate"}}
			}
		}
	}
	return &ticker{Sender: fticks.Open(cfg), federation: name, cfg: c}, nil
}

// tick tells a federation's operator of a log-in that a home has answered: of a visitor
// who came through it, or of one of ours whom its proxies asked for. Who was refused
// before a home was asked roamed nowhere.
func (t *conversation) tick(outcome string, why error, ended time.Time) {
	visitor := !t.route.Own // a partner's has its realm for a route, and is told to nobody
	k, who := t.house.ticks[t.route.Name], "visitor"
	if !visitor {
		k, who = t.house.ticks[t.seat.proxy], "own"
	}
	answered := outcome == outcomeAccept || outcome == outcomeReject && (!visitor || errors.Is(why, realms.ErrUpstreamRejected))
	if k == nil || t.home == nil || !answered || !k.cfg.Of(who) {
		return
	}
	line := fticks.Tick{Time: ended, Realm: t.route.Realm, Station: t.event.MAC, OK: outcome == outcomeAccept}
	switch {
	case visitor:
		line.Country, line.Institution = k.cfg.Country, cmp.Or(k.cfg.Institution, "1"+t.house.operatorAt(t.seat.site))
	case t.operator != "":
		line.Institution = "1" + t.operator
	}
	k.Send(line)
}

// operatorAt is our Operator-Name at a site.
func (h *house) operatorAt(site string) string {
	for _, s := range h.file.Site {
		if s.Name == site && s.OperatorName != "" {
			return s.OperatorName
		}
	}
	return h.file.Server.OperatorName
}

// ticksChanged tells that a federation's F-Ticks are not taken, or taken again. Nobody
// is refused for it.
func (d *Daemon) ticksChanged(federation string, up bool, why string) {
	if up {
		d.desk.Notice("the F-Ticks server takes lines again", "federation", federation)
		return
	}
	d.desk.Warn("the F-Ticks server takes no lines", "federation", federation, "why", why)
}
