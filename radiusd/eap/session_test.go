package eap

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"layeh.com/radius"

	"causeway/certs"
	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// pages are records in a map.
type pages struct {
	mu   sync.Mutex
	at   map[string][]byte
	ttl  map[string]time.Duration
	away error // what every call says
	gets int
	puts int
}

func newPages() *pages { return &pages{at: map[string][]byte{}, ttl: map[string]time.Duration{}} }

func (p *pages) Get(_ context.Context, key string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gets++
	b, ok := p.at[key]
	if p.away != nil || !ok {
		return nil, errors.Join(p.away, errors.New("not there"))
	}
	return bytes.Clone(b), nil
}

func (p *pages) Put(_ context.Context, key string, value []byte, ttl time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.puts++
	if p.away == nil {
		p.at[key], p.ttl[key] = bytes.Clone(value), ttl
	}
	return p.away
}

func (p *pages) Delete(_ context.Context, key string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.at, key)
	return p.away
}

// A changing directory is one whose people move, leave and change passwords.
type changing struct {
	*memory
	groups      []string
	passwordSet string
	ends        time.Time
	name        string
	asked       int // look-ups
	down        bool
}

func (d *changing) Lookup(ctx context.Context, id realms.Identity) (realms.Account, error) {
	d.asked++
	if d.down {
		return realms.Account{}, realms.ErrUnreachable
	}
	account, err := d.memory.Lookup(ctx, id)
	account.Groups, account.PasswordSet, account.Ends = d.groups, d.passwordSet, d.ends
	if d.name != "" {
		account.Name = d.name
	}
	return account, err
}

func (d *changing) CheckPassword(ctx context.Context, id realms.Identity, password certs.Secret) (realms.Account, error) {
	if _, err := d.memory.CheckPassword(ctx, id, password); err != nil {
		return realms.Account{}, err
	}
	return d.Lookup(ctx, id)
}

func (d *changing) VerifyCHAP(ctx context.Context, id realms.Identity, ident byte, challenge, response []byte) (realms.Account, error) {
	if _, err := d.memory.VerifyCHAP(ctx, id, ident, challenge, response); err != nil {
		return realms.Account{}, err
	}
	return d.Lookup(ctx, id)
}

// A device is one that remembers sessions, in a house whose clock and directory a
// test moves.
type device struct {
	t         testing.TB
	server    *Server
	directory *changing
	records   *pages
	now       time.Time
	wallet    tls.ClientSessionCache
	version   uint16
	way       string
	ssid      string
	outer     string
	password  string
}

func newDevice(t testing.TB, version uint16, way string, change func(*Config)) *device {
	d := &device{
		t: t, directory: &changing{memory: newMemory(), groups: []string{"nurses"}, passwordSet: "1"}, records: newPages(), now: time.Now(),
		wallet: tls.NewLRUClientSessionCache(8), version: version, way: way, ssid: "NHS-Staff", outer: nobody, password: "correct horse",
	}
	d.server = serve(t, func(c *Config) {
		c.Directory, c.Now = d.directory, func() time.Time { return d.now }
		c.Resumption = Resumption{Records: d.records, Lifetime: 8 * time.Hour}
		if change != nil {
			change(c)
		}
	})
	return d
}

// meet begins a log-in.
func (d *device) meet(way string) *peer {
	p := meet(d.t, d.server, d.version, way, d.outer, amy, d.password)
	cfg := theWard().clientTLS(d.version, amy)
	cfg.ClientSessionCache = d.wallet
	cfg.Time = func() time.Time { return d.now }
	p.tls = packet.NewClient(cfg)
	d.t.Cleanup(p.tls.Close)
	p.conv = d.server.Open(realms.Question{From: must(realms.ParseIdentity(d.outer)), Packet: access(d.outer, nil, 0), SSID: d.ssid})
	return p
}

