package directory

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"causeway/certs"
	"causeway/realms"
	"causeway/realms/placement"
)

// Placements is a [realms.Directory] and a [realms.NTHasher] of people who are here from
// one day to another: see [placement]. It reads its file again as soon as the file is
// another, so that an account that was ended is refused at its next request.
//
// A line that makes no sense is nobody, and the others stay; a file that is not there has
// nobody in it.
type Placements struct {
	path string
	now  func() time.Time
	key  []byte // see TellPasswords

	reading sync.Mutex
	people  atomic.Pointer[crowd]
}

// A crowd is what one file held.
type crowd struct {
	*File
	stamp    stamp
	problems realms.Problems
	failed   error // the file is there and cannot be read: nobody can be judged
}

// A term is when a placement lets somebody in. A nil one does always.
type term struct {
	from, until time.Time // the first instant, and the first after the last day
	ended       time.Time // before its last day, by somebody; zero: not
	endedBy     string
	of          realms.Placement
}

// OpenPlacements reads the file at path. What is wrong with its lines is told by
// [Placements.Problems]; the error says only that the file cannot be read at all.
func OpenPlacements(path string, now func() time.Time) (*Placements, error) {
	p := &Placements{path: path, now: now}
	return p, p.current().failed
}

// TellPasswords is as [File.TellPasswords].
func (p *Placements) TellPasswords(key []byte) {
	p.reading.Lock()
	defer p.reading.Unlock()
	p.key = key
	if c := p.people.Load(); c != nil {
		c.TellPasswords(key)
	}
}

// Problems is what is wrong with the file as it is now; keys are PATH:LINE.
func (p *Placements) Problems() realms.Problems { return p.current().problems }

// current is who is in the file at this moment.
func (p *Placements) current() *crowd {
	seen, err := look(p.path)
	if c := p.people.Load(); c != nil && err == nil && c.failed == nil && c.stamp.is(seen) {
		return c
	}
	p.reading.Lock()
	defer p.reading.Unlock()
	old := p.people.Load()
	seen, err = look(p.path) // while this one waited, another has read it
	if old != nil && err == nil && old.failed == nil && old.stamp.is(seen) {
		return old
	}
	c := p.read(seen, err, old)
	p.people.Store(c)
	return c
}

// read makes a crowd of the file. What is remembered of good passwords stays with those
// whose password is the same.
func (p *Placements) read(seen stamp, err error, old *crowd) *crowd {
	c := &crowd{stamp: seen}
	var text []byte
	if err == nil && seen.info != nil {
		text, err = os.ReadFile(p.path)
	}
	if err != nil {
		c.problems = realms.Problems{{Key: p.path, Text: plain(err), Fix: "let the server's account read it; until then nobody of it can log in"}}
		c.failed = c.problems
		c.File, _ = NewFile(nil)
		return c
	}
	var records []placement.Record
	if seen.info != nil {
		records, c.problems = placement.Parse(text)
		if mode := seen.info.Mode().Perm(); mode&0o077 != 0 {
			c.problems = append(c.problems, realms.Problem{Text: fmt.Sprintf("others may read or write the file (mode %04o): an NT hash in it is as good as a password", mode), Fix: "chmod 600 " + p.path})
		}
	}
	users := make([]FileUser, 0, len(records))
	for _, r := range records {
		u := userOf(r)
		if _, wrong := makeReady(u, ""); len(wrong) > 0 || u.Password == "" {
			c.problems = append(c.problems, realms.Problem{Key: fmt.Sprint("line ", r.Line), Text: "the hash of the password is none, or is cut short", Fix: "radiusd placement reset gives this person a new one"})
			continue
		}
		users = append(users, u)
	}
	c.File, err = NewFile(users)
	if err != nil { // all were looked at above
		c.problems = append(c.problems, realms.Problem{Text: err.Error()})
		c.File, _ = NewFile(nil)
	}
	for i, problem := range c.problems {
		key := p.path
		if problem.Key != "" {
			key += ", " + problem.Key
		}
		c.problems[i].Key = key
	}
	c.now = p.now
	if old != nil {
		c.inherit(old)
	}
	if p.key != nil {
		c.TellPasswords(p.key)
	}
	return c
}

