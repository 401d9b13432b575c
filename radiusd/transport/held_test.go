package transport

import (
	"context"
	"runtime"
	"testing"
	"time"
)

// Holds R27, P31 and P30: a reply that is held back waits without a goroutine and
// without a place, its repetitions are dropped, and a server that stops sends it.
func TestR27HeldReplies(t *testing.T) {
	s := serve(t, Config{Sockets: 1, Access: func(ctx context.Context, req *Request) []byte {
		req.HoldReply(time.Hour)
		return echo(ctx, req)
	}})
	n := dial(t, authAddr(s))
	octets := accessDraft(1).bytes()
	n.send(octets)
	until(t, "the reply waits", func() bool { return s.Stats().Held == 1 })
	n.send(octets)
	until(t, "the repetition is dropped", func() bool { return s.Stats().Of(DuplicateInProgress) == 1 })
	if stats := s.Stats(); stats.InFlight != 0 || stats.Replies != 0 || stats.Handled != 1 {
		t.Fatalf("%+v", stats)
	}
	goroutines := runtime.NumGoroutine()
	for id := range 200 {
		if id != 1 {
			n.send(accessDraft(byte(id)).bytes())
		}
	}
	until(t, "all wait", func() bool { return s.Stats().Held == 200 })
	until(t, "nobody waits with them", func() bool { return runtime.NumGoroutine() <= goroutines+1 }) // the crew keeps one or two for the next request
	go func() { _ = s.Shutdown(context.Background()) }()
	verifyReply(t, octets, n.receive(), true)
}

// A reply whose time has come goes out, and a repetition after it gets it again.
func TestHeldReplyGoesOut(t *testing.T) {
	s := serve(t, Config{Sockets: 1, Access: func(ctx context.Context, req *Request) []byte {
		req.HoldReply(20 * time.Millisecond)
		return echo(ctx, req)
	}})
	n := dial(t, authAddr(s))
	octets := accessDraft(1).bytes()
	for range 2 {
		verifyReply(t, octets, n.exchange(octets), true)
	}
	if stats := s.Stats(); stats.Handled != 1 || stats.Duplicates != 1 {
		t.Errorf("%+v", stats)
	}
}

// The room lets everybody go in the order of their times, and no client fills it.
func TestWaitingRoom(t *testing.T) {
	w := &waitingRoom{of: make(map[*holder]int), wake: make(chan struct{}, 1), done: make(chan struct{})}
	begin := time.Date(2026, 6, 1, 2, 0, 0, 0, time.UTC)
	loud, quiet := &holder{}, &holder{}
	for i := range mostHeldClient {
		if !w.hold(&heldReply{until: begin.Add(time.Duration(i%1000) * time.Millisecond), client: loud}) {
			t.Fatalf("the room is full after %d", i)
		}
	}
	if w.hold(&heldReply{until: begin, client: loud}) {
		t.Error("one client fills the room")
	}
	if !w.hold(&heldReply{until: begin.Add(time.Hour), client: quiet}) {
		t.Error("another finds no place")
	}
	last := time.Time{}
	for at := begin; len(w.of) > 1; at = at.Add(time.Millisecond) {
		ready, next, _ := w.due(at)
		for _, h := range ready {
			if h.until.Before(last) || h.until.After(at) {
				t.Fatalf("%v goes out at %v, after %v", h.until, at, last)
			}
			last = h.until
		}
		if len(ready) == 0 || !next.After(at) {
			t.Fatalf("at %v nobody goes, and the next is at %v", at, next)
		}
	}
	if w.len() != 1 || w.of[quiet] != 1 {
		t.Errorf("%d wait", w.len())
	}
	w.closed = true
	if ready, _, closed := w.due(begin); len(ready) != 1 || !closed {
		t.Error("who waits when the room closes is forgotten")
	}
}
