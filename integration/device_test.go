package integration

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// accessPoint is Debian's hostapd with macaddr_acl=2: a controller that asks for each
// device by its MAC. It has no radio; what a device would send to it comes by its control
// socket, and all that it makes of that is its own.
func accessPoint(s *stage, p peer) *process {
	_, port, err := net.SplitHostPort(fmt.Sprint(s.know["auth"]))
	s.must(err)
	s.know["ap"], s.know["ssid"], s.know["auth_port"] = p.Name, p.With["ssid"], port
	config := filepath.Join(s.dir, p.Name+".conf")
	s.must(os.WriteFile(config, s.filled(p.With["config"]), 0o600))
	process := &process{program: "hostapd", args: []string{"-dd", config}}
	process.ready = process.says("AP-ENABLED")
	return process
}

// A joining is a device without 802.1X that joins at an access point.
type joining struct {
	MAC    string // as on its label
	At     string // the access point
	Accept bool
	VLAN   string // what the Accept must say on the wire; empty: no VLAN at all
	// Ends says that the session must end with this day, by the clock of the server.
	Ends bool
}

// answered is what hostapd says to the device in the end: a status code of IEEE 802.11.
var (
	answered = regexp.MustCompile(`authentication reply: STA=(\S+) auth_alg=0 auth_transaction=2 resp=(\d+)`)
	session  = regexp.MustCompile(`Attribute 27 \(Session-Timeout\) length=6\n\s+Value: (\d+)`)
)

// join has a device ask an access point to let it in, and waits for what it is told.
func (s *stage) join(j joining, want eventIs) {
	ap, mac := s.peers[j.At], strings.ReplaceAll(strings.ToLower(j.MAC), "-", ":")
	if ap == nil {
		s.Fatalf("the story has no access point %q", j.At)
	}
	asked := time.Now()
	if j.Ends && asked.Format(time.DateOnly) != s.know["today"] {
		s.Skip("the day on which the story began is over")
	}
	said, events := len(ap.output()), s.events.many(j.MAC)
	bare := strings.ReplaceAll(mac, ":", "")
	const ours = "000000000000" // the BSSID of a radio that there is not
	s.tellAP(j.At, "SET ext_mgmt_frame_handling 1")
	// Frame control and duration, three addresses, a sequence number; then Open System,
	// the first message, no status (IEEE 802.11, 9.3.3.11).
	s.tellAP(j.At, "MGMT_RX_PROCESS freq=2412 frame=b0000000"+ours+bare+ours+"0000"+"000001000000")
	var told []string
	for limit := time.Now().Add(15 * time.Second); told == nil; time.Sleep(10 * time.Millisecond) {
		for _, one := range answered.FindAllStringSubmatch(ap.output()[said:], -1) {
			if one[1] == mac {
				told = one
			}
		}
		if time.Now().After(limit) {
			s.Fatalf("the access point does not answer %s:\n%s", j.MAC, tail(ap.output()[said:], 4000))
		}
	}
	out := ap.output()[said:]
	if accepted := told[2] == "0"; accepted != j.Accept {
		s.Errorf("%s is let in: %v, want %v:\n%s", j.MAC, accepted, j.Accept, tail(out, 4000))
	}
	if got := vlanOf(out); got != j.VLAN {
		s.Errorf("the VLAN on the wire is %q, want %q", got, j.VLAN)
	}
	if j.Ends {
		s.endsToday(out, asked)
	}
	s.check(s.events.nth(s.T, j.MAC, events+1), want)
}

// endsToday judges the length of a session that was asked for at a time and may last
// until midnight.
func (s *stage) endsToday(out string, asked time.Time) {
	m := session.FindStringSubmatch(lastAccept.FindString(out))
	if m == nil {
		s.Fatalf("the Accept has no Session-Timeout:\n%s", tail(out, 4000))
	}
	seconds, err := strconv.Atoi(m[1])
	s.must(err)
	midnight := time.Date(asked.Year(), asked.Month(), asked.Day()+1, 0, 0, 0, 0, time.Local)
	if most, least := midnight.Sub(asked), time.Until(midnight); seconds > int(most.Seconds()) || seconds < int(least.Seconds())-1 {
		s.Errorf("the session lasts %d s, and the day had %s left when it began", seconds, most)
	}
}

// tellAP gives an access point a command.
func (s *stage) tellAP(name, command string) {
	here := filepath.Join(s.dir, "cli")
	c, err := net.DialUnix("unixgram", &net.UnixAddr{Name: here, Net: "unixgram"}, &net.UnixAddr{Name: filepath.Join(s.dir, "ctrl", name), Net: "unixgram"})
	s.must(err)
	defer func() { s.must(errors.Join(c.Close(), os.Remove(here))) }()
	s.must(c.SetDeadline(time.Now().Add(5 * time.Second)))
	_, err = c.Write([]byte(command))
	s.must(err)
	reply := make([]byte, 4096)
	n, err := c.Read(reply)
	s.must(err)
	if got := string(reply[:n]); got != "OK\n" {
		s.Fatalf("%s: %s says %q", command, name, got)
	}
}

// An asking is one request of radclient: attributes in its own language.
type asking struct {
	With   []string
	MAC    string // whose event it makes
	Accept bool
}

func (s *stage) ask(a asking, want eventIs) {
	events := s.events.many(a.MAC)
	var request strings.Builder
	for _, pair := range append(slices.Clone(a.With), `Calling-Station-Id = "`+a.MAC+`"`, "Message-Authenticator = 0x00") {
		fmt.Fprintln(&request, s.expand(pair))
	}
	client := exec.Command(s.program("radclient"), "-x", "-t", "10", "-r", "1", fmt.Sprint(s.know["auth"]), "auth", sharedSecret)
	client.Stdin = strings.NewReader(request.String())
	client.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := client.CombinedOutput() // its exit code is of a Reject, too
	says := "Received Access-Reject"
	if a.Accept {
		says = "Received Access-Accept"
	}
	if !strings.Contains(string(out), says) {
		s.Errorf("radclient (%v) does not print %q:\n%s", err, says, out)
	}
	s.check(s.events.nth(s.T, a.MAC, events+1), want)
}

// days teaches a story the day on which it begins, and others by it.
func (s *stage) days() {
	for word, days := range map[string]int{"yesterday": -1, "today": 0, "next_year": 365} {
		s.know[word] = time.Now().AddDate(0, 0, days).Format(time.DateOnly)
	}
}
