package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc5580"

	"causeway/realms"
)

// echo answers each user with an Accept that names the password it read and the
// user's own CUI, so that answers given to the wrong user are seen.
func echo(in *radius.Packet) []byte {
	if b, ok := status(in); ok {
		return b
	}
	out := reply(in, radius.CodeAccessAccept)
	out.Add(rfc2865.UserName_Type, in.Get(rfc2865.UserName_Type))
	out.Add(89, []byte(rfc2865.UserPassword_GetString(in)))
	return sign(out)
}

// Twenty thousand log-ins at a time over loopback, some of whose answers are
// joined by forgeries with guessed identifiers: each user gets his own answer.
func TestTwentyThousandExchanges(t *testing.T) {
	var n atomic.Uint64
	address := onUDP(t, func(in *radius.Packet) []byte {
		if n.Add(1)%50 == 0 && in.Code == radius.CodeAccessRequest {
			return nil // lost: comes again
		}
		return echo(in)
	})
	p := open(t, Config{Servers: at(address), Retransmit: 200 * time.Millisecond})
	var wg sync.WaitGroup
	users := make(chan int)
	for range 1000 {
		wg.Go(func() {
			for i := range users {
				user, password := fmt.Sprintf("u%d@camford.ac.uk", i), fmt.Sprintf("password-%d", i)
				c := p.Open(realms.Question{})
				a, err := c.Answer(context.Background(), papRequest(t, user, password))
				if err != nil || a.UserName != user || string(a.CUI) != password || c.Trace().CUI != password {
					t.Errorf("%s: %+v, %v", user, a, err)
				}
				c.Close()
			}
		})
	}
	for i := range 20000 {
		users <- i
	}
	close(users)
	wg.Wait()
	s := p.Status()[0]
	if s.Sent != 20000 || s.Unanswered != 0 || s.InFlight != 0 || s.Sockets < 4 {
		t.Errorf("%+v", s)
	}
}

// With 1,024 in flight at 50 ms none is lost or repeated.
func TestAThousandInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		w.serveRaw(addr1, func(b []byte, answer func([]byte, time.Duration)) {
			answer(echo(parse(t, b)), 50*time.Millisecond)
		})
		p := open(t, Config{Servers: at(addr1), Dial: w.dial})
		begin := time.Now()
		var wg sync.WaitGroup
		for i := range 1024 {
			wg.Go(func() {
				for k := range 20 {
					user := fmt.Sprintf("u%d-%d@camford.ac.uk", i, k)
					if a, err := ask(p, papRequest(t, user, "pw")); err != nil || a.UserName != user {
						t.Errorf("%s: %+v, %v", user, a, err)
					}
				}
			})
		}
		wg.Wait()
		took(t, "twenty rounds", time.Since(begin), time.Second, time.Second)
		if s := p.Status()[0]; s.Repeated != 0 || s.Unanswered != 0 || s.Sent != 1024*20 || s.Sockets > 8 {
			t.Errorf("%+v", s)
		}
		p.Close()
	})
}

