// Package daemon is the house put together: it reads the configuration, gives
// each room its part, and walks every request down one corridor (access.go).
// It wires, walks and composes; what a packet, an EAP method, a realm or a VLAN
// is, the rooms know.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"causeway/radiusd/daemon/config"
	"causeway/radiusd/guard"
	"causeway/radiusd/noc"
	"causeway/radiusd/noc/metrics"
	"causeway/radiusd/transport"
	"causeway/realms"
)

// drainLimit is how long requests in flight may take once the server is asked
// to stop (F12).
const drainLimit = 8 * time.Second

// A Daemon is one running server.
type Daemon struct {
	path             string
	now              func() time.Time
	desk             *noc.Desk
	watch            func(noc.Event)
	names            *names
	log              *logFile // nil when the log goes where the command said
	house            atomic.Pointer[house]
	talks            *conversations
	sessions         *sessions
	shelves          shelves
	watches          watches
	lists            atomic.Bool // those of RadSec peers have changed, and the peers were not judged by it yet
	tickers          tickers
	storms           *guard.Storms
	net              *transport.Server
	metrics          *metrics.Server // nil: nobody asks for figures
	abroad           waiting
	homeless         unclaimed
	reminded         reminded
	listing          sync.Mutex        // held while the log gets a list of strangers
	listDay          atomic.Value      // the day on which the lists of devices were told of last, as text
	toldOfPlacements map[string]string // by directory, what is wrong with it; of the one who reports
	rounds           rounds
	reloads          sync.Mutex   // one at a time
	moves            sync.RWMutex // held while a reload looks at who is where and takes over
	counts           struct {
		busy    atomic.Uint64 // requests dropped: their conversation was being answered
		ignored atomic.Uint64 // packets that a conversation ignored
		refused atomic.Uint64 // reloads
		spared  atomic.Uint64 // log-ins that were refused in place of a home that had refused them before
	}
}

// Options are what a Daemon is given besides its configuration.
type Options struct {
	Log io.Writer        // where the log goes when the configuration names no file
	Now func() time.Time // nil: time.Now
	// Watch is given every event as it is made; it must not wait.
	Watch func(noc.Event)
}

// Start reads and proves the configuration at path and opens the sockets. On
// an error nothing is started; a [config.Problems] among the errors names each
// mistake with its place.
func Start(path string, opts Options) (*Daemon, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	h, err := read(path, config.SecretsRequired, opts.Now)
	if err != nil {
		return nil, err
	}
	file := h.file
	d := &Daemon{path: path, now: opts.Now, watch: opts.Watch, names: newNames(), abroad: waiting{realms: map[string]int{}}}
	d.desk, d.log, err = openDesk(file, opts)
	if err != nil {
		return nil, err
	}
	if err := d.furnish(h); err != nil {
		d.desk.Close()
		return nil, err
	}
	h.since = opts.Now()
	d.house.Store(h)
	d.talks = newConversations(file.Server.Conversations, opts.Now)
	d.sessions = newSessions(opts.Now)
	d.storms = guard.NewStorms(opts.Now)
	d.net, err = transport.Listen(transport.Config{
		Auth: file.Server.Listen.Auth, Acct: file.Server.Listen.Acct, RadSec: d.radsec(file),
		Clients: h.clients,
		Access:  d.access, Accounting: d.accounting,
		OnPanic: d.panicked,
		Now:     opts.Now,
	})
	if err != nil {
		err = fmt.Errorf("%s: %w%s", path, err, unopened(err))
	} else if err = d.showMetrics(file); err != nil {
		_ = d.net.Shutdown(context.Background()) // nothing is in flight yet
	}
	if err != nil {
		h.leave()
		d.desk.Close()
		return nil, err
	}
	return d, nil
}

// A refusal of the kernel's to let us listen on an address.
type refusal struct {
	why          error
	what, advice string
}

var refusals = []refusal{
	{unix.EADDRINUSE, "somebody listens there already", "Another program has it, or this server runs already: ss -lntup says which"},
	{unix.EADDRNOTAVAIL, "this machine has no such address", "It is none of this machine's: ip address lists those"},
	{unix.EACCES, "this user may not listen on so low a port", "A port below 1024 needs CAP_NET_BIND_SERVICE"},
}

