package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/realms"
)

// The tests in this file run in a bubble of synctest: a network in memory, real
// code, and time that passes only when nobody has anything to do.

const addr1, addr2, addr3 = "192.0.2.1:1812", "192.0.2.2:1812", "192.0.2.3:1812"

// A recorder keeps what a silent server sees and when.
type recorder struct {
	mu    sync.Mutex
	wires [][]byte
	at    []time.Duration
}

func (r *recorder) note(since time.Time, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wires, r.at = append(r.wires, b), append(r.at, time.Since(since))
}

// speaks answers Status-Server and gives the rest to f.
func speaks(f answerer) answerer {
	return func(in *radius.Packet) []byte {
		if b, ok := status(in); ok {
			return b
		}
		return f(in)
	}
}

func silent(*radius.Packet) []byte { return nil }

func took(t *testing.T, what string, d, low, high time.Duration) {
	t.Helper()
	if d < low || d > high {
		t.Errorf("%s took %v, want %v to %v", what, d, low, high)
	}
}

// Holds R3, R26, P33 and P62's habit: the same octets again at about 0, 2 and
// 6 s, then a Reject with EAP-Failure.
func TestR26ASilentServerMakesARejectInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		var seen recorder
		begin := time.Now()
		w.serveRaw(addr1, func(b []byte, _ func([]byte, time.Duration)) {
			if b[0] == byte(radius.CodeAccessRequest) {
				seen.note(begin, b)
			}
		})
		p := open(t, Config{Servers: at(addr1), Dial: w.dial})
		a, err := ask(p, askEAP("a@b.example", identity(5, "a@b.example")))
		if !errors.Is(err, realms.ErrUpstreamDown) || !strings.Contains(err.Error(), "roam1: no answer in 10") {
			t.Errorf("error %v", err)
		}
		if a.Code != radius.CodeAccessReject || !bytes.Equal(a.EAP, []byte{4, 5, 0, 4}) {
			t.Errorf("answer %+v", a)
		}
		took(t, "giving up", time.Since(begin), 10*time.Second, 10200*time.Millisecond)
		synctest.Wait()
		if len(seen.at) != 3 || !bytes.Equal(seen.wires[0], seen.wires[1]) || !bytes.Equal(seen.wires[0], seen.wires[2]) {
			t.Fatalf("sent at %v; the octets must not change", seen.at)
		}
		took(t, "the first repetition", seen.at[1], 1800*time.Millisecond, 2300*time.Millisecond)
		took(t, "the second repetition", seen.at[2]-seen.at[1], 3200*time.Millisecond, 4900*time.Millisecond)
		p.Close()
	})
}

// Holds F4: the next server within one retry of a controller, and from then on at
// once, because Status-Server has said that the first is dead.
func TestF4TheNextServerWithinFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		w.serve(addr1, accepts)
		w.serve(addr2, accepts)
		var changes []string
		p := open(t, Config{Servers: at(addr1, addr2), Dial: w.dial, OnChange: func(server, from, to, why string) {
			changes = append(changes, server+" "+from+" "+to)
		}})
		time.Sleep(time.Second)
		w.serve(addr1, silent)
		c := p.Open(realms.Question{})
		begin := time.Now()
		if a, err := c.Answer(context.Background(), papRequest(t, "a@b.example", "pw")); err != nil || a.Code != radius.CodeAccessAccept {
			t.Fatalf("%+v, %v", a, err)
		}
		took(t, "the fail-over", time.Since(begin), 3900*time.Millisecond, 5*time.Second)
		if got := c.Trace().Server; got != "roam2" {
			t.Errorf("answered by %q", got)
		}
		time.Sleep(3 * time.Second)
		begin = time.Now()
		if _, err := ask(p, papRequest(t, "b@b.example", "pw")); err != nil {
			t.Fatal(err)
		}
		took(t, "the log-in after it", time.Since(begin), 0, 100*time.Millisecond)
		want := []string{"roam1 alive suspect", "roam1 suspect dead"}
		if !slices.Equal(changes, want) {
			t.Errorf("changes %q, want %q", changes, want)
		}
		p.Close()
	})
}