// The bound on sockets holds: who finds no identifier free is told at once.
func TestTooManyInFlightAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		p := open(t, Config{Servers: at(addr1), Dial: w.dial, Sockets: 1})
		var busy, down atomic.Int32
		var wg sync.WaitGroup
		for range 300 {
			wg.Go(func() {
				switch _, err := ask(p, papRequest(t, "a@b.example", "pw")); {
				case errors.Is(err, realms.ErrServerBusy):
					busy.Add(1)
				case errors.Is(err, realms.ErrUpstreamDown):
					down.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if b, d := busy.Load(), down.Load(); b < 44 || b > 46 || b+d != 300 {
			t.Errorf("%d told that we are busy, %d unanswered", b, d)
		}
		p.Close()
	})
}

// A full socket buffer, say, keeps a request from leaving: it goes out once more, and if
// that fails too nobody is left waiting in its identifier.
func TestARequestThatCannotLeave(t *testing.T) {
	for _, c := range []struct {
		failures int32
		want     error
	}{{1, nil}, {2, realms.ErrUpstreamDown}} {
		synctest.Test(t, func(t *testing.T) {
			var w wire
			w.serve(addr1, echo)
			var failures atomic.Int32
			failures.Store(c.failures)
			p := open(t, Config{Servers: at(addr1), Dial: func(ctx context.Context, address string) (net.Conn, error) {
				conn, err := w.dial(ctx, address)
				return fullConn{conn, &failures}, err
			}})
			if _, err := ask(p, papRequest(t, "a@b.example", "pw")); !errors.Is(err, c.want) {
				t.Errorf("after %d failures: %v, want %v", c.failures, err, c.want)
			}
			for _, k := range p.servers[0].openSockets() {
				k.mu.Lock()
				n := 0
				for i := range k.slots {
					slot := &k.slots[i]
					if slot.waiting && !slot.status { // a Status-Server may be under way
						n++
					}
				}
				k.mu.Unlock()
				if n != 0 {
					t.Errorf("after %d failures %d wait, and nobody does", c.failures, n)
				}
			}
			p.Close()
		})
	}
}

// A fullConn fails to send so many Access-Requests.
type fullConn struct {
	net.Conn
	failures *atomic.Int32
}

func (c fullConn) Write(b []byte) (int, error) {
	if radius.Code(b[0]) == radius.CodeAccessRequest && c.failures.Add(-1) >= 0 {
		return 0, syscall.ENOBUFS
	}
	return c.Conn.Write(b)
}

// A whole EAP conversation through two rounds: R25, P8, R17, the State, the keys,
// and a controller that repeats its last response under a new identifier.
func TestAConversation(t *testing.T) {
	var requests atomic.Int32
	address := onUDP(t, func(in *radius.Packet) []byte {
		if b, ok := status(in); ok {
			return b
		}
		requests.Add(1)
		if got := string(in.Get(rfc5580.OperatorName_Type)); got != "1ward7.northbridge.nhs.uk" {
			t.Errorf("Operator-Name %q", got)
		}
		if _, ok := in.Lookup(rfc2865.State_Type); !ok {
			out := reply(in, radius.CodeAccessChallenge)
			out.Add(rfc2865.State_Type, []byte{0, 1, 2, 0xff})
			addEAP(out, eapPacket(1, 6, bytes.Repeat([]byte{21}, 700)...))
			return sign(out)
		}
		if got := in.Get(rfc2865.State_Type); !bytes.Equal(got, []byte{0, 1, 2, 0xff}) {
			t.Errorf("State %x", got)
		}
		out := reply(in, radius.CodeAccessAccept)
		out.Attributes = append(out.Attributes, mppe(16, sendKey, in.Authenticator), mppe(17, recvKey, in.Authenticator))
		out.Attributes = append(out.Attributes, placements()...)
		addEAP(out, eapPacket(3, 6))
		return sign(out)
	})
	p := open(t, Config{
		Servers: at(address), OperatorName: "northbridge.nhs.uk",
		OperatorNames: map[string]string{"Ward 7": "ward7.northbridge.nhs.uk"},
	})
	c := p.Open(realms.Question{Site: "Ward 7"})
	first := identity(5, "@camford.ac.uk")
	a, err := c.Answer(t.Context(), askEAP("@camford.ac.uk", first))
	if err != nil || a.Code != radius.CodeAccessChallenge || len(a.EAP) != 704 || !bytes.Equal(a.State, []byte{0, 1, 2, 0xff}) {
		t.Fatalf("%+v, %v", a, err)
	}
	again, err := c.Answer(t.Context(), askEAP("@camford.ac.uk", first))
	if err != nil || !bytes.Equal(again.EAP, a.EAP) || requests.Load() != 1 {
		t.Errorf("the repetition got %+v, %v after %d requests", again, err, requests.Load())
	}
	a, err = c.Answer(t.Context(), askEAP("@camford.ac.uk", eapPacket(2, 6, 21, 0)))
	if err != nil || a.Code != radius.CodeAccessAccept || !bytes.Equal(a.Keys.Recv, recvKey) || !bytes.Equal(a.Keys.Send, sendKey) {
		t.Errorf("%+v, %v", a, err)
	}
	if tr := c.Trace(); tr.Rounds != 2 || tr.Server != "roam1" || tr.Stage != "accepted" {
		t.Errorf("%+v", tr)
	}
	a, err = c.Answer(t.Context(), askEAP("root@northbridge.nhs.uk", eapPacket(2, 7, 21, 0)))
	if !errors.Is(err, realms.ErrConversationUnknown) || a.Code != radius.CodeAccessReject || requests.Load() != 2 {
		t.Errorf("R8: a conversation changed its name: %+v, %v", a, err)
	}
}

func TestTheWordsOfARejection(t *testing.T) {
	address := onUDP(t, func(in *radius.Packet) []byte {
		out := reply(in, radius.CodeAccessReject)
		out.Add(rfc2865.ReplyMessage_Type, []byte("secret reason"))
		if _, ok := in.Lookup(79); ok {
			addEAP(out, eapPacket(4, 5))
		}
		if strings.HasPrefix(rfc2865.UserName_GetString(in), "odd") {
			out.Code = radius.CodeAccessAccept
		}
		return sign(out)
	})
	p := open(t, Config{Servers: at(address)})
	for user, want := range map[string]error{"ana@b.example": realms.ErrUpstreamRejected, "odd@b.example": realms.ErrUpstreamReply} {
		c := p.Open(realms.Question{})
		a, err := c.Answer(t.Context(), askEAP(user, identity(5, user)))
		if !errors.Is(err, want) || !strings.HasPrefix(err.Error(), "upstream roam1: ") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", user, err)
		}
		if a.Code != radius.CodeAccessReject || !bytes.Equal(a.EAP, []byte{4, 5, 0, 4}) {
			t.Errorf("%s: %+v", user, a)
		}
		var reason realms.Reason
		if !errors.As(err, &reason) || reason.Reason() != want.Error() {
			t.Errorf("%s: the reason is %q", user, reason)
		}
		if got := c.Trace().Server; got != "roam1" {
			t.Errorf("%s: trace names %q", user, got)
		}
	}
}

