// Package probe asks a federation's or a partner's server the one question that
// Status-Server cannot answer: does somebody who logs in through it get in? It plays
// a controller and a device with a test account, sends a real EAP log-in to one
// chosen server, and says in words what came back.
//
//	probe    one log-in through one server
//	explain  what came of it, in words: outcome, reason, whose fault
//
// A probe is a client and nothing else. Nobody's request makes one, no route leads
// through it, and its Accept lets nobody in: it has no port to open. So it may send an
// account of our own realm upstream, which for users is never done.
package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/certs"
	"causeway/radiusd/supplicant"
	"causeway/realms"
)

// Station is the Calling-Station-Id of every probe: an address that no device has
// (the local bit is set), by which an operator finds our probes in a log.
const Station = "02-00-00-00-00-01"

// Radio is the access point that a probe says it comes from.
const Radio = "02-00-00-00-00-02"

// Limits of one probe.
const (
	DefaultPatience = 10 * time.Second // for one request, as a controller has
	DefaultLimit    = 30 * time.Second // for a whole log-in, as a supplicant has
	repeatAfter     = 2 * time.Second  // RFC 5080, section 2.2.1
	statusPatience  = 3 * time.Second  // for a server one hop away
)

// An Exchange carries a request over any transport; see [supplicant.Exchange].
type Exchange = supplicant.Exchange

// An Account is who logs in, how, and whom they trust: a test account of our own
// realm or of another's, that is good for nothing else.
type Account struct {
	User     string // the inner name, with its realm
	Outer    string // the name that the proxies see; empty: User
	Password certs.Secret
	Method   string // one of [Methods]
	// Certificate is the account's own, for the methods that end in "tls".
	Certificate *tls.Certificate
	// Roots and ServerName prove the home organisation before anything is told to it:
	// a proxy on the way learns no password.
	Roots      *x509.CertPool
	ServerName string
}

// Name is the name that the proxies see.
func (a Account) Name() string {
	if a.Outer != "" {
		return a.Outer
	}
	return a.User
}

// Realm is the realm by which the proxies route.
func (a Account) Realm() string {
	name := a.Name()
	return strings.ToLower(name[strings.LastIndexByte(name, '@')+1:])
}

// Methods returns the methods that a probe can log in with. Plain PAP is none of
// them: every proxy on the way would read the password. TEAP asks for a computer.
func Methods() []string {
	return slices.DeleteFunc(supplicant.Methods(), func(m string) bool { return m == "pap" || m == "teap" })
}

// A Server is the one that the log-in goes to, whatever its health.
type Server struct {
	Name      string // as the configuration calls it
	Address   string // host:port
	Transport string // "udp" or "radsec"; for the report
	Stream    bool   // what Dial opens loses nothing: no request is repeated (R32)
	Secret    certs.Secret
	// WithoutStatusServer and Unsigned mean what they mean to the pool of upstream
	// servers: it ignores Status-Server; it signs no replies.
	WithoutStatusServer bool
	Unsigned            bool

	// Dial opens a connected socket over which one Read is one packet.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Exchange carries the requests where the transport is another; Dial is not used.
	Exchange Exchange
}

// A Probe is one log-in to be made.
type Probe struct {
	Account  Account
	Server   Server
	Operator string // our realm, sent as Operator-Name `1<realm>` (RFC 5580); empty: none
	NAS      string // NAS-Identifier
	SSID     string // in Called-Station-Id

	Patience time.Duration // for one request; 0: DefaultPatience
	Limit    time.Duration // for all of it; 0: DefaultLimit
}

// An Outcome is what came of a probe, in the order of badness. Its number is the
// exit code of the command (R52).
type Outcome int

// The outcomes. Reject is everything that was answered and let nobody in, whichever
// side said no; Timeout is silence; Config is a probe that could not be made.
const (
	Accept Outcome = iota
	Reject
	Timeout
	Config
)

func (o Outcome) String() string {
	return [...]string{"accept", "reject", "timeout", "config"}[o]
}

// A Result is what came of a probe.
type Result struct {
	Outcome Outcome
	Reason  realms.Reason // a row of the table of reasons; empty with Accept
	Words   string        // what happened and what it means, with no secret in it

	Began       time.Time
	Duration    time.Duration
	Rounds      int               // requests that were answered
	Retransmits int               // requests that were repeated
	TLS         string            // "1.2" or "1.3"; empty: no tunnel
	Certificate *x509.Certificate // the server's, as seen inside EAP, trusted or not; nil: none was shown
	Message     string            // Reply-Message
}

