package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// errNotSaid keeps what we have against a peer out of the alert that it gets.
var errNotSaid = errors.New("the peer is not known")

// shakeHands finds out who has connected. The certificate is judged inside the
// handshake, so that a peer that is refused hears so in an alert.
func (s *stream) shakeHands() *ending {
	var why *ending
	s.conn = tls.Server(s.raw, &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			c, err := s.lobby.config(hello)
			if err != nil {
				return nil, err
			}
			c.VerifyConnection = func(state tls.ConnectionState) error {
				if why = s.meet(state); why != nil {
					return errNotSaid
				}
				return nil
			}
			return c, nil
		},
	})
	limit, cancel := context.WithTimeout(s.lobby.server.base, s.lobby.limits.handshake)
	defer cancel()
	err := s.conn.HandshakeContext(limit)
	switch {
	case why != nil:
		return why
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return &ending{kind: endedHandshake, words: fmt.Sprintf("its handshake was not over after %v", s.lobby.limits.handshake)}
	case s.lobby.stops():
		return &ending{kind: endedStopped, words: "the server stops"}
	}
	return &ending{kind: endedHandshake, words: "its handshake failed: " + plainly(err)}
}

// plainly says what went wrong in a handshake, without what came in it.
func plainly(err error) string {
	var alert *net.OpError
	if errors.As(err, &alert) && alert.Op == "remote error" { // an alert of the peer
		return "it says: " + strings.TrimPrefix(alert.Err.Error(), "tls: ")
	}
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return "it does not speak TLS"
	}
	return strings.TrimPrefix(err.Error(), "tls: ")
}

// errVersionRequired: we were told to speak RADIUS/1.1 only.
var errVersionRequired = errors.New("it does not offer RADIUS/1.1, which radius11 in [radsec] requires")

// config is ours for one handshake: mutual TLS 1.2 or 1.3, nothing resumed (so no early
// data either), and the issuers of all peers named as those we accept.
func (l *lobby) config(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	versions, err := l.protocols(hello)
	if err != nil {
		return nil, err
	}
	certificate, err := l.limits.Certificate(hello)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:             tls.VersionTLS12,
		Certificates:           []tls.Certificate{*certificate},
		ClientAuth:             tls.RequireAnyClientCert, // meet judges it
		ClientCAs:              l.server.clients.Load().issuers,
		SessionTicketsDisabled: true,
		NextProtos:             versions,
	}, nil
}

// protocols are the versions of RADIUS that we offer to a client. One that knows
// nothing of ALPN speaks 1.0. RADIUS/1.1 has nothing but TLS to sign it, and wants
// TLS 1.3 (RFC 9765, section 3).
func (l *lobby) protocols(hello *tls.ClientHelloInfo) ([]string, error) {
	can11 := slices.Contains(hello.SupportedProtos, alpn11) && slices.Contains(hello.SupportedVersions, tls.VersionTLS13)
	switch l.limits.RADIUS11 {
	case RADIUS11Forbid:
		return []string{alpn10}, nil
	case RADIUS11Require:
		if !can11 {
			return nil, errVersionRequired
		}
		return []string{alpn11}, nil
	}
	if can11 {
		return []string{alpn11, alpn10}, nil
	}
	return []string{alpn10}, nil
}

// meet finds the client that shows this certificate.
func (s *stream) meet(state tls.ConnectionState) *ending {
	s.shown = slices.Clone(state.PeerCertificates)
	if state.NegotiatedProtocol == alpn11 {
		s.veil = newVeil()
		s.window.limit = window11
	}
	s.judged = s.lobby.judgement() // before it is judged: what changes meanwhile admit sees
	return s.judge(s.lobby.server.clients.Load())
}

// judge seats the connection by a table of clients: for the first time, or again after a
// reload, when it has to be of the same client as before.
func (s *stream) judge(register *register) *ending {
	client, err := register.findPeer(s.shown, s.from.Addr(), s.lobby.server.cfg.Now())
	before := s.seat.Load()
	switch {
	case err != nil && client != nil:
		s.nearest = client.Name
		return &ending{kind: endedCertificate, words: inWords(err)}
	case err != nil:
		return &ending{kind: endedCertificate, words: inWords(err)}
	case before != nil && before.client.Name != client.Name:
		return &ending{kind: endedCertificate, words: fmt.Sprintf("it is %s now", client.Name)}
	}
	s.seat.Store(&seat{client, register.holders[client.index], register})
	return nil
}

// inWords shortens what crypto/x509 says of a chain.
func inWords(err error) string {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		return fmt.Sprintf("its certificate is good from %s to %s only",
			invalid.Cert.NotBefore.UTC().Format(time.DateOnly), invalid.Cert.NotAfter.UTC().Format(time.DateOnly))
	}
	return err.Error()
}
