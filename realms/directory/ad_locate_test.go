package directory_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"causeway/realms"
	"causeway/realms/directory"
)

// A zone answers for DNS as a test tells it.
type zone struct {
	mu      sync.Mutex
	records []*net.SRV
	err     error
	silent  bool
	asked   []string
}

func (z *zone) lookup(ctx context.Context, service, proto, name string) (string, []*net.SRV, error) {
	z.mu.Lock()
	z.asked = append(z.asked, "_"+service+"._"+proto+"."+name)
	records, err, silent := z.records, z.err, z.silent
	z.mu.Unlock()
	if silent {
		<-ctx.Done()
		return "", nil, ctx.Err()
	}
	return "", records, err
}

func (z *zone) say(err error, hosts ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.err, z.records, z.silent = err, nil, false
	for _, host := range hosts {
		z.records = append(z.records, &net.SRV{Target: host + ".", Port: 389})
	}
}

func (z *zone) hush() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.silent = true
}

func (z *zone) times() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return len(z.asked)
}

// Domain controllers are found in DNS, and followed as they come and go; DNS that
// fails later takes nobody away.
func TestADFindsItsControllers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &zone{}
		hosts := map[string]*pretender{"dc1.northbridge.nhs.uk": newPretender(), "dc2.northbridge.nhs.uk": newPretender(), "dc3.northbridge.nhs.uk": newPretender()}
		cfg := adOfPretenders(t, hosts)
		cfg.Attempt, cfg.Total, cfg.Retry, cfg.LookupSRV = 0, 0, 0, dns.lookup
		a := newAD(t, cfg)
		defer a.Close()
		logons := func() (counts [3]int64) {
			for i, host := range []string{"dc1", "dc2", "dc3"} {
				counts[i] = hosts[host+".northbridge.nhs.uk"].logons.Load()
			}
			return counts
		}

		dns.say(nil)
		err := logOn(t.Context(), a)
		if !errors.Is(err, realms.ErrUnreachable) || !strings.Contains(err.Error(), "_ldap._tcp.dc._msdcs.northbridge.nhs.uk") {
			t.Errorf("with no records: %v", err)
		}
		for range 10 { // it is not asked for everybody
			_ = logOn(t.Context(), a)
		}
		if n := dns.times(); n != 1 {
			t.Errorf("DNS was asked %d times", n)
		}
		dns.hush()
		time.Sleep(5 * time.Second)
		began := time.Now()
		if err := logOn(t.Context(), a); !errors.Is(err, realms.ErrUnreachable) || time.Since(began) > 5*time.Second {
			t.Errorf("with silent DNS: %v after %v", err, time.Since(began))
		}
		time.Sleep(5 * time.Second)
		dns.say(nil, "DC2.northbridge.nhs.uk", "dc1.northbridge.nhs.uk")
		many(t, 5, func() error { return logOn(t.Context(), a) })
		if got := logons(); got != [3]int64{0, 5, 0} {
			t.Errorf("log-ons %v: the first in DNS is asked", got)
		}

		// DNS shuffles; whoever is asked stays the same.
		dns.say(nil, "dc1.northbridge.nhs.uk", "dc3.northbridge.nhs.uk", "dc2.northbridge.nhs.uk")
		time.Sleep(6 * time.Minute)
		_ = logOn(t.Context(), a)
		synctest.Wait()
		many(t, 5, func() error { return logOn(t.Context(), a) })
		if got := logons(); got != [3]int64{0, 11, 0} {
			t.Errorf("log-ons %v after it was shuffled", got)
		}

		// One goes, and its connections with it.
		dns.say(nil, "dc3.northbridge.nhs.uk", "dc1.northbridge.nhs.uk")
		time.Sleep(6 * time.Minute)
		_ = logOn(t.Context(), a) // asks DNS beside it
		synctest.Wait()
		before := logons()
		many(t, 5, func() error { return logOn(t.Context(), a) })
		synctest.Wait()
		if got := logons(); got[1] != before[1] || got[0] != before[0]+5 || hosts["dc2.northbridge.nhs.uk"].open.Load() != 0 {
			t.Errorf("log-ons %v after %v; %d channels to who has gone", got, before, hosts["dc2.northbridge.nhs.uk"].open.Load())
		}

		// DNS fails: those whom it named are still there.
		dns.say(errors.New("server misbehaving"))
		time.Sleep(time.Hour)
		many(t, 5, func() error { return logOn(t.Context(), a) })
		dns.hush()
		time.Sleep(time.Hour)
		began = time.Now()
		many(t, 5, func() error { return logOn(t.Context(), a) })
		if took := time.Since(began); took > time.Second {
			t.Errorf("log-ons wait %v for DNS", took)
		}
		time.Sleep(10 * time.Second) // the last look ends
	})
}

