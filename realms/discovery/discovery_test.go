package discovery

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Holds R33: from a realm by NAPTR, SRV, A and AAAA to addresses, best first, with the
// names for the check of the certificate, for as long as the smallest TTL.
func TestR33FromRealmToAddresses(t *testing.T) {
	z := newZone(t, camford...)
	r, clock := z.resolver()
	a, err := find(r, "Camford.AC.uk")
	if err != nil {
		t.Fatal(err)
	}
	want := "roam1.example.net 198.51.100.11:2083, roam1.example.net [2001:db8::11]:2083, roam2.example.net 198.51.100.12:12083"
	if got := places(a); got != want || a.Realm != "camford.ac.uk" || len(a.Refused) != 0 {
		t.Errorf("%s: %s, refused %v", a.Realm, got, a.Refused)
	}
	if held := a.Until.Sub(clock.now()); held != 900*time.Second {
		t.Errorf("it holds for %s", held)
	}
	if c := r.Counts(); c.Lookups != 1 || c.Found != 1 || c.Questions != 6 || c.Cached != 1 || c.Pending != 0 || c.Partial != 0 {
		t.Errorf("%+v", c)
	}
}

// Holds R33: a realm that is not on the list costs no question.
func TestR33TheListComesFirst(t *testing.T) {
	z := newZone(t, camford...)
	r, _ := z.resolver(func(c *Config) { c.Realms = []string{"Camford.ac.uk", "*.edu", "*.sub.example.net"} })
	for realm, want := range map[string]error{
		"camford.ac.uk": nil, "CAMFORD.ac.uk": nil,
		"oxbridge.edu": ErrNone, "a.b.oxbridge.edu": ErrNone, "x.sub.example.net": ErrNone,
		"x.camford.ac.uk": ErrNotListed, "ac.uk": ErrNotListed, "xcamford.ac.uk": ErrNotListed, "sub.example.net": ErrNotListed,
		"edu.example.org": ErrNotListed, "camford.ac.uk.example.org": ErrNotListed, "example.xedu": ErrNotListed,
		"edu": ErrRealm, "": ErrRealm, ".edu": ErrRealm, "a..edu": ErrRealm, "a.edu.": ErrRealm, "-a.edu": ErrRealm, "a_b.edu": ErrRealm,
		"a b.edu": ErrRealm, "a\x00.edu": ErrRealm, `a\.edu`: ErrRealm, "bücher.edu": ErrRealm, "*.edu": ErrRealm,
		strings.Repeat("a.", 130) + "edu": ErrRealm, strings.Repeat("a", 64) + ".edu": ErrRealm,
	} {
		before := z.total()
		_, err := find(r, realm)
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%.40q: %v, want %v", realm, err, want)
		}
		if asked := z.total() - before; asked != 0 && (errors.Is(want, ErrNotListed) || errors.Is(want, ErrRealm)) {
			t.Errorf("%.40q: DNS was asked %d times", realm, asked)
		}
	}
	if c := r.Counts(); c.NotListed != 7 {
		t.Errorf("not listed: %d", c.NotListed)
	}
}

// Holds R33: TTLs are obeyed, between a floor of a minute and a ceiling of a day.
func TestR33TTLs(t *testing.T) {
	for _, tt := range []struct {
		naptr, srv, a uint32
		want          time.Duration
	}{
		{3600, 1800, 900, 900 * time.Second},
		{600, 1800, 900, 600 * time.Second},
		{3600, 300, 900, 300 * time.Second},
		{3600, 5, 900, time.Minute},
		{3600, 1800, 0, time.Minute},
		{3600, 1800, 1<<31 + 5, time.Minute}, // RFC 2181, section 8
		{1 << 30, 1 << 30, 1 << 30, 24 * time.Hour},
	} {
		z := newZone(t,
			fmt.Sprintf(`camford.ac.uk. %d IN NAPTR 1 1 "s" "x-eduroam:radius.tls" "" _r._tcp.camford.ac.uk.`, tt.naptr),
			fmt.Sprintf(`_r._tcp.camford.ac.uk. %d IN SRV 1 1 2083 r.camford.ac.uk.`, tt.srv),
			fmt.Sprintf(`r.camford.ac.uk. %d IN A 192.0.2.1`, tt.a))
		r, clock := z.resolver()
		a, err := find(r, "camford.ac.uk")
		if err != nil || a.Until.Sub(clock.now()) != tt.want {
			t.Errorf("%d, %d, %d: %s, %v", tt.naptr, tt.srv, tt.a, a.Until.Sub(clock.now()), err)
			continue
		}
		clock.pass(tt.want - 1)
		if _, err := find(r, "camford.ac.uk"); err != nil || z.count("camford.ac.uk. NAPTR") != 1 || r.Counts().Hits != 1 {
			t.Errorf("%s: asked again too early: %v", tt.want, err)
		}
		clock.pass(1)
		if _, err := find(r, "camford.ac.uk"); err != nil || z.count("camford.ac.uk. NAPTR") != 2 || z.count("r.camford.ac.uk. A") != 2 {
			t.Errorf("%s: not asked again: %v", tt.want, err)
		}
	}
}

