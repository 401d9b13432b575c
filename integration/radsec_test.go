package integration

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"causeway/certs"
)

// radsecproxy is what the federations themselves run (its log shows every log-in). It
// listens for RadSec and asks the peer that "home" names over UDP. With "foreign" its
// certificate is from an authority that nobody of the federation knows, with "called"
// it has another name than its own.
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
	s.peerOf(authority, folder, name)
	port := s.freeTCP()
	s.know[p.Name] = fmt.Sprintf("127.0.0.1:%d", port)
	home, homePort, err := net.SplitHostPort(fmt.Sprint(s.know[p.With["home"]]))
	s.must(err)
	config := fmt.Sprintf(`LogLevel 2
LogDestination file:%[1]s/log
PidFile %[1]s/pid
ListenTLS 127.0.0.1:%[2]d
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
`, folder, port, s.know["roaming_ca"], home, homePort, s.know["secret"])
	path := s.keep(folder, "radsecproxy.conf", []byte(config))
	return &process{program: "radsecproxy", args: []string{"-f", "-c", path}, ready: answersTCP(port)}
}

// roaming is the authority of the federation's peers. The house has a certificate of
// it, and so has each peer that speaks RadSec.
func (s *stage) roaming() *certs.Authority {
	if s.roamers == nil {
		s.roamers = s.authority("the roaming authority")
		s.know["roaming_ca"] = s.keep(s.dir, "roaming-ca.pem", s.roamers.PEM())
		s.peerOf(s.roamers, s.dir, "radius1.northbridge.nhs.uk")
	}
	return s.roamers
}

func (s *stage) authority(name string) *certs.Authority {
	a, err := certs.NewAuthority(name, time.Now(), certs.Options{})
	s.must(err)
	return a
}

// roamingPeer gives a peer its certificate, roam.pem, and the key, roam.key.
func (s *stage) roamingPeer(folder, name string) { s.peerOf(s.roaming(), folder, name) }

func (s *stage) peerOf(a *certs.Authority, folder, name string) {
	pair, err := a.Peer([]string{name}, certs.Options{})
	s.must(err)
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
	binary := filepath.Join(folder, "radiusd")
	if out, err := exec.Command("go", "build", "-o", binary, "causeway/radiusd").CombinedOutput(); err != nil {
		s.Fatalf("go build: %v\n%s", err, out)
	}
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
