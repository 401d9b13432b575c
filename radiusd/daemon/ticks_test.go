package daemon

import (
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"

	"causeway/certs"
	"causeway/radiusd/supplicant"
	"causeway/radiusd/transport"
)

// Holds R44: the federation's operator hears of each visitor whom a home has answered
// and of each of ours elsewhere, of nobody else, and of no name.
func TestR44WhoIsTold(t *testing.T) {
	syslog, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syslog.Close() }()
	town := startTown(t, pretend(t, func(req *radius.Packet) *radius.Packet {
		code, eapCode := radius.CodeAccessAccept, byte(3)
		if strings.HasPrefix(userName(req), "bad") {
			code, eapCode = radius.CodeAccessReject, 4
		}
		reply, eap := req.Response(code), eapOf(req)
		transport.AddEAP(reply, []byte{eapCode, eap[1], 0, 4})
		return reply
	}))
	told := func(user string) string {
		t.Helper()
		_ = syslog.SetReadDeadline(time.Now().Add(5 * time.Second))
		buffer := make([]byte, 4096)
		n, _, err := syslog.ReadFrom(buffer)
		if err != nil {
			t.Fatalf("after %s: %v", user, err)
		}
		line := string(buffer[:n])
		if local, _, _ := strings.Cut(user, "@"); strings.Contains(line, local) {
			t.Errorf("%s is named: %s", user, line)
		}
		_, attributes, _ := strings.Cut(line, " F-TICKS - F-TICKS/eduroam/1.0#")
		return regexp.MustCompile(`CSI=02-00-5E-[0-9a-f]{64}#`).ReplaceAllString(attributes, "CSI=hash#")
	}
	const (
		federation = `clients = [{ name = "nro"`
		table      = "fticks = { server = \"udp://SYSLOG\", country = \"GB\", key = \"key-of-the-ticks-of-a-test\", who = [\"visitor\", \"own\"] }\n"
	)
	if err := town.rewrite(t, federation, strings.Replace(table, "SYSLOG", syslog.LocalAddr().String(), 1)+federation,
		"name = \"Royal Infirmary\"", "name = \"Royal Infirmary\"\noperator_name = \"royal.northbridge.nhs.uk\""); err != nil {
		t.Fatal(err)
	}
	proxy := rogueAt(t, "127.0.0.3", town.address)
	visit := func(user, from string) {
		r := rogueAt(t, from, town.address)
		r.ask(t, r.identify(user, onEduroam, user))
		town.event(t)
	}
	elsewhere := func(password, operator string) {
		peer := town.peer(t, func(c *supplicant.Config) { c.Password = certs.Secret(password) })
		proxy.carry(t, peer, nurseName, "", visits(operator, ""))
		town.event(t)
	}
	quiet := func() { // nobody may be told of these
		visit("bob@gmail.com", "127.0.0.1")
		visit("bob@nowhere", "127.0.0.1")
		visit("bad-alice@camford.ac.uk", "127.0.0.1") // a partner's, reached directly
		rogueAt(t, "127.0.0.1", town.address).carry(t, town.peer(t, nil), nurseName, onEduroam, nil)
		town.event(t)
		proxy.ask(t, proxy.identify(visitorName, "", visitorName)) // a loop
		town.event(t)
	}
	for _, c := range []struct {
		user, want string
		do         func()
	}{
		{visitorName, "REALM=uni.ac.uk#VISCOUNTRY=GB#VISINST=1royal.northbridge.nhs.uk#CSI=hash#RESULT=OK#", func() { visit(visitorName, "127.0.0.1") }},
		{visitorName, "REALM=uni.ac.uk#VISCOUNTRY=GB#VISINST=1northbridge.nhs.uk#CSI=hash#RESULT=OK#", func() { visit(visitorName, "127.0.0.2") }},
		{"bad@uni.ac.uk", "REALM=uni.ac.uk#VISCOUNTRY=GB#VISINST=1royal.northbridge.nhs.uk#CSI=hash#RESULT=FAIL#", func() { visit("bad@uni.ac.uk", "127.0.0.1") }},
		{nurseName, "REALM=northbridge.nhs.uk#VISINST=1other.example#CSI=hash#RESULT=OK#", func() { elsewhere(testPassword, "1other.example") }},
		{nurseName, "REALM=northbridge.nhs.uk#CSI=hash#RESULT=FAIL#", func() { elsewhere("wrong", "") }},
		{nurseName, "REALM=northbridge.nhs.uk#CSI=hash#RESULT=OK#", func() { elsewhere(testPassword, "1a#RESULT=FAIL") }},
	} {
		quiet()
		c.do()
		if got := told(c.user); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.user, got, c.want)
		}
	}
	if err := town.rewrite(t, ", who = [\"visitor\", \"own\"]", ""); err != nil { // by default visitors only
		t.Fatal(err)
	}
	elsewhere(testPassword, "1other.example")
	visit(visitorName, "127.0.0.1")
	if got := told(visitorName); !strings.HasPrefix(got, "REALM=uni.ac.uk#") {
		t.Errorf("without who: %s", got)
	}
}

// Holds R44 and F7: a collector that is not there costs nobody a log-in, and is told
// once.
func TestR44NobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	_ = l.Close()
	upstream := pretend(t, func(req *radius.Packet) *radius.Packet {
		reply, eap := req.Response(radius.CodeAccessAccept), eapOf(req)
		transport.AddEAP(reply, []byte{3, eap[1], 0, 4})
		return reply
	})
	town := startTrust(t, strings.NewReplacer("[server]", "[log]\nfile = \"log.txt\"\n[server]", "UPSTREAM", upstream,
		"clients = [{ name = \"nro\"", "fticks = { server = \"tcp://"+nobody+"\", country = \"GB\", mac = \"plain\" }\nclients = [{ name = \"nro\"").Replace(town))
	r := rogueAt(t, "127.0.0.1", town.address)
	for range 20 {
		if got := say(r.ask(t, r.identify(visitorName, onEduroam, visitorName))); got != "accept 320" {
			t.Fatal(got)
		}
	}
	if lines := town.lines(t, `the F-Ticks server takes no lines`, 1); len(lines) != 1 || !strings.Contains(lines[0], "federation=eduroam") {
		t.Errorf("%q", lines)
	}
}

// eapOf is the EAP packet of a request.
func eapOf(req *radius.Packet) []byte {
	eap, _ := transport.EAP(req)
	return eap
}
