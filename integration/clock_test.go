package integration

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"causeway/integration/wallclock"
	"causeway/radiusd/supplicant"
)

// Holds F17: the clock on the wall of a running radiusd jumps a day forwards and a day
// back, each time in the middle of everything that waits. Log-ins go on to their end,
// nothing is over before its time, nothing comes in a flood, and nothing waits for a day.
//
// Waits of this story have lower bounds that are far from what is measured, and upper
// ones that are far from a day: a busy machine fails no run.
func TestF17TheClockJumps(t *testing.T) {
	t.Parallel()
	program := radiusdProgram(t)
	w := openWard(t, program)
	w.darken()
	w.jump(24 * time.Hour)
	w.jump(0)
	w.goesOn()
}

// A ward is a running radiusd whose clock can be set, and its neighbours: home, of whom
// all is well, tls, who is reached by RadSec, gone, who has fallen silent, and back, who
// had.
type ward struct {
	*service
	clock     *wallclock.Clock
	home, tls *neighbour
	gone      *neighbour
	back      *neighbour
	aps       net.Conn // access points that speak RadSec

	abandoned []string // devices that fell silent just before a jump
	storms    []*waiter
	repeated  []*waiter
}

// A waiter is one device, with what it asked.
type waiter struct {
	mac    string
	conn   net.Conn
	octets []byte
	reply  []byte
	sent   time.Time
}

func openWard(t *testing.T, program string) *ward {
	s := houseFor(t)
	w := &ward{home: s.neighbour("home"), gone: s.neighbour("gone"), back: s.neighbour("back"), tls: s.neighbourByTLS("tls")}
	s.know["neighbours"] = []string{"home", "gone", "back", "tls"}
	w.service = s.serveBy(func(cmd *exec.Cmd) (err error) {
		w.clock, err = wallclock.Start(cmd)
		if errors.Is(err, wallclock.ErrCannot) {
			t.Skip(err)
		}
		return err
	}, program, s.fill("clock.toml"))
	t.Cleanup(func() { _ = w.clock.Close() })
	w.up(w.output)
	at := regexp.MustCompile(`radsec (127\.0\.0\.1:\d+)`).FindStringSubmatch(w.output())
	pair := s.certificate("aps")
	conn, err := tls.Dial("tcp", at[1], &tls.Config{Certificates: []tls.Certificate{*pair}, InsecureSkipVerify: true}) //nolint:gosec // who it is does not matter here
	s.must(err)
	t.Cleanup(func() { _ = conn.Close() })
	w.aps = conn
	return w
}

// darken has two neighbours fall silent until they are dead, and one of them come back.
func (w *ward) darken() {
	for _, n := range []*neighbour{w.home, w.gone, w.back} {
		w.eventually(n.name+" is asked how it is, and answers", func() bool { return n.count("status") > 0 })
	}
	for _, n := range []*neighbour{w.gone, w.back} {
		n.silence(true)
		w.ask("user@"+n.name+".ac.uk", newMAC(), nil) // the answer is a Reject, and nobody waits for it
	}
	w.eventually("two are dead", func() bool { return w.went("gone", "dead") && w.went("back", "dead") })
	w.back.silence(false)
	w.eventually("one is back, on probation", func() bool { return w.went("back", "probation") })
}

