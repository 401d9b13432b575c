package transport

import (
	"container/heap"
	"sync"
	"time"
)

// Bounds of the replies that are held back. Beyond them a reply goes out at once.
const (
	mostHeld       = 16_384
	mostHeldClient = mostHeld / 4 // of one client
)

// HoldReply keeps the reply of this request back until so long after it arrived
// (R27). The handler says so before it returns, and nothing of it waits: the
// goroutine and the place in flight are free. A repeated request meanwhile is one
// in progress.
func (r *Request) HoldReply(d time.Duration) { r.held = r.arrived.Add(d) }

// A heldReply waits for its time.
type heldReply struct {
	until  time.Time
	client *holder
	send   func()
}

// A waitingRoom holds replies back: a heap and one goroutine, however many wait.
type waitingRoom struct {
	mu     sync.Mutex
	heap   heldHeap
	of     map[*holder]int
	closed bool
	wake   chan struct{} // holds at most one token
	done   chan struct{}
}

func newWaitingRoom() *waitingRoom {
	w := &waitingRoom{of: make(map[*holder]int), wake: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w
}

// hold is false when the room is full, or closed: the reply goes out now.
func (w *waitingRoom) hold(h *heldReply) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.heap) >= mostHeld || w.of[h.client] >= mostHeldClient {
		return false
	}
	w.of[h.client]++
	heap.Push(&w.heap, h)
	if w.heap[0] == h {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// due takes those whose time has come, and says when the next comes; zero: nobody
// waits. A room that is closed lets everybody go.
func (w *waitingRoom) due(now time.Time) (ready []*heldReply, next time.Time, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.heap) > 0 && (w.closed || !w.heap[0].until.After(now)) {
		h := heap.Pop(&w.heap).(*heldReply)
		if w.of[h.client]--; w.of[h.client] == 0 {
			delete(w.of, h.client)
		}
		ready = append(ready, h)
	}
	if len(w.heap) > 0 {
		next = w.heap[0].until
	}
	return ready, next, w.closed
}

func (w *waitingRoom) run() {
	defer close(w.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		ready, next, closed := w.due(time.Now())
		for _, h := range ready {
			h.send()
		}
		if closed {
			return
		}
		wait := time.Hour
		if !next.IsZero() {
			wait = time.Until(next)
		}
		timer.Reset(wait)
		select {
		case <-w.wake:
		case <-timer.C:
		}
	}
}

// close sends everything that waits, and returns when it is sent.
func (w *waitingRoom) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	<-w.done
}

func (w *waitingRoom) len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.heap)
}

// A heldHeap has the next one first.
type heldHeap []*heldReply

func (h heldHeap) Len() int           { return len(h) }
func (h heldHeap) Less(i, j int) bool { return h[i].until.Before(h[j].until) }
func (h heldHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *heldHeap) Push(x any)        { *h = append(*h, x.(*heldReply)) }
func (h *heldHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}

// Held is how long after its arrival the reply is to wait; 0: not at all.
func (r *Request) Held() time.Duration {
	if r.held.IsZero() {
		return 0
	}
	return r.held.Sub(r.arrived)
}
