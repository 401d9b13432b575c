package main

import (
	"fmt"
	"time"

	"causeway/radiusd/supplicant"
)

// rsaKeys is what a full log-in costs by the kind of the server's key. Clients that
// take ECDSA never meet the RSA key, when both are configured.
func rsaKeys() ([]row, error) {
	spentBy := map[bool]time.Duration{}
	for _, rsa := range []bool{false, true} {
		s, err := startWith(options{users: 1000, rsa: rsa})
		if err != nil {
			return nil, err
		}
		m := &measured{method: "ttls-pap", config: supplicant.Config{
			User: benchUser(1), Password: benchPassword, Method: "ttls-pap", Roots: s.authority.Pool(), ServerName: benchServer,
		}}
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
	return []row{told("CPU of ttls-pap with an RSA-2048 key over one with ECDSA P-256",
		fmt.Sprintf("%.2f x (%v / %v)", float64(rsa)/float64(ecdsa), rsa.Round(time.Microsecond), ecdsa.Round(time.Microsecond)))}, nil
}
