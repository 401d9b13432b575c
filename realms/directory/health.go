package directory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"causeway/realms"
)

// A rota is how the servers of one directory are asked: one after the other, each
// with its share of the time, and those that are down last.
type rota struct {
	directory string        // its name
	attempt   time.Duration // for one server
	retry     time.Duration // between looks at one that is down

	ctx    context.Context // ends with close
	cancel context.CancelFunc
	looks  sync.WaitGroup
}

func newRota(directory string, attempt, retry time.Duration) *rota {
	r := &rota{directory: directory, attempt: attempt, retry: retry}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// close ends what is being asked, and the looks.
func (r *rota) close() {
	r.cancel()
	r.looks.Wait()
}

// An askable is a server as a rota sees it.
type askable interface {
	state() *health
	isUp() bool
}

// each puts a question to one server after the other until one has answered it.
// An error of the server itself, and not of the question, sends it to the next.
func each[S askable](ctx context.Context, r *rota, servers []S, ask func(ctx context.Context, s S) error) error {
	var faults []string
	misconfigured := true
	for _, s := range inOrder(servers) {
		h := s.state()
		err := h.resting()
		if err == nil {
			err = r.attemptAt(ctx, h, func(ctx context.Context) error { return ask(ctx, s) })
		}
		f := asFault(err)
		if f == nil {
			return err
		}
		faults = append(faults, h.name+": "+f.Error())
		misconfigured = misconfigured && f.misconfigured
		if ctx.Err() != nil {
			misconfigured = false
			break
		}
	}
	reason := realms.ErrUnreachable
	if misconfigured && len(faults) > 0 {
		reason = realms.ErrMisconfigured
	}
	return fmt.Errorf("directory %s: %s: %w", r.directory, strings.Join(faults, "; "), reason)
}

// attemptAt gives one server its share of the time.
func (r *rota) attemptAt(ctx context.Context, h *health, ask func(ctx context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, r.attempt)
	defer cancel()
	err := ask(limited)
	f := asFault(err)
	if f == nil {
		h.answered()
		return err
	}
	// A caller that went away says nothing of the server.
	if !errors.Is(ctx.Err(), context.Canceled) && r.ctx.Err() == nil {
		h.markDown(f)
	}
	return f
}

// inOrder lists the servers that are up, as configured, and then the others:
// when all are down, one of them may have just come back.
func inOrder[S askable](servers []S) []S {
	up := make([]S, 0, len(servers))
	var down []S
	for _, s := range servers {
		if s.isUp() {
			up = append(up, s)
		} else {
			down = append(down, s)
		}
	}
	return append(up, down...)
}

// A fault is an error of a server and not of the question.
type fault struct {
	error
	misconfigured bool // the server is well and refuses us
}

func (f *fault) Unwrap() error { return f.error }

// A health says whether a server is worth asking, and has somebody look at one
// that is not.
type health struct {
	name string // host:port
	rota *rota
	look func(ctx context.Context) error // asks what every server answers

	mu         sync.Mutex
	down       *fault // nil: up
	generation uint64 // of times that it was found down: its older connections are not used again
	probing    bool
	closed     bool
}

func (h *health) state() *health { return h }

func (h *health) isUp() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.down == nil
}

// resting returns the fault of a server that refused us. It is left alone until
// the next look: more binds with a bad password would lock the service account.
func (h *health) resting() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down != nil && h.down.misconfigured {
		return h.down
	}
	return nil
}

// answered takes the mark off.
func (h *health) answered() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = nil
}

// age is the generation of now.
func (h *health) age() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.generation
}

// markDown puts the server behind the others and looks at it from time to time.
// Its idle connections are not trusted again: a firewall may have forgotten them.
func (h *health) markDown(f *fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = f
	h.generation++
	if !h.probing && !h.closed {
		h.probing = true
		h.rota.looks.Go(h.probe)
	}
}

// Looks at a server that refuses us are further apart.
const restFactor = 60

// probe looks at a server that is down until it is up.
func (h *health) probe() {
	timer := time.NewTimer(h.pause())
	defer timer.Stop()
	for {
		select {
		case <-h.rota.ctx.Done():
			return
		case <-timer.C:
		}
		if h.probed() {
			return
		}
		timer.Reset(h.pause())
	}
}

func (h *health) pause() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down != nil && h.down.misconfigured {
		return restFactor * h.rota.retry
	}
	return h.rota.retry
}

// probed looks once and says whether that was the last time.
func (h *health) probed() bool {
	ctx, cancel := context.WithTimeout(h.rota.ctx, h.rota.attempt)
	defer cancel()
	f := asFault(h.look(ctx))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = f
	h.probing = f != nil && !h.closed
	return !h.probing
}

// close has nobody look any more.
func (h *health) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
}

// over says that nobody is to be asked here any more.
func (h *health) over() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed || h.rota.ctx.Err() != nil
}
