package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"

	"causeway/realms/directory"
)

// away is how long the far directory's line is, there and back.
const away = 5 * time.Millisecond

// A farDirectory speaks as much LDAP (RFC 4511) as a log-in asks for: it knows
// every user of the benchmark, finds one group for each, and takes every password.
// Each answer comes 5 ms after its question, as over a line of that length; how
// many are on the line together does not matter to it.
type farDirectory struct {
	listener net.Listener
	mu       sync.Mutex
	conns    []net.Conn
	lines    []*line // one of each
	stopped  bool
	binds    int
	searches int
}

func newFarDirectory() (*farDirectory, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &farDirectory{listener: listener}
	go f.deliver()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			l := &line{}
			f.conns, f.lines = append(f.conns, conn), append(f.lines, l)
			f.mu.Unlock()
			go f.serve(conn, l)
		}
	}()
	return f, nil
}

func (f *farDirectory) stop() {
	_ = f.listener.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	for _, c := range f.conns {
		_ = c.Close()
	}
}

// ownCPU is the processor time that this process has used.
func ownCPU() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// A line holds answers until their time. It looks every half a millisecond, so that
// answers that arrive together travel in one segment.
type line struct {
	mu      sync.Mutex
	waiting []late
}

type late struct {
	at     time.Time
	answer []byte
}

func (l *line) add(answer []byte) {
	l.mu.Lock()
	l.waiting = append(l.waiting, late{time.Now().Add(away), answer})
	l.mu.Unlock()
}

// due takes what has arrived.
func (l *line) due(now time.Time) (answers []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for n < len(l.waiting) && !l.waiting[n].at.After(now) {
		answers = append(answers, l.waiting[n].answer...)
		n++
	}
	l.waiting = append(l.waiting[:0], l.waiting[n:]...)
	return answers
}

// deliver is the one clock of all lines.
func (f *farDirectory) deliver() {
	for range time.Tick(500 * time.Microsecond) {
		f.mu.Lock()
		conns, lines, stopped := f.conns, f.lines, f.stopped
		f.mu.Unlock()
		if stopped {
			return
		}
		now := time.Now()
		for i, l := range lines {
			if answers := l.due(now); answers != nil {
				_, _ = conns[i].Write(answers)
			}
		}
	}
}

func (f *farDirectory) serve(conn net.Conn, l *line) {
	r := bufio.NewReaderSize(conn, 64<<10)
	for {
		message, err := element(r)
		if err != nil {
			return
		}
		if answer := f.answer(message); answer != nil {
			l.add(answer)
		}
	}
}

// element reads one BER element whole (X.690, section 8.1).
func element(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(2)
	if err != nil {
		return nil, err
	}
	header, length := 2, int(head[1])
	if head[1]&0x80 != 0 {
		n := int(head[1] & 0x7f)
		if head, err = r.Peek(2 + n); err != nil {
			return nil, err
		}
		header, length = 2+n, 0
		for _, octet := range head[2:] {
			length = length<<8 | int(octet)
		}
	}
	if length > 1<<20 {
		return nil, errors.New("a long message")
	}
	b := make([]byte, header+length)
	_, err = io.ReadFull(r, b)
	return b, err
}

// inside returns the contents of an element and what follows it.
func inside(b []byte) (contents, rest []byte) {
	header, length := 2, int(b[1])
	if b[1]&0x80 != 0 {
		header += int(b[1] & 0x7f)
		length = 0
		for _, octet := range b[2:header] {
			length = length<<8 | int(octet)
		}
	}
	return b[header : header+length], b[header+length:]
}

func ber(tag byte, parts ...[]byte) []byte {
	contents := bytes.Join(parts, nil)
	b := append([]byte{tag, 0x82}, binary.BigEndian.AppendUint16(nil, uint16(len(contents)))...)
	return append(b, contents...)
}

func text(s string) []byte { return ber(0x04, []byte(s)) }

// The operations of LDAP that are heard and said here.
const (
	bindRequest, bindResponse, searchRequest, searchEntry, searchDone = 0x60, 0x61, 0x63, 0x64, 0x65
)

