package eap

import (
	"context"

	"causeway/certs"
	"causeway/realms"
)

// A Guard keeps repeated wrong passwords away from the directory (S21).
type Guard interface {
	// Enter tells whether an attempt may reach the directory. Its error wraps
	// [realms.ErrGuarded] or [realms.ErrBadPassword]. password is empty for a
	// challenge's response, where nobody can tell one password from another.
	Enter(ctx context.Context, id realms.Identity, password certs.Secret) error
	// Leave tells the guard what the directory said of an attempt that entered.
	Leave(ctx context.Context, id realms.Identity, password certs.Secret, err error)
}

// guarded asks a directory, unless the guard refuses.
func guarded[T any](ctx context.Context, g Guard, id realms.Identity, password certs.Secret, ask func() (T, error)) (answer T, err error) {
	if g == nil {
		return ask()
	}
	if err := g.Enter(ctx, id, password); err != nil {
		return answer, err
	}
	err = realms.ErrInternal // if ask panics
	defer func() { g.Leave(ctx, id, password, err) }()
	answer, err = ask()
	return answer, err
}
