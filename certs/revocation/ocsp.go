package revocation

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha1" //nolint:gosec // RFC 5019, section 2.1.1: responders know certificates by it
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

// Times of OCSP.
const (
	askTimeout    = 10 * time.Second // a question goes on after its log-in has stopped waiting
	resting       = 10 * time.Second // after a failure, in which a responder is not asked
	withoutNext   = time.Minute      // an answer that names no next one is remembered for
	withoutStatus = time.Minute      // and one that does not know the certificate
	oldest        = time.Hour        // of an answer that names no next one
	longest       = 7 * 24 * time.Hour
)

// responders asks OCSP responders and remembers what they said. Nobody waits for a
// question that another is waiting for already; who has waited long enough goes on
// without, and the answer is there the next time.
//
// No nonce is sent: responders that sign in advance (RFC 5019) ignore it, and
// without one an answer is good until the time that it names, at most.
type responders struct {
	r *Registry

	mu      sync.Mutex
	answers map[[sha256.Size]byte]answer // by certificate
	asking  map[[sha256.Size]byte]*question
	resting map[string]time.Time // address -> until when it is left alone
	down    map[string]string    // address -> why
}

// An answer is what a responder said of one certificate. For a while it is used as
// it is; then the question is put anew, first beside the log-ins, which go on with
// it, and then before them, which wait. While the responder is silent it is
// believed until its end.
type answer struct {
	err   error     // nil: good
	renew time.Time // from then on it is asked beside log-ins
	wait  time.Time // and from then on before them; zero: at once
	until time.Time // it is believed
	next  time.Time // and never beyond its nextUpdate by the clock on the wall, which may jump (F17); zero: it names none
	// silent is for an answer without a signature, by which a responder declines to
	// give one.
	silent bool
	of     time.Time // when its responder made it (thisUpdate)
}

func (a *answer) believed(now time.Time) bool {
	return now.Before(a.until) && (a.next.IsZero() || now.Before(a.next))
}

// A question is under way.
type question struct {
	done   chan struct{}
	answer answer // once done is closed, as is what follows
	failed bool   // nobody answered
}

func newResponders(r *Registry) *responders {
	return &responders{r: r, answers: map[[sha256.Size]byte]answer{}, asking: map[[sha256.Size]byte]*question{},
		resting: map[string]time.Time{}, down: map[string]string{}}
}

// status says what a responder says: nil, ErrRevoked, or an error that says why it
// says nothing.
func (o *responders) status(ctx context.Context, address string, c, issuer *x509.Certificate) error {
	key := sha256.Sum256(c.Raw)
	now := o.r.cfg.Now()
	o.mu.Lock()
	known, have := o.answers[key]
	have = have && (known.believed(now) || errors.Is(known.err, ErrRevoked)) // who was withdrawn stays so until somebody says otherwise
	if have && now.Before(known.renew) && now.Before(known.wait) {
		o.mu.Unlock()
		return known.err
	}
	q, err := o.ask(key, address, c, issuer, now)
	o.mu.Unlock()
	if have && now.Before(known.wait) {
		return known.err // the next log-in finds the new answer
	}
	if err == nil {
		select {
		case <-q.done:
			if err = q.answer.err; !q.failed {
				return err
			}
		case <-ctx.Done():
			err = fmt.Errorf("%s did not answer within %s", address, Patience)
		}
	}
	if have {
		return known.err
	}
	return err
}

// ask joins a question that is under way, or puts it. It is called with the lock.
func (o *responders) ask(key [sha256.Size]byte, address string, c, issuer *x509.Certificate, now time.Time) (*question, error) {
	if q := o.asking[key]; q != nil {
		return q, nil
	}
	switch {
	case now.Before(o.resting[address]):
		return nil, fmt.Errorf("%s, and it is left alone for a moment", o.down[address])
	case len(o.asking) >= mostQuestions:
		return nil, fmt.Errorf("%d questions to responders are waiting already", len(o.asking))
	case o.r.ctx.Err() != nil:
		return nil, errors.New("the server is stopping")
	}
	q := &question{done: make(chan struct{})}
	o.asking[key] = q
	o.r.work.Go(func() {
		ctx, cancel := context.WithTimeout(o.r.ctx, askTimeout)
		defer cancel()
		a, failed := o.r.fetch.ask(ctx, address, c, issuer, o.r.cfg)
		o.answered(key, address, q, a, failed)
	})
	return q, nil
}

