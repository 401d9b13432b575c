package supplicant

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"

	"causeway/radiusd/eap/packet"
)

// A phase2 is what goes on inside the tunnel.
type phase2 interface {
	// begin is told that the handshake is done. When nothing needs to be said
	// inside, it finishes the tunnel.
	begin() error
	// hear takes what the server said inside, which is empty when it only gave us
	// the turn, and returns our answer; nil gives the turn back. The identifier
	// is that of the EAP request.
	hear(plain []byte, id uint8) (answer []byte, err error)
	// close frees what goes on inside and will not end.
	close()
}

// A tunnel is the part that EAP-TLS, TTLS, PEAP and TEAP have in common: fragments,
// the TLS handshake, and messages inside it (RFC 5216, sections 2.1 and 3.1).
type tunnel struct {
	cfg     *Config
	kind    packet.Type
	version uint8 // 0 but in TEAP
	tls     *tls.Config
	engine  *packet.Engine // nil before Start
	phase2  phase2

	in   packet.Assembler
	out  *packet.Splitter // a message of ours with pieces left; else nil
	step func(message []byte, id uint8) ([]byte, error)

	finished bool   // EAP-Success may come
	refused  error  // why this side said no
	refusal  string // the server's words when it said no
	rejected bool   // the server said no inside the tunnel
	msk      []byte
	emsk     []byte // nil where nobody asks for it

	// Outer TLVs of the first two messages (RFC 9930, section 2.3).
	outer, ours []byte
}

func newTunnel(cfg *Config, kind packet.Type, inside func(*tunnel) phase2) *tunnel {
	t := &tunnel{cfg: cfg, kind: kind}
	if kind == packet.TEAP {
		t.version = packet.TEAPVersion
	}
	t.tls = &tls.Config{
		RootCAs: cfg.Roots, ServerName: cfg.ServerName,
		MinVersion: cfg.MinTLS, MaxVersion: cfg.MaxTLS,
		// The hybrid key shares of the default would add a kilobyte to our first
		// flight, which is another round.
		CurvePreferences:   []tls.CurveID{tls.X25519, tls.CurveP256},
		ClientSessionCache: cfg.Sessions,
	}
	if cfg.Certificate != nil && (kind == packet.TLS || kind == packet.TEAP) {
		// Sent whatever the server says of authorities, so that it is the server
		// that judges.
		t.tls.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return cfg.Certificate, nil
		}
	}
	t.step = t.handshake
	t.phase2 = inside(t)
	return t
}

func (t *tunnel) close() {
	if t.engine != nil {
		t.engine.Close()
	}
	t.phase2.close()
}

// next takes the Data of a request and returns the Data of the response.
func (t *tunnel) next(data []byte, id uint8) ([]byte, error) {
	if len(data) == 0 {
		return nil, discard("type %d without flags", t.kind)
	}
	if data[0]&packet.FlagStart != 0 {
		return t.start(data, id)
	}
	if t.engine == nil {
		return nil, discard("type %d before its Start", t.kind)
	}
	data, err := t.judge(data)
	if err != nil {
		return nil, err
	}
	if t.out != nil {
		return t.continued(data)
	}
	message, whole, err := t.in.Add(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrServer, err)
	}
	if !whole {
		return packet.Ack(t.version), nil
	}
	return t.say(t.step(message, id))
}

// tooOld says that a Start offers no version that we know (RFC 9930, section 3.1).
func (t *tunnel) tooOld(data []byte) bool {
	return len(data) > 0 && data[0]&packet.FlagStart != 0 && data[0]&packet.VersionMask < t.version
}

// judge reads what the flags say beside the fragments.
func (t *tunnel) judge(data []byte) ([]byte, error) {
	version := data[0] & packet.VersionMask
	switch {
	case t.kind == packet.TLS: // those bits are reserved
	case version == t.version:
	case t.kind == packet.TEAP: // RFC 9930, section 3.9.1
		return nil, discard("version %d after we chose %d", version, t.version)
	default:
		return nil, broke("version %d after we chose %d", version, t.version)
	}
	if t.kind != packet.TEAP {
		return data, nil
	}
	// Outer TLVs that come late are ignored (RFC 9930, section 4.3.1).
	data, _, err := packet.CutOuterTLVs(data)
	if err != nil {
		return nil, discard("%v", err)
	}
	return data, nil
}

