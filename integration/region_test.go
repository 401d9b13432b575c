package integration

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"causeway/integration/region"
)

// Holds R51 and layer 5 of docs/architecture.md at the size of a region: 500 sites, 200
// VLANs, 2,000 rules and 50 realms are proved and served by the command itself, and
// reloads under load lose nobody.
func TestRegionIsServed(t *testing.T) {
	t.Parallel()
	program := radiusdProgram(t)
	s := houseFor(t)
	whole := region.Whole
	head, _, _ := strings.Cut(string(s.filled("house.toml")), "[realm.")
	whole.Head, whole.Secret = strings.ReplaceAll(head, "people", "trust"), "file:region.secret"
	s.write("region.secret", []byte(sharedSecret))
	s.write("region.toml", []byte(whole.Text()))
	began := time.Now()
	v := s.serve(program, filepath.Join(s.dir, "region.toml"))
	v.up(v.output)
	t.Logf("serves after %v", time.Since(began).Round(time.Millisecond))
	logIn := func(method string) {
		cfg := s.devices()["ttls-pap"]
		if cfg.Method = method; method == "pap" {
			cfg.Identity = ""
		}
		result, err := s.controller("127.0.0.1", newMAC()).Login(t.Context(), s.peer(cfg))
		if !result.Accepted() || result.VLAN != "102" {
			t.Errorf("%s: %v on VLAN %q: %v", method, result.Code, result.VLAN, err)
		}
	}
	logIn("pap")
	logIn("ttls-pap")

	var (
		stop    atomic.Bool
		load    sync.WaitGroup
		mu      sync.Mutex
		waits   []time.Duration
		logging = func() {
			for !stop.Load() {
				began := time.Now()
				logIn("ttls-pap")
				mu.Lock()
				waits = append(waits, time.Since(began))
				mu.Unlock()
			}
		}
		p99 = func() string {
			mu.Lock()
			defer mu.Unlock()
			slices.Sort(waits)
			text := fmt.Sprintf("%d log-ins, p99 %v", len(waits), waits[len(waits)*99/100].Round(time.Millisecond))
			waits = nil
			return text
		}
	)
	for range 4 {
		load.Go(logging)
	}
	time.Sleep(2 * time.Second)
	t.Log("without reloads: ", p99())
	for range 2 {
		v.signal(syscall.SIGHUP)
		v.tells("RELOADING=1")
		v.tells("READY=1")
	}
	stop.Store(true)
	load.Wait()
	t.Log("with two reloads: ", p99())
	s.eventually("two lines of reloads", func() bool { return strings.Count(v.output(), "NOTICE  reloaded") == 2 })
	v.signal(syscall.SIGTERM)
	v.tells("STOPPING=1")
	if code := v.ends(10 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
