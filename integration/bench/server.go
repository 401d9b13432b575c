package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"causeway/certs"
	"causeway/integration/region"
	"causeway/realms/directory"
)

// Pinned cores: the server has one to itself.
const (
	serverCore = "0"
	loadCore   = 1
)

const (
	benchSecret   = "secret-of-the-benchmark"
	benchPassword = "correct-horse-battery"
	benchServer   = "radius.northbridge.nhs.uk"
)

// A server is our own, as a process of its own.
type server struct {
	folder    string
	authority *certs.Authority
	address   string // where it authenticates
	cmd       *exec.Cmd
	log       bytes.Buffer
}

// Options say what kind of server is measured.
type options struct {
	users     int               // in the file directory
	upstream  string            // where the realm partner.example is answered; empty: nowhere
	overTLS   *tlsSink          // upstream is this one, by RadSec
	more      map[string]string // other partners' upstreams, by realm
	directory string            // TOML in place of the file directory
	rsa       bool              // a server key of RSA-2048
	both      bool              // that and one of ECDSA
	bothCores bool              // not pinned to one
	region    bool              // the example region in the place of a Trust
	metrics   string            // where its figures may be asked for; empty: nowhere
}

// start runs bin/radiusd on a pinned core with a directory of so many users.
// upstream is where the realm partner.example is answered; empty: nowhere.
func start(users int, upstream string) (*server, error) {
	return startWith(options{users: users, upstream: upstream})
}

func startWith(o options) (*server, error) {
	folder, err := os.MkdirTemp("", "causeway-bench-")
	if err != nil {
		return nil, err
	}
	s := &server{folder: folder}
	if err := s.configure(o); err != nil {
		s.stop()
		return nil, err
	}
	command := []string{"taskset", "-c", serverCore, "bin/radiusd", "serve", "-c", filepath.Join(folder, "causeway.toml")}
	if o.bothCores {
		command = command[3:]
	}
	s.cmd = exec.Command(command[0], command[1:]...)
	if !o.bothCores {
		s.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	}
	s.cmd.Stderr = &s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		s.stop()
		return nil, err
	}
	if err := s.ready(); err != nil {
		s.stop()
		return nil, fmt.Errorf("%w: %s", err, s.log.String())
	}
	return s, nil
}

func (s *server) stop() {
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		_ = s.cmd.Wait()
	}
	_ = os.RemoveAll(s.folder)
}

// ready waits until the server answers a log-in.
func (s *server) ready() error {
	for range 200 {
		time.Sleep(50 * time.Millisecond)
		conn, err := net.Dial("udp", s.address)
		if err != nil {
			return err
		}
		request := newPAP(benchUser(0), benchPassword).build(nil, 1, 1)
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		_, _ = conn.Write(request)
		n, err := conn.Read(make([]byte, 4096))
		_ = conn.Close()
		if err == nil && n >= 20 {
			return nil
		}
	}
	return errors.New("the server does not answer")
}

// cpu is how much processor time the server has used so far.
func (s *server) cpu() (time.Duration, error) { return cpuOf(s.cmd.Process.Pid) }

func cpuOf(pid int) (time.Duration, error) {
	const ticks = 100 // USER_HZ, on every Linux that Go runs on
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticks, errors.Join(err1, err2)
}

// peak is the most memory that the server has had resident, in octets.
func (s *server) peak() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return kib * 1024, err
}

