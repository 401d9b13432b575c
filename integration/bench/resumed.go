package main

import (
	"crypto/tls"
	"errors"
	"path/filepath"
	"time"

	"causeway/radiusd/eap/packet"
)

// resumedInMemory is what the server's side of crypto/tls alone takes to resume, message
// by message in memory. It is so short that a process's sockets and wake-ups cost
// more: the ratios compare like with like, and this says what they hide.
func (s *server) resumedInMemory(version uint16) (time.Duration, error) {
	certificate, err := tls.LoadX509KeyPair(filepath.Join(s.folder, "server.pem"), filepath.Join(s.folder, "server.key"))
	if err != nil {
		return 0, err
	}
	accepts := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: version, MaxVersion: version, CurvePreferences: curves}
	asks := &tls.Config{
		RootCAs: s.authority.Pool(), ServerName: benchServer, MinVersion: version, MaxVersion: version, CurvePreferences: curves,
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
	if _, resumed, err := shakeInMemory(asks, accepts); err != nil || resumed {
		return 0, errors.Join(err, errors.New("the first handshake of the benchmark is not a full one"))
	}
	var sum time.Duration
	const n = turns * perTurn
	for range n {
		spent, resumed, err := shakeInMemory(asks, accepts)
		if err != nil || !resumed {
			return 0, errors.Join(err, errors.New("a bare handshake of the benchmark did not resume"))
		}
		sum += spent
	}
	return sum / n, nil
}

// shakeInMemory returns how long the server's side took, and whether it resumed.
func shakeInMemory(asks, accepts *tls.Config) (spent time.Duration, resumed bool, err error) {
	client, server := packet.NewClient(asks), packet.NewServer(accepts)
	defer client.Close()
	defer server.Close()
	message, _, err := client.Handshake(nil)
	for err == nil && !server.Done() {
		begin := time.Now()
		message, _, err = server.Handshake(message)
		spent += time.Since(begin)
		if err == nil && !client.Done() {
			message, _, err = client.Handshake(message)
		}
	}
	if err == nil {
		_, err = client.Open(message) // behind the handshake TLS 1.3 has the next ticket
	}
	return spent, server.State().DidResume, err
}
