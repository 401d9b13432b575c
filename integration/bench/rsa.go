package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// rsaKeys is what a full log-in costs by the kind of the server's key, and what a
// population pays of which some know RSA alone, when both kinds are offered.
func rsaKeys() ([]row, error) {
	spentBy := map[bool]time.Duration{}
	for _, rsa := range []bool{false, true} {
		s, err := startWith(options{users: 1000, rsa: rsa})
		if err != nil {
			return nil, err
		}
		m := &measured{method: "ttls-pap", config: s.person(1, "ttls-pap")}
		err = s.login(m, perTurn) // warms
		if err == nil {
			spentBy[rsa], err = spent(s.cmd.Process.Pid, func() error { return s.login(m, 4*perTurn) })
		}
		s.stop()
		if err != nil {
			return nil, err
		}
	}
	ecdsa, rsa := spentBy[false]/(4*perTurn), spentBy[true]/(4*perTurn)
	rows := []row{told("CPU of ttls-pap with an RSA-2048 key over one with ECDSA P-256",
		fmt.Sprintf("%.2f x (%v / %v)", float64(rsa)/float64(ecdsa), rsa.Round(time.Microsecond), ecdsa.Round(time.Microsecond)))}
	mixed, err := mixedPopulation()
	return append(rows, mixed...), err
}

// devices is how many real devices log in side by side, and each how often.
const (
	devices   = 10
	perDevice = 64
)

// mixedPopulation logs in with eapol_test, whose TLS can be told to know RSA alone,
// at a server that offers both certificates, and at one that has RSA alone.
func mixedPopulation() (rows []row, err error) {
	if _, err := exec.LookPath("eapol_test"); err != nil {
		return nil, errors.New("eapol_test is not installed: run make deps")
	}
	var cheapest time.Duration
	for _, kind := range []struct {
		what    string
		options options
		rsa     []int // of ten devices
	}{
		{"both certificates offered", options{users: 1000, both: true}, []int{0, 1, 10}},
		{"the RSA certificate alone", options{users: 1000, rsa: true}, []int{1}},
	} {
		s, err := startWith(kind.options)
		if err != nil {
			return nil, err
		}
		defer s.stop()
		if err := s.population(kind.rsa[0]); err != nil { // warms
			return nil, err
		}
		for _, n := range kind.rsa {
			cost, err := spent(s.cmd.Process.Pid, func() error { return s.population(n) })
			if err != nil {
				return nil, err
			}
			each := cost / (devices * perDevice)
			if cheapest == 0 {
				cheapest = each
			}
			rows = append(rows, told(fmt.Sprintf("CPU of ttls-pap by eapol_test, %s, %d of %d devices know RSA alone", kind.what, n, devices),
				fmt.Sprintf("%.2f x (%v)", float64(each)/float64(cheapest), each.Round(time.Microsecond))))
		}
	}
	return rows, nil
}

// population has ten devices log in side by side, each in full every time.
func (s *server) population(rsa int) error {
	var wait sync.WaitGroup
	failed := make([]error, devices)
	for i := range devices {
		ciphers := "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
		if i < rsa {
			ciphers = "ECDHE-RSA-AES128-GCM-SHA256"
		}
		wait.Go(func() { failed[i] = s.device(i, ciphers) })
	}
	wait.Wait()
	return errors.Join(failed...)
}

const network = `network={
    key_mgmt=WPA-EAP
    eap=TTLS
    identity=%q
    anonymous_identity="@northbridge.nhs.uk"
    password=%q
    ca_cert=%q
    domain_match=%q
    openssl_ciphers=%q
    phase1="tls_disable_tlsv1_3=1"
    phase2="auth=PAP"
}
`

func (s *server) device(i int, ciphers string) error {
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return err
	}
	conf := filepath.Join(s.folder, fmt.Sprintf("device%d.conf", i))
	text := fmt.Sprintf(network, benchUser(i), benchPassword, filepath.Join(s.folder, "ca.pem"), benchServer, ciphers)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return err
	}
	cmd := exec.Command("eapol_test", "-c", conf, "-a", host, "-p", port, "-s", benchSecret, "-r", fmt.Sprint(perDevice-1),
		"-M", fmt.Sprintf("02:00:5e:00:00:%02x", i), "-N", "30:s:02-00-00-00-00-01:eduroam", "-N", "32:s:royal-wlc", "-t", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf("MPPE keys OK: %d  mismatch: 0", perDevice)) {
		return fmt.Errorf("eapol_test: %w: …%s", err, out[max(0, len(out)-500):])
	}
	return nil
}
