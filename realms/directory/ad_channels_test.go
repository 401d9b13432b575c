package directory_test

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	ldap "github.com/go-ldap/ldap/v3"
	"github.com/oiweiwei/go-msrpc/msrpc/nrpc/logon/v1"
	"github.com/oiweiwei/go-msrpc/ndr"

	"causeway/realms"
	"causeway/realms/directory"
)

// logOn is the nurse's log-on with a good password.
func logOn(ctx context.Context, a *directory.AD) error {
	account, key, err := a.VerifyMSCHAPv2(ctx, person("nurse"), challengeOf("nurse", "good"))
	if err == nil && (key != keyOf("good") || account.Name != "nurse" || len(account.Groups) != 1 || account.GroupsUnknown) {
		return errors.New("the log-on is good, and the account or the key is another's")
	}
	return err
}

func TestADPretender(t *testing.T) {
	p := newPretender()
	a := newAD(t, adOfPretenders(t, map[string]*pretender{"dc1": p}, "dc1"))
	if err := logOn(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.VerifyMSCHAPv2(t.Context(), person("nurse"), challengeOf("nurse", "bad")); !errors.Is(err, realms.ErrBadPassword) {
		t.Errorf("a wrong password: %v", err)
	}
	if n := p.conns.Load(); n != 1 {
		t.Errorf("%d channels for one log-on after the other", n)
	}
}

// A hundred log-ons at once have eight channels, each for one at a time, and these
// were dialled one after the other.
func TestADOneCallAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPretender()
		p.behave(slowly)
		a := newAD(t, adOfPretenders(t, map[string]*pretender{"dc1": p}, "dc1"))
		defer a.Close()
		many(t, 100, func() error { return logOn(t.Context(), a) })
		if n := p.conns.Load(); n != 8 || p.crossed.Load() || p.together.Load() {
			t.Errorf("%d channels; negotiations crossed: %v; calls shared one: %v", n, p.crossed.Load(), p.together.Load())
		}
	})
}

// slowly takes time for everything, as a domain controller does.
var slowly = behaviour{slow: 20 * time.Millisecond, answer: func(_ *pretence, _ int64, sealed []byte) []byte {
	time.Sleep(10 * time.Millisecond)
	return sealed
}}

// Two directories with one computer account take turns, as the old and the new one do
// in a reload.
func TestADReloadTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPretender()
		p.behave(slowly)
		cfg := adOfPretenders(t, map[string]*pretender{"dc1": p}, "dc1")
		one, two := newAD(t, cfg), newAD(t, cfg)
		defer one.Close()
		defer two.Close()
		var both sync.WaitGroup
		for _, a := range []*directory.AD{one, two} {
			both.Go(func() { many(t, 40, func() error { return logOn(t.Context(), a) }) })
		}
		both.Wait()
		if n := p.conns.Load(); n < 4 || n > 16 || p.crossed.Load() {
			t.Errorf("%d channels; negotiations crossed: %v", n, p.crossed.Load())
		}
	})
}

// Another server with our computer account may come between all the same: then we
// negotiate again, a few times.
func TestADCrossedNegotiations(t *testing.T) {
	for _, early := range []bool{true, false} {
		for crossings, want := range map[int32]error{3: nil, 1000: realms.ErrUnreachable} {
			p := newPretender()
			left := new(atomic.Int32)
			left.Store(crossings)
			p.behave(behaviour{crossed: left, early: early})
			a := newAD(t, adOfPretenders(t, map[string]*pretender{"dc1": p}, "dc1"))
			if err := logOn(t.Context(), a); !errors.Is(err, want) {
				t.Errorf("crossed %d times, early %v: %v", crossings, early, err)
			}
			if n := p.conns.Load(); n > 20 {
				t.Errorf("%d channels were tried", n)
			}
		}
	}
}

// A firewall has forgotten our connections: the first log-on that meets one waits, and
// nobody waits for the others.
func TestADForgottenConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPretender()
		p.behave(slowly)
		cfg := adOfPretenders(t, map[string]*pretender{"dc1": p}, "dc1")
		cfg.Attempt, cfg.Total, cfg.Retry = 0, 0, 0
		a := newAD(t, cfg)
		defer a.Close()
		many(t, 100, func() error { return logOn(t.Context(), a) })
		p.forgetNetlogon()
		for n := range 10 {
			began := time.Now()
			if err := logOn(t.Context(), a); err != nil {
				t.Errorf("log-on %d: %v", n, err)
			}
			if took := time.Since(began); n > 0 && took > 100*time.Millisecond || took > 2*time.Second {
				t.Errorf("log-on %d took %v", n, took)
			}
		}
	})
}

