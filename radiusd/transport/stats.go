package transport

import "sync/atomic"

// A Cause says why a packet met silence. Its String is the name of its counter.
type Cause uint8

// The causes of silence.
const (
	causeNone                    Cause = iota
	UnknownClient                      // no client has the address (RFC 2865, section 3; P1)
	TooShort                           // under 20 octets (P5)
	BadLength                          // Length under 20, over 4096, or more than arrived (P5)
	MalformedAttribute                 // attributes do not fill the packet
	UnexpectedCode                     // not a request of this port
	NoMessageAuthenticator             // required and missing (S1)
	BadMessageAuthenticator            // wrong: most often a wrong secret (P18)
	SeveralMessageAuthenticators       // RFC 3579, section 3.2 allows one
	BadRequestAuthenticator            // accounting: most often a wrong secret
	DuplicateInProgress                // a retransmission while the handler works (P31)
	OverCapacity                       // InFlight requests are being handled
	OverShare                          // this client holds more than its share of InFlight
	HandlerSilent                      // the handler returned nil
	HandlerPanicked                    // the handler panicked
	Superseded                         // the client reused the identifier before the reply (P32)
	ReplyQueueFull                     // the socket does not take replies fast enough
	SendFailed                         // the kernel refused the reply
	ReadFailed                         // the kernel reported an error instead of a packet
	SlowReader                         // RadSec: the peer does not take its replies
	ConnectionGone                     // RadSec: the connection ended before the reply
	lastCause
)

var causeNames = [lastCause]string{
	UnknownClient: "unknown-client", TooShort: "too-short", BadLength: "bad-length",
	MalformedAttribute: "malformed-attribute", UnexpectedCode: "unexpected-code",
	NoMessageAuthenticator: "no-message-authenticator", BadMessageAuthenticator: "bad-message-authenticator",
	SeveralMessageAuthenticators: "several-message-authenticators", BadRequestAuthenticator: "bad-request-authenticator",
	DuplicateInProgress: "duplicate-in-progress", OverCapacity: "over-capacity", OverShare: "over-share",
	HandlerSilent: "handler-silent", HandlerPanicked: "handler-panicked", Superseded: "superseded",
	ReplyQueueFull: "reply-queue-full", SendFailed: "send-failed", ReadFailed: "read-failed",
	SlowReader: "slow-reader", ConnectionGone: "connection-gone",
}

// String returns the name of the cause, such as "bad-message-authenticator".
func (c Cause) String() string {
	if c < lastCause {
		return causeNames[c]
	}
	return ""
}

// A Socket is one open socket as the kernel granted it.
type Socket struct {
	Transport     string // "udp" or "tls"
	Purpose       string // "auth", "acct" or "radsec"
	Address       string
	ReceiveBuffer int // octets granted, not asked for; of "udp", as the two below
	SendBuffer    int
	Asked         int // octets asked for, for each
}

// Stats is a snapshot of the counters since Listen. Silence counts packets that
// met silence, by cause; their sum and the answers are what was received.
type Stats struct {
	Received         uint64 // packets read from sockets
	Handled          uint64 // handlers begun
	Replies          uint64 // replies handed to the kernel, repeated ones included
	Duplicates       uint64 // retransmissions answered from the cache (P30)
	StatusServer     uint64 // Status-Server answered (R24)
	Declined         uint64 // CoA-Requests and Disconnect-Requests over RadSec, answered by NAK
	InFlight         uint64 // handlers running now
	Held             uint64 // replies that wait for their time
	NotHeld          uint64 // replies that would have waited, had there been room
	Remembered       uint64 // replies in the duplicate cache now
	RememberedOctets uint64
	Silence          [lastCause]uint64
	RadSec           RadSecStats
	Sockets          []Socket
}

// Of returns the count of one cause.
func (s Stats) Of(c Cause) uint64 { return s.Silence[c] }

// Each calls f with every counter: the causes of silence as
// "silence-unknown-client" and so on, the others by their own names.
func (s Stats) Each(f func(name string, value uint64)) {
	f("received", s.Received)
	f("handled", s.Handled)
	f("replies", s.Replies)
	f("duplicates-answered", s.Duplicates)
	f("status-server", s.StatusServer)
	f("declined", s.Declined)
	f("in-flight", s.InFlight)
	f("held", s.Held)
	f("not-held", s.NotHeld)
	f("remembered", s.Remembered)
	f("remembered-octets", s.RememberedOctets)
	for c := causeNone + 1; c < lastCause; c++ {
		f("silence-"+c.String(), s.Silence[c])
	}
	s.RadSec.each(f)
	var receive, send uint64
	for i, socket := range s.Sockets {
		if socket.Transport != "udp" {
			continue
		}
		if i == 0 || uint64(socket.ReceiveBuffer) < receive {
			receive = uint64(socket.ReceiveBuffer)
		}
		if i == 0 || uint64(socket.SendBuffer) < send {
			send = uint64(socket.SendBuffer)
		}
	}
	f("smallest-receive-buffer", receive)
	f("smallest-send-buffer", send)
}

// counters are the live form of Stats.
type counters struct {
	received, handled, replies, duplicates, status, declined, notHeld atomic.Uint64

	silence [lastCause]atomic.Uint64
	radsec  radsecCounters
}

func (c *counters) silent(cause Cause) { c.silence[cause].Add(1) }
