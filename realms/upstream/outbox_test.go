package upstream

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/ipv4"

	"causeway/realms"
)

// packetOf makes a packet for an identifier, as long as it says.
func packetOf(id byte, length int) []byte {
	b := make([]byte, length)
	b[0], b[1], b[4] = 1, id, id
	binary.BigEndian.PutUint16(b[2:], uint16(length)) //nolint:gosec // a test's own
	return b
}

// A kernel takes datagrams and says what it is told to, once for each call.
type kernel struct {
	says  []error
	most  int    // in one call
	took  []byte // their identifiers
	calls []int  // how many came in each
}

func (k *kernel) WriteBatch(ms []ipv4.Message, _ int) (int, error) {
	k.calls = append(k.calls, len(ms))
	if len(k.says) > 0 {
		err := k.says[0]
		k.says = k.says[1:]
		if err != nil {
			return 0, err
		}
	}
	n := min(len(ms), k.most)
	for _, m := range ms[:n] {
		if b := m.Buffers[0]; int(binary.BigEndian.Uint16(b[2:])) == len(b) {
			k.took = append(k.took, b[1])
		}
	}
	return n, nil
}

func waitingIn(k *socket, ids ...byte) {
	for _, id := range ids {
		k.slots[id].waiting, k.slots[id].done = true, make(chan outcome, 1)
		k.slots[id].auth[0] = id
		k.waiting.Add(1)
	}
}

// What is queued leaves in order, each packet whole, and never more together than a call
// may take.
func TestPacketsLeaveTogether(t *testing.T) {
	k := newSocket(nil, nil, nil, identifiers)
	to := &kernel{most: together}
	var want []byte
	for id := range byte(40) {
		if err := k.outbox.post(packetOf(id, 20+int(id)*3)); err != nil {
			t.Fatal(err)
		}
		want = append(want, id)
	}
	if !k.datagramWriter(to)(k.outbox.take(nil)) || !slices.Equal(to.took, want) || !slices.Equal(to.calls, []int{16, 16, 8}) {
		t.Errorf("left %v in calls of %v", to.took, to.calls)
	}
}

// A call may take some; an ICMP "port unreachable" of long ago takes nothing and costs
// nobody anything; what the kernel refuses is told to whoever waits for it, and only that.
func TestWhatTheKernelRefuses(t *testing.T) {
	refused, full := syscall.ECONNREFUSED, syscall.ENOBUFS
	for name, c := range map[string]struct {
		says  []error
		most  int
		took  []byte
		lost  []byte
		ended bool
	}{
		"nothing":            {nil, 3, []byte{1, 2, 3}, nil, false},
		"all but one a call": {nil, 1, []byte{1, 2, 3}, nil, false},
		"an old ICMP":        {[]error{refused}, 3, []byte{1, 2, 3}, nil, false},
		"nobody is there":    {[]error{refused, refused}, 3, []byte{2, 3}, nil, false},
		"two old ICMPs":      {[]error{refused, nil, refused}, 1, []byte{1, 2, 3}, nil, false},
		"the first":          {[]error{full}, 3, []byte{2, 3}, []byte{1}, false},
		"the second":         {[]error{nil, full}, 1, []byte{1, 3}, []byte{2}, false},
		"an ICMP, then full": {[]error{refused, full}, 3, []byte{2, 3}, []byte{1}, false},
		"all":                {[]error{full, full, full}, 3, nil, []byte{1, 2, 3}, false},
		"it is closed":       {[]error{net.ErrClosed}, 3, nil, nil, true},
	} {
		k := newSocket(nil, nil, nil, identifiers)
		waitingIn(k, 1, 2, 3)
		to := &kernel{says: c.says, most: c.most}
		goesOn := k.datagramWriter(to)(slices.Concat(packetOf(1, 20), packetOf(2, 33), packetOf(3, 21)))
		var gone []byte
		for id := range byte(4) {
			if s := &k.slots[id]; id > 0 && !s.waiting {
				gone = append(gone, id)
				if end := <-s.done; end != lost || !errors.Is(s.failure, full) {
					t.Errorf("%s: %d ended as %d, %v", name, id, end, s.failure)
				}
			}
		}
		if goesOn == c.ended || !slices.Equal(to.took, c.took) || !slices.Equal(gone, c.lost) {
			t.Errorf("%s: took %v, lost %v, goes on: %v", name, to.took, gone, goesOn)
		}
		if n := int(k.waiting.Load()); n != 3-len(c.lost) {
			t.Errorf("%s: %d wait", name, n)
		}
	}
}

// Only the request itself is told: a repetition may still be answered, a Status-Server
// shows as a missing answer, and who has the identifier now has sent something else.
func TestAFailureIsOfOneRequest(t *testing.T) {
	for name, change := range map[string]func(*slot){
		"its repetition":   func(s *slot) { s.repeated = true },
		"a Status-Server":  func(s *slot) { s.status = true },
		"another's slot":   func(s *slot) { s.auth[15] = 1 },
		"nobody waits now": func(s *slot) { s.waiting = false },
	} {
		k := newSocket(nil, nil, nil, identifiers)
		waitingIn(k, 7)
		s := &k.slots[7]
		change(s)
		before := s.waiting
		k.failed(packetOf(7, 20), syscall.ENETUNREACH)
		if s.waiting != before || s.failure != nil || len(s.done) != 0 {
			t.Errorf("%s: waiting %v, %v", name, s.waiting, s.failure)
		}
	}
}

