package integration

import (
	"bytes"
	"embed"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"

	"causeway/certs"
)

// FreeRADIUS is a RADIUS server that shares nothing with ours. It stands behind
// us, as the home of other people's users, and in front of us, as a national proxy.
// It runs with -X: its log shows every packet with its attributes, so that a
// story can count what was sent upstream, and what was not.

//go:embed testdata/freeradius
var freeradiusConfigs embed.FS

// freeradiusHome answers for the people of the file that "users" names, behind a
// certificate of its own authority. "device", when given, is who has a certificate
// there.
//
// A story then knows its address by its name, and its authority's file as
// NAME_ca, the device's files as NAME_device and NAME_device_key. With "radsec" it
// listens for RadSec too, at NAME_tls.
func freeradiusHome(s *stage, p peer) *process {
	folder := s.folder(p.Name)
	authority, err := certs.NewAuthority(p.Name, time.Now(), certs.Options{})
	s.must(err)
	host := "radius." + p.Name + ".example"
	server, err := authority.Server([]string{host}, certs.Options{})
	s.must(err)
	s.keep(folder, "ca.pem", authority.PEM())
	s.keep(folder, "server.pem", server.CertPEM)
	s.keep(folder, "server.key", []byte(server.KeyPEM.Reveal()))
	s.know[p.Name+"_ca"] = filepath.Join(folder, "ca.pem")
	s.know[p.Name+"_name"] = host
	if user := p.With["device"]; user != "" {
		device, err := authority.Client(user, certs.Options{})
		s.must(err)
		s.know[p.Name+"_device"] = s.keep(folder, "device.pem", device.CertPEM)
		s.know[p.Name+"_device_key"] = s.keep(folder, "device.key", []byte(device.KeyPEM.Reveal()))
	}
	users, err := os.ReadFile(s.fill(p.With["users"]))
	s.must(err)
	s.keep(folder, "users", users)
	cui := p.With["cui"]
	if cui == "" {
		cui = "opaque-of-" + p.Name
	}
	more := map[string]any{"cui": cui, "tls_port": 0}
	if p.With["radsec"] != "" {
		port := s.freeTCP()
		s.roamingPeer(folder, p.Name+".roam.example.net")
		more["tls_port"], s.know[p.Name+"_tls"] = port, fmt.Sprintf("127.0.0.1:%d", port)
	}
	return s.freeradius(p, folder, "home.conf", more)
}

// freeradiusProxy sends whatever it is asked to the house, from the address that
// "address" names.
func freeradiusProxy(s *stage, p peer) *process {
	host, port, err := net.SplitHostPort(fmt.Sprint(s.know["auth"]))
	s.must(err)
	return s.freeradius(p, s.folder(p.Name), "proxy.conf", map[string]any{
		"house_host": host, "house_port": port, "address": p.With["address"],
	})
}

// freeradiusToRadSec sends whatever it is asked to the house over TLS, with the
// certificate that "certificate" names.
func freeradiusToRadSec(s *stage, p peer) *process {
	host, port, err := net.SplitHostPort(fmt.Sprint(s.know["radsec"]))
	s.must(err)
	return s.freeradius(p, s.folder(p.Name), "radsec.conf", map[string]any{
		"house_host": host, "house_port": port, "certificate": p.With["certificate"],
	})
}

// freeradius makes the process of one configuration.
func (s *stage) freeradius(p peer, folder, name string, more map[string]any) *process {
	port := s.freeUDP()
	words := maps.Clone(s.know)
	maps.Copy(words, more)
	words["name"], words["folder"], words["port"] = p.Name, folder, port
	config, err := template.New(name).Option("missingkey=error").ParseFS(freeradiusConfigs, "testdata/freeradius/"+name)
	s.must(err)
	var filled bytes.Buffer
	s.must(config.Execute(&filled, words))
	s.keep(folder, "radiusd.conf", filled.Bytes())
	s.keep(folder, "dictionary", nil)
	s.know[p.Name] = fmt.Sprintf("127.0.0.1:%d", port)

	process := &process{program: "freeradius", args: []string{"-X", "-d", folder}}
	if p.With["radsec"] != "" { // it takes TLS with threads alone, which -X forbids
		process.args = []string{"-fxx", "-l", "stdout", "-d", folder}
	}
	starts := 0 // said so far: its log goes on when it is started again
	process.ready = func() error {
		if n := strings.Count(process.output(), "Ready to process requests"); n <= starts {
			return fmt.Errorf("it has not said that it is ready")
		}
		starts++
		return nil
	}
	return process
}

