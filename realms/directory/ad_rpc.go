package directory

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/oiweiwei/go-msrpc/ndr"
	"github.com/oiweiwei/go-msrpc/ssp/netlogon"
)

// An rpc is one connection of DCE/RPC over TCP (C706, chapter 12, with MS-RPCE,
// section 2.2.2), for one call at a time: as much of it as Netlogon takes. What is
// said in a call, and how it is sealed, is go-msrpc's.
//
// It is not go-msrpc's own transport, which decodes in goroutines where a reply that
// makes no sense ends the process, and takes an unsealed reply for a sealed one
// (docs/decisions/0009-our-own-rpc-connection.md).
type rpc struct {
	conn   net.Conn
	calls  uint32
	seal   *netlogon.Authentifier // nil: what is said is not sealed
	signed bool                   // headers are covered by the seal too
}

// Types of packets, their flags, and the lengths that count (C706, section 12.6).
const (
	rpcRequest       = 0
	rpcResponse      = 2
	rpcFault         = 3
	rpcBind          = 11
	rpcBindAck       = 12
	rpcBindNak       = 13
	rpcAlter         = 14
	rpcAlterResponse = 15

	rpcFirst, rpcLast, rpcSignsHeader = 0x01, 0x02, 0x04

	rpcHeader   = 16
	rpcBody     = 24 // where what is said begins in a request and in a response
	rpcTrailer  = 8  // before a signature (section 13.2.6.1)
	rpcFragment = 4280
	rpcLargest  = 128 * 1024 // of a reply: 2,048 groups and as many SIDs of others

	authNetlogon, authPrivacy, authContext = 68, 6, 1
)

// syntax names an interface, with its version, and the NDR form of what is said.
var (
	syntaxNetlogon = [20]byte{0x78, 0x56, 0x34, 0x12, 0x34, 0x12, 0xcd, 0xab, 0xef, 0x00, 0x01, 0x23, 0x45, 0x67, 0xcf, 0xfb, 1}
	syntaxMapper   = [20]byte{0x08, 0x83, 0xaf, 0xe1, 0x1f, 0x5d, 0xc9, 0x11, 0x91, 0xa4, 0x08, 0x00, 0x2b, 0x14, 0xa0, 0xfa, 3}
	syntaxNDR      = [20]byte{0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60, 2}
)

// errRPC is what a reply breaks that is none.
var errRPC = errors.New("the reply is no DCE/RPC")

// A fault is told by its status, which some servers take from Windows' errors.
type rpcFaultError uint32 //nolint:errname // the name says that it is a fault of RPC's kind

func (e rpcFaultError) Error() string { return fmt.Sprintf("RPC fault 0x%08x", uint32(e)) }

// bind opens an interface.
func (r *rpc) bind(syntax [20]byte) error {
	if err := r.send(rpcBind, rpcSignsHeader, contextOf(syntax), nil); err != nil {
		return err
	}
	p, err := r.receive()
	if err != nil {
		return err
	}
	return p.agreed(rpcBindAck)
}

// secure seals the connection with a session key that both sides know by now.
func (r *rpc) secure(ctx context.Context, syntax [20]byte, auth *netlogon.Authentifier) error {
	token, err := auth.AuthMessageInit(ctx)
	if err != nil {
		return err
	}
	if err := r.send(rpcAlter, rpcSignsHeader, contextOf(syntax), token); err != nil {
		return err
	}
	p, err := r.receive()
	if err != nil {
		return err
	}
	if err := p.agreed(rpcAlterResponse); err != nil {
		return err
	}
	if _, err := auth.AuthMessageReply(ctx, p.auth); err != nil {
		return err
	}
	r.seal, r.signed = auth, p.flags&rpcSignsHeader != 0
	return nil
}

// contextOf asks for one presentation context (section 12.6.4.3).
func contextOf(syntax [20]byte) []byte {
	b := binary.LittleEndian.AppendUint16(nil, rpcFragment)
	b = binary.LittleEndian.AppendUint16(b, rpcFragment)
	b = append(b, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0) // a new association; one context, number 0, one transfer syntax
	b = append(b, syntax[:]...)
	return append(b, syntaxNDR[:]...)
}

