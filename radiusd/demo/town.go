package demo

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"causeway/certs"
	"causeway/radiusd/daemon"
	"causeway/radiusd/noc"
	"causeway/realms/directory"
)

// The names of the town. Those of the Trust are the ones of config.example.toml.
const (
	trustRealm = "northbridge.nhs.uk"
	serverName = "radius.northbridge.nhs.uk"
	royal      = "Royal Infirmary"
	secret     = "pretend-secret-of-the-demo"
	password   = "correct-horse-battery"
)

// A town is the Trust's server, the home organisations around it and their
// files, all in this process and in one folder that goes away with it.
type town struct {
	folder    string
	authority *certs.Authority
	trust     *daemon.Daemon
	auth      netip.AddrPort // where the Trust's server listens
	acct      netip.AddrPort
	events    chan noc.Event // of the Trust's server
	stop      context.CancelFunc
	running   sync.WaitGroup
}

// person is an account in one of the town's directories.
type person struct {
	name   string
	groups []string
}

// build makes the town; what was started of it is stopped when the rest fails.
func build(log io.Writer) (*town, error) {
	folder, err := os.MkdirTemp("", "causeway-demo-")
	if err != nil {
		return nil, err
	}
	t := &town{folder: folder, events: make(chan noc.Event, 64)}
	var ctx context.Context
	ctx, t.stop = context.WithCancel(context.Background())
	if err := t.start(ctx, log); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// start starts the home organisations first, because the Trust's configuration
// names their ports.
func (t *town) start(ctx context.Context, log io.Writer) error {
	if err := t.certificates(); err != nil {
		return err
	}
	var ports []string
	for _, home := range []struct{ mark, realm, user string }{
		{"CAMFORD", "camford.ac.uk", "student"},
		{"EDUROAM", "uni.example.ac.uk", "visitor"},
		{"GOVROAM", "council.example.gov.uk", "officer"},
	} {
		port, err := t.organisation(ctx, home.realm, person{home.user + "@" + home.realm, nil})
		if err != nil {
			return err
		}
		ports = append(ports, home.mark, port.String())
	}
	people, err := t.users("trust", person{"nurse@" + trustRealm, []string{"Wifi-Clinical"}}, person{"doctor@" + trustRealm, []string{"Wifi-Clinical"}})
	if err != nil {
		return err
	}
	path := t.file("trust.toml")
	text := strings.NewReplacer(append(ports, "PEOPLE", people)...).Replace(trustConfig)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	t.trust, err = t.serve(ctx, path, daemon.Options{Log: log, Watch: t.watch})
	if err != nil {
		return err
	}
	auth, acct := t.trust.Addrs()
	t.auth, t.acct = addrPort(auth[0]), addrPort(acct[0])
	return nil
}

// watch hears every event of the Trust's server. When nobody reads, the table
// has all that it waited for.
func (t *town) watch(e noc.Event) {
	select {
	case t.events <- e:
	default:
	}
}

// certificates makes the throw-away authority, the one server certificate that
// every organisation of the town shows, and leaves both in the folder.
func (t *town) certificates() (err error) {
	if t.authority, err = certs.NewAuthority("Causeway demo authority", time.Now(), certs.Options{CRL: "http://" + serverName + "/ca.crl"}); err != nil {
		return err
	}
	pair, err := t.authority.Server([]string{serverName}, certs.Options{})
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(t.file("ca.pem"), t.authority.PEM(), 0o600),
		os.WriteFile(t.file("server.pem"), pair.CertPEM, 0o600),
		os.WriteFile(t.file("secret"), []byte(secret), 0o600),
		os.WriteFile(t.file("server.key"), []byte(pair.KeyPEM.Reveal()), 0o600),
	)
}

// device gives a managed laptop its certificate.
func (t *town) device(identity string) (*tls.Certificate, error) {
	pair, err := t.authority.Client(identity, certs.Options{})
	if err != nil {
		return nil, err
	}
	return &pair.Certificate, nil
}

// users writes a directory file and returns its name.
func (t *town) users(name string, people ...person) (string, error) {
	var b strings.Builder
	for _, p := range people {
		fmt.Fprintf(&b, "[user.%q]\nnt_hash = \"%x\"\ngroups = [", p.name, directory.NTHash(password))
		for _, g := range p.groups {
			fmt.Fprintf(&b, "%q,", g)
		}
		b.WriteString("]\n")
	}
	file := name + ".users.toml"
	return file, os.WriteFile(t.file(file), []byte(b.String()), 0o600)
}

