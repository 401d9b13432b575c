package daemon

import (
	"context"
	"crypto/x509"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"causeway/certs"
	"causeway/certs/revocation"
	"causeway/radiusd/daemon/config"
)

// firstLook is how long a start, or a reload, waits for lists and answers that are
// fetched. What is not there then is there later.
const firstLook = 5 * time.Second

// A watch is what runs in the background for certificates: the registry of one
// authority, for devices or for RadSec peers, or the stapler of one certificate of ours.
// Houses whose files say the same share one: a reload forgets no list, and looks at each
// anew.
type watch struct {
	of       string // what the log calls it
	key      any    // what it was made from
	registry *revocation.Registry
	stapler  *stapler
	houses   int
}

// A stapler gives each new answer to the keepers of all houses that hold it.
type stapler struct {
	*revocation.Stapler
	leaf *x509.Certificate

	mu      sync.Mutex
	answer  []byte
	keepers []*certs.Keeper
}

// watches are those that some house holds.
type watches struct {
	mu      sync.Mutex
	open    []*watch
	byHouse map[*house][]*watch
}

// registryKey is what a registry is made from.
type registryKey struct {
	name      string // of RadSec peers none: tables that say the same share one
	anchors   [][]byte
	crl       config.List
	ocsp      string
	allowURLs []string
	refresh   config.Span
	folder    string
}

// take returns the watches of a house's file, new ones or those of another house, and
// waits a while for their first look. What the lists of RadSec peers say by now is told
// by listed.
func (s *watches) take(h *house, now func() time.Time, changed func(of string, c revocation.Change), listed func(), hear func(key string, err error)) []*watch {
	ctx, cancel := context.WithTimeout(context.Background(), firstLook)
	defer cancel()
	var looks sync.WaitGroup
	defer looks.Wait() // without the lock: houses end meanwhile
	s.mu.Lock()
	defer s.mu.Unlock()
	var held []*watch
	open := func(of, at string, key registryKey, c revocation.Config) *revocation.Registry {
		w := s.find(key)
		if w != nil {
			looks.Go(func() { w.registry.Refresh(ctx) })
		} else {
			c.Lists, c.Folder, c.Now = key.crl, key.folder, now
			registry, err := revocation.New(c)
			if err != nil {
				hear("", refusable(at, err))
				return nil
			}
			looks.Go(func() { registry.Ready(ctx) })
			w = s.add(&watch{of: of, key: key, registry: registry})
		}
		held = append(held, w)
		return w.registry
	}
	for i, a := range h.file.EAP.Authority {
		if h.keeper == nil || !a.Checked() {
			continue
		}
		anchors, of := anchorsOf(h.keeper, a.Name), authorityOf(a.Name)
		open(of, fmt.Sprintf("eap.authority[%d]", i), registryKey{a.Name, raw(anchors), a.CRL, a.OCSP, a.AllowURLs, a.Refresh, h.file.EAP.ListFolder}, revocation.Config{
			Anchors: anchors, Responder: a.OCSP, Allowed: a.AllowURLs, Refresh: time.Duration(a.Refresh),
			OnChange: func(c revocation.Change) { changed(of, c) },
		})
	}
	for _, l := range h.cards.lists {
		of := l.of()
		l.registry = open(of, l.trust.CRLKey, registryKey{anchors: raw(l.anchors), crl: l.trust.CRL, folder: h.file.RadSec.ListFolder}, revocation.Config{
			Anchors: l.anchors, OnList: listed,
			OnChange: func(c revocation.Change) { listed(); changed(of, c) },
		})
	}
	if h.keeper != nil && h.file.EAP.Stapling {
		held = append(held, s.staplers(h.keeper, now, changed, func(st *stapler) { looks.Go(func() { st.Ready(ctx) }) })...)
	}
	if s.byHouse == nil {
		s.byHouse = map[*house][]*watch{}
	}
	s.byHouse[h] = held
	return held
}

// ourOwn is what the log calls a certificate of ours.
const ourOwn = "our own certificate"

// staplers are of every certificate that names a responder and whose issuer is known.
func (s *watches) staplers(keeper *certs.Keeper, now func() time.Time, changed func(string, revocation.Change), began func(*stapler)) (held []*watch) {
	material := keeper.Current()
	for _, served := range material.All {
		leaf, issuer := served.Chain[0], material.Issuer(served)
		if len(leaf.OCSPServer) == 0 || issuer == nil {
			continue // the lint says so
		}
		key := [2]string{string(leaf.Raw), string(issuer.Raw)}
		w := s.find(key)
		if w == nil {
			st := &stapler{leaf: leaf}
			st.Stapler = revocation.NewStapler(revocation.StaplerConfig{
				Certificate: leaf, Issuer: issuer, Now: now, OnStaple: st.show,
				OnChange: func(c revocation.Change) { changed(ourOwn, c) },
			})
			w = s.add(&watch{of: ourOwn, key: key, stapler: st})
			began(st)
		}
		w.stapler.serve(keeper)
		held = append(held, w)
	}
	return held
}

func (s *watches) find(key any) *watch {
	for _, w := range s.open {
		if reflect.DeepEqual(w.key, key) {
			w.houses++
			return w
		}
	}
	return nil
}

func (s *watches) add(w *watch) *watch {
	w.houses = 1
	s.open = append(s.open, w)
	return w
}

// give lets the watches of a house go, and ends those that no other holds.
func (s *watches) give(h *house) {
	s.mu.Lock()
	var ended []*watch
	for _, w := range s.byHouse[h] {
		if w.stapler != nil {
			w.stapler.leave(h.keeper)
		}
		if w.houses--; w.houses == 0 {
			ended = append(ended, w)
			s.open = slices.DeleteFunc(s.open, func(other *watch) bool { return other == w })
		}
	}
	delete(s.byHouse, h)
	s.mu.Unlock()
	for _, w := range ended {
		w.close()
	}
}

// of are the watches of a house.
func (s *watches) of(h *house) []*watch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.byHouse[h])
}

func (w *watch) close() {
	if w.registry != nil {
		w.registry.Close()
	}
	if w.stapler != nil {
		w.stapler.Close()
	}
}

// troubles tells again, once a day, what does not work.
func (w *watch) troubles(changed func(of string, c revocation.Change)) {
	if w.registry == nil {
		return
	}
	for _, c := range w.registry.Troubles() {
		changed(w.of, c)
	}
}

// show gives an answer to every keeper, for the handshakes that begin from now on.
func (s *stapler) show(answer []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
	for _, k := range s.keepers {
		k.Staple(s.leaf, answer)
	}
}

// serve gives a keeper the answer of now, and all later ones.
func (s *stapler) serve(k *certs.Keeper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keepers = append(s.keepers, k)
	k.Staple(s.leaf, s.answer)
}

func (s *stapler) leave(k *certs.Keeper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keepers = slices.DeleteFunc(s.keepers, func(other *certs.Keeper) bool { return other == k })
}

func raw(list []*x509.Certificate) (octets [][]byte) {
	for _, c := range list {
		octets = append(octets, c.Raw)
	}
	return octets
}

// anchorsOf are an authority's own certificates.
func anchorsOf(keeper *certs.Keeper, name string) []*x509.Certificate {
	for _, a := range keeper.Current().Anchors {
		if a.Name == name {
			return a.Certificates
		}
	}
	return nil
}