// Holds R33: that there is nothing is remembered too, as the zone says and within
// bounds; that nobody answered, for a minute; what was refused, for ten.
func TestR33NegativeAnswersAreRemembered(t *testing.T) {
	soa := func(ttl, minimum int) string {
		return fmt.Sprintf("ac.uk. %d IN SOA ns.ac.uk. root.ac.uk. 1 2 3 4 %d", ttl, minimum)
	}
	for _, tt := range []struct {
		name, soa string
		records   []string
		odd       func(z *zone) func(dns.ResponseWriter, *dns.Msg)
		reason    Reason
		want      time.Duration
	}{
		{name: "no such name", soa: soa(3600, 300), reason: ErrNone, want: 300 * time.Second},
		{name: "the record's own TTL is smaller", soa: soa(200, 300), reason: ErrNone, want: 200 * time.Second},
		{name: "no such records", soa: soa(3600, 300), records: []string{"camford.ac.uk. 60 IN A 192.0.2.1"}, reason: ErrNone, want: 300 * time.Second},
		{name: "too short", soa: soa(3600, 0), reason: ErrNone, want: time.Minute},
		{name: "too long", soa: soa(86400, 86400), reason: ErrNone, want: time.Hour},
		{name: "no time is said", reason: ErrNone, want: 10 * time.Minute},
		{name: "another zone's time", soa: "example.net. 3600 IN SOA ns.ac.uk. root.ac.uk. 1 2 3 4 300", reason: ErrNone, want: 10 * time.Minute},
		{name: "other services", soa: soa(3600, 300), records: []string{`camford.ac.uk. 60 IN NAPTR 1 1 "s" "SIP+D2T" "" _sip._tcp.camford.ac.uk.`}, reason: ErrNone, want: 10 * time.Minute},
		{name: "the service is decidedly not there", soa: soa(3600, 300), records: []string{camford[0], "_radsec._tcp.roam.example.net. 120 IN SRV 0 0 0 ."}, reason: ErrNone, want: 2 * time.Minute},
		{name: "a host without addresses", soa: soa(3600, 300), records: camford[:2], reason: ErrNone, want: 10 * time.Minute},
		{name: "SERVFAIL", odd: func(z *zone) func(dns.ResponseWriter, *dns.Msg) {
			return func(w dns.ResponseWriter, q *dns.Msg) {
				m := new(dns.Msg)
				z.say(w, m.SetRcode(q, dns.RcodeServerFailure))
			}
		}, reason: ErrSilent, want: time.Minute},
		{name: "refused", records: append(slices.Clone(camford[:2]), "roam1.example.net. 60 IN A 10.0.0.1"), reason: ErrAddress, want: 10 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			z := newZone(t, tt.records...)
			z.behave(tt.soa, false)
			if tt.odd != nil {
				z.on("camford.ac.uk. NAPTR", tt.odd(z))
			}
			r, clock := z.resolver()
			if _, err := find(r, "camford.ac.uk"); !errors.Is(err, tt.reason) {
				t.Fatal(err)
			}
			clock.pass(tt.want - 1)
			if _, err := find(r, "camford.ac.uk"); !errors.Is(err, tt.reason) || z.count("camford.ac.uk. NAPTR") != 1 {
				t.Errorf("asked again too early: %v", err)
			}
			clock.pass(1)
			z.on("camford.ac.uk. NAPTR", nil)
			z.clear("_radsec._tcp.roam.example.net. SRV")
			z.clear("roam1.example.net. A")
			z.clear("camford.ac.uk. NAPTR")
			z.add(camford...)
			if a, err := find(r, "camford.ac.uk"); err != nil || len(a.Targets) != 3 {
				t.Errorf("after its time: %v, %v", a.Targets, err)
			}
		})
	}
}

