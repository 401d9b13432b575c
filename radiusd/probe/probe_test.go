package probe

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc5580"

	"causeway/certs"
	"causeway/radiusd/eap"
	"causeway/radiusd/eap/packet"
	"causeway/radiusd/supplicant"
	"causeway/radiusd/transport"
	"causeway/realms"
)

const (
	testUser     = "probe@home.example"
	testPassword = "correct horse battery staple"
	testSecret   = "a secret between two proxies"
	testName     = "radius.home.example"
)

// An account is the directory of the home organisation: one test account.
type account struct{}

func (account) CheckPassword(_ context.Context, _ realms.Identity, password certs.Secret) (realms.Account, error) {
	if password.Reveal() != testPassword {
		return realms.Account{}, realms.ErrBadPassword
	}
	return realms.Account{Name: "probe"}, nil
}

func (account) Lookup(context.Context, realms.Identity) (realms.Account, error) {
	return realms.Account{Name: "probe"}, nil
}

func (account) NTHash(context.Context, realms.Identity) ([16]byte, error) {
	return packet.NTHash(testPassword), nil
}

// A town is a proxy with a home organisation behind it.
type town struct {
	home  *eap.Server
	roots *x509.CertPool
	other *x509.CertPool // of an authority that has nothing to do with it

	mu    sync.Mutex
	talks map[string]realms.Conversation
	seen  []*radius.Packet

	answers func(q *radius.Packet) *radius.Packet // in the home's place; nil: the home
	silent  func(q *radius.Packet) bool           // nil: never
	keyless bool                                  // the proxy keeps the keys to itself
}

func newTown(t *testing.T) *town {
	t.Helper()
	now := time.Now()
	authority, err := certs.NewAuthority("home", now, certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := certs.NewAuthority("other", now, certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Server([]string{testName}, certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := certs.FromPair(pair, nil)
	if err != nil {
		t.Fatal(err)
	}
	home, err := eap.New(eap.Config{Realm: "home.example", Methods: []string{"peap", "ttls"}, Inner: []string{"mschapv2", "pap"}, Keeper: keeper, Directory: account{}, AllowDifferentOuter: true})
	if err != nil {
		t.Fatal(err)
	}
	return &town{home: home, roots: authority.Pool(), other: other.Pool(), talks: map[string]realms.Conversation{}}
}

// answer is what the proxy sends back; nil: nothing.
func (w *town) answer(q *radius.Packet) *radius.Packet {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, q)
	switch {
	case w.silent != nil && w.silent(q):
		return nil
	case w.answers != nil:
		return w.answers(q)
	case q.Code == radius.CodeStatusServer:
		return q.Response(radius.CodeAccessAccept)
	}
	state := string(q.Get(rfc2865.State_Type))
	talk := w.talks[state]
	if talk == nil {
		state = fmt.Sprint("state ", len(w.talks))
		id, err := realms.ParseIdentity(rfc2865.UserName_GetString(q))
		if err != nil {
			return nil
		}
		talk = w.home.Open(realms.Question{From: id, Packet: q})
		w.talks[state] = talk
	}
	a, _ := talk.Answer(context.Background(), q) // its error is for a log
	if a.Code == 0 {
		return nil
	}
	reply := q.Response(a.Code)
	transport.AddEAP(reply, a.EAP)
	if a.Keys.Recv != nil && !w.keyless {
		transport.AddKeys(reply, a.Keys.Recv, a.Keys.Send)
	}
	if a.Code == radius.CodeAccessChallenge {
		_ = rfc2865.State_SetString(reply, state)
	}
	return reply
}

// listen puts the town behind a UDP socket with a secret.
func (w *town) listen(t *testing.T, secret string) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = conn.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			q, err := radius.Parse(append([]byte(nil), buf[:n]...), []byte(secret))
			if err != nil {
				continue
			}
			if reply := w.answer(q); reply != nil {
				_, _ = conn.WriteTo(signed(reply, q), from)
			}
		}
	}()
	return conn.LocalAddr().String()
}

// signed encodes a reply with its Message-Authenticator first.
func signed(reply, q *radius.Packet) []byte {
	reply.Attributes = append(radius.Attributes{{Type: rfc2869.MessageAuthenticator_Type, Attribute: make([]byte, 16)}}, reply.Attributes...)
	reply.Authenticator = q.Authenticator
	b, err := reply.MarshalBinary()
	if err != nil {
		panic(err)
	}
	mac := hmac.New(md5.New, q.Secret)
	_, _ = mac.Write(b)
	copy(reply.Attributes[0].Attribute, mac.Sum(nil))
	b, err = reply.Encode()
	if err != nil {
		panic(err)
	}
	return b
}

