package upstream

import (
	"iter"
	"time"
)

// A ServerStatus is what a page shows of one server. Counters begin when the
// pool was made.
type ServerStatus struct {
	Name, Address string
	Health        Health
	Since         time.Time // of Health
	Why           string    // of Health
	StatusServer  bool      // it has answered a Status-Server
	LastAnswer    time.Time // the last valid one; zero: none

	InFlight int // requests that wait now
	Sockets  int // source ports or connections open now

	Sent       uint64        // requests, each counted once
	Repeated   uint64        // retransmissions of them
	Answered   uint64        // requests and Status-Servers answered in time
	Late       uint64        // valid answers that nobody waited for any more
	Unanswered uint64        // requests given up
	Waits      uint64        // requests answered in time: those of Waited
	Waited     time.Duration // how long they took together
	Probes     uint64        // Status-Servers sent
	Dropped    Drops
}

// Drops counts packets from a server's address that were dropped as if they had
// never come, by cause.
type Drops struct {
	Malformed     uint64 // short, or attributes that do not add up
	WrongCode     uint64 // no answer to an Access-Request
	Unasked       uint64 // an identifier that we have not used
	Forged        uint64 // a wrong Response Authenticator: another secret, or a late reply to a reused identifier
	Unsigned      uint64 // no Message-Authenticator
	SignedWrongly uint64 // a wrong Message-Authenticator
	Outrun        uint64 // a late reply to an identifier that has a new request
}

// Each goes through them by the names that figures have.
func (d Drops) Each() iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		for _, c := range []struct {
			name string
			n    uint64
		}{
			{"malformed", d.Malformed}, {"wrong-code", d.WrongCode}, {"unasked", d.Unasked}, {"forged", d.Forged},
			{"unsigned", d.Unsigned}, {"signed-wrongly", d.SignedWrongly}, {"outrun", d.Outrun},
		} {
			if !yield(c.name, c.n) {
				return
			}
		}
	}
}

// Status describes the servers in the order of the configuration.
func (p *Pool) Status() []ServerStatus {
	all := make([]ServerStatus, len(p.servers))
	for i, s := range p.servers {
		all[i] = s.status()
	}
	return all
}

func (s *server) status() ServerStatus {
	c := &s.counters
	dropped := func(f flaw) uint64 { return c.dropped[f].Load() }
	st := ServerStatus{
		Name: s.config.Name, Address: s.config.Address,
		Sent: c.sent.Load(), Repeated: c.repeated.Load(), Answered: c.answered.Load(),
		Late: c.late.Load(), Unanswered: c.unanswered.Load(),
		Waits: c.waits.Load(), Waited: time.Duration(c.waited.Load()), Probes: c.probes.Load(),
		Dropped: Drops{
			Malformed: dropped(malformed), WrongCode: dropped(wrongCode), Unasked: dropped(unasked),
			Forged: dropped(forged), Unsigned: dropped(unsigned), SignedWrongly: dropped(signedWrongly), Outrun: dropped(outrun),
		},
	}
	for _, k := range s.openSockets() {
		st.Sockets++
		st.InFlight += int(k.waiting.Load())
	}
	s.judge.Lock()
	defer s.judge.Unlock()
	h := &s.health
	st.Health, st.Since, st.Why = h.state, h.since, h.why
	st.StatusServer, st.LastAnswer = h.speaks, h.heard
	return st
}