// A channel that was dialled for somebody who then had another is as old as the rest
// when its connection has ended meanwhile.
func TestADUnusedChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPretender()
		how := slowly
		how.slow = 100 * time.Millisecond
		p.behave(how)
		a := newAD(t, adOfPretenders(t, map[string]*pretender{"dc1": p}, "dc1"))
		defer a.Close()
		many(t, 2, func() error { return logOn(t.Context(), a) })
		synctest.Wait()
		time.Sleep(time.Second) // the second has been dialled
		if n := p.conns.Load(); n != 2 {
			t.Fatalf("%d channels", n)
		}
		p.restart()
		if err := logOn(t.Context(), a); err != nil {
			t.Error(err)
		}
	})
}

// many does something many times at once.
func many(t *testing.T, n int, do func() error) {
	t.Helper()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if err := do(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// Sealed with AES, or not at all: a domain controller that grants less is refused
// before anybody's response is shown to it.
func TestADRefusesLess(t *testing.T) {
	for what, grants := range map[string]uint32{"no AES": ^uint32(0x01000000), "no secure RPC": ^uint32(0x40000000), "nothing": 1} {
		p := newPretender()
		p.behave(behaviour{grants: grants})
		a := newAD(t, adOfPretenders(t, map[string]*pretender{"dc1": p}, "dc1"))
		err := logOn(t.Context(), a)
		if !errors.Is(err, realms.ErrMisconfigured) || !strings.Contains(err.Error(), "AES") || p.logons.Load() != 0 {
			t.Errorf("%s: %v after %d log-ons", what, err, p.logons.Load())
		}
	}
}

// Whoever answers must know our password, as we do; and a domain controller that
// refuses us is left alone for a while.
func TestADWrongMachinePassword(t *testing.T) {
	p := newPretender()
	p.behave(behaviour{password: "another"})
	a := newAD(t, adOfPretenders(t, map[string]*pretender{"dc1": p}, "dc1"))
	for range 5 {
		if err := logOn(t.Context(), a); !errors.Is(err, realms.ErrMisconfigured) || !strings.Contains(err.Error(), "does not know the password of RADIUS1$") {
			t.Errorf("%v", err)
		}
	}
	if n := p.conns.Load(); n != 1 || p.logons.Load() != 0 {
		t.Errorf("%d channels tried, %d log-ons", n, p.logons.Load())
	}
}

// A channel that falls silent costs one log-on its time, and nobody else anything:
// the log-on has another channel then, and nobody is refused.
func TestADAStalledChannelCostsOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPretender()
		var stalled sync.Once
		p.behave(behaviour{answer: func(_ *pretence, nth int64, sealed []byte) []byte {
			if nth > 20 {
				silent := false
				stalled.Do(func() { silent = true })
				if silent {
					return nil
				}
			}
			time.Sleep(10 * time.Millisecond) // what a domain controller takes, so that all channels are used
			return sealed
		}})
		cfg := adOfPretenders(t, map[string]*pretender{"dc1": p}, "dc1")
		cfg.Attempt, cfg.Total, cfg.Retry = 0, 0, 0
		a := newAD(t, cfg)
		var mu sync.Mutex
		slow := 0
		begin := time.Now()
		many(t, 100, func() error {
			began := time.Now()
			err := logOn(t.Context(), a)
			mu.Lock()
			defer mu.Unlock()
			if time.Since(began) > time.Second {
				slow++
			}
			return err
		})
		if n := p.conns.Load(); slow != 1 || n > 9 {
			t.Errorf("%d log-ons were slow, %d channels were dialled, all took %v", slow, n, time.Since(begin))
		}
		a.Close()
	})
}