// Everybody who asks for a realm while it is being looked up gets the one answer, and
// whoever will not wait goes without ending it for the others.
func TestOneLookupForAll(t *testing.T) {
	z := newZone(t, camford...)
	going, goOn := make(chan struct{}), make(chan struct{})
	z.on("camford.ac.uk. NAPTR", func(w dns.ResponseWriter, q *dns.Msg) {
		close(going)
		<-goOn
		z.say(w, z.reply(q))
	})
	r, _ := z.resolver()
	ctx, leave := context.WithCancel(context.Background())
	left := make(chan error, 1)
	go func() {
		_, err := r.Find(ctx, "camford.ac.uk")
		left <- err
	}()
	<-going
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("whoever left: %v", err)
	}
	if _, err := r.Find(ctx, "camford.ac.uk"); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever had left before: %v", err)
	}
	if _, err := r.Find(ctx, "other.ac.uk"); !errors.Is(err, context.Canceled) || z.count("other.ac.uk. NAPTR") != 0 {
		t.Errorf("whoever had left before, of another realm: %v", err)
	}
	const others = 50
	var all sync.WaitGroup
	for range others {
		all.Go(func() {
			if a, err := find(r, "camford.ac.uk"); err != nil || len(a.Targets) != 3 {
				t.Errorf("%v, %v", a.Targets, err)
			}
		})
	}
	for r.Counts().Shared < others && !t.Failed() {
		runtime.Gosched()
	}
	close(goOn)
	all.Wait()
	if c := r.Counts(); z.count("camford.ac.uk. NAPTR") != 1 || c.Lookups != 1 || c.Shared != others {
		t.Errorf("%d lookups: %+v", z.count("camford.ac.uk. NAPTR"), c)
	}
	// Nobody can change what the others get.
	a, _ := find(r, "camford.ac.uk")
	a.Targets[0].Host = "evil.example.net"
	if b, _ := find(r, "camford.ac.uk"); b.Targets[0].Host != "roam1.example.net" {
		t.Error("an answer is shared")
	}
}

// The number of lookups under way is bounded, and so is what is remembered.
func TestBounds(t *testing.T) {
	z := newZone(t, camford...)
	r, clock := z.resolver(func(c *Config) { c.Lookups, c.Cache = 2, 3 })
	goOn := make(chan struct{})
	wait := func(w dns.ResponseWriter, q *dns.Msg) {
		<-goOn
		z.say(w, z.reply(q))
	}
	z.on("slow1.ac.uk. NAPTR", wait)
	z.on("slow2.ac.uk. NAPTR", wait)
	var two sync.WaitGroup
	for _, realm := range []string{"slow1.ac.uk", "slow2.ac.uk"} {
		two.Go(func() {
			if _, err := find(r, realm); !errors.Is(err, ErrNone) {
				t.Errorf("%s: %v", realm, err)
			}
		})
	}
	for r.Counts().Pending < 2 && !t.Failed() {
		runtime.Gosched()
	}
	if _, err := find(r, "camford.ac.uk"); !errors.Is(err, ErrBusy) || z.count("camford.ac.uk. NAPTR") != 0 {
		t.Errorf("a third: %v", err)
	}
	close(goOn)
	two.Wait()
	// Three fit, and realms without servers go first.
	for i, realm := range []string{"camford.ac.uk", "a.ac.uk", "b.ac.uk", "c.ac.uk"} {
		if _, err := find(r, realm); i > 0 && !errors.Is(err, ErrNone) || i == 0 && err != nil {
			t.Errorf("%s: %v", realm, err)
		}
	}
	if c := r.Counts(); c.Cached != 3 || c.Evicted != 3 || c.Busy != 1 {
		t.Errorf("%+v", c)
	}
	if _, err := find(r, "camford.ac.uk"); err != nil || z.count("camford.ac.uk. NAPTR") != 1 {
		t.Errorf("a realm with servers was forgotten for made-up ones: %v", err)
	}
	// What holds no longer goes without being counted.
	clock.pass(24 * time.Hour)
	if _, err := find(r, "d.ac.uk"); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if c := r.Counts(); c.Cached != 1 || c.Evicted != 3 {
		t.Errorf("a day later: %+v", c)
	}
}

