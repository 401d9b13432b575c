package realms

import (
	"context"
	"errors"

	"layeh.com/radius"
)

// A fallback is a partner, or whom DNS names, whose people a federation knows too: while
// none of their own servers answers, new conversations go there.
type fallback struct{ partner, federation Home }

// FallBack returns a home that asks the first of two and, while none of its servers
// answers, the second.
func FallBack(first, second Home) Home { return fallback{first, second} }

func (f fallback) Open(q Question) Conversation {
	return &fallbackConversation{Conversation: f.partner.Open(q), federation: f.federation, question: q}
}

// A fallbackConversation is with the partner until that has been silent to its first
// request; from then on with the federation. One that has begun stays where it is:
// nobody else knows its State (R25).
type fallbackConversation struct {
	Conversation
	federation Home // nil: it has been asked, or is not needed
	question   Question
}

func (c *fallbackConversation) Answer(ctx context.Context, req *radius.Packet) (Answer, error) {
	answer, err := c.Conversation.Answer(ctx, req)
	if c.federation == nil || !errors.Is(err, ErrUpstreamDown) && !errors.Is(err, ErrServerBusy) {
		c.federation = nil
		return answer, err
	}
	c.Close()
	c.Conversation, c.federation = c.federation.Open(c.question), nil
	return c.Conversation.Answer(ctx, req)
}
