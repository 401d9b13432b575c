package eap

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/certs"
	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

const (
	testRealm    = "northbridge.nhs.uk"
	testSubrealm = "wards.northbridge.nhs.uk"
	serverName   = "radius.northbridge.nhs.uk"
)

// A memory is a directory in a map.
type memory struct {
	mu       sync.Mutex
	password map[string]string // by user@realm
	fault    map[string]error
	asked    int // passwords checked
}

func newMemory() *memory {
	return &memory{
		password: map[string]string{
			"amy@" + testRealm: "correct horse", "ben@" + testSubrealm: "battery staple", "dee@" + testRealm: "disabled one",
			"host/pc01." + testRealm: "", "lost@" + testRealm: "nobody home", laptop: "machine secret", desktop: "machine secret",
		},
		fault: map[string]error{"dee@" + testRealm: realms.ErrDisabled, "lost@" + testRealm: realms.ErrUnreachable},
	}
}

func (m *memory) Lookup(_ context.Context, id realms.Identity) (realms.Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.password[id.String()]; !ok {
		return realms.Account{}, realms.ErrUnknownUser
	}
	return realms.Account{Name: id.String(), Groups: []string{"nurses"}}, m.fault[id.String()]
}

func (m *memory) CheckPassword(ctx context.Context, id realms.Identity, password certs.Secret) (realms.Account, error) {
	m.mu.Lock()
	m.asked++
	want, ok := m.password[id.String()]
	m.mu.Unlock()
	if ok && want != password.Reveal() {
		return realms.Account{}, realms.ErrBadPassword
	}
	return m.Lookup(ctx, id)
}

func (m *memory) NTHash(_ context.Context, id realms.Identity) ([16]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if errors.Is(m.fault[id.String()], realms.ErrUnreachable) {
		return [16]byte{}, realms.ErrUnreachable
	}
	want, ok := m.password[id.String()]
	if !ok {
		return [16]byte{}, realms.ErrUnknownUser
	}
	return packet.NTHash(want), nil
}

func (m *memory) VerifyCHAP(ctx context.Context, id realms.Identity, ident byte, challenge, response []byte) (realms.Account, error) {
	m.mu.Lock()
	want, ok := m.password[id.String()]
	m.mu.Unlock()
	sum := md5.Sum(append(append([]byte{ident}, want...), challenge...))
	if ok && !bytes.Equal(sum[:], response) {
		return realms.Account{}, realms.ErrBadPassword
	}
	return m.Lookup(ctx, id)
}

// A verifier judges MSCHAPv2 as a domain controller does.
type verifier struct{ *memory }

func (v verifier) VerifyMSCHAPv2(ctx context.Context, id realms.Identity, c realms.Challenge) (realms.Account, realms.SessionKey, error) {
	hash, err := v.NTHash(ctx, id)
	if err != nil {
		return realms.Account{}, realms.SessionKey{}, err
	}
	if packet.NTResponse(c.Authenticator, c.Peer, c.UserName, hash) != c.NTResponse {
		return realms.Account{}, realms.SessionKey{}, realms.ErrBadPassword
	}
	account, err := v.Lookup(ctx, id)
	return account, realms.SessionKey(packet.HashNTHash(hash)), err
}

// A ward is everything that a test needs.
type ward struct {
	authority, strangers *certs.Authority
	keeper               *certs.Keeper
	directory            *memory
	clients              map[string]tls.Certificate
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// theWard is made once: keys are slow.
var theWard = sync.OnceValue(func() *ward {
	w := &ward{directory: newMemory(), clients: map[string]tls.Certificate{}}
	w.authority = must(certs.NewAuthority("Northbridge Test", time.Now(), certs.Options{}))
	w.strangers = must(certs.NewAuthority("Somebody Else", time.Now(), certs.Options{}))
	w.keeper = must(certs.FromPair(must(w.authority.Server([]string{serverName}, certs.Options{})), w.authority))
	for _, name := range []string{"amy@" + testRealm, "ben@" + testSubrealm, "dee@" + testRealm, "zoe@" + testRealm, "amy@elsewhere.ac.uk"} {
		w.clients[name] = must(w.authority.Client(name, certs.Options{})).Certificate
	}
	w.clients["stranger"] = must(w.strangers.Client("amy@"+testRealm, certs.Options{})).Certificate
	w.clients["expired"] = must(w.authority.Client("amy@"+testRealm, certs.Options{
		NotBefore: time.Now().Add(-72 * time.Hour), NotAfter: time.Now().Add(-48 * time.Hour),
	})).Certificate
	w.clients["server"] = w.keeper.Current().Certificate
	return w
})

func (w *ward) roots() *x509.CertPool { return w.authority.Pool() }

func (w *ward) config() Config {
	return Config{
		Realm: testRealm, Subrealms: []string{testSubrealm}, Methods: []string{"tls", "ttls", "peap", "pap"},
		Inner:  []string{"mschapv2", "gtc", "tls", "pap", "mschap", "chap"},
		Keeper: w.keeper, Directory: w.directory,
	}
}

// serve returns a server whose configuration change has changed.
func serve(t testing.TB, change func(*Config)) *Server {
	t.Helper()
	cfg := theWard().config()
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// reasonOf returns the reason in an error; "" for none.
func reasonOf(err error) realms.Reason {
	var r realms.Reason
	errors.As(err, &r)
	return r
}

// access builds an Access-Request that carries an EAP packet.
func access(name string, eap []byte, mtu int) *radius.Packet {
	p := radius.New(radius.CodeAccessRequest, []byte("a secret of some length"))
	_ = rfc2865.UserName_SetString(p, name)
	if mtu > 0 {
		_ = rfc2865.FramedMTU_Set(p, rfc2865.FramedMTU(mtu))
	}
	for ; eap != nil; eap = eap[min(253, len(eap)):] {
		p.Add(attrEAPMessage, radius.Attribute(eap[:min(253, len(eap))]))
		if len(eap) <= 253 {
			break
		}
	}
	return p
}

func open(s *Server, name string) realms.Conversation {
	id, err := realms.ParseIdentity(name)
	if err != nil {
		panic(err)
	}
	return s.Open(realms.Question{From: id, Packet: access(name, nil, 0)})
}

func identityResponse(name string) []byte {
	return packet.Packet{Code: packet.Response, ID: 7, Type: packet.Identity, Data: []byte(name)}.Encode()
}

// withoutClients returns a keeper that knows no authority of devices.
func withoutClients() *certs.Keeper {
	return must(certs.FromPair(must(theWard().authority.Server([]string{serverName}, certs.Options{})), nil))
}

func newKeeperPair() (*certs.Keeper, error) {
	w := theWard()
	return certs.FromPair(must(w.authority.Server([]string{serverName}, certs.Options{})), w.authority)
}
