package revocation

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ocsp"

	"causeway/certs"
)

const (
	askPage = "ocsp.example.org/"
	askURL  = "http://" + askPage
)

// What a responder says is what counts, with the list where it says nothing.
func TestOCSP(t *testing.T) {
	fails := func(*big.Int) ([]byte, error) { return nil, errors.New("out of order") }
	plain := func(b []byte) func(*big.Int) ([]byte, error) { return func(*big.Int) ([]byte, error) { return b, nil } }
	for name, c := range map[string]struct {
		say      func(p *pki) func(*big.Int) ([]byte, error)
		list     bool // a fresh list that does not name it
		named    bool // and one that does
		want     string
		says     string
		troubled bool
	}{
		"good":                  {say: func(p *pki) func(*big.Int) ([]byte, error) { return saying(p.root, ocsp.Good, time.Hour) }, want: "good"},
		"good, no next":         {say: func(p *pki) func(*big.Int) ([]byte, error) { return saying(p.root, ocsp.Good, 0) }, want: "good"},
		"withdrawn":             {say: func(p *pki) func(*big.Int) ([]byte, error) { return saying(p.root, ocsp.Revoked, time.Hour) }, want: "withdrawn", says: "withdrawn on"},
		"withdrawn, list good":  {say: func(p *pki) func(*big.Int) ([]byte, error) { return saying(p.root, ocsp.Revoked, time.Hour) }, list: true, want: "withdrawn"},
		"good, on the list":     {say: func(p *pki) func(*big.Int) ([]byte, error) { return saying(p.root, ocsp.Good, time.Hour) }, named: true, want: "withdrawn"},
		"unknown":               {say: func(p *pki) func(*big.Int) ([]byte, error) { return saying(p.root, ocsp.Unknown, time.Hour) }, want: "unknown", says: "does not know it"},
		"unknown, list good":    {say: func(p *pki) func(*big.Int) ([]byte, error) { return saying(p.root, ocsp.Unknown, time.Hour) }, list: true, want: "good"},
		"unauthorised":          {say: func(*pki) func(*big.Int) ([]byte, error) { return plain(ocsp.UnauthorizedErrorResponse) }, want: "unknown", says: "does not answer for it"},
		"try later":             {say: func(*pki) func(*big.Int) ([]byte, error) { return plain(ocsp.TryLaterErrorResponse) }, want: "unknown", troubled: true},
		"out of order":          {say: func(*pki) func(*big.Int) ([]byte, error) { return fails }, want: "unknown", says: "500", troubled: true},
		"out of order and list": {say: func(*pki) func(*big.Int) ([]byte, error) { return fails }, list: true, want: "good", troubled: true},
		"garbage":               {say: func(*pki) func(*big.Int) ([]byte, error) { return plain([]byte("<html>")) }, want: "unknown", says: "cannot be read", troubled: true},
		"endless":               {say: func(*pki) func(*big.Int) ([]byte, error) { return plain(make([]byte, mostAnswerOctets+1)) }, want: "unknown", says: "larger", troubled: true},
		"another's answer":      {say: func(p *pki) func(*big.Int) ([]byte, error) { return saying(p.middle, ocsp.Good, time.Hour) }, want: "unknown", says: "not signed by devices", troubled: true},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, p *pki, w *web, d *diary) {
				w.respond(askPage, c.say(p))
				cfg := Config{Responder: askURL, Dial: w.dial, OnChange: d.add}
				switch {
				case c.list:
					cfg.Lists = []string{"file:" + file(t, crl(p.root, nil))}
				case c.named:
					cfg.Lists = []string{"file:" + file(t, crl(p.root, nil, p.nurse))}
				}
				r := open(t, p, cfg)
				for range 2 { // the second time from memory
					why := expect(t, r, name, p.chain(p.nurse), c.want)
					if c.says != "" && !strings.Contains(why, c.says) {
						t.Errorf("it says %s", why)
					}
				}
				if n := w.times(askPage); !c.named && n != 1 {
					t.Errorf("asked %d times", n)
				}
				synctest.Wait()
				if n, last := d.last(); c.troubled && (n != 1 || last.Good || last.Source != askURL || len(r.Troubles()) != 1) {
					t.Errorf("%d changes, the last %+v", n, last)
				}
			})
		})
	}
}

