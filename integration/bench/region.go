package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// How the region is asked while it is reloaded: far below what one core can do, so
// that what is seen is the reload and not a queue.
const (
	regionRate    = 1000
	regionTime    = 10 * time.Second
	regionReloads = 4
)

// regionFigures are the policy at the size of a region: a decision, its proof, and
// what a reload of it does to those who are logging in.
func regionFigures() ([]row, error) {
	assign, err := goBench("./vlan", "AssignRegion", "2s")
	if err != nil {
		return nil, err
	}
	proof, err := goBench("./vlan", "NewRegion", "2s")
	if err != nil {
		return nil, err
	}
	read, err := goBench("./integration/region", "InspectRegion", "2s")
	if err != nil {
		return nil, err
	}
	example, err := goBench("./integration/region", "InspectExample", "2s")
	if err != nil {
		return nil, err
	}
	rows := []row{
		atMost("a decision: 500 sites, 200 VLANs, 2,000 rules, 50 realms", assign["ns/op"], 2000, " ns"),
		atMost("the same", assign["allocs/op"], 0, " allocations"),
		atMost("the proof of such a policy alone", proof["ns/op"]/1e9, 5, " s"),
		atMost("the example region read and proved", read["ns/op"]/1e9, 5, " s"),
		atMost("config.example.toml read and proved", example["ns/op"]/1e6, 50, " ms"),
	}
	served, err := servedRegion()
	return append(rows, served...), err
}

// servedRegion is how long answers take with and without reloads in between, each
// reload reading and proving the whole region, on the one core that also answers.
func servedRegion() ([]row, error) {
	s, err := startWith(options{users: 1000, region: true})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	ask := func() (tally, error) {
		l := load{address: s.address, sockets: 2, window: 200, rate: regionRate, user: func(n uint64) string { return benchUser(int(n % 1000)) }, while: regionTime, waits: true}
		return l.run()
	}
	if _, err := ask(); err != nil { // warms
		return nil, err
	}
	quiet, err := ask()
	if err != nil {
		return nil, err
	}
	before := s.reloads()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for range regionReloads {
			time.Sleep(regionTime / (regionReloads + 1))
			_ = s.cmd.Process.Signal(syscall.SIGHUP)
		}
	}()
	busy, err := ask()
	<-stopped
	peak, peakErr := s.peak()
	if n := s.reloads() - before; n < regionReloads {
		err = errors.Join(err, fmt.Errorf("%d of %d reloads were done", n, regionReloads))
	}
	without, with := percentile(quiet.waits, 99), percentile(busy.waits, 99)
	return []row{
		told("the region served at 1,000 a second, p99", without.Round(time.Microsecond).String()),
		atMost("the same with a reload every two seconds, p99", with.Seconds()*1000, 50, " ms"),
		told("the same, the longest", percentile(busy.waits, 100).Round(time.Microsecond).String()),
		atMost("requests lost or refused in four reloads", float64(busy.lost+busy.refused), 0, ""),
		atMost("memory resident at most, four reloads of the region", peak/(1<<20), 1024, " MiB"),
	}, errors.Join(err, peakErr)
}

// reloads counts those that the log tells of.
func (s *server) reloads() int {
	text, _ := os.ReadFile(filepath.Join(s.folder, "causeway.log"))
	return bytes.Count(text, []byte(`"reloaded"`)) + bytes.Count(s.log.Bytes(), []byte(`"reloaded"`))
}