// login logs in and, when that is accepted, lets the server remember it.
func (d *device) login(way string) (realms.Answer, *peer, error) {
	d.t.Helper()
	p := d.meet(way)
	answer, err := p.login()
	if answer.Code == radius.CodeAccessAccept {
		p.conv.(realms.Rememberer).Remember(context.Background())
	}
	return answer, p, err
}

// logsIn is login that must be accepted, resumed or not.
func (d *device) logsIn(resumed bool) realms.Answer {
	d.t.Helper()
	answer, p, err := d.login(d.way)
	trace := p.conv.Trace()
	msk := must(p.tls.MSK(p.kind))
	if err != nil || answer.Code != radius.CodeAccessAccept || !bytes.Equal(answer.Keys.Recv, msk[:32]) || !bytes.Equal(answer.Keys.Send, msk[32:]) {
		d.t.Fatalf("%v, %v, %+v", answer.Code, err, trace)
	}
	if trace.Resumed != resumed || trace.Identity.String() != amy || trace.Stage != "accepted" || p.tls.State().DidResume != resumed {
		d.t.Fatalf("want resumed %v: %+v", resumed, trace)
	}
	return answer
}

func eachWay(t *testing.T, run func(t *testing.T, version uint16, way string)) {
	for _, way := range ways {
		for _, version := range versions {
			t.Run(way+"/"+tls.VersionName(version), func(t *testing.T) { run(t, version, way) })
		}
	}
}

// A session resumes again and again, and what the directory says is news each time.
// Eight hours after the full log-in that is over, whatever came since (P44).
func TestP44ResumesAgainAndAgain(t *testing.T) {
	eachWay(t, func(t *testing.T, version uint16, way string) {
		d := newDevice(t, version, way, nil)
		d.logsIn(false)
		for i := range 5 {
			d.now = d.now.Add(90 * time.Minute)
			d.directory.groups = []string{fmt.Sprint("ward ", i)}
			asked := d.directory.asked
			answer := d.logsIn(true)
			if d.directory.asked != asked+1 || answer.Account.Groups[0] != d.directory.groups[0] || answer.Account.Name != amy {
				t.Fatalf("asked %d times, account %+v", d.directory.asked-asked, answer.Account)
			}
		}
		if puts := map[uint16]int{tls.VersionTLS12: 1, tls.VersionTLS13: 6}[version]; d.records.puts != puts {
			t.Errorf("%d records were written, want %d", d.records.puts, puts)
		}
		if len(d.records.at) != 1 {
			t.Errorf("%d records are left of one device", len(d.records.at))
		}
		for _, ttl := range d.records.ttl {
			if ttl > 8*time.Hour {
				t.Errorf("a record is to live for %v", ttl)
			}
		}
		d.now = d.now.Add(time.Hour)
		d.logsIn(false)
	})
}

// Holds S3 and P50: the name of a session is given out before phase 2; until the
// whole log-in was good it leads nowhere, and the inner method runs (P47).
func TestS3NoRecordBeforePhase2(t *testing.T) {
	for _, way := range passwordWays() {
		for _, version := range versions {
			t.Run(way+"/"+tls.VersionName(version), func(t *testing.T) {
				d := newDevice(t, version, way, nil)
				for _, password := range []string{"wrong", "correct horse"} { // the second is good, and the Accept never goes out
					d.password = password
					_, _ = d.meet(way).login()
					if _, kept := d.wallet.Get(serverName); !kept {
						t.Fatal("the device got no session: the test shows nothing")
					}
					if len(d.records.at) != 0 {
						t.Fatalf("after the password %q there is a record", password)
					}
				}
				d.password = "wrong"
				if a, p, err := d.login(way); a.Code != radius.CodeAccessReject || p.conv.Trace().Resumed || reasonOf(err) != realms.ErrBadPassword {
					t.Fatalf("%v, %v, %+v", a.Code, err, p.conv.Trace())
				}
			})
		}
	}
}

