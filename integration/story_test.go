// Package integration tells whole-house stories: the real server between real
// peers (slapd, eapol_test, FreeRADIUS, hostapd, wpa_supplicant). Each story is
// a folder under cases; a new story is a new folder.
//
// A folder holds story.toml and the files it names. Every file is a template:
// {{.name}} stands for what the story knows, such as {{.slapd}} for the
// directory's address or {{.dir}} for the story's own copy of the folder.
package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/BurntSushi/toml"

	"causeway/certs"
	"causeway/radiusd/daemon"
	"causeway/radiusd/noc"
)

// A story is one folder under cases.
type story struct {
	Title string
	Holds []string // numbers of the requirements that it holds
	Needs []string // programs; a story whose program is missing fails, and says how to install it
	Peers []peer   `toml:"peer"` // started in order, stopped in reverse
	Steps []step   `toml:"step"`
	House house    `toml:"causeway"`
}

// A house is our own server in a story.
type house struct {
	Config string // a file of the folder; empty: the story does without
}

// A peer is one program that the story starts.
type peer struct {
	Kind string // a row of the table of peers
	Name string // what the story calls it; empty: Kind
	With map[string]string
}

// A step is one thing that happens, and what must come of it.
type step struct {
	Name   string
	Login  *login   // a device logs in
	Act    string   // stop, continue, kill or start a peer; reload the house
	On     string   // which peer
	With   string   // reload: the file of the folder that becomes the configuration
	Event  eventIs  // what the one event of the log-in must say
	Counts []counts // what a peer must have seen by now
}

// eventIs are fields of an event that must be so; empty fields may be anything.
type eventIs struct {
	Outcome, Reason, Route, Method, Inner, TLS, Zone, Rule, Site, SSID string
	InnerName                                                          string `toml:"inner_name"`
	VLAN                                                               uint16
}

// counts says how often a text stands in the log of a peer.
type counts struct {
	Peer, Text string
	AtLeast    int  `toml:"at_least"`
	AtMost     *int `toml:"at_most"`
}

// A stage is a story being told: its folder, its running peers, what it knows.
type stage struct {
	*testing.T
	story  story
	source string
	dir    string
	know   map[string]any
	peers  map[string]*process
	daemon *daemon.Daemon
	events chan noc.Event
}

// TestStories tells every story under cases.
func TestStories(t *testing.T) {
	folders, err := filepath.Glob("cases/*/story.toml")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no stories under cases (%v)", err)
	}
	for _, path := range folders {
		folder := filepath.Dir(path)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			open(t, folder).tell()
		})
	}
}

// open reads a story and copies its folder, filled in, to a place of its own.
func open(t *testing.T, folder string) *stage {
	s := &stage{T: t, source: folder, dir: t.TempDir(), know: map[string]any{}, peers: map[string]*process{}, events: make(chan noc.Event, 1024)}
	meta, err := toml.DecodeFile(filepath.Join(folder, "story.toml"), &s.story)
	if err != nil {
		t.Fatal(err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		t.Fatalf("%s/story.toml: unknown key %v", folder, unknown[0])
	}
	for _, program := range s.story.Needs {
		if _, err := findProgram(program); err != nil {
			t.Fatalf("%v: run make deps", err)
		}
	}
	s.know["dir"] = s.dir
	s.certificates()
	return s
}

// tell starts the peers and the house and goes through the steps.
func (s *stage) tell() {
	s.Log(s.story.Title)
	for _, p := range s.story.Peers {
		s.startPeer(p)
	}
	if s.story.House.Config != "" {
		s.startHouse(s.fill(s.story.House.Config))
	}
	for n, step := range s.story.Steps {
		if step.Name == "" {
			step.Name = fmt.Sprintf("step %d", n+1)
		}
		// Steps follow one another: after one that failed the rest mean nothing.
		if !s.Run(step.Name, func(t *testing.T) { s.on(t).take(step) }) {
			return
		}
	}
}

// on is the stage as seen from a step's own test.
func (s *stage) on(t *testing.T) *stage {
	here := *s
	here.T = t
	return &here
}

// take goes through one step.
func (s *stage) take(step step) {
	if step.Act != "" {
		s.act(step)
	}
	if step.Login != nil {
		s.login(*step.Login, step.Event)
	}
	for _, c := range step.Counts {
		s.count(c)
	}
}

// certificates makes the story's authority and what it issues: the server's, a
// nurse's, and an authority that nobody trusts.
func (s *stage) certificates() {
	authority, err := certs.NewAuthority("integration authority", time.Now(), certs.Options{})
	s.must(err)
	server, err := authority.Server([]string{serverName}, certs.Options{})
	s.must(err)
	nurse, err := authority.Client("nurse@northbridge.nhs.uk", certs.Options{})
	s.must(err)
	stranger, err := certs.NewAuthority("somebody else's authority", time.Now(), certs.Options{})
	s.must(err)
	strange, err := stranger.Client("nurse@northbridge.nhs.uk", certs.Options{})
	s.must(err)
	for name, content := range map[string][]byte{
		"ca.pem":     authority.PEM(),
		"server.pem": server.CertPEM, "server.key": []byte(server.KeyPEM.Reveal()),
		"nurse.pem": nurse.CertPEM, "nurse.key": []byte(nurse.KeyPEM.Reveal()),
		"other-ca.pem": stranger.PEM(),
		"strange.pem":  strange.CertPEM, "strange.key": []byte(strange.KeyPEM.Reveal()),
	} {
		s.must(os.WriteFile(filepath.Join(s.dir, name), content, 0o600))
	}
	s.know["server_name"] = serverName
	s.know["secret"] = sharedSecret
	s.know["password"] = goodPassword
}

const (
	serverName   = "radius.northbridge.nhs.uk"
	sharedSecret = "integration-secret-of-a-story"
	goodPassword = "correct-horse-battery"
)

// fill writes a file of the folder, filled in, beside the certificates and
// returns its path.
func (s *stage) fill(name string) string {
	source, err := os.ReadFile(filepath.Join(s.source, name))
	s.must(err)
	filled, err := template.New(name).Option("missingkey=error").Parse(string(source))
	s.must(err)
	var out bytes.Buffer
	s.must(filled.Execute(&out, s.know))
	path := filepath.Join(s.dir, name)
	s.must(os.MkdirAll(filepath.Dir(path), 0o755))
	s.must(os.WriteFile(path, out.Bytes(), 0o600))
	return path
}

// startHouse runs our own server until the story ends.
func (s *stage) startHouse(path string) {
	ctx, stop := s.context()
	d, err := daemon.Start(path, daemon.Options{Log: &testLog{s.T}, Watch: func(e noc.Event) { s.events <- e }})
	if err != nil {
		s.Fatalf("the house does not start:\n%v", err)
	}
	done := make(chan error, 1)
	go func() { done <- d.Serve(ctx) }()
	s.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			s.Errorf("the house did not end well: %v", err)
		}
	})
	auth, acct := d.Addrs()
	s.daemon = d
	s.know["auth"], s.know["acct"] = auth[0].String(), acct[0].String()
}

