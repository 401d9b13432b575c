package transport

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

func bound(t *testing.T, address string, n int) []*net.UDPConn {
	t.Helper()
	conns, err := bind(t.Context(), address, n, 1<<16)
	t.Cleanup(func() {
		for _, c := range conns {
			_ = c.Close()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return conns
}

// Several sockets of one server share its port and its packets, and no second server
// gets it, however often one asks for any that is free.
func TestAPortIsOfOneServer(t *testing.T) {
	first := bound(t, "127.0.0.1:0", 2)
	address := first[0].LocalAddr().String()
	if _, err := bind(t.Context(), address, 2, 1<<16); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second server at %s: %v", address, err)
	}
	taken := map[string]bool{address: true}
	for range 600 {
		conns := bound(t, "127.0.0.1:0", 2)
		one, other := conns[0].LocalAddr().String(), conns[1].LocalAddr().String()
		if one != other || taken[one] {
			t.Fatalf("%s and %s; taken before: %t", one, other, taken[one])
		}
		taken[one] = true
	}
	for range 200 {
		c, err := net.Dial("udp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
	heard := 0
	for i, c := range first {
		n := 0
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		for {
			if _, err := c.Read(make([]byte, 8)); err != nil {
				break
			}
			n++
		}
		if n == 0 {
			t.Errorf("socket %d hears nothing", i)
		}
		heard += n
	}
	if heard != 200 {
		t.Errorf("%d of 200 packets were heard", heard)
	}
}