func (f *farDirectory) answer(message []byte) []byte {
	contents, _ := inside(message)
	number, operation := contents[:2+int(contents[1])], contents[2+int(contents[1]):]
	say := func(parts ...[]byte) []byte { return ber(0x30, append([][]byte{number}, parts...)...) }
	good := [][]byte{{0x0a, 1, 0}, text(""), text("")}
	switch operation[0] {
	case bindRequest:
		f.mu.Lock()
		f.binds++
		f.mu.Unlock()
		return say(ber(bindResponse, good...))
	case searchRequest:
		f.mu.Lock()
		f.searches++
		f.mu.Unlock()
		done := say(ber(searchDone, good...))
		if bytes.Contains(operation, []byte("1.2.840.113556.1.4.1941")) {
			return append(say(entry("cn=Wifi-Clinical,dc=bench", "sAMAccountName", "Wifi-Clinical")), done...)
		}
		if name := string(benchUserIn.Find(operation)); name != "" {
			return append(say(entry("cn="+name+",dc=bench", "sAMAccountName", name, "userAccountControl", "512",
				"sambaNTPassword", benchHash)), done...)
		}
		return done
	}
	return nil
}

var benchUserIn = regexp.MustCompile(`user\d{5}`)

var benchHash = fmt.Sprintf("%X", directory.NTHash(benchPassword))

func entry(dn string, pairs ...string) []byte {
	var attributes [][]byte
	for i := 0; i < len(pairs); i += 2 {
		attributes = append(attributes, ber(0x30, text(pairs[i]), ber(0x31, text(pairs[i+1]))))
	}
	return ber(searchEntry, text(dn), ber(0x30, attributes...))
}

// farDirectoryRates are log-ins a second against a directory that is 5 ms away, with
// the server, the load and the directory on the machine's two cores.
func farDirectoryRates() ([]row, error) {
	far, err := newFarDirectory()
	if err != nil {
		return nil, err
	}
	defer far.stop()
	s, err := startWith(options{bothCores: true, directory: fmt.Sprintf(farConfig, far.listener.Addr())})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	user := func(n uint64) string { return benchUser(int(n % 20_000)) }
	// Opens the connections, and has everybody's name be known: the first log-in of the
	// day asks once more whose it is.
	if _, err := flood(s.address, 4, 100, user, 4*time.Second); err != nil {
		return nil, err
	}
	before, asked := far.binds, far.searches
	used, err := s.cpu()
	if err != nil {
		return nil, err
	}
	ours := ownCPU()
	t, err := flood(s.address, 4, 100, user, 5*time.Second)
	if err != nil {
		return nil, err
	}
	ours = (ownCPU() - ours) / time.Duration(max(t.accepted, 1))
	after, err := s.cpu()
	if err != nil {
		return nil, err
	}
	each := (after - used) / time.Duration(t.accepted)
	if t.refused > 0 || t.lost > 0 {
		return nil, fmt.Errorf("%d refused, %d lost of a load that had to be accepted", t.refused, t.lost)
	}
	threads, err := s.threads()
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("PAP with a bind each, directory 5 ms away (400 in flight, %d binds, %d searches, %d threads)", far.binds-before, far.searches-asked, threads)
	rows := []row{
		atLeast(what, t.rate(), 10_000, "/s"),
		told("the server's CPU for one of them: three questions to the directory", each.Round(time.Microsecond).String()),
		told("the load's and the directory's own, on the same two cores", ours.Round(time.Microsecond).String()),
	}

	const logins = 8000
	m := &measured{method: "peap-mschapv2", config: s.person(1, "peap-mschapv2")}
	begin := time.Now()
	if err := s.loginBy(m, logins, 64); err != nil {
		return nil, err
	}
	rate := logins / time.Since(begin).Seconds()
	return append(rows, atLeast("PEAP-MSCHAPv2, directory 5 ms away (64 in flight)", rate, 1500, "/s")), nil
}

// threads is how many threads of the system the server has.
func (s *server) threads() (int, error) {
	list, err := os.ReadDir(filepath.Join("/proc", fmt.Sprint(s.cmd.Process.Pid), "task"))
	return len(list), err
}

const farConfig = `
kind   = "ldap"
schema = "ad"
servers = ["ldap://%s"]
plain  = true
base   = "dc=bench"
nt_hash_attribute = "sambaNTPassword"
`
