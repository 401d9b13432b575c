package transport

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

func ask(client byte, port uint16, id byte) question {
	return newQuestion(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, client}), port), id)
}

var alice = &holder{name: "alice"}

var holders = [8]*holder{{}, {}, {}, {}, {}, {}, {}, {}}

func print(b byte) fingerprint { return fingerprint{authenticator: [16]byte{b}} }

func TestP30P31P32Duplicates(t *testing.T) {
	d := newDuplicates(10*time.Second, 100, 1<<20)
	now := time.Unix(1000, 0)
	q := ask(1, 1, 1)
	first, reply := d.begin(q, print(1), alice, now)
	if first == nil || reply != nil {
		t.Fatal("a first request is not fresh")
	}
	if again, reply := d.begin(q, print(1), alice, now.Add(time.Minute)); again != nil || reply != nil {
		t.Error("P31: in progress for however long, it began again")
	}
	if !d.finish(first, []byte("one"), now) {
		t.Error("finish")
	}
	if again, reply := d.begin(q, print(1), alice, now.Add(10*time.Second-1)); again != nil || string(reply) != "one" {
		t.Errorf("P30: %v %q", again, reply)
	}
	old, _ := d.begin(q, print(2), alice, now)
	if old == nil {
		t.Fatal("P32: a new authenticator is not a new request")
	}
	newer, _ := d.begin(q, print(3), alice, now)
	if newer == nil || d.finish(old, []byte("two"), now) {
		t.Error("P32: the reply to a superseded request was kept")
	}
	d.finish(newer, []byte("three"), now)
	if aged, reply := d.begin(q, print(3), alice, now.Add(10*time.Second)); aged == nil || reply != nil {
		t.Error("an aged reply was repeated")
	} else {
		d.forget(aged)
	}
	if n, octets := d.size(); n != 0 || octets != 0 || len(d.answers) != 0 {
		t.Errorf("%d answers, %d octets, %d in all left", n, octets, len(d.answers))
	}
}

// The same authenticator over different attributes is not a retransmission.
func TestP32RepeatedAuthenticator(t *testing.T) {
	d := newDuplicates(time.Second, 10, 1<<20)
	a := fingerprint{authenticator: [16]byte{1}, signature: [16]byte{1}}
	b := fingerprint{authenticator: [16]byte{1}, signature: [16]byte{2}}
	now := time.Unix(1000, 0)
	first, _ := d.begin(ask(1, 1, 1), a, alice, now)
	d.finish(first, []byte("one"), now)
	if fresh, reply := d.begin(ask(1, 1, 1), b, alice, now); fresh == nil || reply != nil {
		t.Error("another packet got the first one's reply")
	}
}

func TestS15DuplicatesEvictTheFlooder(t *testing.T) {
	d := newDuplicates(time.Minute, 1000, 1<<20)
	now := time.Unix(1000, 0)
	keep := func(client byte, port uint16, id byte) {
		fresh, _ := d.begin(ask(client, port, id), print(1), holders[client], now)
		d.finish(fresh, []byte("reply"), now)
	}
	for id := range 50 {
		keep(1, 1, byte(id))
	}
	for n := range 20000 {
		keep(2, uint16(n/256), byte(n))
	}
	for id := range 10 { // the quiet client's next replies cost the flooder, not itself
		keep(1, 1, byte(50+id))
	}
	for id := range 60 {
		if _, reply := d.begin(ask(1, 1, byte(id)), print(1), holders[1], now); reply == nil {
			t.Fatalf("the flood pushed out reply %d of the quiet client", id)
		}
	}
	if n, _ := d.size(); n != 1000 {
		t.Errorf("%d answers, want the bound of 1000", n)
	}
}