// A delegate of the issuer may sign, if it was made for that, and nobody else: a
// device's own certificate cannot vouch for itself.
func TestOCSPSigners(t *testing.T) {
	now := time.Now()
	root := newIssuer(nil, "devices", func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign })
	middle := newIssuer(root, "wards", func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign })
	other := newIssuer(nil, "devices", func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign })
	responder := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} }
	nurse := newIssuer(root, "nurse", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	porter := newIssuer(middle, "porter", func(*x509.Certificate) {})
	for name, c := range map[string]struct {
		leaf, issuer, signer *issuer
		answer               ocsp.Response
		want                 string // in the error; empty: it is good
	}{
		"the issuer":                    {leaf: nurse, issuer: root, signer: root},
		"an intermediate, of itself":    {leaf: porter, issuer: middle, signer: middle},
		"its delegate":                  {leaf: nurse, issuer: root, signer: newIssuer(root, "responder", responder)},
		"the device itself":             {leaf: nurse, issuer: root, signer: nurse, want: "may not sign answers"},
		"another device":                {leaf: nurse, issuer: root, signer: newIssuer(root, "doctor", func(*x509.Certificate) {}), want: "may not sign answers"},
		"the root, for the level below": {leaf: porter, issuer: middle, signer: root, want: "did not issue"},
		"a stranger of its name":        {leaf: nurse, issuer: root, signer: other, want: "did not issue"},
		"a stranger's delegate":         {leaf: nurse, issuer: root, signer: newIssuer(other, "responder", responder), want: "did not issue"},
		"a delegate of the level below": {leaf: nurse, issuer: root, signer: newIssuer(middle, "responder", responder), want: "did not issue"},
		"a delegate whose time is over": {leaf: nurse, issuer: root, signer: newIssuer(root, "responder", func(c *x509.Certificate) {
			responder(c)
			c.NotAfter = now.Add(-time.Minute)
		}), want: "not valid today"},
		"of long ago":         {leaf: nurse, issuer: root, signer: root, answer: ocsp.Response{ThisUpdate: now.Add(-48 * time.Hour), NextUpdate: now.Add(-24 * time.Hour)}, want: "was good until"},
		"of long ago, no end": {leaf: nurse, issuer: root, signer: root, answer: ocsp.Response{ThisUpdate: now.Add(-2 * time.Hour)}, want: "does not say how long"},
		"of tomorrow":         {leaf: nurse, issuer: root, signer: root, answer: ocsp.Response{ThisUpdate: now.Add(time.Hour), NextUpdate: now.Add(2 * time.Hour)}, want: "compare the clocks"},
		"of another serial":   {leaf: nurse, issuer: root, signer: root, answer: ocsp.Response{SerialNumber: big.NewInt(7)}, want: "no response matching"},
	} {
		if c.answer.SerialNumber == nil {
			c.answer.SerialNumber = c.leaf.cert.SerialNumber
		}
		if c.answer.ThisUpdate.IsZero() {
			c.answer.ThisUpdate, c.answer.NextUpdate = now, now.Add(time.Hour)
		}
		c.answer.Certificate = c.signer.cert
		for _, digest := range []crypto.Hash{crypto.SHA1, crypto.SHA256} {
			c.answer.IssuerHash = digest
			der := must(ocsp.CreateResponse(c.issuer.cert, c.signer.cert, c.answer, c.signer.key))
			_, err := readAnswer(der, c.leaf.cert, c.issuer.cert, now)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("%s: %v", name, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		}
	}
	// A delegate that serves two issuers says good of one's certificate: it is no word
	// about the other's with the same number.
	delegate := newIssuer(root, "responder", responder)
	der := must(ocsp.CreateResponse(middle.cert, delegate.cert, ocsp.Response{
		Status: ocsp.Good, SerialNumber: nurse.cert.SerialNumber, ThisUpdate: now, NextUpdate: now.Add(time.Hour), Certificate: delegate.cert,
	}, delegate.key))
	if _, err := readAnswer(der, nurse.cert, root.cert, now); err == nil || !strings.Contains(err.Error(), "another issuer's") {
		t.Errorf("an answer about another issuer's certificate: %v", err)
	}
	// A bit of it, whichever, is not another's.
	der = must(ocsp.CreateResponse(root.cert, delegate.cert, ocsp.Response{
		Status: ocsp.Good, SerialNumber: nurse.cert.SerialNumber, ThisUpdate: now, NextUpdate: now.Add(time.Hour), Certificate: delegate.cert,
	}, delegate.key))
	for i := range der {
		flipped := append([]byte(nil), der...)
		flipped[i] ^= 1
		if said, err := readAnswer(flipped, nurse.cert, root.cert, now); err == nil && said.Status != ocsp.Good {
			t.Errorf("octet %d flipped says %d", i, said.Status)
		}
	}
}

// An issuer signs whatever it is asked to.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer(by *issuer, name string, change func(*x509.Certificate)) *issuer {
	i := &issuer{key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
	t := &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	change(t)
	i.cert = t
	if by == nil {
		by = i
	}
	i.cert = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, t, by.cert, i.key.Public(), by.key))))
	return i
}

