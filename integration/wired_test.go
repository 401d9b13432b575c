package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"

	"causeway/radiusd/noc"
)

// A cable joins a switch to a laptop: a veth pair between two network namespaces.
// hostapd is the switch's port, wpa_supplicant the laptop; they find neither each
// other nor the server on any interface of this machine.
//
// The namespaces have no names. Each lives as long as the process that holds it,
// and the pair as long as they: nothing can be left behind, however a test ends.
type cable struct {
	toSwitch, toLaptop *process
}

// plug makes the story's cable, once. Where a namespace cannot be made the story
// is skipped.
func (s *stage) plug() *cable {
	if c, plugged := s.know["cable"].(*cable); plugged {
		return c
	}
	c := &cable{toSwitch: s.namespace(), toLaptop: s.namespace()}
	s.know["cable"] = c
	s.in(c.toSwitch, "ip", "link", "set", "lo", "up")
	s.in(c.toSwitch, "ip", "link", "add", "port", "type", "veth", "peer", "name", "laptop", "netns", fmt.Sprint(c.toLaptop.cmd.Process.Pid))
	s.in(c.toSwitch, "ip", "link", "set", "port", "up")
	return c
}

// namespace makes a network namespace and starts the process that holds it.
func (s *stage) namespace() *process {
	holder := &process{program: "sleep", args: []string{"infinity"}, flags: syscall.CLONE_NEWNET, ready: func() error { return nil }}
	err := holder.start()
	for _, refusal := range []error{syscall.EPERM, syscall.EINVAL, syscall.ENOSYS, syscall.ENOSPC} {
		if errors.Is(err, refusal) {
			s.Skipf("a network namespace cannot be made here: %v", err)
		}
	}
	s.must(err)
	s.Cleanup(holder.kill)
	return holder
}

// within are the words that run a program in a namespace, under the program's
// own process id.
func within(holder *process, program string, args ...string) []string {
	return append([]string{"-t", fmt.Sprint(holder.cmd.Process.Pid), "-n", "--", program}, args...)
}

// in runs a program in a namespace to its end.
func (s *stage) in(holder *process, program string, args ...string) {
	s.Helper()
	path, err := findProgram(program)
	s.must(err)
	if out, err := exec.Command("nsenter", within(holder, path, args...)...).CombinedOutput(); err != nil {
		s.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

// radiusd is our own command, in the namespace of the switch: there it listens
// on the ports that it has everywhere.
func radiusd(s *stage, p peer) *process {
	c := s.plug()
	binary := radiusdProgram(s)
	for _, name := range strings.Fields(p.With["files"]) {
		s.fill(name)
	}
	process := &process{
		program: "nsenter",
		args:    within(c.toSwitch, binary, "serve", "-c", s.fill(p.With["config"])),
		also:    &eventLines{to: s.events},
	}
	process.ready = process.says(`"started"`)
	return process
}

// eventLines reads events back from the log that is for machines.
type eventLines struct {
	to   *events
	rest []byte
}

func (l *eventLines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		l.rest = rest
		var e struct {
			Kind, Outcome, Reason, Detail, Inner, Route, Server, Site, SSID, MAC, Method, TLS, Zone, Rule, NAS string
			InnerMethod                                                                                        string `json:"inner_method"`
			VLAN                                                                                               uint16
			Rounds                                                                                             int
		}
		if json.Unmarshal(line, &e) != nil || e.Outcome == "" {
			continue
		}
		l.to.add(noc.Event{
			Kind: e.Kind, Outcome: e.Outcome, Reason: e.Reason, Detail: e.Detail, Inner: e.Inner, Route: e.Route, Server: e.Server,
			Site: e.Site, SSID: e.SSID, MAC: e.MAC, Method: e.Method, InnerMethod: e.InnerMethod, TLS: e.TLS,
			Zone: e.Zone, Rule: e.Rule, VLAN: e.VLAN, Rounds: e.Rounds, NAS: e.NAS,
		})
	}
}

// hostapd is the port of the switch.
func hostapd(s *stage, p peer) *process {
	process := &process{
		program: "nsenter",
		args:    within(s.plug().toSwitch, s.program("hostapd"), "-dd", s.fill(p.With["config"])),
	}
	process.ready = process.says("AP-ENABLED")
	return process
}

func (s *stage) program(name string) string {
	path, err := findProgram(name)
	s.must(err)
	return path
}

// wired plugs a laptop in and waits for what becomes of it. What it returns is
// hostapd's part of the talk, and then the laptop's.
func (s *stage) wired(l login, mac string) (string, bool) {
	c, port := s.plug(), s.peers["hostapd"]
	before := len(port.output())
	s.in(c.toLaptop, "ip", "link", "set", "laptop", "down")
	s.in(c.toLaptop, "ip", "link", "set", "laptop", "address", strings.ReplaceAll(mac, "-", ":"), "up")

	laptop := &process{
		program: "nsenter",
		args:    within(c.toLaptop, s.program("wpa_supplicant"), "-d", "-D", "wired", "-i", "laptop", "-c", s.block(l, mac)),
	}
	in := func() bool {
		return strings.Contains(laptop.output(), "CTRL-EVENT-EAP-SUCCESS") && strings.Contains(port.output()[before:], ": authorizing port")
	}
	out := func() bool {
		return strings.Contains(laptop.output(), "CTRL-EVENT-EAP-FAILURE") && strings.Contains(port.output()[before:], "(Access-Reject)")
	}
	laptop.ready = func() error {
		if in() || out() {
			return nil
		}
		return errors.New("it waits for an answer")
	}
	defer laptop.kill()
	err := laptop.start()
	both := port.output()[before:] + "\n" + laptop.output()
	if err != nil {
		s.Errorf("%v\n%s", err, tail(both, 8000))
	}
	return both, in()
}
