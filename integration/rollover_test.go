package integration

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"causeway/certs"
)

// Holds F8 and F9 with real devices: eapol_tests log in by every method, in full and
// resumed, while both certificates of the server are replaced again and again; none
// is refused, and who comes next meets the new certificate.
func TestF8RolloverUnderRealDevices(t *testing.T) {
	t.Parallel()
	s := open(t, "cases/two-keys")
	s.begin()
	var (
		wait   sync.WaitGroup
		logins atomic.Int64
		done   = make(chan struct{})
	)
	for i, device := range []struct{ method, version, ciphers string }{
		{"tls", "1.3", "DEFAULT"}, {"tls", "1.2", "DEFAULT"}, {"peap", "1.2", "ECDHE-RSA-AES128-GCM-SHA256"}, {"ttls", "1.3", "DEFAULT"},
	} {
		here := s.on(t)
		here.know = maps.Clone(s.know)
		here.know["version"], here.know["ciphers"] = device.version, device.ciphers
		l := login{Conf: device.method + ".conf", SSID: "NHS-Staff", Again: 9, Set: map[string]string{
			"phase1": fmt.Sprintf(`"tls_disable_session_ticket=%d tls_disable_tlsv1_3=%d"`, i%2, map[string]int{"1.2": 1, "1.3": 0}[device.version]),
		}}
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				out, err := here.eapolTest(l, newMAC())
				if err != nil || !strings.Contains(out, "MPPE keys OK: 10  mismatch: 0") {
					t.Errorf("%s over TLS %s: %v\n%s", device.method, device.version, err, tail(out, 3000))
					return
				}
				logins.Add(10)
			}
		})
	}
	for range 8 {
		before := logins.Load()
		for name, kind := range map[string]certs.KeyKind{"server": certs.ECDSA, "rsa": certs.RSA} {
			p, err := s.pki.authority.Server([]string{serverName}, certs.Options{Key: kind})
			s.must(err)
			s.pair(name, p)
		}
		s.must(s.daemon.Reload())
		for _, x := range []struct{ ciphers, hash string }{{"DEFAULT", "server_hash"}, {"ECDHE-RSA-AES128-GCM-SHA256", "rsa_hash"}} {
			next := s.on(t)
			next.know = maps.Clone(s.know)
			next.know["version"], next.know["ciphers"] = "1.2", x.ciphers
			out, err := next.eapolTest(login{Conf: "peap.conf", SSID: "NHS-Staff"}, newMAC())
			if want := fmt.Sprintf("hash=%v", s.know[x.hash]); err != nil || !strings.Contains(out, want) {
				t.Errorf("after a reload: %v, no %s\n%s", err, want, tail(out, 3000))
			}
		}
		s.eventually("log-ins go on", func() bool { return t.Failed() || logins.Load() >= before+10 })
	}
	close(done)
	wait.Wait()
	t.Logf("%d log-ins of real devices in 8 reloads", logins.Load())
}
