package directory

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"

	ldap "github.com/go-ldap/ldap/v3"

	"causeway/certs"
)

// A conn is one connection. go-ldap knows no contexts, so each request runs
// beside its caller, who stops waiting when the context ends.
type conn struct {
	ldap       *ldap.Conn
	raw        net.Conn        // the socket itself: closing it frees whatever hangs in a read or write
	closed     <-chan struct{} // the directory's end
	generation uint64
	dead       atomic.Bool
}

// errClosed says that the directory was closed while it was asked, or has lost this
// server.
var errClosed = errors.New("the directory is closed, or has this server no more")

// dial connects, with TLS where it is configured, and binds as nobody yet. A shared
// connection is one that many searches use at once.
func (s *server) dial(ctx context.Context, shared bool) (*conn, error) {
	if s.over() {
		return nil, errClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.rota.ctx, cancel)()
	generation := s.age()
	raw, err := s.l.cfg.Dial(ctx, s.name)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if shared {
		raw = gather(raw)
	}
	c := &conn{raw: raw, generation: generation, closed: s.rota.ctx.Done()}
	if s.ldaps {
		encrypted := tls.Client(raw, s.tls)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			_ = raw.Close() // the handshake's error is the one to tell
			return nil, tlsFault(err)
		}
		c.start(encrypted, s)
		return c, nil
	}
	c.start(raw, s)
	if s.tls == nil {
		return c, nil
	}
	if _, err := do(ctx, c.closed, func() (any, error) { return nil, c.ldap.StartTLS(s.tls) }); err != nil {
		c.kill()
		return nil, tlsFault(err)
	}
	return c, nil
}

func (c *conn) start(over net.Conn, s *server) {
	c.ldap = ldap.NewConn(over, s.ldaps)
	// go-ldap's own time limit costs a goroutine and a timer for each request. It is not
	// needed: when somebody stops waiting, the connection is killed, and all that is
	// under way on it ends.
	c.ldap.Start()
}

// tlsFault tells a certificate that is not trusted from a connection that broke.
// go-ldap flattens the error of StartTLS, so that its text must do.
func tlsFault(err error) error {
	text := err.Error()
	return &fault{
		error:         fmt.Errorf("TLS: %w", err),
		misconfigured: strings.Contains(text, "failed to verify certificate") || strings.Contains(text, "Protocol Error"),
	}
}

// dialSearching is dial for a connection that searches: bound to the service
// account.
func (s *server) dialSearching(ctx context.Context) (*conn, error) {
	c, err := s.dial(ctx, true)
	if err != nil || s.l.cfg.Bind == "" {
		return c, err
	}
	err = c.bind(ctx, s.l.cfg.Bind, s.l.cfg.Password)
	if err == nil {
		return c, nil
	}
	c.kill()
	if asFault(err) == nil {
		return nil, &fault{error: fmt.Errorf("the server refuses the service account %s: %w", s.l.cfg.Bind, err), misconfigured: true}
	}
	return nil, err
}

// do runs a request and stops waiting when ctx ends, or the directory.
func do[T any](ctx context.Context, closed <-chan struct{}, request func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			// A reply that go-ldap cannot take apart must cost one question
			// and not the process.
			if broken := recover(); broken != nil {
				o.err = fmt.Errorf("the reply made no sense: %v", broken)
			}
			done <- o
		}()
		o.value, o.err = request()
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("no answer: %w", ctx.Err())
	case <-closed:
		var none T
		return none, errClosed
	}
}

func (c *conn) bind(ctx context.Context, dn string, password certs.Secret) error {
	req := ldap.NewSimpleBindRequest(dn, password.Reveal(), nil)
	_, err := do(ctx, c.closed, func() (*ldap.SimpleBindResult, error) { return c.ldap.SimpleBind(req) })
	return err
}

func (c *conn) search(ctx context.Context, req *ldap.SearchRequest) (*ldap.SearchResult, error) {
	return do(ctx, c.closed, func() (*ldap.SearchResult, error) { return c.ldap.Search(req) })
}

// lost says that the connection has ended.
func (c *conn) lost() bool { return c.dead.Load() || c.ldap.IsClosing() }

// kill ends the connection. The reader of go-ldap sees it and frees the rest.
func (c *conn) kill() {
	c.dead.Store(true)
	_ = c.raw.Close() // nothing is left to be lost
}
