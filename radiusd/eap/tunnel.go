package eap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// A tunnel is what EAP-TLS, TTLS and PEAP have in common: TLS messages in
// fragments, the handshake, and alerts in both directions.
//
//	fragments -> next: shake -> opened -> the method's own states
//	                         \-> ended (after our alert)
type tunnel struct {
	c    *conversation
	kind packet.Type
	tls  *packet.Engine
	in   packet.Assembler
	out  *packet.Splitter

	// next is the state: what to do with a whole message of the supplicant.
	next func(ctx context.Context, message []byte) (step, error)
	// opened is the method's: it is called once, when the handshake is done, with
	// what is still to be sent of it.
	opened func(ctx context.Context, rest []byte) (step, error)
	// again is the method's: it takes the place of opened when the handshake
	// resumed a session that may be resumed. Nil: this tunnel never does.
	again    func(ctx context.Context, proofs []proved, rest []byte) (step, error)
	sessions *sessions
	inside   bool  // another tunnel: it makes no session, and its fragments fit the other's
	version  uint8 // of the method, in every packet's flags

	failure error // told once the supplicant has seen our alert
}

// A step is what to do after a whole message: send one, which may be empty, or end.
type step struct {
	send []byte
	done *Result
}

// longestHello bounds the first message, so that who has shown nothing yet takes
// little memory; the longest ClientHello of today has 2 KB.
const longestHello = 16 << 10

func newTunnel(c *conversation, kind packet.Type, mutual bool) *tunnel {
	t := &tunnel{c: c, kind: kind, tls: packet.NewServer(c.server.tlsConfig(mutual))}
	t.in.Max = min(longestHello, c.server.cfg.MaxOctets)
	t.next = t.shake
	return t
}

// Close frees the handshake.
func (t *tunnel) Close() { t.tls.Close() }

// Next takes the Data of one packet: a fragment, or the acknowledgement of one.
func (t *tunnel) Next(ctx context.Context, data []byte) (Step, error) {
	if data == nil {
		return Step{Request: packet.Start(t.version)}, nil
	}
	if err := t.checkFlags(data); err != nil {
		return Step{}, err
	}
	if t.out != nil {
		return t.nextPiece(data)
	}
	message, whole, err := t.in.Add(data)
	switch {
	case errors.Is(err, packet.ErrTooLarge):
		return Step{}, fmt.Errorf("a TLS message of the supplicant: %w", realms.ErrTooLarge)
	case err != nil:
		return Step{}, fmt.Errorf("%w: %w", realms.ErrEAPMalformed, err)
	case !whole:
		t.stage("waiting for a fragment")
		return Step{Request: packet.Ack(t.version)}, nil
	}
	next, err := t.next(ctx, message)
	if err != nil || next.done != nil {
		return Step{Done: next.done}, err
	}
	t.out = packet.NewSplitter(next.send, t.fragmentSize(), t.version)
	return t.piece(), nil
}

// checkFlags refuses a version that we did not offer. EAP-TLS keeps the bits for
// later (RFC 5216, section 3.2).
func (t *tunnel) checkFlags(data []byte) error {
	if len(data) == 0 {
		return fmt.Errorf("a packet without flags: %w", realms.ErrEAPMalformed)
	}
	if data[0]&packet.FlagStart != 0 {
		return fmt.Errorf("the supplicant sent Start: %w", realms.ErrEAPMalformed)
	}
	if t.kind != packet.TLS && data[0]&packet.VersionMask != t.version {
		return fmt.Errorf("version %d of the tunnel: %w", data[0]&packet.VersionMask, realms.ErrEAPMalformed)
	}
	return nil
}

// nextPiece takes the acknowledgement of a fragment and sends the next.
func (t *tunnel) nextPiece(ack []byte) (Step, error) {
	if message, whole, err := t.in.Add(ack); err != nil || !whole || len(message) > 0 {
		return Step{}, fmt.Errorf("data where an acknowledgement was due: %w", realms.ErrEAPMalformed)
	}
	return t.piece(), nil
}

func (t *tunnel) piece() Step {
	data, more := t.out.Next()
	if !more {
		t.out = nil
	}
	return Step{Request: data}
}

// shake runs the handshake.
func (t *tunnel) shake(ctx context.Context, message []byte) (step, error) {
	if len(message) == 0 {
		return step{}, fmt.Errorf("an empty message in the handshake: %w", realms.ErrEAPMalformed)
	}
	t.in.Max = t.c.server.cfg.MaxOctets
	t.offerSessions(ctx)
	out, done, err := t.tls.Handshake(message)
	if err != nil {
		return t.broken(out, err)
	}
	if !done {
		t.stage("certificate sent")
		return step{send: out}, nil
	}
	if state := t.tls.State(); !t.inside {
		t.c.trace.TLS, t.c.trace.Resumed = versionName(state.Version), state.DidResume
	}
	t.stage("handshake done")
	if t.sessions.resumed() {
		return t.again(ctx, t.sessions.proofs, out)
	}
	return t.opened(ctx, out)
}

