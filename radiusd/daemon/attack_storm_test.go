package daemon

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/supplicant"
	"causeway/radiusd/transport"
)

// Holds F9, S15 and R51: log-ins, devices that fall silent, messages out of
// place, reloads and a clock that leaps, all at once in a table of fifty. Nobody
// is refused for it, the table keeps its bound, and every configuration that was
// replaced is closed in the end.
func TestAttackStorm(t *testing.T) {
	town := startTown(t, pretend(t, challengeThenReject))
	ctx, stop := context.WithTimeout(context.Background(), 3*time.Second)
	defer stop()
	goroutines := runtime.NumGoroutine()
	var crowd sync.WaitGroup
	accepted := make([]int, 2)
	for n := range accepted {
		controller := town.controller(t)
		crowd.Go(func() { accepted[n] = town.devices(ctx, t, controller) })
	}
	for n := range 3 {
		r := rogueAt(t, fmt.Sprintf("127.0.0.%d", n+1), town.address)
		crowd.Go(func() { r.outOfPlace(ctx, t) })
	}
	var replaced []*house
	crowd.Go(func() {
		for ctx.Err() == nil {
			replaced = append(replaced, town.house.Load())
			if err := town.Reload(); err != nil {
				t.Errorf("reload: %v", err)
				return
			}
			if n := town.talks.len(); n > 50 {
				t.Errorf("%d conversations in a table of 50", n)
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	crowd.Go(func() {
		for ctx.Err() == nil {
			time.Sleep(700 * time.Millisecond)
			town.skew.Add(int64(idleLimit))
		}
	})
	crowd.Wait()

	town.skew.Add(int64(lifeLimit))
	for i, h := range replaced {
		eventually(t, fmt.Sprintf("configuration %d of %d closes", i, len(replaced)), func() bool { return h.holds.Load() == 0 })
	}
	town.restsWith(t, "the storm")
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() < goroutines+40 })
	if accepted[0] == 0 || accepted[1] == 0 || len(replaced) < 5 {
		t.Errorf("log-ins %v, reloads %d: the storm was none", accepted, len(replaced))
	}
}

// devices logs in one device after the other, most of which fall silent, and
// counts the Accepts.
func (t *trust) devices(ctx context.Context, tb *testing.T, controller *supplicant.Controller) (accepted int) {
	controller.Timeout = time.Second
	for i := 0; ctx.Err() == nil; i++ {
		peer := t.peer(tb, func(c *supplicant.Config) { c.Abandon = []int{0, 3, 0, 5, 1}[i%5] })
		result, err := controller.Login(ctx, peer)
		switch {
		case errors.Is(err, supplicant.ErrAbandoned), ctx.Err() != nil:
		case err != nil:
			tb.Errorf("device %d: %v", i, err)
		case result.Code == radius.CodeAccessAccept:
			accepted++
		}
	}
	return accepted
}

// outOfPlace begins conversations and says in them what deserves silence.
func (r *rogue) outOfPlace(ctx context.Context, tb *testing.T) {
	for i := 0; ctx.Err() == nil; i++ {
		name := []string{"@camford.ac.uk", "@uni.ac.uk", "@northbridge.nhs.uk"}[i%3]
		r.patient = time.Second
		reply := r.ask(tb, r.identify(name, onEduroam, name))
		if say(reply) != "challenge" {
			continue
		}
		eap, _ := transport.EAP(reply)
		r.patient = 20 * time.Millisecond
		for _, kind := range []byte{99, 3} { // a type that nobody knows, then a Nak
			p := r.request(name, onEduroam)
			transport.AddEAP(p, []byte{2, eap[1], 0, 6, kind, 0})
			p.Add(rfc2865.State_Type, reply.Get(rfc2865.State_Type))
			r.ask(tb, p)
		}
	}
}

func challengeThenReject(req *radius.Packet) *radius.Packet {
	if req.Get(rfc2865.State_Type) != nil {
		return req.Response(radius.CodeAccessReject)
	}
	eap, _ := transport.EAP(req)
	reply := req.Response(radius.CodeAccessChallenge)
	transport.AddEAP(reply, []byte{1, eap[1] + 1, 0, 6, 4, 0})
	reply.Add(rfc2865.State_Type, radius.Attribute(newState()))
	return reply
}

// Holds S15, R24 and P60: floods of first messages and of Status-Server leave
// nothing behind but the table's bound, and each is answered.
func TestAttackFloods(t *testing.T) {
	town := startTown(t, idleTown)
	goroutines := runtime.NumGoroutine()
	var crowd sync.WaitGroup
	for n := range 4 {
		r := rogueAt(t, "127.0.0.1", town.address)
		crowd.Go(func() {
			for range 500 {
				p := radius.New(radius.CodeStatusServer, r.secret)
				if n%2 == 0 {
					p = r.identify(nurseName, onStaff, nurseName)
				}
				if r.ask(t, p) == nil {
					t.Error("a request without an answer")
					return
				}
			}
		})
	}
	crowd.Wait()
	if n := town.talks.len(); n > 50 {
		t.Errorf("%d conversations in a table of 50", n)
	}
	eventually(t, "the flood's goroutines end", func() bool { return runtime.NumGoroutine() < goroutines+40 })
	reply := rogueAt(t, "127.0.0.2", town.address).carry(t, town.peer(t, nil), nurseName, onStaff, nil)
	if say(reply) != "accept 110" {
		t.Errorf("the nurse at another controller: %s", say(reply))
	}
}
