package supplicant

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"layeh.com/radius"

	"causeway/radiusd/eap/packet"
)

// A second judge, for what FreeRADIUS does not do: the crypto-binding of PEAP, and
// fragments of what is said inside it.

const hostapdConfig = `
interface=lo
driver=none
eap_server=1
eap_user_file=%[1]s/users
ca_cert=%[1]s/ca.pem
server_cert=%[1]s/server.pem
private_key=%[1]s/server.key
fragment_size=%[3]d
tls_flags=[ENABLE-TLSv1.3]
radius_server_clients=%[1]s/clients
radius_server_auth_port=%[2]d
%[4]s
`

// A hostapd is what a test may choose of that server.
type hostapd struct {
	binary   string // empty: Debian's
	fragment int
	users    string
	more     string // lines of its configuration
	openssl  string // settings of its TLS; empty: the usual
}

func (h hostapd) start(t *testing.T) string {
	t.Helper()
	binary, err := exec.LookPath(orElse(h.binary, "hostapd"))
	if err != nil {
		t.Skipf("%v: run make deps", err)
	}
	dir, w, port := t.TempDir(), world(t), freePort(t)
	for name, content := range map[string]string{
		"hostapd.conf": fmt.Sprintf(hostapdConfig, dir, port, h.fragment, h.more), "users": h.users,
		"clients":    "127.0.0.1 " + testSecret + "\n",
		"server.key": w.server.KeyPEM.Reveal(), "server.pem": string(w.server.CertPEM), "ca.pem": string(w.rootPEM),
		"openssl.cnf": h.openssl,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := exec.Command(binary, "-d", "-K", filepath.Join(dir, "hostapd.conf"))
	if h.openssl != "" {
		server.Env = append(os.Environ(), "OPENSSL_CONF="+filepath.Join(dir, "openssl.cnf"))
	}
	runUntilEnd(t, server, "AP-ENABLED")
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// Holds P40 and P41 on the side of the device, down to the smallest fragments.
func TestHostapd(t *testing.T) {
	for _, fragment := range []int{100, 1398} {
		address := hostapd{fragment: fragment, users: fmt.Sprintf(
			"* TTLS,PEAP,TLS\n%q MSCHAPV2,GTC,TLS,TTLS-PAP,TTLS-CHAP,TTLS-MSCHAP,TTLS-MSCHAPV2 %q [2]\n", testUser, testPassword)}.start(t)
		for name, version := range versions {
			for _, method := range otherMethods() {
				if strings.HasPrefix(method, "peap-") && version == tls.VersionTLS13 {
					// hostapd 2.10 draws 64 octets from the exporter for its binding and
					// 128 for the MSK. RFC 9427, section 2.4 has one key for both, as
					// wpa_supplicant does; the binding would be false.
					continue
				}
				if method == "ttls-eap-tls" && version == tls.VersionTLS13 {
					// Inside it ends without the octet of RFC 9190, section 2.1.1, and our
					// device does not know that its certificate was taken.
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%d", method, name, fragment), func(t *testing.T) {
					cfg := world(t).config(method, version)
					cfg.FragmentSize = fragment
					cfg.RequireBinding = true
					p, r, err := logIn(t, address, cfg)
					if err != nil || r.Code != radius.CodeAccessAccept || r.EAP != packet.Success || !r.KeysMatch {
						t.Fatalf("%v, stage %s, TLS %x, %+v", err, p.Stage(), p.TLS().Version, r)
					}
					if cfg.Certificate != nil {
						return
					}
					cfg.Password = "wrong"
					p, r, err = logIn(t, address, cfg)
					if err != nil || r.Code != radius.CodeAccessReject || r.EAP != packet.Failure {
						t.Fatalf("%v, stage %s, %+v", err, p.Stage(), r)
					}
				})
			}
		}
	}
}

// A server without a crypto-binding is refused by a device that insists on one.
func TestFreeRADIUSWithoutBinding(t *testing.T) {
	address := freeRADIUS{fragment: 1020, offer: "peap"}.start(t)
	cfg := world(t).config("peap-mschapv2", tls.VersionTLS12)
	cfg.RequireBinding = true
	_, r, err := logIn(t, address, cfg)
	if !errors.Is(err, ErrUntrusted) || r.Code != radius.CodeAccessReject {
		t.Fatalf("%v, %+v", err, r)
	}
}
