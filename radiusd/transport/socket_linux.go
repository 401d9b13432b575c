package transport

import (
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socketOptions are set before a socket is bound or connected.
type socketOptions struct {
	buffer   int
	share    bool // join others that are bound to the address
	anywhere bool // learn which local address each packet was sent to
}

// control sets the options. Big buffers are asked for and their size reported,
// not insisted on; what cannot be left out is an error.
func control(o socketOptions) func(network, address string, c syscall.RawConn) error {
	return func(network, _ string, c syscall.RawConn) error {
		var err error
		controlErr := c.Control(func(descriptor uintptr) {
			err = o.set(int(descriptor), network == "udp6")
		})
		if controlErr != nil {
			return controlErr
		}
		return err
	}
}

func (o socketOptions) set(fd int, v6 bool) error {
	growBuffer(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, o.buffer)
	growBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, o.buffer)
	// Fragment rather than set DF: a 4096-octet reply must not depend on ICMP
	// finding its way through the Trust's firewalls (R29).
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT)
	if v6 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DONT)
	}
	if o.share {
		if err := shareDescriptor(fd); err != nil {
			return err
		}
	}
	if !o.anywhere {
		return nil
	}
	if v6 {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
}

// share lets other sockets join the address of one that is bound already.
func share(conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	if failed := raw.Control(func(fd uintptr) { err = shareDescriptor(int(fd)) }); failed != nil {
		return failed
	}
	return err
}

func shareDescriptor(fd int) error {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
}

// growBuffer asks past the system's limit first, which needs CAP_NET_ADMIN.
func growBuffer(fd, force, ask, size int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, size) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, ask, size)
	}
}

// granted reports the buffers the kernel gave. It answers with twice what it
// counts against the limit (socket(7)).
func granted(conn *net.UDPConn) (receive, send int) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, 0
	}
	_ = raw.Control(func(fd uintptr) {
		receive, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		send, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
	})
	return receive / 2, send / 2
}

// oobSpace holds either family's packet information.
const oobSpace = 64

// replyFrom turns the packet information of a request into that of its reply:
// the same local address, and any interface, since the way back may differ. Nil
// when there is none.
func replyFrom(oob []byte) []byte {
	header, data, _, err := unix.ParseOneSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	switch {
	case header.Level == unix.IPPROTO_IP && header.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
		from := *(*unix.Inet4Pktinfo)(unsafe.Pointer(&data[0]))
		return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: from.Spec_dst})
	case header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		from := *(*unix.Inet6Pktinfo)(unsafe.Pointer(&data[0]))
		to := &unix.Inet6Pktinfo{Addr: from.Addr}
		if linkLocal := net.IP(from.Addr[:]).IsLinkLocalUnicast(); linkLocal {
			to.Ifindex = from.Ifindex
		}
		return unix.PktInfo6(to)
	}
	return nil
}
