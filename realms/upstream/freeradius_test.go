package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"layeh.com/radius"

	"causeway/realms"
)

// One setting a line: FreeRADIUS reads no two.
const freeradiusConfig = `
logdir = %[1]s
raddbdir = %[1]s
libdir = /usr/lib/freeradius
pidfile = %[1]s/pid
security {
	status_server = yes
}
client us {
	ipaddr = 127.0.0.1
	secret = "%[3]s"
	require_message_authenticator = yes
}
modules {
	pap {
	}
	chap {
	}
	files {
		filename = %[1]s/users
	}
}
server home {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = %[2]d
	}
	authorize {
		files
		chap
		pap
		Autz-Type Status-Server {
			%[4]s
		}
	}
	authenticate {
		Auth-Type PAP {
			pap
		}
		Auth-Type CHAP {
			chap
		}
	}
	post-auth {
		%[4]s
		Post-Auth-Type REJECT {
			%[4]s
		}
	}
}
`

const freeradiusUsers = `
ana@camford.ac.uk Cleartext-Password := "correct horse battery staple"
	User-Name = "ana.maria@camford.ac.uk",
	Chargeable-User-Identity = "opaque-7",
	Class = "students",
	Session-Timeout = 604800,
	Tunnel-Type = VLAN, Tunnel-Medium-Type = IEEE-802, Tunnel-Private-Group-Id = "110",
	Filter-Id = "clinical",
	MS-MPPE-Recv-Key = 0x7272727272727272727272727272727272727272727272727272727272727272,
	MS-MPPE-Send-Key = 0x7373737373737373737373737373737373737373737373737373737373737373
`

// startFreeRADIUS starts a home server of its own on a free port and ends it with
// the test. signs says whether its replies carry a Message-Authenticator.
func startFreeRADIUS(t *testing.T, signs bool) string {
	t.Helper()
	path, err := exec.LookPath("freeradius")
	if err != nil {
		t.Skip("freeradius is not installed: run make deps")
	}
	dir := t.TempDir()
	port := freePort(t)
	sign := ""
	if signs {
		sign = "update reply {\nMessage-Authenticator := 0x00\n}"
	}
	write(t, filepath.Join(dir, "radiusd.conf"), fmt.Sprintf(freeradiusConfig, dir, port, upstreamSecret, sign))
	write(t, filepath.Join(dir, "users"), freeradiusUsers)
	write(t, filepath.Join(dir, "dictionary"), "")
	var out bytes.Buffer
	cmd := exec.Command(path, "-f", "-l", "stdout", "-d", dir, "-n", "radiusd")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("freeradius said:\n%s", out.Bytes())
		}
	})
	return fmt.Sprintf("127.0.0.1:%d", port)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// A real home server: PAP, CHAP, a wrong password, Proxy-States, keys and
// Status-Server. Holds R12, P2 and R23's Status-Server against FreeRADIUS.
func TestFreeRADIUSAsTheHome(t *testing.T) {
	address := startFreeRADIUS(t, true)
	p := open(t, Config{Servers: at(address), OperatorName: "northbridge.nhs.uk", Retransmit: 100 * time.Millisecond})
	request := func(password string) *radius.Packet {
		r := papRequest(t, "ana@camford.ac.uk", password)
		r.Add(33, []byte("a balancer's"))
		r.Add(31, []byte("0010a42319c0"))
		return r
	}
	a, err := ask(p, request("correct horse battery staple"))
	if err != nil || a.Code != radius.CodeAccessAccept {
		t.Fatalf("%+v, %v", a, err)
	}
	if a.UserName != "ana.maria@camford.ac.uk" || string(a.CUI) != "opaque-7" || a.SessionTimeout != DefaultSessionTimeout ||
		len(a.Class) != 1 || string(a.Class[0]) != "students" {
		t.Errorf("%+v", a)
	}
	if !bytes.Equal(a.Keys.Recv, recvKey) || !bytes.Equal(a.Keys.Send, sendKey) {
		t.Errorf("keys %q %q", a.Keys.Recv, a.Keys.Send)
	}
	a, err = ask(p, request("wrong horse"))
	if !errors.Is(err, realms.ErrUpstreamRejected) || a.Code != radius.CodeAccessReject {
		t.Errorf("%+v, %v", a, err)
	}
	awaitStatusServer(t, p)
}

// awaitStatusServer waits until the server has answered a Status-Server: the
// pool sends one as soon as it has a socket.
func awaitStatusServer(t *testing.T, p *Pool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !p.Status()[0].StatusServer {
		select {
		case <-ctx.Done():
			t.Fatalf("no answer to a Status-Server: %+v", p.Status()[0])
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// The same home without Message-Authenticator in its replies, as before
// CVE-2024-3596: not one reply counts (S1), unless the server has the exception.
func TestS1FreeRADIUSThatDoesNotSign(t *testing.T) {
	servers := at(startFreeRADIUS(t, false))
	good := papRequest(t, "ana@camford.ac.uk", "correct horse battery staple")
	servers[0].WithoutMessageAuthenticator = true
	lenient := open(t, Config{Servers: servers, Retransmit: 100 * time.Millisecond})
	if a, err := ask(lenient, good); err != nil || a.Code != radius.CodeAccessAccept {
		t.Fatalf("with the exception: %+v, %v", a, err)
	}
	awaitStatusServer(t, lenient)
	servers[0].WithoutMessageAuthenticator = false
	strict := open(t, Config{Servers: servers, Retransmit: 100 * time.Millisecond, Patience: time.Second})
	if _, err := ask(strict, good); !errors.Is(err, realms.ErrUpstreamDown) {
		t.Errorf("without it: %v", err)
	}
	if s := strict.Status()[0]; s.Answered != 0 || s.Late != 0 || s.Dropped.Unsigned == 0 {
		t.Errorf("%+v", s)
	}
}
