package eap

import "context"

// An innerGTC is EAP-GTC (RFC 3748, section 5.6): the password as it is, inside a
// tunnel only.
type innerGTC struct{ in *inner }

func newInnerGTC(in *inner) Method { return &innerGTC{in: in} }

// Close has nothing to free.
func (*innerGTC) Close() {}

// Next asks for the password and takes it.
func (m *innerGTC) Next(ctx context.Context, data []byte) (Step, error) {
	if data == nil {
		return Step{Request: []byte("Password: ")}, nil
	}
	account, err := m.in.c.server.checkPassword(ctx, m.in.who, data)
	if err != nil {
		return Step{}, err
	}
	return Step{Done: &Result{proofs: []proved{{identity: m.in.who, account: account, device: m.in.who.Machine()}}}}, nil
}