func refusalOf(err error) (r refusal, known bool) {
	i := slices.IndexFunc(refusals, func(r refusal) bool { return errors.Is(err, r.why) })
	if i < 0 {
		return refusal{}, false
	}
	return refusals[i], true
}

// unopened says what to do where the kernel refuses an address.
func unopened(err error) string {
	if r, known := refusalOf(err); known {
		return ". " + r.advice
	}
	return ""
}

// Serve answers requests until ctx ends, then drains: it stops reading, lets
// the requests in flight finish and sends their replies.
func (d *Daemon) Serve(ctx context.Context) error {
	house := d.house.Load()
	d.desk.Notice("started", "server", house.file.Server.Name, "config", d.path, "sites", len(house.file.Site),
		"listening", d.sockets())
	d.warn(house)
	notify(stateReady)

	keeping, stop := context.WithCancel(context.Background())
	var keepers sync.WaitGroup
	keepers.Go(func() { d.sweep(keeping) })
	keepers.Go(func() { d.report(keeping) })
	keepers.Go(func() { d.probe(keeping) })
	if d.metrics != nil {
		d.metrics.Serve()
		defer d.metrics.Close() // as the last: what is drained is still to be seen
	}

	drained := make(chan struct{})
	go func() {
		defer close(drained)
		<-ctx.Done()
		notify(stateStopping)
		d.desk.Notice("stopping")
		limit, cancel := context.WithTimeout(context.Background(), drainLimit)
		defer cancel()
		if err := d.net.Shutdown(limit); err != nil {
			d.alarm("requests in flight were cut short", err)
		}
	}()

	err := d.net.Serve(context.WithoutCancel(ctx))
	if ctx.Err() != nil {
		<-drained
		err = nil
	}
	stop()
	keepers.Wait()
	for _, t := range d.talks.all() {
		d.abandon(t, realms.ErrServerStopped)
	}
	d.house.Load().leave()
	d.tickers.ends.Wait() // two seconds at most
	d.desk.Notice("stopped")
	d.desk.Close()
	return err
}

// Addrs are the addresses that the server listens on, as the kernel chose them.
func (d *Daemon) Addrs() (auth, acct []net.Addr) { return d.net.Addrs() }

// RadSecAddrs are the addresses on which the server hears RADIUS over TLS.
func (d *Daemon) RadSecAddrs() []net.Addr { return d.net.RadSecAddrs() }

// Stats are the counters of the sockets since Start.
func (d *Daemon) Stats() transport.Stats { return d.net.Stats() }

// sockets says in words where the server listens and how much the kernel lets
// wait there: a small receive buffer loses packets in a storm.
func (d *Daemon) sockets() string {
	var words []string
	for _, s := range d.net.Stats().Sockets {
		if s.Transport == "tls" {
			words = append(words, s.Purpose+" "+s.Address)
			continue
		}
		words = append(words, fmt.Sprintf("%s %s with %d KiB of %d", s.Purpose, s.Address, s.ReceiveBuffer>>10, s.Asked>>10))
	}
	for _, a := range d.MetricsAddrs() {
		words = append(words, "metrics "+a.String())
	}
	return strings.Join(slices.Compact(words), ", ") // several sockets share an address
}

// OnSignals reloads at every signal until ctx ends; at SIGUSR2 even where that moves
// VLANs under people; and at SIGUSR1 it lists the addresses that are no clients of ours. What comes of it is in the log, where whoever sent the
// signal looks.
func (d *Daemon) OnSignals(ctx context.Context, hangups <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-hangups:
			switch s {
			case unix.SIGUSR1:
				d.tellStrangers(math.MaxInt)
			case unix.SIGUSR2:
				_ = d.ReloadAndMove()
			default:
				_ = d.Reload()
			}
		}
	}
}

// Reload reads the configuration again. A bad file, or one that would move a
// VLAN into another zone under people who are on it, leaves the old one
// running and says why. Conversations under way finish on the configuration
// that they began with (R51).
func (d *Daemon) Reload() error { return d.reloadAs(false) }