// A responder that does not answer holds a log-in up for two seconds and the next
// ones not at all; the answer that comes late is there for whoever comes later.
func TestOCSPPatience(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, d *diary) {
		answer := make(chan struct{})
		w.respond(askPage, func(serial *big.Int) ([]byte, error) {
			<-answer
			return saying(p.root, ocsp.Good, time.Hour)(serial)
		})
		r := open(t, p, Config{Responder: askURL, Dial: w.dial, OnChange: d.add})
		began := time.Now()
		why := expect(t, r, "no answer", p.chain(p.nurse), "unknown")
		if waited := time.Since(began); waited != Patience || !strings.Contains(why, "did not answer within 2s") {
			t.Errorf("it waited %v: %s", waited, why)
		}
		time.Sleep(time.Second)
		close(answer)
		synctest.Wait()
		began = time.Now()
		expect(t, r, "it came late", p.chain(p.nurse), "good")
		if waited := time.Since(began); waited != 0 || w.times(askPage) != 1 {
			t.Errorf("it waited %v and asked %d times", waited, w.times(askPage))
		}
	})
}

// A responder that is down is left alone for a while: nobody waits for it.
func TestOCSPResponderDown(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, d *diary) {
		w.answer(askPage, hang)
		r := open(t, p, Config{Responder: askURL, Dial: w.dial, OnChange: d.add})
		expect(t, r, "at first", p.chain(p.nurse), "unknown")
		time.Sleep(askTimeout) // the question has failed
		synctest.Wait()
		if n, c := d.last(); n != 1 || c.Good {
			t.Errorf("%d changes, the last %+v", n, c)
		}
		began := time.Now()
		for range 100 {
			expect(t, r, "left alone", p.chain(p.doctor), "unknown")
		}
		if waited := time.Since(began); waited != 0 || w.times(askPage) != 1 {
			t.Errorf("a hundred log-ins waited %v and asked %d times", waited, w.times(askPage))
		}
		w.respond(askPage, saying(p.root, ocsp.Good, time.Hour))
		time.Sleep(resting)
		expect(t, r, "it is back", p.chain(p.doctor), "good")
		synctest.Wait()
		if n, c := d.last(); n != 2 || !c.Good {
			t.Errorf("%d changes, the last %+v", n, c)
		}
	})
}

