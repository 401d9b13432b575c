package integration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/certs"
	"causeway/radiusd/supplicant"
)

// TestServe runs the command itself, as systemd does.
func TestServe(t *testing.T) {
	t.Parallel()
	program := radiusdProgram(t)
	for name, test := range map[string]func(*testing.T, string){
		"BadConfiguration": serveBadConfiguration, "Signals": serveSignals, "Drain": serveDrain, "Canaries": serveCanaries,
		"KilledInMidConversation": serveKilled, "Unknown": serveUnknown,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, program) })
	}
}

// A service is one radiusd serve, with what it told systemd.
type service struct {
	*stage
	process
	done   chan struct{} // closed when it has ended
	told   chan string   // by sd_notify
	config string
}

// serve starts radiusd with a file and waits for nothing.
func (s *stage) serve(program, config string) *service {
	s.Helper()
	return s.serveBy((*exec.Cmd).Start, program, config)
}

// serveBy has somebody else start it.
func (s *stage) serveBy(start func(*exec.Cmd) error, program, config string) *service {
	s.Helper()
	v := &service{stage: s, done: make(chan struct{}), told: make(chan string, 100), config: config}
	socket := filepath.Join(s.dir, fmt.Sprint("notify", macs.Add(1)))
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	s.must(err)
	go func() {
		b := make([]byte, 1024)
		for {
			n, err := conn.Read(b)
			if err != nil {
				close(v.told)
				return
			}
			v.told <- string(b[:n])
		}
	}()
	v.cmd = exec.Command(program, "serve", "-c", config)
	v.cmd.Stdout, v.cmd.Stderr = &v.process, &v.process
	v.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket)
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.must(start(v.cmd))
	go func() { _ = v.cmd.Wait(); _ = conn.Close(); close(v.done) }()
	s.Cleanup(func() {
		_ = v.cmd.Process.Kill()
		<-v.done
		if s.Failed() {
			s.Logf("radiusd said:\n%s", tail(v.output(), 6000))
		}
	})
	return v
}

// tells waits for the next message to systemd.
func (v *service) tells(what string) string {
	v.Helper()
	select {
	case got := <-v.told:
		if !strings.HasPrefix(got, what) {
			v.Fatalf("systemd hears %q, want %q", got, what)
		}
		return got
	case <-time.After(20 * time.Second):
		v.Fatalf("systemd does not hear %q", what)
	}
	return ""
}

// ends waits until the process has ended and returns its exit code.
func (v *service) ends(limit time.Duration) int {
	v.Helper()
	select {
	case <-v.done:
		return v.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		v.Fatalf("it runs on after %v", limit)
	}
	return 0
}

var listening = regexp.MustCompile(`auth (127\.0\.0\.1:\d+)`)

// up waits until it serves, and learns its address.
func (v *service) up(log func() string) *service {
	v.Helper()
	v.tells("READY=1")
	v.eventually("it says where it listens", func() bool { return listening.MatchString(log()) })
	v.know["auth"] = listening.FindStringSubmatch(log())[1]
	return v
}

// eventually waits for something that is bound to come.
func (s *stage) eventually(what string, true func() bool) {
	s.Helper()
	s.within(20*time.Second, what, true)
}

// within does so for something that takes its time.
func (s *stage) within(limit time.Duration, what string, true func() bool) {
	s.Helper()
	for began := time.Now(); !true(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > limit {
			s.Fatalf("not within %v: %s", limit, what)
		}
	}
}

func (v *service) signal(sig syscall.Signal) {
	v.Helper()
	v.must(v.cmd.Process.Signal(sig))
}

// houseFor writes the files of the house for a process of its own.
func houseFor(t *testing.T) *stage {
	s := open(t, "common")
	s.know["argon"] = argon()
	s.fill("users.toml")
	return s
}

