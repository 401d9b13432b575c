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
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// A login is one device that logs in with eapol_test.
type login struct {
	Conf string // a file of the folder: wpa_supplicant's network block
	// Set replaces or adds lines of the block, so that one file serves many
	// log-ins.
	Set      map[string]string
	SSID     string
	MAC      string   // of the device; empty: one that nobody else has
	To       string   // a peer that is a RADIUS server; empty: the house
	Args     []string // more of eapol_test's own
	Tool     string   // "teap": an eapol_test that knows TEAP; empty: Debian's
	Accept   bool     // what eapol_test must come to
	VLAN     string   // what the Accept must say on the wire; empty: no VLAN at all
	Within   string   // how long it may take; empty: 20s
	Silent   bool     // the house makes no event of it
	Contains []string // what eapol_test must print
	Lacks    []string // what it must not print
	Brings   []string // what the Accept must hold, as eapol_test prints it
	// Largest is the length that the longest EAP packet from the house must have,
	// in octets and text; empty: any.
	Largest string
	// Late says that the refusal comes after the method had succeeded: the
	// controller hears it, and the device, by RFC 3748, section 4.2, believes no
	// Failure any more.
	Late bool
	// OpenSSL is a file of the folder: the settings of the device's TLS.
	OpenSSL string `toml:"openssl"`
	// Repeats is how often the controller may repeat itself, after 3 s and 6 s
	// more; nil: as often as it likes.
	Repeats *int
	// Again is how often the same device logs in again at once, with what it
	// remembers; Forgets says that none of it is resumed. All logs in alike.
	Again   int
	Forgets bool
	// Withdraw has certificates of these people withdrawn, and the house reloaded, once
	// the device was let in; it logs in again at once, with what it remembers.
	Withdraw []string
	// Meanwhile is what radiusd placement is told once the device was let in; it logs in
	// again at once, with what it remembers.
	Meanwhile *placing
	Tries     int    // the device tries again until it is accepted, this often at most
	Wired     bool   // wpa_supplicant at hostapd's port, in place of eapol_test
	Save      string // a name for the Accept's attributes
	Like      string // the name of an Accept that had the same ones
}

// macs gives each device an address of its own: the story finds its event by it.
var macs atomic.Uint32

func newMAC() string {
	n := macs.Add(1)
	return fmt.Sprintf("02-00-5E-%02X-%02X-%02X", byte(n>>16), byte(n>>8), byte(n))
}

// login runs eapol_test and judges what it and the house say.
func (s *stage) login(l login, want, after eventIs) {
	before := s.events.many(l.MAC)
	mac, out, accepted := s.attempt(l)
	for try := 1; try < l.Tries && !accepted; try++ {
		time.Sleep(500 * time.Millisecond) // as a person does; the outcome decides
		mac, out, accepted = s.attempt(l)
	}
	if accepted != l.Accept {
		s.Errorf("eapol_test: accepted is %v, want %v:\n%s", accepted, l.Accept, tail(out, 4000))
	}
	if l.Accept && strings.Contains(out, "MPPE keys OK: 0") {
		s.Errorf("the keys of the Accept are not the device's")
	}
	if !l.Accept && l.To == "" && !l.Silent && !l.Wired {
		s.refusedWell(out, l.Late)
	}
	for _, text := range l.Contains {
		if text = s.expand(text); !strings.Contains(out, text) {
			s.Errorf("eapol_test does not print %q:\n%s", text, tail(out, 4000))
		}
	}
	for _, text := range l.Lacks {
		if text = s.expand(text); strings.Contains(out, text) {
			s.Errorf("eapol_test prints %q:\n%s", text, tail(out, 4000))
		}
	}
	if n := strings.Count(out, "Resending RADIUS message"); l.Repeats != nil && n > *l.Repeats {
		s.Errorf("the controller repeated itself %d times", n)
	}
	s.compare(l, out)
	for _, text := range l.Brings {
		if text = s.expand(text); !strings.Contains(lastAccept.FindString(out), text) {
			s.Errorf("the Accept has no %q:\n%s", text, tail(out, 4000))
		}
	}
	if want := s.expand(l.Largest); want != "" && fmt.Sprint(largestOf(out)) != want {
		s.Errorf("the longest EAP packet of the house has %d octets, want %s", largestOf(out), want)
	}
	if got := vlanOf(out); got != s.expand(l.VLAN) {
		s.Errorf("the VLAN on the wire is %q, want %q", got, s.expand(l.VLAN))
	}
	if !l.Silent && (l.To == "" || want != (eventIs{})) {
		s.check(s.events.nth(s.T, mac, before+1), want)
		if l.interrupted() {
			next := s.events.nth(s.T, mac, 2)
			s.check(next, after)
			if next.Resumed {
				s.Errorf("the session was resumed after all")
			}
		} else if l.Again > 0 {
			s.again(l, want, mac, out)
		} else if !l.Wired && l.MAC == "" { // hostapd begins again by itself
			s.events.onlyOne(mac)
		}
	}
}

// interrupted says that something happens between a device's first log-in and its second.
func (l *login) interrupted() bool { return len(l.Withdraw) > 0 || l.Meanwhile != nil }

