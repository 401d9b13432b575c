package store

import (
	"bytes"
	"container/list"
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"
)

// A MemoryConfig bounds a [Memory]. The zero value is good.
type MemoryConfig struct {
	// Octets bounds what is kept, names and a hundred octets of upkeep for each
	// included; 0: 32 MiB. When it is reached, what was written first goes first.
	Octets int
	Now    func() time.Time // nil: time.Now
}

// Memory is a Store in this process: nothing to set up, nothing shared, and empty
// after a restart.
type Memory struct {
	cfg MemoryConfig

	mu     sync.Mutex
	byKey  map[string]*list.Element // of *kept
	order  *list.List               // oldest writing first
	octets int
}

// kept is one value, or one counter in eight octets.
type kept struct {
	key   string
	value []byte
	until time.Time
}

const (
	defaultOctets = 32 << 20
	upkeep        = 100 // of the map, the list and this struct, about
)

func (k *kept) octets() int { return len(k.key) + cap(k.value) + upkeep }

// NewMemory returns an empty store.
func NewMemory(cfg MemoryConfig) *Memory {
	if cfg.Octets == 0 {
		cfg.Octets = defaultOctets
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Memory{cfg: cfg, byKey: make(map[string]*list.Element), order: list.New()}
}

// Get is [Store]'s. The value is the caller's own.
func (m *Memory) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.find(key)
	if k == nil {
		return nil, ErrMissing
	}
	return bytes.Clone(k.value), nil
}

// Put is [Store]'s. A value that alone is longer than the store is not kept.
func (m *Memory) Put(_ context.Context, key string, value []byte, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(key)
	if ttl <= 0 {
		return nil
	}
	k := &kept{key: key, value: bytes.Clone(value), until: m.cfg.Now().Add(ttl)}
	if k.octets() > m.cfg.Octets {
		return fmt.Errorf("%d octets are more than the store holds: %w", len(value), ErrAway)
	}
	m.keep(k)
	return nil
}

// Add is [Store]'s.
func (m *Memory) Add(_ context.Context, key string, n int64, ttl time.Duration) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.find(key); k != nil && len(k.value) == 8 {
		sum := int64(binary.BigEndian.Uint64(k.value)) + n //nolint:gosec // it is written below
		binary.BigEndian.PutUint64(k.value, uint64(sum))   //nolint:gosec // two's complement, there and back
		return sum, nil
	}
	m.forget(key)
	m.keep(&kept{key: key, value: binary.BigEndian.AppendUint64(nil, uint64(n)), until: m.cfg.Now().Add(ttl)}) //nolint:gosec // as above
	return n, nil
}

// Delete is [Store]'s.
func (m *Memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(key)
	return nil
}

// find returns what is kept under a name and still good.
func (m *Memory) find(key string) *kept {
	e, ok := m.byKey[key]
	if !ok {
		return nil
	}
	k := e.Value.(*kept)
	if !m.cfg.Now().Before(k.until) {
		m.drop(e)
		return nil
	}
	return k
}

// keep makes room for k and keeps it. Two of the oldest are looked at each time, so
// that what is over goes though nobody asks for it.
func (m *Memory) keep(k *kept) {
	now := m.cfg.Now()
	for range 2 {
		if e := m.order.Front(); e != nil && !now.Before(e.Value.(*kept).until) {
			m.drop(e)
		}
	}
	for m.octets+k.octets() > m.cfg.Octets && m.order.Len() > 0 {
		m.drop(m.order.Front())
	}
	m.byKey[k.key] = m.order.PushBack(k)
	m.octets += k.octets()
}

func (m *Memory) forget(key string) {
	if e, ok := m.byKey[key]; ok {
		m.drop(e)
	}
}

func (m *Memory) drop(e *list.Element) {
	k := m.order.Remove(e).(*kept)
	delete(m.byKey, k.key)
	m.octets -= k.octets()
}