// Close ends a lookup that hangs, and what is asked later.
func TestClose(t *testing.T) {
	z := newZone(t)
	going := make(chan struct{})
	z.on("camford.ac.uk. NAPTR", func(dns.ResponseWriter, *dns.Msg) { close(going) })
	r, _ := z.resolver(func(c *Config) { c.Timeout, c.Patience = time.Hour, time.Hour })
	waited := make(chan error, 1)
	go func() {
		_, err := find(r, "camford.ac.uk")
		waited <- err
	}()
	<-going
	r.Close()
	if err := <-waited; !errors.Is(err, ErrSilent) {
		t.Error(err)
	}
	if _, err := find(r, "oxbridge.ac.uk"); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// A configuration that would do something else than it seems to is refused.
func TestConfig(t *testing.T) {
	for _, tt := range []struct {
		config Config
		want   string
	}{
		{Config{}, "name those that may be looked up"},
		{Config{Realms: []string{"*"}}, `"*" is neither`},
		{Config{Realms: []string{"*."}}, `"*." is neither`},
		{Config{Realms: []string{"uk"}}, `"uk" is neither`},
		{Config{Realms: []string{"a.*.uk"}}, "is neither"},
		{Config{Realms: []string{"*ac.uk"}}, "is neither"},
		{Config{Realms: []string{"ac.uk."}}, "is neither"},
		{Config{Realms: []string{"*.uk"}, Services: []string{"radius"}}, `"radius" is not a service`},
		{Config{Realms: []string{"*.uk"}, Services: []string{"a:b:c"}}, "is not a service"},
		{Config{Realms: []string{"*.uk"}, Services: []string{"aaa+auth:radius.dtls.udp"}}, "is not over TLS"},
		{Config{Realms: []string{"*.uk"}, Resolvers: []string{"dns.example.net"}}, "is not an IP address"},
		{Config{Realms: []string{"*.uk"}, Resolvers: []string{"192.0.2.1:0"}}, "is not an IP address"},
	} {
		if _, err := New(tt.config); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt.config, err)
		}
	}
	for text, want := range map[string]string{
		"192.0.2.53": "192.0.2.53:53", "192.0.2.53:5353": "192.0.2.53:5353", "2001:db8::53": "[2001:db8::53]:53",
		"[2001:db8::53]": "[2001:db8::53]:53", "[2001:db8::53]:5353": "[2001:db8::53]:5353",
	} {
		if a, err := ParseResolver(text); err != nil || a.String() != want {
			t.Errorf("%s: %s, %v", text, a, err)
		}
	}
}

// Every reason stands in the documentation in its own words, and no other does.
func TestEveryReasonIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/discovery.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("reasons.go")
	if err != nil {
		t.Fatal(err)
	}
	var reasons, rows []string
	for _, m := range regexp.MustCompile(`(?m)^(?:const|\t)\s*Err\w+\s+Reason = "(.*)"$`).FindAllSubmatch(source, -1) {
		reasons = append(reasons, string(m[1]))
	}
	_, table, _ := strings.Cut(string(page), "## What is refused")
	for _, m := range regexp.MustCompile("(?m)^\\| `(.*?)` \\|").FindAllStringSubmatch(table, -1) {
		rows = append(rows, m[1])
	}
	if slices.Sort(reasons); len(reasons) < 15 || !slices.Contains(reasons, string(ErrNone)) || !slices.Contains(reasons, string(ErrLoop)) {
		t.Fatalf("the reasons are %q", reasons)
	}
	if slices.Sort(rows); !slices.Equal(rows, reasons) {
		t.Errorf("documented are\n%s\nthere are\n%s", strings.Join(rows, "\n"), strings.Join(reasons, "\n"))
	}
}
