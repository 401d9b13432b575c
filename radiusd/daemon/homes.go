package daemon

import (
	"maps"
	"slices"
	"time"

	"causeway/certs"
	"causeway/radiusd/daemon/config"
	"causeway/radiusd/eap"
	"causeway/radiusd/transport"
	"causeway/realms"
	"causeway/realms/directory"
	"causeway/realms/upstream"
)

// directories is the one table of kinds of directory.
var directories = map[string]func(name string, c config.Directory) (realms.Directory, func(), error){
	"file": openFile,
	"ldap": openLDAP,
}

func openFile(_ string, c config.Directory) (realms.Directory, func(), error) {
	d, err := directory.OpenFile(c.Path)
	return d, func() {}, err
}

// homes opens everybody who answers for somebody: the directories and our EAP
// server behind each realm of ours, the servers of partners and federations.
type homes struct {
	file        *config.File
	now         func() time.Time
	onChange    func(pool, server, from, to, why string)
	keeper      *certs.Keeper
	directories map[string]realms.Directory
	closers     []func()
}

func (h *homes) close() {
	for _, c := range slices.Backward(h.closers) {
		c()
	}
}

func (h *homes) openDirectories() config.Problems {
	var problems config.Problems
	h.directories = make(map[string]realms.Directory)
	for _, name := range slices.Sorted(maps.Keys(h.file.Directory)) {
		c := h.file.Directory[name]
		dir, closer, err := directories[c.Kind](name, c)
		if err != nil {
			problems = append(problems, locate(h.file, "directory."+name, err)...)
			continue
		}
		h.directories[name] = dir
		h.closers = append(h.closers, closer)
	}
	return problems
}

// own makes our EAP server for one of our realms.
func (h *homes) own(name string, r config.Realm) (realms.Home, error) {
	c := h.file.EAP
	return eap.New(eap.Config{
		Realm: name, Subrealms: r.Subrealms,
		Methods: c.Methods, Keeper: h.keeper, Directory: h.directories[r.Directory],
		FragmentSize: c.FragmentSize, AllowDifferentOuter: c.AllowDifferentOuter,
		Now: h.now,
	})
}

// pool makes the pool of servers of a partner or a federation.
func (h *homes) pool(name string, servers []config.Upstream, withoutCUI bool) (realms.Home, error) {
	c := upstream.Config{
		Name:          name,
		Dial:          transport.DialUDP,
		OperatorName:  h.file.Server.OperatorName,
		OperatorNames: map[string]string{},
		WithoutCUI:    withoutCUI,
		OnChange:      func(server, from, to, why string) { h.onChange(name, server, from, to, why) },
		Now:           h.now,
	}
	for _, site := range h.file.Site {
		if site.OperatorName != "" {
			c.OperatorNames[site.Name] = site.OperatorName
		}
	}
	for _, s := range servers {
		c.Servers = append(c.Servers, upstream.Server{
			Name: s.Name, Address: s.Address, Secret: s.Secret,
			WithoutStatusServer: s.WithoutStatusServer, WithoutMessageAuthenticator: s.WithoutMessageAuthenticator,
		})
	}
	p, err := upstream.New(c)
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, p.Close)
	return p, nil
}

// stand answers for nobody: check and explain ask who would, and no more.
type stand struct{ realms.Home }
