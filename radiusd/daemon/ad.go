package daemon

import (
	"causeway/radiusd/daemon/config"
	"causeway/realms"
	"causeway/realms/directory"
)

func openAD(name string, c config.Directory) (realms.Directory, func(), error) {
	cfg, err := domainOf(name, c)
	if err != nil {
		return nil, nil, err
	}
	d, err := directory.NewAD(cfg)
	if err != nil {
		return nil, nil, err
	}
	return d, d.Close, nil
}

// domainOf is a domain as the configuration has it.
func domainOf(name string, c config.Directory) (directory.ADConfig, error) {
	roots, err := directoryRoots(name, c)
	if err != nil {
		return directory.ADConfig{}, err
	}
	return directory.ADConfig{
		Name: name, Domain: c.Domain, NetBIOS: c.NetBIOS, Servers: c.Servers,
		Computer: c.Computer, ComputerPassword: c.ComputerPassword,
		Base: c.Base, Bind: c.Bind, Password: c.Password,
		StartTLS: c.StartTLS, Roots: roots, ServerName: c.ServerName,
		UserFilter: c.UserFilter, MachineFilter: c.MachineFilter,
		GroupBase: c.GroupBase, GroupFilter: c.GroupFilter, GroupName: c.GroupName,
		Channels: c.Channels, NetlogonPort: c.NetlogonPort,
	}, nil
}
