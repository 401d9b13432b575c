package discovery

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const unboundConfig = `
server:
	interface: 127.0.0.1@%[2]d
	directory: "%[1]s"
	pidfile: ""
	chroot: ""
	username: ""
	use-syslog: no
	do-daemonize: no
	num-threads: 1
	module-config: "iterator"
	max-udp-size: 512
	local-zone: "." refuse
	local-zone: "ac.uk." static
	local-data: 'ac.uk. 900 IN SOA ns.ac.uk. hostmaster.ac.uk. 1 3600 900 86400 450'
	local-zone: "roam.example.net." static
	local-zone: "cdn.example.net." static
`

// startUnbound starts a resolver that knows the records alone and asks nobody, and ends
// it with the test.
func startUnbound(t *testing.T, records ...string) string {
	t.Helper()
	path, err := exec.LookPath("unbound")
	if err != nil {
		t.Skip("unbound is not installed: run make deps")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf(unboundConfig, dir, port)
	for _, r := range records {
		config += "\tlocal-data: '" + r + "'\n"
	}
	file := filepath.Join(dir, "unbound.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(path, "-d", "-c", file)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("unbound said:\n%s", out.Bytes())
		}
	})
	address := fmt.Sprintf("127.0.0.1:%d", port)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return address
		}
		if time.Now().After(end) {
			t.Fatalf("unbound does not listen: %v", err)
		}
	}
}

// Holds R33 against a real resolver: a realm found, one that is not there for as long as
// its SOA record says, aliases that the resolver does not follow, an answer that needs
// TCP, and a refusal of the resolver's own.
func TestR33Unbound(t *testing.T) {
	var records []string
	for _, r := range camford {
		records = append(records, strings.NewReplacer("roam1.", "one.roam.", "roam2.", "two.roam.").Replace(r))
	}
	records = append(records,
		`alias.ac.uk. 600 IN NAPTR 1 1 "a" "aaa+auth:radius.tls.tcp" "" radius.alias.ac.uk.`,
		`radius.alias.ac.uk. 300 IN CNAME edge.cdn.example.net.`,
		`edge.cdn.example.net. 200 IN A 203.0.113.5`,
		`loop.ac.uk. 600 IN NAPTR 1 1 "a" "aaa+auth:radius.tls.tcp" "" radius.loop.ac.uk.`,
		`radius.loop.ac.uk. 300 IN CNAME a.cdn.example.net.`,
		`a.cdn.example.net. 300 IN CNAME radius.loop.ac.uk.`,
		`large.ac.uk. 600 IN NAPTR 1 1 "a" "x-eduroam:radius.tls" "" edge.cdn.example.net.`,
		`inside.ac.uk. 600 IN NAPTR 1 1 "a" "x-eduroam:radius.tls" "" radius.inside.ac.uk.`,
		`radius.inside.ac.uk. 600 IN A 10.1.2.3`,
		`beyond.ac.uk. 600 IN NAPTR 1 1 "a" "x-eduroam:radius.tls" "" radius.beyond.example.org.`,
	)
	for i := range 20 {
		records = append(records, fmt.Sprintf(`large.ac.uk. 600 IN NAPTR 9 %d "s" "SIPS+D2T" "" _sips._tcp.large.ac.uk.`, i))
	}
	address := startUnbound(t, records...)
	clock := &clock{at: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	r, err := New(Config{Realms: []string{"*.ac.uk"}, Resolvers: []string{address}, Allow: documentation, Now: clock.now, Timeout: 10 * time.Second, Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, tt := range []struct {
		realm, want string
		holds       time.Duration
		reason      error
	}{
		{"camford.ac.uk", "one.roam.example.net 198.51.100.11:2083, one.roam.example.net [2001:db8::11]:2083, two.roam.example.net 198.51.100.12:12083", 900 * time.Second, nil},
		{"alias.ac.uk", "radius.alias.ac.uk 203.0.113.5:2083", 200 * time.Second, nil},
		{"large.ac.uk", "edge.cdn.example.net 203.0.113.5:2083", 200 * time.Second, nil},
		{"loop.ac.uk", "", 10 * time.Minute, ErrLoop},
		{"inside.ac.uk", "", 10 * time.Minute, ErrAddress},
		{"beyond.ac.uk", "", time.Minute, ErrSilent},
		{"nobody.ac.uk", "", 450 * time.Second, ErrNone},
	} {
		a, err := find(r, tt.realm)
		if places(a) != tt.want || !errors.Is(err, tt.reason) {
			t.Errorf("%s: %s, %v, %v", tt.realm, places(a), a.Refused, err)
		}
		r.mu.Lock()
		if holds := r.entries[tt.realm].until.Sub(clock.now()); holds != tt.holds {
			t.Errorf("%s: it holds for %s", tt.realm, holds)
		}
		r.mu.Unlock()
	}
	if c := r.Counts(); c.Truncated != 1 || c.Strays != 0 || c.Faults != 0 {
		t.Errorf("%+v", c)
	}
}
