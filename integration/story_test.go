// Package integration tells whole-house stories: the real server between real
// peers (slapd, eapol_test, FreeRADIUS, hostapd, wpa_supplicant). Each story is
// a folder under cases; a new story is a new folder.
//
// A folder holds story.toml and the files it names; one that it lacks is taken
// from common. Every file is a template: {{.name}} stands for what the story
// knows, such as {{.slapd}} for the directory's address, {{.dir}} for the story's
// own copy of the folder, or what a step's let taught it.
package integration

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"github.com/BurntSushi/toml"

	"causeway/certs"
	"causeway/radiusd/daemon"
	"causeway/radiusd/noc"
	"causeway/radiusd/probe"
	"causeway/realms/directory/directorytest"
)

// A story is one folder under cases.
type story struct {
	Title string
	Holds []string // numbers of the requirements that it holds
	Needs []string // programs; a story whose program is missing fails, and says how to install it
	RSA   bool     // also make a server certificate with an RSA key, which takes a while
	OCSP  bool     `toml:"ocsp"` // certificates name a responder, at {{.ocsp}}
	Let   map[string]string
	Peers []peer `toml:"peer"` // started in order, stopped in reverse
	Steps []step `toml:"step"`
	House house  `toml:"causeway"`
}

// A house is our own server in a story.
type house struct {
	Config string   // a file of the folder; empty: the story does without
	Files  []string // others of the folder that it names
}

// A peer is one program that the story starts.
type peer struct {
	Kind  string // a row of the table of peers
	Name  string // what the story calls it; empty: Kind
	After bool   // it needs the house's address, so the house starts first
	With  map[string]string
}

// A step is one thing that happens, and what must come of it.
type step struct {
	Name  string
	Login *login   // a device logs in
	Probe *probing // radiusd probe is run
	// Placement is radiusd placement, before the log-in.
	Placement *placing
	// Check is radiusd check.
	Check *checking
	// CameHome is what the house's event must say of the probe's own log-in.
	CameHome *eventIs `toml:"came_home"`
	// Probed names a server: the house's first probe of it must be as Event says.
	Probed string
	Act    string // stop, continue, kill or start a peer; reload or close the house
	On     string // which peer
	With   string // reload: the file of the folder that becomes the configuration
	// Refused is what the error of a reload must say; empty: the reload succeeds.
	Refused string
	// Let teaches the story new words before anything else in the step.
	Let map[string]string
	// Each repeats the log-in for every combination of the values of some words,
	// side by side: {{.word}} in the step stands for its value.
	Each  map[string][]string
	Event eventIs // what the one event of the log-in must say
	// After is what the event must say of the log-in that follows a withdrawal.
	After eventIs
	// Withdraw has the authority withdraw the certificates of these people, before
	// anything else in the step but let; the house reloads.
	Withdraw []string
	// WithdrawPeers has the federations withdraw the certificates of these RadSec peers;
	// nobody tells the house.
	WithdrawPeers []string `toml:"withdraw_peers"`
	Counts        []counts // what a peer must have seen by now
	Figures       []string // rows that Prometheus must be shown by now
	// Returned names a FreeRADIUS that proxies: every reply that it had must
	// carry the Proxy-States of its request (RFC 2865, section 5.33).
	Returned string
	Join     *joining // a device without 802.1X joins an access point
	Ask      *asking  // radclient asks
	// Fill is a file of the folder that somebody saves again, before anything else but let.
	Fill string
}

// eventIs are fields of an event that must be so; empty fields may be anything.
type eventIs struct {
	Outcome, Reason, Route, Method, Inner, TLS, Zone, Rule, Site, SSID, Server, CUI string
	Device, Authority                                                               string
	List, Equipment, Sponsor, Purpose                                               string
	Unchecked                                                                       bool   // compared where authority is given
	InnerName                                                                       string `toml:"inner_name"`
	OperatorName                                                                    string `toml:"operator_name"`
	VLAN                                                                            uint16
	Rounds                                                                          int
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
	story   story
	source  string
	dir     string
	know    map[string]any
	peers   map[string]*process
	pki     *pki
	roamers *certs.Authority // of the peers that speak RadSec
	lists   *peerLists       // of their certificates
	opts    daemon.Options
	daemon  *daemon.Daemon
	events  *events

	controllers []*directorytest.Controller // of domains, as they were started
	stopHouse   func()                      // and wait until it has ended
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
	s := &stage{T: t, source: folder, dir: t.TempDir(), know: map[string]any{}, peers: map[string]*process{}, events: newEvents()}
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
	s.days()
	maps.Copy(s.know, words)
	s.certificates()
	for word, value := range s.story.Let {
		s.know[word] = s.expand(value)
	}
	return s
}

