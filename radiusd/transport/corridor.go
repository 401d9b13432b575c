package transport

import (
	"net/netip"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc3576"
)

// An arrival is a packet as it came, before anybody knows what it is.
type arrival struct {
	octets []byte // in the receive buffer: valid until the next read
	from   netip.AddrPort
	role   role
	client *Client
	holder *holder
	cause  Cause     // why it met silence
	sealed bool      // RADIUS/1.1: TLS has signed it
	token  uint32    // of RADIUS/1.1
	now    time.Time // by Config.Now
	wall   time.Time // by the real clock, for deadlines
}

// A job is a verified request on its way through the handler.
type job struct {
	request Request
	ctx     patience
	answer  *answer
	holder  *holder
	route   route
}

// A memory knows the requests that were heard on one socket or connection.
type memory interface {
	begin(q question, f fingerprint, client *holder, now time.Time) (fresh *answer, reply []byte)
	finish(a *answer, reply []byte, now time.Time) bool
	forget(a *answer)
}

// receive is the way of every packet that says by its address who sent it. It returns
// the octets to send at once, or the job to handle, or neither for silence.
func (s *Server) receive(a *arrival, known memory, d *digester) (reply []byte, j *job) {
	s.counters.received.Add(1)
	clients := s.clients.Load()
	client, ok := clients.Find(a.from.Addr())
	if !ok {
		s.silence(a, UnknownClient)
		return nil, nil
	}
	a.client, a.holder = client, clients.holders[client.index]
	if s.places.over(a.holder) && !asksStatus(a.octets) {
		// It would get no place: to find out first whether it is genuine would cost more
		// than all the rest, and a flood is to be read faster than it comes. Else the
		// socket is full, and the others' requests are lost there (F10).
		s.silence(a, OverShare)
		return nil, nil
	}
	return s.admit(a, known, d)
}

// admit is the way of every packet whose sender is known, whatever carried it: well
// formed, genuine, known already, a place to be handled in.
func (s *Server) admit(a *arrival, known memory, d *digester) (reply []byte, j *job) {
	packet, cause := outline(a.octets)
	if cause != causeNone {
		s.silence(a, cause)
		return nil, nil
	}
	if cause := a.judge(&packet, d); cause != causeNone {
		s.silence(a, cause)
		return nil, nil
	}
	if !a.holder.heard.Load() { // a load is cheap where many write
		a.holder.heard.Store(true)
	}
	switch code := packet.code(); {
	case code == radius.CodeStatusServer:
		return s.status(a, &packet), nil
	case dynamic(code):
		return s.decline(a, &packet), nil
	}
	q := newQuestion(a.from, packet.packet[1])
	q.token = a.token
	fresh, reply := known.begin(q, packet.fingerprint(), a.holder, a.now)
	switch {
	case reply != nil:
		s.counters.duplicates.Add(1)
		return reply, nil
	case fresh == nil:
		s.silence(a, DuplicateInProgress)
		return nil, nil
	}
	if cause := s.places.take(a.holder); cause != causeNone {
		known.forget(fresh)
		s.silence(a, cause)
		return nil, nil
	}
	j = packet.build(a.client.key.secret)
	j.request.Client, j.request.From, j.request.Received = a.client, a.from, a.now
	j.request.arrived = a.wall
	j.ctx.base, j.ctx.deadline, j.ctx.vigil = s.base, a.wall.Add(s.cfg.Patience), s.vigil
	j.answer, j.holder = fresh, a.holder
	return nil, j
}

// asksStatus tells a Status-Server, which needs no place.
func asksStatus(b []byte) bool { return len(b) > 0 && radius.Code(b[0]) == radius.CodeStatusServer }

func (a *arrival) judge(s *sketch, d *digester) Cause {
	if a.sealed {
		return judgeSealed(s, a.role)
	}
	return judge(s, a.role, a.client, d)
}

// status answers Status-Server where it arrived: it says that the server reads
// and signs, and never reaches a handler (RFC 5997, section 3; R24, P60).
func (s *Server) status(a *arrival, packet *sketch) []byte {
	j := packet.build(a.client.key.secret)
	j.request.Client = a.client
	reply, err := Encode(&j.request, &radius.Packet{Code: a.role.statusReply()})
	if err != nil { // Proxy-States alone filled the packet
		s.silence(a, BadLength)
		return nil
	}
	s.counters.status.Add(1)
	return reply
}

// errorCauseUnsupported is Unsupported Extension (RFC 5176, section 3.6).
const errorCauseUnsupported = 406

// decline answers a CoA-Request or Disconnect-Request that came over RadSec: we are no
// NAS (RFC 6614, section 2.5).
func (s *Server) decline(a *arrival, packet *sketch) []byte {
	j := packet.build(a.client.key.secret)
	j.request.Client = a.client
	nak := &radius.Packet{Code: radius.CodeCoANAK}
	if packet.code() == radius.CodeDisconnectRequest {
		nak.Code = radius.CodeDisconnectNAK
	}
	_ = rfc3576.ErrorCause_Set(nak, errorCauseUnsupported)
	reply, err := Encode(&j.request, nak)
	if err != nil {
		s.silence(a, BadLength)
		return nil
	}
	s.counters.declined.Add(1)
	return reply
}

// handle runs the handler, remembers its reply and returns it; nil for silence, and
// for a reply that is held back and goes out by post.
func (s *Server) handle(j *job, r role, known memory, post func([]byte, route)) (reply []byte) {
	s.counters.handled.Add(1)
	defer func() {
		if value := recover(); value != nil {
			s.panicked(j, value)
			known.forget(j.answer)
		}
		j.ctx.end()
		s.places.free(j.holder)
	}()
	reply = s.handler(r)(&j.ctx, &j.request)
	if reply == nil {
		s.counters.silent(HandlerSilent)
		known.forget(j.answer)
		return nil
	}
	if !j.request.held.IsZero() && s.hold(j, known, reply, post) {
		return nil
	}
	if !known.finish(j.answer, reply, s.cfg.Now()) {
		s.counters.silent(Superseded)
		return nil
	}
	return reply
}

// hold keeps a reply back. Until it goes out its request is one in progress, so that
// a repetition is dropped and not answered early (P31).
func (s *Server) hold(j *job, known memory, reply []byte, post func([]byte, route)) bool {
	fresh, back := j.answer, j.route
	held := s.room.hold(&heldReply{until: j.request.held, client: j.holder, send: func() {
		if !known.finish(fresh, reply, s.cfg.Now()) {
			s.counters.silent(Superseded)
			return
		}
		post(reply, back)
	}})
	if !held {
		s.counters.notHeld.Add(1)
	}
	return held
}

func (s *Server) panicked(j *job, value any) {
	s.counters.silent(HandlerPanicked)
	if s.cfg.OnPanic != nil {
		s.cfg.OnPanic(NewPanic(&j.request, value))
	}
}

func (s *Server) handler(r role) Handler {
	if r == accounting {
		return s.cfg.Accounting
	}
	return s.cfg.Access
}