// jump sets the clock with everything under way, and sees it end well.
func (w *ward) jump(ahead time.Duration) {
	// Under way: one log-in of each method, held in its middle.
	ready, again := make(chan struct{}, 3), make(chan struct{})
	var all sync.WaitGroup
	for method, cfg := range w.devices() {
		if method == "ttls-mschapv2" {
			continue
		}
		c := w.controller("127.0.0.1", newMAC())
		c.Conn = &hooked{Conn: c.Conn, n: 4, do: func() { ready <- struct{}{}; <-again }}
		p := w.peer(cfg)
		all.Go(func() {
			if result, err := c.Login(w.Context(), p); !result.Accepted() || result.Retransmits != 0 {
				w.Errorf("%s over the jump: %v, %v", method, result.Code, err)
			}
		})
	}
	for range 3 {
		<-ready
	}
	// One that home answers, held as well; one that it lets wait; one that it refuses
	// again and again; a wrong password; a good one; a device that goes away.
	long := w.ask("long@home.ac.uk", newMAC(), nil)
	challenge := w.answered(long)
	slow := w.ask("slow@home.ac.uk", newMAC(), nil)
	storm := &waiter{mac: newMAC()}
	for range 3 {
		w.ask("wrong@home.ac.uk", storm.mac, nil)
	}
	w.eventually("home has refused it three times", func() bool { return len(w.ended(storm.mac)) == 3 })
	storm.sent = time.Now()
	gone := newMAC()
	cfg := w.devices()["peap-mschapv2"]
	cfg.Abandon = 3
	if _, err := w.controller("127.0.0.1", gone).Login(w.Context(), w.peer(cfg)); !errors.Is(err, supplicant.ErrAbandoned) {
		w.Fatal(err)
	}
	good := w.send1(accessRequest(1, nurse, newMAC()).password(goodPassword))
	if reply := w.answered(good); reply.Code != radius.CodeAccessAccept {
		w.Fatalf("a good password: %v", reply.Code)
	}
	wrong := w.send1(accessRequest(1, nurse, newMAC()).password("wrong"))
	w.eventually("the wrong one is judged", func() bool { return len(w.ended(wrong.mac)) == 1 })
	w.eventually("home has the request that it lets wait", func() bool { return w.home.count(slow.mac) > 0 })
	changes, statuses, began := w.changes(), w.statuses(), time.Now()

	w.must(w.clock.Set(ahead))

	close(again)
	if reply := w.answered(w.ask("long@home.ac.uk", long.mac, challenge.Get(rfc2865.State_Type))); reply.Code != radius.CodeAccessAccept {
		w.Errorf("the one at home, over the jump: %v", reply.Code)
	}
	if reply := w.answered(wrong); reply.Code != radius.CodeAccessReject {
		w.Errorf("a wrong password over the jump: %v", reply.Code)
	}
	if waited := time.Since(wrong.sent); waited < 1500*time.Millisecond {
		w.Errorf("a Reject that is to wait for 2 s came after %v", waited)
	}
	w.send(good.conn, good.octets)
	if again := w.receive(good.conn); !bytes.Equal(again, good.reply) || len(w.ended(good.mac)) != 1 {
		w.Errorf("a repeated request is answered anew")
	}
	now := w.send1(accessRequest(2, nurse, newMAC()).password(goodPassword))
	if reply := w.answered(now); reply.Code != radius.CodeAccessAccept {
		w.Errorf("a good password after the jump: %v", reply.Code)
	}
	w.eventually("its line", func() bool { return len(w.ended(now.mac)) == 1 })
	if off := w.ended(now.mac)[0].Time.Sub(now.sent.Add(ahead)); off.Abs() > time.Minute {
		w.Errorf("with the clock %v ahead the log is off by %v", ahead, off)
	}
	if reply := w.answered(w.ask("user@tls.ac.uk", newMAC(), nil)); reply.Code != radius.CodeAccessAccept {
		w.Errorf("by RadSec: %v", reply.Code)
	}
	w.overTLS(byte(ahead / time.Hour))
	w.ask("wrong@home.ac.uk", storm.mac, nil)
	w.eventually("the storm is answered", func() bool { return len(w.ended(storm.mac)) == 4 })
	if reason := w.ended(storm.mac)[3].Reason; reason != "reject-storm" && time.Since(storm.sent) < 14*time.Second {
		w.Errorf("a storm that is to be held goes on: %s", reason)
	}
	if reply := w.answered(slow); reply.Code != radius.CodeAccessAccept { // home answers the third time
		w.Errorf("the one that home let wait: %v", reply.Code)
	}
	if at := w.home.arrivals(slow.mac); len(at) != 3 || at[1].Sub(at[0]) < time.Second || at[2].Sub(at[1]) < 2*time.Second {
		w.Errorf("it was sent at %v: 2 s and 4 s are to lie between", at)
	}
	all.Wait()
	w.quietly(began, statuses)
	if n := w.tls.count("connections"); n != 1 {
		w.Errorf("%d connections by RadSec", n)
	}
	if got := w.changes(); !slices.Equal(got, changes) && time.Since(began) < 20*time.Second {
		w.Errorf("health has changed: %q, before %q", got, changes)
	}
	for _, mac := range append(w.abandoned, gone) {
		if n := len(w.ended(mac)); n != 0 && time.Since(began) < 25*time.Second {
			w.Errorf("a device that is silent for seconds is given up")
		}
	}
	w.abandoned = append(w.abandoned, gone)
	w.storms, w.repeated = append(w.storms, storm), append(w.repeated, good)
}

