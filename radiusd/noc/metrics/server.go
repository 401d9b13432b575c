package metrics

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"
)

// Bounds of what visitors may take.
const (
	mostVisitors = 16 // connections at once, on each address
	mostAtOnce   = 2  // answers that are made at once; others are told to come again (503)
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
	Collect   func(*Sheet)         // is called for each visit, by up to two at once
	Trouble   func(problem string) // what went wrong with a visit
}

// Listen opens the addresses. It shows nothing yet. The error names the address that
// could not be opened; none stays open after one.
func Listen(ctx context.Context, c Config) (*Server, error) {
	registry := prometheus.NewPedanticRegistry()
	for _, part := range []prometheus.Collector{
		collector{c.Families, c.Collect, c.Trouble},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(part); err != nil {
			return nil, err
		}
	}
	trouble := log.New(told(c.Trouble), "", 0)
	pages := http.NewServeMux()
	pages.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: trouble, MaxRequestsInFlight: mostAtOnce, Timeout: patience,
	}))
	s := &Server{http: http.Server{
		Handler: pages, ErrorLog: trouble, MaxHeaderBytes: headRoom,
		ReadTimeout: patience, WriteTimeout: 2 * patience, IdleTimeout: time.Minute,
	}}
	for _, address := range c.Addresses {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("metrics address %s: %w", address, err)
		}
		s.listeners = append(s.listeners, netutil.LimitListener(l, mostVisitors))
	}
	return s, nil
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

// told makes a writer of whoever hears of troubles, a line each.
type told func(problem string)

func (t told) Write(line []byte) (int, error) {
	t(strings.TrimSpace(string(line)))
	return len(line), nil
}
