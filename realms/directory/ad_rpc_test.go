package directory

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/oiweiwei/go-msrpc/msrpc/dcetypes"
)

// A script is a server that writes what a test has, whatever it is sent.
type script struct {
	net.Conn
	replies io.Reader
}

func (s script) Read(b []byte) (int, error)  { return s.replies.Read(b) }
func (s script) Write(b []byte) (int, error) { return len(b), nil }
func (s script) Close() error                { return nil }

// What answers at the ports of Netlogon and of the endpoint mapper may be anybody.
// Nothing that they write opens a channel or ends the process.
func FuzzNetlogonReplies(f *testing.F) {
	header := func(kind byte, call uint32, body ...byte) []byte {
		p := []byte{5, 0, kind, 7, 0x10, 0, 0, 0}
		p = binary.LittleEndian.AppendUint16(p, uint16(16+len(body)))
		p = binary.LittleEndian.AppendUint32(append(p, 0, 0), call)
		return append(p, body...)
	}
	bound := header(rpcBindAck, 1, 0xb8, 0x10, 0xb8, 0x10, 1, 0, 0, 0, 4, 0, '1', '3', '5', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)
	said := func(call uint32, body ...byte) []byte {
		return header(rpcResponse, call, append(make([]byte, 8), body...)...)
	}
	f.Add(bound)
	f.Add(append(bytes.Clone(bound), said(2, append([]byte("challeng"), 0, 0, 0, 0)...)...))
	f.Add(append(append(bytes.Clone(bound), said(2, append([]byte("challeng"), 0, 0, 0, 0)...)...), said(3, append([]byte("credenti"), 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0)...)...))
	f.Add(append(bytes.Clone(bound), header(rpcFault, 2, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0)...))
	f.Add(header(rpcBindNak, 1, 4, 0))
	tower := towerOf(syntaxNetlogon)
	mapped := append(make([]byte, 20), 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)
	mapped = binary.LittleEndian.AppendUint32(mapped, uint32(len(tower)))
	mapped = binary.LittleEndian.AppendUint32(mapped, uint32(len(tower)))
	f.Add(append(bytes.Clone(bound), said(2, append(append(mapped, tower...), 0, 0, 0, 0, 0)...)...))
	f.Fuzz(func(t *testing.T, replies []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		conn := func() net.Conn { return script{replies: bytes.NewReader(replies)} }
		as := computer{name: "RADIUS1", domain: "NORTHBRIDGE", password: "secret"}
		if ch, err := do(ctx, nil, func() (*channel, error) { return openChannel(ctx, conn(), as) }); err == nil {
			t.Fatalf("a channel: %+v", ch)
		}
		port, err := do(ctx, nil, func() (string, error) { return mapNetlogon(ctx, conn()) })
		if n, bad := strconv.Atoi(port); err == nil && (bad != nil || n < 1 || n > 65535) {
			t.Fatalf("port %q", port)
		}
	})
}

// Holds against CVE-2020-1472, seen from the other side.
func TestADWeakChallenges(t *testing.T) {
	for challenge, want := range map[string]bool{
		"\x00\x00\x00\x00\x00\x00\x00\x00": true, "aaaaabcd": true, "\x00\x00\x00\x00\x01\x00\x00\x00": false, "abcdefgh": false,
	} {
		if weak([]byte(challenge)) != want {
			t.Errorf("%q is weak: %v", challenge, !want)
		}
	}
}

// Where a tower says that the interface is.
func TestTowers(t *testing.T) {
	whole := towerOf(syntaxNetlogon)
	at := bytes.Index(whole, []byte{1, 0, byte(dcetypes.ProtocolTCP), 2, 0})
	binary.BigEndian.PutUint16(whole[at+5:], 49152)
	if port := tcpPort(&dcetypes.Tower{TowerOctetString: whole}); port != 49152 {
		t.Errorf("port %d", port)
	}
	for n := range whole {
		if port := tcpPort(&dcetypes.Tower{TowerOctetString: whole[:n]}); port != 0 && n < at+7 {
			t.Errorf("port %d in %d octets", port, n)
		}
	}
	if tcpPort(nil) != 0 {
		t.Error("a port in no tower")
	}
}