// folder makes a folder for a peer's own files.
func (s *stage) folder(name string) string {
	path := filepath.Join(s.dir, name+".d")
	s.must(os.Mkdir(path, 0o700))
	return path
}

func (s *stage) keep(folder, name string, content []byte) string {
	path := filepath.Join(folder, name)
	s.must(os.WriteFile(path, content, 0o600))
	return path
}

// A packet of FreeRADIUS's log, and the attributes below it.
var (
	packetLine = regexp.MustCompile(`^\(\d+\) (Sent|Received) (\S+) Id (\d+) from (\S+) to (\S+)`)
	proxyState = regexp.MustCompile(`^\(\d+\)   Proxy-State = (\S+)`)
)

// A logged packet is one that FreeRADIUS sent or received.
type logged struct {
	sent        bool
	code        string
	exchange    string // its Id and our end of the exchange
	proxyStates []string
}

// packets reads the log of a FreeRADIUS.
func packets(log string) (all []logged) {
	for line := range strings.Lines(log) {
		if m := packetLine.FindStringSubmatch(line); m != nil {
			l := logged{sent: m[1] == "Sent", code: m[2], exchange: m[3] + " " + m[4] + " " + m[5]}
			if !l.sent {
				l.exchange = m[3] + " " + m[5] + " " + m[4]
			}
			all = append(all, l)
		}
		if m := proxyState.FindStringSubmatch(line); m != nil && len(all) > 0 {
			last := &all[len(all)-1]
			last.proxyStates = append(last.proxyStates, m[1])
		}
	}
	return all
}

// returned checks that each reply which a proxy had carries the Proxy-States of
// its request, unmodified and in order.
func (s *stage) returned(name string) {
	asked := map[string][]string{}
	replies := 0
	for _, p := range packets(s.peers[name].output()) {
		if p.sent && p.code == "Access-Request" {
			asked[p.exchange] = p.proxyStates
			continue
		}
		want, known := asked[p.exchange]
		if p.sent || !known {
			continue
		}
		replies++
		if !slices.Equal(p.proxyStates, want) {
			s.Errorf("%s: %s to %s has the Proxy-States %v, its request had %v", name, p.code, p.exchange, p.proxyStates, want)
		}
		if len(want) < 2 {
			s.Errorf("%s: the request %s had %d Proxy-States: too few to have an order", name, p.exchange, len(want))
		}
	}
	if replies == 0 {
		s.Errorf("%s: no reply in its log", name)
	}
}

// An attribute as eapol_test prints it.
var attributeLines = regexp.MustCompile(`(?m)^   Attribute (\d+) \(.*\) length=\d+\n      Value: (.*)$`)

// carried lists the attributes of the Accept, in order and without those that
// are never twice the same: EAP, its signature and the keys.
func carried(out string) (attributes []string) {
	const eapMessage, messageAuthenticator, microsoft = "79", "80", "00000137"
	for _, m := range attributeLines.FindAllStringSubmatch(lastAccept.FindString(out), -1) {
		kind, value := m[1], m[2]
		if kind == eapMessage || kind == messageAuthenticator || kind == "26" && strings.HasPrefix(value, microsoft) {
			continue
		}
		attributes = append(attributes, kind+" "+value)
	}
	return attributes
}

// compare remembers an Accept, or holds it against one that was remembered.
func (s *stage) compare(l login, out string) {
	if l.Save != "" {
		got := carried(out)
		if len(got) == 0 {
			s.Errorf("no attributes are seen in the Accept:\n%s", tail(out, 4000))
		}
		s.know["accept of "+l.Save] = got
	}
	if l.Like != "" {
		want, known := s.know["accept of "+l.Like].([]string)
		if got := carried(out); !known || !slices.Equal(got, want) {
			s.Errorf("the Accept carries\n%s\nwant, as in %q,\n%s", strings.Join(got, "\n"), l.Like, strings.Join(want, "\n"))
		}
	}
}