// Fifty log-ins with one certificate ask once; and no more than so many questions
// are under way, whoever comes.
func TestOCSPOneQuestion(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, _ *diary) {
		answer := make(chan struct{})
		var most, now atomic.Int64
		w.respond(askPage, func(serial *big.Int) ([]byte, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			<-answer
			return saying(p.root, ocsp.Good, time.Hour)(serial)
		})
		r := open(t, p, Config{Responder: askURL, Dial: w.dial})
		var wait sync.WaitGroup
		for range 50 {
			wait.Go(func() { expect(t, r, "together", p.chain(p.nurse), "good") })
		}
		synctest.Wait()
		close(answer)
		wait.Wait()
		if n := w.times(askPage); n != 1 {
			t.Errorf("asked %d times", n)
		}

		answer = make(chan struct{})
		var refused atomic.Int64
		for i := range 3 * mostQuestions {
			leaf := *p.nurse
			leaf.Raw = append([]byte{byte(i)}, leaf.Raw...) // as if it were another
			wait.Go(func() {
				err := r.Check(context.Background(), []*x509.Certificate{&leaf, p.root.Certificate()})
				if err != nil && strings.Contains(err.Error(), "waiting already") {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		if refused.Load() != 2*mostQuestions {
			t.Errorf("%d were not asked", refused.Load())
		}
		close(answer)
		wait.Wait()
		if most.Load() > 16 {
			t.Errorf("%d connections at once", most.Load())
		}
	})
}

// An answer is asked anew before it ends, while log-ins go on with the old one; a
// withdrawal is then seen, and holds although the responder falls silent.
func TestOCSPRenewal(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, _ *diary) {
		w.respond(askPage, saying(p.root, ocsp.Good, 24*time.Hour))
		r := open(t, p, Config{Responder: askURL, Dial: w.dial, Refresh: time.Hour})
		expect(t, r, "first", p.chain(p.nurse), "good")
		time.Sleep(46 * time.Minute)
		w.respond(askPage, saying(p.root, ocsp.Revoked, time.Hour))
		expect(t, r, "in the last quarter the old one counts", p.chain(p.nurse), "good")
		synctest.Wait()
		expect(t, r, "and then the new", p.chain(p.nurse), "withdrawn")
		w.answer(askPage, nil)
		time.Sleep(48 * time.Hour)
		expect(t, r, "it stays withdrawn", p.chain(p.nurse), "withdrawn")
		time.Sleep(resting)
		r.Refresh(t.Context())
		expect(t, r, "after a reload, too", p.chain(p.nurse), "withdrawn")
		w.respond(askPage, saying(p.root, ocsp.Good, time.Hour))
		time.Sleep(resting)
		expect(t, r, "until somebody says otherwise", p.chain(p.nurse), "good")
	})
}

// While a responder is silent what it said is believed until the time that it named,
// also after a reload; while it speaks, not for longer than Refresh.
func TestOCSPWhileSilent(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, _ *diary) {
		w.respond(askPage, saying(p.root, ocsp.Good, 24*time.Hour))
		r := open(t, p, Config{Responder: askURL, Dial: w.dial, Refresh: time.Hour})
		expect(t, r, "at first", p.chain(p.nurse), "good")
		w.answer(askPage, nil)
		r.Refresh(t.Context())
		expect(t, r, "after a reload", p.chain(p.nurse), "good")
		if n := w.times(askPage); n != 2 {
			t.Errorf("asked %d times: a reload asks anew", n)
		}
		w.answer(askPage, hang)
		time.Sleep(20 * time.Hour)
		began := time.Now()
		expect(t, r, "twenty hours later", p.chain(p.nurse), "good")
		if waited := time.Since(began); waited != Patience {
			t.Errorf("it waited %v for a newer one", waited)
		}
		time.Sleep(4 * time.Hour)
		expect(t, r, "after its end", p.chain(p.nurse), "unknown")
		w.respond(askPage, saying(p.root, ocsp.Good, 30*24*time.Hour))
		time.Sleep(askTimeout + resting)
		expect(t, r, "a month's answer", p.chain(p.nurse), "good")
		w.answer(askPage, nil)
		time.Sleep(longest + time.Second)
		expect(t, r, "is good for a week", p.chain(p.nurse), "unknown")
		w.respond(askPage, saying(p.root, ocsp.Good, 24*time.Hour))
		time.Sleep(resting)
		expect(t, r, "good again", p.chain(p.nurse), "good")
		w.respond(askPage, saying(p.root, ocsp.Revoked, 24*time.Hour))
		time.Sleep(time.Hour)
		expect(t, r, "and an hour later the new one counts at once", p.chain(p.nurse), "withdrawn")
	})
}

