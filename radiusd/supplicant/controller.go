package supplicant

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"layeh.com/radius"

	"causeway/certs"
	"causeway/radiusd/eap/packet"
)

// Errors of Login, apart from those of the Peer.
var (
	// ErrNoAnswer means that no verified reply came in time; what was dropped last
	// is wrapped with it.
	ErrNoAnswer = errors.New("no answer from the server")
	// ErrEndless means that the server goes on and on.
	ErrEndless = errors.New("the server does not come to an end")
)

// An Exchange carries one request to a server and returns its reply, over any
// transport. It may change the request's Identifier, and repeat the request where
// its transport loses packets; it signs what it sends and believes no reply that is
// not the server's. What RADIUS hides in the reply is hidden with the request's own
// Secret and Authenticator, however it travelled. An error that wraps [ErrNoAnswer]
// means that nothing came in time; ctx bounds the wait.
type Exchange func(ctx context.Context, request *radius.Packet) (*radius.Packet, error)

// A Controller is a pretend wireless controller: it carries one log-in after
// another to a RADIUS server. It is used by one caller at a time; several share
// nothing and may run side by side, each with its own Conn.
type Controller struct {
	Conn   net.Conn // dialled, UDP: one Read is one packet
	Secret certs.Secret
	// Exchange carries the requests in Conn's place, which may then be nil.
	Exchange Exchange
	// Unsigned takes replies without Message-Authenticator, from servers that cannot
	// be mended (CVE-2024-3596).
	Unsigned bool

	NASIdentifier string
	NASIP         netip.Addr // zero: Conn's own address
	SSID          string     // goes into Called-Station-Id, after the AP
	AP            string     // the radio's address as AA-BB-CC-DD-EE-FF; empty: 02-00-00-00-00-01
	Calling       string     // the device's address; empty: 02-00-00-00-00-02

	Timeout   time.Duration // before each retransmission; 0: 3 s
	Retries   int           // retransmissions of one request; 0: 3, negative: none
	MaxRounds int           // 0: 100
	// Attributes follow our own in every request, as they are: Proxy-State,
	// Operator-Name, a vendor's SSID.
	Attributes radius.Attributes

	id      uint8
	started bool
	out     []byte
	in      []byte
}

const (
	defaultAP      = "02-00-00-00-00-01"
	defaultCalling = "02-00-00-00-00-02"

	nasPortWireless = 19 // Wireless - IEEE 802.11 (RFC 3580, section 3.27)
	serviceFramed   = 2
	framedMTU       = 1400
)

// Login carries the peer to the server until Access-Accept or Access-Reject, and
// closes it. The Result holds what was learnt so far, also beside an error.
//
// A Reject is no error. It is one when nothing verified came ([ErrNoAnswer]), when
// the peer gave up on the server (see [Peer.Err]), and when the server's words in
// RADIUS and in EAP do not agree ([ErrServer]).
func (c *Controller) Login(ctx context.Context, p *Peer) (Result, error) {
	defer p.Close()
	start := time.Now()
	l := login{controller: c, peer: p, result: Result{MACFirst: true, plain: p.method.kind == 0}}
	defer c.until(ctx)()
	err := l.run(ctx)
	l.result.Duration = time.Since(start)
	l.result.Refusal = p.Refusal()
	return l.result, err
}

// Status asks the server itself how it is (RFC 5997), without a log-in: nil when it
// answers. Errors are those of Login.
func (c *Controller) Status(ctx context.Context) error {
	defer c.until(ctx)()
	var authenticator [16]byte
	if _, err := rand.Read(authenticator[:]); err != nil {
		return err
	}
	r := newRequest(c.out, c.nextID(), authenticator)
	r.b[0] = byte(radius.CodeStatusServer)
	r.addText(attrNASIdentifier, c.NASIdentifier)
	c.out = r.b
	sent, err := r.sign([]byte(c.Secret.Reveal()))
	if err != nil {
		return err
	}
	_, err = (&login{controller: c}).exchange(ctx, sent)
	return err
}

// until ends a read under way when ctx ends; the caller runs what it returns.
func (c *Controller) until(ctx context.Context) (stop func() bool) {
	if c.Conn == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, func() { _ = c.Conn.SetReadDeadline(time.Unix(1, 0)) })
}

