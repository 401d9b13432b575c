package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"causeway/certs"
	"causeway/radiusd/supplicant"
)

// A ratio is made of so many turns of so many log-ins and bare handshakes each.
// They take turns, so that whatever else the machine does weighs on all alike.
const (
	turns   = 10
	perTurn = 320
)

// authentications is the server's processor time for a whole log-in, every
// packet through real sockets, over that of the bare crypto/tls handshake with
// the same key, curve and version.
func authentications() ([]row, error) {
	s, err := start(1000, "")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	device, err := s.authority.Client(benchUser(1), certs.Options{})
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		more, err := s.ratios(version, &device.Certificate)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", tls.VersionName(version), err)
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// ratios are those of one TLS version: of full log-ins, and of resumed ones over
// the bare resumed handshake.
func (s *server) ratios(version uint16, device *tls.Certificate) ([]row, error) {
	var bares []*bare
	defer func() {
		for _, b := range bares {
			b.stop()
		}
	}()
	for _, kind := range []struct {
		device  *tls.Certificate
		resumed bool
	}{{nil, false}, {device, false}, {nil, true}, {device, true}} {
		b, err := s.bare(version, kind.device, kind.resumed)
		if err != nil {
			return nil, err
		}
		bares = append(bares, b)
	}
	plain, mutual, plainAgain, mutualAgain := bares[0], bares[1], bares[2], bares[3]
	again := map[uint16]float64{tls.VersionTLS12: 4.5, tls.VersionTLS13: 2.3}[version]
	measured := []*measured{
		{method: "ttls-pap", bare: plain, target: 2.2}, {method: "peap-mschapv2", bare: plain, target: 2.6}, {method: "tls", bare: mutual, target: 1.4},
		{method: "ttls-pap", bare: plainAgain, target: again}, {method: "peap-mschapv2", bare: plainAgain, target: again}, {method: "tls", bare: mutualAgain, target: again},
	}
	for _, m := range measured {
		m.config = s.person(1, m.method)
		m.config.MinTLS, m.config.MaxTLS = version, version
		if m.method == "tls" {
			m.config.Certificate = device
		}
		if m.bare.resumed {
			m.wallets = newWallets()
		}
	}
	for turn := range turns + 1 {
		for _, b := range bares {
			if err := b.turn(turn > 0); err != nil {
				return nil, err
			}
		}
		for _, m := range measured {
			spent, err := spent(s.cmd.Process.Pid, func() error { return s.login(m, perTurn) })
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.method, err)
			}
			if turn > 0 { // the first warms
				m.spent += spent
			}
		}
	}
	var rows []row
	for _, m := range measured {
		rows = append(rows, m.row(tls.VersionName(version)))
	}
	memory, err := s.resumedInMemory(version)
	if err != nil {
		return nil, err
	}
	return append(rows, told(fmt.Sprintf("the server's side of a bare resumed %s handshake without a socket", tls.VersionName(version)), memory.Round(time.Microsecond).String())), nil
}

// A measured is one way to log in, what it is compared with, and what it cost.
type measured struct {
	method  string
	bare    *bare
	target  float64
	config  supplicant.Config
	wallets []tls.ClientSessionCache // of each controller's device; nil: nothing is resumed
	spent   time.Duration
}

func (m *measured) row(version string) row {
	whole, bare := m.spent/(turns*perTurn), m.bare.spent/(turns*perTurn)
	how := ""
	if m.bare.resumed {
		how = "resumed "
	}
	what := fmt.Sprintf("CPU of %s%s over the bare %s%s handshake (%v / %v)", how, m.method, how, version, whole.Round(time.Microsecond), bare.Round(time.Microsecond))
	return atMost(what, float64(whole)/float64(bare), m.target, " x")
}

func newWallets() []tls.ClientSessionCache {
	wallets := make([]tls.ClientSessionCache, controllers)
	for i := range wallets {
		wallets[i] = tls.NewLRUClientSessionCache(1)
	}
	return wallets
}

// spent is the processor time that a process uses while something is done.
func spent(pid int, do func() error) (time.Duration, error) {
	before, err := cpuOf(pid)
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	after, err := cpuOf(pid)
	return after - before, err
}

// controllers is how many log-ins are under way.
const controllers = 16

// login shares n log-ins among pretend controllers, each with one under way: a
// quiet afternoon's worth. With fewer the server wakes for every packet alone, and
// a log-in costs it up to a third more.
func (s *server) login(m *measured, n int) error { return s.loginBy(m, n, controllers) }

func (s *server) loginBy(m *measured, n, controllers int) error {
	var (
		waiting sync.WaitGroup
		mu      sync.Mutex
		failed  error
	)
	for i := range controllers {
		config := m.config
		if m.wallets != nil {
			config.Sessions = m.wallets[i]
		}
		waiting.Go(func() {
			err := s.loginMany(config, n/controllers)
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
		})
	}
	waiting.Wait()
	return failed
}

