package directory_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	ldap "github.com/go-ldap/ldap/v3"
	"github.com/oiweiwei/go-msrpc/msrpc/dtyp"
	"github.com/oiweiwei/go-msrpc/msrpc/nrpc/logon/v1"
	"github.com/oiweiwei/go-msrpc/ndr"
	"github.com/oiweiwei/go-msrpc/ssp/credential"
	"github.com/oiweiwei/go-msrpc/ssp/netlogon"

	"causeway/certs"
	"causeway/radiusd/eap/packet"
	"causeway/realms/directory"
	"causeway/realms/directory/directorytest"
)

// A pretender is a domain controller that misbehaves as a test tells it, which Samba
// cannot be made to: it knows one nurse by LDAP and judges her password through
// Netlogon, and keeps what it was asked.
type pretender struct {
	mu     sync.Mutex
	how    behaviour
	silent bool    // it takes connections and says nothing
	has    []*pipe // what it has open

	LDAP     *responder
	conns    atomic.Int64
	open     atomic.Int64
	logons   atomic.Int64
	atOnce   atomic.Int32 // negotiations under way
	crossed  atomic.Bool  // two negotiations were
	together atomic.Bool  // two calls on one connection were
}

// A behaviour is how a pretender misbehaves; the zero value is good.
type behaviour struct {
	grants   uint32       // of what a client asks for; 0: all of it
	password certs.Secret // of the computer account; empty: the right one
	// answer may change the answer to a log-on, or be another, or none (nil). It is
	// told the how manieth log-on it is.
	answer func(on *pretence, nth int64, sealed []byte) []byte
	// reply makes the answer before it is sealed.
	reply func(r *logon.SAMLogonExResponse) ndr.Marshaler
	// slow is how long a negotiation takes.
	slow time.Duration
	// crossed is how many channels have come across another's negotiation: the first
	// call, or when early the seal itself, is answered with a fault.
	crossed *atomic.Int32
	early   bool
	// unbound is written in place of what is said before there is a seal, by
	// operation: bind 0, alter context 1, challenge 4, authenticate 26.
	unbound map[int][]byte
}

// behave changes how it behaves.
func (p *pretender) behave(how behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.how = how
}

func (p *pretender) manner() behaviour {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.how
}

// A pretence is one connection to its Netlogon.
type pretence struct {
	net.Conn
	p     *pretender
	auth  *netlogon.Authentifier
	cfg   *netlogon.Config
	busy  atomic.Int32
	calls uint32
}

func newPretender() *pretender {
	p := &pretender{}
	p.LDAP = &responder{search: func(filter string) []*ber.Packet {
		ok := done(ldap.ApplicationSearchResultDone, result{})
		switch {
		case strings.Contains(filter, "crossRef"):
			return []*ber.Packet{found("CN=NORTHBRIDGE,CN=Partitions,"+base, "nETBIOSName", directorytest.NetBIOS), ok}
		case strings.Contains(filter, "=group)"):
			return []*ber.Packet{found("CN=Wifi-Clinical,OU=Groups,"+base, "sAMAccountName", "Wifi-Clinical"), ok}
		case strings.Contains(filter, "sAMAccountName=nurse)"):
			return []*ber.Packet{found(nurseDN, goodNurse...), ok}
		case filter == "(objectClass=*)":
			return []*ber.Packet{found("", "configurationNamingContext", "CN=Configuration,"+base), ok}
		}
		return []*ber.Packet{ok}
	}}
	return p
}

// timeless is a certificate that is good by every clock of a test.
var timeless = sync.OnceValues(func() (id identity, err error) {
	century := certs.Options{NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2098, 1, 1, 0, 0, 0, 0, time.UTC)}
	if id.authority, err = certs.NewAuthority("timeless", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), century); err != nil {
		return id, err
	}
	pair, err := id.authority.Server([]string{serverName}, century)
	if err != nil {
		return id, err
	}
	id.server, err = tls.X509KeyPair(pair.CertPEM, []byte(pair.KeyPEM.Reveal()))
	return id, err
})

type identity struct {
	authority *certs.Authority
	server    tls.Certificate
}