// Holds F5 and R26: with every server dead the Reject is immediate.
func TestF5AllDeadIsAnImmediateReject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		w.serve(addr1, accepts)
		w.serve(addr2, accepts)
		p := open(t, Config{Servers: at(addr1, addr2), Dial: w.dial})
		time.Sleep(time.Minute)
		w.serve(addr1, silent)
		w.serve(addr2, silent)
		time.Sleep(40 * time.Second) // the watchdogs find out; no user had to
		for _, s := range p.Status() {
			if s.Health != Dead {
				t.Fatalf("%s is %s: %s", s.Name, s.Health, s.Why)
			}
		}
		begin := time.Now()
		_, err := ask(p, papRequest(t, "a@b.example", "pw"))
		if !errors.Is(err, realms.ErrUpstreamDown) || !strings.Contains(err.Error(), "roam1: it is dead; roam2: it is dead") {
			t.Errorf("error %v", err)
		}
		took(t, "the Reject", time.Since(begin), 0, 0)

		w.serve(addr2, accepts) // any answer revives: the next Status-Server's
		time.Sleep(8 * time.Second)
		if a, err := ask(p, papRequest(t, "a@b.example", "pw")); err != nil || a.Code != radius.CodeAccessAccept {
			t.Errorf("%+v, %v after the revival", a, err)
		}
		p.Close()
	})
}

// Holds R25: in mid-conversation the server stays, whatever becomes of it, and
// its State goes back to it as it was (P8).
func TestR25AConversationStaysOnItsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		var strangers atomic.Int32
		w.serve(addr1, speaks(func(in *radius.Packet) []byte {
			out := reply(in, radius.CodeAccessChallenge)
			out.Add(rfc2865.State_Type, []byte("state of roam1"))
			addEAP(out, eapPacket(1, 6, 21, 0x20))
			return sign(out)
		}))
		w.serve(addr2, speaks(func(*radius.Packet) []byte { strangers.Add(1); return nil }))
		p := open(t, Config{Servers: at(addr1, addr2), Dial: w.dial})
		c := p.Open(realms.Question{})
		a, err := c.Answer(t.Context(), askEAP("a@b.example", identity(5, "a@b.example")))
		if err != nil || a.Code != radius.CodeAccessChallenge || string(a.State) != "state of roam1" {
			t.Fatalf("%+v, %v", a, err)
		}
		var states []string
		var mu sync.Mutex
		w.serve(addr1, speaks(func(in *radius.Packet) []byte {
			mu.Lock()
			defer mu.Unlock()
			states = append(states, string(in.Get(rfc2865.State_Type)))
			return nil
		}))
		begin := time.Now()
		a, err = c.Answer(t.Context(), askEAP("a@b.example", eapPacket(2, 6, 21, 0), avp(24, "what the controller holds")))
		if !errors.Is(err, realms.ErrHomeDown) || a.Code != radius.CodeAccessReject {
			t.Errorf("%+v, %v", a, err)
		}
		took(t, "giving up", time.Since(begin), 10*time.Second, 10200*time.Millisecond)
		p.Close()
		if strangers.Load() != 0 {
			t.Error("the conversation moved to a server that does not know it")
		}
		if len(states) != 3 || states[0] != "state of roam1" {
			t.Errorf("States sent: %q", states)
		}
		if tr := c.Trace(); tr.Server != "roam1" || tr.Rounds != 1 {
			t.Errorf("trace %+v", tr)
		}
	})
}

// A conversation whose server has died meanwhile ends at once, so that the
// supplicant can begin anew at another.
func TestR25AConversationEndsWithItsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		w.serve(addr1, speaks(func(in *radius.Packet) []byte {
			out := reply(in, radius.CodeAccessChallenge)
			addEAP(out, eapPacket(1, 6, 21, 0x20))
			return sign(out)
		}))
		w.serve(addr2, accepts)
		p := open(t, Config{Servers: at(addr1, addr2), Dial: w.dial})
		time.Sleep(time.Second)
		c := p.Open(realms.Question{})
		if _, err := c.Answer(t.Context(), askEAP("a@b.example", identity(5, "a@b.example"))); err != nil {
			t.Fatal(err)
		}
		w.serve(addr1, silent)
		time.Sleep(time.Minute)
		begin := time.Now()
		a, err := c.Answer(t.Context(), askEAP("a@b.example", eapPacket(2, 6, 21, 0)))
		if !errors.Is(err, realms.ErrUpstreamDown) || !strings.Contains(err.Error(), "roam1: it is dead") || a.Code != radius.CodeAccessReject {
			t.Errorf("%+v, %v", a, err)
		}
		took(t, "the Reject", time.Since(begin), 0, 0)
		p.Close()
	})
}

