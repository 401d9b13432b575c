package eap

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/vendors/microsoft"

	"causeway/certs"
	"causeway/realms"
)

// A loop is the smallest RADIUS server that eapol_test talks to.
type loop struct {
	conn    net.PacketConn
	server  *Server
	mu      sync.Mutex
	current realms.Conversation
	err     error
	trace   realms.Trace
	resumed []bool // each log-in that was accepted
	longest int    // EAP packet sent
	ems     bool   // the ClientHello offered Extended Master Secret
}

const loopSecret = "a secret of some length"

func (l *loop) run() {
	b := make([]byte, 4096)
	for {
		n, from, err := l.conn.ReadFrom(b)
		if err != nil {
			return
		}
		req, err := radius.Parse(b[:n], []byte(loopSecret))
		if err != nil {
			continue
		}
		if reply := l.answer(req); reply != nil {
			_, _ = l.conn.WriteTo(reply, from)
		}
	}
}

func (l *loop) answer(req *radius.Packet) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := rfc2865.State_Lookup(req); err != nil {
		if l.current != nil {
			l.current.Close()
		}
		id, err := realms.ParseIdentity(rfc2865.UserName_GetString(req))
		if err != nil {
			return nil
		}
		l.current = l.server.Open(realms.Question{From: id, Packet: req})
	}
	if creds, err := findCredentials(req); err == nil {
		l.ems = l.ems || bytes.Contains(creds.message, []byte{0, 23, 0, 0})
	}
	answer, err := l.current.Answer(context.Background(), req)
	l.err, l.trace = err, l.current.Trace()
	if errors.Is(err, realms.ErrDiscard) {
		return nil
	}
	if answer.Code == radius.CodeAccessAccept {
		l.resumed = append(l.resumed, l.trace.Resumed)
		l.current.(realms.Rememberer).Remember(context.Background())
	}
	reply := req.Response(answer.Code)
	l.longest = max(l.longest, len(answer.EAP))
	for eap := answer.EAP; len(eap) > 0; eap = eap[min(253, len(eap)):] {
		reply.Add(attrEAPMessage, radius.Attribute(eap[:min(253, len(eap))]))
	}
	if answer.Code == radius.CodeAccessChallenge {
		_ = rfc2865.State_SetString(reply, "one")
	}
	if len(answer.Keys.Recv) > 0 {
		_ = microsoft.MSMPPERecvKey_Add(reply, answer.Keys.Recv)
		_ = microsoft.MSMPPESendKey_Add(reply, answer.Keys.Send)
	}
	reply.Add(80, make([]byte, 16))
	wire, err := reply.MarshalBinary()
	if err != nil {
		panic(err)
	}
	copy(wire[4:], req.Authenticator[:])
	mac := hmac.New(md5.New, []byte(loopSecret))
	mac.Write(wire)
	copy(wire[len(wire)-16:], mac.Sum(nil))
	sum := md5.Sum(append(append([]byte(nil), wire...), loopSecret...))
	copy(wire[4:], sum[:])
	return wire
}

