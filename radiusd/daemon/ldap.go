package daemon

import (
	"crypto/x509"

	"causeway/certs"
	"causeway/radiusd/daemon/config"
	"causeway/realms"
	"causeway/realms/directory"
)

func openLDAP(name string, c config.Directory) (realms.Directory, func(), error) {
	roots, err := directoryRoots(name, c)
	if err != nil {
		return nil, nil, err
	}
	d, err := directory.NewLDAP(directory.LDAPConfig{
		Name: name, Servers: c.Servers, Schema: c.Schema,
		Base: c.Base, Bind: c.Bind, Password: c.Password,
		StartTLS: c.StartTLS, Plain: c.Plain, Roots: roots, ServerName: c.ServerName,
		UserFilter: c.UserFilter, MachineFilter: c.MachineFilter,
		GroupBase: c.GroupBase, GroupFilter: c.GroupFilter, GroupName: c.GroupName, MemberOf: c.MemberOf,
		NTHashAttribute: c.NTHashAttribute, ClearPasswordAttribute: c.ClearAttribute,
	})
	if err != nil {
		return nil, nil, err
	}
	return d, d.Close, nil
}

func directoryRoots(name string, c config.Directory) (*x509.CertPool, error) {
	roots, err := certs.ReadAuthorities(c.CA)
	if err != nil {
		return nil, realms.Problems{{Key: "directory." + name + ".ca", Text: err.Error(), Fix: "name a PEM file with the authority of the directory's certificates"}}
	}
	return roots, nil
}
