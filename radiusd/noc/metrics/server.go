package metrics

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Bounds of what visitors may take.
const (
	mostVisitors = 32 // connections at once, on each address
	mostOfOne    = 8  // of these, of one visitor: a proxy stands for several people
	mostAtOnce   = 2  // answers that are made at once; others wait their turn
	patience     = 10 * time.Second
	headRoom     = 8 << 10 // octets of a request's head
)

// A Server shows the figures by HTTP, at /metrics.
type Server struct {
	http      http.Server
	listeners []net.Listener
	serving   sync.WaitGroup
}

// Config is what a Server shows, and where.
type Config struct {
	Addresses []string // to listen on, "host:port"
	Families  []*Family
	Collect   func(*Sheet) // is called for each visit, by up to two at once

	// Trouble hears what went wrong with a visit, and Panic of a panic, from the deferred
	// function that recovered it. Each is called once a minute at most; untold is how many
	// there were since the last call.
	Trouble func(why string, untold uint64)
	Panic   func(value any, untold uint64)
	Now     func() time.Time // nil: time.Now
}

// An AddressError is an address that cannot be listened on.
type AddressError struct {
	Address string
	Err     error
}

func (e *AddressError) Error() string { return "metrics address " + e.Address + ": " + e.Err.Error() }

// Unwrap returns what the system said.
func (e *AddressError) Unwrap() error { return e.Err }

// Listen opens the addresses. It shows nothing yet. An [AddressError] names the address
// that could not be opened; none stays open after one.
func Listen(ctx context.Context, c Config) (*Server, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	t := &troubles{config: c}
	pages, err := c.pages(t)
	if err != nil {
		return nil, err
	}
	s := &Server{http: http.Server{
		Handler: pages, ErrorLog: log.New(t, "", 0), MaxHeaderBytes: headRoom,
		ReadTimeout: patience, WriteTimeout: 2 * patience, IdleTimeout: time.Minute,
	}}
	for _, address := range c.Addresses {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			s.Close()
			return nil, &AddressError{address, err}
		}
		s.listeners = append(s.listeners, newDoor(l))
	}
	return s, nil
}

// pages is all that there is to be asked for. Nothing is compressed: that would be work
// that whoever asks can make us do, to spare a network that is ours.
func (c Config) pages(t *troubles) (http.Handler, error) {
	registry := prometheus.NewPedanticRegistry()
	for _, part := range []prometheus.Collector{
		collector{c.Families, c.Collect, t},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(part); err != nil {
			return nil, err
		}
	}
	figures := promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: t, DisableCompression: true})
	pages := http.NewServeMux()
	pages.Handle("GET /metrics", http.TimeoutHandler(inTurn(t.survive(figures)), patience, "the figures took too long\n"))
	return pages, nil
}

// inTurn has visitors wait for each other, first come, first served: who asks again and
// again delays the others by a page, and gets none refused.
func inTurn(pages http.Handler) http.Handler {
	turns := make(chan struct{}, mostAtOnce)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case turns <- struct{}{}:
			defer func() { <-turns }()
			pages.ServeHTTP(w, r)
		case <-r.Context().Done(): // it went away, or has waited too long
		}
	})
}

// Serve answers until Close. It does not wait.
func (s *Server) Serve() {
	for _, l := range s.listeners {
		s.serving.Go(func() {
			if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				s.http.ErrorLog.Printf("%s: %v", l.Addr(), err)
			}
		})
	}
}

// Addrs are the addresses that are listened on, as the kernel chose them.
func (s *Server) Addrs() (addresses []net.Addr) {
	for _, l := range s.listeners {
		addresses = append(addresses, l.Addr())
	}
	return addresses
}

// Close ends it, and visits that are under way.
func (s *Server) Close() {
	_ = s.http.Close()
	for _, l := range s.listeners {
		_ = l.Close()
	}
	s.serving.Wait()
}
