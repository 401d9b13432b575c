package transport

import (
	"context"
	"net"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
)

// A full socket is one whose buffer the network does not empty: a write waits.
type full struct {
	batches
	conn *net.UDPConn
}

func (f full) WriteBatch([]ipv4.Message, int) (int, error) {
	raw, err := f.conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	return 0, raw.Write(func(uintptr) bool { return false })
}

// Replies that cannot leave do not keep the server from stopping, on however many
// sockets they are (F12).
func TestAFullSocketDoesNotKeepTheServer(t *testing.T) {
	const sockets, replies = 4, 100
	s, err := Listen(Config{
		Auth: []string{"127.0.0.1:0"}, Sockets: sockets,
		Access: func(context.Context, *Request) []byte { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range s.listeners {
		u := l.(*udpSocket)
		u.batches = full{u.batches, u.conn}
		for range replies {
			u.post(make([]byte, headerLength), route{to: u.conn.LocalAddr()})
		}
	}
	stopped := make(chan error)
	go func() { stopped <- s.Shutdown(context.Background()) }()
	select {
	case err := <-stopped:
		if n := s.Stats().Silence[SendFailed]; err != nil || n != sockets*replies {
			t.Errorf("%v; %d replies failed", err, n)
		}
	case <-time.After(3 * lastReplies):
		for _, l := range s.listeners {
			_ = l.(*udpSocket).conn.Close()
		}
		t.Fatal("it does not stop")
	}
}
