package daemon

import (
	"context"
	"crypto/x509"
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
// authority, or the stapler of one certificate of ours. Houses whose files say the
// same share one: a reload forgets no list, and looks at each anew.
type watch struct {
	name     string // of the authority; of a stapler the certificate's
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
	name      string
	anchors   [][]byte
	crl       config.List
	ocsp      string
	allowURLs []string
	refresh   config.Span
	folder    string
}

// take returns the watches of a house's file, new ones or those of another house, and
// waits a while for their first look.
func (s *watches) take(h *house, now func() time.Time, changed func(of string, c revocation.Change), hear func(key string, err error)) []*watch {
	if h.keeper == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), firstLook)
	defer cancel()
	var looks sync.WaitGroup
	defer looks.Wait() // without the lock: houses end meanwhile
	s.mu.Lock()
	defer s.mu.Unlock()
	var held []*watch
	for i, a := range h.file.EAP.Authority {
		if !a.Checked() {
			continue
		}
		anchors := anchorsOf(h.keeper, a.Name)
		key := registryKey{a.Name, raw(anchors), a.CRL, a.OCSP, a.AllowURLs, a.Refresh, h.file.EAP.ListFolder}
		if w := s.find(key); w != nil {
			held = append(held, w)
			looks.Go(func() { w.registry.Refresh(ctx) })
			continue
		}
		registry, err := revocation.New(revocation.Config{
			Anchors: anchors, Lists: a.CRL, Responder: a.OCSP, Allowed: a.AllowURLs, Refresh: time.Duration(a.Refresh),
			Folder: key.folder, Now: now, OnChange: func(c revocation.Change) { changed("authority "+a.Name, c) },
		})
		if err != nil {
			hear("", refusable(i, err))
			continue
		}
		looks.Go(func() { registry.Ready(ctx) })
		held = append(held, s.add(&watch{name: a.Name, key: key, registry: registry}))
	}
	if h.file.EAP.Stapling {
		held = append(held, s.staplers(h.keeper, now, changed, func(st *stapler) { looks.Go(func() { st.Ready(ctx) }) })...)
	}
	if s.byHouse == nil {
		s.byHouse = map[*house][]*watch{}
	}
	s.byHouse[h] = held
	return held
}

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
				OnChange: func(c revocation.Change) { changed("our own certificate", c) },
			})
			w = s.add(&watch{name: "our own certificate", key: key, stapler: st})
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
		changed("authority "+w.name, c)
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
