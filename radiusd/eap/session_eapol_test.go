package eap

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"causeway/certs"
)

// TestEapolTestResumes lets Debian's supplicant log in three times with one memory:
// the second and the third log-in resume, with keys on both sides that agree.
// wpa_supplicant resumes TLS 1.2 by tickets only where it is told to use them.
func TestEapolTestResumes(t *testing.T) {
	tool, err := exec.LookPath("eapol_test")
	if err != nil {
		t.Skip("eapol_test is not installed: run make deps")
	}
	dir, w := t.TempDir(), theWard()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := write("ca.pem", w.authority.PEM())
	pair := must(w.authority.Client(amy, certs.Options{}))
	noEMS := write("openssl.cnf", []byte("openssl_conf=conf\n[conf]\nssl_conf=ssl\n[ssl]\nsystem_default=all\n[all]\nOptions=-ExtendedMasterSecret\n"))
	methods := map[string]string{
		"tls":           fmt.Sprintf("eap=TLS\nclient_cert=%q\nprivate_key=%q\n", write("amy.crt", pair.CertPEM), write("amy.key", []byte(pair.KeyPEM.Reveal()))),
		"ttls-pap":      "eap=TTLS\nphase2=\"auth=PAP\"\n",
		"ttls-mschapv2": "eap=TTLS\nphase2=\"auth=MSCHAPV2\"\n",
		"peap":          "eap=PEAP\nphase2=\"auth=MSCHAPV2\"\n",
		"peap-bound":    "eap=PEAP\nphase2=\"auth=MSCHAPV2\"\n",
	}
	for method, config := range methods {
		for _, version := range []string{"1.2", "1.2-without-ems", "1.3"} {
			t.Run(method+"/"+version, func(t *testing.T) {
				t.Parallel()
				conn, err := net.ListenPacket("udp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()
				records := newPages()
				l := &loop{conn: conn, server: serve(t, func(c *Config) {
					c.Resumption = Resumption{Records: records, Lifetime: time.Hour}
				})}
				go l.run()
				phase1 := "tls_disable_session_ticket=0 tls_disable_tlsv1_3=1"
				if version == "1.3" {
					phase1 = "tls_disable_session_ticket=0 tls_disable_tlsv1_3=0"
				}
				if method == "peap-bound" {
					phase1 += " crypto_binding=2"
				}
				file := write(method+version, fmt.Appendf(nil,
					"network={\nkey_mgmt=WPA-EAP\nphase1=%q\n%sidentity=%q\nanonymous_identity=%q\npassword=\"correct horse\"\nca_cert=%q\n}\n",
					phase1, config, amy, nobody, ca))
				ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
				defer cancel()
				cmd := exec.CommandContext(ctx, tool, "-c", file, "-a", "127.0.0.1", "-r", "2",
					"-p", fmt.Sprint(conn.LocalAddr().(*net.UDPAddr).Port), "-s", loopSecret, "-t", "20")
				if version == "1.2-without-ems" {
					cmd.Env = append(os.Environ(), "OPENSSL_CONF="+noEMS)
				}
				out, err := cmd.CombinedOutput()
				l.mu.Lock()
				defer l.mu.Unlock()
				defer l.current.Close()
				if err != nil || !strings.Contains(string(out), "MPPE keys OK: 3  mismatch: 0") {
					t.Errorf("eapol_test says %v; we say %v; trace %+v", err, l.err, l.trace)
				}
				if got := fmt.Sprint(l.resumed); got != "[false true true]" {
					t.Errorf("resumed: %s", got)
				}
				if t.Failed() {
					lines := strings.Split(string(out), "\n")
					t.Log(strings.Join(lines[max(0, len(lines)-80):], "\n"))
				}
			})
		}
	}
}
