package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var builtFolder string // TestMain removes it; empty: nothing was built

// builtRadiusd builds our own command, once for all tests.
var builtRadiusd = sync.OnceValues(func() (program string, err error) {
	if builtFolder, err = os.MkdirTemp("", "causeway-radiusd-"); err != nil {
		return "", err
	}
	program = filepath.Join(builtFolder, "radiusd")
	if out, err := exec.Command("go", "build", "-o", program, "causeway/radiusd").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, nil
})

// radiusdProgram is where our own command is.
func radiusdProgram(t testing.TB) string {
	t.Helper()
	program, err := builtRadiusd()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// findProgram finds a program also where only root's path leads.
func findProgram(name string) (string, error) {
	if tool, is := strings.CutSuffix(name, " with TEAP"); is { // Debian's has none: make deps builds it
		if path, err := filepath.Abs("../.tools/wpa-teap/" + tool); err == nil {
			if _, err = os.Stat(path); err == nil {
				return path, nil
			}
		}
		return "", fmt.Errorf("%s is not built", name)
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed", name)
}

// A process is one peer. It is ended by its id, and by nothing else.
type process struct {
	program string
	args    []string
	env     []string
	flags   uintptr      // of clone: what the program has to itself
	ready   func() error // nil when it takes requests
	also    io.Writer    // hears what the program prints, too; nil: nobody
	instead actor        // what the peer is, where it is not one program; nil: it is

	mu  sync.Mutex
	log bytes.Buffer
	cmd *exec.Cmd
}

// An actor is a peer that is more than one program, or none.
type actor struct {
	start        func() error
	freeze, thaw func() error
	kill         func()
	output       func() string
}

// Write keeps what the program prints.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.also != nil {
		_, _ = p.also.Write(b)
	}
	return p.log.Write(b)
}

func (p *process) output() string {
	if p.instead.output != nil {
		return p.instead.output()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// start runs the program and waits until it is ready.
func (p *process) start() error {
	if p.instead.start != nil {
		return p.instead.start()
	}
	path, err := findProgram(p.program)
	if err != nil {
		return err
	}
	p.cmd = exec.Command(path, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.Env = append(os.Environ(), p.env...)
	// It must not outlive a test that was killed.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: p.flags}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func(cmd *exec.Cmd) { _ = cmd.Wait(); close(exited) }(p.cmd)
	limit := time.After(20 * time.Second)
	for {
		if err = p.ready(); err == nil {
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("%s ended by itself: %s", p.program, p.output())
		case <-limit:
			return fmt.Errorf("%s is not ready: %w: %s", p.program, err, p.output())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *process) freeze() error {
	if p.instead.freeze != nil {
		return p.instead.freeze()
	}
	return p.cmd.Process.Signal(syscall.SIGSTOP)
}

func (p *process) thaw() error {
	if p.instead.thaw != nil {
		return p.instead.thaw()
	}
	return p.cmd.Process.Signal(syscall.SIGCONT)
}

// kill ends the program for good, frozen or not, and waits for it.
func (p *process) kill() {
	if p.instead.kill != nil {
		p.instead.kill()
		return
	}
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	for p.cmd.Process.Signal(syscall.Signal(0)) == nil {
		time.Sleep(5 * time.Millisecond)
	}
}

// A starter makes the process of one kind of peer from the story's words.
type starter func(s *stage, p peer) *process

// startPeers starts those that come before the house, or after it.
func (s *stage) startPeers(after bool) {
	for _, p := range s.story.Peers {
		if p.After == after {
			s.startPeer(p)
		}
	}
}

// startPeer starts a peer, which ends with the story.
func (s *stage) startPeer(p peer) {
	make, known := starters[p.Kind]
	if !known {
		s.Fatalf("there is no kind of peer %q", p.Kind)
	}
	if p.Name == "" {
		p.Name = p.Kind
	}
	process := make(s, p)
	s.peers[p.Name] = process
	s.Cleanup(func() {
		process.kill()
		if s.Failed() {
			s.Logf("%s said:\n%s", p.Name, tail(process.output(), 6000))
		}
	})
	s.must(process.start())
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

func (s *stage) context() (context.Context, context.CancelFunc) {
	return context.WithCancel(context.Background())
}

// quiet is where the next port is looked for: below those that the kernel gives
// to clients, so that none of the many sockets of other stories takes it while
// its server starts.
var quiet atomic.Uint32

var seedQuiet = sync.OnceFunc(func() { quiet.Store(20000 + rand.Uint32N(8000)) }) //nolint:gosec // no secret

// freeTCP and freeUDP pick a loopback port for a server that must be told one.
func (s *stage) freeTCP() int {
	return s.free(func(address string) (io.Closer, error) { return net.Listen("tcp", address) })
}

func (s *stage) freeUDP() int {
	return s.free(func(address string) (io.Closer, error) { return net.ListenPacket("udp", address) })
}

func (s *stage) free(listen func(address string) (io.Closer, error)) int {
	seedQuiet()
	for range 1000 {
		port := int(quiet.Add(1))
		if l, err := listen(fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			s.must(l.Close())
			return port
		}
	}
	s.Fatal("no port is free")
	return 0
}

// answersTCP is ready when a port takes connections.
func answersTCP(port int) func() error {
	return func() error {
		c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
		if err != nil {
			return err
		}
		return c.Close()
	}
}

// says is ready when the program has printed a text.
func (p *process) says(text string) func() error {
	return func() error {
		if !bytes.Contains([]byte(p.output()), []byte(text)) {
			return errors.New("it has not said " + text)
		}
		return nil
	}
}
