package transport

import (
	"context"
	"net"
)

// A transport is one way to carry RADIUS. A new one is a file with an open
// function and a line in transports.
type transport struct {
	name string
	open func(ctx context.Context, s *Server) ([]listener, error)
}

var transports = []transport{
	{"udp", openUDP}, // RFC 2865, RFC 2866
	{"tls", openTLS}, // RFC 6614, RFC 9765
}

// A listener reads from one socket until it is told to stop, and sends replies
// until it is closed.
type listener interface {
	serve(ctx context.Context) error // reads until stop; ctx is the handlers'
	stop()                           // no packet is read after it; safe more than once
	close() error                    // sends the replies that wait, then closes
	sweep()                          // drops what has grown old
	clientsChanged()                 // judges again who is connected
	describe() Socket
	remembered() (answers, octets int)
	address() net.Addr
}
