package integration

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
)

// A login is one device that logs in with eapol_test.
type login struct {
	Conf string // a file of the folder: wpa_supplicant's network block
	// Set replaces or adds lines of the block, so that one file serves many
	// log-ins.
	Set      map[string]string
	SSID     string
	To       string   // a peer that is a RADIUS server; empty: the house
	Args     []string // more of eapol_test's own
	Accept   bool     // what eapol_test must come to
	VLAN     string   // what the Accept must say on the wire; empty: no VLAN at all
	Within   string   // how long it may take; empty: 20s
	Silent   bool     // the house makes no event of it
	Contains []string // what eapol_test must print
}

// macs gives each device an address of its own: the story finds its event by it.
var macs atomic.Uint32

// login runs eapol_test and judges what it and the house say.
func (s *stage) login(l login, want eventIs) {
	n := macs.Add(1)
	mac := fmt.Sprintf("02-00-5E-%02X-%02X-%02X", byte(n>>16), byte(n>>8), byte(n))
	out, err := s.eapolTest(l, mac)
	if accepted := err == nil && strings.Contains(out, "\nSUCCESS"); accepted != l.Accept {
		s.Errorf("eapol_test: accepted is %v, want %v:\n%s", accepted, l.Accept, tail(out, 4000))
	}
	if l.Accept && strings.Contains(out, "MPPE keys OK: 0") {
		s.Errorf("the keys of the Accept are not the device's")
	}
	for _, text := range l.Contains {
		if !strings.Contains(out, text) {
			s.Errorf("eapol_test does not print %q:\n%s", text, tail(out, 4000))
		}
	}
	if got := vlanOf(out); got != l.VLAN {
		s.Errorf("the VLAN on the wire is %q, want %q", got, l.VLAN)
	}
	if l.To == "" && !l.Silent {
		s.check(s.event(mac), want)
	}
}

// eapolTest runs Debian's eapol_test as one device and returns what it printed.
func (s *stage) eapolTest(l login, mac string) (string, error) {
	address := s.know["auth"]
	if l.To != "" {
		address = s.know[l.To]
	}
	host, port, err := net.SplitHostPort(fmt.Sprint(address))
	s.must(err)
	within := 20 * time.Second
	if l.Within != "" {
		within, err = time.ParseDuration(l.Within)
		s.must(err)
	}
	program, err := findProgram("eapol_test")
	s.must(err)
	args := append([]string{"-c", s.block(l, mac), "-a", host, "-p", port, "-s", sharedSecret,
		"-t", fmt.Sprint(int(within.Seconds())), "-M", strings.ReplaceAll(mac, "-", ":"),
		"-N", "30:s:02-00-00-00-00-01:" + l.SSID}, l.Args...)
	ctx, cancel := context.WithTimeout(context.Background(), within+5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	return string(out), err
}

var networkLine = regexp.MustCompile(`(?m)^\s*([a-z0-9_]+)=.*\n`)

// block writes the network block of one log-in and returns its path.
func (s *stage) block(l login, mac string) string {
	text, err := os.ReadFile(s.fill(l.Conf))
	s.must(err)
	block := networkLine.ReplaceAllStringFunc(string(text), func(line string) string {
		key := networkLine.FindStringSubmatch(line)[1]
		if _, replaced := l.Set[key]; replaced {
			return ""
		}
		return line
	})
	var more strings.Builder
	for key, value := range l.Set {
		if value != "" { // an empty value takes the line away
			fmt.Fprintf(&more, "    %s=%s\n", key, s.expand(value))
		}
	}
	end := strings.LastIndexByte(block, '}')
	path := filepath.Join(s.dir, mac+".conf")
	s.must(os.WriteFile(path, []byte(block[:end]+more.String()+"}\n"), 0o600))
	return path
}

// expand fills in {{.name}} in a value of story.toml.
func (s *stage) expand(value string) string {
	for name, known := range s.know {
		value = strings.ReplaceAll(value, "{{."+name+"}}", fmt.Sprint(known))
	}
	return value
}

// Attribute 81 as eapol_test prints it, the value in hex on the next line.
var (
	lastAccept = regexp.MustCompile(`(?s)code=2 \(Access-Accept\).*`)
	group      = regexp.MustCompile(`Attribute 81 \(Tunnel-Private-Group-Id\) length=\d+\n\s+Value: ([0-9a-f]+)`)
)

// vlanOf reads the VLAN from the Accept that eapol_test dumped; "" when it names
// none.
func vlanOf(out string) string {
	m := group.FindStringSubmatch(lastAccept.FindString(out))
	if m == nil {
		return ""
	}
	text, err := hex.DecodeString(m[1])
	if err != nil {
		return m[1]
	}
	return string(text)
}