func userOf(r placement.Record) FileUser {
	from, until := r.From.Begins(time.Local), r.Until.Ends(time.Local)
	return FileUser{Name: r.User, Password: r.Password, NTHash: r.NTHash, Groups: r.Groups, term: &term{from: from, until: until, ended: r.Ended, endedBy: r.EndedBy, of: realms.Placement{Sponsor: r.Sponsor, Purpose: r.Purpose}}}
}

// inherit takes over what the crowd before has learnt.
func (c *crowd) inherit(old *crowd) {
	c.recall = old.recall
	if cap(c.turns) == cap(old.turns) {
		c.turns = old.turns
	}
	for id, u := range c.users {
		if was := old.users[id]; was != nil && was.argon.same(u.argon) {
			u.proved.sum.Store(was.proved.sum.Load())
		}
	}
}

// same says whether two hashes are one.
func (h *argonHash) same(other *argonHash) bool {
	return h != nil && other != nil && h.cost == other.cost && string(h.salt) == string(other.salt) && string(h.key) == string(other.key)
}

// admits refuses before the first day, after the last, and once it was ended.
func (t *term) admits(name string, now time.Time) error {
	var err error
	switch {
	case t == nil:
		return nil
	case !t.ended.IsZero():
		err = fmt.Errorf("the placement of %s was ended at %s by %s: %w", name, t.ended.Format(time.RFC3339), t.endedBy, realms.ErrPlacementEnded)
	case !now.Before(t.until):
		err = fmt.Errorf("the placement of %s ended with %s: %w", name, t.until.AddDate(0, 0, -1).Format(time.DateOnly), realms.ErrPlacementEnded)
	case now.Before(t.from):
		err = fmt.Errorf("the placement of %s begins on %s: %w", name, t.from.Format(time.DateOnly), realms.ErrPlacementNotYet)
	default:
		return nil
	}
	return &realms.PlacementError{Placement: t.of, Err: err}
}

// CheckPassword is [realms.Directory]'s, and costs what [File.CheckPassword] does.
func (p *Placements) CheckPassword(ctx context.Context, id realms.Identity, password certs.Secret) (realms.Account, error) {
	if err := checkable(password); err != nil {
		return realms.Account{}, err
	}
	c, err := p.asked()
	if err != nil {
		return realms.Account{}, err
	}
	return c.CheckPassword(ctx, id, password)
}

// Lookup is [realms.Directory]'s.
func (p *Placements) Lookup(ctx context.Context, id realms.Identity) (realms.Account, error) {
	c, err := p.asked()
	if err != nil {
		return realms.Account{}, err
	}
	return c.Lookup(ctx, id)
}

// LookupAt is [Placements.Lookup] of the file as it is now, at another time.
func (p *Placements) LookupAt(at time.Time, id realms.Identity) (realms.Account, error) {
	c, err := p.asked()
	if err != nil {
		return realms.Account{}, err
	}
	return c.LookupAt(at, id)
}

// NTHash is [realms.NTHasher]'s.
func (p *Placements) NTHash(ctx context.Context, id realms.Identity) ([16]byte, error) {
	c, err := p.asked()
	if err != nil {
		return [16]byte{}, err
	}
	return c.NTHash(ctx, id)
}

func (p *Placements) asked() (*crowd, error) {
	c := p.current()
	if c.failed != nil {
		return nil, fmt.Errorf("%w: %w", c.failed, realms.ErrUnreachable)
	}
	return c, nil
}

// Len returns how many people there are, whatever their days.
func (p *Placements) Len() int { return p.current().Len() }