// Holds F1 and F2 by the times that an admin gets without writing any: of two domain
// controllers one stops answering, by LDAP and Netlogon and on every connection, and
// the other is asked within two seconds; when both have, the answer is there within
// five, and says so.
func TestF1F2DomainControllers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := newPretender(), newPretender()
		cfg := adOfPretenders(t, map[string]*pretender{"dc1": one, "dc2": two}, "dc1", "dc2")
		cfg.Attempt, cfg.Total, cfg.Retry = 0, 0, 0
		a := newAD(t, cfg)
		defer a.Close()
		many(t, 20, func() error { return logOn(t.Context(), a) })
		if two.logons.Load() != 0 {
			t.Errorf("%d log-ons at the second without need", two.logons.Load())
		}
		one.hush()
		began := time.Now()
		many(t, 20, func() error { return logOn(t.Context(), a) })
		if took := time.Since(began); took > 2*time.Second || two.logons.Load() != 20 {
			t.Errorf("after %v the second has judged %d", took, two.logons.Load())
		}
		began = time.Now()
		if err := logOn(t.Context(), a); err != nil || time.Since(began) > 100*time.Millisecond {
			t.Errorf("the next one: %v after %v", err, time.Since(began))
		}
		two.hush()
		began = time.Now()
		if err := logOn(t.Context(), a); !errors.Is(err, realms.ErrUnreachable) || time.Since(began) > 5*time.Second {
			t.Errorf("with both silent: %v after %v", err, time.Since(began))
		}
	})
}

// Netlogon alone has stopped, while LDAP answers: the same.
func TestF1NetlogonAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := newPretender(), newPretender()
		cfg := adOfPretenders(t, map[string]*pretender{"dc1": one, "dc2": two}, "dc1", "dc2")
		cfg.Attempt, cfg.Total, cfg.Retry = 0, 0, 0
		a := newAD(t, cfg)
		defer a.Close()
		many(t, 5, func() error { return logOn(t.Context(), a) })
		one.behave(behaviour{answer: func(*pretence, int64, []byte) []byte { return nil }})
		began := time.Now()
		many(t, 20, func() error { return logOn(t.Context(), a) })
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		one.behave(behaviour{})
		time.Sleep(3 * time.Second) // of the test's own clock: a look or two
		before := one.logons.Load()
		if err := logOn(t.Context(), a); err != nil || one.logons.Load() != before+1 {
			t.Errorf("it is not asked again: %v", err)
		}
	})
}

