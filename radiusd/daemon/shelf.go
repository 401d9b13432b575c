package daemon

import (
	"crypto/tls"
	"reflect"
	"sync"
	"time"

	"causeway/certs"
	"causeway/radiusd/daemon/config"
	"causeway/radiusd/store"
	"causeway/realms"
)

// A shelf is the store of a configuration. Houses whose files say the same of it
// share one: a reload forgets no session and no wrong password.
type shelf struct {
	cfg    config.Store
	store  store.Store // sealed
	counts store.Store // the same, and what this server knows of it while it is away; sessions never crowd it out
	names  store.Store // of this server: whose the names are that were typed
	key    []byte      // with which they are sealed
	close  func()
	houses int
}

// shelves are those that some house holds.
type shelves struct {
	mu   sync.Mutex
	open []*shelf
}

// take returns the shelf of a configuration. Its error is [realms.Problems] or of the
// store's own words.
func (s *shelves) take(c config.Store, now func() time.Time, changed func(up bool, why string)) (*shelf, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, open := range s.open {
		if reflect.DeepEqual(open.cfg, c) {
			open.houses++
			return open, nil
		}
	}
	made, err := openShelf(c, now, changed)
	if err != nil {
		return nil, err
	}
	s.open = append(s.open, made)
	return made, nil
}

// give lets a house's shelf go.
func (s *shelves) give(back *shelf) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if back.houses--; back.houses > 0 {
		return
	}
	for i, open := range s.open {
		if open == back {
			s.open = append(s.open[:i], s.open[i+1:]...)
			break
		}
	}
	back.close()
}

// Bounds in memory, each beside the others: whoever fills one with log-ins or with ever
// new names has nothing forgotten in another.
const (
	countOctets = 16 << 20 // some 30,000 wrong passwords
	nameOctets  = 8 << 20  // some 30,000 names
)

// openShelf opens what the file names. What is in memory is sealed too, with a key
// that nobody knows: secrets of sessions lie nowhere as they are.
func openShelf(c config.Store, now func() time.Time, changed func(up bool, why string)) (*shelf, error) {
	made := &shelf{cfg: c, houses: 1, key: store.RandomKey(), close: func() {}}
	memory := store.NewMemory(store.MemoryConfig{Octets: countOctets, Now: now})
	made.names = store.NewMemory(store.MemoryConfig{Octets: nameOctets, Now: now})
	kept, counted, ends := store.Store(store.NewMemory(store.MemoryConfig{Now: now})), store.Store(memory), steady(now)
	if c.Kind == "redis" {
		redis, err := openRedis(c, changed)
		if err != nil {
			return nil, err
		}
		kept, counted, ends = redis, store.Fallback(redis, memory), now // the clock on the wall is what servers have in common
		made.key, made.close = []byte(c.Key.Reveal()), redis.Close
	}
	var err error
	if made.store, err = store.Seal(kept, made.key, ends); err != nil {
		return nil, err
	}
	made.counts, err = store.Seal(counted, made.key, ends)
	return made, err
}

// steady is the clock on the wall as it would be had nobody set it since (F17): what is
// sealed says its end by a time of the day, and wrong passwords must not be forgotten
// because the clock has jumped. How old a session is says its record, by the wall.
func steady(now func() time.Time) func() time.Time {
	began := now()
	return func() time.Time { return began.Add(now().Sub(began)) }
}

func openRedis(c config.Store, changed func(up bool, why string)) (*store.Redis, error) {
	cfg := store.RedisConfig{
		Addresses: c.Addresses, Master: c.Master, User: c.User, Password: c.Password.Reveal(), Prefix: c.Prefix, OnChange: changed,
	}
	if c.TLS {
		roots, err := certs.ReadAuthorities(c.CA)
		if err != nil {
			return nil, realms.Problems{{Key: "store.ca", Text: err.Error(), Fix: "name a PEM file with the authority of Redis's certificate"}}
		}
		cfg.TLS = &tls.Config{RootCAs: roots, ServerName: c.ServerName, MinVersion: tls.VersionTLS12}
	}
	return store.NewRedis(cfg)
}

// storeChanged tells that the store came or went. Nobody is refused for it.
func (d *Daemon) storeChanged(up bool, why string) {
	if up {
		d.desk.Notice("the store answers again")
		return
	}
	d.desk.Alarm("the store does not answer", "why", why, "meanwhile", "every log-in is a full one, and each server counts wrong passwords alone")
}
