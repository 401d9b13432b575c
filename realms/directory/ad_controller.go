package directory

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"causeway/realms"
)

// A controller is one domain controller as Netlogon sees it: a few secure channels,
// each for one log-on at a time, dialled one after the other, since the domain
// controller keeps one negotiation for each computer account.
//
// Nobody who waits for a channel waits for a dial: whoever is given back a channel
// goes on with it, while one goroutine dials as long as somebody waits.
type controller struct {
	*health
	ad     *AD
	ldap   *server // the same host, asked by LDAP
	host   string
	mapped port // of Netlogon, where the endpoint mapper was asked

	pool    sync.Mutex
	idle    []*channel
	queue   []chan *channel // of those who wait, the first first; closed: there is none to be had
	open    int             // channels that there are, idle or not
	dialler bool            // somebody dials
	why     *fault          // the failure of the last dial; nil: it was good
	again   time.Time       // before then nobody dials
	pause   time.Duration   // how long the last failure keeps from dialling
	since   time.Time       // a channel that has not answered since is not used again
}

// A port is one that was found, until it turns out to be wrong.
type port struct {
	mu   sync.Mutex
	text string
}

func (p *port) get() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text
}

func (p *port) set(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = text
}

// leastPause is how long the first of several failures keeps from dialling.
const leastPause = 50 * time.Millisecond

func newController(ad *AD, s *server) *controller {
	host, _, _ := net.SplitHostPort(s.name)
	c := &controller{ad: ad, ldap: s, host: host}
	c.health = &health{name: "Netlogon of " + host, rota: ad.rota, look: c.ask}
	return c
}

// isUp says that neither Netlogon nor LDAP has found the host down: who has waited
// for one does not wait for the other.
func (c *controller) isUp() bool { return c.health.isUp() && c.ldap.isUp() }

// ask is satisfied with a channel: whoever opens one has spoken with the domain
// controller.
func (c *controller) ask(ctx context.Context) error {
	ch, err := c.take(ctx)
	if err != nil {
		return err
	}
	c.give(ch)
	return nil
}

// logOn has this domain controller judge an attempt. A channel that was open before
// may have been closed from the other side meanwhile, and the next gets a chance.
func (c *controller) logOn(ctx context.Context, a attempt) (realms.SessionKey, error) {
	for crossings := 0; ; {
		ch, err := c.take(ctx)
		if err != nil {
			return realms.SessionKey{}, err
		}
		fresh := ch.fresh
		key, err := c.through(ctx, ch, a)
		if asFault(err) == nil {
			return key, err
		}
		if crossed(err) {
			crossings++
		}
		if fresh && (!crossed(err) || crossings == dialAttempts) || ctx.Err() != nil || refused(err) {
			return realms.SessionKey{}, err
		}
	}
}

// refused says that the domain controller itself has some trouble, and that the
// channel is well.
func refused(err error) bool {
	var f *fault
	return errors.As(err, &f)
}