// A login is one log-in on its way.
type login struct {
	controller *Controller
	peer       *Peer
	result     Result
	user       string
	state      []byte
	last       error // why there was no reply to the request under way
}

func (l *login) run(ctx context.Context) error {
	eap, err := l.begin()
	if err != nil {
		return err
	}
	for range l.controller.maxRounds() {
		sent, err := l.write(eap)
		if err != nil {
			return err
		}
		reply, err := l.exchange(ctx, sent)
		if err != nil {
			return err
		}
		if radius.Code(reply[0]) != radius.CodeAccessChallenge {
			return l.finish(sent, reply)
		}
		if eap, err = l.challenged(reply); err != nil {
			return err
		}
	}
	return ErrEndless
}

// begin asks the device who it is, as the access point does (RFC 3579, section 2.1).
// Without EAP there is nothing to ask.
func (l *login) begin() ([]byte, error) {
	if l.peer.method.kind == 0 {
		l.user = l.peer.cfg.User
		return nil, nil
	}
	var id [1]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	eap, err := l.peer.Next(packet.Packet{Code: packet.Request, ID: id[0], Type: packet.Identity}.Encode())
	if err != nil {
		return nil, err
	}
	l.user = l.peer.cfg.Identity
	return eap, nil
}

// challenged gives the server's EAP to the device and keeps State as it is.
func (l *login) challenged(reply []byte) ([]byte, error) {
	if l.peer.method.kind == 0 {
		return nil, broke("a challenge to a password")
	}
	l.state = append(l.state[:0], find(reply, attrState)...)
	request, err := joinEAP(reply)
	if err != nil {
		return nil, err
	}
	answer, err := l.peer.Next(request)
	if err == nil && answer == nil {
		err = broke("the end of EAP in an Access-Challenge")
	}
	return answer, err
}

// finish hears the verdict, and whether EAP says the same.
func (l *login) finish(sent, reply []byte) error {
	parsed, err := radius.Parse(reply, []byte(l.controller.Secret.Reveal()))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrServer, err)
	}
	l.result.Code, l.result.Packet = parsed.Code, parsed
	l.result.placement(reply)
	eap, err := joinEAP(reply)
	if err != nil {
		return err
	}
	if l.peer.method.kind == 0 {
		return nil
	}
	if len(eap) > 0 {
		l.result.EAP = packet.Code(eap[0])
		_, err := l.peer.Next(eap)
		if err != nil && (l.result.EAP != packet.Failure || !errors.Is(err, ErrDiscarded)) {
			return err
		}
	}
	accept := parsed.Code == radius.CodeAccessAccept
	l.result.KeysMatch = accept && keysMatch(reply, sent[4:headerLength], []byte(l.controller.Secret.Reveal()), l.peer.Keys())
	if accept != (l.result.EAP == packet.Success) {
		return errors.Join(l.peer.Err(), broke("%v with EAP code %d", parsed.Code, l.result.EAP))
	}
	return l.peer.Err()
}

// write builds the next Access-Request. Its octets are good until the one after.
func (l *login) write(eap []byte) ([]byte, error) {
	c := l.controller
	var authenticator [16]byte
	if _, err := rand.Read(authenticator[:]); err != nil {
		return nil, err
	}
	secret := []byte(c.Secret.Reveal())
	r := newRequest(c.out, c.nextID(), authenticator)
	r.addText(attrUserName, l.user)
	if l.peer.method.kind == 0 {
		password, err := radius.NewUserPassword([]byte(l.peer.cfg.Password.Reveal()), secret, authenticator[:])
		if err != nil {
			return nil, errors.New("the password does not fit a User-Password")
		}
		r.add(attrUserPassword, password)
	}
	c.describe(&r)
	r.addEAP(eap)
	if len(l.state) > 0 {
		r.add(attrState, l.state)
	}
	for _, a := range c.Attributes {
		if len(a.Attribute) > attributeRoom {
			return nil, fmt.Errorf("attribute %d is longer than %d octets", a.Type, attributeRoom)
		}
		r.add(byte(a.Type), a.Attribute)
	}
	c.out = r.b
	return r.sign(secret)
}