// dial connects to the pretender: to LDAP over TLS, or to Netlogon. As a net.Dialer's, its
// error comes without a connection, which nobody would close.
func (p *pretender) dial(ctx context.Context, address string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	theirs, ours := newPipe()
	p.mu.Lock()
	ours.ldap = strings.HasSuffix(address, ":636")
	p.has = append(p.has, ours)
	silent := p.silent
	p.mu.Unlock()
	switch {
	case silent:
		go func() { _, _ = io.Copy(io.Discard, ours) }()
	case ours.ldap:
		id, err := timeless()
		if err != nil {
			return nil, err
		}
		go p.LDAP.converse(tls.Server(ours, &tls.Config{Certificates: []tls.Certificate{id.server}, MinVersion: tls.VersionTLS12}))
	default:
		p.conns.Add(1)
		p.open.Add(1)
		go (&pretence{Conn: ours, p: p}).serve()
	}
	return theirs, nil
}

// A pipe is one end of a connection in memory, which holds what is written until it is
// read, as a socket does and net.Pipe does not.
type pipe struct {
	net.Conn // nobody asks for addresses
	in, out  *pipeHalf
	mute     atomic.Bool // what is written reaches nobody
	ldap     bool
}

type pipeHalf struct {
	mu     sync.Mutex
	more   *sync.Cond
	octets []byte
	closed bool
}

func newPipe() (one, other *pipe) {
	a, b := new(pipeHalf), new(pipeHalf)
	a.more, b.more = sync.NewCond(&a.mu), sync.NewCond(&b.mu)
	return &pipe{in: a, out: b}, &pipe{in: b, out: a}
}

func (p *pipe) Read(b []byte) (int, error) {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	for len(p.in.octets) == 0 {
		if p.in.closed {
			return 0, io.EOF
		}
		p.in.more.Wait()
	}
	n := copy(b, p.in.octets)
	p.in.octets = p.in.octets[n:]
	return n, nil
}

func (p *pipe) Write(b []byte) (int, error) {
	if p.mute.Load() {
		return len(b), nil
	}
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	if p.out.closed {
		return 0, io.ErrClosedPipe
	}
	p.out.octets = append(p.out.octets, b...)
	p.out.more.Broadcast()
	return len(b), nil
}

func (p *pipe) Close() error {
	for _, half := range []*pipeHalf{p.in, p.out} {
		half.mu.Lock()
		half.closed = true
		half.more.Broadcast()
		half.mu.Unlock()
	}
	return nil
}

func (p *pipe) SetDeadline(time.Time) error      { return nil } // contexts end what waits
func (p *pipe) SetReadDeadline(time.Time) error  { return nil }
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }

// hush makes it take connections and say nothing, on old ones too.
func (p *pretender) hush() {
	p.forget()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = true
}

// forget has its old connections carry nothing any more, as after a firewall lost
// them; new ones are well.
func (p *pretender) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.has {
		c.mute.Store(true)
	}
}

// forgetNetlogon is forget for Netlogon alone.
func (p *pretender) forgetNetlogon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.has {
		if !c.ldap {
			c.mute.Store(true)
		}
	}
}

// restart ends all connections.
func (p *pretender) restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.has {
		_ = c.Close()
	}
	p.has = nil
}

