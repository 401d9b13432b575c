// Package supplicant is the other side of EAP: a device that logs in. The demo,
// the probe and the benchmarks use it, and it judges our own server.
//
// A [Peer] speaks EAP-TLS, PEAPv0 with EAP-MSCHAPv2, and EAP-TTLS with PAP or
// MSCHAPv2, over TLS 1.2 and 1.3, one packet in and one packet out. A
// [Controller] carries a Peer over RADIUS as a wireless controller does.
//
// It shares with the server what the wire looks like (radiusd/eap/packet) and
// nothing of how a conversation goes: the two are separate readings of the RFCs,
// and this one was first proved against a server that is not ours.
package supplicant

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"causeway/certs"
	"causeway/radiusd/eap/packet"
)

// Errors of a Peer. What a server did wrong in EAP wraps ErrServer; a certificate
// that does not prove the server wraps ErrUntrusted as well.
var (
	// ErrDiscarded means that the packet was ignored and the conversation stands
	// where it stood (RFC 3748, section 4.1).
	ErrDiscarded = errors.New("EAP packet discarded")
	ErrServer    = errors.New("the server broke the protocol")
	ErrUntrusted = errors.New("the server did not prove who it is")
	ErrAbandoned = errors.New("the supplicant stopped answering, as it was told to")
	ErrConfig    = errors.New("supplicant configuration")
)

// DefaultFragment is the fragment size of the zero Config: the largest that fits
// a Framed-MTU of 1,400 with a little to spare.
const DefaultFragment = 1398

// A Config says who logs in, how, and whom they trust.
type Config struct {
	Identity string // outer, as anonymous@realm; empty: User
	Method   string // one of [Methods]; "pap" is no EAP
	User     string // inner; empty: Identity
	Password certs.Secret

	// Certificate is ours, for the methods that end in "tls". In "teap" it is the
	// computer's, shown while the tunnel is built.
	Certificate *tls.Certificate
	Roots       *x509.CertPool // who may sign the server's certificate; required with EAP
	ServerName  string         // the name it must carry; required with EAP

	// Machine and Person are who "teap" can prove inside; nil: nobody.
	Machine, Person *Credential
	// WithoutEMSK makes "teap" the supplicant of Windows, which signs and checks
	// crypto-bindings by the MSK alone (RFC 9930, section 5.2).
	WithoutEMSK bool
	// RFC7170 makes "teap" what wpa_supplicant and hostapd 2.10 made of that RFC; where
	// they differ from its successor stands in docs/teap.md.
	RFC7170 bool
	// Hints makes "teap" say whom it can prove before it is asked (RFC 9930, section
	// 4.2.20). Few servers understand it.
	Hints bool

	MinTLS, MaxTLS uint16 // 0: TLS 1.2 and TLS 1.3
	// FragmentSize bounds our EAP packets, header included: 100 to 1,398; 0 means
	// DefaultFragment.
	FragmentSize int
	// Sessions lets TLS resume; shared by the peers of one device. Nil: never.
	Sessions tls.ClientSessionCache
	// RequireBinding makes PEAP insist on a crypto-binding. Without it the peer
	// verifies and answers one that the server sends, and does well without. TEAP
	// insists on one always, and with it on an EMSK Compound MAC for each method that
	// makes an EMSK.
	RequireBinding bool
	// Abandon stops answering after that many EAP responses; 0: never. It plays
	// the phone that a dialogue box about our certificate sent to sleep.
	Abandon int
}

// A Stage is how far a Peer has come.
type Stage string

// The stages, in their order. Done means that the method is finished on our side
// and only EAP-Success is awaited; Refused that one side has said no and only
// EAP-Failure is.
const (
	StageIdentity  Stage = "identity"
	StageNak       Stage = "nak"
	StageHandshake Stage = "handshake"
	StageInner     Stage = "inner"
	StageDone      Stage = "done"
	StageRefused   Stage = "refused"
	StageSuccess   Stage = "success"
	StageFailure   Stage = "failure"
)

// A Peer is one log-in of one device. It is used by one caller at a time, and
// must be closed, or a handshake that never ended leaks.
type Peer struct {
	cfg    Config
	method *method
	tunnel *tunnel // nil with plain PAP

	stage     Stage
	request   []byte // the last that was answered, to know a repetition
	response  []byte
	responses int
	err       error
}

// A method is one row of the table of methods.
type method struct {
	name   string
	kind   packet.Type // 0: no EAP
	phase2 func(*tunnel) phase2
}