// A conversation that began on another node goes on with its State as it came
// (P8), and only at the first server: no other can know it (R25).
func TestR25AConversationThatBeganElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		w.serve(addr1, speaks(func(in *radius.Packet) []byte {
			if string(in.Get(rfc2865.State_Type)) != "begun on another node" {
				t.Errorf("State %q", in.Get(rfc2865.State_Type))
			}
			out := reply(in, radius.CodeAccessAccept)
			addEAP(out, eapPacket(3, 6))
			return sign(out)
		}))
		w.serve(addr2, speaks(func(*radius.Packet) []byte { t.Error("the conversation moved"); return nil }))
		p := open(t, Config{Servers: at(addr1, addr2), Dial: w.dial})
		request := askEAP("a@b.example", eapPacket(2, 6, 21, 0), avp(24, "begun on another node"))
		if a, err := ask(p, request); err != nil || a.Code != radius.CodeAccessAccept {
			t.Errorf("%+v, %v", a, err)
		}
		w.serve(addr1, silent)
		if _, err := ask(p, request); !errors.Is(err, realms.ErrUpstreamDown) {
			t.Errorf("error %v", err)
		}
		p.Close()
	})
}

// Holds R23 through the sockets: users without an answer, Status-Server answered,
// and the server stays alive.
func TestR23ABrokenHomeBehindALiveProxyKillsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		var mended atomic.Bool
		w.serve(addr1, speaks(func(in *radius.Packet) []byte {
			if !mended.Load() && strings.HasSuffix(rfc2865.UserName_GetString(in), "@broken.example") {
				return nil
			}
			return accepts(in)
		}))
		changed := false
		var told []string
		p := open(t, Config{
			Servers: at(addr1), Dial: w.dial, OnChange: func(_, _, _, _ string) { changed = true },
			OnHome: func(realm, server string, silent bool, _ string) {
				told = append(told, fmt.Sprint(realm, " by ", server, " ", silent))
			},
		})
		time.Sleep(time.Second)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				_, err := ask(p, papRequest(t, fmt.Sprintf("user%d@broken.example", i), "pw"))
				if !errors.Is(err, realms.ErrHomeDown) {
					t.Errorf("error %v", err)
				}
			})
			time.Sleep(300 * time.Millisecond)
			if _, err := ask(p, papRequest(t, "b@b.example", "pw")); err != nil {
				t.Errorf("a user of another home: %v", err)
			}
		}
		wg.Wait()
		if changed {
			t.Error("the server's health changed")
		}
		mended.Store(true)
		if _, err := ask(p, papRequest(t, "user1@broken.example", "pw")); err != nil {
			t.Errorf("once it is mended: %v", err)
		}
		if want := []string{"broken.example by roam1 true", "broken.example by roam1 false"}; !slices.Equal(told, want) {
			t.Errorf("the NOC heard %q", told)
		}
		homes, others := p.Realms()
		if len(homes) != 2 || others != 0 || homes[0].Realm != "broken.example" || homes[0].Silent != 20 || homes[0].Accepted != 1 || homes[0].SilentNow ||
			homes[1].Realm != "b.example" || homes[1].Accepted != 20 || homes[1].Silent != 0 {
			t.Errorf("%+v, %d", homes, others)
		}
		p.Close()
	})
}

