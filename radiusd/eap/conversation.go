package eap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"runtime"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// A Method is one EAP method in one conversation. It sees the Data of the
// packets of its type and nothing else.
type Method interface {
	// Next takes a response and returns the next step; nil starts the method.
	// An error ends the conversation with EAP-Failure.
	Next(ctx context.Context, response []byte) (Step, error)
	// Close frees what the method holds. It may be called more than once.
	Close()
}

// A Step is a method's next request, or its good end.
type Step struct {
	Request []byte // Data of the next request
	Done    *Result
}

// A Result is what was proved, and the keys that came of it.
type Result struct {
	proofs []proved
	MSK    []byte // 64 octets (RFC 3748, section 7.10); nil: none
	EMSK   []byte // 64 octets; nil: none
}

// A conversation is one supplicant's log-in.
type conversation struct {
	server *Server
	outer  realms.Identity
	ssid   string
	name   string // User-Name as it was sent
	kept   *kept  // the session to remember, once the Accept is certain

	// next is the state: what to do with a packet that is not a repetition.
	next   func(ctx context.Context, p packet.Packet) (realms.Answer, error)
	method *method
	run    Method
	tried  []*method // offered and refused

	id     uint8         // Identifier of the request that is out
	mtu    int           // Framed-MTU as last seen; 0: none
	octets int           // of EAP, both ways
	seen   uint64        // hash of the response that was answered last
	last   realms.Answer // to that response
	err    error         // beside last, when it was the end

	trace   realms.Trace
	telling bool // the next request tells the supplicant of its failure
}

func newConversation(s *Server, q realms.Question) *conversation {
	c := &conversation{server: s, outer: q.From, ssid: q.SSID}
	c.trace.Stage = "nothing yet"
	if q.Packet != nil {
		c.name = rfc2865.UserName_GetString(q.Packet)
	}
	c.next = c.identity
	return c
}

// Trace says how far the conversation has come.
func (c *conversation) Trace() realms.Trace { return c.trace }

// Close frees the handshake's coroutine, if there is one.
func (c *conversation) Close() {
	c.next = c.over
	if c.run != nil {
		c.run.Close()
		c.run = nil
	}
}

// Answer takes the next request. A repetition of the response answered last, as
// a controller sends after a fail-over, gets the same answer again.
func (c *conversation) Answer(ctx context.Context, req *radius.Packet) (answer realms.Answer, err error) {
	defer c.recovered(&answer, &err)
	c.trace.Rounds++
	creds, err := findCredentials(req)
	if err != nil {
		answer, err = c.fail(creds.failureID(), err)
		if !creds.eap {
			answer.EAP = nil
		}
		return answer, err
	}
	if !creds.eap {
		return c.plain(ctx, req)
	}
	if mtu, err := rfc2865.FramedMTU_Lookup(req); err == nil {
		c.mtu = int(min(mtu, packet.MaxLength))
	}
	if len(creds.message) == 0 {
		return c.start()
	}
	sum := maphash.Bytes(seed, creds.message)
	if c.last.Code != 0 && sum == c.seen {
		return c.last, c.err
	}
	answer, err = c.receive(ctx, creds.message)
	if errors.Is(err, realms.ErrDiscard) {
		c.trace.Rounds-- // not answered
		return answer, err
	}
	c.seen, c.last, c.err = sum, answer, err
	return answer, err
}

// seed keeps anybody from making two responses that look like one.
var seed = maphash.MakeSeed()

// receive judges one EAP packet by its header, then gives it to the state.
func (c *conversation) receive(ctx context.Context, message []byte) (realms.Answer, error) {
	p, err := packet.Parse(message)
	if err != nil {
		return c.malformed(message, err)
	}
	switch p.Code {
	case packet.Response:
	case packet.Request: // The roles are not ours to change (RFC 3579, section 2.6.3).
		return c.fail(p.ID, fmt.Errorf("a request from the supplicant: %w", realms.ErrEAPMalformed))
	default: // Only we may end it (RFC 3748, section 4.2).
		return realms.Answer{}, realms.ErrDiscard
	}
	if c.method != nil && p.ID != c.id {
		return realms.Answer{}, realms.ErrDiscard // RFC 3748, section 4.1
	}
	if c.trace.Rounds > c.server.cfg.MaxRounds {
		return c.fail(p.ID, fmt.Errorf("more than %d requests: %w", c.server.cfg.MaxRounds, realms.ErrTooManyRounds))
	}
	if c.octets += len(message); c.octets > c.server.cfg.MaxOctets {
		return c.fail(p.ID, fmt.Errorf("more than %d octets: %w", c.server.cfg.MaxOctets, realms.ErrTooLarge))
	}
	return c.next(ctx, p)
}

