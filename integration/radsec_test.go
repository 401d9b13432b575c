package integration

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"causeway/certs"
)

// radsecproxy is what the federations themselves run (its log shows every log-in). It
// listens for RadSec and asks the peer that "home" names over UDP. With "foreign" its
// certificate is from an authority that nobody of the federation knows, with "called"
// it has another name than its own; it is for the realm that "realm" names, and listens
// where "at" says.
//
// A story then knows its address by its name.
func radsecproxy(s *stage, p peer) *process {
	folder := s.folder(p.Name)
	authority, name := s.roaming(), p.Name+".roam.example.net"
	if p.With["foreign"] != "" {
		authority = s.authority("a foreign authority")
	}
	if called := p.With["called"]; called != "" {
		name = called
	}
	s.peerOf(authority, folder, name, p.With["realm"])
	port, at := s.freeTCP(), cmp.Or(p.With["at"], "127.0.0.1")
	s.know[p.Name], s.know[p.Name+"_port"] = fmt.Sprintf("%s:%d", at, port), port
	home, homePort, err := net.SplitHostPort(fmt.Sprint(s.know[p.With["home"]]))
	s.must(err)
	config := fmt.Sprintf(`LogLevel 1
PidFile %[1]s/pid
ListenTLS %[7]s:%[2]d
SourceUDP 127.0.0.1:*
tls default {
	CACertificateFile %[3]s
	CertificateFile %[1]s/roam.pem
	CertificateKeyFile %[1]s/roam.key
}
client causeway {
	host 127.0.0.1
	type tls
	secret radsec
	certificateNameCheck off
	matchCertificateAttribute SubjectAltName:DNS:/^radius1\.northbridge\.nhs\.uk$/
}
server home {
	host %[4]s:%[5]s
	type udp
	secret %[6]s
	statusServer on
}
realm * {
	server home
}
`, folder, port, s.know["roaming_ca"], home, homePort, s.know["secret"], at)
	path := s.keep(folder, "radsecproxy.conf", []byte(config))
	return &process{program: "radsecproxy", args: []string{"-f", "-c", path}, ready: answersAt(s.know[p.Name].(string))}
}

// roaming is the authority of the federation's peers. The house has a certificate of
// it, and so has each peer that speaks RadSec.
func (s *stage) roaming() *certs.Authority {
	if s.roamers == nil {
		s.roamers = s.authority("the roaming authority")
		s.know["roaming_ca"] = s.keep(s.dir, "roaming-ca.pem", s.roamers.PEM())
		s.lists.files["roaming.crl"] = s.roamers
		s.must(s.lists.withdraw(s.dir))
		s.peerOf(s.roamers, s.dir, "radius1.northbridge.nhs.uk", "")
	}
	return s.roamers
}

// peerLists are the revocation lists of the federations.
type peerLists struct {
	files     map[string]*certs.Authority // by the name of the file
	by        map[string]*certs.Authority // whose certificates they are, by the peer's name
	serials   map[string]*big.Int
	withdrawn []string
}

func (l *peerLists) issued(by *certs.Authority, name string, p certs.Pair) {
	l.by[name], l.serials[name] = by, p.Certificate.Leaf.SerialNumber
}

// withdraw writes the lists anew, with these peers on that of their federation.
func (l *peerLists) withdraw(dir string, names ...string) error {
	l.withdrawn = append(l.withdrawn, names...)
	for file, authority := range l.files {
		var serials []*big.Int
		for _, name := range l.withdrawn {
			if l.by[name] == authority {
				serials = append(serials, l.serials[name])
			}
		}
		list, err := authority.CRL(serials)
		if err := errors.Join(err, replace(filepath.Join(dir, file), list)); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) authority(name string) *certs.Authority {
	a, err := certs.NewAuthority(name, time.Now(), certs.Options{})
	s.must(err)
	return a
}

// roamingPeer gives a peer its certificate, roam.pem, and the key, roam.key.
func (s *stage) roamingPeer(folder, name string) { s.peerOf(s.roaming(), folder, name, "") }

func (s *stage) peerOf(a *certs.Authority, folder, name, realm string) {
	var o certs.Options
	if realm != "" {
		o.Names.NAIRealm = []string{realm}
	}
	pair, err := a.Peer([]string{name}, o)
	s.must(err)
	s.lists.issued(a, strings.TrimSuffix(name, ".roam.example.net"), pair)
	s.keep(folder, "roam.pem", pair.CertPEM)
	s.keep(folder, "roam.key", []byte(pair.KeyPEM.Reveal()))
}

// core is a radiusd of its own, with the configuration that "config" names and the
// files of "files", that edges ask by RadSec. A story then knows its address by its
// name.
func core(s *stage, p peer) *process {
	folder := s.folder(p.Name)
	s.roamingPeer(folder, p.Name+".roam.example.net")
	port := s.freeTCP()
	s.know[p.Name] = fmt.Sprintf("127.0.0.1:%d", port)
	s.know[p.Name+"_folder"] = folder
	for _, name := range strings.Fields(p.With["files"]) {
		s.fill(name)
	}
	binary := radiusdProgram(s)
	process := &process{program: binary, args: []string{"serve", "-c", s.fill(p.With["config"])}}
	starts := 0
	process.ready = func() error {
		if n := strings.Count(process.output(), `"started"`); n <= starts {
			return errors.New("it has not said that it is ready")
		}
		starts++
		return nil
	}
	return process
}

// answersAt is ready when an address takes connections.
func answersAt(address string) func() error {
	return func() error {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return err
		}
		return c.Close()
	}
}

// unbound is a resolver that knows the records of the file that "zone" names, and asks
// nobody. A story then knows its address by its name.
func unbound(s *stage, p peer) *process {
	folder, port := s.folder(p.Name), s.freeTCP()
	records, err := os.ReadFile(s.fill(p.With["zone"]))
	s.must(err)
	config := fmt.Sprintf(`server:
	interface: 127.0.0.1@%[2]d
	directory: "%[1]s"
	pidfile: ""
	chroot: ""
	username: ""
	use-syslog: no
	do-daemonize: no
	num-threads: 1
	module-config: "iterator"
	log-queries: yes
	local-zone: "." static
`, folder, port)
	for line := range strings.Lines(string(records)) {
		if line = strings.TrimSpace(line); line != "" {
			config += "\tlocal-data: '" + line + "'\n"
		}
	}
	s.know[p.Name] = fmt.Sprintf("127.0.0.1:%d", port)
	return &process{program: "unbound", args: []string{"-d", "-c", s.keep(folder, "unbound.conf", []byte(config))}, ready: answersTCP(port)}
}