// Holds S1: forged, unsigned and wrong replies move nothing. The request is
// repeated at the same times and given up at the same time as in silence, and
// the health is that of silence.
func TestS1DroppedRepliesMoveNoTimer(t *testing.T) {
	bad := map[string]func(in *radius.Packet) []byte{
		"silence":                  silent,
		"no Message-Authenticator": func(in *radius.Packet) []byte { return withoutMAC(reply(in, radius.CodeAccessAccept)) },
		"a wrong Message-Authenticator": func(in *radius.Packet) []byte {
			out := reply(in, radius.CodeAccessAccept)
			out.Add(80, make([]byte, 16))
			return withoutMAC(out)
		},
		"another secret": func(in *radius.Packet) []byte {
			out := reply(in, radius.CodeAccessReject)
			out.Secret = []byte("not the secret of these two")
			return sign(out)
		},
		"another identifier": func(in *radius.Packet) []byte {
			out := reply(in, radius.CodeAccessAccept)
			out.Identifier += 9
			return sign(out)
		},
		"another code": func(in *radius.Packet) []byte { return sign(reply(in, radius.CodeAccountingResponse)) },
		"half a packet": func(in *radius.Packet) []byte {
			b := sign(reply(in, radius.CodeAccessAccept))
			return b[:len(b)/2]
		},
		"its own request": func(in *radius.Packet) []byte { b, _ := in.MarshalBinary(); return b },
	}
	for name, f := range bad {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w wire
				var seen recorder
				begin := time.Now()
				w.serveRaw(addr1, func(b []byte, answer func([]byte, time.Duration)) {
					in := parse(t, b)
					if in.Code == radius.CodeAccessRequest {
						seen.note(begin, b)
					}
					if out := f(in); out != nil {
						for range 3 {
							answer(out, time.Millisecond)
						}
					}
				})
				p := open(t, Config{Servers: at(addr1), Dial: w.dial})
				_, err := ask(p, papRequest(t, "a@b.example", "pw"))
				if !errors.Is(err, realms.ErrUpstreamDown) {
					t.Errorf("error %v", err)
				}
				took(t, "giving up", time.Since(begin), 10*time.Second, 10200*time.Millisecond)
				if len(seen.at) != 3 {
					t.Errorf("sent at %v, want three times", seen.at)
				}
				s := p.Status()[0]
				d := s.Dropped
				if n := d.Malformed + d.WrongCode + d.Unasked + d.Forged + d.Unsigned + d.SignedWrongly; (n == 0) != (name == "silence") {
					t.Errorf("dropped %+v", d)
				}
				if !s.LastAnswer.IsZero() || s.StatusServer || s.Answered != 0 || s.Late != 0 {
					t.Errorf("it counts as an answer: %+v", s)
				}
				p.Close()
			})
		})
	}
}

// A slow answer is better than none; one that comes too late still says that the
// server lives (R23: any answer).
func TestSlowAndLateAnswers(t *testing.T) {
	for delay, want := range map[time.Duration]error{7 * time.Second: nil, 12 * time.Second: realms.ErrUpstreamDown} {
		synctest.Test(t, func(t *testing.T) {
			var w wire
			w.serveRaw(addr1, func(b []byte, answer func([]byte, time.Duration)) {
				if in := parse(t, b); in.Code == radius.CodeAccessRequest {
					answer(accepts(in), delay)
				}
			})
			p := open(t, Config{Servers: at(addr1), Dial: w.dial})
			if _, err := ask(p, papRequest(t, "a@b.example", "pw")); !errors.Is(err, want) {
				t.Errorf("after %v: %v, want %v", delay, err, want)
			}
			time.Sleep(time.Minute)
			s := p.Status()[0]
			if s.Answered+s.Late != 1 || s.LastAnswer.IsZero() || s.InFlight != 0 {
				t.Errorf("after %v: %+v", delay, s)
			}
			p.Close()
		})
	}
}

// Holds P60: each Status-Server has its own identifier and authenticator and a
// Message-Authenticator, and none is repeated. And a server without Status-Server
// is never sent one.
func TestP60StatusServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		var seen recorder
		w.serveRaw(addr1, func(b []byte, _ func([]byte, time.Duration)) { seen.note(time.Now(), b) })
		w.serveRaw(addr2, func(b []byte, _ func([]byte, time.Duration)) {
			t.Errorf("a server without Status-Server received code %d", b[0])
		})
		servers := at(addr1, addr2)
		servers[1].WithoutStatusServer = true
		p := open(t, Config{Servers: servers, Dial: w.dial})
		time.Sleep(10 * time.Minute)
		p.Close()
		ids, auths := map[byte]bool{}, map[string]bool{}
		last := -1
		for _, b := range seen.wires {
			if b[0] != byte(radius.CodeStatusServer) || b[20] != 80 {
				t.Fatalf("not a signed Status-Server: %x", b)
			}
			if int(b[1]) == last {
				t.Error("the same identifier twice running")
			}
			last = int(b[1])
			ids[b[1]], auths[string(b[4:20])] = true, true
		}
		if len(auths) != len(seen.wires) || len(ids) != len(seen.wires) || len(ids) < 15 {
			t.Errorf("%d Status-Servers with %d identifiers and %d authenticators", len(seen.wires), len(ids), len(auths))
		}
	})
}