// A bad configuration ends in exit code 78; nothing is started.
func serveBadConfiguration(t *testing.T, program string) {
	s := houseFor(t)
	good := string(s.filled("house.toml"))
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	s.must(err)
	defer func() { _ = taken.Close() }()
	for name, x := range map[string]struct {
		change, to string
		code       int
		says       []string
	}{
		"unknown key":          {"methods ", "metods ", 78, []string{"house.toml:7:1: ", "did you mean", "nothing was started"}},
		"no TOML":              {"[eap]", "[eap", 78, []string{"house.toml:6:", "nothing was started"}},
		"no key file":          {"file:chain.key", "file:absent.key", 78, []string{"house.toml:9:", "absent.key"}},
		"not the key":          {"file:chain.key", "file:nurse.key", 78, []string{"house.toml:"}},
		"no users file":        {`"users.toml"`, `"absent.toml"`, 78, []string{"house.toml:13:", "absent.toml"}},
		"unknown VLAN":         {`vlan  = "clinical"`, `vlan  = "clinic"`, 78, []string{"house.toml:", `did you mean`}},
		"an address in use":    {`auth = "127.0.0.1:0"`, fmt.Sprintf("auth = %q", taken.LocalAddr()), 1, []string{"address already in use"}},
		"two mistakes at once": {"methods ", "metods ", 78, []string{"house.toml:7:1: ", "house.toml:13:"}},
	} {
		text := strings.Replace(good, x.change, x.to, 1)
		if name == "two mistakes at once" {
			text = strings.Replace(text, `"users.toml"`, `"users.toml"`+"\npassword2 = 1", 1)
			x.says[1] = "password2"
		}
		if text == good {
			t.Fatalf("%s changes nothing", name)
		}
		path := filepath.Join(s.dir, "house.toml")
		s.write("house.toml", []byte(text))
		v := s.serve(program, path)
		if code := v.ends(20 * time.Second); code != x.code {
			t.Errorf("%s: exit code %d, want %d", name, code, x.code)
		}
		for _, want := range x.says {
			if !strings.Contains(v.output(), want) {
				t.Errorf("%s: nothing says %q in\n%s", name, want, v.output())
			}
		}
		for told := range v.told {
			t.Errorf("%s: systemd hears %q", name, told)
		}
		if strings.Contains(v.output(), sharedSecret) {
			t.Errorf("%s: the secret is printed:\n%s", name, v.output())
		}
	}
	v := s.serve(program, filepath.Join(s.dir, "nowhere.toml"))
	if code := v.ends(20 * time.Second); code != 78 || !strings.Contains(v.output(), "nowhere.toml") {
		t.Errorf("no file: %d\n%s", code, v.output())
	}
}

