package integration

import (
	"fmt"
	"net"
	"strings"

	"causeway/certs"
)

// rsyslog is Debian's syslog server, on {{.syslog_udp}}, {{.syslog_tcp}} and, with a
// certificate of the story's authority for {{.server_name}}, {{.syslog_tls}}. It prints what it
// made of each message: how it came, host, program, id and text.
func rsyslog(s *stage, p peer) *process {
	folder := s.folder(p.Name)
	server, err := s.pki.authority.Server([]string{serverName}, certs.Options{})
	s.must(err)
	udp, tcp, tls := s.freeUDP(), s.freeTCP(), s.freeTCP()
	s.know["syslog_udp"] = fmt.Sprintf("127.0.0.1:%d", udp)
	s.know["syslog_tcp"] = fmt.Sprintf("127.0.0.1:%d", tcp)
	s.know["syslog_tls"] = fmt.Sprintf("127.0.0.1:%d", tls)
	config := strings.NewReplacer("<udp>", fmt.Sprint(udp), "<tcp>", fmt.Sprint(tcp), "<tls>", fmt.Sprint(tls),
		"<folder>", folder, "<ca>", s.keep(folder, "ca.pem", s.pki.authority.PEM()),
		"<cert>", s.keep(folder, "server.pem", server.CertPEM), "<key>", s.keep(folder, "server.key", []byte(server.KeyPEM.Reveal()))).Replace(`
global(workDirectory="<folder>" defaultNetstreamDriverCAFile="<ca>" defaultNetstreamDriverCertFile="<cert>" defaultNetstreamDriverKeyFile="<key>")
module(load="imudp")
module(load="imtcp")
template(name="line" type="string" string="%inputname% %pri-text% %hostname% %app-name% %msgid% %protocol-version% [%msg%]\n")
ruleset(name="print") { action(type="omfile" file="/dev/stdout" template="line") }
input(type="imudp" address="127.0.0.1" port="<udp>" name="udp" ruleset="print")
input(type="imtcp" address="127.0.0.1" port="<tcp>" name="tcp" ruleset="print")
input(type="imtcp" address="127.0.0.1" port="<tls>" name="tls" ruleset="print" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
`)
	plain, secure := answersTCP(tcp), answersTCP(tls)
	return &process{
		program: "rsyslogd",
		args:    []string{"-n", "-f", s.keep(folder, "rsyslog.conf", []byte(config)), "-i", "NONE"},
		ready: func() error {
			if err := plain(); err != nil {
				return err
			}
			if err := secure(); err != nil {
				return err
			}
			conn, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", udp))
			if err == nil {
				_ = conn.Close()
				return fmt.Errorf("nobody listens on UDP port %d yet", udp)
			}
			return nil
		},
	}
}
