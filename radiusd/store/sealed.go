package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
	"time"
)

// Seal returns a Store that gives away nothing to whoever reads or writes s: values
// are encrypted, authenticated and bound to their names and to their end, and names
// are digests. What was changed, moved under another name or put back after its
// end is [ErrMissing] (S20). Counters stay numbers, since the store itself adds
// them up.
//
// The key may be of any length; whoever shares the store shares it.
func Seal(s Store, key []byte, now func() time.Time) (Store, error) {
	names, err := hkdf.Key(sha256.New, key, nil, "causeway store: names", 32)
	if err != nil {
		return nil, err
	}
	values, err := hkdf.Key(sha256.New, key, nil, "causeway store: values", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(values)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	return &sealed{in: s, names: sync.Pool{New: func() any { return hmac.New(sha256.New, names) }}, aead: aead, now: now}, nil
}

// RandomKey returns a key for a store that nobody shares.
func RandomKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it cannot fail
	return key
}

type sealed struct {
	in    Store
	names sync.Pool // of hash.Hash: digests of names
	aead  cipher.AEAD
	now   func() time.Time
}

// name is the digest under which a value is kept.
func (s *sealed) name(key string) string {
	mac := s.names.Get().(hash.Hash)
	defer s.names.Put(mac)
	mac.Reset()
	_, _ = mac.Write([]byte(key))
	var sum [sha256.Size]byte
	return base64.RawURLEncoding.EncodeToString(mac.Sum(sum[:0])[:24])
}

// Get opens what is kept. In front of the value stands its end in milliseconds
// since 1970.
func (s *sealed) Get(ctx context.Context, key string) ([]byte, error) {
	name := s.name(key)
	box, err := s.in.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	plain, err := s.aead.Open(nil, nil, box, []byte(name))
	if err != nil || len(plain) < 8 {
		return nil, fmt.Errorf("what is there was not written here: %w", ErrMissing)
	}
	if until := int64(binary.BigEndian.Uint64(plain)); s.now().UnixMilli() >= until { //nolint:gosec // Put wrote it
		return nil, fmt.Errorf("what is there is over: %w", ErrMissing)
	}
	return plain[8:], nil
}

// Put seals a value.
func (s *sealed) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	name := s.name(key)
	plain := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(value)), uint64(s.now().Add(ttl).UnixMilli())) //nolint:gosec // after 1970
	return s.in.Put(ctx, name, s.aead.Seal(nil, nil, append(plain, value...), []byte(name)), ttl)
}

func (s *sealed) Add(ctx context.Context, key string, n int64, ttl time.Duration) (int64, error) {
	return s.in.Add(ctx, s.name(key), n, ttl)
}

func (s *sealed) Delete(ctx context.Context, key string) error {
	return s.in.Delete(ctx, s.name(key))
}
