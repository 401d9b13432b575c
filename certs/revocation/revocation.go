// Package revocation knows which client certificates were withdrawn.
//
// A [Registry] belongs to one authority. It holds revocation lists (RFC 5280,
// section 5) from files and addresses, keeps them fresh in the background, and
// asks OCSP responders (RFC 6960) where there are any. [Registry.Check] judges a
// verified chain; what lists say costs a log-in one look into a map, and what a
// responder says is waited for at most [Patience].
//
// What is fetched, and what it may do:
//
//   - Addresses come from the configuration. Those that a certificate names count
//     only when they begin with an address that the configuration allows: nobody
//     makes this server fetch an address of their choice.
//   - A list counts when whoever issued the certificate signed it. One that is
//     older than the list in use, or another issuer's, does not take its place.
//   - A list that has ended still says who was withdrawn; it says no longer that
//     anybody was not.
//   - Delta lists, indirect lists, lists of some reasons, and those with a critical
//     extension that is not known here are refused.
//
// Nothing here decides what becomes of a certificate of which nobody says
// anything: Check returns [ErrUnknown], and the caller knows what the
// configuration wants.
package revocation

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The two ways in which Check says no.
var (
	ErrRevoked = errors.New("withdrawn")
	ErrUnknown = errors.New("nobody says whether it was withdrawn")
)

// Patience is how long Check waits for a responder, or for a list that a
// certificate names and that was never fetched, all together.
const Patience = 2 * time.Second

// Bounds, each on what others can make this server keep or do.
const (
	mostListOctets   = 32 << 20 // of one list: some 800,000 entries
	mostAnswerOctets = 64 << 10 // of one OCSP answer
	mostSources      = 32       // lists whose addresses certificates named
	mostIssuers      = 64       // intermediates that were seen
	mostAnswers      = 16 << 10 // of OCSP, remembered
	mostQuestions    = 64       // to responders, under way
)

// skew is how far another clock may run ahead of ours.
const skew = 5 * time.Minute

// A Config says where one authority tells what it has withdrawn.
type Config struct {
	// Anchors are the authority's own certificates. Lists of the intermediates
	// below it are judged when the intermediates are seen.
	Anchors []*x509.Certificate
	// Lists are "file:/path" or http addresses, each of one list in DER or PEM.
	Lists []string
	// Responder is the http address of an OCSP responder; empty: none.
	Responder string
	// Allowed are beginnings of addresses, as "http://pki.example.org/crl/", that
	// certificates may name for their list and their responder; none: no address of
	// a certificate is used.
	Allowed []string
	// Refresh is the longest that a list is used without another look, and an answer of
	// OCSP without another question; 0: one hour. While nobody answers, both are
	// believed until the time that they name.
	Refresh time.Duration
	// Folder keeps what was fetched, so that a restart without a network still
	// knows it; empty: nothing is kept.
	Folder string
	// OnChange is told when a source begins or ceases to work. It must not wait.
	OnChange func(Change)
	// OnList is told when a list is put to use, the first of a source too. It must not wait.
	OnList func()
	Dial   func(ctx context.Context, network, address string) (net.Conn, error) // nil: TCP
	Now    func() time.Time                                                     // nil: time.Now
}

// A Change is news of one source.
type Change struct {
	Source string    // "file:/path", "http://…"
	Good   bool      // it works
	Why    string    // what is wrong with it; empty when it works
	Until  time.Time // how long what it said last is good; zero: nothing of it is good now
}

// A Registry knows what one authority has withdrawn. It is safe for concurrent use
// and must be closed.
type Registry struct {
	cfg        Config
	fetch      *fetcher
	allowed    allowed
	responders *responders

	sources atomic.Pointer[[]*source] // configured first; grows only
	issuers atomic.Pointer[[]*x509.Certificate]
	growing sync.Mutex // of the two above

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup
}

