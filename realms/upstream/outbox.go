package upstream

import (
	"encoding/binary"
	"errors"
	"net"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

const (
	// mostQueued bounds the octets that wait to leave by one socket.
	mostQueued = 1 << 20

	// together is how many datagrams go in one system call. A call of 64 takes so long
	// that Go's monitor gives its processor to another thread, which on a busy core
	// costs more than the calls that it saves.
	together = 16
)

// An outbox is what waits to leave by one socket: packets, one after the other. Each
// says how long it is.
type outbox struct {
	mu      sync.Mutex
	queue   []byte
	pending chan struct{} // holds one when queue is not empty
	ended   chan struct{} // closed with the socket
	over    bool
}

func newOutbox() outbox {
	return outbox{pending: make(chan struct{}, 1), ended: make(chan struct{})}
}

// post queues a copy of a packet. Whatever is queued meanwhile leaves with it: in one
// record of TLS, or in one system call.
func (o *outbox) post(b []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over || len(o.queue)+len(b) > mostQueued {
		return errConnectionLost
	}
	o.queue = append(o.queue, b...)
	select {
	case o.pending <- struct{}{}:
	default:
	}
	return nil
}

// take takes what is queued and leaves room for more.
func (o *outbox) take(room []byte) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	queued := o.queue
	o.queue = room[:0]
	return queued
}

func (o *outbox) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.over {
		o.over = true
		close(o.ended)
	}
}

// send writes what is queued until the socket is retired.
func (k *socket) send() {
	write := k.writeStream
	if k.stream == nil {
		write = k.datagramWriter(datagramsOf(k.conn))
	}
	var room []byte
	for {
		select {
		case <-k.outbox.pending:
		case <-k.outbox.ended:
			return
		}
		// Requests that are nearly ready leave with this one: that costs an idle core
		// nothing.
		runtime.Gosched()
		room = k.outbox.take(room)
		if !write(room) {
			return
		}
	}
}

// A datagrams writes many in one system call, as ipv4.PacketConn and ipv6.PacketConn
// do. It returns how many left; an error is the first one's.
type datagrams interface {
	WriteBatch(ms []ipv4.Message, flags int) (int, error)
}

// singly is a connection that takes one at a time.
type singly struct{ net.Conn }

func (c singly) WriteBatch(ms []ipv4.Message, _ int) (int, error) {
	_, err := c.Write(ms[0].Buffers[0])
	if err != nil {
		return 0, err
	}
	return 1, nil
}

func datagramsOf(conn net.Conn) datagrams {
	udp, ok := conn.(*net.UDPConn)
	switch {
	case !ok:
		return singly{conn}
	case udp.LocalAddr().(*net.UDPAddr).IP.To4() != nil:
		return ipv4.NewPacketConn(udp)
	default:
		return ipv6.NewPacketConn(udp)
	}
}

// datagramWriter returns what writes packets as datagrams; that is false when the
// socket is closed, or given up.
func (k *socket) datagramWriter(out datagrams) func(queued []byte) bool {
	var (
		messages [together]ipv4.Message
		buffers  [together][1][]byte
	)
	for i := range messages {
		messages[i].Buffers = buffers[i][:]
	}
	return func(queued []byte) bool {
		for len(queued) > 0 {
			n := 0
			for ; n < together && len(queued) > 0; n++ {
				buffers[n][0], queued = firstOf(queued)
			}
			if !k.writeAll(out, messages[:n]) {
				return false
			}
		}
		return true
	}
}

// firstOf cuts the first packet off.
func firstOf(queued []byte) (first, rest []byte) {
	n := binary.BigEndian.Uint16(queued[2:])
	return queued[:n:n], queued[n:]
}

// writeAll sends each datagram. The first write after an ICMP "port unreachable"
// reports that and sends nothing: the second one does. What the kernel refuses for
// another reason is told to whoever waits for it.
func (k *socket) writeAll(out datagrams, messages []ipv4.Message) bool {
	for told := false; len(messages) > 0; {
		n, err := out.WriteBatch(messages, 0)
		switch {
		case err == nil:
			messages, told, k.stuck = messages[n:], false, 0
		case errors.Is(err, net.ErrClosed):
			return false
		case errors.Is(err, syscall.ECONNREFUSED) && !told:
			told = true
		case errors.Is(err, syscall.ECONNREFUSED):
			// Said, but not proved, by whoever sent the ICMP: wait like for any loss.
			messages, told = messages[1:], false
		default:
			k.failed(messages[0].Buffers[0], k.towards(err))
			messages, told = messages[1:], false
			if k.stuck++; k.stuck >= mostBroken && k.waiting.Load() == 0 {
				// It may be the socket: the machine no longer has its address, say.
				k.server.retire(k)
				return false
			}
		}
	}
	return true
}

// towards names the other end in an error of many datagrams, which knows our own alone.
func (k *socket) towards(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Addr == nil {
		op.Addr = k.conn.RemoteAddr()
	}
	return err
}

// failed tells whoever waits for the answer to a packet that it could not leave. Of a
// repetition nobody hears, nor of a Status-Server: each shows as a missing answer.
func (k *socket) failed(packet []byte, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := &k.slots[packet[1]]
	if t.auth == [16]byte(packet[4:headerLength]) && !t.status && !t.repeated && k.disarm(t) {
		t.failure = err
		t.done <- lost
	}
}
