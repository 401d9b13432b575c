package supplicant

import (
	"crypto/tls"
	"errors"

	"causeway/certs"
	"causeway/radiusd/eap/packet"
)

// A Credential is what somebody can prove inside a tunnel, and by which method.
type Credential struct {
	Identity    string
	Method      string // "mschapv2", "gtc", "tls", or "password" (TEAP only)
	Password    certs.Secret
	Certificate *tls.Certificate // for "tls"
}

// innerMethods are the EAP methods that run inside a tunnel, by the names that a
// Credential and the ends of the peer's methods give them.
var innerMethods = []struct {
	name string
	kind packet.Type
	new  func(cfg *Config, who *Credential) innerMethod
}{
	{"mschapv2", packet.MSCHAPv2, func(_ *Config, who *Credential) innerMethod { return newEAPMSCHAPv2(who) }},
	{"gtc", packet.GTC, func(_ *Config, who *Credential) innerMethod { return &eapGTC{who: who} }},
	{"tls", packet.TLS, func(cfg *Config, who *Credential) innerMethod { return newInnerTLS(cfg, who) }},
}

// check returns what is missing.
func (c *Credential) check() error {
	switch {
	case c.Identity == "" || len(c.Identity) > 253:
		return errors.New("a credential needs an identity of at most 253 octets")
	case c.Method == "tls" && c.Certificate == nil:
		return errors.New("method tls needs a Certificate")
	case c.Method == "password" && (c.Password == "" || len(c.Password) > 255):
		return errors.New("method password needs a Password of 1 to 255 octets")
	case c.Method == "password" || c.Method == "tls":
		return nil
	}
	for _, m := range innerMethods {
		if m.name == c.Method {
			return nil
		}
	}
	return errors.New("no inner method " + c.Method)
}

// An innerMethod is one EAP method of an inner conversation.
type innerMethod interface {
	// next takes and returns the Data of EAP packets of the method.
	next(data []byte, id uint8) ([]byte, error)
	// done says that the method has come to its end on our side, well or not.
	done() bool
	// proved says that it has, and well: the server has proved what the method lets it
	// prove, and we have said all that we have to say.
	proved() bool
	// keys returns the MSK and the EMSK of a method that proved; nil for one that the
	// method does not make.
	keys() (msk, emsk []byte)
	// refusal returns why it ended badly: the server's words, or our own reason.
	refusal() (words string, err error)
	close()
}

// An innerEAP is one EAP conversation inside a tunnel, the same one in PEAP, TTLS and
// TEAP (RFC 3748; RFC 5281, section 11.2.1; RFC 9930, section 3.6.2).
type innerEAP struct {
	cfg    *Config
	who    *Credential
	kind   packet.Type // the one method that we want
	method innerMethod // nil until the server has proposed it
	make   func(*Config, *Credential) innerMethod

	named bool // the identity was asked for
	last  int  // the last request's identifier; -1: none
}

func newInnerEAP(cfg *Config, who *Credential) *innerEAP {
	e := &innerEAP{cfg: cfg, who: who, last: -1}
	for _, m := range innerMethods {
		if m.name == who.Method {
			e.kind, e.make = m.kind, m.new
		}
	}
	return e
}

// identity returns the answer to an identity request that nobody has to ask: TTLS
// begins with it.
func (e *innerEAP) identity() packet.Packet {
	e.named = true
	return packet.Packet{Code: packet.Response, ID: 0, Type: packet.Identity, Data: []byte(e.who.Identity)}
}