// start begins TLS. The version in a Start is the highest that the server offers;
// we know version 0 of TTLS and PEAP, which every server must take, and version 1
// of TEAP, below which there is none.
func (t *tunnel) start(data []byte, id uint8) ([]byte, error) {
	if t.engine != nil {
		return nil, discard("a second Start")
	}
	if t.kind == packet.TEAP {
		rest, outer, err := packet.CutOuterTLVs(data)
		if err != nil {
			return nil, discard("%v", err)
		}
		data, t.outer = rest, outer
	}
	if len(data) > 1 {
		return nil, discard("a Start with data") // RFC 5216, section 2.1.1
	}
	t.engine = packet.NewClient(t.tls)
	first, err := t.say(t.step(nil, id))
	if err != nil {
		return nil, err
	}
	return packet.AppendOuterTLVs(first, t.ours), nil
}

// say sends a message, or its first piece. An empty message gives the turn back.
func (t *tunnel) say(message []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	size := t.cfg.FragmentSize
	if !t.engine.Done() && len(t.ours) > 0 {
		size -= 4 + len(t.ours) // for the first message; the others may as well
	}
	t.out = packet.NewSplitter(message, size, t.version)
	return t.piece(), nil
}

func (t *tunnel) continued(data []byte) ([]byte, error) {
	if len(data) != 1 {
		return nil, broke("a message where an acknowledgement was due")
	}
	return t.piece(), nil
}

func (t *tunnel) piece() []byte {
	data, more := t.out.Next()
	if !more {
		t.out = nil
	}
	return data
}

// The steps: handshake, then inside, and from either of them over.

func (t *tunnel) handshake(message []byte, id uint8) ([]byte, error) {
	out, done, err := t.engine.Handshake(message)
	if err != nil {
		return t.refuse(out, err)
	}
	if !done {
		if len(out) == 0 {
			return nil, broke("half a flight of TLS")
		}
		return out, nil
	}
	if t.kind != packet.TEAP { // whose keys come from all that happens inside
		if t.msk, t.emsk, err = t.engine.Keys(t.kind); err != nil {
			return nil, fmt.Errorf("keys of the tunnel: %w", err)
		}
	}
	t.step = t.inside
	if err := t.phase2.begin(); err != nil {
		return nil, err
	}
	if len(out) > 0 {
		// TLS 1.3, or a resumed TLS 1.2: our flight is the last one, and the server
		// has the next word.
		return out, nil
	}
	return t.inside(nil, id)
}

func (t *tunnel) inside(message []byte, id uint8) ([]byte, error) {
	plain, err := t.engine.Open(message)
	if err != nil {
		return t.refuse(t.engine.Pending(), err)
	}
	answer, err := t.phase2.hear(plain, id)
	if err != nil {
		return nil, err
	}
	out, err := t.engine.Seal(answer)
	if err != nil {
		return nil, fmt.Errorf("tunnel: %w", err)
	}
	return out, nil
}

// over acknowledges whatever comes until EAP-Failure does.
func (t *tunnel) over([]byte, uint8) ([]byte, error) { return nil, nil }

// refuse ends TLS from our side. The alert goes out, and the server's Failure is
// awaited (RFC 5216, section 2.1.3). An alert of the server's is acknowledged.
func (t *tunnel) refuse(alert []byte, err error) ([]byte, error) {
	t.step, t.finished, t.rejected = t.over, false, true
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		t.refused = fmt.Errorf("%w: %w", ErrUntrusted, err)
	case errors.Is(err, io.EOF):
		t.refusal = "the server closed the tunnel"
	default:
		if code, ok := packet.PeerAlert(err); ok {
			t.refusal = code.Error()
			break
		}
		t.refused = fmt.Errorf("%w: %w", ErrServer, err)
	}
	return alert, nil
}

// deny is refuse for what goes wrong inside the tunnel: the answer says no in the
// method's own way.
func (t *tunnel) deny(err error) {
	t.refused, t.rejected, t.finished = err, true, false
}

// reject notes that the server said no inside the tunnel, in its words.
func (t *tunnel) reject(words string) {
	t.refusal, t.rejected, t.finished = words, true, false
}

func (t *tunnel) resumed() bool { return t.engine.State().DidResume }

func (t *tunnel) tls13() bool { return t.engine.State().Version == tls.VersionTLS13 }

func (t *tunnel) stage() Stage {
	switch {
	case t.rejected:
		return StageRefused
	case t.finished && t.out == nil:
		return StageDone
	case t.engine.Done():
		return StageInner
	}
	return StageHandshake
}