// act does something to a peer or to the house.
func (s *stage) act(step step) {
	if step.Act == "reload" {
		s.must(os.Rename(s.fill(step.With), filepath.Join(s.dir, s.story.House.Config)))
		s.must(s.daemon.Reload())
		return
	}
	p := s.peers[step.On]
	if p == nil {
		s.Fatalf("the story has no peer %q", step.On)
	}
	switch step.Act {
	case "stop":
		s.must(p.freeze())
	case "continue":
		s.must(p.thaw())
	case "kill":
		p.kill()
	case "start":
		s.must(p.start())
	default:
		s.Fatalf("what is %q?", step.Act)
	}
}

// check compares an event with what it must be.
func (s *stage) check(got noc.Event, want eventIs) {
	for _, c := range []struct{ what, got, want string }{
		{"outcome", got.Outcome, want.Outcome}, {"reason", got.Reason, want.Reason}, {"route", got.Route, want.Route},
		{"method", got.Method, want.Method}, {"inner method", got.InnerMethod, want.Inner}, {"TLS", got.TLS, want.TLS},
		{"zone", got.Zone, want.Zone}, {"rule", got.Rule, want.Rule}, {"site", got.Site, want.Site}, {"SSID", got.SSID, want.SSID},
		{"inner name", got.Inner, want.InnerName},
	} {
		if c.want != "" && c.got != c.want {
			s.Errorf("event: %s is %q, want %q (%s)", c.what, c.got, c.want, got.Detail)
		}
	}
	if want.VLAN != 0 && got.VLAN != want.VLAN {
		s.Errorf("event: VLAN is %d, want %d", got.VLAN, want.VLAN)
	}
}

// count reads a peer's log.
func (s *stage) count(c counts) {
	p := s.peers[c.Peer]
	if p == nil {
		s.Fatalf("the story has no peer %q", c.Peer)
	}
	n := strings.Count(p.output(), c.Text)
	if n < c.AtLeast || c.AtMost != nil && n > *c.AtMost {
		s.Errorf("%s: %q stands %d times in its log", c.Peer, c.Text, n)
	}
}

// event waits for the event of one device.
func (s *stage) event(mac string) noc.Event {
	limit := time.After(30 * time.Second)
	for {
		select {
		case e := <-s.events:
			if e.MAC == mac && e.Kind == "access" {
				return e
			}
		case <-limit:
			s.Fatalf("no event for %s", mac)
		}
	}
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// testLog puts the server's log into the test's.
type testLog struct{ t *testing.T }

func (l *testLog) Write(line []byte) (int, error) {
	l.t.Log(strings.TrimRight(string(line), "\n"))
	return len(line), nil
}
