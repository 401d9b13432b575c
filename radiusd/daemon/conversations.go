package daemon

import (
	"container/list"
	"crypto/rand"
	"net/netip"
	"sync"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/noc"
	"causeway/radiusd/transport"
	"causeway/realms"
)

// Limits of the table of conversations. Each is a bound on memory that a flood
// from outside can take (F16, S15).
const (
	defaultConversations = 20_000           // in the whole table
	idleLimit            = 30 * time.Second // between our Challenge and the next request (RFC 5080, section 2.1.1)
	lifeLimit            = 60 * time.Second // from the first request to the last
	stateLength          = 16               // octets of our own State: nobody guesses one
)

// A conversation is one authentication on its way: the configuration it began
// with, who answers it, and the event that it will become.
type conversation struct {
	house *house
	seat  seat
	route realms.Route
	home  realms.Conversation
	event noc.Event
	// operator is who visits us through a federation, or whom one of ours visits: the
	// realm of the first request's Operator-Name, in small letters.
	operator string
	began    time.Time
	begun    bool       // the start line is in the log
	client   string     // the client's name: a State is good only from the client it was given to (S16)
	from     netip.Addr // as a source has it

	busy  sync.Mutex // held while a request is answered
	key   key        // under which the table holds it; zero while it does not
	ended bool       // its event is made; guarded by busy
	state []byte     // the State of the last Challenge
	last  question   // what it asked
	held  bool       // a reply that says no has waited
	seen  time.Time  // when the last Challenge left; guarded by the table
	place *list.Element
	share *list.Element
	try   try // guarded by the table
}

// A key finds a conversation. Its State is bound to the client. One that an
// upstream made is bound to the name that chose the upstream as well: two
// upstreams that give the same State on one controller do not meet.
type key struct{ client, user, state string }

// conversations is the table of all that wait for a supplicant's next message.
// Full, it gives up the oldest conversation of the client that holds the most,
// so one controller's flood costs the other controllers nothing.
type conversations struct {
	mu     sync.Mutex
	max    int
	now    func() time.Time
	byKey  map[key]*conversation
	oldest *list.List            // by the time of the last Challenge
	shares map[string]*list.List // the same by client
	// callers are those who are waited for, by their newest conversation.
	callers map[caller]*conversation
}

func newConversations(max int, now func() time.Time) *conversations {
	if max <= 0 {
		max = defaultConversations
	}
	return &conversations{
		max: max, now: now,
		byKey:   make(map[key]*conversation),
		oldest:  list.New(),
		shares:  make(map[string]*list.List),
		callers: make(map[caller]*conversation),
	}
}

// newState gives a State that nobody can guess.
func newState() []byte {
	state := make([]byte, stateLength)
	_, _ = rand.Read(state) // never fails: crypto/rand ends the process first
	return state
}

// find returns the conversation that a request continues, or nil.
func (c *conversations) find(req *transport.Request) *conversation {
	state, ok := req.Packet.Lookup(rfc2865.State_Type)
	if !ok {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.byKey[key{req.Client.Name, "", string(state)}]; t != nil {
		return t
	}
	return c.byKey[key{req.Client.Name, userName(req.Packet), string(state)}]
}

// keep holds a conversation until its State comes back, and returns those that
// had to leave to make room.
func (c *conversations) keep(t *conversation, state radius.Attribute) (evicted []*conversation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(t)
	k := key{t.client, "", string(state)}
	if t.home != nil && !t.route.Own {
		k.user = t.event.Outer
	}
	if other, taken := c.byKey[k]; taken { // an upstream gave the same State twice
		c.remove(other)
		evicted = append(evicted, other)
	}
	for len(c.byKey) >= c.max {
		victim := c.victim()
		c.remove(victim)
		evicted = append(evicted, victim)
	}
	share := c.shares[t.client]
	if share == nil {
		share = list.New()
		c.shares[t.client] = share
	}
	t.key, t.seen = k, c.now()
	t.place, t.share = c.oldest.PushBack(t), share.PushBack(t)
	c.byKey[k] = t
	c.count(t)
	return evicted
}

// victim is the oldest conversation of the client that holds the most. Clients
// are tens, so the walk is short, and it happens only when the table is full.
func (c *conversations) victim() *conversation {
	var most *list.List
	for _, share := range c.shares {
		if most == nil || share.Len() > most.Len() {
			most = share
		}
	}
	return most.Front().Value.(*conversation)
}

// forget takes a conversation out and says whether it was there.
func (c *conversations) forget(t *conversation) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.remove(t)
}

func (c *conversations) remove(t *conversation) bool {
	if t.place == nil {
		return false
	}
	delete(c.byKey, t.key)
	c.discount(t)
	c.oldest.Remove(t.place)
	share := c.shares[t.client]
	share.Remove(t.share)
	if share.Len() == 0 {
		delete(c.shares, t.client)
	}
	t.key, t.place, t.share = key{}, nil, nil
	return true
}

// expired takes out every conversation whose supplicant has been silent too
// long. One that is being answered at this moment keeps its place.
func (c *conversations) expired() (gone []*conversation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	for e := c.oldest.Front(); e != nil; {
		t, next := e.Value.(*conversation), e.Next()
		if now.Sub(t.seen) < idleLimit {
			break
		}
		if t.busy.TryLock() {
			c.remove(t)
			t.busy.Unlock()
			gone = append(gone, t)
		}
		e = next
	}
	return gone
}

// all takes every conversation out, for the end of the process.
func (c *conversations) all() (gone []*conversation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.oldest.Front(); e != nil; e = c.oldest.Front() {
		t := e.Value.(*conversation)
		c.remove(t)
		gone = append(gone, t)
	}
	return gone
}

// len says how many conversations wait.
func (c *conversations) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.byKey)
}
