package eap

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"
)

// pages are records in a map.
type pages struct {
	mu      sync.Mutex
	at      map[string][]byte
	ttl     map[string]time.Duration
	away    error // what every call says
	gets    int
	deletes int
}

func newPages() *pages { return &pages{at: map[string][]byte{}, ttl: map[string]time.Duration{}} }

func (p *pages) Get(_ context.Context, key string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gets++
	b, ok := p.at[key]
	if p.away != nil || !ok {
		return nil, errors.Join(p.away, errors.New("not there"))
	}
	return bytes.Clone(b), nil
}

func (p *pages) Put(_ context.Context, key string, value []byte, ttl time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away == nil {
		p.at[key], p.ttl[key] = bytes.Clone(value), ttl
	}
	return p.away
}

func (p *pages) Delete(_ context.Context, key string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deletes++
	delete(p.at, key)
	return p.away
}
