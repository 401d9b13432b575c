package integration

import (
	"bytes"
	"embed"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"text/template"
)

//go:embed testdata/radsecproxy
var radsecproxyConfigs embed.FS

// radsecproxyToRadSec is Debian's radsecproxy: asked over UDP, it asks the house over TLS,
// with the certificate that "certificate" names.
func radsecproxyToRadSec(s *stage, p peer) *process {
	const name = "to-radsec.conf"
	host, housePort, err := net.SplitHostPort(fmt.Sprint(s.know["radsec"]))
	s.must(err)
	port := s.freeUDP()
	words := maps.Clone(s.know)
	words["house_host"], words["house_port"], words["port"], words["certificate"] = host, housePort, port, p.With["certificate"]
	config, err := template.New(name).Option("missingkey=error").ParseFS(radsecproxyConfigs, "testdata/radsecproxy/"+name)
	s.must(err)
	var filled bytes.Buffer
	s.must(config.Execute(&filled, words))
	path := s.keep(s.folder(p.Name), "radsecproxy.conf", filled.Bytes())
	s.know[p.Name] = fmt.Sprintf("127.0.0.1:%d", port)
	process := &process{program: "radsecproxy", args: []string{"-f", "-c", path, "-i", filepath.Join(filepath.Dir(path), "pid")}}
	process.ready = process.says("listening for udp on")
	return process
}