// After a domain controller was restarted, all channels are dead, and the first
// log-on has a new one.
func TestADRestartedController(t *testing.T) {
	p := newPretender()
	a := newAD(t, adOfPretenders(t, map[string]*pretender{"dc1": p}, "dc1"))
	for range 3 {
		many(t, 30, func() error { return logOn(t.Context(), a) })
		p.restart()
		if err := logOn(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
}

// Whoever goes away takes no channel along: its call runs to its end.
func TestADEndedContext(t *testing.T) {
	p := newPretender()
	release, asked := make(chan struct{}), make(chan struct{}, 100)
	p.behave(behaviour{answer: func(_ *pretence, _ int64, sealed []byte) []byte {
		asked <- struct{}{}
		<-release
		return sealed
	}})
	cfg := adOfPretenders(t, map[string]*pretender{"dc1": p}, "dc1")
	cfg.Channels = 1
	a := newAD(t, cfg)
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() { gone <- logOn(ctx, a) }()
		<-asked
		cancel()
		if err := <-gone; !errors.Is(err, realms.ErrUnreachable) {
			t.Errorf("who went away hears %v", err)
		}
		release <- struct{}{}
	}
	go func() { release <- struct{}{} }()
	if err := logOn(t.Context(), a); err != nil {
		t.Error(err)
	}
	if n := p.conns.Load(); n != 1 {
		t.Errorf("%d channels were dialled", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := logOn(ctx, a); !errors.Is(err, realms.ErrUnreachable) {
		t.Errorf("with an ended context: %v", err)
	}
}

// Replies that make no sense cost the log-on that met them, at whatever point they
// come, and neither the process nor the next log-on. Nobody is let in by one.
func TestADNonsense(t *testing.T) {
	garbage := []byte("HTTP/1.1 400 Bad Request\r\nServer: nonsense\r\n\r\n")
	p := newPretender()
	for _, operation := range []int{0, 4, 26, 1} {
		for _, nonsense := range [][]byte{garbage, {5, 0, 12, 3, 0x10, 0, 0, 0, 24, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, fault(0), fault(5), make([]byte, 65536)} {
			p.behave(behaviour{unbound: map[int][]byte{operation: nonsense}})
			a := newAD(t, adOfPretenders(t, map[string]*pretender{"dc1": p}, "dc1"))
			if err := logOn(t.Context(), a); !errors.Is(err, realms.ErrUnreachable) {
				t.Errorf("at %d, %.20q: %v", operation, nonsense, err)
			}
		}
	}
	p.behave(behaviour{})
	a := newAD(t, adOfPretenders(t, map[string]*pretender{"dc1": p}, "dc1"))
	good := admitting(make([]byte, 16))
	for what, answer := range map[string]func(on *pretence, sealed []byte) []byte{
		"garbage":         func(*pretence, []byte) []byte { return garbage },
		"a fault":         func(*pretence, []byte) []byte { return fault(0x1c010003) },
		"an empty fault":  func(on *pretence, _ []byte) []byte { return unsealed(on, 3, good) }, // go-msrpc's transport takes it for an answer
		"not sealed":      func(on *pretence, _ []byte) []byte { return unsealed(on, 2, good) },
		"as a bind":       func(on *pretence, _ []byte) []byte { return unsealed(on, 15, good) },
		"as a request":    func(on *pretence, _ []byte) []byte { return unsealed(on, 0, good) },
		"a bit flipped":   func(_ *pretence, sealed []byte) []byte { sealed[40] ^= 1; return sealed },
		"a header's":      func(_ *pretence, sealed []byte) []byte { sealed[3] &^= 1; return sealed },
		"padding":         func(_ *pretence, sealed []byte) []byte { sealed[len(sealed)-62] = 200; return sealed },
		"a seal cut off":  func(_ *pretence, sealed []byte) []byte { return cut(sealed) },
		"twice":           func(_ *pretence, sealed []byte) []byte { return append(sealed, sealed...) },
		"another version": func(_ *pretence, sealed []byte) []byte { sealed[0] = 4; return sealed },
	} {
		p.behave(behaviour{answer: func(on *pretence, _ int64, sealed []byte) []byte { return answer(on, sealed) }})
		if err := logOn(t.Context(), a); what != "twice" && !errors.Is(err, realms.ErrUnreachable) {
			t.Errorf("%s: %v", what, err)
		}
		p.behave(behaviour{})
		if err := logOn(t.Context(), a); err != nil {
			t.Errorf("after %s: %v", what, err)
		}
	}
	for what, reply := range map[string]func(*logon.SAMLogonExResponse) ndr.Marshaler{
		"what panics":        func(*logon.SAMLogonExResponse) ndr.Marshaler { return raw(panicking) },
		"without validation": func(*logon.SAMLogonExResponse) ndr.Marshaler { return refusing(0) },
		"a key of zeros":     func(*logon.SAMLogonExResponse) ndr.Marshaler { return admitting(make([]byte, 16)) },
		"a guest": func(r *logon.SAMLogonExResponse) ndr.Marshaler {
			r.ValidationInformation.GetValue().(*logon.ValidationSAMInfo4).UserFlags = 1
			return r
		},
	} {
		p.behave(behaviour{reply: reply})
		cfg := adOfPretenders(t, map[string]*pretender{"dc1": p}, "dc1")
		if err := logOn(t.Context(), newAD(t, cfg)); !errors.Is(err, realms.ErrUnreachable) && !errors.Is(err, realms.ErrMisconfigured) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// fault is an answer that is one, to the first call.
func fault(status uint32) []byte {
	p := []byte{5, 0, 3, 3, 0x10, 0, 0, 0, 32, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	return append(binary.LittleEndian.AppendUint32(p, status), 0, 0, 0, 0)
}

// unsealed is what somebody on the way could write: a good answer as a packet of any
// type, with the trailer of a seal and no seal.
func unsealed(on *pretence, kind byte, r *logon.SAMLogonExResponse) []byte {
	stub, err := ndr.Marshal(r)
	if err != nil {
		return nil
	}
	before := 8
	if kind == 3 {
		before = 16 // of a fault: status 0
	}
	return on.packet(kind, append(append(make([]byte, before), stub...), 68, 6, 0, 0, 1, 0, 0, 0), nil)
}

func cut(sealed []byte) []byte {
	p := sealed[:len(sealed)-64]
	binary.LittleEndian.PutUint16(p[8:], uint16(len(p)))
	binary.LittleEndian.PutUint16(p[10:], 0)
	return p
}

// panicking is an answer at which go-msrpc's decoder panics: two pointers of two
// kinds that lead to one place.
var panicking = []byte("\x05\x00\x00\x00" + "\x01\x00\x00\x00" + "\x00\x00\x00\x00" + "\x01\x00\x00\x00")

// The decoder does panic at it.
func TestADWhatPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("go-msrpc does not panic at this any more: find another for TestADNonsense")
		}
	}()
	_ = ndr.Unmarshal(panicking, new(logon.SAMLogonExResponse))
}

// raw is what is said as it is.
type raw []byte

func (r raw) MarshalNDR(_ context.Context, w ndr.Writer) error {
	for _, octet := range r {
		if err := w.WriteData(octet); err != nil {
			return err
		}
	}
	return nil
}

// What a status means, of a log-on and of a channel.
func TestADStatuses(t *testing.T) {
	p := newPretender()
	answering := func(status uint32) {
		p.behave(behaviour{reply: func(*logon.SAMLogonExResponse) ndr.Marshaler { return refusing(status) }})
	}
	for s, want := range map[uint32]realms.Reason{
		0xC0000064: realms.ErrUnknownUser, 0xC000006A: realms.ErrBadPassword, 0xC000006D: realms.ErrBadPassword, 0xC000006F: realms.ErrLogonHours,
		0xC0000070: realms.ErrWorkstation, 0xC0000071: realms.ErrPasswordExpired, 0xC0000072: realms.ErrDisabled, 0xC0000193: realms.ErrExpired,
		0xC0000224: realms.ErrMustChange, 0xC0000234: realms.ErrLocked, 0xC000006E: realms.ErrRestricted, 0xC0000413: realms.ErrRestricted,
		0xC0000418: realms.ErrMisconfigured, 0xC000005E: realms.ErrUnreachable, 0xC0000022: realms.ErrUnreachable, 0xC0000001: realms.ErrUnreachable,
	} {
		answering(s)
		a := newAD(t, adOfPretenders(t, map[string]*pretender{"dc1": p}, "dc1"))
		if err := logOn(t.Context(), a); !errors.Is(err, want) {
			t.Errorf("%08X: %v; want %s", s, err, want)
		}
	}
	// A domain controller in trouble sends people to the next, and the others with it.
	two := newPretender()
	answering(0xC000005E)
	a := newAD(t, adOfPretenders(t, map[string]*pretender{"dc1": p, "dc2": two}, "dc1", "dc2"))
	if err := logOn(t.Context(), a); err != nil || two.logons.Load() != 1 {
		t.Errorf("with a second one: %v", err)
	}
}

// What LDAP knows of an account counts beside a good log-on, whatever the domain
// controller has not heard yet; and only who knew the password hears of it.
func TestADStandingCountsToo(t *testing.T) {
	for _, tt := range []struct {
		attribute, value string
		good, bad        realms.Reason
	}{
		{"userAccountControl", "514", realms.ErrDisabled, realms.ErrBadPassword},
		{"userAccountControl", "", realms.ErrMisconfigured, realms.ErrBadPassword},
		{"accountExpires", "131000000000000000", realms.ErrExpired, realms.ErrBadPassword},
		{"pwdLastSet", "0", realms.ErrMustChange, realms.ErrBadPassword},
		{"msDS-User-Account-Control-Computed", "8388608", realms.ErrPasswordExpired, realms.ErrBadPassword},
		{"sAMAccountName", "", realms.ErrMisconfigured, realms.ErrMisconfigured},
	} {
		p := newPretender()
		entry := slices.Clone(goodNurse)
		entry[slices.Index(entry, tt.attribute)+1] = tt.value
		usual := p.LDAP.search
		p.LDAP.search = func(filter string) []*ber.Packet {
			if strings.Contains(filter, "sAMAccountName=nurse)") {
				return []*ber.Packet{found(nurseDN, entry...), done(ldap.ApplicationSearchResultDone, result{})}
			}
			return usual(filter)
		}
		a := newAD(t, adOfPretenders(t, map[string]*pretender{"dc1": p}, "dc1"))
		if err := logOn(t.Context(), a); !errors.Is(err, tt.good) {
			t.Errorf("%s = %q with a good password: %v", tt.attribute, tt.value, err)
		}
		if _, key, err := a.VerifyMSCHAPv2(t.Context(), person("nurse"), challengeOf("nurse", "bad")); !errors.Is(err, tt.bad) || key != (realms.SessionKey{}) {
			t.Errorf("%s = %q with a bad one: %v", tt.attribute, tt.value, err)
		}
	}
}