// An answer that says nothing, which anybody on the way can give since nobody has to
// sign it, undoes neither a withdrawal nor what is still good; nor does a responder that
// has forgotten the certificate undo its withdrawal.
func TestOCSPSayingNothing(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, _ *diary) {
		nothing := func(der []byte) func(*big.Int) ([]byte, error) {
			return func(*big.Int) ([]byte, error) { return der, nil }
		}
		for _, c := range []struct {
			status  int
			then    func(*big.Int) ([]byte, error)
			between string
			late    string
		}{
			{ocsp.Revoked, nothing(ocsp.UnauthorizedErrorResponse), "withdrawn", "withdrawn"},
			{ocsp.Revoked, nothing(ocsp.MalformedRequestErrorResponse), "withdrawn", "withdrawn"},
			{ocsp.Revoked, saying(p.root, ocsp.Unknown, time.Hour), "withdrawn", "withdrawn"},
			{ocsp.Good, nothing(ocsp.UnauthorizedErrorResponse), "good", "unknown"},
			{ocsp.Good, saying(p.root, ocsp.Unknown, time.Hour), "unknown", "unknown"},
		} {
			w.respond(askPage, saying(p.root, c.status, 3*time.Hour))
			r := open(t, p, Config{Responder: askURL, Dial: w.dial})
			_ = r.Check(t.Context(), p.chain(p.nurse))
			w.respond(askPage, c.then)
			for range 3 {
				r.Refresh(t.Context())
				expect(t, r, "asked anew", p.chain(p.nurse), c.between)
			}
			time.Sleep(4 * time.Hour)
			expect(t, r, "after its end", p.chain(p.nurse), c.late)
			w.respond(askPage, saying(p.root, ocsp.Good, time.Hour))
			time.Sleep(2 * withoutStatus)
			expect(t, r, "until somebody says otherwise", p.chain(p.nurse), "good")
		}
	})
}

// An answer from before a withdrawal, which somebody kept and which is good for days
// still, does not undo it.
func TestOCSPAnOldAnswer(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, _ *diary) {
		old := must(saying(p.root, ocsp.Good, 7*24*time.Hour)(p.nurse.SerialNumber))
		time.Sleep(time.Hour)
		w.respond(askPage, saying(p.root, ocsp.Revoked, time.Hour))
		r := open(t, p, Config{Responder: askURL, Dial: w.dial})
		expect(t, r, "withdrawn", p.chain(p.nurse), "withdrawn")
		w.respond(askPage, func(*big.Int) ([]byte, error) { return old, nil })
		for range 3 {
			r.Refresh(t.Context())
			expect(t, r, "the old answer again", p.chain(p.nurse), "withdrawn")
		}
		time.Sleep(2 * time.Hour)
		expect(t, r, "and later", p.chain(p.nurse), "withdrawn")
		w.respond(askPage, saying(p.root, ocsp.Good, time.Hour))
		r.Refresh(t.Context())
		expect(t, r, "a new answer", p.chain(p.nurse), "good")
	})
}

// A reload asks anew about everybody, and what is remembered has a bound that
// withdrawals outlive.
func TestOCSPMemory(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, _ *diary) {
		w.respond(askPage, saying(p.root, ocsp.Good, time.Hour))
		r := open(t, p, Config{Responder: askURL, Dial: w.dial})
		expect(t, r, "good", p.chain(p.nurse), "good")
		w.respond(askPage, saying(p.root, ocsp.Revoked, time.Hour))
		expect(t, r, "remembered", p.chain(p.nurse), "good")
		r.Refresh(t.Context())
		expect(t, r, "asked anew", p.chain(p.nurse), "withdrawn")
		now := time.Now()
		for i := range 3 * mostAnswers {
			r.responders.remember([32]byte{1, byte(i), byte(i >> 8), byte(i >> 16)}, answer{until: now.Add(time.Duration(i) * time.Second)}, now)
		}
		if n := len(r.responders.answers); n > mostAnswers {
			t.Errorf("%d answers are remembered", n)
		}
		w.answer(askPage, nil)
		expect(t, r, "the withdrawal is", p.chain(p.nurse), "withdrawn")
	})
}