// call says something and reads the answer.
func (r *rpc) call(ctx context.Context, operation uint16, in ndr.Marshaler, out ndr.Unmarshaler) error {
	stub, err := ndr.Marshal(in)
	if err != nil {
		return err
	}
	body := binary.LittleEndian.AppendUint32(nil, uint32(len(stub)))
	body = append(body, 0, 0) // context number 0
	body = append(binary.LittleEndian.AppendUint16(body, operation), stub...)
	if len(body) > rpcFragment/2 {
		return fmt.Errorf("a request of %d octets", len(body)) // it would need fragments
	}
	if err := r.request(ctx, body); err != nil {
		return err
	}
	answer, err := r.response(ctx)
	if err != nil {
		return err
	}
	return ndr.Unmarshal(answer, out)
}

// request sends a request, sealed where the connection is.
func (r *rpc) request(ctx context.Context, body []byte) error {
	if r.seal == nil {
		return r.send(rpcRequest, 0, body, nil)
	}
	r.calls++
	pad := (16 - (len(body)-8)%16) % 16
	body = append(body, make([]byte, pad)...)
	length := r.seal.OutboundSignatureSize(ctx, true)
	p := r.packet(rpcRequest, 0, body, length, pad)
	header, said, trailer := p[:rpcBody], p[rpcBody:rpcHeader+len(body)], p[rpcHeader+len(body):len(p)-length]
	signature, err := r.seal.WrapOutboundPayload(ctx, r.covered(header, said, trailer), [][]byte{said})
	if err != nil {
		return err
	}
	if len(signature) != length {
		return fmt.Errorf("a signature of %d octets where %d were to be", len(signature), length)
	}
	copy(p[len(p)-length:], signature)
	_, err = r.conn.Write(p)
	return err
}

// covered is what a signature is of.
func (r *rpc) covered(header, said, trailer []byte) [][]byte {
	if r.signed {
		return [][]byte{header, said, trailer}
	}
	return [][]byte{said}
}

// response reads the fragments of an answer.
func (r *rpc) response(ctx context.Context) (answer []byte, err error) {
	for {
		p, err := r.receive()
		if err != nil {
			return nil, err
		}
		// Nothing but a response is sealed: whoever is on the way could write
		// anything else.
		if p.kind != rpcResponse {
			return nil, p.refusal()
		}
		said := p.said
		if r.seal != nil {
			if said, err = r.open(ctx, p); err != nil {
				return nil, err
			}
		}
		if answer = append(answer, said...); len(answer) > rpcLargest {
			return nil, fmt.Errorf("%w: more than %d octets", errRPC, rpcLargest)
		}
		if p.flags&rpcLast != 0 {
			return answer, nil
		}
	}
}

// open unseals a fragment.
func (r *rpc) open(ctx context.Context, p packet) ([]byte, error) {
	const checked = 24 // of a signature: what follows is padding (MS-NRPC, section 2.2.1.3.3)
	if len(p.auth) < checked+8 || p.trailer[0] != authNetlogon || p.trailer[1] != authPrivacy {
		return nil, fmt.Errorf("%w: it is not sealed", errRPC)
	}
	want, err := r.seal.UnwrapInboundPayload(ctx, r.covered(p.header, p.said, p.trailer), [][]byte{p.said}, p.auth)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(want[:checked], p.auth[:checked]) != 1 {
		return nil, fmt.Errorf("%w: its seal is another's", errRPC)
	}
	pad := int(p.trailer[2])
	if pad > len(p.said) {
		return nil, fmt.Errorf("%w: more padding than there is", errRPC)
	}
	return p.said[:len(p.said)-pad], nil
}

