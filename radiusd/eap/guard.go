package eap

import (
	"context"

	"causeway/certs"
	"causeway/realms"
)

// A Guard keeps repeated wrong passwords away from the directory (S21).
type Guard interface {
	// Enter tells whether an attempt may reach the directory, and returns what must
	// be told what the directory said. Its error wraps [realms.ErrGuarded] or
	// [realms.ErrBadPassword]. password is empty for a challenge's response, where
	// nobody can tell one password from another.
	Enter(ctx context.Context, id realms.Identity, password certs.Secret) (leave func(said error), err error)
}

// guarded asks a directory, unless the guard refuses.
func guarded[T any](ctx context.Context, g Guard, id realms.Identity, password certs.Secret, ask func() (T, error)) (answer T, err error) {
	if g == nil {
		return ask()
	}
	leave, err := g.Enter(ctx, id, password)
	if err != nil {
		return answer, err
	}
	err = realms.ErrInternal // if ask panics
	defer func() { leave(err) }()
	answer, err = ask()
	return answer, err
}