// answered writes down how a question ended.
func (o *responders) answered(key [sha256.Size]byte, address string, q *question, a answer, failed error) {
	now := o.r.cfg.Now()
	o.mu.Lock()
	delete(o.asking, key)
	q.answer, q.failed = a, failed != nil
	was := o.down[address]
	if failed != nil {
		q.answer.err = fmt.Errorf("%s: %w", address, failed)
		o.resting[address], o.down[address] = now.Add(resting), q.answer.err.Error()
	} else {
		delete(o.resting, address)
		delete(o.down, address)
		q.answer = o.remember(key, a, now)
	}
	o.mu.Unlock()
	close(q.done)
	if o.r.ctx.Err() == nil && (failed != nil) != (was != "") {
		c := Change{Source: address, Good: failed == nil}
		if failed != nil {
			c.Why = q.answer.err.Error()
		}
		o.r.cfg.OnChange(c)
	}
}

// remember keeps an answer, and returns what counts now. One that says nothing of the
// certificate, which nobody has to sign, takes the place of none that did, and one that
// is older, which anybody can have kept, of none that is newer: a withdrawal stays, and
// what was good is good until its end. When there are too many a quarter goes: those
// that count no longer, then any that is not a withdrawal, then any.
func (o *responders) remember(key [sha256.Size]byte, a answer, now time.Time) answer {
	old, have := o.answers[key]
	withdrawn := errors.Is(old.err, ErrRevoked)
	believed := have && (withdrawn || old.believed(now))
	if believed && (a.silent || a.of.Before(old.of) || withdrawn && a.err != nil && !errors.Is(a.err, ErrRevoked)) {
		old.renew, old.wait = a.renew, a.wait
		a = old
	}
	if !have && len(o.answers) >= mostAnswers {
		for _, may := range []func(answer) bool{
			func(old answer) bool { return !old.believed(now) && !errors.Is(old.err, ErrRevoked) },
			func(old answer) bool { return !errors.Is(old.err, ErrRevoked) },
			func(answer) bool { return true },
		} {
			for k, old := range o.answers {
				if len(o.answers) > mostAnswers*3/4 && may(old) {
					delete(o.answers, k)
				}
			}
		}
	}
	o.answers[key] = a
	return a
}

// doubt has every certificate asked about anew, before its next log-in.
func (o *responders) doubt() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for k, a := range o.answers {
		a.wait = time.Time{}
		o.answers[k] = a
	}
	clear(o.resting)
}

func (o *responders) troubles() (found []Change) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for address, why := range o.down {
		found = append(found, Change{Source: address, Why: why})
	}
	return found
}

// ask puts one question and judges the answer. failed is for a responder that does
// not work; one that says that it does not know is an answer.
func (f *fetcher) ask(ctx context.Context, address string, c, issuer *x509.Certificate, cfg Config) (a answer, failed error) {
	der, failed := f.question(ctx, address, c, issuer)
	if failed != nil {
		return answer{}, failed
	}
	now := cfg.Now()
	said, err := readAnswer(der, c, issuer, now)
	var refused ocsp.ResponseError
	switch {
	case errors.As(err, &refused) && (refused.Status == ocsp.Unauthorized || refused.Status == ocsp.Malformed): //nolint:misspell // the library's
		soon := now.Add(withoutStatus)
		return answer{err: fmt.Errorf("%s does not answer for it (%s)", address, refused.Status), renew: soon, wait: soon, until: soon, silent: true}, nil
	case err != nil:
		return answer{}, err
	}
	a.of, a.until = said.ThisUpdate, now.Add(withoutNext)
	if a.next = said.NextUpdate; !a.next.IsZero() {
		a.until = now.Add(min(said.NextUpdate.Sub(now), longest))
	}
	switch said.Status {
	case ocsp.Good:
	case ocsp.Revoked:
		a.err = fmt.Errorf("%s: %s: %w", entryOf(said.RevokedAt, said.RevocationReason), address, ErrRevoked)
	default:
		a.err = fmt.Errorf("%s does not know it", address)
		a.until = now.Add(min(withoutStatus, a.until.Sub(now)))
	}
	life := min(a.until.Sub(now), cfg.Refresh)
	a.renew, a.wait = now.Add(life*3/4), now.Add(life)
	return a, nil
}

// question sends a question and returns the answer as it came.
func (f *fetcher) question(ctx context.Context, address string, c, issuer *x509.Certificate) ([]byte, error) {
	request, err := ocsp.CreateRequest(c, issuer, nil)
	if err != nil {
		return nil, err
	}
	return f.post(ctx, address, "application/ocsp-request", request, mostAnswerOctets)
}

