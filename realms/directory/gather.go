package directory

import (
	"net"
	"sync"
)

// A gathered connection sends together what several searches have written at about
// the same time: under load that is one call of the kernel for many. Write does not
// wait for the network; an error comes with the next Write, and the reader of the
// connection hears of it too.
type gathered struct {
	net.Conn

	mu      sync.Mutex
	room    *sync.Cond // when there is room again
	waiting []byte
	spare   []byte // the buffer that was sent last
	sending bool
	err     error
}

// mostGathered bounds what waits to be sent; who writes more waits.
const mostGathered = 256 << 10

func gather(conn net.Conn) *gathered {
	g := &gathered{Conn: conn}
	g.room = sync.NewCond(&g.mu)
	return g
}

// Write takes b whole or not at all.
func (g *gathered) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.err == nil && len(g.waiting) > 0 && len(g.waiting)+len(b) > mostGathered {
		g.room.Wait()
	}
	if g.err != nil {
		return 0, g.err
	}
	g.waiting = append(g.waiting, b...)
	if !g.sending {
		g.sending = true
		go g.send()
	}
	return len(b), nil
}

// send sends until nothing waits.
func (g *gathered) send() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.waiting) > 0 && g.err == nil {
		out := g.waiting
		g.waiting, g.spare = g.spare[:0], nil
		g.mu.Unlock()
		_, err := g.Conn.Write(out)
		g.mu.Lock()
		g.spare, g.err = out[:0], err
		g.room.Broadcast()
	}
	g.sending = false
}
