package directory

import "context"

// A shared is a place for one connection that many searches use at once.
type shared struct {
	turn chan struct{} // holds one token; whoever has it may look and dial
	c    *conn
}

func newShared() *shared {
	s := &shared{turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s
}

// get returns the connection and dials it when there is none. fresh says that
// this call dialled.
func (s *shared) get(ctx context.Context, from *server) (c *conn, fresh bool, err error) {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return nil, false, ctx.Err()
	case <-from.rota.ctx.Done():
		return nil, false, errClosed
	}
	defer func() { s.turn <- struct{}{} }()
	if s.c != nil && from.usable(s.c) {
		return s.c, false, nil
	}
	if s.c != nil { // it ended, or its server was down meanwhile
		s.c.kill()
		s.c = nil
	}
	c, err = from.dialSearching(ctx)
	if err != nil {
		return nil, false, err
	}
	s.c = c
	return c, true, nil
}

// close ends the connection.
func (s *shared) close() {
	<-s.turn
	defer func() { s.turn <- struct{}{} }()
	if s.c != nil {
		s.c.kill()
		s.c = nil
	}
}
