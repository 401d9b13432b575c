package upstream

import "time"

// beat is how often the watch looks at what waits. Retransmission begins after
// seconds, so this is fine enough.
const beat = 100 * time.Millisecond

// watch repeats requests, gives them up and asks servers how they are, until the
// pool is closed. It is the only goroutine that does, so none of it can pile up.
func (p *Pool) watch() {
	ticks := p.config.Ticks
	if ticks == nil {
		ticker := time.NewTicker(beat)
		defer ticker.Stop()
		ticks = ticker.C
	}
	p.look()
	for {
		select {
		case <-ticks:
			p.look()
		case <-p.life.Done():
			return
		}
	}
}

func (p *Pool) look() {
	for _, s := range p.servers {
		s.look(p.config.Now())
	}
}

// look moves time on for one server.
func (s *server) look(now time.Time) {
	for _, k := range s.openSockets() {
		if repeated, sent := k.sweep(now); repeated {
			s.judged(func(h *health) { h.doubted(now, sent) })
		}
	}
	due, down := false, false
	s.judged(func(h *health) {
		due = h.tick(now)
		down = h.state == Dead || h.trial()
	})
	if down && now.Sub(s.renewed) >= s.pool.config.Probation && s.renew() { // else when the Status-Server is over that is under way
		s.renewed = now
	}
	if due && !s.probe(now) {
		s.judged(func(h *health) { h.postponed(now) })
	}
}