// goesOn sees everything come that was to come after seconds, the clock having been set
// back by a day.
func (w *ward) goesOn() {
	began, statuses := time.Now(), w.statuses()
	for _, r := range w.repeated {
		w.within(time.Minute, "a reply is forgotten after its 10 s", func() bool {
			time.Sleep(200 * time.Millisecond) // between two tries, as a device waits
			w.send(r.conn, r.octets)
			_ = w.receive(r.conn)
			return len(w.ended(r.mac)) == 2
		})
	}
	for _, r := range w.storms {
		tries := len(w.ended(r.mac))
		w.within(time.Minute, "a storm's hold ends after its 15 s", func() bool {
			time.Sleep(200 * time.Millisecond)
			w.ask("wrong@home.ac.uk", r.mac, nil)
			tries++
			w.eventually("it is answered", func() bool { return len(w.ended(r.mac)) == tries })
			return w.ended(r.mac)[tries-1].Reason == "upstream-rejected"
		})
	}
	for _, mac := range w.abandoned {
		w.within(time.Minute, "who is silent for 30 s is given up", func() bool {
			told := w.ended(mac)
			return len(told) == 1 && told[0].Outcome == "abandoned"
		})
	}
	for name, n := range map[string]*neighbour{"home": w.home, "gone": w.gone, "tls": w.tls} {
		w.within(time.Minute, name+" is asked how it is", func() bool { return n.count("status") > statuses[name] })
	}
	w.within(time.Minute, "the probation ends", func() bool { return w.went("back", "alive") })
	want := []string{"back: alive", "back: dead", "back: probation", "back: suspect", "gone: dead", "gone: suspect"}
	if got := slices.Sorted(slices.Values(w.changes())); !slices.Equal(got, want) {
		w.Errorf("health went %q, want %q", got, want)
	}
	if n := w.tls.count("connections"); n != 1 {
		w.Errorf("%d connections by RadSec", n)
	}
	w.overTLS(3)
	w.quietly(began, statuses)
	if result, err := w.controller("127.0.0.1", newMAC()).Login(w.Context(), w.peer(w.devices()["tls"])); !result.Accepted() {
		w.Errorf("at last: %v, %v", result.Code, err)
	}
	w.signal(syscall.SIGTERM)
	if code := w.ends(10 * time.Second); code != 0 {
		w.Errorf("exit code %d", code)
	}
}

// quietly says that nobody has been asked how it is more often than every other second.
func (w *ward) quietly(since time.Time, before map[string]int) {
	w.Helper()
	for name, n := range w.statuses() {
		if most := 3 + int(time.Since(since)/(2*time.Second)); n-before[name] > most {
			w.Errorf("%s was asked %d times in %v how it is", name, n-before[name], time.Since(since))
		}
	}
}

func (w *ward) statuses() map[string]int {
	return map[string]int{"home": w.home.count("status"), "gone": w.gone.count("status"), "back": w.back.count("status"), "tls": w.tls.count("status")}
}

// ask sends what a device says to a neighbour, and waits for nothing.
func (w *ward) ask(name, mac string, state []byte) *waiter {
	w.Helper()
	p := identity(1, name, mac)
	if state != nil {
		p = accessRequest(2, name, mac).add(rfc2869.EAPMessage_Type, []byte{2, 8, 0, 6, 4, 0}).add(rfc2865.State_Type, state)
	}
	return w.send1(p)
}

func (w *ward) send1(p *ask) *waiter {
	w.Helper()
	q := &waiter{conn: w.dial("127.0.0.1", "auth"), octets: p.encode(), mac: string(p.attributes[2].Attribute)}
	q.sent = time.Now()
	w.send(q.conn, q.octets)
	return q
}

func (w *ward) answered(q *waiter) *radius.Packet {
	w.Helper()
	q.reply = w.receive(q.conn)
	return w.verified(q.octets, q.reply)
}

// overTLS asks radiusd how it is, on the connection that has been there from the start.
func (w *ward) overTLS(id byte) {
	w.Helper()
	question := []byte{byte(radius.CodeStatusServer), id, 0, 38, 19: 0, 20: 80, 21: 18, 37: 0}
	mac := hmac.New(md5.New, []byte("radsec"))
	_, _ = mac.Write(question)
	copy(question[22:], mac.Sum(nil))
	_, err := w.aps.Write(question)
	w.must(err)
	w.must(w.aps.SetReadDeadline(time.Now().Add(20 * time.Second)))
	reply, err := readFrame(w.aps)
	if err != nil || reply[0] != byte(radius.CodeAccessAccept) || reply[1] != id {
		w.Errorf("the access points' own connection: %x, %v", reply, err)
	}
}

// A told is one line of the log.
type told struct {
	Time                              time.Time
	Msg, MAC, Outcome, Reason, Server string
	From, To                          string
}

func (w *ward) lines(which func(*told) bool) (found []told) {
	for line := range strings.Lines(w.output()) {
		var l told
		if json.Unmarshal([]byte(line), &l) == nil && which(&l) {
			found = append(found, l)
		}
	}
	return found
}

func (w *ward) ended(mac string) []told {
	return w.lines(func(l *told) bool { return l.Msg == "ended" && strings.EqualFold(l.MAC, mac) })
}

// changes are those of the health of neighbours.
func (w *ward) changes() (all []string) {
	for _, l := range w.lines(func(l *told) bool { return l.From != "" && l.Server != "" }) {
		all = append(all, l.Server+": "+l.To)
	}
	return all
}

