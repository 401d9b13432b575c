package revocation

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"time"

	"golang.org/x/crypto/ocsp"
)

// A StaplerConfig says whose answers a [Stapler] keeps.
type StaplerConfig struct {
	Certificate *x509.Certificate // our own; its first responder is asked
	Issuer      *x509.Certificate
	// OnStaple is given each new answer, in DER, and nil when the last one has
	// ended and no newer one came. It must not wait.
	OnStaple func(answer []byte)
	OnChange func(Change) // as a Registry's
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
	Now      func() time.Time
}

// A Stapler keeps the answer of OCSP about one certificate of our own fresh, so
// that it can be shown in handshakes (RFC 6066, section 8). An answer that does
// not come, or that says anything else than good, is not shown, and stops nothing.
type Stapler struct {
	cfg    StaplerConfig
	fetch  *fetcher
	stop   context.CancelFunc
	ended  chan struct{}
	tried  chan struct{}
	until  time.Time // of the answer that is shown; zero: none is
	failed bool
}

// NewStapler begins to ask. The certificate must name a responder.
func NewStapler(cfg StaplerConfig) *Stapler {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.OnChange == nil {
		cfg.OnChange = func(Change) {}
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Stapler{cfg: cfg, fetch: newFetcher(cfg.Dial, nil), stop: stop, ended: make(chan struct{}), tried: make(chan struct{})}
	go s.keep(ctx)
	return s
}

// Close ends it.
func (s *Stapler) Close() {
	s.stop()
	<-s.ended
	s.fetch.close()
}

// Ready waits until the responder was asked once, or ctx ends.
func (s *Stapler) Ready(ctx context.Context) {
	select {
	case <-s.tried:
	case <-ctx.Done():
	}
}

func (s *Stapler) keep(ctx context.Context) {
	defer close(s.ended)
	for first := true; ; first = false {
		wait := s.once(ctx)
		if first {
			close(s.tried)
		}
		if !rest(ctx, wait, s.until, s.cfg.Now) {
			return
		}
	}
}

// once asks, and returns how long to the next time.
func (s *Stapler) once(ctx context.Context) (wait time.Duration) {
	address := s.cfg.Certificate.OCSPServer[0]
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	der, err := s.fetch.question(asking, address, s.cfg.Certificate, s.cfg.Issuer)
	var said *ocsp.Response
	if err == nil {
		said, err = readAnswer(der, s.cfg.Certificate, s.cfg.Issuer, s.cfg.Now())
	}
	if err == nil && said.Status != ocsp.Good {
		err = fmt.Errorf("it does not know our certificate %s", title(s.cfg.Certificate))
		if said.Status == ocsp.Revoked {
			err = fmt.Errorf("our certificate %s was %s", title(s.cfg.Certificate), entryOf(said.RevokedAt, said.RevocationReason))
		}
		s.show(nil, time.Time{}) // what it said before is no longer so
	}
	if ctx.Err() != nil {
		return 0
	}
	s.tell(address, err)
	now := s.cfg.Now()
	if err != nil {
		if !s.until.IsZero() && !now.Before(s.until) {
			s.show(nil, time.Time{})
		}
		wait = soonest
		if !s.until.IsZero() {
			wait = min(wait, max(s.until.Sub(now), time.Second)) // to take it away in time
		}
		return wait
	}
	until := said.NextUpdate
	if until.IsZero() {
		until = now.Add(oldest)
	}
	s.show(der, until)
	return max(min(until.Sub(now)/2, 12*time.Hour), soonest)
}

func (s *Stapler) show(answer []byte, until time.Time) {
	if answer == nil && s.until.IsZero() {
		return
	}
	s.until = until
	s.cfg.OnStaple(answer)
}

func (s *Stapler) tell(address string, err error) {
	if (err != nil) == s.failed {
		return
	}
	s.failed = err != nil
	c := Change{Source: address, Good: err == nil, Until: s.until}
	if err != nil {
		c.Why = fmt.Sprintf("%s: %v", address, err)
	}
	s.cfg.OnChange(c)
}
