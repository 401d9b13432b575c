// Package transport turns bytes into verified packets and back. It opens the
// RADIUS sockets of the house, knows the clients, judges every packet before
// anybody else sees it, repeats replies to retransmissions, and bounds the
// work in flight.
//
// A packet walks: [Clients.Find], the judge (lengths, Message-Authenticator,
// accounting authenticator), Status-Server answered on the spot, the duplicate
// cache, a place in flight, the [Handler] on its own goroutine, [Encode] called
// by the handler, the socket. A packet that falls out on the way is met with
// silence and a counter that says why ([Stats]).
package transport

import (
	"context"
	"net/netip"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
)

// A Request is a verified packet and where it came from.
type Request struct {
	// Packet has passed the client's Message-Authenticator or accounting
	// authenticator; Packet.Secret is the client's secret. The handler may
	// keep it, and must not write into its attributes' octets.
	Packet   *radius.Packet
	Client   *Client
	From     netip.AddrPort
	Received time.Time

	arrived, held time.Time // by the real clock; see HoldReply
}

// UserName returns User-Name as it was sent, "" when there is none.
func (r *Request) UserName() string { return rfc2865.UserName_GetString(r.Packet) }

// SSID returns what SSID finds where the client's make writes it.
func (r *Request) SSID() (ssid, ap string, ok bool) { return SSID(r.Client.Source, r.Packet) }

// A Handler answers a request with the octets of a reply from Encode, or nil
// for silence. It runs on a goroutine of its own; ctx ends when the client will
// have given up (Config.Patience). Retransmissions of an answered request do
// not reach it (F14); after a nil they do, as a new request.
type Handler func(ctx context.Context, req *Request) []byte