// A server that flaps every few seconds changes hands no faster than the
// probation, and never costs a user a log-in while another server is up (R23).
func TestR23AFlappingServerDoesNotFlapThePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		var up atomic.Bool
		w.serve(addr1, func(in *radius.Packet) []byte {
			if up.Load() {
				return accepts(in)
			}
			return nil
		})
		w.serve(addr2, accepts)
		var deaths []time.Time
		p := open(t, Config{Servers: at(addr1, addr2), Dial: w.dial, OnChange: func(server, _, to, _ string) {
			if to == string(Dead) && server == "roam1" {
				deaths = append(deaths, time.Now())
			}
		}})
		up.Store(true)
		for i := range 300 {
			time.Sleep(time.Second)
			up.Store(i/7%2 == 0)
			begin := time.Now()
			if _, err := ask(p, papRequest(t, fmt.Sprintf("u%d@b.example", i), "pw")); err != nil {
				t.Errorf("user %d: %v", i, err)
			}
			took(t, "a log-in", time.Since(begin), 0, 5*time.Second)
		}
		for i := 1; i < len(deaths); i++ {
			if gap := deaths[i].Sub(deaths[i-1]); gap < DefaultProbation {
				t.Errorf("died again after %v", gap)
			}
		}
		if len(deaths) == 0 {
			t.Error("the server never died: the test shows nothing")
		}
		p.Close()
	})
}

// Half of the answers lost, the first to each request: nobody is refused
// (RFC 5080, section 2.2.1).
func TestHalfOfTheAnswersLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		asked := map[[16]byte]bool{}
		var mu sync.Mutex
		w.serve(addr1, func(in *radius.Packet) []byte {
			mu.Lock()
			defer mu.Unlock()
			if again := asked[in.Authenticator]; again {
				return accepts(in)
			}
			asked[in.Authenticator] = true
			return nil
		})
		p := open(t, Config{Servers: at(addr1), Dial: w.dial})
		var wg sync.WaitGroup
		for i := range 2000 {
			wg.Go(func() {
				if _, err := ask(p, papRequest(t, fmt.Sprintf("u%d@b.example", i), "pw")); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(5 * time.Millisecond)
		}
		wg.Wait()
		if s := p.Status()[0]; s.Unanswered != 0 || s.Repeated < 2000 || s.Health != Alive {
			t.Errorf("%+v", s)
		}
		p.Close()
	})
}

// A long-dead server is reached anew: its name is resolved again, and the source
// address is the one of now.
func TestALongDeadServerIsDialledAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		w.serve(addr1, accepts)
		p := open(t, Config{Servers: at(addr1), Dial: w.dial})
		time.Sleep(time.Second)
		w.serve(addr1, silent)
		time.Sleep(5 * time.Minute)
		w.mu.Lock()
		n := w.dialled[addr1]
		w.mu.Unlock()
		if n < 5 || n > 12 {
			t.Errorf("dialled %d times in five minutes of death", n)
		}
		if s := p.Status()[0]; s.Sockets > 1 || s.InFlight > 1 {
			t.Errorf("%d sockets, %d in flight", s.Sockets, s.InFlight)
		}
		p.Close()
	})
}

// When nobody can be dialled the answer is a Reject, and it names the cause.
func TestNoSocketIsARejectToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		w.serve(addr2, accepts)
		p := open(t, Config{Servers: at(addr1, addr2), Dial: func(ctx context.Context, address string) (net.Conn, error) {
			if address == addr1 {
				return nil, errors.New("no such host")
			}
			return w.dial(ctx, address)
		}})
		c := p.Open(realms.Question{})
		if _, err := c.Answer(t.Context(), papRequest(t, "a@b.example", "pw")); err != nil || c.Trace().Server != "roam2" {
			t.Errorf("%v, %+v", err, c.Trace())
		}
		w.serve(addr2, silent)
		begin := time.Now()
		_, err := ask(p, papRequest(t, "a@b.example", "pw"))
		if !errors.Is(err, realms.ErrUpstreamDown) || !strings.Contains(err.Error(), "roam1: no such host; roam2: no answer in 10") {
			t.Errorf("error %v", err)
		}
		took(t, "giving up", time.Since(begin), 10*time.Second, 10200*time.Millisecond)
		p.Close()
	})
}