// packet lays a packet out, with room for a signature.
func (r *rpc) packet(kind, flags byte, body []byte, signature, pad int) []byte {
	size := rpcHeader + len(body)
	if signature > 0 {
		size += rpcTrailer + signature
	}
	p := make([]byte, 0, size)
	p = append(p, 5, 0, kind, flags|rpcFirst|rpcLast, 0x10, 0, 0, 0) // version 5.0; little-endian, ASCII, IEEE
	p = binary.LittleEndian.AppendUint16(p, uint16(size))
	p = binary.LittleEndian.AppendUint16(p, uint16(signature))
	p = binary.LittleEndian.AppendUint32(p, r.calls)
	p = append(p, body...)
	if signature > 0 {
		p = append(p, authNetlogon, authPrivacy, byte(pad), 0, authContext, 0, 0, 0)
	}
	return p[:size]
}

// send sends a packet that is not sealed, with a token beside it or without.
func (r *rpc) send(kind, flags byte, body, token []byte) error {
	r.calls++
	pad := 0
	if len(token) > 0 {
		pad = (4 - len(body)%4) % 4
		body = append(body, make([]byte, pad)...)
	}
	p := r.packet(kind, flags, body, len(token), pad)
	copy(p[len(p)-len(token):], token)
	_, err := r.conn.Write(p)
	return err
}

// A packet is one that came, taken apart; the parts share its octets.
type packet struct {
	kind, flags byte
	header      []byte // to where what is said begins, if it is a response
	said        []byte // from there to the trailer
	trailer     []byte // before the signature; nil: there is none
	auth        []byte // the signature, or a token
}

// receive reads a packet of the call under way.
func (r *rpc) receive() (p packet, err error) {
	var header [rpcHeader]byte
	if _, err := io.ReadFull(r.conn, header[:]); err != nil {
		return p, err
	}
	size, auth := int(binary.LittleEndian.Uint16(header[8:])), int(binary.LittleEndian.Uint16(header[10:]))
	if header[0] != 5 || header[1] != 0 || header[4]&0xf0 != 0x10 || size < rpcHeader {
		return p, errRPC
	}
	whole := make([]byte, max(size, rpcBody)) // a refusal may be shorter
	copy(whole, header[:])
	if _, err := io.ReadFull(r.conn, whole[rpcHeader:size]); err != nil {
		return p, err
	}
	if call := binary.LittleEndian.Uint32(header[12:]); call != r.calls {
		return p, fmt.Errorf("%w: an answer to call %d in call %d", errRPC, call, r.calls)
	}
	end := len(whole)
	if auth > 0 {
		end -= auth + rpcTrailer
		if end < rpcBody {
			return p, fmt.Errorf("%w: a signature of %d octets in %d", errRPC, auth, size)
		}
		p.trailer, p.auth = whole[end:end+rpcTrailer], whole[end+rpcTrailer:]
	}
	p.kind, p.flags = header[2], header[3]
	p.header, p.said = whole[:rpcBody], whole[rpcBody:end]
	return p, nil
}

// agreed says that a packet accepts the one context that was asked for.
func (p packet) agreed(kind byte) error {
	if p.kind != kind {
		return p.refusal()
	}
	// The header ends where the length of the secondary address begins; the
	// address is padded, then come the number of results and the first of them.
	if len(p.said) < 2 {
		return errRPC
	}
	results := 2 + int(binary.LittleEndian.Uint16(p.said))
	results += (4 - results%4) % 4
	if len(p.said) < results+8 || p.said[results] != 1 {
		return errRPC
	}
	if result := binary.LittleEndian.Uint16(p.said[results+4:]); result != 0 {
		return fmt.Errorf("the server does not offer the interface (%d, %d)", result, binary.LittleEndian.Uint16(p.said[results+6:]))
	}
	return nil
}

// refusal is the error that a packet is, where another was to come.
func (p packet) refusal() error {
	switch {
	case p.kind == rpcFault && len(p.said) >= 4:
		return rpcFaultError(binary.LittleEndian.Uint32(p.said))
	case p.kind == rpcBindNak:
		return fmt.Errorf("the server refuses the connection (reason %d)", binary.LittleEndian.Uint16(p.header[rpcHeader:]))
	}
	return fmt.Errorf("%w: a packet of type %d", errRPC, p.kind)
}
