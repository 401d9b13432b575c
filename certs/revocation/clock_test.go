package revocation

import (
	"crypto/x509"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"causeway/certs"
	"causeway/integration/wallclock"
)

// What was withdrawn follows the clock on the wall, of which certificates, lists and
// answers speak. A machine that has slept for a day finds them ended; the hours that its
// waits had still to go are no reason to be without a list, to believe an answer of
// yesterday or to show one to devices (F17).

// asleep is a clock that can be set on without any timer's knowledge. (In a test's own
// time there are no monotonic readings.)
func asleep() (now func() time.Time, sleep func(time.Duration)) {
	var wall atomic.Int64
	return func() time.Time { return time.Now().Add(time.Duration(wall.Load())) },
		func(d time.Duration) { wall.Add(int64(d)) }
}

func TestF17AListThatEndedInSleepIsFetched(t *testing.T) {
	inTime(t, func(t *testing.T, p *pki, w *web, d *diary) {
		now, sleep := asleep()
		w.put(listPage, listUntil(p.root, now().Add(24*time.Hour)))
		r := open(t, p, Config{Lists: []string{listURL}, Dial: w.dial, OnChange: d.add, Now: now, Refresh: 12 * time.Hour})
		r.Ready(t.Context())
		expect(t, r, "fetched", p.chain(p.nurse), "good")
		w.put(listPage, listUntil(p.root, now().Add(48*time.Hour)))
		sleep(25 * time.Hour)
		expect(t, r, "by the wall it has ended", p.chain(p.nurse), "unknown")
		pass(2 * time.Minute)
		expect(t, r, "the next is there within two minutes", p.chain(p.nurse), "good")
		if n := w.times(listPage); n != 2 {
			t.Errorf("asked %d times", n)
		}
		sleep(-25 * time.Hour)
		expect(t, r, "set back, the list is good still", p.chain(p.nurse), "good")
	})
}

func TestF17AnAnswerThatEndedInSleepIsAskedAnew(t *testing.T) {
	p, w := newPKI(), newWeb(t)
	var wall atomic.Int64
	now := func() time.Time { return wallclock.Stepped(time.Now(), time.Duration(wall.Load())) }
	w.respond(askPage, saying(p.root, ocsp.Good, 2*time.Hour))
	r := open(t, p, Config{Responder: askURL, Dial: w.dial, Refresh: time.Hour, Now: now})
	expect(t, r, "at first", p.chain(p.nurse), "good")
	w.respond(askPage, saying(p.root, ocsp.Revoked, 24*time.Hour))
	expect(t, r, "as long as it is good", p.chain(p.nurse), "good")
	wall.Store(int64(3 * time.Hour))
	expect(t, r, "by the wall it has ended", p.chain(p.nurse), "withdrawn")
}

func TestF17AStapleThatEndedInSleepIsReplaced(t *testing.T) {
	inTime(t, func(t *testing.T, _ *pki, w *web, d *diary) {
		now, sleep := asleep()
		asked := must(certs.NewAuthority("servers", time.Now(), certs.Options{OCSP: askURL}))
		leaf := must(asked.Server([]string{"radius.northbridge.nhs.uk"}, certs.Options{})).Certificate.Leaf
		var mu sync.Mutex
		var all [][]byte
		shown := func() [][]byte { mu.Lock(); defer mu.Unlock(); return slices.Clone(all) }
		w.respond(askPage, saying(asked, ocsp.Good, 24*time.Hour))
		s := NewStapler(StaplerConfig{Certificate: leaf, Issuer: asked.Certificate(), Dial: w.dial, OnChange: d.add, Now: now,
			OnStaple: func(b []byte) { mu.Lock(); defer mu.Unlock(); all = append(all, b) }})
		defer s.Close()
		s.Ready(t.Context())
		pass(0)
		sleep(25 * time.Hour)
		w.respond(askPage, saying(asked, ocsp.Good, 48*time.Hour))
		pass(2 * time.Minute)
		if len(shown()) != 2 || shown()[1] == nil {
			t.Errorf("%d staples two minutes after the first has ended", len(shown()))
		}
	})
}

func listUntil(a *certs.Authority, next time.Time) []byte {
	return crl(a, func(l *x509.RevocationList) { l.ThisUpdate, l.NextUpdate = time.Now(), next })
}