// words are what common/causeway.toml asks for, unless a story says otherwise.
var words = map[string]any{
	"methods": `"tls", "ttls", "peap"`, "inner": `"mschapv2", "gtc", "pap", "tls"`, "certificate": "server", "fragment_size": 1020, "different_outer": false,
	"eap_tables": "", "listen": "127.0.0.1:0", "log": "", "store": "", // [log] and [store]
}

// tell starts the peers and the house and goes through the steps.
func (s *stage) tell() {
	s.Log(s.story.Title)
	s.begin()
	for n, step := range s.story.Steps {
		if step.Name == "" {
			step.Name = fmt.Sprintf("step %d", n+1)
		}
		// Steps follow one another: after one that failed the rest mean nothing.
		if !s.Run(step.Name, func(t *testing.T) { s.on(t).take(step) }) {
			return
		}
	}
	s.events.once(s.T)
}

// begin starts the peers and the house.
func (s *stage) begin() {
	s.startPeers(false)
	for _, name := range s.story.House.Files {
		s.fill(name)
	}
	if s.story.House.Config != "" {
		s.startHouse(s.fill(s.story.House.Config))
	}
	s.startPeers(true)
}

// on is the stage as seen from a step's own test.
func (s *stage) on(t *testing.T) *stage {
	here := *s
	here.T = t
	return &here
}

// take goes through one step.
func (s *stage) take(step step) {
	for word, value := range step.Let {
		s.know[word] = s.expand(value)
	}
	if step.Fill != "" {
		s.fill(step.Fill)
	}
	if len(step.Withdraw) > 0 {
		s.must(s.withdraw(step.Withdraw))
	}
	if len(step.WithdrawPeers) > 0 {
		s.must(s.lists.withdraw(s.dir, step.WithdrawPeers...))
	}
	if step.Act != "" {
		s.act(step)
	}
	if step.Placement != nil {
		s.placement(*step.Placement)
	}
	if step.Login != nil {
		s.variations(step)
	}
	if step.Probe != nil {
		s.probe(*step.Probe)
	}
	if step.Check != nil {
		s.checkFile(*step.Check)
	}
	if step.CameHome != nil {
		s.check(s.events.of(s.T, probe.Station), *step.CameHome)
	}
	if step.Probed != "" {
		s.check(s.events.of(s.T, "probe of "+step.Probed), step.Event)
	}
	if step.Join != nil {
		s.join(*step.Join, step.Event)
	}
	if step.Ask != nil {
		s.ask(*step.Ask, step.Event)
	}
	for _, c := range step.Counts {
		s.count(c)
	}
	for _, row := range step.Figures {
		s.figure(row)
	}
	if step.Returned != "" {
		s.returned(step.Returned)
	}
}

// variations logs in once for every combination of the values of step.Each.
func (s *stage) variations(step step) {
	combinations := []map[string]any{maps.Clone(s.know)}
	names := []string{""}
	for _, word := range slices.Sorted(maps.Keys(step.Each)) {
		var more []map[string]any
		var longer []string
		for i, known := range combinations {
			for _, value := range step.Each[word] {
				next := maps.Clone(known)
				next[word] = value
				more, longer = append(more, next), append(longer, strings.TrimSpace(names[i]+" "+value))
			}
		}
		combinations, names = more, longer
	}
	if len(step.Each) == 0 {
		s.login(*step.Login, step.Event, step.After)
		return
	}
	if len(combinations) == 0 {
		s.Fatal("there is no combination of nothing")
	}
	for i, known := range combinations {
		s.Run(names[i], func(t *testing.T) {
			t.Parallel()
			here := s.on(t)
			here.know = known
			here.login(*step.Login, step.Event, step.After)
		})
	}
}