// through puts an attempt through a channel. The call runs to its end, or to the end
// of its own time, whoever still waits for it: a caller that goes away costs no
// channel, and a channel that stalls costs its caller and nobody else.
func (c *controller) through(ctx context.Context, ch *channel, a attempt) (realms.SessionKey, error) {
	began := time.Now()
	limit, cancel := context.WithTimeout(c.rota.ctx, c.rota.attempt)
	stop := context.AfterFunc(limit, ch.kill)
	key, err := do(ctx, c.rota.ctx.Done(), func() (key realms.SessionKey, err error) {
		err = errors.New("the reply made no sense") // if what follows panics
		defer func() {
			ended := !stop()
			cancel()
			c.settle(ch, ended, err)
		}()
		key, err = ch.logOn(limit, a)
		if asFault(err) != nil && !refused(err) && limit.Err() != nil {
			err = fmt.Errorf("no answer: %w", limit.Err()) // and not that the channel was killed for it
		}
		return key, err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		c.distrust(began) // before this caller takes another channel
	}
	return key, err
}

// distrust has channels not used again that have not answered since something began
// that has stalled: their connections may be as dead.
func (c *controller) distrust(began time.Time) {
	c.pool.Lock()
	defer c.pool.Unlock()
	if began.After(c.since) {
		c.since = began
	}
}

// settle decides what becomes of a channel after a call.
func (c *controller) settle(ch *channel, ended bool, err error) {
	if !ended && (asFault(err) == nil || refused(err)) {
		c.give(ch)
		return
	}
	c.drop(ch)
}

// take waits for a channel. Its error is a fault, or that time is up.
func (c *controller) take(ctx context.Context) (*channel, error) {
	ch, place, err := c.ready()
	if ch != nil || err != nil {
		return ch, err
	}
	select {
	case ch = <-place:
	case <-ctx.Done():
		if !c.leave(place) {
			if ch = <-place; ch != nil { // it was given in the same moment
				c.give(ch)
			}
		}
		return nil, fmt.Errorf("no channel was free or could be opened: %w", ctx.Err())
	}
	if ch == nil {
		return nil, c.failure()
	}
	return ch, nil
}

// ready returns a channel that waits for us, or else a place in the queue, and has
// somebody dial if there may be more channels.
func (c *controller) ready() (ch *channel, place chan *channel, err error) {
	c.pool.Lock()
	defer c.pool.Unlock()
	if c.over() {
		return nil, nil, errOver
	}
	for len(c.idle) > 0 {
		ch, c.idle = c.idle[len(c.idle)-1], c.idle[:len(c.idle)-1]
		if c.trusts(ch) {
			return ch, nil, nil
		}
		ch.kill()
		c.open--
	}
	if c.open == 0 && !c.dialler && c.why != nil && time.Now().Before(c.again) {
		return nil, nil, c.why
	}
	place = make(chan *channel, 1)
	c.queue = append(c.queue, place)
	c.dialMore()
	return nil, place, nil
}

var errOver = errors.New("the directory is closed, or has this domain controller no more")

// leave gives up a place; it is false for one that has been served.
func (c *controller) leave(place chan *channel) bool {
	c.pool.Lock()
	defer c.pool.Unlock()
	at := slices.Index(c.queue, place)
	if at < 0 {
		return false
	}
	c.queue = slices.Delete(c.queue, at, at+1)
	return true
}

func (c *controller) failure() error {
	c.pool.Lock()
	defer c.pool.Unlock()
	if c.why == nil {
		return errOver
	}
	return c.why
}

// trusts says whether a channel has answered since another stalled.
func (c *controller) trusts(ch *channel) bool { return ch.answered.After(c.since) }

// give puts a channel back: to the first who waits.
func (c *controller) give(ch *channel) {
	c.pool.Lock()
	defer c.pool.Unlock()
	c.hand(ch)
}

func (c *controller) hand(ch *channel) {
	switch {
	case !c.trusts(ch) || c.over():
		ch.kill()
		c.open--
		c.dialMore()
	case len(c.queue) > 0:
		c.queue[0] <- ch
		c.queue = c.queue[1:]
	default:
		ch.fresh = false
		c.idle = append(c.idle, ch)
	}
}

// drop ends a channel. Somebody who waits may have another dialled.
func (c *controller) drop(ch *channel) {
	ch.kill()
	c.pool.Lock()
	defer c.pool.Unlock()
	c.open--
	c.dialMore()
}

// dialMore has one goroutine dial, as long as somebody waits and there may be more.
func (c *controller) dialMore() {
	if !c.dialler && len(c.queue) > 0 && c.open < c.ad.cfg.Channels && !c.over() && !time.Now().Before(c.again) {
		c.dialler = true
		c.rota.looks.Go(func() {
			for c.dialled(c.dial()) {
			}
		})
	}
	if c.open == 0 && !c.dialler { // nobody will come back
		c.sendAway()
	}
}

// dialled takes note of a dial and says whether to go on.
func (c *controller) dialled(ch *channel, err error) (more bool) {
	c.pool.Lock()
	defer c.pool.Unlock()
	c.dialler = false
	if err != nil {
		if c.why = asFault(err); c.why == nil { // LDAP could not tell which domain it is
			c.why = &fault{error: err, misconfigured: errors.Is(err, realms.ErrMisconfigured)}
		}
		c.pause = min(max(2*c.pause, leastPause), c.rota.retry)
		c.again = time.Now().Add(c.pause)
		if c.open == 0 { // else those who wait have what there is
			c.sendAway()
		}
		return false
	}
	c.why, c.pause = nil, 0
	c.open++
	c.hand(ch)
	c.dialler = len(c.queue) > 0 && c.open < c.ad.cfg.Channels && !c.over()
	return c.dialler
}

// sendAway tells those who wait that there is nothing to wait for.
func (c *controller) sendAway() {
	for _, place := range c.queue {
		close(place)
	}
	c.queue = nil
}

// dial opens one channel. A domain controller keeps one negotiation for a computer
// account: another server of ours with the same account may have come between, and
// the next attempt is for that.
func (c *controller) dial() (ch *channel, err error) {
	ctx, cancel := context.WithTimeout(c.rota.ctx, c.rota.attempt)
	defer cancel()
	for range dialAttempts {
		if ch, err = c.dialOnce(ctx); err == nil || ctx.Err() != nil || !crossed(err) {
			break
		}
	}
	return ch, err
}

const dialAttempts = 4

// crossed says that two negotiations have come across each other: the domain controller
// then has the session key of the other, and says so when the channel is sealed or at
// the first call.
func crossed(err error) bool {
	const secPkgError = 0x721 // RPC_S_SEC_PKG_ERROR (MS-ERREF, section 2.2)
	return errors.Is(err, rpcFaultError(secPkgError))
}

func (c *controller) dialOnce(ctx context.Context) (*channel, error) {
	as, err := c.ad.computer(ctx)
	if err != nil {
		return nil, err
	}
	release, err := turnOf(ctx, c.host, as.name)
	if err != nil {
		return nil, err
	}
	defer release()
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	ch, err := within(ctx, conn, func() (*channel, error) { return openChannel(ctx, conn, as) })
	if err != nil {
		_ = conn.Close() // its error is the one to tell
		return nil, err
	}
	ch.answered = time.Now()
	return ch, nil
}

// connect connects to Netlogon, where the configuration says or the endpoint mapper.
func (c *controller) connect(ctx context.Context) (net.Conn, error) {
	if fixed := c.ad.cfg.NetlogonPort; fixed != 0 {
		return c.connectTo(ctx, strconv.Itoa(fixed))
	}
	if known := c.mapped.get(); known != "" {
		if conn, err := c.connectTo(ctx, known); err == nil || ctx.Err() != nil {
			return conn, err
		}
		c.mapped.set("") // after a restart it has another
	}
	conn, err := c.connectTo(ctx, portMapper)
	if err != nil {
		return nil, fmt.Errorf("endpoint mapper: %w", err)
	}
	defer func() { _ = conn.Close() }() // it has said what it had to
	found, err := within(ctx, conn, func() (string, error) { return mapNetlogon(ctx, conn) })
	if err != nil {
		return nil, fmt.Errorf("endpoint mapper: %w", err)
	}
	c.mapped.set(found)
	return c.connectTo(ctx, found)
}

const portMapper = "135"

func (c *controller) connectTo(ctx context.Context, port string) (net.Conn, error) {
	conn, err := c.ad.cfg.Dial(ctx, net.JoinHostPort(c.host, port))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return conn, nil
}

// within has what reads and writes a connection end with the context, or with a
// panic.
func within[T any](ctx context.Context, conn net.Conn, talk func() (T, error)) (T, error) {
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	return do(ctx, nil, talk)
}

// close ends the channels that nobody uses; the others end with their calls.
func (c *controller) close() {
	c.health.close()
	c.pool.Lock()
	defer c.pool.Unlock()
	for _, ch := range c.idle {
		ch.kill()
		c.open--
	}
	c.idle, c.why = nil, nil
	c.sendAway()
}

// turns hold back the dials of one computer account to one host, whichever directory
// of whichever configuration they are for: a reload opens the new one while the old
// one still serves.
var turns struct {
	sync.Mutex
	of map[string]*turn
}

type turn struct {
	free  chan struct{} // holds one token
	users int
}

// turnOf waits for the turn to dial.
func turnOf(ctx context.Context, host, computer string) (release func(), err error) {
	key := host + " " + computer
	turns.Lock()
	t := turns.of[key]
	if t == nil {
		t = &turn{free: make(chan struct{}, 1)}
		t.free <- struct{}{}
		if turns.of == nil {
			turns.of = make(map[string]*turn)
		}
		turns.of[key] = t
	}
	t.users++
	turns.Unlock()
	leave := func() {
		turns.Lock()
		defer turns.Unlock()
		if t.users--; t.users == 0 {
			delete(turns.of, key)
		}
	}
	select {
	case <-t.free:
		return func() { t.free <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, fmt.Errorf("another dial to %s has the turn: %w", host, ctx.Err())
	}
}