// ReloadAndMove does the same, but takes over a file that moves VLANs into other zones
// under people who are on them: somebody has seen to it that they may be there. Each of
// those VLANs is an alarm. A guarantee that is broken is refused here as everywhere.
func (d *Daemon) ReloadAndMove() error { return d.reloadAs(true) }

func (d *Daemon) reloadAs(moving bool) error {
	d.reloads.Lock()
	defer d.reloads.Unlock()
	notify(stateReloading(monotonic()))
	defer notify(stateReady)

	old := d.house.Load()
	next, err := d.reload(old, moving)
	if err != nil {
		d.refused(err)
		return err
	}
	old.leave()
	if d.log != nil {
		if err := d.log.reopen(); err != nil {
			d.alarm("the log could not be opened again: the old file is still written", err)
		}
	}
	d.desk.Notice("reloaded", "config", d.path, "sites", len(next.file.Site))
	if keys := fixedUntilRestart(old.file, next.file); len(keys) > 0 {
		d.desk.Warn("some changes take effect at a restart only", "keys", strings.Join(keys, ", "))
	}
	d.warn(next)
	d.remindOfAgreements(true)
	return nil
}

func (d *Daemon) reload(old *house, moving bool) (next *house, err error) {
	aside(func() { next, err = read(d.path, config.SecretsRequired, d.now) })
	if err != nil {
		return nil, err
	}
	if err := d.furnish(next); err != nil {
		return nil, err
	}
	if err := d.move(old, next, moving); err != nil {
		next.leave()
		return nil, locate(next.file, "", err)
	}
	return next, nil
}

// move takes over from an old configuration, unless a VLAN would change its zone
// under people who are on it and nobody said that it may. Nobody is let in meanwhile.
func (d *Daemon) move(old, next *house, moving bool) error {
	d.moves.Lock()
	defer d.moves.Unlock()
	live := d.sessions.live(next.sitesOf)
	if err := next.vlan.Follows(old.vlan, live...); err != nil {
		if !moving {
			return err
		}
		for _, p := range locate(next.file, "", err) {
			d.desk.Alarm("people were moved into another zone, as the reload was told to: "+p.Text, "at", fmt.Sprintf("%s:%d", p.File, p.Line))
		}
		d.sessions.rezone(next.vlan.Rezone)
	}
	next.since = d.now()
	d.house.Store(next)
	d.net.SetClients(next.clients)
	return nil
}

// refused says why a reload changed nothing, a line for each mistake.
func (d *Daemon) refused(err error) {
	d.counts.refused.Add(1)
	const what = "reload refused, the old configuration keeps running: "
	var problems config.Problems
	if !errors.As(err, &problems) {
		d.alarm(what, err)
	}
	for _, p := range problems {
		d.desk.Alarm(what+p.Text, "at", fmt.Sprintf("%s:%d", p.File, p.Line), "fix", p.Fix)
	}
}

// fixedUntilRestart names the keys that a reload has changed in vain.
func fixedUntilRestart(old, next *config.File) (keys []string) {
	for key, changed := range map[string]bool{
		"server.listen":        !reflect.DeepEqual(old.Server.Listen, next.Server.Listen),
		"server.conversations": old.Server.Conversations != next.Server.Conversations,
		"log":                  old.Log != next.Log,
		"radsec.radius11":      old.RadSec.RADIUS11 != next.RadSec.RADIUS11,
		"radsec.connections":   old.RadSec.Connections != next.RadSec.Connections,
	} {
		if changed {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// warn puts what is unwise in a configuration into the log, a line each.
func (d *Daemon) warn(h *house) {
	for _, w := range h.warnings {
		d.desk.Warn(w.Text, "at", fmt.Sprintf("%s:%d", w.File, w.Line), "fix", w.Fix)
	}
	for _, f := range h.faults {
		d.desk.Alarm(f.Text, "at", fmt.Sprintf("%s:%d", f.File, f.Line), "fix", f.Fix)
	}
}

// sweep gives up conversations whose supplicant has been silent too long, and looks at
// what files and lists say by now.
func (d *Daemon) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, t := range d.talks.expired() {
				d.abandon(t, nil)
			}
			d.lookAtLists()
			d.rejudge()
		}
	}
}

// monotonic is the clock that systemd compares reloads with.
func monotonic() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