// malformed refuses a first packet that is not EAP, and stays silent to one in
// mid-conversation, which somebody else may have sent (RFC 3748, section 7.9).
func (c *conversation) malformed(message []byte, err error) (realms.Answer, error) {
	unknown := len(message) > 0 && (message[0] < byte(packet.Request) || message[0] > byte(packet.Failure))
	if c.method != nil || unknown { // an unknown code: RFC 3748, section 4
		return realms.Answer{}, realms.ErrDiscard
	}
	id := uint8(0)
	if len(message) > 1 {
		id = message[1]
	}
	return c.fail(id, fmt.Errorf("%w: %w", realms.ErrEAPMalformed, err))
}

// innerIdentity reads a name from inside a tunnel and holds it to the outer one.
// The name is returned for the log even when it is refused.
func (c *conversation) innerIdentity(name []byte) (realms.Identity, error) {
	id, err := realms.ParseIdentity(string(name))
	if err != nil {
		return id, fmt.Errorf("in the tunnel: %w: %w", realms.ErrInnerRealm, err)
	}
	return id, c.server.checkInner(c.outer, id)
}

// start answers EAP-Start (RFC 3579, section 2.1): who are you?
func (c *conversation) start() (realms.Answer, error) {
	if c.method != nil || c.err != nil {
		return realms.Answer{}, realms.ErrDiscard
	}
	c.trace.Stage = "asked for the identity"
	p := packet.Packet{Code: packet.Request, ID: c.randomID(), Type: packet.Identity}
	return realms.Answer{Code: radius.CodeAccessChallenge, EAP: p.Encode()}, nil
}

// identity is the first state: the packet says who it is.
func (c *conversation) identity(ctx context.Context, p packet.Packet) (realms.Answer, error) {
	if p.Type != packet.Identity {
		return c.fail(p.ID, fmt.Errorf("the first packet has type %d: %w", p.Type, realms.ErrEAPMalformed))
	}
	// The controller copies the identity into User-Name (RFC 3579, section 2.1), by
	// which the request was routed here: another one inside was not.
	if c.name != "" && !bytes.EqualFold(p.Data, []byte(c.name)) {
		return c.fail(p.ID, fmt.Errorf("the EAP identity is not the User-Name: %w", realms.ErrOuterInner))
	}
	c.trace.Stage = "identity received"
	if len(c.server.offered) == 0 {
		return c.fail(p.ID, fmt.Errorf("no EAP method is allowed for %q: %w", c.outer.Realm, realms.ErrNoMethod))
	}
	c.id = c.randomID()
	if c.id == p.ID {
		c.id++
	}
	return c.offer(ctx, p.ID, c.server.offered[0])
}

// offer begins a method.
func (c *conversation) offer(ctx context.Context, response uint8, m *method) (realms.Answer, error) {
	c.method, c.run = m, m.start(c)
	step, err := c.run.Next(ctx, nil)
	if err != nil {
		return c.fail(response, err)
	}
	c.trace.Stage = "method " + m.Name + " offered"
	c.next = c.offeredMethod
	return c.request(step.Request)
}

// offeredMethod waits for the first response to an offer: the method's, or a Nak.
func (c *conversation) offeredMethod(ctx context.Context, p packet.Packet) (realms.Answer, error) {
	switch p.Type {
	case packet.Nak:
		return c.nak(ctx, p)
	case c.method.Type:
		c.trace.Method = c.method.Name
		c.next = c.running
		return c.running(ctx, p)
	}
	return realms.Answer{}, realms.ErrDiscard
}

// nak tries another method that the supplicant asks for (RFC 3748, section 5.3).
func (c *conversation) nak(ctx context.Context, p packet.Packet) (realms.Answer, error) {
	c.run.Close()
	c.tried = append(c.tried, c.method)
	wanted := wantedTypes(p.Data)
	if m := choose(c.server.offered, c.tried, wanted); m != nil {
		c.id++
		return c.offer(ctx, p.ID, m)
	}
	return c.fail(p.ID, fmt.Errorf("the supplicant wants EAP types %v: %w", wanted, realms.ErrNoMethod))
}