// serve answers one packet after the other.
func (c *pretence) serve() {
	defer c.p.open.Add(-1)
	defer func() { _ = c.Close() }()
	negotiating := false
	defer func() {
		if negotiating {
			c.p.atOnce.Add(-1)
		}
	}()
	for {
		header := make([]byte, 16)
		if _, err := io.ReadFull(c, header); err != nil {
			return
		}
		rest := make([]byte, int(binary.LittleEndian.Uint16(header[8:]))-16)
		if _, err := io.ReadFull(c, rest); err != nil {
			return
		}
		whole, auth := append(header, rest...), int(binary.LittleEndian.Uint16(header[10:]))
		c.calls = binary.LittleEndian.Uint32(header[12:])
		said := whole[24:]
		if auth > 0 {
			said = whole[24 : len(whole)-auth-8]
		}
		var answer []byte
		switch header[2] {
		case 11: // bind
			answer = c.packet(12, append([]byte{0xb8, 0x10, 0xb8, 0x10}, accepted()...), nil)
			answer = c.instead(0, answer)
		case 14: // alter context
			if how := c.p.manner(); how.early && how.crossed.Add(-1) >= 0 {
				_, _ = c.Write(c.fault(secPkgError))
				return
			}
			answer = c.packet(15, append([]byte{0xb8, 0x10, 0xb8, 0x10}, accepted()...), []byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
			answer = c.instead(1, answer)
			c.auth = &netlogon.Authentifier{Config: c.cfg}
			c.cfg.IsServer = true
			if _, err := c.auth.AuthMessageReply(context.Background(), []byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}); err != nil {
				return
			}
			if negotiating {
				negotiating = false
				c.p.atOnce.Add(-1)
			}
		default:
			operation := int(binary.LittleEndian.Uint16(whole[22:]))
			if operation == 4 && !negotiating {
				negotiating = true
				if c.p.atOnce.Add(1) > 1 {
					c.p.crossed.Store(true)
				}
			}
			answer = c.operate(operation, whole, said, auth)
		}
		if answer != nil {
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	}
}

// accepted is a result list that accepts one context, and no secondary address.
func accepted() []byte {
	b := []byte{0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}
	return append(b, make([]byte, 20)...)
}

func (c *pretence) instead(operation int, answer []byte) []byte {
	if other, ok := c.p.manner().unbound[operation]; ok {
		return other
	}
	return answer
}

// operate answers a call.
func (c *pretence) operate(operation int, whole, said []byte, auth int) []byte {
	switch operation {
	case 4:
		in := new(logon.RequestChallengeRequest)
		if ndr.Unmarshal(said, in) != nil {
			return nil
		}
		time.Sleep(c.p.manner().slow)
		password := c.p.manner().password
		if password == "" {
			password = machinePassword
		}
		c.cfg = &netlogon.Config{
			Credential: credential.NewFromPassword("RADIUS1$", password.Reveal()), ClientChallenge: in.ClientChallenge.Data, ServerChallenge: []byte("challeng"),
		}
		return c.instead(4, c.response(&logon.RequestChallengeResponse{ServerChallenge: &logon.Credential{Data: c.cfg.ServerChallenge}}))
	case 26:
		in := new(logon.Authenticate3Request)
		if ndr.Unmarshal(said, in) != nil {
			return nil
		}
		c.cfg.Capabilities = netlogon.Cap(in.NegotiateFlags)
		key, err := netlogon.NewSecureCredential(context.Background(), c.cfg)
		if err != nil {
			return nil
		}
		ours, err := key.Encrypt(context.Background(), c.cfg.ServerChallenge)
		if err != nil {
			return nil
		}
		granted := in.NegotiateFlags
		if grants := c.p.manner().grants; grants != 0 {
			granted &= grants
		}
		return c.instead(26, c.response(&logon.Authenticate3Response{ServerCredential: &logon.Credential{Data: ours}, NegotiateFlags: granted}))
	case 39:
		return c.judge(whole, auth)
	}
	return nil
}

// judge opens a log-on and seals the answer.
func (c *pretence) judge(whole []byte, auth int) []byte {
	if c.busy.Add(1) > 1 {
		c.p.together.Store(true)
	}
	defer c.busy.Add(-1)
	ctx := context.Background()
	header, said := whole[:24], whole[24:len(whole)-auth-8]
	trailer, signature := whole[len(whole)-auth-8:len(whole)-auth], whole[len(whole)-auth:]
	if _, err := c.auth.UnwrapInboundPayload(ctx, [][]byte{header, said, trailer}, [][]byte{said}, signature); err != nil {
		return nil
	}
	in := new(logon.SAMLogonExRequest)
	if ndr.Unmarshal(said[:len(said)-int(trailer[2])], in) != nil {
		return nil
	}
	nth := c.p.logons.Add(1)
	out := judged(in)
	how := c.p.manner()
	if how.crossed != nil && !how.early && how.crossed.Add(-1) >= 0 {
		return c.fault(secPkgError)
	}
	reply := ndr.Marshaler(out)
	if how.reply != nil {
		reply = how.reply(out)
	}
	sealed := c.sealed(reply)
	if how.answer != nil {
		return how.answer(c, nth, sealed)
	}
	return sealed
}

// judged is what a domain controller finds: the nurse's password is good.
func judged(in *logon.SAMLogonExRequest) *logon.SAMLogonExResponse {
	network, _ := in.LogonInformation.GetValue().(*logon.NetworkInfo)
	want := packet.ChallengeResponse([8]byte(network.LMChallenge.Data), packet.NTHash("good"))
	if network.Identity.UserName.Buffer != "nurse" || string(network.NTChallengeResponse.Buffer) != string(want[:]) {
		return refusing(0xC000006A)
	}
	key := packet.HashNTHash(packet.NTHash("good"))
	return admitting(key[:])
}

func refusing(status uint32) *logon.SAMLogonExResponse {
	return &logon.SAMLogonExResponse{ValidationLevel: logon.ValidationInfoClassSAMInfo4, ValidationInformation: &logon.Validation{Value: &logon.Validation_SAM4{}}, Return: int32(status)}
}

func admitting(key []byte) *logon.SAMLogonExResponse {
	return &logon.SAMLogonExResponse{
		ValidationLevel: logon.ValidationInfoClassSAMInfo4,
		ValidationInformation: &logon.Validation{Value: &logon.Validation_SAM4{ValidationSAM4: &logon.ValidationSAMInfo4{
			LogonDomainID:  &dtyp.SID{Revision: 1, IDAuthority: &dtyp.SIDIDAuthority{Value: []byte{0, 0, 0, 0, 0, 5}}, SubAuthority: []uint32{21}},
			UserSessionKey: &logon.UserSessionKey{Data: []*logon.CypherBlock{{Data: key[:8]}, {Data: key[8:]}}},
		}}},
		Authoritative: 1,
	}
}

// response is an answer that is not sealed.
func (c *pretence) response(out ndr.Marshaler) []byte {
	stub, err := ndr.Marshal(out)
	if err != nil {
		return nil
	}
	return c.packet(2, append(make([]byte, 8), stub...), nil)
}

// sealed is one that is.
func (c *pretence) sealed(out ndr.Marshaler) []byte {
	stub, err := ndr.Marshal(out)
	if err != nil {
		return nil
	}
	pad := (16 - len(stub)%16) % 16
	stub = append(stub, make([]byte, pad)...)
	p := c.packet(2, append(make([]byte, 8), stub...), make([]byte, 56))
	end := len(p) - 56
	p[end-6] = byte(pad)
	signature, err := c.auth.WrapOutboundPayload(context.Background(), [][]byte{p[:24], p[24 : end-8], p[end-8 : end]}, [][]byte{p[24 : end-8]})
	if err != nil {
		return nil
	}
	copy(p[end:], signature)
	return p
}

// secPkgError is what a domain controller says whose negotiation of our account is
// another than the channel's.
const secPkgError = 0x721

// fault is an answer to the call under way that is one.
func (c *pretence) fault(status uint32) []byte {
	return c.packet(3, append(binary.LittleEndian.AppendUint32(make([]byte, 8), status), 0, 0, 0, 0), nil)
}

func (c *pretence) packet(kind byte, body, auth []byte) []byte {
	size := 16 + len(body)
	if len(auth) > 0 {
		size += 8 + len(auth)
	}
	p := []byte{5, 0, kind, 7, 0x10, 0, 0, 0}
	p = binary.LittleEndian.AppendUint16(p, uint16(size))
	p = binary.LittleEndian.AppendUint16(p, uint16(len(auth)))
	p = binary.LittleEndian.AppendUint32(p, c.calls)
	p = append(p, body...)
	if len(auth) > 0 {
		p = append(p, 68, 6, 0, 0, 1, 0, 0, 0)
	}
	return append(p, auth...)
}

// adOfPretenders is a directory of domain controllers that pretend, by their hosts.
func adOfPretenders(t testing.TB, hosts map[string]*pretender, servers ...string) directory.ADConfig {
	t.Helper()
	id, err := timeless()
	if err != nil {
		t.Fatal(err)
	}
	return directory.ADConfig{
		Name: "trust", Domain: directorytest.Domain, NetBIOS: directorytest.NetBIOS, Servers: servers,
		Computer: "RADIUS1", ComputerPassword: machinePassword, Roots: id.authority.Pool(), ServerName: serverName, NetlogonPort: directorytest.PortNetlogon,
		Attempt: 20 * time.Second, Total: 60 * time.Second, Retry: time.Hour,
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			if hosts[host] == nil {
				return nil, errors.New("connection refused")
			}
			return hosts[host].dial(ctx, address)
		},
	}
}
