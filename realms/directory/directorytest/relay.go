package directorytest

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
)

// A Relay leads from a port of this machine's loopback to one of a controller, for
// programs that do not live in its network, and stalls connections as a test tells
// it.
type Relay struct {
	Port int

	listener net.Listener
	dial     func(ctx context.Context) (net.Conn, error)
	ended    sync.WaitGroup

	mu     sync.Mutex
	change *sync.Cond
	pairs  map[*pair]bool
	opened int
	frozen bool // all are stalled, those that come too
	closed bool
}

// A pair is one connection and what it leads to.
type pair struct {
	here, there net.Conn
	stalled     bool
}

// Relay opens a way from host, an address of loopback, to a port of the controller.
// listen is the port here; 0: any that is free.
func (c *Controller) Relay(host string, listen, port int) (*Relay, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(listen)))
	if err != nil {
		return nil, err
	}
	r := &Relay{
		Port: l.Addr().(*net.TCPAddr).Port, listener: l, pairs: map[*pair]bool{},
		dial: func(ctx context.Context) (net.Conn, error) { return c.DialPort(ctx, port) },
	}
	r.change = sync.NewCond(&r.mu)
	r.ended.Go(r.accept)
	return r, nil
}

// Ways are relays to LDAP and to Netlogon of one controller, by one address.
type Ways struct {
	Host           string
	LDAP, Netlogon *Relay
}

// Ways opens both. netlogon is the port for Netlogon, which has to be the same at every
// address of one configuration; 0: any.
func (c *Controller) Ways(host string, netlogon int) (*Ways, error) {
	w := &Ways{Host: host}
	var err error
	if w.LDAP, err = c.Relay(host, 0, PortLDAPS); err != nil {
		return nil, err
	}
	if w.Netlogon, err = c.Relay(host, netlogon, PortNetlogon); err != nil {
		w.LDAP.Close()
		return nil, err
	}
	return w, nil
}

// Freeze and Thaw are a host's that stops and goes on.
func (w *Ways) Freeze() {
	w.LDAP.Freeze()
	w.Netlogon.Freeze()
}

// Thaw ends Freeze.
func (w *Ways) Thaw() {
	w.LDAP.Thaw()
	w.Netlogon.Thaw()
}

// URL is the address of LDAP.
func (w *Ways) URL() string { return fmt.Sprintf("ldaps://%s:%d", w.Host, w.LDAP.Port) }

// Close closes both.
func (w *Ways) Close() {
	w.LDAP.Close()
	w.Netlogon.Close()
}

// accept leads every connection on.
func (r *Relay) accept() {
	for {
		here, err := r.listener.Accept()
		if err != nil {
			return
		}
		there, err := r.dial(context.Background())
		if err != nil {
			_ = here.Close()
			continue
		}
		p := &pair{here: here, there: there}
		r.mu.Lock()
		if r.closed {
			r.mu.Unlock()
			p.close()
			return
		}
		r.pairs[p] = true
		r.opened++
		r.mu.Unlock()
		r.ended.Go(func() { r.copy(p, here, there) })
		r.ended.Go(func() { r.copy(p, there, here) })
	}
}

// copy leads one way, until either side ends.
func (r *Relay) copy(p *pair, from, to net.Conn) {
	defer func() {
		r.mu.Lock()
		delete(r.pairs, p)
		r.mu.Unlock()
		p.close()
	}()
	buffer := make([]byte, 16*1024)
	for {
		n, err := from.Read(buffer)
		r.mu.Lock()
		for (p.stalled || r.frozen) && !r.closed {
			r.change.Wait()
		}
		r.mu.Unlock()
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}

func (p *pair) close() {
	_ = p.here.Close()
	_ = p.there.Close()
}

// Stall has up to n of the connections that are open carry nothing any more, without
// ending them, and says how many there were.
func (r *Relay) Stall(n int) (stalled int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.pairs {
		if stalled == n {
			break
		}
		if !p.stalled {
			p.stalled = true
			stalled++
		}
	}
	return stalled
}

// Freeze has no connection carry anything, and takes new ones, as a host that has
// stopped; Thaw lets them go on.
func (r *Relay) Freeze() { r.freeze(true) }

// Thaw ends Freeze.
func (r *Relay) Thaw() { r.freeze(false) }

func (r *Relay) freeze(frozen bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frozen = frozen
	r.change.Broadcast()
}

// Opened is how many connections there have been.
func (r *Relay) Opened() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened
}

// Close ends the relay and its connections.
func (r *Relay) Close() {
	_ = r.listener.Close()
	r.mu.Lock()
	r.closed = true
	for p := range r.pairs {
		p.close()
	}
	r.change.Broadcast()
	r.mu.Unlock()
	r.ended.Wait()
}
