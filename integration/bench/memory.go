package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// loadTime is how long the memory figure is under load.
const loadTime = time.Minute

// memory is what the server has had resident at most, with 20,000 users in the
// file and a minute of PAP and PEAP.
func memory() ([]row, error) {
	s, err := start(20_000, "")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	end := time.Now().Add(loadTime)
	var (
		waiting     sync.WaitGroup
		flooded, in error
	)
	waiting.Go(func() {
		_, flooded = flood(s.address, 2, 32, func(n uint64) string { return benchUser(int(n % 20_000)) }, loadTime)
	})
	config := s.person(7, "peap-mschapv2")
	for time.Now().Before(end) && in == nil {
		in = s.login(&measured{config: config}, 200)
	}
	waiting.Wait()
	peak, err := s.peak()
	return []row{atMost("memory resident at most, 20,000 users and a minute of load", peak/(1<<20), 100, " MiB")}, errors.Join(flooded, in, err)
}

// Go benchmarks whose figures are rows of the table.
var benchmarkLine = regexp.MustCompile(`(?m)^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

// goBench runs one benchmark and returns its figures by unit.
func goBench(pkg, name string, times string) (map[string]float64, error) {
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", "^Benchmark"+name+"$", "-benchmem", "-benchtime", times, pkg)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", name, err, out.String())
	}
	m := benchmarkLine.FindStringSubmatch(out.String())
	if m == nil {
		return nil, fmt.Errorf("%s has no benchmark %s", pkg, name)
	}
	figures := map[string]float64{}
	fields := regexp.MustCompile(`([\d.]+) (\S+)`).FindAllStringSubmatch(m[2], -1)
	for _, f := range fields {
		value, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			return nil, err
		}
		figures[f[2]] = value
	}
	return figures, nil
}

// packetPath is one packet through transport without a socket: parse, verify
// Message-Authenticator, duplicate check, build, sign, encode.
func packetPath() ([]row, error) {
	f, err := goBench("./radiusd/transport", "PacketPath", "2s")
	if err != nil {
		return nil, err
	}
	return []row{
		atMost("packet path", f["ns/op"], 6000, " ns"),
		atMost("packet path", f["allocs/op"], 20, " allocations"),
	}, nil
}

// halfOpen is what a supplicant that falls silent after our certificate costs,
// and whether all of it comes back.
func halfOpen() ([]row, error) {
	f, err := goBench("./radiusd/daemon", "HalfOpen", "1x")
	if err != nil {
		return nil, err
	}
	return []row{
		atMost("10,000 half-open conversations, each", f["KB/conversation"], 30, " KB"),
		atMost("goroutines left after they expire", f["goroutines-left"], 0, ""),
		atMost("KB of heap left after they expire, each", f["KB-left/conversation"], 0.5, " KB"),
	}, nil
}