// Run makes the probe. It ends with ctx, and by itself after the Limit.
func (p Probe) Run(ctx context.Context) Result {
	r := Result{Began: time.Now()}
	p.run(ctx, &r)
	r.Duration = time.Since(r.Began)
	return r
}

func (p Probe) run(ctx context.Context, r *Result) {
	a := p.Account
	peer, err := supplicant.New(supplicant.Config{
		Identity: a.Name(), User: a.User, Password: a.Password, Method: a.Method,
		Certificate: a.Certificate, Roots: a.Roots, ServerName: a.ServerName,
	})
	if err != nil {
		r.say(Config, ErrMisconfigured, "the test account cannot log in: %v", err)
		return
	}
	limited, cancel := context.WithTimeout(ctx, orElse(p.Limit, DefaultLimit))
	defer cancel()
	controller, hangUp, err := p.controller(limited)
	if err != nil {
		peer.Close()
		r.unreached(p.Server, err)
		return
	}
	defer hangUp()
	l := login{probe: p, peer: peer, controller: controller, result: r}
	l.said, l.err = controller.Login(limited, peer)
	l.note()
	l.explain(ctx) // which has time to ask the server how it is
}

// controller is the pretend controller that the log-in comes from.
func (p Probe) controller(ctx context.Context) (*supplicant.Controller, func(), error) {
	c := &supplicant.Controller{
		Secret: p.Server.Secret, Unsigned: p.Server.Unsigned,
		NASIdentifier: p.NAS, SSID: p.SSID, AP: Radio, Calling: Station,
	}
	c.Timeout, c.Retries = tries(orElse(p.Patience, DefaultPatience), repeatAfter)
	if p.Server.Stream {
		c.Timeout, c.Retries = orElse(p.Patience, DefaultPatience), -1
	}
	if p.Operator != "" {
		const operatorName = 126 // RFC 5580, section 4.1; 1 is the namespace of realms
		c.Attributes.Add(operatorName, radius.Attribute("1"+p.Operator))
	}
	if p.Server.Exchange != nil {
		c.Exchange = p.Server.Exchange
		return c, func() {}, nil
	}
	conn, err := p.Server.Dial(ctx, p.Server.Address)
	if err != nil {
		return nil, nil, err
	}
	c.Conn = conn
	return c, func() { _ = conn.Close() }, nil
}

// tries divides patience into a wait before each repetition, and how many there are.
func tries(patience, each time.Duration) (timeout time.Duration, retries int) {
	n := max(2, int(patience/each))
	return patience / time.Duration(n), n - 1
}

// A login is one that has ended, for better or worse.
type login struct {
	probe      Probe
	peer       *supplicant.Peer
	controller *supplicant.Controller
	said       supplicant.Result
	err        error
	result     *Result
}

// note writes down what was seen, whatever it means.
func (l *login) note() {
	r := l.result
	r.Rounds, r.Retransmits = l.said.Rounds, l.said.Retransmits
	state := l.peer.TLS()
	switch state.Version {
	case tls.VersionTLS12:
		r.TLS = "1.2"
	case tls.VersionTLS13:
		r.TLS = "1.3"
	}
	if len(state.PeerCertificates) > 0 {
		r.Certificate = state.PeerCertificates[0]
	}
	var untrusted *tls.CertificateVerificationError
	if errors.As(l.peer.Err(), &untrusted) && len(untrusted.UnverifiedCertificates) > 0 {
		r.Certificate = untrusted.UnverifiedCertificates[0]
	}
	if l.said.Packet != nil {
		r.Message = replyMessage(l.said.Packet)
	}
}

// mostMessage is how much of a Reply-Message is kept: it is a stranger's.
const mostMessage = 253

func replyMessage(p *radius.Packet) string {
	texts, err := rfc2865.ReplyMessage_GetStrings(p)
	if err != nil {
		return ""
	}
	all := strings.Join(texts, " ")
	return strings.ToValidUTF8(all[:min(len(all), mostMessage)], "?")
}

// alive asks the server itself how it is; false as well when that is not known.
func (l *login) alive(ctx context.Context) bool {
	c := l.controller
	c.Timeout, c.Retries = tries(min(statusPatience, orElse(l.probe.Patience, statusPatience)), time.Second)
	c.Unsigned = true // some sign no answer to Status-Server, and this one decides nothing
	return c.Status(ctx) == nil
}

func orElse(d, other time.Duration) time.Duration {
	if d == 0 {
		return other
	}
	return d
}