// TestEapolTest lets Debian's supplicant judge every method. Holds P25, P27, P43, P45, S18.
func TestEapolTest(t *testing.T) {
	tool, err := exec.LookPath("eapol_test")
	if err != nil {
		t.Skip("eapol_test is not installed: run make deps")
	}
	dir := t.TempDir()
	w := theWard()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca, other := write("ca.pem", w.authority.PEM()), write("other.pem", w.strangers.PEM())
	pair := func(name string) string {
		p := must(w.authority.Client(name, certs.Options{}))
		return fmt.Sprintf("client_cert=%q\nprivate_key=%q\n", write(name+".crt", p.CertPEM), write(name+".key", []byte(p.KeyPEM.Reveal())))
	}
	amy, zoe := pair("amy@"+testRealm), pair("zoe@"+testRealm)

	// As older telephones and printers do (RFC 7627 unknown).
	noEMS := write("openssl.cnf", []byte("openssl_conf=conf\n[conf]\nssl_conf=ssl\n[ssl]\nsystem_default=all\n[all]\nOptions=-ExtendedMasterSecret\n"))

	methods := map[string]string{
		"tls":           "eap=TLS\n" + amy,
		"ttls-pap":      "eap=TTLS\nphase2=\"auth=PAP\"\n",
		"ttls-mschapv2": "eap=TTLS\nphase2=\"auth=MSCHAPV2\"\n",
		"peap":          "eap=PEAP\nphase2=\"auth=MSCHAPV2\"\n",
	}
	type try struct {
		name, config string
		want         realms.Reason // "": accepted
	}
	var tries []try
	for _, version := range []string{"1.2", "1.3"} {
		phase1 := "phase1=\"tls_disable_tlsv1_3=1\"\n"
		if version == "1.3" {
			phase1 = "phase1=\"tls_disable_tlsv1_3=0\"\n"
		}
		for method, config := range methods {
			base := phase1 + config
			name := method + "/" + version
			user := fmt.Sprintf("identity=%q\nanonymous_identity=%q\n", "amy@"+testRealm, "@"+testRealm)
			good := base + user + "password=\"correct horse\"\n" + fmt.Sprintf("ca_cert=%q\n", ca)
			tries = append(tries, try{name + "/good", good, ""})
			for _, size := range []int{100, 500, 1398} {
				tries = append(tries, try{fmt.Sprintf("%s/fragments-%d", name, size), good + fmt.Sprintf("fragment_size=%d\n", size), ""})
			}
			if version == "1.2" {
				tries = append(tries, try{name + "/without-ems", good, ""})
			}
			if method == "peap" { // the supplicant insists on a crypto-binding
				tries = append(tries, try{name + "/bound", strings.Replace(good, "phase1=\"", "phase1=\"crypto_binding=2 ", 1), ""})
			}
			tries = append(tries, try{name + "/wrong-ca", strings.ReplaceAll(good, ca, other), realms.ErrServerDistrusted})
			if method == "tls" {
				tries = append(tries, try{name + "/unknown-user", strings.ReplaceAll(strings.ReplaceAll(good, amy, zoe), "amy@", "zoe@"), realms.ErrUnknownUser})
				continue
			}
			tries = append(tries,
				try{name + "/bad-password", strings.ReplaceAll(good, "correct horse", "wrong"), realms.ErrBadPassword},
				try{name + "/unknown-user", strings.ReplaceAll(good, "amy@", "zoe@"), realms.ErrUnknownUser},
				try{name + "/inner-realm", strings.ReplaceAll(good, "amy@"+testRealm, "amy@elsewhere.ac.uk"), realms.ErrInnerRealm})
		}
	}
	for _, x := range tries {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			l := &loop{conn: conn, server: serve(t, nil)}
			if strings.Contains(x.name, "fragments-100") {
				l.server = serve(t, func(c *Config) { c.FragmentSize = 100 })
			}
			go l.run()
			file := filepath.Join(t.TempDir(), "conf")
			if err := os.WriteFile(file, []byte("network={\nkey_mgmt=WPA-EAP\n"+x.config+"}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			port := conn.LocalAddr().(*net.UDPAddr).Port
			cmd := exec.CommandContext(ctx, tool, "-c", file, "-a", "127.0.0.1", "-p", fmt.Sprint(port), "-s", loopSecret, "-t", "20")
			without := strings.HasSuffix(x.name, "without-ems")
			if without {
				cmd.Env = append(os.Environ(), "OPENSSL_CONF="+noEMS)
			}
			out, err := cmd.CombinedOutput()
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.ems == without {
				t.Errorf("Extended Master Secret offered: %v", l.ems)
			}
			defer l.current.Close()
			ok := x.want == ""
			if (err == nil) != ok || reasonOf(l.err) != x.want {
				t.Errorf("eapol_test says %v; we say %v; trace %+v", err, l.err, l.trace)
			}
			if ok && !strings.Contains(string(out), "MPPE keys OK: 1  mismatch: 0") {
				t.Error("the keys differ")
			}
			if !ok && !strings.Contains(string(out), "EAP: Received EAP-Failure") {
				t.Error("no EAP-Failure")
			}
			if version := strings.Split(x.name, "/")[1]; l.trace.TLS != version && x.want != realms.ErrServerDistrusted {
				t.Errorf("TLS %q, want %s", l.trace.TLS, version)
			}
			if t.Failed() {
				lines := strings.Split(string(out), "\n")
				t.Log(strings.Join(lines[max(0, len(lines)-80):], "\n"))
			}
		})
	}
}
