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
	"time"

	"causeway/certs"
	"causeway/radiusd/supplicant"
)

// rounds is how many log-ins, and how many bare handshakes, a ratio is made of.
const rounds = 3000

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
		plain, err := s.bare(version, false, nil)
		if err != nil {
			return nil, err
		}
		mutual, err := s.bare(version, true, &device.Certificate)
		if err != nil {
			return nil, err
		}
		for _, m := range []struct {
			method string
			bare   time.Duration
			target float64
		}{
			{"ttls-pap", plain, 2.2}, {"peap-mschapv2", plain, 2.6}, {"tls", mutual, 1.4},
		} {
			config := supplicant.Config{
				User: benchUser(1), Password: benchPassword, Method: m.method,
				Roots: s.authority.Pool(), ServerName: benchServer,
				MinTLS: version, MaxTLS: version,
			}
			if m.method == "tls" {
				config.Certificate = &device.Certificate
			}
			whole, err := s.logins(config, rounds)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.method, err)
			}
			what := fmt.Sprintf("CPU of %s over the bare %s handshake (%v / %v)", m.method, tls.VersionName(version), whole.Round(time.Microsecond), m.bare.Round(time.Microsecond))
			rows = append(rows, atMost(what, float64(whole)/float64(m.bare), m.target, " x"))
		}
	}
	return rows, nil
}

// logins logs in so many times and returns the server's processor time for one.
func (s *server) logins(config supplicant.Config, n int) (time.Duration, error) {
	if err := s.login(config, 100); err != nil { // warm
		return 0, err
	}
	before, err := s.cpu()
	if err != nil {
		return 0, err
	}
	if err := s.login(config, n); err != nil {
		return 0, err
	}
	after, err := s.cpu()
	return (after - before) / time.Duration(n), err
}

// login shares n log-ins among a few pretend controllers.
func (s *server) login(config supplicant.Config, n int) error {
	const controllers = 4
	var (
		waiting sync.WaitGroup
		mu      sync.Mutex
		failed  error
	)
	for range controllers {
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
	conn, err := net.Dial("udp", s.address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	controller := supplicant.Controller{Conn: conn, Secret: benchSecret, NASIdentifier: "royal-wlc", SSID: "eduroam"}
	for range n {
		peer, err := supplicant.New(config)
		if err != nil {
			return err
		}
		result, err := controller.Login(context.Background(), peer)
		if err != nil {
			return err
		}
		if !result.Accepted() {
			return errors.New("a log-in of the benchmark was refused")
		}
	}
	return nil
}

// bare is the processor time of one handshake in a process that does nothing
// else than crypto/tls's server side, on the same pinned core.
func (s *server) bare(version uint16, mutual bool, device *tls.Certificate) (time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	socket := filepath.Join(s.folder, fmt.Sprintf("bare-%x-%v", version, mutual))
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	cmd := exec.Command("taskset", "-c", serverCore, self, "bare", socket, s.folder, strconv.Itoa(int(version)), strconv.FormatBool(mutual))
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() { _ = cmd.Wait() }()
	conn, err := listener.Accept()
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	config := &tls.Config{RootCAs: s.authority.Pool(), ServerName: benchServer, MinVersion: version, MaxVersion: version, CurvePreferences: curves}
	if mutual {
		config.Certificates = []tls.Certificate{*device}
	}
	if err := shakeAll(conn, config, 100); err != nil {
		return 0, err
	}
	before, err := cpuOf(cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	if err := shakeAll(conn, config, rounds); err != nil {
		return 0, err
	}
	after, err := cpuOf(cmd.Process.Pid)
	return (after - before) / rounds, err
}

var curves = []tls.CurveID{tls.X25519, tls.CurveP256}

// shakeAll shakes hands n times over one socket; an octet from the other side
// says that it is done with each.
func shakeAll(conn net.Conn, config *tls.Config, n int) error {
	var done [1]byte
	for range n {
		if err := tls.Client(conn, config).Handshake(); err != nil {
			return err
		}
		if _, err := conn.Read(done[:]); err != nil {
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
		Certificates: []tls.Certificate{certificate}, SessionTicketsDisabled: true,
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
	for tls.Server(conn, config).Handshake() == nil {
		if _, err := conn.Write([]byte{1}); err != nil {
			break
		}
	}
}