func TestDuplicatesBounds(t *testing.T) {
	d := newDuplicates(time.Minute, 1<<20, 100_000)
	now := time.Unix(1000, 0)
	for n := range 1000 {
		fresh, _ := d.begin(ask(byte(n%7), uint16(n), 1), print(1), holders[n%7], now)
		d.finish(fresh, make([]byte, 1000), now)
		if _, octets := d.size(); octets > 100_000 {
			t.Fatalf("%d octets", octets)
		}
	}
	d.sweep(now.Add(time.Minute - 1))
	if n, _ := d.size(); n == 0 {
		t.Error("swept too early")
	}
	d.sweep(now.Add(time.Minute))
	if n, octets := d.size(); n != 0 || octets != 0 || len(d.answers) != 0 || len(d.clients) != 0 {
		t.Errorf("%d answers %d octets %d %d after the sweep", n, octets, len(d.answers), len(d.clients))
	}
}

// A random walk against the plainest model: one map, no bounds reached.
func TestDuplicatesAgainstAModel(t *testing.T) {
	type kept struct {
		print byte
		reply string
		at    time.Time
		open  *answer
	}
	r := rand.New(rand.NewPCG(1, 2))
	d := newDuplicates(5*time.Second, 1<<20, 1<<30)
	model := map[question]*kept{}
	now := time.Unix(1000, 0)
	for step := range 200_000 {
		now = now.Add(time.Duration(r.IntN(50)) * time.Millisecond)
		q := ask(byte(r.IntN(3)), uint16(r.IntN(3)), byte(r.IntN(4)))
		m := model[q]
		switch r.IntN(4) {
		case 0, 1:
			p := byte(r.IntN(2))
			fresh, reply := d.begin(q, print(p), holders[q.address[15]], now)
			switch {
			case m != nil && m.print == p && m.open != nil:
				if fresh != nil || reply != nil {
					t.Fatalf("step %d: in progress began again", step)
				}
			case m != nil && m.print == p && now.Sub(m.at) < 5*time.Second:
				if fresh != nil || string(reply) != m.reply {
					t.Fatalf("step %d: %q, want %q", step, reply, m.reply)
				}
			default:
				if fresh == nil || reply != nil {
					t.Fatalf("step %d: not fresh", step)
				}
				model[q] = &kept{print: p, open: fresh}
			}
		case 2:
			if m != nil && m.open != nil {
				m.reply, m.at = fmt.Sprint(step), now
				if !d.finish(m.open, []byte(m.reply), now) {
					t.Fatalf("step %d: superseded by nobody", step)
				}
				m.open = nil
			}
		case 3:
			if m != nil && m.open != nil {
				d.forget(m.open)
				delete(model, q)
			} else {
				d.sweep(now)
			}
		}
	}
}

func TestF10Places(t *testing.T) {
	p := newPlaces(100)
	flood, quiet, third := &holder{}, &holder{}, &holder{}
	take := func(h *holder, n int) (got int) {
		for range n {
			if p.take(h) == causeNone {
				got++
			}
		}
		return got
	}
	if got := take(flood, 1000); got != 50 {
		t.Errorf("alone, the flooder has %d places of 100, want half", got)
	}
	if cause := p.take(flood); cause != OverShare {
		t.Errorf("refused for %q", cause)
	}
	if got := take(quiet, 1000); got != 33 {
		t.Errorf("the second client has %d, want a third", got)
	}
	if got := take(third, 1000); got != 17 {
		t.Errorf("the third client has %d, want the rest", got)
	}
	if cause := p.take(&holder{}); cause != OverCapacity {
		t.Errorf("beyond the limit: %q", cause)
	}
	// As the flooder's handlers end, its places go to who has fewer.
	for range 25 {
		p.free(flood)
		if cause := p.take(flood); cause != OverShare {
			t.Fatalf("the flooder took its place back: %q", cause)
		}
	}
	if got := take(third, 1000); got != 8 {
		t.Errorf("the third client has %d more, want 8 up to a quarter", got)
	}
	for range 25 {
		p.free(flood)
	}
	for range 33 {
		p.free(quiet)
	}
	for range 25 {
		p.free(third)
	}
	if p.taken.Load() != 0 || p.active.Load() != 0 {
		t.Errorf("%d taken, %d active after all are free", p.taken.Load(), p.active.Load())
	}
}