// New reads the lists that are files and begins to fetch the others, without
// waiting for them. Its error says which of Lists, Responder or Allowed is wrong, or
// what is wrong with a file.
func New(cfg Config) (*Registry, error) {
	if cfg.Refresh <= 0 {
		cfg.Refresh = time.Hour
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.OnChange == nil {
		cfg.OnChange = func(Change) {}
	}
	if cfg.OnList == nil {
		cfg.OnList = func() {}
	}
	r := &Registry{cfg: cfg}
	if cfg.Folder != "" {
		if err := os.MkdirAll(cfg.Folder, 0o700); err != nil {
			return nil, err
		}
	}
	var err error
	if r.allowed, err = newAllowed(cfg.Allowed); err != nil {
		return nil, err
	}
	if cfg.Responder != "" {
		if _, err := parseAddress(cfg.Responder); err != nil {
			return nil, err
		}
	}
	r.fetch = newFetcher(cfg.Dial, r.allowed)
	r.responders = newResponders(r)
	r.issuers.Store(&cfg.Anchors)
	var sources []*source
	for _, where := range cfg.Lists {
		s, err := r.open(where)
		if err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	r.sources.Store(&sources)
	r.ctx, r.cancel = context.WithCancel(context.Background())
	for _, s := range sources {
		r.work.Go(func() { s.keep(r.ctx) })
	}
	return r, nil
}

// Close ends what runs in the background. Check goes on with what is known.
func (r *Registry) Close() {
	r.cancel()
	for _, begins := range []sync.Locker{&r.growing, &r.responders.mu} { // whoever begins something has begun it, or sees the end
		begins.Lock()
		begins.Unlock() //nolint:staticcheck // nothing is guarded here
	}
	r.work.Wait()
	r.fetch.close()
}

// Ready waits until every source of the configuration was tried once, or ctx ends.
func (r *Registry) Ready(ctx context.Context) {
	for _, s := range *r.sources.Load() {
		select {
		case <-s.tried:
		case <-ctx.Done():
			return
		}
	}
}

// Refresh looks at every list now, and has responders asked anew about each
// certificate before its next log-in. It returns when that is done or when ctx ends; what fails is told
// by OnChange.
func (r *Registry) Refresh(ctx context.Context) {
	r.responders.doubt()
	done := make(chan struct{})
	var looks sync.WaitGroup
	for _, s := range *r.sources.Load() {
		looks.Go(func() { s.look(ctx, true) })
	}
	go func() { looks.Wait(); close(done) }() // a look ends with ctx
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// Troubles returns what is wrong with each source that does not work.
func (r *Registry) Troubles() []Change {
	var found []Change
	for _, s := range *r.sources.Load() {
		if c := s.health(); !c.Good {
			found = append(found, c)
		}
	}
	return append(found, r.responders.troubles()...)
}

// A WithdrawnError is about a certificate that a list names. It wraps ErrRevoked.
type WithdrawnError struct {
	Certificate *x509.Certificate
	Words       string // when it was withdrawn, and why
	Source      string // of the list
}

func (w *WithdrawnError) Error() string {
	return fmt.Sprintf("%s: %s: %v", w.Words, w.Source, ErrRevoked)
}
func (w *WithdrawnError) Unwrap() error { return ErrRevoked }

// Withdrawn says whether a list at hand names a certificate, without waiting for
// anything, and whether or not the list is still fresh. The error is a [WithdrawnError].
func (r *Registry) Withdrawn(c, issuer *x509.Certificate) error {
	for _, s := range *r.sources.Load() {
		if l := s.current.Load(); l != nil && l.signedBy(issuer) {
			if e, ok := l.find(c.SerialNumber); ok {
				return &WithdrawnError{Certificate: c, Words: e.String(), Source: s.where}
			}
		}
	}
	return nil
}

// Check judges a verified chain, whose last certificate is the anchor: every other
// may have been withdrawn by the one after it. The error wraps ErrRevoked or
// ErrUnknown and says of which certificate it speaks.
func (r *Registry) Check(ctx context.Context, chain []*x509.Certificate) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	r.meet(chain)
	var unknown error
	for i := range max(len(chain)-1, 0) {
		err := r.status(ctx, chain[i], chain[i+1])
		if err == nil {
			continue
		}
		err = fmt.Errorf("the certificate of %s: %w", title(chain[i]), err)
		if errors.Is(err, ErrRevoked) {
			return err
		}
		if unknown == nil {
			unknown = err
		}
	}
	return unknown
}

// status judges one certificate. A list that names it decides at once; else the
// responder does, whose word is newer; else a fresh list that does not name it.
func (r *Registry) status(ctx context.Context, c, issuer *x509.Certificate) error {
	if err := r.Withdrawn(c, issuer); err != nil {
		return err
	}
	var said []string
	if address := r.responderOf(c); address != "" {
		err := r.responders.status(ctx, address, c, issuer)
		if err == nil || errors.Is(err, ErrRevoked) {
			return err
		}
		said = append(said, err.Error())
	}
	fresh, why := r.listed(c, issuer)
	if fresh {
		return nil
	}
	for _, s := range r.named(c) {
		s.await(ctx)
		if err := r.Withdrawn(c, issuer); err != nil {
			return err
		}
		if fresh, why = r.listed(c, issuer); fresh {
			return nil
		}
	}
	return fmt.Errorf("%s: %w", strings.Join(append(said, why), "; "), ErrUnknown)
}

// listed says whether a fresh list answers for a certificate, and else why none
// does.
func (r *Registry) listed(c, issuer *x509.Certificate) (fresh bool, why string) {
	now := r.cfg.Now()
	for _, s := range *r.sources.Load() {
		l := s.current.Load()
		switch {
		case l == nil:
			if why == "" {
				why = s.health().Why
			}
			continue
		case !bytes.Equal(l.issuer, issuer.RawSubject) || !l.covers(c):
			continue
		case !l.signedBy(issuer):
			why = s.where + " is not signed by " + title(issuer)
		case !l.fresh(now):
			why = s.health().Why
		default:
			return true, ""
		}
	}
	if why == "" {
		why = "there is no list of " + title(issuer)
	}
	return false, why
}

// responderOf is whom to ask about a certificate; empty: nobody.
func (r *Registry) responderOf(c *x509.Certificate) string {
	if r.cfg.Responder != "" {
		return r.cfg.Responder
	}
	for _, address := range c.OCSPServer {
		if r.allowed.has(address) {
			return address
		}
	}
	return ""
}

// named returns the sources at the addresses that a certificate names and the
// configuration allows. New ones begin to be fetched, as long as there are few.
func (r *Registry) named(c *x509.Certificate) (found []*source) {
	for _, address := range c.CRLDistributionPoints {
		if !r.allowed.has(address) {
			continue
		}
		if s := r.at(address); s != nil {
			found = append(found, s)
		}
	}
	return found
}

func (r *Registry) at(address string) *source {
	find := func() *source {
		for _, s := range *r.sources.Load() {
			if s.where == address {
				return s
			}
		}
		return nil
	}
	if s := find(); s != nil {
		return s
	}
	r.growing.Lock()
	defer r.growing.Unlock()
	if s := find(); s != nil {
		return s
	}
	sources := *r.sources.Load()
	if len(sources) >= len(r.cfg.Lists)+mostSources || r.ctx.Err() != nil {
		return nil
	}
	s, err := r.open(address)
	if err != nil {
		return nil
	}
	sources = append(slices.Clone(sources), s)
	r.sources.Store(&sources)
	r.work.Go(func() { s.keep(r.ctx) })
	return s
}

// meet remembers the intermediates of a chain, so that their lists are judged in
// the background when they come and not while somebody waits.
func (r *Registry) meet(chain []*x509.Certificate) {
	for _, c := range chain[min(1, len(chain)):] {
		if r.knows(c) {
			continue
		}
		r.growing.Lock()
		if issuers := *r.issuers.Load(); !r.knows(c) && len(issuers) < len(r.cfg.Anchors)+mostIssuers {
			issuers = append(slices.Clone(issuers), c)
			r.issuers.Store(&issuers)
		}
		r.growing.Unlock()
	}
}

func (r *Registry) knows(c *x509.Certificate) bool {
	return slices.ContainsFunc(*r.issuers.Load(), func(known *x509.Certificate) bool { return known == c || bytes.Equal(known.Raw, c.Raw) })
}

// title is what a person calls a certificate.
func title(c *x509.Certificate) string {
	if c.Subject.CommonName != "" {
		return c.Subject.CommonName
	}
	if len(c.DNSNames) > 0 {
		return c.DNSNames[0]
	}
	if s := c.Subject.String(); s != "" {
		return s
	}
	return "serial number " + c.SerialNumber.Text(16)
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006 15:04 UTC") }
