package main

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"causeway/certs"
	"causeway/radiusd/transport"
)

const sinkName = "sink.roam.example.net"

// radSec compares a partner over RadSec with one over UDP: each through a server of its
// own, in turns on the same core. What the sink's TLS costs falls on the load's core, so
// that the server's own time decides, and the rates stand beside it.
func radSec() ([]row, error) {
	udp, err := newSink()
	if err != nil {
		return nil, err
	}
	defer udp.stop()
	stream, err := newTLSSink()
	if err != nil {
		return nil, err
	}
	defer stream.stop()
	var all []*contender
	for _, c := range []struct {
		name string
		o    options
	}{{"UDP", options{users: 1, upstream: udp.address()}}, {"RadSec", options{users: 1, overTLS: stream}}} {
		s, err := startWith(c.o)
		if err != nil {
			return nil, err
		}
		defer s.stop()
		all = append(all, &contender{name: c.name, address: s.address, pid: s.cmd.Process.Pid})
		if err := answers(s.address, peerUser); err != nil {
			return nil, err
		}
	}
	if err := takeTurns(all); err != nil {
		return nil, err
	}
	plain, inTLS := all[0], all[1]
	return []row{
		told(fmt.Sprintf("proxied PAP by UDP and by RadSec, one pinned core (%v and %v of it each, %d and %d lost)", plain.each.Round(100*time.Nanosecond), inTLS.each.Round(100*time.Nanosecond), plain.lost, inTLS.lost),
			fmt.Sprintf("%.0f/s and %.0f/s", median(plain.rates), median(inTLS.rates))),
		atLeastTimes("what a core of the server carries by RadSec over what it carries by UDP", plain.cost(inTLS), 0.7),
		told("the rates, RadSec over UDP, the sink's TLS included", fmt.Sprintf("%.2f x", inTLS.rate(plain))),
	}, nil
}

// A tlsSink is a sink behind RadSec (RFC 6614), with a certificate of its own
// authority's. It takes whoever has one of that too.
type tlsSink struct {
	authority *certs.Authority
	listener  net.Listener
	serving   sync.WaitGroup
	mu        sync.Mutex
	conns     []net.Conn
}

func newTLSSink() (*tlsSink, error) {
	authority, err := certs.NewAuthority("roaming", time.Now(), certs.Options{})
	if err != nil {
		return nil, err
	}
	pair, err := authority.Peer([]string{sinkName}, certs.Options{})
	if err != nil {
		return nil, err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair.Certificate},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority.Pool(),
	})
	if err != nil {
		return nil, err
	}
	s := &tlsSink{authority: authority, listener: listener}
	s.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			s.serving.Go(func() { answerFrames(conn) })
		}
	})
	return s, nil
}

func (s *tlsSink) address() string { return s.listener.Addr().String() }

func (s *tlsSink) stop() {
	_ = s.listener.Close()
	s.mu.Lock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// answerFrames answers the packets of a connection: all that one read brought, with one
// write.
func answerFrames(conn net.Conn) {
	secret := transport.RadSecSecret.Reveal()
	mac := hmac.New(md5.New, []byte(secret))
	in, have := make([]byte, 64<<10), 0
	var out, one []byte
	for {
		n, err := conn.Read(in[have:])
		if err != nil {
			return
		}
		have += n
		rest := in[:have]
		out = out[:0]
		for len(rest) >= 20 {
			length := int(binary.BigEndian.Uint16(rest[2:]))
			if length < 20 {
				return
			}
			if length > len(rest) {
				break
			}
			one = acceptWith(one, rest[:length], mac, secret)
			out, rest = append(out, one...), rest[length:]
		}
		have = copy(in, rest)
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

// overTLS writes what a server needs to reach a sink behind RadSec, and returns its part
// of the configuration.
func (s *server) overTLS(sink *tlsSink) (string, error) {
	pair, err := sink.authority.Peer([]string{benchServer}, certs.Options{})
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("[realm.\"partner.example\"]\nservers = [{ transport = \"radsec\", address = %q, names = [%q] }]\n", sink.address(), sinkName) +
		"[radsec]\ncertificate = \"file:roam.pem\"\nprivate_key = \"file:roam.key\"\nca = \"file:roam-ca.pem\"\n"
	return text, errors.Join(
		os.WriteFile(filepath.Join(s.folder, "roam-ca.pem"), sink.authority.PEM(), 0o600),
		os.WriteFile(filepath.Join(s.folder, "roam.pem"), pair.CertPEM, 0o600),
		os.WriteFile(filepath.Join(s.folder, "roam.key"), []byte(pair.KeyPEM.Reveal()), 0o600),
	)
}
