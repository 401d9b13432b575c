package daemon

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"causeway/certs"
	"causeway/radiusd/daemon/config"
	"causeway/radiusd/transport"
	"causeway/realms"
	"causeway/vlan"
)

// vlanConfig is the part of the file that places people.
func vlanConfig(file *config.File, now func() time.Time) vlan.Config {
	c := vlan.Config{Now: now, Authorities: file.Authorities(), Devices: slices.Sorted(maps.Keys(file.Devices))}
	for _, name := range slices.Sorted(maps.Keys(file.Zone)) {
		c.Zones = append(c.Zones, vlan.Zone{Name: name, Trusted: file.Zone[name].Trusted})
	}
	for _, name := range slices.Sorted(maps.Keys(file.VLAN)) {
		v := file.VLAN[name]
		c.VLANs = append(c.VLANs, vlan.VLAN{Name: name, ID: v.ID, Zone: v.Zone, Down: v.Down, Up: v.Up, Filter: v.Filter,
			Pool: v.Pool, Called: v.Name, Role: v.Role, Session: time.Duration(v.Session), Idle: time.Duration(v.Idle), Interim: time.Duration(v.Interim)})
	}
	for _, s := range file.SSID {
		ssid := vlan.SSID{Name: s.Name, Federation: s.Federation, MAC: s.MAC}
		for _, r := range s.Rule {
			rule := vlan.Rule{
				Who: r.Who, Group: r.Group, EAP: r.EAP, Device: r.Device, Issuer: r.Issuer, Policy: r.Policy, Site: r.Site, Trusted: r.Trusted,
			}
			if len(r.VLAN) == 1 {
				rule.VLAN = r.VLAN[0]
			} else {
				rule.OneOf = r.VLAN
			}
			ssid.Rules = append(ssid.Rules, rule)
		}
		c.SSIDs = append(c.SSIDs, ssid)
	}
	for _, r := range file.Roaming {
		c.Roaming = append(c.Roaming, vlan.RoamingRule{
			Who: r.Who, Group: r.Group, EAP: r.EAP, Device: r.Device, Issuer: r.Issuer, Policy: r.Policy, Operator: r.Operator, Access: r.Access,
		})
	}
	for _, g := range file.Guarantee {
		c.Guarantees = append(c.Guarantees, vlan.Guarantee{
			Who: g.Who, Group: g.Group, SSIDs: g.SSID, Sites: g.Site, Method: g.EAP,
			Device: g.Device, Issuer: g.Issuer, Policy: g.Policy,
			Federation: g.Federation, UnderAgreement: g.Agreement, Why: g.Why,
			Never: vlan.Place{Zone: g.Never.Zone, VLAN: g.Never.VLAN},
			Only:  vlan.Place{Zone: g.Only.Zone, VLAN: g.Only.VLAN},
		})
	}
	for _, s := range file.Site {
		site := vlan.Site{Name: s.Name, VLAN: map[string]uint16{}, Local: map[string]vlan.Local{}, Behind: s.Behind}
		for name, v := range s.VLAN {
			local := vlan.Local{Pool: v.Pool, Called: v.Name, Down: v.Down, Up: v.Up, Filter: v.Filter, Role: v.Role,
				Session: time.Duration(v.Session), Idle: time.Duration(v.Idle), Interim: time.Duration(v.Interim)}
			differs := !reflect.ValueOf(local).IsZero()
			if differs {
				site.Local[name] = local
			}
			if v.ID != 0 || !differs { // 0 is refused
				site.VLAN[name] = v.ID
			}
		}
		if a := s.Agreement; a != nil {
			site.Agreement = &vlan.Agreement{Reference: a.Reference, Owner: a.Owner, ApprovedBy: a.ApprovedBy, From: a.From, Until: a.Until}
		}
		for _, w := range s.Controller {
			site.Controllers = append(site.Controllers, vlan.Controller{Name: w.Name, Vendor: w.Vendor, WithoutVLAN: w.WithoutVLAN, Say: w.Say, Tag: w.Tag})
		}
		c.Sites = append(c.Sites, site)
	}
	for name, r := range file.Realm {
		if !r.Ours() {
			c.Partners = append(c.Partners, name)
			continue
		}
		c.Own = append(append(append(c.Own, name), r.Subrealms...), lower(r.Computers)...)
	}
	slices.Sort(c.Own)
	c.Own = slices.Compact(c.Own) // computers may share their domain with a realm
	slices.Sort(c.Partners)
	return c
}

func lower(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strings.ToLower(name)
	}
	return out
}

// seatClients makes the clients of every site and of every federation. One that speaks
// RadSec and whose peer was not read is left out.
func seatClients(file *config.File, peers map[string]*certs.Peer) (*transport.Clients, map[string]place, error) {
	places := make(map[string]place)
	var list []transport.Client
	add := func(key, transportName string, c transport.Client) {
		if c.Peer = peers[key]; c.Peer != nil || transportName != overTLS {
			list = append(list, c)
		}
	}
	for i, s := range file.Site {
		for j, c := range s.Controller {
			add(controllerKey(i, j), c.Transport, transport.Client{
				Name: c.Name, Prefix: c.Prefix(), Secret: c.Secret, Source: sourceOfMake(c.Vendor),
				WeakSecret: c.WeakSecret, WithoutMessageAuthenticator: c.WithoutMessageAuthenticator,
			})
			places[c.Name] = place{site: s.Name, controller: c.Name, fixed: c.SSID, vendor: c.Vendor}
		}
	}
	for i, e := range file.Core.Edges {
		add(edgeKey(i), overTLS, transport.Client{Name: e.Name})
		places[e.Name] = place{edge: e.Name}
	}
	for _, name := range slices.Sorted(maps.Keys(file.Federation)) {
		fed := file.Federation[name]
		for i, c := range fed.Clients {
			if c.Name == "" {
				c.Name = fmt.Sprintf("%s proxy %d", name, i+1)
			}
			add(proxyKey(name, i), fed.TransportOf(c), transport.Client{
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
func routes(file *config.File, homes *homes) realms.Config {
	c := realms.Config{
		Federations: make(map[string]realms.Home),
		SSIDs:       make(map[string]string),
		Blocklist:   file.Server.Blocklist,
	}
	for _, s := range file.SSID {
		c.SSIDs[s.Name] = s.Federation
	}
	for _, name := range slices.Sorted(maps.Keys(file.Federation)) {
		if f := file.Federation[name]; len(f.Servers) > 0 { // one without only asks us
			key := "federation." + name
			c.Federations[name] = homes.discover(key, name, f, homes.pool(key, name, f, 0))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(file.Realm)) {
		r, key := file.Realm[name], fmt.Sprintf("realm.%q", name)
		if !r.Ours() {
			c.Partners = append(c.Partners, realms.Partner{Realm: name, SSIDs: r.SSIDs, FallBack: r.FallBack, Home: homes.partner(key, name, r)})
			continue
		}
		c.Own = append(c.Own, realms.OwnRealm{
			Name: name, RouteName: cmp.Or(r.Directory, coreRoute), Subrealms: r.Subrealms, SSIDs: r.SSIDs, Roaming: r.Roaming,
			Home: homes.ours(key, name, r),
		})
	}
	return c
}