// describe adds what a controller says of itself and of the radio.
func (c *Controller) describe(r *request) {
	switch ip := c.nasIP(); {
	case ip.Is4():
		r.add(attrNASIPAddress, ip.AsSlice())
	case ip.Is6():
		r.add(attrNASIPv6Address, ip.AsSlice())
	}
	r.addText(attrNASIdentifier, c.NASIdentifier)
	r.addText(attrCalledStationID, c.called())
	r.addText(attrCallingStationID, orElse(c.Calling, defaultCalling))
	r.addNumber(attrNASPortType, nasPortWireless)
	r.addNumber(attrServiceType, serviceFramed)
	r.addNumber(attrFramedMTU, framedMTU)
}

// exchange sends a request until a verified reply to it comes: the same octets
// each time (RFC 5080, section 2.2.1).
func (l *login) exchange(ctx context.Context, sent []byte) ([]byte, error) {
	c := l.controller
	if c.Exchange != nil {
		return l.elsewhere(ctx, sent)
	}
	l.last = nil
	for try := range c.tries() {
		if try > 0 {
			l.result.Retransmits++
		}
		if err := c.Conn.SetReadDeadline(time.Now().Add(c.timeout())); err != nil {
			return nil, err
		}
		// When ctx ends before this line it shows here, when after, in the deadline.
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if _, err := c.Conn.Write(sent); err != nil && !l.passing(err) {
			return nil, err
		}
		reply, err := l.await(sent)
		if err == nil {
			return reply, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if l.last != nil {
		return nil, fmt.Errorf("%w after %d tries; the last of it: %w", ErrNoAnswer, c.tries(), l.last)
	}
	return nil, fmt.Errorf("%w after %d tries", ErrNoAnswer, c.tries())
}

// elsewhere gives a request to the controller's Exchange.
func (l *login) elsewhere(ctx context.Context, sent []byte) ([]byte, error) {
	request, err := radius.Parse(sent, []byte(l.controller.Secret.Reveal()))
	if err != nil {
		return nil, err
	}
	reply, err := l.controller.Exchange(ctx, request)
	if err != nil {
		return nil, err
	}
	if !answers(reply.Code) {
		return nil, fmt.Errorf("%w: %w", ErrServer, errCode)
	}
	l.result.Rounds++
	l.result.MACFirst = l.result.MACFirst && len(reply.Attributes) > 0 && reply.Attributes[0].Type == attrMessageAuthenticator
	return reply.MarshalBinary()
}

// await reads until a verified reply or the deadline. What cannot be verified
// moves no timer (S1).
func (l *login) await(sent []byte) ([]byte, error) {
	c := l.controller
	if c.in == nil {
		c.in = make([]byte, radius.MaxPacketLength)
	}
	for {
		n, err := c.Conn.Read(c.in)
		if err != nil && l.passing(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		reply, err := verify(c.in[:n], sent, []byte(c.Secret.Reveal()))
		if err != nil && (!c.Unsigned || !Unsigned(err)) {
			l.last = err
			l.result.Dropped++
			continue
		}
		l.result.Rounds++
		l.result.MACFirst = l.result.MACFirst && len(reply) > headerLength && reply[headerLength] == attrMessageAuthenticator
		return reply, nil
	}
}

// passing says that the error may go away by itself: nobody listens at the port
// now, as while a server restarts.
func (l *login) passing(err error) bool {
	if errors.Is(err, syscall.ECONNREFUSED) {
		l.last = err
		return true
	}
	return false
}

// nextID counts on from a random start, so that two controllers on one host do not
// march in step.
func (c *Controller) nextID() uint8 {
	if !c.started {
		c.started = true
		var b [1]byte
		_, _ = rand.Read(b[:]) // any start will do
		c.id = b[0]
	}
	c.id++
	return c.id
}

func (c *Controller) called() string {
	if c.SSID == "" {
		return orElse(c.AP, defaultAP)
	}
	return orElse(c.AP, defaultAP) + ":" + c.SSID
}

func (c *Controller) nasIP() netip.Addr {
	if c.NASIP.IsValid() {
		return c.NASIP
	}
	if c.Conn == nil {
		return netip.Addr{}
	}
	if a, ok := c.Conn.LocalAddr().(*net.UDPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

func (c *Controller) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return 3 * time.Second
}

func (c *Controller) tries() int {
	switch {
	case c.Retries < 0:
		return 1
	case c.Retries == 0:
		return 4
	}
	return 1 + c.Retries
}

func (c *Controller) maxRounds() int {
	if c.MaxRounds > 0 {
		return c.MaxRounds
	}
	return 100
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
