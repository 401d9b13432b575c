package vlan

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Random cases are worth as much as what they come to. A reach counts it, and fails the
// test when something that a file or a request can say is hardly ever what decides.

// inFiles judges so many random files, several at once. Each has dice of its own, thrown
// from the test's number and the file's: what fails once fails again.
func inFiles(t *testing.T, test uint64, files int, judge func(dice) error) {
	t.Helper()
	var next atomic.Int64
	var crew sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		crew.Go(func() {
			for !t.Failed() {
				n := next.Add(1) - 1
				if n >= int64(files) {
					return
				}
				if err := judge(dice{rand.New(rand.NewPCG(test, uint64(n)))}); err != nil { //nolint:gosec // a test
					t.Errorf("file %d: %v", n, err)
				}
			}
		})
	}
	crew.Wait()
}

// A reach counts cases by what they came to.
type reach struct {
	mu    sync.Mutex
	cases int
	by    map[string]int
}

func (r *reach) note(what string) {
	if r.by == nil {
		r.by = map[string]int{}
	}
	r.by[what]++
}

func (r *reach) add(other *reach) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[string]int{}
	}
	r.cases += other.cases
	for what, n := range other.by {
		r.by[what] += n
	}
}

// each is what cases have to come to, and how many of a hundred thousand at least.
var each = map[string]int{
	// Every end there is.
	"placed": 6000, "nothing told, elsewhere": 700, "nothing told, at the edge": 1000,
	string(ErrNoRule): 22500, string(ErrGroupsUnknown): 300, string(ErrMethodUnknown): 500, string(ErrDeviceUnknown): 150, string(ErrCertificateUnknown): 150,
	string(ErrUserUnknown): 90, string(ErrOperatorUnknown): 70, string(ErrRoamingRefused): 1000, string(ErrSSIDMissing): 150, string(ErrSSIDUnknown): 350,
	string(ErrSiteUnknown): 550, string(ErrControllerUnknown): 200, string(ErrRealmMalformed): 650, string(ErrRealmMisplaced): 3000, string(ErrProxyLoop): 4500,
	string(ErrAgreementExpired): 4500, string(ErrZoneGuard): 1500,
	// What the gate of a decision refuses, of files that no proof lets in.
	"two zones have the number": 850, "a visitor, a trusted zone": 400, "a guarantee": 400,
	// Whom the rule that decided was for, and what it asked.
	"who own": 1000, "who visitor": 2500, "who @own realm": 450, "who @partner": 850, "who @other realm": 400, "who user": 200, "who by the directory's name": 15,
	"group": 450, "eap": 400, "site": 900, "device verified": 50, "device unverified": 60, "issuer": 30, "policy": 50, "a later rule": 3500,
	// Where it led.
	"a number of a pool": 1000, "a pool's lowest, for no address": 550, "a number of the site": 550, "a pool of the site": 250, "behind another site's controller": 350,
	"under an agreement": 1500, "under one that has begun": 550, "on its last day": 450, "a controller that falls back": 1000,
	// Elsewhere.
	"let in by a rule": 250, "let in below *.nhs.uk": 100, "let in where it is named": 15, "let in without rules": 450, "refused by a rule": 250,
}

// judge holds the counts against what they have to be.
func (r *reach) judge(t *testing.T, cases int) {
	t.Helper()
	if r.cases != cases {
		t.Errorf("%d cases of %d were judged", r.cases, cases)
	}
	for what, share := range each {
		least := cases * share / 100_000
		if cases < 100_000 { // what is rare is rarer still in few
			least /= 2
		}
		if least = max(1, least); r.by[what] < least {
			t.Errorf("%d of %d cases came to %q, which is less than %d: they are too tame", r.by[what], cases, what, least)
		}
	}
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(r.by)) {
		fmt.Fprintf(&b, "%10d  %7.3f %%  %s\n", r.by[what], 100*float64(r.by[what])/float64(cases), what)
	}
	t.Logf("%d cases came to\n%s", cases, b.String())
}

// count notes what one case came to.
func (r *reach) count(cfg *Config, f *Facts, a *Assignment, err error) {
	r.cases++
	if err != nil {
		r.countRefusal(f, err)
		return
	}
	if a.state == noPlacement {
		r.countElsewhere(cfg, f, a)
		return
	}
	r.note("placed")
	r.countRule(cfg, f, a)
	r.countPlace(cfg, f, a)
}

func (r *reach) countRefusal(f *Facts, err error) {
	var reason Reason
	errors.As(err, &reason)
	r.note(string(reason))
	switch text := err.Error(); {
	case reason == ErrRoamingRefused && strings.HasPrefix(text, "roaming rule"):
		r.note("refused by a rule")
	case reason != ErrZoneGuard:
	case strings.Contains(text, "is not zone"):
		r.note("two zones have the number")
	case strings.Contains(text, "a visitor was about"):
		r.note("a visitor, a trusted zone")
	case strings.HasPrefix(text, "guarantee"):
		r.note("a guarantee")
	}
}

func (r *reach) countElsewhere(cfg *Config, f *Facts, a *Assignment) {
	switch {
	case f.ByEdge:
		r.note("nothing told, at the edge")
		return
	case a.rule == nil:
		r.note("let in without rules")
	default:
		r.note("let in by a rule")
		if operator := cfg.Roaming[a.rule.number-1].Operator; strings.HasPrefix(operator, "*") {
			r.note("let in below *.nhs.uk")
		} else if operator != "" {
			r.note("let in where it is named")
		}
	}
	r.note("nothing told, elsewhere")
}

func (r *reach) countRule(cfg *Config, f *Facts, a *Assignment) {
	rule := a.rule.source
	user, domain, named := strings.Cut(rule.Who, "@")
	switch {
	case !named:
		r.note("who " + rule.Who)
	case user != "":
		r.note("who user")
		if !strings.EqualFold(user, f.User) {
			r.note("who by the directory's name")
		}
	case slices.Contains(cfg.Own, domain):
		r.note("who @own realm")
	case slices.Contains(cfg.Partners, domain):
		r.note("who @partner")
	default:
		r.note("who @other realm")
	}
	for _, c := range []struct{ asked, what string }{{rule.Group, "group"}, {rule.EAP, "eap"}, {rule.Site, "site"}, {rule.Issuer, "issuer"}, {rule.Policy, "policy"}} {
		if c.asked != "" {
			r.note(c.what)
		}
	}
	if rule.Device != "" {
		r.note("device " + rule.Device)
	}
	if a.rule.number > 1 {
		r.note("a later rule")
	}
}

func (r *reach) countPlace(cfg *Config, f *Facts, a *Assignment) {
	site := cfg.Sites[a.site.position]
	switch _, own := site.VLAN[a.network.name]; {
	case own:
		r.note("a number of the site")
	case len(site.Local[a.network.name].Pool) > 0:
		r.note("a pool of the site")
		fallthrough
	case len(a.terms.pool) > 0:
		if r.note("a number of a pool"); !IsMAC(f.MAC) {
			r.note("a pool's lowest, for no address")
		}
	}
	if !slices.ContainsFunc(site.Controllers, func(c Controller) bool { return c.Name == a.nas.name }) {
		r.note("behind another site's controller")
	}
	if a.nas.fallback != nil {
		r.note("a controller that falls back")
	}
	if site.Agreement == nil {
		return
	}
	r.note("under an agreement")
	if !site.Agreement.From.IsZero() {
		r.note("under one that has begun")
	}
	on := f.Time
	if on.IsZero() {
		on = cfg.Now()
	}
	if day(on) == day(site.Agreement.Until) {
		r.note("on its last day")
	}
}
