// Package certs keeps the keys of the house: our own private keys and
// certificates, the authorities whose certificates we accept, and secrets that
// never print. No other room reads a key file.
package certs

import (
	"fmt"
	"log/slog"
)

// A Secret is a password or shared secret. It prints, logs and marshals as
// [secret], so that it cannot reach a log line, an error or a panic by
// accident; Reveal is the one way out.
//
// Package fmt calls no methods in two places, and prints a string there as it
// is: on unexported struct fields, so a struct that keeps a Secret in one needs a
// Format method of its own; and below a pointer that its verb does not fit, as
// %s of a struct with a pointer in it, which go vet refuses.
type Secret string

const redacted = "[secret]"

// Reveal returns the secret itself, for the code that signs or compares with it.
func (s Secret) Reveal() string { return string(s) }

// String returns [secret].
func (Secret) String() string { return redacted }

// GoString returns [secret], so that %#v does not print the secret either.
func (Secret) GoString() string { return redacted }

// Format prints [secret] for every verb, %x and %q included.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue makes slog write [secret].
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText makes JSON, TOML and XML encoders write [secret].
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