func (w *town) probe(address string) Probe {
	return Probe{
		Account: Account{User: testUser, Outer: "anonymous@home.example", Password: testPassword, Method: "peap-mschapv2", Roots: w.roots, ServerName: testName},
		Server: Server{Name: "roam-1", Address: address, Transport: "udp", Secret: testSecret, Dial: func(ctx context.Context, a string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "udp", a)
		}},
		Operator: "northbridge.nhs.uk", NAS: "northbridge", SSID: "eduroam",
		Patience: 400 * time.Millisecond,
	}
}

// Holds R52: what a server, or the organisation behind it, does is told apart, with
// an outcome, a reason and words.
func TestWhatCameBackIsExplained(t *testing.T) {
	status := func(q *radius.Packet) bool { return q.Code == radius.CodeStatusServer }
	for name, c := range map[string]struct {
		with    func(w *town, p *Probe)
		secret  string // the proxy's; empty: ours
		outcome Outcome
		reason  realms.Reason
		words   []string
		shown   bool // a certificate was, though nobody was let in or refused
	}{
		"accept":      {outcome: Accept, words: []string{"the home organisation home.example let probe@home.example in after"}},
		"ttls-pap":    {with: func(_ *town, p *Probe) { p.Account.Method = "ttls-pap" }, outcome: Accept},
		"a wrong one": {with: func(_ *town, p *Probe) { p.Account.Password = "hunter2" }, outcome: Reject, reason: ErrRefused, words: []string{"refused probe@home.example inside the tunnel", "the name or the password is wrong (E=691)"}},
		"a wrong one, pap": {with: func(_ *town, p *Probe) { p.Account.Method, p.Account.Password = "ttls-pap", "hunter2" }, outcome: Reject, reason: ErrRefused,
			words: []string{"once its certificate had been shown"}},
		"the proxy says no": {with: func(w *town, _ *Probe) {
			w.answers = func(q *radius.Packet) *radius.Packet {
				r := q.Response(radius.CodeAccessReject)
				_ = rfc2865.ReplyMessage_SetString(r, "no such realm\n\x1b[31m")
				return r
			}
		}, outcome: Reject, reason: ErrNoRoute, words: []string{"roam-1 answered Reject after 1 round trip", "knows no realm home.example", `it says "no such realm\n\x1b[31m"`}},
		"an Accept without its keys": {with: func(w *town, _ *Probe) { w.keyless = true }, outcome: Reject, reason: realms.ErrUpstreamReply, shown: true,
			words: []string{"the keys in it are not those of the log-in"}},
		"another authority": {with: func(w *town, p *Probe) { p.Account.Roots = w.other }, outcome: Reject, reason: ErrCertificate,
			words: []string{`the certificate of "radius.home.example" is not from an authority of ours`, "No password was sent"}},
		"another name": {with: func(_ *town, p *Probe) { p.Account.ServerName = "radius.elsewhere.example" }, outcome: Reject, reason: ErrCertificate,
			words: []string{"does not carry the name radius.elsewhere.example"}},
		"the home is silent": {with: func(w *town, _ *Probe) { w.silent = func(q *radius.Packet) bool { return !status(q) } }, outcome: Timeout, reason: ErrHomeSilent,
			words: []string{"roam-1 answered Status-Server", "the proxy lives, the home is silent"}},
		"the home falls silent": {with: func(w *town, _ *Probe) {
			w.silent = func(q *radius.Packet) bool { return !status(q) && len(w.seen) > 1 }
		}, outcome: Timeout, reason: ErrHomeSilent, words: []string{"fell silent after 1 round trip", "large packets may be lost"}},
		"the home falls silent later": {with: func(w *town, _ *Probe) {
			w.silent = func(q *radius.Packet) bool { return !status(q) && len(w.seen) > 3 }
		}, outcome: Timeout, reason: ErrHomeSilent, shown: true, words: []string{"fell silent after 3 round trips, after its certificate"}},
		"dead": {with: func(w *town, _ *Probe) { w.silent = func(*radius.Packet) bool { return true } }, outcome: Timeout, reason: realms.ErrUpstreamDown,
			words: []string{"roam-1 answered nothing, Status-Server neither"}},
		"dead, and not to be asked": {with: func(w *town, p *Probe) {
			p.Server.WithoutStatusServer = true
			w.silent = func(q *radius.Packet) bool { return !status(q) }
		}, outcome: Timeout, reason: realms.ErrUpstreamDown, words: []string{"knows no Status-Server"}},
		"another secret": {secret: "another secret altogether", outcome: Timeout, reason: realms.ErrUpstreamReply, words: []string{"another shared secret than ours"}},
		"nobody's name": {with: func(_ *town, p *Probe) {
			p.Server.Dial = func(context.Context, string) (net.Conn, error) {
				return nil, &net.DNSError{Err: "no such host", Name: "roam1.example.net"}
			}
		}, outcome: Timeout, reason: realms.ErrUpstreamDown, words: []string{"the name of roam-1 leads nowhere"}},
		"no account": {with: func(_ *town, p *Probe) { p.Account.ServerName = "" }, outcome: Config, reason: ErrMisconfigured},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			secret := c.secret
			if secret == "" {
				secret = testSecret
			}
			p := w.probe(w.listen(t, secret))
			if c.with != nil {
				w.mu.Lock()
				c.with(w, &p)
				w.mu.Unlock()
			}
			r := p.Run(context.Background())
			if r.Outcome != c.outcome || r.Reason != c.reason {
				t.Errorf("%v %q, want %v %q: %s", r.Outcome, r.Reason, c.outcome, c.reason, r.Words)
			}
			for _, words := range c.words {
				if !strings.Contains(r.Words, words) {
					t.Errorf("it says %q, and not %q", r.Words, words)
				}
			}
			if strings.Contains(r.Words, testPassword) || strings.Contains(r.Words, "hunter2") || strings.Contains(r.Words, testSecret) {
				t.Errorf("a secret is printed: %s", r.Words)
			}
			shown := c.shown || c.outcome == Accept || c.reason == ErrRefused || c.reason == ErrCertificate
			if shown != (r.Certificate != nil) || shown && Subject(r.Certificate) != testName {
				t.Errorf("the certificate is %v", r.Certificate)
			}
		})
	}
}

