package daemon

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // RFC 3579, section 3.2
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"causeway/radiusd/eap/packet"
	"causeway/radiusd/noc"
	"causeway/radiusd/supplicant"
	"causeway/radiusd/transport"
	"causeway/realms/directory"
)

// town is a Trust with two sites, a partner, a federation that also asks us, and
// a subrealm of students. UPSTREAM stands for the address of a pretend server.
const town = `
version = 1
[server]
name   = "Northbridge NHS Trust"
operator_name = "northbridge.nhs.uk"
conversations = 50
listen = { auth = "127.0.0.1:0", acct = "127.0.0.1:0" }
reject_delay = "0s" # who waits is a story of its own
[eap]
methods     = ["peap", "ttls", "tls", "pap"]
certificate = "file:server.pem"
private_key = "file:server.key"
client_ca   = "file:ca.pem"
[directory.trust]
kind = "file"
path = "users.toml"
[realm."northbridge.nhs.uk"]
directory = "trust"
subrealms = ["students.northbridge.nhs.uk"]
[realm."camford.ac.uk"]
servers = [{ address = "UPSTREAM", secret = "secret-of-the-partner-1", without_status_server = true }]
[federation.eduroam]
servers = [{ address = "UPSTREAM", secret = "secret-of-the-partner-1", without_status_server = true }]
clients = [{ name = "nro", address = "127.0.0.3", secret = "secret-of-the-daemon-tests" }]
[zone]
clinical = { trusted = true }
academic = {}
visitor  = {}
[vlan]
clinical = { id = 110, zone = "clinical" }
academic = { id = 310, zone = "academic" }
visitor  = { id = 320, zone = "visitor" }
[[ssid]]
name = "NHS-Staff"
[[ssid.rule]]
who  = "@students.northbridge.nhs.uk"
vlan = "academic"
[[ssid.rule]]
who  = "@northbridge.nhs.uk"
vlan = "clinical"
[[ssid]]
name = "eduroam"
federation = "eduroam"
[[ssid.rule]]
who  = "@camford.ac.uk"
vlan = "academic"
[[ssid.rule]]
who  = "own"
vlan = "academic"
[[ssid.rule]]
who  = "visitor"
vlan = "visitor"
[[guarantee]]
who   = "@students.northbridge.nhs.uk"
never = { zone = "clinical" }
[[site]]
name = "Royal Infirmary"
[[site.controller]]
name         = "royal-wlc"
vendor       = "hostapd"
address      = "127.0.0.1"
secret       = "secret-of-the-daemon-tests"
without_vlan = "reject"
[[site]]
name = "Eastmoor"
[[site.controller]]
name         = "eastmoor-wlc"
vendor       = "hostapd"
address      = "127.0.0.2"
secret       = "secret-of-the-daemon-tests"
without_vlan = "reject"
`

const (
	partnerSecret = "secret-of-the-partner-1"
	studentName   = "sam@students.northbridge.nhs.uk"
	onStaff       = "02-00-00-00-00-01:NHS-Staff"
	onEduroam     = "02-00-00-00-00-01:eduroam"
)

// startTown runs the town, with a nurse and a student in its directory.
func startTown(tb testing.TB, upstream string) *trust {
	tb.Helper()
	return startTownAs(tb, strings.ReplaceAll(town, "UPSTREAM", upstream))
}

// startTownAs runs a town that is changed in some way.
func startTownAs(tb testing.TB, config string) *trust {
	tb.Helper()
	t := startTrust(tb, config)
	t.write(tb, "users.toml", fmt.Sprintf("[user.\"nurse@northbridge.nhs.uk\"]\nnt_hash = \"%x\"\n[user.%q]\nnt_hash = \"%x\"\n",
		directory.NTHash(testPassword), studentName, directory.NTHash(testPassword)))
	if err := t.Reload(); err != nil {
		tb.Fatal(err)
	}
	return t
}

func (t *trust) write(tb testing.TB, name, content string) {
	tb.Helper()
	if err := os.WriteFile(filepath.Join(t.folder, name), []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// rewrite changes the configuration and reloads it.
func (t *trust) rewrite(tb testing.TB, pairs ...string) error {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(t.folder, "causeway.toml"))
	if err != nil {
		tb.Fatal(err)
	}
	changed := strings.NewReplacer(pairs...).Replace(string(text))
	if changed == string(text) {
		tb.Fatalf("the change %q changes nothing", pairs)
	}
	t.write(tb, "causeway.toml", changed)
	return t.Reload()
}

// event waits for the end of a conversation.
func (t *trust) event(tb testing.TB) noc.Event {
	tb.Helper()
	select {
	case e := <-t.events:
		return e
	case <-time.After(5 * time.Second):
		tb.Fatal("no event came")
		return noc.Event{}
	}
}

// A rogue is a client that says what it likes.
type rogue struct {
	conn    *net.UDPConn
	secret  []byte
	id      byte
	patient time.Duration
}

// rogueAt speaks from one of the addresses of loopback.
func rogueAt(tb testing.TB, from, to string) *rogue {
	tb.Helper()
	server, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		tb.Fatal(err)
	}
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, server)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return &rogue{conn: conn, secret: []byte(testSecret), patient: 5 * time.Second}
}

