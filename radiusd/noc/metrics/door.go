package metrics

import (
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/netutil"
)

// A door lets few visitors in at once, and fewer from one address: whoever holds
// connections open must not shut Prometheus out.
type door struct {
	net.Listener
	mu     sync.Mutex
	inside map[netip.Addr]int
}

func newDoor(l net.Listener) net.Listener {
	return netutil.LimitListener(&door{Listener: l, inside: make(map[netip.Addr]int)}, mostVisitors)
}

// Accept returns the next visitor for whom there is room. Others are closed at once.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := visitorOf(addrOf(conn))
		if d.enter(from) {
			return &visitor{Conn: conn, leave: sync.OnceFunc(func() { d.leave(from) })}, nil
		}
		_ = conn.Close()
	}
}

func (d *door) enter(from netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inside[from] == mostOfOne {
		return false
	}
	d.inside[from]++
	return true
}

func (d *door) leave(from netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inside[from]--; d.inside[from] == 0 {
		delete(d.inside, from)
	}
}

// A visitor is a connection that counts until it is closed.
type visitor struct {
	net.Conn
	leave func()
}

// Close implements [net.Conn]. It may be called more than once.
func (v *visitor) Close() error {
	v.leave()
	return v.Conn.Close()
}

// visitorOf is whose an address is. Of IPv6 a single machine has a whole /64.
func visitorOf(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		network, _ := a.Prefix(64) // no address of IPv6 is shorter
		return network.Addr()
	}
	return a
}

func addrOf(conn net.Conn) netip.Addr {
	from, _ := conn.RemoteAddr().(*net.TCPAddr) // TCP is all that is listened on
	return from.AddrPort().Addr()
}