// Holds S4 and P46: whatever let the owner of a session in holds now, or the
// log-in is a full one and judged from its beginning.
func TestS4WhatMustStillHold(t *testing.T) {
	changes := []struct {
		what   string
		change func(d *device)
		want   realms.Reason // of the full log-in; "": accepted
	}{
		{"another SSID", func(d *device) { d.ssid = "eduroam" }, ""},
		{"another outer name", func(d *device) { d.outer = anonymous }, ""},
		{"the account is disabled", func(d *device) { d.directory.fault[amy] = realms.ErrDisabled }, realms.ErrDisabled},
		{"the account has gone", func(d *device) { delete(d.directory.password, amy) }, realms.ErrUnknownUser},
		{"the account is another", func(d *device) { d.directory.name = "somebody else" }, ""},
		{"the password was changed", func(d *device) { d.directory.passwordSet = "2" }, ""},
		{"the directory is silent", func(d *device) { d.directory.down = true }, realms.ErrUnreachable},
		{"its lifetime is over", func(d *device) { d.now = d.now.Add(8 * time.Hour) }, ""},
		{"the clock was set back", func(d *device) { d.now = d.now.Add(-time.Hour) }, ""},
		{"the authority was dropped", func(d *device) { d.server.cfg.Keeper = strangersKeeper() }, "tls only"},
		{"the store is away", func(d *device) { d.records.away = errors.New("away") }, ""},
		{"the store was emptied", func(d *device) { clear(d.records.at) }, ""},
		{"the record is garbage", func(d *device) {
			for key := range d.records.at {
				d.records.at[key] = []byte(`{"began":`)
			}
		}, ""},
		{"the session in it is garbage", func(d *device) {
			for key, b := range d.records.at {
				d.records.at[key] = bytes.Replace(b, []byte(`"tls":"`), []byte(`"tls":"AAAA`), 1)
			}
		}, ""},
		{"another type of EAP in it", func(d *device) {
			for key, b := range d.records.at {
				d.records.at[key] = regexp.MustCompile(`"type":\d+`).ReplaceAll(b, []byte(`"type":43`))
			}
		}, ""},
	}
	eachWay(t, func(t *testing.T, version uint16, way string) {
		for _, x := range changes {
			t.Run(x.what, func(t *testing.T) {
				want := x.want
				switch {
				case want == "tls only" && !strings.HasSuffix(way, "tls"):
					t.Skip("only EAP-TLS asks for a certificate")
				case want == "tls only":
					want = realms.ErrClientCertUntrusted
				case x.what == "the password was changed" && strings.HasSuffix(way, "tls"):
					t.Skip("a certificate is good whatever the password is")
				}
				d := newDevice(t, version, way, nil)
				d.logsIn(false)
				d.logsIn(true) // the session is good: what follows is the change
				x.change(d)
				if want == "" {
					d.logsIn(false)
					return
				}
				a, p, err := d.login(way)
				if a.Code != radius.CodeAccessReject || reasonOf(err) != want || p.conv.Trace().Resumed {
					t.Fatalf("%v, %v, %+v", a.Code, err, p.conv.Trace())
				}
			})
		}
	})
}

// Holds S4 for the configuration: a session that began with a method inside that is not
// allowed any more is not resumed, and a device that knows no other does not get in.
func TestS4InnerMethodWithdrawn(t *testing.T) {
	eachWay(t, func(t *testing.T, version uint16, way string) {
		if way == "tls" {
			return // nothing is inside
		}
		d := newDevice(t, version, way, nil)
		d.logsIn(false)
		inner := way[strings.LastIndex(way, "-")+1:]
		others := slices.DeleteFunc([]string{"mschapv2", "gtc", "pap", "mschap", "chap", "tls"}, func(name string) bool { return name == inner })
		d.server = serve(t, func(c *Config) {
			c.Directory, c.Now, c.Inner = d.directory, func() time.Time { return d.now }, others
			c.Resumption = Resumption{Records: d.records, Lifetime: 8 * time.Hour}
		})
		if a, p, err := d.login(way); a.Code != radius.CodeAccessReject || reasonOf(err) != realms.ErrNoMethod || p.conv.Trace().Resumed {
			t.Errorf("%v, %v, %+v", a.Code, err, p.conv.Trace())
		}
	})
}

