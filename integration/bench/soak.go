package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// A soak is a long day made short: staff and visitors log in at a steady rate while
// everything that goes wrong in a hospital goes on beside them. What is looked for is
// what grows: memory, goroutines, files, waiting times; and whoever is turned away.
const (
	soakParts   = 8 // of the time; the first warms, the next two are compared with the last two
	soakPeople  = 20_000
	soakRate    = 300.0 // a second, of staff; and of visitors by RadSec; and of visitors by UDP
	soakReloads = 12
	soakSettles = 2 * time.Minute // until nothing of the load may be left
)

// A soaked is a server under a soak, and what was seen of it.
type soaked struct {
	*server
	metrics string
	time    time.Duration

	mu      sync.Mutex
	samples []soakSample
	turned  uint64 // people away, or lost
	peap    int
	failed  error
}

// A soakSample is the server at one moment.
type soakSample struct{ goroutines, files, resident, waiting, lost float64 }

// soak runs for so long.
func soak(long time.Duration) (rows []row, err error) {
	town, err := newSoakTown()
	if err != nil {
		return nil, err
	}
	defer town.stop()
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &soaked{metrics: fmt.Sprintf("127.0.0.1:%d", port), time: long}
	s.server, err = startWith(options{
		users: soakPeople, overTLS: town.roaming, metrics: s.metrics, bothCores: true,
		more: map[string]string{"living.example": town.living.address(), "flapping.example": town.flapping.LocalAddr().String(), "dead.example": town.dead.LocalAddr().String()},
	})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	before, err := s.sample()
	if err != nil {
		return nil, err
	}
	waits, err := s.day()
	if err != nil {
		return nil, err
	}
	after, err := s.settle(before)
	return append(s.grown(before, after), s.waited(waits)...), err
}

// day is the whole of it; it returns the 99th percentile of each part, in milliseconds.
func (s *soaked) day() (waits []float64, err error) {
	ctx, end := context.WithCancel(context.Background())
	var beside sync.WaitGroup
	for _, pest := range s.pests() {
		beside.Go(func() { pest(ctx) })
	}
	for range soakParts {
		var (
			people sync.WaitGroup
			all    []time.Duration
		)
		for _, user := range []func(uint64) string{
			func(n uint64) string { return benchUser(int(n % (soakPeople / 2))) }, // the others are for wrong passwords
			func(uint64) string { return peerUser },
			func(uint64) string { return "visitor@living.example" },
		} {
			people.Go(func() {
				l := load{address: s.address, sockets: 2, window: 250, rate: soakRate, user: user, while: s.time / soakParts, waits: true}
				t, err := l.run()
				s.mu.Lock()
				defer s.mu.Unlock()
				all = append(all, t.waits...)
				s.turned += t.refused + t.lost
				s.failed = errors.Join(s.failed, err)
			})
		}
		people.Wait()
		waits = append(waits, float64(percentile(all, 99))/float64(time.Millisecond))
	}
	end()
	beside.Wait()
	return waits, s.failed
}

// pests are what goes on beside; each ends with its context.
func (s *soaked) pests() []func(context.Context) {
	every := func(pause time.Duration, do func(n int) error) func(context.Context) {
		return func(ctx context.Context) {
			ticker := time.NewTicker(pause)
			defer ticker.Stop()
			for n := 0; ; n++ {
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
				}
				if err := do(n); err != nil {
					s.mu.Lock()
					s.failed = errors.Join(s.failed, err)
					s.mu.Unlock()
					return
				}
			}
		}
	}
	return []func(context.Context){
		every(s.time/200, func(int) error { // somebody looks
			seen, err := s.sample()
			s.mu.Lock()
			defer s.mu.Unlock()
			s.samples = append(s.samples, seen)
			return err
		}),
		every(s.time/soakReloads, func(int) error { return s.cmd.Process.Signal(syscall.SIGHUP) }),
		every(500*time.Millisecond, func(n int) error { // staff whose devices speak PEAP
			_, err := s.oneOf(n % (soakPeople / 2))
			s.mu.Lock()
			defer s.mu.Unlock()
			s.peap++
			return err
		}),
		s.sends(every, 100*time.Millisecond, func(n int) []byte { return papOf("visitor@dead.example", n) }),
		s.sends(every, 50*time.Millisecond, func(n int) []byte { return papOf("visitor@flapping.example", n) }),
		s.sends(every, 500*time.Millisecond, func(n int) []byte { // forgotten passwords
			wrong := newPAP(benchUser(soakPeople/2+n%(soakPeople/2)), "hunter2")
			return wrong.build(nil, byte(n), serial())
		}),
		s.sends(every, 50*time.Millisecond, falterer),
		s.sends(every, 50*time.Millisecond, func(int) []byte { // what is no RADIUS
			b := make([]byte, 40)
			_, _ = rand.Read(b)
			return b
		}),
	}
}

// sends sends a packet now and then from a socket of its own, and hears no answer.
func (s *soaked) sends(every func(time.Duration, func(int) error) func(context.Context), pause time.Duration, packet func(n int) []byte) func(context.Context) {
	return func(ctx context.Context) {
		conn, err := net.Dial("udp", s.address)
		if err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.failed = errors.Join(s.failed, err)
			return
		}
		defer func() { _ = conn.Close() }()
		every(pause, func(n int) error {
			_, err := conn.Write(packet(n))
			return err
		})(ctx)
	}
}

var lastSerial atomic.Uint64

func serial() uint64 { return uint64(time.Now().UnixNano()) + lastSerial.Add(1) }

func papOf(user string, n int) []byte {
	return newPAP(user, benchPassword).build(nil, byte(n), serial())
}

