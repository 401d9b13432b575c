package upstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/realms"
)

// A conversation is one log-in that an upstream answers. It stays on the server
// that answered first (R25): no other knows its State.
type conversation struct {
	pool     *Pool
	operator string
	realm    string

	server *server        // nil until one has answered
	name   string         // the User-Name that it was routed by, once there has been a Challenge
	state  []byte         // of the last Challenge, as the server gave it
	joined bool           // it began elsewhere: the first request that we see has a State
	sum    uint64         // of the EAP packet that the last Challenge answered
	last   *realms.Answer // that Challenge

	facts  *realms.Facts // of a core of ours
	rounds int
	stage  string
	cui    string
}

var (
	errDead    = errors.New("it is dead")
	errOnTrial = errors.New("it is being tried by another request")
)

// Answer forwards a request and returns what the upstream says to it. It never
// asks for silence (R3): when no server answers within the pool's patience the
// error is [realms.ErrUpstreamDown] and the Answer a Reject (R26).
func (c *conversation) Answer(ctx context.Context, packet *radius.Packet) (realms.Answer, error) {
	var r request // by itself: it need not outlive its answer
	err := r.readFrom(packet, c.pool.config.ProxyStates)
	if err == nil {
		err = c.belongs(&r)
	}
	if err != nil {
		c.stage = "refused by us"
		return r.reject(), err
	}
	if c.repeated(&r) {
		return *c.last, nil
	}
	if c.rounds == 0 {
		c.join(&r)
	}
	server, err := c.forward(ctx, &r)
	if err != nil {
		return r.reject(), err
	}
	return r.answer, c.took(&r, server)
}

// belongs refuses a request that was routed by another name than this one.
func (c *conversation) belongs(r *request) error {
	if c.name != "" && c.name != string(r.name) {
		return fmt.Errorf("the user name changed in mid-conversation: %w", realms.ErrConversationUnknown)
	}
	return nil
}

// join continues a conversation that another node, or this one before it was
// restarted, has begun: its State goes on as it came, for the upstream to judge.
func (c *conversation) join(r *request) {
	c.state, c.joined = r.packet.Lookup(rfc2865.State_Type)
}

// repeated says whether a controller asks again what the last Challenge has
// answered, as it does on fail-over with a new identifier (F14).
func (c *conversation) repeated(r *request) bool {
	return r.eap && c.last != nil && c.sum == r.sum
}

// forward tries the conversation's server or, at its beginning, one after the
// other.
func (c *conversation) forward(ctx context.Context, r *request) (*server, error) {
	now := c.pool.config.Now()
	e := &r.envelope
	e.state, e.core, e.operator, e.askCUI = c.state, c.pool.config.Core, c.operator, !c.pool.config.WithoutCUI
	deadline := now.Add(c.pool.config.Patience)
	var tried map[*server]error // made by the first failure
	for first := true; first || ctx.Err() == nil && now.Before(deadline); first = false {
		s, another := c.next(tried)
		if s == nil {
			break
		}
		until := deadline
		if another {
			until = earlier(now.Add(c.pool.config.FailOver), deadline)
		}
		c.stage = s.waiting
		answered, err := c.try(ctx, s, r, until)
		if answered && err != nil {
			c.server = s
			err = fmt.Errorf("upstream %s: %w: %w", s.config.Name, err, realms.ErrUpstreamReply)
		}
		if answered || errors.Is(err, realms.ErrTooLarge) {
			return s, err
		}
		if errors.Is(err, realms.ErrHomeDown) {
			c.pool.homeSilent(c.realm, s, r.user())
		}
		if tried == nil {
			tried = make(map[*server]error)
		}
		tried[s], now = err, c.pool.config.Now()
	}
	return nil, c.nobody(ctx, tried)
}

// next is the server to try: in mid-conversation there is but one (R25).
func (c *conversation) next(tried map[*server]error) (s *server, another bool) {
	switch {
	case c.server == nil && !c.joined:
		return c.pool.choose(tried)
	case len(tried) > 0:
		return nil, false
	case c.server == nil: // most likely where it began; only that one knows the State
		s, _ = c.pool.choose(nil)
	default:
		s = c.server
	}
	return s, false
}

func (c *conversation) try(ctx context.Context, s *server, r *request, until time.Time) (answered bool, err error) {
	if err := s.claim(); err != nil {
		return false, err
	}
	answered, err = s.exchange(ctx, r, until)
	if !answered {
		s.judged((*health).abandoned)
	}
	return answered, err
}

// nobody says why no server answered.
func (c *conversation) nobody(ctx context.Context, tried map[*server]error) error {
	kind, homes := realms.ErrUpstreamDown, 0
	var words []string
	for _, s := range c.pool.servers {
		err, ok := tried[s]
		if errors.Is(err, realms.ErrServerBusy) {
			kind = realms.ErrServerBusy
		}
		if errors.Is(err, realms.ErrHomeDown) {
			homes++
		}
		switch {
		case ok:
			words = append(words, fmt.Sprintf("%s: %v", s.config.Name, err))
		case c.server == nil && s.rank() == rankNever:
			words = append(words, fmt.Sprintf("%s: %v", s.config.Name, errDead))
		}
	}
	if homes > 0 && homes == len(tried) {
		kind = realms.ErrHomeDown
	}
	if err := ctx.Err(); err != nil {
		words = append(words, err.Error())
	}
	return fmt.Errorf("upstream %s (%s): %w", c.pool.config.Name, strings.Join(words, "; "), kind)
}

// took takes note of a request's answer.
func (c *conversation) took(r *request, s *server) error {
	if r.facts != nil {
		c.facts = r.facts
	}
	a := &r.answer
	c.server, c.last, c.sum = s, nil, r.sum
	c.rounds++
	c.pool.homeAnswered(c.realm, s, r)
	switch a.Code {
	case radius.CodeAccessChallenge:
		last := *a // by itself: the request need not live as long
		c.last, c.state, c.name = &last, a.State, string(r.name)
		c.stage = "waiting for the supplicant"
	case radius.CodeAccessAccept:
		c.cui = showCUI(a.CUI)
		c.stage = "accepted"
	case radius.CodeAccessReject:
		c.stage = "rejected"
		if c.facts != nil && c.facts.Reason != "" {
			return fmt.Errorf("core %s: %w", s.config.Name, c.facts.Reason)
		}
		return fmt.Errorf("upstream %s: %w", s.config.Name, realms.ErrUpstreamRejected)
	}
	return nil
}

// Trace says how far the conversation has come.
func (c *conversation) Trace() (t realms.Trace) {
	if c.facts != nil {
		t = c.facts.Trace
	}
	t.Rounds, t.Stage, t.CUI = c.rounds, c.stage, c.cui
	if c.server != nil {
		t.Server = c.server.config.Name
	}
	return t
}

// Close does nothing: a conversation holds nothing of the pool between answers.
func (c *conversation) Close() {}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
