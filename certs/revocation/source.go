package revocation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// How often a source is looked at: a file every few seconds, by its time and
// size; an address at half of what is left of its list, after a failure sooner.
const (
	fileEvery    = 10 * time.Second
	soonest      = time.Minute
	latestRetry  = 10 * time.Minute
	fetchTimeout = 30 * time.Second
)

// A source is one place where a list is found. What it found last that was good
// stays until something better comes.
type source struct {
	r       *Registry
	where   string
	current atomic.Pointer[list]
	tried   chan struct{} // closed after the first look

	looking  sync.Mutex // one look at a time; it guards what follows
	sum      [sha256.Size]byte
	seen     os.FileInfo // of a file
	failures int

	mu   sync.Mutex
	err  error  // of the last look; written with looking held, too
	told Change // what OnChange heard last
}

// open makes a source. A file has to be good; an address is fetched later, and what
// the folder kept of it counts meanwhile.
func (r *Registry) open(where string) (*source, error) {
	s := &source{r: r, where: where, tried: make(chan struct{}), told: Change{Source: where, Good: true}}
	path, isFile := strings.CutPrefix(where, "file:")
	if !isFile {
		if _, err := parseAddress(where); err != nil {
			return nil, err
		}
		if text, err := r.kept(where); err == nil {
			_ = s.take(text) // one that is no good any more is as good as none
		}
		return s, nil
	}
	text, info, err := readFile(path)
	if err == nil {
		err = s.take(text)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.seen = info
	close(s.tried)
	return s, nil
}

// CheckFile judges a list in a file, as New does, and says until when it is good.
func CheckFile(path string, anchors []*x509.Certificate) (until time.Time, err error) {
	r := &Registry{cfg: Config{Anchors: anchors, Now: time.Now, OnList: func() {}}}
	r.issuers.Store(&anchors)
	s, err := r.open("file:" + path)
	if err != nil {
		return time.Time{}, err
	}
	return s.current.Load().next, nil
}

// keep looks again and again until ctx ends.
func (s *source) keep(ctx context.Context) {
	for {
		s.look(ctx, false)
		var until time.Time
		if l := s.current.Load(); l != nil {
			until = l.next
		}
		if !rest(ctx, s.wait(), until, s.r.cfg.Now) {
			return
		}
	}
}

// rest waits for so long, or until something has ended by the clock on the wall, which is
// looked at once a minute: it may jump, as when a machine has slept, and what has ended
// is to be replaced and not to be waited for by another clock (F17). What has ended
// before is nothing to watch for. It is false when ctx has ended.
func rest(ctx context.Context, wait time.Duration, until time.Time, now func() time.Time) bool {
	for watch := now().Before(until); ; wait -= soonest {
		timer := time.NewTimer(min(wait, soonest))
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
		if wait <= soonest || watch && !now().Before(until) {
			return true
		}
	}
}

// look gets what is there now, and tells when the source begins or ceases to work.
// Told to look well, it also reads a file that seems to be the same.
func (s *source) look(ctx context.Context, well bool) {
	s.looking.Lock()
	defer s.looking.Unlock()
	if well {
		s.seen = nil
	}
	err := s.read(ctx)
	if ctx.Err() != nil && err != nil {
		return // we were told to stop: it says nothing of the source
	}
	s.failures++
	if err == nil {
		s.failures = 0
	}
	s.mu.Lock()
	s.err = err
	s.mu.Unlock()
	s.tell()
	select {
	case <-s.tried:
	default:
		close(s.tried)
	}
}

// tell tells what has changed since it was told last.
func (s *source) tell() {
	now := s.health()
	s.mu.Lock()
	before := s.told
	changed := now.Good != before.Good || now.Until.IsZero() != before.Until.IsZero() && !now.Good
	if changed {
		s.told = now
	}
	s.mu.Unlock()
	if changed {
		s.r.cfg.OnChange(now)
	}
}

// health is how the source stands.
func (s *source) health() Change {
	s.mu.Lock()
	err := s.err
	s.mu.Unlock()
	c := Change{Source: s.where}
	l := s.current.Load()
	if l != nil && l.fresh(s.r.cfg.Now()) {
		c.Until = l.next
	}
	switch {
	case err != nil:
		c.Why = fmt.Sprintf("%s: %v", s.where, err)
	case l == nil:
		c.Why = s.where + " was not fetched yet"
	case c.Until.IsZero():
		c.Why = fmt.Sprintf("the list at %s ended on %s and no newer one is there", s.where, day(l.next))
		if s.r.cfg.Now().Before(l.next) {
			c.Why = fmt.Sprintf("the list at %s is good only from %s on: compare the clocks", s.where, day(l.this))
		}
	default:
		c.Good = true
	}
	return c
}

// wait is how long to the next look.
func (s *source) wait() time.Duration {
	if strings.HasPrefix(s.where, "file:") {
		return fileEvery
	}
	s.looking.Lock()
	failures := s.failures
	s.looking.Unlock()
	if failures > 0 {
		return min(soonest<<min(failures-1, 8), latestRetry, s.r.cfg.Refresh)
	}
	wait := s.r.cfg.Refresh
	if l := s.current.Load(); l != nil {
		wait = min(wait, l.next.Sub(s.r.cfg.Now())/2)
	}
	return max(wait, min(soonest, s.r.cfg.Refresh))
}

// await waits for the first look.
func (s *source) await(ctx context.Context) {
	select {
	case <-s.tried:
	case <-ctx.Done():
	}
}

func (s *source) read(ctx context.Context) error {
	if path, isFile := strings.CutPrefix(s.where, "file:"); isFile {
		return s.readFile(path)
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	text, err := s.r.fetch.get(ctx, s.where, mostListOctets)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	if sum == s.sum {
		return nil
	}
	if err := s.take(text); err != nil {
		return err
	}
	s.sum = sum
	s.r.keep(s.where, text) // without it a restart fetches it again
	return nil
}

// readFile reads a file again when it has changed.
func (s *source) readFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if s.seen != nil && s.err == nil && os.SameFile(info, s.seen) && info.Size() == s.seen.Size() && info.ModTime().Equal(s.seen.ModTime()) {
		return nil
	}
	text, info, err := readFile(path)
	if err != nil {
		return err
	}
	s.seen = info
	return s.take(text)
}

// take puts a list to use, if it may take the place of the one that is in use. One of
// which nobody has proved who signed it may be anybody's on the way: it keeps no other
// out, and takes the place of none that is proved but its own issuer's.
func (s *source) take(text []byte) error {
	l, err := parseList(text)
	if err != nil {
		return err
	}
	now := s.r.cfg.Now()
	old := s.current.Load()
	switch {
	case old == nil, old.signer.Load() == nil:
	case bytes.Equal(old.issuer, l.issuer) && l.this.Before(old.this):
		return fmt.Errorf("the list is of %s, older than the one in use, of %s", day(l.this), day(old.this))
	case !bytes.Equal(old.issuer, l.issuer) && now.Before(old.next):
		return errors.New("it is another issuer's list than the one in use, which is good still")
	}
	if err := s.r.judge(l); err != nil {
		return err
	}
	if old != nil && old.signer.Load() != nil && l.signer.Load() == nil && !bytes.Equal(old.issuer, l.issuer) {
		return errors.New("it is another issuer's list, and no certificate of that issuer was seen yet")
	}
	s.current.Store(l)
	s.r.cfg.OnList()
	return nil
}

// judge checks the signature of a list whose issuer is known. That of another is
// checked when its certificate is seen.
func (r *Registry) judge(l *list) error {
	known := ""
	for _, c := range *r.issuers.Load() {
		if !bytes.Equal(c.RawSubject, l.issuer) {
			continue
		}
		if l.signedBy(c) {
			return nil
		}
		known = title(c)
	}
	if known != "" {
		return fmt.Errorf("the list says that it is %s's, and is not signed by it", known)
	}
	return nil
}

// readFile reads a whole file within bounds.
func readFile(path string) ([]byte, os.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errors.New("it is not a plain file")
	}
	text, err := io.ReadAll(io.LimitReader(f, mostListOctets+1))
	if err == nil && len(text) > mostListOctets {
		err = tooLarge(mostListOctets)
	}
	return text, info, err
}

func tooLarge(most int64) error {
	return fmt.Errorf("it is larger than %d MiB", most>>20)
}