// offerSessions lets the handshake resume, where the method knows how.
func (t *tunnel) offerSessions(ctx context.Context) {
	if t.again == nil || t.c.server.cfg.Resumption.Records == nil {
		return
	}
	if t.sessions == nil {
		t.sessions = &sessions{t: t}
		t.tls.Resume(t.sessions)
	}
	t.sessions.ctx = ctx
}

// broken ends the tunnel after an error of TLS. A supplicant that sent an alert
// waits for EAP-Failure; one that is sent an alert answers it first, and waits for
// EAP-Failure then (RFC 5216, section 2.1.3).
func (t *tunnel) broken(alert []byte, err error) (step, error) {
	t.failure = tlsReason(err)
	if len(alert) == 0 {
		return step{}, t.failure
	}
	t.stage("alert sent")
	t.c.tell(t.failure)
	t.next = t.ended
	return step{send: alert}, nil
}

// ended takes whatever follows our alert.
func (t *tunnel) ended(context.Context, []byte) (step, error) { return step{}, t.failure }

// open reads one message inside the tunnel.
func (t *tunnel) open(message []byte) (plain []byte, failed *step, err error) {
	plain, err = t.tls.Open(message)
	if err == nil {
		return plain, nil, nil
	}
	next, err := t.broken(t.tls.Pending(), err)
	return nil, &next, err
}

// say sends plain inside the tunnel; before it goes what is left of the handshake.
func (t *tunnel) say(rest, plain []byte) (step, error) {
	sealed, err := t.tls.Seal(plain)
	if err != nil {
		return step{}, fmt.Errorf("%w: %w", realms.ErrTLS, err)
	}
	if len(rest) > 0 {
		sealed = append(rest, sealed...)
	}
	return step{send: sealed}, nil
}

// finish ends the method well, with keys of its tunnel.
func (t *tunnel) finish(proofs ...proved) (step, error) {
	msk, emsk, err := t.tls.Keys(t.kind)
	if err != nil {
		return step{}, fmt.Errorf("%w: %w", realms.ErrTLS, err)
	}
	if !t.inside {
		t.c.kept = t.sessions.keep(proofs)
	}
	return step{done: &Result{proofs: proofs, MSK: msk, EMSK: emsk}}, nil
}

// stage says how far the tunnel has come.
func (t *tunnel) stage(text string) {
	if t.inside {
		text = "inner " + text
	}
	t.c.trace.Stage = text
}

// wrapping is what a tunnel puts around a packet inside it, at most: headers of EAP,
// of a TLV or AVP and of a TLS record with its seal.
const wrapping = 64

func (t *tunnel) fragmentSize() int {
	size := t.c.fragmentSize()
	if t.inside {
		size = max(size-wrapping, packet.MinFragment)
	}
	return size
}

func (t *tunnel) version13() bool { return t.tls.State().Version == tls.VersionTLS13 }

func versionName(v uint16) string {
	return strings.TrimPrefix(tls.VersionName(v), "TLS ")
}

// Alerts by which a supplicant says that it does not trust our certificate
// (RFC 8446, section 6.2): bad_certificate, unsupported_certificate,
// certificate_revoked, certificate_expired, certificate_unknown, unknown_ca,
// access_denied and bad_certificate_status_response (RFC 6066, section 8).
var distrust = map[tls.AlertError]bool{42: true, 43: true, 44: true, 45: true, 46: true, 48: true, 49: true, 113: true, internalError: true}

const (
	protocolVersion = 70
	internalError   = 80 // wpa_supplicant's word for a good certificate with another name than it expects
	userCancelled   = 90
)

// tlsReason says of what kind an error of TLS is.
func tlsReason(err error) error {
	if alert, ok := packet.PeerAlert(err); ok {
		return fmt.Errorf("the supplicant's alert: %s: %w", strings.TrimPrefix(alert.Error(), "tls: "), alertReason(alert))
	}
	text := err.Error() // some errors of crypto/tls are nothing but their text
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the supplicant closed the tunnel: %w", realms.ErrSupplicantGaveUp)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%w: %w", realms.ErrClientCertExpired, err)
	case errors.As(err, &verification):
		return fmt.Errorf("%w: %w", realms.ErrClientCertUntrusted, err)
	case strings.Contains(text, "didn't provide a certificate"):
		return realms.ErrClientCertMissing
	case strings.Contains(text, "unsupported versions"):
		return fmt.Errorf("%w: %w", realms.ErrTLSVersion, err)
	}
	return fmt.Errorf("%w: %w", realms.ErrTLS, err)
}

func alertReason(alert tls.AlertError) realms.Reason {
	switch {
	case distrust[alert]:
		return realms.ErrServerDistrusted
	case alert == protocolVersion:
		return realms.ErrTLSVersion
	case alert == userCancelled:
		return realms.ErrSupplicantGaveUp
	}
	return realms.ErrTLS
}