// wantedTypes returns the types that a Nak asks for. An expanded Nak lists
// eight octets each (RFC 3748, section 5.3.2); those of the IETF mean the same
// as legacy types.
func wantedTypes(data []byte) []byte {
	if len(data) == 0 || data[0] != byte(packet.Expanded) || len(data)%8 != 0 {
		return data
	}
	var types []byte
	for ; len(data) > 0; data = data[8:] {
		if bytes.Equal(data[:7], []byte{byte(packet.Expanded), 0, 0, 0, 0, 0, 0}) {
			types = append(types, data[7])
		}
	}
	return types
}

// running gives the method its responses. One method a conversation: a Nak is
// too late here (RFC 3748, section 2.1).
func (c *conversation) running(ctx context.Context, p packet.Packet) (realms.Answer, error) {
	if p.Type != c.method.Type {
		return realms.Answer{}, realms.ErrDiscard
	}
	step, err := c.run.Next(ctx, p.Data)
	if err != nil {
		return c.fail(p.ID, err)
	}
	if step.Done != nil {
		return c.succeed(p.ID, step.Done)
	}
	c.id++
	return c.request(step.Request)
}

// over is the last state: nothing is answered but repetitions.
func (c *conversation) over(context.Context, packet.Packet) (realms.Answer, error) {
	return realms.Answer{}, realms.ErrDiscard
}

func (c *conversation) request(data []byte) (realms.Answer, error) {
	p := packet.Packet{Code: packet.Request, ID: c.id, Type: c.method.Type, Data: data}
	b := p.Encode()
	c.octets += len(b)
	answer := realms.Answer{Code: radius.CodeAccessChallenge, EAP: b, TellsFailure: c.telling}
	c.telling = false
	return answer, nil
}

// tell notes that the supplicant is about to hear of its failure inside the method,
// before the end of the conversation.
func (c *conversation) tell(err error) {
	if c.trace.Told == nil {
		c.telling = true
	}
	c.trace.Told = err
}

// succeed ends the conversation well. The name given back is the outer one, as
// it was sent: the inner one is nobody else's business.
func (c *conversation) succeed(response uint8, r *Result) (realms.Answer, error) {
	c.trace.Stage = "accepted"
	c.trace.Device, c.trace.Certificate = realms.Identity{}, realms.Certificate{}
	for _, p := range r.proofs { // these and nothing else let somebody in
		c.credit(p)
	}
	c.Close()
	answer := realms.Answer{
		Code: radius.CodeAccessAccept, EAP: packet.Packet{Code: packet.Success, ID: response}.Encode(),
		Account: accountOf(r.proofs), UserName: c.name,
	}
	if len(r.MSK) >= packet.MSKLength {
		answer.Keys = realms.Keys{Recv: r.MSK[:32:32], Send: r.MSK[32:64:64]}
	}
	return answer, nil
}

// fail ends the conversation. The stage is left as it was: it says how far the
// conversation had come.
func (c *conversation) fail(response uint8, err error) (realms.Answer, error) {
	c.Close()
	answer := realms.Answer{Code: radius.CodeAccessReject, EAP: packet.Packet{Code: packet.Failure, ID: response}.Encode()}
	c.err = err
	return answer, err
}

// recovered ends one conversation, not the process. What was thrown may hold a
// secret and is not repeated; the place where it was is.
func (c *conversation) recovered(answer *realms.Answer, err *error) {
	thrown := recover()
	if thrown == nil {
		return
	}
	*answer, *err = c.fail(c.id, fmt.Errorf("%s: %w", place(), realms.ErrInternal))
}

// place returns file and line of the innermost frame below the panic.
func place() string {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs)])
	for {
		f, more := frames.Next()
		if !bytes.HasPrefix([]byte(f.Function), []byte("runtime.")) || !more {
			return fmt.Sprintf("panic in %s, line %d", f.Function, f.Line)
		}
	}
}

func (c *conversation) randomID() uint8 {
	var b [1]byte
	_, _ = io.ReadFull(c.server.cfg.Random, b[:]) // any value will do
	return b[0]
}

// fragmentSize is the longest EAP packet that may go out now: RADIUS carries it to
// a link whose MTU has four octets of EAPOL besides (RFC 3579, section 2.4).
func (c *conversation) fragmentSize() int {
	size := c.server.cfg.FragmentSize
	if c.mtu > 0 {
		size = min(size, c.mtu-4)
	}
	return size
}