// certificates makes the story's authority and what it issues: the server's,
// those of people, and an authority that nobody trusts.
func (s *stage) certificates() {
	var named certs.Options
	if s.story.OCSP {
		named.OCSP = fmt.Sprintf("http://127.0.0.1:%d/", s.freeTCP())
		s.know["ocsp"] = named.OCSP
	}
	authority, err := certs.NewAuthority("integration authority", time.Now(), named)
	s.must(err)
	s.pki = newPKI(authority)
	server, err := authority.Server([]string{serverName}, certs.Options{})
	s.must(err)
	between, err := authority.Intermediate("integration intermediate", certs.Options{})
	s.must(err)
	chain, err := between.Server([]string{serverName}, certs.Options{})
	s.must(err)
	stranger, err := certs.NewAuthority("somebody else's authority", time.Now(), certs.Options{})
	s.must(err)
	expired := certs.Options{NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour)}
	s.write("ca.pem", authority.PEM())
	s.write("other-ca.pem", stranger.PEM())
	s.pair("server", server)
	s.pair("chain", chain) // the server's, through an intermediate
	s.person("strange", stranger, "nurse@"+realm, certs.Options{})
	s.person("expired", authority, "nurse@"+realm, expired)
	s.person("deep", between, "nurse@"+realm, certs.Options{}) // a long flight from the device, too
	s.person("abroad", authority, "nurse@camford.ac.uk", certs.Options{})
	for _, name := range []string{"nurse", "doctor", "leaver", "locum", "nobody"} {
		s.person(name, authority, name+"@"+realm, certs.Options{})
	}
	pc01, err := authority.Device(certs.Options{Names: certs.Names{CommonName: "pc01." + realm, DNS: []string{"pc01." + realm}}})
	s.must(err)
	s.pair("pc01", pc01)
	for _, name := range []string{"tablet7", "tablet8"} { // devices' own, of the other authority
		tablet, err := stranger.Device(certs.Options{Names: certs.Names{CommonName: name}})
		s.must(err)
		s.pair(name, tablet)
	}
	// A federation that speaks RadSec: the house's certificate, and those of its peers.
	federation, err := certs.NewAuthority("integration federation", time.Now(), certs.Options{})
	s.must(err)
	s.write("federation-ca.pem", federation.PEM())
	s.lists = &peerLists{files: map[string]*certs.Authority{"federation.crl": federation}, by: map[string]*certs.Authority{}, serials: map[string]*big.Int{}}
	for name, peer := range map[string]struct {
		by   *certs.Authority
		name string
	}{
		"radsec": {federation, serverName}, "roam1": {federation, "roam1.example.net"}, "roam2": {federation, "roam2.example.net"},
		"aps": {federation, "aps." + realm}, "roam3": {federation, "roam3.example.net"}, "false-roam1": {stranger, "roam1.example.net"},
	} {
		pair, err := peer.by.Peer([]string{peer.name}, certs.Options{})
		s.must(err)
		s.pair(name, pair)
		s.lists.issued(peer.by, name, pair)
	}
	s.must(s.lists.withdraw(s.dir))
	if s.story.RSA {
		rsa, err := authority.Server([]string{serverName}, certs.Options{Key: certs.RSA})
		s.must(err)
		s.pair("rsa", rsa)
	}
	s.must(s.pki.publish(s.dir))
	s.know["realm"] = realm
	s.know["server_name"] = serverName
	s.know["secret"] = sharedSecret
	s.know["password"] = goodPassword
}

func (s *stage) person(name string, by *certs.Authority, identity string, o certs.Options) {
	pair, err := by.Client(identity, o)
	s.must(err)
	s.pair(name, pair)
}

func (s *stage) pair(name string, p certs.Pair) {
	s.pki.issued[name] = p.Certificate.Leaf
	s.know[strings.ReplaceAll(name, "-", "_")+"_hash"] = fmt.Sprintf("%x", sha256.Sum256(p.Certificate.Leaf.Raw))
	s.write(name+".pem", p.CertPEM)
	s.write(name+".key", []byte(p.KeyPEM.Reveal()))
}

func (s *stage) write(name string, content []byte) {
	s.must(os.WriteFile(filepath.Join(s.dir, name), content, 0o600))
}

const (
	realm        = "northbridge.nhs.uk"
	serverName   = "radius.northbridge.nhs.uk"
	sharedSecret = "integration-secret-of-a-story"
	goodPassword = "correct-horse-battery"
)

// filled reads a file of the folder and fills it in.
func (s *stage) filled(name string) []byte {
	source, err := os.ReadFile(filepath.Join(s.source, name))
	if errors.Is(err, fs.ErrNotExist) {
		source, err = os.ReadFile(filepath.Join("common", name))
	}
	s.must(err)
	filled, err := template.New(name).Option("missingkey=error").Parse(string(source))
	s.must(err)
	var out bytes.Buffer
	s.must(filled.Execute(&out, s.know))
	return out.Bytes()
}

// fill writes a file of the folder, filled in, beside the certificates and
// returns its path.
func (s *stage) fill(name string) string {
	path := filepath.Join(s.dir, name)
	s.must(os.MkdirAll(filepath.Dir(path), 0o755))
	s.write(name, s.filled(name))
	return path
}