// serveSignals: SIGHUP reloads, also when it is refused, and systemd hears of it;
// SIGTERM ends it well.
func serveSignals(t *testing.T, program string) {
	s := houseFor(t)
	v := s.serve(program, s.fill("house.toml"))
	v.up(v.output)
	logIn := func(vlan string) {
		t.Helper()
		result, err := s.controller("127.0.0.1", newMAC()).Login(t.Context(), s.peer(s.devices()["peap-mschapv2"]))
		if !result.Accepted() || result.VLAN != vlan {
			t.Errorf("%v on VLAN %q, want %s: %v", result.Code, result.VLAN, vlan, err)
		}
	}
	s.know["byod"] = "141"
	logInBefore := func() { logIn("140") }
	logInBefore()

	s.fill("house.toml")
	v.signal(syscall.SIGHUP)
	if told := v.tells("RELOADING=1"); !regexp.MustCompile(`\nMONOTONIC_USEC=[1-9]\d+$`).MatchString(told) {
		t.Errorf("systemd hears %q", told)
	}
	v.tells("READY=1")
	logIn("141")

	s.write("house.toml", []byte("version = 1\n[sever]\n"))
	v.signal(syscall.SIGHUP)
	v.tells("RELOADING=1")
	v.tells("READY=1")
	s.eventually("the log says that the reload was refused", func() bool {
		return strings.Contains(v.output(), "reload refused") && strings.Contains(v.output(), "sever")
	})
	logIn("141")

	v.signal(syscall.SIGTERM)
	v.tells("STOPPING=1")
	if code := v.ends(10 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if told, more := <-v.told; more {
		t.Errorf("after the end systemd hears %q", told)
	}
}

// Holds F12, F2, R24 and P31: SIGTERM while log-ins wait for the directory loses none
// of them; before that, Status-Server is answered, and a retransmission in the
// meantime gets no reply of its own.
func serveDrain(t *testing.T, program string) {
	s := open(t, "common")
	s.know["methods"] = `"ttls", "pap"`
	s.startPeer(peer{Kind: "slapd", With: map[string]string{"people": "people.ldif"}})
	v := s.serve(program, s.fill("causeway.toml"))
	v.up(v.output)
	warm := s.dial("127.0.0.1", "auth")
	if reply := s.exchange(warm, accessRequest(0, nurse, newMAC()).password(goodPassword).encode()); reply.Code != radius.CodeAccessAccept {
		t.Fatalf("%v", reply.Code)
	}
	s.must(s.peers["slapd"].freeze())
	requests := make([][]byte, 8)
	conns := make([]net.Conn, len(requests))
	for i := range requests {
		requests[i] = accessRequest(byte(i), nurse, newMAC()).password(goodPassword).encode()
		conns[i] = s.dial("127.0.0.1", "auth")
		s.send(conns[i], requests[i])
		s.send(conns[i], requests[i])
		// Once Status-Server is answered after it, on the same socket, the request has
		// been taken in.
		question := (&ask{code: radius.CodeStatusServer, id: 200}).encode()
		s.send(conns[i], question)
		if reply := s.verified(question, s.receive(conns[i])); reply.Code != radius.CodeAccessAccept {
			t.Errorf("Status-Server while the directory is away: %v", reply.Code)
		}
	}
	v.signal(syscall.SIGTERM)
	v.tells("STOPPING=1")
	s.must(s.peers["slapd"].thaw())
	for i, conn := range conns {
		if reply := s.verified(requests[i], s.receive(conn)); reply.Code != radius.CodeAccessAccept {
			t.Errorf("log-in %d: %v", i, reply.Code)
		}
	}
	if code := v.ends(10 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, conn := range conns {
		s.quietOrRefused(conn)
	}
	if n := strings.Count(v.output(), "ACCEPT "); n != 1+len(requests) {
		t.Errorf("%d Accepts in the log, want %d", n, 1+len(requests))
	}
}

// quietOrRefused demands that nothing waits to be read, from a port that may be
// closed by now.
func (s *stage) quietOrRefused(conn net.Conn) {
	s.Helper()
	s.must(conn.SetReadDeadline(time.Now().Add(time.Millisecond)))
	b := make([]byte, 4096)
	if n, err := conn.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, syscall.ECONNREFUSED) {
		s.Errorf("%x came, %v; want silence", b[:n], err)
	}
}

// Holds S14, S17 and R40: no password, secret or key stands in the log or on standard error,
// whatever happens; each line of the log is JSON.
func serveCanaries(t *testing.T, program string) {
	const canary = "canary-" // in every secret, and in nothing else
	s := open(t, "common")
	s.know["methods"] = `"tls", "ttls", "peap", "pap"`
	s.know["password"] = canary + "people-1"
	hash := fmt.Sprintf("%x", ntHash(canary+"people-1"))
	s.know["log"] = "[log]\nfile = \"" + s.dir + "/radiusd.log\"\nformat = \"json\""
	people := strings.ReplaceAll(string(s.filled("people.ldif")), "7b1baa04616ac04e06777c63c4f8532d", hash)
	s.source = s.dir
	s.write("people.ldif", []byte(people))
	s.startPeer(peer{Kind: "slapd", With: map[string]string{"people": "people.ldif"}})
	s.source = "common"
	v := s.serve(program, s.fill("causeway.toml"))
	log := func() string {
		b, err := os.ReadFile(filepath.Join(s.dir, "radiusd.log"))
		if err != nil {
			return ""
		}
		return string(b)
	}
	v.up(log)
	devices := s.devices()
	devices["pap"] = supplicant.Config{Method: "pap", User: nurse, Identity: nurse}
	var count int
	for _, cfg := range devices {
		for _, password := range []certs.Secret{canary + "people-1", canary + "wrong-2"} {
			if cfg.Method != "tls" {
				cfg.Password = password
			}
			count++
			_, _ = s.controller("127.0.0.1", newMAC()).Login(t.Context(), s.peer(cfg))
			cfg.Abandon = 4
			if cfg.Method != "pap" {
				count++
				_, _ = s.controller("127.0.0.1", newMAC()).Login(t.Context(), s.peer(cfg))
				cfg.Abandon = 0
			}
		}
	}
	conn := s.dial("127.0.0.1", "auth")
	for i, p := range []*ask{
		accessRequest(1, nurse, newMAC()).password(canary + "nul\x00-3"),
		identity(2, nurse, newMAC()).password(canary + "mixed-4"),
		accessRequest(3, nurse, newMAC()).password(canary + "a").password(canary + "b"),
	} {
		if reply := s.exchange(conn, p.encode()); reply.Code != radius.CodeAccessReject {
			t.Errorf("%d: %v", i, reply.Code)
		}
	}
	// Names that would write lines of their own, or turn a terminal's (S14).
	hostile := []string{
		"a@b.uk\r\n{\"msg\":\"forged\"}", "\x1b[2J@" + realm, "\u202egnp.exe@" + realm, "<script>alert(1)</script>@" + realm,
		"\x00\xff\xfe@" + realm, "\u2028@" + realm, `"},{"x":"@` + realm,
	}
	for i, name := range hostile {
		p := accessRequest(byte(100+i), name, newMAC()).password("x")
		p.add(rfc2865.NASIdentifier_Type, []byte(name))
		if reply := s.exchange(conn, p.encode()); reply.Code != radius.CodeAccessReject {
			t.Errorf("%q: %v", name, reply.Code)
		}
	}
	// The directory goes away in the middle, and a reload meets a mistake.
	s.peers["slapd"].kill()
	cfg := devices["ttls-pap"]
	cfg.Password = canary + "people-1"
	_, _ = s.controller("127.0.0.1", newMAC()).Login(t.Context(), s.peer(cfg))
	s.write("causeway.toml", []byte(strings.Replace(string(s.filled("causeway.toml")), "secret       = ", "secrt        = ", 1)))
	v.signal(syscall.SIGHUP)
	v.tells("RELOADING=1")
	v.tells("READY=1")
	v.signal(syscall.SIGTERM)
	if code := v.ends(10 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}

	written := log() + v.output()
	key, err := os.ReadFile(filepath.Join(s.dir, "server.key"))
	s.must(err)
	for name, secret := range map[string]string{
		"a password": canary, "the RADIUS secret": sharedSecret, "the directory's password": "service-password",
		"an NT hash": hash, "a private key": strings.Split(string(key), "\n")[1],
	} {
		if i := strings.Index(strings.ToLower(written), strings.ToLower(secret)); i >= 0 {
			t.Errorf("%s is in the log: …%s…", name, written[max(0, i-200):min(len(written), i+100)])
		}
	}
	var ended int
	lines := bufio.NewScanner(strings.NewReader(log()))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line map[string]any
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Errorf("%v: %s", err, lines.Text())
		}
		if at, _ := line["time"].(string); !strings.HasSuffix(at, "Z") {
			t.Errorf("no time in UTC: %s", lines.Text())
		}
		if line["msg"] == "ended" {
			ended++
			for _, field := range []string{"outer", "mac", "client", "ssid", "site", "outcome"} {
				if line[field] == nil {
					t.Errorf("no %s: %s", field, lines.Text())
				}
			}
		}
	}
	if at := regexp.MustCompile(`[^\n\x20-\x7e]`).FindStringIndex(log()); at != nil {
		t.Errorf("a character that does not print: %q", log()[max(0, at[0]-100):at[1]])
	}
	if want := count + 4 + len(hostile); ended != want {
		t.Errorf("%d log-ins ended in the log, want %d", ended, want)
	}
}