var methods = []method{
	{"tls", packet.TLS, newTLS},
	{"peap-mschapv2", packet.PEAP, newPEAP("mschapv2")},
	{"peap-gtc", packet.PEAP, newPEAP("gtc")},
	{"peap-tls", packet.PEAP, newPEAP("tls")},
	{"ttls-pap", packet.TTLS, newTTLSPAP},
	{"ttls-chap", packet.TTLS, newTTLSCHAP},
	{"ttls-mschap", packet.TTLS, newTTLSMSCHAP},
	{"ttls-mschapv2", packet.TTLS, newTTLSMSCHAPv2},
	{"ttls-eap-mschapv2", packet.TTLS, newTTLSEAP("mschapv2")},
	{"ttls-eap-gtc", packet.TTLS, newTTLSEAP("gtc")},
	{"ttls-eap-tls", packet.TTLS, newTTLSEAP("tls")},
	{"teap", packet.TEAP, newTEAP},
	{"pap", 0, nil},
}

// Methods returns the names that Config.Method takes.
func Methods() []string {
	var names []string
	for _, m := range methods {
		names = append(names, m.name)
	}
	return names
}

// New returns a peer that has said nothing yet. The error wraps [ErrConfig].
func New(cfg Config) (*Peer, error) {
	cfg = cfg.withDefaults()
	m, err := cfg.check()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	p := &Peer{cfg: cfg, method: m, stage: StageIdentity}
	if m.kind != 0 {
		p.tunnel = newTunnel(&p.cfg, m.kind, m.phase2)
	}
	return p, nil
}

func (c Config) withDefaults() Config {
	if c.Identity == "" {
		c.Identity = c.User
	}
	if c.User == "" {
		c.User = c.Identity
	}
	if c.FragmentSize == 0 {
		c.FragmentSize = DefaultFragment
	}
	if c.MinTLS == 0 {
		c.MinTLS = tls.VersionTLS12
	}
	if c.MaxTLS == 0 {
		c.MaxTLS = tls.VersionTLS13
	}
	return c
}

func (c Config) check() (*method, error) {
	m := findMethod(c.Method)
	switch {
	case m == nil:
		return nil, fmt.Errorf("unknown method %q: know %q", c.Method, Methods())
	case len(c.Identity) > 253:
		return nil, errors.New("an identity longer than 253 octets does not fit a User-Name")
	case m.kind == 0 && len(c.Password) > 128:
		return nil, errors.New("a password longer than 128 octets does not fit a User-Password (RFC 2865, section 5.2)")
	case m.kind == 0:
		return m, nil
	case c.Roots == nil || c.ServerName == "":
		return nil, errors.New("without Roots and ServerName anybody could be the server")
	case strings.HasSuffix(m.name, "tls") && c.Certificate == nil:
		return nil, fmt.Errorf("method %s needs a Certificate", m.name)
	case c.FragmentSize < 100 || c.FragmentSize > DefaultFragment:
		return nil, fmt.Errorf("fragment size %d is outside 100 to %d", c.FragmentSize, DefaultFragment)
	case c.MinTLS < tls.VersionTLS12 || c.MaxTLS > tls.VersionTLS13 || c.MinTLS > c.MaxTLS:
		return nil, errors.New("TLS versions are 1.2 and 1.3")
	case m.kind == packet.TEAP:
		return m, c.checkTEAP()
	}
	return m, nil
}

// inside is the credential of the methods that have one.
func (c *Config) inside(method string) *Credential {
	return &Credential{Identity: c.User, Method: method, Password: c.Password, Certificate: c.Certificate}
}

func findMethod(name string) *method {
	for i := range methods {
		if methods[i].name == name {
			return &methods[i]
		}
	}
	return nil
}

// Next takes one EAP packet of the server's side and returns the answer, which is
// nil after Success and Failure.
//
// An error that wraps [ErrDiscarded] changes nothing. After every other error the
// peer is done with: it answers nothing more. When the peer refuses the server
// inside TLS it answers with the alert and no error; [Peer.Err] tells the reason
// then and later.
func (p *Peer) Next(request []byte) (response []byte, err error) {
	if p.method.kind == 0 {
		return nil, fmt.Errorf("%w: method pap has no EAP", ErrConfig)
	}
	if p.stage == StageSuccess || p.stage == StageFailure {
		return nil, discard("the conversation is over")
	}
	q, err := packet.Parse(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDiscarded, err)
	}
	switch q.Code {
	case packet.Success:
		return nil, p.succeed()
	case packet.Failure:
		return nil, p.fail()
	case packet.Request:
		return p.answer(q, request)
	}
	return nil, discard("a Response came to the side that responds (RFC 3748, section 4.1)")
}

