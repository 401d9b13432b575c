package transport

import (
	"context"
	"net"
)

// DialUDP connects a UDP socket to address ("host:port") with the same big
// buffers and fragmentation as the listeners: for upstream.
func DialUDP(ctx context.Context, address string) (net.Conn, error) {
	dialer := net.Dialer{Control: control(socketOptions{buffer: defaultBuffer})}
	return dialer.DialContext(ctx, "udp", address)
}