// S1's exception is for one server, by name.
func TestS1TheExceptionIsPerServer(t *testing.T) {
	address := onUDP(t, func(in *radius.Packet) []byte { return withoutMAC(reply(in, radius.CodeAccessAccept)) })
	servers := at(address)
	servers[0].WithoutMessageAuthenticator = true
	p := open(t, Config{Servers: servers})
	if a, err := ask(p, papRequest(t, "a@b.example", "pw")); err != nil || a.Code != radius.CodeAccessAccept {
		t.Errorf("%+v, %v", a, err)
	}
}

// Answers that nobody asked for: from the right address, with every identifier.
func TestSpoofedIdentifiersAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wire
		w.serveRaw(addr1, func(b []byte, answer func([]byte, time.Duration)) {
			in := parse(t, b)
			if in.Code != radius.CodeAccessRequest {
				return
			}
			for id := range 256 {
				out := reply(in, radius.CodeAccessAccept)
				out.Identifier = byte(id)
				out.Authenticator[0]++ // a guess
				answer(sign(out), time.Millisecond)
			}
			answer(echo(in), 20*time.Millisecond)
		})
		p := open(t, Config{Servers: at(addr1), Dial: w.dial})
		if a, err := ask(p, papRequest(t, "a@b.example", "pw")); err != nil || a.UserName != "a@b.example" {
			t.Errorf("%+v, %v", a, err)
		}
		if d := p.Status()[0].Dropped; d.Unasked < 250 || d.Forged < 1 || d.Unasked+d.Forged != 256 {
			t.Errorf("%+v", d)
		}
		p.Close()
	})
}

// Identifiers are used in turn: 256 exchanges one after the other use each once,
// so that a late reply meets its own request or none.
func TestIdentifiersRestAsLongAsTheyCan(t *testing.T) {
	seen := make(chan byte, 512)
	address := onUDP(t, func(in *radius.Packet) []byte {
		if in.Code == radius.CodeAccessRequest {
			seen <- in.Identifier
		}
		return echo(in)
	})
	p := open(t, Config{Servers: at(address)})
	used := map[byte]bool{}
	for range 250 { // a Status-Server or two take theirs
		if _, err := ask(p, papRequest(t, "a@b.example", "pw")); err != nil {
			t.Fatal(err)
		}
		used[<-seen] = true
	}
	if len(used) != 250 {
		t.Errorf("250 requests used %d identifiers", len(used))
	}
}

func TestCloseLeavesNothingRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	address := onUDP(t, echo)
	p, err := New(Config{Name: "eduroam", Servers: at(address), Dial: dialUDP})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 600 {
		wg.Go(func() { _, _ = ask(p, papRequest(t, "a@b.example", "pw")) })
	}
	wg.Wait()
	p.Close()
	p.Close()
	after := runtime.NumGoroutine()
	for range 1000 { // the last ones are on their way out
		if after = runtime.NumGoroutine(); after <= before+1 { // the fake upstream's
			break
		}
		time.Sleep(time.Millisecond)
	}
	if after > before+1 {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
	if s := p.Status()[0]; s.Sockets != 0 || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
}

func TestProblemsOfAConfiguration(t *testing.T) {
	good := func(change func(c *Config)) Config {
		c := Config{Name: "eduroam", Servers: at("192.0.2.1", "192.0.2.2:1645"), Dial: dialUDP}
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		c    Config
		want []string
	}{
		"nothing at all":  {Config{}, []string{"dial", "name", "servers"}},
		"no secret":       {good(func(c *Config) { c.Servers[1].Secret = "" }), []string{"servers[1].secret"}},
		"the same twice":  {good(func(c *Config) { c.Servers[1] = c.Servers[0]; c.Servers[1].Address = "192.0.2.1:1812" }), []string{"servers[1].address", "servers[1].name"}},
		"no address":      {good(func(c *Config) { c.Servers[0].Address = "" }), []string{"servers[0].address"}},
		"a bad port":      {good(func(c *Config) { c.Servers[0].Address = "192.0.2.1:radius" }), []string{"servers[0].address"}},
		"a URL":           {good(func(c *Config) { c.Servers[0].Address = "radius://192.0.2.1" }), []string{"servers[0].address"}},
		"no host":         {good(func(c *Config) { c.Servers[0].Address = ":1812" }), []string{"servers[0].address"}},
		"Operator-Names":  {good(func(c *Config) { c.OperatorName = "Northbridge"; c.OperatorNames = map[string]string{"a": "-x.uk"} }), []string{"operator_name", "operator_name"}},
		"endless":         {good(func(c *Config) { c.Patience = time.Minute }), []string{"patience"}},
		"fail-over late":  {good(func(c *Config) { c.FailOver = 20 * time.Second }), []string{"fail_over"}},
		"probes too rare": {good(func(c *Config) { c.ProbeInterval = time.Hour }), []string{"probe_interval"}},
		"negative":        {good(func(c *Config) { c.Retransmit = -1; c.Sockets = -1; c.ProxyStates = -1 }), []string{"proxy_states", "retransmit", "sockets"}},
	} {
		p, err := New(c.c)
		var found realms.Problems
		if p != nil || !errors.As(err, &found) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var keys []string
		for _, f := range found {
			keys = append(keys, f.Key)
			if f.Text == "" || f.Fix == "" || strings.Contains(f.Error(), upstreamSecret) {
				t.Errorf("%s: %+v", name, f)
			}
		}
		slices.Sort(keys)
		if !slices.Equal(keys, c.want) {
			t.Errorf("%s: found %q, want %q", name, keys, c.want)
		}
	}
}

func TestAddressesHaveAPort(t *testing.T) {
	for in, want := range map[string]string{
		"198.51.100.11": "198.51.100.11:1812", "198.51.100.11:1645": "198.51.100.11:1645",
		"2001:db8::1": "[2001:db8::1]:1812", "[2001:db8::1]": "[2001:db8::1]:1812", "[2001:db8::1]:1": "[2001:db8::1]:1",
		"roaming0.example.net": "roaming0.example.net:1812",
	} {
		if got, err := withPort(in, "1812"); got != want || err != nil {
			t.Errorf("%s is %s, %v", in, got, err)
		}
	}
}

// BenchmarkExchange is one password through a real upstream on loopback, which
// shares the processor. Allocations are those of both sides of the pool, not of
// the upstream, whose answer is made in place.
func BenchmarkExchange(b *testing.B) {
	p := open(b, Config{Servers: at(leanEcho(b))})
	request := papRequest(b, "ana@camford.ac.uk", "correct horse")
	request.Add(31, []byte("0010a42319c0"))
	request.Add(30, []byte("02:03:04:05:06:07:eduroam"))
	b.ReportAllocs()
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := ask(p, request); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "exchanges/s")
}
