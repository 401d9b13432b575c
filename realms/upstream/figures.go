package upstream

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"layeh.com/radius"
)

// mostRealms bounds the realms that a pool keeps figures of: a member has some
// thousands of others, and whoever makes names up must not take more.
const mostRealms = 4096

// A RealmStatus is what a page shows of one realm that is reached through a pool.
// Counters begin when the pool was made.
type RealmStatus struct {
	Realm      string
	Accepted   uint64
	Rejected   uint64
	Silent     uint64    // log-ins given up though the server that was asked lives
	SilentNow  bool      // several users in a row had no answer
	LastAnswer time.Time // zero: none
	Server     string    // through which it was asked last
}

// figures are what a pool knows of the realms behind its servers. A server that lives
// answers for many homes, and one that is silent is no fault of its own (R23): here is
// whose it is.
type figures struct {
	mu     sync.Mutex
	realms map[string]*figure
	most   int
	others uint64 // log-ins of realms for which there was no room
}

type figure struct {
	RealmStatus
	used   time.Time
	silent []uint64 // the users unanswered in a row, each once
}

// of finds a realm's figure or makes one; what has been used least lately makes room.
func (f *figures) of(realm string, now time.Time) *figure {
	if f.realms == nil {
		f.realms = make(map[string]*figure)
	}
	g := f.realms[realm]
	if g == nil {
		if len(f.realms) >= f.most {
			f.forget(now)
		}
		if len(f.realms) >= f.most {
			return nil
		}
		g = &figure{RealmStatus: RealmStatus{Realm: realm}}
		f.realms[realm] = g
	}
	g.used = now
	return g
}

// forget drops the realms that nobody has asked for within an hour, so that a full
// table costs one look an hour and not one for each log-in.
func (f *figures) forget(now time.Time) {
	for realm, g := range f.realms {
		if now.Sub(g.used) > time.Hour {
			delete(f.realms, realm)
		}
	}
}

// answered takes note of a home's answer. It says whether that ended a silence.
func (f *figures) answered(realm, server string, accepted, rejected bool, now time.Time) (ended bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.of(realm, now)
	if g == nil {
		f.others++
		return false
	}
	ended = g.SilentNow
	g.SilentNow, g.silent = false, g.silent[:0]
	g.LastAnswer, g.Server = now, server
	switch {
	case accepted:
		g.Accepted++
	case rejected:
		g.Rejected++
	}
	return ended
}

// unanswered takes note of a log-in that a server which lives did not answer. It says
// whether that is the last of several users in a row.
func (f *figures) unanswered(realm, server string, user uint64, now time.Time) (began bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.of(realm, now)
	if g == nil {
		f.others++
		return false
	}
	g.Silent++
	g.Server = server
	if g.SilentNow || slices.Contains(g.silent, user) {
		return false
	}
	g.silent = append(g.silent, user)
	g.SilentNow = len(g.silent) >= lossesToDeath
	return g.SilentNow
}

// Realms describes the realms that were reached through the pool, the most silent
// first, and says how many log-ins of others there was no room for.
func (p *Pool) Realms() (all []RealmStatus, others uint64) {
	all, others = p.figures.copied()
	slices.SortFunc(all, func(a, b RealmStatus) int {
		return cmp.Or(cmp.Compare(b.Silent, a.Silent), cmp.Compare(a.Realm, b.Realm))
	})
	return all, others
}

// copied is quick: every answer waits for it. The copies are put in order afterwards.
func (f *figures) copied() (all []RealmStatus, others uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all = make([]RealmStatus, 0, len(f.realms))
	for _, g := range f.realms {
		all = append(all, g.RealmStatus)
	}
	return all, f.others
}

// homeSilent takes note that a home behind a server that lives gave no answer.
func (p *Pool) homeSilent(realm string, s *server, user uint64) {
	if p.figures.unanswered(realm, s.config.Name, user, p.config.Now()) {
		p.config.OnHome(realm, s.config.Name, true, fmt.Sprintf("%d users in a row had no answer, while %s answers", lossesToDeath, s.config.Name))
	}
}

// homeAnswered takes note that a home gave an answer.
func (p *Pool) homeAnswered(realm string, s *server, r *request) {
	code := r.answer.Code
	if p.figures.answered(realm, s.config.Name, code == radius.CodeAccessAccept, code == radius.CodeAccessReject, r.heard) {
		p.config.OnHome(realm, s.config.Name, false, "it answers again")
	}
}
