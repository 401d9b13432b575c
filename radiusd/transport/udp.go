package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// batch is how many datagrams one system call reads at most.
const batch = 64

var purposes = [...]string{access: "auth", accounting: "acct"}

// A udpSocket is one of several sockets of an address.
type udpSocket struct {
	server   *Server
	role     role
	conn     *net.UDPConn
	batches  batches
	anywhere bool // bound to every address: replies must say which one they come from
	granted  Socket
	known    *duplicates
	crew     crew
	outbox   outbox
	reply    func([]byte, route) // post, made once
	stopping atomic.Bool
}

// batches is what ipv4.PacketConn and ipv6.PacketConn have in common.
type batches interface {
	ReadBatch(ms []ipv4.Message, flags int) (int, error)
	WriteBatch(ms []ipv4.Message, flags int) (int, error)
}

// A route leads a reply back: over UDP to an address, over RadSec to its connection.
type route struct {
	to     net.Addr
	oob    []byte // the local address asked, when the socket has several
	stream *stream
	token  uint32 // of RADIUS/1.1
}

func openUDP(ctx context.Context, s *Server) ([]listener, error) {
	addresses := len(s.cfg.Auth) + len(s.cfg.Acct)
	cache := func() *duplicates {
		n := addresses * s.cfg.Sockets
		return newDuplicates(s.cfg.DuplicateAge, s.cfg.DuplicateEntries/n, s.cfg.DuplicateOctets/n)
	}
	var opened []listener
	for r, list := range [][]string{access: s.cfg.Auth, accounting: s.cfg.Acct} {
		for _, address := range list {
			conns, err := bind(ctx, address, s.cfg.Sockets, s.cfg.Buffer)
			for _, conn := range conns {
				opened = append(opened, newUDPSocket(s, role(r), conn, cache()))
			}
			if err != nil {
				return opened, fmt.Errorf("%s address %s: %w", purposes[r], address, err)
			}
		}
	}
	return opened, nil
}

// bind opens n sockets on address. The first is bound without SO_REUSEPORT, so that
// nobody else has the port, and lets the others join it after: with the option from the
// beginning, a second copy of this server would quietly take half of the packets.
func bind(ctx context.Context, address string, n, buffer int) (conns []*net.UDPConn, err error) {
	resolved, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	options := socketOptions{buffer: buffer, anywhere: isAnywhere(resolved)}
	for range n {
		config := net.ListenConfig{Control: control(options)}
		conn, err := config.ListenPacket(ctx, "udp", address)
		if err != nil {
			return conns, err
		}
		udp := conn.(*net.UDPConn)
		conns = append(conns, udp)
		if !options.share {
			if err := share(udp); err != nil {
				return conns, err
			}
			options.share = true
		}
		address = udp.LocalAddr().String() // with port 0, the others join the first
	}
	return conns, nil
}

func isAnywhere(a *net.UDPAddr) bool { return a.IP == nil || a.IP.IsUnspecified() }

func newUDPSocket(s *Server, r role, conn *net.UDPConn, known *duplicates) *udpSocket {
	local := conn.LocalAddr().(*net.UDPAddr)
	u := &udpSocket{server: s, role: r, conn: conn, anywhere: isAnywhere(local), known: known}
	if local.IP.To4() != nil {
		u.batches = ipv4.NewPacketConn(conn)
	} else {
		u.batches = ipv6.NewPacketConn(conn)
	}
	u.granted = Socket{Transport: "udp", Purpose: purposes[r], Address: local.String(), Asked: s.cfg.Buffer}
	u.granted.ReceiveBuffer, u.granted.SendBuffer = granted(conn)
	u.crew.work, u.reply = u.handle, u.post
	u.outbox.open(outboxSize)
	go u.send()
	return u
}

// serve reads batches until stop.
func (u *udpSocket) serve(context.Context) error {
	messages := newMessages(u.anywhere)
	d := newDigester()
	for {
		n, err := u.batches.ReadBatch(messages, 0)
		switch {
		case u.stopping.Load():
			return nil
		case err == nil:
			u.receiveAll(messages[:n], d)
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("%s address %s: %w", purposes[u.role], u.granted.Address, err)
		default: // an ICMP answer to an earlier reply, say: the socket still reads
			u.server.counters.silent(ReadFailed)
		}
	}
}

func newMessages(anywhere bool) []ipv4.Message {
	messages := make([]ipv4.Message, batch)
	for i := range messages {
		messages[i].Buffers = [][]byte{make([]byte, maxLength)} // octets beyond are ignored anyway (P4)
		if anywhere {
			messages[i].OOB = make([]byte, oobSpace)
		}
	}
	return messages
}

func (u *udpSocket) receiveAll(messages []ipv4.Message, d *digester) {
	a := arrival{role: u.role, now: u.server.cfg.Now(), wall: time.Now()}
	for i := range messages {
		m := &messages[i]
		from, ok := m.Addr.(*net.UDPAddr)
		if !ok {
			continue
		}
		a.octets, a.client = m.Buffers[0][:m.N], nil
		a.from = from.AddrPort()
		a.from = netip.AddrPortFrom(a.from.Addr().Unmap(), a.from.Port())
		reply, j := u.server.receive(&a, u.known, d)
		if reply == nil && j == nil {
			continue
		}
		back := route{to: from}
		if u.anywhere {
			back.oob = replyFrom(m.OOB[:m.NN])
		}
		if reply != nil {
			u.post(reply, back)
			continue
		}
		j.route = back
		u.server.handlers.Add(1)
		u.crew.start(j)
	}
}

func (u *udpSocket) handle(j *job) {
	defer u.server.handlers.Done()
	if reply := u.server.handle(j, u.role, u.known, u.reply); reply != nil {
		u.post(reply, j.route)
	}
}

func (u *udpSocket) post(reply []byte, back route) {
	if !u.outbox.put(letter{reply, back}) {
		u.server.counters.silent(ReplyQueueFull)
	}
}

func (u *udpSocket) stop() {
	u.stopping.Store(true)
	_ = u.conn.SetReadDeadline(time.Unix(1, 0)) // wakes the reader
}

func (u *udpSocket) close() error {
	u.crew.close()
	u.outbox.close()
	_ = u.conn.SetWriteDeadline(time.Now().Add(lastReplies)) // an error shows in the write
	<-u.outbox.sent
	err := u.conn.Close()
	if errors.Is(err, os.ErrClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (u *udpSocket) sweep() {
	u.known.sweep(u.server.cfg.Now())
	u.crew.trim()
}

func (u *udpSocket) clientsChanged()        {} // each packet is judged by itself
func (u *udpSocket) describe() Socket       { return u.granted }
func (u *udpSocket) address() net.Addr      { return u.conn.LocalAddr() }
func (u *udpSocket) remembered() (int, int) { return u.known.size() }