// Whom to ask: the configuration's responder, else the certificate's own where that
// is allowed.
func TestResponderOf(t *testing.T) {
	p := thePKI()
	leaf := *p.nurse
	leaf.OCSPServer = []string{"http://evil.example.org/", "http://ocsp.example.org/a"}
	for want, cfg := range map[string]Config{
		"":                          {},
		"http://ocsp.example.org/a": {Allowed: []string{"http://ocsp.example.org/"}},
		"http://x.example.org/":     {Allowed: []string{"http://ocsp.example.org/"}, Responder: "http://x.example.org/"},
	} {
		if got := open(t, p, cfg).responderOf(&leaf); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A question does not outlive its registry.
func TestCloseWhileAsking(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, d *diary) {
		w.answer(askPage, hang)
		w.answer(listPage, hang)
		r := open(t, p, Config{Responder: askURL, Lists: []string{listURL}, Dial: w.dial, OnChange: d.add})
		go func() { _ = r.Check(context.Background(), p.chain(p.nurse)) }()
		synctest.Wait()
		began := time.Now()
		r.Close()
		if waited := time.Since(began); waited != 0 {
			t.Errorf("Close waited %v", waited)
		}
		if n, c := d.last(); n != 0 {
			t.Errorf("the end of the server is told as a fault: %+v", c)
		}
		expect(t, r, "after the end", p.chain(p.doctor), "unknown")
	})
}

// A staple is kept fresh; one that ends is taken away, and so is one whose
// certificate was withdrawn.
func TestStapler(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, d *diary) {
		asked := must(certs.NewAuthority("servers", time.Now(), certs.Options{OCSP: askURL}))
		leaf := must(asked.Server([]string{"radius.northbridge.nhs.uk"}, certs.Options{})).Certificate.Leaf
		var mu sync.Mutex
		var all [][]byte
		shown := func() [][]byte { mu.Lock(); defer mu.Unlock(); return slices.Clone(all) }
		w.respond(askPage, saying(asked, ocsp.Good, 4*time.Hour))
		s := NewStapler(StaplerConfig{Certificate: leaf, Issuer: asked.Certificate(), Dial: w.dial, OnChange: d.add,
			OnStaple: func(b []byte) { mu.Lock(); defer mu.Unlock(); all = append(all, b) }})
		defer s.Close()
		s.Ready(t.Context())
		synctest.Wait()
		if len(shown()) != 1 || must(ocsp.ParseResponse(shown()[0], asked.Certificate())).Status != ocsp.Good {
			t.Fatalf("%d staples", len(shown()))
		}
		pass(2*time.Hour + time.Minute)
		if len(shown()) != 2 {
			t.Errorf("%d staples after two hours", len(shown()))
		}
		w.answer(askPage, nil)
		pass(3 * time.Hour)
		if n, c := d.last(); len(shown()) != 2 || n != 1 || c.Good {
			t.Errorf("%d staples while the last is good, %d changes: %+v", len(shown()), n, c)
		}
		pass(2 * time.Hour)
		if len(shown()) != 3 || shown()[2] != nil {
			t.Errorf("%d staples after its end", len(shown()))
		}
		w.respond(askPage, saying(asked, ocsp.Good, 4*time.Hour))
		pass(2 * time.Minute)
		if n, c := d.last(); len(shown()) != 4 || shown()[3] == nil || n != 2 || !c.Good {
			t.Errorf("%d staples, %d changes: %+v", len(shown()), n, c)
		}
		w.respond(askPage, saying(asked, ocsp.Revoked, 4*time.Hour))
		pass(3 * time.Hour)
		if n, c := d.last(); len(shown()) != 5 || shown()[4] != nil || n != 3 || !strings.Contains(c.Why, "our certificate radius.northbridge.nhs.uk was withdrawn") {
			t.Errorf("%d staples, %d changes: %+v", len(shown()), n, c)
		}
	})
}