// A probe says who it is as federations expect, and carries the outer name.
func TestAProbeSaysWhoItIs(t *testing.T) {
	w := newTown(t)
	if r := w.probe(w.listen(t, testSecret)); r.Run(context.Background()).Outcome != Accept {
		t.Fatal("it was not let in")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.seen[0]
	for want, got := range map[string]string{
		"1northbridge.nhs.uk":    rfc5580.OperatorName_GetString(q),
		Station:                  rfc2865.CallingStationID_GetString(q),
		Radio + ":eduroam":       rfc2865.CalledStationID_GetString(q),
		"northbridge":            rfc2865.NASIdentifier_GetString(q),
		"anonymous@home.example": rfc2865.UserName_GetString(q),
		"Framed-User":            rfc2865.ServiceType_Get(q).String(),
	} {
		if want != got {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}

// Over another transport a probe is the same log-in: an Exchange carries it.
func TestAnotherTransport(t *testing.T) {
	w := newTown(t)
	p := w.probe("")
	p.Server.Secret, p.Server.Transport, p.Server.Dial = "radsec", "radsec", nil
	p.Server.Exchange = func(_ context.Context, q *radius.Packet) (*radius.Packet, error) {
		if reply := w.answer(q); reply != nil {
			return reply, nil
		}
		return nil, fmt.Errorf("the connection: %w", supplicant.ErrNoAnswer)
	}
	if r := p.Run(context.Background()); r.Outcome != Accept || r.Certificate == nil || r.Rounds < 5 {
		t.Errorf("%+v", r)
	}
	w.silent = func(q *radius.Packet) bool { return q.Code != radius.CodeStatusServer }
	if r := p.Run(context.Background()); r.Outcome != Timeout || r.Reason != ErrHomeSilent {
		t.Errorf("a silent home: %+v", r)
	}
	p.Server.Exchange = func(context.Context, *radius.Packet) (*radius.Packet, error) {
		return nil, errors.New("handshake refused")
	}
	if r := p.Run(context.Background()); r.Outcome != Timeout || r.Reason != realms.ErrUpstreamDown || !strings.Contains(r.Words, "handshake refused") {
		t.Errorf("no connection: %+v", r)
	}
}

// A probe ends with its context.
func TestAProbeIsBrokenOff(t *testing.T) {
	w := newTown(t)
	ctx, cancel := context.WithCancel(context.Background())
	w.silent = func(*radius.Packet) bool { cancel(); return true }
	p := w.probe(w.listen(t, testSecret))
	p.Patience = time.Hour // nothing but the context ends it
	if r := p.Run(ctx); r.Outcome != Timeout || r.Reason != realms.ErrServerStopped {
		t.Errorf("%+v", r)
	}
}