// again judges the log-ins that followed the first: resumed, with keys that agree,
// and placed anew.
func (s *stage) again(l login, want eventIs, mac, out string) {
	if keys := fmt.Sprintf("MPPE keys OK: %d  mismatch: 0", l.Again+1); !strings.Contains(out, keys) {
		s.Errorf("eapol_test does not print %q:\n%s", keys, tail(out, 4000))
	}
	if accepts := strings.Split(out, "code=2 (Access-Accept)"); len(accepts) != l.Again+2 {
		s.Errorf("%d Accepts, want %d", len(accepts)-1, l.Again+1)
	} else {
		for i, accept := range accepts[1:] {
			if got := vlanOf("code=2 (Access-Accept)" + accept); got != s.expand(l.VLAN) {
				s.Errorf("log-in %d: the VLAN on the wire is %q, want %q", i+1, got, s.expand(l.VLAN))
			}
		}
	}
	for i := range l.Again + 1 {
		event := s.events.nth(s.T, mac, i+1)
		s.check(event, want)
		if resumed := i > 0 && !l.Forgets; event.Resumed != resumed {
			s.Errorf("log-in %d: resumed is %v, want %v", i+1, event.Resumed, resumed)
		}
	}
}

// bareReject is a Reject of an EAP-Failure, a Message-Authenticator and nothing
// else: no word of why, and so no difference between one reason and another.
var bareReject = regexp.MustCompile(`code=3 \(Access-Reject\) identifier=\d+ length=44\n`)

// refusedWell judges a refusal as the device sees it: EAP-Failure came, in a bare
// Reject, and nobody waited for a time to run out.
func (s *stage) refusedWell(out string, late bool) {
	if !bareReject.MatchString(out) || strings.Contains(out, "EAPOL test timed out") {
		s.Errorf("no Reject of an EAP-Failure alone:\n%s", tail(out, 4000))
	}
	if !late && !strings.Contains(out, "CTRL-EVENT-EAP-FAILURE") {
		s.Errorf("EAP-Failure did not reach the device:\n%s", tail(out, 4000))
	}
}

var received = regexp.MustCompile(`SSL: Received packet\(len=(\d+)\)`)

// largestOf is the length of the longest EAP packet that eapol_test took in, of
// those that carry TLS.
func largestOf(out string) (largest int) {
	for _, m := range received.FindAllStringSubmatch(out, -1) {
		if n, err := strconv.Atoi(m[1]); err == nil {
			largest = max(largest, n)
		}
	}
	return largest
}

// attempt is one log-in of a device with an address of its own.
func (s *stage) attempt(l login) (mac, out string, accepted bool) {
	if mac = l.MAC; mac == "" {
		mac = newMAC()
	}
	if l.interrupted() {
		s.events.then(mac, func() {
			if l.Meanwhile != nil {
				if _, errs, err := s.ordered(*l.Meanwhile); err != nil {
					s.Errorf("radiusd placement: %v\n%s", err, errs)
				}
				return
			}
			if err := s.withdraw(l.Withdraw); err != nil {
				s.Error(err)
			}
		})
	}
	if l.Wired {
		out, accepted = s.wired(l, mac)
		return mac, out, accepted
	}
	out, err := s.eapolTest(l, mac)
	return mac, out, err == nil && strings.Contains(out, "\nSUCCESS")
}

// eapolTest runs Debian's eapol_test as one device and returns what it printed.
func (s *stage) eapolTest(l login, mac string) (string, error) {
	address := s.know["auth"]
	if l.To != "" {
		address = s.know[s.expand(l.To)]
	}
	host, port, err := net.SplitHostPort(fmt.Sprint(address))
	s.must(err)
	within := 20 * time.Second
	if l.Within != "" {
		within, err = time.ParseDuration(l.Within)
		s.must(err)
	}
	program, err := findProgram(eapolTests[l.Tool])
	s.must(err)
	args := []string{"-c", s.block(l, mac), "-a", host, "-p", port, "-s", sharedSecret,
		"-t", fmt.Sprint(int(within.Seconds())), "-M", strings.ReplaceAll(mac, "-", ":"),
		"-N", "30:s:" + called(s.expand(l.SSID))}
	if l.interrupted() {
		l.Again = 1
	}
	if l.Again > 0 {
		args = append(args, "-r", fmt.Sprint(l.Again))
	}
	for _, arg := range l.Args {
		args = append(args, s.expand(arg))
	}
	ctx, cancel := context.WithTimeout(context.Background(), within+5*time.Second)
	defer cancel()
	device := exec.CommandContext(ctx, program, args...)
	device.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if l.OpenSSL != "" {
		settings := mac + ".cnf"
		s.write(settings, s.filled(l.OpenSSL))
		device.Env = append(os.Environ(), "OPENSSL_CONF="+filepath.Join(s.dir, settings))
	}
	out, err := device.CombinedOutput()
	return string(out), err
}

var eapolTests = map[string]string{"": "eapol_test", "teap": "eapol_test with TEAP"}

// called is Called-Station-Id: the access point, and the SSID where there is one.
func called(ssid string) string {
	const ap = "02-00-00-00-00-01"
	if ssid == "" {
		return ap
	}
	return ap + ":" + ssid
}

var networkLine = regexp.MustCompile(`(?m)^\s*([a-z0-9_]+)=.*\n`)

// block writes the network block of one log-in and returns its path.
func (s *stage) block(l login, mac string) string {
	block := networkLine.ReplaceAllStringFunc(string(s.filled(s.expand(l.Conf))), func(line string) string {
		key := networkLine.FindStringSubmatch(line)[1]
		if _, replaced := l.Set[key]; replaced {
			return ""
		}
		return line
	})
	var more strings.Builder
	for key, value := range l.Set {
		if value = s.expand(value); value != "" { // an empty value takes the line away
			fmt.Fprintf(&more, "    %s=%s\n", key, value)
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
