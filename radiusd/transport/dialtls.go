package transport

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"causeway/certs"
)

// An Outbound is how this server connects to another by RadSec (RFC 6614).
type Outbound struct {
	Own  *certs.Keeper // what we show; the certificate of the moment
	Peer *certs.Peer   // whose certificate the other side has to show
	// Also is asked about a certificate that Peer takes; nil: nothing more is asked.
	Also func(leaf *x509.Certificate) error
	// Protocols are those of ALPN, the best first (RFC 9765, section 3.1). A server that
	// knows none of it speaks RADIUS as it was.
	Protocols []string
	Now       func() time.Time
}

var errItself = errors.New("it shows our own certificate: this server would ask itself")

// patienceOfTCP is how long octets may wait for an acknowledgement before the
// connection is given up: well within the time that a supplicant waits.
const patienceOfTCP = 10 * time.Second

// Dial connects to "host:port" and judges who answers: by its authority and its
// alternative names, never by its CN. There is no resumption and no early data
// (R30). The error says in words what was wrong.
func (o Outbound) Dial(ctx context.Context, address string) (*tls.Conn, error) {
	dialer := net.Dialer{Control: giveUp, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(address)
	c := tls.Client(conn, o.config(host))
	if err := c.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the handshake's error is the one to tell
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return c, nil
}

func (o Outbound) config(host string) *tls.Config {
	c := &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: o.Protocols,
		// Go would ask for the name that was dialled, of any authority of the system.
		// VerifyConnection asks for what the configuration names.
		InsecureSkipVerify:     true, //nolint:gosec // see Judge
		SessionTicketsDisabled: true,
		GetClientCertificate:   o.Own.Pair,
	}
	if _, err := netip.ParseAddr(host); err != nil {
		c.ServerName = host
	}
	c.VerifyConnection = o.Judge
	return c
}

// Judge says what is wrong with who answered: in the handshake, and whenever somebody
// asks again of a connection that stands.
func (o Outbound) Judge(s tls.ConnectionState) error {
	if len(s.PeerCertificates) > 0 && bytes.Equal(s.PeerCertificates[0].Raw, o.Own.Current().Chain[0].Raw) {
		return errItself
	}
	err := o.Peer.Verify(s.PeerCertificates, x509.ExtKeyUsageServerAuth, o.Now())
	if err == nil && o.Also != nil {
		err = o.Also(s.PeerCertificates[0])
	}
	return err
}

// giveUp has the kernel end a connection whose other end has gone.
func giveUp(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(patienceOfTCP/time.Millisecond))
	})
}

// DialPackets is Dial for who reads and writes as over UDP: one Read is one packet.
func (o Outbound) DialPackets(ctx context.Context, address string) (net.Conn, error) {
	c, err := o.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	return &packets{Conn: c, frames: frames{
		r:        bufio.NewReaderSize(c, maxLength),
		patience: func(time.Duration) error { return nil }, // who reads sets the deadline
	}}, nil
}

// packets are those of a stream, one after the other.
type packets struct {
	net.Conn
	frames frames
}

func (p *packets) Read(b []byte) (int, error) {
	packet, err := p.frames.next()
	if len(packet) > len(b) {
		return 0, io.ErrShortBuffer
	}
	return copy(b, packet), err
}