// readAnswer judges an answer (RFC 6960, section 3.2): it is of this certificate,
// signed by its issuer or by whom the issuer made its responder, and of now.
func readAnswer(der []byte, c, issuer *x509.Certificate, now time.Time) (*ocsp.Response, error) {
	// The issuer is not given here: crypto/ocsp takes any certificate from it for a
	// responder's, and does not take its own.
	said, err := ocsp.ParseResponseForCert(der, c, nil)
	if err != nil {
		return nil, fmt.Errorf("the answer cannot be read: %w", err)
	}
	signer := issuer
	if d := said.Certificate; d != nil && !d.Equal(issuer) {
		if err := checkDelegate(d, issuer, now); err != nil {
			return nil, err
		}
		signer = d
	}
	if err := said.CheckSignatureFrom(signer); err != nil {
		return nil, fmt.Errorf("the answer is not signed by %s: %w", title(signer), err)
	}
	if err := checkSubject(said.TBSResponseData, c, issuer); err != nil {
		return nil, err
	}
	switch {
	case said.ThisUpdate.After(now.Add(skew)):
		return nil, fmt.Errorf("the answer is of %s, which is still to come: compare the clocks", day(said.ThisUpdate))
	case !said.NextUpdate.IsZero() && !now.Before(said.NextUpdate):
		return nil, fmt.Errorf("the answer was good until %s", day(said.NextUpdate))
	case said.NextUpdate.IsZero() && now.Sub(said.ThisUpdate) > oldest:
		return nil, fmt.Errorf("the answer is of %s and does not say how long it is good", day(said.ThisUpdate))
	}
	return said, nil
}

// checkDelegate judges a responder's own certificate (RFC 6960, section 4.2.2.2):
// its issuer made it for this and nothing less. Otherwise every device could
// vouch for itself. It is believed until it ends.
func checkDelegate(d, issuer *x509.Certificate, now time.Time) error {
	switch {
	case !bytes.Equal(d.RawIssuer, issuer.RawSubject) || d.CheckSignatureFrom(issuer) != nil:
		return fmt.Errorf("the answer is signed by %s, which %s did not issue", title(d), title(issuer))
	case !slices.Contains(d.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return fmt.Errorf("the answer is signed by %s, which may not sign answers", title(d))
	case now.Before(d.NotBefore) || now.After(d.NotAfter):
		return fmt.Errorf("the answer is signed by %s, whose certificate is not valid today", title(d))
	}
	return nil
}

// checkSubject sees that the first answer with our certificate's serial number, which
// is the one that crypto/ocsp took, is of our certificate's issuer.
func checkSubject(tbs []byte, c, issuer *x509.Certificate) error {
	damaged := errors.New("the answer cannot be read")
	in, body, list := cryptobyte.String(tbs), cryptobyte.String(nil), cryptobyte.String(nil)
	var kind tag.Tag
	var skipped cryptobyte.String
	if !in.ReadASN1(&body, tag.SEQUENCE) || !body.SkipOptionalASN1(tag.Tag(0).ContextSpecific().Constructed()) ||
		!body.ReadAnyASN1(&skipped, &kind) || !body.SkipASN1(tag.GeneralizedTime) || !body.ReadASN1(&list, tag.SEQUENCE) {
		return damaged
	}
	key, err := publicKeyOf(issuer)
	if err != nil {
		return err
	}
	for !list.Empty() {
		var one, id, algorithm, name, keyHash cryptobyte.String
		number := new(big.Int)
		if !list.ReadASN1(&one, tag.SEQUENCE) || !one.ReadASN1(&id, tag.SEQUENCE) || !id.ReadASN1(&algorithm, tag.SEQUENCE) ||
			!id.ReadASN1(&name, tag.OCTET_STRING) || !id.ReadASN1(&keyHash, tag.OCTET_STRING) || !id.ReadASN1Integer(number) {
			return damaged
		}
		if number.Cmp(c.SerialNumber) != 0 {
			continue
		}
		digest := digestOf(len(name))
		if digest == nil || !bytes.Equal(name, sumOf(digest, issuer.RawSubject)) || !bytes.Equal(keyHash, sumOf(digest, key)) {
			return errors.New("the answer is of another issuer's certificate")
		}
		return nil
	}
	return damaged
}

// digestOf finds the digest by its length, which names it among those of RFC 6960.
func digestOf(length int) func() hash.Hash {
	return map[int]func() hash.Hash{
		crypto.SHA1.Size(): sha1.New, crypto.SHA256.Size(): sha256.New, crypto.SHA384.Size(): sha512.New384, crypto.SHA512.Size(): sha512.New,
	}[length]
}

func sumOf(digest func() hash.Hash, b []byte) []byte {
	h := digest()
	_, _ = h.Write(b)
	return h.Sum(nil)
}

// publicKeyOf is the key itself, without its algorithm, as CertID's digest is over.
func publicKeyOf(c *x509.Certificate) ([]byte, error) {
	in, body := cryptobyte.String(c.RawSubjectPublicKeyInfo), cryptobyte.String(nil)
	var key []byte
	if !in.ReadASN1(&body, tag.SEQUENCE) || !body.SkipASN1(tag.SEQUENCE) || !body.ReadASN1BitStringAsBytes(&key) {
		return nil, errors.New("the issuer's key cannot be read")
	}
	return key, nil
}
