package directory

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync/atomic"

	ldap "github.com/go-ldap/ldap/v3"

	"causeway/certs"
	"causeway/realms"
)

// A server is one LDAP server: two pools of connections and a mark that says
// whether it is worth asking.
//
// Searches share connections, since LDAP answers many requests at once on one
// (RFC 4511, section 3.1). A bind has a connection to itself: it changes who the
// connection belongs to, and nothing else may be under way (section 4.2.1).
type server struct {
	*health
	l       *LDAP
	address string // as in the configuration
	tls     *tls.Config
	ldaps   bool
	sharing []*shared
	next    atomic.Uint32
	binding chan *conn // idle connections, and nil for each that may yet be dialled
}

func newServer(l *LDAP, address string) (*server, *realms.Problem) {
	host, port, ldaps, problem := l.cfg.parseServer(address)
	if problem != nil {
		return nil, problem
	}
	s := &server{l: l, address: address, ldaps: ldaps, binding: make(chan *conn, l.cfg.BindConns)}
	s.health = &health{name: net.JoinHostPort(host, port), rota: l.rota, look: s.ask}
	if ldaps || l.cfg.StartTLS {
		s.tls = &tls.Config{ServerName: host, RootCAs: l.cfg.Roots, MinVersion: tls.VersionTLS12}
		if l.cfg.ServerName != "" {
			s.tls.ServerName = l.cfg.ServerName
		}
	}
	for range l.cfg.SearchConns {
		s.sharing = append(s.sharing, newShared())
	}
	for range l.cfg.BindConns {
		s.binding <- nil
	}
	return s, nil
}

// search runs a search on a shared connection. A connection that was open before
// may have been closed from the other side meanwhile, and gets a second chance.
func (s *server) search(ctx context.Context, req *ldap.SearchRequest) (*ldap.SearchResult, error) {
	slot := s.sharing[s.next.Add(1)%uint32(len(s.sharing))]
	for {
		c, fresh, err := slot.get(ctx, s)
		if err != nil {
			return nil, err
		}
		res, err := c.search(ctx, req)
		if asFault(err) == nil {
			return res, err
		}
		c.kill()
		if fresh || ctx.Err() != nil || isAnswer(err) {
			return nil, err
		}
	}
}

// bind checks a password on a connection of its own.
func (s *server) bind(ctx context.Context, dn string, password certs.Secret) error {
	for {
		c, fresh, err := s.takeBinding(ctx)
		if err != nil {
			return err
		}
		err = c.bind(ctx, dn, password)
		failed := asFault(err) != nil
		if failed || s.over() {
			c.kill()
			s.binding <- nil
		} else {
			s.binding <- c
		}
		if !failed {
			return err
		}
		if fresh || ctx.Err() != nil || isAnswer(err) {
			return err
		}
	}
}

// takeBinding waits for a connection; the caller gives it back, or nil.
func (s *server) takeBinding(ctx context.Context) (c *conn, fresh bool, err error) {
	select {
	case c = <-s.binding:
	case <-ctx.Done():
		return nil, false, fmt.Errorf("no connection was free: %w", context.Cause(ctx))
	case <-s.rota.ctx.Done():
		return nil, false, errClosed
	}
	if c != nil && s.usable(c) {
		return c, false, nil
	}
	if c != nil {
		c.kill()
	}
	if c, err = s.dial(ctx, false); err != nil {
		s.binding <- nil
		return nil, false, err
	}
	return c, true, nil
}

func (s *server) usable(c *conn) bool { return c.generation == s.age() && !c.lost() }

// ask asks for the root entry, which every server has (RFC 4512, section 5.1).
func (s *server) ask(ctx context.Context) error {
	_, err := s.search(ctx, ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)", []string{"1.1"}, nil))
	return err
}

// close ends the connections that are idle; the others end with their requests.
func (s *server) close() {
	s.health.close()
	for _, slot := range s.sharing {
		slot.close()
	}
	for range cap(s.binding) {
		select {
		case c := <-s.binding:
			if c != nil {
				c.kill()
			}
			s.binding <- nil
		default:
		}
	}
}
