package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/template"
	"time"
)

// The proxies side by side: each is asked the same by the same load, and sends it
// to a sink of the same kind. They take turns, many short ones, so that whatever else
// the machine does weighs on all alike: one that is shared is quick in one second and
// slow in the next. Each round has an order of its own: what one puts off until its turn
// is over would else always fall into the turn of the same other. Processor time is
// counted from the first turn to the last, so that nobody is spared what it puts off.
const (
	peerTurns  = 29
	peerTurn   = 500 * time.Millisecond
	peerUser   = "student@partner.example"
	peerWindow = 48 // on each of four sockets: 192 in flight, since radsecproxy has 256 identifiers
)

// A proxy is one of those that are compared.
type proxy struct {
	name  string
	start func(upstream string) (*contender, error)
}

// proxies are in the order of the table; ours is the first.
var proxies = []proxy{
	{"radiusd", startOurs},
	{"radsecproxy", func(upstream string) (*contender, error) { return startRadsecproxy(upstream, 3) }},
	{"radsecproxy without a line for each log-in", func(upstream string) (*contender, error) { return startRadsecproxy(upstream, 1) }},
	{"freeradius", func(upstream string) (*contender, error) { return startPackagedFreeRADIUS(upstream, true) }},
	{"freeradius without a line for each log-in", func(upstream string) (*contender, error) { return startPackagedFreeRADIUS(upstream, false) }},
	{"freeradius, one module", func(upstream string) (*contender, error) { return startFreeRADIUS(upstream, true) }},
	{"freeradius, one module, without a line for each log-in", func(upstream string) (*contender, error) { return startFreeRADIUS(upstream, false) }},
}

// A contender is a proxy that runs, and what its turns came to.
type contender struct {
	name     string
	address  string
	pid      int
	stop     func()
	says     func() string // what it said when it started
	before   time.Duration // processor time, when its turns began
	each     time.Duration // of one request, in all turns
	rates    []float64     // a second, of each turn
	answered uint64
	lost     uint64
}

// peers measures them all.
func peers() ([]row, error) {
	upstream, err := newSink()
	if err != nil {
		return nil, err
	}
	defer upstream.stop()
	running, stop, err := startAll(upstream.address())
	defer stop()
	if err != nil {
		return nil, err
	}
	if err := takeTurns(running); err != nil {
		return nil, err
	}
	rows := compared(running)
	far, err := peersFar()
	return append(rows, far...), err
}

// takeTurns has each do all its turns, after one that warms.
func takeTurns(running []*contender) error {
	turn := (*contender).turn
	steps := append([]func(*contender) error{turn, (*contender).begin}, slices.Repeat([]func(*contender) error{turn}, peerTurns)...)
	order := rand.New(rand.NewPCG(1, 2)) // the same in every run
	for _, step := range append(steps, (*contender).end) {
		for _, i := range order.Perm(len(running)) {
			if err := step(running[i]); err != nil {
				return fmt.Errorf("%s: %w", running[i].name, err)
			}
		}
	}
	return nil
}

// begin forgets what was so far.
func (c *contender) begin() (err error) {
	c.rates, c.answered, c.lost = nil, 0, 0
	c.before, err = cpuOf(c.pid)
	return err
}

func (c *contender) end() error {
	used, err := cpuOf(c.pid)
	c.each = (used - c.before) / time.Duration(c.answered)
	return err
}

// startAll starts the proxies. What it returns to stop them is good after an error.
func startAll(upstream string) (running []*contender, stop func(), err error) {
	stop = func() {
		for _, c := range running {
			c.stop()
		}
	}
	for _, p := range proxies {
		c, err := p.start(upstream)
		if err != nil {
			return running, stop, fmt.Errorf("%s: %w", p.name, err)
		}
		c.name = p.name
		running = append(running, c)
		if err := answers(c.address, peerUser); err != nil {
			return running, stop, fmt.Errorf("%s: %w: %s", p.name, err, c.says())
		}
	}
	return running, stop, nil
}

