// Package store keeps what the servers of a pair share, and what one server would
// forget between two log-ins: sessions that may be resumed, and counters of wrong
// passwords.
//
// It holds only what may be lost at the cost of one retry or one full handshake.
// Whoever asks it must do without when it does not answer, and a log-in never
// fails for its sake (F6).
package store

import (
	"context"
	"errors"
	"time"
)

// A Store keeps values and counters by name, each until its time is over.
//
// Names may hold what must not be read elsewhere, such as somebody's user name:
// what leaves this process goes through [Seal].
type Store interface {
	// Get returns a value that was put; [ErrMissing] when there is none, or none
	// any more.
	Get(ctx context.Context, key string) ([]byte, error)
	// Put keeps a value for so long.
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Add adds n to a counter and returns its sum. A counter begins at zero and
	// ends when ttl has passed since its first Add.
	Add(ctx context.Context, key string, n int64, ttl time.Duration) (int64, error)
	// Delete forgets a value or counter, if there is one.
	Delete(ctx context.Context, key string) error
}

// Errors of a store. Every error of Get, Put, Add and Delete wraps one of them.
var (
	ErrMissing = errors.New("nothing is kept under that name")
	// ErrAway says that the store did not answer in time, or is known not to.
	ErrAway = errors.New("the store does not answer")
)