// answer answers a Request, and a repeated Request as before without looking at
// it again (RFC 3748, section 4.1).
func (p *Peer) answer(q packet.Packet, request []byte) ([]byte, error) {
	if p.response != nil && bytes.Equal(request, p.request) {
		return p.response, nil
	}
	if p.cfg.Abandon > 0 && p.responses >= p.cfg.Abandon {
		return nil, p.broken(ErrAbandoned)
	}
	kind, data, err := p.dispatch(q)
	if err != nil {
		return nil, err
	}
	p.responses++
	p.request = append(p.request[:0], request...)
	p.response = packet.Packet{Code: packet.Response, ID: q.ID, Type: kind, Data: data}.Encode()
	return p.response, nil
}

func (p *Peer) dispatch(q packet.Packet) (packet.Type, []byte, error) {
	begun := p.stage != StageIdentity && p.stage != StageNak
	switch {
	case q.Type == packet.Notification: // displayed by people's devices, and answered (RFC 3748, section 5.2)
		return packet.Notification, nil, nil
	case q.Type == p.method.kind:
		if begun && len(p.request) > 1 && p.request[1] == q.ID {
			// A new Request has a new Identifier (RFC 3748, section 4.1).
			return 0, nil, discard("identifier %d again, for another request", q.ID)
		}
		if !begun && p.tunnel.tooOld(q.Data) {
			p.stage = StageNak
			return packet.Nak, []byte{0}, nil
		}
		data, err := p.tunnel.next(q.Data, q.ID)
		if errors.Is(err, ErrDiscarded) {
			return 0, nil, err
		}
		if err != nil {
			return 0, nil, p.broken(err)
		}
		p.stage = p.tunnel.stage()
		return q.Type, data, nil
	case begun: // one method a conversation (RFC 3748, section 2.1)
		return 0, nil, discard("type %d in a conversation of type %d", q.Type, p.method.kind)
	case q.Type == packet.Identity:
		return packet.Identity, []byte(p.cfg.Identity), nil
	case q.Type == packet.Nak:
		return 0, nil, discard("a Nak is no request (RFC 3748, section 5.3.1)")
	}
	p.stage = StageNak
	return packet.Nak, []byte{byte(p.method.kind)}, nil
}

func (p *Peer) succeed() error {
	if p.stage != StageDone {
		// Believing this would let anybody end the check of the server (RFC 3748,
		// section 4.2).
		return p.broken(fmt.Errorf("%w: EAP-Success in stage %q", ErrServer, p.stage))
	}
	p.stage = StageSuccess
	return nil
}

func (p *Peer) fail() error {
	if p.method.kind == packet.TEAP && (p.stage == StageInner || p.stage == StageDone) {
		// Anybody could say so; the tunnel has not (RFC 9930, section 8.6).
		return discard("EAP-Failure in stage %q", p.stage)
	}
	p.err = p.Err()
	p.stage = StageFailure
	p.Close()
	return nil
}

func (p *Peer) broken(err error) error {
	p.err, p.stage = err, StageFailure
	p.Close()
	return err
}

// Success says that the method finished and EAP-Success came.
func (p *Peer) Success() bool { return p.stage == StageSuccess }

// Stage returns how far the peer has come.
func (p *Peer) Stage() Stage { return p.stage }

// Err returns why this side gave up: nil when it did not, and nil when the server
// said no to us.
func (p *Peer) Err() error {
	if p.err == nil && p.tunnel != nil {
		return p.tunnel.refused
	}
	return p.err
}

// Refusal returns the server's own words inside the tunnel, such as
// "E=691 R=0 C=… V=3 M=…"; empty when it said none.
func (p *Peer) Refusal() string {
	if p.tunnel == nil {
		return ""
	}
	return p.tunnel.refusal
}

// Keys returns the 64 octets of the MSK once the method is finished on this side,
// nil before.
func (p *Peer) Keys() (msk []byte) {
	if p.tunnel == nil || p.stage != StageDone && p.stage != StageSuccess {
		return nil
	}
	return p.tunnel.msk
}

// TLS returns the state of the tunnel: version, suite, resumed or not.
func (p *Peer) TLS() tls.ConnectionState {
	if p.tunnel == nil || p.tunnel.engine == nil {
		return tls.ConnectionState{}
	}
	return p.tunnel.engine.State()
}

// Responses returns how many EAP responses the peer has made, repetitions not
// counted.
func (p *Peer) Responses() int { return p.responses }

// Close frees an unfinished handshake. It may be called more than once, and keeps
// what the peer can tell.
func (p *Peer) Close() {
	if p.tunnel != nil {
		p.tunnel.close()
	}
}

// Format prints who the peer is and how far it came, for every verb: a peer holds
// a password and keys.
func (p *Peer) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "peer %q by %s, stage %s", p.cfg.Identity, p.cfg.Method, p.stage)
}

func discard(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrDiscarded}, args...)...)
}

func broke(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrServer}, args...)...)
}