// turn is one turn at saturation.
func (c *contender) turn() error {
	l := load{address: c.address, sockets: 4, window: peerWindow, user: func(uint64) string { return peerUser }, while: peerTurn}
	t, err := l.run()
	if err != nil {
		return err
	}
	if t.refused > 0 || t.accepted == 0 {
		return fmt.Errorf("%d accepted, %d refused of a load that had to be accepted", t.accepted, t.refused)
	}
	c.rates = append(c.rates, t.rate())
	c.answered += t.answered()
	c.lost += t.lost
	return nil
}

// cost is the processor time of one request over another's.
func (c *contender) cost(over *contender) float64 { return float64(c.each) / float64(over.each) }

// rate is the median of its rates over another's, turn by turn.
func (c *contender) rate(over *contender) float64 { return medianRatio(c.rates, over.rates) }

// compared makes the rows: each by itself, then the others over ours.
func compared(running []*contender) (rows []row) {
	for _, c := range running {
		rows = append(rows, told(fmt.Sprintf("proxied PAP, %s, one pinned core (%v of it each, %d lost)", c.name, c.each.Round(100*time.Nanosecond), c.lost),
			fmt.Sprintf("%.0f/s", median(c.rates))))
	}
	ours := running[0]
	for _, c := range running[1:] {
		target := 1.0
		if strings.HasPrefix(c.name, "freeradius") {
			target = 3
		}
		rows = append(rows, atLeastTimes("CPU of a request, "+c.name+" over radiusd", c.cost(ours), target))
		if target == 1 {
			rows = append(rows, atLeastTimes("requests a second, radiusd over "+c.name, ours.rate(c), target))
		}
	}
	return rows
}

// medianRatio is the median of what each is over the other's of the same round.
func medianRatio(list, over []float64) float64 {
	ratios := make([]float64, len(list))
	for i := range ratios {
		ratios[i] = list[i] / over[i]
	}
	return median(ratios)
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

// peersFar is what becomes of 1,024 requests in flight when the upstream is 50 ms away.
func peersFar() ([]row, error) {
	upstream, err := newFarSink(farAway)
	if err != nil {
		return nil, err
	}
	defer upstream.stop()
	running, stop, err := startAll(upstream.address())
	defer stop()
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, c := range running {
		t, err := farFlood(c.address)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		rows = append(rows, told(fmt.Sprintf("upstream 50 ms away, 1,024 in flight, %s: %d answered, %d lost, %d refused", c.name, t.accepted+t.drained, t.lost, t.refused), fmt.Sprintf("%.0f/s", t.rate())))
	}
	return rows, nil
}

func startOurs(upstream string) (*contender, error) {
	s, err := start(1, upstream)
	if err != nil {
		return nil, err
	}
	return &contender{address: s.address, pid: s.cmd.Process.Pid, stop: s.stop, says: s.log.String}, nil
}

// startRadsecproxy runs Debian's. At level 3 it writes a line for each log-in, as
// we do; at 1 it does not. 1.9 cannot be told to require a Message-Authenticator: it
// verifies those that come.
func startRadsecproxy(upstream string, level int) (*contender, error) {
	host, port, err := net.SplitHostPort(upstream)
	if err != nil {
		return nil, err
	}
	words := map[string]any{"host": host, "upstream": port, "level": level}
	return startPeer(words, filled{"radsecproxy.conf": radsecproxyConfig}.write,
		func(folder string) []string {
			return []string{"radsecproxy", "-f", "-c", filepath.Join(folder, "radsecproxy.conf")}
		})
}

// startFreeRADIUS runs Debian's with nothing but what a proxy needs: one module, which
// reads the realm. It writes a line for each log-in, as we do, or none. A
// Message-Authenticator is required of the client; threads, and how long replies are
// kept, are as in the file it comes with.
func startFreeRADIUS(upstream string, lines bool) (*contender, error) {
	host, port, err := net.SplitHostPort(upstream)
	if err != nil {
		return nil, err
	}
	words := map[string]any{"host": host, "upstream": port, "lines": lines}
	// It wants a dictionary beside its configuration, be it empty.
	return startPeer(words, filled{"radiusd.conf": freeradiusConfig, "dictionary": ""}.write, freeradiusCommand)
}

func freeradiusCommand(folder string) []string { return []string{"freeradius", "-f", "-d", folder} }

// filled are configuration files by name: templates, for a port, the folder and more.
type filled map[string]string

func (files filled) write(folder string, words map[string]any) error {
	for name, file := range files {
		var text bytes.Buffer
		err := template.Must(template.New(name).Option("missingkey=error").Parse(file)).Execute(&text, words)
		if err := errors.Join(err, os.WriteFile(filepath.Join(folder, name), text.Bytes(), 0o600)); err != nil {
			return err
		}
	}
	return nil
}

// startPeer has a configuration written, with a port, the folder and the secret among
// its words, and runs a command on the server's core. What it says goes to a file.
func startPeer(words map[string]any, configure func(folder string, words map[string]any) error, command func(folder string) []string) (*contender, error) {
	folder, err := os.MkdirTemp("", "causeway-bench-")
	if err != nil {
		return nil, err
	}
	c := &contender{stop: func() { _ = os.RemoveAll(folder) }}
	c.says = func() string {
		text, _ := os.ReadFile(filepath.Join(folder, "says"))
		return string(text)
	}
	port, err := freePort()
	if err != nil {
		c.stop()
		return nil, err
	}
	c.address = fmt.Sprintf("127.0.0.1:%d", port)
	words["port"], words["folder"], words["secret"] = port, folder, benchSecret
	err = configure(folder, words)
	says, opened := os.Create(filepath.Join(folder, "says"))
	if err = errors.Join(err, opened); err != nil {
		c.stop()
		return nil, err
	}
	args := command(folder)
	if _, err := exec.LookPath(args[0]); err != nil {
		c.stop()
		return nil, fmt.Errorf("%s is not installed: run make deps", args[0])
	}
	cmd := exec.Command("taskset", append([]string{"-c", serverCore}, args...)...)
	cmd.Stdout, cmd.Stderr = says, says
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		c.stop()
		return nil, err
	}
	c.pid = cmd.Process.Pid
	c.stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = says.Close()
		_ = os.RemoveAll(folder)
	}
	return c, nil
}