// Holds F13 and F12: kill -9 under load loses what was in flight and nothing else;
// what comes back with a State of the dead server is refused at once.
func serveKilled(t *testing.T, program string) {
	s := houseFor(t)
	config := s.fill("house.toml")
	v := s.serve(program, config)
	v.up(v.output)
	s.know["listen"] = s.know["auth"]
	config = s.fill("house.toml")

	var wait sync.WaitGroup
	ready := make(chan struct{}, 100)
	again := make(chan struct{})
	results := make([]supplicant.Result, 6)
	for i := range results {
		c := s.controller("127.0.0.1", newMAC())
		// Each stops before its fourth message until the house is back.
		c.Conn = &hooked{Conn: c.Conn, n: 4, do: func() { ready <- struct{}{}; <-again }}
		p := s.peer(s.devices()[[]string{"tls", "peap-mschapv2", "ttls-pap"}[i%3]])
		wait.Go(func() { results[i], _ = c.Login(context.Background(), p) })
	}
	for range results {
		<-ready
	}
	v.signal(syscall.SIGKILL)
	<-v.done
	v = s.serve(program, config)
	v.up(v.output)
	close(again)
	wait.Wait()
	for i, r := range results {
		if r.Code != radius.CodeAccessReject || r.EAP != 4 || r.Retransmits != 0 {
			t.Errorf("log-in %d: %v with EAP code %d, %d retransmissions", i, r.Code, r.EAP, r.Retransmits)
		}
	}
	s.eventually("each is told as unknown in the log", func() bool {
		return strings.Count(v.output(), "conversation-unknown") == len(results)
	})
	if result, err := s.controller("127.0.0.1", newMAC()).Login(t.Context(), s.peer(s.devices()["tls"])); !result.Accepted() {
		t.Errorf("the next: %v, %v", result.Code, err)
	}
}