// Whatever DNS says, nothing but a host is made of it.
func TestADOddRecords(t *testing.T) {
	dns := &zone{}
	cfg := adOfPretenders(t, map[string]*pretender{"dc1": newPretender()})
	cfg.LookupSRV = dns.lookup
	for _, records := range [][]*net.SRV{
		{{Target: "."}}, {{Target: ""}}, {{Target: "dc9/../x."}}, {{Target: "user@dc9."}}, {{Target: "a b."}}, {{Target: "%zz."}},
	} {
		dns.records = records
		a, err := directory.NewAD(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := logOn(t.Context(), a); !errors.Is(err, realms.ErrUnreachable) && !errors.Is(err, realms.ErrMisconfigured) {
			t.Errorf("%q: %v", records[0].Target, err)
		}
		a.Close()
	}
	dns.records = []*net.SRV{{Target: "%zz."}, {Target: "dc1."}}
	if err := logOn(t.Context(), newAD(t, cfg)); err != nil {
		t.Errorf("one odd record beside a good one: %v", err)
	}
}

// Who forges DNS's answers is not given passwords for having a host of their own with a
// good certificate of any authority of the world: without an authority of the
// configuration, domain controllers are below the domain.
func TestADFindsNoStrangers(t *testing.T) {
	strangers := []string{"dc1.example.org", "northbridge.nhs.uk.example.org", "evilnorthbridge.nhs.uk", "northbridge.nhs.uk"}
	for what, x := range map[string]struct {
		change func(cfg *directory.ADConfig)
		hosts  []string
		dials  string
	}{
		"strangers alone":      {func(cfg *directory.ADConfig) { cfg.Roots, cfg.ServerName = nil, "" }, strangers, ""},
		"one among strangers":  {func(cfg *directory.ADConfig) { cfg.Roots, cfg.ServerName = nil, "" }, append([]string{"DC2.northbridge.nhs.uk"}, strangers...), "dc2.northbridge.nhs.uk"},
		"a configured name":    {func(cfg *directory.ADConfig) { cfg.Roots = nil }, strangers[:1], "dc1.example.org"},
		"an authority of ours": {func(cfg *directory.ADConfig) { cfg.ServerName = "" }, strangers[:1], "dc1.example.org"},
	} {
		dns := &zone{}
		dns.say(nil, x.hosts...)
		cfg := adOfPretenders(t, nil)
		var mu sync.Mutex
		dialled := map[string]bool{}
		cfg.LookupSRV = dns.lookup
		cfg.Dial = func(_ context.Context, address string) (net.Conn, error) {
			host, _, _ := net.SplitHostPort(address)
			mu.Lock()
			defer mu.Unlock()
			dialled[host] = true
			return nil, errors.New("nobody is there")
		}
		x.change(&cfg)
		a := newAD(t, cfg)
		err := logOn(t.Context(), a)
		if !errors.Is(err, realms.ErrUnreachable) || x.dials == "" && !strings.Contains(err.Error(), "is not below northbridge.nhs.uk") {
			t.Errorf("%s: %v", what, err)
		}
		a.Close()
		mu.Lock()
		if len(dialled) > 1 || (x.dials != "") != dialled[x.dials] {
			t.Errorf("%s: it connects to %v", what, dialled)
		}
		mu.Unlock()
	}
}
