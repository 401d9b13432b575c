package daemon

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"causeway/certs"
	"causeway/radiusd/daemon/config"
	"causeway/radiusd/transport"
	"causeway/realms"
	"causeway/vlan"
)

// A house is one configuration, put together and proved. It never changes: a
// reload builds another, and the old one closes when its last conversation has
// ended.
type house struct {
	file     *config.File
	clients  *transport.Clients
	places   map[string]place // by client name
	realms   *realms.Table
	vlan     *vlan.Policy
	keeper   *certs.Keeper
	warnings config.Problems // what loads and is unwise all the same
	shut     func()
	holds    atomic.Int64 // conversations, and one for the daemon
}

// A place is what the file says of a client.
type place struct {
	site, controller string
	ssid             string // fixed by the file; empty: the request names it
	proxy            string // the federation whose proxy it is; empty: a controller
}

// A seat is where one request came from.
type seat struct {
	place
	ap string
}

func (s seat) origin() realms.Origin { return realms.Origin{SSID: s.ssid, Proxy: s.proxy != ""} }

// seat says where a request came from. What a national proxy sends is not
// asked for an SSID (R2).
func (h *house) seat(req *transport.Request) (seat, error) {
	p, known := h.places[req.Client.Name]
	if !known {
		return seat{}, fmt.Errorf("client %s left the configuration: %w", req.Client.Name, vlan.ErrSiteUnknown)
	}
	s := seat{place: p}
	if p.proxy != "" {
		return s, nil
	}
	ssid, ap, named := req.SSID()
	s.ap = ap
	if s.ssid == "" && named {
		s.ssid = ssid
	}
	if s.ssid == "" {
		return s, fmt.Errorf("controller %s named no SSID, and its block in the configuration has none: %w", p.controller, realms.ErrSSIDMissing)
	}
	return s, nil
}