// next answers one request. Inside a tunnel nothing gets lost and nothing comes in
// from outside, so what EAP says to discard is the server's fault here.
func (e *innerEAP) next(q packet.Packet) (packet.Packet, error) {
	if q.Code != packet.Request {
		return packet.Packet{}, broke("EAP code %d inside where a request was due", q.Code)
	}
	if int(q.ID) == e.last {
		return packet.Packet{}, broke("inner identifier %d again, for another request", q.ID)
	}
	a := packet.Packet{Code: packet.Response, ID: q.ID, Type: q.Type}
	switch {
	case q.Type == packet.Notification: // RFC 3748, section 5.2
	case q.Type == packet.Identity && e.method == nil:
		e.named = true
		a.Data = []byte(e.who.Identity)
	case q.Type == e.kind:
		if e.method == nil {
			e.method = e.make(e.cfg, e.who)
		}
		data, err := e.method.next(q.Data, q.ID)
		if err != nil {
			return a, err
		}
		a.Data = data
	case e.method != nil: // one method a conversation (RFC 3748, section 2.1)
		return a, broke("inner type %d in a conversation of type %d", q.Type, e.kind)
	case q.Type == packet.Nak:
		return a, broke("an inner Nak is no request (RFC 3748, section 5.3.1)")
	default:
		a.Type, a.Data = packet.Nak, []byte{byte(e.kind)}
	}
	e.last = int(q.ID)
	return a, nil
}

// begun says that the method, not only the identity, was asked for.
func (e *innerEAP) begun() bool { return e.method != nil }

// done says that the method has ended on our side.
func (e *innerEAP) done() bool { return e.method != nil && e.method.done() }

// proved says that the method has ended well on our side.
func (e *innerEAP) proved() bool { return e.method != nil && e.method.proved() }

func (e *innerEAP) keys() (msk, emsk []byte) {
	if !e.proved() {
		return nil, nil
	}
	return e.method.keys()
}

func (e *innerEAP) refusal() (words string, err error) {
	if e.method == nil {
		return "", nil
	}
	return e.method.refusal()
}

func (e *innerEAP) close() {
	if e.method != nil {
		e.method.close()
	}
}

// An eapGTC answers whatever it is asked with the password (RFC 3748, section 5.6). The
// server proves nothing.
type eapGTC struct {
	who  *Credential
	said bool
}

func (m *eapGTC) next([]byte, uint8) ([]byte, error) {
	if m.said {
		return nil, broke("asked for a second token")
	}
	m.said = true
	return []byte(m.who.Password.Reveal()), nil
}

func (m *eapGTC) done() bool             { return m.said }
func (m *eapGTC) proved() bool           { return m.said }
func (*eapGTC) keys() (msk, emsk []byte) { return nil, nil }
func (*eapGTC) refusal() (string, error) { return "", nil }
func (*eapGTC) close()                   {}

// An innerTLS is EAP-TLS inside a tunnel: a tunnel again, in which nothing is said.
type innerTLS struct{ tunnel *tunnel }

// tunnelOverhead is what a message inside costs in the packet around it: TLS, its
// longest padding, headers and TLVs.
const tunnelOverhead = 96

// newInnerTLS never resumes (RFC 9930, section 3.6.5): who comes back quickly resumes
// the tunnel around it.
func newInnerTLS(cfg *Config, who *Credential) innerMethod {
	inner := *cfg
	inner.Certificate, inner.Sessions = who.Certificate, nil
	if cfg.RFC7170 {
		inner.MinTLS, inner.MaxTLS = tls.VersionTLS12, tls.VersionTLS12 // see docs/teap.md
	}
	inner.FragmentSize = max(cfg.FragmentSize-tunnelOverhead, packet.MinFragment)
	return &innerTLS{newTunnel(&inner, packet.TLS, newTLS)}
}

func (m *innerTLS) next(data []byte, id uint8) ([]byte, error) {
	answer, err := m.tunnel.next(data, id)
	if errors.Is(err, ErrDiscarded) {
		return nil, broke("%w", err)
	}
	return answer, err
}

func (m *innerTLS) done() bool   { return m.proved() || m.tunnel.rejected }
func (m *innerTLS) proved() bool { return m.tunnel.stage() == StageDone }

func (m *innerTLS) keys() (msk, emsk []byte) { return m.tunnel.msk, m.tunnel.emsk }

func (m *innerTLS) refusal() (string, error) { return m.tunnel.refusal, m.tunnel.refused }

func (m *innerTLS) close() { m.tunnel.close() }