// organisation starts a university or a council: a RADIUS server of its own that
// answers for one realm when the Trust, or its federation, asks.
func (t *town) organisation(ctx context.Context, realm string, people ...person) (netip.AddrPort, error) {
	users, err := t.users(realm, people...)
	if err != nil {
		return netip.AddrPort{}, err
	}
	path := t.file(realm + ".toml")
	text := strings.NewReplacer("REALM", realm, "PEOPLE", users).Replace(organisationConfig)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return netip.AddrPort{}, err
	}
	d, err := t.serve(ctx, path, daemon.Options{})
	if err != nil {
		return netip.AddrPort{}, err
	}
	auth, _ := d.Addrs()
	return addrPort(auth[0]), nil
}

func (t *town) serve(ctx context.Context, path string, opts daemon.Options) (*daemon.Daemon, error) {
	d, err := daemon.Start(path, opts)
	if err != nil {
		return nil, err
	}
	t.running.Go(func() { _ = d.Serve(ctx) })
	return d, nil
}

// close stops every server of the town and removes its folder.
func (t *town) close() {
	t.stop()
	t.running.Wait()
	_ = os.RemoveAll(t.folder)
}

func (t *town) file(name string) string { return filepath.Join(t.folder, name) }

func addrPort(a net.Addr) netip.AddrPort { return a.(*net.UDPAddr).AddrPort() }

// organisationConfig is a home organisation: it has no controllers, only the
// proxies that ask about its people.
const organisationConfig = `
version = 1
[server]
name   = "REALM"
listen = { auth = "127.0.0.1:0", acct = "127.0.0.1:0" }
[eap]
methods     = ["peap", "ttls"]
certificate = "file:server.pem"
private_key = "file:server.key"
[directory.people]
kind = "file"
path = "PEOPLE"
[realm."REALM"]
directory = "people"
[federation.demo]
clients = [{ address = "127.0.0.1", secret = "file:secret" }]
`

// trustConfig is the Trust: the example of config.example.toml on loopback.
const trustConfig = `
version = 1
[server]
name          = "Northbridge NHS Trust (demo)"
operator_name = "northbridge.nhs.uk"
listen        = { auth = "127.0.0.1:0", acct = "127.0.0.1:0" }
[eap]
methods     = ["tls", "ttls", "peap"]
certificate = "file:server.pem"
private_key = "file:server.key"
client_ca   = "file:ca.pem"
[directory.trust]
kind = "file"
path = "PEOPLE"

[realm."northbridge.nhs.uk"]
directory = "trust"
[realm."camford.ac.uk"]
servers = [{ address = "CAMFORD", secret = "file:secret" }]
[realm."wessex.ac.uk"] # its server is down
servers = [{ address = "127.0.0.1:9", secret = "file:secret" }]
[federation.eduroam]
servers = [{ address = "EDUROAM", secret = "file:secret" }]
[federation.govroam]
servers = [{ address = "GOVROAM", secret = "file:secret" }]

[zone]
clinical = { trusted = true }
academic = {}
visitor  = {}
[vlan]
clinical   = { id = 110, zone = "clinical" }
staff-byod = { id = 140, zone = "visitor" }
academic   = { id = 310, zone = "academic" }
visitor    = { id = 320, zone = "visitor" }

[[ssid]]
name = "NHS-Staff"
[[ssid.rule]]
who   = "@northbridge.nhs.uk"
eap   = "tls"
group = "Wifi-Clinical"
vlan  = "clinical"
[[ssid.rule]]
who  = "@northbridge.nhs.uk"
vlan = "staff-byod"
[[ssid]]
name       = "eduroam"
federation = "eduroam"
[[ssid.rule]]
who  = "@camford.ac.uk"
vlan = "academic"
[[ssid.rule]]
who  = "visitor"
vlan = "visitor"
[[ssid]]
name       = "govroam"
federation = "govroam"
[[ssid.rule]]
who  = "visitor"
vlan = "visitor"
[[guarantee]]
who   = "visitor"
never = { zone = "clinical" }

[[site]]
name = "Royal Infirmary"
vlan = { academic = 1310 }
[[site.controller]]
name         = "royal-wlc"
vendor       = "hostapd"
address      = "127.0.0.1"
secret       = "file:secret"
without_vlan = "reject"
`