// The name of a session is seen by whoever listens. With it alone, and without the
// session's secret, TLS does a full handshake in spite of a record that is good,
// and nothing that the record says counts: the inner method runs.
func TestS3NameWithoutSecret(t *testing.T) {
	for _, way := range passwordWays() {
		for _, version := range versions {
			t.Run(way+"/"+tls.VersionName(version), func(t *testing.T) {
				d := newDevice(t, version, way, nil)
				d.logsIn(false)
				for key, b := range d.records.at { // as TLS would not resume it: of a suite that nobody offers
					var r record
					if err := json.Unmarshal(b, &r); err != nil {
						t.Fatal(err)
					}
					r.TLS[3], r.TLS[4] = 0x00, 0x2f
					if version == tls.VersionTLS13 {
						r.TLS[0], r.TLS[1] = 0x03, 0x03
						r.TLS = append(r.TLS, 0, 0) // where TLS 1.2 has the group
					}
					if _, err := tls.ParseSessionState(r.TLS); err != nil {
						t.Fatal(err)
					}
					d.records.at[key] = must(json.Marshal(&r))
				}
				d.password = "wrong"
				asked := d.directory.asked
				a, p, err := d.login(way)
				if a.Code != radius.CodeAccessReject || reasonOf(err) != realms.ErrBadPassword || p.conv.Trace().Resumed {
					t.Fatalf("%v, %v, %+v", a.Code, err, p.conv.Trace())
				}
				if d.directory.asked == asked {
					t.Error("the record was not found: the test shows nothing")
				}
			})
		}
	}
}

// Who brings the name of a session, which travels in the clear, and has no secret to go
// with it is not written down as its owner: the NOC would look for the wrong person.
func TestS3NameOfAnother(t *testing.T) {
	eachWay(t, func(t *testing.T, version uint16, way string) {
		d := newDevice(t, version, way, nil)
		d.logsIn(false)
		for key, b := range d.records.at {
			var r record
			if err := json.Unmarshal(b, &r); err != nil {
				t.Fatal(err)
			}
			r.TLS[14] ^= 1 // of the secret, after version, type, suite, time and length
			if r.Secret != nil {
				r.Secret[0] ^= 1
			}
			d.records.at[key] = must(json.Marshal(&r))
		}
		asked := d.directory.asked
		a, p, err := d.login(way)
		trace := p.conv.Trace()
		if a.Code != radius.CodeAccessReject || err == nil || trace.Identity != (realms.Identity{}) || trace.Device != (realms.Identity{}) || trace.Certificate.Authority != "" {
			t.Errorf("%v, %v, %+v", a.Code, err, trace)
		}
		if d.directory.asked == asked {
			t.Error("the record was not found: the test shows nothing")
		}
	})
}

// strangersKeeper has our certificate, and another authority of the devices.
func strangersKeeper() *certs.Keeper {
	w := theWard()
	return must(certs.FromPair(must(w.authority.Server([]string{serverName}, certs.Options{})), w.strangers))
}

// Holds P46 with the methods themselves: a session of one is nothing to another.
func TestP46NoOtherMethod(t *testing.T) {
	for _, version := range versions {
		for _, from := range ways {
			for _, to := range []string{"tls", "ttls-pap", "peap-eap-mschapv2"} {
				if from[:3] == to[:3] {
					continue
				}
				d := newDevice(t, version, from, nil)
				d.logsIn(false)
				d.way = to
				d.logsIn(false)
			}
		}
	}
}