// configure writes the files of a Trust with so many people.
func (s *server) configure(o options) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	acct, err := freePort()
	if err != nil {
		return err
	}
	s.address = fmt.Sprintf("127.0.0.1:%d", port)
	if s.authority, err = certs.NewAuthority("benchmark", time.Now(), certs.Options{}); err != nil {
		return err
	}
	key := certs.Options{}
	if o.rsa {
		key.Key = certs.RSA
	}
	pair, err := s.authority.Server([]string{benchServer}, key)
	if err != nil {
		return err
	}
	partners := maps.Clone(o.more)
	if o.upstream != "" {
		if partners == nil {
			partners = map[string]string{}
		}
		partners["partner.example"] = o.upstream
	}
	partner := ""
	for realm, address := range partners {
		partner += fmt.Sprintf("[realm.%q]\nservers = [{ address = %q, secret = %q }]\n", realm, address, benchSecret)
	}
	if o.overTLS != nil {
		reached, err := s.overTLS(o.overTLS)
		if err != nil {
			return err
		}
		partner += reached
	}
	people := "kind = \"file\"\npath = \"users.toml\"\n"
	if o.directory != "" {
		people = o.directory
	}
	text := fmt.Sprintf(benchConfig, s.address, acct, people, partner, benchSecret)
	if o.metrics != "" {
		text = strings.Replace(text, "listen = {", fmt.Sprintf("listen = { metrics = %q,", o.metrics), 1)
	}
	if o.region {
		whole := region.Whole
		whole.Head, _, _ = strings.Cut(text, `[realm."northbridge.nhs.uk"]`)
		whole.Head += benchLog
		whole.Secret = "file:secret.txt"
		text = whole.Text()
		if err := os.WriteFile(filepath.Join(s.folder, "secret.txt"), []byte(benchSecret), 0o600); err != nil {
			return err
		}
	}
	var second error
	if o.both {
		text = strings.NewReplacer(`"file:server.pem"`, `["file:server.pem", "file:second.pem"]`, `"file:server.key"`, `["file:server.key", "file:second.key"]`).Replace(text)
		second = s.second()
	}
	return errors.Join(second,
		os.WriteFile(filepath.Join(s.folder, "causeway.toml"), []byte(text), 0o600),
		os.WriteFile(filepath.Join(s.folder, "users.toml"), benchUsers(o.users), 0o600),
		os.WriteFile(filepath.Join(s.folder, "ca.pem"), s.authority.PEM(), 0o600),
		os.WriteFile(filepath.Join(s.folder, "server.pem"), pair.CertPEM, 0o600),
		os.WriteFile(filepath.Join(s.folder, "server.key"), []byte(pair.KeyPEM.Reveal()), 0o600),
	)
}

// second writes a second pair, with an RSA key.
func (s *server) second() error {
	pair, err := s.authority.Server([]string{benchServer}, certs.Options{Key: certs.RSA})
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(s.folder, "second.pem"), pair.CertPEM, 0o600),
		os.WriteFile(filepath.Join(s.folder, "second.key"), []byte(pair.KeyPEM.Reveal()), 0o600),
	)
}

func benchUser(n int) string { return fmt.Sprintf("user%05d@northbridge.nhs.uk", n) }

func benchUsers(n int) []byte {
	hash := directory.NTHash(benchPassword)
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "[user.%q]\nnt_hash = \"%x\"\ngroups = [\"Wifi-Clinical\", \"Ward %d\"]\n", benchUser(i), hash, i%40)
	}
	return b.Bytes()
}

func freePort() (int, error) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	return c.LocalAddr().(*net.UDPAddr).Port, nil
}

const benchConfig = `
version = 1
[server]
name   = "benchmark"
listen = { auth = %q, acct = "127.0.0.1:%d" }
[eap]
methods     = ["tls", "ttls", "peap", "pap"]
certificate = "file:server.pem"
private_key = "file:server.key"
client_ca   = "file:ca.pem"
[directory.trust]
%s
[realm."northbridge.nhs.uk"]
directory = "trust"
%s
[zone]
clinical = { trusted = true }
visitor  = {}
[vlan]
clinical = { id = 110, zone = "clinical" }
visitor  = { id = 320, zone = "visitor" }
[federation.eduroam]
servers = [{ address = "127.0.0.1:9", secret = "secret-of-nobody-here", without_status_server = true }]
[[ssid]]
name       = "eduroam"
federation = "eduroam"
[[ssid.rule]]
who   = "own"
group = "Wifi-Clinical"
vlan  = "clinical"
[[ssid.rule]]
who  = "visitor"
vlan = "visitor"
[[site]]
name = "Royal Infirmary"
[[site.controller]]
name         = "royal-wlc"
vendor       = "hostapd"
address      = "127.0.0.1"
secret       = %q
without_vlan = "reject"
[[site.controller]]
name         = "annexe-wlc"
vendor       = "hostapd"
address      = "127.0.0.2"
secret       = %[5]q
without_vlan = "reject"
` + benchLog

const benchLog = `[log]
format = "json"
file   = "causeway.log"
`