// serveUnknown: a running server lists who speaks to it and is not in its file, to
// whoever asks it, and says when there is nobody.
func serveUnknown(t *testing.T, program string) {
	s := houseFor(t)
	for _, format := range []string{"text", "json"} {
		log := filepath.Join(s.dir, format+".log")
		s.know["log"] = fmt.Sprintf("[log]\nfile = %q\nformat = %q\n", log, format)
		config := s.fill("house.toml")
		v := s.serve(program, config).up(func() string { text, _ := os.ReadFile(log); return string(text) })
		ask := func(args ...string) string {
			t.Helper()
			out, err := exec.Command(program, append([]string{"unknown", "--pid", fmt.Sprint(v.cmd.Process.Pid), "-c", config}, args...)...).CombinedOutput()
			if err != nil {
				t.Fatalf("radiusd unknown: %v\n%s", err, out)
			}
			return string(out)
		}
		if said := ask(); said != "Nobody who is not in the file speaks to the server.\n" {
			t.Errorf("nobody: %s", said)
		}
		for range 3 {
			c := s.controller("127.0.0.77", newMAC())
			c.Timeout, c.Retries = 10*time.Millisecond, -1
			if _, err := c.Login(t.Context(), s.peer(s.devices()["peap-mschapv2"])); err == nil {
				t.Error("a stranger is answered")
			}
		}
		s.eventually("three packets", func() bool { return regexp.MustCompile(`127\.0\.0\.77 +3 `).MatchString(ask()) })
		var document struct {
			Unknown []struct {
				Address string
				Packets int
			}
		}
		if err := json.Unmarshal([]byte(ask("--json")), &document); err != nil || len(document.Unknown) != 1 || document.Unknown[0].Packets != 3 {
			t.Errorf("%v: %+v", err, document)
		}
		// And from the log alone, as from journald.
		cmd := exec.Command(program, "unknown", "-")
		text, err := os.ReadFile(log)
		s.must(err)
		cmd.Stdin = bytes.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "127.0.0.77  3 ") {
			t.Errorf("%v\n%s", err, out)
		}
		v.signal(syscall.SIGTERM)
		if code := v.ends(10 * time.Second); code != 0 {
			t.Errorf("exit code %d", code)
		}
	}
}