// The caller's context ends a wait within a beat of the watch, and Close at once.
func TestWaitsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		p := open(t, Config{Servers: at(addr1), Dial: w.dial})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begin := time.Now()
		a, err := p.Open(realms.Question{}).Answer(ctx, papRequest(t, "a@b.example", "pw"))
		if !errors.Is(err, realms.ErrUpstreamDown) || a.Code != radius.CodeAccessReject {
			t.Errorf("%+v, %v", a, err)
		}
		took(t, "the context", time.Since(begin), 3*time.Second, 3*time.Second+beat)
		begin = time.Now()
		time.AfterFunc(time.Second, p.Close)
		if _, err := ask(p, papRequest(t, "a@b.example", "pw")); !errors.Is(err, realms.ErrUpstreamDown) {
			t.Errorf("error %v", err)
		}
		took(t, "Close", time.Since(begin), time.Second, time.Second)
		if _, err := ask(p, papRequest(t, "a@b.example", "pw")); !errors.Is(err, realms.ErrUpstreamDown) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// A server without Status-Server: several users find it dead, and after a
// probation one of them tries it for all.
func TestR23WithoutStatusServerUsersDecide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		var requests atomic.Int32
		w.serve(addr1, func(*radius.Packet) []byte { requests.Add(1); return nil })
		w.serve(addr2, accepts)
		servers := at(addr1, addr2)
		servers[0].WithoutStatusServer = true
		p := open(t, Config{Servers: servers, Dial: w.dial})
		for i := range 4 {
			begin := time.Now()
			if _, err := ask(p, papRequest(t, fmt.Sprintf("u%d@b.example", i), "pw")); err != nil {
				t.Fatal(err)
			}
			if quick := time.Since(begin) < time.Second; quick != (i == 3) {
				t.Errorf("user %d waited %v", i, time.Since(begin))
			}
		}
		time.Sleep(DefaultProbation + time.Second)
		requests.Store(0)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if _, err := ask(p, papRequest(t, fmt.Sprintf("u%d@b.example", i), "pw")); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := requests.Load(); n < 1 || n > 2 { // one user, and his repetition
			t.Errorf("%d packets went to a server on trial", n)
		}
		w.serve(addr1, accepts)
		time.Sleep(DefaultProbation + time.Second)
		c := p.Open(realms.Question{})
		if _, err := c.Answer(t.Context(), papRequest(t, "z@b.example", "pw")); err != nil || c.Trace().Server != "roam1" {
			t.Errorf("%v, %+v", err, c.Trace())
		}
		p.Close()
	})
}

// A trial that ends for a reason of its own, as when the controller's client goes
// away, leaves the server to the next one.
func TestATrialThatIsAbandonedFreesTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		w.serve(addr1, silent)
		servers := at(addr1)
		servers[0].WithoutStatusServer = true
		p := open(t, Config{Servers: servers, Dial: w.dial})
		for i := range 3 {
			_, _ = ask(p, papRequest(t, fmt.Sprintf("u%d@b.example", i), "pw"))
		}
		time.Sleep(DefaultProbation + time.Second)
		s := p.servers[0]
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, func() {
			if err := s.claim(); !errors.Is(err, errOnTrial) {
				t.Errorf("a second request on trial: %v", err)
			}
			cancel()
		})
		_, _ = p.Open(realms.Question{}).Answer(ctx, papRequest(t, "a@b.example", "pw"))
		w.serve(addr1, accepts)
		if a, err := ask(p, papRequest(t, "b@b.example", "pw")); err != nil || a.Code != radius.CodeAccessAccept {
			t.Errorf("%+v, %v", a, err)
		}
		p.Close()
	})
}

// An answer that was verified while its slot went to another request is nobody's.
func TestAnAnswerToTheSlotsLastRequestIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		p := open(t, Config{Servers: at(addr1), Dial: w.dial})
		pl, err := p.servers[0].acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		pl.socket.wait(t.Context(), pl.id, &[16]byte{1}, now, now.Add(time.Minute), time.Minute)
		old := pl.slot().generation
		pl.socket.forget(pl.id)
		done := pl.socket.wait(t.Context(), pl.id, &[16]byte{2}, now, now.Add(time.Minute), time.Minute)
		pl.socket.deliver(pl.id, old, make([]byte, 20))
		select {
		case <-done:
			t.Error("the answer to one request was given to the next")
		default:
		}
		p.servers[0].release(pl)
		p.Close()
	})
}