// Holds F2: where the configuration permits it, a session is resumed while no
// directory answers, and policy is told that the groups are unknown.
func TestF2ResumesWithoutDirectory(t *testing.T) {
	eachWay(t, func(t *testing.T, version uint16, way string) {
		d := newDevice(t, version, way, func(c *Config) { c.Resumption.WithoutDirectory = true })
		d.directory.ends = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
		d.logsIn(false)
		d.directory.down = true
		for range 2 {
			answer := d.logsIn(true)
			if !answer.Account.GroupsUnknown || len(answer.Account.Groups) != 0 || answer.Account.Name != amy || !answer.Account.Ends.Equal(d.directory.ends) {
				t.Fatalf("%+v", answer.Account)
			}
		}
	})
}

// One log-in asks the store once, however many names its device brings.
func TestUnwrapAsksOnce(t *testing.T) {
	d := newDevice(t, tls.VersionTLS13, "peap-eap-mschapv2", nil)
	s := &sessions{t: &tunnel{c: newConversation(d.server, realms.Question{}), tls: packet.NewServer(nil)}, ctx: context.Background()}
	for i := range 5 {
		if s.Unwrap(bytes.Repeat([]byte{byte(i)}, nameLength)) != nil {
			t.Fatal("a name that nobody gave out leads somewhere")
		}
	}
	for _, length := range []int{0, 1, 15, 17, 4096} {
		(&sessions{t: s.t, ctx: s.ctx}).Unwrap(make([]byte, length))
	}
	if d.records.gets != 1 {
		t.Errorf("the store was asked %d times", d.records.gets)
	}
}

// A computer that logs in by its password is one in each way inside a tunnel, and when
// its session is resumed: policy must not see another device from one log-in to the next.
func TestResumedDeviceIsTheSame(t *testing.T) {
	eachWay(t, func(t *testing.T, version uint16, way string) {
		if strings.HasSuffix(way, "tls") {
			return // the certificate tells
		}
		d := newDevice(t, version, way, nil)
		for n := range 2 {
			p := meet(t, d.server, version, way, nobody, laptop, "machine secret")
			d.remembers(p, nobody)
			a, err := p.login()
			if err != nil {
				t.Fatal(err)
			}
			p.conv.(realms.Rememberer).Remember(t.Context())
			if trace := p.conv.Trace(); trace.Device.String() != laptop || trace.Resumed != (n > 0) || a.Account.Name != laptop {
				t.Errorf("log-in %d: %+v", n+1, trace)
			}
		}
	})
}

// Who resumes the session of a computer and then proves to be a person inside is that
// person, and no computer was proved: theirs was another log-in.
func TestTTLSProvesAnewAfterResuming(t *testing.T) {
	for _, version := range versions {
		d := newDevice(t, version, "ttls-pap", nil)
		p := meet(t, d.server, version, "ttls-pap", nobody, laptop, "machine secret")
		d.remembers(p, nobody)
		if _, err := p.login(); err != nil {
			t.Fatal(err)
		}
		p.conv.(realms.Rememberer).Remember(t.Context())

		p = meet(t, d.server, version, "ttls-pap", nobody, amy, d.password)
		d.remembers(p, nobody)
		p.insists = true
		a, err := p.login()
		trace := p.conv.Trace()
		if err != nil || a.Account.Name != amy || trace.Identity.String() != amy || trace.Device != (realms.Identity{}) || trace.Resumed {
			t.Errorf("%v, %v, %+v", a.Account.Name, err, trace)
		}
	}
}

// remembers gives a peer the device's wallet of sessions.
func (d *device) remembers(p *peer, outer string) {
	cfg := theWard().clientTLS(d.version, amy)
	cfg.ClientSessionCache, cfg.Time = d.wallet, func() time.Time { return d.now }
	p.tls = packet.NewClient(cfg)
	d.t.Cleanup(p.tls.Close)
	p.conv = d.server.Open(realms.Question{From: must(realms.ParseIdentity(outer)), Packet: access(outer, nil, 0), SSID: d.ssid})
}