func (w *ward) went(server, to string) bool { return slices.Contains(w.changes(), server+": "+to) }

// A neighbour is a pretend server of another organisation. What it does with a request
// hangs on the user: it refuses wrong, has two rounds with long, and answers slow when it
// is asked for the third time; everybody else it accepts.
type neighbour struct {
	name, secret string

	mu     sync.Mutex
	silent bool
	seen   map[string][]time.Time // what came, by its device; "status"; "connections"
}

// neighbour starts one over UDP. The story then knows its address by its name.
func (s *stage) neighbour(name string) *neighbour {
	n := &neighbour{name: name, secret: sharedSecret, seen: make(map[string][]time.Time)}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	s.must(err)
	s.know[name] = conn.LocalAddr().String()
	s.Cleanup(func() { _ = conn.Close() })
	go func() {
		b := make([]byte, 4096)
		for {
			size, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			if reply := n.answer(b[:size]); reply != nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	}()
	return n
}

// neighbourByTLS starts one that speaks RadSec.
func (s *stage) neighbourByTLS(name string) *neighbour {
	n := &neighbour{name: name, secret: "radsec", seen: make(map[string][]time.Time)}
	pem, err := os.ReadFile(filepath.Join(s.dir, "federation-ca.pem"))
	s.must(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{*s.certificate("roam1")}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS12,
	})
	s.must(err)
	s.know[name] = listener.Addr().String()
	s.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			n.see("connections")
			s.Cleanup(func() { _ = conn.Close() })
			go func() {
				for {
					request, err := readFrame(conn)
					if err != nil {
						return
					}
					if reply := n.answer(request); reply != nil {
						_, _ = conn.Write(reply)
					}
				}
			}()
		}
	}()
	return n
}

// readFrame reads one packet of a stream.
func readFrame(r io.Reader) ([]byte, error) {
	b := make([]byte, 4096)
	if _, err := io.ReadFull(r, b[:4]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint16(b[2:]))
	if size < 20 || size > len(b) {
		return nil, fmt.Errorf("a packet of %d octets", size)
	}
	_, err := io.ReadFull(r, b[4:size])
	return b[:size], err
}

func (n *neighbour) silence(silent bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.silent = silent
}

func (n *neighbour) see(what string) (times int, silent bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen[what] = append(n.seen[what], time.Now())
	return len(n.seen[what]), n.silent
}

func (n *neighbour) count(what string) int { return len(n.arrivals(what)) }

func (n *neighbour) arrivals(what string) []time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.seen[what])
}

// answer is the reply to a packet; nil: silence.
func (n *neighbour) answer(b []byte) []byte {
	p, err := radius.Parse(bytes.Clone(b), []byte(n.secret))
	if err != nil {
		return nil
	}
	what := "status"
	if p.Code == radius.CodeAccessRequest {
		what = rfc2865.CallingStationID_GetString(p)
	}
	times, silent := n.see(what)
	user, _, _ := strings.Cut(rfc2865.UserName_GetString(p), "@")
	code, eap, state := radius.CodeAccessAccept, []byte{3, 7, 0, 4}, []byte(nil)
	switch {
	case silent, user == "slow" && times < 3:
		return nil
	case what == "status":
		eap = nil
	case user == "wrong":
		code, eap = radius.CodeAccessReject, []byte{4, 7, 0, 4}
	case user == "long" && p.Get(rfc2865.State_Type) == nil:
		code, eap, state = radius.CodeAccessChallenge, []byte{1, 8, 0, 6, 4, 0}, []byte("state of "+what)
	}
	return n.sign(b, code, eap, state, p)
}

// sign makes the reply: Message-Authenticator first, Proxy-State as it came.
func (n *neighbour) sign(request []byte, code radius.Code, eap, state []byte, p *radius.Packet) []byte {
	b := append([]byte{byte(code), request[1], 0, 0}, request[4:20]...)
	b = append(b, 80, 18)
	b = append(b, make([]byte, 16)...)
	add := func(kind radius.Type, value []byte) {
		if value != nil {
			b = append(append(b, byte(kind), byte(2+len(value))), value...)
		}
	}
	add(rfc2869.EAPMessage_Type, eap)
	add(rfc2865.State_Type, state)
	for _, a := range p.Attributes {
		if a.Type == rfc2865.ProxyState_Type {
			add(a.Type, a.Attribute)
		}
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	mac := hmac.New(md5.New, []byte(n.secret))
	_, _ = mac.Write(b)
	copy(b[22:], mac.Sum(nil))
	sum := md5.Sum(append(bytes.Clone(b), n.secret...))
	copy(b[4:], sum[:])
	return b
}