// answers waits until a server accepts a user.
func answers(address, user string) error {
	for range 100 {
		if err := answersOnce(address, user); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("the server does not answer")
}

func answersOnce(address, user string) error {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if _, err := conn.Write(newPAP(user, benchPassword).build(nil, 1, uint64(time.Now().UnixNano()))); err != nil {
		return err
	}
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	if err == nil && (n < 20 || b[0] != 2) {
		err = errors.New("it refuses")
	}
	return err
}

var radsecproxyConfig = strings.TrimLeft(`
ListenUDP      127.0.0.1:{{.port}}
LogLevel       {{.level}}
LoopPrevention on
client load {
	host   127.0.0.1
	type   udp
	secret {{.secret}}
}
server sink {
	host   {{.host}}:{{.upstream}}
	type   udp
	secret {{.secret}}
}
realm partner.example {
	server sink
}
`, "\n")

const freeradiusConfig = `
name = bench
prefix = /usr
localstatedir = {{.folder}}
logdir = {{.folder}}
run_dir = {{.folder}}
raddbdir = {{.folder}}
libdir = /usr/lib/freeradius
max_request_time = 30
max_requests = 16384
cleanup_delay = 5
proxy_requests = yes
log {
	destination = files
	file = {{.folder}}/radius.log
	auth = {{if .lines}}yes{{else}}no{{end}}
}
thread pool {
	start_servers = 5
	max_servers = 32
	min_spare_servers = 3
	max_spare_servers = 10
	max_requests_per_server = 0
}
security {
	max_attributes = 200
	reject_delay = 0
	status_server = yes
}
` + freeradiusClient + freeradiusUpstream + `modules {
	realm suffix {
		format = suffix
		delimiter = "@"
	}
}
server proxy {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = {{.port}}
	}
	authorize {
		suffix
	}
}
`

// What is told to FreeRADIUS of the load and of the sink, whatever else it is told.
const (
	freeradiusClient = `client load {
	ipaddr = 127.0.0.1
	secret = "{{.secret}}"
	require_message_authenticator = yes
	nas_type = other
}
`
	freeradiusUpstream = `home_server sink {
	type = auth
	ipaddr = {{.host}}
	port = {{.upstream}}
	secret = "{{.secret}}"
	response_window = 20
	zombie_period = 40
	status_check = none
}
home_server_pool sink {
	type = fail-over
	home_server = sink
}
realm partner.example {
	auth_pool = sink
	nostrip
}
`
)