func (s *server) loginMany(config supplicant.Config, n int) error {
	controller, err := s.controller()
	if err != nil {
		return err
	}
	defer func() { _ = controller.Conn.Close() }()
	for i := range n {
		peer, err := supplicant.New(config)
		if err != nil {
			return err
		}
		if _, err := letIn(controller, peer); err != nil {
			return err
		}
		if config.Sessions != nil && i > 0 && !peer.TLS().DidResume {
			return errors.New("a log-in of the benchmark did not resume")
		}
	}
	return nil
}

// person is how somebody logs in.
func (s *server) person(n int, method string) supplicant.Config {
	return supplicant.Config{User: benchUser(n), Password: benchPassword, Method: method, Roots: s.authority.Pool(), ServerName: benchServer}
}

// controller is a pretend controller with a socket of its own, which the caller closes.
func (s *server) controller() (*supplicant.Controller, error) {
	conn, err := net.Dial("udp", s.address)
	if err != nil {
		return nil, err
	}
	return &supplicant.Controller{Conn: conn, Secret: benchSecret, NASIdentifier: "royal-wlc", SSID: "eduroam"}, nil
}

// letIn is one log-in, which has to be accepted.
func letIn(controller *supplicant.Controller, peer *supplicant.Peer) (supplicant.Result, error) {
	result, err := controller.Login(context.Background(), peer)
	if err == nil && !result.Accepted() {
		err = errors.New("a log-in of the benchmark was refused")
	}
	return result, err
}

// A bare server is a process that does nothing else than crypto/tls's server
// side, on the same pinned core, and we who shake hands with it.
type bare struct {
	cmd        *exec.Cmd
	conn, done net.Conn
	config     *tls.Config
	resumed    bool
	spent      time.Duration // in the turns that count
}

// bare starts one; with a device's certificate the handshake is mutual.
func (s *server) bare(version uint16, device *tls.Certificate, resumed bool) (*bare, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(s.folder, fmt.Sprintf("bare-%x-%v-%v", version, device != nil, resumed))
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	defer func() { _ = listener.Close() }()
	b := &bare{resumed: resumed, config: &tls.Config{RootCAs: s.authority.Pool(), ServerName: benchServer, MinVersion: version, MaxVersion: version, CurvePreferences: curves}}
	if device != nil {
		b.config.Certificates = []tls.Certificate{*device}
	}
	if resumed {
		b.config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	b.cmd = exec.Command("taskset", "-c", serverCore, self, "bare", socket, s.folder, strconv.Itoa(int(version)), strconv.FormatBool(device != nil), strconv.FormatBool(resumed))
	b.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	b.cmd.Stderr = os.Stderr
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.cmd.Start(); err != nil {
		return nil, err
	}
	if b.conn, err = listener.Accept(); err == nil {
		b.done, err = listener.Accept()
	}
	return b, err
}

func (b *bare) stop() {
	_ = b.conn.Close()
	_ = b.done.Close()
	_ = b.cmd.Wait()
}

// turn is one turn of handshakes.
func (b *bare) turn(counts bool) error {
	spent, err := spent(b.cmd.Process.Pid, func() error { return shakeAll(b.conn, b.done, b.config, perTurn) })
	if counts {
		b.spent += spent
	}
	return err
}

var curves = []tls.CurveID{tls.X25519, tls.CurveP256}

// shakeAll shakes hands n times over one socket. An octet on another says that
// the server is done with each: on the same one a TLS connection could read it.
// Where sessions are resumed the server says one word, behind which the client
// finds its ticket.
func shakeAll(conn, done net.Conn, config *tls.Config, n int) error {
	var octet [1]byte
	for range n {
		client := tls.Client(conn, config)
		if err := client.Handshake(); err != nil {
			return err
		}
		if config.ClientSessionCache != nil {
			if _, err := client.Read(octet[:]); err != nil {
				return err
			}
		}
		if _, err := done.Read(octet[:]); err != nil {
			return err
		}
	}
	return nil
}

// bareServer is the child: crypto/tls and nothing else.
func bareServer(args []string) {
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench bare:", err)
			os.Exit(1)
		}
	}
	socket, folder := args[0], args[1]
	version, err := strconv.Atoi(args[2])
	check(err)
	certificate, err := tls.LoadX509KeyPair(filepath.Join(folder, "server.pem"), filepath.Join(folder, "server.key"))
	check(err)
	config := &tls.Config{
		Certificates: []tls.Certificate{certificate}, SessionTicketsDisabled: args[4] != "true",
		MinVersion: uint16(version), MaxVersion: uint16(version), CurvePreferences: curves,
	}
	if args[3] == "true" {
		ca, err := os.ReadFile(filepath.Join(folder, "ca.pem"))
		check(err)
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		config.ClientCAs.AppendCertsFromPEM(ca)
	}
	conn, err := net.Dial("unix", socket)
	check(err)
	done, err := net.Dial("unix", socket)
	check(err)
	for {
		client := tls.Server(conn, config)
		if client.Handshake() != nil {
			break
		}
		if args[4] == "true" {
			if _, err := client.Write([]byte{0}); err != nil {
				break
			}
		}
		if _, err := done.Write([]byte{1}); err != nil {
			break
		}
	}
}