// An outbox is bounded, and takes nothing after its end.
func TestAnOutboxIsBounded(t *testing.T) {
	o := newOutbox()
	b := packetOf(1, maxPacket)
	for range mostQueued / maxPacket {
		if err := o.post(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.post(b); err == nil {
		t.Error("one more than it holds")
	}
	o.take(nil)
	if err := o.post(b); err != nil {
		t.Error(err)
	}
	o.end()
	o.end()
	if err := o.post(b); err == nil || !o.over {
		t.Error("taken after the end")
	}
}

// Over IPv6 as over IPv4, on real sockets.
func TestAnUpstreamByIPv6(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv6loopback})
	if err != nil {
		t.Skip("this machine has no IPv6: ", err)
	}
	answerOn(t, conn, accepts)
	p := open(t, Config{Servers: at(conn.LocalAddr().String())})
	for range 3 {
		if a, err := ask(p, papRequest(t, "a@b.example", "pw")); err != nil || a.Code != 2 {
			t.Errorf("%v, %v", a.Code, err)
		}
	}
}

// A network that cannot be reached is told in words, and nobody waits for it.
func TestANetworkThatCannotBeReached(t *testing.T) {
	k := newSocket(nil, nil, nil, identifiers)
	waitingIn(k, 1)
	k.datagramWriter(&kernel{says: []error{syscall.ENETUNREACH}})(packetOf(1, 20))
	s := newServer(open(t, Config{Servers: at(addr1), Dial: (&wire{}).dial}), at(addr1)[0])
	if err := s.cutOff(&k.slots[1]); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("%v", err)
	}
}

// A numb connection hears and cannot send, as one whose own address the machine has no
// longer.
type numb struct{ net.Conn }

func (numb) Write([]byte) (int, error) { return 0, syscall.ENETUNREACH }

// numbFirst is a pool whose first socket is numb; the server never answers Status-Server.
func numbFirst(t *testing.T) *Pool {
	var w wire
	w.serve(addr1, accepts)
	first := true
	servers := at(addr1)
	servers[0].WithoutStatusServer = true
	return open(t, Config{Servers: servers, Dial: func(ctx context.Context, address string) (net.Conn, error) {
		conn, err := w.dial(ctx, address)
		if first {
			first, conn = false, numb{conn}
		}
		return conn, err
	}})
}

// A socket from which nothing can leave any more is replaced, whether or not the server
// would be found dead: of one that answers no Status-Server nobody would find out.
func TestASocketFromWhichNothingLeaves(t *testing.T) {
	p := numbFirst(t)
	for range 4 * mostBroken {
		a, err := ask(p, papRequest(t, "a@b.example", "pw"))
		if err == nil && a.Code == 2 {
			return
		}
	}
	t.Error("nothing leaves for ever")
}

// Who waits for an answer keeps the socket: what was sent before may still be answered.
func TestASocketOnWhichSomebodyWaits(t *testing.T) {
	p := numbFirst(t)
	s := p.servers[0]
	<-s.openForTest()
	k := s.openSockets()[0]
	k.wait(t.Context(), 200, &[16]byte{1}, time.Now(), time.Now().Add(time.Minute), time.Minute)
	for range mostBroken {
		if _, err := ask(p, papRequest(t, "a@b.example", "pw")); !errors.Is(err, realms.ErrUpstreamDown) {
			t.Fatal(err)
		}
	}
	if got := s.openSockets(); len(got) != 1 || got[0] != k {
		t.Error("the socket was given up")
	}
}

func (s *server) openForTest() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open()
}

// What has not left does not count as sent.
func TestWhatCouldNotLeaveIsNotSent(t *testing.T) {
	p := numbFirst(t)
	if _, err := ask(p, papRequest(t, "a@b.example", "pw")); !errors.Is(err, realms.ErrUpstreamDown) {
		t.Fatal(err)
	}
	if s := p.Status()[0]; s.Sent != 0 {
		t.Errorf("%d sent", s.Sent)
	}
}

// The kernel's own refusal, on a real socket: the error says from where to where, and
// what comes after leaves.
func TestWhatARealKernelRefuses(t *testing.T) {
	there, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = there.Close() })
	conn, err := dialUDP(t.Context(), there.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	k := newSocket(nil, conn, nil, identifiers)
	waitingIn(k, 1, 2, 3)
	const tooLong = 65535
	k.datagramWriter(datagramsOf(conn))(slices.Concat(packetOf(2, 20), packetOf(1, tooLong), packetOf(3, 21)))
	failure := k.slots[1].failure
	if !errors.Is(failure, syscall.EMSGSIZE) || !strings.Contains(failure.Error(), conn.LocalAddr().String()+"->"+there.LocalAddr().String()) {
		t.Errorf("%v", failure)
	}
	buf := make([]byte, maxPacket)
	for _, want := range []int{20, 21} {
		if n, err := there.Read(buf); n != want || err != nil {
			t.Errorf("%d octets, %v", n, err)
		}
	}
}
