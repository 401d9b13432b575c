package daemon

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"causeway/certs"
	"causeway/radiusd/daemon/config"
	"causeway/radiusd/eap"
	"causeway/radiusd/guard"
	"causeway/radiusd/transport"
	"causeway/realms"
	"causeway/realms/directory"
	"causeway/realms/upstream"
)

// directories is the one table of kinds of directory.
var directories = map[string]func(name string, c config.Directory) (realms.Directory, func(), error){
	"ad":         openAD,
	"file":       openFile,
	"ldap":       openLDAP,
	"placements": openPlacements,
}

func openFile(_ string, c config.Directory) (realms.Directory, func(), error) {
	d, err := directory.OpenFile(c.Path)
	var inFile realms.Problems
	if errors.As(err, &inFile) { // keys are lines of that file: say so beside the line that names it
		for i, p := range inFile {
			inFile[i] = realms.Problem{Key: "path", Text: p.Key + ": " + p.Text, Fix: p.Fix}
		}
	}
	return d, func() {}, err
}

// checkFiles judges the files of users that can be read here.
func checkFiles(file *config.File, hear func(key string, err error)) {
	for _, name := range slices.Sorted(maps.Keys(file.Directory)) {
		key := "directory." + name
		c := file.Directory[name]
		if file.Unreadable(key + ".path") {
			continue
		}
		switch c.Kind {
		case "file":
			if _, _, err := openFile(name, c); err != nil {
				hear(key, err)
			}
		case "placements":
			checkPlacements(key, c, hear)
		}
	}
}

// homes opens everybody who answers for somebody: the directories and our EAP
// server behind each realm of ours, the servers of partners and federations. A
// nil homes opens nothing and has a stand answer for everybody.
type homes struct {
	file         *config.File
	now          func() time.Time
	onChange     func(pool, server, from, to, why string)
	onHome       func(pool, server, realm string, silent bool, why string)
	onPlacements func(name string, p *directory.Placements)
	onPool       func(name string, p *upstream.Pool)
	onDiscovery  func(federation, realm, found, why string)
	onDiscovered func(name string, d *discovered)
	hear         func(key string, err error) // is told what is wrong, and where
	keeper       *certs.Keeper
	cards        cards
	shelf        *shelf
	watches      []*watch
	directories  map[string]realms.Directory
	core         realms.Home // of an edge, once a realm has asked for it
	closers      []func()
}

// A stand answers for nobody: check and explain ask who would, and no more.
type stand struct{ realms.Home }

// open opens the directories.
func (h *homes) open() *homes {
	h.directories = make(map[string]realms.Directory)
	for _, name := range slices.Sorted(maps.Keys(h.file.Directory)) {
		c := h.file.Directory[name]
		dir, closer, err := directories[c.Kind](name, c)
		if err != nil {
			h.hear("directory."+name, err)
			continue
		}
		switch f := dir.(type) {
		case *directory.File:
			f.TellPasswords(h.shelf.key)
		case *directory.Placements:
			f.TellPasswords(h.shelf.key)
			h.onPlacements(name, f)
		}
		h.directories[name] = dir
		h.closers = append(h.closers, closer)
	}
	return h
}

// close closes what was opened, the last first.
func (h *homes) close() {
	for _, c := range slices.Backward(h.closers) {
		c()
	}
}

// own makes our EAP server for one of our realms.
func (h *homes) own(key, name string, r config.Realm) realms.Home {
	if h == nil {
		return stand{}
	}
	if h.directories[r.Directory] == nil {
		return nil // what is wrong with it has been said
	}
	c := h.file.EAP
	server, err := eap.New(eap.Config{
		Realm: name, Subrealms: r.Subrealms, Computers: lower(r.Computers),
		Methods: c.Methods, Inner: c.Inner, TEAP: eap.TEAPConfig{Ask: c.TEAP.Ask, Require: c.TEAP.Require, RFC7170: c.TEAP.RFC7170}, Keeper: h.keeper, Authorities: h.authorities(), Directory: h.directories[r.Directory],
		FragmentSize: c.FragmentSize, AllowDifferentOuter: c.AllowDifferentOuter,
		Resumption: h.resumption(),
		Guard:      h.guard(r.Directory),
		Now:        h.now,
	})
	if err != nil {
		h.hear(key, err)
		return nil
	}
	return server
}

// guard is nothing for a directory that locks nobody.
func (h *homes) guard(name string) eap.Guard {
	c := h.file.Directory[name]
	if c.Kind == "file" || c.Kind == "placements" || c.Guard.Failures == 0 {
		return nil
	}
	return guard.New(guard.Config{
		Directory: name, Store: h.shelf.counts, Names: h.shelf.names, Key: h.shelf.key, Lookup: h.directories[name].Lookup,
		Failures: c.Guard.Failures, Corrections: corrections, Window: time.Duration(c.Guard.Window), Now: h.now,
	})
}

// corrections is how many passwords that have not failed before are let through
// where others are not.
const corrections = 2

// resumption is nothing where the file says that nothing is resumed.
func (h *homes) resumption() eap.Resumption {
	c := h.file.EAP.Resumption
	if c.Lifetime == 0 {
		return eap.Resumption{}
	}
	return eap.Resumption{Records: h.shelf.store, Lifetime: time.Duration(c.Lifetime), WithoutDirectory: c.WithoutDirectory}
}

// partnerPatience is how long a partner may be silent where a federation is asked in
// its place: within one retry of a controller.
const partnerPatience = upstream.DefaultFailOver

// partner makes the pool of a partner's servers.
func (h *homes) partner(key, name string, r config.Realm) realms.Home {
	patience := time.Duration(0)
	if r.FallBack {
		patience = partnerPatience
	}
	return h.pool(key, name, config.Federation{Servers: r.Servers, Balance: r.Balance}, patience)
}

// poolConfig is what all servers of others have in common.
func (h *homes) poolConfig(name string, fed config.Federation, patience time.Duration) upstream.Config {
	c := upstream.Config{
		Name:          name,
		Dial:          transport.DialUDP,
		OperatorName:  h.file.Server.OperatorName,
		OperatorNames: map[string]string{},
		WithoutCUI:    fed.WithoutCUI,
		LeastLoaded:   fed.Balance == "least-loaded",
		Patience:      patience,
		OnHome:        func(realm, server string, silent bool, why string) { h.onHome(name, server, realm, silent, why) },
		OnChange:      func(server, from, to, why string) { h.onChange(name, server, from, to, why) },
		Now:           h.now,
	}
	for _, site := range h.file.Site {
		if site.OperatorName != "" {
			c.OperatorNames[site.Name] = site.OperatorName
		}
	}
	return c
}

// pool makes the pool of servers of a partner or a federation. A patience of zero is
// the usual one.
func (h *homes) pool(key, name string, fed config.Federation, patience time.Duration) realms.Home {
	if h == nil {
		return stand{}
	}
	c := h.poolConfig(name, fed, patience)
	c.Core = key == "core"
	for i, s := range fed.Servers {
		server, err := h.server(name, fed, s)
		if err != nil {
			h.hear(fmt.Sprintf("%s.servers[%d]", key, i), err)
			return nil
		}
		c.Servers = append(c.Servers, server)
	}
	p, err := upstream.New(c)
	if err != nil {
		h.hear(key, err)
		return nil
	}
	h.closers = append(h.closers, p.Close)
	h.onPool(name, p)
	return p
}
