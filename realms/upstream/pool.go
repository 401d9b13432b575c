// Package upstream forwards requests to the servers of a federation or of a
// partner, over UDP or RadSec.
//
// A [Pool] is a home like any other: it answers for users whom it does not know.
// What leaves is an allow-list, what comes in is a shorter one, and nothing that
// an upstream says chooses a network (R12).
//
//	conversation   one user's log-in: its server, its State
//	request        what leaves, and how it is written for each server
//	reply          what comes in: verified, then read
//	server         its sockets, one exchange
//	slot           one identifier of one socket, and who waits in it
//	outbox         what leaves by one socket, many in one system call
//	health         who is alive, by rules without a clock of their own
//	watch          repeats, gives up, asks servers how they are
package upstream

import (
	"context"
	"sync"
	"time"

	"causeway/realms"
)

// A Pool is the servers of one federation or partner. It is a [realms.Home] and
// safe for use by many goroutines.
type Pool struct {
	config  Config
	began   time.Time
	servers []*server
	figures figures
	life    context.Context // ends with Close
	end     context.CancelFunc
	goes    sync.WaitGroup // the watch and the sockets' listeners
}

var _ realms.Home = (*Pool)(nil)

// New checks the configuration and starts to watch the servers. Sockets are
// opened as they are needed. An error is [realms.Problems],
// with keys such as `servers[0].secret`.
func New(config Config) (*Pool, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	p := &Pool{config: config, began: config.Now(), figures: figures{most: mostRealms}}
	p.life, p.end = context.WithCancel(context.Background())
	for _, s := range config.Servers {
		p.servers = append(p.servers, newServer(p, s))
	}
	p.goes.Go(p.watch)
	return p, nil
}

// Open begins a conversation. Its server is chosen when the first request comes.
func (p *Pool) Open(q realms.Question) realms.Conversation {
	operator := p.config.OperatorName
	if own, ok := p.config.OperatorNames[q.Site]; ok {
		operator = own
	}
	return &conversation{pool: p, operator: operator, realm: q.From.Realm, stage: "not sent yet"}
}

// Close gives up what is under way, closes the sockets and waits until nothing of
// the pool runs any more. It may be called more than once.
func (p *Pool) Close() {
	p.end()
	for _, s := range p.servers {
		s.close()
	}
	p.goes.Wait()
}

// age is how many nanoseconds ago the pool was made, for what has no room for a time.
func (p *Pool) age() int64 { return int64(p.config.Now().Sub(p.began)) }

// Rejudge asks of every connection of TLS whether it is still with whom it should be, and
// ends those of which [Server.Judge] says that they are not.
func (p *Pool) Rejudge() {
	for _, s := range p.servers {
		s.rejudge()
	}
}

// load is what counts among servers of one rank: nothing, where the order of the
// configuration decides.
func (p *Pool) load(s *server) int64 {
	if !p.config.LeastLoaded {
		return 0
	}
	return s.counters.inFlight.Load()
}

// choose returns the server for a new conversation that has not been tried yet,
// and whether there would be another one after it. It returns nil when none is
// left that is not dead.
func (p *Pool) choose(tried map[*server]error) (best *server, another bool) {
	bestRank, bestLoad := rankNever, int64(0)
	for _, s := range p.servers {
		if _, done := tried[s]; done {
			continue
		}
		rank := s.rank()
		if rank == rankNever {
			continue
		}
		another = best != nil || another
		load := p.load(s)
		if rank < bestRank || rank == bestRank && load < bestLoad {
			best, bestRank, bestLoad = s, rank, load
		}
	}
	return best, another
}