// falterer is a device that begins to log in by EAP and is never heard again.
func falterer(n int) []byte {
	user := benchUser(n % soakPeople)
	eap := append([]byte{2, 1, 0, byte(5 + len(user)), 1}, user...)
	return newPAP(user, "").buildWith(nil, byte(n), serial(), func(b, _ []byte) []byte { return attribute(b, 79, string(eap)) })
}

// sample asks the server how it is.
func (s *soaked) sample() (soakSample, error) {
	reply, err := http.Get("http://" + s.metrics + "/metrics")
	if err != nil {
		return soakSample{}, err
	}
	defer func() { _ = reply.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(reply.Body)
	if err != nil {
		return soakSample{}, err
	}
	of := func(name string) (sum float64) {
		for _, m := range families[name].GetMetric() {
			sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
		return sum
	}
	for _, name := range []string{"go_goroutines", "process_open_fds", "process_resident_memory_bytes", "causeway_conversations", "causeway_log_lines_lost_total"} {
		if families[name] == nil {
			return soakSample{}, fmt.Errorf("the server has no figure %s", name)
		}
	}
	return soakSample{
		goroutines: of("go_goroutines"), files: of("process_open_fds"), resident: of("process_resident_memory_bytes") / (1 << 20),
		waiting: of("causeway_conversations") + of("causeway_requests_in_flight") + of("causeway_replies_held") + of("causeway_upstream_in_flight"),
		lost:    of("causeway_log_lines_lost_total"),
	}, nil
}

// settle waits until nothing of the load is left, and says what is after all.
func (s *soaked) settle(before soakSample) (after soakSample, err error) {
	for end := time.Now().Add(soakSettles); ; time.Sleep(time.Second) {
		after, err = s.sample()
		// Crews keep some of their goroutines, and a dead server's Status-Server may be under way.
		calm := after.waiting <= before.waiting+1 && after.goroutines <= before.goroutines+64
		if err != nil || calm || time.Now().After(end) {
			return after, err
		}
	}
}

// grown are the figures of what must not grow.
func (s *soaked) grown(before, after soakSample) []row {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.samples) / soakParts
	early, late := s.samples[n:3*n], s.samples[len(s.samples)-2*n:]
	in := func(list []soakSample, of func(soakSample) float64) float64 {
		values := make([]float64, len(list))
		for i, x := range list {
			values[i] = of(x)
		}
		return median(values)
	}
	atMostGrown := func(what string, of func(soakSample) float64, part, more float64) row {
		from, to := in(early, of), in(late, of)
		return row{what, fmt.Sprintf("%.0f, then %.0f", from, to), fmt.Sprintf("at most %.0f then", from*part+more), to <= from*part+more}
	}
	log, err := os.ReadFile(filepath.Join(s.folder, "causeway.log"))
	alarms := float64(bytes.Count(log, []byte(`"alarm":true`)))
	if err != nil {
		alarms = -1
	}
	return []row{
		atMost(fmt.Sprintf("soak of %v, %.0f log-ins a second and %d by PEAP: turned away or lost", s.time, 3*soakRate, s.peap), float64(s.turned), 0, ""),
		atMostGrown("memory resident, MiB", func(x soakSample) float64 { return x.resident }, 1.1, 4),
		atMostGrown("goroutines", func(x soakSample) float64 { return x.goroutines }, 1.1, 32),
		atMostGrown("open files", func(x soakSample) float64 { return x.files }, 1, 4),
		atMostGrown("log-ins, requests and refusals that wait", func(x soakSample) float64 { return x.waiting }, 1.2, 50),
		atMost("of them left when nobody asks any more", after.waiting-before.waiting, 1, ""),
		atMost("goroutines more than before the day", after.goroutines-before.goroutines, 64, ""),
		atMost("lines that the log lost", after.lost, 0, ""),
		{"alarms in the log", fmt.Sprintf("%.0f", alarms), "0", alarms == 0},
		{"reloads", fmt.Sprintf("%d", s.reloads()), fmt.Sprintf("at least %d", soakReloads-1), s.reloads() >= soakReloads-1},
	}
}

// waited compares how long people waited.
func (s *soaked) waited(waits []float64) []row {
	var each []string
	for _, w := range waits {
		each = append(each, fmt.Sprintf("%.1f", w))
	}
	return []row{told("99th percentile of each part of the day, ms", strings.Join(each, " "))}
}

// A soakTown is where visitors come from: one home by RadSec, one by UDP, one that is
// silent every other twenty seconds, and one that is dead.
type soakTown struct {
	roaming        *tlsSink
	living         *sink
	flapping, dead net.PacketConn
}

func newSoakTown() (*soakTown, error) {
	t := &soakTown{}
	var err [4]error
	t.roaming, err[0] = newTLSSink()
	t.living, err[1] = newSink()
	t.flapping, err[2] = net.ListenPacket("udp", "127.0.0.1:0")
	t.dead, err[3] = net.ListenPacket("udp", "127.0.0.1:0")
	if err := errors.Join(err[:]...); err != nil {
		return nil, err
	}
	go t.flap()
	return t, nil
}

// flap answers for twenty seconds and is silent for as long.
func (t *soakTown) flap() {
	const spell = 20 * time.Second
	mac := newPAP("", "").mac
	in, began := make([]byte, 4096), time.Now()
	for {
		n, from, err := t.flapping.ReadFrom(in)
		if err != nil {
			return
		}
		if time.Since(began)/spell%2 == 0 {
			_, _ = t.flapping.WriteTo(accept(nil, in[:n], mac), from)
		}
	}
}

func (t *soakTown) stop() {
	t.roaming.stop()
	t.living.stop()
	_ = t.flapping.Close()
	_ = t.dead.Close()
}