// request is what most packets begin with.
func (r *rogue) request(user, called string) *radius.Packet {
	p := radius.New(radius.CodeAccessRequest, r.secret)
	if user != "" {
		p.Add(rfc2865.UserName_Type, radius.Attribute(user))
	}
	if called != "" {
		p.Add(rfc2865.CalledStationID_Type, radius.Attribute(called))
	}
	p.Add(rfc2865.CallingStationID_Type, radius.Attribute("02-00-5E-00-53-01"))
	p.Add(rfc2865.NASIdentifier_Type, radius.Attribute("rogue"))
	return p
}

// ask signs and sends a request and returns the reply; nil is silence.
func (r *rogue) ask(tb testing.TB, p *radius.Packet) *radius.Packet {
	tb.Helper()
	r.id++
	p.Identifier = r.id
	wire, err := r.sign(p)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := r.conn.Write(wire); err != nil {
		tb.Fatal(err)
	}
	buffer := make([]byte, radius.MaxPacketLength)
	_ = r.conn.SetReadDeadline(time.Now().Add(r.patient))
	for {
		n, err := r.conn.Read(buffer)
		if err != nil {
			return nil
		}
		if buffer[1] != r.id {
			continue
		}
		if !radius.IsAuthenticResponse(buffer[:n], wire, r.secret) {
			tb.Fatal("a reply with a wrong authenticator")
		}
		reply, err := radius.Parse(buffer[:n], r.secret)
		if err != nil {
			tb.Fatal(err)
		}
		return reply
	}
}

// sign gives the octets of a request, with what its kind is signed by.
func (r *rogue) sign(p *radius.Packet) ([]byte, error) {
	if p.Code == radius.CodeAccountingRequest {
		return p.Encode()
	}
	first := radius.AVP{Type: rfc2869.MessageAuthenticator_Type, Attribute: make([]byte, md5.Size)}
	p.Attributes = append(radius.Attributes{&first}, p.Attributes...)
	wire, err := p.MarshalBinary()
	if err != nil {
		return nil, err
	}
	const value = 22 // where the first attribute's value begins
	mac := hmac.New(md5.New, r.secret)
	_, _ = mac.Write(wire)
	copy(wire[value:], mac.Sum(nil))
	return wire, nil
}

// carry takes a device through its log-in. change may spoil each request, counted
// from 0, before it is signed.
func (r *rogue) carry(tb testing.TB, peer *supplicant.Peer, user, called string, change func(round int, p *radius.Packet)) *radius.Packet {
	tb.Helper()
	defer peer.Close()
	question := packet.Packet{Code: packet.Request, ID: 7, Type: packet.Identity}.Encode()
	var state radius.Attribute
	for round := range 40 {
		answer, err := peer.Next(question)
		if err != nil {
			tb.Fatalf("round %d: %v", round, err)
		}
		p := r.request(user, called)
		transport.AddEAP(p, answer)
		if state != nil {
			p.Add(rfc2865.State_Type, state)
		}
		if change != nil {
			change(round, p)
		}
		reply := r.ask(tb, p)
		if reply == nil || reply.Code != radius.CodeAccessChallenge {
			return reply
		}
		state = reply.Get(rfc2865.State_Type)
		if question, err = transport.EAP(reply); err != nil {
			tb.Fatal(err)
		}
	}
	tb.Fatal("no end")
	return nil
}

// identify makes the first EAP packet of a log-in, by a name of its own choice.
func (r *rogue) identify(user, called, identity string) *radius.Packet {
	p := r.request(user, called)
	transport.AddEAP(p, packet.Packet{Code: packet.Response, ID: 1, Type: packet.Identity, Data: []byte(identity)}.Encode())
	return p
}

// say gives a reply in a word for comparisons: "accept 110", "reject", "silence".
func say(reply *radius.Packet) string {
	switch {
	case reply == nil:
		return "silence"
	case reply.Code == radius.CodeAccessAccept:
		if group := reply.Get(81); group != nil {
			return "accept " + string(group)
		}
		return "accept nowhere"
	case reply.Code == radius.CodeAccessReject:
		return "reject"
	case reply.Code == radius.CodeAccessChallenge:
		return "challenge"
	}
	return reply.Code.String()
}

// pretend runs an upstream server that answers as told; nil is silence.
func pretend(tb testing.TB, answer func(req *radius.Packet) *radius.Packet) (address string) {
	tb.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, radius.MaxPacketLength)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			req, err := radius.Parse(append([]byte(nil), buffer[:n]...), []byte(partnerSecret))
			if err != nil {
				continue
			}
			reply := answer(req)
			if reply == nil {
				continue
			}
			wire, err := transport.Encode(&transport.Request{Packet: req}, reply)
			if err != nil {
				tb.Errorf("the pretend server: %v", err)
				continue
			}
			_, _ = conn.WriteTo(wire, from)
		}
	}()
	tb.Cleanup(func() { _ = conn.Close(); <-done })
	return conn.LocalAddr().String()
}

// set makes value the only attribute of its type.
func set(p *radius.Packet, t radius.Type, value string) {
	p.Del(t)
	p.Add(t, radius.Attribute(value))
}