// startHouse runs our own server until the story ends.
func (s *stage) startHouse(path string) {
	ctx, stop := s.context()
	opts := s.opts
	opts.Watch = s.events.add
	if opts.Log == nil {
		house := &process{program: "radiusd"} // counts read its log as any peer's
		s.peers["house"] = house
		opts.Log = io.MultiWriter(&testLog{s.T}, house)
	}
	d, err := daemon.Start(path, opts)
	if err != nil {
		s.Fatalf("the house does not start:\n%v", err)
	}
	done := make(chan error, 1)
	go func() { done <- d.Serve(ctx) }()
	s.stopHouse = sync.OnceFunc(func() {
		stop()
		if err := <-done; err != nil {
			s.Errorf("the house did not end well: %v", err)
		}
	})
	s.Cleanup(s.stopHouse)
	auth, acct := d.Addrs()
	s.daemon = d
	s.know["auth"], s.know["acct"] = auth[0].String(), acct[0].String()
	if radsec := d.RadSecAddrs(); len(radsec) > 0 {
		s.know["radsec"] = radsec[0].String()
	}
}

// act does something to a peer or to the house.
func (s *stage) act(step step) {
	if step.Act == "reload" {
		s.must(os.Rename(s.fill(step.With), filepath.Join(s.dir, s.story.House.Config)))
		switch err := s.daemon.Reload(); {
		case step.Refused == "":
			s.must(err)
		case err == nil:
			s.Fatalf("the reload succeeds; it should be refused: %s", step.Refused)
		case !strings.Contains(err.Error(), step.Refused):
			s.Errorf("the reload is refused, but not because of %q:\n%v", step.Refused, err)
		}
		return
	}
	if step.Act == "close" {
		s.stopHouse()
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
		{"inner name", got.Inner, want.InnerName}, {"server", got.Server, want.Server}, {"CUI", got.CUI, want.CUI},
		{"Operator-Name", got.OperatorName, want.OperatorName}, {"authority", got.Authority, want.Authority}, {"device", got.Device, want.Device},
		{"list", got.List, want.List}, {"equipment", got.Equipment, want.Equipment}, {"sponsor", got.Sponsor, want.Sponsor}, {"purpose", got.Purpose, want.Purpose},
	} {
		if want := s.expand(c.want); want != "" && c.got != want {
			s.Errorf("event: %s is %q, want %q (%s)", c.what, c.got, want, got.Detail)
		}
	}
	if want.Authority != "" && (got.Unchecked != want.Unchecked || got.Device != s.expand(want.Device)) {
		s.Errorf("event: unchecked is %v and the device %q, want %v and %q", got.Unchecked, got.Device, want.Unchecked, want.Device)
	}
	if want.Rounds != 0 && got.Rounds != want.Rounds {
		s.Errorf("event: %d rounds, want %d", got.Rounds, want.Rounds)
	}
	if want.VLAN != 0 && got.VLAN != want.VLAN {
		s.Errorf("event: VLAN is %d, want %d", got.VLAN, want.VLAN)
	}
}

// count reads a peer's log, and waits for what must still come.
func (s *stage) count(c counts) {
	p := s.peers[c.Peer]
	if p == nil {
		s.Fatalf("the story has no peer %q", c.Peer)
	}
	n := strings.Count(p.output(), c.Text)
	for limit := time.Now().Add(15 * time.Second); n < c.AtLeast && time.Now().Before(limit); n = strings.Count(p.output(), c.Text) {
		time.Sleep(20 * time.Millisecond)
	}
	if n < c.AtLeast || c.AtMost != nil && n > *c.AtMost {
		s.Errorf("%s: %q stands %d times in its log", c.Peer, c.Text, n)
	}
}

// figure waits until Prometheus would be shown a row.
func (s *stage) figure(row string) {
	s.Helper()
	shown := ""
	for limit := time.Now().Add(15 * time.Second); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		shown = s.figures()
		if strings.Contains("\n"+shown, "\n"+row+"\n") {
			return
		}
	}
	name, _, _ := strings.Cut(row, "{")
	for line := range strings.Lines(shown) {
		if strings.HasPrefix(line, name) {
			s.Log(strings.TrimSpace(line))
		}
	}
	s.Errorf("Prometheus is not shown %s", row)
}

func (s *stage) figures() string {
	s.Helper()
	reply, err := http.Get("http://" + s.daemon.MetricsAddrs()[0].String() + "/metrics")
	s.must(err)
	defer func() { _ = reply.Body.Close() }()
	text, err := io.ReadAll(reply.Body)
	s.must(err)
	if reply.StatusCode != http.StatusOK {
		s.Fatalf("%s\n%s", reply.Status, text)
	}
	return string(text)
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