// enter holds the house open; it is false when the house has closed.
func (h *house) enter() bool {
	for {
		n := h.holds.Load()
		if n == 0 {
			return false
		}
		if h.holds.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// leave lets go of what enter, or the daemon, held. The last one out closes.
func (h *house) leave() {
	if h.holds.Add(-1) == 0 {
		h.shut()
	}
}

// open holds the configuration of this moment.
func (d *Daemon) open() *house {
	for {
		if h := d.house.Load(); h.enter() {
			return h
		}
	}
}

// build puts a house together. Its error is [config.Problems].
func (d *Daemon) build(file *config.File) (*house, error) {
	homes := &homes{file: file, now: d.now, onChange: d.serverChanged}
	h, err := compose(file, homes, d.now)
	if err != nil {
		homes.close()
		return nil, err
	}
	return h, nil
}

// read loads a file and has every room judge it, so that an admin meets all
// mistakes at once. Its error is [config.Problems].
func read(path string, secrets config.Secrets, now func() time.Time) (*config.File, error) {
	file, err := config.Load(path, secrets)
	var problems config.Problems
	if err != nil && (file == nil || !errors.As(err, &problems)) {
		return nil, err
	}
	if _, err := compose(file, nil, now); err != nil {
		var more config.Problems
		errors.As(err, &more)
		problems = problems.Merge(more)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return file, nil
}

// compose gives each room its part of the file. With nil homes nothing is
// opened: that is how check and explain run the real policy without a network.
func compose(file *config.File, homes *homes, now func() time.Time) (*house, error) {
	h := &house{file: file, shut: func() {}}
	h.holds.Store(1)
	var problems config.Problems

	var err error
	if h.vlan, err = vlan.New(vlanConfig(file, now)); err != nil {
		problems = append(problems, locate(file, "", err)...)
	}
	if h.clients, h.places, err = seatClients(file); err != nil {
		problems = append(problems, locate(file, "site", err)...)
	}
	if file.EAP.Certificate != "" && !unreadable(file) {
		keeper, err := certs.NewKeeper(certs.Config{
			Certificate: file.EAP.Certificate, PrivateKey: file.EAP.PrivateKey, ClientCA: file.EAP.ClientCA,
		})
		if err != nil {
			problems = append(problems, file.Place("eap.certificate", err.Error(), ""))
		} else {
			h.keeper = keeper
			for _, f := range keeper.Current().Lint(now()) {
				h.warnings = append(h.warnings, file.Place("eap.certificate", f.Text, f.Fix))
			}
		}
	}
	if homes != nil {
		homes.keeper = h.keeper
		problems = append(problems, homes.openDirectories()...)
		h.shut = homes.close
	}
	table, more := routes(file, homes)
	problems = append(problems, more...)
	if len(problems) == 0 {
		if h.realms, err = realms.New(table); err != nil {
			problems = append(problems, locate(file, "", err)...)
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	h.warnings = append(h.warnings, file.Warnings...)
	for _, w := range h.vlan.Warnings() {
		h.warnings = append(h.warnings, file.Place(w.Key, w.Text, w.Fix))
	}
	return h, nil
}

// unreadable tells whether the certificate's files are not on this machine,
// which a check on an admin's own machine does without; the file warns of it.
func unreadable(file *config.File) bool {
	return file.Unreadable("eap.certificate") || file.Unreadable("eap.private_key") || file.Unreadable("eap.client_ca")
}

// vlanConfig is the part of the file that places people.
func vlanConfig(file *config.File, now func() time.Time) vlan.Config {
	c := vlan.Config{Now: now}
	for _, name := range slices.Sorted(maps.Keys(file.Zone)) {
		c.Zones = append(c.Zones, vlan.Zone{Name: name, Trusted: file.Zone[name].Trusted})
	}
	for _, name := range slices.Sorted(maps.Keys(file.VLAN)) {
		v := file.VLAN[name]
		c.VLANs = append(c.VLANs, vlan.VLAN{Name: name, ID: v.ID, Zone: v.Zone, Down: v.Down, Up: v.Up, Filter: v.Filter})
	}
	for _, s := range file.SSID {
		ssid := vlan.SSID{Name: s.Name, Federation: s.Federation}
		for _, r := range s.Rule {
			ssid.Rules = append(ssid.Rules, vlan.Rule{Who: r.Who, Group: r.Group, EAP: r.EAP, Site: r.Site, VLAN: r.VLAN})
		}
		c.SSIDs = append(c.SSIDs, ssid)
	}
	for _, g := range file.Guarantee {
		c.Guarantees = append(c.Guarantees, vlan.Guarantee{
			Who: g.Who, Group: g.Group, SSID: g.SSID, Site: g.Site, Method: g.EAP,
			Never: vlan.Place{Zone: g.Never.Zone, VLAN: g.Never.VLAN},
			Only:  vlan.Place{Zone: g.Only.Zone, VLAN: g.Only.VLAN},
		})
	}
	for _, s := range file.Site {
		site := vlan.Site{Name: s.Name, VLAN: s.VLAN}
		if a := s.Agreement; a != nil {
			site.Agreement = &vlan.Agreement{Reference: a.Reference, Owner: a.Owner, ApprovedBy: a.ApprovedBy, From: a.From, Until: a.Until}
		}
		for _, w := range s.Controller {
			site.Controllers = append(site.Controllers, vlan.Controller{Name: w.Name, Vendor: w.Vendor, WithoutVLAN: w.WithoutVLAN, Tag: w.Tag})
		}
		c.Sites = append(c.Sites, site)
	}
	for name, r := range file.Realm {
		if r.Directory == "" {
			c.Partners = append(c.Partners, name)
			continue
		}
		c.Own = append(append(c.Own, name), r.Subrealms...)
	}
	slices.Sort(c.Own)
	slices.Sort(c.Partners)
	return c
}

// seatClients makes the clients of every site and of every federation.
func seatClients(file *config.File) (*transport.Clients, map[string]place, error) {
	places := make(map[string]place)
	var list []transport.Client
	for _, s := range file.Site {
		for _, c := range s.Controller {
			list = append(list, transport.Client{
				Name: c.Name, Prefix: c.Prefix(), Secret: c.Secret, Vendor: c.Vendor,
				WeakSecret: c.WeakSecret, WithoutMessageAuthenticator: c.WithoutMessageAuthenticator,
			})
			places[c.Name] = place{site: s.Name, controller: c.Name, ssid: c.SSID}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(file.Federation)) {
		for i, c := range file.Federation[name].Clients {
			if c.Name == "" {
				c.Name = fmt.Sprintf("%s proxy %d", name, i+1)
			}
			list = append(list, transport.Client{
				Name: c.Name, Prefix: c.Prefix(), Secret: c.Secret,
				WeakSecret: c.WeakSecret, WithoutMessageAuthenticator: c.WithoutMessageAuthenticator,
			})
			places[c.Name] = place{proxy: name}
		}
	}
	clients, err := transport.NewClients(list)
	return clients, places, err
}

// routes is the part of the file that says who answers for whom.
func routes(file *config.File, homes *homes) (realms.Config, config.Problems) {
	c := realms.Config{
		Federations: make(map[string]realms.Home),
		SSIDs:       make(map[string]string),
		Blocklist:   file.Server.Blocklist,
	}
	var problems config.Problems
	home := func(key string, open func() (realms.Home, error)) realms.Home {
		if homes == nil {
			return stand{}
		}
		h, err := open()
		if err != nil {
			problems = append(problems, locate(file, key, err)...)
			return nil
		}
		return h
	}
	for _, s := range file.SSID {
		c.SSIDs[s.Name] = s.Federation
	}
	for _, name := range slices.Sorted(maps.Keys(file.Federation)) {
		f := file.Federation[name]
		if len(f.Servers) == 0 {
			continue // it only asks us
		}
		c.Federations[name] = home("federation."+name, func() (realms.Home, error) { return homes.pool(name, f.Servers, f.WithoutCUI) })
	}
	for _, name := range slices.Sorted(maps.Keys(file.Realm)) {
		r := file.Realm[name]
		key := fmt.Sprintf("realm.%q", name)
		if r.Directory == "" {
			c.Partners = append(c.Partners, realms.Partner{
				Realm: name, SSIDs: r.SSIDs,
				Home: home(key, func() (realms.Home, error) { return homes.pool(name, r.Servers, false) }),
			})
			continue
		}
		c.Own = append(c.Own, realms.OwnRealm{
			Name: name, RouteName: r.Directory, Subrealms: r.Subrealms, SSIDs: r.SSIDs, Roaming: r.Roaming,
			Home: home(key, func() (realms.Home, error) { return homes.own(name, r) }),
		})
	}
	return c, problems
}

// locate gives a room's errors their places in the file. under is the key of
// the table that the room was given, when the room does not know it.
func locate(file *config.File, under string, err error) config.Problems {
	var located config.Problems
	add := func(key, text, fix string) {
		if under != "" && key != "" && !strings.HasPrefix(key, under) {
			key = under + "." + key
		}
		if key == "" {
			key = under
		}
		located = append(located, file.Place(key, text, fix))
	}
	var (
		policy  vlan.Problems
		routing realms.Problems
	)
	switch {

	case errors.As(err, &policy):
		for _, p := range policy {
			add(p.Key, p.Text, p.Fix)
		}
	case errors.As(err, &routing):
		for _, p := range routing {
			add(p.Key, p.Text, p.Fix)
		}
	default:
		for line := range strings.Lines(err.Error()) {
			add("", strings.TrimSuffix(line, "\n"), "")
		}
	}
	return located
}
